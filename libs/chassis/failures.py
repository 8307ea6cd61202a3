"""Why a document or a call failed: the closed list of codes, and for each who must act and how.

The one catalogue for every service, the client and the pages; `docs/api.md` prints it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """Where the fault lies."""

    DOCUMENT = "DOCUMENT"
    STORAGE = "STORAGE"
    POLICY = "POLICY"
    PROVIDER = "PROVIDER"
    MODEL = "MODEL"
    RUNTIME = "RUNTIME"
    CONTROL = "CONTROL"


class Actor(StrEnum):
    """Who can mend it."""

    USER = "user"
    TENANT_ADMIN = "tenant admin"
    OPERATOR = "operator"
    PROVIDER = "provider"
    NOBODY = "nobody"


class FailureCode(StrEnum):
    """Every code a document or a call can fail with; stable, documented, never reused."""

    UNSUPPORTED_TYPE = "UNSUPPORTED_TYPE"
    FILE_EMPTY = "FILE_EMPTY"
    FILE_CORRUPT = "FILE_CORRUPT"
    PDF_ENCRYPTED = "PDF_ENCRYPTED"
    TOO_MANY_PAGES = "TOO_MANY_PAGES"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    RESOURCE_LIMIT = "RESOURCE_LIMIT"
    ACTIVE_CONTENT = "ACTIVE_CONTENT"
    NO_TEXT = "NO_TEXT"
    UPLOAD_INCOMPLETE = "UPLOAD_INCOMPLETE"
    CHECKSUM_MISMATCH = "CHECKSUM_MISMATCH"
    SOURCE_MISSING = "SOURCE_MISSING"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    STORAGE_FULL = "STORAGE_FULL"
    TIER_REQUIRED = "TIER_REQUIRED"
    TIER_LIMIT = "TIER_LIMIT"
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
    COST_CAP_REACHED = "COST_CAP_REACHED"
    PROVIDER_RATE_LIMITED = "PROVIDER_RATE_LIMITED"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    PROVIDER_TIMEOUT = "PROVIDER_TIMEOUT"
    PROVIDER_AUTH = "PROVIDER_AUTH"
    PROVIDER_QUOTA = "PROVIDER_QUOTA"
    CONTEXT_TOO_LONG = "CONTEXT_TOO_LONG"
    OUTPUT_TRUNCATED = "OUTPUT_TRUNCATED"
    OUTPUT_SCHEMA_INVALID = "OUTPUT_SCHEMA_INVALID"
    CONTENT_REFUSED = "CONTENT_REFUSED"
    CONTENT_FILTERED = "CONTENT_FILTERED"
    DOCUMENT_TIMEOUT = "DOCUMENT_TIMEOUT"
    WORKER_LOST = "WORKER_LOST"
    PARSER_CRASH = "PARSER_CRASH"
    POISON_DOCUMENT = "POISON_DOCUMENT"
    INTERNAL = "INTERNAL"
    CANCELLED = "CANCELLED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    DUPLICATE = "DUPLICATE"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a code means to the person who meets it."""

    category: Category
    retryable: bool
    """Whether another attempt at the same bytes may end differently."""
    actor: Actor
    remedy: str
    """One sentence in plain words: the way out."""


def _explain(category: Category, actor: Actor, remedy: str, *, retryable: bool = False) -> Explanation:
    return Explanation(category, retryable, actor, remedy)


