"""A real PostGIS on loopback: what is read is what is there, what is written is whole or absent, no password shows."""

import os

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import spatial as sp
import weights as wt
from spatial.plot.classes_of_units import COLOURS
from spillover import database
from spillover.errors import SpatialInputError
from spillover.tables import read_table

SERVER = os.environ.get("SPILLOVER_POSTGIS")
pytestmark = [pytest.mark.postgis, pytest.mark.skipif(not SERVER, reason="needs make test-postgis")]
GIS = f"postgresql://analyst@{SERVER}/gis"


@pytest.fixture(autouse=True)
def empty():
    """No tables of earlier tests."""
    with connect() as connection:
        tables = connection.execute("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname "
                                    "IN ('work', 'public')").fetchall()  # fmt: skip
        for name, in tables:
            connection.execute(f"DROP TABLE {name} CASCADE")


def connect(user="analyst", db="gis", **options):
    import psycopg

    password = os.environ["PGPASSWORD"] if user == "analyst" else os.environ[f"SPILLOVER_POSTGIS_{user.upper()}"]
    host, _, port = SERVER.partition(":")
    return psycopg.connect(host=host, port=port, dbname=db, user=user, password=password, autocommit=True, **options)


def rows(query, **how):
    with connect(**how) as connection:
        return connection.execute(query).fetchall()


def refused(call):
    with pytest.raises(SpatialInputError) as error:
        call()
    return error.value


# -- reading and writing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["states", "各 省", 'a"b', "x; DROP TABLE states; --", "Mixed Case", "50% off", "a'b"])
def test_a_map_comes_back_as_it_was(states, name):
    from urllib.parse import quote

    url = f"{GIS}/work.{quote(name, safe='')}"
    map = states.reset_index().assign(**{"人均 收入": range(48), 'q"': 0.5, "fine": True, "none": np.nan})
    database.write(map, url)
    back = wt.read_map(url)
    assert back.crs == states.crs
    assert (back.geom_type == "MultiPolygon").all()
    assert back.geometry.geom_equals(map.geometry).all()
    attributes, want = (pd.DataFrame(frame.drop(columns="geometry")) for frame in (back, map))
    pd.testing.assert_frame_equal(attributes, want, check_dtype=False)
    assert wt.queen(wt.read_map(url, id="state")) == wt.queen(states)
    assert rows("SELECT srid FROM geometry_columns") == [(states.crs.to_epsg(),)]


def test_points_heights_missing_shapes_and_maps_without_a_system(states):
    points = gpd.GeoDataFrame({"id": [1, 2]}, geometry=[shapely.Point(1, 2, 3), None], crs=3857)
    database.write(points, f"{GIS}/work.points")
    back = database.read(f"{GIS}/work.points")
    assert back.geometry[0].has_z
    assert back.geometry[1] is None
    assert back.crs == "EPSG:3857"
    database.write(points.set_crs(None, allow_override=True), f"{GIS}/work.nowhere")
    assert database.read(f"{GIS}/work.nowhere").crs is None
    own = states.to_crs("+proj=aea +lat_1=30 +lat_2=40 +lon_0=-96")
    assert refused(lambda: database.write(own, f"{GIS}/work.own")).code == "E402"
    assert rows("SELECT count(*) FROM pg_tables WHERE tablename = 'own'") == [(0,)]


def test_a_table_keeps_its_types(panel):
    table = panel.assign(code=[f"{k:04}" for k in range(len(panel))], day=pd.Timestamp("2020-02-29"), no=None)
    database.write(table, f"{GIS}/public.panel")
    back = read_table(f"{GIS}/panel")
    pd.testing.assert_frame_equal(back[list(panel)], panel, check_dtype=False)
    assert back["code"][7] == "0007"
    assert back["day"][0] == pd.Timestamp("2020-02-29")
    assert back["no"].isna().all()
    with connect() as connection:
        connection.execute("CREATE TABLE work.numbers AS SELECT 1.5::numeric AS x, NULL::numeric AS y UNION ALL "
                           "SELECT 2, 3.25")  # fmt: skip
    assert database.read(f"{GIS}/work.numbers").dtypes.tolist() == [float, float]


