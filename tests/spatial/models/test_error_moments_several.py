"""Several lambdas by moments, of several M and by regime: dense twins, one M, one regime, refusals."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from ..designs import nearest
from ..naive_several_moments import error_by_several_moments
from .test_endogenous import IV, KEYS, sample

pytestmark = pytest.mark.filterwarnings("ignore:rho = .* lies outside")
N, T = 16, 5
LAMBDA = sp.Regimes("side", terms=["Intercept"], lam=True)


@pytest.fixture(scope="module")
def data():
    frame, W = sample(61, n=N, T=T, lam=0.1)
    side = np.tile(np.where(np.arange(N) < 7, "east", "west"), T)
    other = pd.DataFrame(nearest(np.random.default_rng(9), N, 3), W.index, W.columns)
    return frame.assign(side=side, people=1.0 + np.tile(np.arange(N) % 3, T) / 2), W, other


def columns(frame, Ws, Ms, model, first):
    """y, Z, exogenous and H of levels; ``Ws`` lag y and instruments, ``Ms`` those of the error."""
    big, own = ([np.kron(np.eye(T), A) for A in group] for group in (Ws, Ms))
    y, x, c, z = (frame[name].to_numpy() for name in ("y", "x", "c", ["z1", "z2"]))
    Z = [*first, x, c]
    exogenous = [*[True] * len(first), True, False]
    H = [z]
    if model == "sac":
        moved = np.column_stack([x, z])
        H += [A @ moved for A in big] + [A @ B @ moved for B in big for A in big]
        Z, exogenous = [*Z, *(A @ y for A in big)], [*exogenous, *[False] * len(big)]
    return y, np.column_stack(Z), np.array(exogenous), np.column_stack([*H, *(M @ z for M in own)])


@pytest.mark.parametrize(("model", "effects", "errors"), [
    ("sem", "twoway", "kelejian"), ("sem", "none", "kelejian"), ("sem", "twoway", "cluster"), ("sac", "time", "robust"),
    ("sac", "entity", "kelejian"),
])  # fmt: skip
def test_dense_twin_of_two_w(data, model, effects, errors):
    frame, W, V = data
    both = [W, V]
    fit = getattr(sp, model)("y ~ x + c", frame, both, **KEYS, **IV, effects=effects, correction=False,
                             vcov="classical" if errors == "kelejian" else errors)  # fmt: skip
    dense = [A.to_numpy() for A in both]
    first = [np.ones(len(frame))] * (effects == "none")
    y, Z, exogenous, H = columns(frame, dense, dense, model, first)
    d, lams, cov = error_by_several_moments(y, Z, exogenous, H, dense, T, effects, errors, start=fit.lambdas.to_numpy())
    assert fit.params.index[-2:].tolist() == ["lambda_1", "lambda_2"]
    np.testing.assert_allclose(fit.params, [*d, *lams], rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(fit.vcov, cov, rtol=1e-3, atol=1e-5 * np.abs(cov).max())


@pytest.mark.parametrize("errors", ["kelejian", "cluster"])
def test_dense_twin_of_weights_of_observations(data, errors):
    frame, W, V = data
    fit = sp.sem("y ~ x + c", frame, [W, V], **KEYS, **IV, obs_weights="people", correction=False,
                 vcov="classical" if errors == "kelejian" else errors)  # fmt: skip
    root = np.sqrt(frame["people"].to_numpy())
    dense = [A.to_numpy() for A in (W, V)]
    y, Z, exogenous, H = columns(frame, dense, dense, "sem", [])
    own = [A * root[:N, None] / root[:N] for A in dense]
    d, lams, cov = error_by_several_moments(root * y, root[:, None] * Z, exogenous, root[:, None] * H, own, T, "twoway",
                                            errors, start=fit.lambdas.to_numpy(), root=root[:N])  # fmt: skip
    np.testing.assert_allclose(fit.params, [*d, *lams], rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(fit.vcov, cov, rtol=1e-3, atol=1e-5 * np.abs(cov).max())


@pytest.mark.parametrize(("effects", "errors"), [("none", "kelejian"), ("entity", "cluster")])
def test_dense_twin_of_lambda_by_regime(data, effects, errors):
    frame, W, _ = data
    regimes = LAMBDA if effects == "none" else sp.Regimes("side", terms=["c"], lam=True)
    fit = sp.sem("y ~ x + c", frame, W, **KEYS, **IV, effects=effects, correction=False, regimes=regimes,
                 vcov="classical" if errors == "kelejian" else errors)  # fmt: skip
    assert fit.params.index[-2:].tolist() == ["east: lambda", "west: lambda"]
    east = (frame["side"] == "east").to_numpy()
    Ms = [np.where(at[:N, None], W.to_numpy(), 0.0) for at in (east, ~east)]
    z = frame[["z1", "z2"]].to_numpy()
    if effects == "none":
        Z = np.column_stack([east, ~east, frame["x"], frame["c"]]).astype(float)
        exogenous = np.array([True, True, True, False])
    else:
        c = frame["c"].to_numpy()
        Z, exogenous = np.column_stack([frame["x"], east * c, ~east * c]), np.array([True, False, False])
    y, cut = frame["y"].to_numpy(), np.column_stack([east[:, None] * z, ~east[:, None] * z])
    H = np.column_stack([cut, *(np.kron(np.eye(T), M) @ cut for M in Ms)])
    order = fit.params.to_numpy()
    d, lams, cov = error_by_several_moments(y, Z, exogenous, H, Ms, T, effects, errors, start=order[-2:])
    np.testing.assert_allclose(np.sort(order[:-2]), np.sort(d), rtol=2e-5)
    np.testing.assert_allclose(order[-2:], lams, rtol=2e-5)
    np.testing.assert_allclose(np.sort(fit.std_errors), np.sort(np.sqrt(np.diag(cov))), rtol=1e-3)


def test_one_regime_is_the_plain_model(data):
    frame, W, _ = data
    plain = sp.gns("y ~ x", frame, W, **KEYS, method="gmm")
    one = sp.gns("y ~ x", frame.assign(side="all"), W, **KEYS, method="gmm",
                 regimes=sp.Regimes("side", rho=True, lam=True))  # fmt: skip
    np.testing.assert_allclose(one.params, plain.params, rtol=1e-8)
    np.testing.assert_allclose(one.vcov, plain.vcov, rtol=1e-7)


@pytest.mark.parametrize("vcov", ["classical", "cluster"])
def test_the_engine_of_one_m_is_the_other(data, vcov):
    """Newton's steps against the quartic of one lambda."""
    from spatial.models.moments import moment_sample
    from spatial.models.moments_several import SeveralErrorSample
    from spatial.solve.gmm_several import several_moments

    frame, W, _ = data
    fit = sp.sac("y ~ x + c", frame, W, **KEYS, **IV, vcov=vcov, correction=False)
    s = moment_sample(fit.specification, fit._design, fit._settings.effects)
    keep = ("y", "X", "Wy", "names", "n", "H", "exogenous", "copies", "centered", "M")
    own = {name: getattr(s, name) for name in keep}
    lagged = np.column_stack([s.My, s.MX, s.MWy])[None]
    at = several_moments(SeveralErrorSample(**own, Ms=(s.M,), lagged=lagged), lambda lam: bool(abs(lam[0]) < 1.5),
                         errors="kelejian" if vcov == "classical" else vcov)  # fmt: skip
    np.testing.assert_allclose([*at.beta, *at.rhos, *at.lams], fit.params, rtol=1e-7)
    np.testing.assert_allclose(at.vcov, fit.vcov, rtol=1e-6, atol=1e-10)


