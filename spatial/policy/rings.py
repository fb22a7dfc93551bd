"""Effects on the treated that spillovers do not distort, and effects on untreated units by ring around the treated.

    y_it = alpha_i + gamma_t + tau D_it + sum_r gamma_r (1 - D_it) R_it(r) + X_it beta + e_it

R(r) is one when the nearest treated unit is in ring r: rings are disjoint, from the inside out. Units beyond the last
ring are the comparison, and tau is the total effect on the treated, spillovers from other treated units included.
By imputation, observations that are neither treated nor in a ring predict all others, and effects may differ
between cohorts and over time. Source: Butts (2021, Difference-in-differences estimation with spatial spillovers,
arXiv:2105.03737), equations 6 and 8 and section 4.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option, warn
from spillover.frames import takes_frames
from spillover.ids import positions
from spillover.matrix import as_weights

from . import imputation
from ._sample import PolicySample, read_policy
from ._tables import rows
from .did import DiD
from .treatment import adoption
from .twfe import least_squares

FEWEST_CLEAN = 2  # units in the comparison of a period: with one, nothing shows how it varies
FEW_CLEAN = 5  # below, intervals rest on very few units


@takes_frames
def ring_did(
    formula: str, data: pd.DataFrame, rings: Mapping, *, treatment: str | None = None, entity: str | None = None,
    time: str | None = None, method: str = "imputation", cluster: str | None = None,
    weights_column: str | None = None, period_by: str | None = None, level: float = 0.95, missing: str = "error",
) -> DiD:  # fmt: skip
    """Effect of a policy on the treated and on untreated units by their nearness to treated ones.

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
    treatment, entity, time, cluster, weights_column, period_by, level, missing
        As for ``did``.
    method : {"imputation", "twfe"}

    Returns
    -------
    DiD
        Its table has the treated first, then every ring; there is no path. Without standard errors where a period has
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
                         weights_column=weights_column, period_by=period_by, missing=missing)  # fmt: skip
    adoption(sample.D, sample.ids, sample.times, sample.treatment)  # names a design that cannot be used
    exposed = ring_exposure(sample, rings)
    names = ["treated", *(f"untreated, {name}" for name in rings)]
    jackknife = (_imputed if method == "imputation" else _two_way)(sample, exposed, names)
    in_ring = np.logical_or.reduce(exposed, axis=2)
    clean = clean_units(sample, in_ring)
    errors = jackknife.std_errors if clean >= FEWEST_CLEAN else np.full(len(names), np.nan)
    table = rows(jackknife.estimates, errors, level=level, df=jackknife.df, term=names)
    settings = {"method": method, "control": None, "rings": list(rings), "level": level, "clean": clean,
                "weights": weights_column, "period_by": period_by,
                "cluster": cluster or str(sample.ids.name or "unit")}  # fmt: skip
    notes = (*sample.notes, *_few_clean(clean))
    return DiD(table, None, np.zeros((0, 0)), sample, settings, jackknife, in_ring, notes)


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
        at = positions(weights.ids, sample.ids, what=f"ring {name!r}")
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


def _imputed(sample, exposed, names):
    """Treated or in a ring is the event; each estimand averages over its part of it."""
    parts = np.concatenate([sample.D[:, :, None], exposed], axis=2)
    touched = replace(sample, D=parts.max(axis=2), treatment=f"{sample.treatment}, own or in a ring")
    cells = np.moveaxis(parts, 2, 0) * sample.mass
    return imputation.effects(touched, cells / cells.sum(axis=(1, 2), keepdims=True), move=False)
