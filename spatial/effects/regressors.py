"""Regressors by the names of their coefficients."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.several import SeveralDesign


def column_of(d: Design, name: str, effects: FixedEffects) -> np.ndarray:
    """A regressor by its name, ``x``, ``W:x``, ``W2:x``, ``W_1:x`` or, of correlated random effects, ``mean(x)`` or ``x
    in 1970``, of instruments too: (T, N) or (N,)."""
    if name in d.names:
        return d.X[:, :, d.names.index(name)]
    if name in d.instruments:  # which unit effects may follow
        return d.instruments[name]
    if name.startswith("mean("):
        column = column_of(d, name.removeprefix("mean(").removesuffix(")"), effects)
        return column.mean(axis=0) if d.observed is None else np.nanmean(np.where(d.observed, column, np.nan), axis=0)
    lag, _, of = name.partition(":")
    if lag in ("W", "W2") and not isinstance(d, SeveralDesign) and of in (*d.names, *d.instruments):
        once = d.lag(column_of(d, of, effects), effects)
        return once if lag == "W" else d.lag(once, effects)
    if isinstance(d, SeveralDesign) and lag.removeprefix("W_").isdigit() and of in (*d.names, *d.instruments):
        return d.lag(column_of(d, of, effects), effects, d.weights.matrices[int(lag.removeprefix("W_")) - 1])
    of, _, period = name.rpartition(" in ")
    if of and period in (labels := d.periods.astype(str)):
        return column_of(d, of, effects)[labels.get_loc(period)]
    raise SpatialInputError("E501", f"{name!r} is no term of the formula: this fit cannot predict", column=name,
                            hint="fit the model with all its terms in the formula")


def held_by_effects(d: Design, effects: FixedEffects, values: np.ndarray, lagged: np.ndarray) -> np.ndarray:
    """What the fixed effects hold of columns (T, N) or (T, N, K): P of them. Where the model lags deviations from
    period means, as ``lagged`` has them, W of the means is the effects' as well."""
    return values - d.within(lagged, effects) if effects.fixed else np.zeros(values.shape)


def sample_columns(d: Design, names, effects: FixedEffects) -> np.ndarray:
    """The regressors of the sample, (T, N, K), W lagging what the effects leave of whole columns."""
    columns = [np.broadcast_to(column_of(d, name, effects), d.y.shape) for name in names]
    return np.stack(columns, axis=-1) if columns else np.zeros((*d.y.shape, 0))
