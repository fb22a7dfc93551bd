"""The method of moments and second weights against R: spatialreg stored here, spatialreg, sphet and splm beside."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt
from spatial.solve.gmm_error import two_moments

from .test_references import PRODUC, ours

STORED = json.loads((Path(__file__).parents[2] / "reference" / "gmm" / "results.json").read_text())
FORMULA = "CRIME ~ INC + HOVAL"


@pytest.fixture(scope="module")
def columbus():
    data = shapefiles.load("columbus")
    return data, wt.queen(data).standardize("row")


@pytest.fixture(scope="module")
def second(columbus):
    """Neighbors of the first or second order, as generate.R makes them; rows in another order on purpose."""
    w = columbus[1]
    W = w.csr.toarray()
    M = (W + W @ W > 0).astype(float)
    np.fill_diagonal(M, 0)
    frame = pd.DataFrame(M / M.sum(1, keepdims=True), index=w.ids, columns=w.ids)
    order = np.random.default_rng(0).permutation(w.ids)
    return frame.loc[order, order]


def named(values: dict, swap=False) -> pd.Series:
    """R's names in our words; sphet and splm call the lag lambda and the error rho."""
    swapped = {"lambda": "rho", "rho": "lambda", "rho_error": "lambda"} if swap else {}
    words = {"Rho": "rho", "Rho_Wy": "rho", **swapped}
    return pd.Series({words.get(k, ours(k.replace("lag_", "lag."))): v for k, v in values.items()}, dtype=float)


def same(got: pd.Series, want: dict, rtol, swap=False):
    want = named(want, swap)
    assert set(want.index) <= set(got.index)
    np.testing.assert_allclose(got[want.index], want, rtol=rtol, atol=1e-9)


# -- stored here ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "case", "vcov", "rtol"), [
    ("sar", "stsls", "classical", 1e-9), ("sar", "stsls_HC0", "hc0", 1e-9), ("sar", "stsls_HC1", "hc1", 1e-9),
    ("sem", "gmerror", "classical", 1e-5), ("sac", "gstsls", "classical", 1e-5), ("sac", "gstsls_M", "classical", 1e-5),
])  # fmt: skip
def test_moments_of_spatialreg(columbus, second, model, case, vcov, rtol):
    """stsls is algebra on both sides; R searches for lambda, which leaves 1e-6 or so."""
    other = {"w_error": second} if case == "gstsls_M" else {}
    fit = getattr(sp, model)(FORMULA, *columbus, method="gmm", vcov=vcov, correction=case == "stsls", **other)
    same(fit.params, STORED[case]["coef"], rtol)
    # gstsls divided by n - p up to spatialreg 1.2; it divides by n since, as Kelejian & Prucha (1998) do
    times = 45 / 49 if model == "sac" else 1
    same(fit.std_errors, {k: v * times**0.5 for k, v in STORED[case]["se"].items()}, rtol)
    assert fit.sigma2 == pytest.approx(STORED[case]["sigma2"] * times, rel=rtol)


@pytest.mark.parametrize("case", ["gns", "sac_M", "gns_M"])
def test_likelihood_with_two_weights_of_spatialreg(columbus, second, case):
    other = {"w_error": second} if case.endswith("M") else {}
    fit = getattr(sp, case[:3])(FORMULA, *columbus, vcov="eim", **other)
    same(fit.params, STORED[case]["coef"], 1e-4)
    same(fit.std_errors, STORED[case]["se"], 1e-3)
    assert fit.loglik == pytest.approx(STORED[case]["loglik"], abs=1e-6)


# -- beside the project --------------------------------------------------------------------------------------


def shared_case(shared, data, weights):
    """(data, W) of a reference on columbus or oldcol."""
    folder = shared / "reference"
    frame = pd.read_csv(folder / f"{data}.csv")
    links = pd.read_csv(folder / f"{data}_w_{weights}.csv".replace("columbus_w_", "columbus_w_gal_"))
    W = np.zeros((len(frame), len(frame)))
    W[links["i"] - 1, links["j"] - 1] = links["w"]
    return frame, pd.DataFrame(W, index=frame.index, columns=frame.index)


def sphet(shared, kind, durbin):
    return json.loads(
        (shared / f"reference/sphet/columbus_W_{kind}_{'durbin' if durbin else 'base'}_.json").read_text()
    )


