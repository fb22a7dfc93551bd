"""Models with regimes: against a dense likelihood, against laws, against spreg's printed numbers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.solve.regimes_problem import PeriodEffects
from spillover.errors import SpatialInputError

from .. import naive_regimes as twin

MODELS = ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns")
LAG, ERROR, DURBIN = ("sar", "sdm", "sac", "gns"), ("sem", "sdem", "sac", "gns"), ("slx", "sdm", "sdem", "gns")
LABELS = np.array(["east", "south", "west"])
REFERENCE = Path(__file__).parents[2] / "reference" / "peers" / "regimes_spreg.json"


def drawn(seed=0, n=40, T=1, G=2, blocks=False, rho=(0.4, 0.1, 0.2), lam=0.0, row=True):
    """Frame, W and the arrays: neighbors by distance, in every regime another rho and variance; with ``blocks`` no
    neighbor in another regime."""
    rng = np.random.default_rng(seed)
    places = rng.random((n, 2))
    codes = np.arange(n) % G
    places[:, 0] += 100 * codes * blocks
    D = np.linalg.norm(places[:, None] - places, axis=2) + np.diag(np.full(n, np.inf))
    W = np.zeros((n, n))
    W[np.arange(n)[:, None], np.argsort(D, axis=1)[:, :4]] = 1 / 4 if row else rng.uniform(0.1, 0.2, (n, 4))
    A, B = np.eye(n) - np.array(rho)[codes][:, None] * W, np.eye(n) - lam * W
    a, b = rng.standard_normal((2, T, n))
    e = rng.standard_normal((T, n)) * np.sqrt(1 + codes)
    unit, period = rng.standard_normal(n) * (T > 1), rng.standard_normal((T, 1)) * (T > 1)
    mean = 1 + (1 + codes) * a - 0.5 * b + 0.4 * a @ W.T + unit + period
    y = np.linalg.solve(A, (mean + np.linalg.solve(B, e.T).T).T).T
    ids = [f"u{i:02d}" for i in range(n)]
    index = pd.MultiIndex.from_product([range(T), ids], names=["t", "id"])
    frame = pd.DataFrame({"y": y.ravel(), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    frame["region"] = np.tile(LABELS[codes], T)
    return frame, wt.from_dense(W, ids), W, codes, y, np.stack([a, b], axis=2)


def all_by_regime(model, **more):
    return sp.Regimes("region", rho=model in LAG, lam=model in ERROR, sigma2=True, **more)


def fitted(model, frame, w, regimes, effects=None, **options):
    keys = {"entity": "id"} | ({"time": "t", "effects": effects} if effects else {})
    return getattr(sp, model)("y ~ a + b", frame, w, regimes=regimes, **keys, **options)


# -- laws ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", [None, "none", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", MODELS)
def test_one_regime_is_the_plain_model(model, effects):
    frame, w, *_ = drawn(T=1 if effects is None else 4)
    plain = fitted(model, frame, w, None, effects)
    for regimes in ("region", all_by_regime(model)):
        one = fitted(model, frame.assign(region="all"), w, regimes, effects)
        assert list(one.params.index) == list(plain.params.index)
        tolerance = 1e-10 if regimes == "region" else 1e-8  # the last is another search, to its own tolerance
        assert one.params.to_numpy() == pytest.approx(plain.params.to_numpy(), rel=tolerance, abs=tolerance)
        assert one.std_errors.to_numpy() == pytest.approx(plain.std_errors.to_numpy(), rel=tolerance)
        assert one.loglik == pytest.approx(plain.loglik, abs=1e-9)
        if model not in ("ols", "slx"):
            assert one.sigma2 == pytest.approx(plain.sigma2, rel=tolerance)
        assert one.df_resid == plain.df_resid
    if model in LAG + DURBIN:
        same = one.effects(method="delta").tidy().query("~term.str.contains(':')").reset_index(drop=True)
        usual = plain.effects(method="delta").tidy()
        assert same["estimate"].to_numpy() == pytest.approx(usual["estimate"].to_numpy(), abs=1e-8)
        assert same["std_error"].to_numpy() == pytest.approx(usual["std_error"].to_numpy(), rel=1e-5)


@pytest.mark.parametrize("effects", [None, "entity"])
@pytest.mark.parametrize("model", MODELS)
def test_regimes_that_do_not_touch_are_models_of_their_own(model, effects):
    frame, w, *_ = drawn(1, n=60, T=1 if effects is None else 4, blocks=True)
    fit = fitted(model, frame, w, all_by_regime(model), effects, correction=False)
    loglik = 0.0
    for label in ("east", "south"):
        part = frame[frame["region"] == label]
        alone = fitted(model, part, w.subset(part["id"].unique()), None, effects, correction=False)
        own = [f"{label}: {name}" for name in alone.params.index]
        loglik += alone.loglik
        assert fit.params[own].to_numpy() == pytest.approx(alone.params.to_numpy(), abs=1e-9)
        if model not in ("ols", "slx"):  # whose variance is divided by degrees of freedom
            assert fit.std_errors[own].to_numpy() == pytest.approx(alone.std_errors.to_numpy(), rel=1e-8)
            assert fit.sigma2s[label] == pytest.approx(alone.sigma2, rel=1e-9)
    assert fit.loglik == pytest.approx(loglik, abs=1e-8)


@pytest.mark.parametrize("regimes", ["region", sp.Regimes("region", rho=True, sigma2=True)])
@pytest.mark.parametrize("effects", [None, "time", "twoway"])
def test_names_and_order_of_regimes_and_rows_change_nothing(regimes, effects):
    frame, w, *_ = drawn(2, T=1 if effects is None else 4, G=3)
    fit = fitted("sdm", frame, w, regimes, effects)
    renamed = frame.assign(region=frame["region"].map({"east": "z", "south": "y", "west": "x"}))
    other = fitted("sdm", renamed.sample(frac=1, random_state=3), w, regimes, effects)
    assert other.loglik == pytest.approx(fit.loglik, abs=1e-8)
    names = {"z": "east", "y": "south", "x": "west"}
    again = other.params.rename(lambda name: ": ".join([names.get(p, p) for p in name.split(": ")]))
    slopes = [name for name in fit.params.index if "Intercept" not in name]
    assert again[slopes].to_numpy() == pytest.approx(fit.params[slopes].to_numpy(), abs=1e-8)
    assert other.chow().joint.statistic == pytest.approx(fit.chow().joint.statistic, rel=1e-6)
    numbered = fitted("sdm", frame.assign(region=frame["region"].map({"east": 1, "south": 2, "west": 10})), w, regimes,
                      effects)  # fmt: skip
    assert numbered.split.labels == ("region = 1", "region = 2", "region = 10")
    assert numbered.loglik == pytest.approx(fit.loglik, abs=1e-8)


def test_coefficients_by_regime_are_those_of_interactions():
    frame, w, *_ = drawn(3, n=50)
    fit = sp.ols("y ~ a + b", frame, w, entity="id", regimes="region")
    dummies = {label: (frame["region"] == label).astype(float) for label in ("east", "south")}
    same = sp.ols("y ~ 0 + east + east:a + east:b + south + south:a + south:b", frame.assign(**dummies), w, entity="id")
    assert np.sort(fit.params.to_numpy()) == pytest.approx(np.sort(same.params.to_numpy()), abs=1e-10)
    assert fit.loglik == pytest.approx(same.loglik, abs=1e-9)
    robust, other = fit.with_vcov("robust"), same.with_vcov("robust")
    assert np.sort(robust.std_errors.to_numpy()) == pytest.approx(np.sort(other.std_errors.to_numpy()), abs=1e-10)


# -- the dense twin --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "regimes"), [
    *[(model, all_by_regime(model)) for model in MODELS], ("sar", "region"),
    ("sdm", sp.Regimes("region", terms=["a"], rho=True)), ("gns", sp.Regimes("region", terms=[], lam=True)),
    ("sdem", sp.Regimes("region", terms=["Intercept", "b"], sigma2=True)),
])  # fmt: skip
@pytest.mark.parametrize("row", [True, False])
def test_maximum_and_covariance_of_a_cross_section(model, regimes, row):
    frame, w, W, codes, y, _ = drawn(4, n=45, lam=0.2 * (model in ERROR), row=row)
    fit = fitted(model, frame, w, regimes, correction=False)
    k, J, L, S = len(fit._sample.names), fit.n_rhos, len(fit.lambdas), len(fit.sigma2s)
    X = fit._design.X[:, :, [fit._design.names.index(name) for name in fit._sample.names]]
    theta = np.concatenate([fit.params.to_numpy(), np.log(fit.sigma2s.to_numpy())])

    def f(at):
        return twin.loglik(at, y, X, W, W, codes, (k, J, L, S))

    if model in ("ols", "slx") and S == 1:
        return
    assert fit.loglik == pytest.approx(f(theta), abs=1e-8)
    assert twin.gradient(f, theta) == pytest.approx(0, abs=2e-4)
    V = np.linalg.inv(-twin.hessian(f, theta))[: k + J + L, : k + J + L]
    assert fit.std_errors.to_numpy() == pytest.approx(np.sqrt(np.diag(V)), rel=2e-4)


@pytest.mark.parametrize("model", ["sdm", "sdem", "gns"])
def test_unit_effects_leave_by_transformation(model):
    frame, w, W, codes, y, _ = drawn(5, n=30, T=5)
    fit = fitted(model, frame, w, all_by_regime(model), "entity")
    X = fit._design.X[:, :, [fit._design.names.index(name) for name in fit._sample.names]]
    from scipy.linalg import helmert

    F = helmert(5)
    ys, Xs = np.einsum("st,tn->sn", F, y), np.einsum("st,tnk->snk", F, X)
    theta = np.concatenate([fit.params.to_numpy(), np.log(fit.sigma2s.to_numpy())])
    parts = len(fit._sample.names), fit.n_rhos, len(fit.lambdas), 2

    def f(at):
        return twin.loglik(at, ys, Xs, W, W, codes, parts)

    assert fit.loglik == pytest.approx(f(theta), abs=1e-8)
    assert twin.gradient(f, theta) == pytest.approx(0, abs=3e-4)


@pytest.mark.parametrize("row", [True, False])
def test_the_score_of_rho_is_freed_of_period_effects(row):
    _, w, W, codes, *_ = drawn(6, n=20, row=row)
    rho, lam, s = np.array([0.5, -0.2]), np.array([0.3, 0.1]), np.array([0.2, -0.4])
    from spatial.logdet.regimes import rows_by_regime

    matrices = rows_by_regime(w.csr, codes, 2)
    effects = PeriodEffects(3, matrices, matrices, codes, 2)
    dense = twin.mean_score(rho, lam, s, W, W, codes, 2, 3)
    values, slopes = effects.shift(rho, lam, s)
    assert values == pytest.approx(-dense, abs=1e-10)
    at = np.concatenate([rho, lam, s])
    by_steps = twin.gradient(lambda theta: effects.shift(*np.split(theta, 3))[0], at)
    assert slopes == pytest.approx(by_steps.T, abs=1e-6)
    nodes, shares = np.polynomial.legendre.leggauss(40)
    ray = sum(c / 2 * rho @ effects.shift(rho * (t + 1) / 2, lam, s)[0] for t, c in zip(nodes, shares))
    assert effects.potential(rho, lam, s) == pytest.approx(ray, abs=1e-7)


@pytest.mark.parametrize("effects", ["time", "twoway"])
def test_period_effects_with_one_rho_and_two_variances(effects):
    """y in contrasts F over units has the variance F'diag(sigma2)F: the likelihood by transformation, dense."""
    frame, w, W, codes, y, _ = drawn(7, n=25, T=4)
    fit = fitted("sdm", frame, w, sp.Regimes("region", sigma2=True), effects)
    from scipy.linalg import helmert

    F, over_time = helmert(25), helmert(4) if effects == "twoway" else np.eye(4)
    X = fit._design.X[:, :, [fit._design.names.index(name) for name in fit._sample.names]]
    ys, Xs = np.einsum("st,tn->sn", over_time, y), np.einsum("st,tnk->snk", over_time, X)

    def f(theta):
        beta, rho, s = theta[:-3], theta[-3], theta[-2:]
        V = F @ np.diag(np.exp(s[codes])) @ F.T
        A = np.eye(24) - rho * F @ W @ F.T
        value = len(ys) * (np.linalg.slogdet(A)[1] - np.linalg.slogdet(2 * np.pi * V)[1] / 2)
        for yt, Xt in zip(ys, Xs):
            e = A @ F @ yt - F @ Xt @ beta
            value -= e @ np.linalg.solve(V, e) / 2
        return value

    theta = np.concatenate([fit.params.to_numpy(), np.log(fit.sigma2s.to_numpy())])
    assert fit.loglik == pytest.approx(f(theta), abs=1e-8)
    assert twin.gradient(f, theta) == pytest.approx(0, abs=3e-4)


