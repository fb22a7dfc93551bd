"""Fixed effects out of a design's arrays, whether its panel is balanced or not."""

from __future__ import annotations

import numpy as np

from .design import Design
from .unbalanced import Gaps
from .within import degrees_of_freedom, demean


def without_effects(d: Design, values: np.ndarray, effects: str, *, first: int = 0) -> np.ndarray:
    """A (T, N, ...) array less its projection on the effects; R such arrays with ``first=1``."""
    if d.observed is None:
        return demean(values, effects, first)
    gaps = Gaps(d.observed, effects)
    return np.stack([gaps.demean(each) for each in values]) if first else gaps.demean(values)


def left_by_effects(d: Design, effects: str) -> int:
    """Observations that are left once the effects are taken out."""
    if d.observed is None:
        return degrees_of_freedom(d.n_periods, d.n_units, effects)
    return d.nobs - Gaps(d.observed, effects).rank
