"""Ways of effects behind ``|`` beside several rho, lambda or sigma2: how they leave the likelihood.

With P the projection on the dummies D of the effects, M = I - P, A = I - sum_j rho_j W_j and G_j = W_j A^-1:

exact      In a balanced panel with M = (I - A_t A_t') kron (I - B B') and W_j B = B C_j for every W, of the error too,
           the data without effects follow the same model, and T - a copies of log|I - sum rho_j W_j| less
           log|I - sum rho_j C_j| are their determinant (Lee & Yu 2010; ``invariant`` for one W).
projected  Beside no error, for any D and W: residuals at the truth are M e, and E[(W_j y)'M e] / s2 = tr(M G_j). The
           scores of rho_1, rho_2 ... less these means are solved together: they need not be a gradient.
stay       Beside a spatial error, or variances by regime, D stays among the regressors, and what it takes is that of
           generalised least squares (``solve.moving_effects``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from .absorbed import Absorbed
from .design import Design
from .dummies import DUMMIES_MAX
from .fixed_effects import FixedEffects
from .invariant import CARRIED, carries
from .period_means import centers, of_deviations

UNITS_MAX = 3_000  # whose blocks of M are dense matrices

AnyWeights = SpatialWeights | TemporalWeights


def refuse_beside_ways(d: Design, effects: FixedEffects, correction, what: str) -> None:
    """What effects behind | do not have beside several W, or rho, lambda or sigma2 by regime.

    Raises
    ------
    SpatialInputError
        E501 the likelihood with dummies, E540 weights of observations.
    """
    if effects.ways is None:
        return
    if correction is not True:
        message = f"correction={correction!r} is not there for effects of {effects} beside {what}"
        raise SpatialInputError("E501", message, hint="leave correction= out: the scores are freed of the effects")
    if d.obs_weights is not None:
        raise SpatialInputError("E540", f"effects of {effects} beside {what} take no weights of observations",
                                hint="leave obs_weights= out, or effects of unit and period alone")


def ways_stay(d: Design, effects: FixedEffects, lags: Sequence[AnyWeights], errors: Sequence[AnyWeights]) -> bool:
    """Whether dummies of the effects stay beside an error, because M or W takes effects to others."""
    return bool(errors) and carried_groups(d, effects, (*lags, *errors)) is None


def carried_groups(
    d: Design, effects: FixedEffects, weights: Sequence[AnyWeights]
) -> tuple[int, list[np.ndarray]] | None:
    """(a, C_1 ...) where the transformation is exact under all of these W, as they lag columns; else None."""
    ways = effects.ways
    assert ways is not None
    product = None if d.varies else ways.product
    if product is None or not all(carries(w, ways) for w in weights):
        return None
    (a, B), out = product, []
    for w in weights:
        lagged = _as_lagged(w, effects).csr @ B  # type: ignore[union-attr]
        out.append(B.T @ lagged)
        if np.linalg.norm(lagged - B @ out[-1]) > CARRIED * max(float(np.linalg.norm(lagged)), 1e-300):
            return None
    return a, out


def of_time_alone(d: Design, effects: FixedEffects) -> int | None:
    """How many functions of time all effects are of, each with a coefficient for every unit: they leave as unit effects
    do, whatever W, rho and sigma2 of the units are. None for other effects."""
    product = None if d.varies or effects.ways is None else effects.ways.product
    return product[0] if product is not None and product[1].shape[1] == 0 else None


def dummies_of_ways(effects: FixedEffects) -> np.ndarray:
    """U (m, r), orthonormal.

    Raises
    ------
    SpatialInputError
        E309 for more than 800 effects.
    """
    ways = effects.ways
    assert ways is not None
    if ways.rank > DUMMIES_MAX:
        raise SpatialInputError("E309", f"effects of {effects} beside a spatial error, or variances by regime, need "
                                f"dense matrices of all {ways.rank:,} effects, {DUMMIES_MAX} at most", n=ways.rank,
                                hint="sdm() with rho alone, whose effects leave in any number")  # fmt: skip
    return ways.dummies()


def kept_blocks(ways: Absorbed, matrices: Sequence[tuple[sparse.csr_array, ...]]) -> list[tuple]:
    """(W_1 ..., K, periods) for all periods with these W: K (N, N) the sum of M's diagonal blocks of these periods.

    Parameters
    ----------
    matrices : of every period, the same objects where they are the same

    Raises
    ------
    SpatialInputError
        E309 above 3,000 units.
    """
    T, N = ways.shape
    if N > UNITS_MAX:
        raise SpatialInputError("E309", f"effects of {ways.name} beside several rho need dense matrices of all {N:,} "
                                f"units, {UNITS_MAX:,} at most", n=N, hint="one W, or effects of unit and period alone")
    places: dict[tuple[int, ...], list[int]] = {}
    for t, own in enumerate(matrices):
        places.setdefault(tuple(map(id, own)), []).append(t)
    if len(places) == 1 and ways.product is not None:
        a, B = ways.product
        return [(matrices[0], (T - a) * (np.eye(N) - B @ B.T), T)]
    return [(matrices[at[0]], np.sum([ways.block(t) for t in at], axis=0), len(at)) for at in places.values()]


def _as_lagged(w: AnyWeights, effects: FixedEffects) -> AnyWeights:
    return of_deviations(w) if centers(w, effects.time) else w
