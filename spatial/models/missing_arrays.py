"""The arrays of the likelihood of observed outcomes: columns, weights stacked over periods, determinants, effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy import sparse

from spillover.matrix import SpatialWeights, TemporalWeights

from ..design.checks import degenerate
from ..design.design import Design
from ..design.fixed_effects import UNIT_EFFECTS, FixedEffects
from ..design.missing import MissingDesign
from ..design.missing_effects import columns_of_equation
from ..design.missing_joint import MissingRegimeDesign, MissingSeveralDesign
from ..design.moving import as_lagged
from ..design.options import Settings
from ..design.sample import left_by_means, regressor_columns
from ..design.several import several_regressors, spatial_names
from ..design.specification import Specification
from ..design.unbalanced import Gaps
from ..design.unit_means import with_unit_means
from ..logdet import Jacobian, logdet, period_logdet
from ..logdet.regimes import logdet_by_regime, rows_by_regime
from ..logdet.several import SeveralJacobian, SeveralLogdet
from ..logdet.several_periods import over_periods
from ..solve.missing_levels import Levels, levels, without_turned
from ..solve.missing_problem import MissingProblem
from ..solve.missing_sample import MissingSample
from .random import error_process


@dataclass(frozen=True, eq=False)
class Role:
    """The lag, or the error: its matrices stacked over periods, their determinant, the parameters' names."""

    matrices: tuple[sparse.csr_array, ...] = ()
    determinant: Jacobian | SeveralJacobian | None = None
    names: tuple[str, ...] = ()


def missing_sample(specification: Specification, d: MissingDesign, settings: Settings) -> MissingSample:
    """The arrays of the likelihood.

    Raises
    ------
    SpatialInputError
        E204 to E206 and E208: y or regressors without variation, collinear or absorbed among the rows with y.
    """
    effects, size = d.of_seen(settings.effects), d.y.size
    of_columns = several_regressors if isinstance(d, MissingSeveralDesign) else regressor_columns
    X, names = of_columns(d, effects)  # type: ignore[arg-type]
    X, names = _with_unit_means(X, list(names), d, effects)
    Xd, yd = d.rows_within(X, effects), d.rows_within(d.y, effects)
    of_rows = d.y[d.seen][None], yd[None], X[d.seen][None], Xd[None]
    (problem,), *_ = degenerate(d, *of_rows, names, effects)
    if problem is not None:
        raise problem
    lag, error = _lag(specification, d, settings), _error(specification, d, settings)
    units, periods = d.varies and specification.lag, len(lag.names) > 1 and isinstance(d, MissingRegimeDesign)
    own, absorbed = _effects(d, settings.effects, units, periods)
    arrays = MissingProblem(
        y=np.where(d.seen, d.outcome, 0.0).ravel(), X=X.reshape(size, -1), seen=d.seen, levels=own, W=lag.matrices,
        M=error.matrices, offset=None if d.offset is None else d.offset.ravel(),
        root=None if d.obs_weights is None else d.obs_weights.root.ravel(), absorbed=absorbed,
        varies=d.varies, random=(error_process(specification, settings) or "kkp") if effects.random else None,
        serial=settings.requested.serial is not None, restricted=settings.method == "reml",
    )  # fmt: skip
    n = arrays.n + arrays.restricted * len(names)
    return MissingSample(y=yd, X=arrays.X, n=n, lag=lag.determinant, error=error.determinant,
                         names=tuple(names), spatial=(*lag.names, *error.names), problem=arrays)  # fmt: skip


def _with_unit_means(X: np.ndarray, names: list[str], d: MissingDesign, effects: FixedEffects):
    """X with what correlated effects follow: means over all periods, with y or without, by the weights of the rows."""
    rows = Design(**{one.name: getattr(d, one.name) for one in fields(Design)})
    root = rows.root.reshape(*d.y.shape, 1)
    X, names = with_unit_means(root * X, names, rows, effects)
    return X / root, names


