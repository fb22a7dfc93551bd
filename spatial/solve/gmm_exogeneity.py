"""Are regressors of a dynamic panel strictly exogenous: does GMM hold with their own differences among its instruments?

C = J of the instruments [H, D x] less J of H, both weighted by the inverse of the former's covariance, chi2 with the
number of instruments that are new (Eichenbaum, Hansen & Singleton 1988, Quarterly J. Economics 103:51-78, appendix C;
"difference-in-Hansen" in xtabond2).
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from .gmm_dynamic import System, independent


def exogeneity(system: System, tested: list[int]) -> tuple[float, int]:
    """(C, degrees of freedom) of columns of Z.

    Raises
    ------
    SpatialInputError
        E704 as many instruments as units.
    """
    H, N = system.H, system.H.shape[1]
    flat = H.reshape(-1, H.shape[2])
    new = system.DZ[:, :, tested].reshape(len(flat), -1)
    new = new - flat @ (flat.T @ new)
    added = independent(new.reshape(*H.shape[:2], -1))
    wider = np.concatenate([H, added], axis=2)
    q = H.shape[2]
    if wider.shape[2] >= N:
        raise SpatialInputError("E704", f"{wider.shape[2]} instruments for {N} units: there must be fewer",
                                hint="sp.ArellanoBond(depth=1) has fewer")  # fmt: skip
    HZ, Hy = np.einsum("tiq,tip->qp", wider, system.DZ), np.einsum("tiq,ti->q", wider, system.Dy)
    weighted = np.linalg.solve(system.spread(wider), np.column_stack([HZ, Hy]))
    b = np.linalg.solve(HZ.T @ weighted[:, :-1], HZ.T @ weighted[:, -1])
    by_unit = np.einsum("tiq,ti->iq", wider, system.Dy - system.DZ @ b)
    S = by_unit.T @ by_unit
    return max(_least(S, HZ, Hy) - _least(S[:q, :q], HZ[:q], Hy[:q]), 0.0), added.shape[2]


def _least(S: np.ndarray, HZ: np.ndarray, Hy: np.ndarray) -> float:
    """min over b of g'S^-1 g, g = H'(D y - D Z b)."""
    L = np.linalg.cholesky(S)
    a, B = np.linalg.solve(L, Hy), np.linalg.solve(L, HZ)
    rest = a - B @ np.linalg.lstsq(B, a, rcond=None)[0]
    return float(rest @ rest)
