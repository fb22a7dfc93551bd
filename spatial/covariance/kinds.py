"""The kinds of covariance: small frozen settings that know how to compute and how to name themselves.

Each has ``covariance(fit)``, the matrix of ``fit.params``; ``df(fit)``, the degrees of freedom of t statistics
after least squares; and ``describe(fit)``, the words for headers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError, check_option
from spillover.matrix import refuse_varying

from ..design.options import Settings
from ..records.fit import FitRecord
from .bootstrap import bootstrap_parameters
from .groups import both, group_codes
from .information import covariance, expected, observed
from .pairs import pairs_meat
from .places import KERNELS, coordinates, near
from .random import by_random_ml, random_covariance
from .sandwich import grouped_meat, newey_west, sandwich, small_sample_factor, sums_by_group


@dataclass(frozen=True)
class Information:
    """The inverse information: observed ("oim", second derivatives) or expected ("eim", Anselin 1988).

    A model without a spatial parameter has the classical covariance, sigma2 (X'X)^-1 with sigma2 = SSE / df. Where
    fixed effects are corrected for, the degrees of freedom that coefficients take are too: the inverse of "oim" is
    multiplied by n / (n - p), n what the effects leave and p the number of parameters. Eight coefficients at N = 31,
    T = 5 make intervals 4 % too short without.
    """

    kind: str = "oim"

    def covariance(self, fit: FitRecord) -> np.ndarray:
        sample, at = fit.sample, fit.solution
        if by_random_ml(fit):
            return random_covariance(fit)
        if sample.lag is None and sample.error is None:
            inverse = np.linalg.inv(np.linalg.qr(sample.X, mode="r"))
            return fit.sigma2 * inverse @ inverse.T
        if self.kind == "oim":
            return _lost_freedom(fit) * covariance(observed(sample, at), fit.params.index)
        refuse_varying(fit.design.weights, "vcov='eim'")
        refuse_varying(fit.design.weights_of_error, "vcov='eim'")
        W, M = fit.design.weights.csr, fit.design.weights_of_error.csr
        return covariance(expected(sample, at, W, M), fit.params.index)

    def df(self, fit: FitRecord) -> int:
        return residual_df(fit)

    def describe(self, fit: FitRecord) -> str:
        if not (_is_spatial(fit) or by_random_ml(fit)):
            return "classical"
        factor = ", factor n/(n-p)" * (_lost_freedom(fit) > 1)
        return {"oim": "observed information" + factor, "eim": "expected information"}[self.kind]


@dataclass(frozen=True)
class Robust:
    """The sandwich of the observed information: errors need not be normal, nor of one variance.

    That concerns the standard errors alone: with very unequal variances maximum likelihood itself can miss
    rho and lambda, and ``method="gmm"`` is the safer estimator.

    Scores are taken by row in a cross-section and by unit, summed over its periods, in a panel; the factor is
    N / (N - 1), for least squares besides (n - 1) / (n - k).

    Parameters
    ----------
    pairs : bool
        False splits the determinant's score equally over the units, as ``xsmle`` does. Scores of neighbours are
        then correlated and the variance of rho and lambda comes out too small, the more so the less the
        regressors explain. True counts every pair of units, for up to 5,000 of them.

    Notes
    -----
    White (1982, Econometrica 50:1-25); Belotti, Hughes & Piano Mortari (2017, Stata Journal 17:139-180); for
    pairs Kelejian & Prucha (2001, J. Econometrics 104:219-257).
    """

    pairs: bool = False

    def covariance(self, fit: FitRecord) -> np.ndarray:
        codes, _ = group_codes(fit.design, "entity")
        if self.pairs and _is_spatial(fit):
            factor = small_sample_factor(fit, codes)
            return sandwich(fit, lambda S: factor * pairs_meat(fit))
        return sandwich(fit, lambda S: grouped_meat(fit, codes, S))

    def df(self, fit: FitRecord) -> int:
        return fit.design.n_units - 1 if fit.design.is_panel else residual_df(fit)

    def describe(self, fit: FitRecord) -> str:
        by = "sandwich by unit" if fit.design.is_panel else "sandwich"
        by += " and pair" * (self.pairs and _is_spatial(fit))
        return f"robust ({by}, {_factor(fit, 'N')}, N = {fit.design.n_units:,})"


@dataclass(frozen=True, eq=False)
class Cluster:
    """Sandwich of scores added up by group; two groupings give the two-way covariance V1 + V2 - V12.

    Parameters
    ----------
    by : str, Series, or a pair of them
        "entity", "time", a column of the data, or a Series indexed by unit or by unit and period.

    Notes
    -----
    The factor is G / (G - 1) for each grouping; for least squares besides (n - 1) / (n - K), and t statistics
    have G - 1 degrees of freedom. Source: Cameron, Gelbach & Miller (2011, J. Business & Economic Statistics
    29:238-249).
    """

    by: object = "entity"

    def covariance(self, fit: FitRecord) -> np.ndarray:
        codes = [c for c, _ in self._groupings(fit)]
        if len(codes) == 1:
            return sandwich(fit, lambda S: grouped_meat(fit, codes[0], S))
        a, b = codes
        ab = both(a, b)

        def meat(S):
            return grouped_meat(fit, a, S) + grouped_meat(fit, b, S) - grouped_meat(fit, ab, S)

        return sandwich(fit, meat)

    def df(self, fit: FitRecord) -> int:
        return min(int(codes.max()) for codes, _ in self._groupings(fit))

    def describe(self, fit: FitRecord) -> str:
        said = [f"{name} ({codes.max() + 1:,} groups)" for codes, name in self._groupings(fit)]
        return f"clustered by {' and '.join(said)}, {_factor(fit, 'G')}"

    def _groupings(self, fit):
        by = list(self.by) if isinstance(self.by, list | tuple) else [self.by]
        if not 1 <= len(by) <= 2:
            raise SpatialInputError("E501", f"cluster by one or two groupings, got {len(by)}")
        if not fit.design.is_panel and len(by) == 1 and isinstance(by[0], str) and by[0] == "entity":
            raise SpatialInputError("E501", "vcov='cluster' needs by= in a cross-section",
                                    hint="sp.Cluster('region'), or vcov='robust' for one unit per group")  # fmt: skip
        return [group_codes(fit.design, one) for one in by]


@dataclass(frozen=True, eq=False)
class Conley:
    """Spatial HAC: scores of units within ``cutoff`` km of each other may be correlated.

    Parameters
    ----------
    cutoff : float
        Great-circle distance in km.
    coords : GeoDataFrame, DataFrame of longitude and latitude, or (N, 2) array; optional
        Frames are matched by their index with the units. By default the geometry of the fitted data.
    kernel : {"bartlett", "uniform"}
        Weights 1 - distance / cutoff, or 1, within the cut-off.

    Notes
    -----
    In a panel scores are first added up over a unit's periods, so that errors may also be correlated over time,
    within a unit and between neighbours. A cut-off below all distances gives ``"robust"``.
    Source: Conley (1999, J. Econometrics 92:1-45), with distances in place of his lattice.
    """

    cutoff: float | None = None
    coords: object = field(default=None, repr=False)
    kernel: str = "bartlett"

    def __post_init__(self):
        check_option("kernel", self.kernel, KERNELS)
        if self.cutoff is None or not 0 < self.cutoff < np.inf:
            raise SpatialInputError("E501", f"Conley needs a cut-off in km above zero, got {self.cutoff!r}",
                                    hint="sp.Conley(cutoff=300, coords=...)")  # fmt: skip

    def covariance(self, fit: FitRecord) -> np.ndarray:
        K = near(coordinates(fit.design, self.coords), self.cutoff, self.kernel)
        codes, _ = group_codes(fit.design, "entity")
        factor = small_sample_factor(fit, codes)

        def meat(S):
            sums = sums_by_group(S, codes)
            return factor * sums.T @ (K @ sums)

        return sandwich(fit, meat)

    def df(self, fit: FitRecord) -> int:
        return Robust().df(fit)

    def describe(self, fit: FitRecord) -> str:
        return f"Conley (cut-off {self.cutoff:g} km, {self.kernel} kernel, {_factor(fit, 'N')})"


@dataclass(frozen=True)
class DriscollKraay:
    """Sandwich for panels whose errors are correlated between all units and over ``lags`` periods.

    Parameters
    ----------
    lags : int, optional
        floor(4 (T / 100)^(2/9)) by default. 0 gives the covariance clustered by period.

    Notes
    -----
    Its consistency needs many periods. Source: Driscoll & Kraay (1998, Review of Economics and Statistics
    80:549-560); factor T / (T - 1).
    """

    lags: int | None = None

    def __post_init__(self):
        if self.lags is not None and not (isinstance(self.lags, int) and self.lags >= 0):
            raise SpatialInputError("E501", f"lags={self.lags!r} must be a whole number of periods, 0 or more")

    def covariance(self, fit: FitRecord) -> np.ndarray:
        if not fit.design.is_panel:
            raise SpatialInputError("E501", "Driscoll-Kraay standard errors need a panel")
        codes, _ = group_codes(fit.design, "time")
        factor = small_sample_factor(fit, codes)
        return sandwich(fit, lambda S: factor * newey_west(sums_by_group(S, codes), self._lags(fit)))

    def df(self, fit: FitRecord) -> int:
        return fit.design.n_periods - 1

    def describe(self, fit: FitRecord) -> str:
        return f"Driscoll-Kraay ({self._lags(fit)} lags, {_factor(fit, 'T')}, T = {fit.design.n_periods})"

    def _lags(self, fit) -> int:
        T = fit.design.n_periods
        lags = int(4 * (T / 100) ** (2 / 9)) if self.lags is None else self.lags
        if lags >= T:
            raise SpatialInputError("E501", f"lags={lags} must be fewer than the {T} periods")
        return lags


@dataclass(frozen=True)
class Bootstrap:
    """Covariance of the estimates over samples with resampled residuals; the same seed gives the same bits.

    Parameters
    ----------
    draws, seed : int

    Notes
    -----
    Residuals are exchangeable draws: of one variance, independent over units and periods. Not for random
    effects, additive corrections or lagged responses.
    """

    draws: int = 999
    seed: int = 1

    def __post_init__(self):
        if not (isinstance(self.draws, int) and self.draws >= 2):
            raise SpatialInputError("E501", f"draws={self.draws!r} must be a whole number above 1")

    def covariance(self, fit: FitRecord) -> np.ndarray:
        return np.atleast_2d(np.cov(bootstrap_parameters(fit, self.draws, self.seed), rowvar=False))

    def df(self, fit: FitRecord) -> int:
        return residual_df(fit)

    def describe(self, fit: FitRecord) -> str:
        return f"residual bootstrap ({self.draws:,} draws, seed {self.seed})"


def residual_df(fit: FitRecord) -> int:
    """Rows less fixed effects and coefficients."""
    d = fit.design
    return d.left(fit.settings.effects) - fit.sample.X.shape[1]


def lost_freedom(n: int, p: int, settings: Settings) -> float:
    """n / (n - p) in panels whose fixed effects are corrected for, 1 elsewhere."""
    return n / (n - p) if settings.corrected and n > p else 1.0


def _lost_freedom(fit: FitRecord) -> float:
    return lost_freedom(fit.sample.n, len(fit.params), fit.settings)


def _factor(fit: FitRecord, groups: str) -> str:
    """The small-sample factor in words."""
    return f"factor {groups}/({groups}-1)" + ("" if _is_spatial(fit) else " (n-1)/(n-k)")


def _is_spatial(fit: FitRecord) -> bool:
    """Whether the model has a spatial parameter, and so was not estimated by least squares."""
    return fit.specification.lag or fit.specification.error
