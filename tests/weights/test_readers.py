"""Files of weights as other programs and offices write them: right weights, or a clear error."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weights as wt
from spillover.errors import SpatialInputError, SpatialInputWarning
from weights.io import FORMATS


def loaded(tmp_path, name, text, code="utf-8", **options):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(code))
    return wt.load(path, **options)


def refused(code, call, *args, **options):
    with pytest.raises(SpatialInputError) as caught:
        call(*args, **options)
    assert caught.value.code == code, caught.value
    return caught.value


def matrix(w):
    return w.csr.toarray().tolist()


GWT = "0 3 tracts ID\n1 2 1.5\n1 3 10\n2 1 1.5\n3 1 10\n"


def test_distances_of_geoda_do_not_become_weights(tmp_path):
    """The farthest neighbor would count most."""
    w = loaded(tmp_path, "w.gwt", GWT)
    assert matrix(w) == [[0, 1, 1], [1, 0, 0], [1, 0, 0]]
    assert "links only" in str(w)
    inverse = loaded(tmp_path, "w.gwt", GWT, values="inverse").standardize("row")
    np.testing.assert_allclose(inverse.csr[[0]].toarray()[0], [0, 10 / 11.5, 1.5 / 11.5])
    assert "1 / the file's third column" in str(inverse)
    given_ = loaded(tmp_path, "w.gwt", GWT, values="given")
    assert matrix(given_)[0] == [0, 1.5, 10]
    refused("E501", loaded, tmp_path, "w.gwt", GWT, values="weights")


def test_links_at_distance_zero_do_not_vanish(tmp_path):
    text = GWT.replace("1 2 1.5", "1 2 0").replace("2 1 1.5", "2 1 0")
    assert loaded(tmp_path, "w.gwt", text).nnz == 4
    error = refused("E303", loaded, tmp_path, "w.gwt", text, values="inverse")
    assert ("1", "2") in error.ids
    assert loaded(tmp_path, "w.gwt", text, **{"values": "links"}).nnz == 4  # what the hint says


def test_kernel_weights_and_our_own_files_are_weights(tmp_path):
    assert matrix(loaded(tmp_path, "w.kwt", GWT))[0] == [0, 1.5, 10]
    assert matrix(loaded(tmp_path, "w.kwt", GWT, values="links"))[0] == [0, 1, 1]
    w = wt.from_dense([[0, 0.3], [0.7, 0]], ids=["a", "b"])
    w.save(tmp_path / "ours.gwt")
    assert wt.load(tmp_path / "ours.gwt") == w
    assert wt.load(tmp_path / "ours.gwt", values="links").nnz == 2


LABELLED = [[0, 0, 1], [1, 0, 1]]


@pytest.mark.parametrize("text", [
    "0,110000,120000\n110000,0,1\n120000,1,0\n", ",110000,120000\n110000,0,1\n120000,1,0\n",
    "110000,120000\n0,1\n1,0\n", "110000,120000\n110000,0,1\n120000,1,0\n",
    "0;110000;120000\n120000;1;0\n110000;0;1\n", "id\t110000\t120000\n110000\t0\t1\n120000\t1\t0\n"])
def test_labels_of_a_matrix_are_not_weights(text, tmp_path):
    w = loaded(tmp_path, "w.csv", text)
    assert w.ids.tolist() == (["120000", "110000"] if "120000;1" in text else ["110000", "120000"])
    assert matrix(w) == [[0, 1], [1, 0]]
    assert loaded(tmp_path, "w.csv", text, ids=[120000, 110000]).ids.tolist() == [120000, 110000]


def test_a_table_with_ids_in_the_header_only(tmp_path):
    w = loaded(tmp_path, "w.csv", "a,b,c\n0,1,2\n3,0,4\n5,6,0\n")
    assert w.ids.tolist() == ["a", "b", "c"]
    assert matrix(w) == [[0, 1, 2], [3, 0, 4], [5, 6, 0]]
    assert "order of the columns" in str(w)
    w = loaded(tmp_path, "w.txt", "a b c\na 0 1 2\nb 3 0 4\nc 5 6 0\n")
    assert matrix(w) == [[0, 1, 2], [3, 0, 4], [5, 6, 0]]


def test_what_could_be_ids_or_weights_is_asked_for(tmp_path):
    text = "0,12,30\n12,0,25\n30,25,0\n"
    error = refused("E607", loaded, tmp_path, "minutes.csv", text)
    assert "labels=True" in error.hint
    assert matrix(loaded(tmp_path, "minutes.csv", text, labels=False)) == [[0, 12, 30], [12, 0, 25], [30, 25, 0]]
    assert loaded(tmp_path, "minutes.csv", text, labels=True).ids.tolist() == ["12", "30"]
    assert matrix(loaded(tmp_path, "minutes.csv", text, ids=list("abc")))[0] == [0, 12, 30]
    assert loaded(tmp_path, "minutes.csv", text, ids=[12, 30]).ids.tolist() == [12, 30]


@pytest.mark.parametrize("text", ["0,1,1\n1,0,1\n1,1,0\n", "0,1.5,2\n1.5,0,3\n2,3,0\n", "0,1\n1,0\n",
                                  "0,1,2\n1,0,0\n2,0,0\n", "0,2,3\n1,0,1\n1,1,0\n"])
def test_bare_matrices_stay_bare(text, tmp_path):
    w = loaded(tmp_path, "w.csv", text)
    assert matrix(w) == [[float(x) for x in line.split(",")] for line in text.split()]
    assert "no labels" in str(w)


@pytest.mark.parametrize(("encoding", "name"), [("latin-1", "Málaga"), ("latin-1", "München"), ("gbk", "北京"),
                                                ("utf-8", "Málaga"), ("utf-8", "北京")])
@pytest.mark.parametrize("suffix", [".gal", ".gwt", ".csv", ".txt"])
def test_names_of_units_in_any_encoding(encoding, name, suffix, tmp_path):
    text = {".gal": f"2\n{name} 1\nb\nb 1\n{name}\n", ".gwt": f"0 2 x y\n{name} b 1\nb {name} 1\n",
            ".csv": f",{name},b\n{name},0,1\nb,1,0\n", ".txt": f"2\n{name} 0 1\nb 1 0\n"}[suffix]
    if encoding == "utf-8":
        w = loaded(tmp_path, f"w{suffix}", text)
    else:
        with pytest.warns(SpatialInputWarning, match="encoding="):
            w = loaded(tmp_path, f"w{suffix}", text, encoding)
    assert w.ids.tolist() == [name, "b"]
    assert loaded(tmp_path, f"w{suffix}", text, encoding, **{"encoding": encoding}).ids[0] == name


def test_arcgis_files_come_back_and_are_those_of_libpysal(tmp_path):
    rng = np.random.default_rng(0)
    dense = rng.random((6, 6)) * (rng.random((6, 6)) < 0.5)
    np.fill_diagonal(dense, 0)
    dense[2] = 0
    w = wt.from_dense(dense, ids=[7, 3, 110000, 12, 9, 1])
    for one in (w, w.standardize("row")):
        one.save(tmp_path / "w.swm", overwrite=True)
        back = wt.load(tmp_path / "w.swm")
        assert back == one
        assert back.standardization == one.standardization
    w.save(tmp_path / "w.swm", overwrite=True)
    assert wt.load(tmp_path / "w.swm", ids=["1", "3", "7", "9", "12", "110000"]) == wt.from_dense(
        w.to_dense().set_axis(w.ids.astype(str)).set_axis(w.ids.astype(str), axis=1),
    ).reindex(["1", "3", "7", "9", "12", "110000"])
    text = wt.from_dense(dense, ids=["7", "3", "110000", "12", "9", "1"])
    text.save(tmp_path / "t.swm")
    assert wt.load(tmp_path / "t.swm", ids=text.ids) == text
    for ids in (list("abcdef"), ["01", "2", "3", "4", "5", "6"], [10**12, 1, 2, 3, 4, 5]):
        refused("E605", wt.from_dense(dense, ids=ids).save, tmp_path / "bad.swm")
    assert not (tmp_path / "bad.swm").exists()
    libpysal = pytest.importorskip("libpysal")
    theirs = libpysal.io.open(str(tmp_path / "w.swm")).read()
    assert wt.from_dense(theirs.full()[0], ids=theirs.id_order) == w.reindex(theirs.id_order)
    out = libpysal.io.open(str(tmp_path / "old.swm"), "w")
    out.varName, out.srs = "ID", "Unknown"
    out.write(w.to_W(), useIdIndex=False)
    out.close()
    assert wt.load(tmp_path / "old.swm", ids=w.ids) == w


def test_arcgis_files_of_fixed_weights(tmp_path):
    import struct

    raw = b"VERSION@10.1;UNIQUEID@ID;FIXEDWEIGHTS@True\n" + struct.pack("<2i", 2, 0)
    raw += struct.pack("<3id d", 1, 1, 2, 0.5, 0.5) + struct.pack("<3id d", 2, 1, 1, 0.25, 0.25)
    assert matrix(loaded(tmp_path, "w.swm", raw)) == [[0, 0.5], [0.25, 0]]
    for cut in (10, 46, 50, 60, len(raw) - 9):
        assert refused("E607", loaded, tmp_path, "w.swm", raw[:cut]).hint
    refused("E607", loaded, tmp_path, "w.swm", raw.replace(struct.pack("<2i", 2, 0), struct.pack("<2i", 2**30, 0)))
    refused("E101", loaded, tmp_path, "w.swm", raw.replace(struct.pack("<3i", 1, 1, 2), struct.pack("<3i", 1, 1, 9)))


def test_what_only_stata_reads_says_how_to_export_it(tmp_path):
    error = refused("E501", loaded, tmp_path, "w.stswm", b"\1\2\3")
    assert "spmatrix export" in error.hint
    assert "spmatrix import" in refused("E501", wt.lattice(2, 2).save, tmp_path / "v.stswm").hint
    assert not (tmp_path / "v.stswm").exists()


def test_folders_words_and_other_content(tmp_path):
    for suffix in FORMATS:
        folder = tmp_path / f"folder{suffix}"
        folder.mkdir()
        assert refused("E602", wt.load, folder).hint
        if suffix == ".stswm":
            continue
        for content in ("some words\nand more of them, in lines\nend\n", "x", "\n\n\n", "é", "0", "1 2 3\n"):
            error = refused_any(tmp_path, f"w{suffix}", content)
            assert error.code in ("E101", "E206", "E311", "E602", "E604", "E606", "E607"), (suffix, content, error)


def refused_any(tmp_path, name, content):
    try:
        w = loaded(tmp_path, name, content)
    except SpatialInputError as error:
        return error
    assert w.n < 2  # "0" is a matrix of one unit
    return SpatialInputError("E206", "one unit")


@pytest.mark.parametrize("harm", ["no ids", "style", "far", "unsorted", "no column", "text", "no json"])
def test_parquet_with_damaged_metadata(harm, tmp_path):
    from pyarrow import parquet

    path = tmp_path / "w.parquet"
    wt.lattice(2, 2).standardize("row").save(path)
    table = parquet.read_table(path)
    words = json.loads(table.schema.metadata[b"spillover.weights"])
    if harm == "no ids":
        del words["ids"]
    elif harm == "style":
        words["standardization"] = "rows"
    elif harm == "text":
        words["ids"] = {"type": "nonsense", "values": [1, 2, 3, 4]}
    elif harm in ("far", "unsorted"):
        frame = table.to_pandas()
        frame.loc[0, "neighbor" if harm == "far" else "focal"] = 9 if harm == "far" else 3
        table = type(table).from_pandas(frame, preserve_index=False)
    elif harm == "no column":
        table = table.drop_columns(["weight"])
    message = b"{" if harm == "no json" else json.dumps(words).encode()
    parquet.write_table(table.replace_schema_metadata({b"spillover.weights": message}), path)
    assert refused("E607", wt.load, path).hint


@pytest.mark.parametrize("suffix", [s for s in FORMATS if s != ".stswm"])
def test_bytes_that_went_wrong_on_the_way(suffix, tmp_path):
    """Any change of some bytes, or a cut, gives weights or an error of ours; never another exception."""
    if suffix == ".xlsx":
        pytest.importorskip("openpyxl")
    rng = np.random.default_rng(1)
    w = wt.union(wt.lattice(3, 3), wt.lattice(3, 3))
    path = tmp_path / f"w{suffix}"
    w.save(path)
    raw = path.read_bytes()
    for k in range(60):
        other = bytearray(raw[: rng.integers(1, len(raw))] if k % 3 == 0 else raw)
        for at in rng.integers(0, len(other), 1 + k % 5):
            other[at] = rng.integers(0, 256)
        path.write_bytes(other)
        try:
            wt.load(path)
        except SpatialInputError as error:
            assert error.code[1] in "1236"  # noqa: PT017


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.sampled_from([".gal", ".gwt", ".csv", ".txt"]),
       st.text(alphabet='0123456789ab.,;-"\n\t e_²', max_size=60))
def test_whatever_the_text_weights_or_a_clear_error(tmp_path_factory, suffix, text):
    path = tmp_path_factory.mktemp("w") / f"w{suffix}"
    path.write_text(text, encoding="utf-8")
    try:
        assert isinstance(wt.load(path), wt.SpatialWeights)
    except SpatialInputError as error:
        assert error.code[1] in "1236"  # noqa: PT017


def test_options_of_other_formats_are_refused(tmp_path):
    wt.lattice(2, 2).save(tmp_path / "w.gal")
    assert "values" in str(refused("E501", wt.load, tmp_path / "w.gal", values="links"))
    pd.DataFrame({"a": [1.0]}).to_stata(tmp_path / "w.dta")
    refused("E501", wt.load, tmp_path / "w.dta", sheet=1)
