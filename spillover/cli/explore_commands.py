"""``spillover moran`` and ``spillover lisa``: where is it clustered, and is it chance?"""

from __future__ import annotations

import typer

from .weight_commands import ID, LAYER, MAP, OVERWRITE

DATA = typer.Argument(help="Table (.csv, .parquet, .xlsx, .dta) or example:us_states.")
WEIGHTS = typer.Option(..., "--weights", "-w", help="File of weights, or a builder such as queen or knn:k=5.")
ENTITY = typer.Option(None, help="Column that names the units; found in the table when it holds the weights' ids.")
PERMUTATIONS = typer.Option(999, help="Random permutations.")
SEED = typer.Option(1, help="Seed of the permutations.")
LAYERS = (".gpkg", ".geojson")
ALTERNATIVE = typer.Option("two-sided", help="two-sided, greater or less.")


def register(app: typer.Typer) -> None:
    app.command()(moran)
    app.command()(lisa)


def moran(
    data: str = DATA,
    column: list[str] = typer.Option(..., "--column", "-c", help="Variable; repeat for several."),
    weights: str = WEIGHTS,
    map: str = MAP,
    id: str = ID,
    layer: str = LAYER,
    by: str = typer.Option(None, help="Column of periods: one row per period."),
    entity: str = ENTITY,
    permutations: int = PERMUTATIONS,
    alternative: str = ALTERNATIVE,
    seed: int = SEED,
    output: str = typer.Option(None, "--output", "-o", help="Table: .csv or .parquet."),
    figure: str = typer.Option(None, "--figure", help="PNG, PDF or SVG of I by period (with --by)."),
    overwrite: bool = OVERWRITE,
) -> None:
    """Moran's I with permutation p-values, whole or by period."""
    import spatial as sp
    from spillover.errors import SpatialInputError
    from spillover.files import FIGURES, TABLES, check_outputs, write_table

    check_outputs([output], overwrite=overwrite, suffixes=TABLES, inputs=[data, map])
    check_outputs([figure], overwrite=overwrite, suffixes=FIGURES, inputs=[data, map])
    if figure and not by:
        raise SpatialInputError("E501", "--figure draws I by period", hint="give --by COLUMN")
    table, w, entity = _read(data, weights, map, id, layer, entity, by, column)
    options = {"permutations": permutations, "alternative": alternative, "seed": seed}
    if by:
        result = sp.moran_by(table, list(column), w, time=by, entity=entity, **options)
        found = result.to_frame()
    else:
        import pandas as pd

        results = [sp.moran(table.set_index(entity)[c], w, **options) for c in column]
        found = pd.concat([r.tidy().assign(term=c) for c, r in zip(column, results)], ignore_index=True)
        result = "\n\n".join(f"{c}\n{r}" for c, r in zip(column, results))
    print(result)
    if output:
        write_table(found, output, overwrite=overwrite)
    if figure:
        from spatial.plot import save

        save(result.plot(), figure, overwrite=overwrite)


def lisa(
    data: str = DATA,
    column: str = typer.Option(..., "--column", "-c", help="Variable."),
    weights: str = WEIGHTS,
    map: str = MAP,
    id: str = ID,
    layer: str = LAYER,
    period: str = typer.Option(None, help="COLUMN=VALUE picks one period of a panel: year=1986."),
    entity: str = ENTITY,
    permutations: int = typer.Option(None, help="Random permutations; by default as many as map and correction need."),
    correction: str = typer.Option("none", help="none, fdr or bonferroni."),
    seed: int = SEED,
    output: str = typer.Option(None, "--output", "-o", help="Table (.csv, .parquet) or colored map (.gpkg, .geojson)."),
    figure: str = typer.Option(None, "--figure", help="PNG, PDF or SVG of the cluster map."),
    overwrite: bool = OVERWRITE,
) -> None:
    """Local Moran's I: clusters and outliers, as a table, a figure, or a map that QGIS opens colored."""
    import spatial as sp
    from spillover.errors import SpatialInputError
    from spillover.files import FIGURES, TABLES, check_outputs, write_table

    from ._inputs import read_map

    check_outputs([output], overwrite=overwrite, suffixes=[*TABLES, *LAYERS], inputs=[data, map])
    check_outputs([figure], overwrite=overwrite, suffixes=FIGURES, inputs=[data, map])
    as_layer = bool(output and output.lower().endswith(LAYERS))
    on_map = bool(figure or as_layer)
    if on_map and map is None:
        raise SpatialInputError("E501", "a map is needed to draw clusters", hint="give --map FILE")
    key, _, value = (period or "").partition("=")
    table, w, entity = _read(data, weights, map, id, layer, entity, key or None, [column])
    if period:
        table = table[table[key].astype(str) == value]
        if table.empty:
            raise SpatialInputError("E501", f"no row has {period}")
    result = sp.local_moran(
        table.set_index(entity)[column], w, permutations=permutations, correction=correction, seed=seed
    )
    print(result)
    gdf = read_map(map, id=id, layer=layer) if on_map else None
    if as_layer:
        result.to_file(gdf, output, overwrite=overwrite)
    elif output:
        write_table(result.to_frame().reset_index(), output, overwrite=overwrite)
    if figure:
        from spatial.plot import save

        save(result.plot(gdf), figure, overwrite=overwrite)


def _read(data, weights, map, id, layer, entity, period, columns):
    """Table, weights and the unit column; the latter is found when one column holds the weights' ids."""
    from spillover.errors import SpatialInputError

    from ._inputs import read_map, read_table, read_weights, require_columns, with_ids_of

    table = read_table(data, keys=(entity, period))
    gdf = read_map(map, id=id, layer=layer) if map else None
    w = read_weights(weights, gdf=gdf, table=table, entity=entity, time=period)
    require_columns(table, filter(None, (*columns, entity, period)), data)
    entity = entity or next((c for c in table.columns if table[c].isin(w.ids).all()), None)
    if entity is None:
        raise SpatialInputError(
            "E101", f"no column of '{data}' holds the weights' ids", ids=list(w.ids), hint="give --entity"
        )
    return with_ids_of(table, entity, w.ids), w, entity
