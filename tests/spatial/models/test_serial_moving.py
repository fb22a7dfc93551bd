"""Errors that are correlated over time under W that varies, and in panels with gaps: the dense likelihood, laws."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.solve.serial import prais_winsten, prais_winsten_of_rows
from spillover.errors import SpatialInputError

from .. import naive
from .. import naive_moving as dense
from .test_estimators import PANEL, random_weights
from .test_regimes_moving import blocks
from .test_time_varying import nudged

N, T = 14, 5
IDS = [f"{i:02d}" for i in range(N)]
KEYS = {**PANEL, "missing": "period", "serial": "ar1"}


def drawn(seed, *, gaps=0.0, psi=0.6):
    """rho = .4 under W that moves, stationary AR(1) errors."""
    rng = np.random.default_rng(seed)
    W = [random_weights(rng, N) for _ in range(T)]
    w = wt.temporal({t: wt.from_dense(one, ids=IDS) for t, one in enumerate(W)})
    a, b, e = rng.standard_normal((3, T, N))
    e[0] /= np.sqrt(1 - psi**2)
    for t in range(1, T):
        e[t] += psi * e[t - 1]
    y = [np.linalg.solve(np.eye(N) - 0.4 * W[t], 2 + a[t] - b[t] + 0.5 * e[t]) for t in range(T)]
    index = pd.MultiIndex.from_product([range(T), IDS], names=["t", "id"])
    frame = pd.DataFrame({"y": np.ravel(y), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    return frame[rng.random(len(frame)) >= gaps].reset_index(drop=True), w


def twin(fit, frame, w):
    """The dense likelihood of (beta, rho, lambda, sigma2, psi) of all rows, and where ours stopped."""
    W, spec = dense.stacked(blocks(frame, w)), fit.specification
    X, y = np.column_stack([np.ones(len(frame)), frame[["a", "b"]]]), frame["y"].to_numpy()
    same = np.equal.outer(frame["id"].to_numpy(), frame["id"].to_numpy())
    apart = np.abs(np.subtract.outer(frame["t"].to_numpy(), frame["t"].to_numpy()))

    def loglik(x):
        beta, (rho, lam), (s2, psi) = x[:3], x[3:5] if spec.lag and spec.error else (
            (x[3], 0.0) if spec.lag else (0.0, x[3])), x[-2:]  # fmt: skip
        A, B = np.eye(len(y)) - rho * W, np.eye(len(y)) - lam * W
        V = same * psi**apart * s2 / (1 - psi**2)
        e = B @ (A @ y - X @ beta)
        value = np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1] - np.linalg.slogdet(V)[1] / 2
        return value - e @ np.linalg.solve(V, e) / 2 - len(y) / 2 * np.log(2 * np.pi)

    return loglik, np.array([*fit.params, fit.sigma2, fit._settings.serial.psi])


@pytest.mark.parametrize(("model", "gaps"), [("sar", 0.0), ("sar", 0.15), ("sem", 0.15), ("sac", 0.15)])
def test_maximum_and_covariance(model, gaps):
    frame, w = drawn(1, gaps=gaps)
    fit = getattr(sp, model)("y ~ a + b", frame, w, **KEYS, effects="none")
    f, at = twin(fit, frame, w)
    assert f(at) == pytest.approx(fit.loglik, abs=1e-8)
    slopes = [(f(at + h) - f(at - h)) / 2e-6 for h in 1e-6 * np.eye(len(at))]
    np.testing.assert_allclose(slopes, 0, atol=2e-3)
    V, p = np.linalg.inv(naive.hessian(lambda x: -f(x), at)), len(fit.params)
    np.testing.assert_allclose(fit.vcov, V[:p, :p], rtol=5e-3, atol=5e-6)
    assert fit._settings.serial.std_error == pytest.approx(np.sqrt(V[-1, -1]), rel=3e-3)
    assert "psi" in fit.summary()
    assert fit.effects().by_period()["estimate"].notna().all() if model != "sem" else True
    assert fit.predict(kind="TC").notna().all()


def test_the_filter_of_rows_is_that_of_all_periods_and_inverts_the_observed_covariance():
    rng = np.random.default_rng(0)
    there = rng.random((6, 5)) < 0.6
    for psi in (0.7, -0.4):
        np.testing.assert_allclose(prais_winsten_of_rows(psi, np.ones((4, 2), dtype=bool)).toarray(),
                                   np.kron(prais_winsten(psi, 4), np.eye(2)), atol=1e-12)  # fmt: skip
        period, unit = np.nonzero(there)
        V = np.equal.outer(unit, unit) * psi ** np.abs(np.subtract.outer(period, period)) / (1 - psi**2)
        K = prais_winsten_of_rows(psi, there).toarray()
        np.testing.assert_allclose(K @ V @ K.T, np.eye(len(unit)), atol=1e-12)


@pytest.mark.parametrize(("model", "effects"), [("sac", "none"), ("sdm", "time"), ("sem", "random"), ("sar", "random")])
def test_copies_of_one_matrix_are_that_matrix(model, effects):
    frame, w = drawn(2)
    one = pd.DataFrame(w[1].csr.toarray(), index=w.ids, columns=w.ids)
    a, b = (getattr(sp, model)("y ~ a + b", frame, matrix, **KEYS, effects=effects)
            for matrix in (one, nudged(one, range(T))))  # fmt: skip
    assert (a._design.varies, b._design.varies) == (False, True)
    np.testing.assert_allclose(b.params, a.params, atol=1e-6)
    np.testing.assert_allclose(b.std_errors, a.std_errors, rtol=1e-4)
    assert b._settings.serial.psi == pytest.approx(a._settings.serial.psi, abs=1e-6)
    mine, theirs = (x.with_vcov(sp.Robust(pairs=False)).std_errors for x in (b, a))
    np.testing.assert_allclose(mine, theirs, rtol=1e-4)


def test_scores_of_psi_by_unit_with_gaps_are_slopes_of_each_likelihood():
    from spatial.covariance.serial import psi_scores

    frame, w = drawn(3, gaps=0.15)
    fit = sp.sar("y ~ a + b", frame, w, **KEYS, effects="none")
    by_row = psi_scores(fit)
    assert by_row.sum() == pytest.approx(0, abs=1e-4)
    _, at = twin(fit, frame, w)
    W = dense.stacked(blocks(frame, w))
    nu = frame["y"] - fit.rho * W @ frame["y"] - np.column_stack([np.ones(len(frame)), frame[["a", "b"]]]) @ at[:3]
    own, psi = (frame["id"] == "03").to_numpy(), at[-1]
    apart = np.abs(np.subtract.outer(frame["t"][own].to_numpy(), frame["t"][own].to_numpy()))

    def of_unit(z):
        V = at[-2] * np.tanh(z) ** apart / (1 - np.tanh(z) ** 2)
        return -np.linalg.slogdet(V)[1] / 2 - nu[own] @ np.linalg.solve(V, nu[own]) / 2

    slope = (of_unit(np.arctanh(psi) + 1e-5) - of_unit(np.arctanh(psi) - 1e-5)) / 2e-5
    assert by_row[own].sum() == pytest.approx(slope, abs=1e-6)
    assert (fit.with_vcov(sp.Robust(pairs=False)).std_errors > 0).all()


@pytest.mark.parametrize(("model", "options", "gaps", "code"), [
    ("sar", {"effects": "entity"}, 0.0, "E320"), ("sar", {"effects": "time"}, 0.15, "E109"),
    ("sem", {"effects": "random", "random_error": "baltagi"}, 0.0, "E320"),
    ("sar", {"effects": "random"}, 0.15, "E109")])  # fmt: skip
def test_effects_that_do_not_leave_are_refused(model, options, gaps, code):
    frame, w = drawn(4, gaps=gaps)
    with pytest.raises(SpatialInputError, match=code):
        getattr(sp, model)("y ~ a + b", frame, w, **KEYS, **options)


def test_what_a_fit_does_not_do():
    frame, w = drawn(5)
    fit = sp.sar("y ~ a + b", frame, w, **KEYS, effects="none")
    with pytest.raises(SpatialInputError, match="E715"):
        fit.with_vcov("robust")
    with pytest.raises(SpatialInputError, match="E320"):
        fit.forecast(frame[frame["t"] == 4].assign(t=5).drop(columns="y"), w[4])
