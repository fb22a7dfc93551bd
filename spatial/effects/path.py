"""Effects h periods after a change, as sums over the eigenvalues of W (Debarsy, Ertur & LeSage 2012).

The matrix of responses after h periods is a function of W, w^k (tau + eta w)^h / (1 - rho w)^(h + 1) on its
eigenvalues w: its trace is the sum, and 1'f(W) 1 the sum with the squared share of 1 in each eigenvector.
Source: Debarsy, Ertur & LeSage (2012), Statistical Methodology 9:158-171.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from ..design._weights_tmp import Weights
from ..logdet import logdet
from ..records.results import Fit
from ..solve.dynamic import EIGEN_MAX
from .propagate import central_spread, parameter_draws, selectors

KINDS = ("direct", "indirect", "total")
CLOSE = 1e-8  # how well the decomposition of 1 must give the row sums back


def effect_path(fit: Fit, horizon: int, draws: int, seed: int, level: float) -> pd.DataFrame:
    """``DynamicEffects.path``: point estimates, central spreads and percentiles of the draws."""
    from .long_run import dynamics

    if not (isinstance(horizon, int | np.integer) and horizon >= 0):
        raise SpatialInputError("E501", f"horizon={horizon!r} must be a whole number of periods, 0 or more")
    if fit.design.n_units > EIGEN_MAX:
        raise SpatialInputError("E309", f"paths need all eigenvalues of W: up to {EIGEN_MAX:,} units",
                                n=fit.design.n_units, hint="short_run and long_run have no limit")  # fmt: skip
    variables = fit.design.regressors
    picks = selectors(fit, variables)
    spectra = _shares(fit.design.weights)

    def responses(params):
        """(2, H + 1, 3, variables, draws) of transitory and permanent changes."""
        c = np.einsum("kvp,dp->kvd", picks, params)
        steps = np.array([_total(spectra, c, dynamics(fit, params), h) for h in range(horizon + 1)])
        steps = np.stack([steps[:, 0], steps[:, 1] - steps[:, 0], steps[:, 1]], axis=1)
        return np.stack([steps, steps.cumsum(axis=0)])

    estimate = responses(fit.params.to_numpy()[None])[..., 0]
    drawn = responses(parameter_draws(fit, draws, seed)[0])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    index = pd.MultiIndex.from_product([("transitory", "permanent"), range(horizon + 1), KINDS, variables],
                                       names=["change", "horizon", "effect", "term"])  # fmt: skip
    columns = {"estimate": estimate, "std_error": central_spread(drawn, -1), "conf_low": low, "conf_high": high}
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=index).reset_index()


def _total(spectra, c, dynamics, h) -> np.ndarray:
    """Average direct and total effect after h periods, (2, variables, draws)."""
    rho, tau, eta = (part[:, None] for part in dynamics)
    out = []
    for w, share in spectra:
        f = ((tau + eta * w) / (1 - rho * w)) ** h / (1 - rho * w) * share
        out.append(sum(c_k * (f * w**k).sum(axis=1).real for k, c_k in enumerate(c)))
    return np.array(out)


def _shares(weights: Weights):
    """(eigenvalues, shares) whose sums are tr f(W) / N and 1'f(W) 1 / N."""
    eigenvalues = logdet(weights, "eigen").eigenvalues
    traces = eigenvalues, np.full(weights.n, 1 / weights.n)
    if weights.rows_sum_to_one:
        return traces, (np.ones(1), np.ones(1))
    W = weights.csr.toarray()
    w, V = np.linalg.eigh(W) if np.array_equal(W, W.T) else np.linalg.eig(W)
    share = V.sum(axis=0) * np.linalg.solve(V, np.ones(weights.n)) / weights.n
    if abs((share * w).sum() - weights.row_sums.mean()) > CLOSE * abs(weights.row_sums).mean():
        raise SpatialInputError("E711", "W has too few independent eigenvectors for total effects over time",
                                hint="row-standardised weights need none")  # fmt: skip
    return traces, (w, share)
