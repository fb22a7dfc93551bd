"""Determinants of F'W F, W of any row sums: against dense matrices."""

import numpy as np
import pandas as pd
import pytest

import weights as wt
from spatial.logdet import InverseOfDeviations, Jacobian, logdet, of_means
from spatial.logdet.several import SeveralJacobian, several_logdet
from spillover.matrix import TemporalWeights

from ..designs import nearest, of_deviations, uneven


def matrix(rows, n=14, seed=2):
    W = nearest(np.random.default_rng(seed), n, 3)
    return W if rows == "one" else uneven(W, rows) if rows != "any" else W * np.linspace(0.2, 1.4, n)[:, None]


def contrasts(n):
    return np.linalg.svd(np.eye(n) - 1 / n)[0][:, : n - 1]


@pytest.mark.parametrize("rows", ["one", "an island", "binary", "any"])
def test_the_determinant_of_deviations(rows):
    W = matrix(rows)
    w, F = wt.from_dense(W, list(range(14))), contrasts(14)
    part, inner = Jacobian(logdet(w), 3, 1, of_means(w)), F.T @ W @ F
    for rho in (-0.7, -0.1, 0.3, 0.65):
        G = np.linalg.solve((np.eye(13) - rho * inner).T, inner.T).T
        want = 3 * np.array([np.linalg.slogdet(np.eye(13) - rho * inner)[1], -np.trace(G), -np.trace(G @ G)])
        np.testing.assert_allclose([part.value(rho), part.d1(rho), part.d2(rho)], want, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(part.expansion(np.array(rho)), want, rtol=1e-9, atol=1e-10)
    if rows == "one":
        np.testing.assert_allclose(of_means(w).value(0.5), -np.log(0.5), rtol=1e-12)


def test_few_steps_suffice_for_many_units():
    """400 units, 80 steps, rho up to .95 of a spectral W."""
    W = uneven(nearest(np.random.default_rng(5), 400, 5), "binary")
    s = of_means(wt.from_dense(W, list(range(400))))
    for rho in (-0.9, 0.5, 0.95):
        want = np.log(np.linalg.solve(np.eye(400) - rho * W, np.ones(400)).mean())
        assert s.value(rho) == pytest.approx(want, abs=1e-10)


def test_periods_and_units_that_are_there():
    rng = np.random.default_rng(6)
    there = rng.random((3, 14)) < 0.8
    each = [matrix("binary") * np.outer(row, row) for row in there]
    ids = list(range(14))
    w = TemporalWeights(tuple(wt.from_dense(W, ids) for W in each), pd.Index([0, 1, 2]), observed=there)
    cut = [of_deviations(W[np.ix_(row, row)]) for W, row in zip(each, there)]
    want = sum(np.linalg.slogdet(np.eye(len(W)) - 0.4 * W)[1] for W in cut)
    plain = sum(np.linalg.slogdet(np.eye(14) - 0.4 * W)[1] for W in each)
    assert of_means(w).value(0.4) == pytest.approx(want - plain, abs=1e-12)


def test_the_inverse_of_deviations():
    W, x = matrix("any"), np.random.default_rng(3).standard_normal((14, 2))
    A = InverseOfDeviations(wt.from_dense(W, list(range(14))), 0.4)
    inverse = np.linalg.inv(np.eye(14) - 0.4 * of_deviations(W))
    np.testing.assert_allclose(A.solve(x), inverse @ x, atol=1e-12)
    np.testing.assert_allclose(A.lagged(x), of_deviations(W) @ inverse @ x, atol=1e-12)
    there = np.array([0, 2, 3, 5, 8])
    J = of_deviations(W, np.isin(np.arange(14), there))
    A = InverseOfDeviations(wt.from_dense(W, list(range(14))), 0.4, there=there)
    np.testing.assert_allclose(A.lagged(x), J @ np.linalg.inv(np.eye(14) - 0.4 * J) @ x, atol=1e-12)


def test_several_determinants_of_deviations_with_their_derivatives():
    Ws = [matrix("one"), matrix("any", seed=4)]
    L = several_logdet(tuple(wt.from_dense(W, list(range(14))) for W in Ws))
    part, at = SeveralJacobian(L, 2, 1, True), np.array([0.3, -0.25])

    def dense(rho):
        return 2 * np.linalg.slogdet(np.eye(14) - sum(r * of_deviations(W) for r, W in zip(rho, Ws)))[1]

    value, slope, bend = part.expansion(at)
    assert value == pytest.approx(dense(at), abs=1e-11)
    assert part.value(at) == pytest.approx(value, abs=1e-11)
    h, eye = 1e-4, np.eye(2)
    np.testing.assert_allclose(slope, [(dense(at + h * a) - dense(at - h * a)) / 2 / h for a in eye], rtol=1e-6)
    want = [[(dense(at + h * (a + b)) - dense(at + h * (a - b)) - dense(at - h * (a - b)) + dense(at - h * (a + b)))
             / (4 * h * h) for a in eye] for b in eye]  # fmt: skip
    np.testing.assert_allclose(bend, want, rtol=1e-4)
