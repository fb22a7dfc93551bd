"""Group-time effects given covariates, and in panels with gaps.

    ATT(g, t) = sum_j v_j (y_jt - y_j,g-1)

over the units of cohort g and its comparison that are observed in both periods, v as in ``overlap`` with covariates as
they were in period g - 1. Trends are parallel given these covariates. Averages weight a cohort in a period by its units
that are observed then. Without covariates and gaps this is ``group_time``. Sources: Callaway & Sant'Anna (2021,
J. Econometrics 225:200-230), equations 2.4 and 3.4-3.9; Sant'Anna & Zhao (2020, J. Econometrics 219:101-122).
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ._sample import PolicySample
from .comparisons import Average, Comparisons, jackknife


def comparisons(sample: PolicySample, control: str, adjustment: str) -> tuple[Comparisons, np.ndarray]:
    """Every cohort g in every period t but its base, g - 1 less the periods of anticipation, in which it can be
    compared, and g of each (K,)."""
    T, first, seen = len(sample.times), sample.first, sample.mass > 0
    cells, treated, others = [], [], []
    for g in np.unique(first[first < T]):
        base = g - 1 - sample.anticipation
        for t in range(T):
            later = first == T if control == "never" else (sample.start > max(t, base)) & (first != g)
            both = seen[t] & seen[base]
            own, against = (first == g) & both, later & both
            if t != base and own.any() and against.any():
                cells.append((g, t))
                treated.append(own)
                others.append(against)
    start, period = np.array(cells, dtype=int).reshape(-1, 2).T
    N = len(sample.ids)
    base = start - 1 - sample.anticipation
    return Comparisons(np.array(treated).reshape(-1, N), np.array(others).reshape(-1, N), period, base,
                       np.ones(len(start)), sample.X, sample.cluster, adjustment), start  # fmt: skip


def effects(sample: PolicySample, control: str, adjustment: str, window: tuple[float, float]):
    """The four averages and the path, as ``group_time.effects``, and notes on what the path leaves out.

    Raises
    ------
    SpatialInputError
        E730 when no cohort has a comparison, E734 without overlap in a treated period.
    """
    model, g = comparisons(sample, control, adjustment)
    if not (model.period >= g).any():
        raise SpatialInputError("E730", "no cohort has a comparison in a treated period", column=sample.treatment,
                                hint="method='imputation', or add units that are untreated")  # fmt: skip
    lost = without_overlap(sample, model, model.period >= g)
    notes = []
    if lost.any():
        shown = ", ".join(f"{sample.times[a]} in {sample.times[b]}" for a, b in zip(g[lost][:5], model.period[lost]))
        notes.append(f"the path leaves out cohorts that covariates tell from their comparison: {shown}")
        model, g = model.part(~lost), g[~lost]
    since = sample.clock[model.period] - sample.clock[g]
    periods = np.unique(since[(since >= window[0]) & (since <= window[1])])
    post = since >= 0
    averages = [Average(post), Average(post, model.period - g), Average(post, g, by_size=True),
                Average(post, model.period), *(Average(since == k) for k in periods)]  # fmt: skip
    fit = jackknife(model, sample.y.T, averages)
    if sample.names and np.isnan(fit.std_errors[0]):
        notes.append("no standard error: without one of the units, covariates tell a cohort from its comparison")
    return periods, fit, notes


def without_overlap(sample: PolicySample, model: Comparisons, needed: np.ndarray) -> np.ndarray:
    """Comparisons without overlap (K,); an error where one of those needed is.

    Raises
    ------
    SpatialInputError
        E734.
    """
    lost = ~model.of_sets()[1][model.groups[1], 0]
    refuse_without_overlap(sample, model, lost, needed)
    return lost


def refuse_without_overlap(sample: PolicySample, model, lost: np.ndarray, needed: np.ndarray) -> None:
    """E734 where a comparison that is needed has none; ``model`` has ``base``, ``period``, ``adjustment``, and the
    units that are compared as ``groups``."""
    if (lost & needed).any():
        one = np.flatnonzero(lost & needed)[0]
        compared = model.groups[one] if isinstance(model.groups, list) else model.groups[0][model.groups[1][one]]
        n, against = int(compared.treated.sum()), int((~compared.treated).sum())
        hint = "fewer covariates"
        if model.adjustment != "regression":
            hint += ", or adjustment='regression', which extrapolates"
        raise SpatialInputError("E734", f"covariates in {sample.times[model.base[one]]} tell the {n} unit"
                                f"{'s' * (n != 1)} treated next from the {against} they are compared with in "
                                f"{sample.times[model.period[one]]}, or are collinear among these",
                                column=", ".join(sample.names), n=int((lost & needed).sum()), hint=hint)  # fmt: skip


def overall(sample: PolicySample, first: np.ndarray, outcome: np.ndarray, settings: dict) -> np.ndarray:
    """The simple average under every row of dates (R, N), of an outcome (T, N); NaN where it does not exist."""
    out = np.full(len(first), np.nan)
    for r, dates in enumerate(first):
        model, g = comparisons(sample.adopting(dates), settings["control"], settings["adjustment"])
        if (model.period >= g).any():
            v = model.weights([Average(model.period >= g)], len(outcome))[0, 0]
            out[r] = (v * outcome.T).sum()
    return out
