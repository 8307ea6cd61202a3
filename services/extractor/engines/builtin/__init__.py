"""The engine that needs no network: labels, tables and places, read with a small lexicon."""

from extractor.engines.builtin.engine import BuiltinEngine

__all__ = ["BuiltinEngine"]
