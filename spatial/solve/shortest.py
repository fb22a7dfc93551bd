"""The point where a score is shortest: its root, or where it comes closest to zero (Levenberg 1944; Marquardt 1963)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MAX_STEPS, HALVINGS = 60, 8
DAMPINGS = np.geomspace(1e-4, 1e4, 9)
SETTLED = 1e-8  # share of the length that a step takes off
EXACT, ROOT = 1e-22, 1e-10  # squared length at which the search ends, and below which it is that of a root


def shortest(
    theta: np.ndarray, score: Callable, slope: Callable, information: np.ndarray, inside: Callable
) -> tuple[np.ndarray, float]:  # fmt: skip
    """theta and s'I^-1 s there, from a start on.

    Parameters
    ----------
    score, slope : functions of theta to s (p,) and to H = -ds / dtheta (p, p)
    information : I, the metric of the length
    inside : function of theta to whether it is admissible

    Examples
    --------
    >>> at, length = shortest(np.ones(1), lambda x: 1 + x**2, lambda x: np.diag(-2 * x), np.eye(1), lambda x: True)
    >>> bool(abs(at[0]) < 1e-6), round(length, 6)                        # 1 + x^2 has no root
    (True, 1.0)
    """
    metric = np.linalg.inv(information)
    left = score(theta)
    length = float(left @ metric @ left)
    for _ in range(MAX_STEPS):
        before = length
        for step in _steps(slope(theta), left, metric, information):
            to = theta + step
            if inside(to) and (new := score(to)) @ metric @ new < length:
                theta, left, length = to, new, float(new @ metric @ new)
                break
        else:
            break
        if length < EXACT or before - length < SETTLED * before:
            break
    return theta, length


def _steps(H: np.ndarray, left: np.ndarray, metric: np.ndarray, information: np.ndarray):
    """Newton's step and its halves; then damped ones, more and more towards that of steepest descent."""
    if np.linalg.matrix_rank(H) == len(H):
        step = np.linalg.solve(H, left)
        for _ in range(HALVINGS):
            yield step
            step = step / 2
    for damping in DAMPINGS:
        yield np.linalg.solve(H.T @ metric @ H + damping * information, H.T @ metric @ left)
