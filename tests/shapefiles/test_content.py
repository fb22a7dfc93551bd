"""The data against what is known of the places."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

import shapefiles

from .naive import links

SHARED = Path(__file__).parents[2] / "../shared/data"


def vertices(shapes) -> set:
    return set(map(tuple, shapely.get_coordinates(shapes)))


def stored(name: str) -> pd.DataFrame:
    if not (SHARED / name).exists():
        pytest.skip(f"{name} is not here")
    return pd.read_csv(SHARED / name)


def graph_links(frame, *, rook: bool) -> set[frozenset]:
    graph = pytest.importorskip("libpysal.graph").Graph.build_contiguity(frame, rook=rook)
    pairs = graph.adjacency[graph.adjacency > 0].index
    return {frozenset(pair) for pair in pairs}


# --- United States ---------------------------------------------------------------------------------------------


def test_states_have_their_known_neighbors():
    states = shapefiles.load("us_states")
    queen, rook = links(states.geometry), links(states.geometry, edges=True)
    degree = Counter(unit for pair in queen for unit in pair)
    assert {unit for unit, n in degree.items() if n == 8} == {"MO", "TN"}
    assert {unit for unit, n in degree.items() if n == 1} == {"ME"}
    assert queen - rook == {frozenset({"AZ", "CO"}), frozenset({"UT", "NM"})}  # they meet in a point
    assert (queen, rook) == (graph_links(states, rook=False), graph_links(states, rook=True))


def test_census_table():
    states = shapefiles.load("us_states")
    assert states["fips"].is_unique
    assert states["fips"].str.fullmatch(r"\d\d").all()
    assert states.groupby("region").size().to_dict() == {"Midwest": 12, "Northeast": 9, "South": 16, "West": 11}
    assert states["division"].nunique() == 9
    # An independent witness of names and codes: each state contains its capital.
    for code, name, place in [("WY", "Wyoming", (-104.82, 41.14)), ("NH", "New Hampshire", (-71.54, 43.21)),
                              ("MS", "Mississippi", (-90.18, 32.30)), ("NE", "Nebraska", (-96.68, 40.81))]:  # fmt: skip
        assert states.loc[code, "name"] == name
        assert states.loc[code, "geometry"].contains(shapely.Point(place))


def test_counties_nest_in_their_states():
    states, counties = shapefiles.load("us_states"), shapefiles.load("us_counties")
    assert counties.index.str.fullmatch(r"\d{5}").all()
    assert counties.groupby("state").size().loc[["DC", "DE", "TX", "VA"]].tolist() == [1, 3, 254, 133]
    assert not counties.duplicated(["state", "name"]).any()
    prefix = pd.Series(states.index, index=states["fips"]).reindex([*states["fips"], "11"], fill_value="DC")
    assert (counties.index.str[:2].map(prefix) == counties["state"]).all()
    for code, group in counties[counties["state"] != "DC"].groupby("state"):
        state = states.loc[code, "geometry"]
        assert vertices(state) <= vertices(group.geometry.to_numpy())
        assert shapely.area(group.geometry.to_numpy()).sum() == pytest.approx(state.area, rel=1e-12)
    assert len(links(counties.geometry)) == 9071  # as in the source before it was simplified
    assert len(links(counties.geometry, edges=True)) == 8737


def test_panel_is_balanced_and_its_ids_are_the_map():
    panel = shapefiles.load_panel("us_states")
    assert len(panel) == 816
    assert not panel.duplicated(["state", "year"]).any()
    assert panel.equals(panel.sort_values(["state", "year"]))
    assert sorted(set(panel["year"])) == [*range(1970, 1987)]
    assert set(panel["state"]) == set(shapefiles.load("us_states").index)
    parts = panel["hwy"] + panel["water"] + panel["util"]
    assert np.abs(panel["pcap"] - parts).max() < 0.011  # each is rounded to two decimals


def test_panel_is_munnells():
    source = pytest.importorskip("linearmodels.datasets.munnell").load()
    ours = shapefiles.load_panel("us_states").set_index(["state", "year"])
    theirs = source.set_index(["ST_ABB", "YR"]).drop(columns="STATE").rename(columns=str.lower)
    theirs = theirs.rename(columns={"p_cap": "pcap"}).reindex(ours.index)
    assert (ours == theirs[ours.columns]).all().all()


def test_panel_and_borders_are_those_of_r():
    """R's Produc to the last digit, its census divisions, and splm's usaww from our borders."""
    produc = stored("reference/produc.csv")
    states = shapefiles.load("us_states")
    # Upper case with underscores, and "TENNESSE".
    code = {name.upper().replace(" ", "_").replace("TENNESSEE", "TENNESSE"): u for u, name in states["name"].items()}
    produc["state"] = produc["state"].map(code)
    ours = shapefiles.load_panel("us_states").set_index(["state", "year"])
    theirs = produc.set_index(["state", "year"]).loc[ours.index]
    assert (ours == theirs[ours.columns]).all().all()
    division = produc.drop_duplicates("state").set_index("state")["region"]
    assert len(set(zip(division, states["division"].reindex(division.index)))) == 9
    order = np.array(produc["state"].unique())
    usaww = stored("reference/produc_w_usaww_W.csv").iloc[:, :2].to_numpy().astype(int) - 1
    assert {frozenset(pair) for pair in order[usaww].tolist()} == links(states.geometry)


def test_castle_is_balanced_and_its_states_are_on_the_map():
    panel, states = shapefiles.load_panel("castle"), shapefiles.load("us_states")
    assert not panel.duplicated(["state", "year"]).any()
    assert panel.equals(panel.sort_values(["state", "year"]))
    assert (len(panel), sorted(set(panel["year"]))) == (550, [*range(2000, 2011)])
    assert set(panel["state"]) - set(states.index) == {"AK", "HI"}
    there = panel.drop_duplicates("state").set_index("state")["region"].reindex(states.index)
    assert (there == states["region"]).all()  # the source numbers its states; the map's regions find them


def test_castle_laws_are_the_papers():
    """21 adopters; ``post``, the source's, is 1 in the years that our dates of adoption cover in full."""
    panel = shapefiles.load_panel("castle")
    laws = panel.pivot(index="year", columns="state", values="law")
    assert (laws.diff().iloc[1:] >= 0).all().all()
    assert (laws.iloc[-1] > 0).sum() == 21
    assert laws.loc[2005][laws.loc[2005] > 0].round(6).to_dict() == {"FL": round(92 / 365, 6)}
    assert ((panel["law"] == 1) == (panel["post"] == 1)).all()


