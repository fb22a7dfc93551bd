"""The regression of ``robust_hausman`` with gaps, or with a spatial error whose weights vary over time.

Taking out shares of unit means and means of periods do not commute here, nor do they with M: period effects are dummies
among the regressors, and the shares are taken out last, from B (A y - X beta - P c - (X - X_bar) gamma).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..design.arrays import Sample
from ..design.design import spatial_lag
from ..design.fixed_effects import NO_EFFECTS, PERIOD_EFFECTS, UNIT_EFFECTS
from ..design.sample import regressor_columns
from ..design.unit_rows import UnitRows
from ..logdet import Jacobian, period_logdet
from ..records.fit import FitRecord
from ..solve.random import swamy_arora_uneven
from ..solve.serial import ARRAYS

ABSORBED = 1e-10  # norm after demeaning against before


def sample_with_gaps(fit: FitRecord) -> tuple[Sample, list[str], list[str]]:
    """The quasi-demeaned sample with deviations from unit means added, its names, and those of the deviations."""
    d, s = fit._design, fit._sample
    units, effects = UnitRows.of(d), PERIOD_EFFECTS if fit._settings.effects.time else NO_EFFECTS
    X, names = _with_periods(fit, *regressor_columns(d, NO_EFFECTS))
    deviations = UNIT_EFFECTS.demean(X, d.observed)
    own = [j for j, name in enumerate(names) if not name.startswith("period ")]
    varying = [j for j in own if _norm(fit, deviations, j) > ABSORBED * _norm(fit, X, j)]
    added = [f"within {names[j]}" for j in varying]
    whole = np.concatenate([X, deviations[:, :, varying]], axis=2)
    Wy = d.lag(d.outcome, effects)
    _, phi = swamy_arora_uneven(d.rows(d.y - fit.rho * Wy), d.rows(X), units)
    parts = {"y": d.y, "X": whole}
    jacobians: dict[str, Any] = {}
    if s.lag is not None:
        parts["Wy"] = Wy
        jacobians["lag"] = Jacobian(period_logdet(d.weights, fit._settings.logdet, d.n_periods))
    if s.error is not None:
        M = d.weights_of_error
        lags = {"My": "y", "MX": "X"} | ({"MWy": "Wy"} if s.lag is not None else {})
        parts |= {name: spatial_lag(M, np.nan_to_num(parts[of])) for name, of in lags.items()}
        jacobians["error"] = Jacobian(period_logdet(M, fit._settings.logdet, d.n_periods))
    rows: dict[str, Any] = {name: d.rows(values) for name, values in parts.items()}
    raw = Sample(**rows, n=d.nobs, **jacobians)
    share = 1 - 1 / np.sqrt(1 + units.counts * phi)
    less: dict[str, Any] = {name: units.less(values, share)
                            for name in ARRAYS if (values := getattr(raw, name)) is not None}  # fmt: skip
    return replace(raw, **less), [*names, *added], added


def _with_periods(fit: FitRecord, X: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """X with dummies of all periods but the first where the fit has period effects, without what these span."""
    if not fit._settings.effects.time:
        return X, names
    d = fit._design
    left = PERIOD_EFFECTS.demean(X, d.observed)
    kept = [j for j, name in enumerate(names)
            if name == "Intercept" or _norm(fit, left, j) > ABSORBED * _norm(fit, X, j)]  # fmt: skip
    dummies = np.broadcast_to(np.eye(d.n_periods)[:, None, 1:], (*d.y.shape, d.n_periods - 1))
    labels = [f"period {period}" for period in d.periods[1:]]
    return np.concatenate([X[:, :, kept], dummies], axis=2), [*(names[j] for j in kept), *labels]


def _norm(fit: FitRecord, X: np.ndarray, j: int) -> float:
    return float(np.linalg.norm(fit._design.rows(X)[:, j]))
