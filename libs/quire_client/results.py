"""The result of one document, parsed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from quire.batch.v1 import document_pb2
from quire_client.statuses import document_status_name


@dataclass(frozen=True, slots=True)
class ExtractedField:
    """One value and where it stands in the document."""

    path: str
    value: Any
    quote: str | None = None
    page: int | None = None
    """From 1."""
    grounded: bool = False
    """Whether the quote was found in the text; doubt the value if not."""
    confidence: float | None = None
    """0 to 1."""

    @classmethod
    def from_mapping(cls, found: Mapping[str, Any]) -> Self:
        """Read one; keys of a newer server are ignored."""
        return cls(
            found.get("path", ""),
            found.get("value"),
            found.get("quote"),
            found.get("page"),
            bool(found.get("grounded")),
            found.get("confidence"),
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one document."""

    document_id: str
    name: str
    position: int
    """Place in the batch, from 1."""
    status: str
    """`SUCCEEDED`, or another final status when errors were asked for."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The extracted fields, shaped by the schema."""
    fields: tuple[ExtractedField, ...] = ()
    warnings: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Media type, sha256 and pages, among others."""
    engine: Mapping[str, Any] = field(default_factory=dict[str, Any])
    usage: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: document_pb2.Error | None = None

    @property
    def ungrounded(self) -> tuple[str, ...]:
        """Paths of the values whose quote was not found in the text."""
        return tuple(found.path for found in self.fields if not found.grounded)


def read_result(message: document_pb2.DocumentResult) -> Result:
    """Parse the result document of docs/api.md; without one, tell the error."""
    content: dict[str, Any] = json.loads(message.result_json) if message.result_json else {}
    return Result(
        document_id=message.document_id,
        name=message.document_name,
        position=message.position,
        status=document_status_name(message.status),
        values=content.get("values", {}),
        fields=tuple(ExtractedField.from_mapping(found) for found in content.get("fields", ())),
        warnings=tuple(content.get("warnings", ())),
        document=content.get("document", {}),
        engine=content.get("engine", {}),
        usage=content.get("usage", {}),
        error=message.error if message.HasField("error") else None,
    )
