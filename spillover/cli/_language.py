"""Hints in the language of the shell: ``method='reml'`` of a library's sentence becomes ``--method reml``,
``fit.effects()`` becomes ``spillover effects``."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields

from .groups import Data, Model, Output

# Calls of Python that have a command or an option of their own.
PHRASES = (
    (r"data\.set_index\(\[entity, time\]\), or give entity= and time=", "give --panel UNIT,PERIOD"),
    (r"df\.set_index\(\[entity, time\]\)\[column\]", "give --panel UNIT,PERIOD"),
    (r"entity= and time=", "--panel UNIT,PERIOD"),
    (r"entity='(\w+)', time='(\w+)'", r"--panel \1,\2"),
    (r"overwrite=True \(--overwrite\)", "--overwrite"),
    (r"use w\.subset\(ids\) for a smaller sample", "give --allow-unmatched for the units that both have"),
    (r"w\.subset\([^)]*\)|w\.subset", "--allow-unmatched"),
    (r"(?:map|gdf)\.(?:set|to)_crs\((\d+)\)", r"--crs EPSG:\1"),
    (r"(?:map|gdf)\.set_crs\(\.\.\.\) first", "give --crs EPSG:... first"),
    (r"fit\.effects\(\)\.shock\(\)", "spillover shock"),
    (r"fit\.effects\(\)", "spillover effects"),
    (r"fit\.units lists", "the map's column of ids lists"),
    (r"convert (?:it|the column)(?: with|:) pd\.to_numeric(?:\((?:df\[)?column\]?\))?",
     "choose a column of numbers (spillover info FILE)"),
    (r"write data\.replace\(\{.*: \{(\S+): float\('nan'\)\}\}\)", r"give --na \1"),
    (r"make them missing: pd\.to_numeric\(column, errors='coerce'\)", "name those that mean missing with --na TEXT"),
    (r"save w\.standardize\('none'\), or as", "give --standardize none, or save as"),
    (r"wt\.audit\(\w*\)", "spillover info FILE"),
    (r"(?:fit )?sp\.(ols|slx|sar|sem|sdm|sdem|sac|gns)\b(?!\()", r"--model \1"),
    (r"sp\.contrasts\(fit, '[^']*'\)", "give --values FROM,TO"),
    (r"sp\.Conley\((\d+)[^)]*\)", r"--vcov conley:\1"),
    (r"sp\.Cluster\('(\w+)'\)", r"--vcov cluster:\1"),
    (r'obs_weights="(\w+)", or sp\.Sampling\("\w+"\) for', r"--obs-weights \1, or sampling:\1 for"),
    (r"wt\.(\w+)\((?:points|map|gdf), (?:k=)?(\d+)\)", r"-w \1:k=\2"),
    (r"wt\.(queen|rook|bishop|knn|distance_band|delaunay|gabriel|kernel|inverse_distance)\b(?!\()", r"-w \1"),
)
MARKS = ("set_index", "entity=", "overwrite=", ".subset", "_crs(", "fit", "convert ", "wt.", "sp.",
         "data.replace", "pd.to_numeric", ".standardize(")  # one in each
VALUE = r"""'[^']*'|"[^"]*"|True|False|-?\d+(?:\.\d+)?"""
CALL = r"[\w.]+\([^()]*\)"  # a call of Python, which stays as it is
ARGUMENT = re.compile(rf"{CALL}|(?<![\w.:,-])(?P<name>[a-z_]+)=(?P<value>{VALUE}|(?=[\s;,.]|$))(?![\w(])")
SHARED = {"adjustment", "alternative", "anticipation", "change", "cluster", "control", "dose", "draws", "exposure",
          "horizon", "level", "model", "percent", "period", "permutations", "seed", "share", "significance",
          "standardize", "to", "treatment", "unimputable"}
RENAMED = {"n_jobs": "jobs", "separator": "sep", "ids": "id"}
OF_EFFECTS = {"quadrature", "likelihood", "simulate", "delta"}  # method= of fit.effects(), --inference of the shell
OPTIONS = {field.name for group in (Data, Model, Output) for field in fields(group)} | SHARED | set(RENAMED)


def in_shell(text: str) -> str:
    """Arguments of Python as options, where the shell has them; others stay as they are.

    Examples
    --------
    >>> in_shell("say crs='EPSG:4326', or metric='planar' to measure as drawn")
    'say --crs EPSG:4326, or -w KIND:metric=planar to measure as drawn'
    >>> in_shell("intervals of method='likelihood' cover better; method='reml'; overwrite=True")
    'intervals of --inference likelihood cover better; --method reml; --overwrite'
    >>> in_shell("leave encoding= out, or read fit.effects()")
    'leave --encoding out, or read spillover effects'
    >>> in_shell("give encoding= if it looks wrong")
    'give --encoding if it looks wrong'
    """
    return ARGUMENT.sub(_option, commands(text))


def commands(text: str) -> str:
    """Calls of Python as commands and options, where the shell has them."""
    if any(mark in text for mark in MARKS):
        for pattern, words in PHRASES:
            text = re.sub(pattern, words, text)
    return text


def _option(match: re.Match) -> str:
    if match["name"] is None:
        return match.group()
    name, value = match["name"], (match["value"] or "").strip("'\"")
    if name in OPTIONS:
        flag = "inference" if name == "method" and value in OF_EFFECTS else RENAMED.get(name, name)
        flag = "--" + flag.replace("_", "-")
        if not value or name in ("overwrite", "allow_unmatched"):
            return flag
        return f"{flag} {value.lower() if value in ('True', 'False') else shlex.quote(value)}"
    if value and name in _of_builders():
        return f"-w KIND:{name}={value.lower() if value in ('True', 'False') else value}"
    return match.group()


def _of_builders() -> set[str]:
    from weights.registry import BUILDERS

    return {name for builder in BUILDERS.values() for name in builder.takes}
