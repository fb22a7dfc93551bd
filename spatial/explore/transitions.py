"""Local Moran over time: which units change quadrant, and where that leads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spatial.design._weights_tmp import as_weights, warn_unlabelled
from spillover.errors import SpatialInputError
from spillover.show import Shown

from . import _input, _show
from ._chain import steady_state
from .by import refuse_gaps, unstack
from .local import QUADRANTS, quadrants

MOVES = ("neither", "unit only", "neighbours only", "both")


@dataclass(frozen=True, eq=False, repr=False)
class Transitions(Shown):
    """Moves between the quadrants of the Moran scatter plot.

    Attributes
    ----------
    variable, by : str
    quadrants : DataFrame, units x periods
    counts : DataFrame, 4 x 4
        Rows: quadrant in one period; columns: in the next.
    moves : Series
        Moves by who crossed its mean: neither, the unit only, its neighbours only, both (Rey 2001, types 0 to III).
    weights : str
    notes : tuple of str
    """

    variable: str
    by: str
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
        """One row per pair of quadrants: from, to, count, probability."""
        flat = self.counts.stack().rename("count").reset_index()
        return flat.assign(probability=self.probabilities.stack(future_stack=True).to_numpy())

    def __str__(self) -> str:
        p = self.probabilities
        totals = self.counts.sum(axis=1)
        rows = [[label, *(_show.number(v) for v in p.loc[label]), f"{totals[label]:,}"] for label in QUADRANTS]
        rows.append(["steady state", *(_show.number(v) for v in self.steady_state), ""])
        head = f"Quadrant moves of {self.variable!r} by {self.by}; weights {self.weights}"
        moved = ", ".join(f"{name} {count:,}" for name, count in self.moves.items())
        table = _show.table(("from / to", *QUADRANTS, "moves"), rows)
        return "\n".join([head, table, f"who moved: {moved}", *self.notes])


def lisa_transitions(data, column, w, *, by="year", entity=None) -> Transitions:
    """Transitions between local Moran quadrants from each period to the next (LISA Markov, Rey 2001).

    Each period is standardised by its own mean. Units without neighbours have no quadrant.

    Parameters
    ----------
    data : DataFrame, one row per unit and period
    column : str
    w : weights
    by, entity : str
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
    >>> lisa_transitions(panel, "y", path, entity="unit").moves.to_dict()
    {'neither': 1, 'unit only': 1, 'neighbours only': 2, 'both': 0}
    """
    wide, periods = unstack(data, [column], by, entity)
    refuse_gaps(wide, by)
    if len(periods) < 2:
        raise SpatialInputError("E206", f"transitions need two or more periods of {by!r}, there are {len(periods)}")
    weights = as_weights(w)
    if weights.ids is None:
        warn_unlabelled()
        weights = as_weights(weights.csr, ids=wide.index)
    field = _input.read([(str(p), wide[(column, p)].rename(f"{column} ({by} {p})")) for p in periods], weights)
    csr = field.weights.csr
    linked = np.diff(csr.indptr) > 0
    z = [_input.standardised(row) for row in field.values]
    found = np.array([quadrants(zt, csr @ zt) for zt in z])[:, linked]
    start, end = found[:-1].ravel(), found[1:].ravel()
    counts = np.bincount(4 * start + end, minlength=16).reshape(4, 4)
    high, high_lag = np.isin(found, (0, 3)), np.isin(found, (0, 2))
    kind = (high[1:] != high[:-1]) + 2 * (high_lag[1:] != high_lag[:-1])
    moves = pd.Series(np.bincount(kind.ravel(), minlength=4), index=list(MOVES), name="moves")
    names = np.array(QUADRANTS, dtype=object)[found.T]
    table = pd.DataFrame(names, index=field.ids[linked], columns=pd.Index(periods, name=by))
    labels = pd.Index(QUADRANTS)
    frame = pd.DataFrame(counts, index=labels.rename("from"), columns=labels.rename("to"))
    return Transitions(column, by, table.reindex(field.all_ids), frame, moves, weights.describe(), field.notes)
