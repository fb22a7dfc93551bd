"""Placebos: every draw is the estimate under those dates; size under the null; bad input."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover import progress
from spillover.errors import SpatialInputError

from ..designs import band, nearest
from .conftest import staggered
from .test_spatial_did import policy_panel

KEYS = {"entity": "省份", "time": "年份"}


@pytest.mark.parametrize(("method", "options"), [
    ("twfe", {}), ("twfe", {"obs_weights": "人口"}), ("imputation", {}), ("group_time", {}),
])  # fmt: skip
def test_each_draw_is_the_estimate_under_its_dates(frame, method, options):
    formula = "产出 ~ 政策" if method == "group_time" else "产出 ~ 政策 + 开放"
    fit = sp.did(formula, frame, method=method, **options, **KEYS)
    result = sp.placebo_units(fit, draws=19, seed=4)
    first = np.random.default_rng(4).permuted(np.tile(fit.sample.first, (19, 1)), axis=1)
    start = pd.DataFrame(first.T, index=fit.sample.ids)
    for r in (0, 7):
        dates = frame["省份"].map(start[r])
        moved = frame.assign(政策=(frame["年份"] - 2000 >= dates).astype(float))
        there = sp.did(formula, moved, method=method, **options, **KEYS)
        assert result.drawn[r, 0] == pytest.approx(there.att, rel=1e-8)
    assert result.p_value == (1 + (np.abs(result.drawn) >= abs(fit.att)).sum()) / 20
    assert np.array_equal(result.drawn, sp.placebo_units(fit, draws=19, seed=4).drawn)


def test_dates_that_identify_nothing_are_left_out():
    """Two regions of three: some deals treat all of one."""
    frame = staggered(np.random.default_rng(3), N=12)
    frame["区域"] = np.where(frame["省份"] < "003", "小", "大")
    fit = sp.did("产出 ~ 政策", frame, period_by="区域", **KEYS)
    result = sp.placebo_units(fit, draws=60, seed=1)
    lost = int(np.isnan(result.drawn).sum())
    assert 0 < lost < 60
    assert result.table["draws"].iloc[0] == 60 - lost


def test_spatial_draws_are_refits():
    rng = np.random.default_rng(2)
    W = nearest(rng, 20, 3)
    data, *_ = policy_panel(rng, W, rho=0.4)
    keys = {"entity": "i", "time": "t"}
    result = sp.spatial_did("y ~ d", data, pd.DataFrame(W), path=False, **keys)
    answer = sp.placebo_units(result, draws=19, seed=3)
    order = np.random.default_rng(3).permuted(np.tile(np.arange(20), (19, 1)), axis=1)
    treated = data.groupby("i")["d"].max().to_numpy()[order[5]]
    moved = data.assign(d=(data["t"] >= 3) * treated[data["i"]])
    effects = sp.sdm("y ~ d", moved, pd.DataFrame(W), **keys).effects()
    np.testing.assert_allclose(answer.drawn[5], effects.estimates[:2, 0], rtol=1e-6)
    assert list(answer.table["term"]) == ["direct", "indirect"]
    assert "no effect on any unit" in str(answer)
    assert "p = " in sp.plot.placebo(answer, term="indirect").texts[0].get_text()
    with pytest.raises(SpatialInputError):
        sp.plot.placebo(answer, term="total")


@pytest.mark.parametrize("method", ["twfe", "imputation"])
def test_placebos_in_time_use_the_periods_before(frame, method):
    """By hand: rows before adoption only; earlier dates there; effects after adoption play no part."""
    fit = sp.did("产出 ~ 政策", frame, method=method, **KEYS)
    result = sp.placebo_time(fit, shifts=[1, 2])
    spoiled = frame.assign(产出=frame["产出"] + 100 * frame["政策"])
    other = sp.placebo_time(sp.did("产出 ~ 政策", spoiled, method=method, **KEYS), shifts=[1, 2])
    np.testing.assert_allclose(result["estimate"], other["estimate"], rtol=1e-7)
    if method == "twfe":
        PanelOLS = pytest.importorskip("linearmodels.panel").PanelOLS
        first = frame[frame["政策"] == 1].groupby("省份")["年份"].min()
        before = frame[frame["政策"] == 0].copy()
        before["d"] = (before["年份"] - before["省份"].map(first) >= -2).astype(float)
        indexed = before.set_index(["省份", "年份"])
        peer = PanelOLS(indexed["产出"], indexed[["d"]], entity_effects=True, time_effects=True).fit()
        assert result["estimate"].iloc[1] == pytest.approx(peer.params["d"], rel=1e-7)
    with pytest.raises(SpatialInputError) as caught:
        sp.placebo_time(fit, shifts=[3])
    assert caught.value.code == "E533"


def test_what_has_no_placebo(frame):
    fit = sp.did("产出 ~ 政策", frame, method="group_time", **KEYS)
    dose = sp.did("产出 ~ 政策", frame.assign(政策=frame["政策"] / 2), method="twfe", **KEYS)
    for call, code in [(lambda: sp.placebo_units(fit, draws=5), "E533"), (lambda: sp.placebo_time(fit), "E533"),
                       (lambda: sp.placebo_units(dose), "E230"), (lambda: sp.placebo_units(3), "E501")]:  # fmt: skip
        with pytest.raises(SpatialInputError) as caught:
            call()
        assert caught.value.code == code


@pytest.mark.slow
def test_certify_did(capsys):
    """Coverage under effects that differ between cohorts, and the placebo test's size without any effect."""
    rng, R = np.random.default_rng(6), 500
    truth = np.mean([g / 3 + k for g in (3, 5) for k in range(7 - g)])
    inside = dict.fromkeys(("imputation", "group_time", "twfe"), 0)
    size = 0
    for r in range(R):
        data = staggered(rng, N=60, effect=lambda g, k: g / 3 + k)
        for method in inside:
            row = sp.did("产出 ~ 政策", data, method=method, **KEYS).table.iloc[0]
            inside[method] += row["conf_low"] <= truth <= row["conf_high"]
        null = sp.did("产出 ~ 政策", staggered(rng, effect=lambda g, k: 0.0), method="twfe", **KEYS)
        size += sp.placebo_units(null, draws=99, seed=r).p_value <= 0.05
    with capsys.disabled():
        print(f"\ndid: coverage {({k: round(v / R, 3) for k, v in inside.items()})}, placebo size {size / R:.3f}")
    low, high = band(0.95, R, slack=0.02)
    assert low <= inside["imputation"] / R <= high
    assert low <= inside["group_time"] / R <= high
    assert inside["twfe"] / R < 0.85  # it can see the fault
    assert band(0.05, R)[0] <= size / R <= band(0.05, R)[1]


@pytest.mark.parametrize("spatial", [False, True])
def test_placebos_report_and_ctrl_c_keeps_what_is_done(spatial):
    rng = np.random.default_rng(2)
    W = nearest(rng, 20, 3)
    data, *_ = policy_panel(rng, W, rho=0.4)
    keys = {"entity": "i", "time": "t"}
    result = sp.spatial_did("y ~ d", data, pd.DataFrame(W), path=False, **keys) if spatial else sp.did(
        "y ~ d", data, method="twfe", **keys)  # fmt: skip
    steps = []

    def listen(step):
        steps.append((step.done, step.total))
        if step.done > step.total / 2:
            raise KeyboardInterrupt

    whole = sp.placebo_units(result, draws=200, seed=3)
    with progress.listening(listen):
        part = sp.placebo_units(result, draws=200, seed=3)
    done = int(part.table["draws"].iloc[0])
    assert steps[0][0] == 0
    assert len(steps) > 2
    assert 90 < done < 200
    np.testing.assert_array_equal(part.drawn[:done], whole.drawn[:done])
    assert np.isnan(part.drawn[done:]).all()
