"""Laws of models of a cross-section; README.md of the tests says which law is which."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

import weights as wt
from spillover.matrix import as_weights

from ..spatial import naive
from .cases import close, cross_sections, fit

MODEL = st.sampled_from(["sar", "sem", "sdm", "sdem", "slx", "sac"])
LAGGED = st.sampled_from(["sar", "sdm"])
WHOLE = {"islands": 0, "kinds": ("row", "asymmetric")}


def arrays(data, W, one=None):
    """y, X and W; X of a fit has W 1 where the row sums vary, behind the regressors."""
    X = np.column_stack([np.ones(len(data)), data[["a", "b"]]])
    if one is not None and "W:Intercept" in one.params.index:
        X = np.insert(X, one.params.index.get_loc("W:Intercept"), W.sum(axis=1), axis=1)
    return data["y"].to_numpy(), X, W.to_numpy()


def spatial(one) -> pd.Series:
    return one.params.reindex(["rho", "lambda"]).dropna()


@given(cross_sections(), MODEL, st.randoms(use_true_random=False))
def test_order_of_units(case, model, random):
    """L1: units in another order, W in yet another."""
    data, W = case
    one = fit(model, "y ~ a + b", data, W)
    rows, places = (random.sample(list(data.index), len(data)) for _ in range(2))
    other = fit(model, "y ~ a + b", data.loc[rows], W.loc[places, places])
    close(other.params, one.params, one.std_errors)
    close(other.std_errors, one.std_errors, one.std_errors)
    assert abs(other.loglik - one.loglik) < 1e-8 * max(1, abs(one.loglik))
    np.testing.assert_allclose(other.resid[one.resid.index], one.resid, atol=1e-5 * np.sqrt(one.sigma2))


@given(cross_sections(**WHOLE), MODEL, st.floats(-1e3, 1e3), st.sampled_from([1e-6, -0.5, 3.0, 1e6]))
def test_origin_and_unit_of_y(case, model, a, c):
    """L2: y -> a c + c y."""
    data, W = case
    one = fit(model, "y ~ a + b", data, W)
    other = fit(model, "y ~ a + b", data.assign(y=c * (a + data["y"])), W)
    want = one.params.copy()
    want["Intercept"] += a * (1 - one.rho)
    factor = pd.Series(1.0, want.index).where(want.index.isin(["rho", "lambda"]), c)
    errors = one.std_errors * factor.abs() * (1 + 1e-4 * (want.index == "Intercept") * abs(a))
    close(other.params, want * factor, errors, 1e-4)
    np.testing.assert_allclose(other.sigma2, c**2 * one.sigma2, rtol=1e-6)


@given(cross_sections(), MODEL, st.tuples(*[st.floats(0.5, 2)] * 2), st.floats(-1, 1))
def test_regressors_of_another_basis(case, model, scale, shear):
    """L3: X -> X G."""
    data, W = case
    data = data.assign(b=data["b"] / data["b"].abs().max())
    one = fit(model, "y ~ a + b", data, W)
    moved = data.assign(a=scale[0] * data["a"], b=scale[1] * data["b"] + shear * data["a"])
    other = fit(model, "y ~ a + b", moved, W)
    close(spatial(other), spatial(one), one.std_errors[spatial(one).index])
    assert abs(other.loglik - one.loglik) < 1e-8 * max(1, abs(one.loglik))
    slope = scale[0] * other.params["a"] + shear * other.params["b"]
    close([slope, scale[1] * other.params["b"]], one.params[["a", "b"]], one.std_errors[["a", "b"]])
    np.testing.assert_allclose(scale[1] * other.std_errors["b"], one.std_errors["b"], rtol=1e-5)


@given(cross_sections(kinds=("row",)), MODEL)
def test_order_names_and_types_of_columns(case, model):
    """L4: numbers that single precision holds, columns renamed and in another order."""
    data, W = case
    data = (data / data.abs().max() * 64).round()
    data["y"] += np.arange(len(data)) % 3
    one = fit(model, "y ~ a + b", data, W)
    moved = pd.DataFrame({"人口 (万)": data["b"].astype("float32"), "产出": data["y"].astype("int16"),
                          "log": data["a"].astype("int64")})  # fmt: skip
    other = fit(model, "产出 ~ `人口 (万)` + `log`", moved, W)
    names = {"a": "log", "b": "人口 (万)", "W:a": "W:log", "W:b": "W:人口 (万)"}
    close(other.params[[names.get(name, name) for name in one.params.index]], one.params, one.std_errors, 1e-7)


@given(cross_sections(islands=0), MODEL, st.sampled_from([1e-3, 0.5, 3.0, 1e4]))
def test_scale_of_weights(case, model, c):
    """L5: W -> c W, whatever it stands for; catches rho confined to (-1, 1)."""
    data, W = case
    one, other = (fit(model, "y ~ a + b", data, scaled) for scaled in (W, c * W))
    lagged = one.params.index.isin(["rho", "lambda"]) | one.params.index.str.startswith("W:")
    factor = np.where(lagged, c, 1.0)
    close(other.params * factor, one.params, one.std_errors, 1e-4)
    close(other.std_errors * factor, one.std_errors, one.std_errors, 1e-4)


@given(cross_sections(), MODEL)
def test_names_of_units(case, model):
    """L6: whole numbers, their text, and that padded with zeros; to the last bit."""
    data, W = case
    number = pd.Index(np.arange(5, 5 + len(data)))  # a RangeIndex would be row numbers
    results = []
    padded = number.astype(str).str.zfill(5)
    for rows, places in ((number, number), (number.astype(str), padded), (padded, number)):
        one = fit(model, "y ~ a + b", data.set_axis(rows), W.set_axis(places).set_axis(places, axis=1))
        results.append((one.params.to_numpy(), one.vcov.to_numpy(), one.loglik))
    for other in results[1:]:
        assert all(np.array_equal(x, y) for x, y in zip(results[0], other))


@given(cross_sections(), MODEL)
def test_the_sample_twice(case, model):
    """L7: two copies side by side; without corrections for the size of the sample."""
    data, W = case
    one = fit(model, "y ~ a + b", data, W, correction=False)
    there = data.set_axis([f"v{i}" for i in data.index])
    both = np.kron(np.eye(2), W.to_numpy())
    twice = pd.concat([data, there])
    other = fit(model, "y ~ a + b", twice, pd.DataFrame(both, twice.index, twice.index), correction=False)
    close(other.params, one.params, one.std_errors)
    freedom = np.sqrt(other.df_resid / one.df_resid) if model == "slx" else np.sqrt(2)  # least squares counts n - k
    np.testing.assert_allclose(other.std_errors, one.std_errors / freedom, rtol=1e-5)
    assert abs(other.loglik - 2 * one.loglik) < 1e-7 * max(1, abs(one.loglik))


def beside(first, second):
    """Two problems in one: block-diagonal W, a dummy for each."""
    (data, W), (more, V) = first, second
    more = more.set_axis([f"v{i}" for i in more.index])
    both = pd.concat([data.assign(d=1.0, e=0.0), more.assign(d=0.0, e=1.0)])
    block = np.zeros((len(both),) * 2)
    block[: len(W), : len(W)], block[len(W) :, len(W) :] = W, V
    return both, pd.DataFrame(block, both.index, both.index)


@given(cross_sections(**WHOLE), cross_sections(**WHOLE), st.sampled_from(["sar", "sem", "sac"]))
def test_blocks_fit_better_apart(first, second, model):
    """L8: joint <= the sum, since apart each has its own rho and sigma2; equal where they are (two copies)."""
    joint = fit(model, "y ~ 0 + d + e + d:a + d:b + e:a + e:b", *beside(first, second))
    one, two = (fit(model, "y ~ a + b", *case) for case in (first, second))
    assert joint.loglik <= one.loglik + two.loglik + 1e-6
    equal = fit(model, "y ~ 0 + d + e + d:a + d:b + e:a + e:b", *beside(first, first))
    assert abs(equal.loglik - 2 * one.loglik) < 1e-6
    close(spatial(equal), spatial(one), one.std_errors[spatial(one).index])


@given(cross_sections(), cross_sections(), MODEL)
def test_an_unrelated_component_left_out(first, second, model):
    """L9: W of two unrelated maps, cut to the first, gives the fit of the first alone."""
    data, W = first
    both, block = beside(first, second)
    alone = fit(model, "y ~ a + b", data, W)
    cut = as_weights(block).subset(data.index)
    other = fit(model, "y ~ a + b", both.loc[data.index], cut)
    close(other.params, alone.params, alone.std_errors, 1e-7)
    assert abs(other.loglik - alone.loglik) < 1e-8 * max(1, abs(alone.loglik))
    gone = both.assign(y=both["y"].where(both["d"] == 1))
    dropped = fit(model, "y ~ a + b", gone, block, missing="drop")
    close(dropped.params, alone.params, alone.std_errors, 1e-7)


@given(cross_sections())
def test_larger_models_fit_better(case):
    """L10: the likelihood of a model that contains another is never lower."""
    ll = {model: fit(model, "y ~ a + b", *case).loglik for model in ("ols", "slx", "sar", "sem", "sdm", "sac")}
    for large, small in (("sdm", "sar"), ("sdm", "slx"), ("sdm", "sem"), ("sac", "sar"), ("sac", "sem"),
                         ("sar", "ols"), ("sem", "ols"), ("slx", "ols")):  # fmt: skip
        assert ll[large] >= ll[small] - 1e-7, (large, small)


@given(cross_sections(), st.sampled_from(["sar", "sem", "sac"]))
def test_likelihood_at_zero_is_that_of_least_squares(case, model):
    """L11: one likelihood with all constants, the dense one, at rho = lambda = 0 and at the maximum."""
    data, W = case
    ols, one = (fit(kind, "y ~ a + b", data, W, correction=False) for kind in ("ols", model))
    parts = {"lag": "rho" in one.params, "error": "lambda" in one.params}

    def loglik(beta, spatial, sigma2, of=None):
        return naive.loglik(np.r_[beta, spatial, np.log(sigma2)], *arrays(data, W, of), **parts)

    zeros = np.zeros(sum(parts.values()))
    assert abs(loglik(ols.params, zeros, ols._solution.sigma2) - ols.loglik) < 1e-9 * max(1, abs(ols.loglik))
    inside = np.abs(np.linalg.eigvals(W.to_numpy())).max() * spatial(one).abs().max() < 1
    if inside:  # the twin knows the interval around 0 only
        at = loglik(one.params.drop(spatial(one).index), spatial(one), one._solution.sigma2, one)
        assert abs(at - one.loglik) < 1e-7 * max(1, abs(one.loglik))


@given(cross_sections())
def test_the_maximum_is_one(case):
    """L12: no rho of a grid over the interval fits better, and the slope at the maximum is none."""
    data, W = case
    one = fit("sar", "y ~ a + b", data, W)
    y, X, dense = arrays(data, W, one)
    values = np.linalg.eigvals(dense)
    real = values[abs(values.imag) < 1e-9].real
    radius = np.abs(values).max()  # an end where the eigenvalues of its sign are all complex (Kelejian & Prucha 2010)
    low, high = (1 / end if abs(end) > 1e-8 * radius else np.sign(sign) / radius
                 for end, sign in ((min(real.min(), 0), -1), (max(real.max(), 0), 1)))
    scaled = X / np.abs(X).max(axis=0)
    M = np.eye(len(y)) - scaled @ np.linalg.pinv(scaled)
    e0, e1 = M @ y, M @ dense @ y

    def profile(rho):
        rho = np.atleast_1d(rho)
        det = np.log(abs(1 - np.outer(rho, values))).sum(axis=1)
        squares = ((e0[:, None] - np.outer(e1, rho)) ** 2).sum(axis=0)
        return det - len(y) / 2 * np.log(squares)

    inner = low + (high - low) * np.linspace(0.0025, 0.9975, 400)
    assert profile(inner).max() <= profile(one.rho)[0] + 1e-8
    step = 1e-5 * (high - low)
    above, at, below = profile([one.rho + step, one.rho, one.rho - step])
    curvature = (above - 2 * at + below) / step**2
    assert curvature < 0
    assert abs(above - below) / (2 * step) < 1e-4 * np.sqrt(-curvature) + 1e-6 / step * abs(at) * 1e-8


@given(cross_sections(**WHOLE), LAGGED)
def test_residuals(case, model):
    """L13: u = (I - rho W) y - X b, and X'u = 0."""
    data, W = case
    one = fit(model, "y ~ a + b", data, W)
    y, X, dense = arrays(data, W)
    if model == "sdm":
        X = np.column_stack([X, dense @ X[:, 1:]])
    u = y - one.rho * dense @ y - X @ one.params.drop("rho").to_numpy()
    scale = np.sqrt(one.sigma2) * np.abs(X).max(axis=0) * len(y)
    np.testing.assert_allclose(one.resid[data.index], u, atol=1e-7 * np.sqrt(one.sigma2))
    assert (np.abs(X.T @ u) < 1e-8 * scale).all()


