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
from functools import cached_property

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, SpatialInputWarning, check_option
from spillover.show import Shown

from ..design.design import INTERCEPT, Design, spatial_lag
from ..design.fixed_effects import FixedEffects
from ..design.options import ModelOptions
from ..models.estimate import estimate_design
from ..models.family import SAR, SDEM, SDM, SLX
from ..models.fit import Fit
from ..models.reading import read
from ..records.schema import SCHEMA
from . import delete_unit, respond
from ._sample import absorbed_keys, balanced_cures, treatment_term
from ._tables import rows
from .did import alone, dose_note, path_window, whole_numbers
from .pretrends import Pretrends, Problem, both_tests
from .treatment import (
    adoption,
    clock,
    is_switch,
    refuse_without_never_treated,
    refuse_without_variation,
    time_since,
)
from .within import period_dummies

MODELS = {"sdm": SDM, "slx": SLX, "sar": SAR, "sdem": SDEM}
DENSE_MAX = 5_000
NAMES = ("direct on the treated", "indirect on the treated", "total on the treated",
         "indirect on untreated neighbours")  # fmt: skip


FEW = 10  # units, or twice the treated ones, below which clustered standard errors are too small


@dataclass(frozen=True, eq=False)
class Adopters:
    """Who adopted when.

    Attributes
    ----------
    D, since : ndarray, shape (T, N)
        Treatment; time since adoption in the units of the time column, NaN for never.
    first : ndarray, shape (N,)
        Position of the first treated period, T for never.
    clock : ndarray, shape (T,);  times : Index
    treatment : str
    """

    D: np.ndarray
    since: np.ndarray
    first: np.ndarray
    clock: np.ndarray
    times: pd.Index
    treatment: str


@dataclass(frozen=True, eq=False)
class SpatialDiD(Shown):
    """Effects on the treated and on their untreated neighbours, and both paths.

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
        return _pretrends(self)

    def tidy(self) -> pd.DataFrame:
        return self.table[SCHEMA].copy()


def spatial_did(
    formula: str, data: pd.DataFrame, w, *, treatment: str | None = None, entity: str | None = None,
    time: str | None = None, model: str = "sdm", durbin: list[str] | None = None, effects: str = "twoway",
    path: bool = True, reference: float | None = None, window: tuple[float, float] | None = None,
    vcov="jackknife", level: float = 0.95, missing: str = "error",
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
        5,000 units, E501 weights that vary over time, E502 an unnamed treatment, E533 the jackknife without unit
        effects, and what the model raises.

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
    >>> keys = {"treatment": "law", "entity": "state", "time": "year"}
    >>> fit = sp.spatial_did("log(homicide) ~ law", castle, w, model="slx", **keys)
    >>> fit.table[["term", "estimate"]].round(2).to_numpy().tolist()[0]
    ['direct on the treated', 0.13]
    """
    check_option("model", model, MODELS)
    check_option("missing", missing, ("error", "drop"))
    by_unit = isinstance(vcov, str) and vcov == "jackknife"
    if by_unit and effects not in ("entity", "twoway"):
        raise SpatialInputError("E533", f"the jackknife over units needs unit effects, got effects={effects!r}",
                                hint='effects="twoway", or vcov="cluster"')  # fmt: skip
    formula, entity, time = absorbed_keys(formula, entity, time)
    keys = {"entity": entity, "time": time, "effects": effects, "missing": missing,
            "vcov": "cluster" if by_unit else vcov}  # fmt: skip
    with balanced_cures():
        d = read(formula, data, w, ModelOptions(**keys))
    treatment = treatment_term(treatment, d)
    D, adopters = _treated(d, treatment)
    durbin, notes = _durbin(d, D, treatment, durbin, model)
    if vcov == "cluster":
        notes += _few_clusters(d.n_units, int(D.any(axis=0).sum()))
    settings = {"model": model, "level": level, "vcov": vcov, "columns": {}}
    if adopters is None:
        notes += dose_note(treatment)
    # 1. One effect for all treated periods.
    fit = estimate_design(MODELS[model], d, ModelOptions(**keys, **({} if model == "sar" else {"durbin": durbin})))
    table = _averages(fit, treatment, D, settings)
    # 2. One for each time since adoption.
    by_time, path_fit = None, None
    if path and adopters is not None:
        settings["reference"], window, uneven = path_window(adopters, window, reference, "spatial_did")
        notes += uneven
    if path and adopters is not None and window is not None:
        settings["window"] = window
        timed, columns = _with_indicators(d, adopters, formula, window, settings["reference"])
        extra, without = _lagged_indicators(d, adopters, durbin, columns, window, model, effects)
        path_fit = estimate_design(MODELS[model], timed, ModelOptions(**keys, **extra))
        by_time = _path(path_fit, columns, settings)
        settings["columns"] = columns
        notes += [*without, *alone(by_time)]
    return SpatialDiD(table, fit, by_time, path_fit, treatment, d.response, settings, adopters, (*d.notes, *notes))


