"""Dynamic panels: against SDPDmod, a dense twin, and laws."""

import json
import re
import warnings as python_warnings
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.covariance.information import observed_covariance
from spatial.logdet import logdet
from spatial.solve import dynamic
from spatial.solve.ml import Solution
from spillover.errors import SpatialInputError, SpatialInputWarning
from spillover.matrix import as_weights

from .. import naive_dynamic as naive
from ..designs import nearest

PRODUC = "log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp"
KEYS = {"entity": "i", "time": "t"}
LAGS = {"tl": "y", "stl": "Wy", "tlstl": "both"}


def ours(name):
    """SDPDmod's name of a coefficient in our words."""
    lag = "lag(log(gsp))"
    return {"log(gsp)(t-1)": lag, "W*log(gsp)(t-1)": "W:" + lag}.get(name, name.replace("W*", "W:"))


@pytest.fixture(scope="module")
def produc(shared):
    folder = shared / "reference"
    data = pd.read_csv(folder / "produc.csv")
    ids = data["state"].unique()
    links = pd.read_csv(folder / "produc_w_usaww_W.csv")
    dense = np.zeros((len(ids), len(ids)))
    dense[links["i"] - 1, links["j"] - 1] = links["w"]
    return data.sample(frac=1, random_state=3), pd.DataFrame(dense, index=ids, columns=ids), folder


def arrays(produc, model):
    """y (T + 1, N) and X (T, N, k) of Produc."""
    data, W, _ = produc
    data = data.sort_values(["year", "state"])
    y = np.log(data["gsp"].to_numpy()).reshape(17, 48)
    X = np.stack([np.log(data["pcap"]), np.log(data["pc"]), np.log(data["emp"]), data["unemp"]], -1).reshape(17, 48, 4)
    if model == "sdm":
        X = np.concatenate([X, np.einsum("ij,tjk->tik", W.to_numpy(), X)], axis=2)
    return y, X[1:], W.to_numpy()


CASES = [(model, effects, form, lag) for model in ("sar", "sdm") for effects in ("individual", "twoways")
         for lag in LAGS for form in ("", "_LY")]  # fmt: skip
CASES += [("sar", "twoways", "_DIR", "tlstl"), ("sdm", "twoways", "_DIR", "tlstl")]


@pytest.mark.parametrize(("model", "r_effects", "form", "lag"), CASES)
def test_sdpdmod(produc, model, r_effects, form, lag):
    """Estimates, s.e. and effects. SDPDmod takes the fourth moment from y - A^-1 Z b, which is not the error: added
    here to our expected information, it gives its s.e. Two of its corrections are others than the paper's."""
    data, W, folder = produc
    tail = f"_LY_{lag}" if form == "_LY" else f"_{lag}{form}"
    want = json.loads((folder / f"sdpdmod/produc_dyn_{model}_{r_effects}{tail}.json").read_text())
    effects = {"individual": "entity", "twoways": "twoway"}[r_effects]
    by = {"": False, "_LY": True, "_DIR": "additive"}[form]
    fit = getattr(sp, model)(PRODUC, data, W, entity="state", time="year", effects=effects, lags=LAGS[lag],
                             correction=by, vcov="eim")  # fmt: skip
    estimates = pd.Series({ours(k): v for k, v in want["estimates"].items()})
    order = list(fit.params.index)
    y, X, dense = arrays(produc, model)
    at, information = naive.estimate(y, X, dense, LAGS[lag], effects, by)
    np.testing.assert_allclose([*fit.params, fit.sigma2], at, rtol=2e-5, atol=1e-7)
    np.testing.assert_allclose(fit.vcov, np.linalg.inv(information)[:-1, :-1], rtol=1e-3, atol=1e-9)
    if form == "_LY" and (lag == "stl" or (model, lag) == ("sdm", "tl")):
        wrong = _as_sdpdmod(y, X, dense, LAGS[lag], effects)
        np.testing.assert_allclose(wrong[:-1], estimates[order], rtol=2e-5, atol=1e-7)
        assert np.abs(fit.params - estimates[order]).max() > 0.01
        return
    np.testing.assert_allclose(fit.params, estimates[order], rtol=1e-5, atol=1e-7)
    assert fit.sigma2 == pytest.approx(want["fit"]["sigma2"], rel=1e-5)
    errors = pd.Series({ours(k): v for k, v in want["se"].items()})[order].to_numpy()
    now, Z, _, Ws = naive.demeaned(y, X, dense, LAGS[lag], effects, by is True)
    b, rho, s2 = at[:-2], *at[-2:]
    k, inverse, omega = len(b), np.linalg.inv(information), np.zeros_like(information)
    omega[k:, k:] = naive.fourth_moment(now, Ws, rho, s2)
    more = np.diag(inverse @ omega @ inverse)[:-1]
    reduced = now - np.linalg.solve(np.eye(len(Ws)) - rho * Ws, (Z @ b).T).T
    excess = np.mean(reduced**4) / s2**2 - 3
    if by is True and effects == "twoway":  # the fourth moment depends on the basis F that was taken
        excess = (errors[-1] ** 2 - inverse[k, k]) / more[k]
    np.testing.assert_allclose(np.sqrt(np.diag(inverse)[:-1] + excess * more), errors, rtol=1e-4)
    if "sim_DIRECTst.tab" in want["impacts"] and by:  # without, its covariance is N T times too large
        spread = fit.effects().short_run.std_errors[1]
        np.testing.assert_allclose(spread, list(want["impacts"]["sim_INDIRECTst.tab"]["sd"].values()), rtol=0.08)
    for run in ("short_run", "long_run"):
        if run == "short_run" or fit.stationarity.holds:
            part = getattr(fit.effects(method="delta"), run)
            for kind in ("direct", "indirect", "total"):
                pd.testing.assert_series_equal(getattr(part, kind), pd.Series(want["impacts"][run][kind]), rtol=1e-4,
                                               atol=1e-6, check_names=False)  # fmt: skip


