"""Models with outcomes that are not observed, ``missing="model"``: the process runs on all units of W.

The road is that of ``estimate``: read, prepare, sample, solve, infer; the parts that differ are the files called
``missing``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..covariance.vcov import with_vcov
from ..design.checks import ROUNDING, perfect_fit
from ..design.missing import MissingDesign
from ..design.missing_joint import MissingRegimeDesign, MissingSeveralDesign
from ..design.options import ModelOptions, Settings
from ..design.specification import Specification
from ..solve.missing import missing_maximum
from ..solve.missing_problem import ON_BOUNDARY, MissingProblem
from ..solve.missing_sample import MissingSample, MissingSolution
from ..solve.random_effects import RandomEffects
from ..solve.serial import SerialErrors
from .missing_arrays import missing_sample
from .missing_fit import MissingFit, MissingRegimesFit, MissingSeveralFit
from .missing_reading import read_missing, refuse_data
from .reading import Reading


class OfUnobserved(RandomEffects):
    """Variance components by the likelihood of what is observed."""

    @property
    def by_likelihood(self) -> bool:
        return True


def estimate_missing(specification: Specification, formula: str, data: pd.DataFrame, w, options: ModelOptions):
    """Estimate a model on all units of W from the outcomes that are observed.

    Returns
    -------
    MissingFit, or None where every outcome is observed

    Raises
    ------
    SpatialInputError
        As ``read_missing``; E701, E702, E801.
    """
    reading = read_missing(specification, formula, data, w, options)
    return None if reading is None else fit_missing(reading)


def fit_missing(reading: Reading) -> MissingFit:
    """The model of a reading whose design may have y that is not observed."""
    specification, settings = reading.specification, reading.settings
    d: MissingDesign = reading.design  # type: ignore[assignment]
    refuse_data(specification, d, settings.effects)
    sample = missing_sample(specification, d, settings)
    refuse_exact(sample, sample.at(np.zeros(len(sample.spatial) + 2))[0].errors, d.response)
    at = missing_maximum(sample)
    refuse_exact(sample, at.errors, d.response)
    names = (*sample.names, *sample.spatial)
    df = sample.n - len(names)
    settings = settings.with_(**components_of(sample.problem, at, settings), effects=d.of_seen(settings.effects))
    by_least_squares = not at.slopes.shape[1]
    fit = fit_class(d)(
        specification=specification, sigma2=float(at.errors @ at.errors) / df if by_least_squares else at.sigma2,
        loglik=at.loglik, df_resid=df if df > 0 else None, _terms=pd.Index(names, name="term"),
        _estimates=np.concatenate([at.beta, at.point.rhos, at.point.lams]), _covariance=np.empty((0, 0)), _design=d,
        _sample=sample, _solution=at, _settings=settings,
    )  # fmt: skip
    return with_vcov(fit, settings.vcov)


def components_of(problem: MissingProblem, at: MissingSolution, settings: Settings) -> dict:
    """The variance components and psi of the settings, those that there are."""
    d2, slope = problem.information_of_mean(at.point)
    out: dict = {}
    if problem.random:
        phi = at.point.s**2 if at.point.s > ON_BOUNDARY else 0.0
        process = problem.random if settings.requested.random_error or problem.M else None
        out["random"] = OfUnobserved(phi, at.sigma2, d2, process)
    if problem.serial:
        out["serial"] = SerialErrors(at.point.psi, 1 / at.components[-1, -1], np.zeros(0), d2, slope)
    return out


def fit_class(d: MissingDesign) -> type[MissingFit]:
    """What a fit of this design offers."""
    if isinstance(d, MissingRegimeDesign):
        return MissingRegimesFit
    return MissingSeveralFit if isinstance(d, MissingSeveralDesign) else MissingFit


def refuse_exact(sample: MissingSample, errors: np.ndarray, response: str) -> None:
    """E703 where the errors are rounding errors of the response."""
    if errors @ errors <= ROUNDING**2 * (sample.y @ sample.y):
        raise perfect_fit(response)
