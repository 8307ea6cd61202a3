"""AdminService, dead letters: list, replay."""

from uuid import UUID

from batch.store import dead_letters
from batch.store.database import Database
from batch.store.dead_letters import DeadLetterRow
from batch.wire import paging
from batch.wire.fields import Violations
from batch.wire.moments import timestamp
from chassis.amqp import Publisher, PublishFailed
from chassis.logs import get_logger
from quire.admin.v1 import admin_service_pb2, tenant_pb2

log = get_logger()

MOST_REPLAYED = 1_000
BODY_SHOWN = 4_096


def dead_letter_message(row: DeadLetterRow) -> tenant_pb2.DeadLetter:
    """A dead letter as operators see it."""
    return tenant_pb2.DeadLetter(
        id=str(row.id),
        queue=row.queue,
        reason=f"{row.reason}: {row.explanation}",
        document_id=str(row.document_id or ""),
        body=row.body[:BODY_SHOWN],
        dead_time=timestamp(row.dead_at),
    )


class ListDeadLetters:
    """Reads pages of dead letters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: admin_service_pb2.ListDeadLettersRequest, _: object
    ) -> admin_service_pb2.ListDeadLettersResponse:
        """Answer a page of those that were not replayed, oldest first."""
        query = paging.query_of("admin", request)
        place = paging.place_of(request.page_token, query, UUID)
        size = paging.page_size(request.page_size, 50)
        async with self._database.engine() as tx:
            found = await dead_letters.list_page(tx, place[0] if place else UUID(int=0), size + 1)
        page = found[:size]
        return admin_service_pb2.ListDeadLettersResponse(
            dead_letters=[dead_letter_message(row) for row in page],
            next_page_token=paging.token(query, [str(page[-1].id)]) if len(found) > size else "",
        )


class ReplayDeadLetters:
    """Sends dead letters to where they were published first."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher

    async def __call__(
        self, request: admin_service_pb2.ReplayDeadLettersRequest, _: object
    ) -> admin_service_pb2.ReplayDeadLettersResponse:
        """Answer how many were sent; those unknown, sent before, or taken by no queue are not among them."""
        violations = Violations()
        violations.within("ids", len(request.ids), 1, MOST_REPLAYED)
        ids = [violations.uuid("ids", one) for one in request.ids]
        violations.check()
        await self._publisher.open()
        async with self._database.engine() as tx:
            letters = await dead_letters.to_replay(tx, ids)
        sent = [letter.id for letter in letters if await self._replay(letter)]
        async with self._database.engine() as tx:
            await dead_letters.mark_replayed(tx, sent)
        return admin_service_pb2.ReplayDeadLettersResponse(replayed_count=len(sent))

    async def _replay(self, letter: DeadLetterRow) -> bool:
        try:
            await self._publisher.replay(letter.exchange, letter.routing_key, letter.body, letter.headers)
        except PublishFailed as error:
            log.warning("dead_letter_not_replayed", dead_letter_id=str(letter.id), error=str(error))
            return False
        log.info("dead_letter_replayed", dead_letter_id=str(letter.id), document_id=str(letter.document_id or ""))
        return True
