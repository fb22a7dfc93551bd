"""Several W with weights of observations: the laws that one W alone has, and a dense likelihood."""

import numpy as np
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from .. import naive_several
from .test_estimators import PANEL
from .test_several import ERROR, LAG, MODELS, drawn, regressors


def weighted(seed=5, n=26, T=1, **options):
    frame, weights, arrays, y, X = drawn(seed, n=n, T=T, **options)
    rng = np.random.default_rng(seed)
    frame = frame.assign(moving=rng.uniform(0.3, 4, len(frame)), one=1.0,
                         g=frame.groupby("id", sort=False).ngroup() % 5)  # fmt: skip
    return frame.assign(size=frame.groupby("id")["moving"].transform("first")), weights, arrays, y, X


@pytest.mark.parametrize("model", ["sar", "sem", "gns"])
def test_the_maximum_is_that_of_a_dense_likelihood(model):
    """sqrt(w) e has one variance: no point near the maximum is better, and ln L is the density's."""
    frame, weights, arrays, y, X = weighted()
    fit = MODELS[model]("y ~ a + b", frame.set_index("id"), weights, obs_weights="size")
    lags, errors = (arrays if model in kind else () for kind in (LAG, ERROR))
    Z, w = regressors(X, arrays, model == "gns", True), frame["size"].to_numpy()

    def loglik(theta):
        beta, rho, lam = np.split(theta, np.cumsum([Z.shape[2], len(lags)]))
        A, B = (np.eye(26) - sum((r * W for r, W in zip(at, own)), np.zeros((26, 26)))
                for at, own in ((rho, lags), (lam, errors)))  # fmt: skip
        if not (naive_several.admissible(np.eye(26) - A) and naive_several.admissible(np.eye(26) - B)):
            return -np.inf
        e = B @ (A @ y[0] - Z[0] @ beta)
        s2 = np.mean(w * e**2)
        value = np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1] + np.log(w).sum() / 2
        return value - 13 * (np.log(2 * np.pi * s2) + 1)

    at = fit.params.to_numpy()
    assert fit.loglik == pytest.approx(loglik(at), abs=1e-8)
    rng = np.random.default_rng(0)
    for step in (1e-3, 1e-2, 0.1):
        for _ in range(30):
            assert loglik(at + step * rng.standard_normal(len(at))) < fit.loglik


@pytest.mark.parametrize("weights", ["size", "moving"])
@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", ["sdm", "sdem", "gns", "slx"])
def test_one_w_for_every_regressor_is_the_ordinary_model(model, effects, weights):
    frame, (w, _), *_ = weighted(7, n=16, T=5, rhos=(0.3, 0.0))
    function = getattr(sp, model)
    keys = {**PANEL, "effects": effects, "obs_weights": weights}
    one = function("y ~ a + b", frame, w, **keys)
    other = function("y ~ a + b", frame, w, durbin={"a": w, "b": w}, **keys)
    assert other.params.to_numpy() == pytest.approx(one.params.to_numpy(), abs=1e-6)
    assert other.loglik == pytest.approx(one.loglik, abs=1e-7)
    assert other.std_errors.to_numpy() == pytest.approx(one.std_errors.to_numpy(), rel=1e-5)
    kinds = [sp.Robust(pairs=False), sp.Jackknife("g")] + ["robust", sp.Cluster("g")] * (weights == "size")
    for vcov in kinds:
        want, got = one.with_vcov(vcov).vcov.to_numpy(), other.with_vcov(vcov).vcov.to_numpy()
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6 * np.abs(want).max())
    for kind in ["TS", "TC", "trend"] + ["BP"] * (weights == "size"):
        assert other.predict(kind=kind).to_numpy() == pytest.approx(one.predict(kind=kind).to_numpy(), abs=1e-4)


@pytest.mark.parametrize("model", ["sar", "sem", "gns"])
def test_equal_weights_are_the_plain_fit_and_scale_is_sigma2(model):
    frame, weights, *_ = weighted(3)
    data = frame.set_index("id")
    plain = MODELS[model]("y ~ a + b", data, weights)
    equal = MODELS[model]("y ~ a + b", data, weights, obs_weights="one")
    assert equal.params.to_numpy() == pytest.approx(plain.params.to_numpy(), abs=1e-7)
    assert equal.loglik == pytest.approx(plain.loglik)
    some = MODELS[model]("y ~ a + b", data, weights, obs_weights="size")
    more = MODELS[model]("y ~ a + b", data.assign(size=3 * data["size"]), weights, obs_weights="size")
    assert more.params.to_numpy() == pytest.approx(some.params.to_numpy(), abs=1e-6)
    assert more.sigma2 == pytest.approx(3 * some.sigma2)
    assert more.loglik == pytest.approx(some.loglik)


def test_moments_of_two_w_by_hand_and_sampling_weights():
    frame, weights, (V, W), y, X = weighted(4, n=60)
    data = frame.set_index("id")
    fit = sp.sar("y ~ a + b", data, weights, method="gmm", obs_weights=sp.Sampling("size"))
    assert "robust" in fit.summary()
    exogenous = np.column_stack([np.ones(60), X[0]])
    H = np.column_stack([exogenous, *(A @ X[0] for A in (V, W, V @ V, V @ W, W @ V, W @ W))])
    Z = np.column_stack([exogenous, V @ y[0], W @ y[0]])
    root = np.sqrt(frame["size"].to_numpy())
    H, Z, y = root[:, None] * H, root[:, None] * Z, root * y[0]
    fitted = H @ np.linalg.lstsq(H, Z, rcond=None)[0]
    assert fit.params.to_numpy() == pytest.approx(np.linalg.solve(fitted.T @ Z, fitted.T @ y), abs=1e-8)
    with pytest.raises(SpatialInputError, match="E540"):
        sp.sar("y ~ a + b", data, weights, obs_weights=sp.Sampling("size"))


def test_sandwiches_of_weights_that_change_over_time_are_refused():
    frame, weights, *_ = weighted(7, n=16, T=5)
    fit = sp.sar("y ~ a + b", frame, weights, **PANEL, effects="entity", obs_weights="moving")
    with pytest.raises(SpatialInputError, match="E540"):
        fit.with_vcov("cluster")
    with pytest.raises(SpatialInputError, match="E540"):
        fit.predict(kind="BP")
