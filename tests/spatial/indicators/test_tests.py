"""Tests of convergence, chains and relabellings: right values, and sizes by small simulations."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import shapefiles
import spatial as sp
import weights as wt
from spatial.indicators._classes import classed, neighbor_classes
from spatial.indicators._root import random_walk_p, root_bias, unbiased_root
from spatial.indicators._spread import equal_variances, without_neighbors
from spillover.errors import SpatialInputError, SpatialInputWarning
from spillover.matrix import as_weights

ind = sp.indicators


@pytest.fixture(scope="module")
def states():
    return wt.queen(shapefiles.load("us_states")).standardize("row")


def panel_of(y, ids):
    """(T, N) as a long frame."""
    T, N = y.shape
    return pd.DataFrame({"unit": np.tile(ids, T), "year": np.repeat(range(T), N), "y": y.ravel()})


# sigma convergence


def pairs(rng, n, law, corr=0.9):
    draws = {"normal": rng.normal, "t": lambda size: rng.standard_t(4, size), "skewed": rng.standard_exponential}
    draw = draws[law]
    return np.sqrt(corr) * draw(size=n) + np.sqrt(1 - corr) * draw(size=(2, n))


def test_the_slope_has_hc3_errors():
    rng = np.random.default_rng(0)
    for n in (5, 31):
        x = rng.normal(size=(2, n))
        twin = sm.OLS(x[0] - x[1], sm.add_constant(x[0] + x[1])).fit(cov_type="HC3")
        assert equal_variances(x) == pytest.approx(twin.tvalues[1] ** 2)
        assert equal_variances(1e3 * x[::-1] + 1e6) == pytest.approx(equal_variances(x))  # order, scale and origin
    assert np.isnan(equal_variances(np.ones((2, 5))))
    assert np.isnan(equal_variances(np.array([x[0], x[0] * 0.5])))  # without error there is nothing to judge by


def test_rho_is_the_maximum_of_the_dense_likelihood(states):
    rng, n = np.random.default_rng(1), 48
    W = states.to_dense().to_numpy()
    x = np.linalg.solve(np.eye(n) - 0.6 * W, pairs(rng, n, "normal").T).T
    x[1] += 7.0
    E, rho = without_neighbors(x, as_weights(states))

    def dense(r):
        A = np.eye(n) - r * W
        u, c = x @ A.T, A @ np.ones(n)
        u = u - np.outer(u @ c / (c @ c), c)
        return 2 * np.linalg.slogdet(A)[1] - n / 2 * np.linalg.slogdet(u @ u.T / n)[1]

    grid = np.linspace(-0.9, 0.99, 1891)
    assert rho == pytest.approx(grid[np.argmax([dense(r) for r in grid])], abs=1e-3)
    np.testing.assert_allclose(E, (x - rho * x @ W.T) - (x - rho * x @ W.T).mean(axis=1, keepdims=True), atol=1e-9)


@pytest.mark.parametrize(("law", "rho"), [("normal", 0.6), ("t", 0.0), ("skewed", 0.7)])
def test_size_of_the_sigma_test(states, law, rho):
    """300 samples of 48 states each; without weights spatial correlation alone rejects one in eight or more."""
    rng, n = np.random.default_rng(5), 48
    w = as_weights(states)
    solve = np.linalg.inv(np.eye(n) - rho * states.to_dense().to_numpy())
    F = np.array([[equal_variances(x), equal_variances(without_neighbors(x, w)[0])]
                  for x in (pairs(rng, n, law) @ solve.T for _ in range(300))])  # fmt: skip
    from scipy.stats import f

    size = (f.sf(F, 1, n - 2) < 0.05).mean(axis=0)
    assert 0.02 <= size[1] <= 0.085
    if rho:
        assert size[0] > 0.09


def test_sigma_convergence_says_what_it_allowed_for(states):
    rng = np.random.default_rng(2)
    y = np.exp(0.3 * pairs(rng, 48, "normal"))
    data = panel_of(y, states.ids)
    plain = ind.sigma_convergence(data, "y", entity="unit", time="year")
    spatial = ind.sigma_convergence(data.sample(frac=1, random_state=1), "y", states, entity="unit", time="year")
    assert plain.rho is None
    assert "w=" in str(plain)
    assert f"rho = {spatial.rho:.3f}" in spatial.tests["all"].null
    E, _ = without_neighbors(np.log(y), as_weights(states))
    assert spatial.tests["all"].statistic == pytest.approx(equal_variances(E))
    pd.testing.assert_frame_equal(plain.frame, spatial.frame)  # the spread itself is that of the units
    turned = states.reindex(list(states.ids)[::-1])
    again = ind.sigma_convergence(data, "y", turned, entity="unit", time="year")
    assert again.tests["all"].statistic == pytest.approx(spatial.tests["all"].statistic, rel=1e-4)


def test_periods_are_taken_in_their_order():
    """What happens from one period to the next does not follow the alphabet."""
    rng = np.random.default_rng(12)
    data = panel_of(np.exp(rng.normal(size=(4, 10)).cumsum(axis=0)), [f"u{i}" for i in range(10)])
    keys = {"entity": "unit", "time": "year"}
    want = ind.perpetual_inventory(data, "y", growth=0.05, **keys).to_numpy()
    for labels in (["8", "9", "10", "11"], ["2009Q4", "2010Q1", "2010Q2", "2010Q3"], [2.0, 4.0, 6.0, 8.0]):
        other = data.assign(year=data["year"].map(dict(enumerate(labels)))).sample(frac=1, random_state=1)
        result = ind.perpetual_inventory(other, "y", growth=0.05, **keys)
        np.testing.assert_allclose(result, want)
        assert result.index.get_level_values(1)[:4].tolist() == labels
    months = data.assign(year=data["year"].map(dict(enumerate(["Jan", "Feb", "Mar", "Apr"]))))
    with pytest.raises(SpatialInputError) as error:
        ind.growth_table(months, ["y"], **keys)
    assert (error.value.code, error.value.column) == ("E106", "year")
    ordered = months.assign(year=pd.Categorical(months["year"], ["Jan", "Feb", "Mar", "Apr"], ordered=True))
    np.testing.assert_allclose(ind.perpetual_inventory(ordered, "y", growth=0.05, **keys), want)
    assert ind.sigma_convergence(ordered, "y", **keys).frame["year"].tolist() == ["Jan", "Feb", "Mar", "Apr"]


# beta convergence in panels


def test_nickell_s_bias_by_simulation():
    """40,000 units: the within estimate less the root."""
    rng, T, N = np.random.default_rng(3), 6, 40_000
    for root in (0.5, 0.9, 1.0):
        y = np.zeros((N, T + 1))
        y[:, 0] = rng.normal(size=N) / np.sqrt(1 - root**2) if root < 1 else 3 * rng.normal(size=N)
        for t in range(1, T + 1):
            y[:, t] = root * y[:, t - 1] + rng.normal(size=N)
        y += 5 * rng.normal(size=(N, 1))
        x, z = (v - v.mean(axis=1, keepdims=True) for v in (y[:, :-1], y[:, 1:]))
        estimate = (x * z).sum() / (x * x).sum()
        assert estimate - root == pytest.approx(root_bias(root, T), abs=0.01)
        back, slope = unbiased_root(root + root_bias(root, T), T)
        assert back == pytest.approx(root, abs=1e-6)
        assert np.isnan(slope) if root == 1 else slope > 1


def walks(rng, N, T, root=1.0, drift=0.02):
    """Logs of N units over T + 1 periods, with effects of their own."""
    y = np.zeros((T + 1, N))
    y[0] = rng.normal(size=N) / (np.sqrt(1 - root**2) if root < 1 else 1)
    for t in range(1, T + 1):
        y[t] = root * y[t - 1] + rng.normal(size=N)
    return np.exp(0.1 * (y + (3 * rng.normal(size=N) if root < 1 else 0)) + drift * np.arange(T + 1)[:, None])


@pytest.fixture(scope="module")
def ring():
    ids = [f"{i:02d}" for i in range(31)]
    dense = 0.5 * (np.roll(np.eye(31), 1, axis=0) + np.roll(np.eye(31), -1, axis=0))
    return pd.DataFrame(dense, ids, ids)


def test_random_walks_do_not_converge(ring):
    """1,500 panels of 31 units and 13 periods; the fit's own t test of b = 0 rejects in all of them."""
    rng, p = np.random.default_rng(14), []
    for _ in range(1500):
        y = np.log(walks(rng, 31, 12))
        x, z = (v - v.mean(axis=0) - v.mean(axis=1, keepdims=True) + v.mean() for v in (y[:-1], y[1:] - y[:-1]))
        p.append(random_walk_p((x * z).sum() / (x * x).sum(), 12, 30))
    assert 0.035 <= np.mean(np.array(p) < 0.05) <= 0.07
    for _ in range(10):
        y = walks(rng, 31, 12)
        with pytest.warns(SpatialInputWarning, match="random walk is -0.231"):
            result = ind.beta_convergence(panel_of(y, ring.index), "y", ring, entity="unit", time="year", panel=True)
        y = np.log(y)
        x, z = (v - v.mean(axis=0) - v.mean(axis=1, keepdims=True) + v.mean() for v in (y[:-1], y[1:] - y[:-1]))
        row = result.table.iloc[0]
        assert row["p_value"] == pytest.approx(random_walk_p((x * z).sum() / (x * x).sum(), 12, 30))
        assert row["null"] == pytest.approx(-3 / 13)
        assert np.isnan(row["half_life"]) == (row["p_value"] > 0.05 or row["estimate"] > row["null"])
        assert result.fit.pvalues["initial"] < 0.05


