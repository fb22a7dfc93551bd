"""Changes of some units against changes of others over the same periods, and averages of such comparisons.

    effect_c = sign_c (mean of y_t - y_b among the treated - what others with the same covariates x_b changed by)

for comparisons c with periods t and b of their own. All is linear in the outcomes; ``overlap`` has the units' weights.
Every deletion of a unit (cluster) estimates propensity scores, regressions, means and shares anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from .delete_one import PART, Jackknife, plain
from .overlap import RANK, Groups, unit_weights

LARGEST = 30_000_000  # numbers of all deletions' weights up to which ||K||_F is exact
PROJECTIONS = 400


class Weighed(Protocol):
    """What has averages that are linear in the outcomes, with all units and without each cluster."""

    @property
    def cluster(self) -> np.ndarray: ...

    def weights(self, averages: list, T: int, deleted: np.ndarray | None = None, /) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Average:
    """An average over comparisons, weighted by their treated units.

    Attributes
    ----------
    at : ndarray of bool, shape (K,)
    key : ndarray of int, shape (K,), or None
        Each key has the same weight, whatever the number of its treated units.
    by_size : bool
        Keys are weighted by the largest number of treated units of their comparisons.
    per : ndarray, shape (K, N), or None
        Divide by the mean of this over the treated units instead of one.
    """

    at: np.ndarray
    key: np.ndarray | None = None
    by_size: bool = False
    per: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Comparisons:
    """K comparisons.

    Attributes
    ----------
    treated, others : ndarray of bool, shape (K, N)
    period, base : ndarray of int, shape (K,)
    sign : ndarray, shape (K,)
    x : ndarray, shape (T, N, k)
        Covariates, taken at ``base``.
    cluster : ndarray, shape (N,)
    adjustment : str
    """

    treated: np.ndarray = field(repr=False)
    others: np.ndarray = field(repr=False)
    period: np.ndarray
    base: np.ndarray
    sign: np.ndarray
    x: np.ndarray = field(repr=False)
    cluster: np.ndarray = field(repr=False)
    adjustment: str = "doubly_robust"

    def part(self, at: np.ndarray) -> Comparisons:
        """Some of the comparisons."""
        return Comparisons(self.treated[at], self.others[at], self.period[at], self.base[at], self.sign[at], self.x,
                           self.cluster, self.adjustment)  # fmt: skip

    @cached_property
    def groups(self) -> tuple[list[Groups], np.ndarray]:
        """The distinct sets of units that are compared, and the set of each comparison (K,)."""
        sets: dict[bytes, int] = {}
        distinct: list[Groups] = []
        place: list[int] = []
        for treated, others, base in zip(self.treated, self.others, self.base):
            key = np.concatenate([[base * (self.x.shape[2] > 0)], treated, others]).tobytes()
            if key not in sets:
                sets[key] = len(distinct)
                units = np.flatnonzero(treated | others)
                x = np.hstack([np.ones((len(units), 1)), self.x[base, units]])
                distinct.append(Groups(units, treated[units], x))
            place.append(sets[key])
        return distinct, np.array(place, dtype=int)

    def of_sets(self, deleted: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Of every set, with all units or without each of the clusters: v (S, D, N), and whether it exists (S, D)."""
        sets, N = self.groups[0], len(self.cluster)
        D = 1 if deleted is None else len(deleted)
        v, exists = np.zeros((len(sets), D, N)), np.zeros((len(sets), D), dtype=bool)
        for s, one in enumerate(sets):
            code = self.cluster[one.units]
            there = np.ones((1, len(code))) if deleted is None else (code != deleted[:, None]).astype(float)
            changed = ~there.all(axis=1)
            if not changed.all():  # all units, or clusters that are not in the set
                everyone, ok = unit_weights(one, np.ones((1, len(code))), self.adjustment)
                v[s][np.ix_(~changed, one.units)], exists[s, ~changed] = everyone, ok
            if changed.any():
                some, ok = unit_weights(one, there[changed], self.adjustment)
                v[s][np.ix_(changed, one.units)], exists[s, changed] = some, ok
        return v, exists

    def weights(self, averages: list[Average], T: int, deleted: np.ndarray | None = None) -> np.ndarray:
        """Weights of the outcomes, (D, E, N, T); NaN where an average does not exist."""
        place = self.groups[1]
        v, exists = self.of_sets(deleted)
        there = np.ones((1, len(self.cluster))) if deleted is None else (self.cluster != deleted[:, None]) * 1.0
        of_cells = np.stack([self._shares(one, there) for one in averages], axis=1)  # (D, E, K)
        out = np.zeros((*of_cells.shape[:2], v.shape[2], T))
        for c, (t, b) in enumerate(zip(self.period, self.base)):
            part = (self.sign[c] * of_cells[:, :, c, None]) * v[place[c]][:, None, :]
            out[..., t] += part
            out[..., b] -= part
        lost = ((of_cells != 0) & ~exists[place].T[:, None, :]).any(axis=2) | np.isnan(of_cells).any(axis=2)
        out[lost] = np.nan
        return out

    def _shares(self, average: Average, there: np.ndarray) -> np.ndarray:
        """Weights of the comparisons in an average (D, K) for subsets of the units (D, N)."""
        sizes = there @ self.treated.T
        share = average.at * sizes
        if average.key is not None:
            codes = np.unique(average.key, return_inverse=True)[1]
            total = np.stack([np.bincount(codes, row) for row in share])[:, codes]
            share = share / np.where(total > 0, total, 1.0)
            if average.by_size:
                largest = [(sizes * (codes == k)).max(axis=1) for k in range(codes.max() + 1)]
                share = share * np.stack(largest, axis=1)[:, codes]
        total = share if average.per is None else average.at * (there @ (self.treated * average.per).T)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(total.sum(axis=1, keepdims=True) > 0, share / total.sum(axis=1, keepdims=True), np.nan)


