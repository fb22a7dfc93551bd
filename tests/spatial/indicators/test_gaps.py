"""Gaps and convergence: parts add up, twins agree, published transitions come out again."""

from pathlib import Path

import libpysal
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import gaussian_kde

import spatial as sp
from spillover.errors import SpatialInputError, SpatialInputWarning

from .naive import dagum, markov_counts

ind = sp.indicators
KEYS = {"entity": "省码", "time": "年份"}


@pytest.fixture
def panel():
    """Twelve provinces in three zones, six years; zero-padded codes, shuffled rows."""
    rng = np.random.default_rng(8)
    data = pd.DataFrame({"省码": [f"{i:02d}" for i in range(1, 13)] * 6, "年份": np.repeat(range(2011, 2017), 12)})
    data["地区"] = np.where(data["省码"] < "04", "东部", np.where(data["省码"] < "08", "中部", "西部"))
    data["人均产出"] = np.tile(rng.gamma(5, 1, 12), 6) * rng.gamma(50, 1, 72) * np.where(data["地区"] == "东部", 2, 1)
    data["人口"] = rng.gamma(5, 100, 72)
    return data.sample(frac=1, random_state=2)


@pytest.fixture(scope="module")
def incomes():
    """Per-capita incomes of 48 US states, 1929-2009, and their neighbors: the example of Rey & Montouri (1999)."""
    path = libpysal.examples.get_path
    wide = pd.read_csv(path("usjoin.csv")).drop(columns="STATE_FIPS")
    lines = Path(path("states48.gal")).read_text(encoding="ascii").split("\n")[1:]
    W = np.zeros((48, 48))
    for head, neighbors in zip(lines[::2], lines[1::2]):
        W[int(head.split()[0]), [int(j) for j in neighbors.split()]] = 1 / int(head.split()[1])
    w = pd.DataFrame(W, index=wide["Name"], columns=wide["Name"])
    return wide.melt("Name", var_name="year", value_name="income").astype({"year": int}), w


def test_dagum_by_its_double_sums(panel):
    result = ind.gini(panel, "人均产出", groups="地区", **KEYS)
    for year, rows in panel.groupby("年份"):
        by_hand = dagum(list(rows["人均产出"]), list(rows["地区"]))
        np.testing.assert_allclose(result.frame.loc[year], by_hand, rtol=1e-12)
    np.testing.assert_allclose(result.frame.iloc[:, 1:].sum(axis=1), result.frame["gini"])
    np.testing.assert_allclose(result.shares.sum(axis=1), 1)
    alone = ind.gini(panel, "人均产出", **KEYS)
    np.testing.assert_allclose(alone.frame["gini"], result.frame["gini"])
    east = ind.gini(panel[panel["地区"] == "东部"], "人均产出", **KEYS).frame["gini"]
    np.testing.assert_allclose(result.groups.query("group == '东部'")["gini"], east)
    assert "transvariation, %" in str(result)


def test_groups_without_overlap_have_no_transvariation():
    y = pd.DataFrame({"y": [1.0, 2, 3, 10, 12], "g": list("aaabb")}, index=list("vwxyz"))
    result = ind.gini(y, "y", groups="g")
    assert result.frame["transvariation"].item() == pytest.approx(0, abs=1e-15)
    assert result.pairs["distance"].item() == pytest.approx(1)
    same = ind.gini(y.assign(y=3.0), "y", groups="g").frame
    assert (same == 0).all(axis=None)


def test_theil_adds_up_and_weights_are_like_repeated_units(panel):
    result = ind.theil(panel, "人均产出", groups="地区", weights="人口", **KEYS)
    np.testing.assert_allclose(result.frame["within"] + result.frame["between"], result.frame["theil"])
    whole = panel.assign(人口=np.ceil(panel["人口"] / 200).astype(int)).query("年份 == 2013")
    many = whole.loc[whole.index.repeat(whole["人口"])].reset_index(drop=True)
    once = ind.theil(whole, "人均产出", groups="地区", weights="人口", entity="省码").frame
    np.testing.assert_allclose(once, ind.theil(many, "人均产出", groups="地区").frame)
    y = whole["人均产出"] / whole["人均产出"].mean()
    assert ind.theil(whole, "人均产出", entity="省码").frame["theil"].item() == pytest.approx(np.mean(y * np.log(y)))