def test_windows_of_a_sparse_w_give_what_a_dense_inverse_gives(monkeypatch):
    from spatial.logdet import several

    frame, w, *_ = drawn(8, n=60, T=3)
    dense = fitted("gns", frame, w, all_by_regime("gns"), "twoway")
    monkeypatch.setattr(several, "DENSE_MAX", 10)
    monkeypatch.setattr(several, "DENSE_SHARE", 1.0)
    sparse = fitted("gns", frame, w, all_by_regime("gns"), "twoway")
    assert sparse._sample.lag.logdet.method == "sparse LU"
    assert sparse.params.to_numpy() == pytest.approx(dense.params.to_numpy(), abs=1e-4)
    assert sparse.std_errors.to_numpy() == pytest.approx(dense.std_errors.to_numpy(), rel=1e-3)


# -- effects and predictions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("regimes", ["region", sp.Regimes("region", terms=["a"], rho=True)])
@pytest.mark.parametrize("model", ["slx", "sar", "sdm"])
def test_effects_by_sender_and_receiver(model, regimes):
    if model == "slx" and regimes != "region":
        regimes = sp.Regimes("region", terms=["a"])
    frame, w, W, codes, *_ = drawn(9, n=45, G=2, row=False)
    fit = fitted(model, frame, w, regimes)
    effects = fit.effects(method="delta")
    tables = effects.tidy(), effects.by_receiver()
    sent, received = (table.set_index(["effect", "term"])["estimate"] for table in tables)
    columns = fit.split.columns
    for name in ("a", "b"):
        beta = fit.params[list(columns[name])].to_numpy()
        theta = fit.params[list(columns.get(f"W:{name}", ()))].to_numpy()
        S = twin.responses(beta, theta, fit.rhos.to_numpy(), W, codes)
        assert effects.matrix(name).to_numpy() == pytest.approx(S, abs=1e-10)
        for label, members in ((f"east: {name}", codes == 0), (f"south: {name}", codes == 1), (name, codes >= 0)):
            dense = twin.averages(S, members)
            for k, kind in enumerate(("direct", "indirect", "total")):
                assert sent[kind, label] == pytest.approx(dense[k], abs=1e-9)
                assert received[kind, label] == pytest.approx(dense[3 + k], abs=1e-9)
    shock = effects.shock("u03", "a", 2.0)
    assert shock.to_numpy() == pytest.approx(2 * effects.matrix("a")["u03"].to_numpy(), abs=1e-10)


