"""Whether the process is on its way out."""

import asyncio


class Drain:
    """First readiness turns false; once the callers had time to notice, endless answers end."""

    def __init__(self) -> None:
        self._noticed = asyncio.Event()
        self.begun = False
        """Whether the process drains."""

    def begin(self) -> None:
        """Turn readiness false; what is answered from now on closes its connection."""
        self.begun = True

    def end_answers(self) -> None:
        """Let endless answers end: who comes back is sent elsewhere by now."""
        self._noticed.set()

    @property
    def ending(self) -> bool:
        """Whether endless answers end."""
        return self._noticed.is_set()

    async def until_ending(self) -> None:
        """Return when endless answers end."""
        await self._noticed.wait()
