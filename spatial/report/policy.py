"""Policy results in words and columns for a terminal."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from .text import columns, number, p_text, statistic_note, tidy_text

METHODS = {
    "twfe": "two-way fixed effects", "imputation": "imputation from untreated observations",
    "group_time": "group-time effects",
}  # fmt: skip


def did_text(did) -> str:
    s, settings = did.sample, did.settings
    treated = s.D.any(axis=0)
    lines = [f"Difference-in-differences by {METHODS[settings['method']]}: {s.formula}",
             f"{s.y.size:,} observations ({len(s.ids):,} units x {len(s.times)} periods); "
             f"{int(treated.sum())} units treated, {int((~treated).sum())} never"]  # fmt: skip
    if settings["method"] == "group_time":
        lines.append(f"comparison: {'never treated' if settings['control'] == 'never' else 'not treated yet'}")
    if rings := settings.get("rings"):
        lines.append(f"comparison: untreated and in none of the rings {', '.join(rings)}; at least {settings['clean']} "
                     "units in every period")  # fmt: skip
    if settings["weights"]:
        lines.append(f"observations weighted by {settings['weights']}")
    if settings["period_by"]:
        lines.append(f"period effects by {settings['period_by']}")
    lines.append(f"standard errors: delete-one jackknife over {settings['cluster']} ({s.n_clusters:,}), scaled to "
                 "independent errors; Satterthwaite's t")  # fmt: skip
    lines += [f"note: {note}" for note in did.notes]
    lines += ["", with_df(did.table, settings["level"], "")]
    if did.randomization is not None:
        lines.append(randomization_text(did.randomization))
    if did.path is not None:
        unit = f"{s.times.name or 'time'} since adoption"
        lines += ["", path_text(did.path, unit, "t", settings["level"])]
        if settings.get("band") == "simultaneous":
            lines.append(f"intervals and p hold for all of them together at {100 * settings['level']:g} %")
    return "\n".join(lines + before_text(did))


def with_df(table, level: float, title: str) -> str:
    """The common schema with the degrees of freedom of t."""
    cells = [[str(r.term), number(r.estimate), number(r.std_error), number(r.statistic, 2), number(r.df, 1),
              p_text(r.p_value).removeprefix("= ") if np.isfinite(r.p_value) else "", number(r.conf_low),
              number(r.conf_high)] for r in table.itertuples()]  # fmt: skip
    return columns(cells, [title, "estimate", "std. error", "t", "df", "p", f"{100 * level:g} % low", "high"])


def before_text(result) -> list[str]:
    """The tests of trends before adoption, where there are any."""
    try:
        return ["", str(result.pretrends)]
    except SpatialInputError:
        return []


def pretrends_text(tests) -> str:
    """Both tests, and their power."""
    lines = [f"Before adoption, {tests.basis}:"]
    if tests.joint is not None:
        span = ", ".join(f"{k:+g}" for k in tests.leads)
        lines.append(f"  joint ({span}): {tests.joint.distribution} = {tests.joint.statistic:.3f}, "
                     f"p {p_text(tests.joint.p_value)}. Null: {tests.joint.null}")  # fmt: skip
    if tests.slope is not None:
        s = tests.slope
        lines.append(f"  slope {number(s.estimate)} (s.e. {number(s.std_error)}): {s.distribution} = "
                     f"{s.statistic:.3f}, p {p_text(s.p_value)}. Null: {s.null}")  # fmt: skip
    lines += [f"  {note}" for note in tests.notes]
    return "\n".join([*lines, *(f"  {line}" for line in what_it_is_worth(tests))])


def rejected(tests, significance: float = 0.05) -> list[str]:
    return [t.name for t in (tests.joint, tests.slope) if t is not None and t.p_value < significance]


def what_it_is_worth(tests) -> list[str]:
    """A sentence that follows from p-values and power: rejected, no power, or power enough."""
    if names := rejected(tests):
        return [f"trends before adoption differ ({' and '.join(names)} rejected at 5 %): the effect may continue them"]
    if tests.slope is None:
        return ["not rejected, by a test whose power is unknown: no evidence of parallel trends"]
    s = tests.slope
    power = (f"80 % power needs a slope of {number(s.detectable)}, which alone would move the effect by "
             f"{number(s.moves)} (the effect: {number(tests.effect)}):")  # fmt: skip
    if tests.weak:
        return [power, "no power against trends that could make up the whole effect; not to reject says little"]
    return [power, "a trend that makes up the whole effect would be found more often than that"]


def randomization_text(r) -> str:
    how = "all" if r.exact else "random"
    low, high = (("-inf" if v < 0 else "inf") if np.isinf(v) else number(v) for v in (r.conf_low, r.conf_high))
    return (f"randomization: p {p_text(r.p_value)}, {100 * r.level:g} % interval {low} to {high} ({r.assignments:,} "
            f"{how} assignments of the dates;\n  it assumes that any unit could have adopted at any of them, and one "
            "effect for all)")  # fmt: skip


def path_text(path, title: str, statistic: str, level: float = 0.95) -> str:
    """By time since adoption; the reference is marked as zero by construction."""
    cells = []
    for r in path.itertuples():
        if r.reference:
            cells.append([f"{r.period:+g}", "reference", "", "", "", "", ""])
            continue
        cells.append([f"{r.period:+g}", number(r.estimate), number(r.std_error), number(r.statistic, 2),
                      p_text(r.p_value).removeprefix("= ") if np.isfinite(r.p_value) else "", number(r.conf_low),
                      number(r.conf_high)])  # fmt: skip
    return columns(cells, [title, "estimate", "std. error", statistic, "p", f"{100 * level:g} % low", "high"])


def spatial_did_text(result) -> str:
    from .text import header

    settings, level = result.settings, result.settings["level"]
    by_unit = "df" in result.table
    letter = "z" if result.fit.df_resid is None and not by_unit else "t"
    head = header(result.fit)
    if by_unit:
        units = f"{result.fit._design.n_units:,} units"
        head = [f"standard errors: delete-one jackknife over {units}, scaled to independent errors; Satterthwaite's t"
                if line.startswith("standard errors:") else line for line in head]  # fmt: skip
    lines = [f"Spatial difference-in-differences: effects of {result.treatment} on {result.response}", *head]
    if not by_unit:
        lines += [f"{100 * settings['level']:g} % intervals: exact under the distribution of the estimates"]
    lines += [f"note: {note}" for note in result.notes if f"note: {note}" not in head]
    lines += ["", with_df(result.table, level, "") if by_unit else tidy_text(
        result.table, statistic=letter, level=level)]  # fmt: skip
    lines += [] if by_unit else statistic_note(result.table, letter)
    treated, neighbors = result.table["n"].iloc[[0, -1]]
    lines.append(f"averages over {treated:,} treated unit-periods and {neighbors:,} of untreated neighbors")
    if result.path is None:
        return "\n".join(lines)
    unit = f"{result.adopters.times.name or 'time'} since adoption"
    for kind, part in result.path.groupby("effect"):
        lines += ["", path_text(part, f"{kind}, {unit}", letter, level)]
    return "\n".join(lines + before_text(result))


def what_if_text(result, shown: int = 12) -> str:
    d, settings = result.fit._design, result.settings
    table = result.table
    changed = int((table["change"] != 0).sum())
    when = "" if settings["period"] is None else f" as of {settings['period']}"
    lines = [f"What if {result.variable} changes in {changed:,} of {len(table):,} units{when}: {d.formula}",
             f"weights: {d.weights.header()}",
             f"{100 * settings['level']:g} % intervals: exact under the distribution of the estimates", ""]
    part = table.reindex(table["estimate"].abs().sort_values(ascending=False, kind="stable").index)[:shown]
    head = ["largest responses", "change", "estimate", "std. error", "low", "high"]
    keys = ["change", "estimate", "std_error", "conf_low", "conf_high"]
    if "percent" in table:
        head, keys = [*head, "per cent"], [*keys, "percent"]
    lines.append(columns([[str(unit), *(number(row[k]) for k in keys)] for unit, row in part.iterrows()], head))
    return "\n".join(lines)


def threshold_text(result) -> str:
    s = result.settings
    T, N = s["size"]
    lines = [f"Threshold regression (Hansen 1999): {s['formula']}",
             f"effect of {s['switching']} by {s['variable']}; {T * N:,} observations ({N:,} units x {T} periods, "
             f"{s['effects']} effects)"]  # fmt: skip
    if s["weights"]:
        lines.append(f"weights: {s['weights']}")
    lines.append(f"grid of {s['grid']} values, {s['trim']:.0%} of the observations in each regime at least")
    lines.append(f"p-values: {s['draws']:,} bootstrap samples of units' residuals, seed {s['seed']}")
    lines += [f"note: {note}" for note in result.notes]
    cells = [[f"threshold {r.number}", number(r.threshold), number(r.conf_low), number(r.conf_high), number(r.F, 2),
              p_text(r.p_value).removeprefix("= "), number(r.critical_5, 2)]
             for r in result.thresholds.itertuples()]  # fmt: skip
    head = ["", "estimate", f"{100 * s['level']:g} % low", "high", "F", "p", "5 % critical"]
    return "\n".join([*lines, "", columns(cells, head), "", tidy_text(result.table, statistic="t", level=s["level"])])


def placebo_text(placebo) -> str:
    lines = [f"Placebo: dates of {placebo.treatment} reassigned at random across units; effect on {placebo.response}",
             f"{int(placebo.table['draws'].max()):,} draws, seed {placebo.seed}; p is two-sided. "
             "Null: no effect on any unit", ""]  # fmt: skip
    cells = [[r.term, number(r.estimate), p_text(r.p_value).removeprefix("= "), number(r.placebo_mean),
              number(r.placebo_sd)] for r in placebo.table.itertuples()]  # fmt: skip
    return "\n".join([*lines, columns(cells, ["", "actual", "p", "placebo mean", "placebo s.d."])])


def mediation_text(result) -> str:
    s = result.settings
    lines = [f"Mediation ({s['model']}): effect of {s['x']} on {s['response']} through {s['mediator']}",
             f"model: {s['formula']}", f"weights: {result.fits['mediator']._design.weights.header()}",
             f"intervals: {s['kept']:,} bootstrap samples of units' residuals, seed {s['seed']}",
             "direct: on the unit's own outcome; indirect: on others'"]  # fmt: skip
    for path, part in result.table.groupby("path", sort=False):
        title = {"mediated": "through the mediator", "unmediated": "not through it", "total": "both paths"}[path]
        lines += ["", tidy_text(part.assign(term=part["effect"]), title=title, level=s["level"])]
    return "\n".join([*lines, "", *mediated_shares(result)])


def mediated_shares(result) -> list[str]:
    """The mediated part of each total, with its interval; none where the total's interval contains zero."""
    total = result.table[result.table["path"] == "total"].set_index("effect")
    clear = (total["conf_low"] > 0) | (total["conf_high"] < 0)
    lines = [f"mediated: {100 * r.mediated:.0f} % of the {r.effect} effect, {100 * r.conf_low:.0f} to "
             f"{100 * r.conf_high:.0f}" for r in result.share.itertuples() if clear[r.effect]]  # fmt: skip
    unclear = [effect for effect in total.index if not clear[effect]]
    if unclear:
        lines.append(f"no share of the {' and '.join(unclear)} effect: its interval holds zero")
    return lines


