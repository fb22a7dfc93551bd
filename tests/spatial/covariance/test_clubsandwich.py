"""Clustered standard errors of least squares beside R's clubSandwich (tests/reference/clubsandwich)."""

import json
from pathlib import Path

import numpy as np
import pytest

import shapefiles
import spatial as sp
import weights as wt

STORED = json.loads((Path(__file__).parents[2] / "reference/clubsandwich/results.json").read_text(encoding="utf-8"))
FORMULA = "log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp"


def errors(effects, vcov):
    w = wt.queen(shapefiles.load("us_states")).standardize("row")
    keys = {"entity": "state", "time": "year", "effects": effects, "vcov": vcov}
    return sp.ols(FORMULA, shapefiles.load_panel("us_states"), w, **keys).std_errors.to_numpy()


def theirs(fit, kind):
    return np.array([*STORED[fit][kind].values()])


def test_clustered_errors_of_the_pooled_regression_are_cr1s():
    np.testing.assert_allclose(errors("none", "cluster"), theirs("pooled", "CR1S"), rtol=1e-10)


def test_with_unit_effects_a_constant_is_counted():
    """As in Stata's xtreg: clubSandwich has n - 4 = 812 where the constant makes it 811."""
    np.testing.assert_allclose(errors("entity", "cluster"), theirs("within", "CR1S") * np.sqrt(812 / 811), rtol=1e-10)


@pytest.mark.parametrize("fit", ["pooled", "within"])
def test_the_jackknife_is_cr3_times_its_factor(fit):
    """(G - 1) / G, and around the replicates' mean rather than the estimate, which makes it a little smaller."""
    ours = errors("none" if fit == "pooled" else "entity", "jackknife")
    ratio = ours / (theirs(fit, "CR3") * np.sqrt(47 / 48))
    assert np.all(ratio <= 1)
    assert np.all(ratio > 0.9985)
