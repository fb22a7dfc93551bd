"""Aligned data: what ``read`` makes of a formula, a frame and weights.

Arrays are (T, N, ...): period first, units in the order of the weights' ids. A cross-section is T = 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from .fixed_effects import FixedEffects
from .formula import INTERCEPT, canonical
from .obs_weights import ObsWeights
from .period_means import centers, period_means
from .terms import Encoding


@dataclass(frozen=True, eq=False)
class Design:
    """Everything an estimator needs, aligned.

    Attributes
    ----------
    y : ndarray, shape (T, N)
        The response, less the offset where there is one: what X beta explains. ``outcome`` is with it.
    X : ndarray, shape (T, N, k)
    names : tuple of k str
        Terms of the formula.
    durbin : tuple of int
        Columns of X that are also lagged in space.
    wx_order : {1, 2}
        Up to which power of W.
    lags : tuple of str
        Which columns of X are the response's own past: ``lag(y)``, ``W:lag(y)``.
    weights : SpatialWeights of N units, or TemporalWeights, one W for each of the T periods
    error_weights : likewise, or None
        Weights of the error process where they are not ``weights``.
    ids, times : Index of N units, and of T periods or None for a cross-section
    formula, response : str
    notes : tuple of str
        What was dropped or assumed, for the header.
    frame : DataFrame
        The data as given, for groups and places that are asked for after the fit.
    order : ndarray, shape (T, N)
        Row of ``frame`` for each period and unit.
    observed : ndarray of bool, shape (T, N), or None for a balanced panel
        Which units are there in which period. Elsewhere y and X are NaN, ``order`` may be -1.
    whole : SpatialWeights or None;  past : ndarray, shape (T, N), or None
        W of all units in a panel with gaps; the response of the period before, in a dynamic model.
    endog : tuple of str
        Regressors that are correlated with the error.
    instruments : dict of str to ndarray, shape (T, N)
        What instruments them.
    encoding : Encoding
        How the formula's terms became columns, for new data.
    absorbed : FixedEffects or None
        What stands behind ``|`` in the formula.
    obs_weights : ObsWeights or None
        Weights of the observations.
    offset : ndarray, shape (T, N), or None
        What enters with the coefficient 1: y = rho W y + offset + X beta + u. W lags the response with it.
    """

    y: np.ndarray = field(repr=False)
    X: np.ndarray = field(repr=False)
    names: tuple[str, ...]
    durbin: tuple[int, ...]
    weights: SpatialWeights | TemporalWeights
    ids: pd.Index = field(repr=False)
    times: pd.Index | None = field(repr=False)
    formula: str
    response: str
    frame: pd.DataFrame = field(repr=False)
    order: np.ndarray = field(repr=False)
    encoding: Encoding = field(repr=False)
    notes: tuple[str, ...] = ()
    error_weights: SpatialWeights | TemporalWeights | None = None
    wx_order: int = 1
    lags: tuple[str, ...] = ()
    observed: np.ndarray | None = field(default=None, repr=False)
    whole: SpatialWeights | None = field(default=None, repr=False)
    past: np.ndarray | None = field(default=None, repr=False)
    endog: tuple[str, ...] = ()
    instruments: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    absorbed: FixedEffects | None = None
    obs_weights: ObsWeights | None = None
    offset: np.ndarray | None = field(default=None, repr=False)

    @property
    def outcome(self) -> np.ndarray:
        """The response as it was observed, (T, N)."""
        return self.y if self.offset is None else self.y + self.offset

    @property
    def n_periods(self) -> int:
        return self.y.shape[0]

    @property
    def n_units(self) -> int:
        return self.y.shape[1]

    @property
    def weights_of_error(self) -> SpatialWeights | TemporalWeights:
        """M of the error process: W unless another was given."""
        return self.weights if self.error_weights is None else self.error_weights

    @property
    def varies(self) -> bool:
        """Whether W or M differs between periods."""
        return self.weights.varies or self.weights_of_error.varies

    @property
    def is_panel(self) -> bool:
        return self.times is not None

    @property
    def periods(self) -> pd.Index:
        """Labels of the T periods; 0 in a cross-section."""
        return pd.RangeIndex(1) if self.times is None else self.times

    @property
    def regressors(self) -> tuple[str, ...]:
        """The terms that have effects: neither the intercept nor the response's own past."""
        return tuple(name for name in self.names if name != INTERCEPT and name not in self.lags)

    @property
    def durbin_names(self) -> tuple[str, ...]:
        return tuple(f"W:{self.names[j]}" for j in self.durbin)

    @property
    def nobs(self) -> int:
        """Rows m: units and periods that are observed."""
        return self.y.size if self.observed is None else int(self.observed.sum())

    def rows(self, values: np.ndarray, first: int = 0) -> np.ndarray:
        """(T, N, ...) as (m, ...), period by period; (R, T, N, ...) as (R, m, ...) with ``first=1``."""
        if self.observed is not None:
            return values[(slice(None),) * first + (self.observed,)]
        shape = values.shape
        return values.reshape(*shape[:first], self.y.size, *shape[first + 2 :])

    def panel(self, rows: np.ndarray) -> np.ndarray:
        """(m, ...) as (T, N, ...), NaN where nothing was observed."""
        shape = (*self.y.shape, *rows.shape[1:])
        if self.observed is None:
            return rows.reshape(shape)
        out = np.full(shape, np.nan)
        out[self.observed] = rows
        return out

    def within(self, values: np.ndarray, effects: FixedEffects, *, first: int = 0) -> np.ndarray:
        """A (T, N, ...) array less its projection on the fixed effects, in the metric of weights of observations; R
        such arrays with ``first=1``."""
        if self.obs_weights is not None:
            return self.obs_weights.within(values, effects, first=first)
        return effects.demean(values, self.observed, first=first)

    @property
    def root(self) -> np.ndarray:
        """The roots of the weights of observations, (m,): 1 without weights."""
        return np.ones(self.nobs) if self.obs_weights is None else self.rows(self.obs_weights.root)

    def left(self, effects: FixedEffects) -> int:
        """Observations that are left once the fixed effects are taken out."""
        T, N = self.y.shape
        return effects.left(T, N, self.observed)

    @property
    def divisible(self) -> bool:
        """Whether a part of the data has the same columns: no term was estimated from the sample (center, scale, poly,
        levels of a category), and nothing else is aligned with the whole."""
        alone = self.error_weights is None and self.observed is None and not (self.instruments or self.lags)
        alone = alone and (self.absorbed is None or self.absorbed.ways is None)
        alone = alone and self.obs_weights is None
        return alone and not self.encoding.states

    def part(self, members: np.ndarray, axis: str) -> Design:
        """Some of the units, with W cut down to them, or some of the periods: what ``read`` makes of these rows.

        Parameters
        ----------
        members : ndarray of bool, shape (N,) or (T,)
        axis : {"units", "periods"}
        """
        at = np.flatnonzero(members)
        cells = np.ix_(at, np.arange(self.n_units)) if axis == "periods" else np.ix_(np.arange(self.n_periods), at)
        order = self.order[cells]
        rows = np.sort(order.ravel())
        cut: dict = {"times": self.periods[at]} if axis == "periods" else {
            "ids": self.ids[at], "weights": self.weights.subset_at(at)}  # fmt: skip
        cut["offset"] = None if self.offset is None else self.offset[cells]
        return replace(self, y=self.y[cells], X=self.X[cells], frame=self.frame.iloc[rows],
                       order=np.searchsorted(rows, order), **cut)  # fmt: skip

    def with_columns(self, added: dict[str, np.ndarray], formula: str, *, without: tuple[str, ...] = ()) -> Design:
        """The design with more columns (T, N) of X and without some of its own, as if ``formula`` had been read from a
        frame with them."""
        keep = [j for j, name in enumerate(self.names) if name not in without]
        rows = np.zeros((len(self.frame), len(added)))
        there = slice(None) if self.observed is None else self.observed
        rows[self.order[there].ravel()] = np.stack([values[there].ravel() for values in added.values()], axis=1)
        return replace(
            self,
            X=np.concatenate([self.X[:, :, keep], np.stack(list(added.values()), axis=2)], axis=2),
            names=(*(self.names[j] for j in keep), *added),
            formula=formula,
            frame=self.frame.assign(**dict(zip(added, rows.T))),
        )

    def sources(self) -> tuple[pd.DataFrame, dict]:
        """The observations as used, labelled, and W (M of the error too, where it is another)."""
        columns = {self.response: self.outcome, **dict(zip(self.names, np.moveaxis(self.X, 2, 0))), **self.instruments}
        if self.offset is not None:
            columns[self.encoding.terms.offset_name] = self.offset
        if self.obs_weights is not None:
            columns[self.obs_weights.column] = self.obs_weights.values
        frame = pd.concat([self.labelled(values, name) for name, values in columns.items()], axis=1)
        return frame, {"W": self.weights} | ({} if self.error_weights is None else {"M": self.error_weights})

    def lag(self, values: np.ndarray, effects: FixedEffects, w=None, *, first: int = 0) -> np.ndarray:
        """W of values (T, N) or (T, N, k), behind ``first`` axes more, as ``centered`` has them; ``w`` is another W."""
        w = self.weights if w is None else w
        return spatial_lag(w, self.centered(values, effects, w, first=first), first=first)

    def centered(self, values: np.ndarray, effects: FixedEffects, w=None, *, first: int = 0) -> np.ndarray:
        """What W lags: the values, or with period effects their deviations from period means (``period_means``)."""
        w = self.weights if w is None else w
        if not centers(w, effects.time):
            return values
        return values - period_means(values, self.observed, first)

    def labelled(self, values: np.ndarray, name: str) -> pd.Series:
        """A (T, N) array as a Series by unit, or by unit and period."""
        if self.times is None:
            return pd.Series(values[0], index=self.ids, name=name)
        index = pd.MultiIndex.from_product([self.times, self.ids], names=[self.times.name, self.ids.name])
        series = pd.Series(values.ravel(), index=index, name=name)
        return (series if self.observed is None else series[self.observed.ravel()]).swaplevel().sort_index()


