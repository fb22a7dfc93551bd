"""Codes for missing values are pointed out where a column is used; honest numbers are not."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import shapefiles
import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError, SpatialInputWarning
from spillover.sentinels import CODES, sentinels

RNG = np.random.default_rng(0)
GDP = np.round(np.exp(RNG.normal(10, 2, 200)), 1)  # up to millions: -999 is near by its range, far by its sign


def with_code(values, code, rows=2):
    out = np.array(values, float)
    out[:rows] = code
    return out


CODED = {
    "a usual column": (RNG.normal(size=50), -999.0),
    "shares": (RNG.random(50), -99.0),
    "wide and positive": (GDP, -999.0),
    "nines above": (RNG.random(50) * 90, 9999.0),
    "years": (np.arange(1970.0, 2020), 9999.0),
    "a dummy": (np.arange(50) % 2, -9999.0),
    "a constant": (np.full(50, 3.0), 99999.0),
    "whole numbers of two bytes": (RNG.integers(-90, 90, 50), -32768.0),
    "a raster": (RNG.random(50), -3.4028234663852886e38),
    "netCDF": (RNG.normal(size=50), 9.969209968386869e36),
}

HONEST = {
    "longitudes": np.r_[-124.5, -99.0, -99.0, -67.0],
    "a column of a grid": np.repeat([-98.0, -99.0], 5),
    "longitudes east of the last": np.r_[-120.0, -110.0, -99.0, -99.0],
    "logarithms": np.log(GDP),
    "negative returns": np.r_[-99.0, -99.0, -80.0, 250.0, -20.0],
    "flows of either sign": with_code(RNG.normal(size=50) * 5e4, -999),
    "a top code": np.r_[99999.0, 99999.0, RNG.random(40) * 9e4],
    "one row only": with_code(RNG.random(50), -999, 1),
    "temperatures": np.r_[-99.0, -99.0, -40.0, 20.0, 35.0],
    "nothing else": np.full(9, -999.0),
    "empty": np.empty(0),
    "missing": np.full(5, np.nan),
    "ranks to 999": np.r_[np.arange(1.0, 1000), 999],
    "minus nine": with_code(RNG.random(50), -9.0),
}


@pytest.mark.parametrize("name", CODED)
def test_codes_are_counted(name):
    values, code = CODED[name]
    assert sentinels(with_code(values, code)) == [(code, 2)]
    assert sentinels(with_code(values, code, 12)) == [(code, 12)]


@pytest.mark.parametrize("name", HONEST)
def test_honest_numbers_pass(name):
    assert sentinels(HONEST[name]) == []


def test_codes_beside_each_other_and_missing_values():
    values = np.r_[-99.0, -99.0, -999.0, -999.0, -999.0, np.nan, RNG.random(20)]
    assert sentinels(values) == [(-999.0, 3), (-99.0, 2)]
    assert sentinels(np.r_[1e20, RNG.random(20)]) == [(1e20, 1)]


def test_no_shipped_column_is_pointed_out():
    for name in ("us_states", "columbus"):
        frame = shapefiles.load(name)
        for column in frame.select_dtypes("number"):
            assert sentinels(frame[column].to_numpy(float)) == [], column
    panel = shapefiles.load_panel("us_states")
    for column in panel.select_dtypes("number"):
        assert sentinels(panel[column].to_numpy(float)) == [], column


@given(st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=40), st.sampled_from([-999.0, -9999.0, 99999.0]))
def test_the_rule(values, code):
    """What is pointed out is a code, repeated, outside all others; without codes nothing is."""
    values = np.array(values)
    assume(not np.isin(values, list(CODES)).any())
    assert sentinels(values) == []
    for value, rows in sentinels(np.r_[values, code, code]):
        assert (value, rows) == (code, 2)
        assert code < values.min() or code > values.max()


@pytest.fixture
def states():
    frame = shapefiles.load("us_states")
    data = pd.DataFrame({"y": RNG.normal(size=len(frame)), "x": RNG.normal(size=len(frame))}, index=frame.index)
    data.loc[data.index[[2, 4]], "x"] = -999
    return data, wt.queen(frame)


def test_each_door_points_them_out(states):
    data, w = states
    whole = data.assign(x=data["x"].round().astype(int))
    doors = {
        "fit": lambda: sp.sar("y ~ x", data, w),
        "whole numbers": lambda: sp.sar("y ~ x", whole, w),
        "inside a function": lambda: sp.ols("y ~ I(x + 1)", data, w),
        "moran": lambda: sp.moran("x", w, data=data, permutations=9),
        "series": lambda: sp.geary(data["x"], w, permutations=9),
        "local": lambda: sp.local_moran("x", w, data=data, permutations=9),
        "economic": lambda: wt.economic(data, "x", min_difference=0.1),
    }
    for name, door in doors.items():
        with pytest.warns(SpatialInputWarning, match=r"column 'x' holds -999 in 2 rows, far from its other") as caught:
            door()
        assert sum("-999" in str(one.message) for one in caught) == 1, name
        assert all(one.filename == __file__ for one in caught), name
    cure = str(caught[0].message).partition("write ")[2]
    with warnings.catch_warnings():
        warnings.simplefilter("error", SpatialInputWarning)
        cured = eval(cure, {"data": data, "float": float})
        with pytest.raises(SpatialInputError) as refused:
            sp.sar("y ~ x", cured, w)
    assert (refused.value.code, refused.value.column) == ("E201", "x")
