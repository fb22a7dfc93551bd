"""Two-stage least squares for models with endogenous regressors, W y first among them.

    y = Z d + e,    Z = [X, W y],    instruments H = [X, W X, W2 X, ...]
    d = (Z' P Z)^-1 Z' P y,          P the projection on H

All quantities come from an orthonormal basis Q of H and the QR decomposition Q'Z = U R: the estimate is T'y and
its error T'e with T = Q U R^-T. Source: Kelejian & Prucha (1998), J. Real Estate Finance and Economics
17:99-121, eq. 8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import qr, solve_triangular

from spillover.errors import SpatialInputError

from ..design.arrays import Sample
from .block_forms import Periods
from .forms import direction
from .ml import Solution, alone

REDUNDANT = 1e-9  # relative distance to the span of the others below which an instrument is dropped
ROUNDING = 1e-13  # residual from rounding of a unit-length instrument within the span of the exogenous regressors
UNIDENTIFIED = 1e-11
KINDS = {
    "classical": "classical",
    "robust": "robust to heteroskedasticity",
    "hc0": "robust to heteroskedasticity (HC0)",
    "hc1": "robust to heteroskedasticity (HC1)",
    "cluster": "clustered by unit, factor N/(N-1)",
}


@dataclass(frozen=True, eq=False)
class MomentSample(Sample):
    """Data for the method of moments; ``lag`` and ``error`` stay None: no determinant is needed.

    Attributes
    ----------
    H : (m, q)
        Instruments beside the exogenous regressors.
    exogenous : (k,) bool
        Which columns of X are their own instruments.
    copies : int
        Periods that are left after the fixed effects.
    centered : bool
        Whether period means are taken out.
    """

    H: np.ndarray = field(kw_only=True, repr=False)
    exogenous: np.ndarray = field(kw_only=True, repr=False)
    copies: int = field(default=1, kw_only=True)
    centered: bool = field(default=False, kw_only=True)

    @property
    def all_exogenous(self) -> bool:
        """Whether neither W y nor another regressor is endogenous."""
        return self.Wy is None and bool(self.exogenous.all())


@dataclass(frozen=True, eq=False)
class ErrorMomentSample(MomentSample):
    """The same with a spatial error process.

    Attributes
    ----------
    M : (N, N) sparse
        Weights of the error process; (m, m), block diagonal, where they differ between periods.
    periods : Periods or None
        The same period by period where they differ.
    root : (N,) or None
        Of the weights of observations, those of all periods.
    """

    M: sparse.csr_array = field(kw_only=True, repr=False)
    periods: Periods | None = field(default=None, kw_only=True, repr=False)
    root: np.ndarray | None = field(default=None, kw_only=True, repr=False)

    @property
    def v(self) -> np.ndarray | None:
        """The direction that period effects take out of every period."""
        if not self.centered:
            return None
        return direction(np.ones(self.M.shape[0]) if self.root is None else self.root)


@dataclass(frozen=True, eq=False)
class MomentSolution(Solution):
    """``beta``, ``rho``, ``lam``, ``sigma2`` and ``resid``; ``loglik`` is NaN. ``rhos`` (J,) are those of every W that
    lags the response; of several ``rho`` is NaN. ``lams`` (L,) are those of several M; ``lam`` is NaN then.

    ``vcov`` (p, p) of (beta, rho, lambda) where it belongs to the estimates: the error process. None after
    two-stage least squares, whose covariance can be chosen afterwards.
    ``shares`` (m, p): what every row adds to the error of (beta, rho, lambda), the products of errors of one period
    among it, where errors may have unequal variances.
    """

    vcov: np.ndarray | None = field(default=None, repr=False)
    rhos: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    shares: np.ndarray | None = field(default=None, repr=False)
    lams: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)

    @property
    def filters(self) -> Any:
        """lambda, or all of them."""
        return self.lams if len(self.lams) else self.lam

    @property
    def all_lambdas(self) -> list[float]:
        """One where there is one."""
        return list(self.lams) if len(self.lams) else [self.lam]


@dataclass(frozen=True, eq=False)
class Stage:
    """One two-stage regression: coef (p,), its error's weights T (m, p), resid (m,)."""

    coef: np.ndarray
    T: np.ndarray = field(repr=False)
    resid: np.ndarray = field(repr=False)


