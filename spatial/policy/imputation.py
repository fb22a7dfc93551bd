"""Imputation: untreated outcomes are predicted from untreated observations alone, effects are what is left.

    1.  y_it = alpha_i + gamma_t + X_it beta + e_it         on untreated observations, not in anticipation either
    2.  tau_it = y_it - alpha_i - gamma_t - X_it beta       on treated ones
    3.  theta = sum a_it tau_it                             by period since adoption, overall

Robust to effects that differ between units and over time, and efficient where errors are independent. As a function of
y, with s_i = m_i / sum_t m_it the untreated shares of unit i and C_i its period dummies and covariates,

    v_i = a_i - (1'a_i) s_i + m_i (C_i - s_i'C_i) S^+ c,    c = -sum_i a_i'(C_i - s_i'C_i)

Without unit i its weight moves to those of its cohort in that period, else to units as long under treatment, else to
all treated observations alike. Source: Borusyak, Jaravel & Spiess (2024, Review of Economic Studies 91:3253-3285),
theorem 2.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ._sample import PolicySample
from .absorb import refuse_collinear
from .delete_one import Jackknife, Linear, by_cohort, jackknife, plain
from .within import Within, period_dummies, within

NONE_LEFT = 1e-9  # share of an estimand's weight


def effects(sample: PolicySample, estimands: np.ndarray, *, move: bool = True) -> Jackknife:
    """Averages of unit effects.

    Parameters
    ----------
    estimands : ndarray, shape (E, T, N)
        Weights a_it of the treated observations, each row summing to one.
    move : bool
        Whether a deleted unit's weight moves to its cohort. Otherwise, and where clusters are larger than units, the
        rest is scaled to sum to one.
    """
    design = untreated_design(sample)
    move = move and sample.n_clusters == len(sample.ids)
    if move:
        design = within_units(design)
    f = by_cohort(sample.first) if move else plain(design.n_groups)
    moves = _to_cohort if move else _scaled_up
    linear = _linear(sample, design, np.moveaxis(estimands, 1, 2), moves)
    return jackknife(linear, sample.scaled, design.group, f)


def within_units(design: Within) -> Within:
    """Each unit a group of its own, in the units' order."""
    from dataclasses import replace

    return replace(design, group=np.arange(len(design.U)))


def untreated_design(sample: PolicySample, extra: np.ndarray | None = None) -> Within:
    """Unit effects, period effects of each region, covariates and ``extra`` (T, N, p) on untreated observations.

    Raises
    ------
    SpatialInputError
        E205 collinear covariates, E730 a period of a region without untreated units.
    """
    untreated = sample.mass * sample.untouched
    lost = [((sample.mass * (sample.region == r)).any(axis=1) & ~(untreated * (sample.region == r)).any(axis=1))
            for r in range(int(sample.region.max()) + 1)]  # fmt: skip
    if (lost := np.any(lost, axis=0)).any():
        raise SpatialInputError("E730", "all units are treated in some periods, so nothing shows what these would have "
                                "been", ids=list(sample.times[lost]),
                                hint="leave these periods out, or add never-treated units")  # fmt: skip
    if sample.names:
        residuals = sample.absorber(sample.untouched)(sample.X)
        refuse_collinear(residuals.reshape(sample.y.size, -1), sample.X, list(sample.names))
    X = sample.X if extra is None else np.concatenate([sample.X, extra], axis=2)
    periods = period_dummies(len(sample.times), sample.region)
    own = slice(periods.shape[2], periods.shape[2] + len(sample.names))
    return within(untreated.T, np.concatenate([periods, X.transpose(1, 0, 2)], axis=2), sample.cluster, own)


