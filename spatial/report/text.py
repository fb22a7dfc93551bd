"""Results as text for a terminal: first model, sample and weights, then numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.language import phrase, semicolons, stored

from ..records.limits import LIMITS
from ..records.schema import SCHEMA
from .header import header, note_line
from .heads import head_of
from .intervals import intervals_of, intervals_text, without_ratios
from .origin import origin

WORTH_A_NOTE = 0.01  # the share of a distribution that may be left out without a word


def p_text(p: float) -> str:
    """'= 0.0312', '< 1e-4', never '0.0000'."""
    if not np.isfinite(p):
        return phrase("not defined")
    return "< 1e-4" if p < 1e-4 else f"= {p:.4f}"


def number(value: float, digits: int = 4) -> str:
    """Fixed digits for ordinary sizes, exponents outside them, a blank for missing values."""
    if value is None or np.isnan(value):
        return ""
    if np.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{digits}f}"


def columns(rows: list[list[str]], head: list[str]) -> str:
    """First column to the left, the rest to the right; East Asian characters count twice."""
    table = [head, *rows]
    widths = [max(text_width(row[j]) for row in table) for j in range(len(head))]
    lines = []
    for row in table:
        cells = [_pad(cell, width, left=j == 0) for j, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([lines[0], rule, *lines[1:]])


def tidy_text(table: pd.DataFrame, *, title: str = "", statistic: str = "z", level: float = 0.95) -> str:
    """The common schema as text."""
    head = [stored(title), *map(head_of, ("estimate", "std_error")), statistic, head_of("p_value"), *ends_of(level)]
    rows = [
        [str(term), *map(number, (estimate, std_error)), number(z, 2), p_cell(p), *map(number, (low, high))]
        for term, estimate, std_error, z, p, low, high in zip(*(table[name] for name in SCHEMA), strict=True)
    ]
    return columns(rows, head)


def ends_of(level: float) -> tuple[str, str]:
    """Heads of the ends of intervals."""
    return phrase("{level} % low", level=f"{100 * level:g}"), head_of("conf_high")


def fit_text(fit) -> str:
    lines = [*header(fit), ""]
    lines += [tidy_text(fit.tidy(), statistic="z" if fit.df_resid is None else "t"), ""]
    criteria = phrase("log-likelihood {loglik}   AIC {aic}   BIC {bic}", loglik=f"{fit.loglik:.3f}",
                      aic=f"{fit.aic:.2f}", bic=f"{fit.bic:.2f}")  # fmt: skip
    lines.append(f"sigma2 {variances_text(fit)}   {criteria if np.isfinite(fit.loglik) else ''}".rstrip())
    lines += r_squared_text(fit)
    if fit.specification.lag or fit.specification.durbin:
        lines.append(phrase("Coefficients are not effects: see fit.effects()."))
    return "\n".join([*lines, phrase("provenance: {origin}", origin=origin(fit))])


def variances_text(fit) -> str:
    """sigma2, or that of every regime."""
    own = dict(getattr(fit, "sigma2s", {}))
    return ", ".join(f"{name} {number(v, 6)}" for name, v in own.items()) if len(own) > 1 else number(fit.sigma2, 6)


def combinations_text(result) -> str:
    """Functions of coefficients: the header names the fit, a note the method."""
    fit = result.fit
    title = phrase("Combinations of coefficients of {model}, {formula}", **_named(fit))
    table = tidy_text(result.tidy(), statistic="z" if fit.df_resid is None else "t", level=result.level)
    note = [] if result.linear else [note_line(phrase("standard errors by the delta method"))]
    note += without_ratios(fit) if result.ratios is None else [intervals_of(result)]
    return "\n".join([title, table, *note])


def r_squared_text(fit) -> list[str]:
    """One line: R2, and squared correlations with the reduced form, within, between and over all in a panel."""
    r2 = fit.r_squared
    if fit._design.is_panel:
        kinds = {"R2": r2.r2, "within": r2.within, "between": r2.between, "overall": r2.overall}
    else:
        kinds = {"R2": r2.r2, "adjusted": r2.adjusted, "squared correlation": r2.corr}
    shown = [f"{stored(name)} {number(value)}" for name, value in kinds.items() if np.isfinite(value)]
    return ["   ".join(shown)] if shown else []


def effects_text(effects, who: bool = True) -> str:
    """Three tables; ``who``: whether to name the model first."""
    from ..effects.elasticity import meanings
    from ..effects.propagate import trace_errors

    fit = effects.fit
    table = effects.tidy()
    parts = [phrase("Effects of {model}: {formula}", **_named(fit)), _weights_line(fit)] * who
    how = intervals_text(effects)
    run = {"short-run": phrase("short run, {how}", how=how), "long-run": phrase("long run, {how}", how=how),
           "convergence": phrase("of the past response, {how}", how=how)}  # fmt: skip
    parts.append(run.get(effects.run, how))
    for kind, rows in table.groupby("effect", sort=False):
        parts += ["", tidy_text(rows, title=f"{effects.run} {kind}".strip(), **_columns_of(effects))]
    if np.isinf(effects.conf_low).any() or np.isinf(effects.conf_high).any():
        parts.append(note_line(phrase("infinite ends: the data do not keep rho off the end of its interval, where "
                                      "effects are unbounded")))  # fmt: skip
    parts += statistic_note(table, _columns_of(effects)["statistic"])
    if effects.run == "long-run" and effects.options.method != "delta":
        own = getattr(effects.source, "left_out", None)
        parts += given_stationarity(effects.source.fit) if own is None else _share_left_out(own())
    if advice := small_sample_advice(effects):
        parts.append(note_line(advice))
    error = max(trace_errors(fit, effects.variables), default=0.0)
    if error > 0:
        parts.append(note_line(phrase("traces are estimated; Monte Carlo error of the direct effects up to {error}",
                                      error=number(error))))  # fmt: skip
    means = meanings(effects) if who else []
    return "\n".join([*parts, *[""] * bool(means), *means])


def _named(fit) -> dict[str, str]:
    return {"model": fit.specification.name, "formula": fit._design.formula}


def _weights_line(fit) -> str:
    return phrase("weights: {weights}", weights=stored(fit._design.weights.header()))


def _columns_of(effects) -> dict:
    """The letter of the statistic and the level of the intervals."""
    return {"statistic": "z" if effects.fit.df_resid is None else "t", "level": effects.options.level}


def statistic_note(table, letter: str) -> list[str]:
    """A line where a printed statistic is not the ratio of the numbers before it."""
    ratio = table["estimate"] / table["std_error"]
    if not (np.abs(ratio - table["statistic"]) > 0.01).any():
        return []
    note = phrase("{letter} says p again, as a quantile; effects are skewed, so it is not estimate / std. error",
                  letter=letter)  # fmt: skip
    if (table["estimate"] * table["statistic"] < 0).any():
        note = semicolons([note, phrase("its sign is that of the median, not of the estimate")])
    return [note_line(note)]


def given_stationarity(fit) -> list[str]:
    """A note where a share of the distribution of the estimates has no long run, and is left out of what is printed."""
    from ..effects.long_run import not_stationary

    return _share_left_out(not_stationary(fit))


def _share_left_out(share: float) -> list[str]:
    if share <= WORTH_A_NOTE:
        return []
    return [note_line(phrase("given stationarity: {share} % of the distribution of the estimates is left out",
                             share=f"{100 * share:.0f}"))]  # fmt: skip


def small_sample_advice(effects) -> str:
    """Which other method covers better, where one does."""
    from ..effects.few_rows import obstacle, small_or_near_the_end

    fit, method = effects.fit, effects.options.method
    other = method in ("quadrature", "simulate") and not effects.run and fit.specification.lag and not obstacle(fit)
    if other and (why := small_or_near_the_end(fit)):
        return phrase("{first}: {second}", first=why, second=stored(LIMITS["skewed effects"]))
    if method == "delta" and fit.specification.lag:
        return semicolons([stored(LIMITS["linearized effects"]), "method='quadrature'"])
    return ""


def elasticities_text(result) -> str:
    """The effects' tables, scaled, and what a number means."""
    from ..effects.elasticity import outcome

    fit = result.fit
    elastic, response = result.kind == "elasticity", outcome(fit._design)
    parts = [
        phrase("Elasticities of {model}: {formula}", **_named(fit)),
        phrase("1 % more of it goes with (estimate) % more {outcome}, at the means of what is no logarithm",
               outcome=response),
    ] if elastic else [
        phrase("Semi-elasticities of {model}: {formula}", **_named(fit)),
        phrase("one unit more of it goes with (estimate) x 100 % more {outcome}, at the means of what is no logarithm",
               outcome=response),
    ]  # fmt: skip
    for kind, rows in result.tidy().groupby("effect", sort=False):
        parts += ["", tidy_text(rows, title=kind, **_columns_of(result.effects))]
    if result.left_out:
        terms = ", ".join(result.left_out)
        parts.append(phrase("without an elasticity: {terms}", terms=terms) if elastic else
                     phrase("without a semi-elasticity: {terms}", terms=terms))  # fmt: skip
    return "\n".join(parts)


