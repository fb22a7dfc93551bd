"""The whole curve of log|I - rho W| by stochastic quadrature, with exact traces of low order and an error.

A probe z with entries +-1 has E[z'f(W) z] = tr f(W). A few Lanczos (W symmetric) or Arnoldi steps from z give nodes
and weights with z'f(W) z ~ sum_j w_j f(theta_j). The first powers' traces are known exactly, so

    L(rho) ~ mean over probes of  sum_j w_j log|1 - rho theta_j|  -  sum_{k<=4} rho^k / k (tr W^k - sum_j w_j theta_j^k)

is random only in orders five and above. It locates the windows of the exact factorisations, and replaces them
where they would be too large. Sources: Ubaru, Chen & Saad (2017, SIAM J. Matrix Anal. Appl. 38:1075-1099); the
exact traces as in Barry & Pace (1999, Linear Algebra Appl. 289:41-54) and Pace & LeSage (2004).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy import sparse

BLOCK = 50_000  # rows of W^2 that are in memory at once
MAX_LINK_PAIRS = 3e9  # above it W^2 itself is too much work: traces of W and W W only


@dataclass(frozen=True, eq=False)
class Quadrature:
    """A curve that is cheap at every rho of the interval, with an estimate of its error.

    Attributes
    ----------
    nodes, weights : ndarray, shape (probes, steps)
        theta_j and w_j; complex when W is not symmetric.
    traces : ndarray, shape (orders,)
        tr W, tr W^2, ... exactly.
    norm2 : float
        Sum of squared weights: the scale of -L'', which has no sign of its own when W is not symmetric.
    n : int, units
    interval : (low, high)
    """

    nodes: np.ndarray = field(repr=False)
    weights: np.ndarray = field(repr=False)
    traces: np.ndarray = field(repr=False)
    norm2: float
    n: int
    interval: tuple[float, float]

    @property
    def method(self) -> str:
        kind = "Arnoldi" if np.iscomplexobj(self.nodes) else "Lanczos"
        return f"stochastic {kind} quadrature, {len(self.nodes)} probes"

    @property
    def domain(self) -> tuple[float, float]:
        return self.interval

    @property
    def coarse(self) -> Quadrature:
        return self

    def near(self, lo: float, hi: float) -> Quadrature:
        return self

    def value(self, rho):
        return self._curve(rho, 0)

    def d1(self, rho):
        return self._curve(rho, 1)

    def d2(self, rho):
        return self._curve(rho, 2)

    def error(self, rho, order: int = 0):
        """Monte Carlo standard error of the curve (``order`` 0) or of its first or second derivative."""
        values = self._probes(rho, order)
        return (values.std(axis=0, ddof=1) / np.sqrt(len(values)))[()]

    def bend(self, rho: float) -> float:
        """-L'' or its scale, whichever is larger: how sharply the determinant informs about rho."""
        return max(-float(self.d2(rho)), self.norm2)

    def moment(self, k: int) -> tuple[float, float]:
        """tr W^k and its standard error: exact for the low orders."""
        if k == 0:
            return float(self.n), 0.0
        if k <= len(self.traces):
            return float(self.traces[k - 1]), 0.0
        values = self._moments(k)
        return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))

    def _moments(self, k):
        return (self.weights * self.nodes**k).real.sum(axis=1)

    @cached_property
    def calibrated(self) -> Quadrature:
        """The same nodes with weights w_j p(theta_j), p the polynomial that makes their low moments the exact traces.

        The correction in powers of rho has no bound where |rho theta| exceeds one, far below zero for instance, where
        the interval of rho under groups reaches to minus their size; these weights keep to the spectrum everywhere.
        """
        orders = np.arange(len(self.traces) + 1)
        scale = max(np.abs(self.nodes).max(initial=0.0), 1e-300)
        powers = (self.nodes[..., None] / scale) ** orders
        gaps = np.concatenate([[self.n], self.traces]) / scale**orders
        gaps = gaps - np.einsum("ps,psk->pk", self.weights, powers).real
        gram = np.einsum("ps,psk,psm->pkm", self.weights, powers, powers).real
        p = np.array([np.linalg.lstsq(G, gap, rcond=1e-12)[0] for G, gap in zip(gram, gaps)])
        return replace(self, weights=self.weights * (1 + np.einsum("psk,pk->ps", powers, p)))

    @cached_property
    def _gaps(self) -> np.ndarray:
        """(orders, probes): exact trace less each probe's."""
        return np.array([trace - self._moments(k) for k, trace in enumerate(self.traces, start=1)])

    def _curve(self, rho, order: int):
        """The mean over the probes: all their nodes make one quadrature."""
        rho = np.asarray(rho, dtype=float)
        term = _term(rho[..., None] * self.nodes.ravel(), self.nodes.ravel(), order)
        value = (term @ self.weights.ravel()).real / len(self.nodes)
        return (value - sum(gap.mean() * part for gap, part in self._low_orders(rho, order)))[()]

    def _probes(self, rho, order: int) -> np.ndarray:
        """(probes, *rho.shape): the curve that each probe alone would give."""
        rho = np.asarray(rho, dtype=float)
        term = _term(rho[..., None, None] * self.nodes, self.nodes, order)
        values = np.moveaxis((self.weights * term).real.sum(axis=-1), -1, 0)
        return values - sum(np.multiply.outer(gap, part) for gap, part in self._low_orders(rho, order))

    def _low_orders(self, rho, order):
        """(gap, what it is multiplied by) for every order k: rho^k / k and its derivatives."""
        for k, gap in enumerate(self._gaps, start=1):
            if k >= order:
                yield gap, (1 / k, 1.0, k - 1.0)[order] * rho ** (k - order)


