"""On whose behalf a call runs."""

from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant's user."""

    tenant_id: UUID
    user_id: str


@dataclass(frozen=True, slots=True)
class Known:
    """Whom a credential that was found good acts for."""

    caller: Caller
    good_for_seconds: float


_caller: ContextVar[Caller] = ContextVar("caller")


def caller() -> Caller:
    """The tenant's user on whose behalf this call runs."""
    return _caller.get()


def act_for(found: Caller) -> None:
    """Run the rest of this call on somebody's behalf."""
    _caller.set(found)
