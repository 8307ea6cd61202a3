"""What each tier may do: every refusal, every override, every fault of the rules file."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.domain import tiers
from batch.domain.tiers import Limits, RefusalKind, Tier, TierRulesFault
from tests.unit.batch.domain.builders import RULES

PLUS, GROWTH = RULES[Tier.PLUS], RULES[Tier.GROWTH]


def as_toml(limits: Limits, **changes: Any) -> str:
    values = {**tiers.to_mapping(limits), "export_formats": list(limits.export_formats), **changes}
    return "\n".join(f"{name} = {_literal(value)}" for name, value in values.items() if value is not None)


def _literal(value: object) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)


def rules_with(**changes: Any) -> str:
    tables = [f"[{tier}]\n{as_toml(RULES[tier], **(changes if tier is Tier.PLUS else {}))}" for tier in Tier]
    return "\n".join(tables)


def test_rules_hold_the_numbers_of_the_design() -> None:
    assert [RULES[tier].documents_per_batch for tier in Tier] == [0, 50, 500, 10_000]
    assert [RULES[tier].bytes_per_document for tier in Tier] == [0, 20 * 2**20, 100 * 2**20, 512 * 2**20]
    assert [RULES[tier].pages_per_document for tier in Tier] == [0, 200, 500, 1_000]
    assert [RULES[tier].open_batches for tier in Tier] == [0, 3, 20, 200]
    assert [RULES[tier].documents_in_flight for tier in Tier] == [0, 5, 25, 250]
    assert [RULES[tier].documents_per_month for tier in Tier] == [0, 1_000, 20_000, tiers.UNLIMITED]
    assert [RULES[tier].scheduling_weight for tier in Tier] == [0, 1, 4, 16]
    assert [RULES[tier].retention_days for tier in Tier] == [0, 30, 90, 365]
    assert [RULES[tier].creates_per_minute for tier in Tier] == [0, 10, 60, 600]
    assert [RULES[tier].batch_upload for tier in Tier] == [False, True, True, True]


def test_rules_survive_being_written_down_again() -> None:
    assert tiers.parse_rules(rules_with()) == RULES


@pytest.mark.catalogue("Q20")
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"documents_per_batch": -1}, "documents_per_batch"),
        ({"documents_per_month": -2}, "documents_per_month"),
        ({"open_batches": "3"}, "open_batches"),
        ({"open_batches": True}, "open_batches"),
        ({"open_batches": 3.5}, "open_batches"),
        ({"scheduling_weight": 2**31}, "scheduling_weight"),
        ({"retention_days": 10**6}, "retention_days"),
        ({"batch_upload": 1}, "batch_upload"),
        ({"export_formats": "CSV"}, "export_formats"),
        ({"export_formats": [1]}, "export_formats"),
        ({"batches_open": 3}, "batches_open"),
        ({"open_batches": None}, "open_batches"),
    ],
)
def test_rules_are_refused_as_a_whole_naming_tier_and_limit(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(TierRulesFault, match=rf"PLUS.*{named}"):
        tiers.parse_rules(rules_with(**changes))


@pytest.mark.catalogue("Q20")
@pytest.mark.parametrize(
    "toml", ["[FREE", "", "[FREE]\n[PLUS]\n[GROWTH]", "FREE = 1\nPLUS = 1\nGROWTH = 1\nENTERPRISE = 1"]
)
def test_rules_are_refused_when_they_are_not_four_tables(toml: str) -> None:
    with pytest.raises(TierRulesFault):
        tiers.parse_rules(toml)


def test_an_override_replaces_one_limit_only() -> None:
    own = tiers.limits_for(RULES, Tier.PLUS, {"open_batches": 9})
    assert own.open_batches == 9
    assert tiers.to_mapping(own) | {"open_batches": 3} == tiers.to_mapping(PLUS)


@pytest.mark.catalogue("G17", "Q20")
@pytest.mark.parametrize(
    "override",
    [
        {"export_formats": 1},
        {"batch_upload": 1},
        {"id": 1},
        {"open_batches": -1},
        {"documents_per_month": -2},
        {"documents_in_flight": 2**31},
        {"scheduling_weight": 2**62},
        {"retention_days": 2**31 - 1},
        {"bytes_per_document": 2**62},
    ],
)
def test_an_override_is_refused_when_no_row_or_message_could_hold_it(override: dict[str, int]) -> None:
    with pytest.raises(TierRulesFault, match=next(iter(override))):
        tiers.check_overrides(override)


def test_an_override_may_lift_the_month() -> None:
    tiers.check_overrides({"documents_per_month": tiers.UNLIMITED, "open_batches": 0})


def test_limits_survive_being_copied_into_a_batch() -> None:
    copied = {**tiers.to_mapping(GROWTH), "export_formats": list(GROWTH.export_formats)}
    assert tiers.from_mapping(copied) == GROWTH


def test_a_tier_without_batches_is_told_which_one_has_them() -> None:
    refusal = tiers.admit_batch(RULES, RULES[Tier.FREE], open_batches=0, creates_last_minute=0)
    assert refusal is not None
    assert refusal.kind is RefusalKind.TIER_REQUIRED
    assert "PLUS" in refusal.message
    assert tiers.tier_with_batches(RULES) is Tier.PLUS


@pytest.mark.parametrize(
    ("open_batches", "creates", "limit"), [(3, 0, "open_batches"), (0, 10, "creates_per_minute"), (2, 9, None)]
)
def test_a_draft_is_refused_at_the_limit_and_admitted_below_it(
    open_batches: int, creates: int, limit: str | None
) -> None:
    refusal = tiers.admit_batch(RULES, PLUS, open_batches=open_batches, creates_last_minute=creates)
    assert (refusal and refusal.limit) == limit
    assert refusal is None or refusal.kind is RefusalKind.EXHAUSTED


@pytest.mark.parametrize(
    ("already", "adding", "admitted"), [(0, 50, True), (49, 1, True), (49, 2, False), (50, 0, True)]
)
def test_documents_are_admitted_up_to_the_limit_of_a_batch(already: int, adding: int, admitted: bool) -> None:
    refusal = tiers.admit_documents(PLUS, already=already, adding=adding)
    assert (refusal is None) == admitted
    if refusal is not None:
        assert (refusal.kind, refusal.maximum, refusal.used) == (RefusalKind.TOO_MANY, 50, already + adding)


def test_a_document_is_admitted_up_to_the_last_byte() -> None:
    assert tiers.admit_size(PLUS, "a.pdf", 20 * 2**20) is None
    refusal = tiers.admit_size(PLUS, "a.pdf", 20 * 2**20 + 1)
    assert refusal is not None
    assert refusal.kind is RefusalKind.TOO_LARGE
    assert "'a.pdf'" in refusal.message


@pytest.mark.parametrize(("used", "adding", "admitted"), [(990, 10, True), (990, 11, False), (0, 1_001, False)])
def test_a_month_is_admitted_up_to_its_limit(used: int, adding: int, admitted: bool) -> None:
    refusal = tiers.admit_month(PLUS, used=used, adding=adding)
    assert (refusal is None) == admitted
    assert refusal is None or (refusal.kind, refusal.used) == (RefusalKind.EXHAUSTED, used)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_month_by_contract_is_never_refused(used: int, adding: int) -> None:
    assert tiers.admit_month(RULES[Tier.ENTERPRISE], used=used, adding=adding) is None
