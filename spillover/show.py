"""How objects of the lower floors print, plot and save themselves: the one late binding of the house.

A result is data; the words and figures made of it stand on a higher floor, which imports it. So a result asks by verb
("text", "plot", "save"), and this module looks up which function answers for its class. The tables of answers are
modules of plain strings, read when something is first shown:

    ANSWERS = {("text", "spatial.records.tests:TestResult"): "spatial.report.tests:test_text"}
"""

from __future__ import annotations

from functools import cached_property
from html import escape
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any

from .errors import SpatialInputError
from .provenance import Provenance, provenance_of

if TYPE_CHECKING:
    import folium


# Where the answers for the classes of a package are listed: what prints is read without what draws.
TABLES = {"spatial": ("spatial.report.answers", "spatial.plot.answers"), "spillover": ("weights.answers",)}
PRINTED = ("text", "table", "html")
_ANSWERS: dict[tuple[str, str], str] = {}


def ask(verb: str, subject, *args, **options):
    """What the function that is listed under ``verb`` for the subject's class returns.

    Raises
    ------
    SpatialInputError
        E501 where no answer is listed for any of its classes.
    """
    function = answer(verb, type(subject))
    if function is None:
        message = f"a {type(subject).__name__} has no {verb}"
        raise SpatialInputError("E501", message, hint="print it, or read its tidy()")
    _refuse_incomplete(verb, function, subject, args, options)
    return function(subject, *args, **options)


def _refuse_incomplete(verb: str, function, subject, args, options) -> None:
    """E501 where a function needs an argument that was not given."""
    needed = [p.name for k, p in enumerate(signature(function).parameters.values())
              if k > len(args) and p.default is p.empty and p.name not in options
              and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]  # fmt: skip
    if needed:
        name = "map" if needed[0] == "gdf" else needed[0]
        raise SpatialInputError("E501", f"{verb}() of a {type(subject).__name__} needs {name}",
                                hint=f"{verb}({name}, ...)")  # fmt: skip


def answer(verb: str, kind: type):
    """The function listed for ``verb`` and a class or its nearest base; None where there is none."""
    _read_tables(kind, verb)
    for base in kind.__mro__:
        target = _ANSWERS.get((verb, f"{base.__module__}:{base.__qualname__}"))
        if target is not None:
            module, _, name = target.partition(":")
            return getattr(import_module(module), name)
    return None


def _read_tables(kind: type, verb: str) -> None:
    """The tables of the packages that a class and its bases come from."""
    for package in {base.__module__.partition(".")[0] for base in kind.__mro__} & set(TABLES):
        tables = TABLES[package]
        for table in tables[:1] if verb in PRINTED else tables:
            _ANSWERS.update(import_module(table).ANSWERS)


class Shown:
    """A result that prints what ``report`` writes and draws what ``plot`` draws; a notebook shows its table."""

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):  # a dataclass would write its own
            setattr(cls, "__repr__", Shown.__repr__)  # noqa: B010  (a checker takes an assignment for a mistake)

    @cached_property
    def provenance(self) -> Provenance:
        """Versions, seed, and fingerprints of the data and of W; computed when it is read."""
        return provenance_of(self)

    def summary(self) -> str:
        """The result in words and columns, as ``print`` shows it."""
        return ask("text", self)

    def plot(self, *args: Any, **options: Any) -> Any:
        """The figure of this result, a matplotlib Axes; options are those of the figure's function.

        Given a map, a GeoDataFrame by unit, a result with a value for each unit is drawn on it: ``column=`` chooses
        which.
        """
        on_map = bool(args) and hasattr(args[0], "geometry")
        return ask("map" if on_map and answer("map", type(self)) else "plot", self, *args, **options)

    def explore(self, map: Any = None, **options: Any) -> folium.Map:
        """The values of the units on a web page to zoom into; a folium map.

        Parameters
        ----------
        map : GeoDataFrame indexed by unit, optional
            May be left out where the data of the result were one.
        **options
            ``column=``, which value; else for ``GeoDataFrame.explore``, such as ``tiles``.

        Raises
        ------
        SpatialInputError
            E501 a result without units, or no map; E515 when folium is not installed.
        """
        return ask("explore", self, map, **options)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        html = answer("html", type(self))
        return html(self) if html is not None else f"<pre>{escape(str(self))}</pre>"
