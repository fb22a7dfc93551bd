"""log|I - rho W| and its derivatives: one protocol, the method chosen by size and structure.

Everything the estimators and the effects need of W's spectrum goes through here::

    L(rho)  =  log|I - rho W|
    L'(rho) = -tr[W (I - rho W)^-1]
    L''(rho)= -tr[(W (I - rho W)^-1)^2]

so that tr (I - rho W)^-1 = n - rho L'(rho) needs no inverse. The work is done once per W and remembered
under W's content.

Sources: Ord (1975, JASA 70:120-126) for the eigenvalues; LeSage & Pace (2009) ch. 4 for the interval of rho.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy import sparse

from ._weights import Weights

EIGEN_MAX = 2_000  # above it a sparse W is factorised instead: O(n^3) against about O(n^1.5)
REAL_TOLERANCE = 1e-9  # an eigenvalue counts as real when |imag| is below this share of the radius
NODES = 24  # Chebyshev nodes of a local interpolant: error below 1e-12 over a few standard errors


@dataclass(frozen=True, eq=False)
class Spectrum:
    """log|I - rho W| from all eigenvalues of W; exact and vectorised over rho."""

    eigenvalues: np.ndarray = field(repr=False)  # (n,), real or complex
    interval: tuple[float, float]
    method: str = "eigenvalues"

    @property
    def n(self) -> int:
        return len(self.eigenvalues)

    def value(self, rho):
        return self._sum(rho, lambda r, w: np.log(np.abs(1 - r * w)))

    def d1(self, rho):
        return self._sum(rho, lambda r, w: -(w / (1 - r * w)).real)

    def d2(self, rho):
        return self._sum(rho, lambda r, w: -((w / (1 - r * w)) ** 2).real)

    def near(self, lo: float, hi: float) -> Spectrum:
        """Already cheap everywhere."""
        return self

    def _sum(self, rho, term):
        rho = np.asarray(rho, dtype=float)
        return term(rho[..., None], self.eigenvalues).sum(-1)[()]


@dataclass(frozen=True, eq=False)
class Factorised:
    """log|I - rho W| by one sparse LU factorisation per rho.

    When W = D^-1 A with A symmetric (a row-standardised symmetric matrix) the similar symmetric matrix
    D^-1/2 A D^-1/2 is factorised: less fill, and pivoting is not needed.
    """

    matrix: sparse.csc_array = field(repr=False)
    symmetric: bool
    interval: tuple[float, float]

    @property
    def n(self) -> int:
        return self.matrix.shape[0]

    @property
    def method(self) -> str:
        return "sparse LU, symmetrised" if self.symmetric else "sparse LU"

    def value(self, rho):
        return np.vectorize(self._value, otypes=[float])(rho)[()]

    def near(self, lo: float, hi: float) -> Interpolant:
        """Derivatives, and values for many rho, come from an interpolant over a short interval."""
        low, high = self.interval
        margin = 1e-6 * (high - low)
        lo, hi = max(lo, low + margin), min(hi, high - margin)
        return Interpolant(
            np.polynomial.Chebyshev.interpolate(np.vectorize(self._value), NODES, domain=[lo, hi]), self.n
        )

    def d1(self, rho):
        return self._beside(rho).d1(rho)

    def d2(self, rho):
        return self._beside(rho).d2(rho)

    def _beside(self, rho) -> Interpolant:
        low, high = float(np.min(rho)), float(np.max(rho))
        # The function is singular at the ends of the interval: stay well away from them.
        room = min(low - self.interval[0], self.interval[1] - high)
        width = min(0.02 * (self.interval[1] - self.interval[0]), 0.3 * room)
        return self.near(low - width, high + width)

    def _value(self, rho: float) -> float:
        from scipy.sparse.linalg import splu

        a = sparse.eye_array(self.n, format="csc") - rho * self.matrix
        options = {"SymmetricMode": True} if self.symmetric else {}
        order = "MMD_AT_PLUS_A" if self.symmetric else "COLAMD"
        lu = splu(a.tocsc(), permc_spec=order, diag_pivot_thresh=0.001 if self.symmetric else 1.0, options=options)
        return float(np.log(np.abs(lu.U.diagonal())).sum() + np.log(np.abs(lu.L.diagonal())).sum())


@dataclass(frozen=True, eq=False)
class Interpolant:
    """A Chebyshev polynomial that stands for log|I - rho W| on a short interval."""

    polynomial: np.polynomial.Chebyshev = field(repr=False)
    n: int

    def value(self, rho):
        return self.polynomial(rho)

    def d1(self, rho):
        return self.polynomial.deriv(1)(rho)

    def d2(self, rho):
        return self.polynomial.deriv(2)(rho)

    def near(self, lo: float, hi: float) -> Interpolant:
        return self


@dataclass(frozen=True, eq=False)
class Jacobian:
    """The log-determinant as a panel's likelihood counts it.

    Parameters
    ----------
    logdet : Spectrum, Factorised or Interpolant
    copies : int
        How often |I - rho W| enters: T periods, or T - 1 after the entity transformation.
    unit_root : bool
        The time transformation F'WF drops the eigenvalue one of a row-standardised W:
        log|I - rho F'WF| = log|I - rho W| - log(1 - rho)  (Lee & Yu 2010, eq. 12).
    """

    logdet: Spectrum | Factorised | Interpolant
    copies: int = 1
    unit_root: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        return self.logdet.interval

    def value(self, rho):
        return self.copies * (self.logdet.value(rho) - self.unit_root * np.log(np.abs(1 - rho)))

    def d1(self, rho):
        return self.copies * (self.logdet.d1(rho) + self.unit_root / (1 - rho))

    def d2(self, rho):
        return self.copies * (self.logdet.d2(rho) + self.unit_root / (1 - rho) ** 2)


@lru_cache(maxsize=64)
def logdet(weights: Weights) -> Spectrum | Factorised:
    """The log-determinant of W by the method that suits its size and density.

    Examples
    --------
    >>> from spatial._weights import as_weights
    >>> w = as_weights(np.array([[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]))
    >>> L = logdet(w)
    >>> float(round(L.value(0.5), 6)), L.interval           # log(1 - 0.25)
    (-0.287682, (-1.0, 1.0))
    """
    scale = symmetrizer(weights.csr)
    dense = weights.n <= EIGEN_MAX or weights.nnz > 0.05 * weights.n**2
    if dense:
        eigenvalues = _eigenvalues(weights.csr, scale)
        return Spectrum(eigenvalues, admissible_interval(eigenvalues))
    matrix = _similar(weights.csr, scale) if scale is not None else weights.csr
    return Factorised(matrix.tocsc(), scale is not None, _extreme_interval(matrix, scale is not None))


def admissible_interval(eigenvalues: np.ndarray) -> tuple[float, float]:
    """The open interval around zero on which I - rho W is not singular: (1/min, 1/max) of the real eigenvalues.

    A complex eigenvalue makes no real rho singular. With no negative real eigenvalue the interval has no
    lower end; the reflection of the radius serves instead, and likewise above.
    """
    radius = np.abs(eigenvalues).max(initial=0.0)
    if radius == 0:
        return (-np.inf, np.inf)
    real = eigenvalues.real[np.abs(eigenvalues.imag) <= REAL_TOLERANCE * radius]
    low = min(real.min(initial=0.0), 0.0)
    high = max(real.max(initial=0.0), 0.0)
    ends = (1 / low if low < -1e-8 * radius else -1 / radius, 1 / high if high > 1e-8 * radius else 1 / radius)
    return tuple(float(np.round(end, 12)) for end in ends)


def symmetrizer(csr: sparse.csr_array) -> np.ndarray | None:
    """d > 0 such that d_i w_ij = d_j w_ji for all links, or None.

    Row-standardised symmetric weights have it (d = the row sums before). Then W is similar to the
    symmetric matrix with elements sqrt(w_ij w_ji) and its eigenvalues are real.
    """
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    back = csr.T.tocsr()
    back.sort_indices()
    csr = csr.sorted_indices()
    same_links = np.array_equal(csr.indptr, back.indptr) and np.array_equal(csr.indices, back.indices)
    if not same_links or (csr.data <= 0).any():
        return None
    if np.array_equal(csr.data, back.data):
        return np.ones(csr.shape[0])
    n = csr.shape[0]
    ratio = sparse.csr_array((np.log(csr.data) - np.log(back.data), csr.indices, csr.indptr), shape=csr.shape)
    log_d = np.zeros(n)
    _, label = connected_components(csr, directed=False)
    for start in np.unique(label, return_index=True)[1]:
        order, parent = breadth_first_order(csr, start, directed=False)
        if len(order) > 1:
            step = np.asarray(ratio[parent[order[1:]], order[1:]]).ravel()  # log d_child - log d_parent
            for child, ancestor, s in zip(order[1:].tolist(), parent[order[1:]].tolist(), step.tolist()):
                log_d[child] = log_d[ancestor] + s
    rows = np.repeat(np.arange(n), np.diff(csr.indptr))
    balanced = np.allclose(ratio.data, log_d[csr.indices] - log_d[rows], rtol=0, atol=1e-9)
    return np.exp(log_d) if balanced else None


def _similar(csr: sparse.csr_array, scale: np.ndarray) -> sparse.csr_array:
    root = np.sqrt(scale)
    matrix = sparse.diags_array(root) @ csr @ sparse.diags_array(1 / root)
    return ((matrix + matrix.T) / 2).tocsr()  # removes rounding


def _eigenvalues(csr: sparse.csr_array, scale: np.ndarray | None) -> np.ndarray:
    if scale is not None:
        return np.linalg.eigvalsh(_similar(csr, scale).toarray())
    return np.linalg.eigvals(csr.toarray())


def _extreme_interval(matrix: sparse.csr_array, symmetric: bool) -> tuple[float, float]:
    """Ends of the interval from the extreme eigenvalues (Lanczos or Arnoldi).

    Without symmetry the smallest real eigenvalue is not to be had cheaply; -1/radius is safe.
    """
    from scipy.sparse.linalg import eigs, eigsh

    start = np.random.default_rng(0).standard_normal(matrix.shape[0])
    if symmetric:
        ends = eigsh(matrix, k=2, which="BE", v0=start, return_eigenvectors=False, tol=1e-8)
        return admissible_interval(ends)
    radius = float(np.abs(eigs(matrix, k=1, which="LM", v0=start, return_eigenvectors=False)).max())
    return (-1 / radius, 1 / radius)