@pytest.mark.parametrize("regimes", ["region", sp.Regimes("region", rho=True)])
def test_distributions_of_effects_agree(regimes):
    frame, w, *_ = drawn(10, n=60)
    fit = fitted("sdm", frame, w, regimes)
    exact, simulated = (fit.effects(method=method, draws=20_000).tidy() for method in ("quadrature", "simulate"))
    delta = fit.effects(method="delta").tidy()
    assert exact["estimate"].to_numpy() == pytest.approx(delta["estimate"].to_numpy(), abs=1e-10)
    assert exact["conf_low"].to_numpy() == pytest.approx(simulated["conf_low"].to_numpy(), abs=0.08)
    assert exact["conf_high"].to_numpy() == pytest.approx(simulated["conf_high"].to_numpy(), abs=0.08)
    outside = (exact["conf_low"] > 0) | (exact["conf_high"] < 0)
    assert ((exact["p_value"] <= 0.05) == outside).all()


def test_effects_of_a_large_sparse_w_are_near_the_dense_ones(monkeypatch):
    from spatial.effects import several_averages
    from spatial.logdet import several

    frame, w, *_ = drawn(11, n=200, G=3)
    fit = fitted("sdm", frame, w, sp.Regimes("region", rho=True))
    dense = fit.effects(method="delta").tidy()
    monkeypatch.setattr(several, "DENSE_MAX", 10)
    monkeypatch.setattr(several, "DENSE_SHARE", 1.0)
    monkeypatch.setattr(several_averages, "DENSE_MAX", 10)
    sparse = fit.effects(method="delta").tidy()
    assert sparse["estimate"].to_numpy() == pytest.approx(dense["estimate"].to_numpy(), abs=0.03)
    totals = dense["effect"] == "total"  # without traces
    assert sparse["estimate"][totals].to_numpy() == pytest.approx(dense["estimate"][totals].to_numpy(), abs=1e-9)
    assert sparse["std_error"].to_numpy() == pytest.approx(dense["std_error"].to_numpy(), rel=0.03)


