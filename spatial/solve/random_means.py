"""The covariance of unit means under random effects, as a function of lambda and kappa.

With tau = T phi, kappa = ln(1 + tau), K = B'B and B = I - lambda M, a panel's errors r_t = A y_t - X_t beta have
the quadratic form

    q = sum_t (r_t - r)'K (r_t - r) + T r'P r,      r the unit means,

and the log-likelihood contains -D / 2. P and D depend on the position of the unit effects mu:

========  ===================================  ==================  ==========================
"kkp"     u = lambda M u + mu + e              P = K / (1 + tau)   D = N ln(1 + tau)
baltagi   u = mu + v,  v = lambda M v + e      P = K S             D = ln|I + tau K|
========  ===================================  ==================  ==========================

with S = (I + tau K)^-1. Without a spatial error both are the same. Sources: Kapoor, Kelejian & Prucha (2007,
J. Econometrics 140:97-130); Baltagi, Song & Koh (2003, J. Econometrics 117:123-150); both nested in Baltagi, Egger
& Pfaffermayr (2013, Econometric Reviews 32:650-685).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse


@dataclass(frozen=True, eq=False)
class Expansion:
    """Cross-products C and D with their derivatives with respect to (lambda, kappa).

    Attributes
    ----------
    C : (c, c);  C1 : (2, c, c);  C2 : (2, 2, c, c)
    D : float;  D1 : (2,);  D2 : (2, 2)
    """

    C: np.ndarray
    C1: np.ndarray
    C2: np.ndarray
    D: float = 0.0
    D1: np.ndarray = field(default_factory=lambda: np.zeros(2))
    D2: np.ndarray = field(default_factory=lambda: np.zeros((2, 2)))

    def __add__(self, other: Expansion) -> Expansion:
        return Expansion(self.C + other.C, self.C1 + other.C1, self.C2 + other.C2,
                         self.D + other.D, self.D1 + other.D1, self.D2 + other.D2)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Polynomial:
    """Z'B'BZ = c0 - lambda c1 + lambda^2 c2, each (c, c), computed from the data once."""

    c0: np.ndarray
    c1: np.ndarray
    c2: np.ndarray

    @classmethod
    def of(cls, Z: np.ndarray, MZ: np.ndarray | None) -> Polynomial:
        zz = Z.T @ Z
        if MZ is None:
            return cls(zz, np.zeros_like(zz), np.zeros_like(zz))
        mixed = Z.T @ MZ
        return cls(zz, mixed + mixed.T, MZ.T @ MZ)

    def at(self, lam) -> np.ndarray:
        """(c, c), or (m, c, c) for m values of lambda."""
        lam = np.asarray(lam)[..., None, None]
        return self.c0 - lam * self.c1 + lam**2 * self.c2

    def expand(self, lam: float, kappa: float) -> Expansion:
        C2 = np.zeros((2, 2, *self.c0.shape))
        C2[0, 0] = 2 * self.c2
        return Expansion(self.at(lam), np.array([2 * lam * self.c2 - self.c1, np.zeros_like(self.c0)]), C2)


class Inside(ABC):
    """Unit means with the unit effects inside the error process, or without one."""

    @abstractmethod
    def on_grid(self, lam: np.ndarray, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """C (m, c, c) and D (m,) at m points."""

    @abstractmethod
    def expand(self, lam: float, kappa: float) -> Expansion:
        """C and D with their derivatives."""

    @property
    def simpler(self) -> Inside:
        """The starting point of the search."""
        return self


class Uneven(ABC):
    """Where the transformation to white errors follows M: unequal periods, or weights that vary over time."""

    @abstractmethod
    def white(self, values: np.ndarray, lam: float, kappa: float) -> np.ndarray:
        """R v of rows v (m, ...): R B (A y - X beta) has the covariance sigma2 I."""


@dataclass(frozen=True, eq=False)
class InsideError(Inside):
    """Unit effects inside the error process, or no error process: quasi-demeaning commutes with M.

    Attributes
    ----------
    products : Polynomial
        Of the unit means times sqrt(T).
    N : int
    """

    products: Polynomial
    N: int

    def on_grid(self, lam, kappa):
        return np.exp(-kappa)[:, None, None] * self.products.at(lam), self.N * kappa

    def expand(self, lam: float, kappa: float) -> Expansion:
        part, weight = self.products.expand(lam, kappa), np.exp(-kappa)
        C, C_lam, C_lamlam = weight * part.C, weight * part.C1[0], weight * part.C2[0, 0]
        return Expansion(C, np.array([C_lam, -C]), np.array([[C_lamlam, -C_lam], [-C_lam, C]]),
                         self.N * kappa, np.array([0.0, self.N]))  # fmt: skip


@dataclass(frozen=True, eq=False)
class BesideError:
    """Unit effects beside the error process: dense N x N matrices.

    Attributes
    ----------
    Z : (N, c)
        Unit means times sqrt(T).
    M : csr_array
    sums, squares : (N, N)
        M + M' and M'M.
    """

    Z: np.ndarray
    M: sparse.csr_array
    sums: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, Z: np.ndarray, M: sparse.csr_array) -> BesideError:
        return cls(Z, M, (M + M.T).toarray(), (M.T @ M).toarray())

    @property
    def simpler(self) -> InsideError:
        """The same means with the unit effects inside the error process: the starting point."""
        return InsideError(Polynomial.of(self.Z, self.M @ self.Z), len(self.Z))

    def K(self, lam: float) -> np.ndarray:
        """B'B."""
        return np.eye(len(self.Z)) - lam * self.sums + lam**2 * self.squares

    def expand(self, lam: float, kappa: float) -> Expansion:
        """Derivatives from dS = -S d(tau K) S and dP/dtau = -P P, dP/dlambda = S K1 S, K1 = dK/dlambda."""
        tau, e = np.expm1(kappa), np.exp(kappa)  # e = dtau / dkappa = d2tau / dkappa2
        K, K1, K2 = self.K(lam), 2 * lam * self.squares - self.sums, 2 * self.squares
        S, logdet = inverse_and_logdet(np.eye(len(K)) + tau * K)
        SK = (np.eye(len(K)) - S) / tau if tau > 1e-3 else S @ K  # S + tau S K = I
        SK1 = S @ K1
        # 1. P and its derivatives between columns of Z.
        Y = S @ self.Z
        PZ, K1Y = K @ Y, K1 @ Y
        SPZ, SK1Y = S @ PZ, S @ K1Y
        cross = SPZ.T @ K1Y
        C, C_lam, C_tau = self.Z.T @ PZ, Y.T @ K1Y, -PZ.T @ PZ
        C_ll, C_lt, C_tt = Y.T @ (K2 @ Y) - 2 * tau * K1Y.T @ SK1Y, -(cross + cross.T), 2 * PZ.T @ (K @ SPZ)
        # 2. ln|I + tau K|: traces of products.
        D_lam, D_tau = tau * np.trace(SK1), np.trace(SK)
        D_ll = tau * np.sum(S * K2) - tau**2 * np.sum(SK1 * SK1.T)
        D_lt, D_tt = np.sum(SK1 * S), -np.sum(SK * SK.T)
        # 3. From tau to kappa.
        return Expansion(
            C, np.array([C_lam, e * C_tau]),
            np.array([[C_ll, e * C_lt], [e * C_lt, e**2 * C_tt + e * C_tau]]),
            logdet, np.array([D_lam, e * D_tau]),
            np.array([[D_ll, e * D_lt], [e * D_lt, e**2 * D_tt + e * D_tau]]),
        )  # fmt: skip

    def root(self, lam: float, kappa: float) -> np.ndarray:
        """S^1/2: means multiplied by it, and then by B, are uncorrelated and of variance sigma2 / T."""
        values, vectors = np.linalg.eigh(self.K(lam))
        return vectors / np.sqrt(1 + np.expm1(kappa) * values) @ vectors.T


def inverse_and_logdet(F):
    """F^-1 and ln|F| of a symmetric positive definite matrix, by one factorisation."""
    from scipy.linalg.lapack import dpotrf, dpotri

    L, failed = dpotrf(F, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("I + tau K is not positive definite")
    half, _ = dpotri(L, lower=1)
    return np.tril(half) + np.tril(half, -1).T, 2 * float(np.log(L.diagonal()).sum())
