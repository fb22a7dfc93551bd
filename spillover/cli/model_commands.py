"""``spillover fit``, ``effects``, ``diagnose`` and ``table``: the models from files."""

from __future__ import annotations

from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Annotated

import typer

from spillover.progress import step

from .groups import App, Data, Model, Output, command
from .options import AT_ONCE, DRAWS, FIGURE, FORMULA, LEVEL, MODEL, SEED, SEVERAL, WEIGHTS

if TYPE_CHECKING:
    from .source import Source


def register(app: App) -> None:
    for function in (fit, effects, diagnose, table):
        command(app)(function)


def fit(
    source: Data, settings: Model, output: Output, *, formula: FORMULA, weights: AT_ONCE, model: MODEL = "sdm"
) -> None:
    """Estimate a model and print its coefficients; -w twice gives rho_1 and rho_2.

    Examples:
      spillover fit example:columbus "CRIME ~ INC + HOVAL" -w queen --model sar
      spillover fit example:us_states "log(gsp) ~ log(emp) + unemp" -w queen -w knn:k=5 --model sar -o fit.csv
    """
    import spatial as sp

    from . import output as out
    from .layers import Layer, fitted
    from .source import read_source

    out.check(output, layers=True, inputs=[source.data, source.map])
    estimate = model_of(model, settings)
    rows = read_source(source)
    result = estimated(estimate, formula, rows, weights, settings)
    out.show(result, result.tidy, output, notes=rows.notes, paper=lambda: sp.etable([result]),
             layer=Layer(rows.map, lambda: fitted(result), "residual"))  # fmt: skip


def effects(
    source: Data, settings: Model, output: Output, *, formula: FORMULA, weights: AT_ONCE, model: MODEL = "sdm",
    inference: Annotated[str | None, typer.Option(help="quadrature, likelihood, simulate or delta.")] = None,
    level: LEVEL = 0.95, draws: DRAWS = 1000, seed: SEED = 1,
    shock: Annotated[str | None, typer.Option(help="UNIT:TERM:SIZE, the response of every unit instead.")] = None,
    figure: FIGURE = None,
) -> None:  # fmt: skip
    """Direct, indirect and total effects, or what a shock in one unit does to all others.

    Examples:
      spillover effects example:columbus "CRIME ~ INC + HOVAL" -w queen --model sdm
      spillover effects example:us_states "log(gsp) ~ log(emp) + unemp" -w queen --shock IL:unemp:1
    """
    import spatial as sp

    from . import output as out
    from .layers import Layer, effects_by_unit
    from .source import read_source

    out.check(output, layers=True, figure=figure, inputs=[source.data, source.map])
    estimate = model_of(model, settings)
    rows = read_source(source)
    fit = estimated(estimate, formula, rows, weights, settings)
    result = fit.effects(method=inference, level=level, draws=draws, seed=seed)
    if shock is not None:
        respond(result, shock, rows, output, figure)
        return
    at_once = getattr(result, "short_run", result)
    layer = Layer(rows.map, lambda: effects_by_unit(at_once), write=at_once.to_file)
    out.show(result, result.tidy, output, notes=rows.notes, layer=layer, files=[figure],
             paper=lambda: sp.etable([fit], effects=True))  # fmt: skip
    if figure:
        sp.plot.save(sp.plot.effects(result), figure, overwrite=output.overwrite)


def estimated(estimate, formula: str, rows: Source, weights: str | list[str], settings: Model):
    """The fit of a model's function under one W, or under several at once."""
    specs = [weights] if isinstance(weights, str) else weights
    w = rows.weights(specs[0]) if len(specs) == 1 else [rows.weights(spec) for spec in specs]
    with step(f"estimating {estimate.__name__}"):
        return estimate(formula, rows.table, w, **options_of(settings, rows))


def respond(effects, shock: str, rows: Source, output: Output, figure: str | None) -> None:
    """Every unit's response to ``UNIT:TERM:SIZE``: text, table, layer, figure."""
    import spatial as sp
    from spatial.plot.layer import analysed, write_response
    from spatial.report.text import response_text

    from . import output as out
    from .layers import Layer

    if figure:
        rows.needs_map("the figure")
    unit, term, size = read_shock(shock, effects.fit._design.ids)
    response = getattr(effects, "short_run", effects).shock(unit, term, size)
    frame = response.rename("response").rename_axis(rows.entity or "unit").to_frame()
    label = f"Response to {size:g} more {term} in {unit}"
    write = partial(write_response, response, unit=unit, label=label, values=analysed(effects.fit._design))
    out.show(response_text(response), frame.reset_index, output, notes=rows.notes, units=True, files=[figure],
             layer=Layer(rows.map, lambda: frame, write=write))  # fmt: skip
    if figure:
        sp.plot.save(sp.plot.response(rows.map, response, unit), figure, overwrite=output.overwrite)


def diagnose(source: Data, settings: Model, output: Output, *, formula: FORMULA, weights: SEVERAL) -> None:
    """Which model? LM, Hausman, LR and Wald tests, and the decision they lead to, under one W or several.

    Examples:
      spillover diagnose example:columbus "CRIME ~ INC + HOVAL" -w queen
      spillover diagnose example:us_states "log(gsp) ~ log(emp) + unemp" -w queen -w knn:k=5 -o tests.tex
    """
    import spatial as sp

    from . import output as out
    from .source import read_source

    out.check(output, inputs=[source.data, source.map])
    rows = read_source(source)
    w = rows.several_weights(weights)
    refuse_others(settings, ("effects", "correction", "missing"), "diagnose")
    search = sp.specify(formula, rows.table, w if len(w) > 1 else next(iter(w.values())), **options_of(settings, rows))
    out.show(search, search.tidy, output, notes=rows.notes, paper=lambda: search.table)


