"""Groups against single fits on cut data; differences by hand; permutations; bad input."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

FORMULA = "log(gsp) ~ log(pc) + unemp"
KEYS = {"entity": "state", "time": "year"}


@pytest.fixture(scope="module")
def data(panel, states):
    merged = panel.merge(states["region"].reset_index(), on="state")
    half = np.where(merged["region"].isin(["South", "West"]), "南西", "北东")
    return merged.assign(half=half).sample(frac=1, random_state=1)


def test_regions_are_single_fits_with_their_own_w(data, queen):
    result = sp.heterogeneity(FORMULA, data, queen, by="half", permutations=6, seed=2, **KEYS)
    assert set(result.effects) == {"南西", "北东"}
    one = data[data["half"] == "南西"]
    single = sp.sdm(FORMULA, one, queen.subset(sorted(one["state"].unique())), **KEYS).effects(seed=2)
    there = result.effects["南西"]
    np.testing.assert_allclose(there.estimates, single.estimates, rtol=1e-8)
    np.testing.assert_allclose(there.conf_low, single.conf_low, rtol=1e-6)
    first, second = result.effects.values()
    row = result.differences.iloc[0]
    assert row["estimate"] == pytest.approx(second.direct["log(pc)"] - first.direct["log(pc)"])
    assert row["std_error"] == pytest.approx(np.hypot(first.std_errors[0, 0], second.std_errors[0, 0]))
    drawn = result.drawn[np.isfinite(result.drawn).all(axis=1), 0]
    assert row["p_permutation"] == (1 + (np.abs(drawn) >= abs(row["estimate"])).sum()) / (1 + len(drawn))
    again = sp.heterogeneity(FORMULA, data, queen, by="half", permutations=6, seed=2, **KEYS)
    pd.testing.assert_frame_equal(again.differences, result.differences)
    assert "links to other groups cut" in str(result)
    ax = result.plot(effect="direct")
    assert "Direct effects by half" in ax.get_title(loc="left")
    np.testing.assert_allclose(ax.lines[1].get_xdata(), next(iter(result.effects.values())).direct)
    by_name = sp.heterogeneity(FORMULA, data, queen, by="half", model="sdm", seed=2, **KEYS)
    pd.testing.assert_frame_equal(by_name.differences.drop(columns="p_permutation"),
                                  result.differences.drop(columns="p_permutation"))  # fmt: skip
    assert "random groupings" in str(result)


def test_a_region_that_is_too_small_is_left_out_and_said(data, queen):
    """Three states by themselves: the other two groups are as if these did not exist, permutations among them too."""
    small = data.assign(part=data["half"].where(~data["state"].isin(["TX", "OK", "NM"]), "小"))
    with pytest.warns(sp.SpatialInputWarning, match=r"fewer than 5 units: 小 \(3\)"):
        result = sp.heterogeneity(FORMULA, small, queen, by="part", permutations=3, seed=2, **KEYS)
    assert set(result.effects) == {"南西", "北东"}
    assert "小 (3)" in str(result)
    rest = data[~data["state"].isin(["TX", "OK", "NM"])]
    alone = sp.heterogeneity(FORMULA, rest, queen.subset(sorted(rest["state"].unique())), by="half", permutations=3,
                             seed=2, **KEYS)  # fmt: skip
    np.testing.assert_allclose(result.differences["estimate"], alone.differences["estimate"], rtol=1e-7)
    np.testing.assert_allclose(result.drawn, alone.drawn, rtol=1e-5)
    assert result.settings["sizes"] == alone.settings["sizes"]
    with pytest.raises(SpatialInputError, match="two are needed") as caught:
        sp.heterogeneity(FORMULA, data.assign(part=np.where(data["state"] == "TX", "b", "a")), queen, by="part", **KEYS)
    assert caught.value.code == "E732"


def test_a_model_is_a_name_or_a_function(data, queen):
    with pytest.raises(SpatialInputError, match="model='sdn'") as caught:
        sp.heterogeneity(FORMULA, data, queen, by="half", model="sdn", **KEYS)
    assert caught.value.code == "E501"


def test_a_deal_is_the_fit_on_those_units(data, queen):
    """The first permutation, by hand."""
    result = sp.heterogeneity(FORMULA, data, queen, by="half", permutations=1, seed=9, variables=["unemp"], **KEYS)
    ids = pd.Index(queen.ids)
    codes = (data.drop_duplicates("state").set_index("state")["half"].reindex(ids) == "南西").to_numpy().astype(int)
    dealt = np.random.default_rng(9).permutation(codes)
    effects = []
    for g in (0, 1):
        units = ids[dealt == g]
        effects.append(sp.sdm(FORMULA, data[data["state"].isin(units)], queen.subset(list(units)), **KEYS).effects())
    gap = effects[1].estimates[:, 1] - effects[0].estimates[:, 1]
    np.testing.assert_allclose(result.drawn[0], gap, rtol=1e-6)


def test_levels_and_periods(data, queen):
    level = sp.heterogeneity(FORMULA, data, queen, by="gsp", cut="median", **KEYS)
    means = data.groupby("state")["gsp"].mean()
    high = set(means.index[means > means.median()])
    assert set(list(level.fits.values())[1]._design.ids) == high
    eras = sp.heterogeneity(FORMULA, data, queen, by="year", cut=[1975, 1980], model=sp.sar, **KEYS)
    assert list(eras.effects) == ["year <= 1975", "1975 < year <= 1980", "year > 1980"]
    late = sp.sar(FORMULA, data[data["year"] > 1980], queen, **KEYS)
    np.testing.assert_allclose(eras.fits["year > 1980"].params, late.params, rtol=1e-8)
    assert len(eras.differences) == 3 * 3 * 2
    assert len(eras.tidy()) == 3 * 3 * 2


@pytest.mark.parametrize(("options", "code"), [
    ({"by": "unemp"}, "E236"), ({"by": "nowhere"}, "E502"), ({"by": "unemp", "cut": [99]}, "E533"),
    ({"by": "half", "cut": "median"}, "E203"), ({"by": "unemp", "cut": "mean"}, "E501"), ({"by": "state"}, "E732"),
    ({"by": "half", "variables": ["gsp"]}, "E502"), ({"by": "holes"}, "E201"),
])  # fmt: skip
def test_bad_input(data, queen, options, code):
    holes = data.assign(holes=data["half"].where(data["state"] != "TX"))
    with pytest.raises(SpatialInputError) as caught:
        sp.heterogeneity(FORMULA, holes, queen, **options, **KEYS)
    assert caught.value.code == code


def test_a_groups_error_names_the_group(data, queen):
    constant = data.assign(d=np.where(data["half"] == "南西", data["unemp"], 0.0))
    with pytest.raises(SpatialInputError, match="in group '北东'"):
        sp.heterogeneity("log(gsp) ~ log(pc) + d", constant, queen, by="half", **KEYS)


def test_dynamic_models_are_refused(data, queen):
    with pytest.raises(SpatialInputError, match="static models") as caught:
        sp.heterogeneity(FORMULA, data, queen, by="half", model="sar", lags="y", effects="entity", **KEYS)
    assert caught.value.code == "E501"


@pytest.mark.parametrize("by", [{"by": "unemp", "cut": "median"}, {"by": "year", "cut": [1978]}], ids=str)
@pytest.mark.parametrize("options", [{}, {"effects": "entity", "vcov": "robust"}, {"durbin": ["unemp"]},
                                     {"missing": "drop", "correction": False}], ids=str)  # fmt: skip
def test_groups_cut_from_the_whole_are_those_that_are_read_alone(data, queen, by, options):
    """A function of the user's own has its rows read again, group by group."""
    if "missing" in options:
        data = data.assign(unemp=data["unemp"].where(data["state"] != "TX"))

    def own(*args, **keywords):
        return sp.sdm(*args, **keywords)

    cut, read = (sp.heterogeneity(FORMULA, data, queen, model=model, permutations=3, **by, **options, **KEYS)
                 for model in (sp.sdm, own))  # fmt: skip
    np.testing.assert_allclose(cut.drawn, read.drawn, rtol=1e-10)
    pd.testing.assert_frame_equal(cut.tidy(), read.tidy(), rtol=1e-10)
    for a, b in zip(cut.fits.values(), read.fits.values()):
        pd.testing.assert_series_equal(a.fitted, b.fitted, rtol=1e-10)
        pd.testing.assert_frame_equal(a._design.frame, b._design.frame)
        np.testing.assert_array_equal(a._design.order, b._design.order)