def test_true_convergence_has_its_own_speed(ring):
    """Root .8: the corrected speed is -ln .8 = .22 in the mean; the raw coefficient's is twice that."""
    rng, speeds, raw = np.random.default_rng(6), [], []
    for _ in range(60):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = ind.beta_convergence(panel_of(walks(rng, 31, 12, 0.8), ring.index), "y", ring, entity="unit",
                                         time="year", panel=True, model="sar")  # fmt: skip
        row = result.table.iloc[0]
        speeds.append((row["speed"], row["speed_error"]))
        raw.append(-np.log(1 + row["estimate"]))
        assert result.table.loc[1:, ["p_value", "speed", "half_life"]].isna().all(axis=None)
    speed, error = np.nanmean(speeds, axis=0)
    assert speed == pytest.approx(-np.log(0.8), abs=0.03)
    assert np.mean(raw) > 1.8 * -np.log(0.8)
    assert np.nanstd(np.array(speeds)[:, 0]) == pytest.approx(error, rel=0.35)


def test_steps_of_several_periods_and_other_effects(ring):
    rng = np.random.default_rng(7)
    data = panel_of(walks(rng, 31, 6), ring.index).assign(year=lambda d: 5 * d["year"])
    with pytest.warns(SpatialInputWarning):
        result = ind.beta_convergence(data, "y", ring, entity="unit", time="year", panel=True, effects="entity")
    row = result.table.iloc[0]
    assert row["null"] == pytest.approx(-3 / 7 / 5)
    assert row["p_value"] == pytest.approx(random_walk_p(5 * row["estimate"], 6, 31))
    with warnings.catch_warnings():
        warnings.simplefilter("error", SpatialInputWarning)
        for effects in ("time", "none"):
            plain = ind.beta_convergence(data, "y", ring, entity="unit", time="year", panel=True, effects=effects)
            assert plain.table["null"].item() == 0
            assert plain.table["p_value"].item() == plain.fit.pvalues["initial"]
        across = ind.beta_convergence(data, "y", ring, entity="unit", time="year")
    assert across.steps is None
    tidy = across.tidy().iloc[0]
    fit = across.fit.tidy().set_index("term").loc["initial"]
    for name in ("estimate", "std_error", "p_value", "conf_low", "conf_high"):
        assert tidy[name] == pytest.approx(fit[name])
    assert across.plot().get_xlabel() == "log of the initial level"


