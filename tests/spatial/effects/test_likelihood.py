"""Effects by their adjusted likelihood ratio: measured cases, a dense twin, infinite ends, refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import shapefiles
import spatial as sp
import weights as wt
from spatial.effects.infer import AverageEffects
from spatial.effects.likelihood import _profile, by_likelihood
from spatial.effects.propagate import Averages, selectors
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL, cross_section, panel_data
from . import naive
from .test_distribution import COLUMBUS, row


@pytest.fixture(scope="module")
def columbus():
    return shapefiles.load("columbus")


@pytest.fixture(scope="module")
def contiguity(columbus):
    return wt.queen(columbus).standardize("row")


@pytest.mark.parametrize(("model", "rho", "low", "high", "p"), [
    ("sar", 0.464375, -3.2994, -0.7258, 0.00423), ("sdm", 0.505683, -5.0720, -0.1114, 0.0443),
])  # fmt: skip
def test_measured_cases(columbus, contiguity, model, rho, low, high, p):
    fit = getattr(sp, model)(COLUMBUS, columbus, contiguity)
    got = row(fit.effects(method="likelihood"), "INC", "total")
    assert [got["conf_low"], got["conf_high"]] == pytest.approx([low, high], abs=1e-4)
    assert got["p_value"] == pytest.approx(p, abs=1e-5 if model == "sar" else 1e-4)
    profile = _profile(AverageEffects(fit, Averages(fit)), selectors(fit, ("INC",)))
    assert profile.rho(profile.best[0]) == pytest.approx(rho, abs=1e-6)
    assert got["estimate"] == pytest.approx(fit.effects().total["INC"])


@pytest.mark.parametrize(("model", "scaled"), [("sar", False), ("sdm", False), ("sdm", True)])
def test_ends_and_p_are_those_of_the_dense_likelihood(model, scaled):
    """LR(t) on a fine grid with the explicit projection, solved for its ends; W symmetric, or neither that nor with
    rows that sum to one. The grid's own error is 1e-4 of the width."""
    data, W = cross_section(5, n=30)
    W = W * np.linspace(0.5, 1.0, 30)[:, None] if scaled else W
    fit = getattr(sp, model)("y ~ a + b", data, W)
    table = fit.effects(method="likelihood", level=0.9).tidy().set_index(["term", "effect"])
    dense = W.to_numpy()
    X = fit._sample.X
    place, bound = {name: i for i, name in enumerate(fit.params.index[: X.shape[1]])}, stats.chi2.ppf(0.9, 1)

    for kind, effect in enumerate(("direct", "indirect", "total")):
        def c_of(rho, kind=kind):
            c = np.zeros(X.shape[1])
            mine = naive.coefficients(dense, rho)[kind]
            c[place["a"]] = mine[0]
            if "W:a" in place:
                c[place["W:a"]] = mine[1]
            return c

        got = table.loc[("a", effect)]
        ratio = naive.likelihood_ratio(fit._sample.y, X, dense, c_of)
        width = got["conf_high"] - got["conf_low"]
        middle = (got["conf_low"] + got["conf_high"]) / 2
        for end, away in ((got["conf_low"], -1), (got["conf_high"], 1)):
            want = optimize.brentq(lambda t, LR=ratio: LR(t) - bound, middle, middle + away * 3 * width)
            assert end == pytest.approx(want, abs=2e-4 * width), effect
        assert got["p_value"] == pytest.approx(stats.chi2.sf(ratio(0.0), 1), rel=5e-3)


def test_an_infinite_end(columbus):
    """A likelihood that does not reject rho at the end of its interval bounds no total effect: said as infinite, in the
    interval and in print."""
    rng = np.random.default_rng(0)
    w = wt.queen(columbus).standardize("row")
    y = np.linalg.solve(np.eye(49) - 0.7 * w.csr.toarray(), rng.standard_normal(49))
    data = columbus.assign(y=y, x=rng.standard_normal(49))
    fit = sp.sar("y ~ x", data, w)
    table = fit.effects(method="likelihood", level=0.999).tidy().set_index("effect")
    assert np.isinf(table.loc["total", ["conf_low", "conf_high"]].astype(float)).any()
    assert (table["conf_low"] <= table["conf_high"]).all()
    finite = fit.effects(method="likelihood", level=0.3).tidy()
    assert np.isfinite(finite[["conf_low", "conf_high"]]).all(axis=None)
    text = str(fit.effects(method="likelihood", level=0.999))
    assert "adjusted profile likelihood ratio" in text
    assert "note: infinite ends" in text
    assert " inf" in text or "-inf" in text


