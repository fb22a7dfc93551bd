"""``spillover did``: the effect of a policy on those that adopted it, and with weights on their neighbors."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .groups import Data, Output, command
from .options import FIGURE, FORMULA, LEVEL


def register(app: typer.Typer) -> None:
    command(app)(did)


def did(
    source: Data, output: Output, *, formula: FORMULA,
    treatment: Annotated[str | None, typer.Option(help="Its term; may be left out where one is 0 or 1.")] = None,
    weights: Annotated[str | None, typer.Option("--weights", "-w", help="Effects on neighbors too.")] = None,
    method: Annotated[str, typer.Option(help="imputation, group_time or twfe; without weights.")] = "imputation",
    cluster: Annotated[str | None, typer.Option(help="Column of groups; units by default.")] = None,
    level: LEVEL = 0.95, figure: FIGURE = None,
) -> None:  # fmt: skip
    """Difference-in-differences: the effect by time since adoption, tests of what was before, and spillovers.

    Examples:
      spillover did example:castle "log(homicide) ~ post" --treatment post
      spillover did example:castle "log(homicide) ~ post" --treatment post --method group_time -o did.csv
    """
    import spatial as sp

    from . import output as out
    from .source import read_source

    out.check(output, figure=figure, inputs=[source.data, source.map])
    rows = read_source(source)
    keys: dict[str, Any] = {"treatment": treatment, "level": level, **rows.keys}
    result: sp.DiD | sp.SpatialDiD
    if weights is None:
        result = sp.did(formula, rows.table, method=method, cluster=cluster, **keys)
    else:
        result = sp.spatial_did(formula, rows.table, rows.weights(weights), **keys)
    out.show(result, result.tidy, output, notes=rows.notes)
    if figure:
        sp.plot.save(result.plot(), figure, overwrite=output.overwrite)
