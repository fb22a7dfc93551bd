"""The library's advice in the words of the shell: ``encoding='GB18030'`` is --encoding GB18030."""

from __future__ import annotations

import re

PHRASES = (
    (r"data\.set_index\(\[entity, time\]\), or give entity= and time=", "give --panel UNIT,PERIOD"),
    (r"df\.set_index\(\[entity, time\]\)\[column\]", "give --panel UNIT,PERIOD"),
    (r"entity= and time=", "--panel UNIT,PERIOD"),
    (r"entity='(\w+)', time='(\w+)'", r"--panel \1,\2"),
    (r"overwrite=True \(--overwrite\)|overwrite=True", "--overwrite"),
    (r"use w\.subset\(ids\) for a smaller sample", "give --allow-unmatched for the units that both have"),
    (r"w\.subset\([^)]*\)|w\.subset", "--allow-unmatched"),
    (r"(?:map|gdf)\.(?:set|to)_crs\((\d+)\)", r"--crs EPSG:\1"),
    (r"(?:map|gdf)\.set_crs\(\.\.\.\) first", "give --crs EPSG:... first"),
    (r"pass crs='?([\w:]+)'?", r"give --crs \1"),
    (r"fit\.effects\(\)\.shock\(\)", "spillover shock"),
    (r"fit\.effects\(\)", "spillover effects"),
    (r"fit\.design\.ids", "spillover info"),
    (r"wt\.audit\(\w*\)", "spillover info FILE"),
    (r"(?:fit )?sp\.(ols|slx|sar|sem|sdm|sdem|sac|gns)\b(?:\([^)]*\))?", r"--model \1"),
    (r"metric='(\w+)'", r"metric=\1 among the options of -w"),
    (r"sp\.Conley\((\d+)[^)]*\)", r"--vcov conley:\1"),
    (r"sp\.Cluster\('(\w+)'\)", r"--vcov cluster:\1"),
    (r"wt\.(\w+)\((?:points|map|gdf), (?:k=)?(\d+)\)", r"-w \1:k=\2"),
    (r"wt\.(queen|rook|bishop|knn|distance_band|delaunay|gabriel|kernel|inverse_distance)\b(?:\([^)]*\))?", r"-w \1"),
)
FLAGS = {"separator": "sep", "n_jobs": "jobs", "ids": "id"} | {name: name.replace("_", "-") for name in (
    "alternative", "change", "cluster", "correction", "crs", "decimal", "draws", "durbin", "effects", "encoding",
    "endog", "entity", "id", "instruments", "lags", "layer", "level", "logdet", "method", "missing", "model",
    "percent", "period", "permutations", "random_error", "seed", "share", "sheet", "standardize", "time", "to",
    "treatment", "vcov", "w_error", "wx_order")}  # fmt: skip
KEYWORD = re.compile(r"(?<![\w.\-])(" + "|".join(FLAGS) + r""")=(?!=)("[^"\s]*"|'[^'\s]*'|[\w.:+-]*\w)?""")


def in_shell(text: str) -> str:
    """The text with keywords of Python as options.

    Examples
    --------
    >>> in_shell("leave encoding= out, or try encoding='GB18030'")
    'leave --encoding out, or try --encoding GB18030'
    >>> in_shell("choose another name, or allow it with overwrite=True (--overwrite)")
    'choose another name, or allow it with --overwrite'
    """
    return KEYWORD.sub(_option, commands(text))


def commands(text: str) -> str:
    """The text with calls of Python as commands: ``fit.effects()`` is spillover effects."""
    for pattern, words in PHRASES:
        text = re.sub(pattern, words, text)
    return text


def _option(match: re.Match) -> str:
    value = (match[2] or "").strip("'\"")
    return f"--{FLAGS[match[1]]}" + (f" {value}" if value else "")
