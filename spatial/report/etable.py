"""Models side by side, as papers print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from spillover.errors import SpatialInputError, check_option
from spillover.language import stored
from spillover.values import mapping, texts

from ..design.formula import INTERCEPT
from .decimals import check_digits, decimals, fixed, p_fixed
from .origin import origins
from .paper_columns import COEFFICIENTS, Column, columns_of
from .paper_notes import BELOW, notes_of
from .paper_rows import about
from .table import Table

if TYPE_CHECKING:
    from spillover.types import Columns

LEVELS = (0.1, 0.05, 0.01)
ROUNDING = 1e-9  # of an estimate: smaller standard errors are rounding errors of it


def etable(fits: Any, *, effects: bool = False, names: Sequence[str] | None = None,
           labels: Mapping[str, str] | None = None, below: str = "std_error", digits: int = 3,
           stars: bool | Sequence[float] = False, keep: Columns | None = None, drop: Columns | None = None,
           order: Columns | None = None, rows: Mapping | None = None, tests: Any = None,
           statistics: Sequence[str] | None = None, groups: Mapping | None = None, notes: Sequence[str] = (),
           provenance: bool = False, caption: str = "") -> Table:
    """Put results side by side: fits, effects, difference-in-differences, comparisons of W, in any mix.

    Parameters
    ----------
    fits : list of results, or dict of name to result
        A comparison has a column for each W, heterogeneity one for each group; another result with a ``tidy()`` in the
        common schema has one.
    effects : bool
        Direct, indirect and total effects in place of coefficients; ``fit.effects()`` where a Fit is given.
    names : list of str, optional
        Heads of the columns; the models' names otherwise, numbered.
    labels : dict of str to str, optional
        Names of terms, sections and rows. ``W:x`` follows from ``x``.
    below : {"std_error", "statistic", "p_value", "conf_int", "none"}
        What is printed under the estimates, in parentheses; intervals in brackets.
    digits : int
        Decimals. A row whose numbers would read 0 has more; none has an exponent.
    stars : bool or list of levels
        Mark p below .1, .05, .01, or below the levels given; the note states them.
    keep, drop, order : str or list of str, optional
        Terms that are shown, are left out, come first; ``*`` matches anything: ``"W:*"``.
    rows : dict of str to value or list of values, optional
        Rows of your own above the number of observations, one value per column or one for all; True reads yes. One
        with the label of a row that is there replaces it.
    tests : list of TestResult, or dict of str to TestResult or list of them, optional
        A list is printed in the notes; a dict as rows of the table, statistic and p in brackets, None where a column
        has none.
    statistics : list of str, optional
        What is said about the whole, by names of ``fit.glance()`` and "size"; "nobs", "size", "r2", "r2_within",
        "loglik", "aic" and "sigma2" by default.
    groups : dict of str to int or list of str, optional
        Heads over several columns: how many, from the left, or which by their names; "" for none.
    notes : list of str
        Added below; ``provenance=True`` adds versions and the fingerprints of data and W.
    caption : str

    Returns
    -------
    Table
        Prints as text; ``.to_markdown()``, ``.to_latex()``, ``.to_html()``; ``.save(path)`` as .txt, .md, .tex, .html,
        .docx, .xlsx or .csv.

    Raises
    ------
    SpatialInputError
        E501 no results, names or rows of another number than the columns, an unknown option, a pattern that matches
        nothing.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> w = wt.queen(columbus).standardize("row")
    >>> table = etable([sp.ols("CRIME ~ INC", columbus, w), sp.sar("CRIME ~ INC", columbus, w)], digits=2)
    >>> print("\\n".join(table.to_text().splitlines()[:6]))
                        (1) OLS  (2) SAR
    ------------------------------------
    Intercept           64.46    41.93
                        (4.75)   (8.62)
    INC                 -2.04    -1.49
                        (0.31)   (0.33)
    """
    check_option("below", below, BELOW)
    check_digits(digits)
    levels = _levels(stars)
    labels = mapping("labels", labels)
    columns = _columns(fits, effects, names)
    heads = [column.head for column in columns]
    shown = _choose(columns, keep, drop, order, labels)
    mixed = len({s for c in columns for s in c.estimates["section"]}) > 1
    body = []
    for section, terms in shown.items():
        title = labels.get(section, stored(section)) if section != COEFFICIENTS or mixed else ""
        body.append((title, _estimates(columns, section, terms, labels, below, digits, levels)))
    body.append(("", about(columns, rows, tests, statistics, labels)))
    notes = [*notes_of(columns, heads, below, levels, tests, notes), *[origins(fits)] * provenance]
    return Table(tuple(heads), tuple(part for part in body if part[1]), tuple(notes), caption,
                 groups=_groups(groups, heads))  # fmt: skip


# -- columns ---------------------------------------------------------------------------------------------------


def _columns(fits, effects: bool, names) -> list[Column]:
    named = list(fits.items()) if isinstance(fits, Mapping) else [
        (None, item) for item in (fits if isinstance(fits, list | tuple) else [fits])]  # fmt: skip
    columns = []
    for name, item in named:
        each = list(columns_of(item, effects))
        several = len(each) > 1
        columns += [_headed(c, c.head if name is None else f"{name}, {c.head}" if several else str(name)) for c in each]
    if not columns:
        raise SpatialInputError("E501", "etable needs fits or effects, got none", hint="sp.etable([fit1, fit2])")
    if names is not None:
        if len(names) != len(columns):
            raise SpatialInputError("E501", f"{len(names)} names were given for {len(columns)} columns",
                                    hint="give one name per column")
        return [_headed(column, str(name)) for column, name in zip(columns, names)]
    if isinstance(fits, Mapping):
        return columns
    return [_headed(column, f"({i}) {column.head}") for i, column in enumerate(columns, 1)]


def _headed(c: Column, head: str) -> Column:
    return Column(head, c.estimates, c.rows, c.glance, c.inference, c.weights, c.level, c.notes,
                  c.obs_weights)  # fmt: skip


def _levels(stars) -> tuple[float, ...]:
    """Descending: the first has one star."""
    if isinstance(stars, bool):
        return LEVELS if stars else ()
    try:
        levels = tuple(sorted((float(level) for level in stars), reverse=True))
    except (TypeError, ValueError):
        levels = (np.nan,)
    if not levels or not all(0 < level < 1 for level in levels):
        raise SpatialInputError("E501", f"stars={stars!r} must be true, false or levels of significance",
                                hint="stars=(0.05, 0.01, 0.001)")
    return levels


# -- estimates -------------------------------------------------------------------------------------------------


def _choose(columns, keep, drop, order, labels) -> dict[str, list[str]]:
    """The terms that are shown, by section, in order."""
    places: dict[str, list[str]] = {}
    for column in columns:
        for section, term in zip(column.estimates["section"], column.estimates["term"]):
            if term not in places.setdefault(section, []):
                places[section].append(term)
    all_terms = [term for terms in places.values() for term in terms]

    def matches(patterns, option):
        several = texts(option, patterns)
        for pattern in several:
            if not any(_match(term, pattern, labels) for term in all_terms):
                raise SpatialInputError("E501", f"{option}={pattern!r} matches no term",
                                        hint="the terms are " + ", ".join(map(repr, dict.fromkeys(all_terms))))
        return several

    kept = None if keep is None else matches(keep, "keep")
    dropped = [] if drop is None else matches(drop, "drop")
    first = [] if order is None else matches(order, "order")

    def place(term):
        wanted = [i for i, pattern in enumerate(first) if _match(term, pattern, labels)]
        lagged = 3 if term in ("rho", "lambda") else 2 if term.startswith(("W:", "W2:")) else term != INTERCEPT
        return (min(wanted, default=len(first)), lagged)

    chosen = {}
    for section, terms in places.items():
        left = [t for t in terms if (kept is None or any(_match(t, p, labels) for p in kept))
                and not any(_match(t, p, labels) for p in dropped)]  # fmt: skip
        if left:
            chosen[section] = sorted(left, key=place)
    if COEFFICIENTS in chosen:
        chosen = {COEFFICIENTS: chosen.pop(COEFFICIENTS), **chosen}
    return chosen


def _match(term: str, pattern: str, labels) -> bool:
    wild = pattern.replace("[", "[[]")
    return any(text == pattern or fnmatchcase(text, wild) for text in (term, _label(term, labels)))


def _estimates(columns, section, terms, labels, below, digits, levels):
    """Two rows per term: estimates, and what is printed below them."""
    out = []
    for term in terms:
        cells = []
        for column in columns:
            t = column.estimates
            match = t[(t["section"] == section) & (t["term"] == term)]
            cells.append(match.iloc[0] if len(match) else None)
        values = [v for row in cells if row is not None for v in (row["estimate"], *_below_values(row, below))]
        d = decimals(values, digits)
        out.append((_label(term, labels), tuple("" if row is None else _top(row, d, levels) for row in cells)))
        if below != "none":
            out.append(("", tuple("" if row is None else _under(row, below, d) for row in cells)))
    return tuple(out)


def _below_values(row, below) -> list[float]:
    """The standard error where it is printed, unless it is a rounding error of the estimate."""
    there = below == "std_error" and not row["std_error"] < ROUNDING * abs(row["estimate"])
    return [row["std_error"]] if there else []


def _top(row, digits, levels) -> str:
    return fixed(row["estimate"], digits) + "*" * sum(row["p_value"] < level for level in levels)


def _under(row, below, digits) -> str:
    if below == "conf_int":
        ends = [row["conf_low"], row["conf_high"]]
        return "" if np.isnan(ends).any() else f"[{fixed(ends[0], digits)}, {fixed(ends[1], digits)}]"
    text = p_fixed(row["p_value"], max(digits, 4)) if below == "p_value" else fixed(row[below], digits)
    return f"({text})" if text else ""


def _label(term: str, labels) -> str:
    if term in labels:
        return labels[term]
    power, colon, regressor = term.partition(":")
    return f"{power}:{labels.get(regressor, regressor)}" if colon and power in ("W", "W2") else stored(term)


# -- groups ----------------------------------------------------------------------------------------------------


def _groups(groups, heads) -> tuple[tuple[str, int], ...]:
    """Heads over the heads, covering all columns from the left."""
    if not groups:
        return ()
    spans = [(str(text), span if isinstance(span, int) else len(list(span))) for text, span in groups.items()]
    members = [name for span in groups.values() if not isinstance(span, int) for name in span]
    listed = [name for name in heads if name in members]
    if members and (members != listed or sum(n for _, n in spans) > len(heads)):
        raise SpatialInputError("E501", f"groups= names {members}, the columns are {heads}",
                                hint="name columns that stand side by side, in their order")
    total = sum(span for _, span in spans)
    if total > len(heads) or any(span < 1 for _, span in spans):
        raise SpatialInputError("E501", f"groups= has {total} columns, the table {len(heads)}",
                                hint='groups={"Static": 2, "Dynamic": 1}')
    if not members:
        return (*spans, *[("", len(heads) - total)] * (total < len(heads)))
    return _placed(groups, heads)


def _placed(groups, heads) -> tuple[tuple[str, int], ...]:
    """Groups given by the names of their columns; columns of no group have an empty head each."""
    of = {name: str(text) for text, names in groups.items() if not isinstance(names, int) for name in names}
    out: list[tuple[str, int]] = []
    for head in heads:
        text = of.get(head, "")
        if out and out[-1][0] == text and text:
            out[-1] = (text, out[-1][1] + 1)
        else:
            out.append((text, 1))
    return tuple(out)
