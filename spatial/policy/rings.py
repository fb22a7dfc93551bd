"""Effects on the treated that spillovers do not distort, and effects on untreated units by ring around the treated.

    y_it = alpha_i + gamma_t + tau D_it + sum_r gamma_r (1 - D_it) R_it(r) + X_it beta + e_it

R(r) is one when the nearest treated unit is in ring r: rings are disjoint, from the inside out. Units beyond the last
ring are the comparison, and tau is the total effect on the treated, spillovers from other treated units included. By
imputation, observations that are neither treated nor in a ring predict all others, and effects may differ between
cohorts and over time: these are the estimates of ``exposure_did`` with a mapping of rings, whose "total on the treated"
and "spillover on the untreated" by level they equal to all digits, with standard errors of another kind (the delete-one
jackknife here) that agree to about one per cent. Source: Butts (2021, Difference-in-differences estimation with spatial
spillovers, arXiv:2105.03737), equations 6 and 8 and section 4.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.linalg import block_diag

from spillover.errors import SpatialInputError, check_option, warn
from spillover.frames import takes_frames
from spillover.ids import positions
from spillover.matrix import as_weights

from ..design.obs_weights import Sampling, column_of
from . import imputation
from ._sample import PolicySample, read_policy
from ._tables import rows
from .before import earlier_periods
from .did import DiD
from .event_time import alone, path_table, path_window
from .gaps import unseen_before
from .treatment import adoption, time_since
from .twfe import least_squares

FEWEST_CLEAN = 2  # units in the comparison of a period: with one, nothing shows how it varies
FEW_CLEAN = 5  # below, intervals rest on very few units


@takes_frames
def ring_did(
    formula: str, data: pd.DataFrame, rings: Mapping, *, treatment: str | None = None, entity: str | None = None,
    time: str | None = None, method: str = "imputation", window: tuple[float, float] | None = None,
    cluster: str | None = None, obs_weights: str | Sampling | None = None, period_by: str | None = None,
    level: float = 0.95, missing: str = "error",
) -> DiD:  # fmt: skip
    """Effect of a policy on the treated and on untreated units by their nearness to treated ones.

    The short answer, one number for the treated and one for each ring, also by two-way fixed effects.
    ``sp.exposure_did`` with the same rings has the same estimates by imputation and more of them: what exposure adds to
    the treated, own effects, levels, cohorts, W that moves, units treated throughout, errors correlated over space.

    Parameters
    ----------
    formula : str
        Outcome, treatment (0 before, 1 from its first period on), covariates.
    data : DataFrame
        One row per unit and period, balanced, in any order.
    rings : mapping of names to weights, from the inside out
        Which units lie in a ring around each other; only whether weights are zero matters. Links of an inner ring
        are taken out of the outer ones, so that cumulative bands serve:
        ``{"0-200 km": wt.distance_band(states, 200), "200-400 km": wt.distance_band(states, 400)}``. One W of
        any kind gives the exposure to treated neighbors.
    treatment, entity, time, cluster, obs_weights, period_by, level, missing
        As for ``did``.
    method : {"imputation", "twfe"}
    window : (first, last), optional
        Times of the paths, which imputation has; default all. "twfe" has none.

    Returns
    -------
    DiD
        Its table has the treated first, then every ring. By imputation ``path`` has a path of each (column
        ``effect``): of the treated by time since their own adoption, of a ring by time since the first treated unit
        came near, before that of the units that this happened to first. Without standard errors where a period has
        fewer than 2 units that are neither treated nor in a ring.

    Raises
    ------
    SpatialInputError
        E101 units without weights, E230-E236 treatments that cannot be used, E237 a ring without any observation,
        E730 periods in which all units are treated or in a ring.

    Warns
    -----
    SpatialInputWarning
        Fewer than 5 units in the comparison of a period.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> states, castle = shapefiles.load("us_states"), shapefiles.load_panel("castle")
    >>> castle = castle[castle["state"].isin(states.index)]
    >>> rings = {"contiguous": wt.queen(states)}
    >>> sp.ring_did("log(homicide) ~ post", castle, rings, entity="state", time="year").table["term"].tolist()
    ['treated', 'untreated, contiguous']
    """
    check_option("method", method, ("imputation", "twfe"))
    sample = read_policy(formula, data, treatment=treatment, entity=entity, time=time, cluster=cluster,
                         obs_weights=obs_weights, period_by=period_by, missing=missing)  # fmt: skip
    adoption(sample.D, sample.ids, sample.times, sample.treatment)  # names a design that cannot be used
    exposed = ring_exposure(sample, rings)
    names = ["treated", *(f"untreated, {name}" for name in rings)]
    in_ring = np.logical_or.reduce(exposed, axis=2)
    sample = without_unseen(sample, in_ring)
    clean = clean_units(sample, in_ring)
    settings = {"method": method, "control": None, "rings": list(rings), "level": level, "clean": clean,
                "weights": column_of(obs_weights), "period_by": sample.period_by, "reference": None,
                "band": "pointwise", "window": window,
                "cluster": cluster or str(sample.ids.name or "unit")}  # fmt: skip
    if method == "imputation":
        _, settings["window"], uneven = path_window(sample, window, None, method)
        jackknife, path, V = _imputed(sample, exposed, names, settings)
    else:
        jackknife, path, V, uneven = _two_way(sample, exposed, names), None, np.zeros((0, 0)), []
    errors = jackknife.std_errors if clean >= FEWEST_CLEAN else np.full(len(names), np.nan)
    table = rows(jackknife.estimates, errors, level=level, df=jackknife.df, term=names)
    notes = (*sample.notes, *uneven, *_few_clean(clean), *alone(path if clean >= FEWEST_CLEAN else None))
    return DiD(table, path, V, sample, settings, jackknife, in_ring, notes)


def without_unseen(sample: PolicySample, in_ring: np.ndarray) -> PolicySample:
    """Without units of a panel with gaps that are observed only after a treated unit came near: nothing shows what they
    would have been."""
    gone = unseen_before(sample.mass, (sample.D > 0) | in_ring)
    if not gone.any():
        return sample
    note = f"observed only after a treated unit came near, and left out: {', '.join(map(str, sample.ids[gone][:5]))}"
    return replace(sample, mass=sample.mass * ~gone, notes=(*sample.notes, note))


def clean_units(sample: PolicySample, in_ring: np.ndarray) -> int:
    """The smallest number of units that are neither treated nor in a ring in any period (of any region)."""
    clean = (sample.D == 0) & ~in_ring & (sample.mass > 0)
    return min(int(clean[:, sample.region == r].sum(axis=1).min()) for r in range(int(sample.region.max()) + 1))


def _few_clean(clean: int) -> list[str]:
    if clean >= FEW_CLEAN:
        return []
    text = f"in some period only {clean} unit{'s are' if clean != 1 else ' is'} neither treated nor in a ring"
    text += ": no standard errors" if clean < FEWEST_CLEAN else ": intervals rest on very few units"
    warn(text)
    return [text]


def ring_exposure(sample: PolicySample, rings: Mapping) -> np.ndarray:
    """R, (T, N, rings): untreated with the nearest treated unit in this ring.

    Raises
    ------
    SpatialInputError
        E101, E237, E501.
    """
    if not isinstance(rings, Mapping) or not rings:
        raise SpatialInputError("E501", "rings must be a mapping of names to weights, with one at least",
                                hint="{'0-200 km': wt.distance_band(places, 200)}")  # fmt: skip
    untreated = sample.D == 0
    seen = np.zeros(sample.D.shape, dtype=bool)
    out = []
    for name, w in rings.items():
        weights = as_weights(w)
        if weights.varies or not weights.labelled:
            raise SpatialInputError("E501", f"ring {name!r} must be weights with ids, the same in all periods",
                                    hint="{'0-200 km': wt.distance_band(places, 200)}")
        at = positions(weights.ids, sample.ids, what=f"ring {name!r}", against="the data")
        near = (abs(weights.csr[at][:, at]) @ sample.D.T > 0).T
        ring = near & untreated & ~seen
        if not ring.any():
            raise SpatialInputError("E237", f"no untreated unit has its nearest treated unit in ring {name!r}",
                                    hint="leave this ring out, or draw the rings wider")  # fmt: skip
        seen |= near
        out.append(ring)
    return np.stack(out, axis=2).astype(float)


def _two_way(sample, exposed, names):
    return least_squares(sample, np.concatenate([sample.D[:, :, None], exposed], axis=2), names)


def _imputed(sample: PolicySample, exposed: np.ndarray, names: list[str], settings: dict):
    """Treated or in a ring is the event; each estimand averages over its part of it.

    Returns
    -------
    Jackknife of the averages, the paths as a table, and their covariance
    """
    parts = np.moveaxis(np.concatenate([sample.D[:, :, None], exposed], axis=2), 2, 0)
    touched = replace(sample, D=parts.max(axis=0), treatment=f"{sample.treatment}, own or in a ring")
    # 1. The averages, then every part by its own clock: time since adoption, or since a treated unit came near.
    estimands, at = list(parts * sample.mass), []
    began = np.where(touched.D.any(axis=0), touched.D.argmax(axis=0), len(sample.times))
    clocks = [sample.since, *[time_since(began, sample.clock)] * (len(names) - 1)]
    for name, part, since in zip(names, parts * sample.mass, clocks):
        for k in np.unique(since[part > 0]):
            if k <= settings["window"][1]:
                estimands.append(part * (since == k))
                at.append((name, k))
    cells = np.stack(estimands)
    jackknife = imputation.effects(touched, cells / cells.sum(axis=(1, 2), keepdims=True), move=False)
    # 2. Before it, of the units to which each happened first.
    one, later = jackknife.part(slice(0, len(names))), jackknife.part(slice(len(names), None))
    first = np.minimum(began, len(sample.times) - 1)
    units = np.arange(len(sample.ids))
    tables, order, blocks = [], [], [later.V]
    for name, part in zip(names, parts):
        happened = (began < len(sample.times)) & (part[first, units] > 0)
        earlier, before, v = earlier_periods(touched, settings["window"][0], happened)
        own = [j for j, (label, _) in enumerate(at) if label == name]
        estimates, errors, df = (
            np.array([*([] if before is None else getattr(before, field)), *getattr(later, field)[own]])
            for field in ("estimates", "std_errors", "df")
        )
        if settings["clean"] < FEWEST_CLEAN:
            errors, df = np.full((2, len(estimates)), np.nan)
        periods = [*earlier, *(at[j][1] for j in own)]
        table = path_table(periods, estimates, errors, df, np.concatenate([v, later.v[own]]), settings)
        tables.append(table.assign(effect=name)[["effect", *table.columns]])
        start = sum(len(block) for block in blocks)
        order += [*range(start, start + len(earlier)), *own]
        blocks += [] if before is None else [before.V]
    return one, pd.concat(tables, ignore_index=True), block_diag(*blocks)[np.ix_(order, order)]
