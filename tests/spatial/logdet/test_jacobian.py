"""The grid of a search is kept with its determinant, and with no other."""

from dataclasses import replace

import numpy as np

import weights as wt
from spatial.logdet import Jacobian, logdet


def test_the_grid_is_that_of_its_own_determinant():
    places = np.random.default_rng(3).uniform(size=(40, 2))
    near, far = (wt.knn(places, k, metric="planar").standardize("row") for k in (3, 9))
    part = Jacobian(logdet(near), copies=7, unit_root=1)
    grid = part.grid(40)
    assert part.grid(40) is grid
    assert len(grid.points) == 41
    dense = [7 * (np.linalg.slogdet(np.eye(40) - r * near.csr.toarray())[1] - np.log(1 - r)) for r in grid.points]
    np.testing.assert_allclose(grid.values, dense, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose([grid.points[0], grid.points[-1]], part.ends, rtol=1e-9)
    other = replace(part, logdet=logdet(far))
    assert not np.allclose(other.grid(40).values, grid.values)
