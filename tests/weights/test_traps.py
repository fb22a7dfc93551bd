"""Known traps of the field, each with what our user gets instead of a silent wrong matrix."""

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import box

import weights as wt
from spillover.errors import SpatialInputError, SpatialInputWarning

LINE = np.array([[0.0, 0], [1, 0], [3, 0], [7, 0]])
PLANAR = {"metric": "planar"}


def squares(crs=32650, gap=0.0, side=1.0, n=4):
    cells = [box(x * (side + gap), y * (side + gap), x * (side + gap) + side, y * (side + gap) + side)
             for y in range(n) for x in range(n)]
    return gpd.GeoDataFrame(geometry=cells, crs=crs)


def series(**values):
    return pd.Series(values, dtype=float)


def flow(rows, **options):
    table = pd.DataFrame(rows, columns=["o", "d", "v"])
    return wt.flows(table, origin="o", destination="d", value="v", **options)


PANEL = pd.DataFrame({"id": list("aabbcc"), "t": [1, 2] * 3, "x": [1.0, 2, 3, 5, 9, 8]})
HOLES = squares().assign(geometry=lambda g: g.geometry.where(g.index != 3))
EMPTY = squares().assign(geometry=lambda g: g.geometry.where(g.index != 3, shapely.Polygon()))
POINTS = squares().assign(geometry=lambda g: g.centroid)
TWICE = squares().set_axis([0, 1, 2, 2, *range(4, 16)])

