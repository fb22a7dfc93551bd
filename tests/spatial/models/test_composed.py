"""Random effects and serial errors beside several W, rho, lambda or sigma2 by regime: the dense likelihood and laws."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import helmert
from scipy.optimize import minimize

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from .. import naive, naive_composed, naive_regimes
from .test_estimators import random_weights

PANEL = {"entity": "id", "time": "t"}
KINDS = {"random": {"effects": "random"}, "correlated": {"effects": "correlated"},
         "serial": {"effects": "none", "serial": "ar1"}, "serial entity": {"effects": "entity", "serial": "ar1"},
         "serial twoway": {"effects": "twoway", "serial": "ar1"}, "serial time": {"effects": "time", "serial": "ar1"},
         "serial random": {"effects": "random", "serial": "ar1"}}  # fmt: skip
OF_REGIMES = {"rho": sp.Regimes("half", terms=["a"], rho=True), "lambda": sp.Regimes("half", terms=["a"], lam=True),
              "sigma2": sp.Regimes("half", terms=[], rho=True, sigma2=True),
              "all": sp.Regimes("half", terms=["a"], rho=True, lam=True, sigma2=True)}  # fmt: skip


def drawn(seed=3, N=14, T=5, phi=0.6, psi=0.4):
    """A frame and two W; the second regime has twice the deviations."""
    rng = np.random.default_rng(seed)
    W1, W2 = random_weights(rng, N), random_weights(rng, N, symmetric=False)
    half = np.arange(N) < N // 2
    sd = np.where(half, 1.0, 2.0) / 2
    a, b, e = rng.standard_normal((3, T, N))
    nu = np.empty((T, N))
    nu[0] = e[0] / np.sqrt(1 - psi**2)
    for t in range(1, T):
        nu[t] = psi * nu[t - 1] + e[t]
    u = (nu + np.sqrt(phi) * rng.standard_normal(N)) * sd
    A, B = np.eye(N) - 0.3 * W1 - 0.2 * W2, np.eye(N) - 0.3 * W1
    mean = 1 + a - b + 0.5 * a @ W1.T + 0.3 * a.mean(axis=0)
    y = np.linalg.solve(A, (mean + np.linalg.solve(B, u.T).T).T).T
    ids = [f"u{i:02d}" for i in range(N)]
    frame = pd.DataFrame({"id": np.tile(ids, T), "t": np.repeat(range(T), N), "y": y.ravel(), "a": a.ravel(),
                          "b": b.ravel(), "half": np.tile(np.where(half, "east", "west"), T)})  # fmt: skip
    return frame, [wt.from_dense(W, ids) for W in (W1, W2)]


@pytest.fixture(scope="module")
def sample():
    return drawn()


def check(fit, twin, *, highest=True):
    """Our point has the dense value, none nearby is higher, and its second derivatives are our covariance."""
    assert twin.loglik(twin.at) == pytest.approx(fit.loglik, abs=1e-7)
    if highest:
        best = minimize(lambda x: -twin.loglik(x), twin.at * 1.02 + 0.004, method="BFGS", options={"gtol": 1e-5})
        assert -best.fun <= fit.loglik + 1e-6
    V, p = np.linalg.inv(naive.hessian(lambda x: -twin.loglik(x), twin.at)), len(fit.params)
    scale = np.sqrt(np.diag(V)[:p])
    np.testing.assert_allclose(fit.vcov / np.outer(scale, scale), V[:p, :p] / np.outer(scale, scale), atol=4e-3)
    table, errors = sp.variance_components(fit).set_index("term"), np.sqrt(np.diag(V))
    last = {"phi": p + twin.parts[-1], "psi": len(V) - 1}
    for term, place in last.items():
        if term in table.index:
            assert table.at[term, "std_error"] == pytest.approx(errors[place], rel=5e-3)
    for g, own in enumerate(table.index[table.index.str.endswith("sigma2_e")]):
        assert table.at[own, "std_error"] == pytest.approx(errors[p + g] * table.at[own, "estimate"], rel=5e-3)


@pytest.mark.parametrize(("model", "kind"), [("sdm", kind) for kind in KINDS] + [("gns", "random"),
                         ("sem", "serial entity"), ("sac", "serial random")])  # fmt: skip
def test_several_weights(sample, model, kind):
    frame, w = sample
    fit = getattr(sp, model)("y ~ a + b", frame, w, **PANEL, **KINDS[kind])
    check(fit, naive_composed.of_several(fit), highest=len(fit.params) < 10)


@pytest.mark.parametrize(("model", "what", "kind"), [
    ("sdm", "rho", "random"), ("sar", "sigma2", "random"), ("sar", "rho", "correlated"), ("sem", "lambda", "random"),
    ("sar", "sigma2", "serial"), ("sar", "rho", "serial entity"), ("sac", "all", "serial random"),
])  # fmt: skip
def test_regimes(sample, model, what, kind):
    frame, w = sample
    options = {"durbin": ["a"]} if model == "sdm" else {}
    fit = getattr(sp, model)("y ~ a + b", frame, w[0], **PANEL, **KINDS[kind], **options, regimes=OF_REGIMES[what])
    check(fit, naive_composed.of_regimes(fit), highest=len(fit.params) < 10)


@pytest.mark.parametrize(("model", "what", "kind"), [
    ("sdm", None, "random"), ("sar", "sigma2", "random"), ("sar", "rho", "serial entity"), ("sem", "lambda", "random"),
])  # fmt: skip
def test_several_weights_and_regimes(sample, model, what, kind):
    frame, w = sample
    options = {"durbin": ["a"]} if model == "sdm" else {}
    regimes = OF_REGIMES[what] if what else sp.Regimes("half", terms=["a"])
    fit = getattr(sp, model)("y ~ a + b", frame, w, **PANEL, **KINDS[kind], **options, regimes=regimes)
    check(fit, naive_composed.of_regimes(fit), highest=False)


# -- laws ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "model", "shape"), [
    ("random", "sdem", "whole"), ("correlated", "gns", "gaps"), ("random", "sdm", "moving"), ("serial", "sdm", "gaps"),
    ("serial twoway", "gns", "whole"), ("serial random", "sdem", "whole"), ("serial entity", "slx", "whole"),
    ("random", "slx", "whole"),
])  # fmt: skip
def test_one_w_is_the_model_of_one_w(sample, kind, model, shape):
    """durbin= with the W of w= takes the road of several W: estimates, covariances, components and forecasts agree."""
    frame, w = sample
    one = wt.temporal({t: w[t % 2] for t in range(5)}) if shape == "moving" else w[0]
    data, missing = (frame.drop([3, 4, 20, 37, 55]), "period") if shape == "gaps" else (frame, "error")
    options = {**PANEL, **KINDS[kind], "missing": missing}
    plain = getattr(sp, model)("y ~ a + b", data, one, **options)
    fit = getattr(sp, model)("y ~ a + b", data, one, **options, durbin={"a": one, "b": one})
    assert fit.loglik == pytest.approx(plain.loglik, abs=1e-8)
    assert (fit.aic, fit.bic) == pytest.approx((plain.aic, plain.bic), abs=1e-8)
    rows = sp.Robust(pairs=False) if shape == "gaps" and "serial" in kind else "robust"
    for of in (lambda f: f.params, lambda f: f.std_errors, lambda f: f.with_vcov(rows).std_errors):
        np.testing.assert_allclose(of(fit).to_numpy(), of(plain).to_numpy(), rtol=2e-7, atol=1e-9)
    components = [sp.variance_components(f).set_index("term").to_numpy() for f in (fit, plain)]
    np.testing.assert_allclose(*components, rtol=1e-5)
    if shape == "whole":
        new = frame[frame["t"] < 2].assign(t=lambda one: one["t"] + 5)
        effects = {"period_effects": "mean"} if KINDS[kind]["effects"] == "twoway" else {}
        ahead = [f.forecast(new, **effects).tidy().drop(columns=["id", "t"], errors="ignore") for f in (fit, plain)]
        numbers = [table.select_dtypes(float).to_numpy() for table in ahead]
        np.testing.assert_allclose(*numbers, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["random", "serial"])
def test_chow_test_of_variances(sample, kind):
    """The Wald test of ln sigma2 by the dense likelihood's second derivatives."""
    frame, w = sample
    fit = sp.sar("y ~ a", frame, w[0], **PANEL, **KINDS[kind], regimes=OF_REGIMES["sigma2"])
    twin, p = naive_composed.of_regimes(fit), len(fit.params)
    V = np.linalg.inv(naive.hessian(lambda x: -twin.loglik(x), twin.at))[p : p + 2, p : p + 2]
    apart = np.diff(np.log(fit.sigma2s))[0]
    assert fit.chow()["sigma2"].statistic == pytest.approx(apart**2 / (V[0, 0] + V[1, 1] - 2 * V[0, 1]), rel=5e-3)


