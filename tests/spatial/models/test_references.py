"""Estimates against R: stored results on shipped data, and splm, SDPDmod and plm where shared data are there.

Tolerances: both sides maximise the same function; R stops when the likelihood moves by less than its
optimiser's tolerance, which leaves 1e-6 or so in rho. Standard errors are R's expected information.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt

STORED = json.loads((Path(__file__).parents[2] / "reference" / "spatialreg" / "results.json").read_text())
PRODUC = "log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp"
SHORT = {"lpcap": "log(pcap)", "lpc": "log(pc)", "lemp": "log(emp)"}


def ours(name):
    """R's name of a coefficient in our words."""
    name = name.removeprefix("I(x - lambda * WX)")
    for mark in ("lag.", "w_", "W*"):
        if name.startswith(mark) and name != "lag_":
            return "W:" + ours(name.removeprefix(mark))
    return {"(Intercept)": "Intercept", **SHORT}.get(name, name)


def same(got: pd.Series, want: dict, rtol):
    want = pd.Series({ours(k): v for k, v in want.items()}, dtype=float)
    assert set(want.index) == set(got.index)
    np.testing.assert_allclose(got[want.index], want, rtol=rtol, atol=1e-9)


# -- stored here ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def columbus():
    data = shapefiles.load("columbus")
    return data, wt.queen(data).standardize("row")


@pytest.mark.parametrize(
    ("model", "rtol", "se_rtol"), [("sar", 1e-6, 1e-5), ("sdm", 1e-6, 1e-5), ("sem", 1e-6, 1e-5), ("sac", 1e-4, 1e-3)]
)
def test_columbus(columbus, model, rtol, se_rtol):
    data, w = columbus
    fit = getattr(sp, model)("CRIME ~ INC + HOVAL", data, w, vcov="eim")
    want = STORED["columbus"][model]
    same(fit.params, want["coef"], rtol)
    same(fit.std_errors, want["se"], se_rtol)
    assert fit.loglik == pytest.approx(want["loglik"], abs=1e-6)
    assert fit.sigma2 == pytest.approx(want["s2"], rel=rtol)


def test_columbus_effects(columbus):
    data, w = columbus
    eff = sp.sdm("CRIME ~ INC + HOVAL", data, w).effects()
    for name, want in STORED["columbus"]["impacts_sdm"].items():
        assert eff.direct[name] == pytest.approx(want["direct"], rel=1e-6)
        assert eff.total[name] == pytest.approx(want["total"], rel=1e-5)


def test_columbus_lm_tests(columbus):
    data, w = columbus
    tests = sp.lm_tests(sp.ols("CRIME ~ INC + HOVAL", data, w, correction=False))
    names = {
        "LMerr": "LM error",
        "LMlag": "LM lag",
        "RLMerr": "robust LM error",
        "RLMlag": "robust LM lag",
        "SARMA": "SARMA",
    }
    for r_name, name in names.items():
        assert tests[name].statistic == pytest.approx(STORED["columbus"]["lm"][r_name], rel=1e-9)


@pytest.mark.parametrize("effects", ["entity", "twoway"])
def test_panel_without_correction(panel, queen, effects):
    """spatialreg on demeaned, stacked data is the uncorrected fixed-effects estimator."""
    fit = sp.sdm(PRODUC, panel, queen, entity="state", time="year", effects=effects, correction=False, vcov="eim")
    want = STORED["panel"][effects]
    same(fit.params, want["coef"], 1e-6)
    same(fit.std_errors, want["se"], 1e-5)
    assert fit.loglik == pytest.approx(want["loglik"], abs=1e-6)


def test_panel_without_spatial_terms(panel, queen):
    keys = {"entity": "state", "time": "year"}
    fixed = sp.ols(PRODUC, panel, queen, effects="entity", **keys)
    random = sp.ols(PRODUC, panel, queen, effects="random", **keys)
    want = STORED["plm"]
    same(random.params, want["random"], 1e-8)
    same(random.std_errors, want["random_se"], 1e-8)
    same(fixed.std_errors, want["entity_se"], 1e-8)
    names = list(fixed.params.index)
    d, V = fixed.params - random.params[names], fixed.vcov - random.vcov.loc[names, names]
    assert d @ np.linalg.solve(V, d) == pytest.approx(want["hausman"], rel=1e-8)
    assert np.linalg.eigvalsh(V).min() < 0  # so that plm's quadratic form decides nothing
    assert "by regression" in sp.hausman(fixed, random).null


# -- beside the project --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def produc(shared):
    """Produc and usaww as R had them, rows shuffled on purpose."""
    folder = shared / "reference"
    data = pd.read_csv(folder / "produc.csv")
    ids = data["state"].unique()
    links = pd.read_csv(folder / "produc_w_usaww_W.csv")
    dense = np.zeros((len(ids), len(ids)))
    dense[links["i"] - 1, links["j"] - 1] = links["w"]
    return data.sample(frac=1, random_state=3), pd.DataFrame(dense, index=ids, columns=ids), folder


def fit_produc(produc, model, **options):
    data, W, _ = produc
    return getattr(sp, model)(PRODUC, data, W, entity="state", time="year", vcov="eim", **options)


def reference(produc, case):
    return json.loads((produc[2] / f"{case}.json").read_text())


EFFECTS = {"none": "none", "individual": "entity", "time": "time", "twoways": "twoway"}


