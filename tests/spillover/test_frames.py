"""Tables of Arrow, polars and xarray give the numbers of the pandas frame; what is no table is refused as before."""

import decimal

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt
from spillover.frames import as_frame

pa = pytest.importorskip("pyarrow")
FORMULA = "log(gsp) ~ log(emp) + unemp"
KEYS = {"entity": "state", "time": "year"}


@pytest.fixture(scope="module")
def states():
    return shapefiles.load_panel("us_states"), wt.queen(shapefiles.load("us_states")).standardize("row")


def polars(frame):
    return pytest.importorskip("polars").from_pandas(frame)


def lazy(frame):
    return polars(frame).lazy()


def dataset(frame):
    pytest.importorskip("xarray")
    return frame.set_index(["year", "state"]).to_xarray()


class Stream:
    """Anything that exports Arrow."""

    def __init__(self, frame):
        self.table = pa.Table.from_pandas(frame)

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


MAKERS = [pa.Table.from_pandas, Stream, polars, lazy, dataset]


@pytest.mark.parametrize("make", MAKERS)
def test_a_model_of_any_table_is_that_of_the_frame(states, make):
    panel, w = states
    want = sp.sar(FORMULA, panel, w, **KEYS)
    for fit in (sp.sar(FORMULA, make(panel), w, **KEYS), sp.sar(formula=FORMULA, data=make(panel), w=w, **KEYS)):
        pd.testing.assert_series_equal(fit.params, want.params, rtol=1e-9)


@pytest.mark.parametrize("make", MAKERS)
def test_other_doors(states, make):
    panel, w = states
    table = make(panel)
    year = panel[panel["year"] == 1980].set_index("state")
    assert sp.moran_by(table, ["unemp"], w, permutations=9, **KEYS).tidy()["estimate"].tolist() == pytest.approx(
        sp.moran_by(panel, ["unemp"], w, permutations=9, **KEYS).tidy()["estimate"].tolist())  # fmt: skip
    pd.testing.assert_frame_equal(sp.indicators.theil(table, "gsp", **KEYS).frame,
                                  sp.indicators.theil(panel, "gsp", **KEYS).frame)  # fmt: skip
    one = sp.moran("unemp", w, data=pa.Table.from_pandas(year), permutations=9)  # pandas' index travels with Arrow
    assert one.I == sp.moran(year["unemp"], w, permutations=9).I
    castle = shapefiles.load_panel("castle")
    if make is not dataset:
        assert sp.did("log(homicide) ~ post", make(castle), treatment="post", **KEYS).att == pytest.approx(
            sp.did("log(homicide) ~ post", castle, treatment="post", **KEYS).att)  # fmt: skip


def test_frames_stay_as_they_are(states):
    panel, _ = states
    assert as_frame(panel) is panel
    assert as_frame(None) is None
    for other in ({"a": 1}, [1], np.ones(3), "text"):
        assert as_frame(other) is other
    with pytest.raises(sp.SpatialInputError, match="DataFrame"):
        sp.ols(FORMULA, {"gsp": [1]}, None)


def test_decimals_are_numbers():
    table = pa.table({"y": pa.array([decimal.Decimal("1.5"), None])})
    assert as_frame(table)["y"].dtype == float


def test_a_data_set_with_one_dimension_keeps_its_labels(states):
    xarray = pytest.importorskip("xarray")
    panel, _ = states
    year = panel[panel["year"] == 1980].set_index("state")[["gsp", "unemp"]]
    frame = as_frame(xarray.Dataset.from_dataframe(year))
    pd.testing.assert_frame_equal(frame, year, check_like=True)
    gone = panel.drop(index=panel.index[:5])  # cells that are absent become rows without values, and leave again
    assert len(as_frame(dataset(gone))) == len(gone)


def test_what_breaks_is_told():
    class Broken:
        def __arrow_c_stream__(self, requested_schema=None):
            raise RuntimeError("gone")

    with pytest.raises(sp.SpatialInputError) as caught:
        as_frame(Broken())
    assert caught.value.code == "E501"
    assert "gone" in caught.value.message


def test_signatures_and_help_are_the_functions():
    import inspect

    assert list(inspect.signature(sp.sar).parameters)[:3] == ["formula", "data", "w"]
    assert "Parameters" in sp.sar.__doc__
    assert sp.sar.__module__ == "spatial.models.sar"


def test_arguments_in_an_order_of_another_library(states):
    _, w = states
    data = pd.DataFrame({"x": np.arange(w.n, dtype=float)}, index=w.ids)
    for function in (sp.moran, sp.geary, sp.local_moran, sp.local_g):
        with pytest.raises(sp.SpatialInputError) as caught:
            function(data, "x", w)
        assert caught.value.code == "E501"
        assert caught.value.hint == f"the column comes first: sp.{function.__name__}('x', w, data=...)"
        function("x", w, data=data, permutations=9)
    with pytest.raises(sp.SpatialInputError, match=r"sar\(\) takes 3 arguments by position, not 4"):
        sp.sar("x ~ 1", data, w, "ml")
    with pytest.raises(TypeError, match="unexpected keyword"):
        sp.moran("x", w, data=data, permutation=9)
