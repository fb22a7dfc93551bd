"""Mediation against dense products of response matrices, one bootstrap sample by hand, known truths."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.policy.mediation import percentiles
from spillover.errors import SpatialInputError
from spillover.matrix import as_weights

from ..designs import band, nearest
from .test_spatial_did import long

KEYS = {"variable": "x", "mediator": "m", "entity": "i", "time": "t"}


def world(rng, W, T=6, rho=(0.3, 0.4), of_m=(0.8, 0.3), by_m=(0.6, 0.25)):
    """x moves m (x .8, W x .3), both move y (x .5, W x .2; m .6, W m .25)."""
    N = len(W)
    A_m, A_y = (np.linalg.inv(np.eye(N) - r * W) for r in rho)
    x = rng.standard_normal((T, N))
    m = (of_m[0] * x + of_m[1] * x @ W.T + rng.standard_normal(N) + 0.7 * rng.standard_normal((T, N))) @ A_m.T
    y = 0.5 * x + 0.2 * x @ W.T + by_m[0] * m + by_m[1] * m @ W.T
    y = (y + rng.standard_normal(N) + rng.standard_normal((T, 1)) + 0.7 * rng.standard_normal((T, N))) @ A_y.T
    eye = np.eye(N)
    mediated = A_y @ (by_m[0] * eye + by_m[1] * W) @ A_m @ (of_m[0] * eye + of_m[1] * W)
    unmediated = A_y @ (0.5 * eye + 0.2 * W)
    return long(y=y, x=x, m=m, z=rng.standard_normal((T, N))), mediated, unmediated


def places(S):
    direct, total = S.trace() / len(S), S.sum() / len(S)
    return [direct, total - direct, total]


@pytest.mark.parametrize("model", ["sdm", "sar", "slx"])
@pytest.mark.parametrize("rows", [True, False])
def test_paths_are_products_of_dense_responses(model, rows):
    rng = np.random.default_rng(1)
    W = nearest(rng, 15, 3)
    W = W if rows else W * rng.uniform(0.5, 1.0, (15, 1))
    data, *_ = world(rng, W)
    options = {"effects": "twoway" if rows else "entity"}
    result = sp.mediation("y ~ x + z", data.sample(frac=1, random_state=2), pd.DataFrame(W), model=model, draws=39,
                         **KEYS, **options)  # fmt: skip

    def S(fit, term):
        p = fit.params
        return np.linalg.inv(np.eye(15) - fit.rho * W) @ (p[term] * np.eye(15) + p.get(f"W:{term}", 0.0) * W)

    of_m, of_y = result.fits["mediator"], result.fits["with mediator"]
    mediated, unmediated = S(of_y, "m") @ S(of_m, "x"), S(of_y, "x")
    wanted = [places(mediated), places(unmediated), places(mediated + unmediated)]
    np.testing.assert_allclose(result.table["estimate"], np.ravel(wanted), rtol=1e-8)
    np.testing.assert_allclose(result.share["mediated"], np.divide(wanted[0], wanted[2]), rtol=1e-8)


def test_one_bootstrap_sample_by_hand():
    rng = np.random.default_rng(2)
    W = nearest(rng, 12, 3)
    data, *_ = world(rng, W)
    w = pd.DataFrame(W)
    result = sp.mediation("y ~ x", data, w, draws=39, seed=5, **KEYS)
    of_m, of_y = result.fits["mediator"], result.fits["with mediator"]
    at = np.random.default_rng(5).integers(12, size=(20, 12))[3]
    A_m, A_y = (np.linalg.inv(np.eye(12) - fit.rho * W) for fit in (of_m, of_y))
    e_m, e_y = (fit._solution.resid.reshape(6, 12) for fit in (of_m, of_y))
    grown = np.sqrt(72 / (5 * 11))
    m = data.pivot(index="t", columns="i", values="m").to_numpy()
    y = data.pivot(index="t", columns="i", values="y").to_numpy()
    change = (grown * e_m[:, at] - e_m) @ A_m.T
    moved = of_y.params["m"] * change + of_y.params["W:m"] * change @ W.T + grown * e_y[:, at] - e_y
    sample = data.assign(m=(m + change).ravel(), y=(y + moved @ A_y.T).ravel())
    again = sp.mediation("y ~ x", sample, w, draws=39, **KEYS)
    np.testing.assert_allclose(result.drawn[3].ravel(), again.table["estimate"], rtol=1e-6)
    assert result.table.equals(sp.mediation("y ~ x", data, w, draws=39, seed=5, **KEYS).table)
    assert "through the mediator" in str(result)
    ax = result.plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["mediated", "unmediated", "total"]
    np.testing.assert_allclose(ax.lines[1].get_xdata(), result.table.query("effect == 'direct'")["estimate"])


def test_bad_input():
    rng = np.random.default_rng(2)
    W = nearest(rng, 12, 3)
    data, *_ = world(rng, W)
    for options, code in [({"mediator": "x"}, "E538"), ({"mediator": "q"}, "E502"), ({"draws": 3}, "E533"),
                          ({"model": "sem"}, "E501"), ({"variable": "q"}, "E502")]:  # fmt: skip
        with pytest.raises(SpatialInputError) as caught:
            sp.mediation("y ~ x", data, pd.DataFrame(W), **{**KEYS, **options})
        assert caught.value.code == code
    with pytest.raises(SpatialInputError, match="name the variable") as caught:
        sp.mediation("y ~ x + z", data, pd.DataFrame(W), **{**KEYS, "variable": None})
    assert caught.value.code == "E502"
    holes = data.assign(m=data["m"].where(data["i"] != 3))
    whole = sp.mediation("y ~ x", holes, pd.DataFrame(W), missing="drop", **KEYS)  # one sample for all equations
    w, rest = as_weights(pd.DataFrame(W)), holes[holes["i"] != 3]
    kept = sp.mediation("y ~ x", rest, w.subset([i for i in w.ids if i != 3]), **KEYS)
    pd.testing.assert_frame_equal(whole.table, kept.table)
    for options, code in [({"mediator": "C(i)"}, "E203"), ({"mediator": "y"}, "E538"), ({"mediator": "x"}, "E538")]:
        with pytest.raises(SpatialInputError) as caught:
            sp.mediation("y ~ x", data, pd.DataFrame(W), **{**KEYS, **options})
        assert caught.value.code == code


def test_p_is_the_level_of_the_interval():
    """Zero leaves the interval just where p falls below 1 - level, for any level; few units widen it."""
    drawn = np.random.default_rng(3).standard_normal((999, 40)) + np.linspace(-4, 4, 40)
    for units in (8, 31, 500):
        for level in (0.8, 0.9, 0.95, 0.99):
            low, high, p = percentiles(drawn, level, units)
            assert (((low > 0) | (high < 0)) == (p <= 1 - level)).all()
    widths = [np.subtract(*percentiles(drawn, 0.95, units)[1::-1]).mean() for units in (8, 31, 500)]
    assert widths[0] > widths[1] > widths[2]
    _, _, few = percentiles(drawn, 0.95, 10**6)
    plain = 2 * np.minimum((drawn <= 0).sum(axis=0) + 1, (drawn >= 0).sum(axis=0) + 1) / 1000
    np.testing.assert_allclose(few, np.minimum(plain, 1), atol=1e-4)


def test_shares_are_told_where_there_is_a_total():
    rng = np.random.default_rng(2)
    W = nearest(rng, 25, 3)
    strong = sp.mediation("y ~ x", world(rng, W)[0], pd.DataFrame(W), draws=199, **KEYS)
    share = strong.share.set_index("effect").loc["total"]
    assert f"mediated: {100 * share['mediated']:.0f} % of the total effect" in str(strong)
    noise = world(rng, W)[0]
    noise["y"] = rng.standard_normal(len(noise))
    text = str(sp.mediation("y ~ x", noise, pd.DataFrame(W), draws=199, **KEYS))
    assert "no share of the direct and indirect and total effect: its interval holds zero" in text
    assert "mediated:" not in text


@pytest.mark.slow
@pytest.mark.parametrize(("a", "b"), [(0.0, 0.0), (0.8, 0.0), (0.0, 0.6)])
def test_certify_without_mediation(a, b, capsys):
    """Nothing is mediated: x does not move m, m does not move y, or neither; 31 units, 5 periods."""
    rng, R, inside = np.random.default_rng(8), 300, np.zeros(9)
    W = nearest(rng, 31, 4)
    for r in range(R):
        data, mediated, unmediated = world(rng, W, T=5, of_m=(a, 0.4 * a), by_m=(b, 0.4 * b))
        truth = np.ravel([places(mediated), places(unmediated), places(mediated + unmediated)])
        table = sp.mediation("y ~ x", data, pd.DataFrame(W), draws=199, seed=r, **KEYS).table
        inside += (table["conf_low"] <= truth + 1e-12) & (truth - 1e-12 <= table["conf_high"])
    with capsys.disabled():
        print(f"\nwithout mediation ({a}, {b}): coverage {np.round(inside / R, 3).tolist()}")
    assert (inside / R >= band(0.95, R, slack=0.01)[0]).all()


@pytest.mark.slow
def test_certify_mediation(capsys):
    """Bias and coverage of every path and place at N = 49, T = 6."""
    rng, R = np.random.default_rng(3), 150
    W = nearest(rng, 49, 4)
    inside, estimates = np.zeros(9), []
    for r in range(R):
        data, mediated, unmediated = world(rng, W)
        truth = np.ravel([places(mediated), places(unmediated), places(mediated + unmediated)])
        table = sp.mediation("y ~ x", data, pd.DataFrame(W), draws=149, seed=r, **KEYS).table
        inside += (table["conf_low"] <= truth) & (truth <= table["conf_high"])
        estimates.append(table["estimate"] - truth)
    with capsys.disabled():
        print(f"\nmediation: coverage {np.round(inside / R, 3).tolist()}")
        print(f"bias {np.round(np.mean(estimates, axis=0), 3).tolist()}")
    low, high = band(0.95, R, slack=0.03)
    assert ((low <= inside / R) & (inside / R <= high)).all()
    assert np.abs(np.mean(estimates, axis=0)).max() < 0.1
