"""offset(): a term whose coefficient is 1.

One law is the witness of all of it: where the offset is b z with b the estimate of z's coefficient, nothing else of the
fit changes, since the maximum over b is the maximum at b. Dense twins say what the likelihood is.
"""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from ..designs import nearest

FORMS = {
    "log(z)": lambda d: np.log(d["z"]), "I(2 * z + 1)": lambda d: 2 * d["z"] + 1, "0.5 * x": lambda d: 0.5 * d["x"],
}  # fmt: skip


def cross_section(seed=1, n=60):
    rng = np.random.default_rng(seed)
    W = nearest(rng, n, 4)
    x, e, z = rng.standard_normal(n), rng.standard_normal(n), rng.uniform(1, 3, n)
    y = np.linalg.solve(np.eye(n) - 0.4 * W, 1 + x + 2 * z + e)
    ids = [f"u{i:02d}" for i in range(n)]
    return pd.DataFrame({"y": y, "x": x, "z": z, "g": np.resize(["a", "b", "c"], n)}, ids), pd.DataFrame(W, ids, ids)


def panel(seed=1, N=14, T=7, gaps=False):
    rng = np.random.default_rng(seed)
    W = nearest(rng, N, 3)
    c, x, e, z = rng.standard_normal(N), *rng.standard_normal((3, T, N))
    y, before = [], np.zeros(N)
    for t in range(T):
        before = np.linalg.solve(np.eye(N) - 0.3 * W, 0.3 * before + 1 + x[t] + 2 * z[t] + c + e[t])
        y.append(before)
    ids = [f"u{i:02d}" for i in range(N)]
    index = pd.MultiIndex.from_product([range(T), ids], names=["t", "id"])
    frame = pd.DataFrame({"y": np.ravel(y), "x": x.ravel(), "z": z.ravel()}, index).reset_index()
    return frame.drop(index=[3, 40, 55] if gaps else []), pd.DataFrame(W, ids, ids)


