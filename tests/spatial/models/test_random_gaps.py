"""Random effects of panels with entry, exit and holes, and with weights that move over time: dense twins and laws."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import shapefiles
import spatial as sp
import weights as wt
from spatial.covariance.groups import group_codes
from spatial.covariance.leverage import CR2, adjusted_residuals
from spatial.covariance.pairs import pairs_meat
from spatial.covariance.random import kappa_scores, random_scores
from spatial.design.fixed_effects import NO_EFFECTS
from spatial.design.unit_rows import UnitRows, links_by_row
from spatial.diagnostics.robust_hausman import augmented
from spatial.models import random as _random
from spatial.models.moments import moment_sample
from spatial.plot.layer import by_unit
from spatial.solve.gmm_random import uneven_moments
from spatial.solve.random_ml import random_information, random_maximum
from spatial.solve.random_uneven import uneven_problem
from spillover.errors import SpatialInputError

from .. import naive, naive_pairs, naive_random
from .test_random import fit_random, random_panel

REFERENCE = Path(__file__).parents[2] / "reference" / "random_gaps"
MODELS = [("ols", None), ("sar", None), ("sdm", None), ("sem", "kkp"), ("sem", "baltagi"), ("sac", "kkp"),
          ("gns", "baltagi")]  # fmt: skip


def holes(data, seed=3, share=0.25):
    """Units that enter late, leave early, or are away for a while; one is there for one period only."""
    units = np.sort(data["id"].unique())
    data = data[~((data["id"] == units[0]) & (data["t"] > 2000))]
    data = data[~((data["id"] == units[1]) & (data["t"] < 2002)) & ~((data["id"] == units[2]) & (data["t"] == 2001))]
    keep = np.random.default_rng(seed).random(len(data)) > share
    there = data[keep]
    return pd.concat([there, data[~data["id"].isin(there["id"]) & (data["t"] == 2000)]])


def moving(W, periods=4, seed=5):
    """W of each period: links come and go."""
    rng, out = np.random.default_rng(seed), {}
    for t in range(2000, 2000 + periods):
        Q = W.to_numpy() * rng.uniform(0.2, 1.0, W.shape) * (rng.random(W.shape) < 0.8)
        Q = Q + 0.1 * np.roll(np.eye(len(W)), 1, axis=1)
        out[t] = pd.DataFrame(Q / Q.sum(axis=1, keepdims=True), index=W.index, columns=W.columns)
    return out


@pytest.fixture(scope="module")
def panel():
    data, W = random_panel(1, N=13, T=5, phi=1.5)
    return holes(data), W


@pytest.fixture(scope="module")
def moved():
    data, W = random_panel(2, N=12, T=4, phi=1.5)
    return data, moving(W)


def twin(fit, error):
    """The dense likelihood over the observed rows, and where ours stopped."""
    d, random, T = fit._design, fit._settings.random, fit._design.n_periods
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    W, M = (np.array([w.csr.toarray() for w in weights.each(T)]) for weights in (d.weights, d.weights_of_error))
    y, X = np.nan_to_num(d.y), np.nan_to_num(d.X)
    X = np.concatenate([X, np.einsum("tij,tjk->tik", W, X[:, :, list(d.durbin)])], axis=2)
    at = np.array([*fit.params, fit.sigma2, np.log1p(d.nobs / d.n_units * random.phi)])
    spec = fit.specification
    return lambda x: naive_random.loglik_of_rows(x, y, X, W, M, there, lag=spec.lag, error=error), at


def check(fit, error):
    """Value, maximum and second derivatives are those of the dense likelihood; the sample's errors are white."""
    f, at = twin(fit, error)
    assert f(at) == pytest.approx(fit.loglik, abs=1e-8)
    if error == "baltagi":  # a search over all parameters
        result = minimize(lambda x: -f(x), at * 1.01 + 0.003, method="BFGS", options={"gtol": 1e-6})
        assert -result.fun <= fit.loglik + 1e-7
        np.testing.assert_allclose(result.x, at, atol=1e-5 * (1 + np.abs(at)).max())
    slope = [(f(at + h) - f(at - h)) / 2e-6 for h in np.eye(len(at)) * 1e-6]
    np.testing.assert_allclose(slope, 0, atol=2e-4)
    V = np.linalg.inv(naive.hessian(lambda x: -f(x), at))
    p = len(fit.params)
    np.testing.assert_allclose(fit.vcov, V[:p, :p], rtol=3e-3, atol=2e-6)
    table = sp.variance_components(fit).set_index("term")
    T = fit._design.nobs / fit._design.n_units
    J = np.array([np.expm1(at[-1]), at[-2] * np.exp(at[-1])]) / T
    assert table.at["sigma2_mu", "std_error"] == pytest.approx(np.sqrt(J @ V[p:, p:] @ J), rel=2e-3)
    assert np.mean(fit._solution.resid**2) == pytest.approx(fit.sigma2, rel=1e-9)


