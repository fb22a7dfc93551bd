"""A = I - C and B = I - D of models with several rho or lambda: C = sum_j rho_j W_j, or diag(rho_r(i)) W by regime.

Responses to a regressor are S = A^-1 sum_k c_k P_k. With several W c = (beta, theta_1 ... theta_M) and P = I, W_1 ...
W_M; by regime c = (beta_1 ... beta_G, theta_1 ... theta_G) and P = 1_1 ... 1_G, 1_1 W ... 1_G W, 1_r the units of
regime r.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..logdet.regimes import rows_of
from ..logdet.several import DENSE_MAX, DENSE_SHARE
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from .several_averages import factor

Several = SeveralRecord | RegimesRecord


def operators(fit: Several, t: int = 0) -> tuple[sparse.csr_array, sparse.csr_array]:
    """C and D of the fitted units, in period t where W varies: who is not observed then has no links."""
    d, T = fit._design, fit._design.n_periods
    if isinstance(fit, SeveralRecord):
        return combined(fit, [w.each(T)[t].csr if w.varies else w.csr for w in fit._design.weights.matrices])
    W, M = (w.each(T)[t].csr for w in (d.weights, d.weights_of_error))
    return by_regime(fit, W, M, fit.split.codes)


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


def by_regime(fit: RegimesRecord, W, M, codes: np.ndarray) -> tuple[sparse.csr_array, sparse.csr_array]:
    """C and D where the units belong to these regimes."""
    of_units = (sparse.diags_array(fit.of_regimes(values, codes)) for values in (fit.rhos, fit.lambdas))
    rho, lam = of_units
    return sparse.csr_array(rho @ W), sparse.csr_array(lam @ M)


def lags_of(fit: Several, period=None) -> tuple[sparse.csr_array, ...]:
    """What every rho multiplies: W_m, or 1_r W; empty of a model without W y. Where W varies that of one period, over
    the units observed in it, or block diagonal over all rows."""
    if isinstance(fit, SeveralRecord):
        return tuple(matrix_of(fit, fit._design.weights.matrices[m], period) for m in fit._design.weights.lag)
    W, G = matrix_of(fit, fit._design.weights, period), fit.n_rhos
    codes = codes_of(fit, period)
    return tuple(rows_of(W, codes == g) for g in range(G)) if G > 1 else (W,) * G


def passages(fit: Several, period=None) -> tuple[sparse.csr_array, ...]:
    """P_1 ... P_K, likewise."""
    if isinstance(fit, SeveralRecord):
        matrices = [matrix_of(fit, w, period) for w in fit._design.weights.matrices]
        return (sparse.eye_array(matrices[0].shape[0], format="csr"), *matrices)
    W, codes = matrix_of(fit, fit._design.weights, period), codes_of(fit, period)
    groups = [codes == g for g in range(len(fit.split.labels))]
    own = [sparse.csr_array(sparse.diags_array(members.astype(float))) for members in groups]
    return (*own, *(rows_of(W, members) for members in groups))


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
    """(2 G, V, p): what picks beta_1 ... beta_G, theta_1 ... theta_G out of the parameters; 0 where absent."""
    place, G = {name: i for i, name in enumerate(fit.params.index.tolist())}, len(fit.split.labels)
    picks = np.zeros((2 * G, len(variables), len(place)))
    for row, variable in enumerate(variables):
        for start, term in ((0, variable), (G, f"W:{variable}")):
            names = fit.split.columns.get(term, ())
            for g in range(G) if names else ():
                picks[start + g, row, place[names[g] if len(names) > 1 else names[0]]] = 1
    return picks
