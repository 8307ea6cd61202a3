"""One tenant's batch of two documents that ended well, as every record and fact tells of it."""

import hashlib
import json
from dataclasses import dataclass, field

from tests.chaos.checker.facts import BatchFact, DocumentFact, Facts
from tests.chaos.checker.store import Store, Stored
from tests.chaos.records import (
    Asked,
    Batch,
    ClientLog,
    Document,
    Faulted,
    FaultLog,
    ModelLog,
    Records,
    Seen,
    SubscriberLog,
    canary_of,
)

TENANT, OTHER = "ann", "ann-b"
TENANT_ID, OTHER_ID = "tenant-1", "tenant-2"
FIRST, SECOND = "document-1", "document-2"


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def bytes_of(document_id: str) -> bytes:
    return f"mark-{document_id} {canary_of(TENANT)}".encode()


def result_of(document_id: str, mark: str = "", sha256: str = "") -> bytes:
    source = {"document_id": document_id, "sha256": sha256 or digest(bytes_of(document_id))}
    return json.dumps({"document": source, "values": {"mark": mark or f"mark-{document_id}"}}).encode()


def heard(sequence: int, event_type: str = "batch.progressed.v1", at: float = 0.0, **fields: object) -> Seen:
    usual = {
        "event_id": f"event-{sequence}",
        "tenant_id": TENANT_ID,
        "batch_id": "batch-1",
        "version": 2 * sequence,
        "retry_generation": 0,
        "status": "PROCESSING",
    }
    return Seen(at=at or float(sequence), event_type=event_type, sequence=sequence, **(usual | fields))  # pyright: ignore[reportArgumentType]


def ended(sequence: int = 3, **fields: object) -> Seen:
    return heard(sequence, "batch.completed.v1", **{"event_id": "terminal-0", "status": "COMPLETED"} | fields)  # pyright: ignore[reportArgumentType]


def fault(name: str, began: float, healed: float, *running: str) -> Faulted:
    return Faulted(1, name, "somewhere", began, healed, frozenset(running))


def asked(document_id: str, at: float, answer: str = "success", tenant: str = TENANT) -> Asked:
    return Asked(at, f"mark-{document_id}", answer, at + 1, frozenset({canary_of(tenant)}))


@dataclass
class Run:
    """Change a part, then ask the checker."""

    batch: Batch
    row: BatchFact
    documents: dict[str, DocumentFact]
    objects: dict[str, Stored]
    records: Records
    open_uploads: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def facts(self) -> Facts:
        batches = {self.row.id: self.row, "batch-2": BatchFact("batch-2", OTHER_ID, "PENDING")}
        return Facts(batches, self.documents)

    @property
    def store(self) -> Store:
        return Store(self.objects, self.open_uploads)

    def fault(self, name: str, began: float, healed: float, *running: str) -> None:
        self.records.faults.faults.append(fault(name, began, healed, *running))


def finished_run() -> Run:
    documents = {each: _sent(each) for each in (FIRST, SECOND)}
    batch = Batch("batch-1", TENANT, sealed=True, documents=documents)
    row = BatchFact("batch-1", TENANT_ID, "COMPLETED", 6, 3, 0, "terminal-0", sealed=True)
    client = ClientLog({"batch-1": batch, "batch-2": Batch("batch-2", OTHER)})
    subscriber = SubscriberLog([heard(1), heard(2), ended(), ended(at=4.0)])
    model = ModelLog([asked(FIRST, 1.0), asked(SECOND, 2.0)])
    records = Records(client, subscriber, model, FaultLog())
    return Run(batch, row, {each: _row(each) for each in documents}, _objects(documents), records)


def _sent(document_id: str) -> Document:
    sha256 = digest(bytes_of(document_id))
    return Document(document_id, "batch-1", f"{document_id}.txt", sha256, f"mark-{document_id}", accepted=True)


def _row(document_id: str) -> DocumentFact:
    return DocumentFact(
        id=document_id,
        batch_id="batch-1",
        tenant_id=TENANT_ID,
        status="SUCCEEDED",
        sha256=digest(bytes_of(document_id)),
        object_key=f"t/{TENANT_ID}/b/batch-1/d/{document_id}/u/1",
        result_key=f"t/{TENANT_ID}/b/batch-1/d/{document_id}/a/1/result.json",
        result_sha256=digest(result_of(document_id)),
    )


def _objects(documents: dict[str, Document]) -> dict[str, Stored]:
    found = dict[str, Stored]()
    for each in documents:
        row = _row(each)
        for key, body in ((row.object_key, bytes_of(each)), (row.result_key, result_of(each))):
            assert key is not None
            found[key] = Stored(key, body)
    return found
