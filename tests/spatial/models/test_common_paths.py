"""With period effects, what all units have in common in a period says nothing: y + c_t is y, and x + c_t is x.

Rows of W that all sum to one make it so by themselves. An island, as Hainan is among China's provinces, or binary W do
not: W of the common path is no period effect, and the zero of an island's neighbors would be an outlier.
"""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.models.path_through_w import effects_of_row_sums
from spillover.errors import SpatialInputError, SpatialInputWarning

from ..designs import nearest, of_deviations, uneven
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


def second(w):
    """Another W over the units of w, row-standardised."""
    return wt.from_dense(nearest(np.random.default_rng(8), w.n, 3), ids=list(w.ids))


def holes(data):
    """Some outcomes are not observed."""
    return data.assign(y=data["y"].mask(np.random.default_rng(9).random(len(data)) < 0.08))


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
    "sac": lambda d, w, **k: sp.sac(FORMULA, d, w, **KEYS, **k),
    "gns, period effects": lambda d, w, **k: sp.gns(FORMULA, d, w, **KEYS | {"effects": "time"}, **k),
    "restricted likelihood": lambda d, w, **k: sp.sdm(FORMULA, d, w, method="reml", **KEYS, **k),
    "adjusted scores": lambda d, w, **k: sp.sem(FORMULA, d, w, method="aqs", **KEYS, **k),
    "adjusted scores of a dynamic model": lambda d, w, **k: sp.sdm(FORMULA, d, w, lags="y", method="aqs", **KEYS, **k),
    "dynamic errors": lambda d, w, **k: sp.sac(FORMULA, d, w, lags="both", **KEYS, **k),
    "serial errors": lambda d, w, **k: sp.gns(FORMULA, d, w, serial="ar1", **KEYS, **k),
    "moments of the error": lambda d, w, **k: sp.sac(FORMULA, d, w, method="gmm", **KEYS, **k),
    "Anselin-Kelejian": lambda d, w, **k: sp.anselin_kelejian(sp.sdm(FORMULA, d, w, method="gmm", **KEYS, **k)),
    "several W": lambda d, w, **k: sp.sac(FORMULA, d, [w, second(w)], **KEYS, **k),
    "effects of several W": lambda d, w, **k: sp.sdm(FORMULA, d, [w, second(w)], vcov="robust", **KEYS, **k).effects(),
    "outcomes that are not observed": lambda d, w, **k: sp.sac(FORMULA, holes(d), w, missing="model", **KEYS, **k),
    "by group": lambda d, w, **k: sp.heterogeneity(FORMULA, d, w, by="g", **KEYS, **k),
}
WITH_GAPS = ("sdm", "sem", "slx", "sac", "effects", "LM tests", "pair scores", "clusters")


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


FORECASTS = {
    "sdm": lambda d, w: sp.sdm(FORMULA, d, w, **KEYS),
    "dynamic": lambda d, w: sp.sdm(FORMULA, d, w, lags="both", **KEYS),
    "serial errors": lambda d, w: sp.sac(FORMULA, d, w, serial="ar1", **KEYS),
}  # fmt: skip


@pytest.mark.parametrize("name", FORECASTS)
def test_forecasts_follow_the_path_of_y(name):
    """period_effects="last" takes the last value of the path, whatever W and the regressors' paths are."""
    data, w = data_and_weights("an island")
    new = data[data["t"] == 6].assign(t=7)
    plain, shifted = (FORECASTS[name](table, w).forecast(ahead, period_effects="last").table
                      for table, ahead in ((data, new), (moved(data), moved(new.assign(t=6)).assign(t=7))))  # fmt: skip
    tau = FORECASTS[name](data, w).params.get("lag(y)", 0.0)
    path = 10 * np.arange(7) ** 1.5
    want = path[-1] + tau * (path[-1] - path[-2])  # of a dynamic model A y_T - tau y_{T-1} has the path of both
    np.testing.assert_allclose(shifted["estimate"] - plain["estimate"], want, rtol=1e-4)
    if not tau:  # tau's error is an error of tau (path_T - path_T-1)
        np.testing.assert_allclose(shifted["std_error"], plain["std_error"], rtol=1e-4)