def _as_sdpdmod(y, X, W, lags, effects):
    """With its traces: of lags='Wy' those of K in place of W K; without the roots above 1 - 1/N else."""
    now, Z, Wy, Ws = naive.demeaned(y, X, W, lags, effects, True)
    b, rho, s2 = naive.maximum(now, Z, Wy, Ws)
    N, k = len(Ws), len(b)
    S_inverse = np.linalg.inv(np.eye(N) - rho * Ws)
    A, G = S_inverse @ (b[0] * (np.eye(N) if lags == "y" else Ws)), Ws @ S_inverse
    a, V = np.linalg.eig(A)
    B = (A - (V * np.where(a.real > 1 - 1 / N, a, 0)) @ np.linalg.inv(V)).real
    K = np.linalg.inv(np.eye(N) - B) @ S_inverse
    score = np.zeros(k + 2)
    score[0], score[k], score[k + 1] = np.trace(K), b[0] * np.trace(G @ K) + np.trace(G), N / (2 * s2)
    return np.array([*b, rho, s2]) + np.linalg.solve(naive.information(now, Z, Ws, b, rho, s2), score)


# -- random data ---------------------------------------------------------------------------------------------


def simulated(rng, W, T, *, rho=0.3, tau=0.4, eta=-0.1, beta=1.0, theta=0.5, burn=30, twoway=True):
    """A long frame of T + 1 periods with unit (and period) effects."""
    N = len(W)
    A = np.linalg.inv(np.eye(N) - rho * W)
    c, y, rows = rng.standard_normal(N), np.zeros(N), []
    for t in range(burn + T + 1):
        x = rng.standard_normal(N) + 0.5 * c
        m = rng.standard_normal() * twoway
        y = A @ (tau * y + eta * W @ y + beta * x + theta * W @ x + c + m + rng.standard_normal(N))
        if t >= burn:
            rows.append(pd.DataFrame({"i": [f"区{i:02d}" for i in range(N)], "t": 2000 + t - burn, "y": y, "x": x}))
    return pd.concat(rows, ignore_index=True)


def weights(kind, N=14):
    rng = np.random.default_rng(4)
    W = nearest(rng, N, 3)  # asymmetric: complex eigenvalues
    if kind == "binary":
        W = ((W + W.T) > 0) * 1.0
    if kind == "symmetric":
        W = W + W.T
        W = W / W.sum(1, keepdims=True)
    return W


