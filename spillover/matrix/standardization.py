"""Scaling of weights: by rows, by spectral radius, by the largest sum, by the grand total, by variance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError, check_option

from .csr import freeze, take, with_data
from .spectrum import spectral_radius

if TYPE_CHECKING:
    from .weights import SpatialWeights

STYLES = ("row", "spectral", "minmax", "double", "variance", "none")


def standardize(w: SpatialWeights, style: str = "row") -> SpatialWeights:
    """Scale the weights; always starts from the weights before any earlier standardisation.

    ==========  ==========================================  =========================================
    style       w_ij becomes                                source
    ==========  ==========================================  =========================================
    row         w_ij / sum_j w_ij                           Anselin (1988), ch. 3
    spectral    w_ij / largest |eigenvalue|                 Elhorst (2001, eq. 5)
    minmax      w_ij / min(max row sum, max column sum)     Kelejian & Prucha (2010), p. 56
    double      w_ij / sum of all weights                   style "D" of PySAL, "U" of spdep
    variance    w_ij / q_i, q_i = (sum_j w_ij^2)^(1/2),     Tiefelsdorf, Griffith & Boots (1999);
                then scaled so that all sum to n            n counts units with neighbors
    none        w_ij as built
    ==========  ==========================================  =========================================

    Rows of islands stay empty in every style.

    Raises
    ------
    SpatialInputError
        E501 unknown style; E313 when "none" is asked of weights that came standardised; E314 when a row (or
        the whole matrix) of signed weights has no positive sum to scale by; E802 the spectral radius was not found.

    Examples
    --------
    >>> import weights as wt
    >>> w = wt.from_dense([[0, 2, 2], [1, 0, 0], [1, 0, 0]])
    >>> standardize(w, "row").csr.toarray()
    array([[0. , 0.5, 0.5],
           [1. , 0. , 0. ],
           [1. , 0. , 0. ]])
    """
    check_option("style", style, STYLES)
    if style == w.standardization:
        return w
    raw = w.csr.data if w.raw is None else w.raw
    if style == "none":
        if w.raw is None:
            raise SpatialInputError("E313", f"these weights came {w.standardization}-standardised; what they were "
                                    "before is not known", hint="standardise the original instead")
        return replace(w, csr=with_data(w.csr, raw), standardization="none", raw=None)
    data = SCALE[style](with_data(w.csr, raw), w.ids)
    data.flags.writeable = False
    return replace(w, csr=with_data(w.csr, data), standardization=style, raw=raw)


def restandardize(w: SpatialWeights, at: np.ndarray, absent: np.ndarray | None = None) -> SpatialWeights:
    """Weights among the positions ``at``, scaled anew in the style they had; units in ``absent`` lose their links.

    Starts from the weights before standardisation where they are remembered. Where they are not, dividing rows (or
    everything) by positive numbers leaves proportions within rows alone, so scaling the scaled weights again gives what
    scaling the original ones would.
    """
    csr = w.csr if w.raw is None else with_data(w.csr, w.raw)
    if absent is not None:
        stay = sparse.diags_array((~absent).astype(float))
        csr = sparse.csr_array(stay @ csr @ stay)
    csr = take(csr, at)
    csr.eliminate_zeros()
    part = replace(w, csr=freeze(csr), ids=w.ids[at], standardization="none", raw=None)
    if w.standardization == "none" or not csr.nnz:
        return replace(part, standardization=w.standardization)
    out = standardize(part, w.standardization)
    return out if w.raw is not None else replace(out, raw=None)


def symmetrize(w: SpatialWeights, how: str = "max") -> SpatialWeights:
    """Make w_ij = w_ji; see :meth:`SpatialWeights.symmetrize`."""
    check_option("how", how, ("max", "min", "mean"))
    a = w.csr if w.raw is None else with_data(w.csr, w.raw)
    joined = {"max": lambda: a.maximum(a.T), "min": lambda: a.minimum(a.T), "mean": lambda: (a + a.T) / 2}[how]()
    kind = w.kind if w.is_symmetric and w.standardization == "none" else f"{w.kind}, made symmetric ({how})"
    return replace(w, csr=sparse.csr_array(joined), kind=kind, standardization="none", raw=None)


def _row(csr, ids):
    sums = csr.sum(axis=1)
    flat = (np.diff(csr.indptr) > 0) & (sums <= 1e-12 * abs(csr).sum(axis=1))
    if flat.any():
        raise SpatialInputError("E314", "rows of signed weights whose sum is not positive cannot be scaled by it: the "
                                "signs would turn", ids=ids[flat].tolist(), n=int(flat.sum()),
                                hint="use style='spectral'")
    return csr.data / np.repeat(sums, np.diff(csr.indptr))


def _variance(csr, ids):
    q = np.sqrt((csr.multiply(csr)).sum(axis=1))
    scaled = csr.data / np.repeat(q, np.diff(csr.indptr))
    return scaled * (np.count_nonzero(np.diff(csr.indptr)) / _nonzero(scaled.sum()))


def _nonzero(scale: float) -> float:
    if not scale > 0:
        raise SpatialInputError("E314", "the weights have no positive scale: all are zero, or negative ones prevail",
                                hint="check that there are links; style='spectral' takes signed weights")
    return scale


SCALE = {
    "row": _row,
    "spectral": lambda csr, ids: csr.data / _nonzero(spectral_radius(csr)),
    "minmax": lambda csr, ids: csr.data / _nonzero(min(abs(csr).sum(axis=1).max(), abs(csr).sum(axis=0).max())),
    "double": lambda csr, ids: csr.data / _nonzero(csr.data.sum()),
    "variance": _variance,
}
