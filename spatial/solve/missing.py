"""Maximum likelihood where some outcomes are not observed: the search over (rho, lambda), and what follows from it.

The profile likelihood (``missing_problem``) is evaluated on a coarse grid, then on windows around its maximum that
shrink to a fifth of a standard error; in each the Chebyshev polynomial through it is maximised. In the last one the
polynomials' derivatives give the observed information: those of ln L by (rho, lambda), the rest concentrated out, and
those of beta(rho, lambda), which carry it to beta,

    V_tt = -(d2 ln L / dt2)^-1,   V_bt = (d beta / dt) V_tt,
    V_bb = sigma2 (Z'Z)^-1 + (d beta / dt) V_tt (d beta / dt)',

t = (rho, lambda), Z what G leaves of B X: the blocks of the inverse of the whole observed information.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from numpy.polynomial import chebyshev

from spillover.errors import SpatialInputError

from ..design.arrays import Sample, inverse_triangular
from ..design.missing import not_with_missing
from ..logdet import Jacobian
from ..logdet.windows import Window, chebyshev_coefficients, chebyshev_grid
from .missing_problem import MissingProblem, Projection

GRID = {1: 13, 2: 7}  # points of the coarse grid along each parameter
NODES, LAST = {1: 7, 2: 5}, {1: 9, 2: 7}  # of windows, and of the last one
SHORT = 0.2  # half-width of the last one in standard errors: polynomials there are exact to rounding
NEAREST = 0.6  # a window covers at most this share of the way to the end of the interval
MAX_WINDOWS = 40
AT_END = 1e-5  # share of the interval within which an estimate lies at its end


@dataclass(frozen=True, eq=False)
class MissingSample:
    """The arrays of a model with outcomes that are not observed.

    Attributes
    ----------
    y : (m,), what is observed, effects out;  X : (T N, k), of all rows
    n : int, observations left after the effects
    lag, error : Jacobian or None
    names : tuple of str, of X's columns
    problem : MissingProblem
    dummies : 0
    """

    y: np.ndarray = field(repr=False)
    X: np.ndarray = field(repr=False)
    n: int
    lag: Jacobian | None
    error: Jacobian | None
    names: tuple[str, ...]
    problem: MissingProblem = field(repr=False)
    dummies: int = 0

    @property
    def parts(self) -> list[Jacobian]:
        """log|A| and log|B|, those that the model has."""
        return [part for part in (self.lag, self.error) if part is not None]

    def __getattr__(self, name: str):
        if name not in Sample.__dataclass_fields__ and not hasattr(Sample, name):
            raise AttributeError(name)
        raise not_with_missing("this")

    def at(self, t: np.ndarray) -> tuple[Projection, float]:
        """What is left of y and X at t = (rho, lambda), those that the model has; and ln L."""
        projection = Projection(self.problem, *self.split(t))
        return projection, projection.loglik(sum(float(part.value(value)) for part, value in zip(self.parts, t)))

    def split(self, t: np.ndarray) -> tuple[float, float]:
        """(rho, lambda), 0 where the model has none."""
        rest = list(map(float, t))
        rho = rest.pop(0) if self.lag is not None else 0.0
        return rho, rest.pop(0) if self.error is not None else 0.0


@dataclass(frozen=True, eq=False)
class MissingSolution:
    """The maximum: beta, rho, lam, sigma2 and loglik as in ``solve.ml.Solution``.

    Attributes
    ----------
    errors : (T N,), e of all rows at the conditional means of y_m. They are no residuals of observations: what reads
        ``resid`` is refused.
    covariance : (k + p, k + p), inverse of the observed information of (beta, rho, lambda)
    filled : (T N,), y with its conditional means where it is missing
    level : (T N,), effects as levels of y; NaN where they are not estimated
    slopes : (T N, p), of ``filled`` by (rho, lambda)
    """

    beta: np.ndarray
    rho: float
    lam: float
    sigma2: float
    loglik: float
    errors: np.ndarray = field(repr=False)
    covariance: np.ndarray = field(repr=False)
    filled: np.ndarray = field(repr=False)
    level: np.ndarray = field(repr=False)
    slopes: np.ndarray = field(repr=False)

    def __getattr__(self, name: str):
        if name != "resid":
            raise AttributeError(name)
        raise not_with_missing("what is computed from residuals")


def missing_maximum(sample: MissingSample) -> MissingSolution:
    """Estimate beta, rho, lambda and sigma2 from the observed y.

    Raises
    ------
    SpatialInputError
        E701 when the likelihood rises up to the edge of the admissible interval, E702 where the information is not
        positive definite, E801 when the search does not settle.
    """
    if not sample.parts:
        return _solution(sample, np.zeros(0), None)
    search = Search(sample)
    reached = [search.climb(start) for start in search.starts()]
    return _solution(sample, *max(reached, key=lambda pair: pair[1].value)[:2])


@dataclass(frozen=True, eq=False)
class Last:
    """The polynomials around the maximum: ln L there, its second derivatives, those of beta and of y_m."""

    value: float
    curvature: np.ndarray
    of_beta: np.ndarray
    of_filled: np.ndarray


@dataclass
class Search:
    """The windows, with the values of ln L that were computed."""

    sample: MissingSample
    kept: dict[bytes, float] = field(default_factory=dict)

    @cached_property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.array([part.ends for part in self.sample.parts]).T
        return low, high

    @property
    def p(self) -> int:
        return len(self.sample.parts)

    def value(self, t: np.ndarray) -> float:
        key = np.asarray(t, dtype=float).tobytes()
        if key not in self.kept:
            self.kept[key] = self.sample.at(t)[1]
        return self.kept[key]

    def starts(self) -> list[np.ndarray]:
        """The best points of the coarse grid: of two parameters also the best that is no neighbor of the first."""
        size = GRID[self.p]
        axes = [part.grid(size + 1).points[1:-1] for part in self.sample.parts]
        points = np.array(list(product(*axes)))
        values = np.array([self.value(point) for point in points]).reshape((size,) * self.p)
        order = np.argsort(-values, axis=None)
        best = np.array(np.unravel_index(order[0], values.shape))
        chosen = [order[0]]
        if self.p == 2:
            padded = np.pad(values, 1, constant_values=-np.inf)
            for at in order[1:]:
                i, j = np.unravel_index(at, values.shape)
                peak = values[i, j] >= padded[i : i + 3, j : j + 3].max()
                if peak and np.abs(np.array([i, j]) - best).max() > 1:
                    chosen.append(at)
                    break
        return [points[at] for at in chosen]

    def climb(self, t: np.ndarray) -> tuple[np.ndarray, Last]:
        """From window to window, until one of a standard error holds its maximum well inside."""
        low, high = self.ends
        half = NEAREST * np.minimum(t - low, high - t)
        for _ in range(MAX_WINDOWS):
            half = np.minimum(half, NEAREST * np.minimum(t - low, high - t))
            window = self._window(t - half, t + half, NODES[self.p])
            best = self._best(window)
            _, _, H = window.expansion(best)
            inside = (np.abs(best - t) < 0.98 * half).all()
            self._refuse_end(best)
            if not inside or np.linalg.eigvalsh(-H)[0] <= 0:
                t = best
                continue
            errors = np.sqrt(np.diag(np.linalg.inv(-H)))
            settled = (np.abs(best - t) < 0.5 * half).all() and (half <= 1.5 * errors).all()
            t, half = best, np.minimum(half, errors)
            if settled:
                return self._last(t, SHORT * half)
        raise SpatialInputError("E801", "the search for rho and lambda did not settle",
                                hint="missing='drop', or fewer regressors: the likelihood is almost flat")

    def _window(self, low: np.ndarray, high: np.ndarray, size: int) -> Window:
        points = chebyshev_grid(low, high, size)
        values = np.array([self.value(point) for point in points]).reshape((size,) * self.p)
        return Window(low, high, chebyshev_coefficients(values, self.p), 0.0)

    def _best(self, window: Window) -> np.ndarray:
        """The polynomial's maximum on its window: the best of a grid, then Newton's steps that stay inside."""
        low, high = window.low, window.high
        share = np.linspace(-1, 1, 33)
        basis = chebyshev.chebvander(share, len(window.coefficients) - 1)
        values = window.coefficients
        for _ in range(self.p):  # sums up the first axis, and puts it last
            values = np.moveaxis(np.tensordot(basis, values, axes=(1, 0)), 0, -1)
        best = np.array(np.unravel_index(np.argmax(values), values.shape))
        t = (low + high) / 2 + (high - low) / 2 * share[best]
        for _ in range(30):
            _, gradient, H = window.expansion(t)
            values, vectors = np.linalg.eigh(-H)
            step = vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(values), 1e-12 * np.abs(values).max()))
            moved = np.clip(t + step, low, high)
            if np.abs(moved - t).max() < 1e-14:
                break
            t = moved
        return t

    def _refuse_end(self, t: np.ndarray) -> None:
        low, high = self.ends
        room = np.minimum(t - low, high - t) / (high - low)
        if (room < AT_END).any():
            raise SpatialInputError("E701", "the likelihood rises up to the edge of the admissible interval at "
                                    f"{np.round(t, 5).tolist()}",
                                    hint="check W and the regressors, or leave the spatial lag out")  # fmt: skip

    def _last(self, t: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, Last]:
        """The maximum on a short window, and the derivatives there."""
        size, p = LAST[self.p], self.p
        low, high = t - half, t + half
        profiles = [self.sample.at(point) for point in chebyshev_grid(low, high, size)]
        shape, absent = (size,) * p, self.sample.problem.absent
        values = np.array([loglik for _, loglik in profiles]).reshape(shape)
        window = Window(low, high, chebyshev_coefficients(values, p), 0.0)
        best = self._best(window)
        value, _, H = window.expansion(best)
        of_beta, of_filled = (
            _slopes(np.array(rows).reshape(*shape, -1), low, high, best)
            for rows in ([one.beta for one, _ in profiles], [one.completed[0][absent] for one, _ in profiles])
        )
        return best, Last(value, H, of_beta, of_filled)


def _slopes(values: np.ndarray, low: np.ndarray, high: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Derivatives (columns, p) at t of columns that are given on a window's nodes, (size, ..., columns)."""
    p = len(low)
    c, half = chebyshev_coefficients(values, p), (high - low) / 2
    x = (t - (low + high) / 2) / half
    out = np.empty((values.shape[-1], p))
    for axis in range(p):
        part = chebyshev.chebder(c, axis=axis)
        for value in x:
            part = np.tensordot(chebyshev.chebvander(np.array([value]), len(part) - 1)[0], part, axes=1)
        out[:, axis] = part / half[axis]
    return out


