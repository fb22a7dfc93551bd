"""Exposure mappings: what W and the treatment of others make of every unit and period.

    any      E_it = 1[sum_j 1(w_ij != 0) D_jt > 0]          count    E_it = sum_j 1(w_ij != 0) D_jt
    share    E_it = sum_j |w_ij| D_jt / sum_j |w_ij|        rings    the innermost ring with a treated unit

Levels are numbered 1 ... L, 0 for none. What was once exposed stays so: where W or the units observed change, a unit
keeps the highest exposure that it has had. Sources: Aronow & Samii (2017, Annals of Applied Statistics 11:1912-1947)
for mappings; Butts (2023, Difference-in-differences estimation with spatial spillovers, arXiv:2105.03737) for rings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.ids import positions
from spillover.matrix import SpatialWeights, TemporalWeights, as_weights
from spillover.values import counted

from ._sample import PolicySample

EXPOSURES = ("any", "share", "count", "rings")
ABSENT = ("stay", "leave")
CUTS = {"share": (1 / 3, 2 / 3), "count": (1, 2)}


@dataclass(frozen=True, eq=False)
class Exposure:
    """Who is exposed, how much, from when.

    Attributes
    ----------
    kind : str
        One of ``EXPOSURES``.
    level : ndarray of int, shape (T, N)
        0 for none, 1 ... L.
    names : tuple of L str
    first : ndarray, shape (N,)
        Position of the first period with exposure, T for never.
    weights : dict of str to SpatialWeights or TemporalWeights
    links : dict of str to tuples of sparse arrays, shape (N, N)
        |W| of every period, or of all, in the order of the sample's units.
    notes : tuple of str
    """

    kind: str
    level: np.ndarray = field(repr=False)
    names: tuple[str, ...]
    first: np.ndarray = field(repr=False)
    weights: dict = field(repr=False)
    links: dict = field(repr=False)
    notes: tuple[str, ...] = ()


def exposure_of(sample: PolicySample, w, kind: str | None, cuts, absent: str) -> Exposure:
    """The exposure of a sample's units to the treatment of others.

    Raises
    ------
    SpatialInputError
        E101 units without weights, E107 periods without, E237 nobody is exposed, E501, E533 options that do not fit.
    """
    rings = isinstance(w, Mapping) and not isinstance(w, SpatialWeights | TemporalWeights)
    kind = kind or ("rings" if rings else "any")
    check_option("exposure", kind, EXPOSURES)
    check_option("absent", absent, ABSENT)
    if rings != (kind == "rings") or (rings and not w):
        raise SpatialInputError("E533", "exposure='rings' goes with a mapping of names to weights, and only that does",
                                hint="{'0-200 km': wt.distance_band(places, 200)}, or one W and 'any', 'share' or "
                                "'count'")  # fmt: skip
    if cuts is not None and kind not in CUTS:
        raise SpatialInputError("E533", f"cuts= divides a share or a count, not exposure={kind!r}",
                                hint="leave cuts= out, or exposure='share'")  # fmt: skip
    weights = {name: as_weights(one) for name, one in (w.items() if rings else [("W", w)])}
    links = {name: _aligned(one, sample, name) for name, one in weights.items()}
    present = np.ones(sample.D.shape, dtype=bool) if absent == "stay" else sample.mass > 0
    if kind == "rings":
        amount = np.zeros(sample.D.shape)
        for k, one in enumerate(links.values()):  # the innermost counts most
            amount = np.maximum(amount, (len(links) - k) * (_sums(one, sample.D * present, links=True) > 0))
    else:
        amount = _sums(links["W"], sample.D * present, links=kind != "share")
        if kind == "share":
            whole = _sums(links["W"], present * 1.0, links=False)
            amount = np.divide(amount, whole, out=np.zeros_like(amount), where=whole > 0)
    kept = np.maximum.accumulate(amount, axis=0)
    notes = []
    if (fell := (kept > amount + 1e-12)).any():
        number = counted(fell.any(axis=0).sum(), "unit")
        notes.append(f"exposure falls in {number}: each keeps the highest that it has had")
    level, names = _levels(kept, kind, cuts, list(weights))
    if not level.any():
        raise SpatialInputError("E237", "no unit is ever exposed: nobody has a treated neighbor",
                                hint="sp.did, or weights with more neighbors")  # fmt: skip
    there = [k for k in range(1, len(names) + 1) if (level == k).any()]
    if len(there) < len(names):
        gone = ", ".join(name for k, name in enumerate(names, 1) if k not in there)
        notes.append(f"nobody is exposed at: {gone}")
    level = np.searchsorted([0, *there], level)
    T = len(sample.times)
    exposed = level > 0
    first = np.where(exposed.any(axis=0), exposed.argmax(axis=0), T)
    return Exposure(kind, level, tuple(names[k - 1] for k in there), first, weights, links, tuple(notes))


def _aligned(weights, sample: PolicySample, name: str) -> tuple:
    """|W| in the order of the sample's units, and of its periods where it varies."""
    if not weights.labelled:
        raise SpatialInputError("E501", f"{name} has no ids: units would be matched by position",
                                hint="wt.from_dense(W, ids=units)")  # fmt: skip
    if weights.varies:
        weights = weights.for_periods(sample.times)
    each = weights.each(len(sample.times)) if weights.varies else (weights,)
    at = positions(weights.ids, sample.ids, what="the weights" if name == "W" else f"ring {name!r}", against="the data")
    return tuple(abs(one.csr[at][:, at]) for one in each)


