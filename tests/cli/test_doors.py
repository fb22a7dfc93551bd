"""The shell's doors: what cannot be read or written ends with a status from 2 to 5, a cause, and a next step."""


import numpy as np
import pandas as pd
import pytest

import shapefiles


@pytest.fixture
def table(tmp_path):
    """Crime in Columbus under text ids of three digits."""
    path = tmp_path / "crime.csv"
    data = shapefiles.load("columbus")
    pd.DataFrame({"POLYID": data.index, "crime": data["CRIME"].to_numpy()}).to_csv(path, index=False)
    return path


def moran(table, *more):
    return "moran", table, "-c", "crime", "-w", "queen", "-m", "example:columbus", "--entity", "POLYID", *more


def told(result, code):
    status, _, err = result
    assert status in (2, 3, 4, 5), err
    assert code in err
    assert "next" in err
    assert "Traceback" not in err
    return err


def test_tables_that_are_damaged(spillover, table, tmp_path):
    assert spillover(*moran(table))[0] == 0
    text = table.read_text()
    rows = text.splitlines()
    for wrong in ("\n".join([rows[0], *(row + ",7" for row in rows[1:])]),
                  "\n".join([rows[0], *(row + "," for row in rows[1:])]), "\n".join([*rows[:5], "1", *rows[5:]])):
        table.write_text(wrong)
        told(spillover(*moran(table)), "E602")
    for name in ("t.parquet", "t.dta", "t.xlsx"):
        (tmp_path / name).write_text("some words")
        told(spillover(*moran(tmp_path / name)), "E602")
    told(spillover(*moran(tmp_path)), "E602")
    told(spillover(*moran(tmp_path / "crimes.csv")), "E601")
    told(spillover(*moran(tmp_path / "crime.sav")), "E601")


def test_outputs_are_checked_before_the_work(spillover, table, tmp_path, monkeypatch):
    import spatial as sp

    def work(*args, **options):
        raise AssertionError("the work began")

    monkeypatch.setattr(sp, "moran", work)
    (tmp_path / "folder.csv").mkdir()
    for target, code in ((tmp_path / "out.exe", "E501"), (tmp_path / "folder.csv", "E605"), (table, "E605"),
                         (table / "below.csv", "E605"), (tmp_path / ("x" * 300 + ".csv"), "E605")):
        told(spillover(*moran(table, "-o", target, "--overwrite")), code)
    told(spillover(*moran(table, "--figure", tmp_path / "out.doc", "--time", "year")), "E501")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["crime.csv", "folder.csv"]


def test_weights_that_are_damaged(spillover, tmp_path):
    (tmp_path / "x.gal").mkdir()
    told(spillover("weights", "info", tmp_path / "x.gal"), "E602")
    (tmp_path / "w.txt").write_text("some words and more\nin lines\n")
    told(spillover("weights", "info", tmp_path / "w.txt"), "E607")
    (tmp_path / "w.stswm").write_bytes(b"\1\2")
    told(spillover("weights", "info", tmp_path / "w.stswm"), "E501")
    told(spillover("weights", "build", "queen", "example:columbus", "-o", "/proc/w.gal"), "E605")
    assert spillover("weights", "build", "queen", "example:columbus", "--standardize", "none",
                     "-o", tmp_path / "w.swm")[0] == 0
    assert spillover("weights", "convert", tmp_path / "w.swm", tmp_path / "w.gal")[0] == 0
    told(spillover("weights", "convert", tmp_path / "w.gal", tmp_path / "w.gal", "--overwrite"), "E605")


def test_a_map_that_calls_is_refused(spillover, table, tmp_path):
    path = tmp_path / "m.geojson"
    path.write_text('<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>crime.csv</SrcDataSource></OGRVRTLayer>'
                    '</OGRVRTDataSource>')
    told(spillover("weights", "build", "queen", path, "-o", tmp_path / "w.gal"), "E602")
    err = told(spillover("weights", "build", "queen", "PG:host=x password=hunter2", "-o", tmp_path / "w.gal"),
               "E608")
    assert "hunter2" not in err
    assert not (tmp_path / "w.gal").exists()


def test_a_full_panel_is_read_the_same_from_every_format(spillover, table, tmp_path):
    frame = pd.read_csv(table)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_stata(tmp_path / "t.dta", write_index=False)
    frame.to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    said = {np.str_(spillover(*moran(path))[1]) for path in (table, *tmp_path.glob("t.*"))}
    assert len(said) == 1
