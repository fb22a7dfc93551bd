"""Slopes, contrasts, effects by group and average predictions of models with several W.

Given rho_1, rho_2 ... each is sum_k m_k(rho) (picks_k theta), as with one W (``emitted``, ``averaged``): what beta and
theta_1 ... theta_M of a term bring are weighted sums over units of the diagonals and column sums of A^-1 and A^-1 W_m.
Their distribution is the mixture over all rho.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.design import spatial_lag
from ..design.several import several_regressors
from ..records.several import SeveralRecord
from .average import DENSE_MAX
from .linear import Law, with_constant
from .mixture import Inference, settled
from .nodes import given_nothing
from .regressors import held_by_effects
from .several_averages import SeveralAverages
from .several_source import SeveralSource

EMPTY = np.empty(0)


@dataclass(frozen=True, eq=False)
class DenseAverages(SeveralAverages):
    """Functions of rho that need the inverse itself."""

    @property
    def _dense(self) -> bool:
        return True

    def at(self, rho: np.ndarray, gradient: np.ndarray | None = None) -> np.ndarray:
        return self.many(np.asarray(rho, dtype=float)[None])[0]

    def inverses(self, points: np.ndarray) -> np.ndarray:
        """A^-1 at points (Q, J): (Q, N, N)."""
        A = np.broadcast_to(np.eye(self.n), (len(points), self.n, self.n)).copy()
        for rho, m in zip(points.T, self.lag):
            A -= rho[:, None, None] * self.matrices[m].toarray()
        return np.linalg.inv(A) if self.lag else A


@dataclass(frozen=True, eq=False)
class EmittedAverages(DenseAverages):
    """Of what units emit: (Q, terms (1 + M), 3 s), direct, indirect and total effects of s averages.

    Attributes
    ----------
    weights : (s, terms, N), what the change does to each term in each unit, times the unit's share
    """

    weights: np.ndarray = field(default_factory=lambda: EMPTY, repr=False)

    def _solved(self, points: np.ndarray):  # type: ignore[override]
        """Diagonals and column sums of A^-1 and A^-1 W_m, (Q, 1 + M, N) each."""
        Z = self.inverses(points)
        diagonals, sums = [np.diagonal(Z, axis1=1, axis2=2)], [Z.sum(axis=1)]
        for W in map(sparse.coo_array, self.matrices):
            i, j = W.coords
            by_column = sparse.csr_array((np.ones(len(j)), (np.arange(len(j)), j)), shape=(len(j), self.n))
            diagonals.append((Z[:, j, i] * W.data) @ by_column)
            sums.append(sums[0] @ W)
        return np.stack(diagonals, axis=1), np.stack(sums, axis=1)

    def _put_together(self, points, diagonals, sums) -> np.ndarray:  # type: ignore[override]
        direct, total = (np.einsum("qrn,stn->qtrs", by_unit, self.weights, optimize=True)
                         for by_unit in (diagonals, sums))  # fmt: skip
        both = np.concatenate([direct, total - direct, total], axis=3)
        return both.reshape(len(points), -1, both.shape[3])


@dataclass(frozen=True, eq=False)
class PredictedAverages(DenseAverages):
    """Of predictions: (Q, K + 1, s), what each coefficient brings, and what needs none.

    Attributes
    ----------
    shares : (s, T, N);  columns : (s, T, N, K + 1 + J), the regressors, what needs no coefficient, and -W_j y of every
        lag
    """

    shares: np.ndarray = field(default_factory=lambda: EMPTY, repr=False)
    columns: np.ndarray = field(default_factory=lambda: EMPTY, repr=False)

    def _solved(self, points: np.ndarray):  # type: ignore[override]
        h = np.einsum("stn,qnm->qstm", self.shares, self.inverses(points), optimize=True)
        return (np.einsum("qstm,stmk->qks", h, self.columns, optimize=True),)

    def _put_together(self, points, sums) -> np.ndarray:  # type: ignore[override]
        J = points.shape[1]
        K = sums.shape[1] - J
        out = sums[:, :K].copy()
        out[:, -1] += np.einsum("qj,qjs->qs", points, sums[:, K:])
        return out


def emitted_by_several(
    fit: SeveralRecord, names: Sequence[str], weights: np.ndarray, level: float
) -> tuple[Law | None, Inference]:
    """As ``emitted.emitted``, with weights (s, K, N) or, with an offset, (s, K + 1, N)."""
    from .several import several_selectors

    own = several_selectors(fit, names)  # (1 + M, K, p)
    picks = own.swapaxes(0, 1).reshape(-1, 1, own.shape[2])
    if weights.shape[1] > len(names):  # the offset, whose coefficient is 1
        picks = np.pad(picks, [(0, len(own)), (0, 0), (0, 1)])
        picks[-len(own), 0, -1] = 1
    averages = EmittedAverages(_matrices(fit), fit._design.weights.lag, weights=weights)
    law, inference = _inferred(fit, averages, picks, level)
    return law, inference.reshaped(3, len(weights))


def predicted_by_several(fit: SeveralRecord, cases: list, level: float) -> tuple[Law | None, Inference]:
    """As ``averaged._infer``: a case has its shares of rows (m,), regressors (T, N, k) and offset (T, N)."""
    d, effects = fit._design, fit._settings.effects
    own, names = several_regressors(d, effects)
    held = held_by_effects(d, effects, several_regressors(d, effects, centered=False)[0], own)
    constant, lags = held_by_effects(d, effects, d.y, d.y), [d.weights.matrices[m] for m in d.weights.lag]
    lagged = [-held_by_effects(d, effects, spatial_lag(w, d.outcome), d.lag(d.outcome, effects, w)) for w in lags]
    columns = [np.concatenate([several_regressors(replace(d, X=X), effects, centered=False)[0] - held,
                               np.stack([constant + offset, *lagged], axis=-1)], axis=-1)
               for _, X, offset in cases]  # fmt: skip
    shares = np.array([share for share, *_ in cases]).reshape(len(cases), *d.y.shape)
    p = len(fit.params)
    picks = np.zeros((len(names) + 1, 1, p + 1))
    picks[np.arange(len(names)), 0, fit.params.index.get_indexer(pd.Index(names))] = 1
    picks[-1, 0, -1] = 1
    averages = PredictedAverages(_matrices(fit), d.weights.lag, shares=shares, columns=np.array(columns))
    return _inferred(fit, averages, picks, level)


def _matrices(fit: SeveralRecord) -> tuple[sparse.csr_array, ...]:
    """The W of the model.

    Raises
    ------
    SpatialInputError
        E309 beyond 5,000 units.
    """
    weights = fit._design.weights
    if weights.n > DENSE_MAX:
        raise SpatialInputError("E309", f"slopes and predictions of several W need dense {weights.n:,} x {weights.n:,} "
                                "matrices", n=weights.n, hint="fit.effects(), which has no such limit")  # fmt: skip
    return tuple(w.csr for w in weights.matrices)


def _inferred(fit: SeveralRecord, averages: DenseAverages, picks: np.ndarray, level: float):
    """The law at nodes of all rho, and estimates with intervals, standard errors and p."""
    source = SeveralSource(fit, averages, slice(None))
    params, V = with_constant(fit.params.to_numpy(), fit.vcov.to_numpy(), picks.shape[-1])
    estimates, J = (picks[:, 0] @ params) @ averages.at(source.rho), len(source.places)
    if not np.isfinite(V).all():
        return None, Inference(estimates, *np.full((5, len(estimates)), np.nan))
    if not J:
        law = Law(given_nothing(params, V, fit.df_resid), averages.at(source.rho)[None], picks)
    else:
        nodes, curves = source.nodes(params, V)
        law = Law(nodes, curves, picks)
    return law, settled(lambda _: law.mixture, estimates, level, 1, 1)[1]
