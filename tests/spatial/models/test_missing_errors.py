"""Outcomes that are not observed beside random effects, errors correlated over time, and restricted likelihoods."""

import numpy as np
import pytest

import spatial as sp
from spatial.design.missing import MissingDesign
from spillover.errors import SpatialInputError

from ..naive import hessian
from ..naive_unseen import Twin
from .test_missing import KEYS
from .test_missing_joint import complete, ordered, panel


def fitted(model, effects, **options):
    frame, (w, _), (W, _), y, seen = panel(seed=9, n=14, T=5)
    options |= {"method": options.get("method", "ml")}
    return getattr(sp, model)("y ~ a + b", frame, w, missing="model", effects=effects, **KEYS, **options), W, y, seen


def twin_of(fit, W, y, seen):
    problem, T = fit._sample.problem, len(seen)
    each, spec, effects = [np.kron(np.eye(T), W)], fit.specification, fit._settings.effects
    return Twin(y.ravel(), fit._sample.X, seen, each * spec.lag, each * spec.error, effects.entity, effects.time,
                random=problem.random, serial=problem.serial, restricted=problem.restricted)  # fmt: skip


CASES = [("sdm", "random", {}), ("sac", "random", {"random_error": "baltagi"}), ("sem", "correlated", {}),
         ("slx", "random", {}), ("sar", "twoway", {"serial": "ar1"}), ("sem", "random", {"serial": "ar1"}),
         ("ols", "none", {"serial": "ar1"})]  # fmt: skip


@pytest.mark.parametrize(("model", "effects", "options"), CASES)
def test_the_maximum_is_that_of_the_dense_law(model, effects, options):
    fit, W, y, seen = fitted(model, effects, **options)
    twin, at, point = twin_of(fit, W, y, seen), fit._solution, fit._solution.point
    k = len(at.beta)
    t = [*point.rhos, *point.lams] + [point.s] * bool(twin.random) + [point.z] * twin.serial
    theta = np.concatenate([at.beta, t, [np.log(at.sigma2)]])
    assert twin.loglik(theta) == pytest.approx(fit.loglik, abs=1e-8)
    V = np.linalg.inv(-hessian(twin.loglik, theta, 5e-4))
    gradient = [(twin.loglik(theta + h) - twin.loglik(theta - h)) / 2e-5 for h in 1e-5 * np.eye(len(theta))]
    assert np.abs(V @ gradient / np.sqrt(np.diag(V))).max() < 1e-4
    p = len(fit.params)
    assert fit.vcov.to_numpy() == pytest.approx(V[:p, :p], rel=2e-3, abs=5e-6)
    table = sp.variance_components(fit).set_index("term")
    assert table["std_error"]["sigma2_e"] == pytest.approx(at.sigma2 * np.sqrt(V[-1, -1]), rel=2e-3)
    if twin.random and point.s > 1e-3:
        slope = 2 * point.s * at.sigma2 * np.eye(len(theta))[k + len(point.rhos) + len(point.lams)]
        slope[-1] = point.s**2 * at.sigma2
        assert table["std_error"]["sigma2_mu"] == pytest.approx(np.sqrt(slope @ V @ slope), rel=2e-3)
    if twin.serial:
        assert table["std_error"]["psi"] == pytest.approx((1 - point.psi**2) * np.sqrt(V[-2, -2]), rel=2e-3)
    mean, spread = twin.predicted(t)
    table = fit.predict_missing()
    assert table["predicted"].to_numpy() == pytest.approx(ordered(mean, seen), abs=1e-7)
    J = at.slopes[fit._sample.problem.absent]
    own = at.sigma2 * spread + np.einsum("ij,jk,ik->i", J, V[k:-1, k:-1], J)
    assert table["std_error"].to_numpy() == pytest.approx(np.sqrt(ordered(own, seen)), rel=1e-4)


@pytest.mark.parametrize(("model", "effects"), [("sar", "none"), ("sdm", "twoway"), ("sem", "entity")])
def test_the_restricted_estimate_is_the_root_of_the_score_less_its_mean(model, effects):
    fit, W, y, seen = fitted(model, effects, method="reml")
    twin, t = twin_of(fit, W, y, seen), fit.params.to_numpy()[-1:]
    slope = (twin.score(t + 1e-4) - twin.score(t - 1e-4)) / 2e-4
    error = 1 / np.sqrt(-slope[0])
    assert abs(twin.score(t)[0]) * error < 1e-5
    assert fit.std_errors.iloc[-1] == pytest.approx(error, rel=2e-3)
    assert np.isnan(fit.loglik)
    assert fit.df_resid == fit._sample.n - len(fit._sample.names) == fit._sample.problem.n
    assert fit.sigma2 == pytest.approx(fit._solution.errors @ fit._solution.errors / fit.df_resid)


