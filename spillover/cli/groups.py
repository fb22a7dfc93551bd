"""Options that commands share, as small frozen objects: a command's signature names the groups that it takes.

    @command(app)
    def moran(source: Source, output: Output, *, column: ...): ...

``expand`` writes a group's fields into the signature that typer reads, and hands the command the filled group.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

READING, TARGET, ANYWHERE = "Reading files", "Output", "Anywhere"


def _reading(help: str, *names: str, **how):
    return typer.Option(*names, help=help, rich_help_panel=READING, **how)


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """How a map is read."""

    layer: Annotated[str | None, _reading("Layer of the map, where there are several.")] = None
    encoding: Annotated[str | None, _reading("Of text; found out by default.")] = None
    crs: Annotated[str | None, _reading("EPSG:25833, for a map that names no coordinate system; one that does is "
                                        "projected to it.")] = None


@dataclass(frozen=True, kw_only=True)
class Reading(Shapes):
    """How tables and maps are read."""

    sheet: Annotated[str | None, _reading("Sheet of a workbook; the first by default.")] = None
    sep: Annotated[str | None, _reading("Separator of a text table; found out by default.")] = None
    decimal: Annotated[str | None, _reading("Decimal mark of a text table, . or ,; found out by default.")] = None
    na: Annotated[list[str] | None, _reading("A value that means missing, such as -999; repeat.")] = None
    sql: Annotated[str | None, _reading("A SELECT instead of a table, where data come from postgresql://...")] = None
    where: Annotated[list[str] | None, _reading("COLUMN=VALUE: only these rows; repeat.")] = None


@dataclass(frozen=True)
class Data(Reading):
    """Where rows come from, and which columns name units and periods."""

    data: Annotated[str, typer.Argument(help="Table, map with attributes, example:NAME, "
                                         "postgresql://HOST/DATABASE/SCHEMA.TABLE, or - for CSV on stdin.")]
    map: Annotated[str | None, typer.Option("--map", "-m", help="Boundary file, or example:NAME.")] = None
    id: Annotated[str | None, typer.Option("--id", help="Column of the map that names the units.")] = None
    panel: Annotated[str | None, typer.Option(help="UNIT,PERIOD columns: makes it a panel.")] = None
    entity: Annotated[str | None, typer.Option(help="Column that names the units.")] = None
    time: Annotated[str | None, typer.Option(help="Column that names the periods.")] = None
    allow_unmatched: Annotated[bool, typer.Option("--allow-unmatched", help="Use the units that table and map both "
                                                  "have.")] = False


@dataclass(frozen=True)
class Output:
    """Where the result goes besides the screen."""

    output: Annotated[str | None, typer.Option("--output", "-o", rich_help_panel=TARGET, help="File; the suffix "
                                               "chooses the format; - for CSV on stdout.")] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", rich_help_panel=TARGET, help="Replace the output where it "
                                            "exists.")] = False
    json: Annotated[bool, typer.Option("--json", rich_help_panel=TARGET, help="The result as JSON on stdout, instead "
                                       "of text.")] = False


@dataclass(frozen=True)
class Anywhere:
    """Flags that ``run`` takes out of the command line wherever they stand; here they are for the help alone."""

    quiet: Annotated[bool, typer.Option("--quiet", "-q", rich_help_panel=ANYWHERE, help="No progress and no "
                                        "warnings.")] = False
    progress: Annotated[str, typer.Option(rich_help_panel=ANYWHERE, help="auto: a bar on a terminal; json: lines on "
                                          "stderr; none.")] = "auto"
    debug: Annotated[bool, typer.Option("--debug", rich_help_panel=ANYWHERE, help="Show the traceback of an "
                                        "error.")] = False
    version: Annotated[bool, typer.Option("--version", rich_help_panel=ANYWHERE, help="Show the version and "
                                          "leave.")] = False


@dataclass(frozen=True)
class Model:
    """How a model is estimated; None leaves the library's default."""

    effects: Annotated[str | None, typer.Option(help="none, entity, time, twoway, random, correlated or chamberlain; "
                                                "panels get twoway.")] = None
    durbin: Annotated[str | None, typer.Option(help="Terms to lag in space, separated by ';'; all by default.")] = None
    wx_order: Annotated[int | None, typer.Option(help="2 adds W W x to slx, sdm, sdem and gns.")] = None
    lags: Annotated[str | None, typer.Option(help="y, Wy or both: a dynamic panel.")] = None
    method: Annotated[str | None, typer.Option(help="ml (the default), reml, aqs or gmm.")] = None
    endog: Annotated[str | None, typer.Option(help="Endogenous regressors, separated by ';'; models with rho or lambda "
                                               "need --method gmm.")] = None
    instruments: Annotated[str | None, typer.Option(help="Their instruments, separated by ';'.")] = None
    w_error: Annotated[str | None, typer.Option(help="Other weights for the error: file or builder.")] = None
    random_error: Annotated[str | None, typer.Option(help="kkp or baltagi: random effects inside the spatial error, or "
                                                     "beside it.")] = None
    serial: Annotated[str | None, typer.Option(help="ar1: errors correlated over time.")] = None
    correction: Annotated[str | None, typer.Option(help="Small-sample correction: true, false or additive.")] = None
    vcov: Annotated[str | None, typer.Option(help="oim (default), eim, robust, cluster:COLUMN, jackknife:COLUMN, "
                                             "conley:KM (with a map), driscoll_kraay, bootstrap.")] = None
    obs_weights: Annotated[str | None, typer.Option(help="Column with weights of the observations, inverse to their "
                                                    "variances; sampling:COLUMN for sampling weights.")] = None
    missing: Annotated[str | None, typer.Option(help="error (the default); drop units with missing values; period: "
                                                "leave them out then; or model: the process runs on all units, y of "
                                                "some is not observed.")] = None
    logdet: Annotated[str | None, typer.Option(help="eigen, sparse, cholmod or stochastic.")] = None
    regimes: Annotated[str | None, typer.Option(help="Column with the regime of every unit: coefficients by regime; "
                                                "COLUMN:rho,lam,sigma2 lets these differ too.")] = None