def test_geography_views_and_queries(states):
    database.write(states.to_crs(4326).reset_index(), f"{GIS}/work.states")
    with connect() as connection:
        connection.execute("CREATE VIEW work.west AS SELECT state, geom::geography AS place FROM work.states WHERE "
                           "region = 'West'")  # fmt: skip
    west = wt.read_map(f"{GIS}/work.west", id="state")
    assert west.index.tolist() == states.index[states["region"] == "West"].tolist()
    assert west.crs == "EPSG:4326"
    picked = database.read(GIS, sql="SELECT state, geom FROM work.states -- 100 % of it\nWHERE state = 'OH';")
    assert picked["state"].tolist() == ["OH"]
    assert refused(lambda: database.read(GIS, sql="SELECT geom, geom FROM work.states")).code == "E502"


# -- nothing is changed by reading, nothing half written --------------------------------------------------------


@pytest.mark.parametrize("query", [
    "SELECT 1; DROP TABLE work.t", "SELECT 1) AS q; DROP TABLE work.t; SELECT * FROM (SELECT 1", "DROP TABLE work.t",
    "DELETE FROM work.t RETURNING x", "WITH gone AS (DELETE FROM work.t RETURNING x) SELECT * FROM gone",
    "SELECT set_config('transaction_read_only', 'off', false), x FROM work.t; DROP TABLE work.t",
    "COMMIT; DROP TABLE work.t", "SELECT nextval('work.s')", "COPY work.t TO PROGRAM 'true'"])  # fmt: skip
def test_a_query_changes_nothing(query):
    with connect() as connection:
        connection.execute("CREATE TABLE work.t AS SELECT 1 AS x; CREATE SEQUENCE IF NOT EXISTS work.s")
    assert refused(lambda: database.read(GIS, sql=query)).code == "E602"
    assert rows("SELECT x FROM work.t") == [(1,)]


def test_a_table_is_replaced_whole_or_not_at_all(states):
    url, old = f"{GIS}/work.t", pd.DataFrame({"x": [1, 2]})
    database.write(old, url)
    for change in (lambda: database.write(old, url), lambda: database.check_target(url)):
        assert refused(change).code == "E603"
    bad = pd.DataFrame({"x": ["a", "b\0c"]})  # the second row fails, after the old table was dropped
    assert refused(lambda: database.write(bad, url, overwrite=True)).code == "E605"
    assert database.read(url)["x"].tolist() == [1, 2]
    with connect() as connection:
        connection.execute("CREATE VIEW work.on_it AS SELECT * FROM work.t")
    assert "depend" in refused(lambda: database.write(old, url, overwrite=True)).message
    assert rows("SELECT count(*) FROM work.on_it") == [(2,)]
    long = pd.DataFrame({"一" * 22: [1]})  # 66 bytes
    assert refused(lambda: database.write(long, f"{GIS}/work.long")).code == "E605"
    database.write(states.reset_index(), f"{GIS}/work.whole", overwrite=True)
    assert rows("SELECT count(*) FROM work.whole") == [(48,)]


def test_what_may_not_be_written_is_refused_before_the_work(states):
    guest = f"postgresql://guest@{SERVER}/gis"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", os.environ["SPILLOVER_POSTGIS_GUEST"])
        assert refused(lambda: database.check_target(f"{guest}/work.t")).code == "E605"
        database_plain = f"postgresql://guest@{SERVER}/plain/t"
        assert refused(lambda: database.check_target(database_plain)).code == "E605"
    assert refused(lambda: database.check_target(f"{GIS}/nowhere.t")).code == "E604"
    assert refused(lambda: database.check_target(GIS)).code == "E501"
    plain = f"postgresql://analyst@{SERVER}/plain/t"
    assert "no PostGIS" in refused(lambda: database.write(states, plain)).message
    database.write(pd.DataFrame({"x": [1]}), plain)
    assert database.read(plain)["x"].tolist() == [1]


