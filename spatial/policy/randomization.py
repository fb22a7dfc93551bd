"""An interval from chance assignment of dates, for policies with a handful of adopters.

With theta_r the estimate under the r-th assignment of the dates of adoption to units, and an effect tau on every
treated observation, outcomes without the policy are y - tau D. The interval keeps the tau with

    share of r with |theta_r(y) - tau theta_r(D)| >= |theta - tau|    above 1 - level

It is exact where every unit was as likely to adopt at each of the dates, and the effect is the same for all. Sources:
Fisher (1935, The design of experiments, section 21); Rosenbaum (2002, Observational studies, chapter 2) for the
inversion.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import factorial, prod

import numpy as np

from spillover.show import Shown

FEW_TREATED = 5
ENUMERATED = 5_000  # assignments up to which all are used
DRAWS = 999


@dataclass(frozen=True)
class Randomization(Shown):
    """p of no effect on any unit and the interval of an equal effect, over chance assignments of the dates.

    Attributes
    ----------
    p_value, conf_low, conf_high, level : float
        An end is infinite where no effect, however large, can be excluded.
    assignments : int
        The actual one among them.
    exact : bool
        Whether these are all that there are.
    """

    p_value: float
    conf_low: float
    conf_high: float
    level: float
    assignments: int
    exact: bool


def assignments(first: np.ndarray, draws: int = DRAWS, seed: int = 1) -> tuple[np.ndarray, bool]:
    """Dates of adoption dealt to the units, (R, N), the actual ones first; all of them where they are few.

    Examples
    --------
    >>> dates, exact = assignments(np.array([2, 4, 4]))
    >>> dates.tolist(), exact
    ([[2, 4, 4], [4, 2, 4], [4, 4, 2]], True)
    """
    sizes = np.unique(first, return_counts=True)[1]
    if factorial(len(first)) / prod(map(factorial, map(int, sizes))) > ENUMERATED:
        drawn = np.random.default_rng(seed).permuted(np.tile(first, (draws, 1)), axis=1)
        return np.vstack([first, drawn]), False
    dates = np.array(list(_arrangements(np.unique(first).tolist(), sizes.tolist(), list(range(len(first))))))
    actual = (dates == first).all(axis=1)
    return np.vstack([dates[actual], dates[~actual]]), True


def _arrangements(values, sizes, places):
    if len(values) == 1:
        yield [values[0]] * len(places)
        return
    for chosen in combinations(range(len(places)), sizes[0]):
        others = [k for k in range(len(places)) if k not in chosen]
        for rest in _arrangements(values[1:], sizes[1:], [places[k] for k in others]):
            out = [values[0]] * len(places)
            for k, value in zip(others, rest):
                out[k] = value
            yield out


def invert(A: np.ndarray, C: np.ndarray, level: float, exact: bool) -> Randomization:
    """From theta_r(y) and theta_r(D), the actual assignment first.

    Parameters
    ----------
    A, C : ndarray, shape (R,)
        NaN where an assignment identifies nothing.
    """
    there = np.isfinite(A) & np.isfinite(C)
    theta, A, C = A[0], A[there], C[there]

    def share(tau):
        gap = np.abs(theta - tau)
        return (np.abs(A - np.multiply.outer(tau, C)) >= gap[:, None] * (1 - 1e-10) - 1e-12).mean(axis=1)

    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.concatenate([(theta - A) / (1 - C), (theta + A) / (1 + C)])
    ends = np.unique(ends[np.isfinite(ends)])
    spread = max(np.ptp(ends), abs(theta), 1e-300)
    ends = np.concatenate([[ends.min() - spread], ends, [ends.max() + spread]])
    parts = np.array_split(ends, max(1, len(ends) * len(A) // 1_000_000))
    kept = ends[np.concatenate([share(part) for part in parts]) > 1 - level]
    low, high = kept.min(), kept.max()
    low, high = (-np.inf if low == ends[0] else low), (np.inf if high == ends[-1] else high)
    return Randomization(float(share(np.zeros(1))[0]), float(low), float(high), level, len(A), exact)
