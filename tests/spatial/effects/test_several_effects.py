"""Effects of models with several W: against responses that are iterated, finite differences, draws, and laws."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.effects.several_averages import SeveralAverages

from .. import naive_several
from ..models.test_estimators import PANEL
from ..models.test_several import drawn

KINDS = ("direct", "indirect", "total")


@pytest.fixture(scope="module")
def durbin():
    frame, weights, arrays, *_ = drawn(11, n=30)
    return sp.sdm("y ~ a + b", frame.set_index("id"), weights), arrays


def by_hand(params, arrays, variable):
    """(9,): all effects and those of two channels from the dense responses."""
    thetas = [params.get(f"W_{m}:{variable}", 0.0) for m in (1, 2)]
    rhos = [params.get(f"rho_{m}", 0.0) for m in (1, 2)]
    return naive_several.effects(params[variable], thetas, rhos, arrays)


def table_of(effects, variable):
    """The same nine of our tables."""
    whole = effects.tidy().query("term == @variable").set_index("effect").loc[list(KINDS)]
    channels = effects.by_channel().query("term == @variable").set_index(["weights", "effect"])
    return pd.concat([whole, *(channels.loc[w].loc[list(KINDS)] for w in ("W_1", "W_2"))])


@pytest.mark.parametrize("model", ["sar", "sdm", "sdem", "sac", "slx"])
def test_effects_and_channels_are_those_of_the_responses(model):
    frame, weights, arrays, *_ = drawn(12, n=25, row=model != "sdm")
    fit = getattr(sp, model)("y ~ a + b", frame.set_index("id"), weights)
    effects = fit.effects(method="delta")
    for variable in ("a", "b"):
        assert table_of(effects, variable)["estimate"].to_numpy() == pytest.approx(
            by_hand(fit.params, arrays, variable), abs=1e-9)  # fmt: skip


def test_effects_are_what_y_does_when_x_rises(durbin):
    """One unit's x rises, y is solved again from the model: no formula of effects is used."""
    fit, (V, W) = durbin
    p, eye = fit.params, np.eye(30)
    S = fit.effects(method="delta").matrix("a").to_numpy()

    def y_of(x):
        right = p["a"] * x + p["W_1:a"] * V @ x + p["W_2:a"] * W @ x
        y = right.copy()
        for _ in range(5_000):
            y = right + p["rho_1"] * V @ y + p["rho_2"] * W @ y
        return y

    base = y_of(np.zeros(30))
    for j in (0, 7, 29):
        assert S[:, j] == pytest.approx((y_of(eye[j]) - base), abs=1e-9)
    effects = fit.effects(method="delta")
    unit = fit.units[7]
    assert effects.shock(unit, "a", 2.0).to_numpy() == pytest.approx(2 * S[:, 7])
    parts = effects.by_unit("a")
    assert parts["own"].to_numpy() == pytest.approx(np.diag(S))
    assert (parts["own"] + parts["emitted"]).to_numpy() == pytest.approx(S.sum(axis=0))
    groups = np.repeat(["north", "south"], 15)
    block = effects.by_group(groups, "a")
    assert block.loc["north", "south"] == pytest.approx(S[:15, 15:].sum() / 15)
    assert block.sum(axis=1).mean() == pytest.approx(effects.total["a"])


def test_channels_add_up(durbin):
    fit, _ = durbin
    effects = fit.effects()
    channels = effects.by_channel().pivot_table(index="term", columns="effect", values="estimate", aggfunc="sum")
    assert channels["indirect"].to_numpy() == pytest.approx(effects.indirect.to_numpy(), abs=1e-10)
    left = effects.direct - fit.params[["a", "b"]].to_numpy()
    assert channels["direct"].to_numpy() == pytest.approx(left.to_numpy(), abs=1e-10)
    assert channels["total"].to_numpy() == pytest.approx((channels["direct"] + channels["indirect"]).to_numpy())


def test_delta_errors_are_those_of_finite_differences(durbin):
    fit, arrays = durbin
    effects, params, V = fit.effects(method="delta"), fit.params, fit.vcov.to_numpy()
    for variable in ("a", "b"):
        J = np.empty((9, len(params)))
        for i, name in enumerate(params.index):
            ahead, behind = params.copy(), params.copy()
            ahead[name] += 1e-5
            behind[name] -= 1e-5
            J[:, i] = (by_hand(ahead, arrays, variable) - by_hand(behind, arrays, variable)) / 2e-5
        assert table_of(effects, variable)["std_error"].to_numpy() == pytest.approx(
            np.sqrt(np.einsum("ij,jk,ik->i", J, V, J)), rel=1e-5)  # fmt: skip


