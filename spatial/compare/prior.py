"""Priors of rho and lambda, of the slopes, and of each W."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError, check_option


@dataclass(frozen=True)
class Prior:
    """Priors of a marginal likelihood. sigma has 1/sigma^2 and the intercept is flat, in all models.

    Parameters
    ----------
    rho : {"uniform", "beta"}
        Of rho and of lambda: uniform over the admissible interval of their W, or Beta(a, a) stretched over (-1, 1)
        (over the admissible interval where that is narrower). Both are proper.
    slopes : {"g", "diffuse"}
        "g": beta ~ N(0, g sigma^2 (X'B'B X)^-1), slopes apart from the intercept (Zellner 1986): proper, and the
        same whatever the units of X and the scale of W. "diffuse": flat, as in LeSage (2014): improper, so the
        odds of models with different numbers of slopes depend on the units of X.
    g : float, optional
        By default the number of observations, the information of one of them.
    a : float
        Of the beta prior; 1.01 is close to uniform (LeSage & Pace 2009, section 5.3).

    Examples
    --------
    >>> Prior("beta").words()
    'rho ~ Beta(1.01, 1.01); slopes ~ g-prior with g = n'
    """

    rho: str = "uniform"
    slopes: str = "g"
    g: float | None = None
    a: float = 1.01

    def __post_init__(self):
        check_option("rho", self.rho, ("uniform", "beta"))
        check_option("slopes", self.slopes, ("g", "diffuse"))
        for name, value in (("g", self.g), ("a", self.a)):
            if value is not None and not (np.isfinite(value) and value > 0):
                raise SpatialInputError("E510", f"{name}={value!r} must be a positive number",
                                        hint="give a number above zero")

    def words(self) -> str:
        """For headers."""
        rho = "uniform" if self.rho == "uniform" else f"Beta({self.a:g}, {self.a:g})"
        slopes = "flat" if self.slopes == "diffuse" else f"g-prior with g = {'n' if self.g is None else f'{self.g:g}'}"
        return f"rho ~ {rho}; slopes ~ {slopes}"

    def support(self, interval: tuple[float, float]) -> tuple:
        """Where rho may lie; of one interval, or of the ends of many."""
        lo, hi = interval
        return (lo, hi) if self.rho == "uniform" else (np.maximum(lo, -1.0), np.minimum(hi, 1.0))

    def log_density(self, rho: np.ndarray, interval: tuple[float, float]) -> np.ndarray:
        """log p(rho) on its support."""
        from scipy.special import betaln

        lo, hi = self.support(interval)
        if self.rho == "uniform":
            return np.zeros_like(rho) - np.log(hi - lo)
        share = (rho - lo) / (hi - lo)
        return (self.a - 1) * (np.log(share) + np.log1p(-share)) - betaln(self.a, self.a) - np.log(hi - lo)


DEFAULT = Prior()


def prior_probabilities(probabilities: Mapping | None, names: list[str]) -> np.ndarray:
    """Prior probability of each W, scaled to sum to one; equal by default. Zero leaves a W out of averages.

    Raises
    ------
    SpatialInputError
        E510 names that are no W, negative numbers, or zero for all.
    """
    if probabilities is None:
        return np.full(len(names), 1 / len(names))
    if not isinstance(probabilities, Mapping):
        raise SpatialInputError("E510", "prior probabilities must be a mapping of the weights' names to numbers",
                                hint="as in probabilities={'queen': 2, 'knn5': 1}")  # fmt: skip
    probabilities = {str(name): p for name, p in probabilities.items()}
    unknown = [name for name in probabilities if name not in names]
    if unknown or len(probabilities) != len(names):
        absent = [name for name in names if name not in probabilities]
        raise SpatialInputError("E510", f"every W needs a prior probability: {absent} have none, {unknown} are no W",
                                hint="give one for each name of the weights")
    try:
        values = np.array([probabilities[name] for name in names], dtype=float)
    except (ValueError, TypeError) as error:
        raise SpatialInputError("E510", f"prior probabilities must be numbers, got {dict(probabilities)}",
                                hint="give numbers of 0 or more, not all zero") from error
    if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
        raise SpatialInputError("E510", f"prior probabilities must not be negative and not all zero, got "
                                f"{dict(probabilities)}",
                                hint="give numbers of 0 or more, not all zero")
    return values / values.sum()
