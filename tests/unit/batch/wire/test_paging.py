"""Page tokens: they carry a place, and nobody gets anywhere with a token of another query."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.wire import paging
from chassis.errors import CallError
from quire.batch.v1.batch_pb2 import BATCH_STATUS_PENDING
from quire.batch.v1.batch_service_pb2 import ListBatchesRequest, ListDocumentsRequest

QUERY = b"a query"
NOW = datetime(2026, 11, 23, 12, 30, 15, 123456, UTC)


def forged(*place: Any) -> str:
    """A token with the right mark, as somebody makes it who has read the source."""
    return paging.token(QUERY, place)


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def assert_bad(page_token: str, *readers: Any) -> None:
    with pytest.raises(CallError) as refused:
        paging.place_of(page_token, QUERY, *readers)
    assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(refused.value.violations) == ["page_token"]


def test_a_token_leads_back_to_its_place() -> None:
    document = uuid4()
    token = paging.token(QUERY, [NOW.isoformat(), str(document)])
    assert paging.place_of(token, QUERY, paging.moment, UUID) == [NOW, document]
    assert paging.place_of(paging.token(QUERY, [17]), QUERY, paging.number) == [17]


def test_no_token_is_the_first_page() -> None:
    assert paging.place_of("", QUERY, paging.number) is None


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "!!!",
        "ü" * 8,
        "\0",
        "=" * 10,
        "A" * 5_000,
        encoded(5),
        encoded([]),
        encoded({}),
        encoded(None),
        encoded(["x", 1]),
    ],
)
def test_a_token_is_refused_when_it_is_garbage(token: str) -> None:
    assert_bad(token, paging.number)


@given(st.text(max_size=60))
def test_a_token_is_never_trusted(token: str) -> None:
    if token:
        assert_bad(token, paging.number)


@pytest.mark.parametrize("place", [(), (1, 2), ("x",), (-1,), (2**31,), (None,), ([1],), (1.5,), ("1e3",)])
def test_a_forged_place_is_refused_when_it_cannot_be_a_position(place: tuple[Any, ...]) -> None:
    assert_bad(forged(*place), paging.number)


@pytest.mark.parametrize(
    "place",
    [
        ("x", "y"),
        (NOW.isoformat(), "y"),
        ("2026-11-23T12:00:00", str(uuid4())),
        ("0001-01-01T00:00:00+14:00", str(uuid4())),
    ],
)
def test_a_forged_place_is_refused_when_it_cannot_be_a_batch(place: tuple[Any, ...]) -> None:
    assert_bad(forged(*place), paging.moment, UUID)


def test_a_token_is_bound_to_tenant_call_and_filters_but_not_to_the_page_size() -> None:
    asked = ListBatchesRequest(name_contains="a", page_size=5)
    query = paging.query_of("t1", asked)
    assert query == paging.query_of("t1", ListBatchesRequest(name_contains="a", page_size=50, page_token="x"))
    others = [
        paging.query_of("t2", asked),
        paging.query_of("t1", ListBatchesRequest(name_contains="b")),
        paging.query_of("t1", ListBatchesRequest(name_contains="a", statuses=[BATCH_STATUS_PENDING])),
        paging.query_of("t1", ListBatchesRequest(name_contains="a", order_by="create_time asc")),
        paging.query_of("t1", ListDocumentsRequest()),
    ]
    token = paging.token(query, [1])
    for other in others:
        with pytest.raises(CallError):
            paging.place_of(token, other, paging.number)


@pytest.mark.parametrize(("asked", "answered"), [(0, 50), (1, 1), (1_000, 1_000), (10**9, 1_000)])
def test_a_page_size_is_defaulted_and_cut(asked: int, answered: int) -> None:
    assert paging.page_size(asked, 50) == answered


def test_a_page_size_is_refused_when_it_is_negative() -> None:
    with pytest.raises(CallError) as refused:
        paging.page_size(-1, 50)
    assert list(refused.value.violations) == ["page_size"]
