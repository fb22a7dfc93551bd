"""The door: formula + frame + weights become one Design of aligned arrays.

Arrays are (T, N, ...): period first, units in the order of the weights' ids. A cross-section is T = 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, check_option

from ._formula import Terms, model_columns, read_formula
from ._keys import PERIOD, UNIT, in_order, periods, with_keys
from ._weights import Weights, as_weights

INTERCEPT = "Intercept"


@dataclass(frozen=True, eq=False)
class Design:
    """Everything an estimator needs, aligned.

    Attributes
    ----------
    y : ndarray, shape (T, N)
    X : ndarray, shape (T, N, k)
    names : tuple of k str
        Terms of the formula.
    durbin : tuple of int
        Columns of X that are also lagged in space.
    weights : Weights of N units
    ids : Index of N units
    times : Index of T periods, or None for a cross-section
    formula, response : str
    notes : tuple of str
        What was dropped or assumed, for the header.
    """

    y: np.ndarray = field(repr=False)
    X: np.ndarray = field(repr=False)
    names: tuple[str, ...]
    durbin: tuple[int, ...]
    weights: Weights
    ids: pd.Index = field(repr=False)
    times: pd.Index | None = field(repr=False)
    formula: str
    response: str
    notes: tuple[str, ...] = ()

    @property
    def n_periods(self) -> int:
        return self.y.shape[0]

    @property
    def n_units(self) -> int:
        return self.y.shape[1]

    @property
    def is_panel(self) -> bool:
        return self.times is not None

    @property
    def durbin_names(self) -> tuple[str, ...]:
        return tuple(f"W:{self.names[j]}" for j in self.durbin)

    def labelled(self, values: np.ndarray, name: str) -> pd.Series:
        """A (T, N) array as a Series by unit, or by unit and period."""
        if self.times is None:
            return pd.Series(values[0], index=self.ids, name=name)
        index = pd.MultiIndex.from_product([self.times, self.ids], names=[self.times.name, self.ids.name])
        return pd.Series(values.ravel(), index=index, name=name).swaplevel().sort_index()


def spatial_lag(csr: sparse.csr_array, values: np.ndarray) -> np.ndarray:
    """W applied to the unit axis of a (T, N) or (T, N, k) array, period by period."""
    by_unit = np.moveaxis(values, 1, 0)
    return np.moveaxis((csr @ by_unit.reshape(len(by_unit), -1)).reshape(by_unit.shape), 0, 1)


def design(formula, data, w, *, entity=None, time=None, durbin=None, missing="error", lagged=True) -> Design:
    """Align a formula's columns with weights.

    Parameters
    ----------
    formula : str
    data : DataFrame
        One row per unit, or one per unit and period. Rows may come in any order.
    w : weights (see ``as_weights``)
    entity, time : str, optional
        Columns with the unit and the period; a MultiIndex (unit, period) serves instead. For a cross-section
        the index holds the units unless ``entity`` is given.
    durbin : list of str, optional
        Terms to lag in space; all but the intercept by default.
    missing : {"error", "drop"}
        "drop" removes units with missing values, for all periods, and cuts W down to the rest.
    lagged : bool
        Whether the model has W X at all.

    Raises
    ------
    SpatialInputError
        E101-E106 ids and periods, E201-E203, E207 values, E502-E504 formula.
    """
    check_option("missing", missing, ("error", "drop"))
    weights = as_weights(w)
    frame, entity, time = with_keys(data, entity, time)
    terms = read_formula(formula, [c for c in frame.columns if c not in (UNIT, PERIOD)])

    # 1. Units and periods, sorted by period, then by the weights' order.
    times = None if time is None else periods(frame, entity, time)
    frame, weights = in_order(frame, weights, entity, time, times)

    # 2. Values: numbers where numbers are needed, nothing missing.
    frame, weights, notes = _complete(frame, terms, weights, missing)
    N = weights.n
    y, X = model_columns(terms, frame[list(terms.columns)], units=N)

    # 3. lag() costs the first periods; anything else that is not finite is an error.
    if terms.lags:
        y, X, times, said = _cut_first_periods(y, X, times, N)
        notes += said
    _refuse_not_finite(y, X, frame)
    T = len(y) // N
    return Design(
        y=y.to_numpy().reshape(T, N),
        X=X.to_numpy().reshape(T, N, -1),
        names=tuple(X.columns),
        durbin=_durbin_columns(list(X.columns), durbin) if lagged else (),
        weights=weights,
        ids=pd.Index(frame[UNIT].iloc[:N], name=entity),
        times=times,
        formula=formula,
        response=str(y.name),
        notes=tuple(notes),
    )


def _complete(frame, terms: Terms, weights, missing):
    """Numbers as float64; rows with missing or infinite values named, or their units dropped."""
    frame = frame.copy()
    for column in terms.columns:
        frame[column] = _numbers(frame[column]) if column in terms.bare else frame[column]
    wanted = frame[list(terms.columns)]
    absent = wanted.isna()
    if absent.to_numpy().any() and missing == "error":
        counts = absent.sum()
        said = ", ".join(f"{c!r} {int(k)}" for c, k in counts[counts > 0].items())
        bad = absent.any(axis=1)
        raise SpatialInputError("E201", f"missing values by column: {said}", column=counts.idxmax(),
                                ids=frame.loc[bad, UNIT].unique(), n=int(bad.sum()),
                                hint='fill them, or drop their units with missing="drop"')  # fmt: skip
    infinite = np.isinf(wanted.select_dtypes("number"))
    if infinite.to_numpy().any():
        column = infinite.any().idxmax()
        raise SpatialInputError("E202", f"{column!r} has infinite values", column=column,
                                ids=frame.loc[infinite[column], UNIT].unique())  # fmt: skip
    if not absent.to_numpy().any():
        return frame, weights, []
    gone = frame.loc[absent.any(axis=1), UNIT].unique()
    order = pd.Index(frame[UNIT].iloc[: weights.n])
    keep = np.flatnonzero(~order.isin(gone))
    if len(keep) < 3:
        raise SpatialInputError("E206", f"only {len(keep)} units are without missing values", ids=gone)
    before, weights = set(weights.islands), weights.subset(keep)
    notes = [f"{len(gone)} units with missing values dropped: {', '.join(map(str, gone[:5]))}"]
    if new := [i for i in weights.islands if i not in before]:
        notes.append(f"islands made by dropping: {', '.join(map(str, new[:5]))}")
    return frame[~frame[UNIT].isin(gone)], weights, notes


def _numbers(column: pd.Series) -> pd.Series:
    """Booleans and numbers as float64; categories stay; text and dates are refused."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    numeric = pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column)
    if numeric and not pd.api.types.is_complex_dtype(column):
        return pd.Series(column.to_numpy(dtype=float, na_value=np.nan), index=column.index, name=column.name)
    bad = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
    shown = f"; the first is {str(bad.iloc[0])!r}" if len(bad) else ""
    raise SpatialInputError(
        "E203",
        f"{column.name!r} holds {column.dtype} values, numbers are needed{shown}",
        column=str(column.name),
        rows=list(bad.index),
        hint=f"convert it with pd.to_numeric, or use C({column.name}) for categories",
    )


