"""Difference-in-differences with spillovers: treatment and its spatial lag in the panel Durbin family.

    y_t = rho W y_t + D_t beta + W D_t theta + X_t b + W X_t h + alpha + gamma_t + e_t

With S = (I - rho W)^-1 (beta I + theta W), policy D moves outcomes by S D_t. What is averaged, over unit-periods:

    direct on the treated         S_ii D_it                         own adoption, others left untreated
    indirect on the treated       sum_{j != i} S_ij D_jt            the others' adoption
    total on the treated          both: the effect on them of the policy as it was
    indirect on neighbours        sum_j S_ij D_jt                   untreated, with a treated neighbour: (W D)_it > 0

It assumes parallel trends of what outcomes would have been had nobody been treated, given X and W X; that spillovers
run along W; and one beta and theta for all. Sources: Delgado & Florax (2015, Economics Letters 137:123-126);
Chagas, Azzoni & Almeida (2016, Regional Science and Urban Economics 59:24-36).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, SpatialInputWarning, check_option
from spillover.show import Shown

from ..design.design import INTERCEPT, Design, design, spatial_lag
from ..models.family import sar, sdm, slx
from ..models.family_error import sdem
from ..models.fit import Fit
from ..records.schema import SCHEMA
from ..records.tests import TestResult
from ._sample import treatment_term
from ._tables import wald
from .did import few_clusters, path_window
from .respond import averages
from .treatment import adoption, is_switch, refuse_without_never_treated, refuse_without_variation, relative_periods

MODELS = {"sdm": sdm, "slx": slx, "sar": sar, "sdem": sdem}
DENSE_MAX = 5_000
NAMES = ("direct on the treated", "indirect on the treated", "total on the treated",
         "indirect on untreated neighbours")  # fmt: skip


@dataclass(frozen=True, eq=False)
class SpatialDiD(Shown):
    """Effects on the treated and on their untreated neighbours, and both paths.

    Attributes
    ----------
    table : DataFrame
        The common schema plus ``n``, the unit-periods averaged over.
    fit : Fit
        The model; ``fit.effects()`` gives the usual averages over all units.
    path : DataFrame or None
        By ``effect`` (direct, indirect) and ``period`` since adoption. The indirect effect at k is that of all
        other units being k periods into the policy.
    path_fit : Fit or None
    treatment, response : str
    settings : dict
    notes : tuple of str
    """

    table: pd.DataFrame
    fit: Fit = field(repr=False)
    path: pd.DataFrame | None = field(repr=False)
    path_fit: Fit | None = field(repr=False)
    treatment: str
    response: str
    settings: dict = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def pretrends(self) -> TestResult:
        """Wald test that treatment and its lag have no effect before adoption.

        Raises
        ------
        SpatialInputError
            E206 when there is no path, or none before adoption beside the reference.
        """
        names = [] if self.path_fit is None else [
            name for name in self.path_fit.params.index if name.removeprefix("W:") in self.settings["before"]
        ]  # fmt: skip
        if not names:
            raise SpatialInputError("E206", "the path has no period before adoption to test")
        V = self.path_fit.vcov.loc[names, names].to_numpy()
        return wald("no effect before adoption", self.path_fit.params[names].to_numpy(), V,
                    "earlier effects are zero, at home and next door")  # fmt: skip

    def tidy(self) -> pd.DataFrame:
        return self.table[SCHEMA].copy()


def spatial_did(
    formula: str, data: pd.DataFrame, w, *, treatment: str | None = None, entity: str | None = None,
    time: str | None = None, model: str = "sdm", durbin: list[str] | None = None, effects: str = "twoway",
    path: bool = True, reference: int = -1, window: tuple[int, int] | None = None, vcov="cluster",
    level: float = 0.95, missing: str = "error",
) -> SpatialDiD:  # fmt: skip
    """Effect of a policy on those that adopted it and on their neighbours.

    Parameters
    ----------
    formula : str
        Outcome, treatment, covariates.
    data : DataFrame
        One row per unit and period, balanced, in any order.
    w : weights over the same units
        The channel of the spillovers: contiguity, distance, trade.
    treatment : str, optional
        Its term; the first regressor by default. 0 before the policy and 1 from its first period on; a share or a
        dose has no path.
    entity, time, effects, vcov, missing
        As for all models: see ``spatial.models.family``. Standard errors are clustered by unit by default.
    model : {"sdm", "slx", "sar", "sdem"}
        ``slx`` has exposure W D only, ``sar`` a lagged outcome only, ``sdm`` both.
    durbin : list of str, optional
        Terms that are lagged in space; all by default.
    path : bool
        Whether to estimate the effects by period since adoption too.
    reference, window
        As for ``did``.
    level : float
        Coverage of the intervals; their distribution is that of ``fit.effects()``.

    Returns
    -------
    SpatialDiD

    Raises
    ------
    SpatialInputError
        E230-E235 treatments that cannot be used, E309 above 5,000 units, E501 weights that vary over time,
        and what the model raises.

    Warns
    -----
    SpatialInputWarning
        Treated units without neighbours: they show no spillover. Without any exposure W D is left out, and said so.
        Fewer than 10 units, or 5 treated ones, for standard errors clustered by unit.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> states, castle = shapefiles.load("us_states"), shapefiles.load_panel("castle")
    >>> castle = castle[castle["state"].isin(states.index)]
    >>> w = wt.queen(states).standardize("row")
    >>> fit = sp.spatial_did("log(homicide) ~ law", castle, w, entity="state", time="year", model="slx")
    >>> fit.table[["term", "estimate"]].round(2).to_numpy().tolist()[0]
    ['direct on the treated', 0.13]
    """
    check_option("model", model, MODELS)
    check_option("missing", missing, ("error", "drop"))
    d = design(formula, data, w, entity=entity, time=time, missing=missing, lagged=False)
    treatment = treatment_term(treatment, [name for name in d.names if name != INTERCEPT])
    D, first = _treated(d, treatment)
    options = {"entity": entity, "time": time, "effects": effects, "vcov": vcov, "missing": missing}
    durbin, notes = _durbin(d, D, treatment, durbin, model)
    if vcov == "cluster":
        notes += few_clusters(d.n_units, int(D.any(axis=0).sum()))
    extra = {} if model == "sar" else {"durbin": durbin}
    # 1. One effect for all treated periods.
    fit = MODELS[model](formula, data, w, **options, **extra)
    table = _averages(fit, treatment, D, level)
    # 2. One for each period since adoption.
    settings = {"model": model, "level": level, "reference": reference, "before": ()}
    found, path_fit = None, None
    if path and first is not None:
        frame, text, columns = _with_indicators(d, data, first, formula, treatment,
                                                path_window(window, reference, d.n_periods), reference)  # fmt: skip
        if model != "sar":
            kept = [name for name in durbin if name != treatment]
            extra = {"durbin": [*kept, *columns] if treatment in durbin else kept}
        path_fit = MODELS[model](text, frame, w, **options, **extra)
        found = _path(path_fit, columns, reference, level)
        settings["before"] = tuple(name for name, k in columns.items() if k < 0)
    return SpatialDiD(table, fit, found, path_fit, treatment, d.response, settings, (*d.notes, *notes))


def _treated(d: Design, treatment: str):
    """D and the first treated periods, None for a share or a dose; what cannot be used is named."""
    if not d.is_panel:
        raise SpatialInputError("E501", "difference-in-differences needs a panel", hint="give entity= and time=")
    if d.weights.varies:
        raise SpatialInputError("E501", "spatial_did takes one W for all periods", hint="sp.sdm takes one for each")
    if d.n_units > DENSE_MAX:
        raise SpatialInputError("E309", f"averages over the treated need dense {d.n_units:,} x {d.n_units:,} matrices",
                                n=d.n_units, hint="fit sp.sdm and read fit.effects()")  # fmt: skip
    D = d.X[:, :, d.names.index(treatment)]
    refuse_without_variation(D, treatment)
    return D, adoption(D, d.ids, d.times, treatment) if is_switch(D) else None


def _durbin(d: Design, D, treatment, durbin, model):
    """The terms to lag, without the treatment where nobody is exposed; treated islands are said aloud."""
    notes = []
    alone = d.ids[d.weights.alone & D.any(axis=0)]
    if len(alone):
        said = f"treated without neighbours, so without spillovers to show: {', '.join(map(str, alone[:5]))}"
        warnings.warn(said, SpatialInputWarning, stacklevel=3)
        notes.append(said)
    terms = [name for name in d.names if name != INTERCEPT]
    wanted = terms if durbin is None else [durbin] if isinstance(durbin, str) else list(durbin)
    if model != "sar" and treatment in wanted and not spatial_lag(d.weights, D).any():
        notes.append(f"nobody has a treated neighbour: W:{treatment} is zero and was left out")
        wanted = [name for name in wanted if name != treatment]
    return wanted, notes


def _averages(fit: Fit, treatment: str, D: np.ndarray, level) -> pd.DataFrame:
    """The estimands of the module's head."""
    W = fit.design.weights
    treated = D.T != 0  # (N, T)
    own = np.flatnonzero(treated.any(axis=1))
    unit = np.zeros((W.n, len(own)))
    unit[own, np.arange(len(own))] = 1
    periods = treated.any(axis=0)
    exposed = ~treated & (np.abs(W.csr @ D.T) > 0) & periods
    dose = D.T.sum(axis=1)[own] / treated.sum()

    def read(response):
        policy, single = response[:, : D.shape[0]], response[:, D.shape[0] :]
        direct = dose @ single[own, np.arange(len(own))]
        total = policy[treated].mean()
        return np.array([direct, total - direct, total, policy[exposed].mean() if exposed.any() else 0.0])

    _, found = averages(fit, treatment, W, np.hstack([D.T, unit]), read, level)
    table = pd.DataFrame({"term": NAMES, "n": [int(treated.sum())] * 3 + [int(exposed.sum())], **found.columns()})
    if not exposed.any():
        table.loc[3, SCHEMA[1:]] = np.nan
    return table


