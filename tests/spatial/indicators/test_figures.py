"""Figures of indicators show the numbers of their results."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt
from spatial.records.schema import SCHEMA
from spillover.errors import SpatialInputError

KEYS = {"entity": "state", "time": "year"}


@pytest.fixture(scope="module")
def panel():
    return shapefiles.load_panel("us_states").eval("output = gsp / emp").query("year >= 1980")


def lines(ax):
    return {line.get_label(): line.get_ydata() for line in ax.lines if not line.get_label().startswith("_")}


def test_ridges_are_the_densities_above_their_period(panel):
    result = sp.indicators.kernel_densities(panel, "output", periods=[1980, 1986], **KEYS)
    ax = result.plot()
    drawn = lines(ax)
    scale = np.ptp(drawn["1986"]) / np.ptp(result.frame[1986])
    np.testing.assert_allclose(drawn["1986"], scale * result.frame[1986])
    np.testing.assert_allclose(drawn["1980"] - 1, scale * result.frame[1980], atol=1e-12)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["1980", "1986"]
    assert list(ax.get_yticks()) == [1, 0]


def test_lines_are_the_tables(panel):
    sigma = sp.indicators.sigma_convergence(panel, "output", **KEYS)
    np.testing.assert_array_equal(lines(sigma.plot())["all"], sigma.frame["cv"])
    result = sp.indicators.malmquist(panel.query("year <= 1982"), ["pc", "emp"], ["gsp"], **KEYS)
    drawn = lines(result.plot())
    np.testing.assert_allclose(drawn["TFP"], [1, *result.by_period["tfp"].cumprod()])
    np.testing.assert_allclose(drawn["TFP"], drawn["efficiency change"] * drawn["technical change"])
    growth = sp.indicators.growth_table(panel, ["gsp"], units=["CA", "TX"], **KEYS)
    np.testing.assert_array_equal(lines(growth.plot("gsp"))["TX"], growth.levels[("gsp", "TX")])
    with pytest.raises(SpatialInputError):
        growth.plot("pc")


def test_the_heat_map_writes_every_probability(panel):
    result = sp.indicators.markov(panel, "output", classes=3, **KEYS)
    ax = result.plot()
    written = {t.xyann if hasattr(t, "xyann") else t.get_position(): t.get_text() for t in ax.texts}
    for i in range(3):
        for j in range(3):
            assert written[(j, i)] == f"{result.probabilities.iloc[i, j]:.2f}"
    empty = sp.indicators.markov(
        pd.DataFrame({"u": list("abcd") * 2, "t": [1] * 4 + [2] * 4, "y": [1.0, 2, 3, 4, 1, 2, 5, 9]}), "y",
        entity="u", time="t", classes=2, relative=False,
    )  # fmt: skip
    assert empty.plot() is not None


def test_every_other_result_has_a_figure_of_its_numbers(panel):
    """Parts by period, scores, histograms, and moves by the neighbors' class."""
    ind = sp.indicators
    panel = panel.query("year <= 1982").assign(region=lambda d: np.where(d["state"] < "M", "a", "b"))
    gini = ind.gini(panel, "output", groups="region", **KEYS)
    np.testing.assert_allclose(lines(gini.plot())["within"], gini.frame["within"])
    index = ind.composite_index(panel, {"output": "+", "unemp": "-"}, **KEYS)
    np.testing.assert_allclose(lines(index.plot())["mean"], index.scores.groupby(level=1).mean())
    dea = ind.dea(panel, ["pc", "emp"], ["gsp"], **KEYS)
    np.testing.assert_allclose(lines(dea.plot())["smallest"], dea.by_period["smallest"])
    accounts = ind.solow_residual(panel, "gsp", "pc", "emp", capital_share=0.4, **KEYS)
    means = 100 * accounts.frame.drop(columns="log_tfp").groupby(level=1).mean().dropna()
    for name, drawn in lines(accounts.plot()).items():
        np.testing.assert_allclose(drawn, means[name])
    w = wt.queen(shapefiles.load("us_states")).standardize("row")
    chain = ind.spatial_markov(panel, "output", w, classes=3, permutations=9, **KEYS)
    bars = [bar.get_height() for bar in chain.plot().patches]
    counts = [c.counts.to_numpy() for c in chain.by_lag.values()]
    np.testing.assert_allclose(bars[:3], [np.triu(n, 1).sum() / n.sum() for n in counts])
    np.testing.assert_allclose(bars[3:], [np.tril(n, -1).sum() / n.sum() for n in counts])
    results = (gini, index, dea, accounts, chain, chain.overall, ind.kernel_densities(panel, "output", **KEYS),
               ind.sigma_convergence(panel, "output", **KEYS), ind.growth_table(panel, ["gsp"], **KEYS),
               ind.malmquist(panel, ["pc", "emp"], ["gsp"], **KEYS),
               ind.beta_convergence(panel, "output", w, **KEYS))  # fmt: skip
    for result in results:
        table = result.tidy()
        assert table.columns[:7].tolist() == SCHEMA
        assert table["estimate"].dtype == float
        assert len(result.to_frame())
        assert type(result) is getattr(ind, type(result).__name__)
        assert result.summary() == str(result)


def test_given_axes_are_used_and_pyplot_stays_out(panel):
    ax = sp.plot.figure()
    assert sp.indicators.sigma_convergence(panel, "output", **KEYS).plot(ax) is ax
    code = ("import sys, spatial as sp\nsp.indicators.gini, sp.indicators.dea, sp.indicators.stochastic_frontier\n"
            "assert not {'matplotlib', 'numba', 'scipy.optimize', 'scipy.stats'} & set(sys.modules)")  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True)
