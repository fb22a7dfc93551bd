"""Effects of dynamic models with several W and with regimes: against dense matrices, one W, and numeric derivatives."""

from dataclasses import replace

import numpy as np
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from ..models.test_dynamic_exact import IDS, KEYS, REGION, N, T, V, W, as_weights, drawn
from ..naive_dynamic_exact import slopes

OWN = np.arange(3)[:, None] == REGION


@pytest.fixture(scope="module")
def frame():
    return drawn(path=1.0)


@pytest.fixture(scope="module")
def two(frame):
    return sp.sdm("y ~ x", frame, [as_weights(W), as_weights(V)], lags="both", **KEYS)


@pytest.fixture(scope="module")
def regimes(frame):
    return sp.sdm("y ~ x", frame, as_weights(W), lags="both", regimes=sp.Regimes("region", rho=True), **KEYS)


def of_two(p):
    """A, C and the short-run coefficients' matrix of parameters in the order of the fit."""
    tau, eta1, eta2, beta, theta1, theta2, rho1, rho2 = p
    A = np.eye(N) - rho1 * W - rho2 * V
    return A, tau * np.eye(N) + eta1 * W + eta2 * V, beta * np.eye(N) + theta1 * W + theta2 * V


def of_regimes(p):
    """Likewise: tau, eta, beta, theta of each region, then rho of each."""
    each, rho = p[:12].reshape(3, 4), p[12:]
    tau, eta, beta, theta = (each[REGION, j] for j in range(4))
    return (np.eye(N) - rho[REGION][:, None] * W, np.diag(tau) + eta[:, None] * W,
            np.diag(beta) + theta[:, None] * W)  # fmt: skip


def averages(S):
    return np.array([np.trace(S) / N, (S.sum() - np.trace(S)) / N, S.sum() / N])


