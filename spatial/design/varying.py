"""What fixed effects leave of the determinants when W differs between periods.

With D the effects' dummies, M = I - D (D'D)^-1 D' and W block diagonal, the score of rho at the truth has the mean

    E[(W y)'M e] / s2 = tr(M G),   G = W (I - rho W)^-1

instead of the tr G that the likelihood with dummies takes off. Taking off tr(M G) makes the score unbiased, and its
integral is the determinant's part of an adjusted likelihood:  K(rho) = tr[M log(I - rho W)], with n less rank D
observations. It is (1 - 1/T) sum_t log|I - rho W_t| with entity effects; time effects take off log(1 - rho) for
every period where rows sum to one. With one W for all periods that is the transformation of Lee & Yu (2010).

Observations with weights have the dummies R D and the weights R W R^-1, R the roots: then K(rho) is that of the blocks
R^-1 M R and W itself.

Sources: Lee & Yu (2012, Spatial Economic Analysis 7:31-74), for time-varying W; McCullagh & Tibshirani (1990, JRSS B
52:325-344), for adjusting the score of a profile likelihood by its mean.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import TemporalWeights

from ..logdet import Jacobian, period_logdet, projected_logdet
from .design import Design
from .entry import jacobian_of_rows
from .fixed_effects import FixedEffects
from .obs_weights import ObsWeights
from .period_means import centers, of_deviations
from .unbalanced import Gaps


def varying_jacobian(d: Design, weights: TemporalWeights, effects: FixedEffects, correction, method) -> Jacobian:
    """The determinants of all periods, less what the effects took; from eigenvectors where that is no multiple.

    Raises
    ------
    SpatialInputError
        E309 above 3,000 units, and E501 for another ``logdet=``, where eigenvectors are needed.
    """
    if d.lags and d.observed is not None and weights is d.weights:
        return jacobian_of_rows(d, weights, time=correction is True and effects.time, method=method)
    if correction is not True or not effects.fixed:
        return Jacobian(period_logdet(weights, method))
    T, unit, time = d.n_periods, effects.entity, effects.time
    uneven = d.observed is not None or (d.obs_weights is not None and not d.obs_weights.fixed)
    if effects.ways is not None or (time and not weights.rows_sum_to_one) or (unit and uneven):
        if method not in (None, "eigen"):
            raise SpatialInputError("E501", f"logdet={method!r} does not serve here: the correction for {effects} "
                                    "effects needs eigenvectors", hint="leave logdet= out")  # fmt: skip
        lagged = of_deviations(weights) if centers(weights, time) else weights
        return Jacobian(_left_by(effects, lagged, d.obs_weights))  # type: ignore[arg-type]
    return Jacobian(period_logdet(weights, method), 1 - 1 / T if unit else 1.0, T if time else 0)


@lru_cache(maxsize=8)
def _left_by(effects: FixedEffects, weights: TemporalWeights, obs_weights: ObsWeights | None):
    """K(rho) by the eigenvectors of every period: once for one W and one pattern of gaps."""
    if obs_weights is not None:
        return projected_logdet(weights, obs_weights.blocks(effects))
    there = np.ones((len(weights.periods), weights.n), dtype=bool) if weights.observed is None else weights.observed
    projection = effects.ways or Gaps(there, effects)
    return projected_logdet(weights, [projection.block(t) for t in range(len(there))])
