"""Local Moran over time: which units change quadrant, and where that leads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.matrix import as_weights, warn_unlabelled
from spillover.provenance import made_from
from spillover.show import Shown

from ..records.schema import rows_of
from . import _input
from ._chain import steady_state
from .by import refuse_gaps, unstack
from .local import QUADRANTS, quadrants

if TYPE_CHECKING:
    from spillover.types import WeightsLike

MOVES = ("neither", "unit only", "neighbors only", "both")


@dataclass(frozen=True, eq=False, repr=False)
class LisaTransitions(Shown):
    """Moves between the quadrants of the Moran scatter plot.

    Attributes
    ----------
    variable, time : str
    quadrants : DataFrame, units x periods
    counts : DataFrame, 4 x 4
        Rows: quadrant in one period; columns: in the next.
    moves : Series
        Moves by who crossed its mean: neither, the unit only, its neighbors only, both (Rey 2001, types 0 to III).
    weights : str
    notes : tuple of str
    """

    variable: str
    time: str
    quadrants: pd.DataFrame
    counts: pd.DataFrame
    moves: pd.Series
    weights: str
    notes: tuple[str, ...] = ()

    @property
    def probabilities(self) -> pd.DataFrame:
        """Share of each row's moves; NaN for a quadrant nobody was in."""
        return self.counts.div(self.counts.sum(axis=1).replace(0, np.nan), axis=0)

    @property
    def steady_state(self) -> pd.Series:
        """Where shares would settle if these probabilities held for ever; NaN where they need not settle."""
        return pd.Series(steady_state(self.probabilities.to_numpy()), index=self.counts.index, name="steady_state")

    def to_frame(self) -> pd.DataFrame:
        """Quadrants of units by period: join it to the map by its index."""
        return self.quadrants.copy()

    def tidy(self) -> pd.DataFrame:
        """The common schema: transition probabilities with binomial errors, ``from``, ``to`` and ``count``."""
        n, p = self.counts.to_numpy(dtype=float), self.probabilities.to_numpy()
        error = np.sqrt(p * (1 - p) / np.where(n.sum(axis=1) > 0, n.sum(axis=1), np.nan)[:, None])
        here, there = np.repeat(QUADRANTS, 4), np.tile(QUADRANTS, 4)
        table = rows_of([f"{a} to {b}" for a, b in zip(here, there)], p.ravel(), std_error=error.ravel())
        return table.assign(**{"from": here, "to": there, "count": n.ravel().astype(int)})

@takes_frames
def lisa_transitions(data: pd.DataFrame, column: str, w: WeightsLike, *, time: str,
                     entity: str | None = None) -> LisaTransitions:
    """Transitions between local Moran quadrants from each period to the next (LISA Markov, Rey 2001).

    Each period is standardised by its own mean. Units without neighbors have no quadrant.

    Parameters
    ----------
    data : DataFrame, one row per unit and period
    column : str
    w : weights
    time, entity : str
        As `moran_by`.

    Raises
    ------
    SpatialInputError
        As `moran_by`; E206 with fewer than two periods.

    Examples
    --------
    >>> import numpy as np
    >>> path = pd.DataFrame(np.eye(4, k=1) + np.eye(4, k=-1), index=list("abcd"), columns=list("abcd"))
    >>> panel = pd.DataFrame({"unit": list("abcd") * 2, "year": [1] * 4 + [2] * 4, "y": [1, 2, 8, 9, 9, 2, 8, 9]})
    >>> lisa_transitions(panel, "y", path, time="year", entity="unit").moves.to_dict()
    {'neither': 1, 'unit only': 1, 'neighbors only': 2, 'both': 0}
    """
    weights = as_weights(w)
    wide, periods = unstack(data, [column], time, entity, weights.ids)
    refuse_gaps(wide, time)
    if len(periods) < 2:
        raise SpatialInputError("E206", f"transitions need two or more periods of {time!r}, there are {len(periods)}",
                                hint="give a panel with more periods")
    if not weights.labelled:
        warn_unlabelled()
        weights = as_weights(weights.csr, ids=wide.index)
    field = _input.read([(str(p), wide[(column, p)].rename(f"{column} ({time} {p})")) for p in periods], weights)
    csr = field.weights.csr
    linked = np.diff(csr.indptr) > 0
    z = [_input.standardised(row) for row in field.values]
    sides = np.array([quadrants(zt, csr @ zt) for zt in z])[:, linked]
    start, end = sides[:-1].ravel(), sides[1:].ravel()
    counts = np.bincount(4 * start + end, minlength=16).reshape(4, 4)
    high, high_lag = np.isin(sides, (0, 3)), np.isin(sides, (0, 2))
    kind = (high[1:] != high[:-1]) + 2 * (high_lag[1:] != high_lag[:-1])
    moves = pd.Series(np.bincount(kind.ravel(), minlength=4), index=list(MOVES), name="moves")
    names = np.array(QUADRANTS, dtype=object)[sides.T]
    table = pd.DataFrame(names, index=field.ids[linked], columns=pd.Index(periods, name=time))
    labels = pd.Index(QUADRANTS)
    frame = pd.DataFrame(counts, index=labels.rename("from"), columns=labels.rename("to"))
    result = LisaTransitions(column, time, table.reindex(field.all_ids), frame, moves, weights.header(), field.notes)
    return made_from(result, field)
