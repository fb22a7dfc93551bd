"""Hausman's test of fixed against random effects, of regressions and of spatial models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from ..covariance.information import DENSE_MAX, expected
from ..covariance.random import by_random_ml
from ..covariance.vcov import with_vcov
from ..design.arrays import Sample
from ..design.checks import refuse_psi
from ..design.fixed_effects import UNIT_EFFECTS
from ..logdet import Jacobian
from ..records.fit import FitRecord
from ..records.missing import MissingRecord
from ..records.tests import TestResult
from ..solve.ml import Solution
from .robust_hausman import robust_hausman


def hausman(fixed: FitRecord, random: FitRecord) -> TestResult:
    """Hausman test of fixed against random effects: (b_F - b_R)' [V_F - V_R]^-1 (b_F - b_R).

    Parameters
    ----------
    fixed, random : FitRecord
        The same model with ``effects="entity"`` (or "twoway") and with ``effects="random"``. b holds all
        coefficients that both have, rho and lambda among them.

    Notes
    -----
    Hausman (1978, Econometrica 46:1251-1271), eq. 3.7; for spatial models Elhorst (2014), section 3.3.4.

    V_F - V_R is small beside the error in each. For spatial models by maximum likelihood both are therefore expected
    informations at the same parameters, those of the random effects, which are efficient under the null: I_w of the
    deviations from unit means and I_b of the means,

        V_F = I_w^-1,    V_R = (I_w + I_b)^-1,

    so that V_F - V_R is positive definite. With each fit's own observed information the test at 5 % rejects 25 to 40 %
    of true nulls at N = 48, T = 8, this one 5 to 7 % (SEM 10 %). That needs one W for all periods, up to 5,000 units
    and unit effects inside a spatial error. Where W varies over time, as with gaps, the answer is the regression form
    with one variance: of a SAR it rejects 4 to 5 % (N = 48, 3 to 8 periods), the difference of the fits' covariances
    15 %. Otherwise each fit has its own covariance. The difference of those need not be positive definite; the
    quadratic form, which can then be negative, decides nothing, and the answer is that of ``robust_hausman``, an F: the
    null says so. Where that test does not exist either, statistic and p-value are NaN.

    A regression has two estimates of one error variance there, and chi2 does not count its units: the quadratic form
    rejects 7 to 12 % of true nulls at 5 % (N = 20 to 48). The answer is therefore the regression
    form with one variance, F(q, N - p) (Hausman & Taylor 1981, Econometrica 49:1377-1398; Arellano 1993), which
    rejects 3 to 6 %. With ``correction=False`` it is the quadratic form, as in plm and Stata.
    """
    refuse_psi(random, "hausman", "sp.mundlak_test(fit) of a fit with effects='correlated'")
    if isinstance(fixed, MissingRecord) or isinstance(random, MissingRecord):
        raise SpatialInputError("E325", "hausman is not there for a model with outcomes that are not observed",
                                hint="sp.mundlak_test(fit) of a fit with effects='correlated'")  # fmt: skip
    if random._settings.effects.random != "random" or not fixed._settings.effects.entity:
        raise SpatialInputError("E501", "hausman needs a fixed-effects fit and a random-effects fit, in this order",
                                hint="sp.hausman(fixed, random)")
    same = np.array_equal(fixed._design.y, random._design.y, equal_nan=True)
    if fixed.specification != random.specification or not same:
        raise SpatialInputError("E501", "hausman compares fixed and random effects of one model on the same data",
                                hint="estimate both on the same formula, data and weights")
    if _under_moving_weights(fixed):
        null = "the effects are uncorrelated with the regressors (by regression: W varies over time)"
        return replace(robust_hausman(fixed, vcov="oim"), name="Hausman", null=null)
    common = [name for name in fixed.params.index if name in random.params.index]
    difference = (fixed.params[common] - random.params[common]).to_numpy()
    V = (_at_the_same_parameters if _has_expected(fixed, random) else _at_their_own)(fixed, random, common)
    null = "the effects are uncorrelated with the regressors"
    scale = 1 / np.sqrt(np.abs(np.diag(V)))
    if (np.linalg.eigvalsh(V * np.outer(scale, scale)) > 0).all():
        if _has_regression_form(fixed):
            return replace(robust_hausman(fixed, vcov="oim"), name="Hausman", null=null)
        return TestResult("Hausman", float(difference @ np.linalg.solve(V, difference)), len(common), null)
    null += " (by regression: V_F - V_R is not positive definite)"
    try:
        return replace(robust_hausman(fixed), name="Hausman", null=null)
    except SpatialInputError:
        return TestResult("Hausman", float("nan"), len(common), null)


def _has_expected(fixed: FitRecord, random: FitRecord) -> bool:
    d, spec = random._design, random.specification
    return (
        (spec.lag or spec.error)
        and by_random_ml(random)
        and random._settings.random.error != "baltagi"
        and fixed._settings.correction is True
        and not (fixed._sample.dummies or d.varies or d.obs_weights is not None)
        and d.n_units <= DENSE_MAX
    )


def _under_moving_weights(fixed: FitRecord) -> bool:
    """Spatial models have no expected informations to compare where W varies over time, as it does with gaps."""
    spec, s = fixed.specification, fixed._settings
    return (spec.lag or spec.error) and fixed._design.varies and s.correction is True and s.method == "ml"


def _has_regression_form(fixed: FitRecord) -> bool:
    spec, s = fixed.specification, fixed._settings
    return not (spec.lag or spec.error) and s.correction is True and s.method == "ml"


def _at_their_own(fixed: FitRecord, random: FitRecord, common: list[str]) -> np.ndarray:
    """V_F - V_R of the two fits; robust covariances have no such difference."""
    fixed, random = with_vcov(fixed, "oim"), with_vcov(random, "oim")
    return (fixed.vcov.loc[common, common] - random.vcov.loc[common, common]).to_numpy()


def _at_the_same_parameters(fixed: FitRecord, random: FitRecord, common: list[str]) -> np.ndarray:
    """V_F - V_R from expected informations at the random-effects estimates."""
    sample, (T, N) = random._sample, random._design.y.shape
    between = _changed(sample, lambda v: np.sqrt(T) * v.reshape(T, N, -1).mean(axis=0).reshape(N, *v.shape[1:]), 1, N)
    within = _changed(sample, lambda v: UNIT_EFFECTS.demean(v.reshape(T, N, -1)).reshape(v.shape), T - 1, N * (T - 1))
    I_w, I_b = (_information(part, random, random, common) for part in (within, between))
    I_f = I_w if not fixed._settings.effects.time else _information(fixed._sample, random, fixed, common)
    return np.linalg.inv(I_f) - np.linalg.inv(I_w + I_b)


def _information(sample: Sample, random: FitRecord, of: FitRecord, common: list[str]) -> np.ndarray:
    """That of the common parameters, all others concentrated out; quasi-demeaned means have the errors' variance."""
    terms = [name for name in of.params.index if name not in ("rho", "lambda")]
    at = Solution(random.params[terms].to_numpy(), random.rho, random.lam, random.sigma2, 0.0, sample.y)
    d = random._design
    full = expected(sample, at, d.weights.csr, d.weights_of_error.csr)
    kept = np.zeros(len(full), dtype=bool)
    kept[of.params.index.get_indexer(pd.Index(common))] = True
    others = np.linalg.pinv(full[np.ix_(~kept, ~kept)], hermitian=True)
    return full[np.ix_(kept, kept)] - full[np.ix_(kept, ~kept)] @ others @ full[np.ix_(~kept, kept)]


def _changed(sample: Sample, change, periods: int, n: int) -> Sample:
    """Another part of the data, with the determinants of so many periods."""
    columns = ("y", "X", "Wy", "My", "MX", "MWy")
    new = {name: change(getattr(sample, name)) for name in columns if getattr(sample, name) is not None}
    for name in ("lag", "error"):
        if (part := getattr(sample, name)) is not None:
            new[name] = Jacobian(part.logdet, periods)
    return replace(sample, n=n, **new)
