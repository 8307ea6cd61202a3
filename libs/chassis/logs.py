"""Logs are events, not sentences: one JSON line each, a constant past-tense name, ids as keywords."""

import logging
import sys
from typing import cast

import orjson
import structlog
from structlog.typing import FilteringBoundLogger, Processor


def configure(service: str, level: str, log_format: str = "json") -> None:
    """Send all logs of the process to standard error; `service` stands on every line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *_renderers(log_format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer)
        if log_format == "json"
        else structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=logging.WARNING, handlers=[_of_libraries(log_format)], force=True)
    logging.captureWarnings(capture=True)


def _of_libraries(log_format: str) -> logging.Handler:
    """What libraries log by the standard library's means, in the same form as ours."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(WithoutContents())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_renderers(log_format) if log_format == "console" else [structlog.processors.JSONRenderer()]),
            ],
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
            ],
        )
    )
    return handler


class WithoutContents(logging.Filter):
    """Takes messages out of what libraries log: aiormq prints one that came back whole, with all that it says."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Put the type of whatever has a body in its place."""
        if isinstance(record.args, tuple):
            record.args = tuple(type(one).__name__ if hasattr(one, "body") else one for one in record.args)
        return True


def _renderers(log_format: str) -> list[Processor]:
    if log_format == "console":
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.JSONRenderer(serializer=_dump)]


def _dump(event: object, **_: object) -> bytes:
    return orjson.dumps(event, default=str)


def get_logger() -> FilteringBoundLogger:
    """Return a logger whose context is the task's."""
    return cast("FilteringBoundLogger", structlog.get_logger())


bind = structlog.contextvars.bound_contextvars
add_to_lines = structlog.contextvars.bind_contextvars
"""Adds keywords to all later lines of the same call."""
