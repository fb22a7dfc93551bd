"""Figures: what is drawn is what was estimated."""

import subprocess
import sys
from types import SimpleNamespace as Some

import geopandas as gpd
import matplotlib
import numpy as np
import pandas as pd
import pytest
import shapely
from matplotlib.collections import LineCollection, PathCollection
from pyproj import Geod

import shapefiles
import spatial as sp
import weights as wt
from spatial import plot
from spatial.plot import map as maps
from spatial.plot import style
from spillover.errors import SpatialInputError, SpatialInputWarning

FORMULA = "log(gsp) ~ log(pcap) + log(emp) + unemp"
AXES = {"entity": "state", "time": "year", "effects": "twoway"}


@pytest.fixture(scope="module")
def states():
    return shapefiles.load("us_states")


@pytest.fixture(scope="module")
def comparison(states):
    ws = {"queen": wt.queen(states).standardize("row"), "knn5": wt.knn(states, 5).standardize("row")}
    return sp.compare_weights(
        ws, model=sp.sdm, formula=FORMULA, data=shapefiles.load_panel("us_states"), **AXES
    )


@pytest.fixture(scope="module")
def effects(comparison):
    return comparison.effects["queen"]


def drawn_whiskers(ax):
    """(term, series, estimate, low, high) as the figure shows them, from top to bottom in each row."""
    terms = [t.get_text() for t in ax.get_yticklabels()]
    rows = []
    for line in ax.lines:
        if not line.get_label().startswith("_"):
            bars = next(c for c in ax.collections if isinstance(c, LineCollection)
                        and np.allclose([s[0, 1] for s in c.get_segments()], line.get_ydata()))  # fmt: skip
            for x, y, bar in zip(line.get_xdata(), line.get_ydata(), bars.get_segments()):
                rows.append((terms[round(y)], line.get_label(), x, bar[0, 0], bar[1, 0]))
    return sorted(rows)


def expected_whiskers(table, series):
    columns = ["term", series, "estimate", "conf_low", "conf_high"]
    return sorted(table[columns].itertuples(index=False, name=None))


def test_effects_are_drawn_with_their_intervals(effects):
    ax = plot.effects(effects)
    assert drawn_whiskers(ax) == expected_whiskers(effects.tidy(), "effect")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["log(pcap)", "log(emp)", "unemp"]
    assert ax.yaxis_inverted()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["direct", "indirect", "total"]
    assert ax.get_xlabel() == "Effect on log(gsp) of a one-unit rise, 95 % interval"
    zero = ax.lines[0]
    assert list(zero.get_xdata()) == [0, 0]
    beside = [(t.get_text(), round(t.xy[1])) for t in ax.texts]
    assert (f"{effects.total['unemp']:#.3g}".replace("-", "−"), 2) in beside


def test_variables_are_chosen_and_ordered(effects):
    ax = plot.effects(effects, variables=["unemp", "log(pcap)"])
    table = effects.tidy()
    assert drawn_whiskers(ax) == expected_whiskers(table[table["term"] != "log(emp)"], "effect")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["unemp", "log(pcap)"]


@pytest.mark.parametrize("kind", ["direct", "indirect", "total"])
def test_one_effect_under_every_weights(comparison, kind):
    table = comparison.tidy()
    ax = plot.by_weights(comparison, kind)
    assert drawn_whiskers(ax) == expected_whiskers(table[table["effect"] == kind], "weights")


def test_effects_by_order_add_up_along_the_lines(effects):
    ax = plot.by_order(effects, "log(emp)", orders=30)
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    for kind in ("direct", "indirect", "total"):
        assert len(drawn[kind]) == 31
        assert drawn[kind].sum() == pytest.approx(getattr(effects, kind)["log(emp)"], rel=1e-8)


def coloured(ax):
    return next(c for c in ax.collections if isinstance(c, PathCollection) and c.get_array() is not None)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_shocked_unit_is_outside_the_colour_scale(states, sign):
    values = pd.Series(np.linspace(0.1, 0.5, len(states)) * sign, index=states.index, name="response to x")
    values["IL"] = 9.0 * sign
    ax = plot.response(states, values[::-1], "IL", label="per cent")
    shown = coloured(ax)
    np.testing.assert_array_equal(shown.get_array(), values.drop("IL"))
    assert sorted([shown.norm.vmin, shown.norm.vmax], key=abs) == [0, 0.5 * sign]
    hatched = [c for c in ax.collections if c.get_hatch()]
    assert len(hatched) == 1
    assert len(hatched[0].get_paths()) == 1
    assert [t.get_text() for t in ax.texts] == [f"IL (hatched): {9 * sign}, outside the colour scale".replace("-", "−")]
    assert ax.child_axes[0].get_xlabel() == "per cent"
    red, _, blue, _ = shown.cmap(shown.norm(0.5 * sign))
    assert (blue > red) == (sign > 0)


