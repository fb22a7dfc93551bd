"""The answer of every global statistic: one number, its null distribution, three p-values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.show import Shown

from . import _null


@dataclass(frozen=True, eq=False, repr=False)
class GlobalStatistic(Shown):
    """A statistic of the whole map.

    Attributes
    ----------
    title, symbol, variable : str
        "Moran's I", "I", the variable's name.
    estimate, expected : float
    variance_norm, variance_rand : float
        Under normality and under randomisation; NaN where the literature gives none.
    alternative : {"two-sided", "greater", "less"}
    simulated : ndarray, shape (permutations,)
    seed, n : int
    weights : str
        The weights in one line.
    null : str
        The null hypothesis in words.
    notes : tuple of str
    """

    title: str
    symbol: str
    variable: str
    estimate: float
    expected: float
    variance_norm: float
    variance_rand: float
    alternative: str
    simulated: np.ndarray = field(metadata={"shape": "(permutations,)"})
    seed: int
    n: int
    weights: str
    null: str = "values fall on the units at random: no spatial autocorrelation"
    notes: tuple[str, ...] = ()

    @property
    def permutations(self) -> int:
        return len(self.simulated)

    @property
    def z_norm(self) -> float:
        return self._z(self.variance_norm)

    @property
    def z_rand(self) -> float:
        return self._z(self.variance_rand)

    @property
    def z_sim(self) -> float:
        """Distance from the permutations' mean in their standard deviations."""
        if self.permutations < 2 or not np.std(self.simulated) > 0:
            return math.nan
        return float((self.estimate - self.simulated.mean()) / self.simulated.std(ddof=1))

    @property
    def p_norm(self) -> float:
        return _null.normal_p(self.z_norm, self.alternative)

    @property
    def p_rand(self) -> float:
        return _null.normal_p(self.z_rand, self.alternative)

    @property
    def p_sim(self) -> float | None:
        """Permutation p-value, (r + 1) / (P + 1) and twice the smaller tail; None without permutations."""
        return _null.pseudo_p(self.estimate, self.simulated, self.alternative)

    @property
    def variance(self) -> float:
        """Under randomisation where it is known, else under normality."""
        return self.variance_norm if math.isnan(self.variance_rand) else self.variance_rand

    @property
    def statistic(self) -> float:
        """The z-score that goes with ``variance``."""
        return self._z(self.variance)

    @property
    def p_value(self) -> float:
        """The permutation p-value where there are permutations, else that of ``statistic``."""
        return _null.normal_p(self.statistic, self.alternative) if self.p_sim is None else self.p_sim

    def tidy(self) -> pd.DataFrame:
        """One row. Under the null there is a distribution but no confidence interval: those columns are NaN."""
        return pd.DataFrame(
            {
                "term": [self.variable],
                "estimate": self.estimate,
                "std_error": self.sd_of(self.variance),
                "statistic": self.statistic,
                "p_value": self.p_value,
                "conf_low": math.nan,
                "conf_high": math.nan,
                "measure": self.title,
                "expected": self.expected,
                "z_norm": self.z_norm,
                "p_norm": self.p_norm,
                "p_rand": self.p_rand,
                "p_sim": math.nan if self.p_sim is None else self.p_sim,
                "permutations": self.permutations,
                "seed": self.seed,
                "n": self.n,
                "weights": self.weights,
            }
        )

    def to_frame(self) -> pd.DataFrame:
        return self.tidy()

    def _z(self, variance: float) -> float:
        return (self.estimate - self.expected) / self.sd_of(variance)

    def sd_of(self, variance: float) -> float:
        """NaN for a variance of zero but for rounding: every permutation gives the same value."""
        return math.sqrt(variance) if variance > 1e-13 * self.expected**2 else math.nan
