"""What the extractor reads from its environment; budgets that contradict each other stop it from starting."""

import os
from typing import Self

from pydantic import AliasChoices, Field, SecretStr, model_validator

from chassis.settings import BatchTlsSettings, ServiceSettings, TlsSettings


class ExtractorSettings(TlsSettings, BatchTlsSettings, ServiceSettings):
    """Each field is `QUIRE_<NAME>`; the model's key and base URL may also be `OPENAI_API_KEY` and `OPENAI_BASE_URL`."""

    batch_address: str = Field(description="the batch service: host:port, or dns:///name:port for round robin")
    worker_token: SecretStr = Field(min_length=1, description="credential of workers towards the batch service")
    extractor_listen: str = Field(default="127.0.0.1:7303", description="gRPC health")
    extractor_slots: int = Field(default=8, ge=1, le=256, description="documents worked at the same time")
    parser_children: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256)

    openai_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("QUIRE_OPENAI_API_KEY", "OPENAI_API_KEY")
    )
    openai_base_url: str | None = Field(
        default=None, validation_alias=AliasChoices("QUIRE_OPENAI_BASE_URL", "OPENAI_BASE_URL")
    )
    openai_model: str = "gpt-5-mini"
    openai_price_input: float = Field(default=0.0, ge=0, description="US dollars per million tokens read")
    openai_price_output: float = Field(default=0.0, ge=0, description="US dollars per million tokens written")
    openai_max_output_tokens: int | None = Field(default=None, ge=1, description="unset: the model's own limit")
    openai_chunk_characters: int = Field(default=200_000, ge=1_000, description="longer documents take several calls")

    model_deadline_seconds: float = Field(default=120.0, gt=0)
    job_deadline_seconds: float = Field(default=600.0, gt=0)
    consumer_timeout_seconds: float = Field(default=1800.0, gt=0, description="as the broker is configured")
    beat_seconds: float = Field(default=5.0, gt=0)
    lease_seconds: float = Field(default=20.0, gt=0, description="as the batch service grants them")

    @property
    def uses_openai(self) -> bool:
        """A key chooses the engine."""
        return bool(self.openai_api_key and self.openai_api_key.get_secret_value())

    @model_validator(mode="after")
    def _budgets_fit(self) -> Self:
        faults = [fault for fault in _inequalities(self) if fault]
        if faults:
            raise ValueError("; ".join(faults))
        return self


def _inequalities(settings: ExtractorSettings) -> list[str]:
    return [
        _less(
            ("QUIRE_MODEL_DEADLINE_SECONDS", settings.model_deadline_seconds),
            ("QUIRE_JOB_DEADLINE_SECONDS", settings.job_deadline_seconds),
        ),
        _less(
            ("QUIRE_JOB_DEADLINE_SECONDS", settings.job_deadline_seconds),
            ("QUIRE_CONSUMER_TIMEOUT_SECONDS", settings.consumer_timeout_seconds),
        ),
        _less(("3 x QUIRE_BEAT_SECONDS", 3 * settings.beat_seconds), ("QUIRE_LEASE_SECONDS", settings.lease_seconds)),
    ]


def _less(small: tuple[str, float], large: tuple[str, float]) -> str:
    return "" if small[1] < large[1] else f"{small[0]} ({small[1]:g}) must be less than {large[0]} ({large[1]:g})"
