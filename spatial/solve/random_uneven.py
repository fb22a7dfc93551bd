"""Random unit effects where units have unequal numbers of periods, or where the error's weights vary over time.

With B = diag(B_1, ..., B_T) over the rows that are observed, D the dummies of the units, T_i their rows, T the mean of
T_i and tau = T phi, the errors r = A y - X beta have the quadratic form and the determinant

========  =====================================================  ==============================
"kkp"     (B r)'(I - D diag(phi / (1 + T_i phi)) D') B r         sum_i ln(1 + T_i phi)
baltagi   r'K r - phi (D'K r)'(I + tau Q)^-1 D'K r,  K = B'B     ln|I + tau Q|,  Q = D'K D / T
========  =====================================================  ==============================

kappa = ln(1 + tau). Where all T_i are T and M is the same in all periods these are those of ``random_means``. Sources:
Baltagi & Chang (1994, J. Econometrics 62:67-89), for T_i; the inverse is Woodbury's, the determinant Sylvester's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from ..design.arrays import Sample
from ..design.unit_rows import UnitRows
from .random_means import Expansion, Inside, Polynomial, Uneven, inverse_and_logdet
from .random_problem import Problem, rotated


@dataclass(frozen=True, eq=False)
class UnevenInside(Inside, Uneven):
    """Unit effects inside the error process, or no error process.

    Attributes
    ----------
    units : UnitRows
    products : tuple of (float, int, Polynomial)
        For each number of periods T_i: T_i / T, how many units have it, and the cross-products of their means times
        sqrt(T_i).
    """

    units: UnitRows
    products: tuple[tuple[float, int, Polynomial], ...] = field(repr=False)

    @classmethod
    def of(cls, units: UnitRows, means: np.ndarray, M_means: np.ndarray | None) -> UnevenInside:
        """From means times sqrt(T_i), (N, c), of Z and of M Z."""
        products = []
        for count in np.unique(units.counts):
            own = units.counts == count
            part = Polynomial.of(means[own], None if M_means is None else M_means[own])
            products.append((count / units.mean_count, int(own.sum()), part))
        return cls(units, tuple(products))

    @property
    def whole(self) -> Polynomial:
        """The cross-products of all units."""
        parts = [part for *_, part in self.products]
        return Polynomial(*(sum(getattr(part, name) for part in parts) for name in ("c0", "c1", "c2")))

    def on_grid(self, lam, kappa):
        tau = np.expm1(kappa)
        C = sum(part.at(lam) / (1 + a * tau)[:, None, None] for a, _, part in self.products)
        return C, sum(N * np.log1p(a * tau) for a, N, _ in self.products)

    def expand(self, lam: float, kappa: float) -> Expansion:
        """By w = 1 / (1 + a tau), a = T_i / T: w' = -a e w^2, w'' = a e w^2 (2 a e w - 1), e = dtau / dkappa."""
        tau, e = np.expm1(kappa), np.exp(kappa)
        total = None
        for a, N, products in self.products:
            part, w = products.expand(lam, kappa), 1 / (1 + a * tau)
            share = a * e * w
            C, C_lam, w1 = w * part.C, w * part.C1[0], -share * w
            mixed = w1 * part.C1[0]
            C2 = np.array([[w * part.C2[0, 0], mixed], [mixed, share * w * (2 * share - 1) * part.C]])
            one = Expansion(C, np.array([C_lam, w1 * part.C]), C2, N * np.log1p(a * tau), np.array([0.0, N * share]),
                            np.array([[0.0, 0.0], [0.0, N * share * (1 - share)]]))  # fmt: skip
            total = one if total is None else total + one
        assert total is not None
        return total

    def white(self, values, lam, kappa):
        tau = np.expm1(kappa) / self.units.mean_count
        return self.units.less(values, 1 - 1 / np.sqrt(1 + self.units.counts * tau))


