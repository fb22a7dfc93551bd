"""Effects averaged over W, for a W that is not known with certainty.

The posterior of an effect is the mixture of its posteriors under each W, weighted by the posterior probabilities of
the W (LeSage & Pace 2009, section 6.4). Its spread has two sources: the parameters under each W, and W.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.provenance import made_from
from spillover.show import Shown

from ..effects.average import KINDS
from ..effects.mixture import Inference, Pooled, summarize
from ..records.schema import SCHEMA, critical_value

NEGLIGIBLE = 1e-10  # probability below which a W is left out of the average


@dataclass(frozen=True, eq=False)
class AveragedEffects(Shown):
    """Model-averaged effects.

    Attributes
    ----------
    variables : tuple of v str
    inference : Inference
        Estimates, standard errors, statistics, p-values and intervals of the mixture, (3, v) each: direct, indirect,
        total.
    from_weights : ndarray, shape (3, v)
        Variance between the W as a share of the total variance: the part due to uncertainty about W. The variance under
        each W is its squared standard error.
    probabilities : Series
        The mixture's weights.
    level : float
    """

    variables: tuple[str, ...]
    inference: Inference = field(repr=False)
    from_weights: np.ndarray = field(repr=False)
    probabilities: pd.Series = field(repr=False)
    level: float

    @property
    def estimates(self) -> np.ndarray:
        return self.inference.estimate

    @property
    def std_errors(self) -> np.ndarray:
        return self.inference.std_error

    @property
    def conf_low(self) -> np.ndarray:
        return self.inference.low

    @property
    def conf_high(self) -> np.ndarray:
        return self.inference.high

    def tidy(self) -> pd.DataFrame:
        """One row per effect and variable in the common schema, plus ``effect`` and ``from_weights``."""
        index = pd.MultiIndex.from_product([KINDS, self.variables], names=["effect", "term"])
        columns = {**self.inference.columns(), "from_weights": self.from_weights.ravel()}
        return pd.DataFrame(columns, index=index).reset_index()[["effect", *SCHEMA, "from_weights"]]


def averaged_effects(effects: Mapping, probabilities: pd.Series, level: float) -> AveragedEffects:
    """Average ``Effects`` by key, of those with probabilities; negligible ones are left out."""
    critical_value(level)  # raises for an invalid level
    above = probabilities[probabilities > NEGLIGIBLE]
    used = {key: effects[key] for key in above.index}
    p = above.to_numpy(float)
    p = p / p.sum()
    variables = next(iter(used.values())).variables
    estimates = np.array([e.estimates for e in used.values()])
    mean = np.tensordot(p, estimates, 1)
    between = np.tensordot(p, (estimates - mean) ** 2, 1)
    variance = np.tensordot(p, np.array([e.std_errors for e in used.values()]) ** 2, 1) + between
    share = np.divide(between, variance, out=np.zeros_like(between), where=variance > 0)
    result = AveragedEffects(variables, _pooled(list(used.values()), p, mean, level), share, probabilities, level)
    return made_from(result, used)


def _pooled(effects: list, p: np.ndarray, mean: np.ndarray, level: float) -> Inference:
    """The mixture over W of the mixtures over rho."""
    laws = [e.inferred.law for e in effects]
    if any(law is None for law in laws):  # a fit without standard errors
        return Inference(mean, *np.full((5, *mean.shape), np.nan))
    freedom = [law.conditional.df_reference for law in laws]
    df = None if None in freedom else min(freedom)
    return summarize(Pooled(tuple(law.mixture for law in laws), p, df), mean.ravel(), level).reshaped(*mean.shape)
