"""Policy results in words and columns for a terminal."""

from __future__ import annotations

import numpy as np

from .text import columns, number, p_text, tidy_text

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
        lines.append(f"comparison: untreated and in none of the rings {', '.join(rings)}")
    if settings["weights"]:
        lines.append(f"observations weighted by {settings['weights']}")
    if settings["period_by"]:
        lines.append(f"period effects by {settings['period_by']}")
    lines.append(f"standard errors: clustered by {settings['cluster']} ({s.n_clusters:,} groups)")
    lines += [f"note: {note}" for note in did.notes]
    letter = "t" if settings["method"] == "twfe" else "z"
    lines += ["", tidy_text(did.table, statistic=letter)]
    if did.path is not None:
        lines += ["", path_text(did.path, "periods since adoption", letter)]
        if ((did.path["period"] < 0) & ~did.path["reference"]).any():
            lines += ["", str(did.pretrends)]
    return "\n".join(lines)


def path_text(path, title: str, statistic: str) -> str:
    """By period; the reference, zero by construction, is said so."""
    cells = []
    for r in path.itertuples():
        if r.reference:
            cells.append([f"{r.period:+d}", "reference", "", "", "", "", ""])
            continue
        cells.append([f"{r.period:+d}", number(r.estimate), number(r.std_error), number(r.statistic, 2),
                      p_text(r.p_value).removeprefix("= "), number(r.conf_low), number(r.conf_high)])  # fmt: skip
    return columns(cells, [title, "estimate", "std. error", statistic, "p", "low", "high"])


def spatial_did_text(result) -> str:
    from .text import header

    said, settings = header(result.fit), result.settings
    lines = [f"Spatial difference-in-differences: effects of {result.treatment} on {result.response}", *said]
    lines += [f"{100 * settings['level']:g} % intervals: exact under the distribution of the estimates"]
    lines += [f"note: {note}" for note in result.notes if f"note: {note}" not in said]
    lines += ["", tidy_text(result.table)]
    treated, neighbours = result.table["n"].iloc[[0, -1]]
    lines.append(f"averages over {treated:,} treated unit-periods and {neighbours:,} of untreated neighbours")
    if result.path is not None:
        for kind, part in result.path.groupby("effect"):
            lines += ["", path_text(part, f"{kind}, periods since adoption", "z")]
        if result.settings["before"]:
            lines += ["", str(result.pretrends)]
    return "\n".join(lines)


def what_if_text(result, shown: int = 12) -> str:
    d, settings = result.fit.design, result.settings
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
    return "\n".join([*lines, "", columns(cells, head), "", tidy_text(result.table, statistic="t")])


def placebo_text(placebo) -> str:
    lines = [f"Placebo: the dates of {placebo.treatment} dealt out among the units; effect on {placebo.response}",
             f"{int(placebo.table['draws'].max()):,} draws, seed {placebo.seed}; p is two-sided. "
             "Null: no effect on any unit", ""]  # fmt: skip
    cells = [[r.term, number(r.estimate), p_text(r.p_value).removeprefix("= "), number(r.placebo_mean),
              number(r.placebo_sd)] for r in placebo.table.itertuples()]  # fmt: skip
    return "\n".join([*lines, columns(cells, ["", "actual", "p", "placebo mean", "placebo s.d."])])


def mediation_text(result) -> str:
    s = result.settings
    lines = [f"Mediation ({s['model']}): effect of {s['x']} on {s['response']} through {s['mediator']}",
             f"model: {s['formula']}", f"weights: {result.fits['mediator'].design.weights.header()}",
             f"intervals: {s['kept']:,} bootstrap samples of units' residuals, seed {s['seed']}",
             "direct: on the unit's own outcome; indirect: on others'"]  # fmt: skip
    for path, part in result.table.groupby("path", sort=False):
        title = {"mediated": "through the mediator", "unmediated": "not through it", "total": "both paths"}[path]
        lines += ["", tidy_text(part.assign(term=part["effect"]), title=title)]
    shares = ", ".join(f"{100 * r.mediated:.0f} % of the {r.effect}" for r in result.share.itertuples())
    return "\n".join([*lines, "", f"mediated: {shares} effect"])


def heterogeneity_text(result) -> str:
    s = result.settings
    sizes = ", ".join(f"{name} ({size} {s['axis']})" for name, size in s["sizes"].items())
    lines = [f"Effects by {s['by']}: {s['formula']}", f"groups: {sizes}"]
    if s["axis"] == "units":
        lines.append("W of each group: links to other groups cut, rows standardised again")
    for (kind, term), part in result.tidy().query("term in @s['variables']").groupby(["effect", "term"], sort=False):
        lines += ["", tidy_text(part.assign(term=part["group"]), title=f"{kind}: {term}")]
    head = ["difference", "estimate", "std. error", "z", "p", "p, permuted"]
    cells = [[f"{r.groups}, {r.effect}: {r.term}", number(r.estimate), number(r.std_error), number(r.statistic, 2),
              p_text(r.p_value).removeprefix("= "), number(r.p_permutation)]
             for r in result.differences.itertuples()]  # fmt: skip
    lines += ["", columns(cells, head)]
    if s["permutations"]:
        kept = int(np.isfinite(result.drawn).all(axis=1).sum())
        lines.append(f"permuted: {kept:,} of {s['permutations']:,} deals of the groups could be estimated, "
                     f"seed {s['seed']}")  # fmt: skip
    return "\n".join(lines)
