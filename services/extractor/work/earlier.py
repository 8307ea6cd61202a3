"""A result that an earlier attempt stored but did not live to report: found, it need not be bought again."""

import hashlib
from typing import Any, cast

import orjson

from chassis.blobs import BlobMissing, Blobs
from chassis.logs import get_logger
from extractor.domain.outcome import Succeeded
from quire.work.v1.work_service_pb2 import Claim

log = get_logger()


async def find_earlier(blobs: Blobs, claim: Claim) -> Succeeded | None:
    """The newest intact result under the claim's earlier keys, at no cost. Raises BlobFault."""
    for key in claim.earlier_result_keys:
        try:
            body = await blobs.get(key)
        except BlobMissing:
            continue
        found = _read(key, body, claim.document_id)
        if found is not None:
            log.info("earlier_result_found", attempt_key=key)
            return found
    return None


def _read(key: str, body: bytes, document_id: str) -> Succeeded | None:
    try:
        result = cast("dict[str, Any]", orjson.loads(body))
        document, fields = result["document"], result["fields"]
        if document["document_id"] != document_id:
            return None
        ungrounded = sum(not field["grounded"] for field in fields)
        pages, media_type = int(document["pages"]), str(document["media_type"])
    except (ValueError, KeyError, TypeError):
        return None
    return Succeeded(key, hashlib.sha256(body).hexdigest(), len(body), pages, media_type, ungrounded)
