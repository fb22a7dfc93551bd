"""Data of a model with several W: which W lags what, and the arrays of its likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import SeveralWeights, SpatialWeights, TemporalWeights, refuse_alike

from ..logdet.several import SeveralJacobian, several_logdet
from ..logdet.several_periods import over_periods
from .arrays import Sample
from .checks import degenerate
from .design import INTERCEPT, Design, durbin_columns, spatial_lag
from .fixed_effects import NO_EFFECTS, FixedEffects
from .moving import as_lagged, copies, leave_or_stay
from .period_means import centers
from .sample import SPANNED, determinant_counts, effects_counted, likelihood_size, own_columns
from .several_ways import carried_groups, ways_stay
from .specification import Specification
from .unit_means import lag_unit_means, with_unit_means

AnyWeights = SpatialWeights | TemporalWeights


@dataclass(frozen=True, eq=False)
class SeveralDesign(Design):
    """Aligned data whose ``weights`` are several: ``W_1:x`` is the lag of x by the first of them."""

    weights: SeveralWeights  # type: ignore[assignment]

    @property
    def lag_names(self) -> tuple[str, ...]:
        """Of the lagged regressors; what is written for one W finds none in ``durbin_names``, and refuses."""
        return tuple(f"W_{m + 1}:{self.names[j]}" for j, m in self.weights.pairs)

    @property
    def varies(self) -> bool:
        return self.weights.varies

    def sources(self) -> tuple[pd.DataFrame, dict]:
        columns = {self.response: self.y, **dict(zip(self.names, np.moveaxis(self.X, 2, 0)))}
        frame = pd.concat([self.labelled(values, name) for name, values in columns.items()], axis=1)
        return frame, {f"W_{m + 1}": w for m, w in enumerate(self.weights.matrices)}


def several_design(
    specification: Specification, d: Design, lag: Sequence[AnyWeights], error: Sequence[AnyWeights] | None,
    durbin, effects: FixedEffects,
) -> SeveralDesign:  # fmt: skip
    """The design with its W numbered: those of ``w=``, then those of ``durbin=`` and ``w_error=`` that are new.

    Parameters
    ----------
    lag : the W of ``w=``, aligned
    error : the W of ``w_error=``, aligned; None: those of ``w=``
    durbin : None, list of terms, or mapping of a term to aligned W

    Raises
    ------
    SpatialInputError
        E323 W that are not told apart, E306 without links, E502 a term that is no regressor.
    """
    matrices: list[AnyWeights] = []

    def place(w: AnyWeights) -> int:
        if w not in matrices:
            matrices.append(w)
        return matrices.index(w)

    refuse_alike(lag)
    of_lag = tuple(place(w) for w in lag)
    pairs = _pairs(specification, d, durbin, of_lag, place)
    of_error = of_lag if error is None else tuple(place(w) for w in error)
    if error is not None:
        refuse_alike(error)
    weights = SeveralWeights(tuple(matrices), of_lag * specification.lag, of_error * specification.error, pairs, of_lag)
    own = {one.name: getattr(d, one.name) for one in fields(Design)}
    out = SeveralDesign(**{**own, "weights": weights, "durbin": (), "error_weights": None})
    if durbin is None and (specification.lag or specification.durbin):
        out = with_lagged_intercepts(out, of_lag, effects)
    return out


def _pairs(specification: Specification, d: Design, durbin, of_lag, place) -> tuple[tuple[int, int], ...]:
    """(column, W) of the lagged regressors."""
    if not specification.durbin:
        return ()
    if isinstance(durbin, Mapping):
        pairs = []
        for term, chosen in durbin.items():
            own = [chosen] if isinstance(chosen, AnyWeights) else list(chosen)
            refuse_alike(own)
            for j in durbin_columns(d.names, [term], d.encoding, d.lags):
                pairs += [(j, place(w)) for w in own]
        return tuple(pairs)
    columns = durbin_columns(d.names, durbin, d.encoding, d.lags)
    if durbin is None and d.times is not None:  # W d = d for what is the same for all units
        columns = tuple(j for j in columns if not (d.X[:, :1, j] == d.X[:, :, j]).all())
    return tuple((j, m) for m in of_lag for j in columns)


def with_lagged_intercepts(
    d: SeveralDesign, of_lag: Sequence[int], effects: FixedEffects, *, by_regime: bool = False
) -> SeveralDesign:
    """W_j 1 is a regressor wherever it is no constant and the others do not span it, as with one W; beside period
    effects where rho differs ``by_regime``."""
    if INTERCEPT not in d.names or (effects.fixed and not (by_regime and effects.time)):
        return d
    one = d.names.index(INTERCEPT)
    for m in of_lag:
        if not d.weights.matrices[m].row_sums_vary:
            continue
        X, _ = several_regressors(d, effects)
        if (one, m) in d.weights.pairs:
            continue
        added = d.rows(effects.demean(spatial_lag(d.weights.matrices[m], d.X[:, :, one]), d.observed))
        columns = d.rows(effects.demean(X, d.observed))
        left = added - columns @ np.linalg.lstsq(columns, added, rcond=None)[0]
        if np.linalg.norm(left) > SPANNED * np.abs(d.weights.matrices[m].row_sums).max() * np.sqrt(len(left)):
            d = replace(d, weights=replace(d.weights, pairs=((one, m), *d.weights.pairs)))
    return d


def weights_of_response(d: Design) -> tuple[SpatialWeights | TemporalWeights, ...]:
    """The W that lag the response; of a model without W y those that lag regressors."""
    if not isinstance(d, SeveralDesign):
        return (d.weights,)
    used = d.weights.lag or dict.fromkeys(m for _, m in d.weights.pairs)
    return tuple(d.weights.matrices[m] for m in used)


def weights_of_error(d: Design) -> SpatialWeights | TemporalWeights:
    """The one W of the error."""
    if not isinstance(d, SeveralDesign):
        return d.weights_of_error
    if len(d.weights.error) > 1:
        raise ValueError(f"the error has {len(d.weights.error)} W")
    return d.weights.matrices[d.weights.error[0] if d.weights.error else 0]


def several_regressors(
    d: SeveralDesign, effects: FixedEffects, *, centered: bool = True
) -> tuple[np.ndarray, list[str]]:
    """[X, W_m x ...] as (T, N, k) and the columns' names, the means that correlated random effects follow among them;
    without ``centered`` W lags period means too."""
    own = own_columns(d, effects)
    columns = [d.X[:, :, own]]
    of_lag = effects if centered else NO_EFFECTS
    columns += [d.lag(d.X[:, :, [j]], of_lag, d.weights.matrices[m]) for j, m in d.weights.pairs]
    names = [*(d.names[j] for j in own), *d.lag_names]
    return with_unit_means(np.concatenate(columns, axis=2), names, d, effects)


def several_arrays(
    d: SeveralDesign, effects: FixedEffects, correction: bool, *, units_stay: bool = False
) -> dict:  # fmt: skip
    """y (m,), X (m, k), lags (m, J), lagged (L, m, 1 + J + k), names and the basis of X; lags in, effects out.

    With ``correction`` data are lagged and then demeaned, without it the other way round, as with one W; where
    ``units_stay`` unit effects are still in. Weights of observations: rows times their roots, lagged first.

    Raises
    ------
    SpatialInputError
        E204, E205, E206, E208: what cannot be estimated.
    """
    W = d.weights.matrices
    X, names = several_regressors(d, effects)
    k, lag, error = len(names), [W[m] for m in d.weights.lag], [W[m] for m in d.weights.error]
    moving = d.varies and bool(lag or error)  # without spatial parameters all effects leave by demeaning
    leaving, dummies = effects.without_entity() if units_stay else effects, np.empty((*d.y.shape, 0))
    size = 0.0
    if effects.ways and (lag or error):
        moving = carried_groups(d, effects, (*lag, *error)) is None
        size = float(d.left(effects))
    if moving and (not effects.ways or ways_stay(d, effects, lag, error)):
        leaving, dummies = leave_or_stay(d, effects, correction, error=bool(error))
        size = float(d.nobs if leaving.ways is None else d.left(leaving))
    lag_first = correction or d.obs_weights is not None or d.varies
    lagged_before = [d.lag(d.outcome, effects, w)[..., None] for w in lag] if lag_first else []
    Z = np.concatenate([d.y[..., None], *lagged_before, X, dummies], axis=2)
    within = d.within(Z, leaving)
    if lag and not lag_first:
        lags = np.stack([spatial_lag(w, d.within(d.outcome, effects)) for w in lag], axis=2)
        within = np.concatenate([within[:, :, :1], lags, within[:, :, 1:]], axis=2)
    lagged = np.empty((len(error), d.nobs, within.shape[2]))
    for place, M in enumerate(error):
        MZ = d.lag(Z, effects, M) if lag_first and not moving else spatial_lag(M, Z if lag_first else within)
        lagged[place] = d.rows(d.within(MZ, leaving) if lag_first else MZ)
    rows, before, J = d.rows(within), d.rows(X), len(lag)
    followed = len(own_columns(d, effects)) + len(d.weights.pairs)  # by unit means
    for one in lagged:
        lag_unit_means(one[:, 1 + J : 1 + J + k], before[:, :followed], names[:followed], d, effects)
    y, own = rows[:, 0], np.ascontiguousarray(rows[:, 1 + J : 1 + J + k])
    out = (d.rows(d.within(d.y, effects)), d.rows(d.within(X, effects))) if moving or units_stay else (y, own)
    (problem,), Q, R = degenerate(d, d.rows(d.y)[None], out[0][None], before[None], out[1][None], names, effects)
    if problem is not None:
        raise problem
    if not k:
        raise SpatialInputError("E502", "the model has no regressor", hint="y ~ x")
    arrays = {"y": y, "X": own, "lags": rows[:, 1 : 1 + J], "lagged": lagged, "names": tuple(names),
              "basis": (Q[0], R[0]), "n": likelihood_size(d, effects_counted(d, effects), correction)}  # fmt: skip
    if moving:
        absorbed = rows[:, 1 + J + k :]
        arrays |= {"absorbed": absorbed, "basis": tuple(np.linalg.qr(np.column_stack([own, absorbed]))),
                   "groups": np.zeros(len(y), dtype=int), "sizes": np.array([size])}  # fmt: skip
    return arrays if d.obs_weights is None else arrays | _weighted(arrays, d, effects, correction)


def _weighted(arrays: dict, d: SeveralDesign, effects: FixedEffects, correction: bool) -> dict:
    """What changes with the rows times the roots of their weights: see ``obs_weights``."""
    assert d.obs_weights is not None
    root = d.root[:, None]
    X = root * arrays["X"]
    return {"y": d.root * arrays["y"], "X": X, "lags": root * arrays["lags"], "lagged": root * arrays["lagged"],
            "basis": tuple(np.linalg.qr(X)), "log_weights": d.obs_weights.constant(effects, correction)}  # fmt: skip


def several_determinants(d: SeveralDesign, effects: FixedEffects, correction: bool) -> dict:
    """``lag`` and ``error``: the log-determinants as the likelihood counts them, or None."""
    W = d.weights
    lag, error = ([W.matrices[m] for m in used] for used in (W.lag, W.error))
    carried = carried_groups(d, effects, (*lag, *error)) if effects.ways else None
    if d.varies or (effects.ways and carried is None):
        return _summed_determinants(d, effects, correction)
    if carried is not None:
        return _carried_determinants(d, effects, carried)
    counts, built = determinant_counts(d, effects_counted(d, effects), correction), {}
    for name, used in (("lag", W.lag), ("error", W.error)):
        own = tuple(W.matrices[m] for m in used)
        means = bool(counts["unit_root"]) and any(centers(w, effects.time) for w in own)
        built[name] = SeveralJacobian(several_logdet(own), **counts, means=means) if own else None
    return built


def _carried_determinants(d: SeveralDesign, effects: FixedEffects, carried: tuple[int, list[np.ndarray]]) -> dict:
    """Beside effects behind | that all W take to effects."""
    W, (a, C), parts = d.weights, carried, {}
    for name, used, own in (("lag", W.lag, C[: len(W.lag)]), ("error", W.error, C[len(W.lag) :])):
        matrices = tuple(as_lagged(W.matrices[m], effects) for m in used)
        groups = tuple(own) if own and len(own[0]) else ()
        parts[name] = SeveralJacobian(several_logdet(matrices), d.n_periods - a, carried=groups) if used else None
    return parts


def _summed_determinants(d: SeveralDesign, effects: FixedEffects, correction: bool) -> dict:
    """Added up over periods where one of the W varies."""
    W, T, parts = d.weights, d.n_periods, {}
    for name, used in (("lag", W.lag), ("error", W.error)):
        matrices = [as_lagged(W.matrices[m], effects) if name == "lag" else W.matrices[m] for m in used]
        varies = any(w.varies for w in matrices)
        each = zip(*([one.csr for one in w.each(T)] for w in matrices))
        logdet = over_periods(each) if varies else several_logdet(tuple(matrices)) if used else None
        times = copies(d, effects, correction, name, varies, stay=bool(W.error))
        parts[name] = SeveralJacobian(logdet, times) if logdet else None
    return parts


def least_squares_sample(arrays: dict) -> Sample:
    """The sample of a model without spatial parameters."""
    X = arrays["X"]
    return Sample(y=arrays["y"], X=X, n=arrays["n"], names=arrays["names"], factors=(X, *arrays["basis"]),
                  log_weights=arrays.get("log_weights", 0.0))  # fmt: skip


def spatial_names(name: str, used: tuple[int, ...]) -> list[str]:
    """rho_1, rho_2 by the numbers of their W; of one W alone ``rho``."""
    return [name] if len(used) == 1 else [f"{name}_{m + 1}" for m in used]
