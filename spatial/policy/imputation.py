"""Imputation: untreated outcomes are predicted from untreated observations alone, effects are what is left.

    1.  y_it = alpha_i + gamma_t + X_it beta + e_it         on untreated observations (D_it = 0)
    2.  tau_it = y_it - alpha_i - gamma_t - X_it beta       on treated ones
    3.  any average  sum a_it tau_it                        by period since adoption, overall

Robust to effects that differ between units and over time, and efficient where errors are independent. Source:
Borusyak, Jaravel & Spiess (2024, Review of Economic Studies 91:3253-3285): theorem 2 for the estimator, proposition 3
and section 4.3 for its conservative standard errors, section 4.4 for the test of earlier periods.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ._sample import PolicySample
from .absorb import cluster_sums, clustered, refuse_collinear
from .treatment import relative_periods


def effects(sample: PolicySample, estimands: np.ndarray):
    """Averages of unit effects with clustered standard errors.

    Parameters
    ----------
    estimands : ndarray, shape (E, T, N)
        Weights a_it of the treated observations, each row summing to one.

    Returns
    -------
    estimates : ndarray (E,)
    V : ndarray (E, E)
    tau : ndarray (T, N), NaN where untreated
    """
    T, N = sample.y.shape
    treated = sample.D.ravel() == 1
    Z = regressors(sample)
    lu = _untreated_fit(sample, Z)
    mass = np.where(treated, 0.0, sample.mass.ravel())
    fitted = Z @ lu.solve(Z.T @ (mass * sample.y.ravel()))
    e = sample.y.ravel() - fitted
    a = estimands.reshape(len(estimands), -1)
    estimates = a @ np.where(treated, e, 0.0)
    # Each estimate is a weighted sum of y: v = a where treated, minus its projection where not.
    v = a.T - mass[:, None] * (Z @ lu.solve(np.asarray(Z.T @ a.T)))
    psi = [_influence(sample, v_k, e, treated) for v_k in v.T]
    scores = cluster_sums(np.stack(psi, axis=1), sample.cluster)
    return estimates, scores.T @ scores, np.where(treated, e, np.nan).reshape(T, N)


def overall(sample: PolicySample, first: np.ndarray) -> np.ndarray:
    """The average effect over all treated observations under each row of dates (R, N), for placebos; NaN where
    untreated observations do not identify it."""
    Z, y, all_mass = regressors(sample), sample.y.ravel(), sample.mass.ravel()
    out = np.full(len(first), np.nan)
    for r, dates in enumerate(first):
        moved = sample.adopting(dates)
        treated = moved.D.ravel() == 1
        mass = np.where(treated, 0.0, all_mass)
        try:
            lu = _untreated_fit(moved, Z)
        except SpatialInputError:
            continue
        e = y - Z @ lu.solve(Z.T @ (mass * y))
        out[r] = np.average(e[treated], weights=all_mass[treated])
    return out


def _influence(sample, v, e, treated) -> np.ndarray:
    """sum_t v_it (e_it - tau~_it) by unit, (N,): tau~ are effects averaged by cohort and period, a unit alone in
    its cohort being held against all units as long under treatment. Too simple an average only adds variance."""
    T, N = sample.y.shape
    first = np.tile(sample.first, (T, 1)).ravel()
    sizes = np.bincount(sample.first, minlength=T + 1)
    period = np.repeat(np.arange(T), N)
    cells = np.where(sizes[first] > 1, first * T + period, -1 - (period - first))
    average = np.zeros(T * N)
    for cell in np.unique(cells[treated]):
        at = treated & (cells == cell)
        among = at if cell >= 0 else treated & (period - first == -1 - cell)
        weight = v[among] ** 2
        if weight.sum() > 0:
            average[at] = weight @ e[among] / weight.sum()
    return (v * (e - average)).reshape(T, N).sum(axis=0)


def regressors(sample: PolicySample) -> sparse.csr_array:
    """Unit dummies, period dummies of each region and covariates of all observations, (T N, p)."""
    T, N = sample.y.shape
    rows, unit, period = np.arange(T * N), np.tile(np.arange(N), T), np.repeat(np.arange(T), N)
    cell = sample.region[unit] * T + period
    dummies = np.flatnonzero(_needed(sample).ravel())
    first_of_region = np.unique(dummies // T, return_index=True)[1]
    kept = np.delete(dummies, first_of_region)  # the unit effects take one period of each region
    column = np.full(int(sample.region.max() + 1) * T, -1)
    column[kept] = np.arange(len(kept))
    there = column[cell] >= 0
    return sparse.hstack([
        sparse.csr_array((np.ones(T * N), (rows, unit)), shape=(T * N, N)),
        sparse.csr_array((np.ones(there.sum()), (rows[there], column[cell][there])), shape=(T * N, len(kept))),
        sparse.csr_array(sample.X.reshape(T * N, -1)),
    ], format="csr")  # fmt: skip


def _needed(sample, among=True) -> np.ndarray:
    """Periods of each region with any observation among these, (regions, T)."""
    regions = range(int(sample.region.max()) + 1)
    return np.array([(among * sample.mass * (sample.region == r)).any(axis=1) for r in regions])


def _untreated_fit(sample: PolicySample, Z):
    """The factor of the untreated observations' normal equations."""
    untreated = sample.D == 0
    lost = (_needed(sample) & ~_needed(sample, untreated)).any(axis=0)
    if lost.any():
        raise SpatialInputError("E730", "all units are treated in some periods, so nothing shows what these would have "
                                "been", ids=list(sample.times[lost]),
                                hint="leave these periods out, or add never-treated units")  # fmt: skip
    if sample.names:
        residuals = sample.absorber(untreated)(sample.X)
        refuse_collinear(residuals.reshape(sample.y.size, -1), sample.X, list(sample.names))
    mass = sparse.diags_array((sample.mass * untreated).ravel())
    return _factor(Z.T @ (mass @ Z), sample)