def _sums(each: tuple, values: np.ndarray, *, links: bool) -> np.ndarray:
    """Sums of values (T, N) over neighbors, of each link alike with ``links``, else weighted by |w|."""
    matrices = [(one != 0) * 1.0 if links else one for one in each]
    for one in matrices:
        one.setdiag(0)
    if len(matrices) == 1:
        return (matrices[0] @ values.T).T
    return np.stack([one @ row for one, row in zip(matrices, values)])


def _levels(amount: np.ndarray, kind: str, cuts, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Levels of an amount (T, N), and their names."""
    if kind == "any":
        return (amount > 0).astype(int), ["exposed"]
    if kind == "rings":
        return np.where(amount > 0, len(names) + 1 - amount, 0).astype(int), names
    at = np.asarray(CUTS[kind] if cuts is None else np.atleast_1d(cuts), dtype=float)
    inside = at.ndim == 1 and len(at) and np.isfinite(at).all() and (np.diff(at) > 0).all() and at[0] > 0
    if not inside or (kind == "share" and at[-1] >= 1) or (kind == "count" and (at != at.round()).any()):
        raise SpatialInputError("E533", f"cuts={cuts!r} must be ascending, above 0, " + (
                                "below 1" if kind == "share" else "whole numbers"),
                                hint="cuts=(0.25, 0.5) of a share, cuts=(1, 3) of a count")  # fmt: skip
    level = np.where(amount > 1e-12, 1 + np.searchsorted(at + 1e-9, amount, side="left"), 0)
    if kind == "share":
        ends = [0.0, *at, 1.0]
        return level, [f"share {lo:.2g} to {hi:.2g}" for lo, hi in pairwise(ends)]
    starts = [1, *(at[:-1] + 1).astype(int)]
    labels = [f"{lo}" if lo == hi else f"{lo} to {hi:g}" for lo, hi in zip(starts, at.astype(int))]
    return level, [f"{label} neighbor{'s' * (label != '1')}" for label in [*labels, f"{at[-1] + 1:g} or more"]]


def exposure_frame(sample: PolicySample, exposure: Exposure) -> pd.DataFrame:
    """Level of exposure of every unit (rows) and period (columns), ``none`` below the first."""
    names = np.array(["none", *exposure.names], dtype=object)
    return pd.DataFrame(names[exposure.level].T, index=sample.ids, columns=sample.times)
