"""Effects of models with several W: direct, indirect, total, and by channel.

The matrix of responses to a regressor with coefficients beta and theta_1 ... theta_M is

    S = A^-1 (beta I + sum_m theta_m W_m),    A = I - sum_m rho_m W_m

(rho_m is 0 where W_m does not lag the response). From A S = beta I + sum_m theta_m W_m follows

    S = beta I + sum_m C_m,    C_m = W_m (theta_m I + rho_m S)

C_m is what reaches a unit from its neighbors under W_m: their x, and their y with all that has reached it. These are
the channels: indirect effects of all channels add up to the indirect effect, and direct ones to the direct effect less
beta. Direct effects are average diagonals, total effects average row sums.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.values import share, whole_number

from ..logdet.several import (
    SIZES,
    SeveralLogdet,
    Window,
    chebyshev_coefficients,
    chebyshev_grid,
    several_logdet,
    window,
)
from ..records.schema import SCHEMA
from ..records.several import SeveralRecord
from .average import DENSE_MAX, Effects
from .draws import all_draws, from_draws
from .infer import Inferred, Options, expansion, infer
from .mixture import Inference, settled
from .nodes import given_lattice, given_nothing, given_spatial
from .propagate import KINDS

NODES = {1: [72], 2: [72, 32]}  # over the rho of each W; of three a lattice
FEWER_NODES = [36, 16]  # where each may take a factorisation
CLOSE = 1e-5  # last coefficients of interpolated averages, as a share of these
STEP, STEP_OF_NEAR = 1e-5, 0.25  # of central differences by rho: in units of 1 / ||W||, and of a window's half-width
NEAR = 0.02  # half-width of the window around an estimate, as a share of the way to the region's edge
ANGLES = 96  # directions of rho_1, rho_2 at which the region's edge is computed
BLOCK = 4_000_000  # numbers in the inverses that are computed at a time
REACH = {True: 6.0, False: 4.5}  # standard errors of rho beyond which nodes are left out, of exact and other averages
PROBES = 100  # for the traces of a large sparse W
DIRECT_MAX = 50  # units up to which an inverse at every node is quicker than an interpolation


@dataclass(frozen=True, eq=False)
class SeveralAverages:
    """Averages of the responses as functions of rho: coefficients of beta, theta_1 ... theta_M in every effect.

    Attributes
    ----------
    matrices : tuple of M csr_array, (N, N)
    lag : tuple of int
        Which of them have a rho, in the order of rho.
    """

    matrices: tuple[sparse.csr_array, ...]
    lag: tuple[int, ...]
    memo: dict = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        return self.matrices[0].shape[0]

    @property
    def size(self) -> int:
        """Effects of one regressor: 3, and 3 of each channel."""
        return 3 + 3 * len(self.matrices)

    @cached_property
    def logdet(self) -> SeveralLogdet:
        return SeveralLogdet(tuple(self.matrices[m] for m in self.lag))

    @cached_property
    def products(self) -> list[sparse.coo_array]:
        """W_m for every m, then W_k W_m for every m and k: traces of their products with A^-1 are needed."""
        matrices = [*self.matrices, *(W_k @ W_m for W_m in self.matrices for W_k in self.matrices)]
        return [sparse.coo_array(P) for P in matrices]

    def at(self, rho: np.ndarray, gradient: np.ndarray | None = None) -> np.ndarray:
        """(1 + M, size): direct, indirect, total, then the same of each channel, by beta and theta."""
        traces, sums = self._solved(np.asarray(rho, dtype=float)[None])
        if gradient is not None:  # exact where traces are estimated
            traces[0, list(self.lag)] = -gradient / self.n
        return self._put_together(np.asarray(rho, dtype=float)[None], traces, sums)[0]

    def many(self, points: np.ndarray) -> np.ndarray:
        """The same at points (Q, J): (Q, 1 + M, size)."""
        block = max(1, BLOCK // self.n**2)
        parts = [points[start : start + block] for start in range(0, len(points), block)]
        return np.concatenate([self._put_together(part, *self._solved(part)) for part in parts])

    def _put_together(self, points: np.ndarray, traces: np.ndarray, sums: np.ndarray) -> np.ndarray:
        """From traces tr(W_m A^-1) / N and tr(W_m A^-1 W_k) / N, (Q, M + M^2), and sums [1, W_1, ...]'A^-1 [1, W_1 1,
        ...] / N, (Q, 1 + M, 1 + M)."""
        Q, M = len(points), len(self.matrices)
        g, mixed = traces[:, :M], traces[:, M:].reshape(Q, M, M)
        full = np.zeros((Q, M))
        full[:, list(self.lag)] = points
        direct, total = np.column_stack([1 + (full * g).sum(axis=1), g]), sums[:, 0]
        rows = [direct, total - direct, total]
        for m, W in enumerate(self.matrices):
            direct_m = full[:, [m]] * np.column_stack([g[:, m], mixed[:, m]])
            total_m = full[:, [m]] * sums[:, 1 + m]
            direct_m[:, 1 + m] += W.trace() / self.n
            total_m[:, 1 + m] += W.sum() / self.n
            rows += [direct_m, total_m - direct_m, total_m]
        return np.stack(rows, axis=2)

    def _solved(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What ``_put_together`` takes."""
        N, ones = self.n, np.ones(self.n)
        right = np.column_stack([ones, *(W @ ones for W in self.matrices)])
        left = np.column_stack([ones, *(W.T @ ones for W in self.matrices)])
        if not self.exact:
            traces, sums = zip(*(self._by_probes(point, right) for point in points))
            return np.array(traces), left.T @ np.array(sums) / N
        A = np.broadcast_to(np.eye(N), (len(points), N, N)).copy()
        for rho, m in zip(points.T, self.lag):
            A -= rho[:, None, None] * self.matrices[m].toarray()
        Z = np.linalg.inv(A) if self.lag else A
        traces = [np.einsum("p,qp->q", P.data, Z[:, P.coords[1], P.coords[0]]) / N for P in self.products]
        return np.column_stack(traces), left.T @ (Z @ right) / N

    def _by_probes(self, rho: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of a large sparse W: traces of P + P C exactly, C = sum_j rho_j W_j, and of P C^2 A^-1 by probes."""
        C, probes = self.logdet.combined(rho), np.random.default_rng(0).choice([-1.0, 1.0], (self.n, PROBES))
        lu = factor(C)
        higher, back = lu.solve(probes) - probes - C @ probes, sparse.csr_array(C.T)
        traces = []
        for P in map(sparse.csr_array, self.products):
            exact = P.trace() + P.multiply(back).sum()
            traces.append(exact + np.einsum("ij,ij->", probes, P @ higher) / PROBES)
        return np.array(traces) / self.n, lu.solve(right)

    @property
    def exact(self) -> bool:
        """Whether traces come from a dense inverse, or none is needed."""
        return not self.lag or self._dense

    @property
    def _dense(self) -> bool:
        return self.n <= DENSE_MAX and self.logdet.dense

    def point(self, rho: np.ndarray) -> np.ndarray:
        """As ``at``, the traces of the lags' W exact also where N is large."""
        if self.exact:
            return self.at(rho)
        return self.at(rho, self.near(rho).expansion(rho)[1])

    def near(self, rho: np.ndarray) -> Window:
        """The log-determinant around rho, for its slope."""
        half = np.full(len(rho), NEAR * (1 - min(self.logdet.largest(rho), 0.999)) / self.logdet.norms.max())
        return window(self.logdet, rho - half, rho + half, 1.0)

    def over(self, centre: np.ndarray, root: np.ndarray, reach: float) -> Callable[[np.ndarray], np.ndarray]:
        """A function of points (Q, J) to (Q, 1 + M, size): interpolated over rho = centre + root z, |z_j| <= reach,
        where that is exact enough."""
        J = len(centre)
        if self._dense and self.n <= DIRECT_MAX:
            return self.many
        corners = centre + reach * np.array(list(product((-1.0, 1.0), repeat=J))) @ root.T
        if not all(self.logdet.admissible(corner) for corner in corners) or not np.diag(root).all():
            return self.many
        low, high = np.full(J, -reach), np.full(J, reach)
        inverse = np.linalg.inv(root).T
        near = None if self._dense else window(Turned(self.logdet, centre, root), low, high, 1.0)
        for size in SIZES[1:] if J <= 2 else SIZES[:2]:
            z = chebyshev_grid(low, high, size)
            points = centre + z @ root.T
            if near is None:
                values = self.many(points)
            else:
                values = np.array([self.at(p, inverse @ near.expansion(q)[1]) for p, q in zip(points, z)])
            values = values * self._pole(points)[:, None, None]
            c = chebyshev_coefficients(values.reshape((size,) * J + values.shape[1:]), J)
            last = max(np.abs(np.take(c, -1, axis=axis)).max() for axis in range(J))
            if last < CLOSE * np.abs(c).max():
                break
        return lambda at: _interpolated(c, (at - centre) @ inverse, low, high) / self._pole(at)[:, None, None]

    def _pole(self, points: np.ndarray) -> np.ndarray:
        """1 - sum_j rho_j s_j where rows of W_j sum to s_j: A^-1 1 = 1 / that."""
        sums = [np.asarray(self.matrices[m].sum(axis=1)).ravel() for m in self.lag]
        constant = all(np.ptp(s) <= 1e-9 * np.abs(s).max() for s in sums)
        return 1 - points @ np.array([s[0] for s in sums]) if constant else np.ones(len(points))


@dataclass(frozen=True, eq=False)
class Turned:
    """log|A| as a function of z, rho = centre + root z."""

    logdet: SeveralLogdet
    centre: np.ndarray
    root: np.ndarray

    def value(self, z: np.ndarray) -> float:
        return self.logdet.value(self.centre + self.root @ z)


def _interpolated(c: np.ndarray, points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Tensor Chebyshev series at points (Q, J): (Q, ...)."""
    x = (points - (low + high) / 2) / ((high - low) / 2)
    out = np.empty(0)
    for axis in range(points.shape[1]):
        v = np.polynomial.chebyshev.chebvander(x[:, axis], c.shape[axis] - 1)
        out = np.einsum("qk,qk...->q...", v, out) if axis else np.tensordot(v, c, axes=1)
    return out


@dataclass(frozen=True, eq=False)
class SeveralSource:
    """Some of the effects as functions of a fit's parameters: what ``infer`` needs.

    Attributes
    ----------
    fit : FitRecord
    averages : SeveralAverages
    which : slice
        Of the effects in ``SeveralAverages.at``.
    """

    fit: SeveralRecord
    averages: SeveralAverages
    which: slice

    @property
    def places(self) -> np.ndarray:
        """Positions of rho_1 ... among the parameters."""
        weights = self.fit._design.weights
        last = len(self.fit.params) - len(weights.error)
        return np.arange(last - len(weights.lag), last)

    @property
    def rho(self) -> np.ndarray:
        return self.fit.params.to_numpy()[self.places]

    def estimates(self, picks: np.ndarray) -> np.ndarray:
        """(effects, V)."""
        return self._of(self.fit.params.to_numpy(), self.averages.point(self.rho), picks)

    def _of(self, params: np.ndarray, curves: np.ndarray, picks: np.ndarray) -> np.ndarray:
        return np.einsum("kj,kv->jv", curves[:, self.which], picks @ params)

    def errors(self, picks: np.ndarray) -> np.ndarray:
        """By the delta method: exact derivatives by the coefficients, central differences by rho."""
        params, rho, averages = self.fit.params.to_numpy(), self.rho, self.averages
        near = None if averages.exact else averages.near(rho)

        def at(point) -> np.ndarray:
            return averages.at(point, None if near is None else near.expansion(point)[1])

        slopes = np.einsum("kj,kvp->jvp", at(rho)[:, self.which], picks)
        for j, place in enumerate(self.places):
            step = np.zeros(len(rho))
            half = STEP / averages.logdet.norms[j] if near is None else STEP_OF_NEAR * (near.high - near.low)[j] / 2
            step[j] = half
            ahead, behind = (self._of(params, at(rho + s), picks) for s in (step, -step))
            slopes[:, :, place] += (ahead - behind) / (2 * half)
        return np.sqrt(np.einsum("jvp,pq,jvq->jv", slopes, self.fit.vcov.to_numpy(), slopes))

    def sample(self, picks: np.ndarray, draws: int, seed: int) -> np.ndarray:
        """(kept, effects, V): draws of the parameters within the admissible region."""
        sample = all_draws(self.fit, draws, seed)
        inside = self._admissible(sample[:, self.places])
        if inside.mean() < 0.5:
            raise SpatialInputError("E701", f"{(~inside).sum()} of {draws} draws of rho are not admissible",
                                    hint="the estimate is too close to the edge of the region")  # fmt: skip
        sample = sample[inside]
        if not len(self.places):
            curves = np.broadcast_to(self.averages.at(self.rho), (len(sample), *self.averages.at(self.rho).shape))
        else:
            curves = self._over(sample[:, self.places])
        return np.einsum("dkj,kvp,dp->djv", curves[..., self.which], picks, sample, optimize=True)

    def likelihood(self, picks: np.ndarray, level: float):
        raise SpatialInputError("E501", "method='likelihood' is for one W", hint="method='quadrature'")

    def exact(self, picks: np.ndarray, level: float) -> tuple[None, Inference]:
        """The mixture over rho_1, rho_2 ...: see ``mixture``."""
        fit, estimates = self.fit, self.estimates(picks).ravel()
        params, V = fit.params.to_numpy(), fit.vcov.to_numpy()
        if not np.isfinite(V).all():
            return None, Inference(estimates, *np.full((5, len(estimates)), np.nan))
        J = len(self.places)
        if not J:
            law = given_nothing(params, V, fit.df_resid)
            return None, settled(lambda _: law.linear(self._curves(law, None), picks), estimates, level, 1, 1)[1]
        if J > 3:
            raise SpatialInputError("E501", f"method='quadrature' is for up to three rho, the model has {J}",
                                    hint="method='simulate' or method='delta'")
        R = np.zeros((J, len(params)))
        R[np.arange(J), self.places] = 1
        law = self._given(params, V, R).refuse_outside()
        return None, settled(lambda _: law.linear(self._curves(law, R), picks), estimates, level, 1, 1)[1]

    def _given(self, params, V, R):
        """The nodes over rho that are admissible; of interpolated averages those within ``REACH``."""
        df, L = self.fit.df_resid, self.averages.logdet
        bounds = (-L.edge(-np.ones(1)), L.edge(np.ones(1))) if len(R) == 1 else (-np.inf, np.inf)
        if len(R) == 3:
            law = given_lattice(params, V, R, df, bounds)
        else:
            nodes = NODES[len(R)] if self.averages.exact else FEWER_NODES[: len(R)]
            law = given_spatial(params, V, R, df, nodes, bounds, splits=[0.0])
        if len(R) == 1:
            return law
        if self.averages.n > DIRECT_MAX:
            law = law.thinned(law.distance <= REACH[self.averages.exact] ** 2)
        return law.thinned(self._admissible(law.points))

    def _curves(self, law, R) -> np.ndarray:
        if R is None:
            return self.averages.at(self.rho)[None][..., self.which]
        return self._over(law.points)[..., self.which]

    def _over(self, points: np.ndarray) -> np.ndarray:
        """Averages at points (Q, J), remembered: channels have the points of all effects."""
        key = points.tobytes()
        if key not in self.averages.memo:
            V = self.fit.vcov.to_numpy()[np.ix_(self.places, self.places)]
            root = np.linalg.cholesky(V)
            z = np.linalg.solve(root, (points - self.rho).T)
            self.averages.memo[key] = self.averages.over(self.rho, root, float(np.abs(z).max()))(points)
        return self.averages.memo[key]

    def _admissible(self, points: np.ndarray) -> np.ndarray:
        """Mask of points (Q, J). The largest real eigenvalue along a direction is interpolated between angles."""
        if not len(self.places):
            return np.ones(len(points), dtype=bool)
        L = self.averages.logdet
        inside = np.abs(points) @ L.norms < 1
        if inside.all() or points.shape[1] == 1:
            ends = [L.edge(np.ones(1)), -L.edge(-np.ones(1))] if not inside.all() else [np.inf, -np.inf]
            return inside | ((points[:, 0] < ends[0]) & (points[:, 0] > ends[1]) & (points.shape[1] == 1))
        if points.shape[1] == 2:
            return inside | (_largest_by_angle(L, points, ~inside) < 1)
        return np.array([ok or L.largest(point) < 1 for ok, point in zip(inside, points)])


def _largest_by_angle(L: SeveralLogdet, points: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """Largest real eigenvalue of rho_1 W_1 + rho_2 W_2 at points (Q, 2), between directions where it is computed.

    It is homogeneous and, for symmetric W, convex: on the arc between two directions it is at most
    (sin(b - t) w_a + sin(t - a) w_b) / sin(b - a).
    """
    angle, step = np.arctan2(points[:, 1], points[:, 0]), 2 * np.pi / ANGLES
    left = np.floor((angle + np.pi) / step)
    top = {place: L.largest(np.array([np.cos(place * step - np.pi), np.sin(place * step - np.pi)]))
           for place in np.unique(np.concatenate([left[needed], left[needed] + 1]))}  # fmt: skip
    before, after = (np.array([top.get(place, np.inf) for place in places]) for places in (left, left + 1))
    within = angle + np.pi - left * step
    between = np.sin(step - within) * before + np.sin(within) * after
    return np.hypot(points[:, 0], points[:, 1]) * between / np.sin(step)


@dataclass(frozen=True, eq=False)
class SeveralEffects(Effects):
    """Effects of a model with several W, in all and by channel: see ``by_channel``."""

    fit: SeveralRecord = field(repr=False)
    source: SeveralSource = field(repr=False)

    @cached_property
    def channels(self) -> Inferred:
        """Inference on direct, indirect and total effects of every channel, (3 M, V)."""
        source = SeveralSource(self.fit, self.source.averages, slice(3, None))
        return _inferred(source, self._picks, self.options)

    def by_channel(self) -> pd.DataFrame:
        """Effects by the W through which they reach a unit.

        Returns
        -------
        DataFrame
            weights (``W_1``, ``W_2`` ...), effect, then the common schema. Over the channels indirect effects add up to
            the indirect effect; direct ones to the direct effect less the coefficient of the unit's own x.

        Notes
        -----
        Channel m is W_m (theta_m I + rho_m S): the neighbors' x under W_m, and their y with all that has reached it.
        """
        M = len(self.fit._design.weights.matrices)
        index = pd.MultiIndex.from_product([[f"W_{m + 1}" for m in range(M)], KINDS, self.variables],
                                           names=["weights", "effect", "term"])  # fmt: skip
        table = pd.DataFrame(self.channels.inference.columns(), index=index).reset_index()
        return table[["weights", "effect", *SCHEMA]]

    def by_unit(self, variable: str, *, period=None) -> pd.DataFrame:
        """What each unit does to itself (``own``), sends to all others and gets from them; for up to 5,000 units."""
        S = self.matrix(variable, period=period)
        own = np.diag(S.to_numpy())
        return pd.DataFrame({"own": own, "emitted": S.sum(axis=0) - own, "received": S.sum(axis=1) - own}, S.index)

    def by_order(self, orders: int = 10) -> pd.DataFrame:
        raise SpatialInputError("E324", "orders of neighbors are those of one W", hint="by_channel()")

    def _ids(self, period) -> pd.Index:
        if period is not None:
            raise SpatialInputError("E501", "W is the same in all periods, and so are the effects",
                                    hint="leave period= out")
        return self.fit._design.ids

    def _respond(self, variable: str, change: np.ndarray, period=None) -> np.ndarray:
        self._ids(period)
        c, weights = self._coefficients(variable), self.fit._design.weights
        right = c[0] * change + sum(c[1 + m] * (w.csr @ change) for m, w in enumerate(weights.matrices))
        return solve(self.fit, right)

    @cached_property
    def _picks(self) -> np.ndarray:
        return several_selectors(self.fit, self.variables)


def several_effects(fit: SeveralRecord, *, method="quadrature", level=0.95, draws=1000, seed=1) -> SeveralEffects:
    """Direct, indirect and total effects of every regressor, in all and by channel.

    Parameters
    ----------
    fit : SeveralFit
    method : {"quadrature", "simulate", "delta"}
        As in ``spatial.effects.compute.effects``.
    level, draws, seed
        Likewise.

    Raises
    ------
    SpatialInputError
        E501 an unknown method, or a likelihood; E701 when most of the distribution of rho is not admissible.
    """
    options = Options(method, share("level", level), whole_number("draws", draws, least=1),
                      whole_number("seed", seed, least=0))  # fmt: skip
    weights, variables = fit._design.weights, fit._design.regressors
    averages = SeveralAverages(tuple(w.csr for w in weights.matrices), weights.lag)
    source = SeveralSource(fit, averages, slice(0, 3))
    return SeveralEffects(variables, infer(source, several_selectors(fit, variables), options), fit, options, source)


def _inferred(source: SeveralSource, picks: np.ndarray, options: Options) -> Inferred:
    """``infer`` of any number of effects."""
    df = source.fit.df_resid
    if options.method == "quadrature":
        _, inference = source.exact(picks, options.level)
        return Inferred(inference.reshaped(-1, picks.shape[1]))
    estimates = source.estimates(picks)
    if options.method == "simulate":
        drawn = source.sample(picks, options.draws, options.seed)
        return Inferred(from_draws(drawn, estimates, options.level, df), len(drawn))
    return Inferred(expansion(estimates, source.errors(picks), options.level, df))


def several_selectors(fit: SeveralRecord, variables) -> np.ndarray:
    """(1 + M, V, p): what picks beta, theta_1 ... theta_M out of the parameters; 0 where absent."""
    place = {name: i for i, name in enumerate(fit.params.index.tolist())}
    picks = np.zeros((1 + len(fit._design.weights.matrices), len(variables), len(place)))
    for row, name in enumerate(variables):
        for k in range(len(picks)):
            if (term := f"W_{k}:{name}" if k else name) in place:
                picks[k, row, place[term]] = 1
    return picks


def solve(fit: SeveralRecord, right: np.ndarray) -> np.ndarray:
    """A^-1 right, (N, ...)."""
    weights = fit._design.weights
    if not weights.lag:
        return right
    L = several_logdet(tuple(weights.matrices[m] for m in weights.lag))
    C = L.combined(fit.rhos.to_numpy())
    if L.dense:
        return np.linalg.solve(np.eye(weights.n) - C.toarray(), right)
    return factor(C).solve(np.asarray(right, dtype=float))


def factor(C: sparse.csr_array):
    """LU of I - C."""
    from scipy.sparse.linalg import splu

    return splu(sparse.csc_array(sparse.eye_array(C.shape[0]) - C), permc_spec="MMD_AT_PLUS_A")
