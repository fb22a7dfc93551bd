"""Numbers that once came out wrong or without a word, each with its right value and its relatives."""

import json
import sqlite3
import warnings
from itertools import permutations as arrangements
from math import comb

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from shapely.geometry import Point, box

import spatial as sp
import weights as wt
from spatial.explore import _draws, _null
from spatial.explore.local import QUADRANTS
from spatial.plot.classes_of_units import COLOURS
from spillover.errors import SpatialInputError, SpatialInputWarning

L = wt.lattice(5, 5)
IDS = [f"u{i:02d}" for i in range(25)]
LABELLED = wt.from_dense(L.csr.toarray(), ids=IDS)


def refused(call):
    with pytest.raises(SpatialInputError) as error:
        call()
    return error.value


# a statistic that is not a number


def test_rates_without_an_event_have_no_p_value():
    assert refused(lambda: sp.moran_rate(np.zeros(25), np.full(25, 100.0), L)).code == "E204"
    assert refused(lambda: sp.local_moran_rate(np.zeros(25), np.full(25, 100.0), L)).code == "E204"
    assert refused(lambda: sp.smoothed_rates(np.zeros(25), np.full(25, 100.0))).code == "E204"


def test_g_of_one_positive_value_is_not_a_number():
    y = np.r_[7.0, np.zeros(24)]
    assert refused(lambda: sp.getis_ord(y, L)).code == "E204"
    local = sp.local_g(y, L, permutations=99).frame
    assert np.isnan(local["G"].iloc[0])  # all others are zero: a share of nothing
    assert local.loc[local.index[0], ["z", "p_norm", "p_sim"]].isna().all()
    assert local["cluster"].iloc[0] == "Not significant"


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_nan_is_never_significant(alternative):
    draws = np.random.default_rng(0).normal(size=99)
    assert np.isnan(_null.pseudo_p(np.nan, draws, alternative))
    assert np.isnan(_null.pseudo_p(0.0, np.append(draws, np.nan), alternative))
    assert _null.pseudo_p(0.0, draws, alternative) > 0.1


# arrays beside weights with ids


FAMILY = {
    "moran": lambda y, w, **o: sp.moran(y, w, permutations=9, **o),
    "geary": lambda y, w, **o: sp.geary(y, w, permutations=9, **o),
    "getis": lambda y, w, **o: sp.getis_ord(y, w, permutations=9, **o),
    "bv": lambda y, w, **o: sp.moran_bv(y, y, w, permutations=9, **o),
    "rate": lambda y, w, **o: sp.moran_rate(y, y + 1, w, permutations=9, **o),
    "correlogram": lambda y, w, **o: sp.correlogram(y, w, orders=2, permutations=9, **o),
    "joins": lambda y, w, **o: sp.join_counts(y > 4, w, permutations=9, **o),
    "local": lambda y, w, **o: sp.local_moran(y, w, permutations=9, **o),
    "local bv": lambda y, w, **o: sp.local_moran_bv(y, y, w, permutations=9, **o),
    "local rate": lambda y, w, **o: sp.local_moran_rate(y, y + 1, w, permutations=9, **o),
    "local geary": lambda y, w, **o: sp.local_geary(y, w, permutations=9, **o),
    "local g": lambda y, w, **o: sp.local_g(y, w, permutations=9, **o),
    "local joins": lambda y, w, **o: sp.local_join_counts(y > 4, w, permutations=9, **o),
}


@pytest.mark.parametrize("name", FAMILY)
def test_an_array_beside_labels_is_said(name):
    y, call = np.arange(25.0) % 7 + 2, FAMILY[name]
    with pytest.warns(SpatialInputWarning, match="by position"):
        bare = call(y, LABELLED)
    assert "by position" in str(bare)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        meant = call(y, LABELLED, align="position")
        series = call(pd.Series(y, IDS), LABELLED)
        call(y, L)  # ids 0, 1, 2, ... are positions
    assert "by position" in str(meant)
    assert "by position" not in str(series)
    pd.testing.assert_frame_equal(meant.to_frame(), bare.to_frame())


def test_series_in_another_order_is_matched_where_its_values_are_not():
    y = pd.Series(np.divmod(np.arange(25), 5)[0] * 1.0, IDS)
    other = y.sample(frac=1, random_state=1)
    assert sp.moran(other, LABELLED).I == sp.moran(y, LABELLED).I
    with pytest.warns(SpatialInputWarning):
        assert sp.moran(other.to_numpy(), LABELLED).I < 0.5 < sp.moran(y, LABELLED).I


