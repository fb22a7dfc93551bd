"""Cohorts against their comparison in every period, by dose: weights of the outcomes in levels and slopes.

Given covariates, what the comparison changed by is that of units with the same covariates in the base period
(``overlap``): doubly robust of the average level, whose treated units count alike, and a regression of one dose, and of
slopes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .dose import SAME, Basis
from .overlap import RANK, Groups, counterfactual_weights


@dataclass(frozen=True, eq=False)
class Estimate:
    """An average over comparisons.

    Attributes
    ----------
    target : int
        Place of the target among those of ``Doses``.
    at : ndarray of bool, shape (C,)
    by_cohort : bool
        Cohorts have the weight of their units, its comparisons the same; otherwise comparisons have that of theirs.
    """

    target: int
    at: np.ndarray
    by_cohort: bool


@dataclass(frozen=True, eq=False)
class Doses:
    """Cohorts in every period but that before they adopt, with their comparison.

    Attributes
    ----------
    own, others : ndarray of bool, shape (C, N)
    period, start, base : ndarray of int, shape (C,)
        The period, the cohort's first, and the one that outcomes are compared with.
    dose : ndarray, shape (N,)
    basis : Basis
    cluster : ndarray, shape (N,)
    """

    own: np.ndarray
    others: np.ndarray
    period: np.ndarray
    start: np.ndarray
    base: np.ndarray
    dose: np.ndarray
    basis: Basis
    cluster: np.ndarray

    def solved(self, gone: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights of B's columns in every comparison and target, with all units or without those at ``gone``,
        (C, 2 + 2 m, K + 1); which exist (C, 2 + 2 m); treated units (C,). Targets: average ATT, average ACRT, ATT(d),
        ACRT(d)."""
        basis, (sums, n_others) = self.basis, self._sums
        if gone is not None:
            sums = sums - self.own[:, gone] @ self._features[gone]
            n_others = n_others - self.others[:, gone].sum(axis=1)
        C, K, m, n = len(sums), basis.of_units.shape[1], len(basis.at), sums[:, 0].round()
        means = sums / np.maximum(n, 1)[:, None]
        S = means[:, 2 + 2 * K :].reshape(C, K, K)
        size, vectors = np.linalg.eigh(S)
        kept = size > RANK * np.maximum(size[:, -1:], 1e-300)
        inverse = np.where(kept, 1 / np.where(kept, size, 1.0), 0.0)[:, None, :] * vectors @ vectors.transpose(0, 2, 1)
        L = np.empty((C, 2 + 2 * m, K))
        L[:, 0], L[:, 1] = means[:, 2 : 2 + K], means[:, 2 + K : 2 + 2 * K]
        L[:, 2 : 2 + m], L[:, 2 + m :] = basis.levels, basis.slopes
        against = np.zeros((C, 2 + 2 * m))
        against[:, 0], against[:, 1] = 1.0, means[:, 1]
        against[:, 2 : 2 + m], against[:, 2 + m :] = 1.0, basis.against
        a = L @ inverse
        exists = np.abs(a @ S - L).max(axis=2) <= 1e-6 * np.maximum(np.abs(L).max(axis=2), 1e-300)
        exists &= ((n > 0) & (n_others > 0))[:, None]
        of_others = -against / np.maximum(n_others, 1)[:, None]
        return np.concatenate([a / np.maximum(n, 1)[:, None, None], of_others[:, :, None]], axis=2), exists, n

    @cached_property
    def _features(self) -> np.ndarray:
        """1, the slopes' weight of the comparison, psi, its slope and psi psi', (N, 2 + 2 K + K^2)."""
        basis, psi = self.basis, self.basis.of_units
        products = (psi[:, :, None] * psi[:, None, :]).reshape(len(psi), -1)
        return np.column_stack([np.ones(len(psi)), basis.unit_against, psi, basis.unit_slopes, products])

    @cached_property
    def _sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the features over the treated units of every comparison, and its other units (C,)."""
        return self.own @ self._features, self.others.sum(axis=1)

    @cached_property
    def usable(self) -> np.ndarray:
        """Whether a comparison has a target (C, 2 + 2 m): a spline ends at a cohort's lowest and highest dose."""
        exists = self.solved()[1]
        if self.basis.covers:
            near = SAME * np.ptp(self.dose[self.own.any(axis=0)])
            low = np.where(self.own, self.dose, np.inf).min(axis=1)[:, None] - near
            high = np.where(self.own, self.dose, -np.inf).max(axis=1)[:, None] + near
            inside = (self.basis.at >= low) & (self.basis.at <= high)
            exists[:, 2:] &= np.hstack([inside, inside])
        return exists

    def coefficients(self, estimates: list[Estimate], gone: np.ndarray | None = None) -> np.ndarray:
        """Weights of B's columns in the estimates, (E, C (K + 1)); NaN where one does not exist."""
        z, exists, n = self.solved(gone)
        share, lost = self.shares(estimates, exists, n)
        out = share[:, :, None] * z[:, [one.target for one in estimates]].transpose(1, 0, 2)
        out[lost] = np.nan
        return out.reshape(len(estimates), -1)

    def shares(self, estimates: list[Estimate], exists: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the comparisons in the estimates, (E, C), and which do not exist."""
        at = np.array([one.at for one in estimates])
        target = np.array([one.target for one in estimates])
        share = at * n
        _, first, code = np.unique(self.start, return_index=True, return_inverse=True)  # cohorts come one by one
        largest = np.maximum.reduceat(share, first, axis=1) / np.maximum(np.add.reduceat(at * 1, first, axis=1), 1)
        share = np.where(np.array([one.by_cohort for one in estimates])[:, None], at * largest[:, code], share)
        total = share.sum(axis=1)
        lost = (total <= 0) | (at & ~exists[:, target].T).any(axis=1)
        return share / np.where(total > 0, total, 1.0)[:, None], lost

    def columns(self, units: slice, T: int) -> np.ndarray:
        """B of some of the units, (n, T, C (K + 1))."""
        own, others = self.own[:, units].T, self.others[:, units].T
        psi = np.concatenate([own[:, :, None] * self.basis.of_units[units][:, None, :], others[:, :, None]], axis=2)
        when = (np.arange(T)[:, None] == self.period) * 1.0 - (np.arange(T)[:, None] == self.base)
        return (when[None, :, :, None] * psi[:, None]).reshape(len(psi), T, -1)


@dataclass(frozen=True, eq=False)
class DosesGivenCovariates(Doses):
    """The same where trends are parallel given covariates.

    Attributes
    ----------
    x : ndarray, shape (T, N, k)
        Covariates, taken at ``base``.
    adjustment : {"doubly_robust", "improved", "regression"}
    """

    x: np.ndarray
    adjustment: str

    @cached_property
    def groups(self) -> list[Groups]:
        """Who is compared."""
        out = []
        for own, others, base in zip(self.own, self.others, self.base):
            units = np.flatnonzero(own | others)
            out.append(Groups(units, own[units], np.hstack([np.ones((len(units), 1)), self.x[base, units]])))
        return out

    @cached_property
    def overlapping(self) -> np.ndarray:
        """Comparisons whose covariates do not tell the treated from the others, (C,)."""
        ones = ((g, np.ones((1, len(g.units)))) for g in self.groups)
        return np.array([counterfactual_weights(g, all_, np.ones((1, 1, g.x.shape[1])), self.adjustment)[1][0]
                         for g, all_ in ones])  # fmt: skip

    @cached_property
    def usable(self) -> np.ndarray:
        return super().usable & self.overlapping[:, None]

    def weights(self, estimates: list[Estimate], T: int, deleted: np.ndarray | None = None) -> np.ndarray:
        """Weights of the outcomes, (D, E, N, T), with all units or without each of the clusters; NaN where an estimate
        does not exist."""
        N, E, K = len(self.cluster), len(estimates), self.basis.of_units.shape[1]
        gone = [None] if deleted is None else [np.flatnonzero(self.cluster == g) for g in deleted]
        solved = [self.solved(units) for units in gone]
        a = np.stack([z[:, :, :K] for z, _, _ in solved])  # (D, C, P, K)
        share, lost = (np.stack(parts) for parts in zip(*(self.shares(estimates, *rest) for _, *rest in solved)))
        there = np.ones((1, N)) if deleted is None else (self.cluster != deleted[:, None]) * 1.0
        target = np.array([one.target for one in estimates])
        out = np.zeros((len(gone), E, N, T))
        for c, (groups, t, base) in enumerate(zip(self.groups, self.period, self.base)):
            used = np.flatnonzero(share[:, :, c].any(axis=0))
            if not len(used):
                continue
            picked, place = np.unique(target[used], return_inverse=True)
            own = (there[:, groups.units] * groups.treated)[:, None] * (
                a[:, c, picked] @ self.basis.of_units[groups.units].T)  # (D, P, n)
            q = own @ groups.scaled
            against, exists = counterfactual_weights(groups, there[:, groups.units], q, self.adjustment)
            part = share[:, used, c][:, :, None] * (own - against)[:, place]
            out[:, used[:, None], groups.units, t] += part
            out[:, used[:, None], groups.units, base] -= part
            lost = lost | ((share[:, :, c] != 0) & ~exists[:, None])
        out[lost] = np.nan
        return out
