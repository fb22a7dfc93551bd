"""Policy results in words and columns for a terminal."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError
from spillover.language import listed, phrase, stored

from ..effects.horizon import LONG
from .header import header, note_line
from .intervals import by_ratios, ratios_text
from .policy_design import comparison_lines
from .text import columns, given_stationarity, horizon_line, number, p_text, statistic_note, tidy_text


def did_text(did) -> str:
    s, settings = did.sample, did.settings
    treated = s.D.any(axis=0)
    methods = {
        "twfe": phrase("two-way fixed effects"), "imputation": phrase("imputation from untreated observations"),
        "group_time": phrase("group-time effects"), "switchers": phrase("units whose treatment changes"),
    }  # fmt: skip
    lines = [
        phrase("Difference-in-differences by {method}: {formula}", method=methods[settings["method"]],
               formula=s.formula),
        phrase("{n} observations ({units} units x {periods} periods); {treated} units treated, {never} never",
               n=f"{np.count_nonzero(s.mass):,}", units=f"{len(s.ids):,}", periods=len(s.times),
               treated=int(treated.sum()), never=int((~treated).sum())),
    ]  # fmt: skip
    lines += comparison_lines(did)
    if settings["weights"]:
        lines.append(phrase("observations weighted by {column}", column=settings["weights"]))
    if settings["period_by"]:
        lines.append(phrase("period effects by {column}", column=settings["period_by"]))
    lines.append(phrase("standard errors: delete-one jackknife over {groups} ({n}), scaled to independent errors; "
                        "Satterthwaite's t", groups=stored(settings["cluster"]), n=f"{s.n_clusters:,}"))  # fmt: skip
    lines += map(note_line, did.notes)
    lines += ["", with_df(did.table, settings["level"], "")]
    if did.randomization is not None:
        lines.append(randomization_text(did.randomization))
    if did.path is not None:
        event = "the first change" if settings["method"] == "switchers" else "adoption"
        unit = f"{s.times.name or 'time'} since {event}"
        parts = did.path.groupby("effect", sort=False) if "effect" in did.path else [("", did.path)]
        for name, part in parts:
            own = name in ("", "treated") or did.curve is not None
            clock = unit if own else f"{s.times.name or 'time'} since a treated unit came near"
            lines += ["", path_text(part, f"{name}: {clock}" if name else clock, "t", settings["level"])]
        if settings.get("band") == "simultaneous" and did.curve is None:
            lines.append(f"intervals and p hold for all of them together at {100 * settings['level']:g} %")
    if did.curve is not None:
        for name, part in did.curve.groupby("effect", sort=False):
            shown = part.assign(term=[f"{d:.4g}" for d in part["dose"]])
            lines += ["", with_df(shown, settings["level"], f"{name} at {settings['dose'].column}")]
        if settings["band"] == "simultaneous":
            lines.append(f"paths and curves: intervals and p of each hold together at {100 * settings['level']:g} %")
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
    lines = [phrase("Before adoption, {basis}:", basis=stored(tests.basis))]
    if tests.joint is not None:
        span, t = listed(f"{k:+g}" for k in tests.leads), tests.joint
        lines.append("  " + phrase("joint ({leads}): {distribution} = {statistic}, p {p}. Null: {null}", leads=span,
                                   distribution=t.distribution, statistic=f"{t.statistic:.3f}", p=p_text(t.p_value),
                                   null=stored(t.null)))  # fmt: skip
    if tests.slope is not None:
        t = tests.slope
        line = phrase("slope {estimate} (s.e. {error}): {distribution} = {statistic}, p {p}. Null: {null}",
                      estimate=number(t.estimate), error=number(t.std_error), distribution=t.distribution,
                      statistic=f"{t.statistic:.3f}", p=p_text(t.p_value), null=stored(t.null))  # fmt: skip
        lines.append("  " + line)
    lines += [f"  {stored(note)}" for note in tests.notes]
    return "\n".join([*lines, *(f"  {line}" for line in what_it_is_worth(tests))])


def rejected(tests, significance: float = 0.05) -> list[str]:
    return [t.name for t in (tests.joint, tests.slope) if t is not None and t.p_value < significance]


def what_it_is_worth(tests) -> list[str]:
    """A sentence that follows from p-values and power: rejected, no power, or power enough."""
    if names := rejected(tests):
        return [phrase("trends before adoption differ ({tests} rejected at 5 %): the effect may continue them",
                       tests=listed(map(stored, names)))]  # fmt: skip
    if tests.slope is None:
        return [phrase("not rejected, by a test whose power is unknown: no evidence of parallel trends")]
    s = tests.slope
    power = phrase("80 % power needs a slope of {slope}, which alone would move the effect by {moves} (the effect: "
                   "{effect}):", slope=number(s.detectable), moves=number(s.moves),
                   effect=number(tests.effect))  # fmt: skip
    if tests.weak:
        return [power, phrase("no power against trends that could make up the whole effect; not to reject says little")]
    return [power, phrase("a trend that makes up the whole effect would be found more often than that")]


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


def exact_intervals(level: float) -> str:
    """How intervals that follow from the estimates' law came about."""
    return phrase("{level} % intervals: exact under the distribution of the estimates", level=f"{100 * level:g}")


