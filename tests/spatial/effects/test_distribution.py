"""The exact distribution of effects: measured cases, dense twins, and the law that p and interval agree."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse, stats

import shapefiles
import spatial as sp
import weights as wt
from spatial.covariance.information import covariance, observed
from spatial.effects import linear, propagate
from spatial.effects.mixture import STEP, Mixture, Pooled, interval, settled, summarize
from spatial.effects.nodes import given_lattice, given_spatial
from spatial.effects.propagate import Averages
from spatial.effects.t_distribution import t_cdf
from spatial.logdet import logdet
from spatial.solve.ml import Solution
from spillover.errors import SpatialInputError

from ..models.test_estimators import COMMON, PANEL, cross_section, panel_data
from . import naive

COLUMBUS = "CRIME ~ INC + HOVAL"
ENDS = ["conf_low", "conf_high", "p_value", "std_error"]


@pytest.fixture(scope="module")
def columbus():
    return shapefiles.load("columbus")


@pytest.fixture(scope="module")
def contiguity(columbus):
    return wt.queen(columbus).standardize("row")


def normal(fit):
    """The fit with the inverse information and normal statistics, whatever is corrected for by default."""
    V = covariance(observed(fit._sample, fit._solution), fit.params.index)
    return replace(fit, _covariance=V, df_resid=None)


def with_df(fit, df):
    return replace(fit, df_resid=df)


def row(effects, term, effect):
    return effects.tidy().set_index(["term", "effect"]).loc[(term, effect)]


# -- measured cases --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "term", "effect", "want"), [
    ("sar", "INC", "total", (-3.04967, -0.82034, 0.00150, 0.56872)),
    ("sar", "HOVAL", "indirect", (-0.55261, -0.03690, 0.00347, None)),
    ("sdm", "INC", "indirect", (-3.16924, 0.05622, 0.05676, None)),
    ("sdm", "INC", "total", (None, None, 0.01303, None)),
    ("gns", "INC", "total", (-7.0719, -0.51629, 0.03209, 1.67238)),
    ("sac", "INC", "indirect", (None, None, 0.04123, None)),
])  # fmt: skip
def test_measured_cases(columbus, contiguity, model, term, effect, want):
    """From a prototype with its own code: to its printed digits, of sac to 1e-4 of the width."""
    fit = normal(getattr(sp, model)(COLUMBUS, columbus, contiguity))
    got = row(fit.effects(), term, effect)
    for name, value in zip(ENDS, want):
        if value is not None:
            assert got[name] == pytest.approx(value, abs=2e-5), name


def test_measured_difference_of_groups(columbus, contiguity):
    fit = normal(sp.sdm("CRIME ~ INC + INC:CP", columbus, contiguity))
    table = sp.effects_by(fit, "INC", at={"CP": [0, 1]}).differences().set_index(["effect", "term"])
    got = table.loc[("total", "CP = 1 - CP = 0")]
    assert [got["conf_low"], got["conf_high"], got["p_value"]] == pytest.approx([0.19652, 2.52473, 0.02520], abs=2e-5)
    test = sp.effects_by(fit, "INC", at={"CP": [0, 1]}).test("total")
    assert test.p_value == pytest.approx(got["p_value"], rel=1e-9)


def test_measured_long_run(panel, queen):
    """Stored with the covariance of the maximum, without what the bias correction adds to it."""
    fit = sp.sdm("log(gsp) ~ log(emp) + unemp", panel, queen, entity="state", time="year", lags="both")
    maximum = Solution(**{part.name: getattr(fit._solution, part.name) for part in fields(Solution)})
    fit = replace(fit, _solution=maximum).with_vcov("oim")
    effects = with_df(fit, None).effects().long_run
    indirect, total = row(effects, "log(emp)", "indirect"), row(effects, "log(emp)", "total")
    assert [*indirect[ENDS[:3]]] == pytest.approx([-5.8237, -0.1069, 0.01186], abs=2e-4)
    assert [*total[ENDS[:3]]] == pytest.approx([-5.2693, 0.7887, 0.6611], abs=2e-4)


# -- slow twins ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "islands"), [("sar", 0), ("sdm", 0), ("sdm", 1), ("sac", 0)])
def test_quantiles_and_p_are_those_of_scipys_quadrature(model, islands):
    """Rows that sum to one or not, a symmetric W or not: dense inverses at every rho, to 1e-5 of the width."""
    data, W = cross_section(5, n=40, islands=islands)
    W = W if model != "sdm" else W * np.linspace(0.6, 1.1, 40)[:, None]
    fit = normal(getattr(sp, model)("y ~ a + b", data, W))
    table = fit.effects(level=0.9).tidy().set_index(["term", "effect"])
    for kind, effect in enumerate(("direct", "indirect", "total")):
        got = table.loc[("a", effect)]
        F = naive.distribution(fit, W.to_numpy(), "a", kind)
        width = got["conf_high"] - got["conf_low"]
        for name, share in (("conf_low", 0.05), ("conf_high", 0.95)):
            want = naive.quantile(F, share, got[name] - width, got[name] + width)
            assert got[name] == pytest.approx(want, abs=1e-5 * width), (effect, name)
        assert got["p_value"] == pytest.approx(2 * min(F(0.0), 1 - F(0.0)), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("df", [None, 8, 44])
def test_distribution_is_that_of_many_draws(columbus, contiguity, df):
    """Half a million draws of the normal or t parameters: the distribution function within four of its errors,
    .0028 at most, at thirteen points and for all effects."""
    fit = with_df(sp.gns(COLUMBUS, columbus, contiguity), df)
    law = fit.effects(method="quadrature").inferred.law.mixture
    drawn = naive.draws(fit, contiguity.csr.toarray(), "INC", 500_000, df=df)
    at = 2 * np.arange(3)  # INC of each kind
    for share in np.linspace(0.01, 0.99, 13):
        points = np.quantile(drawn, share, axis=0)
        below, above = law.part(at).tails(points)
        error = np.sqrt(share * (1 - share) / len(drawn))
        np.testing.assert_allclose(below, share, atol=4 * error)
        np.testing.assert_allclose(below + above, 1, rtol=1e-12)


@pytest.mark.parametrize("df", [None, 12])
def test_long_run_is_that_of_many_draws(panel, queen, df):
    fit = with_df(sp.sdm("log(gsp) ~ log(emp) + unemp", panel, queen, entity="state", time="year", lags="both",
                         effects="entity"), df)  # fmt: skip
    exact, drawn = (fit.effects(method=m, draws=200_000).long_run for m in ("quadrature", "simulate"))
    width = exact.conf_high - exact.conf_low
    # a quantile of so many draws has an error of about .3 % of the width; 3 of 12 cannot be beyond 1 %
    assert np.abs((exact.conf_low - drawn.conf_low) / width).max() < 0.01
    assert np.abs((exact.conf_high - drawn.conf_high) / width).max() < 0.01


def test_paths_are_those_of_many_draws(panel, queen):
    fit = sp.sdm("log(gsp) ~ log(emp)", panel, queen, entity="state", time="year", lags="both", effects="entity")
    exact, drawn = (fit.effects(method=m, draws=100_000).path(6) for m in ("quadrature", "simulate"))
    width = exact["conf_high"] - exact["conf_low"]
    for name in ("conf_low", "conf_high"):
        assert ((exact[name] - drawn[name]) / width).abs().max() < 0.015  # the lattice's .6 %, and the draws' error
    np.testing.assert_allclose(exact["estimate"], drawn["estimate"])


def test_more_nodes_change_nothing():
    """A rho that is estimated badly and coefficients that are estimated well: with 48 nodes F has steps."""
    p, R = 3, np.array([[0.0, 0.0, 1.0]])
    V = np.diag([1e-4, 1e-4, 0.05])

    def built(size):
        nodes = given_spatial(np.array([1.0, 0.5, 0.3]), V, R, None, [size], (-1.4, 1.0), splits=[0.0])
        rho = nodes.points[:, 0]
        curves = np.stack([1 / (1 - rho), 1 / (1 - rho)], axis=1)[:, :, None]
        return nodes.linear(curves, np.eye(p)[:2, None])

    laws = [built(size) for size in (48, 2_000, 8_000)]
    assert laws[0].coarseness(np.array([[2.0]])) > STEP
    assert laws[1].coarseness(np.array([[2.0]])) < STEP
    np.testing.assert_allclose(interval(laws[1], 0.95), interval(laws[2], 0.95), rtol=1e-7)
    law, result = settled(lambda size: built(size), np.array([2.0]), 0.95, 48, 3_000)
    assert 48 < len(law.weights) < 2_000
    np.testing.assert_allclose([result.low, result.high], interval(laws[2], 0.95), rtol=1e-5)


def test_lattice_and_tensor_agree():
    rng = np.random.default_rng(2)
    V = np.cov(rng.standard_normal((5, 60))) * np.outer(*[[0.3, 0.3, 0.1, 0.04, 0.05]] * 2)
    params, R = np.array([1.0, 0.4, 0.3, 0.5, -0.1]), np.eye(5)[2:]

    def law(nodes):
        rho, tau, eta = nodes.points.T
        curves = np.stack([1 / (1.5 - rho - tau), (1 + eta) / (1.5 - rho)], axis=1)[:, :, None]
        return nodes.linear(curves, np.eye(5)[:2, None])

    for df in (None, 9):
        tensor = law(given_spatial(params, V, R, df, [40, 40, 40], (-1, 1)))
        lattice = law(given_lattice(params, V, R, df, (-1, 1)))
        np.testing.assert_allclose(interval(lattice, 0.9), interval(tensor, 0.9), rtol=5e-3)


@pytest.mark.parametrize("df", [3.0, 5.0, 12.0, 44.0, 800.0])
def test_fast_t_distribution(df):
    x = np.concatenate([np.linspace(-30, 30, 2_001), [0.0, np.inf, -np.inf]])
    np.testing.assert_allclose(t_cdf(x, df), stats.t.cdf(x, df), atol=2e-12)
    inside = np.abs(stats.t.ppf(1e-15, df)) > np.abs(x)
    np.testing.assert_allclose(t_cdf(x[inside], df), stats.t.cdf(x[inside], df), rtol=1e-7)


def test_mixtures_of_mixtures(columbus):
    """Effects averaged over W: their distribution function is the average, their quantiles its inverse."""
    near = wt.knn(columbus, 4, metric="planar").standardize("row")
    ws = {"queen": wt.queen(columbus).standardize("row"), "knn": near}
    result = sp.compare_weights(ws, model=sp.sar, formula=COLUMBUS, data=columbus)
    averaged = result.averaged()
    p = result.probabilities.to_numpy()
    laws = [result.effects[key].inferred.law.mixture for key in result.probabilities.index]
    for end, share in ((averaged.conf_low, 0.025), (averaged.conf_high, 0.975)):
        below = sum(weight * law.tails(end.ravel())[0] for weight, law in zip(p, laws))
        np.testing.assert_allclose(below, share, rtol=1e-6)
    one = summarize(Pooled((laws[0],), np.ones(1)), np.zeros(6), 0.95)
    np.testing.assert_allclose(one.low, interval(laws[0], 0.95)[0], rtol=1e-9)


# -- laws ------------------------------------------------------------------------------------------------------------


def agrees(table, level):
    """p <= 1 - level exactly where the interval excludes zero; the statistic has its sign and its p."""
    table = table.dropna(subset="p_value")
    excludes = (table["conf_low"] > 0) | (table["conf_high"] < 0)
    clear = np.abs(table["p_value"] / (1 - level) - 1) > 1e-6  # neither answer is wrong at equality
    assert (excludes == (table["p_value"] <= 1 - level))[clear].all(), table
    assert (np.sign(table["statistic"])[excludes] == np.sign(table["conf_low"] + table["conf_high"])[excludes]).all()
    assert (table["conf_low"] <= table["conf_high"]).all()
    return table


@COMMON
@given(seed=st.integers(0, 10_000), model=st.sampled_from(["sar", "sdm", "sac", "gns", "slx", "sdem"]),
       level=st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999]), df=st.sampled_from([None, 5, 30]),
       method=st.sampled_from(["quadrature", "simulate", "delta"]))  # fmt: skip
def test_p_and_interval_never_disagree(seed, model, level, df, method):
    data, W = cross_section(seed, n=30)
    fit = with_df(getattr(sp, model)("y ~ a + b", data, W), df)
    table = fit.effects(method=method, level=level, draws=2_500).tidy()
    agrees(table, level)
    dist = stats.norm if df is None else stats.t(df)
    shown = table.dropna(subset="p_value").query("p_value > 1e-200")
    np.testing.assert_allclose(2 * dist.sf(np.abs(shown["statistic"])), shown["p_value"], rtol=1e-6, atol=1e-12)


@COMMON
@given(seed=st.integers(0, 10_000), model=st.sampled_from(["sar", "sdm"]), level=st.sampled_from([0.8, 0.95, 0.99]))
def test_likelihood_agrees_with_itself(seed, model, level):
    data, W = cross_section(seed, n=30)
    fit = getattr(sp, model)("y ~ a + b", data, W)
    table = agrees(fit.effects(method="likelihood", level=level).tidy(), level)
    law = stats.t(fit.df_resid)
    np.testing.assert_allclose(2 * law.sf(np.abs(table["statistic"])), table["p_value"], rtol=1e-6)


def test_everything_that_is_made_of_effects_agrees_too(panel, queen, columbus, contiguity):
    keys = {"entity": "state", "time": "year"}
    moved = panel.assign(m=panel["year"] - 1978.0)
    fit = sp.sdm("log(gsp) ~ log(pc) + unemp + unemp:m", moved, queen, **keys)
    static = sp.sdm("log(gsp) ~ log(pc) + unemp", panel, queen, **keys)
    dynamic = sp.sdm("log(gsp) ~ log(emp)", panel, queen, lags="both", **keys)
    ws = {"queen": contiguity, "knn": wt.knn(columbus, 5, metric="planar").standardize("row")}
    compared = sp.compare_weights(ws, model=[sp.sar, sp.sdm], formula=COLUMBUS, data=columbus)
    for level in (0.9, 0.99):
        by = sp.effects_by(fit, "unemp", at={"m": [-5, 0, 5]}, level=level)
        what_if = sp.what_if(static, "unemp", change=1, units=["IL", "TX"], level=level)
        effects = static.effects(level=level)
        for table in (by.tidy(), by.differences(), what_if.tidy(), what_if.table,
                      effects.elasticity().tidy(), effects.semi_elasticity().tidy(), effects.tidy(),
                      dynamic.effects(level=level).tidy(), dynamic.effects(level=level).path(4),
                      compared.averaged(level=level).tidy()):  # fmt: skip
            agrees(table, level)


def test_without_a_lag_effects_are_coefficients(columbus, contiguity):
    """Direct and indirect effects of SLX: estimate, standard error, t and p to the last digits, any level."""
    fit = sp.slx(COLUMBUS, columbus, contiguity)
    assert fit.df_resid == 44
    table, own = fit.effects(level=0.9).tidy().set_index(["effect", "term"]), fit.tidy().set_index("term")
    for effect, prefix in (("direct", ""), ("indirect", "W:")):
        for term in ("INC", "HOVAL"):
            names = ["estimate", "std_error", "statistic", "p_value"]
            np.testing.assert_allclose(table.loc[(effect, term), names], own.loc[prefix + term, names], rtol=1e-9)
    ends = fit.conf_int(0.9).loc["INC"]
    np.testing.assert_allclose(table.loc[("direct", "INC"), ["conf_low", "conf_high"]], ends, rtol=1e-9)
    none = sp.sem(COLUMBUS, columbus, contiguity).effects().tidy().query("effect == 'indirect'")
    assert (none["estimate"] == 0).all()
    assert none["p_value"].isna().all()
    assert (none[["std_error", "conf_low", "conf_high"]] == 0).all(axis=None)


@COMMON
@given(seed=st.integers(0, 1_000), scale=st.sampled_from([1e-5, 37.0, 1e6]))
def test_units_and_labels_change_nothing(seed, scale):
    data, W = cross_section(seed, n=30)
    one = sp.sdm("y ~ a + b", data, W).effects()
    order = np.random.default_rng(seed).permutation(W.index)
    other = sp.sdm("y ~ a + b", data.assign(y=scale * data["y"]).loc[order], W.loc[order, order]).effects()
    np.testing.assert_allclose(other.conf_low / scale, one.conf_low, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(other.tidy()["p_value"], one.tidy()["p_value"], rtol=1e-5, atol=1e-12)


def test_seed_and_draws_are_of_simulation_alone(columbus, contiguity):
    fit = sp.sdm(COLUMBUS, columbus, contiguity)
    pd.testing.assert_frame_equal(fit.effects(seed=1).tidy(), fit.effects(seed=2, draws=50).tidy())
    a, b = (fit.effects(method="simulate", seed=seed).tidy() for seed in (1, 2))
    assert not a.equals(b)
    with pytest.raises(SpatialInputError) as caught:
        fit.effects(method="simulate", draws=150, level=0.99)
    assert caught.value.code == "E501"
    agrees(fit.effects(method="simulate", draws=199, level=0.99).tidy(), 0.99)
    with pytest.raises(SpatialInputError) as caught:
        fit.effects(method="bayes")
    assert caught.value.code == "E501"


# -- faults of interpolation -----------------------------------------------------------------------------------------


def test_what_if_everywhere_is_the_total_effect(columbus, contiguity):
    """rho near the end of its interval, whose pole an interpolation must not cross: SAR, SDM, GNS, any W."""
    spectral = wt.queen(columbus).standardize("spectral")
    for w, model in ((contiguity, "gns"), (contiguity, "sac"), (spectral, "gns"), (spectral, "sdm")):
        fit = normal(getattr(sp, model)(COLUMBUS, columbus, w))
        total = row(fit.effects(), "INC", "total")
        everyone = sp.what_if(fit, "INC", change=1.0)
        groups = pd.Series(np.arange(49) % 2, columbus.index)
        got = everyone.by_group(groups).loc["all"]
        names = ["estimate", *ENDS, "statistic"]
        np.testing.assert_allclose(got[names].astype(float), total[names].astype(float), rtol=2e-4)
    fit = normal(sp.gns(COLUMBUS, columbus, contiguity))
    got = sp.what_if(fit, "INC", change=1.0).by_group(groups).loc["all"]
    assert [got["conf_low"], got["conf_high"]] == pytest.approx([-7.0719, -0.51629], abs=1e-4)


@pytest.mark.parametrize("how", ["spectral", "none"])
def test_average_row_sums_near_the_poles(columbus, how):
    """1'A^-1 1 / N over nearly the whole interval of rho, against dense inverses."""
    w = wt.queen(columbus).standardize(how) if how != "none" else wt.queen(columbus)
    averages = Averages(sp.sdm(COLUMBUS, columbus, w))
    W, (low, high) = w.csr.toarray(), naive.ends(w.csr.toarray())
    rho = low + (high - low) * np.array([0.02, 0.2, 0.5, 0.7, 0.9, 0.97, 0.999])
    a, b = averages.over(low + 1e-6, high - 1e-6)(rho)
    for r, a_r, b_r in zip(rho, a.T, b.T):
        want = naive.coefficients(W, r)
        np.testing.assert_allclose(b_r, want[2], rtol=1e-5)
        np.testing.assert_allclose(a_r, want[0], rtol=1e-8)


