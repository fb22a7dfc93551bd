"""The kinds of covariance: small frozen settings that know how to compute and how to name themselves.

Each has ``covariance(fit)``, the matrix of ``fit.params``; ``df(fit)``, the degrees of freedom of t statistics or None
for normal ones; and ``describe(fit)``, the words for headers. Scores by group are in ``clustered``, correlated over
space or time in ``hac``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying
from spillover.show import ask
from spillover.values import whole_number

from ..design.arrays import by_gls, inverse_triangular
from ..design.design import Design
from ..design.gaps import refuse_unbalanced
from ..design.obs_weights import links_in_units_of_variance, refuse_weighted
from ..design.options import Settings
from ..records.fit import FitRecord
from .bootstrap import bootstrap_parameters
from .deviations import has_several
from .information import covariance, expected, observed_covariance
from .random import by_random_ml, random_covariance
from .sandwich import least_squares
from .several import refuse_expected, whole_covariance


@dataclass(frozen=True)
class Information:
    """The inverse information: observed ("oim", second derivatives) or expected ("eim", Anselin 1988).

    A model without a spatial parameter has the classical covariance, sigma2 (X'X)^-1 with sigma2 = SSE / df. Others
    count the degrees of freedom that parameters take too, unless ``correction=False``: the inverse of "oim" is
    multiplied by n / (n - p), n what fixed effects leave and p the number of parameters, and statistics are t(n - p).
    Fifteen regressors of 48 states leave intervals of beta that cover 70 % without, 94 % with it. What the bias
    correction of a dynamic panel adds to the variance is in "oim" and in the sandwiches (``additive``); "eim" leaves it
    out, as Lee & Yu (2010) do.
    """

    kind: str = "oim"

    def covariance(self, fit: FitRecord) -> np.ndarray:
        sample, at = fit._sample, fit._solution
        if has_several(fit):
            if self.kind == "eim":
                refuse_expected(fit)
            p = len(fit._terms)
            return _with_psi(fit, whole_covariance(fit, lost_freedom(fit))[:p, :p])
        if fit._settings.random is not None and by_random_ml(fit):
            return _with_psi(fit, random_covariance(fit))
        if sample.lag is None and sample.error is None:
            inverse = inverse_triangular(sample.basis[1])
            return _with_psi(fit, at.after_correction(fit.sigma2 * inverse @ inverse.T))
        if self.kind == "oim":
            factor = factor_of_freedom(sample.n, len(fit._terms), fit._settings)
            return _with_psi(fit, at.after_correction(factor * observed_covariance(sample, at, fit._terms)))
        fit._settings.effects.refuse_ways("vcov='eim'", "vcov='oim'")
        if by_gls(sample):
            raise SpatialInputError("E501", f"vcov='eim' is not there where {fit._settings.effects} effects leave by "
                                    "generalised least squares", hint="vcov='oim'")  # fmt: skip
        d = fit._design
        if fit._settings.effects.fixed or d.obs_weights is not None:
            refuse_unbalanced(d.observed, "vcov='eim' beside fixed effects or weights of observations", "vcov='oim'")
            refuse_varying(d.weights, "vcov='eim' beside fixed effects or weights of observations")
            refuse_varying(d.weights_of_error, "vcov='eim' beside fixed effects or weights of observations")
        if d.varies:
            return covariance(expected(sample, at, *rows_of_weights(d)), list(fit._terms))
        if d.obs_weights is not None and (fit._settings.effects.time or not d.obs_weights.fixed):
            refuse_weighted(d.obs_weights, "vcov='eim' with period effects, or with weights that change over time,",
                            "vcov='oim'")  # fmt: skip
        W, M = (links_in_units_of_variance(d, w).csr for w in (d.weights, d.weights_of_error))
        return covariance(expected(sample, at, W, M), list(fit._terms))

    def df(self, fit: FitRecord) -> int | None:
        return t_df(fit)

    def describe(self, fit: FitRecord) -> str:
        if least_squares(fit):
            return "classical"
        factor = ", factor n/(n-p)" * (lost_freedom(fit) > 1)
        return {"oim": "observed information" + factor, "eim": "expected information"}[self.kind]


def rows_of_weights(d: Design) -> tuple[sparse.csr_array, sparse.csr_array]:
    """W and M of all rows, block diagonal over periods: the panel as one cross-section."""
    return tuple(w.stacked.csr if w.varies else sparse.csr_array(sparse.block_diag([w.csr] * d.n_periods))
                 for w in (d.weights, d.weights_of_error))  # type: ignore[return-value]  # fmt: skip


def _with_psi(fit: FitRecord, V: np.ndarray) -> np.ndarray:
    """V with what the estimation of errors that are correlated over time adds."""
    serial = fit._settings.serial
    return V if serial is None else V + serial.added(len(V))


@dataclass(frozen=True)
class Bootstrap:
    """Covariance of the estimates over samples with resampled residuals; the same seed gives the same bits.

    Parameters
    ----------
    draws, seed : int

    Notes
    -----
    Residuals are exchangeable draws: of one variance (in each regime, where these differ), independent over units and
    periods. Samples of a dynamic model grow from its starting values, period by period. Not for random effects.
    """

    draws: int = 999
    seed: int = 1

    def __post_init__(self):
        whole_number("draws", self.draws, least=2)
        whole_number("seed", self.seed, least=0)

    def covariance(self, fit: FitRecord) -> np.ndarray:
        refuse_weighted(fit._design.obs_weights, "vcov='bootstrap'", "vcov='oim' or 'robust'")
        if fit._design.lags or has_several(fit):  # estimated by functions of a higher floor
            parameters = ask("resample", fit, self.draws, self.seed)
        else:
            parameters = bootstrap_parameters(fit, self.draws, self.seed)
        return np.atleast_2d(np.cov(parameters, rowvar=False))

    def df(self, fit: FitRecord) -> int | None:
        return t_df(fit)

    def describe(self, fit: FitRecord) -> str:
        return f"residual bootstrap ({self.draws:,} draws, seed {self.seed})"


def residual_df(fit: FitRecord) -> int:
    """Rows less fixed effects and parameters."""
    return fit._design.left(fit._settings.effects) - len(fit._terms)


def factor_of_freedom(n: int, p: int, settings: Settings) -> float:
    """n / (n - p); 1 without the correction and for random effects."""
    return n / (n - p) if settings.counts_parameters and n > p else 1.0


def lost_freedom(fit: FitRecord) -> float:
    """Of a fit: see ``factor_of_freedom``."""
    return factor_of_freedom(fit._sample.n, len(fit._terms), fit._settings)


def t_df(fit: FitRecord) -> int | None:
    """n - p where statistics are t: after least squares, and where maximum likelihood counts its parameters."""
    df = residual_df(fit)
    return df if (fit._settings.counts_parameters and df > 0) or least_squares(fit) else None
