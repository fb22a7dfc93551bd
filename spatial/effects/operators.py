"""A = I - C and B = I - D of models with several rho or lambda: C = sum_j rho_j W_j, or diag(rho_r(i)) W by regime."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse

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


def solve(fit: Several, right: np.ndarray, period=None) -> np.ndarray:
    """A^-1 right, (N, ...); where W varies that of one period, over the units observed in it."""
    if not fit.specification.lag:
        return right
    d = fit._design
    t = 0 if period is None else d.periods.tolist().index(period)
    C = operators(fit, t)[0]
    return solved(C if d.observed is None else C[d.observed[t]][:, d.observed[t]], right)


def solved(C: sparse.csr_array, right: np.ndarray) -> np.ndarray:
    """(I - C)^-1 right."""
    n = C.shape[0]
    if n <= DENSE_MAX or C.nnz > DENSE_SHARE * n**2:
        return np.linalg.solve(np.eye(n) - C.toarray(), right)
    return factor(C).solve(np.asarray(right, dtype=float))
