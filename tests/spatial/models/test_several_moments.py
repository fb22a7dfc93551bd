"""Several W by the method of moments: two-stage least squares by hand, and the laws that one W alone has."""

import numpy as np
import pytest

import spatial as sp
from spatial.models.moments import moment_sample
from spillover.errors import SpatialInputError

from .test_estimators import PANEL
from .test_several import drawn

MODELS = {"sar": sp.sar, "sdm": sp.sdm, "sem": sp.sem, "sdem": sp.sdem, "sac": sp.sac, "gns": sp.gns, "slx": sp.slx}


def with_instrument(frame, seed=0):
    """z goes with a, which goes with the error through c."""
    rng = np.random.default_rng(seed)
    c = rng.standard_normal(len(frame))
    return frame.assign(z=frame["a"] + rng.standard_normal(len(frame)), a=frame["a"] + c, y=frame["y"] + 0.5 * c)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_two_stage_least_squares_by_hand(order):
    """Instruments are all products of up to so many W, W_1 W_2 x and W_2 W_1 x apart."""
    frame, weights, (V, W), y, X = drawn(3, n=60)
    fit = sp.sar("y ~ a + b", frame.set_index("id"), weights, method=sp.Moments(order=order))
    exogenous = np.column_stack([np.ones(60), X[0]])
    products, last = [], [np.eye(60)]
    for _ in range(order):
        last = [A @ B for A in last for B in (V, W)]
        products += last
    H = np.column_stack([exogenous, *(A @ X[0] for A in products)])
    Z = np.column_stack([exogenous, V @ y[0], W @ y[0]])
    fitted = H @ np.linalg.lstsq(H, Z, rcond=None)[0]
    coef = np.linalg.solve(fitted.T @ Z, fitted.T @ y[0])
    e = y[0] - Z @ coef
    bread = np.linalg.inv(fitted.T @ fitted)
    assert fit.params.to_numpy() == pytest.approx(coef, abs=1e-9)
    assert list(fit.params.index[-2:]) == ["rho_1", "rho_2"]
    np.testing.assert_allclose(fit.vcov, e @ e / 55 * bread, rtol=1e-8)
    meat = (fitted * e[:, None]).T @ (fitted * e[:, None])
    np.testing.assert_allclose(fit.with_vcov("hc0").vcov, bread @ meat @ bread, rtol=1e-8)
    assert fit.resid.to_numpy() == pytest.approx(e, abs=1e-9)


@pytest.mark.parametrize("effects", ["none", "entity", "twoway", "random"])
@pytest.mark.parametrize("model", ["sdm", "sdem", "gns", "slx"])
@pytest.mark.parametrize("endogenous", [False, True])
def test_one_w_for_every_regressor_is_the_ordinary_model(model, effects, endogenous):
    if model == "slx" and not endogenous:
        return
    frame, (w, _), *_ = drawn(7, n=24, T=5, rhos=(0.3, 0.0))
    frame = with_instrument(frame)
    keys = {**PANEL, "effects": effects, "method": "gmm"}
    keys |= {"endog": ["a"], "instruments": ["z"]} if endogenous else {}
    one = MODELS[model]("y ~ a + b", frame, w, **keys)
    other = MODELS[model]("y ~ a + b", frame, w, durbin={"a": w, "b": w}, **keys)
    assert other.params.to_numpy() == pytest.approx(one.params.to_numpy(), abs=1e-9)
    assert other.std_errors.to_numpy() == pytest.approx(one.std_errors.to_numpy(), rel=1e-7)
    assert other.sigma2 == pytest.approx(one.sigma2)
    if endogenous:
        tests = [sp.instrument_tests(fit).tidy()["statistic"].to_numpy() for fit in (one, other)]
        assert tests[1] == pytest.approx(tests[0], rel=1e-6)
    if model == "sdm" and effects in ("entity", "random"):
        for kind in ("cluster", sp.Cluster("t") if effects == "entity" else "classical"):
            assert other.with_vcov(kind).std_errors.to_numpy() == pytest.approx(
                one.with_vcov(kind).std_errors.to_numpy(), rel=1e-7)  # fmt: skip
    if model in ("sdm", "gns"):
        sets = [fit.effects(method="delta").tidy() for fit in (one, other)]
        assert sets[1]["estimate"].to_numpy() == pytest.approx(sets[0]["estimate"].to_numpy(), rel=1e-6)
        assert sets[1]["std_error"].to_numpy() == pytest.approx(sets[0]["std_error"].to_numpy(), rel=1e-4)


