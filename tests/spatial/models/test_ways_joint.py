"""Ways of effects behind | beside several W, and rho, lambda or sigma2 by regime: dense systems; one W, one regime."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt

from .. import naive_moving as twin
from ..design.test_ways import dense
from .test_estimators import random_weights
from .test_regimes_moving import blocks

N, T = 16, 5
KEYS = {"entity": "i", "time": "t", "missing": "period"}
IDS = [f"{i:02d}" for i in range(N)]


def drawn(seed, *, gaps=0.0, moving=False, uneven=False):
    """Two W, two regimes with a rho and variance each, shocks by region and period; rows of the first W need not sum to
    one."""
    rng = np.random.default_rng(seed)
    one, other = ([random_weights(rng, N) for _ in range(T if moving else 1)] * (1 if moving else T) for _ in range(2))
    if uneven:
        one = [W / np.abs(np.linalg.eigvals(W + np.eye(N) / 9)).max() * np.linspace(0.3, 1, N)[:, None] for W in one]
    half, region = np.arange(N) % 2, np.arange(N) // 4
    a, b, e = rng.standard_normal((3, T, N))
    shift = rng.standard_normal(N) + 2 * rng.standard_normal((T, 4))[:, region]
    y = [np.linalg.solve(np.eye(N) - np.where(half, 0.1, 0.4)[:, None] * one[t] - 0.2 * other[t], 2 * a[t] - b[t]
         + 0.6 * one[t] @ a[t] + shift[t] + (1 + half) * e[t]) for t in range(T)]  # fmt: skip
    index = pd.MultiIndex.from_product([range(T), IDS], names=["t", "i"])
    frame = pd.DataFrame({"y": np.ravel(y), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    frame["id"], frame["r"] = frame["i"], np.tile(region, T)
    frame["half"], frame["j"] = np.tile(np.array(["east", "west"])[half], T), rng.integers(0, 4, N * T)
    frame = frame[rng.random(len(frame)) >= gaps].reset_index(drop=True)
    each = [[wt.from_dense(W, ids=IDS) for W in own] for own in (one, other)]
    return frame, [wt.temporal(dict(enumerate(own))) if moving else own[0] for own in each]


def full_rank(frame, behind):
    """Independent columns that span the dummies."""
    U, size, _ = np.linalg.svd(dense(frame, behind), full_matrices=False)
    return U[:, size > 1e-8 * size[0]]


def as_lagged(matrices, frame, behind):
    """W J where period effects are among the ways and rows do not sum to one."""
    periods = np.equal.outer(frame["t"].to_numpy(), frame["t"].to_numpy()).astype(float)
    J = np.eye(len(frame)) - periods / periods.sum(axis=1)
    uneven = any(np.abs(W.sum(axis=1) - 1).max() > 1e-9 for W in matrices)
    return [W @ J for W in matrices] if uneven and "t" in behind.split(" + ") else matrices


def stacked(frame, w):
    if isinstance(w, wt.SpatialWeights) and len(frame) == N * T:
        return np.kron(np.eye(T), w.csr.toarray())
    each = wt.temporal(dict.fromkeys(range(T), w)) if isinstance(w, wt.SpatialWeights) else w
    return twin.stacked(blocks(frame, each))


def agrees(fit, parts):
    """Its scores less their means are zero, beta is the best, and the variance of (rho, lambda, ln sigma2) is the
    inverse of half the derivatives of the scores and half their transposes, times n / (n - p)."""
    J, L = len(fit.rhos), len(fit.lambdas)
    s = np.log(np.atleast_1d(getattr(fit, "sigma2s", fit.sigma2)))
    theta = np.concatenate([fit.rhos, fit.lambdas, s])

    def scores(theta):
        return twin.scores(*np.split(theta, [J, J + L]), *parts)[0]

    score, beta = twin.scores(*np.split(theta, [J, J + L]), *parts)
    assert score == pytest.approx(0, abs=2e-4)
    assert fit.params.to_numpy()[: len(beta)] == pytest.approx(beta, abs=1e-7)
    slopes = np.array([(scores(theta + h) - scores(theta - h)) / 6e-4 for h in 3e-4 * np.eye(len(theta))])
    variance = np.diag(np.linalg.inv(-(slopes + slopes.T) / 2))[: J + L]
    n, p = fit._sample.n, len(fit.params)
    ratio = fit.std_errors.to_numpy()[len(beta) :] ** 2 / variance
    assert ratio == pytest.approx(n / (n - p), rel=2e-3)


CASES = [("sdm", "i + t + r^t", {}), ("sar", "i + j", {"moving": True, "gaps": 0.1}),
         ("sar", "i + t + r^t", {"uneven": 1}), ("sem", "i + t + r^t", {}), ("sac", "i + r^t", {"gaps": 0.1}),
         ("gns", "i[t] + t", {}), ("sac", "i + t + r^t", {"uneven": 1})]  # fmt: skip


@pytest.mark.parametrize(("model", "behind", "more"), CASES)
def test_several_weights_dense(model, behind, more):
    frame, ws = drawn(7, **more)
    chosen = {"w_error": ws[1]} if model in ("sac", "gns") else {}
    fit = getattr(sp, model)(f"y ~ a + b | {behind}", frame, ws, **KEYS, **chosen)
    each, X = [stacked(frame, w) for w in ws], frame[["a", "b"]].to_numpy()
    lagging = as_lagged(each, frame, behind)
    for name in fit._sample.names[2:]:
        place, term = name.removeprefix("W_").split(":")
        X = np.column_stack([X, lagging[int(place) - 1] @ frame[term]])
    lag, error = fit._design.weights.lag, fit._design.weights.error
    agrees(fit, (frame["y"].to_numpy(), X, full_rank(frame, behind), [lagging[m] for m in lag],
                 [each[m] for m in error], np.zeros(len(frame), dtype=int)))  # fmt: skip


REGIMES = [("sdm", "i + t + r^t", {}, False), ("sar", "i[t] + j", {"gaps": 0.1}, True), ("sdm", "i[t]", {}, True),
           ("sem", "i + t + r^t", {}, True), ("sac", "i + r^t", {}, False),
           ("sdm", "i + t + r^t", {"uneven": 1}, False)]  # fmt: skip


@pytest.mark.parametrize(("model", "behind", "more", "sigma2"), REGIMES)
def test_regimes_dense(model, behind, more, sigma2):
    frame, (w, _) = drawn(2, **more)
    lag, error = model in ("sar", "sdm", "sac"), model in ("sem", "sac")
    regimes = sp.Regimes("half", rho=lag, lam=error, sigma2=sigma2)
    fit = getattr(sp, model)(f"y ~ a + b | {behind}", frame, w, **KEYS, regimes=regimes)
    W, codes = stacked(frame, w), (frame["half"] == "west").to_numpy().astype(int)
    own = [(codes == g)[:, None] * W for g in range(2)]
    X = fit._design.rows(fit._design.X)[:, [fit._design.names.index(name) for name in fit._sample.names]]
    agrees(fit, (frame["y"].to_numpy(), X, full_rank(frame, behind), own * lag, own * error, codes * sigma2))


@pytest.mark.parametrize("behind", ["i + t + r^t", "i[t] + t", "i + j"])
@pytest.mark.parametrize("model", ["sdm", "sdem", "sac"])
def test_one_regime_and_own_weights_are_the_plain_model(model, behind):
    frame, (w, _) = drawn(3)
    frame["half"] = "all"
    formula = f"y ~ a + b | {behind}"
    plain = getattr(sp, model)(formula, frame, w, **KEYS)
    lag, error = model in ("sdm", "sac"), model in ("sdem", "sac")
    one = getattr(sp, model)(formula, frame, w, **KEYS, regimes=sp.Regimes("half", rho=lag, lam=error))
    fits = [one] if model == "sac" else [one, getattr(sp, model)(formula, frame, w, durbin={"a": w, "b": w}, **KEYS)]
    for fit in fits:
        np.testing.assert_allclose(fit.params, plain.params, atol=1e-7)
        assert fit.loglik == pytest.approx(plain.loglik, abs=1e-5)
        # beside an error half of the slopes of the mean by lambda are in the information, which the plain model leaves
        np.testing.assert_allclose(fit.std_errors, plain.std_errors, rtol=0.1 if model == "sac" else 1e-6)
        np.testing.assert_allclose(fit.predict(), plain.predict(), atol=1e-7)
        for vcov in ("robust", "cluster"):
            mine, theirs = (x.with_vcov(vcov).std_errors for x in (fit, plain))
            np.testing.assert_allclose(mine, theirs, rtol=0.15 if model == "sac" else 0.03)
    lines = [x.summary().splitlines() for x in (fits[-1], plain)]
    of_correction = [next(line for line in own if line.startswith("correction")) for own in lines]
    assert of_correction[0] == of_correction[1] or model == "sac"


def test_exact_where_every_link_stays_in_its_region():
    """Several W that take all effects to effects: the likelihood of F'y under F'W F, densely."""
    frame, _ = drawn(4)
    rng, ws = np.random.default_rng(5), []
    for _ in range(2):
        W = np.kron(np.eye(2), (rng.random((8, 8)) < 0.4) + np.roll(np.eye(8), 1, axis=1)) * (1 - np.eye(N))
        ws.append(wt.from_dense(W / W.sum(axis=1, keepdims=True), ids=IDS))
    frame["r"] = frame["r"] // 2
    filters = (ws[0], 0.4, 0.2), (ws[1], 0.0, 0.3)
    A, B = (np.eye(N) - r * w.csr.toarray() - s * ws[1].csr.toarray() for w, r, s in filters)
    e = rng.normal(size=(T, N)) @ np.linalg.inv(B).T
    frame["y"] = ((2 * frame["a"].to_numpy().reshape(T, N) + e) @ np.linalg.inv(A).T).ravel()
    fit = sp.sac("y ~ a + b | i + t + r^t", frame, ws, w_error=ws[1], **KEYS)
    assert "by transformation" in fit.summary()
    values, vectors = np.linalg.eigh(np.eye(len(frame)) - (D := full_rank(frame, "i + t + r^t")) @ D.T)
    F = vectors[:, values > 0.5]
    W = [F.T @ stacked(frame, w) @ F for w in ws]
    y, X, n = F.T @ frame["y"], F.T @ frame[["a", "b"]].to_numpy(), F.shape[1]
    A = np.eye(n) - fit.rhos.iloc[0] * W[0] - fit.rhos.iloc[1] * W[1]
    B = np.eye(n) - fit.lambdas.iloc[0] * W[1]
    e = B @ (A @ y - X @ fit.params.iloc[:2])
    want = -n / 2 * (np.log(2 * np.pi * e @ e / n) + 1) + np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1]
    assert fit.loglik == pytest.approx(want, abs=1e-8)
    for j, lagged in enumerate(W):
        assert e @ B @ lagged @ y / (e @ e / n) == pytest.approx(np.trace(lagged @ np.linalg.inv(A)), abs=1e-4), j


@pytest.mark.parametrize(("options", "code"), [({"correction": False}, "E501"), ({"obs_weights": "people"}, "E540")])
def test_what_is_not_there_is_refused(options, code):
    frame, ws = drawn(6)
    frame["people"] = frame["a"] ** 2 + 1
    for more in ({"w": ws}, {"w": ws[0], "regimes": sp.Regimes("half", rho=True)}):
        with pytest.raises(sp.SpatialInputError, match=code if "regimes" not in more else "E5"):
            sp.sdm("y ~ a + b | i + t + r^t", frame, **more, **KEYS, **options)
        with pytest.raises(sp.SpatialInputError, match="serial='ar1' beside several W"):
            sp.sdm("y ~ a + b | i + t + r^t", frame, **more, **KEYS, serial="ar1")
