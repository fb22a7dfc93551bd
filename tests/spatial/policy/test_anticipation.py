"""Outcomes that respond before adoption: csdid's figures, dense twins, shifted dates, what is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

REFERENCE = Path(__file__).parents[2] / "reference/did"
KEYS = {"entity": "i", "time": "t", "treatment": "d"}
METHODS = ("imputation", "group_time", "twfe")


def panel(seed=1, N=24, T=8, noise=1.0, early=0.0):
    """Cohorts of 3, 4 and 6 and never; outcomes respond by ``early`` one period before adoption."""
    rng = np.random.default_rng(seed)
    first = np.array([3, 4, 6, T])[np.arange(N) % 4]
    t = np.arange(T)[:, None]
    effect = (t >= first) * (1.0 + 0.5 * (t - first)) + early * ((t == first - 1) & (first < T))
    y = rng.standard_normal(N) + rng.standard_normal((T, 1)) + effect + noise * rng.standard_normal((T, N))
    return pd.DataFrame({"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(2000, 2000 + T), N), "y": y.ravel(),
                         "d": (t >= first).ravel() * 1.0, "x": rng.standard_normal(N * T)})  # fmt: skip


@pytest.fixture(scope="module")
def mpdta():
    wide = pd.read_csv(REFERENCE / "mpdta.csv")
    long = wide.melt(["county", "first", "lpop"], var_name="year", value_name="lemp").astype({"year": int})
    long = long[long["first"] != 2004]
    return long.assign(treat=((long["first"] > 0) & (long["year"] >= long["first"])).astype(int))


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("formula", ["lemp ~ treat", "lemp ~ treat + lpop"])
def test_figures_of_csdid(mpdta, control, formula):
    """Estimates to six digits; its standard errors are analytic, those of the jackknife within 3 %."""
    fit = sp.did(formula, mpdta, treatment="treat", entity="county", time="year", method="group_time", anticipation=1,
                 control=control, adjustment="regression" if "lpop" in formula else None)  # fmt: skip
    table = pd.read_csv(REFERENCE / "anticipation.csv").set_index(["control", "method", "what"]).sort_index()
    wanted = table.loc[control.replace("_", "") + "treated", "reg" if "lpop" in formula else "none"]
    for name in ("simple", "dynamic", "group", "calendar"):
        row = fit.table.set_index("term").loc[f"ATT, {name}"]
        assert row["estimate"] == pytest.approx(wanted["estimate"][name], abs=2e-6)
        assert row["std_error"] == pytest.approx(wanted["std_error"][name], rel=0.03)
    assert fit.path["period"].tolist() == [-4, -3, -2, -1, 0, 1]
    for row in fit.path.itertuples():
        assert row.estimate == pytest.approx(wanted["estimate"][str(row.period)], abs=2e-6)
        assert row.reference == (row.period == -2)


@pytest.mark.parametrize("gaps", [False, True])
def test_imputation_is_its_dense_twin(gaps):
    frame = panel().sample(frac=1, random_state=2)
    frame = frame.drop(index=frame.index[frame["t"] > 2000][::17]) if gaps else frame
    fit = sp.did("y ~ d + x", frame, anticipation=2, missing="period", **KEYS)
    first = frame[frame["d"] == 1].groupby("i")["t"].min()
    since = frame["t"] - frame["i"].map(first)
    D = pd.get_dummies(frame[["i", "t"]].astype(str), drop_first=False).assign(x=frame["x"]).to_numpy(float)
    clean = ~(since >= -2).to_numpy()
    b = np.linalg.lstsq(D[clean], frame["y"].to_numpy()[clean], rcond=None)[0]
    tau = frame["y"] - D @ b
    assert fit.att == pytest.approx(tau[frame["d"] == 1].mean(), abs=1e-9)
    path = fit.path.set_index("period")["estimate"]
    for k in (-2, -1, 0, 1, 3):
        assert path[k] == pytest.approx(tau[since == k].mean(), abs=1e-9)
    assert "outcomes may respond from 2 periods before adoption on" in str(fit)


@pytest.mark.parametrize("method", METHODS)
def test_a_response_one_period_early_is_found(method):
    """Without noise: effects of 1, 1.5 ... after adoption, -2 before; without anticipation= they are distorted."""
    frame = panel(noise=0.0, early=-2.0)
    fit = sp.did("y ~ d", frame, method=method, anticipation=1, **KEYS)
    path = fit.path.set_index("period")["estimate"]
    if method != "twfe":  # which mixes cohorts
        np.testing.assert_allclose(path[[-1, 0, 1]], [-2, 1, 1.5], atol=1e-9)
    assert path[-1] == pytest.approx(-2, abs=0.5)
    assert abs(sp.did("y ~ d", frame, method=method, **KEYS).path.set_index("period")["estimate"][0] - 1) > 0.3
    assert fit.path["reference"].sum() == (method != "imputation")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("control", [None, "not_yet"])
def test_the_path_is_that_of_earlier_dates(method, control):
    """Adoption pretended one period earlier, counted from there: estimates, errors, tests before it."""
    if control and method != "group_time":
        return
    frame = panel(3)
    early = frame.assign(d=frame["i"].map(frame[frame["d"] == 1].groupby("i")["t"].min()) - 1 <= frame["t"])
    one = sp.did("y ~ d", frame, method=method, control=control, anticipation=1, **KEYS)
    other = sp.did("y ~ d", early.assign(d=early["d"] * 1.0), method=method, control=control, **KEYS)
    assert (one.path["period"] + 1).tolist() == other.path["period"].tolist()
    np.testing.assert_allclose(one.path["estimate"], other.path["estimate"], atol=1e-9)
    np.testing.assert_allclose(one.path["std_error"], other.path["std_error"], rtol=1e-8, atol=1e-12)
    for name in ("joint", "slope"):
        assert getattr(one.pretrends, name).statistic == pytest.approx(getattr(other.pretrends, name).statistic)
    assert one.pretrends.leads == tuple(k - 1 for k in other.pretrends.leads)
    assert one.att != pytest.approx(other.att, abs=1e-3)


def test_few_adopters_and_placebos():
    frame = panel(5, N=16).query("i % 4 == 3 or i < 3")
    fit = sp.did("y ~ d", frame, anticipation=1, **KEYS)
    assert 0 < fit.randomization.p_value <= 1
    covariates = sp.did("y ~ d + x", frame, anticipation=1, **KEYS)
    assert covariates.randomization.p_value > 0
    np.testing.assert_allclose(sp.placebo_units(covariates, draws=19).table["estimate"], covariates.att)
    twfe = sp.did("y ~ d + x", frame, method="twfe", anticipation=1, **KEYS)
    assert twfe.randomization is None
    with pytest.raises(SpatialInputError, match="anticipation="):
        sp.placebo_units(twfe)
    assert sp.did("y ~ d", frame, method="twfe", anticipation=1, **KEYS).randomization is not None
    shifted = sp.placebo_time(sp.did("y ~ d", panel(5), anticipation=1, **KEYS), shifts=[1])
    early = panel(5)
    early["d"] = (early["i"].map(early[early["d"] == 1].groupby("i")["t"].min()) - 1 <= early["t"]) * 1.0
    other = sp.placebo_time(sp.did("y ~ d", early, **KEYS), shifts=[1])
    assert shifted["estimate"][0] == pytest.approx(other["estimate"][0])


def test_doses_are_measured_from_the_period_before_the_response():
    frame = panel().assign(dose=lambda f: 1.0 + f["i"] % 5)
    early = frame.assign(d=(frame["i"].map(frame[frame["d"] == 1].groupby("i")["t"].min()) - 1 <= frame["t"]) * 1.0)
    one, other = (sp.did("y ~ d", data, method="group_time", dose=sp.Dose("dose", degree=1), control="not_yet",
                         anticipation=k, **KEYS) for data, k in ((frame, 1), (early, 0)))  # fmt: skip
    np.testing.assert_allclose(one.path["estimate"], other.path["estimate"], atol=1e-9)
    assert (one.path["period"] + 1).tolist() == other.path["period"].tolist()
    assert one.pretrends.leads == tuple(k - 1 for k in other.pretrends.leads)
    assert one.pretrends.joint.statistic == pytest.approx(other.pretrends.joint.statistic, rel=1e-8)


def test_what_doses_do_in_anticipation_is_no_earlier_trend():
    """A response in -1 in proportion to the dose: the test of earlier effects is that of outcomes without it."""
    frame = panel(N=40).assign(dose=lambda f: 1.0 + f["i"] % 5)
    start = frame["i"].map(frame[frame["d"] == 1].groupby("i")["t"].min())
    moved = frame.assign(y=frame["y"] + 3 * frame["dose"] * (frame["t"] == start - 1))
    one, other = (sp.did("y ~ d", data, method="group_time", dose=sp.Dose("dose", degree=1), anticipation=1,
                         **KEYS).pretrends for data in (moved, frame))  # fmt: skip
    assert max(one.leads) == -3
    assert one.joint.statistic == pytest.approx(other.joint.statistic, rel=1e-8)


@pytest.mark.parametrize(("options", "code"), [
    ({"anticipation": -1}, "E501"), ({"anticipation": 1.5}, "E501"), ({"anticipation": 3}, "E232"),
    ({"anticipation": 1, "method": "switchers"}, "E533"),
    ({"anticipation": 1, "method": "twfe", "reference": -1}, "E533"),
])  # fmt: skip
def test_what_is_refused(options, code):
    with pytest.raises(SpatialInputError) as refused:
        sp.did("y ~ d", panel(), **options, **KEYS)
    assert refused.value.code == code
    assert "None" not in str(refused.value)
    if options.get("method") == "switchers":
        assert "method='switchers' takes no anticipation=" in str(refused.value)
    if "reference" in options:
        assert "before outcomes may respond (adoption less anticipation=1)" in str(refused.value)
    share = panel().assign(d=lambda f: f["d"] * 0.5)
    with pytest.raises(SpatialInputError):
        sp.did("y ~ d", share, method="twfe", anticipation=1, **KEYS)


def test_tables_say_how_many_periods():
    fits = [sp.did("y ~ d", panel(), anticipation=k, **KEYS) for k in (0, 1)]
    assert sp.etable(fits).to_frame().loc[("", "Periods of anticipation")].tolist() == ["", "1"]
    assert "anticipation" not in sp.etable(fits[:1]).to_text()
    switchers = sp.did("y ~ d", panel(), method="switchers", **KEYS)
    assert "units whose treatment changes" in sp.etable([switchers]).to_text()
