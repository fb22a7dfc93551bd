"""Spatial errors whose weights vary, with fixed effects: the likelihood of any data that are free of the effects."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp

from .. import naive
from .test_estimators import PANEL, panel_data
from .test_time_varying import dense, moving_panel, nudged
from .test_unbalanced import GAPS, stacked, with_gaps


def case(kind, seed):
    """Data, weights, keywords, and the stacked arrays of the twin."""
    if kind == "moving":
        data, w = moving_panel(seed, N=10)
        return data, w, PANEL, dense(data, w)
    full, W = panel_data(seed, N=10)
    data = with_gaps(full, seed)
    return data, W, GAPS, stacked(data, W)


@pytest.mark.parametrize("kind", ["moving", "gaps"])
@pytest.mark.parametrize("effects", ["entity", "time", "twoway"])
@pytest.mark.parametrize("model", ["sem", "sdem"])
def test_likelihood_and_information_are_those_of_data_without_effects(model, effects, kind):
    data, w, keys, (y, X, M, unit, period) = case(kind, 3)
    fit = getattr(sp, model)("y ~ a + b", data, w, **keys, effects=effects)
    X = np.column_stack([X, M @ X]) if model == "sdem" else X

    def f(theta):
        return naive.marginal_loglik(theta, y, X, M, unit, period, effects=effects)

    at = np.append(fit.params.to_numpy(), np.log(fit.sigma2))
    assert fit.loglik == pytest.approx(f(at), abs=1e-8)
    step = 1e-4 * np.eye(len(at))
    slopes = [(f(at + h) - f(at - h)) / 2e-4 for h in step]
    np.testing.assert_allclose(slopes, 0, atol=1e-4)
    information = -naive.hessian(f, at)
    factor = fit._sample.n / (fit._sample.n - len(fit.params))
    np.testing.assert_allclose(fit.vcov, factor * np.linalg.inv(information)[:-1, :-1], rtol=2e-3, atol=1e-7)


@pytest.mark.filterwarnings("ignore:errors that are correlated")
@pytest.mark.parametrize("effects", ["entity", "twoway"])
def test_sandwiches_and_diagnostics_are_those_of_the_transformation(effects):
    """One W, nudged in every period: the effects stay among X, and nothing else changes; but the forms of pairs, which
    dummies project and the transformation has projected before (five periods as clusters differ most)."""
    data, W = panel_data(5, N=20)
    a = sp.sem("y ~ a + b", data, W, **PANEL, effects=effects)
    b = sp.sem("y ~ a + b", data, nudged(W), **PANEL, effects=effects)
    assert (a._sample.dummies, b._sample.dummies) == (0, 20 if effects == "entity" else 24)
    coords = pd.DataFrame(np.random.default_rng(3).random((20, 2)), index=W.index)
    for vcov in (sp.DriscollKraay(1), sp.Conley(50, coords=coords), *["robust"] * (effects == "entity")):
        np.testing.assert_allclose(b.with_vcov(vcov).vcov, a.with_vcov(vcov).vcov, rtol=1e-6, atol=1e-9)
    for vcov, apart in (("robust", 2e-3), (sp.Cluster("time"), 0.12)):
        np.testing.assert_allclose(b.with_vcov(vcov).std_errors, a.with_vcov(vcov).std_errors, rtol=apart)
    np.testing.assert_allclose(sp.vif(b), sp.vif(a), rtol=1e-8)
    assert sp.condition_number(b) == pytest.approx(sp.condition_number(a))
    np.testing.assert_allclose(b.resid, a.resid, atol=1e-8)
    np.testing.assert_allclose(b.predict(), a.predict(), atol=1e-8)
    without = sp.sem("y ~ a + b", data, W, **PANEL, effects=effects, correction=False)
    if effects == "entity":
        same = sp.sem("y ~ a + b", data, nudged(W), **PANEL, effects=effects, correction=False)
        np.testing.assert_allclose(same.params, without.params, atol=1e-7)
        assert same.loglik == pytest.approx(without.loglik, abs=1e-7)


@pytest.mark.parametrize(("act", "message"), [
    (lambda fit: sp.serial_correlation(fit), "serial_correlation after"),
    (lambda fit: sp.refit(fit, y=np.zeros((1, 5, 14))), "refit of"),
    (lambda fit: sp.spatial_hausman(fit), "the spatial Hausman test"),
])  # fmt: skip
def test_what_cannot_follow_says_so(act, message):
    data, w = moving_panel(7)
    fit = sp.sem("y ~ a + b", data, w, **PANEL, effects="entity")
    with pytest.raises(sp.SpatialInputError, match=message) as caught:
        act(fit)
    assert caught.value.code == "E320"