REFUSED = {
    "missing geometry": (lambda: wt.queen(HOLES), "E401", 3),
    "empty geometry": (lambda: wt.knn(EMPTY, 2), "E401", 3),
    "points have no borders": (lambda: wt.queen(POINTS), "E404", 0),
    "duplicate ids": (lambda: wt.queen(TWICE), "E102", 2),
    "no coordinate system": (lambda: wt.knn(squares(crs=None), 2), "E402", None),
    "planar on longitude and latitude": (lambda: wt.knn(squares(crs=4326), 2, **PLANAR), "E403", None),
    "projected numbers called degrees": (lambda: wt.knn(squares(crs=4326, side=500), 2), "E405", 0),
    "crs against the data's": (lambda: wt.knn(squares(), 2, crs=4326), "E501", None),
    "no such crs": (lambda: wt.knn(LINE, 2, crs="EPSG:0"), "E501", None),
    "k of zero": (lambda: wt.knn(LINE, 0, **PLANAR), "E304", None),
    "k below zero": (lambda: wt.knn(LINE, -1, **PLANAR), "E304", None),
    "k of 2.5": (lambda: wt.knn(LINE, 2.5, **PLANAR), "E304", None),
    "k = n": (lambda: wt.knn(LINE, 4, **PLANAR), "E304", None),
    "band below zero": (lambda: wt.distance_band(LINE, -1, **PLANAR), "E501", None),
    "band that leaves all alone": (lambda: wt.distance_band(LINE, 0.5, **PLANAR), "E305", None),
    "band that leaves one alone": (lambda: wt.distance_band(LINE, 2, islands="error", **PLANAR), "E306", 3),
    "no units": (lambda: wt.queen(squares().iloc[:0]), "E206", None),
    "one unit": (lambda: wt.inverse_distance(LINE[:1], **PLANAR), "E206", None),
    "one economy": (lambda: wt.economic(series(a=1)), "E206", None),
    "economies all alike": (lambda: wt.economic(series(a=1, b=1), decay="exponential"), "E204", None),
    "economies too alike for a number": (lambda: wt.economic(series(a=0, b=1e-310, c=1)), "E307", ("a", "b")),
    "weights not finite": (lambda: wt.SpatialWeights(np.array([[0, np.inf], [1, 0]]), [0, 1]), "E302", None),
    "coincident points, inverse": (lambda: wt.inverse_distance(LINE[[0, 1, 1, 2]], **PLANAR), "E303", 1),
    "coincident points, nearest": (lambda: wt.knn(LINE[[0, 1, 1, 2]], 2, **PLANAR), "E303", 1),
    "coincident points, triangles": (lambda: wt.delaunay(LINE[[0, 1, 1, 2]], **PLANAR), "E303", 1),
    "points on a line": (lambda: wt.delaunay(LINE, **PLANAR), "E206", None),
    "adaptive bandwidth of zero": (lambda: wt.kernel(LINE[[0, 1, 1, 2]], k=1, **PLANAR), "E303", 1),
    "bandwidth and k": (lambda: wt.kernel(LINE, k=1, bandwidth=2, **PLANAR), "E501", None),
    "all pairs of too many": (
        lambda: wt.inverse_distance(np.zeros((40_000, 2)), min_distance=1, **PLANAR), "E309", None),
    "a band as wide as the map": (
        lambda: wt.distance_band(np.random.default_rng(0).random((50_000, 2)), 2, **PLANAR), "E309", None),
    "all pairs of too many values": (lambda: wt.economic(pd.Series(np.arange(40_000.0))), "E309", None),
    "equal economies": (lambda: wt.economic(series(a=1, b=2, c=1)), "E307", ("a", "c")),
    "economy missing": (lambda: wt.economic(series(a=1, b=np.nan, c=1)), "E201", "b"),
    "economy as text": (lambda: wt.economic(pd.Series(["1", "2"])), "E203", None),
    "no such column": (lambda: wt.economic(PANEL, "gdp", entity="id", time="t"), "E502", None),
    "no column named": (lambda: wt.economic(PANEL, entity="id", time="t"), "E501", None),
    "entity without time": (lambda: wt.economic(PANEL, "x", entity="id"), "E501", None),
    "time without entity": (lambda: wt.economic(PANEL, "x", time="t"), "E501", None),
    "period without entity": (lambda: wt.economic(PANEL, "x", period=1), "E501", None),
    "periods without entity": (lambda: wt.economic(PANEL, "x", time="t", period="each"), "E501", None),
    "histories without entity": (lambda: wt.similarity(PANEL, "x", time="t"), "E501", None),
    "mass over time without entity": (lambda: wt.nested(wt.lattice(1, 2), PANEL, "x", time="t"), "E501", None),
    "a year twice": (lambda: wt.economic(pd.concat([PANEL, PANEL[:1]]), "x", entity="id", time="t"), "E103", ("a", 1)),
    "no such year": (lambda: wt.economic(PANEL, "x", entity="id", time="t", period=9), "E101", "a"),
    "a year without a unit": (lambda: wt.economic(PANEL[1:], "x", entity="id", time="t", period=1), "E101", "a"),
    "years that differ": (lambda: wt.economic(PANEL[1:], "x", entity="id", time="t", period="each"), "E201", ("a", 1)),
    "profiles of other years": (
        lambda: wt.similarity(PANEL[1:], "x", entity="id", time="t", measure="cosine"), "E104", "a"),
    "profile without variation": (
        lambda: wt.similarity(pd.DataFrame({"p": [1.0, 2], "q": [1.0, 3], "r": [1.0, 1]}, index=["a", "b"]),
                              ["p", "q", "r"]), "E204", "a"),
    "collinear variables": (
        lambda: wt.economic(pd.DataFrame({"p": [1.0, 2, 4], "q": [2.0, 4, 8]}), ["p", "q"]), "E205", None),
    "mass of zero": (lambda: wt.gravity(LINE, series(a=1, b=0, c=1, d=1).set_axis(range(4)), **PLANAR), "E211", 1),
    "mass of other units": (lambda: wt.gravity(LINE, series(a=1, b=2), **PLANAR), "E101", 0),
    "negative flow": (lambda: flow([("a", "b", -1.0)]), "E301", None),
    "flow twice": (lambda: flow([("a", "b", 1.0), ("a", "b", 2.0)]), "E310", None),
    "flow to itself": (lambda: flow([("a", "a", 1.0), ("a", "b", 2.0)], self_flows="error"), "E312", "a"),
    "pair not in the table": (lambda: flow([("a", "b", 1.0)], missing="error"), "E201", None),
    "flow of unknown units": (lambda: flow([("a", "z", 1.0)], ids=["a", "b"]), "E101", "z"),
    "region missing": (lambda: wt.block(pd.Series({"a": "x", "b": None})), "E201", "b"),
    "combination of other units": (lambda: wt.combine(wt.lattice(2, 2), wt.lattice(2, 3)), "E101", 4),
    "periods of arrays": (lambda: wt.temporal({1: np.eye(3)}), "E501", None),
    "periods of other units": (lambda: wt.temporal({1: wt.lattice(2, 2), 2: wt.lattice(2, 3)}), "E101", 4),
    "alpha beyond one": (lambda: wt.combine(wt.lattice(2, 2), wt.lattice(2, 2), alpha=2), "E501", None),
    "order of zero": (lambda: wt.queen(squares(), order=0), "E501", None),
    "unknown island policy": (lambda: wt.queen(squares(), islands="zero"), "E501", None),
    "unknown style": (lambda: wt.lattice(2, 2).standardize("rows"), "E501", None),
    "signs that cancel": (lambda: wt.from_dense([[0, 1, -1], [1, 0, 1], [1, 1, 0]], allow_negative=True).standardize(),
                          "E314", 0),
    "what was before": (lambda: wt.from_dense([[0, 0.4, 0.6], [1, 0, 0], [0, 1, 0]]).standardize("none"), "E313", None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_code_and_the_place(case):
    build, code, place = REFUSED[case]
    with pytest.raises(SpatialInputError) as caught:
        build()
    assert caught.value.code == code, caught.value
    assert caught.value.hint, caught.value
    if place is not None:
        assert place in [*caught.value.ids, *caught.value.rows]


def test_the_message_says_the_smallest_band_and_it_works():
    with pytest.raises(SpatialInputError, match=r"4\.001 coordinate units") as caught:
        wt.distance_band(LINE, 0.5, **PLANAR)
    assert "smallest cutoff" in caught.value.hint
    assert not len(wt.distance_band(LINE, 4.001, **PLANAR).islands)
    assert not len(wt.distance_band(LINE, wt.smallest_band(LINE, **PLANAR), **PLANAR).islands)


def test_ties_on_a_lattice_are_decided_by_id_not_by_row():
    g = squares(n=5)
    g.index = [f"u{i:02d}" for i in range(25)]
    for k in (1, 2, 3, 5, 6, 7):
        w = wt.knn(g, k)
        assert (w.cardinalities == k).all()
        for seed in range(3):
            assert wt.knn(g.sample(frac=1, random_state=seed), k).reindex(w.ids) == w
    assert wt.knn(g, 1)["u12"].index.tolist() == ["u07"]  # of 07, 11, 13, 17


def test_many_units_at_one_point_can_be_allowed():
    points = np.repeat([[0.0, 0], [5, 5]], 6, axis=0)
    w = wt.knn(points, 3, coincident="allow", **PLANAR)
    assert (w.cardinalities == 3).all()
    assert w.csr.diagonal().sum() == 0
    assert w.components == 2
    assert wt.knn(points, 7, coincident="allow", **PLANAR).components == 1
    w = wt.inverse_distance(points, min_distance=0.5, **PLANAR)
    assert w.csr[0, 1] == 2.0
    assert "distances below 0.5" in str(w)


def test_k_may_differ_between_units():
    w = wt.knn(LINE, pd.Series({3: 3, 2: 1, 1: 2, 0: 1}), **PLANAR)
    assert w.cardinalities.tolist() == [1, 2, 1, 3]
    joined = wt.knn(LINE, 1, symmetric="union", **PLANAR)
    assert joined.is_symmetric
    assert joined.nnz == 6
    assert wt.knn(LINE, 1, symmetric="intersection", **PLANAR).nnz == 2


def test_degrees_are_not_distances():
    """At 60 degrees north one degree of longitude (56 km) is nearer than 0.7 of latitude (78 km)."""
    lonlat = [[10.0, 60.0], [11.0, 60.0], [10.0, 60.7]]
    assert wt.knn(lonlat, 1, crs=4326)[0].index.tolist() == [1]
    assert 1 / wt.inverse_distance(lonlat, crs=4326).csr[0, 1] == pytest.approx(55.597, abs=1e-3)
    assert wt.distance_band(lonlat, 60, crs=4326).nnz == 2  # kilometres


def test_the_antimeridian_is_no_edge_of_the_world():
    lonlat = [[179.5, -17.0], [-179.5, -17.0], [170.0, -17.0]]
    assert wt.knn(lonlat, 1, crs=4326)[0].index.tolist() == [1]
    east, west = box(179, -18, 180, -16), box(-180, -18, -179, -16)
    pair = gpd.GeoSeries([east, west], crs=4326)
    assert wt.queen(pair).nnz == wt.rook(pair).nnz == 2
    fiji = gpd.GeoSeries([shapely.union(east, west), box(100, -18, 101, -16)], crs=4326)
    far = 1 / wt.inverse_distance(fiji).csr[0, 1]
    assert far == pytest.approx(wt.smallest_band([[180.0, -17], [100.5, -17]], crs=4326), rel=1e-3)


def test_a_tolerance_bridges_gaps_that_the_snap_does_not():
    exact = {"queen": wt.lattice(4, 4, rule="queen"), "rook": wt.lattice(4, 4)}
    for gap in (1e-6, -1e-6):  # slivers and overlaps of a micrometre
        for rule, expected in exact.items():
            assert getattr(wt, rule)(squares(gap=gap)) == expected
            assert getattr(wt, rule)(squares(gap=gap), tolerance=0.001, method="vertices") == expected
    assert wt.queen(squares(crs=None, gap=1e-6)).nnz == 0  # without a coordinate system nothing says that it is small
    metres = squares(crs=2263, side=100, gap=0.5)  # New York's feet: 0.5 ft = 152 mm
    assert wt.queen(metres, tolerance=0.3) == exact["queen"]
    assert wt.rook(metres, tolerance=0.2) == exact["rook"]
    assert wt.queen(metres, tolerance=0.1).nnz == 0
    degrees = squares(crs=4326, gap=1e-6)  # 11 cm
    assert wt.queen(degrees, tolerance=0.2) == exact["queen"]
    assert wt.queen(degrees, tolerance=0.05).nnz == 0


def test_units_within_others_warn():
    within = gpd.GeoSeries([box(0, 0, 4, 4), box(1, 1, 2, 2), box(9, 9, 10, 10)], crs=32650)
    with pytest.warns(SpatialInputWarning, match="do touch others"):
        assert wt.queen(within).nnz == 0
    assert wt.queen(within, tolerance=0).nnz == wt.rook(within, tolerance=0).nnz == 2
    tee = gpd.GeoSeries([box(0, 0, 2, 1), box(0.5, 1, 1.5, 2), box(5, 5, 6, 6)], crs=32650)
    with pytest.warns(SpatialInputWarning, match="do touch others"):
        assert wt.queen(tee, method="vertices").nnz == 0
    corner = gpd.GeoSeries([box(0, 0, 1, 1), box(1, 0, 2, 1), box(2, 1, 3, 2)], crs=32650)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wt.queen(tee.iloc[2:])  # a true island is no reason to warn
        assert wt.rook(corner).islands.tolist() == [2]  # nor is a corner
        assert wt.rook(corner, method="vertices").islands.tolist() == [2]
        assert wt.queen(tee).nnz == 2


def test_island_policies():
    cells = [box(0, 0, 1, 1), box(1, 0, 2, 1), box(4, 0, 5, 1), box(4.5, 3, 5, 4)]
    g = gpd.GeoSeries(cells, index=list("abcd"), crs=32650)
    assert wt.queen(g).islands.tolist() == ["c", "d"]
    joined = wt.queen(g, islands="nearest")
    assert {tuple(p) for p in joined.to_frame()[["focal", "neighbor"]].to_numpy()} == {
        ("a", "b"), ("b", "a"), ("c", "b"), ("b", "c"), ("d", "c"), ("c", "d")}
    assert (joined.csr.data == 1).all()
    assert "islands joined to their nearest unit: c, d" in str(joined)
    dropped = wt.queen(g, islands="drop")
    assert dropped.ids.tolist() == ["a", "b"]
    assert "islands dropped: c, d" in str(dropped)
    near = wt.inverse_distance(LINE, cutoff=2, islands="nearest", **PLANAR)
    assert near.csr[3, 2] == near.csr[2, 3] == 0.25
    assert wt.queen(g).standardize("row").islands.tolist() == ["c", "d"]


def test_representative_points():
    g = gpd.GeoSeries([box(0, 0, 10, 1), box(20, 0, 30, 1)], index=["x", "y"], crs=32650)
    capitals = gpd.GeoSeries(gpd.points_from_xy([29, 1], [0, 0]), index=["y", "x"], crs=32650)
    assert 1 / wt.inverse_distance(g).csr[0, 1] == 20
    assert 1 / wt.inverse_distance(g, at=capitals).csr[0, 1] == 28
    table = pd.DataFrame({"x": [29.0, 1.0], "y": [0.0, 0]}, index=["y", "x"])
    assert wt.inverse_distance(g, at=table) == wt.inverse_distance(g, at=capitals)
    moon = gpd.GeoSeries([box(0, 0, 10, 10).difference(box(1, 1, 10, 9)), box(20, 0, 30, 1)], crs=32650)
    inside = shapely.get_coordinates(shapely.point_on_surface(moon.array))
    expected = np.hypot(*(inside[0] - inside[1]))
    assert 1 / wt.inverse_distance(moon, at="inside").csr[0, 1] == pytest.approx(expected)


def test_flows_say_what_was_left_out():
    rows = [("a", "a", 6.0), ("a", "b", 3.0), ("b", "a", 1.0), ("c", "a", 0.0), ("b", "c", np.nan)]
    w = flow(rows)
    assert w.to_dense().to_numpy().tolist() == [[0, 1, 0], [3, 0, 0], [0, 0, 0]]
    assert w.islands.tolist() == ["c"]
    assert "self-flows left out: 1 units, 60.0% of all flows" in str(w)
    assert flow(rows, focal="origin").to_dense().to_numpy().tolist() == [[0, 3, 0], [1, 0, 0], [0, 0, 0]]
    assert flow(rows, symmetric=True).is_symmetric
    table = pd.DataFrame(rows, columns=["o", "d", "v"])
    names = {"origin": "o", "destination": "d", "value": "v"}
    assert wt.shares(table, **names).to_dense().loc["a"].tolist() == [0, 1 / 7, 0]
    openness = wt.shares(table, **names, total=series(c=1, b=10, a=2))
    assert openness.to_dense().loc["b"].tolist() == pytest.approx([0.3, 0, 0])


def test_weights_over_time():
    by_year = wt.economic(PANEL, "x", entity="id", time="t", period="each")
    assert list(by_year.periods) == [1, 2]
    assert by_year[2].csr[0, 1] == pytest.approx(1 / 3)
    assert by_year.mean().csr[0, 1] == pytest.approx((1 / 2 + 1 / 3) / 2)
    row = by_year.standardize("row")
    x = PANEL.set_index(["id", "t"])["x"]
    lag = row.lag(x.sample(frac=1, random_state=2))
    stacked = row.stack()
    assert lag.index.equals(x.sample(frac=1, random_state=2).index)
    np.testing.assert_allclose(lag.reindex(stacked.ids), stacked.lag(x))
    behind = row.stack(lagged=True)
    assert behind.islands.tolist() == [(i, 1) for i in "abc"]
    assert behind[("a", 2)].index.tolist() == [("b", 1), ("c", 1)]
    with pytest.raises(SpatialInputError, match="periods are 1, 2"):
        by_year[3]


def test_mean_over_unequal_periods_says_so():
    w = wt.economic(PANEL[1:], "x", entity="id", time="t", missing="available")
    assert "mean x over 1 to 2 periods" in str(w)


def test_inputs_stay_as_they_were():
    g = squares().assign(gdp=np.arange(16.0) + 1, t=1)
    before = g.copy(deep=True)
    for build in (wt.queen, wt.knn, wt.inverse_distance, wt.delaunay, lambda d: wt.economic(d, "gdp"),
                  lambda d: wt.gravity(d, "gdp"), lambda d: wt.audit(d), wt.border_length):
        build(g)
    pd.testing.assert_frame_equal(g, before)
