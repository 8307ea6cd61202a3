"""Every row of the catalogue of bad input has a test that carries its number, or a reason why it has none."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "security.md"
COUNTS = {"G": 30, "H": 24, "C": 20, "Q": 20}
ROWS = {f"{group}{number:02}" for group, count in COUNTS.items() for number in range(1, count + 1)}


def table(name: str) -> list[list[str]]:
    """The cells of the rows between two markers of the page."""
    between = PAGE.read_text("utf-8").split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
    lines = re.findall(r"^\| ([A-Z]\d\d) \|(.*)\|$", between, flags=re.MULTILINE)
    return [[row, *(cell.strip() for cell in rest.split("|"))] for row, rest in lines]


def marked() -> set[str]:
    """The numbers tests carry, read from their source."""
    return {number for path in (REPOSITORY / "tests").rglob("test_*.py") for number in _numbers(path)}


def _numbers(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "catalogue":
            yield from (argument.value for argument in node.args if isinstance(argument, ast.Constant))  # type: ignore[misc]


def test_the_page_holds_each_row_of_the_catalogue_once() -> None:
    rows = [row for row, *_ in table("catalogue")]
    assert len(rows) == len(set(rows)) == 94
    assert set(rows) == ROWS


def test_every_row_has_a_test_or_a_reason_and_not_both() -> None:
    excused = {row for row, reason in table("without a test") if reason}
    assert ROWS - marked() == excused


def test_tests_carry_numbers_of_the_catalogue_only() -> None:
    assert marked() <= ROWS


def test_a_row_without_a_test_promises_no_answer() -> None:
    silent = {row for row, _, answer in table("catalogue") if answer == "–"}
    assert silent == {row for row, _ in table("without a test")}
