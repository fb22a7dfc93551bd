"""Units that a fit does not have, in the periods that it has: predictions of a panel, and intervals of any.

With y_t = A^-1 (X_t beta + W X_t theta + p_t + u_t) over fitted and new units together, p_t what is the same for all of
them, and u_t = mu + B^-1 e_t ("baltagi"; without a spatial error B = I) or B^-1 (mu + e_t) ("kkp"), the mean of y over
periods and the deviations from it are independent, with the covariances C_m / T and (1 - 1 / T) C_d,

    C_d = A^-1 S_e A^-1',    C_m = A^-1 (S_e + T S_mu) A^-1',    S_e = sigma2_e (B'B)^-1,
    S_mu = sigma2_mu I or sigma2_mu (B'B)^-1

Given y of the fitted units s the best linear predictor of the new ones o adds to TC = A^-1 (X beta + W X theta + p)

    C_os C_ss^-1 (y_s - TC_s),    with C_m for the means and C_d for the deviations,

and leaves the variance V_m / T + (1 - 1 / T) V_d, V = C_oo - C_os C_ss^-1 C_so. For one period it is BP of a
cross-section. The effect of a new unit is not estimated: with random effects this is its best linear predictor, which
borrows from neighbors; fixed effects are taken for draws around their mean where ``unit_effects="mean"`` asks for it.
Beside period effects W whose rows do not sum to one lags deviations from the means of the fitted units, W J: p_t then
is the same for all units of y too.

Sources: Goldberger (1962, JASA 57:369-375); Baltagi, Bresson & Pirotte (2012, Computational Statistics & Data Analysis
56:3381-3396); Goulard, Laurent & Thomas-Agnan (2017, Spatial Economic Analysis 12:304-325).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from ..covariance.kinds import lost_freedom
from ..covariance.sandwich import least_squares
from ..design.checks import refuse_psi
from ..design.design import Design
from ..design.fixed_effects import NO_EFFECTS
from ..design.obs_weights import refuse_weighted
from ..design.period_means import centers, lag_of_deviations
from ..records.fit import FitRecord
from ..records.schema import critical_value
from .regressors import column_of

DENSE_MAX = 5_000  # units: covariances are dense
STEP = 1e-4  # of central differences, relative to a parameter's standard error


@dataclass(frozen=True, eq=False)
class NewUnits:
    """Fitted and new units together.

    Attributes
    ----------
    fit : FitRecord
    whole : Design
        Of N units; y of new ones is not read.
    W, M : ndarrays, shape (N, N)
    new : ndarray of bool, shape (N,)
    sigma2_e, sigma2_mu : float
    """

    fit: FitRecord
    whole: Design = field(repr=False)
    W: np.ndarray = field(repr=False)
    M: np.ndarray = field(repr=False)
    new: np.ndarray = field(repr=False)
    sigma2_e: float
    sigma2_mu: float


def refuse_without_theory(fit: FitRecord, unit_effects: str | None) -> None:
    """What predictions of new units of a panel are not there for.

    Raises
    ------
    SpatialInputError
        E501.
    """
    d, effects = fit._design, fit._settings.effects
    refuse_psi(fit, "a prediction of new units", "leave serial= out, or forecast(new) for new periods")
    refuse_weighted(d.obs_weights, "a prediction of new units of a panel", "leave obs_weights= out")
    effects.refuse_ways("a prediction of new units", "effects of unit and period alone")
    why = ""
    if d.lags:
        why = "a dynamic model needs the past of the new units"
    elif d.observed is not None or d.varies:
        why = "the panel has gaps, or its weights vary over time"
    if why:
        raise SpatialInputError("E501", f"predictions of new units are not there for this fit: {why}",
                                hint="forecast(new) for new periods, predict() without data for the fitted units")
    if effects.fixed and effects.entity and unit_effects is None:
        raise SpatialInputError("E501", "the fixed effects of new units are not estimated, and may be anything",
                                hint="unit_effects='mean' takes them for draws around the mean of the estimated ones; "
                                "or effects='random'")  # fmt: skip
    if unit_effects is not None and not (effects.fixed and effects.entity):
        raise SpatialInputError("E501", f"unit_effects={unit_effects!r} needs fixed effects of units",
                                hint="leave it out")


def joined(fit: FitRecord, whole: Design, M, new: np.ndarray) -> NewUnits:
    """The units together with the variances of errors and unit effects.

    Raises
    ------
    SpatialInputError
        E309 above 5,000 units.
    """
    n = whole.n_units
    if n > DENSE_MAX:
        raise SpatialInputError("E309", f"the covariances of {n:,} units are dense {n:,} x {n:,} matrices", n=n,
                                hint="kind='TC', or in a cross-section kind='BP' without level=")  # fmt: skip
    random = fit._settings.random
    sigma2_e = fit.sigma2 * (1.0 if least_squares(fit) else lost_freedom(fit))
    sigma2_mu = 0.0 if random is None else random.sigma2_mu
    if random is None and fit._settings.effects.entity:
        sigma2_mu = _spread_of_effects(fit, sigma2_e)
    return NewUnits(fit, whole, whole.weights.csr.toarray(), M.csr.toarray(), new, sigma2_e, sigma2_mu)


def _spread_of_effects(fit: FitRecord, sigma2_e: float) -> float:
    """Variance of the fixed effects between units, less what their estimation adds to it."""
    d = fit._design
    c = (residuals(fit, fit.params)).mean(axis=0)
    B_inverse = np.linalg.inv(np.eye(d.n_units) - fit.lam * d.weights_of_error.csr.toarray())
    noise = sigma2_e * np.mean(np.sum(B_inverse**2, axis=1)) / d.n_periods
    return float(max(np.var(c, ddof=1) - noise, 0.0))


def residuals(fit: FitRecord, params: pd.Series) -> np.ndarray:
    """A y - X beta - W X theta - offset of the fitted units, (T, N)."""
    d = fit._design
    effects = fit._settings.effects
    u = d.y - params.get("rho", 0.0) * d.lag(d.outcome, effects)
    for name, value in params.drop(["rho", "lambda"], errors="ignore").items():
        u = u - value * column_of(d, str(name), effects)
    return u


def shared_part(fit: FitRecord, params: pd.Series) -> np.ndarray:
    """p_t, (T, 1): means of the residuals over units with period effects, their mean with unit effects alone."""
    effects, T = fit._settings.effects, fit._design.n_periods
    if not effects.fixed:
        return np.zeros((T, 1))
    means = residuals(fit, params).mean(axis=1, keepdims=True)
    return means if effects.time else np.full((T, 1), means.mean())


def expected(units: NewUnits, params: pd.Series) -> np.ndarray:
    """X beta + W X theta + p and the offset of all units, (T, N)."""
    d = units.whole
    out = shared_part(units.fit, params) + (np.zeros(d.y.shape) if d.offset is None else d.offset)
    for name, value in params.drop(["rho", "lambda"], errors="ignore").items():
        out = out + value * column_of(d, str(name), NO_EFFECTS)
    return out


@dataclass(frozen=True, eq=False)
class Laws:
    """What rho and lambda make: A^-1, the gains C_os C_ss^-1 of means and deviations, and the covariances."""

    A_inverse: np.ndarray
    gains: tuple[np.ndarray, np.ndarray]
    left: tuple[np.ndarray, np.ndarray]
    of_effects: np.ndarray
    of_errors: np.ndarray


def laws(units: NewUnits, rho: float, lam: float) -> Laws:
    eye, T = np.eye(len(units.new)), units.whole.n_periods
    A_inverse, B_inverse = np.linalg.inv(eye - rho * units.W), np.linalg.inv(eye - lam * units.M)
    S_e = units.sigma2_e * B_inverse @ B_inverse.T
    random = units.fit._settings.random
    inside = random is not None and random.error == "kkp"
    S_mu = units.sigma2_mu * (B_inverse @ B_inverse.T if inside else eye)
    gains, left = [], []
    for S in (S_e + T * S_mu, S_e):
        C = A_inverse @ S @ A_inverse.T
        s, o = ~units.new, units.new
        gain = np.linalg.solve(C[np.ix_(s, s)], C[np.ix_(s, o)]).T
        gains.append(gain)
        left.append(np.einsum("ii->i", C[np.ix_(o, o)]) - np.sum(gain * C[np.ix_(o, s)], axis=1))
    return Laws(A_inverse, (gains[0], gains[1]), (left[0], left[1]), S_mu, S_e)


def predicted(units: NewUnits, params: pd.Series, kind: str, at: Laws) -> np.ndarray:
    """(T, new units) by "trend", "TC", "TS1" or "BP"."""
    o, s = units.new, ~units.new
    trend, y = expected(units, params), units.whole.outcome[:, s]
    if kind == "trend":
        return trend[:, o]
    if kind == "TS1":
        rho, lam = params.get("rho", 0.0), params.get("lambda", 0.0)
        u = y - rho * y @ units.W[np.ix_(s, s)].T - trend[:, s]
        return trend[:, o] + rho * y @ units.W[np.ix_(o, s)].T + lam * u @ units.M[np.ix_(o, s)].T
    TC = trend @ at.A_inverse.T
    if kind == "TC":
        return TC[:, o]
    gap = y - TC[:, s]
    mean = gap.mean(axis=0)
    return TC[:, o] + mean @ at.gains[0].T + (gap - mean) @ at.gains[1].T


def standard_errors(units: NewUnits, at: Laws) -> np.ndarray:
    """Of the prediction errors of BP, (T, new units): what the errors and effects leave, the estimated p, and the
    parameters by the delta method."""
    fit, T, o = units.fit, units.whole.n_periods, units.new
    variance = at.left[0] / T + (1 - 1 / T) * at.left[1] + _of_shared_part(units, at)
    params, V = fit.params, fit.vcov.to_numpy()
    columns, cache = [], {}
    for place, error in enumerate(np.sqrt(np.diag(V))):
        step = STEP * error if np.isfinite(error) and error > 0 else STEP
        sides = []
        for sign in (1, -1):
            moved = params + sign * step * (np.arange(len(params)) == place)
            key = float(moved.get("rho", 0.0)), float(moved.get("lambda", 0.0))
            if key not in cache:
                cache[key] = laws(units, *key)
            sides.append(predicted(units, moved, "BP", cache[key]))
        columns.append((sides[0] - sides[1]) / (2 * step))
    J = np.stack(columns, axis=-1)
    return np.sqrt(np.broadcast_to(variance, (T, int(o.sum()))) + np.einsum("tip,pq,tiq->ti", J, V, J))


def _of_shared_part(units: NewUnits, at: Laws) -> np.ndarray:
    """What the estimation of p adds: a mean over the fitted units (and the periods), through A^-1."""
    effects, T, s = units.fit._settings.effects, units.whole.n_periods, ~units.new
    if not effects.fixed:
        return np.zeros(int(units.new.sum()))
    of_errors = at.of_errors if effects.time else at.of_errors / T
    spread = (at.of_effects + of_errors)[np.ix_(s, s)].sum() / s.sum() ** 2
    through = at.A_inverse.sum(axis=1)
    gains = at.gains[0] if not effects.time else at.gains[1]
    return (through[units.new] - gains @ through[s]) ** 2 * spread


def predict_new(
    fit: FitRecord, whole: Design, M, new: np.ndarray, kind: str, level: float | None
) -> pd.Series | pd.DataFrame:  # fmt: skip
    """Of new units by unit, or by unit and period; with ``level`` a table with prediction intervals of BP.

    Raises
    ------
    SpatialInputError
        E309 above 5,000 units, E501 intervals of another kind.
    """
    if level is not None and kind != "BP":
        raise SpatialInputError("E501", f"prediction intervals are those of kind='BP', not of {kind!r}",
                                hint="leave kind= out, or level=")  # fmt: skip
    if centers(fit._design.weights, fit._settings.effects.time):
        whole = replace(whole, weights=lag_of_deviations(whole.weights, tuple((~new).tolist())))
    units = joined(fit, whole, M, new)
    at = laws(units, fit.rho, fit.lam)
    cut = replace(whole, y=whole.y[:, new], ids=whole.ids[new])
    values = cut.labelled(predicted(units, fit.params, kind, at), "predicted")
    if level is None:
        return values
    error = cut.labelled(standard_errors(units, at), "std_error")
    half = critical_value(level, fit.df_resid) * error
    return pd.DataFrame({"estimate": values, "std_error": error, "conf_low": values - half, "conf_high": values + half})
