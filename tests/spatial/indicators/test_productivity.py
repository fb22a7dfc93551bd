"""Efficiency and productivity: textbook scores, programmes written out one by one, and identities."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import spatial as sp
from spillover.errors import SpatialInputError

ind = sp.indicators
KEYS = {"entity": "code", "time": "year"}
X, Y = ["资本", "劳动"], ["产出"]


@pytest.fixture
def panel():
    """Nine units, four years, two inputs, an output and emissions; shuffled rows."""
    rng = np.random.default_rng(21)
    data = pd.DataFrame({"code": [f"{i:02d}" for i in range(1, 10)] * 4, "year": np.repeat(range(2010, 2014), 9)})
    data["资本"], data["劳动"] = rng.gamma(5, 2, (2, 36))
    data["产出"] = data["资本"] ** 0.4 * data["劳动"] ** 0.6 * rng.uniform(0.5, 1, 36) * 1.03 ** (data["year"] - 2010)
    data["排放"] = data["产出"] * rng.uniform(0.5, 2, 36)
    return data.sample(frac=1, random_state=3)


@pytest.fixture(scope="module")
def hospitals():
    """Cooper, Seiford & Tone (2007), table 1.5."""
    return pd.DataFrame(
        {
            "doctors": [20, 19, 25, 27, 22, 55, 33, 31, 30, 50, 53, 38],
            "nurses": [151, 131, 160, 168, 158, 255, 235, 206, 244, 268, 306, 284],
            "out": [100, 150, 160, 180, 94, 230, 220, 152, 190, 250, 260, 250],
            "in": [90, 50, 55, 72, 66, 90, 88, 80, 100, 100, 147, 120],
        },
        index=list("ABCDEFGHIJKL"),
    )


@pytest.fixture(scope="module")
def plants():
    """Power plants: four inputs, two outputs (Tone 2002, table 1)."""
    return pd.DataFrame(
        {
            "manpower": [80, 65, 83, 40, 52, 94], "cost": [600, 200, 400, 1000, 600, 700],
            "upkeep": [54, 97, 72, 75, 20, 36], "moved": [8, 1, 4, 7, 3, 5],
            "power": [90, 58, 60, 80, 72, 96], "safety": [5, 1, 7, 10, 8, 6],
        }, index=[f"D{i}" for i in range(1, 7)],
    )  # fmt: skip


def solve(c, A, b, A_eq=None, b_eq=None, free=0):
    bounds = [(None, None)] * free + [(0, None)] * (len(c) - free)
    result = linprog(c, A_ub=A, b_ub=b, A_eq=A_eq, b_eq=b_eq, bounds=bounds)
    return result.fun if result.status == 0 else np.nan


def output_distance(x, y, X, Y, variable=False):
    """D(x, y) = 1 / phi, the programme written row by row."""
    n = len(X)
    A = [[0, *X[:, i]] for i in range(X.shape[1])] + [[y[r], *-Y[:, r]] for r in range(Y.shape[1])]
    b = [*x, *[0] * len(y)]
    eq = ([[0, *[1] * n]], [1]) if variable else (None, None)
    return -1 / solve([-1, *[0] * n], A, b, *eq)


def directional(x, y, b, X, Y, B):
    n = len(X)
    A = [[0, *X[:, i]] for i in range(X.shape[1])] + [[y[r], *-Y[:, r]] for r in range(Y.shape[1])]
    eq = [[b[r], *B[:, r]] for r in range(B.shape[1])]
    return -solve([-1, *[0] * n], A, [*x, *-y], eq, b, free=1)


def arrays(data, columns):
    return {year: rows.set_index("code").sort_index()[columns].to_numpy() for year, rows in data.groupby("year")}


def test_scores_of_the_textbook(hospitals):
    ccr = [1, 1, 0.883, 1, 0.763, 0.835, 0.902, 0.796, 0.960, 0.871, 0.955, 0.958]
    bcc = [1, 1, 0.896, 1, 0.882, 0.939, 1, 0.799, 0.989, 1, 1, 1]
    for returns, reference in (("constant", ccr), ("variable", bcc)):
        result = ind.dea(hospitals, ["doctors", "nurses"], ["out", "in"], returns=returns, orientation="input")
        np.testing.assert_allclose(result.scores.round(3), reference)
    shops = pd.DataFrame({"x1": [4, 7, 8, 4, 2, 10], "x2": [3, 3, 1, 2, 4, 1], "y": 1})  # their table 2.1
    result = ind.dea(shops, ["x1", "x2"], ["y"], returns="constant", orientation="input").scores
    np.testing.assert_allclose(result.round(4), [0.8571, 0.6316, 1, 1, 1, 1])


def test_laws_of_the_radial_score(panel):
    """Constant returns: both orientations agree, and lie below variable returns; units of measurement do not matter."""
    ccr = ind.dea(panel, X, Y, returns="constant", **KEYS).scores
    scaled = panel.assign(资本=panel["资本"] * 1e7, 产出=panel["产出"] / 1e4).iloc[::-1]
    other = ind.dea(scaled, X, Y, returns="constant", orientation="input", **KEYS).scores
    pd.testing.assert_series_equal(ccr, other, rtol=1e-7)
    bcc = ind.dea(panel, X, Y, **KEYS).scores
    assert (bcc >= ccr - 1e-9).all()
    assert (bcc.groupby(level="year").max() > 1 - 1e-9).all()
    xs, ys = arrays(panel, X), arrays(panel, Y)
    for year in xs:
        slow = [output_distance(x, y, xs[year], ys[year], variable=True) for x, y in zip(xs[year], ys[year])]
        np.testing.assert_allclose(bcc.xs(year, level="year"), slow, rtol=1e-7)


@pytest.mark.parametrize("returns", ["constant", "variable"])
@pytest.mark.parametrize("undesirable", [False, True])
def test_slacks_by_the_fractional_programme(hospitals, returns, undesirable):
    """The score r is the root of min (numerator - r denominator) = 0 over the slacks themselves (Dinkelbach), for rho
    of the units inside and delta of those on the frontier; written row by row."""
    data = hospitals.assign(waste=[9, 7, 8, 9, 6, 9, 8, 9, 9, 8, 9, 5])
    bad = ["waste"] * undesirable
    result = ind.super_sbm(data, ["doctors", "nurses"], ["out", "in"], undesirable=bad, returns=returns).scores
    Z = data[["doctors", "nurses", "out", "in", *bad]].to_numpy(float)
    k, outputs = Z.shape[1], (2, 3)
    for o, score in enumerate(result):
        over = score >= 1 - 1e-6
        peers = np.delete(Z, o, 0) if over else Z
        n, sign = len(peers), 1 if over else -1
        rows = []
        for j in range(k):  # the point that peers reach, against the unit moved by its slack
            slack = np.zeros(k)
            slack[j] = -1 if over else 1
            turn = -1 if j in outputs else 1
            rows.append(([*turn * peers[:, j], *slack], turn * Z[o, j]))
            if over and j in outputs:
                rows.append(([*[0] * n, *-slack], Z[o, j]))
        numerator, denominator = np.zeros(n + k), np.zeros(n + k)
        numerator[n : n + 2] = sign / (2 * Z[o, :2])
        denominator[n + 2 :] = -sign / ((k - 2) * Z[o, 2:])
        value = solve(numerator - score * denominator, [r for r, _ in rows], [v for _, v in rows],
                      *(([[*[1] * n, *[0] * k]], [1]) if returns == "variable" else (None, None)))  # fmt: skip
        assert value + 1 - score == pytest.approx(0, abs=1e-7)


def test_super_efficiency_ranks_the_power_plants(plants):
    """All six lie on the frontier; dropping each from its own gives the radial scores in Tone (2002)."""
    from spatial.indicators._distances import radial

    inputs, outputs = ["manpower", "cost", "upkeep", "moved"], ["power", "safety"]
    x, y = plants[inputs].to_numpy(float), plants[outputs].to_numpy(float)
    alone = [radial(x[[k]], y[[k]], np.delete(x, k, 0), np.delete(y, k, 0), "constant", "input")[0] for k in range(6)]
    np.testing.assert_allclose(alone, [1.0283, 2.4167, 1.3125, 1.6250, 2.4026, 1.0628], atol=5e-5)
    result = ind.super_sbm(plants, inputs, outputs, returns="constant").scores
    assert (result > 1).all()
    assert (result <= np.array(alone) + 1e-9).all()  # a mean of slacks is never above the radial score
    assert result.rank().tolist() == [1, 5, 3, 4, 6, 2]


def test_malmquist_is_what_its_distances_say(panel):
    result = ind.malmquist(panel, X, Y, **KEYS)
    xs, ys = arrays(panel, X), arrays(panel, Y)

    def D(unit, s, t, variable=False):
        return output_distance(xs[s][unit], ys[s][unit], xs[t], ys[t], variable)

    for unit, code in enumerate(sorted(panel["code"].unique())):
        for s, t in ((2010, 2011), (2012, 2013)):
            row = result.frame.loc[(code, t)]
            tfp = np.sqrt(D(unit, t, s) / D(unit, s, s) * D(unit, t, t) / D(unit, s, t))
            assert row["tfp"] == pytest.approx(tfp, rel=1e-7)
            assert row["efficiency"] == pytest.approx(D(unit, t, t) / D(unit, s, s), rel=1e-7)
            assert row["pure"] == pytest.approx(D(unit, t, t, True) / D(unit, s, s, True), rel=1e-7)
    f = result.frame
    np.testing.assert_allclose(f["efficiency"] * f["technical"], f["tfp"])
    np.testing.assert_allclose(f["pure"] * f["scale"], f["efficiency"])
    assert len(result.infeasible) == 0
    levels = result.levels
    assert (levels.xs(2010, level="year") == 1).all(axis=None)
    np.testing.assert_allclose(levels.loc[("03", 2013)], f.loc["03"].prod())
    np.testing.assert_allclose(result.by_unit.loc["03"], f.loc["03"].prod() ** (1 / 3))


def test_malmquist_laws(panel):
    """Doubling all outputs in every later year is technical change of 2, once, and nothing else; efficiency change
    chains over periods, as an index should (the technical part need not)."""
    one = ind.malmquist(panel, X, Y, **KEYS).frame
    more = panel.assign(产出=panel["产出"] * np.where(panel["year"] >= 2012, 2, 1))
    two = ind.malmquist(more, X, Y, **KEYS).frame
    expected = one.copy()
    there = expected.index.get_level_values("year") == 2012
    expected.loc[there, ["tfp", "technical"]] *= 2
    pd.testing.assert_frame_equal(two, expected, rtol=1e-6)
    ends = ind.malmquist(panel[panel["year"].isin([2010, 2013])], X, Y, **KEYS).frame.droplevel("year")
    chained = one["efficiency"].groupby(level="code").prod()
    np.testing.assert_allclose(ends["efficiency"], chained, rtol=1e-7)
    same = panel.merge(panel.query("year == 2010")[["code", *X, *Y]], on="code", suffixes=("_", ""))
    np.testing.assert_allclose(ind.malmquist(same, X, Y, **KEYS).frame, 1, rtol=1e-6)


def test_one_input_one_output_is_the_ratio_of_productivities(panel):
    result = ind.malmquist(panel, ["劳动"], Y, **KEYS).frame["tfp"]
    ratio = panel.set_index(["code", "year"]).sort_index().eval("产出 / 劳动")
    ratio = 1 + ratio.groupby(level=0).pct_change().dropna()
    np.testing.assert_allclose(result, ratio, rtol=1e-7)


def test_luenberger_is_what_its_distances_say(panel):
    panel = panel.assign(排放=np.where(panel["year"] == 2013, panel["排放"] * 3, panel["排放"]))
    result = ind.malmquist_luenberger(panel, X, Y, ["排放"], **KEYS)
    xs, ys, bs = arrays(panel, X), arrays(panel, Y), arrays(panel, ["排放"])

    def D(unit, s, t):
        return 1 + directional(xs[s][unit], ys[s][unit], bs[s][unit], xs[t], ys[t], bs[t])

    lost = set()
    for unit, code in enumerate(sorted(panel["code"].unique())):
        for t in (2011, 2012, 2013):
            row = result.frame.loc[(code, t)]
            pieces = [D(unit, t - 1, t - 1), D(unit, t, t - 1), D(unit, t - 1, t), D(unit, t, t)]
            lost |= {(code, t, t - 1)} if np.isnan(pieces[1]) else set()
            lost |= {(code, t, t)} if np.isnan(pieces[2]) else set()
            tfp = np.sqrt(pieces[0] / pieces[1] * pieces[2] / pieces[3])
            assert row["tfp"] == pytest.approx(tfp, rel=1e-6, nan_ok=True)
            assert row["efficiency"] == pytest.approx(pieces[0] / pieces[3], rel=1e-7)
    assert lost == set(result.infeasible.itertuples(index=False, name=None))
    assert len(lost) > 0
    assert "without a solution" in str(result)
    np.testing.assert_allclose(result.frame["efficiency"] * result.frame["technical"], result.frame["tfp"])


def test_growth_accounting_adds_up(panel):
    options = ind.solow_residual(panel, "产出", "资本", "劳动", capital_share=0.4, **KEYS)
    f = options.frame.dropna()
    np.testing.assert_allclose(f["output"], f["capital"] + f["labour"] + f["tfp"])
    Y, K, L = (panel.set_index(["code", "year"])[c].sort_index() for c in ("产出", "资本", "劳动"))
    np.testing.assert_allclose(options.tfp, Y / (K**0.4 * L**0.6))
    free = ind.solow_residual(panel, "产出", "资本", "劳动", **KEYS)
    data = pd.DataFrame({"y": np.log(Y / L), "k": np.log(K / L)}).reset_index()
    ids = sorted(panel["code"].unique())
    w = pd.DataFrame((np.eye(9, k=1) + np.eye(9, k=-1)), ids, ids)
    fit = sp.ols("y ~ k", data, w, entity="code", time="year")
    assert free.capital_share == pytest.approx(fit.params["k"])
    exact = panel.assign(产出=panel["资本"] ** 0.3 * panel["劳动"] ** 0.7 * np.exp(panel["year"] - 2010))
    result = ind.solow_residual(exact, "产出", "资本", "劳动", **KEYS)
    assert result.capital_share == pytest.approx(0.3)
    np.testing.assert_allclose(result.frame["tfp"].dropna(), 1)


def test_what_cannot_be_measured_is_refused(panel):
    hole = panel[(panel["code"] != "05") | (panel["year"] != 2011)]
    none = panel.assign(**{name: panel[name].where(panel["code"] != "02", 0) for name in X})
    cases = [
        ("E224", lambda: ind.dea(panel.assign(产出=panel["产出"] - 5), X, Y, **KEYS)),
        ("E224", lambda: ind.dea(none, X, Y, **KEYS)),
        ("E224", lambda: ind.malmquist(panel.assign(产出=0.0), X, Y, **KEYS)),
        ("E211", lambda: ind.super_sbm(panel.assign(资本=0.0), X, Y, **KEYS)),
        ("E104", lambda: ind.malmquist(hole, X, Y, **KEYS)),
        ("E206", lambda: ind.malmquist(panel[panel["year"] == 2010], X, Y, **KEYS)),
        ("E501", lambda: ind.malmquist_luenberger(panel, X, Y, [], **KEYS)),
        ("E501", lambda: ind.dea(panel, X, [], **KEYS)),
        ("E501", lambda: ind.dea(panel, X, Y, returns="crs", **KEYS)),
        ("E502", lambda: ind.dea(panel, X, ["资本"], **KEYS)),
        ("E220", lambda: ind.solow_residual(panel, "产出", "资本", "劳动", capital_share=40, **KEYS)),
        ("E208", lambda: ind.solow_residual(panel.assign(资本=panel["劳动"]), "产出", "资本", "劳动", **KEYS)),
    ]
    for code, call in cases:
        with pytest.raises(SpatialInputError) as caught:
            call()
        assert caught.value.code == code, caught.value
    with pytest.raises(SpatialInputError) as caught:
        ind.dea(none, X, Y, **KEYS)
    assert caught.value.ids[0] == ("02", 2010)


def test_the_provinces_have_a_productivity(shared):
    data = pd.read_csv(shared / "china_province_panel.csv", dtype={"prov_code": str})
    result = ind.malmquist(data, ["population_10k", "fiscal_exp_100m"], ["gdp_100m"], entity="prov_code", time="year")
    assert result.frame.shape == (31 * 12, 5)
    assert len(result.infeasible) == 0
    np.testing.assert_allclose(result.frame["efficiency"] * result.frame["technical"], result.frame["tfp"])


def test_levels_cumulate_in_the_order_of_the_periods():
    """Periods whose labels sort otherwise: "c" is before "b", "b" before "a"."""
    order = ["c", "b", "a"]
    half = pd.Categorical(np.repeat(order, 2), categories=order, ordered=True)
    data = pd.DataFrame({"city": ["x", "y"] * 3, "half": half,
                         "capital": [1.0, 2, 1.1, 2.2, 1.2, 2.1], "gdp": [1.0, 1.5, 1.4, 1.6, 1.3, 2.5]})  # fmt: skip
    result = sp.indicators.malmquist(data, "capital", "gdp", entity="city", time="half")
    for city in ("x", "y"):
        changes = result.frame.loc[city, "tfp"]
        assert changes.index.tolist() == ["b", "a"]
        assert result.levels.loc[city, "tfp"].index.tolist() == order
        np.testing.assert_allclose(result.levels.loc[city, "tfp"], [1.0, *np.cumprod(changes)])
