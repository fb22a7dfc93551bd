"""Whether a likelihood has several rho, lambda or sigma2, and the standard deviations of the errors in its rows."""

from __future__ import annotations

import numpy as np

from ..records.fit import FitRecord
from ..solve.several import SeveralSolution


def has_several(fit: FitRecord) -> bool:
    """Whether the likelihood is one of several rho, lambda or sigma2."""
    return isinstance(fit._solution, SeveralSolution)


def deviations(fit: FitRecord) -> np.ndarray:
    """The errors' standard deviation in every row, (m,), or a number for all of one."""
    at = fit._solution
    if not has_several(fit):
        return np.sqrt(at.sigma2)
    return np.sqrt(at.sigma2s)[fit._sample.groups_of_rows]  # type: ignore[attr-defined]
