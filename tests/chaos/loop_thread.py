"""An event loop in a thread of its own, so that what it carries does not wait for whoever runs a chaos run."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

WAIT_SECONDS = 30.0
T = TypeVar("T")


class LoopThread:
    """Runs until closed."""

    def __init__(self, name: str) -> None:
        self.loop = uvloop.new_event_loop()
        self._broken: list[Exception] = []
        self.loop.set_exception_handler(self._note)
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], T]) -> T:
        """Do a short thing on the loop and come back with what it came to."""
        done: Future[T] = Future()

        def do() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # noqa: BLE001 - belongs to the thread that asked
                done.set_exception(error)

        self.loop.call_soon_threadsafe(do)
        return done.result(WAIT_SECONDS)

    def run(self, work: Coroutine[None, None, T]) -> T:
        """Run a coroutine there to its end."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_SECONDS)

    def close(self) -> None:
        """Cancel what still runs there, and end; raises what nobody there had caught."""
        self.run(_cancel_others())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(WAIT_SECONDS)
        self.loop.close()
        if self._broken:
            raise ExceptionGroup(f"uncaught in the thread {self._thread.name}", self._broken)

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._broken.append(error if isinstance(error, Exception) else RuntimeError(str(context)))

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
