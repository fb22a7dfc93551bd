"""Contiguity of maps whose polygons do not share their vertices, with links known exactly."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box
from shapely.affinity import rotate, translate

import weights as wt
from spillover.errors import SpatialInputError
from tests.weights import naive
from weights.adjacency import joined as _joined
from weights.adjacency import junctions as _junctions
from weights.adjacency import links as _links
from weights.adjacency import loops as _loops
from weights.adjacency import open_border as _open_border
from weights.adjacency import touch as _touch
from weights.adjacency import vertices as _vertices

SETTINGS = settings(max_examples=25, derandomize=True, deadline=None)
SEEDS = st.integers(0, 10**6)
PER_METRE = 3857


def bricks(n, *, offset=0.5, crs=None):
    """n rows of n bricks, every other row moved; each brick borders two above, but for one at an end."""
    return gpd.GeoSeries([box(c + offset * (r % 2), r, c + offset * (r % 2) + 1, r + 1)
                          for r in range(n) for c in range(n)], crs=crs)


def lattice(n, *, crs=None, shrink=0.0):
    return gpd.GeoSeries([box(c + shrink, r + shrink, c + 1 - shrink, r + 1 - shrink) for r in range(n)
                          for c in range(n)], crs=crs)


def moved(g, f, crs=None):
    return gpd.GeoSeries(shapely.transform(np.asarray(g.geometry.array), f), crs=crs or g.crs)


def turned(g, angle=0.5):
    return gpd.GeoSeries([rotate(s, angle, origin=(0, 0), use_radians=True) for s in g], crs=g.crs)


def jittered(g, size, seed=0):
    """Every polygon's vertices moved at random by up to ``size`` on either axis: no two share one any more."""
    rng = np.random.default_rng(seed)

    def one(shape):
        xy = shapely.get_coordinates(shape)[:-1]
        return Polygon(xy + rng.uniform(-size, size, xy.shape))

    return gpd.GeoSeries([one(s) for s in g], crs=g.crs)


def globe(n=40):
    """Bricks around the globe; those across the antimeridian have two parts."""
    wide, high, out = 360 / n, 160 / n, []
    for r in range(n):
        for c in range(n):
            x, y = -180 + wide * (c + 0.5 * (r % 2)), -80 + high * r
            parts = [box(x, y, min(x + wide, 180), y + high)]
            if x + wide > 180:
                parts.append(box(-180, y, x + wide - 360, y + high))
            out.append(shapely.MultiPolygon(parts))
    return gpd.GeoSeries(out, crs=4326)


def mixed():
    return [box(0, 0, 2, 2), box(0, 2, 2, 4), *(box(2 + i, j, 3 + i, j + 1) for i in range(2) for j in range(4))]


def facing(gap, crs=PER_METRE, side=100.0):
    return gpd.GeoSeries([box(0, 0, side, side), box(side + gap, 0.1 * side, 2 * side, 0.9 * side)], crs=crs)


def corner(gap):
    return gpd.GeoSeries([box(0, 0, 100, 100), box(100 + gap, 100 + gap, 200, 200)], crs=PER_METRE)


def split(left, right, *others, crs=4326):
    return gpd.GeoSeries([left, right, *others], crs=crs)


FAN = [box(0, -1, 2, 0), Polygon([(1, 0), (2, 1), (0, 1)]), Polygon([(0, 0), (1, 0), (0, 1)]),
       Polygon([(1, 0), (2, 0), (2, 1)])]
RING = Polygon([(0, 0), (6, 0), (6, 6), (0, 6)], [[(2, 2), (2, 4), (4, 4), (4, 2)]])
RING_WITH_MORE = Polygon([(0, 0), (6, 0), (6, 6), (0, 6)], [[(2, 2), (2, 3), (2, 4), (3, 4), (4, 4), (4, 2)]])
WALL = turned(bricks(30, crs=PER_METRE))
LARGE = moved(WALL, lambda xy: 100 * xy)
FAR = moved(LARGE, lambda xy: xy + np.array([4e5, 5e6]))
ONE_EDGE_OFF = [box(1000 * c + (1e-6 if (r, c) == (1, 2) else 0), 1000 * r, 1000 * (c + 1), 1000 * (r + 1))
                for r in range(4) for c in range(4)]

