"""W that varies, or is cut by gaps, whose rows do not sum to one; what is refused for gaps and for W that vary."""

import re

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt

from .test_estimators import PANEL
from .test_time_varying import nudged

N, T = 20, 5
PAST = {"lags": "y", "method": sp.ArellanoBond(depth=1, steps=1)}


@pytest.fixture(scope="module")
def drawn():
    """A panel, W with three light rows, and another W."""
    rng = np.random.default_rng(8)
    at = rng.uniform(size=(N, 2))
    nearest = np.argsort(np.linalg.norm(at[:, None] - at, axis=2), axis=1)
    A, B = np.zeros((2, N, N))
    for i, order in enumerate(nearest):
        A[i, order[1:5]], B[i, order[5:8]] = 1 / 4, 1 / 3
    A[:3] *= 0.3
    ids = [f"u{i:02d}" for i in range(N)]
    a, b = rng.normal(size=(2, T, N))
    y = np.stack([np.linalg.solve(np.eye(N) - 0.4 * A, a[t] - b[t] + t + rng.normal(size=N)) for t in range(T)])
    frame = pd.DataFrame({"id": ids * T, "t": np.repeat(range(T), N), "a": a.ravel(), "b": b.ravel(), "y": y.ravel()})
    frame["part"] = np.tile(np.arange(N) // 7, T)
    frame["half"] = np.where(np.tile(np.arange(N) < 9, T), "n", "s")
    frame["people"] = np.tile(rng.uniform(1, 2, size=N), T)
    return frame, pd.DataFrame(A, ids, ids), pd.DataFrame(B, ids, ids)


@pytest.mark.parametrize("effects", ["time", "twoway"])
@pytest.mark.parametrize("options", [{"vcov": "robust"}, {"vcov": sp.Cluster("part")}, {"method": "reml"}],
                         ids=["robust", "cluster", "reml"])  # fmt: skip
def test_copies_of_one_uneven_matrix_are_that_matrix(drawn, options, effects):
    frame, w, _ = drawn
    one, copies = (sp.sar("y ~ a + b", frame, matrix, **PANEL, effects=effects, **options)
                   for matrix in (wt.from_dense(w), nudged(w, range(T))))  # fmt: skip
    assert (one._design.varies, copies._design.varies) == (False, True)
    np.testing.assert_allclose(copies.params, one.params, atol=1e-7)
    np.testing.assert_allclose(copies.std_errors, one.std_errors, rtol=1e-6)


@pytest.mark.parametrize(("model", "transform", "predetermined"), [
    ("ols", "orthogonal", None), ("sar", "orthogonal", ["a"]), ("sar", "differences", None),
    ("slx", "differences", ["a"])])  # fmt: skip
def test_a_common_path_leaves_gmm_with_gaps_and_period_effects_as_it_is(drawn, model, transform, predetermined):
    frame, w, _ = drawn
    frame = frame.drop([22, 47, 63])
    path = 5 * np.random.default_rng(1).normal(size=T)[frame["t"]]
    settings = sp.ArellanoBond(transform, depth=1, predetermined=predetermined)
    plain, moved = (getattr(sp, model)("y ~ a + b", data, wt.from_dense(w).standardize("row"), **PANEL, lags="y",
                                       effects="twoway", missing="period", method=settings)
                    for data in (frame, frame.assign(y=frame["y"] + path, a=frame["a"] - 2 * path)))  # fmt: skip
    np.testing.assert_allclose(moved.params, plain.params, atol=1e-9)
    np.testing.assert_allclose(moved.std_errors, plain.std_errors, rtol=1e-8)


@pytest.mark.parametrize("effects", ["entity", "twoway"])
def test_categories_beside_effects_with_outcomes_that_are_not_observed(drawn, effects):
    """``a:C(half)`` is what two columns made by hand are; dummies that units' effects span are left out."""
    frame, w, _ = drawn
    frame = frame.assign(y=frame["y"].mask(frame.index.isin([4, 31, 66])), an=frame["a"] * (frame["half"] == "n"),
                         south=frame["a"] * (frame["half"] == "s"))  # fmt: skip
    options = {**PANEL, "effects": effects, "missing": "model"}
    split = sp.sar("y ~ a:C(half) + b + C(half)", frame, wt.from_dense(w), **options)
    by_hand = sp.sar("y ~ b + an + south", frame, wt.from_dense(w), **options)
    np.testing.assert_allclose(split.params, by_hand.params, atol=1e-8)
    np.testing.assert_allclose(split.std_errors, by_hand.std_errors, rtol=1e-6)


GAPS = {"missing": "period", "effects": "entity"}
REFUSED = {
    # name: (code, message, hint, whether with gaps, model, W, options)
    "additive, ols": ("E501", "OLS does not have", "leave correction", False, "ols", 1,
                      {"lags": "y", "correction": "additive"}),
    "additive, slx": ("E501", "SLX does not have", "leave correction", False, "slx", 1,
                      {"lags": "y", "correction": "additive", "effects": "time"}),
    "weighted moments": ("E501", "cluster", "method='ml'", True, "sem", 1,
                         {**GAPS, "method": "gmm", "obs_weights": "people", "vcov": "cluster"}),
    "expected information": ("E109", "3 of 100", "vcov='oim'", True, "sar", 1, {**GAPS, "vcov": "eim"}),
    "several by moments": ("E109", "3 of 100", "method='ml' takes gaps", True, "sar", 2, {**GAPS, "method": "gmm"}),
    "several and weights": ("E540", "a panel with gaps", "missing='drop'", True, "sar", 2,
                            {**GAPS, "obs_weights": "people"}),
    "groups, past": ("E501", "not vcov=Cluster$", "leave vcov", False, "sar", 1, {**PAST, "vcov": sp.Cluster("part")}),
    "groups, reml": ("E501", "not vcov=Cluster$", "leave vcov", False, "sar", 1,
                     {"method": "reml", "vcov": sp.Cluster("part")}),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(drawn, name):
    frame, *matrices = drawn
    code, message, hint, gaps, model, count, options = REFUSED[name]
    w = [wt.from_dense(one).standardize("row") for one in matrices[:count]]
    with pytest.raises(sp.SpatialInputError, match=hint) as caught:
        getattr(sp, model)("y ~ a + b", frame.drop([22, 47, 63]) if gaps else frame, w if count > 1 else w[0],
                           **PANEL, **options)  # fmt: skip
    assert caught.value.code == code
    assert re.search(message, str(caught.value).splitlines()[0])


@pytest.mark.parametrize(("model", "settings", "options", "end"), [
    ("sar", {"depth": 1}, {}, "the past of y, 1 period (collapsed), regressors and their spatial lags"),
    ("ols", {}, {}, "the past of y, 2 periods (collapsed), regressors"),
    ("sar", {"depth": None, "predetermined": ["b"]}, {"endog": ["a"], "instruments": ["people"]},
     "the past of y, b, all periods (collapsed), exogenous regressors, people and their spatial lags")])  # fmt: skip
def test_words_for_instruments(model, settings, options, end, drawn):
    frame, w, _ = drawn
    frame = frame.assign(people=frame["people"] + frame["a"])
    fit = getattr(sp, model)("y ~ a + b", frame, wt.from_dense(w).standardize("row"), **PANEL, effects="entity",
                             lags="y", method=sp.ArellanoBond(**settings), **options)  # fmt: skip
    assert fit._design.notes[-1].endswith(end)


def test_depth_is_a_number():
    with pytest.raises(sp.SpatialInputError, match="E501"):
        sp.ArellanoBond(depth=True)
