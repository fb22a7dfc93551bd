"""sum_t log|I - sum_j rho_j W_jt|: several W, or one W by regime, that vary over time.

Stacked over periods the weights are block diagonal, so that determinants multiply, and rho is admissible where it is so
in every period.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from .several import SeveralLogdet


@dataclass(frozen=True, eq=False)
class SeveralPeriods:
    """Log-determinants of several W added up over periods: what ``SeveralLogdet`` offers, of all of them.

    Attributes
    ----------
    parts : tuple of P SeveralLogdet
        Those that differ.
    place : tuple of T int
        Which of them each period has.
    """

    parts: tuple[SeveralLogdet, ...] = field(repr=False)
    place: tuple[int, ...]

    @cached_property
    def counts(self) -> np.ndarray:
        """In how many periods each counts, (P,)."""
        return np.bincount(self.place, minlength=len(self.parts)).astype(float)

    @property
    def n(self) -> int:
        return self.parts[0].n

    @property
    def dense(self) -> bool:
        return all(part.dense for part in self.parts)

    @property
    def method(self) -> str:
        return ", ".join(sorted({part.method for part in self.parts}))

    @property
    def norms(self) -> np.ndarray:
        return np.max([part.norms for part in self.parts], axis=0)

    @property
    def row_norms(self) -> np.ndarray:
        """Of weights by regime."""
        return np.max([part.row_norms for part in self.parts], axis=0)  # type: ignore[attr-defined]

    def bounds(self, points: np.ndarray) -> np.ndarray:
        """Of weights by regime, at points (Q, J)."""
        return np.max([part.bounds(points) for part in self.parts], axis=0)  # type: ignore[attr-defined]

    def of_period(self, t: int) -> SeveralLogdet:
        return self.parts[self.place[t]]

    def bound(self, rho: np.ndarray) -> float:
        """Of weights by regime: max_r |rho_r| ||1_r W_t||."""
        return max(part.bound(rho) for part in self.parts)  # type: ignore[attr-defined]

    def largest(self, rho: np.ndarray) -> float:
        return max(part.largest(rho) for part in self.parts)

    def admissible(self, rho: np.ndarray) -> bool:
        return all(part.admissible(rho) for part in self.parts)

    def edge(self, rho: np.ndarray) -> float:
        return min(part.edge(rho) for part in self.parts)

    def value(self, rho: np.ndarray) -> float:
        return float(sum(count * part.value(rho) for count, part in zip(self.counts, self.parts)))

    def expansion(self, rho: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Value, gradient and second derivatives, by dense inverses."""
        each = zip(*(part.expansion(rho) for part in self.parts))
        value, gradient, curvature = (sum(c * x for c, x in zip(self.counts, column)) for column in each)
        return value, gradient, curvature  # type: ignore[return-value]

    @cached_property
    def traces(self) -> list[np.ndarray]:
        each = zip(*(part.traces for part in self.parts))
        return [np.asarray(sum(c * x for c, x in zip(self.counts, column))) for column in each]

    def series(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(sum(c * part.series(points) for c, part in zip(self.counts, self.parts)))


AnyLogdet = SeveralLogdet | SeveralPeriods


def over_periods(matrices: Iterable[tuple[sparse.csr_array, ...]], kind: type = SeveralLogdet) -> SeveralPeriods:
    """Of the W of every period, those that are the same objects computed once.

    Examples
    --------
    >>> W = sparse.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> float(round(over_periods([(W,), (W,)]).value(np.array([0.5])), 6))       # 2 log(1 - 0.25)
    -0.575364
    """
    parts: dict[tuple[int, ...], SeveralLogdet] = {}
    keys = []
    for period in matrices:
        keys.append(tuple(map(id, period)))
        parts.setdefault(keys[-1], kind(tuple(period)))
    order = list(parts)
    return SeveralPeriods(tuple(parts.values()), tuple(order.index(key) for key in keys))


def per_period(logdet: AnyLogdet, periods: int) -> list[tuple[sparse.csr_array, ...]]:
    """The matrices of every period."""
    if isinstance(logdet, SeveralPeriods):
        return [logdet.of_period(t).matrices for t in range(periods)]
    return [logdet.matrices] * periods
