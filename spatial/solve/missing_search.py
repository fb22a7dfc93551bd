"""The search where the parameters are rho, lambda or both: windows, and the polynomials through ln L on them.

The profile likelihood (``missing_problem``) is evaluated on a coarse grid, then on windows around its maximum that
shrink to a fifth of a standard error; in each the Chebyshev polynomial through it is maximised, and in the last one its
derivatives and those of beta(rho, lambda) are taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from numpy.polynomial import chebyshev

from spillover.errors import SpatialInputError

from ..logdet import Jacobian
from ..logdet.windows import Window, chebyshev_coefficients, chebyshev_grid
from .missing_sample import Last, MissingSample

GRID = {1: 13, 2: 7}  # points of the coarse grid along each parameter
NODES, LAST = {1: 7, 2: 5}, {1: 9, 2: 7}  # of windows, and of the last one
SHORT = 0.2  # half-width of the last one in standard errors: polynomials there are exact to rounding
NEAREST = 0.6  # a window covers at most this share of the way to the end of the interval
MAX_WINDOWS = 40
AT_END = 1e-5  # share of the interval within which an estimate lies at its end


@dataclass
class Search:
    """The windows, with the values of ln L that were computed."""

    sample: MissingSample
    kept: dict[bytes, float] = field(default_factory=dict)

    @cached_property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.array([part.ends for part in self.parts]).T
        return low, high

    @property
    def parts(self) -> list[Jacobian]:
        return self.sample.parts  # type: ignore[return-value]

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
        axes = [part.grid(size + 1).points[1:-1] for part in self.parts]
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
        of_beta, of_filled, of_sigma2 = (
            _slopes(np.array(rows).reshape(*shape, -1), low, high, best)
            for rows in ([one.beta for one, _ in profiles], [one.completed[0][absent] for one, _ in profiles],
                         [one.sigma2 for one, _ in profiles])
        )  # fmt: skip
        return best, Last(value, H, of_beta, of_filled, of_sigma2[0])


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