class App(typer.Typer):
    """Commands of which one is about to run: the others are only names with a line of help, which saves their start.

    ``chosen`` is its name; "" is none of them, None all.
    """

    def __init__(self, chosen: str | None = None, **options):
        super().__init__(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
                         context_settings=HELP, cls=Group, **options)  # fmt: skip
        self.chosen = chosen


HELP = {"help_option_names": ["-h", "--help"]}


def command(app: App, name: str | None = None) -> Callable:
    """Register a function whose parameters may be groups; the examples of its docstring end its help."""

    def register(function):
        text, _, examples = _documentation(function).partition("\nExamples:\n")
        short = " ".join(text.partition("\n\n")[0].split())
        called = name or function.__name__
        if app.chosen not in (None, called):
            app.command(called, help=text, short_help=short)(lambda: None)
            return function
        lines = "\n".join(f"  {line.strip()}" for line in examples.splitlines())
        app.command(called, help=text, short_help=short, epilog=f"Examples:\n{lines}", cls=Command,
                    context_settings=HELP)(expand(function))  # fmt: skip
        return function

    return register


def _documentation(function) -> str:
    """A function's docstring; from its source where Python was told to drop them (-OO)."""
    if function.__doc__:
        return inspect.cleandoc(function.__doc__)
    source = ast.parse(textwrap.dedent(inspect.getsource(function)))
    first = source.body[0]
    return (ast.get_docstring(first) or "") if isinstance(first, ast.FunctionDef) else ""


class ReadsPlainly:
    """A command or group whose parameters are read without typer's adapters, where this version of typer has them."""

    def get_params(self, ctx):
        parameters = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if getattr(parameter, "_runtime_param", 0) is None:
                parameter._runtime_param = Plain(parameter)
        return parameters


class Group(ReadsPlainly, TyperGroup):
    """Commands under one name."""


class Command(ReadsPlainly, TyperCommand):
    """Help with options under the headings of their panels."""

    def format_options(self, ctx, formatter) -> None:
        sections: dict[str, list] = {heading: [] for heading in ("Arguments", "Options", READING, TARGET, ANYWHERE)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
                usual = ANYWHERE if parameter.name == "help" else usual
                sections[getattr(parameter, "rich_help_panel", None) or usual].append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def format_epilog(self, ctx, formatter) -> None:
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(self.epilog + "\n")


class Plain:
    """Reads words, whole numbers and decimals. All else, what is wrong included, is left to typer's own adapter, which
    imports pydantic: a tenth of the time in which a small command answers."""

    def __init__(self, parameter):
        annotation = parameter.type_descriptor.annotation
        self.kind = get_args(annotation)[0] if get_origin(annotation) is list else annotation

    def coerce(self, value, param, ctx):
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        if several and not isinstance(value, str):
            values = [self._plain(item) for item in value]
            return self._by_typer(value, param, ctx) if None in values else values
        plain = self._plain(value)
        return self._by_typer(value, param, ctx) if plain is None else plain

    def _plain(self, value):
        """The value as this parameter's kind; None where it is not plainly one."""
        if type(value) is self.kind:
            return value
        if not isinstance(value, str) or not (form := NUMBERS.get(self.kind)) or not form.fullmatch(value):
            return None
        return self.kind(value)

    def _by_typer(self, value, param, ctx):
        param._runtime_param = None
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


NUMBERS = {int: re.compile(r"-?\d{1,18}", re.ASCII), float: re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)}


def expand(function: Callable) -> Callable:
    """The same function with the fields of its groups in place of the groups, and the flags that go anywhere."""
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    own = [p for name, p in inspect.signature(function).parameters.items() if name not in groups]
    parameters = [p for group in groups.values() for p in _parameters(group)]
    parameters += [p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[p.name]) for p in own]
    required = [p for p in parameters if p.default is inspect.Parameter.empty]
    optional = [p for p in parameters if p.default is not inspect.Parameter.empty]
    flags = _parameters(Anywhere)

    @functools.wraps(function)
    def filled(**values):
        for flag in flags:
            values.pop(flag.name)
        of = {name: group(**{f.name: values.pop(f.name) for f in fields(group)}) for name, group in groups.items()}
        return function(**of, **values)

    signature = inspect.Signature([*required, *optional, *flags])
    filled.__signature__ = signature  # type: ignore[attr-defined]  # inspect reads it
    filled.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    del filled.__wrapped__
    return filled


def _parameters(group: type) -> list[inspect.Parameter]:
    """The fields of a group as keyword-only parameters."""
    inner = get_type_hints(group, include_extras=True)
    return [inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, annotation=inner[f.name],
                              default=inspect.Parameter.empty if f.default is MISSING else f.default)
            for f in fields(group)]  # fmt: skip
