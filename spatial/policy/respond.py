"""Averages of responses to a change, as functions of the parameters, with their draws.

A change of regressor r by V moves outcomes by

    S_r V = sum_k c_k W^k (I - rho W)^-1 V,    c = (beta_r, theta_r, theta_2r)

so an average of responses is sum_k c_k m_k(rho). The curves m_k are computed at a few values of rho and interpolated:
a draw of the parameters costs no inverse.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..effects.propagate import parameter_draws, selectors
from ..logdet.inverse import Inverse
from ..records.results import Fit

NODES = 16  # Chebyshev nodes over the draws of rho: the curves are smooth inside its interval


def averages(fit: Fit, term: str, W, V: np.ndarray, read: Callable, draws: int, seed: int):
    """What ``read`` takes from the responses to V, at the estimates and at draws of the parameters.

    Parameters
    ----------
    fit : Fit
    term : str
    W : Weights of N units
    V : ndarray, shape (N, m)
        Changes, one per column.
    read : function from responses (N, m) to (E,), linear

    Returns
    -------
    at : ndarray (E,)
    drawn : ndarray (kept, E)
    """
    picks = selectors(fit, [term])[:, 0, :]
    estimates = fit.params.to_numpy()
    sample, rho = parameter_draws(fit, draws, seed)

    def curves(r):
        ahead, out = Inverse(W, float(r)).solve(V), []
        for _ in picks:
            out.append(read(ahead))
            ahead = W.csr @ ahead
        return np.array(out)

    at = (picks @ estimates) @ curves(fit.rho)
    c = sample @ picks.T
    if not fit.specification.lag:
        return at, c @ curves(0.0)
    lo, hi = rho.min(), max(rho.max(), rho.min() + 1e-9)
    nodes = np.polynomial.chebyshev.chebpts1(NODES + 1)
    values = np.array([curves((hi + lo) / 2 + (hi - lo) / 2 * node) for node in nodes])
    shape = values.shape[1:]
    fitted = np.polynomial.chebyshev.chebfit(nodes, values.reshape(len(nodes), -1), NODES)
    m = np.polynomial.chebyshev.chebval((2 * rho - hi - lo) / (hi - lo), fitted).reshape(*shape, -1)
    return at, np.einsum("rk,ker->re", c, m)


def intervals(drawn: np.ndarray, level: float):
    """Standard errors and percentile intervals of (draws, E)."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return drawn.std(axis=0, ddof=1), low, high
