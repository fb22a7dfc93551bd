"""From a formula and a frame to the arrays of difference-in-differences."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from spillover.errors import SpatialInputError, check_option
from spillover.matrix import SpatialWeights
from spillover.values import counted

from ..design.design import INTERCEPT, Design
from ..design.obs_weights import read_obs_weights
from ..design.read import design
from .absorb import Absorber
from .dose import unit_doses
from .gaps import filled_treatment, without_gaps
from .regions import regions_of_periods
from .treatment import adoption, clock, is_switch, refuse_without_variation, time_since


@dataclass(frozen=True, eq=False)
class PolicySample:
    """Outcome, treatment and covariates of a balanced panel.

    Attributes
    ----------
    y, D, mass : ndarray, shape (T, N)
        Outcome, treatment, weights of the observations; a mass of zero leaves one out.
    X : ndarray, shape (T, N, k)
    names : tuple of k str
    treatment, response, formula : str
    ids, times : Index of N units, of T periods
    region : ndarray, shape (N,)
        Periods have an effect of their own in each region: codes 0, 1 ...
    cluster : ndarray, shape (N,)
        Units whose errors may be correlated: codes 0, 1 ...
    notes : tuple of str
    dose : ndarray, shape (N,), or None
        Of every unit, zero where it is never treated.
    anticipation : int
        Periods before adoption in which outcomes may already respond.
    """

    y: np.ndarray = field(repr=False)
    D: np.ndarray = field(repr=False)
    X: np.ndarray = field(repr=False)
    mass: np.ndarray = field(repr=False)
    names: tuple[str, ...]
    treatment: str
    response: str
    formula: str
    ids: pd.Index = field(repr=False)
    times: pd.Index = field(repr=False)
    region: np.ndarray = field(repr=False)
    cluster: np.ndarray = field(repr=False)
    notes: tuple[str, ...] = ()
    period_by: str | None = None
    dose: np.ndarray | None = field(default=None, repr=False)
    anticipation: int = 0

    @cached_property
    def first(self) -> np.ndarray:
        """The first treated period of every unit, T for never: see ``treatment.adoption``."""
        return adoption(self.D, self.ids, self.times, self.treatment, doses=self.dose is not None)

    @cached_property
    def clock(self) -> np.ndarray:
        """The periods as numbers in the units of the time column: see ``treatment.clock``."""
        return clock(self.times)

    @cached_property
    def since(self) -> np.ndarray:
        """Time since adoption, (T, N), in the units of the time column; NaN for units that are never treated."""
        return time_since(self.first, self.clock)

    @cached_property
    def start(self) -> np.ndarray:
        """The first period in which a unit may respond, ``anticipation`` periods before it adopts; T for never."""
        return np.where(self.first < len(self.times), self.first - self.anticipation, self.first)

    @cached_property
    def untouched(self) -> np.ndarray:
        """Observations that show outcomes without the treatment: neither treated nor in anticipation of it, (T, N)."""
        if not self.anticipation:
            return self.D == 0
        return np.arange(len(self.times))[:, None] < self.start

    def sources(self) -> tuple[pd.DataFrame, dict]:
        """Outcome, treatment, covariates and weights of observations, labelled."""
        index = pd.MultiIndex.from_product([self.times, self.ids])
        columns = {self.response: self.y, self.treatment: self.D, "mass": self.mass,
                   **{name: self.X[..., j] for j, name in enumerate(self.names)}}  # fmt: skip
        return pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=index), {}

    @property
    def n_clusters(self) -> int:
        return int(self.cluster.max()) + 1

    @property
    def n_treated(self) -> int:
        return int(self.D.any(axis=0).sum())

    @property
    def root(self) -> np.ndarray:  # of the mass, (N, T)
        return np.sqrt(self.mass.T)

    @property
    def scaled(self) -> np.ndarray:  # outcomes times it, (N, T)
        return self.root * self.y.T

    def absorber(self, among: np.ndarray | None = None) -> Absorber:
        """What takes the fixed effects out, estimated on the observations of the mask ``among`` only."""
        return Absorber(self.mass if among is None else self.mass * among, self.region)

    def adopting(self, first: np.ndarray) -> PolicySample:
        """The same outcomes under other dates of adoption."""
        D = (np.arange(len(self.times))[:, None] >= first).astype(float)
        return replace(self, D=D)


def read_policy(
    formula, data, *, treatment=None, entity=None, time=None, obs_weights=None, period_by=None, cluster=None,
    missing="error", always=False, dose=None,
) -> PolicySample:  # fmt: skip
    """Align a formula's columns; ``treatment`` may be left out where one regressor is 0 or 1; with
    ``always`` units of a panel with gaps may be treated throughout; ``dose`` is a column of doses.

    Raises
    ------
    SpatialInputError
        E1xx keys, E2xx values, E236 a unit's column that changes over time, E211 masses that are not positive,
        E501 no panel, E502 columns, E206 one cluster only.
    """
    check_option("missing", missing, ("error", "drop", "period"))
    period_by = regions_of_periods(formula, time, period_by)
    formula, entity, time = absorbed_keys(formula, entity, time, further=True)
    d = design(formula, data, no_links(data, entity), entity=entity, time=time, missing=missing, lagged=False)
    if not d.is_panel:
        raise SpatialInputError("E501", "difference-in-differences needs a panel", hint="give entity= and time=")
    d, absent = without_gaps(d)
    terms = [name for name in d.names if name != INTERCEPT]
    treatment = treatment_term(treatment, d)
    D = d.X[:, :, d.names.index(treatment)]
    notes = d.notes
    if absent is not None:
        D, more = filled_treatment(D, absent, d.ids, treatment, always=always)
        notes = (*(note for note in notes if not note.startswith(("unbalanced", "islands"))), *more)
    amounts = None if dose is None else unit_doses(d, D, dose, treatment)
    if not D.any() or dose is None:
        refuse_without_variation(D, treatment)
    if amounts is not None:
        refuse_without_variation(D * amounts, str(dose))
    covariates = [name for name in terms if name != treatment]
    groups = unit_codes(d, cluster)[0] if cluster else np.arange(d.n_units)
    if groups.max() == 0:
        raise SpatialInputError("E206", f"all units have the same {cluster!r}: no variance between clusters",
                                column=cluster, hint="leave cluster= out: units are the clusters")  # fmt: skip
    return PolicySample(
        y=d.y, D=D, X=d.X[:, :, [d.names.index(name) for name in covariates]], mass=_mass(d, obs_weights, absent),
        names=tuple(covariates), treatment=treatment, response=d.response, formula=d.formula, ids=d.ids,
        times=d.periods, region=unit_codes(d, period_by)[0] if period_by else np.zeros(d.n_units, dtype=int),
        cluster=groups, notes=tuple(notes), period_by=period_by, dose=amounts,
    )  # fmt: skip


def treatment_term(treatment, d: Design, option: str = "treatment") -> str:
    """The named term; unnamed, the only regressor, or the only one that is 0 or 1 throughout.

    Raises
    ------
    SpatialInputError
        E502 no such term, or none named where several regressors could be meant.
    """
    terms = [name for name in d.names if name != INTERCEPT]
    if treatment is not None or len(terms) < 2:
        return regressor(treatment, terms, option)
    switches = [name for name in terms if is_switch(d.X[:, :, d.names.index(name)])]
    if len(switches) != 1:
        which = f"{', '.join(switches)} are 0 or 1" if switches else "none of several regressors is 0 or 1"
        raise SpatialInputError("E502", f"name the {option}: {which}", hint=f"{option}={(switches or terms)[0]!r}")
    return switches[0]


def regressor(name, terms: list[str], option: str) -> str:
    """The named term, the first unless named.

    Raises
    ------
    SpatialInputError
        E502 no such term.
    """
    if not terms:
        raise SpatialInputError("E502", f"the formula has no {option}", hint=f"write 'y ~ {option} + covariates'")
    name = terms[0] if name is None else name
    if name not in terms:
        raise SpatialInputError("E502", f"{option}={name!r} is no regressor of the formula", column=str(name),
                                hint="the regressors are " + ", ".join(terms))  # fmt: skip
    return name


def absorbed_keys(formula: str, entity, time, *, further: bool = False):
    """``"y ~ d | unit + year"``, as fixest writes two-way effects: the formula without them, and unit and period;
    ``further``: ways such as region^year are read elsewhere.

    Raises
    ------
    SpatialInputError
        E504 where they are not two columns, or not those of ``entity`` and ``time``.

    Examples
    --------
    >>> absorbed_keys("y ~ d + x | unit + year", None, None)
    ('y ~ d + x', 'unit', 'year')
    """
    if not isinstance(formula, str) or "|" not in (outside := re.sub(r"\([^()]*\)|`[^`]*`", lambda m: "_" * len(m[0]),
                                                                     formula)):  # fmt: skip
        return formula, entity, time
    at = outside.index("|")
    names = [name.strip().strip("`") for name in formula[at + 1 :].split("+")]
    names = [name for name in names if "^" not in name] if further else names
    keys = (entity if entity is not None else names[0], time if time is not None else names[-1])
    if len(names) != 2 or set(names) != set(keys):
        raise SpatialInputError("E504", f"the effects behind | must be unit and period, got {' + '.join(names)!r}",
                                hint="leave them out, and give entity= and time=")  # fmt: skip
    return formula[:at].rstrip(), *keys


@contextmanager
def balanced_cures():
    """Errors of the reading with cures that fit estimators of balanced panels: they take no ``missing="period"``."""
    try:
        yield
    except SpatialInputError as error:
        if 'missing="period"' not in (error.hint or ""):
            raise
        hint = "complete these pairs, or leave their units or periods out" if error.code == "E104" else (
            'missing="drop" leaves out units with missing values')
        raise SpatialInputError(error.code, error.message, column=error.column, rows=error.rows, ids=error.ids,
                                n=error.n, hint=hint) from error  # fmt: skip


def unit_codes(d: Design, column: str) -> tuple[np.ndarray, pd.Index]:
    """A column that is fixed for each unit as codes (N,) and the values behind them, sorted.

    Raises
    ------
    SpatialInputError
        E201 missing, E236 changes within a unit, E502 no such column.
    """
    if column not in d.frame.columns:
        raise SpatialInputError("E502", f"{column!r} is no column of the data", column=str(column),
                                hint="name a column of the data")
    values = d.frame[column].to_numpy()[d.order]
    codes, groups = pd.factorize(pd.Series(values.ravel()), sort=True)
    codes = codes.reshape(values.shape)
    if d.observed is not None:  # a unit's gaps take its first code
        codes = np.where(d.observed, codes, codes[d.observed.argmax(axis=0), np.arange(d.n_units)])
    if (codes < 0).any():
        raise SpatialInputError("E201", f"{column!r} has missing values", column=column,
                                ids=list(d.ids[np.unique(np.nonzero(codes < 0)[1])]),
                                hint="fill them, or leave these rows out")  # fmt: skip
    moving = (codes != codes[0]).any(axis=0)
    if moving.any():
        number = counted(moving.sum(), "unit")
        raise SpatialInputError("E236", f"{column!r} changes over time in {number}; it must be fixed", column=column,
                                ids=list(d.ids[moving]),
                                hint="give a column that is fixed for each unit")  # fmt: skip
    return codes[0], groups


def _mass(d: Design, obs_weights, absent: np.ndarray | None) -> np.ndarray:
    """Weights of mean one; zero where nothing was observed."""
    there = np.ones(d.y.shape, dtype=bool) if absent is None else ~absent
    if obs_weights is None:
        return there * 1.0
    mass = read_obs_weights(replace(d, observed=there), obs_weights).values
    return np.where(there, mass, 0.0) / mass[there].mean()


def no_links(data, entity) -> SpatialWeights:
    """Weights without links over the units of the data: the door aligns with them."""
    if not isinstance(data, pd.DataFrame):
        raise SpatialInputError("E501", f"data must be a DataFrame, got {type(data).__name__}",
                                hint="pd.DataFrame(data)")
    if entity is not None and entity in data.columns:
        ids = pd.Index(data[entity].dropna().unique())
    elif entity is None and isinstance(data.index, pd.MultiIndex):
        ids = data.index.get_level_values(0).dropna().unique()
    else:
        raise SpatialInputError("E502" if entity else "E501", f"entity={entity!r} is no column of the data",
                                hint="give entity= and time=, the columns of unit and period")  # fmt: skip
    return SpatialWeights(sparse.csr_array((len(ids), len(ids))), ids, "none", "none")