def test_laws_of_inequality(panel):
    """Scale and the order of rows do not matter; a transfer from poor to rich makes gaps larger."""
    for measure in (ind.gini, ind.theil):
        one = measure(panel, "人均产出", groups="地区", **KEYS).frame
        more = panel.iloc[::-1].assign(人均产出=panel["人均产出"] * 7e5)
        pd.testing.assert_frame_equal(one, measure(more, "人均产出", groups="地区", **KEYS).frame)
        value = panel["人均产出"]
        poor, rich = value.idxmin(), value[panel["年份"] == panel["年份"][value.idxmin()]].idxmax()
        gift = pd.Series({poor: -value[poor] / 2, rich: value[poor] / 2}).reindex(value.index, fill_value=0)
        moved = panel.assign(人均产出=value + gift)
        year = panel["年份"][poor]
        assert measure(moved, "人均产出", **KEYS).frame.loc[year].item() > one.loc[year].iloc[0]


def test_sigma_convergence_by_hand(panel):
    result = ind.sigma_convergence(panel, "人均产出", groups="地区", **KEYS)
    wide = panel.pivot(index="年份", columns="省码", values="人均产出")
    whole = result.frame[result.frame["group"] == "all"].set_index("年份")
    np.testing.assert_allclose(whole["cv"], wide.std(axis=1) / wide.mean(axis=1))
    np.testing.assert_allclose(whole["sd_log"], np.log(wide).std(axis=1))
    first, last = np.log(wide.iloc[0]), np.log(wide.iloc[-1])
    r = np.corrcoef(first + last, first - last)[0, 1]
    assert 0.2 < result.tests["all"].statistic / (10 * r**2 / (1 - r**2)) < 5  # the classical form
    X = sm.add_constant(first + last)
    twin = sm.OLS(first - last, X).fit(cov_type="HC3")
    assert result.tests["all"].statistic == pytest.approx(twin.tvalues.iloc[1] ** 2)
    assert {t.name for t in result.tests} == {"all", "东部", "中部", "西部"}


@pytest.mark.parametrize(("model", "across"), [("ols", False), ("sdm", False), ("sar", True), ("sem", True)])
def test_convergence_at_a_known_speed(model, across):
    """Gaps shrink by e^(-0.05) a year, exactly but for small noise: speed, and half-life ln 2 / 0.05."""
    rng = np.random.default_rng(6)
    units, years = [f"{i:02d}" for i in range(40)], np.arange(2000, 2009)
    start = rng.normal(size=40)
    noise = 1e-4 * rng.normal(size=(9, 40))
    log_y = 3 + 0.02 * (years[:, None] - 2000) + start * np.exp(-0.05 * (years[:, None] - 2000)) + noise
    frame = pd.DataFrame({"code": units * 9, "year": np.repeat(years, 40), "y": np.exp(log_y).ravel()})
    ring = pd.DataFrame(0.5 * (np.eye(40, k=1) + np.eye(40, k=-1) + np.eye(40, k=39) + np.eye(40, k=-39)), units, units)
    effects = {"effects": "time"} if across else {}
    result = ind.beta_convergence(frame.sample(frac=1, random_state=1), "y", ring, entity="code", time="year",
                                 model=model, panel=across, **effects)  # fmt: skip
    row = result.table.set_index("term").loc["coefficient"]
    assert row["speed"] == pytest.approx(0.05, rel=1e-2)
    assert row["half_life"] == pytest.approx(np.log(2) / 0.05, rel=1e-2)
    assert list(result.table["term"]) == ["coefficient"] + ["direct", "total"] * (model in ("sar", "sdm"))
    assert "half-life" in str(result)


