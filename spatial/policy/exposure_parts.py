"""What is averaged of imputed effects: own, of neighbors' treatment, total; by event time, level, cohort, calendar.

tau_it = y_it - yhat_it(0, 0) is y(1, 0) - y(0, 0) of the treated whom nobody exposes, y(1, E) - y(0, 0) of the exposed
treated, y(0, E) - y(0, 0) of the untreated. Averages of each need no further assumption. What exposure adds to the
treated, y(1, E) - y(1, 0), compares two groups of treated units at the same time since adoption,

    sum_k s_k (mean tau of the treated and exposed at k - mean tau of the treated and unexposed at k),

with s_k the shares of the former, and is their effect if exposed and unexposed adopters would have had the same own
effect at k (Butts 2023, section 3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import check_option

from ._sample import PolicySample
from .exposure_maps import Exposure
from .treatment import time_since

TOTAL, OWN, ON_TREATED, ON_UNTREATED, ALL = (
    "total on the treated", "own, of the unexposed", "spillover on the treated", "spillover on the untreated",
    "all effects per treated unit")  # fmt: skip
EFFECTS = (TOTAL, OWN, ON_TREATED, ON_UNTREATED)
BY = ("event", "level", "cohort", "calendar")


@dataclass(frozen=True, eq=False)
class Parts:
    """Who is where: all arrays are (T, N).

    Attributes
    ----------
    mass : ndarray
        Of observations that are used.
    treated, exposed : ndarray of bool
        Of touched observations.
    level : ndarray of int
    since, near : ndarray
        Time since own adoption, and since first exposure.
    cohort, wave : ndarray of int, shape (N,)
        Positions of the first treated and of the first exposed period.
    times : Index;  names : tuple of str
        The periods, and the levels of exposure.
    """

    mass: np.ndarray = field(repr=False)
    treated: np.ndarray = field(repr=False)
    exposed: np.ndarray = field(repr=False)
    level: np.ndarray = field(repr=False)
    since: np.ndarray = field(repr=False)
    near: np.ndarray = field(repr=False)
    cohort: np.ndarray = field(repr=False)
    wave: np.ndarray = field(repr=False)
    times: pd.Index = field(repr=False)
    names: tuple[str, ...]

    def masks(self) -> dict[str, np.ndarray]:
        """Observations of every effect; of what exposure adds to the treated, the exposed ones."""
        return {TOTAL: self.treated, OWN: self.treated & ~self.exposed, ON_TREATED: self.treated & self.exposed,
                ON_UNTREATED: ~self.treated & self.exposed}  # fmt: skip


def parts_of(sample: PolicySample, first: np.ndarray, exposure: Exposure) -> Parts:
    used = sample.mass > 0
    return Parts(sample.mass, used & (sample.D > 0), used & (exposure.level > 0), exposure.level,
                 time_since(first, sample.clock), time_since(exposure.first, sample.clock), first, exposure.first,
                 sample.times, exposure.names)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Estimand:
    """One average: its labels, its weights (T, N), and how many observations and units of the effect it rests on."""

    labels: dict
    weights: np.ndarray = field(repr=False)
    n: int
    units: int
    enough: bool


def estimand(parts: Parts, effect: str, at: np.ndarray, cluster: np.ndarray, few: np.ndarray, against=None,
             **labels) -> Estimand | None:  # fmt: skip
    """The average over a mask (T, N); of ``ON_TREATED`` against treated, unexposed ones as long under treatment. None
    where nothing is left."""
    mass = parts.mass * at
    other = None
    if effect == ON_TREATED:
        other = parts.masks()[OWN] if against is None else against
        k, code = np.unique(parts.since[at | other], return_inverse=True)
        place = np.full(at.shape, -1)
        place[at | other] = code
        sums = [np.bincount(place[m], parts.mass[m], minlength=len(k)) for m in (at, other)]
        both = (sums[0] > 0) & (sums[1] > 0)
        if not both.any():
            return None
        at, other = at & both[place], other & both[place]
        mass = parts.mass * at
        ratio = np.divide(sums[0], sums[1], out=np.zeros(len(k)), where=both)
        mass = mass - parts.mass * other * np.where(other, ratio[place], 0.0)
    whole = parts.mass[at].sum()
    if not whole > 0:
        return None
    enough = not few[at].any() and all(len(np.unique(cluster[m.any(axis=0)])) > 1 for m in (at, other) if m is not None)
    return Estimand({"effect": effect, **labels}, mass / whole, int(at.sum()), int(at.any(axis=0).sum()), enough)


def headlines(parts: Parts, cluster: np.ndarray, few: np.ndarray) -> list[Estimand | None]:
    """The rows of the table: total, own, both spillovers, and everything for each treated unit and period."""
    masks = parts.masks()
    rows = [estimand(parts, effect, at, cluster, few) for effect, at in masks.items()]
    at = masks[TOTAL] | masks[ON_UNTREATED]
    whole = (parts.mass * masks[TOTAL]).sum()
    if not whole > 0:
        return [*rows, None]
    enough = not few[at].any() and len(np.unique(cluster[at.any(axis=0)])) > 1
    return [*rows, Estimand({"effect": ALL}, parts.mass * at / whole, int(at.sum()), int(at.any(axis=0).sum()), enough)]


def cells(parts: Parts, by: Iterable[str], cluster: np.ndarray, few: np.ndarray, last: float) -> list[Estimand]:
    """Averages of every effect by some of ``BY``, up to ``last`` in time since the event."""
    by = [by] if isinstance(by, str) else list(by)
    for one in by:
        check_option("by", one, BY)
    T = len(parts.times)
    periods = np.broadcast_to(np.arange(T)[:, None], parts.mass.shape)
    out = []
    for effect, mask in parts.masks().items():
        away = effect == ON_UNTREATED
        clock, start = (parts.near, parts.wave) if away else (parts.since, parts.cohort)
        keys = {"event": clock, "level": parts.level, "cohort": np.broadcast_to(start, mask.shape), "calendar": periods}
        if effect == OWN and "level" in by:
            continue  # the total at level none
        mask = mask & (clock <= last)
        rows = np.unique(np.stack([keys[one][mask] for one in by]), axis=1) if mask.any() else np.zeros((len(by), 0))
        for values in rows.T:
            at, own = mask.copy(), parts.masks()[OWN]
            for one, value in zip(by, values):
                at &= keys[one] == value
                own = own if one == "level" else own & (keys[one] == value)
            built = estimand(parts, effect, at, cluster, few, own, **_labels(parts, by, values))
            if built is not None:
                out.append(built)
    return out


def _labels(parts: Parts, by: list[str], values) -> dict:
    names = {"event": "period", "level": "level", "cohort": "cohort", "calendar": "calendar"}
    labels = np.array(["none", *parts.names], dtype=object)
    of = {"event": float, "level": lambda v: labels[int(v)], "cohort": lambda v: parts.times[int(v)],
          "calendar": lambda v: parts.times[int(v)]}  # fmt: skip
    return {names[one]: of[one](value) for one, value in zip(by, values)}


def class_keys(parts: Parts) -> list[np.ndarray]:
    """Codes (N, T) from the finest class of effects to the coarsest, -1 where untouched: status, level, cohort and
    period; status, level and time since; status and time since; status; all."""
    touched = parts.treated | parts.exposed
    status = np.where(parts.treated, 1 + parts.exposed, 0)
    start = np.where(parts.treated, parts.cohort, parts.wave)
    since = np.where(parts.treated, parts.since, parts.near)
    _, k = np.unique(np.where(touched, since, 0.0), return_inverse=True)
    k = k.reshape(touched.shape)
    T, L = len(parts.times) + 1, len(parts.names) + 1
    t = np.arange(len(parts.times))[:, None]
    wide = max(int(k.max()) + 1, 1)
    keys = [((status * L + parts.level) * T + start) * T + t, (status * L + parts.level) * wide + k, status * wide + k,
            status, np.zeros_like(status)]  # fmt: skip
    return [np.where(touched, key, -1).T for key in keys]
