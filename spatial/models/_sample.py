"""From aligned data to the likelihood's arrays: spatial lags in, fixed effects out, determinants counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover.errors import SpatialInputError, check_option

from .._data import INTERCEPT, Design, spatial_lag
from .._gaps import refuse_unbalanced
from .._logdet import Jacobian, logdet
from .._period_weights import PeriodWeights
from .._weights import Weights
from .._within import left_by_effects, without_effects
from ..results import Specification
from ..solve.ml import Sample
from ..solve.within import degrees_of_freedom
from ._checks import refuse_degenerate
from ._dummies import keeps_dummies, sample_with_dummies
from ._varying import refuse_without_likelihood, varying_jacobian

EFFECTS = ("none", "entity", "time", "twoway", "random", "correlated")


def demeaned_sample(
    specification: Specification, d: Design, effects: str, correction, logdet_method: str | None = None
) -> tuple[Sample, list[str]]:
    """The arrays of the likelihood and the names of X's columns.

    The transformation lags and then demeans, J W y. Without it we follow ``xsmle``, ``splm`` and Elhorst, who
    demean y and lag that, W J y: with time effects a little of them stays in. Weights that vary always lag first:
    W_t c changes from period to period.
    """
    W, M = d.weights, d.weights_of_error
    X, names = regressor_columns(d, effects)
    if keeps_dummies(specification, d, effects):
        return sample_with_dummies(d, X, names, effects, correction, logdet_method), names
    exact = correction is True or d.varies

    def lag(weights, values):
        lagged = spatial_lag(weights, values)
        return without_effects(d, lagged, effects) if exact else lagged

    y, Xd = without_effects(d, d.y, effects), without_effects(d, X, effects)
    by_row = d.rows(Xd)
    QR = refuse_degenerate(d, d.rows(X), by_row, d.rows(y), names, effects)
    start = d.y if exact else y
    transformed = without_entity(effects) if d.lags else effects
    parts = {}
    if specification.lag:
        Wy = lag(W, start)
        parts |= {"Wy": d.rows(Wy), "lag": _jacobian(d, d.weights, transformed, correction, logdet_method)}
    if specification.error:
        parts |= {"My": d.rows(lag(M, start)), "MX": d.rows(lag(M, X if exact else Xd))}
        parts["error"] = _jacobian(d, d.weights_of_error, transformed, correction, logdet_method)
    if specification.lag and specification.error:
        parts["MWy"] = d.rows(lag(M, Wy))
    n = _likelihood_size(d, transformed, correction)
    return Sample(y=d.rows(y), X=by_row, n=n, known=(by_row, *QR), **parts), names


def regressor_columns(d: Design, effects: str) -> tuple[np.ndarray, list[str]]:
    """[X, W X] (and W^2 X) as (T, N, k) and the columns' names; demeaning leaves no intercept."""
    keep = [j for j, name in enumerate(d.names) if effects == "none" or name != INTERCEPT]
    columns, names = [d.X.take(keep, axis=2)], [d.names[j] for j in keep]
    lagged = d.X.take(d.durbin, axis=2)
    for power in ("W:", "W2:")[: d.wx_order]:
        lagged = spatial_lag(d.weights, lagged)
        columns.append(lagged)
        names += [power + d.names[j] for j in d.durbin]
    return np.concatenate(columns, axis=2), names


def without_entity(effects: str) -> str:
    """The effects that a transformation can take out of a dynamic model: those of the units stay in its likelihood,
    which is corrected for them afterwards (``inference.dynamic``)."""
    return {"twoway": "time", "entity": "none"}.get(effects, effects)


def flat(values: np.ndarray) -> np.ndarray:
    """(T, N, ...) as (T N, ...)."""
    return values.reshape(values.shape[0] * values.shape[1], *values.shape[2:])


def sample_df(d: Design, effects: str, sample: Sample) -> int:
    """Residual degrees of freedom of a regression with these fixed effects."""
    return left_by_effects(d, effects) - sample.X.shape[1]


def which_effects(effects: str | None, d: Design) -> str:
    """The effects asked for, or two-way ones in a panel and none in a cross-section."""
    if effects is None:
        effects = "twoway" if d.is_panel else "none"
    check_option("effects", effects, EFFECTS)
    if effects != "none" and not d.is_panel:
        raise SpatialInputError("E501", f"effects={effects!r} needs a panel", hint="give entity= and time=")
    if effects in ("random", "correlated"):
        refuse_unbalanced(d.observed, f"effects={effects!r}")
    if effects not in ("none", "time") and d.n_periods < 2:
        raise SpatialInputError("E206", f"{effects} effects need at least 2 periods, got {d.n_periods}")
    return effects


def with_lagged_intercept(d: Design, effects: str) -> Design:
    """W 1 belongs to W X when it is no constant: without it y + c would not have the same fit as y.

    Row-standardised weights, islands or not, need none (as in R's spatialreg).
    """
    kept = effects in ("none", "random", "correlated") and INTERCEPT in d.names
    if not kept or not lagged_intercept_varies(d.weights):
        return d
    return replace(d, durbin=(d.names.index(INTERCEPT), *d.durbin))


def without_period_terms(d: Design) -> Design:
    """Without lags of what is the same for all units, as year dummies are: W d = d, as for the intercept."""
    if not d.is_panel or lagged_intercept_varies(d.weights):
        return d
    same = [j for j in d.durbin if np.ptp(d.X[:, :, j], axis=1).max() == 0]
    if not same:
        return d
    said = "the same for all units, and not lagged: " + ", ".join(d.names[j] for j in same)
    return replace(d, durbin=tuple(j for j in d.durbin if j not in same), notes=(*d.notes, said))


def lagged_intercept_varies(weights: Weights) -> bool:
    return weights.standardization != "row" and np.ptp(weights.row_sums) >= 1e-9


def which_correction(specification: Specification, d: Design, effects: str, lee_yu) -> bool | str:
    """The correction that these weights allow: by transformation, or additive for the time effects."""
    used = [d.weights] * specification.lag + [d.weights_of_error] * specification.error
    varies = any(w.varies for w in used)
    if varies:
        refuse_without_likelihood(specification, d, effects, lee_yu)
    if lee_yu is False or effects in ("none", "entity"):
        return bool(lee_yu)
    if lee_yu is True and (varies or all(w.rows_sum_to_one for w in used)):
        return True
    if specification.error:
        raise SpatialInputError(
            "E308",
            f"{specification.name} with {effects} effects needs weights whose rows all sum to one",
            ids=next((w.islands for w in used if w.islands), ()),
            hint="standardize('row') without islands, or effects='entity'",
        )
    return "additive"


def _likelihood_size(d: Design, effects: str, correction) -> int:
    """n of the likelihood: all rows, or what the transformations leave."""
    if correction is True:
        return left_by_effects(d, effects)
    if correction == "additive":  # entity effects are transformed out, time effects corrected for afterwards
        without_time = {"twoway": "entity", "time": "none"}.get(effects, effects)
        return degrees_of_freedom(d.n_periods, d.n_units, without_time)
    return d.nobs


def _jacobian(d: Design, weights: Weights | PeriodWeights, effects: str, correction, method) -> Jacobian:
    if weights.varies:
        return varying_jacobian(d, weights, effects, correction, method)
    periods = d.n_periods - (bool(correction) and effects in ("entity", "twoway"))
    drops_unit_root = correction is True and effects in ("time", "twoway")
    return Jacobian(logdet(weights, method), periods, drops_unit_root)
