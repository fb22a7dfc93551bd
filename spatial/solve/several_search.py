"""The search for rho_1 ... and lambda_1 ...: starting values, Newton's steps, and windows of large sparse W."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from spillover.errors import SpatialInputError

from ..logdet.several import SeveralJacobian
from ..logdet.several_periods import AnyLogdet
from ..logdet.windows import SIZES, Window, window
from .several_problem import Problem, SeveralSample, joined

MAX_STEPS, MAX_WINDOWS = 100, 12
SETTLED = 1e-9  # Newton decrement at which the next step is the last: its error is of the decrement's square
STUCK = 1e-9  # length of a step, halved until it goes uphill, that is none
GRID = 13  # starting values of each parameter across the diamond sum |rho_j| ||W_j|| < 1
EXACT_GRID = 64  # units up to which starting values have exact determinants
REACH = 6.0, 2.0  # half-widths of rough and of exact windows in standard errors


def search(problem: Problem, sample: SeveralSample) -> np.ndarray:
    """(rho, lambda) at the maximum; with lag and error the higher of what is reached from two starts.

    Raises
    ------
    SpatialInputError
        E801 where no search settles.
    """
    parts = [part for part in (sample.lag, sample.error) if part is not None]
    if not parts:
        return np.zeros(0)
    if all(part.logdet.dense for part in parts):
        def climb(psi):
            return newton(problem, psi, lambda at: joined(sample, problem, at, lambda part, x: part.expansion(x)))
    else:
        def climb(psi):
            return by_windows(problem, sample, psi)

    reached, failed = [], []
    for start in starts(problem, sample):
        try:
            reached.append(climb(start))
        except SpatialInputError as error:
            failed.append(error)
    if not reached:
        raise failed[0]
    inside = [pair for pair in reached if admissible(problem, sample, pair[0])]
    return max(inside or reached, key=lambda pair: pair[1])[0]


def admissible(problem: Problem, sample: SeveralSample, psi: np.ndarray) -> bool:
    """Whether rho and lambda lie in their regions."""
    roles = zip((sample.lag, sample.error), problem.split(psi))
    return all(part is None or part.logdet.admissible(at) for part, at in roles)


def starts(problem: Problem, sample: SeveralSample) -> list[np.ndarray]:
    """The best of a grid over the diamond sum |rho_j| ||W_j|| < 1.

    Lag and error one after the other, in both orders: the likelihood may have a maximum with the dependence in the lag,
    and another with it in the error.
    """
    size = problem.J + problem.L
    places = slice(0, problem.J), slice(problem.J, size)
    roles = [(part, place) for part, place in zip((sample.lag, sample.error), places) if part is not None]
    built: list[np.ndarray] = []
    for order in (roles, roles[::-1])[: len(roles)]:
        psi = np.zeros(size)
        for part, place in order:
            psi = _best_of_grid(problem, part, place, psi)
        if not any(np.array_equal(psi, other) for other in built):
            built.append(psi)
    return built


def _best_of_grid(problem: Problem, part: SeveralJacobian, place: slice, psi: np.ndarray) -> np.ndarray:
    """psi with its part in ``place`` at the best of the grid; the other determinant is a constant there."""
    points = _grid(part.logdet)
    if part.logdet.n <= EXACT_GRID:
        determinants = np.array([part.value(point) for point in points])
    else:
        left = np.array([part.left(point)[0] for point in points]) if part.reduced else 0.0
        determinants = part.copies * (part.logdet.series(points) + left)
    trials = np.repeat(psi[None], len(points), axis=0)
    trials[:, place] = points
    values = [problem.value(at, float(value)) for at, value in zip(trials, determinants)]
    return trials[int(np.argmax(values))]


def _grid(logdet: AnyLogdet) -> np.ndarray:
    """Admissible points (Q, J): of several W those of the diamond, of W by regime those with one rho."""
    norms = getattr(logdet, "row_norms", None)
    if norms is None:
        return _diamond(logdet.norms)
    every = np.ones(len(norms))
    return np.outer(np.linspace(-0.96, 0.96, GRID), every / logdet.bound(every))


def _diamond(norms: np.ndarray) -> np.ndarray:
    """Grid points with sum |rho_j| ||W_j|| < 1, (Q, J)."""
    size = GRID if len(norms) <= 2 else 7
    grid = np.array(list(product(np.linspace(-0.96, 0.96, size), repeat=len(norms))))
    return grid[np.abs(grid).sum(axis=1) < 0.97] / norms


def newton(
    problem: Problem, psi: np.ndarray, determinants: Callable, *, settled: float = SETTLED
) -> tuple[np.ndarray, float]:
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
        if decrement < settled:
            return psi + step, value
        for _ in range(40):
            trial = problem.expansion(psi + step, determinants(psi + step))
            if trial[0] >= value - 1e-12 * abs(value):
                break
            step = step / 2
        else:
            return psi, value
        psi, (value, gradient, H) = psi + step, trial
        if np.abs(step).max() < STUCK:  # at the edge of the region, beyond which there is no ln L
            return psi, value
    raise SpatialInputError("E801", "the search for rho_1, rho_2 ... did not settle",
                            hint="drop one of the W: the likelihood is almost flat")


def _uphill(gradient: np.ndarray, H: np.ndarray) -> np.ndarray:
    """Newton's step, with the curvature's sign turned where ln L is convex."""
    values, vectors = np.linalg.eigh(-H)
    size = np.maximum(np.abs(values), 1e-12 * np.abs(values).max(initial=1e-300))
    return vectors @ ((vectors.T @ gradient) / size)


def by_windows(problem: Problem, sample: SeveralSample, psi: np.ndarray) -> tuple[np.ndarray, float]:
    """From the series of traces to exact windows around the maximum, until it lies well inside of them."""
    reach: float = REACH[0]
    sizes: tuple[int, ...] = SIZES[:1]
    for _ in range(MAX_WINDOWS):
        _, _, H = problem.expansion(psi, joined(sample, problem, psi, _series))
        errors = 1 / np.sqrt(np.maximum(np.linalg.eigvalsh(-H)[0], 1e-12))
        windows = {part: box(part, at, reach * errors, sizes)
                   for part, at in zip((sample.lag, sample.error), problem.split(psi)) if part is not None}  # fmt: skip

        def exact(part, x, windows=windows):
            return part.added(windows[part].expansion(x), x)

        moved, value = _newton_inside(problem, sample, psi, exact, windows)
        at_edge = any(np.any((at <= w.low) | (at >= w.high)) for w, at in
                      zip(windows.values(), [x for x in problem.split(moved) if len(x)]))  # fmt: skip
        near = np.abs(moved - psi).max() < errors
        psi = moved
        if at_edge or not near:
            continue
        if len(sizes) > 1:
            return psi, value
        reach, sizes = REACH[1], SIZES
    raise SpatialInputError("E801", "the search for rho_1, rho_2 ... did not settle",
                            hint="drop one of the W: the likelihood is almost flat")


def _series(part: SeveralJacobian, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Second derivatives of L by the traces, which set the width of the first windows."""
    second = part.copies * part.logdet.traces[1]
    return 0.0, np.zeros(len(x)), -second


