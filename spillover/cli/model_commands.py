"""``spillover diagnose``, ``fit``, ``effects`` and ``table``: the models from files."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import typer

from .weight_commands import ID, LAYER, MAP, OVERWRITE

MODELS = ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns")
MODEL = typer.Argument(help="ols, slx, sar, sem, sdm, sdem, sac or gns.")
FORMULA = typer.Argument(help="'log(gsp) ~ log(pcap) + unemp'")
DATA = typer.Option(..., "--data", "-d", help="Table (.csv, .parquet, .xlsx, .dta) or example:us_states.")
WEIGHTS = typer.Option(..., "--weights", "-w", help="File of weights, or a builder such as queen or knn:k=5.")
PANEL = typer.Option(None, "--panel", help="UNIT,PERIOD columns: makes it a panel.")
ENTITY = typer.Option(None, help="Column that names the units.")
TIME = typer.Option(None, help="Column that names the periods.")
EFFECTS = typer.Option(None, help="none, entity, time, twoway, random, correlated or chamberlain; panels get twoway.")
DURBIN = typer.Option(None, help="Terms to lag in space, separated by ';'; all by default.")
CORRECTION = typer.Option("true", help="Small-sample correction: true, false or additive.")
METHOD = typer.Option(None, help="ml (maximum likelihood, the default) or gmm (moments).")
ENDOG = typer.Option(None, help="Endogenous regressors, separated by ';' (with --method gmm).")
INSTRUMENTS = typer.Option(None, help="Their instruments, separated by ';'.")
W_ERROR = typer.Option(None, help="Other weights for the error of sem, sdem, sac and gns: file or builder.")
WX_ORDER = typer.Option(None, help="2 adds W W x to slx, sdm and sdem.")
RANDOM_ERROR = typer.Option(None, help="kkp or baltagi: random effects inside the spatial error, or beside it.")
LAGS = typer.Option(None, help="y, Wy or both: a dynamic panel (sar and sdm).")
VCOV = typer.Option(
    None, help="oim (default), eim, robust, cluster:COLUMN, jackknife:COLUMN (few clusters), conley:KM (with --map), "
    "driscoll_kraay, bootstrap."
)
LOGDET = typer.Option(None, help="eigen, sparse, cholmod or stochastic: how log|I - rho W| is computed.")
MISSING = typer.Option("error", help="error; drop units with missing values; or period: leave them out then.")
DRAWS = typer.Option(1000, help="Draws of --inference simulate.")
SEED = typer.Option(1, help="Seed of the draws.")
OUTPUT = typer.Option(None, "--output", "-o", help="Table: .csv or .parquet.")


def register(app: typer.Typer) -> None:
    for command in (diagnose, fit, effects, table):
        app.command()(command)


def diagnose(
    formula: str = FORMULA, data: str = DATA,
    weights: list[str] = typer.Option(..., "--weights", "-w", help="[NAME=]file or builder; repeat: a column each."),
    map: str = MAP, id: str = ID, layer: str = LAYER,
    panel: str = PANEL, entity: str = ENTITY, time: str = TIME, effects: str = EFFECTS, correction: str = CORRECTION,
    missing: str = MISSING, overwrite: bool = OVERWRITE,
    output: str = typer.Option(None, "--output", "-o", help="Tests: .csv, .parquet; table: .txt, .md, .tex, .html."),
) -> None:  # fmt: skip
    """Which model? LM, Hausman, LR and Wald tests, and the decision they lead to, under one W or several."""
    import spatial as sp
    from spatial.report.table import FORMATS
    from spillover.files import TABLES

    options = _options(panel, entity, time, effects=effects, correction=correction, missing=missing)
    table, w = _read(data, weights, map, id, layer, options, output, overwrite, (*TABLES, *FORMATS))
    search = sp.specify(formula, table, w if len(w) > 1 else next(iter(w.values())), **options)
    if output and Path(output).suffix.lower() in FORMATS:
        print(search)
        search.table.save(output, overwrite=overwrite)
    else:
        _show(search, search.tidy, output, overwrite)


def fit(
    model: str = MODEL, formula: str = FORMULA, data: str = DATA, weights: str = WEIGHTS, map: str = MAP, id: str = ID,
    layer: str = LAYER, panel: str = PANEL, entity: str = ENTITY, time: str = TIME, effects: str = EFFECTS,
    durbin: str = DURBIN, method: str = METHOD, endog: str = ENDOG, instruments: str = INSTRUMENTS,
    w_error: str = W_ERROR, wx_order: int = WX_ORDER, lags: str = LAGS, correction: str = CORRECTION, vcov: str = VCOV,
    missing: str = MISSING, random_error: str = RANDOM_ERROR, logdet: str = LOGDET, output: str = OUTPUT,
    overwrite: bool = OVERWRITE,
) -> None:  # fmt: skip
    """Estimate a model and print its coefficients."""
    options = _options(panel, entity, time, effects=effects, durbin=durbin, method=method, endog=endog,
                       instruments=instruments, w_error=w_error, wx_order=wx_order, lags=lags, correction=correction,
                       vcov=vcov, missing=missing, random_error=random_error, logdet=logdet)  # fmt: skip
    estimate = _model(model, options)
    table, w = _read(data, [weights], map, id, layer, options, output, overwrite)
    result = estimate(formula, table, w[weights], **options)
    _show(result, result.tidy, output, overwrite)


def effects(
    model: str = MODEL, formula: str = FORMULA, data: str = DATA, weights: str = WEIGHTS, map: str = MAP, id: str = ID,
    layer: str = LAYER, panel: str = PANEL, entity: str = ENTITY, time: str = TIME, effects: str = EFFECTS,
    durbin: str = DURBIN, method: str = METHOD, endog: str = ENDOG, instruments: str = INSTRUMENTS,
    w_error: str = W_ERROR, wx_order: int = WX_ORDER, lags: str = LAGS, correction: str = CORRECTION, vcov: str = VCOV,
    missing: str = MISSING, random_error: str = RANDOM_ERROR, logdet: str = LOGDET, draws: int = DRAWS,
    seed: int = SEED, inference: str = typer.Option("quadrature", help="quadrature, likelihood, simulate or delta."),
    shock: str = typer.Option(None, help="UNIT:TERM:SIZE, the response of every unit instead of averages."),
    output: str = OUTPUT, figure: str = typer.Option(None, "--figure", help="PNG, PDF or SVG."),
    overwrite: bool = OVERWRITE,
) -> None:  # fmt: skip
    """Direct, indirect and total effects, or what a shock in one unit does to all others."""
    from spillover.files import FIGURES, check_outputs

    check_outputs([figure], overwrite=overwrite, suffixes=FIGURES, inputs=[data, map])
    options = _options(panel, entity, time, effects=effects, durbin=durbin, method=method, endog=endog,
                       instruments=instruments, w_error=w_error, wx_order=wx_order, lags=lags, correction=correction,
                       vcov=vcov, missing=missing, random_error=random_error, logdet=logdet)  # fmt: skip
    estimate = _model(model, options)
    table, w = _read(data, [weights], map, id, layer, options, output, overwrite)
    result = estimate(formula, table, w[weights], **options).effects(method=inference, draws=draws, seed=seed)
    if shock is None:
        _show(result, result.tidy, output, overwrite)
        axes = None if figure is None else _plot().effects(result)
    else:
        unit, term, size = read_shock(shock, result.fit.design.ids)
        response = getattr(result, "short_run", result).shock(unit, term, size)
        from spatial.report.text import response_text

        _show(response_text(response), lambda: response.rename("response").reset_index(), output, overwrite)
        axes = None if figure is None else _plot().response(_map(map, id, layer), response, unit)
    if figure:
        _plot().save(axes, figure, overwrite=overwrite)


def table(
    formula: str = FORMULA, data: str = DATA, weights: str = WEIGHTS, map: str = MAP, id: str = ID, layer: str = LAYER,
    model: list[str] = typer.Option(["ols", "sar", "sem", "sdm"], "--model", "-M", help="A column; repeat."),
    panel: str = PANEL, entity: str = ENTITY, time: str = TIME, effects: str = EFFECTS, correction: str = CORRECTION,
    vcov: str = VCOV, missing: str = MISSING,
    of_effects: bool = typer.Option(False, "--of-effects", help="Effects, not coefficients."),
    output: str = typer.Option(None, "--output", "-o", help=".txt, .md, .tex or .html."), overwrite: bool = OVERWRITE,
) -> None:  # fmt: skip
    """Several models side by side, ready for a paper."""
    import spatial as sp
    from spatial.report.table import FORMATS

    options = _options(panel, entity, time, effects=effects, correction=correction, vcov=vcov, missing=missing)
    estimators = [_model(name, options) for name in model]
    frame, w = _read(data, [weights], map, id, layer, options, output, overwrite, FORMATS)
    result = sp.etable([estimate(formula, frame, w[weights], **options) for estimate in estimators], effects=of_effects)
    print(result)
    if output:
        result.save(output, overwrite=overwrite)


def read_shock(text: str, ids):
    """``OH:log(pcap):0.1`` as a unit of ``ids``, a term and a size."""
    from spillover.errors import SpatialInputError

    unit, _, rest = text.partition(":")
    term, _, size = rest.rpartition(":")
    known = {str(i): i for i in ids}
    try:
        return known.get(unit, unit), term, float(size)
    except ValueError:
        raise SpatialInputError("E501", f"--shock {text!r} is not UNIT:TERM:SIZE", hint="as in OH:unemp:1") from None


def _model(name: str, options: dict):
    """The function of that name, which takes all of the options."""
    import spatial as sp
    from spillover.errors import SpatialInputError, check_option

    check_option("model", name, MODELS)
    for option in options:
        able = [model for model in MODELS if option in signature(getattr(sp, model)).parameters]
        if name not in able:
            flag = "--" + option.replace("_", "-")
            raise SpatialInputError("E501", f"{flag} has no meaning for {name}", hint="it is for " + ", ".join(able))
    return getattr(sp, name)


def _options(panel, entity, time, **options) -> dict:
    """Keywords of a model, without those that were not given."""
    if panel:
        from spillover.errors import SpatialInputError

        entity, _, time = (part.strip() for part in panel.partition(","))
        if not (entity and time):
            raise SpatialInputError("E501", f"--panel {panel!r} is not UNIT,PERIOD", hint="as in --panel province,year")
    correction = {"true": True, "false": False}.get(options.get("correction"), options.get("correction"))
    lists = {name: options.pop(name, None) for name in ("durbin", "endog", "instruments")}
    given = {"entity": entity, "time": time, **options, "correction": correction}
    given |= {name: [term.strip() for term in text.split(";")] for name, text in lists.items() if text}
    return {key: value for key, value in given.items() if value is not None}


def _read(data, specs, map, id, layer, options, output, overwrite, suffixes=(".csv", ".parquet")):
    from spillover.files import check_outputs

    from ._inputs import named_weights, read_map, read_table, read_weights, require_columns, with_ids_of

    check_outputs([output], overwrite=overwrite, suffixes=suffixes, inputs=[data, map])
    keys = {key: options.get(key) for key in ("entity", "time")}
    table = read_table(data, keys=keys.values())
    require_columns(table, filter(None, keys.values()), data)
    gdf = read_map(map, id=id, layer=layer) if map else None
    weights = named_weights(specs, gdf=gdf, table=table, **keys)
    if "w_error" in options:
        options["w_error"] = read_weights(options["w_error"], gdf=gdf, table=table, **keys)
    if "vcov" in options:
        options["vcov"] = _covariance(options["vcov"], gdf)
    return with_ids_of(table, keys["entity"], next(iter(weights.values())).ids), weights


def _covariance(text: str, gdf):
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
            return sp.Conley(cutoff=float(setting), coords=gdf)
        except ValueError as error:
            if isinstance(error, SpatialInputError):
                raise
            raise SpatialInputError(
                "E501", f"--vcov {text!r} needs a distance in km", hint="as in conley:300"
            ) from None
    return text


def _show(result, frame, output, overwrite) -> None:
    from spillover.files import write_table

    print(result)
    if output:
        write_table(frame(), output, overwrite=overwrite)


def _map(path, id, layer):
    from ._inputs import read_map

    return read_map(path, id=id, layer=layer)


def _plot():
    from spatial import plot

    return plot
