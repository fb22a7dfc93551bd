"""Difference-in-differences against published figures, linearmodels, dense twins and laws."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
from spatial.policy import imputation
from spatial.policy._sample import read_policy
from spillover.errors import SpatialInputError

from . import naive
from .conftest import staggered

KEYS = {"entity": "省份", "time": "年份"}
METHODS = ["twfe", "imputation", "group_time"]

REFERENCE = Path(__file__).parents[2] / "reference/did"


@pytest.fixture(scope="module")
def mpdta():
    """Teen employment and minimum wages in 500 counties (Callaway & Sant'Anna 2021)."""
    wide = pd.read_csv(REFERENCE / "mpdta.csv")
    long = wide.melt(["county", "first", "lpop"], var_name="year", value_name="lemp").astype({"year": int})
    return long.assign(treat=((long["first"] > 0) & (long["year"] >= long["first"])).astype(int))


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_figures_of_csdid(mpdta, control):
    """Without covariates, as csdid computes them; standard errors within 3 % of its analytic ones."""
    table = pd.read_csv(REFERENCE / "conditional.csv").set_index(["control", "method", "what"]).sort_index()
    wanted = table.loc[control.replace("_", "") + "treated", "none"]
    keys = {"entity": "county", "time": "year"}
    fit = sp.did("lemp ~ treat", mpdta, method="group_time", control=control, **keys)
    for name in ("simple", "dynamic", "group", "calendar"):
        row = fit.table.set_index("term").loc[f"ATT, {name}"]
        assert row["estimate"] == pytest.approx(wanted["estimate"][name], abs=1e-8)
        assert row["std_error"] == pytest.approx(wanted["std_error"][name], rel=0.03)
    for row in fit.path[~fit.path["reference"]].itertuples():
        assert row.estimate == pytest.approx(wanted["estimate"][str(row.period)], abs=1e-8)


def test_published_figures_of_castle_doctrine():
    """Cheng & Hoekstra (2013): .0801, .0877, .0946; our share of a year is from their dates, in days."""
    castle = shapefiles.load_panel("castle")
    keys = {"entity": "state", "time": "year", "method": "twfe"}
    weighted = {"obs_weights": "population"}
    for options, published in [(weighted, 0.0801), ({}, 0.0877), ({**weighted, "period_by": "region"}, 0.0946)]:
        assert sp.did("log(homicide) ~ law", castle, **keys, **options).att == pytest.approx(published, abs=1.5e-4)


@pytest.mark.parametrize("obs_weights", [None, "人口"])
def test_two_way_effects_are_linearmodels(frame, obs_weights):
    """Estimates; their deletions are those of its refits without each unit."""
    PanelOLS = pytest.importorskip("linearmodels.panel").PanelOLS
    fit = sp.did("产出 ~ 政策 + 开放", frame, method="twfe", obs_weights=obs_weights, **KEYS)
    indexed = frame.set_index(["省份", "年份"])
    weights = indexed[obs_weights] if obs_weights else None
    peer = PanelOLS(indexed["产出"], indexed[["政策", "开放"]], entity_effects=True, time_effects=True, weights=weights)
    peer = peer.fit(cov_type="clustered", cluster_entity=True, debiased=False)
    assert fit.att == pytest.approx(peer.params["政策"], abs=1e-9)
    deleted = []
    for unit in frame["省份"].unique():
        rest = indexed.drop(unit, level=0)
        weights = rest[obs_weights] if obs_weights else None
        again = PanelOLS(rest["产出"], rest[["政策", "开放"]], entity_effects=True, time_effects=True, weights=weights)
        deleted.append(again.fit().params["政策"])
    plain = np.sqrt(23 / 24 * ((np.array(deleted) - fit.att) ** 2).sum())
    assert fit.std_error == pytest.approx(plain * fit.jackknife.scale[0], rel=1e-7)


@pytest.mark.parametrize("options", [{}, {"obs_weights": "人口"}, {"obs_weights": "人口", "period_by": "区域"}])
def test_imputation_is_its_dense_twin(frame, options):
    sample = read_policy("产出 ~ 政策 + 开放", frame, **KEYS, **options)
    _, estimands = imputation.averages(sample, (-9, 9))
    result = imputation.effects(sample, estimands)
    args = (sample.y, sample.D, sample.X, sample.mass, sample.region)
    twin = [naive.imputation(*args, a) for a in estimands]
    np.testing.assert_allclose(result.estimates, [estimate for estimate, _ in twin], rtol=1e-9)
    weights = [v.reshape(sample.y.shape) / np.sqrt(sample.mass) for _, v in twin]
    np.testing.assert_allclose(result.v.transpose(0, 2, 1), weights, atol=1e-9)
    first = np.array([[3, 7, 5, 7, 3, 7] * 4, sample.first])
    many = imputation.overall(sample, first)
    assert many[1] == pytest.approx(result.estimates[0], rel=1e-9)
    moved = sample.adopting(first[0])
    assert many[0] == pytest.approx(imputation.effects(moved, imputation.averages(moved, (0, 9))[1][:1]).estimates[0])


def test_robust_methods_are_exact_without_noise_and_two_way_effects_are_not():
    """Effects that grow and differ between cohorts: the mean over treated observations is known."""
    frame = staggered(np.random.default_rng(1), noise=0.0, x=0.0, effect=lambda g, k: g / 3 + k)
    truth = np.mean([g / 3 + k for g in (3, 5) for k in range(7 - g)])
    fits = {method: sp.did("产出 ~ 政策", frame, method=method, **KEYS) for method in METHODS}
    assert fits["imputation"].att == pytest.approx(truth, abs=1e-10)
    assert fits["group_time"].att == pytest.approx(truth, abs=1e-10)
    assert abs(fits["twfe"].att - truth) > 0.2
    path = fits["imputation"].path.set_index("period")["estimate"]
    assert path[0] == pytest.approx((3 / 3 + 5 / 3) / 2)
    assert path[3] == pytest.approx(3 / 3 + 3)
    assert np.abs(path[path.index < 0]).max() < 1e-10


@pytest.mark.parametrize("method", METHODS)
def test_laws(frame, method):
    """y + unit and period effects, and row order, change nothing; c y gives c times estimate and error."""
    fit = sp.did("产出 ~ 政策", frame, method=method, **KEYS)
    shifted = frame.assign(产出=3 * frame["产出"] + frame["省份"].astype(int) + (frame["年份"] - 2000) ** 2)
    other = sp.did("产出 ~ 政策", shifted.iloc[::-1], method=method, **KEYS)
    np.testing.assert_allclose(other.table["estimate"], 3 * fit.table["estimate"], rtol=1e-9)
    np.testing.assert_allclose(other.path["std_error"], 3 * fit.path["std_error"], rtol=1e-8)
    assert fit.path["reference"].sum() == (method != "imputation")
    for name in ("joint", "slope"):
        test, again = getattr(fit.pretrends, name), getattr(other.pretrends, name)
        assert again.statistic == pytest.approx(test.statistic, rel=1e-6)
        assert 0 < test.p_value < 1
    np.testing.assert_allclose(other.table["p_value"], fit.table["p_value"], rtol=1e-6)
    assert "省份" in str(fit)


def test_windows_gather_their_ends(frame):
    """Two-way effects on hand-made indicators of -3 and before, -2, 0, 1 and later."""
    fit = sp.did("产出 ~ 政策", frame, method="twfe", window=(-3, 1), **KEYS)
    first = frame[frame["政策"] == 1].groupby("省份")["年份"].min()
    since = (frame["年份"] - frame["省份"].map(first)).clip(-3, 1)
    columns = {f"k{j}": (since == k).astype(float) for j, k in enumerate([-3, -2, 0, 1])}
    sample = read_policy("产出 ~ " + " + ".join(columns), frame.assign(**columns), treatment="k0", **KEYS)
    T, N = sample.y.shape
    R = np.column_stack([sample.D.ravel(), sample.X.reshape(T * N, -1), naive.dummies(T, N, sample.region)])
    tau = np.linalg.lstsq(R, sample.y.ravel(), rcond=None)[0][:4]
    np.testing.assert_allclose(fit.path.loc[~fit.path["reference"], "estimate"], tau, rtol=1e-8)


def _set(frame, units, periods, value):
    at = frame["省份"].isin(units) & frame["年份"].isin(periods)
    return frame.assign(政策=frame["政策"].where(~at, value))


YEARS = range(2000, 2007)
BAD = {
    "E230": lambda f: f.assign(政策=f["政策"] * 0.5),
    "E231": lambda f: _set(f, ["000"], [2006], 0.0),
    "E232": lambda f: _set(f, ["007"], YEARS, 1.0),
    "E233": lambda f: f.assign(政策=0.0),
    "E234": lambda f: f[~f["省份"].isin([f"{i:03d}" for i in range(2, 24, 3)])],
    "E235": lambda f: _set(f, [f"{i:03d}" for i in range(1, 24)], YEARS, 0.0),
}


@pytest.mark.parametrize("code", BAD)
def test_designs_that_cannot_be_used_are_named(frame, code):
    with pytest.raises(SpatialInputError) as caught:
        sp.did("产出 ~ 政策", BAD[code](frame), method="group_time", **KEYS)
    assert caught.value.code == code
    assert caught.value.column == "政策"
    if code in ("E231", "E232", "E235"):
        assert caught.value.ids == {"E231": ["000"], "E232": ["007"], "E235": ["000"]}[code]


def test_all_treated_always_and_at_once_are_told_apart(frame):
    for treated, message in [(1.0, "every period"), ((frame["年份"] > 2003) * 1.0, "same periods")]:
        with pytest.raises(SpatialInputError, match=message) as caught:
            sp.did("产出 ~ 政策", frame.assign(政策=treated), **KEYS)
        assert caught.value.code == "E233"


def test_periods_without_untreated_units_are_named(frame):
    with pytest.raises(SpatialInputError) as caught:
        sp.did("产出 ~ 政策", BAD["E234"](frame), **KEYS)
    assert (caught.value.code, caught.value.ids) == ("E730", [2005, 2006])
    cut = BAD["E234"](frame).query("年份 < 2005")
    assert np.isfinite(sp.did("产出 ~ 政策", cut, **KEYS).std_error)


def test_options_that_do_not_fit(frame):
    for options, code in [({"method": "group_time", "obs_weights": "人口"}, "E540"), ({"window": (0, 3)}, "E533"),
                          ({"window": (-3,)}, "E533"), ({"window": ("a", "b")}, "E533"),
                          ({"cluster": "人口"}, "E236"), ({"treatment": "开放"}, "E502"), ({"method": "cs"}, "E501"),
                          ({"obs_weights": "产出"}, "E211"), ({"entity": None}, "E501"),
                          ({"level": 95}, "E501"), ({"cluster": "一"}, "E206"),
                          ({"reference": -9}, "E533"), ({"band": "both"}, "E501")]:  # fmt: skip
        with pytest.raises(SpatialInputError) as caught:
            sp.did("产出 ~ 政策", frame.assign(一=1), **{"method": "twfe", **KEYS, **options})
        assert caught.value.code == code


def test_few_clusters_widen_the_interval(frame):
    """Six regions of four: deletions of whole regions, t with few degrees of freedom."""
    data = frame.assign(大区=frame["省份"].str[-1:].map(lambda k: int(k) % 6))
    data["大区"] = data["省份"].astype(int) // 4
    fit = sp.did("产出 ~ 政策", data, cluster="大区", **KEYS)
    assert fit.table["df"][0] < 6
    assert "over 大区 (6)" in str(fit)


def test_treatment_must_be_clear(frame):
    """The only switch among regressors needs no name, in any place; two switches or none do."""
    named = sp.did("产出 ~ 开放 + 政策", frame, treatment="政策", **KEYS)
    assert sp.did("产出 ~ 开放 + 政策", frame, **KEYS).att == named.att
    two = frame.assign(另=(frame["年份"] > 2003) * frame["政策"])
    with pytest.raises(SpatialInputError, match="政策, 另 are 0 or 1") as caught:
        sp.did("产出 ~ 政策 + 另", two, **KEYS)
    assert (caught.value.code, caught.value.hint) == ("E502", "treatment='政策'")
    with pytest.raises(SpatialInputError, match="name the treatment"):
        sp.did("产出 ~ 开放 + 人口", frame, method="twfe", **KEYS)
    dose = sp.did("产出 ~ 开放", frame, method="twfe", **KEYS)
    assert "taken as a share or a dose" in str(dose)
    with pytest.raises(SpatialInputError) as caught:
        _ = dose.pretrends
    assert caught.value.code == "E206"


@pytest.mark.parametrize("keys", [{}, KEYS, {"entity": "省份"}, {"time": "年份"}])
def test_effects_behind_a_bar_are_unit_and_period(frame, keys):
    """As fixest writes them; others are refused with a way out."""
    wanted = sp.did("产出 ~ 政策 + 开放", frame, treatment="政策", **KEYS).att
    for text in ("产出 ~ 政策 + 开放 | 省份 + 年份", "产出 ~ 政策 + 开放|`省份` + 年份"):
        assert sp.did(text, frame, treatment="政策", **keys).att == pytest.approx(wanted, rel=1e-12)
    for text in ("产出 ~ 政策 | 省份", "产出 ~ 政策 | 省份 + 区域 + 年份"):
        with pytest.raises(SpatialInputError) as caught:
            sp.did(text, frame, **keys)
        assert caught.value.code == "E504"
    with pytest.raises(SpatialInputError) as caught:
        sp.did("产出 ~ 政策 | 区域 + 年份", frame, **{**KEYS, **keys})
    assert caught.value.code == "E504"


# -- time since adoption --------------------------------------------------------------------------------------------

UNEVEN = [2000, 2002, 2004, 2006, 2008, 2009, 2010, 2011]


def grows(years, dates, N=18):
    """Effect 1 + time since adoption, no noise."""
    rng, years = np.random.default_rng(1), np.asarray(years)
    start = np.array([*dates, 9999])[np.arange(N) % (len(dates) + 1)]
    since = years[:, None] - start
    y = rng.standard_normal(N) + rng.standard_normal((len(years), 1)) + np.where(since >= 0, 1 + since, 0)
    return pd.DataFrame({"y": y.ravel(), "d": (since >= 0).ravel() * 1.0, "id": np.tile(np.arange(N), len(years)),
                         "year": np.repeat(years, N)})  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_event_time_is_time_and_not_a_count_of_periods(method):
    """Cohorts last seen two years and one year before adoption; with 2008 both are seen two years before."""
    fit = sp.did("y ~ d", grows(UNEVEN, [2006, 2008 if method == "twfe" else 2009]), entity="id", time="year",
                 method=method)  # fmt: skip
    path = fit.path[~fit.path["reference"]].set_index("period")["estimate"]
    later = path[path.index >= 0]
    assert later.index.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(later, 1 + later.index, atol=1e-9)
    assert "periods are uneven" in str(fit)
    assert fit.path.loc[fit.path["reference"], "period"].tolist() == ([-2] if method == "twfe" else [])


@pytest.mark.parametrize("method", METHODS)
def test_every_second_year_is_a_reference_two_years_before(method):
    fit = sp.did("y ~ d", grows(range(2000, 2016, 2), [2006, 2010]), entity="id", time="year", method=method)
    path = fit.path.set_index("period")
    assert path.index[path["reference"]].tolist() == ([] if method == "imputation" else [-2])
    later = path.loc[path.index >= 0, "estimate"]
    np.testing.assert_allclose(later, 1 + later.index, atol=1e-9)
    assert not fit.notes


def test_without_a_common_time_before_adoption_two_way_effects_have_no_path():
    """One cohort is last seen one year before adoption, the other two and three."""
    keys = {"entity": "id", "time": "year", "method": "twfe"}
    data = grows([2000, 2003, 2004, 2006], [2004, 2006])
    fit = sp.did("y ~ d", data, **keys)
    assert fit.path is None
    assert "no common reference, no path" in str(fit)
    assert fit.pretrends.slope is None  # no noise
    assert "fit exactly" in str(fit.pretrends)
    named = sp.did("y ~ d", data, reference=-1, **keys)
    assert named.path.loc[named.path["reference"], "period"].tolist() == [-1]
    with pytest.raises(SpatialInputError, match="times before adoption are") as caught:
        sp.did("y ~ d", data, reference=-5, **keys)
    assert caught.value.code == "E533"


def test_periods_need_an_order():
    """Text is refused unless it is digits; dates, periods and ordered categories have an order."""
    data = grows(range(2001, 2009), [2004, 2006])
    wanted = sp.did("y ~ d", data, entity="id", time="year").path["estimate"]
    months = pd.to_datetime(data["year"].map(lambda y: f"{y}-03-31"))
    shorter = data["year"].map(lambda y: str(y - 1995))  # "6" to "13"
    for column in (data["year"].astype(str), shorter, months, pd.PeriodIndex(data["year"].astype(str), freq="Y"),
                   pd.Categorical(data["year"], ordered=True)):  # fmt: skip
        path = sp.did("y ~ d", data.assign(year=column), entity="id", time="year").path
        np.testing.assert_allclose(path["estimate"], wanted, atol=1e-9)
    for text in (lambda y: f"Y{y - 1992}", lambda y: "JFMASOND"[y - 2001]):
        with pytest.raises(SpatialInputError) as caught:
            sp.did("y ~ d", data.assign(year=data["year"].map(text)), entity="id", time="year")
        assert caught.value.code in ("E106", "E231", "E232", "E233")


@pytest.mark.parametrize("name", ["did", "ring_did", "exposure_did", "spatial_did", "mediation", "threshold",
                                  "heterogeneity"])  # fmt: skip
def test_cures_of_unbalanced_panels_can_be_followed(frame, name):
    """Those of differences take missing="period" and advise it; the others do neither."""
    units = sorted(frame["省份"].unique())
    ring = pd.DataFrame((np.eye(24, k=1) + np.eye(24, k=-1)), units, units)
    more = {"did": {}, "ring_did": {"rings": {"next": ring}}, "exposure_did": {"w": ring},
            "spatial_did": {"w": ring, "treatment": "政策"}, "threshold": {
        "threshold_variable": "人口"}, "mediation": {"w": ring, "variable": "政策", "mediator": "人口"},
        "heterogeneity": {"w": ring, "by": "区域"}}[name]  # fmt: skip
    for data in (frame.iloc[1:], frame.assign(开放=frame["开放"].where(frame.index != 5))):
        with pytest.raises(SpatialInputError) as caught:
            getattr(sp, name)("产出 ~ 政策 + 开放", data, **more, **KEYS)
        assert caught.value.code in ("E104", "E201")
        assert ('missing="period"' in (caught.value.hint or "")) == name.endswith("did")
        if name == "did":
            fit = sp.did("产出 ~ 政策 + 开放", data, **KEYS, missing="period")
            assert np.count_nonzero(fit.sample.mass) == len(frame) - 1
        if name == "spatial_did":
            fit = sp.spatial_did("产出 ~ 政策 + 开放", data, ring, treatment="政策", **KEYS, missing="period").fit
            assert fit._design.nobs == len(frame) - 1


def test_figures_show_the_path_and_the_cohorts():
    castle = shapefiles.load_panel("castle")
    fit = sp.did("log(homicide) ~ post", castle, entity="state", time="year", method="twfe", window=(-4, 3))
    ax = sp.plot.event_study(fit)
    free = fit.path[~fit.path["reference"]]
    filled, hollow = ax.lines[-2:]
    np.testing.assert_allclose(filled.get_xydata(), free[["period", "estimate"]])
    assert (hollow.get_xydata().tolist(), hollow.get_markerfacecolor()) == ([[-1.0, 0.0]], "white")
    bars = [segment[:, 1].tolist() for segment in ax.collections[0].get_segments()]
    np.testing.assert_allclose(bars, free[["conf_low", "conf_high"]])
    table = fit.trends()
    assert table.drop_duplicates("cohort").set_index("cohort")["units"].to_dict() == {
        "2006": 1, "2007": 13, "2008": 4, "2009": 2, "2010": 1, "never": 29}  # fmt: skip
    florida = np.log(castle.query("state == 'FL'")["homicide"])
    np.testing.assert_allclose(table.query("cohort == '2006'")["mean"], florida)
    drawn = sp.plot.trends(fit)
    marks = [line.get_xdata()[0] for line in drawn.lines if len(line.get_xdata()) == 1]
    assert sorted(marks) == [6, 7, 8, 9, 10]


def test_every_result_draws_itself(frame):
    """A path where there is one, else the table; bands are named; time has its column's name."""
    fit = sp.did("产出 ~ 政策", frame, band="simultaneous", method="twfe", **KEYS)
    ax = fit.plot()
    assert "band for all" in ax.get_ylabel()
    assert ax.get_xlabel().startswith("年份 since adoption")
    dose = sp.did("产出 ~ 开放", frame, method="twfe", **KEYS)
    drawn = dose.plot()
    assert drawn.get_yticklabels()[0].get_text() == "开放"
    bar = drawn.collections[0].get_segments()[0][:, 0]
    np.testing.assert_allclose(bar, dose.table.iloc[0][["conf_low", "conf_high"]].astype(float))
    with pytest.raises(SpatialInputError) as caught:
        sp.plot.event_study(dose)
    assert caught.value.code == "E206"
    assert "Placebo" in sp.placebo_units(fit, draws=19).plot().get_title(loc="left")


def weighted_cohorts(data, size):
    """Castle doctrine with one whole weight for each state, and the panel in which states are so many copies."""
    copies = pd.concat([data[data[size] > k].assign(copy=data["state"].astype(str) + f"_{k}") for k in range(3)])
    return copies.drop(columns="state").rename(columns={"copy": "state"}).assign(of=copies["state"].to_numpy())


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_weighted_group_times_are_those_of_copies(control):
    """Weights of states are copies of states: means, cohorts' sizes, and errors once the copies are one cluster."""
    data, keys = shapefiles.load_panel("castle"), {"entity": "state", "time": "year"}
    rng = np.random.default_rng(8)
    data["size"] = data["state"].map({s: float(rng.integers(1, 4)) for s in data["state"].unique()})
    how = {"method": "group_time", "control": control, **keys}
    fit = sp.did("log(homicide) ~ post", data, obs_weights="size", **how)
    copies = sp.did("log(homicide) ~ post", weighted_cohorts(data, "size"), cluster="of", **how)
    for one, other in ((fit.table, copies.table), (fit.path, copies.path)):
        np.testing.assert_allclose(one["estimate"], other["estimate"], rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(one["std_error"], other["std_error"], rtol=1e-9)
    sampled = sp.did("log(homicide) ~ post", data, obs_weights=sp.Sampling("size"), **how)
    pd.testing.assert_frame_equal(sampled.table, fit.table)
    equal = sp.did("log(homicide) ~ post", data.assign(size=5.0), obs_weights="size", **how)
    plain = sp.did("log(homicide) ~ post", data, **how)
    np.testing.assert_allclose(equal.table.select_dtypes("number"), plain.table.select_dtypes("number"), rtol=1e-12)
    assert fit.randomization is None
    with pytest.raises(SpatialInputError) as caught:
        sp.placebo_units(fit, draws=19)
    assert caught.value.code == "E540"
    assert "size" in sp.etable([fit]).to_text()


def test_a_weighted_effect_of_one_cohort_is_a_difference_of_weighted_means():
    data, keys = shapefiles.load_panel("castle"), {"entity": "state", "time": "year"}
    data = data[data.groupby("state")["post"].transform("sum").isin([0, 2])]  # never, or two periods treated
    data["size"] = data.groupby("state")["population"].transform("first")
    fit = sp.did("log(homicide) ~ post", data, method="group_time", obs_weights="size", **keys)
    wide = np.log(data.pivot(index="state", columns="year", values="homicide"))
    treated, size = data.groupby("state")["post"].max() > 0, data.groupby("state")["size"].first()
    last = data.loc[data["post"] == 0, "year"].max() - 2
    change = wide.loc[:, wide.columns > last].mean(axis=1) - wide[last]
    want = np.average(change[treated], weights=size[treated]) - np.average(change[~treated], weights=size[~treated])
    assert fit.att == pytest.approx(want, rel=1e-10)


@pytest.mark.parametrize(("method", "options", "named"), [
    ("imputation", {"adjustment": "regression"}, "adjustment="), ("imputation", {"control": "not_yet"}, "control="),
    ("twfe", {"adjustment": "doubly_robust"}, "adjustment="), ("twfe", {"control": "never"}, "control="),
])  # fmt: skip
def test_options_that_a_method_does_not_take_are_refused(frame, method, options, named):
    """Also where they say what another method does by default; without them the same call is an estimate."""
    with pytest.raises(SpatialInputError) as caught:
        sp.did("产出 ~ 政策", frame, method=method, **options, **KEYS)
    assert caught.value.code == "E533"
    assert named in caught.value.message
    assert f"leave {named} out" in caught.value.hint
    assert np.isfinite(sp.did("产出 ~ 政策", frame, method=method, **KEYS).att)
    more = frame.assign(z=np.random.default_rng(1).standard_normal(len(frame)))
    formula = "产出 ~ 政策 + z" if "adjustment" in options else "产出 ~ 政策"
    assert np.isfinite(sp.did(formula, more, method="group_time", **options, **KEYS).att)  # the hint
    for other in ("group_time", "switchers") if "adjustment" in options else ():
        with pytest.raises(SpatialInputError, match="is for covariates, and the formula has none") as caught:
            sp.did("产出 ~ 政策", frame, method=other, **options, **KEYS)
        assert caught.value.code == "E533"
    with pytest.raises(SpatialInputError) as caught:
        sp.did("产出 ~ 政策", frame, method="group_time", adjustment="dr", **KEYS)
    assert caught.value.code == "E501"
