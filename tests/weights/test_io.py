"""Files of weights: round trips that lose nothing, and malformed files refused with their line."""

import os
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.io import savemat

import weights as wt
from spillover.errors import SpatialInputError

SETTINGS = settings(max_examples=15, derandomize=True, deadline=None)


def random_weights(seed, n=7, *, ids=None, islands=True):
    rng = np.random.default_rng(seed)
    dense = rng.random((n, n)) * (rng.random((n, n)) < 0.4) * 10.0 ** rng.integers(-9, 9)
    np.fill_diagonal(dense, 0)
    dense[0, 1] = 0.1 + 0.2  # 17 digits
    if not islands:
        dense[np.arange(n), (np.arange(n) + 1) % n] = 0.1
    return wt.from_dense(dense, ids)


@SETTINGS
@given(st.integers(0, 10**6),
       st.sampled_from([None, [f"{i:02d}" for i in range(7)], list("北上广深ab京"), range(10, 24, 2)]))
def test_parquet_keeps_everything(tmp_path_factory, seed, ids):
    path = tmp_path_factory.mktemp("w") / "空 格" / "w.parquet"
    for w in (random_weights(seed, ids=ids), random_weights(seed, ids=ids).standardize("row")):
        w.save(path, overwrite=True)
        back = wt.load(path)
        assert back == w
        assert back.ids.equals(w.ids)
        assert back.ids.dtype == w.ids.dtype
        assert (back.kind, back.standardization, back.notes) == (w.kind, w.standardization, w.notes)
        assert back.standardize("none") == w.standardize("none")


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".txt", ".mat", ".dta", ".gwt", ".kwt"])
def test_weights_come_back_bit_for_bit(tmp_path, suffix):
    if suffix == ".xlsx":
        pytest.importorskip("openpyxl")
    ids = ["01", "02", "北京", "10", "NA", "nan", "1e5"]
    w = random_weights(3, ids=ids, islands="wt" not in suffix)
    w.save(tmp_path / f"w{suffix}")
    assert wt.load(tmp_path / f"w{suffix}") == w
    moved = wt.load(tmp_path / f"w{suffix}", ids=ids[::-1])
    assert moved == w.reindex(ids[::-1])


@pytest.mark.parametrize("suffix", [".csv", ".txt", ".gwt", ".gal", ".mat", ".dta"])
def test_numeric_ids_are_matched_by_their_text(tmp_path, suffix):
    w = random_weights(5, ids=[5, 3, 11, 2, 7, 1, 9], islands=False)
    if suffix == ".gal":
        w = wt.union(w, w)
    w.save(tmp_path / f"w{suffix}")
    assert wt.load(tmp_path / f"w{suffix}", ids=w.ids) == w


def test_gal_keeps_islands_and_refuses_weights(tmp_path):
    w = wt.from_dense([[0, 1, 0], [1, 0, 0], [0, 0, 0]], ids=["a", "b", "alone"])
    w.save(tmp_path / "w.gal")
    assert wt.load(tmp_path / "w.gal") == w
    assert (tmp_path / "w.gal").read_text().splitlines() == ["0 3 unknown id", "a 1", "b", "b 1", "a", "alone 0", ""]
    for path, weights in (("v.gal", w.standardize("double")), ("v.gwt", w)):
        with pytest.raises(SpatialInputError) as caught:
            weights.save(tmp_path / path)
        assert caught.value.code == "E605"
        assert not (tmp_path / path).exists()


def test_libpysal_reads_our_gal_and_we_read_its_files(tmp_path):
    libpysal = pytest.importorskip("libpysal")
    w = wt.lattice(4, 3, rule="queen")
    w.save(tmp_path / "ours.gal")
    theirs = libpysal.io.open(str(tmp_path / "ours.gal")).read()
    assert wt.load(tmp_path / "ours.gal", ids=w.ids) == w
    assert wt.from_dense(theirs.full()[0], ids=[int(i) for i in theirs.id_order]) == w
    for suffix in ("gal", "gwt"):
        out = libpysal.io.open(str(tmp_path / f"theirs.{suffix}"), "w")
        out.write(w.to_W())
        out.close()
        assert wt.load(tmp_path / f"theirs.{suffix}", ids=w.ids) == w


