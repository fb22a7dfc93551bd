"""Group-time effects given covariates, and in panels with gaps.

    ATT(g, t) = sum_j v_j (y_jt - y_j,g-1)

over the units of cohort g and its comparison that are observed in both periods, v as in ``overlap`` with covariates as
they were in period g - 1. Trends are parallel given these covariates. Averages weight a cohort in a period by its units
that are observed then. Without covariates and gaps this is ``group_time``. Every deletion of a unit estimates
propensity scores, regressions and shares anew. Sources: Callaway & Sant'Anna (2021, J. Econometrics 225:200-230),
equations 2.4 and 3.4-3.9; Sant'Anna & Zhao (2020, J. Econometrics 219:101-122).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spillover.errors import SpatialInputError

from ._sample import PolicySample
from .delete_one import PART, Jackknife, plain
from .group_time import NAMES
from .overlap import Groups, unit_weights

LARGEST = 30_000_000  # numbers of all deletions' weights up to which ||K||_F is exact
PROJECTIONS = 400


@dataclass(frozen=True, eq=False)
class Conditional:
    """The effects of every cohort g in every period t but g - 1 in which it can be compared.

    Attributes
    ----------
    sample : PolicySample
    control, adjustment : str
    without : set of (g, t)
        Cells that are left out.
    """

    sample: PolicySample
    control: str
    adjustment: str
    without: frozenset = frozenset()

    @cached_property
    def cells(self) -> np.ndarray:
        """First treated period and period, (K, 2)."""
        T, first = len(self.sample.times), self.sample.first
        return np.array([(g, t) for g in np.unique(first[first < T]) for t in range(T)
                         if t != g - 1 and (g, t) not in self.without
                         if self._treated(g, t).any() and self._others(g, t).any()]).reshape(-1, 2)  # fmt: skip

    def _seen(self, g, t):
        return (self.sample.mass[t] > 0) & (self.sample.mass[g - 1] > 0)

    def _treated(self, g, t):
        return (self.sample.first == g) & self._seen(g, t)

    def _others(self, g, t):
        first = self.sample.first
        after = first == len(self.sample.times) if self.control == "never" else (first > max(t, g)) & (first != g)
        return after & self._seen(g, t)

    @cached_property
    def groups(self) -> tuple[list[Groups], np.ndarray]:
        """The distinct sets of units that are compared, and the set of each cell (K,)."""
        sets: dict[bytes, int] = {}
        distinct, place = [], []
        for g, t in self.cells:
            treated, others = self._treated(g, t), self._others(g, t)
            key = np.concatenate([[g], treated, others]).tobytes()
            if key not in sets:
                sets[key] = len(distinct)
                units = np.flatnonzero(treated | others)
                x = np.hstack([np.ones((len(units), 1)), self.sample.X[g - 1, units]])
                distinct.append(Groups(units, treated[units], x))
            place.append(sets[key])
        return distinct, np.array(place)

    def averages(self, periods) -> list:
        """(kind, cells) of the usual four averages and of each time since adoption, as masks over the cells."""
        post = self.cells[:, 1] >= self.cells[:, 0]
        return [*((kind, post) for kind in NAMES), *(("simple", self.since == k) for k in periods)]

    @cached_property
    def since(self) -> np.ndarray:
        clock = self.sample.clock
        return clock[self.cells[:, 1]] - clock[self.cells[:, 0]]

    def of_sets(self, deleted: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of every set, with all units or without each of the clusters: v (S, D, N), whether it exists (S, D), and its
        treated units (S, D)."""
        sets, N = self.groups[0], len(self.sample.ids)
        D = 1 if deleted is None else len(deleted)
        v, exists, sizes = np.zeros((len(sets), D, N)), np.zeros((len(sets), D), dtype=bool), np.zeros((len(sets), D))
        for s, one in enumerate(sets):
            code = self.sample.cluster[one.units]
            there = np.ones((1, len(code))) if deleted is None else (code != deleted[:, None]).astype(float)
            changed = ~there.all(axis=1)
            if deleted is not None and not changed.all():  # clusters that are not in the set
                everyone = np.ones((1, len(code)))
                full, there_all = unit_weights(one, everyone, self.adjustment)
                v[s][:, one.units], exists[s] = full, there_all
            at = changed if deleted is not None else np.ones(1, dtype=bool)
            if at.any():
                some, ok = unit_weights(one, there[at], self.adjustment)
                v[s][np.ix_(at, one.units)], exists[s, at] = some, ok
            sizes[s] = there @ one.treated
        return v, exists, sizes

    def weights(self, averages, deleted: np.ndarray | None = None) -> np.ndarray:
        """Weights of the outcomes, (D, E, N, T); NaN where an average does not exist."""
        place, T = self.groups[1], len(self.sample.times)
        v, exists, sizes = self.of_sets(deleted)
        of_cells = self._means(averages, sizes[place].T)  # (D, E, K)
        out = np.zeros((*of_cells.shape[:2], v.shape[2], T))
        for c, (g, t) in enumerate(self.cells):
            part = of_cells[:, :, c, None] * v[place[c]][:, None, :]
            out[..., t] += part
            out[..., g - 1] -= part
        lost = ((of_cells != 0) & ~exists[place].T[:, None, :]).any(axis=2) | np.isnan(of_cells).any(axis=2)
        out[lost] = np.nan
        return out

    def _means(self, averages, sizes) -> np.ndarray:
        """Weights of the cells' effects (D, E, K) from their treated units (D, K)."""
        g, t = self.cells.T
        T = len(self.sample.times)
        of_cohort = np.stack([np.where(g == one, sizes, 0).max(axis=1) for one in np.unique(g)], axis=1)
        out = np.empty((len(sizes), len(averages), len(g)))
        for e, (kind, at) in enumerate(averages):
            share = at * sizes
            if kind != "simple":
                key = {"dynamic": t - g + T, "calendar": t, "group": np.unique(g, return_inverse=True)[1]}[kind]
                total = np.stack([np.bincount(key, row) for row in share])[:, key]
                share = share / np.where(total > 0, total, 1.0)
                share = share * of_cohort[:, key] if kind == "group" else share
            with np.errstate(invalid="ignore"):
                out[:, e] = share / share.sum(axis=1, keepdims=True)
        return out


