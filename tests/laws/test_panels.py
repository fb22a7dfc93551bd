"""Laws of panels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spatial as sp
from spillover.errors import SpatialInputError

from ..spatial import naive
from .cases import PANEL, SEEDS, close, cross_sections, fit, panels

MODEL = st.sampled_from(["sar", "sem", "sdm", "sac"])


def boxes(data, W):
    """y (T, N) and x (T, N, 1) in the order of W."""
    wide = data.pivot(index="time", columns="unit", values=["y", "a"])
    return wide["y"][W.index].to_numpy(), wide["a"][W.index].to_numpy()[:, :, None]


@given(panels(), st.sampled_from(["entity", "twoway"]), SEEDS)
def test_constants_of_units_and_periods(case, effects, seed):
    """L20: y + (I - rho W)^-1 (c_i + d_t) leaves rho, b and sigma2 as they are."""
    data, W = case
    one = fit("sar", "y ~ a", data, W, effects=effects, **PANEL)
    rng = np.random.default_rng(seed)
    y, x = boxes(data, W)
    fixed = rng.standard_normal(len(W)) + (effects == "twoway") * rng.standard_normal((len(y), 1))
    moved = y + np.linalg.solve(np.eye(len(W)) - one.rho * W.to_numpy(), fixed.T * np.ones((len(W), len(y)))).T
    other = pd.DataFrame({"unit": np.tile(W.index, len(y)), "time": np.repeat(sorted(data["time"].unique()), len(W)),
                          "y": moved.ravel(), "a": x.ravel()})  # fmt: skip
    again = fit("sar", "y ~ a", other, W, effects=effects, **PANEL)
    close(again.params, one.params, one.std_errors)
    np.testing.assert_allclose(again.sigma2, one.sigma2, rtol=1e-6)


@given(panels(), st.booleans())
def test_any_basis_of_the_transformation(case, lag):
    """L21: the likelihood of data transformed by a basis drawn at random is ours at the maximum, and flat there."""
    data, W = case
    one = fit("sar" if lag else "sem", "y ~ a", data, W, effects="twoway", **PANEL)
    y, X, V = naive.lee_yu_twoway(*boxes(data, W), W.to_numpy())
    T, n = y.shape

    def loglik(theta):
        rho, lam = (theta[1], 0.0) if lag else (0.0, theta[1])
        e = y - rho * y @ V.T - X[..., 0] * theta[0]
        e = e - lam * e @ V.T
        det = np.linalg.slogdet(np.eye(n) - theta[1] * V)[1]
        return T * det - T * n / 2 * np.log(2 * np.pi * theta[2]) - (e**2).sum() / (2 * theta[2])

    at = np.array([one.params["a"], one.rho + one.lam, one._solution.sigma2])
    assert abs(loglik(at) - one.loglik) < 1e-7 * max(1, abs(one.loglik))
    for j, size in enumerate([*one.std_errors[["a", "rho" if lag else "lambda"]], at[2]]):
        step = np.eye(3)[j] * size * 1e-3
        assert max(loglik(at + step), loglik(at - step)) < one.loglik + 1e-9


@given(panels(), MODEL)
def test_one_way_effects_with_and_without_the_correction(case, model):
    """L22: rho and b are the same, sigma2 differs by (T - 1) / T."""
    data, W = case
    one, other = (fit(model, "y ~ a", data, W, effects="entity", correction=how, **PANEL) for how in (True, False))
    T = data["time"].nunique()
    close(other.params, one.params, one.std_errors)
    np.testing.assert_allclose(other._solution.sigma2, one._solution.sigma2 * (T - 1) / T, rtol=1e-6)


@given(cross_sections(kinds=("row", "asymmetric"), islands=0), MODEL, st.integers(2, 4))
def test_one_period_and_copies_of_it(case, model, copies):
    """L23: one period is the cross-section; T copies give the same estimates, with errors over the root of T."""
    data, W = case
    plain = {"effects": "none", "correction": False, **PANEL}
    one = fit(model, "y ~ a + b", data, W, correction=False)
    alone = fit(model, "y ~ a + b", data.reset_index().assign(time=1), W, **plain)
    close(alone.params, one.params, one.std_errors)
    close(alone.std_errors, one.std_errors, one.std_errors)
    many = pd.concat([data.reset_index().assign(time=t) for t in range(copies)])
    other = fit(model, "y ~ a + b", many, W, **plain)
    close(other.params, one.params, one.std_errors)
    np.testing.assert_allclose(other.std_errors * np.sqrt(copies), one.std_errors, rtol=1e-5)


@given(panels(), MODEL, st.sampled_from(["none", "entity", "time", "twoway"]), SEEDS)
def test_order_of_rows(case, model, effects, seed):
    """L24: sorted by period, by unit backwards, or not at all and with keys in the index; W in another order."""
    data, W = case
    one = fit(model, "y ~ a", data, W, effects=effects, **PANEL)
    rng = np.random.default_rng(seed)
    places = rng.permutation(W.index)
    shuffled = data.iloc[rng.permutation(len(data))]
    for rows in (data.sort_values(["unit", "time"], ascending=False), shuffled.set_index(["time", "unit"])):
        other = fit(model, "y ~ a", rows, W.loc[places, places], effects=effects, **PANEL)
        close(other.params, one.params, one.std_errors, 1e-6)
        assert abs(other.loglik - one.loglik) < 1e-8 * max(1, abs(one.loglik))


@pytest.mark.filterwarnings("ignore:.*treated without neighbors")
@settings(max_examples=settings.default.max_examples // 5)  # slow: an effect with its law for every example
@given(SEEDS, st.integers(3, 5), st.integers(12, 18))
def test_a_policy_without_exposure_is_two_way_fixed_effects(seed, T, N):
    """L30: treated units are islands; W D is left out and said so, the rest is PanelOLS; none or all treated: E233."""
    from linearmodels.panel import PanelOLS

    rng = np.random.default_rng(seed)
    W = np.zeros((N, N))
    treated, others = N // 3, np.arange(N // 3, N)
    W[others, np.roll(others, 1)] = W[others, np.roll(others, -1)] = 0.5
    D = np.outer(np.arange(T) >= T // 2, np.arange(N) < treated).astype(float)
    y = rng.standard_normal((T, N)) + rng.standard_normal(N) + D
    data = pd.DataFrame({"unit": np.tile(np.arange(N), T), "time": np.repeat(np.arange(T), N), "y": y.ravel(),
                         "d": D.ravel()})  # fmt: skip
    labelled = pd.DataFrame(W)
    result = sp.spatial_did("y ~ d", data, labelled, model="slx", path=False, vcov="robust", **PANEL)
    assert "W:d is zero and was left out" in str(result)
    indexed = data.set_index(["unit", "time"])
    peer = PanelOLS(indexed["y"], indexed[["d"]], entity_effects=True, time_effects=True).fit().params["d"]
    np.testing.assert_allclose(result.table["estimate"].to_numpy()[:3], [peer, 0, peer], atol=1e-9)
    with pytest.raises(SpatialInputError, match="E233"):
        sp.spatial_did("y ~ d", data.assign(d=float(seed % 2)), labelled, model="slx", **PANEL)
