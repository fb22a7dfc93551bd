"""Errors correlated over space or time: which pairs of scores the middle of the sandwich lets through.

Such a variance is itself estimated from few independent parts, so normal critical values are too small. Each kind
brings degrees of freedom for t statistics that allow for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError, check_option, warn

from ..records.fit import FitRecord
from ..records.limits import LIMITS
from .groups import group_codes
from .periods import cosine_meat, cosine_terms, fixed_b_df, newey_west
from .places import KERNELS, coordinates, near
from .sandwich import factor_in_words, is_spatial, sandwich, small_sample_factor, sums_by_group


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
        Weights 1 - distance / cutoff, or 1, within the cut-off. "uniform" need not give a positive variance.
    lags : int, optional
        In a panel, scores ``lags`` periods apart or less may be correlated, within a unit and between neighbors, with
        Bartlett's weights 1 - lag / (lags + 1) times those of the distance. By default all periods may, with weight 1:
        scores are added up over a unit's periods.

    Notes
    -----
    Conley (1999, J. Econometrics 92:1-45), with distances in place of his lattice. With K the weights and M off the
    mean, u'M K M u of independent errors has the mean tr(M K) and the variance 2 tr(M K M K): the covariance is divided
    by tr(M K) / n, and t statistics have tr(M K)^2 / tr(M K M K) degrees of freedom. Those are the first two moments
    of the fixed-b law that Bester, Conley, Hansen & Vogelsang (2016, Econometric Theory 32:154-186) simulate; the
    critical value at 95 % differs by 1 % from theirs with twelve degrees of freedom, by 7 % (ours is larger) with six.
    A cut-off below all distances gives ``Robust(pairs=False)`` with t(N - 1).

    Errors that are correlated over space bias rho and lambda of maximum likelihood themselves: beside a spatial lag or
    error this covariance comes with a warning. ``sp.SCPC`` holds its size under longer correlation.
    """

    cutoff: float = None  # type: ignore[assignment]  # refused below in words
    coords: object = field(default=None, repr=False)
    kernel: str = "bartlett"
    lags: int | None = None

    def __post_init__(self):
        check_option("kernel", self.kernel, KERNELS)
        if self.cutoff is None or not 0 < self.cutoff < np.inf:
            raise SpatialInputError("E501", f"Conley needs a cut-off in km above zero, got {self.cutoff!r}",
                                    hint="sp.Conley(cutoff=300, coords=...)")  # fmt: skip
        _check_lags(self.lags)

    def covariance(self, fit: FitRecord) -> np.ndarray:
        if is_spatial(fit):
            warn(f"{fit.specification.name}: {LIMITS['correlated errors']}; model the correlation (sac, gns), or use "
                 "method='gmm' with sp.SCPC()")  # fmt: skip
        K, weights = self._kernel(fit)
        n, trace, _ = kernel_moments(fit, K, weights)
        codes, _ = group_codes(fit._design, "entity")
        G = codes.max() + 1
        factor = small_sample_factor(fit, codes) * (G - 1) / G * n / trace

        def meat(S):
            values = np.nan_to_num(fit._design.panel(S))
            return factor * np.einsum("tip,tiq->pq", values, _spread(K, weights, values))

        return sandwich(fit, meat)

    def df(self, fit: FitRecord) -> float:
        _, trace, squares = kernel_moments(fit, *self._kernel(fit))
        return trace**2 / squares

    def describe(self, fit: FitRecord) -> str:
        over_time = "" if self.lags is None else f", {self.lags} lags"
        nu = self.df(fit)
        return f"Conley (cut-off {self.cutoff:g} km, {self.kernel} kernel{over_time}, {nu:.1f} degrees of freedom)"

    def _kernel(self, fit: FitRecord):
        """K over units, (N, N), and the weights of 0, 1, ... periods' distance."""
        if self.lags is not None and not fit._design.is_panel:
            raise SpatialInputError("E501", "lags= of Conley needs a panel",
                                    hint="leave lags= out, or give entity= and time=")
        K = near(coordinates(fit._design, self.coords), self.cutoff, self.kernel)
        T = fit._design.n_periods
        return K, np.ones(T) if self.lags is None else np.clip(1 - np.arange(T) / (self.lags + 1), 0, None)


