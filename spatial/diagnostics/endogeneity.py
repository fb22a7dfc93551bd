"""Need the regressors named as endogenous be instrumented, and which coefficients hold however weak instruments are?

With y, the endogenous regressors Y = [Y_d, Y_o] (Y_d those to be tested, W y among the others) and the instruments Z,
exogenous regressors projected out, V_d = Y_d - P_Z Y_d are the errors of the first stage:

    Durbin-Wu-Hausman       y on Y and V_d, W y by Z and V_d: V_d has no coefficient where Y_d is exogenous
    difference in Hansen J  J with instruments [Z, V_d] less J with Z, both with the weight of the former
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import fdtri

from spillover.errors import SpatialInputError, check_option

from ..covariance.moments import by_moments
from ..records.fit import FitRecord
from ..records.tests import TestResult, TestTable
from .dynamic_instruments import exogeneity_of_regressors
from .instruments import anderson_rubin_set, refuse_without_instruments, stages_of
from .stages import Stages

ANGLES = 2_000  # where the robust statistic is looked at before its crossings are refined


def endogeneity_test(fit: FitRecord) -> TestTable:
    """Are the regressors that ``endog=`` names endogenous at all?

    Parameters
    ----------
    fit : FitRecord
        With ``endog=`` and ``instruments=``; W y stays endogenous.

    Returns
    -------
    TestTable
        "Durbin-Wu-Hausman", F with one variance, the same "robust", and "difference in Hansen J", chi2. The robust ones
        allow for unequal variances, with unit effects or clusters for correlation within them. Beside a spatial error
        the data are those of the last stage, y - lambda M y. For dynamic panels "difference in Hansen J" with D x among
        the instruments: is x strictly exogenous, of each regressor (its lag W x with it) and of all?

    Raises
    ------
    SpatialInputError
        E501 for fits without ``endog=`` (dynamic ones: ``predetermined=``).

    Notes
    -----
    Hausman (1978, Econometrica 46:1251-1271) in the form of Wu (1973, Econometrica 41:733-750); Hayashi (2000),
    Econometrics, pp. 218-221.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sar("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"), method="gmm",
    ...              endog=["HOVAL"], instruments=["DISCBD", "PLUMB"])
    >>> [test.name for test in sp.endogeneity_test(fit)]
    ['Durbin-Wu-Hausman', 'Durbin-Wu-Hausman, robust', 'difference in Hansen J']
    """
    if fit._settings.method == "gmm" and fit._design.lags:
        return TestTable(_title(fit), tuple(exogeneity_of_regressors(fit)))
    _refuse_without_endog(fit)
    s = stages_of(fit)
    tested = [j for j, name in enumerate(s.names) if name not in s.spatial]
    null = f"{', '.join(s.names[j] for j in tested)} exogenous"
    V = s.Y[:, tested] - s.Z @ (s.Z.T @ s.Y[:, tested])
    q = V.shape[1]
    left = s.left + s.L - s.Y.shape[1] - q
    if left < 1:
        raise SpatialInputError("E206", f"no rows are left for the {q} errors of the first stage",
                                hint="use fewer regressors or instruments")  # fmt: skip
    Q = np.linalg.qr(V)[0]
    wider = np.column_stack([s.Z, Q])  # Z and V are orthogonal
    both = np.column_stack([s.Y, V])
    fitted = wider @ (wider.T @ both)
    T = fitted @ np.linalg.inv(fitted.T @ fitted)
    coef = T.T @ s.y
    e = s.y - both @ coef
    b, last = coef[-q:], T[:, -q:]
    F = float(b @ np.linalg.solve(last.T @ last, b)) / (float(e @ e) / left) / q
    wald = float(b @ np.linalg.solve(s.variance(last * e[:, None]), b)) / q
    m, groups = len(s.y), 0 if s.units is None else int(s.units.max()) + 1
    wald *= left / m if not groups else left / (m - 1) * (groups - 1) / groups
    return TestTable(
        _title(fit),
        (
            TestResult("Durbin-Wu-Hausman", F, (q, left), null),
            TestResult("Durbin-Wu-Hausman, robust", wald, (q, left), f"the same, {s.errors}"),
            TestResult("difference in Hansen J", _difference(s, wider), q, f"the same, {s.errors}"),
        ),
    )


def _title(fit: FitRecord) -> str:
    return f"Endogeneity, {fit.specification.name}: {fit._design.formula}"


def _difference(s: Stages, wider: np.ndarray) -> float:
    """J of the instruments [Z, V] less that of Z, the weight from the residuals of the former."""
    fitted = wider @ (wider.T @ s.Y)
    e = s.y - s.Y @ np.linalg.lstsq(fitted, s.y, rcond=None)[0]
    S = s.variance(wider * e[:, None])
    return max(_least(S, wider, s) - _least(S[: s.L, : s.L], s.Z, s), 0.0)


def _least(S: np.ndarray, Z: np.ndarray, s: Stages) -> float:
    """min over d of g'S^-1 g, g = Z'(y - Y d)."""
    C = np.linalg.cholesky(S)
    a, B = np.linalg.solve(C, Z.T @ s.y), np.linalg.solve(C, Z.T @ s.Y)
    rest = a - B @ np.linalg.lstsq(B, a, rcond=None)[0]
    return float(rest @ rest)


def anderson_rubin(fit: FitRecord, *, level: float = 0.95, errors: str | None = None) -> pd.DataFrame:
    """Confidence sets of rho and of the endogenous coefficients that hold however weak the instruments are.

    Parameters
    ----------
    fit : FitRecord
        With ``method="gmm"``.
    level : float
    errors : {"classical", "robust"}, optional
        One variance, or unequal ones and, with unit effects or clusters, correlation within them; by default as the
        fit's covariance. "robust" is there for one endogenous regressor, W y counted.

    Returns
    -------
    DataFrame
        ``term, estimate, conf_low, conf_high``: a row for each interval that a set consists of, without ends where
        nothing is known, NaN where no value is accepted: then the instruments are not valid.

    Raises
    ------
    SpatialInputError
        E501.

    Notes
    -----
    Anderson & Rubin (1949, Annals of Mathematical Statistics 20:46-63): b is accepted where the instruments explain
    nothing of y - b Y. One of several coefficients: the others are chosen to make the statistic least, which is
    compared with F(L - G + 1, n - k - L) (Guggenberger, Kleibergen, Mavroeidis & Chen 2012, Econometrica 80:2649-2666)
    and covers at least ``level``. Chernozhukov & Hansen (2008, Economics Letters 100:68-71) have the robust one.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.ols("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus), endog=["HOVAL"], instruments=["DISCBD"])
    >>> sp.anderson_rubin(fit).round(2).values.tolist()
    [['HOVAL', -1.58, -inf, -0.71], ['HOVAL', -1.58, 19.74, inf]]
    """
    if not 0 < level < 1:
        raise SpatialInputError("E501", f"level={level!r} must lie between 0 and 1", hint="level=0.95")
    refuse_without_instruments(fit, "anderson_rubin")
    if fit._design.lags:
        raise SpatialInputError("E501", "anderson_rubin is for static models: the moments of a dynamic panel have no "
                                "first stage of one regression", hint="leave lags= out")  # fmt: skip
    chosen = ("classical" if fit._settings.vcov == "classical" else "robust") if errors is None else errors
    check_option("errors", chosen, ("classical", "robust"))
    s = stages_of(fit)
    if chosen == "robust" and s.Y.shape[1] > 1:
        if errors is not None:
            raise SpatialInputError("E501", f"the robust set is there for one endogenous regressor, and there are "
                                    f"{s.Y.shape[1]}: {', '.join(s.names)}", hint="errors='classical'")  # fmt: skip
        chosen = "classical"
    rows = []
    for j, name in enumerate(s.names):
        term = s.spatial.get(name, name)
        sets = anderson_rubin_set(s, j, level) if chosen == "classical" else _robust_set(s, level)
        rows += [(term, float(fit.params[term]), *ends) for ends in sets or [(np.nan, np.nan)]]
    return pd.DataFrame(rows, columns=["term", "estimate", "conf_low", "conf_high"])


def _robust_set(s: Stages, level: float) -> list[tuple[float, float]]:
    """Where g(b)'S(b)^-1 g(b) is at most its critical value, g(b) = Z'(y - b Y) and S(b) the variance of its scores."""
    from scipy.optimize import brentq

    gy, gY = s.Z.T @ s.y, s.Z.T @ s.Y[:, 0]
    ry, rY = s.y - s.Z @ gy, s.Y[:, 0] - s.Z @ gY
    critical = float(fdtri(s.L, s.left, level))

    def excess(angle: float) -> float:
        c, d = np.cos(angle), np.sin(angle)
        g = c * gy - d * gY
        S = s.variance(s.Z * (c * ry - d * rY)[:, None])
        return s.F(float(g @ np.linalg.solve(S, g))) - critical

    scale = np.linalg.norm(s.y) / np.linalg.norm(s.Y[:, 0])
    angles = np.arctan(np.tan(np.linspace(-np.pi / 2, np.pi / 2, ANGLES + 2)[1:-1]) * scale)
    values = np.array([excess(a) for a in angles])
    cuts = [float(np.tan(brentq(excess, angles[k], angles[k + 1])))
            for k in np.flatnonzero(np.sign(values[1:]) != np.sign(values[:-1]))]  # fmt: skip
    ends = [-np.inf] * bool(values[0] <= 0) + cuts + [np.inf] * bool(values[-1] <= 0)
    return list(zip(ends[::2], ends[1::2]))


def _refuse_without_endog(fit: FitRecord) -> None:
    if fit._settings.method != "gmm" or not fit._design.endog:
        raise SpatialInputError(
            "E501",
            f"endogeneity_test needs regressors that endog= names, and {fit.specification.name} has none",
            hint="sp.ols(..., endog=['x'], instruments=['z'])",
        )
    by_moments(fit)
