"""The notes below a paper's table: standard errors, weights, stars, tests."""

from __future__ import annotations

from collections.abc import Mapping

from spillover.language import listed, phrase, semicolons

from ..records.tests import TestResult

BELOW = ("std_error", "statistic", "p_value", "conf_int", "none")  # what can stand under an estimate


def notes_of(columns, heads, below, levels, tests, notes) -> list[str]:
    """All notes, those of the user last."""
    out = []
    if below != "none":
        how = labelled_texts(heads, [column.inference for column in columns])
        what = _below(below, {f"{100 * column.level:g} %" for column in columns})
        out.append(phrase("{what}: {how}.", what=what, how=how) if how else phrase("{what}.", what=what))
    if weights := labelled_texts(heads, [column.weights for column in columns]):
        out.append(phrase("Weights: {weights}.", weights=weights))
    if weights := labelled_texts(heads, [column.obs_weights for column in columns]):
        out.append(phrase("Weights of the observations: {weights}.", weights=weights))
    if levels:
        out.append(phrase("{stars}.", stars=", ".join(f"{'*' * i} p < {level:g}" for i, level in enumerate(levels, 1))))
    out += dict.fromkeys(note for column in columns for note in column.notes)
    if isinstance(tests, Mapping):
        out.append(phrase("Tests: statistic [p]."))
    elif tests is not None:
        out += [str(test) for test in ([tests] if isinstance(tests, TestResult) else tests)]
    return [*out, *([notes] if isinstance(notes, str) else notes)]


def _below(below: str, intervals: set[str]) -> str:
    """What stands under the estimates."""
    if below == "conf_int":
        return phrase("{levels} intervals in brackets", levels=" and ".join(sorted(intervals)))
    return {
        "std_error": phrase("Standard errors in parentheses"), "statistic": phrase("t or z statistics in parentheses"),
        "p_value": phrase("p-values in parentheses"),
    }[below]  # fmt: skip


def labelled_texts(heads, texts) -> str:
    """Once where all columns agree, else each with the columns that it holds for; empty ones are left out."""
    if len(set(texts)) == 1:
        return texts[0]
    of: dict[str, list[str]] = {}
    for head, text in zip(heads, texts):
        of.setdefault(text, []).append(head)
    return semicolons(phrase("{columns}: {text}", columns=listed(names), text=text)
                      for text, names in of.items() if text)  # fmt: skip
