"""A = I - C and B = I - D of models with several rho or lambda: C = sum_j rho_j W_j, or diag(rho_r(i)) W by regime, or
sum_j diag(rho_j,r(i)) W_j.

Responses to a regressor are S = A^-1 sum_k c_k P_k. With several W c = (beta, theta_1 ... theta_M) and P = I, W_1 ...
W_M; by regime c = (beta_1 ... beta_G, theta_1 ... theta_G) and P = 1_1 ... 1_G, 1_1 W ... 1_G W, 1_r the units of
regime r, then the rows of W^2, or of W_2 ... in place of those of W.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..design.regimes import matrices_of
from ..logdet.regimes import rows_by_regime
from ..logdet.several import DENSE_MAX, DENSE_SHARE
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from .several_averages import factor

Several = SeveralRecord | RegimesRecord


def operators(fit: Several, t: int = 0) -> tuple[sparse.csr_array, sparse.csr_array]:
    """C and D of the fitted units, in period t where W varies: who is not observed then has no links."""
    d, T = fit._design, fit._design.n_periods
    each = [w.each(T)[t].csr if w.varies else w.csr for w in matrices_of(d)]
    if isinstance(fit, SeveralRecord):
        return combined(fit, each)
    return by_regime(fit, each, each if d.error_weights is None else [d.error_weights.each(T)[t].csr], fit.split.codes)


def each_period(fit: Several, apply: Callable, *values: np.ndarray) -> np.ndarray:
    """apply(C, D, v ...) of (T, N) arrays v, (N, columns) each: of all periods at once, or one by one where W varies.
    Who is not observed counts as zero."""
    if not fit._design.varies:
        return apply(*operators(fit), *(v.T for v in values)).T
    filled = [np.nan_to_num(v) for v in values]
    rows = [apply(*operators(fit, t), *(v[t, :, None] for v in filled))[:, 0] for t in range(len(filled[0]))]
    return np.where(np.isnan(fit._design.y), np.nan, np.array(rows))


def combined(fit: SeveralRecord, matrices: Sequence[sparse.csr_array]) -> tuple[sparse.csr_array, sparse.csr_array]:
    """C and D of these W, in the order of the fit's."""
    weights, none = fit._design.weights, sparse.csr_array(matrices[0].shape)
    sums = [sum((value * matrices[m] for value, m in zip(values, used)), none)
            for values, used in ((fit.rhos, weights.lag), (fit.lambdas, weights.error))]  # fmt: skip
    return sparse.csr_array(sums[0]), sparse.csr_array(sums[1])


def by_regime(fit: RegimesRecord, matrices, of_error, codes: np.ndarray) -> tuple[sparse.csr_array, sparse.csr_array]:
    """C and D where the units belong to these regimes, under these W and M."""
    none, sums = sparse.csr_array(matrices[0].shape), []
    for values, used, each in ((fit.rhos_by_weights, fit.lag_matrices, matrices),
                               (fit.lambdas_by_weights, fit.error_matrices, of_error)):  # fmt: skip
        own = zip(values.values(), used)
        sums.append(sum((sparse.diags_array(fit.of_regimes(one, codes)) @ each[m] for one, m in own), none))
    return sparse.csr_array(sums[0]), sparse.csr_array(sums[1])


def lags_of(fit: Several, period=None) -> tuple[sparse.csr_array, ...]:
    """What every rho multiplies: W_m, or 1_r W_m; empty of a model without W y. Where W varies that of one period, over
    the units observed in it, or block diagonal over all rows."""
    matrices = matrices_of(fit._design)
    if isinstance(fit, SeveralRecord):
        return tuple(matrix_of(fit, matrices[m], period) for m in fit._design.weights.lag)
    codes = codes_of(fit, period) if fit.n_rhos > len(fit.lag_matrices) else None
    whole = [matrix_of(fit, matrices[m], period) for m in fit.lag_matrices]
    return tuple(part for W in whole for part in rows_by_regime(W, codes, len(fit.split.labels)))


def passages(fit: Several, period=None) -> tuple[sparse.csr_array, ...]:
    """P_1 ... P_K, likewise."""
    matrices = [matrix_of(fit, w, period) for w in matrices_of(fit._design)]
    eye = sparse.eye_array(matrices[0].shape[0], format="csr")
    if isinstance(fit, SeveralRecord):
        return (eye, *matrices)
    codes = codes_of(fit, period)
    whole = (eye, *paths_of(fit, matrices))
    return tuple(part for P in whole for part in rows_by_regime(P, codes, len(fit.split.labels)))