@pytest.mark.parametrize(("model", "error"), MODELS)
def test_the_likelihood_with_gaps(panel, model, error):
    data, W = panel
    fit = fit_random(model, data, W, error, missing="period")
    assert fit._design.observed is not None
    assert (fit._design.observed.sum(axis=0) == 1).any()
    check(fit, error)


@pytest.mark.parametrize(("model", "error"), [("sdm", None), ("sem", "kkp"), ("sac", "baltagi")])
def test_the_likelihood_with_weights_that_move(moved, model, error):
    data, W = moved
    check(fit_random(model, data, W, error), error)


@pytest.mark.parametrize(("model", "error"), [("ols", None), ("sac", "kkp"), ("sac", "baltagi")])
def test_without_gaps_it_is_the_balanced_likelihood(model, error):
    """The road of unequal periods on a panel without gaps and one W: the same maximum and information."""
    data, W = random_panel(4, N=10, T=4, phi=3.0)
    fit = fit_random(model, data, W, error)
    assert fit._settings.random.phi > 0
    d, s = fit._design, fit._settings
    raw, _, phi = _random.undemeaned(fit.specification, d, s)
    problem = uneven_problem(raw, UnitRows.of(d), phi, links_by_row(d) if error == "baltagi" else None)
    best = random_maximum(problem, phi)
    assert best.loglik == pytest.approx(fit.loglik, abs=1e-9)
    np.testing.assert_allclose([*best.beta, best.sigma2], [*fit._solution.beta, fit.sigma2], rtol=1e-7)
    np.testing.assert_allclose(random_information(problem, best), s.random.information, rtol=1e-5, atol=1e-6)


