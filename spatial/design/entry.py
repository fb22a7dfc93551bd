"""Dynamic panels with entry, exit and gaps: which rows have a past, and what the likelihood counts of W.

A unit that is observed in t but not in t - 1 enters (or comes back) in t: its y_t has no equation, it is a starting
value, as y of the first period is for everybody. It is a neighbor all the same,

    y_it = rho sum_j w_ij,t y_jt + tau y_{i,t-1} + eta sum_j w_ij,t-1 y_{j,t-1} + x_it beta + ... + e_it,

where W_t runs over all units that are observed in t, W_{t-1} over those observed in t - 1, both standardised again as
they were. The rows of the likelihood are those with y_{i,t-1}. Starting values answer to their neighbors in the same
period like all other values: of the score of rho, (W y)_it e_it / sigma2 summed over these rows, the mean is the sum of
the diagonal of W_t (I - rho W_t)^-1 over them, whatever else starting values are made of, as long as it is not
correlated with e. The likelihood takes off the integral of just that, the sum over t of tr[J_t log(I - rho W_t)], J_t
the identity on the rows of period t, less their mean under period effects (``varying``). Without entries this is
log|I - rho W_t|.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SHOWN, SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..logdet import Jacobian, period_logdet, projected_logdet
from .design import Design, spatial_lag
from .fixed_effects import NO_EFFECTS, PERIOD_EFFECTS
from .gaps import cut_to_observed
from .unbalanced import Gaps


def rows_with_past(observed: np.ndarray) -> np.ndarray:
    """Of the periods but the first, which units are observed in this and the period before, (T - 1, N) of bool.

    Examples
    --------
    >>> rows_with_past(np.array([[True, True], [True, False], [False, True], [True, True]])).astype(int).tolist()
    [[1, 0], [0, 0], [0, 1]]
    """
    return observed[1:] & observed[:-1]


def starts(d: Design) -> np.ndarray | None:
    """Units that are observed, and neighbors, but have no row: (T, N) of bool, None where there is none."""
    if not d.lags or d.observed is None or not isinstance(d.weights, TemporalWeights) or d.weights.observed is None:
        return None
    without = d.weights.observed & ~d.observed
    return without if without.any() else None


def checked_rows(observed: np.ndarray, periods: pd.Index, lags: str) -> np.ndarray:
    """``rows_with_past``, where every period has some.

    Raises
    ------
    SpatialInputError
        E108.
    """
    rows = rows_with_past(observed)
    empty = periods[1:][rows.sum(axis=1) == 0]
    if len(empty):
        raise SpatialInputError(
            "E108", f"lags={lags!r}: no unit is observed in {empty[0]} and in the period before",
            ids=list(empty[:SHOWN]),
            hint="estimate the periods before it and from it on one by one, or leave lags= out",
        )  # fmt: skip
    return rows


def of_later_periods(d: Design, rows: np.ndarray, lags: str) -> dict:
    """What changes in a design when its first period becomes the starting value and only ``rows`` are left."""
    observed = d.observed
    if observed is None:
        raise ValueError("a balanced panel has no gaps")
    w = d.weights
    entering = int((observed[1:] & ~rows).sum())
    alone = int((rows.sum(axis=0) == 0).sum())
    note = (f"lags={lags!r}: {int(rows.sum())} rows with y of the period before; starting values are those of the "
            f"first period, {d.periods[0]}, and {entering} of units that enter or come back later")  # fmt: skip
    notes = (note, f"{alone} units have no such row and are neighbors only") if alone else (note,)
    return {
        "observed": rows,
        "weights": TemporalWeights(w.each(len(observed))[1:], d.periods[1:], w.notes, observed[1:]),
        "notes": (*d.notes, *notes),
    }


def given_starts(d: Design) -> tuple[SpatialWeights | TemporalWeights, np.ndarray | float]:
    """W among the rows alone, as it is, and W y of the starting values, (T, N): what a row takes as it was observed."""
    without = starts(d)
    if without is None:
        return d.weights, 0.0
    matrices = []
    for w, start in zip(d.weights.each(len(without)), without):
        keep = sparse.diags_array(1.0 - start)
        matrices.append(SpatialWeights(sparse.csr_array(keep @ w.csr @ keep), w.ids, w.kind, "none", w.unit))
    fixed = spatial_lag(d.weights, np.where(without, np.nan_to_num(d.outcome), 0.0))
    return TemporalWeights(tuple(matrices), d.periods, d.weights.notes, d.observed), fixed


def there(d: Design) -> np.ndarray | None:
    """Units that W has in each period, with a row or not: (T, N) of bool, None where it has all."""
    return d.weights.observed if isinstance(d.weights, TemporalWeights) else None


def without_starts(d: Design) -> Design:
    """The design with W among its rows alone, for what is done with residuals: those of starting values are zero."""
    return d if starts(d) is None else replace(d, weights=given_starts(d)[0])


def jacobian_of_rows(d: Design, weights: TemporalWeights, *, time: bool, method: str | None) -> Jacobian:
    """sum_t tr[J_t log(I - rho W_t)] over the rows that have a past.

    Raises
    ------
    SpatialInputError
        E309 above 3,000 units, and E501 for another ``logdet=``, where eigenvectors are needed.
    """
    if starts(d) is None and (not time or weights.rows_sum_to_one):
        return Jacobian(period_logdet(weights, method), 1.0, d.n_periods if time else 0)
    if method not in (None, "eigen"):
        raise SpatialInputError("E501", f"logdet={method!r} does not serve here: units enter a dynamic panel, which "
                                "needs eigenvectors", hint="leave logdet= out")  # fmt: skip
    assert d.observed is not None
    return Jacobian(_of_rows(weights, d.observed.tobytes(), time))


@lru_cache(maxsize=8)
def _of_rows(weights: TemporalWeights, rows: bytes, time: bool):
    """By the eigenvectors of every period: once for one W and one pattern of rows."""
    there = np.frombuffer(rows, dtype=bool).reshape(len(weights.periods), weights.n)
    projection = Gaps(there, PERIOD_EFFECTS if time else NO_EFFECTS)
    return projected_logdet(weights, [projection.block(t) for t in range(len(there))])


def with_error_among_rows(d: Design) -> Design:
    """The design of a model with a spatial error: starting values of units that enter have no equation and no error,
    so that the error's weights link the rows alone, standardised again."""
    if starts(d) is None or d.observed is None:
        return d
    M = cut_to_observed(d.weights_of_error, d.observed, d.periods)
    return replace(d, error_weights=M, notes=(*d.notes, "the error's weights are those among the rows with a past"))
