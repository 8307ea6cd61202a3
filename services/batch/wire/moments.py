"""Moments and spans of time on the wire."""

from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(moment: datetime | None) -> Timestamp | None:
    """A moment, or nothing."""
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def duration(span: timedelta | None) -> Duration | None:
    """A span, or nothing."""
    if span is None:
        return None
    sent = Duration()
    sent.FromTimedelta(span)
    return sent


def seconds(value: float) -> Duration:
    """A span in seconds."""
    sent = Duration()
    sent.FromMilliseconds(max(int(value * 1000), 0))
    return sent
