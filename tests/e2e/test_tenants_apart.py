"""Two tenants at work in one Quire: no word of one's reaches the other, nor any log."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from batch.domain.keys import parse
from batch.settings import BatchSettings
from chassis.blobs import Blobs
from tests.e2e.callers import Callers, make_callers
from tests.e2e.running_quire import FINAL_SECONDS, Quire
from tests.integration.batch.database import Database
from tests.integration.batch.subscribers import Subscriber, subscribed

ELSEWHERE = """
SELECT id FROM documents
 WHERE object_key NOT LIKE 't/' || tenant_id || '/%' OR result_key NOT LIKE 't/' || tenant_id || '/%'"""
"""Documents whose objects do not lie under their tenant."""


@dataclass
class Side:
    """One tenant, its secret word and what it was told."""

    caller: str
    http: httpx2.AsyncClient
    word: str = field(default_factory=lambda: f"w{uuid4().hex}")
    batch_id: str = ""
    told: list[str] = field(default_factory=list[str])

    async def ask(self, method: str, path: str, **body: Any) -> httpx2.Response:
        """Ask, and note all that came back."""
        answer = await self.http.request(method, path, **body)
        self.told.append(f"{answer.headers} {answer.text}")
        return answer

    async def submit(self) -> None:
        """A batch with the word wherever a caller may put one, a file that cannot be read among its documents."""
        schema = {"type": "object", "properties": {self.word: {"type": "string", "description": self.word}}}
        fields = {"prompt": self.word, "name": self.word, "description": self.word, "schema": json.dumps(schema)}
        files = [
            ("file", (f"{self.word}.txt", f"{self.word}: {self.word}\n".encode())),
            ("file", (f"{self.word}.pdf", f"%PDF-1.7 {self.word}".encode())),
        ]
        headers = {"Idempotency-Key": self.word}
        answer = await self.ask("POST", "/v1/batches:extract", data=fields, files=files, headers=headers)
        assert answer.status_code == 201, answer.text
        self.batch_id = answer.json()["id"]

    async def be_refused(self) -> None:
        """Faults that hold the word, in every part of a request that is read."""
        for method, path, body in (
            ("POST", "/v1/batches", {"json": {"extraction_prompt": "x", "output_schema": self.word}}),
            ("POST", "/v1/batches", {"json": {self.word: self.word}}),
            ("PUT", f"/v1/batches/{self.batch_id}/files/{self.word}", {"content": self.word.encode()}),
            ("GET", f"/v1/batches?page_token={self.word}", {}),
            ("GET", f"/v1/batches/{self.word}", {}),
        ):
            assert (await self.ask(method, path, **body)).status_code in (400, 409)

    async def read(self, batch_id: str) -> None:
        """Everything that can be read of a batch."""
        path = f"/v1/batches/{batch_id}"
        listed = await self.ask("GET", f"{path}/documents")
        for document in listed.json().get("documents", ()):
            await self.ask("GET", f"{path}/documents/{document['id']}")
        for rest in ("", "/results?include_errors=true", "/events"):
            await self.ask("GET", f"{path}{rest}")

    async def read_all(self, other: "Side") -> None:
        for path in ("/v1/batches", f"/v1/batches?name_contains={other.word[:12]}", "/v1/limits", "/v1/usage"):
            await self.ask("GET", path)
        await self.read(self.batch_id)
        await self.read(other.batch_id)

    async def until_final(self) -> None:
        async with asyncio.timeout(FINAL_SECONDS):
            async with self.http.stream("GET", f"/v1/batches/{self.batch_id}/events") as answer:
                assert "event: end" in (await answer.aread()).decode()


@pytest.fixture(scope="module")
def callers(quire: Quire) -> Callers:
    return make_callers(quire.env)


@pytest.fixture
async def sides(quire: Quire, callers: Callers) -> AsyncIterator[tuple[Side, Side]]:
    async with quire.http(callers.keys["owner"]) as ann, quire.http(callers.keys["other"]) as bob:
        yield Side("owner", ann), Side("other", bob)


@pytest.fixture
def blobs(quire: Quire) -> Iterator[Blobs]:
    fields = {name.removeprefix("QUIRE_").lower(): value for name, value in quire.env.items()}
    opened = Blobs(BatchSettings.model_validate(fields))
    yield opened
    opened.close()


async def test_no_word_of_a_tenant_reaches_another_or_a_log(
    quire: Quire, sides: tuple[Side, Side], blobs: Blobs
) -> None:
    ann, bob = sides
    async with subscribed(quire.env["QUIRE_AMQP_URL"]) as subscriber:
        for side in sides:
            await side.submit()
            await side.be_refused()
        for side in sides:
            await side.until_final()
        await ann.read_all(bob)
        await bob.read_all(ann)
        await subscriber.until_terminal([ann.batch_id, bob.batch_id])
    owners = await tenants_of(quire, ann, bob)
    for side, other in ((ann, bob), (bob, ann)):
        assert any(side.word in told for told in side.told), "else nothing is looked for"
        assert [told for told in side.told if other.word in told] == []
        assert told_by_events(subscriber, side) == {owners[side.batch_id]}
        assert await lying_in_objects(blobs, side) == {owners[side.batch_id]}
    assert logs_that_hold(quire, ann, bob) == []


async def test_a_tenant_is_whoever_its_key_says_whatever_else_it_claims(quire: Quire, sides: tuple[Side, Side]) -> None:
    ann, bob = sides
    await ann.submit()
    foreign = (await tenants_of(quire, ann))[ann.batch_id]
    claims = dict.fromkeys(("X-Quire-Tenant", "X-Tenant-Id", "Tenant-Id", "quire.tenant", "tenant"), foreign)
    refused = await bob.ask("POST", "/v1/batches", json={"extraction_prompt": "x", "tenant_id": foreign})
    assert (refused.status_code, refused.json()["violations"][0]["field"]) == (400, "tenant_id")
    listed = await bob.ask("GET", f"/v1/batches?tenant_id={foreign}&tenant={foreign}", headers=claims)
    assert ann.batch_id not in listed.text
    made = await bob.ask("POST", "/v1/batches", json={"extraction_prompt": "x"}, headers=claims)
    bob.batch_id = made.json()["id"]
    assert (await tenants_of(quire, bob))[bob.batch_id] != foreign


async def tenants_of(quire: Quire, *sides: Side) -> dict[str, str]:
    """The tenant of each batch."""
    database = await Database.connect(quire.env["QUIRE_DATABASE_OWNER_URL"])
    sql = "SELECT tenant_id::text FROM batch_processes WHERE id = $1"
    found = {side.batch_id: await database.value(sql, side.batch_id) for side in sides}
    assert await database.rows(ELSEWHERE) == []
    await database.close()
    return found


def told_by_events(subscriber: Subscriber, side: Side) -> set[str]:
    """Tenants whose events hold the word, by their routing keys."""
    return {event.routing_key.split(".")[1] for event in subscriber.heard if side.word in f"{event}"}


async def lying_in_objects(blobs: Blobs, side: Side) -> set[str]:
    """Tenants under whose prefix an object holds the word."""
    keys, found = await blobs.list_page("", limit=10_000), set[str]()
    for blob in keys:
        assert parse(blob.key), f"{blob.key} is nobody's"
        if side.word.encode() in await blobs.get(blob.key):
            found.add(blob.key.split("/")[1])
    return found


def logs_that_hold(quire: Quire, *sides: Side) -> list[Path]:
    """Logs of services and servers that hold a word; of the services each is there and says something."""
    logs = sorted((quire.home.root / "logs").iterdir())
    assert {"batch.log", "gateway.log", "extractor.log"} <= {log.name for log in logs if log.stat().st_size}
    return [log for log in logs if any(side.word.encode() in log.read_bytes() for side in sides)]
