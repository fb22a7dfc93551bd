"""A spatial error whose weights carry fixed effects along: they cannot be taken out beforehand and stay among X.

That is so for weights that vary over time, and for effects of groups that links leave (``invariant``).

B_t c changes from period to period, so demeaned residuals B_t u still hold the effects. Their dummies U, orthonormal,
are regressors instead; n, and the determinant of ``Marginal``, count what they leave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from spillover.errors import SpatialInputError

from ..logdet import Jacobian, Marginal, period_logdet
from ..logdet.protocol import LogDeterminant
from .arrays import Sample
from .checks import refuse_degenerate
from .design import Design, spatial_lag
from .fixed_effects import FixedEffects
from .invariant import carries
from .specification import Specification
from .time_and_rest import off_time, parts_of
from .unbalanced import Gaps

DUMMIES_MAX = 800  # effects: their cross-products are dense, at every lambda that is tried


def keeps_dummies(specification: Specification, d: Design, effects: FixedEffects) -> bool:
    """Whether the error's weights carry the effects with them. Rows that sum to one do not carry period effects."""
    M = d.weights_of_error
    if effects.ways is not None:
        return specification.error and not carries(M, effects.ways)
    if not (specification.error and M.varies) or not effects.fixed:
        return False
    return not (not effects.entity and M.rows_sum_to_one)


def sample_with_dummies(
    d: Design, X: np.ndarray, names: list[str], effects: FixedEffects, correction, method, lag: Jacobian | None = None
) -> Sample:  # fmt: skip
    """The arrays of the likelihood for sem and sdem; ``X`` (T, N, k) with its names. Of dynamic models with a spatial
    lag too: ``lag`` is log|I - rho W| over all rows, of which the likelihood has the share that the effects leave.

    Raises
    ------
    SpatialInputError
        E309 for more than 800 effects.
    """
    M, rows = d.weights_of_error, d.rows
    within = rows(d.within(X, effects)), rows(d.within(d.y, effects))
    refuse_degenerate(d, rows(X), *within, names, effects)
    if correction is True and (parts := parts_of(d, effects, M)) is not None:
        return _sample_with_rest(d, X, names, effects, parts, method, lag)
    there = np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed
    plain = effects.ways or Gaps(there, effects)
    gaps = plain if d.obs_weights is None else d.obs_weights.projection(effects)
    if gaps.rank > DUMMIES_MAX:
        why = "whose weights vary" if M.varies else "with effects of groups that links leave"
        raise SpatialInputError("E309", f"a spatial error {why} needs dense matrices of all {gaps.rank:,} effects, "
                                f"{DUMMIES_MAX} at most", n=gaps.rank,
                                hint="w_error= one matrix, or a model without a spatial error")  # fmt: skip
    root = d.root[:, None]
    U = gaps.dummies() / root
    MU = rows(spatial_lag(M, d.panel(U)))
    n, total = d.nobs, period_logdet(M, method, d.n_periods)
    determinant: LogDeterminant = total
    if correction is True:
        scaled = root * MU
        mixed = (root * U).T @ scaled
        n, determinant = d.left(effects), Marginal(total, mixed + mixed.T, scaled.T @ scaled)
    return Sample(
        y=rows(d.y),
        X=np.column_stack([rows(X), U]),
        n=n,
        My=rows(spatial_lag(M, d.y)),
        MX=np.column_stack([rows(spatial_lag(M, X)), MU]),
        error=Jacobian(determinant),
        dummies=U.shape[1],
        names=tuple(names),
        **_with_lag(d, effects, lag, n),
    )


def _sample_with_rest(
    d: Design, X: np.ndarray, names: list[str], effects: FixedEffects, parts: tuple, method, lag: Jacobian | None
) -> Sample:  # fmt: skip
    """The same where functions A of time leave beforehand, unit by unit: the dummies are what they leave of the others,
    and T - a periods are left."""
    (A, R), M, rows = parts, d.weights_of_error, d.rows
    y, columns, U = (off_time(values, A) for values in (rows(d.y), rows(X), R))
    My, MX, MU = (rows(spatial_lag(M, d.panel(values))) for values in (y, columns, U))
    mixed = U.T @ MU
    total = period_logdet(M, method, d.n_periods - A.shape[1])
    return Sample(
        y=y, X=np.column_stack([columns, U]), n=d.left(effects), My=My, MX=np.column_stack([MX, MU]),
        error=Jacobian(Marginal(total, mixed + mixed.T, MU.T @ MU)), dummies=U.shape[1], names=tuple(names),
        **_with_lag(d, effects, lag, d.left(effects), A),
    )  # fmt: skip


def _with_lag(d: Design, effects: FixedEffects, lag: Jacobian | None, n: int, A: np.ndarray | None = None) -> dict:
    """W y, M W y and the determinant of a model with a spatial lag, functions A of time out."""
    if lag is None:
        return {}
    Wy = d.rows(d.lag(d.outcome, effects))
    Wy = Wy if A is None else off_time(Wy, A)
    return {"Wy": Wy, "MWy": d.rows(spatial_lag(d.weights_of_error, d.panel(Wy))),
            "lag": replace(lag, copies=lag.copies * n / d.nobs)}  # fmt: skip


def turned_columns(d: Design, effects: FixedEffects) -> Callable[[float], np.ndarray]:
    """R B(lambda) D as a function of lambda, (m, r): D all effects, R the roots of the weights of observations."""
    plain = effects.ways or Gaps(np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed, effects)
    D = (plain if d.obs_weights is None else d.obs_weights.projection(effects)).dummies() / d.root[:, None]
    MD = d.rows(spatial_lag(d.weights_of_error, d.panel(D)))
    return lambda lam: d.root[:, None] * (D - lam * MD)
