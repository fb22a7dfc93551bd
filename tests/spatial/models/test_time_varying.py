"""One W per period: against dense twins, the stacked cross-section and the constant W."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.logdet import projected_logdet
from spillover.matrix import TemporalWeights, as_weights

from .. import naive
from .test_estimators import PANEL, random_weights

YEARS = range(2000, 2005)
MODELS = ["ols", "slx", "sar", "sdm", "sem", "sdem", "sac", "gns"]


def moving_weights(rng, N, periods=YEARS, **kind):
    """Other links in every period."""
    ids = [f"{i:02d}" for i in range(N)]
    return wt.temporal({t: wt.from_dense(random_weights(rng, N, **kind), ids=ids) for t in periods})


def moving_panel(seed, N=14, rho=0.4, unit_effects=1.0, **kind):
    rng = np.random.default_rng(seed)
    w = moving_weights(rng, N, **kind)
    a, b, e = rng.standard_normal((3, len(YEARS), N))
    c, m = unit_effects * rng.standard_normal(N), rng.standard_normal(len(YEARS))
    y = [np.linalg.solve(np.eye(N) - rho * w[t].csr, 2 * a[k] - b[k] + 0.5 * w[t].csr @ a[k] + c + m[k] + e[k])
         for k, t in enumerate(YEARS)]  # fmt: skip
    index = pd.MultiIndex.from_product([YEARS, w.ids], names=["t", "id"])
    frame = pd.DataFrame({"y": np.ravel(y), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    return frame, w


def nudged(w, times=YEARS):
    """The same W in all periods but for rounding, so that it counts as one that varies."""
    move = {t: wt.from_dense(w * (1 + 1e-14 * k), ids=list(w.index)) for k, t in enumerate(times)}
    return wt.temporal(move)


# -- laws ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", MODELS)
def test_copies_of_one_matrix_are_that_matrix(model, effects):
    data, w = moving_panel(1)
    one = pd.DataFrame(w[2002].csr.toarray(), index=w.ids, columns=w.ids)
    fit = getattr(sp, model)
    a = fit("y ~ a + b", data, one, **PANEL, effects=effects)
    same = fit("y ~ a + b", data, wt.temporal(dict.fromkeys(range(1990, 2010), w[2002])), **PANEL, effects=effects)
    assert not same._design.varies
    np.testing.assert_array_equal(a.params, same.params)
    b = fit("y ~ a + b", data, nudged(one), **PANEL, effects=effects)
    assert b._design.varies
    np.testing.assert_allclose(b.params, a.params, atol=1e-8)
    both = model in ("sac", "gns")  # by the mean of rho's score, the slope of which is a difference
    np.testing.assert_allclose(b.vcov, a.vcov, atol=1e-8, rtol=1e-4 if both else 1e-7)
    assert b.loglik == pytest.approx(a.loglik, abs=1e-6 if both else 1e-8)
    mine, theirs = (x.effects(method="delta") for x in (b, a))
    np.testing.assert_allclose(mine.estimates, theirs.estimates, atol=1e-8)
    np.testing.assert_allclose(mine.std_errors, theirs.std_errors, atol=1e-8, rtol=1e-4 if both else 1e-7)


@pytest.mark.parametrize("model", MODELS)
def test_the_stacked_cross_section_is_the_pooled_panel(model):
    data, w = moving_panel(2)
    a = getattr(sp, model)("y ~ a + b", data, w, **PANEL, effects="none")
    stacked = w.stack()
    flat = data.set_index(["id", "t"])
    flat.index = pd.Index([f"{i}-{t}" for i, t in flat.index])
    labels = [f"{i}-{t}" for i, t in stacked.ids]
    block = pd.DataFrame(stacked.csr.toarray(), index=labels, columns=labels)
    b = getattr(sp, model)("y ~ a + b", flat, block)
    np.testing.assert_allclose(a.params, b.params, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(a.vcov, b.vcov, rtol=1e-6, atol=1e-9)
    assert a.loglik == pytest.approx(b.loglik, abs=1e-8)
    np.testing.assert_allclose(a.effects(draws=50).estimates, b.effects(draws=50).estimates, rtol=1e-7)


@pytest.mark.parametrize("effects", ["entity", "twoway"])
def test_order_of_rows_units_and_periods_changes_nothing(effects):
    data, w = moving_panel(3)
    a = sp.sdm("y ~ a + b", data, w, **PANEL, effects=effects)
    ids = np.random.default_rng(0).permutation(w.ids)
    turned = wt.temporal({t: w[t].reindex(ids) for t in reversed(YEARS)})
    b = sp.sdm("y ~ a + b", data.sample(frac=1, random_state=1), turned, **PANEL, effects=effects)
    np.testing.assert_allclose(a.params, b.params, rtol=1e-7, atol=1e-9)
    pd.testing.assert_series_equal(a.resid, b.resid.reindex(a.resid.index), atol=1e-8)


def test_unit_effects_of_any_size_change_nothing():
    """c enters y through A_t^-1, which moves: the demeaned W_t y must know."""
    small, w = moving_panel(4, unit_effects=1.0)
    large, _ = moving_panel(4, unit_effects=100.0)
    a, b = (sp.sdm("y ~ a + b", d, w, **PANEL, effects="twoway") for d in (small, large))
    assert b.std_errors["rho"] < a.std_errors["rho"] / 5  # c moves W_t y: it informs about rho
    assert abs(b.rho - 0.4) < 4 * b.std_errors["rho"]
    assert abs(b.params["a"] - 2) < 4 * b.std_errors["a"]


# -- dense twins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [True, False])
@pytest.mark.parametrize("effects", ["entity", "time", "twoway"])
def test_the_score_with_dummies_less_its_mean_is_zero(effects, row):
    """At the estimate e'M_D W y = s2 tr(M_D G) with everything dense, and M_D from the dummies themselves; W J in the
    place of W where there are period effects, J taking period means off, which rows that sum to one do not feel."""
    data, w = moving_panel(5, rho=0.4 if row else 0.07, row=row)
    fit = sp.sar("y ~ a + b", data, w, **PANEL, effects=effects, durbin=[])
    beta = fit.params[["a", "b"]].to_numpy()
    y, X, W, *others = dense(data, w)
    same = np.equal.outer(*[others[-1].to_numpy()] * 2)
    W = W @ (np.eye(len(y)) - (effects != "entity") * same / same.sum(axis=1))
    assert naive.adjusted_score(fit.rho, beta, y, X, W, *others, effects=effects) == pytest.approx(0, abs=1e-5)


def test_copies_of_one_matrix_whose_rows_do_not_sum_to_one():
    data, w = moving_panel(5, rho=0.07, row=False)
    one = pd.DataFrame(w[2002].csr.toarray(), index=w.ids, columns=w.ids)
    a, b = (sp.sar("y ~ a + b", data, W, **PANEL, effects="twoway") for W in (one, nudged(one)))
    assert b._design.varies
    np.testing.assert_allclose(b.params, a.params, atol=1e-7)
    np.testing.assert_allclose(b.vcov, a.vcov, atol=1e-7)
    assert b.loglik == pytest.approx(a.loglik, abs=1e-7)


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_projected_determinant_is_the_matrix_logarithm(symmetric):
    from scipy.linalg import logm

    rng = np.random.default_rng(6)
    w = as_weights(moving_weights(rng, 9, symmetric=symmetric))
    M = np.linalg.qr(rng.standard_normal((9, 6)))[0]
    M = M @ M.T
    L = projected_logdet(w, (M,) * 5)
    for rho in (-0.5, 0.3, 0.8):
        A = [np.eye(9) - rho * x.csr.toarray() for x in w.matrices]
        G = [np.linalg.solve(a.T, x.csr.toarray().T).T for a, x in zip(A, w.matrices)]
        assert L.value(rho) == pytest.approx(sum(np.trace(M @ logm(a)).real for a in A), abs=1e-7)
        assert L.d1(rho) == pytest.approx(-sum(np.trace(M @ g) for g in G), abs=1e-7)
        assert L.d2(rho) == pytest.approx(-sum(np.trace(M @ g @ g) for g in G), abs=1e-6)
        assert L.expansion(np.array(rho)) == pytest.approx((L.value(rho), L.d1(rho), L.d2(rho)))


def test_defective_weights_have_a_projected_determinant():
    """One-sided links in a chain: a single eigenvalue, a single eigenvector."""
    chain = np.eye(6, k=1) * 0.8
    w = TemporalWeights((as_weights(chain, ids=range(6)),), pd.Index([1]))
    M = np.eye(6) - 1 / 6
    L = projected_logdet(w, (M,))
    G = chain @ np.linalg.inv(np.eye(6) - 0.5 * chain)
    assert L.d1(0.5) == pytest.approx(-np.trace(M @ G), abs=1e-6)


def test_effects_are_averages_over_periods_of_the_dense_ones():
    data, w = moving_panel(7, islands=1)
    fit = sp.sdm("y ~ a + b", data, w, **PANEL, effects="entity")
    eff = fit.effects(draws=200)
    each = np.array([naive.effects(fit.params["a"], fit.params["W:a"], fit.rho, w[t].csr.toarray()) for t in YEARS])
    np.testing.assert_allclose(eff.estimates[:, 0], each.mean(axis=0), rtol=1e-9)
    table = eff.by_period().query("term == 'a'")
    np.testing.assert_allclose(table["estimate"].to_numpy().reshape(-1, 3), each, rtol=1e-9)
    assert list(table["period"].unique()) == list(YEARS)
    for k, t in enumerate(YEARS):
        S = eff.matrix("a", period=t)
        assert np.trace(S) / len(S) == pytest.approx(each[k, 0])
        assert eff.by_unit("a", period=t)["own"].mean() == pytest.approx(each[k, 0])
    np.testing.assert_allclose(eff.shock("03", "a", 2.0, period=2001), 2 * eff.matrix("a", period=2001)["03"])
    by_order = eff.by_order(200).query("term == 'a'").groupby("effect")["estimate"].sum()
    assert by_order["direct"] == pytest.approx(eff.direct["a"], rel=1e-6)


def test_average_effects_have_the_numeric_gradient():
    data, w = moving_panel(8)
    fit = sp.sdm("y ~ a + b", data, w, **PANEL, effects="twoway")
    at, h = fit.params.to_numpy(), 1e-6
    names = list(fit.params.index)

    def dense_effects(params):
        p = dict(zip(names, params))
        return np.mean([naive.effects(p["a"], p["W:a"], p["rho"], w[t].csr.toarray()) for t in YEARS], axis=0)

    J = np.array([(dense_effects(at + e) - dense_effects(at - e)) / (2 * h) for e in np.eye(len(at)) * h]).T
    want = np.sqrt(np.diag(J @ fit.vcov.to_numpy() @ J.T))
    np.testing.assert_allclose(fit.effects(method="delta").std_errors[:, 0], want, rtol=1e-5)


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
def test_lm_scores_have_the_dense_moments(effects):
    """tr(M W) and tr(M W M W) + tr(M W M W') with M from the dummies."""
    from spatial.diagnostics.lm import panel_traces

    data, w = moving_panel(11)
    y, X, W, unit, period = dense(data, w)
    M = naive.dummy_projection(unit, period, effects)
    want = np.trace(M @ W), np.trace(M @ W @ M @ (W + W.T))
    fit = sp.ols("y ~ a + b", data, w, **PANEL, effects=effects)
    assert panel_traces(fit._design, fit._settings.effects) == pytest.approx(want, abs=1e-9)
    Z = np.column_stack([np.ones(len(y)), X]) if effects == "none" else X
    assert sp.lm_tests(fit)["LM error"].statistic == pytest.approx(naive.lm_error(y, Z, W, M), rel=1e-6)


@pytest.mark.parametrize("effects", ["none", "entity", "twoway"])
def test_predictions_solve_every_period(effects):
    data, w = moving_panel(12)
    fit = sp.sdm("y ~ a + b", data, w, **PANEL, effects=effects)
    trend, TC = (fit.predict(kind=kind).unstack("t") for kind in ("trend", "TC"))
    for t in YEARS:
        A = np.eye(len(w.ids)) - fit.rho * w[t].csr.toarray()
        np.testing.assert_allclose(A @ TC.loc[w.ids, t], trend.loc[w.ids, t], atol=1e-9)
    assert np.isfinite(fit.predict(kind="BP")).all()


# -- the door ------------------------------------------------------------------------------------------------


def test_periods_are_matched_by_label():
    data, w = moving_panel(9)
    fit = sp.sar("y ~ a", data[data["t"] < 2003], w, **PANEL)
    assert "time-varying, 3 matrices" in str(fit)
    assert "weights of 2 periods without data left out: 2003, 2004" in str(fit)
    lagged = sp.sar("y ~ lag(a)", data, w, **PANEL)
    assert list(lagged._design.weights.periods) == list(YEARS)[1:]


@pytest.mark.parametrize(("act", "code", "message"), [
    (lambda d, w: sp.sar("y ~ a", d, wt.temporal({t: w[t] for t in (2000, 2002)}), **PANEL), "E107", "2001, 2003"),
    (lambda d, w: sp.sar("y ~ a", d.assign(t=d["t"].astype(str)), w, **PANEL), "E107", "convert one of them"),
    (lambda d, w: sp.sar("y ~ a", d[d["t"] == 2000], w, entity="id"), "E320", "a cross-section needs one W"),
    (lambda d, w: sp.sem("y ~ a", d, w, **PANEL, method="gmm", effects="random"), "E320", "spatial error needs one W"),
    (lambda d, w: sp.sar("y ~ a", d, w, **PANEL, correction="additive"), "E501", "one W in all periods"),
    (lambda d, w: sp.sar("y ~ a", d, w, **PANEL, vcov="eim"), "E320", "weights of observations needs one W"),
    (lambda d, w: sp.lm_residual_error(sp.sar("y ~ a", d, w, **PANEL)), "E320", "lm_residual_error beside"),
    (lambda d, w: sp.sar("y ~ a", d, w, **PANEL, vcov="bootstrap"), "E320", "vcov='bootstrap' needs one W"),
    (lambda d, w: sp.sar("y ~ a", d, w, **PANEL).effects(draws=9).shock("01", "a"), "E322", "period=2004"),
    (lambda d, w: sp.sar("y ~ a", d, w, **PANEL).effects(draws=9).matrix("a", period=1999), "E107", "1999"),
    (lambda d, w: sp.sar("y ~ a", d, w[2000], **PANEL).effects(draws=9).matrix("a", period=2000), "E501", "the same"),
    (lambda d, w: sp.sar("y ~ a", d, w[2000], **PANEL).effects(draws=9).by_period(), "E501", "the same in all"),
    (lambda d, w: sp.moran(d[d["t"] == 2000].set_index("id")["y"], w), "E320", "one matrix"),
])  # fmt: skip
def test_what_needs_one_matrix_says_so(act, code, message):
    data, w = moving_panel(10)
    with pytest.raises(sp.SpatialInputError) as caught:
        act(data, w)
    assert caught.value.code == code
    assert message in f"{caught.value} {caught.value.hint}"


def dense(data, w):
    """(y, X, block-diagonal W, unit, period) of the stacked rows."""
    order = data.sort_values(["t", "id"])
    return order["y"].to_numpy(), order[["a", "b"]].to_numpy(), w.stack().csr.toarray(), order["id"], order["t"]


@pytest.mark.parametrize("effects", ["none", "twoway"])
def test_the_search_takes_them_as_one_w(effects):
    data, w = moving_panel(13, N=20)
    answer = sp.specify("y ~ a + b", data, w, **PANEL, effects=effects)
    assert answer.fits["SDM"]._design.weights.varies
    with_lr = [result.name for table in answer.tables for result in table]
    assert ("LR SDM vs SEM" in with_lr) == (effects == "none")
    assert "Wald SDM vs SEM" in with_lr


def test_weights_are_compared_whether_they_vary_or_not():
    data, w = moving_panel(14, N=20)
    both = sp.compare_weights({"moving": w, "mean": w.mean()}, model=sp.sar, formula="y ~ a + b", data=data, **PANEL)
    assert both.best == "moving"
    one = sp.sar("y ~ a + b", data, w, **PANEL)
    pd.testing.assert_series_equal(both["moving"].params, one.params)


@pytest.mark.parametrize("missing", ["error", "drop"])
def test_moran_by_serves_every_period_with_its_own_w(missing):
    data, w = moving_panel(6)
    if missing == "drop":
        data = data.assign(a=data["a"].where(data.index != 3))
    table = sp.moran_by(data, ["y", "a"], w, time="t", entity="id", permutations=99, missing=missing).to_frame()
    for row in table.itertuples():
        one = data[data["t"] == row.t].set_index("id")[row.variable]
        alone = sp.moran(one, w[row.t], permutations=99, missing=missing)
        assert (row.I, row.p_sim) == (pytest.approx(alone.I), pytest.approx(alone.p_sim))
    with pytest.raises(sp.SpatialInputError, match="E107"):
        sp.moran_by(data.assign(t=data["t"] + 1), "y", w, time="t", entity="id", permutations=99)