def effects_by_text(effects) -> str:
    """By kind of effect: every group, and whether they differ."""
    fit = effects.fit
    parts = [phrase("Effects of {variable} in {model}: {formula}", variable=effects.variable, **_named(fit)),
             _weights_line(fit), intervals_of(effects)]  # fmt: skip
    if effects.run:
        parts.append(phrase("in the short run: the period of the change, the past as it was") if effects.run ==
                     "short-run" else phrase("in the long run: a change that stays, when it has worked itself out"))
    letter, whole = "z" if fit.df_resid is None else "t", effects.tidy()
    for kind, rows in whole.groupby("effect", sort=False):
        parts += ["", tidy_text(rows, title=kind, statistic=letter, level=effects.level)]
    parts += statistic_note(whole, letter)
    parts += given_stationarity(fit) if effects.run == "long-run" else []
    if len(effects.labels) > 1:
        tests = [effects.test(kind) for kind in ("direct", "total")]
        parts += ["", *(str(test) for test in tests)]
    return "\n".join(parts)


def horizon_line(horizon) -> list[str]:
    """When a dynamic model answers; nothing of a static one."""
    if horizon is None:
        return []
    if isinstance(horizon, str):
        return [phrase("the long run of a change that stays")]
    return [phrase("{n} periods after a change that stays", n=f"{horizon:,}") if horizon else phrase("the short run")]


