"""Effects of units and periods: which a model has, how they leave the data, how many observations they take.

Fixed effects leave a balanced panel by demeaning, an unbalanced one by a projection (``unbalanced``), and more ways
of effects than those of units and periods by another (``absorbed``). Random unit effects stay in the errors; only their
kind is written down here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spillover.errors import SpatialInputError, check_option

from .absorbed import Absorbed
from .unbalanced import Gaps

RANDOM = ("random", "correlated", "chamberlain")  # each nests those before it
NAMES = {"none": (False, False), "entity": (True, False), "time": (False, True), "twoway": (True, True)}


@dataclass(frozen=True)
class FixedEffects:
    """The effects of a model.

    Attributes
    ----------
    entity, time : bool
        Whether units, periods have fixed effects.
    random : {None, "random", "correlated", "chamberlain"}
        The kind of random unit effects; there are no fixed effects beside them.
    ways : Absorbed or None
        All ways behind ``|``, those of units and periods among them, where there are others than these.

    Examples
    --------
    >>> effects = FixedEffects.parse("entity")
    >>> effects.demean(np.array([[1.0, 10.0], [3.0, 30.0]]))      # 2 periods, 2 units
    array([[ -1., -10.],
           [  1.,  10.]])
    >>> effects.left(T=2, N=2), effects.lost(T=2, N=2)
    (2, 2)
    """

    entity: bool = False
    time: bool = False
    random: str | None = None
    ways: Absorbed | None = None

    @classmethod
    def parse(cls, name: str) -> FixedEffects:
        """From the public name: "none", "entity", "time", "twoway" or a kind of random effects.

        Raises
        ------
        SpatialInputError
            E501.
        """
        if not isinstance(name, str) or name not in EFFECTS:
            check_option("effects", name, EFFECTS)
        return EFFECTS[name]

    @property
    def name(self) -> str:
        """The public name, or the ways as the formula has them."""
        if self.ways is not None:
            return self.ways.name
        return self.random or next(name for name, pair in NAMES.items() if pair == (self.entity, self.time))

    def __str__(self) -> str:
        return self.name

    def __bool__(self) -> bool:
        """Whether there are any, fixed or random."""
        return self.fixed or self.random is not None

    @cached_property
    def fixed(self) -> bool:
        return self.entity or self.time or self.ways is not None

    @property
    def constant(self) -> bool:
        """Whether they span the intercept: slopes of groups alone do not."""
        return self.ways.constant if self.ways else self.entity or self.time

    def without_entity(self) -> FixedEffects:
        """The effects less those of units."""
        return FixedEffects(time=self.time, random=self.random)

    def without_time(self) -> FixedEffects:
        """The effects less those of periods."""
        return FixedEffects(entity=self.entity, random=self.random)

    def demean(
        self, values: np.ndarray, observed: np.ndarray | None = None, *, first: int = 0,
        axes: tuple[int, int] | None = None,
    ) -> np.ndarray:  # fmt: skip
        """A (T, N, ...) array less its projection on the fixed effects; ``first`` axes before these number the arrays.

        Parameters
        ----------
        observed : (T, N) of bool, optional
            The units observed in each period of an unbalanced panel; NaN elsewhere.
        axes : pair of int, optional
            Where periods and units are in a balanced panel, if not at ``first`` and behind it.
        """
        if self.ways is not None:
            return self.ways.demean(values, first)
        if observed is not None:
            leading, last = range(first), range(-first, 0)
            return np.moveaxis(Gaps(observed, self).demean(np.moveaxis(values, leading, last)), last, leading)
        out, (period, unit) = np.array(values, dtype=float, order="C"), axes or (first, first + 1)
        if self.entity:
            out -= np.add.reduce(out, axis=period, keepdims=True) / out.shape[period]
        if self.time:
            out -= np.add.reduce(out, axis=unit, keepdims=True) / out.shape[unit]
        return out

    def left(self, T: int, N: int, observed: np.ndarray | None = None) -> int:
        """Observations that are left once the fixed effects are taken out."""
        if self.ways is not None:
            return self.ways.rows - self.ways.rank
        if observed is not None:
            return int(observed.sum()) - Gaps(observed, self).rank
        return (T - self.entity) * (N - self.time)

    def lost(self, T: int, N: int, observed: np.ndarray | None = None) -> int:
        """How many observations the fixed effects take."""
        return (T * N if observed is None else int(observed.sum())) - self.left(T, N, observed)

    @property
    def further(self) -> tuple[str, ...]:
        """Names of the ways beside those of units and periods, with x for ^: "region x year"."""
        if self.ways is None:
            return ()
        return tuple(str(way).replace("^", " x ") for way in self.ways.ways if way not in self.ways.own)

    def refuse_ways(self, what: str, hint: str = "effects of unit and period alone") -> None:
        """``what`` is not there for other effects than those of units and periods.

        Raises
        ------
        SpatialInputError
            E501.
        """
        if self.ways is not None:
            raise SpatialInputError("E501", f"{what} is not there for effects of {self.name}", hint=hint)

    def describe(self) -> str:
        """In words, for headers."""
        if self.random:
            return f"{self.random} unit effects"
        if self.ways:
            return f"effects of {self.name}"
        return {"none": "no effects", "twoway": "unit and period effects", "entity": "unit effects",
                "time": "period effects"}[self.name]  # fmt: skip


EFFECTS = {name: FixedEffects(*pair) for name, pair in NAMES.items()}
EFFECTS |= {kind: FixedEffects(random=kind) for kind in RANDOM}
NO_EFFECTS, UNIT_EFFECTS, PERIOD_EFFECTS, TWOWAY_EFFECTS = (EFFECTS[name] for name in NAMES)


def quasi_demean(values: np.ndarray, share: float) -> np.ndarray:
    """Deviations of a (T, N, ...) array from ``share`` of its unit means: the random-effects transformation."""
    return values - share * values.mean(axis=0, keepdims=True)
