"""What ``specify`` returns: one search, or the same search under several W side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from spillover.errors import SpatialInputError
from spillover.show import Shown, ask

from ..models.fit import Fit
from ..records.tests import TestTable


@dataclass(frozen=True, eq=False)
class Search(Shown):
    """A specification search.

    Attributes
    ----------
    tables : tuple of TestTable
        LM tests without and with fixed effects, LM tests for Durbin models; in panels dependence of residuals,
        Hausman and joint significance of the effects; LR and Wald tests and diagnostics of the SDM.
    steps : tuple of str
        The decisions, in words.
    choice : str
        "OLS", "SLX", "SAR", "SEM", "SDM", "SDEM" or "SAC".
    fits : dict of str to Fit
    significance : float
        Of the decisions, a share.
    decisions : dict of str to str
        In a word each: what the LM tests indicate, which unit effects, which model.
    rule : str
    probabilities : dict of str to float
        Of the models, equally probable beforehand, whose likelihoods are of the same data.
    """

    tables: tuple[TestTable, ...]
    steps: tuple[str, ...]
    choice: str
    fits: dict[str, Fit] = field(repr=False)
    significance: float
    decisions: dict[str, str] = field(repr=False)
    rule: str
    probabilities: dict[str, float] = field(repr=False)

    def tidy(self) -> pd.DataFrame:
        """One row per test, with its table."""
        return pd.concat([t.tidy().assign(table=t.title) for t in self.tables], ignore_index=True)

    @cached_property
    def table(self) -> Any:
        """The same in one column, with the effects of the model chosen: for LaTeX, Markdown, HTML."""
        return ask("table", self)


@dataclass(frozen=True, eq=False)
class Searches(Shown):
    """Specification searches by the weights' names; ``searches["queen"]`` is one of them.

    Attributes
    ----------
    searches : dict of str to Search
    failed : dict of str to str
        Weights under which the search failed, and why.
    """

    searches: dict[str, Search] = field(repr=False)
    failed: dict[str, str]

    def __getitem__(self, name: str) -> Search:
        if name not in self.searches:
            raise SpatialInputError("E501", f"no search under {name!r}", hint="there are " + ", ".join(self.searches))
        return self.searches[name]

    @property
    def choice(self) -> pd.Series:
        """The model chosen under each W."""
        return pd.Series({name: s.choice for name, s in self.searches.items()}, name="choice").rename_axis("weights")

    def tidy(self) -> pd.DataFrame:
        """One row per test and W."""
        return pd.concat([s.tidy().assign(weights=name) for name, s in self.searches.items()], ignore_index=True)

    @cached_property
    def table(self) -> Any:
        """The table that papers report, one column per W: tests, decisions, effects of the model chosen."""
        return ask("table", self)

    def _repr_html_(self) -> str:
        return self.table.to_html()
