"""Every method and every route, asked by everybody; access.toml says what each is answered and is complete."""

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from quire.batch.v1.batch_service_pb2 import GetBatchRequest, ListDocumentsRequest
from tests.e2e.callers import Callers, Subject, make_callers
from tests.e2e.grpc_stubs import batch_stub
from tests.e2e.knocking import Answer, ask_method, ask_route, methods, routes
from tests.e2e.running_quire import Quire

ACCESS: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("access.toml").read_text("utf-8"))
METHODS, ROUTES = methods(), routes()
GUESSES = 500
Ask = Callable[[str, Subject], Awaitable[Answer]]


@pytest.fixture(scope="module")
def callers(quire: Quire) -> Callers:
    return make_callers(quire.env)


@pytest.fixture(scope="module")
def standing(callers: Callers) -> Subject:
    """A thing of the owner's that nobody else may change."""
    return asyncio.run(callers.subject())


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    kind: str
    granted: str

    @classmethod
    def of(cls, words: str) -> "Line":
        kind, *granted = words.split()
        return cls(kind, *granted or ["OK"])

    @property
    def names_a_thing(self) -> bool:
        return self.kind in ("own_thing", "gateways")

    def expected(self, caller: str) -> str:
        known = ACCESS["classes"][self.kind]
        code = known.get(caller, known["otherwise"])
        return self.granted if code == "OK" else code


@pytest.mark.parametrize(("there", "listed"), [(METHODS, "methods"), (ROUTES, "routes")], ids=["methods", "routes"])
def test_the_table_has_a_line_for_each_and_no_other(there: list[str], listed: str) -> None:
    assert len(there) > 20
    assert sorted(ACCESS[listed]) == sorted(there)


def asking(callers: Callers, name: str) -> Ask:
    """How to call a method or a route as somebody about something."""
    if name in METHODS:
        return lambda caller, subject: ask_method(callers, caller, METHODS[name], subject)
    return lambda caller, subject: ask_route(callers, caller, name, subject)


def line_of(name: str) -> Line:
    return Line.of(ACCESS["methods" if name in METHODS else "routes"][name])


@pytest.mark.parametrize("name", [*METHODS, *ROUTES])
async def test_everybody_is_answered_as_the_table_says(callers: Callers, standing: Subject, name: str) -> None:
    ask, line = asking(callers, name), line_of(name)
    answered = dict[str, str]()
    for caller in callers.names:
        changes = line.names_a_thing and line.expected(caller) == line.granted
        answered[caller] = (await ask(caller, await callers.subject() if changes else standing)).code
    assert answered == {caller: line.expected(caller) for caller in callers.names}


@pytest.mark.parametrize("name", [name for name in (*METHODS, *ROUTES) if line_of(name).names_a_thing])
async def test_what_is_anothers_is_answered_like_what_is_not_there(
    callers: Callers, standing: Subject, name: str
) -> None:
    ask, caller = asking(callers, name), "gateway_for_other" if line_of(name).kind == "gateways" else "other"
    absent = Subject.absent()
    foreign = await ask(caller, standing)
    assert foreign.code == "NOT_FOUND"
    assert foreign == await ask(caller, absent)
    # A foreign document in a batch of one's own, and a foreign key for a document of one's own.
    for part in ("document_id", "object_key"):
        stolen, made_up = [
            await ask(caller, replace(await callers.subject("other"), **{part: getattr(whose, part)}))
            for whose in (standing, absent)
        ]
        assert stolen == made_up


async def test_nothing_of_the_owners_changed_meanwhile(callers: Callers, standing: Subject) -> None:
    async with batch_stub(callers.env) as (batches, _):
        key = callers.metadata("owner")
        batch = (await batches.GetBatch(GetBatchRequest(batch_id=standing.batch_id), metadata=key)).batch
        asked = ListDocumentsRequest(batch_id=standing.batch_id)
        (document,) = (await batches.ListDocuments(asked, metadata=key)).documents
    assert (batch.version, batch.counters.uploaded, batch.counters.total) == (3, 1, 1)
    assert document.id == standing.document_id


async def test_ids_beside_a_known_one_lead_nowhere(callers: Callers, standing: Subject) -> None:
    ask, known = asking(callers, "BatchService.GetBatch"), int(standing.batch_id.replace("-", ""), 16)
    for first in range(1, GUESSES, 50):
        guesses = [_identifier(known ^ number) for number in range(first, first + 50)]
        answers = await asyncio.gather(
            *(ask("other", replace(standing, batch_id=guess)) for guess in (standing.batch_id, *guesses))
        )
        assert {answer.code for answer in answers} == {"NOT_FOUND"}
        assert len({answer.text for answer in answers}) == 1


def _identifier(number: int) -> str:
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
