"""Options that commands share, as small frozen objects: a command's signature names the groups that it takes.

    @command(app)
    def moran(source: Source, output: Output, *, column: ...): ...

``expand`` writes a group's fields into the signature that typer reads, and hands the command the filled group.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer


@dataclass(frozen=True)
class Data:
    """Where rows come from, and which columns name units and periods."""

    data: Annotated[str, typer.Argument(help="Table, map with attributes, example:NAME, or - for CSV on stdin.")]
    map: Annotated[str | None, typer.Option("--map", "-m", help="Boundary file, or example:NAME.")] = None
    id: Annotated[str | None, typer.Option("--id", help="Column of the map that names the units.")] = None
    layer: Annotated[str | None, typer.Option(help="Layer of the map, where there are several.")] = None
    panel: Annotated[str | None, typer.Option(help="UNIT,PERIOD columns: makes it a panel.")] = None
    entity: Annotated[str | None, typer.Option(help="Column that names the units.")] = None
    time: Annotated[str | None, typer.Option(help="Column that names the periods.")] = None
    where: Annotated[list[str] | None, typer.Option(help="COLUMN=VALUE: only these rows; repeat.")] = None
    encoding: Annotated[str | None, typer.Option(help="Of a text table; found out by default.")] = None
    sep: Annotated[str | None, typer.Option(help="Separator of a text table; found out by default.")] = None
    decimal: Annotated[str, typer.Option(help="Decimal mark of a text table: . or ,")] = "."
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook; the first by default.")] = None
    allow_unmatched: Annotated[bool, typer.Option(help="Use the units that table and map both have.")] = False


@dataclass(frozen=True)
class Output:
    """Where the result goes besides the screen."""

    output: Annotated[str | None, typer.Option("--output", "-o", help="File; the suffix chooses the format; - for CSV "
                                               "on stdout.")] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output where it exists.")] = False
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout, instead of text.")] = False


@dataclass(frozen=True)
class Model:
    """How a model is estimated; None leaves the library's default."""

    effects: Annotated[str | None, typer.Option(help="none, entity, time, twoway, random, correlated or chamberlain; "
                                                "panels get twoway.")] = None
    durbin: Annotated[str | None, typer.Option(help="Terms to lag in space, separated by ';'; all by default.")] = None
    wx_order: Annotated[int | None, typer.Option(help="2 adds W W x to slx, sdm and sdem.")] = None
    lags: Annotated[str | None, typer.Option(help="y, Wy or both: a dynamic panel (sar and sdm).")] = None
    method: Annotated[str | None, typer.Option(help="ml (the default), reml, aqs or gmm.")] = None
    endog: Annotated[str | None, typer.Option(help="Endogenous regressors, separated by ';' (--method gmm).")] = None
    instruments: Annotated[str | None, typer.Option(help="Their instruments, separated by ';'.")] = None
    w_error: Annotated[str | None, typer.Option(help="Other weights for the error: file or builder.")] = None
    random_error: Annotated[str | None, typer.Option(help="kkp or baltagi: random effects inside the spatial error, or "
                                                     "beside it.")] = None
    correction: Annotated[str | None, typer.Option(help="Small-sample correction: true, false or additive.")] = None
    vcov: Annotated[str | None, typer.Option(help="oim (default), eim, robust, cluster:COLUMN, jackknife:COLUMN, "
                                             "conley:KM (with a map), driscoll_kraay, bootstrap.")] = None
    missing: Annotated[str | None, typer.Option(help="error (the default); drop units with missing values; or period: "
                                                "leave them out then.")] = None
    logdet: Annotated[str | None, typer.Option(help="eigen, sparse, cholmod or stochastic.")] = None


def command(app: typer.Typer, name: str | None = None) -> Callable:
    """Register a function whose parameters may be groups."""

    def register(function):
        app.command(name, context_settings={"help_option_names": ["-h", "--help"]})(expand(function))
        return function

    return register


def expand(function: Callable) -> Callable:
    """The same function with the fields of its groups in place of the groups."""
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters, own = [], [p for name, p in inspect.signature(function).parameters.items() if name not in groups]
    for group in groups.values():
        inner = get_type_hints(group, include_extras=True)
        for field in fields(group):
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            parameters.append(inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default,
                                                annotation=inner[field.name]))
    parameters += [p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[p.name]) for p in own]
    required = [p for p in parameters if p.default is inspect.Parameter.empty]
    optional = [p for p in parameters if p.default is not inspect.Parameter.empty]

    @functools.wraps(function)
    def filled(**values):
        of = {name: group(**{f.name: values.pop(f.name) for f in fields(group)}) for name, group in groups.items()}
        return function(**of, **values)

    filled.__signature__ = inspect.Signature([*required, *optional])  # type: ignore[attr-defined]  # inspect reads it
    filled.__annotations__ = {p.name: p.annotation for p in parameters}
    del filled.__wrapped__
    return filled