LAW = [("sac", "random", {}), ("sdm", "correlated", {}), ("sem", "random", {"random_error": "baltagi"}),
       ("sdm", "twoway", {"serial": "ar1"}), ("sdm", "twoway", {"method": "reml"}),
       ("sem", "time", {"method": "reml"}), ("sar", "correlated", {"obs_weights": "size"})]  # fmt: skip


@pytest.mark.parametrize(("model", "effects", "options"), LAW)
def test_nothing_missing_is_the_usual_model(model, effects, options):
    frame, (w, _), *_ = panel(seed=5, n=24, share=0.0)
    frame["size"] = np.random.default_rng(1).uniform(0.5, 2, len(frame))
    usual = getattr(sp, model)("y ~ a + b", frame, w, effects=effects, **KEYS, **options)
    fit = complete(usual)
    assert isinstance(fit._design, MissingDesign)
    assert ((fit.params - usual.params).abs() / usual.std_errors).max() < 1e-5
    scale = np.outer(usual.std_errors, usual.std_errors)
    assert fit.vcov.to_numpy() / scale == pytest.approx(usual.vcov.to_numpy() / scale, abs=1e-3)
    assert fit.df_resid == usual.df_resid
    if "method" not in options:
        assert fit.loglik == pytest.approx(usual.loglik, abs=1e-8)
        numbers = [sp.variance_components(one).set_index("term").drop(columns=["statistic", "p_value"])
                   for one in (fit, usual)]  # fmt: skip
        assert numbers[0].to_numpy() == pytest.approx(numbers[1].to_numpy(), rel=1e-4)
    if effects == "random":
        assert fit.predict().to_numpy() == pytest.approx(usual.predict().to_numpy(), abs=1e-6)
    plain = not options and model != "sem"  # else effects are those of generalised least squares
    for kind in ("TC", "trend") if plain else ():
        assert fit.predict(kind=kind).to_numpy() == pytest.approx(usual.predict(kind=kind).to_numpy(), abs=1e-5)
    left, right = (one.effects(method="delta").tidy() for one in (fit, usual))
    assert left["std_error"].to_numpy() == pytest.approx(right["std_error"].to_numpy(), rel=1e-3)


# -- more ways of effects ------------------------------------------------------------------------------------------


def by_ways(model, ways, missing="model", share=0.2, two=False):
    frame, (w, other), (W, W2), y, seen = panel(seed=6, n=16, T=4, share=share)
    frame["reg"] = np.array(["a", "b"])[np.tile(np.arange(16), 4) % 2]
    keys = {"entity": "id", "time": "t", "missing": missing}
    fit = getattr(sp, model)(f"y ~ a + b | {ways}", frame, [w, other] if two else w, **keys)
    return fit, (W, W2) if two else (W,), y, seen


@pytest.mark.parametrize(("model", "ways", "two"), [("sdm", "id + reg^t", False), ("sac", "reg^t", False),
                                                    ("sar", "id + reg[t]", True)])  # fmt: skip
def test_effects_in_the_equation_take_no_mean_into_the_score(model, ways, two):
    fit, matrices, y, seen = by_ways(model, ways, two=two)
    problem, spec = fit._sample.problem, fit.specification
    each = [np.kron(np.eye(4), one) for one in matrices]
    twin = Twin(y.ravel(), fit._sample.X, seen, each * spec.lag, each * spec.error, "id" in ways, D=problem.absorbed)
    t = fit.params.to_numpy()[len(fit._sample.names) :]
    slope = np.array([(twin.score(t + h) - twin.score(t - h)) / 2e-4 for h in 1e-4 * np.eye(len(t))])
    V = np.linalg.inv(-(slope + slope.T) / 2)
    assert np.abs(V @ twin.score(t) / np.sqrt(np.diag(V))).max() < 1e-4
    factor = fit._sample.n / (fit._sample.n - len(fit.params))
    assert fit.vcov.to_numpy()[-len(t) :, -len(t) :] == pytest.approx(factor * V, rel=3e-3)
    mean, _ = twin.predicted(t)
    assert fit.predict_missing()["predicted"].to_numpy() == pytest.approx(ordered(mean, seen), abs=1e-7)
    assert fit._sample.n == fit._design.left(fit._settings.effects)
    assert "by the mean of the score" in fit.summary()


