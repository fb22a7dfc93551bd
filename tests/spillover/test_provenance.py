"""Every result says what it was made of: the same for rows in any order, another for other data."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shapefiles
import spatial as sp
import spatial.indicators as ind
import weights as wt
from spillover.provenance import fingerprint
from spillover.show import Shown

KEYS = {"entity": "state", "time": "year"}
STATES = shapefiles.load("us_states")
W = wt.queen(STATES).standardize("row")
KNN = wt.knn(STATES, 4).standardize("row")
PANEL = shapefiles.load_panel("us_states").query("year < 1976")
PANEL = PANEL.assign(d=((PANEL["year"] >= 1973) & PANEL["state"].isin(W.ids[:12])).astype(int))
F = "log(gsp) ~ log(emp) + unemp"


def cross(p) -> pd.DataFrame:
    return p[p["year"] == 1975].set_index("state")


def regions(p) -> pd.DataFrame:
    return p.assign(region=np.where(p["state"] < "M", "a", "b"))


def unseen(p) -> pd.DataFrame:
    return p.assign(unemp=p["unemp"].where(p.index % 7 > 0))


def sdm(p):
    return sp.sdm(F, p, W, **KEYS)


def compared(p):
    return sp.compare_weights({"queen": W, "knn": KNN}, model=sp.sar, formula="log(gsp) ~ unemp", data=p, **KEYS)


def dynamic(panel, w=(W, KNN), **options):
    return sp.sar("unemp ~ log(emp)", panel, list(w) if isinstance(w, tuple) else w, lags="y", correction=False,
                  **KEYS, **options)  # fmt: skip


RESULTS = {
    "Fit": sdm,
    "a fit with another covariance": lambda p: sdm(p).with_vcov("robust"),
    "an unbalanced fit": lambda p: sp.sar("unemp ~ log(emp)", p[(p["state"] != "AL") | (p["year"] != 1972)], W,
                                          missing="period", **KEYS),
    "a random effects fit": lambda p: sp.sar("unemp ~ log(emp)", p, W, effects="random", **KEYS),
    "Effects": lambda p: sdm(p).effects(),
    "SeveralFit": lambda p: sp.sar("unemp ~ log(emp)", p, [W, KNN], **KEYS),
    "SeveralEffects": lambda p: sp.sar("unemp ~ log(emp)", p, [W, KNN], **KEYS).effects(method="delta"),
    "RegimesFit": lambda p: sp.sar("unemp ~ log(emp)", regions(p), W, regimes="region", **KEYS),
    "MissingFit": lambda p: sp.sar("unemp ~ log(emp)", unseen(p), W, missing="model", **KEYS),
    "MissingSeveralFit": lambda p: sp.sar("unemp ~ log(emp)", unseen(p), [W, KNN], missing="model", **KEYS),
    "MissingRegimesFit": lambda p: sp.sar("unemp ~ log(emp)", regions(unseen(p)), W, regimes="region", missing="model",
                                          **KEYS),
    "RegimeEffects": lambda p: sp.sar("unemp ~ log(emp)", regions(p), W, regimes="region",
                                      **KEYS).effects(method="delta"),
    "DynamicEffects": lambda p: sp.sar("log(gsp) ~ unemp", p, W, lags="y", **KEYS).effects(method="delta"),
    "JointDynamicEffects": lambda p: dynamic(p).effects(method="delta"),
    "LongRunOfSeveral": lambda p: dynamic(p).effects(method="delta").long_run,
    "LongRunOfRegimes": lambda p: dynamic(regions(p), W, regimes="region").effects(method="delta").long_run,
    "EffectsBy": lambda p: sp.effects_by(sdm(regions(p)), "unemp", by="region"),
    "Elasticities": lambda p: sdm(p).effects().elasticity(),
    "Moran": lambda p: sp.moran("unemp", W, data=cross(p), permutations=9),
    "GlobalStatistic": lambda p: sp.geary("unemp", W, data=cross(p), permutations=9),
    "LocalStatistic": lambda p: sp.local_moran("unemp", W, data=cross(p), permutations=99),
    "MoranBy": lambda p: sp.moran_by(p, "unemp", W, permutations=9, **KEYS),
    "JoinCounts": lambda p: sp.join_counts(cross(p)["unemp"] > 8, wt.queen(STATES), permutations=9),
    "SmoothedRates": lambda p: sp.smoothed_rates(cross(p)["unemp"].round(), cross(p)["emp"], W),
    "Correlogram": lambda p: sp.correlogram(cross(p)["unemp"], W, permutations=9),
    "LisaTransitions": lambda p: sp.lisa_transitions(p, "unemp", W, **KEYS),
    "Comparison": compared,
    "AveragedEffects": lambda p: compared(p).averaged(),
    "Tuning": lambda p: sp.tune_weights(lambda k: wt.knn(STATES, k).standardize("row"), [3, 4], model=sp.sar,
                                        formula="log(gsp) ~ unemp", data=p, **KEYS),
    "Mixture": lambda p: sp.mix_weights({"queen": W, "knn": KNN}, model=sp.sar, formula="log(gsp) ~ unemp",
                                        data=p, **KEYS),
    "SpecificationCurve": lambda p: sp.specification_curve({"queen": W}, model=[sp.sar], formula="log(gsp) ~ unemp",
                                                           data=p, variable="unemp", **KEYS),
    "PlaceboWeights": lambda p: sp.placebo_weights(sdm(p), draws=9),
    "DiD": lambda p: sp.did("log(gsp) ~ d", p, **KEYS),
    "SpatialDiD": lambda p: sp.spatial_did("log(gsp) ~ d", p, W, path=False, vcov="robust", **KEYS),
    "ExposureDiD": lambda p: sp.exposure_did("log(gsp) ~ d", p, W, **KEYS),
    "PlaceboUnits": lambda p: sp.placebo_units(sp.did("log(gsp) ~ d", p, method="twfe", **KEYS), draws=19),
    "Heterogeneity": lambda p: sp.heterogeneity("log(gsp) ~ unemp", regions(p), W, by="region", model="sar",
                                                permutations=0, **KEYS),
    "Mediation": lambda p: sp.mediation("log(gsp) ~ unemp", p, W, variable="unemp", mediator="log(emp)", **KEYS),
    "Threshold": lambda p: sp.threshold("log(gsp) ~ unemp", p, threshold_variable="emp", grid=20, draws=0, **KEYS),
    "WhatIf": lambda p: sp.what_if(sdm(p), "log(emp)", percent=10),
    "Refits": lambda p: sp.refit(sdm(p), y=[sdm(p)._design.y]),
    "Forecast": lambda p: sp.sar("log(gsp) ~ unemp", p[p["year"] < p["year"].max()], W, **KEYS | {"effects": "entity"}
                                 ).forecast(p[p["year"] == p["year"].max()]),
    "Predictions": lambda p: sp.predictions(sdm(p), at={"unemp": [5, 7]}),
    "Combinations": lambda p: sp.lincom(sdm(p), "unemp - `W:unemp`"),
    "Search": lambda p: sp.specify("log(gsp) ~ unemp", p, W, **KEYS),
    "SigmaConvergence": lambda p: ind.sigma_convergence(p, "gsp", **KEYS),
    "BetaConvergence": lambda p: ind.beta_convergence(p, "gsp", W, **KEYS),
    "Densities": lambda p: ind.kernel_densities(p, "gsp", **KEYS),
    "Decomposition": lambda p: ind.theil(p, "gsp", **KEYS),
    "GrowthTable": lambda p: ind.growth_table(p, ["gsp"], **KEYS),
    "Productivity": lambda p: ind.malmquist(p, ["emp", "pc"], ["gsp"], **KEYS),
    "CompositeIndex": lambda p: ind.composite_index(p, {"gsp": "+", "unemp": "-"}, **KEYS),
    "Markov": lambda p: ind.markov(p, "gsp", classes=3, **KEYS),
    "SpatialMarkov": lambda p: ind.spatial_markov(p, "gsp", W, classes=3, permutations=9, **KEYS),
    "Efficiency": lambda p: ind.dea(p, ["emp"], ["gsp"], **KEYS),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", RESULTS)
def test_rows_in_another_order_and_other_data(name):
    make = RESULTS[name]
    one = make(PANEL)
    assert isinstance(one, Shown)
    shuffled = make(PANEL.sample(frac=1, random_state=1)).provenance
    assert one.provenance == shuffled
    assert one.provenance.data is not None
    row = PANEL.index[(PANEL["state"] == "CO") & (PANEL["year"] == 1975)]
    changed = PANEL.copy()
    changed.loc[row, ["unemp", "gsp"]] *= 1.5
    assert make(changed).provenance.data != one.provenance.data
    assert f"data {one.provenance.data}" in str(one.provenance)


def test_weights_are_told_apart_and_not_by_their_order():
    by = {name: sp.sar("log(gsp) ~ unemp", PANEL, w, **KEYS).provenance for name, w in
          {"queen": W, "again": W.reindex(W.ids[::-1]), "knn": KNN}.items()}  # fmt: skip
    assert by["queen"] == by["again"]
    assert by["queen"].weights != by["knn"].weights
    assert by["queen"].data == by["knn"].data
    two = sp.sac("log(gsp) ~ unemp", PANEL, W, w_error=KNN, **KEYS).provenance
    assert two.weights == {"W": W.fingerprint, "M": KNN.fingerprint}
    many = compared(PANEL).provenance.weights
    assert many == {"queen": W.fingerprint, "knn": KNN.fingerprint}
    assert wt.queen(STATES).fingerprint != W.fingerprint  # standardised otherwise


def test_the_seed_of_what_was_drawn():
    fit = sdm(PANEL)
    assert fit.provenance.seed is None
    assert fit.effects().provenance.seed is None
    assert fit.effects(method="simulate", draws=50, seed=7).provenance.seed == 7
    assert sp.moran("unemp", W, data=cross(PANEL), permutations=9, seed=3).provenance.seed == 3
    assert sp.placebo_weights(fit, draws=5, seed=4).provenance.seed == 4


def test_nothing_is_hashed_before_it_is_read(monkeypatch):
    import spillover.provenance as room

    def hashed(*parts):
        raise AssertionError("hashed")

    monkeypatch.setattr(room, "_digest", hashed)
    fit = sdm(PANEL)
    results = [fit.effects(), sp.moran("unemp", W, data=cross(PANEL), permutations=9), fit.tidy(), fit.glance()]
    assert all(str(result) for result in results)
    with pytest.raises(AssertionError, match="hashed"):
        _ = fit.provenance


def test_it_says_the_versions_and_survives_another_process():
    one = sdm(PANEL)
    built = one.provenance
    assert list(built.versions) == ["spillover", "python", "numpy", "scipy", "pandas"]
    assert built.versions["numpy"] == np.__version__
    assert built.to_dict()["weights"] == {"W": W.fingerprint}
    assert pickle.loads(pickle.dumps(built)) == built


NUMBERS = st.lists(st.floats(-1e9, 1e9) | st.integers(-5, 5), min_size=2, max_size=12)


@settings(max_examples=40)
@given(NUMBERS, st.randoms(use_true_random=False))
def test_fingerprints_of_frames(values, random):
    n = len(values)
    a = pd.DataFrame({"x": np.array(values, float), "g": list("ab" * n)[:n], "k": np.arange(n)},
                     index=[f"u{i}" for i in range(n)])  # fmt: skip
    order, columns = random.sample(range(n), n), random.sample(["x", "g", "k"], 3)
    b = a.iloc[order][columns]
    assert fingerprint(a) == fingerprint(b)
    assert fingerprint(a) == fingerprint(b.astype({"k": "float32", "g": "category"}))
    assert fingerprint(a) != fingerprint(a.assign(x=a["x"] + 1))
    assert fingerprint(a) != fingerprint(a.rename(columns={"x": "z"}))
    assert fingerprint(a) != fingerprint(a.set_axis([f"v{i}" for i in range(n)]))
    if a["x"].iloc[0] != a["x"].iloc[1]:  # values of two units exchanged
        swapped = a.assign(x=a["x"].to_numpy()[[1, 0, *range(2, n)]])
        assert fingerprint(a) != fingerprint(swapped)


WITHOUT = {"FitRecord", "OfSeveralWeights", "SeveralRecord", "RegimesRecord", "MissingRecord", "JointEffects",
           "JointFit", "MakeTables", "GrowthAccounting", "Placebos", "Pretrends", "Randomization", "Searches",
           "StochasticFrontier", "PolicyResult"}  # fmt: skip
# Parts of other results, or made as others are.


def test_every_class_of_results_is_tried():
    import importlib
    import pkgutil

    import spatial

    for module in pkgutil.walk_packages(spatial.__path__, "spatial."):
        importlib.import_module(module.name)
    kinds, left = set(), [Shown]
    while left:
        for kind in left.pop().__subclasses__():
            if not issubclass(kind, sp.TestResult | sp.TestTable):
                left.append(kind)
                kinds.add(kind.__name__)
    assert kinds - set(RESULTS) - WITHOUT == set()
