"""Indicators in words and columns for a terminal."""

from __future__ import annotations

import numpy as np

from .explore import p_text as p_cell
from .text import columns, number, p_text, tidy_text

WORDS = {"entropy": "entropy weights", "critic": "CRITIC weights", "equal": "equal weights",
         "pca": "weights of the first principal component"}  # fmt: skip


def sigma_text(result) -> str:
    table = result.frame
    wide = table.pivot(index=table.columns[1], columns="group", values="cv")[table["group"].unique()]
    rows = [[str(period), *(number(v) for v in row)] for period, row in zip(wide.index, wide.to_numpy())]
    return "\n".join([f"Sigma convergence of {result.column!r}: coefficient of variation",
                      columns(rows, [str(wide.index.name), *map(str, wide)]), "", str(result.tests)])  # fmt: skip


def beta_text(result) -> str:
    rows = [
        [r.term, number(r.estimate), number(r.std_error), p_cell(r.p_value), number(r.speed), number(r.speed_error),
         number(r.half_life, 1)]
        for r in result.table.itertuples()
    ]  # fmt: skip
    head = ["of the initial level", "estimate", "std. error", "p", "speed", "std. error", "half-life"]
    steps = "1 period, year after year" if result.span == 1 else f"{result.span:g} periods"
    return "\n".join([f"Beta convergence over {steps}", columns(rows, head), "", str(result.fit)])


def densities_text(result) -> str:
    peaks = result.frame.idxmax()
    rows = [[str(p), number(peaks[p]), number(result.frame[p].max()), number(h)]
            for p, h in result.bandwidths.items()]  # fmt: skip
    head = ["", "highest at", "height", "bandwidth"]
    return "\n".join([f"Gaussian kernel densities of {result.column!r}", columns(rows, head)])


def scores_text(result) -> str:
    rows = [[str(period), *(number(v) for v in (r["mean"], r["smallest"], r["largest"])),
             f"{r['on_frontier']:.0f} of {r['units']:.0f}"] for period, r in result.by_period.iterrows()]  # fmt: skip
    lines = [result.title, columns(rows, ["", "mean", "smallest", "largest", "on the frontier"])]
    lost = int(result.scores.isna().sum())
    return "\n".join(lines + [f"programmes without a solution: {lost}"] * (lost > 0))


def frontier_text(result) -> str:
    e = result.efficiency
    return "\n".join([
        result.title, "", tidy_text(result.tidy()), "",
        f"log-likelihood {result.loglik:.3f}; least squares {result.loglik_ols:.3f}; LR of no inefficiency "
        f"{result.lr:.3f}, p {p_text(result.lr_p_value)} (mixed chi-squared)",
        f"efficiency: mean {e.mean():.4f}, from {e.min():.4f} ({_label(e.idxmin())}) to {e.max():.4f} "
        f"({_label(e.idxmax())})",
    ])  # fmt: skip


def growth_text(result) -> str:
    parts = [f"Growth from {result.start} to {result.end}; levels: {result.base} = 100"]
    for variable, rows in result.table.groupby("variable", sort=False):
        cells = [
            [str(r.unit), number(r.first, 2), number(r.last, 2), _percent(r.growth), _percent(r.share_first),
             _percent(r.share_last), number(r.level_last, 1)]
            for r in rows.rename(columns={rows.columns[1]: "unit"}).itertuples()
        ]  # fmt: skip
        head = [str(variable), str(result.start), str(result.end), "% a period", f"share % {result.start}",
                f"share % {result.end}", f"level {result.end}"]  # fmt: skip
        parts.append(columns(cells, head))
    return "\n\n".join(parts)


def index_text(result) -> str:
    how = "" if result.scores.index.nlevels == 1 else ", all periods together" if result.pooled else ", by period"
    head = [f"Composite index of {result.normalised.shape[1]} indicators by {WORDS[result.method]}{how}",
            f"{len(result.scores):,} scores, mean {number(result.scores.mean())}, "
            f"from {number(result.scores.min())} to {number(result.scores.max())}"]  # fmt: skip
    if not result.pooled:
        head.append("scores compare units within a period, not periods; weights below are averages over periods")
    kinds = ["within", "group_weight", "weight"] if result.groups.shape[1] else ["weight"]
    mean = result.weights.groupby(["group", "indicator", "direction"], sort=False)[kinds].mean()
    rows = [[*([str(g)] if len(kinds) > 1 else []), str(i), d, *(number(v) for v in row)]
            for (g, i, d), row in zip(mean.index, mean.to_numpy())]  # fmt: skip
    names = [*(["group"] if len(kinds) > 1 else []), "indicator", "direction", *kinds]
    return "\n".join([*head, "", columns(rows, names)])


def inequality_text(result) -> str:
    shares = result.shares
    head = [str(result.frame.index.name or ""), *result.frame, *(f"{name}, %" for name in shares)]
    rows = [
        [str(period), *(number(v) for v in row), *(number(100 * v, 1) for v in shares.loc[period])]
        for period, row in zip(result.frame.index, result.frame.to_numpy())
    ]
    return "\n".join([f"{result.measure} of {result.column!r}", columns(rows, head)])


def productivity_text(result) -> str:
    means = result.by_period
    rows = [[str(period), *(number(v) for v in row)] for period, row in zip(means.index, means.to_numpy())]
    rows.append(["all", *(number(v) for v in np.exp(np.log(result.frame).mean()))])
    lines = [f"{result.title}: geometric means over {result.frame.index.get_level_values(0).nunique()} units",
             columns(rows, ["to", *means.columns])]  # fmt: skip
    if len(result.infeasible):
        units = ", ".join(f"{r[0]} {r[1]}" for r in result.infeasible.to_numpy()[:5])
        more = " ..." * (len(result.infeasible) > 5)
        lines.append(f"programmes without a solution, left out: {len(result.infeasible)} ({units}{more})")
    return "\n".join(lines)


def accounting_text(result) -> str:
    means = 100 * result.frame.drop(columns="log_tfp").groupby(level=1).mean().dropna()
    rows = [[str(period), *(number(v, 2) for v in row)] for period, row in zip(means.index, means.to_numpy())]
    rows.append(["all", *(number(v, 2) for v in means.mean())])
    how = "given" if np.isnan(result.share_error) else f"estimated, std. error {result.share_error:.4f}"
    head = f"Growth accounting, capital's share {result.capital_share:.4f} ({how}): means over units, log points"
    return "\n".join([head, columns(rows, ["to", *means.columns])])


def markov_text(result) -> str:
    P, moves = result.probabilities, result.counts.sum(axis=1)
    rows = [[str(c), *(number(v) for v in P.loc[c]), f"{moves[c]:,}"] for c in P.index]
    rows.append(["steady state", *(number(v) for v in result.steady_state), ""])
    head = f"Transitions of {result.column!r}, {result.title}"
    return "\n".join([head, columns(rows, ["from / to", *map(str, result.counts.columns), "moves"])])


def spatial_markov_text(result) -> str:
    parts = [str(result.overall), *map(str, result.by_lag.values()), str(result.tests), f"weights: {result.weights}"]
    return "\n\n".join(parts)


def _label(key) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
