"""Every key of a study file: what it takes, its default, what it means. ``--check`` and the page of keys read this.

Keys of steps are the keyword-only arguments of their functions, keys of ``[options]`` those of the models, keys of
``[columns.NAME]`` those of the indicators: kinds and defaults come from signatures, meanings from docstrings. Examples
are the lines of ``template.toml``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import spatial as sp

REQUIRED = "required"
WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false", list: "list", dict: "table",
         list[str]: "list of texts"}  # fmt: skip
ENTRY = re.compile(r"^(?P<names>\w[\w, ]*?)(?: : (?P<kind>.*))?\n(?P<text>(?: {4}.*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes
    ----------
    kind : type
        What TOML gives: str, int, list[str] ...
    meaning : str
    default : str
        As a reader sees it; "required" where there is none.
    """

    kind: Any
    meaning: str
    default: str = ""


TOP = {
    "title": Key(str, "The report's title.", REQUIRED),
    "formula": Key(str, "Outcome ~ regressors, as in the library; columns may have any name.", REQUIRED),
    "model": Key(str, "ols, slx, sar, sem, sdm, sdem, sac or gns.", '"sdm"'),
    "seed": Key(int, "Of permutations and draws; the same seed gives the same numbers.", "1"),
    "draws": Key(int, "Bootstrap samples of mediation.", "1000"),
    "lang": Key(str, "The language of the report, its tables and figures: en or zh-CN.", '"en"'),
    "data": Key(dict, "Map and panel: below.", REQUIRED),
    "options": Key(dict, "Keywords of the model: below.", 'effects = "twoway"'),
    "weights": Key(dict, "Weights by name, the first leads: below.", REQUIRED),
    "columns": Key(dict, "Columns that are computed first: below.", "none"),
    "words": Key(dict, "What the report calls terms and columns.", "their names"),
    "steps": Key(dict, "What is done besides weights, model and effects: below.", "none"),
}
DATA = {
    "map": Key(str, "A boundary file, a table of PostGIS or a shipped example.", REQUIRED),
    "id": Key(str, "The map's column that names the units.", "the index, or the only fitting column"),
    "layer": Key(str, "The layer of a file that has several.", "the only one"),
    "panel": Key(str, "A table with one row per unit and period: .csv, .parquet, .xlsx, .dta, .sav or an example.",
                 REQUIRED),
    "unit": Key(str, "The panel's column with the units.", REQUIRED),
    "period": Key(str, "The panel's column with the periods.", REQUIRED),
    "encoding": Key(str, "Of a text file.", "UTF-8, or what the file says"),
    "separator": Key(str, "Between the columns of a text file.", "found in the file"),
    "decimal": Key(str, "The decimal mark of a text file.", '"."'),
    "sheet": Key(str, "Of a workbook.", "the first"),
    "na": Key(list[str], "Values that mean missing.", "empty cells, NA, NaN"),
    "crs": Key(str, "The map's coordinate system, where its file does not say.", "that of the file"),
    "name": Key(str, "The map's column with the names that the report shows.", "the units' ids"),
    "from_map": Key(list[str], "Columns of the map that the panel should have too.", "none"),
    "without": Key(list, "Units that are left out of map and panel.", "none"),
    "periods": Key(list, "The first and the last period that are used.", "all"),
}  # fmt: skip
WEIGHTS = {"NAME": Key(str, "A file of weights, or a builder with its options: `spillover weights --help` lists them.",
                       REQUIRED)}  # fmt: skip
TERMS = {"TERM": Key(str, "Plain words for a term of the formula or a column; its neighbors' follow.", "its name")}
COLUMN = {
    "NAME": Key(str, "An expression of columns, as in formulas.", ""),
    "how": Key(str, "In a table: the indicator, a function of `spatial.indicators`.", REQUIRED),
    "take": Key(str, "In a table: which column of the indicator's answer is meant.", "the usual one"),
}
ARGUMENTS = {
    "indicators": 'indicators = { pcap = "+", pc = "+" }', "method": 'method = "entropy"', "pooled": "pooled = true",
    "systems": 'systems = ["finance", "ecology"]', "weights": "weights = [0.5, 0.5]", "kind": 'kind = "modified"',
    "inputs": 'inputs = ["pcap", "pc", "emp"]', "outputs": 'outputs = ["gsp"]', "returns": 'returns = "constant"',
    "orientation": 'orientation = "input"', "undesirable": 'undesirable = ["co2"]',
    "sectors": 'sectors = ["primary", "secondary", "tertiary"]', "total": 'total = "gdp"',
    "investment": 'investment = "investment"', "depreciation": "depreciation = 0.096", "growth": "growth = 0.05",
    "initial": 'initial = "capital_2000"', "first": 'first = "end"', "output": 'output = "gsp"',
    "capital": 'capital = "pc"', "labour": 'labour = "emp"', "capital_share": "capital_share = 0.4",
    "form": 'form = "translog"', "trend": "trend = true", "truncated": "truncated = true", "decay": "decay = true",
}  # fmt: skip
OF_INDICATOR = {"rationalization": {
    "output": 'output = ["gdp_1", "gdp_2", "gdp_3"]', "employment": 'employment = ["emp_1", "emp_2", "emp_3"]',
    "output_total": 'output_total = "gdp"', "employment_total": 'employment_total = "emp"',
}}  # fmt: skip


