"""Every builder once: what the shell, the docs and the tests need to know about it.

A new builder has one file, one line here (and its name in ``weights/__init__``), and one twin in the tests. The shell
then takes it as ``name:option=value``, :func:`builders` lists it, and the tests compare it with its twin and check the
laws that its line states.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from spillover.errors import SpatialInputError

MAP, POINTS, TABLE, LINKS, NO_INPUT = "polygons", "polygons or points", "a table", "a table of pairs", "nothing"


@dataclass(frozen=True)
class Builder:
    """A function of this package that makes weights.

    Attributes
    ----------
    name : str
        Of the function, and in the shell.
    needs : str
        What its first argument is: MAP, POINTS, TABLE (one row per unit, or a panel), LINKS (one row per pair) or
        NO_INPUT.
    words : str
        w_ij in words.
    options : str
        As the shell spells them, such as "k=4": the least that the builder needs, and what the laws are checked with.
    scaling : float, optional
        Weights of a map c times as large are c ** scaling times as large; None where there is no such law.
    symmetric : bool
        Whether w_ij = w_ji always.
    by_unit : tuple of str
        Options that name a column of the map, or of a table of units.
    """

    name: str
    needs: str
    words: str
    options: str = ""
    scaling: float | None = None
    symmetric: bool = True
    by_unit: tuple[str, ...] = ()

    @property
    def function(self) -> Callable:
        import weights

        return getattr(weights, self.name)

    @property
    def takes(self) -> dict[str, inspect.Parameter]:
        """The function's options, by name: all its arguments but the data."""
        parameters = dict(inspect.signature(self.function).parameters)
        if self.needs != NO_INPUT:
            parameters.pop(next(iter(parameters)))
        return parameters

    def parse(self, text: str) -> dict:
        """``k=5,power=2`` as options that the function has; "x=a+b" is a list.

        Raises
        ------
        SpatialInputError
            E501 an option that the builder has not, or one that it needs and that is not there.
        """
        takes, options = self.takes, options_of(text)
        for key in options:
            if key not in takes:
                near = difflib.get_close_matches(key, takes, n=1)
                meant = f"did you mean {near[0]}? " if near else ""
                raise SpatialInputError("E501", f"{key!r} is no option of {self.name}",
                                        hint=f"{meant}Its options: {', '.join(takes)}")
        needed = [key for key, p in takes.items() if p.default is p.empty and key not in options]
        if needed:
            raise SpatialInputError("E501", f"{self.name} needs {', '.join(needed)}",
                                    hint=f"e.g. {self.name}:{self.options or needed[0] + '=...'}")
        return options

    def build(self, source, **options):
        """The weights of ``source`` (None where the builder needs nothing)."""
        return self.function(**options) if self.needs == NO_INPUT else self.function(source, **options)


BUILDERS = {builder.name: builder for builder in (
    Builder("queen", MAP, "1 if i and j share a point of their borders", scaling=0),
    Builder("rook", MAP, "1 if i and j share a stretch of their borders", scaling=0),
    Builder("bishop", MAP, "1 if i and j share a point of their borders, and no stretch", scaling=0),
    Builder("border_length", MAP, "length of the common border", scaling=1),
    Builder("knn", POINTS, "1 if j is among the k nearest of i", "k=4", scaling=0, symmetric=False),
    Builder("distance_band", POINTS, "1 if i and j are at most cutoff apart", "cutoff=400"),
    Builder("inverse_distance", POINTS, "1 / distance^power", scaling=-1),
    Builder("exponential", POINTS, "exp(-distance / scale)", scaling=0),
    Builder("kernel", POINTS, "K(distance / bandwidth)", "k=4", scaling=0, symmetric=False),
    Builder("delaunay", POINTS, "1 if i and j share an edge of the Delaunay triangulation", scaling=0),
    Builder("gabriel", POINTS, "1 if the circle over the segment ij is empty", scaling=0),
    Builder("relative_neighbor", POINTS, "1 if nobody is nearer to both", scaling=0),
    Builder("sphere_of_influence", POINTS, "1 if the circles through the nearest units meet", scaling=0),
    Builder("block", POINTS, "1 if i and j are in the same region", "region=region", scaling=0, by_unit=("region",)),
    Builder("gravity", POINTS, "mass_i mass_j / distance^power", "mass=gdp", scaling=-2, by_unit=("mass",)),
    Builder("economic", TABLE, "1 / |x_i - x_j|", "x=gdp"),
    Builder("similarity", TABLE, "correlation of profiles or histories, if positive", "x=gdp+people+area"),
    Builder("flows", LINKS, "the flow between i and j", "origin=from,destination=to,value=size", symmetric=False),
    Builder("shares", LINKS, "j's share in all that i receives", "origin=from,destination=to,value=size",
            symmetric=False),
    Builder("from_distances", LINKS, "1 / distance^power, of distances that are given",
            "origin=from,destination=to,distance=size", symmetric=False),
    Builder("lattice", NO_INPUT, "1 if cells of a grid share an edge (or corner)", "rows=4,columns=5"),
)}


def builders() -> pd.DataFrame:
    """All builders of weights.

    Returns
    -------
    DataFrame
        Indexed by name: what each needs, w_ij in words, and how the shell spells it.

    Examples
    --------
    >>> builders().loc["knn"].tolist()
    ['polygons or points', '1 if j is among the k nearest of i', 'knn:k=4']
    """
    rows = [(b.needs, b.words, b.name + (f":{b.options}" if b.options else "")) for b in BUILDERS.values()]
    return pd.DataFrame(rows, index=pd.Index(BUILDERS, name="builder"), columns=["needs", "w_ij", "shell"])


def find(spec: str) -> tuple[Builder | None, str]:
    """The builder that ``name:options`` names, in dashes or underscores, and its options; None where there is none."""
    name, _, options = spec.partition(":")
    return BUILDERS.get(name.strip().lower().replace("-", "_")), options


def options_of(text: str) -> dict:
    """``k=5,symmetric=union`` as keywords; E501 for what has no value."""
    options = {}
    for part in filter(None, text.split(",")):
        key, eq, value = (word.strip() for word in part.partition("="))
        if not eq:
            raise SpatialInputError("E501", f"{part!r} has no value", hint="write option=value, such as k=5")
        options[key] = _value(value)
    return options


def _value(text: str):
    """A number, a truth value, a list ("a+b") or the text itself."""
    if text.lower() in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.split("+") if "+" in text.strip("+") else text
