"""Dynamic panels whose bias is the exact mean of the score: under weights of observations and many ways of effects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..covariance.additive import corrected_at_root
from ..design.arrays import Sample
from ..design.design import Design
from ..design.dummies import turned_columns
from ..design.fixed_effects import FixedEffects
from ..design.moving import as_lagged, lag_effects, leave_or_stay
from ..design.past import past_columns
from ..design.period_means import centers, lag_of_deviations
from ..design.regimes import RegimeDesign
from ..design.several import SeveralDesign
from ..design.unbalanced import Gaps
from ..solve.dynamic_projected import Columns, Dynamics, Matrices, ProjectedScore
from ..solve.dynamic_several import several_root
from ..solve.ml import Solution, maximum_likelihood
from ..solve.regimes_problem import RegimeSample
from ..solve.several import SeveralSolution
from ..solve.several_problem import SeveralSample

CELLS = 40_000_000  # elements of the columns of effects


def projected_score(
    d: Design, effects: FixedEffects, names: Sequence[str], *, lag: bool, error: bool, turned: bool = False
) -> ProjectedScore:
    """The mean of the score of a model with one rho and lambda, whose coefficients have these names; ``turned`` where
    the weights of the error take the effects to others, so that their dummies are in the likelihood.

    Raises
    ------
    SpatialInputError
        E309 too many units or effects.
    """
    T = d.n_periods
    W = (lag_matrices(d, effects),) if lag else ()
    M = (matrices_of(d.weights_of_error if turned else as_lagged(d.weights_of_error, effects), T),) if error else ()
    places, past = past_of(d, effects, names)
    columns = _turned_by_error(d, effects) if turned else columns_of(d, effects)
    return ProjectedScore(Dynamics(W, past, M, rows_of(d)), columns, root_of(d), places)


def _turned_by_error(d: Design, effects: FixedEffects) -> Callable[[float], Columns]:
    """U(lambda), orthonormal, of R B D.

    Raises
    ------
    SpatialInputError
        E309.
    """
    rank = d.nobs - d.left(effects)
    if d.nobs * rank > CELLS:
        raise refused_size(d, rank)
    columns = turned_columns(d, effects)
    return lambda lam: Columns(None, np.nan_to_num(d.panel(np.linalg.qr(columns(lam))[0])))


def refused_size(d: Design, rank: int) -> SpatialInputError:
    """E309 of too many effects."""
    return SpatialInputError("E309", f"the exact mean of the score of lags= needs a dense matrix of {d.nobs:,} rows "
                             f"and {rank:,} effects", n=rank, hint="fewer effects behind |, or correction=False")


def root_of_least_squares(sample: Sample, d: Design, effects: FixedEffects) -> Solution:
    """Least squares of a dynamic model: the root of the score less its exact mean."""
    score, at = projected_score(d, effects, sample.names, lag=False, error=False), maximum_likelihood(sample)
    return corrected_at_root(sample, at, lambda point: score(sample, point), [*score.places, len(at.beta)])


def without_bias_of_several(sample: SeveralSample, at: SeveralSolution, d: Design, effects: FixedEffects):
    """The root of the score of several rho, lambda or sigma2 less its exact mean; ``at`` is the maximum.

    Raises
    ------
    SpatialInputError
        E309 too many units, E710 no root near the maximum.
    """
    places, past = past_of(d, effects, sample.names)
    lags, error = operators_of(d, effects, sample)
    dynamics, split = Dynamics(lags, past, error, rows_of(d)), getattr(d, "split", None)
    turned = isinstance(sample, RegimeSample)
    fixed = Columns(None, np.empty((*d.y.shape, 0))) if turned else columns_of(d, effects)
    k, J, L, S = sample.basis[1].shape[0], len(lags), len(error), len(at.sigma2s)
    groups = split.codes if split is not None and S > 1 else np.zeros(d.n_units, dtype=int)

    def mean_of(beta: np.ndarray, rho: np.ndarray, lam: np.ndarray, s2: np.ndarray) -> np.ndarray:
        sd = np.sqrt(s2)[groups] if S > 1 else np.ones(d.n_units)  # one sigma2 cancels
        columns = _turned_columns(d, effects, sample, lam, sd) if turned else fixed  # type: ignore[arg-type]
        means = dynamics.means(columns, root_of(d) / sd, rho, beta[places], lam)
        out = np.zeros(k + J + L + S)
        out[places] = means.past
        out[k : k + J], out[k + J : k + J + L] = means.lags, means.error
        left = (rows_of(d) - columns.squares).sum(axis=0)
        out[k + J + L :] = np.bincount(groups, left, minlength=S) / 2
        return out

    moved = [*places, *range(k, k + J + L), *(range(k + J + L, k + J + L + S) if S > 1 else ())]
    return several_root(sample, at, mean_of, moved)


def operators_of(d: Design, effects: FixedEffects, sample: SeveralSample) -> tuple[tuple[Matrices, ...], ...]:
    """L_j of every rho and M_l of every lambda."""
    T, J, L = d.n_periods, sample.lags.shape[1], len(sample.lagged)
    if isinstance(d, SeveralDesign):
        each = [matrices_of(as_lagged(w, effects), T) for w in d.weights.matrices]
        return tuple(each[m] for m in d.weights.lag), tuple(each[m] for m in d.weights.error)
    assert isinstance(d, RegimeDesign) and d.split is not None  # noqa: PT018
    W = lag_matrices(d, lag_effects(d, effects)) if J else []
    M = matrices_of(d.weights_of_error, T) if L else []
    return tuple(tuple(cut(whole, one) for one in d.split.members) if parts > 1 else (whole,) * parts
                 for whole, parts in ((W, J), (M, L)))  # fmt: skip


def lag_matrices(d: Design, effects: FixedEffects) -> Matrices:
    """W of y_t: of deviations from the means of the rows where W lags these."""
    if d.observed is None or not centers(d.weights, effects.time):
        return matrices_of(as_lagged(d.weights, effects), d.n_periods)
    each = zip(d.weights.each(d.n_periods), map(tuple, d.observed.tolist()))
    return [lag_of_deviations(w, there).csr for w, there in each]


def _turned_columns(
    d: Design, effects: FixedEffects, sample: RegimeSample, lam: np.ndarray, sd: np.ndarray
) -> Columns:  # fmt: skip
    """U of unit effects and of the dummies that stay in the likelihood, which B and the variances turn."""
    T, N = d.y.shape
    leaving, _ = leave_or_stay(d, effects, True, error=len(lam) > 0)
    unit = rows_of(d) / np.sqrt(np.maximum(rows_of(d).sum(axis=0), 1)) if leaving.entity else None
    if not sample.absorbed.size:
        return Columns(unit, np.zeros((T, N, 0)))
    first = 1 + sample.lags.shape[1] + sample.X.shape[1]
    D = sample.absorbed - sum((value * one[:, first:] for value, one in zip(lam, sample.lagged)), np.zeros((1, 1)))
    return Columns(unit, np.nan_to_num(d.panel(np.linalg.qr(D / d.rows(np.broadcast_to(sd, (T, N)))[:, None])[0])))


def past_of(d: Design, effects: FixedEffects, names: Sequence[str]) -> tuple[list[int], tuple[Matrices, ...]]:
    """Where tau, eta ... are among the coefficients, and what lags y_{t-1} there: I, W_m; with regimes their rows."""
    places, past = [], []
    for one in past_columns(d):
        whole = identity(d) if one.weights is None else matrices_of(as_lagged(one.weights, effects), d.n_periods)
        places.append(names.index(one.name))
        past.append(whole if one.members is None else cut(whole, one.members))
    return places, tuple(past)


def cut(matrices: Matrices, members: np.ndarray) -> Matrices:
    """The rows of some units alone."""
    kept = sparse.diags_array(members.astype(float))
    built = {id(one): sparse.csr_array(kept @ one) for one in matrices}
    return [built[id(one)] for one in matrices]


def matrices_of(w: SpatialWeights | TemporalWeights, T: int) -> Matrices:
    """The matrix of every period."""
    return [one.csr for one in w.each(T)]


def identity(d: Design) -> Matrices:
    return [sparse.csr_array(sparse.eye_array(d.n_units))] * d.n_periods


def rows_of(d: Design) -> np.ndarray:
    return np.ones(d.y.shape, dtype=bool) if d.observed is None else d.observed


def root_of(d: Design) -> np.ndarray:
    """Roots of the weights of observations, 1 where there is none."""
    return np.ones(d.y.shape) if d.obs_weights is None else np.nan_to_num(d.obs_weights.root, nan=1.0)


def columns_of(d: Design, effects: FixedEffects) -> Columns:
    """U of the effects, in the metric of the weights.

    Raises
    ------
    SpatialInputError
        E309.
    """
    T, N = d.y.shape
    if effects.ways is not None:
        ways = effects.ways if d.obs_weights is None else d.obs_weights.projection(effects)
        if d.nobs * ways.rank > CELLS:
            raise refused_size(d, ways.rank)
        return Columns(None, np.nan_to_num(d.panel(ways.dummies())))
    plain: Any = Gaps(rows_of(d), effects) if d.obs_weights is None else d.obs_weights.projection(effects)
    each = [plain.basis(t) for t in range(T)]
    if not effects.entity:
        return Columns(None, _kept(np.stack(each)))
    return Columns(np.stack([one.diagonal() for one in each]), _kept(np.stack([one[:, N:] for one in each])))


def _kept(columns: np.ndarray) -> np.ndarray:
    """Without columns of zeros."""
    return columns[:, :, np.einsum("tnq,tnq->q", columns, columns) > 0.5]