def paths_of(fit: RegimesRecord, matrices: Sequence[sparse.csr_array]) -> tuple[sparse.csr_array, ...]:
    """W, then W^2 where it lags regressors; W_1, W_2 ... of several."""
    return tuple(sparse.csr_array(reduce(operator.matmul, (matrices[m] for m in path))) for path in fit.paths)


def matrix_of(fit: Several, w: SpatialWeights | TemporalWeights, period=None) -> sparse.csr_array:
    """W; where the weights of the fit vary that of a period over the units observed in it, or of all rows."""
    d = fit._design
    if not d.weights.varies:
        return w.csr
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    each = [one.csr[at][:, at] for one, at in zip(w.each(d.n_periods), there)]
    if period is not None:
        return each[d.periods.tolist().index(period)]
    return sparse.csr_array(sparse.block_diag(each, format="csr"))


def codes_of(fit: RegimesRecord, period=None) -> np.ndarray:
    """The regimes of the rows of ``matrix_of``."""
    d, codes = fit._design, fit.split.codes
    if not d.weights.varies:
        return codes
    if period is not None:
        return codes if d.observed is None else codes[d.observed[d.periods.tolist().index(period)]]
    return d.rows(np.broadcast_to(codes, d.y.shape))


def own_passages(fit: Several) -> int:
    """How many of them, the first ones, lag nothing: they sum to I."""
    return 1 if isinstance(fit, SeveralRecord) else len(fit.split.labels)


def selectors_of(fit: Several, variables) -> np.ndarray:
    """(K, V, p): what picks c of each variable out of the parameters; 0 where absent."""
    return several_selectors(fit, variables) if isinstance(fit, SeveralRecord) else regime_selectors(fit, variables)


def solve(fit: Several, right: np.ndarray, period=None) -> np.ndarray:
    """A^-1 right, (N, ...); where W varies that of one period, over the units observed in it."""
    if not fit.specification.lag:
        return right
    lags = zip(fit.rhos, lags_of(fit, period))
    return solved(sparse.csr_array(sum(value * W for value, W in lags)), right)


def refuse_later(fit, what: str) -> None:
    """E324: what follows the period of a change is in the effects of models with several W or regimes alone."""
    if isinstance(fit, SeveralRecord | RegimesRecord):
        raise SpatialInputError("E324", f"{what} is there for models with one W, the same everywhere",
                                hint="fit.effects(): long_run and path(horizon)")


def solved(C: sparse.csr_array, right: np.ndarray) -> np.ndarray:
    """(I - C)^-1 right."""
    n = C.shape[0]
    if n <= DENSE_MAX or C.nnz > DENSE_SHARE * n**2:
        return np.linalg.solve(np.eye(n) - C.toarray(), right)
    return factor(C).solve(np.asarray(right, dtype=float))


def several_selectors(fit: SeveralRecord, variables) -> np.ndarray:
    """(1 + M, V, p): what picks beta, theta_1 ... theta_M out of the parameters; 0 where absent."""
    place = {name: i for i, name in enumerate(fit.params.index.tolist())}
    picks = np.zeros((1 + len(fit._design.weights.matrices), len(variables), len(place)))
    for row, name in enumerate(variables):
        for k in range(len(picks)):
            if (term := f"W_{k}:{name}" if k else name) in place:
                picks[k, row, place[term]] = 1
    return picks


def regime_selectors(fit: RegimesRecord, variables) -> np.ndarray:
    """(K G, V, p): what picks beta_1 ... beta_G, theta_1 ... theta_G out of the parameters, theta of every path of W;
    0 where absent."""
    place, G = {name: i for i, name in enumerate(fit.params.index.tolist())}, len(fit.split.labels)
    paths = [(), *fit.paths]
    picks = np.zeros((len(paths) * G, len(variables), len(place)))
    for row, variable in enumerate(variables):
        for k, path in enumerate(paths):
            names = fit.split.columns.get(fit.split.lag_of(variable, path), ())
            for g in range(G) if names else ():
                picks[k * G + g, row, place[names[g] if len(names) > 1 else names[0]]] = 1
    return picks
