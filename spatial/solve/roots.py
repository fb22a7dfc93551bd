"""The root of an adjusted score in one spatial parameter, uphill from a start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample
from .ml import maximum_likelihood

MAX_STEPS = 60  # of Newton's method
SETTLED = 1e-10  # last step, in shares of the interval
FIRST_STEP = 0.5  # away from the start, in standard errors
SHARE, LAST = 0.7, 1e-3  # at most so much of the way to an end, where B D may be singular; the rest where that is short


def root(score: Callable, sample: Sample) -> tuple[float, float]:
    """Where the score is zero and decreasing, and its derivative there.

    From the maximum likelihood (or zero, where that lies on an edge) uphill until the score changes its sign; then
    Newton's method within the bracket.

    Parameters
    ----------
    score : callable
        rho or lambda -> score, derivative
    sample : Sample
        With a spatial lag or a spatial error.

    Raises
    ------
    SpatialInputError
        E713 when the score keeps its sign up to an end of the interval, E801 when the steps do not settle.
    """
    name, part = "lambda" if sample.lag is None else "rho", sample.parts[0]
    low, high = part.ends
    at = min(max(_start(sample), low), high)
    value, slope = score(at)
    up = value > 0
    step = FIRST_STEP / np.sqrt(-slope) if slope < 0 else 0.05 * (high - low)
    inner = outer = at
    while (value > 0) == up:
        if outer == (high if up else low):
            raise _unbounded(name, up, part.interval[int(up)])
        room = high - outer if up else outer - low
        if step > SHARE * room:
            step = SHARE * room if room > LAST * (high - low) else room
        inner, outer = outer, min(max(outer + (step if up else -step), low), high)
        at, step = outer, 2 * step
        value, slope = score(at)
    a, b = sorted((inner, outer))
    for _ in range(MAX_STEPS):
        a, b = (at, b) if value > 0 else (a, at)
        following = at - value / slope if slope < 0 else np.nan
        if not a <= following <= b:
            following = (a + b) / 2
        moved, at = abs(following - at), following
        value, slope = score(at)
        if moved < SETTLED * (high - low):
            return at, slope
    raise SpatialInputError("E801", f"the adjusted score did not settle: last {name} = {at:.6g}",
                            hint="rescale the regressors, or check that W links the units as meant")


def _start(sample: Sample) -> float:
    try:
        at = maximum_likelihood(sample)
    except SpatialInputError as error:
        if error.code not in ("E701", "E801"):
            raise
        return 0.0
    return at.rho if sample.lag is not None else at.lam


def _unbounded(name: str, up: bool, end: float) -> SpatialInputError:
    """The adjusted score keeps its sign up to the end of the interval."""
    return SpatialInputError(
        "E713",
        f"{name} is not bounded {'below' if up else 'above'} {end:.4g}: its adjusted score keeps one sign up to there",
        hint="weights with fewer links or fewer regressors; method='ml' has a maximum more often",
    )