# -- covariances ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["sdm", "sem", "gns"])
@pytest.mark.parametrize("kind", ["gaps", "moving"])
def test_scores_by_unit_and_pair(panel, moved, model, kind):
    """Rows' scores add up to the gradient of the dense likelihood away from the maximum; pairs of units by loops over
    R P R^-1, R the quasi-demeaning, which does not commute with P_t here."""
    data, W = panel if kind == "gaps" else moved
    fit = fit_random(model, data, W, "kkp" if model != "sdm" else None, missing="period")
    np.testing.assert_allclose(random_scores(fit).sum(axis=0), 0, atol=1e-4)
    off = replace(fit, _solution=replace(fit._solution, sigma2=fit.sigma2 * 1.2), sigma2=fit.sigma2 * 1.2)
    f, at = twin(fit, "kkp" if model != "sdm" else None)
    at[-2] *= 1.2
    slope = [(f(at + h) - f(at - h)) / 2e-6 for h in np.eye(len(at)) * 1e-6]
    np.testing.assert_allclose(random_scores(off).sum(axis=0), slope, rtol=1e-4, atol=1e-3)
    codes, _ = group_codes(fit._design, "entity")
    for groups in (codes, codes // 3):
        e = adjusted_residuals(fit, groups, CR2)
        meat = pairs_meat(fit, groups, e)
        want = naive_pairs.pairs_meat(fit, groups, e)
        np.testing.assert_allclose(meat[:-1, :-1], want, rtol=1e-7, atol=1e-7 * np.abs(want).max())
        by_unit = np.bincount(groups, kappa_scores(fit, e))
        assert meat[-1, -1] == pytest.approx(by_unit @ by_unit)
    for chosen in ("robust", "cluster", "jackknife", sp.Cluster(pairs=False)):
        assert (fit.with_vcov(chosen).std_errors > 0).all()


# -- prediction ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "error"), [("sdm", None), ("sac", "kkp"), ("sac", "baltagi")])
@pytest.mark.parametrize("kind", ["gaps", "moving"])
def test_predictions_are_conditional_means(panel, moved, model, error, kind):
    """Of the fitted rows less their errors, and of a new period, from one dense covariance of all errors (Goldberger
    1962); the forecast's variance at the estimates likewise."""
    data, W = panel if kind == "gaps" else moved
    fit = fit_random(model, data, W, error, missing="period")
    d, random = fit._design, fit._settings.random
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    (T, N), last = d.y.shape, W[2000] if kind == "moving" else W
    last = last.loc[d.ids, d.ids]
    each = [w.csr.toarray() for w in d.weights.each(T)] + [last.to_numpy()]
    # 1. Covariance of the errors of all rows and of a new period, and of mu with them.
    units = np.concatenate([np.nonzero(there)[1], np.arange(N)])
    dense = naive_random._block_diagonal(each, np.concatenate([there, np.ones((1, N), dtype=bool)]))
    D = np.eye(N)[units]
    inverse = np.linalg.inv(np.eye(len(units)) - fit.lam * dense)
    carried = D if error == "baltagi" else inverse @ D
    V = fit.sigma2 * (inverse @ inverse.T + random.phi * carried @ carried.T)
    old, new = slice(0, d.nobs), slice(d.nobs, None)
    # 2. u of the fit, its unit effects, and the response that they predict.
    A = np.eye(len(units)) - fit.rho * dense
    rng = np.random.default_rng(1)
    future = pd.DataFrame({"id": d.ids, "t": 2000 + T, "a": rng.standard_normal(N), "b": rng.standard_normal(N)})
    X = np.concatenate([np.nan_to_num(d.X)[there], np.column_stack([np.ones(N), future["a"], future["b"]])])
    X = np.column_stack([X, (dense @ X)[:, list(d.durbin)]])
    b = fit.params.to_numpy()[: X.shape[1]]
    u = (A[old, old] @ d.y[there]) - X[old] @ b
    mu = random.phi * fit.sigma2 * carried[old] @ carried[old].T @ np.linalg.solve(V[old, old], u)
    e = u - fit.lam * dense[old, old] @ u - (mu - fit.lam * dense[old, old] @ mu)
    levels = fit.predict().swaplevel().sort_index()
    np.testing.assert_allclose(levels, (d.y[there] - e)[np.argsort(_order(d, there))], rtol=1e-8)
    ahead = V[new, old] @ np.linalg.solve(V[old, old], u)
    want = np.linalg.solve(A[new, new], X[new] @ b + ahead)
    got = fit.forecast(future, last).table.droplevel(1).loc[d.ids]
    np.testing.assert_allclose(got["estimate"], want, rtol=1e-8)
    left = V[new, new] - V[new, old] @ np.linalg.solve(V[old, old], V[old, new])
    left = np.linalg.solve(A[new, new], np.linalg.solve(A[new, new], left).T)
    exact = replace(fit, _covariance=np.zeros_like(fit._covariance)).forecast(future, last).table.droplevel(1)
    np.testing.assert_allclose(exact["std_error"].loc[d.ids] ** 2, np.diag(left), rtol=1e-8)


def _order(d, there):
    """Rows of the fit in the order of a sorted index (period, unit)."""
    periods, units = np.nonzero(there)
    return np.lexsort((np.argsort(np.argsort(d.ids.to_numpy()))[units], periods)).argsort()


# -- regressions, and tests of the unit effects --------------------------------------------------------------

FORMULA = "log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp"
STATES = {"entity": "state", "time": "year", "missing": "period"}


@pytest.fixture(scope="module")
def produc():
    """The rows of tests/reference/random_gaps/generate.R, and W."""
    panel, states = shapefiles.load_panel("us_states"), shapefiles.load("us_states")
    first = panel[panel["year"] == 1970].set_index("state")["unemp"]
    k, year = (10 * first).round().astype(int).reindex(panel["state"]).to_numpy(), panel["year"]
    there = (year >= 1970 + k % 5) & (year <= 1986 - k % 4) & ~((k % 7 == 0) & (year == 1978))
    return panel[there].sample(frac=1, random_state=1), wt.queen(states).standardize("row")


def test_swamy_arora_of_unequal_periods_as_plm(produc):
    data, w = produc
    want = json.loads((REFERENCE / "results.json").read_text())
    assert len(data) == want["rows"]
    fit = sp.ols(FORMULA, data, w, **STATES, effects="random")
    names = {"(Intercept)": "Intercept"}
    for name, value in want["swar"]["coef"].items():
        assert fit.params[names.get(name, name)] == pytest.approx(value, rel=1e-8)
        assert fit.std_errors[names.get(name, name)] == pytest.approx(want["swar"]["se"][name], rel=1e-8)
    random, counts = fit._settings.random, UnitRows.of(fit._design).counts
    assert random.sigma2_e == pytest.approx(want["swar"]["sigma2"]["idios"], rel=1e-8)
    assert random.sigma2_mu == pytest.approx(want["swar"]["sigma2"]["id"], rel=1e-8)
    theta = 1 - 1 / np.sqrt(1 + np.array([counts.min(), counts.max()]) * random.phi)
    np.testing.assert_allclose(theta, want["swar"]["theta"], rtol=1e-8)
    assert "of a unit with the mean number of periods" in str(fit)
    fe = sp.ols(FORMULA, data, w, **STATES, effects="entity", correction=False)
    for name, value in want["within"]["coef"].items():
        assert fe.params[name] == pytest.approx(value, rel=1e-8)
    best = sp.ols(FORMULA, data, w, **STATES, effects="random", method="ml")
    assert best.loglik - 0.2 < fit.loglik < best.loglik


@pytest.mark.parametrize("method", [None, "ml"])
def test_correlated_effects_leave_the_fixed_effects_estimates(produc, method):
    """With means over the periods in which a unit is there, those of W X and of year dummies among them, slopes are
    those within whatever phi is (Wooldridge 2019)."""
    data, w = produc
    options = {**STATES, "durbin": ["log(pc)", "unemp"]}
    fe, cre = (sp.slx(FORMULA, data, w, **options, effects=kind, method=how)
               for kind, how in (("entity", None), ("correlated", method)))  # fmt: skip
    np.testing.assert_allclose(cre.params[fe.params.index], fe.params, rtol=1e-7, atol=1e-9)
    two = sp.ols(FORMULA, data, w, **STATES, effects="twoway")
    cre = sp.ols(FORMULA + " + C(year)", data, w, **STATES, effects="correlated", method=method)
    np.testing.assert_allclose(cre.params[two.params.index], two.params, rtol=1e-7, atol=1e-9)
    assert any(name.startswith("mean(C(year)") for name in cre.params.index)


def test_tests_of_the_unit_effects(produc):
    """The regression forms of Mundlak and Hausman are one, from fixed or random effects; two-way with dummies."""
    data, w = produc
    fe, re, cre, two = (sp.ols(FORMULA, data, w, **STATES, effects=kind)
                        for kind in ("entity", "random", "correlated", "twoway"))  # fmt: skip
    mundlak = sp.mundlak_test(cre)
    for test in (sp.robust_hausman(fe, vcov="oim"), sp.robust_hausman(re, vcov="oim")):
        assert (test.statistic, test.df) == (pytest.approx(mundlak.statistic, rel=1e-6), mundlak.df)
    assert mundlak.df == (4, 48 - 5)
    assert sp.hausman(fe, re).df[0] == 4
    assert sp.robust_hausman(fe).df == (4, 44)
    again, added = augmented(two)
    slopes = [name.removeprefix("within ") for name in added]
    both = again.params[slopes].to_numpy() + again.params[added].to_numpy()
    np.testing.assert_allclose(both, two.params[slopes], atol=2e-3)
    for model in ("sar", "sem"):
        fixed, random = (getattr(sp, model)(FORMULA, data, w, **STATES, effects=kind) for kind in ("entity", "random"))
        assert sp.robust_hausman(random, vcov="oim").p_value < 0.05
        test, form = sp.hausman(fixed, random), sp.robust_hausman(fixed, vcov="oim")
        assert "W varies over time" in test.null
        assert (test.statistic, test.df) == (form.statistic, form.df)
        assert 0 < test.p_value < 0.05
    assert sp.lr_test(re_ml := sp.ols(FORMULA, data, w, **STATES, effects="random", method="ml"), random).df == 1
    assert re_ml.loglik < random.loglik


@pytest.mark.parametrize(("act", "code", "message"), [
    (lambda d, w: fit_random("sar", d, w, effects="chamberlain", missing="period"), "E109", "correlated"),
    (lambda d, w: fit_random("sem", d, w, "kkp", vcov="eim", missing="period"), "E715", "expected"),
    (lambda d, w: fit_random("sem", d, w, method="gmm", missing="period"), "E109", "method='ml'"),
    (lambda d, w: fit_random("sem", d, w, "baltagi", vcov="robust", missing="period"), "E715", "beside"),
])  # fmt: skip
def test_what_stays_refused(panel, act, code, message):
    data, W = panel
    with pytest.raises(SpatialInputError) as caught:
        act(data, W)
    assert caught.value.code == code
    assert message in f"{caught.value} {caught.value.hint}"


# -- moments -------------------------------------------------------------------------------------------------


def test_two_stage_least_squares_of_unequal_periods_as_plm(produc):
    data, w = produc
    want = json.loads((REFERENCE / "results.json").read_text())["iv"]
    fit = sp.ols(FORMULA, data, w, **STATES, effects="random", endog=["log(pcap)"],
                 instruments=["log(hwy)", "log(water)"])  # fmt: skip
    for name, value in want["coef"].items():
        assert fit.params[{"(Intercept)": "Intercept"}.get(name, name)] == pytest.approx(value, rel=1e-8)
        assert fit.std_errors[{"(Intercept)": "Intercept"}.get(name, name)] == pytest.approx(want["se"][name], rel=1e-8)
    random = fit._settings.random
    assert random.sigma2_e == pytest.approx(want["sigma2"]["idios"], rel=1e-8)
    assert random.sigma2_mu == pytest.approx(want["sigma2"]["id"], rel=1e-8)
    assert (fit.with_vcov("cluster").std_errors > 0).all()


def test_moments_without_gaps_are_the_balanced_ones(moved):
    """The road of unequal periods on a panel without gaps, one W and W that moves."""
    data, W = moved
    for weights in (W[2000], W):
        fit = fit_random("sdm", data, weights, method="gmm")
        raw = moment_sample(fit.specification, fit._design, NO_EFFECTS)
        again = uneven_moments(raw, UnitRows.of(fit._design))
        np.testing.assert_allclose([*again.solution.beta, again.solution.rho], fit.params, rtol=1e-8)
        assert (again.phi, again.sigma2) == (pytest.approx(fit._settings.random.phi, rel=1e-8),
                                             pytest.approx(fit._settings.random.sigma2_e, rel=1e-8))  # fmt: skip


def test_a_spatial_lag_by_moments_is_near_the_likelihood(panel):
    data, W = panel
    moments, likelihood = (fit_random("sar", data, W, missing="period", method=how) for how in ("gmm", "ml"))
    assert ((moments.params - likelihood.params).abs() < 2 * moments.std_errors).all()
    assert len(moments.effects(draws=20).variables) == 2


def test_a_map_of_effects_is_that_of_the_last_period(panel):
    """What a study draws where W varies over time."""
    data, W = panel
    fit = fit_random("sdm", data, W, missing="period")
    effects = fit.effects(draws=20)
    columns, _ = by_unit(effects)
    last = fit._design.periods[-1]
    want = effects.by_unit("a", period=last)["emitted"]
    pd.testing.assert_series_equal(columns["a_emitted"], want, check_names=False)
    assert len(columns) == fit._design.observed[-1].sum()
