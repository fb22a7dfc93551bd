"""Panels that splm ships, fixed and random effects: tests/reference/splm/results.json, by generate.R beside it.

Tolerances are splm's own: its search settles at about 1e-6 of a standard error with fixed effects, 1e-4 with random.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp

SHARED = Path(__file__).parents[4] / "shared" / "data"
REFERENCE = json.loads((Path(__file__).parents[2] / "reference" / "splm" / "results.json").read_text())
SETS = {
    "insurance": ("insurance", "log(ppcd) ~ log(rgdp) + log(bank) + log(den) + rirs + agen + school + vaagr + fam",
                  "code", "year"),
    "rice": ("ricefarms", "log(goutput) ~ log(seed) + log(totlabor) + log(size)", "id", "time"),
}  # fmt: skip
FIXED = [(name, case) for name in SETS for case in REFERENCE[name]["fixed"]]
RANDOM = [(name, case) for name in SETS for case in REFERENCE[name]["random"]]
OURS = {"(Intercept)": "Intercept", "lambda": "rho", "rho": "lambda"}  # splm's lambda is the lag's

pytestmark = pytest.mark.skipif(not (SHARED / "ricefarms.csv").exists(), reason="the shared data are not here")


@cache
def panel(name):
    """(formula, data, W, keys)."""
    file, formula, entity, time = SETS[name]
    data = pd.read_csv(SHARED / f"{file}.csv", dtype={entity: str})
    ids, links = data[entity].unique(), pd.read_csv(SHARED / f"{file}_w_W.csv")
    W = np.zeros((len(ids), len(ids)))
    W[links["i"] - 1, links["j"] - 1] = links["w"]
    return formula, data, pd.DataFrame(W, ids, ids), {"entity": entity, "time": time}


@pytest.mark.parametrize(("name", "case"), FIXED)
def test_fixed_effects_are_splms(name, case):
    """Expected information as splm prints it. (The likelihood it prints for a spatial error is of something else.)"""
    formula, data, w, keys = panel(name)
    kind, effect = case.split()
    model, effects = {"lag": sp.sar, "error": sp.sem}[kind], {"individual": "entity", "twoways": "twoway"}[effect]
    fit = model(formula, data, w, **keys, effects=effects, correction=False, vcov="eim")
    want = REFERENCE[name]["fixed"][case]
    for term, value in want["coefficients"].items():
        ours = OURS.get(term, term)
        assert abs(fit.params[ours] - value) < 2e-6 * fit.std_errors[ours], term
        assert fit.std_errors[ours] == pytest.approx(want["std_errors"][term], rel=1e-5), term
    if kind == "lag":
        assert fit.loglik == pytest.approx(want["loglik"], abs=1e-6)


@pytest.mark.parametrize(("name", "case"), RANDOM)
def test_random_effects_are_splms(name, case):
    formula, data, w, keys = panel(name)
    if case == "lag":
        fit = sp.sar(formula, data, w, **keys, effects="random")
    else:
        process = {"error b": "baltagi", "error kkp": "kkp"}[case]
        fit = sp.sem(formula, data, w, **keys, effects="random", random_error=process)
    want = REFERENCE[name]["random"][case]
    for term, value in want["coefficients"].items():
        ours = OURS.get(term, term)
        assert abs(fit.params[ours] - value) < 1e-4 * fit.std_errors[ours], term
    components = sp.variance_components(fit).set_index("term")["estimate"]
    assert components["phi"] == pytest.approx(want["errcomp"]["phi"], rel=1e-4)
    if "rho" in want["errcomp"]:
        assert fit.params["lambda"] == pytest.approx(want["errcomp"]["rho"], abs=1e-5)
    assert fit.loglik == pytest.approx(want["loglik"], abs=1e-5)
