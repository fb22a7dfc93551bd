"""Fixed effects out of a design's arrays, whether its panel is balanced or not."""

from __future__ import annotations

import numpy as np

from ._data import Design
from .solve.unbalanced import Gaps
from .solve.within import degrees_of_freedom, demean


def without_effects(d: Design, values: np.ndarray, effects: str) -> np.ndarray:
    """A (T, N, ...) array less its projection on the effects."""
    return demean(values, effects) if d.observed is None else Gaps(d.observed, effects).demean(values)


def left_by_effects(d: Design, effects: str) -> int:
    """Observations that are left once the effects are taken out."""
    if d.observed is None:
        return degrees_of_freedom(d.n_periods, d.n_units, effects)
    return d.nobs - Gaps(d.observed, effects).rank
