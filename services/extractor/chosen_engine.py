"""The engine of this worker: `openai` when there is a key, else `builtin`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chassis.lifecycle import nothing
from extractor.domain.extraction import Engine
from extractor.domain.usage import Prices
from extractor.engines.builtin import BuiltinEngine
from extractor.settings import ExtractorSettings
from extractor.work.schemas import Derive, Derived


@dataclass(frozen=True, slots=True)
class ChosenEngine:
    """An engine, and what the worker has to know about it."""

    engine: Engine
    derive: Derive
    provider_key: str
    """Name its calls are counted under; no secret."""
    close: Callable[[], Awaitable[None]]


def choose_engine(settings: ExtractorSettings) -> ChosenEngine:
    """Make the engine the settings ask for."""
    return _openai(settings) if settings.uses_openai else _builtin()


def _builtin() -> ChosenEngine:
    engine = BuiltinEngine()

    async def derive(prompt: str) -> Derived:
        return Derived(await engine.derive_schema(prompt))

    return ChosenEngine(engine, derive, engine.name, nothing)


def _openai(settings: ExtractorSettings) -> ChosenEngine:
    # A worker that never asks a model does not pay the 12 MB and the second that the SDK costs.
    from extractor.engines.openai_compatible import OpenAiEngine, OpenAiOptions  # noqa: PLC0415

    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    engine = OpenAiEngine(
        OpenAiOptions(
            api_key=key,
            model=settings.openai_model,
            base_url=settings.openai_base_url,
            deadline=settings.model_deadline_seconds,
            prices=Prices(settings.openai_price_input, settings.openai_price_output),
            max_output_tokens=settings.openai_max_output_tokens,
            chunk_characters=settings.openai_chunk_characters,
        )
    )

    async def derive(prompt: str) -> Derived:
        return Derived(*await engine.derive_schema_at_cost(prompt))

    return ChosenEngine(engine, derive, engine.provider_key, engine.close)
