"""The covariances that come with the estimates of adjusted scores: ``method="reml"`` and ``method="aqs"``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from ..records.fit import FitRecord
from ..solve.missing_sample import MissingSolution
from ..solve.reml import Adjusted

ADJUSTED = {
    "reml": "restricted likelihood, t(n-k)",
    "aqs": "adjusted quasi-scores, robust to unequal variances, t(n-k)",
    "aqs with lags": "unbiased score of a dynamic panel (Yang 2018), normal errors, t(n-p)",
    "aqs by row": "adjusted quasi-scores with a variance for every row, by unit, t(N-1)",
    "aqs in panels": "adjusted quasi-scores, robust to unequal variances and serial correlation, t(N-1)",
}  # fmt: skip


def name_of_kind(vcov: object) -> str:
    """What ``vcov=`` was, in words of messages: its quoted name, or the class of its settings."""
    return f"{vcov!r}" if isinstance(vcov, str) else type(vcov).__name__


@dataclass(frozen=True)
class OfAdjustedScore:
    """Of (beta, rho) or (beta, lambda) by one of the adjusted scores: there is no other."""

    kind: str
    method: str

    def __post_init__(self):
        if self.kind != self.method:
            raise SpatialInputError(
                "E501",
                f"method={self.method!r} has its own covariance, not vcov={name_of_kind(self.kind)}",
                hint="leave vcov= out" + "; under unequal variances method='aqs'" * (self.method != "aqs"),
            )

    def covariance(self, fit: FitRecord) -> np.ndarray:
        return _adjusted(fit).covariance

    def df(self, fit: FitRecord) -> int:
        return _adjusted(fit).df

    def describe(self, fit: FitRecord) -> str:
        if self.method == "aqs" and fit._design.is_panel:
            d = fit._design
            by_row = d.observed is not None or d.varies
            return ADJUSTED["aqs with lags" if d.lags else "aqs by row" if by_row else "aqs in panels"]
        return ADJUSTED[self.method]


def _adjusted(fit: FitRecord) -> Adjusted | MissingSolution:
    if not isinstance(fit._solution, Adjusted | MissingSolution):
        raise TypeError(f"a fit by method={fit._settings.method!r} is no root of an adjusted score")
    return fit._solution
