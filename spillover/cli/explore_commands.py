"""``spillover moran``, ``lisa`` and ``hotspots``: where is it clustered, and is it chance?"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from .groups import App, Data, Output, command
from .options import FIGURE, MISSING, PERMUTATIONS, SEED, WEIGHTS


def register(app: App) -> None:
    command(app)(moran)
    command(app)(lisa)
    command(app)(hotspots)


def moran(
    source: Data, output: Output, *, column: Annotated[list[str], typer.Option("--column", "-c", help="Variable; "
    "repeat for several.")], weights: WEIGHTS, permutations: PERMUTATIONS = 999,
    alternative: Annotated[str, typer.Option(help="two-sided, greater or less.")] = "two-sided", seed: SEED = 1,
    missing: MISSING = "error", figure: FIGURE = None,
) -> None:  # fmt: skip
    """Moran's I with permutation p-values, whole or by period (with --time or --panel).

    A layer holds each unit's value, spatial lag and quadrant.

    Examples:
      spillover moran example:columbus -c CRIME -w queen
      spillover moran example:us_states -c unemp -w queen -o moran.csv
    """
    import pandas as pd

    import spatial as sp
    from spillover.errors import SpatialInputError

    from . import output as out
    from .layers import Layer, scatter
    from .source import read_source

    out.check(output, layers=True, figure=figure, inputs=[source.data, source.map])
    rows = read_source(source)
    rows.columns(column)
    by_period = rows.time is not None and not source.where
    if by_period and out.is_layer(output):
        raise SpatialInputError("E501", "a layer holds one period", hint=f"pick it: --where {rows.time}=...")
    w = rows.weights(weights)
    rows = rows.by_unit(w)
    options: dict[str, Any] = {"permutations": permutations, "alternative": alternative, "seed": seed,
                               "missing": missing}  # fmt: skip
    result: sp.Moran | sp.MoranBy
    if rows.time is not None and by_period:
        result = sp.moran_by(rows.table, list(column), w, time=rows.time, entity=rows.entity, **options)
        out.show(result, result.to_frame, output, notes=rows.notes, files=[figure])
    else:
        values = rows.one_period()
        results = [sp.moran(c, w, data=values, **options) for c in column]
        result = results[0]
        frame = pd.concat([r.tidy().assign(term=c) for c, r in zip(column, results, strict=True)], ignore_index=True)
        out.show(Several(results), lambda: frame, output, notes=rows.notes, files=[figure],
                 layer=Layer(rows.map, lambda: scatter(results, values), f"{column[0]}_quadrant"))  # fmt: skip
    if figure:
        sp.plot.save(result.plot(), figure, overwrite=output.overwrite)


def lisa(
    source: Data, output: Output, *, column: Annotated[str, typer.Option("--column", "-c", help="Variable.")],
    weights: WEIGHTS,
    permutations: Annotated[int | None, typer.Option(help="Random permutations; by default as many as map and "
                                                     "correction need.")] = None,
    correction: Annotated[str, typer.Option(help="none, fdr or bonferroni.")] = "none", seed: SEED = 1,
    missing: MISSING = "error", figure: FIGURE = None,
) -> None:  # fmt: skip
    """Local Moran's I: clusters and outliers, as a table, a figure or a layer that QGIS opens colored.

    Examples:
      spillover lisa example:columbus -c CRIME -w queen -o lisa.gpkg
      spillover lisa example:us_states --where year=1986 -c unemp -w queen
    """
    import spatial as sp

    how = {"permutations": permutations, "correction": correction, "seed": seed, "missing": missing}
    _local(sp.local_moran, source, output, column, weights, figure, how)


def hotspots(
    source: Data, output: Output, *, column: Annotated[str, typer.Option("--column", "-c", help="Variable.")],
    weights: WEIGHTS,
    star: Annotated[bool, typer.Option("--star/--no-star", help="A unit counts as its own neighbor: G*.")] = True,
    permutations: Annotated[int | None, typer.Option(help="Random permutations; by default as many as map and "
                                                     "correction need.")] = None,
    correction: Annotated[str, typer.Option(help="none, fdr or bonferroni.")] = "none", seed: SEED = 1,
    missing: MISSING = "error", figure: FIGURE = None,
) -> None:  # fmt: skip
    """Local G of Getis and Ord: where high values gather, and where low ones.

    Examples:
      spillover hotspots example:columbus -c CRIME -w queen -o hot.gpkg
      spillover hotspots example:us_states --where year=1986 -c unemp -w queen --correction fdr
    """
    import spatial as sp

    how = {"star": star, "permutations": permutations, "correction": correction, "seed": seed, "missing": missing}
    _local(sp.local_g, source, output, column, weights, figure, how)


def _local(statistic, source: Data, output: Output, column: str, weights: str, figure: str | None, how: dict) -> None:
    """A local statistic as text, table, layer and figure."""
    import spatial as sp
    from spillover.errors import SpatialInputError

    from . import output as out
    from .layers import Layer
    from .source import read_source

    out.check(output, layers=True, figure=figure, inputs=[source.data, source.map])
    rows = read_source(source)
    rows.columns([column])
    if (out.is_layer(output) or figure) and rows.map is None:
        raise SpatialInputError("E501", "a map is needed to draw clusters", hint="give --map FILE")
    w = rows.weights(weights)
    rows = rows.by_unit(w)
    result = statistic(column, w, data=rows.one_period(), **how)
    layer = None if rows.map is None else Layer(rows.map, result.to_frame, write=result.to_file)
    out.show(result, lambda: result.to_frame().reset_index(), output, notes=rows.notes, layer=layer, units=True,
             files=[figure])  # fmt: skip
    if figure:
        sp.plot.save(result.plot(rows.map), figure, overwrite=output.overwrite)


class Several(list):
    """Results that print one after the other."""

    @property
    def provenance(self):
        """Of all their data; W and seed are the same."""
        from spillover.provenance import made_from, provenance_of

        return replace(provenance_of(made_from(self, *self)), seed=self[0].provenance.seed)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self))
