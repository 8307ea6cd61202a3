"""The Python client of Quire; the `quire` command stands on it.

    async with QuireClient.from_environment() as quire:
        batch = await quire.submit("invoices", prompt="Invoice number, date and total")
        async for snapshot in quire.watch(batch.id):
            print(snapshot.batch.counters.processed)
        async for result in quire.results(batch.id):
            print(result.name, result.values)

Methods answer the messages of `quire.batch.v1` unless a type here says more. Whatever fails raises a `QuireError`.
"""

from quire_client.admin import AdminClient
from quire_client.channel import Tls
from quire_client.client import QuireClient
from quire_client.errors import (
    AccessError,
    CallError,
    ConfigurationError,
    DocumentRefusedError,
    FaultError,
    InvalidError,
    LimitError,
    NotFoundError,
    NothingToSubmitError,
    PreconditionError,
    QuireError,
    RefusedError,
    TierError,
    UnavailableError,
    UnsupportedError,
)
from quire_client.options import batch_options
from quire_client.results import ExtractedField, Result
from quire_client.sources import Content
from quire_client.statuses import batch_status_name, document_status_name, is_final
from quire_client.submission import Progress

__all__ = [
    "AccessError",
    "AdminClient",
    "CallError",
    "ConfigurationError",
    "Content",
    "DocumentRefusedError",
    "ExtractedField",
    "FaultError",
    "InvalidError",
    "LimitError",
    "NotFoundError",
    "NothingToSubmitError",
    "PreconditionError",
    "Progress",
    "QuireClient",
    "QuireError",
    "RefusedError",
    "Result",
    "TierError",
    "Tls",
    "UnavailableError",
    "UnsupportedError",
    "batch_options",
    "batch_status_name",
    "document_status_name",
    "is_final",
]
