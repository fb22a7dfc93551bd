"""Maximum likelihood for every model with a spatial lag, a spatial error, both or neither.

    y = rho W y + X beta + u,    u = lambda M u + e,    e ~ (0, sigma2 I)

With A = I - rho W and B = I - lambda M the log-likelihood is

    ln L = -n/2 ln(2 pi sigma2) + ln|A| + ln|B| - e'e / (2 sigma2),     e = B (A y - X beta)

and e'e is a quadratic form in cross-products that are computed once: a search over (rho, lambda) never
touches the data again. Panels differ only in what is demeaned and in how often the determinants count
(``Jacobian``). Sources: Ord (1975); Anselin (1988) ch. 6; Lee & Yu (2010, J. Econometrics 154:165-185).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.linalg import solve_triangular

from spillover.errors import SpatialInputError

from .._logdet import Jacobian

GRID = {1: 41, 2: 15}  # starting points per parameter
EDGE = 1e-6  # share of the interval that the search leaves free at each end
MAX_STEPS = 60
WINDOW = 6.0  # half-width of a window in standard errors: the draws of effects fit in too
MAX_WINDOWS = 12


@dataclass(frozen=True, eq=False)
class Sample:
    """Demeaned data, flattened over periods and units (m rows), and the determinants.

    Attributes
    ----------
    y : (m,);  X : (m, k), W X included
    Wy : (m,) or None
        W y, for models with a lag.
    My, MX, MWy : arrays like y, X, Wy, or None
        M y, M X, M W y, for models with a spatial error.
    n : int
        Observations that are left after the fixed effects, the n of the likelihood.
    lag, error : Jacobian or None
        log|A| and log|B|.
    """

    y: np.ndarray = field(repr=False)
    X: np.ndarray = field(repr=False)
    n: int
    Wy: np.ndarray | None = field(default=None, repr=False)
    My: np.ndarray | None = field(default=None, repr=False)
    MX: np.ndarray | None = field(default=None, repr=False)
    MWy: np.ndarray | None = field(default=None, repr=False)
    lag: Jacobian | None = None
    error: Jacobian | None = None


@dataclass(frozen=True, eq=False)
class Solution:
    """The maximum: beta (k,), rho, lam (0 where the model has none), sigma2, loglik and e (m,)."""

    beta: np.ndarray
    rho: float
    lam: float
    sigma2: float
    loglik: float
    resid: np.ndarray = field(repr=False)


def maximum_likelihood(sample: Sample) -> Solution:
    """Estimate beta, rho, lambda and sigma2.

    Raises
    ------
    SpatialInputError
        E701 when the likelihood rises up to the edge of the admissible interval, E801 when the search
        does not settle.
    """
    # 1. An orthonormal basis of X, and y and W y without their projection on it: no cancellation later.
    Q, R = np.linalg.qr(sample.X)
    data, shift = _shifted(sample, Q, R)
    # 2. Cross-products of [y, W y, X] and of M [y, W y, X].
    products = _cross_products(*data)
    # 3. The maximum over (rho, lambda); beta and sigma2 follow.
    point = _search(products, sample)
    rho, lam, _, v, ss, loglik = _concentrated(point[None], products, sample)
    rho, lam, gamma, ss, loglik = float(rho[0]), float(lam[0]), -v[0, 2:], float(ss[0]), float(loglik[0])
    beta = solve_triangular(R, gamma + shift[0] - rho * shift[1]) if len(R) else np.zeros(0)
    return Solution(beta, rho, lam, ss / sample.n, loglik, residuals(sample, beta, rho, lam))


def loglik_at(sample: Sample, rho: float = 0.0, lam: float = 0.0) -> float:
    """The concentrated log-likelihood at a given (rho, lambda): profiles and tests read it."""
    Q, R = np.linalg.qr(sample.X)
    data, _ = _shifted(sample, Q, R)
    point = [value for value, part in ((rho, sample.lag), (lam, sample.error)) if part is not None]
    return float(_concentrated(np.array([point]), _cross_products(*data), sample)[5][0])


def residuals(sample: Sample, beta: np.ndarray, rho: float, lam: float) -> np.ndarray:
    """e = B (A y - X beta)."""
    e = sample.y - sample.X @ beta
    if sample.lag is not None:
        e = e - rho * sample.Wy
    if sample.error is not None:
        e = e - lam * spatially_lagged_error(sample, beta, rho)
    return e


def spatially_lagged_error(sample: Sample, beta: np.ndarray, rho: float) -> np.ndarray:
    """M u with u = A y - X beta."""
    Mu = sample.My - sample.MX @ beta
    return Mu if sample.lag is None else Mu - rho * sample.MWy


def _shifted(sample, Q, R):
    """[y, W y, Q] and M [y, W y, Q], y and W y as residuals from Q; and the coefficients taken out."""
    zero = np.zeros_like(sample.y)
    ys = np.column_stack([sample.y, zero if sample.Wy is None else sample.Wy])
    shift = Q.T @ ys
    Z = np.column_stack([ys - Q @ shift, Q])
    if sample.error is None:
        return (Z, None), shift.T
    MQ = solve_triangular(R, sample.MX.T, trans="T").T if len(R) else sample.MX
    Mys = np.column_stack([sample.My, zero if sample.MWy is None else sample.MWy])
    return (Z, np.column_stack([Mys - MQ @ shift, MQ])), shift.T


def _cross_products(Z, MZ):
    """(Z'Z, Z'MZ + its transpose, (MZ)'MZ): Z'B'B Z = Z'Z - lambda (...) + lambda^2 (...)."""
    if MZ is None:
        return Z.T @ Z, None, None
    mixed = Z.T @ MZ
    return Z.T @ Z, mixed + mixed.T, MZ.T @ MZ


def _concentrated(points, products, sample):
    """(rho, lambda, C, v, e'e, ln L) at each of m points (m, p), beta and sigma2 concentrated out.

    e'e = v'C v with v = (1, -rho, -gamma) over [y, W y, Q] and C = their cross-products after B = I - lambda M.
    """
    rho = points[:, 0] if sample.lag is not None else np.zeros(len(points))
    lam = points[:, -1] if sample.error is not None else np.zeros(len(points))
    zz, mixed, mm = products
    a = np.column_stack([np.ones(len(points)), -rho])
    if mixed is None:
        C, gamma = zz, a @ zz[:2, 2:]  # Q is orthonormal
    else:
        C = zz - lam[:, None, None] * mixed + lam[:, None, None] ** 2 * mm
        gamma = np.linalg.solve(C[:, 2:, 2:], C[:, 2:, :2] @ a[:, :, None])[:, :, 0]
    v = np.concatenate([a, -gamma], axis=1)
    ss = (np.matmul(C, v[:, :, None])[:, :, 0] * v).sum(axis=1)
    loglik = -sample.n / 2 * (np.log(2 * np.pi * ss / sample.n) + 1)
    if sample.lag is not None:
        loglik = loglik + sample.lag.value(rho)
    if sample.error is not None:
        loglik = loglik + sample.error.value(lam)
    return rho, lam, C, v, ss, loglik


def _expansion(point, products, sample):
    """(ln L, score, Hessian) of the concentrated likelihood at one point.

    With q = e'e minimised over gamma, d ln L = -n/2 dq / q + dL, and the second derivatives of q are those of
    v'C v less what gamma takes back: q_ab - q_ag q_gg^-1 q_gb.
    """
    rho, lam, C, v, q, loglik = _concentrated(point[None], products, sample)
    _, mixed, mm = products
    v, q, n = v[0], q[0], sample.n
    if mixed is None:
        C1v, bend, q_gg = np.zeros_like(v), 0.0, 2 * np.eye(len(v) - 2)
    else:
        C = C[0]
        C1v, bend, q_gg = (2 * lam[0] * mm - mixed) @ v, 2 * (v @ mm @ v), 2 * C[2:, 2:]  # dC/dlambda v; d2q/dlambda2
    q_a = np.array([-2 * (C @ v)[1], v @ C1v])
    q_ab = np.array([[2 * C[1, 1], -2 * C1v[1]], [-2 * C1v[1], bend]])
    q_ag = np.array([2 * C[1, 2:], -2 * C1v[2:]])
    q_ab = q_ab - q_ag @ np.linalg.solve(q_gg, q_ag.T)
    L1, L2 = np.array([(0.0, 0.0) if part is None else (part.d1(at[0]), part.d2(at[0]))
                       for part, at in ((sample.lag, rho), (sample.error, lam))]).T  # fmt: skip
    score = L1 - n / 2 * q_a / q
    H = np.diag(L2) - n / 2 * (q_ab / q - np.outer(q_a, q_a) / q**2)
    there = [part is not None for part in (sample.lag, sample.error)]
    return loglik[0], score[there], H[np.ix_(there, there)]


def _search(products, sample) -> np.ndarray:
    """The best point of a coarse grid, Newton on the score; first on a cheap curve, then on exact windows.

    Where all eigenvalues are known the cheap curve is the exact one and the window is the whole interval.
    """
    parts = [part for part in (sample.lag, sample.error) if part is not None]
    if not parts:
        return np.zeros(0)
    # 1. Roughly, over the whole interval.
    grids = [_grid(part.interval, GRID[len(parts)]) for part in parts]
    low, high = np.array([grid[[0, -1]] for grid in grids]).T
    rough = _with(sample, [part.coarse for part in parts])
    candidates = np.stack(np.meshgrid(*grids, indexing="ij"), -1).reshape(-1, len(parts))
    point = candidates[np.argmax(_concentrated(candidates, products, rough)[5])]
    point, curvature = _newton(products, rough, point, low, high)
    if all(part.coarse.logdet is part.logdet for part in parts):  # the curve was exact
        return _inside(point, parts, sample)
    # 2. Exactly, within windows of a few standard errors; again where the maximum leaves them.
    for _ in range(MAX_WINDOWS):
        half = WINDOW / np.sqrt(np.maximum(curvature, (1e-3 * (high - low)) ** -2.0 / 100))
        windows = [part.near(at - h, at + h) for part, at, h in zip(parts, point, half)]
        first, last = np.array([window.domain for window in windows]).T
        first, last = np.maximum(first, low), np.minimum(last, high)
        point, curvature = _newton(products, _with(sample, windows), np.clip(point, first, last), first, last)
        inner = 1e-9 * (high - low)
        if np.all((point > first + inner) | (first <= low)) and np.all((point < last - inner) | (last >= high)):
            break
    return _inside(point, parts, sample)


def _inside(point, parts, sample):
    """The point, unless it lies on the edge."""
    for part, at, name in zip(parts, point, ["rho"] * (sample.lag is not None) + ["lambda"]):
        lo, hi = part.interval
        if min(at - lo, hi - at) < 10 * EDGE * (hi - lo):
            raise SpatialInputError(
                "E701",
                f"{name} = {at:.6g} lies on the edge of its admissible interval ({lo:.6g}, {hi:.6g})",
                hint="look for a missing trend, a unit root in space or a regressor that W y reproduces",
            )
    return point


def _with(sample, determinants):
    """The sample with these curves for its determinants."""
    return replace(
        sample,
        lag=determinants[0] if sample.lag is not None else None,
        error=determinants[-1] if sample.error is not None else None,
    )


def _grid(interval, size):
    """Chebyshev points: dense towards the ends, where the determinant bends."""
    lo, hi = interval
    lo, hi = lo + EDGE * (hi - lo), hi - EDGE * (hi - lo)
    return (lo + hi) / 2 - (hi - lo) / 2 * np.cos(np.linspace(0, np.pi, size))


def _newton(products, sample, point, low, high):
    """Damped Newton ascent: (maximum, curvature there)."""
    value, score, H = _expansion(point, products, sample)
    for _ in range(MAX_STEPS):
        try:
            step = -np.linalg.solve(H, score)
        except np.linalg.LinAlgError:
            step = -score
        if step @ score < 0:  # not concave here: go uphill
            step = score / np.linalg.norm(score) * 0.05 * (high - low)
        for _halving in range(40):
            trial = np.clip(point + step, low, high)
            found = _expansion(trial, products, sample)
            if found[0] >= value - 1e-12 * abs(value):
                break
            step = step / 2
        moved = np.abs(trial - point).max()
        point, (value, score, H) = trial, found
        if moved < 1e-11:
            return point, -np.diag(H)
    raise SpatialInputError(
        "E801", f"the likelihood search did not settle: last point {point.tolist()}, step {moved:.2g}"
    )
