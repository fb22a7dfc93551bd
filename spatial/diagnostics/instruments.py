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

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtri

from spillover.errors import SpatialInputError

from ..covariance.moments import by_moments
from ..covariance.sandwich import sums_by_group
from ..records.fit import FitRecord
from ..records.tests import TestResult, TestTable
from ..solve.gmm import basis
from ..solve.gmm_dynamic import DynamicMoments

WEAK = "weak below about 10 (Stock & Yogo 2005)"
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Stages:
    """The pieces of two-stage least squares that its tests are made of.

    Attributes
    ----------
    y : (m,), Y : (m, G)
        The response and the endogenous regressors, the exogenous ones projected out.
    names : tuple of G str
    Z : (m, L)
        Orthonormal: what the excluded instruments add.
    e : (m,)
        Residuals of the second stage.
    left : int
        Observations less regressors and instruments: n - k - L.
    units : (m,) int, or None
        Groups within which errors may be correlated.
    """

    y: np.ndarray
    Y: np.ndarray
    names: tuple[str, ...]
    Z: np.ndarray
    e: np.ndarray
    left: int
    units: np.ndarray | None

    @property
    def L(self) -> int:
        return self.Z.shape[1]

    @property
    def extra(self) -> int:
        """Over-identifying restrictions."""
        return self.L - self.Y.shape[1]

    @property
    def errors(self) -> str:
        """What the robust statistics allow for."""
        return "errors of unequal variances" if self.units is None else "errors correlated within units"

    def F(self, wald: float) -> float:
        """A Wald statistic as an F with n - k - L degrees of freedom, as Stata's ``ivreg2`` scales it."""
        m = len(self.y)
        if self.units is None:
            return wald / m * self.left / self.L
        groups = int(self.units.max()) + 1
        return wald / (m - 1) * self.left * (groups - 1) / groups / self.L

    def variance(self, scores: np.ndarray) -> np.ndarray:
        """Of a sum of scores (m, p): errors of unequal variances, or correlated within units."""
        sums = scores if self.units is None else sums_by_group(scores, self.units)
        return sums.T @ sums


def instrument_tests(fit: FitRecord) -> TestTable:
    """Are the instruments strong, and are they valid?

    Parameters
    ----------
    fit : FitRecord
        From ``sar`` or ``sdm`` with ``method="gmm"``.

    Returns
    -------
    TestTable
        For W y and each endogenous regressor "first-stage F of ...", the partial F of the excluded instruments;
        "Cragg-Donald F", "Kleibergen-Paap F" and "Kleibergen-Paap LM" (underidentification); "Anderson-Rubin" and
        "Anderson-Rubin, robust", which hold however weak instruments are, that W y and the endogenous regressors do not
        matter; "Sargan" and "Hansen
        J", both chi2 with the number of over-identifying restrictions, absent when there are none. The robust ones
        allow for unequal variances, with unit effects for correlation within units. For dynamic models "Hansen J",
        "AR(1)" (which differencing brings about) and "AR(2)" (which would make the past values invalid).

    Raises
    ------
    SpatialInputError
        E501 for other fits.

    Notes
    -----
    Sargan (1958): e'P e / (e'e / n). Hansen (1982): the minimum of the two-step efficient criterion, its weight
    from the two-stage residuals. Anderson & Rubin (1949); its 95 % set of rho, where W y alone is endogenous, is in
    ``note``. The F of each of several endogenous regressors can be large where together they are not identified.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sar("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"), method="gmm")
    >>> [test.name for test in sp.instrument_tests(fit)][:4]
    ['first-stage F of W:CRIME', 'Cragg-Donald F', 'Kleibergen-Paap F', 'Kleibergen-Paap LM']
    """
    if fit._settings.method != "gmm" or fit.specification.error:
        raise SpatialInputError("E501", f"instrument_tests needs sar or sdm with method='gmm', got "
                                f"{fit.specification.name} with method={fit._settings.method!r}",
                                hint="estimate the model with method='gmm'")  # fmt: skip
    title = f"Instruments of {fit.specification.name}: {fit._design.formula}"
    if fit._design.lags:
        return TestTable(title, _of_dynamic(fit))
    stages = _stages(fit)
    results = (*_first_stages(stages), *_identification(stages), *_anderson_rubin(stages), *_overidentification(stages))
    return TestTable(title, results, _note(stages))


