"""Mediation against dense products of response matrices, one bootstrap sample by hand, known truths."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from ..test_certify import band, nearest
from .test_spatial_did import long

KEYS = {"mediator": "m", "entity": "i", "time": "t"}


def world(rng, W, T=6, rho=(0.3, 0.4)):
    """x moves m (.8, W x .3), both move y (x .5, W x .2; m .6, W m .25)."""
    N = len(W)
    A_m, A_y = (np.linalg.inv(np.eye(N) - r * W) for r in rho)
    x = rng.standard_normal((T, N))
    m = (0.8 * x + 0.3 * x @ W.T + rng.standard_normal(N) + 0.7 * rng.standard_normal((T, N))) @ A_m.T
    y = 0.5 * x + 0.2 * x @ W.T + 0.6 * m + 0.25 * m @ W.T
    y = (y + rng.standard_normal(N) + rng.standard_normal((T, 1)) + 0.7 * rng.standard_normal((T, N))) @ A_y.T
    eye = np.eye(N)
    mediated = A_y @ (0.6 * eye + 0.25 * W) @ A_m @ (0.8 * eye + 0.3 * W)
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
    found = sp.mediation("y ~ x + z", data.sample(frac=1, random_state=2), pd.DataFrame(W), model=model, draws=39,
                         **KEYS, **options)  # fmt: skip

    def S(fit, term):
        p = fit.params
        return np.linalg.inv(np.eye(15) - fit.rho * W) @ (p[term] * np.eye(15) + p.get(f"W:{term}", 0.0) * W)

    of_m, of_y = found.fits["mediator"], found.fits["with mediator"]
    mediated, unmediated = S(of_y, "m") @ S(of_m, "x"), S(of_y, "x")
    wanted = [places(mediated), places(unmediated), places(mediated + unmediated)]
    np.testing.assert_allclose(found.table["estimate"], np.ravel(wanted), rtol=1e-8)
    np.testing.assert_allclose(found.share["mediated"], np.divide(wanted[0], wanted[2]), rtol=1e-8)


def test_one_bootstrap_sample_by_hand():
    rng = np.random.default_rng(2)
    W = nearest(rng, 12, 3)
    data, *_ = world(rng, W)
    w = pd.DataFrame(W)
    found = sp.mediation("y ~ x", data, w, draws=39, seed=5, **KEYS)
    of_m, of_y = found.fits["mediator"], found.fits["with mediator"]
    at = np.random.default_rng(5).integers(12, size=(20, 12))[3]
    A_m, A_y = (np.linalg.inv(np.eye(12) - fit.rho * W) for fit in (of_m, of_y))
    e_m, e_y = (fit.solution.resid.reshape(6, 12) for fit in (of_m, of_y))
    grown = np.sqrt(72 / (5 * 11))
    m = data.pivot(index="t", columns="i", values="m").to_numpy()
    y = data.pivot(index="t", columns="i", values="y").to_numpy()
    change = (grown * e_m[:, at] - e_m) @ A_m.T
    moved = of_y.params["m"] * change + of_y.params["W:m"] * change @ W.T + grown * e_y[:, at] - e_y
    sample = data.assign(m=(m + change).ravel(), y=(y + moved @ A_y.T).ravel())
    again = sp.mediation("y ~ x", sample, w, draws=39, **KEYS)
    np.testing.assert_allclose(found.drawn[3].ravel(), again.table["estimate"], rtol=1e-6)
    assert found.table.equals(sp.mediation("y ~ x", data, w, draws=39, seed=5, **KEYS).table)
    assert "through the mediator" in str(found)


def test_bad_input():
    rng = np.random.default_rng(2)
    W = nearest(rng, 12, 3)
    data, *_ = world(rng, W)
    for options, code in [({"mediator": "x"}, "E538"), ({"mediator": "q"}, "E502"), ({"draws": 3}, "E533"),
                          ({"model": "sem"}, "E501"), ({"variable": "q"}, "E502")]:  # fmt: skip
        with pytest.raises(SpatialInputError) as caught:
            sp.mediation("y ~ x", data, pd.DataFrame(W), **{**KEYS, **options})
        assert caught.value.code == code
    holes = data.assign(m=data["m"].where(data["i"] != 3))
    with pytest.raises(SpatialInputError, match="differ in their units"):
        sp.mediation("y ~ x", holes, pd.DataFrame(W), missing="drop", **KEYS)


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
