"""Random unit effects: from aligned data to a solution, by Swamy and Arora's moments or by maximum likelihood."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..covariance.random import refuse_for_random
from ..covariance.vcov import as_vcov
from ..design.arrays import Sample
from ..design.design import Design
from ..design.fixed_effects import NO_EFFECTS, FixedEffects
from ..design.options import ModelOptions, Settings
from ..design.sample import demeaned_sample
from ..design.several import weights_of_error
from ..design.specification import Specification
from ..design.unit_rows import UnitRows, links_by_row
from ..logdet import logdet
from ..solve.gmm import MomentSample, MomentSolution
from ..solve.gmm_random import random_moments, uneven_moments
from ..solve.ml import Solution, maximum_likelihood, residuals
from ..solve.random import swamy_arora, swamy_arora_uneven
from ..solve.random_effects import RandomEffects
from ..solve.random_ml import Maximum, random_maximum
from ..solve.random_problem import Problem, quasi_demeaned, random_problem
from ..solve.random_uneven import uneven_problem
from .correlated import moments_with_unit_means, with_unit_means
from .moments import moment_sample

DENSE_MAX = 5_000


def refuse_random(specification: Specification, d: Design, effects: FixedEffects, options: ModelOptions) -> None:
    """Options that random effects do not have, and those that only they have.

    Raises
    ------
    SpatialInputError
        E501 an option that does not fit, E309 too many units for effects beside a spatial error, E715 a covariance
        that is not there.
    """
    error = options.random_error
    if not effects.random:
        if error is not None:
            message = f"random_error={error!r} belongs to random effects, not to {effects.name!r}"
            raise SpatialInputError("E501", message, hint="effects='random'")
        return
    if options.estimator == "gmm":
        _refuse_for_moments(options)
        return
    if not by_likelihood(specification, options.method):
        return
    if options.correction is not True:
        message = f"correction={options.correction!r} corrects for fixed effects: random ones need none"
        raise SpatialInputError("E501", message, hint="choose other options, or effects='entity'")
    refuse_for_random(error, as_vcov(options.covariance))
    if error == "baltagi" and d.n_units > DENSE_MAX:
        raise SpatialInputError("E309", f"random_error='baltagi' needs dense {d.n_units:,} x {d.n_units:,} matrices",
                                n=d.n_units, hint="random_error='kkp' has no such limit")  # fmt: skip


def _refuse_for_moments(options: ModelOptions) -> None:
    if options.random_error == "baltagi":
        raise SpatialInputError("E501", "moments have unit effects inside the spatial error: random_error='baltagi' "
                                "needs the likelihood", hint="random_error='kkp', or method='ml'")  # fmt: skip


def random_effects_by_moments(
    specification: Specification, d: Design, settings: Settings
) -> tuple[MomentSample, MomentSolution, RandomEffects]:
    """The same by moments: regressors may be endogenous."""
    raw, effects = moment_sample(specification, d, NO_EFFECTS, settings.requested.moments), settings.effects
    follow = effects.random != "random"
    if follow:
        raw = moments_with_unit_means(raw, d, effects)
    if d.observed is not None:
        best = uneven_moments(raw, UnitRows.of(d), follow=follow)
        return best.sample, best.solution, RandomEffects(best.phi, best.sigma2, d.nobs / d.n_units)
    interval = logdet(refuse_varying(weights_of_error(d), "method='gmm'")).interval if specification.error else None
    best = random_moments(raw, d.n_periods, interval, settings.requested.moments, follow=follow)
    error = "kkp" if specification.error else None
    return best.sample, best.solution, RandomEffects(best.phi, best.sigma2, d.n_periods, error)


def by_likelihood(specification: Specification, method: object) -> bool:
    """Regressions have Swamy and Arora's estimator unless maximum likelihood is asked for."""
    return specification.lag or specification.error or method == "ml"


def random_effects(
    specification: Specification, d: Design, settings: Settings
) -> tuple[Sample, Solution, RandomEffects]:
    """The quasi-demeaned sample, the solution and the variance components."""
    raw, sigma2, phi = undemeaned(specification, d, settings)
    T, counts = d.n_periods, UnitRows.of(d).mean_count if d.obs_weights is not None else d.nobs / d.n_units
    kappa = np.log1p(counts * phi)
    problem = problem_of(specification, d, settings, raw, kappa)
    if not by_likelihood(specification, settings.requested.method):
        sample = quasi_demeaned(raw, T, problem, np.array([0.0, 0.0, kappa]))
        at = maximum_likelihood(sample)
        loglik = at.loglik - problem.means.expand(0.0, kappa).D / 2
        return sample, Solution(at.beta, 0.0, 0.0, at.sigma2, loglik, at.resid), RandomEffects(phi, sigma2, counts)
    best = random_maximum(problem, phi)
    sample = quasi_demeaned(raw, T, problem, best.point)
    return sample, solution_of(best, sample), variances(specification, settings, problem, best, counts)


def undemeaned(specification: Specification, d: Design, settings: Settings) -> tuple[Sample, float, float]:
    """The sample with what the unit effects follow among its regressors, and Swamy and Arora's sigma2_e and phi."""
    raw = demeaned_sample(specification, d, NO_EFFECTS, True, settings.logdet)
    if settings.effects.random != "random":
        raw = with_unit_means(raw, d, settings.effects)
    if d.observed is not None or d.obs_weights is not None:
        return raw, *swamy_arora_uneven(raw.y, raw.X, UnitRows.of(d))
    return raw, *swamy_arora(d.y, raw.X.reshape(*d.y.shape, -1))


def error_process(specification: Specification, settings: Settings) -> str | None:
    """Whether unit effects are inside the spatial error, "kkp", or beside it, "baltagi"; None without one."""
    return (settings.requested.random_error or "kkp") if specification.error else None


def problem_of(specification: Specification, d: Design, settings: Settings, raw: Sample, kappa: float) -> Problem:
    """The cross-products of the likelihood; ``kappa`` is a guess."""
    beside = error_process(specification, settings) == "baltagi"
    if d.observed is not None or d.obs_weights is not None or (beside and d.weights_of_error.varies):
        units = UnitRows.of(d)
        M = links_by_row(d) if beside else None
        return uneven_problem(raw, units, float(np.expm1(kappa)) / units.mean_count, M)
    return random_problem(raw, d.n_periods, 1 - np.exp(-kappa / 2), d.weights_of_error.csr if beside else None)


def solution_of(best: Maximum, sample: Sample) -> Solution:
    """At a maximum with random effects; ``sample`` is quasi-demeaned."""
    rho, lam, _ = map(float, best.point)
    e = residuals(sample, best.beta, rho, lam)
    return Solution(best.beta, rho, lam, best.sigma2, best.loglik + sample.log_weights, e)


def variances(
    specification: Specification, settings: Settings, problem: Problem, best: Maximum, d2: float
) -> RandomEffects:
    """The variance components at a maximum."""
    phi = float(np.expm1(best.point[2])) / d2
    return RandomEffects(phi, best.sigma2, d2, error_process(specification, settings), problem, best)
