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

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, check_option
from spillover.matrix import SpatialWeights, as_weights, refuse_varying

from ..design.design import Design, spatial_lag
from ..design.fixed_effects import FixedEffects
from ..design.formula import read_formula
from ..design.obs_weights import refuse_weighted
from ..design.read import design
from ..design.regimes import RegimeDesign
from ..logdet.inverse import inverse
from ..records.fit import FitRecord

IN_SAMPLE = ("TS", "TC", "BP", "trend")
OUT_OF_SAMPLE = ("BP", "TC", "TS1", "trend")


def predict(fit: FitRecord, data: pd.DataFrame | None = None, w=None, *, kind: str | None = None) -> pd.Series:
    """Predict the response, in the units of the formula's left side: log(y) stays a logarithm.

    Parameters
    ----------
    fit : FitRecord
    data : DataFrame, optional
        New units, one per row, with the formula's regressors and ids that the fit does not have. Without it
        the fitted units are predicted.
    w : weights, optional
        Over the fitted and the new units together; W X of both is taken from them.
    kind : str, optional
        In sample "TS" (default), "TC", "BP" or "trend"; out of sample "BP" (default), "TC", "TS1" or "trend".

    Returns
    -------
    Series by unit, or by unit and period

    Raises
    ------
    SpatialInputError
        E501 unknown kind, or a panel out of sample; E101 units that are known already or missing in ``w``.

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
        refuse_composed(fit, kind)
        return fit._design.labelled(in_sample(fit, kind or "TS"), "predicted")
    check_option("kind", kind or "BP", OUT_OF_SAMPLE)
    refuse_new_units(fit, data, w)
    assert data is not None
    whole, M, new = whole_design(fit, data, w)
    return pd.Series(out_of_sample(fit, whole, M, new, kind or "BP"), index=whole.ids[new], name="predicted")


def refuse_composed(fit: FitRecord, kind: str | None) -> None:
    """E501 where the errors have parts that are not estimated, and the prediction needs them."""
    if fit._settings.composed and kind not in ("trend", "TC"):
        parts = "random effects are" if fit._settings.effects.random else "errors that are correlated over time are"
        raise SpatialInputError("E501", f"{parts} not estimated: only kind='trend' and 'TC' are there",
                                hint="kind='trend' or kind='TC'")  # fmt: skip


def refuse_new_units(fit: FitRecord, data, w) -> None:
    """E501 for new units of a panel, and for data without W or W without data."""
    if fit._design.is_panel:
        raise SpatialInputError("E501", "new units of a panel have no estimated effects: predictions of a kind are "
                                "those of the fitted units", hint="predict() without data, or forecast(new) for "
                                "new periods")  # fmt: skip
    if data is None or w is None:
        raise SpatialInputError("E501", "new units need both data= and w=, weights over fitted and new units",
                                hint="fit.predict(new, w_all)")


def in_sample(fit: FitRecord, kind: str) -> np.ndarray:
    """(T, N) predictions of the fitted units."""
    d = fit._design
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
    each = W.each(d.n_periods), M.each(d.n_periods), y[:, None], trend[:, None]
    systems = ((w, m, y_t, trend_t, kind, root) for w, m, y_t, trend_t, root in zip(*each, roots))
    return np.concatenate([_through_space(fit, *system) for system in systems])


def reduced_form(fit: FitRecord) -> np.ndarray:
    """(I - rho W)^-1 (X beta + W X theta), (T, N), without fixed effects; NaN where nothing was observed."""
    d, trend = fit._design, regression_part(fit, fit._design)
    if not d.varies:
        return inverse(d.weights, fit.rho).solve(trend.T).T
    rows = [inverse(w, fit.rho).solve(x) for w, x in zip(d.weights.each(d.n_periods), np.nan_to_num(trend))]
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


def column_of(d: Design, name: str, effects: FixedEffects) -> np.ndarray:
    """A regressor by its name, ``x``, ``W:x`` or, of correlated random effects, ``mean(x)`` or ``x in 1970``: (T, N)
    or (N,)."""
    if name in d.names:
        return d.X[:, :, d.names.index(name)]
    if name in d.durbin_names:
        return d.lag(d.X[:, :, d.durbin[d.durbin_names.index(name)]], effects)
    if name.startswith("mean("):
        return column_of(d, name.removeprefix("mean(").removesuffix(")"), effects).mean(axis=0)
    of, _, period = name.rpartition(" in ")
    if of and period in (labels := d.periods.astype(str)):
        return column_of(d, of, effects)[labels.get_loc(period)]
    raise SpatialInputError("E501", f"{name!r} is no term of the formula: this fit cannot predict", column=name,
                            hint="fit the model with all its terms in the formula")


def _effects(fit: FitRecord, trend) -> np.ndarray:
    """The fixed effects: unit and period means of A y - X beta. Where W y is of deviations from period means
    (``Design.lag``), W of the means is in them: A y stays what trend, effects and residual add up to."""
    effects = fit._settings.effects
    if not effects.fixed:
        return np.zeros(trend.shape)
    d, outcome = fit._design, fit._design.outcome
    left = outcome - fit.rho * d.lag(outcome, effects) - trend
    return outcome - fit.rho * spatial_lag(d.weights, outcome) - trend - d.within(left, effects)


def whole_design(
    fit: FitRecord, data: pd.DataFrame, w, others: Sequence[str] = ()
) -> tuple[Design, SpatialWeights, np.ndarray]:
    """One design over fitted and new units, the weights of its error, and which units are new; ``others`` are columns
    that are needed besides those of the formula."""
    old = fit._design
    if old.error_weights is not None:
        raise SpatialInputError("E501", "fits with a second W (w_error) are predicted in sample only",
                                hint="call predict() without data")
    weights = refuse_varying(as_weights(w), "the prediction of new units")
    if not weights.labelled:
        raise SpatialInputError("E501", "w has no ids: which units are new cannot be told",
                                hint="wt.from_dense(matrix, ids=...)")
    frame = old.frame.iloc[old.order[0]].set_axis(old.ids, axis=0)
    ids = pd.Index(data[old.ids.name]) if old.ids.name in data.columns else data.index
    fitted = ids[ids.isin(old.ids)]
    if len(fitted):
        raise SpatialInputError("E101", "data= holds units that were fitted already", ids=list(fitted),
                                hint="give new units only; predict() without data is for the fitted ones")  # fmt: skip
    needed, response = _columns(old)
    needed = list(dict.fromkeys([*needed, *others]))
    if absent := [c for c in needed if c not in data.columns and c not in response]:
        raise SpatialInputError("E502", f"the new units lack the column {absent[0]!r}", column=absent[0], n=len(absent),
                                hint="add the column to data=")
    added = pd.DataFrame(data).set_axis(ids, axis=0)
    added = added.assign(**{c: frame[c].iloc[0] for c in response})  # never read, but the formula wants it
    rows = pd.concat([pd.DataFrame(frame[needed]), added[needed]])
    whole = design(old.formula, rows, weights, lagged=False, fitted=old.encoding)
    names = whole.names if isinstance(old, RegimeDesign) else old.names  # without dummies that were left out
    X = whole.X[:, :, [whole.names.index(name) for name in names]]
    return replace(whole, X=X, names=names, durbin=old.durbin), weights, ~whole.ids.isin(old.ids)


def _columns(d: Design) -> tuple[list[str], list[str]]:
    """The columns that the formula needs, and those of them that its left side alone needs."""
    terms = read_formula(d.formula, d.frame.columns)
    return list(terms.columns), [c for c in terms.columns if c not in terms.right_columns]


def _filters(fit: FitRecord, W, M):
    eye = sparse.eye_array(W.shape[0], format="csr")
    return (eye - fit.rho * W).tocsr(), (eye - fit.lam * M).tocsr()


def _precision(A, B, root=None):
    """A'B'B A, the precision of y times sigma2; A'B'D^2 B A with weights of observations, D = diag(root)."""
    BA = B @ A if root is None else sparse.diags_array(root) @ B @ A
    return (BA.T @ BA).tocsr()
