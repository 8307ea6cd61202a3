"""Settings come from the environment and fail at start: all faults at once, each naming its variable."""

import sys
from pathlib import Path
from typing import Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.tls import ChannelTls, ServerTls, authority_fault, pair_fault

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

    calls_at_once: int = Field(default=256, ge=2, description="more answer OVERLOADED; one tenant takes at most half")
    streams_at_once: int = Field(
        default=2048, ge=2, le=2048, description="the same for what lasts: watches and results"
    )

    @model_validator(mode="after")
    def _notice_fits(self) -> Self:
        if self.notice_seconds > self.drain_seconds / 2:
            raise ValueError("QUIRE_NOTICE_SECONDS must be at most half of QUIRE_DRAIN_SECONDS")
        return self


class BrokerSettings(BaseSettings):
    """What a process reads that speaks AMQP."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True)

    amqp_url: SecretStr = Field(min_length=1)


class StoreSettings(BaseSettings):
    """What a process reads that uses the object store."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True)

    s3_endpoint: str = Field(pattern="^https?://")
    s3_access_key: SecretStr = Field(min_length=1)
    s3_secret_key: SecretStr = Field(min_length=1)
    s3_bucket: str = "quire"
    s3_region: str = "us-east-1"


class TlsSettings(BaseSettings):
    """What a process reads that serves; without a certificate it serves in clear."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True)

    tls_cert_file: Path | None = Field(default=None, description="certificate chain of this server, PEM")
    tls_key_file: Path | None = Field(default=None, description="its key, PEM")
    tls_client_ca_file: Path | None = Field(default=None, description="callers need a certificate of this authority")

    @model_validator(mode="after")
    def _server_is_whole(self) -> Self:
        if self.tls_client_ca_file and not self.tls_cert_file:
            raise ValueError("QUIRE_TLS_CLIENT_CA_FILE needs QUIRE_TLS_CERT_FILE")
        _check_pair("QUIRE_TLS_CERT_FILE", self.tls_cert_file, "QUIRE_TLS_KEY_FILE", self.tls_key_file)
        _check_authority("QUIRE_TLS_CLIENT_CA_FILE", self.tls_client_ca_file)
        return self

    @property
    def server_tls(self) -> ServerTls | None:
        """How this process proves who it is."""
        if not self.tls_cert_file or not self.tls_key_file:
            return None
        return ServerTls(self.tls_cert_file, self.tls_key_file, self.tls_client_ca_file)


class BatchTlsSettings(BaseSettings):
    """What a process reads that calls the batch service; without an authority it calls in clear."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True)

    batch_ca_file: Path | None = Field(default=None, description="authority of the batch service's certificate, PEM")
    batch_client_cert_file: Path | None = Field(default=None, description="certificate of this caller, PEM")
    batch_client_key_file: Path | None = Field(default=None, description="its key, PEM")

    @model_validator(mode="after")
    def _channel_is_whole(self) -> Self:
        cert, key = self.batch_client_cert_file, self.batch_client_key_file
        if cert and not self.batch_ca_file:
            raise ValueError("QUIRE_BATCH_CLIENT_CERT_FILE needs QUIRE_BATCH_CA_FILE")
        _check_pair("QUIRE_BATCH_CLIENT_CERT_FILE", cert, "QUIRE_BATCH_CLIENT_KEY_FILE", key)
        _check_authority("QUIRE_BATCH_CA_FILE", self.batch_ca_file)
        return self

    @property
    def batch_tls(self) -> ChannelTls | None:
        """How this process calls the batch service."""
        if not self.batch_ca_file:
            return None
        return ChannelTls(self.batch_ca_file, self.batch_client_cert_file, self.batch_client_key_file)


def _check_pair(cert_name: str, cert: Path | None, key_name: str, key: Path | None) -> None:
    if bool(cert) != bool(key):
        raise ValueError(f"{cert_name} and {key_name} need each other")
    if cert and key and (fault := pair_fault(cert, key)):
        raise ValueError(f"{cert_name} and {key_name} {fault}")


def _check_authority(name: str, file: Path | None) -> None:
    if file and (fault := authority_fault(file)):
        raise ValueError(f"{name} {fault}")


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
