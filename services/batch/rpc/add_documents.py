"""BatchService.AddDocuments: announces documents of a draft, all or none."""

from uuid import UUID

from uuid_utils.compat import uuid7

from batch.domain import tiers
from batch.domain.tiers import TierRules
from batch.identity import caller
from batch.once import once
from batch.store import documents
from batch.store.database import Database, Tx
from batch.store.documents import Announced, ListFilter
from batch.store.rows import BatchRow
from batch.views import load
from batch.wire.batches import batch_message
from batch.wire.documents import document_message
from batch.wire.fields import Violations
from batch.wire.limits import refuse
from chassis.errors import CallReason, precondition
from quire.batch.v1 import batch_service_pb2

MOST = 1000


class AddDocuments:
    """Announces documents."""

    def __init__(self, database: Database, rules: TierRules) -> None:
        self._database = database
        self._rules = rules

    async def __call__(
        self, request: batch_service_pb2.AddDocumentsRequest, _: object
    ) -> batch_service_pb2.AddDocumentsResponse:
        """Answer the announced documents with their ids."""
        batch_id, announced = _check(request)
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            return await once(
                tx,
                tenant_id,
                request,
                batch_service_pb2.AddDocumentsResponse,
                lambda: self._add(tx, tenant_id, batch_id, announced),
            )

    async def _add(
        self, tx: Tx, tenant_id: UUID, batch_id: UUID, announced: list[Announced]
    ) -> batch_service_pb2.AddDocumentsResponse:
        row = await load(tx, tenant_id, batch_id, lock=True)
        self._admit(row, announced)
        first = await documents.last_position(tx, batch_id)
        placed = [
            Announced(one.id, first + number, one.name, one.size_bytes, one.expected_sha256, one.media_type)
            for number, one in enumerate(announced, start=1)
        ]
        changed = await documents.insert(tx, batch_id, placed)
        added = await documents.list_page(tx, batch_id, ListFilter(after_position=first), len(placed))
        return batch_service_pb2.AddDocumentsResponse(
            documents=[document_message(one) for one in added], batch=batch_message(changed)
        )

    def _admit(self, row: BatchRow, announced: list[Announced]) -> None:
        if row.status != "PENDING":
            raise precondition(
                CallReason.BATCH_NOT_DRAFT, f"the batch is {row.status}; create another for more documents"
            )
        limits = tiers.from_mapping(row.limits)
        refuse(tiers.admit_documents(limits, already=row.total_documents, adding=len(announced)), self._rules)
        for number, one in enumerate(announced):
            refusal = tiers.admit_size(limits, one.name, one.size_bytes)
            refuse(refusal, self._rules, field=f"documents[{number}].size_bytes")


def _check(request: batch_service_pb2.AddDocumentsRequest) -> tuple[UUID, list[Announced]]:
    violations = Violations()
    batch_id = violations.uuid("batch_id", request.batch_id)
    if not 1 <= len(request.documents) <= MOST:
        violations.add("documents", f"must be 1 to {MOST} announcements, are {len(request.documents)}")
    announced = [
        _announced(violations, f"documents[{number}]", one) for number, one in enumerate(request.documents[:MOST])
    ]
    violations.check()
    return batch_id, announced


def _announced(violations: Violations, field: str, one: batch_service_pb2.DocumentAnnouncement) -> Announced:
    violations.within(f"{field}.size_bytes", one.size_bytes, 0, 2**50)
    return Announced(
        id=uuid7(),
        position=0,
        name=violations.document_name(f"{field}.name", one.name),
        size_bytes=one.size_bytes,
        expected_sha256=violations.sha256(f"{field}.sha256", one.sha256),
        media_type=violations.text(f"{field}.media_type", one.media_type, 255),
    )
