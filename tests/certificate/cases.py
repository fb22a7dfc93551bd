"""Bad input, row by row: what a user hands in, and what must come back.

A case ends in one of two ways that are good: "right" (the right number, or a documented reading that is said) or
"error" (one clear error with its code, the place and a next step). Everything else is a fault: "unclear" (another
exception, or an error without code or next step), "silent" (a wrong number without a word), "hang" (over ten seconds).
``python -m tests.certificate`` prints the counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

import shapefiles
import spatial as sp
import weights as wt
from spillover.matrix import as_weights

FORMULA = "CRIME ~ INC + HOVAL"


@dataclass(frozen=True)
class Case:
    """One input. ``code`` is that of the error; None where the answer must be right, and ``run`` asserts it."""

    name: str
    code: str | None
    run: Callable[[], object]
    says: str = ""


class World:
    """What the cases share; read once."""

    def __init__(self):
        self.columbus = shapefiles.load("columbus")
        self.w = wt.queen(self.columbus).standardize("row")
        self.fit = sp.sar(FORMULA, self.columbus, self.w)
        self.states = shapefiles.load("us_states")
        self.panel = shapefiles.load_panel("us_states")
        self.ws = wt.queen(self.states).standardize("row")
        self.keys = {"entity": "state", "time": "year"}
        self.two = sp.sar("log(gsp) ~ unemp", self.panel, self.ws, **self.keys)


def changed(frame: pd.DataFrame, column: str, value, rows=(3,)) -> pd.DataFrame:
    """A copy with ``value`` in some rows of a column."""
    values = frame[column].astype(object if isinstance(value, str) else frame[column].dtype).copy()
    values.iloc[list(rows)] = value
    return frame.assign(**{column: values})


def same(a, b, tolerance=1e-8):
    np.testing.assert_allclose(np.asarray(a, float), np.asarray(b, float), rtol=tolerance, atol=1e-10)


def ids_and_order(s: World) -> list[Case]:
    c, w = s.columbus, s.w
    text = c.set_axis([f"{i:03d}" for i in c.index])
    w_text = wt.queen(text).standardize("row")
    y = c["CRIME"]
    return [
        Case("rows in another order", None, lambda: same(sp.sar(FORMULA, c.iloc[::-1], w).params, s.fit.params)),
        Case("Series in another order", None, lambda: same(sp.moran(y.iloc[::-1], w).I, sp.moran(y, w).I)),
        Case("W in another order", None, lambda: same(
            sp.sar(FORMULA, c, w.reindex(w.ids[::-1])).params, s.fit.params)),
        Case("text ids keep their order", None, lambda: same(sp.sar(FORMULA, text, w_text).params, s.fit.params)),
        Case("'001' in W, 1 in the data", None, lambda: same(sp.sar(FORMULA, c, w_text).params, s.fit.params)),
        Case("'1.0' in the data", None, lambda: same(
            sp.sar(FORMULA, c.set_axis([f"{i}.0" for i in c.index]), w).params, s.fit.params)),
        Case("blanks around ids", None, lambda: same(
            sp.sar(FORMULA, text.set_axis([f" {i} " for i in text.index]), w_text).params, s.fit.params)),
        Case("duplicate id", "E102", lambda: sp.sar(FORMULA, c.set_axis([1, *c.index[:-1]]), w)),
        Case("duplicate id in a map", "E102", lambda: wt.queen(c.set_axis([1, *c.index[:-1]]))),
        Case("duplicate id, knn", "E102", lambda: wt.knn(c.set_axis([1, *c.index[:-1]]), 4, metric="planar")),
        Case("missing id", "E101", lambda: wt.queen(c.set_axis([None, *c.index[1:]]))),
        Case("another map with as many units", "E101", lambda: sp.sar(FORMULA, c.set_axis(c.index + 100), w)),
        Case("fewer rows than W", "E101", lambda: sp.sar(FORMULA, c.iloc[:-5], w), "w.subset"),
        Case("more rows than W", "E101", lambda: sp.sar(FORMULA, c, w.subset(list(w.ids[:-5])))),
        Case("W and data of other sizes, no labels", "E105", lambda: sp.sar(FORMULA, c, np.eye(48, k=1))),
        Case("a neighbor that is no unit", "E101", lambda: wt.from_frame(
            pd.DataFrame({"focal": ["a", "b"], "neighbor": ["b", "z"], "weight": [1.0, 1.0]}), ids=["a", "b"])),
        Case("a neighbor listed twice", "E310", lambda: wt.from_frame(
            pd.DataFrame({"focal": ["a", "a", "b"], "neighbor": ["b", "b", "a"], "weight": [1.0, 1.0, 1.0]}))),
        Case("missing values, sample cut on request", None, lambda: same(
            sp.sar(FORMULA, changed(c, "INC", np.nan), w, missing="drop").params,
            sp.sar(FORMULA, c.drop(index=c.index[3]), w.subset(c.index.drop(c.index[3]))).params)),
        Case("row numbers beside text ids", "E101", lambda: sp.sar(FORMULA, c.reset_index(drop=True), w_text)),
        Case("ids that mix text and numbers", "E101", lambda: sp.sar(
            FORMULA, c.set_axis(["a", *c.index[1:]]), w)),
    ]


def values_and_types(s: World) -> list[Case]:
    c, w = s.columbus, s.w
    fit, y = s.fit, c["CRIME"]

    def sar(**columns):
        return sp.sar(FORMULA, c.assign(**columns), w)

    return [
        Case("NaN in y", "E201", lambda: sp.sar(FORMULA, changed(c, "CRIME", np.nan), w), "CRIME"),
        Case("NaN in x", "E201", lambda: sp.sar(FORMULA, changed(c, "INC", np.nan), w), "INC"),
        Case("infinite x", "E202", lambda: sp.sar(FORMULA, changed(c, "INC", np.inf), w), "INC"),
        Case("NaN in Moran", "E201", lambda: sp.moran(changed(c, "CRIME", np.nan)["CRIME"], w)),
        Case("NaN in local Moran", "E201", lambda: sp.local_moran(changed(c, "CRIME", np.nan)["CRIME"], w)),
        Case("infinite in Moran", "E202", lambda: sp.moran(changed(c, "CRIME", np.inf)["CRIME"], w)),
        Case("constant y, Moran", "E204", lambda: sp.moran(y * 0 + 3, w)),
        Case("constant y, Geary", "E204", lambda: sp.geary(y * 0 + 3, w)),
        Case("constant y, local Moran", "E204", lambda: sp.local_moran(y * 0 + 3, w)),
        Case("almost constant y", "E204", lambda: sp.moran(y * 0 + 0.1 + 1e-17 * np.arange(49), w)),
        Case("rates of zero, Moran", "E204", lambda: sp.moran_rate(y * 0, y * 0 + 100, w)),
        Case("constant y, sar", "E204", lambda: sar(CRIME=3.0)),
        Case("y among x", "E703", lambda: sp.sar("CRIME ~ INC + I(2 * CRIME)", c, w)),
        Case("constant regressor", "E204", lambda: sar(INC=1.0), "INC"),
        Case("collinear regressors", "E205", lambda: sp.sar("CRIME ~ INC + I(2 * INC)", c, w)),
        Case("collinear but for rounding", "E205", lambda: sp.sar(
            "CRIME ~ INC + z", c.assign(z=c["INC"] + 1e-12 * np.arange(49)), w)),
        Case("dummies that add to one", "E205", lambda: sp.sar(
            "CRIME ~ a + b", c.assign(a=(c["INC"] > 12) * 1.0, b=(c["INC"] <= 12) * 1.0), w)),
        Case("x times 1e9", None, lambda: same(sar(INC=c["INC"] * 1e9).params["INC"] * 1e9, fit.params["INC"], 1e-6)),
        Case("x plus 1e7", None, lambda: same(sar(INC=c["INC"] + 1e7).params["INC"], fit.params["INC"], 1e-5)),
        Case("y times 1e-12", None, lambda: same(sar(CRIME=y * 1e-12).std_errors["rho"], fit.std_errors["rho"], 1e-5)),
        Case("values of 1e200", None, lambda: same(sp.moran(y * 1e200, w).I, sp.moran(y, w).I)),
        Case("values of 1e-200", None, lambda: same(sp.moran(y * 1e-200, w).I, sp.moran(y, w).I)),
        Case("int64 of 1e17", None, lambda: same(
            sp.moran((y * 1e15).astype("int64"), w).I, sp.moran(y, w).I, 1e-6)),
        Case("int8", None, lambda: same(
            sp.moran(y.astype("int8"), w).I, sp.moran(y.astype("int8").astype(float), w).I)),
        Case("booleans are 0 and 1", None, lambda: same(
            sar(INC=c["INC"] > 12).params, sar(INC=(c["INC"] > 12) * 1.0).params)),
        Case("text numbers in y", "E203", lambda: sp.sar(FORMULA, changed(c, "CRIME", "1,234.5"), w), "1,234.5"),
        Case("text in Moran", "E203", lambda: sp.moran(changed(c, "CRIME", "-")["CRIME"], w)),
        Case("nullable numbers", None, lambda: same(sar(INC=c["INC"].astype("Float64")).params, fit.params)),
        Case("nullable numbers with NA", "E201", lambda: sar(INC=c["INC"].astype("Float64").mask(c.index == 5))),
        Case("categories are dummies", None, lambda: same(
            sar(INC=pd.Categorical(np.where(c["INC"] > 12, "b", "a"))).params["INC[T.b]"]
            if "INC[T.b]" in sar(INC=pd.Categorical(np.where(c["INC"] > 12, "b", "a"))).params.index
            else sar(INC=pd.Categorical(np.where(c["INC"] > 12, "b", "a"))).params.iloc[1],
            sar(INC=(c["INC"] > 12) * 1.0).params["INC"])),
        Case("dates as a regressor", "E203", lambda: sar(INC=pd.date_range("2000", periods=49))),
        Case("complex numbers", "E203", lambda: sp.moran(pd.Series(np.arange(49) * 1j, index=c.index), w)),
        Case("a list for y", None, lambda: same(sp.moran(list(y), w, align="position").I, sp.moran(y, w).I)),
        Case("as many regressors as rows", "E206", lambda: sp.ols(
            "y ~ a + b + d", pd.DataFrame(np.eye(4), columns=list("yabd")), np.ones((4, 4)) - np.eye(4))),
        Case("two units", "E206", lambda: sp.sar(
            "y ~ x", pd.DataFrame({"y": [1.0, 2], "x": [0.0, 1]}), np.array([[0.0, 1], [1, 0]]))),
        Case("three units, Moran", "E206", lambda: sp.moran([1.0, 2, 4], np.ones((3, 3)) - np.eye(3))),
        Case("no permutations", None, lambda: sp.moran(y, w, permutations=0).p_sim is None or 1 / 0),
        Case("fewer than no permutations", "E501", lambda: sp.moran(y, w, permutations=-5)),
        Case("permutations=99.0", "E501", lambda: sp.moran(y, w, permutations=99.0)),
        Case("seed=1.5", "E501", lambda: sp.moran(y, w, seed=1.5)),
        Case("seed=-1", "E501", lambda: sp.moran(y, w, seed=-1)),
        Case("no seed is a fixed seed", None, lambda: same(sp.moran(y, w).p_sim, sp.moran(y, w).p_sim)),
        Case("level=95", "E501", lambda: fit.effects(level=95)),
        Case("draws=0", "E501", lambda: fit.effects(method="simulate", draws=0)),
        Case("draws=99.0", "E501", lambda: fit.effects(method="simulate", draws=99.0)),
        Case("an empty frame", "E206", lambda: sp.sar(FORMULA, c.iloc[:0], w)),
        Case("no frame", "E501", lambda: sp.sar(FORMULA, [1, 2, 3], w)),
        Case("a column twice", "E502", lambda: sp.sar(FORMULA, pd.concat([c, c[["INC"]]], axis=1), w)),
        Case("no such column", "E502", lambda: sp.sar("CRIME ~ INCOME", c, w), "INC"),
        Case("all islands, Moran", "E306", lambda: sp.moran(y, wt.from_dense(np.zeros((49, 49)), ids=c.index))),
    ]


def weights(s: World) -> list[Case]:
    c, w = s.columbus, s.w
    y = c["CRIME"]
    W = w.csr.toarray()
    island = W.copy()
    island[0] = 0
    island[:, 0] = 0
    negative, loop, hole = W.copy(), W.copy(), W.copy()
    negative[0, 1], loop[0, 0], hole[0, 1] = -0.5, 0.5, np.nan
    points = pd.DataFrame({"x": [0.0, 0, 1, 2, 5], "y": [0.0, 0, 1, 2, 5]}, index=list("abcde"))

    def frame(matrix):
        return pd.DataFrame(matrix, c.index, c.index)

    def with_island(shift):
        return sp.sar(FORMULA, c.assign(CRIME=y + shift), wt.from_dense(frame(island)).standardize("row")).rho

    return [
        Case("an island does not tie rho to y's zero", None, lambda: same(with_island(0.0), with_island(50.0), 1e-5)),
        Case("islands are named", None, lambda: "island" in str(sp.moran(y, wt.from_dense(frame(island)))) or 1 / 0),
        Case("an island has no local p", None, lambda: np.isnan(
            sp.local_moran(y, wt.from_dense(frame(island))).to_frame().filter(like="p_sim").iloc[0, 0]) or 1 / 0),
        Case("islands refused on request", "E306", lambda: wt.distance_band(
            points.assign(x=[0.0, 1, 2, 3, 90]), 2, metric="planar", islands="error")),
        Case("negative weights", "E301", lambda: sp.sar(FORMULA, c, frame(negative))),
        Case("negative weights, row", "E301", lambda: wt.from_dense(frame(negative))),
        Case("rows of +1 and -1", "E314", lambda: wt.from_dense(
            [[0, 1, -1], [1, 0, 1], [1, 1, 0]], allow_negative=True).standardize("row")),
        Case("NaN weight", "E302", lambda: sp.sar(FORMULA, c, frame(hole))),
        Case("own neighbors, model", "E312", lambda: sp.sar(FORMULA, c, frame(loop))),
        Case("own neighbors, Moran", "E312", lambda: sp.moran(y, frame(loop))),
        Case("no links, model", "E306", lambda: sp.sar(FORMULA, c, frame(W * 0))),
        Case("W of all to all, without an interval", "E714", lambda: sp.sar(
            FORMULA, c, frame((np.ones((49, 49)) - np.eye(49)) / 48))),
        Case("the same W twice in one model", "E323", lambda: sp.sar(FORMULA, c, [w, w])),
        Case("W_2 twice W_1", "E323", lambda: sp.sar(FORMULA, c, [w, frame(2 * W)])),
        Case("W_2 without links", "E306", lambda: sp.sar(FORMULA, c, [w, frame(W * 0)])),
        Case("W_2 of other units", "E101", lambda: sp.sar(
            FORMULA, c, [w, frame(W).rename(index={c.index[0]: 999}, columns={c.index[0]: 999})])),
        Case("W_2 of all to all", "E714", lambda: sp.sar(
            FORMULA, c, [w, frame((np.ones((49, 49)) - np.eye(49)) / 48)])),
        Case("an empty list of W", "E501", lambda: sp.sar(FORMULA, c, [])),
        Case("W_2 of the error twice W_1, by moments", "E323", lambda: sp.sem(
            FORMULA, c, [w, frame(2 * W)], method="gmm")),
        Case("durbin= of an unknown term with its own W", "E502", lambda: sp.slx(FORMULA, c, w, durbin={"nobody": w})),
        Case("csr_array without labels", None, lambda: same(sp.moran(y, w.csr, align="position").I, sp.moran(y, w).I)),
        Case("not square", "E311", lambda: sp.moran(y, W[:, :40])),
        Case("labels that differ", "E311", lambda: as_weights(frame(W).rename(columns={c.index[0]: 999}))),
        Case("weights of text", "E203", lambda: as_weights(frame(W).astype(str).replace("0.0", "x"))),
        Case("no weights at all", "E501", lambda: sp.moran(y, "queen")),
        Case("threshold=-1", "E501", lambda: wt.distance_band(points, -1, metric="planar")),
        Case("k=2.5", "E304", lambda: wt.knn(points, 2.5, metric="planar")),
        Case("k=0", "E304", lambda: wt.knn(points, 0, metric="planar")),
        Case("k=-1", "E304", lambda: wt.knn(points, -1, metric="planar")),
        Case("k of all units", "E304", lambda: wt.knn(points, 5, metric="planar")),
        Case("ties do not follow the row order", None, lambda: _ties()),
        Case("coincident points, 1/d", "E303", lambda: wt.inverse_distance(points, metric="planar")),
        Case("standardised by an unknown style", "E501", lambda: w.standardize("rows")),
        Case("the caller's weights are not changed", None, lambda: _unchanged(w, y)),
        Case("standardisation is said", None, lambda: "row-standardised" in str(sp.moran(y, w)) or 1 / 0),
    ]


def _ties():
    grid = pd.DataFrame({"x": np.repeat(np.arange(5.0), 5), "y": np.tile(np.arange(5.0), 5)}, index=range(25))
    order = np.random.default_rng(0).permutation(25)
    one, other = (wt.knn(frame, 3, metric="planar") for frame in (grid, grid.iloc[order]))
    same(one.csr.toarray(), other.reindex(one.ids).csr.toarray())


def _unchanged(w, y):
    before = w.digest
    sp.moran(y, w), sp.local_moran(y, w, permutations=99), w.standardize("spectral")
    assert w.digest == before


def panels(s: World) -> list[Case]:
    p, w, keys = s.panel, s.ws, s.keys
    f = "log(gsp) ~ unemp"

    def sar(data, **options):
        return sp.sar(f, data, w, **{**keys, **options})

    return [
        Case("rows by unit or by period", None, lambda: same(
            sar(p.sort_values(["year", "state"])).params, sar(p.sort_values(["state", "year"])).params)),
        Case("W in another order", None, lambda: same(
            sp.sar(f, p, w.reindex(w.ids[::-1]), **keys).params, s.two.params)),
        Case("unbalanced", "E104", lambda: sar(p.drop(index=[3, 40]))),
        Case("unbalanced by a whole unit's worth", "E104", lambda: sar(p.drop(index=range(0, 48 * 17, 17)[:17]))),
        Case("a pair twice", "E103", lambda: sar(pd.concat([p, p.iloc[:1]]))),
        Case("one period, unit effects", "E206", lambda: sar(p[p["year"] == 1970], effects="entity")),
        Case("regressor fixed in time", "E208", lambda: sp.sar(
            "log(gsp) ~ area", p.assign(area=p["state"].map(dict(zip(w.ids, np.arange(48.0))))), w, **keys,
            effects="entity")),
        Case("months as text, lags", "E106", lambda: sp.sar(
            f, p.assign(year=p["year"].map(lambda v: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[v - 1970])), w, **keys, lags="y")),
        Case("numbers as text, lags", None, lambda: same(
            sp.sar(f, p.assign(year=(p["year"] - 1965).astype(str)), w, **keys, lags="y").params,
            sp.sar(f, p, w, **keys, lags="y").params)),
        Case("one cluster", "E206", lambda: sar(p.assign(g=1), vcov=sp.Cluster("g"))),
        Case("units in W, not in the panel", "E101", lambda: sar(p[p["state"] != "ME"])),
        Case("a gap of a period, lags", "E104", lambda: sp.sar(f, p[p["year"] != 1975], w, **keys, lags="y")),
        Case("time without entity", "E501", lambda: sp.sar(f, p, w, time="year")),
        Case("units repeat, no time", "E102", lambda: sp.sar(f, p, w, entity="state")),
        Case("effects that are none", "E501", lambda: sar(p, effects="two-way")),
        Case("effects in a cross-section", "E501", lambda: sp.sar(
            f, p[p["year"] == 1970], w, entity="state", effects="entity")),
        Case("fixest's effects", None, lambda: same(sp.sar(f + " | state + year", p, w, **keys).params, s.two.params)),
        Case("names of index levels", None, lambda: same(
            sp.sar(f, p.set_index(["state", "year"]), w, **keys).params, s.two.params)),
        Case("a missing key", "E201", lambda: sar(p.assign(state=p["state"].mask(p.index == 3)))),
        Case("keys of mixed types", "E106", lambda: sar(p.assign(year=[str(y) if y > 1980 else y for y in p["year"]]))),
    ]


def formulas(s: World) -> list[Case]:
    c, w = s.columbus, s.w

    def sar(formula, data=c):
        return sp.sar(formula, data, w)

    def refused(name, formula, code):
        return Case(name, code, lambda: sar(formula))

    return [
        refused("code", "CRIME ~ {__import__('os').system('true')}", "E503"),
        refused("code in I()", "CRIME ~ I(__import__('os'))", "E503"),
        refused("an attribute", "CRIME ~ INC.values", "E502"),
        refused("a call that is none of ours", "CRIME ~ open(INC)", "E503"),
        refused("no tilde", "CRIME", "E504"),
        refused("unbalanced brackets", "CRIME ~ (INC", "E504"),
        refused("no regressors and no constant", "CRIME ~ 0", "E504"),
        refused("a dot, with a constant column", "CRIME ~ .", "E204"),
        Case("a dot", None, lambda: same(sp.sar("CRIME ~ .", c[["CRIME", "INC", "HOVAL"]], w).rho, s.fit.rho)),
        refused("a huge power", "CRIME ~ I((((9)**9)**9)**9 * INC)", "E207"),
        refused("a huge degree", "CRIME ~ poly(INC, 99999)", "E503"),
        refused("division by zero", "CRIME ~ I(1 / 0 * INC)", "E207"),
        Case("a column named lambda", None, lambda: same(
            sp.ols("CRIME ~ INC + lambda", c.rename(columns={"HOVAL": "lambda"}), w).params.iloc[2],
            sp.ols(FORMULA, c, w).params.iloc[2])),
        Case("a column named rho", None, lambda: same(
            sp.sar("CRIME ~ INC + rho", c.rename(columns={"HOVAL": "rho"}), w).rho, s.fit.rho)),
        Case("a keyword as a column", None, lambda: same(
            sp.ols("CRIME ~ log(import)", c.rename(columns={"INC": "import"}), w).params.iloc[1],
            sp.ols("CRIME ~ log(INC)", c, w).params.iloc[1])),
        Case("Chinese columns", None, lambda: same(
            sp.sar("犯罪 ~ 收入 + HOVAL", c.rename(columns={"CRIME": "犯罪", "INC": "收入"}), w).rho, s.fit.rho)),
        Case("log of a negative number", "E207", lambda: sar("CRIME ~ log(z)", c.assign(z=-c["INC"]))),
        Case("unused categories are dropped", None, lambda: sar(
            "CRIME ~ g", c.assign(g=pd.Categorical(np.where(c["INC"] > 12, "a", "b"), ["a", "b", "none"])))),
        Case("a factor with one level", "E204", lambda: sar("CRIME ~ C(g)", c.assign(g="a"))),
        Case("instruments that are the regressors", "E501", lambda: sp.sar(
            FORMULA, c, w, method="gmm", endog=["HOVAL"], instruments=["HOVAL"])),
        Case("durbin names another spelling", None, lambda: same(
            sp.sdm("CRIME ~ INC + I(INC ** 2)", c, w, durbin=["I(INC**2)"]).rho,
            sp.sdm("CRIME ~ INC + I(INC ** 2)", c, w, durbin=["I(INC ** 2)"]).rho)),
        Case("durbin names no regressor", "E502", lambda: sp.sdm(FORMULA, c, w, durbin=["XX"])),
    ]