def labelled(W):
    ids = [f"区{i:02d}" for i in range(len(W))]
    return pd.DataFrame(W, index=ids, columns=ids)


@pytest.mark.parametrize("lags", ["y", "Wy", "both"])
@pytest.mark.parametrize(("kind", "effects", "correction"), [
    ("asymmetric", "entity", True), ("asymmetric", "twoway", True), ("asymmetric", "twoway", "additive"),
    ("symmetric", "twoway", True), ("binary", "entity", True), ("binary", "twoway", True),
])  # fmt: skip
@pytest.mark.parametrize("tau", [0.4, 0.97])
def test_twin(kind, effects, correction, lags, tau):
    """Bias-corrected estimates and expected information; tau near one leaves the infinite sum."""
    W = weights(kind)
    rho = 0.3 if kind != "binary" else 0.05
    data = simulated(np.random.default_rng(8), W, 9, rho=rho, tau=tau, eta=-rho * tau)
    fit = sp.sdm("y ~ x", data.sample(frac=1, random_state=1), labelled(W), **KEYS, effects=effects, lags=lags,
                 correction=correction, vcov="eim")  # fmt: skip
    x = data["x"].to_numpy().reshape(10, -1)[1:]
    X = np.stack([x, (x - x.mean(1, keepdims=True) * (effects == "twoway")) @ W.T], axis=2)
    want, information = naive.estimate(data["y"].to_numpy().reshape(10, -1), X, W, lags, effects, correction)
    np.testing.assert_allclose([*fit.params, fit.sigma2], want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fit.std_errors, np.sqrt(np.diag(np.linalg.inv(information))[:-1]), rtol=1e-4)


@pytest.mark.parametrize("lags", ["y", "Wy", "both"])
@pytest.mark.parametrize("effects", ["entity", "twoway"])
def test_the_correction_varies_too(effects, lags):
    """J V J', J the derivatives of what the correction leaves: dense formulas, differences of one coordinate each."""
    W = weights("asymmetric")
    data = simulated(np.random.default_rng(8), W, 6, rho=0.3, tau=0.5, eta=-0.1)
    fit = sp.sdm("y ~ x", data, labelled(W), **KEYS, effects=effects, lags=lags)
    x = data["x"].to_numpy().reshape(7, -1)[1:]
    X, y = np.stack([x, x @ W.T], axis=2), data["y"].to_numpy().reshape(7, -1)
    now, Z, Wy, Ws = naive.demeaned(y, X, W, lags, effects, True)
    b, rho, s2 = naive.maximum(now, Z, Wy, Ws)
    theta, k, T = np.array([*b, rho, s2]), len(b), len(now)
    inverse = np.linalg.inv(naive.information(now, Z, Ws, b, rho, s2))
    slopes = np.column_stack([
        (naive.bias_score(Ws, T, lags, k, up[:-2], *up[-2:]) - naive.bias_score(Ws, T, lags, k, down[:-2], *down[-2:]))
        / 2e-5 for up, down in ((theta + h, theta - h) for h in 1e-5 * np.eye(k + 2))
    ])  # fmt: skip
    J = (np.eye(k + 2) + inverse @ slopes)[:-1, :-1]
    n, p = fit._sample.n, len(fit.params)
    plain = observed_covariance(fit._sample, fit._solution, fit.params.index) * n / (n - p)
    np.testing.assert_allclose(fit.vcov, J @ plain @ J.T, rtol=1e-4, atol=1e-9)
    bare = replace(fit, _solution=Solution(**{f.name: getattr(fit._solution, f.name) for f in fields(Solution)}))
    for vcov in ("cluster", "driscoll_kraay"):
        want = J @ bare.with_vcov(vcov).vcov.to_numpy() @ J.T
        np.testing.assert_allclose(fit.with_vcov(vcov).vcov, want, rtol=1e-4, atol=1e-9)
    np.testing.assert_array_equal(fit.with_vcov("eim").vcov, bare.with_vcov("eim").vcov)


