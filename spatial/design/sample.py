"""Step 3 of every estimate: from aligned data to the likelihood's arrays. Spatial lags in, fixed effects out."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..logdet import Jacobian, OfMeans, logdet, of_means
from .arrays import Sample
from .checks import degenerate
from .design import INTERCEPT, Design, spatial_lag
from .dummies import keeps_dummies, sample_with_dummies
from .fixed_effects import NO_EFFECTS, FixedEffects
from .invariant import jacobian_of_ways
from .period_means import centers, of_deviations
from .specification import Specification
from .varying import varying_jacobian

SPANNED = 1e-9  # share of W 1 that other regressors must leave


def demeaned_sample(
    specification: Specification, d: Design, effects: FixedEffects, correction, logdet_method: str | None = None
) -> Sample:
    """The arrays of the likelihood.

    The transformation lags and then demeans, J W y. Without it we follow ``xsmle``, ``splm`` and Elhorst, who
    demean y and lag that, W J y: with time effects a little of them stays in. Weights that vary always lag first:
    W_t c changes from period to period.
    """
    if specification.error and keeps_dummies(specification, d, effects):
        lag = _jacobian(d, d.weights, NO_EFFECTS, False, logdet_method) if specification.lag and d.lags else None
        one = sample_with_dummies(d, *regressor_columns(d, effects), effects, correction, logdet_method, lag)
        return one if d.obs_weights is None else weighted(one, d, effects, correction)
    (sample,) = demeaned_samples(specification, d, d.y[None], d.X[None], effects, correction, logdet_method)
    if isinstance(sample, SpatialInputError):
        raise sample
    return sample


def demeaned_samples(
    specification: Specification, d: Design, y: np.ndarray, X: np.ndarray, effects: FixedEffects, correction,
    logdet_method: str | None = None,
) -> list[Sample | SpatialInputError]:  # fmt: skip
    """The same for R replicates (R, T, N) and (R, T, N, k) of y and X; what is wrong with a replicate stands in its
    place."""
    exact = correction is True or d.varies or effects.ways is not None or d.obs_weights is not None
    lag, error = specification.lag, specification.error
    X, names = regressor_columns(d, effects, X)
    # 1. The columns y, X and, to be lagged before means are taken off, W y: (R, columns, T, N).
    c = 1 + len(names)
    Z = np.empty((len(y), c + (lag and exact), *y.shape[1:]))
    Z[:, 0] = y
    Z[:, 1:c] = X.transpose(0, 3, 1, 2)
    if lag and exact:
        Z[:, c] = d.lag(y if d.offset is None else y + d.offset, effects, first=1)
    within = d.within(Z, effects, first=2)
    # 2. Their lags: W y of demeaned y, M [y, X], and M W y.
    columns = d.rows(within, 2)
    parts = {"y": columns[:, 0], "X": columns[:, 1:c].swapaxes(1, 2)}
    if lag:
        outcome = within[:, 0] if d.offset is None or exact else d.within(y + d.offset, effects, first=1)
        Wy = within[:, c] if exact else spatial_lag(d.weights, outcome, first=1)
        parts["Wy"] = columns[:, c] if exact else d.rows(Wy, 1)
    if error:
        M, lagged = d.weights_of_error, (Z if exact else within)[:, :c]
        lagged = np.concatenate([lagged, Wy[:, None]], axis=1) if lag else lagged
        lagged = d.lag(lagged, effects, M, first=2) if exact else spatial_lag(M, lagged, first=2)
        lagged = d.rows(d.within(lagged, effects, first=2) if exact else lagged, 2)
        parts |= {"My": lagged[:, 0], "MX": lagged[:, 1:c].swapaxes(1, 2)} | ({"MWy": lagged[:, c]} if lag else {})
    # 3. What cannot be estimated, and X = Q R.
    before = d.rows(Z, 2)
    problems, Q, R = degenerate(
        d, before[:, 0], parts["y"], before[:, 1:c].swapaxes(1, 2), parts["X"], names, effects
    )
    # 4. n and the determinants.
    transformed = effects_counted(d, effects)
    n, usable = likelihood_size(d, transformed, correction), None in problems
    of_lag, of_error = (
        _jacobian(d, w, transformed, correction, logdet_method) if usable and there else None
        for w, there in ((d.weights, lag), (d.weights_of_error, error))
    )
    samples: list[Sample | SpatialInputError] = []
    for r, problem in enumerate(problems):
        own = {name: values[r] for name, values in parts.items()}
        one = problem or Sample(**own, n=n, lag=of_lag, error=of_error, names=tuple(names),
                                factors=(own["X"], Q[r], R[r]))  # fmt: skip
        samples.append(one if d.obs_weights is None or problem else weighted(one, d, effects, correction))
    return samples


def weighted(sample: Sample, d: Design, effects: FixedEffects, correction) -> Sample:
    """The sample times the roots of the weights of observations: see ``obs_weights``."""
    columns = ("y", "X", "Wy", "My", "MX", "MWy")
    scaled = {name: (d.root * values.T).T for name in columns if (values := getattr(sample, name)) is not None}
    constant = d.obs_weights.constant(effects, correction is True) if d.obs_weights is not None else 0.0
    return replace(sample, **scaled, factors=None, log_weights=constant)


def regressor_columns(d: Design, effects: FixedEffects, X: np.ndarray | None = None) -> tuple[np.ndarray, list[str]]:
    """[X, W X] (and W^2 X) as (T, N, k) and the columns' names; demeaning leaves no intercept. Of R replicates
    (R, T, N, k) of X where they are given."""
    first, X = (0, d.X) if X is None else (1, X)
    own, powers = own_columns(d, effects), lagged_by_power(d)
    columns, names, lagged = [X.take(own, axis=-1)], [d.names[j] for j in own], X.take(d.durbin, axis=-1)
    for power, lagged_columns in zip(("W:", "W2:"), powers if d.durbin else ()):
        lagged = d.lag(lagged, effects, first=first)
        same = lagged_columns == d.durbin
        columns.append(lagged if same else lagged.take([d.durbin.index(j) for j in lagged_columns], axis=-1))
        names += [power + d.names[j] for j in lagged_columns]
    return np.concatenate(columns, axis=-1) if len(columns) > 1 else columns[0], names


def own_columns(d: Design, effects: FixedEffects) -> list[int]:
    """Columns of X that the model has: fixed effects span the intercept."""
    return [j for j, name in enumerate(d.names) if not effects.constant or name != INTERCEPT]


def regressor_names(d: Design, effects: FixedEffects) -> list[str]:
    """Of the columns of [X, W X] (and W^2 X)."""
    names = [d.names[j] for j in own_columns(d, effects)]
    return names + [power + d.names[j] for power, columns in zip(("W:", "W2:"), lagged_by_power(d)) for j in columns]


def lagged_by_power(d: Design) -> list[tuple[int, ...]]:
    """Columns of X that W, and W^2, lag. W^2 1 is left out where 1 and W 1 span it, as in row-standardised weights
    whose islands are nobody's neighbors."""
    once = d.durbin
    intercept = d.names.index(INTERCEPT) if INTERCEPT in d.names else None
    if d.wx_order == 1 or intercept not in once:
        return [once] * d.wx_order
    one = d.X[:, :, intercept]
    first = spatial_lag(d.weights, one)
    lower_orders, second = np.stack([d.rows(one), d.rows(first)], axis=1), d.rows(spatial_lag(d.weights, first))
    left = second - lower_orders @ np.linalg.lstsq(lower_orders, second, rcond=None)[0]
    spanned = np.linalg.norm(left) <= SPANNED * max(float(np.linalg.norm(second)), 1.0)
    return [once, tuple(j for j in once if not (spanned and j == intercept))]


