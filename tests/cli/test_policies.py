"""Policies and instruments from the command line: the options that reach them are those of the library."""

import json

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt


@pytest.fixture
def granted(tmp_path):
    """60 units over 5 periods, half of them with a grant from the third on; a row of one unit is absent."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(60), 5), "year": np.tile(np.arange(2000, 2005), 60)})
    frame["amount"] = np.repeat(rng.uniform(1, 3, 60), 5)
    frame["grant"] = ((frame["unit"] < 30) & (frame["year"] >= 2002)).astype(int)
    frame["jobs"] = frame["grant"] * frame["amount"] + np.repeat(rng.standard_normal(60), 5) + rng.standard_normal(300)
    frame.to_csv(tmp_path / "whole.csv", index=False)
    frame.drop(index=7).to_csv(tmp_path / "gaps.csv", index=False)
    return tmp_path


def estimates(out):
    return {row["term"]: (row["estimate"], row["std_error"]) for row in json.loads(out)["table"]}


def same(out, table):
    got = estimates(out)
    for row in table.itertuples():
        np.testing.assert_allclose(got[row.term], (row.estimate, row.std_error), rtol=1e-6)


def test_doses_are_those_of_the_library(spillover, granted):
    words = ["did", granted / "whole.csv", "jobs ~ grant", "--entity", "unit", "--time", "year", "--method",
             "group_time", "--dose", "amount"]  # fmt: skip
    status, out, err = spillover(*words, "--json")
    assert status == 0, err
    fit = sp.did("jobs ~ grant", pd.read_csv(granted / "whole.csv"), entity="unit", time="year", method="group_time",
                 dose="amount")  # fmt: skip
    assert len(fit.table) > 1
    same(out, fit.table)
    status, _, err = spillover(*words[:-4], "--dose", "amount")
    assert (status, "E533" in err, "--method group_time" in err) == (2, True, True)


def test_single_absent_rows_are_left_out(spillover, granted):
    words = ["did", granted / "gaps.csv", "jobs ~ grant", "--entity", "unit", "--time", "year"]
    status, _, err = spillover(*words)
    assert (status, "E104" in err, "--missing period" in err) == (3, True, True)
    status, out, err = spillover(*words, "--missing", "period", "--json")
    assert status == 0, err
    fit = sp.did("jobs ~ grant", pd.read_csv(granted / "gaps.csv"), entity="unit", time="year", missing="period")
    assert np.count_nonzero(fit.sample.mass) == 299
    same(out, fit.table)


def test_options_of_another_method_are_refused(spillover, granted):
    words = ["did", granted / "whole.csv", "jobs ~ grant", "--entity", "unit", "--time", "year"]
    for option, value in (("--control", "not_yet"), ("--adjustment", "regression"), ("--method", "twfe")):
        if option != "--method":
            status, _, err = spillover(*words, option, value)
            assert (status, "E533" in err, f"leave {option} out" in err) == (2, True, True)
        status, _, err = spillover(*words, option, value, "-w", "queen", "--map", "example:us_states")
        assert (status, "E533" in err, f"leave {option} out, or --weights" in err) == (2, True, True)
    for option, value in (("--cluster", "unit"), ("--obs-weights", "amount"), ("--unimputable", "drop")):
        status, _, err = spillover(*words, option, value, "-w", "queen", "--map", "example:us_states")
        assert (status, "E533" in err, f"leave {option} out" in err, "--exposure any" in err) == (2, True, True, True)
    status, _, err = spillover(*words, "--unimputable", "drop")
    assert (status, "E533" in err) == (2, True)


def test_a_study_with_a_step_of_instruments(spillover, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text("""
title = "T"
formula = "log(gsp) ~ log(emp) + unemp"
model = "sar"
[data]
map = "example:us_states"
panel = "example:us_states"
unit = "state"
period = "year"
[weights]
queen = "queen"
[steps.instruments]
""", encoding="utf-8")
    status, _, err = spillover("study", study, "-o", tmp_path / "out")
    assert status == 0, err
    listed = pd.read_csv(tmp_path / "out" / "moments.csv").set_index("term")
    w = wt.queen(shapefiles.load("us_states")).standardize("row")
    fit = sp.sar("log(gsp) ~ log(emp) + unemp", shapefiles.load_panel("us_states"), w, entity="state", time="year",
                 effects="twoway", method="gmm", vcov="cluster")  # fmt: skip
    np.testing.assert_allclose(listed.loc[fit.params.index, "estimate"], fit.params, rtol=1e-6)
    assert "Two-stage least squares" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
