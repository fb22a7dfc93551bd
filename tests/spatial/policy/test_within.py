"""Panels with unit effects that lose a unit: against inverses without the unit's rows, and effects as columns."""

import numpy as np
import pytest

from spatial.policy.absorb import Absorber
from spatial.policy.delete_one import of_contrasts
from spatial.policy.within import period_dummies, within

from . import naive


def panel(rng, *, weights, covariates=2, lone=False):
    """mass (N, T), period dummies of two regions with the path of two cohorts, covariates (N, T, p)."""
    N, T = 24, 8
    region = np.arange(N) % 2
    first = np.where(np.arange(N) < 8, 4 + np.arange(N) // 2 % 2, T)
    if lone:
        first[0] = 2  # one unit alone identifies an effect
    since = np.arange(T) - first[:, None]
    leads = np.stack([(since == k) & (first < T)[:, None] for k in (-2, 0, 1)], axis=2).astype(float)
    alone = ((since == 0) & (np.arange(N) == 0)[:, None])[:, :, None] * float(lone)
    mass = {"equal": np.ones((N, T)), "gaps": (rng.uniform(size=(N, T)) > 0.2).astype(float),
            "weights": rng.uniform(0.2, 3, (N, T))}[weights]  # fmt: skip
    X = rng.standard_normal((N, T, covariates)) + 3 * np.arange(T)[:, None]
    return mass, np.concatenate([period_dummies(T, region), leads, alone], axis=2), X


@pytest.mark.parametrize("weights", ["equal", "gaps", "weights"])
@pytest.mark.parametrize("dummies", [True, False])
def test_a_unit_is_lost_by_blocks_as_by_inversion(weights, dummies):
    rng = np.random.default_rng(6)
    mass, shared, X = panel(rng, weights=weights)
    shared = shared if dummies else shared[:, :, :0]
    p = shared.shape[2]
    design = within(mass, np.concatenate([shared, X], axis=2), np.arange(len(X)), slice(p, p + X.shape[2]))
    assert design.common < design.root.shape[1]  # by blocks
    c = design.gram @ rng.standard_normal((design.U.shape[2], 3))
    solved, kept = design.without(np.repeat(c.T[:, None], len(X), axis=1))
    at_once, same = design.without(c.T[:, None])
    np.testing.assert_allclose(at_once, solved, atol=1e-9)
    assert (same == kept).all()
    U = design.U
    for i in range(len(U)):
        rest = np.delete(U, i, axis=0).reshape(-1, U.shape[2])
        S, inverse = rest.T @ rest, np.linalg.pinv(rest.T @ rest, rcond=1e-10)
        identified = np.abs(S @ inverse @ c - c).max(axis=0) < 1e-7
        assert (kept[:, i] == identified).all()
        fitted = rest @ solved[:, i].T
        np.testing.assert_allclose(fitted[:, identified], (rest @ inverse @ c)[:, identified], atol=1e-9)


def test_what_one_unit_identifies_is_lost_with_it():
    rng = np.random.default_rng(7)
    mass, shared, X = panel(rng, weights="equal", lone=True)
    X[:, :, 1] *= np.arange(len(X))[:, None] == 5  # a covariate that varies in one unit alone
    design = within(mass, np.concatenate([shared, X], axis=2), np.arange(len(X)), slice(shared.shape[2], None))
    q = design.U.shape[2]
    kept = design.without(np.eye(q)[[q - 3, q - 2, q - 1]][:, None])[1]
    assert np.flatnonzero(~kept[0]).tolist() == [0]
    assert kept[1].all()
    assert np.flatnonzero(~kept[2]).tolist() == [5]


@pytest.mark.parametrize("weights", ["equal", "gaps", "weights"])
def test_contrasts_lose_units_as_refits(weights):
    rng = np.random.default_rng(8)
    mass, shared, X = panel(rng, weights=weights, covariates=1)
    N, T = mass.shape
    C = np.concatenate([shared[:, :, -4:-1], X], axis=2)  # identified
    design = within(mass, C, np.arange(N), slice(3, 4))
    y = rng.standard_normal((N, T))
    result = of_contrasts(design, np.eye(4)[[0, 3]], np.sqrt(mass) * y)
    root = np.sqrt(mass).ravel()
    Z = np.column_stack([C.reshape(N * T, 4), np.kron(np.eye(N), np.ones((T, 1)))])

    def weights_on_outcomes(rows):
        v = np.zeros((2, N * T))
        v[:, rows] = (np.linalg.pinv(root[rows, None] * Z[rows]) * root[rows])[[0, 3]]
        return v

    rows = mass.ravel() > 0
    v = weights_on_outcomes(rows)
    without = [weights_on_outcomes(rows & (np.repeat(np.arange(N), T) != i)) for i in range(N)]
    m = np.where(rows, mass.ravel(), 1.0)
    np.testing.assert_allclose(result.estimates, v @ y.ravel(), rtol=1e-9)
    for e in range(2):
        se, scale, df = naive.jackknife(y.ravel(), m, v[e], [w[e] for w in without], np.full(N, (N - 1) / N))
        assert result.std_errors[e] == pytest.approx(se, rel=1e-9)
        assert result.scale[e] == pytest.approx(scale, rel=1e-9)
        assert result.df[e] == pytest.approx(df, rel=1e-8)


@pytest.mark.parametrize("weights", ["equal", "gaps", "weights"])
def test_effects_are_absorbed_as_columns(weights):
    rng = np.random.default_rng(9)
    mass, _, X = panel(rng, weights=weights)
    N, T = mass.shape
    for region in (np.zeros(N, dtype=int), np.arange(N) % 3):
        root = np.sqrt(mass.T)
        values = X.transpose(1, 0, 2)
        Z = root.reshape(-1, 1) * naive.dummies(T, N, region)
        flat = (root[:, :, None] * values).reshape(T * N, -1)
        left = flat - Z @ np.linalg.lstsq(Z, flat, rcond=None)[0]
        np.testing.assert_allclose(Absorber(mass.T, region)(values).reshape(T * N, -1), left, atol=1e-10)
