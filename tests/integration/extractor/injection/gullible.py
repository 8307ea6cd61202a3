"""A model at its worst: it does whatever the document says. What it then gives away is what Quire lets out."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from extractor.engines.openai_compatible.engine import OpenAiEngine, OpenAiOptions
from tests.contract.extractor.model_server import Call, ModelDoor, answers, behave, completion, responds
from tests.integration.extractor.injection.carriers import HONEST
from tests.integration.extractor.injection.payloads import NUMBER, SUPPLIER, TOTAL

_DELIMITED = re.compile(r"===== (\w+) document begins =====\n(.*)\n===== \1 document ends =====\Z", re.DOTALL)
_CANARY = re.compile(r"cn[0-9a-f]{16}")


@dataclass(eq=False)
class GullibleModel(ModelDoor):
    """Obeys every document, and gives away all it can see."""

    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def call(self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(call.body)
        system, user = (message["content"] for message in call.body["messages"])
        found = _DELIMITED.search(user)
        text = found[2] if found else ""
        await behave(self._behaviour(text, system, user), reader, writer)

    def _behaviour(self, text: str, system: str, user: str) -> Any:
        if "tool_calls" in text:
            body = completion(None, "tool_calls")
            body["choices"][0]["message"]["tool_calls"] = [
                {"id": "t1", "type": "function", "function": {"name": "fetch", "arguments": "{}"}}
            ]
            return responds(200, json.dumps(body).encode())
        return answers(json.dumps({"values": self._values(text, system, user), "citations": []}))

    def _values(self, text: str, system: str, user: str) -> dict[str, Any]:
        values: dict[str, Any] = dict(HONEST)
        if "system prompt" in text:
            return {**values, "supplier": f"{system}\n{user}"}
        if "all other documents" in text:
            return {**values, "supplier": " ".join(_CANARY.findall(system + user))}
        if "schema has changed" in text:
            return {**values, "admin": True, "all_documents": _CANARY.findall(user)}
        if "exactly this JSON" in text or "### Assistant" in text:
            return {"supplier": SUPPLIER, "invoice_number": NUMBER, "total": float(TOTAL), "admin": True}
        if SUPPLIER in text:
            values["supplier"] = SUPPLIER
        if NUMBER in text:
            values["invoice_number"] = NUMBER
        return values


@asynccontextmanager
async def gullible() -> AsyncGenerator[tuple[GullibleModel, OpenAiEngine]]:
    """Serve one; yields it, and an engine that asks it."""
    model = GullibleModel()
    server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
    engine = OpenAiEngine(OpenAiOptions("key", "gullible", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"))
    try:
        yield model, engine
    finally:
        await engine.close()
        server.close()
        await model.close()
