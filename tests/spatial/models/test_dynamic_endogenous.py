"""Dynamic panels with endogenous and predetermined regressors: pydynpd, a twin written unit by unit, laws, refusals."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from ..designs import nearest

FOLDER = Path(__file__).parents[2] / "reference" / "dynamic"
STORED = json.loads((FOLDER / "pydynpd.json").read_text())
KEYS = {"entity": "i", "time": "t", "lags": "both"}
PERIOD_BY_PERIOD = {"transform": "differences", "collapse": False}
CASES = {
    "endogenous": (PERIOD_BY_PERIOD, {"endog": "w"}),
    "predetermined": ({**PERIOD_BY_PERIOD, "predetermined": "k"}, {}),
    "both collapsed": ({"transform": "differences", "predetermined": ["k"]}, {"endog": ["w"]}),
    "one step": ({**PERIOD_BY_PERIOD, "steps": 1}, {"endog": "w"}),
    "deviations": ({"predetermined": "k"}, {"endog": "w"}),
}


@pytest.fixture(scope="module")
def firms():
    data = pd.read_csv(FOLDER / "empluk.csv").rename(columns={"emp": "n", "wage": "w", "capital": "k"})
    data[["n", "w", "k"]] = np.log(data[["n", "w", "k"]])
    ids = sorted(data["firm"].unique())
    return data, pd.DataFrame(np.roll(np.eye(len(ids)), 1, axis=1), ids, ids)


@pytest.mark.parametrize("case", CASES)
def test_pydynpd(firms, case):
    """Without W the estimates, standard errors, Hansen's J and tests of serial correlation are those of pydynpd."""
    settings, options = CASES[case]
    fit = sp.ols("n ~ w + k", *firms, entity="firm", time="year", lags="y", effects="entity",
                 method=sp.ArellanoBond(**settings), **options)  # fmt: skip
    want, tests = STORED[case], sp.instrument_tests(fit)
    np.testing.assert_allclose(fit.params, want["coef"], rtol=1e-8)
    np.testing.assert_allclose(fit.std_errors, want["se"], rtol=1e-8)
    assert tests["Hansen J"].df == want["df"]
    assert tests["Hansen J"].statistic == pytest.approx(want["hansen"], rel=1e-8)
    if case != "one step":  # where pydynpd weighs by one variance, and plm (test_dynamic_gmm) as here
        np.testing.assert_allclose([tests["AR(1)"].statistic, tests["AR(2)"].statistic], want["ar"], rtol=1e-8)


def moving_panel(seed, N=26, T=5, moves=True):
    """y, x, c and an instrument z, with W of every period; c shares the errors of its own period."""
    rng = np.random.default_rng(seed)
    W = [nearest(rng, N, 3) for _ in range(T + 1)] if moves else [nearest(rng, N, 3)] * (T + 1)
    x, z, v, e = rng.standard_normal((4, T + 1, N))
    c, y, unit = z + v + 0.6 * e, np.zeros((T + 1, N)), rng.standard_normal(N)
    for t in range(T + 1):
        before = 0.4 * y[t - 1] - 0.1 * W[t - 1] @ y[t - 1] if t else unit
        mean = before + x[t] + c[t] + 0.5 * W[t] @ (x[t] + c[t]) + unit + 0.1 * t
        y[t] = np.linalg.solve(np.eye(N) - 0.3 * W[t], mean + e[t])
    index = pd.MultiIndex.from_product([range(T + 1), range(N)], names=["t", "i"])
    columns = {"y": y, "x": x, "c": c, "z": z}
    data = pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index).reset_index()
    return data, np.array(W), wt.temporal({t: wt.from_dense(one, ids=list(range(N))) for t, one in enumerate(W)})