def test_a_scale_of_both_signs_is_symmetric_about_zero(states):
    values = pd.Series(0.0, index=states.index)
    values.iloc[:2] = [-1.0, 0.25]
    shown = coloured(plot.response(states, values))
    assert (shown.norm.vmin, shown.norm.vmax) == (-1, 1)
    assert np.ptp(shown.cmap(shown.norm(0.0))[:3]) < 0.02  # zero has no hue


def test_no_response_anywhere_still_has_a_scale(states):
    shown = coloured(plot.response(states, pd.Series(0.0, index=states.index)))
    assert (shown.norm.vmin, shown.norm.vmax) == (0, 1)


def test_small_numbers_carry_their_power_in_the_label(states):
    values = pd.Series(np.linspace(1e-5, 3e-5, len(states)), index=states.index)
    bar = plot.response(states, values, label="log points").child_axes[0]
    assert bar.get_xlabel() == "log points (×10⁻⁵)"
    ticks = {round(t * 1e5, 9): label.get_text() for t, label in zip(bar.get_xticks(), bar.get_xticklabels())}
    assert ticks[1.0] == "1"


def test_units_without_a_value_are_grey_and_counted(states):
    values = pd.Series(1.0, index=states.index).drop(["ME", "CA"])
    values["TX"] = np.nan
    ax = plot.response(states, values)
    assert len(coloured(ax).get_paths()) == len(states) - 3
    assert [t.get_text() for t in ax.texts] == ["3 without a value in grey"]


def test_holes_and_islands_of_a_unit_are_drawn():
    ring = shapely.box(0, 0, 3, 3) - shapely.box(1, 1, 2, 2)
    for shape in (ring, ring.reverse()):
        parts = shapely.MultiPolygon([shape, shapely.box(4, 0, 7, 3)])
        ax = plot.response(gpd.GeoDataFrame(geometry=[parts]), pd.Series([1.0]))
        ax.figure.canvas.draw()
        pixels = np.asarray(ax.figure.canvas.buffer_rgba())[::-1, :, :3].astype(int)

        def colour(x, y, ax=ax, pixels=pixels):
            column, row = ax.transData.transform((x, y)).astype(int)
            return tuple(pixels[row, column])

        assert colour(1.5, 1.5) == colour(3.5, 1.5) == (255, 255, 255)
        assert colour(0.5, 1.5) == colour(5.5, 1.5) != (255, 255, 255)


@pytest.mark.parametrize("name", ["us_states", "china_provinces"])
def test_geographic_maps_are_drawn_with_equal_areas(name):
    shapes = shapefiles.load(name).geometry
    drawn = shapes.to_crs(maps._equal_area(shapes)).area
    true = shapes.map(lambda shape: abs(Geod(ellps="GRS80").geometry_area_perimeter(shapely.orient_polygons(shape))[0]))
    np.testing.assert_allclose(drawn / true, 1, rtol=2e-3)  # borders are straight in one, geodesics in the other


@pytest.mark.parametrize(
    ("bounds", "projection"),
    [((-125, 24, -67, 49), "aea"), ((112, -44, 154, -10), "aea"), ((10, -20, 30, 10), "laea"),
     ((10, 70, 30, 81), "laea"), ((-180, -56, 180, 83), "eqearth")],
)  # fmt: skip
def test_the_projection_fits_the_extent(bounds, projection):
    shapes = gpd.GeoSeries([shapely.box(*bounds)], crs=4326)
    crs = maps._equal_area(shapes)
    assert crs.startswith(f"+proj={projection}")
    assert np.isfinite(shapes.to_crs(crs).total_bounds).all()


def test_bad_maps_are_refused_by_name(states):
    values = pd.Series(1.0, index=states.index)
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy([0, 1], [0, 1]), index=["a", "b"])
    cases = [
        ("E101", states, values.rename({"IL": "Illinois"}), None),
        ("E101", states, values, "Illinois"),
        ("E102", states.iloc[[0, 0, 1]], values.iloc[:2], None),
        ("E102", states, pd.concat([values, values[:1]]), None),
        ("E203", states, values.astype(str), None),
        ("E201", states, values * np.nan, None),
        ("E201", states, values.iloc[:1], states.index[0]),
        ("E404", points, pd.Series([1.0, 2.0], index=["a", "b"]), None),
    ]
    for code, gdf, response, unit in cases:
        with pytest.raises(SpatialInputError) as caught:
            plot.response(gdf, response, unit)
        assert caught.value.code == code


def test_unknown_names_are_refused(effects, comparison):
    for call in (lambda: plot.effects(effects, variables=["gdp"]), lambda: plot.by_order(effects, "gdp")):
        with pytest.raises(SpatialInputError) as caught:
            call()
        assert caught.value.code == "E502"
    with pytest.raises(SpatialInputError) as caught:
        plot.by_weights(comparison, "spillover")
    assert caught.value.code == "E501"


def test_a_given_axes_is_drawn_into_and_returned(effects, comparison, states):
    shock = effects.shock("IL", "unemp")
    calls = [
        lambda ax: plot.effects(effects, ax),
        lambda ax: plot.by_weights(comparison, ax=ax),
        lambda ax: plot.by_order(effects, "unemp", ax),
        lambda ax: plot.response(states, shock, "IL", ax),
    ]
    for call in calls:
        ax = plot.figure()
        assert call(ax) is ax
        ax.figure.canvas.draw()


