"""``spillover did``, ``shock`` and ``what-if``: what a policy did, and what a change would do, here and next door."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from spillover.errors import SpatialInputError

from .groups import App, Data, Model, Output, command
from .options import FIGURE, FORMULA, LEVEL, MODEL, WEIGHTS


def register(app: App) -> None:
    command(app)(did)
    command(app)(shock)
    command(app, "what-if")(what_if)


def did(
    source: Data, output: Output, *, formula: FORMULA,
    treatment: Annotated[str | None, typer.Option(help="Its term; may be left out where one is 0 or 1.")] = None,
    weights: Annotated[str | None, typer.Option("--weights", "-w", help="Effects on neighbors too.")] = None,
    method: Annotated[str | None, typer.Option(
        help="imputation (the default), group_time, switchers or twfe; without weights.")] = None,
    control: Annotated[str | None, typer.Option(
        help="Comparison of group_time and switchers: never or not_yet; lowest_dose with --dose.")] = None,
    adjustment: Annotated[str | None, typer.Option(
        help="How group_time and switchers use covariates: doubly_robust, improved, regression or weighting.")] = None,
    exposure: Annotated[str | None, typer.Option(
        help="With weights: any, share or count of treated neighbors, by imputation instead of a model.")] = None,
    unimputable: Annotated[str | None, typer.Option(
        help="With exposure: error (the default), or drop effects without a comparison.")] = None,
    missing: Annotated[str, typer.Option(help="error, drop (units) or period (rows).")] = "error",
    dose: Annotated[str | None, typer.Option(help="Column of doses, for effects by dose with group_time.")] = None,
    anticipation: Annotated[int | None, typer.Option(
        help="Periods before adoption in which outcomes may respond; without weights.")] = None,
    cluster: Annotated[str | None, typer.Option(help="Column of groups, units by default; with --weights only beside "
                                                "--exposure.")] = None,
    obs_weights: Annotated[str | None, typer.Option(help="Column with weights of the observations; with --weights "
                                                    "only beside --exposure.")] = None,
    level: LEVEL = 0.95, figure: FIGURE = None,
) -> None:  # fmt: skip
    """Difference-in-differences: the effect by time since adoption, tests of what was before, and spillovers.

    Examples:
      spillover did example:castle "log(homicide) ~ post" --treatment post
      spillover did example:castle "unemp ~ post" -w queen --map example:us_states --allow-unmatched --exposure any
    """
    import spatial as sp

    from . import output as out
    from .source import read_source

    out.check(output, figure=figure, inputs=[source.data, source.map])
    alone = {"--method": method, "--control": control, "--adjustment": adjustment, "--dose": dose,
             "--anticipation": anticipation}
    _refuse_unused(weights, exposure, alone, {"--cluster": cluster, "--obs-weights": obs_weights}, unimputable)
    rows = read_source(source)
    keys: dict[str, Any] = {"treatment": treatment, "level": level, "missing": missing, **rows.keys}
    result: sp.DiD | sp.SpatialDiD | sp.ExposureDiD
    if weights is not None and exposure is not None:
        result = sp.exposure_did(formula, rows.table, rows.weights(weights), exposure=exposure, cluster=cluster,
                                 unimputable=unimputable or "error", obs_weights=obs_weights, **keys)  # fmt: skip
    elif weights is None:
        result = sp.did(formula, rows.table, method=method or "imputation", control=control, adjustment=adjustment,
                        dose=dose, anticipation=anticipation or 0, cluster=cluster, obs_weights=obs_weights,
                        **keys)  # fmt: skip
    else:
        result = sp.spatial_did(formula, rows.table, rows.weights(weights), **keys)
    out.show(result, result.tidy, output, notes=rows.notes, files=[figure])
    if figure:
        sp.plot.save(result.plot(), figure, overwrite=output.overwrite)


def _refuse_unused(weights: str | None, exposure: str | None, alone: dict, others: dict, unimputable) -> None:
    """Options that would change nothing: those of ``sp.did`` beside weights, and of exposures without one.

    Raises
    ------
    SpatialInputError
        E533.
    """
    if exposure is not None and weights is None:
        raise SpatialInputError("E533", "--exposure needs --weights: whom the policy can reach",
                                hint="-w queen --map MAP")  # fmt: skip
    for name in (name for name, value in alone.items() if value is not None and weights is not None):
        raise SpatialInputError("E533", f"{name} is for effects without --weights",
                                hint=f"leave {name} out, or --weights")  # fmt: skip
    modelled = weights is not None and exposure is None
    for name in (name for name, value in others.items() if value is not None and modelled):
        raise SpatialInputError("E533", f"{name} is for effects without --weights, or beside --exposure",
                                hint=f"leave {name} out, or --exposure any")  # fmt: skip
    if unimputable is not None and exposure is None:
        raise SpatialInputError("E533", "--unimputable is for effects beside --exposure",
                                hint="leave --unimputable out, or -w queen --map MAP --exposure any")  # fmt: skip


def shock(
    source: Data, settings: Model, output: Output, *, formula: FORMULA, weights: WEIGHTS, model: MODEL = "sdm",
    shock: Annotated[str, typer.Option("--shock", "-s", help="UNIT:TERM:SIZE, as in OH:unemp:1.")],
    figure: FIGURE = None,
) -> None:  # fmt: skip
    """What a change in one unit does to all others.

    Of a dynamic model it is the response in the same period.

    Examples:
      spillover shock example:columbus "CRIME ~ INC" -w queen -s 6:INC:1
      spillover shock example:us_states "log(gsp) ~ unemp" -w queen -s OH:unemp:1 -o oh.gpkg
    """
    from . import output as out
    from .model_commands import estimated, model_of, respond
    from .source import read_source

    out.check(output, layers=True, figure=figure, inputs=[source.data, source.map])
    estimate = model_of(model, settings)
    rows = read_source(source)
    fit = estimated(estimate, formula, rows, weights, settings)
    respond(fit.effects(method="delta"), shock, rows, output, figure)


def what_if(
    source: Data, settings: Model, output: Output, *, formula: FORMULA, weights: WEIGHTS, model: MODEL = "sdm",
    term: Annotated[str, typer.Option("--term", help="What changes: a term of the formula.")],
    change: Annotated[float | None, typer.Option(help="Added to the term.")] = None,
    percent: Annotated[float | None, typer.Option(help="Of a term log(x): x rises by so many per cent.")] = None,
    to: Annotated[str | None, typer.Option(help="A value, mean, median or max: units below are raised to it.")] = None,
    share: Annotated[float, typer.Option(help="How much of the gap is closed, with --to.")] = 1.0,
    unit: Annotated[list[str] | None, typer.Option("--unit", help="Where: an id, or COLUMN=VALUE; repeat.")] = None,
    period: Annotated[str | None, typer.Option(help="Of a panel; the last by default.")] = None,
    horizon: Annotated[str, typer.Option(help="With --lags: periods after a change that stays, or long.")] = "0",
    by: Annotated[str | None, typer.Option(help="Column of groups: means of each instead of units.")] = None,
    level: LEVEL = 0.95, figure: FIGURE = None,
) -> None:  # fmt: skip
    """Change a regressor in some places, and read every unit's response with its interval.

    Examples:
      spillover what-if example:columbus "CRIME ~ INC" -w queen --term INC --change 1
      spillover what-if example:us_states "log(gsp) ~ log(pc)" -w queen --term "log(pc)" --percent 10 -o up.gpkg
    """
    import spatial as sp
    from spillover.errors import SpatialInputError

    from . import output as out
    from .layers import Layer
    from .model_commands import estimated, label_of, model_of
    from .source import read_source

    out.check(output, layers=by is None, figure=figure, inputs=[source.data, source.map])
    estimate = model_of(model, settings)
    rows = read_source(source)
    if figure:
        rows.needs_map("the figure")
    fit = estimated(estimate, formula, rows, weights, settings)
    periods = fit._design.times if fit._design.times is not None else ()
    how: dict[str, Any] = {"change": change, "percent": percent, "to": number_or_name(to), "share": share,
                           "level": level, "horizon": int(horizon) if horizon.isdigit() else horizon}  # fmt: skip
    if period is not None:
        how["period"] = label_of(period, periods)
    result = sp.what_if(fit, term, units=_where(unit, fit, rows.table), **how)
    if by is None:
        layer = Layer(rows.map, lambda: result.table, write=result.to_file)
        out.show(result, lambda: result.table.reset_index(names=rows.entity or "unit"), output, notes=rows.notes,
                 layer=layer, units=True, files=[figure])  # fmt: skip
    else:
        if by not in fit._design.frame:
            raise SpatialInputError("E502", f"{by!r} is no column of '{source.data}'", column=by,
                                    hint="the columns are " + ", ".join(map(str, rows.table.columns[:12])))
        frame = result.by_group(by).reset_index()
        out.show(frame.to_string(index=False), lambda: frame, output, notes=rows.notes, files=[figure])
    if figure:
        sp.plot.save(result.plot(rows.map), figure, overwrite=output.overwrite)


def number_or_name(text: str | None) -> float | str | None:
    """``0.5`` as a number, ``mean`` as it is."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _where(units: list[str] | None, fit, table):
    """Ids of a fit, or columns with the values that choose units, under the labels that data have."""
    from spillover.errors import SpatialInputError

    from .model_commands import label_of

    if not units:
        return None
    conditions = [text.partition("=") for text in units]
    if all(eq and column in table.columns for column, eq, _ in conditions):
        chosen: dict = {}
        for column, _, value in conditions:
            chosen.setdefault(column, []).append(label_of(value, table[column].unique()))
        return chosen
    if any(eq and column in table.columns for column, eq, _ in conditions):
        raise SpatialInputError("E501", "--unit takes ids or COLUMN=VALUE, not both", hint="as in --unit region=West")
    return [label_of(text, fit._design.ids) for text in units]
