"""The pages say what the code does."""

import re
from pathlib import Path

import pytest

from chassis.errors import CallReason
from chassis.failures import CATALOGUE, FailureCode

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")


def page(name: str) -> str:
    return (REPOSITORY / name).read_text("utf-8")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_link_of_a_page_leads_somewhere(path: Path) -> None:
    broken = [link for link in LINK.findall(path.read_text("utf-8")) if not (path.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("code", FailureCode)
def test_api_page_explains_a_document_error_as_the_catalogue_does(code: FailureCode) -> None:
    explained = CATALOGUE[code]
    again = "yes" if explained.retryable else "no"
    row = f"| `{code}` | {explained.category} | {again} | {explained.actor} | {explained.remedy} |"
    assert row in page("docs/api.md")


@pytest.mark.parametrize("reason", CallReason)
def test_api_page_lists_a_call_reason(reason: CallReason) -> None:
    assert f"`{reason}`" in page("docs/api.md")


def test_readme_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", page("Makefile"), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z]+)", page("README.md") + page("CONTRIBUTING.md")))
    assert named - targets == set()


def test_readme_and_settings_name_the_same_variables() -> None:
    code = "".join(
        path.read_text("utf-8") for root in ("services", "libs", "deploy") for path in (REPOSITORY / root).rglob("*.py")
    )
    named = set(re.findall(r"`?(?:QUIRE|OPENAI)_([A-Z0-9_]+)", page("README.md")))
    unknown = [name for name in named if name.lower() not in code and name not in code]
    assert unknown == []