def test_the_long_run_of_two_w(two):
    p = two.params.to_numpy()

    def long(p):
        A, C, B = of_two(p)
        return averages(np.linalg.solve(A - C, B))

    effects = two.effects(method="delta")
    run = effects.long_run
    assert run.estimates[:, 0] == pytest.approx(long(p), rel=1e-10)
    D = slopes(long, p)
    assert run.std_errors[:, 0] == pytest.approx(np.sqrt(np.diag(D @ two.vcov.to_numpy() @ D.T)), rel=1e-5)
    A, C, B = of_two(p)
    np.testing.assert_allclose(run.matrix("x"), np.linalg.solve(A - C, B), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(effects.convergence.matrix("lag(y)"), np.linalg.solve(A, C), rtol=1e-9, atol=1e-12)
    largest = np.abs(np.linalg.eigvals(np.linalg.solve(A, C))).max()
    assert two.stationarity.largest_root == pytest.approx(largest, rel=1e-10)


def test_the_path_tends_to_the_long_run(two):
    A, C, B = of_two(two.params.to_numpy())
    effects = two.effects(method="delta")
    path = effects.path(60)
    after = path[(path["change"] == "transitory") & (path["horizon"] == 2)]["estimate"]
    M = np.linalg.solve(A, C)
    assert after.to_numpy() == pytest.approx(averages(M @ M @ np.linalg.solve(A, B)), rel=1e-9)
    last = path[(path["change"] == "permanent") & (path["horizon"] == 60)]
    assert last["estimate"].to_numpy() == pytest.approx(effects.long_run.estimates[:, 0], rel=1e-8)
    assert last["std_error"].to_numpy() == pytest.approx(effects.long_run.std_errors[:, 0], rel=1e-3)


def test_the_long_run_by_regime(regimes):
    p = regimes.params.to_numpy()

    def long(p):
        A, C, B = of_regimes(p)
        S = np.linalg.solve(A - C, B)
        return np.array([*(np.diag(S)[own].mean() for own in OWN), *(S[:, own].sum() / own.sum() for own in OWN),
                         *averages(S)])  # fmt: skip

    run = regimes.effects(method="delta").long_run
    table = run.tidy().set_index(["effect", "term"])
    D = slopes(long, p)
    errors = np.sqrt(np.diag(D @ regimes.vcov.to_numpy() @ D.T))
    at = [("direct", f"region = {g}: x") for g in range(3)] + [("total", f"region = {g}: x") for g in range(3)]
    at += [(kind, "x") for kind in ("direct", "indirect", "total")]
    assert table.loc[at, "estimate"].to_numpy() == pytest.approx(long(p), rel=1e-9)
    assert table.loc[at, "std_error"].to_numpy() == pytest.approx(errors, rel=1e-5)
    A, C, _ = of_regimes(p)
    assert regimes.stationarity.largest_root == pytest.approx(
        np.abs(np.linalg.eigvals(np.linalg.solve(A, C))).max(), rel=1e-10)


def test_one_w_by_this_road_has_the_effects_of_the_other():
    """A W of its own for x, which is w= itself: the same effects, the lower ends of their exact intervals, the same
    test of stationarity."""
    frame, keys = drawn(path=0.0), KEYS | {"lags": "y", "effects": "entity"}
    own = sp.sdm("y ~ x", frame, as_weights(W), durbin={"x": as_weights(W)}, **keys)
    one = sp.sdm("y ~ x", frame, as_weights(W), **keys)
    assert list(own.params.index.str.replace("W_1", "W")) == list(one.params.index)
    twin = replace(one, _estimates=own.params.to_numpy(), _covariance=own.vcov.to_numpy(), df_resid=own.df_resid)
    for method, rel in (("delta", 1e-4), ("quadrature", 0.03)):
        for run in ("short_run", "long_run"):
            left, right = (getattr(fit.effects(method=method), run) for fit in (own, twin))
            assert left.estimates == pytest.approx(right.estimates, rel=1e-8)
            assert left.conf_low == pytest.approx(right.conf_low, rel=rel, abs=0.01)
    assert own.stationarity.interval() == pytest.approx(twin.stationarity.interval(), rel=1e-8)
    assert own.stationarity.root_test.p_value == pytest.approx(twin.stationarity.root_test.p_value, rel=1e-6)


def test_the_bootstrap_grows_from_the_starting_values(two):
    from spatial.models.resampling import response_of

    A, C, _ = of_two(two.params.to_numpy())
    errors = np.random.default_rng(1).standard_normal((T - 1, N))
    y, want = np.zeros(N), []
    for e in errors:
        y = np.linalg.solve(A, e + C @ y)
        want.append(y)
    np.testing.assert_allclose(response_of(two)(errors), want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("which", ["two", "regimes"])
def test_a_refit_with_the_same_response_is_the_fit(which, request):
    fit = request.getfixturevalue(which)
    refits = sp.refit(fit, y=fit._design.y[None] + 0.0, effects=True)
    assert refits.params[0] == pytest.approx(fit.params.to_numpy(), abs=1e-9)
    moved = sp.refit(fit, y=fit._design.y[None] * 2.0 - fit._design.past[:1] * 0)
    assert np.isfinite(moved.params).all()


@pytest.mark.parametrize("which", ["two", "regimes"])
def test_what_is_later_is_in_the_effects_alone(which, request):
    fit = request.getfixturevalue(which)
    for refused in (lambda: sp.slopes(fit, "x", run="long"), lambda: sp.contrasts(fit, "x", run="long"),
                    lambda: sp.what_if(fit, "x", change=1.0, units=IDS[:1], horizon=2),
                    lambda: fit.forecast(drawn(1.0).query("year == 2005").assign(year=2006)),
                    lambda: fit.effects(method="delta").long_run.by_order()):  # fmt: skip
        with pytest.raises(SpatialInputError, match="E324"):
            refused()
    assert "long run" in str(fit.effects(method="delta").summary())
