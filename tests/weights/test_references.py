"""Against others' numbers: libpysal, R's spdep on Columbus, the land borders of China's provinces."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import weights as wt

DATA = Path(__file__).parents[2] / "../shared/data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="shared data are not here")


@pytest.fixture(scope="module")
def columbus():
    return gpd.read_file(DATA / "reference/columbus.gpkg")


def stored(name):
    """R's listw as a matrix of 49 units, numbered from 1."""
    table = pd.read_csv(DATA / f"reference/columbus_w_{name}.csv")
    return table, sorted(set(table.iloc[:, 0]) | set(table.iloc[:, 1]))


@needs_data
@pytest.mark.parametrize(("name", "build"), [
    ("queen_B", lambda g: wt.queen(g)),
    ("rook_B", lambda g: wt.rook(g)),
    ("knn4_W", lambda g: wt.knn(g, 4, metric="planar").standardize("row")),
])
def test_columbus_as_in_spdep(columbus, name, build):
    table, units = stored(name)
    focal, neighbor, weight = table.columns
    reference = wt.from_frame(table, ids=units, focal=focal, neighbor=neighbor, weight=weight)
    w = build(columbus)
    assert (w.csr.indices == reference.csr.indices).all()
    np.testing.assert_allclose(w.csr.data, reference.csr.data, rtol=1e-12)


@needs_data
def test_columbus_as_in_libpysal(columbus):
    graph = pytest.importorskip("libpysal.graph").Graph
    centroids = columbus.centroid
    planar = {"metric": "planar"}
    with np.errstate(divide="ignore"):  # libpysal divides by the zeros of the diagonal, then drops it
        inverse = graph.build_distance_band(centroids, 0.7, binary=False)

    pairs = [
        (wt.queen(columbus), graph.build_contiguity(columbus, rook=False)),
        (wt.rook(columbus), graph.build_contiguity(columbus, rook=True)),
        (wt.knn(columbus, 6, **planar), graph.build_knn(centroids, 6)),
        (wt.distance_band(columbus, 0.7, **planar), graph.build_distance_band(centroids, 0.7)),
        (wt.inverse_distance(columbus, cutoff=0.7, **planar), inverse),
        (wt.delaunay(columbus, **planar), graph.build_triangulation(centroids, "delaunay")),
        (wt.gabriel(columbus, **planar), graph.build_triangulation(centroids, "gabriel")),
        (wt.relative_neighbor(columbus, **planar), graph.build_triangulation(centroids, "relative_neighborhood")),
        (wt.kernel(columbus, "epanechnikov", bandwidth=0.9, **planar),
         graph.build_kernel(centroids, "parabolic", bandwidth=0.9)),
    ]
    for ours, theirs in pairs:
        theirs = wt.from_graph(theirs, allow_self=True)
        gap = abs(ours.csr - theirs.csr)
        gap.setdiag(0)
        assert gap.max() < 1e-9, ours.kind


def test_conversion_to_libpysal_and_back():
    pytest.importorskip("libpysal")
    dense = np.random.default_rng(1).random((6, 6)) * (np.random.default_rng(2).random((6, 6)) < 0.5)
    np.fill_diagonal(dense, 0)
    dense[2] = 0
    for ids in (None, ["10", "9", "b", "a", "上", "0"]):
        for w in (wt.from_dense(dense, ids), wt.from_dense(dense, ids).standardize("row")):
            assert wt.from_graph(w.to_graph()) == w
            assert wt.from_W(w.to_W()) == w
            assert w.to_graph().isolates.tolist() == w.islands.tolist()
        assert wt.from_graph(w.to_graph()).standardization == "row"


@needs_data
def test_the_68_borders_of_chinas_provinces():
    land = pd.read_csv(DATA / "china_adjacency.csv").query("kind == 'land'")
    expected = {frozenset(p) for p in land[["a", "b"]].itertuples(index=False)}
    assert len(expected) == 68
    fine = gpd.read_file(DATA / "china_provinces_ne50m.geojson")
    fine = fine.set_index(fine["name"].replace({"Inner Mongol": "Inner Mongolia", "Xizang": "Tibet"}))
    for w in (wt.queen(fine), wt.rook(fine), wt.queen(fine, tolerance=100), wt.rook(fine, tolerance=100)):
        assert links(w) == expected
        assert w.islands.tolist() == ["Hainan"]
        assert w.components == 2
    joined = wt.queen(fine, islands="nearest")
    assert links(joined) - expected == {frozenset(["Hainan", "Guangdong"])}
    assert "Hainan" in joined.notes[0]


@needs_data
def test_borders_that_cross_are_common_borders():
    rough = gpd.read_file(DATA / "china_provinces_ne10m.geojson").set_index("NAME_1")
    exact, near = wt.queen(rough, method="vertices"), wt.queen(rough)
    assert (len(links(exact)), len(links(near))) == (66, 70)
    missed = {frozenset(p) for p in (("Shaanxi", "Chongqing"), ("Shandong", "Anhui"), ("Guangdong", "Hong Kong"),
                                     ("Guangdong", "Macao"))}
    assert links(near) - links(exact) == missed
    assert wt.rook(rough) == near == wt.queen(rough, tolerance=1)
    assert "4 pairs rest on borders without common vertices" in near.notes[0]
    listed = wt.audit(rough)
    listed = listed[listed["problem"] == "borders cross"]
    assert missed | {frozenset(("Jiangxi", "Zhejiang"))} == {
        frozenset(p) for p in listed[["a", "b"]].itertuples(index=False)}
    assert (listed["size"] > 0).all()


def links(w):
    return {frozenset(p) for p in w.to_frame()[["focal", "neighbor"]].itertuples(index=False)}


def test_shipped_maps_share_their_vertices():
    """China's 31 provinces: 68 borders, Hainan alone; US counties as in libpysal."""
    import shapefiles

    china = shapefiles.load("china_provinces").set_index("name")
    for w in (wt.queen(china), wt.rook(china), wt.queen(china, tolerance=50)):
        assert (w.nnz, w.islands.tolist()) == (136, ["Hainan"])
    if DATA.exists():
        land = pd.read_csv(DATA / "china_adjacency.csv").query("kind == 'land'")
        assert links(wt.queen(china)) == {frozenset(p) for p in land[["a", "b"]].itertuples(index=False)}
    graph = pytest.importorskip("libpysal.graph").Graph
    counties = shapefiles.load("us_counties")
    for ours, theirs in ((wt.queen, False), (wt.rook, True)):
        w = ours(counties)
        assert (w.csr != graph.build_contiguity(counties, rook=theirs).sparse).nnz == 0
        assert w.n == 3108
