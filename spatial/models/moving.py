"""Fixed effects beside several rho, lambda or sigma2: under weights that vary over time, and behind ``|``."""

from __future__ import annotations

import numpy as np

from ..design.carried import effect_dummies
from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.moving import refuse_many, staying_parts
from ..design.several_ways import dummies_of_ways, kept_blocks
from ..logdet.several_periods import per_period
from ..solve.moving_effects import MovingEffects
from ..solve.projected_effects import ProjectedEffects, StayingEffects

OfEffects = MovingEffects | ProjectedEffects


def moving_effects(d: Design, effects: FixedEffects, parts: dict, groups: np.ndarray, S: int) -> OfEffects:
    """What the effects of a design take from the likelihood whose determinants are ``parts``.

    Parameters
    ----------
    parts : dict of "lag" and "error" to SeveralJacobian or None
    groups : (m,), the group of one variance of every row

    Raises
    ------
    SpatialInputError
        E309 for more than 800 effects.
    """
    T, lag, error = d.n_periods, parts["lag"], parts["error"]
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    places = tuple(np.flatnonzero(row) for row in there)
    of_lag, of_error = ([()] * T if part is None else per_period(part.logdet, T) for part in (lag, error))
    if effects.ways:
        share = d.left(effects) / d.nobs
        if not (of_error[0] or S > 1):
            return ProjectedEffects(kept_blocks(effects.ways, of_lag), share)
        kept = staying_parts(d, effects)
        D = dummies_of_ways(effects) if kept is None else kept[1]
        share = share if kept is None else 1.0
        return StayingEffects(D, places, of_lag, of_error, groups, S, share, False)
    share = 1 - effects.entity * d.n_units / d.nobs
    return MovingEffects(refuse_many(effect_dummies(d, effects)[0]), places, of_lag, of_error, groups, S, share,
                         effects.time, None if d.obs_weights is None else d.root**2)  # fmt: skip
