"""A log-determinant of several arguments on a short box: the Chebyshev polynomial through exact values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Protocol

import numpy as np
from numpy.polynomial import chebyshev

from spillover.errors import SpatialInputError

SIZES = 5, 7, 9, 13  # nodes of a window along each rho
ERROR = 1e-6, 1e-5  # of a window's slope in standard errors of rho, and of its curvature as a share


class HasValue(Protocol):
    """A function of several arguments."""

    def value(self, at: np.ndarray, /) -> float: ...


@dataclass(frozen=True, eq=False)
class Window:
    """L(rho) on a box: the tensor Chebyshev polynomial through exact values.

    Attributes
    ----------
    low, high : (J,)
    coefficients : J-dimensional ndarray
    error : float
        Size of the last coefficients: of the polynomial's error.
    """

    low: np.ndarray
    high: np.ndarray
    coefficients: np.ndarray = field(repr=False)
    error: float

    def expansion(self, rho: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        half, J = (self.high - self.low) / 2, len(self.low)
        x = (np.asarray(rho) - (self.low + self.high) / 2) / half

        def part(orders) -> float:
            c = self.coefficients
            for axis, m in enumerate(orders):
                c = chebyshev.chebder(c, m, axis=axis) if m else c
            for value in x:
                c = chebyshev.chebval(value, c, tensor=False) if c.ndim == 1 else _along_first(value, c)
            return float(c)

        steps = np.eye(J, dtype=int)
        gradient = np.array([part(e) for e in steps]) / half
        curvature = np.array([[part(a + b) for b in steps] for a in steps]) / np.outer(half, half)
        return part(np.zeros(J, dtype=int)), gradient, curvature


def _along_first(x: float, c: np.ndarray) -> np.ndarray:
    """A Chebyshev series along the first axis, summed up at one point."""
    return np.tensordot(chebyshev.chebvander(np.array([x]), len(c) - 1)[0], c, axes=1)


def chebyshev_grid(low: np.ndarray, high: np.ndarray, size: int) -> np.ndarray:
    """Tensor points of a box, (size^J, J)."""
    x = np.cos(np.pi * (np.arange(size) + 0.5) / size)
    return np.array(list(product(*((lo + hi) / 2 + (hi - lo) / 2 * x for lo, hi in zip(low, high)))))


def chebyshev_coefficients(values: np.ndarray, axes: int) -> np.ndarray:
    """Of values on ``chebyshev_grid`` along the first axes, (size, ..., size, ...)."""
    size = values.shape[0]
    x = np.cos(np.pi * (np.arange(size) + 0.5) / size)
    inverse = chebyshev.chebvander(x, size - 1).T * 2 / size
    inverse[0] /= 2
    for axis in range(axes):
        values = np.moveaxis(np.tensordot(inverse, values, axes=(1, axis)), 0, axis)
    return values


def window(L: HasValue, low: np.ndarray, high: np.ndarray, scale: float, sizes: Sequence[int] = SIZES) -> Window:
    """The polynomial on a box inside the region, with as many nodes as the slope and the curvature need.

    Parameters
    ----------
    scale : float
        By how much L counts (periods), for its slope against the information.
    sizes : sequence of int
        Nodes along each rho that are tried.
    """
    J = len(low)
    for size in sizes if J <= 2 else sizes[:2]:
        points = chebyshev_grid(low, high, size)
        values = np.array([L.value(point) for point in points]).reshape((size,) * J)
        if not np.isfinite(values).all():
            raise SpatialInputError("E701", "the window around rho leaves the admissible region",
                                    hint="the estimates are too close to its edge: drop one of the W")
        c = chebyshev_coefficients(values, J)
        half = (high - low) / 2
        last = max(np.abs(np.take(c, -1, axis=axis)).sum() for axis in range(J))
        built = Window(low, high, c, float(last))
        _, _, curvature = built.expansion((low + high) / 2)
        bend = np.abs(np.diag(curvature))
        slope, bent = last * (size - 1) / half, last * (size - 1) ** 2 / half**2  # near the middle of the box
        if (slope < ERROR[0] * np.sqrt(bend / scale)).all() and (bent < ERROR[1] * bend).all():
            break
    return built
