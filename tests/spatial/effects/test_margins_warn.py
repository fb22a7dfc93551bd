"""What slopes, forecasts and contiguity cannot see is said, by name, with a way that works."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import shapefiles
import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError, SpatialInputWarning
from spillover.language import language

from .test_forecast import panel

COLUMBUS = shapefiles.load("columbus")
W = wt.queen(COLUMBUS).standardize("row")


@pytest.mark.parametrize("term", ["I(INC > 14)", "I((INC > 14) * HOVAL)", "I(HOVAL * (INC <= 14))"])
def test_a_slope_names_the_comparison_that_it_cannot_see(term, recwarn):
    fit = sp.slx(f"CRIME ~ {term} + INC + HOVAL", COLUMBUS, W)
    with pytest.warns(SpatialInputWarning, match=r"is a step in 'INC'.*sp\.contrasts\(fit, 'INC', \[from, to\]\)"):
        slope = sp.slopes(fit, "INC")
    assert slope.total["all"] == pytest.approx(fit.params["INC"] + fit.params["W:INC"], rel=1e-6)
    steps = sp.contrasts(fit, "INC", [13, 15])  # the way that the warning names sees the step
    assert abs(steps.total["15 - 13"] - 2 * slope.total["all"]) > 1e-3
    recwarn.clear()
    sp.contrasts(fit, "INC", [13, 15])
    assert not [w for w in recwarn if "step" in str(w.message)]


def test_no_warning_for_another_column():
    import warnings

    fit = sp.slx("CRIME ~ I(INC > 14) + HOVAL", COLUMBUS, W)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sp.slopes(fit, "HOVAL")


@pytest.mark.parametrize("lags", [{}, {"effects": "entity"}])
def test_a_forecast_refuses_periods_without_an_order(lags):
    past, new, W = panel(1)
    names = dict(zip(range(2000, 2008), ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug"]))
    fit = sp.sar("y ~ a", past.assign(t=past["t"].map(names)), W, entity="id", time="t", **{"effects": "none", **lags})
    with pytest.raises(SpatialInputError) as refusal:
        fit.forecast(new.assign(t=new["t"].map(names)))
    assert refusal.value.code == "E106"
    assert "alphabet" in refusal.value.message
    # the hint's way
    order = pd.CategoricalDtype(list(names.values()), ordered=True)
    past, new = (frame.assign(t=frame["t"].map(names).astype(order)) for frame in (past, new))
    ordered = sp.sar("y ~ a", past, W, entity="id", time="t", **{"effects": "none", **lags})
    numbers = sp.sar("y ~ a", panel(1)[0], W, entity="id", time="t", **{"effects": "none", **lags})
    a, b = (np.sort(fit.forecast(rows).predicted) for fit, rows in ((ordered, new), (numbers, panel(1)[1])))
    np.testing.assert_allclose(a, b)


def bow_tie():
    """Between two squares a polygon whose border crosses itself."""
    crossed = shapely.Polygon([(1, 0), (2, 1), (2, 0), (1, 1)])
    return gpd.GeoSeries([shapely.box(0, 0, 1, 1), crossed, shapely.box(2, 0, 3, 1)], index=["left", "bow", "right"])


@pytest.mark.parametrize("build", [wt.queen, wt.rook, wt.bishop, wt.border_length])
def test_an_invalid_polygon_is_named(build):
    with pytest.warns(SpatialInputWarning, match=r"invalid \('bow': Self-intersection.*shapely.make_valid") as caught:
        build(bow_tie())
    assert len([w for w in caught if "invalid" in str(w.message)]) == 1


def test_the_way_that_the_warning_names_ends_it():
    import warnings

    mended = bow_tie()
    mended = gpd.GeoSeries(shapely.make_valid(mended.array), index=mended.index)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        w = wt.queen(mended)
        wt.queen(COLUMBUS)
        wt.rook(shapefiles.load("us_states"))
    assert w.nnz == 4


def test_contiguity_that_a_crossing_hides():
    """A corner that touches the middle of a crossing border is no neighbor until the border is mended."""
    other = shapely.Polygon([(1.5, 0.5), (1.6, 0.9), (1.4, 0.9)])
    shapes = gpd.GeoSeries([*bow_tie(), other], index=[*bow_tie().index, "tip"])
    with pytest.warns(SpatialInputWarning, match="bow"):
        wt.queen(shapes)
    mended = wt.queen(gpd.GeoSeries(shapely.make_valid(shapes.array), index=shapes.index))
    assert "tip" in mended.to_dense().columns[mended.to_dense().loc["bow"] > 0]


def test_effects_slopes_and_forecasts_speak_one_language():
    fit = sp.sdm("CRIME ~ INC + HOVAL", COLUMBUS, W)
    results = [fit, fit.effects(), fit.effects(method="simulate"), fit.effects(method="delta"),
               fit.effects().elasticity(), fit.effects().semi_elasticity(), sp.slopes(fit, "INC"),
               sp.predictions(fit, at={"INC": [10, 20]}), sp.lincom(fit, "INC + HOVAL")]  # fmt: skip
    past, new, w = panel(2)
    dynamic = sp.sar("y ~ a", past, w, entity="id", time="t", effects="entity", lags="both")
    results += [dynamic.effects(), dynamic.forecast(new)]
    english = ("estimate", "std. error", "Effects", "intervals", "note:", "weights:", "direct", "indirect", "total",
               "log-likelihood", "interval", "prediction", "rows", "provenance", "Coefficients", "run")  # fmt: skip
    with language("zh-CN"):
        texts = [str(result) for result in results]
    for text in texts:
        left = [word for word in english if word in text]
        assert not left, (left, text)