def test_a_refit_estimates_all_anew(sample):
    frame, w = sample
    for fit in (sp.sdm("y ~ a", frame, w, **PANEL, effects="random"),
                sp.sar("y ~ a", frame, w[0], **PANEL, effects="random", regimes=OF_REGIMES["rho"])):  # fmt: skip
        y = np.stack([fit._design.y, fit._design.y + fit._design.X[:, :, 1] / 2])
        again = sp.refit(fit, y=y)
        np.testing.assert_allclose(again.params[0], fit.params, atol=1e-7)
        assert np.abs(again.params[1] - fit.params.to_numpy()).max() > 1e-3


@pytest.mark.parametrize("effects", ["twoway", "time"])
def test_scores_beside_period_effects_have_the_mean_zero(sample, effects):
    """Period effects do not leave where rho differs: the score of the restricted likelihood is zero in sigma2 and psi,
    and that of rho is what it is on average, traces of whole N T matrices."""
    frame, w = sample
    fit = sp.sar("y ~ a + b", frame, w[0], **PANEL, effects=effects, serial="ar1", regimes=OF_REGIMES["sigma2"])
    twin, entity = naive_composed.of_regimes(fit), effects == "twoway"
    T, N = twin.y.shape
    D = np.kron(np.eye(T), np.ones((N, 1)))
    if entity:
        D = np.column_stack([np.kron(helmert(T).T, np.ones((N, 1))), np.kron(np.ones((T, 1)), np.eye(N))])
    start = twin.at[: twin.parts[0]]

    def projected(theta):
        r, Omega, A = twin.rows(theta)
        inverse = np.linalg.inv(Omega)
        left = D.T @ inverse @ D
        return r, Omega, A, inverse - inverse @ D @ np.linalg.solve(left, D.T @ inverse), np.linalg.slogdet(left)[1]

    def restricted(theta):
        r, Omega, A, P, left = projected(theta)
        ln_A = np.linalg.slogdet(A)[1] * (T - entity) / T
        return ln_A - np.linalg.slogdet(Omega)[1] / 2 - left / 2 - r @ P @ r / 2

    gradient = naive_regimes.gradient(restricted, twin.at)
    _, Omega, A, P, _ = projected(twin.at)
    G = [np.kron(np.eye(T), W[0]) @ np.linalg.inv(A) for W in twin.lags]
    means = [np.trace(P @ g @ Omega) - np.trace(g) * (T - entity) / T for g in G]
    k, scale = len(start), np.sqrt(np.diag(naive.hessian(lambda x: -restricted(x), twin.at)))
    expected = np.concatenate([np.zeros(k), means, np.zeros(3)])
    np.testing.assert_allclose((gradient - expected) / scale, 0, atol=2e-5)
    assert np.abs(means / scale[k : k + 2]).max() > 0.05