@pytest.mark.parametrize(("symmetric", "rho"), [(True, 0.5), (True, 0.9), (False, 0.5)])
def test_effects_reuse_the_factorisations_of_the_fit(monkeypatch, symmetric, rho):
    """Beyond the window of the search a polynomial goes on: as exact as with all eigenvalues, to the two millionths of
    a standard error that the window itself is settled to, and to far less in what the tails add."""
    rng = np.random.default_rng(4)
    w = wt.knn(rng.uniform(size=(2_500, 2)), k=6, metric="planar").standardize("row")
    if symmetric:
        w = wt.from_sparse((w.csr + w.csr.T > 0).astype(float), ids=w.ids).standardize("row")
    x, e = rng.standard_normal((2, w.n))
    y = sparse.linalg.spsolve(sparse.csc_array(sparse.eye_array(w.n) - rho * w.csr), x + 0.5 * (w.csr @ x) + e)
    fit = sp.sdm("y ~ x", pd.DataFrame({"y": y, "x": x}, index=w.ids), w)
    windows = propagate.determinant(fit)
    before = windows.factorisations
    effects = fit.effects()
    assert windows.factorisations == before
    eigenvalues = logdet(w, "eigen")
    for room in (propagate, linear):
        monkeypatch.setattr(room, "determinant", lambda fit: eigenvalues)
    exact = fit.effects()
    for name in ("estimates", "conf_low", "conf_high", "std_errors"):
        gap = (getattr(effects, name) - getattr(exact, name)) / exact.std_errors
        assert np.abs(gap).max() < 2e-6, name
    tails = effects.conf_high - effects.estimates - (exact.conf_high - exact.estimates)
    assert np.abs(tails / exact.std_errors).max() < 1e-7
    p, p_exact = effects.tidy()["p_value"], exact.tidy()["p_value"]
    np.testing.assert_allclose(p[p_exact > 1e-12], p_exact[p_exact > 1e-12], rtol=1e-4)