@pytest.mark.parametrize("name", sorted(set(FAMILY) - {"joins", "local joins", "rate", "local rate"}))
def test_a_variable_may_be_a_column_of_data(name):
    y = pd.Series(np.arange(25.0) % 7 + 2, IDS, name="y")
    data = pd.DataFrame({"y": y, "code": IDS}, index=IDS).sample(frac=1, random_state=0)
    call = FAMILY[name]
    want = call(y, LABELLED).to_frame()
    pd.testing.assert_frame_equal(call("y", LABELLED, data=data).to_frame(), want)
    unlabelled = data.reset_index(drop=True)
    error = refused(lambda: call("y", LABELLED, data=unlabelled))
    assert (error.code, error.hint) == ("E101", "data=data.set_index('code')")
    pd.testing.assert_frame_equal(call("y", LABELLED, data=unlabelled.set_index("code")).to_frame(), want)


def test_names_of_columns_that_cannot_be_looked_up():
    data = pd.DataFrame({"y": np.arange(25.0)}, index=IDS)
    assert refused(lambda: sp.moran("y", LABELLED)).code == "E501"
    error = refused(lambda: sp.moran("z", LABELLED, data=data))
    assert (error.code, error.column) == ("E502", "z")
    assert "'y'" in error.hint or "y" in error.hint
    twice = pd.concat([data, data], axis=1)
    assert refused(lambda: sp.moran("y", LABELLED, data=twice)).code == "E502"


def test_labels_and_rates_may_be_columns_too():
    data = pd.DataFrame({"kind": list("ababb") * 5, "e": np.arange(25.0), "p": 100.0 + np.arange(25)}, index=IDS)
    want = sp.join_counts(data["kind"], LABELLED, permutations=9).frame
    pd.testing.assert_frame_equal(sp.join_counts("kind", LABELLED, data=data, permutations=9).frame, want)
    assert sp.moran_rate("e", "p", LABELLED, data=data).I == sp.moran_rate(data["e"], data["p"], LABELLED).I


# local G of values below zero


@pytest.mark.parametrize("star", [False, True])
def test_local_g_does_not_change_with_the_origin(star):
    y = pd.Series(np.random.default_rng(4).normal(size=25), IDS)
    below, above = sp.local_g(y, LABELLED, star=star), sp.local_g(y + 10, LABELLED, star=star)
    np.testing.assert_allclose(below.frame["z"], above.frame["z"], rtol=1e-10)
    np.testing.assert_array_equal(below.frame["p_sim"], above.frame["p_sim"])
    assert below.frame["cluster"].tolist() == above.frame["cluster"].tolist()
    np.testing.assert_array_equal(below.frame["G"], below.frame["z"])
    assert "negative values" in str(below)
    assert "negative values" not in str(above)


def test_g_of_growth_rates_is_ord_and_getis_formula():
    """Ord and Getis (1995), eq. 14, by dense sums."""
    y, w = np.random.default_rng(5).normal(size=25), L.csr.toarray() + np.eye(25)
    total, s = w.sum(axis=1), y.std()
    z = (w @ y - total * y.mean()) / (s * np.sqrt((25 * (w**2).sum(axis=1) - total**2) / 24))
    np.testing.assert_allclose(sp.local_g(y, L, star=True, permutations=0).frame["G"], z, rtol=1e-10)


# corrections and permutations


def block(side=18, height=6.0):
    """Normal noise on a square with one high block, and rows of unequal weights."""
    rng = np.random.default_rng(1)
    y = rng.normal(size=(side, side))
    y[4:10, 4:10] += height
    w = wt.lattice(side, side, rule="queen")
    return pd.Series(y.ravel(), w.ids), w


