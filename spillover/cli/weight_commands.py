"""``spillover weights``: build, look at, convert, compare and draw weights."""

from __future__ import annotations

from typing import Annotated

import typer

from .groups import Data, command

app = typer.Typer(help="Build, inspect, convert, compare and draw weights.", no_args_is_help=True,
                  context_settings={"help_option_names": ["-h", "--help"]})  # fmt: skip

OVERWRITE = Annotated[bool, typer.Option("--overwrite", help="Replace the output where it exists.")]
FILE = Annotated[str, typer.Argument(help="File of weights; w.gwt:values=inverse for an option of its format.")]
ID = Annotated[str | None, typer.Option("--id", help="Column of the map that names the units.")]
LAYER = Annotated[str | None, typer.Option(help="Layer of the map, where there are several.")]


@command(app)
def build(
    *, kind: Annotated[str, typer.Argument(help="Builder with options: queen, knn:k=5, gravity:mass=gdp,cutoff=1500, "
                                           "economic:x=gsp, flows:origin=from,destination=to,value=trade.")],
    source: Annotated[str | None, typer.Argument(help="Map, or table for weights of a table; example:NAME.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help=".parquet, .gal, .gwt, .csv, .dta, .mat ...")],
    data: Annotated[str | None, typer.Option("--data", "-d", help="Table beside the map, e.g. for masses.")] = None,
    id: ID = None, layer: LAYER = None,
    entity: Annotated[str | None, typer.Option(help="Column of the table that names the units.")] = None,
    time: Annotated[str | None, typer.Option(help="Column of the table that names the periods.")] = None,
    standardize: Annotated[str, typer.Option(help="row, spectral, minmax, double, variance or none.")] = "row",
    overwrite: OVERWRITE = False,
) -> None:  # fmt: skip
    """Build weights from a map or a table and save them.

    Examples:
      spillover weights build queen example:us_states -o queen.parquet
      spillover weights build knn:k=4 example:us_states -o knn4.gwt
    """
    from spillover.errors import SpatialInputError
    from spillover.files import check_outputs
    from weights import registry
    from weights.io import FORMATS

    from ._inputs import read_weights
    from .source import read_source

    check_outputs([output], overwrite=overwrite, suffixes=FORMATS, inputs=[source, data])
    builder, _ = registry.find(kind)
    if builder is not None and builder.needs == registry.NOTHING:
        w = read_weights(kind, standardize=standardize)
        w.save(output, overwrite=overwrite)
        print(w)
        return
    rows_from = data or source
    if rows_from is None:
        message = "a map or a table is needed"
        raise SpatialInputError("E501", message, hint=f"spillover weights build {kind} FILE -o ...")
    rows = read_source(Data(rows_from, map=source if data else None, id=id, layer=layer, entity=entity, time=time))
    w = rows.weights(kind, standardize)
    w.save(output, overwrite=overwrite)
    print(w)


@command(app)
def info(*, weights: FILE) -> None:
    """Describe weights: links, islands, components, the admissible interval of rho.

    Examples:
      spillover weights info queen.parquet
      spillover weights info knn4.gwt
    """
    import pandas as pd

    from ._inputs import load_weights

    with pd.option_context("display.max_colwidth", None):
        print(load_weights(weights).describe().to_string())


@command(app)
def convert(*, source: FILE, target: Annotated[str, typer.Argument(help="File to write.")],
            overwrite: OVERWRITE = False) -> None:  # fmt: skip
    """Write weights in another format; the suffix chooses it.

    Examples:
      spillover weights convert queen.parquet queen.gwt
      spillover weights convert queen.parquet queen.csv
    """
    from spillover.files import check_outputs
    from weights.io import FORMATS

    from ._inputs import load_weights

    check_outputs([target], overwrite=overwrite, suffixes=FORMATS, inputs=[source])
    w = load_weights(source)
    w.save(target, overwrite=overwrite)
    print(f"{target}: {w.header()}")


@command(app)
def compare(*, first: FILE, second: FILE) -> None:
    """How alike two weights over the same units are.

    Examples:
      spillover weights compare queen.parquet queen.gwt
      spillover weights compare queen.parquet queen.csv
    """
    import weights as wt

    from ._inputs import load_weights

    print(wt.compare(load_weights(first), load_weights(second)).to_string())


@command(app)
def plot(
    *, weights: FILE, map: Annotated[str, typer.Option("--map", "-m", help="Boundary file, or example:us_states.")],
    output: Annotated[str, typer.Option("--output", "-o", help="PNG, PDF or SVG file.")], id: ID = None,
    layer: LAYER = None, overwrite: OVERWRITE = False,
) -> None:  # fmt: skip
    """Draw the links over the map.

    Examples:
      spillover weights plot queen.parquet -m example:us_states -o queen.png
      spillover weights plot queen.parquet -m example:us_states -o queen.pdf
    """
    from spatial.plot import save
    from spillover.files import FIGURES, check_outputs

    from ._inputs import load_weights, read_map

    check_outputs([output], overwrite=overwrite, suffixes=FIGURES, inputs=[weights, map])
    save(load_weights(weights).plot(read_map(map, id=id, layer=layer)), output, overwrite=overwrite)