def by_unit(data, W, kind, model, settings):
    """The equations and instruments of every unit, and the one-step estimate with its covariance."""
    T, N = len(W) - 1, W.shape[1]
    J = np.eye(N) - 1 / N
    level = {name: data[name].to_numpy().reshape(T + 1, N) for name in ("y", "x", "c", "z")}

    def lags(name, powers):
        out = [level[name]]
        for _ in range(powers):
            out.append(np.stack([w @ row for w, row in zip(W, out[-1])]))
        return [values @ J for values in out]

    durbin, lag = model in ("sdm", "slx"), model in ("sar", "sdm")
    y = lags("y", 2)
    Z = [y[0][:-1], y[1][:-1], *(values[1:] for name in "xc" for values in lags(name, 1)[: 1 + durbin])]
    Z = [*Z[:2], Z[2], Z[3 + durbin], *([Z[3], Z[5]] if durbin else []), *([y[1][1:]] if lag else [])]
    own, past, before = ["x", *"c" * (kind == "exogenous"), *"z" * (kind == "instruments")], [], []
    past += [values[:-1] for values in lags("y", lag + 1)]
    if kind == "endogenous":
        past += [values[:-1] for values in lags("c", lag + durbin)]
    if kind == "predetermined":
        before = lags("c", lag + durbin)
    own = [values[1:] for name in own for values in lags(name, 2 + durbin if lag else 1)]
    D = np.diff(np.eye(T), axis=0)
    if settings.transform == "orthogonal":
        D = np.array([[0.0] * t + [1] + [-1 / (T - 1 - t)] * (T - 1 - t) for t in range(T - 1)])
        D /= np.linalg.norm(D, axis=1, keepdims=True)
    H = []
    for i in range(N):
        rows = []
        for r in range(T - 1):
            row = [p[r - k, i] if r >= k else 0.0 for p in past for k in range(settings.depth)]
            row += [b[r + 1 - k, i] if r + 1 >= k else 0.0 for b in before for k in range(settings.depth)]
            rows.append([*row, *(D[r] @ z[:, i] for z in own)])
        H.append(np.array(rows))
    X, Y = [D @ np.column_stack([z[:, i] for z in Z]) for i in range(N)], [D @ y[0][1:, i] for i in range(N)]
    return H, X, Y, D


def gmm(H, X, Y, A):
    HX, HY = sum(h.T @ x for h, x in zip(H, X)), sum(h.T @ y for h, y in zip(H, Y))
    M = np.linalg.pinv(HX.T @ A @ HX) @ HX.T @ A
    return M @ HY, M


KINDS = {"exogenous": {}, "endogenous": {"endog": "c"}, "instruments": {"endog": "c", "instruments": "z"},
         "predetermined": {}}  # fmt: skip


@pytest.mark.parametrize(("model", "kind", "transform"), [
    ("sdm", "endogenous", "orthogonal"), ("sdm", "predetermined", "differences"), ("sdm", "instruments", "orthogonal"),
    ("sar", "endogenous", "differences"), ("sar", "predetermined", "orthogonal"), ("sar", "exogenous", "orthogonal"),
    ("slx", "endogenous", "orthogonal"), ("slx", "instruments", "differences"),
])  # fmt: skip
def test_twin_under_a_moving_w(model, kind, transform):
    """Coefficients and one-step covariance, matrix by matrix."""
    data, W, w = moving_panel(3)
    settings = sp.ArellanoBond(transform=transform, steps=1, depth=2,
                               predetermined=["c"] if kind == "predetermined" else None)  # fmt: skip
    fit = getattr(sp, model)("y ~ x + c", data.sample(frac=1, random_state=1), w, method=settings, **KEYS,
                             **KINDS[kind])  # fmt: skip
    H, X, Y, D = by_unit(data, W, kind, model, settings)
    b, M = gmm(H, X, Y, np.linalg.pinv(sum(h.T @ D @ D.T @ h for h in H)))
    S = sum(np.outer(h.T @ (y - x @ b), h.T @ (y - x @ b)) for h, x, y in zip(H, X, Y))
    np.testing.assert_allclose(fit.params, b, rtol=1e-7)
    np.testing.assert_allclose(fit.vcov, M @ S @ M.T, rtol=1e-6)


def test_difference_in_hansen_and_first_stages():
    """C of c and W c with pseudo-inverses; the robust F of a first stage by its normal equations."""
    data, W, w = moving_panel(5, N=40)
    fit = sp.sdm("y ~ x + c", data, w, **KEYS, endog="c", method="gmm")
    H, X, Y, D = by_unit(data, W, "endogenous", "sdm", sp.ArellanoBond())
    N, tall = 40, np.concatenate(H)
    rank = np.linalg.matrix_rank(tall)
    wider = [np.column_stack([h, x[:, [3, 5]]]) for h, x in zip(H, X)]
    b, _ = gmm(wider, X, Y, np.linalg.pinv(sum(h.T @ h for h in wider)))
    moments = np.array([h.T @ (y - x @ b) for h, x, y in zip(wider, X, Y)])
    S = moments.T @ moments

    def J(S, H):
        A = np.linalg.pinv(S, rcond=1e-12)
        d, _ = gmm(H, X, Y, A)
        g = sum(h.T @ (y - x @ d) for h, x, y in zip(H, X, Y))
        return g @ A @ g

    q = H[0].shape[1]
    test = sp.endogeneity_test(fit)["difference in Hansen J of c"]
    assert test.df == 2
    assert test.statistic == pytest.approx(J(S, wider) - J(S[:q, :q], H), rel=1e-6)
    # the first stage of c: its exogenous regressors are D x and D W x, the others of H are excluded
    x = np.concatenate(X)
    Q = np.linalg.qr(x[:, [2, 4]])[0]
    left = tall - Q @ (Q.T @ tall)
    U, size, _ = np.linalg.svd(left, full_matrices=False)
    Z = U[:, size > 1e-8]
    c = x[:, 3] - Q @ (Q.T @ x[:, 3])
    g = Z.T @ c
    v = c - Z @ g
    scores = (Z * v[:, None]).reshape(N, len(D), -1).sum(axis=1)
    L, m, rows = Z.shape[1], len(x), len(D) * (N - 1)
    F = g @ np.linalg.solve(scores.T @ scores, g) / (m - 1) * (rows - rank) * (N - 1) / N / L
    first = sp.instrument_tests(fit)["first-stage F of c"]
    assert first.df == (L, rows - rank)
    assert first.statistic == pytest.approx(F, rel=1e-7)


