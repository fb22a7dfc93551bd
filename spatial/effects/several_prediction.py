"""Predictions of models with several rho or lambda, of several W or by regime: the kinds of ``prediction``.

With A = I - C, B = I - D (``operators``) and Q = A'B'S^-1 B A, S the variances of the errors: trend X beta + c, TC
A^-1 (X beta + c), TS y - e, BP TC - diag(Q)^-1 (Q - diag(Q)) (y - TC); of new units o of fitted ones s BP is
TC_o - Q_oo^-1 Q_os (y_s - TC_s).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, check_option
from spillover.matrix import SeveralWeights, as_weights, refuse_varying

from ..design.design import Design, spatial_lag
from ..design.fixed_effects import NO_EFFECTS
from ..design.moving import lag_effects
from ..design.obs_weights import refuse_weighted
from ..design.options import lists_weights
from ..design.regime_columns import label_of_level
from ..design.regimes import matrices_of
from ..design.several import SeveralDesign
from ..design.unsplit import unsplit
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from .joined_units import whole_design
from .operators import Several, by_regime, combined, each_period, solved
from .prediction import IN_SAMPLE, OUT_OF_SAMPLE, refuse_new_units
from .regressors import column_of, sample_columns


def predict_several(fit: Several, data: pd.DataFrame | None = None, w=None, *, kind: str | None = None) -> pd.Series:
    """Predict the response, in the units of the formula's left side.

    Parameters
    ----------
    fit : SeveralFit or RegimesFit
    data : DataFrame, optional
        New units of a cross-section, with the formula's regressors and, of regimes, their column.
    w : weights, or list of them, optional
        Over the fitted and the new units together, in the order of the fit's ``w=``.
    kind : str, optional
        In sample "TS" (default), "TC", "BP" or "trend"; out of sample "BP" (default), "TC", "TS1" or "trend".

    Returns
    -------
    Series by unit, or by unit and period

    Raises
    ------
    SpatialInputError
        E501 unknown kind, a panel out of sample, W that ``w=`` does not have; E101 ids, E502 a regime that the fit does
        not have.
    """
    if data is None and w is None:
        check_option("kind", kind or "TS", IN_SAMPLE)
        if fit._settings.composed and kind not in ("trend", "TC"):
            parts = "errors that are correlated over time" if fit._settings.serial else "random effects"
            raise SpatialInputError("E501", f"kind={kind or 'TS'!r} is not there with {parts} beside several W or "
                                    "regimes: only 'trend' and 'TC' are", hint="kind='trend' or kind='TC'")  # fmt: skip
        return fit._design.labelled(in_sample(fit, kind or "TS"), "predicted")
    check_option("kind", kind or "BP", OUT_OF_SAMPLE)
    refuse_new_units(fit, data, w)
    assert data is not None
    if (kind or "BP") == "BP":
        refuse_weighted(fit._design.obs_weights, "kind='BP' for new units, whose weights are not known,",
                        "kind='TS1' or 'TC'")  # fmt: skip
    whole: Design
    if isinstance(fit._design.weights, SeveralWeights):
        whole, new, matrices = _over_all_units(fit, data, w)
        of_error = matrices
    else:
        whole, M, new = whole_design(fit, data, w, [fit.split.regimes.by])  # type: ignore[union-attr]
        matrices, of_error = [whole.weights.csr], [M.csr]
    if isinstance(fit, SeveralRecord):
        trend, (C, D) = regression_part(fit, whole)[0], combined(fit, matrices)
        sd = np.ones(len(new))
    else:
        codes = _regimes_of(fit, whole)
        trend, (C, D) = regression_part(fit, whole, codes)[0], by_regime(fit, matrices, of_error, codes)
        sd = np.sqrt(fit.of_regimes(fit.sigma2s, codes))
    return pd.Series(_of_new(whole.outcome[0], trend, C, D, sd, new, kind or "BP"), index=whole.ids[new],
                     name="predicted")  # fmt: skip


def in_sample(fit: Several, kind: str) -> np.ndarray:
    """(T, N) predictions."""
    d = fit._design
    if kind == "TS":
        return d.outcome - fit._errors
    trend = regression_part(fit, d)
    effects, y = fit._settings.effects, d.outcome
    if effects.fixed and d.varies:  # what y, X beta and B^-1 e leave
        trend = each_period(fit, lambda C, D, y, e: y - C @ y - solved(D, e), y, fit._errors)
    elif effects.fixed:  # unit and period means of A y - X beta
        lagging = lag_effects(d, effects)
        left = y - each_period(fit, lambda C, D, v: C @ v, d.centered(y, lagging)) - trend
        trend = each_period(fit, lambda C, D, v: v - C @ v, y) - d.within(left, effects)
    if kind == "trend":
        return trend
    TC = each_period(fit, lambda C, D, v: solved(C, v), trend)
    if kind == "TC":
        return TC
    sd = _deviations(fit)

    def best(C, D, y, TC):
        Q, gap = _precision(C, D, sd), y - TC
        return TC - ((Q @ gap) / Q.diagonal()[:, None] - gap)

    return each_period(fit, best, y, TC)


def reduced_form_of_several(fit: Several) -> np.ndarray:
    """A^-1 (X beta + W X theta), (T, N), without fixed effects."""
    return each_period(fit, lambda C, D, v: solved(C, v), regression_part(fit, fit._design))


def regression_part(fit: Several, d: Design, codes: np.ndarray | None = None) -> np.ndarray:
    """X beta, lags of X among them, and the offset, (T, N), without fixed effects; ``codes`` are the regimes of units
    that were not fitted."""
    offset = np.zeros(d.y.shape) if d.offset is None else d.offset
    if codes is None:  # columns by regime are whole, W lags what the effects leave in others
        names, several = list(fit._sample.names), isinstance(fit, SeveralRecord)
        columns = sample_columns(d, names, fit._settings.effects if several else NO_EFFECTS)
        return columns @ fit.params[names].to_numpy() + offset
    assert isinstance(fit, RegimesRecord)
    out = offset.copy()
    for term, those in fit.split.columns.items():
        own = pd.Series({g: fit.params[f"{label}: {term}"] for g, label in enumerate(fit.split.labels)
                         if f"{label}: {term}" in those}, dtype=float)  # fmt: skip
        coefficient = fit.params[term] if those == (term,) else own.reindex(codes).fillna(0.0).to_numpy()
        of, path = fit.split.lags.get(term, (term, ()))
        values = column_of(d, of, NO_EFFECTS)
        for m in path:
            values = spatial_lag(matrices_of(d)[m], values)
        out = out + coefficient * values
    return out


def _of_new(y, trend, C, D, sd, new: np.ndarray, kind: str) -> np.ndarray:
    """Predictions of the units ``new`` (a mask); y of new units is not read."""
    from scipy.sparse.linalg import spsolve

    old = ~new
    if kind == "trend":
        return trend[new]
    if kind == "TS1":
        u = y[old] - C[old][:, old] @ y[old] - trend[old]
        return trend[new] + C[new][:, old] @ y[old] + D[new][:, old] @ u
    TC = solved(C, trend)
    if kind == "TC":
        return TC[new]
    Q = _precision(C, D, sd)
    return TC[new] - spsolve(Q[new][:, new].tocsc(), Q[new][:, old] @ (y[old] - TC[old]))


def _precision(C, D, sd: np.ndarray) -> sparse.csr_array:
    """A'B'S^-1 B A."""
    eye = sparse.eye_array(len(sd), format="csr")
    BA = sparse.diags_array(1 / sd) @ (eye - D) @ (eye - C)
    return sparse.csr_array(BA.T @ BA)


def _deviations(fit: Several) -> np.ndarray:
    """sqrt(sigma2) of every unit over the root of its weight; 1 where all are the same."""
    sd, w = np.ones(fit._design.n_units), fit._design.obs_weights
    if isinstance(fit, RegimesRecord):
        sd = np.sqrt(fit.by_unit(fit.sigma2s))
    if w is not None and not w.fixed:
        refuse_weighted(w, "kind='BP' with weights that change over time,", "kind='TS' or 'TC'")
    return sd if w is None else sd / np.nanmax(w.root, axis=0)  # NaN in periods in which a unit is not there


def _over_all_units(fit: Several, data: pd.DataFrame, w) -> tuple[SeveralDesign, np.ndarray, list]:
    """The design over fitted and new units with its W, which units are new, and the matrices."""
    old, listed = unsplit(fit._design), list(w) if lists_weights(w) else [w]
    assert isinstance(old, SeveralDesign)
    weights, others = old.weights, [] if isinstance(fit, SeveralRecord) else [fit.split.regimes.by]
    if len(listed) != len(weights.listed) or set(range(len(weights.matrices))) != set(weights.listed):
        raise SpatialInputError("E501", "new units need every W of the model over all units, in the order of w=: "
                                f"{len(weights.listed)} of w=, {len(weights.matrices)} in all",
                                hint="fit.predict(new, [w1, w2]); W of durbin= and w_error= alone: predict() without "
                                "data")  # fmt: skip
    plain = replace(fit, _design=_as_plain(old))  # type: ignore[arg-type]
    whole, _, new = whole_design(plain, data, listed[0], others)
    order = dict(zip(weights.listed, listed))
    matrices = [refuse_varying(as_weights(order[m]), "the prediction of new units") for m in sorted(order)]
    matrices = [m if m.ids.equals(whole.ids) else m.subset(whole.ids) for m in matrices]
    several = SeveralWeights(tuple(matrices), weights.lag, weights.error, weights.pairs, weights.listed)
    kept = {name: getattr(whole, name) for name in whole.__dataclass_fields__} | {"weights": several}
    return SeveralDesign(**kept), new, [m.csr for m in matrices]


def _as_plain(d: SeveralDesign) -> Design:
    """The design under its first W alone."""
    kept = {name: getattr(d, name) for name in Design.__dataclass_fields__} | {"weights": d.weights.matrices[0]}
    return Design(**kept)


def _regimes_of(fit: RegimesRecord, whole: Design) -> np.ndarray:
    """The regime of every unit by the fit's labels.

    Raises
    ------
    SpatialInputError
        E502 a regime that the fit does not have.
    """
    by, labels = fit.split.regimes.by, fit.split.labels
    values = [label_of_level(by, value) for value in whole.frame[by].to_numpy()[whole.order[0]]]
    codes = pd.Index(labels).get_indexer(pd.Index(values))
    if (codes < 0).any():
        at = int(np.flatnonzero(codes < 0)[0])
        raise SpatialInputError("E502", f"the fit has no regime {values[at]!r} of {by!r}", column=by,
                                ids=list(whole.ids[codes < 0]), hint="its regimes are " + ", ".join(labels))
    return codes
