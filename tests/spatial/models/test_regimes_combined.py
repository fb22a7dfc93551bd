"""Coefficients by regime with weights of observations, random effects, moments, instruments, effects behind | and every
covariance: the same model written as interactions, and each regime alone."""

import numpy as np
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from .test_regimes import drawn

KEYS = {"entity": "id", "time": "t"}
BY_HAND = "east + south + east:a + south:a + east:b + south:b - 1"
WITHIN = "east:a + south:a + east:b + south:b"


def panel(seed=0, n=30, T=5, blocks=False):
    frame, w, *_ = drawn(seed, n=n, T=T, blocks=blocks)
    rng = np.random.default_rng(seed)
    c = rng.standard_normal(len(frame))
    frame = frame.assign(east=(frame["region"] == "east") * 1.0, south=(frame["region"] == "south") * 1.0,
                         size=rng.uniform(0.3, 3, len(frame)), z=frame["a"] + rng.standard_normal(len(frame)),
                         a=frame["a"] + c, y=frame["y"] + 0.5 * c)  # fmt: skip
    number = frame["id"].str[1:].astype(int)
    return frame.assign(fixed=frame.groupby("id")["size"].transform("first"), g=number % 7, area=number % 3), w


def pair(model, options, formula, bar=""):
    """The fit with regimes and that of interactions, in the same order of parameters."""
    frame, w = panel()
    fit = getattr(sp, model)(f"y ~ a + b{bar}", frame, w, regimes="region", **KEYS, **options)
    other = getattr(sp, model)(f"y ~ {formula}{bar}", frame, w, **KEYS, **options)
    names = {"east: Intercept": "east", "south: Intercept": "south"}
    names |= {f"{label}: {x}": f"{label}:{x}" for label in ("east", "south") for x in "ab"}
    return fit, other, [names.get(name, name) for name in fit.params.index]


