"""Sentences about effects, in the units of the formula. Every number comes from results."""

from __future__ import annotations

import numpy as np
import pandas as pd

LEVEL = 0.05
HOW_TO_READ = (
    "The direct effect is what a rise of the regressor in one unit does to that unit's own outcome, feedback through "
    "neighbours included. The indirect effect, or spillover, is what it does to all other units together. The total "
    "is their sum. Coefficients of a Durbin model are not effects: the lag of y carries every change onwards.",
)


def about_spillovers(effects, name) -> tuple[str, ...]:
    """What spills over and what cannot be told from zero; then a sentence for each regressor."""
    table = effects.tidy().set_index(["effect", "term"])
    clear = [term for term in effects.variables if _sign(table.loc[("indirect", term)])]
    unclear = [term for term in effects.variables if term not in clear]
    said = []
    if clear:
        said.append(f"Spills over to neighbours: {', '.join(map(name, clear))}.")
    if unclear:
        said.append(f"No spillover that can be told from zero: {', '.join(map(name, unclear))}.")
    response = effects.fit.design.response
    return (" ".join(said), *(_about(term, table, response, name) for term in effects.variables))


def about_weights(comparison, name) -> str:
    """Which W the data prefer, and for which regressors all W agree."""
    table, tidy = comparison.glance(), comparison.tidy()
    indirect = tidy[tidy["effect"] == "indirect"]
    same = [term for term, signs in _sign(indirect).groupby(indirect["term"], sort=False) if signs.nunique() == 1]
    agreed = (
        f"All weights agree on the sign and significance of the spillover of {', '.join(map(name, same))}; elsewhere "
        "the conclusion rests on the choice of W."
        if same
        else "On no regressor's spillover do all weights agree in sign and significance: each conclusion rests on the "
        "choice of W."
    )
    share = table["probability"].iloc[0]
    share = "more than 0.999" if share > 0.999 else f"{share:.3f}"
    return (
        f"Of {len(comparison.fits)} weights the data prefer {comparison.best} (posterior probability {share}). "
        f"{agreed} Brackets hold 95\u00a0% intervals."
    )


def _sign(effects):
    """1 or -1 where all of the interval has this sign, which readers see beside the sentence; else 0."""
    return 1 * (effects["conf_low"] > 0) - 1 * (effects["conf_high"] < 0)


def _about(term: str, effects: pd.DataFrame, response: str, name) -> str:
    """One sentence in the units of the formula: per cent where a side is in logs."""
    change = f"1\u00a0% more {name(term)}" if is_log(term) else f"One unit more of {name(term)}"
    factor, unit = outcome_units(response)
    factor *= 0.01 if is_log(term) else 1
    own, others = (estimate(effects.loc[(kind, term)], factor, unit) for kind in ("direct", "indirect"))
    return f"{change} changes a unit's own {name(response)} by {own}, and that of all other units together by {others}."


def outcome_units(response: str) -> tuple[float, str]:
    """(factor, unit) of an effect on the outcome: per cent where it is a logarithm."""
    return (100.0, "\u00a0%") if is_log(response) else (1.0, "")


def who(result) -> tuple[str, ...]:
    """The lines above a result's first table: what was estimated, on what, and how."""
    return tuple(str(result).split("\n\n")[0].splitlines())


def p_said(p: float) -> str:
    return f"p {'< 0.0001' if p < 1e-4 else f'= {p:.4f}'}"


def is_log(text: str) -> bool:
    return text.startswith("log(") and text.endswith(")") and text.count("(") == 1


def estimate(row, factor: float = 1.0, unit: str = "") -> str:
    """Estimate and interval, to the second digit of the standard error."""
    digits = max(2, 1 - int(np.floor(np.log10(factor * row["std_error"]))))
    value, low, high = (f"{factor * row[column]:.{digits}f}" for column in ("estimate", "conf_low", "conf_high"))
    return f"{value}{unit} [{low}, {high}]"
