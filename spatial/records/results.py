"""What estimators and tests return: small frozen objects that know how to show themselves.

Every table has one schema: ``term, estimate, std_error, statistic, p_value, conf_low, conf_high``, with
``effect``, ``weights``, ``model`` or ``order`` where they apply.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.show import Shown

from ..models.maketables import MakeTables

if TYPE_CHECKING:
    from ..design.design import Design
    from ..design.options import Settings
    from ..effects.average import Effects
    from ..effects.long_run import DynamicEffects
    from ..solve.ml import Sample, Solution

SCHEMA = ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


@dataclass(frozen=True)
class Specification:
    """Which parts a model has: a spatial lag, a spatial error, lagged regressors.

    ``name`` is the field's: SAR, SEM, SDM ...
    """

    name: str
    lag: bool
    error: bool
    durbin: bool


@dataclass(frozen=True, eq=False)
class Fit(MakeTables, Shown):
    """An estimated model.

    Attributes
    ----------
    specification : Specification
    params : Series
        ``Intercept``, ``x``, ``W:x``, then ``rho`` and/or ``lambda``.
    vcov : DataFrame, indexed like ``params`` on both sides
    sigma2, loglik : float
        The log-likelihood includes all constants.
    nobs : int
        Rows used. ``n`` of the likelihood, after fixed effects, is ``sample.n``.
    df_resid : int or None
        Degrees of freedom of t statistics; None for normal ones.
    design, sample, solution
        The aligned data, the demeaned data and the maximum, for what is computed later.
    settings : Settings
        Effects, correction, covariance type, method: the header.
    """

    specification: Specification
    params: pd.Series
    vcov: pd.DataFrame = field(repr=False)
    sigma2: float
    loglik: float
    df_resid: int | None
    design: Design = field(repr=False)
    sample: Sample = field(repr=False)
    solution: Solution = field(repr=False)
    settings: Settings = field(repr=False)

    # -- numbers -----------------------------------------------------------------------------------------

    @property
    def nobs(self) -> int:
        return self.design.nobs

    @property
    def rho(self) -> float:
        """The spatial lag's coefficient; 0 where the model has none."""
        return float(self.params.get("rho", 0.0))

    @property
    def lam(self) -> float:
        """The spatial error's coefficient; 0 where the model has none."""
        return float(self.params.get("lambda", 0.0))

    @property
    def n_parameters(self) -> int:
        """Coefficients, spatial parameters, sigma2 (as R's logLik counts) and phi of random effects; effects removed
        by transformation are not counted."""
        return len(self.params) + 1 + (self.settings.random is not None)

    @property
    def aic(self) -> float:
        return 2 * self.n_parameters - 2 * self.loglik

    @property
    def bic(self) -> float:
        return np.log(self.sample.n) * self.n_parameters - 2 * self.loglik

    @cached_property
    def std_errors(self) -> pd.Series:
        return pd.Series(np.sqrt(np.diag(self.vcov)), index=self.params.index, name="std_error")

    @cached_property
    def zstats(self) -> pd.Series:
        """Estimate over standard error: normal, or t with ``df_resid`` degrees of freedom."""
        return (self.params / self.std_errors).rename("statistic")

    @cached_property
    def pvalues(self) -> pd.Series:
        return pd.Series(two_sided(self.zstats, self.df_resid), index=self.params.index, name="p_value")

    def conf_int(self, level: float = 0.95) -> pd.DataFrame:
        """Intervals, columns ``conf_low`` and ``conf_high``."""
        half = critical_value(level, self.df_resid) * self.std_errors
        return pd.DataFrame({"conf_low": self.params - half, "conf_high": self.params + half})

    @cached_property
    def resid(self) -> pd.Series:
        """e = B (A y - X beta), fixed effects removed."""
        return self.design.labelled(self.design.panel(self.solution.resid), "resid")

    @cached_property
    def fitted(self) -> pd.Series:
        """y less its residual."""
        return (self.design.labelled(self.design.y, "fitted") - self.resid).rename("fitted")

    # -- what follows from it ----------------------------------------------------------------------------

    def effects(
        self, *, method: str = "quadrature", level: float = 0.95, draws: int = 1000, seed: int = 1
    ) -> Effects | DynamicEffects:  # fmt: skip
        """Direct, indirect and total effects with inference; see ``spatial.effects.average.effects``. Of a dynamic
        model in the short and in the long run: ``spatial.effects.long_run.DynamicEffects``."""
        from ..effects.average import effects

        return effects(self, method=method, draws=draws, seed=seed, level=level)

    @cached_property
    def stationarity(self):
        """Of a dynamic model; see ``spatial.long_run.Stationarity``."""
        from ..effects.long_run import stationarity

        return stationarity(self)

    def with_vcov(self, vcov, **settings) -> Fit:
        """The same estimates with another covariance: ``"robust"``, ``"cluster", by="region"``, ``sp.Conley(300)``;
        see ``spatial.covariance.vcov``."""
        from ..covariance.vcov import with_vcov

        return with_vcov(self, vcov, **settings)

    def predict(self, data=None, w=None, *, kind: str | None = None) -> pd.Series:
        """The response in sample, or of new units with weights over all; see ``spatial.effects.prediction``."""
        from ..effects.prediction import predict

        return predict(self, data, w, kind=kind)

    # -- tables ------------------------------------------------------------------------------------------

    def tidy(self) -> pd.DataFrame:
        """One row per coefficient, in the common schema."""
        table = pd.concat([self.params.rename("estimate"), self.std_errors, self.zstats, self.pvalues], axis=1)
        return table.join(self.conf_int()).rename_axis("term").reset_index()[SCHEMA]

    def glance(self) -> pd.DataFrame:
        """One row about the model as a whole."""
        d = self.design
        return pd.DataFrame(
            {
                "model": [self.specification.name], "weights": [d.weights.kind], "nobs": [self.nobs],
                "units": [d.n_units], "periods": [d.n_periods], "rho": [self.params.get("rho", np.nan)],
                "lambda": [self.params.get("lambda", np.nan)], "sigma2": [self.sigma2], "loglik": [self.loglik],
                "aic": [self.aic], "bic": [self.bic],
            }
        )  # fmt: skip

    def summary(self) -> str:
        from ..report.text import fit_text

        return fit_text(self)

    def __str__(self) -> str:
        return self.summary()


