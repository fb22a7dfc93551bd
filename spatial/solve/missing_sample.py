"""The arrays and the maximum of a model with outcomes that are not observed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..design.arrays import Sample
from ..design.missing import not_with_missing
from ..logdet import Jacobian
from ..logdet.several import SeveralJacobian
from .missing_problem import MissingProblem, Point
from .missing_projection import Projection


@dataclass(frozen=True, eq=False)
class MissingSample:
    """The arrays of a model with outcomes that are not observed.

    Attributes
    ----------
    y : (m,), what is observed, effects out;  X : (T N, k), of all rows
    n : int, observations left after the effects
    lag, error : Jacobian, SeveralJacobian where there are several rho, lambda, or None
    names : tuple of str, of X's columns
    spatial : tuple of str, of every rho and lambda
    problem : MissingProblem
    dummies : 0
    """

    y: np.ndarray = field(repr=False)
    X: np.ndarray = field(repr=False)
    n: int
    lag: Jacobian | SeveralJacobian | None
    error: Jacobian | SeveralJacobian | None
    names: tuple[str, ...]
    spatial: tuple[str, ...]
    problem: MissingProblem = field(repr=False)
    dummies: int = 0

    @property
    def parts(self) -> list[Jacobian | SeveralJacobian]:
        """log|A| and log|B|, those that the model has."""
        return [part for part in (self.lag, self.error) if part is not None]

    def __getattr__(self, name: str):
        if name not in Sample.__dataclass_fields__ and not hasattr(Sample, name):
            raise AttributeError(name)
        raise not_with_missing("this")

    def at(self, t: np.ndarray) -> tuple[Projection, float]:
        """What is left of y and X at t, the parameters that the model has (``MissingProblem.split``); and ln L."""
        point = self.problem.split(np.asarray(t, dtype=float))
        projection = Projection(self.problem, point)
        return projection, projection.loglik(self.logdet(point))

    def logdet(self, point: Point) -> float:
        """ln|A| + ln|B|; -inf outside of the admissible region."""
        total = 0.0
        for part, values in ((self.lag, point.rhos), (self.error, point.lams)):
            if part is None:
                continue
            if isinstance(part, SeveralJacobian):
                total += part.value(values)
            else:
                low, high = part.interval
                total += float(part.value(values[0])) if low < values[0] < high else -np.inf
        return total


@dataclass(frozen=True, eq=False)
class MissingSolution:
    """The maximum: beta, rho, lam, sigma2 and loglik as in ``solve.ml.Solution``.

    Attributes
    ----------
    point : Point, with all rho and lambda
    errors : (T N,), e of all rows at the conditional means of y_m. They are no residuals of observations: what reads
        ``resid`` is refused.
    covariance : (k + p, k + p), inverse of the observed information of (beta, t), t as in ``MissingProblem.split``
    filled : (T N,), y with its conditional means where it is missing
    level : (T N,), effects as levels of y; NaN where they are not estimated
    slopes : (T N, p), of ``filled`` by t
    absorbed : (T N,), effects in the equation that are no levels of y
    random : (N,), predictions of the random effects
    components : covariance of (sigma2, kappa = ln(1 + d2 phi), z), those that there are
    df : int, of t after the restricted likelihood
    """

    beta: np.ndarray
    rho: float
    lam: float
    sigma2: float
    loglik: float
    point: Point
    errors: np.ndarray = field(repr=False)
    covariance: np.ndarray = field(repr=False)
    filled: np.ndarray = field(repr=False)
    level: np.ndarray = field(repr=False)
    slopes: np.ndarray = field(repr=False)
    absorbed: np.ndarray = field(repr=False)
    random: np.ndarray = field(repr=False)
    components: np.ndarray = field(repr=False)
    df: int

    def __getattr__(self, name: str):
        if name != "resid":
            raise AttributeError(name)
        raise not_with_missing("what is computed from residuals")


@dataclass(frozen=True, eq=False)
class Last:
    """At the estimate: ln L, -the observed information of t, the slopes of beta, of y_m and of sigma2 by t."""

    value: float
    curvature: np.ndarray
    of_beta: np.ndarray
    of_filled: np.ndarray
    of_sigma2: np.ndarray
