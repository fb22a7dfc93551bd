"""Where results go: text, CSV or JSON on the screen, tables and layers in files, checked before the work."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spillover import __version__, database
from spillover.database import is_database
from spillover.errors import SpatialInputError
from spillover.files import FIGURES, check_outputs, replacing, write_table
from spillover.progress import step
from spillover.text import printable

from ._language import commands, in_shell
from .groups import Output

if TYPE_CHECKING:
    import pandas as pd

    from .layers import Layer

TABLES = (".csv", ".parquet", ".xlsx", ".json", ".md", ".tex", ".html", ".docx", ".txt")
LAYERS = (".gpkg", ".geojson")
PAPERS = (".md", ".tex", ".html", ".docx", ".txt")


def check(output: Output, *, layers: bool = False, suffixes: Iterable[str] | None = None,
          figure: str | Literal[False] | None = False, inputs: Iterable = ()) -> None:
    """Refuse what could not be written, before any work.

    Parameters
    ----------
    layers : bool
        Whether the result has a value for each unit, so that .geojson makes sense; .gpkg also holds plain tables.
    suffixes : str, several, optional
        Instead of those of tables and layers.
    figure : str, optional
        Value of --figure; False where the command has no such option.
    """
    allowed = tuple(suffixes) if suffixes is not None else (*TABLES, *LAYERS) if layers else (*TABLES, LAYERS[0])
    targets = [] if output.output in (None, "-") else [output.output]
    if targets and is_database(targets[0]):
        check_table(targets.pop(), overwrite=output.overwrite, inputs=inputs)
    for path in targets:
        _refuse_figure(path, allowed, figure is not False)
    check_outputs(targets, overwrite=output.overwrite, suffixes=allowed, inputs=inputs)
    if figure:
        check_outputs([figure], overwrite=output.overwrite, suffixes=FIGURES, inputs=inputs)
    for path in targets:
        _needs(Path(path).suffix.lower())


def _refuse_figure(path: str, allowed: Iterable[str], drawn: bool) -> None:
    """E501 where -o names a figure of a command that writes tables."""
    suffix = Path(path).suffix.lower()
    if suffix in FIGURES and suffix not in allowed:
        here = f"--figure {shlex.quote(path)}" if drawn else (
            f"this command draws nothing; moran, lisa, effects and did have --figure {shlex.quote(path)}")
        raise SpatialInputError("E501", f"'{path}' is a figure, and -o writes {', '.join(allowed)}", hint=here)


def check_table(url: str, *, overwrite: bool, inputs: Iterable = ()) -> None:
    """Refuse a table of a database that could not be written, or that is read."""
    place = database.address(url)
    for source in inputs:
        if is_database(source) and database.address(source) == place:
            raise SpatialInputError("E605", f"table '{place.name}' is read and would be written over",
                                    hint="choose another name")
    database.check_target(url, overwrite=overwrite)


def is_layer(output: Output, *, units: bool = False) -> bool:
    """Whether a map is to be written; where rows are ``units``, a .parquet or a table of PostGIS is one too."""
    suffix = Path(output.output or "").suffix.lower()
    either = suffix == ".parquet" or is_database(output.output)
    return units if either else suffix in LAYERS


def show(result, frame: Callable[[], pd.DataFrame], output: Output, *, notes: Iterable[str] = (), paper=None,
         layer: Layer | None = None, units: bool = False, files: Iterable = ()) -> None:
    """Print the result, or its table as JSON or CSV; write table or layer where a file is named.

    Parameters
    ----------
    result : object
        Printed by ``str``.
    frame : function
        Its table.
    paper : function, optional
        Returns the Table that is written for papers instead of the table of numbers.
    layer : Layer, optional
        The map with the values of each unit.
    units : bool
        Rows are units: .parquet is GeoParquet where there is a map.
    files : paths, several
        Others that the command writes, such as a figure.
    """
    target = output.output if output.output != "-" else None
    if target is not None:
        if layer is not None and layer.map is not None and is_layer(output, units=units):
            with step(f"writing {Path(target).name}"):
                layer.save(target, overwrite=output.overwrite)
        elif Path(target).suffix.lower() == ".geojson":
            raise SpatialInputError("E501", f"'{target}' needs a map, and there is none", hint="give --map FILE")
        else:
            save_table(frame(), target, overwrite=output.overwrite, paper=paper)
    written = [str(path) for path in (target, *files) if path is not None]
    if output.json:
        print(as_json(result, frame(), notes, written))
    elif output.output == "-":
        frame().to_csv(sys.stdout, index=False, lineterminator="\n")
    else:
        lines = [in_shell(line) if line.startswith("note:") else line
                 for line in commands(str(result)).splitlines()]  # fmt: skip
        print("\n".join([*notes, *[""] * bool(notes), *lines, *_written(written)]))


def _written(files: list[str]) -> list[str]:
    """Lines that name the files, those of a folder together."""
    folders: dict[str, list[str]] = {}
    for file in files:
        folders.setdefault(str(Path(file).parent), []).append(Path(file).name)
    lines = [f"Written{'' if folder == '.' else f' to {folder}/'}: {', '.join(names)}"
             for folder, names in folders.items()]  # fmt: skip
    return [""] * bool(lines) + lines


def as_json(result, frame: pd.DataFrame, notes: Iterable[str] = (), files: Iterable[str] = ()) -> str:
    """One schema for all commands: version, kind of result, notes, files, the table as records, the printed text."""
    records = json.loads(frame.to_json(orient="records", force_ascii=False, double_precision=15, date_format="iso"))
    body = {"spillover": __version__, "result": type(result).__name__, "notes": list(notes), "files": list(files),
            "table": records, "text": str(result)}  # fmt: skip
    provenance = getattr(result, "provenance", None)
    body["provenance"] = None if provenance is None else provenance.to_dict()
    return json.dumps(body, ensure_ascii=False, indent=1)


def error_json(error: SpatialInputError) -> str:
    """The same for what could not be done."""
    what = {"code": error.code, "message": in_shell(error.message), "where": error.where,
            "hint": in_shell(error.hint or ""), "exit_status": error.exit_status}  # fmt: skip
    return json.dumps({"spillover": __version__, "error": what}, ensure_ascii=False, indent=1)


def save_table(frame: pd.DataFrame, path: str, *, overwrite: bool = False, paper=None) -> None:
    """A table in the format of its suffix, whole or not at all."""
    suffix = Path(path).suffix.lower()
    if is_database(path):
        database.write(frame, path, overwrite=overwrite)
    elif suffix in (".csv", ".parquet"):
        write_table(frame, path, overwrite=overwrite)
    elif suffix in PAPERS:
        from spatial.report.table import frame_table

        (frame_table(frame) if paper is None else paper()).save(path, overwrite=overwrite)
    else:
        with replacing(path, overwrite=overwrite) as part:
            if suffix == ".json":
                frame.to_json(part, orient="records", force_ascii=False, indent=1, double_precision=15,
                              date_format="iso")  # fmt: skip
            elif suffix == ".gpkg":
                import pyogrio

                pyogrio.write_dataframe(frame.astype(dict.fromkeys(frame.select_dtypes("category"), str)), part,
                                        layer=Path(path).stem)  # fmt: skip
            else:
                write_workbook(frame, part)


def _needs(suffix: str) -> None:
    """E515 where the package that writes a format is not installed."""
    from importlib.util import find_spec

    for ending, package, extra in ((".xlsx", "openpyxl", "excel"), (".docx", "docx", "report")):
        if suffix == ending and find_spec(package) is None:
            raise SpatialInputError("E515", f"{suffix} needs a package that is not installed",
                                    hint=f'pip install "spillover[{extra}]", or write .csv')


def write_workbook(frame: pd.DataFrame, path: Path) -> None:
    """A workbook in which no text is a formula.

    Raises
    ------
    SpatialInputError
        E515 without openpyxl.
    """
    import pandas as pd

    try:
        from openpyxl import Workbook
    except ImportError as error:
        raise SpatialInputError("E515", "workbooks need the package openpyxl",
                                hint='pip install "spillover[excel]", or write .csv') from error
    book = Workbook(write_only=False)
    sheet = book.active
    for i, row in enumerate([list(frame.columns), *frame.astype(object).to_numpy().tolist()], 1):
        for j, value in enumerate(row, 1):
            cell = sheet.cell(i, j)
            if isinstance(value, str):
                cell.value, cell.data_type = printable(value), "s"
            else:
                cell.value = None if pd.isna(value) else value
    book.save(path)
