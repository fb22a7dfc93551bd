"""Fixed effects that are estimated beside rho, lambda or sigma2 by regime, and what is corrected for them."""

from __future__ import annotations

from scipy import sparse

from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.moving import turns
from ..design.period_means import centers
from ..design.regimes import RegimeDesign
from ..design.several import weights_of_response
from ..design.several_ways import of_time_alone
from ..solve.regimes_problem import PeriodEffects
from .moving import OfEffects, moving_effects


def estimated_effects(
    d: Design, effects: FixedEffects, correction, sample: dict, parts: dict
) -> PeriodEffects | OfEffects | None:
    """Where fixed effects that are estimated are corrected for."""
    if correction is False or not effects.fixed or d.lags:  # the mean of a dynamic score has all effects
        return None
    S, T = len(sample["sizes"]), d.n_periods
    if turns(d, effects) or effects.ways:
        if of_time_alone(d, effects) is not None:
            return None
        return moving_effects(d, effects, parts, sample["groups"], S)
    if not effects.time:
        return None
    lag, error = (part.logdet.matrices if part else () for part in (parts["lag"], parts["error"]))
    if lag and not (isinstance(d, RegimeDesign) and d.several_rhos):  # W J A^-1 1 = 0
        none = sparse.csr_array((d.n_units, d.n_units))
        lag = tuple(none if centers(w, effects.time) else W for w, W in zip(weights_of_response(d), lag))
    return PeriodEffects(T - effects.entity, lag, error, sample["groups"][: d.n_units], S)
