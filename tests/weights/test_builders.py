"""Every builder against its slow dense twin on random units, and the laws it must obey."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import weights as wt
from spillover.errors import SpatialInputError
from tests.weights import naive
from weights._points import unit_sphere

SETTINGS = settings(max_examples=20, derandomize=True, deadline=None)
SEEDS = st.integers(0, 10**6)


def dense(w):
    return w.csr.toarray()


def cloud(seed, n=None, *, geographic=False):
    """Random points, clustered; ids in no order."""
    rng = np.random.default_rng(seed)
    n = n or int(rng.integers(5, 30))
    xy = rng.normal(size=(n, 2)) * rng.choice([0.2, 1.0], size=(n, 1))
    if geographic:
        xy = np.column_stack([(xy[:, 0] * 60 + 180) % 360 - 180, np.clip(xy[:, 1] * 25, -89, 89)])
    ids = [f"u{i:02d}" for i in rng.permutation(n)]
    return xy, ids


def cells(seed, n=None):
    """Voronoi cells clipped to a box, as a GeoDataFrame; holes and parts appear by merging some."""
    rng = np.random.default_rng(seed)
    n = n or int(rng.integers(6, 25))
    points = shapely.multipoints(rng.random((n, 2)))
    shapes = list(shapely.get_parts(shapely.voronoi_polygons(points, extend_to=shapely.box(0, 0, 1, 1))))
    while len(shapes) > 5 and rng.random() < 0.5:
        a, b = rng.choice(len(shapes), 2, replace=False)
        merged = shapely.union(shapes[a], shapes[b])
        shapes = [s for k, s in enumerate(shapes) if k not in (a, b)] + [merged]
    return gpd.GeoDataFrame({"id": [f"u{i}" for i in rng.permutation(len(shapes))]}, geometry=shapes).set_index("id")


def squares(rows=4, columns=5):
    shapes = [shapely.box(x, y, x + 1, y + 1) for y in range(rows) for x in range(columns)]
    return gpd.GeoDataFrame(geometry=shapes)


@SETTINGS
@given(SEEDS)
def test_contiguity_matches_its_twin(seed):
    g = cells(seed)
    shapes = list(g.geometry)
    queen, rook = naive.queen(shapes), naive.rook(shapes)
    assert (dense(wt.queen(g)) == queen).all()
    assert (dense(wt.rook(g)) == rook).all()
    assert (dense(wt.bishop(g)) == queen - rook).all()
    np.testing.assert_allclose(dense(wt.border_length(g)), naive.border_length(shapes), rtol=1e-12)
    around = np.array([s.length for s in shapes])
    np.testing.assert_allclose(dense(wt.border_length(g, share=True)), naive.border_length(shapes) / around[:, None],
                               rtol=1e-12)


@pytest.mark.parametrize("rule", ["queen", "rook", "bishop"])
def test_lattice_is_contiguity_of_squares(rule):
    w = wt.lattice(4, 5, rule=rule)
    assert (dense(w) == naive.lattice(4, 5, rule)).all()
    assert getattr(wt, rule)(squares()) == w
    mask = np.random.default_rng(0).random((4, 5)) < 0.7
    masked = wt.lattice(4, 5, rule=rule, mask=mask)
    assert masked == w.subset(np.flatnonzero(mask))


@SETTINGS
@given(SEEDS, st.sampled_from([1, 40, 10_000]), st.booleans())
def test_compiled_contiguity_equals_sorting(seed, hand, repeats):
    """Read in one piece or many; with polygons that repeat, so that pairs meet very often."""
    from weights import _kernels
    from weights.adjacency import meeting as _meeting
    from weights.adjacency import vertices as _vertices

    shapes = np.asarray(cells(seed).geometry.array)
    shapes = np.concatenate([shapes] * 6) if repeats else shapes
    bits, begin = _vertices.vertices(shapes), _vertices.offsets(shapely.get_num_coordinates(shapes))
    sorted_labels, hashed_labels = _meeting.numbered(bits), _kernels.numbered(bits)
    pairs = set(zip(sorted_labels.tolist(), hashed_labels.tolist()))
    assert len(pairs) == len(set(sorted_labels.tolist())) == len(set(hashed_labels.tolist()))
    for sharing in (_vertices.sharing_a_vertex, _vertices.sharing_an_edge):
        slow, once = sharing(shapes, begin)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_meeting, "COMPILED_FROM", 0)
            patch.setattr(_meeting, "HAND", hand)
            patch.setattr(_meeting, "BIN", 16)
            patch.setattr(_meeting, "ROWS", 2)
            fast, again = sharing(shapes, begin)
        assert (fast.indptr == slow.indptr).all()
        assert (fast.indices == slow.indices).all()
        assert (once.few == again.few).all()
        assert (once.xy == again.xy).all()
        assert ((once.label >= 0) == (again.label >= 0)).all()
        pairs = set(zip(once.label.tolist(), again.label.tolist()))
        assert len(pairs) == len(set(once.label.tolist())) == len(set(again.label.tolist()))


def test_compiled_contiguity_sorts_long_rows_and_refuses_what_cannot_be_held():
    from weights.adjacency import meeting as _meeting

    rng = np.random.default_rng(0)
    items, begin = np.repeat(rng.integers(0, 12, (900, 1)).astype(np.uint64), 2, axis=1), np.arange(0, 901, 3)


    def read(a, b):
        return items[begin[a] : begin[b]], np.ones(begin[b] - begin[a], np.uint32)

    slow, _ = _meeting.pattern(read, begin)
    assert np.diff(slow.indptr).max() > 100
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_meeting, "COMPILED_FROM", 0)
        fast, _ = _meeting.pattern(read, begin)
        assert (fast.indptr == slow.indptr).all()
        assert (fast.indices == slow.indices).all()
        patch.setattr(_meeting, "MOST_PAIRS", 100)
        with pytest.raises(SpatialInputError) as error:
            _meeting.pattern(read, begin)
    assert error.value.code == "E309"


def test_items_that_mix_alike_are_still_told_apart():
    """Pairs made to have the same mixture: the exact comparison must separate them."""
    from weights.adjacency import meeting as _meeting

    a = np.arange(1, 9, dtype=np.uint64)
    with np.errstate(over="ignore"):
        mixed = a * _meeting.ODD
        b = -(mixed ^ (mixed >> np.uint64(32)))  # the mixture of both is 0 for all
    items = np.repeat(np.column_stack([a, b]), 2, axis=0)
    labels = _meeting.numbered(items)
    assert len(set(labels.tolist())) == 8
    assert (labels[::2] == labels[1::2]).all()


@SETTINGS
@given(SEEDS, st.sampled_from(["alone", "lattice", "line", "far apart", "offset"]))
def test_search_by_cells_equals_the_twin_and_the_tree(seed, kind):
    """With ties, empty rings, a degenerate axis, coordinates far from the origin."""
    from weights import _search

    rng = np.random.default_rng(seed)
    xy, ids = cloud(seed, int(rng.integers(10, 60)))
    xy = {"alone": xy, "lattice": np.round(2 * xy) + 0.25 * np.arange(len(xy))[:, None] // 3, "line": xy * [1, 0],
          "far apart": np.sign(xy) * np.exp(2 * np.abs(xy)), "offset": 1e7 + xy}[kind]
    k = int(rng.integers(1, 8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_search, "CELLS_FROM", 0)
        patch.setattr(_search, "CROWDED", np.inf)
        w = wt.knn(xy, k, ids=ids, metric="planar", coincident="allow")
        distance, who = _search._ask(xy, k)
    assert (dense(w) == naive.knn(naive.planar(xy), k, ids)).all()
    np.testing.assert_array_max_ulp(distance, _search._ask_tree(xy, k)[0], 2)
    assert (who != np.arange(len(xy))[:, None]).all()


def test_crowded_and_coincident_points_are_left_to_the_tree():
    from weights import _search

    crowd = np.random.default_rng(0).normal(size=(300, 2)) * 1e-6
    assert _search._cells(np.vstack([crowd, [[1, 1]]])) is None
    assert _search._cells(np.ones((300, 2))) is None
    assert _search._cells(crowd) is not None


@SETTINGS
@given(SEEDS, st.booleans())
def test_distance_builders_match_their_twins(seed, geographic):
    xy, ids = cloud(seed, geographic=geographic)
    where = {"ids": ids, "metric": "great-circle" if geographic else "planar"}
    d = naive.haversine(xy) if geographic else naive.planar(xy)
    off = ~np.eye(len(d), dtype=bool)
    cut = float(np.quantile(d[off], 0.4))
    near = off & (d <= cut)
    with np.errstate(divide="ignore"):
        inverse = np.where(off, 1 / d**2, 0)
    k = min(4, len(d) - 1)
    assert (dense(wt.knn(xy, k, **where)) == naive.knn(d, k, ids)).all()
    assert (dense(wt.distance_band(xy, cut, **where)) == near).all()
    np.testing.assert_allclose(dense(wt.inverse_distance(xy, power=2, **where)), inverse, rtol=1e-9)
    np.testing.assert_allclose(dense(wt.inverse_distance(xy, power=2, cutoff=cut, **where)), inverse * near, rtol=1e-9)
    np.testing.assert_allclose(dense(wt.exponential(xy, scale=cut, **where)), np.where(off, np.exp(-d / cut), 0),
                               rtol=1e-9)
    np.testing.assert_allclose(wt.smallest_band(xy, **where), np.where(off, d, np.inf).min(axis=1).max(), rtol=1e-9)
    mass = pd.Series(np.arange(1.0, len(d) + 1), index=ids)
    np.testing.assert_allclose(dense(wt.gravity(xy, mass[::-1], **where)), inverse * np.outer(mass, mass), rtol=1e-9)


@SETTINGS
@given(SEEDS, st.sampled_from(["triangular", "epanechnikov", "quartic", "bisquare", "gaussian"]), st.booleans())
def test_kernels_match_their_twins(seed, shape, geographic):
    xy, ids = cloud(seed, geographic=geographic)
    where = {"ids": ids, "metric": "great-circle" if geographic else "planar"}
    d = naive.haversine(xy) if geographic else naive.planar(xy)
    n = len(d)
    h = float(np.median(d))
    np.testing.assert_allclose(dense(wt.kernel(xy, shape, bandwidth=h, **where)),
                               naive.kernel(d, shape, np.full(n, h)), rtol=1e-8, atol=1e-9)
    third = np.sort(d, axis=1)[:, 3]
    np.testing.assert_allclose(dense(wt.kernel(xy, shape, k=3, **where)), naive.kernel(d, shape, third), rtol=1e-8,
                               atol=1e-9)
    top = wt.kernel(xy, shape, bandwidth=h, diagonal="kernel", **where).csr.diagonal()
    assert top == pytest.approx(naive.kernel(np.zeros((2, 2)), shape, [1, 1])[0, 1])


@SETTINGS
@given(SEEDS)
def test_graphs_match_their_twins(seed):
    xy, ids = cloud(seed, 14)
    d = naive.planar(xy)
    where = {"ids": ids, "metric": "planar"}
    assert (dense(wt.delaunay(xy, **where)) == naive.delaunay(xy)).all()
    assert (dense(wt.gabriel(xy, **where)) == naive.gabriel(xy)).all()
    assert (dense(wt.relative_neighbor(xy, **where)) == naive.relative_neighbor(d)).all()
    assert (dense(wt.sphere_of_influence(xy, **where)) == naive.sphere_of_influence(d)).all()


@SETTINGS
@given(SEEDS)
def test_graphs_on_the_sphere(seed):
    lonlat, ids = cloud(seed, 14, geographic=True)
    d = naive.haversine(lonlat)
    where = {"ids": ids, "metric": "great-circle"}
    gabriel = naive.gabriel(unit_sphere(lonlat))
    assert (dense(wt.gabriel(lonlat, **where)) == gabriel).all()
    assert (dense(wt.relative_neighbor(lonlat, **where)) == naive.relative_neighbor(d)).all()
    assert (dense(wt.sphere_of_influence(lonlat, **where)) == naive.sphere_of_influence(d)).all()
    assert (gabriel <= dense(wt.delaunay(lonlat, **where))).all()


def test_a_small_region_has_the_same_triangles_on_the_sphere_as_on_the_plane():
    xy = np.random.default_rng(4).random((40, 2)) * 0.02  # 2 km at the equator: curvature is 1e-7
    sphere, plane = (wt.delaunay(xy, metric=m) for m in ("great-circle", "planar"))
    assert wt.gabriel(xy, metric="great-circle") == wt.gabriel(xy, metric="planar")
    assert wt.compare(sphere, plane)["jaccard"] > 0.95  # the outer rim may differ


@SETTINGS
@given(SEEDS, st.sampled_from(["inverse", "exponential", "gaussian"]))
def test_economic_matches_its_twin(seed, decay):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 30))
    ids = [f"u{i:02d}" for i in rng.permutation(n)]
    x = pd.DataFrame(rng.normal(size=(n, 2)) @ [[1, 0.4], [0, 3]], index=ids, columns=["收入", "b"])
    form = {"inverse": lambda d, s: 1 / d, "exponential": lambda d, s: np.exp(-d / s),
            "gaussian": lambda d, s: np.exp(-(d**2) / s**2 / 2)}[decay]
    one = x["收入"].to_numpy()
    sd = one.std(ddof=1)
    expected = naive.pairs(n, lambda i, j: form(abs(one[i] - one[j]), sd))
    np.testing.assert_allclose(dense(wt.economic(x, "收入", decay=decay)), expected, rtol=1e-12)
    d = naive.mahalanobis(x.to_numpy())
    expected = naive.pairs(n, lambda i, j: form(d[i, j], 1.0))
    np.testing.assert_allclose(dense(wt.economic(x, ["收入", "b"], decay=decay)), expected, rtol=1e-8)
    k = 3
    near = naive.knn(naive.pairs(n, lambda i, j: abs(one[i] - one[j])), k, ids)
    few = wt.economic(x, "收入", decay=decay, k=k)
    np.testing.assert_allclose(dense(few), dense(wt.economic(x, "收入", decay=decay)) * near, rtol=1e-12)


def test_weights_too_small_for_a_number_are_no_links():
    """The builder of all pairs vouches for its weights only where the shortest and longest differences allow it."""
    x = pd.Series([0.0, 1.0, 1e6], index=list("abc"))
    for w in (wt.economic(x, decay="gaussian", scale=1.0), wt.economic(x, decay="exponential", scale=1.0)):
        assert w.nnz == 2
        assert w.islands.tolist() == ["c"]
        assert (w.csr.data > 0).all()


@SETTINGS
@given(SEEDS)
def test_similarity_matches_numpy(seed):
    rng = np.random.default_rng(seed)
    n, t = 8, 6
    long = pd.DataFrame({"id": np.repeat([f"u{i}" for i in range(n)], t), "t": np.tile(range(t), n),
                         "x": rng.normal(size=n * t)})
    r = np.corrcoef(long["x"].to_numpy().reshape(n, t))
    expected = naive.pairs(n, lambda i, j: max(0, r[i, j]))
    w = wt.similarity(long.sample(frac=1, random_state=1), "x", entity="id", time="t")
    np.testing.assert_allclose(dense(w.reindex([f"u{i}" for i in range(n)])), expected, atol=1e-12)
    assert (wt.similarity(long, "x", entity="id", time="t", k=2).cardinalities <= 2).all()


@SETTINGS
@given(SEEDS, st.integers(1, 4))
def test_orders_are_shortest_paths(seed, order):
    w = wt.rook(cells(seed))
    d = naive.steps(dense(w))
    assert (dense(wt.lag_order(w, order)) == (d == order)).all()
    assert (dense(wt.lag_order(w, order, cumulative=True)) == ((d <= order) & (d > 0))).all()
    assert wt.rook(cells(seed), order=order) == wt.lag_order(w, order)
    assert wt.rook(cells(seed), order=order, cumulative=True) == wt.lag_order(w, order, cumulative=True)


def test_block_joins_units_of_one_region():
    frame = pd.DataFrame({"省": ["a", "b", "a", "c", "b", "a"]}, index=list("uvwxyz"))
    expected = naive.pairs(6, lambda i, j: frame["省"].iloc[i] == frame["省"].iloc[j])
    assert (dense(wt.block(frame, "省")) == expected).all()
    assert wt.block(frame["省"]) == wt.block(frame, "省")


@SETTINGS
@given(SEEDS, st.sampled_from(["row", "spectral", "minmax", "double", "variance"]))
def test_standardizations_match_their_twins_and_come_back(seed, style):
    rng = np.random.default_rng(seed)
    a = rng.random((9, 9)) * (rng.random((9, 9)) < 0.5)
    np.fill_diagonal(a, 0)
    a[3] = 0  # an island
    a[0, 1] = 1.0
    a[1, 0] = 0.5  # so that there is a cycle, and a spectral radius
    w = wt.from_dense(a)
    s = w.standardize(style)
    np.testing.assert_allclose(dense(s), naive.standardized(a, style), rtol=1e-9)
    assert s.standardize("none") == w
    assert s.standardize("row") == w.standardize("row")
    assert (s.standardization, s.islands.tolist()) == (style, [3])


@SETTINGS
@given(SEEDS)
def test_combinations(seed):
    rng = np.random.default_rng(seed)
    ids = list("abcdefgh")

    def random():
        a = rng.random((8, 8)) * (rng.random((8, 8)) < 0.5)
        np.fill_diagonal(a, 0)
        a[:, 0] += 0.1 * (np.arange(8) > 0)
        a[0, 1] += 0.1
        return a

    a, b = random(), random()
    u, v = wt.from_dense(a, ids), wt.from_dense(b, ids)
    moved = v.reindex(ids[::-1])
    row = naive.standardized
    np.testing.assert_allclose(dense(wt.combine(u, moved, alpha=0.3)), 0.7 * row(a, "row") + 0.3 * row(b, "row"))
    assert wt.combine(u, v).standardization == "row"
    np.testing.assert_allclose(dense(wt.product(u, moved)), a * b)
    assert (dense(wt.union(u, moved)) == ((a > 0) | (b > 0))).all()
    assert (dense(wt.intersection(u, moved)) == ((a > 0) & (b > 0))).all()
    assert (dense(wt.difference(u, moved)) == ((a > 0) & (b == 0))).all()
    m = pd.Series(rng.random(8) + 0.1, index=ids)
    np.testing.assert_allclose(dense(wt.nested(u, m.iloc[::-1])), a @ np.diag(m / m.mean()))
    assert wt.nested(u.standardize("row"), m) == wt.nested(u, m)
    for how, f in (("max", np.maximum), ("min", np.minimum), ("mean", lambda x, y: (x + y) / 2)):
        np.testing.assert_allclose(dense(u.symmetrize(how)), f(a, a.T))


VARIANTS = {  # beside the builders of the registry, which test_registry.py goes through
    "rook, second order": lambda g: wt.rook(g, order=2),
    "knn, union": lambda g: wt.knn(g, 3, symmetric="union"),
    "economic, k": lambda g: wt.economic(g, "gdp", k=3),
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("crs", [32650, 4326])
def test_laws(name, crs):
    """Row order does not matter; the id column serves as the index does; symmetric kinds are symmetric."""
    rng = np.random.default_rng(7)
    g = cells(11, 24)
    g = g.set_crs(crs).assign(gdp=rng.lognormal(size=len(g)), region=rng.integers(0, 4, len(g)))
    w = VARIANTS[name](g)
    shuffled = g.sample(frac=1, random_state=3)
    other = VARIANTS[name](shuffled).reindex(w.ids)
    assert (other.csr.indices == w.csr.indices).all()
    np.testing.assert_allclose(other.csr.data, w.csr.data, rtol=1e-12)
    assert w.is_symmetric or name == "economic, k"
    assert w.csr.diagonal().sum() == 0


def test_changing_crs_keeps_contiguity_and_great_circles():
    g = cells(2, 20)
    g = g.set_geometry(g.geometry.affine_transform([3, 0, 0, 3, 100, 30])).set_crs(4326)  # a few degrees of China
    projected = g.to_crs(32648)
    assert wt.queen(g) == wt.queen(projected)
    points = g.set_geometry(g.representative_point())
    assert wt.knn(points, 4) == wt.knn(points.to_crs(3857), 4, metric="great-circle")
    assert "great-circle, km" in str(wt.knn(points, 4))
    assert "planar, m" in str(wt.knn(projected, 4))


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("decay", ["inverse", "exponential"])
def test_compiled_pairs_equal_numpys(columns, decay):
    from weights import _search

    frame = pd.DataFrame(np.random.default_rng(columns).normal(size=(40, columns)))
    slow = wt.economic(frame, list(frame), decay=decay)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_search, "PAIRS_COMPILED_FROM", 0)
        fast = wt.economic(frame, list(frame), decay=decay)
    assert (fast.csr.indices == slow.csr.indices).all()
    np.testing.assert_allclose(fast.csr.data, slow.csr.data, rtol=1e-14)