def two_stage_least_squares(sample: MomentSample) -> MomentSolution:
    """S2SLS with sigma2 = SSE / (n - p).

    Raises
    ------
    SpatialInputError
        E704 when the instruments do not identify the coefficients.
    """
    Z = regressors(sample)
    stage = two_stage(sample.y, Z, basis(sample))
    sigma2 = float(stage.resid @ stage.resid) / (sample.n - Z.shape[1])
    beta, rho, rhos = split(stage.coef, sample)
    return MomentSolution(beta, rho, 0.0, sigma2, float("nan"), stage.resid, rhos=rhos)


def regressors(sample: Sample) -> np.ndarray:
    """Z = [X, W y]."""
    return sample.X if sample.Wy is None else np.column_stack([sample.X, sample.Wy])


def basis(sample: MomentSample, X: np.ndarray | None = None) -> np.ndarray:
    """Orthonormal columns that span the exogenous columns of ``X`` (the sample's own by default) and H.

    Raises
    ------
    SpatialInputError
        E206 when there are as many as observations.
    """
    exogenous = (sample.X if X is None else X)[:, sample.exogenous]
    Q = np.linalg.qr(exogenous)[0]
    rest = sample.H
    for smallest in (0.0, ROUNDING):  # what the exogenous regressors leave, taken twice: large means cancel
        size = np.linalg.norm(rest, axis=0)
        rest = rest[:, size > smallest] / size[size > smallest]
        rest = rest - Q @ (Q.T @ rest)
    if rest.shape[1]:
        more, R, _ = qr(rest, mode="economic", pivoting=True)
        Q = np.column_stack([Q, more[:, np.abs(np.diag(R)) > REDUNDANT]])
    if Q.shape[1] >= sample.n:
        raise SpatialInputError("E206", f"{Q.shape[1]} instruments are too many for {sample.n} observations",
                                hint="use fewer regressors, or method='ml'")  # fmt: skip
    return Q


def two_stage(y: np.ndarray, Z: np.ndarray, Q: np.ndarray) -> Stage:
    """Regress y on Z with instruments that Q spans."""
    if Q.shape[1] < Z.shape[1]:
        raise _not_identified(f"{Q.shape[1]} independent instruments for {Z.shape[1]} coefficients")
    U, R = np.linalg.qr(Q.T @ Z)
    if (np.abs(np.diag(R)) <= UNIDENTIFIED * np.linalg.norm(Z, axis=0)).any():
        raise _not_identified("given the instruments, the regressors are collinear")
    T = Q @ (U @ solve_triangular(R, np.eye(len(R))).T)
    coef = T.T @ y
    return Stage(coef, T, y - Z @ coef)


def lags_of_response(sample: Sample) -> int:
    """How many W lag the response: W y has a column for each where they are several."""
    return 0 if sample.Wy is None else sample.Wy.shape[1] if sample.Wy.ndim > 1 else 1


def split(coef: np.ndarray, sample: Sample) -> tuple[np.ndarray, float, np.ndarray]:
    """beta, rho and all rho_j from the coefficients of [X, W y]."""
    k = len(coef) - lags_of_response(sample)
    return coef[:k], alone(coef[k:]), coef[k:]


def _not_identified(why: str) -> SpatialInputError:
    return SpatialInputError("E704", f"two-stage least squares cannot identify the model: {why}",
                             hint="W y needs regressors whose lags vary; endogenous regressors need instruments of "
                             "their own")  # fmt: skip