def spatial_did_text(result) -> str:
    settings, level = result.settings, result.settings["level"]
    by_unit = "df" in result.table
    letter = "z" if result.fit.df_resid is None and not by_unit else "t"
    errors = None
    if by_unit:
        errors = phrase("delete-one jackknife over {n} units, scaled to independent errors; Satterthwaite's t",
                        n=f"{result.fit._design.n_units:,}")  # fmt: skip
    head = header(result.fit, errors)
    lines = [phrase("Spatial difference-in-differences: effects of {treatment} on {outcome}",
                    treatment=result.treatment, outcome=result.response), *head]  # fmt: skip
    if not by_unit:
        lines.append(exact_intervals(settings["level"]))
    lines += [line for line in map(note_line, result.notes) if line not in head]
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


def weights_line(w) -> str:
    """Which weights, in a line."""
    return phrase("weights: {weights}", weights=stored(w.header()))


def what_if_text(result, shown: int = 12) -> str:
    d, settings = result.fit._design, result.settings
    table = result.table
    changed = int((table["change"] != 0).sum())
    of = {"variable": result.variable, "n": f"{changed:,}", "units": f"{len(table):,}", "formula": d.formula}
    first = phrase("What if {variable} changes in {n} of {units} units: {formula}", **of)
    if settings["period"] is not None:
        first = phrase("What if {variable} changes in {n} of {units} units as of {period}: {formula}",
                       period=settings["period"], **of)  # fmt: skip
    how = phrase("{level} % intervals: {how}", level=f"{100 * settings['level']:g}", how=ratios_text(result.fit)) if (
        by_ratios(result.fit)) else exact_intervals(settings["level"])  # fmt: skip
    lines = [first, *horizon_line(settings["horizon"]), weights_line(d.weights), how, ""]
    part = table.reindex(table["estimate"].abs().sort_values(ascending=False, kind="stable").index)[:shown]
    head = ["largest responses", "change", "estimate", "std. error", "low", "high"]
    keys = ["change", "estimate", "std_error", "conf_low", "conf_high"]
    if "percent" in table:
        head, keys = [*head, "per cent"], [*keys, "percent"]
    lines.append(columns([[str(unit), *(number(row[k]) for k in keys)] for unit, row in part.iterrows()], head))
    if settings["horizon"] == LONG:
        lines += given_stationarity(result.fit)
    return "\n".join(lines)


def threshold_text(result) -> str:
    s = result.settings
    T, N = s["size"]
    lines = [
        phrase("Threshold regression (Hansen 1999): {formula}", formula=s["formula"]),
        phrase("effect of {variable} by {threshold}; {n} observations ({units} units x {periods} periods, {effects} "
               "effects)", variable=s["switching"], threshold=s["variable"], n=f"{T * N:,}", units=f"{N:,}", periods=T,
               effects=stored(str(s["effects"]))),
    ]  # fmt: skip
    if s["weights"]:
        lines.append(phrase("weights: {weights}", weights=stored(s["weights"])))
    lines.append(phrase("grid of {n} values, {share} of the observations in each regime at least", n=s["grid"],
                        share=f"{s['trim']:.0%}"))  # fmt: skip
    lines.append(phrase("p-values: {n} bootstrap samples of units' residuals, seed {seed}", n=f"{s['draws']:,}",
                        seed=s["seed"]))  # fmt: skip
    lines += map(note_line, result.notes)
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
    lines = [
        phrase("Mediation ({model}): effect of {variable} on {outcome} through {mediator}", model=s["model"],
               variable=s["x"], outcome=s["response"], mediator=s["mediator"]),
        phrase("model: {formula}", formula=s["formula"]), weights_line(result.fits["mediator"]._design.weights),
        phrase("intervals: {n} bootstrap samples of units' residuals, seed {seed}", n=f"{s['kept']:,}", seed=s["seed"]),
        phrase("direct: on the unit's own outcome; indirect: on others'"),
    ]  # fmt: skip
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
    sizes = listed(phrase("{group} ({n} units)", group=name, n=size) if s["axis"] == "units" else
                   phrase("{group} ({n} periods)", group=name, n=size)
                   for name, size in s["sizes"].items())  # fmt: skip
    lines = [phrase("Effects by {by}: {formula}", by=s["by"], formula=s["formula"]),
             phrase("groups: {groups}", groups=sizes), *map(note_line, result.notes)]  # fmt: skip
    if s["axis"] == "units":
        lines.append(phrase("W of each group: links to other groups cut, rows standardised again"))
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