def _cut_first_periods(y, X, times, N):
    if times is None:
        raise SpatialInputError("E501", "lag() needs a panel: give entity= and time=")
    steps = np.diff(times) if pd.api.types.is_numeric_dtype(times) else np.array([])
    if len(steps) and (steps != steps[0]).any():
        raise SpatialInputError("E104", "lag() needs periods without gaps", ids=list(times[1:][steps != steps.min()]))
    empty = pd.concat([y, X], axis=1).isna().to_numpy().reshape(len(times), -1).all(axis=1) | (
        X.isna().to_numpy().reshape(len(times), N, -1).all(axis=1).any(axis=1)
    )
    first = int(np.argmin(empty))
    if empty.all():
        raise SpatialInputError("E206", f"no period is left after lag(): there are {len(times)}")
    return y.iloc[first * N :], X.iloc[first * N :], times[first:], [f"lag() left out the first {first} period(s)"]


def _refuse_not_finite(y, X, frame):
    both = pd.concat([y, X], axis=1)
    bad = ~np.isfinite(both.to_numpy())
    if bad.any():
        column = both.columns[bad.any(axis=0).argmax()]
        rows = bad[:, bad.any(axis=0).argmax()]
        where = frame.loc[both.index[rows]] if frame.index.is_unique else frame.iloc[-len(both) :][rows]
        keys = [UNIT, PERIOD] if PERIOD in frame else [UNIT]
        ids = where[keys].itertuples(index=False, name=None) if len(keys) > 1 else where[UNIT]
        raise SpatialInputError("E207", f"{column!r} is not finite in {int(rows.sum())} rows", column=str(column),
                                ids=list(ids), hint="logs and roots need positive values")  # fmt: skip


def _durbin_columns(names: list[str], durbin) -> tuple[int, ...]:
    slopes = [name for name in names if name != INTERCEPT]
    wanted = slopes if durbin is None else [durbin] if isinstance(durbin, str) else list(durbin)
    for name in wanted:
        if name not in slopes:
            raise SpatialInputError("E502", f"durbin names {name!r}, which is no regressor", column=str(name),
                                    hint="the regressors are " + ", ".join(map(repr, slopes)))  # fmt: skip
    return tuple(names.index(name) for name in wanted)
