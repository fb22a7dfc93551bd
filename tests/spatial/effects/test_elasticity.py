"""Elasticities against derivatives of the dense model, laws of units, and what the tables say."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import shapefiles
import spatial as sp
import weights as wt
from spatial.effects.propagate import Averages, trace_errors
from spillover.errors import SpatialInputError

from ..models.test_estimators import PANEL, cross_section, panel_data


def positive(seed=1):
    data, W = panel_data(seed, N=12, T=4, rho=0.3)
    return data.assign(x=np.exp(data["a"] / 4), z=3 + data["b"] / 4, y=20 + data["y"]), W


FORMS = {"log(y)": ("log", 1.0), "log10(y)": ("log10", np.log(10)), "y": ("", 1.0)}


@pytest.mark.parametrize("left", ["log(y)", "log10(y)", "y"])
@pytest.mark.parametrize("right", ["x", "log(x)", "log2(x)"])
def test_elasticities_are_relative_derivatives(left, right):
    """(dy / y) / (dx / x) of the dense matrix of responses, at the means where a side is in levels."""
    data, W = positive()
    fit = sp.sdm(f"{left} ~ {right} + z", data, W, **PANEL, effects="entity")
    S = np.linalg.solve(np.eye(12) - fit.rho * W, fit.params[right] * np.eye(12) + fit.params[f"W:{right}"] * W)
    x, y = data["x"].mean(), data["y"].mean()
    # d(left) / dy * y and d(right) / dx * x where the slopes are taken
    of_y = {"log(y)": 1.0, "log10(y)": 1 / np.log(10), "y": y}[left]
    of_x = {"x": x, "log(x)": 1.0, "log2(x)": 1 / np.log(2)}[right]
    result = fit.effects().elasticity()
    assert result.direct[right] == pytest.approx(S.trace() / 12 * of_x / of_y, rel=1e-9)
    assert result.total[right] == pytest.approx(S.sum() / 12 * of_x / of_y, rel=1e-9)
    assert result.total[right] == pytest.approx(result.direct[right] + result.indirect[right], rel=1e-12)
    if right == "x":
        assert fit.effects().semi_elasticity().direct[right] == pytest.approx(S.trace() / 12 / of_y, rel=1e-9)


def test_units_change_nothing_and_inference_scales():
    """Euros in thousands, a base of another logarithm: the same elasticity, standard error and test."""
    data, W = positive(2)
    tables = [sp.sar(f, d, W, **PANEL, effects="entity").effects().elasticity().tidy() for f, d in (
        ("log(y) ~ x + z", data), ("log10(y) ~ x + z", data.assign(x=data["x"] / 1000)),
        ("y ~ log(x) + log(z)", data), ("y ~ log2(x) + log10(z)", data.assign(y=data["y"] * 7)))]  # fmt: skip
    for a, b in (tables[:2], tables[2:]):
        columns = ["estimate", "std_error", "statistic", "conf_low", "conf_high"]
        np.testing.assert_allclose(a[columns], b[columns], rtol=1e-6)
    effects = sp.sar("log(y) ~ log(x)", data, W, **PANEL, effects="entity").effects()
    assert effects.elasticity().tidy()["std_error"].to_numpy() == pytest.approx(effects.tidy()["std_error"].to_numpy())


def test_terms_without_elasticity_are_named():
    data, W = positive(3)
    data["region"] = data["id"].str[-1]
    effects = sp.sar("log(y) ~ x + I(x**2) + C(region) + b + lag(log(z))", data, W, **PANEL, effects="time").effects()
    result = effects.elasticity()
    assert "C(region)[T.1]" in result.left_out
    assert ("b" in result.left_out) == (data["b"][data["t"] > 2000].mean() <= 0)
    assert {"x", "lag(log(z))"} <= set(result.factors.index)
    assert "without an elasticity: " in str(result)
    assert effects.semi_elasticity().direct["b"] == pytest.approx(effects.direct["b"])
    centred, V = cross_section(1)
    with pytest.raises(SpatialInputError) as caught:
        sp.sar("y ~ a", centred - centred.mean(), V).effects().elasticity()
    assert caught.value.code == "E532"


def test_tables_say_what_a_number_means(panel, queen):
    keys = {"entity": "state", "time": "year"}
    message = str(sp.sdm("log(gsp) ~ log(pcap) + log(emp) + unemp", panel, queen, **keys).effects())
    assert "log(pcap), log(emp): 1 % more of it goes with (estimate) % more gsp" in message
    assert "unemp: one unit more of it goes with (100 x estimate) % more gsp" in message
    moved = panel.assign(tech=panel["year"] - 1978)
    message = str(sp.sar("gsp ~ log(emp) + unemp + unemp:tech", moved, queen, **keys).effects())
    assert "log(emp): 1 % more of it goes with (estimate / 100) units more gsp" in message
    assert "unemp:tech: interactions" in message
    data, W = cross_section(1)
    effects = sp.sar("y ~ a", data, W).effects()
    assert "goes with" not in str(effects)
    assert "traces are estimated" not in str(effects)
    assert trace_errors(effects.fit, effects.variables).max() == 0
    table = sp.etable([sp.sdm("log(gsp) ~ log(emp) + unemp", panel, queen, **keys).effects().elasticity()])
    assert "elasticity, exact for estimates that follow t(" in str(table)


def test_the_error_of_estimated_traces_is_said():
    """A stochastic determinant: the error is the slope of the direct effect in tr(W A^-1) / N times its own."""
    side = 60
    A = np.diag(np.ones(side - 1), 1)
    ring = sparse.csr_array(A + A.T)
    W = sparse.csr_array(sparse.kron(sparse.eye_array(side), ring) + sparse.kron(ring, sparse.eye_array(side)))
    W = sparse.csr_array(W / W.sum(axis=1)[:, None])
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.standard_normal(side**2), "e": rng.standard_normal(side**2)})
    data["y"] = data["x"] + 0.5 * (W @ data["x"].to_numpy()) + data["e"]
    with pytest.warns(Warning, match="labels|ids"):
        fit = sp.sdm("y ~ x", data, W, logdet="stochastic")
    effects = fit.effects()
    want = abs(fit.params["x"] * fit.rho + fit.params["W:x"]) * Averages(fit).error(fit.rho)
    assert trace_errors(fit, ("x",))[0] == pytest.approx(want, rel=1e-9)
    assert want > 0
    assert "Monte Carlo error of the direct effects" in str(effects)


def test_squares_and_interactions_are_part_of_the_elasticity():
    """(b1 + 2 b2 x_bar + b12 z_bar) times the multiplier times x_bar / y_bar, in every part of the effect."""
    data, W = positive(4)
    data["region"] = np.where(data["id"].str[-1].astype(int) % 2, "a", "b")
    formula = "y ~ x + I(x**2) + x:z + x:C(region) + log(z) + I(log(z)**2)"
    fit = sp.sdm(formula, data, W, **PANEL, effects="time")
    effects = fit.effects()
    p, x, z, y = fit.params, data["x"].mean(), data["z"].mean(), data["y"].mean()
    dummy = [name for name in effects.variables if name.startswith("x:C(region)")]
    slopes = {"x": 1.0, "I(x ** 2)": 2 * x, "x:z": z,
              **{name: (data["region"] == name[-2]).mean() for name in dummy}}  # fmt: skip
    for prefix in ("", "W:"):
        assert {prefix + name for name in slopes} <= set(p.index)
    S = np.linalg.inv(np.eye(12) - fit.rho * W.to_numpy())
    b, theta = (sum(p[prefix + name] * slope for name, slope in slopes.items()) for prefix in ("", "W:"))
    R = S @ (b * np.eye(12) + theta * W.to_numpy()) * x / y
    result = effects.elasticity()
    assert result.direct["x"] == pytest.approx(R.trace() / 12, rel=1e-7)
    assert result.total["x"] == pytest.approx(R.sum() / 12, rel=1e-7)
    assert effects.semi_elasticity().total["x"] == pytest.approx(R.sum() / 12 / x, rel=1e-6)
    u = np.log(data["z"]).mean()
    of_z = (effects.total["log(z)"] + 2 * u * effects.total["I(log(z) ** 2)"]) / y
    own = effects.elasticity().factors.loc["log(z)"]
    assert own["x:z"] == pytest.approx(x * np.exp(u) / y, rel=1e-7)  # z moves the interaction too
    assert result.total["log(z)"] == pytest.approx(of_z + own["x:z"] * effects.total["x:z"], rel=1e-6)
    assert result.left_out == ()


def test_elasticity_of_a_square_has_its_sign():
    """y = x^2 on negative slopes: the linear term alone has the wrong sign. Least squares of columbus, at the means."""
    columbus = shapefiles.load("columbus")
    w = wt.queen(columbus).standardize("row")
    fit = sp.ols("CRIME ~ INC + I(INC**2)", columbus, w)
    result = fit.effects().elasticity()
    x, y = columbus["INC"].mean(), columbus["CRIME"].mean()
    want = (fit.params["INC"] + 2 * fit.params["I(INC ** 2)"] * x) * x / y
    assert want == pytest.approx(-0.858, abs=5e-4)
    assert result.direct["INC"] == pytest.approx(want, rel=1e-8)
    a = np.array([1.0, 2 * x]) * x / y
    names = ["INC", "I(INC ** 2)"]
    error = np.sqrt(a @ fit.vcov.loc[names, names].to_numpy() @ a)
    assert result.tidy().set_index("effect").loc["direct", "std_error"] == pytest.approx(error, rel=1e-7)
    rng = np.random.default_rng(2)
    x = 3 + rng.random(200)
    bowl = pd.DataFrame({"x": x, "y": 30 + (x - 5) ** 2 * 2 - 16 * (x - 3) + 24 + 0.01 * rng.standard_normal(200)})
    ring = np.roll(np.eye(200), 1, 1) / 2 + np.roll(np.eye(200), -1, 1) / 2
    fit = sp.ols("y ~ I(x**2) + x", bowl, pd.DataFrame(ring))
    slope = 2 * 2 * (x.mean() - 5) - 16
    got = fit.effects().elasticity()
    assert got.total["x"] == pytest.approx(slope * x.mean() / bowl["y"].mean(), rel=0.01)


def test_what_cannot_be_evaluated_at_a_mean_leaves_its_variable_out():
    data, W = positive(5)
    data["v"] = np.exp(data["b"] / 3)
    result = sp.sar("y ~ x + x:center(z) + log(v)", data, W, **PANEL, effects="time").effects().elasticity()
    assert set(result.left_out) == {"x", "x:center(z)"}
    assert list(result.factors.index) == ["log(v)"]
    lagged = sp.sar("y ~ x + lag(x) + I(x**2)", data, W, **PANEL, effects="time").effects().elasticity()
    assert lagged.factors.loc["lag(x)"].drop("lag(x)").abs().max() == 0  # x of another period is another variable
    assert lagged.factors.loc["x", "lag(x)"] == 0