def effects(sample: PolicySample, control: str, adjustment: str, window: tuple[float, float]):
    """The four averages and the path, as ``group_time.effects``, and notes on what the path leaves out.

    Raises
    ------
    SpatialInputError
        E730 when no cohort has a comparison, E734 without overlap in a treated period.
    """
    model = Conditional(sample, control, adjustment)
    if not (len(model.cells) and (model.since >= 0).any()):
        raise SpatialInputError("E730", "no cohort has a comparison in a treated period", column=sample.treatment,
                                hint="method='imputation', or add units that are untreated")  # fmt: skip
    lost = ~model.of_sets()[1][model.groups[1], 0]
    _refuse_without_overlap(model, lost & (model.since >= 0))
    earlier = [(int(g), int(t)) for g, t in model.cells[lost]]
    model, notes = Conditional(sample, control, adjustment, frozenset(earlier)), []
    if earlier:
        shown = ", ".join(f"{sample.times[g]} in {sample.times[t]}" for g, t in earlier[:5])
        notes.append(f"the path leaves out cohorts that covariates tell from their comparison: {shown}")
    since = model.since
    periods = np.unique(since[(since >= window[0]) & (since <= window[1])])
    jackknife = _jackknife(model, model.averages(periods))
    if sample.names and np.isnan(jackknife.std_errors[0]):
        notes.append("no standard error: without one of the units, covariates tell a cohort from its comparison")
    return periods, jackknife, notes


def _refuse_without_overlap(model: Conditional, lost):
    if not lost.any():
        return
    s, at = model.sample, np.flatnonzero(lost)[0]
    (g, t), one = model.cells[at], model.groups[0][model.groups[1][at]]
    n = int(one.treated.sum())
    hint = "fewer covariates"
    if model.adjustment != "regression":
        hint += ", or adjustment='regression', which extrapolates"
    raise SpatialInputError("E734", f"covariates tell the {n} unit{'s' * (n != 1)} that adopted in {s.times[g]} from "
                            f"the {len(one.units) - n} they are compared with in {s.times[t]}, or are collinear among "
                            "these", column=", ".join(s.names), n=int(lost.sum()), hint=hint)  # fmt: skip


def _jackknife(model: Conditional, averages) -> Jackknife:
    """The delete-one jackknife with every deletion estimated anew, scaled and with degrees of freedom as in
    ``delete_one``. Of many units ||K||_F^2 is taken from random projections S of the deletions, delta S:

        E ||delta S S'delta'||_F^2 / p^2 = ||K||_F^2 (1 + 1 / p) + (tr K)^2 / p
    """
    s = model.sample
    Y, G = s.y.T, s.n_clusters
    v = model.weights(averages)[0]
    E, N, T = v.shape
    exact = E * G * N * T <= LARGEST
    S = np.random.default_rng(1).standard_normal((0 if exact else N * T, PROJECTIONS)) / PROJECTIONS**0.5
    d, own, projected = np.zeros((E, G)), np.zeros((E, G)), np.zeros((E, G, N * T if exact else PROJECTIONS))
    kept, f = np.ones((E, G), dtype=bool), plain(G)
    step = max(1, PART // (E * N * T))
    for start in range(0, G, step):
        at = np.arange(start, min(G, start + step))
        delta = model.weights(averages, at) - v  # (D, E, N, T)
        kept[:, at] = np.isfinite(delta).all(axis=(2, 3)).T
        delta = np.nan_to_num(delta).reshape(len(at), E, N * T).transpose(1, 0, 2)
        d[:, at], own[:, at] = delta @ Y.ravel(), (delta**2).sum(axis=2)
        projected[:, at] = delta if exact else delta @ S
    root = np.sqrt(f)[:, None]
    trace = (f * own).sum(axis=1)
    frobenius = np.array([((root * one @ (root * one).T) ** 2).sum() for one in projected])
    if not exact:
        frobenius = (frobenius - trace**2 / PROJECTIONS) / (1 + 1 / PROJECTIONS)
        frobenius = np.maximum(frobenius, trace**2 / G)
    lost = ~kept.all(axis=1)
    d[lost], trace[lost] = np.nan, np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        scale, df = np.sqrt((v**2).sum(axis=(1, 2)) / trace), trace**2 / frobenius
    V = (d * f) @ d.T * np.outer(scale, scale)
    return Jackknife((v * Y).sum(axis=(1, 2)), np.sqrt(np.diag(V)), df, scale, V, v)


def overall(sample: PolicySample, first: np.ndarray, outcome: np.ndarray, settings: dict) -> np.ndarray:
    """The simple average under every row of dates (R, N), of an outcome (T, N); NaN where it does not exist."""
    out = np.full(len(first), np.nan)
    for r, dates in enumerate(first):
        model = Conditional(sample.adopting(dates), settings["control"], settings["adjustment"])
        if len(model.cells) and (model.since >= 0).any():
            v = model.weights(model.averages([])[:1])[0, 0]
            out[r] = (v * outcome.T).sum()
    return out
