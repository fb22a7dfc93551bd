"""What every answer about a policy has: its headline, and who was asked about what."""

from __future__ import annotations

import pandas as pd

from spillover.show import Shown

from ..records.schema import SCHEMA
from ._sample import PolicySample


class PolicyResult(Shown):
    """A result with a ``table``, whose first row is the average effect on the treated, and the ``sample`` behind it."""

    table: pd.DataFrame
    sample: PolicySample

    @property
    def treatment(self) -> str:
        return self.sample.treatment

    @property
    def response(self) -> str:
        return self.sample.response

    @property
    def att(self) -> float:
        """The average effect on the treated."""
        return float(self.table["estimate"].iloc[0])

    @property
    def std_error(self) -> float:
        return float(self.table["std_error"].iloc[0])

    def tidy(self) -> pd.DataFrame:
        return self.table[SCHEMA].copy()
