"""The estimators of did() by their names: tables, paths and jackknives of each, and headlines under other dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from . import bands, conditional, dose_response, group_time, imputation, switching, twfe
from ._sample import PolicySample
from ._tables import rows
from .before import earlier_periods
from .event_time import path_table
from .treatment import adoption, is_switch, refuse_without_never_treated

if TYPE_CHECKING:
    from .did import DiD


def _twfe(sample, settings):
    level = settings["level"]
    one = twfe.att(sample, among=twfe.without_anticipation(sample))
    table = rows(one.estimates, one.std_errors, level=level, df=one.df, term=[sample.treatment])
    notes = twfe.negative_weights(sample, one)
    if settings["window"] is None:
        return table, None, np.zeros((0, 0)), one, notes
    periods, path = twfe.path(sample, settings["window"], settings["reference"])
    return table, path_table(periods, path.estimates, path.std_errors, path.df, path.v, settings), path.V, one, notes


def _imputation(sample, settings):
    level, (first, last) = settings["level"], settings["window"]
    periods, estimands = imputation.averages(sample, (first, last))
    jackknife = imputation.effects(sample, estimands)
    one, later = jackknife.part(slice(0, 1)), jackknife.part(slice(1, None))
    table = rows(one.estimates, one.std_errors, level=level, df=one.df, term=["ATT"])
    earlier, before, v = earlier_periods(sample, first)
    p, whole = len(earlier), np.zeros((len(earlier) + len(periods),) * 2)
    parts = [later] if before is None else [before, later]
    if before is not None:
        whole[:p, :p] = before.V
    whole[p:, p:] = later.V
    estimates, errors, df = (np.concatenate([getattr(part, name) for part in parts])
                             for name in ("estimates", "std_errors", "df"))  # fmt: skip
    path = path_table([*earlier, *periods], estimates, errors, df, np.concatenate([v, later.v]), settings)
    return table, path, whole, one, []


def _group_time(sample, settings):
    _refuse_period_by(settings)
    if settings["control"] == "never":
        refuse_without_never_treated(sample.first, len(sample.times), sample.treatment, "group_time")
    notes: list[str] = []
    if is_conditional(sample):
        _refuse_weights(settings)
        periods, jackknife, notes = conditional.effects(sample, settings["control"], settings["adjustment"],
                                                        settings["window"])  # fmt: skip
    elif (sample.mass != sample.mass[0]).any():
        raise SpatialInputError("E540", "method='group_time' needs one weight for each unit, and "
                                f"{settings['weights']!r} changes over time", column=settings["weights"],
                                hint="a column of the weights before the policy, or method='imputation'")  # fmt: skip
    else:
        periods, jackknife = group_time.effects(sample, settings["control"], settings["window"])
    n = len(group_time.NAMES)
    usual, path = jackknife.part(slice(0, n)), jackknife.part(slice(n, None))
    table = rows(usual.estimates, usual.std_errors, level=settings["level"], df=usual.df,
                 term=[f"ATT, {name}" for name in group_time.NAMES])  # fmt: skip
    by_time = path_table(periods, path.estimates, path.std_errors, path.df, path.v, settings)
    return table, by_time, path.V, usual, notes


def _switchers(sample, settings):
    _refuse_period_by(settings)
    _refuse_weights(settings)
    if not is_switch(sample.D):
        adoption(sample.D, sample.ids, sample.times, sample.treatment)  # E230
    terms, periods, jackknife, notes = switching.effects(sample, settings["control"], settings["adjustment"],
                                                         settings["window"])  # fmt: skip
    one, path = jackknife.part(slice(0, len(terms))), jackknife.part(slice(len(terms), None))
    table = rows(one.estimates, one.std_errors, level=settings["level"], df=one.df, term=terms)
    by_time = path_table(periods, path.estimates, path.std_errors, path.df, path.v, settings)
    return table, by_time, path.V, one, notes


def with_doses(sample: PolicySample, settings: dict):
    """Averages, the path, its covariance, the jackknife of the averages, notes; the curve by dose and its covariance.

    Raises
    ------
    SpatialInputError
        E533 options that doses do not take; otherwise as ``dose_response.read_doses``.
    """
    _refuse_period_by(settings)
    if settings["weights"]:
        raise SpatialInputError("E533", "effects by dose take no weights", column=settings["weights"],
                                hint="leave obs_weights= out")  # fmt: skip
    if settings["control"] == "never":
        refuse_without_untreated(sample)
    level = settings["level"]
    doses, periods, names, places, fit, notes = dose_response.effects(
        sample, settings["dose"], settings["control"], settings["adjustment"], settings["window"])
    n, m = len(periods), len(places)
    one, path, curve = (fit.part(at) for at in (slice(0, 2), slice(2, 2 + n), slice(2 + n, None)))
    table = rows(one.estimates, one.std_errors, level=level, df=one.df, term=list(dose_response.EFFECTS))
    parts, lines = [], []
    for k, name in enumerate(dose_response.EFFECTS):
        mine = path.part(slice(names.index(name), names.index(name) + names.count(name)))
        at = periods[[other == name for other in names]]
        parts.append(path_table(at, mine.estimates, mine.std_errors, mine.df, mine.v, settings).assign(effect=name))
        mine = curve.part(slice(k * m, k * m + m))
        line = rows(mine.estimates, mine.std_errors, level=level, df=mine.df, dose=doses.basis.at[places], effect=name)
        there = mine.std_errors > 0
        if settings["band"] == "simultaneous" and there.any():
            bands.widen(line, mine.v[there], level)
        lines.append(line)
    by_time, by_dose = (pd.concat(some, ignore_index=True) for some in (parts, lines))
    return table, by_time, path.V, one, notes, by_dose, curve.V


def refuse_without_untreated(sample: PolicySample) -> None:
    """E234 of doses, whose comparison may also be the lowest."""
    if (sample.first < len(sample.times)).all():
        raise SpatialInputError("E234", "no unit is never treated, and control='never' compares with those",
                                column=sample.treatment, hint="control='not_yet', or control='lowest_dose' where all "
                                "adopt at the same time")  # fmt: skip


def _refuse_period_by(settings):
    if settings["period_by"]:
        raise SpatialInputError("E533", f"method={settings['method']!r} takes no period_by",
                                hint="leave period_by= out, or method='imputation' where no treatment ends")


def _refuse_weights(settings):
    """Comparisons given covariates, in panels with gaps, or of switchers count every unit once."""
    if settings["weights"]:
        beside = "" if settings["method"] == "switchers" else " with covariates or gaps"
        raise SpatialInputError("E533", f"method={settings['method']!r} takes no weights{beside}",
                                hint="leave obs_weights= out, or method='imputation' where no treatment ends")


def is_conditional(sample: PolicySample) -> bool:
    """Whether group-time effects depend on more than cohorts and their sizes: covariates, or gaps."""
    return bool(sample.names) or not sample.mass.all()


ENGINES = {"twfe": _twfe, "imputation": _imputation, "group_time": _group_time, "switchers": _switchers}


def dates_can_move(result: DiD) -> bool:
    """Whether the estimate under other dates is there: two-way effects with covariates or weights leave observations
    in anticipation of one date out, which other dates need."""
    s = result.sample
    return not (s.anticipation and result.settings["method"] == "twfe" and not _exchangeable(s))


def _exchangeable(s: PolicySample) -> bool:
    """Whether units differ in their outcomes alone."""
    return not s.names and np.ptp(s.mass) == 0 and not s.region.any()


def under_dates(result: DiD, first: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """The headline estimate under every row of dates (R, N), of an outcome (T, N); NaN where they identify nothing.

    Where units differ in their outcomes alone, a unit's weights v_i depend on its date only, and dates take them along.
    """
    s = result.sample
    if result.settings["method"] == "group_time" and is_conditional(s):
        return conditional.overall(s, first, outcome, result.settings)
    if _exchangeable(s):
        dates, one = np.unique(s.first, return_index=True)
        by_unit = (result.jackknife.v[0, one] * s.root[one]) @ outcome  # (dates, N)
        return by_unit[np.searchsorted(dates, first), np.arange(first.shape[1])].sum(axis=1)
    return (twfe.att_of_many if result.settings["method"] == "twfe" else imputation.overall)(s, first, outcome)
