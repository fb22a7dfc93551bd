"""Every input that cannot be used is refused at the door, by code, and names what is wrong."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from spatial.explore.by import moran_by
from spatial.explore.correlogram import correlogram, correlogram_distance
from spatial.explore.geary import geary, local_geary
from spatial.explore.getis import getis_ord, local_g
from spatial.explore.joincount import join_counts, local_join_counts
from spatial.explore.local import local_moran, local_moran_bv
from spatial.explore.moran import moran
from spatial.explore.transitions import lisa_transitions
from spatial.explore.variants import moran_bv, moran_rate, moran_residuals
from spillover.errors import SpatialInputError, SpatialInputWarning
from spillover.matrix import TemporalWeights, as_weights

IDS = pd.Index([f"0{i}" for i in range(8)], name="code")
W = pd.DataFrame(np.eye(8, k=1) + np.eye(8, k=-1), index=IDS, columns=IDS)
Y = pd.Series([3.0, 1, 4, 1, 5, 9, 2, 6], index=IDS, name="收入")
ONE_VARIABLE = [moran, geary, getis_ord, local_moran, local_geary, local_g, correlogram]


def changed(**values):
    return Y.astype(object).where(~Y.index.isin(values), Y.index.map(values)).rename("收入")


BAD_VALUES = [
    ("E201", changed(**{"03": np.nan}), ["03"]),
    ("E201", changed(**{"03": None, "05": None}).astype("Float64"), ["03", "05"]),
    ("E202", changed(**{"02": np.inf}), ["02"]),
    ("E203", changed(**{"04": "1,234.5"}), ["04"]),
    ("E203", Y.astype(str).astype("category"), []),
    ("E203", pd.Series(pd.date_range("2020", periods=8), index=IDS), []),
    ("E203", Y + 1j, []),
    ("E204", Y * 0 + 7, []),
    ("E204", Y * 0 + 0.1 + 1e-17 * np.arange(8), []),
    ("E101", Y.rename({"03": "z3"}), ["z3", "03"]),
    ("E101", Y.drop("03"), ["03"]),
    ("E102", pd.concat([Y, Y[:1]]), ["00"]),
    ("E105", np.arange(7.0), []),
]


@pytest.mark.parametrize(("code", "values", "ids"), BAD_VALUES)
@pytest.mark.parametrize("statistic", ONE_VARIABLE)
def test_bad_values(statistic, code, values, ids):
    with pytest.raises(SpatialInputError) as error:
        statistic(values, W)
    assert error.value.code == code
    assert error.value.ids == ids
    if code.startswith("E2") and isinstance(values, pd.Series) and values.name:
        assert error.value.column == "收入"


BAD_WEIGHTS = [
    ("E306", W * 0),
    ("E312", W + np.eye(8)),
    ("E302", W * np.nan),
    ("E301", W - 2 * W.iloc[::-1, ::-1]),
    ("E311", np.ones((8, 7))),
    ("E501", "queen"),
]


@pytest.mark.parametrize(("code", "w"), BAD_WEIGHTS)
@pytest.mark.parametrize("statistic", ONE_VARIABLE)
def test_bad_weights(statistic, code, w):
    with pytest.raises(SpatialInputError) as error:
        statistic(Y, w)
    assert error.value.code == code


BAD_OPTIONS = [
    {"permutations": -5},
    {"permutations": 99.0},
    {"permutations": True},
    {"seed": 1.5},
    {"seed": -1},
    {"seed": None},
    {"alternative": "two_sided"},
    {"missing": "ignore"},
]


@pytest.mark.parametrize("options", BAD_OPTIONS, ids=str)
@pytest.mark.parametrize("statistic", ONE_VARIABLE)
def test_bad_options(statistic, options):
    with pytest.raises(SpatialInputError) as error:
        statistic(Y, W, **options)
    assert error.value.code == "E501"


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("E501", lambda: moran(pd.DataFrame({"a": Y, "b": Y}), W)),
        ("E206", lambda: moran(Y[:3], W.iloc[:3, :3])),
        ("E210", lambda: getis_ord(Y - 2, W)),
        ("E203", lambda: local_join_counts(Y, W)),
        ("E204", lambda: join_counts(["a"] * 8, W)),
        ("E211", lambda: moran_rate(Y, Y - 1, W)),
        ("E211", lambda: moran_rate(Y - 2, Y, W)),
        ("E209", lambda: moran_residuals(Y, np.ones((8, 1)), W)),
        ("E205", lambda: moran_residuals(Y - Y.mean(), np.ones((8, 2)), W)),
        ("E201", lambda: moran_bv(Y, changed(**{"03": np.nan}), W)),
        ("E501", lambda: local_moran(Y, W, correction="holm")),
        ("E501", lambda: local_moran(Y, W, significance=5)),
        ("E501", lambda: correlogram(Y, W, orders=0)),
        ("E501", lambda: correlogram_distance(Y, np.zeros((8, 2)), breaks=[1, 1])),
        ("E501", lambda: correlogram_distance(Y, np.zeros((8, 3)), breaks=[0, 1])),
        ("E501", lambda: local_moran(Y, W, permutations=9).to_file(None, "map.shp")),
        ("E501", lambda: local_moran(Y, W, permutations=99, correction="bonferroni")),
        ("E204", lambda: moran_rate(Y * 0, Y, W)),
        ("E204", lambda: getis_ord(Y.where(Y == 9, 0), W)),
        ("E501", lambda: local_moran(Y, W, permutations=9).plot(None, kind="bar")),
    ],
)
def test_what_one_statistic_alone_refuses(code, call):
    with pytest.raises(SpatialInputError) as error:
        call()
    assert error.value.code == code


PANEL = pd.concat([pd.DataFrame({"code": IDS, "year": t, "y": Y.to_numpy() * t, "z": Y.to_numpy()}) for t in (1, 2)])


@pytest.mark.parametrize(
    ("code", "data", "column", "options"),
    [
        ("E502", PANEL, "gdp", {"entity": "code"}),
        ("E502", PANEL, "y", {"entity": "id"}),
        ("E502", PANEL, "y", {"entity": "code", "time": "quarter"}),
        ("E103", pd.concat([PANEL, PANEL[:1]]), "y", {"entity": "code"}),
        ("E104", PANEL[1:], "y", {"entity": "code"}),
        ("E101", PANEL[PANEL["code"] != "03"], "y", {"entity": "code"}),
        ("E201", PANEL.assign(y=PANEL["y"].where(PANEL["y"] != 18)), "y", {"entity": "code"}),
        ("E204", PANEL.assign(y=1.0), "y", {"entity": "code"}),
    ],
)
@pytest.mark.parametrize("table", [moran_by, lisa_transitions])
def test_bad_panels(table, code, data, column, options):
    with pytest.raises(SpatialInputError) as error:
        table(data, column, W, **{"time": "year"} | options)
    assert error.value.code == code


def test_panels_may_carry_their_keys_in_the_index():
    want = moran_by(PANEL, ["y", "z"], W, time="year", entity="code", permutations=39).frame
    for data in (PANEL.set_index(["code", "year"]), PANEL.set_index(["year", "code"]), PANEL.set_index("code")):
        pd.testing.assert_frame_equal(moran_by(data, ["y", "z"], W, time="year", permutations=39).frame, want)
    with pytest.warns(SpatialInputWarning, match="could not be checked"):
        bare = moran_by(PANEL, ["y", "z"], W.to_numpy(), time="year", entity="code", permutations=39)
    pd.testing.assert_frame_equal(bare.frame, want)


def test_missing_values_may_be_dropped_with_their_weights():
    rows = W.div(W.sum(axis=1), axis=0)
    holes = changed(**{"03": np.nan})
    kept = [i for i in IDS if i != "03"]
    smaller = W.loc[kept, kept].div(W.loc[kept, kept].sum(axis=1), axis=0)
    with pytest.warns(SpatialInputWarning, match="1 unit with missing values dropped"):
        dropped = moran(holes, rows, permutations=99, missing="drop")
    want = moran(Y.drop("03"), smaller, permutations=99)
    assert (dropped.I, dropped.p_sim, dropped.n) == (want.I, want.p_sim, 7)
    assert "03" in str(dropped)
    with pytest.warns(SpatialInputWarning):
        lisa = local_moran(holes, rows, permutations=99, missing="drop").frame
    assert lisa.index.equals(IDS)
    assert lisa.loc["03", "cluster"] == "No data"
    assert lisa.loc["03"].drop("cluster").isna().all()
    with pytest.warns(SpatialInputWarning):
        table = moran_by(PANEL.iloc[1:], "y", W, time="year", entity="code", permutations=39, missing="drop").frame
    assert table["n"].tolist() == [7, 8]


def test_everyday_forms_of_the_same_input_agree():
    want = moran(Y, W, permutations=99)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forms = (Y[::-1], Y[::-1].to_frame(), Y.astype("int8"), Y.astype("Int64"), Y.astype("float32"))
        for values in (*forms, Y.astype(object)):
            assert moran(values, W, permutations=99).p_sim == want.p_sim
        for values in (Y.to_numpy(), Y.to_numpy()[:, None], Y.tolist()):
            assert moran(values, W, permutations=99, align="position").p_sim == want.p_sim
    with pytest.warns(SpatialInputWarning, match="no ids"):
        assert moran(Y, sparse.csr_matrix(W.to_numpy()), permutations=99).I == want.I
    assert local_join_counts(Y > 3, W, permutations=9).frame["J"].sum() == join_counts(Y > 3, W).frame["count"][1] * 2


def test_large_integers_and_extreme_floats_neither_overflow_nor_round():
    big = (Y.astype("int64") * 10**16).rename("y")
    np.testing.assert_allclose(moran(big, W, permutations=0).I, moran(Y, W, permutations=0).I, rtol=1e-12)
    for scale in (1e200, 1e-200):
        ours, scaled = (local_moran(y, W, permutations=0).frame["I"] for y in (Y, Y * scale))
        np.testing.assert_allclose(scaled, ours, rtol=1e-10)
        ours, scaled = (getis_ord(y, W, permutations=0).p_rand for y in (Y, Y * scale))
        np.testing.assert_allclose(scaled, ours, rtol=1e-10)


def test_labels_that_were_matched_after_a_change_are_said():
    want = moran(Y, W, permutations=99)
    unpadded = moran(Y.rename(index=int)[::-1], W, permutations=99)
    assert (unpadded.I, unpadded.p_sim) == (want.I, want.p_sim)
    assert "收入: 8 of 8 ids matched after zero padding" in str(unpadded)
    keys = {"time": "year", "entity": "code", "permutations": 39}
    panel = moran_by(PANEL.assign(code=PANEL["code"].astype(int)), "y", W, **keys)
    assert "zero padding" in str(panel)
    pd.testing.assert_frame_equal(panel.frame, moran_by(PANEL, "y", W, **keys).frame)


def test_two_variables_must_both_be_there():
    with pytest.raises(SpatialInputError) as error:
        local_moran_bv(Y, Y.drop("03"), W)
    assert error.value.code == "E101"


@pytest.mark.parametrize("statistic", ONE_VARIABLE)
def test_weights_that_vary_over_time_are_refused(statistic):
    w = as_weights(W)
    with pytest.raises(SpatialInputError, match="needs one W") as caught:
        statistic(Y, TemporalWeights((w, w), pd.Index([2019, 2020])))
    assert caught.value.code == "E320"
