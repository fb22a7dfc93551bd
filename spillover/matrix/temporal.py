"""Weights that change over time, and weights between units across periods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.ids import positions

from .. import labels as _labels
from ..values import numeric
from .assemble import from_csr
from .weights import SpatialWeights


@dataclass(frozen=True, eq=False)
class TemporalWeights(Mapping):
    """One matrix per period, all of the same units in the same order: ``w[1998]`` is that year's.

    Attributes
    ----------
    by_period : dict
        Period to SpatialWeights, periods sorted.
    """

    by_period: dict

    def __getitem__(self, period) -> SpatialWeights:
        if period not in self.by_period:
            raise SpatialInputError("E101", f"there are no weights for period {period!r}",
                                    hint=f"periods are {', '.join(map(str, self.by_period))}")
        return self.by_period[period]

    def __iter__(self):
        return iter(self.by_period)

    def __len__(self) -> int:
        return len(self.by_period)

    @property
    def ids(self) -> pd.Index:
        """Units, the same in every period."""
        return next(iter(self.by_period.values())).ids

    @property
    def periods(self) -> list:
        return list(self.by_period)

    def standardize(self, style: str = "row") -> TemporalWeights:
        """Standardise each period's weights."""
        return TemporalWeights({t: w.standardize(style) for t, w in self.by_period.items()})

    def mean(self) -> SpatialWeights:
        """One matrix: the average over periods, for models whose W may not vary."""
        total = sum(w.csr for w in self.by_period.values())
        styles = {w.standardization for w in self.by_period.values()}
        alone = any(len(w.islands) for w in self.by_period.values())
        first = next(iter(self.by_period.values()))
        kind = f"mean over {len(self)} periods: {first.kind}"
        style = "row" if styles == {"row"} and not alone else "none"
        return SpatialWeights(sparse.csr_array(total / len(self)), self.ids, kind, style, first.unit)

    def stack(self, *, lagged: bool = False) -> SpatialWeights:
        """The space-time matrix over (unit, period), periods after one another.

        Blocks stand on the diagonal; with ``lagged`` one below it, so that a unit's neighbours are those of the period
        before, weighted as then (the first period has none).
        """
        blocks = [w.csr for w in self.by_period.values()]
        whole = sparse.csr_array(sparse.block_diag(blocks, format="csr"))
        n = len(self.ids)
        if lagged:
            whole = sparse.csr_array(sparse.vstack([sparse.csr_array((n, whole.shape[1])), whole[:-n]], format="csr"))
        labels = pd.MultiIndex.from_tuples([(i, t) for t in self.by_period for i in self.ids], names=["unit", "time"])
        first = next(iter(self.by_period.values()))
        kind = f"space-time, {len(self)} periods{', neighbours of the period before' if lagged else ''}: {first.kind}"
        return from_csr(whole, labels, kind, unit=first.unit)

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
        want = pd.MultiIndex.from_tuples([(i, t) for t in self.by_period for i in self.ids])
        blocks = values.to_numpy()[positions(values.index, want)].reshape(len(self), -1)
        lagged = np.concatenate([w.csr @ b for w, b in zip(self.by_period.values(), blocks, strict=True)])
        return pd.Series(lagged, index=want).reindex(values.index).set_axis(x.index).rename(x.name)

    def __str__(self) -> str:
        lines = [f"Weights over {len(self)} periods, {len(self.ids):,} units"]
        lines += [f"  {t}  {w.nnz:,} links, {len(w.islands)} islands, {w.standardization}: {w.kind}"
                  for t, w in self.by_period.items()]
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
        raise SpatialInputError("E206", "no period was given")
    for period, w in by_period.items():
        if not isinstance(w, SpatialWeights):
            raise SpatialInputError("E501", f"period {period!r} has a {type(w).__name__}, no SpatialWeights",
                                    hint="wt.from_dense(frame) makes weights of a labelled matrix")  # fmt: skip
    try:
        order = sorted(by_period)
    except TypeError:
        order = list(by_period)
    first = by_period[order[0]]
    return TemporalWeights({t: by_period[t].reindex(first.ids) for t in order})
