"""Moments of a spatial error with weights of observations, with further effects: dense twins, laws, refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag

import spatial as sp
from spillover.errors import SpatialInputError

from .. import naive_moments
from .test_endogenous import IV, KEYS, sample
from .test_moments_by_period import N, T, panel, raw_columns

pytestmark = pytest.mark.filterwarnings("ignore:rho = .* lies outside")
WAYS = "y ~ x + c | i + t + g^t"


@pytest.fixture(scope="module")
def data():
    """With weights that change over time, that do not, that are one, and groups that links leave."""
    frame, W = sample(41, n=N, T=T)
    moving = np.random.default_rng(2).uniform(0.3, 4, T * N)
    groups = np.tile(np.arange(N) % 3, T)
    return frame.assign(moving=moving, fixed=np.tile(moving[:N], T), one=1.0, g=groups, all=0), W


def weighted_columns(data, W, model, weights, there=None, each=None):
    """y, Z, exogenous, H, z, M_t of rows times the roots of their weights, and these roots."""
    there = np.ones((T, N), dtype=bool) if there is None else there
    each = [W.to_numpy()] * T if each is None else each
    y, Z, exogenous, H, z = raw_columns(data, each, there, model, "twoway", False)
    root = np.sqrt(data[weights].to_numpy())
    starts = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    blocks = [w * root[a:b, None] / root[a:b] for w, a, b in zip(each, starts, starts[1:])]
    return root * y, root[:, None] * Z, exogenous, root[:, None] * H, root[:, None] * z, blocks, root


@pytest.mark.parametrize(("model", "effects", "errors"), [
    ("sem", "twoway", "cluster"), ("gns", "time", "robust"), ("sac", "twoway", "kelejian"),
    ("sdem", "twoway", "drukker"),
])  # fmt: skip
def test_dense_twin_of_weights_beside_period_effects(data, model, effects, errors):
    frame, W = data
    options = {"vcov": errors} if errors in ("robust", "cluster") else {"method": sp.Moments(moments=errors)}
    fit = getattr(sp, model)("y ~ x + c", frame, W, **KEYS, **{**IV, **options}, effects=effects, obs_weights="fixed",
                             correction=False)  # fmt: skip
    y, Z, exogenous, H, z, (M, *_), root = weighted_columns(frame, W, model, "fixed")
    H = np.column_stack([H, block_diag(*[M] * T) @ z])
    d, lam, V = naive_moments.error_by_moments(y, Z, exogenous, H, M, T, effects, errors, lo=-1.4, root=root[:N])
    np.testing.assert_allclose(fit.params, [*d, lam], rtol=1e-5)
    np.testing.assert_allclose(fit.vcov, V, rtol=1e-3, atol=1e-6 * np.abs(V).max())


@pytest.mark.parametrize(("model", "effects", "errors"), [
    ("sem", "entity", "kelejian"), ("gns", "twoway", "drukker"),
])  # fmt: skip
def test_dense_twin_of_weights_that_change(data, model, effects, errors):
    frame, W = data
    fit = getattr(sp, model)("y ~ x + c", frame, W, **KEYS, **{**IV, "method": sp.Moments(moments=errors)},
                             effects=effects, obs_weights="moving", correction=False)  # fmt: skip
    y, Z, exogenous, H, z, blocks, root = weighted_columns(frame, W, model, "moving")
    D = root[:, None] * naive_moments.dummies(np.ones((T, N), dtype=bool), effects)
    Q = naive_moments.off(D)
    H = np.column_stack([Q @ H, block_diag(*blocks) @ Q @ z])
    d, lam, V = naive_moments.error_by_period(y, Z, exogenous, H, blocks, D, effects == "twoway", errors, root=root)
    np.testing.assert_allclose(fit.params, [*d, lam], rtol=2e-5)
    np.testing.assert_allclose(fit.vcov, V, rtol=1e-3, atol=1e-6 * np.abs(V).max())


def test_dense_twin_of_weights_with_gaps():
    frame, w, each, there = panel("gaps", seed=37)
    frame = frame.assign(moving=np.random.default_rng(2).uniform(0.3, 4, len(frame)))
    fit = sp.sem("y ~ x + c", frame, w, **KEYS, **IV, missing="period", obs_weights="moving", correction=False)
    y, Z, exogenous, H, z, blocks, root = weighted_columns(frame, None, "sem", "moving", there, each)
    D = root[:, None] * naive_moments.dummies(there, "twoway")
    Q = naive_moments.off(D)
    H = np.column_stack([Q @ H, block_diag(*blocks) @ Q @ z])
    d, lam, V = naive_moments.error_by_period(y, Z, exogenous, H, blocks, D, True, "kelejian", root=root)
    np.testing.assert_allclose(fit.params, [*d, lam], rtol=2e-5)
    np.testing.assert_allclose(fit.vcov, V, rtol=1e-3, atol=1e-6 * np.abs(V).max())


@pytest.mark.parametrize(("effects", "vcov"), [("time", "robust"), ("time", "cluster"), ("twoway", "classical")])
def test_weights_that_hardly_change_are_those_that_do_not(data, effects, vcov):
    frame, W = data
    frame = frame.assign(nearly=frame["fixed"] * (1 + 1e-10 * frame["t"]))
    fits = [sp.sac("y ~ x + c", frame, W, **KEYS, **IV, effects=effects, vcov=vcov, obs_weights=name)
            for name in ("fixed", "nearly")]  # fmt: skip
    np.testing.assert_allclose(fits[1].params, fits[0].params, rtol=1e-5)
    np.testing.assert_allclose(fits[1].vcov, fits[0].vcov, rtol=1e-4, atol=1e-8)


def test_paths_and_units_change_nothing_beside_weights(data):
    frame, W = data
    moved = frame.assign(y=frame["y"] + 10 * frame["t"] ** 2 + frame["i"].str[1:].astype(int))
    for weights, vcov in (("fixed", "cluster"), ("moving", "classical")):
        a, b = (sp.sem("y ~ x + c", one, W, **KEYS, **IV, vcov=vcov, obs_weights=weights) for one in (frame, moved))
        np.testing.assert_allclose(b.params, a.params, rtol=1e-6)
        np.testing.assert_allclose(b.vcov, a.vcov, rtol=1e-5, atol=1e-9)


# -- further effects -------------------------------------------------------------------------------------------------


def columns_off(frame, W, model):
    """y, Z, exogenous, H as they are, M_t, and the dummies of units, periods and groups by period."""
    there = np.ones((T, N), dtype=bool)
    y, Z, exogenous, H, z = raw_columns(frame, [W.to_numpy()] * T, there, model, "twoway", False)
    D = np.column_stack([naive_moments.dummies(there, "entity"), pd.get_dummies(frame["g"] * 100 + frame["t"])])
    Q = naive_moments.off(D.astype(float))
    return y, Z, exogenous, np.column_stack([Q @ H, np.kron(np.eye(T), W.to_numpy()) @ Q @ z]), D.astype(float)


@pytest.mark.parametrize(("model", "errors"), [("sem", "kelejian"), ("gns", "drukker"), ("sac", "kelejian")])
def test_dense_twin_of_further_effects(data, model, errors):
    frame, W = data
    fit = getattr(sp, model)(WAYS, frame, W, **KEYS, **{**IV, "method": sp.Moments(moments=errors)}, correction=False)
    y, Z, exogenous, H, D = columns_off(frame, W, model)
    d, lam, V = naive_moments.error_by_period(y, Z, exogenous, H, [W.to_numpy()] * T, D, True, errors, lo=-1.3)
    np.testing.assert_allclose(fit.params, [*d, lam], rtol=2e-5)
    np.testing.assert_allclose(fit.vcov, V, rtol=1e-3, atol=1e-6 * np.abs(V).max())


@pytest.mark.parametrize("model", ["sem", "sdem", "sac", "gns"])
def test_further_effects_that_are_units_and_periods(data, model):
    frame, W = data
    options = {} if model in ("sem", "gns") else {"obs_weights": "fixed"}
    two, further = (getattr(sp, model)(f"y ~ x + c{bar}", frame, W, **KEYS, **IV, **options)
                    for bar in ("", " | i + t + all^t"))  # fmt: skip
    np.testing.assert_allclose(further.params, two.params, rtol=1e-6)
    np.testing.assert_allclose(further.vcov, two.vcov, rtol=1e-5, atol=1e-9)
    a, b = (fit.effects(method="delta").tidy() for fit in (two, further))
    np.testing.assert_allclose(b["estimate"], a["estimate"], rtol=1e-5)
    np.testing.assert_allclose(further.predict(), two.predict(), rtol=1e-5)


def test_without_endogenous_regressors_and_what_follows(data):
    frame, W = data
    fit = sp.sem("y ~ x + c | i + t + g^t", frame, W, **KEYS, method="gmm")
    moved = frame.assign(y=frame["y"] + 5 * frame["g"] * frame["t"] ** 2)
    again = sp.sem("y ~ x + c | i + t + g^t", moved, W, **KEYS, method="gmm")
    np.testing.assert_allclose(again.params, fit.params, rtol=1e-6)
    assert "i + t + g^t effects" in fit.summary()
    assert fit.effects(method="delta").tidy()["std_error"].notna().all()
    with pytest.raises(SpatialInputError, match="errors of one variance") as caught:
        sp.sem(WAYS, frame, W, **KEYS, **IV, vcov="cluster")
    assert caught.value.code == "E501"


def test_two_w_beside_one_of_the_error(data):
    """The error's W alone carries effects; the test of residuals has the traces of what further effects leave."""
    frame, W = data
    both = [W, pd.DataFrame(W.to_numpy() @ W.to_numpy() * (1 - np.eye(N)), W.index, W.columns)]
    two, further = (sp.sac(f"y ~ x + c{bar}", frame, both, w_error=W, **KEYS, **IV) for bar in ("", " | i + t + all^t"))
    np.testing.assert_allclose(further.params, two.params, rtol=1e-6)
    tests = [sp.anselin_kelejian(sp.sdm(f"y ~ x{bar}", frame, W, **KEYS, method="gmm")).statistic
             for bar in ("", " | i + t + all^t")]  # fmt: skip
    assert tests[1] == pytest.approx(tests[0], rel=1e-8)
