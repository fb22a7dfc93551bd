"""What many ways of effects leave of log|I - rho W|, and when that is an exact transformation.

With M = I - P off the effects' dummies D, y = rho W y + X b + D a + e becomes M y = rho M W y + M X b + M e. Let F be
an orthonormal basis of M, M = F F'.

1.  M W D = 0: W takes effects to effects, M W y = M W M y, and F'y follows the same model under F'W F. The likelihood
    of F'y is exact, with log|I - rho F'W F| = tr[M log(I - rho W)] (Lee & Yu 2010, eq. 12, for the ways of units and
    periods). This holds for unit effects and slopes of units in functions of time under any W (W acts on units, these
    effects on time); for period effects where rows of W sum to one; for region^year where besides links stay within
    regions, or where all units of a region have the same total of weights in each region.
2.  Otherwise there is no such model of F'y. But residuals at the truth are M e whatever the effects are, and
    E[(W y)'M e] / s2 = tr(M G), G = W (I - rho W)^-1. Taking off tr(M G) makes the score unbiased, so that its integral
    K(rho) = tr[M log(I - rho W)] with n less rank D observations serves again: as for weights that vary (``varying``;
    McCullagh & Tibshirani 1990). That concerns a spatial lag. In a spatial error B D a stays in the
    residuals where M B D is not zero: its dummies stay among X (``dummies``).

In balanced panels with M = (I - A A') kron (I - B B'), a functions of time and B groups of units,

    K(rho) = (T - a) (log|I - rho W| - log|I - rho C|),   W B = B C,

so that W may be large; C = I for groups whose links stay within, C = 0 x 0 without B. Anything else needs all
eigenvectors of W.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..logdet import Jacobian, logdet, projected_logdet, refuse_many_units
from .absorbed import Absorbed
from .design import Design, spatial_lag
from .fixed_effects import FixedEffects
from .obs_weights import ObsWeights

PROBES, CARRIED = 3, 1e-8
UNIT = 1e-9


def carries(weights: SpatialWeights | TemporalWeights, ways: Absorbed) -> bool:
    """Whether M W D = 0; a filter over time changes nothing of that."""
    return _carries(weights, ways.unfiltered)


@lru_cache(maxsize=16)
def _carries(weights: SpatialWeights | TemporalWeights, ways: Absorbed) -> bool:
    """By three random combinations of D's columns: they are zero for all W for which it is, and with probability one
    for no other."""
    rng = np.random.default_rng(1)
    first, *others = ways.projection.ways
    z = sum(way.columns @ rng.standard_normal((way.columns.shape[1], PROBES)) for way in (first, *others))
    panel = np.zeros((*ways.shape, PROBES))
    panel[np.ones(ways.shape, dtype=bool) if ways.observed is None else ways.observed] = z
    lagged = spatial_lag(weights, panel)
    within = np.nan_to_num(ways.demean(lagged))
    return bool(np.linalg.norm(within) <= CARRIED * max(float(np.linalg.norm(lagged)), 1e-300))


def is_exact(d: Design, effects: FixedEffects, *weights: SpatialWeights | TemporalWeights) -> bool:
    """Whether the transformation that takes these ways out is exact under these weights."""
    return effects.ways is None or all(carries(w, effects.ways) for w in weights)


def jacobian_of_ways(
    w: SpatialWeights, T: int, ways: Absorbed, correction, method: str | None, obs_weights: ObsWeights | None = None
) -> Jacobian:  # fmt: skip
    """K(rho), or T log|I - rho W| of the likelihood with dummies.

    Raises
    ------
    SpatialInputError
        E309 above 3,000 units, and E501 for another ``logdet=``, where eigenvectors are needed.
    """
    of_time = obs_weights is None and ways.product is not None  # the same for every filter over time
    return _jacobian_of_ways(w, T, ways.unfiltered if of_time else ways, correction, method, obs_weights)


@lru_cache(maxsize=16)
def _jacobian_of_ways(
    w: SpatialWeights, T: int, ways: Absorbed, correction, method: str | None, obs_weights: ObsWeights | None
) -> Jacobian:  # fmt: skip
    if correction is not True:
        return Jacobian(logdet(w, method), T)
    product = ways.product if obs_weights is None else None
    if product is not None:
        a, B = product
        lagged = w.csr @ B
        C = B.T @ lagged
        stays = np.linalg.norm(lagged - B @ C) <= CARRIED * max(float(np.linalg.norm(lagged)), 1e-300)
        if stays and np.abs(C - np.eye(len(C))).max(initial=0) <= UNIT:
            return Jacobian(logdet(w, method), T - a, B.shape[1])
    if method not in (None, "eigen"):
        raise SpatialInputError("E501", f"logdet={method!r} does not serve here: the correction for effects of "
                                f"{ways.name} needs eigenvectors", hint="leave logdet= out")  # fmt: skip
    refuse_many_units(w)
    if obs_weights is not None:
        M = sum(obs_weights.blocks(FixedEffects(ways=ways)))
    else:
        M = sum(ways.block(t) for t in range(T)) if product is None else (T - a) * (np.eye(w.n) - B @ B.T)
    return Jacobian(projected_logdet(w, [M]))
