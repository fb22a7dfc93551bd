"""What changes from replicate to replicate of a refit: responses, regressors, places of the units, weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import SeveralWeights, SpatialWeights, TemporalWeights

from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.keys import match_rows
from ..design.past import past_columns
from ..design.regimes import RegimeDesign
from ..design.unsplit import split_columns, unsplit
from .dynamic import own_lags
from .fit import Fit
from .reading import aligned

SHAPES = "help(sp.refit) says which shapes it takes"
WITHOUT_START = "leave out the first period, which is the starting value of the fit"


@dataclass(frozen=True, eq=False)
class Changes:
    """R replicates of a design's data; what is None, or not among ``x``, stays as it is. Columns that follow are formed
    anew: the past of the responses, those of regimes.

    Attributes
    ----------
    base : Design
    y : ndarray, shape (R, T, N), or None
    x : dict of int to ndarray, shape (R, T, N)
        By the column of X.
    relabel : ndarray of int, shape (R, N), or None
        The unit that takes each place.
    w : list of R weights, or None
    effects : FixedEffects
    """

    base: Design = field(repr=False)
    effects: FixedEffects
    y: np.ndarray | None = field(default=None, repr=False)
    x: dict[int, np.ndarray] = field(default_factory=dict, repr=False)
    relabel: np.ndarray | None = field(default=None, repr=False)
    w: list | None = field(default=None, repr=False)

    @cached_property
    def plain(self) -> Design:
        """With the columns of the formula: those of regimes are formed anew in every replicate."""
        return unsplit(self.base)

    @property
    def _parts(self) -> list:
        return [part for part in (self.y, self.relabel, self.w, *self.x.values()) if part is not None]

    def __len__(self) -> int:
        """R.

        Raises
        ------
        SpatialInputError
            E501 nothing changes, E526 different numbers of replicates.
        """
        lengths = {len(part) for part in self._parts}
        if not lengths:
            raise SpatialInputError("E501", "refit needs something that changes: y=, x=, relabel= or w=", hint=SHAPES)
        if len(lengths) > 1:
            message = f"what changes together needs as many replicates each, got {sorted(lengths)}"
            raise SpatialInputError("E526", message, hint=SHAPES)
        return lengths.pop()

    def alone(self, part) -> bool:
        """Whether ``part`` is all that changes."""
        return part is not None and len(self._parts) == 1

    def arrays(self, at: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """y (R, T, N) and X (R, T, N, k) of these replicates."""
        d, R = self.base if self.alone(self.y) and not self.base.lags else self.plain, len(at)
        y = np.broadcast_to(d.y, (R, *d.y.shape)) if self.y is None else self.y[at]
        X = np.broadcast_to(d.X, (R, *d.X.shape))
        if self.x:
            X = X.copy()
            for column, values in self.x.items():
                X[..., column] = values[at]
        if self.relabel is not None:
            places = self.relabel[at]
            y, X = (np.array([own.take(p, axis=1) for own, p in zip(values, places)]) for values in (y, X))
        if d.lags:
            X = np.array([self._with_past(r, *own) for r, *own in zip(at, y, X)])
        if isinstance(self.base, RegimeDesign) and d is self.plain:
            X = np.array([split_columns(self._by_regime(r), own, self.effects) for r, own in zip(at, X)])
        return y, X

    def _with_past(self, r: int, y: np.ndarray, X: np.ndarray) -> np.ndarray:
        """X (T, N, k) whose lagged responses are those of y (T, N), from the starting values of the fit on."""
        d, out = self.plain, X.copy()
        before = np.concatenate([self._start(r)[None], y[:-1]])
        for column in past_columns(d):
            j, w = d.names.index(column.name), column.weights
            if w is None:
                out[:, :, j] = before
            elif w.varies:  # W of the period before; that of the starting value as it is in the fit
                out[1:, :, j] = d.lag(y, self.effects, w)[:-1]
            else:
                out[:, :, j] = d.lag(before, self.effects, w if self.w is None else self._weights(r))
        return out

    def _weights(self, r: int):
        return self.base.weights if self.w is None else aligned(self.w[r], self.base, "error", name="w")

    def _by_regime(self, r: int) -> RegimeDesign:
        """The design whose columns are split: regimes move with their units."""
        d = self.base
        assert isinstance(d, RegimeDesign) and d.split is not None  # noqa: PT018
        codes = d.split.codes if self.relabel is None else d.split.codes.take(self.relabel[r])
        return replace(d, split=replace(d.split, codes=codes), weights=self._weights(r))

    def design(self, r: int, y: np.ndarray, X: np.ndarray) -> Design:
        """The design of replicate r."""
        new: dict[str, Any] = {"y": y, "X": X}
        if self.relabel is not None:
            new["order"] = self.base.order.take(self.relabel[r], axis=1)
        if self.base.lags:
            new["past"] = np.concatenate([self._start(r)[None], y[:-1]])
        if isinstance(self.base, RegimeDesign):
            return replace(self._by_regime(r), **new)
        if self.w is not None:
            new["weights"] = self._weights(r)
        return replace(self.base, **new)

    def _start(self, r: int) -> np.ndarray:
        """The starting values of a dynamic model, (N,)."""
        assert self.base.past is not None
        return self.base.past[0] if self.relabel is None else self.base.past[0].take(self.relabel[r])


def changes(fit: Fit, y, x: Mapping | None, relabel, w) -> Changes:
    """The arguments of ``refit``, aligned with the fit.

    Raises
    ------
    SpatialInputError
        E525 a fit that cannot be refitted, E526 wrong shapes, E502 an unknown term, E1xx labels.
    """
    if (method := fit._settings.method) != "ml":
        message = f"only maximum likelihood and least squares are refitted, not method={method!r}"
        raise SpatialInputError("E525", message, hint="method='ml'")
    d, plain = fit._design, unsplit(fit._design)
    if y is not None and own_lags(d):
        message = "lagged responses are among the regressors of the formula: y cannot change without them"
        raise SpatialInputError("E525", message, hint="lags='y' of the model in the place of lag(y)")
    if d.lags and d.weights.varies and (relabel is not None or w is not None):
        raise SpatialInputError("E525", "the W of the first period, which lags the starting values, is not in the fit: "
                                "units and W keep their places", hint="y= or x=")  # fmt: skip
    if w is not None and isinstance(d.weights, SeveralWeights):
        raise SpatialInputError("E525", "models with several W are refitted under these", hint="y=, x= or relabel=, or "
                                "one fit for each list of W")  # fmt: skip
    regressors = {}
    for name, values in (x or {}).items():
        if name not in plain.regressors:
            raise SpatialInputError("E502", f"{name!r} is no regressor of this fit", column=str(name),
                                    hint=f"the regressors are {list(plain.regressors)}")  # fmt: skip
        regressors[plain.names.index(name)] = _stack(d, name, values)
    if relabel is not None:
        relabel = np.asarray(relabel)
        if relabel.ndim != 2 or not np.array_equal(np.sort(relabel), np.tile(np.arange(d.n_units), (len(relabel), 1))):
            message = f"relabel needs permutations of 0 ... {d.n_units - 1} in its rows"
            raise SpatialInputError("E526", message, hint=SHAPES)
    if w is not None:
        w = list(w.values()) if isinstance(w, Mapping) else list(w)
    return Changes(d, fit._settings.effects, None if y is None else _stack(d, "y", y), regressors, relabel, w)


def _with_ids(weights: SpatialWeights | TemporalWeights, ids: pd.Index) -> SpatialWeights | TemporalWeights:
    """Weights of numbered rows under the data's ids."""
    if weights.varies:
        return replace(weights, matrices=tuple(replace(w, ids=ids, labelled=True) for w in weights.matrices))
    return replace(weights, ids=ids, labelled=True)