def _linear(sample: PolicySample, design: Within, estimands: np.ndarray, moves) -> list[Linear]:
    """Estimands (E, N, T) and their deletions: ``moves`` says what becomes of a deleted unit's weight."""
    cells = [moves(sample, a, design) for a in estimands]
    totals, own = zip(*(_of_cells(design, a, *cell[:2]) for a, cell in zip(estimands, cells)))
    c = np.array([total.sum(axis=0) for total in totals])
    if not design.identifies(c).all():
        raise SpatialInputError("E730", "untreated observations do not identify the unit and period effects",
                                n=int(sample.untouched.sum()),
                                hint="leave out the last periods, or period_by=")  # fmt: skip
    g = c @ design.inverse
    left = np.array([phi @ total - gone for (_, phi, _), total, gone in zip(cells, totals, own)])
    without, kept = design.without(left)
    inverse = np.divide(1.0, sample.root, out=np.zeros_like(sample.root), where=sample.root > 0)
    fitted = np.moveaxis(design.U @ g.T, 2, 0)
    out = []
    for e, (a, (cell, phi, stays)) in enumerate(zip(estimands, cells)):
        v = (a - a.sum(axis=1, keepdims=True) * design.share) * inverse + fitted[e]
        Z = np.hstack([phi - 1, without[e] - g[e]])
        blocks = _blocks(a, cell, phi.shape[1], inverse, design.share)
        out.append(Linear(v[None], Z[None], blocks, (kept[e] & stays)[None], design.U))
    return out


def _of_cells(design: Within, a, cell, phi) -> tuple[np.ndarray, np.ndarray]:
    """c by cells (C, q), and what deleted groups themselves contribute to c where weights move by phi (G, C)."""
    G, cells = phi.shape
    at, t = np.nonzero(a)
    part, k, g = -a[at, t, None] * design.deviation[at, t], cell[at, t], design.group[at]
    into = np.column_stack([k, cells + g]).ravel(), 2 * np.arange(len(k) + 1)
    values = np.column_stack([np.ones(len(k)), phi[g, k]]).ravel()
    sums = sparse.csc_array((values, *into), shape=(cells + G, len(k))) @ part
    return sums[:cells], sums[cells:]


def _blocks(a, cell, cells: int, inverse, share):
    """Function of units to the columns of the cells, (n, T, cells)."""

    def blocks(part):
        n, T = a[part].shape
        B = np.zeros((n, T, cells))
        rows, periods = np.nonzero(a[part])
        value, column = a[part][rows, periods], cell[part][rows, periods]
        weight = np.zeros((n, cells))
        np.add.at(weight, (rows, column), value)
        B -= share[part][:, :, None] * weight[:, None, :]
        B[rows, periods, column] += value
        return B * inverse[part][:, :, None]

    return blocks


def _scaled_up(sample, a, design):
    """One cell: without group g the remaining weights are divided by their sum."""
    lost = np.bincount(design.group, a.sum(axis=1), minlength=design.n_groups)
    left = lost < 1 - NONE_LEFT
    phi = 1 / np.where(left, 1 - lost, 1.0)
    return np.zeros(a.shape, dtype=int), phi[:, None], left


def _to_cohort(sample, a, design):
    """Cells of cohort and period; a deleted unit's weight in a cell moves as the module's head says."""
    N, T = a.shape
    key = np.where(a != 0, sample.first[:, None] * T + np.arange(T), -1)
    keys, cell = np.unique(key, return_inverse=True)
    cell = cell.reshape(N, T) - (keys[0] == -1)
    keys = keys[keys >= 0]
    exposure = keys % T - keys // T
    unit, t = np.nonzero(a)
    at, value = cell[unit, t], a[unit, t]
    weight = np.bincount(at, value, minlength=len(keys))
    phi, stays = np.ones((N, len(keys))), np.zeros(N)
    rest = weight[at] - value
    peers = rest > NONE_LEFT * weight[at]
    phi[unit[peers], at[peers]] = weight[at[peers]] / rest[peers]
    for i, k, own in zip(unit[~peers], at[~peers], value[~peers]):  # alone in its cohort
        alike = (exposure == exposure[k]) & (np.arange(len(keys)) != k)
        if alike.any():
            phi[i, alike] *= 1 + own / (weight[alike] * phi[i, alike]).sum()
        else:
            stays[i] += own
    left = stays < 1 - NONE_LEFT
    phi /= np.maximum(1 - stays, NONE_LEFT)[:, None]
    return np.where(a != 0, cell, 0), phi, left