@given(cross_sections(), MODEL)
def test_effects_add_up(case, model):
    """L14, L15 and L16: direct + indirect = total; row sums of one give (b + theta) / (1 - rho); without a lag of y
    the direct effect is b."""
    data, W = case
    one = fit(model, "y ~ a + b", data, W)
    effects = one.effects(method="delta")
    direct, indirect, total = (getattr(effects, kind)["a"] for kind in ("direct", "indirect", "total"))
    theta = one.params.get("W:a", 0.0)
    size = abs(direct) + abs(indirect) + abs(total)
    assert abs(direct + indirect - total) <= 1e-12 * size
    sums = W.sum(axis=1)
    if np.allclose(sums, 1):
        assert abs(total - (one.params["a"] + theta) / (1 - one.rho)) < 1e-9 * size
    if "rho" not in one.params:
        np.testing.assert_allclose([direct, indirect], [one.params["a"], theta * sums.mean()], rtol=1e-10, atol=1e-12)


@given(cross_sections(), LAGGED, st.sampled_from(["eigen", "sparse"]))
def test_effects_by_any_road(case, model, logdet):
    """L17: the multiplier's trace and sum from the dense inverse, the eigenvalues and the power series."""
    data, W = case
    one = fit(model, "y ~ a + b", data, W, logdet=logdet)
    effects, dense = one.effects(method="delta"), W.to_numpy()
    b, theta = one.params["a"], one.params.get("W:a", 0.0)
    got = [getattr(effects, kind)["a"] for kind in ("direct", "indirect", "total")]
    want = naive.effects(b, theta, one.rho, dense)
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-8 * np.abs(want).max())
    values, n = np.linalg.eigvals(dense), len(dense)
    np.testing.assert_allclose(((b + theta * values) / (1 - one.rho * values)).real.mean(), want[0], rtol=1e-7,
                               atol=1e-8 * np.abs(want).max())  # fmt: skip
    if abs(one.rho) * np.abs(values).max() < 0.8:
        term, trace = b * np.eye(n) + theta * dense, 0.0
        for _ in range(200):
            trace, term = trace + term.trace() / n, one.rho * dense @ term
        assert abs(trace - want[0]) < 1e-8 * np.abs(want).max()


