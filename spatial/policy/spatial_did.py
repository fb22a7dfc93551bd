"""Difference-in-differences with spillovers: treatment and its spatial lag in the panel Durbin family.

    y_t = rho W y_t + D_t beta + W D_t theta + X_t b + W X_t h + alpha + gamma_t + e_t

With S = (I - rho W)^-1 (beta I + theta W), policy D moves outcomes by S D_t. What is averaged, over unit-periods:

    direct on the treated         S_ii D_it                         own adoption, others left untreated
    indirect on the treated       sum_{j != i} S_ij D_jt            the others' adoption
    total on the treated          both: the effect on them of the policy as it was
    indirect on neighbors        sum_j S_ij D_jt                   untreated, with a treated neighbor: (W D)_it > 0

It assumes parallel trends of what outcomes would have been had nobody been treated, given X and W X; that spillovers
run along W; and one beta and theta for all. Sources: Delgado & Florax (2015, Economics Letters 137:123-126);
Chagas, Azzoni & Almeida (2016, Regional Science and Urban Economics 59:24-36).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, SpatialInputWarning, check_option, warn
from spillover.frames import takes_frames
from spillover.show import Shown

from ..design.design import INTERCEPT, Design, spatial_lag
from ..design.options import ModelOptions
from ..models.estimate import estimate_design
from ..models.family import SAR, SDEM, SDM, SLX
from ..models.fit import Fit
from ..models.reading import read
from ..records.schema import SCHEMA
from . import delete_unit, respond
from ._sample import absorbed_keys, treatment_term
from ._tables import rows
from .before import spatial_pretrends
from .channels import channels_of, presence
from .event_time import alone, dose_note, path_window
from .gaps import filled_treatment
from .pretrends import Pretrends
from .spatial_path import lagged_indicators, path_effects, with_indicators
from .treatment import Adopters, adoption, clock, is_switch, refuse_without_variation, time_since

if TYPE_CHECKING:
    from spillover.types import WeightsLike

MODELS = {"sdm": SDM, "slx": SLX, "sar": SAR, "sdem": SDEM}
DENSE_MAX = 5_000
NAMES = ("direct on the treated", "indirect on the treated", "total on the treated",
         "indirect on untreated neighbors")  # fmt: skip
FEW = 10  # units, or twice the treated ones, below which clustered standard errors are too small


@dataclass(frozen=True, eq=False)
class SpatialDiD(Shown):
    """Effects on the treated and on their untreated neighbors, and both paths.

    Attributes
    ----------
    table : DataFrame
        The common schema plus ``n``, the unit-periods averaged over, and ``df`` of t with the jackknife.
    fit : Fit
        The model; ``fit.effects()`` gives the usual averages over all units.
    path : DataFrame or None
        By ``effect`` (direct, indirect) and ``period``, time since adoption in the units of the time column. The
        indirect effect at k is that of all other units being at k.
    path_fit : Fit or None
    treatment, response : str
    settings : dict
    adopters : Adopters or None
        None for a share or a dose.
    notes : tuple of str
    """

    table: pd.DataFrame
    fit: Fit = field(repr=False)
    path: pd.DataFrame | None = field(repr=False)
    path_fit: Fit | None = field(repr=False)
    treatment: str
    response: str
    settings: dict = field(repr=False)
    adopters: Adopters | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @cached_property
    def pretrends(self) -> Pretrends:
        """Tests that nothing moved before adoption, at home and next door: ``.joint`` of up to three leads and their
        spatial lags, ``.slope`` of a trend of those treated; see ``spatial.policy.pretrends``.

        They regress (I - rho W) y, rho as estimated, on leads, on one dummy for each time after adoption, and on the
        spatial lags of both.

        Raises
        ------
        SpatialInputError
            E206 for a share or a dose, without unit effects, or where nobody is observed twice before adoption.
        """
        return spatial_pretrends(self)

    def tidy(self) -> pd.DataFrame:
        return self.table[SCHEMA].copy()


@takes_frames
def spatial_did(
    formula: str, data: pd.DataFrame, w: WeightsLike, *, treatment: str | None = None, entity: str | None = None,
    time: str | None = None, model: str = "sdm", durbin: list[str] | None = None, effects: str = "twoway",
    path: bool = True, reference: float | None = None, window: tuple[float, float] | None = None,
    vcov: Any = "jackknife", level: float = 0.95, missing: str = "error",
) -> SpatialDiD:  # fmt: skip
    """Effect of a policy on those that adopted it and on their neighbors.

    Parameters
    ----------
    formula : str
        Outcome, treatment, covariates.
    data : DataFrame
        One row per unit and period, in any order; balanced unless ``missing="period"``.
    w : weights over the same units
        The channel of the spillovers: contiguity, distance, trade. It may vary over time; units that are absent from a
        period have no links in it, and W is standardised again.
    treatment : str, optional
        Its term; may be left out where it is the only regressor, or the only one that is 0 or 1. 0 before the policy
        and 1 from its first period on; a share or a dose has no path.
    entity, time, effects, missing
        As for all models: see ``spatial.models.family``.
    model : {"sdm", "slx", "sar", "sdem"}
        ``slx`` has exposure W D only, ``sar`` a lagged outcome only, ``sdm`` both.
    durbin : list of str, optional
        Terms that are lagged in space; all by default.
    path : bool
        Whether to estimate the effects by time since adoption too.
    reference, window
        As for ``did`` with two-way fixed effects.
    vcov : {"jackknife"} or as for all models
        The jackknife deletes one unit's equation at a time, is scaled to independent errors and refers to
        Satterthwaite's t; it needs unit effects. Others give the exact distribution of ``fit.effects()``.
    level : float
        Coverage.

    Returns
    -------
    SpatialDiD

    Raises
    ------
    SpatialInputError
        E106 periods without an order, E230-E235 treatments that cannot be used, E309 above
        5,000 units (of W that varies, 5,000 over the root of the periods), E502 an unnamed treatment, E533 the
        jackknife without unit effects, or with a spatial error whose W varies, and what the model raises.

    Warns
    -----
    SpatialInputWarning
        Treated units without neighbors: they show no spillover. Without any exposure W D is left out, and said so.
        Fewer than 10 units, or 5 treated ones, for standard errors clustered by unit.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> states, castle = shapefiles.load("us_states"), shapefiles.load_panel("castle")
    >>> castle = castle[castle["state"].isin(states.index)]
    >>> w = wt.queen(states).standardize("row")
    >>> keys = {"treatment": "law", "entity": "state", "time": "year"}
    >>> fit = sp.spatial_did("log(homicide) ~ law", castle, w, model="slx", **keys)
    >>> fit.table[["term", "estimate"]].round(2).to_numpy().tolist()[0]
    ['direct on the treated', 0.13]
    """
    check_option("model", model, MODELS)
    check_option("missing", missing, ("error", "drop", "period"))
    by_unit = isinstance(vcov, str) and vcov == "jackknife"
    if by_unit and effects not in ("entity", "twoway"):
        raise SpatialInputError("E533", f"the jackknife over units needs unit effects, got effects={effects!r}",
                                hint='effects="twoway", or vcov="cluster"')  # fmt: skip
    formula, entity, time = absorbed_keys(formula, entity, time)
    keys: dict[str, Any] = {"entity": entity, "time": time, "effects": effects, "missing": missing,
                            "vcov": "cluster" if by_unit else vcov}  # fmt: skip
    d = read(formula, data, w, ModelOptions(**keys))
    treatment = treatment_term(treatment, d)
    D, adopters, notes = _treated(d, treatment)
    durbin, more = _durbin(d, D, treatment, durbin, model)
    notes += more
    if vcov == "cluster":
        notes += _few_clusters(d.n_units, int(D.any(axis=0).sum()))
    settings = {"model": model, "level": level, "vcov": vcov}
    if adopters is None:
        notes += dose_note(treatment)
    # 1. One effect for all treated periods.
    fit = _fitted(MODELS[model], d, ModelOptions(**keys, durbin=None if model == "sar" else durbin), by_unit)
    table = _averages(fit, treatment, D, settings)
    # 2. One for each time since adoption.
    by_time, path_fit = None, None
    if path and adopters is not None:
        settings["reference"], window, uneven = path_window(adopters, window, reference, "spatial_did")
        notes += uneven
    if path and adopters is not None and window is not None:
        settings["window"] = window
        timed, columns = with_indicators(d, adopters, formula, window, settings["reference"])
        extra, without = lagged_indicators(d, adopters, durbin, columns, window, model, effects)
        path_fit = _fitted(MODELS[model], timed, ModelOptions(**keys, **extra), by_unit)
        by_time = path_effects(path_fit, columns, settings)
        notes += [*without, *alone(by_time)]
    return SpatialDiD(table, fit, by_time, path_fit, treatment, d.response, settings, adopters, (*d.notes, *notes))


def _fitted(model, d: Design, options: ModelOptions, by_unit: bool) -> Fit:
    """The model; with the jackknife its own clustered errors are not what is reported, and few groups no warning."""
    with warnings.catch_warnings():
        if by_unit:
            warnings.filterwarnings("ignore", r"\d+ groups are few", SpatialInputWarning)
        return estimate_design(model, d, options)


def _treated(d: Design, treatment: str):
    """D, zero where nothing is observed, who adopted when (None for a share or a dose), and notes; what cannot be used
    is named. A unit's treatment stays as it was until it is observed again."""
    if not d.is_panel:
        raise SpatialInputError("E501", "difference-in-differences needs a panel", hint="give entity= and time=")
    if d.n_units > (DENSE_MAX if not d.weights.varies else DENSE_MAX / np.sqrt(d.n_periods)):
        raise SpatialInputError("E309", f"averages over the treated need dense {d.n_units:,} x {d.n_units:,} matrices",
                                n=d.n_units, hint="fit sp.sdm and read fit.effects()")  # fmt: skip
    X = d.X[:, :, d.names.index(treatment)]
    D, notes = (X, []) if d.observed is None else filled_treatment(X, ~d.observed, d.ids, treatment)
    refuse_without_variation(D, treatment)
    there = np.nan_to_num(X)
    if not is_switch(D):
        return there, None, notes[1:]
    first, ticks = adoption(D, d.ids, d.periods, treatment), clock(d.periods)
    return there, Adopters(D, time_since(first, ticks), first, ticks, d.periods, treatment), notes[1:]