# spatial Markov chains


def chains(rng, w, root=0.9, T=13):
    y = np.zeros((T, w.n))
    y[0] = rng.normal(size=w.n) / np.sqrt(1 - root**2)
    for t in range(1, T):
        y[t] = root * y[t - 1] + rng.normal(size=w.n)
    return panel_of(y, w.ids)


def test_autocorrelated_paths_without_neighbors_keep_the_size(states):
    """100 panels of independent AR(.9), 99 relabellings: the relabelled p-values are uniform; chi-squared's are not."""
    rng, p = np.random.default_rng(8), []
    keys = {"entity": "unit", "time": "year", "classes": 3, "relative": False}
    for _ in range(100):
        data = chains(rng, states)
        shuffled = ind.spatial_markov(data, "y", states, permutations=99, **keys).tests["LR"]
        plain = ind.spatial_markov(data, "y", states, permutations=0, **keys).tests["LR"]
        assert shuffled.statistic == plain.statistic
        p.append((shuffled.p_value, plain.p_value))
    share = (np.array(p) <= 0.05).mean(axis=0)
    assert share[0] <= 0.11
    assert share[1] >= share[0]


def test_relabelled_statistics_by_hand(states):
    """What one shuffle gives is what the data with that shuffle give."""
    data = chains(np.random.default_rng(9), states)
    units = classed(data, "y", "unit", "year", 3, "pooled", False)
    order = np.random.default_rng(0).permutation(48)
    w = states.reindex(units.table.units)
    there = neighbor_classes(units, w.csr, order)
    moved = data.assign(unit=data["unit"].map(dict(zip(units.table.units[order], units.table.units))))
    again = classed(moved, "y", "unit", "year", 3, "pooled", False)
    np.testing.assert_array_equal(units.codes[:, order], again.codes)
    np.testing.assert_array_equal(there, neighbor_classes(again, w.csr))


