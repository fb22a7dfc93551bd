"""The likelihood's arrays of a model with rho, lambda or sigma2 by regime: lags in, unit effects out."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.linalg import helmert

from spillover.errors import SpatialInputError

from ..logdet.regimes import logdet_by_regime
from ..logdet.several import SeveralJacobian
from .carried import effect_dummies
from .design import Design, spatial_lag
from .dummies import DUMMIES_MAX
from .fixed_effects import NO_EFFECTS, FixedEffects
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
    leaving, dummies = leave_or_stay(specification, d, effects, correction)
    columns = own_columns(d, effects)
    X = d.X[:, :, columns]
    # 1. [y, 1_r W y, X, dummies], unit effects out.
    lag_first = correction is not False or d.varies
    base = np.concatenate([d.y[..., None], X, dummies], axis=2)
    within = d.within(base, leaving)
    outcome = d.outcome if lag_first else d.within(d.outcome, leaving)
    lags = d.lag(outcome, lag_effects(d, effects, error=specification.error, rhos=G if regimes.rho else 1))
    lags = _cut(lags, codes, G * regimes.rho)
    lags = lags if specification.lag else lags[..., :0]
    own = base if lag_first else within
    whole = np.concatenate([own[..., :1], lags, own[..., 1:]], axis=2)
    rows = d.rows(d.within(whole, leaving) if lag_first else whole)
    # 2. M of the same, cut by regime.
    L = (G if regimes.lam else 1) if specification.error else 0
    lagged = np.empty((L, d.nobs, whole.shape[2]))
    if specification.error:
        MZ = spatial_lag(d.weights_of_error, whole)
        for place in range(L):
            part = MZ * (codes == place)[:, None] if regimes.lam else MZ
            lagged[place] = d.rows(d.within(part, leaving) if lag_first else part)
    J, k = lags.shape[2], len(columns)
    own, absorbed = np.ascontiguousarray(rows[:, 1 + J : 1 + J + k]), rows[:, 1 + J + k :]
    groups = d.rows(np.broadcast_to(codes if regimes.sigma2 else np.zeros_like(codes), d.y.shape))
    S = G if regimes.sigma2 else 1
    sizes = np.bincount(groups, minlength=S).astype(float)
    if correction is not False and effects.entity and not d.varies:
        sizes -= np.bincount(groups[: d.n_units], minlength=S)
    Q, R = np.linalg.qr(np.column_stack([own, absorbed]))
    return {
        "y": rows[:, 0], "X": own, "lags": rows[:, 1 : 1 + J], "lagged": lagged, "basis": (Q, R),
        "names": tuple(d.names[j] for j in columns), "absorbed": absorbed,
        "n": likelihood_size(d, effects, correction is not False), "groups": groups, "sizes": sizes,
    }  # fmt: skip


def lag_effects(d: Design, effects: FixedEffects, *, error: bool, rhos: int) -> FixedEffects:
    """The effects whose period means W y is without: none beside an error under W that vary, as with one rho
    (``carried``), and none of regimes whose shares rho_r of these means differ."""
    by_regime = isinstance(d, RegimeDesign) and rhos > 1
    return NO_EFFECTS if by_regime or (d.varies and error) else effects


def leave_or_stay(
    specification: Specification, d: Design, effects: FixedEffects, correction
) -> tuple[FixedEffects, np.ndarray]:
    """The effects that leave by demeaning, and the dummies (T, N, q) of those that stay in the likelihood.

    Unit effects leave whatever rho and sigma2 of the units are, but not where a spatial error under W that vary turns
    them: then all effects stay. Period effects stay, and are corrected for; of one W they leave without correction.

    Raises
    ------
    SpatialInputError
        E309 for more than 800 effects.
    """
    if d.varies and specification.error and effects.fixed:
        return NO_EFFECTS, np.nan_to_num(d.panel(refuse_many(effect_dummies(d, effects)[0]).toarray()))
    if effects.time and (d.varies or correction is not False):
        if d.observed is not None:
            periods = effect_dummies(d, effects)[0][:, d.n_units * effects.entity :]
            return effects.without_time(), np.nan_to_num(d.panel(periods.toarray()))
        return effects.without_time(), _periods(d, effects)
    return effects, np.empty((*d.y.shape, 0))


def refuse_many(D: sparse.csr_array) -> sparse.csr_array:
    """E309 for more dummies than a dense matrix is for."""
    if D.shape[1] > DUMMIES_MAX:
        raise SpatialInputError("E309", f"effects beside several rho, lambda or sigma2 under weights that vary need "
                                f"dense matrices of all {D.shape[1]:,} effects, {DUMMIES_MAX} at most", n=D.shape[1],
                                hint="effects='time', one W for all periods, or one rho and lambda")  # fmt: skip
    return D


def regime_determinants(specification: Specification, d: RegimeDesign, effects: FixedEffects, correction) -> dict:
    """``lag`` and ``error``: the log-determinants, or None."""
    split = d.split
    assert split is not None
    G, parts, T = len(split.labels), {}, d.n_periods
    for name, w, there, differs in (("lag", d.weights, specification.lag, split.regimes.rho),
                                    ("error", d.weights_of_error, specification.error, split.regimes.lam)):  # fmt: skip
        logdet = logdet_by_regime(w, split.codes if differs else None, G, T)
        parts[name] = SeveralJacobian(logdet, copies(d, effects, correction, name, w.varies)) if there else None
    return parts


def copies(d: Design, effects: FixedEffects, correction, name: str, summed: bool) -> float:
    """How often the determinant of one W, or the sum over periods, counts.

    Under weights that vary all unit effects stay beside a spatial error, and their part is taken off afterwards; that
    of rho is the share of the rows that unit effects leave.
    """
    periods = 1 if summed else d.n_periods
    if correction is False or not effects.entity:
        return periods
    if not d.varies:
        return d.n_periods - 1
    return periods * (1 - d.n_units / d.nobs) if name == "lag" else periods


def _cut(lag: np.ndarray, codes: np.ndarray, G: int) -> np.ndarray:
    """W y as (T, N, 1), or 1_r W y for G regimes as (T, N, G)."""
    return lag[..., None] * (codes[:, None] == np.arange(G)) if G else lag[..., None]


def _periods(d: Design, effects: FixedEffects) -> np.ndarray:
    """Dummies of periods, (T, N, T), or T - 1 contrasts of them beside unit effects."""
    T, N = d.y.shape
    each = helmert(T).T if effects.entity else np.eye(T)
    return np.broadcast_to(each[:, None, :], (T, N, each.shape[1]))