@pytest.mark.parametrize("kind", ["TS", "TC", "BP", "trend"])
@pytest.mark.parametrize("effects", [None, "twoway"])
def test_one_regime_predicts_as_the_plain_model(kind, effects):
    frame, w, *_ = drawn(12, T=1 if effects is None else 4)
    plain = fitted("gns", frame, w, None, effects)
    one = fitted("gns", frame.assign(region="all"), w, all_by_regime("gns"), effects)
    assert one.predict(kind=kind).to_numpy() == pytest.approx(plain.predict(kind=kind).to_numpy(), abs=1e-6)


def test_predictions_by_dense_matrices():
    frame, w, W, codes, y, _ = drawn(13)
    fit = fitted("gns", frame, w, all_by_regime("gns"))
    A, B = (np.eye(40) - twin.of_unit(at.to_numpy(), codes)[:, None] * W for at in (fit.rhos, fit.lambdas))
    X = fit._design.X[0] @ fit.params.to_numpy()[: len(fit._sample.names)]
    TC = np.linalg.solve(A, X)
    Q = A.T @ B.T @ np.diag(1 / twin.of_unit(fit.sigma2s.to_numpy(), codes)) @ B @ A
    BP = TC - (Q @ (y[0] - TC)) / np.diag(Q) + (y[0] - TC)
    assert fit.predict(kind="TC").to_numpy() == pytest.approx(TC, abs=1e-9)
    assert fit.predict(kind="BP").to_numpy() == pytest.approx(BP, abs=1e-9)
    assert fit.resid.to_numpy() == pytest.approx(B @ (A @ y[0] - X), abs=1e-9)


