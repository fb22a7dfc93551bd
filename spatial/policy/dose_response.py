"""Effects by dose: level ATT(d|d) and slope ACRT(d), of cohorts against a comparison, and their averages.

    y_it - y_i,g-1 = psi(d_i)'beta_gt + e_it        units of cohort g, by least squares
    ATT(g, t, d) = psi(d)'beta_gt - mean of y_t - y_g-1 over the comparison
    ACRT(g, t, d) = psi'(d)'beta_gt                 the derivative, or differences of bins

ATT(d|d) is the effect of dose d on the units that took it: it needs trends without treatment that are parallel. That
one dose does more than another, and ACRT(d), need strong parallel trends: units of all doses would have responded alike
to dose d. Otherwise selection into doses is in them. Averages take every treated unit once: cohorts weighted by their
units, the periods of a cohort alike; by time since adoption, cohorts by their units. All is linear in the outcomes;
with each unit left out everything but the knots, the bins and their mean doses is estimated anew. Source: Callaway,
Goodman-Bacon & Sant'Anna (2024, Difference-in-differences with a continuous treatment, NBER working paper 32117).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spillover.errors import SpatialInputError

from ._sample import PolicySample
from .comparisons import LARGEST, PROJECTIONS, hotelling
from .delete_one import PART, Jackknife, Linear, jackknife, plain
from .dose import SAME, Basis, Dose, read_basis
from .overlap import RANK

EFFECTS = ("ATT", "ACRT")


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
    period, start : ndarray of int, shape (C,)
        The period and the cohort's first.
    dose : ndarray, shape (N,)
    basis : Basis
    cluster : ndarray, shape (N,)
    """

    own: np.ndarray
    others: np.ndarray
    period: np.ndarray
    start: np.ndarray
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
        at = np.array([one.at for one in estimates])
        target = np.array([one.target for one in estimates])
        share = at * n
        _, first, code = np.unique(self.start, return_index=True, return_inverse=True)  # cohorts come one by one
        largest = np.maximum.reduceat(share, first, axis=1) / np.maximum(np.add.reduceat(at * 1, first, axis=1), 1)
        share = np.where(np.array([one.by_cohort for one in estimates])[:, None], at * largest[:, code], share)
        total = share.sum(axis=1)
        lost = (total <= 0) | (at & ~exists[:, target].T).any(axis=1)
        out = (share / np.where(total > 0, total, 1.0)[:, None])[:, :, None] * z[:, target].transpose(1, 0, 2)
        out[lost] = np.nan
        return out.reshape(len(estimates), -1)

    def columns(self, units: slice, T: int) -> np.ndarray:
        """B of some of the units, (n, T, C (K + 1))."""
        own, others = self.own[:, units].T, self.others[:, units].T
        psi = np.concatenate([own[:, :, None] * self.basis.of_units[units][:, None, :], others[:, :, None]], axis=2)
        when = (np.arange(T)[:, None] == self.period) * 1.0 - (np.arange(T)[:, None] == self.start - 1)
        return (when[None, :, :, None] * psi[:, None]).reshape(len(psi), T, -1)


def read_doses(sample: PolicySample, dose: Dose, control: str) -> Doses:
    """Comparisons of every cohort.

    Raises
    ------
    SpatialInputError
        E206, E234, E533 without a comparison of the kind that ``control`` names; E730 without any.
    """
    T, first, seen, d = len(sample.times), sample.first, sample.mass > 0, sample.dose
    assert d is not None
    treated, lowest = first < T, control == "lowest_dose"
    if lowest and not treated.all():
        raise SpatialInputError("E533", "control='lowest_dose' is for policies that leave nobody untreated",
                                column=sample.treatment, hint="control='never' or 'not_yet'")  # fmt: skip
    if lowest and len(np.unique(first)) > 1:
        raise SpatialInputError("E533", "control='lowest_dose' needs one date of adoption", column=sample.treatment,
                                hint="control='not_yet', or one cohort at a time")  # fmt: skip
    basis = read_basis(dose, d, treated, lowest)
    if lowest and not 2 <= basis.lowest.sum() < len(d):
        raise SpatialInputError("E206", f"{int(basis.lowest.sum())} unit has the lowest dose: no comparison group",
                                column=dose.column, hint='basis="bins" compares with the lowest bin')  # fmt: skip
    own, others, cells = [], [], []
    for g in np.unique(first[treated]):
        for t in range(T):
            both = seen[t] & seen[g - 1]
            against = {"never": ~treated, "lowest_dose": basis.lowest}.get(control, (first > max(t, g)) & (first != g))
            mine = (first == g) & both & ~(basis.lowest & lowest)
            if t != g - 1 and mine.any() and (against & both).any():
                cells.append((t, g))
                own.append(mine)
                others.append(against & both)
    if not any(t >= g for t, g in cells):
        raise SpatialInputError("E730", "no cohort has a comparison in a treated period", column=sample.treatment,
                                hint="add units that are untreated, or control='lowest_dose'")  # fmt: skip
    period, start = np.array(cells).T
    return Doses(np.array(own), np.array(others), period, start, d, basis, sample.cluster)