@pytest.mark.parametrize("vcov", ["classical", "robust"])
def test_two_lags_beside_a_spatial_error_are_the_last_stage_by_hand(vcov):
    """At the lambda that was estimated, d is two-stage least squares of what it filters."""
    frame, weights, (V, W), y, X = drawn(4, n=80, lams=(0.0, 0.4))
    fit = sp.sac("y ~ a + b", frame.set_index("id"), weights, w_error=weights[1], method="gmm", vcov=vcov)
    s = moment_sample(fit.specification, fit._design, fit._settings.effects)
    B = np.eye(80) - fit._solution.lam * W
    Z = np.column_stack([np.ones(80), X[0], V @ y[0], W @ y[0]])
    BZ, By = B @ Z, B @ y[0]
    H = np.column_stack([BZ[:, :3], s.H])
    if vcov == "classical":
        fitted = H @ np.linalg.lstsq(H, BZ, rcond=None)[0]
        coef = np.linalg.solve(fitted.T @ BZ, fitted.T @ By)
        assert fit.params.to_numpy()[:-1] == pytest.approx(coef, abs=1e-8)
    assert list(fit.params.index[-3:]) == ["rho_1", "rho_2", "lambda"]
    assert fit.lam == fit.params["lambda"]
    assert fit.std_errors.gt(0).all()


def test_many_units_are_near_the_truth_and_near_maximum_likelihood():
    frame, weights, *_ = drawn(11, n=900, rhos=(0.3, 0.4))
    data = frame.set_index("id")
    own = {"a": weights[0]}
    moments, likelihood = (sp.sdm("y ~ a + b", data, weights, durbin=own, method=method) for method in ("gmm", "ml"))
    for fit in (moments, likelihood):
        assert (np.abs(fit.rhos - [0.3, 0.4]) < 4 * fit.std_errors[-2:]).all()
    assert (np.abs(moments.rhos - likelihood.rhos) < 4 * moments.std_errors[-2:]).all()


def test_tables_tests_predictions_and_files(tmp_path):
    frame, weights, (V, W), *_ = drawn(5, n=50)
    frame = with_instrument(frame)
    fit = sp.sdm("y ~ a + b", frame.set_index("id"), weights, endog=["a"], instruments=["z"], method="gmm")
    assert "method of moments" in fit.summary()
    assert sorted(sp.anderson_rubin(fit)["term"].unique()) == ["W_1:a", "W_2:a", "a", "rho_1", "rho_2"]
    assert "W_2:y" in " ".join(test.name for test in sp.instrument_tests(fit))
    assert sp.endogeneity_test(fit)["Durbin-Wu-Hausman"].df[0] == 3  # a and its two lags
    A = np.eye(50) - fit.rhos["rho_1"] * V - fit.rhos["rho_2"] * W
    assert fit.predict(kind="TC").to_numpy() == pytest.approx(np.linalg.solve(A, fit.predict(kind="trend")))
    again = sp.load(sp.save(fit, tmp_path / "fit") or tmp_path / "fit")
    assert again.params.to_numpy() == pytest.approx(fit.params.to_numpy())


@pytest.mark.parametrize("options", [
    {"effects": "correlated", **PANEL},
    {"effects": "random", "random_error": "baltagi", **PANEL}, {"effects": "entity", "vcov": "robust", **PANEL},
    {"method": sp.ArellanoBond(), **PANEL},
])  # fmt: skip
def test_what_moments_of_several_w_do_not_have(options):
    frame, weights, *_ = drawn(1, n=14, T=5 if "entity" in options else 1)
    data = frame if "entity" in options else frame.set_index("id")
    with pytest.raises(SpatialInputError, match=r"E501|E715") as error:
        sp.sac("y ~ a + b", data, weights, **{"method": "gmm", **options})
    assert error.value.hint