def test_a_table_that_is_not_there_is_met_with_those_like_it():
    database.write(pd.DataFrame({"x": [1]}), f"{GIS}/work.tracts")
    error = refused(lambda: database.read(f"{GIS}/work.tract"))
    assert error.code == "E604"
    assert "work.tracts" in error.hint
    assert refused(lambda: wt.read_map(f"{GIS}/work.tracts")).code == "E602"  # no shapes


# -- styles ----------------------------------------------------------------------------------------------------


def test_a_layer_has_its_style_beside_it(states, panel, queen):
    one = panel[panel["year"] == 1986].set_index("state")
    lisa = sp.local_moran("unemp", queen, data=one)
    for _ in range(2):
        lisa.to_file(states, f"{GIS}/work.lisa", overwrite=True)
    styles = rows("SELECT f_table_schema, f_table_name, f_geometry_column, useasdefault, styleqml::text FROM "
                  "public.layer_styles")  # fmt: skip
    assert [style[:4] for style in styles] == [("work", "lisa", "geom", True)]
    assert "high, among high neighbors" in styles[0][4]
    back = database.read(f"{GIS}/work.lisa").set_index("state")
    assert back["cluster"].tolist() == lisa.frame["cluster"].astype(str).tolist()
    assert rows("SELECT contype FROM pg_constraint WHERE conrelid = 'work.lisa'::regclass") == [("p",)]


def test_qgis_opens_it_colored(in_qgis, states, panel, queen, tmp_path):
    one = panel[panel["year"] == 1986].set_index("state")
    lisa = sp.local_moran("unemp", queen, data=one)
    lisa.to_file(states, f"{GIS}/work.各 省")
    host, _, port = SERVER.partition(":")
    place = f"dbname='gis' host={host} port={port} user='analyst' password='{os.environ['PGPASSWORD']}' key='state' " \
            'table="work"."各 省" (geom)'  # fmt: skip
    shown = in_qgis("look.py", place, "postgres", tmp_path / "map.png")
    assert shown["loaded"], shown["message"]
    assert shown["column"] == "cluster"
    assert shown["drawn"] == {unit: COLOURS[name] for unit, name in lisa.frame["cluster"].items()}


# -- passwords -------------------------------------------------------------------------------------------------


SECRETS = ("hunter2", "p@ss/word?x")


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("template", ["postgresql://analyst:{}@{}/gis/work.t", "postgresql://analyst@{1}/gis/t?password={0}",
                                      "postgresql://:{}@{}/gis/work.t"])  # fmt: skip
def test_a_password_in_an_address_is_refused_and_shown_nowhere(spillover, secret, template, tmp_path):
    url = template.format(secret, SERVER)
    (tmp_path / "t.csv").write_text("id,x\na,1\n")
    for words in (["info", url], ["moran", url, "-c", "x", "-w", "queen"], ["info", url, "--json", "--debug"],
                  ["info", tmp_path / "t.csv", "-o", url], ["moran", tmp_path / "t.csv", "--map", url, "-c", "x", "-w",
                  "queen", "--debug"], ["info", "-x", url, url, url]):  # fmt: skip
        status, out, err = spillover(*words)
        assert status in (2, 3), err
        for part in (secret, "hunter2", "ss/word"):
            assert part not in out + err


