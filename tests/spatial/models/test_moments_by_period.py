"""Moments with gaps, with W that moves and with rows that do not sum to one: dense twins, laws, refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag

import spatial as sp
import weights as wt
from spatial.solve.block_forms import periods_of
from spillover.errors import SpatialInputError

from .. import naive_moments
from ..designs import nearest
from .test_endogenous import IV, KEYS, sample

pytestmark = pytest.mark.filterwarnings("ignore:rho = .* lies outside")
N, T = 16, 4
SHAPES = ("moving", "gaps", "uneven")


def panel(shape, seed=3):
    """A panel, its W for the model, and M_t among the units that are there as dense blocks with the mask (T, N)."""
    data, W = sample(seed, n=N, T=T)
    rng, there, ids = np.random.default_rng(seed), np.ones((T, N), dtype=bool), list(W.index)
    if shape != "gaps":
        each = [nearest(rng, N, 3) * np.linspace(0.5, 1.2, N)[:, None] ** (shape == "uneven") for _ in range(T)]
        return data, wt.temporal({t: wt.from_dense(w, ids=ids) for t, w in enumerate(each)}), each, there
    for t in range(T):
        there[t, rng.choice(N, 2, replace=False)] = False
    cut = [W.to_numpy()[np.ix_(row, row)] for row in there]
    w = wt.from_dense(W.to_numpy(), ids=ids).standardize("row")
    each = [block / np.where((s := block.sum(axis=1, keepdims=True)) > 0, s, 1) for block in cut]
    return data[there.ravel()], w, each, there


def raw_columns(data, each, there, model, effects, centered_lags):
    """Z = [x, c (, W x, W c) (, W y)], which are exogenous, and the instruments; lags before the effects leave."""
    starts = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    m = starts[-1]
    big = np.zeros((m, m))
    for w, a, b in zip(each, starts, starts[1:]):
        J = np.eye(b - a) - 1 / (b - a) if centered_lags else np.eye(b - a)
        big[a:b, a:b] = w @ J
    y, x, c, z = data["y"].to_numpy(), data["x"].to_numpy(), data["c"].to_numpy(), data[["z1", "z2"]].to_numpy()
    durbin, lag = model in ("slx", "sdm", "sdem", "gns"), model in ("sar", "sdm", "sac", "gns")
    Z = {"x": x, "c": c} | ({"W:x": big @ x, "W:c": big @ c} if durbin else {}) | ({"rho": big @ y} if lag else {})
    exogenous = np.array([name in ("x", "W:x") for name in Z])
    H = [z]
    if lag:
        moving = np.column_stack([*(values for name, values in Z.items() if name in ("x", "W:x")), z])
        H += [big @ moving, big @ big @ moving]
    elif durbin:
        H.append(big @ z)
    return y, np.column_stack(list(Z.values())), exogenous, np.column_stack(H), z


@pytest.mark.parametrize("effects", ["entity", "twoway"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("model", ["sar", "slx", "sdm"])
def test_two_stage_least_squares(model, shape, effects):
    """With dummies, and W of every period among the units that are there."""
    data, w, each, there = panel(shape)
    fit = getattr(sp, model)("y ~ x + c", data, w, **KEYS, **IV, effects=effects, missing="period", vcov="cluster")
    centered = effects == "twoway" and shape == "uneven"
    y, Z, _, H, _ = raw_columns(data, each, there, model, effects, centered)
    D = naive_moments.dummies(there, effects)[:, int(effects == "twoway") :]
    keep = slice(D.shape[1], None)
    both, instruments = np.column_stack([D, Z]), np.column_stack([D, Z[:, [0]], *([Z[:, [2]]] * (model != "sar")), H])
    d, weights = naive_moments.tsls(y, both, instruments)
    np.testing.assert_allclose(fit.params, d[keep], rtol=1e-6)
    units = np.nonzero(there)[1]
    shares = pd.DataFrame(weights * (y - both @ d)[:, None]).groupby(units).sum().to_numpy()
    np.testing.assert_allclose(fit.vcov, (N / (N - 1) * shares.T @ shares)[keep, keep], rtol=1e-5)


@pytest.mark.parametrize(("shape", "effects"), [
    ("moving", "entity"), ("moving", "twoway"), ("gaps", "entity"), ("gaps", "twoway"), ("uneven", "twoway"),
    ("uneven", "time"),
])  # fmt: skip
@pytest.mark.parametrize("errors", ["kelejian", "drukker"])
@pytest.mark.parametrize("model", ["sem", "sac"])
def test_dense_twin_of_effects_that_turn(model, errors, shape, effects):
    """The effects' dummies, m x m projections and a numeric search."""
    data, w, each, there = panel(shape, seed=37)
    options = {**IV, "method": sp.Moments(moments=errors)}
    fit = getattr(sp, model)("y ~ x + c", data, w, **KEYS, **options, effects=effects, missing="period",
                             correction=False)  # fmt: skip
    time = effects != "entity"
    y, Z, exogenous, H, z = raw_columns(data, each, there, model, effects, time and shape == "uneven")
    D = naive_moments.dummies(there, effects)
    Q = naive_moments.off(D)
    if time and shape == "uneven":  # M of deviations from period means
        each = [block - block.mean(axis=1, keepdims=True) for block in each]
    M = block_diag(*each)
    H = np.column_stack([Q @ H, M @ Q @ z])
    lo = -1.2 if shape == "uneven" else -0.9
    d, lam, V = naive_moments.error_by_period(y, Z, exogenous, H, each, D, time, errors, lo=lo)
    np.testing.assert_allclose([*fit.params], [*d, lam], rtol=2e-5)
    np.testing.assert_allclose(fit.vcov, V, rtol=1e-3, atol=1e-6 * np.abs(V).max())


