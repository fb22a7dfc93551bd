"""Spatial difference-in-differences: dense twins, TWFE where nobody is exposed, known effects, bad input."""


from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.policy.imputation import overall
from spillover.errors import SpatialInputError

from ..designs import band, nearest

KEYS = {"entity": "i", "time": "t"}


def long(**arrays):
    """(T, N) arrays as a frame with units i and periods t."""
    T, N = next(iter(arrays.values())).shape
    keys = {"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N)}
    return pd.DataFrame({**{name: values.ravel() for name, values in arrays.items()}, **keys})


def policy_panel(rng, W, T=6, start=3, rho=0.0, beta=1.0, theta=0.3, noise=1.0):
    """Half of the units treated from one period on; y follows the spatial Durbin model in D."""
    N = len(W)
    treated = np.zeros(N)
    treated[rng.permutation(N)[: N // 2]] = 1
    D = np.outer(np.arange(T) >= start, treated).astype(float)
    A = np.linalg.inv(np.eye(N) - rho * W)
    mean = D @ (beta * np.eye(N) + theta * W).T
    y = (mean + rng.standard_normal(N) + rng.standard_normal((T, 1)) + noise * rng.standard_normal((T, N))) @ A.T
    data = long(y=y, d=D)
    return data.sample(frac=1, random_state=1), D, A @ (beta * np.eye(N) + theta * W)


def estimands(S, D, W):
    """The averages of the module's head, unit-period by unit-period."""
    T, N = D.shape
    result = {"direct": [], "indirect": [], "neighbors": []}
    for t in range(T):
        for i in range(N):
            others = sum(S[i, j] * D[t, j] for j in range(N) if j != i)
            if D[t, i]:
                result["direct"].append(S[i, i])
                result["indirect"].append(others)
            elif (W[i] @ D[t]) > 0:
                result["neighbors"].append(others)
    direct, indirect, neighbors = (np.mean(v) for v in result.values())
    return [direct, indirect, direct + indirect, neighbors]


@pytest.mark.parametrize("model", ["sdm", "slx", "sar", "sdem"])
def test_averages_are_those_of_the_dense_matrix(model):
    rng = np.random.default_rng(2)
    W = nearest(rng, 20, 3)
    data, D, _ = policy_panel(rng, W, rho=0.4)
    result = sp.spatial_did("y ~ d", data, pd.DataFrame(W), model=model, **KEYS)
    fit = result.fit
    b, th = fit.params["d"], fit.params.get("W:d", 0.0)
    S = np.linalg.inv(np.eye(20) - fit.rho * W) @ (b * np.eye(20) + th * W)
    np.testing.assert_allclose(result.table["estimate"], estimands(S, D, W), rtol=1e-9)
    assert (result.table["conf_low"] <= result.table["estimate"]).all()
    assert (result.path["reference"].sum(), len(result.path)) == (2, 12)
    assert result.pretrends.joint.df[0] == (2 if model == "sar" else 4)
    assert result.pretrends.leads == (-2, -1)


def test_averages_at_every_node_are_those_of_the_dense_matrix():
    """The curves over rho, interpolated, against an inverse at every node."""
    from spatial.policy.respond import averages

    rng = np.random.default_rng(3)
    W = nearest(rng, 15, 3)
    data, D, _ = policy_panel(rng, W, rho=0.5)
    fit = replace(sp.sdm("y ~ d", data, pd.DataFrame(W), **KEYS), df_resid=None)
    law, _ = averages(fit, "d", [fit._design.weights], [D.T], lambda r: r[0].sum(axis=1), 0.95)
    names, V = ["d", "W:d"], fit.vcov
    g = V.loc[names, "rho"] / V.loc["rho", "rho"]
    C = V.loc[names, names] - np.outer(g, V.loc["rho", names])
    for mean, sd, r in zip(law.mixture.means, law.mixture.sds, law.conditional.points[:, 0]):
        A_inverse = np.linalg.inv(np.eye(15) - r * W)
        M = np.column_stack([A_inverse @ D.sum(axis=0), A_inverse @ W @ D.sum(axis=0)])
        np.testing.assert_allclose(mean, M @ (fit.params[names] + g * (r - fit.rho)), rtol=1e-6, atol=1e-5)
        np.testing.assert_allclose(sd, np.sqrt(np.diag(M @ C @ M.T)), rtol=1e-5)


def test_without_exposure_it_is_two_way_fixed_effects():
    """All treated units are islands: W d is left out, said so, and the rest is linearmodels' PanelOLS."""
    PanelOLS = pytest.importorskip("linearmodels.panel").PanelOLS
    rng = np.random.default_rng(5)
    W = np.zeros((30, 30))
    W[15:, 15:] = nearest(rng, 15, 3)
    D = np.outer(np.arange(6) >= 3, np.arange(30) < 12).astype(float)
    y = rng.standard_normal(30) + rng.standard_normal((6, 1)) + D + rng.standard_normal((6, 30))
    data = long(y=y, d=D)
    with pytest.warns(sp.SpatialInputWarning, match="treated without neighbors"):
        result = sp.spatial_did("y ~ d", data, pd.DataFrame(W), model="slx", **KEYS)
    assert "W:d is zero and was left out" in str(result)
    indexed = data.set_index(["i", "t"])
    peer = PanelOLS(indexed["y"], indexed[["d"]], entity_effects=True, time_effects=True).fit()
    estimates = result.table["estimate"].to_numpy()
    np.testing.assert_allclose(estimates[:3], [peer.params["d"], 0, peer.params["d"]], atol=1e-9)
    assert np.isnan(estimates[3])
    assert sp.did("y ~ d", data, method="twfe", **KEYS).att == pytest.approx(estimates[0], abs=1e-10)


@pytest.mark.parametrize("treated", [0, 1])
def test_none_or_all_treated_are_named(treated):
    rng = np.random.default_rng(5)
    W = nearest(rng, 12, 3)
    data, *_ = policy_panel(rng, W)
    for call in (sp.spatial_did, sp.ring_did):
        w = pd.DataFrame(W) if call is sp.spatial_did else {"near": pd.DataFrame(W)}
        with pytest.raises(SpatialInputError) as caught:
            call("y ~ d", data.assign(d=float(treated)), w, **KEYS)
        assert (caught.value.code, caught.value.column) == ("E233", "d")


@pytest.mark.parametrize("method", ["imputation", "twfe"])
def test_rings_recover_known_effects_where_naive_estimates_do_not(method):
    """No noise: 2 on the treated, .5 in the first ring, .2 in the second, nothing beyond."""
    rng, N, T = np.random.default_rng(8), 30, 6
    place = np.arange(N)
    gap = np.abs(place[:, None] - place[None])
    treated = np.isin(place, [3, 4, 20, 21])
    distance = np.where(treated[None], gap, 99).min(axis=1)
    after = np.arange(T)[:, None] >= 3
    effect = np.select([distance == 0, distance == 1, distance <= 3], [2.0, 0.5, 0.2], 0.0)
    y = rng.standard_normal(N) + rng.standard_normal((T, 1)) + after * effect
    data = long(y=y, d=(after * treated).astype(float))
    rings = {"1": pd.DataFrame((gap == 1) * 1.0), "to 3": pd.DataFrame(((gap > 0) & (gap <= 3)) * 1.0)}
    result = sp.ring_did("y ~ d", data.sample(frac=1, random_state=0), rings, method=method, **KEYS)
    naive = sp.did("y ~ d", data, method="twfe", **KEYS)
    np.testing.assert_allclose(result.table["estimate"], [2, 0.5, 0.2], atol=1e-10)
    spoiled = 2 - effect[~treated].mean()  # Butts (2021), proposition 1: less the mean effect on the comparison
    assert naive.att == pytest.approx(spoiled, abs=1e-10)
    assert "untreated, to 3" in str(result)
    with pytest.raises(SpatialInputError) as caught:
        sp.ring_did("y ~ d", data, {**rings, "again": rings["1"]}, method=method, **KEYS)
    assert caught.value.code == "E237"


def test_options_are_checked():
    rng = np.random.default_rng(5)
    W = nearest(rng, 12, 3)
    data, *_ = policy_panel(rng, W)
    w = pd.DataFrame(W)
    with pytest.raises(SpatialInputError, match="model='gns'"):
        sp.spatial_did("y ~ d", data, w, model="gns", **KEYS)
    with pytest.raises(SpatialInputError, match="no regressor"):
        sp.spatial_did("y ~ d", data, w, treatment="t", **KEYS)
    with pytest.raises(SpatialInputError, match="mapping"):
        sp.ring_did("y ~ d", data, w, **KEYS)
    dose = sp.spatial_did("y ~ d", data.assign(d=data["d"] / 2), w, **KEYS)
    assert dose.path is None
    with pytest.raises(SpatialInputError, match="no period before adoption"):
        _ = dose.pretrends


@pytest.mark.slow
@pytest.mark.parametrize(("model", "rho"), [("slx", 0.0), ("sdm", 0.4)])
def test_certify_spatial_did(model, rho, capsys):
    """C11: N = 100, T = 6, half treated. Size of the test for spillovers, coverage of every average, bias of TWFE."""
    rng, R = np.random.default_rng(11), 500
    W = nearest(rng, 100, 4)
    w = pd.DataFrame(W)
    inside, naive, rejected = np.zeros(4), [], 0
    for _ in range(R):
        data, D, S = policy_panel(rng, W, rho=rho)
        table = sp.spatial_did("y ~ d", data, w, model=model, path=False, vcov="oim", **KEYS).table
        truth = np.array(estimands_fast(S, D, W))
        inside += (table["conf_low"] <= truth) & (truth <= table["conf_high"])
        if rho == 0:
            naive.append(sp.did("y ~ d", data, method="twfe", **KEYS).att - truth[2])
            null, *_ = policy_panel(rng, W, theta=0.0)
            fit = sp.spatial_did("y ~ d", null, w, model=model, path=False, **KEYS).fit
            rejected += fit.pvalues["W:d"] < 0.05
    with capsys.disabled():
        print(f"\n{model} rho={rho}: coverage {np.round(inside / R, 3).tolist()}, size {rejected / R:.3f}, "
              f"bias of naive TWFE {np.mean(naive) if naive else np.nan:+.3f}")  # fmt: skip
    low, high = band(0.95, R)
    assert ((low <= inside / R) & (inside / R <= high)).all()
    if rho == 0:
        assert 0.025 <= rejected / R <= 0.08
        assert np.mean(naive) == pytest.approx(-0.3 * 0.5, abs=0.03)  # theta times the mean exposure of the comparison


def estimands_fast(S, D, W):
    own, policy = S.diagonal() * D, D @ S.T
    exposed = (D == 0) & (D @ W.T > 0)
    direct, total = own[D == 1].mean(), policy[D == 1].mean()
    return [direct, total - direct, total, policy[exposed].mean()]


def ring_panel(seed, N=24, T=9):
    """Units on a line, adopters far apart, effects that grow with time at home and next door."""
    rng = np.random.default_rng(seed)
    gap = abs(np.arange(N)[:, None] - np.arange(N))
    near = gap == 1
    first = np.full(N, T)
    first[[3, 4, 11, 18]] = [4, 6, 5, 4]
    D = (np.arange(T)[:, None] >= first) * 1.0
    ring = ((D @ near) > 0) * (1 - D)
    x = rng.standard_normal((T, N))
    y = rng.standard_normal(N) + rng.standard_normal((T, 1)) + 0.7 * x + 2 * D + 0.5 * ring
    y = y + rng.standard_normal((T, N))
    frame = pd.DataFrame({"id": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), "y": y.ravel(),
                          "d": D.ravel(), "x": x.ravel()})  # fmt: skip
    return frame, pd.DataFrame(near * 1.0), D, ring, y, x


@pytest.mark.parametrize("seed", [1, 2])
def test_paths_of_rings_are_what_clean_observations_leave(seed):
    """By hand: dummies and x on untouched observations; residuals averaged by the clock of each; before it, leads."""
    frame, near, D, ring, y, x = ring_panel(seed)
    T, N = D.shape
    result = sp.ring_did("y ~ d + x", frame, {"next": near}, **{**KEYS, "entity": "id", "time": "t"})
    touched = np.maximum(D, ring)

    def clock(status):
        start = np.where(status.any(axis=0), status.argmax(axis=0), T)
        return np.where(start < T, np.arange(T)[:, None] - start, np.nan)

    def dummies(extra):
        unit, period = np.tile(np.eye(N), (T, 1)), np.repeat(np.eye(T), N, axis=0)[:, 1:]
        return np.column_stack([unit, period, x.ravel(), *(lead.ravel() for lead in extra)])

    clean = touched.ravel() == 0
    Z = dummies(())
    left = (y.ravel() - Z @ np.linalg.lstsq(Z[clean], y.ravel()[clean], rcond=None)[0]).reshape(T, N)
    path = result.path.set_index(["effect", "period"])["estimate"]
    for name, part, since in (("treated", D, clock(D)), ("untreated, next", ring, clock(touched))):
        for k in np.unique(since[part > 0]):
            assert path[name, k] == pytest.approx(left[(part > 0) & (since == k)].mean(), rel=1e-8), (name, k)
        start = np.where(touched.any(axis=0), touched.argmax(axis=0), 0)
        first = touched.any(axis=0) & (part[start, np.arange(N)] > 0)
        own = np.where(first, clock(touched), np.nan)
        leads = [k for k in path[name].index if k < 0]
        X = dummies([own == k for k in leads])
        beta = np.linalg.lstsq(X[clean], y.ravel()[clean], rcond=None)[0]
        np.testing.assert_allclose(path[name].loc[leads], beta[-len(leads) :], rtol=1e-7)
    assert result.path_vcov.shape == (len(result.path),) * 2
    errors = result.path["std_error"].to_numpy()
    there = np.isfinite(errors)
    np.testing.assert_allclose(np.sqrt(np.diag(result.path_vcov))[there], errors[there], rtol=1e-8)
    assert result.plot() is not None
    assert "since a treated unit came near" in str(result)


def test_window_of_ring_paths():
    frame, near, *_ = ring_panel(3)
    keys = {**KEYS, "entity": "id", "time": "t"}
    short = sp.ring_did("y ~ d", frame, {"next": near}, window=(-2, 1), **keys)
    whole = sp.ring_did("y ~ d", frame, {"next": near}, **keys)
    assert set(short.path["period"]) == {-2, -1, 0, 1}
    later = short.path["period"] >= 0
    same = whole.path.merge(short.path[later], on=["effect", "period"], suffixes=("", "_short"))
    np.testing.assert_allclose(same["estimate"], same["estimate_short"])
    pd.testing.assert_frame_equal(short.table, whole.table)
    assert sp.ring_did("y ~ d", frame, {"next": near}, method="twfe", **keys).path is None


@pytest.mark.parametrize("seed", [1, 2])
def test_gaps_are_left_out(seed):
    """By hand on the rows that are there; a unit that is absent stays as near to others as it was."""
    frame, near, D, _, y, x = ring_panel(seed)
    T, N = D.shape
    rng = np.random.default_rng(seed)
    gone = rng.uniform(size=(T, N)) < 0.12
    gone[0] = False
    rows = frame[~gone.ravel()]
    keys = {**KEYS, "entity": "id", "time": "t", "missing": "period"}
    with pytest.raises(SpatialInputError):
        sp.did("y ~ d + x", rows, treatment="d", entity="id", time="t")
    result = sp.ring_did("y ~ d + x", rows, {"next": near}, treatment="d", **keys)
    began = np.where(D.any(axis=0), D.argmax(axis=0), T)  # where it is observed first
    for i in np.flatnonzero(began < T):
        while gone[began[i], i]:
            began[i] += 1
    own = (np.arange(T)[:, None] >= began) * 1.0
    next_door = ((own @ near.to_numpy()) > 0) * (1 - own)
    there = ~gone
    clean = (there & (own == 0) & (next_door == 0)).ravel()
    Z = np.column_stack([np.tile(np.eye(N), (T, 1)), np.repeat(np.eye(T), N, axis=0)[:, 1:], x.ravel()])
    left = (y.ravel() - Z @ np.linalg.lstsq(Z[clean], y.ravel()[clean], rcond=None)[0]).reshape(T, N)
    want = [left[there & (part > 0)].mean() for part in (own, next_door)]
    np.testing.assert_allclose(result.table["estimate"], want, rtol=1e-8)
    assert "pairs are not observed" in str(result)
    for method in ("imputation", "twfe"):
        alone = sp.did("y ~ d + x", rows, treatment="d", method=method, **keys)
        tiny = frame.assign(mass=np.where(gone, 1e-11, 1.0).ravel(), d=own.ravel())
        weighted = sp.did("y ~ d + x", tiny, treatment="d", method=method, obs_weights="mass", entity="id", time="t")
        for column, digits in (("estimate", 1e-6), ("std_error", 1e-4)):
            np.testing.assert_allclose(alone.table[column], weighted.table[column], rtol=digits)


def test_units_that_are_seen_only_when_treated_are_refused():
    frame, *_ = ring_panel(3)
    rows = frame[(frame["id"] != 3) | (frame["d"] == 1)]
    with pytest.raises(SpatialInputError) as refused:
        sp.did("y ~ d", rows, entity="id", time="t", missing="period")
    assert (refused.value.code, refused.value.ids) == ("E232", [3])


def test_placebos_with_gaps_leave_out_units_that_are_seen_only_afterwards():
    """Dates moved back, and dates dealt anew: by hand on the rows that are there, without such units."""
    frame, _, D, _, y, _ = ring_panel(1)
    T, N = D.shape
    gone = np.zeros((T, N), dtype=bool)
    gone[:3, 3], gone[:6, 20] = True, True  # an adopter seen once before adoption, a unit seen late
    fit = sp.did("y ~ d", frame[~gone.ravel()], entity="id", time="t", missing="period")
    Z = np.column_stack([np.tile(np.eye(N), (T, 1)), np.repeat(np.eye(T), N, axis=0)[:, 1:]])

    def effect(use, treated):
        clean = use & ~treated
        left = y.ravel() - Z @ np.linalg.lstsq(Z[clean.ravel()], y.ravel()[clean.ravel()], rcond=None)[0]
        return left.reshape(T, N)[use & treated & clean.any(axis=0)].mean()

    first = np.where(D.any(axis=0), D.argmax(axis=0), T)
    want = [effect(~gone & (D == 0), (np.arange(T)[:, None] >= first - k) & (first < T)) for k in (1, 2, 3)]
    np.testing.assert_allclose(sp.placebo_time(fit)["estimate"], want, rtol=1e-8)
    dealt = np.roll(first, 2)  # unit 20 adopts before it is observed
    assert dealt[20] < 6
    got = overall(fit.sample, dealt[fit.sample.ids][None])[0]
    assert got == pytest.approx(effect(~gone, np.arange(T)[:, None] >= dealt), rel=1e-8)
