"""Likelihood-ratio intervals where a model has both a spatial lag and a spatial error.

rho and lambda explain the same correlation, so that their likelihood is far from normal: with 50 to 100 units Wald
intervals cover 83 to 91 %. The ratio of profile likelihoods holds there (92 to 97 %),

    LR(rho_0) = 2 [max l - max_lambda l(rho_0, lambda)],    l = ln|A| + ln|B| - (n / 2) ln q(rho, lambda)

q the generalised squares. An effect c(rho)'beta has, given both, the estimate m and the variance factor
v = c'(X'B'BX)^-1 c:

    LR(t) = 2 [max l - max_{rho, lambda} {l - (n / 2) ln(1 + (t - m)^2 / (q v))}]

LR times (n - p) / n is compared with the square of t(n - p), the correction that all statistics of a fit have; with
``correction=False`` LR with chi2(1). Source: Venzon & Moolgavkar (1988, Applied Statistics 37:87-94), on intervals by
profile likelihood.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from ..covariance.kinds import Information
from ..covariance.vcov import covariance_of
from ..design.arrays import Sample
from ..logdet import logdet
from ..records.fit import FitRecord
from ..records.schema import critical_value, two_sided
from ..solve.concentrated import form_of, value_of
from ..solve.ml import _cross_products
from .mixture import STANDARD_LEVEL, Inference

UNITS = 2_000  # all eigenvalues of W and M are needed
POINTS = 61, 61  # of rho and lambda
REACH, WIDEN_FACTOR, MAX_WIDENINGS = 8.0, 2.0, 4  # standard errors around the estimates
TAIL = 1e-4  # of the interval of a parameter that stays free at its ends
ZOOMS, FINE = 7, 9  # refinements around the best point, and points of each parameter


def joint_obstacle(fit: FitRecord) -> str:
    """Why there is no such likelihood, in words; empty where there is one."""
    d, s, model = fit._design, fit._settings, fit.specification
    checks = {
        "it is for models with a spatial lag and a spatial error": not (model.lag and model.error),
        "it needs maximum likelihood": s.method != "ml" or s.effects.random is not None,
        "it is for static models": bool(d.lags),
        "W varies over time, or periods are missing": d.varies or d.observed is not None,
        "the correction is additive": s.correction == "additive",
        "its effects are not out by demeaning": bool(fit._sample.dummies) or _projected(fit._sample),
        f"it needs all eigenvalues of W, up to {UNITS:,} units": d.n_units > UNITS,
        "its standard errors are not the likelihood's": not isinstance(covariance_of(fit), Information),
    }
    return next((why for why, fails in checks.items() if fails), "")


def _projected(sample) -> bool:
    return any(hasattr(part.logdet, "plain") for part in (sample.lag, sample.error) if part is not None)


def spatial_intervals(fit: FitRecord, level: float) -> pd.DataFrame:
    """Intervals of rho and lambda by profile likelihood, ``conf_low`` and ``conf_high``.

    Raises
    ------
    SpatialInputError
        E501 when the fit has no such likelihood.
    """
    if why := joint_obstacle(fit):
        raise SpatialInputError("E501", f"method='likelihood' is not there for this fit: {why}",
                                hint="leave method= out, or sac and gns by maximum likelihood")  # fmt: skip
    surface = _surface(fit)
    ends = [surface.ends_of(axis, critical_value(level, fit.df_resid) ** 2) for axis in (0, 1)]
    return pd.DataFrame(ends, index=pd.Index(["rho", "lambda"], name="term"), columns=["conf_low", "conf_high"])


def by_joint_likelihood(source, picks: np.ndarray, level: float) -> Inference:
    """Of ``AverageEffects``: interval, p and statistic of the effects, (3 V,) each; estimates are the fit's."""
    fit = source.fit
    averages = copy(source.averages)
    averages.logdet = logdet(fit._design.weights, "eigen")
    surface = _surface(fit, averages, picks[:, :, : fit._sample.k])
    df = fit.df_resid
    low, high = surface.interval(critical_value(level, df) ** 2)
    inner, outer = surface.interval(critical_value(STANDARD_LEVEL, df) ** 2)
    statistic = surface.signed_root()
    error = (outer - inner) / (2 * critical_value(STANDARD_LEVEL, df))
    return Inference(source.estimates(picks).ravel(), error, statistic, two_sided(statistic, df), low, high)


