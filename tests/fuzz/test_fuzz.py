"""Whatever is handed in: an object, or an error of ours with a next step, soon, and no file left."""

import os
import time

import pytest

from . import targets

MINUTES = float(os.environ.get("FUZZ_MINUTES", "10"))  # of the long run, all doors together


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    return targets.targets(targets.written(tmp_path_factory.mktemp("valid")))


NAMES = ["formula", "w.parquet", "w.gwt", "w.kwt", "w.csv", "w.xlsx", "w.dta", "w.txt", "w.mat", "w.gal", "w.swm",
         "t.csv",
         "t.parquet", "t.xlsx", "t.dta", "t.tsv", "m.gpkg", "m.geojson", "m.fgb", "m.shp", "m.parquet", "m.kml",
         "m.zip", "study"]  # fmt: skip
EXAMPLES = {"formula": 150, "study": 25, "m.gpkg": 25, "m.fgb": 25, "m.shp": 25, "w.xlsx": 15, "t.xlsx": 15}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_an_object_or_a_clear_error(name, doors, tmp_path):
    targets.tried(doors[name], tmp_path, examples=EXAMPLES.get(name, 50))


def test_every_door_is_tried(doors):
    assert sorted(doors) == sorted(NAMES)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ten_minutes(doors, tmp_path):
    """All doors in turn, each turn with other inputs, until the time is over; `FUZZ_MINUTES` sets it."""
    end, turn = time.monotonic() + 60 * MINUTES, 0
    while time.monotonic() < end:
        turn += 1
        for name in NAMES:
            targets.tried(doors[name], tmp_path, examples=EXAMPLES.get(name, 50), start=turn)
    assert turn > 1
