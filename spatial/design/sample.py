"""From aligned data to the likelihood's arrays: spatial lags in, fixed effects out, determinants counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights, TemporalWeights

from ..logdet import Jacobian, logdet
from .arrays import Sample
from .checks import degenerate
from .design import INTERCEPT, Design, durbin_columns, spatial_lag
from .dummies import keeps_dummies, sample_with_dummies
from .fixed_effects import NO_EFFECTS, TWOWAY_EFFECTS, FixedEffects
from .gaps import refuse_unbalanced
from .specification import Specification
from .varying import refuse_without_likelihood, varying_jacobian

SAME_SUMS = 1e-6  # row sums that differ by a smaller share are one number, written with six digits
SPANNED = 1e-9  # share of W 1 that other regressors must leave


def demeaned_sample(
    specification: Specification, d: Design, effects: FixedEffects, correction, logdet_method: str | None = None
) -> Sample:
    """The arrays of the likelihood.

    The transformation lags and then demeans, J W y. Without it we follow ``xsmle``, ``splm`` and Elhorst, who
    demean y and lag that, W J y: with time effects a little of them stays in. Weights that vary always lag first:
    W_t c changes from period to period.
    """
    if d.varies and keeps_dummies(specification, d, effects):
        return sample_with_dummies(d, *regressor_columns(d, effects), effects, correction, logdet_method)
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
    W, M = d.weights, d.weights_of_error
    exact = correction is True or d.varies
    X, names = regressor_columns(d, effects, X)

    def lag(weights, values):
        lagged = spatial_lag(weights, values, first=1)
        return d.within(lagged, effects, first=1) if exact else lagged

    yd, Xd = (d.within(values, effects, first=1) for values in (y, X))
    parts = {"y": yd, "X": Xd}
    start = y if exact else yd
    if specification.lag:
        parts["Wy"] = lag(W, start)
    if specification.error:
        parts |= {"My": lag(M, start), "MX": lag(M, X if exact else Xd)}
    if specification.lag and specification.error:
        parts["MWy"] = lag(M, parts["Wy"])
    parts = {name: d.rows(values, 1) for name, values in parts.items()}
    problems, Q, R = degenerate(d, d.rows(y, 1), parts["y"], d.rows(X, 1), parts["X"], names, effects)
    transformed = effects.without_entity() if d.lags else effects
    n, usable = _likelihood_size(d, transformed, correction), None in problems
    of_lag, of_error = (
        _jacobian(d, weights, transformed, correction, logdet_method) if usable and there else None
        for weights, there in ((W, specification.lag), (M, specification.error))
    )
    samples: list[Sample | SpatialInputError] = []
    for r, problem in enumerate(problems):
        own = {name: values[r] for name, values in parts.items()}
        samples.append(problem or Sample(**own, n=n, lag=of_lag, error=of_error, names=tuple(names),
                                         known=(own["X"], Q[r], R[r])))  # fmt: skip
    return samples


def regressor_columns(d: Design, effects: FixedEffects, X: np.ndarray | None = None) -> tuple[np.ndarray, list[str]]:
    """[X, W X] (and W^2 X) as (T, N, k) and the columns' names; demeaning leaves no intercept. Of R replicates
    (R, T, N, k) of X where they are given."""
    first, X = (0, d.X) if X is None else (1, X)
    columns, lagged = [X.take(own_columns(d, effects), axis=-1)], X.take(d.durbin, axis=-1)
    for lagged_columns in lagged_by_power(d):
        lagged = spatial_lag(d.weights, lagged, first=first)
        columns.append(lagged.take([d.durbin.index(j) for j in lagged_columns], axis=-1))
    return np.concatenate(columns, axis=-1), regressor_names(d, effects)


def own_columns(d: Design, effects: FixedEffects) -> list[int]:
    """Columns of X that the model has: fixed effects span the intercept."""
    return [j for j, name in enumerate(d.names) if not effects.fixed or name != INTERCEPT]


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
    known, second = np.stack([d.rows(one), d.rows(first)], axis=1), d.rows(spatial_lag(d.weights, first))
    left = second - known @ np.linalg.lstsq(known, second, rcond=None)[0]
    spanned = np.linalg.norm(left) <= SPANNED * max(float(np.linalg.norm(second)), 1.0)
    return [once, tuple(j for j in once if not (spanned and j == intercept))]


def flat(values: np.ndarray) -> np.ndarray:
    """(T, N, ...) as (T N, ...)."""
    return values.reshape(values.shape[0] * values.shape[1], *values.shape[2:])


def which_effects(requested: str | None, d: Design) -> FixedEffects:
    """The effects requested, or two-way ones in a panel and none in a cross-section."""
    if d.absorbed is not None:
        if requested is not None and FixedEffects.parse(requested) != d.absorbed:
            raise SpatialInputError("E504", f"the formula's | asks for effects={d.absorbed.name!r}, the keyword is "
                                    f"effects={requested!r}", hint="leave one of them out")  # fmt: skip
        effects = d.absorbed
    elif requested is None:
        effects = TWOWAY_EFFECTS if d.is_panel else NO_EFFECTS
    else:
        effects = FixedEffects.parse(requested)
    if effects and not d.is_panel:
        raise SpatialInputError("E501", f"effects={requested!r} needs a panel", hint="give entity= and time=")
    if effects.random:
        refuse_unbalanced(d.observed, f"effects={requested!r}")
    if (effects.entity or effects.random) and d.n_periods < 2:
        raise SpatialInputError("E206", f"{effects} effects need at least 2 periods, got {d.n_periods}",
                                hint="effects='none', or more periods")
    return effects


def refuse_no_links(specification: Specification, d: Design) -> None:
    """A spatial term needs a neighbor somewhere.

    Raises
    ------
    SpatialInputError
        E306.
    """
    used = [d.weights] * (specification.lag or specification.durbin) + [d.weights_of_error] * specification.error
    for weights in used:
        if not weights.row_sums.any() and not any(w.csr.data.any() for w in weights.each(1)):
            raise SpatialInputError("E306", f"no unit has a neighbor: {specification.name} has nothing to estimate",
                                    hint="islands='nearest' in the builder, or ols()")  # fmt: skip


def with_spatial_lags(
    specification: Specification, d: Design, effects: FixedEffects, durbin, wx_order: int
) -> Design:
    """The design with the regressors that are lagged in space: those named, or all for which a lag says more.

    Raises
    ------
    SpatialInputError
        E502 no such regressor.
    """
    if specification.durbin:
        d = replace(d, durbin=durbin_columns(d.names, durbin, d.encoding, d.lags), wx_order=wx_order)
    if durbin is not None:
        return d
    d = without_period_terms(d)
    if not lags_intercept(specification, d, effects):
        return d
    return replace(d, durbin=(d.names.index(INTERCEPT), *d.durbin))


def lags_intercept(specification: Specification, d: Design, effects: FixedEffects) -> bool:
    """Whether W 1 is a regressor: in models with W y or W X, unless the other regressors span it.

    A constant c in y adds c (1 - rho W 1) to (I - rho W) y, and one in x adds c W 1 to W x. Where rows of W have
    different sums (an island is enough) neither is a constant, and without W 1 rho would depend on where y has its
    zero. Of row-standardised weights with islands W 1 is the dummy of the units that have neighbors. Time effects
    are taken out before y is lagged, except under weights that vary.
    """
    takes = (specification.lag or specification.durbin) and INTERCEPT in d.names
    if not takes or not lagged_intercept_varies(d.weights) or (effects.fixed and not (effects.time and d.varies)):
        return False
    one = d.X[:, :, d.names.index(INTERCEPT)]
    added = effects.demean(spatial_lag(d.weights, one), d.observed)
    columns = effects.demean(d.X, d.observed)
    added, columns = d.rows(added), d.rows(columns)
    left = added - columns @ np.linalg.lstsq(columns, added, rcond=None)[0]
    return bool(np.linalg.norm(left) > SPANNED * np.abs(d.weights.row_sums).max() * np.sqrt(len(left)))


def without_period_terms(d: Design) -> Design:
    """Without lags of what is the same for all units, as year dummies are: W d = d, as for the intercept."""
    if not d.is_panel or lagged_intercept_varies(d.weights):
        return d
    X = d.X[:, :, d.durbin]
    constant = (X[:, :1] == X).all(axis=(0, 1))
    if not constant.any():
        return d
    same = [j for j, never in zip(d.durbin, constant) if never]
    note = "the same for all units, and not lagged: " + ", ".join(d.names[j] for j in same)
    return replace(d, durbin=tuple(j for j in d.durbin if j not in same), notes=(*d.notes, note))


def lagged_intercept_varies(weights: SpatialWeights | TemporalWeights) -> bool:
    """Whether W 1 is no constant, by the numbers in W and not by its label."""
    sums = weights.row_sums
    return bool(np.ptp(sums) > SAME_SUMS * np.abs(sums).max())


def which_correction(specification: Specification, d: Design, effects: FixedEffects, correction) -> bool | str:
    """The correction that these weights allow: by transformation, or additive for the time effects."""
    used = [d.weights] * specification.lag + [d.weights_of_error] * specification.error
    varies = any(w.varies for w in used)
    if varies:
        refuse_without_likelihood(specification, d, effects, correction)
    if correction is False or not effects.time:
        return bool(correction)
    if correction is True and (varies or all(w.rows_sum_to_one for w in used)):
        return True
    if specification.error:
        raise SpatialInputError(
            "E308",
            f"{specification.name} with {effects} effects needs weights whose rows all sum to one",
            ids=next((w.islands for w in used if len(w.islands)), ()),
            hint="standardize('row') without islands, or effects='entity'",
        )
    return "additive"


def _likelihood_size(d: Design, effects: FixedEffects, correction) -> int:
    """n of the likelihood: all rows, or what the transformations leave."""
    if correction is True:
        return d.left(effects)
    if correction == "additive":  # entity effects are transformed out, time effects corrected for afterwards
        return d.left(effects.without_time())
    return d.nobs


def _jacobian(
    d: Design, weights: SpatialWeights | TemporalWeights, effects: FixedEffects, correction, method
) -> Jacobian:
    if weights.varies:
        return varying_jacobian(d, weights, effects, correction, method)
    return Jacobian(logdet(weights, method), **determinant_counts(d, effects, correction))


def determinant_counts(d: Design, effects: FixedEffects, correction) -> dict:
    """How often the determinant of one W counts, and whether without its unit root."""
    copies = d.n_periods - (bool(correction) and effects.entity)
    return {"copies": copies, "unit_root": int(correction is True and effects.time)}