@dataclass(frozen=True, eq=False)
class Surface:
    """l(rho, lambda), and E effects given both.

    Attributes
    ----------
    products : tuple of arrays
        Cross-products over [y, W y, Q], see ``solve.search``.
    sample : Sample
        With all eigenvalues in its determinants.
    at, errors : ndarray, shape (2,)
        Estimates and standard errors of rho and lambda.
    bounds : ndarray, shape (2, 2)
        Admissible values.
    factor : float
        (n - p) / n, or 1.
    shift, root : ndarrays, shapes (k, 2), (k, k)
        Q'[y, W y] and R of X = Q R.
    averages : function of rho to a and b, or None;  picks : ndarray, shape (K, V, k)
    """

    products: tuple = field(repr=False)
    sample: Sample = field(repr=False)
    at: np.ndarray
    errors: np.ndarray
    bounds: np.ndarray
    factor: float
    shift: np.ndarray = field(repr=False)
    root: np.ndarray = field(repr=False)
    averages: Any = field(repr=False)
    picks: Any = field(repr=False)

    def log_likelihood(self, rho: np.ndarray, lam: np.ndarray) -> np.ndarray:
        """(r, s) at r values of rho and s of lambda."""
        S, _ = form_of(self.products, lam)
        q = value_of([part[None, :] for part in S], rho[:, None])
        n = self.sample.n
        of_lag, of_error = self.sample.parts
        return of_lag.value(rho)[:, None] + of_error.value(lam) - n / 2 * np.log(q)

    def effects(self, rho: np.ndarray, lam: np.ndarray, which=slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """m and q v, (r, s, E)."""
        S, (inverse, G) = form_of(self.products, lam)
        a, b = self.averages(rho)
        c = np.stack([a, b - a, b], axis=-1)
        c = np.einsum("kqj,kvp->qjvp", c, self.picks).reshape(len(rho), -1, len(self.root))[:, which]
        turned = np.linalg.solve(self.root.T, c.reshape(-1, len(self.root)).T).T.reshape(c.shape)  # of Q'A y
        gamma = self.shift + G
        m = np.einsum("rep,spa,ra->rse", turned, gamma, np.column_stack([np.ones(len(rho)), -rho]))
        v = np.einsum("rep,spq,req->rse", turned, inverse, turned)
        q = value_of([part[None, :] for part in S], rho[:, None])
        return m, v * q[..., None]

    @cached_property
    def grid(self) -> list[np.ndarray]:
        """rho and lambda around the estimates, as far as the likelihood is within 12 of its maximum."""
        reach = REACH * self.errors
        for _ in range(MAX_WIDENINGS):
            low, high = np.maximum(self.at - reach, self.bounds[:, 0]), np.minimum(self.at + reach, self.bounds[:, 1])
            axes = [np.linspace(a, b, size) for a, b, size in zip(low, high, POINTS)]
            l = self.log_likelihood(*axes)
            edges = np.array([[l[0].max(), l[-1].max()], [l[:, 0].max(), l[:, -1].max()]])
            ends = np.column_stack([low <= self.bounds[:, 0], high >= self.bounds[:, 1]])
            open_ = ((edges > l.max() - 12.0) & ~ends).any(axis=1)
            if not open_.any():
                break
            reach = np.where(open_, WIDEN_FACTOR, 1.0) * reach
        return axes

    @cached_property
    def best(self) -> tuple[np.ndarray, float]:
        """The point where l is largest, and l there."""
        place, value = self._largest(self.log_likelihood, self.log_likelihood(*self.grid))
        return place, value

    def ends_of(self, axis: int, bound: float) -> tuple[float, float]:
        """Where the profile over the other parameter falls to the bound, on both sides of the maximum."""
        place, top = self.best

        def excess(at: float) -> float:
            """Of the ratio over the bound at one value, the other parameter at its best there."""
            others = self.grid[1 - axis]
            for _ in range(ZOOMS):
                points = (np.array([at]), others) if axis == 0 else (others, np.array([at]))
                l = self.log_likelihood(*points).ravel()
                i = int(l.argmax())
                others = np.linspace(others[max(i - 1, 0)], others[min(i + 1, len(others) - 1)], FINE)
            return 2 * self.factor * (top - l.max()) - bound

        from scipy.optimize import brentq

        out = []
        for end in self.bounds[axis]:
            steps = np.linspace(place[axis], end, 60)[1:]
            before = place[axis]
            for step in steps:
                if excess(step) > 0:
                    out.append(brentq(excess, before, step, xtol=1e-7))
                    break
                before = step
            else:
                out.append(float(end))
        return min(out), max(out)

    def interval(self, bound: float) -> np.ndarray:
        """Least and largest m -+ r over both parameters, (2, E)."""
        n, top, l = self.sample.n, self.best[1], self.log_likelihood(*self.grid)

        def reached(sign, log_likelihood, m, qv):
            left = (bound / self.factor - 2 * (top - log_likelihood)) / n
            return np.where(left >= 0, sign * m + np.sqrt(qv * np.expm1(np.maximum(left, 0))), -np.inf)

        m, qv = self.effects(*self.grid)
        ends = np.empty((2, m.shape[2]))
        for row, sign in enumerate((-1, 1)):
            for e in range(m.shape[2]):
                def fine(rho, lam, e=e, sign=sign):
                    m, qv = self.effects(rho, lam, [e])
                    return reached(sign, self.log_likelihood(rho, lam), m[..., 0], qv[..., 0])

                ends[row, e] = sign * self._largest(fine, reached(sign, l, m[..., e], qv[..., e]))[1]
        return ends

    def signed_root(self) -> np.ndarray:
        """The root of LR(0) with the sign that the effect has at the maximum, (E,)."""
        (rho, lam), top = self.best
        signs = np.sign(self.effects(np.array([rho]), np.array([lam]))[0][0, 0])
        m, qv = self.effects(*self.grid)
        l, half = self.log_likelihood(*self.grid), self.sample.n / 2
        out = np.empty(m.shape[2])
        for e in range(len(out)):
            def without(rho, lam, e=e):
                m, qv = self.effects(rho, lam, [e])
                return self.log_likelihood(rho, lam) - half * np.log1p(m[..., 0] ** 2 / qv[..., 0])

            least = self._largest(without, l - half * np.log1p(m[..., e] ** 2 / qv[..., e]))[1]
            least = max(least, self._where_zero(e))
            out[e] = signs[e] * np.sqrt(max(2 * self.factor * (top - least), 0.0))
        return out

    def _where_zero(self, e: int) -> float:
        """Largest l where m = 0 and the effect is zero for free: a ridge that may be narrower than the grid."""
        rho, lam = self.grid
        best = -np.inf
        for _ in range(ZOOMS // 2):
            m = self.effects(rho, lam, [e])[0][..., 0]
            i, j = np.nonzero(m[1:] * m[:-1] <= 0)
            if not len(i):
                break
            gap = m[i, j] - m[i + 1, j]
            share = np.divide(m[i, j], gap, out=np.zeros_like(gap), where=gap != 0)
            l = np.array([self.log_likelihood(np.array([at]), lam[[k]])[0, 0]
                          for at, k in zip(rho[i] + share * (rho[i + 1] - rho[i]), j)])  # fmt: skip
            top = int(l.argmax())
            best = max(best, float(l[top]))
            lam = np.linspace(lam[max(j[top] - 1, 0)], lam[min(j[top] + 1, len(lam) - 1)], FINE)
        return best

    def _largest(self, f, values: np.ndarray) -> tuple[np.ndarray, float]:
        """Where f is largest, and its value, from its values on the grid: on ever finer grids around the best."""
        rho, lam = self.grid
        for zoom in range(ZOOMS + 1):
            i, j = (int(k) for k in np.unravel_index(int(values.argmax()), values.shape))
            place, best = np.array([rho[i], lam[j]]), float(values[i, j])
            if zoom == ZOOMS:
                break
            rho, lam = (np.linspace(axis[max(k - 1, 0)], axis[min(k + 1, len(axis) - 1)], FINE)
                        for axis, k in ((rho, i), (lam, j)))  # fmt: skip
            values = f(rho, lam)
        return place, best


def _surface(fit: FitRecord, averages=None, picks=None) -> Surface:
    sample, d = fit._sample, fit._design
    spectra = logdet(d.weights, "eigen"), logdet(d.weights_of_error, "eigen")
    lag, error = (replace(part, logdet=curve) for part, curve in zip(sample.parts, spectra, strict=True))
    exact = replace(sample, lag=lag, error=error)
    products, shift = _cross_products([exact], [exact.basis])
    bounds = np.array([spectrum.interval for spectrum in spectra])
    bounds = np.clip(bounds, fit.params[["rho", "lambda"]].to_numpy()[:, None] - 1e3,
                     fit.params[["rho", "lambda"]].to_numpy()[:, None] + 1e3)  # fmt: skip
    bounds += TAIL * np.diff(bounds, axis=1) * [1, -1]
    n, p = sample.n, len(fit.params)
    factor = (n - p) / n if fit.df_resid is not None else 1.0
    over = None if averages is None else averages.over(*bounds[0])
    return Surface(products, exact, np.array([fit.rho, fit.lam]), fit.std_errors[["rho", "lambda"]].to_numpy(), bounds,
                   factor, shift[0], exact.basis[1], over, picks)  # fmt: skip