def test_quadrature_is_the_limit_of_draws():
    """Quantiles of draws of the estimates' law, put through the dense formula, within the region."""
    frame, weights, arrays, *_ = drawn(11, n=30, T=5)
    fit = sp.sdm("y ~ a + b", frame, weights, **PANEL, effects="entity")
    effects, rng = fit.effects(), np.random.default_rng(3)
    df, draws = fit.df_resid, 4_000
    root = np.linalg.cholesky(fit.vcov.to_numpy())
    z = rng.standard_normal((draws, len(root))) / np.sqrt(rng.chisquare(df, (draws, 1)) / df)
    sample = pd.DataFrame(fit.params.to_numpy() + z @ root.T, columns=fit.params.index)
    inside = [naive_several.admissible(r * arrays[0] + s * arrays[1]) for r, s in zip(sample["rho_1"], sample["rho_2"])]
    drawn_effects = []
    eye, n = np.eye(30), 30
    for _, p in sample[inside].iterrows():
        A = np.linalg.inv(eye - p["rho_1"] * arrays[0] - p["rho_2"] * arrays[1])
        S = A @ (p["a"] * eye + p["W_1:a"] * arrays[0] + p["W_2:a"] * arrays[1])
        drawn_effects.append([S.trace() / n, (S.sum() - S.trace()) / n, S.sum() / n])
    low, high = np.quantile(drawn_effects, [0.025, 0.975], axis=0)
    exact = effects.tidy().query("term == 'a'")
    scale = exact["std_error"].to_numpy()
    assert np.abs(exact["conf_low"].to_numpy() - low).max() < 0.15 * scale.max()
    assert (np.abs(exact["conf_low"].to_numpy() - low) < 0.15 * scale).all()
    assert (np.abs(exact["conf_high"].to_numpy() - high) < 0.15 * scale).all()
    excludes = (exact["conf_low"] > 0) | (exact["conf_high"] < 0)
    assert ((exact["p_value"] <= 0.05) == excludes).all()


def test_interpolated_averages_are_those_at_every_node(monkeypatch):
    frame, weights, *_ = drawn(13, n=60, T=8)
    fit = sp.sdm("y ~ a + b", frame, weights, **PANEL)
    interpolated = fit.effects()
    from spatial.effects import several_averages, several_source

    monkeypatch.setattr(several_averages, "DIRECT_MAX", 100)
    monkeypatch.setattr(several_source, "DIRECT_MAX", 100)
    direct = fit.effects()
    assert interpolated.std_errors == pytest.approx(direct.std_errors, rel=1e-5)
    assert interpolated.conf_high == pytest.approx(direct.conf_high, abs=1e-4 * direct.std_errors.max())
    ours, theirs = interpolated.by_channel(), direct.by_channel()
    assert ours["std_error"].to_numpy() == pytest.approx(theirs["std_error"].to_numpy(), rel=1e-4)


def test_simulation_agrees_and_keeps_its_seed(durbin):
    fit, _ = durbin
    one, again = (fit.effects(method="simulate", draws=500, seed=4) for _ in range(2))
    assert one.tidy().equals(again.tidy())
    exact = fit.effects()
    assert np.abs(one.conf_low - exact.conf_low).max() < exact.std_errors.max()
    assert one.by_channel().equals(again.by_channel())


def test_traces_by_probes_are_close_to_the_exact_ones(monkeypatch):
    """Of a large W: low orders exact, the rest from a hundred probes."""
    _, weights, *_ = drawn(14, n=60)
    averages = SeveralAverages(tuple(w.csr for w in weights), (0, 1))
    rho = np.array([0.2, 0.3])
    exact = averages.at(rho)
    monkeypatch.setattr(SeveralAverages, "_dense", property(lambda self: False))
    probed = averages.at(rho)
    assert probed == pytest.approx(exact, abs=0.02)
    assert probed[:, [2, 5, 8]] == pytest.approx(exact[:, [2, 5, 8]], abs=1e-10)  # totals need no trace


def test_elasticities_are_effects_times_a_factor(durbin):
    frame, weights, *_ = drawn(15, n=25)
    data = frame.set_index("id").assign(a=lambda d: np.exp(d["a"]), y=lambda d: np.exp(0.1 * d["y"]))
    fit = sp.sar("log(y) ~ log(a) + b", data, weights)
    effects = fit.effects()
    assert effects.elasticity().total["log(a)"] == pytest.approx(effects.total["log(a)"])


def test_three_w_have_a_lattice():
    frame, weights, *_ = drawn(16, n=30)
    rng = np.random.default_rng(0)
    more = [wt.from_dense((rng.random((30, 30)) < 0.1) * (1 - np.eye(30)), weights[0].ids) for _ in range(2)]
    more = [w.standardize("spectral") for w in more]
    data = frame.set_index("id")
    three = sp.sar("y ~ a + b", data, [*weights, more[0]], durbin=[])
    exact, delta = three.effects(), three.effects(method="delta")
    assert exact.estimates == pytest.approx(delta.estimates)
    assert exact.std_errors == pytest.approx(delta.std_errors, rel=1.0)