# -- the Chow test ---------------------------------------------------------------------------------------------


def test_chow_is_the_f_test_of_nested_regressions():
    frame, w, *_ = drawn(14, n=50, rho=(0, 0, 0))
    fit = sp.ols("y ~ a + b", frame, w, entity="id", regimes="region")
    chow, full = sp.chow_test(fit), float(fit.resid @ fit.resid)
    plain = sp.ols("y ~ a + b", frame, w, entity="id")
    F = (float(plain.resid @ plain.resid) - full) / 3 / (full / 44)
    assert chow.joint.statistic == pytest.approx(F, rel=1e-9)
    assert chow.joint.df == (3, 44)
    shared = sp.ols("y ~ a + b", frame, w, entity="id", regimes=sp.Regimes("region", terms=["Intercept", "b"]))
    own = (float(shared.resid @ shared.resid) - full) / (full / 44)
    assert chow["a"].statistic == pytest.approx(own, rel=1e-9)


def test_chow_of_parameters_by_hand():
    frame, w, *_ = drawn(15, n=60, G=3)
    fit = fitted("sar", frame, w, all_by_regime("sar"))
    chow = fit.chow()
    assert [test.name for test in chow] == ["all", "Intercept", "a", "b", "rho", "sigma2"]
    C = np.array([[-1.0, 1, 0], [-1, 0, 1]])
    names = ["east: rho", "south: rho", "west: rho"]
    gap, V = C @ fit.params[names].to_numpy(), C @ fit.vcov.loc[names, names].to_numpy() @ C.T
    assert chow["rho"].statistic == pytest.approx(gap @ np.linalg.solve(V, gap) / 2, rel=1e-9)
    assert chow["all"].df == (8, fit.df_resid)
    assert chow.p_value == chow.joint.p_value == chow["all"].p_value
    assert list(chow.tidy().columns) == ["term", "statistic", "df", "p_value", "null"]
    assert len(chow.provenance.weights) == 1
    assert chow.plot().get_legend_handles_labels()[1] == ["east", "south", "west"]
    text = chow.summary()
    assert ("differ between regimes" in text) == (chow.p_value <= 0.05)


