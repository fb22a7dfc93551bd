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
from ..design.checks import fits_exactly, refuse_perfect_fit
from ..design.design import Design
from ..design.moment_settings import Moments
from ..design.options import ModelOptions, Settings
from ..design.sample import demeaned_sample
from ..design.specification import Specification
from ..records.limits import LIMITS
from ..solve.carried_effects import maximum_of
from ..solve.ml import Solution
from ..solve.reml import Adjusted
from .adjusted import solve_adjusted
from .dynamic import without_bias
from .dynamic_moments import ArellanoBond, checked_dynamic, past_moments
from .fit import Fit
from .missing import estimate_missing
from .moments import method_of_moments, moment_sample, refuse_without_theory
from .path_through_w import warn_of_path
from .random import random_effects, random_effects_by_moments
from .reading import Reading, prepare, read
from .regimes import maximum_by_regime, moments_by_regime, read_regimes, refuse_here, with_regimes
from .serial import serial_errors
from .serial_adjusted import restricted_serial
from .several import estimate_several

NO_COVARIANCE = np.empty((0, 0))
CRITICAL = 6.634896601021213  # of chi2(1) at 1 %: squared residuals follow the number of neighbors


def estimate(specification: Specification, formula: str, data: pd.DataFrame, w, options: ModelOptions) -> Fit:
    """Read a frame and estimate a model.

    Raises
    ------
    SpatialInputError
        As the public functions say, which ``options`` holds the keywords of.
    """
    if options.missing == "model":
        fit = estimate_missing(specification, formula, data, w, options)
        if fit is not None:
            return fit
        options = replace(options, missing="error")
    if options.several(w):
        w = w[0] if isinstance(w, list | tuple) and len(w) == 1 else w
        if options.several(w):
            return estimate_several(specification, formula, data, w, options)
    if options.regimes is not None:
        return estimate_regimes(specification, formula, data, w, options)
    check(specification, options)
    return fit_of(prepare(specification, read(formula, data, w, options), options))


def estimate_regimes(specification: Specification, formula: str, data: pd.DataFrame, w, options: ModelOptions) -> Fit:
    """Coefficients alone by regime are those of more columns; rho, lambda and sigma2 have a likelihood of their own."""
    reading = read_regimes(specification, formula, data, w, options)
    if not reading.design.split.regimes.spatial:  # type: ignore[attr-defined]
        return with_regimes(fit_of(reading))
    if reading.settings.method == "gmm":
        return moments_by_regime(*by_moments(reading))  # type: ignore[arg-type]
    return maximum_by_regime(reading, maximum)


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
    refuse_here(options.regimes)
    if not isinstance(options.method, ArellanoBond | Moments) and options.method not in (None, *ESTIMATORS):
        check_option("method", options.method, ESTIMATORS)
    options.check(specification)
    if isinstance(options.method, ArellanoBond) or (options.estimator == "gmm" and options.lags is not None):
        checked_dynamic(specification, options)
    elif options.estimator == "ml":
        as_vcov(options.covariance)


def by_likelihood(reading: Reading) -> tuple[Reading, Sample, Solution]:
    """Maximum likelihood, or least squares where the model has no spatial parameter."""
    if reading.settings.requested.serial:
        sample, solution, random, serial = serial_errors(reading.specification, reading.design, reading.settings)
        return replace(reading, settings=reading.settings.with_(random=random, serial=serial)), sample, solution
    if reading.settings.effects.random:
        sample, solution, random = random_effects(reading.specification, reading.design, reading.settings)
        return replace(reading, settings=reading.settings.with_(random=random)), sample, solution
    sample, solution = maximum(reading)
    warn_of_variances(reading, solution)
    warn_of_path(reading, solution)
    return reading, sample, solution


def maximum(reading: Reading) -> tuple[Sample, Solution]:
    """Steps 3 and 4: spatial lags in, fixed effects out; then the maximum of the likelihood, corrected for the effects
    that are still in it."""
    specification, d, s = reading.specification, reading.design, reading.settings
    sample, at = maximum_of(specification, d, s.effects, s.correction, s.logdet)
    if d.obs_weights is not None and d.obs_weights.sampling:
        at = replace(at, loglik=float("nan"))  # sampling weights make no likelihood
    if d.lags or (s.correction == "additive" and sample.parts):  # least squares counts its degrees of freedom itself
        at = without_bias(sample, at, d, s)
    return sample, at


