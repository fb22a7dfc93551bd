"""Where the likelihoods of a stack have their maxima over r: a grid, then Newton's steps; exact determinants where
they are known everywhere, else within a window of some standard errors around the maximum of a rough curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..logdet import Jacobian
from ..logdet.stacked import Curves, curves, logistic, logit
from .stack import Pencil

LOGITS = np.linspace(-12.0, 12.0, 49)  # of r's place in its interval: where the search begins
STILL = 1e-8, 1e-4  # last step in shares of the interval and of a standard error: the error is of its square
MAX_STEPS = 100
WINDOW = 4.5  # half-width of a window in standard errors
CENTRED = 0.6  # share of the half-width within which the maximum must lie
ROUNDS = 4  # windows that are tried
BEYOND = 2.2  # half-widths from the centre within which a polynomial is used where the likelihood is negligible


@dataclass(frozen=True, eq=False)
class Optima:
    """Maxima of the samples at ``which`` of a stack.

    Attributes
    ----------
    which, r, bend : (F,)
        Positions, maxima and -d2 ln L / dr2 there.
    curve : Jacobian of those F
    grid, values : (F, points)
        Approximate ln L without constants, over the whole interval.
    """

    which: np.ndarray
    r: np.ndarray
    bend: np.ndarray
    curve: Jacobian = field(repr=False)
    grid: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    engines: list | None = field(default=None, repr=False)
    ends: Callable[[], np.ndarray] | None = field(default=None, repr=False)

    @property
    def intervals(self) -> np.ndarray:
        """The admissible ones, (2, F), also where the search used approximate ones; NaN where they are uncertain."""
        logdet = self.curve.logdet
        return np.array([logdet.low, logdet.high]) if self.ends is None else self.ends()

    def over(self, which, first, last) -> tuple[Jacobian, np.ndarray]:
        """The curves of some of them, good from ``first`` to ``last`` (both in r), and whether they are.

        Slightly beyond its window, where the likelihood is negligible, a polynomial is kept; further out it is rebuilt.
        """
        some = _take(self.curve, which)
        if self.engines is None:
            return some, np.ones(len(which), dtype=bool)
        logdet, low, high = some.logdet, some.logdet.low, some.logdet.high
        start, end = (logit(r, low, high) for r in (first, last))
        middle, half = (logdet.first + logdet.last) / 2, (logdet.last - logdet.first) / 2
        short = np.flatnonzero(np.maximum(middle - start, end - middle) > BEYOND * half)
        settled = np.ones(len(which), dtype=bool)
        if len(short):
            r, bend = self.r[which][short], self.bend[which][short]
            scale = _errors_in_v(r, bend, low[short], high[short]) * self.curve.copies
            engines = [self.engines[which[i]] for i in short]
            wider, settled[short] = curves(engines, logdet.base.take(short), start[short], end[short], scale)
            rest = np.setdiff1d(np.arange(len(which)), short)
            order = np.argsort(np.concatenate([rest, short]), kind="stable")
            logdet = Curves.joined([logdet.take(rest), wider]).take(order)
        return replace(self.curve, logdet=logdet), settled


def everywhere(data: Pencil, curve: Jacobian) -> Optima:
    """With exact curves over the whole interval."""
    low, high = curve.logdet.low, curve.logdet.high
    grid, values, first, last, r = _start(data, curve, low, high)
    r, bend, converged = climb(data, curve, first, last, r)
    which = np.flatnonzero(converged & (first > grid[:, 0]) & (last < grid[:, -1]))
    return Optima(which, r[which], bend[which], _take(curve, which), grid[which], values[which])


def by_windows(data: Pencil, rough: Jacobian, engines: list) -> Optima:
    """With rough curves, and functions that give the exact log|I - r W| of every sample at some cost."""
    low, high = rough.logdet.low, rough.logdet.high
    grid, values, first, last, r = _start(data, rough, low, high)
    r, bend, ready = climb(data, rough, first, last, r)
    left, parts = np.flatnonzero(ready & (first > grid[:, 0]) & (last < grid[:, -1])), []
    for _ in range(ROUNDS):
        if not len(left):
            break
        lo, hi = low[left], high[left]
        errors = _errors_in_v(r[left], bend[left], lo, hi)
        centre, half = logit(r[left], lo, hi), WINDOW * errors
        start, end = np.maximum(centre - half, LOGITS[0]), np.minimum(centre + half, LOGITS[-1])
        base, scale = rough.logdet.take(left), errors * rough.copies
        logdet, settled = curves([engines[i] for i in left], base, start, end, scale)
        exact, some = replace(rough, logdet=logdet), data.take(left)
        at, there, converged = climb(some, exact, logistic(start, lo, hi), logistic(end, lo, hi), r[left])
        good = settled & converged & (np.abs(logit(at, lo, hi) - centre) < CENTRED * half)
        parts.append((left[good], at[good], there[good], _take(exact, good)))
        again = settled & ~good & np.isfinite(there) & (there > 0)
        r[left], bend[left] = at, there
        left = left[again]
    return _joined(parts, grid, values, rough, engines)


def climb(data: Pencil, curve, first, last, r) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The root of the score between ``first`` and ``last``: (r, curvature there, whether it has converged), (R,) each.

    Newton's steps; bisection where they leave the bracket.
    """
    lo, hi, width = first.copy(), last.copy(), last - first
    best, bend, converged = r.copy(), np.full(len(r), np.nan), np.zeros(len(r), dtype=bool)
    going = np.ones(len(r), dtype=bool)
    for _ in range(MAX_STEPS):
        q, q1, q2, _ = data.expansion(r)
        g = q1 / q
        score, slope = -data.n / 2 * g + curve.d1(r), -data.n / 2 * (q2 / q - g * g) + curve.d2(r)
        lo, hi = np.where(going & (score > 0), r, lo), np.where(going & ~(score > 0), r, hi)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(slope < 0, -score / slope, np.nan)
            still = going & (np.abs(step) < STILL[0] * width) & (step**2 * -slope < STILL[1] ** 2)
        to = r + step
        inside = (to > lo) & (to < hi)
        best, bend = np.where(going, np.where(inside, to, r), best), np.where(going, -slope, bend)
        converged |= still
        going &= ~still & (hi - lo > 1e-14 * width)
        if not going.any():
            break
        r = np.where(going, np.where(inside, to, (lo + hi) / 2), r)
    edge = 1e-6 * width
    return best, bend, converged & (best > first + edge) & (best < last - edge)


