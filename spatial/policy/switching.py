"""A treatment that comes and goes: units whose treatment changes against units whose treatment does not.

    DID_l    y_{F-1+l} - y_{F-1} of units whose treatment changes for the first time in F, less that of units with the
             same treatment in the first period that has not changed by F - 1 + l; with a minus sign where it ends
    DID_M    y_t - y_{t-1} of units that join in t less that of units untreated in both periods, and with a minus sign
             of units that leave less that of units treated in both

DID_l are effects l periods on, whatever came after the first change; their sum over l, divided by that of
|D_{F-1+l} - D_{F-1}|, is the effect of one period of treatment. DID_M averages over all changes, and needs effects that
do not last: one period's outcome depends on that period's treatment. Both are linear in the outcomes. Sources: de
Chaisemartin & D'Haultfoeuille (2020, American Economic Review 110:2964-2996), theorem 3; (2024, Review of Economics and
Statistics, Difference-in-differences estimators of intertemporal treatment effects), equations 3 to 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from ._sample import PolicySample
from .comparisons import Average, Comparisons, jackknife
from .conditional import without_overlap

PER_PERIOD = "effect per treated period"


def first_changes(D: np.ndarray) -> np.ndarray:
    """The first period with another treatment than the first period's, T where it never changes.

    Examples
    --------
    >>> first_changes(np.array([[0, 1, 0], [1, 1, 0], [0, 0, 0]])).tolist()
    [1, 2, 3]
    """
    changed = D[1:] != D[0]
    return np.where(changed.any(axis=0), 1 + changed.argmax(axis=0), len(D))


@dataclass(frozen=True, eq=False)
class Changes:
    """Comparisons of both kinds.

    Attributes
    ----------
    model : Comparisons
    since : ndarray, shape (K,)
        Time since the first change; NaN for comparisons of DID_M.
    joined : ndarray, shape (K,)
        1 for joiners, -1 for leavers, 0 for comparisons of DID_l.
    notes : list of str
    """

    model: Comparisons
    since: np.ndarray
    joined: np.ndarray
    notes: list[str]

    def at(self, period: float) -> Average:
        return Average(self.since == period)


def read_changes(sample: PolicySample, control: str, adjustment: str) -> Changes:
    """Of all changes that have a comparison.

    Raises
    ------
    SpatialInputError
        E234, E730 where no change has a comparison, E734 without overlap.
    """
    D, seen = sample.D, sample.mass > 0
    later, starts = _after_first_change(D, seen, control)
    joins, is_join = _at_every_change(D, seen)
    since = sample.clock[later.period] - sample.clock[starts]
    if not (since >= 0).any():
        raise SpatialInputError("E730", "no unit changes its treatment while one with the same treatment keeps it",
                                column=sample.treatment, hint="method='imputation' where units stay treated, or add "
                                "units that do not change")  # fmt: skip
    model = _together(later, joins, sample, adjustment)
    needed = np.concatenate([since >= 0, np.ones(len(is_join), dtype=bool)])
    kept = ~without_overlap(sample, model, needed)
    since = np.concatenate([since, np.full(len(is_join), np.nan)])[kept]
    joined = np.concatenate([np.zeros(len(starts)), np.where(is_join, 1, -1)])[kept]
    return Changes(model.part(kept), since, joined, _unused(D, later, joins, sample))


def effects(sample: PolicySample, control: str, adjustment: str, window: tuple[float, float]):
    """Averages and the path.

    Returns
    -------
    terms : list of str
    periods : ndarray of p, since the first change
    Jackknife of all of them, terms first;  notes : list of str

    Raises
    ------
    SpatialInputError
        As ``read_changes``.
    """
    changes = read_changes(sample, control, adjustment)
    model, since, joined = changes.model, changes.since, changes.joined
    dose = np.abs(sample.D[model.period] - sample.D[model.base])
    averages = {PER_PERIOD: Average(since >= 0, per=dose), "DID_M": Average(joined != 0),
                "DID_M, joiners": Average(joined > 0), "DID_M, leavers": Average(joined < 0)}  # fmt: skip
    averages = {name: one for name, one in averages.items() if one.at.any()}
    periods = np.unique(since[(since >= window[0]) & (since <= window[1])])
    fit = jackknife(model, sample.y.T, [*averages.values(), *map(changes.at, periods)])
    return list(averages), periods, fit, changes.notes


def _after_first_change(D, seen, control) -> tuple[Comparisons, np.ndarray]:
    """Units that change first in F in every period but F - 1, and F of each comparison."""
    T = len(D)
    change, rows, starts = first_changes(D), [], []
    for before in (0.0, 1.0):
        alike = D[0] == before
        for F in np.unique(change[alike & (change < T)]):
            for t in range(T):
                keep = change == T if control == "never" else change > max(t, F)
                both = seen[t] & seen[F - 1] & alike
                own, others = both & (change == F), both & keep
                if t != F - 1 and own.any() and others.any():
                    rows.append((own, others, t, F - 1, 1 - 2 * before))
                    starts.append(F)
    return _collected(rows, D.shape[1]), np.array(starts, dtype=int)


def _at_every_change(D, seen) -> tuple[Comparisons, np.ndarray]:
    """Joiners and leavers of every period, and which of the two."""
    rows, is_join = [], []
    for t in range(1, len(D)):
        both = seen[t] & seen[t - 1]
        for before in (0.0, 1.0):
            own, others = (both & (D[t - 1] == before) & (D[t] == now) for now in (1 - before, before))
            if own.any() and others.any():
                rows.append((own, others, t, t - 1, 1 - 2 * before))
                is_join.append(before == 0)
    return _collected(rows, D.shape[1]), np.array(is_join, dtype=bool)


def _collected(rows, N) -> Comparisons:
    treated, others, period, base, sign = zip(*rows) if rows else ((),) * 5
    return Comparisons(np.array(treated, dtype=bool).reshape(-1, N), np.array(others, dtype=bool).reshape(-1, N),
                       np.array(period, dtype=int), np.array(base, dtype=int), np.array(sign, dtype=float),
                       np.zeros((1, N, 0)), np.arange(N))  # fmt: skip


def _together(a: Comparisons, b: Comparisons, sample: PolicySample, adjustment: str) -> Comparisons:
    parts = {name: np.concatenate([getattr(a, name), getattr(b, name)])
             for name in ("treated", "others", "period", "base", "sign")}  # fmt: skip
    return Comparisons(**parts, x=sample.X, cluster=sample.cluster, adjustment=adjustment)


def _unused(D, later, joins, sample: PolicySample) -> list[str]:
    """Units whose changes are compared with nothing."""
    changes = (D[1:] != D[:-1]).any(axis=0)
    used = later.treated.any(axis=0) | joins.treated.any(axis=0)
    lost = sample.ids[changes & ~used]
    if not len(lost):
        return []
    shown = ", ".join(map(str, lost[:5]))
    return [f"changes without a comparison, left out: {shown}{' ...' * (len(lost) > 5)}"]
