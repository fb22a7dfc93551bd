"""``spillover weights``: build, look at, convert, compare and draw weights."""

from __future__ import annotations

from typing import Annotated

import typer

from .groups import TARGET, App, Output, Reading, Shapes, command
from .options import JSON, OVERWRITE


def register(app: App) -> None:
    for function in (build, info, convert, compare, plot):
        command(app)(function)


FILE = Annotated[str, typer.Argument(help="File of weights; w.gwt:values=inverse for an option of its format.")]
ID = Annotated[str | None, typer.Option("--id", help="Column of the map that names the units.")]


def build(
    reading: Reading, output: Output, *,
    kind: Annotated[str, typer.Argument(help="Builder with options: queen, knn:k=5, gravity:mass=gdp,cutoff=1500, "
                                        "economic:x=gsp, flows:origin=from,destination=to,value=trade.")],
    source: Annotated[str | None, typer.Argument(help="Map, or table for weights of a table; example:NAME.")] = None,
    data: Annotated[str | None, typer.Option("--data", "-d", help="Table beside the map, e.g. for masses.")] = None,
    id: ID = None,
    entity: Annotated[str | None, typer.Option(help="Column of the table that names the units.")] = None,
    time: Annotated[str | None, typer.Option(help="Column of the table that names the periods.")] = None,
    standardize: Annotated[str, typer.Option(help="row, spectral, minmax, double, variance or none.")] = "row",
) -> None:  # fmt: skip
    """Build weights from a map or a table and save them (.parquet, .gal, .gwt, .csv, .dta, .mat ...).

    Examples:
      spillover weights build queen example:us_states -o queen.parquet
      spillover weights build knn:k=4 example:us_states -o knn4.gwt
    """
    from spillover.errors import SpatialInputError
    from weights import registry
    from weights.io import FORMATS

    from . import output as out
    from ._inputs import read_weights
    from .file_commands import data_of
    from .source import read_source

    out.check(output, suffixes=FORMATS, inputs=[source, data])
    builder, _ = registry.find(kind)
    if builder is not None and builder.needs == registry.NO_INPUT:
        _show(read_weights(kind, standardize=standardize), output)
        return
    rows_from = data or source
    if rows_from is None:
        message = "a map or a table is needed"
        raise SpatialInputError("E501", message, hint=f"spillover weights build {kind} FILE -o w.parquet")
    keys = {"id": id, "entity": entity, "time": time}
    rows = read_source(data_of(reading, rows_from, map=source if data else None, **keys))
    if output.output is not None and rows.map is not None:
        _point_out_row_numbers(rows.map)
    _show(rows.weights(kind, standardize), output)


def _point_out_row_numbers(gdf) -> None:
    """Warn where units that are to be written have no names but their place in the map."""
    import pandas as pd

    from spillover.errors import warn

    if not isinstance(gdf.index, pd.RangeIndex):
        return
    names = [str(name) for name, column in gdf.drop(columns=gdf.geometry.name).items()
             if column.is_unique and column.notna().all() and column.dtype.kind != "f"]
    hint = f"; columns that name each unit: {', '.join(names[:5])}" if names else ""
    warn(f"units are numbered 0 to {len(gdf) - 1} in the map's order, which is no id that other data would have: "
         f"give --id COLUMN{hint}")


def _show(w, output: Output) -> None:
    """The weights in words, their links as a table, and the file in its format."""
    from . import output as out

    if output.output not in (None, "-"):
        w.save(output.output, overwrite=output.overwrite)
    out.show(w, w.to_frame, Output("-" if output.output == "-" else None, json=output.json),
             files=[] if output.output == "-" else [output.output])  # fmt: skip


def info(output: Output, *, weights: FILE) -> None:
    """Describe weights: links, islands, components, the admissible interval of rho.

    Examples:
      spillover weights info queen.parquet
      spillover weights info knn4.gwt
    """
    import pandas as pd

    from . import output as out
    from ._inputs import load_weights

    out.check(output, inputs=[weights])
    described = load_weights(weights).describe()
    frame = pd.DataFrame({"property": described.index, "value": described.astype(str).to_numpy()})
    with pd.option_context("display.max_colwidth", None):
        out.show(described.to_string(), lambda: frame, output)


def convert(*, source: FILE, target: Annotated[str, typer.Argument(help="File to write; - for CSV on stdout.")],
            overwrite: OVERWRITE = False, json: JSON = False) -> None:  # fmt: skip
    """Write weights in another format; the suffix chooses it.

    Examples:
      spillover weights convert queen.parquet queen.gwt
      spillover weights convert queen.parquet queen.csv
    """
    from weights.io import FORMATS

    from . import output as out
    from ._inputs import load_weights

    output = Output(target, overwrite, json)
    out.check(output, suffixes=FORMATS, inputs=[source])
    _show(load_weights(source), output)


def compare(output: Output, *, first: FILE, second: FILE) -> None:
    """How alike two weights over the same units are.

    Examples:
      spillover weights compare queen.parquet queen.gwt
      spillover weights compare queen.parquet queen.csv
    """
    import pandas as pd

    import weights as wt

    from . import output as out
    from ._inputs import load_weights

    out.check(output, inputs=[first, second])
    alike = wt.compare(load_weights(first), load_weights(second))
    frame = alike if isinstance(alike, pd.DataFrame) else alike.rename("value").rename_axis("property").reset_index()
    out.show(alike.to_string(), lambda: frame, output)


def plot(
    reading: Shapes, *, weights: FILE,
    map: Annotated[str, typer.Option("--map", "-m", help="Boundary file, or example:us_states.")],
    output: Annotated[str, typer.Option("--output", "-o", help="PNG, PDF or SVG file.", rich_help_panel=TARGET)],
    id: ID = None, overwrite: OVERWRITE = False, json: JSON = False,
) -> None:  # fmt: skip
    """Draw the links over the map.

    Examples:
      spillover weights plot queen.parquet -m example:us_states -o queen.png
      spillover weights plot queen.parquet -m example:us_states -o queen.pdf
    """
    from spatial.plot import save
    from spillover.files import FIGURES

    from . import output as out
    from ._inputs import load_weights, read_map
    from ._readers import of_map

    out.check(Output(output, overwrite), suffixes=FIGURES, inputs=[weights, map])
    w = load_weights(weights)
    save(w.plot(read_map(map, id=id, **of_map(reading))), output, overwrite=overwrite)
    out.show(w.header(), w.to_frame, Output(json=json), files=[output])
