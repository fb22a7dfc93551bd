"""All rows of a model as one linear system, its fixed effects as dummies beside X: what adjusted scores are made of.

    y = sum_j rho_j W_j y + X beta + D a + u,    u = sum_l lambda_l M_l u + e

W_j and M_l are block diagonal, one dense block for each period. Unit effects of a balanced panel under the same W in
all periods leave beforehand by contrasts of time (Lee & Yu 2010); others, and period effects, are columns of D.
Observations with weights: rows times their roots, and D^1/2 W D^-1/2 (``obs_weights``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.linalg import helmert

from spillover.errors import SpatialInputError

from ..logdet.regimes import rows_by_regime
from .carried import effect_dummies
from .design import Design
from .fixed_effects import NO_EFFECTS, FixedEffects
from .moving import as_lagged
from .regimes import RegimeDesign
from .regimes_sample import weights_by_role
from .sample import own_columns, regressor_columns
from .several import SeveralDesign, several_regressors
from .specification import Specification

UNITS_MAX, DUMMIES_MAX = 5_000, 800


@dataclass(frozen=True, eq=False)
class Stacked:
    """Rows period by period.

    Attributes
    ----------
    y : (m,);  lags : (m, J), W_j y
    Z : (m, K), X and behind it the dummies of the effects
    lagged : (L, m, 1 + J + K), M_l of [y, lags, Z]
    k : int, columns of X
    W, M : tuples, for each period J and L arrays (n_t, n_t)
    units : (m,) of int, the unit of every row
    contrasts : (S, T), those of time that the rows are, or None
    """

    y: np.ndarray = field(repr=False)
    lags: np.ndarray = field(repr=False)
    Z: np.ndarray = field(repr=False)
    lagged: np.ndarray = field(repr=False)
    k: int
    W: tuple[tuple[np.ndarray, ...], ...] = field(repr=False)
    M: tuple[tuple[np.ndarray, ...], ...] = field(repr=False)
    units: np.ndarray = field(repr=False)
    contrasts: np.ndarray | None = field(default=None, repr=False)

    @property
    def starts(self) -> np.ndarray:
        """Where the rows of each period begin."""
        sizes = [len(blocks[0]) for blocks in (self.W if self.W[0] else self.M)]
        return np.concatenate([[0], np.cumsum(sizes)])

    @cached_property
    def M_transposed(self) -> tuple[tuple[np.ndarray, ...], ...]:
        """M_l' of every period."""
        seen = {id(own): tuple(one.T for one in own) for own in self.M}
        return tuple(seen[id(own)] for own in self.M)

    def in_periods(self, rows: np.ndarray) -> np.ndarray:
        """(m,) as values of every period and unit: contrasts of time turned back."""
        if self.contrasts is None:
            return rows
        return (self.contrasts.T @ rows.reshape(len(self.contrasts), -1)).ravel()


def stacked(
    specification: Specification, d: Design, effects: FixedEffects, *, turned: bool = True,
    over_time: tuple[np.ndarray, np.ndarray] | None = None,
) -> Stacked:  # fmt: skip
    """The system of a design.

    Parameters
    ----------
    turned : bool
        Whether unit effects leave by contrasts of time where they can.
    over_time : (K, contrasts), optional
        What periods are filtered by, (S, T), unit effects out, and what turns S filtered periods back: of a balanced
        panel under the same W in all periods.

    Raises
    ------
    SpatialInputError
        E309 above 5,000 units, or 800 effects that stay.
    """
    X, lag, error = _terms(specification, d, effects)
    T, N = d.y.shape
    if N > UNITS_MAX:
        raise SpatialInputError("E309", f"adjusted scores of this model need dense {N:,} x {N:,} matrices", n=N,
                                hint="method='ml'")  # fmt: skip
    there = np.ones((T, N), dtype=bool) if d.observed is None else d.observed
    same = d.observed is None and not d.varies and (d.obs_weights is None or d.obs_weights.fixed)
    contrasts = filtered = helmert(T) if turned and same and effects.entity else None
    if over_time is not None:
        filtered, contrasts = over_time
    D = _dummies(d, effects, contrasts)
    root = np.ones((T, N)) if d.obs_weights is None else np.nan_to_num(d.obs_weights.root, nan=1.0)
    # 1. Blocks of every period, one for all where they are the same.
    W, M = (_blocks(each, there, root) for each in (lag, error))
    # 2. Columns, in the order of the rows.
    rows = np.column_stack([d.rows(d.outcome), d.rows(d.y), d.rows(X)]) * d.root[:, None]
    if contrasts is not None:
        assert filtered is not None
        S = len(contrasts)
        rows = np.einsum("at,tnk->ank", filtered, rows.reshape(T, N, -1)).reshape(S * N, -1)
        W, M = W[:S], M[:S]
    outcome, y, Z = rows[:, 0], rows[:, 1], np.column_stack([rows[:, 2:], D])
    units = np.nonzero(there)[1] if contrasts is None else np.tile(np.arange(N), len(contrasts))
    bare = Stacked(y, np.empty((len(y), 0)), Z, np.empty((0, *Z.shape)), X.shape[2], W, M, units, contrasts)
    lags = np.column_stack([np.empty((len(y), 0)), *(times(bare, W, j, outcome[:, None]) for j in range(len(W[0])))])
    whole = np.column_stack([y, lags, Z])
    lagged = np.array([times(bare, M, place, whole) for place in range(len(M[0]))]).reshape(-1, *whole.shape)
    return replace(bare, lags=lags, lagged=lagged)


