"""Forecasts of models with several W or regimes: their columns in new periods, their A and B, their errors.

As in ``forecast`` with A = I - C, B = I - D (``operators``), and the variances of the errors by regime where these
differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.ids import of_all_units, positions
from spillover.matrix import SeveralWeights, SpatialWeights, as_weights, refuse_varying
from spillover.values import counted

from ..design.design import Design, spatial_lag
from ..design.fixed_effects import NO_EFFECTS
from ..design.formula import INTERCEPT
from ..design.moving import lag_effects
from ..design.options import lists_weights
from ..design.period_means import centers, lag_of_deviations
from ..design.regime_columns import label_of_level
from ..design.regimes import matrices_of
from ..records.several import SeveralRecord
from .operators import Several, by_regime, combined
from .regressors import column_of, sample_columns


def new_columns(fit: Several, X: Mapping[str, np.ndarray], W: SpatialWeights | SeveralWeights, shape) -> list:
    """The columns of the coefficients in new periods, (H, N) each, from those of the formula's terms."""
    d, one = fit._design, np.ones(shape)
    if isinstance(fit, SeveralRecord):
        d = fit._design
        assert isinstance(W, SeveralWeights)
        own = {name: X.get(name, one) for name in d.names}
        pairs = zip(d.lag_names, d.weights.pairs)
        lagged = {name: spatial_lag(W.matrices[m], own[d.names[j]]) for name, (j, m) in pairs}
        out = own | lagged
        return _with_means(d, out, fit._sample.names, shape)
    out = {}
    new = W.matrices if isinstance(W, SeveralWeights) else (W,)
    for term, names in fit.split.columns.items():
        of, path = fit.split.lags.get(term, (term, ()))
        values = X.get(of, one)
        for m in path:
            used = new[m] if of == INTERCEPT else lagging(new[m], fit._settings.effects.time)
            values = spatial_lag(used, values)
        for label, members in zip(fit.split.labels, fit.split.members):
            out[f"{label}: {term}"] = np.where(members, values, 0.0)
        out |= {name: values for name in names if name == term}
    return _with_means(d, out, fit._sample.names, shape)


def _with_means(d: Design, columns: Mapping[str, np.ndarray], names, shape) -> list:
    """The columns by name; means over the fitted periods do not change."""
    return [columns[name] if name in columns else np.broadcast_to(column_of(d, name, NO_EFFECTS), shape)
            for name in names]  # fmt: skip


def refuse_other_regimes(split, ids: pd.Index, values: np.ndarray) -> None:
    """E502 where a column of new periods, (H, N), puts units in other regimes than those of the fit; missing values say
    nothing."""
    by, labels = split.regimes.by, np.array(split.labels, dtype=object)[split.codes]
    other = np.array([[pd.notna(value) and label not in (str(value), label_of_level(by, value))
                       for value, label in zip(row, labels)] for row in values])  # fmt: skip
    if other.any():
        moved = ids.to_numpy()[other.any(axis=0)]
        units = counted(len(moved), "unit")
        raise SpatialInputError("E502", f"{by!r} puts {units} of the new periods in another regime than the fit",
                                column=by, ids=list(moved),
                                hint=f"the fit's regimes hold: correct the column {by!r}, or leave it out")  # fmt: skip


def filtered_by_several(fit: Several, named: Mapping[str, float]) -> np.ndarray:
    """u = A y - X beta, (T, N), unit and period effects in it."""
    d, at, effects = fit._design, at_parameters(fit, named), fit._settings.effects
    beta = at.params.to_numpy()[: len(fit._sample.names)]
    if isinstance(at, SeveralRecord):
        rhos, used = list(at.rhos), at._design.weights.lag
    else:
        rhos, used = [at.by_unit(values) for values in at.rhos_by_weights.values()], at.lag_matrices
    lags = [d.lag(d.outcome, lag_effects(d, effects), matrices_of(d)[m]) for m in used]
    left = sum((rho * lag for rho, lag in zip(rhos, lags)), np.zeros(d.y.shape))
    return d.y - left - sample_columns(d, fit._sample.names, effects) @ beta


def lagging(W, time: bool):
    """W J where W lags deviations from period means, of each of several W; W elsewhere."""
    if isinstance(W, SeveralWeights):
        return replace(W, matrices=tuple(lagging(w, time) for w in W.matrices))
    return lag_of_deviations(W) if centers(W, time) else W


def at_parameters(fit: Several, named: Mapping[str, float]) -> Several:
    """The fit with other values of its parameters."""
    return replace(fit, _estimates=np.array([named[name] for name in fit.params.index]))


def operators_of_new(fit: Several, W, M) -> tuple[sparse.csr_array, sparse.csr_array]:
    """C and D under the weights of new periods."""
    if isinstance(fit, SeveralRecord):
        return combined(fit, [w.csr for w in W.matrices])
    of_lag, of_error = ([w.csr for w in (each.matrices if isinstance(each, SeveralWeights) else (each,))]
                        for each in (W, M))  # fmt: skip
    return by_regime(fit, of_lag, of_error, fit.split.codes)


def variances_of_errors(fit: Several) -> np.ndarray:
    """sigma2 of every unit, (N,)."""
    return np.full(fit._design.n_units, fit.sigma2) if isinstance(fit, SeveralRecord) else fit.by_unit(fit.sigma2s)


def weights_of_new(fit: Several, w) -> SeveralWeights:
    """Every W of the new periods, in the order of the fit's units.

    Raises
    ------
    SpatialInputError
        E501 another number of W than the model has, E320 W that vary, E101 ids.
    """
    d, own = fit._design, fit._design.weights
    assert isinstance(own, SeveralWeights)
    if w is None and own.varies:
        raise SpatialInputError("E320", "the weights of the fit vary over time: those of new periods are needed",
                                hint="fit.forecast(data, [w1, w2])")
    if w is None:
        return own
    listed = list(w) if lists_weights(w) else [w]
    if len(listed) != len(own.listed) or len(own.matrices) != len(own.listed):
        raise SpatialInputError("E501", f"new periods need every W of the model, in the order of w=: {len(own.listed)} "
                                f"of w=, {len(own.matrices)} in all", hint="leave w= out: those of the fit go on")
    matrices = list(own.matrices)
    for place, one in zip(own.listed, listed):
        new = refuse_varying(as_weights(one), "a forecast")
        if new.labelled:
            with of_all_units():
                new = new.reordered(positions(new.ids, d.ids, what="w", against="the fit"))
        matrices[place] = new
    return replace(own, matrices=tuple(matrices))
