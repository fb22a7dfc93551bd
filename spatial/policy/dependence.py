"""Which units' errors may be correlated, as a positive semidefinite K over units with a diagonal of one.

    clusters     K_ij = 1 within a group
    neighbors    K_ij = n_ij / sqrt(n_i n_j), n_ij the units that both have among themselves and their neighbors
    Conley       K_ij falls with distance, or is one, up to a cut-off: see ``spatial.Conley``

Units whose exposure comes from the same neighbors share them in n_ij; as a Gram matrix K is never indefinite, which
weights of W itself may be.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ..covariance.hac import Conley
from ..covariance.places import coordinates, near
from ._sample import PolicySample
from .exposure_maps import Exposure

ALTERNATIVES = 'vcov="cluster", vcov="neighbors", or vcov=sp.Conley(cutoff=300, coords=places)'


def kernel_of(vcov: Any, sample: PolicySample, exposure: Exposure) -> sparse.csr_array:
    """K of a covariance, shape (N, N).

    Raises
    ------
    SpatialInputError
        E501 another covariance, or coordinates that cannot be used; E533 clusters beside distance, lags of ``Conley``.
    """
    N = len(sample.ids)
    if isinstance(vcov, str) and vcov == "cluster":
        return block_kernel(sample.cluster)
    if not (isinstance(vcov, Conley) or (isinstance(vcov, str) and vcov == "neighbors")):
        raise SpatialInputError("E501", f"vcov={vcov!r} is not one of cluster, neighbors, Conley", hint=ALTERNATIVES)
    if sample.n_clusters != N:
        raise SpatialInputError("E533", "cluster= goes with vcov='cluster': errors are correlated within groups, "
                                "or over space", hint="leave one of the two out")  # fmt: skip
    if isinstance(vcov, Conley):
        if vcov.lags is not None:
            raise SpatialInputError("E533", "exposure_did takes Conley without lags=: all periods of a unit, "
                                    "and of units near it, may be correlated", hint="leave lags= out")  # fmt: skip
        units = SimpleNamespace(ids=sample.ids, n_units=N, frame=None, is_panel=True)
        return near(coordinates(units, vcov.coords), vcov.cutoff, vcov.kernel)  # type: ignore[arg-type]
    return shared_neighbors([one for each in exposure.links.values() for one in each])


def block_kernel(cluster: np.ndarray) -> sparse.csr_array:
    """One within a group.

    Examples
    --------
    >>> block_kernel(np.array([0, 1, 0])).toarray().astype(int).tolist()
    [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    """
    N = len(cluster)
    C = sparse.csr_array((np.ones(N), cluster, np.arange(N + 1)))
    return sparse.csr_array(C @ C.T)


def shared_neighbors(matrices: list) -> sparse.csr_array:
    """Shared closed neighborhoods, of links in either direction and in any of the matrices.

    Examples
    --------
    >>> path = sparse.csr_array(np.diag(np.ones(2), 1))
    >>> shared_neighbors([path]).toarray().round(2).tolist()
    [[1.0, 0.82, 0.5], [0.82, 1.0, 0.82], [0.5, 0.82, 1.0]]
    """
    links = sum(abs(one) for one in matrices)
    A = sparse.csr_array(((links + links.T + sparse.eye_array(links.shape[0])) != 0) * 1.0)
    root = sparse.diags_array(1 / np.sqrt(A.sum(axis=1)))
    half = root @ A
    return sparse.csr_array(half @ half.T)


def in_words(vcov: Any, sample: PolicySample, cluster: str) -> str:
    """What errors may be correlated, for a header."""
    if isinstance(vcov, Conley):
        return f"within {cluster} and {vcov.cutoff:g} km ({vcov.kernel} kernel)"
    if vcov == "neighbors":
        return f"within {cluster} and between those that share neighbors"
    return f"within {cluster} ({sample.n_clusters:,})"
