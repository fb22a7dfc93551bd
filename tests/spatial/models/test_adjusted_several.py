"""Adjusted scores of several spatial parameters: several W, W by regressor, rho by regime, lag and error, weights of
observations. Dense scores over all rows, laws."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.models import adjusted_several

from .. import naive_adjusted as dense
from .. import naive_moving
from .test_estimators import PANEL, random_weights
from .test_regimes_moving import IDS, N, blocks, drawn

T = 4
KEYS = {**PANEL, "missing": "period"}
HAS_LAG, HAS_ERROR, DURBIN = ("sar", "sdm", "sac", "gns"), ("sem", "sdem", "sac", "gns"), ("sdm", "sdem", "gns")


@pytest.fixture(scope="module")
def data():
    """A panel with weights of observations, with and without gaps, W that moves, and two W that do not."""
    whole, moving = drawn(7)
    rng = np.random.default_rng(2)
    whole["people"] = whole["id"].map(dict(zip(IDS, rng.uniform(0.5, 2, N))))
    whole["trips"] = rng.uniform(0.5, 2, len(whole))
    first = moving[1].csr.toarray()
    first[-1] = first[:, -1] = 0.0  # an island
    first = first / np.maximum(first.sum(axis=1, keepdims=True), 1e-9)
    second = random_weights(rng, N, symmetric=False)
    one, two = (wt.from_dense(W, ids=IDS) for W in (first, second))
    gaps = whole[rng.random(len(whole)) > 0.12].reset_index(drop=True)
    return {"whole": whole, "gaps": gaps}, {"one": one, "two": [one, two], "moving": moving, "other": two}


def each(frame, w):
    """W of every period among who is there."""
    copies = w if w.varies else wt.temporal(dict.fromkeys(range(T), w))
    return naive_moving.stacked(blocks(frame, copies))


def system(fit, frame, weights, effects, root=None):
    """y, Z, lags and errors of ``naive_adjusted``, X those of the fit's names."""
    spec, d = fit.specification, fit._design
    listed = weights if isinstance(weights, list) else [weights]
    matrices = [each(frame, w) for w in listed]
    if hasattr(d, "split"):
        codes = (frame["region"] == "west").to_numpy()
        matrices = [(codes == g)[:, None] * W for W in matrices for g in (False, True)]
    y, X = frame["y"].to_numpy(), frame[["a", "b"]].to_numpy()
    D = naive_moving.dummies(frame["id"], frame["t"], effects)
    X = X if D.shape[1] else np.column_stack([np.ones(len(y)), X])
    if hasattr(d, "split"):
        X = d.rows(d.X)[:, [d.names.index(name) for name in fit._sample.names]]
    elif spec.durbin:
        X = np.column_stack([X, *(W @ frame[["a", "b"]].to_numpy() for W in matrices)])
    Z = np.column_stack([X, D])
    within = np.eye(len(y))
    if effects in ("time", "twoway") and not hasattr(d, "split"):  # W lags deviations from the means of periods
        periods = naive_moving.dummies(frame["id"], frame["t"], "time")
        within -= periods @ np.linalg.pinv(periods)
    lags, errors = [W @ within for W in matrices] * spec.lag, matrices * spec.error
    if fit._settings.method == "aqs" and d.observed is None and not d.varies:
        errors = [M @ within for M in errors]
    if root is not None:
        y, Z = root * y, root[:, None] * Z
        lags, errors = ([root[:, None] * W / root for W in part] for part in (lags, errors))
    return y, Z, X.shape[1], lags, errors


