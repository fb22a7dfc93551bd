"""The ends of W's spectrum: spectral radius and the admissible interval of rho."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

DENSE_UP_TO = 1_000  # units; all eigenvalues at once
TOLERANCE = 1e-10  # relative accuracy asked of ARPACK


def spectral_radius(csr: sparse.csr_array) -> float:
    """Largest |eigenvalue| of a square matrix."""
    if csr.nnz == 0:
        return 0.0
    if csr.shape[0] <= DENSE_UP_TO:
        return float(np.abs(np.linalg.eigvals(csr.toarray())).max())
    return float(abs(_arpack(csr, "LM", symmetric=(csr != csr.T).nnz == 0)))


def real_ends(w) -> tuple[float, float]:
    """Smallest and largest real eigenvalue of W.

    Weights that are a symmetric matrix with rows scaled, W = D^-1 A, have the eigenvalues of the symmetric
    D^-1/2 A D^-1/2 (Ord 1975, p. 125).
    """
    if w.nnz == 0:
        return 0.0, 0.0
    matrix, symmetric = symmetric_twin(w)
    if w.n <= DENSE_UP_TO:
        if symmetric:
            values = np.linalg.eigvalsh(matrix.toarray())
        else:
            values = np.linalg.eigvals(matrix.toarray())
            values = values.real[np.abs(values.imag) <= 1e-9 * np.abs(values).max()]
        return float(values.min()), float(values.max())
    if symmetric:
        return float(_arpack(matrix, "SA", symmetric=True)), float(_arpack(matrix, "LA", symmetric=True))
    least, largest = (float(np.real(_arpack(matrix, which, symmetric=False))) for which in ("SR", "LR"))
    return least, largest


def rho_interval(w) -> tuple[float, float]:
    """1 / smallest to 1 / largest real eigenvalue: where I - rho W keeps its inverse around rho = 0."""
    low, high = real_ends(w)
    return (1 / low if low < 0 else -np.inf), (1 / high if high > 0 else np.inf)


def symmetric_twin(w) -> tuple[sparse.csr_array, bool]:
    """A symmetric matrix with W's eigenvalues and True, where there is one; else W and False."""
    if w.is_symmetric:
        return w.csr, True
    if w.raw is None or w.standardization not in ("row", "variance"):
        return w.csr, False
    base = sparse.csr_array((w.raw, w.csr.indices, w.csr.indptr), w.csr.shape)
    if abs(base - base.T).max() > 1e-12 * abs(base).max():
        return w.csr, False
    linked = np.diff(w.csr.indptr) > 0
    first = w.csr.indptr[:-1][linked]
    scale = np.zeros(w.n)
    scale[linked] = np.sqrt(w.csr.data[first] / w.raw[first])  # D^-1/2
    scaled = sparse.diags_array(scale)
    return sparse.csr_array(scaled @ base @ scaled), True


def _arpack(matrix, which: str, *, symmetric: bool):
    from scipy.sparse.linalg import ArpackNoConvergence, eigs, eigsh

    n = matrix.shape[0]
    start = 1.0 + 1e-3 * np.cos(np.arange(n))  # fixed, so that the same W gives the same bits
    solve = eigsh if symmetric else eigs
    try:
        return solve(matrix, k=1, which=which, v0=start, tol=TOLERANCE, maxiter=20_000, return_eigenvectors=False)[0]
    except ArpackNoConvergence as error:
        raise SpatialInputError("E802", f"the eigenvalue ({which}) of {n:,} units was not found to {TOLERANCE:g}",
                                hint="row-standardise: the largest eigenvalue is then 1") from error
