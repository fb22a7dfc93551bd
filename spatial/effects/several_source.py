"""Inference on average effects of models with several rho: the mixture over all of them, draws, the delta method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from ..logdet.several import SeveralLogdet
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from .draws import all_draws
from .mixture import Inference, settled
from .nodes import given_lattice, given_nothing, given_spatial
from .regimes_averages import RegimeAverages
from .several_averages import DIRECT_MAX, SeveralAverages

NODES = {1: [72], 2: [72, 32]}  # over the rho of each W; of three and more a lattice
MOST_RHOS = 8  # of the lattice
FEWER_NODES = [36, 16]  # where each may take a factorisation
STEP, STEP_OF_NEAR = 1e-5, 0.25  # of central differences by rho: in units of 1 / ||W||, and of a window's half-width
RANK = 1e-10  # smallest eigenvalue of a correlation matrix of all rho that counts as positive
ANGLES = 96  # directions of rho_1, rho_2 at which the region's edge is computed
REACH = {True: 6.0, False: 4.5}  # standard errors of rho beyond which nodes are left out, of exact and other averages


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
            curves = self.averages.at(self.rho)[None][..., self.which]
            return None, settled(lambda _: law.linear(curves, picks), estimates, level, 1, 1)[1]
        law, curves = self.nodes(params, V)
        return None, settled(lambda _: law.linear(curves[..., self.which], picks), estimates, level, 1, 1)[1]

    def nodes(self, params: np.ndarray, V: np.ndarray):
        """The nodes over all rho, and the averages there; parameters may have constants behind them.

        Raises
        ------
        SpatialInputError
            E501 more than three rho, E701 most of their distribution outside of the region.
        """
        J = len(self.places)
        if J > MOST_RHOS:
            raise SpatialInputError("E501", f"the exact distribution is for up to {MOST_RHOS} rho, the model has {J}",
                                    hint="fit.effects(method='simulate') or 'delta'")  # fmt: skip
        if not _full_rank(V[np.ix_(self.places, self.places)]):
            raise SpatialInputError("E206", f"the covariance of {J} rho has a lower rank: they have no joint density",
                                    n=J, hint="fit.effects(method='simulate'), more periods or groups, or vcov='oim'")
        R = np.zeros((J, len(params)))
        R[np.arange(J), self.places] = 1
        law = self._given(params, V, R).refuse_outside()
        return law, self._over(law.points)

    @property
    def many_nodes(self) -> bool:
        """Whether averages are quick at every node."""
        return self.averages.exact

    def _given(self, params, V, R):
        """The nodes over rho that are admissible; of interpolated averages those within ``REACH``."""
        df, L = self.fit.df_resid, self.averages.logdet
        bounds = (-L.edge(-np.ones(1)), L.edge(np.ones(1))) if len(R) == 1 else (-np.inf, np.inf)
        if len(R) >= 3:
            law = given_lattice(params, V, R, df, bounds)
        else:
            nodes = NODES[len(R)] if self.many_nodes else FEWER_NODES[: len(R)]
            law = given_spatial(params, V, R, df, nodes, bounds, splits=[0.0])
        if len(R) == 1:
            return law
        if self.averages.n > DIRECT_MAX:
            law = law.thinned(law.distance <= REACH[self.averages.exact] ** 2)
        return law.thinned(self._admissible(law.points))

    def _over(self, points: np.ndarray) -> np.ndarray:
        """Averages at points (Q, J), remembered: channels have the points of all effects."""
        key = points.tobytes()
        if key not in self.averages.memo:
            V = self.fit.vcov.to_numpy()[np.ix_(self.places, self.places)]
            if _full_rank(V):
                root = np.linalg.cholesky(V)
                z = np.linalg.solve(root, (points - self.rho).T)
                self.averages.memo[key] = self.averages.over(self.rho, root, float(np.abs(z).max()))(points)
            else:
                self.averages.memo[key] = self.averages.many(points)
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


def _full_rank(V: np.ndarray) -> bool:
    """Not so the covariance that few periods or groups leave of more parameters than these are."""
    scale = 1 / np.sqrt(np.maximum(np.diag(V), np.finfo(float).tiny))
    values = np.linalg.eigvalsh(V * np.outer(scale, scale))
    return bool(values[0] > RANK * values[-1])


@dataclass(frozen=True, eq=False)
class RegimeSource(SeveralSource):
    """Some of the effects by regime as functions of a fit's parameters."""

    fit: RegimesRecord  # type: ignore[assignment]
    averages: RegimeAverages  # type: ignore[assignment]

    def likelihood(self, picks: np.ndarray, level: float):
        raise SpatialInputError("E501", "method='likelihood' is for models without regimes", hint="method='quadrature'")

    @property
    def places(self) -> np.ndarray:
        first = len(self.fit._sample.names)
        return np.arange(first, first + self.fit.n_rhos)

    @property
    def many_nodes(self) -> bool:
        return self.averages.exact and (len(self.places) < 2 or self.averages.n <= DIRECT_MAX)

    def errors(self, picks: np.ndarray) -> np.ndarray:
        """By the delta method: exact derivatives by the coefficients, central differences by rho."""
        params, rho = self.fit.params.to_numpy(), self.rho
        slopes = np.einsum("kj,kvp->jvp", self.averages.at(rho)[:, self.which], picks)
        for j, place in enumerate(self.places):
            step = np.zeros(len(rho))
            step[j] = STEP / (self.averages.logdet.row_norms[j] or 1.0)
            ahead, behind = (self._of(params, self.averages.at(rho + s), picks) for s in (step, -step))
            slopes[:, :, place] += (ahead - behind) / (2 * step[j])
        return np.sqrt(np.einsum("jvp,pq,jvq->jv", slopes, self.fit.vcov.to_numpy(), slopes))

    def _admissible(self, points: np.ndarray) -> np.ndarray:
        if not len(self.places):
            return np.ones(len(points), dtype=bool)
        L = self.averages.logdet
        inside = L.bounds(points) < 1
        if inside.all() or points.shape[1] == 1:
            return inside if inside.all() else super()._admissible(points)
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
