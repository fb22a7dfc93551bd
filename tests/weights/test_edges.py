"""Numbers at the edge: names of coordinates, near-coincident points, sizes, missing years, signs."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

import weights as wt
from spillover.errors import SpatialInputError
from tests.weights import naive

PLANAR = {"metric": "planar"}
CITIES = pd.DataFrame({"lat": [52.5, 48.1, 50.1], "lon": [13.4, 11.6, 8.7]}, index=["Berlin", "Munich", "Frankfurt"])
SEEDS = st.integers(0, 10**6)


def refused(code, call, *args, **options):
    with pytest.raises(SpatialInputError) as caught:
        call(*args, **options)
    assert caught.value.code == code, caught.value
    assert caught.value.hint
    return caught.value


def dense(w):
    return w.csr.toarray()


# -- which column is which ----------------------------------------------------------------------------


@pytest.mark.parametrize(("lat", "lon"), [("lat", "lon"), ("latitude", "longitude"), ("Latitude", "LONG"),
                                          ("y", "x"), ("Y", "X"),
                                          ("纬度", "经度"), ("y_coord", "x_coord"), ("INTPTLAT", "INTPTLON"),
                                          ("lat", "lng"), ("北纬", "东经"), (" lat ", "Lon")])
def test_coordinates_are_found_by_name_in_either_order(lat, lon):
    named = CITIES.set_axis([lat, lon], axis=1)
    true = naive.haversine(CITIES[["lon", "lat"]].to_numpy())
    for frame in (named, named[[lon, lat]], named.assign(people=[3.6, 1.5, 0.8])):
        w = wt.inverse_distance(frame, crs=4326)
        np.testing.assert_allclose(1 / dense(w)[0, 1:], true[0, 1:], rtol=1e-9)
    np.testing.assert_allclose(true[0, 1:], [505.6, 421.9], atol=0.5)
    around = gpd.GeoSeries([box(0, 0, 1, 1)] * 3, index=CITIES.index, crs=4326)
    assert wt.inverse_distance(around, at=named) == wt.inverse_distance(named, crs=4326)


def test_names_may_hold_more_words():
    expected = wt.knn(CITIES, 1, crs=4326)
    for lat, lon in (("capital_lat", "capital_lon"), ("centroidLat", "centroidLon"), ("utm y", "utm x"),
                     ("中心纬度", "中心经度"), ("lat.deg", "lon.deg")):
        assert wt.knn(CITIES.set_axis([lat, lon], axis=1), 1, crs=4326) == expected
    both = CITIES.assign(capital_lon=0.0, capital_lat=[1.0, 2.0, 3.0])
    assert wt.knn(both, 1, crs=4326) == expected
    for names in (["plat", "flon"], ["latitude_north", "latitude_south"], ["lat_lon", "height"]):
        refused("E404", wt.knn, CITIES.set_axis(names, axis=1), 1, crs=4326)


def test_names_that_do_not_say_which_is_which_are_refused():
    for names in (["a", "b"], ["lat", "latitude"], ["x", "lon"], ["lat", "height"]):
        refused("E404", wt.knn, CITIES.set_axis(names, axis=1), 1, crs=4326)
    refused("E404", wt.knn, CITIES.assign(x=1.0, y=2.0), 1, crs=4326)
    refused("E404", wt.knn, CITIES[["lat"]], 1, crs=4326)
    refused("E403", wt.knn, CITIES, 1, crs=32633)
    refused("E403", wt.knn, CITIES, 1, metric="planar")
    array = CITIES[["lon", "lat"]].to_numpy()
    assert wt.knn(pd.DataFrame(array), 1, crs=4326) == wt.knn(array, 1, crs=4326)
    assert wt.knn(CITIES.reset_index(names="city"), 1, ids="city", crs=4326) == wt.knn(CITIES, 1, crs=4326)
    assert refused("E201", wt.knn, CITIES.assign(lat=[52.5, np.nan, 1]), 1, crs=4326).ids == ["Munich"]


# -- points that share a place ----------------------------------------------------------------------


def test_points_closer_than_rounding_coincide():
    points = np.array([[0.0, 0], [1, 0], [1 + 1e-12, 0], [3, 1]])
    for shift, scale in ((0, 1), (0, 1e6), (1e5, 1)):
        at = points * scale + shift
        for build, options in ((wt.inverse_distance, {}), (wt.knn, {"k": 2}), (wt.delaunay, {}), (wt.gabriel, {}),
                               (wt.inverse_distance, {"cutoff": 2 * scale}), (wt.kernel, {"k": 1})):
            error = refused("E303", build, at, **options, **PLANAR)
            assert set(error.ids) == {1, 2}
        assert wt.inverse_distance(at, min_distance=0.5 * scale, **PLANAR).csr.max() == pytest.approx(2 / scale)
    apart = np.array([[0.0, 0], [1, 0], [1 + 1e-6, 0], [3, 1]])
    assert wt.inverse_distance(apart, **PLANAR).csr[1, 2] == pytest.approx(1e6, rel=1e-9)
    refused("E303", wt.inverse_distance, [[10.0, 50], [10.0, 50 + 1e-11], [11, 50]], crs=4326)


def test_values_that_differ_by_rounding_are_the_same():
    x = pd.Series({"a": 0.1 + 0.2, "b": 0.3, "c": 5.0})
    assert refused("E307", wt.economic, x).ids == [("a", "b")]
    assert wt.economic(pd.Series({"a": 1e13, "b": 100.0, "c": 200.0})).csr[1, 2] == 0.01


@settings(max_examples=20, derandomize=True, deadline=None)
@given(SEEDS, st.sampled_from(["delaunay", "gabriel", "relative_neighbor", "sphere_of_influence"]), st.booleans())
def test_units_of_one_place_form_a_clique(seed, name, geographic):
    """The graph of the places, every unit linked to all units of its own and of linked places."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(9, 2)) * 5
    where = np.concatenate([np.arange(9), rng.integers(0, 9, 5)])[rng.permutation(14)]
    options = {"crs": 4326} if geographic else PLANAR
    ids = [f"u{i:02d}" for i in rng.permutation(14)]
    w = getattr(wt, name)(places[where], ids=ids, coincident="clique", **options)
    base = dense(getattr(wt, name)(places, **options))
    expected = naive.pairs(14, lambda i, j: where[i] == where[j] or base[where[i], where[j]])
    assert (dense(w) == expected).all()
    assert "linked to each other" in str(w)
    alone = getattr(wt, name)(places, coincident="clique", **options)
    assert (dense(alone) == base).all()
    assert alone.notes == ()


