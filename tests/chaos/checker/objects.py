"""The store, against the rows (I14-I17)."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

from tests.chaos.checker import canaries
from tests.chaos.checker.facts import DocumentFact, Facts
from tests.chaos.checker.store import Store, Stored
from tests.chaos.checker.verdict import LOST, OTHER, WRONG
from tests.chaos.records import Document, Records, Violation


def violations(store: Store, records: Records, facts: Facts, grace_seconds: float) -> list[Violation]:
    """Everything that is missing, wrong, foreign or left over."""
    sent = {one.id: one for batch in records.client.batches.values() for one in batch.documents.values()}
    found = list[Violation]()
    for row in facts.documents.values():
        if not facts.batches[row.batch_id].deleted:
            found += _upload(store.objects, row)
            found += _result(store.objects, row, sent.get(row.id))
    found += _left_over(store, facts, grace_seconds)
    return found + canaries.seen(canaries.canaries_of(records, facts), _texts(store.objects))


def _upload(objects: Mapping[str, Stored], row: DocumentFact) -> Iterator[Violation]:
    if row.object_key is None:
        return
    stored = objects.get(row.object_key)
    if stored is None:
        yield Violation("I17", LOST, row.id, f"its upload {row.object_key} is gone")
    elif _digest(stored) != row.sha256:
        yield Violation("I15", WRONG, row.id, "its upload holds other bytes than its row tells of")


def _result(objects: Mapping[str, Stored], row: DocumentFact, sent: Document | None) -> Iterator[Violation]:
    if row.status != "SUCCEEDED":
        return
    stored = objects.get(row.result_key or "")
    if stored is None:
        yield Violation("I14", WRONG, row.id, f"it succeeded and its result {row.result_key} is not there")
        return
    if _digest(stored) != row.result_sha256:
        yield Violation("I14", WRONG, row.id, "its result is another than was reported")
    result = _read(stored)
    source = result.get("document", {})
    if (source.get("document_id"), source.get("sha256")) != (row.id, row.sha256):
        yield Violation("I15", WRONG, row.id, "its result names another document")
    if sent is not None and sent.mark not in _words(result.get("values")):
        yield Violation("I15", WRONG, row.id, f"its result does not hold its mark {sent.mark}")


def _left_over(store: Store, facts: Facts, grace_seconds: float) -> Iterator[Violation]:
    rows = facts.documents.values()
    wanted = facts.exports | {row.object_key for row in rows} | {row.result_key for row in rows}
    for stored in store.objects.values():
        if stored.key not in wanted and stored.age_seconds > grace_seconds:
            yield Violation("I17", OTHER, stored.key, f"nobody points to it and it is {stored.age_seconds:.0f} s old")
    for key, age_seconds in store.open_uploads.items():
        if age_seconds > grace_seconds:
            yield Violation("I17", OTHER, key, f"a multipart upload is open for {age_seconds:.0f} s")


def _texts(objects: Mapping[str, Stored]) -> Iterator[tuple[str, str, str]]:
    for stored in objects.values():
        area, tenant_id, *_ = [*stored.key.split("/"), ""]
        yield stored.key, tenant_id if area == "t" else "", stored.body.decode(errors="replace")


def _digest(stored: Stored) -> str:
    return hashlib.sha256(stored.body).hexdigest()


def _read(stored: Stored) -> dict[str, Any]:
    with suppress(ValueError):
        found = json.loads(stored.body)
        if isinstance(found, dict):
            return cast("dict[str, Any]", found)
    return {}


def _words(values: Any) -> Iterator[str]:
    """Every text within a JSON value."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, dict | list):
        held = cast("dict[str, Any] | list[Any]", values)
        for each in held.values() if isinstance(held, dict) else held:
            yield from _words(each)