def test_period_effects_take_the_first_intercept():
    frame, w, *_ = drawn(16, T=4)
    fit = fitted("sar", frame, w, "region", "time")
    assert [name for name in fit.params.index if "Intercept" in name] == ["south: Intercept"]
    chow = fit.chow()
    t = fit.zstats["south: Intercept"]
    assert chow["Intercept"].statistic == pytest.approx(t**2)
    assert "Intercept" not in [test.name for test in fitted("sar", frame, w, "region", "twoway").chow()]


# -- spreg -----------------------------------------------------------------------------------------------------


def test_spreg_regimes():
    """Numbers of ``tests/reference/peers/regimes_spreg.py``."""
    import shapefiles

    columbus = shapefiles.load("columbus")
    columbus["side"] = columbus["CP"].map({0: "out", 1: "core"})
    w = wt.queen(columbus).standardize("row")
    stored = json.loads(REFERENCE.read_text())
    formula = "CRIME ~ INC + HOVAL"
    order = [f"{side}: {name}" for side in ("core", "out") for name in ("Intercept", "INC", "HOVAL")]
    fit, reference = sp.sar(formula, columbus, w, regimes="side", correction=False), stored["sar"]
    assert fit.params[[*order, "rho"]].to_numpy() == pytest.approx(reference["betas"], rel=1e-5)  # of their search
    assert fit.loglik == pytest.approx(reference["loglik"], abs=1e-6)
    fit = sp.ols(formula, columbus, w, regimes="side")
    assert fit.params[order].to_numpy() == pytest.approx(stored["ols"]["betas"], rel=1e-9)
    chow = fit.chow()
    for name, value in zip(("Intercept", "INC", "HOVAL"), stored["ols"]["chow"]):
        assert chow[name].statistic == pytest.approx(value, rel=1e-8)
    assert 3 * chow.joint.statistic == pytest.approx(stored["ols"]["joint"], rel=1e-8)


