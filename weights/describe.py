"""Weights in figures: one matrix, or two side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.matrix.csr import cells
from spillover.matrix.spectrum import rho_interval, spectral_radius
from spillover.matrix.weights import SpatialWeights

from ._points import Points, arc, points, unit_sphere

if TYPE_CHECKING:
    from spillover.types import Map

SPECTRUM_UP_TO = 50_000  # units; beyond, eigenvalues take long and row-standardised weights have radius 1 anyway


def describe(w: SpatialWeights, data: Map | None = None, **where: Any) -> pd.Series:
    """What a reader wants to know of W before believing a coefficient on it.

    Parameters
    ----------
    w : SpatialWeights
    data : GeoDataFrame, GeoSeries or array, optional
        The units, in any order if labelled; adds the mean length of links. Further options (``at``, ``crs``,
        ``metric``) as in :func:`weights.inverse_distance`.

    Returns
    -------
    Series
        kind, standardization, units, links, density, symmetric, components, largest component, islands, neighbors
        (least, mean, most), histogram ({neighbors: units}), weights (least, most), spectral radius, admissible
        interval of rho, and with ``data`` the mean distance of links.

    Examples
    --------
    >>> import weights as wt
    >>> describe(wt.lattice(3, 3))[["links", "neighbors (histogram)", "rho from", "rho to"]]
    links                                    24
    neighbors (histogram)    {2: 4, 3: 4, 4: 1}
    rho from                          -0.353553
    rho to                             0.353553
    dtype: object
    """
    counts = np.diff(w.csr.indptr)
    sizes = np.bincount(w.component_labels)
    values, units = np.unique(counts, return_counts=True)
    small = w.n <= SPECTRUM_UP_TO
    low, high = rho_interval(w) if small else (np.nan, np.nan)
    out = {
        "kind": w.kind, "standardization": w.standardization, "units": w.n, "links": w.nnz,
        "density": w.nnz / (w.n * (w.n - 1)) if w.n > 1 else np.nan, "symmetric": w.is_symmetric,
        "components": w.components, "largest component": int(sizes.max()), "islands": len(w.islands),
        "neighbors (least)": int(counts.min()), "neighbors (mean)": float(counts.mean()),
        "neighbors (most)": int(counts.max()),
        "neighbors (histogram)": dict(zip(values.tolist(), units.tolist(), strict=True)),
        "weight (least)": float(w.csr.data.min()) if w.nnz else np.nan,
        "weight (most)": float(w.csr.data.max()) if w.nnz else np.nan,
        "spectral radius": spectral_radius(w.csr) if small else np.nan, "rho from": float(low), "rho to": float(high),
    }
    if data is not None:
        p = points(data, **where)
        out[f"mean distance of links ({p.unit})"] = float(link_distances(w, p).mean()) if w.nnz else np.nan
    return pd.Series(out, dtype=object)


def link_distances(w: SpatialWeights, p: Points) -> np.ndarray:
    """Length of each link in the order of ``w.csr``, shape (nnz,)."""
    from spillover.ids import positions

    xy = p.xy[positions(p.ids, w.ids)]
    space = unit_sphere(xy) if p.metric == "great-circle" else xy
    focal = np.repeat(np.arange(w.n), np.diff(w.csr.indptr))
    straight = np.sqrt(((space[focal] - space[w.csr.indices]) ** 2).sum(axis=1))
    return arc(straight) if p.metric == "great-circle" else straight


def compare(first: SpatialWeights, second: SpatialWeights) -> pd.Series:
    """How alike two weight matrices of the same units are.

    Returns
    -------
    Series
        links of each, in both, only in one; Jaccard index (links in both over links in either); correlation of the
        weights over all off-diagonal pairs, and over the links in either.

    Raises
    ------
    SpatialInputError
        E101 different units.

    Examples
    --------
    >>> import weights as wt
    >>> compare(wt.lattice(3, 3), wt.lattice(3, 3, rule="queen"))[["in both", "only second", "jaccard"]].tolist()
    [24, 16, 0.6]
    """
    from .combine import same_units

    a, b = (w.csr for w in same_units(first, second))
    one, two = (sparse.csr_array((np.ones(m.nnz), m.indices, m.indptr), m.shape) for m in (a, b))
    both = one.multiply(two).nnz
    either = sparse.csr_array(one.maximum(two))
    focal = np.repeat(np.arange(first.n), np.diff(either.indptr))
    u, v = cells(a, focal, either.indices), cells(b, focal, either.indices)
    pairs = first.n * (first.n - 1)
    return pd.Series({
        "first": first.kind, "second": second.kind, "links of first": a.nnz, "links of second": b.nnz,
        "in both": both, "only first": a.nnz - both, "only second": b.nnz - both,
        "jaccard": both / either.nnz if either.nnz else np.nan,
        "correlation (all pairs)": _correlation(u, v, pairs),
        "correlation (links of either)": _correlation(u, v, len(u)),
    }, dtype=object)


def _correlation(u: np.ndarray, v: np.ndarray, count: int) -> float:
    """Pearson's r of ``count`` pairs, of which those not in ``u`` and ``v`` are zeros; NaN without variation."""
    if count < 2:
        return np.nan
    mean_u, mean_v = u.sum() / count, v.sum() / count
    uu, vv = u @ u - count * mean_u**2, v @ v - count * mean_v**2
    if uu <= 1e-12 * (u @ u) or vv <= 1e-12 * (v @ v):
        return np.nan
    return float((u @ v - count * mean_u * mean_v) / np.sqrt(uu * vv))
