"""What the commands read: tables, maps and weights, from files or from the shipped examples."""

from __future__ import annotations

import difflib
import inspect
import os.path
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

import shapefiles
import weights as wt
from spillover.errors import SpatialInputError, SpatialInputWarning, check_option

ON_MAP = (
    "queen", "rook", "bishop", "knn", "distance_band", "inverse_distance", "exponential", "kernel", "delaunay",
    "gabriel", "relative_neighbor", "sphere_of_influence", "block", "border_length", "gravity",
)  # fmt: skip
ON_TABLE = ("economic", "similarity")
ON_FLOWS = ("flows", "shares")
EXAMPLE = "example:"


def read_map(path: str | None, *, id: str | None = None, layer: str | None = None):
    """A boundary file, or ``example:us_states``."""
    if path is None:
        raise SpatialInputError("E501", "a map is needed", hint="give --map FILE or --map example:us_states")
    if path.startswith(EXAMPLE):
        gdf = shapefiles.load(path.removeprefix(EXAMPLE))
        if id is None or id == gdf.index.name:
            return gdf
        require_columns(gdf, [id], path)
        return gdf.reset_index().set_index(id)
    return wt.read_map(path, layer=layer, id=id)


def read_table(path: str, *, keys: Iterable[str | None] = (), encoding: str | None = None) -> pd.DataFrame:
    """A .csv, .parquet, .xlsx or .dta table, or ``example:us_states``.

    Key columns stay text, so that "01" does not become 1 and "NA" does not become missing; a key of whole
    numbers without leading zeros is read as numbers.
    """
    if path.startswith(EXAMPLE):
        return shapefiles.load_panel(path.removeprefix(EXAMPLE))
    file = Path(path)
    if not os.path.isfile(file):  # Path.is_file() raises where a name is too long
        raise SpatialInputError("E601", f"there is no file '{path}'")
    suffix = file.suffix.lower()
    check_option("the table's suffix", suffix, (".csv", ".parquet", ".xlsx", ".dta"))
    keys = [key for key in keys if key]
    if suffix == ".parquet":
        return pd.read_parquet(file)
    if suffix == ".dta":
        return pd.read_stata(file)
    if suffix == ".xlsx":
        return _plain_keys(pd.read_excel(file, dtype=dict.fromkeys(keys, str)), keys)
    return _plain_keys(_read_csv(file, keys, encoding), keys)


def require_columns(table, names, source: str) -> None:
    """Fail at the door when a column is not there."""
    for name in names:
        if name not in table.columns:
            raise SpatialInputError("E502", f"{name!r} is no column of '{source}'", column=str(name),
                                    hint="the columns are " + ", ".join(map(str, table.columns[:12])))  # fmt: skip


def read_weights(spec: str, *, gdf=None, table=None, entity=None, time=None, standardize: str = "row"):
    """Weights from a file, or built here: ``queen``, ``knn:k=5``, ``economic:x=gsp``.

    Raises
    ------
    SpatialInputError
        E501 for an unknown builder or option, E601 when there is no such file.
    """
    builder, _, rest = spec.partition(":")
    if builder not in (*ON_MAP, *ON_TABLE, *ON_FLOWS):
        if not os.path.isfile(spec):
            raise _unknown(spec, builder)
        w = wt.load(spec)
        return w.standardize(standardize) if standardize != "none" and w.standardization == "none" else w
    source = gdf if builder in ON_MAP or (table is None and builder in ON_TABLE) else table
    if source is None:
        what, flag = ("map", "--map") if builder in ON_MAP else ("table", "--data")
        raise SpatialInputError("E501", f"{builder} weights need a {what}", hint=f"give {flag} FILE")
    options = _options(builder, rest)
    if builder == "gravity" and table is not None and entity is not None and options["mass"] not in gdf.columns:
        require_columns(table, [entity, options["mass"]], "the table")
        options["mass"] = table.groupby(entity)[options["mass"]].mean()
    if builder in ON_TABLE and source is table:
        options = {"entity": entity, "time": time, **options}
    return getattr(wt, builder)(source, **options).standardize(standardize)


