"""Tiers and repeats as users meet them, through every door that creates."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.e2e.running_quire import Quire

PROMPT = {"extraction_prompt": "the total"}
REPEATS = 50
PILES = 30
NOTE = b"Total: 12.50 EUR\n"


async def key_of(quire: Quire, tier: str, *more: str) -> str:
    """The key of a new tenant."""
    said = await quire.command("admin", "create-key", "--tenant", f"t {uuid4()}", "--tier", tier, "--json", *more)
    return json.loads(said.out)["key"]


@pytest.fixture
async def growth(quire: Quire) -> AsyncIterator[httpx2.AsyncClient]:
    async with quire.http(await key_of(quire, "GROWTH")) as http:
        yield http


async def test_a_tier_without_batches_is_told_the_tier_to_move_to_at_every_door(quire: Quire, tmp_path: Path) -> None:
    key = await key_of(quire, "FREE")
    async with quire.http(key) as http:
        files = {"file": ("a.txt", NOTE)}
        for answer in (
            await http.post("/v1/batches", json=PROMPT),
            await http.post("/v1/batches:extract", data={"prompt": "the total"}, files=files),
        ):
            problem = answer.json()
            assert (answer.status_code, problem["reason"]) == (403, "TIER_REQUIRED")
            assert problem["metadata"] == {"tier_required": "PLUS"}
        assert (await http.get("/v1/limits")).json()["limits"]["tier_required"] == "PLUS"
    (tmp_path / "a.txt").write_bytes(NOTE)
    free = Quire(quire.home, {**quire.env, "QUIRE_API_KEY": key})
    said = await free.command("submit", str(tmp_path), "--prompt", "the total")
    assert (said.code, said.err.splitlines()[-1].strip()) == (4, "Move to PLUS or higher.")


async def test_bytes_beyond_the_tier_are_refused_while_they_stream(quire: Quire) -> None:
    async with quire.http(await key_of(quire, "PLUS")) as plus:
        most = (await plus.get("/v1/limits")).json()["limits"]["bytes_per_document"]
        batch_id = (await plus.post("/v1/batches", json=PROMPT)).json()["id"]

        async def one_too_many() -> AsyncIterator[bytes]:
            for _ in range(most >> 18):
                yield bytes(1 << 18)
            yield b"x"

        answer = await plus.put(f"/v1/batches/{batch_id}/files/a.txt", content=one_too_many(), timeout=60)
        assert (answer.status_code, answer.json()["reason"]) == (413, "FILE_TOO_LARGE")
        assert (await plus.get(f"/v1/batches/{batch_id}")).json()["counters"]["total"] == 0


async def test_one_key_makes_one_batch_however_often_it_is_sent_at_once(growth: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": f"order {uuid4()}"}
    answers = await asyncio.gather(*(growth.post("/v1/batches", json=PROMPT, headers=key) for _ in range(REPEATS)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len((await growth.get("/v1/batches")).json()["batches"]) == 1


async def test_one_key_makes_one_pile_however_often_it_is_sent_at_once(growth: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": f"pile {uuid4()}"}

    async def send(prompt: str = "the total", first: str = "0.txt", last: bytes = NOTE) -> httpx2.Response:
        files = [("file", (first, NOTE)), ("file", ("1.txt", last))]
        form = {"prompt": prompt}
        return await growth.post("/v1/batches:extract", data=form, files=files, headers=key, timeout=60)

    answers = [*await asyncio.gather(*(send() for _ in range(PILES))), await send()]
    assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
    assert len({answer.text for answer in answers}) == 1
    (batch,) = (await growth.get("/v1/batches")).json()["batches"]
    assert batch["counters"]["total"] == 2
    others: Sequence[dict[str, Any]] = (
        {"prompt": "the date"},
        {"first": "another.txt"},
        {"last": NOTE * 2},
        {"last": NOTE.swapcase()},
    )
    for other in [await send(**changed) for changed in others]:
        assert (other.status_code, other.json()["reason"]) == (400, "REQUEST_ID_REUSED")
    assert (await growth.get("/v1/usage")).json()["usage"]["documents_this_month"] == 2


async def test_a_file_sent_again_under_its_key_is_answered_as_it_was_after_the_seal_too(
    growth: httpx2.AsyncClient,
) -> None:
    path = f"/v1/batches/{(await growth.post('/v1/batches', json=PROMPT)).json()['id']}"
    key = {"Idempotency-Key": "the only file"}
    first = await growth.put(f"{path}/files/a.txt", content=NOTE, headers=key)
    assert (await growth.post(f"{path}:seal")).status_code == 200
    again = await growth.put(f"{path}/files/a.txt", content=NOTE, headers=key)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    other = await growth.put(f"{path}/files/a.txt", content=NOTE.swapcase(), headers=key)
    assert (other.status_code, other.json()["reason"]) == (400, "REQUEST_ID_REUSED")
    fresh = await growth.put(f"{path}/files/a.txt", content=NOTE)
    assert (fresh.status_code, fresh.json()["reason"]) == (409, "BATCH_NOT_DRAFT")


async def test_use_is_told_to_people_and_programs_alike(quire: Quire) -> None:
    limits = json.loads((await quire.command("limits", "--json")).out)
    usage = json.loads((await quire.command("usage", "--months", "1", "--json")).out)
    assert usage["usage"].keys() == limits["usage"].keys()
    (month,) = usage["months"]
    assert f"{month['month'][:7]}\t{month['documents']}" in (await quire.command("usage")).out
