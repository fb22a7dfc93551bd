"""Several lambdas by moments: u = sum_l lambda_l M_l u + e, of several M, or of the rows of M in each regime.

The moments of ``gmm_error`` are there for every M_l (Badinger & Egger 2011, Papers in Regional Science 90:213-235, eq.
14-19, under unequal variances; Lee & Liu 2010, Econometric Theory 26:187-230): with z = (1, -lambda_1, -lambda_2 ...)
and U = [u, M_1 u, M_2 u ...] they are

    m_r(lambda) = z'K_r z,    K_r = U'S_r U / (2 n),    dm_r/dlambda = -2 (K_r z) without its first element,

and their weighted square is least where Newton's steps end, from several starts. With J = dm/dlambda and
L = -(J'V J)^-1 J'V the rest is as with one M.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.moment_settings import USUAL, Moments
from .forms import lag
from .gmm import ErrorMomentSample, MomentSolution, Stage, basis, regressors, split, two_stage
from .gmm_error import TOLERANCE, precision, rounds_of, three_forms, two_forms
from .gmm_spread import SPREADS, sums_by_unit

STARTS = (-0.6, -0.3, 0.0, 0.3, 0.6)  # shares of the largest lambda of every M
GRID_MAX, TRIED, STEPS = 4, 4, 100
ALIKE = 1e-9  # smallest over largest eigenvalue of the moments' cross-products

Region = Callable[[np.ndarray], bool]


@dataclass(frozen=True, eq=False)
class SeveralErrorSample(ErrorMomentSample):
    """Ms: (N, N) each, the first of which is ``M``. lagged (L, m, 1 + k + J): M_l of y, X and W y."""

    Ms: tuple[sparse.csr_array, ...] = field(kw_only=True, repr=False)
    lagged: np.ndarray = field(kw_only=True, repr=False)

    def By(self, lam) -> np.ndarray:
        """y - sum_l lambda_l M_l y."""
        return self.y - np.tensordot(lam, self.lagged[:, :, 0], 1)

    def BX(self, lam) -> np.ndarray:
        """The same of X."""
        return self.X - np.tensordot(lam, self.lagged[:, :, 1 : 1 + self.X.shape[1]], 1)

    def BWy(self, lam) -> np.ndarray:
        """The same of W y; zeros in a model without a lag."""
        if self.Wy is None:
            return np.zeros_like(self.y)
        BWy = self.Wy.reshape(len(self.y), -1) - np.tensordot(lam, self.lagged[:, :, 1 + self.X.shape[1] :], 1)
        return BWy.reshape(self.Wy.shape)

    def lags(self, u: np.ndarray) -> np.ndarray:
        """(m, L): M_l u."""
        return np.column_stack([lag(M, u, self.v) for M in self.Ms])


@dataclass(frozen=True, eq=False)
class At:
    """The last round: d with the error T'e, the lambdas, K (r, 1 + L, 1 + L), the weight, e, ``linear`` (m, r)."""

    coef: np.ndarray
    T: np.ndarray = field(repr=False)
    lams: np.ndarray
    K: np.ndarray
    weight: np.ndarray
    e: np.ndarray = field(repr=False)
    linear: np.ndarray = field(repr=False)

    @property
    def L(self) -> np.ndarray:
        """(L, r): what the moments do to the lambdas."""
        J = slopes(self.K, self.lams)
        middle = J.T @ self.weight @ J
        return -np.linalg.solve(middle, J.T @ self.weight)


def several_moments(
    sample: SeveralErrorSample, inside: Region, settings: Moments = USUAL, errors: str = "kelejian"
) -> MomentSolution:
    """The estimates; ``errors`` "kelejian" has s2 among the moments, the others of ``SPREADS`` are weighted.

    Raises
    ------
    SpatialInputError
        E701 no lambdas inside the region, E704 not identified.
    """
    at, sigma2 = (_unweighted if errors == "kelejian" else _weighted)(sample, inside, settings, errors)
    kind, forms = SPREADS.get(errors, SPREADS["classical"]), _forms(sample, errors)
    spread = kind(forms, at.e, sample, at.linear)
    variance = sigma2 * at.T.T @ at.T
    if errors in ("robust", "cluster"):
        meat = sums_by_unit(at.T * at.e[:, None], sample, errors)
        variance = meat.T @ meat
    L = at.L
    beside = at.T.T @ spread.mixed @ L.T / sample.n
    vcov = np.block([[variance, beside], [beside.T, L @ spread.phi @ L.T / sample.n]])
    beta, rho, rhos = split(at.coef, sample)
    shares = None
    if errors in ("robust", "cluster"):
        own = np.column_stack([f @ at.e for f in forms]) / 2 + at.linear
        shares = at.e[:, None] * np.column_stack([at.T, own @ L.T / sample.n])
    return MomentSolution(beta, rho, float("nan"), sigma2, float("nan"), at.e, vcov, rhos, shares, at.lams)


