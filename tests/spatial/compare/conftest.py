"""One comparison for all tests of the room."""

import pytest

import spatial as sp
import weights as wt

FORMULA = "log(gsp) ~ log(pc) + log(emp) + unemp"
KEYS = {"entity": "state", "time": "year"}


@pytest.fixture(scope="session")
def several(states):
    built = {"queen": wt.queen(states), "knn5": wt.knn(states, 5), "inverse": wt.inverse_distance(states, cutoff=1500)}
    return {name: w.standardize("row") for name, w in built.items()}


@pytest.fixture(scope="session")
def early(panel):
    """Few years, so that the W are hard to tell apart."""
    return panel[panel["year"] < 1975]


@pytest.fixture(scope="session")
def compared(several, early):
    return sp.compare_weights(several, model=sp.sdm, formula=FORMULA, data=early, **KEYS)
