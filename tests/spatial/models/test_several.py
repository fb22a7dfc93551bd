"""Several W in one model: against a dense likelihood that is maximised without derivatives, and against laws."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import helmert

import spatial as sp
import weights as wt
from spatial.solve import several_search
from spillover.errors import SpatialInputError

from .. import naive, naive_several
from ..designs import of_deviations
from .test_estimators import PANEL, random_weights

MODELS = {"sar": sp.sar, "sdm": sp.sdm, "sem": sp.sem, "sdem": sp.sdem, "sac": sp.sac, "gns": sp.gns}
LAG, ERROR, DURBIN = ("sar", "sdm", "sac", "gns"), ("sem", "sdem", "sac", "gns"), ("sdm", "sdem", "gns")


def drawn(seed, n=30, T=1, rhos=(0.3, 0.3), lams=(0.0, 0.0), row=True):
    """A frame, two W and their arrays; the second W is not symmetric."""
    rng = np.random.default_rng(seed)
    arrays = random_weights(rng, n, row=row), random_weights(rng, n, symmetric=False, row=row)
    if not row:
        arrays = tuple(W / np.abs(np.linalg.eigvals(W)).max() for W in arrays)
    A = np.eye(n) - sum(r * W for r, W in zip(rhos, arrays))
    B = np.eye(n) - sum(r * W for r, W in zip(lams, arrays))
    a, b = rng.standard_normal((2, T, n))
    unit, period = rng.standard_normal(n), rng.standard_normal((T, 1))
    mean = 1 + 2 * a - b + 0.5 * a @ arrays[0].T + (unit + period) * (T > 1)
    y = np.linalg.solve(A, (mean + np.linalg.solve(B, rng.standard_normal((n, T))).T).T).T
    ids = [f"u{i:02d}" for i in range(n)]
    index = pd.MultiIndex.from_product([range(T), ids], names=["t", "id"])
    frame = pd.DataFrame({"y": y.ravel(), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    weights = [wt.from_dense(W, ids) for W in arrays]
    return frame, weights, arrays, y, np.stack([a, b], axis=2)


def regressors(X, arrays, durbin, intercept):
    """[1, X, W_1 X, W_2 X], (T, n, k)."""
    parts = [np.ones((*X.shape[:2], 1))] * intercept + [X]
    parts += [np.einsum("ij,tjk->tik", W, X) for W in arrays] * durbin
    return np.concatenate(parts, axis=2)


# -- the dense twin --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_maximum_and_information_of_a_cross_section(model):
    frame, weights, arrays, y, X = drawn(1, n=24, rhos=(0.3, 0.3) if model in LAG else (0, 0),
                                         lams=(0.2, -0.4) if model in ERROR else (0, 0))
    fit = MODELS[model]("y ~ a + b", frame.set_index("id"), weights)
    Z = regressors(X, arrays, model in DURBIN, True)
    lags, errors = (arrays if model in kind else () for kind in (LAG, ERROR))
    twin = naive_several.maximise(y, Z, lags, errors)
    assert fit.loglik == pytest.approx(-twin.fun, abs=2e-8)
    assert fit.params.to_numpy() == pytest.approx(twin.x[:-1], abs=5e-5)
    assert fit.sigma2 == pytest.approx(np.exp(twin.x[-1]), rel=5e-5)

    def in_sigma2(theta):
        return naive_several.loglik(np.append(theta[:-1], np.log(theta[-1])), y, Z, lags, errors)

    at = np.append(fit.params.to_numpy(), fit.sigma2)
    V = np.linalg.inv(-naive.hessian(in_sigma2, at))[:-1, :-1]
    n, p = len(frame), len(fit.params)
    assert fit.vcov.to_numpy() == pytest.approx(V * n / (n - p), rel=2e-4, abs=1e-6)


def transformed(y, X, arrays, effects):
    """Data in coordinates without the effects, by Helmert's contrasts, and F'W F."""
    T, n = y.shape
    FT = helmert(T).T if effects in ("entity", "twoway") else np.eye(T)
    FN = helmert(n).T if effects in ("time", "twoway") else np.eye(n)
    return FT.T @ y @ FN, np.einsum("ta,tik,ij->ajk", FT, X, FN), [FN.T @ W @ FN for W in arrays]


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", ["sar", "sdm", "sac"])
def test_maximum_of_a_panel_with_effects_transformed_out(model, effects):
    frame, weights, arrays, y, X = drawn(3, n=12, T=5)
    fit = MODELS[model]("y ~ a + b", frame, weights, **PANEL, effects=effects)
    Z = regressors(X, arrays, model in DURBIN, effects == "none")
    ys, Zs, Ws = transformed(y, Z, arrays, effects)
    twin = naive_several.maximise(ys, Zs, Ws if model in LAG else (), Ws if model in ERROR else ())
    assert fit.loglik == pytest.approx(-twin.fun, abs=2e-8)
    assert fit.params.to_numpy() == pytest.approx(twin.x[:-1], abs=5e-5)
    assert fit._sample.n == ys.size


@pytest.mark.parametrize("model", ["sdm", "sac"])
def test_w_whose_rows_do_not_sum_to_one_lag_deviations_from_period_means(model):
    frame, weights, arrays, y, X = drawn(3, n=12, T=5)
    off = 1.2 * arrays[1]
    off[0] = 0
    fit = MODELS[model]("y ~ a + b", frame, [weights[0], wt.from_dense(off, weights[0].ids)], **PANEL)
    lagged = arrays[0], of_deviations(off)
    ys, Zs, Ws = transformed(y, regressors(X, lagged, model in DURBIN, False), lagged, "twoway")
    twin = naive_several.maximise(ys, Zs, Ws, Ws if model in ERROR else ())
    assert fit.loglik == pytest.approx(-twin.fun, abs=2e-8)
    assert fit.params.to_numpy() == pytest.approx(twin.x[:-1], abs=5e-5)


def test_three_w_of_any_row_sums():
    frame, weights, arrays, y, X = drawn(5, n=30, row=False)
    rng = np.random.default_rng(9)
    third = random_weights(rng, 30)
    fit = sp.sar("y ~ a + b", frame.set_index("id"), [*weights, wt.from_dense(third, weights[0].ids)])
    ones = np.ones((1, 30, 1))
    Z = np.concatenate([ones, X, arrays[1].sum(1)[None, :, None], arrays[0].sum(1)[None, :, None]], axis=2)
    added = ["W_2:Intercept", "W_1:Intercept"]
    assert list(fit.params.index) == ["Intercept", "a", "b", *added, "rho_1", "rho_2", "rho_3"]
    twin = naive_several.maximise(y, Z, [*arrays, third], ())
    assert fit.loglik == pytest.approx(-twin.fun, abs=2e-8)
    assert fit.params.to_numpy() == pytest.approx(twin.x[:-1], abs=5e-5)


def test_large_sparse_w_by_factorisations_as_by_the_dense_inverse(monkeypatch):
    """The polynomial through sparse factorisations, as of more than 1,000 units, against one dense inverse."""
    from spatial.logdet import several as determinants

    rng = np.random.default_rng(4)
    side = 13
    near, far, n = lattice(side, 1), lattice(side, 2), side**2
    monkeypatch.setattr(determinants, "DENSE_MAX", 100)
    monkeypatch.setattr(determinants, "DENSE_SHARE", 0.2)
    x = rng.standard_normal(n)
    A = np.eye(n) - 0.25 * near.csr.toarray() - 0.2 * far.csr.toarray()
    frame = pd.DataFrame({"y": np.linalg.solve(A, 1 + x + rng.standard_normal(n)), "x": x}, index=far.ids)
    sparse_fit = sp.sdm("y ~ x", frame, [near, far])
    assert sparse_fit._sample.lag.logdet.method == "sparse LU"
    of_sparse = {method: sparse_fit.effects(method=method) for method in ("delta", "quadrature")}
    determinants.several_logdet.cache_clear()
    monkeypatch.setattr(determinants, "DENSE_MAX", 1_000)
    dense = sp.sdm("y ~ x", frame, [near, far])
    determinants.several_logdet.cache_clear()
    assert dense._sample.lag.logdet.method == "dense LU"
    assert sparse_fit.loglik == pytest.approx(dense.loglik, abs=1e-7)
    apart = np.abs(sparse_fit.params - dense.params) / dense.std_errors
    assert apart.max() < 1e-4
    assert sparse_fit.std_errors.to_numpy() == pytest.approx(dense.std_errors.to_numpy(), rel=1e-4)
    for method, effects in of_sparse.items():
        of_dense = dense.effects(method=method)
        assert effects.estimates == pytest.approx(of_dense.estimates, rel=1e-4)
        assert effects.std_errors == pytest.approx(of_dense.std_errors, rel=2e-3)


def lattice(side, step):
    """Row-standardised: units ``step`` to the left, right, up and down."""
    place = np.arange(side**2).reshape(side, side)
    rows, columns = [], []
    for a, b in ((place[step:], place[:-step]), (place[:, step:], place[:, :-step])):
        rows += [a.ravel(), b.ravel()]
        columns += [b.ravel(), a.ravel()]
    from scipy import sparse

    rows, columns = np.concatenate(rows), np.concatenate(columns)
    W = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(side**2, side**2))
    return wt.from_sparse(W, [f"c{i}" for i in range(side**2)]).standardize("row")


# -- laws ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_a_list_of_one_w_is_that_w(model):
    frame, (w, _), *_ = drawn(1)
    data = frame.set_index("id")
    one, listed = MODELS[model]("y ~ a + b", data, w), MODELS[model]("y ~ a + b", data, [w])
    assert one.tidy().equals(listed.tidy())
    assert type(one) is type(listed)


@pytest.mark.parametrize("correction", [True, False])
@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
def test_one_w_for_every_regressor_is_the_ordinary_durbin_model(effects, correction):
    """The engine for several W, with one: the numbers of the ordinary road."""
    frame, (w, _), *_ = drawn(2, n=15, T=6)
    keys = dict(PANEL, effects=effects, correction=correction)
    for model in (sp.sdm, sp.sdem, sp.slx):
        one = model("y ~ a + b", frame, w, **keys)
        own = model("y ~ a + b", frame, w, durbin={"a": w, "b": w}, **keys)
        assert [name.replace("W_1:", "W:") for name in own.params.index] == list(one.params.index)
        assert own.loglik == pytest.approx(one.loglik, abs=1e-9)
        assert own.params.to_numpy() == pytest.approx(one.params.to_numpy(), abs=1e-7)
        assert own.vcov.to_numpy() == pytest.approx(one.vcov.to_numpy(), rel=1e-6, abs=1e-12)
        assert own.df_resid == one.df_resid
        assert own.sigma2 == pytest.approx(one.sigma2)
        for method in ("delta", "quadrature"):
            mine, theirs = own.effects(method=method), one.effects(method=method)
            assert mine.estimates == pytest.approx(theirs.estimates, rel=1e-6, abs=1e-9)
            assert mine.std_errors == pytest.approx(theirs.std_errors, rel=1e-4, abs=1e-9)
            assert mine.conf_low == pytest.approx(theirs.conf_low, rel=1e-3, abs=1e-4)
        assert own.effects().by_channel().query("effect == 'indirect'")["estimate"].to_numpy() == pytest.approx(
            one.effects().indirect.to_numpy(), rel=1e-6, abs=1e-9)  # fmt: skip


def test_order_of_w_of_rows_and_of_units_does_not_matter():
    frame, (v, w), *_ = drawn(3)
    data = frame.set_index("id")
    fit = sp.sdm("y ~ a + b", data, [v, w])
    swapped = sp.sdm("y ~ a + b", data, [w, v])
    other = {"1": "2", "2": "1"}
    names = [name[:2] + other[name[2]] + name[3:] if name.startswith("W_") else
             name[:-1] + other[name[-1]] if name.startswith("rho") else name for name in fit.params.index]  # fmt: skip
    assert swapped.params[names].to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-8)
    rng = np.random.default_rng(0)
    shuffled = data.iloc[rng.permutation(len(data))]
    moved = w.reordered(rng.permutation(w.n))
    again = sp.sdm("y ~ a + b", shuffled, [v, moved])
    assert again.params.to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-9)


def test_scaling_w_scales_rho():
    frame, (v, w), *_ = drawn(3, rhos=(0.4, 0.2))
    data = frame.set_index("id")
    double = wt.from_dense(2 * w.csr.toarray(), w.ids)
    fit, scaled = (sp.sar("y ~ a + b", data, [v, other]) for other in (w, double))
    assert scaled.loglik == pytest.approx(fit.loglik, abs=1e-8)
    assert scaled.params["rho_2"] == pytest.approx(fit.params["rho_2"] / 2, rel=1e-6)
    assert scaled.params["rho_1"] == pytest.approx(fit.params["rho_1"], rel=1e-6)


def test_slx_with_own_w_is_least_squares_on_lags_made_by_hand():
    frame, (v, w), (V, W), *_ = drawn(4)
    data = frame.set_index("id")
    by_hand = data.assign(va=V @ data["a"], wb=W @ data["b"])
    fit = sp.slx("y ~ a + b", data, v, durbin={"a": v, "b": w}, vcov="hc1")
    ols = sp.ols("y ~ a + b + va + wb", by_hand, v, vcov="hc1")
    assert fit.params.to_numpy() == pytest.approx(ols.params.to_numpy(), abs=1e-10)
    assert fit.vcov.to_numpy() == pytest.approx(ols.vcov.to_numpy(), rel=1e-9)
    assert fit.loglik == pytest.approx(ols.loglik, abs=1e-9)


def test_no_grid_point_is_better_than_the_maximum():
    """Small samples have the flattest likelihoods: a fine grid over the region finds nothing higher."""
    for seed in range(6):
        frame, weights, arrays, y, X = drawn(seed, n=14, rhos=(0.1, -0.5))
        fit = sp.sar("y ~ a + b", frame.set_index("id"), weights)
        Z, grid = regressors(X, arrays, False, True), np.linspace(-1.5, 1.2, 28)
        best = max(naive_several.concentrated(np.array([r, s]), y, Z, arrays, ())[0] for r in grid for s in grid)
        assert fit.loglik > best - 1e-9


# -- what follows from a fit -----------------------------------------------------------------------------------


def test_likelihood_ratio_of_one_w_against_two_says_which_parameters_are_zero():
    frame, (v, w), *_ = drawn(6)
    data = frame.set_index("id")
    small, large = sp.sar("y ~ a + b", data, v), sp.sar("y ~ a + b", data, [v, w])
    test = sp.lr_test(small, large)
    n, p = len(data), len(large.params)
    assert test.statistic == pytest.approx(2 * (large.loglik - small.loglik) * (n - p) / n)
    assert (test.df, test.null) == (1, "rho_2 = 0")
    durbin = sp.sdm("y ~ a + b", data, [v, w])
    assert sp.lr_test(sp.sdm("y ~ a + b", data, w), durbin).null == "rho_1 = 0 and theta_1 = 0"
    assert sp.lr_test(large, durbin).null == "theta_1 = 0 and theta_2 = 0"
    third = wt.from_dense(np.roll(np.eye(30), 1, axis=1), v.ids)
    with pytest.raises(SpatialInputError, match=r"E501.*no equal in the larger"):
        sp.lr_test(sp.sar("y ~ a + b", data, third), large)


def test_wald_tests_by_hand():
    frame, weights, *_ = drawn(7)
    fit = sp.sdm("y ~ a + b", frame.set_index("id"), weights)
    params, V = fit.params, fit.vcov

    def statistic(g, R):
        return g @ np.linalg.solve(R @ V.to_numpy() @ R.T, g) / len(g)

    eye = pd.DataFrame(np.eye(len(params)), params.index, params.index)
    rho = ["rho_1", "rho_2"]
    theta = ["W_1:a", "W_1:b", "W_2:a", "W_2:b"]
    assert sp.wald_test(fit, "SLX").statistic == pytest.approx(
        statistic(params[rho].to_numpy(), eye.loc[rho].to_numpy()))  # fmt: skip
    assert sp.wald_test(fit, "SAR").statistic == pytest.approx(
        statistic(params[theta].to_numpy(), eye.loc[theta].to_numpy()))  # fmt: skip
    rows, values = [], []
    for m in "12":
        for x in "ab":
            row = eye.loc[f"W_{m}:{x}"] + params[f"rho_{m}"] * eye.loc[x] + params[x] * eye.loc[f"rho_{m}"]
            rows.append(row.to_numpy())
            values.append(params[f"W_{m}:{x}"] + params[f"rho_{m}"] * params[x])
    assert sp.wald_test(fit, "SEM").statistic == pytest.approx(statistic(np.array(values), np.array(rows)))
    total = sp.lincom(fit, "rho_1 + rho_2").tidy()
    assert total["estimate"].item() == pytest.approx(params[rho].sum())


def test_predictions_by_hand():
    frame, weights, (V, W), y, X = drawn(8)
    fit = sp.sac("y ~ a + b", frame.set_index("id"), weights)
    r, s = fit.rhos
    A, B = np.eye(30) - r * V - s * W, np.eye(30) - fit.lambdas.iloc[0] * V - fit.lambdas.iloc[1] * W
    trend = np.column_stack([np.ones(30), X[0]]) @ fit.params.iloc[:3].to_numpy()
    TC = np.linalg.solve(A, trend)
    Q = A.T @ B.T @ B @ A
    BP = TC - (Q - np.diag(np.diag(Q))) @ (y[0] - TC) / np.diag(Q)
    for kind, value in (("trend", trend), ("TC", TC), ("BP", BP), ("TS", y[0] - fit.resid.to_numpy())):
        assert fit.predict(kind=kind).to_numpy() == pytest.approx(value, abs=1e-8)
    assert fit.resid.to_numpy() == pytest.approx(B @ (A @ y[0] - trend), abs=1e-8)


def test_predictions_of_a_panel_add_up():
    """TC with the effects: A TC - trend = 0, and the mean of y - TS is zero by unit and period."""
    frame, weights, (V, W), *_ = drawn(8, n=12, T=5)
    fit = sp.sdm("y ~ a + b", frame, weights, **PANEL)
    A = np.eye(12) - fit.rhos.iloc[0] * V - fit.rhos.iloc[1] * W
    trend, TC = (fit.predict(kind=kind).unstack().to_numpy() for kind in ("trend", "TC"))
    assert np.abs(A @ TC - trend).max() < 1e-8
    resid = fit.resid.unstack()
    assert resid.mean(axis=0).to_numpy() == pytest.approx(0, abs=1e-9)
    assert resid.mean(axis=1).to_numpy() == pytest.approx(0, abs=1e-9)


def test_tables_text_figures_and_provenance():
    frame, weights, *_ = drawn(9)
    fit = sp.sdm("y ~ a + b", frame.set_index("id"), weights)
    text = fit.summary()
    for words in ("W_1: ", "W_2: ", "of the way from zero to the edge"):
        assert words in text
    assert list(fit.tidy()["term"])[-2:] == ["rho_1", "rho_2"]
    assert set(fit.provenance.weights) == {"W_1", "W_2"}
    assert "rho_2" in str(sp.etable([fit, sp.sar("y ~ a + b", frame.set_index("id"), weights[0])]))
    assert "through W_2" in fit.effects().summary()
    assert fit.plot().get_xlabel()
    assert fit.effects().plot().get_xlabel()


@pytest.mark.parametrize("keys", [
    {"model": "sdm"}, {"model": "slx", "durbin": {"a": 0, "b": [0, 1]}}, {"model": "sac", "w_error": [1]},
    {"model": "sem"}, {"model": "sdm", "durbin": {"b": 1}},
])  # fmt: skip
def test_saved_and_loaded(keys, tmp_path):
    """The same fit comes back, its W with it, whatever the order of rows."""
    frame, weights, *_ = drawn(9)
    data = frame.set_index("id").sample(frac=1, random_state=1)
    options = {name: value for name, value in keys.items() if name != "model"}
    if "durbin" in options:
        options["durbin"] = {term: weights[own] if isinstance(own, int) else [weights[m] for m in own]
                             for term, own in options["durbin"].items()}  # fmt: skip
    if "w_error" in options:
        options["w_error"] = [weights[m] for m in options["w_error"]]
    w = weights if not options or "w_error" in options else weights[0]
    fit = MODELS.get(keys["model"], sp.slx)("y ~ a + b", data, w, **options)
    again = sp.load(sp.save(fit, tmp_path / "fit.zip"))
    assert list(again.params.index) == list(fit.params.index)
    assert again.params.to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-8)
    assert again.provenance.weights == fit.provenance.weights
    effects = sp.load(sp.save(fit.effects(method="delta"), tmp_path / "effects.zip"))
    assert effects.by_channel()["estimate"].to_numpy() == pytest.approx(
        fit.effects(method="delta").by_channel()["estimate"].to_numpy(), abs=1e-8)  # fmt: skip


# -- refused at the door ---------------------------------------------------------------------------------------


def test_weights_that_are_not_told_apart():
    frame, (v, w), (V, W), *_ = drawn(1)
    data = frame.set_index("id")
    for other in (v, wt.from_dense(3 * V, v.ids)):
        with pytest.raises(SpatialInputError, match="E323"):
            sp.sar("y ~ a + b", data, [v, other])
    with pytest.raises(SpatialInputError, match=r"E323.*0\.5 W_1 \+ 0\.5 W_2"):
        sp.sar("y ~ a + b", data, [v, w, wt.from_dense((V + W) / 2, v.ids)])
    with pytest.raises(SpatialInputError, match="E323"):
        sp.slx("y ~ a + b", data, v, durbin={"a": [v, v]})
    moved = v.reordered(np.random.default_rng(0).permutation(v.n))
    with pytest.raises(SpatialInputError, match="E323"):  # the same W in another order of units
        sp.sar("y ~ a + b", data, [v, moved])


def test_ids_islands_and_empty_weights():
    frame, (v, _), (_, W), *_ = drawn(1)
    data = frame.set_index("id")
    with pytest.raises(SpatialInputError, match="E101"):
        sp.sar("y ~ a + b", data, [v, wt.from_dense(W, [f"x{i}" for i in range(30)])])
    with pytest.raises(SpatialInputError, match="E306"):
        sp.sar("y ~ a + b", data, [v, wt.from_dense(np.zeros((30, 30)), v.ids)])
    with_island = W.copy()
    with_island[0] = 0
    fit = sp.sar("y ~ a + b", data, [v, wt.from_dense(with_island, v.ids)])
    assert "W_2:Intercept" in fit.params.index  # W_2 1 is no constant
    assert "W_2:Intercept" not in sp.sar("y ~ a + b", data, [v, wt.from_dense(with_island, v.ids)], durbin=[]).params
    panel, weights, *_ = drawn(1, n=12, T=4)
    with pytest.raises(SpatialInputError, match=r"E501.*additive"):
        sp.sar("y ~ a + b", panel, weights, **PANEL, correction="additive")


@pytest.mark.parametrize("options", [
    {"wx_order": 2}, {"vcov": "eim"}, {"logdet": "eigen"},
    {"endog": ["a"], "instruments": ["y"]}, {"lags": "y", "method": "aqs", **PANEL},
    {"serial": "ar1", "method": "gmm", "effects": "entity", **PANEL},
    {"serial": "ar1", "method": "reml", "effects": "entity", **PANEL},
    {"durbin": {}}, {"durbin": {"a": []}},
])  # fmt: skip
def test_options_that_several_w_do_not_have(options):
    frame, weights, *_ = drawn(1, n=12, T=5 if "entity" in options else 1)
    data = frame if "entity" in options else frame.set_index("id")
    with pytest.raises(SpatialInputError, match="E501") as error:
        sp.sdm("y ~ a + b", data, weights, **options)
    assert error.value.hint


def test_other_doors_refuse_by_name():
    frame, weights, *_ = drawn(1)
    data = frame.set_index("id")
    with pytest.raises(SpatialInputError, match="E501"):
        sp.sar("y ~ a + b", data, [])
    with pytest.raises(SpatialInputError, match=r"E501.*durbin"):
        sp.sar("y ~ a + b", data, weights[0], durbin={"a": weights[1]})
    with pytest.raises(SpatialInputError, match="E502"):
        sp.sdm("y ~ a + b", data, weights[0], durbin={"nobody": weights[1]})
    with pytest.raises(SpatialInputError, match="E320"):
        sp.sar("y ~ a + b", data, [weights[0], wt.temporal({0: weights[1]})])
    fit = sp.sdm("y ~ a + b", data, weights)
    for one_w in (lambda: fit.rho, lambda: sp.diagnose(fit), lambda: fit.effects().by_order(),
                  lambda: fit._design.weights.csr):  # fmt: skip
        with pytest.raises(SpatialInputError, match="E324"):
            one_w()
    with pytest.raises(SpatialInputError, match="E501"):
        fit.predict(data, weights[0])  # one W of two
    with pytest.raises(SpatialInputError, match="E501"):
        fit.effects(method="likelihood")


def test_an_estimate_on_the_edge_of_the_region_is_refused():
    """y is 5 with hardly any noise: (I - rho_1 W_1 - rho_2 W_2) y vanishes where rho_1 + rho_2 is one."""
    n = 40
    place = np.arange(n)
    near = (np.abs(place[:, None] - place) == 1).astype(float)
    far = (np.abs(place[:, None] - place) == 2).astype(float)
    near, far = (wt.from_dense(W / W.sum(1, keepdims=True), place) for W in (near, far))
    y = 5 + 1e-6 * np.cos(7.0 * place**2)
    frame = pd.DataFrame({"y": y, "x": np.cos(3.0 * place**2)}, index=place)
    with pytest.raises(SpatialInputError, match=r"E701|E714"):
        sp.sar("y ~ 0 + x", frame, [near, far])


def test_the_search_does_not_depend_on_where_it_starts(monkeypatch):
    frame, weights, *_ = drawn(2)
    data = frame.set_index("id")
    usual = sp.sac("y ~ a + b", data, weights)
    monkeypatch.setattr(several_search, "starts", lambda problem, sample: [np.zeros(problem.J + problem.L)])
    other = sp.sac("y ~ a + b", data, weights)
    assert other.params.to_numpy() == pytest.approx(usual.params.to_numpy(), abs=1e-6)
