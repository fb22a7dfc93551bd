"""How intervals were computed, in words."""

from __future__ import annotations

from spillover.language import phrase

from ..records.limits import LIMITS
from .header import note_line


def intervals_of(result) -> str:
    """The level of the intervals of slopes and averages, and how they were computed."""
    if by_ratios(result.fit):
        return phrase("{level} % intervals: {how}", level=f"{100 * result.level:g}", how=ratios_text(result.fit))
    return phrase("{level} % intervals: exact under the distribution of the estimates", level=f"{100 * result.level:g}")


def by_ratios(fit) -> bool:
    """Whether slopes, averages and combinations of a fit have intervals by ratios of likelihoods."""
    from ..effects.few_rows import by_default

    return by_default(fit)


def ratios_text(fit) -> str:
    """Which ratios of likelihoods intervals are from."""
    if fit.df_resid is None:
        return phrase("profile likelihood ratio")
    if fit._settings.method == "reml":
        return phrase("modified profile likelihood ratio")
    return phrase("ratios of the profile and the modified profile likelihood")


def without_ratios(fit) -> list[str]:
    """A note where the intervals of the fit and its effects are ratios of likelihoods, and those beside it are not."""
    return [note_line(LIMITS["few rows elsewhere"])] if by_ratios(fit) else []


def method_text(effects) -> str:
    """How standard errors, intervals and p-values of effects were computed."""
    method, df = effects.options.method, effects.fit.df_resid
    if method == "simulate":
        kept, draws = effects.inferred.kept, effects.options.draws
        of = {"kept": f"{kept:,}", "seed": effects.options.seed}
        if kept == draws:
            return phrase("simulated from {kept} draws, seed {seed}", **of)
        if effects.run == "long-run":
            return phrase("simulated from {kept} draws, seed {seed} ({lost} were not stationary)",
                          lost=draws - kept, **of)  # fmt: skip
        return phrase("simulated from {kept} draws, seed {seed} ({lost} left the admissible interval)",
                      lost=draws - kept, **of)  # fmt: skip
    if method == "likelihood":
        return ratios_text(effects.fit)
    if method == "delta":
        return phrase("delta method")
    if df is None:
        return phrase("exact for normal estimates")
    return phrase("exact for estimates that follow t({df})", df=f"{df:g}")


def intervals_text(effects) -> str:
    """The level of the intervals, and how they were computed."""
    return phrase("{level} % intervals: {how}", level=f"{100 * effects.options.level:g}", how=method_text(effects))
