"""The maximum over (rho, lambda) for one sample, or for thousands of them at once.

Let a = (1, -rho)' and S(lambda) the cross-products of [y, W y] after B = I - lambda M, as residuals from X:

    q = e'e = a'S(lambda) a,      ln L = -n/2 (ln(2 pi q / n) + 1) + ln|A| + ln|B|

S is 2 x 2, so that without a spatial error the data enter by three numbers. Arrays here have the samples on
one axis, and every sample has its own search: its result does not depend, to the last bit, on the
other samples.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover.errors import SpatialInputError

from ..logdet.jacobian import EDGE
from .concentrated import concentrated, expansion, form_of, value_of

GRID = {1: 41, 2: 21}  # starting points per parameter
SETTLED = 1e-6, 1e-4  # last step in shares of the interval and of a standard error: the error is of its square
MAX_STEPS = 200
WINDOW = 6.0  # half-width of a window in standard errors: the draws of effects fit in too
MAX_WINDOWS = 12
TINY = np.finfo(float).tiny
NEIGHBORS = np.array([[-1], [0], [1]])
PROPORTIONAL = 1e-9  # 1 - cos^2 of the angle between y and W y


def search(products, sample) -> tuple[np.ndarray, list]:
    """The best point of a coarse grid, Newton on the score; first on a cheap curve, then on exact windows.

    Parameters
    ----------
    products : tuple of arrays
        Z'Z over Z = [y, W y], (R, 2, 2). With a spatial error over Z = [y, W y, Q], and besides Z'MZ + its transpose
        and (MZ)'MZ, (R, 2 + k, 2 + k) each.
    sample : Sample
        One for all: its n and its determinants.

    Returns
    -------
    points : ndarray, shape (p, R)
    problems : list of R, None or the SpatialInputError with the reason why it is no maximum
        E701 on the edge of the interval, E801 not settled.
    """
    parts = sample.parts
    R = len(products[0])
    if not parts:
        return np.zeros((0, R)), [None] * R
    low, high = np.array([part.ends for part in parts]).T[:, :, None]
    if all(part.logdet.coarse is part.logdet for part in parts):  # the cheap curve is the exact one
        points, _, settled = _climb(products, sample, low, high)
    else:
        windows = [_by_windows(tuple(p[r : r + 1] for p in products), sample, parts, low, high) for r in range(R)]
        points, settled = (np.concatenate(part, axis=-1) for part in zip(*windows))
    return points, _problems(points, settled, parts, sample, products)


def _climb(products, sample, low, high):
    """Newton's ascent from the best points of a grid: of every sample the highest maximum, as ``_newton`` returns it.

    A spatial lag and a spatial error explain the same correlation: with few rows ln L has two maxima, often of almost
    one height, and the grid may see the lower one as the higher. All that are maxima of the grid are starts.
    """
    owner, starts = _starts(products, sample)
    R = len(products[0])
    if len(owner) == R:
        return _newton(products, sample, starts, low, high)
    each = tuple(p[owner] for p in products)
    tops = _newton(each, sample, starts, low, high)
    value = np.array(concentrated(tops[0], each, sample)[2])
    highest = np.lexsort((~tops[2], -value, owner))[np.searchsorted(owner, np.arange(R))]
    return tuple(part[..., highest] for part in tops)


def _starts(products, sample):
    """Samples, ascending, and the points of theirs to start from, (p, S): of one parameter the best of a grid, of two
    all that no neighbor exceeds. Each is moved to the vertex of the parabola through it and its neighbors.
    """
    parts = sample.parts
    last = GRID[len(parts)] - 1
    grids = [part.grid(last) for part in parts]
    rho, lam = 0.0 if sample.lag is None else grids[0].points, 0.0 if sample.error is None else grids[-1].points
    S, _ = form_of([p[:, None] for p in products], lam)  # (R, lambdas)
    q = value_of([s[..., None] for s in S], rho)  # (R, lambdas, rhos)
    value = -sample.n / 2 * np.log(np.maximum(q, TINY))
    if sample.lag is not None:
        value += grids[0].values
    if sample.error is not None:
        value += grids[-1].values[:, None]
    if len(parts) == 2:
        owner, *best = np.nonzero(_peaks(value))
    else:
        owner = np.arange(len(value))
        best = divmod(value.reshape(len(value), -1).argmax(axis=1), value.shape[2])
    axes = [2] * (sample.lag is not None) + [1] * (sample.error is not None)
    tops = [_vertex(value, owner, best, axis) for axis in axes]
    return owner, np.array([grid.at(np.cos(np.pi / last * top)) for grid, top in zip(grids, tops)])


def _peaks(value):
    """Which of (R, lambdas, rhos) no neighbor exceeds, in the rows, the columns or the diagonals."""
    R, I, J = value.shape
    around = np.full((R, I + 2, J + 2), -np.inf)
    around[:, 1:-1, 1:-1] = value
    rows = np.maximum(np.maximum(around[:, :-2], around[:, 1:-1]), around[:, 2:])
    return value >= np.maximum(np.maximum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])


def _vertex(value, r, best, axis):
    """Where the parabola through three neighbors along one axis of (R, lambdas, rhos) has its top, in grid steps; r
    are the samples, ``best`` the points in the middle."""
    middle = np.minimum(np.maximum(best[axis - 1], 1), value.shape[axis] - 2)
    along, other = middle + NEIGHBORS, best[axis % 2]
    before, here, after = value[(r, along, other) if axis == 1 else (r, other, along)]
    bend = before - 2 * here + after
    step = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    return middle + np.minimum(np.maximum(step, -1), 1)


def _newton(products, sample, point, low, high):
    """Damped Newton ascent of every sample: (maxima (p, R), curvatures there, whether they settled (R,)).

    Where the next step is small it is the last one, and the point that it leads to is not looked at: Newton's error is
    of the square of its step.
    """
    width = high - low
    best, curvature, settled = np.empty_like(point), np.empty_like(point), np.zeros(point.shape[1], dtype=bool)
    going = np.arange(len(settled))
    current = expansion(point, products, sample)
    step = _within(point, low, high, *current[1:])
    for _ in range(MAX_STEPS):
        trial = np.minimum(np.maximum(point + step, low), high)
        moved, bend = np.abs(trial - point), -current[2].diagonal().T
        still = ((moved < SETTLED[0] * width) & (moved**2 * np.abs(bend) < SETTLED[1] ** 2)).all(axis=0)
        if still.any():
            done = going[still]
            best[:, done], curvature[:, done], settled[done] = trial[:, still], bend[:, still], True
            if still.all():
                break
            going, step, point, trial = going[~still], step[:, ~still], point[:, ~still], trial[:, ~still]
            current, products = tuple(f[..., ~still] for f in current), tuple(p[~still] for p in products)
        tried = expansion(trial, products, sample)
        better = tried[0] >= current[0] - 1e-12 * np.abs(current[0])
        if better.all():
            point, current = trial, tried
            step = _within(point, low, high, *current[1:])
            continue
        point = np.where(better, trial, point)
        current = tuple(np.where(better, new, old) for new, old in zip(tried, current))
        step = np.where(better, _within(point, low, high, *current[1:]), step / 2)
    else:
        best[:, going], curvature[:, going] = point, np.nan
    return best, curvature, settled


def _within(point, low, high, score, H, K):
    """The step uphill. Of two parameters one at the end of its interval stays, and only the other moves."""
    if len(point) == 1 and (H < 0).all():
        return -score / H[0]
    step = _uphill(score, H, K, high - low)
    if len(point) == 1:
        return step
    held = ((point <= low) & (score < 0)) | ((point >= high) & (score > 0))
    if held.any():
        step[held] = 0.0
        for one, other in ((0, 1), (1, 0)):
            free = held[one] & ~held[other]
            if free.any():
                alone = slice(other, other + 1)
                parts = score[alone, free], H[alone, alone, free], K[alone, alone, free]
                step[other, free] = _uphill(*parts, (high - low)[alone])[0]
    return step


def _uphill(score, H, K, width):
    """Newton's step; where ln L is not concave that from K, which uses the minimum of e'e; else a short one."""
    step = _newton_step(score, H)
    if ((step * score).sum(axis=0) >= 0).all():
        return step
    for other in (_newton_step(score, K), np.sign(score) * (0.05 * width)):
        step = np.where((step * score).sum(axis=0) >= 0, step, other)
    return step


def _newton_step(score, H):
    """-H^-1 score of every sample; NaN where H is singular."""
    if len(score) == 1:
        return np.divide(-score, H[0], out=np.full_like(score, np.nan), where=H[0] != 0)
    step = np.array([H[0, 1] * score[1] - H[1, 1] * score[0], H[0, 1] * score[0] - H[0, 0] * score[1]])
    determinant = H[0, 0] * H[1, 1] - H[0, 1] ** 2
    return np.divide(step, determinant, out=np.full_like(score, np.nan), where=determinant != 0)


def _by_windows(products, sample, parts, low, high):
    """One sample: a cheap curve over the whole interval, then the exact one within a few standard errors.

    Repeated where the maximum leaves the windows.
    """
    rough = _with(sample, [part.coarse for part in parts])
    point, curvature, settled = _climb(products, rough, low, high)
    for _ in range(MAX_WINDOWS):
        half = WINDOW / np.sqrt(np.maximum(curvature, (1e-3 * (high - low)) ** -2.0 / 100))
        windows = [part.near(at - h, at + h) for part, at, h in zip(parts, point[:, 0], half[:, 0])]
        first, last = np.array([window.domain for window in windows]).T[:, :, None]
        first, last = np.maximum(first, low), np.minimum(last, high)
        start = np.clip(point, first, last)
        point, curvature, settled = _newton(products, _with(sample, windows), start, first, last)
        inner = 1e-9 * (high - low)
        if np.all((point > first + inner) | (first <= low)) and np.all((point < last - inner) | (last >= high)):
            break
    return point, settled


def _with(sample, determinants):
    """The sample with these log-determinant curves."""
    return replace(
        sample,
        lag=determinants[0] if sample.lag is not None else None,
        error=determinants[-1] if sample.error is not None else None,
    )


def _problems(points, settled, parts, sample, products) -> list:
    """For every point None, or the error that tells why it is no maximum."""
    problems: list[SpatialInputError | None] = [None] * points.shape[1]
    for part, at, name in zip(parts, points, ["rho"] * (sample.lag is not None) + ["lambda"]):
        lo, hi = part.interval
        outside = np.minimum(at - lo, hi - at) < 10 * EDGE * (hi - lo)
        for r in np.flatnonzero(outside).tolist() if outside.any() else ():
            problems[r] = SpatialInputError(
                "E701",
                f"{name} = {at[r]:.6g} lies on the edge of its admissible interval ({lo:.6g}, {hi:.6g})",
                hint="look for a missing trend, a unit root in space or a regressor that W y reproduces",
            )
    for r in () if settled.all() else np.flatnonzero(~settled).tolist():
        last = points[:, r].tolist()
        problems[r] = SpatialInputError("E801", f"the likelihood search did not settle: last point {last}",
                                        hint="rescale the regressors, or check that W links the units as meant")
    for r in [r for r, problem in enumerate(problems) if problem is not None]:
        problems[r] = _proportional(sample, [part[r] for part in products]) or problems[r]
    return problems


def _proportional(sample, products) -> SpatialInputError | None:
    """Where W y is a multiple of y, both as residuals from X: the likelihood is then unbounded, or flat.

    W = (J - I) / (n - 1) is the example: W y = (n mean(y) - y) / (n - 1), and -(n - 1) is an end of the interval.
    """
    zz = products[0]
    both = [(zz[0, 1], zz[0, 0] * zz[1, 1], "rho", "W y")] * (sample.lag is not None)
    if sample.error is not None:
        both.append((products[1][0, 0] / 2, zz[0, 0] * products[2][0, 0], "lambda", "M u"))
    for mixed, squares, name, lagged in both:
        if mixed**2 >= (1 - PROPORTIONAL) * squares:
            return SpatialInputError(
                "E714",
                f"{name} is not identified: given the regressors {lagged} is a multiple of {lagged[-1]}, as under "
                "weights that make every unit the equal neighbor of every other",
                hint="weights that fall with distance, or fewer neighbors: wt.knn(map, k=6)",
            )
    return None
