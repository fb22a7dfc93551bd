"""Bands that hold a whole path: each interval is wide enough that all hold together.

With z the level's quantile of the largest |Gaussian| under the estimates' working correlation, each interval has level
1 - alpha*, alpha* = P(|N(0, 1)| > z), and half-width t(df_k, 1 - alpha*/2) s.e._k. Source: Montiel Olea &
Plagborg-Moller (2019, J. Applied Econometrics 34:1-17), for the sup-t band.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ._tables import rows

DRAWS = 20_000


def largest(v: np.ndarray, seed: int = 1) -> np.ndarray:
    """Draws of the largest |z| among E estimates under independent errors, (DRAWS,).

    Parameters
    ----------
    v : ndarray, shape (E, ...)
        Weights of the outcomes in each estimate.
    """
    flat = v.reshape(len(v), -1)
    flat = flat / np.sqrt((flat**2).sum(axis=1))[:, None]
    size, vectors = np.linalg.eigh(flat @ flat.T)
    half = vectors * np.sqrt(np.maximum(size, 0.0))
    return np.abs(np.random.default_rng(seed).standard_normal((DRAWS, len(v))) @ half.T).max(axis=1)


def level_of_each(draws: np.ndarray, level: float) -> float:
    """Coverage of each of the intervals that cover together at ``level``.

    Examples
    --------
    >>> apart, one = largest(np.eye(2)), largest(np.ones((2, 1)))
    >>> round(level_of_each(apart, 0.95), 2), round(level_of_each(one, 0.95), 2)
    (0.97, 0.95)
    """
    from scipy.special import ndtr

    return float(1 - 2 * ndtr(-np.quantile(draws, level)))


def adjusted(p: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """p-values (E,) for all together: below 1 - level where the band leaves zero out."""
    from scipy.special import ndtri

    z = -ndtri(np.asarray(p) / 2)
    share = 1 - np.searchsorted(np.sort(draws), z, side="left") / len(draws)
    return np.where(np.isnan(z), np.nan, share)


def widen(table: pd.DataFrame, v: np.ndarray, level: float) -> None:
    """Intervals and p-values of a table's rows with standard errors, for all of them together, in place.

    Parameters
    ----------
    v : ndarray, shape (E, ...)
        Weights of the outcomes in those rows.
    """
    there = (table["std_error"] > 0).to_numpy()
    draws = largest(v)
    wide = rows(table["estimate"], table["std_error"], level=level_of_each(draws, level), df=table["df"].to_numpy())
    table[["conf_low", "conf_high"]] = wide[["conf_low", "conf_high"]]
    table.loc[there, "p_value"] = adjusted(table.loc[there, "p_value"].to_numpy(), draws)
