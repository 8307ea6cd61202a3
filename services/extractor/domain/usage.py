"""What model calls cost."""

from dataclasses import dataclass

from extractor.domain.extraction import Usage

NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens, which is the same as millionths of a dollar per token."""

    input_tokens: float = 0.0
    output_tokens: float = 0.0

    def usage(self, input_tokens: int, output_tokens: int) -> Usage:
        """What a call with these counts cost; a provider that counts below zero is not believed."""
        read, written = max(0, input_tokens), max(0, output_tokens)
        return Usage(read, written, round(read * self.input_tokens + written * self.output_tokens))


NO_PRICES = Prices()


def total(*parts: Usage) -> Usage:
    """All of them together."""
    return Usage(
        sum(part.input_tokens for part in parts),
        sum(part.output_tokens for part in parts),
        sum(part.cost_micros for part in parts),
    )
