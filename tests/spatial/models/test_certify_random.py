"""Monte Carlo certification of random effects: bias, coverage, size. ``make certify`` runs it."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp

from .test_certify import band, nearest, true_effects

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


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("phi", [0.2, 1.0])
@pytest.mark.parametrize("effects", ["random", "correlated"])
def test_coverage_of_the_durbin_model(effects, rho, phi, capsys):
    """95 % intervals of rho, beta, theta, direct and indirect effect."""
    R = 300
    samples, W, keys = panels(R, rho=rho, phi=phi)
    truth = {"rho": rho, "x": 1.0, "W:x": 0.5}
    truth |= {k: v for k, v in true_effects(1.0, 0.5, rho, W.to_numpy()).items() if k != "total"}
    inside, rhos, phis = dict.fromkeys(truth, 0), [], []
    for r, data in enumerate(samples):
        fit = sp.sdm("y ~ x", data, W, effects=effects, **keys)
        ci, eff = fit.conf_int(), fit.effects(draws=500, seed=r)
        rhos.append(fit.rho)
        phis.append(fit._settings.random.phi)
        for k in ("rho", "x", "W:x"):
            inside[k] += ci.at[k, "conf_low"] <= truth[k] <= ci.at[k, "conf_high"]
        for j, k in enumerate(("direct", "indirect")):
            inside[k] += eff.conf_low[j, 0] <= truth[k] <= eff.conf_high[j, 0]
    shares = {k: v / R for k, v in inside.items()}
    with capsys.disabled():
        print(f"\n{effects} rho={rho} phi={phi}: bias of rho {np.mean(rhos) - rho:+.4f}, mean phi {np.mean(phis):.3f}; "
              "coverage " + ", ".join(f"{k} {v:.3f}" for k, v in shares.items()))  # fmt: skip
    low, high = band(0.95, R, slack=0.015)
    assert abs(np.mean(rhos) - rho) < 0.015
    assert all(low <= share <= high for share in shares.values())


@pytest.mark.parametrize("error", ["kkp", "baltagi"])
def test_coverage_of_the_error_model(error, capsys):
    """95 % intervals of lambda and beta with the unit effects where they are."""
    R = 300
    samples, W, keys = panels(R, lam=0.4, inside=error == "kkp")
    truth = {"lambda": 0.4, "x": 1.0, "W:x": 0.5}
    inside = dict.fromkeys(truth, 0)
    for data in samples:
        ci = sp.sdem("y ~ x", data, W, effects="random", random_error=error, **keys).conf_int()
        for k in truth:
            inside[k] += ci.at[k, "conf_low"] <= truth[k] <= ci.at[k, "conf_high"]
    shares = {k: v / R for k, v in inside.items()}
    with capsys.disabled():
        print(f"\n{error}: coverage " + ", ".join(f"{k} {v:.3f}" for k, v in shares.items()))
    low, high = band(0.95, R, slack=0.015)
    assert all(low <= share <= high for share in shares.values())


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
        said = zip(("LR phi = 0", "Mundlak", "Mundlak clustered"), rejected / R)
        print("\n" + ", ".join(f"{k} {v:.3f}" for k, v in said))
    low, high = band(0.05, R, slack=0.015)
    assert low <= rejected[0] / R <= high
    assert low <= rejected[1] / R <= high
    assert low <= rejected[2] / R <= high
