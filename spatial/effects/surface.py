"""The likelihood of rho and lambda together, and combinations of coefficients given both.

The profile likelihood l = ln|A| + ln|B| - (n / 2) ln q, q the generalised squares, takes beta as if it were known: with
few rows per coefficient its maximum is beside the truth, lambda's by several standard errors. With C(lambda) = X'B'B X
and rho_0 the estimate, the modified profile likelihood of Severini (1998, Biometrika 85:403-411),

    l(rho, lambda) = ln|A| + ln|B| - ((n - k) / 2) ln q + ln|C| / 2 - ln|X'B'B A A_0^-1 X|

has at rho_0 the slopes of the restricted likelihood of a spatial error (Patterson & Thompson 1971) and of the adjusted
one of a spatial lag (Martellosio & Hillier 2020). The last determinant is |C| times that of
I - (rho - rho_0) C^-1 X'B'B G_0 X, G_0 = W A_0^-1: a product over k eigenvalues. It knows the bias near rho_0 and not
how high another maximum is, which the profile likelihood knows: ``likelihood`` uses both.

A combination c(rho)'beta has, given both, the estimate m and the variance factor v = c'C^-1 c, so that

    LR(t) = 2 [max l - max_{rho, lambda} {l - (nu / 2) ln(1 + (t - m)^2 / (q v))}],    nu = n or n - k

and what it leaves in are the values within m -+ r for some (rho, lambda) (Venzon & Moolgavkar 1988, Applied Statistics
37:87-94). All functions are read from splines in u = the logit of a parameter's place in its interval.

Where a model has one of rho and lambda the other axis is one point, with the value 0, and the surface a curve: of a
spatial error l is then the restricted likelihood, of a spatial lag -ln|X'A A_0^-1 X| stands for the integral of
tr(P_X G) that Martellosio & Hillier have, with the same slope at rho_0.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline, RectBivariateSpline
from scipy.special import expit

DEPTH = 12.0  # below the maximum: the finer points reach so far
PEAKS = 6  # of the grid that are looked at
BESIDE = 1e-4  # of u, from rho = 0 to its two sides
GROWS = 1.5  # times from one u to the next: a pole, which has e = 2.7


class Points(NamedTuple):
    """Points of each axis: over the whole interval, around the maximum, and of so many refinements of an extremum."""

    whole: int
    near: int
    zooms: int
    zoomed: int


OF_SURFACE, OF_CURVE = Points(31, 31, 4, 7), Points(101, 201, 1, 21)


@dataclass(frozen=True, eq=False)
class Combinations:
    """E combinations of coefficients as functions of u: coefficients c_k (E, K) of K picks each along the first axis,
    along the second the picks' estimates from y and from W y (E, K, 2) and their variance factors (E, K, K)."""

    functions: tuple[CubicSpline, CubicSpline, CubicSpline] = field(repr=False)

    def __len__(self) -> int:
        return self.functions[0].c.shape[2]

    def at(self, u, w, rho, q, which) -> tuple[np.ndarray, np.ndarray]:
        """m and q v of those at ``which``, (R, r, s): u and rho are (R, r), w is (R, s), q is (R, r, s). With R = 1 the
        points are the same for all."""
        rows = np.arange(len(u)) if len(u) > 1 else 0
        c, b, V = (f(x).swapaxes(1, 2)[rows, which] for f, x in zip(self.functions, (u, w, w)))
        m = c @ b[..., 0].mT - rho[..., None] * (c @ b[..., 1].mT)
        pairs = (c[..., None] * c[..., None, :]).reshape(*c.shape[:2], -1)
        return m, q * (pairs @ V.reshape(*V.shape[:2], -1).mT)


