"""Weights of observations from the command line."""

import json

import numpy as np
import pytest

import shapefiles
import spatial as sp
import weights as wt

FORMULA = "log(gsp) ~ unemp"
US = "example:us_states"


@pytest.mark.parametrize(("model", "text"), [("sar", "emp"), ("ols", "sampling:emp")])
def test_a_fit_is_that_of_python(spillover, model, text):
    status, out, _ = spillover("fit", US, FORMULA, "--model", model, "-w", "queen", "--obs-weights", text, "--json")
    w = wt.queen(shapefiles.load("us_states")).standardize("row")
    weights = sp.Sampling("emp") if text.startswith("sampling") else "emp"
    fit = getattr(sp, model)(FORMULA, shapefiles.load_panel("us_states"), w, entity="state", time="year",
                             obs_weights=weights)  # fmt: skip
    assert status == 0
    got = {row["term"]: (row["estimate"], row["std_error"]) for row in json.loads(out)["table"]}
    for term in fit.params.index:
        np.testing.assert_allclose(got[term], (fit.params[term], fit.std_errors[term]), rtol=1e-6)


def test_a_policy_is_that_of_python(spillover):
    status, out, _ = spillover("did", "example:castle", "log(homicide) ~ post", "--method", "twfe", "--obs-weights",
                               "population")  # fmt: skip
    assert status == 0
    assert "observations weighted by population" in out
    one = sp.did("log(homicide) ~ post", shapefiles.load_panel("castle"), entity="state", time="year", method="twfe",
                 obs_weights="population")  # fmt: skip
    assert f"{one.att:.4f}" in out


def test_refusals_speak_of_options(spillover):
    status, _, err = spillover("fit", US, FORMULA, "--model", "sar", "-w", "queen", "--obs-weights", "sampling:emp")
    assert status == 2
    assert "E540" in err
    assert "--method gmm" in err
    assert "obs_weights=" not in err
