"""The numbers of a model with outcomes that are not observed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..design.missing import not_with_missing
from .fit import FitRecord

if TYPE_CHECKING:
    from ..design.design import Design
    from ..design.missing import MissingDesign
    from ..solve.missing_sample import MissingSample, MissingSolution


@dataclass(frozen=True, eq=False, repr=False)
class MissingRecord(FitRecord):
    """Parameters are those of the model; ``nobs`` counts the outcomes that are observed."""

    _design: MissingDesign
    _sample: MissingSample  # type: ignore[assignment]
    _solution: MissingSolution  # type: ignore[assignment]

    @property
    def observed(self) -> pd.Series:
        """Whether y is observed, by unit, or by unit and period."""
        return self._design.labelled(self._design.seen, "observed")

    @property
    def completed(self) -> Design:
        """The design with the conditional means of y where it is missing."""
        y, offset = self._solution.filled.reshape(self._design.y.shape), self._design.offset
        return replace(self._design, y=y if offset is None else y - offset)

    @property
    def resid(self) -> pd.Series:  # type: ignore[override]
        """Refused: E325. What is observed gives no e of one unit alone: those of the neighbors of a unit without y move
        together, and a test for correlation would find it."""
        raise not_with_missing("a residual for every unit")

    resid_standardized = resid  # type: ignore[assignment]

    @property
    def _errors(self) -> np.ndarray:
        """e = B (A y - X beta - effects), (T, N), y at its conditional mean where it is missing."""
        e, root = self._solution.errors, self._sample.problem.root
        return (e if root is None else e / root).reshape(self._design.y.shape)

    @property
    def levels(self) -> np.ndarray:
        """Effects of units and periods as levels of y, (T, N); NaN where they are not estimated."""
        return self._solution.level.reshape(self._design.y.shape)

    @cached_property
    def fitted(self) -> pd.Series:
        """y less its residual; where y is missing its conditional mean less the residual."""
        return self._design.labelled(self.completed.outcome - self._errors, "fitted")


def refuse_missing(fit: FitRecord, what: str) -> None:
    """E325 where every y is needed."""
    if isinstance(fit, MissingRecord):
        raise not_with_missing(what)
