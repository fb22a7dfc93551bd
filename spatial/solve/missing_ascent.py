"""The search where there are several rho or lambda, random effects, psi, or a score that is corrected by its mean.

Derivatives of ln L by t are differences of sixth order; steps are Newton's, from the best of a coarse grid. At the
estimate the differences are taken a tenth of a standard error apart, where ln L is a polynomial of low order. Where
columns are estimated that rho turns, the estimate is the root of

    d ln L / dt + m(t),    m the mean of ``Projection.mean_of_score``

(McCullagh & Tibshirani 1990, JRSS B 52:325-344), and the information the negative of its slope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np

from spillover.errors import SpatialInputError

from ..logdet.several import SeveralJacobian
from .missing_projection import Projection
from .missing_sample import Last, MissingSample

OF_ONE, OF_MANY = 9, {2: 9, 3: 5}  # points of the grid of one rho or lambda; of each of several across the diamond
OF_S, OF_Z = (0.15, 0.5, 1.2, 3.0), (-0.4, 0.0, 0.5, 1.1, 1.8)
ROUGH, FINE = 1e-3, 0.1  # steps of differences: in units of t, of a standard error
SIXTH = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}  # weights of differences f(+k) - f(-k)
SECOND = {0: -49 / 18, 1: 3 / 2, 2: -3 / 20, 3: 1 / 90}
WIDEST = 0.05  # of the latter, in units of t
FARTHEST = 0.4  # of one step, in any parameter
SETTLED = 1e-13  # Newton decrement at the end, and what is enough for finer differences
NEAR = 1e-3
MAX_STEPS = 100
STUCK = 1e-7  # length of a step that goes nowhere
SHORTER = 8  # how often the steps of differences are cut to a third
EDGE = 1e-5  # share of the way to the region's edge that an estimate must keep


@dataclass
class Ascent:
    """Points that were evaluated, and what was at them."""

    sample: MissingSample
    kept: dict[bytes, float] = field(default_factory=dict)

    @cached_property
    def parts(self) -> list[tuple]:
        """Each determinant, its name and the places of its parameters in t."""
        J = len(self.sample.problem.W)
        roles = ((self.sample.lag, "rho", slice(0, J)), (self.sample.error, "lambda", slice(J, self.spatial)))
        return [role for role in roles if role[0] is not None]

    @cached_property
    def spatial(self) -> int:
        return len(self.sample.problem.W) + len(self.sample.problem.M)

    @property
    def p(self) -> int:
        problem = self.sample.problem
        return self.spatial + (problem.random is not None) + problem.serial

    def value(self, t: np.ndarray) -> float:
        key = np.asarray(t, dtype=float).tobytes()
        if key not in self.kept:
            self.kept[key] = self._computed(t)
        return self.kept[key]

    def _computed(self, t: np.ndarray) -> float:
        sample = self.sample
        point = sample.problem.split(t)
        logdet = sample.logdet(point)
        if not np.isfinite(logdet):
            return -np.inf
        try:
            return Projection(sample.problem, point).loglik(logdet)
        except np.linalg.LinAlgError:
            return -np.inf

    # -- the grid ----------------------------------------------------------------------------------------

    def starts(self) -> list[np.ndarray]:
        """The best of a grid of each block of parameters given the others, in both orders."""
        blocks = [(place, _grid_of(part)) for part, _, place in self.parts]
        problem, at = self.sample.problem, self.spatial
        for there, values in ((problem.random is not None, OF_S), (problem.serial, OF_Z)):
            if there:
                blocks.append((slice(at, at + 1), np.array(values)[:, None]))
                at += 1
        built: list[np.ndarray] = []
        for order in (blocks, blocks[::-1]):
            t = np.zeros(self.p)
            if problem.random:
                t[self.spatial] = OF_S[1]
            for place, points in order:
                trials = np.repeat(t[None], len(points), axis=0)
                trials[:, place] = points
                t = trials[int(np.argmax([self.value(trial) for trial in trials]))]
            if not any(np.array_equal(t, other) for other in built):
                built.append(t)
        return built

    # -- the steps ---------------------------------------------------------------------------------------

    def reach(self) -> tuple[np.ndarray, Last]:
        """From the best of what is reached roughly to the maximum, or the root of the adjusted score."""
        reached, failed = [], []
        for start in self.starts():
            try:
                reached.append(self._rough(start))
            except SpatialInputError as error:
                failed.append(error)
        if not reached:
            raise failed[0]
        t, h = max(reached, key=lambda pair: self.value(pair[0]))
        adjusted = self.sample.problem.mean_of_score
        for _ in range(MAX_STEPS):
            gradient, H, h = self._inside(self.differences, t, h)
            if adjusted:
                gradient, H = self.with_mean(t, h, gradient, H)
            step = _uphill(gradient, H)
            if gradient @ step < SETTLED and np.linalg.eigvalsh(-H)[0] > 0:
                return t + step, self._last(t + step, h, H)
            t = self._stepped(t, step, free=True)
        self._refuse_edge(t)
        raise flat()

    def _rough(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Newton's ascent by differences a thousandth apart; the steps of finer ones."""
        h = np.full(self.p, ROUGH)
        for _ in range(MAX_STEPS):
            gradient, H, h = self._inside(self.rough_differences, t, h)
            step = _uphill(gradient, H)
            if gradient @ step < NEAR and np.linalg.eigvalsh(-H)[0] > 0:
                return t, np.minimum(np.minimum(FINE / np.sqrt(np.diag(-H)), WIDEST), self._room(t) / 4)
            moved = self._stepped(t, step, free=False)
            if np.abs(moved - t).max() < STUCK:
                break
            t = moved
        self._refuse_edge(t)
        raise flat()

    def _stepped(self, t: np.ndarray, step: np.ndarray, free: bool) -> np.ndarray:
        """A step that is no longer than allowed, and uphill unless it is one of the last or leads to a root."""
        step = step / max(1.0, float(np.abs(step).max()) / FARTHEST)
        before = self.value(t)
        for _ in range(40):
            value = self.value(t + step)
            if np.isfinite(value) and (free or value > before):
                t = t + step
                break
            step = step / 2
        if self.sample.problem.random:  # ln L is the same at -s
            t[self.spatial] = abs(t[self.spatial])
        return t

    def _inside(self, differences: Callable, t: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Differences, and their steps, which are shorter near the edge of the region."""
        for _ in range(SHORTER):
            with np.errstate(invalid="ignore"):
                gradient, H = differences(t, h)
            if np.isfinite(gradient).all() and np.isfinite(H).all():
                return gradient, H, h
            h = h / 3
        self._refuse_edge(t)
        raise flat()

    def rough_differences(self, t: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and second derivatives of ln L, of first order."""
        p, center, moves = self.p, self.value(t), np.diag(h)
        up, down = (np.array([self.value(t + sign * move) for move in moves]) for sign in (1, -1))
        H = np.diag((up - 2 * center + down) / h**2)
        for i in range(p):
            for j in range(i):
                both = self.value(t + moves[i] + moves[j])
                H[i, j] = H[j, i] = (both - up[i] - up[j] + center) / (h[i] * h[j])
        return (up - down) / (2 * h), H

    def differences(self, t: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and second derivatives of ln L, of sixth and fourth order."""
        p, center = self.p, self.value(t)
        gradient, H = np.zeros(p), np.zeros((p, p))
        for i in range(p):
            move = np.zeros(p)
            move[i] = h[i]
            pairs = {k: (self.value(t + k * move), self.value(t - k * move)) for k in SIXTH}
            gradient[i] = sum(SIXTH[k] * (up - down) for k, (up, down) in pairs.items()) / h[i]
            H[i, i] = (SECOND[0] * center + sum(SECOND[k] * sum(pairs[k]) for k in pairs)) / h[i] ** 2
        for i in range(p):
            for j in range(i):
                H[i, j] = H[j, i] = self._mixed(t, h, i, j)
        return gradient, H

    def _mixed(self, t, h, i: int, j: int) -> float:
        """d2 ln L / dt_i dt_j, of fourth order."""
        total = 0.0
        for k, weight in ((1, 1 / 3), (2, -1 / 48)):
            for a, b in product((1, -1), repeat=2):
                move = np.zeros(self.p)
                move[i], move[j] = a * k * h[i], b * k * h[j]
                total += weight * a * b * self.value(t + move)
        return total / (h[i] * h[j])

    def with_mean(self, t, h, gradient, H) -> tuple[np.ndarray, np.ndarray]:
        """The adjusted score and its slope, whose small asymmetric part is averaged out."""
        J, slope = len(self.sample.problem.W), np.zeros_like(H)
        gradient = gradient.copy()
        gradient[:J] += self._mean(t)
        for i in range(self.p):
            move = np.zeros(self.p)
            move[i] = h[i]
            slope[:J, i] = (self._mean(t + move) - self._mean(t - move)) / (2 * h[i])
        return gradient, H + (slope + slope.T) / 2

    def _mean(self, t: np.ndarray) -> np.ndarray:
        return Projection(self.sample.problem, self.sample.problem.split(t)).mean_of_score()

    # -- the end -----------------------------------------------------------------------------------------

    def _last(self, t: np.ndarray, h: np.ndarray, H: np.ndarray) -> Last:
        """ln L there, and the slopes of beta and y_m."""
        absent, problem = self.sample.problem.absent, self.sample.problem
        self._refuse_edge(t)
        of_beta, of_filled, of_sigma2 = [], [], []
        for i in range(self.p):
            move = np.zeros(self.p)
            move[i] = h[i]
            beta, filled, sigma2 = 0.0, 0.0, 0.0
            for k, weight in SIXTH.items():
                up, down = (Projection(problem, problem.split(t + sign * k * move)) for sign in (1, -1))
                beta = beta + weight * (up.beta - down.beta)
                filled = filled + weight * (up.completed[0] - down.completed[0])[absent]
                sigma2 += weight * (up.sigma2 - down.sigma2)
            of_beta.append(beta / h[i])
            of_filled.append(filled / h[i])
            of_sigma2.append(sigma2 / h[i])
        return Last(self.value(t), H, np.column_stack(of_beta), np.column_stack(of_filled), np.array(of_sigma2))

    def _room(self, t: np.ndarray) -> np.ndarray:
        """How far each parameter is from the edge of its interval; of several rho of no consequence here."""
        room = np.full(self.p, np.inf)
        for part, _, place in self.parts:
            if not isinstance(part, SeveralJacobian):
                low, high = part.interval
                room[place] = np.minimum(t[place] - low, high - t[place])
        return room

    def _refuse_edge(self, t: np.ndarray) -> None:
        """E701 where rho or lambda lies on the edge of its region."""
        for part, name, place in self.parts:
            at = t[place]
            if isinstance(part, SeveralJacobian):
                outside = part.logdet.largest(at) > 1 - EDGE
            else:
                low, high = part.ends
                outside = min(at[0] - low, high - at[0]) < EDGE * (high - low)
            if outside:
                raise SpatialInputError("E701", "the likelihood rises up to the edge of the admissible region: "
                                        f"{name} = {', '.join(f'{x:.4g}' for x in at)}",
                                        hint="check W and the regressors, or leave the spatial lag out")  # fmt: skip
        if self.sample.problem.serial and abs(np.tanh(t[-1])) > 1 - EDGE:
            raise SpatialInputError("E701", f"psi = {np.tanh(t[-1]):.6g}: the errors have a unit root over time",
                                    hint="first differences of all variables, or trends in the formula")  # fmt: skip


def _uphill(gradient: np.ndarray, H: np.ndarray) -> np.ndarray:
    """Newton's step, with the curvature's sign turned where ln L is convex."""
    values, vectors = np.linalg.eigh(-H)
    size = np.maximum(np.abs(values), 1e-10 * np.abs(values).max())
    return vectors @ ((vectors.T @ gradient) / size)


def flat() -> SpatialInputError:
    """E801."""
    return SpatialInputError("E801", "the search for rho and lambda did not settle",
                             hint="missing='drop', or fewer regressors: the likelihood is almost flat")


def _grid_of(part) -> np.ndarray:
    """Points of one rho, (Q, 1), or of several across the diamond sum |rho_j| ||W_j|| < 1."""
    if not isinstance(part, SeveralJacobian):
        return part.grid(OF_ONE + 1).points[1:-1, None]
    norms = part.logdet.norms
    if len(norms) == 1:
        return np.linspace(-0.9, 0.9, OF_ONE)[:, None] / norms
    grid = np.array(list(product(np.linspace(-0.9, 0.9, OF_MANY.get(len(norms), 3)), repeat=len(norms))))
    inside = np.abs(grid).sum(axis=1) < 0.97
    return grid[inside] / norms