@pytest.mark.parametrize("r_effects", ["individual", "time", "twoways"])
@pytest.mark.parametrize(
    ("model", "case"), [("sar", "lag"), ("sdm", "durbin"), ("sem", "error"), ("sac", "sarar"), ("sdem", "durbin_error")]
)
def test_splm_fixed_effects(produc, r_effects, model, case):
    path = {
        "durbin": f"splm/produc_within_durbin_{r_effects}_lag",
        "durbin_error": f"splm/produc_within_durbin_{r_effects}_error",
    }
    want = reference(produc, path.get(case, f"splm/produc_within_{r_effects}_{case}"))
    fit = fit_produc(produc, model, effects=EFFECTS[r_effects], correction=False)
    swapped = {"lambda": "rho", "rho": "lambda"}  # splm calls the lag lambda
    same(fit.params, {swapped.get(k, k): v for k, v in want["estimates"].items()}, 1e-4 if model == "sac" else 1e-6)
    if want["fit"].get("logLik"):
        assert fit.loglik == pytest.approx(want["fit"]["logLik"], abs=1e-6)
    exact = (want.get("impacts") or {}).get("exact_dense")
    if exact and model == "sdm":
        eff = fit.effects()
        for kind in ("direct", "indirect", "total"):
            same(getattr(eff, kind), exact[kind], 1e-5)


@pytest.mark.parametrize(("case", "effects", "correction"), [
    ("individual", "entity", False), ("time", "time", False), ("twoways", "twoway", False),
    ("individual_LY_demn", "entity", True), ("time_LY_demn", "time", True), ("twoways_LY_demn", "twoway", True),
    ("twoways_LY", "twoway", "additive"),
])  # fmt: skip
@pytest.mark.parametrize("model", ["sar", "sdm"])
def test_sdpdmod(produc, model, case, effects, correction):
    """Estimates and s.e.; SDPDmod's two-way transformation uses a rounded log-determinant grid (1e-3)."""
    want = reference(produc, f"sdpdmod/produc_static_{model}_{case}")
    fit = fit_produc(produc, model, effects=effects, correction=correction)
    coarse = case == "twoways_LY_demn"
    same(fit.params, want["estimates"], 5e-3 if coarse else 1e-5)
    if correction != "additive":  # there the s.e. of rho keep the uncorrected information
        same(fit.std_errors, want["se"], 2e-4)
    assert fit.sigma2 == pytest.approx(want["fit"]["sigma2"], rel=1e-4)


@pytest.mark.parametrize(
    ("r_effects", "effects"),
    [("pooling", "none"), ("within_individual", "entity"), ("within_time", "time"), ("within_twoways", "twoway")],
)
def test_plm_and_slmtest(produc, r_effects, effects):
    fit = fit_produc(produc, "ols", effects=effects)
    want = reference(produc, f"plm/produc_{r_effects}")
    same(fit.params, want["estimates"], 1e-7)
    same(fit.std_errors, want["se"], 1e-7)
    assert fit.sigma2 == pytest.approx(want["fit"]["sigma2_df"], rel=1e-8)
    uncorrected = fit_produc(produc, "ols", effects=effects, correction=False)
    tests, stored = sp.lm_tests(uncorrected), reference(produc, "splm/produc_tests")["tests"]
    for r_name, name in (
        ("lml", "LM lag"),
        ("lme", "LM error"),
        ("rlml", "robust LM lag"),
        ("rlme", "robust LM error"),
    ):
        assert tests[name].statistic == pytest.approx(
            stored[f"slmtest_{r_name}_{r_effects}"]["statistic"]["LM"], rel=1e-8
        )


def test_shipped_queen_is_usaww(produc, queen, states):
    """The references on usaww hold for shipped data: queen contiguity of us_states has the same links."""
    _, W, _ = produc
    names = (
        states["name"].str.upper().str.replace(" ", "_").replace("TENNESSEE", "TENNESSE").reindex(queen.ids)
    )  # R's spelling
    dense = W.loc[names, names].to_numpy()
    np.testing.assert_allclose(queen.csr.toarray(), dense, atol=1e-12)


@pytest.mark.parametrize("weights", ["W", "B"])
@pytest.mark.parametrize("case", ["lag", "sdm", "error", "sdem", "sac"])
def test_spatialreg_columbus(shared, case, weights):
    """Row-standardised and binary W; with the latter W 1 is among the lagged regressors."""
    folder = shared / "reference"
    data = pd.read_csv(folder / "columbus.csv")
    links = pd.read_csv(folder / f"columbus_w_gal_{weights}.csv")
    W = np.zeros((49, 49))
    W[links["i"] - 1, links["j"] - 1] = links["w"]
    w = pd.DataFrame(W, index=data.index, columns=data.index)
    model = {"lag": "sar", "error": "sem"}.get(case, case)
    literal = {"durbin": []} if model in ("sar", "sac") else {}  # without W 1
    fit = getattr(sp, model)("CRIME ~ INC + HOVAL", data, w, vcov="eim", **literal)
    want = json.loads((folder / f"spatialreg/columbus_{weights}_{case}.json").read_text())
    loose = model == "sac"
    same(fit.params, want["estimates"], 1e-4 if loose else 1e-6)
    same(fit.std_errors, want["se"], 1e-3 if loose else 1e-5)
    assert fit.loglik == pytest.approx(want["fit"]["logLik"], abs=1e-6)
    exact = (want.get("impacts") or {}).get("exact_dense")
    if exact:
        eff = fit.effects()
        for kind in ("direct", "indirect", "total"):
            same(getattr(eff, kind), exact[kind], 1e-5)