CATALOGUE: dict[FailureCode, Explanation] = {
    FailureCode.UNSUPPORTED_TYPE: _explain(
        Category.DOCUMENT,
        Actor.USER,
        "Convert the file to a supported type, for example PDF or DOCX, and upload it again.",
    ),
    FailureCode.FILE_EMPTY: _explain(Category.DOCUMENT, Actor.USER, "The file holds no bytes; upload the real file."),
    FailureCode.FILE_CORRUPT: _explain(
        Category.DOCUMENT,
        Actor.USER,
        "The file cannot be read; open it in its own program, save it anew and upload it again.",
    ),
    FailureCode.PDF_ENCRYPTED: _explain(
        Category.DOCUMENT, Actor.USER, "Remove the password from the file and upload it again."
    ),
    FailureCode.TOO_MANY_PAGES: _explain(
        Category.DOCUMENT, Actor.USER, "Split the document, or move to a tier with more pages per document."
    ),
    FailureCode.FILE_TOO_LARGE: _explain(
        Category.DOCUMENT, Actor.USER, "Make the file smaller, or move to a tier with more bytes per document."
    ),
    FailureCode.RESOURCE_LIMIT: _explain(
        Category.DOCUMENT, Actor.USER, "Reading the file takes more memory or time than allowed; simplify or split it."
    ),
    FailureCode.ACTIVE_CONTENT: _explain(
        Category.DOCUMENT, Actor.USER, "Remove external references, entities or macros and upload it again."
    ),
    FailureCode.NO_TEXT: _explain(
        Category.DOCUMENT,
        Actor.USER,
        "The pages hold no text; run optical character recognition and upload the result.",
    ),
    FailureCode.UPLOAD_INCOMPLETE: _explain(
        Category.STORAGE, Actor.USER, "Upload the missing document, or seal with drop_incomplete."
    ),
    FailureCode.CHECKSUM_MISMATCH: _explain(
        Category.STORAGE, Actor.USER, "The bytes changed on the way; upload the document again.", retryable=True
    ),
    FailureCode.SOURCE_MISSING: _explain(
        Category.STORAGE, Actor.OPERATOR, "The stored file is gone; upload the document again in a new batch."
    ),
    FailureCode.STORAGE_UNAVAILABLE: _explain(
        Category.STORAGE,
        Actor.OPERATOR,
        "The object store does not answer; Quire tries again by itself.",
        retryable=True,
    ),
    FailureCode.STORAGE_FULL: _explain(
        Category.STORAGE, Actor.OPERATOR, "The object store is full; free space, then try again.", retryable=True
    ),
    FailureCode.TIER_REQUIRED: _explain(
        Category.POLICY, Actor.TENANT_ADMIN, "Move to the tier named in the error to use this."
    ),
    FailureCode.TIER_LIMIT: _explain(
        Category.POLICY, Actor.TENANT_ADMIN, "Stay within the limit named in the error, or move to a higher tier."
    ),
    FailureCode.QUOTA_EXHAUSTED: _explain(
        Category.POLICY, Actor.TENANT_ADMIN, "Wait until the quota resets, free something, or move to a higher tier."
    ),
    FailureCode.COST_CAP_REACHED: _explain(Category.POLICY, Actor.USER, "Raise the cost cap of the batch to go on."),
    FailureCode.PROVIDER_RATE_LIMITED: _explain(
        Category.PROVIDER, Actor.PROVIDER, "The model provider is busy; Quire tries again by itself.", retryable=True
    ),
    FailureCode.PROVIDER_UNAVAILABLE: _explain(
        Category.PROVIDER, Actor.PROVIDER, "The model provider does not answer; retry later.", retryable=True
    ),
    FailureCode.PROVIDER_TIMEOUT: _explain(
        Category.PROVIDER, Actor.PROVIDER, "The model provider took too long; retry later.", retryable=True
    ),
    FailureCode.PROVIDER_AUTH: _explain(
        Category.PROVIDER, Actor.OPERATOR, "Put a valid provider key into the extractor's settings."
    ),
    FailureCode.PROVIDER_QUOTA: _explain(
        Category.PROVIDER, Actor.OPERATOR, "The provider account is out of credit; top it up."
    ),
    FailureCode.CONTEXT_TOO_LONG: _explain(
        Category.PROVIDER, Actor.USER, "Split the document or ask for less; the text exceeds the model's context."
    ),
    FailureCode.OUTPUT_TRUNCATED: _explain(
        Category.MODEL, Actor.USER, "The answer did not fit; ask for fewer fields or split the document."
    ),
    FailureCode.OUTPUT_SCHEMA_INVALID: _explain(
        Category.MODEL,
        Actor.USER,
        "The model did not keep to the schema; simplify it or use a stronger model.",
        retryable=True,
    ),
    FailureCode.CONTENT_REFUSED: _explain(
        Category.MODEL, Actor.USER, "The model refused; reword the instruction or leave the document out."
    ),
    FailureCode.CONTENT_FILTERED: _explain(
        Category.MODEL, Actor.USER, "The provider's filter stopped the answer; leave the document out."
    ),
    FailureCode.DOCUMENT_TIMEOUT: _explain(
        Category.RUNTIME,
        Actor.OPERATOR,
        "The document took longer than one attempt may; split it or retry.",
        retryable=True,
    ),
    FailureCode.WORKER_LOST: _explain(
        Category.RUNTIME, Actor.NOBODY, "A worker went away; Quire runs the document elsewhere.", retryable=True
    ),
    FailureCode.PARSER_CRASH: _explain(
        Category.RUNTIME,
        Actor.USER,
        "The parser crashed on the file; save it anew and upload it again.",
        retryable=True,
    ),
    FailureCode.POISON_DOCUMENT: _explain(
        Category.RUNTIME, Actor.OPERATOR, "The document took several workers down; look at it before retrying."
    ),
    FailureCode.INTERNAL: _explain(
        Category.RUNTIME, Actor.OPERATOR, "A fault in Quire; report it with the incident id.", retryable=True
    ),
    FailureCode.CANCELLED: _explain(Category.CONTROL, Actor.USER, "Retry the document if it is wanted after all."),
    FailureCode.DEADLINE_EXCEEDED: _explain(
        Category.CONTROL, Actor.USER, "The batch reached its deadline; retry its documents with a later one."
    ),
    FailureCode.DUPLICATE: _explain(
        Category.CONTROL, Actor.USER, "The same bytes stand in the batch already; nothing needs doing."
    ),
}
