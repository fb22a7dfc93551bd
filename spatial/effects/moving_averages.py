"""Average effects of models with several rho under W that vary over time: those of every period, added up.

Averages are over the units that are observed in a period, and over the periods.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from spillover.matrix import SpatialWeights, TemporalWeights

from ..design.design import Design
from ..logdet.several import SeveralLogdet
from ..logdet.several_periods import SeveralPeriods
from .regimes_averages import RegimeAverages
from .regimes_channels import ChannelAverages
from .several_averages import SeveralAverages


@dataclass(frozen=True, eq=False)
class Parts:
    """Averages of the periods that differ.

    Attributes
    ----------
    parts : tuple of P averages
    place : tuple of T int
        Which of them each period has.
    """

    parts: tuple[SeveralAverages, ...] = field(default=(), repr=False)
    place: tuple[int, ...] = ()

    @cached_property
    def logdet(self) -> SeveralPeriods:
        logdets: tuple[SeveralLogdet, ...] = tuple(part.logdet for part in self.parts)
        return SeveralPeriods(logdets, self.place)

    @property
    def exact(self) -> bool:
        return all(part.exact for part in self.parts)

    @property
    def _dense(self) -> bool:
        return all(part._dense for part in self.parts)

    def _added(self, points: np.ndarray, shares: Sequence[float]) -> tuple[np.ndarray, ...]:
        each = [part._solved(points) for part in self.parts]
        counts = np.bincount(self.place, minlength=len(each))
        return tuple(sum(count * share * x for count, share, x in zip(counts, shares, column)) for column in zip(*each))


@dataclass(frozen=True, eq=False)
class MovingAverages(Parts, SeveralAverages):
    """Of several W: ``matrices`` are block diagonal over the observed rows."""

    logdet = Parts.logdet  # type: ignore[assignment]
    exact, _dense = Parts.exact, Parts._dense

    def _solved(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        traces, sums = self._added(points, [part.n / self.n for part in self.parts])
        return traces, sums


@dataclass(frozen=True, eq=False)
class MovingRegimeAverages(Parts, RegimeAverages):
    """Of regimes: ``matrices``, ``paths`` and ``codes`` are those of the observed rows."""

    logdet = Parts.logdet  # type: ignore[assignment]
    exact, _dense = Parts.exact, Parts._dense

    def _solved(self, points: np.ndarray):  # type: ignore[override]
        return self._added(points, np.ones(len(self.parts)).tolist())


@dataclass(frozen=True, eq=False)
class MovingChannelAverages(Parts, ChannelAverages):
    """Of the channels of regimes."""

    logdet = Parts.logdet  # type: ignore[assignment]
    exact, _dense = Parts.exact, Parts._dense

    def _solved(self, points: np.ndarray):  # type: ignore[override]
        return self._added(points, np.ones(len(self.parts)).tolist())


def over_periods(parts: Sequence[SeveralAverages], keys: Sequence[Hashable]) -> SeveralAverages:
    """Averages over periods; those with one key are computed once.

    Parameters
    ----------
    parts : T averages
    keys : T
    """
    first = parts[0]
    stacked = tuple(_stacked([part.matrices[m] for part in parts]) for m in range(len(first.matrices)))
    different = dict(zip(keys, parts))
    place = tuple(list(different).index(key) for key in keys)
    if isinstance(first, RegimeAverages):
        codes = np.concatenate([part.codes for part in parts])  # type: ignore[attr-defined]
        paths = tuple(map(_stacked, zip(*(part.paths for part in parts))))  # type: ignore[attr-defined]
        own: dict[str, Any] = {"paths": paths, "weights": first.weights, "codes": codes, "groups": first.groups,
               "parts": tuple(different.values()), "place": place}  # fmt: skip
        if isinstance(first, ChannelAverages):
            return MovingChannelAverages(stacked, first.lag, **own, places=first.places)
        return MovingRegimeAverages(stacked, first.lag, **own)
    return MovingAverages(stacked, first.lag, parts=tuple(different.values()), place=place)


def periods_alike(d: Design, weights: Sequence[SpatialWeights | TemporalWeights]) -> list[Hashable]:
    """A key of every period: the same where these W and the units observed are the same."""
    T = d.n_periods
    who = [b""] * T if d.observed is None else [row.tobytes() for row in d.observed]
    return list(zip(who, *([id(one) for one in w.each(T)] for w in weights)))


def _stacked(blocks: Sequence[sparse.csr_array]) -> sparse.csr_array:
    return sparse.csr_array(sparse.block_diag(blocks, format="csr"))
