"""A model provider that reads each document's mark honestly, or fails as it is told, and writes down every call."""

import asyncio
import json
import math
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from chassis.failures import FailureCode
from tests.chaos.loop_thread import LoopThread
from tests.chaos.model_faults import BEHAVIOURS, FINAL, SPENDING, UNANSWERED, ModelFaults
from tests.chaos.question import Question, read_question
from tests.chaos.records import Asked, ModelLog, moment
from tests.contract.extractor.model_server import Behaviour, Call, ModelDoor, answers, behave

HOST = "127.0.0.1"
BACKLOG = 512


@dataclass(eq=False)
class _Door(ModelDoor):
    log: ModelLog = field(default_factory=ModelLog)
    faults: ModelFaults = field(default_factory=ModelFaults)
    latency: float = 0.0
    free: asyncio.Event = field(default_factory=asyncio.Event)
    held: int = 0
    open: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])
    """Path and mark of each call that is not over."""
    results: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    """By mark: how often which fault was answered with, or `success`."""

    async def call(self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question, at, answered_at = read_question(call.body), moment(), math.inf
        kind = self.faults.choose(question.mark)
        self.open[id(question)] = (call.path, question.mark)
        writer.transport.set_write_buffer_limits(high=0)  # written means: handed to the kernel
        try:
            await behave(self._behaviour(question, kind), reader, writer)
            answered_at = math.inf if kind in UNANSWERED else moment()
        finally:
            del self.open[id(question)]
            self._note(Asked(at, question.mark, kind or "success", answered_at, question.canaries))

    def _behaviour(self, question: Question, kind: str | None) -> Behaviour:
        async def behaviour(writer: asyncio.StreamWriter) -> None:
            if kind is None and self.latency:
                await asyncio.sleep(self.latency)
            await self._until_free()
            answer = BEHAVIOURS[kind] if kind else answers(json.dumps(question.answer()))
            await answer(writer)

        return behaviour

    async def _until_free(self) -> None:
        self.held += 1
        try:
            await self.free.wait()
        finally:
            self.held -= 1

    def copied_results(self) -> dict[str, Counter[str]]:
        """For another thread."""
        return {mark: Counter(results) for mark, results in self.results.items()}

    def _note(self, asked: Asked) -> None:
        self.log.asked.append(asked)
        if asked.answered_at < math.inf or asked.answer in UNANSWERED:
            self.results.setdefault(asked.mark, Counter())[asked.answer] += 1


class ScriptedModel:
    """Serves on a port of its own, in a thread of its own, from when it is made until it is closed.

    `log.asked` gets each call when it is over, so not in the order in which they came. Every method may be called from
    any thread.
    """

    def __init__(self, log: ModelLog | None = None) -> None:
        self.log = log if log is not None else ModelLog()
        self._thread = LoopThread("model")
        self._door = self._thread.call(lambda: _Door(log=self.log))
        self._door.free.set()
        self._server = self._thread.run(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        """What an OpenAI client calls its base URL."""
        return self._url(self.port)

    @property
    def environ(self) -> dict[str, str]:
        """Points an extractor here."""
        return self.environ_through(self.port)

    def environ_through(self, port: int, worker: str = "") -> dict[str, str]:
        """Points an extractor here through a link, and lets `asking` tell it from others."""
        return {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": self._url(port, worker), "QUIRE_OPENAI_MODEL": "scripted"}

    def latency(self, seconds: float) -> None:
        """From now on take that long over an honest answer."""
        self._door.latency = seconds

    def fault(self, kind: str, share: float, rng: random.Random) -> None:
        """Answer a share of the calls with that fault; kinds add up, and the same one again replaces itself."""
        seed = rng.getrandbits(64)
        self._thread.call(lambda: self._door.faults.begin(kind, share, seed))

    def honest(self) -> None:
        """End all faults; whoever hangs must leave by itself."""
        self._thread.call(self._door.faults.end)

    def hold(self) -> None:
        """Answer nobody until released."""
        self._thread.call(self._door.free.clear)

    def release(self) -> None:
        """Answer everything held and everything to come."""
        self._thread.call(self._door.free.set)

    def holding(self) -> int:
        """How many answers are held now."""
        return self._door.held

    def asking(self, worker: str = "") -> frozenset[str]:
        """Marks of the documents asked about right now, by one worker or by all."""
        prefix = f"/{worker}/" if worker else "/"
        calls = self._thread.call(lambda: tuple(self._door.open.values()))
        return frozenset(mark for path, mark in calls if path.startswith(prefix))

    def ended(self) -> dict[str, set[FailureCode]]:
        """By mark: the codes its document may rightly have ended FAILED with, after one answer."""
        return {mark: set(codes) for mark, codes in self._codes(FINAL).items()}

    def spent(self) -> dict[str, Counter[FailureCode]]:
        """By mark: the answers that cost its document one failure each, at most."""
        return self._codes(SPENDING)

    def close(self) -> None:
        """Leave every caller and end."""
        self._thread.run(self._close())
        self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _url(self, port: int, worker: str = "") -> str:
        return f"http://{HOST}:{port}{f'/{worker}' if worker else ''}/v1"

    def _codes(self, codes: dict[str, FailureCode]) -> dict[str, Counter[FailureCode]]:
        found: dict[str, Counter[FailureCode]] = {}
        for mark, results in self._thread.call(self._door.copied_results).items():
            for kind in results.keys() & codes.keys():
                found.setdefault(mark, Counter())[codes[kind]] += results[kind]
        return found

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._door.serve, HOST, 0, backlog=BACKLOG, limit=2**22)

    async def _close(self) -> None:
        self._server.close()
        await self._door.close()
