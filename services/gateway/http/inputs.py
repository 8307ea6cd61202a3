"""What callers may send as JSON. Types only: what a value may be is the batch service's to say."""

import json
from typing import Annotated, Any

from google.protobuf.duration_pb2 import Duration
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from quire.batch.v1.batch_pb2 import BatchOptions
from quire.batch.v1.batch_service_pb2 import CreateBatchRequest, DocumentAnnouncement

Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31, strict=True)]
Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63, strict=True)]


def _no_surrogates(text: str) -> str:
    text.encode()  # a lone surrogate is no text; the ValueError names it
    return text


def _storable(schema: dict[str, Any]) -> dict[str, Any]:
    _no_surrogates(_schema_text(schema))
    return schema


Text = Annotated[str, StringConstraints(strict=True), AfterValidator(_no_surrogates)]
DurationText = Annotated[str, Field(pattern=r"^\d{1,10}(\.\d{1,9})?s$", examples=["3600s"])]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OptionsInput(_Input):
    """How a batch is worked; see `quire.batch.v1.BatchOptions`."""

    deadline: DurationText | None = None
    sample_first: Int32 = 0
    cost_cap_micros: Int64 = 0
    max_failures: Int32 = 0

    def message(self) -> BatchOptions:
        """As the batch service takes it."""
        options = BatchOptions(
            sample_first=self.sample_first, cost_cap_micros=self.cost_cap_micros, max_failures=self.max_failures
        )
        if self.deadline is not None:
            deadline = Duration()
            deadline.FromJsonString(self.deadline)
            options.deadline.CopyFrom(deadline)
        return options


class BatchInput(_Input):
    """A batch to create; see `quire.batch.v1.CreateBatchRequest`."""

    extraction_prompt: Text = ""
    name: Text = ""
    description: Text = ""
    output_schema: Annotated[dict[str, Any], AfterValidator(_storable)] | Text | None = Field(
        default=None, description="JSON Schema as an object, or as its text; without one it is derived from the prompt"
    )
    options: OptionsInput | None = None
    source_batch_id: Text = ""

    def message(self, request_id: str) -> CreateBatchRequest:
        """As the batch service takes it."""
        return CreateBatchRequest(
            request_id=request_id,
            name=self.name,
            description=self.description,
            extraction_prompt=self.extraction_prompt,
            output_schema=_schema_text(self.output_schema),
            options=self.options.message() if self.options else None,
            source_batch_id=self.source_batch_id,
        )


class AnnouncementInput(_Input):
    """A document about to be uploaded; see `quire.batch.v1.DocumentAnnouncement`."""

    name: Text
    size_bytes: Int64 = 0
    sha256: Text = ""
    media_type: Text = ""

    def message(self) -> DocumentAnnouncement:
        """As the batch service takes it."""
        return DocumentAnnouncement(
            name=self.name, size_bytes=self.size_bytes, sha256=self.sha256, media_type=self.media_type
        )


class AnnouncementsInput(_Input):
    """Documents to announce, up to 1,000."""

    documents: list[AnnouncementInput]


class SealInput(_Input):
    """How to seal a batch."""

    drop_incomplete: bool = Field(default=False, strict=True)


class NothingInput(_Input):
    """No fields."""


class CancelDocumentsInput(_Input):
    """Which documents to cancel, 1 to 1,000."""

    document_ids: list[Text]


class RetryInput(_Input):
    """Which documents to queue again; without either, every one that ended without a result."""

    document_ids: list[Text] = Field(default_factory=list)
    error_codes: list[Text] = Field(default_factory=list)


class SessionInput(_Input):
    """Who signs in; without a key, whoever `Authorization` says."""

    api_key: Text = ""


def _schema_text(schema: dict[str, Any] | str | None) -> str:
    if schema is None:
        return ""
    return schema if isinstance(schema, str) else json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
