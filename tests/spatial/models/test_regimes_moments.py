"""Rho by regime by moments: dense twins, one regime and rho that is the same, what follows a fit, refusals."""

import numpy as np
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from .. import naive_moments
from .test_endogenous import IV, KEYS, sample

pytestmark = pytest.mark.filterwarnings("ignore:rho = .* lies outside")
RHO = sp.Regimes("side", rho=True)
T, N = 5, 20


@pytest.fixture(scope="module")
def data():
    frame, W = sample(51, n=N, T=T)
    side = np.tile(np.where(np.arange(N) < 9, "east", "west"), T)
    east = np.where(side == "east", 0.3 * (np.kron(np.eye(T), W.to_numpy()) @ frame["y"]), 0.0)
    return frame.assign(side=side, y=frame["y"] + east), W


def columns_of(names, frame, W):
    """The columns that the names say, ``east: W:x`` the lag of x in the units of the east."""
    big = np.kron(np.eye(T), W.to_numpy())

    def column(name):
        label, _, term = name.partition(": ")
        if term:
            return np.where(frame["side"] == label, column(term), 0.0)
        if name.startswith("W:"):
            return big @ column(name[2:])
        return np.ones(len(frame)) if name == "Intercept" else frame[name].to_numpy()

    return np.column_stack([column(name) for name in names])


def arrays(frame, W, model, effects):
    """names, Z with 1_r W y, which of it is exogenous, H: z by regime, W and W^2 of whole terms and of z by regime."""
    terms = ["x", "c"] + ["W:x", "W:c"] * (model in ("sdm", "gns"))
    first = ["Intercept"] * (effects == "none")
    names = [f"{label}: {term}" for label in ("east", "west") for term in first + terms]
    lags = ["east: W:y", "west: W:y"]
    free = [term for term in terms if not term.endswith("c")] + ["z1", "z2"]
    lagged = [f"{label}: {power}{term}" for label in ("east", "west") for power in ("W:", "W:W:") for term in free]
    H = [f"{label}: {name}" for label in ("east", "west") for name in ("z1", "z2")] + lagged
    exogenous = np.array([not name.endswith("c") and not name.endswith("y") for name in names + lags])
    return names, columns_of(names + lags, frame, W), exogenous, columns_of(H, frame, W)


