"""The pure tests stay quick: properties are tried on fewer examples here than a fuzzing run would try."""

from hypothesis import settings

settings.register_profile("unit", max_examples=40, deadline=None)
settings.load_profile("unit")
