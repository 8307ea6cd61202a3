"""What the batch API must answer, in as few words as possible: one batch, its documents, and a worker that obeys."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

WAITING: Final = frozenset({"PENDING_UPLOAD", "UPLOADED", "QUEUED", "RETRY_WAIT"})
FINAL: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})
FINAL_BATCH: Final = frozenset({"COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELLED"})


class Refused(Exception):
    """The call must answer this reason."""


@dataclass
class Document:
    """One document as its owner may see it."""

    id: str
    status: str = "PENDING_UPLOAD"
    body: bytes | None = None
    error: str = ""
    stop_asked: bool = False
    removed: bool = False

    def end(self, status: str, error: str = "") -> None:
        self.status, self.error, self.stop_asked = status, error, False


@dataclass
class Model:
    """One batch from its creation on."""

    documents: list[Document] = field(default_factory=list[Document])
    sealed: bool = False
    started: bool = False
    cancelled: bool = False
    paused: bool = False
    deleted: bool = False
    generation: int = 0
    claims: int = 0
    """How often a document was claimed."""

    @property
    def present(self) -> list[Document]:
        return [one for one in self.documents if not one.removed]

    @property
    def counts(self) -> Counter[str]:
        return Counter(one.status for one in self.present)

    @property
    def size(self) -> int:
        return sum(len(one.body or b"") for one in self.present)

    @property
    def errors(self) -> dict[str, int]:
        return dict(Counter(one.error for one in self.present if one.status == "FAILED"))

    @property
    def status(self) -> str:
        if not self.sealed:
            return "CANCELLED" if self.cancelled else "PENDING"
        if any(one.status not in FINAL for one in self.present):
            return "CANCELLING" if self.cancelled else "PROCESSING" if self.started else "QUEUED"
        return self._final()

    def _final(self) -> str:
        counts, total = self.counts, len(self.present)
        if counts["CANCELLED"] and (self.cancelled or counts["CANCELLED"] == total):
            return "CANCELLED"
        if not counts["SUCCEEDED"]:
            return "FAILED"
        return "COMPLETED" if counts["SUCCEEDED"] == total else "COMPLETED_WITH_ERRORS"

    def add(self, ids: list[str]) -> None:
        self.must_be_draft()
        self.documents += [Document(one) for one in ids]

    def remove(self, document: Document) -> None:
        self.must_be_draft()
        _must_be_there(document)
        document.removed = True

    def upload(self, document: Document, body: bytes) -> None:
        self.must_exist()
        _must_be_there(document)
        if self.status != "PENDING":
            raise Refused("BATCH_NOT_DRAFT")
        if document.status == "CANCELLED" or document.body not in (None, body):
            raise Refused("DOCUMENT_NOT_OPEN")
        document.body = body
        document.status = "UPLOADED"

    def seal(self, *, drop_incomplete: bool) -> None:
        self.must_be_draft()
        missing = [one for one in self.present if one.status == "PENDING_UPLOAD"]
        if missing and not drop_incomplete:
            raise Refused("UPLOAD_INCOMPLETE")
        if len(missing) == len(self.present):
            raise Refused("BATCH_EMPTY")
        for one in missing:
            one.removed = True
        self.sealed = True
        self._queue([one for one in self.present if one.status == "UPLOADED"])

    def pause(self) -> None:
        self.must_exist()
        if self.status == "PENDING":
            raise Refused("BATCH_NOT_SEALED")
        if self.status in FINAL_BATCH or self.status == "CANCELLING":
            raise Refused("BATCH_NOT_OPEN")
        self.paused = True

    def resume(self) -> None:
        self.must_exist()
        self.paused = False

    def cancel(self) -> None:
        self.must_exist()
        if self.status in FINAL_BATCH:
            return
        self.cancelled, self.paused = True, False
        self._stop(self.present)

    def cancel_documents(self, documents: list[Document]) -> int:
        self.must_exist()
        for one in documents:
            _must_be_there(one)
        still_open = {one.id: one for one in documents if one.status not in FINAL}
        self._stop(list(still_open.values()))
        self._unpause_when_final()
        return len(still_open)

    def retry(self, documents: list[Document], codes: list[str]) -> int:
        self.must_exist()
        if not self.sealed or self.status == "CANCELLING":
            raise Refused("BATCH_NOT_SEALED")
        fit = [one for one in self.present if one.status in FINAL - {"SUCCEEDED"} and one.body is not None]
        fit = [one for one in fit if one in documents or not documents]
        fit = [one for one in fit if one.error in codes or not codes]
        if not fit:
            raise Refused("DOCUMENT_NOT_OPEN")
        if self.status in FINAL_BATCH:
            self.generation += 1
            self.cancelled = self.started = False
        self._queue(fit)
        return len(fit)

    def delete(self) -> None:
        if not self.deleted:
            self.cancel()
        self.deleted = True

    def finish(self, document: Document, outcome: str) -> None:
        """A worker tells of a running document: it succeeded, failed with a code, or was given back."""
        if outcome == "SUCCEEDED":
            document.end("SUCCEEDED")
        elif document.stop_asked:
            document.end("CANCELLED", "CANCELLED")
        elif outcome == "RELEASED":
            document.status = "RETRY_WAIT"
        else:
            document.end("FAILED", outcome)
        self._unpause_when_final()

    def claim(self) -> None:
        """What waits is claimed by a worker with room, unless the batch is held."""
        if not self.sealed or self.paused:
            return
        for one in self.present:
            if one.status in ("QUEUED", "RETRY_WAIT"):
                one.status, one.error = "PROCESSING", ""
                self.started = True
                self.claims += 1

    def must_exist(self) -> None:
        if self.deleted:
            raise Refused("NOT_FOUND")

    def must_be_draft(self) -> None:
        self.must_exist()
        if self.status != "PENDING":
            raise Refused("BATCH_NOT_DRAFT")

    def _stop(self, documents: list[Document]) -> None:
        for one in documents:
            if one.status in WAITING:
                one.end("CANCELLED", "CANCELLED")
            elif one.status == "PROCESSING":
                one.stop_asked = True

    def _queue(self, documents: list[Document]) -> None:
        for one in documents:
            one.end("QUEUED")

    def _unpause_when_final(self) -> None:
        if self.status in FINAL_BATCH:
            self.paused = False


def _must_be_there(document: Document) -> None:
    if document.removed:
        raise Refused("NOT_FOUND")
