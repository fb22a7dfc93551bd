"""Tests of random effects: are there any (likelihood ratio), and do the regressors know of them (Mundlak)?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spillover.errors import SpatialInputError

from ..covariance.jackknife import grouping_of, hotelling
from ..covariance.joint import wald
from ..covariance.kinds import Information
from ..covariance.random import by_random_ml
from ..covariance.vcov import as_vcov
from ..design.fixed_effects import RANDOM
from ..design.formula import INTERCEPT
from ..design.several import SeveralDesign
from ..design.unit_rows import UnitRows
from ..records.fit import FitRecord
from ..records.tests import TestResult
from ..solve.gmm import MomentSample

UNCORRELATED = "the unit effects are uncorrelated with the regressors"


@dataclass(frozen=True)
class BoundaryTestResult(TestResult):
    """A likelihood ratio with one parameter on its boundary under the null: chi-bar-squared.

    p = P(chi2(df - 1) > s) / 2 + P(chi2(df) > s) / 2, chi2(0) being zero (Self & Liang 1987, JASA 82:605-610, case 6).

    Examples
    --------
    >>> print(BoundaryTestResult("LR random effects", 2.706, 1, "phi = 0"))
    LR random effects: chi-bar2(0, 1) = 2.706, p = 0.0500. Null: phi = 0
    """

    df: int

    @property
    def distribution(self) -> str:
        return f"chi-bar2({self.df - 1}, {self.df})"

    @cached_property
    def p_value(self) -> float:
        from scipy.special import chdtrc

        below = float(chdtrc(self.df - 1, self.statistic)) if self.df > 1 else float(self.statistic <= 0)
        return (below + float(chdtrc(self.df, self.statistic))) / 2


def lr_test_of_random(restricted: FitRecord, full: FitRecord) -> TestResult:
    """Likelihood ratio of fits with random effects or serially correlated errors, or of the pooled fit against one."""
    refuse_not_nested(restricted, full)
    df = full.n_parameters - restricted.n_parameters
    pooled = restricted._settings.random is None and full._settings.random is not None
    correlated = restricted._settings.serial is None and full._settings.serial is not None
    a, *_ = names = [fit.specification.name for fit in (restricted, full)]
    if restricted._settings.effects != full._settings.effects:
        names = [f"{fit.specification.name} with {fit._settings.effects} effects" for fit in (restricted, full)]
    if df <= 0:
        raise SpatialInputError("E501", f"{names[0]} is not nested in {names[1]}: it has no fewer parameters",
                                hint="give the smaller model first")
    statistic = max(0.0, 2 * (full.loglik - restricted.loglik))
    if correlated:
        names[1] += " with serial correlation"
    if correlated and df == 1:
        return TestResult(f"LR {names[1]} vs {names[0]}", statistic, df, "psi = 0: errors are not correlated over time")
    if pooled and df == 1 and full._settings.random.on_boundary:
        statistic = 0.0  # exactly: half of the mixture is there
    if pooled:
        null = "phi = 0: no unit effects" + f", and {a} is enough" * (df > 1)
        return BoundaryTestResult(f"LR {names[1]} vs pooled {a}", statistic, df, null)
    return TestResult(f"LR {names[1]} vs {names[0]}", statistic, df, f"{names[0]} is enough")


def refuse_not_nested(restricted: FitRecord, full: FitRecord) -> None:
    """Fits with random effects nest in each other on the same data, and the pooled fit nests in them.

    Raises
    ------
    SpatialInputError
        E501.
    """
    small, large = (fit._settings.random for fit in (restricted, full))
    kinds = [fit._settings.effects.name for fit in (restricted, full)]
    why = None
    if any(random is not None and not random.by_likelihood for random in (small, large)):
        why = "Swamy and Arora's moments are no maximum of a likelihood: fit with method='ml'"
    elif restricted._settings.serial is not None and full._settings.serial is None:
        why = "errors that are correlated over time are the larger model"
    elif full._settings.effects.fixed or restricted._settings.effects.fixed:
        if restricted._settings.effects != full._settings.effects or restricted._settings.correction is not True:
            why = "fixed effects have to be the same, and to leave both by transformation"
    elif (large is None and full._settings.serial is None) or (small is None and restricted._settings.effects) or (
        small is not None and large is None
    ):  # fmt: skip
        why = "only the pooled model (effects='none') and others with random effects are nested in random effects"
    elif small is not None and RANDOM.index(kinds[0]) > RANDOM.index(kinds[1]):
        why = "of random, correlated and chamberlain effects each nests those before it, not the reverse"
    elif small is not None and None not in (small.error, large.error) and small.error != large.error:
        why = "unit effects stand inside the one and beside the other's spatial error"
    if why is None and not np.array_equal(restricted._design.y, full._design.y, equal_nan=True):
        why = "their data differ"
    elif why is None and (restricted.specification.name, full.specification.name) == ("SEM", "SDM"):
        lagged = {j for j, name in enumerate(full._design.names) if name != INTERCEPT} <= set(full._design.durbin)
        if not lagged or (small is not None and small.error == "baltagi"):
            why = "an SDM nests the SEM when all regressors are lagged and the unit effects are inside its error"
    if why:
        raise SpatialInputError("E501", f"these fits cannot be compared: {why}",
                                hint="estimate both on the same data with the same options")


def mundlak_test(fit: FitRecord) -> TestResult:
    """Are the unit effects uncorrelated with the regressors? F test that all coefficients of unit means are zero, or
    all of the regressors of every period.

    It asks what Hausman's test asks, needs no difference of covariances, and is robust with a robust covariance:
    ``mundlak_test(fit.with_vcov("cluster"))``.

    Parameters
    ----------
    fit : FitRecord
        With ``effects="correlated"`` or ``"chamberlain"``; its covariance is used as it is.

    Raises
    ------
    SpatialInputError
        E206 for no more units than coefficients between units, E501 for other fits.

    Notes
    -----
    Mundlak (1978, Econometrica 46:69-85); Chamberlain (1982, J. Econometrics 18:5-46); with spatial lags Debarsy
    (2012, Spatial Economic Analysis 7:109-131); as a robust test Arellano (1993, J. Econometrics 59:87-97) and
    Wooldridge (2010), section 10.7.3.

    The k coefficients come from a regression between N units with K regressors that do not vary within them (the
    intercept and the means among them). Maximum likelihood divides its squares by N, so the Wald statistic is scaled
    by (N - K) / N and follows F(k, N - K): at 5 % it rejects 4 to 6 % of true nulls where chi2(k) rejects 9 %
    (N = 31 and 48). Clustered by one grouping, or "robust", it is Hotelling's T2 of the jackknife over G groups,
    F(k, G - k) (``spatial.covariance.jackknife``).

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> fit = sp.sar("log(gsp) ~ log(pcap) + log(emp) + unemp", shapefiles.load_panel("us_states"), w,
    ...              entity="state", time="year", effects="correlated", vcov="cluster")
    >>> sp.mundlak_test(fit).df
    (3, 45)
    """
    effects, d = fit._settings.effects, fit._design
    if effects.random not in RANDOM[1:]:
        raise SpatialInputError("E501", f"effects={effects.name!r} leaves no unit means to test",
                                hint="fit with effects='correlated'")  # fmt: skip
    own = {*d.names, *(power + d.names[j] for power in ("W:", "W2:") for j in d.durbin)}
    own |= set(d.lag_names) if isinstance(d, SeveralDesign) else set()
    names = [name for name in fit._sample.names if name not in own]
    title = {"correlated": "Mundlak", "chamberlain": "Chamberlain"}[effects.random]
    kind, N = as_vcov(fit._settings.vcov), fit._design.n_units
    by_moments = isinstance(fit._sample, MomentSample)
    if (by := grouping_of(kind)) is not None and not by_moments:
        F, df = hotelling(fit, names, by)
        return TestResult(title, F, df, UNCORRELATED)
    b, V = fit.params[names].to_numpy(), fit.vcov.loc[names, names].to_numpy()
    X, units = fit._sample.X / fit._design.root[:, None], UnitRows.of(fit._design)
    first = np.unique(units.codes, return_index=True)[1]
    between = int((X[first][units.codes] == X).all(axis=0).sum())  # columns that do not vary within units
    left = min(N - between, kind.df(fit) or N)
    if left < 1:
        raise SpatialInputError("E206", f"{N} units are too few for {between} coefficients between them",
                                hint="leave regressors out, or use more data")
    if not isinstance(kind, Information):
        return TestResult(title, *wald(b, V, left), UNCORRELATED)
    # Swamy and Arora's variance between units has its degrees of freedom already; those of a spatial error have not.
    scale = (N - between) / N if by_random_ml(fit) or (by_moments and fit.specification.error) else 1.0
    statistic, q = wald(b, V)
    return TestResult(title, scale * statistic / q, (q, left), UNCORRELATED)