def test_no_variance_of_unit_effects_is_the_pooled_fit(sample):
    """phi = 0 bounds it: the fit without effects, with no standard error of phi, and the same sandwich."""
    frame, w = drawn(seed=5, phi=0.0, psi=-0.4)
    pooled, fit = (sp.sdm("y ~ a", frame, w, **PANEL, effects=effects) for effects in ("none", "random"))
    assert fit._settings.random.phi == 0
    assert fit.loglik == pytest.approx(pooled.loglik, abs=1e-9)
    np.testing.assert_allclose(fit.params, pooled.params, atol=1e-8)
    np.testing.assert_allclose(fit.with_vcov("robust").std_errors, pooled.with_vcov("robust").std_errors, rtol=1e-7)
    assert np.isnan(sp.variance_components(fit).set_index("term").at["phi", "std_error"])
    assert "on its boundary" in str(fit)


def test_what_is_refused(sample):
    frame, w = sample
    moving = [wt.temporal(dict.fromkeys(range(5), one) | {0: w[1 - place]}) for place, one in enumerate(w)]
    frame = frame.assign(people=2.0)

    def refused(code, words, weights=w, model=sp.gns, **options):
        with pytest.raises(SpatialInputError, match=words) as error:
            model("y ~ a + b", frame, weights, **PANEL, **options)
        assert error.value.code == code

    refused("E501", "random_error='baltagi'", effects="random", random_error="baltagi")
    refused("E501", "random_error='baltagi'", w[0], effects="random", random_error="baltagi", regimes=OF_REGIMES["rho"])
    refused("E540", "beside several W", effects="random", obs_weights="people")
    refused("E501", "belongs to random effects", effects="entity", random_error="kkp")
    refused("E320", "period effects", moving, effects="time", serial="ar1")
    refused("E320", "entity effects", moving, effects="entity", serial="ar1")
    fit = sp.sdm("y ~ a", frame, w, **PANEL, effects="random")
    with pytest.raises(SpatialInputError, match="random effects"):
        fit.predict()
    assert fit.predict(kind="TC").notna().all()