def _stages(fit: FitRecord) -> Stages:
    s, _ = by_moments(fit)
    exogenous, Q = s.X[:, s.exogenous], basis(s)
    k = exogenous.shape[1]  # the first k columns of Q span them
    Qx, Z = Q[:, :k], Q[:, k:]
    names = list(fit.params.index[:-1])
    inside = np.flatnonzero(~s.exogenous)
    Y = np.column_stack([s.X[:, inside], s.lag_of_y])
    units = np.tile(np.arange(fit._design.n_units), fit._design.n_periods) if fit._settings.effects.entity or (
        fit._settings.vcov == "cluster") else None  # fmt: skip

    def without(values):
        return values - Qx @ (Qx.T @ values)

    ends = (*(names[j] for j in inside), f"W:{fit._design.response}")
    return Stages(without(s.y), without(Y), ends, Z, fit._solution.resid, s.n - Q.shape[1], units)


def _first_stages(s: Stages) -> list[TestResult]:
    """F of the instruments beside X in the regression of each endogenous regressor on all of them."""
    explained = np.sum((s.Z.T @ s.Y) ** 2, axis=0)
    rest = np.sum(s.Y**2, axis=0) - explained
    F = explained / s.L / (rest / s.left)
    null = "the excluded instruments explain nothing"
    return [TestResult(f"first-stage F of {n}", float(f), (s.L, s.left), null) for n, f in zip(s.names, F)]


def _identification(s: Stages) -> list[TestResult]:
    """Cragg & Donald's F, and Kleibergen & Paap's two statistics."""
    G = s.Y.shape[1]
    R = np.linalg.qr(s.Y, mode="r")
    U, sizes, Vt = np.linalg.svd(s.Z.T @ s.Y @ np.linalg.inv(R))
    U, smallest, w = U[:, G - 1 :], float(min(sizes[-1], 1.0)), np.linalg.solve(R, Vt[-1])
    y_w, rows = s.Y @ w, s.Z @ U
    g = rows.T @ y_w
    e = y_w - s.Z @ (s.Z.T @ y_w)
    wald, lm = (float(g @ np.linalg.solve(s.variance(rows * x[:, None]), g)) for x in (e, y_w))
    cragg = smallest**2 / (1 - smallest**2) * s.left / s.L
    return [
        TestResult("Cragg-Donald F", cragg, "none", f"instruments are {WEAK}"),
        TestResult("Kleibergen-Paap F", s.F(wald), "none", f"the same, {s.errors}"),
        TestResult("Kleibergen-Paap LM", lm, s.L - G + 1, f"the instruments do not identify the model, {s.errors}"),
    ]


def _anderson_rubin(s: Stages) -> list[TestResult]:
    """F of the instruments in the reduced form of y, with one variance and without."""
    g = s.Z.T @ s.y
    e = s.y - s.Z @ g
    F = float(g @ g) / s.L / (float(e @ e) / s.left)
    robust = s.F(float(g @ np.linalg.solve(s.variance(s.Z * e[:, None]), g)))
    zero = " = ".join((*s.names[:-1], "rho", "0"))
    return [
        TestResult("Anderson-Rubin", F, (s.L, s.left), f"{zero}, also under weak instruments"),
        TestResult("Anderson-Rubin, robust", robust, (s.L, s.left), f"the same, {s.errors}"),
    ]


def anderson_rubin_set(s: Stages, level: float = LEVEL) -> list[tuple[float, float]]:
    """Every rho that Anderson & Rubin's F with one variance does not reject, as intervals; W y alone endogenous.

    F(b) <= c is the quadratic inequality q_2 b^2 + q_1 b + q_0 <= 0.
    """
    x, y, c = s.Y[:, 0], s.y, float(fdtri(s.L, s.left, level)) * s.L / s.left
    zx, zy = s.Z.T @ x, s.Z.T @ y

    def form(a, b, za, zb):
        return float(za @ zb) * (1 + c) - c * float(a @ b)

    q2, q1, q0 = form(x, x, zx, zx), -2 * form(x, y, zx, zy), form(y, y, zy, zy)
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
    if s.Y.shape[1] > 1:
        return ""
    parts = [f"{low:.4g} to {high:.4g}" for low, high in anderson_rubin_set(s)]
    return f"Anderson-Rubin {100 * LEVEL:g} % set of rho, errors of one variance: {' and '.join(parts) or 'empty'}"


def _of_dynamic(fit: FitRecord) -> tuple[TestResult, ...]:
    """Hansen's J of the two-step estimate, and Arellano & Bond's tests of serial correlation."""
    if not isinstance(fit._solution, DynamicMoments):
        raise TypeError("a dynamic model by moments has a solution of its own")
    gmm = fit._solution.gmm
    names = ("first", "second")
    serial = [TestResult(f"AR({k})", z, None, f"no {names[k - 1]}-order correlation of the differenced error")
              for k, z in enumerate(gmm.serial, 1) if np.isfinite(z)]  # fmt: skip
    extra = gmm.instruments - len(gmm.coef)
    hansen = TestResult("Hansen J", gmm.hansen, extra, "the instruments are unrelated to the error")
    return (*[hansen] * (extra > 0), *serial)
