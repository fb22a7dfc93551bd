"""Coupling, structure, capital and growth tables: worked examples, identities, named refusals."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

ind = sp.indicators
KEYS = {"entity": "code", "time": "year"}


@pytest.fixture
def panel():
    rng = np.random.default_rng(11)
    data = pd.DataFrame({"code": [f"{i:02d}" for i in range(1, 7)] * 4, "year": np.repeat(range(2010, 2014), 6)})
    for name in ("农", "工", "服", "农业人", "工业人", "服务人"):
        data[name] = rng.gamma(4, 3, 24)
    return data.sample(frac=1, random_state=4)


def code_of(call):
    with pytest.raises(SpatialInputError) as caught:
        call()
    return caught.value.code


def test_coupling_of_the_two_forms():
    u = pd.DataFrame({"甲": [0.4, 0.5, 0.0, 0.2], "乙": [0.1, 0.5, 0.9, 0.8], "丙": [0.9, 0.5, 0.3, 0.5]})
    result = ind.coupling(u, ["甲", "乙"])
    np.testing.assert_allclose(result["coupling"], 2 * np.sqrt(u["甲"] * u["乙"]) / (u["甲"] + u["乙"]))
    np.testing.assert_allclose(result["coordination"] ** 2, result["coupling"] * result["development"])
    modified = ind.coupling(u, ["甲", "乙"], kind="modified")["coupling"]
    low, high = u[["甲", "乙"]].min(axis=1), u[["甲", "乙"]].max(axis=1)
    np.testing.assert_allclose(modified, np.sqrt((1 - (high - low)) * low / high))  # Wang et al. (2021), n = 2
    three = ind.coupling(u, ["甲", "乙", "丙"], weights=[0.5, 0.3, 0.2])
    np.testing.assert_allclose(three["development"], u @ [0.5, 0.3, 0.2])
    assert three["coupling"].iloc[1] == 1
    assert three["coupling"].iloc[2] == 0
    assert ind.coupling(u, ["甲", "乙", "丙"], kind="modified")["coupling"].between(0, 1).all()


def test_structure_at_its_ends(panel):
    ends = pd.DataFrame({"a": [1, 0, 0, 1], "b": [0, 1, 0, 1], "c": [0, 0, 1, 1]}, index=["a", "b", "c", "d"])
    result = ind.upgrading(ends, ["a", "b", "c"])
    assert result["layer"].tolist() == [1, 2, 3, 2]
    right = np.pi / 2
    np.testing.assert_allclose(result["angle"], [3 * right, 4 * right, 5 * right, 6 * np.arccos(1 / np.sqrt(3))])
    assert np.isnan(result["ratio"]["a"])
    sectors = ["农", "工", "服"]
    one, per_cent = ind.upgrading(panel, sectors, **KEYS), panel.copy()
    per_cent[sectors] = panel[sectors].div(panel[sectors].sum(axis=1), axis=0) * 100
    pd.testing.assert_frame_equal(one, ind.upgrading(per_cent, sectors, total=100, **KEYS))


def test_rationalization_is_never_negative_and_zero_when_alike(panel):
    y, l = ["农", "工", "服"], ["农业人", "工业人", "服务人"]
    result = ind.rationalization(panel, y, l, **KEYS)
    assert (result > 0).all()
    row = panel.set_index(["code", "year"]).loc[("03", 2012)]
    slow = sum(row[a] / row[y].sum() * np.log(row[a] / row[b] / (row[y].sum() / row[l].sum())) for a, b in zip(y, l))
    assert result["03", 2012] == pytest.approx(slow)
    alike = panel.assign(**{b: panel[a] * 3 for a, b in zip(y, l)})
    assert ind.rationalization(alike, y, l, **KEYS).abs().max() < 1e-14


def test_location_quotients_average_to_one(panel):
    sectors = ["农", "工", "服"]
    lq = ind.location_quotients(panel, sectors, **KEYS)
    size = panel.set_index(["code", "year"])[sectors].sum(axis=1).sort_index()
    for year in range(2010, 2014):
        here, weight = lq.xs(year, level="year"), size.xs(year, level="year")
        np.testing.assert_allclose((here.mul(weight, axis=0)).sum() / weight.sum(), 1)
    s = ind.specialization(panel, sectors, **KEYS)
    assert s["herfindahl"].between(1 / 3, 1).all()
    assert s["krugman"].between(0, 2).all()
    one = ind.specialization(pd.DataFrame({"a": [5, 0], "b": [0, 7]}, index=["x", "y"]), ["a", "b"])
    assert one.to_numpy().tolist() == [[1, 2], [1, 2]]


def test_capital_accumulates(panel):
    K = ind.perpetual_inventory(panel, "工", depreciation=0.1, growth=0.04, **KEYS)
    I = panel.set_index(["code", "year"])["工"].sort_index()
    for unit in ("01", "06"):
        k = I[unit, 2010] * 1.04 / 0.14
        for year in range(2010, 2014):
            k = k if year == 2010 else 0.9 * k + I[unit, year]
            assert K[unit, year] == pytest.approx(k)
    steady = pd.DataFrame({"code": ["a"] * 9, "year": range(9), "I": 7 * 1.03 ** np.arange(9)})
    K = ind.perpetual_inventory(steady, "I", **KEYS).to_numpy()
    np.testing.assert_allclose(K, 7 * 1.03 ** np.arange(1, 10) / (0.03 + 0.096))  # grows as investment does
    begin = ind.perpetual_inventory(steady, "I", first="begin", **KEYS).to_numpy()
    np.testing.assert_allclose(begin[1:], K[:-1])  # what is there when a period begins was there when the last ended
    tenth = ind.perpetual_inventory(steady, "I", first="tenth", **KEYS).to_numpy()
    np.testing.assert_allclose(tenth[:2], [70, 70 * 0.904 + 7 * 1.03])
    fast = ind.perpetual_inventory(steady, "I", growth=0.15, **KEYS).to_numpy()
    slow = ind.perpetual_inventory(steady, "I", growth=0.15, first="begin", **KEYS).to_numpy()
    assert slow[0] / fast[0] == pytest.approx(1 / 1.15)
    options = ind.perpetual_inventory(panel.assign(K0=5.0, rate=0.1), "工", depreciation="rate", initial="K0", **KEYS)
    assert (options.xs(2010, level="year") == 5).all()
    assert options["02", 2011] == pytest.approx(0.9 * 5 + I["02", 2011])


def test_growth_side_by_side(panel):
    result = ind.growth_table(panel, ["工", "服"], units=["03", "01"], base=2011, **KEYS)
    row = result.table.iloc[0]
    assert (row["variable"], row["code"]) == ("工", "03")
    assert row["first"] * (1 + row["growth"]) ** 3 == pytest.approx(row["last"])
    assert (result.levels.loc[2011] == 100).all()
    assert result.levels[("服", "01")].loc[2013] == pytest.approx(result.table.iloc[3]["level_last"])
    whole = ind.growth_table(panel, "工", **KEYS).table
    assert whole["share_first"].sum() == pytest.approx(1)
    assert "2010" in str(result)


def test_what_cannot_be_is_refused(panel):
    sectors = ["农", "工", "服"]
    shares = pd.DataFrame({"a": [30, 20], "b": [60, 80.2]}, index=["北京", "上海"])
    with pytest.raises(SpatialInputError) as caught:
        ind.upgrading(shares, ["a", "b"], total=100)
    assert (caught.value.code, caught.value.ids) == ("E221", ["北京"])
    workers = ["农业人", "工业人", "服务人"]
    hole = panel[(panel["code"] != "02") | (panel["year"] != 2012)]
    calls = {
        "E220": lambda: ind.coupling(panel, ["农", "工"], **KEYS),
        "E221": lambda: ind.coupling(panel.assign(农=0.1, 工=0.2), ["农", "工"], weights=[0.5, 0.6], **KEYS),
        "E210": lambda: ind.upgrading(panel.assign(农=-1.0), sectors, **KEYS),
        "E211": lambda: ind.rationalization(panel.assign(工业人=0.0), sectors, workers, **KEYS),
        "E501": lambda: ind.rationalization(panel, sectors, workers[:2], **KEYS),
        "E104": lambda: ind.perpetual_inventory(hole, "工", **KEYS),
        "E101": lambda: ind.growth_table(panel, "工", units=["1"], **KEYS),
        "E203": lambda: ind.growth_table(panel.astype({"year": str}), "工", **KEYS),
    }
    assert {code: code_of(call) for code, call in calls.items()} == {code: code for code in calls}
    years = panel[panel["year"] != 2012]  # for every unit
    assert code_of(lambda: ind.perpetual_inventory(years, "工", **KEYS)) == "E104"
    assert code_of(lambda: ind.markov(years, "工", **KEYS)) == "E104"
    with pytest.raises(SpatialInputError) as caught:
        ind.perpetual_inventory(hole, "工", **KEYS)
    assert caught.value.ids == [("02", 2012)]
    assert code_of(lambda: ind.location_quotients(panel.assign(农=0.0), sectors, **KEYS)) == "E211"
    assert code_of(lambda: ind.perpetual_inventory(panel, "工", depreciation=9.6, **KEYS)) == "E220"
    assert code_of(lambda: ind.growth_table(panel, "工", start=1999, **KEYS)) == "E501"


def test_no_module_hides_a_function():
    for name in ind.__all__:
        assert callable(getattr(ind, name))
