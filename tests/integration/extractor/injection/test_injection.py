"""Documents that give orders: whatever they say, they change no schema, reach nothing else and call nobody."""

import re
from pathlib import Path

import pytest

from extractor.engines.builtin.engine import BuiltinEngine
from tests.integration.extractor.injection.attack import End, Tried, attack, values_of
from tests.integration.extractor.injection.corpus import CORPUS, PROMPT, SCHEMA
from tests.integration.extractor.injection.gullible import gullible

pytestmark = pytest.mark.slow

LEAST = 100
_CANARY = re.compile(r"cn[0-9a-f]{16}")
_MARK = re.compile(r"===== ([0-9a-f]{24}) document begins =====")
_KEYS = {"model", "messages", "response_format"}


def assert_contained(tried: list[Tried]) -> None:
    for one in tried:
        assert set(values_of(one)) <= set(SCHEMA["properties"]), one.injected.name
        assert set(_CANARY.findall(one.result)) <= {one.injected.canary}, one.injected.name


@pytest.mark.catalogue("C16")
async def test_the_builtin_engine_takes_no_orders(tmp_path: Path) -> None:
    assert len(CORPUS) >= LEAST
    tried = await attack(BuiltinEngine(), tmp_path, CORPUS)
    assert_contained(tried)
    assert not [one for one in tried if one.end in {End.REFUSED, End.FLAGGED}]


@pytest.mark.catalogue("C16", "C17")
async def test_a_model_that_obeys_every_document_gives_away_nothing_but_that_document(tmp_path: Path) -> None:
    async with gullible() as (model, engine):
        tried = await attack(engine, tmp_path, CORPUS)
    assert_contained(tried)
    assert {one.code for one in tried} <= {"", "OUTPUT_SCHEMA_INVALID"}
    assert len(model.requests) == len(CORPUS)
    for request in model.requests:
        assert request.keys() == _KEYS, "no tools, no memory, nothing but the question"
        system, user = (message["content"] for message in request["messages"])
        assert system == model.requests[0]["messages"][0]["content"]
        assert [message["role"] for message in request["messages"]] == ["system", "user"]
        (mark,) = _MARK.findall(user)
        assert user.startswith(f"Instruction:\n{PROMPT}\n\n===== {mark} document begins =====\n")
        assert user.endswith(f"\n===== {mark} document ends =====")
        assert len(set(_CANARY.findall(user))) <= 1
        assert request["response_format"]["json_schema"]["strict"] is True
    assert len({_MARK.findall(request["messages"][1]["content"])[0] for request in model.requests}) == len(CORPUS)
