"""Bands that hold a whole path: each interval is wide enough that all hold together.

With z the maximum of |Gaussian| with the estimates' working correlation, alpha* = P(|N(0, 1)| > quantile of z) is the level
of each interval; its half-width is t(df_k, 1 - alpha*/2) s.e._k. Source: Montiel Olea & Plagborg-Moller (2019, J. Applied
Econometrics 34:1-17), for the sup-t band.
"""

from __future__ import annotations

import numpy as np

DRAWS = 20_000


def level_of_each(v: np.ndarray, level: float, seed: int = 1) -> float:
    """Coverage of each of E intervals that cover together at ``level``.

    Parameters
    ----------
    v : ndarray, shape (E, ...)
        Weights of independent outcomes in each estimate.

    Examples
    --------
    >>> round(level_of_each(np.eye(2), 0.95), 3), round(level_of_each(np.ones((2, 1)), 0.95), 3)
    (0.975, 0.951)
    """
    from scipy.special import ndtr

    flat = v.reshape(len(v), -1)
    flat = flat / np.sqrt((flat**2).sum(axis=1))[:, None]
    size, vectors = np.linalg.eigh(flat @ flat.T)
    half = vectors * np.sqrt(np.maximum(size, 0.0))
    drawn = np.random.default_rng(seed).standard_normal((DRAWS, len(v))) @ half.T
    return float(1 - 2 * ndtr(-np.quantile(np.abs(drawn).max(axis=1), level)))
