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

from ...laws.cases import links, response
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


def dense_joint(fit, W, modified):
    """l(rho, lambda), and l less the cost of c(rho)'beta being t, plain or modified: plain numpy."""
    X, y = fit._sample.X, fit._sample.y
    n, k = X.shape
    eye, nu = np.eye(n), n - k if modified else n
    A0_X = np.linalg.solve(eye - fit.rho * W, X)

    def inside(rho, lam):
        A, B = eye - rho * W, eye - lam * W
        BX, f = B @ X, B @ A @ y
        V = np.linalg.inv(BX.T @ BX)
        beta = V @ BX.T @ f
        q = np.sum((f - BX @ beta) ** 2)
        l = np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1] - nu / 2 * np.log(q)
        if modified:
            l += np.linalg.slogdet(BX.T @ BX)[1] / 2 - np.linalg.slogdet(BX.T @ B @ A @ A0_X)[1]
        return l, beta, V, q

    def cost(rho, lam, coefficients, t):
        l, beta, V, q = inside(rho, lam)
        c = coefficients(rho)
        return l - nu / 2 * np.log1p((t - c @ beta) ** 2 / (q * (c @ V @ c)))

    return lambda rho, lam: inside(rho, lam)[0], cost, (n - len(fit.params)) / nu


def highest(f, starts):
    def negative(point):
        return -f(*point) if np.abs(point).max() < 0.9995 else 1e6

    options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4_000}
    return max(-optimize.minimize(negative, start, method="Nelder-Mead", options=options).fun for start in starts)


STARTS = [(a, b) for a in (-0.4, 0.1, 0.6) for b in (-0.4, 0.1, 0.6)]
LINE = [(a, b) for a, b in ((-0.9995, -0.3), (-0.5, 0.3), (0.1, 0.7), (0.5, 0.9995))]


def coefficients_of(kind, place, lagged, n, k, W):
    """rho -> c of an effect of the regressor at a place, and of its lag ``lagged`` columns further on, if any."""

    def at(rho):
        G = np.linalg.inv(np.eye(n) - rho * W)
        direct, total = np.zeros(k), np.zeros(k)
        direct[place], total[place] = G.trace() / n, G.sum() / n
        if lagged:
            direct[place + lagged], total[place + lagged] = (W @ G).trace() / n, (W @ G).sum() / n
        return {"direct": direct, "indirect": total - direct, "total": total}[kind]

    return at


@pytest.mark.parametrize("model", ["sac", "gns"])
def test_joint_likelihood_against_a_dense_search(columbus, model):
    """At both ends of every interval the lesser of the two ratios, searched for anew, is the critical value."""
    w = wt.queen(columbus).standardize("row")
    W, formula = w.csr.toarray(), "CRIME ~ INC + HOVAL"
    fit = getattr(sp, model)(formula, columbus, w)
    n, p = 49, len(fit.params)
    bound = stats.t.isf(0.025, n - p) ** 2
    twins = [dense_joint(fit, W, modified) for modified in (False, True)]
    tops = [highest(l, STARTS) for l, _, _ in twins]

    def ratio(least):
        """Of the function that gives the largest l under the constraint, for either likelihood."""
        return min(2 * (top - least(l, cost)) * factor for top, (l, cost, factor) in zip(tops, twins))

    ends = fit.conf_int()
    pd.testing.assert_frame_equal(ends, fit.conf_int(method="likelihood"))
    checked = 0
    for name in ("rho", "lambda"):
        for end in ends.loc[name][abs(ends.loc[name]) < 0.99]:
            def on_line(l, _, end=end, name=name):
                def negative(free):
                    return -l(*((end, free) if name == "rho" else (free, end)))

                return max(-optimize.minimize_scalar(negative, bounds=part, method="bounded",
                                                     options={"xatol": 1e-10}).fun for part in LINE)  # fmt: skip

            assert ratio(on_line) == pytest.approx(bound, rel=3e-3), (name, end)
            checked += 1
    table = fit.effects().tidy().set_index(["effect", "term"])
    place = fit.params.index.get_loc("INC")
    combinations = {kind: (coefficients_of(kind, place, 2 * (model == "gns"), n, p - 2, W), table.loc[(kind, "INC")])
                    for kind in ("direct", "indirect", "total")}  # fmt: skip
    combinations["INC"] = lambda rho: np.eye(p - 2)[place], ends.loc["INC"]
    for kind, (coefficients, numbers) in combinations.items():
        both = numbers[["conf_low", "conf_high"]].astype(float)
        for end in both[np.isfinite(both)]:
            def anywhere(l, cost, end=end, coefficients=coefficients):
                return highest(lambda r, s: cost(r, s, coefficients, end), STARTS)

            assert ratio(anywhere) == pytest.approx(bound, rel=5e-3), (kind, end)
            checked += 1
    assert checked >= 8
    for whole in (table, fit.tidy().set_index("term")):
        zero = (whole["conf_low"] < 0) & (whole["conf_high"] > 0)
        assert ((whole["p_value"] > 0.05) == zero).all()
        np.testing.assert_allclose(whole["p_value"], 2 * stats.t(fit.df_resid).sf(abs(whole["statistic"])), rtol=1e-8)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("model", ["sac", "gns"])
