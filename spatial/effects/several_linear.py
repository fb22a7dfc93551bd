"""What is linear in the coefficients given rho_1, rho_2 ..., of models with several W or regimes: slopes, contrasts,
effects by group, responses to a change, average predictions.

Each is sum_k m_k(rho) (picks_k theta), as with one rho (``emitted``, ``averaged``). With S = A^-1 sum_k c_k P_k
(``operators``) m_k are weighted sums over units of the diagonals and column sums of A^-1 P_k, or A^-1 P_k times the
change. Their distribution is the mixture over all rho.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.design import Design, spatial_lag
from ..design.fixed_effects import NO_EFFECTS
from ..design.moving import lag_effects
from ..design.regimes import matrices_of
from ..design.unsplit import split_columns
from ..logdet.regimes import logdet_of_rows
from ..logdet.several import SeveralLogdet
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from .average import DENSE_MAX
from .linear import Law, with_constant
from .mixture import Inference, settled
from .nodes import given_nothing
from .operators import Several, lags_of, own_passages, passages, selectors_of
from .regressors import held_by_effects, sample_columns
from .several_averages import SeveralAverages, factor
from .several_source import RegimeSource, SeveralSource

EMPTY = np.empty(0)


@dataclass(frozen=True, eq=False)
class LinearAverages(SeveralAverages):
    """Functions of rho that need A^-1 itself; ``matrices`` are what every rho multiplies.

    Attributes
    ----------
    by_regime : int
        Of how many W these are the rows by regime; 0 without regimes.
    """

    by_regime: int = 0

    @cached_property
    def logdet(self) -> SeveralLogdet:
        return logdet_of_rows(self.matrices, self.by_regime) if self.by_regime else SeveralLogdet(self.matrices)

    @property
    def _dense(self) -> bool:
        return True

    def at(self, rho: np.ndarray, gradient: np.ndarray | None = None) -> np.ndarray:
        return self.many(np.asarray(rho, dtype=float)[None])[0]

    def inverses(self, points: np.ndarray) -> np.ndarray:
        """A^-1 at points (Q, J): (Q, N, N)."""
        A = np.broadcast_to(np.eye(self.n), (len(points), self.n, self.n)).copy()
        for rho, W in zip(points.T, self.matrices):
            A -= rho[:, None, None] * W.toarray()
        return np.linalg.inv(A) if self.matrices else A


@dataclass(frozen=True, eq=False)
class EmittedAverages(LinearAverages):
    """Of what units emit: (Q, terms K, 3 s), direct, indirect and total effects of s averages.

    Attributes
    ----------
    passages : P_1 ... P_K
    weights : (s, terms, N), what the change does to each term in each unit, times the unit's share
    """

    passages: tuple[sparse.csr_array, ...] = ()
    weights: np.ndarray = field(default_factory=lambda: EMPTY, repr=False)

    @property
    def n(self) -> int:
        return self.passages[0].shape[0]

    def _solved(self, points: np.ndarray):  # type: ignore[override]
        """Diagonals and column sums of A^-1 P_k, (Q, K, N) each."""
        Z = self.inverses(points)
        diagonals, sums, columns = [], [], Z.sum(axis=1)
        for P in map(sparse.coo_array, self.passages):
            i, j = P.coords
            by_column = sparse.csr_array((np.ones(len(j)), (np.arange(len(j)), j)), shape=(len(j), self.n))
            diagonals.append((Z[:, j, i] * P.data) @ by_column)
            sums.append(columns @ P)
        return np.stack(diagonals, axis=1), np.stack(sums, axis=1)

    def _put_together(self, points, diagonals, sums) -> np.ndarray:  # type: ignore[override]
        direct, total = (np.einsum("qrn,stn->qtrs", by_unit, self.weights, optimize=True)
                         for by_unit in (diagonals, sums))  # fmt: skip
        both = np.concatenate([direct, total - direct, total], axis=3)
        return both.reshape(len(points), -1, both.shape[3])


@dataclass(frozen=True, eq=False)
class RespondedAverages(LinearAverages):
    """Of responses to a change: (Q, K, E), what ``read`` takes from A^-1 P_k V.

    Attributes
    ----------
    right : (K, N, m), P_k V
    read : linear function of responses (N, m) to (E,)
    """

    right: np.ndarray = field(default_factory=lambda: EMPTY, repr=False)
    read: Callable[[np.ndarray], np.ndarray] = field(default=np.ravel, repr=False)

    @property
    def n(self) -> int:
        return self.right.shape[1]

    def many(self, points: np.ndarray) -> np.ndarray:
        K, N, m = self.right.shape
        together = np.moveaxis(self.right, 0, 1).reshape(N, K * m)
        out = []
        for rho in points:
            if not self.matrices:
                solved = together
            elif self.logdet.dense:
                solved = np.linalg.solve(np.eye(N) - sum(r * W for r, W in zip(rho, self._full)), together)
            else:
                solved = factor(sparse.csr_array(sum(r * W for r, W in zip(rho, self.matrices)))).solve(together)
            out.append([self.read(one) for one in np.moveaxis(solved.reshape(N, K, m), 1, 0)])
        return np.array(out)

    @cached_property
    def _full(self) -> list[np.ndarray]:
        return [W.toarray() for W in self.matrices]


@dataclass(frozen=True, eq=False)
class PredictedAverages(LinearAverages):
    """Of predictions: (Q, K + 1, s), what each coefficient brings, and what needs none.

    Attributes
    ----------
    shares : (s, T, N);  columns : (s, T, N, K + 1 + J), the regressors, what needs no coefficient, and -W_j y of every
        lag
    """

    shares: np.ndarray = field(default_factory=lambda: EMPTY, repr=False)
    columns: np.ndarray = field(default_factory=lambda: EMPTY, repr=False)

    @property
    def n(self) -> int:
        return self.shares.shape[2]

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
    fit: Several, names: Sequence[str], weights: np.ndarray, level: float
) -> tuple[Law | None, Inference]:
    """As ``emitted.emitted``, with weights (s, K, N) or, with an offset, (s, K + 1, N)."""
    _refuse_large(fit)
    own = selectors_of(fit, names)
    picks = own.swapaxes(0, 1).reshape(-1, 1, own.shape[2])
    if weights.shape[1] > len(names):  # the offset, whose coefficient is 1
        picks = np.pad(picks, [(0, len(own)), (0, 0), (0, 1)])
        first = len(picks) - len(own)
        picks[first : first + own_passages(fit), 0, -1] = 1
    averages = EmittedAverages(**_lags(fit), passages=passages(fit), weights=weights)
    law, inference = _inferred(fit, averages, picks, level)
    return law, inference.reshaped(3, len(weights))


def responded_by_several(
    fit: Several, term: str, change: np.ndarray, read: Callable[[np.ndarray], np.ndarray], level: float, period=None
) -> tuple[Law | None, Inference]:
    """What ``read`` takes from the responses (N, m) to a change (N, m) of a term, where W varies in one period."""
    right = np.array([P @ change for P in passages(fit, period)])
    averages = RespondedAverages(**_lags(fit, period), right=right, read=read)
    return _inferred(fit, averages, selectors_of(fit, [term]), level)


def predicted_by_several(fit: Several, cases: list, level: float) -> tuple[Law | None, Inference]:
    """As ``averaged._infer``: a case has its shares of rows (m,), regressors (T, N, k) and offset (T, N)."""
    _refuse_large(fit)
    d, effects = fit._design, fit._settings.effects
    sampled = _sampled(fit)
    held = held_by_effects(d, effects, sampled.columns_at(None), sampled.own)
    constant = held_by_effects(d, effects, d.y, d.y)
    lagged = [-held_by_effects(d, effects, *lag) for lag in sampled.lags]
    columns = [np.concatenate([sampled.columns_at(X) - held, np.stack([constant + offset, *lagged], axis=-1)], axis=-1)
               for _, X, offset in cases]  # fmt: skip
    shares = np.array([share for share, *_ in cases])
    if d.weights.varies:  # one system over all rows
        shares, columns = shares[:, None], [d.rows(one)[None] for one in columns]
    else:
        shares = shares.reshape(len(cases), *d.y.shape)
    names, p = sampled.names, len(fit.params)
    picks = np.zeros((len(names) + 1, 1, p + 1))
    picks[np.arange(len(names)), 0, fit.params.index.get_indexer(pd.Index(names))] = 1
    picks[-1, 0, -1] = 1
    return _inferred(fit, PredictedAverages(**_lags(fit), shares=shares, columns=np.array(columns)), picks, level)


@dataclass(frozen=True)
class Sampled:
    """The regressors of a fit: names of the coefficients; their columns (T, N, K) at other regressors, or at those of
    the sample for None; these as the model lags them; and W_j y of every rho, whole and of deviations from period
    means."""

    names: Sequence[str]
    columns_at: Callable[[np.ndarray | None], np.ndarray]
    own: np.ndarray
    lags: list[tuple[np.ndarray, np.ndarray]]


def _sampled(fit: Several) -> Sampled:
    d, effects = fit._design, fit._settings.effects
    lagging = lag_effects(d, effects)
    if isinstance(fit, SeveralRecord):
        names, W = fit._sample.names, [matrices_of(d)[m] for m in fit._design.weights.lag]
        return Sampled(names, lambda X: sample_columns(d if X is None else replace(d, X=X), names, NO_EFFECTS),
                       sample_columns(d, names, effects),
                       [(spatial_lag(w, d.outcome), d.lag(d.outcome, lagging, w)) for w in W])  # fmt: skip
    assert isinstance(fit, RegimesRecord)

    def columns(there: Design) -> np.ndarray:
        return sample_columns(there, fit._sample.names, effects)

    own = fit.n_rhos > len(fit.lag_matrices)
    members = fit.split.members if own else np.ones((1, d.n_units), dtype=bool)
    W = [matrices_of(d)[m] for m in fit.lag_matrices]
    each = [(spatial_lag(w, d.outcome), d.lag(d.outcome, lagging, w)) for w in W]
    return Sampled(fit._sample.names, lambda X: columns(replace(d, X=split_columns(fit._design, X))), columns(d),
                   [(np.where(m, whole, 0.0), np.where(m, lagged, 0.0)) for whole, lagged in each for m in members])


def _lags(fit: Several, period=None) -> dict:
    """What every rho multiplies, for ``LinearAverages``."""
    matrices = lags_of(fit, period)
    split = 0 if isinstance(fit, SeveralRecord) else max(len(fit.lag_matrices), 1)
    return {"matrices": matrices, "lag": tuple(range(len(matrices))), "by_regime": split}


def _refuse_large(fit: Several) -> None:
    """E309 beyond 5,000 units, or rows where W varies."""
    if (n := fit._design.nobs if fit._design.weights.varies else fit._design.n_units) > DENSE_MAX:
        raise SpatialInputError("E309", f"slopes and predictions of several rho need dense {n:,} x {n:,} matrices", n=n,
                                hint="fit.effects(), which has no such limit")  # fmt: skip


def _inferred(fit: Several, averages: LinearAverages, picks: np.ndarray, level: float):
    """The law at nodes of all rho, and estimates with intervals, standard errors and p."""
    source = (SeveralSource if isinstance(fit, SeveralRecord) else RegimeSource)(fit, averages, slice(None))  # type: ignore[arg-type]
    params, V = with_constant(fit.params.to_numpy(), fit.vcov.to_numpy(), picks.shape[-1])
    at = averages.at(source.rho)  # (K, J)
    estimates, J = (np.einsum("kj,kv->jv", at, picks @ params)).ravel(), len(source.places)
    if not np.isfinite(V).all():
        return None, Inference(estimates, *np.full((5, len(estimates)), np.nan))
    if not J:
        law = Law(given_nothing(params, V, fit.df_resid), at[None], picks)
    else:
        nodes, curves = source.nodes(params, V)
        law = Law(nodes, curves, picks)
    return law, settled(lambda _: law.mixture, estimates, level, 1, 1)[1]
