"""Errors that are correlated over time: from aligned data to a solution, pooled or beside unit effects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..design.arrays import Sample
from ..design.design import Design
from ..design.fixed_effects import NO_EFFECTS, FixedEffects
from ..design.gaps import refuse_unbalanced
from ..design.obs_weights import refuse_weighted
from ..design.options import ModelOptions, Settings
from ..design.sample import demeaned_sample
from ..design.specification import Specification
from ..design.unit_rows import UnitRows, links_by_row
from ..solve.ml import Solution, maximum_likelihood
from ..solve.random_effects import RandomEffects
from ..solve.random_ml import Maximum, random_maximum
from ..solve.random_problem import Problem, quasi_demeaned
from ..solve.random_uneven import uneven_problem
from ..solve.serial import (
    SerialErrors,
    filtered_units,
    over_time,
    prais_winsten,
    prais_winsten_of_rows,
    serial_maximum,
    to_unit_means,
)
from .random import error_process, problem_of, solution_of, undemeaned, variances
from .serial_fixed import beside_fixed_effects, refuse_serial_fixed
from .serial_ways import beside_ways

LEAST_PERIODS = 3


def refuse_serial(specification: Specification, d: Design, effects: FixedEffects, options: ModelOptions) -> None:
    """What errors that are correlated over time cannot have beside them.

    Raises
    ------
    SpatialInputError
        E501 an option or effects that do not fit, E206 too few periods, E109 gaps beside effects, E320 W that vary
        beside unit effects, E308 and beside period effects, E540 weights of observations that no likelihood has.
    """
    if not d.is_panel:
        raise SpatialInputError("E501", "serial='ar1' needs a panel", hint="give entity= and time=")
    if effects.fixed:
        refuse_serial_fixed(effects, options)
    needless = {
        "method": (options.method == "aqs", "method='aqs' allows for any correlation over time: leave serial= out"),
        "method ": (options.method not in (None, "ml", "reml", "aqs"), "it needs a likelihood: leave method= out"),
        "lags": (options.lags is not None, "a dynamic model takes errors without it: leave lags= out"),
    }
    for name, (fails, hint) in needless.items():
        if fails:
            raise SpatialInputError("E501", f"serial='ar1' does not go with {name.strip()}=", hint=hint)
    if d.n_periods < LEAST_PERIODS:
        raise SpatialInputError("E206", f"serial='ar1' needs at least {LEAST_PERIODS} periods, got {d.n_periods}",
                                n=d.n_periods, hint="use a longer panel")  # fmt: skip
    _refuse_weights(d, effects, options)
    if effects:
        refuse_unbalanced(d.observed, f"serial='ar1' beside {effects} effects")
    _refuse_varying(specification, d, effects, options)


def _refuse_weights(d: Design, effects: FixedEffects, options: ModelOptions) -> None:
    """E540 sampling weights, which make no likelihood, and weights that change over time where effects leave by a
    transformation, or a spatial error turns them: these are then of no unit or period alone."""
    w = d.obs_weights
    if effects.ways:
        refuse_weighted(w, f"serial='ar1' beside effects of {effects}", "leave one of the two out")
    if w is not None and w.sampling:
        refuse_weighted(w, "serial='ar1' with sampling weights", "vcov='cluster' without serial=")
    if w is not None and not w.fixed and (effects.fixed or options.random_error == "baltagi"):
        kind = "random_error='baltagi'" if effects.random else f"{effects} effects"
        refuse_weighted(w, f"serial='ar1' beside {kind} and weights that change over time",
                        "one weight for each unit, random effects inside the spatial error, or none")


def _refuse_varying(specification: Specification, d: Design, effects: FixedEffects, options: ModelOptions) -> None:
    """E320 unit effects, random ones beside the error too, and E308 period effects under rows that do not sum to one:
    under W that vary they do not leave by a transformation that is the same for every psi."""
    used = [d.weights] * (specification.lag or specification.durbin) + [d.weights_of_error] * specification.error
    if options.random_error == "baltagi":
        refuse_varying(d.weights_of_error, "serial='ar1' with random_error='baltagi'")
    for weights in used:
        if effects.entity or effects.ways:
            refuse_varying(weights, f"serial='ar1' beside {effects} effects")
        if effects.time and weights.varies and not weights.rows_sum_to_one:
            message = f"serial='ar1' beside {effects} effects needs weights that vary to have rows that all sum to one"
            raise SpatialInputError("E308", message, ids=weights.islands,
                                    hint="effects='none', with C(year) in the formula")  # fmt: skip


def serial_errors(
    specification: Specification, d: Design, settings: Settings
) -> tuple[Sample, Solution, RandomEffects | None, SerialErrors]:
    """The sample of independent errors, the solution, the variance components and psi."""
    if settings.effects.random:
        return _beside_unit_effects(specification, d, settings)
    if settings.effects.ways:
        return beside_ways(specification, d, settings)
    if settings.effects.fixed:
        return beside_fixed_effects(specification, d, settings)
    raw = demeaned_sample(specification, d, NO_EFFECTS, True, settings.logdet)
    T, present = d.n_periods, _present(specification)

    def at(psi: float) -> tuple[Sample, Solution]:
        K = prais_winsten(psi, T) if d.observed is None else prais_winsten_of_rows(psi, d.observed)
        added = gain(psi, d.n_units) if d.observed is None else float(np.log(K.diagonal()).sum())
        sample = over_time(raw, K)
        solution = maximum_likelihood(sample)
        return sample, replace(solution, loglik=solution.loglik + added)

    def profile(psi: float) -> tuple[float, np.ndarray]:
        _, s = at(psi)
        return s.loglik, np.array([*s.beta, *np.array([s.rho, s.lam])[present], s.sigma2])

    serial = serial_maximum(profile, T)
    return *at(serial.psi), None, serial


def gain(psi: float, n_units: int) -> float:
    """ln|P| of all units: what ln L gains from independent periods."""
    return n_units / 2 * np.log1p(-(psi**2))


def _beside_unit_effects(specification: Specification, d: Design, settings: Settings):
    """Unit effects are c mu once the periods are independent; H makes c a multiple of 1, and turns back afterwards."""
    T, present = d.n_periods, _present(specification)
    raw, _, phi = undemeaned(specification, d, settings)

    if d.obs_weights is not None:
        return _beside_weighted_effects(specification, d, settings, raw, phi)

    def at(psi: float) -> tuple[Sample, np.ndarray, Problem, Maximum]:
        P = prais_winsten(psi, T)
        H, d2 = to_unit_means(P.sum(axis=1)), np.sum(P.sum(axis=1) ** 2)
        sample = over_time(raw, H @ P)
        problem = problem_of(specification, d, settings, sample, np.log1p(d2 * phi))
        return sample, H, problem, random_maximum(problem, d2 * phi / T)

    def profile(psi: float) -> tuple[float, np.ndarray]:
        *_, best = at(psi)
        theta = [*best.beta, *best.point[:2][present], best.sigma2, best.point[2]]
        return best.loglik + gain(psi, d.n_units), np.array(theta)

    serial = serial_maximum(profile, T)
    sample, H, problem, best = at(serial.psi)
    sample = over_time(quasi_demeaned(sample, T, problem, best.point), H)
    solution = _with_gain(solution_of(best, sample), serial.psi, d.n_units)
    return sample, solution, variances(specification, settings, problem, best, serial.d2), serial


def _beside_weighted_effects(specification: Specification, d: Design, settings: Settings, raw: Sample, phi: float):
    """The same with weights of observations, by which the effects of units have directions c_i of their own: P times
    the roots of the weights, over the periods."""
    T, present, units = d.n_periods, _present(specification), UnitRows.of(d)
    M = links_by_row(d) if error_process(specification, settings) == "baltagi" else None

    def at(psi: float) -> tuple[Sample, Problem, Maximum]:
        sample = over_time(raw, prais_winsten(psi, T))
        own = filtered_units(units, psi, T)
        problem = uneven_problem(sample, own, phi, M)
        return sample, problem, random_maximum(problem, phi)

    def profile(psi: float) -> tuple[float, np.ndarray]:
        *_, best = at(psi)
        theta = [*best.beta, *best.point[:2][present], best.sigma2, best.point[2]]
        return best.loglik + gain(psi, d.n_units), np.array(theta)

    serial = serial_maximum(profile, T, d2=lambda psi: filtered_units(units, psi, T).mean_count)
    sample, problem, best = at(serial.psi)
    sample = quasi_demeaned(sample, T, problem, best.point)
    solution = _with_gain(solution_of(best, sample), serial.psi, d.n_units)
    return sample, solution, variances(specification, settings, problem, best, serial.d2), serial


def _present(specification: Specification) -> np.ndarray:
    """Which of (rho, lambda) the model has."""
    return np.array([specification.lag, specification.error])


def _with_gain(at: Solution, psi: float, n_units: int) -> Solution:
    return Solution(at.beta, at.rho, at.lam, at.sigma2, at.loglik + gain(psi, n_units), at.resid)
