"""Weights of indicators: entropy, CRITIC, equal, the first principal component.

Z is (n, k): normalised indicators in [0, 1], larger is better. Every function returns k weights that sum to one.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError


def normalise(X: np.ndarray, falling: np.ndarray) -> np.ndarray:
    """z = (x - min) / (max - min); where less is better, (max - x) / (max - min)."""
    low, high = X.min(axis=0), X.max(axis=0)
    return np.where(falling, high - X, X - low) / (high - low)


def entropy(Z: np.ndarray) -> np.ndarray:
    """An indicator weighs the more, the less evenly it is spread over the rows (Shannon's entropy).

        p_ij = z_ij / sum_i z_ij,  e_j = -sum_i p_ij ln p_ij / ln n,  w_j = (1 - e_j) / sum_j (1 - e_j)

    p ln p is 0 at p = 0, its limit: zeros need no correction.
    """
    p = Z / Z.sum(axis=0)
    logs = np.log(p, where=p > 0, out=np.zeros_like(p))
    d = 1 + (p * logs).sum(axis=0) / np.log(len(Z))
    return d / d.sum()


def critic(Z: np.ndarray) -> np.ndarray:
    """Contrast times conflict: C_j = sd_j sum_k (1 - r_jk), w_j = C_j / sum C (Diakoulaki et al. 1995)."""
    if Z.shape[1] == 1:
        return np.ones(1)
    C = Z.std(axis=0) * (1 - np.corrcoef(Z.T)).sum(axis=0)
    return C / C.sum() if C.sum() > 0 else equal(Z)


def equal(Z: np.ndarray) -> np.ndarray:
    return np.full(Z.shape[1], 1 / Z.shape[1])


def pca(Z: np.ndarray) -> np.ndarray:
    """Weights under which sum_j w_j z_j is the first principal component of the correlations, shifted and scaled.

    The component is sum_j v_j (z_j - mean_j) / sd_j, so w_j is proportional to v_j / sd_j. A negative weight
    means that an indicator is negatively correlated with the others.
    """
    v = np.linalg.eigh(np.atleast_2d(np.corrcoef(Z.T)))[1][:, -1]
    w = v / Z.std(axis=0)
    if abs(w.sum()) < 1e-9 * np.abs(w).sum():
        raise SpatialInputError("E221", "the first component sets indicators against each other: its weights cancel",
                                hint="check their directions")  # fmt: skip
    return w / w.sum()


METHODS = {"entropy": entropy, "critic": critic, "equal": equal, "pca": pca}
