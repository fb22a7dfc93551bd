"""Correlated unit effects by moments: the slopes within units, dense twins, what follows a fit."""

import numpy as np
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from .. import naive_moments
from .test_endogenous import IV, KEYS, sample
from .test_endogenous_random import check_six_moments, quasi, two_stages

CORRELATED = {**KEYS, **IV, "effects": "correlated"}
WITHIN = {**CORRELATED, "effects": "entity"}


@pytest.fixture(scope="module")
def data():
    """y whose unit effects follow x and the instruments."""
    frame, W = sample(41, n=24, T=4)
    rng = np.random.default_rng(1)
    frame["z1"] += np.tile(rng.standard_normal(24), 4)
    own = np.tile(2 * rng.standard_normal(24), 4)
    means = frame.groupby("i")[["x", "z1"]].transform("mean").sum(axis=1)
    return frame.assign(y=frame["y"] + 3 * means + own, c=frame["c"] + frame["z1"]), W


@pytest.mark.parametrize("model", ["ols", "slx"])
def test_slopes_are_those_within_units(data, model):
    """Joshi & Wooldridge (2019), Proposition 2.1, with T periods and with T_i."""
    frame, W = data
    for rows in (frame, frame.drop([3, 30, 31, 70])):
        gaps = {} if len(rows) == len(frame) else {"missing": "period"}
        fit, want = (getattr(sp, model)("y ~ x + c", rows, W, **keys, **gaps) for keys in (CORRELATED, WITHIN))
        np.testing.assert_allclose(fit.params[want.params.index], want.params, rtol=1e-8)
        if not gaps:
            np.testing.assert_allclose(fit.std_errors[want.params.index], want.std_errors, rtol=1e-8)


def with_means(data, W, T, model):
    """The model's columns with unit means of the exogenous ones and of z, W z, and the variances of the first step:
    between units those of y less the endogenous columns times their slopes within."""
    y, Z, exogenous, H, big = two_stages(data, W, T, model)
    durbin, z = model in ("sdm", "gns"), data[["z1", "z2"]].to_numpy()
    N = len(W)
    P = np.kron(np.ones((T, T)) / T, np.eye(N))
    exogenous_columns = [j for j in range(1, Z.shape[1]) if exogenous[j]]
    own = [Z[:, exogenous_columns], z, big @ z] if durbin else [Z[:, exogenous_columns], z]
    own = P @ np.column_stack(own)
    ends = Z.shape[1] - (model in ("sar", "sdm", "sac", "gns"))
    Z = np.column_stack([Z[:, :ends], own, Z[:, ends:]])
    exogenous = np.concatenate([exogenous[:ends], np.ones(own.shape[1], bool), exogenous[ends:]])
    within = [j for j in range(Z.shape[1]) if np.linalg.norm(Z[:, j] - P @ Z[:, j]) > 1e-8]
    Q = np.eye(T * N) - P
    instruments = np.column_stack([Q @ Z[:, [j for j in within if exogenous[j]]], Q @ H])
    d = naive_moments.tsls(Q @ y, Q @ Z[:, within], instruments)[0]
    e = Q @ (y - Z[:, within] @ d)
    others = [j for j in range(Z.shape[1]) if not exogenous[j]]
    slopes = np.array([d[within.index(j)] for j in others])
    left, X = (P @ (y - Z[:, others] @ slopes))[:N], (P @ Z[:, exogenous])[:N]
    gap = left - X @ np.linalg.lstsq(X, left, rcond=None)[0]
    s2 = [e @ e / (N * (T - 1) - len(within)), T * gap @ gap / (N - np.linalg.matrix_rank(X))]
    return y, Z, exogenous, H, s2


