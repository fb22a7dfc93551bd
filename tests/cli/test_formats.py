"""Files in and out in every format: with Chinese names, codes with leading zeros, and text in GBK."""

import io
import json
import zipfile

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from shapely.geometry import box

import spatial as sp
import weights as wt

CODES = ["0110", "0120", "0130", "0210", "0220", "0230"]
CELLS = [box(i % 3, i // 3, i % 3 + 1, i // 3 + 1) for i in range(6)]
VALUES = [1.5, 2.25, 4.0, 3.5, 6.0, 7.25]


@pytest.fixture
def cells():
    """Six cells with a Chinese name, a code of four digits and a value."""
    frame = {"码": CODES, "名称": ["北京", "天津", "河北", "山西", "辽宁", "吉林"], "收入": VALUES}
    return gpd.GeoDataFrame(frame, geometry=CELLS, crs=4326)


@pytest.fixture
def want(cells):
    w = wt.queen(cells.set_index("码")).standardize("row")
    return sp.moran("收入", w, data=cells.set_index("码")).I


def as_kml(cells, path):
    parts = [f"<Placemark><name>{row.名称}</name><ExtendedData><Data name='码'><value>{row.码}</value></Data>"
             f"<Data name='收入'><value>{row.收入}</value></Data></ExtendedData><Polygon><outerBoundaryIs><LinearRing>"
             f"<coordinates>{' '.join(f'{x},{y}' for x, y in row.geometry.exterior.coords)}</coordinates>"
             "</LinearRing></outerBoundaryIs></Polygon></Placemark>" for row in cells.itertuples()]  # fmt: skip
    path.write_text("<?xml version='1.0' encoding='UTF-8'?><kml xmlns='http://www.opengis.net/kml/2.2'><Document>"
                    + "".join(parts) + "</Document></kml>", encoding="utf-8")  # fmt: skip


def zipped(cells, path):
    folder = path.parent / "parts"
    folder.mkdir()
    cells.to_file(folder / "格子.shp", encoding="gbk")
    with zipfile.ZipFile(path, "w") as archive:
        for part in folder.iterdir():
            archive.write(part, f"地图/{part.name}")


MAPS = {
    "m.shp": lambda cells, path: cells.to_file(path, encoding="utf-8"),
    "gbk.shp": lambda cells, path: cells.to_file(path, encoding="gbk"),
    "地图.gpkg": lambda cells, path: cells.to_file(path),
    "m.geojson": lambda cells, path: cells.to_file(path),
    "m.json": lambda cells, path: path.write_text(cells.to_json(), encoding="utf-8"),
    "m.fgb": lambda cells, path: cells.to_file(path),
    "m.parquet": lambda cells, path: cells.to_parquet(path),
    "m.kml": as_kml,
    "m.zip": zipped,
    "m.gdb": lambda cells, path: pyogrio.write_dataframe(cells, path, driver="OpenFileGDB", layer="cells"),
}


@pytest.mark.parametrize("name", MAPS)
def test_maps_with_attributes_are_read(name, spillover, cells, want, tmp_path):
    """I is the one of the cells in memory, whatever the format; codes keep their zeros."""
    if name == "m.gdb" and "w" not in pyogrio.list_drivers().get("OpenFileGDB", ""):
        pytest.skip("this GDAL does not write FileGDB")
    path = tmp_path / name
    MAPS[name](cells, path)
    status, out, err = spillover("moran", path, "-c", "收入", "-w", "queen", "--id", "码", "--json")
    assert status == 0, err
    assert json.loads(out)["table"][0]["estimate"] == pytest.approx(want)
    status, out, err = spillover("lisa", path, "-c", "收入", "-w", "queen", "--id", "码", "--permutations", "99",
                                 "-o", "-")  # fmt: skip
    assert status == 0, err
    assert sorted(pd.read_csv(io.StringIO(out), dtype={"码": str})["码"]) == CODES
    assert spillover("info", path)[0] == 0


def test_a_map_inside_an_archive_is_named(spillover, cells, want, tmp_path):
    zipped(cells, tmp_path / "two.zip")
    with zipfile.ZipFile(tmp_path / "two.zip", "a") as archive:
        archive.writestr("other.geojson", cells.iloc[:3].to_json())
    line = ("-c", "收入", "-w", "queen", "--id", "码", "--json")
    for name in (f"/vsizip/{tmp_path}/two.zip/地图/格子.shp", f"zip://{tmp_path}/two.zip!地图/格子.shp",
                 f"/vsizip/{tmp_path}/two.zip/地图"):
        status, out, err = spillover("moran", name, *line)
        assert status == 0, err
        assert json.loads(out)["table"][0]["estimate"] == pytest.approx(want)
    assert spillover("moran", tmp_path / "two.zip", *line)[0] == 3  # which of the two?
    assert "E601" in spillover("moran", f"/vsizip/{tmp_path}/three.zip/a.shp", *line)[2]
    assert "E608" in spillover("moran", "/vsizip//vsicurl/http://example.org/m.zip/a.shp", *line)[2]


def test_one_of_several_layers(spillover, cells, tmp_path):
    cells.to_file(tmp_path / "m.gpkg", layer="all")
    cells.iloc[:3].to_file(tmp_path / "m.gpkg", layer="north")
    status, out, _ = spillover("info", tmp_path / "m.gpkg")
    assert status == 0
    assert "2 layers" in out
    assert "north" in out
    status, _, err = spillover("moran", tmp_path / "m.gpkg", "-c", "收入", "-w", "queen")
    assert (status, "--layer from all, north" in err) == (3, True)
    status, out, _ = spillover("moran", tmp_path / "m.gpkg", "-c", "收入", "-w", "queen", "--layer", "all")
    assert (status, "6 units" in out) == (0, True)


def sav(frame, path):
    pytest.importorskip("pyreadstat").write_sav(frame.rename(columns={"码": "code", "收入": "income"}), str(path))


TABLES = {
    "t.csv": (lambda t, p: t.to_csv(p, index=False), ()),
    "gbk.csv": (lambda t, p: t.to_csv(p, index=False, encoding="gbk"), ()),
    "utf16.csv": (lambda t, p: t.to_csv(p, index=False, encoding="utf-16"), ("--encoding", "utf-16")),
    "semicolon.csv": (lambda t, p: t.to_csv(p, index=False, sep=";"), ()),
    "comma.csv": (lambda t, p: t.to_csv(p, index=False, sep=";", decimal=","), ()),
    "comma tab.txt": (lambda t, p: t.to_csv(p, index=False, sep="\t", decimal=","), ("--decimal", ",")),
    "t.tsv": (lambda t, p: t.to_csv(p, index=False, sep="\t"), ()),
    "bar.csv": (lambda t, p: t.to_csv(p, index=False, sep="|"), ("--sep", "|")),
    "t.xlsx": (lambda t, p: t.to_excel(p, index=False), ()),
    "t.parquet": (lambda t, p: t.to_parquet(p), ()),
    "t.json": (lambda t, p: t.to_json(p, orient="records", force_ascii=False), ()),
    "t.dta": (lambda t, p: t.rename(columns={"码": "code", "收入": "income"}).to_stata(p, write_index=False), ()),
    "t.sav": (sav, ()),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read_beside_a_map(name, spillover, cells, want, tmp_path):
    write, options = TABLES[name]
    cells[["码", "geometry"]].to_file(tmp_path / "m.gpkg")
    write(pd.DataFrame(cells[["码", "收入"]]).sample(frac=1, random_state=1), tmp_path / name)
    code, column = ("code", "income") if name.endswith((".dta", ".sav")) else ("码", "收入")
    status, out, err = spillover("moran", tmp_path / name, "-c", column, "-w", "queen", "-m", tmp_path / "m.gpkg",
                                 "--id", "码", "--entity", code, "--json", *options)  # fmt: skip
    assert status == 0, err
    assert json.loads(out)["table"][0]["estimate"] == pytest.approx(want)


def test_a_sheet_and_values_that_mean_missing(spillover, cells, want, tmp_path):
    table = pd.DataFrame(cells[["码", "收入"]])
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        table.assign(收入=-1).to_excel(book, sheet_name="Notes", index=False)
        table.to_excel(book, sheet_name="2019年", index=False)
    cells[["码", "geometry"]].to_file(tmp_path / "m.gpkg")
    line = ("-c", "收入", "-w", "queen", "-m", tmp_path / "m.gpkg", "--id", "码", "--entity", "码", "--json")
    status, out, err = spillover("moran", tmp_path / "t.xlsx", *line, "--sheet", "2019年")
    assert status == 0, err
    assert json.loads(out)["table"][0]["estimate"] == pytest.approx(want)
    table.assign(收入=[*VALUES[:5], -999]).to_csv(tmp_path / "na.csv", index=False)
    status, _, err = spillover("moran", tmp_path / "na.csv", *line, "--na", "-999")
    assert (status, err.startswith("E201")) == (3, True)
    cells.assign(收入=[*VALUES[:5], -999]).to_file(tmp_path / "na.gpkg")
    status, _, err = spillover("moran", tmp_path / "na.gpkg", "-c", "收入", "-w", "queen", "--na", "-999")
    assert (status, err.startswith("E201")) == (3, True)


def test_a_coordinate_system_is_named_or_changed(spillover, cells, tmp_path):
    bare = cells.set_crs(None, allow_override=True)
    bare.to_file(tmp_path / "bare.gpkg")
    line = ("lisa", tmp_path / "bare.gpkg", "-c", "收入", "-w", "queen", "-o", tmp_path / "l.geojson")
    status, _, err = spillover(*line)
    assert (status, "--crs EPSG:" in err) == (3, True)
    assert spillover(*line, "--crs", "EPSG:4326")[0] == 0
    cells.to_file(tmp_path / "m.gpkg")
    assert spillover("lisa", tmp_path / "m.gpkg", "-c", "收入", "-w", "queen", "--crs", "3857",
                     "-o", tmp_path / "l.gpkg")[0] == 0  # fmt: skip
    assert gpd.read_file(tmp_path / "l.gpkg", layer="l").crs.to_epsg() == 3857
    status, _, err = spillover("info", tmp_path / "m.gpkg", "--crs", "EPSG:0")
    assert (status, "E501" in err) == (2, True)


def reads_layer(path):
    frame = gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path, layer=0)
    assert frame.geometry.notna().all()
    return frame


READ = {
    ".csv": lambda p: pd.read_csv(p, dtype={"码": str}), ".xlsx": lambda p: pd.read_excel(p, dtype={"码": str}),
    ".json": lambda p: pd.read_json(p, dtype={"码": str}), ".parquet": reads_layer, ".gpkg": reads_layer,
    ".geojson": reads_layer,
}  # fmt: skip


@pytest.mark.parametrize("suffix", [*READ, ".tex", ".docx", ".md", ".html"])
@pytest.mark.parametrize("verb", ["lisa", "what-if", "join"])
def test_units_are_written_in_every_format(suffix, verb, spillover, cells, tmp_path):
    """Values, Chinese names and codes come back as they were."""
    cells.to_file(tmp_path / "m.gpkg")
    cells.assign(人口=np.arange(6.0))[["码", "人口"]].to_csv(tmp_path / "t.csv", index=False)
    target = tmp_path / f"结果{suffix}"
    line = {"lisa": ("lisa", tmp_path / "m.gpkg", "-c", "收入", "-w", "queen", "--permutations", "99", "--id", "码"),
            "what-if": ("what-if", tmp_path / "m.gpkg", "收入 ~ 面积", "-w", "queen", "--term", "面积", "--change", "1",
                        "--model", "slx", "--id", "码"),
            "join": ("join", tmp_path / "t.csv", tmp_path / "m.gpkg", "--id", "码", "--entity", "码")}[verb]
    if verb == "what-if":
        cells.assign(面积=[3.0, 1, 4, 1, 5, 9]).to_file(tmp_path / "m.gpkg")
    status, _, err = spillover(*line, "-o", target)
    assert status == 0, err
    if suffix in READ:
        back = READ[suffix](target).set_index("码")
        assert sorted(back.index) == CODES
        column = {"lisa": "I", "what-if": "estimate", "join": "人口"}[verb]
        status, out, _ = spillover(*line, "--json")
        want = pd.DataFrame(json.loads(out)["table"]).set_index("码")[column]
        np.testing.assert_allclose(back[column].reindex(want.index).astype(float), want, rtol=1e-9)
    elif suffix == ".docx":
        import docx

        words = {cell.text for table in docx.Document(target).tables for row in table.rows for cell in row.cells}
        assert set(CODES) <= words
    else:
        assert all(code in target.read_text(encoding="utf-8") for code in CODES)


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".json", ".parquet", ".gpkg", ".tex", ".docx", ".md", ".html"])
def test_tables_are_written_in_every_format(suffix, spillover, tmp_path):
    """Of results without units: a GeoPackage holds a table without shapes."""
    line = ("fit", "example:castle", "log(homicide) ~ post", "-w", tmp_path / "w.gal", "--model", "ols")
    import shapefiles

    units = shapefiles.load_panel("castle")["state"].unique()
    wt.from_dense(np.eye(len(units), k=1) + np.eye(len(units), k=-1), ids=units).save(tmp_path / "w.gal")
    status, out, err = spillover(*line, "--json")
    assert status == 0, err
    want = pd.DataFrame(json.loads(out)["table"])
    target = tmp_path / f"fit{suffix}"
    status, _, err = spillover(*line, "-o", target)
    assert status == 0, err
    readers = {".csv": pd.read_csv, ".xlsx": pd.read_excel, ".json": pd.read_json, ".parquet": pd.read_parquet,
               ".gpkg": lambda p: pyogrio.read_dataframe(p, read_geometry=False)}  # fmt: skip
    if suffix in readers:
        np.testing.assert_allclose(readers[suffix](target)["estimate"], want["estimate"], rtol=1e-9)
    else:
        assert target.stat().st_size > 100
    status, _, err = spillover(*line, "-o", tmp_path / "fit.geojson")
    assert (status, "--map" in err) == (2, True)


def test_what_is_printed_as_json_is_a_table_again(spillover, tmp_path):
    status, out, _ = spillover("moran", "example:columbus", "-c", "CRIME", "-w", "queen", "--json")
    (tmp_path / "moran.json").write_text(out, encoding="utf-8")
    status, out, err = spillover("info", tmp_path / "moran.json")
    assert (status, "estimate" in out) == (0, True), err
