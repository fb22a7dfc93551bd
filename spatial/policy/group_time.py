"""Group-time effects: each cohort in each period against units that are not treated then, and their averages.

    ATT(g, t) = E[y_t - y_{g-1} | first treated in g] - E[y_t - y_{g-1} | comparison]

without covariates, where the interaction-weighted estimator of Sun & Abraham (2021) has the same numbers. Standard
errors come from influence functions, those of the cohorts' estimated shares included. Source: Callaway &
Sant'Anna (2021, J. Econometrics 225:200-230), equations 2.8 and 3.4-3.9.
"""

from __future__ import annotations

import numpy as np

from ._sample import PolicySample
from .absorb import cluster_sums
from .treatment import refuse_without_never_treated


class GroupTime:
    """ATT(g, t) for every cohort g and period t but g - 1.

    Attributes
    ----------
    cohort, period : (K,) positions;  att : (K,);  psi : (K, N), with att's error = mean of psi
    """

    def __init__(self, sample: PolicySample, control: str):
        T, N = sample.y.shape
        first = sample.first
        if control == "never":
            refuse_without_never_treated(first, T, sample.treatment, "group_time")
        self.sample, rows = sample, []
        for g in np.unique(first[first < T]):
            inside = first == g
            for t in range(T):
                against = first == T if control == "never" else (first > max(t, g)) & ~inside
                if t == g - 1 or not against.any():
                    continue
                change = sample.y[t] - sample.y[g - 1]
                own, other = change[inside].mean(), change[against].mean()
                psi = N / inside.sum() * inside * (change - own) - N / against.sum() * against * (change - other)
                rows.append((g, t, own - other, psi))
        self.cohort, self.period = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
        self.att, self.psi = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])

    def average(self, cells: np.ndarray, by_share: bool = True):
        """(estimate, psi) of the cells' average, each weighted by its cohort's share of the units, or equally."""
        if not by_share:
            return self.att[cells].mean(), self.psi[cells].mean(axis=0)
        w, of_w = self._shares(self.cohort[cells])
        return w @ self.att[cells], w @ self.psi[cells] + self.att[cells] @ of_w

    def averages(self, window: tuple[int, int]):
        """(name, estimate, psi) of the usual averages, and the same by period since adoption."""
        since = self.period - self.cohort
        post = since >= 0
        by_period = {int(k): self.average(since == k) for k in np.unique(since) if window[0] <= k <= window[1]}
        dynamic = [self.average(since == k) for k in np.unique(since[post])]
        calendar = [self.average(post & (self.period == t)) for t in np.unique(self.period[post])]
        table = {"simple": self.average(post), "dynamic": _mean(dynamic), "group": self._group(post),
                 "calendar": _mean(calendar)}  # fmt: skip
        return table, by_period

    def _group(self, post):
        """Each cohort's mean over its treated periods, then over cohorts by their shares."""
        cohorts = np.unique(self.cohort)
        each = [self.average(post & (self.cohort == g), by_share=False) for g in cohorts]
        estimates, psi = np.array([e for e, _ in each]), np.array([p for _, p in each])
        w, of_w = self._shares(cohorts)
        return w @ estimates, w @ psi + estimates @ of_w

    def _shares(self, cohorts):
        """The cohorts' shares of the units, scaled to sum to one, and their influence functions."""
        member = (self.sample.first == cohorts[:, None]).astype(float)
        share = member.mean(axis=1)
        w = share / share.sum()
        moved = (member - share[:, None]) / share.sum()
        return w, moved - w[:, None] * moved.sum(axis=0)

    def covariance(self, psi: np.ndarray) -> np.ndarray:
        """Of estimates with influence functions (E, N), added up by cluster."""
        sums = cluster_sums(psi.T, self.sample.cluster)
        return sums.T @ sums / psi.shape[1] ** 2


def _mean(parts):
    return np.mean([e for e, _ in parts]), np.mean([p for _, p in parts], axis=0)
