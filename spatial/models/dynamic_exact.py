"""Dynamic panels whose bias is the exact mean of the score: under weights of observations and many ways of effects."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.moving import as_lagged
from ..design.unbalanced import Gaps
from ..solve.dynamic_projected import Columns, Dynamics, Matrices, ProjectedScore

CELLS = 40_000_000  # elements of the columns of effects


def projected_score(d: Design, effects: FixedEffects, places: list[int | None], *, lag: bool, error: bool):
    """The mean of the score of a model with one rho; ``places`` of tau and eta among the coefficients, or None.

    Raises
    ------
    SpatialInputError
        E309 too many units or effects.
    """
    W, M = (matrices_of(as_lagged(w, effects), d.n_periods) for w in (d.weights, d.weights_of_error))
    past = (identity(d), W)
    dynamics = Dynamics((W,) * lag, tuple(one for one, place in zip(past, places) if place is not None), (M,) * error,
                        rows_of(d))  # fmt: skip
    return ProjectedScore(dynamics, columns_of(d, effects), root_of(d), [at for at in places if at is not None])


def matrices_of(w: SpatialWeights | TemporalWeights, T: int) -> Matrices:
    """The matrix of every period."""
    return [one.csr for one in w.each(T)]


def identity(d: Design) -> Matrices:
    return [sparse.csr_array(sparse.eye_array(d.n_units))] * d.n_periods


def rows_of(d: Design) -> np.ndarray:
    return np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed


def root_of(d: Design) -> np.ndarray:
    """Roots of the weights of observations, 1 where there is none."""
    return np.ones(d.y.shape) if d.obs_weights is None else np.nan_to_num(d.obs_weights.root, nan=1.0)


def columns_of(d: Design, effects: FixedEffects) -> Columns:
    """U of the effects, in the metric of the weights.

    Raises
    ------
    SpatialInputError
        E309.
    """
    T, N = d.y.shape
    if effects.ways is not None:
        ways = effects.ways if d.obs_weights is None else d.obs_weights.projection(effects)
        if d.nobs * ways.rank > CELLS:
            raise SpatialInputError("E309", f"the exact mean of the score of lags= needs a dense matrix of {d.nobs:,} "
                                    f"rows and {ways.rank:,} effects", n=ways.rank,
                                    hint="fewer effects behind |, or correction=False")  # fmt: skip
        return Columns(None, np.nan_to_num(d.panel(ways.dummies())))
    plain: Any = Gaps(rows_of(d), effects) if d.obs_weights is None else d.obs_weights.projection(effects)
    each = [plain.basis(t) for t in range(T)]
    if not effects.entity:
        return Columns(None, _kept(np.stack(each)))
    return Columns(np.stack([one.diagonal() for one in each]), _kept(np.stack([one[:, N:] for one in each])))


def _kept(columns: np.ndarray) -> np.ndarray:
    """Without columns of zeros."""
    return columns[:, :, np.einsum("tnq,tnq->q", columns, columns) > 0.5]
