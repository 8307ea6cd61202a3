"""The one folder a stack lives in: everything it writes is below `root`, so removing the folder removes the stack."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LAST_LINES = 15


@dataclass(frozen=True)
class Home:
    """Paths of one stack."""

    root: Path

    @property
    def env_file(self) -> Path:
        """KEY=VALUE lines for the services and for whoever talks to them; secret, so mode 0600."""
        return self.root / "env"

    def data(self, part: str) -> Path:
        """The folder in which a part keeps what must survive `down`."""
        return self.root / "data" / part

    def log(self, part: str) -> Path:
        """Where a part's stdout and stderr go; the run before the last start is kept beside it as `.log.1`."""
        return self.root / "logs" / f"{part}.log"

    def record(self, part: str) -> Path:
        """The note of the process that runs a part."""
        return self.root / "run" / f"{part}.json"

    def prepare(self) -> None:
        """Makes the folders."""
        for folder in ("data", "logs", "run"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)

    def fresh_log(self, part: str) -> Path:
        """Moves the log of the previous run aside and answers where the new one goes."""
        log = self.log(part)
        if log.exists():
            log.replace(log.with_name(f"{log.name}.1"))
        return log

    def last_words(self, part: str) -> str:
        """The last lines of a part's log, and its name, for a failure's message."""
        log = self.log(part)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join([*(f"    {line}" for line in lines[-LAST_LINES:]), f"  log: {log}"])

    @contextmanager
    def locked(self) -> Generator[None]:
        """Lets one `up` or `down` at a time work on this folder."""
        self.prepare()
        with (self.root / "run" / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
