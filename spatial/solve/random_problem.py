"""The likelihood of a panel with random unit effects: cross-products, determinants, derivatives.

    ln L = -n/2 ln(2 pi sigma2) + T ln|A| + T ln|B| - D/2 - q / (2 sigma2),      n = N T

with D and q of ``random_means``. q is a quadratic form v'C v in v = (1, -rho, -gamma), gamma the coefficients on an
orthonormal basis of the quasi-demeaned X; kappa = ln(1 + T phi) and phi = sigma2_mu / sigma2. Without a spatial error,
or with unit effects inside it, the data are used only once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from ..design.arrays import Sample
from ..design.fixed_effects import quasi_demean
from ..logdet import Jacobian
from .random_means import BesideError, Inside, InsideError, Polynomial, Uneven

ARRAYS = ("y", "X", "Wy", "My", "MX", "MWy")


@dataclass(frozen=True, eq=False)
class Problem:
    """The parts of a panel's likelihood.

    Attributes
    ----------
    within : Polynomial
        Cross-products of the deviations from unit means.
    means : Inside or BesideError
    T : float
        Periods; of units with unequal numbers their mean.
    N : int
    lag, error : Jacobian or None
        T log|A| and T log|B|.
    R : (k, k);  shift : (2, k)
        beta = R^-1 (gamma + shift_0 - rho shift_1).
    rows : int, optional
        n, where it is not T N: T is the mean of the units' sums of weights.
    """

    within: Polynomial
    means: Inside | BesideError
    T: float
    N: int
    lag: Jacobian | None
    error: Jacobian | None
    R: np.ndarray = field(repr=False)
    shift: np.ndarray = field(repr=False)
    rows: int | None = None

    @property
    def n(self) -> int:
        return round(self.T * self.N) if self.rows is None else self.rows

    @property
    def there(self) -> np.ndarray:
        """Which of (rho, lambda, kappa) the model has."""
        return np.array([self.lag is not None, self.error is not None, True])

    @property
    def parts(self) -> list[Jacobian]:
        return [part for part in (self.lag, self.error) if part is not None]

    def beta(self, gamma: np.ndarray, rho: float) -> np.ndarray:
        return solve_triangular(self.R, gamma + self.shift[0] - rho * self.shift[1]) if len(self.R) else np.zeros(0)


def random_problem(sample: Sample, T: int, share: float, M=None) -> Problem:
    """The cross-products of deviations and means.

    Parameters
    ----------
    sample : Sample
        Neither demeaned nor quasi-demeaned: T periods of N rows.
    share : float
        A first guess of the share of the unit means to take out: it orthogonalises X.
    M : csr_array, optional
        Weights of an error process that excludes the unit effects ("baltagi").
    """
    ys = np.column_stack([sample.y, sample.lag_of_y])
    Q, R = np.linalg.qr(_quasi_demeaned(sample.X, T, share))
    shift = Q.T @ _quasi_demeaned(ys, T, share)
    Z = rotated(ys, sample.X, R, shift)
    MZ = None
    if sample.error is not None:
        Mys = np.column_stack([sample.error_lag_of_y, sample.error_lag_of_Wy])
        MZ = rotated(Mys, sample.error_lag_of_X, R, shift)
    within, means = _split(Z, T)
    M_within, M_means = (None, None) if MZ is None else _split(MZ, T)
    N = len(sample.y) // T
    between = InsideError(Polynomial.of(means, M_means), N) if M is None else BesideError.of(means, M)
    return Problem(Polynomial.of(within, M_within), between, T, N, sample.lag, sample.error, R, shift.T)


def quasi_demeaned(sample: Sample, T: int, problem: Problem, point: np.ndarray) -> Sample:
    """The quasi-demeaned sample, for which e = B (A y - X beta) is white."""
    _, lam, kappa = point
    means = problem.means
    if isinstance(means, Uneven):
        white: dict[str, Any] = {name: means.white(values, lam, kappa)
                                 for name in ARRAYS if (values := getattr(sample, name)) is not None}  # fmt: skip
        return replace(sample, **white)
    root = means.root(lam, kappa) if isinstance(means, BesideError) else None

    def change(values):
        if values is None:
            return None
        if root is None:
            return _quasi_demeaned(values, T, 1 - np.exp(-kappa / 2))
        panel = values.reshape(T, -1, *values.shape[1:])
        mean = panel.mean(axis=0)
        return (panel - mean + root @ mean).reshape(values.shape)

    changed = {name: change(getattr(sample, name)) for name in ARRAYS}
    if isinstance(means, BesideError):  # M does not commute with the root
        lags = {"My": "y", "MX": "X", "MWy": "Wy"}
        changed |= {name: _lagged(means.M, changed[of], T) for name, of in lags.items() if changed[name] is not None}
    return replace(sample, **changed)


@dataclass(frozen=True, eq=False)
class Pieces:
    """ln L and its derivatives at one (rho, lambda, kappa), before beta and sigma2 are concentrated out.

    Attributes
    ----------
    v : (2 + k,)
        (1, -rho, -gamma), gamma at its maximum.
    q : float;  q_a : (3,);  q_ab : (3, 3)
        The quadratic form and its derivatives.
    q_ag : (3, k);  q_gg : (k, k)
        Those with gamma in them.
    J : float;  J1 : (3,);  J2 : (3, 3)
        What the determinants add to ln L.
    """

    v: np.ndarray
    q: float
    q_a: np.ndarray
    q_ab: np.ndarray
    q_ag: np.ndarray
    q_gg: np.ndarray
    J: float
    J1: np.ndarray
    J2: np.ndarray

    def loglik(self, n: int) -> float:
        return float(self.J - n / 2 * (np.log(2 * np.pi * self.q / n) + 1))


def pieces(problem: Problem, point) -> Pieces:
    rho, lam, kappa = point
    at = problem.within.expand(lam, kappa) + problem.means.expand(lam, kappa)
    C, a = at.C, np.array([1.0, -rho])
    v = np.concatenate([a, -np.linalg.solve(C[2:, 2:], C[2:, :2] @ a)])
    Cv, C1v = C @ v, at.C1 @ v
    q_ab = np.empty((3, 3))
    q_ab[0, 0], q_ab[0, 1:], q_ab[1:, 0] = 2 * C[1, 1], -2 * C1v[:, 1], -2 * C1v[:, 1]
    q_ab[1:, 1:] = at.C2 @ v @ v
    J, J1, J2 = -at.D / 2, np.array([0.0, *(-at.D1 / 2)]), np.zeros((3, 3))
    J2[1:, 1:] = -at.D2 / 2
    for j, (part, x) in enumerate(((problem.lag, rho), (problem.error, lam))):
        if part is not None:
            J, J1[j], J2[j, j] = J + float(part.value(x)), J1[j] + part.d1(x), J2[j, j] + part.d2(x)
    return Pieces(
        v=v, q=float(v @ Cv), q_a=np.array([-2 * Cv[1], *(C1v @ v)]), q_ab=q_ab,
        q_ag=np.concatenate([2 * C[None, 1, 2:], -2 * C1v[:, 2:]]), q_gg=2 * C[2:, 2:], J=J, J1=J1, J2=J2,
    )  # fmt: skip


def expansion(problem: Problem, point):
    """(ln L, score, Hessian) with beta and sigma2 concentrated out, in the parameters that the model has."""
    at, n, there = pieces(problem, point), problem.n, problem.there
    q_ab = at.q_ab - at.q_ag @ np.linalg.solve(at.q_gg, at.q_ag.T)
    score = at.J1 - n / 2 * at.q_a / at.q
    H = at.J2 - n / 2 * (q_ab / at.q - np.outer(at.q_a, at.q_a) / at.q**2)
    return at.loglik(n), score[there], H[np.ix_(there, there)]


def rotated(ys, X, R, shift):
    """Residuals of [y, W y] from X, and X R^-1."""
    Q = solve_triangular(R, X.T, trans="T").T if len(R) else X
    return np.column_stack([ys - Q @ shift, Q])


def _split(Z, T):
    """Deviations from unit means, (T N, c), and the means times sqrt(T), (N, c)."""
    panel = Z.reshape(T, -1, Z.shape[1])
    mean = panel.mean(axis=0)
    return (panel - mean).reshape(Z.shape), np.sqrt(T) * mean


def _quasi_demeaned(values, T, share):
    return quasi_demean(values.reshape(T, -1, *values.shape[1:]), share).reshape(values.shape)


def _lagged(M, values, T):
    """M applied to every period of (T N, ...) values."""
    panel = np.moveaxis(values.reshape(T, M.shape[0], -1), 1, 0)
    lagged = (M @ panel.reshape(M.shape[0], -1)).reshape(panel.shape)
    return np.moveaxis(lagged, 0, 1).reshape(values.shape)
