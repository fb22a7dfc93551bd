"""The road from data to a Fit, written once: read, prepare, sample, solve, infer (the first two in ``reading``).

An estimation method is a function of a Reading that returns the reading, the sample and the solution; ``ESTIMATORS``
lists them by the names that ``method=`` takes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from spillover.errors import check_option, warn

from ..covariance.vcov import as_vcov, with_vcov
from ..design.arrays import Sample
from ..design.checks import refuse_perfect_fit
from ..design.design import Design
from ..design.options import ModelOptions, Settings
from ..design.sample import demeaned_sample
from ..design.specification import Specification
from ..diagnostics.small_samples import variance_follows_neighbors
from ..solve.ml import Solution, maximum_likelihood
from ..solve.reml import Adjusted
from .adjusted import solve_adjusted
from .dynamic import without_bias
from .dynamic_moments import ArellanoBond, checked_dynamic, dynamic_method_of_moments
from .fit import Fit
from .moments import method_of_moments, moment_sample, refuse_without_theory
from .random import random_effects
from .reading import Reading, prepare, read

NO_COVARIANCE = pd.DataFrame()


def estimate(specification: Specification, formula: str, data: pd.DataFrame, w, options: ModelOptions) -> Fit:
    """Read a frame and estimate a model.

    Raises
    ------
    SpatialInputError
        As the public functions say, which ``options`` holds the keywords of.
    """
    check(specification, options)
    return fit_of(prepare(specification, read(formula, data, w, options), options))


def estimate_design(specification: Specification, columns: Design, options: ModelOptions) -> Fit:
    """Estimate a model of data that ``read`` has aligned before; ``options`` that concern the data hold no more."""
    check(specification, options)
    return fit_of(prepare(specification, columns, options))


def fit_of(reading: Reading) -> Fit:
    """Steps 3 to 5: the model of a reading, estimated by its method."""
    return infer(*ESTIMATORS[reading.settings.method](reading))


def check(specification: Specification, options: ModelOptions) -> None:
    """Refuse options before the work begins.

    Raises
    ------
    SpatialInputError
        E501.
    """
    if not isinstance(options.method, ArellanoBond) and options.method not in (None, *ESTIMATORS):
        check_option("method", options.method, ESTIMATORS)
    options.check(specification)
    if isinstance(options.method, ArellanoBond) or (options.estimator == "gmm" and options.lags is not None):
        checked_dynamic(options)
    elif options.estimator == "ml":
        as_vcov(options.covariance)


def by_likelihood(reading: Reading) -> tuple[Reading, Sample, Solution]:
    """Maximum likelihood, or least squares where the model has no spatial parameter."""
    if reading.settings.effects.random:
        sample, solution, random = random_effects(reading.specification, reading.design, reading.settings)
        return replace(reading, settings=reading.settings.with_(random=random)), sample, solution
    sample = sample_of(reading)
    solution = solve(reading, sample)
    warn_of_variances(reading, sample, solution)
    return reading, sample, solution


def warn_of_variances(reading: Reading, sample: Sample, solution: Solution) -> None:
    """Unequal variances bias rho and lambda by maximum likelihood where they go with the number of neighbors."""
    spec, d = reading.specification, reading.design
    if not (spec.lag or spec.error) or d.is_panel:
        return
    if variance_follows_neighbors(solution, d.weights if spec.lag else d.weights_of_error):
        better = "method='aqs'" if not (spec.lag and spec.error) else "method='gmm' with vcov='robust'"
        warn(f"squared residuals of {spec.name} go with the number of neighbors: maximum likelihood then misses the "
             f"spatial parameters; {better} allows for unequal variances")  # fmt: skip


def by_moments(reading: Reading) -> tuple[Reading, Sample, Solution]:
    """Two-stage least squares, generalised moments of the error, or GMM on past values of a dynamic model."""
    specification, d, settings = reading.specification, reading.design, reading.settings
    if d.lags:
        moments = settings.requested.method
        moments = moments if isinstance(moments, ArellanoBond) else ArellanoBond()
        sample, solution = dynamic_method_of_moments(specification, d, settings.effects, moments)
        d = replace(d, notes=(*d.notes, moments.describe(solution.gmm.instruments)))
        return replace(reading, design=d, settings=settings.with_(vcov="robust")), sample, solution
    refuse_without_theory(specification, d, settings.effects, settings.vcov)
    sample = moment_sample(specification, d, settings.effects)
    return reading, sample, method_of_moments(d, sample, settings.vcov)


def by_adjusted_score(reading: Reading) -> tuple[Reading, Sample, Solution]:
    """The root of a score of the likelihood that was adjusted for the coefficients, or for unequal variances."""
    sample = sample_of(reading)
    solution = solve_adjusted(reading.specification, reading.design, sample, reading.settings.method)
    return reading, sample, solution


ESTIMATORS = {"ml": by_likelihood, "reml": by_adjusted_score, "aqs": by_adjusted_score, "gmm": by_moments}


def sample_of(reading: Reading) -> Sample:
    """Step 3: spatial lags in, fixed effects out."""
    s = reading.settings
    return demeaned_sample(reading.specification, reading.design, s.effects, s.correction, s.logdet)


def solve(reading: Reading, sample: Sample) -> Solution:
    """Step 4: the maximum of the likelihood, corrected for the effects that are still in it."""
    s, d, at = reading.settings, reading.design, maximum_likelihood(sample)
    return without_bias(sample, at, d, s.effects, s.correction) if d.lags or s.correction == "additive" else at


def infer(reading: Reading, sample: Sample, solution: Solution) -> Fit:
    """Step 5: the parameters with their names and covariance."""
    specification, d, settings = reading.specification, reading.design, reading.settings
    refuse_perfect_fit(sample, solution, d.response)
    params, sigma2, df = estimates(specification, d, sample, solution, settings)
    index = _terms((*sample.names, *["rho"] * specification.lag, *["lambda"] * specification.error))
    fit = Fit(
        specification=specification,
        params=pd.Series(np.array(params), index=index, name="estimate", copy=False),
        vcov=NO_COVARIANCE,
        sigma2=sigma2,
        loglik=solution.loglik,
        df_resid=df,
        design=d,
        sample=sample,
        solution=solution,
        settings=settings,
    )
    return with_vcov(fit, settings.vcov)


def estimates(specification: Specification, d: Design, sample: Sample, at: Solution, settings: Settings):
    """(parameters, sigma2, df). Least squares has sigma2 = SSE / df; what is corrected for p has t statistics."""
    params = [*at.beta[: sample.k]] + [at.rho] * specification.lag + [at.lam] * specification.error
    if isinstance(at, Adjusted):
        return params, at.sigma2, at.df
    if settings.random and settings.random.by_likelihood:
        return params, at.sigma2, None
    df = d.left(settings.effects) - len(params)
    if specification.lag or specification.error:
        return params, at.sigma2, df if settings.counts_parameters and df > 0 else None
    return params, float(at.resid @ at.resid) / df, df


@lru_cache(maxsize=64)
def _terms(names: tuple[str, ...]) -> pd.Index:
    return pd.Index(names, name="term")
