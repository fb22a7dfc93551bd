"""Effects by their own adjusted profile likelihood ratio, for small samples and rho near the end of its interval.

With A = I - rho W, S(rho) = y'A'M_X A y, G = W A^-1 and nu = n - k the likelihood of rho whose score is centred is

    l(rho) = ln|A| - D(rho) - (nu / 2) ln S(rho),    D'(rho) = -tr(P_X G),  D(0) = 0

(Martellosio & Hillier 2020, J. Econometrics 219:402-428). An effect c(rho)'beta has, given rho, the estimate
m(rho) = c'b(rho) and the variance factor q(rho) = c'(X'X)^-1 c, so that its likelihood ratio at t is

    LR(t) = 2 [max l - max_rho {l(rho) - (nu / 2) ln(1 + (t - m)^2 / (q S))}]

Values t with LR(t) <= x are those within m(rho) +- r(rho), r^2 = q S (exp((x - 2 max l + 2 l(rho)) / nu) - 1), for
some rho. The likelihood has a finite limit at the end of rho's interval where X holds the eigenvector there (an
intercept, with rows of W that sum to one): when that limit is not rejected, neither is an infinite effect.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import ndtri

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..covariance.adjusted import OfAdjustedScore
from ..covariance.kinds import Information
from ..covariance.vcov import covariance_of
from ..design.obs_weights import links_in_units_of_variance
from ..logdet import Jacobian, spectrum_of
from ..logdet.inverse import Inverse
from ..records.schema import critical_value, two_sided
from .curves import between_poles, distance
from .joint_likelihood import by_joint_likelihood, joint_obstacle
from .mixture import STANDARD_LEVEL, Inference
from .propagate import determinant

LIKELIHOODS = (Information, OfAdjustedScore)  # covariances that come from a likelihood
UNITS = 2_000  # all eigenvalues of W are needed
NODES = 48  # of the interpolation of tr(P_X G) over rho's whole interval
GRID = 2_001  # points of rho; in u = artanh of its place in the interval
MAX_LOGIT = 11.0  # largest u: 6e-10 of the interval from its end
ZOOMS, FINE = 4, 31  # refinements of an extremum, and points of each
POLE = 20.0  # growth of an effect over the last tenth of the grid that shows a pole
SMALL, NEAR = 100, 0.95  # n - k below which, and share of rho's upper end beyond which, the method is advised


def has_likelihood(fit) -> bool:
    """Whether the method is there for a fit: maximum likelihood with a spatial lag, with or without a spatial error."""
    return not _obstacle(fit) or not joint_obstacle(fit)


def small_or_near_the_end(fit) -> str:
    """Why the adjusted likelihood is advised, in words; empty where it is not."""
    left = fit._sample.n - fit._sample.X.shape[1]
    end = determinant(fit).interval[1]
    if left < SMALL:
        return f"n - k = {left}"
    if fit.rho + 2 * fit.std_errors["rho"] > NEAR * end:
        return f"rho + 2 standard errors is within 5 % of the end of its interval, {end:.4g}"
    return ""


def by_likelihood(source, picks: np.ndarray, level: float) -> Inference:
    """Of ``AverageEffects``: interval, p and statistic of the effects by likelihood ratio, (3 V,) each.

    Estimates are the fit's. An end of an interval is infinite where the likelihood does not bound the effect.

    Raises
    ------
    SpatialInputError
        E501 when the fit has no such likelihood.
    """
    if source.fit.specification.lag and not joint_obstacle(source.fit):
        return by_joint_likelihood(source, picks, level)
    if why := _obstacle(source.fit):
        raise SpatialInputError("E501", f"method='likelihood' is not there for this fit: {why}",
                                hint="method='quadrature'")  # fmt: skip
    profile = _profile(source, picks)
    low, high = profile.interval(level)
    width = np.subtract(*profile.interval(STANDARD_LEVEL)[::-1])
    statistic = profile.signed_root()
    estimates = source.estimates(picks).ravel()
    return Inference(estimates, width / (2 * ndtri((1 + STANDARD_LEVEL) / 2)), statistic, two_sided(statistic),
                     low, high)  # fmt: skip


def _obstacle(fit) -> str:
    d, s, model = fit._design, fit._settings, fit.specification
    checks = {
        joint_obstacle(fit): model.lag and model.error,
        "it is for models with a spatial lag": not model.lag,
        "it needs maximum likelihood": s.method not in ("ml", "reml") or s.composed,
        "it is for static models": bool(d.lags),
        "W varies over time, or periods are missing": d.weights.varies or d.observed is not None,
        "the weights of observations change over time": d.obs_weights is not None and not d.obs_weights.fixed,
        "the correction is additive": s.corrected and s.correction == "additive",
        f"it needs all eigenvalues of W, up to {UNITS:,} units": d.n_units > UNITS,
        "its standard errors are not the likelihood's": not isinstance(covariance_of(fit), LIKELIHOODS),
    }
    first = next((why for why, fails in checks.items() if fails), "")
    return first or ("" if np.isfinite(determinant(fit).interval).all() else "rho's interval has no ends")


@dataclass(frozen=True, eq=False)
class Profile:
    """The likelihood of rho, and E effects given rho.

    Attributes
    ----------
    ends : (low, high) of rho
    grid : ndarray, shape (GRID,)
        u, with rho = middle + half tanh(u).
    adjustment, slope : ndarray, shape (GRID,)
        D and dD/du there.
    lag : Jacobian
    sums : ndarray, shape (2, 2)
        Cross-products of the residuals of y and W y from X: S = (1, -rho) sums (1, -rho)'.
    beta : ndarray, shape (k, 2)
        Coefficients of y and of W y on X.
    root : ndarray, shape (k, k)
        R of X = Q R.
    picks : ndarray, shape (K, V, k)
    averages : function of rho to a and b
    nu : int
    """

    ends: tuple[float, float]
    grid: np.ndarray
    adjustment: np.ndarray
    slope: np.ndarray
    lag: Jacobian
    sums: np.ndarray
    beta: np.ndarray
    root: np.ndarray
    picks: np.ndarray
    averages: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    nu: int

    def rho(self, u):
        low, high = self.ends
        return (low + high) / 2 + (high - low) / 2 * np.tanh(u)

    def log_likelihood(self, u: np.ndarray) -> np.ndarray:
        rho = self.rho(u)
        S = self.residual_squares(rho)
        return self.lag.value(rho) - self._adjustment(u) - self.nu / 2 * np.log(S)

    def residual_squares(self, rho):
        return self.sums[0, 0] - 2 * rho * self.sums[0, 1] + rho**2 * self.sums[1, 1]

    def effects(self, u: np.ndarray, which=slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """m and q S, (points, E)."""
        rho = self.rho(u)
        a, b = self.averages(rho)
        c = np.stack([a, b - a, b], axis=-1)  # (K, points, 3)
        c = np.einsum("kqj,kvp->qjvp", c, self.picks).reshape(len(u), -1, len(self.root))[:, which]
        coefficients = self.beta[:, 0] - rho[:, None] * self.beta[:, 1]
        m = np.einsum("qep,qp->qe", c, coefficients)
        q = (np.linalg.solve(self.root.T, c.reshape(-1, len(self.root)).T) ** 2).sum(axis=0).reshape(m.shape)
        return m, q * self.residual_squares(rho)[:, None]

    @cached_property
    def on_grid(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """l, m and q S at the points of the grid."""
        return self.log_likelihood(self.grid), *self.effects(self.grid)

    @cached_property
    def best(self) -> tuple[float, float]:
        """u and l at the maximum of the likelihood."""
        return _largest(self.log_likelihood, self.grid, self.on_grid[0])

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest m -+ r over rho, (E,) each."""
        bound = critical_value(level) ** 2

        def reached(sign, log_likelihood, m, qs):
            left = (bound - 2 * (self.best[1] - log_likelihood)) / self.nu
            return np.where(left >= 0, sign * m + np.sqrt(qs * np.expm1(np.maximum(left, 0))), -np.inf)

        l, m, qs = self.on_grid
        ends = np.empty((2, m.shape[1]))
        for sign, row in ((-1, 0), (1, 1)):
            for e in range(m.shape[1]):
                def fine(u, e=e, sign=sign):
                    m, qs = self.effects(u, [e])
                    return reached(sign, self.log_likelihood(u), m[:, 0], qs[:, 0])

                values = reached(sign, l, m[:, e], qs[:, e])
                ends[row, e] = sign * (np.inf if _grows(values) else _largest(fine, self.grid, values)[1])
        return ends[0], ends[1]

    def signed_root(self) -> np.ndarray:
        """sqrt(LR(0)) with the sign that the effect has at the maximum, (E,)."""
        l, m, qs = self.on_grid
        signs = np.sign(self.effects(np.array([self.best[0]]))[0][0])
        out = np.empty(m.shape[1])
        for e in range(len(out)):
            def without(u, e=e):
                m, qs = self.effects(u, [e])
                return self.log_likelihood(u) - self.nu / 2 * np.log1p(m[:, 0] ** 2 / qs[:, 0])

            values = l - self.nu / 2 * np.log1p(m[:, e] ** 2 / qs[:, e])
            least = _largest(without, self.grid, values)[1]
            # where m(rho) = 0 the effect is zero for free: a peak that may be narrower than the grid
            cross = np.flatnonzero(np.sign(m[1:, e]) * np.sign(m[:-1, e]) < 0)
            if len(cross):
                share = m[cross, e] / (m[cross, e] - m[cross + 1, e])
                least = max(least, self.log_likelihood(self.grid[cross] + share * np.diff(self.grid)[cross]).max())
            out[e] = signs[e] * np.sqrt(max(2 * (self.best[1] - least), 0.0))
        return out

    def _adjustment(self, u: np.ndarray) -> np.ndarray:
        """D between the points of the grid, by its values and slopes there."""
        step = self.grid[1] - self.grid[0]
        i = np.clip(((u - self.grid[0]) / step).astype(int), 0, len(self.grid) - 2)
        s = (u - self.grid[i]) / step
        r = 1 - s
        left, right = self.adjustment[i], self.adjustment[i + 1]
        return (r * r * ((1 + 2 * s) * left + s * step * self.slope[i])
                + s * s * ((1 + 2 * r) * right - r * step * self.slope[i + 1]))  # fmt: skip


