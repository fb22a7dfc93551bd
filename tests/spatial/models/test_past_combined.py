"""GMM on past values with weights of observations, and with more effects than those of units and periods."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from .. import naive_past
from ..designs import nearest

KEYS = {"entity": "i", "time": "t"}
N, T = 40, 6


@pytest.fixture(scope="module")
def data():
    """A dynamic SDM with unit effects and paths by region; w is a weight of each unit, v one that changes."""
    rng = np.random.default_rng(3)
    W = nearest(rng, N, 4)
    x, e = rng.standard_normal((2, T + 10, N))
    region = np.arange(N) % 3
    w, v = np.tile(rng.uniform(0.5, 3, N), (T, 1)), rng.uniform(0.5, 3, (T, N))
    unit, path = rng.standard_normal(N), rng.standard_normal((T + 10, 3))
    inverse, y = np.linalg.inv(np.eye(N) - 0.3 * W), np.zeros((T + 10, N))
    for t in range(1, T + 10):
        y[t] = inverse @ (0.4 * y[t - 1] + x[t] + 0.5 * W @ x[t] + unit + path[t, region] + e[t])
    columns = {"y": y[10:], "x": x[10:], "w": w, "v": v}
    frame = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
    frame["i"], frame["t"] = np.tile(np.arange(N), T), np.repeat(np.arange(T), N)
    frame["region"] = np.array(["a", "b", "c"])[frame["i"] % 3]
    return frame, pd.DataFrame(W)


def arrays(frame, W, model="sdm"):
    """y, x (T, N), Z, past and own instruments of the model with lags="both", all periods but the first."""
    y, x = (frame[name].to_numpy().reshape(T, N) for name in ("y", "x"))
    W = W.to_numpy()
    lag = lambda values, k: values @ np.linalg.matrix_power(W, k).T  # noqa: E731
    Z = [y[:-1], lag(y[:-1], 1), x[1:], lag(x[1:], 1), lag(y[1:], 1)]
    return y[1:], Z, [lag(y[:-1], k) for k in range(3)], [lag(x[1:], k) for k in range(4)]


def deviations(values, w):
    return values - (w * values).sum(axis=1, keepdims=True) / w.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("transform", ["orthogonal", "differences"])
@pytest.mark.parametrize("steps", [1, 2])
def test_twin_with_weights_of_units(data, transform, steps):
    """Period effects leave by weighted means."""
    frame, W = data
    settings = sp.ArellanoBond(transform=transform, steps=steps)
    fit = sp.sdm("y ~ x", frame, W, **KEYS, lags="both", method=settings, obs_weights="w")
    y, Z, past, own = arrays(frame, W)
    w = frame["w"].to_numpy().reshape(T, N)[1:]
    y, *columns = (deviations(values, w) for values in (y, *Z, *past, *own))
    Z, past, own = columns[:5], columns[5:8], columns[8:]
    b, V = naive_past.gmm(y, Z, past, own, w, differences=transform == "differences", steps=steps)
    np.testing.assert_allclose(fit.params, b, rtol=1e-7)
    if steps == 1:  # after two Windmeijer's correction counts the first step's dummies
        np.testing.assert_allclose(fit.vcov, V, rtol=1e-6)
    sampling = sp.sdm("y ~ x", frame, W, **KEYS, lags="both", method=settings, obs_weights=sp.Sampling("w"))
    np.testing.assert_allclose(sampling.params, fit.params, rtol=1e-12)


@pytest.mark.parametrize("transform", ["orthogonal", "differences"])
@pytest.mark.parametrize("gaps", [False, True])
def test_twin_with_weights_that_change(data, transform, gaps):
    """Period effects have dummies; deviations are from weighted means of the later rows."""
    frame, W = data
    rows = frame.drop(index=[7, 93, 151]) if gaps else frame
    fit = sp.ols("y ~ x", rows, W, **KEYS, lags="y", method=sp.ArellanoBond(transform=transform, steps=1),
                 obs_weights="v", missing="period" if gaps else "error")  # fmt: skip
    wide = rows.set_index(["t", "i"]).reindex(pd.MultiIndex.from_product([range(T), range(N)]))
    y, x, v = (wide[name].to_numpy().reshape(T, N) for name in ("y", "x", "v"))
    seen = np.isfinite(y)
    w = np.where(seen[1:] & seen[:-1], v[1:], 0.0)
    before = np.where(seen, v, 0.0)[:-1]
    past = np.where(seen[:-1], deviations(np.nan_to_num(y[:-1]), before), 0.0)
    dummies = [np.repeat(np.eye(T - 1)[t, :, None], N, axis=1) for t in range(1, T - 1)]
    now, before, x = (np.nan_to_num(values) for values in (y[1:], y[:-1], x[1:]))
    b, V = naive_past.gmm(now, [before, x], [past], [x], w, dummies=dummies, differences=transform == "differences",
                          steps=1)  # fmt: skip
    np.testing.assert_allclose(fit.params, b, rtol=1e-7)
    np.testing.assert_allclose(fit.vcov, V, rtol=1e-6)


def test_equal_weights_are_none_and_a_weight_of_two_is_the_unit_twice(data):
    frame, W = data
    settings = sp.ArellanoBond(steps=1)
    keys = {**KEYS, "lags": "y", "method": settings}
    plain = sp.sdm("y ~ x", frame, W, **keys)
    for column in ("w", "v"):
        same = sp.sdm("y ~ x", frame.assign(**{column: 2.0}), W, **keys, obs_weights=column)
        np.testing.assert_allclose(same.params, plain.params, rtol=1e-9)
        np.testing.assert_allclose(same.vcov, plain.vcov, rtol=1e-8)
    double = frame.assign(w=np.where(frame["i"] < 8, 2.0, 1.0))
    twice = pd.concat([frame, frame[frame["i"] < 8].assign(i=lambda f: f["i"] + 100)])
    ids = [*range(N), *range(100, 108)]
    a = sp.ols("y ~ x", double, W, **keys, obs_weights="w")
    b = sp.ols("y ~ x", twice, W.reindex(index=ids, columns=ids, fill_value=0.0), **keys)
    np.testing.assert_allclose(a.params, b.params, rtol=1e-9)


@pytest.mark.parametrize(("transform", "gaps", "steps"), [
    ("orthogonal", True, 1), ("orthogonal", True, 2), ("orthogonal", False, 2), ("differences", False, 1),
])  # fmt: skip
def test_further_effects_are_dummies_in_the_formula(data, transform, gaps, steps):
    """Of a regression, whose regressors have no lags in space that would instrument more."""
    frame, W = data
    rows = frame.drop(index=[7, 93, 151]) if gaps else frame
    keys = {**KEYS, "lags": "y", "method": sp.ArellanoBond(transform=transform, steps=steps),
            "missing": "period" if gaps else "error"}  # fmt: skip
    absorbed = sp.ols("y ~ x | i + t + region^t", rows, W, **keys)
    dummies = sp.ols("y ~ x + C(region):C(t)", rows, W, **keys, effects="twoway")
    names = absorbed.params.index
    assert list(names) == ["lag(y)", "x"]
    np.testing.assert_allclose(absorbed.params, dummies.params[names], rtol=1e-8)
    if steps == 1:  # after two Windmeijer's correction counts the first step's dummies
        np.testing.assert_allclose(absorbed.vcov, dummies.vcov.loc[names, names], rtol=1e-6)
    assert sp.instrument_tests(absorbed)["Hansen J"].statistic == pytest.approx(
        sp.instrument_tests(dummies)["Hansen J"].statistic, rel=1e-7)  # fmt: skip


def test_twin_with_further_effects(data):
    """Paths of regions in an SDM: dummies of all but one region beside period means; a path of a region added to y
    changes nothing where W links regions within themselves."""
    frame, W = data
    fit = sp.sdm("y ~ x | i + t + region^t", frame, W, **KEYS, lags="both", method=sp.ArellanoBond(depth=1, steps=1))
    y, Z, past, own = arrays(frame, W)
    one = np.ones((T - 1, N))
    y, *columns = (deviations(values, one) for values in (y, *Z, *past, *own))
    dummies = [np.outer(np.eye(T - 1)[t], np.arange(N) % 3 == r) for t in range(1, T - 1) for r in (1, 2)]
    dummies = [deviations(values, one) for values in dummies]
    b, V = naive_past.gmm(y, [*columns[:5], *dummies], columns[5:8], [*columns[8:], *dummies], one, depth=1, steps=1)
    np.testing.assert_allclose(fit.params, b[:5], rtol=1e-7)
    np.testing.assert_allclose(fit.vcov, V[:5, :5], rtol=1e-6)
    tests = sp.instrument_tests(fit)
    assert {"Hansen J", "first-stage F of W:y"} <= {test.name for test in tests}
    assert np.isfinite(fit.effects().tidy()["estimate"]).all()
    resid = fit.resid.unstack("t").to_numpy().T
    by_cell = pd.DataFrame(resid.T).groupby(np.arange(N) % 3).mean().to_numpy()
    np.testing.assert_allclose(by_cell, 0, atol=1e-10)


def test_refused(data):
    frame, W = data
    keys = {**KEYS, "lags": "y", "method": "gmm"}
    with pytest.raises(SpatialInputError, match="leaves no unit effects") as caught:
        sp.ols("y ~ x | t + region^t", frame, W, **keys)
    assert caught.value.code == "E501"
    for trends in ("i[t] + t", "i + t + i^half"):
        with pytest.raises(SpatialInputError, match="holds its earlier errors") as caught:
            sp.ols(f"y ~ x | {trends}", frame.assign(half=frame["t"] // 3), W, **keys)
        assert caught.value.code == "E501"