def test_pyplot_stays_out():
    code = ("import pandas as pd, geopandas as gpd, shapely, sys\nfrom spatial import plot\n"
            "assert 'matplotlib' not in sys.modules\n"
            "plot.response(gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)]), pd.Series([1.0]))\n"
            "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules")  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_font_is_found_for_what_the_usual_one_lacks(monkeypatch):
    with matplotlib.rc_context({"font.family": ["cmr10"]}):
        monkeypatch.setattr(style, "CJK_FONTS", ("No Such Font", "DejaVu Sans"))
        assert style.fonts_for("plain") is None
        assert style.fonts_for("é or Ж") == ["cmr10", "DejaVu Sans"]
        with pytest.warns(SpatialInputWarning, match="all characters of the labels"):
            assert style.fonts_for("北") is None


def test_a_font_newer_than_the_list_of_fonts_is_found(monkeypatch):
    from matplotlib import font_manager

    fonts = font_manager.fontManager
    serif = next(font.fname for font in fonts.ttflist if font.name == "DejaVu Serif")
    monkeypatch.setattr(fonts, "ttflist", [font for font in fonts.ttflist if font.name != "DejaVu Serif"])
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [serif, __file__])  # the second is no font
    monkeypatch.setattr(style, "CJK_FONTS", ("DejaVu Serif",))
    style._list_new_fonts.cache_clear()
    with matplotlib.rc_context({"font.family": ["cmr10"]}):
        assert style.fonts_for("Ж") == ["cmr10", "DejaVu Serif"]


def test_labels_get_that_font(monkeypatch):
    monkeypatch.setattr(style, "fonts_for", lambda text: ["DejaVu Sans", "Some Font"] if "省" in text else None)
    row = {"effect": "direct", "term": "省", "estimate": 1.0, "conf_low": 0.5, "conf_high": 1.5}
    table = pd.DataFrame([row])
    ax = plot.effects(Some(tidy=lambda: table, level=0.9, run="", fit=Some(_design=Some(response="y"))))
    assert ax.get_yticklabels()[0].get_fontfamily() == ["DejaVu Sans", "Some Font"]
    assert ax.get_xlabel().endswith("90 % interval")


def test_a_dollar_in_a_name_begins_no_formula(tmp_path):
    row = {"effect": "direct", "term": "cost in $ {", "estimate": 1.0, "conf_low": 0.5, "conf_high": 1.5}
    table = pd.DataFrame([row, {**row, "term": r"$\nothing_{$"}])
    ax = plot.effects(Some(tidy=lambda: table, level=0.9, run="", fit=Some(_design=Some(response="$ per $_$"))))
    assert plot.save(ax, tmp_path / "dollars.png").stat().st_size > 0


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_saving_is_whole_or_not_at_all(tmp_path, suffix, magic):
    path = tmp_path / "图 1" / f"effects.{suffix}"
    ax = plot.figure()
    assert plot.save(ax, path) == path
    assert path.read_bytes().startswith(magic)
    with pytest.raises(SpatialInputError) as caught:
        plot.save(ax.figure, path)
    assert caught.value.code == "E603"
    plot.save(ax.figure, path, overwrite=True)
    assert list(path.parent.iterdir()) == [path]


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(SpatialInputError) as caught:
        plot.save(plot.figure(), tmp_path / "map.gpkg")
    assert caught.value.code == "E501"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("run", "title"), [("", "Effects"), ("long-run", "Long-run effects")])
def test_the_title_names_the_run(run, title):
    table = pd.DataFrame([{"effect": "direct", "term": "x", "estimate": 1.0, "conf_low": 0.5, "conf_high": 1.5}])
    ax = plot.effects(Some(tidy=lambda: table, level=0.9, run=run, fit=Some(_design=Some(response="y"))))
    assert title in (ax.get_title(), ax.get_title(loc="left"))


def test_figures_that_need_a_choice_say_so(states):
    """The path of a dynamic model needs its regressor where there are several; one is taken."""
    panel, w = shapefiles.load_panel("us_states"), wt.queen(states).standardize("row")
    keys = {"entity": "state", "time": "year", "lags": "both"}
    effects = sp.sdm("log(gsp) ~ log(emp) + unemp", panel, w, **keys).effects(method="delta")
    with pytest.raises(SpatialInputError, match="which regressor") as refused:
        effects.plot()
    assert "'log(emp)', 'unemp'" in refused.value.hint
    assert effects.plot("unemp").get_title(loc="left").endswith("unemp")
    one = sp.sar("log(gsp) ~ unemp", panel, w, **keys).effects(method="delta")
    assert one.plot().get_title(loc="left").endswith("unemp")
    fit = sp.sdm(FORMULA, panel, w, **AXES)
    with pytest.raises(SpatialInputError, match="of a WhatIf needs map"):
        sp.what_if(fit, "unemp", change=1).plot()
