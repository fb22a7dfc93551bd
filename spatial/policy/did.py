"""Difference-in-differences: the door, and the answer with its path and its test of earlier trends."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, SpatialInputWarning, check_option
from spillover.show import Shown

from ..records.schema import SCHEMA
from ..records.tests import TestResult
from . import imputation, twfe
from ._sample import PolicySample, read_policy
from ._tables import rows, wald
from .group_time import GroupTime
from .treatment import is_switch

METHODS = ("imputation", "group_time", "twfe")
CONTROLS = ("never", "not_yet")
FEW = 10  # clusters: below, clustered standard errors are too small


@dataclass(frozen=True, eq=False)
class DiD(Shown):
    """An average effect of treatment on the treated, and its path.

    Attributes
    ----------
    table : DataFrame
        The common schema; the first row is the headline.
    path : DataFrame or None
        By ``period`` since adoption: estimates, intervals and ``reference``, true where a coefficient is zero by
        construction. None for a share or a dose.
    path_vcov : ndarray
        Of the path without its reference.
    sample : PolicySample
    settings : dict
    notes : tuple of str
    """

    table: pd.DataFrame
    path: pd.DataFrame | None = field(repr=False)
    path_vcov: np.ndarray = field(repr=False)
    sample: PolicySample = field(repr=False)
    settings: dict = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def treatment(self) -> str:
        return self.sample.treatment

    @property
    def response(self) -> str:
        return self.sample.response

    @property
    def att(self) -> float:
        return float(self.table["estimate"].iloc[0])

    @property
    def std_error(self) -> float:
        return float(self.table["std_error"].iloc[0])

    @property
    def pretrends(self) -> TestResult:
        """Wald test that all effects before adoption are zero.

        Passing it is no proof of parallel trends: look at the path and at its intervals too (Roth 2022, American
        Economic Review: Insights 4:305-322).

        Raises
        ------
        SpatialInputError
            E206 when the path has no earlier period beside the reference.
        """
        if self.path is None or not (free := ~self.path["reference"] & (self.path["period"] < 0)).any():
            raise SpatialInputError("E206", "the path has no period before adoption to test")
        at = free[~self.path["reference"]].to_numpy()
        tau = self.path.loc[free, "estimate"].to_numpy()
        return wald("no effect before adoption", tau, self.path_vcov[np.ix_(at, at)], "earlier effects are all zero")

    def trends(self) -> pd.DataFrame:
        """Mean outcome by period and adoption cohort, ``never`` among them, with the cohorts' sizes."""
        s = self.sample
        label = np.array([*map(str, s.times), "never"])[s.first]
        by = pd.DataFrame({"period": np.repeat(s.times, len(s.ids)), "cohort": np.tile(label, len(s.times)),
                           "mass": s.mass.ravel(), "sum": (s.mass * s.y).ravel()})  # fmt: skip
        sums = by.groupby(["period", "cohort"])[["mass", "sum"]].sum()
        table = (sums["sum"] / sums["mass"]).rename("mean").reset_index()
        return table.assign(units=table["cohort"].map(pd.Series(label).value_counts()))

    def tidy(self) -> pd.DataFrame:
        return self.table[SCHEMA].copy()


def did(
    formula: str, data: pd.DataFrame, *, treatment: str | None = None, entity: str | None = None,
    time: str | None = None, method: str = "imputation", control: str = "never", reference: int = -1,
    window: tuple[int, int] | None = None, cluster: str | None = None, weights_column: str | None = None,
    period_by: str | None = None, level: float = 0.95, missing: str = "error",
) -> DiD:  # fmt: skip
    """Effect of a policy on those that adopted it, at once or one after the other.

    Parameters
    ----------
    formula : str
        ``"log(homicide) ~ law + unemp"``: outcome, treatment, covariates that vary over time.
    data : DataFrame
        One row per unit and period, balanced, in any order.
    treatment : str, optional
        Its term; the first regressor by default. 0 before the policy and 1 from its first period on. With
        ``method="twfe"`` also a share or a dose, which has no path.
    entity, time : str, optional
        Columns of unit and period; a (unit, period) MultiIndex serves instead.
    method : {"imputation", "group_time", "twfe"}
        Imputation (Borusyak, Jaravel & Spiess 2024) and group-time effects (Callaway & Sant'Anna 2021, without
        covariates equal to the interaction-weighted estimator) allow effects to differ between cohorts and
        over time. Two-way fixed effects do not.
    control : {"never", "not_yet"}
        Comparison of ``group_time``: units never treated, or also those not treated yet.
    reference : int
        The period before adoption whose effect is zero by construction, with "twfe". Group-time effects are
        measured from -1. Imputation compares with all periods before the path begins.
    window : (first, last), optional
        Periods of the path; default all. With "twfe" its ends gather what lies beyond.
    cluster : str, optional
        Column of the groups within which errors may be correlated, fixed for each unit; the units by default.
    weights_column : str, optional
        Weights of the observations (analytic weights); not with "group_time".
    period_by : str, optional
        Column, fixed for each unit: periods have an effect of their own in each of its groups (region by year).
    level : float
        Coverage of the intervals.
    missing : {"error", "drop"}
        "drop" leaves out units with missing values.

    Returns
    -------
    DiD
        ``.att``, ``.table``, ``.path``, ``.pretrends``, ``.trends()``.

    Raises
    ------
    SpatialInputError
        E230-E236: a treatment that is not 0 or 1, switches off, is there from the start, for none, for all or
        for one unit only, or without never-treated units; E533 options that do not fit the method; E730 periods in
        which all are treated; E1xx keys, E2xx values, E5xx formula.

    Examples
    --------
    >>> import shapefiles, spatial as sp
    >>> castle = shapefiles.load_panel("castle")
    >>> homicide = sp.did("log(homicide) ~ law", castle, entity="state", time="year", method="twfe")
    >>> round(homicide.att, 4)
    0.0878
    """
    check_option("method", method, METHODS)
    check_option("control", control, CONTROLS)
    sample = read_policy(formula, data, treatment=treatment, entity=entity, time=time, cluster=cluster,
                         weights_column=weights_column, period_by=period_by, missing=missing)  # fmt: skip
    window = path_window(window, reference, len(sample.times))
    settings = {"method": method, "control": control, "reference": reference, "window": window, "level": level,
                "cluster": cluster or str(sample.ids.name or "unit"), "weights": weights_column,
                "period_by": period_by}  # fmt: skip
    table, path, V = ENGINES[method](sample, settings)
    return DiD(table, path, V, sample, settings, warned(sample))