def test_jitter_is_small_repeatable_and_blind_to_the_order_of_rows():
    rng = np.random.default_rng(3)
    places = np.repeat(rng.normal(size=(8, 2)), [1, 2, 1, 3, 1, 1, 1, 1], axis=0)
    frame = pd.DataFrame(places, columns=["x", "y"], index=[f"u{i:02d}" for i in range(len(places))])
    w = wt.delaunay(frame, coincident="jitter", **PLANAR)
    assert "seed 1" in str(w)
    shuffled = frame.sample(frac=1, random_state=0)
    assert wt.delaunay(shuffled, coincident="jitter", **PLANAR).reindex(w.ids) == w
    assert wt.gabriel(frame, coincident="jitter", seed=2, **PLANAR).notes[0].endswith("(seed 2)")
    for group in (["u01", "u02"], ["u04", "u05", "u06"]):
        part = w.subset(group)
        assert part.components == 1
    assert wt.delaunay(frame, coincident="jitter", **PLANAR).components == 1
    refused("E501", wt.delaunay, frame, coincident="merge", **PLANAR)
    refused("E206", wt.delaunay, np.repeat([[0.0, 0], [1, 1]], 3, axis=0), coincident="clique", **PLANAR)


# -- Manhattan, bandwidths ---------------------------------------------------------------------------