@pytest.mark.parametrize("errors", ["kelejian", "drukker", "robust"])
@pytest.mark.parametrize("model", ["sem", "gns"])
def test_without_effects_gaps_are_a_cross_section(model, errors):
    """Units and periods as one cross-section whose W links nobody over time."""
    data, w, each, _ = panel("gaps", seed=8)
    options = {**IV, **({"vcov": "robust"} if errors == "robust" else {"method": sp.Moments(moments=errors)})}
    fit = getattr(sp, model)("y ~ x + c", data, w, **KEYS, **options, effects="none", missing="period", durbin=None
                             if model == "sem" else ["x", "c"])  # fmt: skip
    big = pd.DataFrame(block_diag(*each))
    flat = getattr(sp, model)("y ~ x + c", data.reset_index(drop=True).drop(columns=["i", "t"]), big, **options,
                              durbin=None if model == "sem" else ["x", "c"])  # fmt: skip
    np.testing.assert_allclose(fit.params, flat.params, rtol=1e-8)
    np.testing.assert_allclose(fit.vcov, flat.vcov, rtol=1e-7)


def nearly(W):
    """Weights of every period that are the same to twelve digits, so that they are not taken for one."""
    return wt.temporal({t: wt.from_dense(W.to_numpy() * (1 + 1e-13 * t), ids=list(W.index)) for t in range(T)})


@pytest.mark.parametrize(("errors", "effects"), [
    ("kelejian", "twoway"), ("drukker", "entity"), ("kelejian", "time"), ("robust", "none"), ("robust", "time"),
    ("cluster", "none"), ("cluster", "time"),
])  # fmt: skip
@pytest.mark.parametrize("model", ["sar", "sem", "gns"])
def test_the_same_w_in_all_periods(model, errors, effects):
    """Estimates and covariances of one W."""
    data, W = sample(7, n=30, T=T)
    options = {"vcov": errors} if errors in ("robust", "cluster") else {"method": sp.Moments(moments=errors)}
    one, every = (getattr(sp, model)("y ~ x + c", data, w, **KEYS, **{**IV, **options}, effects=effects)
                  for w in (W, nearly(W)))  # fmt: skip
    np.testing.assert_allclose(every.params, one.params, rtol=1e-8)
    np.testing.assert_allclose(every.vcov, one.vcov, rtol=1e-7)
    assert every.sigma2 == pytest.approx(one.sigma2, rel=1e-9)


