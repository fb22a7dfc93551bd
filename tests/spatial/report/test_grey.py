"""Maps in grey print: classes of one legend differ in lightness or in hatching; small maps are whole."""

import re
from itertools import combinations, pairwise

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from spatial.plot import choropleth
from spatial.plot.classes_of_units import COLOURS, HATCHES, STEP, lightness
from spatial.plot.hatching import paint, patterns
from spatial.plot.layer import classes_of
from spatial.plot.page_map import page_map
from spatial.plot.page_maps import page_maps
from spatial.plot.qml import ABOVE, BELOW, BLUES, REDS, Class, classed
from spatial.plot.style import COLOURS as SERIES
from spatial.plot.style import MARKERS

EDGES = ("Not significant", "No neighbors", "No data")
TOGETHER = [  # classes of one map
    ("High-High", "Low-Low", "Low-High", "High-Low", *EDGES), ("High", "Low", *EDGES), ("Joined", "Alone", *EDGES),
    ("Alike", "Unlike", *EDGES), ("Alike, high", "Alike, low", "Alike, other", "Unlike", *EDGES),
]  # fmt: skip


@pytest.mark.parametrize("labels", TOGETHER, ids=lambda labels: labels[0])
def test_clusters_are_told_apart_in_grey(labels):
    for a, b in combinations(labels, 2):
        apart = abs(lightness(COLOURS[a]) - lightness(COLOURS[b])) >= STEP
        assert apart or HATCHES.get(a, "") != HATCHES.get(b, ""), (a, b)


def test_high_high_is_hatched_and_low_low_is_not():
    assert HATCHES["High-High"]
    assert "Low-Low" not in HATCHES
    assert set(COLOURS) >= set(HATCHES)


@pytest.mark.parametrize("scale", [BLUES, REDS, BELOW, ABOVE], ids=["blues", "reds", "below", "above"])
def test_classes_of_numbers_rise_in_lightness(scale):
    steps = [lightness(b) - lightness(a) for a, b in pairwise(scale)]
    assert min(map(abs, steps)) >= STEP
    assert all(step > 0 for step in steps) or all(step < 0 for step in steps)


def test_values_of_both_signs_differ_in_hatching():
    kinds = classed([-3.0, -2, -1, 1, 2, 3])
    assert all(bool(each.hatch) == (each.low < 0) for each in kinds)
    assert not any(each.hatch for each in classed([1.0, 2, 3]))
    assert not any(each.hatch for each in classed([-1.0, -2, -3]))


def test_kinds_of_text_have_a_look_each():
    from spatial.plot.choropleth import MANY, classes

    kinds = classes(pd.Series([f"kind {k:02}" for k in range(MANY)]))
    assert len({(each.color, each.hatch) for each in kinds}) == MANY
    for a, b in combinations(kinds, 2):
        assert a.hatch != b.hatch or abs(lightness(a.color) - lightness(b.color)) >= STEP, (a, b)


def test_series_differ_in_their_markers():
    assert len(set(MARKERS)) == len(MARKERS) >= len(SERIES)


@pytest.fixture
def squares():
    cells = [shapely.box(i, j, i + 1, j + 1) for i in range(3) for j in range(3)]
    return gpd.GeoDataFrame({"name": list("abcdefghi")}, index=list("ABCDEFGHI"), geometry=cells, crs=3857)


def test_hatched_classes_are_filled_by_a_pattern_that_the_page_has(squares):
    kinds = (Class("up", "#ff0000", "High", hatch="/"), Class("down", "#0000ff", "Low"))
    page = page_map(squares, pd.Series(["High", "Low"] + ["High"] * 7, squares.index), kinds, alt="")
    used = re.findall(r'fill="url\(#([\w-]+)\)"', page)
    assert len(used) == 8 + 1  # units and the legend
    assert set(used) == {re.search(r'<pattern id="([\w-]+)"', patterns(kinds))[1]}
    assert paint(kinds[1]) == "#0000ff"


def test_figures_are_hatched_like_pages(squares):
    values = pd.Series([-4.0, -3, -2, -1, 0.5, 1, 2, 3, 4], squares.index)
    ax = choropleth(squares, values)
    assert sum(bool(part.get_hatch()) for part in ax.collections) == sum(bool(c.hatch) for c in classed(values))
    assert [bool(p.get_hatch()) for p in ax.get_legend().get_patches()] == [bool(c.hatch) for c in classed(values)]


def test_small_maps_have_every_period_and_every_cluster(squares):
    clusters = pd.DataFrame("Not significant", squares.index, [2000, 2001, 2002])
    clusters.loc["A", 2000], clusters.loc["B", 2002], clusters.loc["A", 2002] = "High-High", "Low-Low", "Low-High"
    page = page_maps(squares, clusters, alt='"><script>', name=lambda unit: f"<{unit}>")
    assert "<script>" not in page
    parts = page.split("<li><b>")[1:]
    assert [part[:4] for part in parts[:3]] == ["2000", "2001", "2002"]
    read = [re.findall(r"<title>(.*?)</title>", part) for part in parts]
    assert read == [
        ["2000, &lt;A&gt;: high, among high neighbors"], [],
        ["2002, &lt;A&gt;: low, among high neighbors", "2002, &lt;B&gt;: low, among low neighbors"],
    ]  # fmt: skip
    ids = set(re.findall(r' id="([\w-]+)"', page))
    assert set(re.findall(r'href="#([\w-]+)"', page)) <= ids
    assert [each.value for each in classes_of(clusters)] == ["High-High", "Low-Low", "Low-High", "Not significant"]


def test_small_maps_of_300_units_are_light():
    """Maps of 20 periods of 300 units weigh far below the page's 1.5 MB."""
    import numpy as np

    import shapefiles

    counties = shapefiles.load("us_counties").iloc[:300]
    rng = np.random.default_rng(1)
    labels = rng.choice(["High-High", "Low-Low", "Not significant"], (300, 20), p=[0.1, 0.1, 0.8])
    page = page_maps(counties, pd.DataFrame(labels, counties.index, range(2000, 2020)), alt="")
    assert len(page) < 400_000
