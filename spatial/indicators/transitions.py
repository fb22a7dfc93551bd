"""Movement between classes of a distribution: Markov transitions, alone and by the neighbors' class."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ..explore._chain import passage_times, steady_state, transition_probabilities
from ..records.schema import rows_of
from ._classes import Classed, classed
from ._frame import refuse_gaps


@dataclass(frozen=True, eq=False, repr=False)
class Markov(Shown):
    """Transitions between classes, 1 the lowest.

    Attributes
    ----------
    column : str
    counts : DataFrame, k x k
        Rows: class in one period; columns: in the next.
    limits : DataFrame
        Upper limits of the classes but the last, in the units compared (relative to the mean where ``relative``): one
        row for all periods, or one per period.
    title : str
    """

    column: str
    counts: pd.DataFrame
    limits: pd.DataFrame = field(repr=False)
    title: str = "all units"

    @property
    def probabilities(self) -> pd.DataFrame:
        """Rows sum to one; NaN for an empty class."""
        return self._labelled(transition_probabilities(self.counts.to_numpy(dtype=float)))

    @property
    def steady_state(self) -> pd.Series:
        """The stationary distribution of these probabilities; NaN where it is not unique or not reached."""
        return pd.Series(steady_state(self.probabilities.to_numpy()), index=self.counts.index, name="steady_state")

    @property
    def passage_times(self) -> pd.DataFrame:
        """Mean number of periods from one class until another is first reached; on the diagonal until the return."""
        return self._labelled(passage_times(self.probabilities.to_numpy()))

    def _labelled(self, values) -> pd.DataFrame:
        return pd.DataFrame(values, index=self.counts.index, columns=self.counts.columns)

    def to_frame(self) -> pd.DataFrame:
        """The transition probabilities, from in rows, to in columns."""
        return self.probabilities

    def tidy(self) -> pd.DataFrame:
        """The common schema: probabilities with their binomial errors, ``from``, ``to`` and ``count``."""
        n = self.counts.to_numpy(dtype=float)
        p, total = self.probabilities.to_numpy(), n.sum(axis=1, keepdims=True)
        error = np.sqrt(p * (1 - p) / np.where(total > 0, total, np.nan))
        k, labels = len(n), self.counts.index
        here, there = np.repeat(labels, k), np.tile(labels, k)
        table = rows_of([f"{a} to {b}" for a, b in zip(here, there)], p.ravel(), std_error=error.ravel())
        return table.assign(**{"from": here, "to": there, "count": n.ravel().astype(int)})


@takes_frames
def markov(
    data: pd.DataFrame,
    column: str,
    *,
    entity: str | None = None,
    time: str | None = None,
    classes: int = 4,
    quantiles: str = "pooled",
    relative: bool = True,
) -> Markov:
    """Transitions between classes from each period to the next: quantile classes of numbers, or classes with names.

    Parameters
    ----------
    data : DataFrame, one row per unit and period, in any order; the same periods for all units
    column : str
        Numbers, or the names of classes (text, booleans or a category): these are then the classes, in the order of
        the category or sorted, and ``classes``, ``quantiles`` and ``relative`` are ignored.
    entity, time : str, optional
    classes : int
        How many, by quantiles.
    quantiles : {"pooled", "period"}
        Limits from all periods together, so that shares of classes can change; or from each period, so that a class is
        a rank.
    relative : bool
        Compare values over their period's mean (Rey 2001), which removes common growth.

    Returns
    -------
    Markov

    Raises
    ------
    SpatialInputError
        E1xx keys, E104 periods that differ between units, E201-E203 values, E206 fewer than two periods, E211 a period
        whose mean is not positive (for ``relative``), E223 quantiles that coincide, E501.

    Examples
    --------
    >>> data = pd.DataFrame({"unit": list("abcd") * 2, "year": [1] * 4 + [2] * 4, "y": [1, 2, 8, 9, 9, 2, 8, 1]})
    >>> result = markov(data, "y", entity="unit", time="year", classes=2)
    >>> result.counts.to_numpy().tolist()
    [[1, 1], [1, 1]]
    >>> result.steady_state.round(3).tolist()
    [0.5, 0.5]

    References
    ----------
    Quah (1993), European Economic Review 37:426-434; passage times: Kemeny & Snell (1976), Finite Markov Chains, ch. 4.
    """
    units = classed(data, column, entity, time, classes, quantiles, relative)
    refuse_gaps(units.table)
    return chain_of(column, units, units.codes[:-1], units.codes[1:])


def chain_of(column, units: Classed, start, end, title="all units") -> Markov:
    k = units.k
    counts = np.bincount((k * start + end).ravel(), minlength=k * k).reshape(k, k)
    frame = pd.DataFrame(counts, units.labels.rename("from"), units.labels.rename("to"))
    return made_from(Markov(column, frame, units.limits, title), units.table)


