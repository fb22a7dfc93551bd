"""Weights of observations: Var(e_i) = sigma2 / w_i, or sampling weights, in every (unit, period).

With D = diag(sqrt(w)) the error D e has one variance, and the model in D y, D X is the model without weights, its
matrices replaced by similar ones with the same determinants:

    D e = B* (A* D y - D X beta),    A* = D A D^-1 = I - rho D W D^-1,    |A*| = |A|

    ln L = -n/2 ln(2 pi sigma2) + sum ln(w) / 2 + ln|A| + ln|B| - (D e)'(D e) / (2 sigma2)

Fixed effects leave by the projection in the metric of the weights. What is left of n normal errors with the variances
1 / w after contrasts F orthogonal to the effects' dummies has |F'D^-2 F| = |D|^-2 |U'D^2 U|, U an orthonormal basis of
the dummies: the transformation of Lee & Yu (2010, J. Econometrics 154:165-185) stays exact, its constant is
sum ln(w) / 2 - ln|U'D^2 U| / 2.

Sources: Aitken (1935); Anselin (1988) section 8.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SHOWN, SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from .absorbed import Absorbed
from .weighted_projection import WeightedProjection

if TYPE_CHECKING:
    from .design import Design
    from .fixed_effects import FixedEffects

CONSTANT = 1e-12  # relative change over time


@dataclass(frozen=True)
class Sampling:
    """Sampling weights for ``obs_weights=``: the inverse of the probability that an observation is in the sample.

    The estimates are those of analytic weights, and estimate the regression of the population. The variance of an
    error does not follow the weight, so that standard errors are robust (HC1; by unit in panels), as with Stata's
    pweights, and there is no likelihood: least squares and the method of moments take them.

    Parameters
    ----------
    column : str
        A column of the data, positive.

    Examples
    --------
    >>> Sampling("households")
    Sampling(column='households')
    """

    column: str


@dataclass(frozen=True, eq=False)
class ObsWeights:
    """The weights of a sample.

    Attributes
    ----------
    values : ndarray, shape (T, N)
        Positive; NaN where nothing was observed.
    column : str
    sampling : bool
        Sampling weights; else analytic ones.
    """

    values: np.ndarray = field(repr=False)
    column: str
    sampling: bool = False

    @cached_property
    def root(self) -> np.ndarray:
        """sqrt(w), (T, N)."""
        return np.sqrt(self.values)

    @cached_property
    def fixed(self) -> bool:
        """Whether each unit has one weight in all periods."""
        least, most = np.nanmin(self.values, axis=0), np.nanmax(self.values, axis=0)
        return bool((most - least <= CONSTANT * most).all())

    def of_later_periods(self, rows: np.ndarray | None) -> ObsWeights:
        """Those of all periods but the first, of the ``rows`` (T - 1, N) that a dynamic panel has."""
        later = self.values[1:]
        return replace(self, values=later if rows is None else np.where(rows, later, np.nan))

    @property
    def kind(self) -> str:
        return "sampling" if self.sampling else "analytic"

    def describe(self) -> str:
        """In words, for headers."""
        return f"{self.column} ({self.kind})"

    def within(self, values: np.ndarray, effects: FixedEffects, *, first: int = 0) -> np.ndarray:
        """A (T, N, ...) array less its weighted projection on the fixed effects; R such arrays with ``first=1``."""
        if not effects.fixed:
            return np.array(values, dtype=float)
        projection = self.projection(effects)
        if isinstance(projection, Absorbed):
            root = self.root.reshape(*self.root.shape, *(1,) * (values.ndim - first - 2))
            return projection.demean(root * values, first) / root
        leading, last = range(first), range(-first, 0)
        out = projection.demean(np.moveaxis(values, leading, last))
        return np.moveaxis(out, last, leading)

    def constant(self, effects: FixedEffects, transformed: bool) -> float:
        """What the weights add to the log-likelihood: sum ln(w) / 2, less ln|U'D^2 U| / 2 where the effects are
        transformed out."""
        total = float(np.nansum(np.log(self.values))) / 2
        if not (transformed and effects.fixed):
            return total
        if effects.ways is not None:
            return total - effects.ways.log_determinant(self.values[np.isfinite(self.values)]) / 2
        return total - WeightedProjection(np.nan_to_num(self.values), effects.entity, effects.time).log_determinant / 2

    def blocks(self, effects: FixedEffects) -> list[np.ndarray]:
        """The diagonal blocks of D^-1 M D of every period, M the projection off the effects in the metric of the
        weights: tr(M D G D^-1) = tr(D^-1 M D G)."""
        roots, projection = np.nan_to_num(self.root, nan=1.0), self.projection(effects)
        return [projection.block(t) * (root / root[:, None]) for t, root in enumerate(roots)]

    @cached_property
    def _cache(self) -> dict:
        return {}

    def projection(self, effects: FixedEffects) -> WeightedProjection | Absorbed:
        """Off the effects in the metric of the weights; many ways those of rows times the roots of their weights."""
        if effects not in self._cache:
            ways = effects.ways
            self._cache[effects] = (
                ways.weighted(self.root[np.isfinite(self.root)]) if ways else
                WeightedProjection(np.nan_to_num(self.values), effects.entity, effects.time)
            )  # fmt: skip
        return self._cache[effects]


# -- at the door -----------------------------------------------------------------------------------------------


def column_of(obs_weights) -> str | None:
    """The column that ``obs_weights=`` names.

    Raises
    ------
    SpatialInputError
        E501 neither a column's name nor ``Sampling``.
    """
    column = obs_weights.column if isinstance(obs_weights, Sampling) else obs_weights
    if column is not None and not isinstance(column, str):
        raise SpatialInputError("E501", f"obs_weights= takes the name of a column, got {type(column).__name__}",
                                hint='obs_weights="population", or sp.Sampling("population") for sampling weights')
    return column


def read_obs_weights(d: Design, obs_weights) -> ObsWeights:
    """The weights in the order of the design.

    Raises
    ------
    SpatialInputError
        E201 missing, E202 infinite, E203 text, E211 zero or negative, E502 no such column.
    """
    column = column_of(obs_weights)
    if column not in d.frame.columns:
        raise SpatialInputError("E502", f"obs_weights names {column!r}, which is no column of the data",
                                column=str(column), hint="name a column of the data")  # fmt: skip
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    values = positive_weights(d.frame[column], d.order, there, d.ids, d.times)
    return ObsWeights(np.where(there, values, np.nan), str(column), isinstance(obs_weights, Sampling))


def positive_weights(
    column: pd.Series, order: np.ndarray, there: np.ndarray, ids: pd.Index, times: pd.Index | None
) -> np.ndarray:
    """A column as (T, N) positive numbers, wherever ``there``.

    Raises
    ------
    SpatialInputError
        E201 missing, E202 infinite, E203 text, E211 zero or negative: rows and ids are named.
    """
    name = str(column.name)
    if column.dtype.kind not in "biuf":
        raise SpatialInputError("E203", f"the weights {name!r} hold {column.dtype} values, numbers are needed",
                                column=name, hint="convert them with pd.to_numeric")  # fmt: skip
    values = column.to_numpy(dtype=float, na_value=np.nan)[order]
    usable = np.isfinite(values) & (values > 0)
    if usable[there].all():
        return values
    why = (
        ("E201", np.isnan(values), "are missing", f"data.dropna(subset=[{name!r}]), and missing='drop' in a panel"),
        ("E202", np.isinf(values), "are infinite", "correct them, or leave these rows out"),
        ("E211", values <= 0, "are zero or negative", f"leave these rows out: data[data[{name!r}] > 0], and W of the "
         "rest: w.subset(ids)"),
    )  # fmt: skip
    code, bad, what, hint = next(one for one in why if (one[1] & there).any())
    t, i = np.nonzero(bad & there)
    units = ids[i]
    labels = [str(unit) for unit in units] if times is None else [
        f"{unit} in {period}" for unit, period in zip(units, times[t])]  # fmt: skip
    shown = ", ".join(labels[:SHOWN]) + " ..." * (len(labels) > SHOWN)
    raise SpatialInputError(code, f"{len(t)} weights of {name!r} {what}: {shown}", column=name,
                            ids=list(dict.fromkeys(units)), rows=[column.index[r] for r in order[t, i]], n=len(t),
                            hint=hint)  # fmt: skip


def refuse_weighted(obs_weights: ObsWeights | None, what: str, hint: str) -> None:
    """``what``, named in words, does not hold for weighted observations.

    Raises
    ------
    SpatialInputError
        E540.
    """
    if obs_weights is not None:
        raise SpatialInputError("E540", f"{what} is not there with obs_weights={obs_weights.column!r}", hint=hint)


# -- the model in D y, D X ---------------------------------------------------------------------------------------


def links_in_units_of_variance(d: Design, w: SpatialWeights | TemporalWeights) -> SpatialWeights | TemporalWeights:
    """D W D^-1 where observations have weights, else W."""
    return w if d.obs_weights is None else _weighted_links(w, d.obs_weights, d.n_periods)


@lru_cache(maxsize=8)
def _weighted_links(w: SpatialWeights | TemporalWeights, obs_weights: ObsWeights, periods: int):
    """One for all periods where weights and W are fixed, else one for each."""
    if not w.varies and obs_weights.fixed:
        return _similar(w, obs_weights.root[0])
    roots = np.nan_to_num(obs_weights.root, nan=1.0)  # who is not there has no links
    each = tuple(_similar(one, root) for one, root in zip(w.each(periods), roots))
    labels = w.periods if isinstance(w, TemporalWeights) else pd.RangeIndex(periods)
    return TemporalWeights(each, labels, (), w.observed if isinstance(w, TemporalWeights) else None)


def _similar(w: SpatialWeights, root: np.ndarray) -> SpatialWeights:
    csr = w.csr.copy()
    csr.data = csr.data * np.repeat(root, np.diff(csr.indptr)) / root[csr.indices]
    return SpatialWeights(csr, w.ids, w.kind, labelled=w.labelled)