def test_classes_with_names(states):
    rng = np.random.default_rng(10)
    labels = np.array(["mid", "low", "top"])
    data = chains(rng, states, T=6).assign(kind=lambda d: labels[rng.integers(0, 3, len(d))])
    keys = {"entity": "unit", "time": "year"}
    plain = ind.markov(data, "kind", **keys)
    assert plain.counts.index.tolist() == ["low", "mid", "top"]
    wide = data.pivot(index="year", columns="unit", values="kind")
    pairs = pd.crosstab(wide.iloc[:-1].to_numpy().ravel(), wide.iloc[1:].to_numpy().ravel())
    np.testing.assert_array_equal(plain.counts, pairs)
    ordered = data.assign(kind=pd.Categorical(data["kind"], ["low", "mid", "top", "never"], ordered=True))
    assert ind.markov(ordered, "kind", **keys).counts.index.tolist() == ["low", "mid", "top"]
    turned = data.assign(kind=pd.Categorical(data["kind"], ["top", "mid", "low"], ordered=True))
    assert ind.markov(turned, "kind", **keys).counts.index.tolist() == ["top", "mid", "low"]
    spatial = ind.spatial_markov(data, "kind", states, permutations=19, **keys)
    overall = sum(chain.counts for chain in spatial.by_lag.values())
    pd.testing.assert_frame_equal(overall, plain.counts)
    assert list(spatial.by_lag) == ["low", "mid", "top"]
    year, W = wide.iloc[0], states.to_dense()
    units = classed(data, "kind", *keys.values(), 4, "pooled", True)
    result = neighbor_classes(units, states.reindex(units.table.units).csr)[0]
    for i, unit in enumerate(units.table.units):
        weight = W.loc[unit].groupby(year.reindex(W.columns)).sum()
        best = weight.index[np.isclose(weight, weight.max())]
        want = year[unit] if year[unit] in best else best[0]
        assert units.labels[result[i]] == want
    assert spatial.plot().get_xlabel() == "class of the neighbors"
    numbers = data.assign(code=data["kind"].map({"low": 0, "mid": 1, "top": 2}) == 2)
    assert ind.markov(numbers, "code", **keys).counts.index.tolist() == [False, True]


# placebos and tuning


def test_a_placebo_s_direct_and_total_effect_have_no_p_value():
    columbus = shapefiles.load("columbus")
    fit = sp.sdm("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"))
    placebo = sp.placebo_weights(fit, draws=19)
    table = placebo.tidy()
    untested = table["effect"].isin(["direct", "total"])
    assert table.loc[untested, "p_value"].isna().all()
    assert table.loc[~untested, "p_value"].between(2 / 20, 1).all()
    for what in ("rho", "direct", "indirect", "total"):
        words = " ".join(text.get_text() for text in placebo.plot(what).texts)
        assert ("p = " in words) == (what in ("rho", "indirect"))


def test_tuned_effects_are_averaged_and_a_fit_says_what_it_takes_as_given():
    columbus = shapefiles.load("columbus")
    tuned = sp.tune_weights(lambda k: wt.knn(columbus, k, metric="planar").standardize("row"), range(2, 7),
                            model=sp.sdm, formula="CRIME ~ INC + HOVAL", data=columbus, name="k")  # fmt: skip
    averaged = tuned.averaged().tidy()
    p = tuned.profile().set_index("value")["probability"]
    by_hand = sum(p[k] * tuned.fits[k].effects().tidy()["estimate"].to_numpy() for k in tuned.values)
    np.testing.assert_allclose(averaged["estimate"], by_hand, rtol=1e-6)
    assert "Effects averaged over" in str(tuned)
    assert f"k = {tuned.best}, taken as given" in str(tuned.fit)
    assert tuned.plot() is not None
