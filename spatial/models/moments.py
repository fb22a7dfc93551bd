"""The method of moments: from a Design to a solution, by two-stage least squares and moments of residuals."""

from __future__ import annotations

from typing import Any

import numpy as np

from spillover.errors import SpatialInputError, check_option, warn
from spillover.matrix import SpatialWeights, refuse_varying

from ..covariance.moments import refuse_impossible
from ..covariance.scpc import SCPC
from ..design.checks import ABSORBED, refuse_degenerate
from ..design.design import INTERCEPT, Design, spatial_lag
from ..design.fixed_effects import FixedEffects
from ..design.gaps import refuse_unbalanced
from ..design.obs_weights import links_in_units_of_variance
from ..design.sample import flat, regressor_columns
from ..design.specification import Specification
from ..logdet import logdet
from ..solve.gmm import KINDS, ErrorMomentSample, MomentSample, MomentSolution, two_stage_least_squares
from ..solve.gmm_error import heteroskedastic, homoskedastic


def refuse_without_theory(specification: Specification, d: Design, effects: FixedEffects, vcov: object) -> None:
    """What the method of moments is not there for.

    Raises
    ------
    SpatialInputError
        E109 unbalanced panels, E320 weights that vary over time, E501.
    """
    refuse_unbalanced(d.observed, "method='gmm'")
    refuse_varying(d.weights if d.weights.varies else d.weights_of_error, "method='gmm'")
    kind = None if isinstance(vcov, SCPC) or vcov == "scpc" else vcov
    if kind is not None:
        check_option("vcov", kind, KINDS)
    if not (specification.lag or specification.error):
        raise SpatialInputError("E501", f"method='gmm' is for spatial lags and errors; {specification.name} is "
                                "least squares", hint="leave method= out")  # fmt: skip
    if specification.error and effects.time:
        raise SpatialInputError(
            "E501",
            f"the moments of a spatial error do not hold after {effects} effects are taken out",
            hint="use effects='entity' with C(period) in the formula, or method='ml'",
        )
    if kind is not None:
        refuse_impossible(str(kind), specification, effects, d.is_panel)


def moment_sample(
    specification: Specification, d: Design, effects: FixedEffects
) -> MomentSample:
    """Regressors, instruments and their lags, effects taken out after lagging.

    Instruments of W y are W and W2 of every exogenous regressor (W X and other instruments included), as in
    Kelejian & Prucha (1998), eq. 7. The intercept is lagged where W 1 is no constant; with a spatial error it
    is not, as in R's ``gstsls``.

    Raises
    ------
    SpatialInputError
        E204-E206, E208 for regressors, E208 for an instrument that the effects absorb.
    """
    W, M = d.weights.csr, d.weights_of_error.csr
    X, names = regressor_columns(d, effects)
    exogenous = np.array([name.removeprefix("W:").removeprefix("W2:") not in d.endog for name in names])
    y, Xd = d.within(d.y, effects), d.within(X, effects)
    refuse_degenerate(d, flat(X), flat(Xd), flat(y), names, effects)

    own = np.stack(list(d.instruments.values()), axis=2) if d.instruments else np.empty((*d.y.shape, 0))
    _refuse_absorbed(d, effects)
    H = [own]
    parts: dict[str, Any] = {}
    if specification.lag:
        constant = specification.error or not d.weights.row_sums_vary
        moving = exogenous & np.array([not (constant and name == INTERCEPT) for name in names])
        once = spatial_lag(W, np.concatenate([X[:, :, moving], own], axis=2))
        H += [once, spatial_lag(W, once)]
        Wy = spatial_lag(W, d.y)
        parts["Wy"] = flat(d.within(Wy, effects))
    parts |= {
        "y": flat(y),
        "X": flat(Xd),
        "names": tuple(names),
        "n": d.left(effects),
        "H": _varying(d, np.concatenate(H, axis=2), effects),
        "exogenous": exogenous,
        "copies": d.n_periods - effects.entity,
    }
    if not specification.error:
        return MomentSample(**_weighted(d, parts))
    if specification.lag:
        parts["MWy"] = flat(d.within(spatial_lag(M, Wy), effects))
    parts |= {"My": flat(d.within(spatial_lag(M, d.y), effects)), "MX": flat(d.within(spatial_lag(M, X), effects))}
    return ErrorMomentSample(**_weighted(d, parts), M=links_in_units_of_variance(d, d.weights_of_error).csr)


def _weighted(d: Design, parts: dict[str, Any]) -> dict[str, Any]:
    """The columns times the roots of the weights of observations."""
    if d.obs_weights is None:
        return parts
    root = d.root
    columns = ("y", "X", "Wy", "H", "My", "MX", "MWy")
    return parts | {name: (root * parts[name].T).T for name in columns if name in parts}


def _varying(d: Design, H: np.ndarray, effects: FixedEffects) -> np.ndarray:
    """The instruments without the effects, (T N, q); rounding of absorbed ones would make instruments of noise."""
    before, after = flat(H), flat(d.within(H, effects))
    return after[:, np.linalg.norm(after, axis=0) > ABSORBED * np.linalg.norm(before - before.mean(axis=0), axis=0)]


def _refuse_absorbed(d: Design, effects: FixedEffects) -> None:
    for name, column in d.instruments.items():
        if not _varying(d, column[:, :, None], effects).size:
            raise SpatialInputError("E208", f"the {effects} effects absorb the instrument {name!r}", column=name,
                                    hint="choose an instrument that varies within the effects")


def method_of_moments(d: Design, sample: MomentSample, vcov: object) -> MomentSolution:
    """Two-stage least squares; with a spatial error the estimator that ``vcov`` stands for."""
    if isinstance(sample, ErrorMomentSample):
        estimator = homoskedastic if vcov == "classical" else heteroskedastic
        solution = estimator(sample, logdet(d.weights_of_error).interval)
    else:
        solution = two_stage_least_squares(sample)
    _warn_outside(solution.rho, refuse_varying(d.weights, "method='gmm'"))
    return solution


def _warn_outside(rho: float, weights: SpatialWeights) -> None:
    """Nothing in two-stage least squares keeps rho where I - rho W is regular."""
    size = abs(weights.csr)
    if abs(rho) * min(size.sum(axis=0).max(), size.sum(axis=1).max()) < 1:  # below the spectral radius' bound
        return
    lo, hi = logdet(weights).interval
    if not lo < rho < hi:
        warn(
            f"rho = {rho:.4g} lies outside its admissible interval ({lo:.4g}, {hi:.4g}): effects are not defined")