def test_a_forecast_is_that_of_the_dense_equation_in_deviations():
    """(I - rho W J)^-1 (X beta + W J X theta + c + the last period's effect)."""
    data, w = data_and_weights("an island")
    fit, new = sp.sdm(FORMULA, data, w, **KEYS), data[data["t"] == 6].assign(t=7).sort_values("i")
    W, p = of_deviations(w.csr.toarray()), fit.params
    wide = {c: data.pivot(index="t", columns="i", values=c).to_numpy() for c in ("y", "d", "x")}
    u = wide["y"] - p["rho"] * wide["y"] @ W.T
    for c in ("d", "x"):
        u = u - p[c] * wide[c] - p[f"W:{c}"] * wide[c] @ W.T
    c = u.mean(axis=0) + u[-1].mean() - u.mean()
    right = c + sum(p[k] * new[k].to_numpy() + p[f"W:{k}"] * W @ new[k].to_numpy() for k in ("d", "x"))
    got = fit.forecast(new, period_effects="last").table["estimate"].xs(7, level="t").loc[list(range(24))]
    np.testing.assert_allclose(got, np.linalg.solve(np.eye(24) - p["rho"] * W, right), rtol=1e-8)
    with pytest.raises(SpatialInputError, match="E308"):
        fit.forecast(new, second(w), period_effects="last")


def passing_through(path, process):
    """A path that all units share, within the process or beside it."""
    rng = np.random.default_rng(5)
    W = nearest(rng, 31, 3)
    W = np.maximum(W, W.T) > 0
    W = W / np.abs(np.linalg.eigvals(W)).max()
    A, x, e = np.linalg.inv(np.eye(31) - 0.4 * W), *rng.standard_normal((2, 8, 31))
    a = path * np.arange(8)[:, None] ** 1.5
    y = (x + a + e) @ A.T if process == "inside" else (x + e) @ A.T + a
    index = pd.MultiIndex.from_product([range(8), range(31)], names=["t", "i"])
    data = pd.DataFrame({"y": y.ravel(), "x": x.ravel()}, index=index).reset_index()
    return data, wt.from_dense(W, ids=list(range(31)))


@pytest.mark.parametrize(("model", "method"), [("sar", "ml"), ("sdm", "reml"), ("sdm", "aqs"), ("sar", "gmm")])
def test_a_path_that_passes_through_w_is_pointed_out(model, method):
    data, w = passing_through(10, "inside")
    with pytest.warns(SpatialInputWarning, match="a path that all units share passes through W") as warned:
        getattr(sp, model)("y ~ x", data, w, **KEYS, method=method)
    # and the formula that the warning names is taken
    words = next(str(one.message) for one in warned if "passes through W" in str(one.message))
    assert ("with method='ml'" in words) == (method in ("reml", "aqs"))
    data = data.assign(sums=np.tile(w.csr.sum(axis=1), 8))
    free = getattr(sp, model)("y ~ x | i + t[sums]", data, w, entity="i", time="t",
                              method="gmm" if method == "gmm" else "ml")  # fmt: skip
    assert abs(free.rho - 0.4) < 3 * free.std_errors["rho"]


@pytest.mark.parametrize(("path", "process", "share"), [(10, "outside", 1), (0, "inside", 1), (10, "inside", 0)])
def test_one_that_does_not_is_not(path, process, share, recwarn):
    """Nor is one under W whose rows have all one sum, though not that of one."""
    data, w = passing_through(path, process)
    even = nearest(np.random.default_rng(5), 31, 3) * 0.8
    sp.sar("y ~ x", data, w if share else wt.from_dense(even, ids=list(w.ids)), **KEYS)
    assert not any("passes through W" in str(one.message) for one in recwarn)


def test_effects_of_row_sums_are_those_of_dummies():
    """chi2 of T columns W 1 x period with dummies of periods, of residuals that have none of the others in them."""
    fit = sp.ols("y ~ x", *passing_through(1, "inside"), **KEYS)
    d, e = fit._design, fit._solution.resid
    columns = np.kron(np.eye(8), np.column_stack([np.ones(31), d.weights.csr.sum(axis=1)]))
    projected = columns @ np.linalg.lstsq(columns, e, rcond=None)[0]
    assert effects_of_row_sums(d, e, 1.0, True) == (pytest.approx(projected @ e), 7)