CASES = {
    "two W": ("sdm", "two", "whole", "entity", {}),
    "two W in the error": ("sdem", "two", "whole", "entity", {}),
    "two W of lag and error": ("sac", "two", "whole", "time", {}),
    "two W and gaps": ("sdm", "two", "gaps", "entity", {}),
    "rho by regime": ("sdm", "moving", "gaps", "twoway", {"regimes": sp.Regimes("region", rho=True)}),
    "rho by regime of one W": ("sdm", "other", "whole", "twoway", {"regimes": sp.Regimes("region", rho=True)}),
    "rho by regime of two W": ("sdm", "two", "whole", "twoway", {"regimes": sp.Regimes("region", rho=True)}),
    "lambda by regime": ("sem", "other", "whole", "time", {"regimes": sp.Regimes("region", lam=True)}),
    "lag and error": ("gns", "other", "whole", "twoway", {}),
    "lag and error with gaps": ("sac", "moving", "gaps", "entity", {}),
    "weights": ("sdm", "other", "whole", "twoway", {"obs_weights": "people"}),
    "weights over time": ("sar", "moving", "gaps", "twoway", {"obs_weights": "trips"}),
    "weights and an error": ("sem", "one", "whole", "time", {"obs_weights": "trips"}),
    "weights, lag and error": ("sac", "other", "whole", "entity", {"obs_weights": "people"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_restricted_scores_of_all_rows_are_zero(data, case):
    """And the covariance is minus the inverse of their slopes, symmetric, with beta's of generalised least squares."""
    model, w, frame, effects, options = CASES[case]
    frame, w = data[0][frame], data[1][w]
    fit = getattr(sp, model)("y ~ a + b", frame, w, **KEYS, effects=effects, method="reml", **options)
    root = np.sqrt(frame[options["obs_weights"]].to_numpy()) if "obs_weights" in options else None
    *system_, k, lags, errors = system(fit, frame, w, effects, root)
    y, Z = system_
    psi = fit.params.to_numpy()[k:]
    assert len(psi) == len(lags) + len(errors) == (1 if case.startswith("weights") and model != "sac" else 2) * (
        2 if case in ("two W of lag and error", "rho by regime of two W") else 1)  # fmt: skip
    np.testing.assert_allclose(dense.restricted_scores(psi, y, Z, lags, errors), 0, atol=2e-5)
    H = dense.slopes(lambda at: dense.restricted_scores(at, y, Z, lags, errors), psi)
    V = np.linalg.inv(-(H + H.T) / 2)
    np.testing.assert_allclose(fit.vcov.to_numpy()[k:, k:], V, rtol=1e-4, atol=1e-7)
    _, B, _, e, _, delta = dense.parts(psi, y, Z, lags, errors)
    np.testing.assert_allclose(fit.params.to_numpy()[:k], delta[:k], atol=1e-7)
    assert fit.sigma2 == pytest.approx(e @ e / fit.df_resid)
    assert fit.df_resid == len(y) - Z.shape[1]
    BZ = B @ Z
    inverse = np.linalg.inv(BZ.T @ BZ)
    g = np.zeros((Z.shape[1], len(psi)))
    if lags:
        g[:, : len(lags)] = np.column_stack([inverse @ BZ.T @ B @ W @ y for W in lags])
    np.testing.assert_allclose(fit.vcov.to_numpy()[:k, :k], (fit.sigma2 * inverse + g @ V @ g.T)[:k, :k], rtol=1e-4,
                               atol=1e-7)  # fmt: skip
    np.testing.assert_allclose(fit.vcov.to_numpy()[:k, k:], (-g @ V)[:k], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(fit._solution.resid, e, atol=1e-6)


QUASI = {
    "two W": ("sdm", "two", "whole", "entity", {}),
    "two W of lag and error": ("sac", "two", "whole", "time", {}),
    "two W and gaps": ("sem", "two", "gaps", "entity", {}),
    "rho by regime": ("sdm", "other", "whole", "twoway", {"regimes": sp.Regimes("region", rho=True)}),
    "lambda by regime": ("sem", "moving", "gaps", "time", {"regimes": sp.Regimes("region", lam=True)}),
    "lag and error": ("gns", "other", "whole", "twoway", {}),
    "gaps": ("sdm", "other", "gaps", "twoway", {}),
    "W that moves": ("sem", "moving", "whole", "entity", {}),
    "lag and error with gaps": ("sac", "moving", "gaps", "entity", {}),
}  # fmt: skip


@pytest.mark.parametrize("case", QUASI)
def test_quasi_scores_of_all_rows_are_zero(data, case):
    """Their forms have no diagonal, whatever the variances are: summed over a unit's periods in a balanced panel under
    the same W, in every row elsewhere."""
    model, w, name, effects, options = QUASI[case]
    frame, w = data[0][name], data[1][w]
    fit = getattr(sp, model)("y ~ a + b", frame, w, **KEYS, effects=effects, method="aqs", **options)
    y, Z, k, lags, errors = system(fit, frame, w, effects)
    by_unit = name == "whole" and not fit._design.varies
    cells = frame["id"] if by_unit else np.arange(len(frame))
    psi = fit.params.to_numpy()[k:]
    np.testing.assert_allclose(dense.quasi_scores(psi, y, Z, lags, errors, cells), 0, atol=1e-5)
    few = frame.groupby("id")["t"].transform("size").to_numpy() <= (T if by_unit else 2)
    for C in dense.quasi_forms(psi, y, Z, lags, errors, cells):  # of two rows with one residual the sum
        diagonal = pd.Series(np.diag(C)).groupby(np.where(few, frame["id"], np.arange(len(frame)).astype(str))).sum()
        np.testing.assert_allclose(diagonal, 0, atol=1e-8)
    _, _, _, e, _, delta = dense.parts(psi, y, Z, lags, errors)
    np.testing.assert_allclose(fit.params.to_numpy()[:k], delta[:k], atol=1e-7)
    np.testing.assert_allclose(fit._solution.resid, e, atol=1e-6)
    V = dense.quasi_covariance(psi, y, Z, lags, errors, cells, frame["id"], k)
    np.testing.assert_allclose(fit.vcov, V, rtol=2e-4, atol=1e-7)
    assert fit.df_resid == N - 1


@pytest.mark.parametrize("model", ["sar", "sem", "gns"])
def test_one_period_has_one_row_for_each_unit(data, model, monkeypatch):
    """The forms of rows are those of units there, two ways of computing the same."""
    frame = data[0]["whole"]
    frame, w = frame[frame["t"] == 2].set_index("id"), data[1]["other" if model == "gns" else "two"]
    a = getattr(sp, model)("y ~ a", frame, w, method="aqs")
    monkeypatch.setattr(adjusted_several, "one_unknown_a_unit", lambda d: False)
    b = getattr(sp, model)("y ~ a", frame, w, method="aqs")
    np.testing.assert_allclose(a.params, b.params, atol=1e-9)
    np.testing.assert_allclose(a.vcov, b.vcov, rtol=1e-6, atol=1e-9)
    assert a.df_resid == b.df_resid == len(frame) - len(a._sample.names)


@pytest.mark.parametrize("effects", ["none", "time", "twoway"])
@pytest.mark.parametrize("method", ["reml", "aqs"])
@pytest.mark.parametrize(("model", "w", "frame"), [("sdm", "one", "whole"), ("sdem", "one", "whole"),
                                                   ("sdm", "moving", "gaps"), ("sdem", "moving", "gaps")])  # fmt: skip
def test_w_by_regressor_of_the_same_w_is_the_model_with_one(data, model, w, frame, effects, method):
    frame, w = data[0][frame], data[1][w]
    a, b = (getattr(sp, model)("y ~ a + b", frame, w, **KEYS, effects=effects, method=method, durbin=durbin)
            for durbin in ({"a": w, "b": w}, ["a", "b"]))  # fmt: skip
    np.testing.assert_allclose(a.params, b.params, atol=1e-8)
    np.testing.assert_allclose(a.vcov, b.vcov, rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(a.resid, b.resid, atol=1e-8)
    assert a.df_resid == b.df_resid


@pytest.mark.parametrize("method", ["reml", "aqs"])
def test_one_regime_is_the_model_without_regimes(data, method):
    frame = data[0]["whole"].assign(all="all")
    keys = {**KEYS, "method": method, "effects": "twoway"}
    a = sp.sdm("y ~ a + b", frame, data[1]["other"], **keys, regimes=sp.Regimes("all", rho=True))
    b = sp.sdm("y ~ a + b", frame, data[1]["other"], **keys)
    np.testing.assert_allclose(a.params, b.params, atol=1e-8)
    np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=1e-6)


def test_weights_of_one_are_no_weights(data):
    frame = data[0]["gaps"].assign(ones=3.0)
    for model, effects in (("sdm", "twoway"), ("sem", "twoway"), ("sac", "entity")):
        keys = {**KEYS, "effects": effects, "method": "reml"}
        a, b = (getattr(sp, model)("y ~ a + b", frame, data[1]["moving"], **keys, obs_weights=weights)
                for weights in ("ones", None))  # fmt: skip
        np.testing.assert_allclose(a.params, b.params, atol=1e-7)
        np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=1e-5)
        assert a.sigma2 == pytest.approx(3 * b.sigma2)


@pytest.mark.parametrize(("seed", "weights"), [(31, None), (10, "people"), (37, "people"), (39, "people")])
def test_steps_do_not_pass_the_root_of_a_restricted_error(seed, weights):
    """To the end of the interval, where B D of period dummies is singular and the score has any sign."""
    frame, w = drawn(seed, gaps=0.12)
    frame["people"] = np.random.default_rng(seed).uniform(0.5, 2, len(frame))
    fit = sp.sem("y ~ a + b", frame, w, **KEYS, effects="twoway", method="reml", obs_weights=weights)
    root = None if weights is None else np.sqrt(frame["people"].to_numpy())
    y, Z, _, lags, errors = system(fit, frame, w, "twoway", root)
    assert dense.restricted_scores(np.array([fit.lam]), y, Z, lags, errors)[0] == pytest.approx(0, abs=1e-4)


CONSEQUENCES = {
    "two W": ("sdm", "two", {}), "W by regressor": ("sdm", "one", {"durbin": "other"}), "gns": ("gns", "other", {}),
    "regimes": ("sdm", "other", {"regimes": sp.Regimes("region", rho=True)}),
    "weights": ("sdm", "other", {"obs_weights": "people"}),
}  # fmt: skip


FOLLOW = [*((case, "reml") for case in CONSEQUENCES), *((case, "aqs") for case in CONSEQUENCES if case != "weights")]


@pytest.mark.parametrize(("case", "method"), FOLLOW)
def test_what_follows_from_an_estimate(data, case, method):
    """Predictions are y less residuals that sum to zero, effects those of the parameters; the covariance is its own."""
    model, w, options = CONSEQUENCES[case]
    if "durbin" in options:
        options = {"durbin": {"a": data[1]["other"]}}
    frame = data[0]["whole"]
    fits = [getattr(sp, model)("y ~ a + b", frame, data[1][w], **KEYS, effects="twoway", method=m, **options)
            for m in (method, "ml")]  # fmt: skip
    fit, ml = fits
    assert fit.predict().to_numpy() == pytest.approx(ml.predict().to_numpy(), abs=0.5)
    for how in ("quadrature", "delta"):
        table = fit.effects(method=how).tidy()
        assert table["estimate"].to_numpy() == pytest.approx(ml.effects(method=how).tidy()["estimate"], abs=1.0)
        assert (table["conf_low"] < table["estimate"]).all()
        assert (table["estimate"] < table["conf_high"]).all()
    assert {"reml": "restricted", "aqs": "quasi-scores"}[method] in str(fit.summary())
    assert np.isnan(fit.loglik)
    for refused in (lambda: fit.with_vcov("robust"), lambda: sp.refit(fit, y=fit._design.y[None]),
                    lambda: sp.lr_test(fit, fit)):  # fmt: skip
        with pytest.raises(sp.SpatialInputError, match=r"E501|E525|E540"):
            refused()


@pytest.mark.parametrize(("model", "w", "options", "match"), [
    ("slx", "two", {}, "least squares"), ("sdm", "two", {"effects": "random"}, "random"),
    ("sdm", "two", {"correction": False}, "correction"),
    ("sdm", "other", {"regimes": sp.Regimes("region", rho=True, sigma2=True)}, "one variance"),
    ("sdm", "other", {"obs_weights": sp.Sampling("people")}, "sampling weights"),
    ("gns", "other", {"effects": "random"}, "random"),
    ("sdm", "other", {"regimes": sp.Regimes("region", rho=True, sigma2=True), "method": "aqs"}, "any variances"),
    ("sdm", "two", {"obs_weights": "people", "method": "aqs"}, "aqs")])  # fmt: skip
def test_refused(data, model, w, options, match):
    with pytest.raises(sp.SpatialInputError, match=match):
        getattr(sp, model)("y ~ a + b", data[0]["whole"], data[1][w], **{**KEYS, "method": "reml", **options})