def of_function(function: Callable, *, skip: tuple[str, ...] = ()) -> dict[str, Key]:
    """Keys that are arguments of a function: kinds and defaults by its signature, meanings by its docstring."""
    told = described(function)
    parameters = [p for p in inspect.signature(function, eval_str=False).parameters.values() if p.name not in skip]
    return {p.name: Key(*told.get(p.name, ("any", "")), default=_shown(p.default)) for p in parameters}


def of_step(function: Callable) -> dict[str, Key]:
    """Keys of a step: its keyword-only arguments."""
    parameters = inspect.signature(function).parameters.values()
    return of_function(function, skip=tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY))


def of_options() -> dict[str, Key]:
    """Keys of [options]: the keywords of all models but data, keys and a second W."""
    from spatial.models import NAMES

    skip = ("formula", "data", "w", "entity", "time", "w_error", "regimes")  # steps estimate many models
    keys: dict[str, Key] = {}
    for name in ("sdm", *NAMES):
        keys |= {key: value for key, value in of_function(getattr(sp, name), skip=skip).items() if key not in keys}
    return {**keys, "effects": Key(*described(sp.sdm)["effects"], default='"twoway"')}


def of_indicators() -> dict[str, dict[str, Key]]:
    """Arguments of every indicator that [columns.NAME] may name."""
    from .columns import INDICATORS

    skip = ("data", "entity", "time")
    return {name: of_function(getattr(sp.indicators, name), skip=skip) for name in INDICATORS}


def described(function: Callable) -> dict[str, tuple[str, str]]:
    """(kind, meaning) of every argument, from the section "Parameters" of a docstring."""
    text = inspect.getdoc(function) or ""
    section = re.search(r"Parameters\n-+\n(.*?)(?=\n\n\w[\w ]*\n---|\Z)", text, re.DOTALL)
    entries: dict[str, tuple[str, str]] = {}
    if section is None:
        return entries
    for match in ENTRY.finditer(section[1] + "\n"):
        names, kind = re.split(r",\s*", match["names"]), (match["kind"] or "").removesuffix(", optional")
        meaning = " ".join(line.strip() for line in match["text"].splitlines())
        like = re.match(r"As `(\w+)`", meaning)
        elsewhere = described(getattr(sp.indicators, like[1])) if like and not kind else {}
        entries |= {name: (kind, meaning) if kind else elsewhere.get(name, ("any", meaning)) for name in names}
    return entries


def examples() -> dict[str, dict[str, str]]:
    """Lines of the template by table and key, those that are commented out among them; the first of each."""
    table = ""
    lines: dict[str, dict[str, str]] = {"": {}}
    for line in files(__package__).joinpath("template.toml").read_text(encoding="utf-8").splitlines():
        line = line.removeprefix("# ")
        if head := re.match(r"\[([\w.]+)\]", line):
            table = head[1]
            lines.setdefault(table, {})
        elif entry := re.match(r"""([\w.]+|"[^"]+") = ([^#]+)""", line):
            lines[table].setdefault(entry[1].strip('"'), entry[0].strip())
    return lines


def examples_of_indicator(how: str) -> dict[str, str]:
    """A line for every argument of an indicator, on the columns of shipped panels or of a panel with such names."""
    return {**ARGUMENTS, **OF_INDICATOR.get(how, {})}


def kind_in_words(kind) -> str:
    return kind if isinstance(kind, str) else WORDS[kind]


def _shown(value) -> str:
    if value is inspect.Parameter.empty:
        return REQUIRED
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