def unequal(w):
    csr = w.csr.copy()
    csr.data = csr.data * np.random.default_rng(2).uniform(0.5, 1.5, csr.nnz)
    return wt.from_dense(csr.toarray(), ids=list(w.ids))


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("correction", ["bonferroni", "fdr"])
def test_a_corrected_map_can_show_what_is_there(equal, correction):
    y, w = block()
    w = w if equal else unequal(w)
    result = sp.local_moran(y, w, correction=correction)
    exact = sp.local_moran(y, w, correction=correction, permutations=0)
    flagged, sure = (r.frame["cluster"].isin(QUADRANTS) for r in (result, exact))
    assert flagged.sum() >= 16  # the inside of the block
    assert (flagged & sure).sum() >= 0.8 * flagged.sum()
    assert 2 / (result.draws.max() + 1) < 0.05 / 324 / 4
    assert sp.local_moran(y, w).draws.max() == (99_999 if equal else 9_999)


def test_units_with_thin_tails_meet_all_permutations_and_only_they():
    """What they get is what everybody would get from that many; the others keep the first ones'."""
    y, w = block(8, 4.0)
    w = unequal(w)
    result = sp.local_moran(y, w, correction="bonferroni")
    first = sp.local_moran(y, w, permutations=9_999).frame["p_sim"]
    many = int(result.draws.max())
    total = sp.local_moran(y, w, permutations=many).frame["p_sim"]
    thin = result.draws == many
    assert 0 < thin.sum() < len(y)
    np.testing.assert_array_equal(result.frame["p_sim"][thin], total[thin])
    np.testing.assert_array_equal(result.frame["p_sim"][~thin], first[~thin])
    assert result.frame["p_sim"][~thin].min() > 1e-3
    assert f"{many:,} for the {thin.sum()} units" in str(result)


def test_too_few_permutations_for_bonferroni_are_refused_with_a_number_that_works():
    y, w = block()
    error = refused(lambda: sp.local_moran(y, w, permutations=9_999, correction="bonferroni"))
    assert error.code == "E501"
    enough = int(error.hint.split("permutations=")[1].split(",")[0].replace("_", ""))
    assert sp.local_moran(y, w, permutations=enough, correction="bonferroni").frame["cluster"].isin(QUADRANTS).any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        few = sp.local_moran(y, w, permutations=99, correction="fdr")
    assert "130 units or more pass the false discovery rate together" in str(few)  # 2 / 100 <= k 0.05 / 324


def test_long_work_is_announced_and_the_default_is_bounded():
    csr = sparse.csr_array(np.ones((1500, 1500)) - np.eye(1500))
    options = {"significance": 0.05, "correction": "none", "alternative": "two-sided"}
    assert 999 <= _draws.plan(csr, False, None, **options).first < 3_000
    with pytest.warns(SpatialInputWarning, match=r"99,999 permutations of 2,248,500 links take about \d+ (sec|min)"):
        _draws.plan(csr, False, 99_999, **options)
    with pytest.warns(SpatialInputWarning, match="1,000,000 permutations of 1,500 units"):
        _draws.announce_global(csr, 1, 1_000_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _draws.announce_global(csr, 1, 999)
        assert _draws.plan(L.csr, True, None, **options).first == 99_999


def test_what_cannot_fit_into_memory_is_refused():
    y = np.arange(25.0)
    assert refused(lambda: sp.moran(y, L, permutations=10**10)).code == "E501"
    many = wt.lattice(120, 120)
    error = refused(lambda: sp.join_counts(np.arange(14_400), many, pairs=True))
    assert (error.code, "labels" in error.message) == ("E501", True)
    warned = "by position"
    with pytest.warns(SpatialInputWarning, match=warned) as seen:
        sp.local_moran(y, LABELLED, permutations=9)
    assert seen[0].filename == __file__  # at the user's line


# panels


PANEL = pd.concat([pd.DataFrame({"code": IDS, "year": t, "y": np.arange(25.0) % (t + 3)}) for t in range(3)])


def test_the_column_with_the_units_is_named():
    for table in (sp.moran_by, sp.lisa_transitions):
        error = refused(lambda: table(PANEL.reset_index(drop=True), "y", LABELLED, time="year"))  # noqa: B023
        assert (error.code, error.hint) == ("E101", "entity='code'")
        table(PANEL, "y", LABELLED, time="year", entity="code")


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (["10", "8", "9"], ["8", "9", "10"]),
        (["2011-10", "2011-02", "2010-12"], ["2010-12", "2011-02", "2011-10"]),
        (["2011Q2", "2010Q4", "2011Q1"], ["2010Q4", "2011Q1", "2011Q2"]),
        ([3.0, 1.0, 2.0], [1.0, 2.0, 3.0]),
    ],
)
def test_periods_are_listed_in_their_order(labels, order):
    panel = PANEL.assign(year=PANEL["year"].map(dict(enumerate(labels))))
    table = sp.moran_by(panel, "y", LABELLED, time="year", entity="code", permutations=9)
    assert table.frame["year"].tolist() == order
    path = sp.lisa_transitions(panel, "y", LABELLED, time="year", entity="code")
    assert path.quadrants.columns.tolist() == order