def effects(sample: PolicySample, dose: Dose, control: str, window: tuple[float, float]):
    """Averages, the path and the curve.

    Returns
    -------
    doses : Doses
    periods : ndarray, since adoption, of each estimate of the path; effect : list of its names
    places : ndarray of int, of the curve's doses among ``doses.basis.at``
    Jackknife of two averages, the path and the curve (ATT, then ACRT);  notes : list of str
    """
    doses = read_doses(sample, dose, control)
    since = sample.clock[doses.period] - sample.clock[doses.start]
    post, usable, m = since >= 0, doses.usable, len(doses.basis.at)
    if not (post & usable[:, 1]).any():
        raise SpatialInputError("E206", f"no cohort has treated units enough for {dose.label}", column=dose.column,
                                hint="a lower degree=, fewer knots or bins")  # fmt: skip
    estimates = [Estimate(k, post & usable[:, k], True) for k in (0, 1)]
    times = np.unique(since[(since >= window[0]) & (since <= window[1])])
    path = [(name, t, Estimate(k, (since == t) & usable[:, k], False)) for k, name in enumerate(EFFECTS) for t in times]
    path = [one for one in path if one[2].at.any()]
    places = np.array([j for j in range(m) if (post & usable[:, 2 + j]).any()], dtype=int)
    curve = [Estimate(2 + k * m + j, post & usable[:, 2 + k * m + j], True) for k in (0, 1) for j in places]
    fit = estimated(doses, sample, [*estimates, *(one[2] for one in path), *curve])[0]
    notes = _notes(doses, sample, dose, control, post)
    return doses, np.array([one[1] for one in path]), [one[0] for one in path], places, fit, notes


def _notes(doses: Doses, sample: PolicySample, dose: Dose, control: str, post) -> list[str]:
    notes = ["that one dose does more than another, and ACRT, need strong parallel trends: without them selection into "
             "doses is part of both"]  # fmt: skip
    if control == "lowest_dose":
        at = doses.dose[doses.basis.lowest].mean()
        notes.append(f"effects are those of a dose less that of the lowest, {at:.4g}: nobody is untreated")
    small = np.unique(doses.start[post & ~doses.usable[:, 1]])
    if len(small):
        shown = ", ".join(str(sample.times[g]) for g in small)
        notes.append(f"ACRT and the curve leave out cohorts with too few doses for its {dose.label}: {shown}")
    m = len(doses.basis.at)
    part = doses.usable[:, 2 : 2 + m][post & doses.usable[:, 1]]
    if (part.any(axis=0) & ~part.all(axis=0)).any():
        notes.append("the curve's composition changes: each dose has the cohorts whose doses reach it")
    return notes


def estimated(doses: Doses, sample: PolicySample, estimates: list[Estimate]) -> tuple[Jackknife, Linear]:
    """The jackknife of averages, and what its deletions are made of."""
    T, N = sample.y.shape
    G = sample.n_clusters
    z = doses.coefficients(estimates)
    v = np.concatenate([np.tensordot(z, doses.columns(slice(at, at + 256), T), axes=(1, 2)) for at in range(0, N, 256)],
                       axis=1)  # fmt: skip
    kinds, kind = np.arange(G), np.arange(G)
    if G == N:  # units of the same comparisons and dose are alike
        place = np.empty(N, dtype=int)
        place[sample.cluster] = np.arange(N)
        rows = np.column_stack([doses.own.T, doses.others.T, doses.dose * doses.own.any(axis=0)])[place]
        _, kinds, kind = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    members = np.split(np.argsort(sample.cluster, kind="stable"), np.cumsum(np.bincount(sample.cluster))[:-1])
    left = np.stack([doses.coefficients(estimates, members[g]) for g in kinds])[kind.ravel()]
    kept = ~np.isnan(left).any(axis=2)
    linear = Linear(v, np.nan_to_num(left - z).transpose(1, 0, 2), lambda part: doses.columns(part, T), kept.T)
    return jackknife([linear], sample.y.T, sample.cluster, plain(G)), linear


def joint(doses: Doses, sample: PolicySample, estimates: list[Estimate]) -> tuple[float, float]:
    """The joint test of a few averages: see ``comparisons.together``."""
    fit, linear = estimated(doses, sample, estimates)
    (q, G, P), (T, N) = linear.Z.shape, sample.y.shape
    exact = q * G * N * T <= LARGEST
    width = N * T if exact else PROJECTIONS
    S = None if exact else np.random.default_rng(1).standard_normal((N * T, PROJECTIONS)) / PROJECTIONS**0.5
    blocks = np.zeros((q, G, width))
    step = max(1, PART // (T * max(P, width)))
    for start in range(0, N, step):  # the units' rows of every deletion, then of their own
        at = np.arange(start, min(N, start + step))
        B = linear.blocks(slice(at[0], at[-1] + 1))
        rows = (at[:, None] * T + np.arange(T)).ravel()
        flat = B.reshape(-1, P)
        if exact:
            blocks[:, :, rows] = linear.Z @ flat.T
        else:
            blocks += linear.Z @ (flat.T @ S[rows])  # type: ignore[index]
        own = linear.v[:, at].transpose(1, 2, 0) + B @ linear.Z[:, sample.cluster[at]].transpose(1, 2, 0)  # (n, T, q)
        for i, g in enumerate(sample.cluster[at]):
            here = slice(rows[i * T], rows[i * T] + T)
            if exact:
                blocks[:, g, here] -= own[i].T
            else:
                blocks[:, g] -= own[i].T @ S[here]  # type: ignore[index]
    return hotelling(fit, blocks, exact)
