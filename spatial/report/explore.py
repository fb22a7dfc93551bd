"""Moran's I and its family in words and columns for a terminal."""

from __future__ import annotations

import math

import numpy as np

from spillover.errors import SHOWN

from .text import _pad, text_width

RULES = {"none": "no correction for many tests", "fdr": "false discovery rate", "bonferroni": "Bonferroni"}


def global_text(result) -> str:
    head = f"{result.title} of {result.variable!r}: {result.n:,} units; weights {result.weights}"
    first = f"{result.symbol} = {result.estimate:.6g}   expected {result.expected:.6g}"
    rows = []
    for name, variance, z, p in (
        ("normality", result.variance_norm, result.z_norm, result.p_norm),
        ("randomisation", result.variance_rand, result.z_rand, result.p_rand),
    ):
        if not math.isnan(variance):
            rows.append((name, number(result.sd_of(variance)), f"{z:.3f}", p_text(p)))
    if result.permutations:
        sd = number(float(np.std(result.simulated)))
        rows.append((f"{result.permutations:,} permutations", sd, f"{result.z_sim:.3f}", p_text(result.p_sim)))
    foot = f"null: {result.null}; {result.alternative}; seed {result.seed}"
    return "\n".join([head, first, table(("", "sd", "z", "p"), rows), foot, *result.notes])


def local_text(result) -> str:
    n = len(result.p_values.dropna())
    counts = result.frame["cluster"].value_counts(sort=False)
    rows = [(label, f"{count:,}") for label, count in counts.items() if count]
    limits, refined = result.cutoffs, result.draws.max(initial=0)
    fdr = f"{limits['fdr']:.3g}" if limits["fdr"] else "none is so small"
    draws = f"{result.permutations:,} permutations, seed {result.seed}"
    if refined > result.permutations:
        draws += f" ({refined:,} for the {(result.draws == refined).sum():,} units whose tail is thin)"
    lines = [
        f"{result.title} of {result.variable!r}: {n:,} units tested; weights {result.weights}",
        table(("cluster", "units"), rows),
        f"significant: p <= {limits[result.correction]:.3g} ({RULES[result.correction]}, {result.significance:g}); "
        f"cut-offs: FDR {fdr}, Bonferroni {limits['bonferroni']:.3g}",
        f"null: {result.null}; {result.alternative}; {draws if result.permutations else 'exact moments, normal'}",
    ]
    if len(result.undecided):
        lines.append(f"{len(result.undecided)} units lie within Monte Carlo error of the cut-off")
    return "\n".join([*lines, *result.notes])


def join_text(result) -> str:
    rows = [
        [r["joins"], f"{r['count']:g}", *(number(r[c]) for c in ("expected", "sd", "z"))]
        + [p_text(r[c]) for c in ("p_rand", "p_sim")]
        for r in result.frame.to_dict("records")
    ]
    head = f"Join counts of {result.variable!r}: {result.n:,} units; weights {result.weights}"
    foot = f"null: {result.null}; {result.alternative}; {result.permutations:,} permutations, seed {result.seed}"
    return "\n".join([head, table(("joins", "count", "expected", "sd", "z", "p", "p (perm.)"), rows), foot,
                      *result.notes])  # fmt: skip


def moran_by_text(result) -> str:
    head = [f"Moran's I by {result.time}"]
    head += [f"weights {name}: {line}" for name, line in result.weights.items()]
    body = []
    for (weights, variable), part in result.frame.groupby(["weights", "variable"], sort=False):
        title = variable if len(result.weights) == 1 else f"{variable} ({weights})"
        rows = [
            [row[result.time], *(f"{row[c]:.4f}" for c in ("I", "expected", "sd", "z"))]
            + [p_text(row[c]) for c in ("p_rand", "p_sim")]
            for row in part.to_dict("records")
        ]
        body += ["", title, table((result.time, "I", "E(I)", "sd", "z", "p", "p (perm.)"), rows)]
    more = [f"and {len(result.notes) - SHOWN} more of such notes"] if len(result.notes) > SHOWN else []
    return "\n".join([*head, *body, "", _tests(result), *result.notes[:SHOWN], *more])


def correlogram_text(result) -> str:
    rows = []
    for r in result.frame.to_dict("records"):
        numbers = [f"{r[c]:.4f}" for c in ("I", "expected", "sd", "z")]
        tests = [p_text(r[c]) for c in ("p_rand", "p_sim", "p_holm")]
        rows.append([r["lag"], *numbers, *tests, f"{r['links']:,}", f"{r['n']:,}"])
    head = (result.step, "I", "E(I)", "sd", "z", "p", "p (perm.)", "p (Holm)", "pairs", "units")
    joint = f"any of these {len(rows)} together: p {_equals(result.frame['p_holm'].min())} (Holm)"
    return "\n".join([f"Correlogram of {result.variable!r}", table(head, rows), joint, _tests(result), *result.notes])


def transitions_text(result) -> str:
    p, totals = result.probabilities, result.counts.sum(axis=1)
    rows = [[label, *(number(v) for v in p.loc[label]), f"{totals[label]:,}"] for label in p.index]
    rows.append(["steady state", *(number(v) for v in result.steady_state), ""])
    head = f"Quadrant moves of {result.variable!r} by {result.time}; weights {result.weights}"
    moved = ", ".join(f"{name} {count:,}" for name, count in result.moves.items())
    return "\n".join([head, table(("from / to", *p.index, "moves"), rows), f"who moved: {moved}", *result.notes])


def rates_text(result) -> str:
    f = result.frame.dropna()
    toward = "the overall rate" if result.kind == "global" else "the rate of the unit and its neighbors"
    rows = [[name, *(f"{v:.4g}" for v in (f[name].min(), f[name].median(), f[name].max()))]
            for name in ("population", "rate", "smoothed", "shrinkage")]  # fmt: skip
    lines = [f"Empirical Bayes rates {result.variable}: {len(f):,} units, drawn towards {toward}",
             table(("", "lowest", "median", "highest"), rows)]  # fmt: skip
    return "\n".join([*lines, *([f"weights {result.weights}"] if result.weights else []), *result.notes])


def _tests(result) -> str:
    draws = f"{result.permutations:,} permutations, seed {result.seed}"
    return f"sd, z, p under randomisation; {result.alternative}; {draws}"


def _equals(p: float) -> str:
    return "< 1e-4" if p < 1e-4 else f"= {p:.4f}"


def p_text(p) -> str:
    """Never 0.0000."""
    if p is None or np.isnan(p):
        return "-"
    return "<1e-4" if p < 1e-4 else f"{p:.4f}"


def number(x) -> str:
    return "-" if x is None or np.isnan(x) else f"{x:.4f}" if abs(x) >= 0.01 or x == 0 else f"{x:.3g}"


def table(header, rows) -> str:
    """Columns of text, the first to the left, the others to the right; East Asian characters count twice."""
    cells = [[str(value) for value in row] for row in [header, *rows]]
    widths = [max(text_width(row[c]) for row in cells) for c in range(len(header))]
    lines = ["  ".join(_pad(v, w, left=c == 0) for c, (v, w) in enumerate(zip(row, widths))) for row in cells]
    return "\n".join(line.rstrip() for line in lines)
