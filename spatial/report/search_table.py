"""Specification searches as a table: one column per W, from LM tests to the effects of the chosen model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spillover.language import phrase, stored

from .decimals import decimals, fixed
from .intervals import method_text
from .paper_notes import labelled_texts
from .table import Table

CHANGES = ("direct", "indirect", "total")


def search_text(search) -> str:
    """Tests, decisions and the choice of one search."""
    steps = "\n".join(f"{i}. {step}" for i, step in enumerate(search.steps, 1))
    shares = ", ".join(f"{name} {share:.2f}" for name, share in search.probabilities.items())
    decisions = f"Decisions at {search.significance:.0%}, rule {search.rule}:\n{steps}\nChoice: {search.choice}"
    decisions += f"\nProbabilities of the models: {shares}"
    return "\n\n".join([*map(str, search.tables), decisions])


def searches_text(searches) -> str:
    return str(searches.table)


def one_search(search) -> Table:
    """One column, headed by the kind of W."""
    return search_table({search.fits["SDM"]._design.weights.kind: search}, {})


def several_searches(searches) -> Table:
    return search_table(searches.searches, searches.failed)


def search_table(searches: dict, failed: dict, name: Callable[[str], str] = str) -> Table:
    """One column per search, sections in the order of the search's tables.

    Parameters
    ----------
    searches : dict of str to Search
    failed : dict of str to str
    name : function
        Plain words for a term of the formula.
    """
    heads, runs = list(searches), list(searches.values())
    titles = dict.fromkeys(table.title for search in runs for table in search.tables)
    sections = [(stored(_heading(title)), _tests(title, runs)) for title in titles]
    decided = dict.fromkeys(label for search in runs for label in search.decisions)
    rows = [(stored(label), tuple(stored(search.decisions.get(label, "")) for search in runs)) for label in decided]
    sections.append((phrase("Decisions"), tuple(rows)))
    chosen = [search.fits[search.choice] for search in runs]
    effects = [fit.effects() for fit in chosen]
    of_kind = {
        "direct": phrase("Direct effects of the model chosen"), "total": phrase("Total effects of the model chosen"),
        "indirect": phrase("Indirect effects of the model chosen"),
    }  # fmt: skip
    sections += [(of_kind[kind], _effects(kind, effects, name)) for kind in CHANGES]
    first = runs[0]
    notes = [
        phrase("Tests: statistic (p-value); decisions at {level}, rule {rule}. Effects: estimate (standard error), "
               "{how}.", level=f"{first.significance:.0%}", rule=stored(first.rule),
               how=method_text(getattr(effects[0], "short_run", effects[0]))),
        phrase("Weights: {weights}.",
               weights=labelled_texts(heads, [stored(fit._design.weights.header()) for fit in chosen])),
    ]  # fmt: skip
    notes += [phrase("{weights} could not be searched: {why}.", weights=w, why=why) for w, why in failed.items()]
    caption = phrase("Specification search: {formula}", formula=chosen[0]._design.formula)
    return Table(tuple(heads), tuple(sections), tuple(notes), caption)


def _heading(title: str) -> str:
    return title.partition(":")[0]


def _tests(title: str, runs: list) -> tuple:
    """Statistic (p) of every test of one table; the label names the distribution where all agree."""
    by_search = [{t.name: t for table in s.tables if table.title == title for t in table} for s in runs]
    rows = []
    for name in dict.fromkeys(name for tests in by_search for name in tests):
        tests = [tests.get(name) for tests in by_search]
        follows = {t.distribution for t in tests if t is not None}
        label = stored(name)
        if len(follows) == 1:
            label = phrase("{test}, {distribution}", test=label, distribution=follows.pop())
        rows.append((label, tuple("" if t is None else _test(t) for t in tests)))
    return tuple(rows)


def _test(test) -> str:
    return f"{test.statistic:.2f} ({_p(test.p_value)})"


def _effects(kind: str, effects: list, name: Callable[[str], str]) -> tuple:
    tables = [table[table["effect"] == kind].set_index("term") for table in (e.tidy() for e in effects)]
    rows = []
    for term in dict.fromkeys(term for table in tables for term in table.index):
        cells = [_cell(table.loc[term]) if term in table.index else "" for table in tables]
        rows.append((name(term), tuple(cells)))
    return tuple(rows)


def _cell(row) -> str:
    """0 where a model has no spillovers by construction."""
    if row["estimate"] == 0 and not row["std_error"] > 0:
        return "0"
    digits = decimals([row["estimate"], row["std_error"]], 3)
    return f"{fixed(row['estimate'], digits)} ({fixed(row['std_error'], digits)})"


def _p(p: float) -> str:
    if not np.isfinite(p):
        return "-"
    return "<1e-4" if p < 1e-4 else f"{p:.4f}"
