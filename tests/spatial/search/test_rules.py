"""The rules of the search on evidence written down by hand, and where searches end in simulated data."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.search.rules import (
    Evidence,
    adjusted,
    aicc,
    general_to_specific,
    lesage_pace,
    probabilities,
    specific_to_general,
)
from spillover.errors import SpatialInputError

from ..models.test_estimators import cross_section

HIGH = dict.fromkeys([("OLS", "SAR"), ("OLS", "SEM"), ("OLS", "SLX"), ("SAR", "SDM"), ("SAR", "SAC"), ("SEM", "SDEM"),
                      ("SEM", "SAC"), ("SEM", "SDM"), ("SLX", "SDM"), ("SLX", "SDEM")], 0.5)  # fmt: skip
EVEN = dict.fromkeys(("OLS", "SAR", "SEM", "SLX", "SDM", "SDEM", "SAC"), 1 / 7)


def evidence(robust=("lag", "error"), probable=(), least=(), **low):
    """p = .5 everywhere but for edges such as OLS_SAR=.001; the robust LM tests in this order; some models likelier, or
    of a smaller AICc."""
    edges = HIGH | {tuple(name.split("_")): p for name, p in low.items()}
    shares = EVEN | {name: 2.0 - i / 10 for i, name in enumerate(probable)}
    criteria = dict.fromkeys(EVEN, 300.0) | {name: 200.0 + i for i, name in enumerate(least)}
    return Evidence(edges, {robust[0]: 0.01, robust[1]: 0.4}, shares, criteria)


@pytest.mark.parametrize(("want", "low", "least"), [
    ("OLS", {}, ()),
    ("OLS", {"OLS_SAR": 0.03}, ("SAR",)),  # three tests: .03 is .09
    ("SAR", {"OLS_SAR": 0.001, "OLS_SEM": 0.02}, ("SAR", "SEM")),
    ("SEM", {"OLS_SAR": 0.001}, ("SDM", "SEM", "SAR")),  # the SDM rejects none of what it nests
    ("SLX", {"OLS_SLX": 0.001, "SAR_SDM": 0.001, "SEM_SDM": 0.001}, ("SDM", "SAR", "SLX")),
    ("SLX", {"OLS_SAR": 0.001, "SAR_SDM": 0.09, "SEM_SDM": 0.09}, ("SAR", "SLX")),  # at 10 %, one by one
    ("SAR", {"OLS_SAR": 0.001, "SAR_SDM": 0.11}, ("SAR", "SLX")),
    ("SDM", {"OLS_SAR": 0.001, "SAR_SDM": 0.09, "SEM_SDM": 0.09, "SLX_SDM": 0.09}, ("SAR", "SAC", "SDM")),
    ("SEM", {"OLS_SAR": 0.001, "SAR_SDM": 0.09, "SEM_SDM": 0.11, "SLX_SDM": 0.09}, ("SDM", "SEM", "SAR")),
    ("SDEM", {"OLS_SAR": 0.001, "SAR_SDM": 0.001, "SEM_SDEM": 0.001, "SLX_SDEM": 0.001}, ("SDM", "SDEM")),
    ("SAC", {"OLS_SAR": 0.001, "SAR_SAC": 0.001, "SEM_SAC": 0.001, "SLX_SDM": 0.001}, ("SDM", "SAC")),
    ("SDM", {"OLS_SAR": 0.001, "SAR_SAC": 0.001, "SEM_SDEM": 0.001, "SLX_SDM": 0.001}, ("SDM", "SAC")),  # none left
])  # fmt: skip
def test_aicc_among_the_models_that_tests_leave(want, low, least):
    decision = specific_to_general(evidence(least=least, **low), 0.05)
    assert decision.choice == want
    assert "OLS against SAR" in decision.steps[0]
    if want != "OLS":
        assert decision.steps[-1].endswith((f"{want} has the least AICc.", f"The tests leave {want}."))
        assert all(" at 10 %." in step for step in decision.steps[1:4])


def test_a_level_is_a_share_even_when_doubled():
    """Twice .6 is all: p = .5 rejects every one-step model then."""
    decision = specific_to_general(evidence(least=("SAR", "SDEM"), OLS_SAR=0.001), 0.6)
    assert (decision.choice, "at 100 %" in decision.steps[1]) == ("SDEM", True)


def test_models_without_a_common_likelihood_are_not_chosen():
    one = evidence(least=("SEM", "SAR"), OLS_SAR=0.001)
    assert specific_to_general(one, 0.05).choice == "SEM"
    del one.aicc["SEM"]
    decision = specific_to_general(one, 0.05)
    assert decision.choice == "SAR"
    assert decision.steps[-1].startswith("SEM has a likelihood of other data")
    del one.aicc["SDM"], one.aicc["SLX"]
    assert specific_to_general(one, 0.05).steps[-1].startswith("SEM and SLX have likelihoods of other data")
    assert aicc(-100.0, 30, 31) == np.inf


@pytest.mark.parametrize(("want", "robust", "low"), [
    ("OLS", "lag", {}),
    ("SLX", "lag", {"OLS_SLX": 0.01}),
    ("SDM", "lag", {"OLS_SLX": 0.01, "SLX_SDM": 0.01}),
    ("SAR", "lag", {"OLS_SAR": 0.01}),
    ("SDM", "lag", {"OLS_SAR": 0.01, "SAR_SDM": 0.01}),
    ("SEM", "error", {"OLS_SEM": 0.01, "SAR_SDM": 0.01}),
    ("SDM", "error", {"OLS_SEM": 0.01, "SEM_SDM": 0.01}),  # the error is pointed to and SEM rejected: not SAR
])  # fmt: skip
def test_elhorst_keeps_the_sdm_unless_tests_agree(want, robust, low):
    order = ("lag", "error") if robust == "lag" else ("error", "lag")
    assert general_to_specific(evidence(robust=order, **low), 0.05).choice == want


def test_local_or_global_by_probability():
    assert lesage_pace(evidence(probable=("OLS", "SDEM")), 0.05).choice == "SDEM"
    assert lesage_pace(evidence(probable=("SDM",)), 0.05).choice == "SDM"


def test_probabilities_are_those_of_bic():
    data, W = cross_section(2, rho=0.4)
    search = sp.specify("y ~ a + b", data, W)
    bic = pd.Series({name: fit.bic for name, fit in search.fits.items()})
    want = np.exp(-(bic - bic.min()) / 2)
    pd.testing.assert_series_equal(pd.Series(search.probabilities), want / want.sum(), rtol=1e-10, check_names=False)
    assert probabilities({"a": -1e5}, {"a": 3}, 10) == {"a": 1.0}
    assert adjusted([]) == 1.0
    assert "Probabilities of the models: OLS" in str(search)
    assert search.choice in search.fits
    assert set(search.fits) == {"OLS", "SLX", "SAR", "SEM", "SDM", "SDEM", "SAC"}


def test_rules_and_significance_are_checked():
    data, W = cross_section(2)
    for options in ({"rule": "mine"}, {"significance": 5}):
        with pytest.raises(SpatialInputError, match="E501"):
            sp.specify("y ~ a", data, W, **options)
    loose, strict = (sp.specify("y ~ a + b", data, W, significance=level).choice for level in (0.999, 1e-12))
    assert strict == "OLS"
    assert loose != "OLS"
    assert sp.specify("y ~ a + b", data, W, rule="lesage_pace").choice in ("SLX", "SDM", "SDEM")


STRONG = {"OLS": (0, 0, 0), "SAR": (0.4, 0, 0), "SEM": (0, 0.5, 0), "SLX": (0, 0, 0.7), "SDM": (0.4, 0, 0.7),
          "SDEM": (0, 0.6, -1.2), "SAC": (0.5, 0.7, 0)}  # fmt: skip
WEAK = {"SLX": (0, 0, 0.5), "SDM": (0.4, 0, 0.5), "SAC": (0.5, 0.5, 0)}
LATTICE = {"SAR": (0.4, 0, 0), "SEM": (0, 0.5, 0), **WEAK}
DESIGNS = [*(("five nearest", *one) for one in STRONG.items()), *(("five nearest", *one) for one in WEAK.items()),
           *(("lattice", *one) for one in LATTICE.items())]  # fmt: skip


def choices(kind, truth, parameters, samples):
    """How often the search ends at each model: 150 places, two regressors, slopes 1."""
    n, (rho, lam, theta), seed = 150, parameters, int.from_bytes(truth.encode()[:3], "big")
    if kind == "lattice":
        row, column = np.divmod(np.arange(n), 15)
        near = np.maximum(abs(row[:, None] - row), abs(column[:, None] - column)) == 1
        w = wt.from_dense(near / near.sum(axis=1, keepdims=True), ids=list(range(n)))
    else:
        places = np.random.default_rng(7).uniform(size=(n, 2))
        w = wt.knn(places, 5, metric="planar").standardize("row")
    W, counts = w.csr.toarray(), {}
    A, B = (np.linalg.inv(np.eye(n) - by * W) for by in (rho, lam))
    for r in range(samples):
        rng = np.random.default_rng([seed, r])
        X = rng.standard_normal((n, 2))
        y = A @ (1 + X.sum(axis=1) + theta * (W @ X).sum(axis=1) + B @ rng.standard_normal(n))
        data = pd.DataFrame({"y": y, "a": X[:, 0], "b": X[:, 1]}, index=w.ids)
        choice = sp.specify("y ~ a + b", data, w).choice
        counts[choice] = counts.get(choice, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def test_white_noise_is_least_squares():
    assert choices("five nearest", "OLS", STRONG["OLS"], 60)["OLS"] >= 54


def test_a_durbin_model_is_not_taken_for_its_parts():
    """theta half of beta: tests at 5 % alone end at SAR more often than at the SDM."""
    counts = choices("five nearest", "SDM", WEAK["SDM"], 60)
    assert next(iter(counts)) == "SDM"
    assert counts["SDM"] >= 20


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "truth", "parameters"), DESIGNS)
def test_the_right_model_most_often(kind, truth, parameters, capsys):
    counts = choices(kind, truth, parameters, 200)
    with capsys.disabled():
        print(f"\n{kind}, {truth} {parameters}: {counts}")
    assert next(iter(counts)) == truth
    if truth == "OLS":
        assert counts["OLS"] >= 180