def test_nearly_the_same_w_in_all_periods_is_one_w():
    """As good as one, so that it is not taken for one at the door."""
    data, W, _ = moving_panel(4, moves=False)
    w = wt.temporal({t: wt.from_dense(one * (1 + 1e-12 * t), ids=list(range(26))) for t, one in enumerate(W)})
    options = {**KEYS, "endog": "c", "method": sp.ArellanoBond(predetermined="x")}
    moving, constant = (sp.sdm("y ~ x + c", data, weights, **options) for weights in (w, pd.DataFrame(W[0])))
    np.testing.assert_allclose(moving.params, constant.params, rtol=1e-8)
    np.testing.assert_allclose(moving.vcov, constant.vcov, rtol=1e-7)
    effects = [fit.effects().short_run.tidy() for fit in (moving, constant)]
    np.testing.assert_allclose(*(table[["estimate", "std_error"]] for table in effects), rtol=1e-6)


def test_endogenous_regressors_are_instrumented():
    """Least squares in deviations makes c too large by .3; both kinds of instruments do not."""
    rng, N, T = np.random.default_rng(9), 80, 5
    w, slopes = pd.DataFrame(nearest(rng, N, 4)), []
    for seed in range(25):
        data, _, _ = moving_panel(seed, N, T, moves=False)
        slopes.append([sp.ols("y ~ x + c", data, w, entity="i", time="t", lags="y", method="gmm", **kind).params["c"]
                       for kind in (KINDS["exogenous"], KINDS["instruments"])])  # fmt: skip
    exogenous, instrumented = np.mean(slopes, axis=0)
    assert exogenous > instrumented + 0.15


def test_what_a_fit_says():
    data, _, w = moving_panel(6, N=40)
    fit = sp.sar("y ~ x + c", data, w, **KEYS, endog=["c"], method=sp.ArellanoBond(predetermined=["x"]))
    assert "instruments: the past of y, c, x, 2 periods" in str(fit)
    names = [test.name for test in sp.endogeneity_test(fit)]
    assert names == [f"difference in Hansen J of {name}" for name in ("x", "c", "x, c")]


@pytest.mark.parametrize(("message", "model", "options"), [
    ("E502.*'q'", "sar", {"endog": ["q"]}),
    ("E502.*'q'", "sar", {"method": sp.ArellanoBond(predetermined=["q"])}),
    ("E501.*'c' is named", "sar", {"endog": "c", "method": sp.ArellanoBond(predetermined=["c"])}),
    ("E501.*endog=", "sar", {"instruments": ["z"]}),
    ("E208.*'fixed'", "sar", {"endog": "c", "instruments": ["fixed"]}),
    ("E501.*method='gmm'", "ols", {"method": "ml", "endog": "c"}),
    ("E704.*fewer than units", "sdm", {"endog": "c", "method": sp.ArellanoBond(depth=None, collapse=False)}),
])  # fmt: skip
def test_refused(message, model, options):
    data, _, w = moving_panel(7, N=20)
    data["fixed"] = np.sqrt(data["i"])
    with pytest.raises(SpatialInputError, match=message):
        getattr(sp, model)("y ~ x + c", data, w, **{**KEYS, "method": "gmm", **options})


def test_predetermined_are_terms():
    with pytest.raises(SpatialInputError, match=r"E501.*predetermined"):
        sp.ArellanoBond(predetermined=[3])


def test_only_named_regressors_have_a_test():
    data, _, w = moving_panel(8, N=30)
    with pytest.raises(SpatialInputError, match=r"E501.*predetermined="):
        sp.endogeneity_test(sp.sar("y ~ x + c", data, w, **KEYS, method="gmm"))