@pytest.mark.parametrize("model", ["sar", "sdm"])
def test_dense_twin(data, model):
    frame, W = data
    T, N = 4, 24
    fit = getattr(sp, model)("y ~ x + c", frame, W, **CORRELATED)
    y, Z, exogenous, H, (s2, s2_1) = with_means(frame, W, T, model)
    assert fit._settings.random.sigma2_e == pytest.approx(s2, rel=1e-8)
    phi = max(s2_1 / s2 - 1, 0) / T
    assert fit._settings.random.phi == pytest.approx(phi, rel=1e-7)
    R = quasi(T, N, phi)
    d, Tw = naive_moments.tsls(R @ y, R @ Z, R @ np.column_stack([Z[:, exogenous], H]))
    np.testing.assert_allclose(fit.params, d, rtol=1e-7)
    e = R @ (y - Z @ d)
    np.testing.assert_allclose(fit.vcov, e @ e / (T * N - len(d)) * Tw.T @ Tw, rtol=1e-6)
    sums = (Tw * e[:, None]).reshape(T, N, -1).sum(axis=0)
    np.testing.assert_allclose(fit.with_vcov("cluster").vcov, N / (N - 1) * sums.T @ sums, rtol=1e-6)


def test_dense_twin_of_six_moments(data):
    frame, W = data
    fit = sp.gns("y ~ x + c", frame, W, **CORRELATED, correction=False)
    y, Z, exogenous, H, s2 = with_means(frame, W, 4, "gns")
    check_six_moments(fit, y, Z, exogenous, H, W.to_numpy(), 4, s2)


@pytest.mark.parametrize("model", ["slx", "sdm", "gns"])
def test_what_follows_a_fit(data, model):
    """The unit effects follow the means; forecasts of the last period's regressors hold the means of the fit, and the
    share T phi / (1 + T phi) of the mean residual."""
    frame, W = data
    fit = getattr(sp, model)("y ~ x + c", frame, W, **CORRELATED)
    test = sp.mundlak_test(fit)
    assert test.df == (6, 17)
    assert model != "slx" or test.p_value < 0.01
    assert np.isfinite(fit.effects().tidy()["estimate"]).all()
    assert {"Kleibergen-Paap F"} <= {one.name for one in sp.instrument_tests(fit)}
    new = frame[frame["t"] == 3].assign(t=4)
    A = np.eye(24) - fit.rho * W.to_numpy() if model != "slx" else np.eye(24)
    y, flat = (frame.set_index(["i", "t"])["y"].unstack("t"), fit.predict(kind="TC").unstack("t"))
    share = 4 * fit._settings.random.phi / (1 + 4 * fit._settings.random.phi)
    np.testing.assert_allclose(A @ (fit.predict(new).unstack("t")[4] - flat[3]), share * (A @ (y - flat)).mean(axis=1),
                               rtol=1e-7)  # fmt: skip


def test_several_w_have_means_of_every_lag(data):
    frame, W = data
    other = (W @ W).where(~np.eye(len(W), dtype=bool), 0.0)
    fit = sp.sdm("y ~ x + c", frame, [W, other.div(other.sum(axis=1), axis=0)], **CORRELATED)
    assert {"mean(W_2:x)", "mean(W_1:z1)", "mean(W_2:z2)"} <= set(fit.params.index)
    assert sp.mundlak_test(fit).df[0] == 9
    trend = fit.predict(kind="trend").unstack("t").to_numpy().T
    A = np.eye(24) - sum(rho * w.csr.toarray() for rho, w in zip(fit.rhos, fit._design.weights.matrices))
    reduced = fit.predict(kind="TC").unstack("t").to_numpy().T
    np.testing.assert_allclose(reduced @ A.T, trend, rtol=1e-8)
    lag = {"W_1": W.to_numpy(), "W_2": fit._design.weights.matrices[1].csr.toarray()}

    def column(name):
        if name.startswith("mean("):
            return np.broadcast_to(column(name[5:-1]).mean(axis=0), (4, 24))
        by, _, of = name.rpartition(":")
        values = np.ones((4, 24)) if of == "Intercept" else frame[of].to_numpy().reshape(4, 24)
        return values @ lag[by].T if by else values

    want = sum(value * column(name) for name, value in fit.params.items() if not name.startswith("rho"))
    np.testing.assert_allclose(trend, want, rtol=1e-8)


def test_refused(data):
    frame, W = data
    with pytest.raises(SpatialInputError, match=r"E206.*effects='chamberlain' takes"):
        sp.sdm("y ~ x + c", frame, W, **{**CORRELATED, "effects": "chamberlain"})
    constant = frame.assign(c=frame.groupby("i")["c"].transform("mean"))
    with pytest.raises(SpatialInputError, match=r"E704.*does not vary within units"):
        sp.ols("y ~ x + c", constant, W, **CORRELATED)
