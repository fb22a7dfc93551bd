"""Tables: what is read, and every way in which one can be damaged, with the right values or a clear error."""

import io
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weights as wt
from spillover.cli.output import write_workbook
from spillover.errors import SpatialInputError, SpatialInputWarning
from spillover.tables import read_table


def zipped():
    """The bytes of an archive: what a workbook starts with."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", "")
    return content.getvalue()


def refused(path, code, **options):
    with pytest.raises(SpatialInputError) as caught:
        read_table(path, **options)
    assert caught.value.code == code, caught.value
    assert caught.value.hint
    return str(caught.value)


def written(tmp_path, text, name="t.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


def test_columns_never_shift(tmp_path):
    """A field more than the header has would make the first column row labels and move all others."""
    for text, line in (("id,y,x\n1,10,100,7\n2,20,200,7\n", 2), ("id,y,x\n1,10,100,\n2,20,200,\n", 2),
                       ("id,y\n1,10\n2,20,5\n", 3), ("id,y\n1\n2,20\n", 2), ('id,y\n"a\nb",10\n2,3,4\n', 4)):
        message = refused(written(tmp_path, text), "E602")
        assert f"line {line}:" in message
    good = read_table(written(tmp_path, 'id,name,y\n1,"a, b",10\n\n2,c,20\n'))
    assert good.to_dict("list") == {"id": [1, 2], "name": ["a, b", "c"], "y": [10, 20]}
    assert good.index.tolist() == [0, 1]


def test_keys_stay_as_they_are_written(tmp_path):
    path = written(tmp_path, "code,iso,year,y\n011,NA,2001,1.5\n012,nan,2002,\n")
    frame = read_table(path, keys=["code", "iso", "year", None, "absent"])
    assert frame["code"].tolist() == ["011", "012"]
    assert frame["iso"].tolist() == ["NA", "nan"]
    assert frame["year"].tolist() == [2001, 2002]
    assert np.isnan(frame["y"][1])


def test_workbooks_without_their_package(tmp_path, monkeypatch):
    """One code wherever a package is missing: reading a table, saving weights, writing an output."""
    path = written(tmp_path, zipped(), "t.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    for call in (
        lambda: read_table(path),
        lambda: wt.lattice(2, 2).save(tmp_path / "w.xlsx"),
        lambda: write_workbook(pd.DataFrame({"y": [1.0]}), tmp_path / "out.xlsx"),
    ):
        with pytest.raises(SpatialInputError) as caught:
            call()
        assert caught.value.code == "E515"
        assert "pip install" in caught.value.hint
    assert not (tmp_path / "w.xlsx").exists()
    assert not (tmp_path / "out.xlsx").exists()


def test_separators_decimals_and_sheets(tmp_path):
    frame = read_table(written(tmp_path, "id;y\na;1,5\nb;2,25\n"), decimal=",")
    assert frame["y"].tolist() == [1.5, 2.25]
    assert read_table(written(tmp_path, "id\ty\na\t1.5\n", "t.tsv"))["y"].tolist() == [1.5]
    assert read_table(written(tmp_path, "id|y\na|1.5\n"), separator="|")["y"].tolist() == [1.5]
    assert read_table(written(tmp_path, b"id,y\r1,2\r3,4\r"))["y"].tolist() == [2, 4]
    pytest.importorskip("openpyxl")
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        pd.DataFrame({"code": ["01"], "y": [1.0]}).to_excel(book, sheet_name="first", index=False)
        pd.DataFrame({"code": ["02"], "y": [2.0]}).to_excel(book, sheet_name="第二", index=False)
    assert read_table(tmp_path / "t.xlsx", keys=["code"])["code"].tolist() == ["01"]
    assert read_table(tmp_path / "t.xlsx", keys=["code"], sheet="第二")["code"].tolist() == ["02"]
    assert "第二" in refused(tmp_path / "t.xlsx", "E604", sheet="third")
    refused(tmp_path / "t.xlsx", "E604", sheet=2)


def test_encodings_of_offices(tmp_path):
    for encoding in ("latin-1", "gbk"):
        text = "name,y\nMünchen,1\n" if encoding == "latin-1" else "省,y\n北京,1\n"
        with pytest.warns(SpatialInputWarning, match="give encoding="):
            frame = read_table(written(tmp_path, text, encoding=encoding))
        assert frame.iloc[0, 0] in ("München", "北京")
    for encoding in ("utf-8-sig", "utf-16"):
        frame = read_table(written(tmp_path, "省,y\n北京,1\n", encoding=encoding))
        assert frame.columns.tolist() == ["省", "y"]
    assert read_table(written(tmp_path, "n,y\nŁódź,1\n", encoding="cp1250"), encoding="cp1250")["n"][0] == "Łódź"
    refused(written(tmp_path, "n,y\nŁódź,1\n", encoding="cp1250"), "E606", encoding="utf-8")


@pytest.mark.parametrize("suffix", [".parquet", ".dta", ".xlsx"])
def test_damaged_binary_tables(suffix, tmp_path):
    if suffix == ".xlsx":
        pytest.importorskip("openpyxl")
    frame = pd.DataFrame({"a": np.arange(50), "b": [f"text {i}" for i in range(50)]})
    path = tmp_path / f"t{suffix}"
    {".parquet": frame.to_parquet, ".dta": frame.to_stata, ".xlsx": frame.to_excel}[suffix](path)
    raw = path.read_bytes()
    assert read_table(path)["a"].tolist() == list(range(50))
    rng = np.random.default_rng(0)
    harmed = [raw[:1], raw[:10], raw[: len(raw) // 2], raw[:-20], b"words and words\n" * 30, b"PK\x03\x04" + raw[4:90]]
    for _ in range(25):
        other = bytearray(raw)
        for at in rng.integers(0, len(raw), 8):
            other[at] = rng.integers(0, 256)
        harmed.append(bytes(other))
    for content in harmed:
        path.write_bytes(content)
        try:
            read_table(path)
        except SpatialInputError as error:
            assert error.code in ("E602", "E502", "E604")  # noqa: PT017
            assert error.hint  # noqa: PT017


def test_other_things_under_a_tables_name(tmp_path):
    frame = pd.DataFrame({"a": [1]})
    frame.to_parquet(tmp_path / "x.csv")
    assert "parquet" in refused(tmp_path / "x.csv", "E602")
    with zipfile.ZipFile(tmp_path / "y.csv", "w") as archive:
        archive.writestr("a", "b")
    assert ".xlsx" in refused(tmp_path / "y.csv", "E602")
    refused(written(tmp_path, "a,b\n"), "E602")
    refused(written(tmp_path, ""), "E602")
    refused(written(tmp_path, "a,a\n1,2\n"), "E502")
    refused(written(tmp_path, 'a,b\n1,"2\n'), "E602")
    refused(written(tmp_path, "x", "t.ods"), "E501")
    refused(tmp_path, "E602")
    refused(tmp_path / "x.tsv", "E601")


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='ab,;"\n\r\t 01.é北', max_size=80).map(lambda t: t.encode()))
def test_whatever_the_bytes_a_table_or_a_clear_error(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_bytes(raw)
    try:
        assert isinstance(read_table(path, keys=["a"]), pd.DataFrame)
    except SpatialInputError as error:
        assert error.code[:2] in ("E5", "E6")  # noqa: PT017
