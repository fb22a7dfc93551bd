"""Weights of observations where W or the units change over time, and beside many ways of effects: twins with the
dummies, laws."""

import numpy as np
import pytest

import spatial as sp
from spatial.covariance.groups import group_codes
from spatial.covariance.leverage import CR3, adjusted_residuals
from spatial.covariance.pairs import pairs_meat
from spatial.design.fixed_effects import FixedEffects
from spatial.design.weighted_projection import WeightedProjection

from .. import naive_pairs
from .test_carried import Twin, case

EFFECTS = ["entity", "time", "twoway"]


def weighted_case(kind, column, N=12):
    data, w, keys = case(kind, N=N)
    rng = np.random.default_rng(7)
    data = data.assign(moving=rng.uniform(0.3, 4, len(data)))
    data["fixed"] = data.groupby("id")["moving"].transform("first")
    return data, w, {**keys, "obs_weights": column}


class WeightedTwin(Twin):
    """The dense likelihood of D y on D X with D W D^-1 and the columns D U of the effects."""

    def __init__(self, fit):
        super().__init__(fit)
        d = fit._design
        w = d.obs_weights.values[np.isfinite(d.obs_weights.values)]
        root = np.sqrt(w)
        self.constant = np.log(w).sum() / 2
        if self.corrected:
            self.constant -= np.linalg.slogdet(self.U.T @ (w[:, None] * self.U))[1] / 2
        self.W, self.M = (root[:, None] * matrix / root for matrix in (self.W, self.M))
        self.y, self.X, self.Wy = root * self.y, root[:, None] * self.X, root * self.Wy
        self.U = np.linalg.qr(root[:, None] * self.U)[0]

    def loglik(self, rho, lam, beta=None):
        return super().loglik(rho, lam, beta) + self.constant


WAYS = "y ~ a + b | id + t + region^t"


def with_regions(data):
    return data.assign(region=data["id"].map({unit: j % 3 for j, unit in enumerate(sorted(data["id"].unique()))}))


@pytest.mark.parametrize(("model", "kind"), [("ols", "gaps"), ("sar", "gaps"), ("sar", "moving"), ("sar", "spectral"),
                                             ("sem", "spectral"),
                                             ("sem", "moving"), ("sac", "spectral"), ("sac", "gaps")])  # fmt: skip
def test_many_ways_have_the_scores_of_the_dense_likelihood(model, kind):
    """The ways' dummies times the roots of the weights; sac also without weights."""
    data, w, keys = weighted_case(kind, "moving")
    for obs_weights in ("moving", None)[: 1 + (model == "sac")]:
        fit = getattr(sp, model)(WAYS, with_regions(data), w, **{**keys, "obs_weights": obs_weights})
        twin = (WeightedTwin if obs_weights else Twin)(fit)
        rho, lam, h = fit.params.get("rho", 0.0), fit.params.get("lambda", 0.0), 1e-5
        e = twin.residuals(rho, lam)
        np.testing.assert_allclose(fit._solution.resid, e, atol=1e-6)
        if model != "ols":
            assert fit.sigma2 == pytest.approx(e @ e / twin.n)
        if "lambda" in fit.params:
            by_lambda = (twin.loglik(rho, lam + h) - twin.loglik(rho, lam - h)) / (2 * h)
            assert by_lambda == pytest.approx(0, abs=1e-5)
        if twin.lag:
            by_rho = (twin.loglik(rho + h, lam) - twin.loglik(rho - h, lam)) / (2 * h)
            assert by_rho + twin.slope(rho, lam) == pytest.approx(0, abs=1e-5)
        else:
            assert fit.loglik == pytest.approx(twin.loglik(rho, lam), abs=1e-6)


@pytest.mark.parametrize(("kind", "effects", "column"), [
    ("gaps", "twoway", "fixed"), ("gaps", "entity", "moving"), ("gaps", "time", "moving"),
    ("moving", "twoway", "moving"), ("moving", "entity", "fixed"), ("spectral", "twoway", "moving"),
    ("spectral", "twoway", "fixed"), ("spectral gaps", "time", "fixed"),
])  # fmt: skip
@pytest.mark.parametrize("model", ["sem", "sac"])
def test_errors_have_the_scores_of_the_dense_likelihood(model, kind, effects, column):
    data, w, keys = weighted_case(kind, column)
    fit = getattr(sp, model)("y ~ a + b", data, w, **keys, effects=effects)
    twin, (rho, lam), h = WeightedTwin(fit), (fit.rho if model == "sac" else 0.0, fit.lam), 1e-5
    by_lambda = (twin.loglik(rho, lam + h) - twin.loglik(rho, lam - h)) / (2 * h)
    assert by_lambda == pytest.approx(0, abs=1e-5)
    level = twin.loglik(rho, lam)
    if model == "sac":
        by_rho = (twin.loglik(rho + h, lam) - twin.loglik(rho - h, lam)) / (2 * h)
        assert by_rho + twin.slope(rho, lam) == pytest.approx(0, abs=1e-5)
        nodes, weights = np.polynomial.legendre.leggauss(24)
        level += rho / 2 * (weights @ [twin.slope(r, lam) for r in rho / 2 * (nodes + 1)])
    assert fit.loglik == pytest.approx(level, abs=2e-3 if abs(rho) > 0.6 else 1e-5)
    e = twin.residuals(rho, lam)
    np.testing.assert_allclose(fit._solution.resid, e, atol=1e-6)
    assert fit.sigma2 == pytest.approx(e @ e / twin.n)


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize(("kind", "column"), [("gaps", "fixed"), ("gaps", "moving"), ("moving", "fixed"),
                                              ("moving", "moving"), ("spectral gaps", "moving")])  # fmt: skip
