"""Monte Carlo certification of random effects: bias, coverage, size. ``make certify`` runs it."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp

from ..designs import band, nearest

pytestmark = pytest.mark.slow
N, T = 48, 10


def panels(R, *, rho=0.0, lam=0.0, phi=1.0, inside=True, seed=48):
    """R samples of one design, and its W."""
    rng = np.random.default_rng(seed)
    W = nearest(rng, N, 4)
    A, B = (np.linalg.inv(np.eye(N) - value * W) for value in (rho, lam))
    index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
    x = rng.standard_normal((T, N)) + rng.standard_normal(N)
    keys = {"entity": "i", "time": "t"}

    def draw():
        mu, e = np.sqrt(phi) * rng.standard_normal(N), rng.standard_normal((T, N))
        u = (mu + e) @ B.T if inside else mu + e @ B.T
        y = (1 + x + 0.5 * x @ W.T + u) @ A.T
        return pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index=index).reset_index()

    return (draw() for _ in range(R)), pd.DataFrame(W), keys


def test_size_of_the_tests(capsys):
    """At 5 %: phi = 0 by likelihood ratio, and Mundlak's test by observed information and clustered by unit."""
    R, rejected = 400, np.zeros(3)
    for r, data in enumerate(panels(R, rho=0.3, phi=0.0)[0]):
        if r == 0:
            _, W, keys = panels(0)
        pooled, fit = (sp.sdm("y ~ x", data, W, effects=e, **keys) for e in ("none", "random"))
        rejected[0] += sp.lr_test(pooled, fit).p_value < 0.05
    for data in panels(R, rho=0.3, phi=1.0)[0]:
        cre = sp.sdm("y ~ x", data, W, effects="correlated", **keys)
        rejected[1:] += [sp.mundlak_test(fit).p_value < 0.05 for fit in (cre, cre.with_vcov("cluster"))]
    with capsys.disabled():
        message = zip(("LR phi = 0", "Mundlak", "Mundlak clustered"), rejected / R)
        print("\n" + ", ".join(f"{k} {v:.3f}" for k, v in message))
    low, high = band(0.05, R, slack=0.015)
    assert low <= rejected[0] / R <= high
    assert low <= rejected[1] / R <= high
    assert low <= rejected[2] / R <= high