def _effects(
    d: MissingDesign, effects: FixedEffects, units: bool, periods: bool
) -> tuple[Levels, np.ndarray | None]:  # fmt: skip
    """Levels of y, and dummies of the equation: where W varies over time those of units, which A_t turns, and those of
    periods where A 1 is no multiple of 1, as with rho by regime."""
    if effects.ways is not None:
        entity, D = columns_of_equation(d, effects, units)
        left = D.reshape(*d.y.shape, -1)
        left, own = (Gaps(d.seen, UNIT_EFFECTS).demean(left) if entity else left)[d.seen], levels(d.seen, entity, False)
        return replace(own, logdet=own.logdet + float(np.linalg.slogdet(left.T @ left)[1])), D
    own = levels(d.seen, effects.entity, effects.time)
    turned = units and effects.entity, periods and effects.time
    return without_turned(own, *turned) if any(turned) else (own, None)


def _lag(specification: Specification, d: MissingDesign, settings: Settings) -> Role:
    if not specification.lag:
        return Role()
    effects, T = settings.effects, d.n_periods
    if isinstance(d, MissingSeveralDesign):
        used = d.weights.lag
        if len(used) == 1:
            return _of_one(d.weights.matrices[used[0]], "rho", d, settings)
        return _of_several([as_lagged(d.weights.matrices[m], effects) for m in used], used, "rho", T)
    if isinstance(d, MissingRegimeDesign) and d.by_regime[1]:
        return _of_regimes(d, d.weights, "rho")
    return _of_one(d.weights, "rho", d, settings)


def _error(specification: Specification, d: MissingDesign, settings: Settings) -> Role:
    if not specification.error:
        return Role()
    T = d.n_periods
    if isinstance(d, MissingSeveralDesign):
        used = d.weights.error
        if len(used) == 1:
            return _of_one(d.weights.matrices[used[0]], "lambda", d, settings)
        return _of_several([d.weights.matrices[m] for m in used], used, "lambda", T)
    if isinstance(d, MissingRegimeDesign) and d.by_regime[2]:
        return _of_regimes(d, d.weights_of_error, "lambda")
    return _of_one(d.weights_of_error, "lambda", d, settings)


def _of_one(w: SpatialWeights | TemporalWeights, name: str, d: MissingDesign, settings: Settings) -> Role:
    """One W of the lag, which lags deviations where its rows do not sum to one, or of the error."""
    T, method = d.n_periods, settings.logdet
    own = Jacobian(period_logdet(w, method)) if w.varies else Jacobian(logdet(w, method), T)
    if name == "rho":
        own, w = replace(own, means=left_by_means(w, settings.effects, True)), as_lagged(w, settings.effects)
    return Role((_stacked(w, T),), own, (name,))


def _of_several(matrices: Sequence, used: tuple[int, ...], name: str, T: int) -> Role:
    """Several W, numbered; of deviations from period means where their rows do not sum to one."""
    if any(w.varies for w in matrices):
        each = zip(*([one.csr for one in w.each(T)] for w in matrices))
        determinant = SeveralJacobian(over_periods(each), 1)
    else:
        determinant = SeveralJacobian(SeveralLogdet(tuple(sparse.csr_array(w.csr) for w in matrices)), T)
    return Role(tuple(_stacked(w, T) for w in matrices), determinant, tuple(spatial_names(name, used)))


def _of_regimes(d: MissingRegimeDesign, w, name: str) -> Role:
    """1_r W for every regime r."""
    assert d.split is not None
    codes, G, T = d.split.codes, len(d.split.labels), d.n_periods
    determinant = SeveralJacobian(logdet_by_regime([w], codes, G, T), 1 if w.varies else T)
    if w.varies:
        each = zip(*(rows_by_regime(one.csr, codes, G) for one in w.each(T)))
        stacked = tuple(sparse.csr_array(sparse.block_diag(rows)) for rows in each)
    else:
        stacked = tuple(_over_periods(rows, T) for rows in rows_by_regime(w.csr, codes, G))
    return Role(stacked, determinant, tuple(d.split.names(name, True)))


def _stacked(w: SpatialWeights | TemporalWeights, T: int) -> sparse.csr_array:
    """W of all periods, (T N, T N)."""
    if w.varies:
        return sparse.csr_array(sparse.block_diag([one.csr for one in w.each(T)]))
    return _over_periods(w.csr, T)


def _over_periods(csr, T: int) -> sparse.csr_array:
    return sparse.csr_array(sparse.kron(sparse.eye_array(T), csr)) if T > 1 else sparse.csr_array(csr)