def jackknife(model: Weighed, Y: np.ndarray, averages: list) -> Jackknife:
    """The delete-one jackknife of outcomes Y (N, T) with every deletion estimated anew, scaled and with degrees of
    freedom as in ``delete_one``. Of many units ||K||_F^2 is taken from random projections S of the deletions, delta S:

        E ||delta S S'delta'||_F^2 / p^2 = ||K||_F^2 (1 + 1 / p) + (tr K)^2 / p
    """
    return _jackknife(model, Y, averages)[0]


def together(model: Weighed, Y: np.ndarray, averages: list) -> tuple[float, float]:
    """The joint test of q averages d: d'V^-1 d and its degrees of freedom eta; NaN where one has no standard error.

    V = Omega^1/2 M^-1/2 (sum_g f d_g d_g') M^-1/2 Omega^1/2 is the jackknife scaled to independent errors: Omega = v v'
    is the averages' covariance under these, and M the expectation of the sum. Normal errors too give

        eta = q (q + 1) / sum_st Var V*_st,    V* = M^-1/2 (sum_g f d_g d_g') M^-1/2

    (Pustejovsky & Tipton 2018, section 3), with Var V*_st = sum_gh K_ss,gh K_tt,gh + K_st,gh K_ts,gh.
    """
    return hotelling(*_jackknife(model, Y, averages))


def hotelling(fit: Jackknife, blocks: np.ndarray, exact: bool) -> tuple[float, float]:
    """d'V^-1 d and eta of ``together`` from deletions (q, G, N T), or their projections."""
    q, G = blocks.shape[:2]
    if np.isnan(fit.scale).any():
        return np.nan, np.nan
    blocks = np.sqrt((G - 1) / G) * blocks
    size, omega = np.linalg.eigh(np.einsum("snt,mnt->sm", fit.v, fit.v))
    spread, expected = np.linalg.eigh(np.einsum("sgp,tgp->st", blocks, blocks))
    if size[0] <= RANK * size[-1] or spread[0] <= RANK * spread[-1]:
        return np.nan, np.nan
    variance = _variance(np.tensordot((expected / np.sqrt(spread)) @ expected.T, blocks, axes=1))
    if not exact:
        variance = (variance - 2 * q / PROJECTIONS) / (1 + 1 / PROJECTIONS)
    d = (expected * np.sqrt(spread)) @ expected.T @ (omega / np.sqrt(size)) @ omega.T @ fit.estimates
    plain = fit.V / np.outer(fit.scale, fit.scale)
    return float(d @ np.linalg.solve(plain, d)), float(q * (q + 1) / max(variance, q * (q + 1) / G))


def _variance(blocks: np.ndarray) -> float:
    """sum_st Var V*_st of deletions (q, G, P), from products of G or of P, the fewer."""
    q, G, P = blocks.shape
    few = blocks if G <= P else blocks.transpose(0, 2, 1)
    flat = few.reshape(q * few.shape[1], -1)
    K = (flat @ flat.T).reshape(q, few.shape[1], q, few.shape[1])
    if G <= P:
        return float((np.einsum("sgsh->gh", K) ** 2).sum() + (K * K.transpose(2, 1, 0, 3)).sum())
    return float((K**2).sum() + (K * K.transpose(0, 3, 2, 1)).sum())


def _jackknife(model: Weighed, Y: np.ndarray, averages: list):
    """The jackknife; the deletions (E, G, N T), or their projections; whether they are exact."""
    G = int(model.cluster.max()) + 1
    v = model.weights(averages, Y.shape[1])[0]
    E, N, T = v.shape
    exact = E * G * N * T <= LARGEST
    S = np.random.default_rng(1).standard_normal((0 if exact else N * T, PROJECTIONS)) / PROJECTIONS**0.5
    d, own, projected = np.zeros((E, G)), np.zeros((E, G)), np.zeros((E, G, N * T if exact else PROJECTIONS))
    kept, f = np.ones((E, G), dtype=bool), plain(G)
    step = max(1, PART // (E * N * T))
    for start in range(0, G, step):
        at = np.arange(start, min(G, start + step))
        delta = model.weights(averages, T, at) - v  # (D, E, N, T)
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
    return Jackknife((v * Y).sum(axis=(1, 2)), np.sqrt(np.diag(V)), df, scale, V, v), projected, exact
