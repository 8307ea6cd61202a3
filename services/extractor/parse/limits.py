"""What one document may cost."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Bounds on the parsing of one document; beyond any but the first it fails as RESOURCE_LIMIT."""

    max_pages: int = 1000
    """More fail as TOO_MANY_PAGES."""
    memory_bytes: int = 1024 * MIB
    """Address space of the child that parses."""
    cpu_seconds: int = 30
    wall_seconds: float = 90.0
    """From handing the document to a child until its answer; waiting for a free child does not count."""
    text_bytes: int = 16 * MIB
    """All pages together, in UTF-8."""
