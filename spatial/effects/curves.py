"""Smooth functions of rho between the poles of (I - rho W)^-1, from a few exact values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

NODES = 24  # Chebyshev nodes; the relative error is below 1e-8 where the nearest poles are the ends of the interval


def between_poles(f: Callable, low: float, high: float, interval: tuple[float, float], nodes: int = NODES) -> Callable:
    """Interpolation of f over [low, high].

    (I - rho W)^-1 has its nearest poles at the ends of rho's interval: f is multiplied by its distances to them before
    it is interpolated, and divided by them afterwards.

    Parameters
    ----------
    f : function of one rho to an array
    low, high : float
    interval : (low, high)
        The admissible one; [low, high] lies inside.

    Returns
    -------
    function of rho (Q,) to (Q, ...)
    """
    if high - low < 1e-12:
        value = np.asarray(f(low))
        return lambda rho: np.broadcast_to(value, (len(rho), *value.shape))
    centre, half = (high + low) / 2, (high - low) / 2
    at = np.polynomial.chebyshev.chebpts1(nodes + 1)
    values = np.array([distance(rho, interval) * np.asarray(f(rho)) for rho in centre + half * at])
    fitted = np.polynomial.chebyshev.chebfit(at, values.reshape(nodes + 1, -1), nodes)

    def interpolated(rho: np.ndarray) -> np.ndarray:
        inside = np.polynomial.chebyshev.chebvander((rho - centre) / half, nodes) @ fitted
        return (inside / distance(rho, interval)[:, None]).reshape(len(rho), *values.shape[1:])

    return interpolated


def distance(rho, interval):
    """(rho - low)(high - rho), of the ends that are finite."""
    low, high = interval
    below = rho - low if np.isfinite(low) else 1.0
    return below * (high - rho if np.isfinite(high) else 1.0) + 0.0 * rho
