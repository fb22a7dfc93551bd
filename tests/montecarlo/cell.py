"""What a cell is, and what comes out of a sample."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

NOMINAL = 0.95


@dataclass(frozen=True, eq=False)
class Cell:
    """One design of the Monte Carlo grid.

    Attributes
    ----------
    name : str
        Says the design: ``sar-n48-knn-k4-normal-default``.
    family : str
        Heading under which the page sums up.
    experiment : str
        Which function of ``experiments.EXPERIMENTS`` draws its samples.
    design : Mapping
        Arguments of that function, in plain values.
    samples : (int, int)
        Of the screen, and where the cell is near its bar.
    """

    name: str
    family: str
    experiment: str
    design: Mapping = field(default_factory=dict)
    samples: tuple[int, int] = (400, 2000)

    @property
    def seed(self) -> int:
        """Sample r of the cell is drawn by ``default_rng([seed, r])``, whoever draws it and in whatever order."""
        return zlib.crc32(self.name.encode())


@dataclass(frozen=True)
class Interval:
    """Whether a 95 % interval holds the truth, its length, and whether it excludes zero."""

    holds: bool
    length: float
    excludes_zero: bool


@dataclass(frozen=True)
class Rejection:
    """Whether a test at 5 % rejects its null: ``power`` where the null is false."""

    rejects: bool
    power: bool = False


def interval(low: float, high: float, truth: float) -> Interval:
    return Interval(bool(low <= truth <= high), float(high - low), not low <= 0 <= high)


def rejection(p: float, *, power: bool = False) -> Rejection:
    return Rejection(bool(p <= 1 - NOMINAL), power)


@dataclass(frozen=True)
class Draw:
    """A sample in two steps: ``results(rng)`` is what a user holds, ``outcomes(*results)`` what is counted of it."""

    results: Callable
    outcomes: Callable

    def __call__(self, rng) -> dict:
        return self.outcomes(*self.results(rng))
