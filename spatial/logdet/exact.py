"""Exact log|I - rho W| by sparse factorisation: one ordering per W, one factorisation per rho."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cached_property

import numpy as np
from scipy import sparse

ORDER_ONCE = 5_000  # units; below, the ordering is faster than caching it
EASY = 3e10  # multiplications of one factorisation: under half a minute whatever its order
BYTES_PER_ELEMENT = 48  # SuperLU's L and U, and the copy of both that shows the diagonal
SHARE_OF_MEMORY = 0.6
MULTIPLICATIONS = 5e11  # of one factorisation: several minutes


class SparseLU:
    """log|I - rho W| by SuperLU, which comes with scipy.

    A symmetric matrix is ordered once for little fill (minimum degree) and needs no pivoting: I - rho S is
    positive definite on the whole admissible interval.
    """

    def __init__(self, matrix: sparse.csr_array, symmetric: bool):
        self.symmetric, self.n = symmetric, matrix.shape[0]
        self.order, self._pattern, self._eye, self._weights = _pattern(matrix)

    @property
    def name(self) -> str:
        return "sparse LU, symmetrised" if self.symmetric else "sparse LU"

    def __call__(self, rho: float) -> float:
        # L has a unit diagonal, permutations change the sign alone.
        return float(np.log(np.abs(self.factor(rho).U.diagonal())).sum())

    def factor(self, rho: float):
        from scipy.sparse.linalg import splu

        options = {"SymmetricMode": True} if self.symmetric else {}
        return splu(self.at(rho), permc_spec="MMD_AT_PLUS_A" if self.order is None else "NATURAL",
                    diag_pivot_thresh=0.001 if self.symmetric else 0.1, options=options)  # fmt: skip

    def at(self, rho: float) -> sparse.csc_array:
        """I - rho W in the order of elimination."""
        indices, indptr = self._pattern
        return sparse.csc_array((self._eye - rho * self._weights, indices, indptr), shape=(self.n, self.n))

    @cached_property
    def size(self) -> tuple[int, float]:
        """(elements, multiplications) of one triangular factor, bounded by its envelope or counted by elimination."""
        elements, multiplications = envelope(self._links())
        if multiplications < EASY:
            return elements, multiplications
        _, below = self.columns
        return int(below.sum()) + self.n, float(np.sum((below + 1.0) ** 2))

    @cached_property
    def columns(self) -> tuple[np.ndarray, np.ndarray]:
        """(parent, elements below the diagonal) of the factor's columns."""
        from ..kernels.elimination import column_sizes

        links, limit = self._links(), int(memory() / BYTES_PER_ELEMENT)
        return column_sizes(links.indptr.astype(np.int64), links.indices.astype(np.int64), limit)

    def _links(self) -> sparse.csc_array:
        """The pattern as a matrix, symmetric also where W is not."""
        links = sparse.csc_array((np.ones(len(self._pattern[0])), *self._pattern), shape=(self.n, self.n))
        return links if self.symmetric else sparse.csc_array(links + links.T)

    @property
    def bytes_needed(self) -> int:
        return self.size[0] * BYTES_PER_ELEMENT

    @property
    def too_long(self) -> bool:
        """Whether one factorisation takes many minutes."""
        return self.size[1] > MULTIPLICATIONS


class Cholmod:
    """log|I - rho S| by CHOLMOD's supernodal factorisation, through cvxopt where it is installed."""

    symmetric = True
    name = "CHOLMOD, symmetrised"

    def __init__(self, matrix: sparse.csr_array):
        from cvxopt import cholmod, spmatrix
        from cvxopt import matrix as dense

        self.n, lower = matrix.shape[0], sparse.tril(matrix, format="csr")
        _, (indices, indptr), self._eye, self._weights = _pattern(lower, order=False)
        columns = np.repeat(np.arange(self.n), np.diff(indptr))
        values = dense(self._eye - 0.1 * self._weights)
        self._matrix = spmatrix(values, dense(indices.astype(np.int64)), dense(columns), (self.n, self.n))
        self._dense, self._cholmod = dense, cholmod
        with self._supernodal():
            self._factor = cholmod.symbolic(self._matrix)

    def __call__(self, rho: float) -> float:
        self._matrix.V = self._dense(self._eye - rho * self._weights)
        with self._supernodal():
            try:
                self._cholmod.numeric(self._matrix, self._factor)
            except ArithmeticError:  # not positive definite: outside the interval
                return -np.inf
            return 2 * float(np.log(np.array(self._cholmod.diag(self._factor))).sum())

    @contextmanager
    def _supernodal(self):
        """cvxopt's options are global; the caller's are put back."""
        options = self._cholmod.options
        before = options.get("supernodal", 2)
        options["supernodal"] = 2
        try:
            yield
        finally:
            options["supernodal"] = before


def envelope(links) -> tuple[int, float]:
    """(elements, multiplications) that a symmetric pattern cannot exceed when ordered for a narrow band.

    Minimum degree does far better on maps, but this bound is quick and often good enough to go ahead.
    """
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    n = links.shape[0]
    place = np.argsort(reverse_cuthill_mckee(sparse.csr_array(links), symmetric_mode=True))
    rows, columns = place[links.indices], np.repeat(place, np.diff(links.indptr))
    width = np.zeros(n)
    np.maximum.at(width, rows, rows - columns)
    return int(width.sum()) + n, float(np.sum((width + 1) ** 2))


def cholmod_installed() -> bool:
    from importlib.util import find_spec

    return find_spec("cvxopt") is not None


def memory() -> float:
    """Bytes of memory that one job may take: 0.6 of the free memory, or of all memory where free memory is unknown."""
    for name in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"):
        try:
            return SHARE_OF_MEMORY * os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
        except (ValueError, OSError, AttributeError):
            continue
    return SHARE_OF_MEMORY * 8e9


def _pattern(matrix, *, order=True):
    """(order, pattern, values of I, values of W) of I - rho W by columns, the diagonal always there.

    The order of elimination is minimum degree, taken from an incomplete factorisation that drops all elements.
    """
    n = matrix.shape[0]
    rows, columns = matrix.tocoo().coords
    at = (np.concatenate([np.arange(n), rows]), np.concatenate([np.arange(n), columns]))
    eye = sparse.csc_array((np.concatenate([np.ones(n), np.zeros(len(rows))]), at), shape=(n, n))
    weights = sparse.csc_array((np.concatenate([np.zeros(n), matrix.data]), at), shape=(n, n))
    if not order or n < ORDER_ONCE:
        return None, (eye.indices, eye.indptr), eye.data, weights.data
    from scipy.sparse.linalg import spilu

    rough = sparse.csc_array((eye.data + 1e-3, eye.indices, eye.indptr), shape=(n, n))
    options = {"SymmetricMode": True}
    q = np.argsort(spilu(rough, drop_tol=1e3, fill_factor=1, permc_spec="MMD_AT_PLUS_A",
                         diag_pivot_thresh=0.0, options=options).perm_c)  # fmt: skip
    eye, weights = (_reordered(part, q) for part in (eye, weights))
    return q, (eye.indices, eye.indptr), eye.data, weights.data


def _reordered(part, q):
    """Rows and columns in the order q, zeros kept."""
    marked = sparse.csc_array((part.data + 2.0, part.indices, part.indptr), shape=part.shape)
    moved = sparse.csc_array(marked[q][:, q])
    moved.sort_indices()
    moved.data -= 2.0
    return moved