def times(s: Stacked, matrices, j: int, values: np.ndarray) -> np.ndarray:
    """The j-th matrix of every period times rows (m, p)."""
    starts = s.starts
    return np.concatenate([own[j] @ values[a:b] for own, a, b in zip(matrices, starts, starts[1:])])


def demeaned(specification: Specification, d: Design, effects: FixedEffects, **columns) -> Stacked:
    """The same of ``columns`` y, lags, Z, lagged and k that effects have left by demeaning, M lagging deviations from
    period means where its rows do not sum to one; of a balanced panel under the same W in all periods."""
    T, N = d.y.shape
    _, lag, error = _terms(specification, d, effects, centered=True)
    there, root = np.ones((T, N), dtype=bool), np.ones((T, N))
    W, M = (_blocks(each, there, root) for each in (lag, error))
    return Stacked(**columns, W=W, M=M, units=np.tile(np.arange(N), T))


def _terms(specification: Specification, d: Design, effects: FixedEffects, *, centered: bool = False):
    """X (T, N, k), and the W and M of every period as tuples of csr_array; ``centered`` where M lags deviations from
    period means too."""
    T = d.n_periods
    means = effects if centered else NO_EFFECTS
    if isinstance(d, RegimeDesign) and d.split is not None and d.spatial_regimes:
        split, X = d.split, d.X[:, :, own_columns(d, effects)]
        of_lag, of_error = weights_by_role(specification, d)
        if not d.several_rhos:
            of_lag = [as_lagged(w, effects) for w in of_lag]
        return X, *(_cut(each, T, split.codes, len(split.labels) if differs else 1)
                    for each, differs in ((of_lag, split.regimes.rho), (of_error, split.regimes.lam)))  # fmt: skip
    if isinstance(d, SeveralDesign):
        X, own = several_regressors(d, effects)[0], d.weights.matrices
        lag = [as_lagged(own[m], effects) for m in d.weights.lag]
        error = [as_lagged(own[m], means) for m in d.weights.error]
        return X, *(_each(part, T) for part in (lag, error))
    X, _ = regressor_columns(d, effects)
    lag = [as_lagged(d.weights, effects)] * specification.lag
    error = [as_lagged(d.weights_of_error, means)] * specification.error
    return X, _each(lag, T), _each(error, T)


def _each(weights, T: int) -> list[tuple]:
    """The matrices of every period."""
    return list(zip(*([one.csr for one in w.each(T)] for w in weights))) if weights else [()] * T


def _cut(weights, T: int, codes: np.ndarray, G: int) -> list[tuple]:
    """1_r W of every W and regime r, every W itself of one; the same objects where W is."""
    seen: dict[int, tuple] = {}
    out: list[tuple] = [()] * T
    for w in weights:
        for t, own in enumerate(w.each(T)):
            if id(own) not in seen:
                seen[id(own)] = rows_by_regime(own.csr, codes if G > 1 else None, G)
            out[t] = (*out[t], *seen[id(own)])
    return out


def _blocks(each: list[tuple], there: np.ndarray, root: np.ndarray) -> tuple[tuple[np.ndarray, ...], ...]:
    """Dense, among who is there, in units of the errors' deviations; the same objects where all of this is."""
    built: dict[tuple, tuple[np.ndarray, ...]] = {}
    out = []
    for own, at, r in zip(each, there, root):
        key = (*map(id, own), at.tobytes(), r.tobytes())
        if key not in built:
            built[key] = tuple(W[at][:, at].toarray() * (r[at, None] / r[at]) for W in own)
        out.append(built[key])
    return tuple(out)


def _dummies(d: Design, effects: FixedEffects, contrasts: np.ndarray | None) -> np.ndarray:
    """Of the effects that stay, (m, q)."""
    N = d.n_units
    if not effects.fixed:
        return np.empty((d.nobs, 0))
    if contrasts is not None:
        if not effects.time:
            return np.empty((len(contrasts) * N, 0))
        root = np.ones(N) if d.obs_weights is None else d.obs_weights.root[0]
        return np.kron(np.eye(len(contrasts)), root[:, None])
    D = effect_dummies(d, effects)[0]
    if D.shape[1] > DUMMIES_MAX:
        raise SpatialInputError("E309", f"adjusted scores of this model need dense matrices of all {D.shape[1]:,} "
                                f"effects, {DUMMIES_MAX} at most", n=D.shape[1],
                                hint="method='ml', or effects='time'")  # fmt: skip
    return D.toarray() * d.root[:, None]