# --- China -----------------------------------------------------------------------------------------------------


def test_provinces_have_68_borders_and_hainan_is_an_island():
    provinces = shapefiles.load("china_provinces")
    result = links(provinces.set_index("name").geometry)
    degree = Counter(unit for pair in result for unit in pair)
    assert len(result) == 68
    assert set(provinces["name"]) - set(degree) == {"Hainan"}
    assert {unit for unit, n in degree.items() if n == 8} == {"Shaanxi", "Inner Mongolia"}
    two = {unit for unit, n in degree.items() if n == 2}
    assert two == {"Beijing", "Tianjin", "Shanghai", "Heilongjiang"}


def test_provinces_have_the_listed_borders():
    provinces = shapefiles.load("china_provinces").set_index("name")
    listed = stored("china_adjacency.csv").query("kind == 'land'")
    wanted = {frozenset(pair) for pair in listed[["a", "b"]].to_numpy().tolist()}
    assert len(wanted) == 68
    assert links(provinces.geometry) == links(provinces.geometry, edges=True) == wanted
    assert graph_links(provinces, rook=False) == graph_links(provinces, rook=True) == wanted


def test_provinces_carry_the_codes_names_and_seats_of_the_nation():
    provinces = shapefiles.load("china_provinces")
    assert provinces.index.str.fullmatch(r"\d\d0000").all()
    assert provinces.groupby("region").size().to_dict() == {"central": 6, "east": 10, "northeast": 3, "west": 12}
    seats = shapely.points(provinces["capital_lon"], provinces["capital_lat"])
    assert shapely.contains(provinces.geometry.to_numpy(), seats).all()
    codes = stored("china_province_panel.csv").drop_duplicates("prov_code").set_index("prov_code")
    ours = provinces.set_axis(provinces.index.str[:2].astype(int))
    assert (ours["name"] == codes["province"].reindex(ours.index)).all()
    assert (ours["name_zh"] == codes["prov_name"].reindex(ours.index)).all()


# --- Columbus --------------------------------------------------------------------------------------------------


def test_columbus_is_libpysals():
    from geopandas import read_file

    examples = pytest.importorskip("libpysal.examples")
    source = read_file(examples.get_path("columbus.shp")).set_index("POLYID")
    ours = shapefiles.load("columbus")
    assert ours.index.tolist() == [*range(1, 50)]
    assert ours.drop(columns="geometry").equals(source.drop(columns="geometry"))
    assert (ours.geometry.to_wkb() == source.geometry.to_wkb()).all()


def test_columbus_has_anselins_moments():
    """Ordinary least squares of Anselin (1988), table 12.3: crime on income and housing value."""
    frame = shapefiles.load("columbus")
    design = np.column_stack([np.ones(49), frame["INC"], frame["HOVAL"]])
    beta = np.linalg.lstsq(design, frame["CRIME"].to_numpy(), rcond=None)[0]
    np.testing.assert_allclose(beta, [68.619, -1.597, -0.274], atol=5e-4)
