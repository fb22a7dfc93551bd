"""Fixed effects leave the data by demeaning; how many observations they take with them."""

from __future__ import annotations

import numpy as np


def demean(values: np.ndarray, effects: str, first: int = 0) -> np.ndarray:
    """Deviations of a (T, N, ...) array from its unit means, period means or both; of R such with ``first=1``.

    Examples
    --------
    >>> panel = np.array([[1.0, 10.0], [3.0, 30.0]])      # 2 periods, 2 units
    >>> demean(panel, "entity")
    array([[ -1., -10.],
           [  1.,  10.]])
    """
    out = np.array(values, dtype=float)
    if effects in ("entity", "twoway"):
        out -= np.add.reduce(out, axis=first, keepdims=True) / out.shape[first]
    if effects in ("time", "twoway"):
        out -= np.add.reduce(out, axis=first + 1, keepdims=True) / out.shape[first + 1]
    return out


def quasi_demean(values: np.ndarray, share: float) -> np.ndarray:
    """Deviations from ``share`` of the unit means: the random-effects transformation."""
    return values - share * values.mean(axis=0, keepdims=True)


def degrees_of_freedom(T: int, N: int, effects: str) -> int:
    """Observations that are left once the effects are transformed out: N T minus the effects' number."""
    periods = T - (effects in ("entity", "twoway"))
    units = N - (effects in ("time", "twoway"))
    return periods * units