def test_p_and_interval_agree_at_every_level(model, seed):
    """Of coefficients, rho, lambda and effects; and intervals hold the estimates."""
    rng = np.random.default_rng(seed)
    W = links(rng, 24, ("row", "binary", "asymmetric")[seed % 3], 0)
    X = rng.standard_normal((24, 2))
    data = pd.DataFrame(X, columns=["a", "b"]).assign(y=response(rng, W, X))
    fit = getattr(sp, model)("y ~ a + b", data, W)
    table, effects = fit.tidy().set_index("term"), fit.effects().tidy()
    assert ((table["conf_low"] <= table["estimate"]) & (table["estimate"] <= table["conf_high"])).all()
    for level in (0.5, 0.8, 0.9, 0.95, 0.99, 0.999):
        for whole, ends in ((table, fit.conf_int(level)), (effects, fit.effects(level=level).tidy())):
            clear = abs(whole["p_value"] - (1 - level)) > 2e-3
            zero = (ends["conf_low"] < 0) & (ends["conf_high"] > 0)
            assert ((whole["p_value"] > 1 - level) == zero)[clear].all(), (level, whole, ends)


def test_likelihood_is_the_default_of_small_samples_alone(columbus, contiguity):
    """Fewer than 1,000 rows, both parameters, and a covariance that is the likelihood's."""
    small = sp.sac(COLUMBUS, columbus, contiguity)
    assert "modified profile likelihood" in small.summary()
    assert small.effects().options.method == "likelihood"
    for other in (small.with_vcov("robust"), sp.sar(COLUMBUS, columbus, contiguity),
                  sp.sac(COLUMBUS, columbus, contiguity, correction=False)):  # fmt: skip
        assert "modified profile likelihood" not in other.summary()
        assert other.effects().options.method == "quadrature"
        pd.testing.assert_frame_equal(other.conf_int(), other.conf_int(method="wald"))
        np.testing.assert_allclose(other.zstats, other.params / other.std_errors)
    wald = small.conf_int(method="wald")
    half = stats.t.isf(0.025, small.df_resid) * small.std_errors
    np.testing.assert_allclose(wald["conf_high"] - small.params, half)


def test_joint_likelihood_where_x_explains_all(columbus, contiguity):
    """A pole of the effects that is not rejected gives an infinite end, and print says why."""
    rng = np.random.default_rng(4)
    W = links(rng, 20, "row", 0)
    y = np.linalg.solve(np.eye(20) - 0.97 * W, rng.standard_normal(20))
    data = pd.DataFrame({"y": y, "a": rng.standard_normal(20)})
    effects = sp.gns("y ~ a", data, W).effects()
    assert np.isinf(effects.tidy()[["conf_low", "conf_high"]]).any(axis=None)
    assert "infinite ends" in str(effects)


def test_joint_likelihood_is_the_likelihood_ratio_test(columbus):
    """Zero is in the interval of rho exactly where the ratio against the SEM does not reject it."""
    w = wt.queen(columbus).standardize("row")
    full = sp.sac("CRIME ~ INC + HOVAL", columbus, w, correction=False)
    lr = 2 * (full.loglik - sp.sem("CRIME ~ INC + HOVAL", columbus, w).loglik)
    level = 1 - stats.chi2.sf(lr, 1)
    low, high = full.conf_int(level, method="likelihood").loc["rho"]
    assert min(abs(low), abs(high)) < 1e-4
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