def averages(sample: PolicySample, window: tuple[float, float]):
    """The estimands: the average over all treated observations, then by period since adoption, from those in
    anticipation of it on.

    Returns
    -------
    periods : ndarray of E - 1
    estimands : ndarray, shape (E, T, N)
    """
    since = sample.since
    treated, touched = (sample.D == 1) * sample.mass, ~sample.untouched * sample.mass
    periods = np.unique(since[touched > 0])
    periods = periods[(periods >= window[0]) & (periods <= window[1])]
    cells = np.stack([treated, *(touched * (since == k) for k in periods)])
    return periods, cells / cells.sum(axis=(1, 2), keepdims=True)


def overall(sample: PolicySample, first: np.ndarray, outcome: np.ndarray | None = None) -> np.ndarray:
    """The average effect over all treated observations under each row of dates (R, N), of y or of another outcome
    (T, N); NaN where untreated observations do not identify it."""
    y = (sample.y if outcome is None else outcome).T
    N, T = y.shape
    dates, code = np.unique(first, return_inverse=True)
    code = code.reshape(first.shape)
    C = np.concatenate([np.broadcast_to(np.eye(T), (N, T, T)), sample.X.transpose(1, 0, 2)], axis=2)
    parts = [_under_date(y, sample.mass.T, C, date, sample.anticipation) for date in dates]
    gram, b, h, alpha, mu = (np.stack(arrays, axis=1) for arrays in zip(*parts))  # (N, dates, ...)
    regions = int(sample.region.max()) + 1
    columns = np.hstack([sample.region[:, None] * T + np.arange(T),
                         np.tile(regions * T + np.arange(sample.X.shape[2]), (N, 1))])  # fmt: skip
    q, units = regions * T + sample.X.shape[2], np.arange(N)
    constant = np.zeros((q, q))  # period effects of a region are identified up to a constant
    for r in range(regions):
        constant[r * T : (r + 1) * T, r * T : (r + 1) * T] = 1 / T
    out = np.full(len(first), np.nan)
    for r, at in enumerate(code):
        S, right = constant.copy(), np.zeros((q, 2))
        np.add.at(S, (columns[:, :, None], columns[:, None, :]), gram[units, at])
        np.add.at(right, columns, np.stack([b[units, at], h[units, at]], axis=2))
        try:
            half = np.linalg.solve(L := np.linalg.cholesky(S), right)
        except np.linalg.LinAlgError:
            continue
        if L.diagonal().min() > 1e-7 * L.diagonal().max():
            out[r] = (alpha[units, at].sum() + half[:, 0] @ half[:, 1]) / mu[units, at].sum()
    return out


def _under_date(y, mass, C, date, anticipation):
    """What every unit contributes if it adopts at a date: U'U, U'y, c, and sum and mass of the treated part."""
    T = y.shape[1]
    treated = np.arange(T) >= date
    m = mass * (np.arange(T) < (date - anticipation if date < T else T))
    a = mass * treated * m.any(axis=1, keepdims=True)  # nothing shows what a unit seen only afterwards would have been
    total = np.maximum(m.sum(axis=1), 1e-300)[:, None]
    deviation = C - (np.einsum("nt,ntq->nq", m, C) / total)[:, None]
    weighted = m[:, :, None] * deviation
    level = (m * y).sum(axis=1) / total[:, 0]
    return (np.einsum("ntq,ntp->nqp", weighted, deviation), np.einsum("ntq,nt->nq", weighted, y),
            -np.einsum("nt,ntq->nq", a, deviation), (a * (y - level[:, None])).sum(axis=1), a.sum(axis=1))  # fmt: skip