def test_conditional_convergence_is_the_regression_one_would_write(panel):
    ids = sorted(panel["省码"].unique())
    w = pd.DataFrame((np.eye(12, k=1) + np.eye(12, k=-1) + np.eye(12, k=11) + np.eye(12, k=-11)) / 2, ids, ids)
    result = ind.beta_convergence(panel, "人均产出", w, controls=["人口"], model="slx", **KEYS)
    ends = panel.pivot(index="省码", columns="年份", values=["人均产出", "人口"])
    data = pd.DataFrame({"人口": ends["人口"][2011], "initial": np.log(ends["人均产出"][2011])})
    data["growth"] = (np.log(ends["人均产出"][2016]) - data["initial"]) / 5
    other = sp.slx("growth ~ initial + 人口", data, w)
    pd.testing.assert_series_equal(result.fit.params, other.params)
    effects = other.effects().tidy().query("term == 'initial' and effect != 'indirect'")
    np.testing.assert_allclose(result.table["estimate"].iloc[1:], effects["estimate"])
    b, se = other.params["initial"], other.std_errors["initial"]
    assert result.table["speed"][0] == pytest.approx(-np.log(1 + 5 * b) / 5)
    step = 1e-6
    slope = (np.log(1 + 5 * (b + step)) - np.log(1 + 5 * (b - step))) / (2 * step) / 5
    assert result.table["speed_error"][0] == pytest.approx(abs(slope) * se, rel=1e-6)


def test_densities_are_those_of_scipy(panel):
    result = ind.kernel_densities(panel, "人均产出", periods=[2011, 2016], **KEYS)
    for year in (2011, 2016):
        y = panel.loc[panel["年份"] == year, "人均产出"]
        h = 0.9 * min(y.std(), np.subtract(*np.quantile(y, [0.75, 0.25])) / 1.34) * len(y) ** -0.2
        assert result.bandwidths[year] == pytest.approx(h)
        twin = gaussian_kde(y, bw_method=h / y.std())
        np.testing.assert_allclose(result.frame[year], twin(result.frame.index), rtol=1e-9, atol=1e-12)
        assert np.trapezoid(result.frame[year], result.frame.index) == pytest.approx(1, abs=5e-3)
    assert len(result.tidy()) == result.frame.size


def test_transitions_of_us_incomes_are_the_published_ones(incomes):
    """giddy's documented results on the same data: five classes, 2,352 ... moves, LR 170.659, Q 200.624, 60 df."""
    data, w = incomes
    keys = {"entity": "Name", "time": "year", "classes": 5, "permutations": 0}
    result = ind.spatial_markov(data.sample(frac=1, random_state=3), "income", w, **keys)
    assert result.tests["LR"].statistic == pytest.approx(170.659, abs=5e-4)
    assert result.tests["Q"].statistic == pytest.approx(200.624, abs=5e-4)
    assert result.tests["Q"].df == 60
    first = result.by_lag[1]
    np.testing.assert_allclose(first.probabilities.iloc[0], [0.96341463, 0.0304878, 0.00609756, 0, 0], atol=1e-8)
    np.testing.assert_allclose(
        first.steady_state, [0.43509425, 0.2635327, 0.20363044, 0.06841983, 0.02932278], atol=1e-8
    )
    overall = sum(m.counts for m in result.by_lag.values())
    pd.testing.assert_frame_equal(overall, result.overall.counts)
    alone = ind.markov(data, "income", entity="Name", time="year", classes=5)
    pd.testing.assert_frame_equal(alone.counts, result.overall.counts)


@pytest.mark.parametrize("quantiles", ["pooled", "period"])
def test_transitions_by_loops(incomes, quantiles):
    data, w = incomes
    keys = {"entity": "Name", "time": "year", "permutations": 9}
    result = ind.spatial_markov(data, "income", w, classes=3, quantiles=quantiles, **keys)
    wide = data.pivot(index="year", columns="Name", values="income")
    wide = wide.div(wide.mean(axis=1), axis=0)
    lag = wide @ w.loc[wide.columns, wide.columns].T
    classes = []
    for values in (wide, lag):
        cut = lambda x: np.digitize(x, np.quantile(x, [1 / 3, 2 / 3]), right=True)  # noqa: E731
        v = values.to_numpy()
        classes.append(cut(v) if quantiles == "pooled" else np.array([cut(row) for row in v]))
    counts = markov_counts(classes[0], 3, classes[1])
    np.testing.assert_array_equal([m.counts for m in result.by_lag.values()], counts)


