"""What fixed effects leave of the determinants when W differs between periods, and what they leave no likelihood for.

With D the effects' dummies, M = I - D (D'D)^-1 D' and W block diagonal, the score of rho at the truth has the mean

    E[(W y)'M e] / s2 = tr(M G),   G = W (I - rho W)^-1

instead of the tr G that the likelihood with dummies takes off. Taking off tr(M G) makes the score unbiased, and its
integral is the determinant's part of an adjusted likelihood:  K(rho) = tr[M log(I - rho W)], with n less rank D
observations. It is (1 - 1/T) sum_t log|I - rho W_t| with entity effects; time effects take off log(1 - rho) for
every period where rows sum to one. With one W for all periods that is the transformation of Lee & Yu (2010).

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
from .dummies import keeps_dummies
from .fixed_effects import FixedEffects
from .gaps import refuse_unbalanced
from .specification import Specification
from .unbalanced import Gaps


def varying_jacobian(d: Design, weights: TemporalWeights, effects: FixedEffects, correction, method) -> Jacobian:
    """The determinants of all periods, less what the effects took; from eigenvectors where that is no multiple.

    Raises
    ------
    SpatialInputError
        E309 above 3,000 units, and E501 for another ``logdet=``, where eigenvectors are needed.
    """
    if correction is not True or not effects.fixed:
        return Jacobian(period_logdet(weights, method))
    T, unit, time = d.n_periods, effects.entity, effects.time
    if effects.ways is not None or (time and not weights.rows_sum_to_one) or (unit and d.observed is not None):
        if method not in (None, "eigen"):
            raise SpatialInputError("E501", f"logdet={method!r} does not serve here: the correction for {effects} "
                                    "effects needs eigenvectors", hint="leave logdet= out")  # fmt: skip
        return Jacobian(_left_by(effects, weights))
    return Jacobian(period_logdet(weights, method), 1 - 1 / T if unit else 1.0, T if time else 0)


@lru_cache(maxsize=8)
def _left_by(effects: FixedEffects, weights: TemporalWeights):
    """K(rho) by the eigenvectors of every period: once for one W and one pattern of gaps."""
    there = np.ones((len(weights.periods), weights.n), dtype=bool) if weights.observed is None else weights.observed
    projection = effects.ways or Gaps(there, effects)
    return projected_logdet(weights, [projection.block(t) for t in range(len(there))])


def refuse_without_likelihood(specification: Specification, d: Design, effects: FixedEffects, correction) -> None:
    """What weights that vary leave no likelihood for.

    Raises
    ------
    SpatialInputError
        E321 a lag and a spatial error whose weights vary, with entity effects: B_t c changes from period to period, so
        that no demeaning of B_t u takes c out, and the score's mean depends on rho and lambda together; E109 where
        it is gaps that make them vary. E308 a lag and an error with time effects and rows that do not sum to one.
        E501 for ``correction="additive"``.
    """
    M = d.weights_of_error
    if specification.lag and keeps_dummies(specification, d, effects):
        refuse_unbalanced(d.observed, f"{specification.name} with {effects} effects")
        raise SpatialInputError(
            "E321",
            f"{specification.name} with {effects} effects needs the same weights of the error in all periods: "
            "an error's weights that vary carry the effects with them",
            hint="give w_error= one matrix, say w.mean(); or sdm, sem, sdem",
        )
    both = specification.lag and specification.error
    if both and effects.time and not (d.weights.rows_sum_to_one and M.rows_sum_to_one):
        raise SpatialInputError("E308", f"{specification.name} with {effects} effects needs weights whose rows all "
                                "sum to one in every period", hint="w.standardize('row') without islands, or "
                                "effects='entity'")  # fmt: skip
    if correction == "additive":
        message = "correction='additive' is for one W in all periods"
        raise SpatialInputError("E501", message, hint="leave correction= out")
