"""Which method computes log|I - rho W|: chosen by the size and structure of W, or by ``logdet=``."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from spillover.errors import SpatialInputError, check_option
from spillover.matrix import SpatialWeights

from .asymmetric import Asymmetric, asymmetric, interval_of
from .banded import bands
from .exact import BYTES_PER_ELEMENT, EASY, Cholmod, SparseLU, cholmod_installed, envelope, memory
from .factorised import Factorised
from .quadrature import Quadrature, quadrature
from .spectrum import Spectrum, spectrum
from .structure import acyclic, extreme_interval, similar, symmetrizer

METHODS = {
    "eigen": "all eigenvalues of W",
    "sparse": "sparse factorisations",
    "cholmod": "sparse factorisations by CHOLMOD (cvxopt)",
    "stochastic": "stochastic quadrature with a reported error",
}
EIGEN_MAX = {True: 300, False: 200}  # units, by symmetry; a larger sparse W is factorised: O(n^1.5) for O(n^3)
BAND_MAX = 2_000  # units; above it SuperLU's order of elimination pays
DENSE_SHARE = 0.05  # of all pairs; a W with more links is treated as dense, by its eigenvalues
DENSE_COPIES = 4  # n x n arrays that an eigenvalue routine needs
ALONE = {"probes": 100, "steps": 40}  # of quadrature without exact factorisations


@lru_cache(maxsize=32)
def logdet(weights: SpatialWeights, method: str | None = None) -> Spectrum | Asymmetric | Factorised | Quadrature:
    """The log-determinant of W by the method that suits its size and density.

    Parameters
    ----------
    weights : SpatialWeights
    method : {"eigen", "sparse", "cholmod", "stochastic"}, optional
        Overrides the choice.

    Raises
    ------
    SpatialInputError
        E501 unknown method, or one that W or this installation does not allow; E309 when the requested
        method needs more memory than there is.

    Examples
    --------
    >>> import numpy as np
    >>> from spillover.matrix import as_weights
    >>> w = as_weights(np.array([[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]))
    >>> L = logdet(w)
    >>> float(round(L.value(0.5), 6)), L.interval           # log(1 - 0.25)
    (-0.287682, (-1.0, 1.0))
    """
    if method is not None:
        check_option("logdet", method, METHODS)
    n, scale = weights.n, symmetrizer(weights.csr)
    symmetric = scale is not None
    if not symmetric and acyclic(weights.csr):
        return spectrum_of(weights)
    dense = weights.nnz > DENSE_SHARE * n**2
    fits = dense and _eigen_bytes(n, symmetric) < memory()
    if method == "eigen" or (method is None and (n <= EIGEN_MAX[symmetric] or fits)):
        _refuse_too_large("eigen", _eigen_bytes(n, symmetric), n)
        return spectrum_of(weights)

    matrix = weights.csr if scale is None else similar(weights.csr, scale)
    stochastic = method == "stochastic" or (method is None and dense)
    exact = None if stochastic else _factorisation(matrix, symmetric, method, n)
    if exact is not None and not symmetric:
        return asymmetric(matrix, exact)
    top = 1.0 if weights.standardization == "row" and (weights.csr.data >= 0).all() else None
    interval = extreme_interval(matrix, True, top) if symmetric else interval_of(matrix)
    if exact is None:
        return quadrature(matrix, symmetric, interval, **ALONE)
    return Factorised(exact, quadrature(matrix, symmetric, interval, **_beside_exact(n)), interval)


@lru_cache(maxsize=32)
def spectrum_of(weights: SpatialWeights) -> Spectrum:
    """The log-determinant by all eigenvalues of W, whatever its size.

    Raises
    ------
    SpatialInputError
        E309 when that needs more memory than there is.
    """
    scale = symmetrizer(weights.csr)
    if scale is None and acyclic(weights.csr):
        return Spectrum(np.zeros(weights.n), (-np.inf, np.inf))
    _refuse_too_large("eigen", _eigen_bytes(weights.n, scale is not None), weights.n)
    return spectrum(weights.csr, scale)


def _eigen_bytes(n: int, symmetric: bool) -> int:
    return DENSE_COPIES * 8 * n**2 * (1 if symmetric else 2)


def _factorisation(matrix, symmetric, method, n):
    """The exact engine, or None when it was not requested and its fill is too large."""
    if method == "cholmod" and not (symmetric and cholmod_installed()):
        why = "this W is not similar to a symmetric matrix" if not symmetric else "cvxopt is not installed"
        raise SpatialInputError("E501", f"logdet='cholmod' is not possible: {why}", hint="use logdet='sparse'")
    by_cholmod = method == "cholmod" or (method is None and symmetric and cholmod_installed())
    if by_cholmod:
        elements, multiplications = envelope(matrix)
        if multiplications < EASY and elements * BYTES_PER_ELEMENT < memory():
            return Cholmod(matrix)
    if not symmetric and n <= BAND_MAX:
        (band,) = bands(matrix, n)
        if band.narrow:
            return band
    lu = SparseLU(matrix, symmetric)
    if method is not None:
        _refuse_too_large(method, lu.bytes_needed, n)
    elif lu.bytes_needed > memory() or lu.too_long:
        return None
    return Cholmod(matrix) if by_cholmod else lu


def _beside_exact(n: int) -> dict:
    """Fewer probes suffice where the information is large: the curve only has to locate the window."""
    return {"probes": 8 if n < 50_000 else 4, "steps": 24}


def _refuse_too_large(method, needed, n):
    free = memory()
    if needed > free:
        raise SpatialInputError(
            "E309",
            f"logdet={method!r} for {n:,} units needs about {needed / 1e9:,.1f} GB, {free / 1e9:,.1f} GB may be used",
            n=n,
            hint="logdet='stochastic' needs a few vectors only, and reports its error",
        )
