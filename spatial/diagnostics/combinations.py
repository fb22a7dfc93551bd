"""Combinations of coefficients: sums and differences with exact t statistics, functions by the delta method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.show import Shown
from spillover.values import share

from ..covariance.vcov import wald_of
from ..records.fit import FitRecord
from ..records.schema import critical_value, rows_of, two_sided
from ..records.tests import TestResult
from .differentiate import Derived, derived


@dataclass(frozen=True, eq=False)
class Combinations(Shown):
    """Functions of a fit's coefficients.

    Attributes
    ----------
    estimates, std_errors, conf_low, conf_high : ndarray, shape (q,)
    slopes : ndarray, shape (q, p)
        Derivatives by the coefficients, in the order of ``fit.params``.
    expressions : mapping of names to texts
    level : float
    linear : bool
        Whether all are sums of coefficients times numbers.
    """

    fit: FitRecord = field(repr=False)
    expressions: dict[str, str]
    estimates: np.ndarray
    std_errors: np.ndarray
    slopes: np.ndarray = field(repr=False)
    level: float
    linear: bool

    def tidy(self) -> pd.DataFrame:
        """One row per expression, in the common schema; the test is that of zero."""
        df = self.fit.df_resid
        half = critical_value(self.level, df) * self.std_errors
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = self.estimates / self.std_errors
        return rows_of(list(self.expressions), self.estimates, std_error=self.std_errors, statistic=statistic,
                       p_value=two_sided(statistic, df), conf_low=self.estimates - half,
                       conf_high=self.estimates + half)  # fmt: skip

    @property
    def joint(self) -> TestResult:
        """Wald test that all are zero.

        Raises
        ------
        SpatialInputError
            E206 where one follows from the others, or the covariance has too low a rank.
        """
        statistic, df = wald_of(self.fit, self.estimates, self.slopes)
        return TestResult("Wald", statistic, df, ", ".join(f"{text} = 0" for text in self.expressions.values()))


def lincom(fit: FitRecord, expressions: str | Mapping[str, str], *, level: float = 0.95) -> Combinations:
    """Linear combinations of coefficients, with the t (or normal) statistics of the fit.

    Parameters
    ----------
    fit : Fit
    expressions : str, or mapping of names to str
        Sums and differences of coefficients times numbers, such as ``"INC - HOVAL"``. Coefficients are named as in
        ``fit.params``; names that could be read in two ways stand in backticks.
    level : float
        Coverage of the intervals, a share.

    Returns
    -------
    Combinations
        ``.tidy()`` has a row per expression, ``.joint`` tests that all are zero.

    Raises
    ------
    SpatialInputError
        E501 no fit, E502 a name that is no coefficient, E503 something that is not linear, E504 an expression that
        cannot be read or is the same for every value of the coefficients.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.slx("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"))
    >>> print(sp.lincom(fit, {"total": "INC + W:INC"}))
    Combinations of coefficients of SLX, CRIME ~ INC + HOVAL
           estimate  std. error      t      p  95 % low     high
    ------------------------------------------------------------
    total   -2.4961      0.4930  -5.06  <1e-4   -3.4897  -1.5026
    """
    result = nlcom(fit, expressions, level=level)
    if not result.linear:
        raise SpatialInputError("E503", "this is not linear in the coefficients: " + "; ".join(
            result.expressions.values()), hint="sp.nlcom(fit, ...) takes products, ratios and powers")  # fmt: skip
    return result


def nlcom(fit: FitRecord, expressions: str | Mapping[str, str], *, level: float = 0.95) -> Combinations:
    """Functions of coefficients, by the delta method: V[g(b)] = G V[b] G' with the derivatives G of g at the estimate.

    Derivatives are exact. For direct, indirect and total effects use ``fit.effects()``: their distribution is skewed,
    and intervals of the delta method then cover too seldom.

    Parameters
    ----------
    fit : Fit
    expressions : str, or mapping of names to str
        Coefficients, numbers, ``+ - * / **``, brackets, ``exp``, ``log`` and ``sqrt``, such as
        ``"(INC + W:INC) / (1 - rho)"``.
    level : float
        Coverage of the intervals, a share.

    Returns
    -------
    Combinations

    Raises
    ------
    SpatialInputError
        E501 no fit, E502 a name that is no coefficient, E503 something else than the above, E504 an expression that
        cannot be read or is the same for every value of the coefficients,
        E505 no finite value at the estimate.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sdm("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"))
    >>> float(sp.nlcom(fit, "(INC + W:INC) / (1 - rho)").estimates[0].round(4))
    -2.5209

    References
    ----------
    Greene (2018), Econometric Analysis, 8th ed., eq. 4-36 and 4-45 (the delta method).
    """
    if not isinstance(fit, FitRecord):
        raise SpatialInputError("E501", f"coefficients are those of a fit, got {type(fit).__name__}",
                                hint="give the result of sp.sdm(...) or of another model")  # fmt: skip
    share("level", level)
    if not isinstance(expressions, str | Mapping):
        raise SpatialInputError("E504", "expressions are text, or a mapping of names to texts, got "
                                f"{type(expressions).__name__}", hint="{'first': 'x - z', 'second': 'x + z'}")
    named = dict(expressions) if isinstance(expressions, Mapping) else {expressions: expressions}
    if not named:
        raise SpatialInputError("E504", "there is no expression", hint="such as 'x + z'")
    parts: list[Derived] = [derived(text, fit.params) for text in named.values()]
    for text, part in zip(named.values(), parts):
        if not part.slope.any():
            raise SpatialInputError("E504", f"{text!r} does not change with the coefficients: it has no standard error",
                                    hint=f"name one that stays in it: {', '.join(fit.params.index)}")
    slopes = np.array([part.slope for part in parts])
    V = slopes @ fit.vcov.to_numpy() @ slopes.T
    return Combinations(fit, named, np.array([part.value for part in parts]), np.sqrt(np.diag(V)), slopes, level,
                        all(part.linear for part in parts))  # fmt: skip
