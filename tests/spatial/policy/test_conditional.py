"""Group-time effects given covariates and in panels with gaps: csdid's figures, dense twins, laws, what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.policy import comparisons, conditional
from spatial.policy._sample import read_policy
from spatial.policy.overlap import ADJUSTMENTS
from spillover.errors import SpatialInputError

from . import naive
from .conftest import staggered

KEYS = {"entity": "省份", "time": "年份"}
REFERENCE = Path(__file__).parents[2] / "reference/did"
COUNTIES = {"entity": "county", "time": "year", "treatment": "treat", "method": "group_time"}


@pytest.fixture(scope="module")
def mpdta():
    wide = pd.read_csv(REFERENCE / "mpdta.csv")
    long = wide.melt(["county", "first", "lpop"], var_name="year", value_name="lemp").astype({"year": int})
    return long.assign(treat=((long["first"] > 0) & (long["year"] >= long["first"])).astype(int))


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("adjustment", ["doubly_robust", "regression", "weighting"])
def test_figures_of_csdid_given_population(mpdta, control, adjustment):
    """csdid's figures to six digits; standard errors of the delete-one jackknife are within 3 % of its analytic ones
    (cohorts of 20, 40 and 131)."""
    fit = sp.did("lemp ~ treat + lpop", mpdta, adjustment=adjustment, control=control, **COUNTIES)
    method = {"doubly_robust": "dr", "regression": "reg", "weighting": "ipw"}[adjustment]
    table = pd.read_csv(REFERENCE / "conditional.csv").set_index(["control", "method", "what"]).sort_index()
    wanted = table.loc[control.replace("_", "") + "treated", method]
    for name in ("simple", "dynamic", "group", "calendar"):
        row = fit.table.set_index("term").loc[f"ATT, {name}"]
        assert row["estimate"] == pytest.approx(wanted["estimate"][name], abs=2e-6)
        assert row["std_error"] == pytest.approx(wanted["std_error"][name], rel=0.03)
    for row in fit.path[~fit.path["reference"]].itertuples():
        assert row.estimate == pytest.approx(wanted["estimate"][str(row.period)], abs=2e-6)


@pytest.fixture(params=[0.0, 0.1])
def panel(request):
    """48 units, 6 periods; treatment depends on the covariate; a share of the rows is missing."""
    rng = np.random.default_rng(8)
    N, T = 48, 6
    x = rng.standard_normal((T, N)).cumsum(axis=0)
    first = np.where(rng.uniform(size=N) < 1 / (1 + np.exp(-x[0] / 2)), rng.choice([2, 4], N), T)
    y = rng.standard_normal((T, N)) + 0.5 * np.arange(T)[:, None] * x[0] + (np.arange(T)[:, None] >= first)
    frame = pd.DataFrame({"省份": np.tile(np.arange(N), T), "年份": np.repeat(np.arange(T), N), "y": y.ravel(),
                          "d": (np.arange(T)[:, None] >= first).ravel() * 1.0, "x": x.ravel(),
                          "z": np.tile(rng.standard_normal(N), T)})  # fmt: skip
    gone = (rng.uniform(size=len(frame)) < request.param) & (frame["年份"] != 1)
    return frame[~gone].sample(frac=1, random_state=1), N, T


def _arrays(sample):
    return sample.y, sample.first, sample.X, sample.mass > 0


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("adjustment", ADJUSTMENTS)
def test_estimates_are_their_dense_twins(panel, control, adjustment):
    frame, _, _ = panel
    for formula in ("y ~ d + x + z", "y ~ d + x"):
        fit = sp.did(formula, frame, treatment="d", method="group_time", control=control, adjustment=adjustment,
                     missing="period", **KEYS)  # fmt: skip
        twin = naive.conditional(*_arrays(fit.sample), control, adjustment)
        assert fit.att == pytest.approx(twin, abs=2e-6)


@pytest.mark.parametrize("adjustment", ADJUSTMENTS)
def test_deletions_are_estimates_without_a_unit(panel, adjustment):
    frame, N, _ = panel
    options = {"treatment": "d", "method": "group_time", "adjustment": adjustment, "missing": "period", **KEYS}
    fit = sp.did("y ~ d + z", frame, **options)
    left = [_att_or_nan("y ~ d + z", frame[frame["省份"] != i], options) for i in range(N)]
    assert np.isnan(left).any() == np.isnan(fit.std_error) == ("no standard error: without one" in str(fit))
    plain = np.sqrt((N - 1) / N * ((np.array(left) - fit.att) ** 2).sum())
    assert fit.std_error == pytest.approx(plain * fit.jackknife.scale[0], rel=1e-7, nan_ok=True)


def _att_or_nan(formula, frame, options):
    try:
        return sp.did(formula, frame, **options).att
    except SpatialInputError as error:
        if error.code != "E734":
            raise
        return np.nan


def test_scale_and_degrees_of_freedom_are_their_dense_twins():
    """From the weights of outcomes, of all units and without each."""
    frame = staggered(np.random.default_rng(4), N=12, T=6)
    frame["z"] = frame.groupby("省份")["人口"].transform("mean")
    fit = sp.did("产出 ~ 政策 + z", frame, treatment="政策", method="group_time", adjustment="regression", **KEYS)
    y, first, X, seen = _arrays(fit.sample)

    def of(units):
        out = np.zeros(y.shape)
        out[:, units] = naive.weights_of(
            lambda one: naive.conditional(one, first[units], X[:, units], seen[:, units], "never", "regression"),
            (len(y), len(units)))  # fmt: skip
        return out

    everyone = np.arange(12)
    without = [of(np.delete(everyone, i)) for i in range(12)]
    twin = naive.jackknife(y, np.ones(y.shape), of(everyone), without, np.full(12, 11 / 12))
    np.testing.assert_allclose([fit.std_error, fit.jackknife.scale[0], fit.table["df"][0]], twin, rtol=1e-8)


def test_gaps_without_covariates_and_a_balanced_panel(frame):
    """Without gaps and covariates both engines agree; with gaps each cell has the units seen in both periods."""
    sample = read_policy("产出 ~ 政策", frame, **KEYS)
    for control in ("never", "not_yet"):
        fit = sp.did("产出 ~ 政策", frame, method="group_time", control=control, **KEYS)
        periods, other, _ = conditional.effects(sample, control, "doubly_robust", fit.settings["window"])
        free = fit.path[~fit.path["reference"]]
        assert periods.tolist() == free["period"].tolist()
        np.testing.assert_allclose(other.estimates, [*fit.table["estimate"], *free["estimate"]], atol=1e-12)
        np.testing.assert_allclose(other.std_errors, [*fit.table["std_error"], *free["std_error"]], rtol=1e-9)
        np.testing.assert_allclose(other.df, [*fit.table["df"], *free["df"]], rtol=1e-9)
    gaps = sp.did("产出 ~ 政策", frame.drop(index=frame.index[::9]), method="group_time", missing="period", **KEYS)
    assert gaps.att == pytest.approx(naive.conditional(*_arrays(gaps.sample), "never", "doubly_robust"), abs=1e-9)
    assert "not observed" in str(gaps)


def test_degrees_of_freedom_of_large_samples_are_projected(panel, monkeypatch):
    """Where all deletions are too many to hold: the same standard error, about the same degrees of freedom."""
    options = {"treatment": "d", "method": "group_time", "adjustment": "regression", "missing": "period", **KEYS}
    exact = sp.did("y ~ d + z", panel[0], **options)
    monkeypatch.setattr(comparisons, "LARGEST", 0)
    large = sp.did("y ~ d + z", panel[0], **options)
    np.testing.assert_allclose(large.table["std_error"], exact.table["std_error"], rtol=1e-12)
    np.testing.assert_allclose(large.table["df"], exact.table["df"], rtol=0.2)


def test_covariates_take_different_trends_out():
    """Trends that differ with a covariate bias the plain estimate, and none of the four given it; laws of y and x."""
    rng = np.random.default_rng(3)
    N, T = 120, 5
    z = rng.standard_normal(N)
    first = np.where(rng.uniform(size=N) < 1 / (1 + np.exp(-z)), 3, T)
    y = np.arange(T)[:, None] * z + 2.0 * (np.arange(T)[:, None] >= first) + 0.05 * rng.standard_normal((T, N))
    frame = pd.DataFrame({"省份": np.tile(np.arange(N), T), "年份": np.repeat(np.arange(T), N), "y": y.ravel(),
                          "d": (np.arange(T)[:, None] >= first).ravel() * 1.0, "z": np.tile(z, T)})  # fmt: skip
    options = {"treatment": "d", "method": "group_time", **KEYS}
    plain = sp.did("y ~ d", frame, **options)
    assert plain.att > 2.5
    assert plain.pretrends.slope.p_value < 0.01
    for adjustment in ADJUSTMENTS:
        fit = sp.did("y ~ d + z", frame, adjustment=adjustment, **options)
        assert fit.att == pytest.approx(2.0, abs=0.2 if adjustment == "weighting" else 0.05)
        scaled = sp.did("w ~ d + u", frame.assign(w=3 * frame["y"] + frame["省份"], u=5 - 7 * frame["z"]),
                        adjustment=adjustment, **options)  # fmt: skip
        np.testing.assert_allclose(scaled.table["estimate"], 3 * fit.table["estimate"], rtol=1e-7)
        np.testing.assert_allclose(scaled.table["std_error"], 3 * fit.table["std_error"], rtol=1e-6)
        assert fit.pretrends.slope.p_value > 0.01
    assert "as they were before adoption (doubly robust): z" in str(sp.did("y ~ d + z", frame, **options))


def test_random_dates_are_estimated_given_covariates(panel):
    fit = sp.did("y ~ d + z", panel[0], treatment="d", method="group_time", adjustment="regression", missing="period",
                 **KEYS)  # fmt: skip
    drawn = sp.placebo_units(fit, draws=19).drawn
    s = fit.sample
    first = np.random.default_rng(1).permuted(np.tile(s.first, (19, 1)), axis=1)
    twin = naive.conditional(s.y, first[0], s.X, s.mass > 0, "never", "regression")
    assert drawn[0, 0] == pytest.approx(twin, abs=1e-6)


def test_covariates_without_overlap_are_refused():
    frame = staggered(np.random.default_rng(2))
    first = frame[frame["政策"] == 1].groupby("省份")["年份"].min()
    group = frame["省份"].map(first).fillna(2030)
    options = {"treatment": "政策", "method": "group_time", **KEYS}
    for z in (group + frame["人口"] / 100, group):  # tells the cohorts apart; is constant among the never treated
        with pytest.raises(SpatialInputError) as caught:
            sp.did("产出 ~ 政策 + z", frame.assign(z=z), **options)
        assert caught.value.code == "E734"
        assert "regression" in caught.value.hint
    apart = frame.assign(z=group + frame["人口"] / 100)
    assert np.isfinite(sp.did("产出 ~ 政策 + z", apart, adjustment="regression", **options).att)
    with pytest.raises(SpatialInputError) as caught:
        sp.did("产出 ~ 政策 + 开放", frame, adjustment="dr", **options)
    assert caught.value.code == "E501"