def _unweighted(sample: SeveralErrorSample, inside: Region, settings: Moments, errors: str) -> tuple[At, float]:
    n, Z = sample.n, regressors(sample)
    forms, first = _forms(sample, errors), two_stage(sample.y, Z, basis(sample))
    share = np.array([sample.copies * f.trace for f in forms]) / n
    weight = np.eye(len(forms)) - np.outer(share, share) / (share @ share)
    u, before = first.resid, None
    for step in range(rounds_of(settings)):
        K = _products(forms, u, sample)
        lams = least(K, weight, inside)
        second, Zs = _transformed(sample, lams)
        e, once = second.resid, step == 0
        linear = _of_first(forms, sample, first.T, Zs, e, lams) if once else _linear(forms, second.T, Zs, e)
        if _settled(before, second.coef, lams):
            break
        before, u = (second.coef, lams), sample.y - Z @ second.coef
    start = first.resid - sample.lags(first.resid) @ lams if sample.all_exogenous and once else e
    return At(second.coef, second.T, lams, K, weight, e, linear), float(start @ start) / n


def _weighted(sample: SeveralErrorSample, inside: Region, settings: Moments, errors: str) -> tuple[At, float]:
    Z, forms, spread_of = regressors(sample), _forms(sample, errors), SPREADS[errors]
    first = two_stage(sample.y, Z, basis(sample))
    identity = np.eye(len(forms))
    lams, before = least(_products(forms, first.resid, sample), identity, inside), None
    for _ in range(rounds_of(settings)):
        second, Zs = _transformed(sample, lams)
        u, e = sample.y - Z @ second.coef, second.resid
        K, weight = _products(forms, u, sample), identity
        if settings.weighted:
            weight = precision(spread_of(forms, e, sample, _linear(forms, second.T, Zs, e)).phi)
        lams = least(K, weight, inside)
        if _settled(before, second.coef, lams):
            break
        before = second.coef, lams
    again, Zs = _transformed(sample, lams)
    e = u - sample.lags(u) @ lams
    linear = _linear(forms, again.T, Zs, e)
    if settings.weighted:
        weight = precision(spread_of(forms, e, sample, linear).phi)
    return At(second.coef, again.T, lams, K, weight, e, linear), float(e @ e) / sample.n


def _forms(sample: SeveralErrorSample, errors: str) -> list:
    """Those of every M_l; the identity, of s2, once."""
    if errors == "kelejian":
        each = [three_forms(replace(sample, M=M)) for M in sample.Ms]
        return [each[0][0], *(form for three in each for form in three[1:])]
    return [form for M in sample.Ms for form in two_forms(replace(sample, M=M), errors)]


def _products(forms, u: np.ndarray, sample: SeveralErrorSample) -> np.ndarray:
    """K (r, 1 + L, 1 + L)."""
    U = np.column_stack([u, sample.lags(u)])
    return np.array([U.T @ np.column_stack([f @ column for column in U.T]) for f in forms]) / (2 * sample.n)


def slopes(K: np.ndarray, lams: np.ndarray) -> np.ndarray:
    """dm/dlambda, (r, L)."""
    return -2 * (K @ np.append(1.0, -lams))[:, 1:]


