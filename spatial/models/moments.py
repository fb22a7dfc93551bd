"""The method of moments: from a Design to a solution, by two-stage least squares and moments of residuals."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from spillover.errors import SpatialInputError, check_option, warn
from spillover.matrix import SpatialWeights, TemporalWeights, refuse_varying

from ..covariance.moments import errors_of, is_correlated, refuse_for_moments, refuse_impossible
from ..covariance.scpc import SCPC
from ..covariance.vcov import as_vcov
from ..design.checks import ABSORBED, refuse_degenerate
from ..design.design import INTERCEPT, Design
from ..design.fixed_effects import FixedEffects
from ..design.gaps import refuse_unbalanced
from ..design.lags_of_response import cut_by_regime, has_rho_by_regime, lags_of_response, whole_terms
from ..design.moment_settings import USUAL, Moments
from ..design.obs_weights import links_in_units_of_variance
from ..design.period_means import centers, lag_of_deviations
from ..design.regimes import RegimeDesign
from ..design.sample import regressor_columns
from ..design.several import SeveralDesign, several_regressors, weights_of_error, weights_of_response
from ..design.specification import Specification
from ..logdet import logdet, period_logdet
from ..logdet.regimes import logdet_by_regime
from ..logdet.several import several_logdet
from ..solve.gmm import KINDS, ErrorMomentSample, MomentSample, MomentSolution, two_stage_least_squares
from ..solve.gmm_error import homoskedastic, two_moments
from ..solve.gmm_several import SeveralErrorSample
from ..solve.gmm_turning import TurningSample, turning_moments
from .moments_by_period import differs, error_sample_by_period, refuse_by_period, turns, weighted
from .moments_several import (
    has_several_lambdas,
    lambdas_by_moments,
    matrices_of_error,
    refuse_several_lambdas,
    several_error_sample,
)

LAGGED = re.compile(r"^W\d*(_\d+)?:")  # W:x, W2:x and W_1:x are lags of x


def refuse_without_theory(specification: Specification, d: Design, effects: FixedEffects, vcov: object) -> None:
    """What the method of moments is not there for.

    Raises
    ------
    SpatialInputError
        E109 and E320 random effects with gaps and, beside a spatial error, with weights that vary over time; E309 too
        many effects, E501.
    """
    spatial = specification.lag or specification.error
    if not (spatial or d.endog):
        raise SpatialInputError("E501", f"method='gmm' is for spatial lags and errors and for endogenous regressors; "
                                f"{specification.name} is least squares", hint="leave method= out, or give endog= and "
                                "instruments=")  # fmt: skip
    if effects.random and specification.error:
        refuse_random_error(d)
    if is_correlated(vcov, {}):
        refuse_for_moments(as_vcov(vcov), specification, effects)
    elif not (isinstance(vcov, SCPC) or vcov == "scpc"):
        check_option("vcov", vcov, KINDS)
        refuse_impossible(str(vcov), specification, effects, d.is_panel)
    if specification.error:
        if has_several_lambdas(d):
            refuse_several_lambdas(d, effects)
        elif differs(d, effects):
            refuse_by_period(specification, d, effects, vcov)


def refuse_random_error(d: Design) -> None:
    """Random effects beside a spatial error: Q, deviations from unit means, commutes with M only where M is the same in
    all periods and units are there in all. Else Q M D is not zero, D the dummies of units, and Kapoor, Kelejian &
    Prucha's moments within units hold the variance of the unit effects too.

    Raises
    ------
    SpatialInputError
        E109 gaps, E320 weights that vary over time.
    """
    what = "method='gmm' with random effects and a spatial error"
    refuse_unbalanced(d.observed, what, "method='ml' takes gaps; by moments effects='entity'")
    if not isinstance(d, SeveralDesign):
        refuse_varying(d.weights_of_error, what)


def moment_sample(
    specification: Specification, d: Design, effects: FixedEffects, settings: Moments = USUAL
) -> MomentSample:
    """Regressors, instruments and their lags, effects taken out after lagging.

    Instruments of W y are W and W2 of every exogenous regressor (W X and other instruments included), as in
    Kelejian & Prucha (1998), eq. 7; of several W y all products of so many W (Badinger & Egger 2011, eq. 10). The
    intercept is lagged where W 1 is no constant; with a spatial error it
    is not, as in R's ``gstsls``. Without W y the instruments are lagged as far as endogenous regressors are. Beside a
    spatial error M of them instruments M of the endogenous regressors (Drukker, Egger & Prucha 2013, section 3).

    Raises
    ------
    SpatialInputError
        E204-E206, E208 for regressors, E208 for an instrument that the effects absorb.
    """
    weights, several = weights_of_response(d), specification.error and has_several_lambdas(d)
    Ms = matrices_of_error(d) if several else [weights_of_error(d)]
    by_period = specification.error and not several and differs(d, effects)
    X, names = several_regressors(d, effects) if isinstance(d, SeveralDesign) else regressor_columns(d, effects)
    exogenous = np.array([name not in d.endog and LAGGED.sub("", name) not in d.endog for name in names])

    def rows(values):
        return d.rows(d.within(values, effects))

    y, Xd = rows(d.y), rows(X)
    refuse_degenerate(d, d.rows(X), Xd, y, names, effects)
    own = np.stack(list(d.instruments.values()), axis=2) if d.instruments else np.empty((*d.y.shape, 0))
    refuse_absorbed(d, effects)
    H = [own]
    parts: dict[str, Any] = {}
    if specification.lag:
        constant = specification.error or not any(W.row_sums_vary for W in weights)
        moving = exogenous & np.array([not (constant and name == INTERCEPT) for name in names])
        lagged = np.concatenate([X[:, :, moving], own], axis=2) if settings.lag_instruments else X[:, :, moving]
        if has_rho_by_regime(d):
            whole = whole_terms(d, exogenous, names, constant=constant, instruments=settings.lag_instruments)
            H += [cut_by_regime(d, part) for part in lagged_products(d, weights, whole, effects, settings.order or 2)]
        else:
            H += lagged_products(d, weights, lagged, effects, settings.order or 2)
        Wy = lags_of_response(d, weights, effects)
        parts["Wy"] = rows(Wy)
    elif d.endog and settings.lag_instruments:
        H += lagged_products(d, weights, own, effects, settings.order or order_of_endogenous(d))
    of_error = specification.error and settings.lag_instruments and d.instruments
    if of_error and not (by_period and turns(d, effects)):
        H += [d.lag(own, effects, M) for M in Ms]
    parts |= {
        "y": y,
        "X": Xd,
        "names": tuple(names),
        "n": d.left(effects),
        "H": _varying(d, np.concatenate(H, axis=2), effects),
        "exogenous": exogenous,
        "copies": d.n_periods - effects.entity,
        "centered": effects.time,
    }
    if not specification.error:
        return MomentSample(**weighted(d, parts))
    lagged_by_M = {"My": d.y, "MX": X} | ({"MWy": Wy} if specification.lag else {})
    if several:
        return several_error_sample(d, effects, parts, lagged_by_M)
    if by_period:
        return error_sample_by_period(d, effects, parts, lagged_by_M, own if of_error else own[:, :, :0])
    (M,) = Ms
    parts |= {name: rows(d.lag(values, effects, M)) for name, values in lagged_by_M.items()}
    M = links_in_units_of_variance(d, lag_of_deviations(M) if centers(M, effects.time) else M)
    root = None if d.obs_weights is None else d.obs_weights.root[0]
    return ErrorMomentSample(**weighted(d, parts), M=M.csr, root=root)


def lagged_products(d: Design, weights, columns: np.ndarray, effects: FixedEffects, order: int) -> list[np.ndarray]:
    """W x, W^2 x ... up to ``order``; of several W all products, W_1 W_2 x among them."""
    out, last = [], [columns]
    for _ in range(order):
        last = [d.lag(values, effects, W) for values in last for W in weights]
        out += last
    return out


def order_of_endogenous(d: Design) -> int:
    """Up to which power of W endogenous regressors are lagged."""
    if isinstance(d, RegimeDesign) and d.split is not None:
        lagged = {name: path for term, (_, path) in d.split.lags.items() for name in d.split.columns[term]}
        return max((len(path) for name, path in lagged.items() if name in d.endog), default=0)
    if isinstance(d, SeveralDesign):
        return int(any(d.names[j] in d.endog for j, _ in d.weights.pairs))
    return d.wx_order * any(d.names[j] in d.endog for j in d.durbin)


def _varying(d: Design, H: np.ndarray, effects: FixedEffects) -> np.ndarray:
    """The instruments without the effects, (m, q); rounding of absorbed ones would make instruments of noise."""
    before, after = d.rows(H), d.rows(d.within(H, effects))
    return after[:, np.linalg.norm(after, axis=0) > ABSORBED * np.linalg.norm(before - before.mean(axis=0), axis=0)]


def refuse_absorbed(d: Design, effects: FixedEffects) -> None:
    """Raises E208 for an instrument that the effects leave nothing of."""
    for name, column in d.instruments.items():
        if not _varying(d, column[:, :, None], effects).size:
            raise SpatialInputError("E208", f"the {effects} effects absorb the instrument {name!r}", column=name,
                                    hint="choose an instrument that varies within the effects")


def method_of_moments(
    d: Design, sample: MomentSample, vcov: object, settings: Moments = USUAL
) -> tuple[MomentSample, MomentSolution]:
    """Two-stage least squares; with a spatial error the estimator that ``vcov`` and the settings stand for. The sample
    is another where effects leave at the estimated lambda."""
    if isinstance(sample, TurningSample):
        sample, solution = turning_moments(sample, _interval(weights_of_error(d)), settings)
    elif isinstance(sample, SeveralErrorSample):
        errors = "kelejian" if vcov == "classical" and settings.moments == "kelejian" else errors_of(vcov)
        solution = lambdas_by_moments(d, sample, errors, settings)
    elif isinstance(sample, ErrorMomentSample):
        interval = _interval(weights_of_error(d))
        if vcov == "classical" and settings.moments == "kelejian":
            solution = homoskedastic(sample, interval, settings)
        else:
            solution = two_moments(sample, interval, settings, errors_of(vcov))
    else:
        solution = two_stage_least_squares(sample)
    if sample.Wy is not None:
        warn_outside(d, solution.rhos)
    return sample, solution


def _interval(w: SpatialWeights | TemporalWeights) -> tuple[float, float]:
    """Where I - lambda M is regular in every period."""
    return (period_logdet(w) if isinstance(w, TemporalWeights) else logdet(w)).interval


def warn_outside(d: Design, rhos: np.ndarray) -> None:
    """Nothing in two-stage least squares keeps rho where I - rho W is regular."""
    weights = weights_of_response(d)
    if has_rho_by_regime(d):
        split = d.split  # type: ignore[attr-defined]
        if not logdet_by_regime(weights, split.codes, len(split.labels), d.n_periods).admissible(rhos):
            _warn_of_several(rhos)
        return
    if len(weights) == 1:
        (rho,), (w,) = rhos, weights
        sizes = [abs(one.csr) for one in (w.each(1) if isinstance(w, TemporalWeights) else [w])]
        if abs(rho) * max(min(size.sum(axis=axis).max() for axis in (0, 1)) for size in sizes) < 1:
            return  # the spectral radius is no larger
        lo, hi = _interval(w)
        if not lo < rho < hi:
            warn(f"rho = {rho:.4g} lies outside its admissible interval ({lo:.4g}, {hi:.4g}): effects are not defined")
        return
    several = [refuse_varying(w, "method='gmm'") for w in weights]
    sizes = [abs(w.csr) for w in several]
    bounds = [sum(abs(r) * size.sum(axis=axis).max() for r, size in zip(rhos, sizes)) for axis in (0, 1)]
    if min(bounds) >= 1 and several_logdet(tuple(several)).largest(rhos) >= 1:
        _warn_of_several(rhos)


def _warn_of_several(rhos: np.ndarray) -> None:
    warn(f"rho = {', '.join(f'{r:.4g}' for r in rhos)} lies outside the admissible region: effects are not defined")
