"""What the commands read: tables, maps and weights, from files or from the shipped examples."""

from __future__ import annotations

import difflib
import inspect
import os.path
from collections.abc import Iterable

import pandas as pd

import shapefiles
import weights as wt
from spillover import tables
from spillover.errors import SpatialInputError

ON_MAP = (
    "queen", "rook", "bishop", "knn", "distance_band", "inverse_distance", "exponential", "kernel", "delaunay",
    "gabriel", "relative_neighbor", "sphere_of_influence", "block", "border_length", "gravity",
)  # fmt: skip
ON_TABLE = ("economic", "similarity")
ON_FLOWS = ("flows", "shares")
EXAMPLE = "example:"


def read_map(path: str | None, *, id: str | None = None, layer: str | None = None):
    """A boundary file, or ``example:us_states``."""
    if path is None:
        raise SpatialInputError("E501", "a map is needed", hint="give --map FILE or --map example:us_states")
    if path.startswith(EXAMPLE):
        gdf = shapefiles.load(path.removeprefix(EXAMPLE))
        if id is None or id == gdf.index.name:
            return gdf
        require_columns(gdf, [id], path)
        return gdf.reset_index().set_index(id)
    return wt.read_map(path, layer=layer, id=id)


def read_table(path: str, *, keys: Iterable[str | None] = (), **options) -> pd.DataFrame:
    """A .csv, .tsv, .parquet, .xlsx or .dta table, or ``example:us_states``; key columns stay as they are written."""
    if path.startswith(EXAMPLE):
        return shapefiles.load_panel(path.removeprefix(EXAMPLE))
    return tables.read_table(path, keys=keys, **options)


def require_columns(table, names, source: str) -> None:
    """Fail at the door when a column is not there."""
    for name in names:
        if name not in table.columns:
            raise SpatialInputError("E502", f"{name!r} is no column of '{source}'", column=str(name),
                                    hint="the columns are " + ", ".join(map(str, table.columns[:12])))  # fmt: skip


def read_weights(spec: str, *, gdf=None, table=None, entity=None, time=None, standardize: str = "row"):
    """Weights from a file, or built here: ``queen``, ``knn:k=5``, ``economic:x=gsp``.

    Raises
    ------
    SpatialInputError
        E501 for an unknown builder or option, E601 when there is no such file.
    """
    builder, _, rest = spec.partition(":")
    if builder not in (*ON_MAP, *ON_TABLE, *ON_FLOWS):
        if not os.path.isfile(spec):
            raise _unknown(spec, builder)
        w = wt.load(spec)
        return w.standardize(standardize) if standardize != "none" and w.standardization == "none" else w
    source = gdf if builder in ON_MAP or (table is None and builder in ON_TABLE) else table
    if source is None:
        what, flag = ("map", "--map") if builder in ON_MAP else ("table", "--data")
        raise SpatialInputError("E501", f"{builder} weights need a {what}", hint=f"give {flag} FILE")
    options = _options(builder, rest)
    if builder == "gravity" and table is not None and entity is not None and options["mass"] not in gdf.columns:
        require_columns(table, [entity, options["mass"]], "the table")
        options["mass"] = table.groupby(entity)[options["mass"]].mean()
    if builder in ON_TABLE and source is table:
        keys = {"entity": entity, "time": time} if time else {"ids": entity} if entity else {}
        options = {**keys, **options}
    return getattr(wt, builder)(source, **options).standardize(standardize)


def _unknown(spec: str, builder: str) -> SpatialInputError:
    known = (*ON_MAP, *ON_TABLE, *ON_FLOWS)
    near = difflib.get_close_matches(builder, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"builders: {', '.join(known)}"
    return SpatialInputError("E601", f"{spec!r} is neither a file of weights nor a builder", hint=hint)


def named_weights(specs: list[str], **how) -> dict:
    """``name=spec`` or ``spec`` alone, which names itself."""
    out = {}
    for spec in specs:
        name, eq, rest = spec.partition("=")
        named = bool(eq) and ":" not in name
        out[name if named else spec] = read_weights(rest if named else spec, **how)
    return out


def _options(builder: str, text: str) -> dict:
    """``k=5,power=2`` as keywords that the builder has."""
    takes = inspect.signature(getattr(wt, builder)).parameters
    out = {}
    for part in filter(None, text.split(",")):
        key, eq, value = part.partition("=")
        if not eq or key not in takes:
            names = ", ".join(list(takes)[1:])
            raise SpatialInputError(
                "E501", f"{part!r} is no option of {builder}", hint=f"write key=value; keys: {names}"
            )
        out[key] = _value(value)
    needed = [key for key, p in list(takes.items())[1:] if p.default is p.empty and key not in out]
    if needed:
        raise SpatialInputError("E501", f"{builder} needs {', '.join(needed)}", hint=f"e.g. {builder}:{needed[0]}=...")
    return out


def _value(text: str):
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
