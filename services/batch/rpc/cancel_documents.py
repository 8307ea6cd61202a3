"""BatchService.CancelDocuments: waiting ones at once, running ones as soon as their worker answers."""

from collections.abc import Sequence
from uuid import UUID

from batch import ledger
from batch.domain.status import FINAL_DOCUMENT
from batch.identity import caller
from batch.store import documents, moves
from batch.store.database import Database, Tx
from batch.store.rows import BatchRow
from batch.views import detailed, load
from batch.wire.fields import Violations
from chassis.errors import not_found
from quire.batch.v1 import batch_service_pb2

MOST = 1000


class CancelDocuments:
    """Cancels documents of drafts and of batches at work."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: batch_service_pb2.CancelDocumentsRequest, _: object
    ) -> batch_service_pb2.CancelDocumentsResponse:
        """Answer the batch and how many of the documents were open."""
        violations = Violations()
        batch_id = violations.uuid("batch_id", request.batch_id)
        ids = violations.uuids("document_ids", request.document_ids, MOST, least=1)
        violations.check()
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            row = await load(tx, tenant_id, batch_id, lock=True)
            open_ids = await _open(tx, batch_id, ids)
            if open_ids:
                row = await _cancel(tx, row, open_ids)
            return batch_service_pb2.CancelDocumentsResponse(
                batch=(await detailed(tx, [row]))[0], cancelled_count=len(open_ids)
            )


async def _open(tx: Tx, batch_id: UUID, ids: Sequence[UUID]) -> list[UUID]:
    statuses = await documents.statuses(tx, batch_id, ids)
    unknown = next((one for one in ids if one not in statuses), None)
    if unknown is not None:
        raise not_found("document", str(unknown))
    return [one for one, status in statuses.items() if status not in FINAL_DOCUMENT]


async def _cancel(tx: Tx, row: BatchRow, ids: Sequence[UUID]) -> BatchRow:
    row = await moves.cancel_waiting(tx, row.id, ids) or row
    row = await moves.ask_to_stop(tx, row.id, ids) or row
    return (await ledger.settle(tx, [row]))[0]
