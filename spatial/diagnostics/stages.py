"""The pieces of two-stage least squares that its tests are made of, and whether instruments identify the model."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError

from ..covariance.moments import by_moments
from ..covariance.sandwich import sums_by_group
from ..records.fit import FitRecord
from ..records.tests import TestResult

WEAK = "weak below about 10 (Stock & Yogo 2005)"


@dataclass(frozen=True, eq=False)
class Stages:
    """The pieces of two-stage least squares that its tests are made of.

    Attributes
    ----------
    y : (m,), Y : (m, G)
        The response and the endogenous regressors, the exogenous ones projected out.
    names : tuple of G str
    Z : (m, L)
        Orthonormal: what the excluded instruments add.
    e : (m,)
        Residuals of the second stage.
    left : int
        Observations less regressors and instruments: n - k - L.
    units : (m,) int, or None
        Groups within which errors may be correlated.
    spatial : str
        The name of W y; empty in a model without it.
    """

    y: np.ndarray
    Y: np.ndarray
    names: tuple[str, ...]
    Z: np.ndarray
    e: np.ndarray
    left: int
    units: np.ndarray | None
    spatial: dict[str, str] = field(default_factory=dict)  # W y and its rho

    @property
    def L(self) -> int:
        return self.Z.shape[1]

    @property
    def extra(self) -> int:
        """Over-identifying restrictions."""
        return self.L - self.Y.shape[1]

    @property
    def errors(self) -> str:
        """What the robust statistics allow for."""
        return "errors of unequal variances" if self.units is None else "errors correlated within units"

    def F(self, wald: float) -> float:
        """A Wald statistic as an F with n - k - L degrees of freedom, as Stata's ``ivreg2`` scales it."""
        m = len(self.y)
        if self.units is None:
            return wald / m * self.left / self.L
        groups = int(self.units.max()) + 1
        return wald / (m - 1) * self.left * (groups - 1) / groups / self.L

    def variance(self, scores: np.ndarray) -> np.ndarray:
        """Of a sum of scores (m, p): errors of unequal variances, or correlated within units.

        Raises
        ------
        SpatialInputError
            E206 where it has no inverse, as there are not more units than instruments.
        """
        sums = scores if self.units is None else sums_by_group(scores, self.units)
        if len(sums) <= sums.shape[1]:
            raise SpatialInputError("E206", f"tests that allow for {self.errors} need more than "
                                    f"{sums.shape[1]} units for {sums.shape[1]} instruments, got {len(sums)}",
                                    hint="fewer of them: method=sp.Moments(order=1), one W, or fewer regressors")
        return sums.T @ sums


def identification(s: Stages) -> list[TestResult]:
    """Cragg & Donald's F, and Kleibergen & Paap's two statistics."""
    G = s.Y.shape[1]
    R = np.linalg.qr(s.Y, mode="r")
    U, sizes, Vt = np.linalg.svd(s.Z.T @ s.Y @ np.linalg.inv(R))
    U, smallest, w = U[:, G - 1 :], float(min(sizes[-1], 1.0)), np.linalg.solve(R, Vt[-1])
    y_w, rows = s.Y @ w, s.Z @ U
    g = rows.T @ y_w
    e = y_w - s.Z @ (s.Z.T @ y_w)
    wald, lm = (float(g @ np.linalg.solve(s.variance(rows * x[:, None]), g)) for x in (e, y_w))
    cragg = smallest**2 / (1 - smallest**2) * s.left / s.L
    return [
        TestResult("Cragg-Donald F", cragg, "none", f"instruments are {WEAK}"),
        TestResult("Kleibergen-Paap F", s.F(wald), "none", f"the same, {s.errors}"),
        TestResult("Kleibergen-Paap LM", lm, s.L - G + 1, f"the instruments do not identify the model, {s.errors}"),
    ]


def lags_of_response(fit: FitRecord) -> dict[str, str]:
    """``W:y``, ``W_1:y``, ``east: W:y`` ... and the rho that each has."""
    sample, at = by_moments(fit)
    rhos = fit.params.index[len(sample.names) :][: len(at.rhos)] if fit.specification.lag else ()
    return {name.replace("rho_", "W_").replace("rho", "W") + f":{fit._design.response}": name for name in rhos}
