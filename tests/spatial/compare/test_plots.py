"""Figures say what the tables say."""

import numpy as np
import pytest

import spatial as sp
import weights as wt
from spatial import plot

from .conftest import FORMULA, KEYS

pytest.importorskip("matplotlib")


def texts(ax):
    return [t.get_text() for t in ax.texts]


def test_probabilities_and_agreement(compared, several, early, tmp_path):
    ax = plot.probabilities(compared)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(sorted(compared.probabilities, reverse=True))
    two = sp.compare_weights(several, model=[sp.sar, sp.slx], formula=FORMULA, data=early, **KEYS)
    ax = plot.probabilities(two)
    assert len(texts(ax)) == 6
    assert [label.get_text() for label in ax.get_xticklabels()] == ["SAR", "SLX"]
    ax = plot.agreement(compared, "direct")
    table = compared.tidy().query("effect == 'direct'")
    assert texts(ax)[0] == f"{table['estimate'].iloc[0]:#.2g}".replace("-", "−")
    clear = (table["p_value"] < 0.05).sum()
    assert sum(patch.get_facecolor()[:3] != pytest.approx((0.933,) * 3, abs=0.01) for patch in ax.patches) == clear
    assert len(plot.by_weights(two).get_legend().texts) == 6
    plot.save(ax, tmp_path / "agreement.png")


def test_curve_placebo_and_profile(several, early, states, tmp_path):
    curve = sp.specification_curve(several, model=[sp.sar, sp.slx], formula=FORMULA, data=early, variable="unemp",
                                   draws=50, **KEYS)  # fmt: skip
    ax = plot.specification_curve(curve)
    plot.save(ax, tmp_path / "curve.png")
    top, below = ax.child_axes
    drawn = np.sort(np.concatenate([line.get_ydata() for line in top.lines if line.get_marker() == "o"]))
    np.testing.assert_allclose(drawn, curve.curve()["estimate"])
    assert len(below.get_yticks()) == 5
    placebo = sp.placebo_weights(sp.sar(FORMULA, early, several["queen"], **KEYS), draws=39)
    ax = plot.placebo_weights(placebo, "rho")
    assert f"{placebo.fit.rho:#.3g}" in texts(ax)[-2] + texts(ax)[-1]
    tuned = sp.tune_weights(lambda k: wt.knn(states, k).standardize("row"), range(3, 7), model=sp.sar, formula=FORMULA,
                            data=early, name="k", **KEYS)  # fmt: skip
    ax = plot.profile(tuned)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), -tuned.profile()["ratio"] / 2)
