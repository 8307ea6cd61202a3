"""Settings come from the environment and fail at start: all faults at once, each naming its variable."""

import sys
from pathlib import Path
from typing import Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ENVIRONMENT_PREFIX = "QUIRE_"


class SettingsFault(SystemExit):
    """The process refuses to start; set the variables it names. Exit status 78 (EX_CONFIG of sysexits.h)."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(78)
        self.faults = faults


class ProcessSettings(BaseSettings):
    """What every process reads; each field is the environment variable `QUIRE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True)

    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    log_format: str = Field(default="json", pattern="^(json|console)$")
    drain_seconds: float = Field(default=25.0, gt=0, description="time to finish or release what is held on SIGTERM")
    env: str = Field(default="production", description="`test` lets tests break this process on purpose")
    failpoint_file: Path | None = Field(default=None, description="see chassis.failpoints; refused outside tests")

    @model_validator(mode="after")
    def _breaks_only_in_tests(self) -> Self:
        if self.failpoint_file is not None and self.env != "test":
            raise ValueError("QUIRE_FAILPOINT_FILE breaks this process on purpose: unset it, or set QUIRE_ENV=test")
        return self


class DoorSettings(ProcessSettings):
    """What a process reads whose callers must notice that it goes."""

    # Callers try a lost connection again after 1 s: a replica that came back is known to all before the next one goes.
    notice_seconds: float = Field(
        default=2.0, ge=0, description="from readiness turning false to closing the door, a part of the drain time"
    )

    @model_validator(mode="after")
    def _notice_fits(self) -> Self:
        if self.notice_seconds > self.drain_seconds / 2:
            raise ValueError("QUIRE_NOTICE_SECONDS must be at most half of QUIRE_DRAIN_SECONDS")
        return self


class BrokerSettings(BaseSettings):
    """What a process reads that speaks AMQP."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True)

    amqp_url: SecretStr


class StoreSettings(BaseSettings):
    """What a process reads that uses the object store."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True)

    s3_endpoint: str = Field(pattern="^https?://")
    s3_access_key: SecretStr
    s3_secret_key: SecretStr
    s3_bucket: str = "quire"
    s3_region: str = "us-east-1"


class ServiceSettings(StoreSettings, BrokerSettings, ProcessSettings):
    """What a service reads that uses both."""


SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def load(settings: type[SettingsT]) -> SettingsT:
    """Read settings from the environment, or print every fault and raise SettingsFault."""
    try:
        return settings()
    except ValidationError as error:
        faults = [_fault(settings, item["loc"], item["msg"]) for item in error.errors()]
        sys.stderr.write("cannot start: " + "\n              ".join(faults) + "\n")
        raise SettingsFault(faults) from error


def _fault(settings: type[BaseSettings], location: tuple[int | str, ...], message: str) -> str:
    if not location:
        return message.removeprefix("Value error, ")
    field = settings.model_fields.get(str(location[0]))
    name = field.validation_alias if field and isinstance(field.validation_alias, str) else None
    return f"{name or ENVIRONMENT_PREFIX + str(location[0]).upper()}: {message.lower()}"
