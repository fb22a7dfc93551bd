"""Sentences made of numbers: every conclusion follows from estimates, intervals and failures.

An effect is called significant where its interval, shown with the sentence, excludes zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from spillover.language import joined, listed, phrase, phrases

PERCENT = "\u00a0%"


# -- spillovers ---------------------------------------------------------------------------------------------


def how_to_read() -> tuple[str, ...]:
    """What direct, indirect and total effects are."""
    return (phrase(
        "The direct effect is what a rise of the regressor in one unit does to that unit's own outcome, feedback "
        "through neighbors included. The indirect effect, or spillover, is what a rise in all other units does to a "
        "unit's outcome. The total is their sum. Coefficients of a Durbin model are not effects: the lag of y carries "
        "every change onwards."),)  # fmt: skip


def about_spillovers(effects, name: Callable[[str], str]) -> tuple[str, ...]:
    """Which spillovers differ from zero and which do not; then a sentence for each regressor.

    Parameters
    ----------
    effects : Effects
    name : function
        Plain words for a term of the formula.
    """
    table = effects.tidy().set_index(["effect", "term"])
    clear = [term for term in effects.variables if sign(table.loc[("indirect", term)])]
    unclear = [term for term in effects.variables if term not in clear]
    parts = []
    if clear:
        parts.append(phrase("Spills over to neighbors: {terms}.", terms=listed(map(name, clear))))
    if unclear:
        parts.append(phrase("No spillover that can be told from zero: {terms}.", terms=listed(map(name, unclear))))
    response = effects.fit._design.response
    return (joined(parts), *(about_term(term, table, response, name) for term in effects.variables))


def about_term(term: str, effects: pd.DataFrame, response: str, name: Callable[[str], str]) -> str:
    """One sentence in the units of the formula: 1 % more where the regressor is a logarithm, per cent where the outcome
    is one."""
    step = np.log(1.01) if is_log(term) else 1.0
    own, others = (estimate(effects.loc[(kind, term)], step, is_log(response)) for kind in ("direct", "indirect"))
    parts = {"outcome": plain(response, name), "own": own, "others": others}
    if is_log(term):
        return phrase("1\u00a0% more {term} in a unit changes its own {outcome} by {own}; in all other units, it "
                      "changes that unit's by {others}.", term=plain(term, name), **parts)  # fmt: skip
    return phrase("One unit more of {term} in a unit changes its own {outcome} by {own}; in all other units, it "
                  "changes that unit's by {others}.", term=name(term), **parts)  # fmt: skip


# -- weights ------------------------------------------------------------------------------------------------


def about_weights(comparison, name: Callable[[str], str]) -> tuple[str, ...]:
    """Which W the data support, and under which W each spillover is significant; W that failed are named first.

    Parameters
    ----------
    comparison : Comparison
    name : function
    """
    table, tidy = comparison.glance(), comparison.tidy()
    indirect = tidy[tidy["effect"] == "indirect"]
    parts = [_failures(comparison.failed)] if comparison.failed else []
    if np.isfinite(comparison.probabilities).any():
        p = table["probability"].iloc[0]
        share = phrase("more than 0.999") if p > 0.999 else f"{p:.3f}"
        parts.append(phrase("Of the {n} weights that were estimated the data prefer {best} (posterior probability "
                            "{share}).", n=len(comparison.fits), best=comparison.best, share=share))  # fmt: skip
    parts += [_under_weights(rows, name(term), len(comparison.fits))
              for term, rows in indirect.groupby("term", sort=False)]  # fmt: skip
    return tuple(parts)


def _failures(failed: Mapping) -> str:
    names = listed(" ".join(key) if isinstance(key, tuple) else str(key) for key in failed)
    return phrases("Not estimated: {names}. What follows says nothing about it.",
                   "Not estimated: {names}. What follows says nothing about them.", len(failed),
                   names=names)  # fmt: skip


def _under_weights(rows: pd.DataFrame, term: str, n: int) -> str:
    """One regressor's spillover under all W that were estimated."""
    signs = sign(rows).to_numpy()
    labels = rows["weights"].astype(str).to_numpy()
    if not signs.any():
        if n == 1:
            return phrase("The spillover of {term} is not significant under the one W that was estimated.", term=term)
        if (rows["estimate"] > 0).nunique() == 1:
            return phrase("The spillover of {term} is significant under none of the {n} weights that were estimated.",
                          term=term, n=n)  # fmt: skip
        return phrase("The spillover of {term} is significant under none of the {n} weights that were estimated, and "
                      "its estimates differ in sign.", term=term, n=n)  # fmt: skip
    if (signs == signs[0]).all():
        return _everywhere(term, signs[0], n)
    up, down, neither = (listed(labels[signs == s]) for s in (1, -1, 0))
    parts = []
    if up:
        parts.append(phrase("The spillover of {term} is positive and significant under {weights}.", term=term,
                            weights=up))  # fmt: skip
    if down:
        parts.append(phrase("The spillover of {term} is negative and significant under {weights}.", term=term,
                            weights=down))  # fmt: skip
    if neither:
        parts.append(phrase("It is not significant under {weights}.", weights=neither))
    return joined(parts)


