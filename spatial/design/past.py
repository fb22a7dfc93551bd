"""Which columns of a design are the response's own past, and what lags it: I or W, of all units or of a regime."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spillover.matrix import SpatialWeights, TemporalWeights

from .design import Design
from .regimes import RegimeDesign
from .several import SeveralDesign


@dataclass(frozen=True, eq=False)
class PastColumn:
    """One of them.

    Attributes
    ----------
    name : str
        ``lag(y)``, ``W:lag(y)``, ``W_2:lag(y)``, ``east: lag(y)``.
    weights : W, or None for y_{t-1} itself
    members : (N,) of bool, or None
        The units of the regime whose column it is; None for all.
    """

    name: str
    weights: SpatialWeights | TemporalWeights | None = field(repr=False)
    members: np.ndarray | None = field(repr=False)


def past_columns(d: Design) -> list[PastColumn]:
    """The columns of y_{t-1} and W y_{t-1}, in the order of the design."""
    out = []
    for term in d.lags:
        weights = None if term.startswith("lag(") else _weights(d, term)
        split = d.split if isinstance(d, RegimeDesign) else None
        for name in (term,) if split is None else split.columns[term]:
            out.append(PastColumn(name, weights, None if split is None else split.members_of(name, term)))
    return out


def splits_past(d: Design) -> bool:
    """Whether tau or eta differ between regimes."""
    return any(one.members is not None for one in past_columns(d))


def _weights(d: Design, term: str) -> SpatialWeights | TemporalWeights:
    """The W of ``W:lag(y)``, or of several that of ``W_2:lag(y)``."""
    if isinstance(d, SeveralDesign):
        return d.weights.matrices[int(term.split(":")[0].removeprefix("W_")) - 1]
    return d.weights
