"""Whatever the bytes of a file of weights, of a table or of a map: an object, or an error of ours, soon."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weights as wt
from spillover.errors import SpatialInputError
from spillover.tables import read_table


def joined(*words):
    """Words in any order, as bytes."""
    return st.lists(st.sampled_from(words), max_size=40).map(lambda parts: "".join(parts).encode())


TEXT = joined("0", "1", "-1", "a", "b", "1.5", "nan", "inf", "1e999", "é", "北", "", " ", "\t", ",", ";", "\n", "\r\n",
              '"', "2", "110000", "²", "1_0", "0x1", "\0", "\ufeff", "focal", "neighbor", "weight")
JSON = joined("{", "}", "[", "]", ",", ":", '"type"', '"FeatureCollection"', '"features"', '"Feature"', '"geometry"',
              '"Point"', '"coordinates"', '"properties"', '"crs"', '"name"', "1", "null", '"EPSG:4326"', '"\\u0063rs"')
XML = joined("<kml>", "</kml>", "<Placemark>", "</Placemark>", "<Polygon>", "</Polygon>", "<Point>", "</Point>",
             "<outerBoundaryIs>", "</outerBoundaryIs>", "<coordinates>", "</coordinates>", "0,0", " 1,0", " 1,1", "x",
             "<Folder>", "</Folder>")
BYTES = st.binary(max_size=300)
READERS = {
    "text weights": (st.sampled_from([".gal", ".gwt", ".kwt", ".csv", ".txt"]), TEXT | st.binary(max_size=99), wt.load),
    "binary weights": (st.sampled_from([".swm", ".mat", ".dta", ".parquet"]), BYTES, wt.load),
    "table": (st.sampled_from([".csv", ".tsv"]), TEXT | st.binary(max_size=99), read_table),
    "map": (st.sampled_from([".geojson", ".json"]), JSON | TEXT, wt.read_map),
    "kml": (st.just(".kml"), XML | TEXT, wt.read_map),
    "binary map": (st.sampled_from([".gpkg", ".fgb", ".shp", ".parquet", ".zip"]), BYTES, wt.read_map),
}


def fuzz(reader, examples, folder):
    suffixes, content, read = READERS[reader]

    @settings(max_examples=examples, derandomize=True, deadline=None)
    @given(suffixes, content)
    def run(suffix, raw):
        path = folder / f"x{suffix}"
        path.write_bytes(raw)
        start = time.monotonic()
        try:
            result = read(path)
        except SpatialInputError as error:
            result = error
        assert isinstance(result, (wt.SpatialWeights, pd.DataFrame)) or result.hint
        assert time.monotonic() - start < 10

    run()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_gives_an_object_or_an_error_of_ours(reader, tmp_path):
    fuzz(reader, 60, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_gives_an_object_or_an_error_of_ours_many_times(reader, tmp_path):
    fuzz(reader, 3_000, tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".shp", ".parquet", ".geojson"])
@pytest.mark.parametrize("times", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_maps_with_some_bytes_changed(suffix, times, tmp_path):
    import geopandas as gpd
    from shapely import box

    g = gpd.GeoDataFrame({"a": ["x", "é"], "b": [1, 2]}, geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)], crs=4326)
    path = tmp_path / f"m{suffix}"
    g.to_parquet(path) if suffix == ".parquet" else g.to_file(path)
    parts = {p: p.read_bytes() for p in tmp_path.iterdir()}
    rng = np.random.default_rng(0)
    for _ in range(times):
        for part, raw in parts.items():
            other = bytearray(raw if rng.random() < 0.8 else raw[: rng.integers(1, len(raw))])
            for at in rng.integers(0, len(other), rng.integers(0, 6)):
                other[at] = rng.integers(0, 256)
            part.write_bytes(other)
        try:
            assert len(wt.read_map(path)) > 0
        except SpatialInputError as error:
            assert error.hint  # noqa: PT017
