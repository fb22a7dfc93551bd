"""A spatial error process by the method of moments: generalised spatial two-stage least squares.

    y = Z d + u,    u = lambda M u + e

Estimation alternates: d by two-stage least squares, lambda from moments of the residuals, d again after
y - lambda M y and Z - lambda M Z. The moments are quadratic forms m_r = e'A_r e / n of e = u - lambda M u,
hence parabolas in lambda; their weighted square is a quartic whose minimum needs no search.

===============  =======================================================  ==============================
errors           moments                                                  source
===============  =======================================================  ==============================
homoskedastic    E e'e / n = s2,  E e'M'M e / n = s2 tr(M'M) / n,         Kelejian & Prucha (1998, 1999)
                 E e'M e / n = 0,  unweighted; s2 is estimated with them
heteroskedastic  E e'(M'M - diag M'M) e = 0,  E e'M e = 0,                Kelejian & Prucha (2010),
                 weighted by their covariance in a second round           Arraiz et al. (2010)
===============  =======================================================  ==============================

The covariance of (d, lambda) is that of a linear and several quadratic forms in e (Kelejian & Prucha 2010,
eq. 15-19; Drukker, Egger & Prucha 2013, section 4). It accounts for lambda being estimated from residuals.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.polynomial import polynomial
from scipy import sparse

from spillover.errors import SpatialInputError

from .gmm import ErrorMomentSample, MomentSolution, basis, regressors, split, two_stage

EDGE = 1e-4  # share of lambda's interval at each end: a minimum there means flat moments


@dataclass(frozen=True, eq=False)
class Form:
    """A quadratic form e'A e by S = A + A' (N, N) and A's diagonal (N,); it applies period by period."""

    S: sparse.csr_array = field(repr=False)
    diagonal: np.ndarray = field(repr=False)

    def __matmul__(self, e: np.ndarray) -> np.ndarray:
        """S e for stacked periods (m,)."""
        return (self.S @ e.reshape(-1, len(self.diagonal)).T).T.ravel()


def homoskedastic(sample: ErrorMomentSample, interval: tuple[float, float]) -> MomentSolution:
    """Kelejian & Prucha (1998): (1) d by 2SLS, (2) lambda from its residuals, (3) d from transformed data.

    Without W y and endogenous regressors it is the feasible generalised least squares of their 1999 paper.
    """
    M, n, Z = sample.M, sample.n, regressors(sample)
    first = two_stage(sample.y, Z, basis(sample))
    forms = [_form(sparse.eye_array(M.shape[0])), _form(M.T @ M), _form(M)]
    share = np.array([sample.copies * f.diagonal.sum() for f in forms]) / n  # E m_r = s2 share_r
    curve = _curves(forms, first.resid, sample)
    # s2 is estimated jointly: its regressor is projected out of the moments.
    weight = np.eye(3) - np.outer(share, share) / (share @ share)
    lam = _minimum(curve, weight, interval)
    second, e, Zs = _transformed(sample, Z, lam)
    start = first.resid - lam * _lag(sample, first.resid) if sample.Wy is None else e
    sigma2 = float(start @ start) / n  # without W y from the first residuals, as R's GMerrorsar
    linear = _first_step_terms(forms, sample, first.T, Zs, e, lam)
    spread = _gaussian_or_not(forms, e, sample, linear)
    coef = sigma2 * second.T.T @ second.T
    cross = second.T.T @ spread.mixed
    return _solution(sample, second.coef, lam, sigma2, e, coef, cross, spread.phi, curve, weight)


def heteroskedastic(sample: ErrorMomentSample, interval: tuple[float, float]) -> MomentSolution:
    """Kelejian & Prucha (2010): (1) 2SLS and a first lambda, (2) 2SLS from transformed data and a lambda whose
    moments are weighted by the inverse of their covariance."""
    M, Z = sample.M, regressors(sample)
    first = two_stage(sample.y, Z, basis(sample))
    forms = [_form(M.T @ M, without_diagonal=True), _form(M)]
    lam = _minimum(_curves(forms, first.resid, sample), np.eye(2), interval)
    second, e, Zs = _transformed(sample, Z, lam)
    u = sample.y - Z @ second.coef
    curve = _curves(forms, u, sample)
    phi = _white(forms, e, sample, _linear_terms(forms, second.T, Zs, e)).phi
    lam = _minimum(curve, _inverse(phi), interval)
    again, _, Zs = _transformed(sample, Z, lam)
    e = u - lam * _lag(sample, u)
    spread = _white(forms, e, sample, _linear_terms(forms, again.T, Zs, e))
    meat = again.T * e[:, None]
    cross = again.T.T @ spread.mixed
    sigma2 = float(e @ e) / sample.n
    weight = _inverse(spread.phi)
    return _solution(sample, second.coef, lam, sigma2, e, meat.T @ meat, cross, spread.phi, curve, weight)


def _inverse(phi: np.ndarray) -> np.ndarray:
    """Two moments may coincide: M'M without its diagonal is zero in a cycle, a multiple of M within equal blocks."""
    size = np.diag(phi)
    scale = 1 / np.sqrt(np.where(size > 0, size, 1.0))
    return np.outer(scale, scale) * np.linalg.pinv(phi * np.outer(scale, scale), rcond=1e-8, hermitian=True)


@dataclass(frozen=True, eq=False)
class _Spread:
    """phi (r, r): n times the moments' covariance. mixed (m, r): covariance of e_i with the n m_r."""

    phi: np.ndarray
    mixed: np.ndarray


