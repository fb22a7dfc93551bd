"""The door: formula + frame + weights become one Design of aligned arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option, warn
from spillover.matrix import SpatialWeights, TemporalWeights, as_weights

from .behind_bar import absorbed_effects, keys_behind_bar, refuse_rows_of_a_panel, with_columns_of_ways
from .design import Design, durbin_columns
from .formula import Terms, read_formula, with_all_columns
from .keys import match_rows
from .periods import missing_periods
from .shifts import cut_shifted
from .terms import Encoding, model_columns, offset_column
from .values import read_columns, refuse_not_finite

MISSING = ("error", "drop", "period")


def design(
    formula, data, w, *, entity=None, time=None, durbin=None, missing="error", lagged=True,
    fitted: Encoding | None = None,
) -> Design:  # fmt: skip
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
    missing : {"error", "drop", "period"}
        "drop" removes units with missing values or rows, for all periods, and cuts W down to the rest. "period" leaves
        a unit out of the periods that it is absent from or has missing values in, and cuts W down period by period.
    lagged : bool
        Whether the model has W X at all.
    fitted : Encoding, optional
        Of a fit, for new data: its means, scales, polynomials and levels hold.

    Raises
    ------
    SpatialInputError
        E101-E109 ids and periods, E201-E203, E207 values, E502-E504 formula.
    """
    if missing not in MISSING:
        _refuse_missing_option(missing)
    if not isinstance(data, pd.DataFrame):
        raise SpatialInputError("E501", f"data must be a DataFrame, got {type(data).__name__}",
                                hint="pd.DataFrame(data)")
    if not data.columns.is_unique:
        twice = data.columns[data.columns.duplicated()][0]
        raise SpatialInputError("E502", f"column {twice!r} occurs more than once", column=str(twice),
                                hint="rename or drop one of the two")
    formula = with_all_columns(formula, data, entity, time)
    terms = read_formula(formula, data.columns if data.columns.nlevels == 1 else tuple(data.columns))
    for message in terms.warnings:
        warn(message)
    keys = keys_behind_bar(terms, data, entity, time)
    if missing == "period" and time is None and data.index.nlevels < 2:
        raise SpatialInputError("E501", 'missing="period" needs a panel', hint='missing="drop" in a cross-section')
    # 1. Units and periods, sorted by period, then by the weights' order.
    weights = w if isinstance(w, SpatialWeights | TemporalWeights) else as_weights(w)
    refuse_rows_of_a_panel(terms, data, weights, keys)
    rows = match_rows(data, weights, entity, time, gaps=missing != "error")
    # 2. Values: numbers where numbers are needed, nothing missing.
    columns, rows, notes = read_columns(data, with_columns_of_ways(terms, keys), rows, missing)
    y, X, encoding = model_columns(terms, columns, rows, fitted)
    notes = [*[rows.note] * bool(rows.note), *notes, *encoding.notes]
    X |= offset_column(terms, columns, rows.order.shape, encoding.states)
    if not isinstance(rows.times, pd.RangeIndex):  # years without a gap
        notes.append(missing_periods(rows.times))
    # 3. lag() costs the first periods; anything else that is not finite is an error.
    if terms.functions & {"lag", "lead"}:
        y, X, rows, cut = cut_shifted(y, X, rows, terms)
        notes += cut
    names, values = tuple(X), np.stack(list(X.values()), axis=2)
    if not (np.isfinite(y).all() and np.isfinite(values).all()):
        refuse_not_finite({terms.response: y, **X}, rows)
    y, values, names, offset = _without_offset(terms, y, values, names)
    # 4. What stands behind |.
    absorbed, alone = absorbed_effects(terms, data, rows, keys) if terms.absorbed else (None, ())
    notes += alone
    return Design(
        y=y,
        X=values,
        names=names,
        durbin=durbin_columns(names, durbin, encoding) if lagged else (),
        weights=rows.weights,
        ids=rows.ids,
        times=rows.times,
        formula=terms.text,
        response=terms.response,
        notes=tuple(note for note in notes if note),
        frame=data.copy(deep=False),
        order=rows.order,
        observed=rows.observed, whole=rows.whole,
        encoding=encoding,
        absorbed=absorbed,
        offset=offset,
    )


def _refuse_missing_option(missing) -> None:
    """E501 for a value that is not known, or that is for one model alone."""
    if missing == "model":
        raise SpatialInputError("E501", "missing='model' is there where one model is estimated, not many",
                                hint="estimate the model itself: sp.sar(..., missing='model')")  # fmt: skip
    check_option("missing", missing, MISSING)


def _without_offset(terms: Terms, y: np.ndarray, values: np.ndarray, names: tuple[str, ...]):
    """y less the last column, which is the offset; the other columns and their names; the offset, None without one."""
    if not terms.offsets:
        return y, values, names, None
    return y - values[:, :, -1], values[:, :, :-1], names[:-1], values[:, :, -1]
