"""How a batch is worked, and what its fields look like."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from quire.batch.v1.batch_pb2 import BatchOptions

Schema = Mapping[str, Any] | str
"""A JSON Schema, as a mapping or as JSON text."""


def batch_options(
    *,
    deadline: timedelta | None = None,
    sample_first: int = 0,
    cost_cap_micros: int = 0,
    max_failures: int = 0,
) -> BatchOptions:
    """Say how a batch is worked; what is left out is the server's default."""
    options = BatchOptions(sample_first=sample_first, cost_cap_micros=cost_cap_micros, max_failures=max_failures)
    if deadline is not None:
        options.deadline.FromTimedelta(deadline)
    return options


def schema_text(schema: Schema | None) -> str:
    """Write a schema as JSON text; empty when there is none."""
    return schema if isinstance(schema, str) else json.dumps(schema) if schema is not None else ""