def test_panels_with_fixed_effects():
    """Demeaned data with all dummies or without: the projection takes either out of the determinant's bias."""
    data, W = panel_data(3, N=20, T=4)
    fit = sp.sdm("y ~ a + b", data, W, **PANEL, effects="entity")
    source = AverageEffects(fit, Averages(fit))
    result = by_likelihood(source, selectors(fit, ("a",)), 0.95)
    # Lee and Yu's transformation: T - 1 periods of independent errors
    F = np.linalg.svd(np.eye(4) - 0.25)[0][:, :3]
    y = F.T @ fit._sample.y.reshape(4, 20)
    X = np.einsum("ts,tnk->snk", F, fit._sample.X.reshape(4, 20, -1)).reshape(60, -1)
    big = np.kron(np.eye(3), W.to_numpy())
    place = list(fit.params.index)

    def c_of(rho):
        c = np.zeros(X.shape[1])
        c[place.index("a")], c[place.index("W:a")] = naive.coefficients(W.to_numpy(), rho)[2]
        return c

    ratio = naive.likelihood_ratio(y.ravel(), X, big, c_of)
    width = result.high[2] - result.low[2]
    assert ratio(result.low[2]) == pytest.approx(stats.chi2.ppf(0.95, 1), abs=5e-3)
    assert ratio(result.high[2]) == pytest.approx(stats.chi2.ppf(0.95, 1), abs=5e-3)
    assert width > 0


def test_refusals_and_advice(columbus, contiguity, panel, queen):
    keys = {"entity": "state", "time": "year"}
    for fit in (sp.sem(COLUMBUS, columbus, contiguity), sp.slx(COLUMBUS, columbus, contiguity),
                sp.sar(COLUMBUS, columbus, contiguity, method="gmm"),
                sp.sar(COLUMBUS, columbus, contiguity, vcov="robust")):  # fmt: skip
        with pytest.raises(SpatialInputError) as caught:
            fit.effects(method="likelihood")
        assert caught.value.code == "E501"
        assert "method='likelihood'" not in str(fit.effects())
    dynamic = sp.sdm("log(gsp) ~ unemp", panel, queen, lags="y", **keys)
    with pytest.raises(SpatialInputError, match="static"):
        _ = dynamic.effects(method="likelihood").long_run
    small, large = sp.sar(COLUMBUS, columbus, contiguity), sp.sar("log(gsp) ~ unemp", panel, queen, **keys)
    assert "n - k = 46: indirect and total effects are skewed" in str(small.effects())
    assert "method='likelihood'" not in str(small.effects(method="likelihood")).partition("95 % intervals")[2]
    assert ("cover better" in str(large.effects())) == (large.rho + 2 * large.std_errors["rho"] > 0.95)


def test_elasticities_by_likelihood(columbus, contiguity):
    fit = sp.sdm(COLUMBUS, columbus, contiguity)
    effects = fit.effects(method="likelihood")
    got, own = effects.elasticity().tidy().set_index(["term", "effect"]), effects.tidy().set_index(["term", "effect"])
    scale = columbus["INC"].mean() / columbus["CRIME"].mean()
    names = ["estimate", "std_error", "conf_low", "conf_high"]
    np.testing.assert_allclose(got.loc[("INC", "total"), names], scale * own.loc[("INC", "total"), names], rtol=1e-6)
    pd.testing.assert_series_equal(got["p_value"].sort_index(), own["p_value"].sort_index(), rtol=1e-5)


# -- a spatial lag and a spatial error -------------------------------------------------------------------------------


def dense_joint(fit, W):
    """l(rho, lambda) and, for an effect c(rho)'beta, l less the cost of its being t: plain numpy."""
    n, X, y = len(W), fit._sample.X, fit._sample.y

    def options(rho, lam):
        A, B = np.eye(n) - rho * W, np.eye(n) - lam * W
        BX, f = B @ X, B @ A @ y
        V = np.linalg.inv(BX.T @ BX)
        beta = V @ BX.T @ f
        q = np.sum((f - BX @ beta) ** 2)
        l = np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1] - n / 2 * np.log(q)
        return l, beta, V, q

    def cost(rho, lam, coefficients, t):
        l, beta, V, q = options(rho, lam)
        c = coefficients(rho)
        return l - n / 2 * np.log1p((t - c @ beta) ** 2 / (q * (c @ V @ c)))

    return options, cost


def highest(f, starts):
    def negative(point):
        return -f(*point) if np.abs(point).max() < 0.999 else 1e6

    options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4_000}
    return max(-optimize.minimize(negative, start, method="Nelder-Mead", options=options).fun for start in starts)


STARTS = [(a, b) for a in (-0.4, 0.1, 0.6) for b in (-0.4, 0.1, 0.6)]


