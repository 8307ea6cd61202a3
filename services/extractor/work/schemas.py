"""The schema all documents of a batch are extracted with."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson

from extractor.domain.extraction import JsonSchema, Usage
from extractor.domain.usage import NO_USAGE
from extractor.work.check import CompiledSchema, compile_schema
from extractor.work.claims import Claims
from quire.work.v1.work_service_pb2 import Claim

BATCHES_KEPT = 256


@dataclass(frozen=True, slots=True)
class Derived:
    """A schema made from an instruction, and what making it cost."""

    schema: JsonSchema
    usage: Usage = NO_USAGE


Derive = Callable[[str], Awaitable[Derived]]


class BatchSchemas:
    """Knows the schema of a batch; the first worker of a batch without one derives it and proposes it."""

    def __init__(self, claims: Claims, derive: Derive) -> None:
        self._claims = claims
        self._derive = derive
        self._kept: OrderedDict[str, str] = OrderedDict()

    async def of(self, claim: Claim) -> tuple[CompiledSchema, Usage]:
        """The schema, and what it cost to get."""
        text = claim.output_schema or self._kept.get(claim.batch_id, "")
        if text:
            return compile_schema(text), NO_USAGE
        derived = await self._derive(claim.extraction_prompt)
        kept = await self._claims.propose_schema(
            claim.batch_id, claim.lease_token, orjson.dumps(derived.schema).decode()
        )
        self._remember(claim.batch_id, kept)
        return compile_schema(kept), derived.usage

    def _remember(self, batch_id: str, text: str) -> None:
        self._kept[batch_id] = text
        if len(self._kept) > BATCHES_KEPT:
            self._kept.popitem(last=False)
