"""What the services logged: no secret, no word of a document, no death without a cause (I28, I29)."""

import re
import time
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from tests.chaos.checker.faults import between
from tests.chaos.checker.verdict import OTHER
from tests.chaos.records import FaultLog, Records, Violation, canary_of

SERVERS = ("postgres", "rabbitmq", "object-store", "epmd", "initdb", "migrate", "demo-key")
NEVER = ("Task exception was never retrieved", "was never awaited", "Task was destroyed but it is pending")
FAULTS_OF_OURS = ("background_part_died", "incident_happened", "call_failed", "request_failed", "part_stop_failed")
AFTERMATH_SECONDS = 30.0
_EVENT = re.compile(r'"event": ?"(\w+)"')
_TIMESTAMP = re.compile(r'"timestamp": ?"([^"]+)"')


def read_logs(folder: Path) -> dict[str, str]:
    """The logs of our services by file name, those of earlier runs of a process too."""
    files = sorted(file for file in folder.glob("*.log*") if not file.name.startswith(SERVERS))
    return {file.name: file.read_text(errors="replace") for file in files}


def violations(logs: dict[str, str], records: Records, secrets: Collection[str]) -> list[Violation]:
    """Everything that must not stand there."""
    canaries = {canary_of(batch.tenant) for batch in records.client.batches.values()}
    words = dict.fromkeys(canaries | marks_of(records), "a document")
    words |= dict.fromkeys(secrets, "a secret")
    forbidden = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or r"(?!)")
    found = list[Violation]()
    for name, text in logs.items():
        spoken = {words[word] for word in forbidden.findall(text)}
        found += [Violation("I28", OTHER, name, f"it quotes {what}") for what in sorted(spoken)]
        found += _deaths(name, text, records.faults)
    return found


def marks_of(records: Records) -> set[str]:
    """The words that stand in one document each."""
    return {document.mark for batch in records.client.batches.values() for document in batch.documents.values()}


def _deaths(name: str, text: str, faults: FaultLog) -> Iterator[Violation]:
    for line in text.splitlines():
        event = _EVENT.search(line)
        died = event is not None and event[1] in FAULTS_OF_OURS and not _explained(line, faults)
        if died or any(words in line for words in NEVER):
            yield Violation("I29", OTHER, name, line[:300])


def _explained(line: str, faults: FaultLog) -> bool:
    stamp = _TIMESTAMP.search(line)
    if stamp is None:
        return False
    at = datetime.fromisoformat(stamp[1]).timestamp() - time.time() + time.monotonic()
    return bool(between(faults, at, at, AFTERMATH_SECONDS))