@pytest.mark.parametrize("model", ["sac", "gns"])
def test_joint_likelihood_against_a_dense_search(columbus, model):
    """At both ends of every interval the likelihood ratio, searched for anew, is the critical value."""
    w = wt.queen(columbus).standardize("row")
    W = w.csr.toarray()
    fit = getattr(sp, model)("CRIME ~ INC + HOVAL", columbus, w)
    arguments, cost = dense_joint(fit, W)
    n, p = 49, len(fit.params)
    top = highest(lambda r, s: arguments(r, s)[0], STARTS)
    bound = stats.t.isf(0.025, n - p) ** 2
    ends = fit.conf_int(method="likelihood")
    for name in ("rho", "lambda"):
        for end in ends.loc[name]:
            def negative(free, end=end, name=name):
                return -arguments(*((end, free) if name == "rho" else (free, end)))[0]

            l = max(-optimize.minimize_scalar(negative, bounds=part, method="bounded", options={"xatol": 1e-10}).fun
                    for part in ((-0.95, 0.2), (0.1, 0.98)))  # fmt: skip
            assert 2 * (top - l) * (n - p) / n == pytest.approx(bound, rel=1e-4), (name, end)
    table = fit.effects(method="likelihood").tidy().set_index(["effect", "term"])
    place = fit.params.index.get_loc("INC")

    def coefficients(kind):
        def at(rho):
            G = np.linalg.inv(np.eye(n) - rho * W)
            parts = [G.trace() / n, (W @ G).trace() / n], [G.sum() / n, (W @ G).sum() / n]
            direct, total = (np.zeros(p - 2) for _ in range(2))
            for vector, values in ((direct, parts[0]), (total, parts[1])):
                vector[place] = values[0]
                if model == "gns":
                    vector[place + 2] = values[1]
            return {"direct": direct, "indirect": total - direct, "total": total}[kind]

        return at

    for kind in ("direct", "indirect", "total"):
        for end in table.loc[(kind, "INC"), ["conf_low", "conf_high"]]:
            l = highest(lambda r, s, end=end, kind=kind: cost(r, s, coefficients(kind), end), STARTS)
            assert 2 * (top - l) * (n - p) / n == pytest.approx(bound, rel=2e-3), (kind, end)
    zero = (table["conf_low"] < 0) & (table["conf_high"] > 0)
    assert ((table["p_value"] > 0.05) == zero).all()


def test_joint_likelihood_is_the_likelihood_ratio_test(columbus):
    """Zero is in the interval of rho exactly where the ratio against the SEM does not reject it."""
    w = wt.queen(columbus).standardize("row")
    full = sp.sac("CRIME ~ INC + HOVAL", columbus, w, correction=False)
    lr = 2 * (full.loglik - sp.sem("CRIME ~ INC + HOVAL", columbus, w).loglik)
    level = 1 - stats.chi2.sf(lr, 1)
    low, high = full.conf_int(level, method="likelihood").loc["rho"]
    assert min(abs(low), abs(high)) < 1e-5
    with pytest.raises(SpatialInputError, match="E501"):
        sp.sar("CRIME ~ INC + HOVAL", columbus, w).conf_int(method="likelihood")
    with pytest.raises(SpatialInputError, match="E501"):
        sp.sac("CRIME ~ INC + HOVAL", columbus, w, vcov="robust").conf_int(method="likelihood")


def test_joint_likelihood_of_panels():
    """Unit effects leave T - 1 periods: intervals in one unit of y or another are the same, and hold the estimate."""
    data, W = panel_data(5, N=20, T=5)
    keys = {**PANEL, "effects": "twoway"}
    one, other = (sp.sac("y ~ a + b", data.assign(y=data["y"] * c + 7 * (c > 1)), W, **keys) for c in (1.0, 100.0))
    a, b = one.conf_int(method="likelihood"), other.conf_int(method="likelihood")
    np.testing.assert_allclose(a.loc[["rho", "lambda"]], b.loc[["rho", "lambda"]], atol=1e-5)
    for name in ("rho", "lambda"):
        assert a.loc[name, "conf_low"] < one.params[name] < a.loc[name, "conf_high"]
    x, z = (fit.effects(method="likelihood").tidy() for fit in (one, other))
    np.testing.assert_allclose(100 * x[["conf_low", "conf_high"]], z[["conf_low", "conf_high"]], rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("method", ["quadrature", "likelihood", "delta"])
@pytest.mark.parametrize("model", ["sar", "sdm", "sac", "gns"])
def test_the_letter_of_a_statistic_is_that_of_its_p(columbus, contiguity, model, method):
    """t and p belong to t(n - p); z and p to the normal distribution: one root of the likelihood is r*, two are a t."""
    fit = getattr(sp, model)("CRIME ~ INC", columbus, contiguity)
    effects = fit.effects(method=method)
    table = effects.tidy()
    head = next(line for line in str(effects).splitlines() if line.startswith("direct"))
    law = {"t": stats.t(fit.df_resid), "z": stats.norm()}[head.split()[4]]
    np.testing.assert_allclose(table["p_value"], 2 * law.sf(abs(table["statistic"])), rtol=1e-8)


@pytest.mark.parametrize("size", ["a", np.nan, None, [1.0]])
def test_a_shock_has_one_finite_size(columbus, contiguity, size):
    effects = sp.sar("CRIME ~ INC", columbus, contiguity).effects()
    with pytest.raises(SpatialInputError, match="size") as caught:
        effects.shock(1, "INC", size)
    assert caught.value.code == "E501"