KEYS = {"entity": "id", "time": "t"}
DURBIN = {"slx", "sdm", "sdem", "gns"}
CASES = {
    **{name: (name, {}, False) for name in ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns")},
    **{f"{name}, {effects}": (name, {**KEYS, "effects": effects}, False)
       for name in ("ols", "sar", "sem", "sdm", "sac") for effects in ("entity", "twoway")},
    "sar, twoway, textbook": ("sar", {**KEYS, "correction": False}, False),
    "sem, twoway, textbook": ("sem", {**KEYS, "correction": False}, False),
    "sar, gaps": ("sar", {**KEYS, "missing": "period"}, True),
    "sem, gaps": ("sem", {**KEYS, "missing": "period"}, True),
    "sdm, random": ("sdm", {**KEYS, "effects": "random"}, False),
    "sem, random": ("sem", {**KEYS, "effects": "random", "random_error": "baltagi"}, False),
    "sar, serial": ("sar", {**KEYS, "effects": "random", "serial": "ar1"}, False),
    "sar, dynamic": ("sar", {**KEYS, "effects": "entity", "lags": "both", "correction": False}, False),
    "sdm, weights": ("sdm", {"obs_weights": "z"}, False),
}  # fmt: skip


def both(case):
    """The fit with z among the regressors, the one with b z in the offset, the data and W."""
    name, options, gaps = CASES[case]
    data, W = panel(gaps=gaps) if "time" in options else cross_section()
    options = options | ({"durbin": ["x"]} if name in DURBIN else {})
    free = getattr(sp, name)("y ~ x + z", data, W, **options)
    b = float(free.params["z"])
    return free, getattr(sp, name)(f"y ~ x + offset({b!r} * z)", data, W, **options), data, W


@pytest.mark.parametrize("case", CASES)
def test_an_offset_with_the_estimated_coefficient_changes_nothing_else(case):
    free, fixed, _, _ = both(case)
    shared = [name for name in free.params.index if name != "z"]
    assert list(fixed.params.index) == shared
    np.testing.assert_allclose(fixed.params, free.params[shared], rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(fixed.loglik, free.loglik, rtol=1e-8)
    np.testing.assert_allclose(fixed.resid, free.resid, rtol=1e-4, atol=2e-5)
    np.testing.assert_allclose(fixed.fitted, free.fitted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_predictions_slopes_and_effects_hold_the_offset(case):
    free, fixed, _, _ = both(case)
    kinds = ["trend", "TC"] + ["BP"] * (not fixed._settings.composed)
    if not free._design.lags:
        for kind in kinds:
            np.testing.assert_allclose(fixed.predict(kind=kind), free.predict(kind=kind), rtol=1e-3, atol=2e-4)
        for at in (None, {"x": [0, 1]}, {"z": [1, 2]}):
            a, b = (sp.predictions(fit, at=at).estimates for fit in (fixed, free))
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-4)
        a, b = (sp.slopes(fit, "z").estimates for fit in (fixed, free))
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        a, b = (sp.contrasts(fit, "z", [1, 2]).estimates for fit in (fixed, free))
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
        a, b = (fit.effects().direct["x"] for fit in (fixed, free))
        assert a == pytest.approx(b, rel=1e-4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", ["sar", "sem"])
def test_the_likelihood_of_a_dense_twin(model, form):
    """ln|A| - n/2 ln e'e with e = M (y - o - rho W y) of a lag, and M (I - lambda W)(y - o) of an error: the offset is
    inside X beta, so that W lags the response with it."""
    data, frame = cross_section(2)
    fit, n = getattr(sp, model)(f"y ~ x + offset({form})", data, frame), len(data)
    W, y, o = frame.to_numpy(), data["y"].to_numpy(), FORMS[form](data).to_numpy()
    X = np.column_stack([np.ones(n), data["x"]])

    def at(r):
        left, Z = (y - r * W @ y - o, X) if model == "sar" else ((y - o) - r * W @ (y - o), X - r * W @ X)
        e = left - Z @ np.linalg.lstsq(Z, left, rcond=None)[0]
        return np.linalg.slogdet(np.eye(n) - r * W)[1] - n / 2 * (np.log(2 * np.pi * e @ e / n) + 1)

    r = fit.rho if model == "sar" else fit.lam
    assert at(r) == pytest.approx(fit.loglik, rel=1e-9)
    assert at(r) >= max(at(r - 1e-3), at(r + 1e-3))


def test_an_offset_is_subtracted_without_a_lag():
    data, W = cross_section(3)
    for name in ("ols", "slx", "sem", "sdem"):
        model = getattr(sp, name)
        with_offset, subtracted = model("y ~ x + offset(2*z)", data, W), model("I(y - 2*z) ~ x", data, W)
        np.testing.assert_allclose(with_offset.params, subtracted.params, rtol=1e-9)
        np.testing.assert_allclose(with_offset.std_errors, subtracted.std_errors, rtol=1e-9)
        assert with_offset.r_squared.r2 == pytest.approx(subtracted.r_squared.r2)


def test_several_offsets_add_up_and_one_is_taken_away():
    data, W = cross_section(4)
    one = sp.sar("y ~ x + offset(z) + offset(log(z))", data, W)
    other = sp.sar("y ~ x + offset(z + log(z))", data, W)
    np.testing.assert_allclose(one.params, other.params, rtol=1e-10)
    gone = sp.sar("y ~ x + offset(z) + offset(log(z)) - offset(log(z))", data, W)
    np.testing.assert_allclose(gone.params, sp.sar("y ~ x + offset(z)", data, W).params, rtol=1e-10)


def test_two_stage_least_squares_instruments_the_lag_of_the_response():
    """X and W y explain y - o; instruments are X, W X and W^2 X."""
    data, frame = cross_section(5)
    fit = sp.sar("y ~ x + offset(2*z)", data, frame, method="gmm")
    W, y, n = frame.to_numpy(), data["y"].to_numpy(), len(data)
    x = data["x"].to_numpy()
    H = np.column_stack([np.ones(n), x, W @ x, W @ W @ x])
    Z = np.column_stack([np.ones(n), x, W @ y])
    P = H @ np.linalg.solve(H.T @ H, H.T)
    want = np.linalg.solve(Z.T @ P @ Z, Z.T @ P @ (y - 2 * data["z"]))
    np.testing.assert_allclose(fit.params, want, rtol=1e-8)


def test_lm_tests_lag_the_response_with_the_offset():
    """b z moves from the regressors to the offset: the score of rho stays, only what X takes off changes."""
    data, frame = cross_section(6)
    fit = sp.ols("y ~ x + offset(2*z)", data, frame, correction=False)
    W, n = frame.to_numpy(), len(data)
    e, y = fit.resid.to_numpy(), data["y"].to_numpy()
    X = np.column_stack([np.ones(n), data["x"]])
    WXb = W @ (y - e)
    M = np.eye(n) - X @ np.linalg.solve(X.T @ X, X.T)
    s2, trace = e @ e / n, np.trace(W @ W + W.T @ W)
    want = (e @ W @ y / s2) ** 2 / (WXb @ M @ WXb / s2 + trace)
    tests = sp.lm_tests(fit).tidy().set_index("term")
    assert tests.loc["LM lag", "statistic"] == pytest.approx(want, rel=1e-8)


def test_new_units_and_new_periods_have_an_offset_of_their_own():
    data, W = cross_section()
    old = data.index[:-5]
    free = sp.sar("y ~ x + z", data.loc[old], W.loc[old, old])
    fixed = sp.sar(f"y ~ x + offset({float(free.params['z'])!r} * z)", data.loc[old], W.loc[old, old])
    new = data.drop(index=old)
    for kind in ("BP", "TC", "TS1", "trend"):
        np.testing.assert_allclose(fixed.predict(new, W, kind=kind), free.predict(new, W, kind=kind), rtol=1e-4)
    with pytest.raises(SpatialInputError, match="'z'"):
        fixed.predict(new.drop(columns="z"), W)
    frame, W = panel()
    past, ahead = frame[frame["t"] < 5], frame[frame["t"] >= 5]
    for lags in ({}, {"lags": "both", "correction": False}):
        options = {**KEYS, "effects": "entity", **lags}
        free = sp.sar("y ~ x + z", past, W, **options)
        fixed = sp.sar(f"y ~ x + offset({float(free.params['z'])!r} * z)", past, W, **options)
        a, b = (fit.forecast(ahead).predicted for fit in (fixed, free))
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_what_no_formula_can_mean_is_refused():
    data, W = cross_section()
    for formula in ("offset(z) ~ x", "y ~ x:offset(z)", "y ~ x*offset(z)", "y ~ x + log(offset(z))",
                    "y ~ x + offset(x, z)", "y ~ x + offset()"):  # fmt: skip
        with pytest.raises(SpatialInputError) as refusal:
            sp.ols(formula, data, W)
        assert refusal.value.code in ("E503", "E504"), formula
    with pytest.raises(SpatialInputError, match="offset") as refusal:
        sp.ols("y ~ x + offset(log(z - 2))", data, W)
    assert refusal.value.code == "E207"
    with pytest.raises(SpatialInputError) as refusal:
        sp.ols("y ~ x + offset(g)", data, W)
    assert refusal.value.code == "E203"


def test_models_without_an_offset_say_so():
    data, W = cross_section()
    with pytest.raises(SpatialInputError, match="refit has no offset"):
        sp.refit(sp.sar("y ~ x + offset(z)", data, W), y=np.ones((2, len(data))))


def test_other_readings_of_a_fit_with_an_offset():
    """A bootstrap and a comparison of W go their own way to W y."""
    data, W = cross_section()
    fit = sp.sar("y ~ x + offset(2*z)", data, W)
    boot = fit.with_vcov("bootstrap")
    assert 0.5 < float(boot.std_errors["rho"] / fit.std_errors["rho"]) < 2
    second = pd.DataFrame(nearest(np.random.default_rng(9), len(W), 5), W.index, W.columns)
    compared = sp.compare_weights({"one": W, "two": second}, model=sp.sar, formula="y ~ x + offset(2*z)", data=data)
    table = compared.glance().set_index("weights")["loglik"]
    assert table["one"] == pytest.approx(fit.loglik)
    assert table["two"] == pytest.approx(sp.sar("y ~ x + offset(2*z)", data, second).loglik)


def test_what_if_and_elasticities_see_that_the_offset_moves_too():
    data, W = cross_section()
    fit = sp.sar("y ~ x + z + offset(2*z)", data, W)
    with pytest.raises(SpatialInputError) as refusal:
        sp.what_if(fit, "z", change=1)
    assert refusal.value.code == "E536"
    free = sp.sar("y ~ x + z", data, W)
    np.testing.assert_allclose(sp.slopes(fit, "z").estimates, sp.slopes(free, "z").estimates, rtol=1e-5)
