"""The design of a difference-in-differences in words: who is compared with whom, by which doses and covariates."""

from __future__ import annotations

from spillover.language import listed, phrase, phrases, stored

from .text import number


def comparison_lines(did) -> list[str]:
    """Who is compared with whom, by which doses and covariates."""
    s, settings, lines = did.sample, did.settings, []
    if settings["method"] == "switchers":
        lines.append(phrase("comparison: the same treatment at first, which never changes") if settings["control"] ==
                     "never" else phrase("comparison: the same treatment at first, which has not changed yet"))
    if settings["method"] == "group_time":
        lines.append(phrase("comparison: never treated") if settings["control"] == "never" else
                     phrase("comparison: not treated yet") if settings["control"] == "not_yet" else
                     phrase("comparison: the lowest dose"))  # fmt: skip
    if dose := settings.get("dose"):
        taken = s.dose[s.D.any(axis=0)]
        lines.append(phrase("dose: {column}, {low} to {high} among the treated; {basis}", column=dose.column,
                            low=number(taken.min()), high=number(taken.max()), basis=stored(dose.label)))  # fmt: skip
    if s.anticipation:
        lines.append(phrases("outcomes may respond from {n} period before adoption on",
                             "outcomes may respond from {n} periods before adoption on", s.anticipation))
    if settings["method"] in ("group_time", "switchers") and s.names:
        lines.append(phrase("covariates as they were before adoption ({adjustment}): {names}",
                            adjustment=stored(settings["adjustment"].replace("_", " ")),
                            names=listed(s.names)))  # fmt: skip
    if rings := settings.get("rings"):
        lines.append(phrases("comparison: untreated and in none of the rings {rings}; at least {n} unit in every "
                             "period",
                             "comparison: untreated and in none of the rings {rings}; at least {n} units in every "
                             "period", settings["clean"], rings=listed(rings)))  # fmt: skip
    return lines
