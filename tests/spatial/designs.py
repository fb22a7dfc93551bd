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


def band(share, draws, slack=0.01):
    """share +- 3.3 standard errors of ``draws`` samples, +- slack for finite samples."""
    half = 3.3 * np.sqrt(share * (1 - share) / draws) + slack
    return share - half, share + half
