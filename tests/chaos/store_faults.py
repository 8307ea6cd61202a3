"""What an S3 server may answer instead of what it has, and which request meets it."""

import random
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from tests.chaos.http_framing import Head

METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})


@dataclass(frozen=True)
class Refusal:
    """An error instead of an answer."""

    status: int
    code: str
    methods: frozenset[str]

    def answer(self, method: str) -> bytes:
        """As S3 writes it."""
        xml = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{self.code}</Code><Message>chaos</Message></Error>'
        body = b"" if method == "HEAD" else xml.encode()
        head = f"HTTP/1.1 {self.status} {self.code}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body


@dataclass(frozen=True)
class Damage:
    """A broken body instead of a whole one."""

    kind: str
    """`truncate` or `flip`."""
    path_has: str
    at: float = 0.0
    """Where in the body, from 0 to 1."""


@dataclass
class Chance:
    """A share of what happens."""

    share: float
    rng: random.Random

    def strikes(self) -> bool:
        """Whether it is this one."""
        return self.rng.random() < self.share


@dataclass
class StoreFaults:
    """Which are on."""

    refusals: list[tuple[Refusal, Chance]] = field(default_factory=list[tuple[Refusal, Chance]])
    damages: dict[str, tuple[Damage, Chance]] = field(default_factory=dict[str, tuple[Damage, Chance]])
    damaged: Counter[str] = field(default_factory=Counter[str])
    """By path, without the query."""

    def refuse(self, status: int, code: str, methods: Collection[str], chance: Chance) -> None:
        """Instead of the refusals before."""
        self.refusals = [(Refusal(status, code, frozenset(methods)), chance)]

    def damage(self, kind: str, path_has: str, chance: Chance) -> None:
        """Beside damages of another kind."""
        self.damages[kind] = (Damage(kind, path_has), chance)

    def end(self) -> None:
        """No more of any."""
        self.refusals.clear()
        self.damages.clear()

    def refusal_of(self, request: Head) -> bytes | None:
        """The answer to give to a request instead of the store's."""
        method = request.first[0]
        for refusal, chance in self.refusals:
            if method in refusal.methods and chance.strikes():
                return refusal.answer(method)
        return None

    def damage_of(self, request: Head) -> Damage | None:
        """What to do to the body that answers a request."""
        method, target, _ = request.first
        if method != "GET" or not _is_object(target):
            return None
        for damage, chance in self.damages.values():
            if damage.path_has in target and chance.strikes():
                self.damaged[target.partition("?")[0]] += 1
                return Damage(damage.kind, damage.path_has, chance.rng.random())
        return None


def _is_object(target: str) -> bool:
    path, _, query = target.partition("?")
    return "/" in path.strip("/") and "uploadId=" not in query