def path_window(window, reference, T) -> tuple[int, int]:
    ends = (-T, T) if window is None else tuple(window) if np.iterable(window) else (window,)
    pair = len(ends) == 2 and all(isinstance(end, int | np.integer) for end in ends)
    if not (pair and ends[0] <= reference < 0 <= ends[1]):
        raise SpatialInputError("E533", f"window={window!r} must run from before the reference period {reference} to 0 "
                                "or later, and the reference lie before adoption", hint="window=(-5, 5)")  # fmt: skip
    return int(ends[0]), int(ends[1])


def _twfe(sample, settings):
    df, level = sample.n_clusters - 1, settings["level"]
    dose = not is_switch(sample.D)
    periods, tau, V = (None, None, np.zeros((0, 0))) if dose else twfe.path(sample, settings["window"],
                                                                           settings["reference"])  # fmt: skip
    estimate, error = twfe.att(sample)
    table = rows([estimate], [error], level=level, df=df, term=[sample.treatment])
    return table, None if dose else _path(periods, tau, V, settings["reference"], level, df), V


def _imputation(sample, settings):
    level, (first, last) = settings["level"], settings["window"]
    periods, estimands = imputation.averages(sample, (first, last))
    tau, V, _ = imputation.effects(sample, estimands)
    earlier, before, V_before = imputation.earlier_periods(sample, -first)
    table = rows(tau[:1], np.sqrt(V[:1, 0]), level=level, term=["ATT"])
    whole = np.zeros((len(earlier) + len(periods),) * 2)
    p = len(earlier)
    whole[:p, :p], whole[p:, p:] = V_before, V[1:, 1:]
    return table, _path([*earlier, *periods], [*before, *tau[1:]], whole, None, level, None), whole


def _group_time(sample, settings):
    if sample.names or settings["weights"] or settings["period_by"]:
        raise SpatialInputError("E533", "method='group_time' takes no covariates, weights or period_by",
                                hint="method='imputation'")  # fmt: skip
    effects = GroupTime(sample, settings["control"])
    named, by_period = effects.averages(settings["window"])
    psi = np.array([psi for _, psi in named.values()])
    errors = np.sqrt(np.diag(effects.covariance(psi)))
    table = rows([e for e, _ in named.values()], errors, level=settings["level"],
                 term=[f"ATT, {name}" for name in named])  # fmt: skip
    V = effects.covariance(np.array([psi for _, psi in by_period.values()]))
    tau = [e for e, _ in by_period.values()]
    return table, _path(list(by_period), tau, V, -1, settings["level"], None), V


ENGINES = {"twfe": _twfe, "imputation": _imputation, "group_time": _group_time}


def _path(periods, tau, V, reference, level, df) -> pd.DataFrame:
    table = rows(tau, np.sqrt(np.diag(V)), level=level, df=df, period=np.array(periods, dtype=int))
    table["reference"] = False
    if reference is not None:
        zero = {"period": reference, "estimate": 0.0, "std_error": 0.0, "conf_low": 0.0, "conf_high": 0.0}
        table = pd.concat([table, pd.DataFrame([{**zero, "statistic": np.nan, "p_value": np.nan, "reference": True}])])
    return table.sort_values("period", ignore_index=True)


def warned(sample: PolicySample) -> tuple[str, ...]:
    """The notes of the result, that on few clusters among them."""
    treated = len(np.unique(sample.cluster[sample.D.any(axis=0)]))
    return (*sample.notes, *few_clusters(sample.n_clusters, treated, stacklevel=4))


def few_clusters(n: int, treated: int, stacklevel: int = 3) -> list[str]:
    """Few clusters make standard errors too small: said in the result, and aloud."""
    if n >= FEW and treated >= FEW // 2:
        return []
    said = (f"{n} clusters, {treated} of them treated: clustered standard errors are too small with so few; see "
            "spatial.placebo_units for a p-value that does not need many")  # fmt: skip
    warnings.warn(said, SpatialInputWarning, stacklevel=stacklevel)
    return [said]
