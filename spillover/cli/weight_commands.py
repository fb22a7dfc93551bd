"""``spillover weights``: build, look at, convert, compare and draw weights."""

from __future__ import annotations

import typer

app = typer.Typer(help="Build, inspect, convert, compare and draw weights.", no_args_is_help=True)

MAP = typer.Option(None, "--map", "-m", help="Boundary file, or example:us_states.")
DATA = typer.Option(None, "--data", "-d", help="Table for economic weights, or example:us_states.")
ID = typer.Option(None, "--id", help="Column of the map that names the units.")
LAYER = typer.Option(None, help="Layer of the map, where there are several.")
ENTITY = typer.Option(None, help="Column of the table that names the units.")
TIME = typer.Option(None, help="Column of the table that names the periods.")
STANDARDIZE = typer.Option("row", help="row, spectral, minmax, double, variance or none.")
OVERWRITE = typer.Option(False, "--overwrite", help="Replace the output where it exists.")


@app.command()
def build(
    spec: str = typer.Argument(
        help="Builder with options: queen, knn:k=5, gravity:mass=gdp,cutoff=1500, economic:x=gsp, "
        "flows:origin=from,destination=to,value=trade."
    ),
    output: str = typer.Option(..., "--output", "-o", help=".parquet, .gal, .gwt, .csv, .dta, .mat ..."),
    map: str = MAP,
    data: str = DATA,
    id: str = ID,
    layer: str = LAYER,
    entity: str = ENTITY,
    time: str = TIME,
    standardize: str = STANDARDIZE,
    overwrite: bool = OVERWRITE,
) -> None:
    """Build weights from a map or a table and save them."""
    from spillover.files import check_outputs
    from weights.io import FORMATS

    from ._inputs import read_map, read_table, read_weights

    check_outputs([output], overwrite=overwrite, suffixes=FORMATS, inputs=[map, data])
    gdf = read_map(map, id=id, layer=layer) if map else None
    table = read_table(data, keys=(entity, time)) if data else None
    w = read_weights(spec, gdf=gdf, table=table, entity=entity, time=time, standardize=standardize)
    w.save(output, overwrite=overwrite)
    print(w)


@app.command()
def info(weights: str = typer.Argument(help="File of weights.")) -> None:
    """Describe weights: links, islands, components, the admissible interval of rho."""
    import pandas as pd

    import weights as wt

    with pd.option_context("display.max_colwidth", None):
        print(wt.load(weights).describe().to_string())


@app.command()
def convert(source: str, target: str, overwrite: bool = OVERWRITE) -> None:
    """Write weights in another format; the suffix chooses it."""
    import weights as wt
    from spillover.files import check_outputs
    from weights.io import FORMATS

    check_outputs([target], overwrite=overwrite, suffixes=FORMATS, inputs=[source])
    wt.load(source).save(target, overwrite=overwrite)


@app.command()
def compare(first: str, second: str) -> None:
    """How alike two weights over the same units are."""
    import weights as wt

    print(wt.compare(wt.load(first), wt.load(second)).to_string())


@app.command()
def plot(
    weights: str,
    map: str = MAP,
    output: str = typer.Option(..., "--output", "-o", help="PNG, PDF or SVG file."),
    id: str = ID,
    layer: str = LAYER,
    overwrite: bool = OVERWRITE,
) -> None:
    """Draw the links over the map."""
    import weights as wt
    from spatial.plot import save
    from spillover.files import FIGURES, check_outputs

    from ._inputs import read_map

    check_outputs([output], overwrite=overwrite, suffixes=FIGURES, inputs=[weights, map])
    save(wt.load(weights).plot(read_map(map, id=id, layer=layer)), output, overwrite=overwrite)
