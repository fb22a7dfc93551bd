"""New units of a panel against the conditional normal distribution of all rows, and laws."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from ..designs import as_lagged, nearest, of_deviations

KEYS = {"entity": "id", "time": "t"}


def panel(seed, N=24, T=5, new=4, rho=0.3, lam=0.0, mu=1.0, M=None):
    """A panel of N units, of which the last few are new, and W of all."""
    rng = np.random.default_rng(seed)
    W = nearest(rng, N, 3)
    x, e = rng.standard_normal((2, T, N))
    c = mu * rng.standard_normal(N)
    u = c + np.linalg.solve(np.eye(N) - lam * W, e.T).T
    y = np.linalg.solve(np.eye(N) - rho * W, (1 + x + u).T).T
    ids = [f"u{i:02d}" for i in range(N)]
    index = pd.MultiIndex.from_product([range(T), ids], names=["t", "id"])
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index).reset_index()
    W, old = pd.DataFrame(W, ids, ids), ids[: N - new]
    there = frame["id"].isin(old)
    w_old = W.loc[old, old]
    return frame[there], frame[~there], w_old.div(w_old.sum(axis=1).replace(0, 1), axis=0), W


def twin(fit, past, new, W, sigma2_mu, sigma2_e, shared, kkp=False):
    """E[y_o | y_s] and its variance from the dense covariance of all N T rows, period by period."""
    T, ids = past["t"].nunique(), [*W.index]
    N, W = len(ids), W.to_numpy()
    both = pd.concat([past, new]).set_index(["t", "id"]).sort_index().reindex(
        pd.MultiIndex.from_product([range(T), ids]))  # fmt: skip
    A, B = np.eye(N) - fit.rho * W, np.eye(N) - fit.lam * W
    across = np.linalg.inv(B.T @ B)
    Sigma = np.kron(np.ones((T, T)), sigma2_mu * (across if kkp else np.eye(N))) + sigma2_e * np.kron(np.eye(T), across)
    inverse = np.kron(np.eye(T), np.linalg.inv(A))
    V = inverse @ Sigma @ inverse.T
    mean = inverse @ (fit.params.get("Intercept", 0.0) + fit.params["x"] * both["x"].to_numpy() + np.repeat(shared, N))
    s = both.index.get_level_values(1).isin(past["id"].unique())
    gap = both["y"].to_numpy()[s] - mean[s]
    gain = np.linalg.solve(V[np.ix_(s, s)], V[np.ix_(s, ~s)]).T
    variance = np.diag(V[np.ix_(~s, ~s)] - gain @ V[np.ix_(s, ~s)])
    index = both.index[~s]
    return pd.Series(mean[~s] + gain @ gap, index), pd.Series(variance, index)


CASES = {
    "ols": ("ols", {"effects": "random", "method": "ml"}, {"rho": 0.0}), "sar": ("sar", {"effects": "random"}, {}),
    "sem, kkp": ("sem", {"effects": "random"}, {"rho": 0.0, "lam": 0.5}),
    "sem, baltagi": ("sem", {"effects": "random", "random_error": "baltagi"}, {"rho": 0.0, "lam": 0.5}),
    "pooled": ("sar", {"effects": "none"}, {"mu": 0.0}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_best_predictor_of_random_effects_is_the_conditional_mean(case):
    name, options, how = CASES[case]
    past, new, w, W = panel(1, **how)
    fit = getattr(sp, name)("y ~ x", past, w, **KEYS, **options)
    random = fit._settings.random
    mu = 0.0 if random is None else random.sigma2_mu
    sigma2 = fit.sigma2 * (fit._sample.n / (fit._sample.n - len(fit.params)) if fit._settings.counts_parameters and
                           random is None else 1.0)  # fmt: skip
    want, variance = twin(fit, past, new, W, mu, sigma2, np.zeros(5), kkp=bool(random and random.error == "kkp"))
    got = fit.predict(new, W)
    np.testing.assert_allclose(got.swaplevel().loc[want.index], want, rtol=1e-8)
    table = fit.predict(new, W, level=0.9)
    pd.testing.assert_series_equal(table["estimate"], got, check_names=False)
    least = np.sqrt(variance.loc[table.swaplevel().index])
    assert (table["std_error"].to_numpy() >= least.to_numpy() - 1e-9).all()  # the parameters add to it
    assert (table["std_error"].to_numpy() <= 1.6 * least.to_numpy()).all()


@pytest.mark.parametrize(("effects", "seed"), [("entity", 4), ("twoway", 4), ("twoway", 2)])
def test_fixed_effects_of_new_units_are_draws_around_their_mean(effects, seed):
    """Of the third case a fitted unit is an island: W lags deviations from the means of the fitted units."""
    past, new, w, W = panel(seed, mu=2.0)
    assert (w.sum(axis=1) > 0).all() == (seed == 4)
    fit = sp.sar("y ~ x", past, w, **KEYS, effects=effects)
    with pytest.raises(SpatialInputError, match="may be anything") as refusal:
        fit.predict(new, W)
    assert "unit_effects='mean'" in refusal.value.hint
    wide = past.pivot(index="t", columns="id", values="y").loc[:, w.index].to_numpy()
    x = past.pivot(index="t", columns="id", values="x").loc[:, w.index].to_numpy()
    u = wide - fit.rho * wide @ as_lagged(w.to_numpy(), effects == "twoway").T - fit.params["x"] * x
    sigma2 = fit.sigma2 * fit._sample.n / (fit._sample.n - len(fit.params))
    spread = np.var(u.mean(axis=0), ddof=1) - sigma2 / len(u)
    shared = u.mean(axis=1) if effects == "twoway" else np.full(len(u), u.mean())
    lagged = W
    if seed == 2:
        lagged = pd.DataFrame(of_deviations(W.to_numpy(), W.index.isin(w.index)), W.index, W.columns)
    want, _ = twin(fit, past, new, lagged, spread, sigma2, shared)
    got = fit.predict(new, W, unit_effects="mean")
    np.testing.assert_allclose(got.swaplevel().loc[want.index], want, rtol=1e-8)


def test_one_period_is_the_cross_section():
    """BP of a cross-section, by its sparse precision; and the variance of an error of least squares."""
    past, new, w, W = panel(3, T=1, mu=0.0)
    past, new = past.drop(columns="t").set_index("id"), new.drop(columns="t").set_index("id")
    for model in (sp.sar, sp.sem, sp.sdm, sp.sac):
        fit = model("y ~ x", past, w)
        np.testing.assert_allclose(fit.predict(new, W, level=0.95)["estimate"], fit.predict(new, W), rtol=1e-8)
    fit = sp.ols("y ~ x", past, w)
    X = np.column_stack([np.ones(len(past)), past["x"]])
    x0 = np.column_stack([np.ones(len(new)), new["x"]])
    want = np.sqrt(fit.sigma2 * (1 + np.einsum("ij,jk,ik->i", x0, np.linalg.inv(X.T @ X), x0)))
    np.testing.assert_allclose(fit.predict(new, W, level=0.95)["std_error"], want, rtol=1e-6)


@pytest.mark.parametrize("kind", ["trend", "TC", "TS1"])
def test_other_predictors_are_those_of_a_cross_section_in_each_period(kind):
    """Without unit effects every period is a cross-section at the same parameters."""
    past, new, w, W = panel(4, mu=0.0)
    fit = sp.sar("y ~ x", past, w, **KEYS, effects="none")
    got = fit.predict(new, W, kind=kind)
    for t in (0, 4):
        one = {name: frame[frame["t"] == t].set_index("id") for name, frame in (("past", past), ("new", new))}
        alone = sp.sar("y ~ x", one["past"], w)
        from dataclasses import replace

        alone = replace(alone, _estimates=fit._estimates)
        np.testing.assert_allclose(got.xs(t, level="t"), alone.predict(one["new"], W, kind=kind), rtol=1e-9)


def test_signals_of_random_effects_hold_the_unit_effects():
    """TS = X beta + mu, as Baltagi has it, where neither lag nor spatial error are there."""
    past, _, w, _ = panel(5, rho=0.0)
    fit = sp.ols("y ~ x", past, w, **KEYS, effects="random", method="ml")
    u = past.set_index(["id", "t"])["y"] - fit.params["Intercept"] - fit.params["x"] * past.set_index(["id", "t"])["x"]
    random, T = fit._settings.random, past["t"].nunique()
    mu = T * random.phi / (1 + T * random.phi) * u.groupby("id").transform("mean")
    want = past.set_index(["id", "t"])["y"] - u + mu
    got = fit.predict(kind="TS")
    np.testing.assert_allclose(got, want.loc[got.index], rtol=1e-9)
    assert ((got - want.loc[got.index]).abs() < 1e-9).all()


def test_order_of_rows_and_labels_do_not_matter():
    past, new, w, W = panel(6)
    fit = sp.sar("y ~ x", past, w, **KEYS, effects="random")
    shuffled = W.sample(frac=1, random_state=1).sample(frac=1, axis=1, random_state=2)
    again = sp.sar("y ~ x", past.sample(frac=1, random_state=3), w, **KEYS, effects="random")
    a = fit.predict(new, W, level=0.95)
    b = again.predict(new.sample(frac=1, random_state=4), shuffled, level=0.95)
    pd.testing.assert_frame_equal(a, b.loc[a.index], rtol=1e-6)


def test_what_new_units_cannot_have_is_refused():
    past, new, w, W = panel(7)
    fit = sp.sar("y ~ x", past, w, **KEYS, effects="random")
    for code, call in {
        "E104": lambda: fit.predict(pd.concat([new, new[new["t"] == 4].assign(t=5)]), W),
        "E101": lambda: fit.predict(pd.concat([new, past]), W, kind="BP"),
        "E502": lambda: fit.predict(new.drop(columns="x"), W),
    }.items():
        with pytest.raises(SpatialInputError) as refusal:
            call()
        assert refusal.value.code in (code, "E108", "E109"), refusal.value
        assert refusal.value.hint
    for call in (lambda: fit.predict(new, W, kind="TC", level=0.95), lambda: fit.predict(level=0.95),
                 lambda: fit.predict(new, W, unit_effects="mean"), lambda: fit.predict(kind="BP")):  # fmt: skip
        with pytest.raises(SpatialInputError) as refusal:
            call()
        assert refusal.value.code == "E501"
    dynamic = sp.sar("y ~ x", past, w, **KEYS, effects="entity", lags="y")
    with pytest.raises(SpatialInputError, match="dynamic"):
        dynamic.predict(new, W, unit_effects="mean")


def test_rows_of_new_units_that_are_not_there_are_named_with_a_step_that_works():
    past, new, w_old, W = panel(5)
    fit = sp.sar("y ~ x", past, w_old, effects="random", **KEYS)

    def error(data):
        with pytest.raises(SpatialInputError) as caught:
            fit.predict(data, W)
        assert "missing=" not in str(caught.value)  # no option of predict
        return caught.value

    assert error(new[new["t"] < 3]).code == "E104"
    assert error(new.iloc[1:]).ids[0] == (new["id"].iloc[0], new["t"].iloc[0])
    assert error(pd.concat([new, new[new["t"] == 4].assign(t=5)])).code == "E104"
    gap = error(new.assign(x=new["x"].where(new["t"] != 2)))
    assert gap.code == "E201"
    assert gap.column == "x"
    assert len(fit.predict(new, W)) == len(new)