def kernel_moments(fit: FitRecord, K, weights: np.ndarray) -> tuple[float, float, float]:
    """n, tr(M K) and tr(M K M K) over all rows, M off their mean, K the product of both kernels."""
    d = fit._design
    there = (np.ones(d.y.shape) if d.observed is None else d.observed.astype(float))[:, :, None]
    n = float(there.sum())
    spread = there * _spread(K, weights, there)
    mean = spread.sum() / n
    squares = float(np.sum(there * _spread(K.multiply(K).tocsr(), weights**2, there)))
    return n, n - mean, squares - 2 * np.sum(spread**2) / n + mean**2


def _spread(K, weights, values):
    """sum over s of weights_|t - s| K v_s, (T, N, p)."""
    T, N, p = values.shape
    by_unit = K @ values.transpose(1, 0, 2).reshape(N, T * p)
    gap = np.abs(np.arange(T)[:, None] - np.arange(T))
    return np.einsum("ts,isp->tip", weights[gap], by_unit.reshape(N, T, p))


@dataclass(frozen=True)
class DriscollKraay:
    """Sandwich for panels whose errors are correlated between all units, and over time.

    Parameters
    ----------
    lags : int, optional
        Bartlett's kernel with so many lags; 0 gives the covariance clustered by period. By default cosine series.
    kernel : {"cosine", "bartlett"}, optional
        "bartlett" without ``lags`` takes floor(4 (T / 100)^(2/9)).

    Notes
    -----
    Driscoll & Kraay (1998, Review of Economics and Statistics 80:549-560): h_t are the scores added up by period. The
    cosine series of Lazarus, Lewis, Stock & Watson (2018, J. Business & Economic Statistics 36:541-559),

        M = T / nu sum_j L_j L_j',    L_j = sqrt(2 / T) sum_t cos(pi j (t - 1/2) / T) h_t,    j = 1, ..., nu,

    has t(nu), nu = max(2, floor(.4 T^(2/3))). Bartlett's has the factor T / (T - 1) and the critical values of Kiefer &
    Vogelsang (2005, Econometric Theory 21:1130-1164), as the t distribution that agrees with them at 95 %. Intervals
    at T = 5, 13, 30 cover 93, 94.5 and 95 % by cosines, 81, 91 and 92 % by Bartlett's kernel; with normal critical
    values it has 61, 81 and 87 %.
    """

    lags: int | None = None
    kernel: str | None = None

    def __post_init__(self):
        _check_lags(self.lags)
        if self.kernel is not None:
            check_option("kernel", self.kernel, ("cosine", "bartlett"))
        if self.lags is not None and self.kernel == "cosine":
            raise SpatialInputError("E501", "lags= belongs to kernel='bartlett'",
                                    hint="sp.DriscollKraay(lags=2, kernel='bartlett')")

    def covariance(self, fit: FitRecord) -> np.ndarray:
        if not fit._design.is_panel:
            raise SpatialInputError("E501", "Driscoll-Kraay standard errors need a panel",
                                    hint="vcov='robust' in a cross-section")
        codes, _ = group_codes(fit._design, "time")
        if self._by_cosines:
            nu = int(self.df(fit))
            return sandwich(fit, lambda S: cosine_meat(sums_by_group(S, codes), nu))
        factor = small_sample_factor(fit, codes)
        return sandwich(fit, lambda S: factor * newey_west(sums_by_group(S, codes), self._lags(fit)))

    def df(self, fit: FitRecord) -> float:
        T = fit._design.n_periods
        return cosine_terms(T) if self._by_cosines else fixed_b_df((self._lags(fit) + 1) / T)

    def describe(self, fit: FitRecord) -> str:
        T = fit._design.n_periods
        if self._by_cosines:
            return f"Driscoll-Kraay ({self.df(fit)} cosine terms, T = {T})"
        return f"Driscoll-Kraay ({self._lags(fit)} lags, fixed-b, {factor_in_words(fit, 'T')}, T = {T})"

    @property
    def _by_cosines(self) -> bool:
        return self.lags is None and self.kernel != "bartlett"

    def _lags(self, fit) -> int:
        T = fit._design.n_periods
        lags = int(4 * (T / 100) ** (2 / 9)) if self.lags is None else self.lags
        if lags >= T:
            raise SpatialInputError("E501", f"lags={lags} must be fewer than the {T} periods", hint="give fewer lags")
        return lags


def _check_lags(lags) -> None:
    if lags is not None and not (isinstance(lags, int) and lags >= 0):
        raise SpatialInputError("E501", f"lags={lags!r} must be a whole number of periods, 0 or more",
                                hint="lags=2, for example")
