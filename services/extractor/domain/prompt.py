"""An instruction in a user's words, split into the fields it asks for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BULLET = re.compile(r"^\s*(?:[-*•–·▪]|\d{1,2}[.)])\s+")
_VERB = (
    r"extract|get|find|return|list|give(?: me| us)?|pull(?: out)?|read(?: out)?|collect|capture|identify|fetch|"
    r"tell(?: me)?|i (?:need|want)|we (?:need|want)|what (?:is|are)(?= the\b)|extrahiere?n?|gib(?: mir)?|finde|"
    r"lies|nenne|extrais|extraire|extrae"
)
_FOR_EACH = r"(?:for|from) (?:each|every)(?: of the)? \w+[\s,:]*"
_OPENING = re.compile(
    rf"^\s*(?:{_FOR_EACH})?(?:please|bitte|can you|could you|kindly)?[\s,]*(?:{_VERB})\b[\s:]*"
    rf"(?:out\b\s*)?(?:{_FOR_EACH})?(?:the following(?: \w+)?|following(?: \w+)?|these \w+)?[\s:]*",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\s+(?:from|of|in|for|out of|aus|von) "
    r"(?:all |each |every |the |this |these |those |any |jedem |jeder |dem |den |allen )+"
    r"(?:of the |attached |uploaded )*(?:\w+ )?"
    r"(?:documents?|files?|invoices?|receipts?|pages?|pdfs?|pile|orders?|contracts?|dokument(?:en)?|rechnung(?:en)?)"
    r"\s*[.!]?$",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"\b(?:must|should|use|if|do not|don't|ignore|make sure|ensure|note|otherwise|leave|format|convert|please)\b",
    re.IGNORECASE,
)
_INTRO = re.compile(rf"(?:\b(?:fields?|following|{_VERB}|columns?|felder)\b[^:]*|documents?|files?)$", re.IGNORECASE)
_ARTICLE = re.compile(
    r"^(?:(?:and|und|et|y|plus|also|as well as|the|a|an|its|their|his|her|all(?: the)?|each|every|"
    r"der|die|das|den|le|la|les|el|los)\s+)+",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[a-zäöüß)][.!?])\s+(?=[A-ZÄÖÜ])")
_SPLIT = re.compile(r"\s*[,;\n]\s*|\s+(?:and|und|as well as|plus|&)\s+", re.IGNORECASE)
_PAIRED = re.compile(r"\b(terms) (?:and|&) (conditions)\b", re.IGNORECASE)
_QUESTION = re.compile(
    r"\s*(?:what|who|which|where|why|how|when|was|wer|welche[rs]?|wann|wie)\b[^?]*\?\s*$", re.IGNORECASE
)
_BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_NAMED = re.compile(r"^([^:]{1,60}?)\s*(?::| [-–—] )\s*(\S.*)$")
_SLOT = "\x00"


@dataclass(frozen=True, slots=True)
class AskedField:
    """One field as the user named it."""

    words: str
    hint: str = ""
    """What stood in brackets: a type, the parts of a list, or a remark."""
    description: str = ""
    """What stood after `name:`."""


def asked_fields(prompt: str) -> tuple[AskedField, ...]:
    """The fields an instruction names, in its order; empty when it names none."""
    items = [item for statement in _statements(prompt) for item in _items(statement)]
    return tuple(field for item in items if (field := _field(item)).words)


def _statements(prompt: str) -> Iterator[str]:
    """Bullets and `name: description` lines stand alone; running lines are split into sentences."""
    lines = [" ".join(line.split()) for line in prompt.splitlines() if line.strip()]
    listed = len(lines) > 1
    for line in lines:
        bare = _BULLET.sub("", line).strip()
        is_bullet = bare != line.strip()
        if listed and not is_bullet and bare.endswith(":"):
            continue
        if is_bullet or (listed and _NAMED.match(bare) and not _opens(bare)):
            yield _SLOT + bare
        else:
            yield from _sentences(bare)


def _sentences(line: str) -> Iterator[str]:
    for number, sentence in enumerate(_SENTENCE.split(line)):
        if _QUESTION.match(sentence) and not _opens(sentence):
            continue
        if number == 0 or _opens(sentence) or not _REMARK.search(sentence):
            yield sentence


def _items(statement: str) -> Iterator[str]:
    if statement.startswith(_SLOT):
        yield statement.removeprefix(_SLOT)
        return
    body = _CLOSING.sub("", _OPENING.sub("", _without_intro(statement).rstrip(" .!?")))
    brackets = _BRACKETS.findall(body)
    hidden = _PAIRED.sub(r"\1_and_\2", _BRACKETS.sub(f"({_SLOT})", body))
    for part in _SPLIT.split(hidden):
        hint = f"({brackets.pop(0)})" if f"({_SLOT})" in part else ""
        yield part.replace(f"({_SLOT})", hint).replace("_and_", " and ")


def _without_intro(statement: str) -> str:
    """`Extract these fields: a, b` is about a and b; `total: the sum to pay` is about total."""
    head, colon, tail = statement.partition(":")
    return tail if colon and tail.strip() and (_INTRO.search(head.strip()) or "," in tail) else statement


def _opens(sentence: str) -> bool:
    return _OPENING.match(sentence) is not None


def _field(item: str) -> AskedField:
    named = _NAMED.match(item.strip())
    words, description = (named[1], named[2]) if named else (item, "")
    hint = next(iter(_BRACKETS.findall(words)), "")
    bare = _BRACKETS.sub("", words).strip(" \t.\"'`*_:")
    return AskedField(_ARTICLE.sub("", bare).strip(), hint.strip(), description.strip())