def box(part: SeveralJacobian, at: np.ndarray, half: float, sizes: Sequence[int] = SIZES) -> Window:
    """A window around a point, cut down until it lies in the admissible region."""
    L = part.logdet
    for _ in range(60):
        corners = at + half * np.array(list(product((-1.0, 1.0), repeat=len(at))))
        if all(L.admissible(corner) for corner in corners):
            return window(L, at - half, at + half, part.copies, sizes)
        half = half / 1.5
    raise SpatialInputError("E701", f"rho = {np.round(at, 4).tolist()} lies on the edge of the admissible region",
                            hint="drop one of the W, or look at the model without this lag")


def _newton_inside(problem, sample, psi, exact, windows) -> tuple[np.ndarray, float]:
    """Newton on the windows' polynomials, kept within them."""
    low, high = (np.concatenate([getattr(w, end) for w in windows.values()]) for end in ("low", "high"))
    value, gradient, H = problem.expansion(psi, joined(sample, problem, psi, exact))
    for _ in range(MAX_STEPS):
        step = _uphill(gradient, H)
        trial = np.clip(psi + step, low, high)
        if float(gradient @ step) < SETTLED:
            return trial, value
        for _ in range(40):
            tried = problem.expansion(trial, joined(sample, problem, trial, exact))
            if tried[0] >= value - 1e-12 * abs(value):
                break
            trial = (psi + trial) / 2
        else:
            return psi, value
        stuck = np.abs(trial - psi).max() < 1e-12
        psi, (value, gradient, H) = trial, tried
        if stuck:
            return psi, value
    return psi, value
