"""Small factorisations against numpy's."""

import numpy as np
import pytest

from spatial.design.arrays import inverse_triangular, thin_qr


@pytest.mark.parametrize("shape", [(403, 4), (200, 70), (5, 5), (3, 5), (4, 0)])
def test_the_thin_factors_are_those_of_numpy(shape):
    X = np.random.default_rng(1).normal(size=shape)
    for own, theirs in zip(thin_qr(X), np.linalg.qr(X)):
        np.testing.assert_allclose(own, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [0, 1, 6])
def test_the_inverse_of_a_triangle(k):
    R = np.triu(np.random.default_rng(2).normal(size=(k, k))) + 3 * np.eye(k)
    np.testing.assert_allclose(inverse_triangular(R), np.linalg.inv(R), rtol=0, atol=1e-12)
