"""Which fixed effects leave by demeaning, and which stay, in likelihoods with several rho, lambda or sigma2."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.linalg import helmert

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from .carried import effect_dummies
from .design import Design
from .dummies import DUMMIES_MAX
from .fixed_effects import NO_EFFECTS, FixedEffects
from .period_means import centers, of_deviations
from .several_ways import dummies_of_ways
from .time_and_rest import of_time_alone, parts_of


def lag_effects(d: Design, effects: FixedEffects) -> FixedEffects:
    """The effects whose period means W y is without where rows of W do not all sum to one (``period_means``): none of
    regimes, whose shares rho_r of these means differ; 1_r W 1 are regressors there (``lags_intercept``)."""
    return NO_EFFECTS if getattr(d, "several_rhos", False) else effects


def as_lagged(w: SpatialWeights | TemporalWeights, effects: FixedEffects) -> SpatialWeights | TemporalWeights:
    """W, or W J where it lags deviations from period means."""
    return of_deviations(w) if centers(w, effects.time) else w


def turns(d: Design, effects: FixedEffects) -> bool:
    """Whether effects stay in the likelihood row by row: under W that vary over time, and beside period effects of
    observations with weights, which leave in a metric that A does not keep."""
    return d.varies or (d.obs_weights is not None and effects.time)


def leave_or_stay(
    d: Design, effects: FixedEffects, correction, *, error: bool
) -> tuple[FixedEffects, np.ndarray]:
    """The effects that leave by demeaning, and the dummies (T, N, q) of those that stay in the likelihood.

    Unit effects leave whatever rho and sigma2 of the units are, but not where a spatial error under W that vary turns
    them: then all effects stay, and those behind |. Period effects stay, and are corrected for; of one W they leave
    without correction.

    Raises
    ------
    SpatialInputError
        E309 for more than 800 effects.
    """
    if effects.ways and (parts := staying_parts(d, effects)) is not None:
        return of_time_alone(effects), d.panel(parts[1])
    if effects.ways:
        return NO_EFFECTS, np.nan_to_num(d.panel(dummies_of_ways(effects)))
    if turns(d, effects) and error and effects.fixed:
        return NO_EFFECTS, np.nan_to_num(d.panel(refuse_many(effect_dummies(d, effects)[0]).toarray()))
    if effects.time and (d.varies or correction is not False):
        if d.observed is not None:
            periods = effect_dummies(d, effects)[0][:, d.n_units * effects.entity :]
            return effects.without_time(), np.nan_to_num(d.panel(periods.toarray()))
        return effects.without_time(), _periods(d, effects)
    return effects, np.empty((*d.y.shape, 0))


def staying_parts(d: Design, effects: FixedEffects) -> tuple[np.ndarray, np.ndarray] | None:
    """(A, R) of effects behind |: A kron I leaves unit by unit, R stays. None where all of them stay."""
    return None if d.varies else parts_of(d, effects)


def refuse_many(D: sparse.csr_array) -> sparse.csr_array:
    """E309 for more dummies than a dense matrix is for."""
    if D.shape[1] > DUMMIES_MAX:
        raise SpatialInputError("E309", f"effects beside several rho, lambda or sigma2 under weights that vary need "
                                f"dense matrices of all {D.shape[1]:,} effects, {DUMMIES_MAX} at most", n=D.shape[1],
                                hint="effects='time', one W for all periods, or one rho and lambda")  # fmt: skip
    return D


def copies(d: Design, effects: FixedEffects, correction, name: str, summed: bool, *, stay: bool = False) -> float:
    """How often the determinant of one W, or the sum over periods, counts.

    Under weights that vary all unit effects stay beside a spatial error, and their part is taken off afterwards; that
    of rho is the share of the rows that unit effects leave; of effects behind | the share that these leave,
    or beside dummies that ``stay`` the periods that functions of time leave.
    """
    periods = 1 if summed else d.n_periods
    if effects.ways and stay and (parts := staying_parts(d, effects)) is not None:
        return d.n_periods - parts[0].shape[1]
    if effects.ways:
        return periods * d.left(effects) / d.nobs if name == "lag" and correction is not False else periods
    if correction is False or not effects.entity or d.lags:  # unit effects are not transformed out of a dynamic model
        return periods
    if not turns(d, effects):
        return d.n_periods - 1
    return periods * (1 - d.n_units / d.nobs) if name == "lag" else periods


def _periods(d: Design, effects: FixedEffects) -> np.ndarray:
    """Dummies of periods, (T, N, T), or T - 1 contrasts of them beside unit effects."""
    T, N = d.y.shape
    each = helmert(T).T if effects.entity else np.eye(T)
    return np.broadcast_to(each[:, None, :], (T, N, each.shape[1]))
