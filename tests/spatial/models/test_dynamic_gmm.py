"""GMM for dynamic panels: against plm's pgmm without spatial lags, a twin written unit by unit with them, and laws."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.solve.gmm_dynamic import panel_gmm
from spatial.solve.gmm_transforms import orthogonal_deviations
from spillover.errors import SpatialInputError

from ..designs import band, nearest
from .test_certify_dynamic import BETA, KEYS, RHO, TAU, THETA, panels

FOLDER = Path(__file__).parents[2] / "reference" / "dynamic"
STORED = json.loads((FOLDER / "pgmm.json").read_text())
OPTIONS = {"onestep": {"steps": 1}, "twosteps": {}, "collapsed": {"collapse": True}, "depth2": {"depth": 2}}


@pytest.fixture(scope="module")
def employment():
    """y, Z = [y_{t-1}, log wage, log capital] and y_{t-1} of 138 firms, as pgmm had them."""
    data = pd.read_csv(FOLDER / "empluk.csv")
    wide = [np.log(data.pivot(index="year", columns="firm", values=c).to_numpy()) for c in ("emp", "wage", "capital")]
    y, wage, capital = wide
    return y[1:], np.stack([y[:-1], wage[1:], capital[1:]], axis=2), y[:-1, :, None]


@pytest.mark.parametrize("case", OPTIONS)
def test_pgmm(employment, case):
    """Coefficients, Windmeijer's or robust s.e., Hansen's J and both tests of serial correlation."""
    y, Z, past = employment
    got, want = panel_gmm(y, Z, past, Z[:, :, 1:], **OPTIONS[case]), STORED[case]
    np.testing.assert_allclose(got.coef, list(want["coef"].values()), rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(got.vcov)), list(want["se"].values()), rtol=1e-9)
    np.testing.assert_allclose(got.serial, want["ar"], rtol=1e-8)
    assert got.instruments - 3 == want["df"]
    if case != "onestep":  # pgmm's is then that of the one-step estimate
        assert got.hansen == pytest.approx(want["sargan"], rel=1e-9)


def test_deviations_and_differences_agree(employment):
    """With all past values, period by period, the two one-step estimates are the same (Arellano & Bover 1995)."""
    y, Z, past = employment
    a, b = (panel_gmm(y, Z[:, :, :1], past, Z[:, :, 1:1], steps=1, differences=d) for d in (True, False))
    np.testing.assert_allclose(a.coef, b.coef, rtol=1e-9)
    np.testing.assert_allclose(a.vcov, b.vcov, rtol=1e-8)
    F = orthogonal_deviations(7)
    np.testing.assert_allclose(F @ F.T, np.eye(6), atol=1e-14)


def by_unit(data, W, settings, lags):
    """(coefficients, one-step robust covariance) of the spatial model, written with one matrix per unit."""
    N = len(W)
    y, x = (data[c].to_numpy().reshape(-1, N) for c in ("y", "x"))
    T, J = len(y) - 1, np.eye(N) - 1 / N
    powers = [np.eye(N), W, W @ W, W @ W @ W]
    past = [y[:-1] @ P.T @ J for P in powers[: 3 if lags != "y" else 2]]
    own = [x[1:] @ P.T @ J for P in powers]
    Z = [*[past[0]] * (lags != "Wy"), *[past[1]] * (lags != "y"), own[0], own[1], y[1:] @ W.T @ J]
    D = np.diff(np.eye(T), axis=0)
    if settings.transform == "orthogonal":
        D = np.array([[0.0] * t + [1] + [-1 / (T - 1 - t)] * (T - 1 - t) for t in range(T - 1)])
        D /= np.linalg.norm(D, axis=1, keepdims=True)
    H = []
    for i in range(N):
        rows = []
        for r in range(T - 1):
            row = [p[r - lag, i] if r >= lag else 0.0 for p in past for lag in range(settings.depth)]
            rows.append([*row, *(D[r] @ z[:, i] for z in own)])
        H.append(np.array(rows))
    X = [D @ np.column_stack([z[:, i] for z in Z]) for i in range(N)]
    Y = [D @ (y[1:] @ J)[:, i] for i in range(N)]
    A = np.linalg.inv(sum(h.T @ D @ D.T @ h for h in H))

    def solve(A):
        HX, HY = sum(h.T @ x for h, x in zip(H, X)), sum(h.T @ y for h, y in zip(H, Y))
        M = np.linalg.inv(HX.T @ A @ HX) @ HX.T @ A
        return M @ HY, M

    b, M = solve(A)
    S = sum(np.outer(h.T @ (v - x @ b), h.T @ (v - x @ b)) for h, x, v in zip(H, X, Y))
    return (b, M @ S @ M.T) if settings.steps == 1 else (solve(np.linalg.inv(S))[0], None)


@pytest.mark.parametrize("transform", ["orthogonal", "differences"])
@pytest.mark.parametrize("lags", ["y", "Wy", "both"])
@pytest.mark.parametrize("steps", [1, 2])
def test_twin(transform, lags, steps):
    rng = np.random.default_rng(2)
    W = nearest(rng, 30, 3)
    data = next(panels(rng, W, 6, -0.1, 1))
    settings = sp.ArellanoBond(transform=transform, depth=2, steps=steps)
    shuffled = data.sample(frac=1, random_state=1)
    fit = sp.sdm("y ~ x", shuffled, pd.DataFrame(W), entity="i", time="t", lags=lags, method=settings)
    coef, vcov = by_unit(data, W, settings, lags)
    np.testing.assert_allclose(fit.params, coef, rtol=1e-7)
    if steps == 1:
        np.testing.assert_allclose(fit.vcov, vcov, rtol=1e-6)


def test_what_a_fit_can_do():
    """Header, tests, effects in both runs; no likelihood."""
    rng = np.random.default_rng(5)
    W = nearest(rng, 60, 4)
    data = next(panels(rng, W, 8, -0.1, 1))
    fit = sp.sdm("y ~ x", data, pd.DataFrame(W), **KEYS, method="gmm")
    message = str(fit)
    assert all(words in message for words in ("method of moments", "forward orthogonal deviations, 10 instruments",
                                           "Windmeijer", "stationary: tau + rho + eta"))  # fmt: skip
    tests = sp.instrument_tests(fit)
    assert [t.name for t in tests][:4] == ["Hansen J", "AR(1)", "AR(2)", "first-stage F of lag(y)"]
    assert tests["Hansen J"].df == 5
    assert tests["AR(1)"].p_value < 0.01
    total = fit.effects(draws=200).long_run.tidy().set_index("effect").loc["total"]
    assert total["conf_low"] < (BETA + THETA) / (1 - TAU - RHO + 0.1) < total["conf_high"]
    gap = fit._design.labelled(fit._design.y, "y") - fit.predict() - fit.resid
    assert np.abs(gap).max() < 1e-10
    pd.testing.assert_frame_equal(fit.with_vcov("cluster").vcov, fit.vcov)
    with pytest.raises(SpatialInputError, match="E501"):
        fit.with_vcov("hc1")
    with pytest.raises(SpatialInputError, match="likelihood"):
        sp.lr_test(fit, fit)


def test_refused():
    rng = np.random.default_rng(5)
    W = nearest(rng, 20, 4)
    data, w = next(panels(rng, W, 8, -0.1, 1)), pd.DataFrame(W)
    for code, options in {
        "E501: ArellanoBond is for dynamic": {"entity": "i", "time": "t", "method": sp.ArellanoBond()},
        "E501: effects='time' leaves": {**KEYS, "effects": "time", "method": "gmm"},
        "E501: GMM on past values has one covariance": {**KEYS, "method": "gmm", "vcov": sp.DriscollKraay()},
        "E704: 2. independent instruments": {**KEYS, "method": sp.ArellanoBond(depth=None)},
    }.items():
        with pytest.raises(SpatialInputError, match=code):
            sp.sdm("y ~ x", data, w, **options)
    for wrong in ({"transform": "levels"}, {"depth": 0}, {"steps": 3}):
        with pytest.raises(SpatialInputError, match="E501"):
            sp.ArellanoBond(**wrong)


@pytest.mark.slow
@pytest.mark.parametrize(("N", "T"), [(60, 9), (150, 6)])
@pytest.mark.parametrize("transform", ["orthogonal", "differences"])
def test_bias_and_coverage(N, T, transform, capsys):
    """Where tau is biased by -.08 to -.14 without correction; sizes of Hansen's J and AR(2)."""
    rng, R = np.random.default_rng(31), 500
    W = nearest(rng, N, 4)
    truth = pd.Series({"lag(y)": TAU, "W:lag(y)": -0.1, "x": BETA, "W:x": THETA, "rho": RHO})
    estimates, inside, rejected = [], [], []
    for data in panels(rng, W, T, -0.1, R):
        fit = sp.sdm("y ~ x", data, pd.DataFrame(W), **KEYS, method=sp.ArellanoBond(transform=transform))
        ci, tests = fit.conf_int(), sp.instrument_tests(fit)
        estimates.append(fit.params)
        inside.append((ci["conf_low"] <= truth) & (truth <= ci["conf_high"]))
        rejected.append([tests[name].p_value < 0.05 for name in ("Hansen J", "AR(2)")])
    bias, coverage = pd.DataFrame(estimates).mean() - truth, pd.DataFrame(inside).mean()
    sizes = np.mean(rejected, axis=0)
    with capsys.disabled():
        print(f"\nN={N} T={T} {transform}\n  bias     " + "  ".join(f"{k} {v:+.4f}" for k, v in bias.items()))
        print("  coverage " + "  ".join(f"{k} {v:.3f}" for k, v in coverage.items()))
        print(f"  size     Hansen {sizes[0]:.3f}  AR(2) {sizes[1]:.3f}")
    low, high = band(0.95, R, slack=0.03)
    assert abs(bias["lag(y)"]) < 0.02
    assert coverage.between(low, high).all()
    assert (sizes < 0.10).all()
