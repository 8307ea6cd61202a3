"""HTTP: every operation of the OpenAPI page with what it takes, with what it does not take, and with a bad key."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode, Response
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks

from tests.fuzz.budget import Attack, Budget
from tests.fuzz.documented import statuses_and_reasons
from tests.fuzz.ground import Ground, on_ground
from tests.fuzz.stage import Stage

Case = Any
"""Of an operation whose types nobody but its schema knows."""
PATIENCE_SECONDS = 20.0
CHECKS: list[Any] = [
    getattr(checks, f"{part}_conformance")
    for part in ("status_code", "content_type", "response_headers", "response_schema")
]
AWAY = frozenset({503, 504})
REFUSED = statuses_and_reasons()
OPEN = frozenset({"/healthz", "/readyz", "/v1/errors"})
"""Paths that need no credential."""
BAD_KEYS = st.sampled_from(
    ("", "Bearer", "Bearer x", "Bearer quire_0_0", "Basic eDp5", "bearer  ", "Bearer \xe9", f"Bearer {'k' * 9_000}")
)
PICKS = st.integers(0, 5)


@dataclass(frozen=True)
class Visitor:
    """Sends cases; ids it knows stand in most of them."""

    url: str
    key: str
    session: requests.Session
    ground: Ground

    def send(self, case: Case, pick: int, authorization: str | None = None) -> Response:
        self._name_something(case, pick)
        headers = {"Authorization": authorization if authorization is not None else f"Bearer {self.key}"}
        return self._call(case, headers)

    def _call(self, case: Case, headers: dict[str, str], tries: int = 3) -> Response:
        """Ask again what was away: on a busy machine that can happen to any request, to a bad one it always does."""
        response = case.call(self.url, self.session, headers, timeout=PATIENCE_SECONDS)
        return self._call(case, headers, tries - 1) if response.status_code in AWAY and tries > 1 else response

    def _name_something(self, case: Case, pick: int) -> None:
        """Put ids of the ground into the path, else every answer would be that there is no such batch."""
        for name in ("batch_id", "document_id"):
            ids = self._ids(case, name)
            if name in (case.path_parameters or {}) and pick < len(ids):
                case.path_parameters[name] = ids[pick]

    def _ids(self, case: Case, name: str) -> Sequence[str]:
        if case.path.endswith("/events"):
            return self.ground.final  # of any other batch the events would not end
        return self.ground.known[name]


def check(case: Case, response: Response) -> None:
    case.validate_response(response, checks=CHECKS)
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"]
        problem: dict[str, Any] = response.json()
        assert problem["status"] == response.status_code
        assert (response.status_code, problem["reason"]) in REFUSED, _story(case, response)


def test_every_operation_answers_as_its_page_says(stage: Stage, budget: Budget) -> None:
    def attack_on(operation: Any, mode: GenerationMode, visitor: Visitor) -> Attack:
        def attack(drawn: tuple[Case, int]) -> None:
            case, pick = drawn
            check(case, visitor.send(case, pick))

        return Attack(attack, st.tuples(operation.as_strategy(generation_mode=mode), PICKS))

    def attacks() -> Iterator[Attack]:
        with visiting(stage) as visitor:
            for operation in operations(visitor.url):
                yield from (attack_on(operation, mode, visitor) for mode in GenerationMode)

    with stage.unharmed():
        budget.spend(attacks, quick=6)


def test_no_operation_answers_a_bad_key(stage: Stage, budget: Budget) -> None:
    def attack_on(operation: Any, visitor: Visitor) -> Attack:
        def attack(drawn: tuple[Case, str]) -> None:
            case, authorization = drawn
            response = visitor.send(case, 0, authorization)
            check(case, response)
            # What cannot be read is refused before its key is asked about, and so is a sign-in from no page of ours.
            assert response.status_code in (400, 401, 403, 413, 415, 422), _story(case, response)

        return Attack(attack, st.tuples(operation.as_strategy(), BAD_KEYS))

    def attacks() -> Iterator[Attack]:
        with visiting(stage) as visitor:
            closed = [operation for operation in operations(visitor.url) if operation.path not in OPEN]
            yield from (attack_on(operation, visitor) for operation in closed)

    with stage.unharmed():
        budget.spend(attacks, quick=4)


@contextmanager
def visiting(stage: Stage) -> Generator[Visitor]:
    load_all_checks()
    with on_ground(stage) as ground, requests.Session() as session:
        yield Visitor(stage.quire.env["QUIRE_GATEWAY_URL"], ground.tenant.key, session, ground)


def operations(url: str) -> list[Any]:
    """Every operation of the page as it is served."""
    page: Any = schemathesis.openapi.from_url(f"{url}/openapi.json")
    return [found.ok() for found in page.get_all_operations()]


def _story(case: Case, response: Response) -> str:
    return f"{case.as_curl_command()}\n{response.status_code} {response.text[:1_000]}"
