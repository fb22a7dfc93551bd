"""Predictions with several W and by regime: of new units, beside an offset; laws and dense matrices."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL
from ..models.test_regimes import drawn as drawn_by_regime
from ..models.test_several import drawn

KINDS = ("BP", "TC", "TS1", "trend")


@pytest.fixture(scope="module")
def places():
    """60 units of two regimes and W among all of them, and among the first 54."""
    rng = np.random.default_rng(4)
    points = rng.random((60, 2))
    frame, *_ = drawn(2, n=60)
    frame = frame.set_index("id").assign(region=np.where(np.arange(60) % 2, "east", "west"))
    ids = frame.index

    def near(k, kept):
        D = np.linalg.norm(points[:kept, None] - points[:kept], axis=2) + np.diag(np.full(kept, np.inf))
        W = np.zeros((kept, kept))
        W[np.arange(kept)[:, None], np.argsort(D, axis=1)[:, :k]] = 1 / k
        return wt.from_dense(W, ids[:kept])

    return frame, [near(4, 54), near(9, 54)], [near(4, 60), near(9, 60)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", ["sdm", "gns", "slx"])
def test_one_w_and_one_regime_predict_new_units_as_the_plain_model(places, model, kind):
    frame, (w, _), (all_w, _) = places
    old, new = frame.iloc[:54], frame.iloc[54:]
    plain = getattr(sp, model)("y ~ a + b", old, w).predict(new, all_w, kind=kind)
    several = getattr(sp, model)("y ~ a + b", old, w, durbin={"a": w, "b": w}).predict(new, [all_w], kind=kind)
    regimes = sp.Regimes("region", sigma2=True)
    one = getattr(sp, model)("y ~ a + b", old.assign(region="all"), w, regimes=regimes)
    pd.testing.assert_series_equal(several, plain, rtol=1e-7)
    pd.testing.assert_series_equal(one.predict(new.assign(region="all"), all_w, kind=kind), plain, rtol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_new_units_of_two_w_by_dense_matrices(places, kind):
    """Rows of the new units and W in another order."""
    frame, weights, everywhere = places
    fit = sp.gns("y ~ a + b", frame.iloc[:54], weights)
    V, W = (w.csr.toarray() for w in everywhere)
    X, p, eye = frame[["a", "b"]].to_numpy(), fit.params, np.eye(60)
    trend = p["Intercept"] + X @ p[["a", "b"]].to_numpy()
    trend = trend + V @ X @ p[["W_1:a", "W_1:b"]].to_numpy() + W @ X @ p[["W_2:a", "W_2:b"]].to_numpy()
    A = eye - p["rho_1"] * V - p["rho_2"] * W
    B = eye - p["lambda_1"] * V - p["lambda_2"] * W
    want = by_hand(A, B, np.ones(60), trend, frame["y"].to_numpy(), kind)
    moved = [w.subset(w.ids[::-1]) for w in everywhere]
    got = fit.predict(frame.iloc[54:].sample(frac=1, random_state=1), moved, kind=kind)
    assert got[frame.index[54:]].to_numpy() == pytest.approx(want, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("terms", [None, ["a"]])
def test_new_units_of_regimes_by_dense_matrices(places, kind, terms):
    frame, (w, _), (all_w, _) = places
    regimes = sp.Regimes("region", terms=terms, rho=True, lam=True, sigma2=True)
    fit = sp.gns("y ~ a + b", frame.iloc[:54], w, regimes=regimes)
    W, X, p, east = all_w.csr.toarray(), frame[["a", "b"]].to_numpy(), fit.params, frame["region"].to_numpy() == "east"

    def of(name):
        return np.where(east, p[f"east: {name}"], p[f"west: {name}"]) if f"east: {name}" in p else p[name]

    trend = of("Intercept") + of("a") * X[:, 0] + of("b") * X[:, 1]
    trend = trend + of("W:a") * (W @ X[:, 0]) + of("W:b") * (W @ X[:, 1])
    A, B = np.eye(60) - of("rho")[:, None] * W, np.eye(60) - of("lambda")[:, None] * W
    sd = np.sqrt(np.where(east, fit.sigma2s["east"], fit.sigma2s["west"]))
    want = by_hand(A, B, sd, trend, frame["y"].to_numpy(), kind)
    assert fit.predict(frame.iloc[54:], all_w, kind=kind).to_numpy() == pytest.approx(want, abs=1e-8)


def by_hand(A, B, sd, trend, y, kind):
    """Of the last six of 60 units."""
    old, new = slice(None, 54), slice(54, None)
    TC, C, D = np.linalg.solve(A, trend), np.eye(60) - A, np.eye(60) - B
    if kind == "TS1":
        u = A[old, old] @ y[old] - trend[old]
        return trend[new] + C[new, old] @ y[old] + D[new, old] @ u
    if kind != "BP":
        return {"TC": TC, "trend": trend}[kind][new]
    V = np.linalg.inv(A) @ np.linalg.inv(B) @ np.diag(sd**2) @ np.linalg.inv(B).T @ np.linalg.inv(A).T
    return TC[new] + V[new, old] @ np.linalg.solve(V[old, old], y[old] - TC[old])


def test_new_units_that_cannot_be_predicted(places):
    frame, weights, everywhere = places
    old, new = frame.iloc[:54], frame.iloc[54:]
    fit = sp.sdm("y ~ a + b", old, weights)
    for data, w in ((new, everywhere[0]), (new, None), (None, everywhere)):
        with pytest.raises(SpatialInputError, match="E501"):
            fit.predict(data, w)
    with pytest.raises(SpatialInputError, match="E101"):
        fit.predict(old, everywhere)
    own = sp.sdm("y ~ a + b", old, weights[0], durbin={"a": weights[1]})
    with pytest.raises(SpatialInputError, match=r"E501.*every W of the model"):
        own.predict(new, everywhere[0])
    split = sp.sar("y ~ a + b", old, weights[0], regimes="region")
    with pytest.raises(SpatialInputError, match=r"E502.*no regime 'north'"):
        split.predict(new.assign(region="north"), everywhere[0])
    panel, (w, v), *_ = drawn(2, n=30, T=4)
    with pytest.raises(SpatialInputError, match="E103"):
        sp.sar("y ~ a + b", panel, [w, v], **PANEL).predict(panel, [w, v])


@pytest.mark.parametrize("effects", [None, "entity", "twoway"])
@pytest.mark.parametrize("correction", [True, False])
@pytest.mark.parametrize("model", ["sdm", "sdem", "gns"])
def test_an_offset_is_outside_of_rho_as_in_the_plain_model(model, effects, correction):
    frame, w, *_ = drawn_by_regime(3, n=30, T=1 if effects is None else 4)
    keys = {"entity": "id"} | ({"time": "t", "effects": effects, "correction": correction} if effects else {})
    plain = getattr(sp, model)("y ~ a + b + offset(a)", frame, w, **keys)
    several = getattr(sp, model)("y ~ a + b + offset(a)", frame, w, durbin={"a": w, "b": w}, **keys)
    regimes = sp.Regimes("region", sigma2=True, rho=model != "sdem")
    one = getattr(sp, model)("y ~ a + b + offset(a)", frame.assign(region="all"), w, regimes=regimes, **keys)
    for fit in (several, one):
        assert fit.params.to_numpy() == pytest.approx(plain.params.to_numpy(), abs=1e-6)
        assert fit.loglik == pytest.approx(plain.loglik, abs=1e-7)
        for kind in ("TS", "TC", "BP", "trend"):
            got, want = fit.predict(kind=kind).to_numpy(), plain.predict(kind=kind).to_numpy()
            assert got == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize("effects", ["none", "twoway"])
def test_the_weight_of_a_unit_that_comes_later_is_that_of_its_own_periods(effects):
    """Units that are absent from the first period, one weight for each unit: one regime is the plain model."""
    frame, w, *_ = drawn_by_regime(3, n=30, T=4)
    place = frame["id"].astype("category").cat.codes
    frame = frame.assign(people=1.0 + place % 5, region="all").drop(index=[2, 7])
    keys = {"entity": "id", "time": "t", "effects": effects, "missing": "period", "obs_weights": "people"}
    plain = sp.sdm("y ~ a + b", frame, w, **keys).predict(kind="BP")
    one = sp.sdm("y ~ a + b", frame, w, regimes=sp.Regimes("region", sigma2=True), **keys).predict(kind="BP")
    assert len(one) == len(frame)
    assert one.to_numpy() == pytest.approx(plain.to_numpy(), abs=1e-5)
