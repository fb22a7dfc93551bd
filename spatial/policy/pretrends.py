"""Did the treated move apart from the others before they were treated? Two tests on untreated observations alone.

    joint    y_it = alpha_i + gamma_t + sum_{k=-L}^{-1} delta_k 1[t - g_i = k] + X_it b + e_it       all delta_k = 0
    slope    y_it = alpha_i + gamma_t + kappa t (ever treated)_i + X_it b + e_it                     kappa = 0

Both with CR2 covariances, or those of ``kernel_small_sample`` where errors are correlated between units, and the F and
t that few clusters leave. L is at most 3, and every lead is seen in at least three adopters that were also observed
before it: a chi-squared test of many leads, some of one or two adopters, rejects nearly always. The slope comes with
the one that the test would find with 80 % power, and with what that would do to the effect: not to reject says little
where it is large. Sources: Borusyak, Jaravel & Spiess (2024), section 4.4, for untreated observations; Pustejovsky &
Tipton (2018) for F; Roth (2022, American Economic Review: Insights 4:305-322).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.show import Shown

from ..records.schema import two_sided
from ..records.tests import TestResult
from .kernel_small_sample import KernelSmallSample
from .resampled import wild
from .small_sample import CR2, SmallSample
from .within import Within, within

MAX_LEADS = 3
FEWEST_ADOPTERS = 3  # seen at and before each lead
POWER = 0.80


@dataclass(frozen=True)
class FTest(TestResult):
    """An F test with fractional degrees of freedom."""

    df: tuple[int, float]

    @property
    def distribution(self) -> str:
        return f"F({self.df[0]}, {self.df[1]:.1f})"


@dataclass(frozen=True)
class SlopeTest(TestResult):
    """A t test of the slope, ``df`` its degrees of freedom; from permuted dates where few are treated.

    Attributes
    ----------
    estimate, std_error : float
        Per unit of the time column.
    detectable : float
        The slope that the test finds with 80 % power.
    moves : float
        How much a trend of that slope would change the average effect on the treated.
    permuted_p : float or None
    """

    df: float
    estimate: float
    std_error: float
    detectable: float
    moves: float
    permuted_p: float | None = None

    @property
    def distribution(self) -> str:
        return f"t({self.df:.1f})" if self.permuted_p is None else "permuted t"

    @cached_property
    def p_value(self) -> float:
        return float(two_sided(self.statistic, self.df)) if self.permuted_p is None else self.permuted_p


@dataclass(frozen=True, eq=False)
class Pretrends(Shown):
    """The two tests; ``None`` where the data do not allow one, and ``notes`` say why.

    Attributes
    ----------
    joint, slope : TestResult or None
    leads : tuple of numbers
        Of the joint test: time since adoption.
    effect : float
        The average effect on the treated, for comparison with ``slope.moves``.
    notes : tuple of str
    problem : Problem
    """

    joint: TestResult | None
    slope: SlopeTest | None
    leads: tuple
    effect: float
    problem: Problem = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def basis(self) -> str:
        """Which observations the tests use."""
        everything = (self.problem.mass > 0).all()
        return "with a dummy for each time after it" if everything else "on untreated observations"

    @property
    def weak(self) -> bool:
        """Whether a trend that the tests would miss could make up the whole effect."""
        return self.slope is None or not self.slope.moves < abs(self.effect)

    def wild(self, *, draws: int = 999, seed: int = 1) -> TestResult:
        """F of all leads, however few adopters they rest on, by the wild cluster restricted bootstrap.

        Parameters
        ----------
        draws, seed : int
            Signs of the clusters' restricted residuals, Webb's six points with fewer than 12 clusters.

        Raises
        ------
        SpatialInputError
            E533 where errors are correlated between units: signs are drawn independently.
        """
        if self.problem.K is not None:
            raise SpatialInputError("E533", "the wild bootstrap draws signs of clusters independently, and vcov= lets "
                                    "errors be correlated between units",
                                    hint='read .joint, or fit with vcov="cluster"')  # fmt: skip
        return wild(self.problem, draws, seed)

    def tidy(self) -> pd.DataFrame:
        rows = [(r.name, r.statistic, r.df, r.p_value, r.null) for r in (self.joint, self.slope) if r is not None]
        return pd.DataFrame(rows, columns=["term", "statistic", "df", "p_value", "null"])


@dataclass(frozen=True, eq=False)
class Problem:
    """What the tests regress: unit-major arrays.

    Attributes
    ----------
    y, mass, since : ndarray, shape (N, T)
        Outcomes; weights, zero where treated; time since adoption, NaN for never.
    base : ndarray, shape (N, T, q)
        Period dummies and covariates.
    leads : function of numbers to ndarray (N, T, p)
        The columns of these leads.
    clock : ndarray, shape (T,)
    group : ndarray, shape (N,)
    neighbors : bool
        Whether each lead comes with its spatial lag.
    K : sparse array, shape (N, N), or None
        Which units' errors are correlated, and how much; None for those of the group.
    """

    y: np.ndarray = field(repr=False)
    mass: np.ndarray = field(repr=False)
    since: np.ndarray = field(repr=False)
    base: np.ndarray = field(repr=False)
    leads: Callable = field(repr=False)
    clock: np.ndarray = field(repr=False)
    group: np.ndarray = field(repr=False)
    neighbors: bool = False
    K: sparse.csr_array | None = field(default=None, repr=False)

    @property
    def scaled(self) -> np.ndarray:
        return np.sqrt(self.mass) * self.y

    @property
    def ever(self) -> np.ndarray:
        """Units that are treated at some time, (N,)."""
        return ~np.isnan(self.since).all(axis=1)

    def with_columns(self, columns: np.ndarray) -> tuple[Within, np.ndarray]:
        """The design with columns (N, T, p) last, and their places."""
        design = within(self.mass, np.concatenate([self.base, columns], axis=2), self.group)
        q = design.U.shape[2]
        return design, np.arange(q - columns.shape[2], q)

    def fit(self, design: Within, at: np.ndarray) -> SmallSample:
        """The coefficients at these places, with their covariance."""
        return (CR2(design, at) if self.K is None else KernelSmallSample(design, at, self.K))(self.scaled)

    def trend(self) -> np.ndarray:
        """t for those ever treated, (N, T, 1)."""
        return (self.ever[:, None] * (self.clock - self.clock.mean()))[:, :, None]


def both_tests(problem: Problem, *, level: float, effect: float, moves: float, permuted=None) -> Pretrends:
    """Both tests.

    Parameters
    ----------
    effect : float
        The average effect on the treated.
    moves : float
        Change of that average by a trend of slope one among those ever treated.
    permuted : function of no arguments to (R,), optional
        t statistics of the slope under other assignments of the dates, for few treated units.
    """
    notes: list[str] = []
    joint, leads = _joint(problem, notes)
    slope = _slope(problem, level, moves, permuted, notes)
    return Pretrends(joint, slope, leads, effect, problem, tuple(notes))


def usable_leads(problem: Problem) -> list[float]:
    """-1, -2, ... -L in time since adoption, as many as three adopters allow."""
    at = (problem.mass > 0) & (problem.since < 0)
    earliest = np.where(at, problem.since, np.inf).min(axis=1)
    out: list[float] = []
    for k in np.unique(problem.since[at])[::-1][:MAX_LEADS]:
        seen = (at & (problem.since == k)).any(axis=1) & (earliest < k)
        if seen.sum() < FEWEST_ADOPTERS:
            break
        out.append(float(k))
    return out


def _joint(problem: Problem, notes: list):
    leads = usable_leads(problem)
    while leads:
        columns = problem.leads(leads)
        columns = columns[:, :, np.abs(columns).any(axis=(0, 1))]
        design, at = problem.with_columns(columns)
        if design.identifies(np.eye(design.U.shape[2])[at]).all():
            fit = problem.fit(design, at)
            if _exact(problem, fit):
                notes.append("no joint test: outcomes before adoption fit exactly")
                return None, ()
            if fit.df_F[1] >= 1 and not np.isnan(fit.df).any():
                where = "earlier effects are zero" + ", at home and next door" * problem.neighbors
                return FTest("joint", fit.F, fit.df_F, where), tuple(sorted(leads))
        leads = leads[:-1]
    notes.append(f"no joint test: no lead is seen in {FEWEST_ADOPTERS} adopters that were also observed before it, in "
                 "clusters enough for its degrees of freedom")  # fmt: skip
    return None, ()


def _slope(problem: Problem, level, moves, permuted, notes: list):
    from scipy.special import stdtrit

    design, at = problem.with_columns(problem.trend())
    if not design.identifies(np.eye(design.U.shape[2])[at]).all():
        notes.append("no test of the slope: without never-treated units, or with one earlier period, it is absorbed by "
                     "the effects")  # fmt: skip
        return None
    fit = problem.fit(design, at)
    estimate, error, df = fit.estimates[0], fit.std_errors[0], fit.df[0]
    if not error > 0 or _exact(problem, fit):
        notes.append("no test of the slope: one unit alone identifies it, or outcomes before adoption fit exactly")
        return None
    statistic, critical, p = estimate / error, stdtrit(df, (1 + level) / 2), None
    if permuted is not None:
        drawn = np.abs(permuted())
        drawn = drawn[np.isfinite(drawn)]
        critical, p = np.quantile(drawn, level), float((drawn >= abs(statistic) * (1 - 1e-9)).mean())
    detectable = (critical + stdtrit(df, POWER)) * error
    null = "those treated later had no trend of their own"
    return SlopeTest("slope", float(statistic), float(df), null, float(estimate), float(error), float(detectable),
                     float(abs(detectable * moves)), p)  # fmt: skip


def _exact(problem: Problem, fit) -> bool:
    """Whether standard errors are rounding errors of the outcomes."""
    return bool(np.nanmax(fit.std_errors, initial=0) <= 1e-11 * np.abs(problem.y).max())
