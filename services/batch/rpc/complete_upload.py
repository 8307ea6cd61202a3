"""IntakeService.CompleteUpload: the first complete upload of a document wins."""

from uuid import UUID

from batch.domain import tiers
from batch.domain.status import DocumentStatus
from batch.domain.tiers import TierRules
from batch.identity import caller
from batch.store import documents
from batch.store.database import Database, Tx
from batch.store.documents import Stored
from batch.store.rows import DocumentRow
from batch.views import load
from batch.wire.documents import document_message
from batch.wire.fields import Violations
from batch.wire.limits import refuse
from chassis.errors import CallReason, invalid, not_found, precondition
from chassis.failures import FailureCode
from quire.intake.v1 import intake_service_pb2


class CompleteUpload:
    """Records uploads."""

    def __init__(self, database: Database, rules: TierRules) -> None:
        self._database = database
        self._rules = rules

    async def __call__(
        self, request: intake_service_pb2.CompleteUploadRequest, _: object
    ) -> intake_service_pb2.CompleteUploadResponse:
        """Answer the uploaded document."""
        batch_id, document_id, stored = _check(request)
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            batch = await load(tx, tenant_id, batch_id, lock=True)
            document = await _load(tx, tenant_id, batch_id, document_id)
            if not await documents.knows_upload(tx, document_id, stored.object_key):
                raise not_found("upload", stored.object_key)
            if document.status == "PENDING_UPLOAD":
                if batch.status != "PENDING":
                    raise precondition(CallReason.BATCH_NOT_DRAFT, f"the batch is {batch.status}; uploads are over")
                refuse(
                    tiers.admit_size(tiers.from_mapping(batch.limits), document.name, stored.size_bytes), self._rules
                )
                _check_promise(document, stored)
                await documents.complete_upload(tx, document_id, stored)
                document = await _load(tx, tenant_id, batch_id, document_id)
        if document.current is DocumentStatus.CANCELLED:
            raise precondition(CallReason.DOCUMENT_NOT_OPEN, "the document was cancelled; announce it again")
        if document.sha256 != stored.sha256:
            raise precondition(CallReason.DOCUMENT_NOT_OPEN, "another upload with other bytes came first")
        return intake_service_pb2.CompleteUploadResponse(document=document_message(document))


async def _load(tx: Tx, tenant_id: UUID, batch_id: UUID, document_id: UUID) -> DocumentRow:
    found = await documents.get(tx, tenant_id, batch_id, document_id)
    if found is None:
        raise not_found("document", str(document_id))
    return found


def _check_promise(document: DocumentRow, stored: Stored) -> None:
    if document.expected_sha256 and document.expected_sha256 != stored.sha256:
        raise invalid(
            {"sha256": f"{document.expected_sha256} was announced, {stored.sha256} arrived"},
            FailureCode.CHECKSUM_MISMATCH,
        )
    if document.size_bytes and document.size_bytes != stored.size_bytes:
        raise invalid(
            {"size_bytes": f"{document.size_bytes} were announced, {stored.size_bytes} arrived"},
            FailureCode.UPLOAD_INCOMPLETE,
        )


def _check(request: intake_service_pb2.CompleteUploadRequest) -> tuple[UUID, UUID, Stored]:
    violations = Violations()
    batch_id = violations.uuid("batch_id", request.batch_id)
    document_id = violations.uuid("document_id", request.document_id)
    violations.within("size_bytes", request.size_bytes, 0, 2**50)
    digest = violations.sha256("sha256", request.sha256)
    if not digest:
        violations.add("sha256", "must not be empty")
    violations.text("object_key", request.object_key, 1_024, required=True)
    violations.text("media_type", request.media_type, 255)
    violations.check()
    if request.size_bytes == 0:
        raise invalid({"size_bytes": "the file is empty"}, FailureCode.FILE_EMPTY)
    return batch_id, document_id, Stored(request.object_key, request.size_bytes, digest, request.media_type)
