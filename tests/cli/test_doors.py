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
    message = {np.str_(spillover(*moran(path))[1]) for path in (table, *tmp_path.glob("t.*"))}
    assert len(message) == 1


def test_every_builder_is_built_from_the_shell(spillover, tmp_path):
    import weights as wt
    from tests.weights import naive
    from weights.registry import BUILDERS, LINKS, MAP, NO_INPUT, POINTS

    case = naive.case(1)
    case.map.reset_index(names="unit").to_file(tmp_path / "m.gpkg")
    case.map.drop(columns="geometry").rename_axis("unit").to_csv(tmp_path / "units.csv")
    case.links.to_csv(tmp_path / "links.csv", index=False)
    for name, builder in BUILDERS.items():
        spec = name.replace("_", "-") + (f":{builder.options}" if builder.options else "")
        sources = {MAP: (tmp_path / "m.gpkg", "--id", "unit"), LINKS: (tmp_path / "links.csv",), NO_INPUT: ()}
        arguments = sources.get(builder.needs, sources[MAP])
        status, _, err = spillover("weights", "build", spec, *arguments, "--standardize", "none",
                                   "-o", tmp_path / f"{name}.parquet")
        assert status == 0, (name, err)
        data = {LINKS: case.links, NO_INPUT: None}.get(builder.needs, case.map)
        expected = builder.build(data, **builder.parse(builder.options))
        back = wt.load(tmp_path / f"{name}.parquet")
        assert (back.csr.indices == expected.csr.indices).all()
        np.testing.assert_allclose(back.csr.data, expected.csr.data, rtol=1e-9)
        if builder.needs in (MAP, POINTS, LINKS):
            told(spillover("weights", "build", spec, "-o", tmp_path / "no.gal"), "E501")


def test_masses_and_regions_may_stand_in_the_table(spillover, tmp_path):
    import weights as wt
    from tests.weights import naive

    case = naive.case(2)
    case.map[["geometry"]].reset_index(names="unit").to_file(tmp_path / "m.gpkg")
    table = case.map.drop(columns="geometry").rename_axis("unit")
    long = pd.concat([table.assign(year=year, gdp=table["gdp"] * year) for year in (1, 3)])
    long["region"] = long["region"].map("r{}".format)
    long.to_csv(tmp_path / "panel.csv")
    panel = (tmp_path / "m.gpkg", "--id", "unit", "-d", tmp_path / "panel.csv", "--entity", "unit",
             "--time", "year", "--standardize", "none", "-o")
    assert spillover("weights", "build", "gravity:mass=gdp", *panel, tmp_path / "g.parquet")[0] == 0
    expected = wt.gravity(case.map, 2 * case.map["gdp"])
    np.testing.assert_allclose(wt.load(tmp_path / "g.parquet").csr.data, expected.csr.data, rtol=1e-9)
    assert spillover("weights", "build", "block:region=region", *panel, tmp_path / "b.parquet")[0] == 0
    assert wt.load(tmp_path / "b.parquet") == wt.block(case.map, "region")
    long.iloc[1:].to_csv(tmp_path / "panel.csv")  # a year of one unit is missing
    told(spillover("weights", "build", "gravity:mass=gdp", *panel, tmp_path / "no.parquet"), "E201")
    long.assign(region=long["region"] + long["year"].astype(str)).to_csv(tmp_path / "panel.csv")
    told(spillover("weights", "build", "block:region=region", *panel, tmp_path / "no.parquet"), "E236")


def test_standard_input_is_read_as_files_are(spillover, table, monkeypatch):
    import io
    import sys

    def piped(raw):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        return spillover(*moran("-"))

    assert piped(table.read_bytes())[1] == spillover(*moran(table))[1]
    rows = table.read_text().splitlines()
    told(piped("\n".join([rows[0], *(row + "," for row in rows[1:])]).encode()), "E602")
    told(piped(b"PK\x03\x04..."), "E602")
    told(piped(b""), "E602")
    told(piped(b"POLYID,crime,crime\n1,2,3\n"), "E502")


def test_options_of_a_file_of_weights(spillover, tmp_path):
    import weights as wt

    path = tmp_path / "w.gwt"
    path.write_text("0 3 tracts ID\n1 2 1.5\n1 3 10\n2 1 1.5\n3 1 10\n")
    status, out, _ = spillover("weights", "convert", path, tmp_path / "links.parquet")
    assert status == 0
    assert "links only" in out
    assert wt.load(tmp_path / "links.parquet").csr.max() == 1
    assert spillover("weights", "convert", f"{path}:values=inverse", tmp_path / "inverse.parquet")[0] == 0
    assert wt.load(tmp_path / "inverse.parquet").csr[0, 2] == 0.1
    told(spillover("weights", "convert", f"{path}:values=far", tmp_path / "no.parquet"), "E501")
    told(spillover("weights", "info", f"{path}:labels=true"), "E501")
    told(spillover("weights", "info", f"{path}:values"), "E501")
    told(spillover("weights", "info", tmp_path / "w.gal"), "E601")
    (tmp_path / "m.csv").write_text("0,12,30\n12,0,25\n30,25,0\n")
    told(spillover("weights", "info", tmp_path / "m.csv"), "E607")
    assert spillover("weights", "info", f"{tmp_path / 'm.csv'}:labels=false")[0] == 0