CASES = {  # map, links of queen, links of rook
    "bricks 20": (bricks(20), 1121, 1121),
    "bricks 30": (bricks(30), 2581, 2581),
    "bricks, off by a third": (bricks(30, offset=1 / 3), 2581, 2581),
    "bricks upright": (moved(bricks(20), lambda xy: xy[:, ::-1].copy()), 1121, 1121),
    "bricks turned": (WALL, 2581, 2581),
    "bricks turned, no coordinate system": (WALL.set_crs(None, allow_override=True), 2581, 2581),
    "bricks turned and large": (LARGE, 2581, 2581),
    "bricks turned, large and far": (FAR, 2581, 2581),
    "bricks turned, rounded to 1 m": (moved(FAR, np.round), 2581, 2581),
    "bricks turned, rounded to 1 cm": (moved(FAR, lambda xy: np.round(xy, 2)), 2581, 2581),
    "bricks jittered": (jittered(bricks(30, crs=PER_METRE), 1e-3), 2581, 2581),
    "bricks jittered little": (jittered(bricks(30, crs=PER_METRE), 1e-6), 2581, 2581),
    "bricks turned and jittered": (jittered(FAR, 1e-3), 2581, 2581),
    "bricks around the globe": (globe(), 4720, 4720),
    "bricks around the globe, few": (globe(12), 12 * 12 + 11 * 24, 12 * 12 + 11 * 24),
    "lattice": (lattice(50), 9702, 4900),
    "lattice jittered": (jittered(lattice(20, crs=PER_METRE), 1e-3), 20 * 19 * 2 + 2 * 19 * 19, 20 * 19 * 2),
    "lattice shrunk": (lattice(20, crs=PER_METRE, shrink=1e-6), 20 * 19 * 2 + 2 * 19 * 19, 20 * 19 * 2),
    "lattice grown": (lattice(20, crs=PER_METRE, shrink=-1e-6), 20 * 19 * 2 + 2 * 19 * 19, 20 * 19 * 2),
    "one edge off by 1e-6": (gpd.GeoSeries(ONE_EDGE_OFF, crs=PER_METRE), 42, 24),
    "mixed resolution": (gpd.GeoSeries(mixed(), crs=PER_METRE), 23, 15),
    "fan": (gpd.GeoSeries(FAN), 6, 4),
    "tip on an edge": (gpd.GeoSeries(FAN[:2]), 1, 0),
    "tips from both sides": (gpd.GeoSeries([FAN[0], FAN[1], Polygon([(1, -1), (2, -2), (0, -2)])]), 2, 0),
    "three": (gpd.GeoSeries([box(0, 0, 3, 1), box(3, 0, 6, 1), box(1, 1, 5, 2)]), 3, 3),
    "four on one": (gpd.GeoSeries([box(0, -1, 4, 0), *(box(i, 0, i + 1, 1) for i in range(4))]), 7, 7),
    "enclave with more vertices": (gpd.GeoSeries([RING, Polygon([(2, 2), (3, 2), (4, 2), (4, 3), (4, 4), (3, 4), (2, 4),
                                                                 (2, 3)])]), 1, 1),
    "hole with more vertices": (gpd.GeoSeries([RING_WITH_MORE, box(2, 2, 4, 4)]), 1, 1),
    "two enclaves in a hole": (gpd.GeoSeries([RING, box(2, 2, 3, 4), box(3, 2, 4, 4)]), 3, 3),
    "diamond in a hole": (gpd.GeoSeries([RING, Polygon([(3, 2), (4, 3), (3, 4), (2, 3)])]), 1, 0),
    "overlap of 1 m": (facing(-1), 1, 1),
    "overlap of 5 mm": (facing(-0.005), 1, 1),
    "gap of 5 mm": (facing(0.005), 1, 1),
    "gap of 20 mm": (facing(0.02), 0, 0),
    "gap of 1 m": (facing(1), 0, 0),
    "gap of 0.02 feet": (facing(0.02, 2263), 1, 1),
    "gap of 0.05 feet": (facing(0.05, 2263), 0, 0),
    "gap of 5e-8 degrees": (facing(5e-8, 4326, 1.0), 1, 1),
    "gap of 2e-7 degrees": (facing(2e-7, 4326, 1.0), 0, 0),
    "corner gap": (corner(0.005), 1, 0),
    "corner overlap": (corner(-0.005), 1, 0),
    "corner gap of 20 mm": (corner(0.02), 0, 0),
    "across the antimeridian": (split(box(170, -10, 180, 0), box(-180, -8, -170, -3), box(-180, -3, -170, 4)), 3, 3),
    "across the antimeridian, at a point": (split(box(170, -10, 180, 0), Polygon([(-180, -5), (-170, -9), (-170, -1)])),
                                            1, 0),
    "two across the antimeridian": (split(box(170, -10, 180, 0), box(-180, -5, -170, 5), box(170, 0, 180, 9)), 3, 3),
}


