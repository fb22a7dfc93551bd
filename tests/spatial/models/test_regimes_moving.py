"""Models with regimes under W that vary over time and in panels with gaps: dense systems, laws, stacked periods."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt

from .. import naive_moving as twin
from .. import naive_regimes as regimes_twin
from .test_estimators import PANEL, random_weights
from .test_time_varying import nudged

LAG, ERROR, DURBIN = ("sar", "sdm", "sac", "gns"), ("sem", "sdem", "sac", "gns"), ("slx", "sdm", "sdem", "gns")
N, T = 16, 4
IDS = [f"{i:02d}" for i in range(N)]
KEYS = {**PANEL, "missing": "period"}


def drawn(seed, *, gaps=0.0):
    """Two regimes with a rho, lambda and variance each, W that moves; some rows gone with ``gaps``."""
    rng = np.random.default_rng(seed)
    W = [random_weights(rng, N) for _ in range(T)]
    w = wt.temporal({t: wt.from_dense(one, ids=IDS) for t, one in enumerate(W)})
    codes = np.arange(N) % 2
    a, b, e = rng.standard_normal((3, T, N))
    shift = rng.standard_normal(N) + rng.standard_normal((T, 1))
    rho, lam = np.where(codes, 0.1, 0.5), np.where(codes, 0.4, 0.0)
    y = [np.linalg.solve(np.eye(N) - rho[:, None] * W[t], (1 + codes) * 2 * a[t] - b[t] + 0.6 * W[t] @ a[t] + shift[t]
         + np.linalg.solve(np.eye(N) - lam[:, None] * W[t], (1 + codes) / 2 * e[t])) for t in range(T)]  # fmt: skip
    index = pd.MultiIndex.from_product([range(T), IDS], names=["t", "id"])
    frame = pd.DataFrame({"y": np.ravel(y), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    frame["region"] = np.tile(np.array(["east", "west"])[codes], T)
    return frame[rng.random(len(frame)) >= gaps].reset_index(drop=True), w


def everything(model):
    return sp.Regimes("region", rho=model in LAG, lam=model in ERROR, sigma2=True)


def fitted(model, frame, w, regimes="all", effects="twoway", **more):
    regimes = everything(model) if regimes == "all" else regimes
    return getattr(sp, model)("y ~ a + b", frame, w, **KEYS, effects=effects, regimes=regimes, **more)


def blocks(frame, w):
    """The W of every period among who is there, standardised again."""
    out = []
    for t, part in frame.groupby("t"):
        at = w.ids.get_indexer(part["id"])
        own = w[t].csr.toarray()[np.ix_(at, at)]
        sums = own.sum(axis=1, keepdims=True)
        out.append(np.divide(own, sums, where=sums > 0, out=np.zeros_like(own)))
    return out


def system(fit, frame, w, effects):
    """What ``naive_moving.scores`` takes."""
    W, codes = twin.stacked(blocks(frame, w)), (frame["region"] == "west").to_numpy().astype(int)
    by_regime = [(codes == g)[:, None] * W for g in range(2)]
    X = fit._design.rows(fit._design.X)
    X = X[:, [fit._design.names.index(name) for name in fit._sample.names]]
    spec = fit.specification
    return (frame["y"].to_numpy(), X, twin.dummies(frame["id"], frame["t"], effects), by_regime * spec.lag,
            by_regime * spec.error, codes)  # fmt: skip


# -- dense systems ---------------------------------------------------------------------------------------------


CASES = [("sdm", "none", 0.12), ("sdm", "entity", 0.12), ("sdm", "time", 0.12), ("sdm", "twoway", 0.0),
         ("sdm", "twoway", 0.12), ("sem", "entity", 0.12), ("sem", "twoway", 0.0), ("sac", "entity", 0.0),
         ("sac", "time", 0.12), ("sac", "twoway", 0.12)]  # fmt: skip


@pytest.mark.parametrize(("model", "effects", "gaps"), CASES)
def test_scores_of_all_rows_less_their_means_are_zero(model, effects, gaps):
    frame, w = drawn(1 if model == "sem" else 12, gaps=gaps)
    fit = fitted(model, frame, w, effects=effects)
    parts = system(fit, frame, w, effects)
    score, beta = twin.scores(fit.rhos.to_numpy(), fit.lambdas.to_numpy(), np.log(fit.sigma2s.to_numpy()), *parts)
    assert score == pytest.approx(0, abs=2e-4)
    assert fit.params.to_numpy()[: len(beta)] == pytest.approx(beta, abs=1e-7)


@pytest.mark.parametrize("model", ["sar", "sac"])
def test_without_correction_it_is_the_likelihood_with_dummies(model):
    frame, w = drawn(2, gaps=0.1)
    fit = fitted(model, frame, w, correction=False)
    y, X, D, lags, errors, groups = system(fit, frame, w, "twoway")
    Z, s = np.column_stack([X, D]), np.log(fit.sigma2s.to_numpy())

    def loglik(psi):
        rho, lam, s = np.split(psi, [2, 2 + len(errors)])
        value = twin.restricted(rho, lam, s, y, Z, np.zeros((len(y), 0)), lags, errors, groups)
        return value + np.linalg.slogdet(twin.filters(rho, lam, lags, errors)[0])[1] - len(y) / 2 * np.log(2 * np.pi)

    psi = np.concatenate([fit.rhos, fit.lambdas, s])
    assert fit.loglik == pytest.approx(loglik(psi), abs=1e-8)
    assert regimes_twin.gradient(loglik, psi) == pytest.approx(0, abs=1e-4)


# -- laws ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "effects"), [("sdm", "twoway"), ("sdem", "entity"), ("sac", "twoway")])
def test_copies_of_one_matrix_are_that_matrix(model, effects):
    frame, w = drawn(3)
    one = pd.DataFrame(w[1].csr.toarray(), index=w.ids, columns=w.ids)
    for regimes in ("region", "all"):
        a, b = (fitted(model, frame, matrix, regimes, effects) for matrix in (one, nudged(one, range(T))))
        assert (a._design.varies, b._design.varies) == (False, True)
        np.testing.assert_allclose(b.params, a.params, atol=1e-8)
        np.testing.assert_allclose(b.std_errors, a.std_errors, rtol=1e-4)
        assert b.loglik == pytest.approx(a.loglik, abs=1e-6)
        mine, theirs = (x.effects(method="delta").tidy() for x in (b, a))
        np.testing.assert_allclose(mine["estimate"], theirs["estimate"], atol=1e-8)
        np.testing.assert_allclose(mine["std_error"], theirs["std_error"], rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize(("model", "effects"), [("sar", "twoway"), ("sdem", "entity"), ("sac", "twoway")])
def test_one_regime_is_the_plain_model(model, effects):
    frame, w = drawn(4, gaps=0.12)
    frame["region"] = "all"
    plain = fitted(model, frame, w, None, effects)
    for regimes in ("region", "all"):
        one = fitted(model, frame, w, regimes, effects)
        np.testing.assert_allclose(one.params, plain.params, atol=1e-7)
        assert one.loglik == pytest.approx(plain.loglik, abs=1e-5)
        # beside an error half of the slopes of the mean by lambda are in the information, which the plain model leaves
        np.testing.assert_allclose(one.std_errors, plain.std_errors, rtol=0.1 if model == "sac" else 1e-6)
        for kind in ("TS", "TC", "BP", "trend"):
            np.testing.assert_allclose(one.predict(kind=kind), plain.predict(kind=kind), atol=1e-6)
        if model == "sar":
            for vcov in ("robust", "cluster"):
                mine, theirs = (x.with_vcov(vcov).std_errors for x in (one, plain))
                np.testing.assert_allclose(mine, theirs, rtol=0.02)


@pytest.mark.parametrize("model", ["sdm", "gns"])
def test_pooled_periods_are_a_cross_section_of_all_rows(model):
    frame, w = drawn(5, gaps=0.1)
    fit = fitted(model, frame, w, effects="none")
    labels = [f"{i}-{t}" for i, t in zip(frame["id"], frame["t"])]
    flat = frame.drop(columns="t").rename(columns={"id": "unit"}).set_index(pd.Index(labels))
    other = getattr(sp, model)("y ~ a + b", flat, wt.from_dense(twin.stacked(blocks(frame, w)), ids=labels),
                               regimes=everything(model))  # fmt: skip
    np.testing.assert_allclose(fit.params, other.params, atol=1e-7)
    np.testing.assert_allclose(fit.std_errors, other.std_errors, rtol=1e-6)
    mine, theirs = fit.with_vcov("cluster"), other.with_vcov(sp.Cluster("unit"))
    np.testing.assert_allclose(mine.std_errors, theirs.std_errors, rtol=1e-6)
    for a, b in ((fit.effects(), other.effects()), (mine.effects(method="delta"), theirs.effects(method="delta"))):
        pd.testing.assert_frame_equal(a.tidy(), b.tidy(), rtol=1e-4, atol=1e-6)
        pd.testing.assert_frame_equal(a.by_receiver(), b.by_receiver(), rtol=1e-4, atol=1e-6)
    for kind in ("TC", "BP"):
        mine, theirs = (x.predict(kind=kind).to_numpy() for x in (fit, other))
        np.testing.assert_allclose(np.sort(mine), np.sort(theirs), atol=1e-7)


def test_order_of_rows_units_and_periods_changes_nothing():
    frame, w = drawn(6, gaps=0.1)
    fit = fitted("sac", frame, w)
    ids = np.random.default_rng(0).permutation(w.ids)
    turned = wt.temporal({t: w[t].reindex(ids) for t in reversed(range(T))})
    other = fitted("sac", frame.sample(frac=1, random_state=1), turned)
    np.testing.assert_allclose(other.params, fit.params, atol=1e-7)
    for vcov in ("oim", "robust"):
        np.testing.assert_allclose(other.with_vcov(vcov).std_errors, fit.with_vcov(vcov).std_errors, rtol=1e-5)


# -- effects ---------------------------------------------------------------------------------------------------


def test_effects_of_each_period_are_dense_and_average_to_the_whole():
    frame, w = drawn(7, gaps=0.12)
    fit = fitted("sdm", frame, w)
    effects = fit.effects(method="delta")
    table = effects.by_period()
    rho, (beta, theta) = fit.rhos.to_numpy(), (fit.params[list(fit.split.columns[name])] for name in ("a", "W:a"))
    total, weight = {}, {}
    for t, W in enumerate(blocks(frame, w)):
        part = frame[frame["t"] == t]
        codes = (part["region"] == "west").to_numpy().astype(int)
        S = regimes_twin.responses(beta.to_numpy(), theta.to_numpy(), rho, W, codes)
        np.testing.assert_allclose(effects.matrix("a", period=t), S, atol=1e-10)
        for label, members in (("east: a", codes == 0), ("west: a", codes == 1), ("a", codes >= 0)):
            means = regimes_twin.averages(S, members)[:3]
            own = table[(table["period"] == t) & (table["term"] == label)]["estimate"]
            np.testing.assert_allclose(own, means, atol=1e-9)
            total[label] = total.get(label, 0) + means * members.sum()
            weight[label] = weight.get(label, 0) + members.sum()
    for label in total:
        own = effects.tidy().query("term == @label")["estimate"]
        np.testing.assert_allclose(own, total[label] / weight[label], atol=1e-9)
    slopes = sp.slopes(fit, "a").tidy()
    np.testing.assert_allclose(slopes["estimate"], effects.tidy().query("term == 'a'")["estimate"], atol=1e-9)
    np.testing.assert_allclose(slopes["std_error"], fit.effects().tidy().query("term == 'a'")["std_error"], rtol=1e-3)
    raised = sp.what_if(fit, "a", change=1.0, period=2)
    np.testing.assert_allclose(raised.table["estimate"], effects.matrix("a", period=2).sum(axis=1), atol=1e-9)
    exact = fit.effects().tidy()
    np.testing.assert_allclose(exact["estimate"], effects.tidy()["estimate"], atol=1e-6)
    assert "vary" in fit.summary() or "time-varying" in fit.summary()


def test_a_regime_that_nobody_represents_in_a_period_is_left_out_there():
    frame, w = drawn(8)
    frame = frame[~((frame["region"] == "west") & (frame["t"] == 2))]
    table = fitted("sar", frame, w).effects(method="delta").by_period()
    assert not table.query("period == 2")["term"].str.startswith("west").any()
    assert table.query("period == 1")["term"].str.startswith("west").any()
    assert np.isfinite(table["estimate"]).all()


def test_many_effects_beside_an_error_under_weights_that_vary_are_refused(monkeypatch):
    from spatial.design import moving

    frame, w = drawn(9)
    monkeypatch.setattr(moving, "DUMMIES_MAX", 10)
    with pytest.raises(sp.SpatialInputError, match="E309"):
        fitted("sac", frame, w)