def test_a_wrong_password_is_not_shown(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    error = refused(lambda: database.read(f"{GIS}/work.t"))
    assert error.code == "E609"
    assert "authentication failed" in error.message
    assert "hunter2" not in str(error) + repr(error.__cause__) + repr(error.__context__)


def test_a_password_is_read_from_a_file(monkeypatch, tmp_path):
    database.write(pd.DataFrame({"x": [1]}), f"{GIS}/work.t")
    (tmp_path / "pass").write_text(f"{SERVER}:gis:analyst:{os.environ['PGPASSWORD']}\n")
    (tmp_path / "pass").chmod(0o600)
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pass"))
    assert len(database.read(f"{GIS}/work.t")) == 1


def test_a_server_that_is_not_there_is_said_soon():
    error = refused(lambda: database.read("postgresql://127.0.0.1:9/gis/t"))
    assert error.code == "E609"


# -- the shell -------------------------------------------------------------------------------------------------


def test_the_shell_reads_tables_queries_and_maps_and_writes_layers(spillover, states, panel, tmp_path):
    database.write(states.reset_index(), f"{GIS}/work.states")
    database.write(panel, f"{GIS}/work.panel")
    status, out, err = spillover("info", f"{GIS}/work.states")
    assert status == 0, err
    assert "map of 48 units" in out
    lisa = ["lisa", f"{GIS}/work.panel", "-m", f"{GIS}/work.states", "--id", "state", "--where", "year=1986", "-c",
            "unemp", "-w", "queen", "--permutations", 999]  # fmt: skip
    status, out, err = spillover(*lisa, "-o", f"{GIS}/work.lisa")
    assert status == 0, err
    assert rows("SELECT count(*) FROM work.lisa WHERE cluster = 'High-High'") == [(4,)]
    assert rows("SELECT f_table_name FROM public.layer_styles") == [("lisa",)]
    assert spillover(*lisa, "-o", f"{GIS}/work.lisa")[0] == 3
    status, out, err = spillover("lisa", GIS, "--sql", "SELECT s.*, p.unemp FROM work.states s JOIN work.panel p USING "
                                 "(state) WHERE year = 1986", "--id", "state", "-c", "unemp", "-w", "queen",
                                 "--permutations", 999, "-o", tmp_path / "lisa.gpkg")  # fmt: skip
    assert status == 0, err
    one, two = gpd.read_file(tmp_path / "lisa.gpkg", layer="lisa"), database.read(f"{GIS}/work.lisa")
    assert one.set_index("state")["cluster"].to_dict() == two.set_index("state")["cluster"].to_dict()
    effects = ["effects", f"{GIS}/work.panel", "log(gsp) ~ log(pcap) + unemp", "-m", f"{GIS}/work.states", "--id",
               "state", "--panel", "state,year", "-w", "queen"]  # fmt: skip
    status, out, err = spillover(*effects, "-o", f"{GIS}/work.effects")
    assert status == 0, err
    assert rows("SELECT count(*), min(effect) FROM work.effects") == [(6, "direct")]
    status, out, err = spillover(*effects, "--shock", "IL:unemp:1", "-o", f"{GIS}/work.shock")
    assert status == 0, err
    assert rows("SELECT count(*) FROM work.shock WHERE unemp_1986 > 0 AND name <> ''") == [(48,)]
    status, out, err = spillover(*effects, "-o", f"{GIS}/work.panel", "--overwrite")
    assert (status, "E605" in err) == (3, True)
    for words in (["info", "example:columbus", "--sql", "SELECT 1"], ["info", f"{GIS}/work.panel", "--sql", "SELECT 1"],
                  ["info", GIS]):  # fmt: skip
        status, out, err = spillover(*words)
        assert (status, "E501" in err) == (2, True), err


def test_a_study_reads_from_the_database(spillover, states, panel, tmp_path):
    database.write(states.reset_index(), f"{GIS}/work.states")
    database.write(panel, f"{GIS}/work.panel")
    (tmp_path / "s.toml").write_text(f"""
title = "From a database"
formula = "log(gsp) ~ log(pcap) + unemp"
[data]
map = "{GIS}/work.states"
id = "state"
panel = "{GIS}/work.panel"
unit = "state"
period = "year"
[weights]
queen = "queen"
""")
    status, _, err = spillover("study", tmp_path / "s.toml", "--check")
    assert status == 0, err


def test_the_page_of_the_docs_runs(spillover, states, panel, monkeypatch):
    import re
    import shlex
    from pathlib import Path

    database.write(states.reset_index(), f"{GIS}/work.states")
    database.write(panel, f"{GIS}/work.economy")
    page = (Path(__file__).parents[2] / "docs" / "from-postgis.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    assert len(lines) == 5
    for line in lines:
        status, out, err = spillover(*shlex.split(line.replace("@localhost/", f"@{SERVER}/"))[1:])
        assert status == 0, (line, err)
        assert out
    written = rows("SELECT tablename FROM pg_tables WHERE schemaname = 'work' ORDER BY 1")
    assert [name for name, in written] == ["clusters", "economy", "effects", "shock", "states"]
    assert rows("SELECT count(*) FROM public.layer_styles") == [(2,)]
