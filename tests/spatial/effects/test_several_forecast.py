"""Forecasts of models with several W and regimes: one W, one regime, interactions, dense matrices."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from .. import naive_regimes as twin
from ..models.test_estimators import PANEL
from ..models.test_regimes import drawn as drawn_by_regime
from ..models.test_several import drawn

SPATIAL = sp.Regimes("region", rho=True, sigma2=True)
LAST = 5  # the first period to come


def cut(frame):
    return frame[frame["t"] < LAST], frame[frame["t"] >= LAST].drop(columns="y")


def of_regimes(n=16, seed=2, **more):
    frame, w, W, codes, *_ = drawn_by_regime(seed, n=n, T=7, rho=(0.5, 0.1), **more)
    return *cut(frame), w, W, codes


def same(got, want, rtol=1e-5):
    pd.testing.assert_frame_equal(got.table, want.table, rtol=rtol)


@pytest.mark.parametrize("effects", ["none", "entity", "twoway", "random", "correlated"])
@pytest.mark.parametrize("model", ["sdm", "sac"])
def test_one_regime_and_one_w_forecast_as_the_plain_model(model, effects):
    past, new, w, *_ = of_regimes()
    keys, read = {**PANEL, "effects": effects}, getattr(sp, model)
    options = {"period_effects": "last"} if effects == "twoway" else {}
    plain = read("y ~ a + b", past, w, **keys).forecast(new, **options)
    for regimes in ("region", SPATIAL):
        if regimes == SPATIAL and effects in ("random", "correlated"):
            continue
        one = read("y ~ a + b", past.assign(region="all"), w, regimes=regimes, **keys)
        same(one.forecast(new.assign(region="all"), **options), plain)
        pd.testing.assert_series_equal(one.predict(new.drop(columns="region"), **options), plain.predicted, rtol=1e-5)
    if model == "sdm" and effects in ("none", "entity", "twoway"):
        several = read("y ~ a + b", past, w, durbin={"a": w, "b": w}, **keys)
        same(several.forecast(new, **options), plain)


def test_another_regime_in_the_new_periods_is_refused():
    past, new, w, *_ = of_regimes()
    number = {"east": 1, "south": 2}
    for by, other in (("region", "east"), ("zone", 1.0)):
        one, two = (frame.assign(zone=frame["region"].map(number)) for frame in (past, new))
        fit = sp.sar("y ~ a + b", one, w, regimes=by, **{**PANEL, "effects": "none"})
        want = fit.forecast(two.drop(columns=by))
        same(fit.forecast(two), want)
        same(fit.forecast(two.assign(zone=two["zone"].astype(float))), want)
        two[by] = two[by].where(two["t"] > LAST).astype(object)
        same(fit.forecast(two), want)  # missing values say nothing
        moved = two[two["region" if by == "zone" else "zone"].isin(["south", 2])].index[0]
        two.loc[moved, by] = other
        with pytest.raises(SpatialInputError, match="puts 1 unit of the new periods in another regime") as refused:
            fit.forecast(two)
        assert refused.value.code == "E502"


@pytest.mark.parametrize("effects", ["none", "entity", "random"])
def test_coefficients_by_regime_forecast_as_interactions(effects):
    past, new, w, *_ = of_regimes()
    past, new = (f.assign(**{label: (f["region"] == label) * 1.0 for label in ("east", "south")}) for f in (past, new))
    formula = "y ~ east:a + south:a + east:b + south:b"
    keys = {**PANEL, "effects": effects}
    by_hand = formula if effects == "entity" else formula + " + east + south - 1"
    fit = sp.sar("y ~ a + b", past, w, regimes="region", **keys)
    same(fit.forecast(new), sp.sar(by_hand, past, w, **keys).forecast(new))


def test_rho_and_variance_by_regime_by_dense_matrices():
    """Fixed unit effects: the path, and its variance at known parameters: what Goldberger's predictor leaves."""
    past, new, w, W, codes = of_regimes(n=14)
    fit = sp.sdm("y ~ a + b", past, w, regimes=SPATIAL, **PANEL, effects="entity")
    p, n = fit.params, len(codes)
    A = np.eye(n) - twin.of_unit(p[["east: rho", "south: rho"]].to_numpy(), codes)[:, None] * W

    def mean(frame):
        out = 0.0
        for x in "ab":
            values = frame[x].to_numpy().reshape(-1, n)
            own, lagged = (twin.of_unit(p[[f"{label}: {lag}{x}" for label in ("east", "south")]].to_numpy(), codes)
                           for lag in ("", "W:"))  # fmt: skip
            out = out + own * values + lagged * (values @ W.T)
        return out

    c = (past["y"].to_numpy().reshape(-1, n) @ A.T - mean(past)).mean(axis=0)
    want = np.linalg.solve(A, (mean(new) + c).T).T
    table = fit.forecast(new).table
    by_period = table["estimate"].unstack("t").to_numpy().T
    np.testing.assert_allclose(by_period, want)
    certain = with_covariance(fit, 0.0)
    inverse, s2 = np.linalg.inv(A), fit.sigma2s.to_numpy()[codes] * freedom(fit)
    errors = np.sqrt(np.diag(inverse @ np.diag(s2 * (1 + 1 / LAST)) @ inverse.T))
    without = certain.forecast(new).table["std_error"]
    np.testing.assert_allclose(without.unstack("t").to_numpy(), errors[:, None] + 0 * want.T)
    assert (table["std_error"] > without).all()


