"""Coefficients of every regime side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from spillover.language import phrase

from .whiskers import whiskers

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def regimes(result: Any, ax: Axes | None = None) -> Axes:
    """The coefficients that a Chow test compares, one series for each regime; intercepts are left out.

    Parameters
    ----------
    result : ChowTest
    ax : matplotlib Axes, optional
    """
    fit, rows = result.fit, result.fit.tidy().set_index("term")
    split, labels = fit.split, fit.split.labels
    compared = {name: columns for name, columns in split.columns.items() if len(columns) == len(labels)
                and not name.endswith("Intercept")}  # fmt: skip
    for name, values in (fit.rhos_by_weights | fit.lambdas_by_weights).items():
        if len(values) > 1:
            compared[name] = tuple(values.index)
    parts = [rows.loc[[column]].assign(term=name, regime=label)
             for name, columns in compared.items() for label, column in zip(labels, columns)]  # fmt: skip
    empty = pd.DataFrame(columns=["term", "regime", "estimate", "conf_low", "conf_high"])
    table = pd.concat(parts, ignore_index=True) if parts else empty
    title = f"{fit.specification.name}: {fit._design.response}"
    return whiskers(table, "regime", ax, title=title, xlabel=phrase("Coefficient, 95 % interval"))