def least(K: np.ndarray, weight: np.ndarray, inside: Region) -> np.ndarray:
    """Where m'V m is least inside the region.

    Raises
    ------
    SpatialInputError
        E701, E704.
    """

    def square(lams):
        z = np.append(1.0, -lams)
        m = K @ z @ z
        return float(m @ weight @ m)

    starts = [start for start in _starts(K.shape[1] - 1) if inside(start)]
    starts.sort(key=square)
    ends = [end for start in starts[:TRIED] if (end := _descend(K, weight, start, inside)) is not None]
    if not ends:
        raise SpatialInputError("E701", "the moments of the lambdas have no solution inside their region",
                                hint="use method='ml', or one W of the error")  # fmt: skip
    best = min(ends, key=square)
    J = slopes(K, best)
    size = np.linalg.eigvalsh(J.T @ weight @ J)
    if size[0] <= ALIKE * size[-1]:
        raise SpatialInputError("E704", "the moments do not tell the lambdas of the error apart",
                                hint="one W of the error, w_error=w1, or W with fewer links in common")  # fmt: skip
    return best


def _starts(count: int) -> list[np.ndarray]:
    if count <= GRID_MAX:
        return [np.array(point) for point in product(STARTS, repeat=count)]
    return [np.zeros(count), *np.random.default_rng(0).uniform(-0.6, 0.6, (300, count))]


def _descend(K: np.ndarray, weight: np.ndarray, lams: np.ndarray, inside: Region) -> np.ndarray | None:
    """Newton's steps, with second derivatives where these are positive definite; None where they leave the region."""
    for _ in range(STEPS):
        z = np.append(1.0, -lams)
        m, J = K @ z @ z, slopes(K, lams)
        slope, gauss = 2 * J.T @ weight @ m, 2 * J.T @ weight @ J
        H = gauss + 4 * np.tensordot(weight @ m, K[:, 1:, 1:], 1)
        H = H if np.linalg.eigvalsh(H)[0] > 0 else gauss + 1e-12 * np.trace(gauss) * np.eye(len(lams))
        step, value = -np.linalg.solve(H, slope), float(m @ weight @ m)
        if np.abs(step).max() < 1e-10:
            return lams
        share = 1.0
        while share > 1e-6:
            new = lams + share * step
            z = np.append(1.0, -new)
            m = K @ z @ z
            if float(m @ weight @ m) <= value * (1 + 1e-12) and inside(new):
                break
            share /= 2
        else:
            return lams if np.abs(step).max() < 1e-6 else None
        lams = new
    return None


def _settled(before, coef: np.ndarray, lams: np.ndarray) -> bool:
    """Whether neither d nor any lambda changes any more."""
    if before is None:
        return False
    scale = np.maximum(np.abs(before[0]), 1e-3 * np.abs(before[0]).max())
    return bool(np.abs(lams - before[1]).max() < TOLERANCE and (np.abs(coef - before[0]) < TOLERANCE * scale).all())


def _transformed(sample: SeveralErrorSample, lams: np.ndarray) -> tuple[Stage, np.ndarray]:
    """Two-stage least squares of B y on B Z, and B Z."""
    BX = sample.BX(lams)
    Zs = BX if sample.Wy is None else np.column_stack([BX, sample.BWy(lams)])
    return two_stage(sample.By(lams), Zs, basis(sample, BX)), Zs


def _linear(forms, T: np.ndarray, Zs: np.ndarray, e: np.ndarray) -> np.ndarray:
    """(m, r): T alpha_r, alpha_r = -Zs'S_r e."""
    return T @ np.column_stack([-(Zs.T @ (f @ e)) for f in forms])


def _of_first(forms, sample: SeveralErrorSample, T, Zs, e, lams) -> np.ndarray:
    """The same where d is the first step's, with error T'B^-1 e; exogenous regressors are unrelated to e."""
    if sample.all_exogenous:
        return np.zeros((len(e), len(forms)))
    from scipy.sparse.linalg import splu

    N = sample.M.shape[0]
    right = _linear(forms, T, Zs, e)
    stacked = right.reshape(-1, N, len(forms)).transpose(1, 0, 2)
    B = sparse.csc_array(sparse.eye_array(N) - sum(lam * M for lam, M in zip(lams, sample.Ms)))
    solved = splu(B).solve(np.ascontiguousarray(stacked.reshape(N, -1)), trans="T")
    return solved.reshape(stacked.shape).transpose(1, 0, 2).reshape(right.shape)
