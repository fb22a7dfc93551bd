"""What follows from the rows of W, of one matrix or of one per period."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

ROW_SUM_TOLERANCE = 1e-9
SAME_SUMS = 1e-6  # row sums that differ by a smaller share are one number, written with six digits


class Rows:
    """Of weights with ``ids``, ``row_sums`` and ``alone``."""

    if TYPE_CHECKING:

        @property
        def ids(self) -> pd.Index: ...

        @property
        def row_sums(self) -> np.ndarray: ...

        @property
        def alone(self) -> np.ndarray: ...

        def each(self, periods: int) -> tuple: ...

    @cached_property
    def row_of(self) -> dict:
        """The row of each id."""
        return {unit: row for row, unit in enumerate(self.ids.tolist())}

    @cached_property
    def memo(self) -> dict:
        """What was computed with these weights and may be needed again; they never change."""
        return {}

    @cached_property
    def islands(self) -> pd.Index:
        """Ids of units without neighbors; of weights that vary over time, without neighbors in some period."""
        return self.ids[self.alone]

    @cached_property
    def has_links(self) -> bool:
        """Whether any unit has a neighbor; an explicit zero is none."""
        return bool(self.row_sums.any() or any(w.csr.data.any() for w in self.each(1)))

    @cached_property
    def rows_sum_to_one(self) -> bool:
        """Whether every unit's weights sum to one: what the two-way transformation needs."""
        return bool(np.allclose(self.row_sums, 1.0, rtol=0, atol=ROW_SUM_TOLERANCE))

    @cached_property
    def row_sums_vary(self) -> bool:
        """Whether W 1 is no constant, by the numbers in W and not by its label."""
        return bool(np.ptp(self.row_sums) > SAME_SUMS * np.abs(self.row_sums).max())
