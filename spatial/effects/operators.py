"""A = I - C and B = I - D of models with several rho or lambda: C = sum_j rho_j W_j, or diag(rho_r(i)) W by regime."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from ..logdet.several import DENSE_MAX, DENSE_SHARE
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from .several_averages import factor

Several = SeveralRecord | RegimesRecord


def operators(fit: Several) -> tuple[sparse.csr_array, sparse.csr_array]:
    """C and D of the fitted units."""
    d = fit._design
    if isinstance(fit, SeveralRecord):
        return combined(fit, [w.csr for w in fit._design.weights.matrices])
    return by_regime(fit, d.weights.csr, d.weights_of_error.csr, fit.split.codes)


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


def solve(fit: Several, right: np.ndarray) -> np.ndarray:
    """A^-1 right, (N, ...)."""
    return solved(operators(fit)[0], right) if fit.specification.lag else right


def solved(C: sparse.csr_array, right: np.ndarray) -> np.ndarray:
    """(I - C)^-1 right."""
    n = C.shape[0]
    if n <= DENSE_MAX or C.nnz > DENSE_SHARE * n**2:
        return np.linalg.solve(np.eye(n) - C.toarray(), right)
    return factor(C).solve(np.asarray(right, dtype=float))