def warn_of_variances(reading: Reading, solution: Solution) -> None:
    """Unequal variances bias rho and lambda by maximum likelihood where they go with the number of neighbors: where
    squared residuals do, of a panel their means by unit.

    n r^2 is Koenker's (1981, J. Econometrics 17:107-112) statistic with one regressor; it needs no normal errors.
    """
    spec, d = reading.specification, reading.design
    if not (spec.lag or spec.error) or d.lags or d.varies or d.observed is not None:
        return
    if spec.lag and spec.error and d.is_panel:
        return
    T, N = d.y.shape
    neighbors = np.diff((d.weights if spec.lag else d.weights_of_error).csr.indptr)
    squares = np.add.reduce((solution.resid**2).reshape(T, N) / (T * solution.sigma2))
    apart, spread = neighbors - neighbors.sum() / N, squares - squares.sum() / N
    if (apart @ spread) ** 2 * N > CRITICAL * (apart @ apart) * (spread @ spread):
        better = "method='aqs'" if not (spec.lag and spec.error) else "method='gmm' with vcov='robust'"
        warn(f"{spec.name}: {LIMITS['unequal variances']}; {better} allows for unequal variances")


def by_moments(reading: Reading) -> tuple[Reading, Sample, Solution]:
    """Two-stage least squares, generalised moments of the error, or GMM on past values of a dynamic model."""
    specification, d, settings = reading.specification, reading.design, reading.settings
    if d.lags:
        d, sample, solution, settings = past_moments(specification, d, settings, reading.columns)
        return replace(reading, design=d, settings=settings), sample, solution
    refuse_without_theory(specification, d, settings.effects, settings.vcov)
    if settings.effects.random:
        quasi_demeaned, at, random = random_effects_by_moments(specification, d, settings)
        return replace(reading, settings=settings.with_(random=random)), quasi_demeaned, at
    usual = settings.requested.moments
    within = moment_sample(specification, d, settings.effects, usual)
    estimated = method_of_moments(d, within, settings.vcov, usual)
    warn_of_path(reading, estimated[1])
    return reading, *estimated


def by_adjusted_score(reading: Reading) -> tuple[Reading, Sample, Solution]:
    """The root of a score of the likelihood that was adjusted for the coefficients, or for unequal variances."""
    specification, d, s = reading.specification, reading.design, reading.settings
    if s.requested.serial:
        filtered, root, serial = restricted_serial(specification, d, s)
        return replace(reading, settings=s.with_(serial=serial)), filtered, root
    sample = demeaned_sample(specification, d, s.effects, s.correction, s.logdet)
    solution = solve_adjusted(specification, d, sample, s)
    warn_of_path(reading, solution)
    return reading, sample, solution


ESTIMATORS = {"ml": by_likelihood, "reml": by_adjusted_score, "aqs": by_adjusted_score, "gmm": by_moments}


def infer(reading: Reading, sample: Sample, solution: Solution) -> Fit:
    """Step 5: the parameters with their names and covariance."""
    specification, d, settings = reading.specification, reading.design, reading.settings
    if specification.lag or specification.error or settings.random or settings.method == "gmm":
        refuse_perfect_fit(sample, solution, d.response)
    elif fits_exactly(sample, solution):
        note = "no residual variance is left: standard errors are withheld"
        warn(f"the regressors reproduce {d.response!r} exactly: {note}")
        d = replace(d, notes=(*d.notes, note))
    values, sigma2, df = estimates(specification, d, sample, solution, settings)
    fit = Fit(
        specification=specification,
        sigma2=sigma2,
        loglik=solution.loglik,
        df_resid=df,
        _terms=_terms((*sample.names, *["rho"] * specification.lag, *["lambda"] * specification.error)),
        _estimates=values,
        _covariance=NO_COVARIANCE,
        _design=d,
        _sample=sample,
        _solution=solution,
        _settings=settings,
    )
    return with_vcov(fit, settings.vcov)


def estimates(specification: Specification, d: Design, sample: Sample, at: Solution, settings: Settings):
    """(parameters, sigma2, df). Least squares has sigma2 = SSE / df; what is corrected for p has t statistics."""
    spatial = [at.rho] * specification.lag + [at.lam] * specification.error
    params = np.concatenate([at.beta[: sample.X.shape[1] - sample.dummies], spatial])
    if isinstance(at, Adjusted):
        return params, at.sigma2, at.df
    if settings.serial or (settings.random and settings.random.by_likelihood):
        return params, at.sigma2, None
    df = d.left(settings.effects) - len(params)
    if spatial:
        return params, at.sigma2, df if settings.counts_parameters and df > 0 else None
    return params, float(at.resid @ at.resid) / df, df


@lru_cache(maxsize=64)
def _terms(names: tuple[str, ...]) -> pd.Index:
    return pd.Index(names, name="term")
