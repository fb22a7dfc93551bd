"""Difference-in-differences: the door, and the answer with its path and its tests of earlier trends."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames
from spillover.values import counted, whole_number

from ..design.obs_weights import Sampling, column_of
from . import placebos, switching
from ._sample import PolicySample, read_policy
from .before import did_pretrends
from .delete_one import Jackknife
from .dose import Dose
from .event_time import alone, dose_note, path_window
from .methods import ENGINES, dates_can_move, under_dates, with_doses
from .overlap import ADJUSTMENTS
from .policy_result import PolicyResult
from .pretrends import Pretrends
from .randomization import FEW_TREATED, Randomization, assignments, invert
from .treatment import comes_and_goes, is_switch

METHODS = ("imputation", "group_time", "switchers", "twfe")
CONTROLS = ("never", "not_yet", "lowest_dose")
BANDS = ("pointwise", "simultaneous")


@dataclass(frozen=True, eq=False)
class DiD(PolicyResult):
    """An average effect of treatment on the treated, and its path.

    Attributes
    ----------
    table : DataFrame
        The common schema and ``df``, the degrees of freedom of t; the first row is the headline.
    path : DataFrame or None
        By ``period``, time since adoption in the units of the time column: estimates, intervals, ``df`` and
        ``reference``, true where a coefficient is zero by construction. An effect that one unit alone identifies has no
        standard error. With rings ``effect`` says whose path it is. None for a share or a dose.
    path_vcov : ndarray
        Of the path without its reference.
    sample : PolicySample
    settings : dict
    jackknife : Jackknife
        Of the rows of ``table``.
    exposed : ndarray of bool, shape (T, N), or None
        Untreated observations in a ring around the treated: no comparison.
    notes : tuple of str
    curve : DataFrame or None
        With ``dose=``, by ``dose`` and ``effect``: "ATT", the effect of that dose on those that took it, and "ACRT",
        its slope. The table then has averages of both over the treated units, and the path has an ``effect`` too.
    curve_vcov : ndarray or None
    """

    table: pd.DataFrame
    path: pd.DataFrame | None = field(repr=False)
    path_vcov: np.ndarray = field(repr=False)
    sample: PolicySample = field(repr=False)
    settings: dict = field(repr=False)
    jackknife: Jackknife = field(repr=False)
    exposed: np.ndarray | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    curve: pd.DataFrame | None = field(default=None, repr=False)
    curve_vcov: np.ndarray | None = field(default=None, repr=False)

    @cached_property
    def pretrends(self) -> Pretrends:
        """Tests on untreated observations: ``.joint``, up to three leads are zero, and ``.slope``, those treated had no
        trend of their own; see ``spatial.policy.pretrends``.

        Not to reject is no proof of parallel trends: ``.slope.detectable`` is the trend that the test would find with
        80 % power, and ``.weak`` whether that could make up the whole effect (Roth 2022, American Economic Review:
        Insights 4:305-322).

        Raises
        ------
        SpatialInputError
            E206 for a share or a dose, or where nobody is observed twice before adoption.
        """
        if self.sample.dose is not None:
            return placebos.of_doses(self)
        return placebos.of_switchers(self) if self.settings["method"] == "switchers" else did_pretrends(self)

    @cached_property
    def randomization(self) -> Randomization | None:
        """p-value and interval of the headline over chance assignments of the dates, where five units or fewer are
        treated; see ``spatial.policy.randomization``. None otherwise, with rings, and of weighted group times."""
        s = self.sample
        moving = self.settings["method"] == "group_time" and bool(self.settings["weights"])  # dates take weights along
        if self.settings.get("rings") or moving or not is_switch(s.D) or s.n_treated > FEW_TREATED:
            return None
        if self.settings["method"] == "switchers" or comes_and_goes(s.D) or s.dose is not None:
            return None
        if not dates_can_move(self):
            return None
        first, exact = assignments(s.first, seed=1)
        A, C = (under_dates(self, first, outcome) for outcome in (s.y, s.D))
        return invert(A, C, self.settings["level"], exact)

    def trends(self) -> pd.DataFrame:
        """Mean outcome by period and adoption cohort, ``never`` among them, with the cohorts' sizes. Where a treatment
        comes and goes, cohorts are those of the first change."""
        s = self.sample
        first = switching.first_changes(s.D) if self.settings["method"] == "switchers" else s.first
        label = np.array([*map(str, s.times), "never"])[first]
        by = pd.DataFrame({"period": np.repeat(s.times, len(s.ids)), "cohort": np.tile(label, len(s.times)),
                           "mass": s.mass.ravel(), "sum": (s.mass * s.y).ravel()})  # fmt: skip
        sums = by.groupby(["period", "cohort"])[["mass", "sum"]].sum()
        table = (sums["sum"] / sums["mass"]).rename("mean").reset_index()
        return table.assign(units=table["cohort"].map(pd.Series(label).value_counts()))


@takes_frames
def did(
    formula: str, data: pd.DataFrame, *, treatment: str | None = None, entity: str | None = None,
    time: str | None = None, method: str = "imputation", control: str | None = None, adjustment: str | None = None,
    dose: str | Dose | None = None, reference: float | None = None, window: tuple[float, float] | None = None,
    anticipation: int = 0, cluster: str | None = None, obs_weights: str | Sampling | None = None,
    period_by: str | None = None, band: str = "pointwise", level: float = 0.95, missing: str = "error",
) -> DiD:  # fmt: skip
    """Effect of a policy on those that adopted it, at once or one after the other.

    Parameters
    ----------
    formula : str
        ``"log(homicide) ~ law + unemp"``: outcome, treatment, covariates. Regressions with unit effects use how these
        vary over time. "group_time" uses what they were in the last period before a cohort adopts, so that covariates
        that never change serve too: trends are parallel among units alike in them.
    data : DataFrame
        One row per unit and period, balanced, in any order.
    treatment : str, optional
        Its term; may be left out where it is the only regressor, or the only one that is 0 or 1. 0 before the policy
        and 1 from its first period on. With ``method="switchers"`` it may come and go. With "twfe" it may also be a
        share or a dose; neither has a path then.
    entity, time : str, optional
        Columns of unit and period; a (unit, period) MultiIndex serves instead. Time since adoption is counted in the
        units of ``time``: years where these are years, also where some are absent.
    method : {"imputation", "group_time", "switchers", "twfe"}
        Imputation (Borusyak, Jaravel & Spiess 2024) and group-time effects (Callaway & Sant'Anna 2021, without
        covariates equal to the interaction-weighted estimator) allow effects to differ between cohorts and
        over time. So do switchers (de Chaisemartin & D'Haultfoeuille 2020, 2024), for a treatment that comes and goes:
        see ``spatial.policy.switching``. Two-way fixed effects do not, and a note says how many treated observations
        they weight negatively.
    control : {"never", "not_yet", "lowest_dose"}, optional
        Comparison of "group_time" and "switchers": units never treated (whose treatment never changes), or also those
        not treated yet. By default "never" and "not_yet". With ``dose=``, where nobody is untreated, units with the
        lowest dose: effects are then less that of this dose.
    adjustment : {"doubly_robust", "improved", "regression", "weighting"}, optional
        How "group_time" and "switchers" take covariates into account: propensity scores by logit and regressions
        (Sant'Anna & Zhao 2020), the default, their improved estimator, or one of the two alone; see
        ``spatial.policy.overlap``.
    dose : str or Dose, optional
        With "group_time", the column of how much of the treatment a unit takes (the treatment itself is 1 where it
        takes any), or ``sp.Dose("column", ...)``: effects by dose, ``.curve``; see ``spatial.policy.dose_response``.
    reference : number, optional
        With "twfe", the time since adoption whose effect is zero by construction; the last at which every cohort is
        observed before it, by default. Group-time effects are measured from each cohort's last period before
        adoption. Imputation compares with all periods before the path begins.
    window : (first, last), optional
        Times since adoption of the path; default all. With "twfe" its ends gather what lies beyond.
    anticipation : int
        Periods before adoption in which outcomes may already respond: a policy is announced before it begins. Effects
        are measured from the period before these, which show up on the path; averages and comparisons leave them out.
    cluster : str, optional
        Column of the groups within which errors may be correlated, fixed for each unit; the units by default.
    obs_weights : str or Sampling, optional
        Column of positive weights of the observations, as in ``sp.ols``: analytic, or ``sp.Sampling("column")``. The
        estimates are the same, effects on the treated averages with these weights; standard errors, from deleting whole
        units, are robust in either case. "group_time" takes one weight for each unit, which its cohort's size counts.
    period_by : str, optional
        Column, fixed for each unit: periods have an effect of their own in each of its groups (region by year).
        ``| unit + year + region^year`` in the formula is ``period_by="region"``.
    band : {"pointwise", "simultaneous"}
        Whether intervals and p-values of the path hold one by one or all together (sup-t).
    level : float
        Coverage of the intervals.
    missing : {"error", "drop", "period"}
        "drop" leaves out units with missing values or rows. "period" leaves out single rows; a unit's treatment stays
        as it was until it is observed again. "group_time" then uses, for each cohort and period, the units that are
        observed in it and in the last period before the cohort adopts.

    Returns
    -------
    DiD
        ``.att``, ``.table``, ``.path``, ``.pretrends``, ``.randomization``, ``.trends()``.

    Raises
    ------
    SpatialInputError
        E106 periods that are text; E230-E236: a treatment that is not 0 or 1,
        switches off, is there from the start, for none, for all or for one unit only, or without never-treated units;
        E502 an unnamed treatment; E533 options that do not fit the method; E730 periods in which all are treated;
        E734 covariates without overlap; E1xx
        keys, E2xx values, E5xx formula.

    Notes
    -----
    Standard errors come from deleting one unit (cluster) at a time, scaled to be right under independent errors, with
    Satterthwaite's degrees of freedom: see ``spatial.policy.delete_one``. With imputation a deleted unit's weight moves
    to its cohort. With five or fewer treated units look at ``.randomization`` too.

    Examples
    --------
    >>> import shapefiles, spatial as sp
    >>> castle = shapefiles.load_panel("castle")
    >>> homicide = sp.did("log(homicide) ~ law", castle, treatment="law", entity="state", time="year", method="twfe")
    >>> round(homicide.att, 4)
    0.0878
    """
    check_option("method", method, METHODS)
    _refuse_unused(method, control, adjustment, dose)
    control = ("not_yet" if method == "switchers" else "never") if control is None else control
    check_option("control", control, CONTROLS if dose is not None else CONTROLS[:2])
    check_option("adjustment", adjustment, (None, *ADJUSTMENTS))
    check_option("band", band, BANDS)
    anticipation = whole_number("anticipation", anticipation, least=0)
    dose = Dose(dose) if isinstance(dose, str) else dose
    if dose is not None and method != "group_time":
        raise SpatialInputError("E533", f"method={method!r} has no effects by dose", hint='method="group_time"')
    sample = read_policy(formula, data, treatment=treatment, entity=entity, time=time, cluster=cluster,
                         obs_weights=obs_weights, period_by=period_by, missing=missing,
                         always=method == "switchers", dose=None if dose is None else dose.column)  # fmt: skip
    if adjustment is not None and not sample.names:
        raise SpatialInputError("E533", f"adjustment={adjustment!r} is for covariates, and the formula has none",
                                hint="leave adjustment= out, or add covariates to the formula")  # fmt: skip
    adjustment = ADJUSTMENTS[0] if adjustment is None else adjustment
    if anticipation:
        sample = anticipating(sample, anticipation, method)
    settings = {"method": method, "control": control, "adjustment": adjustment, "level": level, "band": band,
                "anticipation": anticipation, "cluster": cluster or str(sample.ids.name or "unit"),
                "weights": column_of(obs_weights),
                "period_by": sample.period_by} | ({} if dose is None else {"dose": dose})  # fmt: skip
    if method == "twfe" and not is_switch(sample.D):
        reference, window, notes = None, None, dose_note(sample.treatment)
    elif method == "twfe" and comes_and_goes(sample.D):
        reference, window = None, None
        notes = [f"{sample.treatment} comes and goes: no path; method='switchers' has one"]
    else:
        reference, window, notes = path_window(sample, window, reference, method)
    settings |= {"reference": reference, "window": window}
    table, path, V, jackknife, more, *curve = (ENGINES[method] if dose is None else with_doses)(sample, settings)
    return DiD(table, path, V, sample, settings, jackknife, None, (*sample.notes, *notes, *more, *alone(path)), *curve)


def _refuse_unused(method: str, control: str | None, adjustment: str | None, dose: str | Dose | None) -> None:
    """Options that would change nothing."""
    for name, value in (("control", control), ("adjustment", adjustment)):
        if value is not None and method in ("imputation", "twfe"):
            raise SpatialInputError("E533", f"method={method!r} takes no {name}=",
                                    hint=f"method=\"group_time\"{' with covariates' * (name == 'adjustment')}, or "
                                    f"leave {name}= out")  # fmt: skip


def anticipating(sample: PolicySample, periods: int, method: str) -> PolicySample:
    """The sample whose adopters may respond so many periods before they adopt.

    Raises
    ------
    SpatialInputError
        E232 units without a period before, E533 treatments without a date of adoption.
    """
    if method == "switchers":
        raise SpatialInputError("E533", "method='switchers' takes no anticipation=",
                                hint="method='imputation', 'group_time' or 'twfe' for a treatment that is kept; or "
                                "leave anticipation= out")  # fmt: skip
    if not is_switch(sample.D) or comes_and_goes(sample.D):
        raise SpatialInputError("E533", "anticipation= is for treatments that units adopt once and keep",
                                hint="leave anticipation= out")  # fmt: skip
    out = replace(sample, anticipation=periods)
    never = ~((out.mass > 0) & out.untouched).any(axis=0) & (out.mass > 0).any(axis=0)
    if never.any():
        number = counted(never.sum(), "unit is", "units are")
        raise SpatialInputError("E232", f"{number} observed only in periods in which outcomes may respond, with "
                                f"anticipation={periods}", column=sample.treatment, ids=list(sample.ids[never]),
                                hint="fewer periods of anticipation, or leave these units out")  # fmt: skip
    return out
