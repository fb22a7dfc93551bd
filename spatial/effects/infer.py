"""Inference on average effects by the method that was asked for: one way in, whatever is averaged."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spillover.errors import check_option

from ..records.fit import FitRecord
from ..records.schema import critical_value, two_sided
from .draws import from_draws, parameter_draws
from .linear import Law, infer_linear
from .mixture import Inference
from .propagate import Averages, combine, delta_errors

METHODS = ("quadrature", "likelihood", "simulate", "delta")


@dataclass(frozen=True)
class Options:
    """How inference is made: ``draws`` and ``seed`` concern "simulate" alone."""

    method: str = "quadrature"
    level: float = 0.95
    draws: int = 1000
    seed: int = 1

    def __post_init__(self):
        check_option("method", self.method, METHODS)
        critical_value(self.level)


@dataclass(frozen=True, eq=False)
class Inferred:
    """Inference on direct, indirect and total effects, (3, V) each; the draws that were kept; the exact law."""

    inference: Inference
    kept: int = 0
    law: Law | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class AverageEffects:
    """Average direct, indirect and total effects of a static model, as functions of its parameters.

    Linear combinations of coefficients are picked by ``picks`` (K, V, p): see ``propagate.selectors``.
    """

    fit: FitRecord
    averages: Averages

    def estimates(self, picks: np.ndarray) -> np.ndarray:
        """(3, V)."""
        return combine(self.fit.params.to_numpy()[None], self.fit.rho, self.averages, picks)[0]

    def over(self, low: float, high: float):
        """Coefficients (Q, K, 3) of the three effects as a function of rho in [low, high]."""
        ends = self.averages.over(low, high) if self.fit.specification.lag else None

        def curves(rho):
            a, b = np.array(self.averages.at(0.0))[..., None] if ends is None else ends(rho)
            return np.stack([a, b - a, b], axis=-1).swapaxes(0, 1)

        return curves

    def exact(self, picks: np.ndarray, level: float) -> tuple[Law | None, Inference]:
        return infer_linear(self.fit, self.over, picks, self.estimates(picks).ravel(), level)

    def errors(self, picks: np.ndarray) -> np.ndarray:
        return delta_errors(self.fit, self.averages, picks)

    def sample(self, picks: np.ndarray, draws: int, seed: int) -> np.ndarray:
        """(kept, 3, V)."""
        return combine(*parameter_draws(self.fit, draws, seed), self.averages, picks)

    def likelihood(self, picks: np.ndarray, level: float) -> Inference:
        from .likelihood import by_likelihood

        return by_likelihood(self, picks, level)


def infer(source, picks: np.ndarray, options: Options) -> Inferred:
    """Direct, indirect and total effects with interval, standard error, statistic and p.

    Parameters
    ----------
    source : AverageEffects, or what has its methods
    picks : ndarray, shape (K, V, p)
    options : Options
    """
    V, df = picks.shape[1], source.fit.df_resid
    if options.method == "quadrature":
        law, inference = source.exact(picks, options.level)
        return Inferred(inference.reshaped(3, V), law=law)
    if options.method == "likelihood":
        return Inferred(source.likelihood(picks, options.level).reshaped(3, V))
    estimates = source.estimates(picks)
    if options.method == "simulate":
        drawn = source.sample(picks, options.draws, options.seed)
        return Inferred(from_draws(drawn, estimates, options.level, df), len(drawn))
    return Inferred(expansion(estimates, source.errors(picks), options.level, df))


def expansion(estimates, errors, level: float, df: float | None = None) -> Inference:
    """Symmetric intervals from standard errors."""
    half = critical_value(level, df) * errors
    statistic = np.divide(estimates, errors, out=np.full(np.shape(estimates), np.nan), where=errors > 0)
    return Inference(estimates, errors, statistic, two_sided(statistic, df), estimates - half, estimates + half)
