"""The bias of a dynamic panel's score from estimated unit effects, and the roots that decide on stationarity.

    y_t = rho W y_t + tau y_{t-1} + eta W y_{t-1} + X_t beta + W X_t theta + c + u_t,    u_t = lambda M u_t + e_t

(lambda, gamma and rho in Yu, de Jong & Lee). With S = I - rho W, B = I - lambda M and A = S^-1 (tau I + eta W) the unit
mean of y_{t-1} contains e, and of its sum B sum_h A^h S^-1 B^-1 remains, whose trace is that of sum_h A^h S^-1: in the
likelihood of the demeaned data, N T observations,

    E[dL/d(tau, eta, rho, lambda, sigma2)] =
        -(tr K, tr W K, tr W S^-1 (tau I + eta W) K + tr W S^-1, tr M B^-1, N / (2 sigma2)),
    K = (I - A)^-1 S^-1 = ((1 - tau) I - (rho + eta) W)^-1,

and the maximum has a bias of O(1/T). Since (tau I + eta W) K = S K - I, the element of rho equals tr W K, that of
eta: two traces of the long-run inverse suffice. They come from L(r) = log|I - r W| at r = (rho + eta) / (1 - tau).
Sources: Yu, de Jong & Lee (2008), J. Econometrics 146:118-134, theorem 3 and eq. 15; with time effects Lee & Yu
(2010), Econometric Theory 26:564-597, where W is F'WF, one unit less; with a spatial error Lee & Yu (2015, in Baltagi,
ed., The Oxford Handbook of Panel Data, ch. 12); lambda has the bias of a static panel. A model without a spatial lag
has rho = 0.

Near a unit root, a root of A above 1 - 1/N, the infinite sum is a poor approximation for T periods. There K is the sum
over the sample, (1/T) sum_{h < T-1} (T - 1 - h) A^h S^-1 (Nickell 1981, Econometrica 49:1417-1426, for W = 0): it stays
finite and needs no stationarity.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights

from ..design.arrays import Sample
from ..logdet import Asymmetric, Jacobian, Spectrum, spectrum_of, symmetrizer
from .ml import Solution

EIGEN_MAX = 5_000  # units whose eigenvalues are computed where the determinant alone does not suffice
CIRCLE = 720  # points on which a root is bounded when not all eigenvalues are known


def score_of_unit_effects(
    sample: Sample, at: Solution, weights: SpatialWeights, past: Jacobian, lags: list[int | None], *,
    all_periods: bool = False,
) -> np.ndarray:  # fmt: skip
    """E[dL/d(beta, rho, lambda, sigma2)] at the true values, when unit means were taken out of a dynamic model; without
    the places of parameters that the model does not have.

    Parameters
    ----------
    weights, past : W, and log|I - r W| as the likelihood counts it
        Also where only the past is lagged by W.
    lags : [tau, eta]
        Their places in beta; None where the model has no such term.
    all_periods : bool
        The sums over the periods of the sample, exact for any number of them, not their limit.
    """
    tau, eta = (0.0 if place is None else at.beta[place] for place in lags)
    traces = _traces_over_periods if all_periods else _traces
    K, WK, GK = traces(past, weights, at.rho, tau, eta)
    score, k = np.zeros(len(at.beta) + len(sample.parts) + 1), len(at.beta)
    for place, trace in zip(lags, (K, WK)):
        if place is not None:
            score[place] = -trace
    if sample.lag is not None:
        score[k] = -GK
    if sample.error is not None:
        score[-2] = float(sample.error.d1(at.lam)) / sample.error.copies
    score[-1] = -(weights.n - past.unit_root) / (2 * at.sigma2)
    return score


def roots(weights: SpatialWeights, L, rho, tau, eta) -> np.ndarray:
    """Roots of A = (I - rho W)^-1 (tau I + eta W), the largest among them: below one in size, y_t is stationary.

    Parameters
    ----------
    L : log-determinant of W (``spatial.logdet``)
    rho, tau, eta : float, or arrays of shape (draws, 1)

    Notes
    -----
    They are (tau + eta w) / (1 - rho w) over the eigenvalues w of W. That is monotone in a real w: the two outermost
    suffice. Where eigenvalues are complex and not known, the circle through the outermost bounds the roots.
    """
    w = outermost(weights, L)
    return (tau + eta * w) / (1 - rho * w)


def outermost(weights: SpatialWeights, L) -> np.ndarray:
    """Eigenvalues of W among which that of the largest root is: the two ends where all are real, all where they are
    complex, a circle around them where they are not known."""
    ends = 1 / np.array(L.interval)
    if isinstance(L, Asymmetric):
        L = L.whole
    if isinstance(L, Spectrum):
        return ends if np.isrealobj(L.eigenvalues) else L.eigenvalues
    if symmetrizer(weights.csr) is not None:
        return ends
    return np.abs(ends).max() * np.exp(2j * np.pi * np.arange(CIRCLE) / CIRCLE)


def _traces(past: Jacobian, weights, rho, tau, eta) -> tuple[float, float, float]:
    """tr K, tr W K and the element of rho; by the determinant where all roots are well inside."""
    n = weights.n - past.unit_root
    if np.abs(roots(weights, past.logdet, rho, tau, eta)).max() < 1 - 1 / n:
        r = (rho + eta) / (1 - tau)
        WK = float(-past.d1(r)) / past.copies / (1 - tau)
        K = n / (1 - tau) + r * WK
        return K, WK, WK
    return _traces_by_eigenvalues(past, weights, rho, tau, eta)


def _traces_by_eigenvalues(past: Jacobian, weights, rho, tau, eta) -> tuple[float, float, float]:
    """The same sums over the eigenvalues w of W (of F'WF, if that is the likelihood's), near a unit root or not."""
    w = _eigenvalues(past, weights)
    s = 1 / (1 - rho * w)
    a = (tau + eta * w) * s
    if (np.abs(a) < 1 - 1 / len(w)).all():
        return _summed(w, s, a, s / (1 - a))
    return _traces_over_periods(past, weights, rho, tau, eta)


def _traces_over_periods(past: Jacobian, weights, rho, tau, eta) -> tuple[float, float, float]:
    """The same with K = (1/T) sum_{h < T-1} (T - 1 - h) A^h S^-1."""
    w, T = _eigenvalues(past, weights), int(past.copies)
    s = 1 / (1 - rho * w)
    a = (tau + eta * w) * s
    powers, k = np.ones_like(a), np.zeros_like(a)
    for h in range(T - 1):
        k = k + (T - 1 - h) / T * powers * s
        powers = powers * a
    return _summed(w, s, a, k)


def _eigenvalues(past: Jacobian, weights) -> np.ndarray:
    if weights.n > EIGEN_MAX:
        raise SpatialInputError("E711", "so close to a unit root the bias correction needs all eigenvalues of W, up "
                                f"to {EIGEN_MAX:,} units", n=weights.n, hint="correction=False")  # fmt: skip
    if past.means is not None:  # of W J, which has a zero more than F'WF
        W = weights.csr.toarray()
        w = np.linalg.eigvals(W - W.mean(axis=1, keepdims=True))
        return np.delete(w, np.argmin(np.abs(w)))
    w = spectrum_of(weights).eigenvalues
    return np.delete(w, np.argmin(np.abs(w - 1))) if past.unit_root else w


def _summed(w, s, a, k) -> tuple[float, float, float]:
    """tr K, tr W K and tr (G (tau I + eta W) K + G): (tau + eta w) s = a."""
    K, WK, GK = (float(total.sum().real) for total in (k, w * k, w * a * k + w * s))
    return K, WK, GK
