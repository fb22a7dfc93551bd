"""Maximum likelihood with several W in the lag, several M in the error, or both.

    y = sum_j rho_j W_j y + X beta + u,    u = sum_l lambda_l M_l u + e,    e ~ (0, sigma2 I)

With A = I - sum_j rho_j W_j, B = I - sum_l lambda_l M_l the likelihood is that of ``ml``. With Z = [y, W_1 y, ...,
W_J y, Q], Q an orthonormal basis of X, M_0 = I, c = (1, -lambda) and v = (1, -rho, -gamma) the residuals are

    e = sum_i c_i M_i Z v

so that e'e, its gradient and its second derivatives come from the cross-products P of [Z, M_1 Z, ..., M_L Z], which
are computed once. Newton's steps are in (rho, lambda), with gamma and sigma2 concentrated out. Sources: Lee & Liu
(2010, Econometric Theory 26:187-230) for the model; Elhorst, Lacombe & Piras (2012) for the region; Lee & Yu (2010) for
panels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample, solve_triangular
from ..logdet.several import SIZES, SeveralJacobian, Window, window
from .ml import Solution
from .search import PROPORTIONAL

MAX_STEPS, MAX_WINDOWS = 100, 12
SETTLED = 1e-9  # Newton decrement at which the next step is the last: its error is of the decrement's square
GRID = 13  # starting values of each parameter across the diamond sum |rho_j| ||W_j|| < 1
EXACT_GRID = 64  # units up to which starting values have exact determinants
REACH = 6.0, 2.0  # half-widths of rough and of exact windows in standard errors
EDGE = 1e-6  # share of the way to the region's edge that an estimate must keep
NORM_IS_ENOUGH = 0.999


@dataclass(frozen=True, eq=False)
class SeveralSample:
    """Demeaned data of a model with several W.

    Attributes
    ----------
    y : (m,);  X : (m, k);  lags : (m, J), W_j y
    lagged : (L, m, 1 + J + k), M_l of [y, lags, X]
    n : int, observations left after the fixed effects
    lag, error : SeveralJacobian or None
    names : tuple of str, of X's columns
    dummies : 0
    """

    y: np.ndarray = field(repr=False)
    X: np.ndarray = field(repr=False)
    lags: np.ndarray = field(repr=False)
    lagged: np.ndarray = field(repr=False)
    n: int
    lag: SeveralJacobian | None
    error: SeveralJacobian | None
    names: tuple[str, ...]
    basis: tuple[np.ndarray, np.ndarray] = field(repr=False)
    dummies: int = 0

    @property
    def k(self) -> int:
        return self.X.shape[1]

    def __getattr__(self, name: str):
        if name not in Sample.__dataclass_fields__ and not hasattr(Sample, name):
            raise AttributeError(name)
        raise SpatialInputError("E324", "this is defined for models with one W",
                                hint="estimate the model with each W alone, or see the fit's effects() and tests")


@dataclass(frozen=True, eq=False)
class SeveralSolution(Solution):
    """The maximum.

    Attributes
    ----------
    rhos : (J,);  lams : (L,)
    information : (k + J + L + 1, k + J + L + 1), observed, of (gamma, rho, lambda, sigma2)
    T : (k + J + L, k + J + L), (beta, rho, lambda) by (gamma, rho, lambda)
    """

    rhos: np.ndarray
    lams: np.ndarray
    information: np.ndarray = field(repr=False)
    T: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class Problem:
    """The cross-products P (L + 1, p, L + 1, p), p = 1 + J + k, and the sizes."""

    P: np.ndarray
    n: int
    J: int
    L: int
    k: int

    def split(self, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return psi[: self.J], psi[self.J :]

    def gamma(self, psi: np.ndarray) -> tuple[np.ndarray, float]:
        """gamma at its minimum of e'e given (rho, lambda), and that minimum."""
        rho, lam = self.split(psi)
        c, a = np.concatenate([[1.0], -lam]), np.concatenate([[1.0], -rho])
        S = np.einsum("i,iajb,j->ab", c, self.P, c) if self.L else self.P[0, :, 0]
        s = 1 + self.J
        at_y = S[s:, :s] @ a
        gamma = np.linalg.solve(S[s:, s:], at_y) if self.L else at_y
        return gamma, float(a @ S[:s, :s] @ a - at_y @ gamma)

    def derivatives(self, psi: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """e'e, half of its gradient J'e and of its second derivatives by (gamma, rho, lambda), at the best gamma."""
        (rho, lam), (gamma, q) = self.split(psi), self.gamma(psi)
        L, p, s, k = self.L, self.P.shape[1], 1 + self.J, self.k
        c, v = np.concatenate([[1.0], -lam]), np.concatenate([[1.0], -rho, -gamma])
        P = self.P.reshape((L + 1) * p, (L + 1) * p)
        order = [*range(s, p), *range(1, s)]  # gamma, then rho
        D = np.zeros(((L + 1) * p, k + self.J + L))
        D[:, : k + self.J] = -np.kron(c[:, None], np.eye(p)[:, order])
        for i in range(L):
            D[(i + 1) * p : (i + 2) * p, k + self.J + i] = -v
        Pe = P @ np.kron(c, v)
        second = D.T @ P @ D
        for i in range(L):  # d2e / d(gamma, rho) d lambda_l = M_l [Q, W y]
            cross = Pe[(i + 1) * p : (i + 2) * p][order]
            second[: k + self.J, k + self.J + i] += cross
            second[k + self.J + i, : k + self.J] += cross
        return q, D.T @ Pe, second

    def value(self, psi: np.ndarray, determinants: float) -> float:
        """The log-likelihood."""
        q = max(self.gamma(psi)[1], np.finfo(float).tiny)
        return -self.n / 2 * (np.log(2 * np.pi * q / self.n) + 1) + determinants

    def expansion(self, psi: np.ndarray, determinants) -> tuple[float, np.ndarray, np.ndarray]:
        """ln L, its gradient and second derivatives by (rho, lambda), gamma and sigma2 concentrated out."""
        q, half, second = self.derivatives(psi)
        value, gradient, curvature = determinants
        n, k = self.n, self.k
        H = -n / q * second + 2 * n / q**2 * np.outer(half, half)
        if k:
            H = H[k:, k:] - H[k:, :k] @ np.linalg.solve(H[:k, :k], H[:k, k:])
        return -n / 2 * (np.log(2 * np.pi * q / n) + 1) + value, gradient - n / q * half[k:], H + curvature


def several_maximum(sample: SeveralSample) -> SeveralSolution:
    """Estimate beta, rho_1 ... rho_J, lambda_1 ... lambda_L and sigma2.

    Raises
    ------
    SpatialInputError
        E701 where the likelihood rises up to the edge of the admissible region, E702 where rho_1 ... are not told
        apart, E801 where the search does not settle.
    """
    problem, shift = _problem(sample)
    refuse_multiples(problem)
    parts = [part for part in (sample.lag, sample.error) if part is not None]
    psi = _start(problem, sample) if parts else np.zeros(0)
    if parts and all(part.logdet.dense for part in parts):
        psi, _ = _newton(problem, psi, lambda at: _joined(sample, problem, at, lambda part, x: part.expansion(x)))
    elif parts:
        psi = _by_windows(problem, sample, psi)
    refuse_edge(sample, problem, psi)
    return _solution(problem, sample, shift, psi)


def refuse_multiples(problem: Problem) -> None:
    """E714 where y, W_1 y, W_2 y ..., given the regressors, are linearly dependent: rho is not identified."""
    s = 1 + problem.J
    products = problem.P[0, :s, 0, :s]
    scale = 1 / np.sqrt(np.maximum(np.diag(products), np.finfo(float).tiny))
    if problem.J and np.linalg.eigvalsh(products * np.outer(scale, scale))[0] < PROPORTIONAL:
        raise SpatialInputError("E714", "rho_1, rho_2 ... are not identified: given the regressors y, W_1 y, W_2 y ... "
                                "are linearly dependent, as under weights that make every unit the neighbor of every "
                                "other", hint="weights that fall with distance, or fewer neighbors: wt.knn(map, k=6)")


def _problem(sample: SeveralSample) -> tuple[Problem, np.ndarray]:
    """Cross-products over [y, W y, Q], y and W y as residuals from Q; and Q'[y, W y]."""
    Q, R = sample.basis
    ys = np.column_stack([sample.y, sample.lags])
    shift = Q.T @ ys
    blocks = [np.column_stack([ys - Q @ shift, Q])]
    for lagged in sample.lagged:
        s = ys.shape[1]
        MQ = solve_triangular(R, lagged[:, s:].T, transposed=True).T
        blocks.append(np.column_stack([lagged[:, :s] - MQ @ shift, MQ]))
    F = np.column_stack(blocks)
    p, L = blocks[0].shape[1], len(sample.lagged)
    P = (F.T @ F).reshape(L + 1, p, L + 1, p)
    return Problem(P, sample.n, sample.lags.shape[1], L, sample.k), shift


def _joined(sample, problem: Problem, psi, of_part: Callable) -> tuple[float, np.ndarray, np.ndarray]:
    """The determinants of lag and error together: value, gradient, second derivatives by (rho, lambda)."""
    size, (rho, lam) = len(psi), problem.split(psi)
    value, gradient, curvature = 0.0, np.zeros(size), np.zeros((size, size))
    places = (slice(0, problem.J), slice(problem.J, size))
    for part, at, place in zip((sample.lag, sample.error), (rho, lam), places):
        if part is not None:
            L, L1, L2 = of_part(part, at)
            value += L
            gradient[place], curvature[place, place] = L1, L2
    return value, gradient, curvature


def _start(problem: Problem, sample: SeveralSample) -> np.ndarray:
    """The best of a grid over the diamond sum |rho_j| ||W_j|| < 1; of lag and error one after the other."""
    psi = np.zeros(problem.J + problem.L)
    places = (slice(0, problem.J), slice(problem.J, len(psi)))
    for part, place in zip((sample.lag, sample.error), places):
        if part is None:
            continue
        points = _diamond(part.logdet.norms)
        if part.logdet.n <= EXACT_GRID:
            L = np.array([part.value(point) for point in points])
        else:
            L = part.copies * (part.logdet.series(points) - part.unit_root * np.log(1 - points.sum(axis=1)))
        values = []
        for point, determinant in zip(points, L):
            at = psi.copy()
            at[place] = point
            values.append(problem.value(at, float(determinant)))
        psi[place] = points[int(np.argmax(values))]
    return psi


def _diamond(norms: np.ndarray) -> np.ndarray:
    """Grid points with sum |rho_j| ||W_j|| < 1, (Q, J)."""
    size = GRID if len(norms) <= 2 else 7
    grid = np.array(list(product(np.linspace(-0.96, 0.96, size), repeat=len(norms))))
    return grid[np.abs(grid).sum(axis=1) < 0.97] / norms


def _newton(problem: Problem, psi: np.ndarray, determinants: Callable) -> tuple[np.ndarray, float]:
    """Damped Newton ascent: the maximum and ln L at the last point that was evaluated.

    Raises
    ------
    SpatialInputError
        E801.
    """
    value, gradient, H = problem.expansion(psi, determinants(psi))
    for _ in range(MAX_STEPS):
        step = _uphill(gradient, H)
        decrement = float(gradient @ step)
        if decrement < SETTLED:
            return psi + step, value
        for _ in range(40):
            trial = problem.expansion(psi + step, determinants(psi + step))
            if trial[0] >= value - 1e-12 * abs(value):
                break
            step = step / 2
        else:
            return psi, value
        psi, (value, gradient, H) = psi + step, trial
    raise SpatialInputError("E801", "the search for rho_1, rho_2 ... did not settle",
                            hint="drop one of the W: the likelihood is almost flat")


def _uphill(gradient: np.ndarray, H: np.ndarray) -> np.ndarray:
    """Newton's step, with the curvature's sign turned where ln L is convex."""
    values, vectors = np.linalg.eigh(-H)
    size = np.maximum(np.abs(values), 1e-12 * np.abs(values).max(initial=1e-300))
    return vectors @ ((vectors.T @ gradient) / size)


def _by_windows(problem: Problem, sample: SeveralSample, psi: np.ndarray) -> np.ndarray:
    """From the series of traces to exact windows around the maximum, until it lies well inside of them."""
    reach, sizes = REACH[0], SIZES[:1]
    for _ in range(MAX_WINDOWS):
        _, _, H = problem.expansion(psi, _joined(sample, problem, psi, _series))
        errors = 1 / np.sqrt(np.maximum(np.linalg.eigvalsh(-H)[0], 1e-12))
        windows = {part: _box(part, at, reach * errors, sizes)
                   for part, at in zip((sample.lag, sample.error), problem.split(psi)) if part is not None}  # fmt: skip

        def exact(part, x, windows=windows):
            return part.added(windows[part].expansion(x), x)

        moved = _newton_inside(problem, sample, psi, exact, windows)
        at_edge = any(np.any((at <= w.low) | (at >= w.high)) for w, at in
                      zip(windows.values(), [x for x in problem.split(moved) if len(x)]))  # fmt: skip
        near = np.abs(moved - psi).max() < errors
        psi = moved
        if at_edge or not near:
            continue
        if len(sizes) > 1:
            return psi
        reach, sizes = REACH[1], SIZES
    raise SpatialInputError("E801", "the search for rho_1, rho_2 ... did not settle",
                            hint="drop one of the W: the likelihood is almost flat")


def _series(part: SeveralJacobian, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Second derivatives of L by the traces, which set the width of the first windows."""
    second = part.copies * part.logdet.traces[1]
    return 0.0, np.zeros(len(x)), -second


def _box(part: SeveralJacobian, at: np.ndarray, half: float, sizes: Sequence[int] = SIZES) -> Window:
    """A window around a point, cut down until it lies in the admissible region."""
    L = part.logdet
    for _ in range(60):
        corners = at + half * np.array(list(product((-1.0, 1.0), repeat=len(at))))
        if all(L.admissible(corner) for corner in corners):
            return window(L, at - half, at + half, part.copies, sizes)
        half = half / 1.5
    raise SpatialInputError("E701", f"rho = {np.round(at, 4).tolist()} lies on the edge of the admissible region",
                            hint="drop one of the W, or look at the model without this lag")


def _newton_inside(problem, sample, psi, exact, windows) -> np.ndarray:
    """Newton on the windows' polynomials, kept within them."""
    low, high = (np.concatenate([getattr(w, end) for w in windows.values()]) for end in ("low", "high"))
    value, gradient, H = problem.expansion(psi, _joined(sample, problem, psi, exact))
    for _ in range(MAX_STEPS):
        step = _uphill(gradient, H)
        trial = np.clip(psi + step, low, high)
        if float(gradient @ step) < SETTLED:
            return trial
        for _ in range(40):
            tried = problem.expansion(trial, _joined(sample, problem, trial, exact))
            if tried[0] >= value - 1e-12 * abs(value):
                break
            trial = (psi + trial) / 2
        else:
            return psi
        stuck = np.abs(trial - psi).max() < 1e-12
        psi, (value, gradient, H) = trial, tried
        if stuck:
            return psi
    return psi


def refuse_edge(sample: SeveralSample, problem: Problem, psi: np.ndarray) -> None:
    """E701 where rho or lambda lies on the edge of its region or beyond."""
    for part, at, name in zip((sample.lag, sample.error), problem.split(psi), ("rho", "lambda")):
        if part is None or np.abs(at) @ part.logdet.norms < NORM_IS_ENOUGH:
            continue
        if part.logdet.largest(at) > 1 - EDGE:
            raise SpatialInputError(
                "E701", f"the likelihood rises up to the edge of the admissible region: {name} = "
                f"{', '.join(f'{x:.4g}' for x in at)}",
                hint="drop one of the W, or a trend: y - rho W y has no variance left there",
            )  # fmt: skip


def _solution(problem: Problem, sample: SeveralSample, shift: np.ndarray, psi: np.ndarray) -> SeveralSolution:
    """beta, sigma2, residuals, log-likelihood and information at the maximum."""
    (rho, lam), (gamma, q) = problem.split(psi), problem.gamma(psi)
    n, k = sample.n, sample.k
    sigma2 = q / n
    determinants = _joined(sample, problem, psi, _final)
    _, half, second = problem.derivatives(psi)
    info = second / sigma2
    info[k:, k:] -= determinants[2]
    full = np.empty((len(info) + 1, len(info) + 1))
    full[:-1, :-1] = info
    full[-1, :-1] = full[:-1, -1] = -half / sigma2**2
    full[-1, -1] = n / (2 * sigma2**2)
    _, R = sample.basis
    T = np.eye(len(info))
    inverse = np.linalg.inv(R) if k else R
    T[:k, :k] = inverse
    T[:k, k : k + problem.J] = -inverse @ shift[:, 1:]
    beta = inverse @ (shift @ np.concatenate([[1.0], -rho]) + gamma)
    resid = sample.y - sample.lags @ rho - sample.X @ beta
    v = np.concatenate([[1.0], -rho, -beta])
    for value, lagged in zip(lam, sample.lagged):
        resid = resid - value * (lagged @ v)
    loglik = problem.value(psi, determinants[0])
    return SeveralSolution(beta, _alone(rho), _alone(lam), sigma2, loglik, resid, rhos=rho, lams=lam, information=full,
                           T=T)  # fmt: skip


def _alone(values: np.ndarray) -> float:
    """The one value, 0 of none, NaN of several."""
    return float(values[0]) if len(values) == 1 else float("nan") if len(values) else 0.0


def _final(part: SeveralJacobian, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Of a large sparse W from a window of a hundredth of the way to the edge."""
    if part.logdet.dense:
        return part.expansion(x)
    room = 0.05 * (1 - min(float(np.abs(x) @ part.logdet.norms), part.logdet.largest(x)))
    _, L1, L2 = part.added(_box(part, x, max(room, 1e-4)).expansion(x), x)
    return part.value(x), L1, L2
