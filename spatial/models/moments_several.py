"""Several lambdas by moments: which matrices lag the error, the arrays, the region of the lambdas."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, refuse_varying

from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.moment_settings import USUAL, Moments
from ..design.obs_weights import links_in_units_of_variance, refuse_weighted
from ..design.period_means import centers, lag_of_deviations
from ..design.regimes import RegimeDesign
from ..design.several import SeveralDesign
from ..logdet.several import several_logdet
from ..solve.gmm import MomentSolution
from ..solve.gmm_several import SeveralErrorSample, several_moments
from .moments_by_period import weighted


def has_several_lambdas(d: Design) -> bool:
    """Whether several M lag the error, or that of every regime."""
    return lambdas_by_regime(d) or (isinstance(d, SeveralDesign) and len(d.weights.error) > 1)


def lambdas_by_regime(d: Design) -> bool:
    return isinstance(d, RegimeDesign) and d.split is not None and d.split.regimes.lam and len(d.split.labels) > 1


def refuse_several_lambdas(d: Design, effects: FixedEffects) -> None:
    """What moments of several lambdas do not have.

    Raises
    ------
    SpatialInputError
        E109 gaps, E320 W that vary over time, E501 effects that M takes to others, E540 weights that change.
    """
    what = "method='gmm' with several lambdas"
    effects.refuse_ways(what, "method='ml', or one lambda")
    if effects.random:
        raise SpatialInputError("E501", f"{what} has no random effects", hint="effects='entity', or method='ml'")
    if effects.time and lambdas_by_regime(d):
        raise SpatialInputError("E501", f"{what} by regime has no period effects: rows of M in one regime take them to "
                                "effects of this regime, so that they stay in the moments", hint="effects='entity' (or "
                                "'none') with C(period) in the formula, or method='ml'")  # fmt: skip
    if d.observed is not None:
        raise SpatialInputError("E109", f"{what} takes no gaps", hint="missing='drop', or method='ml'")
    if d.obs_weights is not None and not d.obs_weights.fixed:
        refuse_weighted(d.obs_weights, f"{what} and weights that change over time", "one weight for each unit")
    for M in _weights(d):
        refuse_varying(M, what)


def several_error_sample(
    d: Design, effects: FixedEffects, parts: dict[str, Any], lagged: dict[str, np.ndarray]
) -> SeveralErrorSample:  # fmt: skip
    """The sample with every M; ``parts`` those of a ``MomentSample``, ``lagged`` y, X (and W y) as they are."""
    Ms = matrices_of_error(d)
    columns = np.concatenate([values.reshape(*d.y.shape, -1) for values in lagged.values()], axis=2)
    arrays = np.array([d.rows(d.within(d.lag(columns, effects, M), effects)) for M in Ms]) * d.root[:, None]
    sparse_ones = []
    for M in Ms:
        own = links_in_units_of_variance(d, lag_of_deviations(M) if centers(M, effects.time) else M)
        sparse_ones.append(own.csr)  # type: ignore[union-attr]
    root = None if d.obs_weights is None else d.obs_weights.root[0]
    return SeveralErrorSample(**weighted(d, parts), M=sparse_ones[0], root=root, Ms=tuple(sparse_ones), lagged=arrays)


def matrices_of_error(d: Design) -> list[SpatialWeights]:
    """M_1, M_2 ..., of lambda by regime the rows of every regime of each."""
    whole = [refuse_varying(M, "method='gmm' with several lambdas") for M in _weights(d)]
    if not lambdas_by_regime(d):
        return whole
    split = d.split  # type: ignore[attr-defined]
    return [SpatialWeights(sparse.csr_array(sparse.diags_array(inside.astype(float)) @ M.csr), M.ids, M.kind,
                           labelled=M.labelled) for M in whole for inside in split.members]  # fmt: skip


def _weights(d: Design) -> list:
    if isinstance(d, SeveralDesign):
        return [d.weights.matrices[m] for m in d.weights.error]
    return [d.weights_of_error]


def lambdas_by_moments(
    d: Design, sample: SeveralErrorSample, errors: str, settings: Moments = USUAL
) -> MomentSolution:  # fmt: skip
    """The estimates."""
    region = several_logdet(tuple(matrices_of_error(d)))
    return several_moments(sample, region.admissible, settings, errors)