@settings(max_examples=20, derandomize=True, deadline=None)
@given(SEEDS)
def test_manhattan_matches_its_twin(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 25))
    xy, ids = np.round(rng.normal(size=(n, 2)), int(rng.integers(1, 8))), [f"u{i:02d}" for i in rng.permutation(n)]
    xy += np.arange(n)[:, None] * [0, 1e-3]
    d = naive.pairs(n, lambda i, j: abs(xy[i, 0] - xy[j, 0]) + abs(xy[i, 1] - xy[j, 1]))
    where = {"ids": ids, "metric": "manhattan"}
    off = ~np.eye(n, dtype=bool)
    cut = float(np.quantile(d[off], 0.4))
    with np.errstate(divide="ignore"):
        inverse = np.where(off, 1 / d, 0)
    assert (dense(wt.knn(xy, 3, coincident="allow", **where)) == naive.knn(d, 3, ids)).all()
    np.testing.assert_allclose(dense(wt.inverse_distance(xy, **where)), inverse, rtol=1e-9)
    np.testing.assert_allclose(dense(wt.inverse_distance(xy, cutoff=cut, **where)),
                               inverse * (d <= cut * (1 + 1e-12)), rtol=1e-9)
    np.testing.assert_allclose(wt.smallest_band(xy, **where), np.where(off, d, np.inf).min(axis=1).max(), rtol=1e-9)
    np.testing.assert_allclose(dense(wt.kernel(xy, "gaussian", bandwidth=cut, **where)),
                               naive.kernel(d, "gaussian", np.full(n, cut)), rtol=1e-8, atol=1e-12)
    assert "manhattan" in str(wt.knn(xy, 3, coincident="allow", **where))


def test_manhattan_where_it_has_no_meaning():
    refused("E403", wt.knn, CITIES, 1, crs=4326, metric="manhattan")
    refused("E501", wt.gabriel, np.eye(4)[:, :2] + 1, metric="manhattan")
    assert wt.distance_band([[0, 0], [3, 4]], 7, metric="manhattan").nnz == 2
    refused("E305", wt.distance_band, [[0, 0], [3, 4]], 6.9, metric="manhattan")


@settings(max_examples=15, derandomize=True, deadline=None)
@given(SEEDS, st.sampled_from(["triangular", "bisquare", "gaussian"]))
def test_a_bandwidth_for_every_unit(seed, shape):
    rng = np.random.default_rng(seed)
    n = 12
    xy, ids = rng.normal(size=(n, 2)), [f"u{i:02d}" for i in rng.permutation(n)]
    h = pd.Series(rng.uniform(0.5, 2, n), index=ids)
    w = wt.kernel(xy, shape, bandwidth=h.sample(frac=1, random_state=1), ids=ids, **PLANAR)
    np.testing.assert_allclose(dense(w), naive.kernel(naive.planar(xy), shape, h.to_numpy()), rtol=1e-8, atol=1e-12)
    assert "bandwidth from" in str(w)


def test_bandwidths_that_do_not_fit():
    xy = np.random.default_rng(0).normal(size=(4, 2))
    good = pd.Series([1.0, 2, 3, 4])
    refused("E101", wt.kernel, xy, bandwidth=good[:3], **PLANAR)
    assert refused("E211", wt.kernel, xy, bandwidth=good.replace(2.0, 0.0), **PLANAR).ids == [1]
    assert refused("E201", wt.kernel, xy, bandwidth=good.replace(2.0, np.nan), **PLANAR).ids == [1]
    with pytest.raises(SpatialInputError, match="not both"):
        wt.kernel(xy, bandwidth=good, k=2, **PLANAR)


# -- sizes ---------------------------------------------------------------------------------------------


def test_what_cannot_be_held_is_refused_before_it_is_tried():
    many = np.random.default_rng(0).random((100_000, 2))
    for build in (lambda: wt.knn(many, 99_999, **PLANAR), lambda: wt.knn(many, 50_000, **PLANAR),
                  lambda: wt.kernel(many, k=50_000, **PLANAR), lambda: wt.lattice(10**6, 10**6),
                  lambda: wt.lattice(10**9, 10**9, rule="queen"), lambda: wt.lattice(1, 10**12),
                  lambda: wt.economic(pd.Series(many[:, 0]), k=50_000)):
        refused("E309", build)


def test_infinite_coordinates_are_named():
    good = [box(0, 0, 1, 1), box(2, 0, 3, 1), box(4, 0, 5, 1)]
    bad = shapely.Polygon([(0, 0), (np.inf, 0), (1, 1)])
    g = gpd.GeoSeries([*good, bad], index=list("abcd"), crs=3857)
    for at in ("centroid", "inside"):
        assert refused("E202", wt.knn, g, 2, at=at).ids == ["d"]
    for build in (wt.queen, wt.rook, wt.bishop, wt.border_length):
        assert refused("E202", build, g).ids == ["d"]
    points = gpd.GeoSeries([shapely.Point(0, 0), shapely.Point(1, np.nan), shapely.Point(np.inf, 1)], crs=3857)
    assert refused("E202", wt.inverse_distance, points.iloc[[0, 2]]).ids == [2]
    refused("E202", wt.inverse_distance, [[0, 0], [np.inf, 1]], **PLANAR)
    assert refused("E202", wt.knn, g.iloc[:3], 1, at=gpd.GeoSeries([shapely.Point(0, np.inf)] * 3, index=list("abc"))
                   ).ids == list("abc")


