"""Policies whose effects reach the neighbors: paths of the own treatment and of exposure to that of others, by
imputation.

    1.  y_it = alpha_i + gamma_t + X_it beta + e_it        where i is untreated and not exposed at t
    2.  tau_it = y_it - alpha_i - gamma_t - X_it beta      where it is treated, exposed, or both
    3.  averages of tau_it over the treated and the exposed: by time since the event, exposure, cohort, calendar

Effects may differ in any way between units and over time; W and the mapping say whom a policy can reach. Assumed are
parallel trends of untreated and unexposed outcomes, and no reaction before the event. Sources: Borusyak, Jaravel &
Spiess (2024, Review of Economic Studies 91:3253-3285) for imputation; Butts (2023, arXiv:2105.03737) for spillovers
in rings; Aronow & Samii (2017, Annals of Applied Statistics 11:1912-1947) for exposure mappings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option, warn
from spillover.frames import takes_frames

from ..design.obs_weights import Sampling, column_of
from . import exposure_parts as ep
from . import imputation
from ._sample import PolicySample, read_policy
from .clean_sample import cannot_be_imputed, dropped_table, without_lost
from .conservative import Conservative, classes
from .dependence import kernel_of
from .did import BANDS
from .event_time import path_window
from .exposure_maps import exposure_of
from .exposure_paths import cells_table, headline_table, path_tables
from .exposure_result import ExposureDiD
from .treatment import adoption

if TYPE_CHECKING:
    from spillover.types import WeightsLike

FEWEST_CLEAN = 2  # clean units in a period: with one, nothing shows how it varies
FEW_CLEAN = 5
UNIMPUTABLE = ("error", "drop")


@takes_frames
def exposure_did(
    formula: str, data: pd.DataFrame, w: WeightsLike | Mapping[str, WeightsLike], *, treatment: str | None = None,
    entity: str | None = None, time: str | None = None, exposure: str | None = None,
    cuts: tuple[float, ...] | None = None, absent: str = "stay", unimputable: str = "error",
    window: tuple[float, float] | None = None, cluster: str | None = None, vcov: Any = "cluster",
    obs_weights: str | Sampling | None = None, period_by: str | None = None, band: str = "pointwise",
    level: float = 0.95, missing: str = "error",
) -> ExposureDiD:  # fmt: skip
    """Effect paths of the own treatment and of the neighbors', with staggered adoption and effects that differ.

    Parameters
    ----------
    formula : str
        Outcome, treatment (0 before, 1 from its first period on), covariates that vary over time.
    data : DataFrame
        One row per unit and period, in any order; with ``missing="period"`` units may enter, leave and have gaps.
    w : weights over the units, or a mapping of names to weights
        Whom a policy can reach; W may vary over time. A mapping holds rings from the inside out, cumulative or not.
    treatment, entity, time, cluster, obs_weights, period_by, missing
        As for ``did``. Units that are treated whenever they are observed expose their neighbors; their own effect
        cannot be imputed.
    exposure : {"any", "share", "count", "rings"}, optional
        What is made of the neighbors' treatment: whether any is treated; their share, by |w|; how many are; or the
        innermost ring with a treated unit. By default "any" of one W, "rings" of a mapping.
    cuts : tuple of float, optional
        Upper ends of the levels of a share, (1/3, 2/3) by default, or of a count, (1, 2): one, two, three or more.
    absent : {"stay", "leave"}
        Neighbors without a row in a period: they stay as treated as they were, from where they are observed
        first, or expose nobody while they are away and leave the share's denominator. Whoever was once exposed stays
        exposed.
    unimputable : {"error", "drop"}
        What becomes of effects that no clean observation identifies: of units never observed untreated and unexposed,
        of periods without such units, of what no chain of clean observations connects. "drop" names them in
        ``.dropped``.
    window : (first, last), optional
        Times of the path; default all.
    vcov : {"cluster", "neighbors"} or sp.Conley(...)
        Errors correlated within units, or the groups of ``cluster``; also between units in proportion to the
        neighbors that they share, themselves among them; or within a distance.
    band : {"pointwise", "simultaneous"}
        Whether intervals and p-values of each path hold one by one or all together (sup-t).
    level : float
        Coverage of the intervals.

    Returns
    -------
    ExposureDiD
        ``.table``, ``.path``, ``.levels``, ``.by(...)``, ``.pretrends``, ``.observations()``, ``.dropped``.

    Raises
    ------
    SpatialInputError
        E101, E107 units or periods without weights; E230-E235 treatments that cannot be used; E237 nobody is exposed;
        E533 options that do not fit; E735 effects that cannot be imputed; E1xx keys, E2xx values, E5xx formula.

    Warns
    -----
    SpatialInputWarning
        Fewer than 5 clean units in a period.

    Notes
    -----
    Standard errors are those of Borusyak, Jaravel & Spiess: conservative where effects differ within a cohort and
    period, scaled to be right under independent errors, with Satterthwaite's t: see ``spatial.policy.conservative``.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> states, castle = shapefiles.load("us_states"), shapefiles.load_panel("castle")
    >>> castle = castle[castle["state"].isin(states.index)]
    >>> paths = sp.exposure_did("log(homicide) ~ post", castle, wt.queen(states), entity="state", time="year")
    >>> paths.table["term"].tolist()[:2]
    ['total on the treated', 'own, of the unexposed']
    """
    check_option("band", band, BANDS)
    check_option("unimputable", unimputable, UNIMPUTABLE)
    sample = read_policy(formula, data, treatment=treatment, entity=entity, time=time, cluster=cluster, always=True,
                         obs_weights=obs_weights, period_by=period_by, missing=missing)  # fmt: skip
    # 1. Who is treated, who exposed, and what can be imputed.
    entered = (sample.mass > 0).argmax(axis=0)
    sample = replace(sample, D=sample.D * (np.arange(len(sample.times))[:, None] >= entered))
    first = _adoption(sample)
    exposed = exposure_of(sample, w, exposure, cuts, absent)
    touched = (sample.D > 0) | (exposed.level > 0)
    why = cannot_be_imputed(sample, touched)
    dropped = dropped_table(sample, why)
    mass, lost = without_lost(sample, why, unimputable)
    sample = replace(sample, mass=mass)
    few, clean, scarce = _few_clean(sample, touched)
    parts = ep.parts_of(sample, first, exposed)
    settings = {"exposure": exposed.kind, "vcov": vcov, "level": level, "band": band, "reference": None,
                "absent": absent, "cluster": cluster or str(sample.ids.name or "unit"), "clean": clean,
                "weights": column_of(obs_weights), "period_by": sample.period_by}  # fmt: skip
    _, settings["window"], uneven = path_window(sample, window, None, "imputation")
    head = ep.headlines(parts, sample.cluster, few)
    if not any(head):
        raise SpatialInputError("E735", "no effect at all can be imputed: no treated or exposed unit is observed "
                                "untouched", n=len(dropped), hint="a narrower exposure")  # fmt: skip
    # 2. The imputation.
    union = replace(sample, D=touched * 1.0, treatment=f"{sample.treatment}, own or of neighbors")
    engine = Conservative(imputation.untreated_design(union), mass.T, sample.y.T,
                          classes(ep.class_keys(parts), mass.T), kernel_of(vcov, sample, exposed))  # fmt: skip
    # 3. Its averages.
    table, headline = headline_table(engine, head, level)
    path, V = path_tables(engine, parts, sample, few, settings)
    levels = cells_table(engine, ep.cells(parts, ["level"], sample.cluster, few, np.inf), level)
    notes = (*sample.notes, *exposed.notes, *lost, *scarce, *uneven, *_alone(path), *_unmatched(parts))
    return ExposureDiD(table, path, levels, dropped, V, exposed, sample, settings, notes, parts, engine, few, headline)


def _adoption(sample: PolicySample) -> np.ndarray:
    """The first treated period of every unit: 0 for those treated from the start, which ``did`` refuses."""
    always = sample.D[0] == 1
    first = adoption(np.where(always, 0.0, sample.D), sample.ids, sample.times, sample.treatment)
    return np.where(always, 0, first)


def _few_clean(sample: PolicySample, touched: np.ndarray) -> tuple[np.ndarray, int, list[str]]:
    """Observations (T, N) in periods (of a region) with one clean unit only, the smallest number of clean units in a
    period with effects, and a note."""
    number = np.zeros(touched.shape, dtype=int)
    for r in range(int(sample.region.max()) + 1):
        at = sample.region == r
        number[:, at] = (~touched & (sample.mass > 0))[:, at].sum(axis=1)[:, None]
    clean = int(number[touched & (sample.mass > 0)].min(initial=len(sample.ids)))
    few = touched & (number < FEWEST_CLEAN)
    if clean >= FEW_CLEAN:
        return few, clean, []
    text = f"in some period only {clean} unit{'s are' if clean != 1 else ' is'} neither treated nor exposed"
    text += ": no standard errors of what it enters" if clean < FEWEST_CLEAN else ": intervals rest on very few units"
    warn(text)
    return few, clean, [text]


def _alone(path: pd.DataFrame) -> list[str]:
    """Notes on effects without a standard error, one for each effect."""
    without = path[path["std_error"].isna()]
    reason = "one unit alone identifies it, or one clean unit its period"
    return [f"no standard error of {effect} at {', '.join(f'{k:+g}' for k in part['period'])}: {reason}"
            for effect, part in without.groupby("effect", sort=False)]  # fmt: skip


def _unmatched(parts: ep.Parts) -> list[str]:
    """Times at which exposed treated units have no unexposed ones beside them."""
    masks = parts.masks()
    gone = np.setdiff1d(parts.since[masks[ep.ON_TREATED]], parts.since[masks[ep.OWN]])
    at = ", ".join(f"{k:+g}" for k in gone)
    return [f"spillover on the treated is not identified at {at}: no treated unit is unexposed there"] if at else []
