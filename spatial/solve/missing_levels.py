"""Effects of units and periods as levels of y that is observed in part: their dummies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse


@dataclass(frozen=True, eq=False)
class Levels:
    """Dummies of units and periods that what is observed tells apart.

    Attributes
    ----------
    units : sparse (T N, q_1);  periods : ndarray (T N, q_2)
        Over all rows, those that are not observed included.
    estimated : ndarray of bool, shape (T N,)
        Rows whose effects are estimated: units or periods that are never observed have none.
    logdet : float
        ln|D_o'D_o|.
    """

    units: sparse.csc_array = field(repr=False)
    periods: np.ndarray = field(repr=False)
    estimated: np.ndarray = field(repr=False)
    logdet: float = 0.0

    @property
    def rank(self) -> int:
        return self.units.shape[1] + self.periods.shape[1]


def levels(seen: np.ndarray, entity: bool, time: bool) -> Levels:
    """The dummies for one pattern (T, N) of what is observed; one period of every connected part is the base."""
    T, N = seen.shape
    unit, period = np.tile(np.arange(N), T), np.repeat(np.arange(T), N)
    estimated = np.ones(T * N, dtype=bool)
    columns, dummies, logdet = sparse.csc_array((T * N, 0)), np.zeros((T * N, 0)), 0.0
    kept = np.flatnonzero(seen.any(axis=1))
    if entity:
        there = np.flatnonzero(seen.any(axis=0))
        columns = sparse.csc_array(sparse.kron(np.ones((T, 1)), sparse.eye_array(N, format="csc")))[:, there]
        estimated &= np.isin(unit, there)
        logdet = float(np.log(seen.sum(axis=0)[there]).sum())
    if time:
        estimated &= np.isin(period, kept)
        base = _first_of_each_part(seen, kept) if entity else []
        kept = kept[~np.isin(kept, base)]
        dummies = (period[:, None] == kept).astype(float)
        S = seen[kept].astype(float)
        Q = np.diag(S.sum(axis=1))
        if entity:
            Q = Q - (S / np.maximum(seen.sum(axis=0), 1)) @ S.T
        logdet += float(np.linalg.slogdet(Q)[1]) if len(Q) else 0.0
    return Levels(columns, dummies, estimated, logdet)


def without_turned(own: Levels, units: bool, periods: bool) -> tuple[Levels, np.ndarray]:
    """The levels less those of ``units`` or of ``periods`` that rho turns, and the dummies (T N, q) of these."""
    none = np.zeros((len(own.periods), 0))
    D = np.hstack([own.units.toarray() if units else none, own.periods if periods else none])
    return replace(own, units=sparse.csc_array(none) if units else own.units,
                   periods=none if periods else own.periods), D  # fmt: skip


def _first_of_each_part(seen: np.ndarray, kept: np.ndarray) -> list[int]:
    """The first period of every part of the panel that common units connect."""
    S = sparse.csr_array(seen[kept].astype(float))
    _, part = sparse.csgraph.connected_components(S @ S.T, directed=False)
    return [int(kept[np.argmax(part == label)]) for label in np.unique(part)]
