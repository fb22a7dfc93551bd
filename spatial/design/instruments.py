"""Endogenous regressors at the door: the formula's columns and the instruments', aligned together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from .design import Design
from .formula import INTERCEPT, canonical, read_formula, with_all_columns
from .read import design


def design_with_instruments(
    formula: str, data: pd.DataFrame, w, *, endog: Sequence[str] | None, instruments: Sequence[str] | None, **keys
) -> Design:
    """Read formula and instruments as one, so that missing values and lags cut both alike; then part them.

    Returns
    -------
    Design
        Of the formula alone, with ``endog``, regressors of it, and ``instruments``, their columns (T, N) by name. One
        that is a regressor too is among both.

    Raises
    ------
    SpatialInputError
        E501 one without the other, E502 no such regressor, E704 fewer instruments than endogenous regressors,
        and as ``design`` does.
    """
    endog, instruments = _names("endog", endog), _names("instruments", instruments)
    if not endog or not instruments:
        present, absent = ("endog", "instruments") if endog else ("instruments", "endog")
        raise SpatialInputError("E501", f"{present}= needs {absent}=: endogenous regressors and what instruments them",
                                hint="give both: endog=['x'], instruments=['z']")
    # 1. One design of all columns, and which terms ask for them.
    formula = with_all_columns(formula, data, keys.get("entity"), keys.get("time"))
    formula, bar, absorbed = formula.partition("|")
    both = design(f"{formula} + {' + '.join(instruments)} {bar}{absorbed}", data, w, lagged=False, **keys)
    available, response = data.columns, formula.split("~", 1)[0]
    own = [name for name, _ in read_formula(formula, available).right]
    others = [name for name, _ in read_formula(f"{response} ~ {' + '.join(instruments)}", available).right]
    # 2. Columns of the formula to X, columns of the instruments to Z.
    in_z = [j for j, name in enumerate(both.names) if name != INTERCEPT and _belongs(name, others)]
    in_x = [j for j, name in enumerate(both.names) if j not in in_z or _belongs(name, own)]
    names = tuple(both.names[j] for j in in_x)
    endog = tuple(canonical(name) for name in endog)
    for name in endog:
        if name in others:
            raise SpatialInputError("E501", f"{name!r} is named as endogenous and as an instrument", column=name,
                                    hint="an instrument is not correlated with the error: leave it out of one of "
                                    "them")  # fmt: skip
    X = both.X[:, :, in_x]
    refuse_strangers(replace(both, X=X, names=names), "endog", endog)
    if len(in_z) < len(endog):
        raise SpatialInputError("E704", f"{len(endog)} endogenous regressors need as many instruments, "
                                f"got {len(in_z)}",
                                hint="give one instrument for each, or more")  # fmt: skip
    note = f"endogenous: {', '.join(endog)}; instruments: {', '.join(instruments)}"
    notes = (*both.notes, note)
    Z = {both.names[j]: both.X[:, :, j] for j in in_z}
    return replace(both, X=X, names=names, formula=formula, notes=notes, endog=endog, instruments=Z)


def with_endogenous(d: Design, endog: Sequence[str] | str) -> Design:
    """The design with its endogenous regressors named, which their own past instruments in a dynamic panel.

    Raises
    ------
    SpatialInputError
        E501, E502 no such regressor.
    """
    terms = tuple(canonical(name) for name in _names("endog", endog))
    refuse_strangers(d, "endog", terms)
    return replace(d, endog=terms)


def refuse_strangers(d: Design, option: str, terms: Sequence[str]) -> None:
    """Raises E502 for a term that is no regressor."""
    slopes = [name for name in d.names if name != INTERCEPT and name not in d.lags]
    for name in terms:
        if name not in slopes:
            raise SpatialInputError("E502", f"{option} names {name!r}, which is no regressor", column=name,
                                    hint="the regressors are " + ", ".join(map(repr, slopes)))  # fmt: skip


def _belongs(column: str, terms) -> bool:
    """Whether a column comes from one of these terms: itself, or a level of a category."""
    return any(column == term or column.startswith(f"{term}[") for term in terms)


def _names(option: str, value) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value or ())
    for name in names:
        if not isinstance(name, str):
            raise SpatialInputError("E501", f"{option}= takes terms of a formula as text, got {name!r}",
                                    hint="['x', 'log(z)']")
    return names


def instruments_by_regime(
    d: Design, labels: Sequence[str], codes: np.ndarray, places: dict[str, tuple[str, ...]], of_term: dict[str, str]
) -> dict:  # fmt: skip
    """The endogenous columns, their lags among them, and each instrument cut by regime."""
    if not d.endog:
        return {}
    endog = [name for term, names in places.items() if of_term[term] in d.endog for name in names]
    own = {f"{label}: {name}" if len(labels) > 1 else name: np.where(codes == g, values, 0.0)
           for g, label in enumerate(labels) for name, values in d.instruments.items()}  # fmt: skip
    return {"endog": tuple(endog), "instruments": own}
