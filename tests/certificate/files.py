"""Bad geometry, files and attacks, row by row; the files are made in a folder of their own."""

from __future__ import annotations

import tempfile
import warnings
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import MultiPolygon, Point, Polygon, box

import spatial as sp
import weights as wt
from spillover.tables import read_table

from .cases import Case, World, same


def geometry(s: World) -> list[Case]:
    grid = gpd.GeoSeries([box(x, y, x + 1, y + 1) for y in range(4) for x in range(4)], crs=3857)
    bricks = gpd.GeoSeries([box(x + .5 * (y % 2), y, x + .5 * (y % 2) + 1, y + 1) for y in range(6) for x in range(6)],
                           crs=3857)  # fmt: skip
    places = gpd.GeoSeries([Point(x, x % 3) for x in range(8)], crs=3857)
    names = ["Berlin", "Munich", "Frankfurt"]
    cities = pd.DataFrame({"lat": [52.5, 48.1, 50.1], "lon": [13.4, 11.6, 8.7]}, index=names)
    north = gpd.GeoSeries([Point(0, 60), Point(1, 60), Point(0, 60.7)], index=["a", "b", "c"], crs=4326)
    date_line = gpd.GeoSeries([box(170, -10, 180, 0), box(-180, -8, -170, -3), box(-180, -3, -170, 4)], crs=4326)
    shifted = gpd.GeoSeries([box(x + 1e-6 * (y % 2), y, x + 1 + 1e-6 * (y % 2), y + 1) for y in range(4)
                             for x in range(4)], crs=3857)  # fmt: skip
    missing, empty = grid.copy(), grid.copy()
    missing[3], empty[3] = None, Polygon()
    bow_tie = gpd.GeoSeries([Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), box(1, 0, 2, 1)], crs=3857)
    ring = gpd.GeoSeries([box(0, 0, 3, 3) - box(1, 1, 2, 2), box(1, 1, 2, 2)], crs=3857)
    two = MultiPolygon([box(0, 0, 1, 1), box(5, 5, 6, 6)])
    parts = gpd.GeoSeries([two, box(1, 0, 2, 1), box(6, 5, 7, 6)], crs=3857)

    def distance():
        d = 1 / wt.inverse_distance(cities, crs=4326).to_dense()
        same([d.loc["Berlin", "Munich"], d.loc["Berlin", "Frankfurt"]], [506.0, 422.0], 5e-3)

    def nearest_in_the_north():
        assert wt.knn(north, 1)["a"].index.tolist() == ["b"]  # 1 degree of longitude is 56 km there, .7 of latitude 78

    def links(shapes, expected, **options):
        assert wt.queen(shapes, **options).nnz == expected

    return [
        Case("no geometry", "E401", lambda: wt.queen(missing)),
        Case("empty polygon", "E401", lambda: wt.queen(empty)),
        Case("borders without common vertices", None, lambda: links(bricks, 170)),
        Case("a gap of a micrometre", None, lambda: links(shifted, wt.queen(grid).nnz)),
        Case("vertices only, on request", None, lambda: links(bricks, 60, method="vertices")),
        Case("across the date line", None, lambda: links(date_line, 6)),
        Case("a hole and what fills it", None, lambda: links(ring, 2)),
        Case("a unit of two parts", None, lambda: links(parts, 4)),
        Case("a bow tie", None, lambda: wt.queen(bow_tie)),
        Case("points as polygons", "E404", lambda: wt.queen(places), "knn"),
        Case("longitude and latitude by name", None, distance),
        Case("degrees are not planar", None, nearest_in_the_north),
        Case("no coordinate system", "E402", lambda: wt.distance_band(places.set_crs(None, allow_override=True), 2)),
        Case("infinite coordinates", "E202", lambda: wt.knn(gpd.GeoSeries([*places, Point(np.inf, 0)], crs=3857), 2)),
        Case("a threshold below all distances", "E305", lambda: wt.distance_band(places, 0.1, metric="planar"),
             "1.415"),
        Case("more pairs than memory", "E309", lambda: wt.lattice(10**6, 10**6)),
        Case("one unit", "E206", lambda: wt.knn(places[:1], 1)),
    ]


