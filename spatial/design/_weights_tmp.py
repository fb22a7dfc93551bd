"""The door for weights: whatever the user has becomes one small frozen object with ids.

Anything with ``.csr`` and ``.ids`` is taken as it is. A libpysal ``Graph`` or ``W`` brings its ids along. A
scipy sparse matrix or a dense array has none: it is taken in the data's order, and said so.
"""

from __future__ import annotations

import hashlib
import warnings
import weakref
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, SpatialInputWarning
from spillover.ids import positions

from ._period_weights_tmp import PeriodWeights

ROW_SUM_TOLERANCE = 1e-9
_SEEN: dict = {}  # frozen weights that were converted before, by identity


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights as the models see them.

    Attributes
    ----------
    csr : scipy.sparse.csr_array, shape (n, n), float64
    ids : pandas.Index of length n, or None when the weights came without labels
    kind : str, in words ("queen", "k nearest (k=5)", "given matrix")
    standardization : str ("none", "row", "spectral", ...)
    notes : tuple of str
        What was done to them, in words ("islands joined to their nearest unit: ...").
    """

    csr: sparse.csr_array = field(repr=False)
    ids: pd.Index | None = field(repr=False)
    kind: str
    standardization: str
    notes: tuple[str, ...] = field(default=(), repr=False)

    varies = False  # over time: see PeriodWeights

    @property
    def n(self) -> int:
        return self.csr.shape[0]

    @property
    def nnz(self) -> int:
        return self.csr.nnz

    @cached_property
    def row_sums(self) -> np.ndarray:
        return np.asarray(self.csr.sum(axis=1)).ravel()

    @cached_property
    def alone(self) -> np.ndarray:
        """True for the units without neighbours."""
        return np.diff(self.csr.indptr) == 0

    @cached_property
    def island_positions(self) -> np.ndarray:
        return np.flatnonzero(self.alone)

    @property
    def islands(self) -> list:
        """Ids (or positions) of the units without neighbours."""
        at = self.island_positions
        return list(at if self.ids is None else self.ids[at])

    @cached_property
    def rows_sum_to_one(self) -> bool:
        """True when every unit's weights sum to one: what the two-way transformation needs."""
        return bool(np.allclose(self.row_sums, 1.0, rtol=0, atol=ROW_SUM_TOLERANCE))

    @cached_property
    def digest(self) -> str:
        """Content of the matrix as a hash: spectral work is remembered under it."""
        h = hashlib.blake2b(digest_size=16)
        for part in (self.csr.indptr, self.csr.indices, self.csr.data):
            h.update(np.ascontiguousarray(part).view(np.uint8))
        return h.hexdigest()

    def __eq__(self, other) -> bool:
        return isinstance(other, Weights) and self.n == other.n and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def subset(self, keep: np.ndarray) -> Weights:
        """Only the units at the positions ``keep``; row-standardised weights are standardised again.

        Raises
        ------
        SpatialInputError
            E308 when the standardisation cannot be renewed from the matrix alone.
        """
        csr = self._standardised_again(sparse.csr_array(self.csr[keep][:, keep]))
        ids = None if self.ids is None else self.ids[keep]
        return Weights(csr, ids, f"{self.kind}, {len(keep)} of {self.n} units", self.standardization, self.notes)

    def without(self, gone: np.ndarray) -> Weights:
        """The units of a mask (N,) keep their place and lose their links; standardised again as ``subset``."""
        stay = sparse.diags_array((~gone).astype(float))
        csr = sparse.csr_array(stay @ self.csr @ stay)
        csr.eliminate_zeros()
        return Weights(self._standardised_again(csr), self.ids, self.kind, self.standardization, self.notes)

    def _standardised_again(self, csr: sparse.csr_array) -> sparse.csr_array:
        if self.standardization not in ("row", "none"):
            raise SpatialInputError(
                "E308",
                f"{self.standardization}-standardised weights cannot be cut down to a smaller sample here",
                hint="call w.subset(ids) on the weights first",
            )
        if self.standardization == "none":
            return csr
        sums = np.asarray(csr.sum(axis=1)).ravel()
        return sparse.csr_array(sparse.diags_array(np.divide(1, sums, where=sums > 0, out=np.zeros_like(sums))) @ csr)

    def each(self, periods: int) -> tuple[Weights, ...]:
        """W of every period: the same."""
        return (self,) * periods

    def reordered(self, at: np.ndarray) -> Weights:
        return Weights(self.csr[at][:, at], self.ids[at], self.kind, self.standardization)

    def describe(self) -> str:
        """One line for headers: kind, standardisation, links, islands."""
        islands = self.islands
        said = f", {len(islands)} island{'s' if len(islands) > 1 else ''}" if islands else ", no islands"
        style = "not standardised" if self.standardization == "none" else f"{self.standardization}-standardised"
        return "; ".join([f"{self.kind}, {style}, {self.nnz:,} links{said}", *self.notes])


