"""Ids find each other by label after documented steps, never by row order, and what was needed is said."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError, SpatialInputWarning
from spillover.ids import match, positions

CODES = ["01001", "02001", "04013", "06037", "10001", "11001"]


@pytest.mark.parametrize(
    ("have", "want", "words"),
    [
        ([3, 1, 2], [1, 2, 3], ""),
        ([110000.0, 120000.0], ["120000", "110000"], "numbers read as text"),
        (["110000.0", "120000.0"], [120000, 110000], "numbers read as text"),
        ([1001, 2001], ["02001", "01001"], "zero padding"),
        (["1001", "2001"], ["02001", "01001"], "zero padding"),
        (["Ohio ", " Maine"], ["Maine", "Ohio"], "blanks removed"),
        (["Montre\u0301al", "Qu\u00e9bec"], ["Qu\u00e9bec", "Montr\u00e9al"], "Unicode composed"),
        (["1001 ", "2001"], ["02001", "01001"], "blanks removed and zero padding"),
    ],
)
def test_what_is_matched_and_how_it_is_reported(have, want, words):
    result = match(pd.Index(have), pd.Index(want))
    pairs = dict(zip(want, [have[i] for i in result.at]))
    assert len(set(result.at)) == len(want)
    assert words or list(pairs) == list(pairs.values())  # the same ids: each is its own partner
    assert result.note == (f"{len(want)} of {len(want)} ids matched after {words}" if words else "")
    assert all(str(a)[:2] in str(b) or int(float(a)) == int(float(b)) for a, b in pairs.items() if words != "")


@pytest.mark.parametrize(
    ("have", "want"),
    [
        (["1", "01"], ["1", "2"]),  # two ids of one side would become one
        (["a", "b"], ["A", "b"]),  # case is not normalised
        (pd.RangeIndex(3), ["0", "1", "2"]),  # row numbers are no ids
        ([1, 2, 3], [1, 2]),
        ([1.5, 2.0], ["1", "2"]),
    ],
)
def test_what_is_refused(have, want):
    with pytest.raises(SpatialInputError) as caught:
        match(pd.Index(have), pd.Index(want))
    assert caught.value.code == "E101"
    assert caught.value.hint


def test_a_model_reports_how_ids_were_matched():
    rng = np.random.default_rng(0)
    w = wt.from_dense(np.ones((6, 6)) - np.eye(6) + np.eye(6, k=1), ids=CODES).standardize("row")
    right = pd.DataFrame({"y": rng.normal(size=6), "x": rng.normal(size=6)}, index=CODES)
    fit = sp.ols("y ~ x", right, w)
    lost = right.set_axis([int(code) for code in CODES]).iloc[::-1]
    other = sp.ols("y ~ x", lost, w)
    np.testing.assert_allclose(other.params, fit.params)
    assert "6 of 6 ids matched after zero padding" in str(other)
    assert "matched after" not in str(fit)
    np.testing.assert_allclose(sp.ols("y ~ x", lost.reset_index(names="fips"), w, entity="fips").params, fit.params)


def test_row_numbers_never_stand_for_ids():
    """A frame that lost its index, beside weights whose ids are the texts of row numbers."""
    ids = [str(i) for i in range(6)]
    w = wt.from_dense(np.ones((6, 6)) - np.eye(6), ids=ids[::-1])
    data = pd.DataFrame({"y": np.arange(6.0), "x": [1.0, 0, 2, 1, 4, 1], "code": ids})
    with pytest.raises(SpatialInputError) as caught:
        sp.ols("y ~ x", data, w)
    assert caught.value.code == "E101"
    assert caught.value.hint == "column 'code' holds the weights' ids: pass entity='code'"
    sp.ols("y ~ x", data, w, entity="code")  # the hint works


def test_a_series_says_what_was_needed():
    w = wt.from_dense(np.ones((6, 6)) - np.eye(6), ids=CODES)
    y = pd.Series(np.arange(6.0), index=[int(code) for code in CODES])
    with pytest.warns(SpatialInputWarning, match="6 of 6 ids matched after zero padding"):
        lagged = w.lag(y)
    np.testing.assert_allclose(lagged, w.csr @ np.arange(6.0))
    assert positions(pd.Index(CODES), pd.Index(CODES[::-1])).tolist() == [5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("want", [["a", "b", "b"], ["b", "a", "b", "a"]])
def test_repeated_ids_on_the_side_of_the_weights_are_refused(want):
    with pytest.raises(SpatialInputError, match="ids of the weights repeat") as caught:
        match(pd.Index(["a", "b"]), pd.Index(want))
    assert caught.value.code == "E102"
    assert "b" in caught.value.ids
