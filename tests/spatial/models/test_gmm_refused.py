"""What the method of moments, instruments and a second W refuse, and what they warn of."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from .test_estimators import PANEL, cross_section, panel_data
from .test_gmm import endogenous

IV = {"method": "gmm", "endog": ["c"], "instruments": ["z1"]}
CASES = {
    # name: (code, what the message or its place must hold, how to call)
    "unknown method": ("E501", "'gmm'", lambda d, w: sp.sar("y ~ a", d, w, method="2sls")),
    "covariance of the other method": ("E501", "'robust'", lambda d, w: sp.sar(
        "y ~ a", d, w, method="gmm", vcov="oim")),
    "White's of a likelihood": ("E501", "'robust'", lambda d, w: sp.sar("y ~ a", d, w, vcov="hc1")),
    "hc0 of an error model": ("E501", "two-stage", lambda d, w: sp.sac("y ~ a", d, w, method="gmm", vcov="hc0")),
    "regression by moments": ("E501", "least squares", lambda d, w: sp.slx("y ~ a", d, w, method="gmm")),
    "correction of moments": ("E501", "correction", lambda d, w: sp.sar(
        "y ~ a", d, w, method="gmm", correction="additive")),
    "determinant of moments": ("E501", "logdet", lambda d, w: sp.sar("y ~ a", d, w, method="gmm", logdet="eigen")),
    "hc1 of an error model": ("E501", "two-stage", lambda d, w: sp.sac("y ~ a", d, w, method="gmm", vcov="hc1")),
    "settings of a covariance": ("E501", "no settings", lambda d, w: sp.sar("y ~ a", d, w, method="gmm").with_vcov(
        "robust", by="id")),
    "space beside a spatial error": ("E501", "its own model", lambda d, w: sp.sem(
        "y ~ a", d, w, method="gmm", vcov=sp.Conley(cutoff=100))),
    "clusters beside a spatial error": ("E501", "its own model", lambda d, w: sp.sac(
        "y ~ a", d, w, method="gmm").with_vcov(sp.Cluster("id"))),
    "regression without endogenous": ("E501", "no endogenous", lambda d, w: sp.instrument_tests(
        sp.sem("y ~ a", d, w, method="gmm"))),
    "settings of another method": ("E501", "rounds", lambda d, w: sp.Moments(rounds=0)),
    "settings of moments, dynamic": ("E501", "ArellanoBond", lambda d, w: sp.sar(
        "y ~ a", d.reset_index().assign(t=1), w, entity="index", time="t", lags="y", method=sp.Moments())),
    "covariance as an object": ("E501", "'classical'", lambda d, w: sp.sar(
        "y ~ a", d, w, method="gmm", vcov=sp.Robust())),
    "cluster, cross-section": ("E501", "panel", lambda d, w: sp.sar("y ~ a", d, w, method="gmm", vcov="cluster")),
    "cluster of an error model": ("E501", "panel", lambda d, w: sp.sem(
        "y ~ a", d, w, method="gmm", vcov="cluster")),
    "other estimates": ("E501", "estimate again", lambda d, w: sp.sac(
        "y ~ a + b", d, w, method="gmm").with_vcov("robust")),
    "endogenous, likelihood": ("E501", "method='gmm'", lambda d, w: sp.sar(
        "y ~ a + c", d, w, endog="c", instruments="z1")),
    "no instruments": ("E501", "instruments=", lambda d, w: sp.sar("y ~ a + c", d, w, method="gmm", endog=["c"])),
    "nothing to instrument": ("E501", "endog=", lambda d, w: sp.sar("y ~ a", d, w, method="gmm", instruments="z1")),
    "endogenous stranger": ("E502", "no regressor", lambda d, w: sp.sar("y ~ a", d, w, **IV)),
    "instrument that is no column": ("E502", "'z9'", lambda d, w: sp.sar(
        "y ~ a + c", d, w, **{**IV, "instruments": ["z9"]})),
    "instrument that is no text": ("E501", "as text", lambda d, w: sp.sar(
        "y ~ a + c", d, w, **{**IV, "instruments": [3]})),
    "instruments, no frame": ("E501", "DataFrame", lambda d, w: sp.sar("y ~ a + c", d.to_dict(), w, **IV)),
    "instruments, no formula": ("E504", "not closed", lambda d, w: sp.sar("y ~ (a + c", d, w, **IV)),
    "code in an instrument": ("E503", "not allowed", lambda d, w: sp.sar(
        "y ~ a + c", d, w, **{**IV, "instruments": ["{__import__('os').getcwd()}"]})),
    "instrument missing": ("E201", "'z1' 1", lambda d, w: sp.sar(
        "y ~ a + c", d.assign(z1=d["z1"].where(d.index != "u05")), w, **IV)),
    "fewer instruments": ("E704", "2 endogenous", lambda d, w: sp.sar(
        "y ~ a + c", d, w, **{**IV, "endog": ["a", "c"]})),
    "durbin names an instrument": ("E502", "'z1'", lambda d, w: sp.sdm("y ~ a + c", d, w, durbin=["z1"], **IV)),
    "nothing to lag": ("E704", "identify", lambda d, w: sp.sar("y ~ 1", d, w, method="gmm")),
    "tests of a likelihood": ("E501", "method='gmm'", lambda d, w: sp.instrument_tests(sp.sar("y ~ a", d, w))),
    "likelihood ratio of moments": ("E501", "likelihood", lambda d, w: sp.lr_test(
        sp.sar("y ~ a", d, w, method="gmm"), sp.sdm("y ~ a", d, w, method="gmm"))),
    "w_error, other ids": ("E101", "u39", lambda d, w: sp.sem("y ~ a", d, w, w_error=w.iloc[:-1, :-1])),
    "w_error without ids": ("E101", "w_error", lambda d, w: sp.sem("y ~ a", d, w, w_error=w.to_numpy())),
    "w_error, other size": ("E105", "39", lambda d, w: sp.sem(
        "y ~ a", d, w.to_numpy(), w_error=w.to_numpy()[:-1, :-1])),
    "w_error not square": ("E311", "(40, 39)", lambda d, w: sp.sem("y ~ a", d, w, w_error=w.to_numpy()[:, :-1])),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::spillover.errors.SpatialInputWarning")
@pytest.mark.parametrize("name", CASES)
def test_refused(name):
    code, message, call = CASES[name]
    data, W = endogenous(1, n=40)
    before = data.copy(deep=True)
    with pytest.raises(SpatialInputError) as caught:
        call(data, W)
    assert caught.value.code == code
    assert message in str(caught.value) or message in map(str, caught.value.ids), str(caught.value)
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize(("model", "vcov", "effects", "message"), [
    ("sem", "robust", "entity", "Stock"), ("sar", "robust", "entity", "Stock"), ("sdm", "hc1", "twoway", "Stock"),
    ("sar", "hc0", "entity", "Stock"),
])  # fmt: skip
def test_panels_without_a_theory_are_refused(model, vcov, effects, message):
    data, W = panel_data(2)
    with pytest.raises(SpatialInputError, match="E501") as caught:
        getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects=effects, method="gmm", vcov=vcov)
    assert message in str(caught.value)


def test_rho_outside_its_interval_is_said():
    """Two-stage least squares does not know the interval."""
    data, W = cross_section(2, n=40)
    explosive = data.assign(y=np.linalg.solve(np.eye(40) - 1.4 * W.to_numpy(), 1 + 5 * data["a"]) + 0.1 * data["b"])
    with pytest.warns(sp.SpatialInputWarning, match="outside its admissible interval"):
        fit = sp.sar("y ~ a", explosive, W, method="gmm")
    assert fit.rho == pytest.approx(1.4, abs=0.1)


def test_an_instrument_that_the_effects_absorb_is_named():
    data, W = panel_data(2)
    data["z"] = data["id"].map({i: float(k) ** 0.5 for k, i in enumerate(W.index)})
    with pytest.raises(SpatialInputError, match=r"E208.*'z'"):
        sp.sar("y ~ a + b", data, W, **PANEL, effects="entity", method="gmm", endog="b", instruments=["z"])


def test_as_many_instruments_as_observations():
    rng = np.random.default_rng(0)
    _, W = cross_section(1, n=20)
    data = pd.DataFrame(rng.standard_normal((20, 8)), index=W.index, columns=["y", *"abcdefg"])
    with pytest.raises(SpatialInputError, match=r"E206.*instruments"):
        sp.sar("y ~ a + b + c + d + e + f + g", data, W, method="gmm")
