"""Effects by dose: diff-diff's figures, dense twins, laws, what is refused."""

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.policy import comparisons, dose_response
from spillover.errors import SpatialInputError

from . import naive

REFERENCE = Path(__file__).parents[2] / "reference/did"
KEYS = {"entity": "i", "time": "t", "method": "group_time"}
AT = [1.5, 2.5, 4.5]


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("doses_reference", REFERENCE / "doses.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def simulated(seed=1, N=48, T=5, untreated=True):
    rng = np.random.default_rng(seed)
    first = np.array([2, 3, T if untreated else 3])[np.arange(N) % 3]
    dose = np.where(first < T, rng.uniform(1, 5, N), 0.0)
    after = np.arange(T)[:, None] >= first
    y = rng.standard_normal(N) + rng.standard_normal((T, N)) + after * (dose + dose**2 / 5)
    return pd.DataFrame({"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), "y": y.ravel(),
                         "d": after.ravel() * 1.0, "dose": np.tile(dose, T)})  # fmt: skip


def estimates(fit):
    curve = fit.curve.groupby("effect", sort=False)["estimate"]
    return [*fit.table["estimate"], *(part.to_numpy() for _, part in curve)]


@pytest.mark.parametrize("design", ["never cubic", "never knots", "not_yet cubic", "not_yet knots", "levels",
                                    "lowest levels"])  # fmt: skip
def test_figures_of_diff_diff(reference, design):
    """Averages and curves to seven digits; standard errors of the jackknife are 10 % below to 15 % above the
    analytic ones; of the average slope more, whose doses those take as fixed."""
    wanted = pd.read_csv(REFERENCE / "doses.csv").set_index(["design", "effect", "dose"]).sort_index().loc[design]
    frame, control = reference.staggered(), design.split()[0]
    dose = sp.Dose("dose", at=AT, degree=2 if "knots" in design else 3, knots=int("knots" in design))
    if "levels" in design:
        dose = sp.Dose("dose", basis="bins")
        frame = frame[frame["first"] != 3].assign(dose=lambda f: np.ceil(f["dose"] / 2))
    if "lowest" in design:
        frame = reference.all_treated()
    control = {"levels": "never", "lowest": "lowest_dose"}.get(control, control)
    fit = sp.did("y ~ d", frame, dose=dose, control=control, **KEYS)
    got = {(row.effect, f"{row.dose:g}"): row for row in fit.curve.itertuples()}
    got |= {(row.term, "average"): row for row in fit.table.itertuples()}
    assert set(got) == set(wanted.index)
    for key, row in got.items():
        assert row.estimate == pytest.approx(wanted["estimate"][key], abs=1e-7)
        assert 0.9 < row.std_error / wanted["std_error"][key] < (1.6 if key == ("ACRT", "average") else 1.15)


@pytest.mark.parametrize("control", ["never", "not_yet", "lowest_dose"])
@pytest.mark.parametrize("missing", [0, 11])
def test_estimates_are_their_dense_twin(control, missing):
    """By explicit least squares; with gaps over the units that are seen at both times."""
    frame = simulated()
    if control == "lowest_dose":
        frame = frame[frame["i"] % 3 == 0].assign(dose=lambda f: np.maximum(f["dose"], 2.0))
    frame = frame if not missing else frame.drop(index=frame.index[~frame["t"].isin([0, 2, 3])][::missing])
    at = np.array([2.5, 3.0, 4.0])
    fit = sp.did("y ~ d", frame.sample(frac=1, random_state=1), dose=sp.Dose("dose", degree=2, at=at), control=control,
                 missing="period", **KEYS)  # fmt: skip
    s = fit.sample
    *wanted, path = naive.doses(s.y, s.first, s.dose, s.mass > 0, control, 2, at)
    for own, other in zip(estimates(fit), wanted, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-9)
    for k, name in enumerate(("ATT", "ACRT")):
        free = fit.path[(fit.path["effect"] == name) & ~fit.path["reference"]]
        assert free["period"].tolist() == list(path)
        np.testing.assert_allclose(free["estimate"], [one[k] for one in path.values()], atol=1e-9)


@pytest.mark.parametrize("cluster", [None, "region"])
def test_deletions_are_estimates_without_a_unit(cluster):
    frame = simulated().assign(region=lambda f: f["i"] // 4)
    dose, group = sp.Dose("dose", degree=2, at=[2.5, 4.0]), cluster or "i"

    def everything(data):
        fit = sp.did("y ~ d", data, dose=dose, cluster=cluster, **KEYS)
        return fit, np.hstack(estimates(fit))

    fit, whole = everything(frame)
    left = np.array([everything(frame[frame[group] != g])[1] for g in frame[group].unique()])
    G = len(left)
    plain = np.sqrt((G - 1) / G * ((left - whole) ** 2).sum(axis=0))
    np.testing.assert_allclose(fit.table["std_error"], plain[:2] * fit.jackknife.scale, rtol=1e-7)
    relative = fit.curve["std_error"] / plain[2:]
    assert relative.between(0.6, 1.2).all()  # of a slope in cohorts of 16
    np.testing.assert_allclose(np.sqrt(np.diag(fit.curve_vcov)), fit.curve["std_error"], rtol=1e-12)


def test_scale_degrees_of_freedom_and_the_joint_test_are_their_dense_twins():
    """From the weights of outcomes, of all units and without each."""
    frame = simulated(N=18, T=4, untreated=True)
    fit = sp.did("y ~ d", frame, dose=sp.Dose("dose", degree=1, at=[3.0]), **KEYS)
    s = fit.sample

    @lru_cache
    def responses(gone):
        """Everything that is estimated from each outcome that is one in one period of one unit, zero elsewhere."""
        units = np.delete(np.arange(18), gone) if gone >= 0 else np.arange(18)
        ones = np.eye(len(s.y) * len(units)).reshape(-1, len(s.y), len(units))
        return units, [naive.doses(y, s.first[units], s.dose[units], s.mass[:, units] > 0, "never", 1, np.array([3.0]))
                       for y in ones]  # fmt: skip

    def of(gone, read):
        units, each = responses(gone)
        out = np.zeros(s.y.shape)
        out[:, units] = np.array([read(one) for one in each]).reshape(len(s.y), -1)
        return out

    everyone, f = np.arange(18), 17 / 18
    for k, table in ((0, fit.table), (1, fit.table), (3, fit.curve)):  # ATT, ACRT, ACRT(3)
        v = of(-1, lambda one, k=k: np.sum(one[k]))
        without = [of(i, lambda one, k=k: np.sum(one[k])) for i in everyone]
        error, scale, df = naive.jackknife(s.y, np.ones(s.y.shape), v, without, np.full(18, f))
        row = table.iloc[min(k, 1)]
        np.testing.assert_allclose([row["std_error"], row["df"]], [error, df], rtol=1e-7)
        if table is fit.table:
            assert fit.jackknife.scale[k] == pytest.approx(scale, rel=1e-8)
    leads = [(k, e) for e in (0, 1) for k in fit.pretrends.leads]
    assert fit.pretrends.leads == (-3, -2)
    v = np.array([of(-1, lambda one, k=k, e=e: one[4][k][e]).ravel() for k, e in leads])
    delta = np.array([[of(i, lambda one, k=k, e=e: one[4][k][e]).ravel() for k, e in leads]
                      for i in everyone]) - v  # fmt: skip
    F, eta = naive.joint(s.y.ravel(), v, delta, f)
    joint = fit.pretrends.joint
    assert (joint.statistic, *joint.df) == pytest.approx((F, 4, eta - 3), rel=1e-7)


def test_the_joint_test_of_large_samples_is_projected(monkeypatch):
    frame = simulated(N=90)
    exact = sp.did("y ~ d", frame, dose="dose", **KEYS).pretrends.joint
    monkeypatch.setattr(dose_response, "LARGEST", 0)
    monkeypatch.setattr(comparisons, "LARGEST", 0)
    large = sp.did("y ~ d", frame, dose="dose", **KEYS).pretrends.joint
    assert large.df[1] == pytest.approx(exact.df[1], rel=0.1)
    assert large.p_value == pytest.approx(exact.p_value, abs=0.02)


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_averages_over_doses_are_group_time_effects(control):
    """Level, standard error, degrees of freedom and path: the dose only divides them."""
    frame = simulated()
    plain = sp.did("y ~ d", frame, control=control, **KEYS)
    for dose in ("dose", sp.Dose("dose", basis="bins"), sp.Dose("dose", degree=2, knots=2)):
        fit = sp.did("y ~ d", frame, control=control, dose=dose, **KEYS)
        group = plain.table.set_index("term").loc["ATT, group"]
        level = fit.path[fit.path["effect"] == "ATT"]
        for column in ("estimate", "std_error", "df"):
            assert fit.table[column][0] == pytest.approx(group[column], rel=1e-7)
            np.testing.assert_allclose(level[column], plain.path[column], rtol=1e-7, atol=1e-12)


def selected(seed=2, N=48, T=5):
    """Doses, adoption and trends depend on a covariate."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(N)
    first = np.where(rng.uniform(size=N) < 1 / (1 + np.exp(-x)), rng.choice([2, 3], N), T)
    dose = np.where(first < T, 1.5 + np.exp(x / 3) + rng.uniform(0, 2, N), 0.0)
    t = np.arange(T)[:, None]
    y = rng.standard_normal(N) + rng.standard_normal((T, N)) + 0.8 * t * x + (t >= first) * (dose + dose**2 / 5)
    return pd.DataFrame({"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), "y": y.ravel(),
                         "d": (t >= first).ravel() * 1.0, "dose": np.tile(dose, T), "x": np.tile(x, T),
                         "z": np.round(rng.standard_normal(N * T), 3)})  # fmt: skip


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("adjustment", ["doubly_robust", "improved", "regression"])
def test_effects_given_covariates_are_their_dense_twin(control, adjustment):
    """With gaps too; averages over doses are group-time effects given the same covariates."""
    frame, at = selected(), np.array([3.5, 3.7])
    frame = frame.drop(index=frame.index[frame["t"] == 4][::7]) if adjustment == "regression" else frame
    options = {"adjustment": adjustment, "treatment": "d", "control": control, "missing": "period", **KEYS}
    fit = sp.did("y ~ d + x + z", frame, dose=sp.Dose("dose", degree=1, at=at), **options)
    s = fit.sample
    *wanted, path = naive.doses(s.y, s.first, s.dose, s.mass > 0, control, 1, at, s.X, adjustment)
    for own, other in zip(estimates(fit), wanted, strict=True):
        np.testing.assert_allclose(own, other, atol=2e-6)
    for k, name in enumerate(("ATT", "ACRT")):
        free = fit.path[(fit.path["effect"] == name) & ~fit.path["reference"]]
        np.testing.assert_allclose(free["estimate"], [path[t][k] for t in free["period"]], atol=2e-6)
    group = sp.did("y ~ d + x + z", frame, **options)
    level = fit.path[fit.path["effect"] == "ATT"]
    for column in ("estimate", "std_error", "df"):
        if adjustment != "regression":  # with gaps a cohort's size is not that of each of its periods
            wanted = group.table.set_index("term").loc["ATT, group", column]
            assert fit.table[column][0] == pytest.approx(wanted, rel=1e-6)
        np.testing.assert_allclose(level[column], group.path[column], rtol=1e-6, atol=1e-9)


def test_deletions_given_covariates_are_estimates_without_a_unit():
    frame = selected(N=40, T=4)
    dose = sp.Dose("dose", degree=1, at=[3.0])

    def everything(data):
        fit = sp.did("y ~ d + x", data, dose=dose, treatment="d", **KEYS)
        return fit, np.hstack(estimates(fit))

    fit, whole = everything(frame)
    left = np.array([everything(frame[frame["i"] != i])[1] for i in range(40)])
    plain = np.sqrt(39 / 40 * ((left - whole) ** 2).sum(axis=0))
    np.testing.assert_allclose(fit.table["std_error"], plain[:2] * fit.jackknife.scale, rtol=1e-6)
    assert (fit.curve["std_error"] / plain[2:]).between(0.6, 1.2).all()
    assert fit.pretrends.joint.p_value > 0.01
    for part in ("average ATT is doubly robust", "covariates as they were before adoption"):
        assert part in str(fit)


def test_effects_without_noise_are_found_in_any_units():
    """2 d + d^2 in the first period and half as much again in each later one: level and slope are exact."""
    frame = simulated()
    start = frame["i"] % 3 + 2
    more = np.where(frame["d"] == 1, 1 + 0.5 * (frame["t"] - start), 0)
    exact = frame.assign(y=frame["i"] ** 2 + 3.0 * frame["t"] + more * (2 * frame["dose"] + frame["dose"] ** 2))
    fit = sp.did("y ~ d", exact, dose=sp.Dose("dose", degree=2, at=[2.0, 4.0]), **KEYS)
    growth = np.mean([(1 + 1.5 + 2) / 3, (1 + 1.5) / 2])
    np.testing.assert_allclose(fit.curve["estimate"], growth * np.array([8, 24, 6, 10]), rtol=1e-9)
    slopes = fit.path[(fit.path["effect"] == "ACRT") & (fit.path["period"] < 0)]
    np.testing.assert_allclose(slopes["estimate"], 0, atol=1e-9)
    scaled = sp.did("y ~ d", frame.assign(dose=100 * frame["dose"]), dose=sp.Dose("dose", at=[200, 400]), **KEYS)
    same = sp.did("y ~ d", frame, dose=sp.Dose("dose", at=[2, 4]), **KEYS)
    for column in ("estimate", "std_error"):
        np.testing.assert_allclose(scaled.curve[column][:2], same.curve[column][:2], rtol=1e-7)
        np.testing.assert_allclose(100 * scaled.curve[column][2:], same.curve[column][2:], rtol=1e-7)
        assert 100 * scaled.table[column][1] == pytest.approx(same.table[column][1], rel=1e-7)


def test_bins_are_means_and_their_slopes_differences():
    frame = simulated(N=60).query("i % 3 != 1")
    cuts = [2.0, 3.5]
    fit = sp.did("y ~ d", frame, dose=sp.Dose("dose", basis="bins", bins=cuts), **KEYS)
    wide = frame.pivot(index="i", columns="t", values="y")
    change = wide[[2, 3, 4]].mean(axis=1) - wide[1]
    dose = frame.groupby("i")["dose"].first()
    bins = np.digitize(dose, cuts)
    means = np.array([change[(bins == b) & (dose > 0)].mean() for b in range(3)]) - change[dose == 0].mean()
    at = np.array([dose[(bins == b) & (dose > 0)].mean() for b in range(3)])
    np.testing.assert_allclose(fit.curve["dose"], [*at, *at])
    slopes = np.diff([0, *means]) / np.diff([0, *at])
    np.testing.assert_allclose(fit.curve["estimate"], [*means, *slopes], rtol=1e-9)
    shares = np.bincount(bins[dose > 0]) / (dose > 0).sum()
    assert fit.table["estimate"].tolist() == pytest.approx([shares @ means, shares @ slopes])


def test_what_is_said_and_drawn():
    fit = sp.did("y ~ d", simulated(), dose="dose", band="simultaneous", **KEYS)
    one = sp.did("y ~ d", simulated(), dose="dose", **KEYS)
    assert (fit.curve["conf_high"] > one.curve["conf_high"]).all()
    clear = one.curve["p_value"] > 1e-3
    assert (fit.curve["p_value"] > one.curve["p_value"])[clear].all()
    for part in ("strong parallel trends", "polynomial of degree 3", "ATT at dose", "ACRT at dose",
                 "each hold together", "earlier effects and slopes are zero"):  # fmt: skip
        assert part in str(fit)
    assert fit.tidy()["term"].tolist() == ["ATT", "ACRT"]
    assert fit.randomization is None
    assert fit.plot().get_xlabel() == "dose"
    assert sp.plot.dose_response(fit, "ACRT").get_title(loc="left") == "Effect of one more unit of d on y"
    bins = sp.did("y ~ d", simulated(), dose=sp.Dose("dose", basis="bins"), **KEYS)
    assert len(bins.plot().collections) == 1
    with pytest.raises(SpatialInputError):
        sp.plot.dose_response(sp.did("y ~ d", simulated(), **KEYS))
    with pytest.raises(SpatialInputError):
        sp.placebo_units(fit)
    few = simulated().query("i % 3 != 1 or i < 10")  # three units adopt in 3
    left_out = sp.did("y ~ d", few, dose="dose", **KEYS)
    assert "leave out cohorts with too few doses for its polynomial of degree 3: 3" in str(left_out)
    wider = sp.did("y ~ d", few, dose=sp.Dose("dose", degree=1, at=[1.2, 3.0]), **KEYS)
    assert "composition changes" in str(wider)


def refused(frame, **options):
    with pytest.raises(SpatialInputError) as caught:
        sp.did(options.pop("formula", "y ~ d"), frame, **{**KEYS, "dose": "dose", **options})
    return caught.value.code


def test_what_is_refused():
    frame = simulated()
    treated = frame["d"] == 1
    assert refused(frame, method="imputation") == "E533"
    covariate = {"formula": "y ~ d + x", "treatment": "d"}
    assert refused(selected(), adjustment="weighting", **covariate) == "E533"
    assert refused(frame.assign(x=1.0 * (frame["i"] % 3 == 2)), **covariate) == "E734"
    assert refused(frame.assign(m=1.0), obs_weights="m") == "E533"
    assert refused(frame.assign(g=frame["i"] % 2), period_by="g") == "E533"
    assert refused(frame, dose="amount") == "E502"
    assert refused(frame.assign(dose=frame["dose"].where(frame["i"] > 0))) == "E201"
    assert refused(frame.assign(dose=frame["dose"] + frame["t"])) == "E236"
    assert refused(frame.assign(dose=-frame["dose"])) == "E230"
    assert refused(frame.assign(d=frame["d"] * frame["dose"])) == "E230"
    assert refused(frame, control="lowest_dose") == "E533"
    assert refused(frame, control="none") == "E501"
    everyone = simulated(untreated=False)
    assert refused(everyone) == "E234"
    assert refused(everyone, control="lowest_dose") == "E533"  # two dates
    once = everyone[everyone["i"] % 3 == 0]
    assert refused(once, control="lowest_dose") == "E206"  # nobody else with that dose
    assert refused(once.assign(dose=2.0), control="lowest_dose") == "E233"
    assert refused(frame, dose=sp.Dose("dose", degree=20)) == "E206"
    assert refused(frame, dose=sp.Dose("dose", at=[0.5])) == "E533"
    assert refused(frame, dose=sp.Dose("dose", basis="bins", bins=[2, 9])) == "E533"
    level = frame.assign(dose=np.where(frame["i"] < 40, 2.0, 3.0))
    assert refused(level, dose=sp.Dose("dose", knots=3)) == "E533"
    for options in ({"degree": 0}, {"knots": -1}, {"bins": 1}, {"degree": 2.5}):
        with pytest.raises(SpatialInputError):
            sp.Dose("dose", **options)
    with pytest.raises(SpatialInputError) as caught:
        sp.did("y ~ d", frame, entity="i", time="t", method="group_time", control="lowest_dose")
    assert caught.value.code == "E501"
    hidden = sp.did("y ~ d", frame.assign(dose=frame["dose"].where(treated)), dose="dose", **KEYS)
    assert hidden.att == pytest.approx(sp.did("y ~ d", frame, dose="dose", **KEYS).att)  # read where treated alone


def raised(data, **options):
    with pytest.raises(SpatialInputError) as caught:
        sp.did("y ~ d", data, **(KEYS | options))
    return caught.value


@pytest.mark.parametrize("basis", ["spline", "bins"])
@pytest.mark.parametrize("value", [1.0, 250.0])
def test_one_dose_of_all_is_named(basis, value):
    error = raised(simulated().assign(dose=value), dose=sp.Dose("dose", basis=basis))
    assert error.code == "E533"
    assert f"the same dose, {value:g}" in str(error)
    assert "leave dose= out" in str(error)
    assert sp.did("y ~ d", simulated(), **KEYS).att  # the hint, followed


def test_a_treatment_that_nobody_takes_is_named_rather_than_the_dose():
    data = simulated()
    error = raised(data.assign(d=0), dose="dose")
    assert error.code == "E233"
    assert error.column == "d"
    assert raised(data.assign(d=0), method="switchers").column == "d"


def test_switchers_and_weights_are_refused_with_a_step_that_works():
    data = simulated().assign(size=2.0)
    error = raised(data, method="switchers", obs_weights="size")
    assert "leave obs_weights= out" in str(error)
    assert "covariates" not in str(error)
    assert sp.did("y ~ d", data, **(KEYS | {"method": "switchers"}))
    assert sp.did(
        "y ~ d", data, obs_weights="size", **(KEYS | {"method": "imputation"}))
