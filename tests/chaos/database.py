"""PostgreSQL's sessions as an operator sees them."""

import os
import random
import signal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

_SESSIONS = text(
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid"
)


async def kill_backend(url: str, rng: random.Random) -> int:
    """SIGKILL the process of one session that is not ours; its pid, or 0 when there was none."""
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            found = list(await connection.scalars(_SESSIONS))
            if not found:
                return 0
            pid = rng.choice(found)
            os.kill(pid, signal.SIGKILL)
            await connection.invalidate()
    finally:
        await engine.dispose()
    return pid
