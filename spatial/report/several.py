"""Effects of models with several W as text: in all and by channel."""

from __future__ import annotations

from .intervals import intervals_text
from .text import _columns_of, statistic_note, tidy_text


def several_effects_text(effects) -> str:
    """Three tables as of one W, then the channels."""
    fit = effects.fit
    channels = effects.by_channel()
    parts = [f"Effects of {fit.specification.name}: {fit._design.formula}", f"weights: {fit._design.weights.header()}",
             intervals_text(effects)]  # fmt: skip
    for kind, rows in effects.tidy().groupby("effect", sort=False):
        parts += ["", tidy_text(rows, title=kind, **_columns_of(effects))]
    there = channels[(channels["effect"] != "total") & (channels["std_error"] != 0)]  # no W, no channel
    for (name, kind), rows in there.groupby(["weights", "effect"], sort=False):
        parts += ["", tidy_text(rows, title=f"{kind}, through {name}", **_columns_of(effects))]
    parts += ["", *statistic_note(effects.tidy(), _columns_of(effects)["statistic"]),
              "note: indirect effects of the channels add up to the indirect effect; by_channel() has their totals too"]
    return "\n".join(parts)
