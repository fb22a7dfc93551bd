"""Chow tests of a model with regimes: are coefficients the same in all of them?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.provenance import made_from

from ..covariance.joint import wald
from ..covariance.kinds import Information, lost_freedom
from ..covariance.several import covariance_of_variances
from ..covariance.vcov import covariance_of, wald_of
from ..design.design import INTERCEPT
from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.tests import TestResult, TestTable

JOINT = "all"


@dataclass(frozen=True, eq=False)
class ChowTest(TestTable):
    """Chow tests of a fit with regimes: of each coefficient, and of ``all`` together.

    Attributes
    ----------
    title : str
    results : tuple of TestResult
        "all", then each term whose coefficients differ, rho, lambda and sigma2: ``chow["x"]``.
    note : str
    fit : RegimesFit
    """

    fit: RegimesRecord = field(kw_only=True, repr=False)

    @property
    def joint(self) -> TestResult:
        """All coefficients, rho and lambda together; sigma2 is not among them."""
        return self[JOINT]

    @property
    def p_value(self) -> float:
        """Of ``joint``."""
        return self.joint.p_value


def chow_test(fit: FitRecord) -> ChowTest:
    """Are the coefficients of a model the same in all its regimes?

    Wald tests with the fit's covariance, so that they hold for spatial models and for robust and clustered covariances
    (Anselin 1990): F where the fit has t statistics, else chi2. Of sigma2 the logarithms are compared, chi2.

    Parameters
    ----------
    fit : RegimesFit
        Of a model with ``regimes=``.

    Returns
    -------
    ChowTest
        ``.joint`` of all that differs but sigma2, ``["x"]`` of one term; ``.tidy()``, ``.summary()``, ``.plot()``.

    Raises
    ------
    SpatialInputError
        E501 a fit without regimes, with one regime, or whose regimes share all coefficients; E206 as many restrictions
        as groups of a clustered covariance.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> w = wt.queen(columbus).standardize("row")
    >>> fit = sp.sar("CRIME ~ INC + HOVAL", columbus.assign(side=columbus.CP.map({0: "out", 1: "core"})), w,
    ...              regimes="side")
    >>> print(sp.chow_test(fit)["INC"])
    INC: F(1, 42) = 1.474, p = 0.2315. Null: the coefficient of INC is the same in all regimes

    References
    ----------
    Chow (1960), Econometrica 28:591-605; Anselin (1990), J. Regional Science 30:185-207.
    """
    if not isinstance(fit, RegimesRecord):
        raise SpatialInputError("E501", "a Chow test compares regimes, and the fit has none",
                                hint='fit the model with regimes="region"')
    split = fit.split
    if len(split.labels) < 2:
        raise SpatialInputError("E501", f"there is one regime only, {split.labels[0]!r}: nothing to compare it with",
                                hint="a column with two regimes or more")
    tests = {name: _contrasts(fit, columns, name) for name, columns in split.columns.items() if len(columns) > 1
             or (name == INTERCEPT and split.differences)}  # fmt: skip
    spatial = fit.rhos_by_weights | fit.lambdas_by_weights
    for name, values in spatial.items():
        if len(values) > 1:
            tests[name] = _contrasts(fit, tuple(values.index), name)
    differs = len(fit.sigma2s) > 1
    of_variances = [_of_variances(fit)] if differs and isinstance(covariance_of(fit), Information) else []
    if not tests and not of_variances:
        raise SpatialInputError("E501", "the regimes share all coefficients: there is nothing to test",
                                hint="leave terms= of sp.Regimes out, or name terms that differ")
    results = []
    if tests:
        everything = np.concatenate(list(tests.values()))
        results.append(_wald(fit, everything, JOINT, "all coefficients are the same in all regimes"))
    for name, rows in tests.items():
        what = name if name in spatial else f"the coefficient of {name}"
        results.append(_wald(fit, rows, name, f"{what} is the same in all regimes"))
    model = f"{fit.specification.name}, {fit._design.formula}"
    title = f"Chow tests of {split.regimes.by}: {', '.join(split.labels)}; {model}"
    notes = ["first regime's intercept is in the period effects"] * split.differences
    notes += ["sigma2 is tested with vcov='oim'"] * (differs and not of_variances)
    note = "; ".join(notes)
    return made_from(ChowTest(title, (*results, *of_variances), note, fit=fit), fit)


def _contrasts(fit: RegimesRecord, columns: tuple[str, ...], name: str) -> np.ndarray:
    """Each regime's coefficient less the first's, (G - 1, p); of intercepts that are differences already themselves."""
    rows = np.zeros((len(columns), len(fit.params)))
    rows[np.arange(len(columns)), fit.params.index.get_indexer(pd.Index(columns))] = 1
    if name == INTERCEPT and fit.split.differences:
        return rows
    return rows[1:] - rows[:1]


def _wald(fit: RegimesRecord, rows: np.ndarray, name: str, null: str) -> TestResult:
    statistic, df = wald_of(fit, rows @ fit.params.to_numpy(), rows)
    return TestResult(name, statistic, df, null)


def _of_variances(fit: RegimesRecord) -> TestResult:
    """ln sigma2 of every regime less that of the first."""
    S = len(fit.sigma2s)
    rows = np.eye(S)[1:] - np.eye(S)[:1]
    V = rows @ covariance_of_variances(fit, lost_freedom(fit)) @ rows.T
    statistic, df = wald(rows @ np.log(fit.sigma2s.to_numpy()), V)
    return TestResult("sigma2", statistic, df, "sigma2 is the same in all regimes")