def heterogeneity_text(result) -> str:
    s = result.settings
    sizes = ", ".join(f"{name} ({size} {s['axis']})" for name, size in s["sizes"].items())
    lines = [f"Effects by {s['by']}: {s['formula']}", f"groups: {sizes}", *(f"note: {note}" for note in result.notes)]
    if s["axis"] == "units":
        lines.append("W of each group: links to other groups cut, rows standardised again")
    for (kind, term), part in result.tidy().query("term in @s['variables']").groupby(["effect", "term"], sort=False):
        lines += ["", tidy_text(part.assign(term=part["group"]), title=f"{kind}: {term}", level=s["level"])]
    head = ["difference", "estimate", "std. error", "z", "p", "p, permuted"]
    cells = [[f"{r.groups}, {r.effect}: {r.term}", number(r.estimate), number(r.std_error), number(r.statistic, 2),
              p_text(r.p_value).removeprefix("= "), number(r.p_permutation)]
             for r in result.differences.itertuples()]  # fmt: skip
    lines += ["", columns(cells, head)]
    if s["permutations"]:
        kept = int(np.isfinite(result.drawn).all(axis=1).sum())
        lines.append(f"permuted: {kept:,} of {s['permutations']:,} random groupings could be estimated, "
                     f"seed {s['seed']}")  # fmt: skip
    return "\n".join(lines)
