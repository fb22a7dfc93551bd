"""A map is data: whatever its content says, no address is called and no other file is read."""

import contextlib
import http.server
import json
import sqlite3
import threading
import zipfile

import geopandas as gpd
import pytest
from shapely import box

import weights as wt
from spillover.errors import SpatialInputError

POINT = {"type": "Point", "coordinates": [1, 2]}
FEATURE = {"type": "Feature", "properties": {"a": 1}, "geometry": POINT}


@pytest.fixture(scope="module")
def server():
    """The address of a local server, and the requests that it saw."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_error(404)

        do_HEAD = do_POST = do_GET

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}/", requests
        listening.shutdown()


def collection(**members):
    return json.dumps({"type": "FeatureCollection", **members, "features": [FEATURE]})


def link(url, kind="proj4"):
    return {"type": "link", "properties": {"href": url, "type": kind}}


def virtual(source, extra=""):
    return f'<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>{source}</SrcDataSource>{extra}</OGRVRTLayer></OGRVRTDataSource>'  # noqa: E501


CANARY = ('<SrcLayer>secret</SrcLayer><GeometryType>wkbPoint</GeometryType>'
          '<GeometryField encoding="PointFromColumns" x="x" y="y"/>')
ATTACKS = {
    "virtual source, address": lambda url, canary: virtual(f"/vsicurl/{url}a.geojson"),
    "virtual source, file": lambda url, canary: virtual(canary, CANARY),
    "virtual source after a mark": lambda url, canary: "\ufeff \n" + virtual(canary, CANARY),
    "virtual source in JSON": lambda url, canary: collection(q=virtual(f"/vsicurl/{url}b.geojson")),
    "web service": lambda url, canary: f"<OGRWFSDataSource><URL>{url}wfs</URL></OGRWFSDataSource>",
    "pipeline, address": lambda url, canary: json.dumps(
        {"type": "gdal_streamed_alg", "command_line": f"gdal vector pipeline ! read /vsicurl/{url}c.geojson"}),
    "pipeline, file": lambda url, canary: json.dumps(
        {"type": "gdal_streamed_alg", "command_line": f"gdal vector pipeline ! read {canary}"}),
    "pipeline that says Feature": lambda url, canary: json.dumps(
        {"type": "gdal_streamed_alg", "x": {"type": "FeatureCollection"}, "command_line": f"read {canary}"}),
    "crs by link": lambda url, canary: collection(crs=link(url + "crs")),
    "crs by link, WKT": lambda url, canary: collection(crs=link(url + "crs", "esriwkt")),
    "crs by link, file": lambda url, canary: collection(crs=link(canary)),
    "crs named as an address": lambda url, canary: collection(
        crs={"type": "name", "properties": {"name": url + "named"}}),
    "crs of one shape": lambda url, canary: json.dumps(
        {"type": "FeatureCollection", "features": [{**FEATURE, "geometry": {**POINT, "crs": link(url + "one")}}]}),
    "crs key in escapes": lambda url, canary: collection(crs=link(url + "esc")).replace('"crs"', '"\\u0063rs"'),
    "crs named, with a link beside": lambda url, canary: collection(
        crs={"type": "name", "properties": {"name": "EPSG:4326", "href": url + "beside"}}),
}


@pytest.mark.parametrize("suffix", [".geojson", ".json", ".gpkg", ".fgb", ".shp", ".parquet", ".kml"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_content_calls_an_address_or_reads_another_file(attack, suffix, server, tmp_path):
    url, requests = server
    canary = tmp_path / "secret.csv"
    canary.write_text("x,y,word\n1,2,hunter2\n")
    path = tmp_path / f"map{suffix}"
    path.write_text(ATTACKS[attack](url, str(canary)), encoding="utf-8")
    zipped = tmp_path / "map.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(path, f"deep/{path.name}")
        archive.write(canary, "deep/secret.csv")
    requests.clear()
    for source in (path, zipped):
        with pytest.raises(SpatialInputError) as caught:
            wt.read_map(source)
        assert caught.value.code in ("E602", "E608")
        assert caught.value.hint
        assert "hunter2" not in str(caught.value)
    assert requests == []


def test_the_network_is_off_even_for_content_that_passes(server, tmp_path):
    """The second line of defence: what the scan would have to stop does not connect either, and settings come back."""
    import pyogrio

    from weights.maps import gdal

    url, requests = server
    requests.clear()
    pyogrio.set_gdal_config_options({"GDAL_HTTP_PROXY": "http://127.0.0.1:1", "GDAL_HTTP_TIMEOUT": None})
    try:
        for name in ("crs by link", "crs of one shape", "virtual source, address", "web service", "pipeline, address"):
            path = tmp_path / "map.geojson"
            path.write_text(ATTACKS[name](url, ""))
            for source in (str(path), f"GeoJSON:{path}"):
                with gdal.offline(), contextlib.suppress(Exception):
                    pyogrio.read_dataframe(source)
        assert requests == []
        assert pyogrio.get_gdal_config_option("GDAL_HTTP_PROXY") == "http://127.0.0.1:1"
        assert pyogrio.get_gdal_config_option("GDAL_HTTP_TIMEOUT") is None
    finally:
        pyogrio.set_gdal_config_options({"GDAL_HTTP_PROXY": None})


@pytest.mark.parametrize("sql", ["CREATE VIRTUAL TABLE far USING csv(filename='/etc/passwd')",
                                 "CREATE VIEW far AS SELECT fid, geom, ogr_geocode('Paris') FROM cells",
                                 "CREATE VIEW far AS SELECT fid, geom, load_extension('x') FROM cells"])
def test_a_geopackage_that_reads_from_elsewhere(sql, tmp_path):
    path = tmp_path / "m.gpkg"
    gpd.GeoDataFrame({"a": [1]}, geometry=[box(0, 0, 1, 1)], crs=3857).to_file(path, layer="cells")
    assert len(wt.read_map(path)) == 1
    base = sqlite3.connect(path)
    kind, name = ("table", "far") if "TABLE" in sql else ("view", "far")
    base.execute("PRAGMA writable_schema = 1")
    base.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, 0, ?)", (kind, name, name, sql))
    base.commit()
    base.close()
    with pytest.raises(SpatialInputError, match="own data") as caught:
        wt.read_map(path)
    assert caught.value.code == "E608"


def test_a_database_that_is_no_geopackage(tmp_path):
    base = sqlite3.connect(tmp_path / "m.gpkg")
    base.execute("CREATE TABLE t (a)")
    base.commit()
    base.close()
    with pytest.raises(SpatialInputError, match="no GeoPackage"):
        wt.read_map(tmp_path / "m.gpkg")


@pytest.mark.parametrize("content", [
    '<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]><kml><Placemark><name>&x;</name></Placemark></kml>',
    "<kml><NetworkLink><Link><href>{url}n.kml</href></Link></NetworkLink></kml>",
    '<kml xmlns:gml="http://www.opengis.net/gml"><gml:x xsi:schemaLocation="a {url}s.xsd"/></kml>',
    "<kml><Placemark><styleUrl>{url}style.kml#a</styleUrl><name>a</name></Placemark></kml>",
])
def test_kml_opens_nothing(content, server, tmp_path):
    url, requests = server
    requests.clear()
    path = tmp_path / "m.kml"
    path.write_text(content.replace("{url}", url))
    try:
        assert wt.read_map(path).geometry.isna().all()
    except SpatialInputError as error:
        code = error.code
    else:
        code = "E602"
    assert code in ("E602", "E608")
    assert requests == []


def test_harmless_coordinate_systems_are_read(tmp_path):
    for crs, expected in [({"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}, "4326"),
                          ({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}, "3857"),
                          ({"type": "name", "properties": {"name": "EPSG:3857"}}, "3857"), (None, "4326")]:
        path = tmp_path / "m.geojson"
        path.write_text(collection(crs=crs))
        assert expected in str(wt.read_map(path).crs)
    words = [{**FEATURE, "properties": {"crs": "{", "省": "\u0041 href http://example.org", "type": "link"}}]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": words}))
    assert wt.read_map(path)["省"].tolist() == ["A href http://example.org"]


def test_a_scan_of_strange_json_ends(tmp_path):
    """Long runs of what the patterns look for: time grows with the size, not its square."""
    path = tmp_path / "m.json"
    for text in ('{"type": "Feature", "a": "' + "\\u0041" * 200_000, '{"type": "Feature", "a": "' + '\\"' * 300_000,
                 '{"type": "Feature", ' + '"crs": {' * 100_000, '{"type": "Feature", "crs"' + " " * 500_000,
                 '{"type": "Feature", "crs": ' + "{" + '"a":[' * 5000):
        path.write_text(text)
        with pytest.raises(SpatialInputError):
            wt.read_map(path)


@pytest.mark.parametrize("text", ["PG:host=127.0.0.1 dbname=x user=me password=hunter2", "MYSQL:x,password=hunter2",
                                  "postgresql://me:hunter2@127.0.0.1/x", "/vsicurl/http://me:hunter2@127.0.0.1/a.gpkg",
                                  "nowhere/password=hunter2.gpkg"])
def test_passwords_are_not_echoed(text):
    with pytest.raises(SpatialInputError) as caught:
        wt.read_map(text)
    assert "hunter2" not in str(caught.value)
    assert caught.value.code in ("E501", "E601", "E608")


def test_a_map_under_another_name_says_what_it_is(tmp_path):
    g = gpd.GeoDataFrame({"a": [1]}, geometry=[box(0, 0, 1, 1)], crs=4326)
    g.to_file(tmp_path / "m.gpkg")
    for name, says in (("m.fgb", "m.gpkg"), ("m.parquet", "m.gpkg"), ("m.geojson", "m.gpkg")):
        (tmp_path / name).write_bytes((tmp_path / "m.gpkg").read_bytes())
        with pytest.raises(SpatialInputError, match="GeoPackage") as caught:
            wt.read_map(tmp_path / name)
        assert says in caught.value.hint


def test_other_formats(tmp_path):
    cells = [box(0, 0, 1, 1), box(1, 0, 2, 1)]
    g = gpd.GeoDataFrame({"code": ["01", "02"], "名": ["北京", "é"]}, geometry=cells, crs=4326)
    g.to_parquet(tmp_path / "m.parquet")
    g.rename_geometry("shape").to_parquet(tmp_path / "n.parquet")
    g.to_file(tmp_path / "m.fgb")
    g.to_file(tmp_path / "m.gdb", driver="OpenFileGDB", layer="cells")
    with zipfile.ZipFile(tmp_path / "gdb.zip", "w") as archive:
        for part in (tmp_path / "m.gdb").iterdir():
            archive.write(part, f"data/m.gdb/{part.name}")
    for name in ("m.parquet", "n.parquet", "m.fgb", "m.gdb", "gdb.zip"):
        frame = wt.read_map(tmp_path / name, id="code").sort_index()  # a FlatGeobuf is in the order of its index
        assert frame.index.tolist() == ["01", "02"]
        assert frame["名"].tolist() == ["北京", "é"]
        assert frame.crs == 4326
        assert wt.queen(frame).nnz == 2
    assert len(wt.read_map(tmp_path / "gdb.zip", layer="cells")) == 2
    (tmp_path / "m.gdb" / "x.vrt").write_text(virtual("y"))
    with pytest.raises(SpatialInputError, match="another kind"):
        wt.read_map(tmp_path / "m.gdb")


def test_kml_with_data_holes_and_folders(tmp_path):
    ring = "<LinearRing><coordinates>{}</coordinates></LinearRing>"
    outer = ring.format("0,0,5 4,0,5 4,4,5 0,4,5 0,0,5")
    inner = ring.format("1,1 2,1 2,2 1,2 1,1")
    mark = (f"<Placemark><name>甲</name><ExtendedData><Data name='code'><value>007</value></Data></ExtendedData>"
            f"<Polygon><outerBoundaryIs>{outer}</outerBoundaryIs><innerBoundaryIs>{inner}</innerBoundaryIs></Polygon></Placemark>")
    two = ("<Placemark><name>b</name><ExtendedData><SchemaData><SimpleData name='code'>008</SimpleData></SchemaData>"
           "</ExtendedData><MultiGeometry><Point><coordinates>5,5</coordinates></Point><Point><coordinates>6,6"
           "</coordinates></Point></MultiGeometry></Placemark>")
    path = tmp_path / "m.kml"
    path.write_text(f"<?xml version='1.0' encoding='utf-8'?><kml xmlns='http://www.opengis.net/kml/2.2'><Document>"
                    f"<Folder><name>old</name>{mark}{two}</Folder></Document></kml>", encoding="utf-8")
    frame = wt.read_map(path, id="code")
    assert frame.index.tolist() == ["007", "008"]
    assert frame.geometry.iloc[0].area == 15
    assert frame.geometry.iloc[1].geom_type == "MultiPoint"
    with zipfile.ZipFile(tmp_path / "m.kmz", "w") as archive:
        archive.write(path, "doc.kml")
    assert wt.read_map(tmp_path / "m.kmz")["name"].tolist() == ["甲", "b"]
    path.write_text(path.read_text("utf-8").replace("</Folder>", f"</Folder><Folder><name>new</name>{mark}</Folder>"))
    with pytest.raises(SpatialInputError, match="old, new") as caught:
        wt.read_map(path)
    assert caught.value.code == "E604"
    assert len(wt.read_map(path, layer="new")) == 1
    path.write_text(path.read_text("utf-8").replace("4,4,5", "4"))
    with pytest.raises(SpatialInputError, match="coordinates"):
        wt.read_map(path, layer="new")


@pytest.mark.parametrize("harm", ["flag", "crc", "header", "method", "short"])
def test_damaged_and_encrypted_archives(harm, tmp_path):
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m.geojson", collection())
    raw = bytearray(path.read_bytes())
    central = raw.index(b"PK\x01\x02")
    if harm == "flag":
        raw[6] |= 1
        raw[central + 8] |= 1
    elif harm == "crc":
        raw[central + 16 : central + 20] = raw[14:18] = b"\1\2\3\4"
    elif harm == "header":
        raw[0:4] = b"PK\x07\x07"
    elif harm == "method":
        raw[central + 10] = raw[8] = 77
    else:
        raw = raw[: len(raw) // 2]
    path.write_bytes(raw)
    with pytest.raises(SpatialInputError) as caught:
        wt.read_map(path)
    assert caught.value.code == "E602"
    assert caught.value.hint
    if harm == "flag":
        assert "encrypted" in str(caught.value)


def test_strange_names_of_files(tmp_path):
    g = gpd.GeoDataFrame({"a": [1]}, geometry=[box(0, 0, 1, 1)], crs=4326)
    for name in ("a b#c.geojson", "100%.geojson", "zip!.geojson", "地图.geojson", "x!y.gpkg", "q?.gpkg", "[s]!.shp",
                 "GeoJSON.shp"):
        stem, _, suffix = name.rpartition(".")
        folder = tmp_path / stem
        folder.mkdir()
        g.to_file(tmp_path / f"plain.{suffix}")
        for part in tmp_path.glob("plain.*"):
            part.rename(folder / f"{stem}{part.suffix}")
        assert len(wt.read_map(folder / name)) == 1