def test_weights_in_another_order_or_without_labels(incomes):
    data, w = incomes
    keys = {"entity": "Name", "time": "year", "classes": 3, "permutations": 9}
    call = lambda weights, rows: ind.spatial_markov(rows, "income", weights, **keys)  # noqa: E731
    one = call(w, data).tidy()
    other = np.random.default_rng(0).permutation(48)
    pd.testing.assert_frame_equal(one, call(w.iloc[other, other], data).tidy())
    turned = data.sort_values(["year", "Name"], ascending=[True, False])  # an array follows the data's order of units
    with pytest.warns(SpatialInputWarning, match="no ids"):
        pd.testing.assert_frame_equal(one, call(w.to_numpy()[::-1, ::-1], turned).tidy())


def test_passage_times_solve_their_equations(incomes):
    """M = 1 + P (M - diag M): one step, then on from wherever it led."""
    data, _ = incomes
    result = ind.markov(data, "income", entity="Name", time="year", classes=4)
    P, M = result.probabilities.to_numpy(), result.passage_times.to_numpy()
    np.testing.assert_allclose(M, 1 + P @ (M - np.diag(np.diag(M))))
    pi = result.steady_state.to_numpy()
    np.testing.assert_allclose(pi @ P, pi)
    np.testing.assert_allclose(np.diag(M), 1 / pi)


def test_what_cannot_be_compared_is_refused(panel, incomes):
    w = incomes[1]
    ids = sorted(panel["省码"].unique())
    island = pd.DataFrame(np.eye(12, k=1), ids, ids)
    ones = pd.DataFrame(1 - np.eye(12), ids, ids)
    wander = panel.assign(地区=np.where(panel["年份"] == 2012, "东部", panel["地区"]))
    lonely = panel.assign(地区=np.where(panel["省码"] == "01", "京", "外"))
    y, key = "人均产出", KEYS
    cases = [
        ("E210", lambda: ind.gini(panel.assign(人均产出=-1.0), y, **key)),
        ("E211", lambda: ind.theil(panel.assign(人均产出=0.0), y, **key)),
        ("E211", lambda: ind.theil(panel.assign(人口=0.0), y, weights="人口", **key)),
        ("E201", lambda: ind.gini(panel.assign(地区=None), y, groups="地区", **key)),
        ("E222", lambda: ind.sigma_convergence(wander, y, groups="地区", **key)),
        ("E206", lambda: ind.sigma_convergence(lonely, y, groups="地区", **key)),
        ("E211", lambda: ind.sigma_convergence(panel.assign(人均产出=0.0), y, **key)),
        ("E104", lambda: ind.sigma_convergence(panel.iloc[1:], y, **key)),
        ("E204", lambda: ind.kernel_densities(panel.assign(人均产出=1.0), y, **key)),
        ("E501", lambda: ind.kernel_densities(panel, y, periods=[1999], **key)),
        ("E223", lambda: ind.markov(panel.assign(人均产出=np.where(panel["省码"] < "10", 1.0, 2.0)), y, **key)),
        ("E501", lambda: ind.markov(panel, y, classes=1, **key)),
        ("E211", lambda: ind.markov(panel.assign(人均产出=-panel[y]), y, **key)),
        ("E306", lambda: ind.spatial_markov(panel, y, island, **key)),
        ("E308", lambda: ind.spatial_markov(panel, y, ones, **key)),
        ("E101", lambda: ind.spatial_markov(panel, y, w, **key)),
        ("E501", lambda: ind.beta_convergence(panel, y, ones / 11, model="gmm", **key)),
        ("E502", lambda: ind.beta_convergence(panel.assign(growth=1), y, ones / 11, controls=["growth"], **key)),
        ("E104", lambda: ind.beta_convergence(panel[panel["年份"] != 2013], y, ones / 11, panel=True, **key)),
    ]
    for code, call in cases:
        with pytest.raises(SpatialInputError) as caught:
            call()
        assert caught.value.code == code, caught.value


def test_gaps_of_the_provinces(shared):
    data = pd.read_csv(shared / "china_province_panel.csv", dtype={"prov_code": str})
    data = data.assign(output=data["gdp_100m"] / data["population_10k"])
    result = ind.sigma_convergence(data, "output", entity="prov_code", time="year")
    cv = result.frame["cv"].to_numpy()
    assert 0.2 < cv.min() < cv.max() < 0.7
    assert (np.diff(ind.sigma_convergence(data, "dif_index", entity="prov_code", time="year").frame["cv"]) < 0.02).all()
