"""The variance components of a model with random unit effects."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .random_ml import Maximum, random_information
from .random_problem import Problem


@dataclass(frozen=True, eq=False)
class RandomEffects:
    """The variance components of a fit.

    Attributes
    ----------
    phi : float
        sigma2_mu / sigma2_e.
    sigma2_e : float
        Variance of the errors within units.
    d2 : float
        1'V^-1 1 with V the errors' correlation over time: T, with gaps the mean of T_i, unless they are serially
        correlated.
    error : {None, "kkp", "baltagi"}
        Whether the unit effects are inside ("kkp") or outside ("baltagi") the spatial error process.
    problem, maximum
        ``solve.random_problem.Problem`` and its maximum; None for Swamy and Arora's moments.
    """

    phi: float
    sigma2_e: float
    d2: float
    error: str | None = None
    problem: Problem | None = field(default=None, repr=False)
    maximum: Maximum | None = field(default=None, repr=False)

    @property
    def sigma2_mu(self) -> float:
        """Variance of the unit effects."""
        return self.phi * self.sigma2_e

    @property
    def theta(self) -> float:
        """The share of the unit means that quasi-demeaning takes out."""
        return 1 - 1 / np.sqrt(1 + self.d2 * self.phi)

    @property
    def by_likelihood(self) -> bool:
        return self.maximum is not None

    @property
    def on_boundary(self) -> bool:
        return self.phi == 0

    @cached_property
    def information(self) -> np.ndarray:
        """-d2 ln L of (beta, rho, lambda, sigma2, kappa); without kappa where phi = 0 bounds it."""
        if self.problem is None or self.maximum is None:
            raise ValueError("Swamy and Arora's moments have no likelihood")
        info = random_information(self.problem, self.maximum)
        return info[:-1, :-1] if self.on_boundary else info