@pytest.mark.parametrize("kind", ["asymmetric", "symmetric", "binary"])
def test_traces_agree(kind):
    """By the determinant at rho* and by eigenvalues."""
    W = weights(kind)
    w = as_weights(labelled(W))
    top = 1 / logdet(w).interval[1]
    data = simulated(np.random.default_rng(2), W, 6, rho=0.3 / top, eta=0.0)
    fit = sp.sar("y ~ x", data, labelled(W), **KEYS, effects="entity", lags="both")
    at = (0.3 / top, 0.5, -0.2 / top)
    by_determinant = dynamic._traces(fit._sample.lag, w, *at)
    np.testing.assert_allclose(dynamic._traces_by_eigenvalues(fit._sample.lag, w, *at), by_determinant, rtol=1e-10)


@pytest.mark.parametrize("symmetric", [True, False])
def test_roots_without_eigenvalues(symmetric):
    """Where W is factorised instead: the outermost eigenvalues suffice, or the circle through them bounds the roots."""
    rng, N = np.random.default_rng(1), 400
    W = nearest(rng, N, 4)
    if symmetric:
        W = (W + W.T) / (W + W.T).sum(1, keepdims=True)
    w = as_weights(pd.DataFrame(W))
    L = logdet(w)
    assert not hasattr(L, "eigenvalues")
    for at in ((0.4, 0.5, -0.2), (0.2, 0.3, 0.4), (-0.3, 0.6, 0.1)):
        largest = np.abs(dynamic.roots(w, L, *at)).max()
        A = np.linalg.solve(np.eye(N) - at[0] * W, at[1] * np.eye(N) + at[2] * W)
        true = np.abs(np.linalg.eigvals(A)).max()
        assert largest == pytest.approx(true, rel=1e-6) if symmetric else true <= largest * (1 + 1e-9) < 1.25 * true


def test_beyond_the_correction(monkeypatch):
    """Refused with the numbers: too many units near a unit root, and a correction that leaves rho's interval."""
    W = weights("symmetric")
    data = simulated(np.random.default_rng(8), W, 9, tau=0.97, eta=-0.3)
    monkeypatch.setattr(dynamic, "EIGEN_MAX", 10)
    with pytest.raises(SpatialInputError, match=r"E711.*up to 10 units"):
        sp.sar("y ~ x", data, labelled(W), **KEYS, effects="entity", lags="both")
    monkeypatch.undo()
    short = simulated(np.random.default_rng(2), W, 3, rho=0.85, tau=0.1, eta=0.0, twoway=False)
    with pytest.raises(SpatialInputError, match=r"E710.*moves rho from 0\.903 to 1\.035"):
        sp.sar("y ~ x", short, labelled(W), **KEYS, effects="entity", lags="both")


# -- effects -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["asymmetric", "binary"])
def fitted(request):
    W = weights(request.param)
    scale = 1 if request.param == "asymmetric" else 0.2
    data = simulated(np.random.default_rng(5), W, 12, rho=0.3 * scale, eta=-0.1 * scale)
    return sp.sdm("y ~ x", data, labelled(W), **KEYS, effects="entity", lags="both"), W


def dense_effects(fit, W, params=None):
    """(short, long) average (direct, indirect, total)."""
    p = fit.params if params is None else pd.Series(params, fit.params.index)
    eye, own = np.eye(len(W)), p["x"] * np.eye(len(W)) + p["W:x"] * W
    short = np.linalg.inv(eye - p["rho"] * W) @ own
    long = np.linalg.inv((1 - p["lag(y)"]) * eye - (p["rho"] + p["W:lag(y)"]) * W) @ own
    averages = [(S.trace() / len(W), S.sum() / len(W)) for S in (short, long)]
    return np.array([[d, t - d, t] for d, t in averages])


