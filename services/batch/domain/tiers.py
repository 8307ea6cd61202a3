"""What a tenant may do, and the one place that says no. The numbers stand in tiers.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any, cast

UNLIMITED = -1


class Tier(StrEnum):
    """What a tenant pays for, cheapest first."""

    FREE = "FREE"
    PLUS = "PLUS"
    GROWTH = "GROWTH"
    ENTERPRISE = "ENTERPRISE"


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers enforced for a tenant; field for field those of quire.batch.v1.Limits."""

    batch_upload: bool
    documents_per_batch: int
    bytes_per_document: int
    pages_per_document: int
    open_batches: int
    documents_in_flight: int
    documents_per_month: int
    scheduling_weight: int
    retention_days: int
    export_formats: tuple[str, ...]
    creates_per_minute: int


class TierRulesFault(ValueError):
    """The rules cannot be used as a whole; correct tiers.toml or the override it names."""


TierRules = Mapping[Tier, Limits]


def parse_rules(toml: str) -> TierRules:
    """Read tiers.toml. Raises TierRulesFault naming what is wrong."""
    try:
        tables = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise TierRulesFault(f"not TOML: {error}") from error
    if set(tables) != set(Tier):
        raise TierRulesFault(f"tiers must be {', '.join(Tier)}")
    return {tier: _parse_limits(tier, tables[tier]) for tier in Tier}


OVERRIDABLE = frozenset(field.name for field in fields(Limits)) - {"export_formats", "batch_upload"}
"""The limits that are numbers."""
_MOST = {"bytes_per_document": 2**40, "documents_per_month": 2**40, "retention_days": 36_500}
_MOST_OF_OTHERS = 1_000_000


def _parse_limits(tier: Tier, table: object) -> Limits:
    names = {field.name for field in fields(Limits)}
    found = cast("dict[str, Any]", table) if isinstance(table, dict) else {}
    if set(found) != names:
        raise TierRulesFault(f"{tier}: unknown or missing {sorted(set(found) ^ names)}")
    if not isinstance(found["batch_upload"], bool) or not _are_texts(found["export_formats"]):
        raise TierRulesFault(f"{tier}: batch_upload must be true or false, export_formats a list of names")
    for name in sorted(OVERRIDABLE):
        _check_number(f"{tier}: {name}", name, found[name])
    return from_mapping(found)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in cast("list[object]", value))


def _check_number(shown: str, name: str, value: object) -> None:
    least = UNLIMITED if name == "documents_per_month" else 0
    most = _MOST.get(name, _MOST_OF_OTHERS)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise TierRulesFault(f"{shown} must be a whole number from {least} to {most}, is {value!r}")


def check_overrides(overrides: Mapping[str, int]) -> None:
    """Raise TierRulesFault for a limit that cannot be overridden so."""
    for name, value in overrides.items():
        if name not in OVERRIDABLE:
            raise TierRulesFault(f"{name} is not one of {', '.join(sorted(OVERRIDABLE))}")
        _check_number(name, name, value)


def limits_for(rules: TierRules, tier: Tier, overrides: Mapping[str, int]) -> Limits:
    """The limits of a tenant: its tier's, with its own on top."""
    return replace(rules[tier], **dict(overrides))


def to_mapping(limits: Limits) -> dict[str, Any]:
    """Limits as they are copied into a batch."""
    return asdict(limits)


def from_mapping(mapping: Mapping[str, Any]) -> Limits:
    """Limits as they were copied into a batch."""
    values: dict[str, Any] = {**mapping, "export_formats": tuple(mapping["export_formats"])}
    return Limits(**values)


def tier_with_batches(rules: TierRules) -> Tier:
    """The cheapest tier that may run batches."""
    return next(tier for tier in Tier if rules[tier].batch_upload)


class RefusalKind(StrEnum):
    """What cures a refusal."""

    TIER_REQUIRED = "TIER_REQUIRED"
    """Only a higher tier."""
    EXHAUSTED = "EXHAUSTED"
    """Time, or freeing something."""
    TOO_MANY = "TOO_MANY"
    """A smaller batch."""
    TOO_LARGE = "TOO_LARGE"
    """A smaller file."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A limit says no."""

    kind: RefusalKind
    limit: str
    """Field name of Limits."""
    maximum: int
    used: int
    """What the tenant would use if it were allowed, or uses now."""
    message: str


def admit_batch(rules: TierRules, limits: Limits, *, open_batches: int, creates_last_minute: int) -> Refusal | None:
    """May another draft be created?"""
    if limits.batch_upload and creates_last_minute >= limits.creates_per_minute:
        message = f"{limits.creates_per_minute} batches a minute are allowed; try again within a minute"
        return _exhausted("creates_per_minute", limits.creates_per_minute, creates_last_minute, message)
    return admit_open(rules, limits, open_batches=open_batches)


def admit_open(rules: TierRules, limits: Limits, *, open_batches: int) -> Refusal | None:
    """May another batch be open beside so many, be it a new one or one that is opened again?"""
    if not limits.batch_upload:
        needed = tier_with_batches(rules)
        message = f"this tier does not run batches; move to {needed} or higher"
        return Refusal(RefusalKind.TIER_REQUIRED, "batch_upload", 0, 0, message)
    if open_batches < limits.open_batches:
        return None
    message = f"{limits.open_batches} open batches are allowed; wait for one to finish or cancel one"
    return _exhausted("open_batches", limits.open_batches, open_batches, message)


def _exhausted(limit: str, maximum: int, used: int, message: str) -> Refusal:
    return Refusal(RefusalKind.EXHAUSTED, limit, maximum, used, message)


def admit_documents(limits: Limits, *, already: int, adding: int) -> Refusal | None:
    """May a batch hold so many documents?"""
    if already + adding <= limits.documents_per_batch:
        return None
    message = f"a batch of this tier holds at most {limits.documents_per_batch} documents"
    return Refusal(RefusalKind.TOO_MANY, "documents_per_batch", limits.documents_per_batch, already + adding, message)


def admit_size(limits: Limits, name: str, size_bytes: int) -> Refusal | None:
    """May a document be so large?"""
    if size_bytes <= limits.bytes_per_document:
        return None
    message = f"{name!r} has {size_bytes} bytes; this tier takes documents of at most {limits.bytes_per_document}"
    return Refusal(RefusalKind.TOO_LARGE, "bytes_per_document", limits.bytes_per_document, size_bytes, message)


def admit_month(limits: Limits, *, used: int, adding: int) -> Refusal | None:
    """May so many more documents be sealed this month?"""
    maximum = limits.documents_per_month
    if maximum == UNLIMITED or used + adding <= maximum:
        return None
    message = f"{maximum} documents a month are allowed, {used} are used and this batch has {adding}"
    return _exhausted("documents_per_month", maximum, used, message)
