"""Are the instruments of two-stage least squares strong, and are they valid?

With Q = [Q_x, Q_z] orthonormal, Q_x the exogenous regressors and Q_z what the excluded instruments add (L columns),
and Y~ the G endogenous regressors less their projection on Q_x, the first stage is Pi = Q_z'Y~, V = Y~ - Q_z Pi.
Singular values of Pi (Y~'Y~)^(-1/2) are the canonical correlations; the smallest, s, with its left vectors U (those
beyond the others) and its combination y_w = Y~ w of the endogenous regressors decides on identification:

    Cragg & Donald (1993)       F = s^2 / (1 - s^2) (n - k - L) / L
    Kleibergen & Paap (2006)    rk = g'[sum_i u_i u_i' e_i^2]^-1 g,  g = U'Q_z'y_w,  u_i = U'q_i

with e = V w in the Wald form, whose F is compared with Stock & Yogo's (2005) critical values, and e = y_w in the LM
form, chi2(L - G + 1) where the instruments do not identify the model.
"""

from __future__ import annotations

import numpy as np
from scipy.special import fdtri

from spillover.errors import SpatialInputError

from ..covariance.clustered import Cluster
from ..covariance.groups import group_codes, units_of_rows
from ..covariance.moments import by_moments
from ..records.fit import FitRecord
from ..records.tests import TestResult, TestTable
from ..solve.gmm import basis
from .dynamic_instruments import of_dynamic
from .stages import Stages, identification, lags_of_response

LEVEL = 0.95


def instrument_tests(fit: FitRecord) -> TestTable:
    """Are the instruments strong, and are they valid?

    Beside a spatial error the data are those of the last stage, y - lambda M y and likewise; with random effects less
    the share of unit means that they take.

    Parameters
    ----------
    fit : FitRecord
        With ``method="gmm"``: of W y, of endogenous regressors, or both.

    Returns
    -------
    TestTable
        For W y and each endogenous regressor "first-stage F of ...", the partial F of the excluded instruments;
        "Cragg-Donald F", "Kleibergen-Paap F" and "Kleibergen-Paap LM" (underidentification); "Anderson-Rubin" and
        "Anderson-Rubin, robust", which hold however weak instruments are, that W y and the endogenous regressors do not
        matter; "Sargan" and "Hansen J", both chi2 with the number of over-identifying restrictions,
        absent when there are none. The robust ones
        allow for unequal variances, with unit effects for correlation within units. For dynamic models "Hansen J",
        "AR(1)" (which differencing brings about) and "AR(2)" (which would make the past values invalid), and the first
        stages of the transformed equations, clustered by unit.

    Raises
    ------
    SpatialInputError
        E501 for other fits.

    Notes
    -----
    Sargan (1958): e'P e / (e'e / n). Hansen (1982): the minimum of the two-step efficient criterion, its weight
    from the two-stage residuals. Anderson & Rubin (1949); the 95 % sets of rho and of the endogenous coefficients
    (``sp.anderson_rubin``) are in ``note``. The F of each of several endogenous regressors can be
    large where together they are not identified.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sar("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"), method="gmm")
    >>> [test.name for test in sp.instrument_tests(fit)][:4]
    ['first-stage F of W:CRIME', 'Cragg-Donald F', 'Kleibergen-Paap F', 'Kleibergen-Paap LM']
    """
    refuse_without_instruments(fit, "instrument_tests")
    title = f"Instruments of {fit.specification.name}: {fit._design.formula}"
    if fit._design.lags:
        return TestTable(title, of_dynamic(fit))
    stages = stages_of(fit)
    results = (*_first_stages(stages), *identification(stages), *_anderson_rubin(stages), *_overidentification(stages))
    return TestTable(title, results, _note(stages))


def refuse_without_instruments(fit: FitRecord, what: str) -> None:
    """``what`` needs endogenous regressors, W y among them.

    Raises
    ------
    SpatialInputError
        E501.
    """
    if fit._settings.method != "gmm":
        raise SpatialInputError("E501", f"{what} needs method='gmm', got {fit.specification.name} with "
                                f"method={fit._settings.method!r}", hint="estimate the model with method='gmm'")
    if by_moments(fit)[0].all_exogenous:
        raise SpatialInputError("E501", f"{what}: {fit.specification.name} has no endogenous regressor",
                                hint="name it: endog=['x'], instruments=['z']")


def stages_of(fit: FitRecord) -> Stages:
    """The pieces of a fit's last stage."""
    s, at = by_moments(fit)
    y, X, Wy = s.By(at.filters), s.BX(at.filters), s.BWy(at.filters)
    exogenous, Q = X[:, s.exogenous], basis(s, X)
    k = exogenous.shape[1]  # the first k columns of Q span them
    Qx, Z = Q[:, :k], Q[:, k:]
    inside = np.flatnonzero(~s.exogenous)
    Y, ends, spatial = X[:, inside], [s.names[j] for j in inside], {}
    if s.Wy is not None:
        spatial = lags_of_response(fit)
        Y, ends = np.column_stack([Y, Wy]), [*ends, *spatial]

    def without(values):
        return values - Qx @ (Qx.T @ values)

    return Stages(without(y), without(Y), tuple(ends), Z, at.resid, s.n - Q.shape[1], _groups(fit), spatial)


