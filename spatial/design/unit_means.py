"""What correlated random effects follow, as regressors: unit means of the regressors, W X among them (Mundlak 1978), or
the regressors of every period (Chamberlain 1982). Those that the regressors span already are left out: means of what
never changes, or of year dummies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spillover.errors import SpatialInputError

from .checks import COLLINEAR
from .design import Design
from .fixed_effects import FixedEffects
from .unit_rows import UnitRows


def projection(
    X: np.ndarray, followed: np.ndarray, names: tuple[str, ...], d: Design, effects: FixedEffects
) -> tuple[Callable[[np.ndarray], np.ndarray], tuple[str, ...]]:
    """What makes the added columns of rows (m, k) like those of ``followed``, and the names of these columns.

    Parameters
    ----------
    X : (m, K), the regressors, which may span some
    followed : (m, k), what the unit effects follow
    names : of its columns

    Raises
    ------
    SpatialInputError
        E716 when no regressor has means of its own, E206 when there are too few units for so many.
    """
    (T, N), k, units = d.y.shape, len(names), UnitRows.of(d)

    def by_unit(values):
        if effects.random == "correlated":
            return units.means(values)
        return (values / units.ones[:, None]).reshape(T, N, k).transpose(1, 2, 0).reshape(N, k * T)

    scale = np.linalg.norm(X, axis=0)
    columns = by_unit(followed / np.linalg.norm(followed, axis=0))
    both = np.column_stack([X / scale, units.spread(columns)])
    new = np.flatnonzero(np.abs(np.diag(np.linalg.qr(both, mode="r")))[len(scale) :] > COLLINEAR)
    if not len(new):
        raise SpatialInputError("E716", "no regressor has unit means of its own: none varies within and between units",
                                hint="use effects='random'")  # fmt: skip
    if len(new) >= N - 1:
        fewer = "effects='correlated'" if effects.random == "chamberlain" else "effects='random', or fewer regressors"
        raise SpatialInputError("E206", f"effects={effects.random!r} takes {columns.shape[1]} coefficients between "
                                f"units, and there are {N} units", n=N, hint=f"use {fewer}")  # fmt: skip

    def added(values):
        return units.spread(by_unit(values)[:, new])

    labels = [f"mean({name})" for name in names]
    if effects.random == "chamberlain":
        labels = [f"{name} in {period}" for name in names for period in d.periods.astype(str)]
    return added, tuple(labels[j] for j in new)


def with_unit_means(X: np.ndarray, names: list[str], d: Design, effects: FixedEffects) -> tuple[np.ndarray, list[str]]:
    """The columns of a panel (T, N, k) with those added; without such effects as they are."""
    if effects.random in (None, "random") or not names:
        return X, names
    rows = d.rows(X)
    added, labels = projection(rows, rows, tuple(names), d, effects)
    return np.concatenate([X, d.panel(added(rows))], axis=2), [*names, *labels]


def lag_unit_means(lagged: np.ndarray, X: np.ndarray, names: list[str], d: Design, effects: FixedEffects) -> None:
    """In place: of the columns (m, k) that M lags those of the unit effects become unit means of M X, as the effects
    inside the spatial error follow these; under M that is the same in all periods they are M of unit means.

    Parameters
    ----------
    X, names : the regressors, (m, k0), and their names, without what the effects follow
    """
    if effects.random in (None, "random") or not d.varies or not names:
        return
    added, _ = projection(X, X, tuple(names), d, effects)
    lagged[:, len(names) :] = added(lagged[:, : len(names)])
