"""Comparisons of weights and models in words and columns for a terminal."""

from __future__ import annotations

import numpy as np

from spillover.errors import SHOWN
from spillover.values import counted

from .text import columns, number, p_cell

ROWS, EFFECTS_OF = 24, 6  # fits of a comparison that are printed; whose effects are, where there are more

def comparison_text(comparison) -> str:
    table = comparison.glance()
    several = table["model"].nunique() > 1
    fitted = table.dropna(subset="model")
    rows = [
        [r.weights, *([str(r.model)] if several else []), f"{r.links:,.0f}", number(r.rho), _two(r.loglik), _two(r.bic),
         _probability(r.probability)]
        for r in fitted.head(ROWS).itertuples()
    ]  # fmt: skip
    head = ["weights", *(["model"] if several else []), "links", "rho", "log-lik.", "BIC", "prob."]
    parts = [columns(rows, head)]
    if np.isfinite(table["probability"]).any():
        probabilities = comparison.prior_probabilities or {}
        shown = [f"{name} {p:.3g}" for name, p in probabilities.items()]
        beforehand = f"; W beforehand: {', '.join(shown[:SHOWN])}{' ...' * (len(shown) > SHOWN)}" if shown else ""
        parts.append(f"prob.: posterior probability; {comparison.prior.words()}{beforehand}")
    keys = list(comparison.fits)
    if len(keys) > ROWS:
        keys = comparison.likeliest(EFFECTS_OF)
        parts.append(f"{len(fitted) - ROWS:,} more are in .glance(); effects of the {EFFECTS_OF} likeliest:")
    for (kind, term), effect in comparison.tidy(keys).groupby(["effect", "term"], sort=False):
        cells = [
            [f"{r.weights} {r.model}" if several else str(r.weights), number(r.estimate), number(r.std_error),
             number(r.conf_low), number(r.conf_high)]
            for r in effect.itertuples()
        ]  # fmt: skip
        parts.append(columns(cells, [f"{kind}: {term}", "estimate", "std. error", "95 % low", "high"]))
    failed = [(" ".join(key) if isinstance(key, tuple) else key, why) for key, why in comparison.failed.items()]
    parts += [f"{name} could not be estimated: {why}" for name, why in failed]
    return "\n\n".join(parts + [f"note: {note}" for note in comparison.notes])


def averaged_text(averaged) -> str:
    parts = [f"Effects averaged over {int((averaged.probabilities > 0).sum())} fits by their posterior probabilities",
             "intervals of the mixture over W; by W: share of the variance that not knowing W adds"]
    for kind, rows in averaged.tidy().groupby("effect", sort=False):
        cells = [
            [str(r.term), number(r.estimate), number(r.std_error), number(r.conf_low), number(r.conf_high),
             f"{r.from_weights:.0%}"]
            for r in rows.itertuples()
        ]  # fmt: skip
        low = f"{100 * averaged.level:g} % low"
        parts += ["", columns(cells, [kind, "estimate", "std. error", low, "high", "by W"])]
    return "\n".join(parts)


def tuning_text(tuning) -> str:
    low, high = tuning.interval
    fit = tuning.fit
    rows = [
        [f"{r.value}", f"{r.links:,}", number(r.rho), _two(r.loglik), _two(r.ratio), _probability(r.probability),
         "in" if r.inside else ""]
        for r in tuning.profile().itertuples()
    ]  # fmt: skip
    parts = [f"{fit.specification.name}: {fit._design.formula}",
             f"{tuning.name} = {tuning.best}; {tuning.level:.0%} likelihood-ratio interval {low} to {high}", "",
             columns(rows, [tuning.name, "links", "rho", "log-lik.", "LR", "prob.", "interval"])]  # fmt: skip
    parts += [f"{value} could not be used: {why}" for value, why in tuning.failed.items()]
    caption = f"errors and intervals of .fit are given {tuning.name} = {tuning.best}; these carry the doubt about it:"
    return "\n".join([*parts, "", caption, averaged_text(tuning.averaged())])


def mixture_text(mixture) -> str:
    rows = [[str(r.term), number(r.estimate), number(r.std_error), number(r.conf_low), number(r.conf_high)]
            for r in mixture.tidy().itertuples()]  # fmt: skip
    head = ["share of", "estimate", "std. error", f"{mixture.level:.0%} low", "high"]
    params = mixture.fit.params
    spatial = [f"{name} {number(params[name])}   " for name in ("rho", "lambda") if name in params]
    return "\n".join([f"{mixture.fit.specification.name}: {mixture.fit._design.formula}",
                      f"{''.join(spatial)}log-likelihood {_two(mixture.fit.loglik)}", "",
                      columns(rows, head), "intervals: likelihood ratio, the other shares at their best"])  # fmt: skip


def placebo_text(placebo) -> str:
    table = placebo.tidy()
    rows = [[r.effect if r.effect == r.term else f"{r.effect}: {r.term}", number(r.estimate), number(r.placebo_mean),
             number(r.placebo_low), number(r.placebo_high), p_cell(r.p_value)]
            for r in table[table["effect"].isin(["rho", "lambda", "indirect"])].itertuples()]  # fmt: skip
    fit = placebo.fit
    return "\n".join([f"{fit.specification.name}: {fit._design.formula}", f"weights: {fit._design.weights.header()}",
                      f"{table['placebos'].max():,} random relabellings of the units, seed {placebo.seed}", "",
                      columns(rows, ["", "actual", "mean", "95 % low", "high", "p"])])  # fmt: skip


def curve_text(curve) -> str:
    rows = [[r.effect, f"{r.specifications:,}", number(r.median), *(f"{share:.0%}" for share in tuple(r)[4:])]
            for r in curve.agreement().itertuples()]  # fmt: skip
    failed = curve.table.loc[curve.table["problem"] != ""].groupby("problem", sort=False).size() // 3
    head = ["effect", "fits", "median", "positive", "clearly +", "clearly -", "agree"]
    parts = [f"Effects of {curve.variable} on {curve.response}, by {', '.join(curve.choices) or 'nothing'}",
             columns(rows, head)]  # fmt: skip
    parts += [f"{n} specifications could not be estimated: {why}" for why, n in failed.items()]
    return "\n".join(parts + ["interrupted: not all specifications are here"] * (not curve.whole))


def refits_text(refits) -> str:
    """Each parameter over the replicates that have an estimate."""
    rows = [[name, number(np.nanmean(values)), number(np.nanstd(values, ddof=1)),
             *(number(q) for q in np.nanquantile(values, [0.025, 0.975]))]
            for name, values in zip(refits.names, refits.params.T) if np.isfinite(values).sum() > 1]  # fmt: skip
    failed = list(refits.failed.items())
    why = f"; {len(failed):,} without an estimate, replicate {failed[0][0]} since {failed[0][1]}" if failed else ""
    head = ["", "mean", "std. dev.", "2.5 %", "97.5 %"]
    return "\n".join([f"{counted(len(refits), 'replicate')}{why}", "", columns(rows, head)])


def _two(value: float) -> str:
    """Blank for the method of moments, which has no likelihood."""
    return f"{value:.2f}" if np.isfinite(value) else ""


def _probability(p: float) -> str:
    if not np.isfinite(p):
        return ""
    return "<0.001" if p < 0.001 else ">0.999" if p > 0.999 else f"{p:.3f}"
