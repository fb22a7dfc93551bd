"""Refined least squares beside exact fractions."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.solve.refinement import _crossproduct, _residuals, loses_digits, refined


def exact_solution(X, y):
    """Normal equations in fractions."""
    X = [[Fraction(v) for v in row] for row in X.tolist()]
    y = [Fraction(v) for v in y.tolist()]
    k = len(X[0])
    rows = [[sum(r[a] * r[b] for r in X) for b in range(k)] + [sum(r[a] * v for r, v in zip(X, y))] for a in range(k)]
    for a in range(k):
        pivot = next(i for i in range(a, k) if rows[i][a])
        rows[a], rows[pivot] = rows[pivot], rows[a]
        rows[a] = [v / rows[a][a] for v in rows[a]]
        for b in range(k):
            if b != a:
                rows[b] = [u - rows[b][a] * v for u, v in zip(rows[b], rows[a])]
    return np.array([float(row[k]) for row in rows])


def problems():
    rng = np.random.default_rng(3)
    years = np.repeat(np.arange(1970.0, 1990), 3)
    noise = rng.normal(size=60)
    yield "years, squared and cubed", np.c_[years**0, years, years**2, years**3], 1e4 * noise + years
    x = rng.normal(size=60)
    yield "nearly the same column twice", np.c_[np.ones(60), x, x + 1e-7 * rng.normal(size=60)], x + noise
    yield "a large mean of y", np.c_[np.ones(60), 1e6 + x, 1e-6 * x * x], 1e9 + 1e-3 * x + noise


@pytest.mark.parametrize(("X", "y"), [pytest.param(*p[1:], id=p[0]) for p in problems()])
def test_coefficients_are_those_of_exact_fractions(X, y):
    Q, R = np.linalg.qr(X)
    plain = np.linalg.solve(R, Q.T @ y)
    assert loses_digits(R, y, plain)
    want = exact_solution(X, y)
    np.testing.assert_allclose(refined(X, y, Q, R, plain), want, rtol=2e-14)
    assert np.abs(plain / want - 1).max() > 1e-12


def test_least_squares_refines_them():
    """Years as they stand in a panel, with their square and cube; W X of the same kind."""
    rng = np.random.default_rng(2)
    years = np.arange(1960.0, 2000)
    w = pd.DataFrame(np.roll(np.eye(40), 1, axis=1)[np.ix_(order := rng.permutation(40), order)])
    frame = pd.DataFrame({"x": years, "y": rng.normal(size=40)})
    X = np.column_stack([years**0, years, years**2])
    fit = sp.ols("y ~ x + I(x ** 2) + I(x ** 3)", frame, w)
    np.testing.assert_allclose(fit.params, exact_solution(np.c_[X, years**3], frame["y"].to_numpy()), rtol=2e-14)
    lagged = sp.slx("y ~ x + I(x ** 2)", frame, w)
    W = w.to_numpy()
    whole = np.column_stack([X, W @ X[:, 1:]])
    np.testing.assert_allclose(lagged.params, exact_solution(whole, frame["y"].to_numpy()), rtol=2e-14)


def test_ordinary_regressions_are_left_as_they_are():
    rng = np.random.default_rng(1)
    X = np.c_[np.ones(100), 1e5 * rng.normal(size=(100, 3))]
    y = X @ [1, 2e-5, 3e-5, 1e-5] + rng.normal(size=100)
    Q, R = np.linalg.qr(X)
    beta = np.linalg.solve(R, Q.T @ y)
    assert not loses_digits(R, y, beta)
    assert not loses_digits(np.empty((0, 0)), y, np.empty(0))


@pytest.mark.parametrize("m", [1, 2, 7, 64])
def test_products_are_rounded_once(m):
    rng = np.random.default_rng(m)
    X, r = 10.0 ** rng.uniform(-8, 8, size=(m, 3)), rng.normal(size=m)
    want = [float(sum(Fraction(a) * Fraction(b) for a, b in zip(X[:, j].tolist(), r.tolist()))) for j in range(3)]
    np.testing.assert_allclose(_crossproduct(X, r), want, rtol=3e-16)
    y, beta = rng.normal(size=m), rng.normal(size=3)
    exact = [float(Fraction(u) - Fraction(v) - sum(Fraction(a) * Fraction(b) for a, b in zip(row, beta.tolist())))
             for u, v, row in zip(y.tolist(), r.tolist(), X.tolist())]  # fmt: skip
    np.testing.assert_allclose(_residuals(X, y, r, beta), exact, rtol=3e-16)