def _everywhere(term: str, way: int, n: int) -> str:
    """One sign under all W."""
    if n == 1 and way > 0:
        return phrase("The spillover of {term} is positive and significant under the one W that was estimated.",
                      term=term)  # fmt: skip
    if n == 1:
        return phrase("The spillover of {term} is negative and significant under the one W that was estimated.",
                      term=term)  # fmt: skip
    if way > 0:
        return phrase("The spillover of {term} is positive and significant under all {n} weights that were estimated.",
                      term=term, n=n)  # fmt: skip
    return phrase("The spillover of {term} is negative and significant under all {n} weights that were estimated.",
                  term=term, n=n)  # fmt: skip


# -- shocks -------------------------------------------------------------------------------------------------


def default_size(term: str, values: np.ndarray) -> float:
    """10 % more of a regressor in logs; one of a dummy; one standard deviation of another, or one where it has none.

    Parameters
    ----------
    term : str
    values : ndarray
        The term's values in the sample.
    """
    if is_log(term):
        return float(np.log(1.1))
    spread = 1.0 if _is_dummy(values) else float(np.std(values[np.isfinite(values)]))
    return spread if spread > 0 else 1.0


def _is_dummy(values: np.ndarray) -> bool:
    return bool(np.isin(values[np.isfinite(values)], (0.0, 1.0)).all())


def shock_words(term: str, size: float, name: Callable[[str], str], values: np.ndarray) -> str:
    """A change of ``size`` in words: "10 % more income", "one standard deviation (2.3) more unemployment"."""
    if is_log(term):
        share, words = short(100 * abs(np.expm1(size))), plain(term, name)
        if size > 0:
            return phrase("{share}\u00a0% more {term}", share=share, term=words)
        return phrase("{share}\u00a0% less {term}", share=share, term=words)
    if _is_dummy(values) and size == 1:
        return phrase("{term} from 0 to 1", term=name(term))
    spread, words = float(np.std(values[np.isfinite(values)])), name(term)
    if np.isclose(size, spread):
        return phrase("one standard deviation ({spread}) more {term}", spread=short(spread), term=words)
    if size > 0:
        return phrase("{amount} more {term}", amount=short(size), term=words)
    return phrase("{amount} less {term}", amount=short(-size), term=words)


def about_shock(change: str, unit, response: pd.Series, outcome: str, name: Callable[[str], str],
                unit_name: Callable[..., str] = str) -> str:
    """What a change in one unit does there, and where else it does most.

    Parameters
    ----------
    change : str
        ``shock_words``.
    response : Series by unit
        In units of the formula's outcome.
    unit_name : function
        What a unit is called.
    """
    others = response.drop(unit)
    values = 100 * np.expm1(response) if is_log(outcome) else response
    mark = PERCENT if is_log(outcome) else ""
    first = others.abs().sort_values(ascending=False).index[:3]
    parts = {
        "change": change[:1].upper() + change[1:], "unit": unit_name(unit), "outcome": plain(outcome, name),
        "there": f"{short(values[unit])}{mark}",
        "most": listed(f"{unit_name(i)}: {short(values[i])}{mark}" for i in first),
    }  # fmt: skip
    if is_log(outcome):
        return phrase("{change} in {unit} changes {outcome} there by {there}; most elsewhere in {most}.", **parts)
    return phrase("{change} in {unit} changes {outcome} there by {there}, in all others together by {together}; most "
                  "elsewhere in {most}.", together=short(others.sum()), **parts)  # fmt: skip


# -- numbers in words ---------------------------------------------------------------------------------------


def sign(effects):
    """1 or -1 where all of the interval has this sign; else 0."""
    return 1 * (effects["conf_low"] > 0) - 1 * (effects["conf_high"] < 0)


def estimate(row, step: float = 1.0, percent: bool = False) -> str:
    """Estimate and interval of a change by ``step``, to the second digit of the standard error; a change of a
    logarithm in per cent."""
    values = step * np.array([row["estimate"], row["conf_low"], row["conf_high"]], dtype=float)
    values = 100 * np.expm1(values) if percent else values
    error = (values[2] - values[1]) / 4
    digits = int(np.clip(1 - np.floor(np.log10(error)), 0, 9)) if np.isfinite(error) and error > 0 else 3
    value, low, high = (f"{v:.{digits}f}" for v in values)
    return f"{value}{PERCENT * percent} [{low}, {high}]"


def is_log(text: str) -> bool:
    """Whether a term is the logarithm of something, and nothing else."""
    return text.startswith("log(") and text.endswith(")") and text.count("(") == 1


def plain(term: str, name: Callable[[str], str]) -> str:
    """The words for a term; for the logarithm of something without words of its own, that thing."""
    words = name(term)
    return name(term[4:-1]) if words == term and is_log(term) else words


def p_words(p: float) -> str:
    """``p < 0.0001`` or ``p = 0.0123``."""
    return f"p {'< 0.0001' if p < 1e-4 else f'= {p:.4f}'}"


def who(result) -> tuple[str, ...]:
    """The lines above a result's first table: what was estimated, on what, and how."""
    return tuple(str(result).split("\n\n")[0].splitlines())


def short(value: float) -> str:
    """Two significant digits below 100, whole above; no false precision near zero."""
    if not np.isfinite(value):
        return phrase("an unknown amount")
    return f"{value:,.0f}" if abs(value) >= 100 else f"{float(f'{value:.2g}'):g}"
