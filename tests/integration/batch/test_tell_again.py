"""A log of events that is new is told the ends of batches again, each with the id it had."""

import aio_pika

from chassis.amqp import Doctor
from chassis.topology import EVENTS_LOG
from tests.integration.batch.world import World
from tests.waiting import until


async def test_a_lost_log_of_events_is_told_how_batches_ended(world: World) -> None:
    subscriber = await world.subscriber()
    await world.worker()
    batch_id = (await (await world.tenant()).sealed(3)).id
    await subscriber.until_terminal([batch_id])
    doctor = Doctor(world.servers["QUIRE_AMQP_URL"], "test")
    await until(lambda: doctor.is_marked(EVENTS_LOG))
    times = len([heard for heard in subscriber.of(batch_id) if heard.terminal])

    await world.database.execute("UPDATE batch_processes SET version = version + 1")  # as a late cost does
    connection = await aio_pika.connect(world.servers["QUIRE_AMQP_URL"])
    async with connection:
        await (await connection.channel()).queue_delete(EVENTS_LOG.name)

    await subscriber.until(lambda: len([one for one in subscriber.of(batch_id) if one.terminal]) > times)
    told = [heard for heard in subscriber.of(batch_id) if heard.terminal]
    assert len({(heard.id, heard.batch.SerializeToString(deterministic=True)) for heard in told}) == 1
    await until(lambda: doctor.is_marked(EVENTS_LOG))
