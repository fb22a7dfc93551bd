"""describe, compare, audit and plot."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import box

import weights as wt
from spillover.errors import SpatialInputError
from spillover.matrix.spectrum import rho_interval, spectral_radius, symmetric_twin


@pytest.mark.parametrize("n", [30, 1200])  # dense, then ARPACK
@pytest.mark.parametrize("style", ["none", "row"])
def test_interval_of_rho_is_by_the_extreme_real_eigenvalues(n, style):
    xy = np.random.default_rng(n).random((n, 2))
    for w in (wt.gabriel(xy, metric="planar"), wt.knn(xy, 5, metric="planar")):
        w = w.standardize(style)
        values = np.linalg.eigvals(w.csr.toarray())
        real = values.real[abs(values.imag) < 1e-9]
        low, high = rho_interval(w)
        if symmetric_twin(w)[1]:
            assert low == pytest.approx(1 / real.min(), rel=1e-7)
        assert high == pytest.approx(1 / real.max(), rel=1e-7)
        assert spectral_radius(w.csr) == pytest.approx(abs(values).max(), rel=1e-7)


def test_description_counts():
    g = gpd.GeoSeries([box(0, 0, 1, 1), box(1, 0, 2, 1), box(2, 0, 3, 1), box(9, 9, 10, 10)], crs=32650)
    d = wt.queen(g).standardize("row").describe(g)
    assert d["neighbors (histogram)"] == {0: 1, 1: 2, 2: 1}
    assert (d["islands"], d["components"], d["largest component"], d["links"]) == (1, 2, 3, 4)
    assert d["mean distance of links (m)"] == 1
    assert (d["rho from"], d["rho to"]) == pytest.approx((-1, 1))
    assert d["density"] == 4 / 12


def test_comparison_is_numpy_correlation():
    rng = np.random.default_rng(0)
    a, b = (rng.random((9, 9)) * (rng.random((9, 9)) < 0.4) * (1 - np.eye(9)) for _ in range(2))
    c = wt.compare(wt.from_dense(a), wt.from_dense(b).reindex(range(8, -1, -1)))
    off, either = ~np.eye(9, dtype=bool), (a > 0) | (b > 0)
    assert c["correlation (all pairs)"] == pytest.approx(np.corrcoef(a[off], b[off])[0, 1])
    assert c["correlation (links of either)"] == pytest.approx(np.corrcoef(a[either], b[either])[0, 1])
    assert c["in both"] == ((a > 0) & (b > 0)).sum()
    assert c["only first"] == ((a > 0) & (b == 0)).sum()
    assert wt.compare(wt.from_dense(a), wt.from_dense(a))["jaccard"] == 1


def test_audit_finds_each_kind_of_trouble():
    bow_tie = shapely.Polygon([(20, 0), (21, 1), (21, 0), (20, 1)])
    shapes = {
        "a": box(0, 0, 1, 1), "gap": box(1.02, 0, 2, 1), "over": box(0, 0.9, 1, 2), "tee": box(0.25, -1, 0.75, 0),
        "same": box(10, 10, 11, 11), "again": box(10, 10, 11, 11), "none": None, "empty": shapely.Polygon(),
        "point": shapely.Point(0, 0), "bow": bow_tie, "fine": box(2, 0, 3, 1),
    }
    result = wt.audit(gpd.GeoSeries(shapes, crs=32650), tolerance=0.05)
    seen = {(r.problem, r.a, r.b) for r in result.itertuples()}
    assert seen == {
        ("missing", "none", None), ("missing", "empty", None), ("not a polygon", "point", None),
        ("invalid", "bow", None), ("duplicate", "same", "again"), ("overlap", "a", "over"),
        ("T-junction", "a", "tee"), ("T-junction", "a", "over"),
        ("nearly touching", "a", "gap"), ("nearly touching", "gap", "over"),
    }
    sizes = result.set_index("problem")["size"]
    assert sizes["overlap"] == pytest.approx(0.1)
    assert sizes["nearly touching"].tolist() == pytest.approx([0.02, 0.02])
    assert sizes["T-junction"].tolist() == pytest.approx([0.2, 0.5])  # both sides of "over", 0.1 deep
    assert wt.audit(gpd.GeoSeries([box(0, 0, 1, 1), box(1, 0, 2, 1)])).empty


def test_plots_return_axes_and_change_nothing():
    plt = pytest.importorskip("matplotlib.pyplot")
    g = gpd.GeoSeries([box(i, 0, i + 1, 1) for i in range(4)], index=list("abcd"), crs=4326)
    w = wt.queen(g)
    before = plt.get_fignums()
    fig, axes = plt.subplots(1, 3)
    for ax, options in zip(axes, ({"data": g.iloc[::-1]}, {}, {"kind": "heatmap"})):
        assert w.plot(**options, ax=ax) is ax
    segments = axes[0].collections[1].get_segments()
    assert len(segments) == 3  # one line per pair
    assert [tuple(p) for p in segments[0]] == [(0.5, 0.5), (1.5, 0.5)]
    assert axes[1].patches[0].get_height() == 2
    plt.close(fig)
    assert plt.get_fignums() == before
    for bad, code in (({"kind": "map"}, "E501"), ({"kind": "pie"}, "E501")):
        with pytest.raises(SpatialInputError) as caught:
            w.plot(**bad)
        assert caught.value.code == code
    with pytest.raises(SpatialInputError) as caught:
        wt.lattice(50, 50).plot(kind="heatmap")
    assert caught.value.code == "E309"


def test_many_maps_on_a_page_are_drawn_once(states):
    """geopandas draws the whole figure for every map on it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    canvas, drawn = FigureCanvasAgg(figure), []
    canvas.mpl_connect("draw_event", drawn.append)
    for ax in figure.subplots(1, 3):
        wt.queen(states).plot(states, ax=ax)
        assert len(ax.collections) == 4
        assert not drawn
    canvas.draw_idle()
    assert len(drawn) == 1
