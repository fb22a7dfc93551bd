"""Plain words and names of units in what a report shows: tables, figures and captions; files of numbers keep codes."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd

from spatial.report.html import Table
from spillover.language import phrase, stored, tight

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
    keys = {key: q.words[key] for key in (q.entity, q.time) if key in q.words}
    return replace(table, frame=frame.rename(columns=keys), caption=reworded(table.caption, q))


def figure_in_words(figure, q):
    """The figure with plain words in its caption and, where it is matplotlib's, in every label."""
    axes = getattr(getattr(figure.image, "figure", figure.image), "axes", None)
    if axes is not None:
        for ax in axes:
            _relabel(ax, q)
    return replace(figure, caption=reworded(figure.caption, q), alt=reworded(figure.alt, q))


def reworded(text: str, q) -> str:
    """The text with each term of the formula, where it stands alone, in plain words; a formula in it stays."""
    before, tilde, _ = text.partition(" ~ ")
    if not tilde:
        return _with_words(text, q.words)
    start = max(before.rfind(mark) + len(mark) for mark in (": ", "：", "") if mark in before or not mark)
    start = 0 if start == len(before) else start
    return _with_words(text[:start], q.words) + text[start:]


def term_in_words(term, words: dict) -> str:
    """A term of a model in plain words: also its lags and products, and conditions such as ``unemp <= 5.9``."""
    if not isinstance(term, str) or term in words:
        return words.get(term, term)
    if term.startswith("W:"):
        inner = term_in_words(term[2:], words)
        return phrase("neighbors' {term}", term=inner) if inner != term[2:] else term
    if term.startswith("lag(") and term.endswith(")") and term[4:-1] in words:
        return phrase("{term}, a period before", term=words[term[4:-1]])
    if ":" in term and any(part in words for part in term.split(":")):
        return " × ".join(words.get(part, part) for part in term.split(":"))
    return stored(_with_words(term, words))


def _with_words(text: str, words: dict) -> str:
    """Terms that stand alone, not within a call such as ``log(...)``, are replaced; the longest first."""
    terms = sorted((term for term in words if words[term] not in text), key=len, reverse=True)
    if not terms:
        return text
    pattern = "|".join(rf"(?<![\w:]){re.escape(term)}(?!\w)" for term in terms)
    return tight(re.sub(pattern, lambda m: m[0] if _in_call(text, m.start()) else words[m[0]], text))


def _in_call(text: str, at: int) -> bool:
    """Whether a place lies within the parentheses of a call."""
    depth: list[bool] = []
    for k, c in enumerate(text[:at]):
        if c == "(":
            depth.append(k > 0 and (text[k - 1].isalnum() or text[k - 1] == "_"))
        elif c == ")" and depth:
            depth.pop()
    return any(depth)


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
