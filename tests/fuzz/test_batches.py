"""The batch API in any order of its calls, compared with a small model of what each must answer."""

import pytest
from hypothesis import strategies as st

from quire.batch.v1.batch_pb2 import TIER_ENTERPRISE
from tests.fuzz.budget import Attack, Budget
from tests.fuzz.player import Command, Hands, Player
from tests.fuzz.stage import Stage
from tests.integration.batch.workers import Worker

pytestmark = pytest.mark.usefixtures("without_extractor")

NUMBERS = st.integers(0, 3)
BODIES = st.sampled_from((b"one", b"two", b"three bytes more"))
OUTCOMES = st.sampled_from(("SUCCEEDED", "SUCCEEDED", "FILE_CORRUPT", "NO_TEXT", "RELEASED"))
CODES = st.lists(st.sampled_from(("FILE_CORRUPT", "NO_TEXT", "CANCELLED")), max_size=2)
DRAFT: tuple[st.SearchStrategy[Command], ...] = (
    st.tuples(st.just("add"), st.integers(1, 3)),
    st.tuples(st.just("upload"), NUMBERS, BODIES),
    st.tuples(st.just("upload"), NUMBERS, BODIES),
    st.tuples(st.just("remove"), NUMBERS),
    st.tuples(st.just("cancel_documents"), st.lists(NUMBERS, min_size=1, max_size=3)),
)
AT_WORK: tuple[st.SearchStrategy[Command], ...] = (
    st.tuples(st.just("finish"), NUMBERS, OUTCOMES),
    st.tuples(st.just("finish"), NUMBERS, OUTCOMES),
    st.tuples(st.just("retry"), st.lists(NUMBERS, max_size=2), CODES),
    st.tuples(st.just("retry"), st.just([]), st.just([])),
    st.tuples(st.just("pause")),
    st.tuples(st.just("resume")),
    st.tuples(st.just("cancel")),
    st.tuples(st.just("cancel_documents"), st.lists(NUMBERS, min_size=1, max_size=3)),
    st.tuples(st.just("delete")),
)
SEAL = st.tuples(st.just("seal"), st.booleans())
EVERY = st.one_of(*DRAFT, SEAL, *AT_WORK)
BEGINNING = st.just([("add", 3), ("upload", 0, b"one"), ("upload", 1, b"two")])


def stories() -> st.SearchStrategy[list[Command]]:
    """Mostly a draft that is filled, sealed and worked on; sometimes anything in any order."""
    life = st.tuples(
        st.one_of(BEGINNING, st.just([])),
        st.lists(st.one_of(*DRAFT), max_size=6) | st.lists(st.one_of(*DRAFT), min_size=4, max_size=8),
        st.just([("seal", True)]) | st.lists(SEAL, max_size=1),
        st.lists(st.one_of(*AT_WORK), min_size=4, max_size=12),
        st.lists(EVERY, max_size=2),
    ).map(lambda parts: [command for part in parts for command in part])
    return st.one_of(life, life, life, st.lists(EVERY, max_size=12))


def test_calls_in_any_order_answer_what_the_model_says(stage: Stage, budget: Budget) -> None:
    hands = Hands()

    async def play(commands: list[Command]) -> None:
        tenant = await stage.door.create_tenant(TIER_ENTERPRISE)
        async with stage.database() as database:
            batch = await tenant.create()
            player = Player(tenant, batch.id, worker, hands, database)
            await player.play(commands)
            await tenant.delete(batch.id)

    def attack(commands: list[Command]) -> None:
        stage.loop.run(play(commands))

    with stage.unharmed():
        worker = stage.loop.call(lambda: Worker(stage.door, hands.script, slots=64))
        stage.loop.run(worker.__aenter__())
        budget.spend(lambda: [Attack(attack, stories())], quick=25)
        stage.loop.run(worker.__aexit__())