def test_spreg_filters_regressors_within_regimes():
    """Its SEM takes (1_r x) - lambda 1_r (M x) for B (1_r x): u_j of a neighbor in another regime is then y_j less x_j
    times the coefficients of this regime. Their number follows from that; ours is the likelihood of u = y - X beta."""
    from scipy.optimize import minimize_scalar

    import shapefiles

    columbus = shapefiles.load("columbus")
    M = wt.queen(columbus).standardize("row").csr.toarray()
    y, x = columbus["CRIME"].to_numpy(), np.column_stack([np.ones(49), columbus[["INC", "HOVAL"]]])
    inside = columbus["CP"].to_numpy()[:, None] == np.array([1, 0])
    by_regime = lambda values: (values[:, None, :] * inside[:, :, None]).reshape(49, -1)  # noqa: E731

    def loglik(lam, MX):
        By, BX = y - lam * M @ y, by_regime(x) - lam * MX
        e = By - BX @ np.linalg.lstsq(BX, By, rcond=None)[0]
        return -49 / 2 * (np.log(2 * np.pi * e @ e / 49) + 1) + np.linalg.slogdet(np.eye(49) - lam * M)[1]

    def highest(MX):
        return -minimize_scalar(lambda lam: -loglik(lam, MX), bounds=(-0.9, 0.9), method="bounded").fun

    theirs, ours = highest(by_regime(M @ x)), highest(M @ by_regime(x))
    assert theirs == pytest.approx(json.loads(REFERENCE.read_text())["sem"]["loglik"], abs=1e-6)
    columbus["side"] = columbus["CP"].map({0: "out", 1: "core"})
    fit = sp.sem("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"), regimes="side")
    assert fit.loglik == pytest.approx(ours, abs=1e-6)


# -- the door --------------------------------------------------------------------------------------------------


def refused(code, model="sdm", frame=None, regimes="region", effects=None, **options):
    own, w, *_ = drawn(17, T=1 if effects is None else 4)
    with pytest.raises(SpatialInputError) as caught:
        fitted(model, own if frame is None else frame(own), w, regimes, effects, **options)
    assert caught.value.code == code
    assert caught.value.hint
    return str(caught.value)


def test_a_regime_with_few_rows_is_named_with_its_counts():
    text = refused("E206", frame=lambda f: f.assign(region=np.where(f.index < 4, "isle", "rest")))
    assert "'isle' has 4 rows and 5 coefficients" in text
    text = refused("E206", frame=lambda f: f.assign(region=np.where(f["id"] == "u00", "isle", "rest")),
                   effects="entity")  # fmt: skip
    assert "'isle' has 3 rows and 4 coefficients" in text


def test_labels_that_are_missing_or_move():
    text = refused("E201", frame=lambda f: f.assign(region=f["region"].where(f.index > 1)))
    assert "no regime for 2 units" in text
    assert "u00" in text
    moved = lambda f: f.assign(region=np.where((f["id"] == "u03") & (f["t"] == 2), "west", f["region"]))  # noqa: E731
    assert "changes over time in 1 unit" in refused("E501", frame=moved, effects="twoway")
    assert "is no column" in refused("E502", regimes="province")


def test_collinear_and_constant_within_a_regime():
    text = refused("E205", frame=lambda f: f.assign(b=np.where(f["region"] == "east", 2 * f["a"] + 1, f["b"])),
                   model="ols")  # fmt: skip
    assert "'east: b' is collinear: it equals" in text
    assert "in the regime 'east' the regressor 'b' is zero" in refused(
        "E204", frame=lambda f: f.assign(b=np.where(f["region"] == "east", 0.0, f["b"])), model="sar")  # fmt: skip
    assert "does not vary within the entity effects" in refused(
        "E208", frame=lambda f: f.assign(b=np.where(f["region"] == "east", f["id"].str[1:].astype(int), f["b"])),
        model="sar", effects="entity")  # fmt: skip


