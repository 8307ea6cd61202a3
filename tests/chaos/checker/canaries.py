"""Words that must be seen by their owner only: where they stand, and who may see them there (I16)."""

import re
from collections.abc import Iterable, Mapping

from tests.chaos.checker.facts import Facts
from tests.chaos.checker.verdict import WRONG
from tests.chaos.records import Records, Violation, canary_of
from tests.integration.batch.database import Database

_BYTES = re.compile(r"\\x((?:[0-9a-f]{2})+)")
_WITH_TENANT = """
SELECT table_name FROM information_schema.columns
 WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY table_name
"""


class Canaries:
    """All canaries of a run and the tenants they belong to."""

    def __init__(self, owners: Mapping[str, str]) -> None:
        self._owners = owners
        # Longest first and nothing behind: the canary of `a` is no part of that of `ab`.
        words = "|".join(re.escape(word) for word in sorted(owners, key=len, reverse=True))
        self._words = re.compile(rf"(?:{words})(?![\w-])" if words else r"(?!)")

    def within(self, text: str) -> set[str]:
        """Those that stand in a text."""
        return set(self._words.findall(text))

    def foreign(self, text: str, tenant_id: str) -> set[str]:
        """Those that stand in a text of a tenant and belong to another one."""
        return {word for word in self.within(text) if self._owners[word] != tenant_id}


def canaries_of(records: Records, facts: Facts) -> Canaries:
    """The canaries of every tenant that made a batch."""
    batches = [batch for batch in records.client.batches.values() if batch.id in facts.batches]
    return Canaries({canary_of(batch.tenant): facts.batches[batch.id].tenant_id for batch in batches})


def seen(canaries: Canaries, texts: Iterable[tuple[str, str, str]]) -> list[Violation]:
    """Foreign canaries within texts, each given with where it stands and whose it is."""
    found = [(where, canaries.foreign(text, tenant_id)) for where, tenant_id, text in texts]
    return [Violation("I16", WRONG, where, f"holds {', '.join(sorted(words))}") for where, words in found if words]


async def in_rows(database: Database, canaries: Canaries) -> list[Violation]:
    """Foreign canaries in any row that belongs to a tenant."""
    found = list[Violation]()
    for table in [row["table_name"] for row in await database.rows(_WITH_TENANT)]:
        rows = await database.rows(f"SELECT tenant_id::text, ctid::text AS place, t::text AS row FROM {table} t")
        texts = [(f"{table} {row['place']}", row["tenant_id"] or "", _readable(row["row"])) for row in rows]
        found += seen(canaries, texts)
    return found


def _readable(row: str) -> str:
    """A row as text, bytea values read as well."""
    return row + " ".join(bytes.fromhex(found).decode(errors="replace") for found in _BYTES.findall(row))
