"""Owns the schema, the tier rules, the counters and the truth about every batch and document."""