# -- years that are missing -----------------------------------------------------------------------------


def growing():
    """Unit a has the last 5 of 20 years only; all grow, so its mean over them is too high."""
    year = np.arange(2000, 2020)
    long = pd.DataFrame([(u, t, base + slope * (t - 2000)) for u, base, slope in (("a", 1, 0.2), ("b", 2, 0.3),
                        ("c", 5, 0.1)) for t in year], columns=["id", "t", "x"])
    return long, long[(long["id"] != "a") | (long["t"] >= 2015)]


def test_means_over_different_years_are_refused():
    whole, gaps = growing()
    panel = {"x": "x", "entity": "id", "time": "t"}
    right = wt.economic(whole, **panel).standardize("row")
    empty = whole.assign(x=whole["x"].where((whole["id"] != "a") | (whole["t"] >= 2015)))
    for data in (gaps, empty):
        assert refused("E201", wt.economic, data, **panel).ids[0] == ("a", 2000)
        available = wt.economic(data, **panel, missing="available").standardize("row")
        mean = whole[whole["t"] >= 2015].groupby("id")["x"].mean()["a"]
        b, c = (whole[whole["id"] == u]["x"].mean() for u in "bc")
        raw = np.array([1 / abs(mean - b), 1 / abs(mean - c)])
        np.testing.assert_allclose(available.csr[[0]].toarray()[0, 1:], raw / raw.sum())
        assert abs(available.csr[0, 1] - right.csr[0, 1]) > 0.05
        assert "over 5 to 20 periods" in str(available)
        refused("E201", wt.nested, wt.from_dense(np.ones((3, 3)) - np.eye(3), ids=list("abc")), data, **panel)
        assert refused("E201", wt.economic, data, **panel, period="each").ids[0] == ("a", 2000)
    assert wt.economic(whole, **panel, missing="available") == wt.economic(whole, **panel)
    assert wt.economic(gaps, **panel, period=2016).n == 3
    never = whole.assign(x=whole["x"].where(whole["id"] != "a"))
    assert refused("E201", wt.economic, never, **panel, missing="available").ids == ["a"]
    refused("E501", wt.economic, gaps, **panel, missing="drop")


# -- signs, islands --------------------------------------------------------------------------------------


def test_row_standardisation_keeps_signs():
    for rows in ([[0, -1, 0], [1, 0, 1], [0, 1, 0]], [[0, -2, 1], [1, 0, 1], [0, 1, 0]]):
        w = wt.from_dense(rows, ids=list("abc"), allow_negative=True)
        assert refused("E314", w.standardize, "row").ids == ["a"]
        assert (np.sign(dense(w.standardize("spectral"))) == np.sign(rows)).all()
    mixed = wt.from_dense([[0, -1, 3], [1, 0, 1], [0, 1, 0]], allow_negative=True).standardize("row")
    assert dense(mixed)[0].tolist() == [0, -0.5, 1.5]
    refused("E314", wt.from_dense([[0, -1], [-1, 0]], allow_negative=True).standardize, "double")


def test_islands_that_are_each_others_nearest_get_one_link():
    g = gpd.GeoSeries([box(a, 0, a + 1, 1) for a in (0, 1, 10, 11.5)], crs=3857)
    w = wt.queen(g, islands="nearest")
    assert w.csr.max() == 1
    assert w.csr[2, 3] == w.csr[3, 2] == 1
    band = wt.distance_band([[0, 0], [1, 0], [10, 0], [12, 0]], 1.5, islands="nearest", **PLANAR)
    assert band.csr.max() == 1
    near = wt.inverse_distance([[0, 0], [1, 0], [10, 0], [12, 0]], cutoff=1.5, islands="nearest", **PLANAR)
    assert near.csr[2, 3] == near.csr[3, 2] == 0.5