@pytest.mark.parametrize("where", ["columbus_W", "columbus_B", "oldcol_W"])
@pytest.mark.parametrize(("case", "model", "vcov"), [
    ("stsls_W2X", "sar", "classical"), ("stsls_HC0", "sar", "robust"), ("stsls_HC1", "sar", "hc1"),
    ("gmerror", "sem", "classical"), ("gstsls", "sac", "classical"),
])  # fmt: skip
def test_spatialreg(shared, where, case, model, vcov):
    path = shared / "reference" / "spatialreg" / f"{where}_{case}.json"
    if not path.exists():
        pytest.skip(f"no {path.name}")
    want = json.loads(path.read_text())
    data, w = shared_case(shared, *where.split("_"))
    literal = {"durbin": []} if model in ("sar", "sac") else {}  # without W 1
    factor = case == "stsls_W2X"  # R's stsls alone divides by n - k
    fit = getattr(sp, model)(FORMULA, data, w, method="gmm", vcov=vcov, correction=factor, **literal)
    if (where, case) == ("columbus_B", "gmerror"):  # R's search runs beyond the nearest singularity
        radius = np.linalg.eigvalsh(w.to_numpy()).max()
        assert fit.lam < 1 / radius < want["estimates"]["lambda"]
        return
    searched = case in ("gmerror", "gstsls")
    same(fit.params, want["estimates"], 1e-4 if searched else 1e-8)
    # R's s.e. of lambda takes M'M for M in one moment and is no target
    same(fit.std_errors, {k: v for k, v in want["se"].items() if k != "lambda"}, 1e-3 if searched else 1e-8)


@pytest.mark.parametrize("durbin", [False, True])
@pytest.mark.parametrize(("kind", "model", "vcov"), [
    ("lag_hom", "sar", "classical"), ("lag_het", "sar", "robust"), ("sarar_het", "sac", "robust"),
    ("sarar_hom", "sac", "classical"),
])  # fmt: skip
def test_sphet(shared, kind, model, vcov, durbin):
    """Estimates and the whole covariance of (beta, rho, lambda); "hom" are Drukker, Egger & Prucha's moments."""
    want = sphet(shared, kind, durbin)
    model = {"sar": "sdm", "sac": "gns"}[model] if durbin else model
    factor = kind == "lag_hom"
    columbus = shared_case(shared, "columbus", "W")
    method = sp.Moments(moments="drukker")
    fit = getattr(sp, model)(FORMULA, *columbus, method=method, vcov=vcov, correction=factor)
    same(fit.params, want["estimates"], 1e-5, swap=True)
    same(fit.std_errors, want["se"], 1e-5, swap=True)
    names = named(want["se"], swap=True).index
    np.testing.assert_allclose(fit.vcov.loc[names, names], want["vcov"]["values"], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("durbin", [False, True])
def test_sphet_error_model_has_fewer_instruments(shared, durbin):
    """sphet instruments X - lambda M X by X alone; with that H our engine has its numbers. ``sem`` uses
    X - lambda M X itself, least squares, and is the more precise."""
    want = sphet(shared, "error_het", durbin)
    columbus, options = shared_case(shared, "columbus", "W"), {"method": "gmm", "vcov": "robust", "correction": False}
    fit = (sp.sdem if durbin else sp.sem)(FORMULA, *columbus, **options)
    fewer = replace(fit._sample, H=fit._sample.X, exogenous=np.zeros(fit._sample.X.shape[1], dtype=bool))
    at = two_moments(fewer, (-1, 1))
    np.testing.assert_allclose([*at.beta, at.lam], list(want["estimates"].values()), rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(at.vcov)), list(want["se"].values()), rtol=1e-6)
    assert np.linalg.det(fit.vcov) < np.linalg.det(at.vcov)


@pytest.mark.parametrize(("case", "model"), [("lag", "sar"), ("error", "sem"), ("sarar", "sac")])
def test_splm_entity_effects(shared, case, model):
    want = json.loads((shared / f"reference/splm/produc_gm_within_{case}_initial.json").read_text())
    data = pd.read_csv(shared / "reference" / "produc.csv")
    ids = data["state"].unique()
    links = pd.read_csv(shared / "reference" / "produc_w_usaww_W.csv")
    W = np.zeros((len(ids), len(ids)))
    W[links["i"] - 1, links["j"] - 1] = links["w"]
    w = pd.DataFrame(W, index=ids, columns=ids)
    fit = getattr(sp, model)(PRODUC, data, w, entity="state", time="year", effects="entity", method="gmm")
    same(fit.params, want["estimates"], 1e-4, swap=True)
    share = named(want["se"], swap=True) / fit.std_errors.drop("lambda", errors="ignore")
    np.testing.assert_allclose(share, share.mean(), rtol=1e-4)  # the same matrix, another sigma2
    if case == "lag":  # splm does not count the 48 unit means among the estimates
        assert share.mean() == pytest.approx(((768 - 5) / (816 - 5)) ** 0.5, rel=1e-5)
