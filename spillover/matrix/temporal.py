"""Weights that change over time: one matrix per period, over the same units in the same order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SHOWN, SpatialInputError
from spillover.ids import positions
from spillover.provenance import fingerprint

from .. import labels as _labels
from ..values import counted, numeric
from .header import style
from .rows import Rows
from .weights import SpatialWeights


@dataclass(frozen=True, eq=False, repr=False)
class TemporalWeights(Rows, Mapping):
    """One ``SpatialWeights`` per period: ``w[1998]`` is that year's. What needs a single matrix is refused (E320).

    Attributes
    ----------
    matrices : tuple of T SpatialWeights
        All over the same units in the same order.
    periods : Index of T labels, in the same order
    notes : tuple of str
        What was done to them, in words.
    observed : ndarray of bool, shape (T, N), or None
        In an unbalanced panel the units that are observed; the others have no links.
    """

    matrices: tuple[SpatialWeights, ...]
    periods: pd.Index
    notes: tuple[str, ...] = ()
    observed: np.ndarray | None = field(default=None)

    varies: ClassVar[Literal[True]] = True

    def __getitem__(self, period) -> SpatialWeights:
        """The W of one period, over the units observed in it."""
        if period not in self.periods:
            raise SpatialInputError("E107", f"there are no weights for period {period!r}", ids=list(self.periods),
                                    hint=f"periods are {', '.join(map(str, self.periods))}")  # fmt: skip
        w = self.matrices[t := int(self.periods.get_indexer(pd.Index([period]))[0])]
        return w if self.observed is None else w.subset_at(np.flatnonzero(self.observed[t]))

    def __iter__(self):
        return iter(self.periods.tolist())

    def __len__(self) -> int:
        return len(self.matrices)

    def each(self, periods: int) -> tuple[SpatialWeights, ...]:
        """W of every period."""
        return self.matrices

    def for_periods(self, times: pd.Index) -> TemporalWeights | SpatialWeights:
        """Only these periods, in this order; a note names the others. One W where all are the same.

        Raises
        ------
        SpatialInputError
            E107 when there are no weights for some of them.
        """
        at = self.periods.get_indexer(times)
        if (at < 0).any():
            raise _periods_missing(times, at < 0, self.periods)
        extra = self.periods.difference(times, sort=False)
        notes = self.notes
        if len(extra):
            notes += (f"weights of {len(extra)} periods without data left out: {_some(extra)}",)
        if len({self.matrices[t].matrix_digest for t in at}) == 1:
            first = self.matrices[at[0]]
            return replace(first, notes=(*first.notes, *notes, f"the same in all {len(times)} periods"))
        return TemporalWeights(tuple(self.matrices[t] for t in at), times, notes)

    # -- what they have in common ---------------------------------------------------------------------

    @cached_property
    def fingerprint(self) -> str:
        """Of the W of every period, whatever the order of units and periods."""
        each = [w.fingerprint for w in self.matrices]
        return fingerprint(pd.DataFrame({"w": each}, index=pd.Index(self.periods.tolist(), name="period")))

    @property
    def csr(self) -> Any:
        raise SpatialInputError("E320", "these weights vary over time, one matrix is needed here",
                                n=len(self.periods), hint="use one period's, w[period], or w.mean()")  # fmt: skip

    @property
    def n(self) -> int:
        """Number of units."""
        return self.matrices[0].n

    @property
    def ids(self) -> pd.Index:
        """Units, the same in every period."""
        return self.matrices[0].ids

    @property
    def labelled(self) -> bool:
        return self.matrices[0].labelled

    @property
    def kind(self) -> str:
        return f"{self.matrices[0].kind}, time-varying"

    @property
    def standardization(self) -> str:
        styles = {w.standardization for w in self.matrices}
        return styles.pop() if len(styles) == 1 else "mixed"

    @property
    def nnz(self) -> int:
        """Links per period, on average."""
        return round(np.mean([w.nnz for w in self.matrices]))

    @cached_property
    def row_sums(self) -> np.ndarray:
        """Of all periods and the units observed in them, (m,)."""
        return np.concatenate([w.row_sums[observed] for w, observed in self._with_units()])

    @cached_property
    def alone(self) -> np.ndarray:
        """True for units that are observed without neighbors in some period, shape (n,)."""
        return np.any([w.alone & observed for w, observed in self._with_units()], axis=0)

    @cached_property
    def matrix_digest(self) -> str:
        """Fingerprint of all matrices and of who is observed."""
        h = hashlib.blake2b("".join(w.matrix_digest for w in self.matrices).encode(), digest_size=16)
        h.update(b"" if self.observed is None else self.observed.tobytes())
        return h.hexdigest()

    @cached_property
    def digest(self) -> str:
        """The same with the ids and the periods."""
        labels = f"{self.matrix_digest}{self.ids.tolist()!r}{self.periods.tolist()!r}"
        return hashlib.blake2b(labels.encode(), digest_size=16).hexdigest()

    def __eq__(self, other) -> bool:
        return isinstance(other, TemporalWeights) and self.n == other.n and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.matrix_digest)

    # -- what they give -------------------------------------------------------------------------------

    def standardize(self, style: str = "row") -> TemporalWeights:
        """Standardise each period's weights."""
        return replace(self, matrices=tuple(w.standardize(style) for w in self.matrices))

    def subset_at(self, at: np.ndarray) -> TemporalWeights:
        """Only the units at the positions ``at``, in every period."""
        return replace(self, matrices=tuple(w.subset_at(at) for w in self.matrices))

    def reordered(self, at: np.ndarray) -> TemporalWeights:
        """All units, in the order of the positions ``at`` (n,)."""
        return replace(self, matrices=tuple(w.reordered(at) for w in self.matrices))

    def mean(self) -> SpatialWeights:
        """One matrix: the average over periods, for models whose W may not vary."""
        total = sum(w.csr for w in self.matrices)
        alone = any(w.alone.any() for w in self.matrices)
        style = "row" if self.standardization == "row" and not alone else "none"
        first = self.matrices[0]
        return SpatialWeights(sparse.csr_array(total / len(self)), self.ids,
                              f"mean over {len(self)} periods: {first.kind}", style, first.unit)

    @cached_property
    def stacked(self) -> SpatialWeights:
        """All periods as one block-diagonal W over (period, observed unit), rows numbered: averages over its rows are
        averages over units and periods."""
        blocks = [w.csr if observed.all() else w.csr[observed][:, observed] for w, observed in self._with_units()]
        whole, first = sparse.csr_array(sparse.block_diag(blocks, format="csr")), self.matrices[0]
        return SpatialWeights(whole, pd.RangeIndex(whole.shape[0]), first.kind, self.standardization, first.unit,
                              first.notes, labelled=False)

    def stack(self, *, lagged: bool = False) -> SpatialWeights:
        """The space-time matrix over (unit, period), periods after one another.

        Blocks stand on the diagonal; with ``lagged`` one below it, so that a unit's neighbors are those of the period
        before, weighted as then (the first period has none).
        """
        whole = sparse.csr_array(sparse.block_diag([w.csr for w in self.matrices], format="csr"))
        n = len(self.ids)
        if lagged:
            whole = sparse.csr_array(sparse.vstack([sparse.csr_array((n, whole.shape[1])), whole[:-n]], format="csr"))
        first = self.matrices[0]
        kind = f"space-time, {len(self)} periods{', neighbors of the period before' if lagged else ''}: {first.kind}"
        return SpatialWeights(whole, self._unit_periods(["unit", "time"]), kind, unit=first.unit)

    def lag(self, x: pd.Series) -> pd.Series:
        """W_t x_t for a Series indexed by (unit, period), in any order; the result has its index.

        Raises
        ------
        SpatialInputError
            E101 units or periods differ, E102, E201, E203.
        """
        if not isinstance(x, pd.Series) or x.index.nlevels != 2:
            raise SpatialInputError("E101", "a Series indexed by (unit, period) is needed",
                                    hint="df.set_index([entity, time])[column]")
        values = pd.Series(numeric(x, ids=x.index), index=_labels.unit_index(x.index))
        want = self._unit_periods()
        blocks = values.to_numpy()[positions(values.index, want)].reshape(len(self), -1)
        lagged = np.concatenate([w.csr @ b for w, b in zip(self.matrices, blocks, strict=True)])
        return pd.Series(pd.Series(lagged, index=want).reindex(values.index).to_numpy(), index=x.index, name=x.name)

    def _unit_periods(self, names=None) -> pd.MultiIndex:
        return pd.MultiIndex.from_tuples([(i, t) for t in self for i in self.ids], names=names)

    def _with_units(self):
        """Every period's W with the mask of its observed units."""
        everyone = np.ones((len(self.matrices), self.n), dtype=bool)
        return zip(self.matrices, everyone if self.observed is None else self.observed, strict=True)

    # -- how they print -------------------------------------------------------------------------------

    def header(self) -> str:
        """One line for the head of a result: kind, how many matrices, standardisation, links, islands."""
        links = [w.nnz for w in self.matrices]
        counts = f"{min(links):,} links" if min(links) == max(links) else f"{min(links):,} to {max(links):,} links"
        alone = f"{counted(len(self.islands), 'unit')} alone in some period" if self.alone.any() else "no islands"
        return "; ".join([f"{self.kind}, {len(self.matrices)} matrices, {style(self)}, {counts}, {alone}", *self.notes])

    def __str__(self) -> str:
        lines = [f"Weights over {len(self)} periods, {len(self.ids):,} units"]
        lines += [f"  {t}  {w.nnz:,} links, {len(w.islands)} islands, {w.standardization}: {w.kind}"
                  for t, w in zip(self.periods, self.matrices, strict=True)]
        return "\n".join(lines)

    __repr__ = __str__