def test_codes_for_missing_values_are_pointed_out_with_the_option_that_reads_them(spillover, table):
    data = pd.read_csv(table)
    data.loc[[3, 7, 9], "crime"] = -999
    data.to_csv(table, index=False)
    status, _, err = spillover(*moran(table))
    assert status == 0
    assert "column 'crime' holds -999 in 3 rows, far from its other values" in err
    assert err.strip().endswith("if it means missing, give --na -999")
    assert "--na -999" in spillover("info", table)[2]
    err = told(spillover(*moran(table, "--na", "-999")), "E201")
    assert err.strip().endswith("leave these units out with --missing drop")
    for verb in ("moran", "lisa", "hotspots"):
        status, out, err = spillover(verb, *moran(table, "--na", "-999", "--missing", "drop")[1:])
        assert (status, "46 units" in out, "-999" in err) == (0, True, False)


def test_a_figure_is_no_table(spillover, table, tmp_path):
    err = told(spillover(*moran(table, "-o", tmp_path / "m.svg")), "E501")
    option = err.strip().partition("next:  ")[2].split()
    assert option[0] == "--figure"
    assert spillover(*moran(table, *option))[0] == 0
    assert (tmp_path / "m.svg").stat().st_size > 0
    for command in (("fit", "example:columbus", "CRIME ~ INC", "-w", "queen"), ("info", "example:columbus")):
        assert "draws nothing" in told(spillover(*command, "-o", tmp_path / "n.PNG"), "E501")


def test_a_table_and_a_map_in_the_wrong_order(spillover, table, tmp_path):
    err = told(spillover("join", "example:columbus", table), "E404")
    command = err.strip().partition("the table comes first: spillover ")[2].split()
    assert spillover(*command, "--entity", "POLYID")[0] == 0
    for name in ("t.xlsx", "t.DTA"):
        assert "the table comes first" in told(spillover("join", "example:columbus", tmp_path / name), "E404")


def test_numbers_of_neighbors_that_are_none(spillover):
    command = "moran", "example:us_states", "--where", "year=1986", "-c", "unemp", "-w"
    for text in ("abc", "2.5", "0", "-1"):
        err = told(spillover(*command, f"knn:k={text}"), "E304")
        assert err.strip().endswith("as in -w KIND:k=5"), text
    assert "a smaller k" in told(spillover(*command, "knn:k=60"), "E304")
    assert spillover(*command, "knn:k=5")[0] == 0


def test_row_numbers_in_a_file_of_weights_are_pointed_out(spillover, tmp_path):
    regions = shapefiles.load("columbus").reset_index()
    regions.to_file(tmp_path / "named.gpkg")
    regions[["geometry"]].to_file(tmp_path / "unnamed.gpkg")
    build = "weights", "build", "queen"
    status, _, err = spillover(*build, tmp_path / "named.gpkg", "-o", tmp_path / "a.gwt")
    assert status == 0
    assert "units are numbered 0 to 48 in the map's order" in err
    assert "POLYID" in err
    assert err.strip().partition("give ")[2].startswith("--id COLUMN; columns that name each unit: ")
    err = spillover(*build, tmp_path / "unnamed.gpkg", "-o", tmp_path / "b.gwt")[2]
    assert err.strip().endswith("give --id COLUMN")
    assert spillover(*build, tmp_path / "named.gpkg", "--id", "POLYID", "-o", tmp_path / "c.gwt")[2] == ""
    err = told(spillover(*build, "example:columbus", "-o", tmp_path / "d.gal"), "E605")
    assert "give --standardize none" in err
    assert spillover(*build, "example:columbus", "-o", tmp_path / "d.gal", "--standardize", "none")[0] == 0


def test_cells_that_are_no_numbers_come_with_the_option_for_missing_ones(spillover, table):
    data = pd.read_csv(table).astype({"crime": object})
    for text in (".", "1,234.5", "k. A."):
        data.loc[3, "crime"] = text
        data.to_csv(table, index=False)
        err = told(spillover(*moran(table)), "E203")
        assert f"the first is {text!r}" in err
        assert err.strip().endswith("mend such cells, or name those that mean missing with --na TEXT")
        assert spillover(*moran(table, "--na", text, "--missing", "drop"))[0] == 0
