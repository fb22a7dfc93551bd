"""What a test returns: its statistic, its distribution, its p-value and its null in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from spillover.errors import SpatialInputError
from spillover.show import Shown

from .schema import two_sided


@dataclass(frozen=True, repr=False)
class TestResult(Shown):
    """A test: its statistic, degrees of freedom, p-value and its null in words.

    ``df`` names the distribution: an int for chi-squared (upper tail), a pair for F (upper tail), None for
    the standard normal (both tails), "upper" for its upper tail alone, "mixed" for 1/4 chi2(0) + 1/2 chi2(1) +
    1/4 chi2(2), what two one-sided tests have together, "none" for a statistic that is compared with a rule, not
    with a distribution: its p-value is NaN.

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
    df: float | tuple[int, float] | str | None
    null: str

    @property
    def distribution(self) -> str:
        """In words: ``chi2(2)``, ``F(2, 46)``, ``F(2, 3.5)``, ``z``, ``mixed chi2`` ..."""
        if self.df is None or isinstance(self.df, str):
            return {None: "z", "upper": "z (one-sided)", "mixed": "mixed chi2", "none": "statistic"}[self.df]
        if isinstance(self.df, tuple):
            return "F({}, {})".format(*(int(df) if df == int(df) else round(float(df), 1) for df in self.df))
        return f"chi2({self.df})"

    @cached_property
    def p_value(self) -> float:
        """From the survival function; NaN for a negative chi-squared or F."""
        from scipy.special import chdtrc, fdtrc, ndtr

        if self.df is None:
            return float(two_sided(self.statistic))
        if self.df == "upper":
            return float(ndtr(-self.statistic))
        if self.df == "none" or not self.statistic >= 0:
            return float("nan")
        if self.df == "mixed":
            tail = chdtrc([1, 2], self.statistic) @ [0.5, 0.25]
            return float(tail if self.statistic > 0 else 1.0)
        return float(fdtrc(*self.df, self.statistic) if isinstance(self.df, tuple) else chdtrc(self.df, self.statistic))

    def tidy(self) -> pd.DataFrame:
        """One row: term (the test's name), statistic, df, p_value and the null in words."""
        return tests_table((self,))



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
        """One row per test: term (its name), statistic, df, p_value and the null in words."""
        return tests_table(self.results)


def tests_table(results: tuple[TestResult, ...]) -> pd.DataFrame:
    rows = [(r.name, r.statistic, r.df, r.p_value, r.null) for r in results]
    return pd.DataFrame(rows, columns=["term", "statistic", "df", "p_value", "null"])
