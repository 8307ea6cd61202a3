"""Uploads: each gets a key of its own, the first complete one wins, and nobody else gets in."""

import asyncio
from typing import Any

import grpc
import pytest

from chassis.errors import CallReason
from chassis.failures import FailureCode
from quire.batch.v1.document_pb2 import DOCUMENT_STATUS_UPLOADED
from quire.intake.v1.intake_service_pb2 import CompleteUploadRequest
from tests.integration.batch.tenants import BODY, an_id, digest, refused
from tests.integration.batch.world import World


async def test_each_upload_gets_a_key_that_nobody_else_got(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    (document,) = await tenant.announce(batch.id, sha256=digest(BODY), size_bytes=len(BODY))
    begun = await asyncio.gather(*(tenant.begin(document) for _ in range(10)))
    assert len({one.object_key for one in begun}) == 10
    prefix = f"t/{tenant.id}/b/{batch.id}/d/{document.id}/"
    assert all(one.object_key.startswith(prefix) for one in begun)
    assert (begun[0].expected_sha256, begun[0].expected_size_bytes) == (digest(BODY), len(BODY))


async def test_the_first_complete_upload_wins_and_the_same_bytes_get_the_same_answer(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    (document,) = await tenant.announce(batch.id)
    first, second, third = [(await tenant.begin(document)).object_key for _ in range(3)]
    won = await tenant.complete(document, first)
    assert (won.status, won.size_bytes, won.media_type) == (DOCUMENT_STATUS_UPLOADED, len(BODY), "text/plain")
    assert await tenant.complete(document, first) == won
    assert await tenant.complete(document, second) == won
    error = await refused(tenant.complete(document, third, b"other bytes"))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, CallReason.DOCUMENT_NOT_OPEN)
    assert await world.ask("SELECT object_key FROM documents WHERE id = $1", document.id) == first
    assert (await tenant.get(batch.id)).counters.bytes == len(BODY)


async def test_uploads_completed_at_once_have_one_winner(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    (document,) = await tenant.announce(batch.id)
    keys = [(await tenant.begin(document)).object_key for _ in range(10)]
    completing = [tenant.complete(document, key, b"body %d" % number) for number, key in enumerate(keys)]
    answers = await asyncio.gather(*completing, return_exceptions=True)
    winners = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert len(winners) == 1
    counters = (await tenant.get(batch.id)).counters
    assert (counters.uploaded, counters.bytes) == (1, len(b"body 0"))


async def test_a_repeated_completion_is_answered_after_the_seal_too(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    (document,) = await tenant.announce(batch.id)
    key = (await tenant.begin(document)).object_key
    await tenant.complete(document, key)
    await tenant.seal(batch.id)
    assert (await tenant.complete(document, key)).id == document.id


@pytest.mark.parametrize(
    ("announced", "body", "reason"),
    [
        ({"sha256": digest(b"promised")}, b"arrived!", FailureCode.CHECKSUM_MISMATCH),
        ({"size_bytes": 9}, b"arrived!", FailureCode.UPLOAD_INCOMPLETE),
        ({}, b"", FailureCode.FILE_EMPTY),
    ],
)
async def test_bytes_that_break_a_promise_are_refused(
    world: World, announced: dict[str, Any], body: bytes, reason: FailureCode
) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    (document,) = await tenant.announce(batch.id, **announced)
    key = (await tenant.begin(document)).object_key
    error = await refused(tenant.complete(document, key, body))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert (await tenant.get(batch.id)).counters.pending_upload == 1


async def test_a_key_that_was_not_handed_out_for_the_document_is_not_found(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    mine, other = await tenant.announce(batch.id, 2)
    theirs = (await tenant.begin(other)).object_key
    for key in (theirs, f"t/{tenant.id}/b/{batch.id}/d/{mine.id}/u/{an_id()}", "../../x"):
        assert (await refused(tenant.complete(mine, key))).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"object_key": ""}, "object_key"),
        ({"object_key": "a\0b"}, "object_key"),
        ({"sha256": ""}, "sha256"),
        ({"sha256": "x"}, "sha256"),
        ({"size_bytes": -1}, "size_bytes"),
        ({"media_type": "m" * 256}, "media_type"),
        ({"document_id": "x"}, "document_id"),
    ],
)
async def test_a_completion_names_the_field_that_cannot_be(world: World, fault: dict[str, Any], named: str) -> None:
    tenant = await world.tenant()
    fields: dict[str, Any] = {
        "batch_id": an_id(),
        "document_id": an_id(),
        "object_key": "key",
        "size_bytes": 1,
        "sha256": digest(b"x"),
        **fault,
    }
    call = tenant.door.intake.CompleteUpload(CompleteUploadRequest(**fields), metadata=tenant.gateway)
    error = await refused(call)
    assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, [named])


async def test_keys_that_lost_are_collected_a_day_later(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    (document,) = await tenant.announce(batch.id)
    won, lost = [(await tenant.begin(document)).object_key for _ in range(2)]
    await tenant.complete(document, won)
    await world.database.execute("UPDATE uploads SET begun_at = now() - interval '26 hours'")
    await world.until("SELECT NOT EXISTS (SELECT 1 FROM uploads WHERE object_key = $1)", lost)
    assert await world.ask("SELECT count(*) FROM uploads WHERE object_key = $1", won) == 1
