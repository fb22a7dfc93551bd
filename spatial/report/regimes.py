"""Regimes as text: effects by regime, and Chow tests with their verdict."""

from __future__ import annotations

from spillover.language import listed, phrase, phrases
from spillover.matrix import SeveralWeights

from .intervals import intervals_text
from .text import _columns_of, p_text, statistic_note, tests_text, tidy_text

LEVEL = 0.05


def regime_effects_text(effects) -> str:
    """Three tables: every regime, then all units."""
    fit = effects.fit
    parts = [f"Effects of {fit.specification.name}: {fit._design.formula}", f"weights: {fit._design.weights.header()}",
             intervals_text(effects)]  # fmt: skip
    for kind, rows in effects.tidy().groupby("effect", sort=False):
        parts += ["", tidy_text(rows, title=kind, **_columns_of(effects))]
    parts += ["", *statistic_note(effects.tidy(), _columns_of(effects)["statistic"]),
              "note: of a change in the units of a regime, on themselves and on all others; by_receiver() has what "
              "arrives there; terms without a regime are of all units"]  # fmt: skip
    if isinstance(fit._design.weights, SeveralWeights):
        parts.append("note: by_channel() has the effects through each W")
    return "\n".join(parts)


def chow_text(tests) -> str:
    """The table of tests, and what it says."""
    return "\n".join([tests_text(tests), *verdict(tests)])


def verdict(tests, level: float = LEVEL) -> list[str]:
    """Sentences that follow the p-values: all together, then what differs and what need not."""
    percent, names = f"{100 * level:g}", [result.name for result in tests]
    single = [result for result in tests if result.name != "all"]
    lines = []
    if "all" in names:
        joint = tests["all"]
        of = {"level": percent, "test": f"{joint.distribution} = {joint.statistic:.2f}, p {p_text(joint.p_value)}"}
        lines.append(
            phrase("At {level} % the coefficients differ between regimes: {test}.", **of) if joint.p_value <= level
            else phrase("At {level} % the coefficients may be the same in all regimes: {test}.", **of)
        )  # fmt: skip
    differ = [result.name for result in single if result.p_value <= level]
    if differ:
        lines.append(phrases("Taken alone, {names} differs.", "Taken alone, {names} differ.", len(differ),
                             names=listed(differ)))  # fmt: skip
    elif single:
        lines.append(phrase("Taken alone, none of them differs at {level} %.", level=percent))
    return [" ".join(lines)] if lines else []
