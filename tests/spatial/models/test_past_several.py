"""GMM on past values with several W, a W of its own for a regressor, regimes, and rho by regime."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from .. import naive_past
from ..designs import nearest
from .test_past_combined import KEYS, N, T, data, deviations  # noqa: F401

pytestmark = pytest.mark.filterwarnings("ignore:rho = .* lies outside")
ONE = np.ones((T - 1, N))
EAST = np.arange(N) < 17


@pytest.fixture(scope="module")
def more(data):  # noqa: F811
    """A second regressor, a second W, and regimes."""
    frame, W = data
    rng = np.random.default_rng(8)
    frame = frame.assign(z=rng.standard_normal(len(frame)), side=np.where(frame["i"] < 17, "east", "west"))
    frame["y"] += frame["z"]
    return frame, W, pd.DataFrame(nearest(rng, N, 7))


def lag(values, *matrices):
    for M in matrices:
        values = values @ M.to_numpy().T
    return values


def wide(frame, *names):
    return [frame[name].to_numpy().reshape(T, N) for name in names]


def compare(fit, y, Z, past, own, steps, depth=2):
    y, *columns = (deviations(values, ONE) for values in (y, *Z, *past, *own))
    k, g = len(Z), len(past)
    b, V = naive_past.gmm(y, columns[:k], columns[k : k + g], columns[k + g :], ONE, steps=steps, depth=depth)
    np.testing.assert_allclose(fit.params, b, rtol=1e-6)
    if steps == 1:
        np.testing.assert_allclose(fit.vcov, V, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize(("model", "lags", "steps"), [("sdm", "both", 1), ("sdm", "y", 2), ("sar", "y", 1)])
def test_twin_with_two_w(more, model, lags, steps):
    """Each W_k y_t instrumented by W_k y of the past and by products of two W of x."""
    frame, V, W = more
    fit = getattr(sp, model)("y ~ x", frame, [V, W], **KEYS, lags=lags, method=sp.ArellanoBond(steps=steps))
    y, x = wide(frame, "y", "x")
    before = [y[:-1], lag(y[:-1], V), lag(y[:-1], W)]
    one = [lag(x[1:], V), lag(x[1:], W)]
    Z = [*before[: 3 if lags == "both" else 1], x[1:], *one[: 2 * (model == "sdm")], lag(y[1:], V), lag(y[1:], W)]
    two = [lag(x[1:], A, B) for A in (V, W) for B in (V, W)]
    compare(fit, y[1:], Z, before, [x[1:], *one, *two], steps)
    names = ["lag(y)", "W_1:lag(y)", "W_2:lag(y)"][: 3 if lags == "both" else 1]
    assert fit.params.index.tolist() == [*names, "x", *["W_1:x", "W_2:x"][: 2 * (model == "sdm")], "rho_1", "rho_2"]
    tests = {test.name for test in sp.instrument_tests(fit)}
    assert {"Hansen J", "first-stage F of W_1:y", "first-stage F of W_2:y", "first-stage F of lag(y)"} <= tests
    assert model == "sdm" or np.isfinite(fit.effects().short_run.tidy()["estimate"]).all()


def test_twin_with_a_w_of_its_own(more):
    frame, V, W = more
    fit = sp.sdm("y ~ x + z", frame, V, **KEYS, durbin={"x": W}, lags="both", method=sp.ArellanoBond(steps=1))
    y, x, z = wide(frame, "y", "x", "z")
    before, base = [y[:-1], lag(y[:-1], V)], [x[1:], z[1:], lag(x[1:], W)]
    own = [*base, *(lag(values, V) for values in base), *(lag(values, V, V) for values in base)]
    compare(fit, y[1:], [*before, *base, lag(y[1:], V)], before, own, 1)
    assert "W_2:x" in fit.params.index


@pytest.mark.parametrize(("lags", "rho", "steps"), [("both", False, 1), ("y", True, 1), ("y", True, 2)])
def test_twin_with_regimes(more, lags, rho, steps):
    """tau and eta by regime: past values cut by regime, less their period's mean; with rho by regime lags of x too."""
    frame, W, _ = more
    fit = sp.sdm("y ~ x", frame, W, **KEYS, lags=lags, regimes=sp.Regimes("side", rho=rho),
                 method=sp.ArellanoBond(steps=steps))  # fmt: skip
    y, x = wide(frame, "y", "x")

    def cut(*columns):
        return [np.where(inside, values, 0.0) for inside in (EAST, ~EAST) for values in columns]

    before = [y[:-1], lag(y[:-1], W), lag(y[:-1], W, W)][: 3 if lags == "both" else 2]
    Wy, one = lag(y[1:], W), lag(x[1:], W)
    more_lags = [one, lag(one, W), lag(one, W, W)]
    Z = [*cut(*before[: 2 if lags == "both" else 1], x[1:], one), *(cut(Wy) if rho else [Wy])]
    past = cut(*(deviations(values, ONE) for values in before))
    compare(fit, y[1:], Z, past, [*cut(x[1:], one), *(cut(*more_lags) if rho else more_lags)], steps)
    names = ["lag(y)", *["W:lag(y)"] * (lags == "both"), "x", "W:x"]
    spatial = ["east: rho", "west: rho"] if rho else ["rho"]
    assert fit.params.index.tolist() == [f"{label}: {name}" for label in ("east", "west") for name in names] + spatial
    assert sp.chow_test(fit)["lag(y)"].df == 1
    assert np.isfinite(fit.effects().short_run.tidy()["estimate"]).all()
    tests = {test.name for test in sp.instrument_tests(fit)}
    assert {"first-stage F of west: lag(y)", f"first-stage F of {'west: ' * rho}W:y"} <= tests


