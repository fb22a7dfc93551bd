"""The determinant and the region of several W against dense algebra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from spatial.logdet.several import SeveralJacobian, SeveralLogdet
from spatial.logdet.windows import chebyshev_coefficients, chebyshev_grid, window

from ..models.test_estimators import random_weights
from ..naive_several import admissible

COMMON = settings(max_examples=25, deadline=None, derandomize=True)
POINT = st.tuples(st.floats(-1.4, 1.4), st.floats(-1.4, 1.4))


def pair(seed, n=20, row=True):
    rng = np.random.default_rng(seed)
    arrays = random_weights(rng, n, row=row), random_weights(rng, n, symmetric=False, row=row)
    return SeveralLogdet(tuple(sparse.csr_array(W) for W in arrays)), arrays


@COMMON
@given(seed=st.integers(0, 40), rho=POINT)
def test_region_is_where_no_determinant_on_the_ray_vanishes(seed, rho):
    L, (V, W) = pair(seed)
    rho = np.array(rho)
    C = rho[0] * V + rho[1] * W
    if abs(L.largest(rho) - 1) < 1e-6:
        return
    assert L.admissible(rho) == admissible(C)
    if admissible(C):
        signs = [np.linalg.slogdet(np.eye(20) - t * C)[0] for t in np.linspace(0, 1, 41)]
        assert min(signs) > 0
    elif np.isfinite(L.edge(rho)):
        assert abs(np.linalg.det(np.eye(20) - L.edge(rho) * C)) < 1e-6


@COMMON
@given(seed=st.integers(0, 40), a=st.floats(0.02, 0.98), total=st.floats(-0.9, 0.9))
def test_derivatives_are_those_of_finite_differences(seed, a, total):
    L, (V, W) = pair(seed)
    rho, h = np.array([a * total, (1 - a) * total]), 1e-5

    def value(at):
        return np.linalg.slogdet(np.eye(20) - at[0] * V - at[1] * W)[1]

    ours = L.expansion(rho)
    assert ours[0] == pytest.approx(value(rho), abs=1e-10)
    eye = np.eye(2) * h
    gradient = [(value(rho + e) - value(rho - e)) / (2 * h) for e in eye]
    assert ours[1] == pytest.approx(gradient, abs=1e-4, rel=1e-4)
    ahead, behind = ([L.expansion(rho + s * e)[1] for e in eye] for s in (1, -1))
    assert ours[2] == pytest.approx((np.array(ahead) - behind) / (2 * h), abs=1e-4, rel=1e-4)


def test_row_standardised_w_end_where_the_sum_of_rho_is_one():
    L, _ = pair(3)
    for a in (0.1, 0.5, 0.8):
        assert L.edge(np.array([a, 1 - a])) == pytest.approx(1.0)
    assert L.edge(np.array([1.0, -1.0])) > 0.5  # beyond |rho_1| + |rho_2| = 1


def test_w_that_share_their_eigenvectors_have_a_region_of_straight_lines():
    """Circulant W: the eigenvalues of rho_1 W_1 + rho_2 W_2 are rho_1 w_1k + rho_2 w_2k."""
    n = 12
    one, two = (sum(np.roll(np.eye(n), s, axis=1) for s in (k, -k)) / 2 for k in (1, 2))
    L = SeveralLogdet((sparse.csr_array(one), sparse.csr_array(two)))
    k = 2 * np.pi * np.arange(n) / n
    rng = np.random.default_rng(0)
    for rho in rng.uniform(-2, 2, (50, 2)):
        largest = max(0.0, (rho[0] * np.cos(k) + rho[1] * np.cos(2 * k)).max())
        assert L.largest(rho) == pytest.approx(largest, abs=1e-9)
        if largest < 0.99:
            assert L.value(rho) == pytest.approx(np.log(1 - rho[0] * np.cos(k) - rho[1] * np.cos(2 * k)).sum())


def test_the_time_transformation_drops_the_unit_root():
    from scipy.linalg import helmert

    L, (V, W) = pair(5)
    F, rho = helmert(20).T, np.array([0.3, 0.2])
    inside = np.linalg.slogdet(np.eye(19) - F.T @ (rho[0] * V + rho[1] * W) @ F)[1]
    part = SeveralJacobian(L, copies=4, unit_root=1)
    assert part.value(rho) == pytest.approx(4 * inside)
    value, gradient, curvature = part.expansion(rho)
    assert value == pytest.approx(4 * inside)
    h = 1e-5 * np.eye(2)
    assert gradient == pytest.approx([(part.value(rho + e) - part.value(rho - e)) / 2e-5 for e in h], abs=1e-4)
    ahead, behind = ([part.expansion(rho + s * e)[1] for e in h] for s in (1, -1))
    assert curvature == pytest.approx((np.array(ahead) - behind) / 2e-5, abs=1e-3)


def test_a_window_is_as_exact_as_it_says():
    L, _ = pair(6, n=30)
    low, high = np.array([0.1, 0.05]), np.array([0.3, 0.25])
    built = window(L, low, high, 1.0)
    for rho in np.random.default_rng(1).uniform(low, high, (10, 2)):
        exact = L.expansion(rho)
        assert built.expansion(rho)[0] == pytest.approx(exact[0], abs=1e-7)
        assert built.expansion(rho)[1] == pytest.approx(exact[1], abs=1e-4)


def test_chebyshev_coefficients_give_the_values_back():
    low, high = np.array([-1.0, 0.0]), np.array([2.0, 0.5])
    points = chebyshev_grid(low, high, 6)
    values = (np.sin(points[:, 0]) * np.exp(points[:, 1])).reshape(6, 6)
    c = chebyshev_coefficients(values, 2)
    x = (points - (low + high) / 2) / ((high - low) / 2)
    assert np.polynomial.chebyshev.chebval2d(x[:, 0], x[:, 1], c) == pytest.approx(values.ravel())


def test_the_series_is_close_near_zero():
    L, (V, W) = pair(7)
    points = np.array([[0.1, 0.05], [-0.1, 0.1], [0.0, 0.0]])
    exact = [np.linalg.slogdet(np.eye(20) - r * V - s * W)[1] for r, s in points]
    assert L.series(points) == pytest.approx(exact, abs=1e-3)