@pytest.mark.parametrize("name", CASES)
def test_links_of_maps_without_common_vertices(name):
    g, queen, rook = CASES[name]
    assert (wt.queen(g).nnz / 2, wt.rook(g).nnz / 2, wt.bishop(g).nnz / 2) == (queen, rook, queen - rook)
    backwards = wt.queen(g.iloc[::-1]).reindex(g.index)
    assert backwards == wt.queen(g)


def test_a_large_wall_by_compiled_loops():
    c, r = (x.ravel() for x in np.meshgrid(np.arange(316.0), np.arange(316.0)))
    x = c + 0.5 * (r % 2)
    wall = gpd.GeoSeries(shapely.box(x, r, x + 1, r + 1))
    queen, rook = wt.queen(wall), wt.rook(wall)
    assert queen.nnz == rook.nnz == 2 * 298_305
    assert queen.notes[0].startswith("198,765 pairs rest on borders without common vertices: T-junctions 198,765,")
    i, j = queen.csr.nonzero()
    assert (abs(r[i] - r[j]) <= 1).all()
    assert (abs(x[i] - x[j]) <= 1).all()
    assert (queen.csr != rook.csr).nnz == 0


def partition(seed, n=14):
    """A rectangle cut in two again and again, at tenths so that cuts meet; some halves joined to others."""
    rng, parts = np.random.default_rng(seed), [box(0, 0, 12, 12)]
    while len(parts) < n:
        k = int(rng.integers(len(parts)))
        a, b, c, d = parts[k].bounds
        axis = int(rng.random() < 0.5)
        low, high = (a, c) if axis == 0 else (b, d)
        if high - low < 2:
            continue
        cut = low + int(rng.integers(1, int(high - low)))
        halves = [box(a, b, cut, d), box(cut, b, c, d)] if axis == 0 else [box(a, b, c, cut), box(a, cut, c, d)]
        parts[k : k + 1] = halves
    if rng.random() < 0.5:
        one, two = rng.choice(len(parts), 2, replace=False)
        both = shapely.union(parts[one], parts[two])
        parts = [p for k, p in enumerate(parts) if k not in (one, two)] + [both]
    return [parts[k] for k in rng.permutation(len(parts))]


@SETTINGS
@given(SEEDS, st.booleans(), st.booleans())
def test_rectangles_are_joined_as_geos_joins_them(seed, compiled, snapped):
    shapes = partition(seed)
    g, snap = gpd.GeoSeries(shapes), "auto" if snapped else 0
    with pytest.MonkeyPatch.context() as patch:
        if compiled:
            patch.setattr(_loops, "COMPILED_FROM", 0)
        assert (wt.queen(g, snap=snap).csr.toarray() == naive.touching(shapes)).all()
        assert (wt.rook(g, snap=snap).csr.toarray() == naive.adjoining(shapes)).all()
        lengths = wt.border_length(g, snap=snap)
    np.testing.assert_allclose(lengths.csr.toarray(), naive.common_length(shapes), rtol=1e-12)


@SETTINGS
@given(SEEDS)
def test_unmatched_edges_are_those_that_occur_once(seed):
    shapes = np.array(partition(seed))
    begin = _vertices.offsets(shapely.get_num_coordinates(shapes))
    expected = naive.edges_once(shapes)
    for sharing in (_vertices.sharing_a_vertex, _vertices.sharing_an_edge):
        border = _open_border.open_border(sharing(shapes, begin)[1], shapes, geographic=False)
        ends = zip(map(tuple, border.tail.tolist()), map(tuple, border.head.tolist()))
        assert {(frozenset(e), i) for e, i in zip(ends, border.edge_owner.tolist())} == expected
        assert (border.xy[border.ends[:, 0]] == border.tail).all()


@SETTINGS
@given(SEEDS, st.sampled_from([0, 0.01, 0.3]))
def test_compiled_search_equals_the_tree(seed, reach):
    """Points on edges and crossings, of polygons of very unlike sizes that lie across each other."""
    rng = np.random.default_rng(seed)
    size = np.exp(rng.normal(size=12) * 1.5)
    x, y = rng.integers(0, 8, (2, 12)) / 2
    shapes = np.array([rotate(box(a, b, a + s, b + s), t) for a, b, s, t in zip(x, y, size, rng.random(12) * 90)])
    begin = _vertices.offsets(shapely.get_num_coordinates(shapes))
    border = _open_border.open_border(_vertices.sharing_a_vertex(shapes, begin)[1], shapes, geographic=False)
    label = np.arange(len(border.xy))
    slow = _junctions.EdgeSearch(border, label, reach)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_loops, "COMPILED_FROM", 0)
        fast = _junctions.EdgeSearch(border, label, reach)
    assert fast.compiled > slow.compiled
    for search in ("on_edges", "crossings"):
        one, two = (np.array(getattr(s, search)()) for s in (slow, fast))
        if search == "crossings":  # either edge of a pair may come first
            two = np.where(two[0] < two[1], two, two[[1, 0, 3, 2]])
        one, two = (x[:, np.lexsort(x[1::-1])] for x in (one, two))
        assert (one[:2] == two[:2]).all()
        np.testing.assert_allclose(one[2:], two[2:], atol=1e-9)
        assert reach < 0.3 or one.shape[1]


