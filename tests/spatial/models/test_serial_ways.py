"""Errors that are correlated over time beside ways of effects behind |: dense scores, and two ways written as three."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.covariance.serial import psi_scores

from ..design.test_ways import dense
from .test_estimators import random_weights
from .test_ways_joint import as_lagged

N, T = 14, 6
IDS = [f"{i:02d}" for i in range(N)]
KEYS = {"entity": "i", "time": "t", "serial": "ar1"}


def drawn(seed, *, uneven=False, psi=0.5):
    """rho = lambda = .3, errors correlated over time, shocks by region and period, groups that units change between."""
    rng = np.random.default_rng(seed)
    W = random_weights(rng, N) * (np.linspace(0.4, 1, N)[:, None] if uneven else 1)
    region, filtered = np.arange(N) // 4, np.linalg.inv(np.eye(N) - 0.3 * W)
    a, b = rng.standard_normal((2, T, N))
    e = rng.standard_normal((T, N)) / np.sqrt([[1 - psi**2]] + [[1]] * (T - 1))
    for t in range(1, T):
        e[t] += psi * e[t - 1]
    shift = rng.standard_normal(N) + 2 * rng.standard_normal((T, 4))[:, region]
    y = (2 * a - b + 0.6 * a @ W.T + shift + e @ filtered.T) @ filtered.T
    index = pd.MultiIndex.from_product([range(T), IDS], names=["t", "i"])
    frame = pd.DataFrame({"y": np.ravel(y), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    frame["id"], frame["r"], frame["j"] = frame["i"], np.tile(region, T), rng.integers(0, 3, N * T)
    return frame, wt.from_dense(W, ids=IDS)


class Dense:
    """The likelihood of what the dummies leave, and the scores of (beta, rho, lambda, psi, ln sigma2): of rho less its
    mean, and of the others by differences."""

    def __init__(self, frame, W, behind, X, spec):
        U, size, _ = np.linalg.svd(dense(frame, behind), full_matrices=False)
        self.D, self.W, self.X, self.spec = U[:, size > 1e-8 * size[0]], W, X, spec
        self.y, whole = frame["y"].to_numpy(), np.kron(np.eye(T), W)
        self.lagging = as_lagged([whole], frame, behind)[0]

    def parts(self, theta):
        k = self.X.shape[1]
        rest = dict(zip(["rho"] * self.spec.lag + ["lam"] * self.spec.error + ["psi", "s"], theta[k:]))
        return theta[:k], rest.get("rho", 0.0), rest.get("lam", 0.0), rest["psi"], rest["s"]

    def inverse(self, lam, psi, s):
        lags = np.abs(np.subtract.outer(np.arange(T), np.arange(T)))
        B = np.eye(N) - lam * self.W
        return np.kron(np.linalg.inv(psi**lags / (1 - psi**2)), B.T @ B) / np.exp(s)

    def residuals(self, theta):
        beta, rho, *_ = self.parts(theta)
        return self.y - rho * self.lagging @ self.y - self.X @ beta

    def loglik(self, theta):
        """Without |A|."""
        *_, lam, psi, s = self.parts(theta)
        K, u = self.inverse(lam, psi, s), self.residuals(theta)
        F = self.D.T @ K @ self.D
        e = u - self.D @ np.linalg.solve(F, self.D.T @ K @ u)
        return (np.linalg.slogdet(K)[1] - np.linalg.slogdet(F)[1] - e @ K @ e) / 2

    def scores(self, theta):
        out = np.array([(self.loglik(theta + h) - self.loglik(theta - h)) / 2e-5 for h in 1e-5 * np.eye(len(theta))])
        if self.spec.lag:
            _, rho, lam, psi, s = self.parts(theta)
            K, G = self.inverse(lam, psi, s), self.lagging @ np.linalg.inv(np.eye(N * T) - rho * self.lagging)
            P = self.D @ np.linalg.solve(self.D.T @ K @ self.D, self.D.T @ K)
            out[self.X.shape[1]] -= np.trace(G) - np.trace(P @ G)
        return out


CASES = [("sdm", "i + t + r^t", False), ("sar", "i + j", False), ("ols", "i[t] + t", False),
         ("sem", "i + t + r[t]", False), ("sem", "i + t + r^t", True), ("sac", "i + j", False),
         ("sac", "i + t + r^t", False), ("sdm", "i + r^t", True), ("sdem", "i + t + j", False),
         ("sar", "i + t + r[t]", True)]  # fmt: skip


@pytest.mark.parametrize(("model", "behind", "uneven"), CASES)
def test_dense_scores_and_covariance(model, behind, uneven):
    frame, w = drawn(3, uneven=uneven)
    fit = getattr(sp, model)(f"y ~ a + b | {behind}", frame, w, **KEYS)
    X, W = frame[["a", "b"]].to_numpy(), w.csr.toarray()
    twin = Dense(frame, W, behind, X, fit.specification)
    if fit.specification.durbin:
        twin.X = np.column_stack([X, twin.lagging @ X])
    psi, p = fit._settings.serial.psi, len(fit.params)
    theta = np.array([*fit.params, psi, np.log(fit.sigma2)])
    assert twin.scores(theta) == pytest.approx(0, abs=2e-3)
    slopes = np.array([(twin.scores(theta + h) - twin.scores(theta - h)) / 4e-4 for h in 2e-4 * np.eye(len(theta))])
    V = np.linalg.inv(-(slopes + slopes.T) / 2)
    close = 0.01 if np.abs(slopes - slopes.T).max() < 1e-3 * np.abs(slopes).max() else 0.1
    np.testing.assert_allclose(fit.std_errors, np.sqrt(np.diag(V)[:p]), rtol=close)
    assert fit._settings.serial.std_error == pytest.approx(np.sqrt(V[p, p]), rel=close)
    assert psi_scores(fit).sum() == pytest.approx(0, abs=1e-3)
    assert ("correction: by" in fit.summary()) == (model != "ols")


@pytest.mark.parametrize("model", ["slx", "sdm", "sem", "sac"])
def test_two_ways_written_as_three(model):
    """A way that is nested in units, and so changes nothing: all by another road."""
    frame, w = drawn(5)
    estimate = getattr(sp, model)
    plain, fit = estimate("y ~ a + b", frame, w, **KEYS), estimate("y ~ a + b | i + t + r", frame, w, **KEYS)
    assert plain._settings.effects.ways is None
    assert fit._settings.effects.ways is not None
    np.testing.assert_allclose(fit.params, plain.params, atol=1e-7)
    np.testing.assert_allclose(fit.std_errors, plain.std_errors, rtol=1e-6)
    assert fit.loglik == pytest.approx(plain.loglik, abs=1e-8)
    for mine, theirs in ((sp.variance_components(one)["std_error"], sp.variance_components(other)["std_error"])
                         for one, other in ((fit, plain),)):  # fmt: skip
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)
    for kind in ("trend", "TC"):
        np.testing.assert_allclose(fit.predict(kind=kind), plain.predict(kind=kind), atol=1e-7)
    for vcov in ("robust", "cluster"):
        mine, theirs = (one.with_vcov(vcov).std_errors for one in (fit, plain))
        np.testing.assert_allclose(mine, theirs, rtol=0.03 if model == "sac" else 0.01)


def test_a_shift_by_region_and_period_changes_nothing():
    frame, w = drawn(6)
    rng = np.random.default_rng(1)
    shift = 10 * rng.standard_normal((T, 4))[frame["t"], frame["r"]] + 5 * frame["t"] * (frame["r"] + 1)
    for model, column in (("sem", "y"), ("sar", "a")):
        moved = frame.assign(**{column: frame[column] + shift})
        fits = [getattr(sp, model)("y ~ a + b | i + t + r^t", data, w, **KEYS) for data in (frame, moved)]
        np.testing.assert_allclose(*(fit.params for fit in fits), atol=1e-6)
        assert fits[0]._settings.serial.psi == pytest.approx(fits[1]._settings.serial.psi, abs=1e-6)


@pytest.mark.parametrize(("options", "code"), [
    ({"correction": False}, "E501"), ({"vcov": "driscoll_kraay"}, "E715"), ({"lags": "y"}, "E501"),
    ({"vcov": sp.Cluster("j")}, "E715"),
])  # fmt: skip
def test_what_is_not_there_is_refused(options, code):
    frame, w = drawn(7)
    with pytest.raises(sp.SpatialInputError, match=code):
        sp.sdm("y ~ a + b | i + t + r^t", frame, w, **KEYS, **options)
    with pytest.raises(sp.SpatialInputError, match="E109"):
        sp.sdm("y ~ a + b | i + t + r^t", frame[5:], w, **KEYS, missing="period")
