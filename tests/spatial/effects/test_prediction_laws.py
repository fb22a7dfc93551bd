"""Average predictions under period effects, also where rows of W do not sum to one: laws that any W has to keep."""

import numpy as np
import pytest

import shapefiles
import spatial as sp
import weights as wt

KEYS = {"entity": "state", "time": "year"}
FORMULA = "log(gsp) ~ log(pc) + unemp"


@pytest.fixture(scope="module")
def panel():
    data = shapefiles.load_panel("us_states")
    return data[data["year"] >= 1981]


@pytest.fixture(scope="module", params=["binary", "spectral", "island"])
def w(request):
    queen = wt.queen(shapefiles.load("us_states"))
    if request.param == "island":
        dense = queen.csr.toarray()
        dense[3], dense[:, 3] = 0, 0
        return wt.from_dense(dense, ids=queen.ids).standardize("row")
    return queen if request.param == "binary" else queen.standardize("spectral")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("effects", ["twoway", "time"])
@pytest.mark.parametrize("model", ["sar", "sdm", "sac"])
def test_a_constant_added_to_the_response_is_added_to_its_prediction(panel, w, model, effects):
    fit = getattr(sp, model)(FORMULA, panel, w, effects=effects, **KEYS)
    moved = getattr(sp, model)("I(log(gsp) + 10) ~ log(pc) + unemp", panel, w, effects=effects, **KEYS)
    apart = sp.predictions(moved).estimates - sp.predictions(fit).estimates
    np.testing.assert_allclose(apart, 10, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("formula", [FORMULA, "log(gsp) ~ unemp + offset(log(emp))"])
@pytest.mark.parametrize("model", ["sar", "sdm"])
def test_under_twoway_effects_the_average_prediction_is_the_average_response(panel, w, model, formula):
    fit = getattr(sp, model)(formula, panel, w, effects="twoway", **KEYS)
    np.testing.assert_allclose(sp.predictions(fit).estimates, np.log(panel["gsp"]).mean(), rtol=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", ["sdm", "slx"])
def test_a_unit_more_everywhere_brings_the_total_effect(panel, w, model):
    fit = getattr(sp, model)(FORMULA, panel, w, effects="twoway", **KEYS)
    by_one = sp.predictions(fit, at={"unemp": [5, 6]}).differences()["estimate"]
    total = sp.slopes(fit, "unemp").tidy().query("effect == 'total'")["estimate"]
    np.testing.assert_allclose(by_one, total, rtol=1e-8)
