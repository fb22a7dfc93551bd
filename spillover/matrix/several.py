"""Several W over the same units that one model has at once: W_1, W_2, ..."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.provenance import fingerprint, links_fingerprint

from .temporal import TemporalWeights
from .weights import SpatialWeights

SAME_DIRECTION = 1e-10  # share of a W's norm that must be left once the W before it are projected out


@dataclass(frozen=True, eq=False, repr=False)
class SeveralWeights:
    """W_1 ... W_J in one order of units; what is defined for one W alone is refused.

    Attributes
    ----------
    matrices : tuple of J SpatialWeights, or TemporalWeights where they vary over time
    lag, error : tuple of int
        Which of them lag the response, and the error.
    pairs : tuple of (int, int)
        Column of the regressors and W: what is lagged by which W.
    listed : tuple of int
        Those of ``w=``.
    """

    matrices: tuple[SpatialWeights | TemporalWeights, ...]
    lag: tuple[int, ...] = ()
    error: tuple[int, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    listed: tuple[int, ...] = ()

    @property
    def varies(self) -> bool:
        """Whether one of them varies over time."""
        return any(w.varies for w in self.matrices)

    @property
    def periods(self) -> pd.Index:
        """Of those that vary."""
        return next(w.periods for w in self.matrices if isinstance(w, TemporalWeights))

    def __getitem__(self, period) -> SeveralWeights:
        """The W of one period, over the units observed in it."""
        there = next((w.observed for w in self.matrices if isinstance(w, TemporalWeights)), None)
        place = self.periods.tolist().index(period)
        each = [w.each(len(self.periods))[place] for w in self.matrices]
        if there is not None:
            each = [w.subset_at(np.flatnonzero(there[place])) for w in each]
        return replace(self, matrices=tuple(each))

    @property
    def n(self) -> int:
        """Number of units."""
        return self.matrices[0].n

    @property
    def ids(self) -> pd.Index:
        return self.matrices[0].ids

    @property
    def labelled(self) -> bool:
        return all(w.labelled for w in self.matrices)

    @property
    def kind(self) -> str:
        """The kinds of all of them in one line."""
        return " and ".join(f"W_{j + 1} {w.kind}" for j, w in enumerate(self.matrices))

    @property
    def islands(self) -> pd.Index:
        """Units without neighbors in any of them."""
        return self.ids[np.all([w.alone for w in self.matrices], axis=0)]

    @property
    def rows_sum_to_one(self) -> bool:
        """Whether every unit's weights sum to one, in each of them."""
        return all(w.rows_sum_to_one for w in self.matrices)

    @cached_property
    def fingerprint(self) -> str:
        """Of all of them, in their order."""
        if self.varies:
            each = [w.fingerprint for w in self.matrices]
            return fingerprint(pd.DataFrame({"w": each}, index=pd.RangeIndex(len(each), name="place")))
        focal, neighbor = (np.concatenate(parts) for parts in zip(*(_links(w) for w in self.matrices)))
        place = np.repeat(np.arange(len(self.matrices)), [w.nnz for w in self.matrices])
        values = np.concatenate([w.csr.data for w in self.matrices])
        return links_fingerprint(self.ids, focal, neighbor, values + place)

    def header(self) -> str:
        """One line for the head of a result."""
        return "; ".join(f"W_{j + 1}: {w.header()}" for j, w in enumerate(self.matrices))

    def __getattr__(self, name: str):
        of_one = name in SpatialWeights.__dataclass_fields__ or hasattr(SpatialWeights, name)
        if name.startswith("_") or not of_one:
            raise AttributeError(name)
        raise SpatialInputError("E324", f"this needs one W ({name}), and the model has {len(self.matrices)}",
                                hint="estimate the model with each W alone, or see the fit's effects() and tests")

    def __repr__(self) -> str:
        return f"<SeveralWeights: {self.kind}, {self.n} units>"


def _links(w) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(w.n), np.diff(w.csr.indptr)), w.csr.indices


def refuse_alike(matrices: Sequence[SpatialWeights | TemporalWeights]) -> None:
    """Coefficients of several W are told apart only where no W is a linear combination of the others.

    Raises
    ------
    SpatialInputError
        E323 the same W twice, or a W that the others give; E306 a W without links.
    """
    T = next((len(w.periods) for w in matrices if isinstance(w, TemporalWeights)), 1)
    products = np.empty((len(matrices), len(matrices)))
    for i, a in enumerate(matrices):
        if not a.has_links:
            raise SpatialInputError("E306", f"W_{i + 1} ({a.kind}) has no links: it lags nothing",
                                    hint="islands='nearest' in the builder, or leave this W out")
        for j, b in enumerate(matrices[: i + 1]):
            if j < i and a == b:
                raise SpatialInputError("E323", f"W_{j + 1} and W_{i + 1} are the same weights ({a.kind})",
                                        hint="leave one of them out")
            products[i, j] = products[j, i] = _product(a, b, T)
    scale = 1 / np.sqrt(np.diag(products))
    cosines = products * np.outer(scale, scale)
    for i in range(1, len(matrices)):
        share = np.linalg.lstsq(cosines[:i, :i], cosines[:i, i], rcond=None)[0]
        if 1 - cosines[:i, i] @ share < SAME_DIRECTION:
            terms = share * scale[i] ** -1 * scale[:i]
            made_of = " + ".join(f"{c:.4g} W_{j + 1}" for j, c in enumerate(terms) if abs(c) > 1e-8)
            raise SpatialInputError("E323", f"W_{i + 1} ({matrices[i].kind}) is no weights of its own: it equals "
                                    f"{made_of}", hint="leave one of them out")


def _product(a: SpatialWeights | TemporalWeights, b: SpatialWeights | TemporalWeights, periods: int) -> float:
    """Of all elements, over the periods."""
    return sum(float(one.csr.multiply(other.csr).sum()) for one, other in zip(a.each(periods), b.each(periods)))
