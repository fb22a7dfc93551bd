"""The arrays of a likelihood: spatial lags taken, fixed effects out, flattened over periods and units."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dgeqrf, dorgqr, dtrtri, dtrtrs

from ..logdet import Jacobian

BLOCK = 32  # columns at a time in LAPACK's factorisations


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
    factors : (X, Q, R), optional
        X = Q R from the checks at the door; it holds for that X alone.
    log_weights : float
        What weights of observations add to the log-likelihood.
    of_effects : (m,) or None
        What fixed effects take of M u where they leave by generalised least squares (``carried``): the other columns
        are those at the maximum, and hold there alone.
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
    factors: tuple[np.ndarray, np.ndarray, np.ndarray] | None = field(default=None, repr=False)
    log_weights: float = 0.0
    of_effects: np.ndarray | None = field(default=None, repr=False)

    @property
    def k(self) -> int:
        """Coefficients, dummies not counted."""
        return self.X.shape[1] - self.dummies

    @cached_property
    def basis(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """X = Q R with orthonormal columns Q, and M Q."""
        if self.factors is not None and self.factors[0] is self.X:
            _, Q, R = self.factors
        else:
            Q, R = thin_qr(self.X)
        lagged = self.error is not None and self.MX is not None
        return Q, R, solve_triangular(R, self.error_lag_of_X.T, transposed=True).T if lagged else None

    @property
    def parts(self) -> list[Jacobian]:
        """log|A| and log|B|, those that the model has."""
        return [part for part in (self.lag, self.error) if part is not None]

    # -- spatial lags, zero where the model has none, and what they make of y and X -----------------------

    @property
    def lag_of_y(self) -> np.ndarray:
        """W y, (m,); zeros in a model without a lag."""
        return np.zeros_like(self.y) if self.Wy is None else self.Wy

    @property
    def error_lag_of_y(self) -> np.ndarray:
        """M y, (m,); zeros in a model without a spatial error."""
        return np.zeros_like(self.y) if self.My is None else self.My

    @property
    def error_lag_of_X(self) -> np.ndarray:
        """M X, (m, k); zeros in a model without a spatial error."""
        return np.zeros_like(self.X) if self.MX is None else self.MX

    @property
    def error_lag_of_Wy(self) -> np.ndarray:
        """M W y, (m,); zeros in a model without both."""
        return np.zeros_like(self.y) if self.MWy is None else self.MWy

    def Ay(self, rho: float) -> np.ndarray:
        """A y = y - rho W y."""
        return self.y if self.Wy is None else self.y - rho * self.Wy

    def By(self, lam: float) -> np.ndarray:
        """B y = y - lambda M y."""
        return self.y if self.My is None else self.y - lam * self.My

    def BX(self, lam: float) -> np.ndarray:
        """B X = X - lambda M X."""
        return self.X if self.MX is None else self.X - lam * self.MX

    def BWy(self, lam: float) -> np.ndarray:
        """B W y = W y - lambda M W y; zeros in a model without a lag."""
        return self.lag_of_y if self.MWy is None else self.lag_of_y - lam * self.MWy


def by_gls(sample) -> bool:
    """Whether fixed effects left a sample, of any model, by generalised least squares."""
    return isinstance(sample, Sample) and sample.of_effects is not None


def keeps_effects(sample) -> bool:
    """Whether fixed effects are not out of a sample by demeaning: it is then no sample of another lambda."""
    return bool(sample.dummies) or by_gls(sample)


def thin_qr(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """X = Q R with the factors of numpy's ``qr``, which costs twice as much where X is small."""
    m, k = X.shape
    if not k:
        return np.empty((m, 0)), np.empty((0, 0))
    packed, reflections, *_ = dgeqrf(X, lwork=BLOCK * k)
    return dorgqr(packed[:, :m], reflections, lwork=BLOCK * k)[0], np.triu(packed[:k])


def inverse_triangular(R: np.ndarray) -> np.ndarray:
    """R^-1 of an upper triangle."""
    return dtrtri(R)[0] if len(R) else R


def solve_triangular(R, right, *, transposed=False):
    """R^-1 right, or R'^-1 right."""
    return dtrtrs(R, right, trans=int(transposed))[0] if len(R) else right
