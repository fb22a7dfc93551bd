"""``spillover slopes``, ``predictions`` and ``forecast``: what a variable does, and what is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .groups import App, Data, Model, Output, command
from .options import FIGURE, FORMULA, LEVEL, MODEL, WEIGHTS

if TYPE_CHECKING:
    import pandas as pd

AT = Annotated[list[str] | None, typer.Option("--at", help="COLUMN=VALUE,VALUE for all units, or mean; repeat.")]
BY = Annotated[str | None, typer.Option(help="A column, entity or time: averages of its groups.")]


def register(app: App) -> None:
    for function in (slopes, predictions, forecast):
        command(app)(function)


def slopes(
    source: Data, settings: Model, output: Output, *, formula: FORMULA, weights: WEIGHTS, model: MODEL = "sdm",
    of: Annotated[str, typer.Option("--of", help="A column of the data that the formula holds.")],
    values: Annotated[str | None, typer.Option(help="FROM,TO,TO: steps between values or levels.")] = None,
    kind: Annotated[str, typer.Option(help="dydx, eyex, eydx or dyex.")] = "dydx", at: AT = None, by: BY = None,
    run: Annotated[str, typer.Option(help="short or long, of a dynamic model.")] = "short",
    level: LEVEL = 0.95, figure: FIGURE = None,
) -> None:  # fmt: skip
    """Direct, indirect and total slopes of a column with all its terms, or steps between its values.

    Examples:
      spillover slopes example:columbus "CRIME ~ INC + I(INC**2)" -w queen --of INC --at INC=10,20
      spillover slopes example:us_states "log(gsp) ~ log(emp) + unemp" -w queen --of unemp --values 4,8
    """
    import spatial as sp
    from spillover.errors import SpatialInputError

    from . import output as out
    from .model_commands import estimated, model_of
    from .source import read_source

    out.check(output, figure=figure, inputs=[source.data, source.map])
    if values is not None and kind != "dydx":
        raise SpatialInputError("E501", f"--kind {kind} is for slopes, not for --values", hint="leave one of them out")
    estimate = model_of(model, settings)
    rows = read_source(source)
    fit = estimated(estimate, formula, rows, weights, settings)
    options: dict[str, Any] = {"at": settings_in(at, rows.table), "by": by, "run": run, "level": level}
    if values is None:
        result = sp.slopes(fit, of, kind=kind, **options)
    else:
        result = sp.contrasts(fit, of, [value_of(text, rows.table.get(of)) for text in values.split(",")], **options)
    out.show(result, result.tidy, output, notes=rows.notes, files=[figure])
    if figure:
        sp.plot.save(result.plot(), figure, overwrite=output.overwrite)


def predictions(
    source: Data, settings: Model, output: Output, *, formula: FORMULA, weights: WEIGHTS, model: MODEL = "sdm",
    at: AT = None, by: BY = None, level: LEVEL = 0.95, figure: FIGURE = None,
) -> None:  # fmt: skip
    """The response that the model expects, averaged, where all units are given some values.

    Examples:
      spillover predictions example:columbus "CRIME ~ INC + HOVAL" -w queen --at INC=10,20
      spillover predictions example:us_states "log(gsp) ~ log(emp) + unemp" -w queen --by year -o levels.csv
    """
    import spatial as sp

    from . import output as out
    from .model_commands import estimated, model_of
    from .source import read_source

    out.check(output, figure=figure, inputs=[source.data, source.map])
    estimate = model_of(model, settings)
    rows = read_source(source)
    fit = estimated(estimate, formula, rows, weights, settings)
    result = sp.predictions(fit, at=settings_in(at, rows.table), by=by, level=level)
    out.show(result, result.tidy, output, notes=rows.notes, files=[figure])
    if figure:
        sp.plot.save(result.plot(), figure, overwrite=output.overwrite)


def forecast(
    source: Data, settings: Model, output: Output, *, formula: FORMULA, weights: WEIGHTS, model: MODEL = "sdm",
    since: Annotated[str, typer.Option("--since", help="The first period to forecast; earlier ones are fitted.")],
    period_effects: Annotated[str | None, typer.Option(help="last or mean: effects of the new periods.")] = None,
    level: LEVEL = 0.95, figure: FIGURE = None,
) -> None:  # fmt: skip
    """Fit the periods before, and forecast the response of every unit in those since.

    Examples:
      spillover forecast example:us_states "log(gsp) ~ log(emp)" -w queen --since 1985 --effects entity
      spillover forecast example:us_states "log(gsp) ~ log(emp)" -w queen --since 1985 --period-effects last -o f.csv
    """
    import spatial as sp
    from spatial.plot.units import of_forecast
    from spillover.errors import SpatialInputError

    from . import output as out
    from .layers import Layer
    from .model_commands import label_of, model_of, options_of
    from .source import read_source

    out.check(output, layers=True, figure=figure, inputs=[source.data, source.map])
    estimate = model_of(model, settings)
    rows = read_source(source)
    if rows.time is None:
        raise SpatialInputError("E501", "forecast needs a panel", hint="--entity COLUMN --time COLUMN")
    times = rows.table[rows.time]
    new = times >= label_of(since, times.unique())
    if new.all() or not new.any():
        where = "all" if new.all() else "no"
        raise SpatialInputError("E501", f"--since {since}: {where} periods are new", column=rows.time,
                                hint=f"periods are {times.min()} to {times.max()}")  # fmt: skip
    fit = estimate(formula, rows.table[~new], rows.weights(weights), **options_of(settings, rows))
    result = fit.forecast(rows.table[new], period_effects=period_effects, level=level)
    layer = Layer(rows.map, lambda: of_forecast(result)[0], "estimate")
    out.show(result, result.tidy, output, notes=rows.notes, layer=layer, files=[figure])
    if figure:
        sp.plot.save(result.plot(), figure, overwrite=output.overwrite)


def settings_in(at: list[str] | None, table: pd.DataFrame) -> dict | str | None:
    """``x=1,2`` as a mapping of columns to values; ``mean`` as it is.

    Raises
    ------
    SpatialInputError
        E501 neither.
    """
    from spillover.errors import SpatialInputError

    if not at:
        return None
    if at == ["mean"]:
        return "mean"
    settings = {}
    for text in at:
        column, sign, values = text.rpartition("=")
        if not sign or not values:
            raise SpatialInputError("E501", f"--at {text!r} is not COLUMN=VALUE", hint="--at x=1,2, or --at mean")
        settings[column] = [value_of(value, table.get(column)) for value in values.split(",")]
    return settings


def value_of(text: str, column: pd.Series | None):
    """A value of a column as the command line writes it: a number where the column holds numbers."""
    if column is not None and column.dtype.kind in "biuf":
        try:
            return float(text)
        except ValueError:
            return text
    from .model_commands import label_of

    return text if column is None else label_of(text, column.dropna().unique())