@dataclass(frozen=True, eq=False)
class UnevenBeside(Uneven):
    """Unit effects beside the error process: dense N x N matrices.

    Attributes
    ----------
    units : UnitRows
    M : csr_array, (m, m)
        Block-diagonal by period.
    simpler : UnevenInside
        The same means with the unit effects inside the error process.
    between : Polynomial
        Cross-products of the unit means times sqrt(T_i).
    H : (3, N, c)
        D'K Z / sqrt(T) = H_0 - lambda H_1 + lambda^2 H_2.
    Q : (3, N, N)
        D'K D / T likewise.
    """

    units: UnitRows
    M: sparse.csr_array = field(repr=False)
    simpler: UnevenInside = field(repr=False)
    between: Polynomial = field(repr=False)
    H: np.ndarray = field(repr=False)
    Q: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, units: UnitRows, M: sparse.csr_array, Z: np.ndarray, MZ: np.ndarray, simpler: UnevenInside):
        sums, T = units.sums_of, units.mean_count
        H = [sums @ Z, sums @ (MZ + M.T @ Z), sums @ (M.T @ MZ)]
        D, MD = sums.T.tocsr(), M @ sums.T
        mixed = (sums @ MD).toarray()
        Q = [(sums @ D).toarray(), mixed + mixed.T, (MD.T @ MD).toarray()]
        return cls(units, M, simpler, simpler.whole, np.array(H) / np.sqrt(T), np.array(Q) / T)

    def expand(self, lam: float, kappa: float) -> Expansion:
        """What the unit effects take is G = tau h'S h, S = (I + tau Q)^-1. With y = S h, ' by lambda and S Q = Q S

            dG = tau (h1'y + y'h1) - tau^2 y'Q1 y,   dG/dtau = y'y,   d2G = tau (h2'y + y'h2) + 2 tau g'S g
            - tau^2 y'Q2 y,   g = h1 - tau Q1 y,     d2G/dtau2 = -2 y'S Q y,   d y = S g
        """
        tau, e = np.expm1(kappa), np.exp(kappa)  # e = dtau / dkappa = d2tau / dkappa2
        h, h1, h2 = _derivatives(self.H, lam)
        Q, Q1, Q2 = _derivatives(self.Q, lam)
        S, logdet = inverse_and_logdet(np.eye(len(Q)) + tau * Q)
        SQ, SQ1 = S @ Q, S @ Q1
        # 1. G and its derivatives.
        y = S @ h
        g = h1 - tau * (Q1 @ y)
        dy = S @ g
        G, G_lam, G_tau = tau * h.T @ y, tau * _both(h1.T @ y) - tau**2 * y.T @ (Q1 @ y), y.T @ y
        G_ll = tau * _both(h2.T @ y) + 2 * tau * g.T @ dy - tau**2 * y.T @ (Q2 @ y)
        G_lt, G_tt = _both(dy.T @ y), -_both(y.T @ (SQ @ y))
        # 2. ln|I + tau Q|: traces of products.
        D_lam, D_tau = tau * np.trace(SQ1), np.trace(SQ)
        D_ll = tau * np.sum(S * Q2) - tau**2 * np.sum(SQ1 * SQ1.T)
        D_lt, D_tt = np.sum(SQ1 * S), -np.sum(SQ * SQ.T)
        # 3. From tau to kappa.
        taken = Expansion(
            -G, -np.array([G_lam, e * G_tau]),
            -np.array([[G_ll, e * G_lt], [e * G_lt, e**2 * G_tt + e * G_tau]]),
            logdet, np.array([D_lam, e * D_tau]),
            np.array([[D_ll, e * D_lt], [e * D_lt, e**2 * D_tt + e * D_tau]]),
        )  # fmt: skip
        return self.between.expand(lam, kappa) + taken

    def white(self, values, lam, kappa):
        """v - E F E'v with E = B D and E'E = T Q = U diag(s) U': F = U diag((1 - 1 / sqrt(1 + phi s)) / s) U'."""
        T, sums = self.units.mean_count, self.units.sums_of
        s, U = np.linalg.eigh(T * _derivatives(self.Q, lam)[0])
        s = np.maximum(s, 1e-300)
        flat = values.reshape(len(values), -1)
        turned = U.T @ (sums @ (flat - lam * (self.M.T @ flat)))
        taken = sums.T @ (U @ (((1 - 1 / np.sqrt(1 + np.expm1(kappa) / T * s)) / s)[:, None] * turned))
        return (flat - (taken - lam * (self.M @ taken))).reshape(values.shape)


def uneven_problem(sample: Sample, units: UnitRows, phi: float, M: sparse.csr_array | None = None) -> Problem:
    """The cross-products of a sample that is neither demeaned nor quasi-demeaned.

    Parameters
    ----------
    phi : float
        A first guess of sigma2_mu / sigma2_e: it orthogonalises X.
    M : csr_array (m, m), optional
        Weights of an error process that excludes the unit effects ("baltagi"), block-diagonal by period.
    """
    share = 1 - 1 / np.sqrt(1 + units.counts * phi)
    ys = np.column_stack([sample.y, sample.lag_of_y])
    Q, R = np.linalg.qr(units.less(sample.X, share))
    shift = Q.T @ units.less(ys, share)
    Z, MZ = rotated(ys, sample.X, R, shift), None
    if sample.error is not None:
        Mys = np.column_stack([sample.error_lag_of_y, sample.error_lag_of_Wy])
        MZ = rotated(Mys, sample.error_lag_of_X, R, shift)
    (within, means), (M_within, M_means) = (_split(values, units) for values in (Z, MZ))
    between = UnevenInside.of(units, means, M_means)
    kind = between if M is None or MZ is None else UnevenBeside.of(units, M, Z, MZ, between)
    return Problem(Polynomial.of(within, M_within), kind, units.mean_count, units.N, sample.lag, sample.error, R,
                   shift.T, len(sample.y))  # fmt: skip


def _split(values, units: UnitRows):
    """Deviations from unit means, (m, c), and the means times sqrt(T_i), (N, c)."""
    if values is None:
        return None, None
    return units.less(values, np.ones(units.N)), np.sqrt(units.counts)[:, None] * units.means(values)


def _derivatives(parts: np.ndarray, lam: float):
    """p_0 - lambda p_1 + lambda^2 p_2 and its two derivatives."""
    return parts[0] - lam * parts[1] + lam**2 * parts[2], 2 * lam * parts[2] - parts[1], 2 * parts[2]


def _both(x: np.ndarray) -> np.ndarray:
    return x + x.T
