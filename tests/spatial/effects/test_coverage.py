"""Monte Carlo: do 95 % intervals of effects hold the truth, and is a true zero rejected in 5 % of samples?"""

import functools

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt

from . import naive

KINDS = ("direct", "indirect", "total")
WORST = {"quadrature": 0.89, "likelihood": 0.92}  # of a cell, less the band: rho itself is biased in small samples


@functools.cache
def lattice(kind: str) -> pd.DataFrame:
    """7 x 7 by queen, 10 x 10 by rook, or the 48 states; rows that sum to one."""
    if kind == "states":
        w = wt.queen(shapefiles.load("us_states")).standardize("row")
        return pd.DataFrame(w.csr.toarray())
    side = 7 if kind == "queen" else 10
    i, j = np.divmod(np.arange(side**2), side)
    across, down = abs(i[:, None] - i), abs(j[:, None] - j)
    near = np.maximum(across, down) == 1 if kind == "queen" else across + down == 1
    return pd.DataFrame(near / near.sum(axis=1, keepdims=True))


def cell(kind, model, rho, samples, method="quadrature", seed=1):
    """Coverage (3,) of the effects of x, and how often the effects of z, which are zero, are rejected (3,)."""
    W = lattice(kind)
    n, rng = len(W), np.random.default_rng(seed)
    x, z = rng.standard_normal((2, n))
    theta = 0.5 if model == "sdm" else 0.0
    truth = naive.coefficients(W.to_numpy(), rho) @ [1.0, theta]
    A_inverse = np.linalg.inv(np.eye(n) - rho * W.to_numpy())
    signal = A_inverse @ (x + theta * (W.to_numpy() @ x))
    inside, rejected = np.zeros(3), np.zeros(3)
    for _ in range(samples):
        y = signal + A_inverse @ rng.standard_normal(n)
        fit = getattr(sp, model)("y ~ x + z", pd.DataFrame({"y": y, "x": x, "z": z}), W)
        result = fit.effects(method=method)
        inside += (result.conf_low[:, 0] <= truth) & (truth <= result.conf_high[:, 0])
        rejected += result.inferred.inference.p_value[:, 1] <= 0.05
    return inside / samples, rejected / samples


def within_band(share, target, samples):
    """Of a binomial share, at 3.3 standard errors."""
    return share >= target - 3.3 * np.sqrt(target * (1 - target) / samples)


@pytest.mark.parametrize(("kind", "model", "rho", "method"), [
    ("states", "sar", 0.7, "quadrature"), ("queen", "sdm", 0.4, "quadrature"), ("queen", "sar", 0.7, "likelihood"),
])  # fmt: skip
def test_coverage_of_a_few_samples(kind, model, rho, method):
    """A fixed seed and 60 samples: what would catch an interval of half its width."""
    inside, rejected = cell(kind, model, rho, 60, method)
    assert within_band(inside, WORST[method], 60).all(), inside
    assert (rejected <= 0.07 + 3.3 * np.sqrt(0.07 * 0.93 / 60)).all(), rejected
