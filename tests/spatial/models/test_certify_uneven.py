"""Monte Carlo certification of weights that vary over time and of unbalanced panels: bias and coverage at 95 %."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt

from ..designs import band, nearest

pytestmark = pytest.mark.slow
N, R = 31, 300


def cut(W, there):
    """W among those who are there, row-standardised again."""
    V = W * np.outer(there, there)
    sums = V.sum(axis=1, keepdims=True)
    return np.divide(V, sums, where=sums > 0, out=np.zeros_like(V))


def certify(model, matrices, observed, w, truth, effects, capsys, **options):
    """Bias of rho or lambda, ratio of mean standard error to standard deviation, coverage of it and of beta."""
    rng, T = np.random.default_rng(31), len(matrices)
    inverse = [np.linalg.inv(np.eye(N) - truth * W) for W in matrices]
    index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
    x = rng.standard_normal((T, N))
    name, result = ("rho" if model is sp.sar else "lambda"), []
    for _ in range(R):
        c, m, e = rng.standard_normal(N), rng.standard_normal((T, 1)), rng.standard_normal((T, N))
        mean = x + c + m * (effects == "twoway")
        parts = [A @ ((mu + u) * o) if model is sp.sar else mu + A @ (u * o)
                 for A, mu, u, o in zip(inverse, mean, e, observed)]  # fmt: skip
        data = pd.DataFrame({"y": np.ravel(parts), "x": x.ravel()}, index=index).reset_index()[observed.ravel()]
        fit = model("y ~ x", data, w, entity="i", time="t", effects=effects, **options)
        ci, at = fit.conf_int(), (truth, 1.0)
        covered = [ci.at[k, "conf_low"] <= v <= ci.at[k, "conf_high"] for k, v in zip((name, "x"), at)]
        result.append((fit.params[name], fit.std_errors[name], fit.sigma2, *covered))
    result = np.array(result)
    bias, ratio = result[:, 0].mean() - truth, result[:, 1].mean() / result[:, 0].std()
    s2, cover, cover_beta = result[:, 2:].mean(axis=0)
    with capsys.disabled():
        print(f"\n{model.__name__} {effects} T={T} {name}={truth}: bias {bias:+.4f}, se/sd {ratio:.3f}, s2 {s2:.3f}, "
              f"coverage {name} {cover:.3f}, beta {cover_beta:.3f}")  # fmt: skip
    low, high = band(0.95, R)
    assert abs(bias) < 0.02
    assert 0.97 < s2 < 1.03
    assert low <= cover <= high
    assert low <= cover_beta <= high


@pytest.mark.parametrize("model", [sp.sar, sp.sem])
@pytest.mark.parametrize("T", [5, 13])
@pytest.mark.parametrize("effects", ["entity", "twoway"])
@pytest.mark.parametrize("truth", [0.0, 0.4, 0.8])
def test_weights_that_vary(model, T, effects, truth, capsys):
    """Other neighbors in every period."""
    rng = np.random.default_rng(1)
    matrices = [nearest(rng, N, 4) for _ in range(T)]
    w = wt.temporal({t: wt.from_dense(W, ids=list(range(N))) for t, W in enumerate(matrices)})
    certify(model, matrices, np.ones((T, N), dtype=bool), w, truth, effects, capsys)


@pytest.mark.parametrize("model", [sp.sar, sp.sem])
@pytest.mark.parametrize("effects", ["entity", "twoway"])
@pytest.mark.parametrize("truth", [0.0, 0.4, 0.8])
def test_unbalanced_panels(model, effects, truth, capsys):
    """One row in ten is missing at random."""
    rng = np.random.default_rng(1)
    W, observed = nearest(rng, N, 4), rng.random((13, N)) > 0.1
    matrices = [cut(W, there) for there in observed]
    w = wt.from_dense(W, ids=list(range(N)))
    certify(model, matrices, observed, w, truth, effects, capsys, missing="period")
