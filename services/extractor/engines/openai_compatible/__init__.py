"""The engine that asks a model behind the OpenAI protocol: any base URL, any model, no tools, no memory."""

from extractor.engines.openai_compatible.engine import OpenAiEngine, OpenAiOptions

__all__ = ["OpenAiEngine", "OpenAiOptions"]
