"""``spillover info``, ``join`` and ``doctor``: what is in a file, what matches what, what is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .groups import Data, Output, command


def register(app: typer.Typer) -> None:
    for function in (info, join, doctor):
        command(app)(function)


def info(output: Output, *, file: Annotated[str, typer.Argument(help="Map, table, or example:NAME.")],
         layer: Annotated[str | None, typer.Option(help="Layer of a map.")] = None) -> None:  # fmt: skip
    """Rows, columns, coordinate system, and which columns could name the units.

    Examples:
      spillover info example:us_states
      spillover info example:columbus --json
    """
    import pandas as pd

    from . import output as out
    from .source import read_source

    out.check(output)
    rows = read_source(Data(file, layer=layer))
    columns = [{"column": c, "type": str(s.dtype), "missing": int(s.isna().sum()), "distinct": s.nunique(),
                "ids": "yes" if s.notna().all() and s.is_unique and not pd.api.types.is_float_dtype(s) else "",
                "first": str(s.iloc[0]) if len(s) else ""} for c, s in rows.table.items()]  # fmt: skip
    frame = pd.DataFrame(columns)
    lines = [f"{file}: {len(rows.table):,} rows, {rows.table.shape[1]} columns"]
    if rows.map is not None:
        kinds = ", ".join(sorted(map(str, rows.map.geom_type.unique())))
        lines.append(f"map of {len(rows.map):,} units: {kinds}; coordinates: {rows.map.crs or 'no CRS'}")
    if rows.time is not None:
        lines.append(f"panel: units in {rows.entity!r}, periods in {rows.time!r}")
    out.show(frame.to_string(index=False), lambda: frame, output, notes=lines)


def join(
    output: Output, *, table: Annotated[str, typer.Argument(help="Table.")],
    map: Annotated[str, typer.Argument(help="Boundary file.")],
    id: Annotated[str | None, typer.Option("--id", help="Column of the map that names the units.")] = None,
    entity: Annotated[str | None, typer.Option(help="Column of the table that names the units.")] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of the map.")] = None,
    where: Annotated[list[str] | None, typer.Option(help="COLUMN=VALUE: only these rows; repeat.")] = None,
    allow_unmatched: Annotated[bool, typer.Option(help="Keep the units that both have.")] = False,
) -> None:  # fmt: skip
    """Put a table's columns on a map: matched by ids, counted, what has no partner listed.

    Examples:
      spillover join income.csv regions.gpkg --id code -o joined.gpkg
      spillover join panel.csv regions.shp --where year=2019 --allow-unmatched -o joined.geojson
    """
    import pandas as pd

    from spillover.errors import SpatialInputError
    from spillover.files import replacing

    from . import output as out
    from .source import read_source

    out.check(output, layers=True, inputs=[table, map])
    rows = read_source(Data(table, map=map, id=id, entity=entity, layer=layer, where=where,
                            allow_unmatched=allow_unmatched))  # fmt: skip
    if rows.map is None:
        raise SpatialInputError("E404", f"'{map}' is a table, not a map", hint="give a boundary file after the table")
    units = rows.table[rows.entity]
    if units.duplicated().any():
        raise SpatialInputError("E102", f"units repeat in column {rows.entity!r}", column=rows.entity,
                                ids=list(units[units.duplicated()].unique()),
                                hint="pick one row per unit: --where COLUMN=VALUE")  # fmt: skip
    added = rows.table.set_index(rows.entity)
    joined = rows.map.join(added[[c for c in added if c not in rows.map.columns]])
    frame = pd.DataFrame(joined.drop(columns=joined.geometry.name)).reset_index()
    layered = output.output is not None and output.output.lower().endswith(out.LAYERS)
    target = Output(json=output.json) if layered else output
    out.show(f"{len(joined):,} units with {len(added.columns)} columns of the table", lambda: frame, target,
             notes=rows.notes)
    if layered and output.output is not None:
        with replacing(output.output, overwrite=output.overwrite) as part:
            joined.reset_index().to_file(part, layer=Path(output.output).stem)


def doctor(output: Output) -> None:
    """Versions of what is installed, for a bug report.

    Examples:
      spillover doctor
      spillover doctor --json
    """
    import pandas as pd

    from spillover.versions import versions

    from . import output as out

    table = versions()
    text = "\n".join(f"{name:<12} {number}" for name, number in table.items())
    out.show(text, lambda: pd.DataFrame({"name": table.keys(), "version": table.values()}), output)
