"""Boundary files: what is read, and every way in which one can be broken."""

import shutil
import warnings
import zipfile

import geopandas as gpd
import pandas as pd
import pytest
from shapely import box

import weights as wt
from spillover.errors import SpatialInputError, SpatialInputWarning

NAMES = ["北京市", "上海市", "广东省"]


@pytest.fixture
def provinces():
    cells = [box(i, 0, i + 1, 1) for i in range(3)]
    return gpd.GeoDataFrame({"code": ["01", "02", "11"], "name": NAMES}, geometry=cells, crs=4326)


def refused(path, code, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpatialInputWarning)
        with pytest.raises(SpatialInputError) as caught:
            wt.read_map(path, **options)
    assert caught.value.code == code, caught.value
    assert caught.value.hint, caught.value
    return str(caught.value)


@pytest.fixture
def shp(provinces, tmp_path):
    """A shapefile in a Chinese folder with a space, in UTF-8."""
    path = tmp_path / "地图 一" / "provinces.shp"
    path.parent.mkdir()
    provinces.to_file(path, encoding="utf-8")
    return path


@pytest.fixture
def gbk(provinces, tmp_path):
    path = tmp_path / "gbk.shp"
    provinces.to_file(path, encoding="gb18030")
    path.with_suffix(".cpg").unlink()
    return path


def test_ids_are_text_and_keep_their_zeros(shp, provinces, tmp_path):
    frame = wt.read_map(shp, id="code")
    assert frame.index.tolist() == ["01", "02", "11"]
    assert frame["name"].tolist() == NAMES
    provinces.assign(code=[11.0, 12.0, 13.0]).to_file(tmp_path / "m.gpkg")
    assert wt.read_map(tmp_path / "m.gpkg", id="code").index.tolist() == ["11", "12", "13"]
    provinces.assign(code=["NA", "ZA", "BW"]).to_file(tmp_path / "m.geojson")
    assert wt.read_map(tmp_path / "m.geojson", id="code").index.tolist() == ["NA", "ZA", "BW"]
    refused(shp, "E502", id="kode")
    provinces.assign(code=["1", "1", "2"]).to_file(tmp_path / "twice.gpkg")
    refused(tmp_path / "twice.gpkg", "E102", id="code")


def test_chinese_text_without_or_with_a_wrong_cpg(gbk):
    with pytest.warns(SpatialInputWarning, match="GB18030"):
        assert wt.read_map(gbk)["name"].tolist() == NAMES
    gbk.with_suffix(".cpg").write_text("UTF-8")
    with pytest.warns(SpatialInputWarning, match="says UTF-8"):
        assert wt.read_map(gbk)["name"].tolist() == NAMES
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wt.read_map(gbk, encoding="gb18030")["name"].tolist() == NAMES
    refused(gbk, "E606", encoding="utf-8")
    refused(gbk, "E606", encoding="no such code")


@pytest.mark.parametrize(("written", "declared"), [
    ("utf-8", "1252"), ("utf-8", "ISO-8859-1"), ("utf-8", "88591"), ("gb18030", "1252"), ("gb18030", "ISO 8859-1"),
    ("utf-8", "nonsense")])
def test_a_cpg_that_lies(written, declared, provinces, tmp_path):
    """Latin-1 reads any bytes: what it makes of them is gibberish."""
    provinces.to_file(tmp_path / "m.shp", encoding=written)
    (tmp_path / "m.cpg").write_text(declared)
    with pytest.warns(SpatialInputWarning, match=f"says {declared}") as caught:
        assert wt.read_map(tmp_path / "m.shp")["name"].tolist() == NAMES
    assert caught[0].filename == __file__
    accents = ["Málaga", "München", "Größe"]
    provinces.assign(name=accents).to_file(tmp_path / "a.shp", encoding="utf-8")
    (tmp_path / "a.cpg").write_text(declared)
    with pytest.warns(SpatialInputWarning, match="valid UTF-8"):
        assert wt.read_map(tmp_path / "a.shp")["name"].tolist() == accents
    provinces.assign(name=accents).to_file(tmp_path / "b.shp", encoding="ISO-8859-1")
    (tmp_path / "b.cpg").write_text("1252")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wt.read_map(tmp_path / "b.shp")["name"].tolist() == accents


@pytest.mark.parametrize(("encoding", "names"), [("utf-8", ["地区生", "人口数", "名"]),
                                                 ("gb18030", ["地区生产总", "人口数量万", "名"])])