@SETTINGS
@given(SEEDS, st.sampled_from([0, 1e-9, 0.02, 0.2]), st.booleans())
def test_compiled_loops_equal_those_in_numpy(seed, reach, corners):
    """Every field of every pair: of a wall whose vertices are shaken, and of polygons that lie across each other."""
    rng = np.random.default_rng(seed)
    shapes = np.array(partition(seed, 20))
    for k in np.flatnonzero(rng.random(len(shapes)) < 0.3):
        x, y = rng.choice([0, 0, 0.01, 0.5], 2)
        shapes[k] = translate(shapes[k], x, y)
    begin = _vertices.offsets(shapely.get_num_coordinates(shapes))
    vertices = _vertices.sharing_a_vertex(shapes, begin)[1]

    def answer():
        border = _open_border.open_border(vertices, shapes, geographic=False)
        lengths = np.hypot(*(border.head - border.tail).T)
        return border, _joined.joined(border, len(shapes), reach, corners=corners, lengths=lengths)

    slow = answer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_loops, "COMPILED_FROM", 0)
        fast = answer()
    for one, two in zip(slow, fast):
        for name in one.__dataclass_fields__:
            np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-12, atol=1e-15, err_msg=name)
    assert len(slow[1].a)


def test_borders_of_unequal_vertices_have_their_true_length():
    added = wt.border_length(LARGE).csr - wt.border_length(LARGE, method="vertices").csr
    assert added.sum() / 2 == pytest.approx(29 * 59 * 50)
    row = wt.border_length(gpd.GeoSeries(mixed(), crs=PER_METRE)).csr[[0], :].toarray()
    assert row.tolist() == [[0, 2, 1, 1, 0, 0, 0, 0, 0, 0]]
    shares = wt.border_length(lattice(5, crs=PER_METRE, shrink=1e-6), share=True).csr
    assert shares.sum(axis=1)[12] == pytest.approx(1, abs=1e-5)
    degrees = gpd.GeoSeries([box(0, 0, 2, 2), box(2, 0, 3, 1), box(2, 1, 3, 2)], crs=4326)
    assert wt.border_length(degrees).csr[0, 1] == pytest.approx(111.195, abs=1e-3)


def test_the_header_counts_and_audit_lists_what_has_no_common_vertices():
    assert wt.queen(lattice(5)).notes == ()
    wall = bricks(6, crs=PER_METRE)
    assert wt.rook(wall).notes == (
        "55 pairs rest on borders without common vertices: T-junctions 55, snapped 0, overlapping 0; snap 10 mm; "
        "see audit",)
    listed = wt.audit(wall)
    assert set(listed["problem"]) == {"T-junction"}
    assert (len(listed), set(listed["size"])) == (55, {0.5})
    snapped = wt.audit(facing(0.005))
    assert snapped[["problem", "unit"]].values.tolist() == [["sliver", "m"]]
    assert snapped["size"][0] == pytest.approx(0.005)
    assert wt.audit(lattice(3, crs=PER_METRE, shrink=1e-6))["problem"].unique().tolist() == ["snapped"]
    assert "snapped 20 (widest 2.83 µm)" in wt.queen(lattice(3, crs=PER_METRE, shrink=1e-6)).notes[0]
    assert wt.audit(facing(-1))["problem"].tolist() == ["borders cross"]
    assert wt.audit(facing(-1))["size"].tolist() == [80]
    assert "overlapping 1; snap 10 mm" in wt.rook(facing(-1)).notes[0]
    assert wt.audit(gpd.GeoSeries(FAN[:2]))[["problem", "size", "detail"]].values.tolist() == [
        ["T-junction", 0.0, "at a point"]]


