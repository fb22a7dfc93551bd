"""Restricted maximum likelihood: spatial parameters that do not pay for the regressors.

The profile score of (rho, lambda) has a mean that is not zero, because beta is estimated: least squares takes K
degrees of freedom and bends e towards X. With B = I - lambda M, M_B the residual maker of B X, H = M B^-1,
G = W A^-1, q = |M_B B A y|^2 and m = n - K the adjusted scores

    rho:     (m / q) (B W y)' M_B B A y - tr(M_B B G B^-1)
    lambda:  (m / q) e'M u              - tr(M_B H)

have mean zero whatever K is. For a spatial error they are the slope of the restricted likelihood
ln|B| - ln|X'B'B X| / 2 - (m / 2) ln q; for a spatial lag of the adjusted profile likelihood of Martellosio & Hillier
(2020, J. Econometrics 219:402-422). With the constant as the only regressor it is the transformation of Lee & Yu
(2010) at T = 1. In terms of Q, an orthonormal basis of X, and C = Q'B'B Q:

    tr(M_B B G B^-1) = tr G - tr(C^-1 Q'B'B G Q),      tr(M_B H) = tr H + d ln|C| / d lambda / 2

so that each step takes one solve with K right-hand sides and nothing of size n x n.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from spillover.errors import SpatialInputError

from ..logdet.inverse import Inverse
from .ml import Sample, Solution, _cross_products, _solve, derivatives, maximum_likelihood, residuals
from .roots import root
from .search import _S, _ends, _expansion


@dataclass(frozen=True, eq=False)
class Adjusted(Solution):
    """A root of adjusted scores.

    Attributes
    ----------
    covariance : ndarray, shape (K + p, K + p)
        Of (beta, rho, lambda), absent parameters left out.
    df : int
        n - K, for t and F.
    """

    covariance: np.ndarray = field(repr=False)
    df: int


def restricted(sample: Sample, W=None, M=None) -> Adjusted:
    """The restricted estimate.

    Parameters
    ----------
    sample : Sample
        Of a cross-section or a balanced panel; effects taken out by transformation.
    W, M : Weights
        Of the lag and of the error; None for what the model has not.

    Returns
    -------
    Adjusted
        sigma2 = q / (n - K); loglik is NaN, since it is no maximum of the likelihood.

    Raises
    ------
    SpatialInputError
        E712 when the adjusted score has no root in the admissible interval, E801 when the search does not settle.
    """
    problem = Problem.of(sample, W, M)
    low, high = (end[:, 0] for end in _ends(problem.parts))
    return _solution(problem, root(problem.score, start_of(sample), low, high, names_of(sample)))


@dataclass(frozen=True, eq=False)
class Problem:
    """A sample with m = n - K in the place of n, its cross-products over [y, W y, Q], and how G Q is made."""

    sample: Sample
    data: Sample
    products: tuple
    W: object
    M: object

    @classmethod
    def of(cls, sample: Sample, W, M) -> Problem:
        products, _ = _cross_products([sample], [sample.basis])
        return cls(replace(sample, n=sample.n - sample.X.shape[1]), sample, products, W, M)

    @property
    def parts(self) -> list:
        return [part for part in (self.sample.lag, self.sample.error) if part is not None]

    def score(self, point) -> tuple[np.ndarray, np.ndarray]:
        """The adjusted scores (p,) and their derivatives (p, p) at (rho, lambda)."""
        at = np.asarray(point, dtype=float)[:, None]
        _, score, H, _ = _expansion(at, self.products, self.sample)
        score, H = score[:, 0].copy(), H[:, :, 0].copy()
        Q = self.data.basis[0]
        lam = at[-1, 0] if self.sample.error is not None else 0.0
        inverse, C1, C2 = self._filtered(lam)
        if self.sample.error is not None:
            back = inverse @ C1
            score[-1] -= np.trace(back) / 2
            H[-1, -1] -= (np.sum(inverse * C2) - np.sum(back * back.T)) / 2
        if self.sample.lag is not None:
            G = self._inverse(at[0, 0])
            once = G(Q)
            K, K1 = self._products_with(once, lam)
            score[0] += np.sum(inverse * K.T)
            H[0, 0] += np.sum(inverse * self._products_with(G(once), lam)[0].T)
            if self.sample.error is not None:
                H[0, 1] += np.sum(inverse * K1.T) - np.sum((back @ inverse) * K.T)
        return score, H

    def _filtered(self, lam):
        """C^-1 and the two derivatives of C = Q'B'B Q by lambda."""
        if self.sample.error is None:
            eye = np.eye(self.data.X.shape[1])
            return eye, None, None
        _, mixed, mm = (p[0, 2:, 2:] for p in self.products)
        _, (inverse, _) = _S(self.products, np.array([lam]))
        return inverse[0], 2 * lam * mm - mixed, 2 * mm

    def _inverse(self, rho):
        """values -> G values, for rows of all periods."""
        A_inverse, N = Inverse(self.W, rho), self.W.n

        def G(values):
            wide = values.reshape(-1, N, values.shape[1]).transpose(1, 0, 2)
            solved = self.W.csr @ A_inverse.solve(wide.reshape(N, -1))
            return solved.reshape(wide.shape).transpose(1, 0, 2).reshape(values.shape)

        return G

    def _products_with(self, right, lam):
        """Q'B'B right and its derivative by lambda."""
        Q, _, MQ = self.data.basis
        if self.sample.error is None:
            return Q.T @ right, None
        N = self.M.n
        wide = right.reshape(-1, N, right.shape[1]).transpose(1, 0, 2)
        moved = (self.M.csr @ wide.reshape(N, -1)).reshape(wide.shape).transpose(1, 0, 2).reshape(right.shape)
        mixed, both = MQ.T @ right + Q.T @ moved, MQ.T @ moved
        return Q.T @ right - lam * mixed + lam**2 * both, 2 * lam * both - mixed


def names_of(sample: Sample) -> list[str]:
    """Of the spatial parameters."""
    return ["rho"] * (sample.lag is not None) + ["lambda"] * (sample.error is not None)


def start_of(sample: Sample) -> np.ndarray:
    """The maximum likelihood, or the middle of the interval where it has none."""
    try:
        at = maximum_likelihood(sample)
    except SpatialInputError as error:
        if error.code not in ("E701", "E801"):
            raise
        return np.zeros((sample.lag is not None) + (sample.error is not None))
    return np.array([at.rho] * (sample.lag is not None) + [at.lam] * (sample.error is not None))


def _solution(problem: Problem, point: np.ndarray) -> Adjusted:
    """beta, sigma2 and the covariance of all at the root."""
    sample, m = problem.data, problem.sample.n
    rho = float(point[0]) if sample.lag is not None else 0.0
    lam = float(point[-1]) if sample.error is not None else 0.0
    Q, R, MQ = sample.basis
    BQ = Q if sample.error is None else Q - lam * MQ
    Ay = sample.y if sample.lag is None else sample.y - rho * sample.Wy
    if sample.error is not None:
        Ay = Ay - lam * (sample.My if sample.lag is None else sample.My - rho * sample.MWy)
    inverse = np.linalg.inv(BQ.T @ BQ)
    beta = _solve(R, inverse @ (BQ.T @ Ay))
    at = Solution(beta, rho, lam, np.nan, np.nan, residuals(sample, beta, rho, lam))
    s2 = float(at.resid @ at.resid) / m
    _, H = problem.score(point)
    V = np.linalg.inv(-(H + H.T) / 2)
    if not (np.diag(V) > 0).all():
        raise SpatialInputError("E702", "the restricted likelihood is not concave at its maximum",
                                hint="drop lagged regressors")  # fmt: skip
    # d beta / d (rho, lambda): the residuals stay orthogonal to B X.
    own = derivatives(sample, at)[:, sample.X.shape[1] :]
    moving = BQ.T @ own
    if sample.error is not None:
        moving[:, -1] += MQ.T @ at.resid
    D = -inverse @ moving
    basis = np.block([[s2 * inverse + D @ V @ D.T, D @ V], [(D @ V).T, V]])
    k = len(beta)
    basis[:k] = _solve(R, basis[:k])
    basis[:, :k] = _solve(R, basis[:, :k].T).T
    return Adjusted(beta, rho, lam, s2, np.nan, at.resid, (basis + basis.T) / 2, m)
