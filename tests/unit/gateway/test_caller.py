import uuid

import pytest
from fastapi import Request

from chassis.errors import CallError
from gateway.http.caller import bearer, derived_id, has_key, request_id


def request_with(**headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "headers": named})


async def test_bearer_takes_the_key_in_any_case_of_the_scheme() -> None:
    caller = await bearer(request_with(authorization="bearer  abc "))
    assert caller.metadata == (("authorization", "Bearer abc"),)


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic abc", "Bearer a\x7f", "Bearer ü"])
async def test_bearer_refuses_what_is_no_credential(value: str) -> None:
    with pytest.raises(CallError, match="UNAUTHENTICATED"):
        await bearer(request_with(authorization=value))


async def test_bearer_refuses_two_credentials() -> None:
    twice = Request({"type": "http", "headers": [(b"authorization", b"Bearer one"), (b"authorization", b"Bearer two")]})
    with pytest.raises(CallError, match="UNAUTHENTICATED"):
        await bearer(twice)


async def test_request_id_is_the_key_when_the_key_is_a_uuid() -> None:
    key = uuid.uuid4()
    assert await request_id(request_with(idempotency_key=str(key).upper())) == str(key)


async def test_request_id_of_a_text_is_the_same_in_every_release() -> None:
    assert await request_id(request_with(idempotency_key="order 4711")) == "33695665-7381-5cf5-afec-42ef70107f72"


async def test_request_id_is_fresh_without_a_key() -> None:
    request = request_with()
    assert await request_id(request) != await request_id(request)
    assert not await has_key(request)


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_request_id_refuses_a_key_of_the_wrong_length(key: str) -> None:
    with pytest.raises(CallError) as caught:
        await request_id(request_with(idempotency_key=key))
    assert "Idempotency-Key" in caught.value.violations


def test_derived_ids_differ_by_step_and_repeat() -> None:
    base = str(uuid.uuid4())
    assert derived_id(base, "seal") == derived_id(base, "seal") != derived_id(base, "file 1")