def test_what_follows_a_fit(data):
    frame, W, V = data
    fit = sp.gns("y ~ x + c", frame, [W, V], **KEYS, **IV, vcov="cluster")
    assert fit.effects(method="delta").tidy()["std_error"].notna().all()
    assert fit.lambdas.index.tolist() == ["lambda_1", "lambda_2"]
    gap = fit.fitted + fit.resid - frame.set_index(["i", "t"])["y"].sort_index()
    assert np.abs(gap).max() < 1e-10
    assert (fit.with_vcov("driscoll_kraay").std_errors > 0).all()
    assert "lambda_2" in fit.summary()
    one = sp.sem("y ~ x + c", frame, [W, V], **KEYS, **IV)
    s, at = one._sample, one._solution
    B = np.eye(N) - at.lams[0] * W.to_numpy() - at.lams[1] * V.to_numpy()
    np.testing.assert_allclose(s.By(at.filters), (s.y.reshape(T, N) @ B.T @ (np.eye(N) - 1 / N)).ravel(), atol=1e-10)
    assert np.isfinite(sp.instrument_tests(one).tidy()["statistic"]).all()


def test_periods_in_the_formula_beside_lambda_by_regime(data):
    """What the refusal of period effects offers: paths change nothing."""
    frame, W, _ = data
    options = {**KEYS, "effects": "entity", "method": "gmm", "regimes": sp.Regimes("side", terms=["x"], lam=True)}
    moved = frame.assign(y=frame["y"] + 5 * frame["t"] ** 2)
    a, b = (sp.sem("y ~ x + C(t)", one, W, **options) for one in (frame, moved))
    names = ["east: x", "west: x", "east: lambda", "west: lambda"]
    np.testing.assert_allclose(b.params[names], a.params[names], rtol=1e-5)
    np.testing.assert_allclose(b.std_errors[names], a.std_errors[names], rtol=1e-4)


@pytest.mark.parametrize(("model", "options", "code"), [
    ("sem", {"regimes": LAMBDA}, "E501: .* by regime has no period effects"), ("sem", {"effects": "random"}, "E501"),
    ("sem", {"formula": "y ~ x + c | i + t + side^t"}, "E501"), ("sac", {"drop": True}, "E109"),
    ("sem", {"obs_weights": "moving"}, "E540"), ("sem", {"same": True}, "E323"),
])  # fmt: skip
def test_refused(data, model, options, code):
    frame, W, V = data
    frame = frame.assign(moving=np.arange(len(frame)) + 1.0)
    more = {key: value for key, value in options.items() if key not in ("formula", "drop", "same")}
    if options.get("drop"):
        frame, more = frame.drop([3]), {"missing": "period"}
    w = W if "regimes" in options else [W, W] if "same" in options else [W, V]
    with pytest.raises(SpatialInputError, match=code) as caught:
        getattr(sp, model)(options.get("formula", "y ~ x + c"), frame, w, **KEYS, **IV, **more)
    assert caught.value.hint
