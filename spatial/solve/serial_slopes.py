"""The derivative of ln L by psi beside effects behind ``|``, row by row, everything else held fixed.

With e(z) = (I - V V') B (P kron I) (A y - X beta), V an orthonormal basis of B (P kron I) D, psi = tanh(z), and U an
orthonormal basis of D,

    l(z) = -e'e / (2 sigma2) + N / 2 ln(1 - psi^2) - 1/2 ln|U'(P'P kron I) U| - 1/2 ln|U_z'B'B U_z|

where U_z is an orthonormal basis of (P kron I) D. The last term counts where B D differs from D.
"""

from __future__ import annotations

import numpy as np

from ..design.design import Design, spatial_lag
from ..design.filtered_ways import FilteredWays, filtered_effects
from ..design.fixed_effects import FixedEffects
from ..design.invariant import carries
from ..design.sample import regressor_columns
from ..design.specification import Specification
from .ml import Solution
from .serial import prais_winsten

STEP = 1e-4  # of central differences by z


def slope_by_psi(
    specification: Specification, d: Design, effects: FixedEffects, at: Solution, z: float
) -> np.ndarray:
    """By z = atanh(psi), (m,): what belongs to no row is spread over all of them.

    Parameters
    ----------
    d : Design
        Not filtered.
    at : Solution
        beta, rho, lambda and sigma2.
    """
    X, names = regressor_columns(d, effects)
    u = d.y - X @ at.beta[: len(names)]
    if specification.lag:
        u = u - at.rho * d.lag(d.outcome, effects)
    u, ends = d.within(u, effects), []
    for move in (STEP, -STEP):
        psi = float(np.tanh(z + move))
        P = prais_winsten(psi, len(u))
        ways = filtered_effects(effects, P).ways
        assert isinstance(ways, FilteredWays)
        constant = u.shape[1] / 2 * np.log1p(-(psi**2)) - ways.log_size / 2
        e, Pu = np.empty(0), P @ u
        if not specification.error:
            e = ways.demean(Pu).ravel()
        elif carries(d.weights_of_error, ways):
            e = ways.demean(_filtered(d, at.lam, Pu)).ravel()
        else:
            U = ways.dummies()
            V, R = np.linalg.qr(d.rows(_filtered(d, at.lam, d.panel(U))))
            e = _filtered(d, at.lam, Pu).ravel()
            e = e - V @ (V.T @ e)
            constant -= np.log(np.abs(np.diag(R))).sum()
        ends.append(constant / len(e) - e**2 / (2 * at.sigma2))
    return (ends[0] - ends[1]) / (2 * STEP)


def _filtered(d: Design, lam: float, values: np.ndarray) -> np.ndarray:
    """B of (T, N, ...)."""
    return values - lam * spatial_lag(d.weights_of_error, values)
