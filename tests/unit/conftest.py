"""The pure tests stay quick: fewer examples of each property than a fuzzing run would try, and none is kept."""

from hypothesis import settings

settings.register_profile("unit", max_examples=20, deadline=None, database=None)
settings.load_profile("unit")