# -- ends and refusals -----------------------------------------------------------------------------------------------


def test_without_standard_errors(columbus, contiguity):
    fit = sp.sar(COLUMBUS, columbus, contiguity)
    blank = replace(fit, _covariance=fit.vcov.to_numpy() * np.nan)
    table = blank.effects().tidy()
    np.testing.assert_allclose(table["estimate"], fit.effects().tidy()["estimate"])
    assert table[["std_error", "p_value", "conf_low"]].isna().all(axis=None)
    assert sp.what_if(blank, "INC", change=1).table["p_value"].isna().all()
    assert sp.effects_by(blank, "INC", at=None, by=pd.Series(np.arange(49) % 2, columbus.index)).tidy()[
        "p_value"].isna().all()  # fmt: skip


def test_most_of_rho_outside(columbus, contiguity):
    fit = sp.sar(COLUMBUS, columbus, contiguity)
    V = fit.vcov.copy()
    V.loc["rho", "rho"] = 25.0
    with pytest.raises(SpatialInputError) as caught:
        replace(fit, _covariance=V.to_numpy()).effects(method="quadrature")
    assert caught.value.code == "E701"


def test_panels_with_w_by_period_and_second_order_lags():
    data, W = panel_data(6, N=25, T=3)
    w = wt.temporal({t: wt.from_dense(W.to_numpy() * k, ids=W.index) for t, k in ((2000, 1), (2001, 0.8), (2002, 0.9))})
    fit = sp.sdm("y ~ a + b", data, w, **PANEL, effects="entity")
    agrees(fit.effects().by_period(), 0.95)
    exact, drawn = fit.effects(), fit.effects(method="simulate", draws=400_000)
    np.testing.assert_allclose(exact.std_errors, drawn.std_errors, rtol=0.03)
    two = sp.sdm("y ~ a + b", data, W, **PANEL, wx_order=2)
    exact, drawn = two.effects(), two.effects(method="simulate", draws=400_000)
    np.testing.assert_allclose(exact.std_errors, drawn.std_errors, rtol=0.03)


def test_constant_mixture_is_no_test():
    law = Mixture(np.ones(1), np.zeros((1, 2)), np.array([[0.0, 1.0]]))
    result = summarize(law, np.zeros(2), 0.95)
    assert np.isnan(result.p_value[0])
    assert result.p_value[1] == 1
