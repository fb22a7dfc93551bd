"""The path through the tests, under one W and under several."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL, cross_section, panel_data

FORMULA = "log(gsp) ~ log(pcap) + log(emp) + unemp"
KEYS = {"entity": "state", "time": "year"}


@pytest.fixture(scope="module")
def several(panel, queen, states):
    ws = {"queen": queen, "最近邻": wt.knn(states, 5).standardize("row")}
    return sp.specify(FORMULA, panel, ws, **KEYS)


def test_each_column_is_the_search_under_that_w(several, panel, queen):
    alone = sp.specify(FORMULA, panel, queen, **KEYS)
    assert str(several["queen"]) == str(alone)
    assert several.choice.to_dict() == {"queen": alone.choice, "最近邻": several["最近邻"].choice}
    frame = several.table.to_frame()
    lr = alone.tidy().set_index("term").loc["LR SDM vs SAR"]
    row = frame.loc[("Does the spatial Durbin model reduce to a simpler one?", "LR SDM vs SAR, chi2(3)")]
    assert row["queen"].startswith(f"{lr['statistic']:.2f} (")
    direct = alone.fits[alone.choice].effects().direct["unemp"]
    assert frame.loc[("Direct effects of the model chosen", "unemp"), "queen"].startswith(f"{direct:.3f} (")
    assert len(several.tidy()) == 2 * len(alone.tidy())


def test_the_path_of_a_panel(several):
    """LM without and with every kind of effects, dependence, Hausman, effects together, LR and Wald, effects."""
    titles = list(dict.fromkeys(several.table.to_frame().index.get_level_values("section")))
    assert [t.partition(", OLS with ")[2] for t in titles[1:4]] == ["entity effects", "time effects", "twoway effects"]
    result = set(several.tidy()["term"])
    assert {"Pesaran CD", "LR unit effects", "LR period effects"} <= result
    assert {"Hausman", "Hausman, SDM", "robust Hausman", "robust Hausman, SDM"} <= result
    steps = ("Fixed or", "Joint significance", "Does the spatial Durbin", "Decisions", "Indirect effects of the model")
    order = [next(i for i, title in enumerate(titles) if title.startswith(step)) for step in steps]
    assert order == sorted(order)


def test_the_table_in_every_format(several, tmp_path):
    for suffix, mark in ((".txt", "Decisions"), (".md", "**Decisions**"), (".tex", "\\textit{Decisions}"),
                         (".html", "<th scope=\"rowgroup\"")):  # fmt: skip
        text = several.table.save(tmp_path / f"path{suffix}").read_text(encoding="utf-8")
        assert mark in text
        assert "最近邻" in text
    assert several.table.to_latex().count(" & ") == 2 * (1 + len(several.table.to_frame()))
    assert len(str(several).splitlines()[2]) < 120


def test_corrections_reach_the_tests(panel, queen):
    plain = sp.specify(FORMULA, panel, queen, **KEYS, effects="time", correction=False).tidy()
    ours = sp.specify(FORMULA, panel, queen, **KEYS, effects="time").tidy()
    at = ("term == 'LM error'", "table == 'Lagrange multiplier tests, OLS with time effects'")
    a, b = (t.query(" and ".join(at))["statistic"].item() for t in (plain, ours))
    assert a != pytest.approx(b, rel=1e-3)
    assert "LR period effects" in set(ours["term"])
    assert "LR unit effects" not in set(ours["term"])


def test_cross_sections_and_panels_without_effects_or_with_few_periods():
    data, W = cross_section(1)
    result = sp.specify("y ~ a + b", data, {"one": W, "two": W})
    assert set(result.choice) == {result["one"].choice}
    assert "Hausman" not in str(result)
    assert "LM lag" in result["one"].table.to_text()
    for T, absent in ((2, "Pesaran"), (3, "Wooldridge")):
        panel, V = panel_data(1, N=20, T=T)
        search = sp.specify("y ~ a", panel, V, **PANEL, effects="entity")
        assert absent not in str(search)
        assert "LR unit effects" in str(search)


def test_an_error_model_on_the_edge_does_not_end_the_search(monkeypatch):
    """Under a dense W lambda may run to one: SEM is left out, and that is said."""

    def on_the_edge(*args, **options):
        raise SpatialInputError("E701", "lambda lies on the edge")

    monkeypatch.setattr("spatial.search.specify.sem", on_the_edge)
    search = sp.specify("y ~ a + b", *panel_data(1, N=20), **PANEL)
    assert "SEM could not be estimated: lambda lies on the edge." in search.steps
    assert "SEM" not in search.fits
    assert "LR SDM vs SEM" not in set(search.tidy()["term"])


@pytest.mark.parametrize("effects", ["twoway", "time"])
@pytest.mark.parametrize("binary", [False, True])
def test_regressions_share_the_likelihood_of_an_additive_correction(effects, binary):
    """Period means stay in the likelihood of every model, of the regressions too; an island, as Hainan is, or binary
    W."""
    data, W = panel_data(4, N=20, T=6)
    W.iloc[3], W.iloc[:, 3] = 0.0, 0.0
    w = wt.from_dense((W > 0).astype(float).to_numpy(), ids=W.index)
    search = sp.specify("y ~ a + b", data, w if binary else w.standardize("row"), **PANEL, effects=effects,
                        correction="additive")  # fmt: skip
    additive = search.fits["SDM"]
    assert additive._settings.correction == "additive"
    sizes = {name: search.fits[name]._sample.n for name in ("OLS", "SLX", "SAR", "SDM")}
    assert set(sizes.values()) == {additive._sample.n}
    assert {"LR SDM vs SLX", "LR SDM vs SAR"} <= set(search.tidy()["term"])
    assert sum(search.probabilities.values()) == pytest.approx(1)
    assert search.probabilities["OLS"] > 0


@pytest.mark.parametrize("model", [sp.ols, sp.slx])
def test_the_additive_correction_of_a_regression_is_its_degrees_of_freedom(model):
    """It has no rho; only the size of the likelihood differs."""
    data, W = panel_data(4, N=20, T=6)
    w = wt.from_dense(W.to_numpy(), ids=W.index)
    exact, additive = (model("y ~ a + b", data, w, **PANEL, effects="twoway", correction=c) for c in (True, "additive"))
    np.testing.assert_allclose(additive.params, exact.params, rtol=1e-10)
    np.testing.assert_allclose(additive.std_errors, exact.std_errors, rtol=1e-10)
    np.testing.assert_allclose(additive.sigma2, exact.sigma2, rtol=1e-10)
    assert (exact._sample.n, additive._sample.n) == (19 * 5, 20 * 5)


def test_unbalanced_panels_have_what_can_be_compared(panel, queen):
    """SEM keeps its effects as dummies there: no likelihood ratio, but the Wald test."""
    result = sp.specify(FORMULA, panel.drop(panel.index[[3, 50]]), queen, **KEYS, missing="period")
    names = set(result.tidy()["term"])
    assert {"LM error", "LR SDM vs SAR", "Wald SDM vs SEM"} <= names
    assert not {"LR SDM vs SEM", "Pesaran CD", "Hausman"} & names


def test_weights_that_vary_over_time_are_one_search():
    data, W = panel_data(2, N=20)
    w = wt.temporal({t: wt.from_dense((W if t < 2003 else W.iloc[::-1, ::-1]).to_numpy(), ids=W.index)
                     for t in range(2000, 2005)})  # fmt: skip
    both = sp.specify("y ~ a", data, {"moving": w, "fixed": W}, **PANEL)
    assert str(both["moving"]) == str(sp.specify("y ~ a", data, w, **PANEL))
    assert "LR SDM vs SAR" in set(both["moving"].tidy()["term"])


def test_a_w_that_fails_is_reported_and_nothing_is_refused():
    data, W = cross_section(1)
    wrong = pd.DataFrame(np.ones((3, 3)) - np.eye(3), index=list("abc"), columns=list("abc"))
    result = sp.specify("y ~ a + b", data, {"good": W, "bad": wrong})
    assert list(result.searches) == ["good"]
    assert result.failed["bad"].startswith("E101")
    assert "bad could not be searched: E101" in str(result)
    with pytest.raises(SpatialInputError, match="without weights"):
        sp.specify("y ~ a", data, {})
    with pytest.raises(SpatialInputError) as caught:
        sp.specify("y ~ nothing", data, {"good": W})
    assert caught.value.code == "E502"
    with pytest.raises(SpatialInputError, match="no search under"):
        result["bad"]


def test_the_path_of_random_effects(panel, queen):
    """Likelihood ratios of random-effects models, phi = 0 on its boundary; regressions by likelihood too."""
    result = sp.specify(FORMULA, panel, queen, **KEYS, effects="correlated")
    assert all(fit._settings.random.by_likelihood for fit in result.fits.values())
    tests = {name: rows.iloc[-1] for name, rows in result.tidy().groupby("term")}
    fits = {e: sp.sdm(FORMULA, panel, queen, **KEYS, effects=e) for e in ("none", "random", "correlated")}
    want = sp.lr_test(fits["random"], fits["correlated"])
    assert (tests["LR unit means"]["statistic"], tests["LR unit means"]["p_value"]) == (want.statistic, want.p_value)
    assert tests["LR unit effects"]["p_value"] == sp.lr_test(fits["none"], fits["correlated"]).p_value
    assert tests["Mundlak, SDM"]["statistic"] == sp.mundlak_test(fits["correlated"]).statistic
    slx = sp.slx(FORMULA, panel, queen, **KEYS, effects="correlated", method="ml")
    assert tests["LR SDM vs SLX"]["statistic"] == sp.lr_test(slx, fits["correlated"]).statistic
    random = sp.specify(FORMULA, panel, queen, **KEYS, effects="random")
    assert {"LR unit effects", "Wooldridge, within", "LR SDM vs SAR"} <= set(random.tidy()["term"])
    with pytest.raises(SpatialInputError, match="lags= has no meaning for specify"):
        sp.specify(FORMULA, panel, queen, **KEYS, lags="y")