def with_covariance(fit, factor):
    from dataclasses import replace

    return replace(fit, _covariance=factor * fit._covariance)


def freedom(fit):
    from spatial.covariance.kinds import lost_freedom

    return lost_freedom(fit)


def test_two_w_by_dense_matrices_and_other_w_of_new_periods():
    frame, weights, (V, W), *_ = drawn(3, n=14, T=7)
    past, new = cut(frame)
    fit = sp.gns("y ~ a + b", past, weights, **PANEL, effects="entity")
    p, n = fit.params, 14
    A = np.eye(n) - p["rho_1"] * V - p["rho_2"] * W
    B = np.eye(n) - p["lambda_1"] * V - p["lambda_2"] * W

    def mean(rows, V, W):
        each = [rows[x].to_numpy().reshape(-1, n) for x in "ab"]
        return sum(p[x] * v + p[f"W_1:{x}"] * v @ V.T + p[f"W_2:{x}"] * v @ W.T for x, v in zip("ab", each))

    c = (past["y"].to_numpy().reshape(-1, n) @ A.T - mean(past, V, W)).mean(axis=0)
    table = fit.forecast(new).table["estimate"].unstack("t").to_numpy()
    np.testing.assert_allclose(table, np.linalg.solve(A, (mean(new, V, W) + c).T))
    inverse = np.linalg.inv(B @ A)
    certain = with_covariance(fit, 0.0).forecast(new).table["std_error"].unstack("t").to_numpy()
    want = np.sqrt(fit.sigma2 * freedom(fit) * (1 + 1 / LAST) * np.diag(inverse @ inverse.T))
    np.testing.assert_allclose(certain, want[:, None] + 0 * certain)
    # the first W turned round in the new periods
    other = [weights[0], wt.from_dense(W[::-1, ::-1], list(weights[0].ids))]
    A2 = np.eye(n) - p["rho_1"] * V - p["rho_2"] * W[::-1, ::-1]
    got = fit.forecast(new, other).table["estimate"].unstack("t").to_numpy()
    np.testing.assert_allclose(got, np.linalg.solve(A2, (mean(new, V, W[::-1, ::-1]) + c).T))
    with pytest.raises(SpatialInputError, match=r"E501.*every W"):
        fit.forecast(new, weights[0])