@pytest.mark.parametrize("options", [
    {"effects": "none", "obs_weights": "size"}, {"effects": "entity", "obs_weights": "fixed"}, {"effects": "random"},
    {"effects": "none", "method": "gmm"}, {"effects": "random", "method": "gmm"},
    {"effects": "entity", "vcov": sp.Jackknife("g")}, {"effects": "none", "vcov": sp.Bootstrap(draws=19)},
    {"effects": "none", "method": "gmm", "obs_weights": sp.Sampling("fixed")},
    {"effects": "none", "serial": "ar1"}, {"effects": "entity", "serial": "ar1"},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("model", ["ols", "sar", "sem", "sac"])
def test_coefficients_by_regime_are_those_of_interactions(model, options):
    if model == "ols" and options.get("method") == "gmm":
        return
    fit, other, names = pair(model, options, WITHIN if options["effects"] == "entity" else BY_HAND)
    assert fit.params.to_numpy() == pytest.approx(other.params[names].to_numpy(), abs=1e-8)
    assert fit.std_errors.to_numpy() == pytest.approx(other.std_errors[names].to_numpy(), rel=1e-6)
    assert fit.sigma2 == pytest.approx(other.sigma2)
    if np.isfinite(other.loglik):
        assert fit.loglik == pytest.approx(other.loglik)
    assert fit.effects(method="delta").tidy()["std_error"].gt(0).any()
    assert fit.chow().joint.p_value < 1
    trend = fit.predict(kind="trend").to_numpy()
    assert trend == pytest.approx(other.predict(kind="trend").to_numpy(), abs=1e-8)
    if options["effects"] != "random" and "serial" not in options:
        assert fit.predict(kind="TS").to_numpy() == pytest.approx(other.predict(kind="TS").to_numpy(), abs=1e-7)
    if options.get("obs_weights") == "fixed":
        assert fit.predict(kind="BP").to_numpy() == pytest.approx(other.predict(kind="BP").to_numpy(), abs=1e-7)


@pytest.mark.parametrize(("bar", "more"), [
    (" | id + t + area^t", ""), (" | id + t", ""), (" | g + t", " + south"), (" | area", " + south"),
    (" | region + t", ""),
])  # fmt: skip
@pytest.mark.parametrize("model", ["ols", "sar", "sem"])
def test_effects_behind_the_bar(model, bar, more):
    """The second regime's intercept is a difference from the first's where the effects leave one."""
    fit, other, names = pair(model, {}, WITHIN + more, bar)
    assert ("south: Intercept" in fit.params.index) == bool(more)
    assert fit.params.to_numpy() == pytest.approx(other.params[names].to_numpy(), abs=1e-8)
    assert fit.std_errors.to_numpy() == pytest.approx(other.std_errors[names].to_numpy(), rel=1e-6)
    assert len(fit.params) == len(other.params)


@pytest.mark.parametrize("effects", [None, "entity"])
@pytest.mark.parametrize("model", ["ols", "slx"])
def test_two_stage_least_squares_of_regimes_that_do_not_touch_is_that_of_each(model, effects):
    """Instruments are cut by regime."""
    frame, w = panel(1, n=60, T=1 if effects is None else 4, blocks=True)
    keys = {"entity": "id"} | ({"time": "t", "effects": effects, "vcov": "cluster"} if effects else {"vcov": "hc0"})
    iv = {"endog": ["a"], "instruments": ["z"]}
    fit = getattr(sp, model)("y ~ a + b", frame, w, regimes="region", **keys, **iv)
    for label in ("east", "south"):
        part = frame[frame["region"] == label]
        alone = getattr(sp, model)("y ~ a + b", part, w.subset(part["id"].unique()), **keys, **iv)
        own = [f"{label}: {name}" for name in alone.params.index]
        assert fit.params[own].to_numpy() == pytest.approx(alone.params.to_numpy(), abs=1e-8)
        factor = np.sqrt((60 / 59) / (30 / 29)) if effects else 1.0
        assert fit.std_errors[own].to_numpy() == pytest.approx(factor * alone.std_errors.to_numpy(), rel=1e-6)


def test_one_regime_of_endogenous_regressors_is_the_plain_model():
    frame, w = panel(2)
    for model, options in (("sar", {}), ("sdm", {"effects": "random"}), ("gns", {"effects": "entity"})):
        keys = {**KEYS, "method": "gmm", "endog": ["a"], "instruments": ["z"], **options}
        plain = getattr(sp, model)("y ~ a + b", frame, w, **keys)
        one = getattr(sp, model)("y ~ a + b", frame.assign(region="all"), w, regimes="region", **keys)
        assert one.params.to_numpy() == pytest.approx(plain.params.to_numpy(), abs=1e-7)
        assert one.std_errors.to_numpy() == pytest.approx(plain.std_errors.to_numpy(), rel=1e-6)
        tests = [sp.instrument_tests(fit).tidy()["statistic"].to_numpy() for fit in (plain, one)]
        assert tests[1] == pytest.approx(tests[0], rel=1e-5)


def test_endogenous_in_each_regime_are_tested_by_their_names():
    frame, w = panel(3)
    fit = sp.sar("y ~ a + b", frame, w, regimes=sp.Regimes("region", terms=["a"]), **KEYS, effects="entity",
                 method="gmm", endog=["a"], instruments=["z"])  # fmt: skip
    assert list(fit.params.index) == ["east: a", "south: a", "b", "rho"]
    assert sorted(sp.anderson_rubin(fit)["term"].unique()) == ["east: a", "rho", "south: a"]
    assert sp.endogeneity_test(fit)["Durbin-Wu-Hausman"].df[0] == 2


@pytest.mark.parametrize("options", [
    {"method": "gmm", "effects": "entity"},
    {"endog": ["a"], "instruments": ["z"], "effects": "entity", "method": "gmm"},
    {"effects": "twoway", "vcov": "jackknife"}, {"effects": "random", "random_error": "baltagi"},
])  # fmt: skip
def test_rho_or_sigma2_by_regime_refuse_by_name(options):
    frame, w = panel()
    with pytest.raises(SpatialInputError, match="E501") as error:
        sp.sac("y ~ a + b", frame, w, regimes=sp.Regimes("region", rho=True, sigma2=True), **KEYS, **options)
    assert error.value.hint
