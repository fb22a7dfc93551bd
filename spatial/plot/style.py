"""Size, colours and fonts of all figures, and how they are saved."""

from __future__ import annotations

import warnings
from functools import cache
from itertools import cycle
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

from spillover.errors import SpatialInputError, SpatialInputWarning
from spillover.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spillover.types import PathLike

WIDTH = 5.0  # inches; text stays readable when a journal shrinks it to a column of 3.5
ROW = 52  # characters of the legend that fit into this width
LABEL = 60  # characters of one line below an axis, which names at its left may make short
INK, SOFT = "#222222", "#8a8a8a"
# Okabe & Ito's palette, for colour-blind readers; markers distinguish series in black and white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
CJK_FONTS = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Microsoft YaHei", "PingFang SC",
    "Hiragino Sans GB", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "SimHei", "Noto Sans CJK JP", "Noto Serif CJK SC",
    "Arial Unicode MS", "Droid Sans Fallback",
)  # fmt: skip


def figure(width: float = WIDTH, height: float = 3.2, layout: Literal["constrained"] | None = "constrained") -> Axes:
    """An Axes on a figure of its own, outside pyplot; sizes in inches."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("figures need matplotlib: pip install 'spillover[plot]'") from error

    fig = Figure(figsize=(width, height), layout=layout, facecolor="white")
    FigureCanvasAgg(fig)
    return fig.add_subplot()


def series_styles():
    """Colour and marker of the first, second ... series, without end."""
    return zip(cycle(COLOURS), cycle(MARKERS))


def plain(ax, *, title: str, note: str = "", xlabel: str = "", ylabel: str = "", legend: bool = False):
    """Titles to the left, no box; a note or the legend in rows between title and data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(SOFT)
    ax.tick_params(labelsize=9, color=SOFT, labelcolor=INK)
    ax.set_xlabel(xlabel, fontsize=9, color=INK)
    ax.set_ylabel(ylabel, fontsize=9, color=INK)
    rows = _legend(ax) if legend else 0
    if note:
        ax.annotate(note, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=9,
                    color="#555555")  # fmt: skip
        rows = 1
    ax.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=INK, pad=7 + 14 * rows)


def _legend(ax) -> int:
    """Above the data, in one row where it fits; returns the rows."""
    handles, labels = ax.get_legend_handles_labels()
    room = [len(label) + 5 for label in labels]  # in characters, with the marker
    columns = len(labels) if sum(room) <= ROW else max(1, ROW // max(room))
    ax.legend(handles, labels, ncols=columns, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.3,
              borderpad=0, frameon=False, fontsize=9, handlelength=1.4, columnspacing=1.4)  # fmt: skip
    return -(-len(labels) // columns)


def legible(ax):
    """Give every text of the figure a font that has its characters, where one is installed; return ``ax``.

    Texts are drawn as they are: a dollar in a column's name does not start a formula. Long labels below an axis have
    several lines.
    """
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    for part in ax.figure.findobj(Axes):
        if len(label := part.get_xlabel()) > LABEL:
            part.set_xlabel(fill(label.replace(" %", "\N{NO-BREAK SPACE}%"), LABEL, break_long_words=False))

    ax.get_xticklabels(), ax.get_yticklabels()  # creates the labels
    texts = [t for part in ax.figure.axes for t in part.findobj(Text) if t.get_text()]
    for text in texts:
        text.set_parse_math(False)
    families = fonts_for("".join(t.get_text() for t in texts))
    if families:
        for text in texts:
            text.set_fontfamily(families)
    return ax


def fonts_for(text: str) -> list[str] | None:
    """The usual font with one behind it that has the characters it lacks; None where it lacks none."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties, findfont, get_font

    def lacking(name, characters):
        font = get_font(findfont(FontProperties(family=name)))
        return {c for c in characters if c.isprintable() and not font.get_char_index(ord(c))}

    usual = rcParams["font.family"]
    missing = lacking(usual, set(text))
    if not missing:
        return None
    for names in (_known_fonts, _fonts_installed_since):
        for name in names():
            if not lacking(name, missing):
                return [*usual, name]
    warnings.warn(
        "no font on this machine has all characters of the labels; those it lacks are drawn as boxes. Install "
        "Noto Sans CJK or another font that has them",
        SpatialInputWarning,
        stacklevel=1,  # one place and one text: warned once for many figures
    )
    return None


def _known_fonts() -> list[str]:
    """Those of CJK_FONTS that matplotlib has."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return [name for name in CJK_FONTS if name in installed]


def _fonts_installed_since() -> list[str]:
    """The same, after adding fonts that are newer than matplotlib's font list."""
    _list_new_fonts()
    return _known_fonts()


@cache
def _list_new_fonts() -> None:
    from matplotlib.font_manager import findSystemFonts, fontManager

    listed = {font.fname for font in fontManager.ttflist}
    for path in set(findSystemFonts()) - listed:
        try:
            fontManager.addfont(path)
        except (OSError, RuntimeError):  # a broken file, or a kind that matplotlib cannot draw
            continue


def save(ax_or_fig: Any, path: PathLike, *, dpi: int = 150, overwrite: bool = False) -> Path:
    """Write a figure atomically; the suffix decides the format (png, pdf, svg ...).

    Raises
    ------
    SpatialInputError
        E603 when the file exists and ``overwrite`` is false; E605 when it cannot be written; E501 for
        a suffix that is no format of figures.
    """
    fig, path = getattr(ax_or_fig, "figure", ax_or_fig), Path(path)
    formats = fig.canvas.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in formats:
        raise SpatialInputError("E501", f"'{path.name}' does not end like a figure's file",
                                hint="end it with " + ", ".join(f".{k}" for k in ("png", "pdf", "svg")))  # fmt: skip
    with replacing(path, overwrite=overwrite) as part:
        fig.savefig(part, dpi=dpi)
    return path
