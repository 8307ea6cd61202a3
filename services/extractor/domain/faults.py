"""What stops an attempt, told apart by what follows.

Tree: DocumentFault (a failure is counted) ← EngineFault (and money may have been spent) ← NotNow (nothing is counted,
the document goes back until `retry_after` has passed).
"""

from chassis.failures import CATALOGUE, Category, FailureCode
from extractor.domain.extraction import DocumentFault, Usage
from extractor.domain.usage import NO_USAGE


class EngineFault(DocumentFault):
    """The engine gave no usable answer; `usage` was paid all the same."""

    def __init__(self, code: FailureCode, message: str, usage: Usage = NO_USAGE) -> None:
        super().__init__(code, message)
        self.usage = usage


class NotNow(EngineFault):
    """What the attempt needs is not to be had now; release the document and come back in `retry_after` seconds."""

    def __init__(self, code: FailureCode, message: str, retry_after: float, usage: Usage = NO_USAGE) -> None:
        super().__init__(code, message, usage)
        self.retry_after = retry_after


def is_about_the_answer(fault: DocumentFault) -> bool:
    """Whether the model answered, only not usably, so that asking it again the same way is no use."""
    return CATALOGUE[fault.code].category is Category.MODEL
