"""The numbers of an estimated model: data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.show import Shown

from ..design.design import Design
from ..design.specification import Specification
from .schema import SCHEMA, critical_value, two_sided

if TYPE_CHECKING:
    from ..design.arrays import Sample
    from ..design.options import Settings
    from ..solve.ml import Solution


@dataclass(frozen=True, eq=False)
class FitRecord(Shown):
    """The numbers of an estimated model; ``spatial.models.fit.Fit`` adds what follows from them.

    Attributes
    ----------
    specification : Specification
    params : Series
        ``Intercept``, ``x``, ``W:x``, then ``rho`` and/or ``lambda``.
    vcov : DataFrame, indexed like ``params`` on both sides
    units, periods : Index
        The order of arrays over units and periods; ``periods`` is None for a cross-section.
    sigma2, loglik : float
        The log-likelihood includes all constants.
    nobs : int
        Rows used. ``n`` of the likelihood, after fixed effects, is ``_sample.n``.
    df_resid : int or None
        Degrees of freedom of t statistics; None for normal ones.

    Notes
    -----
    Fields with an underscore are the package's own and may change: ``_terms``, ``_estimates`` and ``_covariance``, the
    numbers of ``params`` and ``vcov``; ``_design``, ``_sample`` and ``_solution``, the aligned data, the demeaned data
    and the maximum, for what is computed later; ``_settings``, effects, correction, covariance and method.
    """

    specification: Specification
    sigma2: float
    loglik: float
    df_resid: int | None
    _terms: pd.Index = field(repr=False)
    _estimates: np.ndarray = field(repr=False)
    _covariance: np.ndarray = field(repr=False)
    _design: Design = field(repr=False)
    _sample: Sample = field(repr=False)
    _solution: Solution = field(repr=False)
    _settings: Settings = field(repr=False)

    # -- numbers -----------------------------------------------------------------------------------------

    @cached_property
    def params(self) -> pd.Series:
        return pd.Series(self._estimates, index=self._terms, name="estimate")

    @cached_property
    def vcov(self) -> pd.DataFrame:
        return pd.DataFrame(self._covariance, index=self._terms, columns=self._terms)

    @property
    def units(self) -> pd.Index:
        return self._design.ids

    @property
    def periods(self) -> pd.Index | None:
        return self._design.times

    @property
    def nobs(self) -> int:
        return self._design.nobs

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
        """Coefficients, spatial parameters, sigma2 (as R's logLik counts), phi of random effects and psi; effects
        removed by transformation are not counted."""
        s = self._settings
        return len(self._terms) + 1 + (s.random is not None) + (s.serial is not None)

    @property
    def aic(self) -> float:
        return 2 * self.n_parameters - 2 * self.loglik

    @property
    def bic(self) -> float:
        return np.log(self._sample.n) * self.n_parameters - 2 * self.loglik

    @cached_property
    def std_errors(self) -> pd.Series:
        return pd.Series(np.sqrt(np.diag(self._covariance)), index=self._terms, name="std_error")

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
        return self._design.labelled(self._errors, "resid")

    @cached_property
    def resid_standardized(self) -> pd.Series:
        """e / sigma; with weights w of the observations e sqrt(w) / sigma, of one variance."""
        values = self._design.panel(self._solution.resid) / np.sqrt(self.sigma2)
        return self._design.labelled(values, "resid_standardized")

    @property
    def _errors(self) -> np.ndarray:
        """e, (T, N): the solution has it times the root of the weights of observations."""
        e, weights = self._design.panel(self._solution.resid), self._design.obs_weights
        return e if weights is None else e / weights.root

    @cached_property
    def fitted(self) -> pd.Series:
        """y less its residual."""
        return (self._design.labelled(self._design.outcome, "fitted") - self.resid).rename("fitted")

    # -- tables ------------------------------------------------------------------------------------------

    def tidy(self) -> pd.DataFrame:
        """One row per coefficient, in the common schema."""
        table = pd.concat([self.params.rename("estimate"), self.std_errors, self.zstats, self.pvalues], axis=1)
        return table.join(self.conf_int()).rename_axis("term").reset_index()[SCHEMA]

    def glance(self) -> pd.DataFrame:
        """One row about the model as a whole."""
        d = self._design
        return pd.DataFrame(
            {
                "model": [self.specification.name], "weights": [d.weights.kind], "nobs": [self.nobs],
                "units": [d.n_units], "periods": [d.n_periods], "rho": [self.params.get("rho", np.nan)],
                "lambda": [self.params.get("lambda", np.nan)], "sigma2": [self.sigma2], "loglik": [self.loglik],
                "aic": [self.aic], "bic": [self.bic],
            }
        )  # fmt: skip
