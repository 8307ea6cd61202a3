"""What a measurement came to: runs, medians, spread, and the ratio to what ran beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should reach; a ratio's when it has one, else its own."""

    bound: float
    at_most: bool = False

    def met(self, value: float) -> bool:
        """Whether a value reaches it."""
        return value <= self.bound if self.at_most else value >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; the runs in the order they were made."""

    name: str
    unit: str
    runs: tuple[float, ...]
    against: str = ""
    """Name of the figure it is divided by."""
    ratios: tuple[float, ...] = ()
    """Round by round, so that what slowed both down cancels out."""
    goal: Goal | None = None

    @property
    def median(self) -> float:
        """Of the runs."""
        return median(self.runs)

    @property
    def ratio(self) -> float | None:
        """Median of the ratios."""
        return median(self.ratios) if self.ratios else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        return self.goal.met(self.median if self.ratio is None else self.ratio) if self.goal else None


@dataclass(frozen=True, slots=True)
class Section:
    """Figures that were measured together."""

    name: str
    title: str
    what: str
    """How it was measured, in a sentence or two."""
    figures: tuple[Figure, ...]


def compare(name: str, unit: str, runs: Sequence[float], other: Figure, goal: Goal | None = None) -> Figure:
    """A figure beside another one of the same rounds."""
    ratios = tuple(one / two for one, two in zip(runs, other.runs, strict=True))
    return Figure(name, unit, tuple(runs), other.name, ratios, goal)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
