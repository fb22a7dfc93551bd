"""Maps in a page: every unit is drawn in its color and says its name, borders fit, and text stays text."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from spatial.plot.page_map import SIZE, page_map
from spatial.plot.qml import Class, classed


def drawn(text):
    """Title and color of every unit, and the corners of its path."""
    units = {}
    for path, color, title in re.findall(r'<path d="([^"]*)" fill="([^"]*)"><title>([^<]*)</title>', text):
        units[title] = color, corners(path)
    return units


def corners(path):
    """The absolute corners of a path of relative steps."""
    out = []
    for x, y, steps in re.findall(r"M(-?\d+) (-?\d+)l([^z]*)z", path):
        at = np.array([int(x), int(y)])
        out.append(tuple(at))
        for dx, dy in re.findall(r"(-?\d+) (-?\d+)", steps):
            at = at + np.array([int(dx), int(dy)])
            out.append(tuple(at))
    return out


def test_every_unit_has_its_color_and_its_name(states):
    values = pd.Series(np.arange(48.0), states.index)
    values["IL"] = np.nan
    classes = classed(values)
    readings = {unit: f"{name} & <{unit}>" for unit, name in states["name"].items()}
    units = drawn(page_map(states, values, classes, alt="a map", readings=readings))
    assert len(units) == 48
    for unit, value in values.items():
        color, _ = units[f"{states['name'][unit]} &amp; &lt;{unit}&gt;"]
        inside = [each.color for each in classes if each.low <= value <= each.high]
        assert color == (inside[0] if inside else "#dddddd")


def test_neighbors_share_the_corners_of_their_border():
    cells = [shapely.box(i / 3, j / 7, (i + 1) / 3, (j + 1) / 7) for i in range(3) for j in range(7)]
    gdf = gpd.GeoDataFrame(index=range(21), geometry=cells, crs=3857)
    units = drawn(page_map(gdf, pd.Series(1.0, gdf.index), classed([1.0]), alt=""))
    seen = {corner for _, path in units.values() for corner in path}
    assert len(seen) == 4 * 8  # a grid's own corners, none twice beside each other


def test_large_maps_are_simplified_together_and_small():
    import shapefiles

    counties = shapefiles.load("us_counties")
    values = pd.Series(np.arange(len(counties), dtype=float), counties.index)
    text = page_map(counties, values, classed(values), alt="")
    assert len(text) < 1_500_000
    assert text.count("<title>") == len(counties)


@pytest.mark.parametrize(("crs", "words"), [(3857, "km"), (None, None), (2263, "km")])
def test_the_scale_bar_is_of_its_length(crs, words):
    gdf = gpd.GeoDataFrame(index=["a"], geometry=[shapely.box(0, 0, 100_000, 50_000)], crs=crs)
    text = page_map(gdf, pd.Series([1.0], ["a"]), classed([1.0]), alt="")
    bar = re.search(r"v8h(\d+)v-8.*?>([\d.]+) (km|m)<", text)
    assert bool(bar) == bool(words)
    if bar:
        metre = gdf.crs.axis_info[0].unit_conversion_factor
        assert float(bar[2]) * 1000 == pytest.approx(int(bar[1]) / SIZE * 100_000 * metre, rel=0.01)


def test_points_holes_and_text_that_looks_like_markup():
    evil = '"><script>alert(1)</script>'
    ring = shapely.box(0, 0, 9, 9).difference(shapely.box(3, 3, 6, 6))
    gdf = gpd.GeoDataFrame(index=[evil, "b", "c"], geometry=[ring, shapely.Point(1, 1), shapely.Polygon()])
    text = page_map(gdf, pd.Series(["x", "x", "y"], gdf.index), (Class(evil, "#ff0000", "x"),), alt=evil)

    class Tags(HTMLParser):
        seen: list = []  # noqa: RUF012

        def handle_starttag(self, tag, attrs):
            self.seen.append(tag)

    Tags().feed(text)
    assert "script" not in Tags.seen
    units = ET.fromstring(text.replace("&nbsp;", " ")).findall(".//path")
    assert len(units) == 2  # an empty shape is not drawn
    assert units[0].get("d").count("z") == 2
