"""From W's structure: a symmetric matrix with the same eigenvalues, and the admissible interval of rho."""

from __future__ import annotations

import numpy as np
from scipy import sparse

REAL_TOLERANCE = 1e-9  # an eigenvalue counts as real when |imag| is below this share of the radius
RESIDUAL = 1e-4  # of an extreme eigenvalue, at which it counts as converged
SMALL = 300  # units; up to here W is treated as a dense matrix
LARGE = 50_000  # units; beyond, fewer steps
CHECK_EVERY = 20  # steps
MAX_LOG_RANGE = 60.0  # of d: beyond, the similar matrix exists in theory and not in double precision
LEFTMOST = 8  # eigenvalues of an asymmetric W among which a real one is sought


def symmetrizer(csr: sparse.csr_array) -> np.ndarray | None:
    """d > 0 such that d_i w_ij = d_j w_ji for all links, or None.

    Row-standardised symmetric weights have it (d = the row sums before). Then W is similar to the
    symmetric matrix with elements sqrt(w_ij w_ji) and its eigenvalues are real (Ord 1975, appendix B).
    """
    if csr.shape[0] <= SMALL:  # a dense check is fastest here
        W = csr.toarray()
        linked = W != 0
        if (linked != linked.T).any():
            return None
        if (scale := _equal_links(W)) is not None:
            return scale
    csr, back = csr.sorted_indices(), csr.T.tocsr()
    back.sort_indices()
    same_links = np.array_equal(csr.indptr, back.indptr) and np.array_equal(csr.indices, back.indices)
    if same_links and np.array_equal(csr.data, back.data):
        return np.ones(csr.shape[0])
    if not same_links or (csr.data <= 0).any():
        return None
    # log d_j - log d_i = log w_ij - log w_ji along every link; a tree gives d, all links must agree with it.
    rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    step = np.log(csr.data) - np.log(back.data)
    log_d = _along_tree(csr, rows, step)
    balanced = np.allclose(step, log_d[csr.indices] - log_d[rows], rtol=0, atol=1e-9)
    return np.exp(log_d) if balanced and np.ptp(log_d) < MAX_LOG_RANGE else None


def _equal_links(W: np.ndarray) -> np.ndarray | None:
    """d where it makes all links of a symmetric pattern 1: standardised contiguity and mutual neighbors."""
    largest = W.max(axis=1, initial=0.0)
    largest[largest == 0] = 1.0
    links = W / largest[:, None]
    return 1 / largest if np.array_equal(links, links != 0) else None


def _along_tree(csr, rows, step) -> np.ndarray:
    """Sum of steps from each component's first unit, along a breadth-first tree."""
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    n = csr.shape[0]
    _, label = connected_components(csr, directed=False)
    first = np.unique(label, return_index=True)[1]
    # One more unit, linked to every component's first, makes one tree of all components.
    extra = sparse.csr_array((np.ones(len(first)), (np.full(len(first), n), first)), shape=(n + 1, n + 1))
    grown = sparse.csr_array((np.ones(csr.nnz), csr.indices, np.append(csr.indptr, csr.nnz)), shape=(n + 1, n + 1))
    _, parent = breadth_first_order(sparse.csr_array(grown + extra), n, directed=True)
    parent[n] = n
    total = np.zeros(n + 1)
    on_tree = parent[csr.indices] == rows
    total[csr.indices[on_tree]] = step[on_tree]
    while (parent != n).any():  # each round doubles the distance covered
        total, parent = total + total[parent], parent[parent]
    return total[:n]


def similar(W: sparse.csr_array | np.ndarray, scale: np.ndarray) -> sparse.csr_array | np.ndarray:
    """D^1/2 W D^-1/2, symmetric; dense where W is."""
    root = np.sqrt(scale)
    if isinstance(W, np.ndarray):
        matrix = root[:, None] * W / root
        return (matrix + matrix.T) / 2  # removes rounding
    matrix = sparse.diags_array(root) @ W @ sparse.diags_array(1 / root)
    return sparse.csr_array((matrix + matrix.T) / 2)


def admissible_interval(eigenvalues: np.ndarray) -> tuple[float, float]:
    """The open interval around zero on which I - rho W is not singular: (1/min, 1/max) of the real eigenvalues.

    A complex eigenvalue makes no real rho singular. With no negative real eigenvalue the interval has no
    lower end; the reflection of the radius serves instead, and likewise above.

    Examples
    --------
    >>> admissible_interval(np.array([1.0, -0.4, 0.2 + 0.8j, 0.2 - 0.8j]))
    (-2.5, 1.0)
    """
    radius = np.abs(eigenvalues).max(initial=0.0)
    if radius == 0:
        return (-np.inf, np.inf)
    real = eigenvalues.real[np.abs(eigenvalues.imag) <= REAL_TOLERANCE * radius]
    low, high = admissible_intervals(np.array([real.min(initial=0.0), real.max(initial=0.0)]), radius)
    return float(low), float(high)