def _term(x, nodes, order):
    """log|1 - x| for x = rho theta, or its first or second derivative with respect to rho."""
    if order:
        return -((nodes / (1 - x)) ** order)
    return np.log(np.abs(1 - x)) + (1j * np.angle(1 - x) if np.iscomplexobj(x) else 0)


def quadrature(matrix: sparse.csr_array, symmetric: bool, interval, *, probes: int, steps: int, seed=0) -> Quadrature:
    """Nodes and weights from ``probes`` random vectors.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
        Symmetric, or W itself.
    steps : int
        Products with the matrix per probe.
    """
    n = matrix.shape[0]
    steps = min(steps, n)
    Z = np.random.default_rng(seed).choice([-1.0, 1.0], size=(probes, n)).T
    if symmetric:
        nodes, weights = _lanczos(matrix, Z, steps)
    else:
        nodes, weights = map(np.array, zip(*(_arnoldi(matrix, z, steps) for z in Z.T)))
    norm2 = float(np.sum(matrix.data**2))
    return Quadrature(nodes, weights, low_order_traces(matrix, symmetric), norm2, n, interval)


def low_order_traces(matrix: sparse.csr_array, symmetric: bool, orders: int = 4) -> np.ndarray:
    """tr W^k, k = 1 to 3 or 4, block of rows by block of rows; two instead of four where W^2 has too many elements."""
    back = matrix if symmetric else matrix.T.tocsr()
    first, second = matrix.trace(), (matrix * back).sum()
    links = np.diff(matrix.indptr)
    if orders == 4 and links[matrix.indices].sum() > MAX_LINK_PAIRS:
        return np.array([first, second])
    third = fourth = 0.0
    for start in range(0, matrix.shape[0], BLOCK):
        rows = slice(start, start + BLOCK)
        square = sparse.csr_array(matrix[rows] @ matrix)
        third += (square * back[rows]).sum()
        if orders == 4:
            fourth += (square.data**2).sum() if symmetric else (square * sparse.csr_array(back[rows] @ back)).sum()
    return np.array([first, second, third, fourth][:orders])


def _lanczos(matrix, Z, steps):
    """Gauss quadrature of z'f(S) z for every column z, all columns side by side (Golub & Welsch 1969)."""
    n, probes = Z.shape
    q, before = Z / np.sqrt(n), np.zeros_like(Z)
    diagonal, beside = np.zeros((2, steps, probes))
    beta = np.zeros(probes)
    for k in range(steps):
        v = matrix @ q
        v -= beta * before
        diagonal[k] = np.einsum("ij,ij->j", v, q)
        v -= diagonal[k] * q
        beta = np.sqrt(np.einsum("ij,ij->j", v, v))
        beside[k] = np.where(beta > 1e-10, beta, 0)  # an invariant subspace: the recursion ends
        before, q = q, v / np.where(beside[k] > 0, beside[k], np.inf)
        beta = beside[k]
    T = np.zeros((probes, steps, steps))
    at = np.arange(steps)
    T[:, at, at] = diagonal.T
    T[:, at[1:], at[:-1]] = T[:, at[:-1], at[1:]] = beside[:-1].T
    nodes, vectors = np.linalg.eigh(T)
    return nodes, n * vectors[:, 0, :] ** 2


def _arnoldi(matrix, z, steps):
    """The same for a W without symmetry: nodes are eigenvalues of the Hessenberg matrix, complex in general."""
    n = len(z)
    V = np.zeros((steps + 1, n))
    H = np.zeros((steps + 1, steps), dtype=float)
    V[0] = z / np.sqrt(n)
    for k in range(steps):
        v = matrix @ V[k]
        for _twice in range(2):
            projection = V[: k + 1] @ v
            v -= projection @ V[: k + 1]
            H[: k + 1, k] += projection
        size = np.linalg.norm(v)
        if size < 1e-10:
            break
        H[k + 1, k], V[k + 1] = size, v / size
    nodes, X = np.linalg.eig(H[:steps].astype(complex))
    weights = X[0] * np.linalg.solve(X, np.eye(steps)[0])
    return nodes, n * weights
