"""IntakeService.BeginUpload: a new object key for each upload of an announced document."""

from uuid_utils.compat import uuid7

from batch.domain import keys, tiers
from batch.domain.status import DocumentStatus
from batch.domain.tiers import TierRules
from batch.identity import caller
from batch.store import documents
from batch.store.database import Database
from batch.store.rows import BatchRow, DocumentRow
from batch.views import load
from batch.wire.fields import Violations
from batch.wire.limits import refuse
from chassis.errors import CallReason, not_found, precondition
from quire.intake.v1 import intake_service_pb2


class BeginUpload:
    """Opens uploads."""

    def __init__(self, database: Database, rules: TierRules) -> None:
        self._database = database
        self._rules = rules

    async def __call__(
        self, request: intake_service_pb2.BeginUploadRequest, _: object
    ) -> intake_service_pb2.BeginUploadResponse:
        """Answer where to write and how much."""
        violations = Violations()
        batch_id = violations.uuid("batch_id", request.batch_id)
        document_id = violations.uuid("document_id", request.document_id)
        violations.within("size_bytes", request.size_bytes, 0, 2**50)
        violations.check()
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            row = await load(tx, tenant_id, batch_id)
            document = await documents.get(tx, tenant_id, batch_id, document_id)
            if document is None:
                raise not_found("document", request.document_id)
            self._admit(row, document, request.size_bytes)
            key = keys.upload_key(tenant_id, batch_id, document_id, uuid7())
            await documents.begin_upload(tx, document, key)
        return intake_service_pb2.BeginUploadResponse(
            object_key=key,
            max_bytes=tiers.from_mapping(row.limits).bytes_per_document,
            expected_sha256=document.expected_sha256,
            expected_size_bytes=document.size_bytes,
        )

    def _admit(self, row: BatchRow, document: DocumentRow, size_bytes: int) -> None:
        if row.status != "PENDING":
            raise precondition(CallReason.BATCH_NOT_DRAFT, f"the batch is {row.status}; uploads are over")
        if document.current is DocumentStatus.CANCELLED:
            raise precondition(CallReason.DOCUMENT_NOT_OPEN, "the document was cancelled; announce it again")
        refuse(tiers.admit_size(tiers.from_mapping(row.limits), document.name, size_bytes), self._rules)
