"""Numbers from the user: text is named by its cells."""

import numpy as np
import pandas as pd
import pytest

from spillover.errors import SpatialInputError
from spillover.values import numeric, share


def refused(x, **options):
    with pytest.raises(SpatialInputError) as caught:
        numeric(x, **options)
    assert caught.value.code == "E203"
    assert caught.value.hint
    return caught.value


def test_cells_that_are_no_numbers_are_named():
    for cell in ("1,234.5", "-", "N/A", "1;5", "#N/A", "."):
        error = refused(pd.Series(["1.5", cell, None, "3", cell], name="gdp"), ids=pd.Index(list("abcde")))
        assert repr(cell) in error.message
        assert error.ids == ["b", "e"]
        assert (error.n, error.column) == (2, "gdp")
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": pd.array(["4", "five"], dtype="string")})
    error = refused(frame)
    assert "'five'" in error.message
    assert error.rows == [1]


def test_other_types_that_are_no_numbers():
    assert "numbers as text" in refused(pd.Series(["1", "2"])).message
    assert "datetime" in refused(pd.Series(pd.to_datetime(["2020-01-01"]))).message
    assert "complex" in refused(pd.Series([1 + 2j])).message
    assert "category" in refused(pd.Series([1, 2], dtype="category")).message
    refused(pd.Series([pd.Timestamp("2020-01-01"), "x"], dtype=object))
    assert numeric(pd.Series([True, False])).tolist() == [1.0, 0.0]
    assert numeric(pd.array([1, 2], dtype="Int64")).tolist() == [1.0, 2.0]
    assert numeric(np.array([2, 3], np.int8)).dtype == np.float64


@pytest.mark.parametrize(("name", "value", "hint"), [
    ("level", 95, "level=0.95"), ("level", 99.9, "level=0.999"), ("level", 2, "level=0.95"), ("level", 1, "level=0.95"),
    ("level", "high", "level=0.95"), ("level", 0, "level=0.95"), ("significance", 5, "significance=0.05"),
    ("significance", 95, "significance=0.05"), ("significance", None, "significance=0.05")])  # fmt: skip
def test_percentages_are_suggested_as_shares_where_they_are_meant(name, value, hint):
    with pytest.raises(SpatialInputError) as caught:
        share(name, value)
    assert (caught.value.code, caught.value.hint) == ("E501", hint)
    suggested = float(hint.partition("=")[2])
    assert share(name, suggested) == suggested
