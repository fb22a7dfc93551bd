"""Predictions in and out of sample, for every model of the family.

With y = A^-1 (X beta + c + B^-1 e), c the fixed effects, and Q = A'B'B A the precision of y up to sigma2:

======  ============================================================================================
trend   X beta + c
TC      A^-1 (X beta + c): what the model expects from the regressors everywhere
TS      y - e: trend and signal, from the neighbors' observed y (in sample)
TS1     X_o beta + rho W_os y_s + lambda M_os u_s: the same for new units (out of sample)
BP      in sample TC - diag(Q)^-1 (Q - diag(Q)) (y - TC); for new units TC_o - Q_oo^-1 Q_os (y_s - TC_s)
======  ============================================================================================

BP is the best linear predictor given all observed y. Source: Goulard, Laurent & Thomas-Agnan (2017, Spatial
Economic Analysis 12:304-325), section 2.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, check_option
from spillover.matrix import SpatialWeights
from spillover.values import share

from ..design.arrays import by_gls
from ..design.design import Design, spatial_lag
from ..design.entry import given_starts
from ..design.obs_weights import refuse_weighted
from ..logdet.inverse import inverse
from ..records.fit import FitRecord
from .joined_units import whole_design
from .regressors import column_of
from .uneven_effects import errors_without_effects, has_uneven_effects

IN_SAMPLE = ("TS", "TC", "BP", "trend")
OUT_OF_SAMPLE = ("BP", "TC", "TS1", "trend")


def predict(fit: FitRecord, data: pd.DataFrame | None = None, w=None, *, kind: str | None = None,
            level: float | None = None, unit_effects: str | None = None) -> pd.Series | pd.DataFrame:
    """Predict the response, in the units of the formula's left side: log(y) stays a logarithm.

    Parameters
    ----------
    fit : FitRecord
    data : DataFrame, optional
        New units, one per row (in a panel per unit and period of the fit), with the formula's regressors and ids that
        the fit does not have. Without it the fitted units are predicted.
    w : weights, optional
        Over the fitted and the new units together; W X of both is taken from them.
    kind : str, optional
        In sample "TS" (default), "TC", "BP" or "trend"; out of sample "BP" (default), "TC", "TS1" or "trend".

    level : float, optional
        Coverage of prediction intervals of new units, a share; of kind "BP", whose variance has the errors and unit
        effects of new units given the fitted ones, and the parameters' own.
    unit_effects : {"mean"}, optional
        Of a panel with fixed effects, which are not estimated for new units: draws around the mean of the estimated
        ones, with their variance. Random effects have their best linear predictor (``spatial.effects.new_units``).

    Returns
    -------
    Series by unit, or by unit and period; with ``level`` a DataFrame of ``estimate``, ``std_error``, ``conf_low`` and
    ``conf_high``

    Raises
    ------
    SpatialInputError
        E501 unknown kind, or a fit whose new units cannot be predicted; E101 units that are fitted already or missing
        in ``w``; E104 periods of new units that are not those of the fit; E309 dense matrices of more than 5,000 units.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> w = wt.queen(columbus).standardize("row")
    >>> sample, new = columbus.iloc[:-2], columbus.iloc[-2:]
    >>> fit = sp.sar("CRIME ~ INC + HOVAL", sample, wt.queen(sample).standardize("row"))
    >>> fit.predict(new, w).round(1).to_dict()
    {48: 37.3, 49: 27.8}
    """
    if data is None and w is None:
        check_option("kind", kind or "TS", IN_SAMPLE)
        _refuse_in_sample(fit, kind or "TS", level, unit_effects)
        return fit._design.labelled(in_sample(fit, kind or "TS"), "predicted")
    check_option("kind", kind or "BP", OUT_OF_SAMPLE)
    from .new_units import predict_new, refuse_without_theory

    if unit_effects is not None:
        check_option("unit_effects", unit_effects, ("mean",))
    if fit._design.is_panel or unit_effects is not None:
        refuse_without_theory(fit, unit_effects)
    if data is None or w is None:
        raise SpatialInputError("E501", "new units need both data= and w=, weights over fitted and new units",
                                hint="fit.predict(new, w_all)")
    whole, M, new = whole_design(fit, data, w)
    if fit._design.is_panel or level is not None:
        refuse_weighted(fit._design.obs_weights, "a prediction interval of new units", "leave level= out")
        return predict_new(fit, whole, M, new, kind or "BP", None if level is None else share("level", level))
    return pd.Series(out_of_sample(fit, whole, M, new, kind or "BP"), index=whole.ids[new], name="predicted")


def refuse_period_effects(period_effects) -> None:
    """E501 where there are no new periods: fitted ones have effects of their own, and new units have those."""
    if period_effects is not None:
        raise SpatialInputError("E501", "period_effects= is for new periods of fitted units",
                                hint="leave it out, or forecast(new, period_effects='last')")


def refuse_new_units(fit: FitRecord, data, w) -> None:
    """E501 for new units of a panel with several W or regimes, and for data without W or W without data."""
    if fit._design.is_panel:
        raise SpatialInputError("E501", "new units of a panel have no estimated effects: predictions of a kind are "
                                "those of the fitted units", hint="predict() without data, or forecast(new) for "
                                "new periods")  # fmt: skip
    if data is None or w is None:
        raise SpatialInputError("E501", "new units need both data= and w=, weights over fitted and new units",
                                hint="fit.predict(new, w_all)")


def _refuse_in_sample(fit: FitRecord, kind: str, level, unit_effects) -> None:
    """Raises E501 for what fitted units do not have."""
    if level is not None or unit_effects is not None:
        raise SpatialInputError("E501", "level= and unit_effects= are for new units, and there is no data=",
                                hint="predict(new, w_all, level=0.95); forecast(new) has intervals of new periods")
    refuse_composed(fit, kind)


def refuse_composed(fit: FitRecord, kind: str | None) -> None:
    """E501 where the errors have parts that are not estimated, and the prediction needs them."""
    if not fit._settings.composed or kind in ("trend", "TC"):
        return
    if fit._settings.effects.random and fit._settings.serial is None and kind == "TS":
        return
    parts = "random effects" if fit._settings.effects.random else "errors that are correlated over time"
    more = ", 'TS'" * (fit._settings.serial is None)
    raise SpatialInputError("E501", f"kind={kind!r} is not there with {parts}: only 'trend', 'TC'{more} are",
                            hint="kind='trend' or kind='TC'")


def in_sample(fit: FitRecord, kind: str) -> np.ndarray:
    """(T, N) predictions of the fitted units."""
    d = fit._design
    if kind == "TS" and fit._settings.effects.random:
        return _with_unit_effects(fit)
    if kind == "TS":
        return d.outcome - fit._errors
    trend = regression_part(fit, d)
    trend = trend + _effects(fit, trend)
    if kind == "trend":
        return trend
    W, M = d.weights, d.weights_of_error
    roots = np.ones(d.y.shape) if d.obs_weights is None else np.nan_to_num(d.obs_weights.root, nan=1.0)
    if not (W.varies or M.varies) and (roots == roots[0]).all():
        return _through_space(fit, W, M, d.outcome, trend, kind, roots[0])
    y, trend = (np.nan_to_num(values) for values in (d.outcome, trend))  # who is not there has no links either
    W, fixed = given_starts(d)
    trend = trend + fit.rho * fixed
    each = W.each(d.n_periods), M.each(d.n_periods), y[:, None], trend[:, None]
    systems = ((w, m, y_t, trend_t, kind, root) for w, m, y_t, trend_t, root in zip(*each, roots))
    return np.concatenate([_through_space(fit, *system) for system in systems])


def _with_unit_effects(fit: FitRecord) -> np.ndarray:
    """y - e with e = B (u - c), c the best linear predictor of the unit effects: see ``future.unit_effects``."""
    from .future import unit_effects
    from .new_units import residuals

    d = fit._design
    u = residuals(fit, fit.params)
    if has_uneven_effects(fit):
        return d.outcome - errors_without_effects(fit, u)
    u = u - unit_effects(fit, dict(zip(fit.params.index, fit.params)))
    return d.outcome - (u - fit.lam * spatial_lag(d.weights_of_error, u))


def reduced_form(fit: FitRecord) -> np.ndarray:
    """(I - rho W)^-1 (X beta + W X theta), (T, N), without fixed effects; NaN where nothing was observed."""
    d, trend = fit._design, regression_part(fit, fit._design)
    if not d.varies:
        return inverse(d.weights, fit.rho).solve(trend.T).T
    W, fixed = given_starts(d)
    right = np.nan_to_num(trend) + fit.rho * fixed
    rows = [inverse(w, fit.rho).solve(x) for w, x in zip(W.each(d.n_periods), right)]
    return np.where(np.isnan(d.y), np.nan, np.array(rows))


def _through_space(fit: FitRecord, W: SpatialWeights, M: SpatialWeights, y, trend, kind: str, root) -> np.ndarray:
    """TC or BP of (T, N) arrays under one W and M, and one weight for each unit."""
    TC = inverse(W, fit.rho).solve(trend.T).T
    if kind == "TC":
        return TC
    A, B = _filters(fit, W.csr, M.csr)
    Q = _precision(A, B, root)
    gap = (y - TC).T
    return TC - ((Q @ gap) / Q.diagonal()[:, None] - gap).T


def out_of_sample(fit: FitRecord, whole: Design, M: SpatialWeights, new: np.ndarray, kind: str) -> np.ndarray:
    """Predictions of the units ``new`` (a mask) of a design over all units; y of new units is not read."""
    from scipy.sparse.linalg import spsolve

    old = ~new
    trend = regression_part(fit, whole)[0]
    if kind == "trend":
        return trend[new]
    W, y = whole.weights.csr, whole.outcome[0, old]
    A, B = _filters(fit, W, M.csr)
    if kind == "TS1":
        u = (A[old][:, old] @ y) - trend[old]
        return trend[new] + fit.rho * (W[new][:, old] @ y) + fit.lam * (M.csr[new][:, old] @ u)
    TC = inverse(whole.weights, fit.rho).solve(trend)
    if kind == "TC":
        return TC[new]
    refuse_weighted(fit._design.obs_weights, "kind='BP' for new units, whose weights are not known,",
                    "kind='TS1' or 'TC'")  # fmt: skip
    Q = _precision(A, B)
    return TC[new] - spsolve(Q[new][:, new].tocsc(), Q[new][:, old] @ (y - TC[old]))


def regression_part(fit: FitRecord, d: Design) -> np.ndarray:
    """X beta + W X theta and the offset, (T, N), by the names of the parameters; without fixed effects."""
    out = np.zeros(d.y.shape) if d.offset is None else d.offset.copy()
    for name, value in fit.params.drop(["rho", "lambda"], errors="ignore").items():
        out += value * column_of(d, str(name), fit._settings.effects)
    return out


def _effects(fit: FitRecord, trend) -> np.ndarray:
    """The fixed effects: unit and period means of u = A y - X beta, or u - B^-1 e where they are estimated by
    generalised least squares. Where W y is of deviations from period means (``Design.lag``), W of the means is in them:
    A y stays what trend, effects and residual add up to."""
    effects = fit._settings.effects
    if not effects.fixed:
        return np.zeros(trend.shape)
    d, outcome = fit._design, fit._design.outcome
    u = outcome - fit.rho * spatial_lag(d.weights, outcome) - trend
    if fit._settings.serial or not (by_gls(fit._sample) or fit._sample.dummies):
        return u - d.within(outcome - fit.rho * d.lag(outcome, effects) - trend, effects)
    M, e = d.weights_of_error.each(len(u)), np.nan_to_num(fit._errors)
    return u - np.array([inverse(m, fit.lam).solve(e_t) for m, e_t in zip(M, e)])


def _filters(fit: FitRecord, W, M):
    eye = sparse.eye_array(W.shape[0], format="csr")
    return (eye - fit.rho * W).tocsr(), (eye - fit.lam * M).tocsr()


def _precision(A, B, root=None):
    """A'B'B A, the precision of y times sigma2; A'B'D^2 B A with weights of observations, D = diag(root)."""
    BA = B @ A if root is None else sparse.diags_array(root) @ B @ A
    return (BA.T @ BA).tocsr()
