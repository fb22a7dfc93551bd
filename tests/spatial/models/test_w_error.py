"""A second W, for the error process alone."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

import spatial as sp

from .. import naive
from .test_estimators import PANEL, cross_section, panel_data, random_weights


@pytest.mark.parametrize("model", ["sem", "sdem", "sac", "gns"])
@pytest.mark.parametrize("method", ["ml", "gmm"])
def test_w_error_that_is_w(model, method):
    data, W = cross_section(17, n=60, rho=0.2, lam=0.1)
    order = W.index[::-1]
    a = getattr(sp, model)("y ~ a + b", data, W, method=method)
    b = getattr(sp, model)("y ~ a + b", data, W, method=method, w_error=W.loc[order, order])
    np.testing.assert_allclose(a.params, b.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(a.vcov, b.vcov, rtol=1e-5, atol=1e-9)


def test_likelihood_with_a_second_w():
    """log|I - rho W| + log|I - lambda M| and e = (I - lambda M)((I - rho W) y - X beta), both dense; no direction
    from the maximum is uphill, and numeric second derivatives give the covariance."""
    data, W = cross_section(23, n=50, lam=0.4)
    ids, n = W.index, len(W)
    M = pd.DataFrame(random_weights(np.random.default_rng(77), n, symmetric=False, islands=2), index=ids, columns=ids)
    fit = sp.sac("y ~ a + b", data, W, w_error=M, correction=False)
    X, y, w, m = np.column_stack([np.ones(n), data[["a", "b"]]]), data["y"].to_numpy(), W.to_numpy(), M.to_numpy()

    def loglik(p):
        A, B, s2 = np.eye(n) - p[3] * w, np.eye(n) - p[4] * m, np.exp(p[5])
        e = B @ (A @ y - X @ p[:3])
        return -n / 2 * np.log(2 * np.pi * s2) + sum(np.linalg.slogdet(D)[1] for D in (A, B)) - e @ e / (2 * s2)

    at = np.append(fit.params.to_numpy(), np.log(fit.sigma2))
    assert fit.loglik == pytest.approx(loglik(at), abs=1e-9)
    best = minimize(lambda p: -loglik(p), at + 0.01, method="BFGS")
    assert fit.loglik >= -best.fun - 1e-7
    information = -naive.hessian(loglik, at)
    np.testing.assert_allclose(fit.vcov, np.linalg.inv(information)[:-1, :-1], rtol=2e-3, atol=1e-7)
    assert "weights of the error" in str(fit)


def test_second_w_after_the_two_way_transformation():
    """Lee & Yu's basis transforms both matrices."""
    data, W = panel_data(3)
    M = pd.DataFrame(random_weights(np.random.default_rng(4), len(W)), index=W.index, columns=W.index)
    fit = sp.sac("y ~ a + b", data, W, **PANEL, effects="twoway", w_error=M)
    wide = {c: data.pivot(index="t", columns="id", values=c)[W.index].to_numpy() for c in "yab"}
    X = np.stack([wide["a"], wide["b"]], axis=2)
    y, Xf, Wf = naive.lee_yu_twoway(wide["y"], X, W.to_numpy())
    Mf = naive.lee_yu_twoway(wide["y"], X, M.to_numpy())[2]
    A, B = np.eye(len(Wf)) - fit.rho * Wf, np.eye(len(Wf)) - fit.lam * Mf
    e = (y @ A.T - Xf @ fit.params[["a", "b"]].to_numpy()) @ B.T
    determinants = len(y) * (np.linalg.slogdet(A)[1] + np.linalg.slogdet(B)[1])
    want = -e.size / 2 * np.log(2 * np.pi * fit.sigma2) + determinants - np.sum(e**2) / (2 * fit.sigma2)
    assert fit.loglik == pytest.approx(want, abs=1e-8)
    assert fit.sigma2 == pytest.approx(np.mean(e**2), rel=1e-9)


def test_dropped_units_leave_both_weights():
    data, W = cross_section(18, n=60, lam=0.3)
    M = pd.DataFrame(random_weights(np.random.default_rng(5), 60), index=W.index, columns=W.index)
    holes = data.copy()
    holes.loc[["u03", "u44"], "a"] = np.nan
    fit = sp.sac("y ~ a + b", holes, W, w_error=M, missing="drop")
    keep = W.index.drop(["u03", "u44"])

    def cut(w):
        part = w.loc[keep, keep]
        return part.div(part.sum(axis=1).replace(0, 1), axis=0)

    by_hand = sp.sac("y ~ a + b", data.loc[keep], cut(W), w_error=cut(M))
    np.testing.assert_allclose(fit.params, by_hand.params, rtol=1e-6)
