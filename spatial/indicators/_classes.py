"""Classes of a variable in every period, and of its neighbors: by quantiles of numbers, or by names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option

from ._frame import Panel, groups_of, read, refuse

WHOLE = "all periods"


@dataclass(frozen=True, eq=False)
class Classed:
    """Units in classes.

    Attributes
    ----------
    table : Panel
    codes : ndarray of int, shape (T, N)
        Class 0, ..., k - 1.
    labels : Index of length k
    limits : DataFrame
        Upper limits of the classes but the last; without columns where classes have names.
    values : ndarray, shape (T, N), or None
        The numbers that were classed.
    quantiles : str
    """

    table: Panel
    codes: np.ndarray
    labels: pd.Index
    limits: pd.DataFrame
    values: np.ndarray | None
    quantiles: str

    @property
    def k(self) -> int:
        return len(self.labels)


def classed(data, column, entity, time, classes, quantiles, relative) -> Classed:
    """Numbers by quantiles, over their period's mean where ``relative``; text, booleans and categories as they are.

    Raises
    ------
    SpatialInputError
        Those of `read`; E206 fewer than two periods, E211 a period without a positive mean, E223 classes that coincide
        or one class only, E501.
    """
    check_option("quantiles", quantiles, ("pooled", "period"))
    if isinstance(classes, bool) or not isinstance(classes, int | np.integer) or classes < 2:
        raise SpatialInputError("E501", f"classes={classes!r}: a whole number of 2 or more is expected",
                                hint="classes=4")
    if isinstance(data, pd.DataFrame) and column in data.columns and _has_names(data[column]):
        return _named(data, column, entity, time)
    table, y = _cube(data, column, entity, time)
    if relative:
        mean = y.mean(axis=1, keepdims=True)
        refuse(table, (mean <= 0)[table.period], "E211", "must have a positive mean in each period", "relative=False")
        y = y / mean
    codes, cuts = by_quantiles(y, int(classes), quantiles)
    if cuts is None:
        raise _alike(int(classes), column)
    index = pd.Index([WHOLE]) if quantiles == "pooled" else table.times
    limits = pd.DataFrame(cuts, index=index, columns=pd.Index(range(1, int(classes)), name="class"))
    return Classed(table, codes, pd.RangeIndex(1, int(classes) + 1), limits, y, quantiles)


def neighbor_classes(units: Classed, csr, order=None, *, name="") -> np.ndarray:
    """Class of the neighbors of every place, (T, N): by the quantiles of their mean, or the class of largest weight.

    Where several named classes tie for the largest weight, the unit's own is taken if among them, else the first.

    Parameters
    ----------
    csr : csr_array, shape (N, N), rows that sum to one
    order : ndarray of int, shape (N,), optional
        The unit at every place; by default each is at its own.
    name : str
        For the error where quantiles coincide; empty for none (a relabelling is used as it is).
    """
    order = np.arange(csr.shape[0]) if order is None else order
    if units.values is not None:
        lag = (csr @ units.values[:, order].T).T
        codes, limits = by_quantiles(lag, units.k, units.quantiles)
        if limits is None and name:
            raise _alike(units.k, f"the spatial lag of {name}")
        return codes
    own = units.codes[:, order]
    weight = np.array([(csr @ (own == c).T.astype(float)).T for c in range(units.k)])
    most = weight.max(axis=0)
    mine = np.take_along_axis(weight, own[None], axis=0)[0]
    return np.where(mine >= most - 1e-12, own, (weight >= most - 1e-12).argmax(axis=0))


def by_quantiles(y: np.ndarray, k: int, quantiles: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Class 0 ... k - 1 of each value, and the upper limits, which belong to the classes; None where they coincide."""
    levels = np.arange(1, k) / k
    blocks = [y] if quantiles == "pooled" else list(y)
    limits = np.array([np.quantile(block, levels) for block in blocks])
    codes = np.concatenate([np.searchsorted(row, block) for row, block in zip(limits, blocks)]).reshape(y.shape)
    tops = np.array([block.max() for block in blocks])
    distinct = (np.diff(np.column_stack([limits, tops])) > 0).all()
    return codes, limits if distinct else None


def _has_names(series: pd.Series) -> bool:
    return isinstance(series.dtype, pd.CategoricalDtype) or series.dtype.kind in "bOUS" or series.dtype == "string"


def _named(data, column, entity, time) -> Classed:
    codes, labels = pd.factorize(data[column], sort=True)
    table, _ = _cube(data.assign(**{column: np.where(codes < 0, np.nan, codes)}), column, entity, time)
    codes, labels = groups_of(data, column, table)  # a category keeps its order
    if len(labels) < 2:
        raise SpatialInputError("E223", f"{column!r} has one class only: {labels[0]!r}", column=column,
                                hint="give classes that differ between units")
    T, N = len(table.times), len(table.units)
    none = pd.DataFrame(index=pd.Index([WHOLE]))
    return Classed(table, codes.reshape(N, T).T, pd.Index(labels, name=None), none, None, "named")


def _cube(data, column, entity, time) -> tuple[Panel, np.ndarray]:
    table = read(data, column, entity, time, panel=True)
    y = table.cube()[:, :, 0]
    if len(y) < 2:
        raise SpatialInputError("E206", f"transitions need two or more periods, there is {len(y)}",
                                hint="give a panel with more periods")
    return table, y


def _alike(k: int, name: str) -> SpatialInputError:
    message = f"{k} quantile classes of {name!r} are not distinct: too many values are alike"
    return SpatialInputError("E223", message, column=name, hint="take fewer classes")