def _groups(fit: FitRecord) -> np.ndarray | None:
    """Within which errors may be correlated: those of the fit's covariance, or units where they have effects."""
    d, settings = fit._design, fit._settings
    if isinstance(settings.vcov, Cluster) and not isinstance(settings.vcov.by, list | tuple):
        return group_codes(d, settings.vcov.by)[0]
    within = settings.effects.entity or settings.effects.random or settings.vcov == "cluster"
    return units_of_rows(d) if within else None


def _first_stages(s: Stages) -> list[TestResult]:
    """F of the instruments beside X in the regression of each endogenous regressor on all of them."""
    explained = np.sum((s.Z.T @ s.Y) ** 2, axis=0)
    rest = np.sum(s.Y**2, axis=0) - explained
    F = explained / s.L / (rest / s.left)
    null = "the excluded instruments explain nothing"
    return [TestResult(f"first-stage F of {n}", float(f), (s.L, s.left), null) for n, f in zip(s.names, F)]


def _anderson_rubin(s: Stages) -> list[TestResult]:
    """F of the instruments in the reduced form of y, with one variance and without."""
    g = s.Z.T @ s.y
    e = s.y - s.Z @ g
    F = float(g @ g) / s.L / (float(e @ e) / s.left)
    robust = s.F(float(g @ np.linalg.solve(s.variance(s.Z * e[:, None]), g)))
    zero = " = ".join(s.spatial.get(name, name) for name in (*s.names, "0"))
    return [
        TestResult("Anderson-Rubin", F, (s.L, s.left), f"{zero}, also under weak instruments"),
        TestResult("Anderson-Rubin, robust", robust, (s.L, s.left), f"the same, {s.errors}"),
    ]


def anderson_rubin_set(s: Stages, j: int = 0, level: float = LEVEL) -> list[tuple[float, float]]:
    """Every value of the j-th endogenous coefficient that Anderson & Rubin's test with one variance does not reject.

    With A = Y~'P Y~ - c Y~'(I - P) Y~ of y and the endogenous regressors the test accepts b where (1, -b)'A (1, -b) is
    not positive, the others chosen to make it least (Guggenberger, Kleibergen, Mavroeidis & Chen 2012, Econometrica
    80:2649-2666, whose test has L - G + 1 degrees of freedom and is conservative). That is a quadratic inequality
    q_2 b^2 + q_1 b + q_0 <= 0; where the others are not identified every b is in the set.
    """
    L = s.L - s.Y.shape[1] + 1
    c = float(fdtri(L, s.left, level)) * L / s.left
    columns = np.column_stack([s.y, s.Y[:, j], np.delete(s.Y, j, axis=1)])
    explained = s.Z.T @ columns
    A = (1 + c) * explained.T @ explained - c * columns.T @ columns
    inner, beside = A[2:, 2:], A[:2, 2:]
    if len(inner):
        if np.linalg.eigvalsh(inner)[0] <= 0:
            return [(-np.inf, np.inf)]
        A = A[:2, :2] - beside @ np.linalg.solve(inner, beside.T)
    q2, q1, q0 = A[1, 1], -2 * A[0, 1], A[0, 0]
    inside = q1**2 - 4 * q2 * q0
    if inside < 0:
        return [] if q2 > 0 else [(-np.inf, np.inf)]
    low, high = sorted(float(r) for r in np.roots([q2, q1, q0]).real)
    return [(low, high)] if q2 > 0 else [(-np.inf, low), (high, np.inf)]


def _overidentification(s: Stages) -> list[TestResult]:
    if s.extra <= 0:
        return []
    explained = s.Z.T @ s.e
    sargan = float(explained @ explained) / (float(s.e @ s.e) / len(s.e))
    results = [TestResult("Sargan", sargan, s.extra, "the instruments are unrelated to the error")]
    return [*results, TestResult("Hansen J", _hansen(s), s.extra, f"the same, {s.errors}")]


def _hansen(s: Stages) -> float:
    """min over d of g'S^-1 g with g = Q'(y - Y d) and S the variance of Q'e."""
    L = np.linalg.cholesky(s.variance(s.Z * s.e[:, None]))
    a, B = np.linalg.solve(L, s.Z.T @ s.y), np.linalg.solve(L, s.Z.T @ s.Y)
    rest = a - B @ np.linalg.lstsq(B, a, rcond=None)[0]
    return float(rest @ rest)


def _note(s: Stages) -> str:
    sets = []
    for j, name in enumerate(s.names):
        parts = [f"{low:.4g} to {high:.4g}" for low, high in anderson_rubin_set(s, j)]
        sets.append(f"{s.spatial.get(name, name)} {' and '.join(parts) or 'empty'}")
    if len(sets) == 1:
        name, _, ends = sets[0].partition(" ")
        return f"Anderson-Rubin {100 * LEVEL:g} % set of {name}, errors of one variance: {ends}"
    return f"Anderson-Rubin {100 * LEVEL:g} % sets, errors of one variance: {'; '.join(sets)}"