def files(s: World) -> list[Case]:
    folder = Path(tempfile.mkdtemp())
    warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
    s.columbus.reset_index().to_file(folder / "good.gpkg")
    s.columbus.reset_index()[["POLYID", "INC", "geometry"]].to_file(folder / "good.shp")
    for name, part in (("no_dbf", ".dbf"), ("no_shx", ".shx")):
        for suffix in (".shp", ".shx", ".dbf"):
            if suffix != part:
                (folder / f"{name}{suffix}").write_bytes((folder / f"good{suffix}").read_bytes())
    (folder / "cut.gpkg").write_bytes((folder / "good.gpkg").read_bytes()[:5000])
    (folder / "empty.gpkg").write_bytes(b"")
    (folder / "empty.csv").write_bytes(b"")
    (folder / "words.gal").write_text("to be or not to be\n")
    (folder / "x.gal").mkdir()
    (folder / "ragged.csv").write_text("id,y,x\n1,10,100,7\n2,20,200,7\n")
    (folder / "twice.csv").write_text("id,y,y\n1,2,3\n")
    (folder / "gbk.csv").write_bytes("城市,产出\n北京市,1\n上海市,2\n".encode("gb18030"))
    (folder / "bom.csv").write_bytes("\ufeffid,y\n01,1\n".encode())
    (folder / "book.csv").write_bytes(b"PK\x03\x04rest")
    (folder / "broken.parquet").write_bytes(b"PAR1 no")
    (folder / "broken.xlsx").write_bytes(b"PK\x03\x04 no")
    (folder / "broken.dta").write_bytes(b"no")
    (folder / "namibia.csv").write_text("id,y\nNA,1\nBW,2\n")
    (folder / "w.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    canary = folder / "secret.csv"
    canary.write_text("a,b\n1,2\n")
    reference = (f"<OGRVRTDataSource><OGRVRTLayer name='secret'><SrcDataSource>{canary}</SrcDataSource></OGRVRTLayer>"
                 "</OGRVRTDataSource>")  # fmt: skip
    (folder / "map.geojson").write_text(reference)
    with zipfile.ZipFile(folder / "map.zip", "w") as archive:
        archive.writestr("../../evil.geojson", "{}")
    w = wt.lattice(2, 2)
    w.save(folder / "w.parquet")

    def table(name, **options):
        return lambda: read_table(folder / name, **options)

    def layer(name, **options):
        return lambda: wt.read_map(folder / name, **options)

    return [
        Case("no such file", "E601", layer("goood.gpkg"), "good.gpkg"),
        Case(".shp without .dbf", "E602", layer("no_dbf.shp"), ".dbf"),
        Case("cut .gpkg", "E602", layer("cut.gpkg")),
        Case("empty .gpkg", "E602", layer("empty.gpkg")),
        Case("a folder as a map", "E602", lambda: wt.read_map(folder)),
        Case("no such layer", "E604", layer("good.gpkg", layer="rivers")),
        Case("no such id column", "E502", layer("good.gpkg", id="CODE")),
        Case("weights of words", "E607", lambda: wt.load(folder / "words.gal")),
        Case("a folder as weights", "E602", lambda: wt.load(folder / "x.gal")),
        Case("pickled weights", "E501", lambda: wt.load(folder / "w.pkl")),
        Case("ragged table", "E602", table("ragged.csv")),
        Case("a column twice", "E502", table("twice.csv")),
        Case("empty table", "E602", table("empty.csv")),
        Case("Excel under .csv", "E602", table("book.csv"), "Excel"),
        Case("damaged parquet", "E602", table("broken.parquet")),
        Case("damaged xlsx", "E602", table("broken.xlsx")),
        Case("damaged dta", "E602", table("broken.dta")),
        Case("GBK text", None, lambda: table("gbk.csv")()["城市"].tolist() == ["北京市", "上海市"] or 1 / 0),
        Case("byte order mark", None, lambda: list(table("bom.csv", keys=["id"])()) == ["id", "y"] or 1 / 0),
        Case("'NA' is Namibia", None, lambda: "NA" in set(table("namibia.csv", keys=["id"])()["id"]) or 1 / 0),
        Case("an address on the net", "E608", lambda: wt.read_map("/vsicurl/http://127.0.0.1:9/a.gpkg")),
        Case("a database with a password", "E608", lambda: wt.read_map("PG:host=x password=hunter2"), "***"),
        Case("a map that refers to another file", "E602", layer("map.geojson")),
        Case("a zip that climbs out", "E602", layer("map.zip")),
        Case("an output that exists", "E603", lambda: w.save(folder / "w.parquet")),
        Case("an output in no folder of ours", "E605", lambda: w.save("/proc/w.parquet", overwrite=True)),
        Case("an output that is a folder", "E605", lambda: w.save(folder / "x.gal", overwrite=True)),
        Case("a suffix that is none", "E501", lambda: w.save(folder / "w.doc")),
        Case("a script as a column", None, lambda: "<script>" not in sp.ols(
            "CRIME ~ `<script>`", s.columbus.rename(columns={"INC": "<script>"}), s.w)._repr_html_() or 1 / 0),
    ]
