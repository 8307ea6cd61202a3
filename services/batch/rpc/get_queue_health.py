"""AdminService.GetQueueHealth: every queue of the topology, as the broker tells it now."""

from chassis.amqp import Doctor, Examined, State
from chassis.topology import QUEUES
from quire.admin.v1 import admin_service_pb2, tenant_pb2


class GetQueueHealth:
    """Asks the broker."""

    def __init__(self, doctor: Doctor) -> None:
        self._doctor = doctor

    async def __call__(
        self, _request: admin_service_pb2.GetQueueHealthRequest, _: object
    ) -> admin_service_pb2.GetQueueHealthResponse:
        """Answer the queues; a queue that does not answer is not healthy."""
        found = await self._doctor.examine(*QUEUES)
        return admin_service_pb2.GetQueueHealthResponse(queues=[_queue(one) for one in found])


def _queue(found: Examined) -> tenant_pb2.QueueHealth:
    return tenant_pb2.QueueHealth(
        name=found.queue.name,
        ready=found.ready,
        consumers=found.consumers,
        healthy=found.state is State.WELL,
    )
