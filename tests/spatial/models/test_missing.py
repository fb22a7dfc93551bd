"""Models whose process runs on units that are not observed: against dense likelihoods, EM, and laws."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from scipy import linalg

import spatial as sp
import weights as wt
from spatial.design.design import Design
from spatial.design.missing import MissingDesign
from spatial.design.sample import regressor_columns
from spatial.models.missing import fit_missing
from spillover.errors import SpatialInputError

from .. import naive_missing as twin
from ..designs import as_lagged
from ..naive_unseen import Twin
from .test_estimators import PANEL, panel_data

MODELS = ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns")
LAG, ERROR = ("sar", "sdm", "sac", "gns"), ("sem", "sdem", "sac", "gns")
KEYS = {"entity": "id", "time": "t"}


def drawn(seed=0, n=40, T=1, share=0.2, rho=0.4, lam=0.3, row=True):
    """Frame with y missing in part, W, and the arrays."""
    rng = np.random.default_rng(seed)
    places = rng.random((n, 2))
    D = np.linalg.norm(places[:, None] - places, axis=2) + np.diag(np.full(n, np.inf))
    W = np.zeros((n, n))
    W[np.arange(n)[:, None], np.argsort(D, axis=1)[:, :4]] = 1 / 4 if row else rng.uniform(0.1, 0.25, (n, 4))
    a, b, e = rng.standard_normal((3, T, n))
    unit, period = rng.standard_normal(n) * (T > 1), rng.standard_normal((T, 1)) * (T > 1)
    u = np.linalg.solve(np.eye(n) - lam * W, e.T).T
    y = np.linalg.solve(np.eye(n) - rho * W, (1 + a - 0.5 * b + unit + period + u).T).T
    seen = rng.random((T, n)) >= share
    ids = [f"u{i:02d}" for i in range(n)]
    index = pd.MultiIndex.from_product([range(T), ids], names=["t", "id"])
    frame = pd.DataFrame({"y": y.ravel(), "a": a.ravel(), "b": b.ravel()}, index=index).reset_index()
    frame["y"] = frame["y"].where(seen.ravel())
    return frame, wt.from_dense(W, ids), W, y, seen


def fitted(model, frame, w, effects=None, **options):
    keys = {"entity": "id"} if effects is None else {**KEYS, "effects": effects}
    return getattr(sp, model)("y ~ a + b", frame, w, missing="model", **keys, **options)


def twin_data(fit, W, y, seen):
    d = fit._design
    X, _ = regressor_columns(d, fit._settings.effects)
    effects = fit._settings.effects
    each = np.repeat(as_lagged(W, effects.time)[None], d.n_periods, axis=0)
    options = {"lag": fit.specification.lag, "error": fit.specification.error, "entity": effects.entity,
               "time": effects.time}  # fmt: skip
    return (np.where(seen, y, 0.0), X, each, each, seen), options


# -- against dense twins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("effects", [None, "none", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", MODELS)
def test_the_maximum_is_that_of_the_dense_density_of_what_is_observed(model, effects):
    T = 1 if effects is None else 4
    frame, w, W, y, seen = drawn(seed=3, n=40 if T == 1 else 16, T=T)
    fit = fitted(model, frame, w, effects)
    data, options = twin_data(fit, W, y, seen)
    at = fit._solution
    sigma2 = float(at.errors @ at.errors) / fit._sample.n
    theta = np.append(fit.params, np.log(sigma2))
    assert twin.loglik(theta, *data, **options) == pytest.approx(fit.loglik, abs=1e-8)
    best, loglik, V = twin.maximum(theta + 0.02, *data, **options)
    assert loglik == pytest.approx(fit.loglik, abs=1e-5)
    assert best == pytest.approx(theta, abs=2e-3)
    factor = fit._sample.n / (fit._sample.n - len(fit.params))
    assert fit.vcov.to_numpy() == pytest.approx(factor * V[:-1, :-1], rel=2e-3, abs=1e-5)


@pytest.mark.parametrize(("model", "effects"), [("ols", "twoway"), ("sar", "twoway"), ("sem", None), ("sac", "entity"),
                                                ("sdm", "twoway")])  # fmt: skip
def test_weights_and_offsets_are_in_the_dense_density(model, effects):
    T = 1 if effects is None else 4
    frame, w, W, y, seen = drawn(seed=3, n=40 if T == 1 else 16, T=T)
    rng = np.random.default_rng(1)
    frame["size"], frame["z"] = rng.uniform(0.3, 3, len(frame)), rng.standard_normal(len(frame))
    keys = {"entity": "id"} if effects is None else {**KEYS, "effects": effects}
    fit = getattr(sp, model)("y ~ a + b + offset(z)", frame, w, missing="model", **keys, obs_weights="size")
    data, options = twin_data(fit, W, y, seen)
    options |= {name: frame[column].to_numpy().reshape(seen.shape) for name, column in (("w", "size"), ("offset", "z"))}
    at = fit._solution
    theta = np.append(fit.params, np.log(float(at.errors @ at.errors) / fit._sample.n))
    assert twin.loglik(theta, *data, **options) == pytest.approx(fit.loglik, abs=1e-8)
    _, loglik, V = twin.maximum(theta + 0.02, *data, **options)
    assert loglik == pytest.approx(fit.loglik, abs=1e-5)
    factor = fit._sample.n / (fit._sample.n - len(fit.params))
    assert fit.vcov.to_numpy() == pytest.approx(factor * V[:-1, :-1], rel=3e-3, abs=1e-5)
    if model != "ols":
        codes = np.tile(np.arange(len(w.ids)), T)  # below 20 units CR3
        want = twin.pairs_sandwich(fit, *data, codes, -0.5 if T == 1 else -1.0, **options)
        np.testing.assert_allclose(fit.with_vcov("robust").vcov, want, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("model", ["sem", "sac"])
def test_robust_variances_where_rows_do_not_sum_to_one(model):
    frame, w, W, y, seen = drawn(seed=4, n=21, T=3, row=False)
    fit = fitted(model, frame, w, "twoway")
    data, options = twin_data(fit, W, y, seen)
    data = (*data[:3], np.repeat(W[None], 3, axis=0), data[4])  # W of deviations, M itself
    want = 21 / 20 * twin.pairs_sandwich(fit, *data, np.tile(np.arange(21), 3), -0.5, **options)
    np.testing.assert_allclose(fit.with_vcov("robust").vcov, want, rtol=1e-6, atol=1e-9)


def test_equal_weights_are_none_and_an_offset_is_subtracted_where_nothing_is_lagged():
    frame, w, *_ = drawn(seed=5, n=16, T=4)
    plain = fitted("sac", frame, w, "twoway")
    one = fitted("sac", frame.assign(c=4.0), w, "twoway", obs_weights="c")
    np.testing.assert_allclose(one.params, plain.params, atol=1e-7)
    assert one.loglik == pytest.approx(plain.loglik, abs=1e-8)
    assert one.sigma2 == pytest.approx(4 * plain.sigma2, rel=1e-6)
    np.testing.assert_allclose(one.with_vcov("robust").vcov, plain.with_vcov("robust").vcov, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(one.predict_missing(), plain.predict_missing(), rtol=1e-5)
    less = sp.sem("I(y - b) ~ a", frame, w, missing="model", **KEYS)
    more = sp.sem("y ~ a + offset(b)", frame, w, missing="model", **KEYS)
    np.testing.assert_allclose(more.params, less.params, atol=1e-9)
    assert more.loglik == pytest.approx(less.loglik, abs=1e-9)


@pytest.mark.parametrize("effects", [None, "entity", "twoway"])
@pytest.mark.parametrize("model", ["sar", "sem", "sdm", "sac"])
def test_predictions_are_the_dense_conditional_means(model, effects):
    frame, w, W, y, seen = drawn(seed=5, n=40 if effects is None else 14, T=1 if effects is None else 4)
    fit = fitted(model, frame, w, effects)
    data, options = twin_data(fit, W, y, seen)
    theta = np.append(fit.params, np.log(fit.sigma2))
    mean, variance = twin.conditional(theta, *data, **options)
    table = fit.predict_missing()
    expected = pd.Series(mean, index=pd.Index(np.flatnonzero(~seen.ravel())))
    labels = fit._design.labelled(np.arange(seen.size, dtype=float).reshape(seen.shape), "at")[lambda s: ~fit.observed]
    assert table["predicted"].to_numpy() == pytest.approx(expected[labels.astype(int)].to_numpy(), abs=1e-8)
    # the variance: the kriging part by the twin, and what rho and lambda add by differences of the twin's means
    p = fit.specification.lag + fit.specification.error
    k, h = len(fit.params) - p, 1e-5
    J = np.column_stack([
        (twin.conditional(theta + e, *data, **options)[0] - twin.conditional(theta - e, *data, **options)[0]) / 2 / h
        for e in h * np.eye(len(theta))[k : k + p]
    ])  # fmt: skip
    factor = fit._sample.n / (fit._sample.n - len(fit.params))
    V = fit.vcov.to_numpy()[k:, k:]
    total = factor * variance + np.einsum("ij,jk,ik->i", J, V, J)
    total = pd.Series(total)[np.searchsorted(np.flatnonzero(~seen.ravel()), labels.astype(int))].to_numpy()
    assert table["std_error"].to_numpy() == pytest.approx(np.sqrt(total), rel=1e-5)


def test_the_maximum_is_the_fixed_point_of_em():
    frame, w, W, y, seen = drawn(seed=8, n=50, lam=0.0, share=0.25)
    fit = fitted("sar", frame, w)
    X = np.column_stack([np.ones(50), frame[["a", "b"]]])
    theta = twin.em(np.where(seen[0], y[0], 0.0), X, W, seen[0])
    assert theta[:-1] == pytest.approx(fit.params[["Intercept", "a", "b", "rho"]].to_numpy(), abs=1e-6)
    assert np.exp(theta[-1]) == pytest.approx(fit.sigma2, rel=1e-6)


# -- laws ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [True, False])
@pytest.mark.parametrize("effects", [None, "none", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", MODELS)
def test_with_nothing_missing_it_is_the_usual_fit(model, effects, row):
    if not row and effects in ("time", "twoway"):
        pytest.skip("period effects need rows that sum to one")
    frame, w, _, _, seen = drawn(seed=1, n=30, T=1 if effects is None else 5, share=0.0, row=row)
    usual = fitted(model, frame, w, effects)
    assert type(usual).__name__ == "Fit"
    d = usual._design
    whole = MissingDesign(**{one.name: getattr(d, one.name) for one in fields(Design)}, seen=seen)
    fit = fit_missing(_Reading(usual.specification, whole, usual._settings))
    # of one parameter to ten digits; of two the usual search settles at 1e-7 standard errors
    exact = 1e-6 if model in ("sac", "gns") else 1e-9
    assert ((fit.params - usual.params).abs() / usual.std_errors).max() < exact
    assert fit.loglik == pytest.approx(usual.loglik, abs=1e-9)
    assert fit.sigma2 == pytest.approx(usual.sigma2, rel=1e3 * exact if exact > 1e-8 else exact)
    scale = np.outer(usual.std_errors, usual.std_errors)
    assert fit.vcov.to_numpy() / scale == pytest.approx(usual.vcov.to_numpy() / scale, abs=2e-5)
    assert fit.df_resid == usual.df_resid
    assert fit.fitted.to_numpy() == pytest.approx(usual.fitted.to_numpy(), abs=1e-6)
    kinds = ["TS", "TC", "trend"]
    if model in ERROR and effects in ("time", "twoway"):
        kinds = ["TS"]  # effects are those of generalised least squares, not means of residuals
    for kind in kinds:
        assert fit.predict(kind=kind).to_numpy() == pytest.approx(usual.predict(kind=kind).to_numpy(), abs=1e-6)


class _Reading:
    """What ``fit_missing`` reads of a Reading."""

    def __init__(self, specification, design, settings):
        self.specification, self.design, self.settings = specification, design, settings


@pytest.mark.parametrize("effects", [None, "twoway"])
@pytest.mark.parametrize("model", ["sdm", "sac"])
def test_order_and_labels_of_units_do_not_matter(model, effects):
    frame, w, W, _, _ = drawn(seed=2, n=20, T=1 if effects is None else 4)
    fit = fitted(model, frame, w, effects)
    rng = np.random.default_rng(0)
    order = rng.permutation(20)
    moved = wt.from_dense(W[np.ix_(order, order)], [f"u{i:02d}" for i in order])
    again = fitted(model, frame.sample(frac=1, random_state=1), moved, effects)
    assert again.params.to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-8)
    assert again.predict_missing().sort_index().to_numpy() == pytest.approx(
        fit.predict_missing().sort_index().to_numpy(), abs=1e-6)  # fmt: skip


def test_a_unit_without_links_and_without_y_changes_nothing():
    frame, w, W, _, _ = drawn(seed=4, n=30)
    wider = np.zeros((31, 31))
    wider[:30, :30] = W
    more = pd.concat([frame, pd.DataFrame({"t": [0], "id": ["alone"], "y": [np.nan], "a": [0.3], "b": [1.0]})])
    both = wt.from_dense(wider, [*frame["id"], "alone"])
    fit, again = fitted("sar", frame, w), sp.sar("y ~ a + b", more, both, entity="id", missing="model", durbin=[])
    assert again.params.to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-8)
    assert again.loglik == pytest.approx(fit.loglik, abs=1e-8)
    alone = again.predict_missing().loc["alone"]
    expected = fit.params[["Intercept", "a", "b"]] @ [1.0, 0.3, 1.0]
    assert alone["predicted"] == pytest.approx(expected, abs=1e-7)


def test_units_and_periods_that_are_never_observed_have_no_effect_and_no_prediction():
    frame, w, W, y, seen = drawn(seed=6, n=14, T=5)
    frame.loc[(frame["id"] == "u03") | (frame["t"] == 2), "y"] = np.nan
    seen = frame["y"].notna().to_numpy().reshape(5, 14)
    fit = fitted("sdm", frame, w, "twoway")
    data, options = twin_data(fit, W, y, seen)
    theta = np.append(fit.params, np.log(fit._solution.sigma2))
    assert twin.loglik(theta, *data, **options) == pytest.approx(fit.loglik, abs=1e-8)
    table = fit.predict_missing()
    unit, period = table.index.get_level_values(0), table.index.get_level_values(1)
    assert table["predicted"].isna().to_numpy().tolist() == ((unit == "u03") | (period == 2)).tolist()
    assert fit._sample.n == fit._design.left(fit._settings.effects)


def test_parts_that_no_unit_connects_lose_a_period_effect_each():
    frame, w, W, y, seen = drawn(seed=7, n=12, T=6, share=0.0)
    early = frame["id"] < "u06"
    frame.loc[early & (frame["t"] > 2) | ~early & (frame["t"] <= 2), "y"] = np.nan
    seen = frame["y"].notna().to_numpy().reshape(6, 12)
    fit = fitted("sar", frame, w, "twoway")
    data, options = twin_data(fit, W, y, seen)
    theta = np.append(fit.params, np.log(fit._solution.sigma2))
    assert fit._sample.n == fit._design.left(fit._settings.effects) == 36 - (12 + 6 - 2)
    assert twin.loglik(theta, *data, **options) == pytest.approx(fit.loglik, abs=1e-8)


@pytest.mark.parametrize("effects", ["none", "time"])
def test_weights_may_vary_over_time(effects):
    frame, _, W, y, seen = drawn(seed=9, n=16, T=3)
    other = [W, np.roll(np.roll(W, 3, axis=0), 3, axis=1), W]
    ids = [f"u{i:02d}" for i in range(16)]
    varying = wt.TemporalWeights([wt.from_dense(one, ids) for one in other], pd.RangeIndex(3))
    fit = fitted("sac", frame, varying, effects)
    data, options = twin_data(fit, W, y, seen)
    data = (*data[:2], np.array(other), np.array(other), data[4])
    theta = np.append(fit.params, np.log(fit._solution.sigma2))
    assert twin.loglik(theta, *data, **options) == pytest.approx(fit.loglik, abs=1e-8)


@pytest.mark.parametrize(("model", "effects"), [("sdm", "entity"), ("sac", "twoway")])
def test_unit_effects_that_weights_turn_take_no_mean_into_the_score(model, effects):
    """A_t^-1 D mu under W that vary: the twin has every A_t and D whole, the score of rho less its mean by traces."""
    frame, _, W, y, seen = drawn(seed=9, n=16, T=4)
    each = [W, np.roll(np.roll(W, 3, axis=0), 3, axis=1)] * 2
    varying = wt.TemporalWeights([wt.from_dense(one, [f"u{i:02d}" for i in range(16)]) for one in each],
                                 pd.RangeIndex(4))  # fmt: skip
    fit = fitted(model, frame, varying, effects)
    block, spec = linalg.block_diag(*each), fit.specification
    D = np.hstack([np.tile(np.eye(16), (4, 1)), np.kron(np.eye(4), np.ones((16, 1)))[:, 1:]])
    D = D[:, :16] if effects == "entity" else D
    dense = Twin(np.where(seen, y, 0.0).ravel(), fit._sample.X, seen, [block], [block] * spec.error, D=D)
    t = fit.params.to_numpy()[len(fit._sample.names) :]
    assert np.isnan(fit.loglik)
    slope = np.array([(dense.score(t + h) - dense.score(t - h)) / 2e-4 for h in 1e-4 * np.eye(len(t))])
    V = np.linalg.inv(-(slope + slope.T) / 2)
    assert np.abs(V @ dense.score(t) / np.sqrt(np.diag(V))).max() < 1e-4
    factor = fit._sample.n / (fit._sample.n - len(fit.params))
    assert fit.vcov.to_numpy()[-len(t) :, -len(t) :] == pytest.approx(factor * V, rel=3e-3)
    period, unit = np.nonzero(~seen)
    want = dense.predicted(t)[0][np.lexsort((period, unit))]
    assert fit.predict_missing()["predicted"].to_numpy() == pytest.approx(want, abs=1e-7)
    whole = frame.assign(y=frame["y"].fillna(0.5))
    usual = getattr(sp, model)("y ~ a + b", whole, varying, effects=effects, **KEYS)
    d = usual._design
    parts = {one.name: getattr(d, one.name) for one in fields(Design)}
    own = MissingDesign(**parts, seen=np.ones(d.y.shape, dtype=bool))
    every = fit_missing(_Reading(spec, own, usual._settings))
    np.testing.assert_allclose(every.params, usual.params, atol=1e-6)
    frame.loc[frame["id"] == "u03", "y"] = np.nan
    with pytest.raises(SpatialInputError, match="needs a y of every unit"):
        fitted(model, frame, varying, effects)


def test_the_sparse_road_is_the_dense_one(monkeypatch):
    from spatial.solve import missing_problem

    frame, w, *_ = drawn(seed=10, n=20, T=4)
    for model in ("sdm", "gns"):
        monkeypatch.setattr(missing_problem, "DENSE", 600_000)
        fit = fitted(model, frame, w, "twoway")
        monkeypatch.setattr(missing_problem, "DENSE", 0)
        sparse = fitted(model, frame, w, "twoway")
        assert sparse.params.to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-9)
        assert sparse.predict_missing().to_numpy() == pytest.approx(fit.predict_missing().to_numpy(), abs=1e-7)


# -- what goes with it -----------------------------------------------------------------------------------------


def test_sem_takes_missing_regressors_and_sar_refuses_them():
    frame, w, W, y, seen = drawn(seed=11, n=40)
    frame.loc[[2, 5], "a"] = np.nan
    fit = fitted("sem", frame, w)
    hidden = seen.copy()
    hidden[0, [2, 5]] = False
    data, options = twin_data(fit, W, y, hidden)
    theta = np.append(fit.params, np.log(fit.sigma2))
    assert twin.loglik(theta, *data, **options) == pytest.approx(fit.loglik, abs=1e-8)
    with pytest.raises(SpatialInputError, match=r"E201.*regressors are missing too: 'a' 2"):
        fitted("sar", frame, w)
    with pytest.raises(SpatialInputError, match=r"E201.*scale is computed from all rows"):
        sp.sem("y ~ scale(a) + b", frame, w, entity="id", missing="model")


def test_an_error_with_its_own_weights():
    frame, w, W, y, seen = drawn(seed=12, n=30)
    M = np.roll(np.roll(W, 5, axis=0), 5, axis=1)
    fit = fitted("sac", frame, w, w_error=wt.from_dense(M, w.ids))
    data, options = twin_data(fit, W, y, seen)
    data = (*data[:3], M[None], data[4])
    theta = np.append(fit.params, np.log(fit.sigma2))
    assert twin.loglik(theta, *data, **options) == pytest.approx(fit.loglik, abs=1e-8)


def test_effects_are_those_of_all_units():
    frame, w, W, *_ = drawn(seed=13, n=30)
    fit = fitted("sdm", frame, w)
    S = np.linalg.solve(np.eye(30) - fit.rho * W, fit.params["a"] * np.eye(30) + fit.params["W:a"] * W)
    e = fit.effects()
    assert e.direct["a"] == pytest.approx(np.trace(S) / 30)
    assert e.total["a"] == pytest.approx(S.sum() / 30)
    assert e.shock("u03", "a").to_numpy() == pytest.approx(S[:, 3])


@pytest.mark.parametrize(("options", "code"), [
    ({"method": "gmm"}, "E501"), ({"vcov": "jackknife"}, "E501"), ({"vcov": "eim"}, "E501"),
    ({"lags": "y"}, "E501"), ({"correction": "additive"}, "E501"),
    ({"regimes": "id"}, "E206"), ({"obs_weights": sp.Sampling("t1")}, "E540"),
])  # fmt: skip
def test_what_is_refused_names_a_way_round(options, code):
    frame, w, *_ = drawn(seed=14, n=20, T=4)
    with pytest.raises(SpatialInputError, match=code) as caught:
        sp.sar(**{"formula": "y ~ a + b", "data": frame.assign(t1=1 + frame["t"]), "w": w, "missing": "model", **KEYS,
                  **options})  # fmt: skip
    assert caught.value.hint


@pytest.mark.parametrize("effects", ["time", "twoway"])
def test_w_lags_deviations_where_rows_do_not_sum_to_one(effects):
    frame, w, W, y, seen = drawn(seed=14, n=14, T=4, row=False)
    fit = fitted("sdm", frame, w, effects)
    data, options = twin_data(fit, W, y, seen)
    theta = np.append(fit.params, np.log(fit._solution.sigma2))
    assert twin.loglik(theta, *data, **options) == pytest.approx(fit.loglik, abs=1e-8)
    _best, loglik, _ = twin.maximum(theta + 0.02, *data, **options)
    assert loglik == pytest.approx(fit.loglik, abs=1e-5)
    path = 7 * frame["t"] ** 1.5
    moved = fitted("sdm", frame.assign(y=frame["y"] + path), w, effects)
    assert moved.params.to_numpy() == pytest.approx(fit.params.to_numpy(), abs=1e-6)
    shift = (moved.predict_missing() - fit.predict_missing())["predicted"]
    assert shift.to_numpy() == pytest.approx(7 * shift.index.get_level_values("t") ** 1.5, abs=1e-5)
    for kind in ("TS", "TC"):
        shift = moved.predict(kind=kind) - fit.predict(kind=kind)
        assert shift.to_numpy() == pytest.approx(7 * shift.index.get_level_values("t") ** 1.5, abs=1e-5)


def test_what_needs_every_outcome_is_refused_by_name():
    frame, w, *_ = drawn(seed=15, n=30)
    fit, panel = fitted("slx", frame, w), fitted("sdm", *drawn(seed=15, n=14, T=4)[:2], "twoway")
    for refused in (sp.lm_tests, sp.diagnose, sp.jarque_bera, sp.placebo_weights, lambda one: one.resid):
        with pytest.raises(SpatialInputError, match="E325"):
            refused(fit)
    for refused in (sp.robust_hausman, sp.predictions, sp.pesaran_cd):
        with pytest.raises(SpatialInputError, match="E325"):
            refused(panel)
    with pytest.raises(SpatialInputError, match="E501"):
        sp.specify("y ~ a + b", frame, w, entity="id", missing="model")


def test_likelihood_ratios_compare_models_of_the_same_outcomes():
    frame, w, *_ = drawn(seed=16, n=40)
    small, large = fitted("sar", frame, w), fitted("sdm", frame, w)
    ratio = 2 * (large.loglik - small.loglik) * (large._sample.n - len(large.params)) / large._sample.n
    assert sp.lr_test(small, large).statistic == pytest.approx(ratio)
    dropped = sp.sar("y ~ a + b", frame, w, entity="id", missing="drop")
    with pytest.raises(SpatialInputError, match="E501"):
        sp.lr_test(dropped, large)


def test_a_saved_fit_comes_back(tmp_path):
    frame, w, *_ = drawn(seed=17, n=30)
    fit = fitted("sdm", frame, w)
    again = sp.load(sp.save(fit, tmp_path / "fit.zip"))
    pd.testing.assert_frame_equal(again.predict_missing(), fit.predict_missing())
    assert again.nobs == fit.nobs == int(fit.observed.sum())


def test_errors_name_a_cure_that_works():
    frame, w, *_ = drawn(seed=18, n=30)
    with pytest.raises(SpatialInputError, match="E101") as caught:
        fitted("sar", frame.iloc[1:], w)
    assert "row with its regressors and an empty y" in caught.value.hint
    empty = pd.concat([frame.iloc[1:], frame.iloc[:1].assign(y=np.nan)])
    assert fitted("sar", empty, w).nobs == frame["y"].iloc[1:].notna().sum()
    panel, pw, *_ = drawn(seed=18, n=12, T=4)
    with pytest.raises(SpatialInputError, match="E104") as caught:
        fitted("sar", panel.iloc[1:], pw, "entity")
    assert "empty y" in caught.value.hint
    with pytest.raises(SpatialInputError, match="E703"):
        fitted("sar", frame.assign(y=(2 * frame["a"]).where(frame["y"].notna())), w)
    with pytest.raises(SpatialInputError, match="E206"):
        fitted("sar", frame.assign(y=np.nan), w)
    with pytest.raises(SpatialInputError, match="E202"):
        fitted("sar", frame.assign(y=frame["y"].where(frame.index != frame["y"].first_valid_index(), np.inf)), w)


def test_units_of_x_and_y_do_not_matter():
    frame, w, *_ = drawn(seed=19, n=40)
    fit = fitted("sdm", frame, w)
    moved = fitted("sdm", frame.assign(y=1e-9 * frame["y"], a=1e6 + frame["a"]), w)
    assert moved.rho == pytest.approx(fit.rho, abs=1e-7)
    assert moved.params["a"] == pytest.approx(1e-9 * fit.params["a"], rel=1e-7)
    assert moved.predict_missing().to_numpy() == pytest.approx(1e-9 * fit.predict_missing().to_numpy(), rel=1e-5)


def test_predictions_of_nothing_missing_are_an_empty_table():
    """Also asked for with missing="model"; rows that were left out are named instead."""
    data, W = panel_data(1)
    for fit in (sp.sar("y ~ a", data, W, **PANEL), sp.sar("y ~ a", data, W, **PANEL, missing="model")):
        table = fit.predict_missing()
        assert len(table) == 0
        assert list(table) == ["predicted", "std_error", "conf_low", "conf_high"]
        assert table.index.names == ["id", "t"]
    gaps = sp.sar("y ~ a", data.drop(index=data.index[3]), W, **PANEL, missing="period")
    with pytest.raises(SpatialInputError, match="were left out"):
        gaps.predict_missing()


# -- errors of unequal variances -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "effects"), [("sar", None), ("sem", "twoway"), ("sac", "entity"), ("sdm", "twoway")])
def test_robust_and_clustered_variances_are_the_double_loop(model, effects):
    frame, w, W, y, seen = drawn(seed=4, n=24 if effects is None else 21, T=1 if effects is None else 3)
    fit = fitted(model, frame, w, effects)
    data, options = twin_data(fit, W, y, seen)
    N = len(w.ids)
    codes = np.tile(np.arange(N), len(seen))
    factor = 1.0 if effects is None else N / (N - 1)
    want = factor * twin.pairs_sandwich(fit, *data, codes, -0.5, **options)
    np.testing.assert_allclose(fit.with_vcov("robust").vcov, want, rtol=1e-6, atol=1e-9)
    by = pd.Series(np.arange(N) % 6, index=w.ids, name="region")
    want = twin.pairs_sandwich(fit, *data, codes % 6, -1.0, **options)
    clustered = fit.with_vcov(sp.Cluster(by))
    np.testing.assert_allclose(clustered.vcov, want, rtol=1e-6, atol=1e-9)
    assert "CR3" in clustered.summary()


@pytest.mark.parametrize("model", ["ols", "sem"])
def test_a_unit_without_links_and_outcome_changes_no_robust_variance(model):
    frame, w, W, *_ = drawn(seed=6, n=30, share=0.0)
    plain = getattr(sp, model)("y ~ a + b", frame, w, entity="id", vcov="robust")
    more = pd.concat([frame, pd.DataFrame({"t": [0], "id": ["z"], "a": [3.0], "b": [1.0], "y": [np.nan]})])
    wider = wt.from_dense(np.pad(W, ((0, 1), (0, 1))), [*w.ids, "z"])
    fit = getattr(sp, model)("y ~ a + b", more, wider, entity="id", missing="model", vcov="robust")
    np.testing.assert_allclose(fit.std_errors, plain.std_errors, rtol=1e-5)
    assert fit.df_resid == plain.df_resid