def _treated(d: Design, treatment: str):
    """D, and who adopted when (None for a share or a dose); what cannot be used is named."""
    if not d.is_panel:
        raise SpatialInputError("E501", "difference-in-differences needs a panel", hint="give entity= and time=")
    if d.weights.varies:
        raise SpatialInputError("E501", "spatial_did takes one W for all periods", hint="sp.sdm takes one for each")
    if d.n_units > DENSE_MAX:
        raise SpatialInputError("E309", f"averages over the treated need dense {d.n_units:,} x {d.n_units:,} matrices",
                                n=d.n_units, hint="fit sp.sdm and read fit.effects()")  # fmt: skip
    D = d.X[:, :, d.names.index(treatment)]
    refuse_without_variation(D, treatment)
    if not is_switch(D):
        return D, None
    first, ticks = adoption(D, d.ids, d.times, treatment), clock(d.times)
    return D, Adopters(D, time_since(first, ticks), first, ticks, d.times, treatment)


def _few_clusters(n: int, treated: int) -> list[str]:
    """Few clusters make clustered standard errors too small: said in the result, and aloud."""
    if n >= FEW and treated >= FEW // 2:
        return []
    text = f"{n} clusters, {treated} of them treated: clustered standard errors are too small; use vcov='jackknife'"
    warnings.warn(text, SpatialInputWarning, stacklevel=3)
    return [text]


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


def _averages(fit: Fit, treatment: str, D: np.ndarray, settings: dict) -> pd.DataFrame:
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

    V, level = np.hstack([D.T, unit]), settings["level"]
    names = {"term": list(NAMES), "n": [int(treated.sum())] * 3 + [int(exposed.sum())]}
    if settings["vcov"] == "jackknife":
        found = delete_unit.averages(fit, delete_unit.deleted(fit), [treatment], V, read)
        table = rows(found.estimates, found.std_errors, level=level, df=found.df, **names)
        settings["direct"] = found.v[0]
    else:
        _, found = respond.averages(fit, treatment, W, V, read, level)
        table = pd.DataFrame({**names, **found.columns()})
    if not exposed.any():
        table.loc[3, [*SCHEMA[1:], *(["df"] if "df" in table else [])]] = np.nan
    return table


def _with_indicators(d: Design, adopters: Adopters, formula, window, reference) -> tuple[Design, dict[str, float]]:
    """The design with one column per time since adoption in place of the treatment, and the time of each."""
    refuse_without_never_treated(adopters.first, d.n_periods, adopters.treatment, "spatial_did")
    since = np.clip(adopters.since, *window)
    periods = [k for k in whole_numbers(np.unique(since[~np.isnan(since)])).tolist() if k != reference]
    columns = {f"since_{'m' if k < 0 else 'p'}{abs(k):g}".replace(".", "_"): k for k in periods}
    indicators = {name: (since == k).astype(float) for name, k in columns.items()}
    left, right = formula.split("~")
    text = f"{left}~ {right} - {adopters.treatment} + {' + '.join(columns)}"
    return d.with_columns(indicators, text, without=(adopters.treatment,)), columns


def _lagged_indicators(d: Design, adopters: Adopters, durbin, columns, window, model, effects):
    """Which indicators are lagged in space: those whose lag varies beyond effects, covariates and the indicators
    themselves; the others are named."""
    if model == "sar":
        return {}, []
    kept = [name for name in durbin if name != adopters.treatment]
    if adopters.treatment not in durbin:
        return {"durbin": kept}, []
    since = np.clip(adopters.since, *window)
    own = np.stack([(since == k).astype(float) for k in columns.values()], axis=2)
    others = [d.X[:, :, k] for k, name in enumerate(d.names) if name not in (INTERCEPT, adopters.treatment)]
    others += [spatial_lag(d.weights, d.X[:, :, d.names.index(name)]) for name in kept]
    before = np.concatenate([own, np.stack(others, axis=2)], axis=2) if others else own
    free = _independent(FixedEffects.parse(effects), before, spatial_lag(d.weights, own))
    seen = [name for name, alone in zip(columns, free) if alone]
    nobody = ", ".join(f"{columns[name]:+g}" for name in columns if name not in seen)
    note = [f"no effect next door at {nobody}: nobody's neighbor is there, or only units that are there themselves"]
    return {"durbin": [*kept, *seen]}, note if nobody else []


