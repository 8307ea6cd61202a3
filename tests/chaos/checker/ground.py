"""Where a run took place: what the checker may ask when it is over, and what was so before it began."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deploy.local.proc import PROC

SECRET_ENDINGS = ("_TOKEN", "_PEPPER", "_SECRET_KEY", "_API_KEY")


@dataclass(frozen=True)
class Footprint:
    """What a process takes of its machine."""

    rss_bytes: int
    open_files: int


@dataclass(frozen=True)
class Process:
    """One of our processes that must live when the run is over."""

    pid: int
    before: Footprint | None = None
    """Once it was warm and before the first fault; None for one that a fault replaced, whose growth says nothing."""


@dataclass
class Ground:
    """One stack on one machine."""

    owner_url: str
    """Of the database, as its owner: whom no wall stops."""
    amqp_url: str
    store: Mapping[str, str]
    """QUIRE_S3_ENDPOINT, _ACCESS_KEY, _SECRET_KEY, _BUCKET and _REGION of a door to the store that no fault closes."""
    logs: Path
    """Folder of `<service>*.log*` files; logs of PostgreSQL, RabbitMQ and the store may lie there too."""
    processes: Mapping[str, Process] = field(default_factory=dict[str, Process])
    consumers: Mapping[str, int] = field(default_factory=dict[str, int])
    """By queue, how many consumers there must be."""
    secrets: frozenset[str] = frozenset()
    """Words that must stand in no log; see `secrets_of`."""
    lease_seconds: float = 20.0
    sweep_grace_seconds: float = 26 * 3600.0
    """How old an object nobody points to may become before a sweeper must have taken it."""
    forgetful: frozenset[str] = frozenset({"broker_wiped", "queue_deleted"})
    """Names of faults that take confirmed messages away; an event missing around one of them is excused."""
    sparing: frozenset[str] = frozenset({"batch_killed", "gateway_killed", "broker_killed", "events_repeated"})
    """Names of faults, each shorter than a lease, by which no worker loses a document."""
    slots: Mapping[str, int] = field(default_factory=dict[str, int])
    """By target of a fault that hits one worker, how many documents it works on at once."""
    growth: float = 0.10
    """By how much of what it was before a process may have grown."""
    rss_slack_bytes: int = 32 * 1024 * 1024
    open_files_slack: int = 16
    rabbitmqctl: tuple[str, ...] = ()
    """The command, if it can be run; it alone can tell of messages that are delivered and not acked."""
    rabbitmqctl_environ: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: list[str] = field(default_factory=list[str])
    """What the checker has to tell beside violations: figures, and what it could not look at."""


def footprint(pid: int) -> Footprint:
    """Of a process that lives. Raises OSError for one that does not."""
    fields = (PROC / str(pid) / "status").read_text().split()
    rss_kib = int(fields[fields.index("VmRSS:") + 1])
    return Footprint(rss_kib * 1024, len(list((PROC / str(pid) / "fd").iterdir())))


def secrets_of(environ: Mapping[str, str]) -> frozenset[str]:
    """The secrets of a stack's environment: tokens, keys, and the passwords within URLs."""
    named = {value for name, value in environ.items() if name.endswith(SECRET_ENDINGS)}
    within = {unquote(urlsplit(value).password or "") for value in environ.values() if "://" in value}
    return frozenset((named | within) - {""})
