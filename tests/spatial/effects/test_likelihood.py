"""Intervals by likelihood ratios: measured cases, dense twins, laws, infinite ends, refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import shapefiles
import spatial as sp
import weights as wt
from spatial.effects.infer import AverageEffects
from spatial.effects.likelihood import ratios_of
from spatial.effects.propagate import Averages, selectors
from spillover.errors import SpatialInputError

from ...laws.cases import links, response
from ..models.test_estimators import PANEL, panel_data
from .test_distribution import COLUMBUS


@pytest.fixture(scope="module")
def columbus():
    return shapefiles.load("columbus")


@pytest.fixture(scope="module")
def contiguity(columbus):
    return wt.queen(columbus).standardize("row")


@pytest.mark.parametrize(("model", "rho", "low", "high", "p"), [
    ("sar", 0.464375, -3.2994, -0.7258, 0.00423), ("sdm", 0.505683, -5.0720, -0.1114, 0.0443),
])  # fmt: skip
def test_modified_likelihood_of_a_lag_is_near_the_adjusted_one(columbus, contiguity, model, rho, low, high, p):
    """Measured with Martellosio and Hillier's likelihood, whose slope at the estimate is the same, and chi2(1): rho
    where it is largest, and the total effect of INC."""
    fit = getattr(sp, model)(COLUMBUS, columbus, contiguity)
    ratios, source = ratios_of(fit), AverageEffects(fit, Averages(fit))
    modified = replace(ratios.surfaces[1], factor=1.0)
    effects = ratios.effects(source, selectors(fit, ("INC",))[:, :, : fit._sample.k])
    assert modified.value(modified.best[0][0]) == pytest.approx(rho, abs=0.002)
    ends = [end[2] for end in modified.interval(effects, stats.chi2.isf(0.05, 1))]
    assert ends == pytest.approx([low, high], abs=0.01 * (high - low))
    assert stats.chi2.sf(modified.combinations_at_zero(effects, -np.ones(3))[2], 1) == pytest.approx(p, rel=0.05)


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
    assert "ratios of the profile and the modified profile likelihood" in text
    assert "note: infinite ends" in text
    assert " inf" in text or "-inf" in text


def test_refusals_and_advice(columbus, contiguity, panel, queen):
    keys = {"entity": "state", "time": "year"}
    for fit in (sp.slx(COLUMBUS, columbus, contiguity), sp.sem(COLUMBUS, columbus, contiguity, method="gmm"),
                sp.sar(COLUMBUS, columbus, contiguity, method="gmm"),
                sp.sar(COLUMBUS, columbus, contiguity, vcov="robust")):  # fmt: skip
        with pytest.raises(SpatialInputError) as caught:
            fit.effects(method="likelihood")
        assert caught.value.code == "E501"
        with pytest.raises(SpatialInputError, match="method='likelihood' is not there"):
            fit.conf_int(method="likelihood")
        assert "method='likelihood'" not in str(fit.effects())
    dynamic = sp.sdm("log(gsp) ~ unemp", panel, queen, lags="y", **keys)
    with pytest.raises(SpatialInputError, match="static"):
        _ = dynamic.effects(method="likelihood").long_run
    small, large = sp.sar(COLUMBUS, columbus, contiguity), sp.sar("log(gsp) ~ unemp", panel, queen, **keys)
    assert "n - k = 46: indirect and total effects are skewed" in str(small.effects(method="quadrature"))
    assert "method='likelihood'" not in str(small.effects()).partition("95 % intervals")[2]
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
@pytest.mark.parametrize("model", ["sar", "sem", "sdm", "sdem", "sac", "gns"])
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
            whole, ends = whole[whole["p_value"].notna()], ends[whole["p_value"].notna().to_numpy()]
            clear = abs(whole["p_value"] - (1 - level)) > 2e-3
            zero = (ends["conf_low"] < 0) & (ends["conf_high"] > 0)
            assert ((whole["p_value"] > 1 - level) == zero)[clear].all(), (level, whole, ends)


def many_rows(model):
    rng = np.random.default_rng(1)
    W = links(rng, 200, "row", 0)
    X = rng.standard_normal((200, 1))
    return getattr(sp, model)("y ~ a", pd.DataFrame({"a": X[:, 0], "y": response(rng, W, X)}), W)


def test_likelihood_is_the_default_of_small_samples_alone(columbus, contiguity):
    """Few rows, and a covariance that is the likelihood's."""
    for model in ("sar", "sem", "sdm", "sdem", "sac"):
        small = getattr(sp, model)(COLUMBUS, columbus, contiguity)
        assert "modified profile likelihood" in small.summary()
        assert small.effects().options.method == "likelihood"
    panel, W = panel_data(5, N=20, T=5)
    for other in (small.with_vcov("robust"), sp.sar("y ~ a + b", panel, W, **PANEL), many_rows("sar"), many_rows("sem"),
                  sp.sar(COLUMBUS, columbus, contiguity, correction=False),
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
@pytest.mark.parametrize("model", ["sar", "sdm", "sem", "sdem", "sac", "gns"])
def test_the_letter_of_a_statistic_is_that_of_its_p(columbus, contiguity, model, method):
    """t and p belong to t(n - p)."""
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


# -- one of the two --------------------------------------------------------------------------------------------------


def dense_curve(fit, W, modified):
    """l(rho) or l(lambda), and l less the cost of c(rho)'beta being t, by the explicit matrices of ``dense_joint``."""
    l, cost, _ = dense_joint(fit, W, modified)
    if fit.specification.lag:
        return lambda x: l(x, 0.0), lambda x, coefficients, t: cost(x, 0.0, coefficients, t)
    return lambda x: l(0.0, x), lambda x, coefficients, t: cost(0.0, x, coefficients, t)


def largest_on(f, ends, points=600):
    """Over an interval: a grid, and a search beside its highest points."""
    low, high = ends
    at = low + (high - low) * (np.sin(np.linspace(-np.pi / 2, np.pi / 2, points)[1:-1]) + 1) / 2
    values = np.array([f(x) for x in at])
    top = []
    for i in np.argsort(-values)[:3]:
        between = at[max(i - 1, 0)], at[min(i + 1, len(at) - 1)]
        best = optimize.minimize_scalar(lambda x: -f(x), bounds=between, method="bounded", options={"xatol": 1e-10})
        top.append(max(-best.fun, values[i]))
    return max(top)


@pytest.mark.parametrize("method", ["ml", "reml"])
@pytest.mark.parametrize("kind", ["row", "binary", "asymmetric"])
@pytest.mark.parametrize("model", ["sar", "sdm", "sem", "sdem"])
def test_curves_against_a_dense_search(model, kind, method):
    """At every end the lesser of the two ratios is the critical value; after restricted likelihood that of the modified
    one is. p is that of the ratio at zero."""
    rng = np.random.default_rng(11)
    n = 26
    W = links(rng, n, kind, 0)
    X = rng.standard_normal((n, 2))
    data = pd.DataFrame(X, columns=["a", "b"]).assign(y=response(rng, W, X))
    fit = getattr(sp, model)("y ~ a + b", data, W, method=method)
    k, bound = len(fit.params) - 1, stats.t.isf(0.025, fit.df_resid) ** 2
    w = np.linalg.eigvals(W)
    w = w[abs(w.imag) < 1e-9].real
    limits = 1 / w.min() + 1e-6, 1 / w.max() - 1e-6
    twins = [dense_curve(fit, W, modified) for modified in ((False, True) if method == "ml" else (True,))]
    factors = (fit.df_resid / n, fit.df_resid / (n - k)) if method == "ml" else (1.0,)
    tops = [largest_on(l, limits) for l, _ in twins]

    def ratio(least):
        return min(2 * (top - least(l, cost)) * factor for top, (l, cost), factor in zip(tops, twins, factors))

    table = fit.tidy().set_index("term")
    (name,) = {"rho", "lambda"} & set(table.index)
    for end in table.loc[name, ["conf_low", "conf_high"]]:
        if limits[0] + 1e-3 < end < limits[1] - 1e-3:
            assert ratio(lambda l, _, end=end: l(end)) == pytest.approx(bound, rel=1e-3)
    effects = fit.effects(level=0.95).tidy().set_index(["effect", "term"])
    names = list(fit.params.index)
    place = names.index("a")
    lagged = names.index("W:a") - place if fit.specification.durbin else 0
    combinations = {kind: (coefficients_of(kind, place, lagged, n, k, W), effects.loc[(kind, "a")])
                    for kind in ("direct", "indirect", "total")}  # fmt: skip
    combinations["a"] = lambda rho: np.eye(k)[place], table.loc["a"]
    checked = 0
    for what, (coefficients, numbers) in combinations.items():
        if fit.specification.error and not lagged and what == "indirect":
            assert np.isnan(numbers["p_value"])
            continue
        at_0 = coefficients(0.0)
        of_rho = coefficients if fit.specification.lag else lambda _, c=at_0: c
        for end in numbers[["conf_low", "conf_high"]].astype(float):
            if np.isfinite(end):
                least = ratio(lambda l, cost, end=end, c=of_rho: largest_on(lambda x: cost(x, c, end), limits))
                assert least == pytest.approx(bound, rel=3e-3), (what, end)
                checked += 1
    assert checked >= 2
    zero = ratio(lambda l, cost: largest_on(lambda x: cost(x, lambda _: np.eye(k)[place], 0.0), limits))
    assert table.loc["a", "p_value"] == pytest.approx(2 * stats.t.sf(np.sqrt(zero), fit.df_resid), rel=5e-3)


@pytest.mark.parametrize("model", ["sar", "sem", "sdm", "sdem"])
def test_units_of_y_and_a_constant_change_nothing(model):
    """y times c plus d: rho's and lambda's intervals stay, those of slopes are multiplied, t and p stay."""
    rng = np.random.default_rng(3)
    W = links(rng, 30, "row", 0)
    X = rng.standard_normal((30, 2))
    data = pd.DataFrame(X, columns=["a", "b"]).assign(y=response(rng, W, X))
    one, other = (getattr(sp, model)("y ~ a + b", data.assign(y=c * data["y"] + d), W) for c, d in ((1, 0), (250, -40)))
    x, z = (fit.tidy().set_index("term").drop("Intercept") for fit in (one, other))
    spatial = ["rho" if one.specification.lag else "lambda"]
    np.testing.assert_allclose(x[["statistic", "p_value"]], z[["statistic", "p_value"]], rtol=2e-4, atol=1e-6)
    ends = ["conf_low", "conf_high"]
    np.testing.assert_allclose(x.loc[spatial, ends], z.loc[spatial, ends], atol=1e-5)
    np.testing.assert_allclose(250 * x.drop(spatial)[ends], z.drop(spatial)[ends], rtol=1e-3, atol=1e-3)
    e, f = (fit.effects().tidy() for fit in (one, other))
    np.testing.assert_allclose(250 * e[ends], f[ends], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("model", ["sar", "sem"])
def test_one_parameter_by_likelihood_in_panels(model):
    """On request: with unit effects the ratio is that of the T - 1 transformed periods."""
    data, W = panel_data(3, N=20, T=4)
    fit = getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects="entity")
    name = fit.params.index[-1]
    low, high = fit.conf_int(method="likelihood").loc[name]
    F = np.linalg.svd(np.eye(4) - 0.25)[0][:, :3]
    y = (F.T @ fit._sample.y.reshape(4, 20)).ravel()
    X = np.einsum("ts,tnk->snk", F, fit._sample.X.reshape(4, 20, -1)).reshape(60, -1)
    big, eye = np.kron(np.eye(3), W.to_numpy()), np.eye(60)

    def profile(x):
        A = eye - x * big
        left, Z = A @ y, X if model == "sar" else A @ X
        q = np.sum((left - Z @ np.linalg.lstsq(Z, left, rcond=None)[0]) ** 2)
        return np.linalg.slogdet(A)[1] - 30 * np.log(q)

    top, bound = largest_on(profile, (-0.99, 0.99), 200), stats.t.isf(0.025, fit.df_resid) ** 2
    ratios = [2 * (top - profile(end)) * fit.df_resid / 60 for end in (low, high)]
    assert min(ratios) == pytest.approx(bound, rel=1e-3)  # one end is the profile likelihood's
    assert max(ratios) >= bound * (1 - 1e-3)
    wald = fit.conf_int()
    pd.testing.assert_frame_equal(wald, fit.conf_int(method="wald"))


def test_an_end_that_w_does_not_set():
    """W without cycles has no eigenvalue: lambda is bounded by the likelihood alone, and a lag has Wald intervals."""
    rng = np.random.default_rng(2)
    n = 40
    W = np.zeros((n, n))
    for i in range(1, n):
        W[i, rng.integers(0, i, 2)] = 0.5
    X = rng.standard_normal((n, 2))
    data = pd.DataFrame(X, columns=["a", "b"]).assign(y=1 + X @ [1.0, 0.5] + rng.standard_normal(n))
    fit = sp.sem("y ~ a + b", data, W)
    twins = [dense_curve(fit, W, modified)[0] for modified in (False, True)]
    tops = [largest_on(l, (-3, 3)) for l in twins]
    for end in fit.conf_int().loc["lambda"]:
        least = min(2 * (top - l(end)) * (n - 4) / nu for top, l, nu in zip(tops, twins, (n, n - 3)))
        assert least == pytest.approx(stats.t.isf(0.025, n - 4) ** 2, rel=1e-2)
    lag = sp.sar("y ~ a + b", data, W)
    pd.testing.assert_frame_equal(lag.conf_int(), lag.conf_int(method="wald"))
    with pytest.raises(SpatialInputError, match="no ends"):
        lag.effects(method="likelihood")
