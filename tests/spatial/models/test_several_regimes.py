"""Several W with regimes: against dense likelihoods and laws."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt

from .. import naive_split as twin
from ..naive_regimes import gradient, hessian

LAG, ERROR = ("sar", "sdm", "sac", "gns"), ("sem", "sdem", "sac", "gns")
BOTH = {"entity": "id", "time": "t"}


def drawn(seed=0, n=36, T=1, G=2, row=True, lam=0.0):
    """Frame, two W, their arrays and the regimes: each regime has another rho_1, rho_2 and variance."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % G
    W = []
    for k in (4, 6):
        order = np.argsort(rng.random((n, n)) + 2 * np.eye(n), axis=1)[:, :k]
        one = np.zeros((n, n))
        one[np.arange(n)[:, None], order] = 1 / k if row else rng.uniform(0.05, 0.2, (n, k))
        W.append(one)
    rho = np.array([[0.4, 0.1, 0.2][:G], [0.1, 0.3, 0.2][:G]])
    A, B = twin.filters(rho, W, codes), np.eye(n) - lam * W[0]
    a, b, e = rng.standard_normal((3, T, n))
    mean = 1 + (1 + codes) * a - 0.5 * b + 0.4 * a @ W[0].T + 0.3 * b @ W[1].T
    mean = mean + (rng.standard_normal(n) + rng.standard_normal((T, 1))) * (T > 1)
    y = (mean + (e * np.sqrt(1 + codes)) @ np.linalg.inv(B).T) @ np.linalg.inv(A).T
    ids = [f"u{i:02d}" for i in range(n)]
    index = pd.MultiIndex.from_product([range(T), ids], names=["t", "id"])
    frame = pd.DataFrame({"y": y.ravel(), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    frame["region"] = np.tile(np.array(["east", "south", "west"])[codes], T)
    return frame, [wt.from_dense(one, ids) for one in W], W, codes, y


def fitted(model, frame, ws, regimes, effects=None, **options):
    keys = BOTH | {"effects": effects} if effects else {"entity": "id"}
    return getattr(sp, model)("y ~ a + b", frame, ws, regimes=regimes, **keys, **options)


def all_by_regime(model, **more):
    return sp.Regimes("region", rho=model in LAG, lam=model in ERROR, sigma2=True, **more)


def sizes(fit):
    """k, and how many rho, lambda and sigma2 each W has."""
    each = [len(next(iter(own.values()))) if own else 1 for own in (fit.rhos_by_weights, fit.lambdas_by_weights)]
    return len(fit._sample.names), *each, len(fit.sigma2s)


# -- the dense twin --------------------------------------------------------------------------------------------

CASES = [*[(model, "region", None) for model in ("sar", "sdm", "sem", "gns")],
         *[(model, all_by_regime(model), None) for model in ("slx", "sar", "sdm", "sem", "sdem", "sac", "gns")],
         ("sdm", sp.Regimes("region", terms=["a"], rho=True), None), ("sdm", all_by_regime("sdm"), "own"),
         ("slx", "region", "own"), ("sdem", all_by_regime("sdem"), "own")]  # fmt: skip


@pytest.mark.parametrize(("model", "regimes", "durbin"), CASES)
@pytest.mark.parametrize("row", [True, False])
def test_maximum_and_covariance_of_a_cross_section(model, regimes, durbin, row):
    frame, ws, W, codes, y = drawn(4, n=45, row=row, lam=0.2 * (model in ERROR))
    own = {"durbin": {"a": ws[1]}} if durbin else {}
    fit = fitted(model, frame, ws[0] if durbin else ws, regimes, correction=False, **own)
    if model == "slx" and regimes == "region":
        assert fit.params["east: W_2:a"] == pytest.approx(least_squares(frame, W, codes)[0], abs=1e-9)
        return
    X = fit._design.X[:, :, [fit._design.names.index(name) for name in fit._sample.names]]
    theta = np.concatenate([fit.params.to_numpy(), np.log(fit.sigma2s.to_numpy())])
    d = fit._design.weights

    def f(at):
        return twin.loglik(at, y, X, [W[m] for m in d.lag], [W[m] for m in d.error], codes, sizes(fit))

    assert fit.loglik == pytest.approx(f(theta), abs=1e-8)
    assert gradient(f, theta) == pytest.approx(0, abs=3e-4)
    V = np.linalg.inv(-hessian(f, theta))[: len(fit.params), : len(fit.params)]
    assert fit.std_errors.to_numpy() == pytest.approx(np.sqrt(np.diag(V)), rel=3e-4)


def least_squares(frame, W, codes):
    """theta of a in each regime, by hand."""
    a, b, y = (frame[name].to_numpy() for name in "aby")
    Z = np.column_stack([(codes == g) * x for x in (np.ones(len(a)), a, b, W[1] @ a) for g in range(2)])
    return np.linalg.lstsq(Z, y, rcond=None)[0][-2:]
