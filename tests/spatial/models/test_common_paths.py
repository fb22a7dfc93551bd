"""With period effects, what all units have in common in a period says nothing: y + c_t is y, and x + c_t is x.

Rows of W that all sum to one make it so by themselves. An island, as Hainan is among China's provinces, or binary W do
not: W of the common path is no period effect, and the zero of an island's neighbors would be an outlier.
"""

import numpy as np
import pytest

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from ..designs import nearest, uneven
from ..policy.test_spatial_did import policy_panel

KEYS = {"entity": "i", "time": "t", "effects": "twoway"}
FORMULA = "y ~ d + x"


def data_and_weights(rows, gaps=False):
    rng = np.random.default_rng(3)
    W = uneven(nearest(rng, 24, 4), rows)
    data, *_ = policy_panel(rng, W, T=7, start=4, rho=0.4)
    data = data.assign(x=rng.standard_normal(len(data)), g=np.where(data["i"] % 2, "a", "b"))
    if gaps:
        data = data.drop(data.index[rng.choice(len(data), 12, replace=False)])
    return data, wt.from_dense(W, ids=list(range(24)))


def moved(data):
    return data.assign(y=data["y"] + 10 * data["t"] ** 1.5, x=data["x"] + 5 * np.sin(data["t"]))


RESULTS = {
    "sdm": lambda d, w, **k: sp.sdm(FORMULA, d, w, **KEYS, **k),
    "sar, period effects": lambda d, w, **k: sp.sar(FORMULA, d, w, **KEYS | {"effects": "time"}, **k),
    "slx": lambda d, w, **k: sp.slx(FORMULA, d, w, **KEYS, **k),
    "sdm without correction": lambda d, w, **k: sp.sdm(FORMULA, d, w, correction=False, **KEYS, **k),
    "sem": lambda d, w, **k: sp.sem(FORMULA, d, w, **KEYS, **k),
    "sdem": lambda d, w, **k: sp.sdem(FORMULA, d, w, **KEYS, **k),
    "pair scores": lambda d, w, **k: sp.sdm(FORMULA, d, w, vcov="robust", **KEYS, **k),
    "clusters": lambda d, w, **k: sp.sdm(FORMULA, d, w, vcov="cluster", **KEYS, **k),
    "second order": lambda d, w, **k: sp.sdm(FORMULA, d, w, wx_order=2, **KEYS, **k),
    "effects": lambda d, w, **k: sp.sdm(FORMULA, d, w, **KEYS, **k).effects(),
    "slopes": lambda d, w, **k: sp.slopes(sp.sdm(FORMULA, d, w, **KEYS, **k), "x"),
    "two-stage least squares": lambda d, w, **k: sp.sdm(FORMULA, d, w, method="gmm", **KEYS, **k),
    "dynamic": lambda d, w, **k: sp.sdm(FORMULA, d, w, lags="both", **KEYS, **k),
    "moments of a dynamic panel": lambda d, w, **k: sp.sar(FORMULA, d, w, lags="both", method="gmm", **KEYS, **k),
    "LM tests": lambda d, w, **k: sp.lm_tests(sp.ols(FORMULA, d, w, **KEYS, **k)),
    "LM tests, unequal variances": lambda d, w, **k: sp.lm_tests(sp.ols(FORMULA, d, w, **KEYS, **k), errors="unequal"),
    "LM tests of Durbin models": lambda d, w, **k: sp.durbin_lm_tests(sp.ols(FORMULA, d, w, **KEYS, **k)),
    "diagnostics": lambda d, w, **k: sp.diagnose(sp.sdm(FORMULA, d, w, **KEYS, **k)),
    "spatial differences": lambda d, w, **k: sp.spatial_did(FORMULA, d, w, treatment="d", entity="i", time="t", **k),
    "by group": lambda d, w, **k: sp.heterogeneity(FORMULA, d, w, by="g", **KEYS, **k),
}
WITH_GAPS = ("sdm", "sem", "slx", "effects", "LM tests", "pair scores", "clusters")


def assert_same(a, b):
    columns = [c for c in ("estimate", "std_error", "statistic", "p_value", "conf_low") if c in a]
    np.testing.assert_allclose(b[columns].to_numpy(float), a[columns].to_numpy(float), rtol=2e-4, atol=2e-5)


@pytest.mark.filterwarnings("ignore::spillover.errors.SpatialInputWarning")
@pytest.mark.parametrize("rows", ["an island", "binary"])
@pytest.mark.parametrize("name", RESULTS)
def test_common_paths_change_nothing(name, rows):
    data, w = data_and_weights(rows)
    assert_same(*(RESULTS[name](table, w).tidy() for table in (data, moved(data))))


@pytest.mark.filterwarnings("ignore::spillover.errors.SpatialInputWarning")
@pytest.mark.parametrize("rows", ["an island", "binary"])
@pytest.mark.parametrize("name", WITH_GAPS)
def test_nor_with_gaps(name, rows):
    data, w = data_and_weights(rows, gaps=True)
    assert_same(*(RESULTS[name](table, w, missing="period").tidy() for table in (data, moved(data))))


@pytest.mark.parametrize("kind", ["TS", "TC", "BP", "trend"])
def test_predictions_follow_the_path_of_y(kind):
    data, w = data_and_weights("an island")
    plain, shifted = (sp.sdm(FORMULA, table, w, **KEYS).predict(kind=kind) for table in (data, moved(data)))
    step = shifted - plain
    if kind == "trend":  # A y less the residual
        assert np.isfinite(step).all()
        return
    want = 10 * step.index.get_level_values("t").to_numpy(float) ** 1.5
    np.testing.assert_allclose(step, want, rtol=1e-4, atol=1e-4)


def test_regressors_are_lagged_as_deviations_from_period_means():
    """The dense twin: W (x_t - mean x_t) beside dummies of units and periods."""
    data, w = data_and_weights("an island")
    fit = sp.slx(FORMULA, data, w, **KEYS)
    wide = {c: data.pivot(index="t", columns="i", values=c).to_numpy() for c in ("y", "d", "x")}
    W, (T, N) = w.csr.toarray(), wide["y"].shape
    lagged = [(v - v.mean(axis=1, keepdims=True)) @ W.T for v in (wide["d"], wide["x"])]
    dummies = np.hstack([np.tile(np.eye(N), (T, 1)), np.kron(np.eye(T), np.ones((N, 1)))])
    Z = np.column_stack([wide["d"].ravel(), wide["x"].ravel(), *(v.ravel() for v in lagged), dummies])
    want = np.linalg.lstsq(Z, wide["y"].ravel(), rcond=None)[0][:4]
    np.testing.assert_allclose(fit.params[["d", "x", "W:d", "W:x"]], want, rtol=1e-8)


def test_forecasts_with_period_effects_need_rows_that_sum_to_one():
    data, w = data_and_weights("an island")
    last = data[data["t"] == 6].assign(t=7)
    fit = sp.sdm(FORMULA, data, w, **KEYS)
    with pytest.raises(SpatialInputError, match="rows all sum to one"):
        fit.forecast(last, period_effects="last")