@pytest.mark.parametrize("centered", [False, True])
def test_pairs_of_units_over_time(centered):
    """sum_t s_ijt e_it e_jt by loops; the forms themselves by dense matrices."""
    data, w, each, there = panel("gaps")
    d = sp.ols("y ~ x", data, w, **KEYS, missing="period")._design
    periods, rng = periods_of(d), np.random.default_rng(1)
    e = rng.standard_normal(int(there.sum()))
    e = periods.without_means(e) if centered else e
    form = periods.form(lambda M: (M.T @ M, M.T), centered=centered, without_diagonal=True)
    want, dense, start = np.zeros((N, N)), [], 0
    for block, row in zip(each, there):
        n = len(block)
        J = np.eye(n) - 1 / n if centered else np.eye(n)
        A = J @ naive_moments.without_diagonal(J, block.T @ J @ block) @ J
        S, at, own = A + A.T, np.flatnonzero(row), e[start : start + n]
        dense.append(S)
        want[np.ix_(at, at)] += S * np.outer(own, own) * (1 - np.eye(n))
        start += n
    np.testing.assert_allclose(form.products(e, periods.units).toarray(), want, atol=1e-12)
    S = block_diag(*dense)
    np.testing.assert_allclose(form @ e, S @ e, atol=1e-12)
    np.testing.assert_allclose([form.trace, form.inner(form)], [0, np.sum(S * S)], atol=1e-10)


def test_random_effects_take_a_w_that_moves():
    """Two-stage least squares less the share of unit means; one W is the law."""
    data, W = sample(9, n=30, T=T)
    one, every = (sp.sdm("y ~ x + c", data, w, **KEYS, **IV, effects="random") for w in (W, nearly(W)))
    np.testing.assert_allclose(every.params, one.params, rtol=1e-8)
    np.testing.assert_allclose(every.vcov, one.vcov, rtol=1e-7)


def test_what_a_fit_can_do():
    data, w, *_ = panel("gaps", seed=37)
    fit = sp.gns("y ~ x + c", data, w, **KEYS, **IV, missing="period")
    assert {"Sargan", "Hansen J", "Kleibergen-Paap F"} <= {test.name for test in sp.instrument_tests(fit)}
    assert sp.endogeneity_test(fit).tidy()["p_value"].between(0, 1).all()
    assert len(fit.effects(draws=50).tidy()) == 6
    assert fit.predict().notna().all()
    assert len(fit.resid) == fit.nobs


@pytest.mark.parametrize(("code", "shape", "options"), [
    ("E501: moments of SEM", "gaps", {"vcov": "cluster", "effects": "entity"}),
    ("E501: moments of SEM", "uneven", {"vcov": "cluster", "effects": "twoway"}),
    ("E320", "moving", {"effects": "random"}), ("E109", "gaps", {"effects": "random"}),
])  # fmt: skip
def test_refused(code, shape, options):
    data, w, *_ = panel(shape)
    with pytest.raises(SpatialInputError, match=code) as caught:
        sp.sem("y ~ x + c", data, w, **KEYS, **IV, missing="period", **options)
    assert caught.value.hint


def test_many_effects_are_refused(monkeypatch):
    monkeypatch.setattr("spatial.solve.projected_forms.EFFECTS_MAX", 10)
    data, w, *_ = panel("gaps")
    with pytest.raises(SpatialInputError, match="E309"):
        sp.sem("y ~ x + c", data, w, **KEYS, **IV, missing="period")


@pytest.mark.parametrize("shape", ["moving", "gaps"])
def test_weights_of_observations(shape):
    """Rows times the roots of their weights, dummies among them."""
    data, w, each, there = panel(shape)
    data["weight"] = 1 + (np.arange(len(data)) % 5) / 3
    fit = sp.sar("y ~ x + c", data, w, **KEYS, **IV, missing="period", obs_weights="weight", vcov="cluster")
    y, Z, _, H, _ = raw_columns(data, each, there, "sar", "twoway", False)
    D = naive_moments.dummies(there, "twoway")[:, 1:]
    root = np.sqrt(data["weight"].to_numpy())[:, None]
    both, instruments = root * np.column_stack([D, Z]), root * np.column_stack([D, Z[:, [0]], H])
    d, weights = naive_moments.tsls(root[:, 0] * y, both, instruments)
    np.testing.assert_allclose(fit.params, d[-3:], rtol=1e-6)
    shares = pd.DataFrame(weights * (root[:, 0] * y - both @ d)[:, None]).groupby(np.nonzero(there)[1]).sum().to_numpy()
    np.testing.assert_allclose(fit.vcov, (N / (N - 1) * shares.T @ shares)[-3:, -3:], rtol=1e-5)
