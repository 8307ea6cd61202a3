"""Everything the checker asserts once a run has healed and become quiet."""

from tests.chaos.checker import (
    attempts,
    broker,
    canaries,
    damage,
    events,
    logs,
    model_calls,
    objects,
    processes,
    promises,
    rows,
    stream,
)
from tests.chaos.checker.facts import read_facts
from tests.chaos.checker.ground import Ground
from tests.chaos.checker.store import read_store
from tests.chaos.records import Records, Violation
from tests.integration.batch.database import Database


async def check(world: Ground, records: Records) -> list[Violation]:
    """Answer all that does not hold; figures and what was not looked at go to the notes of the ground."""
    database = await Database.connect(world.owner_url)
    try:
        facts = await read_facts(database)
        words = canaries.canaries_of(records, facts)
        found = await rows.violations(world, database)
        found += await canaries.in_rows(database, words)
        found += await damage.violations(world, database)
    finally:
        await database.close()
    found += promises.violations(records, facts)
    found += attempts.violations(records, facts, world.sparing, world.slots, world.lease_seconds)
    found += events.violations(records, facts, world.forgetful)
    found += model_calls.violations(records, world.lease_seconds, world.sparing)
    found += objects.violations(await read_store(world.store, world.notes), records, facts, world.sweep_grace_seconds)
    found += await broker.violations(world, facts, records.faults)
    found += stream.violations(await stream.read_events(world.amqp_url, world.notes), words, logs.marks_of(records))
    found += logs.violations(logs.read_logs(world.logs), records, world.secrets)
    found += processes.violations(world)
    world.notes.append(str(model_calls.spending(records)))
    return found