@pytest.mark.parametrize(("model", "effects"), [("sar", "none"), ("sdm", "entity"), ("sdm", "twoway")])
def test_dense_twin(data, model, effects):
    frame, W = data
    fit = getattr(sp, model)("y ~ x + c", frame, W, **KEYS, **IV, effects=effects, regimes=RHO)
    names, Z, exogenous, H = arrays(frame, W, model, effects)
    assert fit.params.index.tolist() == [*names, "east: rho", "west: rho"]
    Q = naive_moments.projector(T, N, effects)
    y = Q @ frame["y"].to_numpy()
    d, weights = naive_moments.tsls(y, Q @ Z, Q @ np.column_stack([Z[:, exogenous], H]))
    np.testing.assert_allclose(fit.params, d, rtol=1e-7)
    e, n = y - Q @ Z @ d, round(np.trace(Q))
    np.testing.assert_allclose(fit.vcov, e @ e / (n - len(d)) * weights.T @ weights, rtol=1e-6, atol=1e-12)
    sums = (weights * e[:, None]).reshape(T, N, -1).sum(axis=0)
    np.testing.assert_allclose(fit.with_vcov("cluster").vcov, N / (N - 1) * sums.T @ sums, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(fit.rhos, d[-2:])


@pytest.mark.parametrize("errors", ["kelejian", "cluster"])
def test_dense_twin_beside_a_spatial_error(data, errors):
    frame, W = data
    fit = sp.gns("y ~ x + c", frame, W, **KEYS, **IV, effects="twoway", regimes=RHO, correction=False,
                 vcov="classical" if errors == "kelejian" else errors)  # fmt: skip
    _, Z, exogenous, H = arrays(frame, W, "gns", "twoway")
    own = columns_of([f"{label}: {name}" for label in ("east", "west") for name in ("z1", "z2")], frame, W)
    H = np.column_stack([H, np.kron(np.eye(T), W.to_numpy()) @ own])
    y, M = frame["y"].to_numpy(), W.to_numpy()
    d, lam, V = naive_moments.error_by_moments(y, Z, exogenous, H, M, T, "twoway", errors)
    np.testing.assert_allclose(fit.params, [*d, lam], rtol=1e-5)
    np.testing.assert_allclose(fit.vcov, V, rtol=1e-3, atol=1e-6)


def test_one_regime_is_the_plain_model(data):
    frame, W = data
    plain = sp.sdm("y ~ x", frame, W, **KEYS, method="gmm")
    one = sp.sdm("y ~ x", frame.assign(side="all"), W, **KEYS, method="gmm", regimes=RHO)
    np.testing.assert_allclose(one.params, plain.params, rtol=1e-8)
    np.testing.assert_allclose(one.vcov, plain.vcov, rtol=1e-7)


def test_what_follows_a_fit(data):
    frame, W = data
    fit = sp.sar("y ~ x + c", frame, W, **KEYS, **IV, effects="entity", regimes=RHO)
    chow = sp.chow_test(fit)["rho"]
    gap = fit.rhos["west: rho"] - fit.rhos["east: rho"]
    V = fit.vcov.loc[fit.rhos.index, fit.rhos.index].to_numpy()
    assert chow.statistic == pytest.approx(gap**2 / (V[0, 0] + V[1, 1] - 2 * V[0, 1]))
    rho = np.where(frame["side"][:N] == "east", *fit.rhos)
    A = np.eye(N) - rho[:, None] * W.to_numpy()
    S, inside = np.linalg.inv(A), (frame["side"][:N] == "east").to_numpy()
    want = (np.diag(S) * inside).sum() / inside.sum() * fit.params["east: x"]
    table = fit.effects().tidy().set_index(["effect", "term"])["estimate"]
    assert table["direct", "east: x"] == pytest.approx(want, rel=1e-9)
    y, X = frame["y"].to_numpy().reshape(T, N), columns_of(fit.params.index[:-2], frame, W)
    trend = (X @ fit.params.iloc[:-2]).reshape(T, N)
    u = y @ A.T - trend
    predicted = fit.predict(kind="TC").unstack("t").to_numpy().T
    np.testing.assert_allclose(predicted, (trend + u.mean(axis=0)) @ S.T, rtol=1e-8)
    assert {"first-stage F of west: W:y"} <= {one.name for one in sp.instrument_tests(fit)}
    assert "east: rho" in str(fit)


@pytest.mark.parametrize(("model", "options", "message"), [
    ("sem", {"regimes": sp.Regimes("side", lam=True)}, "by regime has no period effects"),
    ("sar", {"regimes": sp.Regimes("side", sigma2=True)}, "need no variance"),
])  # fmt: skip
def test_refused(data, model, options, message):
    frame, W = data
    with pytest.raises(SpatialInputError, match=message) as caught:
        getattr(sp, model)("y ~ x + c", frame, W, **KEYS, **IV, **options)
    assert caught.value.code == "E501"


def test_dense_twin_with_two_w(data):
    """1_r W_k y has the instruments of W_k y in the units of regime r: all products of two W."""
    frame, W = data
    other = W.to_numpy() @ W.to_numpy()
    np.fill_diagonal(other, 0)
    V = W * 0 + other / other.sum(axis=1, keepdims=True)
    fit = sp.sar("y ~ x", frame, [W, V], **KEYS, effects="entity", regimes=RHO, method="gmm")
    assert fit.params.index[-4:].tolist() == ["east: rho_1", "west: rho_1", "east: rho_2", "west: rho_2"]
    big = [np.kron(np.eye(T), M.to_numpy()) for M in (W, V)]
    y, x = frame["y"].to_numpy(), frame["x"].to_numpy()
    inside = [frame["side"].to_numpy() == label for label in ("east", "west")]

    def cut(*columns):
        return [np.where(there, column, 0.0) for column in columns for there in inside]

    products = [A @ x for A in big] + [A @ B @ x for A in big for B in big]
    X, H = np.column_stack(cut(x)), np.column_stack(cut(*products))
    Q = naive_moments.projector(T, N, "entity")
    d, _ = naive_moments.tsls(Q @ y, Q @ np.column_stack([X, *cut(*(A @ y for A in big))]), Q @ np.column_stack([X, H]))
    np.testing.assert_allclose(fit.params, d, rtol=1e-7)
