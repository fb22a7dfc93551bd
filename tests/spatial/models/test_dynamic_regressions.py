"""Dynamic panels without W y: least squares, unbiased scores and GMM, against explicit matrices and plm's pgmm."""

import json

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from ..naive_dynamic_exact import slopes
from .test_dynamic_errors import KEYS, frame, simulated, theta_of, twin_of, two_weights
from .test_dynamic_gmm import FOLDER

CASES = [("slx", "both", "twoway"), ("slx", "y", "entity"), ("ols", "y", "twoway"), ("ols", "Wy", "entity")]


@pytest.fixture(scope="module")
def sample():
    W, _ = two_weights()
    return simulated(np.random.default_rng(5), W, 7, lam=0.0, theta=0.5), W


def twin(sample, model, lags, effects):
    data, W = sample
    return twin_of(data, W, W, "sdm" if model == "slx" else "sar", lags, effects)


def without_lag(explicit):
    explicit.lag = False
    return explicit


@pytest.mark.parametrize(("model", "lags", "effects"), CASES)
def test_the_corrected_maximum(sample, model, lags, effects):
    """A step from least squares against the mean of the score; standard errors with what the step adds, J V J'."""
    explicit = without_lag(twin(sample, model, lags, effects))
    keys = {**KEYS, "effects": effects, "lags": lags}
    fit = getattr(sp, model)("y ~ x", sample[0], frame(sample[1]), **keys)
    Z = explicit.Q @ explicit.Z
    b = np.linalg.lstsq(Z, explicit.Q @ explicit.y, rcond=None)[0]
    e = explicit.Q @ explicit.y - Z @ b
    at = np.append(b, e @ e / len(Z))
    want = at - np.linalg.solve(explicit.expected_information(at), explicit.mean_for_ever(at))
    np.testing.assert_allclose(fit.params, want[:-1], rtol=1e-8, atol=1e-9)
    J = np.eye(len(at)) - np.linalg.solve(explicit.expected_information(at), slopes(explicit.mean_for_ever, at))
    V = fit.sigma2 * J[:-1, :-1] @ np.linalg.inv(Z.T @ Z) @ J[:-1, :-1].T
    np.testing.assert_allclose(fit.std_errors, np.sqrt(np.diag(V)), rtol=1e-6)
    loose = getattr(sp, model)("y ~ x", sample[0], frame(sample[1]), **keys, correction=False)
    np.testing.assert_allclose(loose.params, b, rtol=1e-9)


@pytest.mark.parametrize(("model", "lags", "effects"), CASES)
def test_the_unbiased_score(sample, model, lags, effects):
    explicit = without_lag(twin(sample, model, lags, effects))
    fit = getattr(sp, model)("y ~ x", sample[0], frame(sample[1]), **KEYS, effects=effects, lags=lags, method="aqs")
    p, n = len(fit.params), fit._design.left(fit._settings.effects)
    start = theta_of(fit) / np.r_[np.ones(p), n / (n - p)]
    at, V = explicit.root(start)
    np.testing.assert_allclose(start, at, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fit.vcov, n / (n - p) * V[:-1, :-1], rtol=2e-3, atol=1e-5)


def test_pgmm_from_a_frame():
    """138 firms, log employment on its past, log wage and log capital (Arellano & Bond 1991): plm's digits, no W y."""
    data = pd.read_csv(FOLDER / "empluk.csv")
    ids = sorted(data["firm"].unique())
    W = wt.from_dense(np.eye(len(ids))[np.roll(np.arange(len(ids)), 1)], ids=ids)
    method = sp.ArellanoBond(transform="differences", depth=None, collapse=True)
    fit = sp.ols("log(emp) ~ log(wage) + log(capital)", data, W, entity="firm", time="year", effects="entity", lags="y",
                 method=method)  # fmt: skip
    want = json.loads((FOLDER / "pgmm.json").read_text())["collapsed"]
    np.testing.assert_allclose(fit.params, list(want["coef"].values()), rtol=1e-9)
    np.testing.assert_allclose(fit.std_errors, list(want["se"].values()), rtol=1e-9)


@pytest.mark.parametrize("method", [None, "aqs", "gmm"])
def test_what_a_fit_can_do(sample, method):
    """Effects of the short run are beta and theta, in the long run divided by 1 - tau; nothing else in the header."""
    fit = sp.slx("y ~ x", sample[0], frame(sample[1]), **KEYS, effects="entity", lags="y", method=method)
    tau, beta, theta = fit.params
    effects = fit.effects()
    at = {row.effect: row.estimate for row in effects.long_run.tidy().itertuples()}
    assert at["direct"] == pytest.approx(beta / (1 - tau), rel=1e-9)
    assert at["indirect"] == pytest.approx(theta / (1 - tau), rel=1e-9)
    assert fit.stationarity.largest_root == pytest.approx(abs(tau))
    words = {None: "by least squares", "aqs": "by adjusted quasi-scores", "gmm": "by the method of moments"}
    assert words[method] in str(fit).splitlines()[0]


def test_refused(sample):
    with pytest.raises(SpatialInputError, match="no unit effects to difference out"):
        sp.ols("y ~ x", sample[0], frame(sample[1]), **KEYS, effects="time", lags="y", method="gmm")
    with pytest.raises(SpatialInputError, match="random"):
        sp.ols("y ~ x", sample[0], frame(sample[1]), **KEYS, effects="random", lags="y")
