"""Monte Carlo certification of the method of moments (design C10): coverage under heteroskedastic errors."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp

from .test_certify import nearest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:rho = .* lies outside")]


def coverage(model, vcov, *, rho, lam, draws=500, n=196, heteroskedastic=True):
    """Share of 95 % intervals that hold the truth, by parameter; the error's variance grows with x^2."""
    rng = np.random.default_rng(10)
    W = nearest(rng, n, 5)
    w, x = pd.DataFrame(W), rng.standard_normal(n)
    spread = np.sqrt((0.2 + x**2) / 1.2) if heteroskedastic else np.ones(n)
    A, B = (np.linalg.inv(np.eye(n) - p * W) for p in (rho, lam))
    truth = {"x": 1.0, "rho": rho, "lambda": lam}
    inside = dict.fromkeys(truth, 0)
    for _ in range(draws):
        y = A @ (1 + x + B @ (spread * rng.standard_normal(n)))
        fit = getattr(sp, model)("y ~ x", pd.DataFrame({"y": y, "x": x}), w, method="gmm", vcov=vcov)
        ci = fit.conf_int()
        for name in set(truth) & set(ci.index):
            inside[name] += ci.at[name, "conf_low"] <= truth[name] <= ci.at[name, "conf_high"]
    return {name: float(count / draws) for name, count in inside.items() if count}


@pytest.mark.parametrize(("model", "rho", "lam"), [("sar", 0.4, 0.0), ("sem", 0.0, 0.4), ("sac", 0.4, 0.3)])
def test_robust_intervals_cover_and_classical_ones_do_not(model, rho, lam, capsys):
    robust = coverage(model, "robust", rho=rho, lam=lam)
    classical = coverage(model, "classical", rho=rho, lam=lam)
    with capsys.disabled():
        print(f"\n{model} rho={rho} lambda={lam}: robust {robust}, classical {classical}")
    assert all(0.90 <= share <= 0.98 for share in robust.values())
    assert classical["x"] < robust["x"] - 0.05


@pytest.mark.parametrize(("model", "rho", "lam"), [("sem", 0.0, 0.4), ("sac", 0.4, 0.3)])
def test_classical_intervals_cover_under_equal_variances(model, rho, lam, capsys):
    shares = coverage(model, "classical", rho=rho, lam=lam, heteroskedastic=False)
    with capsys.disabled():
        print(f"\n{model} rho={rho} lambda={lam}: {shares}")
    assert all(0.90 <= share <= 0.98 for share in shares.values())
