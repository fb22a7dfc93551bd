"""Hints in the language of the shell: ``method='reml'`` of a library's sentence becomes ``--method reml``."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields

from .groups import Data, Model, Output

VALUE = r"""'[^']*'|"[^"]*"|True|False|-?\d+(?:\.\d+)?"""
CALL = r"[\w.]+\([^()]*\)"  # a call of Python, which stays as it is
ARGUMENT = re.compile(rf"{CALL}|(?<![\w.:,-])(?P<name>[a-z_]+)=(?P<value>{VALUE}|(?=[\s;,.]|$))(?![\w(])")
SHARED = {"level", "draws", "seed", "permutations", "significance"}
RENAMED = {"n_jobs": "jobs"}
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
    >>> in_shell("give encoding= if it looks wrong")
    'give --encoding if it looks wrong'
    """
    return ARGUMENT.sub(_option, text)


def _option(match: re.Match) -> str:
    if match["name"] is None:
        return match.group()
    name, value = match["name"], match["value"].strip("'\"")
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