def test_spreadsheets_get_no_formulas(tmp_path):
    w = wt.from_dense([[0, 1], [1, 0]], ids=["=HYPERLINK(1)", "@b"])
    w.save(tmp_path / "w.csv")
    assert ",=" not in (tmp_path / "w.csv").read_text("utf-8-sig")
    assert wt.load(tmp_path / "w.csv") == w
    openpyxl = pytest.importorskip("openpyxl")
    w.save(tmp_path / "w.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "w.xlsx").active
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)} == {"s"}
    assert wt.load(tmp_path / "w.xlsx") == w


def test_matrices_without_labels_say_so(tmp_path):
    path = tmp_path / "W.csv"
    path.write_text("0;1,5\n1;0\n".replace(",", "."))
    w = wt.load(path, ids=["a", "b"])
    assert w.csr.toarray().tolist() == [[0, 1.5], [1, 0]]
    assert "no labels in the file" in str(w)
    savemat(tmp_path / "w.mat", {"Wcont": sparse.csc_matrix(np.array([[0, 1.0], [1, 0]])), "y": np.ones((2, 1))})
    assert wt.load(tmp_path / "w.mat").nnz == 2
    savemat(tmp_path / "two.mat", {"W1": np.eye(2)[::-1], "W2": np.eye(2)[::-1]})
    with pytest.raises(SpatialInputError) as caught:
        wt.load(tmp_path / "two.mat")
    assert caught.value.code == "E604"
    assert wt.load(tmp_path / "two.mat", name="W2").nnz == 2
    pd.DataFrame(np.eye(3)[::-1] * (1 - np.eye(3))).rename(columns="w{}".format).to_stata(tmp_path / "bare.dta")


def test_columns_in_another_order_are_put_right_and_gb18030_is_read(tmp_path):
    path = tmp_path / "矩阵.csv"
    path.write_bytes("省,上海,北京\n北京,2,0\n上海,0,3\n".encode("gb18030"))
    assert wt.load(path).to_dense().loc["北京", "上海"] == 2


@pytest.mark.parametrize("text", ["0,1.5,0\n2,0,1e-3\n0,4,0\n", "  0.0  1.5 0\n\n   2 0\t0.001\n0 4 0",
                                  "0;1.5;0\n2;0;.001\n0;4;0"])
def test_a_bare_matrix_as_matlab_and_r_write_it(tmp_path, text):
    path = tmp_path / "W.txt"
    path.write_text(text)
    w = wt.load(path, ids=["a", "b", "c"])
    assert (w.to_dense().to_numpy() == [[0, 1.5, 0], [2, 0, 0.001], [0, 4, 0]]).all()
    assert w.ids.tolist() == ["a", "b", "c"]
    assert "no labels in the file" in w.notes[0]


BAD = [
    ("w.gal", "x", "E607", "line 1"),
    ("w.gal", "2\na 1\nb\nb 2\na\n", "E607", "line 5"),
    ("w.gal", "2\na 1\nb\n", "E607", "line 1"),
    ("w.gal", "1\na 1\nz\n", "E101", "z"),
    ("w.gal", "2\na 1\na\nb 1\na\n", "E312", "a"),
    ("w.gal", "2\na 2\nb b\nb 1\na\n", "E310", "a"),
    ("w.gwt", "0 2 x y\na b 1\nb a\n", "E607", "line 3"),
    ("w.gwt", "0 2 x y\na b 1\nb a far\n", "E607", "line 3"),
    ("w.gwt", "0 3 x y\na b 1\nb a 1\n", "E101", "ids="),
    ("w.csv", ",a,b\na,0,1\nb,1\n", "E607", "line 3"),
    ("w.csv", ",a,b\na,0,1\nb,x,0\n", "E607", "line 3"),
    ("w.csv", ",a,c\na,0,1\nb,1,0\n", "E311", "labels"),
    ("w.csv", ",a,b\na,0,-1\nb,1,0\n", "E301", "a"),
    ("w.csv", ",a,b\na,0,\nb,1,0\n", "E302", "NaN"),
    ("w.csv", "", "E602", "empty"),
    ("w.txt", "2\na 0 1\nb 1\n", "E607", "line 3"),
    ("w.txt", "3\na 0 1\nb 1 0\n", "E607", "line 1"),
    ("w.dta", "not stata", "E607", "w.dta"),
    ("w.mat", "not matlab", "E607", "w.mat"),
    ("w.parquet", "not parquet", "E607", "w.parquet"),
    ("w.xlsx", "not a workbook", "E607", "w.xlsx"),
    ("w.nc", "", "E501", ".parquet"),
]