def test_effects(fitted):
    """Averages and their delta-method errors, from dense inverses and numerical derivatives."""
    fit, W = fitted
    eff = fit.effects(method="delta")
    both = np.array([eff.short_run.estimates[:, 0], eff.long_run.estimates[:, 0]])
    np.testing.assert_allclose(both, dense_effects(fit, W), rtol=1e-9)
    p, h = fit.params.to_numpy(), 1e-6
    J = np.stack([(dense_effects(fit, W, p + h * e) - dense_effects(fit, W, p - h * e)) / (2 * h)
                  for e in np.eye(len(p))], axis=-1)  # fmt: skip
    want = np.sqrt(np.einsum("rkp,pq,rkq->rk", J, fit.vcov.to_numpy(), J))
    got = np.array([eff.short_run.std_errors[:, 0], eff.long_run.std_errors[:, 0]])
    np.testing.assert_allclose(got, want, rtol=1e-5)
    exact, drawn = (fit.effects(method=method, draws=40_000).long_run for method in ("quadrature", "simulate"))
    np.testing.assert_allclose(exact.std_errors, drawn.std_errors, rtol=0.03)  # no two of 40,000 draws agree better
    with pytest.raises(AttributeError, match=r"read short_run\.direct or long_run\.direct"):
        _ = eff.direct
    assert list(eff.tidy()["effect"]) == [f"{run} {kind}" for run in ("short-run", "long-run")
                                          for kind in ("direct", "indirect", "total")]  # fmt: skip


def test_units_in_the_long_run(fitted):
    """matrix, by_unit and shock are those of the dense long-run inverse; convergence is A's averages."""
    fit, W = fitted
    p, eye, eff = fit.params, np.eye(len(W)), fit.effects(method="delta")
    S = np.linalg.inv((1 - p["lag(y)"]) * eye - (p["rho"] + p["W:lag(y)"]) * W) @ (p["x"] * eye + p["W:x"] * W)
    np.testing.assert_allclose(eff.long_run.matrix("x"), S, rtol=1e-9, atol=1e-12)
    units = eff.long_run.by_unit("x")
    np.testing.assert_allclose(units["own"], np.diag(S), rtol=1e-9)
    np.testing.assert_allclose(units["emitted"], S.sum(0) - np.diag(S), rtol=1e-8)
    np.testing.assert_allclose(eff.long_run.shock("区03", "x", 2.0), 2 * S[:, 3], rtol=1e-9, atol=1e-12)
    A = np.linalg.inv(eye - p["rho"] * W) @ (p["lag(y)"] * eye + p["W:lag(y)"] * W)
    np.testing.assert_allclose(eff.convergence.direct["lag(y)"], A.trace() / len(W), rtol=1e-9)
    np.testing.assert_allclose(eff.convergence.total["lag(y)"], A.sum() / len(W), rtol=1e-9)
    assert np.abs(np.linalg.eigvals(A)).max() == pytest.approx(fit.stationarity.largest_root, rel=1e-9)


def test_path(fitted):
    """After h periods A^h S^-1 (beta I + theta W); cumulated it tends to the long run."""
    fit, W = fitted
    p, eye, eff = fit.params, np.eye(len(W)), fit.effects()
    path = eff.path(80).set_index(["change", "horizon", "effect"])["estimate"]
    S = np.linalg.inv(eye - p["rho"] * W)
    M = np.linalg.matrix_power(S @ (p["lag(y)"] * eye + p["W:lag(y)"] * W), 3) @ S @ (p["x"] * eye + p["W:x"] * W)
    assert path["transitory", 3, "direct"] == pytest.approx(M.trace() / len(W), rel=1e-9)
    assert path["transitory", 3, "total"] == pytest.approx(M.sum() / len(W), rel=1e-9)
    for kind in ("direct", "indirect", "total"):
        assert path["permanent", 0, kind] == pytest.approx(getattr(eff.short_run, kind)["x"], rel=1e-9)
        assert path["permanent", 80, kind] == pytest.approx(getattr(eff.long_run, kind)["x"], rel=1e-6)


def test_figure(fitted):
    """Three lines through the estimates of path()."""
    fit, _ = fitted
    eff = fit.effects()
    ax = sp.plot.path(eff, "x", horizon=4, change="transitory")
    table = eff.path(4).query("change == 'transitory' and effect == 'total'")
    drawn = next(line for line in ax.get_lines() if line.get_label() == "total")
    np.testing.assert_allclose(drawn.get_ydata(), table["estimate"])
    with pytest.raises(SpatialInputError, match="E502"):
        sp.plot.path(eff, "lag(y)")
    with pytest.raises(SpatialInputError, match="E501"):
        sp.plot.path(eff, "x", change="lasting")


