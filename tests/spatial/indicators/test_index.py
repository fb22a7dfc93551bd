"""Composite indices: weights by hand, laws of scale and labels, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError, SpatialInputWarning

KEYS = {"entity": "省码", "time": "年份"}


@pytest.fixture
def china():
    """Nine provinces and three years, zero-padded codes, shuffled rows."""
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"省码": [f"{i:02d}" for i in range(1, 10)] * 3, "年份": np.repeat([2011, 2012, 2013], 9)})
    data["账户数"] = rng.gamma(3, 2, 27) + data["年份"] - 2011
    data["不良率"] = rng.gamma(2, 1, 27)
    data["支付笔数"] = data["账户数"] * rng.uniform(0.5, 2, 27)
    return data.sample(frac=1, random_state=1).reset_index(drop=True)


DIRECTIONS = {"账户数": "+", "不良率": "-", "支付笔数": "+"}


def by_hand(data, directions):
    """Entropy weights with loops, as a textbook has them."""
    z, d = {}, {}
    for name, direction in directions.items():
        x = list(data[name])
        z[name] = [(v - min(x) if direction == "+" else max(x) - v) / (max(x) - min(x)) for v in x]
        p = [v / sum(z[name]) for v in z[name]]
        d[name] = 1 + sum(v * np.log(v) for v in p if v > 0) / np.log(len(p))
    w = {name: d[name] / sum(d.values()) for name in d}
    return w, [sum(w[name] * z[name][i] for name in w) for i in range(len(data))]


def test_entropy_weights_are_those_of_the_textbook(china):
    index = sp.indicators.composite_index(china, DIRECTIONS, **KEYS)
    weights, scores = by_hand(china, DIRECTIONS)
    assert index.weights.set_index("indicator")["weight"].to_dict() == pytest.approx(weights)
    merged = china.assign(by_hand=scores).merge(index.to_frame(), on=list(KEYS.values()))
    np.testing.assert_allclose(merged["index"], merged["by_hand"])
    assert index.scores.index.names == ["省码", "年份"]
    assert index.scores.index.is_monotonic_increasing


def test_each_period_has_its_own_scale_when_they_are_not_pooled(china):
    index = sp.indicators.composite_index(china, DIRECTIONS, pooled=False, **KEYS)
    for year, rows in china.groupby("年份"):
        weights, scores = by_hand(rows, DIRECTIONS)
        result = index.weights.query("年份 == @year").set_index("indicator")["weight"].to_dict()
        assert result == pytest.approx(weights)
        there = index.scores.xs(year, level="年份").loc[rows["省码"]]
        np.testing.assert_allclose(there, scores)


@pytest.mark.parametrize("method", ["entropy", "critic", "equal", "pca"])
def test_laws_of_every_method(china, method):
    """Units of measurement and the order of rows do not matter; weights sum to one; scores stay in [0, 1]."""
    china["不良率"] = 9 - china["账户数"] + np.random.default_rng(2).normal(size=27)  # less is better, and it falls
    one = sp.indicators.composite_index(china, DIRECTIONS, method=method, **KEYS)
    other = china.assign(账户数=china["账户数"] * 1e6 + 3, 不良率=china["不良率"] / 100).iloc[::-1]
    two = sp.indicators.composite_index(other.set_index(["省码", "年份"]), DIRECTIONS, method=method)
    pd.testing.assert_series_equal(one.scores, two.scores)
    assert one.weights["weight"].sum() == pytest.approx(1)
    assert one.scores.between(0, 1).all()
    turned = sp.indicators.composite_index(
        china.assign(不良率=-china["不良率"]), dict.fromkeys(DIRECTIONS, "+"), method=method, **KEYS
    )
    pd.testing.assert_series_equal(one.scores, turned.scores)


def test_critic_by_its_definition(china):
    index = sp.indicators.composite_index(china, DIRECTIONS, method="critic", **KEYS)
    Z = index.normalised
    C = [Z[j].std() * sum(1 - Z[j].corr(Z[k]) for k in Z) for j in Z]
    np.testing.assert_allclose(index.weights["weight"], C / np.sum(C))


def test_the_pca_index_is_the_first_component(china):
    china["不良率"] = 20 - china["账户数"] ** 0.7 + np.random.default_rng(3).normal(size=27)
    index = sp.indicators.composite_index(china, DIRECTIONS, method="pca", **KEYS)
    Z = index.normalised.to_numpy()
    scaled = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    component = scaled @ np.linalg.svd(scaled)[2][0]
    assert abs(np.corrcoef(component, index.scores)[0, 1]) == pytest.approx(1, abs=1e-12)


def test_an_indicator_that_moves_against_the_others_is_named(china):
    china["不良率"] = china["账户数"] + np.random.default_rng(3).normal(size=27) / 9
    with pytest.warns(SpatialInputWarning, match="'不良率'"):
        sp.indicators.composite_index(china, DIRECTIONS, method="pca", **KEYS)


def test_two_levels_are_an_index_of_indices(china):
    plan = {"广度": ["账户数", "支付笔数"], "质量": {"不良率": "-"}}
    index = sp.indicators.composite_index(china, plan, **KEYS)
    parts = {g: sp.indicators.composite_index(china, members, **KEYS).scores for g, members in plan.items()}
    pd.testing.assert_frame_equal(index.groups, pd.DataFrame(parts))
    # a group's weights see the sub-indices as they are, so that the index is the weighted sum of what is printed
    p = index.groups / index.groups.sum()
    d = 1 + (p * np.log(p.where(p > 0, 1))).sum() / np.log(27)
    np.testing.assert_allclose(index.scores, index.groups @ (d / d.sum()))
    np.testing.assert_allclose(index.scores, index.normalised @ index.weights.set_index("indicator")["weight"])
    assert "广度" in str(index)
    assert index.to_frame().columns.tolist() == ["省码", "年份", "广度", "质量", "index"]


def test_bad_indicators_are_named(china):
    flat = china.assign(账户数=np.where(china["年份"] == 2012, 1.0, china["账户数"]))
    hole = china.assign(不良率=china["不良率"].mask(china["省码"] == "03"))
    mirror = china.assign(反=-china["账户数"])
    cases = [
        ("E204", "账户数", china.assign(账户数=7.0), DIRECTIONS, {}),
        ("E204", "账户数", flat, DIRECTIONS, {"pooled": False}),
        ("E201", "不良率", hole, DIRECTIONS, {}),
        ("E202", "账户数", china.assign(账户数=np.inf), DIRECTIONS, {}),
        ("E203", "账户数", china.assign(账户数="1,234"), DIRECTIONS, {}),
        ("E103", None, pd.concat([china, china[:2]]), DIRECTIONS, {}),
        ("E502", "利润", china, ["账户数", "利润"], {}),
        ("E501", "账户数", china, ["账户数", "账户数"], {}),
        ("E501", None, china, {"账户数": "up"}, {}),
        ("E501", None, china, {"广度": []}, {}),
        ("E501", None, china, DIRECTIONS, {"method": "ahp"}),
        ("E206", None, china[:2], DIRECTIONS, {}),
        ("E203", "账户数", china.astype({"账户数": str}), DIRECTIONS, {}),
        ("E221", None, mirror, ["账户数", "反"], {"method": "pca"}),
        ("E204", None, mirror, {"甲": ["账户数", "反"], "乙": ["不良率"]}, {"method": "equal"}),
        ("E501", None, china, {"index": ["账户数"], "乙": ["不良率"]}, {}),
    ]
    for code, column, data, plan, options in cases:
        with pytest.raises(SpatialInputError) as caught:
            sp.indicators.composite_index(data, plan, **KEYS, **options)
        assert (caught.value.code, caught.value.column) == (code, column), caught.value
    with pytest.raises(SpatialInputError) as caught:
        sp.indicators.composite_index(hole, DIRECTIONS, **KEYS)
    assert caught.value.ids == [("03", 2011), ("03", 2012), ("03", 2013)]
    with pytest.raises(SpatialInputError, match="2012"):
        sp.indicators.composite_index(flat, DIRECTIONS, pooled=False, **KEYS)


def test_sub_indices_of_digital_finance_follow_the_published_one(shared):
    data = pd.read_csv(shared / "china_province_panel.csv", dtype={"prov_code": str})
    plan = {"广度": ["dif_breadth"], "深度": ["dif_depth"], "数字化": ["dif_digital"]}
    index = sp.indicators.composite_index(data, plan, entity="prov_code", time="year")
    published = data.set_index(["prov_code", "year"])["dif_index"].sort_index()
    assert np.corrcoef(index.scores, published)[0, 1] > 0.98