def temporal(by_period: Mapping) -> TemporalWeights:
    """Weights that differ between periods, from ``{period: SpatialWeights}``.

    All periods need the same units, in any order.

    Raises
    ------
    SpatialInputError
        E101 the units differ between periods, E206 no period, E501 anything but SpatialWeights.

    Examples
    --------
    >>> import weights as wt
    >>> gdp = pd.DataFrame({"id": [*"abc"] * 2, "year": [1] * 3 + [2] * 3, "gdp": [1.0, 2, 4, 1, 5, 6]})
    >>> w = temporal({t: wt.economic(part, "gdp", ids="id") for t, part in gdp.groupby("year")})
    >>> w[2].csr[0, 1], w.mean().csr[0, 1]
    (np.float64(0.25), np.float64(0.625))
    """
    if not by_period:
        raise SpatialInputError("E206", "no period was given", hint="give {period: weights}")
    for period, w in by_period.items():
        if not isinstance(w, SpatialWeights):
            raise SpatialInputError("E501", f"period {period!r} has a {type(w).__name__}, no SpatialWeights",
                                    hint="wt.from_dense(frame) makes weights of a labelled matrix")  # fmt: skip
    try:
        order = sorted(by_period)
    except TypeError:
        order = list(by_period)
    first = by_period[order[0]]
    return TemporalWeights(tuple(by_period[t].reindex(first.ids) for t in order), pd.Index(order))


def refuse_varying(weights: SpatialWeights | TemporalWeights, what: str) -> SpatialWeights:
    """The one W that ``what``, named in words, needs.

    Raises
    ------
    SpatialInputError
        E320.
    """
    if weights.varies:
        raise SpatialInputError("E320", f"{what} needs one W; these weights vary over {len(weights.periods)} periods",
                                hint="w.mean() is one matrix")  # fmt: skip
    return weights


def _periods_missing(times, absent, have) -> SpatialInputError:
    hint = "leave these periods out of the data, or add their weights"
    if absent.all() and times.dtype != have.dtype:
        hint = f"periods are {times.dtype} in the data and {have.dtype} in the weights: convert one of them"
    message = f"the weights lack {int(absent.sum())} of the {len(times)} periods: {_some(times[absent])}"
    return SpatialInputError("E107", message, ids=list(times[absent]), hint=hint)


def _some(labels: pd.Index) -> str:
    return ", ".join(map(str, labels[:SHOWN])) + " ..." * (len(labels) > SHOWN)