# -- laws ----------------------------------------------------------------------------------------------------


def test_constants_and_order():
    """Constants per unit and period change nothing, nor do names and the order of rows; y times 10 is beta times 10."""
    W, rng = weights("asymmetric"), np.random.default_rng(3)
    data = simulated(rng, W, 8)
    options = {**KEYS, "effects": "twoway", "lags": "both"}
    fit = sp.sdm("y ~ x", data, labelled(W), **options)
    shift = data["i"].map(dict(zip(data["i"].unique(), rng.normal(0, 5, 14))))
    shift = shift + data["t"].map(dict(zip(data["t"].unique(), rng.normal(0, 5, 9))))
    moved = data.assign(y=10 * (data["y"] + shift), t=data["t"].astype(str)).sample(frac=1, random_state=2)
    mixed = labelled(W).sample(frac=1, random_state=5)
    other = sp.sdm("y ~ x", moved, mixed[mixed.index], **options)
    scale = [1, 1, 10, 10, 1]
    np.testing.assert_allclose(other.params, fit.params * scale, rtol=1e-7)
    np.testing.assert_allclose(other.std_errors, fit.std_errors * scale, rtol=1e-6)


@pytest.mark.parametrize("effects", ["none", "time"])
def test_without_unit_effects_it_is_a_regressor(effects):
    """No unit effects, no correction: the fit equals one with lag(y) in the formula."""
    W = weights("symmetric")
    data = simulated(np.random.default_rng(3), W, 8)
    dynamic = sp.sar("y ~ x", data, labelled(W), **KEYS, effects=effects, lags="y")
    plain = sp.sar("y ~ x + lag(y)", data, labelled(W), **KEYS, effects=effects)
    pd.testing.assert_series_equal(dynamic.params.sort_index(), plain.params.sort_index(), rtol=1e-9)
    assert dynamic.loglik == pytest.approx(plain.loglik, rel=1e-12)


def test_all_that_a_fit_can_do():
    """Covariances, prediction, tables, comparison and tests work on a dynamic fit."""
    W = weights("symmetric", 20)
    data = simulated(np.random.default_rng(6), W, 10)
    options = {**KEYS, "effects": "entity"}
    fit = sp.sdm("y ~ x", data, labelled(W), **options, lags="both")
    for kind in ("eim", "robust", "cluster", sp.DriscollKraay(2)):
        ratio = fit.with_vcov(kind).std_errors / fit.std_errors
        assert ratio.between(0.4, 2.2).all()
    gap = fit._design.labelled(fit._design.y, "y") - fit.predict() - fit.resid
    assert np.abs(gap).max() < 1e-10
    assert "W:lag(y)" in str(sp.etable([fit]))
    assert "Long-run direct effects" in str(sp.etable([fit], effects=True))
    compared = sp.compare_weights({"a": labelled(W), "b": labelled(weights("asymmetric", 20))}, model=sp.sdm,
                                  formula="y ~ x", data=data, lags="y", **options)  # fmt: skip
    assert "long-run total" in set(compared.tidy()["effect"])
    assert all(words in str(fit) for words in ("dynamic SDM", "stationary: tau + rho + eta", "first period, 2000"))
    static = sp.sdm("y ~ x", data[data["t"] > 2000], labelled(W), **options, correction=False)
    loose = sp.sdm("y ~ x", data, labelled(W), **options, lags="both", correction=False)
    lr, wald = sp.lr_test(static, loose), sp.wald_test(loose, against="static")
    assert (lr.df, lr.null) == (2, "tau = 0 and eta = 0") == (wald.df, wald.null)
    assert lr.statistic == pytest.approx(wald.statistic, rel=0.5)
    assert sp.lr_test(sp.sar("y ~ x", data, labelled(W), **options, lags="both"), fit).df == 1