def as_weights(w, *, ids=None) -> Weights | PeriodWeights:
    """Convert weights at the door.

    Parameters
    ----------
    w : object with ``.csr`` and ``.ids``; libpysal ``Graph`` or ``W``; scipy sparse matrix; (n, n) array; or
        weights that vary over time, an object with ``.by_period``, a dict of period to any of these
    ids : sequence of length n, optional
        Labels for weights that have none.

    Raises
    ------
    SpatialInputError
        E311 not square; E302 NaN or infinite weights; E310 no weights at all in ``w``'s type.

    Examples
    --------
    >>> as_weights(np.array([[0, 1], [1, 0]]), ids=["a", "b"])
    Weights(kind='given matrix', standardization='row')
    """
    if isinstance(w, Weights | PeriodWeights):
        return w
    if hasattr(w, "by_period"):
        return _one_per_period(w.by_period)
    seen = _SEEN.get(id(w))
    if seen is not None and seen[0]() is w:
        return seen[1]
    out = _converted(w, ids)
    if hasattr(w, "csr") and type(w).__hash__ not in (None, object.__hash__):  # hashed by content: it will not change
        key = id(w)
        _SEEN[key] = weakref.ref(w, lambda _: _SEEN.pop(key, None)), out
    return out


def _one_per_period(by_period: dict) -> PeriodWeights:
    matrices = [as_weights(w) for w in by_period.values()]
    first = matrices[0].ids
    matrices = [w if w.ids.equals(first) else w.reordered(positions(w.ids, first)) for w in matrices]
    return PeriodWeights(tuple(matrices), pd.Index(by_period))


def _converted(w, ids) -> Weights:
    csr, found, kind, standardization = _read(w)
    if csr.shape[0] != csr.shape[1]:
        raise SpatialInputError("E311", f"weights must be square, got {csr.shape[0]} x {csr.shape[1]}")
    if not np.isfinite(csr.data).all():
        bad = np.unique(csr.tocoo().coords[0][~np.isfinite(csr.data)])
        names = bad if found is None else found[bad]
        raise SpatialInputError("E302", "weights must be finite; some are NaN or infinite", ids=list(names))
    index = found if found is not None else (None if ids is None else pd.Index(ids))
    if index is not None and len(index) != csr.shape[0]:
        raise SpatialInputError("E105", f"{len(index)} ids were given for weights of {csr.shape[0]} units")
    if index is not None and not index.is_unique:
        raise SpatialInputError("E102", "ids of the weights repeat", ids=index[index.duplicated()].unique())
    notes = tuple(getattr(w, "notes", ()))
    return Weights(csr, index, kind, standardization or _guess_standardization(csr), notes)


def align(values, weights: Weights, *, name: str = "y") -> np.ndarray:
    """Put labelled values into the order of the weights' ids.

    A Series is matched by its index, whatever its order. Values without labels (arrays, lists) are taken in
    the weights' order.

    Parameters
    ----------
    values : Series, array or list of length n
    weights : Weights
    name : str
        What to call the values in errors.

    Returns
    -------
    ndarray of length n
        In the order of ``weights.ids``; dtype as given.

    Raises
    ------
    SpatialInputError
        E101 when ids differ, E102 when they repeat, E105 when the length differs.
    """
    if isinstance(values, pd.Series) and weights.ids is not None:
        return values.to_numpy()[positions(values.index, weights.ids, what=f"{name!r}")]
    if isinstance(values, pd.Series):
        warn_unlabelled()
    array = np.asarray(values)
    if array.shape[:1] != (weights.n,):
        raise SpatialInputError("E105", f"{name!r} has {len(array)} values, the weights have {weights.n} units")
    return array


def warn_unlabelled() -> None:
    warnings.warn(
        "the weights have no ids, so the data's order was taken for theirs and could not be checked",
        SpatialInputWarning,
        stacklevel=4,
    )


def _read(w):
    """(csr, ids, kind, standardization) of whatever came; None where it does not say."""
    if hasattr(w, "csr") and hasattr(w, "ids"):
        kind, standardization = getattr(w, "kind", "given weights"), getattr(w, "standardization", None)
        ids = w.ids if isinstance(w.ids, pd.Index) else pd.Index(w.ids)  # the same object knows that it is unique
        csr = w.csr if isinstance(w.csr, sparse.csr_array) else sparse.csr_array(w.csr)
        return csr, ids, kind, standardization
    if hasattr(w, "sparse") and hasattr(w, "unique_ids"):  # libpysal Graph
        return sparse.csr_array(w.sparse, dtype=float), pd.Index(w.unique_ids), "libpysal Graph", None
    if hasattr(w, "sparse") and hasattr(w, "id_order"):  # libpysal W
        return sparse.csr_array(w.sparse, dtype=float), pd.Index(w.id_order), "libpysal W", None
    if sparse.issparse(w):
        return sparse.csr_array(w, dtype=float), None, "given matrix", None
    if isinstance(w, pd.DataFrame):
        if not w.index.equals(w.columns):
            raise SpatialInputError("E311", "rows and columns of the weights must carry the same labels in order")
        return sparse.csr_array(w.to_numpy(dtype=float)), w.index, "given matrix", None
    if isinstance(w, np.ndarray | list) and np.ndim(w) == 2:
        return sparse.csr_array(np.asarray(w, dtype=float)), None, "given matrix", None
    raise SpatialInputError(
        "E501",
        f"weights of type {type(w).__name__} are not understood",
        hint="give spillover weights (wt.queen(...)), a libpysal Graph or W, a scipy sparse matrix or an array",
    )


def _guess_standardization(csr: sparse.csr_array) -> str:
    sums = np.asarray(csr.sum(axis=1)).ravel()
    linked = sums[np.diff(csr.indptr) > 0]
    return "row" if len(linked) and np.allclose(linked, 1.0, rtol=0, atol=ROW_SUM_TOLERANCE) else "none"
