"""A study as a .toml file: read, checked before any work begins, and turned into a Question."""

from __future__ import annotations

import inspect
import os.path
import tomllib
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import pandas as pd

from spillover.database import is_database
from spillover.errors import SpatialInputError, check_option
from spillover.files import replacing
from spillover.ids import match, partners
from spillover.language import tag_of

from .._inputs import EXAMPLE, read_map, read_table, read_weights, require_columns
from .chapters import STEPS, check_step
from .columns import with_columns
from .keys import DATA, REQUIRED, TOP
from .kinds import check_kind, refuse_control_characters
from .question import Question


def write_template(path, *, overwrite: bool = False) -> Path:
    """A commented study of the shipped example, to be changed into one's own."""
    text = files(__package__).joinpath("template.toml").read_text(encoding="utf-8")
    with replacing(path, overwrite=overwrite) as part:
        part.write_text(text, encoding="utf-8")
    return Path(path)


def read_study(path, lang: str | None = None) -> Question:
    """The question that a study file asks, its data read and its columns computed; ``lang`` in place of the file's.

    Raises
    ------
    SpatialInputError
        E601 no such file, E602 not a study file, E501 an entry that is unknown or missing; and those of the data.
    """
    path = Path(path)
    if not path.is_file():
        raise SpatialInputError("E601", f"there is no file '{path}'", hint="spillover study --new study.toml")
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpatialInputError("E602", f"'{path}' is no .toml file in UTF-8: {error}",
                                hint=_next_step(path)) from error
    return question(entries | ({"lang": lang} if lang else {}), beside=path.parent)


def _next_step(path: Path) -> str:
    """Names in other scripts stand in quotes, left of = and in brackets: the usual reason."""
    with suppress(UnicodeDecodeError):
        for line in path.read_text(encoding="utf-8-sig").splitlines():
            name = line.split("=")[0].strip(" \t[]")
            if not name.isascii() and not set(name) & set("\"'#"):
                return f'names that are not plain letters stand in quotes: "{name}" in place of {name}'
    return "spillover study --new study.toml writes one that can be read"


def read_demo(lang: str | None = None) -> Question:
    """The study of the shipped data; its title and words are there in every language that has a catalogue."""
    tag = tag_of(lang or "en")
    entries = tomllib.loads(files(__package__).joinpath("demo.toml").read_text(encoding="utf-8"))
    own = files(__package__).joinpath(f"demo.{tag}.toml")
    if own.is_file():
        entries |= tomllib.loads(own.read_text(encoding="utf-8"))
    return question(entries | {"lang": tag})


def question(entries: dict, *, beside: Path = Path()) -> Question:
    """The question in the entries of a study file; relative paths are looked up ``beside`` it."""
    _check(entries)
    data = entries["data"]
    entity, time = data["unit"], data["period"]
    text = {key: data[key] for key in ("encoding", "separator", "decimal", "sheet", "na") if key in data}
    on_map = {key: data[key] for key in ("id", "layer", "crs", "na") if key in data}
    gdf = read_map(_path(data["map"], beside), **on_map)
    source = _path(data["panel"], beside)
    panel = read_table(source, keys=(entity, time), **text)
    require_columns(panel, (entity, time), source)
    if "id" not in data:
        gdf = _named_by_units(gdf, panel[~panel[entity].isin(data.get("without", []))], entity)
    gdf, panel = _sample(gdf, panel, entity, time, data)
    panel = _with_map_ids(panel, gdf, entity)
    panel = _with_columns_of_map(panel, gdf, entity, data.get("from_map", []))
    panel, computed = with_columns(panel, entries.get("columns", {}), entity=entity, time=time)
    of = {"gdf": gdf, "table": panel, "entity": entity, "time": time}
    weights = {name: read_weights(_path(spec, beside), **of) for name, spec in entries["weights"].items()}
    return Question(
        title=entries["title"],
        formula=entries["formula"],
        map=gdf,
        panel=panel,
        entity=entity,
        time=time,
        weights=weights,
        steps=entries.get("steps", {}),
        model=entries.get("model", "sdm"),
        options={"effects": "twoway", **_as_objects(entries.get("options", {}))},
        computed=computed,
        names=names_of(gdf, data.get("name")),
        **{key: entries[key] for key in ("seed", "draws", "words", "lang") if key in entries},
    )


def _as_objects(options: dict) -> dict:
    """Options of the model; ``sampling:households`` as sampling weights."""
    from ..model_commands import observation_weights

    if not isinstance(options.get("obs_weights"), str):
        return options
    return {**options, "obs_weights": observation_weights(options["obs_weights"])}


