"""Weights from weights: mixtures, products, set operations, nesting.

All take weights of the same units in any order; the result has the order of the first.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.ids import positions
from spillover.matrix.weights import SpatialWeights
from spillover.values import numeric, one_number

from .economic import by_unit

if TYPE_CHECKING:
    from spillover.types import Ids


def combine(geographic: SpatialWeights, economic: SpatialWeights, *, alpha: float = 0.5,
            style: str = "row") -> SpatialWeights:
    """(1 - alpha) W_geographic + alpha W_economic, each standardised first.

    Parameters
    ----------
    geographic, economic : SpatialWeights
    alpha : float
        Share of the second, from 0 to 1.
    style : str
        Standardisation of both; see :func:`weights.standardize`. Rows of islands of one keep only the other's part.

    Raises
    ------
    SpatialInputError
        E101 different units, E501.

    Examples
    --------
    >>> import weights as wt
    >>> near = wt.from_dense([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> alike = wt.from_dense([[0, 0, 3], [0, 0, 3], [3, 3, 0]])
    >>> combine(near, alike, alpha=0.25).csr.toarray()[0]
    array([0.  , 0.75, 0.25])
    """
    alpha = one_number("alpha", alpha, least=0)
    if alpha > 1:
        raise SpatialInputError("E501", f"alpha={alpha:g} should lie between 0 and 1",
                                hint="alpha is the second matrix's share")
    first, second = (w.standardize(style) for w in same_units(geographic, economic))
    mixed = sparse.csr_array((1 - alpha) * first.csr + alpha * second.csr)
    kind = f"{1 - alpha:g} x ({geographic.kind}) + {alpha:g} x ({economic.kind})"
    whole = style == "row" and not len(first.islands) and not len(second.islands)
    return SpatialWeights(mixed, first.ids, kind, "row" if whole else "none", first.unit or second.unit,
                          notes=(f"each {style}-standardised before mixing",))


def product(*weights: SpatialWeights) -> SpatialWeights:
    """Element by element: w_ij = u_ij v_ij ... (economic weights inside a geographic band, say).

    Examples
    --------
    >>> import weights as wt
    >>> band = wt.from_dense([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> alike = wt.from_dense([[0, 2, 3], [2, 0, 4], [3, 4, 0]])
    >>> product(band, alike).to_frame()["weight"].tolist()
    [2.0, 2.0, 4.0, 4.0]
    """
    return _reduce(weights, lambda a, b: a.multiply(b), " x ")


def union(*weights: SpatialWeights) -> SpatialWeights:
    """Links of any; every weight is 1."""
    return _reduce([_pattern(w) for w in weights], lambda a, b: a.maximum(b), " or ")


def intersection(*weights: SpatialWeights) -> SpatialWeights:
    """Links that all have; every weight is 1."""
    return _reduce([_pattern(w) for w in weights], lambda a, b: a.multiply(b), " and ")


def difference(first: SpatialWeights, second: SpatialWeights) -> SpatialWeights:
    """Links of the first that the second has not; every weight is 1."""
    return _reduce([_pattern(first), _pattern(second)], lambda a, b: a - a.multiply(b), " without ")


def nested(geographic: SpatialWeights, data: pd.DataFrame, x: str | None = None, *, entity: str | None = None,
           time: str | None = None, missing: str = "error", ids: Ids | None = None) -> SpatialWeights:
    """W diag(m_1 / m, ..., m_n / m): geographic weights scaled by the neighbor's share of the mean economy.

    m_j is the neighbor's mean of x over periods, m the mean over all units and periods; the economically larger
    neighbor counts for more, so w_ij and w_ji differ (Shao and co-authors' nested matrix; cf. Case, Rosen & Hines
    1993). x must be positive.

    Parameters
    ----------
    geographic : SpatialWeights
        Usually inverse distance; taken before standardisation.
    data, x, entity, time, missing, ids
        The variable (GDP per head), as in :func:`weights.economic`.

    Raises
    ------
    SpatialInputError
        E101 different units, E211 values that are not positive; others as in :func:`weights.economic`.

    Examples
    --------
    >>> import weights as wt
    >>> near = wt.from_dense([[0, 1], [1, 0]], ids=["a", "b"])
    >>> nested(near, pd.Series({"b": 3.0, "a": 1.0}, name="gdp")).to_frame()["weight"].tolist()
    [1.5, 0.5]
    """
    values, index, words = by_unit(data, x, entity=entity, time=time, ids=ids, missing=missing)
    if values.shape[1] != 1:
        raise SpatialInputError("E501", "nested weights take one variable",
                                hint="name one column with x=")
    m = numeric(pd.Series(values[:, 0], index=index).iloc[positions(index, geographic.ids, what=words)])
    if (m <= 0).any():
        raise SpatialInputError("E211", f"{words} must be positive to give shares", n=int((m <= 0).sum()),
                                ids=geographic.ids[m <= 0].tolist(),
                                hint="use a variable in levels, such as GDP, without logarithm")
    csr = sparse.csr_array(_unscaled(geographic) @ sparse.diags_array(m / m.mean()))
    return SpatialWeights(csr, geographic.ids, f"nested: {geographic.kind} x share of {words}", unit=geographic.unit,
                          notes=geographic.notes)


def same_units(*weights: SpatialWeights) -> list[SpatialWeights]:
    first = weights[0]
    return [first, *(w if w.ids.equals(first.ids) else w.reindex(first.ids) for w in weights[1:])]


def _reduce(weights, how, word: str) -> SpatialWeights:
    if len(weights) < 2:
        raise SpatialInputError("E501", "give at least two weights",
                                hint="e.g. wt.union(first, second)")
    same = same_units(*weights)
    csr = sparse.csr_array(reduce(how, [w.csr for w in same]))
    unit = next((w.unit for w in same if w.unit), None)
    return SpatialWeights(csr, same[0].ids, word.join(f"({w.kind})" for w in weights), unit=unit)


def _pattern(w: SpatialWeights) -> SpatialWeights:
    ones = sparse.csr_array((np.ones(w.nnz), w.csr.indices, w.csr.indptr), w.csr.shape)
    return SpatialWeights(ones, w.ids, w.kind, unit=w.unit)


def _unscaled(w: SpatialWeights) -> sparse.csr_array:
    return w.csr if w.raw is None else sparse.csr_array((w.raw, w.csr.indices, w.csr.indptr), w.csr.shape)
