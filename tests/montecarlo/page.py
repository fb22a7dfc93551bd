"""docs/certificate.md, written from the journal alone."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from statistics import median

import pandas as pd

from spatial.records.limits import LIMITS

from .cell import Cell
from .engine import COVERAGE, JOURNAL, Tally, Z, read_journal, tally_of
from .grid import cells
from .grid_peers import FAMILY as BESIDE

PAGE = Path(__file__).parents[2] / "docs" / "certificate.md"
ORDER = ("rho", "lambda", "tau", "eta", "beta", "theta", "direct", "indirect", "total")

HEAD = """# Certificate: do intervals and tests hold?

A 95 % interval should hold the truth in 95 of 100 samples, and a test at 5 % reject a true null in 5. Every line below
is one design, a *cell*. In all {samples:,} samples were drawn, estimated by the public functions as a user calls them,
and counted. `python -m tests.montecarlo list` names the cells, `make certify` runs those whose inputs changed, and this
page is written from `tests/reference/montecarlo/results.jsonl`, where every line says its seed and the commit that it
was made at: {commits}.

* **The bars** are coverage of 93 % and size of 7 %. A cell has 400 samples (200 beside other packages), and 2,000 where
  it is near a bar: {refined} cells have them, {near} wait for theirs; {fewer} have fewer than 400 so far (the tables
  say how many) and a wider band.
* *Within the band*: on the wrong side of the bar, but by less than {z} standard errors of the Monte Carlo, which are
  {band400} points of coverage at 400 samples and {band2000} at 2,000. **Out**: by more.
* Regressors and errors are drawn anew in every sample; rho and lambda are .4 unless the name says otherwise, slopes 1,
  .5, -.5, ... and theta half of them; `k4` is four regressors.
* `knn` is five nearest of points at random, `dense` inverse distance between all, `group` groups of unequal size,
  `coast` US counties around Nantucket, two or three of which are islands.
* `x`, `neighbors` and `units` are variances that grow with x^2, with the number of neighbors, from unit to unit;
  `serial` is AR(.5) of regressors and errors, `space` correlation over 150 km, `factor` a common shock.
* Which designs stand here was chosen so that every estimator, option and kind of data occurs, within what two cores
  compute in half an hour; hard ones are many. The share of cells that is out is that of these designs, not of studies.
  The words of the limits below were written after the cells had been seen.
"""


def results() -> dict[str, tuple[Cell, dict, Tally]]:
    """The cells that have a line, in the grid's order."""
    journal = read_journal(JOURNAL)
    return {cell.name: (cell, journal[cell.name], tally_of(journal[cell.name])) for cell in cells()
            if cell.name in journal}  # fmt: skip


def page() -> str:
    everything = results()
    of_us = {name: row for name, row in everything.items() if row[0].family != BESIDE}
    parts = [_head(everything), "## Summary\n", summary(of_us), "", *where_it_does_not_hold(of_us), *beside(everything)]
    for family in dict.fromkeys(cell.family for cell, *_ in of_us.values()):
        rows = [row for row in of_us.values() if row[0].family == family]
        parts += [f"\n## {family[0].upper()}{family[1:]}\n", *_table(rows)]
    return "\n".join(parts).rstrip() + "\n"


def write() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def _head(everything) -> str:
    commits = Counter(line["commit"] for _, line, _ in everything.values())
    names = ", ".join(f"`{commit}` ({count})" for commit, count in commits.most_common())
    tallies = [tally for cell, _, tally in everything.values() if cell.family != BESIDE]
    refined = sum(tally.samples >= 2000 for tally in tallies)
    near = sum(tally.near() and tally.samples < 2000 for tally in tallies)
    fewer = sum(tally.samples < 400 for tally in tallies)
    band400, band2000 = (100 * Z * math.sqrt(COVERAGE * (1 - COVERAGE) / n) for n in (400, 2000))
    samples = sum(tally.samples for *_, tally in everything.values())
    numbers = {"refined": refined, "near": near, "fewer": fewer,
               "band400": f"{band400:.1f}", "band2000": f"{band2000:.1f}"}  # fmt: skip
    return HEAD.format(samples=samples, commits=names, z=Z, **numbers)


