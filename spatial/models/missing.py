"""Models with outcomes that are not observed, ``missing="model"``: the process runs on all units of W.

The road is that of ``estimate``: read, prepare, sample, solve, infer; the parts that differ are the files called
``missing``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..covariance.vcov import with_vcov
from ..design.checks import ROUNDING, degenerate, perfect_fit
from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.missing import MissingDesign, missing_design
from ..design.obs_weights import ObsWeights, read_obs_weights, refuse_weighted
from ..design.options import ModelOptions
from ..design.period_means import centers, of_deviations
from ..design.sample import left_by_means, regressor_columns
from ..design.specification import Specification
from ..logdet import Jacobian, logdet, period_logdet
from ..solve.missing import missing_maximum
from ..solve.missing_levels import levels
from ..solve.missing_problem import MissingProblem
from ..solve.missing_sample import MissingSample
from .missing_fit import MissingFit
from .reading import Reading, aligned, prepare

NOT_WITH_MISSING: dict[str, tuple[tuple, str]] = {  # option: (what it may be, what to do instead)
    "lags": ((None,), "a dynamic model needs every y of the period before: missing='drop'"),
    "serial": ((None,), "leave serial= out, or missing='period'"),
    "endog": ((None, [], ()), "leave endog= out, or missing='drop'"),
    "instruments": ((None, [], ()), "leave instruments= out, or missing='drop'"),
    "random_error": ((None,), "leave random_error= out; fixed effects are there"),
    "regimes": ((None,), "interact in the formula: x:C(region)"),
    "method": ((None, "ml"), "method='ml'"),
    "correction": ((True,), "leave correction= out: the effects leave by contrasts of what is observed"),
}


def estimate_missing(specification: Specification, formula: str, data: pd.DataFrame, w, options: ModelOptions):
    """Estimate a model on all units of W from the outcomes that are observed.

    Returns
    -------
    MissingFit, or None where every outcome is observed

    Raises
    ------
    SpatialInputError
        E201 missing regressors, E309 period effects with more than 3,000 units whose rows do not sum to one, E321 unit
        effects with weights that vary over time, E501 options that there are not, E701, E702, E801; else as without
        missing outcomes.
    """
    refuse_options(specification, w, options)
    d = missing_design(formula, data, w, specification, entity=options.entity, time=options.time)
    if options.obs_weights is not None:
        d = replace(d, obs_weights=read_obs_weights(d, options.obs_weights))
        refuse_sampling(d.obs_weights)
    if options.w_error is not None:
        d = replace(d, error_weights=aligned(options.w_error, d, "error"))
    return fit_missing(prepare(specification, d, options)) if isinstance(d, MissingDesign) else None


def fit_missing(reading: Reading) -> MissingFit:
    """The model of a reading whose design may have y that is not observed."""
    specification, settings = reading.specification, reading.settings
    d: MissingDesign = reading.design  # type: ignore[assignment]
    refuse_data(specification, d, settings.effects, settings.correction)
    sample = missing_sample(specification, d, settings.effects, settings.logdet)
    refuse_exact(sample, sample.at(np.zeros(2))[0].errors, d.response)
    at = missing_maximum(sample)
    refuse_exact(sample, at.errors, d.response)
    spatial = [at.rho] * specification.lag + [at.lam] * specification.error
    names = (*sample.names, *["rho"] * specification.lag, *["lambda"] * specification.error)
    df = sample.n - len(names)
    fit = MissingFit(
        specification=specification, sigma2=at.sigma2 if spatial else float(at.errors @ at.errors) / df,
        loglik=at.loglik, df_resid=df if df > 0 else None, _terms=pd.Index(names, name="term"),
        _estimates=np.concatenate([at.beta, spatial]), _covariance=np.empty((0, 0)), _design=d, _sample=sample,
        _solution=at, _settings=settings,
    )  # fmt: skip
    return with_vcov(fit, settings.vcov)


def refuse_exact(sample: MissingSample, errors: np.ndarray, response: str) -> None:
    """E703 where the errors are rounding errors of the response."""
    if errors @ errors <= ROUNDING**2 * (sample.y @ sample.y):
        raise perfect_fit(response)


def missing_sample(
    specification: Specification, d: MissingDesign, effects: FixedEffects, method: str | None = None
) -> MissingSample:  # fmt: skip
    """The arrays of the likelihood.

    Raises
    ------
    SpatialInputError
        E204 to E206 and E208: y or regressors without variation, collinear or absorbed among the rows with y.
    """
    X, names = regressor_columns(d, effects)
    Xd, yd = d.rows_within(X, effects), d.rows_within(d.y, effects)
    (problem,), *_ = degenerate(d, d.y[d.seen][None], yd[None], X[d.seen][None], Xd[None], names, effects)
    if problem is not None:
        raise problem
    T, size = d.n_periods, d.y.size
    W = of_deviations(d.weights) if specification.lag and centers(d.weights, effects.time) else d.weights
    stacked = [(_stacked(w, T),) * there for w, there in
               ((W, specification.lag), (d.weights_of_error, specification.error))]  # fmt: skip
    arrays = MissingProblem(
        y=np.where(d.seen, d.outcome, 0.0).ravel(), X=X.reshape(size, -1), seen=d.seen,
        levels=levels(d.seen, effects.entity, effects.time), W=stacked[0], M=stacked[1],
        offset=None if d.offset is None else d.offset.ravel(),
        root=None if d.obs_weights is None else d.obs_weights.root.ravel(),
    )  # fmt: skip
    of_lag, of_error = (_jacobian(w, T, method) if there else None for w, there in
                        ((d.weights, specification.lag), (d.weights_of_error, specification.error)))  # fmt: skip
    if of_lag is not None:
        of_lag = replace(of_lag, means=left_by_means(d.weights, effects, True))
    return MissingSample(y=yd, X=arrays.X, n=arrays.n, lag=of_lag, error=of_error, names=tuple(names), problem=arrays)


def _stacked(w: SpatialWeights | TemporalWeights, T: int) -> sparse.csr_array:
    """W of all periods, (T N, T N)."""
    if isinstance(w, TemporalWeights):
        return sparse.csr_array(sparse.block_diag([one.csr for one in w.matrices]))
    return sparse.csr_array(sparse.kron(sparse.eye_array(T), w.csr)) if T > 1 else w.csr


def _jacobian(w: SpatialWeights | TemporalWeights, T: int, method: str | None) -> Jacobian:
    return Jacobian(period_logdet(w, method)) if w.varies else Jacobian(logdet(w, method), T)


def refuse_options(specification: Specification, w, options: ModelOptions) -> None:
    """E501 for what models with outcomes that are not observed do not have."""
    for name, (allowed, hint) in NOT_WITH_MISSING.items():
        value = getattr(options, name)
        if not any(value is one or (isinstance(value, type(one)) and value == one) for one in allowed):
            raise SpatialInputError("E501", f"{name}={value!r} is not there with missing='model'", hint=hint)
    if options.several(w):
        raise SpatialInputError("E501", "several W are not there with missing='model'",
                                hint="one W, or missing='drop'")
    options.check(specification)


def refuse_sampling(weights: ObsWeights | None) -> None:
    """E540 for sampling weights: a unit that was not drawn has no weight, and one without y is not drawn."""
    if weights is not None and weights.sampling:
        refuse_weighted(weights, "missing='model' with sampling weights", "missing='drop', or analytic weights")


def refuse_data(specification: Specification, d: Design, effects: FixedEffects, correction) -> None:
    """What these effects and weights leave no contrasts for."""
    effects.refuse_ways("missing='model'", "effects of unit and period alone, or missing='period'")
    if effects.random:
        raise SpatialInputError("E501", f"effects={effects.name!r} is not there with missing='model'",
                                hint="effects='entity', effects='none', or missing='drop'")
    if d.varies and effects.entity:
        raise SpatialInputError("E321", "missing='model' with unit effects needs the same W in all periods: W that "
                                "varies carries the effects along", hint="w.mean(), or effects='time'")  # fmt: skip
