"""Whether the process is on its way out."""

import asyncio


class Drain:
    """Set once; readiness turns false and endless answers end."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def begun(self) -> bool:
        """Whether the process drains."""
        return self._event.is_set()

    def begin(self) -> None:
        """Say so to everyone who waits."""
        self._event.set()

    async def wait(self) -> None:
        """Return when it begins."""
        await self._event.wait()