def _few_clusters(n: int, treated: int) -> list[str]:
    """Few clusters make clustered standard errors too small: said in the result, and aloud."""
    if n >= FEW and treated >= FEW // 2:
        return []
    text = f"{n} clusters, {treated} of them treated: clustered standard errors are too small; use vcov='jackknife'"
    warn(text)
    return [text]


def _durbin(d: Design, D, treatment, durbin, model):
    """The terms to lag, without the treatment where nobody is exposed; treated islands are said aloud."""
    notes = []
    linked = np.stack([~w.alone for w in d.weights.each(d.n_periods)])
    alone = d.ids[D.any(axis=0) & ~((D != 0) & linked).any(axis=0)]
    if len(alone):
        text = f"treated without neighbors, so without spillovers to show: {', '.join(map(str, alone[:5]))}"
        warn(text)
        notes.append(text)
    terms = [name for name in d.names if name != INTERCEPT]
    wanted = terms if durbin is None else [durbin] if isinstance(durbin, str) else list(durbin)
    if model != "sar" and treatment in wanted and not spatial_lag(d.weights, D).any():
        notes.append(f"nobody has a treated neighbor: W:{treatment} is zero and was left out")
        wanted = [name for name in wanted if name != treatment]
    return wanted, notes


def _averages(fit: Fit, treatment: str, D: np.ndarray, settings: dict) -> pd.DataFrame:
    """The estimands of the module's head."""
    d, level = fit._design, settings["level"]
    channels = channels_of(d)
    treated = D.T != 0  # (N, T)
    own = np.flatnonzero(treated.any(axis=1))
    unit = np.zeros((len(treated), len(own)))
    unit[own, np.arange(len(own))] = 1
    exposed = ~treated & (np.abs(spatial_lag(d.weights, D).T) > 0) & treated.any(axis=0) & (presence(d) > 0)
    doses = [D.T[own][:, one.periods].sum(axis=1) / treated.sum() for one in channels]

    def read(responses):
        policy, direct = np.zeros(treated.shape), 0.0
        for one, dose, response in zip(channels, doses, responses):
            policy[:, one.periods] = response[:, : len(one.periods)]
            direct += dose @ response[own, len(one.periods) + np.arange(len(own))]
        total = policy[treated].mean()
        return np.array([direct, total - direct, total, policy[exposed].mean() if exposed.any() else 0.0])

    V = [np.hstack([D.T[:, one.periods], unit]) for one in channels]
    names = {"term": list(NAMES), "n": [int(treated.sum())] * 3 + [int(exposed.sum())]}
    if settings["vcov"] == "jackknife":
        jackknife = delete_unit.averages(fit, delete_unit.deleted(fit), [treatment], V, read)
        table = rows(jackknife.estimates, jackknife.std_errors, level=level, df=jackknife.df, **names)
        settings["direct"] = jackknife.v[0]
    else:
        _, exact = respond.averages(fit, treatment, [one.weights for one in channels], V, read, level)
        table = pd.DataFrame({**names, **exact.columns()})
    if not exposed.any():
        table.loc[3, [*SCHEMA[1:], *(["df"] if "df" in table else [])]] = np.nan
    return table
