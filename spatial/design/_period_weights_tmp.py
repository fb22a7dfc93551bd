"""Weights that vary over time: one W per period, over the same units in the same order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SHOWN, SpatialInputError

if TYPE_CHECKING:
    from ._weights_tmp import Weights


@dataclass(frozen=True, eq=False)
class PeriodWeights:
    """One ``Weights`` per period. What needs a single matrix asks for ``csr`` and is refused.

    Attributes
    ----------
    matrices : tuple of T Weights
    periods : Index of T labels, in the same order
    notes : tuple of str
        What was done to them, in words.
    observed : (T, N) of bool, or None
        Where a panel is unbalanced: the units that are there. The others have no links.
    """

    matrices: tuple[Weights, ...] = field(repr=False)
    periods: pd.Index = field(repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False)
    observed: np.ndarray | None = field(default=None, repr=False)

    varies = True

    @property
    def csr(self):
        raise SpatialInputError("E320", "these weights vary over time, one matrix is needed here",
                                n=len(self.periods), hint="use one period's, w[period], or w.mean()")  # fmt: skip

    @property
    def n(self) -> int:
        return self.matrices[0].n

    @property
    def ids(self) -> pd.Index | None:
        return self.matrices[0].ids

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
        return np.concatenate([w.row_sums[there] for w, there in self._with_units()])

    @cached_property
    def islands(self) -> list:
        """Ids of the units that are without neighbours in some period."""
        alone = np.flatnonzero(np.any([w.alone & there for w, there in self._with_units()], axis=0))
        return list(alone if self.ids is None else self.ids[alone])

    @property
    def rows_sum_to_one(self) -> bool:
        return bool(np.allclose(self.row_sums, 1.0, rtol=0, atol=1e-9))

    @cached_property
    def digest(self) -> str:
        h = hashlib.blake2b("".join(w.digest for w in self.matrices).encode(), digest_size=16)
        h.update(b"" if self.observed is None else self.observed.tobytes())
        return h.hexdigest()

    def __eq__(self, other) -> bool:
        return isinstance(other, PeriodWeights) and self.n == other.n and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def stacked(self) -> Weights:
        """All periods as one block-diagonal W over (period, observed unit), without ids: averages over its rows are
        averages over units and periods."""
        blocks = [w.csr if there.all() else w.csr[there][:, there] for w, there in self._with_units()]
        whole = sparse.csr_array(sparse.block_diag(blocks, format="csr"))
        return replace(self.matrices[0], csr=whole, ids=None, standardization=self.standardization)

    def at(self, period) -> Weights:
        """The W of one period, over the units observed in it."""
        if period not in self.periods:
            raise SpatialInputError("E107", f"there are no weights for period {period!r}", ids=list(self.periods))
        t = int(self.periods.get_loc(period))
        return self.matrices[t] if self.observed is None else self.matrices[t].subset(np.flatnonzero(self.observed[t]))

    def each(self, periods: int) -> tuple[Weights, ...]:
        """W of every period."""
        return self.matrices

    def for_periods(self, times: pd.Index) -> PeriodWeights | Weights:
        """Only these periods, in this order; others are left out, and said so. One W if all are the same.

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
        if len({self.matrices[t].digest for t in at}) == 1:
            return replace(self.matrices[at[0]], notes=(*notes, f"the same in all {len(times)} periods"))
        return PeriodWeights(tuple(self.matrices[t] for t in at), times, notes)

    def subset(self, keep: np.ndarray) -> PeriodWeights:
        """Only the units at the positions ``keep``, in every period."""
        return replace(self, matrices=tuple(w.subset(keep) for w in self.matrices))

    def reordered(self, at: np.ndarray) -> PeriodWeights:
        return replace(self, matrices=tuple(w.reordered(at) for w in self.matrices))

    def _with_units(self):
        """Every period's W with the mask of its units."""
        everyone = np.ones((len(self.matrices), self.n), dtype=bool)
        return zip(self.matrices, everyone if self.observed is None else self.observed)

    def describe(self) -> str:
        """One line for headers: kind, how many matrices, standardisation, links, islands."""
        links = [w.nnz for w in self.matrices]
        said = f"{min(links):,} links" if min(links) == max(links) else f"{min(links):,} to {max(links):,} links"
        style = "not standardised" if self.standardization == "none" else f"{self.standardization}-standardised"
        alone = f"{len(self.islands)} units alone in some period" if self.islands else "no islands"
        what = f"{self.kind}, {len(self.matrices)} matrices, {style}, {said}, {alone}"
        return "; ".join([what, *self.notes])


def refuse_varying(weights, what: str) -> None:
    """``what``, named in words, needs one W.

    Raises
    ------
    SpatialInputError
        E320.
    """
    if weights.varies:
        raise SpatialInputError("E320", f"{what} needs one W; these weights vary over {len(weights.periods)} periods",
                                hint="w.mean() is one matrix")  # fmt: skip


def _periods_missing(times, absent, have) -> SpatialInputError:
    hint = "leave these periods out of the data, or add their weights"
    if absent.all() and times.dtype != have.dtype:
        hint = f"periods are {times.dtype} in the data and {have.dtype} in the weights: convert one of them"
    message = f"the weights lack {int(absent.sum())} of the {len(times)} periods: {_some(times[absent])}"
    return SpatialInputError("E107", message, ids=list(times[absent]), hint=hint)


def _some(labels: pd.Index) -> str:
    return ", ".join(map(str, labels[:SHOWN])) + " ..." * (len(labels) > SHOWN)
