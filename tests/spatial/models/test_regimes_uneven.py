"""Regimes beside period effects where rows of W do not all sum to one."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt

from .test_regimes_moving import IDS, KEYS, N, T, drawn
from .test_time_varying import nudged

RHO, SIGMA2 = sp.Regimes("region", rho=True), sp.Regimes("region", sigma2=True)


def uneven_data(gaps=0.0, islands=(1, 5)):
    """Rows of other sums in each unit; some of the west are islands."""
    frame, w = drawn(8, gaps=gaps)
    W = w[0].csr.toarray() * np.linspace(0.6, 1.2, N)[:, None]
    W[list(islands)] = 0
    return frame, pd.DataFrame(W, index=IDS, columns=IDS)


def weights_of(one, moving):
    return nudged(one, range(T)) if moving else wt.from_dense(one.to_numpy(), ids=IDS)


def fitted(model, frame, w, regimes, effects="time", **more):
    return getattr(sp, model)("y ~ a + b", frame, w, **KEYS, effects=effects, regimes=regimes, **more)


@pytest.mark.parametrize(("model", "gaps", "moving"), [("sar", 0, False), ("sar", 0, True), ("sdm", 0.1, False),
                                                       ("sac", 0, False)])  # fmt: skip
@pytest.mark.parametrize("regimes", [RHO, SIGMA2], ids=["rho", "sigma2"])
def test_the_zero_of_y_changes_nothing(regimes, model, gaps, moving):
    """c - rho_r W c is in the span of 1_r and 1_r W 1."""
    frame, one = uneven_data(gaps)
    w, more = weights_of(one, moving), {"method": "delta"}
    a, b = (fitted(model, table, w, regimes) for table in (frame, frame.assign(y=frame["y"] + 500)))
    assert any("W:Intercept" in name for name in a.params.index) == regimes.rho
    same = [name for name in a.params.index if "Intercept" not in name]
    np.testing.assert_allclose(b.params[same], a.params[same], atol=1e-6)
    np.testing.assert_allclose(b.std_errors[same], a.std_errors[same], rtol=1e-5)
    assert b.loglik == pytest.approx(a.loglik, abs=1e-6)
    pd.testing.assert_frame_equal(b.effects(**more).tidy(), a.effects(**more).tidy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(b.predict(kind="TC") - 500, a.predict(kind="TC"), atol=1e-6)


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("regimes", [RHO, SIGMA2], ids=["rho", "sigma2"])
def test_forecasts_follow_the_zero_of_y(regimes, moving):
    frame, one = uneven_data()
    new, w = frame[frame["t"] == T - 1].assign(t=T), weights_of(one, moving)
    future = {"w": weights_of(one, False)} if moving else {}
    a, b = (fitted("sdm", table, w, regimes).forecast(new, period_effects="last", **future).table
            for table in (frame, frame.assign(y=frame["y"] + 500)))  # fmt: skip
    np.testing.assert_allclose(b["estimate"] - 500, a["estimate"], atol=1e-6)


def test_w_one_is_left_out_where_it_is_constant_within_a_regime():
    frame, one = uneven_data()
    one = one.div(one.sum(axis=1).replace(0, 1), axis=0)  # sums of one, and islands in the west
    fit = fitted("sar", frame, weights_of(one, False), RHO)
    assert [name for name in fit.params.index if "W:Intercept" in name] == ["west: W:Intercept"]


@pytest.mark.parametrize("effects", ["time", "twoway"])
@pytest.mark.parametrize("model", ["sar", "sac"])
def test_two_copies_of_a_panel_have_one_variance(model, effects):
    """rho of the copies is that of the plain model, for one W as for copies of it; sandwiches likewise."""
    frame, one = uneven_data()
    twice = pd.concat([frame.assign(id=side + frame["id"], region=side) for side in "ab"], ignore_index=True)
    both = pd.DataFrame(np.kron(np.eye(2), one), *([side + i for side in "ab" for i in IDS],) * 2)
    w, shared = wt.from_dense(both.to_numpy(), ids=list(both.index)), sp.Regimes("region", terms=[], sigma2=True)
    plain, split = (fitted(model, twice, w, regimes, effects) for regimes in (None, shared))
    moving = fitted(model, twice, nudged(both, range(T)), shared, effects)
    for fit in (split, moving):
        np.testing.assert_allclose(fit.params, plain.params, atol=1e-6)
        assert fit.loglik == pytest.approx(plain.loglik, abs=1e-6)
    np.testing.assert_allclose(split.sigma2s, plain.sigma2, rtol=1e-6)
    if model == "sar":
        mine, theirs = (x.with_vcov("robust").std_errors for x in (split, plain))
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)
