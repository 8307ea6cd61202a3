"""Settings of the batch service; each is the environment variable `QUIRE_<NAME>`."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.settings import ENVIRONMENT_PREFIX, DoorSettings, ServiceSettings, TlsSettings

DOORS = ("rpc", "dispatch", "fold", "relay", "emit", "rescue", "sweep", "dead")


class MigrateSettings(BaseSettings):
    """What `python -m batch migrate` reads."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True)

    database_owner_url: SecretStr = Field(min_length=1)
    database_api_url: SecretStr = Field(min_length=1)
    database_engine_url: SecretStr = Field(min_length=1)


class OidcSettings(BaseSettings):
    """Whose tokens are taken beside API keys; without an issuer, nobody's."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True)

    oidc_issuer: str | None = Field(default=None, description="as in the tokens' `iss`")
    oidc_audience: str | None = Field(default=None, description="as in the tokens' `aud`; needed with an issuer")
    oidc_jwks_url: str | None = Field(default=None, description="unset: as the issuer's own configuration says")
    oidc_tenant_claim: str = Field(default="quire_tenant", min_length=1, description="holds a tenant's id or name")

    @model_validator(mode="after")
    def _issuer_is_whole(self) -> Self:
        if bool(self.oidc_issuer) != bool(self.oidc_audience):
            raise ValueError("QUIRE_OIDC_ISSUER and QUIRE_OIDC_AUDIENCE need each other")
        if self.oidc_jwks_url and not self.oidc_issuer:
            raise ValueError("QUIRE_OIDC_JWKS_URL needs QUIRE_OIDC_ISSUER")
        for name, url in (("QUIRE_OIDC_ISSUER", self.oidc_issuer), ("QUIRE_OIDC_JWKS_URL", self.oidc_jwks_url)):
            if url and not is_private(url):
                raise ValueError(f"{name} must be an https address (http only on this machine's loopback)")
        return self


def is_private(url: str) -> bool:
    """Whether nobody on the way can read or change what an address answers."""
    try:
        parts = urlsplit(url)
        on_loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and on_loopback))


class BatchSettings(OidcSettings, TlsSettings, ServiceSettings, DoorSettings):
    """What `python -m batch serve` reads."""

    database_api_url: SecretStr = Field(min_length=1)
    database_engine_url: SecretStr = Field(min_length=1)
    database_pool: int = Field(default=10, ge=1, le=200, description="connections of each of the two pools")
    pgbouncer: bool = False
    batch_listen: str = Field(pattern=r"^.+:\d+$")
    key_pepper: SecretStr = Field(min_length=32)
    gateway_token: SecretStr = Field(min_length=32)
    worker_token: SecretStr = Field(min_length=32)
    admin_token: SecretStr = Field(min_length=32)
    lease_seconds: float = Field(default=20.0, gt=0)
    beat_seconds: float = Field(default=5.0, gt=0)
    job_deadline_seconds: float = Field(default=600.0, gt=0)
    consumer_timeout_seconds: float = Field(default=1800.0, gt=0, description="the broker's consumer_timeout")
    unclaimed_seconds: float = Field(default=10.0, gt=0)

    @model_validator(mode="after")
    def _budgets_fit(self) -> "BatchSettings":
        if 3 * self.beat_seconds >= self.lease_seconds:
            raise ValueError("QUIRE_BEAT_SECONDS must be less than a third of QUIRE_LEASE_SECONDS")
        if self.job_deadline_seconds >= self.consumer_timeout_seconds:
            raise ValueError("QUIRE_JOB_DEADLINE_SECONDS must be less than QUIRE_CONSUMER_TIMEOUT_SECONDS")
        return self
