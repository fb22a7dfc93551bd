"""Restricted maximum likelihood under W that varies over time, and in panels with gaps: dense scores, laws."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt

from .. import naive_moving as dense
from .test_estimators import PANEL
from .test_regimes_moving import T, blocks, drawn
from .test_time_varying import nudged

KEYS = {**PANEL, "missing": "period", "method": "reml"}


def fitted(model, frame, w, effects):
    return getattr(sp, model)("y ~ a + b", frame, w, **KEYS, effects=effects)


@pytest.mark.parametrize("gaps", [0.0, 0.12])
@pytest.mark.parametrize(("model", "effects"), [
    ("sar", "none"), ("sdm", "entity"), ("sem", "none"), ("sem", "twoway"), ("sdem", "entity")])  # fmt: skip
def test_adjusted_scores_of_all_rows_are_zero(model, effects, gaps):
    """Of rho (m / q) (W y)'M A y - tr(M G), of lambda the slope of the restricted likelihood; m rows are left."""
    frame, w = drawn(1, gaps=gaps)
    fit = fitted(model, frame, w, effects)
    W, y = dense.stacked(blocks(frame, w)), frame["y"].to_numpy()
    X = frame[["a", "b"]].to_numpy()
    X = X if effects != "none" else np.column_stack([np.ones(len(X)), X])
    X = np.column_stack([X, W @ frame[["a", "b"]]]) if model in ("sdm", "sdem") else X
    Z = np.column_stack([X, dense.dummies(frame["id"], frame["t"], effects)])
    eye, m = np.eye(len(y)), len(y) - Z.shape[1]
    if model in ("sar", "sdm"):
        M = eye - Z @ np.linalg.pinv(Z)
        e = M @ (y - fit.rho * W @ y)
        score = m / (e @ e) * (W @ y) @ e - np.trace(M @ W @ np.linalg.inv(eye - fit.rho * W))
        assert score == pytest.approx(0, abs=1e-5)
        beta = np.linalg.lstsq(Z, y - fit.rho * W @ y, rcond=None)[0][: X.shape[1]]
        np.testing.assert_allclose(fit.params.to_numpy()[:-1], beta, atol=1e-7)
    else:
        def loglik(lam):
            B = eye - lam * W
            BZ, By = B @ Z, B @ y
            e = By - BZ @ np.linalg.lstsq(BZ, By, rcond=None)[0]
            return np.linalg.slogdet(B)[1] - np.linalg.slogdet(BZ.T @ BZ)[1] / 2 - m / 2 * np.log(e @ e)

        lam = fit.lam
        assert (loglik(lam + 1e-5) - loglik(lam - 1e-5)) / 2e-5 == pytest.approx(0, abs=1e-4)
        curvature = -(loglik(lam + 1e-3) - 2 * loglik(lam) + loglik(lam - 1e-3)) / 1e-6
        assert fit.std_errors["lambda"] == pytest.approx(curvature**-0.5, rel=1e-3)
    assert fit.df_resid == m
    assert len(fit.params) == len(fit.std_errors)


@pytest.mark.parametrize(("model", "effects"), [("sar", "twoway"), ("sem", "twoway"), ("sdm", "entity")])
def test_copies_of_one_matrix_are_that_matrix(model, effects):
    frame, w = drawn(2)
    one = pd.DataFrame(w[1].csr.toarray(), index=w.ids, columns=w.ids)
    a, b = (fitted(model, frame, matrix, effects) for matrix in (one, nudged(one, range(T))))
    assert (a._design.varies, b._design.varies) == (False, True)
    np.testing.assert_allclose(b.params, a.params, atol=1e-7)
    np.testing.assert_allclose(b.std_errors, a.std_errors, rtol=1e-5)
    assert b.df_resid == a.df_resid
    if model != "sem":
        for method in ("quadrature", "delta"):
            mine, theirs = (x.effects(method=method).tidy() for x in (b, a))
            np.testing.assert_allclose(mine["estimate"], theirs["estimate"], atol=1e-6)
            np.testing.assert_allclose(mine["conf_low"], theirs["conf_low"], atol=1e-4)
        assert b.effects(method="delta").by_period()["estimate"].notna().all()


def test_pooled_periods_are_a_cross_section_of_all_rows():
    frame, w = drawn(3, gaps=0.1)
    labels = [f"{i}-{t}" for i, t in zip(frame["id"], frame["t"])]
    flat = frame.drop(columns=["t", "id"]).set_index(pd.Index(labels))
    W = wt.from_dense(dense.stacked(blocks(frame, w)), ids=labels)
    for model in ("sdm", "sem"):
        a, b = fitted(model, frame, w, "none"), getattr(sp, model)("y ~ a + b", flat, W, method="reml")
        np.testing.assert_allclose(a.params, b.params, atol=1e-7)
        np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=1e-6)


def test_expected_information_and_the_test_of_an_error_after_a_lag_are_those_of_all_rows():
    frame, w = drawn(5, gaps=0.1)
    labels = [f"{i}-{t}" for i, t in zip(frame["id"], frame["t"])]
    flat = frame.drop(columns=["t", "id"]).set_index(pd.Index(labels))
    W = wt.from_dense(dense.stacked(blocks(frame, w)), ids=labels)
    for model in (sp.sdm, sp.sac):
        a = model("y ~ a + b", frame, w, **PANEL, missing="period", effects="none")
        b = model("y ~ a + b", flat, W)
        np.testing.assert_allclose(a.with_vcov("eim").std_errors, b.with_vcov("eim").std_errors, rtol=1e-5)
        if model is sp.sdm:
            mine, theirs = sp.lm_residual_error(a), sp.lm_residual_error(b)
            assert mine.statistic == pytest.approx(theirs.statistic, rel=1e-6)
    effects = sp.sar("y ~ a + b", frame, w, **PANEL, missing="period", effects="entity")
    for code, what in (("E109", lambda: effects.with_vcov("eim")), ("E320", lambda: sp.lm_residual_error(effects))):
        with pytest.raises(sp.SpatialInputError, match=code):
            what()


@pytest.mark.parametrize("effects", ["time", "twoway"])
def test_an_error_under_uneven_rows_keeps_its_weights(effects):
    """M carries period effects along, as dummies: one M is as its copies are, and not as M of deviations is."""
    rng, n, T = np.random.default_rng(5), 14, 5
    M = np.eye(n, k=1) + np.eye(n, k=-1)
    M[-1] = M[:, -1] = 0  # an island at the end of a line
    M = M / np.maximum(M.sum(axis=1, keepdims=True), 1)
    fixed, near = wt.from_dense(M), {t: wt.from_dense(M * (1 + 1e-9 * t)) for t in range(T)}
    data = pd.DataFrame({"i": np.tile(np.arange(n), T), "t": np.repeat(np.arange(T), n)})
    data["x"], data["y"] = rng.standard_normal((2, n * T))
    keys = {"entity": "i", "time": "t", "effects": effects, "method": "reml"}
    one, copies = (sp.sem("y ~ x", data, w, **keys) for w in (fixed, wt.temporal(near)))
    np.testing.assert_allclose(one.params, copies.params, atol=1e-7)
    np.testing.assert_allclose(one.std_errors, copies.std_errors, rtol=1e-6)
    path = np.repeat(rng.standard_normal(T), n) * 30
    np.testing.assert_allclose(sp.sem("y ~ x", data.assign(y=data["y"] + path), fixed, **keys).params,
                               one.params, atol=1e-6)  # fmt: skip
