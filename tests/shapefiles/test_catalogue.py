"""The door: names, fresh objects, provenance."""

import hashlib
import importlib.util
import re
from pathlib import Path

import pandas as pd
import pytest
import shapely

import shapefiles
from spillover.errors import SpatialInputError

ROOM = Path(shapefiles.__file__).parent
NAMES = ["us_states", "us_counties", "china_provinces", "columbus"]


@pytest.mark.parametrize("name", NAMES)
def test_a_map_is_what_the_list_says(name):
    row, frame = shapefiles.list().loc[name], shapefiles.load(name)
    assert (len(frame), frame.index.name) == (row["units"], row["id"])
    assert frame.index.is_unique
    assert {type(unit) for unit in frame.index.tolist()} == {int if name == "columbus" else str}
    assert frame.crs == (None if name == "columbus" else "EPSG:4326")
    assert not frame.isna().any().any()


@pytest.mark.parametrize("name", NAMES)
def test_geometry_is_sound(name):
    shapes = shapefiles.load(name).geometry
    assert set(shapes.geom_type) <= {"Polygon", "MultiPolygon"}
    assert shapes.is_valid.all()
    assert (shapely.area(shapes.to_numpy()) > 0).all()


@pytest.mark.parametrize("name", ["us_states", "us_counties", "china_provinces"])
def test_borders_are_shared_without_gap_or_overlap(name):
    coverage_is_valid = pytest.importorskip("shapely", minversion="2.1").coverage_is_valid
    if shapely.geos_version < (3, 12, 0):
        pytest.skip("coverages need GEOS 3.12")
    assert coverage_is_valid(shapefiles.load(name).geometry.to_numpy())


def test_every_call_gives_a_fresh_object():
    for read, name in [(shapefiles.load, "columbus"), (shapefiles.load_panel, "castle")]:
        before, spoiled = read(name), read(name)
        spoiled.iloc[:, 3] = 0
        spoiled["more"] = 1
        pd.testing.assert_frame_equal(read(name), before)


def test_unknown_names_list_the_known_ones():
    for read in (shapefiles.load, shapefiles.load_panel):
        with pytest.raises(
            SpatialInputError, match="'us_states', 'us_counties', 'china_provinces', 'columbus'"
        ) as caught:
            read("us_sates")
        assert caught.value.code == "E501"
    with pytest.raises(SpatialInputError, match="without a panel") as caught:
        shapefiles.load_panel("columbus")
    assert caught.value.code == "E501"


def test_checksums_of_sources_cover_every_file():
    written = re.findall(r"^ {4}([0-9a-f]{64})  (\S+)$", (ROOM / "SOURCES.md").read_text("utf-8"), re.MULTILINE)
    result = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (ROOM / "data").iterdir()}
    assert result == {name: digest for digest, name in written}


def test_sources_describe_every_column():
    text = (ROOM / "SOURCES.md").read_text("utf-8")
    frames = [shapefiles.load(name).reset_index() for name in NAMES]
    frames += [shapefiles.load_panel(name) for name in ("us_states", "castle")]
    missing = {column for frame in frames for column in frame if f"`{column}`" not in text} - {"geometry"}
    assert not missing


def test_topology_decoder_shares_bits(tmp_path):
    """Two triangles that share arc 0, walked forwards by one and backwards by the other."""
    spec = importlib.util.spec_from_file_location("topology", ROOM / "sources" / "topology.py")
    topology = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(topology)
    path = tmp_path / "two triangles.json"
    path.write_text(
        '{"transform": {"scale": [0.1, 0.1], "translate": [0.3, 0.7]}, "arcs": [[[0, 0], [3, 3]],'
        ' [[3, 3], [-3, 0], [0, -3]], [[0, 0], [3, 0], [0, 3]]], "objects": {"units": {"geometries": ['
        '{"type": "Polygon", "id": "left", "arcs": [[0, 1]]},'
        ' {"type": "MultiPolygon", "id": "right", "arcs": [[[2, -1]]]}]}}}'
    )
    (left, upper), (right, lower) = topology.read(path, "units")
    assert (left["id"], right["id"]) == ("left", "right")
    assert upper.geom_type == "Polygon"
    assert lower.geom_type == "MultiPolygon"
    corners = {(x * 0.1 + 0.3, y * 0.1 + 0.7) for x, y in [(0, 0), (3, 3), (0, 3)]}
    assert set(map(tuple, shapely.get_coordinates(upper))) == corners
    shared = {(0.3, 0.7), (3 * 0.1 + 0.3, 3 * 0.1 + 0.7)}
    assert set(map(tuple, shapely.get_coordinates(lower))) & corners == shared
