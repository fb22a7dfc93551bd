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
    X: np.ndarray, names: tuple[str, ...], d: Design, effects: FixedEffects
) -> tuple[Callable[[np.ndarray], np.ndarray], tuple[str, ...]]:
    """What extends rows (m, k) like those of X by the columns that the unit effects follow, and all names.

    Raises
    ------
    SpatialInputError
        E716 when no regressor has means of its own, E206 when there are too few units for so many.
    """
    (T, N), k, units = d.y.shape, len(names), UnitRows.of(d)

    def by_unit(X):
        if effects.random == "correlated":
            return units.means(X)
        return (X / units.ones[:, None]).reshape(T, N, k).transpose(1, 2, 0).reshape(N, k * T)

    scale = np.linalg.norm(X, axis=0)
    added = by_unit(X / scale)
    both = np.column_stack([X / scale, units.spread(added)])
    new = np.flatnonzero(np.abs(np.diag(np.linalg.qr(both, mode="r")))[k:] > COLLINEAR)
    if not len(new):
        raise SpatialInputError("E716", "no regressor has unit means of its own: none varies within and between units",
                                hint="use effects='random'")  # fmt: skip
    if len(new) >= N - 1:
        raise SpatialInputError("E206", f"effects='chamberlain' takes {added.shape[1]} coefficients between units, and "
                                f"there are {N} units", n=N, hint="use effects='correlated'")  # fmt: skip

    def extended(X):
        return np.column_stack([X, units.spread(by_unit(X)[:, new])])

    labels = [f"mean({name})" for name in names]
    if effects.random == "chamberlain":
        labels = [f"{name} in {period}" for name in names for period in d.periods.astype(str)]
    return extended, (*names, *(labels[j] for j in new))


def with_unit_means(X: np.ndarray, names: list[str], d: Design, effects: FixedEffects) -> tuple[np.ndarray, list[str]]:
    """The same of a panel (T, N, k), with the columns added; without such effects as it is."""
    if effects.random in (None, "random") or not names:
        return X, names
    rows = d.rows(X)
    extended, labels = projection(rows, tuple(names), d, effects)
    return np.concatenate([X, d.panel(extended(rows)[:, len(names) :])], axis=2), list(labels)


def lag_unit_means(lagged: np.ndarray, X: np.ndarray, names: list[str], d: Design, effects: FixedEffects) -> None:
    """In place: of the columns (m, k) that M lags those of the unit effects become unit means of M X, as the effects
    inside the spatial error follow these; under M that is the same in all periods they are M of unit means.

    Parameters
    ----------
    X, names : the regressors, (m, k0) and their names, without what the effects follow
    """
    if effects.random in (None, "random") or not d.varies or not names:
        return
    extended, _ = projection(X, tuple(names), d, effects)
    lagged[:] = extended(lagged[:, : len(names)])
