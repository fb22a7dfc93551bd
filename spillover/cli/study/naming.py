"""Plain words and names of units in what a report shows: tables, figures and captions; files of numbers keep codes."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd

from spatial.report.html import Table

TERMS = ("term", "variable", "column", "regressor")  # columns of tables that hold terms


def in_words(table, q):
    """A table with plain words for terms and a column of names beside the units; paper tables have them already."""
    if not isinstance(table, Table):
        return table
    frame = table.frame
    for column in [name for name in frame.columns if name in TERMS]:
        frame = frame.assign(**{column: [q.words_of(term) for term in frame[column]]})
    if q.entity in frame and q.names is not None:
        names = pd.Series(frame[q.entity].map(q.names).to_numpy(), frame.index)
        frame = frame.copy()
        frame.insert(frame.columns.tolist().index(q.entity) + 1, _free("name", frame), names.fillna(""))
    return replace(table, frame=frame, caption=reworded(table.caption, q))


def figure_in_words(figure, q):
    """The figure with plain words in its caption and, where it is matplotlib's, in every label."""
    axes = getattr(getattr(figure.image, "figure", figure.image), "axes", None)
    if axes is not None and q.words:
        for ax in axes:
            _relabel(ax, q)
    return replace(figure, caption=reworded(figure.caption, q), alt=reworded(figure.alt, q))


def reworded(text: str, q) -> str:
    """The text with each term of the formula, where it stands alone, in plain words."""
    for term in sorted(q.words, key=len, reverse=True):
        if q.words[term] not in text:
            plain = q.words[term].replace("\\", "\\\\")  # no groups of the pattern
            text = re.sub(rf"(?<![\w(:]){re.escape(term)}(?![\w)])", plain, text)
    return text


def _relabel(ax, q) -> None:
    from spatial.plot.style import legible

    for axis in (ax.xaxis, ax.yaxis):
        before = [label.get_text() for label in axis.get_ticklabels()]
        after = [reworded(label, q) for label in before]
        if after != before:
            axis.set_ticks(axis.get_ticklocs(), after)
    legend = ax.get_legend()
    others = [*ax.texts, *(legend.get_texts() if legend else ())]
    for text in [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *others]:
        text.set_text(reworded(text.get_text(), q))
    legible(ax)


def _free(name: str, frame) -> str:
    while name in frame:
        name += " of unit"
    return name
