"""Settings of the batch service; each is the environment variable `QUIRE_<NAME>`."""

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.settings import ENVIRONMENT_PREFIX, DoorSettings, ServiceSettings

DOORS = ("rpc", "dispatch", "fold", "relay", "emit", "rescue", "sweep", "dead")


class MigrateSettings(BaseSettings):
    """What `python -m batch migrate` reads."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True)

    database_owner_url: SecretStr
    database_api_url: SecretStr
    database_engine_url: SecretStr


class BatchSettings(ServiceSettings, DoorSettings):
    """What `python -m batch serve` reads."""

    database_api_url: SecretStr
    database_engine_url: SecretStr
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
