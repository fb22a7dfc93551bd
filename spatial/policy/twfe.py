"""Two-way fixed effects: one coefficient of the treatment, or one for each period since adoption.

    y_it = alpha_i + gamma_t + tau D_it + X_it beta + e_it
    y_it = alpha_i + gamma_t + sum_k tau_k 1[t - g_i = k] + X_it beta + e_it,    k = reference left out

With staggered adoption tau mixes comparisons with units that are treated already, some with negative weights when
effects differ (Goodman-Bacon 2021, J. Econometrics 225:254-277): ``imputation`` and ``group_time`` do not.
"""

from __future__ import annotations

import numpy as np

from ._sample import PolicySample
from .absorb import RANK, refuse_collinear
from .delete_one import Jackknife, of_contrasts
from .treatment import is_switch, refuse_without_never_treated
from .within import period_dummies, within


def att(sample: PolicySample, D: np.ndarray | None = None, among: np.ndarray | None = None) -> Jackknife:
    """The treatment's coefficient, or that of another D on the observations of the mask ``among``."""
    D = sample.D if D is None else D
    return least_squares(sample, D[:, :, None], [sample.treatment], among)


def without_anticipation(sample: PolicySample) -> np.ndarray | None:
    """Observations that are not in anticipation of the treatment, (T, N); None for all."""
    return None if not sample.anticipation else (sample.D > 0) | sample.untouched


def negative_weights(sample: PolicySample, fit: Jackknife) -> list[str]:
    """A note where tau weights effects of some treated observations negatively.

    tau = sum w_it tau_it with w_it proportional to m_it D_it times the residual of D on effects and covariates (de
    Chaisemartin & D'Haultfoeuille 2020, American Economic Review 110:2964-2996, theorem 1).
    """
    w = fit.v[0] * sample.root * sample.D.T
    at = w[(sample.D.T != 0) & (sample.mass.T > 0)]
    negative = at < -1e-12 * np.abs(at).max()
    if not negative.any():
        return []
    share = float(at[negative].sum() / at.sum())
    return [f"{int(negative.sum())} of {len(at)} treated observations enter with negative weights, in all "
            f"{share:.3f} against {1 - share:.3f}: where effects differ the estimate may lie outside all of them"]


def path(sample: PolicySample, window: tuple[float, float], reference: float) -> tuple[np.ndarray, Jackknife]:
    """tau_k for the periods k of the window but the reference; its ends gather what lies beyond.

    Raises
    ------
    SpatialInputError
        E234 when no unit is never treated: the path is then not identified (Borusyak, Jaravel & Spiess 2024).
    """
    refuse_without_never_treated(sample.first, len(sample.times), sample.treatment, "twfe")
    since = np.clip(sample.since, *window)
    periods = np.array([k for k in np.unique(since[(sample.mass > 0) & ~np.isnan(since)]) if k != reference])
    R = (since[:, :, None] == periods).astype(float)
    return periods, least_squares(sample, R, [f"{sample.treatment} at {k:+g}" for k in periods])


def least_squares(sample: PolicySample, R: np.ndarray, names: list[str], among=None) -> Jackknife:
    """Coefficients of R (T, N, p) beside the covariates and the effects, each cluster deleted in turn (CRV3).

    Raises
    ------
    SpatialInputError
        E205 a regressor equals a combination of others and the effects.
    """
    T, p = len(sample.times), R.shape[2]
    R = np.concatenate([R, sample.X], axis=2)
    absorbed = sample.absorber(among)(R).reshape(-1, R.shape[2])
    refuse_collinear(absorbed, R, [*names, *sample.names])
    mass = sample.mass if among is None else sample.mass * among
    periods = period_dummies(T, sample.region)
    first = periods.shape[2]
    own = slice(first if not is_switch(sample.D) else first + p, first + R.shape[2])
    design = within(mass.T, np.concatenate([periods, R.transpose(1, 0, 2)], axis=2), sample.cluster, own)
    return of_contrasts(design, np.eye(design.U.shape[2])[first : first + p], np.sqrt(mass.T) * sample.y.T)


def att_of_many(sample: PolicySample, first: np.ndarray, outcome: np.ndarray | None = None) -> np.ndarray:
    """tau under many dates of adoption (R, N), for placebos, of y or of another outcome (T, N); NaN where the effects
    absorb them."""
    absorber = sample.absorber()
    T, N = sample.y.shape
    X = absorber(sample.X).reshape(T * N, -1)
    Q, _ = np.linalg.qr(X)
    y = absorber(sample.y if outcome is None else outcome).ravel()
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
