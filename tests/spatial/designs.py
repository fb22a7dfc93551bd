"""Weights at random and Monte Carlo bands that several rooms' tests share."""

import numpy as np


def nearest(rng, n, k):
    """Row-standardised k nearest neighbors of random points."""
    xy = rng.random((n, 2))
    d = ((xy[:, None] - xy[None]) ** 2).sum(-1)
    np.fill_diagonal(d, np.inf)
    W = np.zeros((n, n))
    np.put_along_axis(W, np.argsort(d, axis=1)[:, :k], 1 / k, axis=1)
    return W


def uneven(W, rows):
    """W whose rows do not all sum to one: "an island", unit 5, among row-standardised rows, or "binary", both ways,
    over the largest eigenvalue."""
    if rows == "an island":
        W = W.copy()
        W[5], W[:, 5] = 0.0, 0.0
        return W / np.where(W.sum(axis=1) > 0, W.sum(axis=1), 1.0)[:, None]
    W = ((W + W.T) > 0).astype(float)
    return W / np.abs(np.linalg.eigvalsh(W)).max()


def of_deviations(W, counted=None):
    """W J: W of deviations from the mean of all units, or of those that are counted."""
    counted = np.ones(len(W), dtype=bool) if counted is None else np.asarray(counted)
    J = np.eye(len(W)) - counted / counted.sum()
    return W @ J


def as_lagged(W, time):
    """W as a model with or without period effects lags a column."""
    return of_deviations(W) if time and not np.allclose(W.sum(axis=1), 1) else W


def band(share, draws, slack=0.01):
    """share +- 3.3 standard errors of ``draws`` samples, +- slack for finite samples."""
    half = 3.3 * np.sqrt(share * (1 - share) / draws) + slack
    return share - half, share + half