def _solution(sample: MissingSample, t: np.ndarray, last: Last | None) -> MissingSolution:
    """beta, sigma2, residuals and covariance at the maximum."""
    problem, k, p = sample.problem, sample.X.shape[1], len(t)
    projection, loglik = sample.at(t)
    filled, level = projection.completed
    inverse = inverse_triangular(projection.R)
    V = np.zeros((k + p, k + p))
    V[:k, :k] = projection.sigma2 * inverse @ inverse.T
    slopes = np.zeros((len(filled), p))
    if last is not None:
        information = -last.curvature
        if not np.linalg.eigvalsh(information)[0] > 0:
            raise SpatialInputError("E702", "the information matrix is not positive definite",
                                    hint="the likelihood is almost flat in rho or lambda: fewer regressors, more data")
        own = np.linalg.inv(information)
        J = last.of_beta
        V[:k, :k] += J @ own @ J.T
        V[:k, k:] = J @ own
        V[k:, :k] = V[:k, k:].T
        V[k:, k:] = own
        slopes[problem.absent] = last.of_filled
    estimated = problem.levels.estimated
    return MissingSolution(
        projection.beta, *sample.split(t), projection.sigma2, loglik, projection.resid, covariance=V,
        filled=np.where(problem.seen | estimated, filled, np.nan), level=np.where(estimated, level, np.nan),
        slopes=slopes,
    )  # fmt: skip
