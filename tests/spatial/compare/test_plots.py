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
                                   **KEYS)  # fmt: skip
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


def test_many_w_are_shown_by_the_likeliest(states, early):
    """On the screen and in figures; what is not shown is counted."""
    ws = {f"k{k}": wt.knn(states, k).standardize("row") for k in range(2, 42)}
    result = sp.compare_weights(ws, model=sp.sar, formula="log(gsp) ~ log(emp)", data=early, **KEYS)
    best = list(result.probabilities.sort_values(ascending=False, kind="stable").index)
    assert result.likeliest(6) == best[:6] == result.glance()["weights"].head(6).tolist()
    assert result.likeliest(40) == list(ws)
    text = str(result)
    assert "16 more are in .glance(); effects of the 6 likeliest:" in text
    assert f"{best[23]} " in text
    assert all(f"\n{name} " not in text for name in best[24:])
    ax = plot.probabilities(result)
    assert [label.get_text() for label in ax.get_yticklabels()] == best[:30]
    assert "10 more W have" in "".join(texts(ax))
    assert len(plot.agreement(result).get_yticks()) == 30
    assert len(plot.by_weights(result).get_legend().texts) == 12
    assert len(result.coefficients()) == 40 * 2
    one = result.coefficients().query("weights == 'k7'").set_index("term")
    np.testing.assert_allclose(one["std_error"], result["k7"].std_errors, rtol=1e-6)
