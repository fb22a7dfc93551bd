"""Calibration: the true W among twenty rivals is found as often as its posterior says."""

from itertools import pairwise

import numpy as np
import pytest

from spatial.compare.posterior import integral
from spatial.compare.prior import Prior
from spatial.design.arrays import Sample
from spatial.logdet import Jacobian, logdet
from spillover.matrix import as_weights

RIVALS, N, G = 20, 25, 8.0
BINS = (0.0, 0.03, 0.1, 0.25, 0.5, 0.8, 1.0)


def rivals(rng):
    """Four nearest of points that are moved again for each W: they share many links."""
    base, out = rng.random((N, 2)), []
    for _ in range(RIVALS):
        xy = base + 0.15 * rng.standard_normal((N, 2))
        distance = np.linalg.norm(xy[:, None] - xy, axis=2) + np.diag(np.full(N, np.inf))
        W = np.zeros((N, N))
        np.put_along_axis(W, np.argsort(distance, axis=1)[:, :4], 0.25, axis=1)
        out.append(as_weights(W))
    return out


def posteriors(replicates, kind, seed):
    """(probabilities (R, RIVALS), which W is true (R,)): everything drawn from the prior."""
    rng = np.random.default_rng(seed)
    weights, prior = rivals(rng), Prior(g=G)
    curves = [Jacobian(logdet(w)) for w in weights]
    p, true = np.empty((replicates, RIVALS)), rng.integers(0, RIVALS, replicates)
    for r, t in enumerate(true):
        X = rng.standard_normal((N, 2))
        rho = rng.uniform(*curves[t].interval)
        A = np.eye(N) - rho * weights[t].csr.toarray()
        BX = X if kind == "lag" else A @ X
        beta = np.linalg.cholesky(G * np.linalg.inv(BX.T @ BX)) @ rng.standard_normal(2)
        y = np.linalg.solve(A, BX @ beta + rng.standard_normal(N))
        marginal = []
        for w, curve in zip(weights, curves):
            W = w.csr
            parts = {"Wy": W @ y, "lag": curve} if kind == "lag" else {"My": W @ y, "MX": W @ X, "error": curve}
            marginal.append(integral(Sample(y=y, X=X, n=N, **parts), N, prior))
        odds = np.exp(np.array(marginal) - max(marginal))
        p[r] = odds / odds.sum()
    return p, true


def calibration(p, true):
    """By bin of the posterior: mean probability, how often that W is the true one, and how many there are."""
    hit = np.zeros_like(p)
    hit[np.arange(len(p)), true] = 1
    rows = []
    for low, high in pairwise(BINS):
        inside = (p > low) & (p <= high)
        if inside.sum() >= 20:
            rows.append((p[inside].mean(), hit[inside].mean(), inside.sum()))
    return np.array(rows)


def check(p, true):
    table = calibration(p, true)
    message, seen, count = table.T
    assert (np.abs(seen - message) <= 3.3 * np.sqrt(message * (1 - message) / count) + 0.005).all(), table
    best = p.max(axis=1)
    result = p.argmax(axis=1) == true
    assert abs(result.mean() - best.mean()) <= 3.3 * np.sqrt(np.mean(best * (1 - best)) / len(p))
    assert best.mean() > 3 / RIVALS  # the data say something, so the check can fail
    return table


def test_in_short():
    check(*posteriors(40, "lag", 5))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lag", "error"])
def test_calibration(kind):
    table = check(*posteriors(1_000 if kind == "lag" else 400, kind, 11))
    assert len(table) >= 4
    print(table.round(3))