@dataclass(frozen=True, eq=False)
class Surface:
    """l(rho, lambda) with its ratio tests.

    Attributes
    ----------
    ends : ndarray, shape (2, 2)
        Least and largest rho, and lambda: 0 and 0 of what the model does not have.
    reach : (float, float)
        First and last u, of both axes.
    determinants : two CubicSplines
        ln|A| and ln|B|.
    squares : CubicSpline
        S_11, S_12, S_22 of q = (1, -rho) S (1, -rho)'.
    adjustment : RectBivariateSpline, of one parameter CubicSpline, or None
        What the modified profile likelihood adds.
    nu : int
    factor : float
        Of the ratio, before it is compared.
    grid : two ndarrays
        u of both axes where a search begins: see ``points``.
    """

    ends: np.ndarray
    reach: tuple[float, float]
    determinants: tuple[CubicSpline, CubicSpline] = field(repr=False)
    squares: CubicSpline = field(repr=False)
    adjustment: RectBivariateSpline | CubicSpline | None = field(repr=False)
    nu: int
    factor: float
    grid: tuple[np.ndarray, np.ndarray] = field(default=(np.zeros(0),) * 2, repr=False)

    def value(self, u, axis: int = 0):
        """rho, or lambda, at u."""
        low, high = self.ends[axis]
        return low + (high - low) * expit(u)

    def place(self, value: float, axis: int) -> float:
        low, high = self.ends[axis]
        return float(np.clip(np.log((value - low) / (high - value)), *self.reach))

    def q(self, u, w) -> np.ndarray:
        """(..., r, s) at r values along the first axis and s along the second."""
        rho, S = self.value(u)[..., None], np.moveaxis(self.squares(w), -1, 0)[..., None, :]
        return S[0] - rho * (2 * S[1] - rho * S[2])

    def log_likelihood(self, u, w, q=None) -> np.ndarray:
        """(..., r, s) as q."""
        of_lag, of_error = self.determinants
        l = of_lag(u)[..., None] + of_error(w)[..., None, :]
        l -= self.nu / 2 * np.log(self.q(u, w) if q is None else q)
        if self.adjustment is None:
            return l
        if isinstance(self.adjustment, RectBivariateSpline):
            return l + self.adjustment.ev(*np.broadcast_arrays(u[..., None], w[..., None, :]))
        return l + (self.adjustment(u)[..., None] if self.ends[0, 0] < self.ends[0, 1] else
                    self.adjustment(w)[..., None, :])  # fmt: skip

    @property
    def points(self) -> Points:
        return OF_SURFACE if (self.ends[:, 0] < self.ends[:, 1]).all() else OF_CURVE

    def _on(self, axis: np.ndarray, kind: str) -> int:
        """So many points; one where the axis is one."""
        return getattr(self.points, kind) if len(axis) > 1 else 1

    def whole(self) -> list[np.ndarray]:
        """Even points of both axes; one where there is no parameter."""
        return [np.linspace(*self.reach, self.points.whole) if low < high else np.zeros(1) for low, high in self.ends]

    def near(self) -> list[np.ndarray]:
        """Even points of both axes over where l is within some depth of its maximum."""
        axes = self.whole()
        for _ in range(2):
            l = self.log_likelihood(*axes)
            high = l > l.max() - DEPTH
            inside = [np.flatnonzero(high.any(axis=1 - axis)) for axis in (0, 1)]
            axes = [np.linspace(axis[max(i[0] - 1, 0)], axis[min(i[-1] + 1, len(axis) - 1)], self._on(axis, "near"))
                    for axis, i in zip(axes, inside)]  # fmt: skip
        return axes

    @cached_property
    def on_grid(self) -> tuple[np.ndarray, np.ndarray]:
        """l and q."""
        q = self.q(*self.grid)
        return self.log_likelihood(*self.grid, q), q

    # -- rho and lambda ----------------------------------------------------------------------------------

    def ratio(self, at: float, axis: int) -> float:
        """Of rho, or lambda, at a place u against the maximum, times the factor."""
        others = self.grid[1 - axis]
        for _ in range(self.points.zooms):
            points = (np.array([at]), others) if axis == 0 else (others, np.array([at]))
            l = self.log_likelihood(*points).ravel()
            i = int(l.argmax())
            if len(others) == 1:
                break
            others = np.linspace(others[max(i - 1, 0)], others[min(i + 1, len(others) - 1)], self.points.zoomed)
        return max(2 * self.factor * (self.best[1] - float(l.max())), 0.0)

    def ends_of(self, axis: int, bound: float) -> tuple[float, float]:
        """The least and the largest value with a ratio up to the bound: between them may be others."""
        from scipy.optimize import brentq

        grid, l = self.grid[axis], self.on_grid[0]
        inside = np.flatnonzero(2 * self.factor * (self.best[1] - l.max(axis=1 - axis)) <= bound)
        inside = inside if len(inside) else np.array([np.abs(grid - self.best[0][axis]).argmin()])
        ends = []
        for i, step in ((int(inside[0]), -1), (int(inside[-1]), 1)):
            while 0 <= i + step < len(grid) and self.ratio(grid[i + step], axis) <= bound:
                i += step
            if not 0 <= i + step < len(grid):
                ends.append(self.ends[axis][max(step, 0)])
                continue
            here = grid[i] if self.ratio(grid[i], axis) <= bound else self.best[0][axis]
            root = brentq(lambda at: self.ratio(at, axis) - bound, *sorted((here, grid[i + step])), xtol=1e-7)
            ends.append(self.value(root, axis))
        return float(ends[0]), float(ends[1])

    def ratio_at_zero(self, axis: int, sign: float) -> float:
        """The least ratio of zero and the values beyond it, seen from estimates of that sign."""
        zero, grid = self.place(0.0, axis), self.grid[axis]
        beyond = grid < zero if sign > 0 else grid > zero
        l = self.on_grid[0].max(axis=1 - axis)[beyond].max(initial=-np.inf)
        return min(self.ratio(zero, axis), max(2 * self.factor * (self.best[1] - l), 0.0))

    # -- combinations of coefficients --------------------------------------------------------------------

    def interval(self, combinations: Combinations, bound: float) -> tuple[np.ndarray, np.ndarray]:
        """Least m - r and largest m + r over rho and lambda, (E,) each; infinite where it grows without bound towards
        an end of an interval that is not rejected."""
        E = len(combinations)
        which, signs = np.tile(np.arange(E), 2), np.repeat([-1.0, 1.0], E)

        def reached(u, w, l=None, q=None):
            q = self.q(u, w) if q is None else q
            l = self.log_likelihood(u, w, q) if l is None else l
            left = (bound / self.factor - 2 * (self.best[1] - l)) / self.nu
            once = slice(E) if len(u) == 1 else slice(None)
            m, qv = combinations.at(u, w, self.value(u), q, which[once])
            r = np.sqrt(qv) * np.where(left >= 0, np.sqrt(np.expm1(np.maximum(left, 0.0))), np.nan)
            r = np.where(np.isnan(r), -np.inf, r)
            return np.concatenate([r - m, r + m]) if len(u) == 1 else signs[:, None, None] * m + r

        at, value = self._largest_of_each(reached)
        for axis in (0, 1):
            before = at - np.sign(at) * np.eye(2)[axis][:, None]
            grows = value > GROWS * np.maximum(reached(*before[..., None])[:, 0, 0], 0)
            value = np.where(grows & (np.abs(np.abs(at[axis]) - self.reach[1]) < 1e-9) & (value > 0), np.inf, value)
        return -value[:E], value[E:]

    def combinations_at_zero(self, combinations: Combinations, signs: np.ndarray) -> np.ndarray:
        """As ``ratio_at_zero``, (E,): where m is beyond zero that costs nothing."""
        which = np.arange(len(combinations))

        def without(u, w, l=None, q=None):
            q = self.q(u, w) if q is None else q
            l = self.log_likelihood(u, w, q) if l is None else l
            m, qv = combinations.at(u, w, self.value(u), q, which)
            short = np.maximum(signs[:, None, None] * m, 0.0) ** 2
            short = np.divide(short, qv, out=np.zeros_like(short), where=qv > 0)  # 0 at rho = 0
            return l - self.nu / 2 * np.log1p(short)

        largest = self._largest_of_each(without)[1]
        if self.ends[0, 0] < 0 < self.ends[0, 1]:  # an indirect effect changes its sign at rho = 0, where it jumps
            around = self.place(0.0, 0) + BESIDE * np.array([[-1.0, 0.0, 1.0]])
            axes = [around, self.grid[1][None]]
            largest = np.maximum(largest, self._zoomed(without, axes, without(*axes))[1])
        return np.maximum(2 * self.factor * (self.best[1] - largest), 0.0)

    def _largest_of_each(self, f) -> tuple[np.ndarray, np.ndarray]:
        """Where each of R functions is largest, (2, R), and its value: from the grid, and from around the maximum of l,
        which may be all that is left in. ``f`` takes (1, r) and (1, s), or (R, r) and (R, s)."""
        axes = [axis[None] for axis in self.grid]
        values = f(*axes, *(part[None] for part in self.on_grid))
        starts = [self._zoomed(f, axes, values)]
        first, last = self.reach
        around = [np.linspace(max(u - step, first), min(u + step, last), 2 * self._on(axis, "zoomed"))[None]
                  for u, step, axis in zip(self.best[0], self._steps, self.grid)]  # fmt: skip
        starts.append(self._zoomed(f, around, f(*around)))
        (at, value), (other, there) = starts
        return np.where(there > value, other, at), np.maximum(value, there)

    def _zoomed(self, f, axes, values) -> tuple[np.ndarray, np.ndarray]:
        R = len(values)
        for zoom in range(self.points.zooms + 1):
            best = np.divmod(values.reshape(R, -1).argmax(axis=1), values.shape[2])
            rows = np.arange(R) if len(axes[0]) > 1 else np.zeros(R, dtype=int)
            at = np.array([axis[rows, i] for axis, i in zip(axes, best)])
            if zoom == self.points.zooms:
                break
            axes = [np.linspace(axis[rows, np.maximum(i - 1, 0)], axis[rows, np.minimum(i + 1, axis.shape[1] - 1)],
                                self._on(axis.T, "zoomed"), axis=1) for axis, i in zip(axes, best)]  # fmt: skip
            values = f(*axes)
        return at, values.reshape(R, -1).max(axis=1)

    @cached_property
    def _steps(self) -> list[float]:
        """Of the grid around the maximum; 0 where an axis is one point."""
        return [float(np.diff(axis)[max(np.searchsorted(axis, u) - 1, 0)]) if len(axis) > 1 else 0.0
                for axis, u in zip(self.grid, self.best[0])]  # fmt: skip

    @cached_property
    def best(self) -> tuple[np.ndarray, float]:
        """u of both axes where l is largest, and l there."""
        l = np.pad(self.on_grid[0], 1, constant_values=-np.inf)
        around = [l[1 + i : l.shape[0] - 1 + i, 1 + j : l.shape[1] - 1 + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]
        peaks = np.argwhere(self.on_grid[0] >= np.max(around, axis=0))
        highest = peaks[np.argsort(-self.on_grid[0][tuple(peaks.T)], kind="stable")[:PEAKS]].T
        axes = [np.linspace(axis[np.maximum(i - 1, 0)], axis[np.minimum(i + 1, len(axis) - 1)],
                            self._on(axis, "zoomed"), axis=1) for axis, i in zip(self.grid, highest)]  # fmt: skip
        at, value = self._zoomed(self.log_likelihood, axes, self.log_likelihood(*axes))
        return at[:, value.argmax()], float(value.max())


def on_one_grid(surfaces: tuple[Surface, ...]) -> tuple[Surface, ...]:
    """With points over both whole intervals, and more around the maximum of each."""
    parts = [surfaces[0].whole(), *(surface.near() for surface in surfaces)]
    first, second = (np.unique(np.concatenate(both)) for both in zip(*parts))
    return tuple(replace(surface, grid=(first, second)) for surface in surfaces)
