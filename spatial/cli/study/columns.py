"""Columns that a study computes before it begins: an expression, or an indicator by its name."""

from __future__ import annotations

import pandas as pd

from spillover.errors import SpatialInputError

from ..._terms import expression


def with_columns(panel: pd.DataFrame, wanted: dict, *, entity: str, time: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The panel with the columns of a study's ``[columns]``, in their order, and how each was made.

    Parameters
    ----------
    panel : DataFrame
    wanted : dict of a new column's name to an expression such as ``"log(gdp / population)"``

    Raises
    ------
    SpatialInputError
        E501 a name that is taken, E502 to E504 an expression that cannot be computed.
    """
    notes = []
    for name, made in wanted.items():
        if name in panel.columns:
            raise SpatialInputError(
                "E501", f"[columns] makes {name!r}, which the panel has", hint="choose another name"
            )
        panel = panel.assign(**{name: expression(made, panel)})
        notes.append(f"{name} = {made}")
    return panel, tuple(notes)
