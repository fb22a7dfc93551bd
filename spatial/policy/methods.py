"""The estimators of did() by their names: tables, paths and jackknives of each, and headlines under other dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spillover.errors import SpatialInputError

from . import conditional, group_time, imputation, switching, twfe
from ._sample import PolicySample
from ._tables import rows
from .before import earlier_periods
from .event_time import path_table
from .treatment import adoption, is_switch, refuse_without_never_treated

if TYPE_CHECKING:
    from .did import DiD


def _twfe(sample, settings):
    level = settings["level"]
    one = twfe.att(sample)
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


def _refuse_period_by(settings):
    if settings["period_by"]:
        raise SpatialInputError("E533", f"method={settings['method']!r} takes no period_by",
                                hint="method='imputation'")  # fmt: skip


def _refuse_weights(settings):
    """Comparisons given covariates, in panels with gaps, or of switchers count every unit once."""
    if settings["weights"]:
        raise SpatialInputError("E533", f"method={settings['method']!r} takes no weights with covariates, gaps or a "
                                "treatment that comes and goes", hint="method='imputation'")  # fmt: skip


def is_conditional(sample: PolicySample) -> bool:
    """Whether group-time effects depend on more than cohorts and their sizes: covariates, or gaps."""
    return bool(sample.names) or not sample.mass.all()


ENGINES = {"twfe": _twfe, "imputation": _imputation, "group_time": _group_time, "switchers": _switchers}


def under_dates(result: DiD, first: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """The headline estimate under every row of dates (R, N), of an outcome (T, N); NaN where they identify nothing.

    Where units differ in their outcomes alone, a unit's weights v_i depend on its date only, and dates take them along.
    """
    s = result.sample
    if result.settings["method"] == "group_time" and is_conditional(s):
        return conditional.overall(s, first, outcome, result.settings)
    if not s.names and np.ptp(s.mass) == 0 and not s.region.any():
        dates, one = np.unique(s.first, return_index=True)
        by_unit = (result.jackknife.v[0, one] * s.root[one]) @ outcome  # (dates, N)
        return by_unit[np.searchsorted(dates, first), np.arange(first.shape[1])].sum(axis=1)
    return (twfe.att_of_many if result.settings["method"] == "twfe" else imputation.overall)(s, first, outcome)
