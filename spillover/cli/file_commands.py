"""``spillover info``, ``join`` and ``doctor``: what is in a file, what matches what, what is installed."""

from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from .groups import App, Data, Output, Reading, command

TABLES_ONLY = (".csv", ".tsv", ".txt", ".xlsx", ".dta", ".sav")  # suffixes that no map has


def register(app: App) -> None:
    for function in (info, join, doctor):
        command(app)(function)


def data_of(reading: Reading, data: str, **options) -> Data:
    """The rows of a file, read as the options say."""
    return Data(data, **{f.name: getattr(reading, f.name) for f in fields(Reading)}, **options)


def info(reading: Reading, output: Output, *, file: Annotated[str, typer.Argument(help="Map, table, or "
         "example:NAME; - for CSV on stdin.")],
         other: Annotated[str | None, typer.Argument(help="Another map or table: which columns match?")] = None,
         ) -> None:  # fmt: skip
    """Layers, rows, columns, coordinate system, which columns could name the units, and what matches another file.

    Examples:
      spillover info example:us_states
      spillover info panel.csv regions.gpkg
    """
    import pandas as pd

    from spillover.sentinels import point_out_sentinels

    from . import output as out
    from ._readers import fitting, layers_of
    from .source import read_source, shared_columns

    out.check(output)
    names = layers_of(file)
    if len(names) > 1 and reading.layer is None:
        frame = pd.DataFrame({"layer": names})
        out.show(frame.to_string(index=False), lambda: frame, output, notes=[
            f"{file}: {len(names)} layers; spillover info '{file}' --layer '{names[0]}' tells more"])  # fmt: skip
        return
    if other is not None:
        one, two = (read_source(data_of(fitting(reading, path), path)) for path in (file, other))
        frame = shared_columns(one, two)
        text = frame.to_string(index=False) if len(frame) else "no columns match"
        out.show(text, lambda: frame, output, notes=[f"columns that may name the same units in '{file}' and '{other}'"])
        return
    rows = read_source(data_of(reading, file))
    columns = [{"column": str(c), "type": str(s.dtype), "missing": int(s.isna().sum()), "distinct": s.nunique(),
                "ids": "yes" if s.notna().all() and s.is_unique and not pd.api.types.is_float_dtype(s) else "",
                "first": _short(s.iloc[0]) if len(s) else ""} for c, s in rows.table.items()]  # fmt: skip
    frame = pd.DataFrame(columns)
    lines = [f"{file}: {len(rows.table):,} rows, {rows.table.shape[1]} columns"]
    if rows.map is not None:
        kinds = ", ".join(sorted(map(str, rows.map.geom_type.unique())))
        lines.append(f"map of {len(rows.map):,} units: {kinds}; coordinates: {_system(rows.map.crs)}")
    if rows.time is not None:
        lines.append(f"panel: units in {rows.entity!r}, periods in {rows.time!r}")
    for name, column in rows.table.items():
        point_out_sentinels(name, column)
    out.show(frame.to_string(index=False), lambda: frame, output, notes=lines)


def _short(value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:40]


def _system(crs) -> str:
    if crs is None:
        return "no CRS (distances are in the map's units; --crs EPSG:... names it)"
    number = crs.to_epsg()
    return f"{crs.name}" + (f" (EPSG:{number})" if number else "")


def join(
    reading: Reading, output: Output, *, table: Annotated[str, typer.Argument(help="Table; - for CSV on stdin.")],
    map: Annotated[str, typer.Argument(help="Boundary file, or example:NAME.")],
    id: Annotated[str | None, typer.Option("--id", help="Column of the map that names the units.")] = None,
    entity: Annotated[str | None, typer.Option(help="Column of the table that names the units.")] = None,
    allow_unmatched: Annotated[bool, typer.Option("--allow-unmatched", help="Keep the units that both have.")] = False,
) -> None:  # fmt: skip
    """Put a table's columns on a map: matched by ids, counted, what has no partner listed.

    Examples:
      spillover join income.csv regions.gpkg --id code -o joined.gpkg
      spillover join panel.csv regions.shp --where year=2019 --allow-unmatched -o joined.geojson
    """
    import pandas as pd

    from spillover.errors import SpatialInputError

    from . import output as out
    from .layers import Layer
    from .source import read_source

    out.check(output, layers=True, inputs=[table, map])
    if Path(map).suffix.lower() in TABLES_ONLY:
        raise SpatialInputError("E404", f"'{map}' is a table, not a map",
                                hint=f"the table comes first: spillover join {shlex.quote(map)} {shlex.quote(table)}")
    rows = read_source(data_of(reading, table, map=map, id=id, entity=entity, allow_unmatched=allow_unmatched))
    if rows.map is None:
        raise SpatialInputError("E404", f"'{map}' is a table, not a map", hint="give a boundary file after the table")
    added = rows.one_period()
    new = added[[c for c in added if c not in rows.map.columns]].reindex(rows.map.index)
    joined = rows.map.join(new)
    frame = pd.DataFrame(joined.drop(columns=joined.geometry.name)).reset_index()
    shown = next((str(name) for name in new), None)
    out.show(f"{len(joined):,} units with {new.shape[1]} columns of the table", lambda: frame, output,
             notes=rows.notes, layer=Layer(rows.map, lambda: new, shown), units=True)  # fmt: skip


def doctor(output: Output) -> None:
    """Versions of what is installed, for a bug report.

    Examples:
      spillover doctor
      spillover doctor --json
    """
    import pandas as pd

    from spillover.versions import versions

    from . import output as out

    out.check(output)
    table = versions()
    text = "\n".join(f"{name:<12} {number}" for name, number in table.items())
    out.show(text, lambda: pd.DataFrame({"name": table.keys(), "version": table.values()}), output)