@given(cross_sections(), st.floats(0.02, 0.98))
def test_determinants_and_errors_by_any_road(case, share):
    """L18 and L19: log|I - rho W| of eigenvalues, of a factorization and of numpy; the standard errors follow."""
    from spatial.logdet import logdet

    data, W = case
    w = as_weights(W)
    dense = W.to_numpy()
    roads = [logdet(w, method) for method in ("eigen", "sparse")]
    low, high = roads[0].interval
    rho = low * 0.98 + share * 0.98 * (high - low)
    want = np.linalg.slogdet(np.eye(len(dense)) - rho * dense)[1]
    for road in roads:
        np.testing.assert_allclose(road.interval, (low, high), rtol=1e-6)
        near = road.near(rho - 0.005 * (high - low), rho + 0.005 * (high - low))
        assert abs(float(near.value(rho)) - want) < 1e-9 * max(1, abs(want))
    one, other = (fit("sdm", "y ~ a + b", data, W, logdet=road) for road in ("eigen", "sparse"))
    close(other.params, one.params, one.std_errors)
    close(other.std_errors, one.std_errors, one.std_errors)


@given(cross_sections(**WHOLE, least=18), LAGGED)
def test_two_stage_least_squares(case, model):
    """L29: W y endogenous, lags of all regressors and theirs as instruments; a regressor instrumented by itself is
    exogenous (in a SAR: of an SDM its lag would be endogenous too)."""
    from linearmodels.iv import IV2SLS

    data, W = case
    data = data.assign(b=data["b"] / data["b"].abs().max())
    durbin = {"durbin": ["a"]} if model == "sdm" else {}
    one = fit(model, "y ~ a + b", data, W, method="gmm", correction=False, **durbin)
    y, X, dense = arrays(data, W)
    pool = np.column_stack([dense @ X[:, 1:], dense @ dense @ X[:, 1:]])
    names = ["Intercept", "a", "b"]
    if model == "sdm":
        lagged = np.linalg.matrix_power(dense, 3) @ X[:, 1]  # of W a, which is a regressor
        X, pool, names = np.column_stack([X, pool[:, 0]]), np.column_stack([pool[:, 1:], lagged]), [*names, "W:a"]
    want = IV2SLS(y, X, dense @ y, pool).fit(cov_type="unadjusted")
    np.testing.assert_allclose(one.params[[*names, "rho"]], want.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(one.std_errors[[*names, "rho"]], want.std_errors, rtol=1e-6)
    if model == "sar":
        itself = fit(model, "y ~ a + b", data.assign(z=data["a"]), W, method="gmm", correction=False, endog=["a"],
                     instruments=["z"])  # fmt: skip
        np.testing.assert_allclose(itself.params[one.params.index], one.params, rtol=1e-6, atol=1e-8)


@settings(max_examples=20)
@given(cross_sections(kinds=("row",)))
def test_weights_come_as_any_library_has_them(case):
    """A labelled frame, our class, a libpysal Graph and a file are one W."""
    data, W = case
    w = wt.from_dense(W)
    one = fit("sar", "y ~ a + b", data, W)
    for other in (w, w.standardize("row"), w.to_frame().pipe(wt.from_frame, ids=w.ids)):
        assert np.array_equal(fit("sar", "y ~ a + b", data, other).params, one.params)