def test_not_stationary():
    """Reported; the short run and the path are there, the long run is refused with the numbers."""
    W = weights("symmetric")
    data = simulated(np.random.default_rng(3), W, 9, rho=0.3, tau=0.85, eta=0.0, burn=3)
    fit = sp.sar("y ~ x", data, labelled(W), **KEYS, effects="entity", lags="y")
    assert not fit.stationarity.holds
    assert "not stationary: tau + rho = 1." in str(fit)
    eff = fit.effects()
    with pytest.raises(SpatialInputError, match=r"E712.*tau \+ rho = 1.*largest root"):
        _ = eff.long_run
    assert "No long run" in str(eff)
    assert len(eff.tidy()) == 3
    assert np.isfinite(eff.path(5)["estimate"]).all()


def test_a_long_run_that_the_data_do_not_determine(states, panel, queen):
    """The estimate is stationary, more than half of its distribution is not: the short run is shown, and why."""
    data = panel.assign(y=panel["gsp"] / panel["emp"], g=panel["pcap"] / panel["emp"], k=panel["pc"] / panel["emp"])
    fit = sp.sdm("log(y) ~ log(g) + log(k) + unemp", data, queen, entity="state", time="year", lags="both")
    assert fit.stationarity.holds
    for method in ("quadrature", "simulate"):
        effects = fit.effects(method=method)
        with pytest.raises(SpatialInputError, match="E712"):
            _ = effects.long_run
        assert "is not determined" in effects.no_long_run or "are not stationary" in effects.no_long_run
        assert f"No long run: {effects.no_long_run}." in str(effects)
        assert set(effects.tidy()["effect"]) == {f"short-run {kind}" for kind in ("direct", "indirect", "total")}
        assert "long-run" not in str(sp.etable([effects])).lower()
    delta = fit.effects(method="delta")
    assert delta.no_long_run == ""
    assert len(delta.tidy()) == 18


def test_refused():
    W = labelled(weights("symmetric"))
    data = simulated(np.random.default_rng(3), W.to_numpy(), 4)
    dated = data.assign(t=pd.to_datetime(data["t"].astype(str)))
    options = {**KEYS, "lags": "both"}
    assert sp.sdm("y ~ x", dated, W, **options).rho == sp.sdm("y ~ x", data, W, **options).rho
    for code, call in {
        "E501: lags='x' is not known": lambda: sp.sar("y ~ x", data, W, **KEYS, lags="x"),
        "E501: lags='y' needs a panel": lambda: sp.sar("y ~ x", data[data.t == 2000].set_index("i"), W, lags="y"),
        "E501.*random effects": lambda: sp.sdm("y ~ x", data, W, **options, effects="random"),
        "E501.*not go with random effects": lambda: sp.sar("y ~ x", data, W, **options, effects="correlated"),
        "E501.*the formula has 'lag": lambda: sp.sdm("y ~ x + lag(y)", data, W, **options),
        "E104.*without gaps": lambda: sp.sdm("y ~ x", data[data.t != 2002], W, **options),
        "E104.*gaps\n.*2003-01-01": lambda: sp.sdm("y ~ x", dated[dated.t.dt.year != 2002], W, **options),
        "E206.*2 periods": lambda: sp.sdm("y ~ x", data[data.t == 2001], W, **options),
        "E501.*dynamic models": lambda: sp.sdm("y ~ x", data, W, **KEYS).stationarity,
        "E501.*horizon": lambda: sp.sdm("y ~ x", data, W, **options).effects().path(-1),
        "E501.*filtered like y": lambda: sp.wald_test(sp.sdm("y ~ x", data, W, **options), against="SEM"),
    }.items():  # fmt: skip
        with pytest.raises(SpatialInputError) as raised:
            call()
        assert re.search(code, str(raised.value)), (code, str(raised.value))


def test_own_lag_in_the_formula_is_warned_of():
    W = labelled(weights("symmetric"))
    data = simulated(np.random.default_rng(3), W.to_numpy(), 6).assign(z=lambda d: np.exp(d["y"] / 9))
    with pytest.warns(SpatialInputWarning, match="Nickell"):
        sp.sar("log(z) ~ x + log(lag(z))", data, W, **KEYS)
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("error")
        sp.sar("y ~ lag(x)", data, W, **KEYS)
        sp.sar("y ~ x + lag(y)", data, W, **KEYS, effects="time")