def table(
    source: Data, settings: Model, output: Output, *, formula: FORMULA, weights: WEIGHTS,
    model: Annotated[list[str] | None, typer.Option("--model", "-M", help="A column; repeat, or ols,sdm.")] = None,
    of_effects: Annotated[bool, typer.Option("--of-effects", help="Effects, not coefficients.")] = False,
) -> None:  # fmt: skip
    """Several models side by side, ready for a paper.

    Examples:
      spillover table example:columbus "CRIME ~ INC + HOVAL" -w queen
      spillover table example:columbus "CRIME ~ INC + HOVAL" -w queen -M sar -M sdm --of-effects -o table.tex
    """
    import spatial as sp

    from . import output as out
    from .source import read_source

    out.check(output, inputs=[source.data, source.map])
    named = [name.strip() for text in model or ["ols,sar,sem,sdm"] for name in text.split(",")]
    estimators = [model_of(name, settings) for name in named]
    rows = read_source(source)
    w, options = rows.weights(weights), options_of(settings, rows)
    result = sp.etable([estimate(formula, rows.table, w, **options) for estimate in estimators], effects=of_effects)
    out.show(result, lambda: result.to_frame().reset_index(), output, notes=rows.notes, paper=lambda: result)


def model_of(name: str, settings: Model):
    """The function of that name, which takes all options that were given.

    Raises
    ------
    SpatialInputError
        E501 for another name, or an option without a meaning for the model.
    """
    import spatial as sp
    from spatial.models import NAMES
    from spillover.errors import SpatialInputError, check_option

    check_option("model", name, NAMES)
    for option in (key for key, value in vars(settings).items() if value is not None):
        able = [model for model in NAMES if option in signature(getattr(sp, model)).parameters]
        if name not in able:
            flag = "--" + option.replace("_", "-")
            raise SpatialInputError("E501", f"{flag} has no meaning for {name}", hint="it is for " + ", ".join(able))
    return getattr(sp, name)


def refuse_others(settings: Model, allowed: tuple[str, ...], verb: str) -> None:
    """E501 for an option that has no meaning for a command."""
    from spillover.errors import SpatialInputError

    for option in (key for key, value in vars(settings).items() if value is not None and key not in allowed):
        flags = ", ".join("--" + name.replace("_", "-") for name in allowed)
        flag = "--" + option.replace("_", "-")
        raise SpatialInputError("E501", f"{flag} has no meaning for {verb}", hint=f"it takes {flags}")


def options_of(settings: Model, rows: Source) -> dict:
    """Keywords of a model: keys, and the options that were given."""
    options = {key: value for key, value in vars(settings).items() if value is not None}
    for name in {"durbin", "endog", "instruments"} & set(options):
        options[name] = [term.strip() for term in options[name].split(";")]
    if "correction" in options:
        options["correction"] = {"true": True, "false": False}.get(options["correction"], options["correction"])
    if "w_error" in options:
        options["w_error"] = rows.weights(options["w_error"])
    if "regimes" in options:
        options["regimes"] = regimes_of(options["regimes"])
    if "vcov" in options:
        options["vcov"] = covariance(options["vcov"], rows.map)
    if "obs_weights" in options:
        options["obs_weights"] = observation_weights(options["obs_weights"])
    return {**{key: value for key, value in rows.keys.items() if value is not None}, **options}


def regimes_of(text: str):
    """``region``, or ``region:rho,sigma2`` as the library's object."""
    import spatial as sp
    from spillover.errors import check_option

    column, _, setting = text.partition(":")
    differing = [name.strip() for name in setting.split(",") if name.strip()]
    for name in differing:
        check_option("regimes", name, ("rho", "lam", "sigma2"))
    if not differing:
        return column
    return sp.Regimes(column, rho="rho" in differing, lam="lam" in differing, sigma2="sigma2" in differing)


def observation_weights(text: str):
    """``sampling:households`` as the library's object; a column's name as it is."""
    import spatial as sp

    kind, _, column = text.partition(":")
    return sp.Sampling(column.strip()) if kind == "sampling" and column else text


def covariance(text: str, gdf):
    """``cluster:region``, ``jackknife:region`` or ``conley:300`` as the library's objects; other names as they are."""
    import spatial as sp
    from spillover.errors import SpatialInputError

    name, _, setting = text.partition(":")
    if name == "cluster" and setting:
        by = tuple(part.strip() for part in setting.split(","))
        return sp.Cluster(by if len(by) > 1 else by[0])
    if name == "jackknife" and setting:
        return sp.Jackknife(setting.strip())
    if name == "conley":
        try:
            cutoff = float(setting)
        except ValueError:
            message = f"--vcov {text!r} needs a distance in km"
            raise SpatialInputError("E501", message, hint="as in conley:300") from None
        return sp.Conley(cutoff=cutoff, coords=gdf)
    return text


def read_shock(text: str, ids):
    """``OH:log(pcap):0.1`` as a unit of ``ids``, a term and a size."""
    from spillover.errors import SpatialInputError

    unit, _, rest = text.partition(":")
    term, _, size = rest.rpartition(":")
    try:
        return label_of(unit, ids), term, float(size)
    except ValueError:
        raise SpatialInputError("E501", f"--shock {text!r} is not UNIT:TERM:SIZE", hint="as in OH:unemp:1") from None


def label_of(text: str, labels):
    """The label that a word of the command line means: as it is written, or as a number; else the word."""
    written = {str(label): label for label in labels}
    if text in written:
        return written[text]
    try:
        numbers = {float(label): label for label in labels if not isinstance(label, str)}
        return numbers.get(float(text), text)
    except (TypeError, ValueError):
        return text
