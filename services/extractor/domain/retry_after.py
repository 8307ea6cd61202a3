"""How long a provider asks to be left alone."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SHORTEST = 1.0
LONGEST = 3600.0


def retry_after(headers: Mapping[str, str], default: float, now: datetime) -> float:
    """Seconds to wait: `retry-after-ms`, else `retry-after` as seconds or as an HTTP date (RFC 9110 §10.2.3).

    What cannot be read gives the default; what is out of all reason is cut to between a second and an hour.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _within(milliseconds / 1000)
    asked = headers.get("retry-after", "")
    seconds = _number(asked)
    if seconds is None:
        seconds = _until(asked, now)
    return default if seconds is None else _within(seconds)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if found == found else None  # noqa: PLR0124 - NaN is no number of seconds


def _until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - now).total_seconds()


def _within(seconds: float) -> float:
    return min(max(seconds, SHORTEST), LONGEST)