def flat(values: np.ndarray) -> np.ndarray:
    """(T, N, ...) as (T N, ...)."""
    return values.reshape(values.shape[0] * values.shape[1], *values.shape[2:])


def likelihood_size(d: Design, effects: FixedEffects, correction) -> int:
    """n of the likelihood: all rows, or what the transformations leave."""
    if correction is True:
        return d.left(effects)
    if correction == "additive":  # entity effects are transformed out, time effects corrected for afterwards
        return d.left(effects.without_time())
    return d.nobs


def effects_counted(d: Design, effects: FixedEffects) -> FixedEffects:
    """The effects that the likelihood counts: those of units are not transformed out of a dynamic model."""
    return effects.without_entity() if d.lags else effects


def _jacobian(
    d: Design, w: SpatialWeights | TemporalWeights, effects: FixedEffects, correction, method
) -> Jacobian:
    if effects.ways is not None and not w.varies:
        lagged = of_deviations(w) if correction is True and centers(w, effects.time) else w
        return jacobian_of_ways(lagged, d.n_periods, effects.ways, correction, method, d.obs_weights)  # type: ignore[arg-type]
    if w.varies:
        return varying_jacobian(d, w, effects, correction, method)
    counts = determinant_counts(d, effects, correction)
    return _counted(logdet(w, method), **counts, means=left_by_means(w, effects, correction))


@lru_cache(maxsize=32)
def _counted(determinant, copies, unit_root, means) -> Jacobian:
    """One for all models of the same W and size."""
    return Jacobian(determinant, copies, unit_root, means)


def determinant_counts(d: Design, effects: FixedEffects, correction) -> dict:
    """How often the determinant of one W counts, and whether without its unit root."""
    copies = len(d.y) - (bool(correction) and effects.entity)
    return {"copies": copies, "unit_root": int(correction is True and effects.time)}


def left_by_means(w: SpatialWeights | TemporalWeights, effects: FixedEffects, correction) -> OfMeans | None:
    """What period means leave of the determinant where they are taken out and rows of W do not all sum to one."""
    return of_means(w) if correction is True and centers(w, effects.time) else None
