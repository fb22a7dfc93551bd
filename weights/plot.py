"""Pictures of W: links over the map, how many neighbors units have, the matrix itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spillover.errors import SpatialInputError, check_option
from spillover.geometry import add_geometry
from spillover.ids import positions
from spillover.language import phrase, stored
from spillover.matrix.weights import SpatialWeights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spillover.types import Ids, Places

INK, LAND, LINK = "#22313f", "#eef0ea", "#b5443b"
WIDTH, HEIGHTS, TITLE = 7.0, (2.0, 9.0), 0.4  # inches
LARGEST_HEAT = 2_000  # units; a dense picture of more shows nothing


def plot(w: SpatialWeights, data: Places | None = None, *, kind: str | None = None, at: str | Places = "centroid",
         ids: Ids | None = None, ax: Any = None) -> Axes:
    """Draw W.

    Parameters
    ----------
    w : SpatialWeights
    data : GeoDataFrame, GeoSeries or array of shape (n, 2), optional
        The units, for the map; labelled rows may come in any order.
    kind : {"map", "histogram", "heatmap"}, optional
        Default: "map" with ``data``, else "histogram".
    at : {"centroid", "inside"}, GeoSeries or DataFrame
        Where links meet.
    ids : str or sequence, optional
        Id column of ``data``.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    SpatialInputError
        E101 other units, E309 a heat map of more than 2,000 units, E501.
    """
    kind = kind or ("histogram" if data is None else "map")
    check_option("kind", kind, ("map", "histogram", "heatmap"))
    if kind == "map" and data is None:
        raise SpatialInputError("E501", "a map needs the units", hint="w.plot(map)")
    if kind == "heatmap" and w.n > LARGEST_HEAT:
        raise SpatialInputError("E309", f"a heat map of {w.n:,} units shows nothing (limit {LARGEST_HEAT:,})",
                                hint="plot kind='histogram', or w.subset(...)")
    own = ax is None
    if own:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH, 5), layout="constrained")  # outside pyplot, which would keep it open
        FigureCanvasAgg(figure)
        ax = figure.add_subplot()
    {"map": lambda: _map(w, data, at, ids, ax), "histogram": lambda: _histogram(w, ax),
     "heatmap": lambda: _heatmap(w, ax)}[kind]()
    if own and kind == "map":
        ax.figure.set_figheight(np.clip(WIDTH * _shape(ax), *HEIGHTS) + TITLE)
    ax.set_title(stored(w.kind), fontsize=10, color=INK)
    return ax


def _shape(ax) -> float:
    """Height of what is drawn by its width."""
    (left, right), (low, high), aspect = ax.get_xlim(), ax.get_ylim(), ax.get_aspect()
    return (high - low) / (right - left) * (1.0 if aspect == "equal" else float(aspect))


def _map(w, data, at, ids, ax) -> None:
    """Grey units, one line per pair (thicker for heavier links), dots; islands are rings."""
    from matplotlib.collections import LineCollection

    from ._points import points

    geographic = hasattr(data, "crs") and data.crs is not None and data.crs.is_geographic
    metric = None if hasattr(data, "crs") and data.crs is not None else "planar"
    p = points(data, ids=ids, at=at, metric=metric)
    xy = p.xy[positions(p.ids, w.ids, what="the map")]
    if hasattr(data, "geometry"):
        add_geometry(ax, data.geometry, facecolor=LAND, edgecolor="white", linewidth=0.6)
    links = w.csr.maximum(w.csr.T).tocoo()
    upper = links.coords[0] < links.coords[1]
    a, b, weight = links.coords[0][upper], links.coords[1][upper], links.data[upper]
    width = 0.3 + 1.5 * weight / weight.max() if len(weight) else []
    ends = list(np.stack([xy[a], xy[b]], axis=1))
    ax.add_collection(LineCollection(ends, linewidths=width, colors=LINK, alpha=0.75))
    alone = w.ids.isin(w.islands)
    ax.scatter(*xy[~alone].T, s=9, color=INK, zorder=3)
    ax.scatter(*xy[alone].T, s=26, facecolors="none", edgecolors=INK, zorder=3)
    ax.autoscale_view()
    ax.set_aspect(1 / np.cos(np.radians(xy[:, 1].mean())) if geographic else "equal")
    ax.set(xlabel="", ylabel="")  # geopandas names the axes, which are not drawn
    ax.set_axis_off()


def _histogram(w, ax) -> None:
    values, units = np.unique(np.diff(w.csr.indptr), return_counts=True)
    ax.bar(values, units, width=0.8 * (np.diff(values).min() if len(values) > 1 else 1), color=LINK)
    ax.set(xlabel=phrase("neighbors"), ylabel=phrase("units"))
    ax.spines[["top", "right"]].set_visible(False)


def _heatmap(w, ax) -> None:
    shown = np.ma.masked_equal(w.csr.toarray(), 0)
    picture = ax.imshow(shown, cmap="viridis", interpolation="nearest")
    ax.figure.colorbar(picture, ax=ax, shrink=0.8, label=phrase("weight"))
    if w.n <= 40:
        ax.set_xticks(range(w.n), w.ids.astype(str), rotation=90, fontsize=6)
        ax.set_yticks(range(w.n), w.ids.astype(str), fontsize=6)
    ax.set(xlabel=phrase("neighbor"), ylabel=phrase("unit"))