def _independent(effects: FixedEffects, before: np.ndarray, columns: np.ndarray) -> list[bool]:
    """Whether each of the columns (T, N, p) adds to those before it and to the effects."""
    size = before.shape[0] * before.shape[1]
    Q, R = np.linalg.qr(effects.demean(before).reshape(size, -1))
    basis, out = Q[:, np.abs(np.diag(R)) > 1e-9], []
    for column in effects.demean(columns).reshape(size, -1).T:
        left = column - basis @ (basis.T @ column)
        left = left - basis @ (basis.T @ left)
        out.append(bool(np.linalg.norm(left) > 1e-7 * np.sqrt(size)))
        if out[-1]:
            basis = np.column_stack([basis, left / np.linalg.norm(left)])
    return out


def _path(fit: Fit, columns, settings) -> pd.DataFrame:
    level, N = settings["level"], fit.design.n_units
    if settings["vcov"] == "jackknife":
        def read(response):
            direct, total = np.trace(response) / N, response.sum() / N
            return np.array([direct, total - direct])

        found = delete_unit.averages(fit, delete_unit.deleted(fit), list(columns), np.eye(N), read)
        table = rows(found.estimates, found.std_errors, level=level, df=found.df,
                     effect=np.tile(["direct", "indirect"], len(columns)),
                     period=np.repeat([*columns.values()], 2))  # fmt: skip
        table = table[(np.abs(found.v).max(axis=(1, 2)) > 0)]
    else:
        table = fit.effects(level=level).tidy()
        table = table[table["term"].isin(columns) & (table["effect"] != "total")]
        table = table.assign(period=table["term"].map(columns))
    zero = {"period": whole_numbers([settings["reference"]])[0], "estimate": 0.0, "std_error": 0.0, "conf_low": 0.0,
            "conf_high": 0.0, "reference": True}  # fmt: skip
    zeros = pd.DataFrame([{"effect": kind, **zero} for kind in ("direct", "indirect")])
    table = pd.concat([table.assign(reference=False), zeros]).sort_values(["effect", "period"], ignore_index=True)
    kept = ["effect", "period", *SCHEMA[1:], *(["df"] if "df" in table else []), "reference"]
    return table[kept]


def _pretrends(result: SpatialDiD) -> Pretrends:
    fit, adopters = result.fit, result.adopters
    if adopters is None or not fit.settings.effects.entity:
        raise SpatialInputError("E206", "a share or a dose, or a model without unit effects, has no period before "
                                "adoption to test")  # fmt: skip
    if len(np.unique(adopters.since[adopters.since < 0])) < 2:
        raise SpatialInputError("E206", "no unit is observed at two times before adoption: there is no trend to test")
    W, since = fit.design.weights.csr, adopters.since
    lost = delete_unit.deleted(fit)
    spread = result.settings["model"] != "sar"

    def indicators(periods):
        at = (since.T[:, :, None] == np.asarray(periods)).astype(float)
        return np.concatenate([at, (W @ at.reshape(len(at), -1)).reshape(at.shape)], axis=2) if spread else at

    others = [k for k, name in enumerate(lost.names) if name.removeprefix("W:") != result.treatment]
    T, N = since.shape
    after = indicators(np.unique(since[since >= 0]))
    base = [after, *_covariates(fit, [lost.names[k] for k in others])]
    if fit.settings.effects.time:
        base.insert(0, period_dummies(T, np.zeros(N, dtype=int)))
    y = np.asarray(fit.design.y).T
    y = y - (fit.rho + fit.lam) * (W @ y)
    problem = Problem(y, np.ones((N, T)), since.T, np.concatenate(base, axis=2), indicators, adopters.clock,
                      np.arange(N), neighbors=spread)  # fmt: skip
    v = result.settings.get("direct")
    moves = np.nan if v is None else float((v * problem.trend()[:, :, 0]).sum())
    return both_tests(problem, level=result.settings["level"], effect=float(result.table["estimate"].iloc[0]),
                      moves=moves)  # fmt: skip


def _covariates(fit: Fit, names) -> list[np.ndarray]:
    """Columns of the model, each (N, T, 1)."""
    d = fit.design
    out = []
    for name in names:
        own = d.X[:, :, d.names.index(name if name in d.names else name.removeprefix("W:"))]
        out.append((own if name in d.names else spatial_lag(d.weights, own)).T[:, :, None])
    return out
