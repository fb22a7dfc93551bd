"""The likelihood's arrays of a model with rho, lambda or sigma2 by regime: lags in, unit effects out."""

from __future__ import annotations

import numpy as np

from ..logdet.regimes import logdet_by_regime
from ..logdet.several import SeveralJacobian
from .design import spatial_lag
from .fixed_effects import FixedEffects
from .moving import as_lagged, copies, lag_effects, leave_or_stay, turns
from .regimes import RegimeDesign, SplitDesign
from .sample import effects_counted, likelihood_size, own_columns
from .several_ways import of_time_alone
from .specification import Specification
from .unit_means import lag_unit_means, with_unit_means


def regime_arrays(
    specification: Specification, d: RegimeDesign, effects: FixedEffects, correction, *, units_stay: bool = False
) -> dict:  # fmt: skip
    """y (m,), X (m, k), lags (m, J), lagged (L, m, 1 + J + k + T), the dummies of periods that are estimated, and what
    ``solve.regimes_problem.RegimeSample`` has besides.

    Data are lagged and then demeaned; without ``correction`` they are demeaned first, as with one rho, and no period
    effect is estimated; where ``units_stay`` unit effects are still in.
    """
    split = d.split
    assert split is not None
    G, codes, regimes = len(split.labels), split.codes, split.regimes
    time_alone = of_time_alone(d, effects)  # functions of time that leave as unit effects do
    estimated = specification.error or (regimes.sigma2 and G > 1)
    if time_alone is not None or (effects.ways and not estimated):
        leaving, dummies = effects, np.empty((*d.y.shape, 0))
    else:
        leaving, dummies = leave_or_stay(d, effects, correction, error=specification.error)
    leaving = leaving.without_entity() if units_stay else leaving
    columns = own_columns(d, effects)
    X, names = with_unit_means(d.X[:, :, columns], [d.names[j] for j in columns], d, effects)
    # 1. [y, 1_r W y, X, dummies], unit effects out.
    lag_first = correction is not False or d.varies or d.obs_weights is not None
    base = np.concatenate([d.y[..., None], X, dummies], axis=2)
    within = d.within(base, leaving)
    outcome = d.outcome if lag_first else d.within(d.outcome, leaving)
    of_lag, of_error = weights_by_role(specification, d)
    lags = [_cut(d.lag(outcome, lag_effects(d, effects), w), codes, G * regimes.rho) for w in of_lag]
    own = base if lag_first else within
    whole = np.concatenate([own[..., :1], *lags, own[..., 1:]], axis=2)
    root = d.root[:, None]
    rows = root * d.rows(d.within(whole, leaving) if lag_first else whole)
    # 2. M of the same, cut by regime.
    lagged, k, followed = [], len(names), len(columns)
    J = whole.shape[2] - own.shape[2]
    for MZ in (spatial_lag(M, whole) for M in of_error):
        parts = [MZ * (codes == g)[:, None] for g in range(G)] if regimes.lam else [MZ]
        lagged += [root * d.rows(d.within(part, leaving) if lag_first else part) for part in parts]
    for one in lagged:
        lag_unit_means(one[:, 1 + J : 1 + J + k], rows[:, 1 + J : 1 + J + followed], names[:followed], d, effects)
    own, absorbed = np.ascontiguousarray(rows[:, 1 + J : 1 + J + k]), rows[:, 1 + J + k :]
    groups = d.rows(np.broadcast_to(codes if regimes.sigma2 else np.zeros_like(codes), d.y.shape))
    S = G if regimes.sigma2 else 1
    sizes = np.bincount(groups, minlength=S).astype(float)
    if time_alone is not None:
        sizes -= time_alone * np.bincount(groups[: d.n_units], minlength=S)
    elif leaving.ways and estimated:
        sizes -= (d.nobs - d.left(leaving)) // d.n_units * np.bincount(groups[: d.n_units], minlength=S)
    elif effects.ways and not estimated:
        sizes[:] = d.left(effects)
    elif correction is not False and effects.entity and not (
        effects.ways or turns(d, effects) or d.lags or units_stay
    ):
        sizes -= np.bincount(groups[: d.n_units], minlength=S)
    Q, R = np.linalg.qr(np.column_stack([own, absorbed]))
    return {
        "y": rows[:, 0], "X": own, "lags": rows[:, 1 : 1 + J],
        "lagged": np.array(lagged).reshape(len(lagged), *rows.shape), "basis": (Q, R),
        "names": tuple(names), "absorbed": absorbed,
        "n": likelihood_size(d, effects_counted(d, effects), correction is not False), "groups": groups, "sizes": sizes,
        "log_weights": 0.0 if d.obs_weights is None else d.obs_weights.constant(effects, correction is not False),
    }  # fmt: skip


def regime_determinants(specification: Specification, d: RegimeDesign, effects: FixedEffects, correction) -> dict:
    """``lag`` and ``error``: the log-determinants, or None."""
    split = d.split
    assert split is not None
    G, T = len(split.labels), d.n_periods
    parts: dict = {}
    lag_first = correction is not False or d.varies or d.obs_weights is not None  # else lagged once demeaned
    of_lag, of_error = weights_by_role(specification, d)
    time_alone = of_time_alone(d, effects)
    stay = specification.error or (split.regimes.sigma2 and G > 1)
    for name, used, differs in (("lag", of_lag, split.regimes.rho), ("error", of_error, split.regimes.lam)):
        if name == "lag" and lag_first and not d.several_rhos:
            used = [as_lagged(w, effects) for w in used]
        logdet = logdet_by_regime(used, split.codes if differs else None, G, T) if used else None
        varies = any(w.varies for w in used)
        times = copies(d, effects, correction, name, varies, stay=stay) if time_alone is None else T - time_alone
        parts[name] = SeveralJacobian(logdet, times) if logdet else None
    return parts


def weights_by_role(specification: Specification, d: RegimeDesign) -> tuple[list, list]:
    """The W that lag the response, and those that lag the error."""
    if isinstance(d, SplitDesign):
        W = d.weights.matrices
        return [W[m] for m in d.weights.lag], [W[m] for m in d.weights.error]
    return [d.weights] * specification.lag, [d.weights_of_error] * specification.error


def _cut(lag: np.ndarray, codes: np.ndarray, G: int) -> np.ndarray:
    """W y as (T, N, 1), or 1_r W y for G regimes as (T, N, G)."""
    return lag[..., None] * (codes[:, None] == np.arange(G)) if G else lag[..., None]
