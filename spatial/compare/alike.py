"""Similarity of the weights of a comparison: links in common, and correlation over all pairs of units."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse


def similarity(weights: dict, measure: str) -> pd.DataFrame:
    """Names by names, from matrices over the same units in the same order.

    Parameters
    ----------
    weights : dict of names to ``SpatialWeights``, or ``TemporalWeights``, whose mean over the periods is taken
    measure : {"jaccard", "correlation"}
        Links in both over links in either; or the correlation of the weights over all pairs of different units.
    """
    names = list(weights)
    n = next(iter(weights.values())).n
    cells = sparse.vstack([_row(_matrix(w), measure) for w in weights.values()], format="csr")
    shared = (cells @ cells.T).toarray()
    size = np.diag(shared)
    if measure == "jaccard":
        either = size[:, None] + size - shared
        out = np.divide(shared, either, out=np.full_like(shared, np.nan), where=either > 0)
    else:
        sums = np.asarray(cells.sum(axis=1)).ravel()
        covariance = shared - np.outer(sums, sums) / (n * (n - 1))
        scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        out = np.divide(covariance, scale, out=np.full_like(shared, np.nan), where=scale > 0)
    return pd.DataFrame(np.clip(out, -1, 1), index=names, columns=names)


def identical(weights: dict) -> list[tuple[str, str]]:
    """Pairs of names of the same matrix; ``weights`` are ``SpatialWeights``."""
    first: dict[str, str] = {}
    pairs = []
    for name, w in weights.items():
        if w.matrix_digest in first:
            pairs.append((first[w.matrix_digest], name))
        else:
            first[w.matrix_digest] = name
    return pairs


def _matrix(w) -> sparse.csr_array:
    if not w.varies:
        return w.csr
    return sparse.csr_array(sum(part.csr for part in w.matrices) / len(w.matrices))


def _row(w: sparse.csr_array, measure: str) -> sparse.csr_array:
    """The matrix as one row, its diagonal left out."""
    rows, columns = w.tocoo().coords
    off = (rows != columns) & (w.data != 0)
    values = np.ones(off.sum()) if measure == "jaccard" else w.data[off]
    at = rows[off].astype(np.int64) * w.shape[0] + columns[off]
    return sparse.csr_array((values, (np.zeros(len(at), dtype=np.int64), at)), shape=(1, w.shape[0] ** 2))
