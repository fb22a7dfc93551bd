"""What leaves the equations of GMM on past values beside unit effects: period effects, and more ways of effects.

Period effects leave by means of periods, where these leave unit effects as they are: in a balanced panel whose units
have the same weight in all periods. Elsewhere, and for the other ways behind ``|``, there are dummies, which are
transformed as regressors are and instrument themselves: means of a group in a period mix errors of one period and keep
past values valid, trends of a group do so up to 1 / (its units).
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from .design import Design
from .fixed_effects import FixedEffects
from .ways import Way, nested

CELLS = 40_000_000  # elements of the dummies


def leave_by_means(d: Design, effects: FixedEffects) -> bool:
    """Whether period effects do: the mean of who is observed in a period, or of units whose weights change, has other
    units in it than that of the next, and unit effects would stay in the differences."""
    return effects.time and d.observed is None and (d.obs_weights is None or d.obs_weights.fixed)


def cell_weights(d: Design) -> np.ndarray | None:
    """(T, N): weights of observations, 1 where a unit is observed; 0 where it is not; None where all are one."""
    if d.obs_weights is not None:
        return np.nan_to_num(d.obs_weights.values)
    return None if d.observed is None else d.observed.astype(float)


def period_deviations(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Values, (T, N) or (T, N, g), less the weighted mean of their period; zero where a weight is. With a common path
    in past values that instrument an unbalanced panel estimates would depend on the path."""
    w = np.ones(values.shape[:2]) if weights is None else weights[: len(values)]
    w = w.reshape(w.shape + (1,) * (values.ndim - 2))
    values = np.where(w > 0, values, 0.0)
    sums = w.sum(axis=1, keepdims=True)
    return np.where(w > 0, values - (w * values).sum(axis=1, keepdims=True) / np.where(sums > 0, sums, 1.0), 0.0)


def dummies_of(d: Design, effects: FixedEffects) -> np.ndarray:
    """(T, N, r): of the periods but the first where period effects do not leave by means, then of every other way
    behind ``|`` than units and periods.

    Raises
    ------
    SpatialInputError
        E309 too many of them, E501 ways whose groups lie within units.
    """
    T, N = d.y.shape
    parts = [np.zeros((T, N, 0))]
    if effects.time and not leave_by_means(d, effects):
        parts.append(np.broadcast_to(np.eye(T)[:, None, 1:], (T, N, T - 1)))
    if effects.ways is not None:
        further = [way for way in effects.ways.ways if way not in effects.ways.own]
        units = np.nonzero(np.ones((T, N), dtype=bool) if d.observed is None else d.observed)[1]
        for way in further:
            if nested(way.codes, units):
                _refuse(way)
        count = sum(way.columns.shape[1] for way in further)
        if d.nobs * count > CELLS:
            raise SpatialInputError("E309", f"GMM on past values needs a dense matrix of {d.nobs:,} rows and {count:,} "
                                    "effects", n=count, hint="fewer effects behind |, or method='ml'")  # fmt: skip
        parts += [np.nan_to_num(d.panel(way.columns.toarray())) for way in further]
    return np.concatenate(parts, axis=2)


def _refuse(way: Way) -> None:
    """A trend of a unit takes means of its own differenced errors out, which hold the past."""
    raise SpatialInputError("E501", f"GMM on past values is not there for effects of {way}: what they leave of a "
                            "unit's differences holds its earlier errors, and past values are no instruments then",
                            hint="method='ml', whose score is less its exact mean, or groups of several units")