@dataclass(frozen=True)
class TestResult:
    """A test: its statistic, degrees of freedom, p-value and its null in words.

    ``df`` names the distribution: an int for chi-squared (upper tail), a pair for F (upper tail), None for
    the standard normal (both tails), "upper" for its upper tail alone, "mixed" for 1/4 chi2(0) + 1/2 chi2(1) +
    1/4 chi2(2), what two one-sided tests have together.

    Examples
    --------
    >>> print(TestResult("LM lag", 5.99, 1, "rho = 0"))
    LM lag: chi2(1) = 5.990, p = 0.0144. Null: rho = 0
    >>> print(TestResult("Moran of residuals", 1.96, None, "no spatial autocorrelation"))
    Moran of residuals: z = 1.960, p = 0.0500. Null: no spatial autocorrelation
    """

    __test__ = False  # not for pytest to collect

    name: str
    statistic: float
    df: int | tuple[int, int] | str | None
    null: str

    @property
    def distribution(self) -> str:
        """In words: ``chi2(2)``, ``F(2, 46)``, ``z``, ``z (one-sided)`` or ``mixed chi2``."""
        if self.df is None or isinstance(self.df, str):
            return {None: "z", "upper": "z (one-sided)", "mixed": "mixed chi2"}[self.df]
        return f"F{self.df}" if isinstance(self.df, tuple) else f"chi2({self.df})"

    @cached_property
    def p_value(self) -> float:
        """From the survival function; NaN for a negative chi-squared or F."""
        from scipy.special import chdtrc, fdtrc, ndtr

        if self.df is None:
            return float(two_sided(self.statistic))
        if self.df == "upper":
            return float(ndtr(-self.statistic))
        if not self.statistic >= 0:
            return float("nan")
        if self.df == "mixed":
            tail = chdtrc([1, 2], self.statistic) @ [0.5, 0.25]
            return float(tail if self.statistic > 0 else 1.0)
        return float(fdtrc(*self.df, self.statistic) if isinstance(self.df, tuple) else chdtrc(self.df, self.statistic))

    def __str__(self) -> str:
        from ..report.text import p_text

        return f"{self.name}: {self.distribution} = {self.statistic:.3f}, p {p_text(self.p_value)}. Null: {self.null}"


@dataclass(frozen=True, eq=False)
class TestTable(Shown):
    """Tests side by side. Index one by its name: ``tests["LM lag"]``."""

    __test__ = False

    title: str
    results: tuple[TestResult, ...]
    note: str = ""

    def __getitem__(self, name: str) -> TestResult:
        for result in self.results:
            if result.name == name:
                return result
        names = ", ".join(repr(r.name) for r in self.results)
        raise SpatialInputError("E501", f"no test is called {name!r}", hint=f"the tests are {names}")

    def __iter__(self):
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def tidy(self) -> pd.DataFrame:
        rows = [(r.name, r.statistic, r.df, r.p_value, r.null) for r in self.results]
        return pd.DataFrame(rows, columns=["term", "statistic", "df", "p_value", "null"])

    def __str__(self) -> str:
        from ..report.text import tests_text

        return tests_text(self)


def two_sided(statistic, df: int | None = None) -> np.ndarray:
    """Two-sided p-values from the survival function: exact far out in the tail."""
    from scipy.special import ndtr, stdtr

    tail = -np.abs(np.asarray(statistic, dtype=float))
    return 2 * (ndtr(tail) if df is None else stdtr(df, tail))


def critical_value(level: float, df: int | None = None) -> float:
    from scipy.special import ndtri, stdtrit

    if not 0 < level < 1:
        raise SpatialInputError("E501", f"level={level!r} must lie between 0 and 1, as in 0.95")
    p = (1 + level) / 2
    return float(ndtri(p) if df is None else stdtrit(df, p))
