"""Weights of observations with endogenous regressors: linearmodels, least squares of weighted columns, laws."""

import numpy as np
import pytest

import spatial as sp

from .test_estimators import PANEL
from .test_several import drawn
from .test_several_moments import with_instrument

IV = {"endog": ["a"], "instruments": ["z"]}


@pytest.fixture(scope="module")
def section():
    frame, weights, *_ = drawn(2, n=60)
    frame = with_instrument(frame)
    return frame.assign(size=np.random.default_rng(1).uniform(0.3, 4, 60), one=1.0).set_index("id"), weights


@pytest.fixture(scope="module")
def panel():
    frame, weights, *_ = drawn(2, n=20, T=5)
    frame = with_instrument(frame)
    rng = np.random.default_rng(1)
    frame = frame.assign(moving=rng.uniform(0.3, 4, 100), one=1.0, g=np.arange(100) % 20 % 7)
    return frame.assign(size=frame.groupby("id")["moving"].transform("first")), weights


@pytest.mark.parametrize(("vcov", "kind"), [("classical", "unadjusted"), ("hc0", "robust")])
def test_least_squares_against_linearmodels(section, vcov, kind):
    iv = pytest.importorskip("linearmodels.iv")
    data, (w, _) = section
    fit = sp.ols("y ~ a + b", data, w, obs_weights="size", vcov=vcov, correction=False, **IV)
    peer = iv.IV2SLS(data["y"], data.assign(const=1.0)[["const", "b"]], data["a"], data["z"],
                     weights=data["size"]).fit(cov_type=kind)  # fmt: skip
    order = ["const", "a", "b"]
    assert fit.params.to_numpy() == pytest.approx(peer.params[order].to_numpy(), rel=1e-9)
    assert fit.std_errors.to_numpy() == pytest.approx(peer.std_errors[order].to_numpy(), rel=1e-8)


@pytest.mark.parametrize("model", ["sar", "sdm"])
def test_weighted_two_stage_least_squares_by_hand(section, model):
    """Lags are of the columns as they are; the rows are weighted afterwards."""
    data, (w, _) = section
    fit = getattr(sp, model)("y ~ a + b", data, w, method="gmm", obs_weights="size", **IV)
    W, y = w.csr.toarray(), data["y"].to_numpy()
    a, b, z = (data[name].to_numpy() for name in ("a", "b", "z"))
    X = [np.ones(60), a, b, *[W @ a, W @ b] * (model == "sdm")]
    inside = [np.ones(60), b, *[W @ b] * (model == "sdm")]
    moved = np.column_stack([inside[1], *inside[2:], z])
    H = np.column_stack([*inside, z, W @ moved, W @ W @ moved])
    root = np.sqrt(data["size"].to_numpy())[:, None]
    Z, H, y = root * np.column_stack([*X, W @ y]), root * H, root[:, 0] * y
    fitted = H @ np.linalg.lstsq(H, Z, rcond=None)[0]
    coef = np.linalg.solve(fitted.T @ Z, fitted.T @ y)
    e = y - Z @ coef
    assert fit.params.to_numpy() == pytest.approx(coef, abs=1e-8)
    want = e @ e / (60 - len(coef)) * np.linalg.inv(fitted.T @ fitted)
    np.testing.assert_allclose(fit.vcov, want, rtol=1e-7)


@pytest.mark.parametrize("model", ["ols", "slx", "sar", "sdm", "sem", "sac", "gns"])
def test_equal_weights_are_the_plain_fit(section, panel, model):
    for data, keys in ((section[0], {}), (panel[0], {**PANEL, "effects": "entity"})):
        w = (section if not keys else panel)[1][0]
        plain = getattr(sp, model)("y ~ a + b", data, w, method="gmm", **IV, **keys)
        equal = getattr(sp, model)("y ~ a + b", data, w, method="gmm", obs_weights="one", **IV, **keys)
        assert equal.params.to_numpy() == pytest.approx(plain.params.to_numpy(), abs=1e-9)
        assert equal.std_errors.to_numpy() == pytest.approx(plain.std_errors.to_numpy(), rel=1e-8)


@pytest.mark.parametrize("weights", ["moving", "size"])
def test_effects_are_those_of_dummies(panel, weights):
    """Without W y: W x and lagged instruments of dummies would be more instruments."""
    data, (w, _) = panel
    options = {"obs_weights": weights, **IV}
    by_dummies = sp.ols("y ~ a + b + C(id)", data, w, **PANEL, effects="none", **options)
    within = sp.ols("y ~ a + b", data, w, **PANEL, effects="entity", **options)
    assert within.params.to_numpy() == pytest.approx(by_dummies.params[["a", "b"]].to_numpy(), abs=1e-9)
    assert within.std_errors.to_numpy() == pytest.approx(by_dummies.std_errors[["a", "b"]].to_numpy(), rel=1e-8)


def test_sampling_weights_have_robust_errors_and_tests(section, panel):
    data, (w, _) = section
    fit = sp.sdm("y ~ a + b", data, w, method="gmm", obs_weights=sp.Sampling("size"), **IV)
    assert "robust" in fit.summary()
    analytic = sp.sdm("y ~ a + b", data, w, method="gmm", obs_weights="size", vcov="robust", **IV)
    assert fit.std_errors.to_numpy() == pytest.approx(analytic.std_errors.to_numpy())
    within = sp.sar("y ~ a + b", panel[0], panel[1][0], **PANEL, effects="entity", method="gmm",
                    obs_weights=sp.Sampling("size"), **IV)  # fmt: skip
    assert "clustered by unit" in within.summary()
    assert np.isfinite(sp.instrument_tests(fit).tidy()["statistic"]).all()
    assert sp.endogeneity_test(fit)["Durbin-Wu-Hausman"].p_value < 1


def test_scaling_the_weights_changes_nothing_but_sigma2(section):
    data, (w, _) = section
    one = sp.sac("y ~ a + b", data, w, method=sp.Moments(order=2), obs_weights="size", **IV)
    other = sp.sac("y ~ a + b", data.assign(size=5 * data["size"]), w, method=sp.Moments(order=2), obs_weights="size",
                   **IV)  # fmt: skip
    assert other.params.to_numpy() == pytest.approx(one.params.to_numpy(), abs=1e-8)
    assert other.std_errors.to_numpy() == pytest.approx(one.std_errors.to_numpy(), rel=1e-7)
    assert other.sigma2 == pytest.approx(5 * one.sigma2)
