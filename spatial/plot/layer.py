"""Results on a map for other programs: local statistics, effects of every unit, responses to a shock or a change."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from spillover.ids import positions
from spillover.language import phrase, stored

from ..design.formula import read_formula
from ..explore._local import NO_DATA, NO_NEIGHBORS, NOT_SIGNIFICANT
from .classes_of_units import COLOURS, HATCHES
from .geopackage import check, free, write_layer
from .qml import Class, Style, classed
from .shapes import needed, needs_folium

# The legend's words for the clusters.
CLUSTERS: dict[str, str] = {
    "High-High": "high, among high neighbors", "Low-Low": "low, among low neighbors",
    "Low-High": "low, among high neighbors", "High-Low": "high, among low neighbors",
    "High": "hot spot: high values gather", "Low": "cold spot: low values gather",
    "Joined": "joined: more neighbors of the same kind than chance gives",
    "Alone": "alone: fewer neighbors of the same kind than chance gives",
    "Alike": "like its neighbors", "Unlike": "unlike its neighbors", "Alike, high": "like its neighbors, high",
    "Alike, low": "like its neighbors, low", "Alike, other": "like its neighbors, in between",
    NOT_SIGNIFICANT: "not significant", NO_NEIGHBORS: "no neighbors", NO_DATA: "no data",
}  # fmt: skip
STATISTICS = {
    "expected": "{symbol} expected by chance", "sd": "standard deviation of {symbol} by chance", "z": "z score",
    "p_norm": "p from exact moments", "p_sim": "p from permutations", "p_fdr": "p, false discovery rate",
    "quadrant": "quadrant of the scatter plot", "cluster": "cluster",
}  # fmt: skip
BY_UNIT = {
    "own": "what a rise in a unit does to the unit itself", "emitted": "what a rise in a unit does to all others",
    "received": "what a rise in all others does to a unit", "own_error": "Monte Carlo standard error of own",
}  # fmt: skip


def write(result, map, path, *, overwrite=False) -> None:
    """Write the map with a local statistic's columns; the suffix decides the format.

    The layer holds the map's columns, the variables that were analysed, and the result's columns. A name that the map
    or the format already uses (case aside, as in SQL) gets the prefix "local_" when it is the result's, "map_" when it
    is the map's.

    Raises
    ------
    SpatialInputError
        E101 when map and result have different units; E501 for another suffix; E603, E605.
    """
    check(path, overwrite=overwrite)
    layer, names = on_map(map, result.frame, values=result.values)
    write_layer(layer, path, [_clusters(result, layer, names)], overwrite=overwrite)


def write_effects(effects, map, path, *, overwrite=False, name: Callable[[str], str] = str) -> None:
    """Write what each unit does to itself and to all others and gets from them, for every regressor.

    Parameters
    ----------
    effects : Effects
    map : GeoDataFrame indexed by unit
    path : path-like
        .gpkg or .geojson.
    name : function
        Plain words for a term of the formula.

    Raises
    ------
    SpatialInputError
        As ``write``.
    """
    check(path, overwrite=overwrite)
    columns, styles_of = by_unit(effects, name)
    layer, names = on_map(map, columns, values=analysed(effects.fit._design))
    write_layer(layer, path, styles_of(layer, names), overwrite=overwrite)


def write_response(response, map, path, *, unit=None, overwrite=False, label: str = "", values=None) -> None:
    """Write every unit's response to a shock in one unit, as from ``effects.shock(unit, term)``.

    Parameters
    ----------
    response : Series indexed by unit
    map : GeoDataFrame indexed by unit
    path : path-like
    unit : id, optional
        The shocked unit: it has a class of its own where its response is beyond all others.
    label : str
        What is mapped, in words; by default the response's name.
    values : DataFrame by unit, optional
        The variables that were analysed.

    Raises
    ------
    SpatialInputError
        As ``write``.
    """
    check(path, overwrite=overwrite)
    layer, names = on_map(map, response.rename("response").to_frame(), values=values)
    style = responses(layer, names["response"], unit=unit, at=response.index, label=label or str(response.name))
    write_layer(layer, path, [style], overwrite=overwrite)


def write_what_if(result, map, path, *, overwrite=False) -> None:
    """Write every unit's response to a change, with its interval.

    Raises
    ------
    SpatialInputError
        As ``write``.
    """
    check(path, overwrite=overwrite)
    percent = "percent" in result.table
    layer, names = on_map(map, result.table, values=analysed(result.fit._design))
    name = phrase("Response to a change of {variable}, per cent", variable=result.variable) if percent else phrase(
        "Response to a change of {variable}, units of the outcome", variable=result.variable)  # fmt: skip
    shown = ("percent", "percent_low", "percent_high") if percent else ("estimate", "conf_low", "conf_high")
    column, low, high = (names[part] for part in shown)
    aliases = {names["change"]: phrase("change of {variable}", variable=result.variable), column: name,
               low: phrase("interval, low"), high: phrase("interval, high"), names["p_value"]: "p"}  # fmt: skip
    style = Style(name, column, classed(layer[column]), aliases, tip(layer, column, between=(low, high)))
    write_layer(layer, path, [style], overwrite=overwrite)


def by_unit(effects, name: Callable[[str], str] = str):
    """Every unit's own, emitted and received effects of each term, and the styles of these columns; of the last period
    where W varies over time.

    Returns
    -------
    columns : DataFrame by unit
    styles_of : function
        From a layer and its names of the columns to a list of styles.
    """
    parts = []
    labels: dict[str, str] = {}
    w = effects.fit._design.weights
    last = {"period": w.periods[-1]} if w.varies else {}
    for term in effects.variables:
        stem = "".join(c if c.isalnum() else "_" for c in term).strip("_")
        part = effects.by_unit(term, **last)
        labels |= {f"{stem}_{c}": phrase("{term}: {what}", term=name(term), what=stored(BY_UNIT[c])) for c in part}
        parts.append(part.add_prefix(f"{stem}_"))
    columns = pd.concat(parts, axis=1)

    def styles_of(layer, names: dict) -> list[Style]:
        aliases = {names[c]: label for c, label in labels.items()}
        order = [c for kind in ("emitted", "received", "own") for c in columns if c.endswith(f"_{kind}")]
        return [Style(labels[c], names[c], classed(columns[c]), aliases, tip(layer, names[c])) for c in order]

    return columns, styles_of


def responses(layer, column: str, *, unit, at, label: str, name: str | None = None) -> Style:
    """The style of a shock's responses; ``at`` are the layer's units, ``name`` is what the shocked one is called."""
    values = pd.Series(layer[column].to_numpy(dtype=float), at)
    special = None
    if unit is not None and unit in values.index:
        special = (float(values[unit]), phrase("{unit}, the unit of the shock", unit=name or unit))
    classes = classed(values.drop(labels=[] if unit is None else [unit], errors="ignore"), special=special)
    return Style(label, column, classes, {column: label}, tip(layer, column))


def analysed(design) -> pd.DataFrame:
    """The columns of the data that a model used, by unit; of a panel those of its last period (``unemp_1986``)."""
    terms = read_formula(design.formula, design.frame.columns)
    factors = [*terms.left, *terms.right_factors]
    columns = [c for c in dict.fromkeys(c for factor in factors for c in factor.columns) if c in design.frame]
    order = design.order[-1]
    values = design.frame[columns].iloc[order].set_axis(design.ids)
    values[order < 0] = None
    return values if design.times is None else values.rename(columns={c: f"{c}_{design.times[-1]}" for c in columns})


def on_map(map, columns: pd.DataFrame, *, values: pd.DataFrame | None = None) -> tuple:
    """The map with a result's columns, one row per unit of the result.

    Parameters
    ----------
    map : GeoDataFrame indexed by unit
    columns : DataFrame by unit
    values : DataFrame by unit, optional
        The variables that were analysed; left out where the map has the same.

    Returns
    -------
    layer : GeoDataFrame
        Ids are a column; names are unique without regard to case; text instead of categories.
    names : dict
        What each column of the result is called in the layer.
    """
    at = positions(map.index, columns.index, what="the map")
    layer = map.iloc[at]
    geometry = layer.geometry.name
    extra = [c for c in layer.columns if c != geometry and getattr(layer[c].dtype, "name", "") == "geometry"]
    layer = layer.drop(columns=extra)  # a layer has one geometry
    ids = pd.Series(layer.index, index=layer.index)
    values = pd.DataFrame(index=columns.index) if values is None else values.reindex(layer.index)
    mine = values.join(columns)
    for column in mine.select_dtypes("category"):
        mine[column] = mine[column].astype(object)
    taken: set[str] = {"fid", "geom", "geometry", geometry.lower()}  # the format's own
    held = {c: free(str(c), "map_", taken) for c in layer.columns if c != geometry}
    layer, names = layer.rename(columns=held), {}
    for column in mine:
        source = next((c for c in held if c == column), None)
        if source is not None and column in values and _same(layer[held[source]], mine[column]):
            continue  # the variable that was analysed is there already
        names[column] = free(str(column), "local_", taken)
        layer[names[column]] = mine[column].to_numpy()
    name = str(layer.index.name if layer.index.name is not None else "id")
    same = next((new for old, new in held.items() if str(old).lower() == name.lower()), None)
    if same is None or not _same(layer[same].astype(str), ids.astype(str)):
        layer.insert(0, free(name, "map_", taken), ids.to_numpy())
    return layer.reset_index(drop=True), names


def web_map(result, map=None, **options):
    """Clusters on an interactive page, by geopandas and folium."""
    needs_folium()
    map = needed(result, map)
    layer, names = on_map(map, result.frame, values=result.values)
    labels = _labels(result)
    options = {"tooltip": [c for c in layer.columns if c != layer.geometry.name][:12], "legend": True} | options
    colors = [COLOURS[label] for label in labels]
    return layer.explore(column=names["cluster"], categorical=True, categories=labels, cmap=colors, **options)


def _clusters(result, layer, names: dict) -> Style:
    classes = cluster_classes(result)
    local = phrase("local {symbol} of {variable}", symbol=result.symbol, variable=result.variable)
    aliases = {names[result.symbol]: local}
    aliases |= {names[c]: stored(text).format(symbol=result.symbol) for c, text in STATISTICS.items() if c in names}
    title = phrase("{title}: {variable}", title=stored(result.title), variable=result.variable)
    return Style(title, names["cluster"], classes, aliases, tip(layer, names["cluster"]))


def cluster_classes(result) -> tuple[Class, ...]:
    """The clusters of a local statistic in their colors, in plain words, with how many units each has."""
    counts = result.frame["cluster"].value_counts(sort=False)
    limit = result.cutoffs[result.correction]  # zero where a correction lets no unit pass

    def label_of(label: str) -> str:
        n = counts[label]
        if label == NOT_SIGNIFICANT and limit:
            return phrase("not significant (p > {p}) ({n})", p=f"{limit:.2g}", n=n)
        return phrase("{cluster} ({n})", cluster=cluster_words(label), n=n)

    return tuple(Class(label_of(label), COLOURS[label], label, hatch=HATCHES.get(label, ""))
                 for label in _labels(result))  # fmt: skip


def cluster_words(label: str) -> str:
    """A cluster in plain words: "high, among high neighbors"."""
    return stored(CLUSTERS.get(label, label))


def classes_of(clusters: pd.DataFrame) -> tuple[Class, ...]:
    """The clusters that are anywhere in a table of labels, in the order of ``COLOURS``."""
    there = set(pd.unique(clusters.to_numpy().ravel()))
    return tuple(Class(cluster_words(label), color, label, hatch=HATCHES.get(label, ""))
                 for label, color in COLOURS.items() if label in there)  # fmt: skip


def _labels(result) -> list[str]:
    return [label for label, n in result.frame["cluster"].value_counts(sort=False).items() if n]


def _same(a, b) -> bool:
    equal, absent = a.to_numpy() == b.to_numpy(), a.isna().to_numpy() & b.isna().to_numpy()
    return bool((equal | absent).all())


def tip(layer, column: str, between: tuple[str, str] | None = None) -> str:
    """What QGIS shows beside the pointer: the unit, its name, the value, and the interval where there is one."""
    id = layer.columns[0]
    name = next((c for c in layer.columns[1:] if pd.api.types.is_string_dtype(layer[c]) and layer[c].is_unique), None)
    head = f"<b>[% {_quoted(id)} %]</b>" + (f" [% {_quoted(name)} %]" if name and name != column else "")
    if not pd.api.types.is_numeric_dtype(layer[column]):
        return f"{head}: [% {_quoted(column)} %]"
    largest = layer[column].abs().max()
    digits = int(min(max(2 - math.floor(math.log10(largest)), 0), 12)) if largest > 0 else 0
    value, *ends = (f"[% round({_quoted(c)}, {digits}) %]" for c in (column, *(between or ())))
    return f"{head}: {value}" + (f" [{', '.join(ends)}]" if ends else "")


def _quoted(column: str) -> str:
    """A column in an expression of QGIS."""
    return '"' + str(column).replace('"', '""') + '"'
