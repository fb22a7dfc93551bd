"""Random effects of weighted observations, Var(e) = sigma2 / w beside unit effects of one variance: dense twins."""

import numpy as np
import pytest

import spatial as sp
from spatial.covariance.groups import group_codes
from spatial.covariance.leverage import CR2, adjusted_residuals
from spatial.covariance.pairs import pairs_meat
from spatial.covariance.random import kappa_scores, random_scores
from spatial.design.unit_rows import UnitRows
from spillover.errors import SpatialInputError

from .. import naive, naive_pairs, naive_random
from .test_random import fit_random, random_panel
from .test_random_gaps import holes


@pytest.fixture(scope="module")
def panel():
    data, W = random_panel(1, N=13, T=5, phi=1.5)
    rng = np.random.default_rng(8)
    data = data.assign(size=rng.uniform(0.3, 4, len(data)), one=2.0)
    return data, W


def twin(fit, error):
    """The dense likelihood of the rows, and where ours stopped."""
    d, random, T = fit._design, fit._settings.random, fit._design.n_periods
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    W, M = (np.array([w.csr.toarray() for w in weights.each(T)]) for weights in (d.weights, d.weights_of_error))
    y, X, w = np.nan_to_num(d.y), np.nan_to_num(d.X), d.obs_weights.values[there]
    X = np.concatenate([X, np.einsum("tij,tjk->tik", W, X[:, :, list(d.durbin)])], axis=2)
    at = np.array([*fit.params, fit.sigma2, np.log1p(w.sum() / d.n_units * random.phi)])
    spec = fit.specification
    return lambda x: naive_random.loglik_of_rows(x, y, X, W, M, there, lag=spec.lag, error=error, w=w), at


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize(("model", "error"), [("ols", None), ("sdm", None), ("sem", "kkp"), ("sac", "baltagi")])
def test_the_likelihood_is_the_dense_one(panel, model, error, gaps):
    data, W = panel
    data, more = (holes(data), {"missing": "period"}) if gaps else (data, {})
    fit = fit_random(model, data, W, error, obs_weights="size", **more)
    f, at = twin(fit, error)
    assert f(at) == pytest.approx(fit.loglik, abs=1e-8)
    slope = [(f(at + h) - f(at - h)) / 2e-6 for h in np.eye(len(at)) * 1e-6]
    np.testing.assert_allclose(slope, 0, atol=2e-4)
    V = np.linalg.inv(naive.hessian(lambda x: -f(x), at))
    p = len(fit.params)
    np.testing.assert_allclose(fit.vcov, V[:p, :p], rtol=3e-3, atol=2e-6)
    assert np.mean(fit._solution.resid**2) == pytest.approx(fit.sigma2, rel=1e-9)


@pytest.mark.parametrize("model", ["sdm", "sem"])
def test_scores_by_unit_and_pair(panel, model):
    data, W = panel
    error = "kkp" if model == "sem" else None
    fit = fit_random(model, data, W, error, obs_weights="size")
    np.testing.assert_allclose(random_scores(fit).sum(axis=0), 0, atol=1e-4)
    codes, _ = group_codes(fit._design, "entity")
    e = adjusted_residuals(fit, codes, CR2)
    meat, want = pairs_meat(fit, codes, e), naive_pairs.pairs_meat(fit, codes, e)
    np.testing.assert_allclose(meat[:-1, :-1], want, rtol=1e-7, atol=1e-7 * np.abs(want).max())
    by_unit = np.bincount(codes, kappa_scores(fit, e))
    assert meat[-1, -1] == pytest.approx(by_unit @ by_unit)


@pytest.mark.parametrize(("model", "effects", "error"), [
    ("ols", "random", None), ("sar", "correlated", None), ("sem", "chamberlain", "kkp"), ("sem", "random", "baltagi"),
])  # fmt: skip
def test_equal_weights_are_none(panel, model, effects, error):
    data, W = panel
    plain, one = (fit_random(model, data, W, error, effects=effects, obs_weights=column) for column in (None, "one"))
    np.testing.assert_allclose(one.params, plain.params, atol=1e-6)
    np.testing.assert_allclose(one.vcov, plain.vcov, atol=1e-6)
    assert one.loglik == pytest.approx(plain.loglik, abs=1e-8)
    assert one.sigma2 == pytest.approx(2 * plain.sigma2, rel=1e-6)
    assert one._settings.random.sigma2_mu == pytest.approx(plain._settings.random.sigma2_mu, rel=1e-5)
    np.testing.assert_allclose(one.predict(), plain.predict(), atol=1e-5)
    if error != "baltagi":
        np.testing.assert_allclose(one.with_vcov("robust").vcov, plain.with_vcov("robust").vcov, atol=1e-6)


def test_mundlak_means_give_the_weighted_fixed_effects_estimates(panel):
    data, W = panel
    keys = {"entity": "id", "time": "t", "obs_weights": "size"}
    formula = "y ~ " + " + ".join(name for name in data.columns if name not in ("id", "t", "y", "size", "one"))
    fixed = sp.ols(formula, data, W, effects="entity", **keys)
    correlated = sp.ols(formula, data, W, effects="correlated", **keys)
    np.testing.assert_allclose(correlated.params[fixed.params.index], fixed.params, rtol=1e-8)


def test_weights_by_unit_are_sums(panel):
    units = UnitRows(np.array([0, 1, 0]), 2, np.sqrt(np.array([1.0, 5.0, 3.0])))
    np.testing.assert_allclose(units.counts, [4.0, 5.0])
    x = np.array([2.0, 7.0, 6.0])
    np.testing.assert_allclose(units.means(units.ones * x), [5.0, 7.0])
    np.testing.assert_allclose(units.less(units.ones * x, np.ones(2)), units.ones * [-3.0, 0.0, 1.0], atol=1e-12)
    data, W = panel
    with pytest.raises(SpatialInputError, match="E540"):
        fit_random("ols", data, W, None, obs_weights=sp.Sampling("size"))


def test_theta_is_that_of_the_mean_sum_of_weights(panel):
    data, W = panel
    frame = holes(data)
    fit = fit_random("ols", frame, W, None, obs_weights="size", missing="period")
    mean = fit._design.obs_weights.values[fit._design.observed].sum() / 13
    random = fit._settings.random
    assert random.theta == pytest.approx(1 - 1 / np.sqrt(1 + mean * random.phi))
    assert f"theta is that of a unit with the mean sum of weights, {mean:.4g}" in str(fit)