def _unknown(spec: str, builder: str) -> SpatialInputError:
    known = (*ON_MAP, *ON_TABLE, *ON_FLOWS)
    near = difflib.get_close_matches(builder, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"builders: {', '.join(known)}"
    return SpatialInputError("E601", f"{spec!r} is neither a file of weights nor a builder", hint=hint)


def named_weights(specs: list[str], **how) -> dict:
    """``name=spec`` or ``spec`` alone, which names itself."""
    out = {}
    for spec in specs:
        name, eq, rest = spec.partition("=")
        named = bool(eq) and ":" not in name
        out[name if named else spec] = read_weights(rest if named else spec, **how)
    return out


def with_ids_of(table: pd.DataFrame, entity: str | None, ids: pd.Index) -> pd.DataFrame:
    """Text ids as whole numbers where the weights' ids are whole numbers, and the reverse."""
    if entity is None or entity not in table.columns:
        return table
    column = table[entity]
    if pd.api.types.is_integer_dtype(ids) and not pd.api.types.is_numeric_dtype(column):
        numbers = pd.to_numeric(column, errors="coerce")
        if numbers.notna().all():
            return table.assign(**{entity: numbers.astype(ids.dtype)})
    if not pd.api.types.is_numeric_dtype(ids) and pd.api.types.is_integer_dtype(column):
        return table.assign(**{entity: column.astype(str)})
    return table


def _read_csv(file: Path, keys: list[str], encoding: str | None) -> pd.DataFrame:
    with file.open("rb") as stream:
        start = stream.read(4)
    if start[:2] == b"PK":
        raise SpatialInputError("E602", f"'{file}' is an Excel or zip file, not text", hint="rename it to .xlsx")
    if not start:
        raise SpatialInputError("E602", f"'{file}' is empty")
    encoding = encoding or _encoding(file)
    try:
        head = pd.read_csv(file, nrows=0, encoding=encoding).columns
        twice = list(pd.read_csv(file, nrows=1, header=None, encoding=encoding, dtype=str).iloc[0].dropna())
        if len(set(twice)) < len(twice):
            name = next(c for c in twice if twice.count(c) > 1)
            raise SpatialInputError("E502", f"column {name!r} occurs more than once in '{file}'", column=name)
        values = pd.read_csv(file, encoding=encoding)
        there = [key for key in keys if key in head]
        labels = (
            pd.read_csv(file, usecols=there, dtype=str, keep_default_na=False, encoding=encoding) if there else None
        )
    except (pd.errors.ParserError, UnicodeDecodeError, LookupError, pd.errors.EmptyDataError) as error:
        raise SpatialInputError("E602", f"'{file}' could not be read as a table: {error}") from error
    return values if labels is None else values.assign(**{key: labels[key].to_numpy() for key in there})


def _encoding(file: Path) -> str:
    """UTF-8, with or without mark, UTF-16 by its mark, else GB18030, said."""
    raw = file.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        raw.decode("utf-8-sig")
        return "utf-8-sig"
    except UnicodeDecodeError:
        import warnings

        warnings.warn(f"'{file}' is not UTF-8; it was read as GB18030", SpatialInputWarning, stacklevel=2)
        return "gb18030"


def _plain_keys(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    for key in keys:
        if key in table.columns:
            text = table[key].astype(str)
            if text.str.fullmatch(r"0|[1-9]\d{0,15}").all():
                table = table.assign(**{key: text.astype("int64")})
    return table


def _options(builder: str, text: str) -> dict:
    """``k=5,power=2`` as keywords that the builder has."""
    takes = inspect.signature(getattr(wt, builder)).parameters
    out = {}
    for part in filter(None, text.split(",")):
        key, eq, value = part.partition("=")
        if not eq or key not in takes:
            names = ", ".join(list(takes)[1:])
            raise SpatialInputError(
                "E501", f"{part!r} is no option of {builder}", hint=f"write key=value; keys: {names}"
            )
        out[key] = _value(value)
    needed = [key for key, p in list(takes.items())[1:] if p.default is p.empty and key not in out]
    if needed:
        raise SpatialInputError("E501", f"{builder} needs {', '.join(needed)}", hint=f"e.g. {builder}:{needed[0]}=...")
    return out


def _value(text: str):
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
