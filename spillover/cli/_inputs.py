"""What the commands read: tables, maps and weights, from files or from the shipped examples."""

from __future__ import annotations

import difflib
import os.path
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

import shapefiles
import weights as wt
from shapefiles.catalogue import EXAMPLES, PANELS
from spillover import tables
from spillover.errors import SpatialInputError
from spillover.files import redacted
from spillover.inputs import nearest_name
from spillover.progress import step
from weights import registry

EXAMPLE = "example:"


def read_map(path: str | None, *, id: str | None = None, layer: str | None = None, encoding: str | None = None,
             crs: str | None = None, na: Iterable[str] | None = None):
    """A boundary file, or ``example:us_states``; ``crs`` is that of a map that names none, else it is projected."""
    if path is None:
        raise SpatialInputError("E501", "a map is needed", hint="give --map FILE or --map example:us_states")
    if path.startswith(EXAMPLE):
        gdf = shapefiles.load(example_of(path, EXAMPLES))
        if id not in (None, gdf.index.name):
            require_columns(gdf, [id], path)
            gdf = gdf.reset_index().set_index(id)
    else:
        with step(f"reading {os.path.basename(path)}"):
            gdf = wt.read_map(path, layer=layer, id=id, encoding=encoding)
    return prepared(gdf, crs=crs, na=na)


def prepared(gdf, *, crs: str | None, na: Iterable[str] | None):
    """A map with its missing values as such, in the coordinate system that is wanted."""
    if na:
        shapes = gdf.geometry.name
        gdf = gdf.assign(**tables.without(pd.DataFrame(gdf.drop(columns=shapes)), list(na)))
    return gdf if crs is None else _in_crs(gdf, crs)


def example_of(path: str, names: Iterable[str]) -> str:
    """The name in ``example:NAME``; E501 where it is none."""
    name, names = path.removeprefix(EXAMPLE), list(names)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {EXAMPLE}{near[0]}?" if near else "examples are " + ", ".join(EXAMPLE + n for n in names)
        raise SpatialInputError("E501", f"there is no '{path}'", hint=hint)
    return name


def _in_crs(gdf, crs: str):
    """The map in a coordinate system: it is that of a map that names none."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        target = CRS.from_user_input(int(crs) if crs.isdigit() else crs)
    except CRSError as error:
        raise SpatialInputError("E501", f"--crs {crs!r} is no coordinate system",
                                hint="as in --crs EPSG:25833") from error
    return gdf.set_crs(target) if gdf.crs is None else gdf.to_crs(target)


def read_table(path: str, *, keys: Iterable[str | None] = (), **options) -> pd.DataFrame:
    """A table in any of the formats of ``spillover.tables``, or ``example:us_states``; key columns stay as they are
    written."""
    if path.startswith(EXAMPLE):
        return shapefiles.load_panel(example_of(path, [name for name, e in EXAMPLES.items() if e.panel] + [*PANELS]))
    return tables.read_table(path, keys=keys, **options)


def require_columns(table, names, source: str) -> None:
    """Fail at the door when a column is not there."""
    for name in names:
        if name not in table.columns:
            there = [str(column) for column in table.columns]
            same = {column.lower(): column for column in there}.get(str(name).lower())
            near = [same] if same else difflib.get_close_matches(str(name), there, n=1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            more = f" and {len(there) - 12} more" if len(there) > 12 else ""
            raise SpatialInputError("E502", f"{name!r} is no column of '{source}'", column=str(name),
                                    hint=f"{meant}the columns are {', '.join(there[:12])}{more}")  # fmt: skip


def read_weights(spec: str, *, gdf=None, table=None, entity=None, time=None, standardize: str = "row"):
    """Weights from a file, or built here: ``queen``, ``knn:k=5``, ``economic:x=gsp``.

    Raises
    ------
    SpatialInputError
        E501 for an unknown builder or option, E601 when there is no such file.
    """
    builder, text = registry.find(spec)
    if builder is None:
        w = load_weights(spec)
        return w.standardize(standardize) if standardize != "none" and w.standardization == "none" else w
    on_map = builder.needs in (registry.MAP, registry.POINTS)
    source = gdf if on_map or (table is None and builder.needs == registry.TABLE) else table
    if source is None and builder.needs != registry.NO_INPUT:
        what, flag = ("map", "--map") if on_map else ("table", "--data")
        raise SpatialInputError("E501", f"{builder.name} weights need a {what}", hint=f"give {flag} FILE")
    options = _with_columns(builder, builder.parse(text), source, table, entity, time)
    if builder.needs == registry.TABLE and source is table:
        keys = {"entity": entity, "time": time} if time else {"ids": entity} if entity else {}
        options = {**keys, **options}
    with step(f"building {spec}"):
        return builder.build(source, **options).standardize(standardize)


def load_weights(spec: str):
    """A file of weights, with the options of its format: ``w.gwt``, ``w.gwt:values=inverse``, ``w.csv:labels=true``."""
    path, text = (spec, "") if os.path.exists(spec) else (spec.rpartition(":")[0], spec.rpartition(":")[2])
    if not os.path.exists(path):
        raise _unknown(spec)
    return wt.load(path, **registry.options_of(text))


def _with_columns(builder, options: dict, source, table, entity, time) -> dict:
    """Options that name columns: "a+b" may be one column's name, and a unit's values may come from the table."""
    columns = getattr(source, "columns", ())
    out = {key: "+".join(value) if isinstance(value, list) and "+".join(value) in columns else value
           for key, value in options.items()}  # fmt: skip
    for key in builder.by_unit:
        name = out.get(key)
        if isinstance(name, str) and name not in columns and table is not None and entity is not None:
            require_columns(table, [entity, name], "the table")
            out[key] = _of_units(table, name, entity, time)
    return out


def _of_units(table, name: str, entity: str, time: str | None) -> pd.Series:
    """One value per unit of a column of the table: the mean of a number over periods, the same for all units."""
    from weights.economic import by_unit

    if not pd.api.types.is_numeric_dtype(table[name]):
        first = table.groupby(entity)[name].agg(["first", "nunique"])
        changing = first.index[first["nunique"] > 1].tolist()
        if changing:
            raise SpatialInputError("E236", f"column {name!r} changes over time", column=name, ids=changing,
                                    hint="one value per unit is needed")  # fmt: skip
        return first["first"].rename(name)
    if time is None:
        values, ids, _ = by_unit(table, name, ids=entity)
    else:
        values, ids, _ = by_unit(table, name, entity=entity, time=time)
    return pd.Series(values[:, 0], index=ids, name=name)


def _unknown(spec: str) -> SpatialInputError:
    from weights.io import FORMATS

    path = Path(spec)
    if path.suffix.lower() in FORMATS or path.parent != Path():
        return SpatialInputError("E601", f"there is no file of weights '{redacted(spec)}'", hint=nearest_name(path))
    near = difflib.get_close_matches(spec.partition(":")[0], registry.BUILDERS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"builders: {', '.join(registry.BUILDERS)}"
    return SpatialInputError("E601", f"{spec!r} is neither a file of weights nor a builder", hint=hint)


def named_weights(specs: list[str], **how) -> dict:
    """``name=spec`` or ``spec`` alone, which names itself."""
    out = {}
    for spec in specs:
        name, eq, rest = spec.partition("=")
        named = bool(eq) and ":" not in name
        out[name if named else spec] = read_weights(rest if named else spec, **how)
    return out
