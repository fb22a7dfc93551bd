"""Roots of adjusted scores in one or two spatial parameters, uphill from a start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spillover.errors import SpatialInputError

MAX_STEPS = 60  # of Newton's method
SETTLED = 1e-10  # last step, in shares of the interval
FIRST_STEP = 0.5  # away from the start, in standard errors
HALVINGS = 30
EDGE = 1e-6  # share of the interval: a root nearer to an end is none


def root(score: Callable, start: np.ndarray, low: np.ndarray, high: np.ndarray, names: list[str]) -> np.ndarray:
    """Where the scores are zero and decreasing.

    Parameters
    ----------
    score : callable
        Point (p,) -> scores (p,) and their derivatives (p, p).
    start, low, high : (p,)
        p is 1 or 2; both ends lie within the admissible interval.
    names : of the p parameters, for errors

    Raises
    ------
    SpatialInputError
        E712 when the score keeps its sign up to an end, E801 when the steps do not settle.
    """
    if len(start) == 1:
        return np.array([_one(score, float(start[0]), float(low[0]), float(high[0]), names[0])])
    return _two(score, start, low, high, names)


def _one(score, start, low, high, name) -> float:
    """Uphill until the score changes its sign, then Newton's method within the bracket."""
    at = min(max(start, low), high)
    value, slope = _scalar(score, at)
    up = value > 0
    step = FIRST_STEP / np.sqrt(-slope) if slope < 0 else 0.05 * (high - low)
    inner = outer = at
    while (value > 0) == up:
        if outer in (low, high) and outer != start:
            raise unbounded(name, up, high if up else low)
        inner, outer = outer, min(max(outer + (step if up else -step), low), high)
        at, step = outer, 2 * step
        value, slope = _scalar(score, at)
    a, b = sorted((inner, outer))
    for _ in range(MAX_STEPS):
        a, b = (at, b) if value > 0 else (a, at)
        following = at - value / slope if slope < 0 else np.nan
        if not a <= following <= b:
            following = (a + b) / 2
        if abs(following - at) < SETTLED * (high - low):
            return following
        at = following
        value, slope = _scalar(score, at)
    raise SpatialInputError("E801", f"the adjusted score did not settle: last {name} = {at:.6g}")


def _scalar(score, at) -> tuple[float, float]:
    value, slope = score(np.array([at]))
    return float(value[0]), float(slope[0, 0])


def _two(score, start, low, high, names) -> np.ndarray:
    """Newton's method; a step that makes the scaled scores larger is halved."""
    at = np.clip(start, low, high)
    value, slope = score(at)
    scale = 1 / np.sqrt(np.abs(np.diag(slope)))
    for _ in range(MAX_STEPS):
        concave = np.linalg.eigvalsh((slope + slope.T) / 2)[-1] < 0
        step = -np.linalg.solve(slope, value) if concave else np.sign(value) * 0.05 * (high - low)
        size = np.linalg.norm(scale * value)
        for _ in range(HALVINGS):
            trial = np.clip(at + step, low, high)
            tried, bend = score(trial)
            if not concave or np.linalg.norm(scale * tried) < size:
                break
            step = step / 2
        moved, at, value, slope = np.abs(trial - at), trial, tried, bend
        if (moved < SETTLED * (high - low)).all():
            break
    else:
        raise SpatialInputError("E801", f"the adjusted scores did not settle: last point {at.tolist()}")
    for i, name in enumerate(names):
        if min(at[i] - low[i], high[i] - at[i]) < EDGE * (high[i] - low[i]):
            up = high[i] - at[i] < at[i] - low[i]
            raise unbounded(name, up, high[i] if up else low[i])
    return at


def unbounded(name: str, up: bool, end: float) -> SpatialInputError:
    """The adjusted score keeps its sign up to the end of the interval."""
    side = "below" if up else "above"
    return SpatialInputError(
        "E712",
        f"{name} is not bounded {side} {end:.4g}: its adjusted score keeps one sign up to that end",
        hint="weights with fewer links or fewer regressors; method='ml' has a maximum more often",
    )