@pytest.mark.parametrize(("name", "text", "code", "says"), BAD, ids=[f"{b[0]}-{b[2]}-{i}" for i, b in enumerate(BAD)])
def test_malformed_files(tmp_path, name, text, code, says):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(SpatialInputError) as caught:
        wt.load(path)
    assert caught.value.code == code
    assert caught.value.hint
    assert says in str(caught.value)


def test_pickles_are_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    (tmp_path / "w.pkl").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(SpatialInputError, match="pickled") as caught:
        wt.load(tmp_path / "w.pkl")
    assert caught.value.code == "E501"
    assert not (tmp_path / "sprung").exists()


def test_missing_and_existing_files(tmp_path):
    w = wt.lattice(2, 2)
    w.save(tmp_path / "weights.parquet")
    with pytest.raises(SpatialInputError, match=r"did you mean 'weights.parquet'") as caught:
        wt.load(tmp_path / "weight.parquet")
    assert caught.value.code == "E601"
    with pytest.raises(SpatialInputError) as caught:
        w.save(tmp_path / "weights.parquet")
    assert caught.value.code == "E603"


PATH = np.array([[0, 1, 0], [1, 0, 1], [0, 1.0, 0]])


def damaged(raw: bytes, rng) -> bytes:
    """Some bytes turned, put in, or cut out."""
    for _ in range(rng.integers(1, 4)):
        i = int(rng.integers(len(raw) + 1))
        raw = [raw[:i] + bytes([rng.integers(256)]) + raw[i + 1 :], raw[:i] + b"\t" + raw[i:], raw[:i],
               raw[:i] + raw[i + int(rng.integers(1, 40)) :]][rng.integers(4)]
    return raw


@pytest.mark.parametrize("packed", [True, False])
def test_a_damaged_matlab_file_does_not_end_the_process(tmp_path, packed):
    """scipy's reader looks up the type of an element in a table without looking whether it is there."""
    import struct
    import subprocess
    import sys

    from scipy import sparse
    from scipy.io import savemat

    path = tmp_path / "w.mat"
    words = np.array(["a", "b", "c"], dtype=object)[:, None]
    savemat(path, {"W": sparse.csc_matrix(PATH), "ids": words, "kind": "k"}, do_compression=packed)
    assert wt.load(path).nnz == 4
    valid, rng = path.read_bytes(), np.random.default_rng(0)
    for k in range(400):
        (tmp_path / f"{k}.mat").write_bytes(damaged(valid, rng))
    if not packed:  # each tag of eight bytes with types that are none
        for k, kind in enumerate([0, 8, 10, 11, 19, 4115, 65535]):
            for at in range(128, len(valid) - 8, 8):
                (tmp_path / f"{k}-{at}.mat").write_bytes(valid[:at] + struct.pack("<I", kind) + valid[at + 4 :])
    code = ("import sys, pathlib, warnings, weights as wt\nfrom spillover.errors import SpatialInputError\n"
            "warnings.simplefilter('ignore')\n"
            "for path in pathlib.Path(sys.argv[1]).glob('*.mat'):\n"
            "    try:\n        wt.load(path)\n"
            "    except SpatialInputError as error:\n        assert error.hint, error\n"
            "print('whole')")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "whole"), done.stderr[-500:]


def test_matlab_files_that_hold_more_than_weights(tmp_path):
    from scipy import sparse
    from scipy.io import savemat

    more = {"s": {"a": 1, "b": "x", "c": {"d": np.arange(3)}}, "empty": np.empty((0, 0)), "z": np.zeros((2, 0, 3)),
            "complex": np.array([1 + 2j]), "yes": np.array([True]), "bytes": np.arange(3, dtype="int8"), "n": "北",
            "pattern": sparse.csc_matrix([[False, True, True]]),
            "cells": np.array([[1, "a"]], dtype=object)}  # fmt: skip
    for packed in (True, False):
        savemat(tmp_path / "w.mat", {"W": PATH, **more}, do_compression=packed)
        assert wt.load(tmp_path / "w.mat", name="W").nnz == 4
    savemat(tmp_path / "four.mat", {"W": PATH}, format="4")
    assert wt.load(tmp_path / "four.mat").nnz == 4
