"""The rules of the search on evidence written down by hand, and where searches end in simulated data."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.search.rules import (
    Evidence,
    adjusted,
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


def evidence(robust=("lag", "error"), probable=(), **low):
    """p = .5 everywhere but for edges such as OLS_SAR=.001; the robust LM tests in this order; some models likelier."""
    edges = HIGH | {tuple(name.split("_")): p for name, p in low.items()}
    shares = EVEN | {name: 2.0 - i / 10 for i, name in enumerate(probable)}
    return Evidence(edges, {robust[0]: 0.01, robust[1]: 0.4}, shares)


@pytest.mark.parametrize(("want", "low", "probable"), [
    ("OLS", {}, ()),
    ("OLS", {"OLS_SAR": 0.03}, ()),  # three tests: .03 is .09
    ("SAR", {"OLS_SAR": 0.001, "OLS_SEM": 0.02}, ("SAR", "SEM")),
    ("SEM", {"OLS_SAR": 0.001}, ("SEM", "SAR")),
    ("SLX", {"OLS_SLX": 0.001, "SAR_SDM": 0.001, "SEM_SDM": 0.001}, ()),
    ("SAR", {"OLS_SAR": 0.001, "SAR_SDM": 0.03}, ("SAR",)),  # two tests: .03 is .06
    ("SDM", {"OLS_SAR": 0.001, "SAR_SDM": 0.001, "SEM_SDM": 0.001, "SLX_SDM": 0.001}, ("SAR", "SAC", "SDM")),
    ("SDEM", {"OLS_SAR": 0.001, "SAR_SDM": 0.001, "SEM_SDEM": 0.001, "SLX_SDEM": 0.001}, ("SDM", "SDEM")),
    ("SAC", {"OLS_SAR": 0.001, "SAR_SAC": 0.001, "SEM_SAC": 0.001, "SLX_SDM": 0.001}, ("SDM", "SAC")),
    ("SDM", {"OLS_SAR": 0.001, "SAR_SAC": 0.001, "SEM_SDEM": 0.001, "SLX_SDM": 0.001}, ("SDM", "SAC")),
])  # fmt: skip
def test_the_smallest_model_that_nothing_rejects(want, low, probable):
    decision = specific_to_general(evidence(probable=probable, **low), 0.05)
    assert decision.choice == want
    assert "OLS against SAR" in decision.steps[0]


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


TRUTHS = {"OLS": (0, 0, 0), "SAR": (0.4, 0, 0), "SEM": (0, 0.5, 0), "SLX": (0, 0, 0.7), "SDM": (0.4, 0, 0.7),
          "SDEM": (0, 0.6, -1.2), "SAC": (0.5, 0.7, 0)}  # fmt: skip


def choices(truth, n, samples, seed):
    """How often the search ends at each model."""
    rng, (rho, lam, theta) = np.random.default_rng(seed), TRUTHS[truth]
    w = wt.knn(rng.uniform(size=(n, 2)), 5, metric="planar").standardize("row")
    W, counts = w.csr.toarray(), {}
    A, B = (np.linalg.inv(np.eye(n) - by * W) for by in (rho, lam))
    for _ in range(samples):
        X = rng.standard_normal((n, 2))
        y = A @ (1 + X.sum(axis=1) + theta * (W @ X).sum(axis=1) + B @ rng.standard_normal(n))
        data = pd.DataFrame({"y": y, "a": X[:, 0], "b": X[:, 1]}, index=w.ids)
        choice = sp.specify("y ~ a + b", data, w).choice
        counts[choice] = counts.get(choice, 0) + 1
    return counts


def test_white_noise_is_least_squares():
    counts = choices("OLS", 150, 40, 1)
    assert counts["OLS"] >= 35


@pytest.mark.slow
@pytest.mark.parametrize("truth", TRUTHS)
def test_the_right_model_most_often(truth, capsys):
    counts = choices(truth, 150, 200, 7)
    with capsys.disabled():
        print(f"\n{truth}: {dict(sorted(counts.items(), key=lambda item: -item[1]))}")
    assert max(counts, key=counts.get) == truth
    if truth == "OLS":
        assert counts["OLS"] >= 180 - 8
