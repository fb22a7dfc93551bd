"""The likelihood's arrays of a model with rho, lambda or sigma2 by regime: lags in, unit effects out."""

from __future__ import annotations

import numpy as np
from scipy.linalg import helmert

from ..logdet.regimes import RegimeLogdet, by_regime
from ..logdet.several import SeveralJacobian
from .design import spatial_lag
from .fixed_effects import FixedEffects
from .regimes import RegimeDesign
from .sample import likelihood_size, own_columns
from .specification import Specification


def regime_arrays(specification: Specification, d: RegimeDesign, effects: FixedEffects, correction) -> dict:
    """y (m,), X (m, k), lags (m, J), lagged (L, m, 1 + J + k + T), the dummies of periods that are estimated, and what
    ``solve.regimes_problem.RegimeSample`` has besides.

    Data are lagged and then demeaned; without ``correction`` they are demeaned first, as with one rho, and no period
    effect is estimated.
    """
    split = d.split
    assert split is not None
    G, codes, regimes = len(split.labels), split.codes, split.regimes
    estimated = effects.time and correction is not False
    leaving = effects.without_time() if estimated else effects
    columns = own_columns(d, effects)
    X = d.X[:, :, columns]
    dummies = _periods(d, effects) if estimated else np.empty((*d.y.shape, 0))
    # 1. [y, 1_r W y, X, dummies], unit effects out.
    lag_first = correction is not False
    base = np.concatenate([d.y[..., None], X, dummies], axis=2)
    within = leaving.demean(base)
    lags = _cut(d.lag(d.outcome if lag_first else leaving.demean(d.outcome), effects), codes, G * regimes.rho)
    lags = lags if specification.lag else lags[..., :0]
    own = base if lag_first else within
    whole = np.concatenate([own[..., :1], lags, own[..., 1:]], axis=2)
    rows = d.rows(leaving.demean(whole) if lag_first else whole)
    # 2. M of the same, cut by regime.
    L = (G if regimes.lam else 1) if specification.error else 0
    lagged = np.empty((L, d.nobs, whole.shape[2]))
    if specification.error:
        MZ = spatial_lag(d.weights_of_error, whole)
        for place in range(L):
            part = MZ * (codes == place)[:, None] if regimes.lam else MZ
            lagged[place] = d.rows(leaving.demean(part) if lag_first else part)
    J, k = lags.shape[2], len(columns)
    own, absorbed = np.ascontiguousarray(rows[:, 1 + J : 1 + J + k]), rows[:, 1 + J + k :]
    copies = d.n_periods - (lag_first and effects.entity)
    groups = codes if regimes.sigma2 else np.zeros_like(codes)
    S = G if regimes.sigma2 else 1
    Q, R = np.linalg.qr(np.column_stack([own, absorbed]))
    return {
        "y": rows[:, 0], "X": own, "lags": rows[:, 1 : 1 + J], "lagged": lagged, "basis": (Q, R),
        "names": tuple(d.names[j] for j in columns), "absorbed": absorbed,
        "n": likelihood_size(d, effects, lag_first), "groups": np.tile(groups, d.n_periods),
        "sizes": copies * np.bincount(groups, minlength=S).astype(float),
    }  # fmt: skip


def regime_determinants(specification: Specification, d: RegimeDesign, effects: FixedEffects, correction) -> dict:
    """``lag`` and ``error``: the log-determinants, or None."""
    split = d.split
    assert split is not None
    copies, G, parts = d.n_periods - (correction is not False and effects.entity), len(split.labels), {}
    for name, w, there, differs in (("lag", d.weights, specification.lag, split.regimes.rho),
                                    ("error", d.weights_of_error, specification.error, split.regimes.lam)):  # fmt: skip
        matrices = by_regime(w, split.codes if differs else None, G)  # type: ignore[arg-type]
        parts[name] = SeveralJacobian(RegimeLogdet(matrices), copies) if there else None
    return parts


def _cut(lag: np.ndarray, codes: np.ndarray, G: int) -> np.ndarray:
    """W y as (T, N, 1), or 1_r W y for G regimes as (T, N, G)."""
    return lag[..., None] * (codes[:, None] == np.arange(G)) if G else lag[..., None]


def _periods(d: RegimeDesign, effects: FixedEffects) -> np.ndarray:
    """Dummies of periods, (T, N, T), or T - 1 contrasts of them beside unit effects."""
    T, N = d.y.shape
    each = helmert(T).T if effects.entity else np.eye(T)
    return np.broadcast_to(each[:, None, :], (T, N, each.shape[1]))
