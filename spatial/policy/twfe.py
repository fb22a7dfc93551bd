"""Two-way fixed effects: one coefficient of the treatment, or one for each period since adoption.

    y_it = alpha_i + gamma_t + tau D_it + X_it beta + e_it
    y_it = alpha_i + gamma_t + sum_k tau_k 1[t - g_i = k] + X_it beta + e_it,    k = reference left out

With staggered adoption tau mixes comparisons with units that are treated already, some with negative weights when
effects differ (Goodman-Bacon 2021, J. Econometrics 225:254-277): ``imputation`` and ``group_time`` do not.
"""

from __future__ import annotations

import numpy as np

from ._sample import PolicySample
from .absorb import RANK, clustered
from .treatment import refuse_without_never_treated, relative_periods


def att(sample: PolicySample, D: np.ndarray | None = None, among: np.ndarray | None = None):
    """(tau, its standard error) of the treatment, or of another D on the observations of the mask ``among``."""
    D = sample.D if D is None else D
    R = np.concatenate([D[:, :, None], sample.X], axis=2)
    beta, V, _ = clustered(sample.y, R, [sample.treatment, *sample.names], sample.cluster, sample.absorber(among))
    return float(beta[0]), float(np.sqrt(V[0, 0]))


def path(sample: PolicySample, window: tuple[int, int], reference: int):
    """tau_k for the periods k of the window but the reference; its ends gather what lies beyond.

    Returns
    -------
    periods : ndarray of p int;  tau : (p,);  V : (p, p)

    Raises
    ------
    SpatialInputError
        E234 when no unit is never treated: the path is then not identified (Borusyak, Jaravel & Spiess 2024).
    """
    T = len(sample.times)
    refuse_without_never_treated(sample.first, T, sample.treatment, "twfe")
    since = np.clip(relative_periods(sample.first, T), *window)
    periods = np.array([k for k in np.unique(since[~np.isnan(since)]).astype(int) if k != reference])
    R = np.concatenate([(since[:, :, None] == periods).astype(float), sample.X], axis=2)
    names = [f"{sample.treatment} at {k:+d}" for k in periods]
    beta, V, _ = clustered(sample.y, R, [*names, *sample.names], sample.cluster, sample.absorber())
    p = len(periods)
    return periods, beta[:p], V[:p, :p]


def att_of_many(sample: PolicySample, first: np.ndarray) -> np.ndarray:
    """tau under many dates of adoption (R, N), for placebos; NaN where the effects absorb them."""
    absorber = sample.absorber()
    T, N = sample.y.shape
    X = absorber(sample.X).reshape(T * N, -1)
    Q, _ = np.linalg.qr(X)
    y = absorber(sample.y).ravel()
    y = y - Q @ (Q.T @ y)
    out = np.empty(len(first))
    for part in np.array_split(np.arange(len(first)), max(1, len(first) * T * N // 2_000_000)):
        D = (np.arange(T)[:, None, None] >= first[part].T[None]).astype(float)
        D = absorber(D).reshape(T * N, -1)
        D = D - Q @ (Q.T @ D)
        size = (D * D).sum(axis=0)
        absorbed = size <= RANK * T * N
        out[part] = np.where(absorbed, np.nan, (y @ D) / np.where(absorbed, 1.0, size))
    return out
