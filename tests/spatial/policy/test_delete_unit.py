"""Spatial models without each unit: refits by least squares, by the adjusted likelihood, and Monte Carlo."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

import spatial as sp
from spatial.policy import delete_unit
from spillover.errors import SpatialInputError

from ..designs import nearest, uneven
from . import naive
from .test_spatial_did import long, policy_panel

KEYS = {"entity": "i", "time": "t"}


def dense(data, W, names, effects):
    """y, W y and regressors (T N, ...) with every effect a column."""
    N = len(W)
    sheets = {c: data.pivot(index="t", columns="i", values=c).to_numpy() for c in ("y", "d", "x")}
    T = len(sheets["y"])
    columns = [sheets[n.removeprefix("W:")] @ (W.T if n.startswith("W:") else np.eye(N)) for n in names]
    Z = naive.dummies(T, N, np.zeros(N)) if effects == "twoway" else np.tile(np.eye(N), (T, 1))
    return sheets["y"].ravel(), (sheets["y"] @ W.T).ravel(), np.column_stack([*(c.ravel() for c in columns), Z]), T, N


@pytest.mark.parametrize("effects", ["twoway", "entity"])
@pytest.mark.parametrize("model", ["slx", "sdm", "sar"])
def test_coefficients_are_those_without_the_unit(model, effects):
    """Least squares without the unit's rows at the deleted rho; rho at the maximum of the others' likelihood, its
    log-determinant less the unit's part."""
    rng = np.random.default_rng(4)
    W = nearest(rng, 20, 3)
    data, *_ = policy_panel(rng, W, rho=0.0 if model == "slx" else 0.4)
    data = data.assign(x=rng.standard_normal(len(data)))
    fit = getattr(sp, model)("y ~ d + x", data, pd.DataFrame(W), effects=effects, **KEYS)
    lost = delete_unit.deleted(fit)
    y, Wy, Z, T, N = dense(data, W, lost.names, effects)
    n, of_unit = fit._sample.n, np.tile(np.arange(N), T)

    def residuals(values, rows):
        return values - Z[rows] @ np.linalg.lstsq(Z[rows], values, rcond=None)[0]

    G = W @ np.linalg.inv(np.eye(N) - fit.rho * W)
    everyone = np.ones(N * T, dtype=bool)
    e, f = residuals(y, everyone), residuals(Wy, everyone)
    total = n * (f @ (e - fit.rho * f)) / ((e - fit.rho * f) ** 2).sum()
    for i in (0, 7, 19):
        rows = of_unit != i
        rho = lost.rho[i]
        b = np.linalg.lstsq(Z[rows], (y - rho * Wy)[rows], rcond=None)[0]
        np.testing.assert_allclose(lost.coefficients[i], b[: len(lost.names)], rtol=1e-6, atol=1e-9)
        if model == "slx":
            assert rho == 0
            continue
        e, f = residuals(y[rows], rows), residuals(Wy[rows], rows)
        own = n / N * G[i, i] + (total - n / N * np.trace(G)) / N

        def loss(r):  # the trace is linear around the estimate, as far as one step sees
            slope = n / N * (N - 1) / N * np.trace(G @ G)
            logdet = -(total - own) * (r - fit.rho) - slope * (r - fit.rho) ** 2 / 2  # noqa: B023
            return -logdet + n * (N - 1) / N / 2 * np.log(((e - r * f) ** 2).sum())  # noqa: B023

        best = minimize_scalar(loss, bounds=(-0.9, 0.95), method="bounded", options={"xatol": 1e-9}).x
        step = abs(best - fit.rho)
        assert abs(rho - best) <= 0.1 * step + 1e-6  # one Newton step


@pytest.mark.parametrize("rows", ["an island", "binary"])
@pytest.mark.parametrize("model", ["sdm", "sar", "slx"])
def test_a_common_path_of_y_moves_no_standard_error(model, rows):
    """With period effects y + c_t is y. Where rows of W have different sums, W of the common path is no period effect:
    an island, whose W y is zero, then was an outlier whose deletion threw rho out of its interval."""
    rng = np.random.default_rng(9)
    W = uneven(nearest(rng, 24, 4), rows)
    data, *_ = policy_panel(rng, W, rho=0.4)
    data = data.assign(x=rng.standard_normal(len(data)), clock=10.0 * data["t"] ** 1.5)
    keys = {"treatment": "d", "model": model, **KEYS}
    plain, moved = (sp.spatial_did("y ~ d + x", table, pd.DataFrame(W), **keys)
                    for table in (data, data.assign(y=data["y"] + data["clock"])))  # fmt: skip
    for name in ("estimate", "std_error", "df"):
        np.testing.assert_allclose(moved.table[name], plain.table[name], rtol=1e-5)
        np.testing.assert_allclose(moved.path[name], plain.path[name], rtol=1e-5)
    before, after = plain.pretrends, moved.pretrends
    np.testing.assert_allclose(after.joint.p_value, before.joint.p_value, rtol=1e-5)
    np.testing.assert_allclose(after.slope.p_value, before.slope.p_value, rtol=1e-5)
    lost = delete_unit.deleted(plain.fit)
    spread = np.sqrt(((lost.coefficients - plain.fit.params.to_numpy()[: len(lost.names)]) ** 2).sum(axis=0))
    assert (spread < 3 * plain.fit.std_errors.to_numpy()[: len(lost.names)]).all()
    if model != "slx":
        assert np.abs(lost.rho - plain.fit.rho).max() < 0.2


