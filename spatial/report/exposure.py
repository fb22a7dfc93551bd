"""A policy that reaches the neighbors, in words and columns for a terminal."""

from __future__ import annotations

import numpy as np

from spillover.language import phrase, phrases, stored

from ..policy.dependence import in_words
from ..policy.exposure_parts import ON_UNTREATED
from .header import note_line
from .policy import before_text, path_text, with_df
from .text import columns, number, p_text

MAPPINGS = {
    "any": "any treated neighbor", "share": "share of treated neighbors", "count": "number of treated neighbors",
    "rings": "ring of the nearest treated unit",
}  # fmt: skip


def exposure_text(result) -> str:
    s, settings, level = result.sample, result.settings, result.settings["level"]
    treated, exposed = (result._parts.masks()[name].any(axis=0).sum() for name in
                        ("total on the treated", ON_UNTREATED))  # fmt: skip
    lines = [
        phrase("Policy with spillovers, by imputation from untreated and unexposed observations: {formula}",
               formula=s.formula),
        phrase("{n} observations ({units} units x {periods} periods); {treated} units treated, {exposed} exposed while "
               "untreated", n=f"{np.count_nonzero(s.mass):,}", units=f"{len(s.ids):,}", periods=len(s.times),
               treated=int(treated), exposed=int(exposed)),
        phrases("exposure: {mapping}; at least {n} clean unit in every period with effects",
                "exposure: {mapping}; at least {n} clean units in every period with effects", settings["clean"],
                mapping=stored(MAPPINGS[settings["exposure"]])),
    ]  # fmt: skip
    if settings["weights"]:
        lines.append(phrase("observations weighted by {column}", column=settings["weights"]))
    if settings["period_by"]:
        lines.append(phrase("period effects by {column}", column=settings["period_by"]))
    lines.append(phrase("standard errors: conservative, errors correlated {groups}; scaled to independent errors; "
                        "Satterthwaite's t",
                        groups=stored(in_words(settings["vcov"], s, settings["cluster"]))))  # fmt: skip
    lines += map(note_line, result.notes)
    lines += ["", with_df(result.table, level, ""), "", levels_text(result.levels, level)]
    unit = s.times.name or "time"
    for name, part in result.path.groupby("effect", sort=False):
        event = f"{unit} since {'first exposure' if name == ON_UNTREATED else 'adoption'}"
        lines += ["", path_text(part, f"{name}: {event}", "t", level)]
    if settings["band"] == "simultaneous":
        lines.append(f"intervals and p of each path hold for all of it together at {100 * level:g} %")
    return "\n".join(lines + before_text(result))


def levels_text(table, level: float) -> str:
    """Every effect by level of exposure."""
    cells = [[f"{r.effect}: {r.level}", number(r.estimate), number(r.std_error), number(r.statistic, 2),
              number(r.df, 1), p_text(r.p_value).removeprefix("= ") if np.isfinite(r.p_value) else "",
              number(r.conf_low), number(r.conf_high)] for r in table.itertuples()]  # fmt: skip
    return columns(cells, ["by exposure", "estimate", "std. error", "t", "df", "p", f"{100 * level:g} % low", "high"])