def _with_indicators(d: Design, data, first, formula, treatment, window, reference):
    """The frame with one column per period since adoption, the formula with them, and what each stands for."""
    T = d.n_periods
    refuse_without_never_treated(first, T, treatment, "spatial_did")
    since = np.clip(relative_periods(first, T), *window)
    periods = [int(k) for k in np.unique(since[~np.isnan(since)]) if k != reference]
    columns = {f"since_{'m' if k < 0 else 'p'}{abs(k)}": k for k in periods}
    frame = data.copy()
    for name, k in columns.items():
        values = np.zeros(len(data))
        values[d.order.ravel()] = (since == k).ravel()
        frame[name] = values
    left, right = formula.split("~")
    return frame, f"{left}~ {right} - {treatment} + {' + '.join(columns)}", columns


def _path(fit: Fit, columns, reference, level) -> pd.DataFrame:
    table = fit.effects(level=level).tidy()
    table = table[table["term"].isin(columns) & (table["effect"] != "total")]
    table = table.assign(period=table["term"].map(columns), reference=False)
    zero = {"period": reference, "estimate": 0.0, "std_error": 0.0, "conf_low": 0.0, "conf_high": 0.0,
            "reference": True}  # fmt: skip
    table = pd.concat([table, pd.DataFrame([{"effect": kind, **zero} for kind in ("direct", "indirect")])])
    table = table.sort_values(["effect", "period"], ignore_index=True)
    return table[["effect", "period", *SCHEMA[1:], "reference"]]
