"""The autoregressive root within units: its bias over T steps, and its distribution under a random walk."""

from __future__ import annotations

import math

SMALLEST, CLOSE = -0.99, 1e-9
STEP = 1e-5


def root_bias(root: float, steps: int) -> float:
    """Mean of the within-units estimate less the root, many units (Nickell 1981, eq. 18): -3 / (T + 1) at 1.

    Examples
    --------
    >>> round(root_bias(0.5, 10), 4), round(root_bias(1.0, 12), 4)
    (-0.1622, -0.2308)
    """
    T = steps
    if abs(root - 1) < 1e-5:  # its limit, Harris and Tzavalis (1999), theorem 2
        return -3 / (T + 1)
    sums = 1 - (1 - root**T) / (T * (1 - root))
    return -(1 + root) / (T - 1) * sums / (1 - 2 * root / ((1 - root) * (T - 1)) * sums)


def unbiased_root(estimate: float, steps: int) -> tuple[float, float]:
    """The root whose estimates have this mean, and its slope in the estimate; 1 and NaN where none below 1 has.

    Examples
    --------
    >>> root, _ = unbiased_root(0.9 + root_bias(0.9, 12), 12)
    >>> round(root, 6)
    0.9
    """
    from scipy.optimize import brentq

    def excess(root):
        return root + root_bias(root, steps) - estimate

    if excess(1.0) <= 0:
        return 1.0, math.nan
    if excess(SMALLEST) >= 0:
        return math.nan, math.nan
    root = float(brentq(excess, SMALLEST, 1.0, xtol=CLOSE))
    h = STEP if root + STEP < 1 else -STEP
    return root, h / (excess(root + h) - excess(root))


def random_walk_p(difference: float, steps: int, units: int) -> float:
    """Two-sided p-value of an estimated root less 1, against a random walk (Harris and Tzavalis 1999, theorem 2)."""
    T = steps
    variance = 3 * (17 * T**2 - 20 * T + 17) / (5 * (T - 1) * (T + 1) ** 3 * units)
    z = (difference + 3 / (T + 1)) / math.sqrt(variance)
    return math.erfc(abs(z) / math.sqrt(2))