def dynamic_effects_text(effects) -> str:
    """The short run and, where there is one, the long run."""
    short, missing = effects_text(effects.short_run), effects.no_long_run
    if not missing:
        d = effects.fit._design
        of_all = phrase("The long run is that of all units, under the W that they have together:")
        gaps = d.whole is not None and d.weights.varies
        return "\n\n".join([short, *[of_all] * gaps, effects_text(effects.long_run, False)])
    why = phrase("No long run: {why}.", why=stored(missing.removeprefix("there is no long run: ")))
    return f"{short}\n\n{why}"


def test_text(result) -> str:
    """One line: the statistic, its distribution, its p-value and its null."""
    of = {"test": stored(result.name), "statistic": f"{result.statistic:.3f}", "null": stored(result.null)}
    if result.df == "none":
        return phrase("{test}: {statistic}. {null}", **of)
    return phrase("{test}: {distribution} = {statistic}, p {p}. Null: {null}", distribution=result.distribution,
                  p=p_text(result.p_value), **of)  # fmt: skip


def tests_text(tests) -> str:
    plain = all(isinstance(r.df, int) for r in tests)  # all chi-squared: named once, in the head
    rows = [
        [r.name, f"{r.statistic:.3f}", str(r.df) if plain else r.distribution, p_cell(r.p_value), r.null]
        for r in tests
    ]
    body = columns(rows, ["", "chi2", "df", "p", "null"] if plain else ["", "statistic", "follows", "p", "null"])
    return "\n".join(part for part in (tests.title, body, tests.note) if part)


def response_text(response: pd.Series, shown: int = 15) -> str:
    """The largest responses to a shock, and the sum of all."""
    largest = response.reindex(response.abs().sort_values(ascending=False).index)
    rows = [[str(unit), number(value, 6)] for unit, value in largest.iloc[:shown].items()]
    rest = f"{len(response) - shown} more units" if len(response) > shown else ""
    rows += [[rest, number(largest.iloc[shown:].sum(), 6)]] * bool(rest) + [["all units", number(response.sum(), 6)]]
    return columns(rows, [str(response.name), ""])


def p_cell(p: float) -> str:
    return "" if not np.isfinite(p) else "<1e-4" if p < 1e-4 else f"{p:.4f}"


def text_width(text: str) -> int:
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _pad(text: str, width: int, *, left: bool) -> str:
    space = " " * (width - text_width(text))
    return text + space if left else space + text