def refuse_offset(d: Design, what: str) -> None:
    """Raises E501 where the formula has an offset."""
    if d.offset is not None:
        raise SpatialInputError("E501", f"{what} has no {d.encoding.terms.offset_name}",
                                hint="subtract it from the response, I(y - z) ~ x, where W y is not in the model, or "
                                "give it a coefficient: y ~ x + z")  # fmt: skip


def spatial_lag(
    w: SpatialWeights | TemporalWeights | sparse.csr_array, values: np.ndarray, *, first: int = 0
) -> np.ndarray:
    """W applied to the unit axis of a (T, N) or (T, N, k) array, period by period; ``first`` axes before these number
    the arrays."""
    if isinstance(w, TemporalWeights):
        axis, periods = first, np.moveaxis(values, first, 0)
        return np.stack([spatial_lag(w_t.csr, x, first=first - 1) for w_t, x in zip(w.matrices, periods)], axis=axis)
    csr = w.csr if isinstance(w, SpatialWeights) else w
    by_unit = values.swapaxes(0, first + 1)
    return (csr @ by_unit.reshape(csr.shape[1], -1)).reshape(by_unit.shape).swapaxes(0, first + 1)


def durbin_columns(
    names: Sequence[str], durbin, encoding: Encoding, lags: tuple[str, ...] = ()
) -> tuple[int, ...]:
    """Positions of the columns that are lagged in space: those of the terms that are named, in any spelling of the
    formula's, or all but the intercept and the response's past.

    Raises
    ------
    SpatialInputError
        E502 no such regressor.
    """
    slopes = [name for name in names if name != INTERCEPT and name not in lags]
    if durbin is None:
        return tuple(names.index(name) for name in slopes)
    wanted = []
    for term in [durbin] if isinstance(durbin, str) else list(durbin):
        matching = columns_of_term(str(term), slopes, encoding)
        if not matching:
            raise SpatialInputError("E502", f"durbin names {term!r}, which is no regressor", column=str(term),
                                    hint="the regressors are " + ", ".join(map(repr, slopes)))  # fmt: skip
        wanted += matching
    return tuple(names.index(name) for name in dict.fromkeys(wanted))


def columns_of_term(term: str, slopes: Sequence[str], encoding: Encoding) -> list[str]:
    """The columns of a term: itself, or the levels of a category; ``z:x`` is ``x:z``, ``I(x**2)`` is ``I(x ** 2)``."""
    if term in slopes:
        return [term]
    spelled = canonical(term)
    same = {frozenset(f.text for f in factors): name for name, factors in encoding.terms.right}
    spelled = same.get(frozenset(spelled.split(":")), spelled)
    return [name for name in slopes if name == spelled or encoding.origin.get(name) == spelled]