def _factor(A, sample):
    from scipy.sparse.linalg import MatrixRankWarning, splu

    with warnings.catch_warnings():
        warnings.simplefilter("error", MatrixRankWarning)
        try:
            return splu(sparse.csc_matrix(A))
        except (RuntimeError, MatrixRankWarning) as error:
            raise SpatialInputError("E730", "untreated observations do not identify the unit and period effects",
                                    n=int((sample.D == 0).sum()),
                                    hint="leave out the last periods, or period_by=") from error  # fmt: skip


def earlier_periods(sample: PolicySample, leads: int):
    """Effects in the ``leads`` periods before adoption, against all periods before those, from untreated
    observations alone: they need not be zero by construction, nor do they distort what comes after.

    Returns
    -------
    periods : (p,);  estimates : (p,);  V : (p, p)
    """
    since = relative_periods(sample.first, len(sample.times))
    there = np.unique(since[(since < 0) & (sample.mass > 0)])
    periods = there[(there >= -leads) & (there > there.min())].astype(int) if len(there) else np.zeros(0, dtype=int)
    if not len(periods):
        return periods, np.zeros(0), np.zeros((0, 0))
    R = np.concatenate([(since[:, :, None] == periods).astype(float), sample.X], axis=2)
    names = [*(f"{sample.treatment} at {k:+d}" for k in periods), *sample.names]
    beta, V, _ = clustered(sample.y, R, names, sample.cluster, sample.absorber(sample.D == 0))
    p = len(periods)
    return periods, beta[:p], V[:p, :p]


def averages(sample: PolicySample, window: tuple[int, int]):
    """The estimands: the average over all treated observations, then by period since adoption.

    Returns
    -------
    periods : ndarray of E - 1 int
    estimands : ndarray, shape (E, T, N)
    """
    since = relative_periods(sample.first, len(sample.times))
    treated = (sample.D == 1) * sample.mass
    periods = np.unique(since[treated > 0])
    periods = periods[periods <= window[1]].astype(int)
    cells = np.stack([treated, *(treated * (since == k) for k in periods)])
    return periods, cells / cells.sum(axis=(1, 2), keepdims=True)
