"""PostgreSQL, RabbitMQ and the object store, each broken as a whole."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from chassis.topology import EVENTS, EVENTS_LOG, JOBS, JOBS_EXTRACT, PROGRESS, PROGRESS_FOLD
from tests.chaos.faults.fault import Fault, Hit, Scene

BROKER, DATABASE, STORE = "rabbitmq", "postgres", "object-store"


@asynccontextmanager
async def broker_killed(scene: Scene) -> AsyncGenerator[Hit]:
    """SIGKILL; back after a while."""
    await scene.stage.servers.kill_broker()
    yield Hit(BROKER)
    await scene.stage.servers.start_broker()
    await scene.recoveries.confirm(scene.stage)


@asynccontextmanager
async def broker_restarted(scene: Scene) -> AsyncGenerator[Hit]:
    """As for an upgrade."""
    await scene.stage.servers.restart_broker_app()
    yield Hit(BROKER)


@asynccontextmanager
async def broker_wiped(scene: Scene) -> AsyncGenerator[Hit]:
    """It forgets everything: queues, messages, the log of events."""
    scene.stage.subscriber.begin_again()
    await scene.stage.servers.wipe_broker()
    yield Hit(BROKER)
    await scene.recoveries.confirm(scene.stage)


@asynccontextmanager
async def broker_alarmed(scene: Scene) -> AsyncGenerator[Hit]:
    """No disk space: it takes no message from anybody."""
    await scene.stage.servers.broker_alarm(on=True)
    try:
        yield Hit(BROKER)
    finally:
        await scene.stage.servers.broker_alarm(on=False)


@asynccontextmanager
async def queue_deleted(scene: Scene) -> AsyncGenerator[Hit]:
    """An operator's mistake."""
    queue = scene.rng.choice((JOBS_EXTRACT.name, PROGRESS_FOLD.name))
    await scene.stage.servers.delete_queue(queue)
    yield Hit(queue)


@asynccontextmanager
async def exchange_deleted(scene: Scene) -> AsyncGenerator[Hit]:
    """Another one."""
    exchange = scene.rng.choice((JOBS.name, PROGRESS.name, EVENTS.name))
    await scene.stage.servers.delete_exchange(exchange)
    yield Hit(exchange)


@asynccontextmanager
async def log_unbound(scene: Scene) -> AsyncGenerator[Hit]:
    """And a third: the log of events is there, and no event reaches it."""
    await scene.stage.servers.unbind(EVENTS_LOG.name, EVENTS.name, EVENTS_LOG.binding)
    yield Hit(EVENTS_LOG.name)


@asynccontextmanager
async def database_restarted(scene: Scene) -> AsyncGenerator[Hit]:
    """Immediate shutdown, as when the machine fails; back at once."""
    await scene.stage.servers.restart_database_immediate()
    yield Hit(DATABASE)
    await scene.recoveries.commit(scene.stage)


@asynccontextmanager
async def database_killed(scene: Scene) -> AsyncGenerator[Hit]:
    """Gone for a while."""
    await scene.stage.servers.kill_database()
    yield Hit(DATABASE)
    await scene.stage.servers.start_database()
    await scene.recoveries.commit(scene.stage)


@asynccontextmanager
async def backend_killed(scene: Scene) -> AsyncGenerator[Hit]:
    """One session dies hard, and PostgreSQL ends all others."""
    pid = await scene.stage.servers.kill_backend(scene.rng)
    yield Hit(f"backend {pid}")


@asynccontextmanager
async def store_killed(scene: Scene) -> AsyncGenerator[Hit]:
    """Gone for a while."""
    await scene.stage.servers.kill_store()
    yield Hit(STORE)
    await scene.stage.servers.start_store()


def _frozen(name: str) -> Fault:
    @asynccontextmanager
    async def frozen(scene: Scene) -> AsyncGenerator[Hit]:
        await scene.stage.servers.freeze(name)
        try:
            yield Hit(name)
        finally:
            await scene.stage.servers.thaw(name)

    return Fault(f"{name}_frozen", frozen, name, 1.0, (1.0, 8.0))


FAULTS = (
    Fault("broker_killed", broker_killed, BROKER, 1.5, (0.5, 4.0)),
    Fault("broker_restarted", broker_restarted, BROKER, 1.0),
    Fault("broker_wiped", broker_wiped, BROKER, 1.0),
    Fault("broker_alarmed", broker_alarmed, BROKER, 1.0, (2.0, 8.0)),
    Fault("queue_deleted", queue_deleted, BROKER, 1.0, (1.0, 2.0)),
    Fault("exchange_deleted", exchange_deleted, BROKER, 1.0, (1.0, 2.0)),
    Fault("log_unbound", log_unbound, BROKER, 1.0, (1.0, 2.0)),
    Fault("database_restarted", database_restarted, DATABASE, 2.0, (0.5, 1.0)),
    Fault("database_killed", database_killed, DATABASE, 1.0, (1.0, 8.0)),
    Fault("backend_killed", backend_killed, DATABASE, 1.5, (0.5, 1.0)),
    Fault("store_killed", store_killed, STORE, 1.5, (1.0, 5.0)),
    *(_frozen(name) for name in (BROKER, DATABASE, STORE)),
)
