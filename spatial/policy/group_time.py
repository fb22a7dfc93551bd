"""Group-time effects: each cohort in each period against units that are not treated then, and their averages.

    ATT(g, t) = E[y_t - y_{g-1} | first treated in g] - E[y_t - y_{g-1} | comparison]

of means that are weighted where units have weights; without covariates, where the interaction-weighted estimator of
Sun & Abraham (2021) has the same numbers. Every average is linear in y with weights that depend on a unit's cohort and
on the cohorts' sizes alone, so that deleting a unit changes sizes: the shares that weight the cohorts are estimated
anew with it. Source: Callaway & Sant'Anna (2021, J. Econometrics 225:200-230), equations 2.8 and 3.4-3.9.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from spillover.errors import SpatialInputError

from ._sample import PolicySample
from .delete_one import Linear, jackknife, plain

NAMES = ("simple", "dynamic", "group", "calendar")
GONE = 1e-12  # share of a cohort's weight that is rounding


class GroupTime:
    """ATT(g, t) for every cohort g and period t but g - 1, less the periods of ``anticipation``.

    Attributes
    ----------
    cohorts : (H,) dates of adoption, T for never;  code : (N,) each unit's place among them
    cells : (K, 2) of cohort's place and period
    """

    def __init__(self, first: np.ndarray, T: int, control: str, anticipation: int = 0):
        self.T, self.control, self.early = T, control, 1 + anticipation
        self.cohorts, self.code = np.unique(first, return_inverse=True)
        self.cells = np.array([(h, t) for h, g in enumerate(self.cohorts) if g < T for t in range(T)
                               if t != g - self.early and self._comparison(h, t).any()]).reshape(-1, 2)  # fmt: skip

    def _comparison(self, h: int, t: int) -> np.ndarray:
        """The cohorts that cohort h is compared with in period t, (H,)."""
        g = self.cohorts[h]
        if self.control == "never":
            return self.cohorts == self.T
        later = np.where(self.cohorts < self.T, self.cohorts - self.early + 1, self.T)  # when they may respond
        return (later > max(t, g - self.early)) & (self.cohorts != g)

    @cached_property
    def _own(self) -> np.ndarray:
        """Whose effect a cell is, (K, H)."""
        return (self.cells[:, :1] == np.arange(len(self.cohorts))).astype(float)

    @cached_property
    def _against(self) -> np.ndarray:
        """What it is compared with, (K, H)."""
        return np.array([self._comparison(h, t) for h, t in self.cells], dtype=float)

    @cached_property
    def _change(self) -> np.ndarray:
        """From which period to which, (K, T)."""
        period, start = self.cells[:, 1], self.cohorts[self.cells[:, 0]] - self.early
        return (period[:, None] == np.arange(self.T)) * 1.0 - (start[:, None] == np.arange(self.T))

    def weights(self, sizes: np.ndarray, averages) -> np.ndarray:
        """Weights of the outcomes of every unit of a cohort, (E, H, T), for cohorts of these sizes (H,); NaN where an
        average does not exist."""
        n = np.stack([self._own @ sizes, self._against @ sizes], axis=1)
        exists = np.logical_and(n[:, 0] > 0, n[:, 1] > 0)
        n = np.where(n > 0, n, 1.0)
        of_unit = (self._own / n[:, :1] - self._against / n[:, 1:]) * (sizes > 0) * exists[:, None]
        of_cells = self._means(averages, sizes)
        v = (of_cells[:, :, None] * of_unit).transpose(0, 2, 1) @ self._change
        v[((of_cells != 0) & ~exists).any(axis=1)] = np.nan
        return v

    def averages(self, periods) -> list:
        """(kind, cells) of the usual four averages and of each period since adoption, as masks over the cells."""
        post = self.cells[:, 1] >= self.cohorts[self.cells[:, 0]]
        return [*((kind, post) for kind in NAMES), *(("simple", at) for at in periods)]

    def _means(self, averages, sizes) -> np.ndarray:
        """Weights of the cells' effects, (E, K): by the cohorts' shares, within periods or cohorts first."""
        h, t = self.cells.T
        at = np.array([cells for _, cells in averages])
        share = at * sizes[h].astype(float)
        for e, (kind, _) in enumerate(averages):
            if kind == "group":
                share[e] /= np.maximum(np.bincount(h[at[e]], minlength=len(sizes))[h], 1)
            elif kind != "simple":
                key = t - self.cohorts[h] + self.T if kind == "dynamic" else t
                total = np.bincount(key, share[e])
                share[e] /= np.where(total > 0, total, 1.0)[key]
        with np.errstate(invalid="ignore"):
            return share / share.sum(axis=1, keepdims=True)


def effects(sample: PolicySample, control: str, window: tuple[float, float]):
    """The four averages and the path.

    Returns
    -------
    periods : ndarray of p, since adoption;  Jackknife of 4 + p estimates

    Raises
    ------
    SpatialInputError
        E730 when no cohort has a comparison.
    """
    T, first = len(sample.times), sample.first
    group = GroupTime(first, T, control, sample.anticipation)
    start = sample.clock[np.minimum(group.cohorts[group.cells[:, 0]], T - 1)]
    since = sample.clock[group.cells[:, 1]] - start
    if not (since >= 0).any():
        raise SpatialInputError("E730", "no cohort has a comparison in a treated period", column=sample.treatment,
                                hint="method='imputation', or add units that are untreated")  # fmt: skip
    periods = np.unique(since[(since >= window[0]) & (since <= window[1])])
    averages = group.averages([since == k for k in periods])
    linear = _deletions(group, averages, sample.cluster, sample.mass[0])
    return periods, jackknife(linear, sample.root * sample.y.T, sample.cluster, plain(sample.n_clusters))


def _deletions(group: GroupTime, averages, cluster, mass: np.ndarray) -> list[Linear]:
    """``mass`` (N,) are weights of the units: they count in means and in the cohorts' sizes."""
    H, T, root = len(group.cohorts), group.T, np.sqrt(mass)
    members = np.zeros((int(cluster.max()) + 1, H))
    np.add.at(members, (cluster, group.code), mass)
    sizes = members.sum(axis=0)
    v = group.weights(sizes, averages)
    kinds, kind = np.unique(members, axis=0, return_inverse=True)  # clusters of the same composition
    kind = kind.ravel()
    left = (np.where(sizes - gone > GONE * sizes, sizes - gone, 0.0) for gone in kinds)
    without = np.array([group.weights(rest, averages) for rest in left])
    kept = ~np.isnan(without).any(axis=(2, 3))

    def blocks(part):
        code = group.code[part]
        B = np.zeros((len(code), T, H, T))
        t = np.arange(T)
        B[np.arange(len(code))[:, None], t, code[:, None], t] = root[part, None]
        return B.reshape(len(code), T, H * T)

    Z = np.nan_to_num(without - v).reshape(len(kinds), len(v), -1)[kind].transpose(1, 0, 2)
    return [Linear(v[:, group.code] * root[:, None], Z, blocks, kept[kind].T)]