def test_months_by_name_need_an_order():
    months = PANEL.assign(year=PANEL["year"].map({0: "Jan", 1: "Feb", 2: "Mar"}))
    for table in (sp.moran_by, sp.lisa_transitions):
        error = refused(lambda: table(months, "y", LABELLED, time="year", entity="code"))  # noqa: B023
        assert (error.code, error.column) == ("E106", "year")
    ordered = months.assign(year=pd.Categorical(months["year"], ["Jan", "Feb", "Mar"], ordered=True))
    moves = sp.lisa_transitions(ordered, "y", LABELLED, time="year", entity="code")
    assert moves.quadrants.columns.tolist() == ["Jan", "Feb", "Mar"]
    want = sp.lisa_transitions(PANEL, "y", LABELLED, time="year", entity="code")
    np.testing.assert_array_equal(moves.counts, want.counts)


# files


@pytest.fixture
def town():
    squares = [box(i % 5, i // 5, i % 5 + 1, i // 5 + 1) for i in range(25)]
    rng = np.random.default_rng(0)
    frame = {"fid": rng.integers(0, 5, 25), "geom": "text", "Cluster": 1, "I": 2.0, "FID": 3, "y": rng.normal(size=25)}
    return gpd.GeoDataFrame(frame, geometry=squares, index=pd.Index(IDS, name="code"), crs=3857)


def styled(path):
    with sqlite3.connect(path) as connection:
        column = connection.execute("SELECT f_geometry_column, styleQML FROM layer_styles").fetchone()
        real = connection.execute("SELECT column_name FROM gpkg_geometry_columns").fetchone()[0]
    return *column, real


@pytest.mark.parametrize("active", ["geometry", "geom", "SHAPE"])
def test_names_that_a_geopackage_uses_itself_are_kept_apart(town, tmp_path, active):
    if active == "geom":
        town = town.drop(columns="geom")
    map = town if active == "geometry" else town.rename_geometry(active)
    lisa = sp.local_moran("y", LABELLED, data=map, permutations=99)
    path = tmp_path / "lisa.gpkg"
    lisa.to_file(map.sample(frac=1, random_state=1), path)
    back = gpd.read_file(path, layer="lisa").set_index("code").loc[map.index]
    assert back["map_fid"].tolist() == map["fid"].tolist()
    assert back["map_map_FID"].tolist() == [3] * 25
    np.testing.assert_allclose(back["local_I"], lisa.frame["I"])
    np.testing.assert_allclose(back["y"], map["y"])
    assert back["local_cluster"].tolist() == lisa.frame["cluster"].astype(str).tolist()
    column, qml, real = styled(path)
    assert column == real == "geom"
    assert 'attr="local_cluster"' in qml
    assert back.geometry.geom_equals(map.geometry, align=False).all()


def test_the_layer_has_the_variable_and_the_ids_whatever_the_map_has(town, tmp_path):
    y = town["y"].rename("growth")
    plain = town[["geometry"]]
    for map, key in ((plain, "code"), (plain.rename_axis(None), "id"), (plain.assign(code=plain.index), "code")):
        lisa = sp.local_moran(y, LABELLED, permutations=99)
        lisa.to_file(map, tmp_path / "x.gpkg", overwrite=True)
        back = gpd.read_file(tmp_path / "x.gpkg", layer="x").set_index(key).loc[town.index]
        np.testing.assert_allclose(back["growth"], y)
    other = sp.local_moran(y.rename("y") * 2, LABELLED, permutations=99)
    other.to_file(town, tmp_path / "y.gpkg")
    back = gpd.read_file(tmp_path / "y.gpkg", layer="y").set_index("code").loc[town.index]
    np.testing.assert_allclose(back["y"] * 2, back["local_y"])  # the map's own y is another one
    points = plain.assign(centre=plain.centroid)
    lisa.to_file(points, tmp_path / "two.gpkg")
    assert len(gpd.read_file(tmp_path / "two.gpkg", layer="two")) == 25


def test_geojson_is_in_degrees_with_a_color_per_unit(town, tmp_path):
    lisa = sp.local_moran("y", LABELLED, data=town, permutations=99)
    lisa.to_file(town, tmp_path / "lisa.geojson")
    content = json.loads((tmp_path / "lisa.geojson").read_text(encoding="utf-8"))
    assert len(content["features"]) == 25
    first = content["features"][0]["properties"]
    assert first["code"] == "u00"
    assert first["fill"] == COLOURS[first["local_cluster"]]
    assert abs(content["features"][24]["geometry"]["coordinates"][0][0][0]) < 0.001  # 5 m from the origin, in degrees
    assert refused(lambda: lisa.to_file(town.set_crs(None, allow_override=True), tmp_path / "z.geojson")).code == "E402"
    assert refused(lambda: lisa.to_file(town, tmp_path / "lisa.geojson")).code == "E603"


def test_a_page_to_zoom_into_needs_folium(town):
    lisa = sp.local_moran("y", LABELLED, data=town, permutations=99)
    try:
        import folium  # noqa: F401
    except ImportError:
        assert refused(lambda: lisa.explore(town)).code == "E515"
    else:
        assert "leaflet" in lisa.explore(town).get_root().render()


# rates


def test_smoothed_rates_are_marshall_s():
    smoothing = pytest.importorskip("esda.smoothing")
    libpysal = pytest.importorskip("libpysal")
    rng = np.random.default_rng(3)
    people = rng.integers(20, 2_000, 25).astype(float)
    events = rng.poisson(people * rng.gamma(4, 0.01, 25)).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        w = libpysal.weights.WSP(sparse.csr_array(L.csr.toarray())).to_W(silence_warnings=True)
        theirs = smoothing.Empirical_Bayes(events, people).r.ravel()
        local = smoothing.Spatial_Empirical_Bayes(events, people, w).r.ravel()
    np.testing.assert_allclose(sp.smoothed_rates(events, people).frame["smoothed"], theirs, rtol=1e-10)
    ours = sp.smoothed_rates(events, people, L).frame
    np.testing.assert_allclose(ours["smoothed"], local, rtol=1e-9)
    assert ours["shrinkage"].between(0, 1).all()
    between = (ours["smoothed"] - ours["rate"]) * (ours["smoothed"] - ours["prior"])
    assert (between <= 1e-15).all()  # a smoothed rate lies between the raw one and the prior


def test_smoothing_matches_labels():
    rng = np.random.default_rng(3)
    people = pd.Series(rng.integers(20, 2_000, 25) * 1.0, IDS, name="people")
    events = (people * 0.05).round() + rng.integers(0, 3, 25)
    want = sp.smoothed_rates(events, people).frame["smoothed"]
    shuffled = sp.smoothed_rates(events, people.sample(frac=1, random_state=1)).frame["smoothed"]
    pd.testing.assert_series_equal(shuffled, want)
    assert refused(lambda: sp.smoothed_rates(events, people.drop("u00"))).code == "E101"
    assert refused(lambda: sp.smoothed_rates(events, people * 0)).code == "E211"
    with_w = sp.smoothed_rates(events, people.sample(frac=1, random_state=2), LABELLED)
    assert with_w.frame.index.tolist() == IDS
    assert "Empirical Bayes" in str(with_w)
    assert with_w.plot().get_xlabel() == "rate"


def test_local_moran_of_rates_is_that_of_the_standardised_rate():
    rng = np.random.default_rng(3)
    people = rng.integers(20, 2_000, 25) * 1.0
    events = rng.poisson(people * 0.05) * 1.0
    local = sp.local_moran_rate(events, people, L, permutations=999)
    standardised = sp.smoothed_rates(events, people).frame["standardised"].to_numpy()
    pd.testing.assert_frame_equal(local.frame, sp.local_moran(standardised, L, permutations=999).frame)
    s0 = L.csr.sum()
    assert local.frame["I"].sum() / s0 == pytest.approx(sp.moran_rate(events, people, L).I)


# joins between labels


@pytest.mark.parametrize("labels", ["aabbcca", "abcabcd", "aaaabbb"])
def test_joins_between_all_pairs_of_labels_by_enumeration(labels):
    """All distinct arrangements of seven labels under unequal, one-way weights."""
    w = np.zeros((7, 7))
    for i, j, weight in [(0, 1, 1.0), (1, 0, 2.0), (1, 2, 0.5), (2, 1, 0.5), (3, 4, 1.5), (4, 5, 1.0), (5, 0, 3.0),
                         (2, 6, 1.0), (6, 3, 2.0)]:  # fmt: skip
        w[i, j] = weight
    result = sp.join_counts(list(labels), w, pairs=True, permutations=999, seed=2)
    frame = result.frame.set_index("joins")
    kinds = sorted(set(labels))
    assert len(frame) == len(kinds) + comb(len(kinds), 2) + 1
    everywhere = np.array(sorted(set(arrangements(labels))))
    for name, row in frame.iterrows():
        if name == "different":
            counted = np.array([(w * (a[:, None] != a[None])).sum() for a in everywhere]) / 2
        else:
            a, b = name.split(":")
            one, other = (everywhere == a).astype(float), (everywhere == b).astype(float)
            counted = np.einsum("pi,ij,pj->p", one, w, other)
            counted = counted / 2 if a == b else (counted + np.einsum("pi,ij,pj->p", other, w, one)) / 2
        sd = counted.std() if counted.std() > 0 else np.nan  # a label with one unit
        np.testing.assert_allclose([row["expected"], row["sd"]], [counted.mean(), sd], rtol=1e-9)
        actual = counted[(everywhere == np.array(list(labels))).all(axis=1)][0]
        assert row["count"] == pytest.approx(actual)
        tails = np.mean(counted >= actual - 1e-9), np.mean(counted <= actual + 1e-9)
        true = min(1.0, 2 * min(tails))
        assert abs(row["p_sim"] - true) < 4 * 2 * np.sqrt(0.25 / 999)
    between = frame["count"].filter(like=":")
    assert frame.loc["different", "count"] == pytest.approx(
        between[[name[0] != name[-1] for name in between.index]].sum()
    )
    assert "a:b" in str(result)
    assert len(result.plot().get_yticklabels()) == len(frame)


# correlograms, and normality that does not hold


def test_correlogram_has_a_joint_p_value():
    from statsmodels.stats.multitest import multipletests

    y = pd.Series(np.divmod(np.arange(25), 5)[0] + np.random.default_rng(0).normal(size=25), IDS)
    result = sp.correlogram(y, LABELLED, orders=4)
    np.testing.assert_allclose(result.frame["p_holm"], multipletests(result.frame["p_sim"], method="holm")[1])
    assert f"any of these 4 together: p = {result.frame['p_holm'].min():.4f}" in str(result)
    assert "p_holm" in result.tidy()


def test_geary_says_when_normality_does_not_hold():
    rng = np.random.default_rng(0)
    points = rng.random((60, 2))
    w = wt.distance_band(points, 0.2, metric="planar", islands="nearest")  # numbers of neighbors differ
    skewed, normal = (sp.geary(v, w) for v in (rng.lognormal(0, 1.5, 60), rng.normal(size=60)))
    assert skewed.variance_rand > 1.2 * skewed.variance_norm
    assert "not normal" in str(skewed)
    assert "not normal" not in str(normal)


def test_every_result_shows_itself_and_has_a_name_of_its_own(town):
    y = town["y"]
    kinds = {
        "Moran": sp.moran(y, LABELLED), "GlobalStatistic": sp.geary(y, LABELLED),
        "LocalStatistic": sp.local_moran(y, LABELLED),
        "JoinCounts": sp.join_counts(y > 0, LABELLED), "Correlogram": sp.correlogram(y, LABELLED, orders=2),
        "MoranBy": sp.moran_by(PANEL, "y", LABELLED, time="year", entity="code"),
        "LisaTransitions": sp.lisa_transitions(PANEL, "y", LABELLED, time="year", entity="code"),
        "SmoothedRates": sp.smoothed_rates(y.abs().round(1), y.abs() + 1),
    }  # fmt: skip
    for name, result in kinds.items():
        assert type(result) is getattr(sp, name)
        assert result.summary() == str(result)
        assert "<pre>" in result._repr_html_()
        assert len(result.tidy())
        assert result.plot(*([town] if name == "LocalStatistic" else [])).figure is not None


def test_point_maps_and_missing_units_are_written(tmp_path, town):
    y = town["y"].where(town["y"].index != "u03")
    with pytest.warns(SpatialInputWarning, match="dropped"):
        lisa = sp.local_moran(y, LABELLED, permutations=99, missing="drop")
    points = gpd.GeoDataFrame({"y": y}, geometry=[Point(i, i) for i in range(25)], index=town.index, crs=3857)
    lisa.to_file(points, tmp_path / "points.gpkg")
    back = gpd.read_file(tmp_path / "points.gpkg", layer="points").set_index("code")
    assert back.loc["u03", "cluster"] == "No data"
    assert "local_y" not in back  # missing there and missing here are the same


# missing units and standardisation


@pytest.mark.parametrize("style", ["none", "row", "variance", "double", "spectral"])
def test_dropping_units_is_the_subset_of_the_weights(style):
    """Weights are scaled anew in the style they had, as ``w.subset`` does."""
    y = pd.Series(np.random.default_rng(8).normal(size=25), IDS)
    w = LABELLED if style == "none" else LABELLED.standardize(style)
    holes = y.where(~y.index.isin(["u03", "u11", "u12"]))
    part, kept = w.subset(list(holes.dropna().index)), holes.dropna()
    with pytest.warns(SpatialInputWarning, match="3 units with missing values dropped"):
        dropped = sp.moran(holes, w, missing="drop")
    assert dropped.I == sp.moran(kept, part).I
    with pytest.warns(SpatialInputWarning):
        local = sp.local_moran(holes, w, missing="drop", permutations=99).frame["I"].dropna()
    pd.testing.assert_series_equal(local, sp.local_moran(kept, part, permutations=99).frame["I"])
    by_hand = LABELLED.subset(list(kept.index))
    by_hand = by_hand if style == "none" else by_hand.standardize(style)
    np.testing.assert_allclose(dropped.I, sp.moran(kept, by_hand).I, rtol=1e-10)


# Lee's L


@pytest.mark.parametrize("own", [False, True])
def test_lee_s_l_by_enumeration(own):
    """All arrangements of seven pairs under one-way weights, with and without a diagonal."""
    rng = np.random.default_rng(11)
    w = np.round(rng.random((7, 7)) * (rng.random((7, 7)) < 0.4), 2)
    np.fill_diagonal(w, 1.0 if own else 0.0)
    x, y = rng.normal(size=7), rng.gamma(1, size=7)
    weights = wt.from_dense(w, allow_self=own)
    result = sp.lee(x, y, weights, permutations=5_000)
    a, b = ((v - v.mean()) / v.std() for v in (x, y))
    V = w.T @ w
    orders = np.array(list(arrangements(range(7))))
    exact = np.einsum("pi,ij,pj->p", a[orders], V, b[orders]) / (w.sum(axis=1) ** 2).sum()
    np.testing.assert_allclose([result.estimate, result.expected], [exact[0], exact.mean()], rtol=1e-9)
    np.testing.assert_allclose(result.variance_rand, exact.var(), rtol=1e-9)
    tails = np.mean(exact >= exact[0] - 1e-12), np.mean(exact <= exact[0] + 1e-12)
    assert result.p_sim == pytest.approx(min(1, 2 * min(tails)), abs=4 * np.sqrt(1 / 5_000))
    turned = sp.lee(y, x, weights, permutations=0)
    assert turned.estimate == pytest.approx(result.estimate)


def test_lee_s_l_is_esda_s(town):
    esda = pytest.importorskip("esda.lee")
    rng = np.random.default_rng(12)
    x, y = rng.normal(size=(2, 25))
    w = L.csr.toarray() + np.eye(25)
    w /= w.sum(axis=1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = esda.Spatial_Pearson(connectivity=sparse.csr_matrix(w), permutations=0).fit(x[:, None], y[:, None])
    rows = L.standardize("row")
    star = rows.csr.toarray() + np.diag(rows.csr.max(axis=1).toarray().ravel())
    star /= star.sum(axis=1, keepdims=True)
    ours = sp.lee(x, y, wt.from_dense(w, allow_self=True), permutations=0)
    assert ours.estimate == pytest.approx(theirs.association_[0, 1])
    a, b = ((v - v.mean()) / v.std() for v in (x, y))
    assert sp.lee(x, y, rows, star=True, permutations=0).estimate == pytest.approx((star @ a) @ (star @ b) / 25)
