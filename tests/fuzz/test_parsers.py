"""Files of every format, damaged: each ends in pages or in a documented fault, and the cage takes the next one."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import strategies as st

from chassis.failures import CATALOGUE, Category, FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import ParsedDocument
from extractor.parse.cage import Cage
from extractor.parse.limits import MIB, ParseLimits
from samples.build_pile import TRUTH, build_pile
from tests.chaos.loop_thread import LoopThread
from tests.fuzz.budget import Attack, Budget
from tests.fuzz.mutations import Shown, mutated

LIMITS = ParseLimits(max_pages=200, cpu_seconds=10, wall_seconds=20.0, text_bytes=4 * MIB)
GOOD = b"a,b\n1,2\n"
"""A document: what its owner called it, and its bytes."""
Sample = tuple[str, bytes]
SLOTS = 2
MAGIC = (
    b"%PDF-1.7\n", b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"<!doctype html>", b"<?xml ",
    b"From: a@b\nTo: c@d\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n", b"{", b"[",
    b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"a,b\n", b"a\tb\n", b"# ", b"",
)  # fmt: skip
NAMES = (
    "x.pdf",
    "x.docx",
    "x.xlsx",
    "x.xls",
    "x.ods",
    "x.csv",
    "x.tsv",
    "x.html",
    "x.eml",
    "x.json",
    "x.txt",
    "x.md",
    "x",
)
EXPECTED = frozenset(code for code in FailureCode if CATALOGUE[code].category is Category.DOCUMENT)


@dataclass(frozen=True)
class Bench:
    """A cage at work."""

    loop: LoopThread
    cage: Cage
    folder: Path

    def parse(self, name: str, content: bytes) -> ParsedDocument | DocumentFault:
        path = self.folder / "document"
        path.write_bytes(content)
        try:
            return asyncio.run_coroutine_threadsafe(self.cage.parse(path, name, LIMITS), self.loop.loop).result(60)
        except DocumentFault as fault:
            return fault


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    loop = LoopThread("cage")
    bench = Bench(loop, loop.call(lambda: Cage(SLOTS)), tmp_path)
    loop.run(bench.cage.start())
    yield bench
    loop.run(bench.cage.close())
    assert not bench.cage.pids
    loop.close()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("pile")
    return [(path.name, path.read_bytes()) for path in build_pile(folder) if path.name != TRUTH]


def damaged(samples: list[Sample]) -> st.SearchStrategy[Sample]:
    """A sample with damage, under its own name or another's."""
    contents = [content for _, content in samples]

    def of(sample: Sample) -> st.SearchStrategy[Sample]:
        name, content = sample
        bytes_of = mutated([content]) | mutated([content, *contents])
        return st.tuples(st.one_of(st.just(name), st.just(name), st.sampled_from(NAMES)), bytes_of)

    return st.sampled_from(samples).flatmap(of)


def nonsense() -> st.SearchStrategy[Sample]:
    """What begins like a format and goes on like none."""
    parts = st.tuples(st.sampled_from(MAGIC), st.binary(max_size=2_000))
    return st.tuples(st.sampled_from(NAMES), parts.map(lambda both: Shown(b"".join(both))))


def test_a_damaged_file_ends_in_pages_or_in_a_documented_fault(
    bench: Bench, samples: list[Sample], budget: Budget
) -> None:
    def attack(sample: Sample) -> None:
        name, content = sample
        _check(bench.parse(name, content))
        assert len(bench.cage.pids) <= SLOTS
        good = bench.parse("good.csv", GOOD)
        assert isinstance(good, ParsedDocument), good
        assert good.pages[0].tables == ((("a", "b"), ("1", "2")),)

    budget.spend(lambda: [Attack(attack, damaged(samples)), Attack(attack, nonsense())], quick=200)


def _check(ended: ParsedDocument | DocumentFault) -> None:
    if isinstance(ended, DocumentFault):
        assert ended.code in EXPECTED, f"{ended.code}: {ended.message}"
        return
    assert 1 <= len(ended.pages) <= LIMITS.max_pages
    assert sum(len(page.text.encode()) for page in ended.pages) <= LIMITS.text_bytes
