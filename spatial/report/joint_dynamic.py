"""Texts of effects of dynamic models with several W or regimes: the short run and, where there is one, the long run."""

from __future__ import annotations

from spillover.language import phrase, stored

from .text import _columns_of, _share_left_out, intervals_text, statistic_note, tidy_text


def run_text(effects) -> str:
    """Three tables of one run, and how its intervals come about."""
    table = effects.tidy()
    how = intervals_text(effects)
    run = {"short-run": phrase("short run, {how}", how=how), "long-run": phrase("long run, {how}", how=how),
           "convergence": phrase("of the past response, {how}", how=how)}  # fmt: skip
    parts = [run[effects.run]]
    for kind, rows in table.groupby("effect", sort=False):
        parts += ["", tidy_text(rows, title=f"{effects.run} {kind}", **_columns_of(effects))]
    parts += statistic_note(table, _columns_of(effects)["statistic"])
    if effects.run == "long-run" and effects.options.method == "quadrature":
        parts += _share_left_out(effects.source.left_out())
    return "\n".join(parts)


def joint_dynamic_text(effects) -> str:
    """The model, its stationarity, and both runs."""
    fit = effects.fit
    head = [phrase("Effects of {model}: {formula}", model=fit.specification.name, formula=fit._design.formula),
            phrase("weights: {weights}", weights=stored(fit._design.weights.header())),
            stored(effects.stationarity.line)]  # fmt: skip
    if missing := effects.no_long_run:
        last = phrase("No long run: {why}.", why=stored(missing.removeprefix("there is no long run: ")))
    else:
        last = run_text(effects.long_run)
    return "\n\n".join(["\n".join(head), run_text(effects.short_run), last])