def test_one_regime_is_the_plain_model(more):
    frame, W, _ = more
    keys = {**KEYS, "lags": "both", "method": sp.ArellanoBond()}
    plain = sp.sdm("y ~ x + z", frame, W, **keys)
    one = sp.sdm("y ~ x + z", frame.assign(side="all"), W, **keys, regimes=sp.Regimes("side", rho=True))
    np.testing.assert_allclose(one.params, plain.params, rtol=1e-8)
    np.testing.assert_allclose(one.vcov, plain.vcov, rtol=1e-6)


@pytest.mark.parametrize("endogenous", [{"endog": ["x"]}, {"endog": ["x"], "instruments": ["z"]}, {}])
def test_endogenous_regressors_by_regime_and_under_two_w(more, endogenous):
    """A regime at a time where nothing is common to them; instruments of c instrument W_k c as well."""
    frame, V, W = more
    predetermined = None if endogenous else ["x"]
    keys = {**KEYS, **endogenous, "lags": "y", "effects": "entity"}
    method = sp.ArellanoBond(steps=1, depth=1, predetermined=predetermined)
    both = sp.ols("y ~ x", frame, V, **keys, method=method, regimes="side")
    alone = sp.ols("y ~ x", frame[frame["side"] == "west"], V.loc[~EAST, ~EAST], **keys, method=method)
    west = [f"west: {name}" for name in alone.params.index]
    np.testing.assert_allclose(both.params[west], alone.params, rtol=1e-8)
    np.testing.assert_allclose(both.vcov.loc[west, west], alone.vcov, rtol=1e-6)
    assert len(sp.endogeneity_test(both).results) == 1
    several = sp.sdm("y ~ x", frame, [V, W], **keys, method=method)
    assert {"W_1:x", "W_2:x"} <= set(several.params.index)
    assert {test.name for test in sp.endogeneity_test(several)} == {"difference in Hansen J of x"}


def test_further_effects_and_weights_go_with_both(more):
    """A weight that all units share changes nothing; paths of regions leave residuals whose means by cell are zero."""
    frame, V, W = more
    keys = {**KEYS, "lags": "y", "method": sp.ArellanoBond(depth=1)}
    for options in ({"w": [V, W]}, {"w": V, "regimes": sp.Regimes("side", rho=True)}):
        plain = sp.sar("y ~ x", frame, **options, **keys)
        weighted = sp.sar("y ~ x", frame.assign(w=3.0), **options, **keys, obs_weights="w")
        np.testing.assert_allclose(weighted.params, plain.params, rtol=1e-7)
        paths = sp.sar("y ~ x | i + t + region^t", frame, **options, **keys)
        cells = paths.resid.unstack("t").groupby(np.arange(N) % 3).mean().to_numpy()
        np.testing.assert_allclose(cells, 0, atol=1e-10)


@pytest.mark.parametrize(("model", "options", "message"), [
    ("gns", {}, "has a spatial error"), ("sdm", {"lags": None}, "for dynamic models"),
    ("sdm", {"vcov": "driscoll_kraay"}, "one covariance"),
])  # fmt: skip
@pytest.mark.parametrize("by", ["several", "regimes"])
def test_refused(more, model, options, message, by):
    frame, V, W = more
    keys = {**KEYS, "lags": "y", "method": sp.ArellanoBond(), **options}
    several = {"w": [V, W]} if by == "several" else {"w": V, "regimes": "side"}
    with pytest.raises(SpatialInputError, match=message) as caught:
        getattr(sp, model)("y ~ x", frame, **several, **keys)
    assert caught.value.code == "E501"