def admissible_intervals(ends: np.ndarray, radius=None) -> tuple[np.ndarray, np.ndarray]:
    """Of many matrices, (R,) each, from their smallest and largest real eigenvalues, (2, R); NaN where one is.

    Parameters
    ----------
    radius : optional
        Largest absolute eigenvalue, by default of these.
    """
    radius = np.abs(ends).max(axis=0) if radius is None else radius
    low, high = np.minimum(ends[0], 0.0), np.maximum(ends[1], 0.0)
    low, high = np.where(low < -1e-8 * radius, low, -radius), np.where(high > 1e-8 * radius, high, radius)
    with np.errstate(divide="ignore"):  # without eigenvalues but zero there are no ends
        return np.round(1 / low, 12), np.round(1 / high, 12)


def acyclic(csr: sparse.csr_array) -> bool:
    """Whether no path along links returns to its start, as when neighbors are earlier sales. All eigenvalues of such
    a W are zero, though numerical routines do not return exact zeros."""
    from scipy.sparse.csgraph import connected_components

    if np.diff(csr.indptr).all() or csr.diagonal().any():  # a walk along links ends somewhere
        return False
    return connected_components(csr, directed=True, connection="strong", return_labels=False) == csr.shape[0]


def extreme_interval(matrix: sparse.csr_array, symmetric: bool, top: float | None = None) -> tuple[float, float]:
    """The admissible interval of a large W from a few extreme eigenvalues (Lanczos or Arnoldi).

    Parameters
    ----------
    top : float, optional
        The largest eigenvalue if known: one, for weights whose rows sum to one.

    Notes
    -----
    Without symmetry the eigenvalues of smallest real part are found. If one of them is real, it is the
    smallest real one; if all are complex, every real eigenvalue lies to their right, so the inverse of
    the last real part is inside the true interval: safe, though the interval may be longer.
    """
    if matrix.nnz == 0:
        return (-np.inf, np.inf)
    if symmetric:
        return admissible_interval(np.array([_symmetric_end(matrix, -1), top or _symmetric_end(matrix, 1)]))
    start = np.random.default_rng(0).standard_normal(matrix.shape[0])
    bound = float(abs(matrix).sum(axis=1).max())  # the radius is below every norm
    leftmost = _arnoldi(matrix, "SR", LEFTMOST, start)
    rightmost = np.array([top]) if top else _arnoldi(matrix, "LR", LEFTMOST, start)
    low, high = -_end(-leftmost, bound), _end(rightmost, bound)
    return float(np.round(1 / low, 12)), float(np.round(1 / high, 12))


def _symmetric_end(matrix, sign) -> float:
    """The smallest (sign -1) or largest (+1) eigenvalue by Lanczos steps without reorthogonalisation.

    Rounding repeats converged Ritz values but moves none of them (Paige 1980), so three vectors suffice. The
    residual bounds the error; where it is not small yet the end is moved out by it: never too long an interval.
    """
    from scipy.linalg import eigh_tridiagonal

    n = matrix.shape[0]
    q, before = np.random.default_rng(0).standard_normal(n), np.zeros(n)
    q /= np.linalg.norm(q)
    diagonal, beside, last = [], [0.0], 400 if n < LARGE else 100
    while True:
        v = matrix @ q
        before *= beside[-1]
        v -= before
        diagonal.append(float(np.einsum("i,i->", v, q)))  # unlike BLAS it starts no threads for so little
        v -= np.multiply(q, diagonal[-1], out=before)
        beside.append(float(np.sqrt(np.einsum("i,i->", v, v))))
        stop = beside[-1] < 1e-12 or len(diagonal) in (n, last)
        if stop or len(diagonal) % CHECK_EVERY == 0:
            at = len(diagonal) - 1 if sign > 0 else 0
            ritz, vector = eigh_tridiagonal(diagonal, beside[1:-1], select="i", select_range=(at, at))
            residual = beside[-1] * abs(vector[-1, 0])
            # For an isolated eigenvalue the error is of the residual's square.
            if residual < RESIDUAL * abs(ritz[0]):
                return float(ritz[0])
            if stop:
                return float(ritz[0]) + sign * residual
        v /= beside[-1]
        before, q = q, v


def _arnoldi(matrix, which, k, start) -> np.ndarray:
    from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, eigs

    k = min(k, matrix.shape[0] - 2)
    try:
        return eigs(matrix, k=k, which=which, v0=start, ncv=min(6 * k, matrix.shape[0] - 1),
                    maxiter=300, tol=1e-10, return_eigenvectors=False)  # fmt: skip
    except (ArpackNoConvergence, ArpackError):
        return np.zeros(0)


def _end(rightmost, bound) -> float:
    """Largest real eigenvalue among those of largest real part; else a number no real one exceeds."""
    size = np.abs(rightmost).max(initial=0.0)
    real = rightmost.real[np.abs(rightmost.imag) <= 1e-7 * size]
    if len(real) and real.max() > 1e-8 * bound:
        return float(real.max())
    last = rightmost.real.min(initial=bound)
    return float(last) if last > 1e-3 * bound else bound
