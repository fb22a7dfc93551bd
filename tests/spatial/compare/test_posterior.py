"""Marginal likelihoods: against SDPDmod, against mpmath by another road, and their laws."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln
from scipy.stats import beta

import spatial as sp
from spatial.compare.posterior import integral, log_marginal
from spillover.errors import SpatialInputError

from .conftest import FORMULA, KEYS

EFFECTS = {"none": "none", "individual": "entity", "time": "time", "twoways": "twoway"}
PRODUC = "log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp"
CASES = ["none_uniform", "none_beta", "individual_uniform", "individual_beta", "time_uniform", "time_beta",
         "twoways_uniform", "twoways_beta", "individual_uniform_LY", "time_uniform_LY",
         "twoways_uniform_LY"]  # fmt: skip


@pytest.fixture(scope="module")
def produc(shared):
    data = pd.read_csv(shared / "reference/produc.csv")
    units = list(dict.fromkeys(data["state"]))
    long = pd.read_csv(shared / "reference/produc_w_usaww_W.csv")
    W = np.zeros((len(units), len(units)))
    W[long.iloc[:, 0] - 1, long.iloc[:, 1] - 1] = long.iloc[:, 2]
    return data, pd.DataFrame(W, index=units, columns=units)


@pytest.mark.parametrize("case", CASES)
def test_sdpdmod(case, produc, shared):
    """Its printed log-marginals, integral corrected (docs/disagreements.md says what differs with effects)."""
    data, W = produc
    file = shared / f"reference/sdpdmod/blmp_produc_static_{case}.json"
    want = json.loads(file.read_text())["estimates"]["integral_corrected"]["log_marginal"]
    effects, prior, *ly = case.split("_")
    T, N, correction = 17, len(W), bool(ly)
    for model, value in want.items():
        fit = getattr(sp, model)(PRODUC, data, W, **KEYS, effects=EFFECTS[effects], correction=correction)
        spatial = fit.specification.lag or fit.specification.error
        if not correction and effects in ("time", "twoways") and fit.specification.durbin:
            continue  # there W X is taken of demeaned X: other regressors than W X, demeaned
        if not correction:
            assert log_marginal(fit, sp.Prior(prior, "diffuse")) == pytest.approx(value, abs=1e-6)
            continue
        # After the transformation SDPDmod takes the effects' number off a second time.
        t, n = T - (effects != "time"), N - (effects != "individual")
        left = t * n - {"individual": n, "time": t, "twoways": n + t - 1}[effects]
        result = integral(fit._sample, left, sp.Prior(prior, "diffuse"))
        if spatial and effects != "individual":  # its prior spans the interval of F'WF, ours that of W
            F = np.linalg.qr(np.column_stack([np.ones(N), np.random.default_rng(0).standard_normal((N, N - 1))]))[0]
            e = np.linalg.eigvals(F[:, 1:].T @ W.to_numpy() @ F[:, 1:]).real
            lo, hi = (fit._sample.lag or fit._sample.error).interval
            result += np.log(hi - lo) - np.log(1 / e.max() - 1 / e.min())
        assert result == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("model", ["sar", "sem", "sac"])
def test_mpmath(model):
    """25 digits, by the covariance of y; SAC is integrated in two dimensions."""
    stored = json.loads((Path(__file__).parents[2] / "reference/posterior/results.json").read_text())
    ids = [f"{i:02d}" for i in range(len(stored["y"]))]
    data = pd.DataFrame({"y": stored["y"], "x": stored["x"]}, index=ids)
    W = pd.DataFrame(stored["W"], index=ids, columns=ids)
    specification = getattr(sp, model)
    fit = specification("y ~ x", data, W)
    want = stored["log_marginal"][model.upper()]
    assert log_marginal(fit, sp.Prior(g=len(ids))) == pytest.approx(want, abs=1e-8)


@pytest.mark.parametrize("model", ["slx", "sar", "sem", "sdm", "sdem"])
@pytest.mark.parametrize("effects", ["none", "twoway"])
def test_units_of_x_and_scale_of_w_do_not_matter(model, effects, panel, several):
    """With the g-prior; and other units of y move all models alike."""
    how = {"effects": effects, **KEYS}
    base = getattr(sp, model)("gsp ~ emp + unemp", panel, several["knn5"], **how)
    other = panel.assign(emp=panel["emp"] * 1000, gsp=panel["gsp"] * 10)
    again = getattr(sp, model)("gsp ~ emp + unemp", other, several["knn5"], **how)
    n = base.nobs if effects == "none" else 47 * 16
    shift = -(n - (effects == "none")) * np.log(10)
    assert log_marginal(again) - log_marginal(base) == pytest.approx(shift, rel=1e-9)


def test_any_determinant_gives_the_same(panel, several):
    fits = [sp.sdm(FORMULA, panel, several["queen"], logdet=method, **KEYS) for method in ("eigen", "sparse")]
    assert log_marginal(fits[0]) == pytest.approx(log_marginal(fits[1]), abs=1e-6)


def test_a_dense_grid_agrees(panel, several):
    """Two hundred thousand points of the trapezoidal rule for the beta prior, whose density bends at the ends."""
    fit = sp.sdm(FORMULA, panel, several["inverse"], **KEYS)
    s, prior = fit._sample, sp.Prior("beta", a=2.5)
    n, k = s.n, s.X.shape[1]
    rho = np.linspace(-1, 1, 200_001)[1:-1]
    resid = np.linalg.qr(s.X)[0]
    y, Wy = (v - resid @ (resid.T @ v) for v in (s.y, s.Wy))
    ss = y @ y - 2 * rho * (y @ Wy) + rho**2 * (Wy @ Wy)
    s0 = s.y @ s.y - 2 * rho * (s.y @ s.Wy) + rho**2 * (s.Wy @ s.Wy)
    L = np.concatenate([s.lag.value(part) for part in np.array_split(rho, 20)])
    f = L + gammaln(n / 2) - n / 2 * np.log(np.pi) - k / 2 * np.log1p(n) - n / 2 * np.log((n * ss + s0) / (1 + n))
    f = f + beta.logpdf((rho + 1) / 2, 2.5, 2.5) - np.log(2)
    want = f.max() + np.log(np.exp(f - f.max()).sum() * (rho[1] - rho[0]))
    assert log_marginal(fit, prior) == pytest.approx(want, abs=1e-9)


def test_refused(panel, several):
    gmm = sp.sar(FORMULA, panel, several["queen"], method="gmm", effects="none", **KEYS)
    with pytest.raises(SpatialInputError, match="E511"):
        log_marginal(gmm)
    for bad in ({"rho": "flat"}, {"slopes": "x"}, {"g": -1}, {"a": 0}):
        with pytest.raises(SpatialInputError, match="E5"):
            sp.Prior(**bad)