@pytest.mark.parametrize("declared", ["", "UTF-8", "1252"])
def test_names_that_were_cut_within_a_character(encoding, names, declared, provinces, tmp_path):
    """Ten bytes hold three and a third of such characters; cells can be cut, too."""
    long = provinces.rename(columns={"name": "地区生产总值亿元", "code": "人口数量万人合计"})
    long = long.assign(名="一二三四五" * 20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        long.to_file(tmp_path / "m.shp", encoding=encoding)
        (tmp_path / "m.cpg").write_text(declared) if declared else (tmp_path / "m.cpg").unlink()
        before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
        frame = wt.read_map(tmp_path / "m.shp")
    assert set(frame.columns) == {*names, "geometry"}
    assert ("一二三四五" * 20).startswith(frame["名"][0])
    assert len(frame["名"][0]) > 80
    assert frame[names[0]].tolist() == NAMES
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_accents_are_not_taken_for_chinese(provinces, tmp_path):
    provinces.assign(name=["Zürich", "Genève", "Neuchâtel"]).to_file(tmp_path / "ch.shp", encoding="ISO-8859-1")
    (tmp_path / "ch.cpg").unlink()
    with pytest.warns(SpatialInputWarning, match="ISO-8859-1"):
        assert wt.read_map(tmp_path / "ch.shp")["name"].tolist() == ["Zürich", "Genève", "Neuchâtel"]


def test_a_zip_with_the_shapefile_in_a_folder(shp, gbk, tmp_path):
    path = tmp_path / "两 张.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for part in shp.parent.iterdir():
            archive.write(part, f"../../deep/子目录/{part.name}")
    assert wt.read_map(path)["name"].tolist() == NAMES
    assert sorted(p.name for p in tmp_path.parent.glob("deep*")) == []
    with zipfile.ZipFile(path, "a") as archive:
        for part in gbk.parent.glob("gbk.*"):
            archive.write(part, part.name)
    assert "gbk, provinces" in refused(path, "E604")
    with pytest.warns(SpatialInputWarning, match="GB18030"):
        assert wt.read_map(path, layer="gbk")["name"].tolist() == NAMES
    refused(path, "E604", layer="other")
    path.write_bytes(path.read_bytes()[:200])
    refused(path, "E602")


def test_a_zip_bomb_is_left_alone(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m.geojson", b"\0" * (60 * 2**20))
    assert "suspicious" in refused(tmp_path / "bomb.zip", "E602")


def test_several_layers_need_a_name(provinces, tmp_path):
    path = tmp_path / "two.gpkg"
    provinces.to_file(path, layer="old")
    provinces.iloc[:2].to_file(path, layer="new")
    assert "old, new" in refused(path, "E604")
    assert len(wt.read_map(path, layer="new")) == 2
    refused(path, "E604", layer="newer")


def test_a_missing_index_is_rebuilt_outside_the_users_folder(shp):
    shp.with_suffix(".shx").unlink()
    before = sorted(p.name for p in shp.parent.iterdir())
    with pytest.warns(SpatialInputWarning, match="shx"):
        assert len(wt.read_map(shp)) == 3
    assert sorted(p.name for p in shp.parent.iterdir()) == before


def test_broken_shapefiles(shp, provinces, tmp_path):
    provinces.iloc[:1].to_file(tmp_path / "one.shp")
    good = shp.with_suffix(".dbf").read_bytes()
    shutil.copy(tmp_path / "one.dbf", shp.with_suffix(".dbf"))
    assert "3 shapes" in refused(shp, "E602")
    shp.with_suffix(".dbf").unlink()
    assert ".dbf" in refused(shp, "E602")
    shp.with_suffix(".dbf").write_bytes(good)
    shp.write_bytes(shp.read_bytes()[:-40])
    assert "cut short" in refused(shp, "E602")
    shp.write_bytes(b"")
    assert "empty" in refused(shp, "E602")
    shp.write_bytes(b"not a shapefile" * 20)
    refused(shp, "E602")


def test_broken_files_of_other_formats(provinces, tmp_path):
    path = tmp_path / "m.gpkg"
    provinces.to_file(path)
    path.write_bytes(path.read_bytes()[:5000])
    refused(path, "E602")
    path.write_bytes(b"text")
    refused(path, "E602")
    json = tmp_path / "m.geojson"
    json.write_text('{"type": "FeatureCollection", "features": []}')
    refused(json, "E602")
    json.write_text('{"type": "FeatureCollection", "features": [{"type": "Feature", "geome')
    refused(json, "E602")
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "m.csv")
    assert ".gpkg" in refused(tmp_path / "m.csv", "E602")


def test_only_files_on_this_machine(tmp_path, shp):
    for path in ("https://example.org/m.zip", "/vsicurl/http://example.org/m.shp",
                 "/vsizip//vsicurl/http://example.org/m.zip/m.shp", "s3://b/m.gpkg"):
        refused(path, "E608")
    assert "did you mean 'provinces.shp'" in refused(shp.with_name("province.shp"), "E601")
    assert "provinces.shp" in refused(shp.parent, "E602")
