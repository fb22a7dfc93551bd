"""Random effects and errors that are correlated over time beside several rho, lambda or sigma2: from a design of
several W, or by regime, to a maximum."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample
from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.obs_weights import refuse_weighted
from ..design.options import ModelOptions, Settings
from ..design.regimes import RegimeDesign
from ..design.regimes_sample import regime_arrays, regime_determinants
from ..design.several import SeveralDesign, least_squares_sample, several_arrays, several_determinants
from ..design.specification import Specification
from ..design.unit_rows import UnitRows
from ..solve.composed import Peak, SeveralSerial, composed_maximum, information_of_levels
from ..solve.composed_problem import Composed
from ..solve.ml import Solution, maximum_likelihood
from ..solve.random import swamy_arora_uneven
from ..solve.random_effects import RandomEffects
from ..solve.regimes_problem import RegimeSample
from ..solve.several import SeveralSolution
from .random import by_likelihood, error_process, refuse_random
from .regimes_effects import estimated_effects
from .serial import refuse_serial


@dataclass(frozen=True, eq=False)
class SeveralRandomEffects(RandomEffects):
    """The variance components beside several rho, lambda or sigma2, by maximum likelihood.

    Attributes
    ----------
    levels : ndarray
        -d2 ln L of (beta, rho, lambda, sigma2 ..., kappa); without kappa where phi = 0 bounds it.
    """

    levels: np.ndarray = field(kw_only=True, repr=False)

    @property
    def by_likelihood(self) -> bool:
        return True

    @property
    def information(self) -> np.ndarray:  # type: ignore[override]
        return self.levels


def refuse_composed(specification: Specification, d: Design, effects: FixedEffects, options: ModelOptions) -> None:
    """What random effects and serial correlation cannot have beside them.

    Raises
    ------
    SpatialInputError
        E320 period effects under W that vary, E501 unit effects beside the spatial error, E540 weights of observations;
        else as with one rho.
    """
    if effects.random or options.random_error is not None:
        refuse_random(specification, d, effects, options)
    if options.random_error == "baltagi":
        raise SpatialInputError("E501", "random_error='baltagi' is there for one lambda and sigma2",
                                hint="random_error='kkp': unit effects inside the spatial error")  # fmt: skip
    if options.serial is not None and options.estimator == "reml":
        raise SpatialInputError("E501", "serial='ar1' with method='reml' is there for one rho and lambda",
                                hint="method='ml'")  # fmt: skip
    if options.serial is not None:
        effects.refuse_ways("serial='ar1' beside several W, or rho, lambda or sigma2 by regime",
                            "one W and one rho, or effects of unit and period alone")  # fmt: skip
        refuse_serial(specification, d, effects, options)
        if effects.time and d.varies and (specification.lag or specification.error):
            message = "serial='ar1' beside period effects and several rho, lambda or sigma2 needs W that do not vary"
            raise SpatialInputError("E320", message, hint="effects='none' and C(year) in the formula, or w.mean()")
    if options.estimator == "gmm":
        return
    refuse_weighted(d.obs_weights, "random effects or serial= beside several W, or rho, lambda or sigma2 by regime",
                    "leave obs_weights= out, or one W and one rho")  # fmt: skip


def composed_sample_and_maximum(
    specification: Specification, d: SeveralDesign | RegimeDesign, settings: Settings
) -> tuple[RegimeSample, SeveralSolution, Settings]:
    """The white rows, the maximum, and the settings with the variance components and psi."""
    composed = composed_of(specification, d, settings.effects, settings.requested.serial is not None)
    peak, serial = composed_maximum(composed)
    solution = replace(peak.solution, loglik=peak.value)
    random = _components(specification, settings, peak, serial) if settings.effects.random else None
    return peak.sample, solution, settings.with_(random=random, serial=serial)


def composed_of_several(
    specification: Specification, d: SeveralDesign, settings: Settings
) -> tuple[Sample | RegimeSample, Solution, Settings]:
    """The same of several W; regressions have Swamy and Arora's estimator unless ``method="ml"``."""
    requested = settings.requested
    if requested.serial is not None or by_likelihood(specification, requested.method):
        return composed_sample_and_maximum(specification, d, settings)
    sample, units = least_squares_sample(several_arrays(d, settings.effects, True)), UnitRows.of(d)
    sigma2, phi = swamy_arora_uneven(sample.y, sample.X, units)
    quasi = [units.less(values, 1 - 1 / np.sqrt(1 + units.counts * phi)) for values in (sample.y, sample.X)]
    sample = replace(sample, y=quasi[0], X=quasi[1], factors=None)
    at = maximum_likelihood(sample)
    at = replace(at, loglik=at.loglik - float(np.log1p(units.counts * phi).sum()) / 2)
    return sample, at, settings.with_(random=RandomEffects(phi, sigma2, units.mean_count))


def composed_of(
    specification: Specification, d: SeveralDesign | RegimeDesign, effects: FixedEffects, serial: bool
) -> Composed:
    """The likelihood's arrays with unit effects in them."""
    if isinstance(d, SeveralDesign) and not (isinstance(d, RegimeDesign) and d.spatial_regimes):
        arrays = several_arrays(d, effects, True, units_stay=True)
        parts, periods = several_determinants(d, effects, True), None
        m = len(arrays["y"])
        plain = {"absorbed": np.empty((0, 0)), "groups": np.zeros(m, dtype=int), "sizes": np.array([float(m)])}
        arrays = plain | arrays
    else:
        arrays = regime_arrays(specification, d, effects, True, units_stay=True)  # type: ignore[arg-type]
        parts = regime_determinants(specification, d, effects, True)  # type: ignore[arg-type]
        periods = estimated_effects(d, effects, True, arrays, parts)
    raw = RegimeSample(**arrays, **parts, periods=periods)
    kind = "random" if effects.random else "fixed" if effects.entity else None
    return Composed(raw, UnitRows.of(d), d.observed, d.n_periods, kind, serial, d.n_units - effects.time)


def _components(
    specification: Specification, settings: Settings, peak: Peak, serial: SeveralSerial | None
) -> SeveralRandomEffects:
    """phi, sigma2_e and the information of both."""
    d2 = peak.d2 if serial is None else serial.d2
    return SeveralRandomEffects(
        float(np.expm1(peak.kappa)) / d2, peak.solution.sigma2, d2, error_process(specification, settings),
        levels=information_of_levels(peak.solution),
    )  # fmt: skip
