"""Entries of a study file are of the right kind: text, a number, a list, a table."""

from __future__ import annotations

import inspect
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from spillover.errors import SpatialInputError

WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a table"}


def check_kind(where: str, value: Any, *kinds) -> None:
    """Refuse what is of none of the kinds.

    Raises
    ------
    SpatialInputError
        E501.
    """
    if not any(fits(value, kind) for kind in kinds):
        raise SpatialInputError("E501", f"{where} must be {' or '.join(map(_words, kinds))}, got {value!r:.60}",
                                hint="spillover study --new study.toml shows an example")


def refuse_control_characters(where: str, entry: Any) -> None:
    """Refuse text that no page and no Word file can hold, such as NUL, wherever it stands in a study file.

    Raises
    ------
    SpatialInputError
        E501.
    """
    if isinstance(entry, dict):
        for name, inner in entry.items():
            refuse_control_characters(where, name)
            refuse_control_characters(str(name), inner)
    elif isinstance(entry, list):
        for inner in entry:
            refuse_control_characters(where, inner)
    elif isinstance(entry, str) and any(unicodedata.category(c) == "Cc" and c not in "\n\r\t" for c in entry):
        raise SpatialInputError("E501", f"{where} holds a character that cannot be printed: {entry!r:.60}",
                                hint="write the text again, without it")


def check_kinds(where: str, values: dict, function: Callable) -> None:
    """The same for what a function is to be given, by its annotations."""
    hints = annotations_of(function)
    for name, value in values.items():
        hint = hints.get(name, Any)
        kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        check_kind(f"{name} in {where}", value, *(kind for kind in kinds if kind is not type(None)))


def annotations_of(function: Callable) -> dict[str, Any]:
    """The annotation of every parameter, names of ``spillover.types`` resolved; what no study file can hold is Any."""
    from spillover import types

    inner = inspect.unwrap(function)
    hints: dict[str, Any] = {}
    for name, annotation in inner.__annotations__.items():
        holder = type("One", (), {"__annotations__": {name: annotation}})
        try:
            hints |= get_type_hints(holder, globalns=inner.__globals__, localns=vars(types))
        except NameError:  # arrays, tables and maps: imported for type checkers alone
            hints[name] = Any
    return hints


def fits(value: Any, kind) -> bool:
    """Whether a value from a .toml file is of a kind; kinds that such a file cannot have fit everything.

    Examples
    --------
    >>> fits(["a", "b"], list[str]), fits("ab", list[str]), fits(2, float), fits(True, int)
    (True, False, True, False)
    """
    plain = get_origin(kind) or kind
    if plain in (list, tuple, Sequence):
        return isinstance(value, list) and all(fits(part, of) for of in get_args(kind)[:1] for part in value)
    if plain in (dict, Mapping):
        return isinstance(value, dict)
    if plain in (int, float):
        return isinstance(value, (int, plain)) and not isinstance(value, bool)
    return isinstance(value, plain) if plain in (str, bool) else True


def _words(kind) -> str:
    plain = get_origin(kind) or kind
    plain = {tuple: list, Sequence: list, Mapping: dict}.get(plain, plain)
    parts = [WORDS[part] for part in get_args(kind)[:1] if part in (str, float, int)]
    return WORDS.get(plain, str(kind)) + "".join(f" of {part.removeprefix('a ')}s" for part in parts if plain is list)