def _profile(source, picks: np.ndarray) -> Profile:
    fit = source.fit
    sample, spectrum = fit._sample, spectrum_of(fit._design.weights)
    W = refuse_varying(links_in_units_of_variance(fit._design, fit._design.weights), "this likelihood")
    low, high = spectrum.interval
    # 1. Regressions of y and W y on X.
    Q, R, _ = sample.basis
    both = np.column_stack([sample.y, sample.Wy])
    shift = Q.T @ both
    left = both - Q @ shift
    # 2. D(rho) by its slope in u, in which tr(P_X G) has no poles.
    k = Q.shape[1]
    blocks = np.moveaxis(Q.reshape(-1, W.n, k), 1, 0).reshape(W.n, -1)  # a period's columns side by side
    WQ = W.csr @ blocks

    def trace(rho):  # tr(P_X W A^-1), A^-1 and W commute
        return np.array([(blocks * Inverse(W, float(rho)).solve(WQ)).sum()])

    grid = np.linspace(-MAX_LOGIT, MAX_LOGIT, GRID)
    middle = (grid[1:] + grid[:-1]) / 2
    ends = (low, high)
    between = between_poles(trace, *_inside(ends), ends, NODES)

    def slope(u):
        rho = (low + high) / 2 + (high - low) / 2 * np.tanh(u)
        near = np.clip(rho, *_inside(ends))
        return -between(near)[:, 0] * distance(near, ends) / ((high - low) / 2)

    at_grid, step = slope(grid), grid[1] - grid[0]
    steps = (at_grid[1:] + 4 * slope(middle) + at_grid[:-1]) * step / 6  # Simpson's rule
    D = np.concatenate([[0.0], np.cumsum(steps)])
    averages = copy(source.averages)
    averages.logdet = spectrum
    return Profile(ends, grid, D, at_grid, replace(sample.lag, logdet=spectrum), left.T @ left,
                      np.linalg.solve(R, shift), R, picks[:, :, :k], averages.over(*_inside(ends), NODES),
                      sample.n - k)  # fmt: skip


def _inside(ends, share: float = 1e-10) -> tuple[float, float]:
    """Just off the poles."""
    low, high = ends
    return low + share * (high - low), high - share * (high - low)


def _grows(values: np.ndarray) -> bool:
    """Whether the values grow without bound towards an end of rho's interval that is not rejected."""
    tenth = GRID // 10
    return any(np.isfinite(values[[last, before]]).all() and values[last] > POLE * abs(values[before])
               for last, before in ((-1, -tenth), (0, tenth)))  # fmt: skip


def _largest(f, grid: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Where f is largest, and its value there: from its values on the grid, on ever finer ones."""
    at = int(values.argmax())
    place, best = grid[at], values[at]
    low, high = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
    for _ in range(ZOOMS):
        u = np.linspace(low, high, FINE)
        fine = f(u)
        at = int(fine.argmax())
        if fine[at] > best:
            place, best = u[at], fine[at]
        low, high = u[max(at - 1, 0)], u[min(at + 1, FINE - 1)]
    return float(place), float(best)