@pytest.mark.parametrize(("model", "ways"), [("slx", "id + t + reg[t]"), ("sem", "reg^t"), ("sdm", "id + reg^t")])
def test_nothing_missing_is_the_usual_model_with_ways(model, ways):
    usual, *_ = by_ways(model, ways, missing="error", share=0.0)
    fit = complete(usual)
    assert ((fit.params - usual.params).abs() / usual.std_errors).max() < 1e-6
    scale = np.outer(usual.std_errors, usual.std_errors)
    assert fit.vcov.to_numpy() / scale == pytest.approx(usual.vcov.to_numpy() / scale, abs=5e-3)
    assert (fit.df_resid, fit.sigma2) == (usual.df_resid, pytest.approx(usual.sigma2, rel=1e-6))
    if model != "sdm":
        assert fit.loglik == pytest.approx(usual.loglik, abs=1e-8)
    if model == "slx":
        left, right = (one.with_vcov("robust").vcov.to_numpy() for one in (fit, usual))
        assert left == pytest.approx(right, rel=1e-4, abs=1e-9)


def test_ways_of_units_and_periods_are_two_way_effects():
    """c^t of one group c is t: what leaves as levels and what leaves by the mean of the score agree."""
    frame, (w, _), *_ = panel(seed=6, n=16)
    keys = {"entity": "id", "time": "t", "missing": "model"}
    for model in ("slx", "sem", "sar"):
        twoway = getattr(sp, model)("y ~ a + b", frame, w, effects="twoway", **keys)
        ways = getattr(sp, model)("y ~ a + b | id + c^t", frame.assign(c="c"), w, **keys)
        assert ways.params.to_numpy() == pytest.approx(twoway.params.to_numpy(), abs=1e-6)
        assert ways.std_errors.to_numpy() == pytest.approx(twoway.std_errors.to_numpy(), rel=1e-3)
        assert ways.predict_missing().to_numpy() == pytest.approx(twoway.predict_missing().to_numpy(), abs=1e-4)
        if model != "sar":
            robust = [fit.with_vcov("cluster").vcov.to_numpy() for fit in (ways, twoway)]
            assert robust[0] == pytest.approx(robust[1], rel=1e-4, abs=1e-9)


def test_groups_that_are_never_observed_are_named():
    frame, (w, _), *_ = panel(seed=6, n=16)
    frame["reg"] = np.array(["a", "b"])[np.tile(np.arange(16), 4) % 2]
    frame.loc[(frame["reg"] == "a") & (frame["t"] == 2), "y"] = np.nan
    with pytest.raises(SpatialInputError, match=r"E206.*does not tell the effects of reg\^t apart"):
        sp.sar("y ~ a + b | id + reg^t", frame, w, entity="id", time="t", missing="model")


def test_ratios_compare_likelihoods_of_the_same_outcomes():
    (pooled, *_), (random, *_) = fitted("sdm", "none"), fitted("sdm", "random")
    ratio = sp.lr_test(pooled, random)
    assert ratio.statistic == pytest.approx(2 * (random.loglik - pooled.loglik))
    frame, (w, _), *_ = panel(seed=9, n=14, T=5)
    cut = sp.sdm("y ~ a + b", frame, w, missing="period", effects="none", **KEYS)
    with pytest.raises(SpatialInputError, match=r"E501.*sample"):
        sp.lr_test(cut, random)
    with pytest.raises(SpatialInputError, match=r"E501.*no likelihood to compare"):
        sp.lr_test(by_ways("sar", "id + reg^t")[0], by_ways("sdm", "id + reg^t")[0])
    with pytest.raises(SpatialInputError, match="E325"):
        sp.hausman(fitted("sdm", "entity")[0], random)


def test_variances_by_groups_are_refused_by_name():
    with pytest.raises(SpatialInputError, match=r"E501.*kind='TS'"):
        fitted("sar", "twoway", serial="ar1")[0].predict()
    for effects, options, what in (("random", {}, "effects='random'"), ("none", {"serial": "ar1"}, "serial='ar1'")):
        with pytest.raises(SpatialInputError, match=rf"E501.*missing='model' with {what}"):
            fitted("sdm", effects, vcov="robust", **options)
    with pytest.raises(SpatialInputError, match=r"E501.*method='aqs'"):
        fitted("sar", "twoway", method="aqs")
    with pytest.raises(SpatialInputError, match=r"E501.*own covariance"):
        fitted("sar", "twoway", method="reml", vcov="robust")
