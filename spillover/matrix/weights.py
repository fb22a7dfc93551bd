"""SpatialWeights: a frozen sparse matrix with names on its rows."""

from __future__ import annotations

import hashlib
from dataclasses import InitVar, dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.ids import positions
from spillover.provenance import links_fingerprint
from spillover.show import ask
from spillover.types import Ids, Map, PathLike

from .. import labels as _labels
from .csr import canonical, frozen, take, with_data
from .rows import Rows


@dataclass(frozen=True, eq=False, repr=False)
class SpatialWeights(Rows):
    """Who is whose neighbor, and how strongly: row i holds the weights of i's neighbors.

    Every builder of this package returns one. It never changes: methods give new objects, the arrays are
    read-only, and equal content means equal hash, so that work on a matrix can be remembered.

    Attributes
    ----------
    csr : scipy.sparse.csr_array, shape (n, n)
        float64, canonical (sorted, no duplicates, no explicit zeros), read-only.
    ids : pandas.Index, length n
        Unique labels of rows and columns, in the order of the rows.
    kind : str
        How the weights were made, in words.
    standardization : str
        "none", "row", "spectral", "minmax", "double" or "variance".
    unit : str or None
        The unit of the distances behind the weights, where there are any.
    notes : tuple of str
        What was decided on the way (islands attached, units dropped, ...).
    raw : numpy.ndarray or None, shape (nnz,)
        The weights before standardisation; None when they are the weights, or when unknown.
    labelled : bool
        False for a matrix that came without ids: its rows are numbered, and are taken in the order of the data.

    Examples
    --------
    >>> import weights as wt
    >>> w = wt.from_dense([[0, 1, 0], [1, 0, 1], [0, 1, 0]], ids=["a", "b", "c"])
    >>> w.standardize("row").lag(pd.Series({"c": 3.0, "b": 2.0, "a": 1.0}))
    a    2.0
    b    2.0
    c    2.0
    dtype: float64
    """

    csr: sparse.csr_array
    ids: pd.Index
    kind: str = "given"
    standardization: str = "none"
    unit: str | None = None
    notes: tuple[str, ...] = ()
    raw: np.ndarray | None = field(default=None)
    labelled: bool = True
    _sound: InitVar[bool] = False  # a builder vouches that no weight is zero, infinite or NaN

    varies: ClassVar[Literal[False]] = False  # over time: see TemporalWeights

    def __post_init__(self, _sound):
        csr = canonical(self.csr, sound=_sound)
        with np.errstate(over="ignore", invalid="ignore"):
            finite = _sound or np.isfinite(csr.data.sum()) or np.isfinite(csr.data).all()
        if not finite:
            raise SpatialInputError("E302", "weights must be finite, but some are NaN or infinite",
                                    hint="a distance or difference of almost zero? Set the least one that counts")
        object.__setattr__(self, "csr", csr)
        object.__setattr__(self, "ids", _labels.unit_index(self.ids, csr.shape[0], what="rows of the matrix"))
        object.__setattr__(self, "notes", tuple(self.notes))
        if self.raw is not None:
            object.__setattr__(self, "raw", frozen(np.asarray(self.raw, float)))

    @property
    def n(self) -> int:
        """Number of units."""
        return self.csr.shape[0]

    @property
    def nnz(self) -> int:
        """Number of directed links (i, j) with a weight."""
        return self.csr.nnz

    @property
    def cardinalities(self) -> pd.Series:
        """Number of neighbors of each unit."""
        return pd.Series(np.diff(self.csr.indptr), index=self.ids, name="neighbors")

    @cached_property
    def alone(self) -> np.ndarray:
        """True for units without neighbors (empty rows), shape (n,)."""
        return np.diff(self.csr.indptr) == 0

    @cached_property
    def row_sums(self) -> np.ndarray:
        """Sum of each unit's weights, shape (n,)."""
        return np.asarray(self.csr.sum(axis=1)).ravel()

    @cached_property
    def component_labels(self) -> pd.Series:
        """Component of each unit, numbered from 0; links count in either direction."""
        from scipy.sparse.csgraph import connected_components

        labels = connected_components(self.csr, directed=True, connection="weak")[1]
        return pd.Series(labels, index=self.ids, name="component")

    @cached_property
    def components(self) -> int:
        """Number of connected components; an island is one of them."""
        return int(self.component_labels.max()) + 1 if self.n else 0

    @cached_property
    def is_symmetric(self) -> bool:
        """Whether w_ij = w_ji for every pair (to rounding: 1e-12 of the largest weight)."""
        gap = abs(self.csr - self.csr.T)
        return gap.nnz == 0 or gap.max() <= 1e-12 * abs(self.csr).max()

    @cached_property
    def digest(self) -> str:
        """Fingerprint of ids, links and weights (BLAKE2, hexadecimal)."""
        return hashlib.blake2b(f"{self.matrix_digest}{self.ids.tolist()!r}".encode(), digest_size=16).hexdigest()

    @cached_property
    def matrix_digest(self) -> str:
        """Fingerprint of links and weights alone: spectral work is remembered under it."""
        h = hashlib.blake2b(digest_size=16)
        for part in (self.csr.indptr, self.csr.indices, self.csr.data):
            h.update(np.ascontiguousarray(part).view(np.uint8).data)
        return h.hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """Of units, links and weights, whatever the order of the units."""
        focal = np.repeat(np.arange(self.n), np.diff(self.csr.indptr))
        return links_fingerprint(self.ids, focal, self.csr.indices, self.csr.data)

    def __hash__(self) -> int:
        return hash(self.matrix_digest)

    def __eq__(self, other) -> bool:
        if not isinstance(other, SpatialWeights):
            return NotImplemented
        same = self.nnz == other.nnz and self.matrix_digest == other.matrix_digest
        return self is other or (same and self.ids.equals(other.ids))

    def __getitem__(self, unit) -> pd.Series:
        """Neighbors of one unit and their weights."""
        i = int(_labels.places([unit], self.ids, what="the key")[0])
        row = slice(*self.csr.indptr[i : i + 2])
        return pd.Series(self.csr.data[row], index=self.ids[self.csr.indices[row]], name=unit)

    # -- what it gives ------------------------------------------------------------------------------

    def standardize(self, style: str = "row") -> SpatialWeights:
        """A copy with standardised weights; see :func:`spillover.matrix.standardization.standardize`."""
        from .standardization import standardize

        return standardize(self, style)

    def lag(self, x: Any) -> Any:
        """The spatial lag W x: for each unit the weighted sum over its neighbors.

        Parameters
        ----------
        x : Series or DataFrame (rows in any order, aligned by id), or array of shape (n,) or (n, k) by position

        Raises
        ------
        SpatialInputError
            E101 ids differ, E102 duplicate ids, E105 an array of another length, E201 missing, E202 infinite
            values, E203 not numeric.
        """
        from .lag import spatial_lag

        return spatial_lag(self, x)

    def subset(self, ids: Ids) -> SpatialWeights:
        """The weights among ``ids`` only, in that order; standardised weights are standardised again."""
        return self.subset_at(_labels.places(_labels.unit_index(ids), self.ids, what="subset"))

    def subset_at(self, at: np.ndarray) -> SpatialWeights:
        """The same by position: the units ``at`` (k,), in that order."""
        from .standardization import restandardize

        out = restandardize(self, at)
        if len(at) == self.n:
            return out
        note = f"{len(at)} of {self.n} units"
        if len(lost := out.islands.difference(self.islands, sort=False)):
            note += f"; without neighbors since: {', '.join(map(str, lost[:5]))}" + (" ..." if len(lost) > 5 else "")
        if self.standardization != "none":
            note += f"; {self.standardization}-standardised again"
        return replace(out, notes=(*self.notes, note))

    def without_links_of(self, absent: np.ndarray) -> SpatialWeights:
        """The units of a mask (n,) keep their rows and lose their links; standardised again."""
        from .standardization import restandardize

        return restandardize(self, np.arange(self.n), absent=absent)

    def reindex(self, ids: Ids) -> SpatialWeights:
        """The same weights with the units in the order of ``ids``, which must be the same units."""
        ids = _labels.unit_index(ids)
        if ids.equals(self.ids):
            return self
        return replace(self.reordered(positions(self.ids, ids, what="the weights (self)")), ids=ids)

    def reordered(self, at: np.ndarray) -> SpatialWeights:
        """All units, in the order of the positions ``at`` (n,)."""
        csr, raw = take(self.csr, at), None
        if self.raw is not None:
            raw = take(with_data(self.csr, self.raw), at).data
        return replace(self, csr=csr, ids=self.ids[at], raw=raw)

    def each(self, periods: int) -> tuple[SpatialWeights, ...]:
        """W of every period: the same."""
        return (self,) * periods

    def symmetrize(self, how: str = "max") -> SpatialWeights:
        """A symmetric copy: w_ij and w_ji become their larger ("max"), smaller ("min") or mean.

        Works on the weights before standardisation, and so returns unstandardised weights.
        """
        from .standardization import symmetrize

        return symmetrize(self, how)

    def to_frame(self) -> pd.DataFrame:
        """Long table: one row per link, columns focal, neighbor, weight."""
        focal = np.repeat(np.arange(self.n), np.diff(self.csr.indptr))
        return pd.DataFrame({"focal": self.ids[focal], "neighbor": self.ids[self.csr.indices],
                             "weight": self.csr.data})

    def to_dense(self) -> pd.DataFrame:
        """Square table with ids on both sides; refused (E309) above 2 GiB."""
        from .dense import refuse_dense

        refuse_dense(self.n, sparse_way="w.csr or w.to_frame()")
        return pd.DataFrame(self.csr.toarray(), index=self.ids, columns=self.ids)

    def to_graph(self) -> Any:
        """The same weights as a ``libpysal.graph.Graph``."""
        from .to_libpysal import to_graph

        return to_graph(self)

    def to_W(self) -> Any:
        """The same weights as a ``libpysal.weights.W``."""
        from .to_libpysal import to_W

        return to_W(self)

    def save(self, path: PathLike, *, overwrite: bool = False) -> None:
        """Write to a file; the suffix chooses the format (``.parquet`` keeps everything)."""
        ask("save", self, path, overwrite=overwrite)

    def describe(self, data: Map | None = None, **where: Any) -> pd.Series:
        """Links, cardinalities, components, islands, spectrum; see :func:`weights.describe`."""
        return ask("describe", self, data, **where)

    def header(self) -> str:
        """One line for the head of a result: kind, standardisation, links, islands, what was done."""
        from .header import one_line

        return one_line(self)

    def plot(self, data: Map | None = None, *, kind: str | None = None, ax: Any = None, **where: Any) -> Any:
        """Links over the map, histogram of neighbors or heat map; see :func:`weights.plot`."""
        return ask("plot", self, data, kind=kind, ax=ax, **where)

    def explore(self, map: Map, **options: Any) -> Any:
        """Units, their neighbors and links on a web page to zoom into; see :func:`weights.web.explore`."""
        return ask("explore", self, map, **options)

    # -- how it prints ------------------------------------------------------------------------------
    def __repr__(self) -> str:
        return f"<SpatialWeights {self.kind!r}: {self.n} units, {self.nnz} links, {self.standardization}>"

    def __str__(self) -> str:
        from .header import text

        return text(self)

    def _repr_html_(self) -> str:
        from .header import html

        return html(self)
