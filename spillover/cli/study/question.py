"""What is asked of which data, and what one step of the answer looks like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from spatial.report.html import Figure, Section, Table
from spatial.report.table import Table as PaperTable
from spillover.language import phrase, stored

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

LEVEL = 0.05  # of the tests that sentences speak of


@dataclass(frozen=True, eq=False)
class Question:
    """A study: its data and the steps that are wanted.

    Attributes
    ----------
    title, formula : str
    map : GeoDataFrame, indexed by unit
    panel : DataFrame
    entity, time : str
    weights : dict of names to weights; the first leads
    steps : dict of a step's name to its options, in any order
    model : str
        "sdm", "sar" ...
    options : dict
        Keywords of the model: effects, durbin, vcov ...
    seed, draws : int
    words : dict
        Plain words for terms of the formula, for sentences and labels.
    names : Series indexed by unit, or None
        What units are called, beside their codes.
    lang : str
        Language tag of the report.
    computed : tuple of Computed
        Columns that were computed beforehand.
    """

    title: str
    formula: str
    map: GeoDataFrame = field(repr=False)
    panel: pd.DataFrame = field(repr=False)
    entity: str
    time: str
    weights: dict = field(repr=False)
    steps: dict[str, dict]
    model: str = "sdm"
    options: dict = field(default_factory=lambda: {"effects": "twoway"})
    seed: int = 1
    draws: int = 1000
    words: dict = field(default_factory=dict)
    names: pd.Series | None = field(default=None, repr=False)
    lang: str = "en"
    computed: tuple = ()

    @property
    def keys(self) -> dict:
        """What every model call takes besides formula, data and weights."""
        return {"entity": self.entity, "time": self.time, **self.options}

    @property
    def outcome_columns(self) -> list[str]:
        """Columns of the panel on the formula's left side: ``gsp`` of ``log(gsp)``."""
        left = self.formula.partition("~")[0]
        names = re.findall(r"`[^`]+`|[^\W\d]\w*", left)
        return [name.strip("`") for name in names if name.strip("`") in self.panel.columns]

    @property
    def leading(self):
        """The first weights."""
        return next(iter(self.weights.values()))

    @property
    def estimate(self):
        """The model's function."""
        import spatial as sp

        return getattr(sp, self.model)

    def name(self, term: str) -> str:
        return self.words.get(term, term)

    @property
    def labels(self) -> dict:
        """The words, also of the terms of the period before, for the tables of papers."""
        past = {f"lag({term})": phrase("{term}, a period before", term=words) for term, words in self.words.items()}
        fixed = {f"{column} effects": stored(f"{self.words[column]} effects") for column in (self.entity, self.time)
                 if column in self.words}  # fmt: skip
        return self.words | past | fixed

    def words_of(self, term: str) -> str:
        """Plain words for a term; of its spatial lag, its past and its products too."""
        from .naming import term_in_words

        return term_in_words(term, self.words)

    def unit(self, id) -> str:
        """A unit as sentences call it: "Illinois (IL)"."""
        name = None if self.names is None else self.names.get(id)
        return str(id) if name is None or name != name or str(name) == str(id) else f"{name} ({id})"


@dataclass(frozen=True, eq=False)
class Chapter:
    """One step, done: its result, and what the report and the folder show of it.

    Attributes
    ----------
    heading : str
    result : any result of spatial
        For the steps that follow.
    text, note : what the report says
    tables, figures : dict of file names, without suffix, to Table and Figure
    papers : dict of names to spatial.report.table.Table
        Tables as papers print them, in the report and in tables.tex and tables.docx.
    data : tuple of str
        The ``tables`` that are files alone: what ``papers`` shows already.
    answer : tuple of str
        Sentences for the top of the report.
    layer : DataFrame indexed by unit, or None
        Columns for the map.
    styles : function or None
        From the layer and its names of these columns to the styles that QGIS offers for them.
    """

    heading: str
    result: Any = None
    text: tuple[str, ...] = ()
    tables: Mapping[str, Table] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    note: str = ""
    papers: Mapping[str, PaperTable] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    layer: pd.DataFrame | None = None
    styles: Callable[..., list] | None = None

    @property
    def printed(self) -> dict[str, Table | PaperTable]:
        """The tables that are read: those of a paper first."""
        frames = {name: table for name, table in self.tables.items() if name not in self.data}
        return {**self.papers, **frames}

    def section(self, q: Question) -> Section:
        """The chapter as the report has it: in plain words, with its answers."""
        from .naming import figure_in_words, in_words, reworded

        text = (*(sentence for sentence in self.answer if sentence not in self.text),
                *(reworded(sentence, q) for sentence in self.text))  # fmt: skip
        tables = tuple(in_words(table, q) for table in self.printed.values())
        figures = tuple(figure_in_words(figure, q) for figure in self.figures.values())
        return Section(self.heading, text, tables, figures, self.note)
