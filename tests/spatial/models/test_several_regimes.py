"""Several W with regimes: against dense likelihoods and laws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import helmert

import spatial as sp
import weights as wt
from spatial.effects import several_averages
from spillover.errors import SpatialInputError

from .. import naive_split as twin
from ..naive_moments import tsls
from ..naive_regimes import gradient, hessian
from .test_time_varying import nudged

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

CASES = [("sar", "region", None, True), ("gns", "region", None, False), ("slx", all_by_regime("slx"), None, True),
         ("sar", all_by_regime("sar"), None, False), ("sdem", all_by_regime("sdem"), None, True),
         ("sac", all_by_regime("sac"), None, True), ("gns", sp.Regimes("region", terms=[], lam=True), None, True),
         ("sdm", sp.Regimes("region", terms=["a"], rho=True), None, True), ("sdm", all_by_regime("sdm"), "own", False),
         ("sdm", "region", "own", True), ("sdem", all_by_regime("sdem"), "own", True)]  # fmt: skip


@pytest.mark.parametrize(("model", "regimes", "durbin", "row"), CASES)
def test_maximum_and_covariance_of_a_cross_section(model, regimes, durbin, row):
    frame, ws, W, codes, y = drawn(4, n=44, row=row, lam=0.2 * (model in ERROR))
    own = {"durbin": {"a": ws[1]}} if durbin else {}
    fit = fitted(model, frame, ws[0] if durbin else ws, regimes, correction=False, **own)
    X = fit._design.X[:, :, [fit._design.names.index(name) for name in fit._sample.names]]
    theta = np.concatenate([fit.params.to_numpy(), np.log(fit.sigma2s.to_numpy())])
    d = fit._design.weights

    def f(at):
        return twin.loglik(at, y, X, [W[m] for m in d.lag], [W[m] for m in d.error], codes, sizes(fit))

    assert fit.loglik == pytest.approx(f(theta), abs=1e-8)
    assert gradient(f, theta) == pytest.approx(0, abs=3e-4)
    V = np.linalg.inv(-hessian(f, theta))[: len(fit.params), : len(fit.params)]
    assert fit.std_errors.to_numpy() == pytest.approx(np.sqrt(np.diag(V)), rel=3e-4)


def test_columns_are_those_of_interactions():
    frame, ws, W, codes, _ = drawn(4, n=44)
    fit = fitted("slx", frame, ws[0], "region", durbin={"a": ws[1]})
    a, b, y = (frame[name].to_numpy() for name in "aby")
    Z = np.column_stack([(codes == g) * x for g in range(2) for x in (np.ones(44), a, b, W[1] @ a)])
    want = np.linalg.lstsq(Z, y, rcond=None)[0]
    assert list(fit.params.index[:4]) == ["east: Intercept", "east: a", "east: b", "east: W_2:a"]
    assert fit.params.to_numpy() == pytest.approx(want, abs=1e-9)
    left = y - Z @ want
    V = np.linalg.inv(Z.T @ Z) * (left @ left) / (44 - 8)
    assert fit.std_errors.to_numpy() == pytest.approx(np.sqrt(np.diag(V)), rel=1e-9)


def test_unit_effects_leave_by_transformation():
    frame, ws, W, codes, y = drawn(5, n=24, T=5)
    fit = fitted("sdm", frame, ws, all_by_regime("sdm"), "entity")
    X = fit._design.X[:, :, [fit._design.names.index(name) for name in fit._sample.names]]
    F = helmert(5)
    theta = np.concatenate([fit.params.to_numpy(), np.log(fit.sigma2s.to_numpy())])

    def f(at):
        return twin.loglik(at, F @ y, np.tensordot(F, X, 1), W, [], codes, sizes(fit))

    assert fit.loglik == pytest.approx(f(theta), abs=1e-8)
    assert gradient(f, theta) == pytest.approx(0, abs=3e-4)


# -- laws ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", [None, "entity", "twoway"])
@pytest.mark.parametrize("model", ["slx", "sdm", "sac"])
def test_one_regime_is_the_model_with_several_w(model, effects):
    frame, ws, *_ = drawn(6, n=40, T=1 if effects is None else 4, lam=0.3)
    plain = fitted(model, frame, ws, None, effects)
    for regimes in ("region", all_by_regime(model)):
        one = fitted(model, frame.assign(region="all"), ws, regimes, effects)
        assert list(one.params.index) == list(plain.params.index)
        assert one.params.to_numpy() == pytest.approx(plain.params.to_numpy(), abs=1e-7)
        if model != "slx" or regimes == "region":  # sigma2 of a likelihood, and of least squares
            assert one.std_errors.to_numpy() == pytest.approx(plain.std_errors.to_numpy(), rel=1e-6)
        assert one.loglik == pytest.approx(plain.loglik, abs=1e-8)
        robust = one.with_vcov("robust").std_errors.to_numpy()
        if model != "slx":
            assert robust == pytest.approx(plain.with_vcov("robust").std_errors.to_numpy(), rel=1e-5)


def test_one_w_in_two_parts_is_that_w():
    """Of W_1 and W_2 with W = W_1 + W_2 and rho_1 = rho_2 in each regime: at these values the likelihoods agree."""
    frame, ws, W, codes, _ = drawn(7, n=40)
    whole = wt.from_dense(W[0] + W[1] / 4, ws[0].ids)
    parts = [ws[0], wt.from_dense(W[1] / 4, ws[0].ids)]
    regimes = sp.Regimes("region", rho=True)
    one, two = fitted("sar", frame, whole, regimes), fitted("sar", frame, parts, regimes)
    assert two.loglik > one.loglik
    theta = np.concatenate([one.params[:6], one.rhos, one.rhos, [np.log(one.sigma2)]])
    X = two._design.X[:, :, [two._design.names.index(name) for name in two._sample.names]]
    own = dict(zip(two._sample.names, range(6)))
    theta[:6] = one.params[list(own)]
    same = twin.loglik(theta, two._design.y, X, [w.csr.toarray() for w in parts], [], codes, (6, 2, 1, 1))
    assert same == pytest.approx(one.loglik, abs=1e-8)


@pytest.mark.parametrize(("model", "regimes"), [
    ("sdm", "region"), ("sar", sp.Regimes("region", rho=True, sigma2=True)),
    ("sac", sp.Regimes("region", terms=["a"], rho=True, lam=True)),
])  # fmt: skip
def test_copies_of_matrices_are_these_matrices(model, regimes):
    """Two roads to what period effects take from the score of rho."""
    frame, ws, *_ = drawn(8, n=24, T=4)
    moving = [nudged(pd.DataFrame(w.csr.toarray(), w.ids, w.ids), range(4)) for w in ws]
    a, b = (fitted(model, frame, own, regimes, "twoway", missing="period",
                   **({"w_error": own[0]} if model == "sac" else {})) for own in (ws, moving))  # fmt: skip
    assert (a._design.varies, b._design.varies) == (False, True)
    np.testing.assert_allclose(b.params, a.params, atol=1e-6)
    np.testing.assert_allclose(b.std_errors, a.std_errors, rtol=1e-4)
    assert b.loglik == pytest.approx(a.loglik, abs=1e-4)  # an integral by quadrature in both
    for table in ("tidy", "by_receiver", "by_channel"):
        mine, theirs = (getattr(x.effects(method="delta"), table)() for x in (b, a))
        np.testing.assert_allclose(mine["estimate"], theirs["estimate"], atol=1e-6)
        np.testing.assert_allclose(mine["std_error"], theirs["std_error"], rtol=1e-4, atol=1e-8)




# -- effects ---------------------------------------------------------------------------------------------------

RHO = sp.Regimes("region", rho=True)
EFFECTS = [("sdm", "region", {}), ("sdm", RHO, {}), ("sar", RHO, {}), ("slx", "region", {}),
           ("sdm", sp.Regimes("region", terms=["a"], rho=True), {"durbin": 1})]  # fmt: skip


def dense(fit, W, codes):
    """S, the channels, and parameters of a by regime."""
    d, p, labels = fit._design, fit.params, fit.split.labels
    M = len(d.weights.matrices)

    def value(term):
        return np.array([p.get(f"{label}: {term}", p.get(term, 0.0)) for label in labels])

    rho = np.array([value(name) for name in ("rho_1", "rho_2")[:M]])
    if len(d.weights.lag) == 1:
        rho = np.array([value("rho"), 0 * value("rho")])
    thetas = [value(f"W_{m + 1}:a") for m in range(M)]
    S = twin.responses(value("a"), thetas, rho, W, W, codes)
    return S, twin.channels(S, thetas, rho, W, codes), value("a")


@pytest.mark.parametrize(("model", "regimes", "own"), EFFECTS)
def test_effects_are_dense(model, regimes, own):
    frame, ws, _, codes, _ = drawn(9, n=40)
    fit = fitted(model, frame, ws[0] if own or model == "slx" else ws, regimes,
                 **({"durbin": {"a": ws[1], "b": ws[0]}} if own or model == "slx" else {}))  # fmt: skip
    used = [w.csr.toarray() for w in fit._design.weights.matrices]
    S, channels, beta = dense(fit, used, codes)
    effects = fit.effects(method="delta")
    table = effects.tidy().set_index(["effect", "term"])["estimate"]
    received = effects.by_receiver().set_index(["effect", "term"])["estimate"]
    parts = effects.by_channel().set_index(["weights", "effect", "term"])["estimate"]
    for g, label in enumerate([*fit.split.labels, ""]):
        members = codes == g if label else codes >= 0
        name = f"{label}: a" if label else "a"
        assert table[:, name].to_numpy() == pytest.approx(twin.means(S, members), abs=1e-9)
        assert received["total", name] == pytest.approx(S[members].sum() / members.sum(), abs=1e-9)
        for m, C in enumerate(channels):
            assert parts[f"W_{m + 1}", :, name].to_numpy() == pytest.approx(twin.means(C, members), abs=1e-9)
        rest = table["direct", name] - sum(parts[f"W_{m + 1}", "direct", name] for m in range(len(channels)))
        assert rest == pytest.approx(beta[codes[members]].mean(), abs=1e-9)
    assert effects.matrix("a").to_numpy() == pytest.approx(S, abs=1e-9)


def test_delta_errors_are_the_numeric_gradient():
    frame, ws, W, codes, _ = drawn(9, n=40)
    fit = fitted("sdm", frame, ws, sp.Regimes("region", rho=True))

    def at(theta):
        S, channels, _ = dense(replace(fit, _estimates=theta), W, codes)
        return np.concatenate([twin.means(C, codes == 1) for C in (S, *channels)])

    theta, V = fit.params.to_numpy(), fit.vcov.to_numpy()
    J = np.array([(at(theta + h) - at(theta - h)) / 2e-6 for h in np.eye(len(theta)) * 1e-6]).T
    effects = fit.effects(method="delta")
    got = [table.query("term == 'south: a'")["std_error"] for table in (effects.tidy(), effects.by_channel())]
    assert np.concatenate(got) == pytest.approx(np.sqrt(np.diag(J @ V @ J.T)), rel=1e-4)


def test_large_sparse_weights_have_the_same_channels(monkeypatch):
    frame, ws, *_ = drawn(9, n=60)
    fit = fitted("sdm", frame, ws, sp.Regimes("region", rho=True))
    exact = fit.effects(method="delta").by_channel()
    monkeypatch.setattr(several_averages, "DENSE_MAX", 10)
    rough = fit.effects(method="delta").by_channel()
    assert np.abs(rough["estimate"] - exact["estimate"]).max() < 0.02
    totals = exact["effect"] == "total"
    assert rough["estimate"][totals].to_numpy() == pytest.approx(exact["estimate"][totals].to_numpy(), abs=1e-9)


# -- by moments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("regimes", ["region", RHO])
def test_two_stage_least_squares_by_hand(regimes):
    """Instruments of 1_r W_m y are 1_r W_i x and 1_r W_i W_j x of whole x; of W_m y with one rho W of the columns."""
    frame, ws, W, codes, y = drawn(11, n=60)
    fit = fitted("sar", frame, ws, regimes, method="gmm")
    a, b, one = frame["a"].to_numpy(), frame["b"].to_numpy(), np.ones(60)
    cut = [(codes == g).astype(float) for g in range(2)]
    X = np.column_stack([inside * x for inside in cut for x in (one, a, b)])
    lags = [V @ y[0] for V in W]
    products = [*W, *(P @ Q for P in W for Q in W)]
    if regimes == "region":
        Z, H = np.column_stack([X, *lags]), [P @ X for P in products]
    else:
        Z = np.column_stack([X, *(inside * lag for lag in lags for inside in cut)])
        H = [inside * (P @ x) for P in products for x in (a, b) for inside in cut]
    want, back = tsls(y[0], Z, np.column_stack([X, *H]))
    assert fit.params.to_numpy() == pytest.approx(want, rel=1e-6)
    left = y[0] - Z @ want
    V = left @ left / (60 - Z.shape[1]) * back.T @ back
    assert fit.std_errors.to_numpy() == pytest.approx(np.sqrt(np.diag(V)), rel=1e-6)
    assert list(fit.chow().tidy()["term"][-2:]) == (["rho_1", "rho_2"] if regimes is RHO else ["a", "b"])


# -- tests and few periods -------------------------------------------------------------------------------------


def test_likelihood_ratios_say_what_is_nested():
    frame, ws, *_ = drawn(12, n=44)
    plain, one, two = (fitted("sar", frame, w, r) for w, r in ((ws, None), (ws[0], "region"), (ws, "region")))
    assert sp.lr_test(plain, two).null == "the regimes of region are alike, SAR is enough"
    less = sp.lr_test(one, two)
    assert (less.df, less.null) == (1, "SAR with 1 parameters fewer is enough")
    assert sp.lr_test(two, fitted("sar", frame, ws, RHO)).df == 2
    other = fitted("sar", frame, wt.from_dense(np.roll(np.eye(44), 1, axis=1), ws[0].ids), "region")
    with pytest.raises(SpatialInputError, match=r"E501.*has a W"):
        sp.lr_test(other, two)
    moved = fitted("sar", frame.assign(region=np.where(frame.index < 20, "x", "z")), ws, "region")
    with pytest.raises(SpatialInputError, match=r"E501.*do not hold"):
        sp.lr_test(moved, fitted("sar", frame, ws, RHO))


def test_more_rho_than_the_periods_of_a_covariance():
    frame, ws, *_ = drawn(14, n=30, T=6)
    fit = fitted("sar", frame, ws, RHO, "twoway", vcov="driscoll_kraay")
    assert np.isfinite(fit.effects(draws=50).tidy()["estimate"]).all()
    with pytest.raises(SpatialInputError, match=r"E206.*4 rho"):
        fit.effects(method="quadrature")


def test_new_units_are_dense():
    frame, ws, W, *_ = drawn(3, n=50)
    frame = frame.set_index("id")
    old, new = frame.iloc[:-4], frame.iloc[-4:]
    fit = sp.sdm("y ~ a + b", old, [w.subset(old.index) for w in ws],
                 regimes=sp.Regimes("region", rho=True, sigma2=True))  # fmt: skip
    p, label = fit.params, frame["region"]

    def of(name):
        return np.array([p[f"{each}: {name}"] for each in label])

    trend = of("Intercept") + sum(of(x) * frame[x] for x in "ab")
    trend += sum(of(f"W_{m + 1}:{x}") * (W[m] @ frame[x]) for m in range(2) for x in "ab")
    A = np.eye(50) - sum(of(f"rho_{m + 1}")[:, None] * W[m] for m in range(2))
    TC, Q = np.linalg.solve(A, trend), A.T @ np.diag(1 / fit.sigma2s[label]) @ A
    at = np.arange(50) >= 46
    gap = frame["y"].to_numpy()[~at] - TC[~at]
    want = TC[at] - np.linalg.solve(Q[np.ix_(at, at)], Q[np.ix_(at, ~at)] @ gap)
    assert fit.predict(new, ws, kind="TC").to_numpy() == pytest.approx(TC[at], abs=1e-9)
    assert fit.predict(new, ws).to_numpy() == pytest.approx(want, abs=1e-9)