@pytest.mark.parametrize(("options", "effects"), [
    ({"method": "gmm", "regimes": sp.Regimes("region", sigma2=True)}, None),
    ({"lags": "y", "method": "aqs"}, "entity"),
    ({"method": "reml", "regimes": sp.Regimes("region", sigma2=True)}, None),
    ({"vcov": "eim", "regimes": sp.Regimes("region", sigma2=True)}, None),
    ({"regimes": sp.Regimes("region", lam=True)}, None), ({"regimes": 3}, None),
])  # fmt: skip
def test_refused_combinations(options, effects):
    refused("E501", **{"regimes": "region", **options}, effects=effects)


def test_a_refusal_says_that_coefficients_by_regime_have_it():
    for regimes in (sp.Regimes("region", rho=True), sp.Regimes("region", sigma2=True)):
        text = refused("E501", regimes=regimes, endog=["a"], instruments=["b"], method="ml")
        assert "where rho, lambda or sigma2 differ between regimes" in text


def test_what_estimates_many_models_refuses_by_name():
    frame, w, *_ = drawn(18)
    with pytest.raises(SpatialInputError, match="regimes= is there where one model is estimated"):
        sp.compare_weights({"w": w, "v": w}, model=sp.sdm, formula="y ~ a + b", data=frame, entity="id",
                           regimes="region")  # fmt: skip
    fit = fitted("sdm", frame, w, "region")
    for refusing in (lambda: fit.effects(method="likelihood"), lambda: fit.predict(frame, w),
                     lambda: fit.effects().by_order(), lambda: fit.effects().elasticity(),
                     lambda: sp.wald_test(fit, "SAR")):  # fmt: skip
        with pytest.raises(SpatialInputError):
            refusing()
    with pytest.raises(SpatialInputError, match="the fit has none"):
        sp.chow_test(fitted("sdm", frame, w, None))
    with pytest.raises(SpatialInputError, match="one regime only"):
        fitted("sdm", frame.assign(region="all"), w, "region").chow()
    with pytest.raises(SpatialInputError, match="a rho for each regime"):
        fitted("sdm", frame, w, sp.Regimes("region", rho=True)).rho  # noqa: B018


def test_regimes_of_terms_that_are_not_there():
    assert "names 'z'" in refused("E502", regimes=sp.Regimes("region", terms=["z"]))
    for terms in (3, [3]):
        with pytest.raises(SpatialInputError, match="list of terms"):
            sp.Regimes("region", terms=terms)
    with pytest.raises(SpatialInputError):
        sp.Regimes("region", rho="yes")


# -- tables and files ------------------------------------------------------------------------------------------


def test_tables_and_files(tmp_path):
    frame, w, *_ = drawn(19, n=50)
    fit = fitted("sdm", frame, w, sp.Regimes("region", rho=True, sigma2=True))
    text = str(fit)
    assert "regimes of 'region': east (25 units), south (25 units); by regime: all coefficients, rho, sigma2" in text
    assert f"east {fit.sigma2s['east']:.6f}" in text
    again = sp.load(sp.save(fit, tmp_path / "fit.zip"))
    assert again.params.to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-10)
    table = sp.etable([fit, fitted("sar", frame, w, "region")]).to_frame()
    assert any("east: a" in str(row) for row in table.to_numpy().ravel().tolist() + list(table.index))
    effects = fit.effects()
    assert {"east: a", "south: a", "a"} <= set(effects.tidy()["term"])
    assert "direct" in str(effects)
    assert effects.plot() is not None
    assert fit.plot() is not None
    assert fit.glance()["model"].item() == "SDM"
    assert fit.regimes.value_counts().to_dict() == {"east": 25, "south": 25}
