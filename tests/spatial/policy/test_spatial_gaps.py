"""Spatial difference-in-differences where units come and go, or W moves: dense twins with one W for each period."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.policy import delete_unit
from spillover.errors import SpatialInputError

from ..designs import nearest
from . import naive
from .test_spatial_did import KEYS, policy_panel

GAPS = {"missing": "period", "treatment": "d", **KEYS}


def gappy(seed=5, N=18, rho=0.0, share=0.15, T=6):
    """Data without some rows, and by period the W of the units that are there, rows summing to one again."""
    rng = np.random.default_rng(seed)
    W = nearest(rng, N, 4)
    data, D, _ = policy_panel(rng, W, rho=rho, T=T)
    data = data.assign(x=rng.standard_normal(len(data))).sort_values(["t", "i"])
    there = rng.uniform(size=(T, N)) > share
    there[2], there[3] = True, True
    each = []
    for t in range(T):
        cut = W * np.outer(there[t], there[t])
        sums = cut.sum(axis=1, keepdims=True)
        each.append(cut / np.where(sums > 0, sums, 1.0))
    return data[there.ravel()].sample(frac=1, random_state=1), np.array(each), there, D, W


def columns(data, each, there, names):
    """y, W y and regressors with every effect a column, of the rows that are there, and their units."""
    T, N = there.shape
    full = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
    sheets = data.set_index(["t", "i"]).reindex(full).fillna(0.0)

    def lag(name):
        values = sheets[name].to_numpy().reshape(T, N)
        return np.stack([W @ v for W, v in zip(each, values)]).ravel()

    Z = [lag(n.removeprefix("W:")) if n.startswith("W:") else sheets[n].to_numpy() for n in names]
    Z = np.column_stack([*Z, naive.dummies(T, N, np.zeros(N))])
    rows = there.ravel()
    return sheets["y"].to_numpy()[rows], lag("y")[rows], Z[rows], np.tile(np.arange(N), T)[rows]


def test_effects_of_slx_are_its_delete_one_refits():
    data, each, there, D, W = gappy()
    w = wt.from_dense(W, ids=list(range(18)))
    result = sp.spatial_did("y ~ d + x", data, w, model="slx", path=False, **GAPS)
    names = ["d", "x", "W:d", "W:x"]
    y, _, Z, unit = columns(data, each, there, names)
    treated = (D == 1) & there
    exposure = np.stack([W_t @ d for W_t, d in zip(each, D * there)])
    neighbors = (D == 0) & there & (exposure > 0) & treated.any(axis=1, keepdims=True)
    picks = {"direct on the treated": [1, 0, 0, 0], "indirect on the treated": [0, 0, exposure[treated].mean(), 0],
             "total on the treated": [1, 0, exposure[treated].mean(), 0],
             "indirect on untreated neighbors": [0, 0, exposure[neighbors].mean(), 0]}  # fmt: skip
    N, table = 18, result.table.set_index("term")
    assert table["n"].tolist() == [treated.sum()] * 3 + [neighbors.sum()]

    def weights(gone, pick):
        rows, out = unit != gone, np.zeros(len(y))
        out[rows] = np.array(pick) @ np.linalg.pinv(Z[rows])[:4]
        return out

    for name, pick in picks.items():
        v, without = weights(-1, pick), [weights(i, pick) for i in range(N)]
        error, _, df = naive.jackknife(y, np.ones(len(y)), v, without, np.full(N, (N - 1) / N))
        row = table.loc[name]
        np.testing.assert_allclose([row["estimate"], row["std_error"], row["df"]], [v @ y, error, df], rtol=1e-6)


@pytest.mark.parametrize("model", ["sdm", "sar"])
def test_coefficients_without_a_unit_at_its_rho(model):
    data, each, there, D, W = gappy(rho=0.4)
    w = wt.from_dense(W, ids=list(range(18)))
    result = sp.spatial_did("y ~ d + x", data, w, model=model, **GAPS)
    fit, lost = result.fit, delete_unit.deleted(result.fit)
    y, Wy, Z, unit = columns(data, each, there, lost.names)
    b = np.linalg.lstsq(Z, y - fit.rho * Wy, rcond=None)[0]
    np.testing.assert_allclose(fit.params[lost.names], b[: len(lost.names)], rtol=1e-6)
    for i in (0, 7, 17):
        rows = unit != i
        b = np.linalg.lstsq(Z[rows], (y - lost.rho[i] * Wy)[rows], rcond=None)[0]
        np.testing.assert_allclose(lost.coefficients[i], b[: len(lost.names)], rtol=1e-6, atol=1e-9)
    assert 0 < np.abs(lost.rho - fit.rho).max() < 0.25
    # Averages by one dense inverse for each period.
    beta, theta = fit.params["d"], fit.params.get("W:d", 0.0)
    S = [np.linalg.inv(np.eye(18) - fit.rho * W_t) @ (beta * np.eye(18) + theta * W_t) for W_t in each]
    treated = (D == 1) & there
    total = np.stack([S_t @ d for S_t, d in zip(S, D * there)])
    direct = np.stack([np.diag(S_t) for S_t in S])
    np.testing.assert_allclose(result.table["estimate"][:3],
                               [direct[treated].mean(), (total - direct)[treated].mean(), total[treated].mean()],
                               rtol=1e-8)  # fmt: skip
    # The path: all units at k, over the unit-periods that are there.
    path, period = result.path_fit, result.path[~result.path["reference"]]
    for k in (0, 1):
        name = f"since_p{k}"
        beta, theta = path.params[name], path.params.get(f"W:{name}", 0.0)
        S = [np.linalg.inv(np.eye(18) - path.rho * W_t) @ (beta * np.eye(18) + theta * W_t) for W_t in each]
        one = np.mean([S_t[i, i] for S_t, at in zip(S, there) for i in np.flatnonzero(at)])
        all_ = np.mean([S_t[i][at].sum() for S_t, at in zip(S, there) for i in np.flatnonzero(at)])
        got = period[period["period"] == k].set_index("effect")["estimate"]
        np.testing.assert_allclose([got["direct"], got["indirect"]], [one, all_ - one], rtol=1e-8)


def test_nothing_missing_changes_nothing():
    data, *_, W = gappy(share=-1.0, rho=0.3)
    w = wt.from_dense(W, ids=list(range(18)))
    for vcov in ("jackknife", "robust"):
        one, other = (sp.spatial_did("y ~ d + x", data, w, vcov=vcov, **{**GAPS, "missing": missing})
                      for missing in ("period", "error"))  # fmt: skip
        pd.testing.assert_frame_equal(one.table, other.table)
        pd.testing.assert_frame_equal(one.path, other.path)


def test_w_that_moves_is_that_of_each_period():
    """The same network to the eye: a W of the last period with other links moves what responds there."""
    data, *_, D, W = gappy(share=-1.0, rho=0.3)
    ids = list(range(18))
    other = nearest(np.random.default_rng(8), 18, 4)
    moving = wt.temporal({t: wt.from_dense(W if t < 5 else other, ids=ids) for t in range(6)})
    result = sp.spatial_did("y ~ d", data, moving, path=False, **KEYS)
    fit = result.fit
    b, th = fit.params["d"], fit.params["W:d"]
    S = [np.linalg.inv(np.eye(18) - fit.rho * w) @ (b * np.eye(18) + th * w) for w in [W] * 5 + [other]]
    total = np.stack([S_t @ d for S_t, d in zip(S, D)])
    assert result.table["estimate"][2] == pytest.approx(total[D == 1].mean(), rel=1e-8)
    assert result.table["std_error"][2] > 0


def test_tests_before_adoption_use_what_is_there():
    data, _, there, D, W = gappy(T=8, N=18)
    w = wt.from_dense(W, ids=list(range(18)))
    result = sp.spatial_did("y ~ d", data, w, model="slx", **GAPS)
    problem = result.pretrends.problem
    np.testing.assert_array_equal(problem.mass, there.T)
    fixed = result.pretrends.slope
    moved = data.assign(y=data["y"] + np.where(data["i"].isin(np.flatnonzero(D.any(axis=0))), data["t"], 0) * 2.0)
    drifting = sp.spatial_did("y ~ d", moved, w, model="slx", **GAPS).pretrends.slope
    assert drifting.estimate == pytest.approx(fixed.estimate + 2.0)


def test_a_spatial_error_with_gaps_takes_clusters():
    data, *_, W = gappy(N=20)
    w = wt.from_dense(W, ids=list(range(20)))
    with pytest.raises(SpatialInputError, match="same W in all periods") as error:
        sp.spatial_did("y ~ d", data, w, model="sdem", **GAPS)
    assert error.value.code == "E533"
    result = sp.spatial_did("y ~ d", data, w, model="sdem", vcov="cluster", path=False, **GAPS)
    assert np.isfinite(result.table["std_error"]).all()


def test_a_law_that_began_in_a_gap_is_named():
    data, *_, D, W = gappy(share=-1.0)
    i = int(np.flatnonzero(D.any(axis=0))[0])
    start = int(D[:, i].argmax())
    data = data[~((data["i"] == i) & (data["t"] == start))]
    result = sp.spatial_did("y ~ d", data, wt.from_dense(W, ids=list(range(18))), model="slx", path=False, **GAPS)
    assert f"d began in a gap, and is taken to begin where it is observed first: {i}" in result.notes