def test_snap_and_method():
    assert wt.queen(facing(0.5), snap=0.5).nnz == 2
    assert wt.queen(facing(0.5), snap=0.4).nnz == 0
    assert wt.queen(facing(0.005), snap=0).nnz == 0
    assert wt.queen(bricks(6), snap=0).nnz == 170
    assert wt.queen(bricks(6), method="vertices").nnz == 60
    assert wt.rook(lattice(4, shrink=1e-6), method="vertices").nnz == 0
    for wrong in ({"snap": False}, {"snap": True}, {"snap": None}, {"snap": "on"}, {"snap": -1}, {"snap": np.nan},
                  {"method": "strict"}, {"method": "vertices", "snap": 1}):
        for build in (wt.queen, wt.rook, wt.bishop, wt.border_length):
            with pytest.raises(SpatialInputError) as error:
                build(lattice(2), **wrong)
            assert error.value.code == "E501"


def test_chains_of_close_vertices_are_not_drawn_into_one():
    """Vertices at steps of the snap: clusters stay within twice the snap."""
    from weights.adjacency.snap import clusters

    xy = np.column_stack([np.arange(20.0), np.zeros(20)])
    for points in (xy, np.vstack([xy, xy + np.array([0, 100.0])]), xy[::-1]):
        label, extent = clusters(points, 1.0)
        assert extent.max() <= 2
        assert len(extent) == label.max() + 1 < len(points)
    rng = np.random.default_rng(0)
    centers = np.column_stack([x.ravel() for x in np.meshgrid(np.arange(9.0), np.arange(9.0))])
    which = rng.integers(0, 81, 400)
    label, _ = clusters(centers[which] + rng.uniform(-0.01, 0.01, (400, 2)), 0.03)
    assert len(set(zip(which.tolist(), label.tolist()))) == len(set(which.tolist())) == label.max() + 1


def test_a_tolerance_reaches_across_the_antimeridian():
    pair = gpd.GeoSeries([box(170, 0, 179.99, 10), box(-179.99, 0, -170, 10), box(0, 0, 10, 10)], crs=4326)
    assert wt.queen(pair).nnz == 0
    for build in (wt.queen, wt.rook):
        assert build(pair, tolerance=2300).nnz == 2  # 0.02 degrees at the equator: 2,224 m
        assert build(pair, tolerance=2000).nnz == 0 or build is wt.rook
    assert wt.queen(pair.iloc[:2], tolerance=2000).nnz == 0
    joined = wt.queen(pair.iloc[:2], islands="nearest")
    assert joined[0].index.tolist() == [1]
    assert wt.queen(pair, islands="nearest")[1].index.tolist() == [0]
    listed = wt.audit(pair, tolerance=2300)
    assert listed[["problem", "a", "b"]].values.tolist() == [["nearly touching", 0, 1]]
    assert listed["size"][0] == pytest.approx(2190, abs=40)


def test_an_island_joined_to_an_island_has_one_link():
    """Each is the other's nearest: the link must not count twice."""
    apart = gpd.GeoSeries([box(a, 0, a + 1, 1) for a in (0, 1, 10, 11.5)])
    w = wt.queen(apart, islands="nearest")
    assert w.csr.max() == 1
    assert w.csr.toarray().tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    rows = wt.knn([[0, 0], [1, 0], [10, 0], [11, 0]], 1, metric="planar")
    alone = wt.distance_band([[0, 0], [1, 0], [10, 0], [11.5, 0]], 1.2, metric="planar", islands="nearest")
    assert (alone.csr != rows.csr).nnz == 0


def test_lengths_and_links_rest_on_the_same_pieces():
    for g in (bricks(8), globe(12), lattice(6, crs=PER_METRE, shrink=1e-6), WALL):
        assert ((wt.border_length(g).csr > 0) != (wt.rook(g).csr > 0)).nnz == 0


def test_a_note_of_distances_has_its_unit():
    feet = _touch.Space(np.asarray(facing(0).array), gpd.GeoSeries(crs=2263).crs)
    assert _links.in_words(1.0, feet) == "305 mm"
    assert _links.in_words(1e-8, _touch.Space(feet.shapes, gpd.GeoSeries(crs=4326).crs)) == "1e-08 degrees"
    assert _links.in_words(0.25, _touch.Space(feet.shapes, None)) == "0.25 coordinate units"


def test_infinite_coordinates_are_refused_by_name():
    bent = gpd.GeoSeries([box(0, 0, 1, 1), Polygon([(1, 0), (np.inf, 0), (2, 1), (1, 1)])], index=["a", "b"])
    for build in (wt.queen, wt.rook, wt.bishop, wt.border_length, wt.audit, lambda g: wt.queen(g, method="vertices"),
                  lambda g: wt.border_length(g, method="vertices")):
        with pytest.raises(SpatialInputError) as error:
            build(bent)
        assert (error.value.code, error.value.ids) == ("E202", ["b"])