def _sample(gdf, panel, entity: str, time: str, data: dict):
    """Map and panel without the units that are left out, the panel within its periods."""
    without, periods = data.get("without", []), data.get("periods")
    unknown = [unit for unit in without if unit not in gdf.index and not (panel[entity] == unit).any()]
    if unknown:
        raise SpatialInputError("E101", "[data] leaves out units that are not there", ids=unknown,
                                hint="without = [] names units of the map")
    if periods is not None:
        if not (isinstance(periods, list) and len(periods) == 2 and periods[0] < periods[1]):
            raise SpatialInputError("E501", f"periods = {periods!r} must be the first and the last: [2011, 2019]",
                                    hint="periods = [2011, 2019]")
        panel = panel[panel[time].between(*periods)]
    return gdf[~gdf.index.isin(without)], panel[~panel[entity].isin(without)].reset_index(drop=True)


def _named_by_units(gdf, panel, entity: str):
    """The map with the only column that holds all units of the panel as its ids; E101 where several do."""
    if gdf.index.name is not None:  # an example map, which names its units itself
        return gdf
    units = pd.Index(panel[entity].dropna().unique())
    fits = [name for name in gdf.columns.drop(gdf.geometry.name)
            if gdf[name].is_unique and (partners(units, pd.Index(gdf[name])).at >= 0).all()]  # fmt: skip
    if not fits:
        return gdf
    if len(fits) > 1:
        raise SpatialInputError("E101", f"several columns of the map hold the units of the panel: {', '.join(fits)}",
                                hint=f'[data] id = "{fits[0]}"')
    return gdf.set_index(fits[0])


def _with_map_ids(panel, gdf, entity: str):
    """The panel's units under the map's ids, before any weights are built of either; E101 where they differ."""
    units = pd.Index(panel[entity].dropna().unique())
    at = match(units, gdf.index, what="the panel").at
    return panel.assign(**{entity: panel[entity].map(dict(zip(units[at], gdf.index, strict=True)))})


def _with_columns_of_map(panel, gdf, entity: str, names: list):
    """The panel with columns of the map, such as the region of each unit."""
    require_columns(gdf, names, "the map")
    values = {name: panel[entity].map(gdf[name]).to_numpy() for name in names if name not in panel.columns}
    return panel.assign(**values)


def names_of(gdf, column: str | None):
    """What units are called: a column of the map."""
    if column is None:
        return None
    require_columns(gdf, [column], "the map")
    return gdf[column]


def _check(entries: dict) -> None:
    """Every entry known, none missing, of the right kind."""
    import spatial as sp
    from spatial.models import NAMES

    refuse_control_characters("the study", entries)
    _refuse_unknown(entries, TOP, "the study")
    for name in (name for name, key in TOP.items() if key.default == REQUIRED):
        if name not in entries:
            raise SpatialInputError("E501", f"the study has no {name!r}", hint="spillover study --new shows them all")
    for name, value in entries.items():
        check_kind(name, value, TOP[name].kind)
    _refuse_unknown(entries["data"], DATA, "[data]")
    for name, value in entries["data"].items():
        check_kind(f"{name} in [data]", value, DATA[name].kind)
    for table in ("weights", "words"):
        for name, value in entries.get(table, {}).items():
            check_kind(f"{name} in [{table}]", value, str)
    tag_of(entries.get("lang", "en"))
    if entries.get("seed", 0) < 0:
        raise SpatialInputError("E501", f"seed = {entries['seed']} must not be negative", hint="seed = 1")
    for name in (name for name, key in DATA.items() if key.default == REQUIRED):
        if name not in entries["data"]:
            raise SpatialInputError("E501", f"[data] has no {name!r}",
                                    hint="spillover study --new study.toml shows all entries")
    if not entries["weights"]:
        raise SpatialInputError("E501", "[weights] is empty", hint='write queen = "queen" in it')
    check_option("model", entries.get("model", "sdm"), NAMES)
    model = getattr(sp, entries.get("model", "sdm"))
    takes = [p for p in inspect.signature(model).parameters if p not in ("formula", "data", "w", "entity", "time")]
    _refuse_unknown(entries.get("options", {}), takes, "[options]")
    _refuse_unknown(entries.get("steps", {}), [step for step in STEPS if step != "columns"], "[steps]")
    for step, options in entries.get("steps", {}).items():
        check_step(step, options)


def _refuse_unknown(entries: dict, allowed, where: str) -> None:
    for name in entries:
        if name not in allowed:
            message = f"{where} has an unknown entry {name!r}"
            raise SpatialInputError("E501", message, hint="known: " + ", ".join(allowed))


def _path(text: str, beside: Path) -> str:
    """A file's path as seen from the study file; builders of weights and examples as they are."""
    if text.startswith(EXAMPLE) or is_database(text) or not os.path.isfile(beside / text):
        return text
    return str(beside / text)
