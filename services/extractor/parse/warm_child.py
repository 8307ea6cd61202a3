"""One parser child as its worker sees it."""

import asyncio
import os
import select
import signal
import sys
from contextlib import suppress

from extractor.parse.wire import LENGTH_BYTES, Answer, Request, answer_of, frame, ready_of

_PROGRAM = (sys.executable, "-I", "-X", "utf8", "-m", "extractor.parse.child")
_STREAM_BYTES = 1 << 20
_LONGEST_LAST_WORDS = 4096
_OFF_LOOP_FROM = 256 << 10
_ENVELOPE = 16 << 20


class ChildDied(Exception):
    """The child ended in the middle of something; `returncode` is negative for a signal."""

    def __init__(self, returncode: int, last_words: str) -> None:
        super().__init__(f"parser child ended with {returncode}")
        self.returncode = returncode
        self.last_words = last_words


class WarmChild:
    """Started by `start`; takes one document at a time."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        stdin: asyncio.StreamWriter,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader,
    ) -> None:
        self._process, self._stdin, self._stdout, self._stderr = process, stdin, stdout, stderr
        # asyncio's own kill() reaps a dead child behind the back of its watcher, and the return code is lost.
        self._handle: int | None = os.pidfd_open(process.pid)
        self._last_words = b""
        self._listening = asyncio.create_task(self._listen())
        self.walls: tuple[str, ...] = ()
        self.documents = 0
        self.resident_bytes = 0

    @classmethod
    async def start(cls) -> "WarmChild":
        """Start a child and wait until its parsers are loaded. Raises ChildDied.

        The environment is empty (no secrets), and a session of its own keeps a terminal's Ctrl-C away.
        """
        process = await asyncio.create_subprocess_exec(
            *_PROGRAM,
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},
            start_new_session=True,
            limit=_STREAM_BYTES,
        )
        if not (process.stdin and process.stdout and process.stderr):
            raise OSError("the parser child has no pipes")
        child = cls(process, process.stdin, process.stdout, process.stderr)
        try:
            child.walls = ready_of(await child._receive(_STREAM_BYTES)).walls
        except BaseException:
            child.kill()
            await child.ended()
            raise
        return child

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended, by the kernel's word: asyncio hears of a death some time later."""
        if self._handle is None:
            return False
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return not poll.poll(0)

    async def ask(self, request: Request) -> Answer:
        """Hand over a document and wait for the answer, however long. Raises ChildDied.

        Whoever stops waiting must kill the child: the answer would be taken for that of the next document.
        """
        self._stdin.write(frame(request))
        with suppress(ConnectionError):
            await self._stdin.drain()
        body = await self._receive(4 * request.limits.text_bytes + _ENVELOPE)
        answer = await asyncio.to_thread(answer_of, body) if len(body) > _OFF_LOOP_FROM else answer_of(body)
        self.documents += 1
        self.resident_bytes = answer.resident_bytes
        return answer

    def kill(self) -> None:
        """End it now, whatever it does; `ended` waits until it has."""
        if self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    async def ended(self) -> int:
        """The return code, once the process is gone and its pipes are closed."""
        returncode = await self._process.wait()
        await self._listening
        self._stdin.close()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        return returncode

    async def _receive(self, longest: int) -> bytes:
        try:
            length = int.from_bytes(await self._stdout.readexactly(LENGTH_BYTES), "big")
            if length <= longest:
                return await self._stdout.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        self.kill()
        raise ChildDied(await self.ended(), self._last_words.decode(errors="replace"))

    async def _listen(self) -> None:
        """Drain what it prints, or it would block on a full pipe; the end of it tells why it died."""
        while words := await self._stderr.read(_LONGEST_LAST_WORDS):
            self._last_words = (self._last_words + words)[-_LONGEST_LAST_WORDS:]
