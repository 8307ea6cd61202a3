"""What a call to the model asks, read out of its prompt, and the honest answer to it."""

import re
from dataclasses import dataclass
from typing import Any, cast

_MARK = re.compile(r"\bmk-[0-9a-f]+\b")
_CANARY = re.compile(r"\bcanary-[\w-]+")
_PAGE = re.compile(r"^----- \w+ page (\d+) -----$", re.MULTILINE)


@dataclass(frozen=True)
class Question:
    """One call."""

    mark: str
    """Empty when the prompt names none."""
    canaries: frozenset[str]
    page: int
    """Where the mark stands."""
    fields: tuple[str, ...] | None
    """To be filled; None when the call asks which fields an instruction means."""

    def answer(self) -> dict[str, Any]:
        """As the engine wants it: the mark from the document, and null for whatever else is asked."""
        if self.fields is None:
            return {"fields": [{"name": "mark", "description": "The mark", "type": "text", "columns": []}]}
        values = {name: self.mark or None if name == "mark" else None for name in self.fields}
        cited = [{"path": "/mark", "quote": self.mark, "page": self.page}] if values.get("mark") else []
        return {"values": values, "citations": cited}


def read_question(request: dict[str, Any]) -> Question:
    """Read a request of `chat.completions`."""
    prompt = "\n".join(str(message["content"]) for message in request["messages"])
    found = _MARK.search(prompt)
    before = _PAGE.findall(prompt, 0, found.start()) if found else []
    return Question(
        mark=found[0] if found else "",
        canaries=frozenset(_CANARY.findall(prompt)),
        page=int(before[-1]) if before else 1,
        fields=_fields(request["response_format"]["json_schema"]["schema"]),
    )


def _fields(schema: dict[str, Any]) -> tuple[str, ...] | None:
    values = cast("dict[str, Any] | None", schema["properties"].get("values"))
    return None if values is None else tuple(values.get("properties", ()))