@pytest.mark.parametrize("formula", ["log(gsp) ~ scale(log(pc)) + unemp", "log(gsp) ~ C(region) + unemp",
                                     "log(gsp) ~ lag(unemp) + log(pc)"])  # fmt: skip
def test_terms_of_the_sample_are_those_of_each_group(data, queen, formula):
    """Means, levels and first periods are a group's own."""
    options = {"effects": "entity" if "C(" not in formula else "none", "model": "slx"}
    result = sp.heterogeneity(formula, data, queen, by="half", **options, **KEYS)
    one = data[data["half"] == "南西"]
    single = sp.slx(formula, one, queen.subset(sorted(one["state"].unique())), effects=options["effects"], **KEYS)
    pd.testing.assert_series_equal(result.fits["南西"].params, single.params)


def test_a_group_in_which_a_regressor_does_not_vary_is_left_out():
    """Its name is in the notes; where nothing is left to compare, the reason is the error."""
    import shapefiles
    import weights as wt

    states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
    panel["region"] = panel["state"].map(states["region"])
    panel["x"] = panel["unemp"].where(panel["region"] != "West", 1.0)
    args = (panel, wt.queen(states).standardize("row"))
    keys = {"by": "region", "entity": "state", "time": "year"}
    with pytest.warns(sp.SpatialInputWarning, match="West has a regressor that does not vary"):
        result = sp.heterogeneity("log(gsp) ~ x + log(emp)", *args, **keys)
    assert list(result.effects) == ["Midwest", "Northeast", "South"]
    panel["x"] = panel["unemp"].where(panel["region"] == "South", 1.0)
    with pytest.raises(SpatialInputError, match="in group 'Midwest'") as caught:
        sp.heterogeneity("log(gsp) ~ x + log(emp)", *args, **keys)
    assert caught.value.code == "E204"
