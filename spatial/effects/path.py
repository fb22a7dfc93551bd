"""Effects h periods after a change, as sums over the eigenvalues of W (Debarsy, Ertur & LeSage 2012).

The matrix of responses after h periods is a function of W, w^k (tau + eta w)^h / (1 - rho w)^(h + 1) on its
eigenvalues w: its trace is the sum, and 1'f(W) 1 the sum with the squared share of 1 in each eigenvector.
Source: Debarsy, Ertur & LeSage (2012), Statistical Methodology 9:158-171.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, refuse_varying

from ..logdet import spectrum_of
from ..records.fit import FitRecord
from ..records.schema import SCHEMA
from ..solve.dynamic import EIGEN_MAX
from .draws import from_draws, parameter_draws
from .infer import Options
from .mixture import Inference, summarize
from .nodes import given_lattice
from .propagate import determinant, selectors, spatial_places

KINDS = ("direct", "indirect", "total")
CLOSE = 1e-8  # how well the decomposition of 1 must give the row sums back


def effect_path(fit: FitRecord, horizon: int, options: Options) -> pd.DataFrame:
    """``DynamicEffects.path``: the common schema by change, horizon, effect and term."""
    if not (isinstance(horizon, int | np.integer) and horizon >= 0):
        raise SpatialInputError("E501", f"horizon={horizon!r} must be a whole number of periods, 0 or more",
                                hint="lags=2, for example")
    if fit._design.n_units > EIGEN_MAX:
        raise SpatialInputError("E309", f"paths need all eigenvalues of W: up to {EIGEN_MAX:,} units",
                                n=fit._design.n_units, hint="short_run and long_run have no limit")  # fmt: skip
    variables = fit._design.regressors
    picks, spectra = selectors(fit, variables), _shares(refuse_varying(fit._design.weights, "the path of effects"))
    params, places = fit.params.to_numpy(), spatial_places(fit)

    def curves(points):
        """(Q, K, J): coefficients of the J = 2 (horizon + 1) 3 averages at rho, tau and eta."""
        steps = np.array([_averages(spectra, len(picks), points, h) for h in range(horizon + 1)])
        steps = np.stack([steps[:, 0], steps[:, 1] - steps[:, 0], steps[:, 1]], axis=1)
        both = np.stack([steps, steps.cumsum(axis=0)])  # transitory, permanent
        return np.moveaxis(both, (-2, -1), (1, 0)).reshape(len(points), len(picks), -1)

    at = np.einsum("kj,kvp,p->jv", curves((places @ params)[None])[0], picks, params)
    if options.method == "simulate":
        sample, _ = parameter_draws(fit, options.draws, options.seed)
        picked = np.einsum("kvp,dp->dkv", picks, sample)
        drawn = np.einsum("dkj,dkv->djv", curves(sample @ places.T), picked)
        inference = from_draws(drawn, at, options.level, fit.df_resid)
    else:
        inference = _exact(fit, places, curves, picks, at, options.level)
    index = pd.MultiIndex.from_product([("transitory", "permanent"), range(horizon + 1), KINDS, variables],
                                       names=["change", "horizon", "effect", "term"])  # fmt: skip
    table = pd.DataFrame(inference.columns(), index=index).reset_index()
    return table[["change", "horizon", "effect", *SCHEMA]]


def _exact(fit, places, curves, picks, at, level) -> Inference:
    """The mixture over rho, tau and eta."""
    if not np.isfinite(fit.vcov.to_numpy()).all():
        return Inference(at, *np.full((5, *at.shape), np.nan))
    params, V = fit.params.to_numpy(), fit.vcov.to_numpy()
    bounds = determinant(fit).interval
    conditional = given_lattice(params, V, places, fit.df_resid, bounds).refuse_outside()
    return summarize(conditional.linear(curves(conditional.points), picks), at.ravel(), level).reshaped(*at.shape)


def _averages(spectra, orders: int, points, h: int) -> np.ndarray:
    """Average diagonal and average row sum of W^k A^h S^-1, k = 0 ... orders - 1, (2, orders, Q)."""
    rho, tau, eta = (part[:, None] for part in points.T)
    out = []
    for w, share in spectra:
        f = ((tau + eta * w) / (1 - rho * w)) ** h / (1 - rho * w) * share
        out.append([(f * w**k).sum(axis=1).real for k in range(orders)])
    return np.array(out)


def _shares(weights: SpatialWeights):
    """(eigenvalues, shares) whose sums are tr f(W) / N and 1'f(W) 1 / N."""
    eigenvalues = spectrum_of(weights).eigenvalues
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
