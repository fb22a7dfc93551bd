"""Covariances of fits by the method of moments, and tests of their instruments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError, check_option

from ..design.fixed_effects import FixedEffects
from ..records.fit import FitRecord
from ..records.tests import TestResult, TestTable
from ..solve.gmm import KINDS, basis, regressors, two_stage_covariance


@dataclass(frozen=True)
class MomentCovariance:
    """The counterpart of the classes in ``vcov`` for ``method="gmm"``; ``kind`` is one of ``solve.gmm.KINDS``."""

    kind: str = "classical"

    def __post_init__(self):
        check_option("vcov", self.kind, KINDS)

    def covariance(self, fit: FitRecord) -> np.ndarray:
        refuse_impossible(self.kind, fit.specification, fit.settings.effects, fit.design.is_panel)
        if fit.solution.vcov is None:
            corrected = fit.settings.correction is not False
            return two_stage_covariance(fit.sample, fit.solution, self.kind, fit.design.n_units, corrected)
        if self.kind != fit.settings.vcov:
            raise SpatialInputError(
                "E501",
                f"{fit.specification.name} by moments has other estimates under vcov={self.kind!r}, not only "
                "another covariance",
                hint=f"estimate again with vcov={self.kind!r}",
            )
        n, p = fit.sample.n, regressors(fit.sample).shape[1]
        return fit.solution.vcov * (n / (n - p) if fit.settings.correction is not False else 1.0)

    def df(self, fit: FitRecord) -> None:
        """Inference is asymptotic: normal statistics."""

    def describe(self, fit: FitRecord) -> str:
        if self.kind in ("hc0", "hc1", "cluster"):
            return KINDS[self.kind]
        return KINDS[self.kind] + (", factor n/(n-k)" if fit.settings.correction is not False else ", without n/(n-k)")


@dataclass(frozen=True)
class DynamicMomentCovariance:
    """Of GMM for a dynamic model, estimated with its coefficients: there is no other."""

    kind: str = "robust"

    def __post_init__(self):
        check_option("vcov", self.kind, ("robust",))

    def covariance(self, fit: FitRecord) -> np.ndarray:
        return fit.solution.vcov

    def df(self, fit: FitRecord) -> None:
        """Inference is asymptotic: normal statistics."""

    def describe(self, fit: FitRecord) -> str:
        return "robust, by unit; with Windmeijer's correction after two steps"


def refuse_impossible(kind: str, specification, effects: FixedEffects, is_panel: bool) -> None:
    """Covariances without a theory for this model and these effects.

    Raises
    ------
    SpatialInputError
        E501.
    """
    if kind in ("hc0", "hc1", "cluster") and specification.error:
        raise SpatialInputError("E501", f"vcov={kind!r} is for sar and sdm, not for {specification.name}",
                                hint="vcov='robust' is the heteroskedastic estimator")  # fmt: skip
    if kind == "cluster" and not is_panel:
        raise SpatialInputError("E501", "vcov='cluster' by unit needs a panel", hint="use vcov='robust'")
    if kind in ("robust", "hc0", "hc1") and effects.entity:
        other = "classical" if specification.error else "cluster"
        raise SpatialInputError(
            "E501",
            f"vcov={kind!r} is not consistent with {effects} effects and few periods (Stock & Watson 2008)",
            hint=f"use vcov={other!r}",
        )


def instrument_tests(fit: FitRecord) -> TestTable:
    """Are the instruments strong, and are they valid?

    Parameters
    ----------
    fit : FitRecord
        From ``sar`` or ``sdm`` with ``method="gmm"``.

    Returns
    -------
    TestTable
        For W y and each endogenous regressor "first-stage F of ...", the partial F of the excluded instruments.
        "Sargan" and, where errors may be heteroskedastic, "Hansen J", both chi2 with the number of
        over-identifying restrictions; absent when there are none. For dynamic models "Hansen J", "AR(1)" (which
        differencing brings about) and "AR(2)" (which would make the past values invalid).

    Raises
    ------
    SpatialInputError
        E501 for other fits.

    Notes
    -----
    Sargan (1958): e'P e / (e'e / n). Hansen (1982): the minimum of the two-step efficient criterion, its weight
    from the two-stage residuals. With several endogenous variables a large F of each does not rule out weak
    instruments.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sar("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"), method="gmm")
    >>> [test.name for test in sp.instrument_tests(fit)]
    ['first-stage F of W:CRIME', 'Sargan', 'Hansen J']
    """
    if fit.settings.method != "gmm" or fit.specification.error:
        raise SpatialInputError("E501", f"instrument_tests needs sar or sdm with method='gmm', got "
                                f"{fit.specification.name} with method={fit.settings.method!r}",
                                hint="estimate the model with method='gmm'")  # fmt: skip
    title = f"Instruments of {fit.specification.name}: {fit.design.formula}"
    if fit.design.lags:
        return TestTable(title, _of_dynamic(fit))
    s, e = fit.sample, fit.solution.resid
    Z, Q = regressors(s), basis(s)
    X = s.X[:, s.exogenous]
    names = list(fit.params.index[:-1])
    endogenous = [(names[j], s.X[:, j]) for j in np.flatnonzero(~s.exogenous)] + [(f"W:{fit.design.response}", s.Wy)]
    results = [_first_stage(name, x, X, Q, s.n) for name, x in endogenous]
    if (extra := Q.shape[1] - Z.shape[1]) > 0:
        explained = Q.T @ e
        sargan = float(explained @ explained) / (float(e @ e) / len(e))
        results.append(TestResult("Sargan", sargan, extra, "the instruments are unrelated to the error"))
        if not fit.settings.effects.entity:
            j = _hansen(s.y, Z, Q, e)
            results.append(TestResult("Hansen J", j, extra, "the same, errors heteroskedastic"))
    return TestTable(title, tuple(results))


def _of_dynamic(fit: FitRecord) -> tuple[TestResult, ...]:
    """Hansen's J of the two-step estimate, and Arellano & Bond's tests of serial correlation."""
    gmm = fit.solution.gmm
    names = ("first", "second")
    serial = [TestResult(f"AR({k})", z, None, f"no {names[k - 1]}-order correlation of the differenced error")
              for k, z in enumerate(gmm.serial, 1) if np.isfinite(z)]  # fmt: skip
    extra = gmm.instruments - len(gmm.coef)
    hansen = TestResult("Hansen J", gmm.hansen, extra, "the instruments are unrelated to the error")
    return (*[hansen] * (extra > 0), *serial)


def _first_stage(name, x, X, Q, n) -> TestResult:
    """F of the instruments beside X in the regression of x on all of them."""
    within = X @ np.linalg.lstsq(X, x, rcond=None)[0]
    full = Q @ (Q.T @ x)
    q, left = Q.shape[1] - X.shape[1], n - Q.shape[1]
    restricted, rest = np.sum((x - within) ** 2), np.sum((x - full) ** 2)
    F = (restricted - rest) / q / (rest / left)
    return TestResult(f"first-stage F of {name}", float(F), (q, left), "the excluded instruments explain nothing")


def _hansen(y, Z, Q, e) -> float:
    """min over d of g'S^-1 g with g = Q'(y - Z d) and S = sum e_i^2 q_i q_i'."""
    L = np.linalg.cholesky((Q * e[:, None] ** 2).T @ Q)
    a, B = np.linalg.solve(L, Q.T @ y), np.linalg.solve(L, Q.T @ Z)
    rest = a - B @ np.linalg.lstsq(B, a, rcond=None)[0]
    return float(rest @ rest)
