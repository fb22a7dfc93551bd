"""Hansen's panel threshold against its dense twin: every value of q tried with dummies for all units."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from ..designs import band, nearest

KEYS = {"threshold_variable": "q", "entity": "i", "time": "t"}


def panel(rng, cuts, slopes, N=30, T=6, noise=0.5):
    x, q, z = rng.standard_normal((3, N * T))
    i = np.tile(np.arange(N), T)
    y = np.choose(np.searchsorted(cuts, q), slopes) * x + 0.5 * z + rng.standard_normal(N)[i]
    y = y + noise * rng.standard_normal(N * T)
    data = pd.DataFrame({"y": y, "x": x, "q": q, "z": z, "i": i, "t": np.repeat(np.arange(T), N)})
    return data.sample(frac=1, random_state=2)


def ssr(data, cuts, effects):
    """Dummies, the regressor cut at the thresholds, z; and the coefficients of the regimes."""
    edges = [-np.inf, *sorted(cuts), np.inf]
    R = [data["x"] * ((data["q"] > lo) & (data["q"] <= hi)) for lo, hi in pairwise(edges)]
    R += [data["z"], *pd.get_dummies(data["i"], dtype=float).T.to_numpy()]
    if effects == "twoway":
        R += list(pd.get_dummies(data["t"], dtype=float).iloc[:, 1:].T.to_numpy())
    beta, *_ = np.linalg.lstsq(np.column_stack(R), data["y"], rcond=None)
    return float(((data["y"] - np.column_stack(R) @ beta) ** 2).sum()), beta[: len(cuts) + 1]


@pytest.mark.parametrize("effects", ["entity", "twoway"])
def test_two_thresholds_are_those_of_the_dense_search(effects):
    data = panel(np.random.default_rng(1), [-0.5, 0.6], [2.0, 0.0, 1.0], N=18)
    N, T = 18, 6
    result = sp.threshold("y ~ x + z", data, effects=effects, thresholds=2, grid=9_999, draws=0, **KEYS)
    values = np.sort(data["q"])
    values = values[(np.arange(1, N * T + 1) >= 0.05 * N * T) & (np.arange(1, N * T + 1) <= 0.95 * N * T)]
    s0 = ssr(data, [], effects)[0]
    single = [ssr(data, [v], effects)[0] for v in values]
    first = values[np.argmin(single)]
    below = np.searchsorted(np.sort(data["q"]), values, side="right")

    def options(other):
        far = np.abs(below - below[values == other][0]) >= 0.05 * N * T
        return [ssr(data, [other, v], effects)[0] if ok else np.inf for v, ok in zip(values, far)]

    second = values[np.argmin(options(first))]
    again = values[np.argmin(options(second))]
    listed = result.thresholds.set_index("number")
    assert listed["threshold"].to_dict() == {1: again, 2: second}
    n = N * (T - 1) if effects == "entity" else (N - 1) * (T - 1)
    assert listed.loc[1, "F"] == pytest.approx((s0 - min(single)) / (min(single) / n), rel=1e-8)
    two = min(options(first))
    assert listed.loc[2, "F"] == pytest.approx((min(single) - two) / (two / n), rel=1e-8)
    np.testing.assert_allclose(result.table["estimate"][:3], ssr(data, [again, second], effects)[1], rtol=1e-8)
    profile = np.array(options(second))
    lr = (profile - profile.min()) / (profile.min() / n)
    inside = values[lr <= -2 * np.log(1 - np.sqrt(0.95))]
    above = data["q"][data["q"] > inside.max()].min()  # any gamma below it splits the sample as inside.max() does
    np.testing.assert_allclose(listed.loc[1, ["conf_low", "conf_high"]].astype(float), [inside.min(), above])
    curve = result.curve.query("number == 1")
    np.testing.assert_allclose(curve["lr"], lr[np.isfinite(lr)], atol=1e-6)


def test_a_coarse_grid_widens_the_interval_to_what_it_did_not_exclude():
    """The interval holds every value of q whose likelihood ratio, computed for all, is below the critical value."""
    data = panel(np.random.default_rng(6), [0.1], [0.0, 1.0], N=20)
    every = sp.threshold("y ~ x + z", data, grid=9_999, draws=0, **KEYS).thresholds.iloc[0]
    for grid in (10, 25, 60):
        result = sp.threshold("y ~ x + z", data, grid=grid, draws=0, **KEYS)
        row, tried = result.thresholds.iloc[0], result.curve["threshold"].to_numpy()
        excluded = tried[result.curve["lr"] > result.critical]
        assert not ((excluded >= row["conf_low"]) & (excluded < row["conf_high"])).any()
        assert row["conf_high"] in tried or row["conf_high"] > tried.max()
        assert row["conf_low"] <= row["threshold"] < row["conf_high"]
    assert every["conf_high"] in data["q"].to_numpy()


def test_bootstrap_refits_every_sample():
    """The vectorised statistics of resampled residuals against a dense search of each."""
    from spatial.design.fixed_effects import UNIT_EFFECTS
    from spatial.policy.threshold_search import Search

    rng = np.random.default_rng(3)
    y, x, q = rng.standard_normal((3, 5, 12))
    X = np.stack([x, rng.standard_normal((5, 12))], axis=2)
    search = Search(UNIT_EFFECTS.demean(y), UNIT_EFFECTS.demean(X), X, ["x", "z"], x, q, UNIT_EFFECTS, 0.1, 20)
    Y = UNIT_EFFECTS.demean(rng.standard_normal((5, 12, 3))).reshape(60, 3)
    for number in (1, 2):
        for column, F in zip(Y.T, search.statistics(Y, number)):
            data = pd.DataFrame({"y": column, "x": x.ravel(), "z": X[:, :, 1].ravel(), "q": q.ravel(),
                                 "i": np.tile(np.arange(12), 5)})  # fmt: skip
            one, at = min((ssr(data, [v], "entity")[0], v) for v in search.values)
            before, after = ssr(data, [], "entity")[0], one
            if number == 2:
                apart = np.abs(search.below - search.below[search.values == at][0]) >= 6
                before, after = one, min(ssr(data, [at, v], "entity")[0] for v in search.values[apart])
            assert abs(F / ((before - after) / (after / 48)) - 1) < 1e-7


def test_seeds_weights_and_words():
    rng = np.random.default_rng(4)
    data = panel(rng, [0.2], [0.0, 1.5])
    w = pd.DataFrame(nearest(rng, 30, 4))
    result = [sp.threshold("y ~ x + z", data, w=w, durbin=["z"], draws=99, seed=5, **KEYS) for _ in range(2)]
    assert result[0].thresholds.equals(result[1].thresholds)
    assert result[0].table["term"].tolist()[2:] == ["z", "W:z"]
    assert result[0].thresholds["p_value"].iloc[0] == 0.01
    assert abs(result[0].thresholds["threshold"].iloc[0] - 0.2) < 0.1
    assert "99 bootstrap samples" in str(result[0])
    ax = sp.plot.threshold(result[0])
    assert ax.lines[0].get_ydata().min() == pytest.approx(0)


@pytest.mark.parametrize(("options", "code"), [
    ({"threshold_variable": "none"}, "E502"), ({"thresholds": 3}, "E501"), ({"trim": 0.6}, "E533"),
    ({"effects": "time"}, "E501"), ({"threshold_variable": "half"}, "E733"), ({"switching": "q"}, "E502"),
    ({"threshold_variable": "holes"}, "E201"), ({"entity": None, "time": None}, "E501"),
])  # fmt: skip
def test_bad_input(options, code):
    data = panel(np.random.default_rng(4), [0.2], [0.0, 1.5])
    data = data.assign(half=(data["q"] > 0) * 1, holes=data["q"].where(data["q"] > 0))
    with pytest.raises(SpatialInputError) as caught:
        sp.threshold("y ~ x + z", data, **{**KEYS, **options})
    assert caught.value.code == code


@pytest.mark.slow
def test_certify_threshold(capsys):
    """Size and power of the bootstrap test, coverage of threshold and slopes; 50 units, 8 periods."""
    rng, R = np.random.default_rng(9), 300
    size = power = inside = slopes = 0
    for r in range(R):
        null = sp.threshold("y ~ x + z", panel(rng, [0.0], [1.0, 1.0], 50, 8), draws=99, grid=80, seed=r, **KEYS)
        size += null.thresholds["p_value"].iloc[0] <= 0.05
        result = sp.threshold("y ~ x + z", panel(rng, [0.3], [1.0, 1.5], 50, 8), draws=99, grid=400, seed=r, **KEYS)
        row = result.thresholds.iloc[0]
        power += row["p_value"] <= 0.05
        inside += row["conf_low"] <= 0.3 <= row["conf_high"]
        slopes += result.table["conf_low"].iloc[1] <= 1.5 <= result.table["conf_high"].iloc[1]
    with capsys.disabled():
        print(f"\nthreshold: size {size / R:.3f}, power {power / R:.3f}, coverage {inside / R:.3f}, "
              f"slope {slopes / R:.3f}")  # fmt: skip
    assert band(0.05, R)[0] <= size / R <= band(0.05, R)[1]
    assert power / R > 0.95
    assert inside / R >= band(0.95, R)[0]
    assert slopes / R >= band(0.95, R, slack=0.02)[0]
