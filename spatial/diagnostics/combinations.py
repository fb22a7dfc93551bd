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
from ..effects.few_rows import by_default
from ..effects.mixture import Inference
from ..records.fit import FitRecord
from ..records.schema import critical_value, rows_of, two_sided
from ..records.tests import TestResult
from .differentiate import Derived, derived


@dataclass(frozen=True, eq=False)
class Combinations(Shown):
    """Functions of a fit's coefficients.

    Attributes
    ----------
    estimates, std_errors : ndarray, shape (q,)
    slopes : ndarray, shape (q, p)
        Derivatives by the coefficients, in the order of ``fit.params``.
    expressions : mapping of names to texts
    level : float
    linear : bool
        Whether all are sums of coefficients times numbers.
    ratios : Inference or None
        Of those that are linear in the coefficients given rho, where the fit has few rows: statistic, p and interval
        are those of the ratios of likelihoods, as in its own table. Standard errors are of the information.
    """

    fit: FitRecord = field(repr=False)
    expressions: dict[str, str]
    estimates: np.ndarray
    std_errors: np.ndarray
    slopes: np.ndarray = field(repr=False)
    level: float
    linear: bool
    ratios: Inference | None = field(default=None, repr=False)

    def tidy(self) -> pd.DataFrame:
        """One row per expression, in the common schema; the test is that of zero."""
        df, r = self.fit.df_resid, self.ratios
        if r is not None:
            return rows_of(list(self.expressions), self.estimates, std_error=self.std_errors, statistic=r.statistic,
                           p_value=r.p_value, conf_low=r.low, conf_high=r.high)  # fmt: skip
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
    """Linear combinations of coefficients, with the t (or normal) statistics of the fit; where rows are few, with the
    ratios of likelihoods that its own table has (``spatial.effects.likelihood``).

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


def _ratios(fit: FitRecord, texts: list[str], parts: list[Derived], level: float) -> Inference | None:
    """By ratios of likelihoods where those are the fit's own: of sums of parameters, and of functions that are linear
    in the coefficients given rho. None where a function is neither."""
    if not by_default(fit):
        return None
    from ..effects.sums import inference_given_rho, inference_of_sums

    values = np.array([part.value for part in parts])
    if all(part.linear for part in parts):
        return inference_of_sums(fit, np.array([part.slope for part in parts]), values, level)
    if not all(_linear_given_rho(fit, text) for text in texts):
        return None

    def slopes(rho: float) -> np.ndarray:
        return np.array([_given_rho(text, fit.params, rho)[:-1] for text in texts])

    return inference_given_rho(fit, slopes, values, level)


def _given_rho(text: str, params: pd.Series, rho: float) -> np.ndarray:
    """c, c_0 and the slope by lambda of an expression that is c(rho)'beta + c_0(rho), at any beta: (k + 2,)."""
    at = params.copy()
    if "rho" in at.index:
        at["rho"] = rho
    part, k = derived(text, at), len(params) - ("rho" in params.index) - ("lambda" in params.index)
    of_lambda = part.slope[-1] if "lambda" in params.index else 0.0
    return np.array([*part.slope[:k], part.value - part.slope[:k] @ at.to_numpy()[:k], of_lambda])


def _linear_given_rho(fit: FitRecord, text: str) -> bool:
    """Whether two other sets of coefficients give the same c and c_0, and lambda is not in it."""
    elsewhere = fit.params * 1.7 + 0.3
    try:
        both = [_given_rho(text, params, rho) for rho in (fit.rho, fit.rho / 2) for params in (fit.params, elsewhere)]
    except SpatialInputError:
        return False
    same = all(np.allclose(a, b, rtol=1e-9, atol=1e-12) for a, b in (both[:2], both[2:]))
    return same and not any(one[-1] for one in both)


def nlcom(fit: FitRecord, expressions: str | Mapping[str, str], *, level: float = 0.95) -> Combinations:
    """Functions of coefficients, by the delta method: V[g(b)] = G V[b] G' with the derivatives G of g at the estimate.

    Derivatives are exact. Where rows are few, functions that are linear in the coefficients given rho, such as
    ``(x + W:x) / (1 - rho)``, have statistic, p and interval by the ratios of likelihoods that the fit's own table has.
    For direct, indirect and total effects use ``fit.effects()``: their distribution is skewed, and intervals of the
    delta method then cover too seldom.

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
    V, values = slopes @ fit.vcov.to_numpy() @ slopes.T, np.array([part.value for part in parts])
    linear = all(part.linear for part in parts)
    return Combinations(fit, named, values, np.sqrt(np.diag(V)), slopes, level, linear,
                        _ratios(fit, list(named.values()), parts, level))  # fmt: skip