def _white(forms, e, sample, linear) -> _Spread:
    """Independent e with variances estimated by e_i^2; the forms have no diagonal."""
    g = (e**2).reshape(-1, sample.M.shape[0])
    phi = [[np.sum(g * ((a.S * b.S) @ g.T).T) / 2 for b in forms] for a in forms]
    mixed = linear * e[:, None] ** 2
    return _Spread((np.array(phi) + linear.T @ mixed) / sample.n, mixed)


def _gaussian_or_not(forms, e, sample, linear) -> _Spread:
    """Identically distributed e with the residuals' third and fourth moment.

    Demeaned residuals do not reveal those moments: with fixed effects the normal distribution's are used.
    """
    n, s2 = sample.n, float(e @ e) / sample.n
    whole = n == len(e)
    third, excess = (np.mean(e**3), np.mean(e**4) - 3 * s2**2) if whole else (0.0, 0.0)
    diagonals = np.column_stack([np.tile(f.diagonal, len(e) // len(f.diagonal)) for f in forms])
    phi = s2**2 * sample.copies / 2 * np.array([[(a.S * b.S).sum() for b in forms] for a in forms])
    phi = phi + s2 * linear.T @ linear + excess * diagonals.T @ diagonals
    skew = third * linear.T @ diagonals
    return _Spread((phi + skew + skew.T) / n, s2 * linear + third * diagonals)


def _solution(sample, coef, lam, sigma2, e, variance, cross, phi, curve, weight) -> MomentSolution:
    """The estimates and the covariance of (d, lambda).

    lambda's error is L m with L = -(j'V j)^-1 j'V, j = dm/dlambda and V the moments' weight.
    """
    j = curve[:, 1] + 2 * lam * curve[:, 2]
    L = -(weight @ j) / (j @ weight @ j)
    beside = (cross @ L / sample.n)[:, None]
    vcov = np.block([[variance, beside], [beside.T, np.full((1, 1), L @ phi @ L / sample.n)]])
    beta, rho = split(coef, sample)
    return MomentSolution(beta, rho, lam, sigma2, float("nan"), e, vcov)


def _form(A, *, without_diagonal=False) -> Form:
    diagonal = A.diagonal()
    if without_diagonal:
        A, diagonal = A - sparse.diags_array(diagonal), np.zeros_like(diagonal)
    return Form(sparse.csr_array(A + A.T), diagonal)


def _curves(forms, u, sample) -> np.ndarray:
    """(r, 3): coefficients of m_r(lambda) = (u - lambda M u)'A_r (u - lambda M u) / n."""
    Mu = _lag(sample, u)
    return np.array([[u @ (f @ u) / 2, -(Mu @ (f @ u)), Mu @ (f @ Mu) / 2] for f in forms]) / sample.n


def _minimum(curve, weight, interval) -> float:
    """Where m(lambda)' V m(lambda), a quartic, is least between the ends of the interval."""
    distance = sum(weight[r, s] * polynomial.polymul(curve[r], curve[s]) for r in range(len(curve))
                   for s in range(len(curve)))  # fmt: skip
    slope = polynomial.polyder(distance)
    flat = polynomial.polyroots(slope)
    flat = flat.real[np.abs(flat.imag) <= 1e-9 * (1 + np.abs(flat.real))]
    lo, hi = interval
    margin = EDGE * (hi - lo) if np.isfinite(hi - lo) else 0.0
    inside = flat[(flat > lo + margin) & (flat < hi - margin)]
    inside = inside[polynomial.polyval(inside, polynomial.polyder(slope)) > 0]
    if not len(inside):
        raise SpatialInputError(
            "E701",
            f"the moments of lambda have no solution inside its interval ({lo:.6g}, {hi:.6g})",
            hint="use method='ml', or look for a missing trend or a unit root in space",
        )
    return float(inside[np.argmin(polynomial.polyval(inside, distance))])


def _transformed(sample: ErrorMomentSample, Z, lam):
    """Two-stage least squares of y - lambda M y on Z - lambda M Z; its residuals; the latter regressors."""
    MZ = sample.MX if sample.Wy is None else np.column_stack([sample.error_lag_of_X, sample.error_lag_of_Wy])
    Zs = Z - lam * MZ
    stage = two_stage(sample.By(lam), Zs, basis(sample, sample.BX(lam)))
    return stage, stage.resid, Zs


def _linear_terms(forms, T, Zs, e) -> np.ndarray:
    """(m, r): a_r = T alpha_r, alpha_r = -Zs'S_r e: contribution of the error of d, T'e, to n m_r."""
    alpha = np.column_stack([-(Zs.T @ (f @ e)) for f in forms])
    return T @ alpha


def _first_step_terms(forms, sample, T, Zs, e, lam) -> np.ndarray:
    """The same where d is the first step's, with error T'u = T'(I - lambda M)^-1 e.

    Exogenous regressors are unrelated to e: alpha is zero.
    """
    if sample.Wy is None:
        return np.zeros((len(e), len(forms)))
    from scipy.sparse.linalg import splu

    N = sample.M.shape[0]
    right = _linear_terms(forms, T, Zs, e)
    stacked = right.reshape(-1, N, len(forms)).transpose(1, 0, 2)
    B = sparse.eye_array(N, format="csc") - lam * sample.M
    solved = splu(B.tocsc()).solve(np.ascontiguousarray(stacked.reshape(N, -1)), trans="T")
    return solved.reshape(stacked.shape).transpose(1, 0, 2).reshape(right.shape)


def _lag(sample, u: np.ndarray) -> np.ndarray:
    """M u for stacked periods."""
    return (sample.M @ u.reshape(-1, sample.M.shape[0]).T).T.ravel()
