"""What results say, draw and write."""

import sqlite3
from itertools import pairwise
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point, box

from spatial.explore import _local
from spatial.explore.by import moran_by
from spatial.explore.correlogram import correlogram, correlogram_distance, shells
from spatial.explore.geary import geary
from spatial.explore.joincount import join_counts
from spatial.explore.local import QUADRANTS, local_moran
from spatial.explore.moran import moran
from spatial.explore.transitions import lisa_transitions
from spatial.plot.classes_of_units import COLOURS
from spillover.errors import SpatialInputError

TIDY = ["term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


@pytest.fixture
def town(lattice, row_standard):
    """A map of squares with Chinese column names, weights and a variable with a ridge."""
    w = row_standard(lattice(7, ids=[f"{i:03d}" for i in range(49)]))
    y, x = np.divmod(np.arange(49), 7)
    values = np.exp(-((x - 3) ** 2) / 4) + np.random.default_rng(0).normal(size=49) / 10
    squares = [box(a, b, a + 1, b + 1) for a, b in zip(x, y)]
    return gpd.GeoDataFrame({"人均收入": values, "I": 1.0}, geometry=squares, index=w.ids, crs="EPSG:32650"), w


@pytest.fixture
def axes():
    """Figures are drawn without a screen and closed again."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    yield plt.Axes
    plt.close("all")


def panel_of(town):
    map, w = town
    parts = [pd.DataFrame({"code": w.ids, "year": t, "y": map["人均收入"] + np.arange(49) * t / 99}) for t in range(4)]
    return pd.concat(parts), w


def test_every_table_follows_the_common_schema(town):
    map, w = town
    y = map["人均收入"]
    panel, _ = panel_of(town)
    for result in (
        moran(y, w),
        geary(y, w, permutations=0),
        local_moran(y, w),
        correlogram(y, w, orders=2),
        join_counts(y > 0.5, w),
        moran_by(panel, "y", w, time="year", entity="code"),
    ):
        table = result.tidy()
        assert list(table.columns[:7]) == TIDY
        assert table[TIDY[1:5]].notna().all().all()
        assert table["p_value"].between(0, 1).all()


def test_text_names_the_test_and_escapes_in_a_notebook(town):
    map, w = town
    y = map["人均收入"].rename("<script>alert(1)</script>")
    result = moran(y, w)
    for part in ("49 units", "row-standardised", "312 links", "two-sided", f"seed {result.seed}", "999 permutations"):
        assert part in str(result)
    assert "0.0000" not in str(result)
    for shown in (result, local_moran(y, w), correlogram(y, w), join_counts(y > 0.5, w)):
        assert "<script>" not in shown._repr_html_()
        assert "&lt;script&gt;" in shown._repr_html_()


def test_columns_stand_below_each_other_in_chinese(town):
    from spatial.report.text import text_width

    panel, w = panel_of(town)
    text = str(moran_by(panel.rename(columns={"year": "年份"}), "y", w, time="年份", entity="code", permutations=9))
    rows = [line for line in text.splitlines() if line.startswith(("年份", *"0123"))]
    assert len({text_width(line[: line.rindex(" ")]) + text_width(line.split()[-1]) for line in rows}) == 1


def test_p_sim_is_none_without_permutations(town):
    map, w = town
    result = moran(map["人均收入"], w, permutations=0)
    assert result.p_sim is None
    assert result.p_value == result.p_rand
    assert "permutations" not in str(result)
    lisa = local_moran(map["人均收入"], w, permutations=0)
    assert lisa.frame["p_sim"].isna().all()
    assert (lisa.p_values == lisa.frame["p_norm"]).all()


def test_default_permutations_follow_the_weights(town):
    map, w = town
    assert local_moran(map["人均收入"], w).permutations == 99_999
    uneven = w.csr.multiply(np.arange(1, 50)[None, :])
    assert local_moran(map["人均收入"].to_numpy(), uneven.toarray()).permutations == 9_999


def test_cut_offs_are_those_of_benjamini_hochberg_and_bonferroni():
    from scipy.stats import false_discovery_control

    p = np.array([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216])
    assert _local.cutoff(p, 0.05, "fdr") == pytest.approx(0.01)  # the worked example of their paper's method
    assert _local.cutoff(p, 0.05, "bonferroni") == 0.005
    assert _local.cutoff(p + 0.5, 0.05, "fdr") == 0
    np.testing.assert_allclose(_local.adjusted(p), false_discovery_control(p))
    rng = np.random.default_rng(0)
    p = rng.random(200) ** 4
    limit, q = _local.cutoff(p, 0.1, "fdr"), _local.adjusted(p)
    assert ((p <= limit) == (q <= 0.1)).all()


def test_clusters_follow_the_correction_and_undecided_units_are_near_it(town):
    map, w = town
    sizes = []
    for correction in ("none", "fdr", "bonferroni"):
        lisa = local_moran(map["人均收入"], w, correction=correction)
        significant = lisa.frame["cluster"].isin(QUADRANTS)
        assert (significant == (lisa.p_values <= lisa.cutoffs[correction])).all()
        assert (lisa.frame["cluster"][significant] == lisa.frame["quadrant"][significant].astype(str)).all()
        sizes.append(significant.sum())
    assert sizes[0] >= sizes[1] >= sizes[2] > 0
    few = local_moran(map["人均收入"], w, permutations=99)
    assert (few.p_values[few.undecided] - 0.05).abs().max() < 0.1


def test_figures_return_axes(town, axes):
    map, w = town
    y, (panel, _) = map["人均收入"].rename("income"), panel_of(town)
    lisa = local_moran(y, w)
    shuffled = map.sample(frac=1, random_state=1)
    for drawn in (
        moran(y, w).plot(),
        geary(y, w).plot(),
        moran_by(panel, "y", {"a": w, "b": w}, time="year", entity="code").plot(),
        correlogram(y, w, orders=3).plot(),
        lisa.plot(shuffled),
        lisa.plot(shuffled, kind="significance"),
    ):
        assert isinstance(drawn, axes)
        drawn.figure.canvas.draw()
    legend = [t.get_text() for t in lisa.plot(shuffled).get_legend().get_texts()]
    counts = lisa.frame["cluster"].value_counts(sort=False)
    assert legend == [f"{label} ({n})" for label, n in counts.items() if n]


def test_map_colours_lie_on_their_units(town, axes):
    """A polygon's colour is that of its own cluster although the map comes in another order."""
    from matplotlib.colors import to_hex

    map, w = town
    lisa = local_moran(map["人均收入"], w)
    drawn = lisa.plot(map.sample(frac=1, random_state=1))
    seen = {}
    filled = [c for c in drawn.collections if len(c.get_facecolor())]  # hatching lies on top, without a filling
    for collection in filled:
        colour = to_hex(collection.get_facecolor()[0])
        for path in collection.get_paths():
            seen[tuple(path.vertices.min(axis=0).astype(int))] = colour
    for i, label in enumerate(lisa.frame["cluster"]):
        assert seen[(i % 7, i // 7)] == COLOURS[label]


@pytest.mark.parametrize("shape", ["Polygon", "Point"])
def test_geopackage_brings_its_colours(town, tmp_path, shape):
    map, w = town
    if shape == "Point":
        map = map.set_geometry(map.centroid)
    lisa = local_moran(map["人均收入"], w)
    path = tmp_path / "地 图" / "lisa.gpkg"
    lisa.to_file(map.sample(frac=1, random_state=1), path)
    with pytest.raises(SpatialInputError, match="E603"):
        lisa.to_file(map, path)
    back = gpd.read_file(path, layer="lisa").set_index("id").loc[map.index]
    assert back["cluster"].tolist() == lisa.frame["cluster"].tolist()
    np.testing.assert_allclose(back["local_I"], lisa.frame["I"])  # the map has a column I of its own
    np.testing.assert_allclose(back["人均收入"], map["人均收入"])
    with sqlite3.connect(path) as connection:
        table, default, qml = connection.execute(
            "SELECT f_table_name, useAsDefault, styleQML FROM layer_styles"
        ).fetchone()
        kinds = dict(connection.execute("SELECT table_name, data_type FROM gpkg_contents").fetchall())
    assert (table, default, kinds["layer_styles"]) == ("lisa", 1, "attributes")
    renderer = ET.fromstring(qml.split("\n", 1)[1]).find("renderer-v2")
    assert renderer.get("attr") == "cluster"
    paint = "layer/Option/Option[@name='color']"
    colours = {s.get("name"): s.find(paint).get("value") for s in renderer.find("symbols")}
    shown = {c.get("value"): colours[c.get("symbol")] for c in renderer.find("categories")}
    assert set(shown) == set(back["cluster"])
    assert shown["High-High"] == "255,0,0,255"


def test_failed_writing_leaves_no_file(town, tmp_path):
    map, w = town
    with pytest.raises(SpatialInputError, match="E101"):
        local_moran(map["人均收入"], w).to_file(map.iloc[1:], tmp_path / "lisa.gpkg")
    assert not list(tmp_path.iterdir())


def test_orders_of_neighborhood_are_shortest_paths(town):
    from scipy.sparse.csgraph import shortest_path

    _, w = town
    steps = shortest_path(w.csr, unweighted=True)
    answer = [s.toarray() for s in shells(w.csr, 9)]
    assert len(answer) == 6  # corner to corner of seven squares
    for order, shell in enumerate(answer, start=1):
        assert np.array_equal(shell > 0, steps == order)
        np.testing.assert_allclose(shell.sum(axis=1)[shell.any(axis=1)], 1)
    map, _ = town
    result = correlogram(map["人均收入"], w, orders=2, permutations=39).frame
    assert result["I"][0] == moran(map["人均收入"], w, permutations=0).I


def test_distance_bands_hold_each_pair_once(town):
    map, _ = town
    points = map.centroid
    result = correlogram_distance(map["人均收入"], points, breaks=[0, 1, 1.5, 3, 20], permutations=39).frame
    xy = np.column_stack([points.x, points.y])
    far = np.linalg.norm(xy[:, None] - xy[None], axis=2)[np.triu_indices(49, 1)]
    assert result["links"].tolist() == np.histogram(far, [0, 1 + 1e-9, 1.5 + 1e-9, 3 + 1e-9, 20])[0].tolist()
    with pytest.raises(SpatialInputError, match="E403"):
        correlogram_distance(map["人均收入"], points.set_crs(4326, allow_override=True), breaks=[0, 1])
    holed = points.copy()
    holed.iloc[3] = Point()
    with pytest.raises(SpatialInputError) as error:
        correlogram_distance(map["人均收入"], holed, breaks=[0, 1])
    assert (error.value.code, error.value.ids) == ("E401", ["003"])


def test_transitions_count_every_move_and_settle(town):
    panel, w = panel_of(town)
    result = lisa_transitions(panel, "y", w, time="year", entity="code")
    counts = pd.DataFrame(0, index=QUADRANTS, columns=QUADRANTS)
    values = [part.set_index("code")["y"] for _, part in panel.groupby("year")]
    by_year = [local_moran(y, w, permutations=0).frame["quadrant"] for y in values]
    for before, after in pairwise(by_year):
        for a, b in zip(before, after):
            counts.loc[a, b] += 1
    assert (result.counts.to_numpy() == counts.to_numpy()).all()
    assert result.moves.sum() == 3 * 49 == result.counts.to_numpy().sum()
    assert result.moves["neither"] == np.trace(counts)
    shares, p = result.steady_state, result.probabilities
    np.testing.assert_allclose(shares.to_numpy() @ p.to_numpy(), shares, atol=1e-12)
    assert "steady state" in str(result)
    table = result.tidy().set_index(["from", "to"])
    assert list(table.columns[:7]) == TIDY
    assert (table["count"].unstack().loc[list(QUADRANTS), list(QUADRANTS)].to_numpy() == counts.to_numpy()).all()