def test_the_score_of_rho_less_its_mean_is_zero(kind, column, effects):
    data, w, keys = weighted_case(kind, column)
    fit = sp.sar("y ~ a + b", data, w, **keys, effects=effects)
    twin, rho = WeightedTwin(fit), fit.rho
    e = twin.residuals(rho, 0.0)
    assert e @ twin.Wy / fit.sigma2 + twin.slope(rho, 0.0) == pytest.approx(0, abs=1e-5)
    assert fit.sigma2 == pytest.approx(e @ e / twin.n)
    Z = np.hstack([twin.X, twin.U])
    np.testing.assert_allclose(fit.params[["a", "b"]], np.linalg.lstsq(Z, twin.y - rho * twin.Wy, rcond=None)[0][:2],
                               rtol=1e-8)  # fmt: skip


@pytest.mark.parametrize("model", ["sdm", "sdem", "gns"])
@pytest.mark.parametrize(("kind", "effects"), [("gaps", "twoway"), ("moving", "entity"), ("gaps", "ways")])
def test_weights_of_one_are_none(model, kind, effects):
    data, w, keys = weighted_case(kind, "one")
    keys.pop("obs_weights")
    formula, data = ("y ~ a + b", data) if effects != "ways" else (WAYS, with_regions(data))
    effects = None if effects == "ways" else effects
    fit = getattr(sp, model)
    plain = fit(formula, data, w, **keys, effects=effects)
    one = fit(formula, data.assign(one=1.0), w, **keys, effects=effects, obs_weights="one")
    scaled = fit(formula, data.assign(one=5.0), w, **keys, effects=effects, obs_weights="one")
    for other, factor in ((one, 1), (scaled, 5)):
        np.testing.assert_allclose(other.params, plain.params, atol=1e-6)
        np.testing.assert_allclose(other.vcov, plain.vcov, atol=1e-6, rtol=1e-4)
        assert other.sigma2 == pytest.approx(factor * plain.sigma2, rel=1e-6)
        assert other.loglik == pytest.approx(plain.loglik, abs=1e-5)
        np.testing.assert_allclose(other.predict(), plain.predict(), atol=1e-5)
        np.testing.assert_allclose(other.with_vcov(sp.Robust(pairs=False)).std_errors,
                                   plain.with_vcov(sp.Robust(pairs=False)).std_errors, rtol=1e-4)  # fmt: skip
        # without weights sar and sdm take period means off, here the projection itself
        np.testing.assert_allclose(other.with_vcov("robust").std_errors, plain.with_vcov("robust").std_errors,
                                   rtol=0.03)  # fmt: skip


@pytest.mark.parametrize("by", ["entity", "t"])
@pytest.mark.parametrize(("model", "kind", "effects", "column"), [
    ("sar", "gaps", "twoway", "moving"), ("sdm", "moving", "twoway", "moving"), ("sac", "moving", "twoway", "fixed"),
    ("sem", "gaps", "twoway", "fixed"), ("sar", "spectral", None, "moving"), ("sac", "gaps", None, "fixed"),
])  # fmt: skip
def test_variances_by_group_are_the_double_loop(model, kind, effects, column, by):
    data, w, keys = weighted_case(kind, column)
    fit = getattr(sp, model)("y ~ a + b" if effects else WAYS, with_regions(data), w, **keys, effects=effects)
    same_as_double_loop(fit, by)


def same_as_double_loop(fit, by):
    codes, _ = group_codes(fit._design, by)
    e = naive_pairs.adjusted_residuals(fit, codes, CR3)
    np.testing.assert_allclose(adjusted_residuals(fit, codes, CR3), e, rtol=1e-6, atol=1e-8)
    want = naive_pairs.pairs_meat(fit, codes, e)
    size = np.sqrt(np.diag(want))
    np.testing.assert_allclose(pairs_meat(fit, codes, e) / np.outer(size, size), want / np.outer(size, size), atol=1e-6)


@pytest.mark.parametrize("effects", EFFECTS)
def test_blocks_of_the_projection_are_those_of_the_dummies(effects):
    rng = np.random.default_rng(2)
    w = rng.uniform(0.2, 3, (4, 5)) * (rng.random((4, 5)) > 0.2)
    w[0] = 1.0
    kind, there = FixedEffects.parse(effects), w > 0
    projection = WeightedProjection(w, kind.entity, kind.time)
    t, i = np.nonzero(there)
    D = np.sqrt(w[there])[:, None] * np.hstack([np.eye(5)[i]] * kind.entity + [np.eye(4)[t]] * kind.time)
    M = np.eye(len(t)) - D @ np.linalg.pinv(D)
    U = projection.dummies()
    np.testing.assert_allclose(np.eye(len(t)) - U @ U.T, M, atol=1e-12)
    assert projection.rank == round(len(t) - np.trace(M))
    for period in range(4):
        at = np.ix_(there[period], there[period])
        np.testing.assert_allclose(projection.block(period)[at], M[np.ix_(t == period, t == period)], atol=1e-12)