def _stack(d: Design, name: str, values) -> np.ndarray:
    """(R, T, N) from an array, or from a frame with replicates in its columns."""
    if isinstance(values, pd.DataFrame):
        weights = d.weights if d.weights.labelled else _with_ids(d.weights, d.ids)
        rows = match_rows(values, weights, None, None)
        if not (rows.times is None if d.times is None else d.times.equals(rows.times)):
            one_more = d.lags and rows.times is not None and len(rows.times) == d.n_periods + 1
            raise SpatialInputError("E526", f"the frame of {name!r} does not have the fit's periods",
                                    hint=WITHOUT_START if one_more else SHAPES)  # fmt: skip
        values = np.moveaxis(values.to_numpy(dtype=float)[rows.order], -1, 0)
    stack = np.ascontiguousarray(values, dtype=float)  # sums depend on the layout in their last bits
    if stack.ndim == 2 and not d.is_panel:
        stack = stack[:, None]
    if stack.shape[1:] != d.y.shape:
        T, N = d.y.shape
        wanted = f"(R, {T}, {N})" if d.is_panel else f"(R, {N})"
        message = f"the replicates of {name!r} need shape {wanted}, got {np.shape(values)}"
        one_more = d.lags and stack.shape[1:] == (T + 1, N)
        raise SpatialInputError("E526", message, hint=WITHOUT_START if one_more else SHAPES)
    return stack