def test_effects_of_slx_are_its_delete_one_refits():
    """Direct and indirect averages of d: scale and degrees of freedom from dense deletions."""
    rng = np.random.default_rng(6)
    W = nearest(rng, 18, 3)
    data, D, _ = policy_panel(rng, W)
    data = data.assign(x=rng.standard_normal(len(data)))
    result = sp.spatial_did("y ~ d + x", data, pd.DataFrame(W), model="slx", treatment="d", path=False, **KEYS)
    y, _, Z, T, N = dense(data, W, ["d", "x", "W:d", "W:x"], "twoway")
    treated = D == 1
    exposure = (D @ W.T)[treated].mean()
    picks = {"direct on the treated": [1, 0, 0, 0], "indirect on the treated": [0, 0, exposure, 0],
             "total on the treated": [1, 0, exposure, 0]}  # fmt: skip
    of_unit = np.tile(np.arange(N), T)

    def weights(gone, pick):
        rows, out = of_unit != gone, np.zeros(T * N)
        out[rows] = np.array(pick) @ np.linalg.pinv(Z[rows])[:4]
        return out.reshape(T, N)

    for name, pick in picks.items():
        v, without = weights(-1, pick), [weights(i, pick) for i in range(N)]
        error, _, df = naive.jackknife(y.reshape(T, N), np.ones((T, N)), v, without, np.full(N, (N - 1) / N))
        row = result.table.set_index("term").loc[name]
        np.testing.assert_allclose([row["estimate"], row["std_error"], row["df"]], [(v.ravel() * y).sum(), error, df],
                                   rtol=1e-6)  # fmt: skip


def test_a_lead_that_no_neighbor_has_is_left_out_and_said():
    """Asymmetric W: the only early adopter is nobody's neighbor."""
    rng, N, T = np.random.default_rng(2), 16, 8
    W = nearest(rng, N, 3)
    W[:, 0] = 0
    W /= W.sum(axis=1, keepdims=True)
    first = np.array([6, 4, 4, 4, 5, 5, *[T] * 10])  # only unit 0 is seen six periods before
    D = (np.arange(T)[:, None] >= first) * 1.0
    data = long(y=rng.standard_normal((T, N)) + D, d=D)
    result = sp.spatial_did("y ~ d", data, pd.DataFrame(W), **KEYS)
    assert "no effect next door at -6: nobody's neighbor is there" in str(result)
    path = result.path.set_index(["effect", "period"])
    assert np.isnan(path.loc[("direct", -6), "std_error"])
    assert result.pretrends.joint.df[0] == 6


def test_a_lag_that_equals_its_own_indicator_is_left_out_and_said():
    """Two early adopters are each other's neighbors and nobody else's."""
    rng, N, T = np.random.default_rng(2), 16, 8
    W = nearest(rng, N, 3)
    W[:, :2] = 0
    W[0, 1] = W[1, 0] = 1
    W /= W.sum(axis=1, keepdims=True)
    first = np.array([6, 6, 4, 4, 5, 5, *[T] * 10])
    W[[0, 1]] = np.eye(N)[[1, 0]]
    D = (np.arange(T)[:, None] >= first) * 1.0
    result = sp.spatial_did("y ~ d", long(y=rng.standard_normal((T, N)) + D, d=D), pd.DataFrame(W), **KEYS)
    assert "no effect next door at -6" in str(result)
    assert result.path.query("effect == 'direct' and period == -6")["std_error"].gt(0).all()


def test_jackknife_needs_unit_effects():
    rng = np.random.default_rng(5)
    W = nearest(rng, 12, 3)
    data, *_ = policy_panel(rng, W)
    with pytest.raises(SpatialInputError) as caught:
        sp.spatial_did("y ~ d", data, pd.DataFrame(W), effects="time", **KEYS)
    assert caught.value.code == "E533"
    with pytest.warns(sp.SpatialInputWarning, match="clustered standard errors are too small"):
        drawn = sp.spatial_did("y ~ d", *few(rng), vcov="cluster", **KEYS)
    assert "95 % intervals: exact" in str(drawn)
    assert "df" not in drawn.table


@pytest.mark.parametrize("model", ["slx", "sdm", "sar", "sdem"])
def test_the_jackknife_does_not_warn_of_few_clusters(model):
    """It is what that warning would advise."""
    data, w = few(np.random.default_rng(5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sp.spatial_did("y ~ d", data, w, model=model, path=False, **KEYS).table["std_error"].gt(0).all()


def few(rng):
    W = nearest(rng, 8, 3)
    return policy_panel(rng, W)[0], pd.DataFrame(W)


def test_rings_count_their_clean_units():
    """Below five a warning; below two no standard errors; the minimum is printed."""
    rng, T = np.random.default_rng(3), 6

    def fit(clean):
        N = 12 + clean
        D = (np.arange(T)[:, None] >= np.where(np.arange(N) < 4, 3, T)) * 1.0
        W = np.zeros((N, N))
        W[4:12, :4] = 1  # eight neighbors of the treated, the rest alone
        data = long(y=rng.standard_normal((T, N)) + D, d=D)
        return sp.ring_did("y ~ d", data, {"near": pd.DataFrame(W)}, **KEYS)

    many = fit(6)
    assert "at least 6 units in every period" in str(many)
    assert many.table["std_error"].gt(0).all()
    with pytest.warns(sp.SpatialInputWarning, match="only 3 units are neither treated nor in a ring"):
        assert fit(3).table["std_error"].gt(0).all()
    with pytest.warns(sp.SpatialInputWarning, match="only 1 unit is neither"):
        alone = fit(1)
    assert alone.table[["std_error", "p_value", "conf_low"]].isna().all(axis=None)
    assert np.isfinite(alone.table["estimate"]).all()
    with pytest.raises(SpatialInputError) as caught:
        fit(0)
    assert caught.value.code == "E730"
