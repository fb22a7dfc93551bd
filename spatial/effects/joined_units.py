"""New units beside those of a fit: one design over both, with the terms that the fit has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, as_weights, refuse_varying

from ..design.design import Design
from ..design.formula import read_formula
from ..design.read import design
from ..design.regimes import RegimeDesign
from ..records.fit import FitRecord


def whole_design(
    fit: FitRecord, data: pd.DataFrame, w, others: Sequence[str] = ()
) -> tuple[Design, SpatialWeights, np.ndarray]:
    """One design over fitted and new units, the weights of its error, and which units are new; ``others`` are columns
    that are needed besides those of the formula."""
    old = fit._design
    if old.error_weights is not None:
        raise SpatialInputError("E501", "fits with a second W (w_error) are predicted in sample only",
                                hint="call predict() without data")
    weights = refuse_varying(as_weights(w), "the prediction of new units")
    if not weights.labelled:
        raise SpatialInputError("E501", "w has no ids: which units are new cannot be told",
                                hint="wt.from_dense(matrix, ids=...)")
    if old.is_panel:
        return _whole_panel(fit, data, weights)
    frame = old.frame.iloc[old.order[0]].set_axis(old.ids, axis=0)
    ids = pd.Index(data[old.ids.name]) if old.ids.name in data.columns else data.index
    fitted = ids[ids.isin(old.ids)]
    if len(fitted):
        raise SpatialInputError("E101", "data= holds units that were fitted already", ids=list(fitted),
                                hint="give new units only; predict() without data is for the fitted ones")  # fmt: skip
    needed, response = _columns(old)
    needed = list(dict.fromkeys([*needed, *others]))
    if absent := [c for c in needed if c not in data.columns and c not in response]:
        raise SpatialInputError("E502", f"the new units lack the column {absent[0]!r}", column=absent[0], n=len(absent),
                                hint="add the column to data=")
    added = pd.DataFrame(data).set_axis(ids, axis=0)
    added = added.assign(**{c: frame[c].iloc[0] for c in response})  # never read, but the formula wants it
    rows = pd.concat([pd.DataFrame(frame[needed]), added[needed]])
    whole = design(old.formula, rows, weights, lagged=False, fitted=old.encoding)
    names = whole.names if isinstance(old, RegimeDesign) else old.names  # without dummies that were left out
    X = whole.X[:, :, [whole.names.index(name) for name in names]]
    return replace(whole, X=X, names=names, durbin=old.durbin), weights, ~whole.ids.isin(old.ids)


def _whole_panel(fit: FitRecord, data: pd.DataFrame, weights: SpatialWeights):
    """The same of a panel: new units in all periods of the fit."""
    old = fit._design
    unit, period = str(old.ids.name), str(old.periods.name)
    rows, added = (_with_keys(frame, unit, period) for frame in (old.frame, pd.DataFrame(data)))
    if len(fitted := pd.Index(added[unit].unique()).intersection(old.ids)):
        raise SpatialInputError("E101", "data= holds units that were fitted already", ids=list(fitted),
                                hint="give new units only; forecast(new) is for new periods of the fitted ones")
    needed, response = _columns(old)
    if absent := [c for c in needed if c not in added.columns and c not in response]:
        raise SpatialInputError("E502", f"the new units lack the column {absent[0]!r}", column=absent[0], n=len(absent),
                                hint="add the column to data=")
    _refuse_incomplete(added, unit, old.periods, [c for c in needed if c not in response])
    rows = rows[rows[unit].isin(old.ids)]
    added = added.assign(**{c: rows[c].iloc[0] for c in response})  # never read, but the formula wants it
    columns = list(dict.fromkeys([unit, period, *needed]))
    both = pd.concat([rows[columns], added[columns]], ignore_index=True)
    whole = design(old.formula, both, weights, entity=unit, time=period, lagged=False, fitted=old.encoding)
    X = whole.X[:, :, [whole.names.index(name) for name in old.names]]
    return replace(whole, X=X, names=old.names, durbin=old.durbin), weights, ~whole.ids.isin(old.ids)


def _refuse_incomplete(added: pd.DataFrame, unit: str, periods: pd.Index, columns: list[str]) -> None:
    """Each new unit has one row, with all regressors, in every period of the fit, and in no other."""
    keys = pd.MultiIndex.from_arrays([added[unit], added[periods.name]])
    if len(other := keys[~keys.get_level_values(1).isin(periods)]):
        raise SpatialInputError("E104", "new units are predicted in the periods of the fit, and data= has others",
                                ids=list(other), hint="leave these rows out; fit.forecast is for new periods of the "
                                "fitted units")  # fmt: skip
    every = pd.MultiIndex.from_product([added[unit].unique(), periods])
    if len(absent := every.difference(keys, sort=False)):
        raise SpatialInputError("E104", "new units are predicted in every period of the fit, and data= lacks some",
                                ids=list(absent), hint="give each new unit's regressors in every period of the fit")
    gaps = added[[c for c in columns if c in added]].isna()
    if gaps.any(axis=None):
        raise SpatialInputError("E201", "regressors of new units are missing", column=str(gaps.any().idxmax()),
                                ids=list(keys[gaps.any(axis=1)]), hint="fill them, or leave these units out of data= "
                                "and of w")  # fmt: skip


def _with_keys(frame: pd.DataFrame, unit: str, period: str) -> pd.DataFrame:
    """A frame with unit and period among its columns."""
    if {unit, period} <= set(frame.columns):
        return frame
    if {unit, period} <= set(frame.index.names) | set(frame.columns):
        return frame.reset_index()
    raise SpatialInputError("E502", f"data= needs {unit!r} and {period!r}, as columns or in its index",
                            hint="data.reset_index(), or rename the columns")  # fmt: skip


def holds_new_units(fit: FitRecord, data: object) -> bool:
    """Whether data= of a panel are of units that the fit does not have: none of them is."""
    unit = str(fit._design.ids.name)
    if not isinstance(data, pd.DataFrame) or unit not in [*data.columns, *data.index.names]:
        return False
    ids = pd.Index(data[unit]) if unit in data.columns else data.index.get_level_values(unit)
    return len(ids) > 0 and not ids.isin(fit._design.ids).any()


def _columns(d: Design) -> tuple[list[str], list[str]]:
    """The columns that the formula needs, and those of them that its left side alone needs."""
    terms = read_formula(d.formula, d.frame.columns)
    return list(terms.columns), [c for c in terms.columns if c not in terms.right_columns]
