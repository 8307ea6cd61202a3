"""What the provider did instead of answering, as faults that say what follows.

Nothing the provider says is passed on: its messages may quote the document.
"""

import re
from datetime import UTC, datetime
from typing import Any

import openai

from chassis.failures import FailureCode
from extractor.domain.faults import EngineFault, NotNow
from extractor.domain.retry_after import retry_after

RATE_LIMITED_WAIT = 10.0
UNAVAILABLE_WAIT = 15.0
AUTH_WAIT = 300.0
QUOTA_WAIT = 600.0

_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "credit_balance_too_low"})
_TOO_LONG = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
_FILTERED = frozenset({"content_filter", "content_policy_violation"})
_CODE = re.compile(r"[a-z0-9_]{1,64}")


def fault_of(error: openai.OpenAIError | ValueError | AttributeError) -> EngineFault:
    """Tell what follows from what the client raised."""
    if isinstance(error, openai.APITimeoutError):
        return EngineFault(FailureCode.PROVIDER_TIMEOUT, "the model provider took longer than it may")
    if isinstance(error, openai.APIStatusError):
        return _fault_of_status(error)
    # anyio looks for the socket of a connection that was reset while it was made; under uvloop there is none any more.
    if isinstance(error, (openai.APIConnectionError, AttributeError)):
        return _unavailable("the model provider cannot be reached", UNAVAILABLE_WAIT)
    return _unavailable("the model provider answered something else than a completion", UNAVAILABLE_WAIT)


def not_a_completion() -> NotNow:
    """A 200 that is no completion: a proxy's error page, a body cut short."""
    return _unavailable("the model provider answered something else than a completion", UNAVAILABLE_WAIT)


def _fault_of_status(error: openai.APIStatusError) -> EngineFault:
    codes = {word for word in (error.code, error.type) if word and _CODE.fullmatch(word)}
    told = f"the model provider answered {error.status_code}" + (f" {min(codes)}" if codes else "")
    if codes & _QUOTA or error.status_code == 402:
        return NotNow(FailureCode.PROVIDER_QUOTA, told, _wait(error, QUOTA_WAIT))
    match error.status_code:
        case 401 | 403 | 404 | 407:
            return NotNow(FailureCode.PROVIDER_AUTH, told, _wait(error, AUTH_WAIT))
        case 429:
            return NotNow(FailureCode.PROVIDER_RATE_LIMITED, told, _wait(error, RATE_LIMITED_WAIT))
        case status if status >= 500 or status in (408, 409, 425):
            return _unavailable(told, _wait(error, UNAVAILABLE_WAIT))
        case _:
            return _refused_request(error, codes, told)


def _refused_request(error: openai.APIStatusError, codes: set[str], told: str) -> EngineFault:
    if codes & _TOO_LONG or error.status_code == 413 or "maximum context length" in error.message:
        return EngineFault(FailureCode.CONTEXT_TOO_LONG, told)
    if codes & _FILTERED:
        return EngineFault(FailureCode.CONTENT_FILTERED, told)
    return EngineFault(FailureCode.OUTPUT_SCHEMA_INVALID, f"{told}: it does not take the request, mostly its schema")


def _unavailable(told: str, wait: float) -> NotNow:
    return NotNow(FailureCode.PROVIDER_UNAVAILABLE, told, wait)


def _wait(error: openai.APIStatusError, default: float) -> float:
    headers: Any = error.response.headers
    return retry_after(headers, default, datetime.now(UTC))
