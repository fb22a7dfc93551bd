"""``spillover plot``: a column on the map, its clusters, or its spatial autocorrelation, as a figure or a layer."""

from __future__ import annotations

from typing import Annotated

import typer

from .groups import App, Data, Output, command
from .options import SEED

KINDS = ("map", "lisa", "scatter", "periods")


def register(app: App) -> None:
    command(app)(plot)


def plot(
    source: Data, output: Output, *, column: Annotated[str, typer.Option("--column", "-c", help="Variable.")],
    kind: Annotated[str, typer.Option(help="map; with weights: lisa, scatter (Moran's), or periods (I by "
                                           "period).")] = "map",
    weights: Annotated[str | None, typer.Option("--weights", "-w", help="File or builder; not for a map.")] = None,
    title: Annotated[str | None, typer.Option(help="Of a map; the variable's name by default.")] = None,
    seed: SEED = 1,
) -> None:  # fmt: skip
    """Draw a column: on the map, as clusters, as Moran's scatter or by period.

    The suffix of -o chooses figure (.png, .pdf, .svg), layer or table.

    Examples:
      spillover plot example:columbus -c CRIME -o crime.png
      spillover plot example:us_states -c unemp -w queen --kind periods -o unemp.pdf
    """
    import spatial as sp
    from spillover.errors import SpatialInputError, check_option
    from spillover.files import FIGURES

    from . import output as out
    from .source import read_source

    check_option("--kind", kind, KINDS)
    if output.output is None:
        raise SpatialInputError("E501", "plot needs a file to draw into", hint=f"-o {kind}.png")
    layers = () if kind == "periods" else out.LAYERS
    out.check(output, suffixes=(*FIGURES, *layers, *out.TABLES), inputs=[source.data, source.map])
    if (weights is None) != (kind == "map"):
        message = "a map takes no weights" if kind == "map" else f"--kind {kind} needs weights"
        raise SpatialInputError("E501", message, hint="--kind lisa -w queen")
    rows = read_source(source)
    rows.columns([column])
    result, frame, layer, draw = DRAWN[kind](rows, column, weights, title, seed)
    if output.output != "-" and output.output.lower().endswith(FIGURES):
        sp.plot.save(draw(), output.output, overwrite=output.overwrite)
        out.show(result, frame, Output(json=output.json), notes=rows.notes, files=[output.output])
    else:
        out.show(result, frame, output, notes=rows.notes, layer=layer, units=kind != "periods")


def _map(rows, column: str, weights, title, seed):
    from spatial.plot import choropleth

    from .layers import Layer

    gdf = rows.needs_map("a map")
    values = rows.one_period()[[column]]
    text = f"{column}: {values[column].notna().sum():,} of {len(values):,} units have a value"
    return (text, values.reset_index, Layer(gdf, lambda: values, column),
            lambda: choropleth(gdf, values[column], title=title))  # fmt: skip


def _lisa(rows, column: str, weights: str, title, seed):
    import spatial as sp

    from .layers import Layer

    gdf = rows.needs_map("a map of clusters")
    result = sp.local_moran(column, rows.weights(weights), data=rows.one_period(), seed=seed)
    return (result, lambda: result.to_frame().reset_index(), Layer(gdf, result.to_frame, write=result.to_file),
            lambda: result.plot(gdf))  # fmt: skip


def _scatter(rows, column: str, weights: str, title, seed):
    import spatial as sp

    from .layers import Layer, scatter

    w = rows.weights(weights)
    values = rows.by_unit(w).one_period()
    result = sp.moran(column, w, data=values, seed=seed)
    points = scatter([result], values)
    return result, points.reset_index, Layer(rows.map, lambda: points, f"{column}_quadrant"), result.plot


def _periods(rows, column: str, weights: str, title, seed):
    import spatial as sp
    from spillover.errors import SpatialInputError

    if rows.time is None:
        raise SpatialInputError("E501", "--kind periods needs a panel", hint="give --panel UNIT,PERIOD")
    result = sp.moran_by(rows.table, [column], rows.weights(weights), time=rows.time, entity=rows.entity, seed=seed)
    return result, result.to_frame, None, result.plot


DRAWN = {"map": _map, "lisa": _lisa, "scatter": _scatter, "periods": _periods}
