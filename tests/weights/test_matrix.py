"""The type itself: frozen, hashable by content, aligned by labels."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import weights as wt
from spillover.errors import SpatialInputError, SpatialInputWarning

A = np.array([[0, 2, 1, 0], [2, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], float)
IDS = ["上海", "01", "02", "alone"]


@pytest.fixture
def w():
    return wt.from_dense(A, ids=IDS)


def test_arrays_are_read_only_and_the_callers_stay_writable(w):
    with pytest.raises(ValueError, match="read-only"):
        w.csr.data[0] = 5
    mine = sparse.csr_array(A)
    wt.SpatialWeights(mine, IDS)
    wt.from_sparse(mine)
    mine.data[0] = 7  # would raise if frozen, and must not reach the weights
    assert w.csr[0, 1] == 2
    assert w.csr.dtype == np.float64
    assert w.csr.has_sorted_indices


def test_hash_and_equality_are_by_content(w):
    same = wt.from_frame(w.to_frame().sample(frac=1, random_state=0), ids=IDS, kind="other words")
    assert same == w
    assert hash(same) == hash(w)
    assert w != wt.from_dense(A, ids=[*IDS[:3], "elsewhere"])
    assert w != w.standardize("row")
    assert len({w, same, w.standardize("row")}) == 2


def test_what_it_knows(w):
    assert (w.n, w.nnz, w.components, w.is_symmetric) == (4, 4, 2, True)
    assert w.islands.tolist() == ["alone"]
    assert w.component_labels.tolist() == [0, 0, 0, 1]
    assert not w.standardize("row").is_symmetric
    assert w["上海"].to_dict() == {"01": 2.0, "02": 1.0}
    assert "islands       1: alone" in str(w)


def test_html_escapes():
    w = wt.from_dense([[0, 1], [1, 0]], ids=["<script>", "b"], kind="<img onload=x>")
    assert "<script" not in w._repr_html_()
    assert "<img" not in w._repr_html_()


def test_lag_aligns_labels_and_takes_arrays_by_position(w):
    x = pd.Series([1.0, 2.0, 3.0, 4.0], index=IDS, name="y")
    expected = A @ x.to_numpy()
    shuffled = w.lag(x.iloc[[2, 0, 3, 1]])
    assert shuffled.index.tolist() == IDS
    assert shuffled.tolist() == expected.tolist() == w.lag(x.to_numpy()).tolist()
    frame = w.lag(pd.DataFrame({"a": x, "b": 2 * x}).iloc[::-1])
    assert frame["b"].tolist() == (2 * expected).tolist()


@pytest.mark.parametrize(
    ("x", "code"),
    [
        (pd.Series([1.0, 2, 3], index=IDS[:3]), "E101"),
        (pd.Series([1.0, 2, 3, 4, 5], index=[*IDS, "more"]), "E101"),
        (pd.Series([1.0, 2, 3, 4], index=["上海", "上海", "01", "02"]), "E102"),
        (np.ones(3), "E105"),
        (pd.Series([1.0, 2, np.nan, 4], index=IDS), "E201"),
        (pd.Series([1.0, 2, np.inf, 4], index=IDS), "E202"),
        (pd.Series(["1", "2", "3", "4"], index=IDS), "E203"),
        (pd.Series(pd.Categorical([1, 2, 3, 1]), index=IDS), "E203"),
    ],
)
def test_lag_refuses(w, x, code):
    with pytest.raises(SpatialInputError) as caught:
        w.lag(x)
    assert caught.value.code == code


def test_ids_of_another_type_or_without_zeros_are_matched_and_said():
    w = wt.from_dense([[0, 1], [1, 0]], ids=["01", "02"])
    with pytest.warns(SpatialInputWarning, match="2 of 2 ids matched after zero padding"):
        assert w.lag(pd.Series([1.0, 2.0], index=["1", "2"])).to_dict() == {"01": 2.0, "02": 1.0}
    w = wt.from_dense([[0, 1], [1, 0]], ids=["1", "2"])
    with pytest.warns(SpatialInputWarning, match="2 of 2 ids matched after numbers read as text"):
        assert w.lag(pd.Series([1.0, 2.0], index=[1, 2])).to_dict() == {"1": 2.0, "2": 1.0}
    with pytest.raises(SpatialInputError) as caught:
        w.lag(pd.Series([1.0, 2.0], index=["1", "3"]))
    assert caught.value.code == "E101"


def test_subset_standardises_again_and_says_so(w):
    part = w.standardize("row").subset(["01", "上海"])
    assert part == wt.from_dense(A[:2, :2][::-1, ::-1], ids=["01", "上海"]).standardize("row")
    assert any("row-standardised again" in note for note in part.notes)
    part = w.subset(["01", "02", "alone"])
    assert part.islands.tolist() == ["01", "02", "alone"]
    assert any("without neighbors since: 01, 02" in note for note in part.notes)


def test_reindex_permutes_and_needs_the_same_units(w):
    order = [2, 0, 3, 1]
    ids = [IDS[i] for i in order]
    for v in (w, w.standardize("row")):
        moved = v.reindex(ids)
        assert (moved.csr.toarray() == v.csr.toarray()[np.ix_(order, order)]).all()
        assert moved.reindex(IDS) == v
        assert moved.standardize("none").reindex(IDS) == w
    with pytest.raises(SpatialInputError) as caught:
        w.reindex(ids[:3])
    assert caught.value.code == "E101"


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (lambda: wt.from_dense([[0, -1], [1, 0]]), "E301"),
        (lambda: wt.from_dense([[0, np.nan], [1, 0]]), "E302"),
        (lambda: wt.from_dense([[1, 1], [1, 0]]), "E312"),
        (lambda: wt.from_dense(np.ones((2, 3))), "E311"),
        (lambda: wt.from_dense([["a", "b"], ["c", "d"]]), "E203"),
        (lambda: wt.from_dense(pd.DataFrame([[0, 1], [1, 0]], index=["a", "b"], columns=["a", "c"])), "E311"),
        (lambda: wt.from_dense([[0, 1], [1, 0]], ids=["a", "a"]), "E102"),
        (lambda: wt.from_dense([[0, 1], [1, 0]], ids=["a", None]), "E101"),
        (lambda: wt.from_dense([[0, 1], [1, 0]], ids=["a"]), "E105"),
        (lambda: wt.from_frame(pd.DataFrame({"focal": ["a", "a"], "neighbor": ["b", "b"], "weight": 1.0})), "E310"),
        (lambda: wt.from_frame(pd.DataFrame({"focal": ["a"], "neighbor": ["x"], "weight": 1.0}), ids=["a"]), "E101"),
        (lambda: wt.from_frame(pd.DataFrame({"focal": ["a"], "neighbor": ["b"], "w": 1.0})), "E502"),
        (lambda: wt.from_frame(pd.DataFrame({"focal": ["a"], "neighbor": ["b"], "weight": [np.nan]})), "E302"),
    ],
)
def test_doors_refuse(build, code):
    with pytest.raises(SpatialInputError) as caught:
        build()
    assert caught.value.code == code


def test_a_frame_with_columns_in_another_order_is_put_right():
    frame = pd.DataFrame(A, index=IDS, columns=IDS)
    assert wt.from_dense(frame[IDS[::-1]]) == wt.from_dense(A, ids=IDS)


def test_one_unit_alone_in_some_period_is_no_plural():
    ring, part = np.roll(np.eye(4), 1, axis=1), np.zeros((4, 4))
    part[:3, :3] = np.roll(np.eye(3), 1, axis=1)
    for alone, text in ((part, "1 unit alone in some period"), (0 * part, "4 units alone in some period")):
        assert text in wt.temporal({1: wt.from_dense(ring), 2: wt.from_dense(alone)}).header()