def summary(rows: dict | None = None) -> str:
    """A line per family: cells, worst and median coverage, worst and median size, cells within the band and out."""
    if rows is None:
        rows = {name: row for name, row in results().items() if row[0].family != BESIDE}
    lines = ["| | cells | coverage: worst | median | size: worst | median | within the band | out |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    families = list(dict.fromkeys(cell.family for cell, *_ in rows.values()))
    for family in [*families, None]:
        tallies = [tally for cell, _, tally in rows.values() if family in (None, cell.family)]
        shares = {kind: [c.share for t in tallies for c in t.judged().values() if c.kind == kind]
                  for kind in ("coverage", "size")}  # fmt: skip
        worst = [_percent(min(shares["coverage"], default=math.nan)), _percent(_median(shares["coverage"])),
                 _percent(max(shares["size"], default=math.nan)), _percent(_median(shares["size"]))]  # fmt: skip
        verdicts = Counter(tally.verdict() for tally in tallies)
        cell = [family or "all", str(len(tallies)), *worst, str(verdicts["within"] or ""), str(verdicts["out"] or "")]
        lines.append("| " + " | ".join(cell) + " |")
    return "\n".join(lines)


def limit_of(line: dict) -> str | None:
    """The limit that most samples of a cell's results name."""
    messages = line.get("said", {})
    return max(messages, key=messages.get) if messages else None


def where_it_does_not_hold(rows) -> list[str]:
    """Cells out, under the words that their results carry."""
    out = {name: row for name, row in rows.items() if row[2].verdict() == "out"}
    two = sum(bool({"sac", "gns"} & set(name.split("-"))) for name in out)
    count = (f"{len(out)} of {len(rows)} cells are out, {two} of them SAC and GNS; the aim is one in twelve. What is "
             "quoted is what the fit, its effects or a warning say there.\n")  # fmt: skip
    parts = ["## Where it does not hold\n", count]
    keys = [limit_of(line) for _, line, _ in out.values()]
    for key in [*(k for k in LIMITS if k in keys), *([None] if None in keys else [])]:
        parts += [f"> {LIMITS[key]}\n" if key else "Without a word at the fit:\n", "| cell | worst |", "| --- | --- |"]
        for name, (_, line, tally) in out.items():
            if limit_of(line) == key:
                worst = sorted(tally.judged().items(), key=lambda item: -item[1].short)[:2]
                shares = ", ".join(f"{measure} {_percent(c.share)}" for measure, c in worst if c.short > 0)
                parts.append(f"| {name} | {shares} |")
        parts.append("")
    return parts


def beside(everything) -> list[str]:
    """Our coverage and that of other packages in the same samples."""
    parts = ["## Beside other packages\n",
             "Coverage of 95 % intervals in the same samples, per cent. `spatialreg`, `xsmle` and `splm` are their "
             "formula, the likelihood without corrections (`correction=False`), with the observed information; "
             "`spatialreg in R` is the package itself, by `tests/reference/montecarlo/spatialreg.R`.\n",
             "| cell | measure | ours | others |", "| --- | --- | ---: | --- |"]  # fmt: skip
    in_r = pd.read_csv(JOURNAL.with_name("spatialreg.csv"), comment="#").set_index(["cell", "measure"])
    for cell, _, tally in everything.values():
        if cell.family != BESIDE:
            continue
        for measure, count in tally.judged().items():
            others = {name[len(measure) + 2 : -1]: c.share for name, c in tally.counts.items()
                      if name.startswith(f"{measure} (")}  # fmt: skip
            if (cell.name, measure) in in_r.index:
                others["spatialreg in R"] = in_r.loc[(cell.name, measure), "hits"] / in_r["samples"].iloc[0]
            if others:
                words = ", ".join(f"{name} {_percent(share)}" for name, share in others.items())
                parts.append(f"| {cell.name.removesuffix('-peers')} | {measure} | {_percent(count.share)} | {words} |")
    return parts if len(parts) > 4 else []


def _table(rows) -> list[str]:
    """All cells of one family."""
    kinds = {c.kind for *_, tally in rows for c in tally.counts.values()}
    names = dict.fromkeys(name for *_, tally in rows for name in tally.counts)
    if kinds == {"coverage"} and set(names) <= set(ORDER):
        columns = [name for name in ORDER if name in names]
        lines = ["| cell | samples | " + " | ".join(columns) + " | length | power | no estimate |",
                 "| --- | ---: |" + " ---: |" * (len(columns) + 3)]  # fmt: skip
        for cell, _, tally in rows:
            shares = [_cell(tally.counts.get(name)) for name in columns]
            last = tally.counts.get("total") or tally.counts.get("beta")
            more = [_length(last), _percent(last.excludes_zero / last.samples)] if last else ["", ""]
            lost = sum(tally.errors.values())
            more.append(f"{_percent(lost / tally.samples)} ({', '.join(sorted(tally.errors))})" if lost else "")
            lines.append(f"| {cell.name} | {tally.samples:,} | " + " | ".join([*shares, *more]) + " |")
        note = ("Length: geometric mean for the total effect, else the slope; per cent with infinite ends. "
                "Power: it excludes 0.")  # fmt: skip
        return [*lines, "", note]
    lines = ["| cell | samples | per cent of samples |", "| --- | ---: | --- |"]
    for cell, _, tally in rows:
        words = ", ".join(f"{name} {_cell(c)}" + " (power)" * (c.kind == "power") for name, c in tally.counts.items())
        lines.append(f"| {cell.name} | {tally.samples:,} | {words} |")
    return lines


def _cell(count) -> str:
    if count is None:
        return ""
    text = _percent(count.share)
    return f"**{text}**" if count.short > count.band else f"*{text}*" if count.short > 0 else text


def _length(count) -> str:
    return f"{count.length:.2f}" + f" ({_percent(count.infinite / count.samples)} infinite)" * bool(count.infinite)


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.1f}"


def _median(values: list[float]) -> float:
    return median(values) if values else math.nan


