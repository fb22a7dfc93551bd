"""Effects averaged over W: what is left to say when W itself is not known.

The posterior of an effect is the mixture, over W, of what it is under each, with the posterior probabilities of the
W for weights (LeSage & Pace 2009, section 6.4). Its spread has two sources: the parameters under each W, and W.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.show import Shown

from ..effects.average import KINDS
from ..effects.propagate import Averages, draw, selectors
from ..records.results import SCHEMA, critical_value, two_sided

NEGLIGIBLE = 1e-10  # probability of a W whose effects need not be known


@dataclass(frozen=True, eq=False)
class AveragedEffects(Shown):
    """Model-averaged effects.

    Attributes
    ----------
    variables : tuple of v str
    estimates, std_errors, conf_low, conf_high : ndarray, shape (3, v): direct, indirect, total
        Mean, standard deviation and quantiles of the mixture.
    from_weights : ndarray, shape (3, v)
        Share of the variance that not knowing W adds: between the W over all.
    probabilities : Series
        The mixture's weights.
    draws, seed, level
        How the mixture was drawn, under each W.
    """

    variables: tuple[str, ...]
    estimates: np.ndarray = field(repr=False)
    std_errors: np.ndarray = field(repr=False)
    conf_low: np.ndarray = field(repr=False)
    conf_high: np.ndarray = field(repr=False)
    from_weights: np.ndarray = field(repr=False)
    probabilities: pd.Series = field(repr=False)
    draws: int
    seed: int
    level: float

    def tidy(self) -> pd.DataFrame:
        """One row per effect and variable in the common schema, plus ``effect`` and ``from_weights``."""
        index = pd.MultiIndex.from_product([KINDS, self.variables], names=["effect", "term"])
        columns = {"estimate": self.estimates, "std_error": self.std_errors, "conf_low": self.conf_low,
                   "conf_high": self.conf_high, "from_weights": self.from_weights}  # fmt: skip
        table = pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=index)
        table["statistic"] = table["estimate"] / table["std_error"].where(table["std_error"] > 0)
        table["p_value"] = two_sided(table["statistic"])
        return table.reset_index()[["effect", *SCHEMA, "from_weights"]]

    def __str__(self) -> str:
        from ..report.text import averaged_text

        return averaged_text(self)


def averaged_effects(effects: dict, probabilities: pd.Series, draws: int, seed: int, level: float) -> AveragedEffects:
    """Average ``Effects`` by key, of those that have probabilities; those of next to nothing take no part."""
    critical_value(level)  # refuses what is no level
    used = {key: effects[key] for key, p in probabilities.items() if p > NEGLIGIBLE}
    p = np.array([probabilities[key] for key in used])
    p = p / p.sum()
    first = next(iter(used.values()))
    estimates = np.array([e.estimates for e in used.values()])
    samples = [_draws(e, draws, seed) for e in used.values()]
    within = np.array([s.var(axis=0, ddof=1) for s in samples])
    mean = np.tensordot(p, estimates, 1)
    between = np.tensordot(p, (estimates - mean) ** 2, 1)
    variance = np.tensordot(p, within, 1) + between
    low, high = _quantiles(samples, p, ((1 - level) / 2, (1 + level) / 2))
    share = np.divide(between, variance, out=np.zeros_like(between), where=variance > 0)
    found = (mean, np.sqrt(variance), low, high, share)
    return AveragedEffects(first.variables, *found, probabilities, draws, seed, level)


def _draws(effects, draws, seed) -> np.ndarray:
    """(kept, 3, v) draws of the effects under one W."""
    fit = effects.fit
    return draw(fit, Averages(fit), selectors(fit, effects.variables), draws, seed)


def _quantiles(samples, p, levels):
    """Quantiles of the mixture: every draw weighs its W's probability over the draws of that W."""
    values = np.concatenate(samples)
    mass = np.concatenate([np.full(len(s), share / len(s)) for s, share in zip(samples, p)])
    order = np.argsort(values, axis=0, kind="stable")
    cumulated = np.cumsum(mass[order], axis=0) - mass[order] / 2
    ordered = np.take_along_axis(values, order, axis=0)
    out = np.empty((len(levels), *values.shape[1:]))
    for place in np.ndindex(values.shape[1:]):
        out[(slice(None), *place)] = np.interp(levels, cumulated[(slice(None), *place)], ordered[(slice(None), *place)])
    return out
