"""The arrays of a likelihood: spatial lags taken, fixed effects out, flattened over periods and units."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dtrtrs

from ..logdet import Jacobian


@dataclass(frozen=True, eq=False)
class Sample:
    """Demeaned data, flattened over periods and units (m rows), and the determinants.

    Attributes
    ----------
    y : (m,);  X : (m, k), W X included
    Wy : (m,) or None
        W y, for models with a lag.
    My, MX, MWy : arrays like y, X, Wy, or None
        M y, M X, M W y, for models with a spatial error.
    n : int
        Observations that are left after the fixed effects, the n of the likelihood.
    lag, error : Jacobian or None
        log|A| and log|B|.
    dummies : int
        So many last columns of X are fixed effects that cannot be taken out beforehand: see ``models._dummies``.
    names : tuple of str
        Of X's columns, dummies not named.
    known : (X, Q, R), optional
        X = Q R from the checks at the door; it holds for that X alone.
    """

    y: np.ndarray = field(repr=False)
    X: np.ndarray = field(repr=False)
    n: int
    Wy: np.ndarray | None = field(default=None, repr=False)
    My: np.ndarray | None = field(default=None, repr=False)
    MX: np.ndarray | None = field(default=None, repr=False)
    MWy: np.ndarray | None = field(default=None, repr=False)
    lag: Jacobian | None = None
    error: Jacobian | None = None
    dummies: int = 0
    names: tuple[str, ...] = ()
    known: tuple[np.ndarray, np.ndarray, np.ndarray] | None = field(default=None, repr=False)

    @property
    def k(self) -> int:
        """Coefficients, dummies not counted."""
        return self.X.shape[1] - self.dummies

    @cached_property
    def basis(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """X = Q R with orthonormal columns Q, and M Q."""
        if self.known is not None and self.known[0] is self.X:
            _, Q, R = self.known
        else:
            Q, R = np.linalg.qr(self.X)
        return Q, R, None if self.error is None or self.MX is None else solve_triangular(R, self.MX.T, transposed=True).T


def solve_triangular(R, right, *, transposed=False):
    """R^-1 right, or R'^-1 right."""
    return dtrtrs(R, right, trans=int(transposed))[0] if len(R) else right