def _start(data: Pencil, curve, low, high):
    """The best point of a grid that is dense towards the ends, and its neighbors: (grid, ln L, first, last, r)."""
    grid = logistic(LOGITS, low[:, None], high[:, None])
    with np.errstate(invalid="ignore", divide="ignore"):
        values = -data.n / 2 * np.log(data.triangles(grid)[2]) + curve.value(grid)
    values = np.where(np.isfinite(values), values, -np.inf)
    best = np.clip(values.argmax(axis=1), 1, len(LOGITS) - 2)
    at = np.arange(len(grid))
    return grid, values, grid[at, best - 1], grid[at, best + 1], grid[at, best]


def _errors_in_v(r, bend, low, high) -> np.ndarray:
    """Standard errors of r, by v."""
    return (1 / (r - low) + 1 / (high - r)) / np.sqrt(bend)


def _take(curve: Jacobian, which) -> Jacobian:
    return replace(curve, logdet=curve.logdet.take(which))


def _joined(parts, grid, values, rough, engines) -> Optima:
    """The results of all rounds, in the samples' order."""
    if not parts:
        none = np.zeros(0, dtype=int)
        return Optima(none, np.zeros(0), np.zeros(0), _take(rough, none), grid[none], values[none])
    which, r, bend = (np.concatenate([part[i] for part in parts]) for i in range(3))
    order = np.argsort(which, kind="stable")
    whole = Curves.joined([part[3].logdet for part in parts]).take(order)
    which = which[order]
    return Optima(which, r[order], bend[order], replace(rough, logdet=whole), grid[which], values[which],
                 [engines[i] for i in which])  # fmt: skip
