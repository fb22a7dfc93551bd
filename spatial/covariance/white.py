"""White's (1980) covariance of least squares, with the names that two-stage least squares has too: "hc0" and "hc1"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from ..records.fit import FitRecord
from .kinds import residual_df
from .sandwich import least_squares


@dataclass(frozen=True)
class White:
    """(X'X)^-1 X' diag(e^2) X (X'X)^-1: as it stands ("hc0"), or times n / (n - k) ("hc1").

    n counts rows, k coefficients and fixed effects. ``"robust"`` of a cross-section is "hc1".

    Notes
    -----
    White (1980, Econometrica 48:817-838); MacKinnon & White (1985, J. Econometrics 29:305-325).
    """

    kind: str = "hc1"

    def covariance(self, fit: FitRecord) -> np.ndarray:
        self._refuse(fit)
        X, e = fit._sample.X, fit._solution.resid
        inverse = np.linalg.inv(np.linalg.qr(X, mode="r"))
        shares = X @ (inverse @ inverse.T) * e[:, None]
        return (len(e) / residual_df(fit) if self.kind == "hc1" else 1.0) * shares.T @ shares

    def df(self, fit: FitRecord) -> int:
        return residual_df(fit)

    def describe(self, fit: FitRecord) -> str:
        factor = "factor n/(n-k)" if self.kind == "hc1" else "without n/(n-k)"
        return f"robust to heteroskedasticity ({self.kind.upper()}, {factor})"

    def _refuse(self, fit: FitRecord) -> None:
        name, effects = fit.specification.name, fit._settings.effects
        if not least_squares(fit) or fit._settings.random:
            raise SpatialInputError("E501", f"vcov={self.kind!r} is for least squares and two-stage least squares, not "
                                    f"for {name} by maximum likelihood", hint="use vcov='robust'")  # fmt: skip
        if effects.entity:
            raise SpatialInputError(
                "E501",
                f"vcov={self.kind!r} is not consistent with {effects} effects and few periods (Stock & Watson 2008)",
                hint="use vcov='cluster'",
            )
