from typing import TYPE_CHECKING

import grpc
import pytest

from chassis.errors import CallError as ServerError
from chassis.errors import CallReason, QuotaViolation, exhausted, invalid, overloaded, tier_required
from chassis.failures import FailureCode
from quire.batch.v1 import batch_service_pb2
from quire_client import (
    AccessError,
    ConfigurationError,
    InvalidError,
    LimitError,
    NotFoundError,
    QuireClient,
    TierError,
    UnavailableError,
    UnsupportedError,
    batch_options,
)

if TYPE_CHECKING:
    from conftest import FakeQuire

PROMPT = "Number and total"


def down() -> ServerError:
    return ServerError(grpc.StatusCode.UNAVAILABLE, CallReason.SERVICE_UNAVAILABLE, "PostgreSQL does not answer")


async def test_create_batch_sends_options_when_given(server: "FakeQuire", quire: QuireClient) -> None:
    await quire.create_batch(prompt=PROMPT, schema={"type": "object"}, options=batch_options(max_failures=2))

    (request,) = server.of_type(batch_service_pb2.CreateBatchRequest)
    assert request.output_schema == '{"type": "object"}'
    assert request.options.max_failures == 2


async def test_list_reads_every_page_when_there_are_several(server: "FakeQuire", quire: QuireClient) -> None:
    for number in range(5):
        await quire.create_batch(prompt=PROMPT, name=str(number))

    assert [batch.name async for batch in quire.list(page_size=2)] == ["4", "3", "2", "1", "0"]


async def test_call_is_made_again_when_the_server_is_down_for_a_moment(server: "FakeQuire", quire: QuireClient) -> None:
    batch = await quire.create_batch(prompt=PROMPT)
    server.failing["GetBatchRequest"] = [down(), down()]

    assert (await quire.get(batch.id)).id == batch.id


async def test_call_is_made_again_when_the_server_has_too_much_to_do(server: "FakeQuire", quire: QuireClient) -> None:
    batch = await quire.create_batch(prompt=PROMPT)
    server.failing["GetBatchRequest"] = [overloaded("256 are being answered", 0.1)]

    assert (await quire.get(batch.id)).id == batch.id


async def test_error_says_the_numbers_when_a_limit_is_reached(server: "FakeQuire", quire: QuireClient) -> None:
    quota = QuotaViolation("open_batches", 3, 3, "2026-12-01T00:00:00Z")
    server.failing["CreateBatchRequest"] = [exhausted(FailureCode.TIER_LIMIT, "no more open batches", quota, 30)]

    with pytest.raises(LimitError) as refusal:
        await quire.create_batch(prompt=PROMPT)

    assert refusal.value.facts.quota == {"open_batches": "no more open batches"}
    assert "open_batches: 3 of 3 used, resets 2026-12-01T00:00:00Z" in refusal.value.way_out
    assert "Try again in 30 s" in refusal.value.way_out


async def test_error_names_the_tier_to_move_to_when_the_tier_has_no_batches(
    server: "FakeQuire", quire: QuireClient
) -> None:
    server.failing["CreateBatchRequest"] = [tier_required("FREE has no batches", "PLUS")]

    with pytest.raises(TierError, match="Move to PLUS"):
        await quire.create_batch(prompt=PROMPT)


async def test_error_names_every_field_when_a_request_is_invalid(server: "FakeQuire", quire: QuireClient) -> None:
    server.failing["CreateBatchRequest"] = [invalid({"extraction_prompt": "is empty", "name": "is too long"})]

    with pytest.raises(InvalidError) as refusal:
        await quire.create_batch(prompt="")

    assert refusal.value.facts.violations == {"extraction_prompt": "is empty", "name": "is too long"}


async def test_get_raises_not_found_when_there_is_no_such_batch(quire: QuireClient) -> None:
    with pytest.raises(NotFoundError, match="no batch 'nowhere'"):
        await quire.get("nowhere")


async def test_document_raises_unsupported_when_the_server_lacks_the_call(quire: QuireClient) -> None:
    with pytest.raises(UnsupportedError):
        await quire.document("some-batch", "some-document")


async def test_call_raises_access_error_when_the_key_is_wrong(server: "FakeQuire") -> None:
    async with QuireClient(server.address, "wrong") as quire:
        with pytest.raises(AccessError, match="QUIRE_API_KEY"):
            await quire.limits()


async def test_call_raises_unavailable_when_nobody_listens() -> None:
    async with QuireClient("127.0.0.1:1", "key", retry_for=0.3) as quire:
        with pytest.raises(UnavailableError, match="try again"):
            await quire.limits()


async def test_from_environment_names_all_that_is_missing_when_nothing_is_set() -> None:
    with pytest.raises(ConfigurationError, match="QUIRE_ENDPOINT, QUIRE_API_KEY"):
        QuireClient.from_environment(environment={})
