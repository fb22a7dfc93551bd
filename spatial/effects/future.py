"""What a forecast starts from: the regressors of new periods, and the unit effects at given parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SHOWN, SpatialInputError
from spillover.ids import of_all_units
from spillover.matrix import SeveralWeights, SpatialWeights

from ..design.design import INTERCEPT, Design, spatial_lag
from ..design.fixed_effects import NO_EFFECTS
from ..design.keys import Rows, match_rows
from ..design.periods import refuse_gaps, scales
from ..design.terms import model_columns, offset_of
from ..design.unsplit import unsplit
from ..logdet.inverse import inverse
from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from ..solve.serial import prais_winsten
from .regressors import column_of
from .several_forecast import filtered_by_several, new_columns, refuse_other_regimes
from .uneven_effects import has_uneven_effects, predicted_effects


@dataclass(frozen=True, eq=False)
class Future:
    """The regressors of H new periods.

    Attributes
    ----------
    times : Index of H periods
    names : tuple of K str
        Coefficients that they belong to: all but rho, lambda and those of the response's past.
    columns : ndarray, shape (H, N, K)
    offset : ndarray, shape (H, N)
        Zeros where the formula has none.
    """

    times: pd.Index
    names: tuple[str, ...]
    columns: np.ndarray = field(repr=False)
    offset: np.ndarray = field(repr=False)


def future_of(fit: FitRecord, data: pd.DataFrame, W: SpatialWeights | SeveralWeights) -> Future:
    """Read new periods as the fit read its own: units matched by id, terms with the means and levels of the sample;
    ``W`` as it lags them.

    Raises
    ------
    SpatialInputError
        E101 to E106 units and periods, E201 missing values, E202 infinite ones, E203 no numbers, E207 terms that are
        not finite, E502 no such column or level, another regime than that of the fit.
    """
    d, requested = unsplit(fit._design), fit._settings.requested
    if not isinstance(data, pd.DataFrame):
        raise SpatialInputError("E501", f"data must be a DataFrame, got {type(data).__name__}",
                                hint="pd.DataFrame(data)")
    first: SpatialWeights = W.matrices[0] if isinstance(W, SeveralWeights) else W  # type: ignore[assignment]
    with of_all_units():
        rows = match_rows(data, first, requested.entity, requested.time)
    times = rows.periods
    _refuse_order(d, times)
    X, offset = _terms_of(d, data, rows)
    if isinstance(fit, RegimesRecord) and fit.split.regimes.by in data.columns:
        refuse_other_regimes(fit.split, d.ids, data[fit.split.regimes.by].to_numpy()[rows.order])
    if isinstance(fit, SeveralRecord | RegimesRecord):
        names, columns = tuple(fit._sample.names), new_columns(fit, X, W, rows.order.shape)
    else:
        names = tuple(name for name in fit.params.index if name not in ("rho", "lambda") and not _is_past(d, name))
        columns = [_column(d, name, X, first, rows.order.shape) for name in names]
    return Future(times, names, np.stack(columns, axis=-1) if names else np.zeros((*rows.order.shape, 0)), offset)


def unit_effects(fit: FitRecord, named: Mapping[str, float], M: SpatialWeights | None = None, *, last: bool = False):
    """c of every unit (N,) at given parameters; with ``last`` what the last period's effect is beyond their mean.
    ``M`` are the error's weights of the new periods, where they differ from those of the fit.

    Fixed effects: means of u = A y - X beta over a unit's periods. Random ones: s times that mean, s = T phi /
    (1 + T phi); with spatial errors beside them (I + sigma2_e / (T sigma2_mu) (B'B)^-1)^-1 times it. Where errors are
    correlated over time the mean is weighted, and d2 stands in the place of T. With gaps, and under M that
    varies, they are those of ``uneven_effects``.
    """
    d, effects, random = fit._design, fit._settings.effects, fit._settings.random
    u = filtered_errors(fit, named)
    if last:
        return float(np.nanmean(u[-1]) - np.nanmean(u))
    mean = np.nanmean(u, axis=0) if fit._settings.serial is None else weighted_mean(fit, u, named["psi"])
    if random is not None:
        if not random.phi > 0:
            return 0.0 * mean
        if has_uneven_effects(fit):
            lam = float(named.get("lambda", 0.0))
            mu = predicted_effects(fit, u, lam)
            return inverse(M, lam).solve(mu) if random.error == "kkp" and M is not None else mu
        if random.error == "baltagi":
            B = np.eye(d.n_units) - named["lambda"] * d.weights_of_error.csr.toarray()
            P = B.T @ B
            return np.linalg.solve(P + np.eye(d.n_units) / (random.d2 * random.phi), P @ mean)
        return random.d2 * random.phi / (1 + random.d2 * random.phi) * mean
    if effects.entity:
        return mean
    return np.full(d.n_units, np.nanmean(u)) if effects.time else np.zeros(d.n_units)


def filtered_errors(fit: FitRecord, named: Mapping[str, float]) -> np.ndarray:
    """u = A y - X beta, (T, N), unit and period effects in it."""
    if isinstance(fit, SeveralRecord | RegimesRecord):
        return filtered_by_several(fit, named)
    d = fit._design
    effects = fit._settings.effects
    u = d.y - named.get("rho", 0.0) * d.lag(d.outcome, effects)
    for name, value in named.items():
        if name not in ("rho", "lambda", "psi"):
            past = d.X[:, :, d.names.index(name)] if _is_past(d, name) else column_of(d, name, effects)
            u = u - value * past
    return u


def weighted_mean(fit: FitRecord, u: np.ndarray, psi: float) -> np.ndarray:
    """1'V^-1 u / (1'V^-1 1), the best mean over periods of errors that follow an AR(1), (N,); period effects, which the
    mean of all units has in every period, count alike."""
    weights = precision_of_mean(psi, len(u))
    common = u.mean(axis=1, keepdims=True) if fit._settings.effects.time else np.zeros((1, 1))
    return weights @ (u - common) / weights.sum() + common.mean()


def precision_of_mean(psi: float, T: int) -> np.ndarray:
    """V^-1 1, (T,), which sums to d2."""
    P = prais_winsten(psi, T)
    return P.T @ P.sum(axis=1)


def last_errors(fit: FitRecord, named: Mapping[str, float], c: np.ndarray) -> np.ndarray:
    """What of the last period's error is neither unit nor period effect, (N,): of it psi^h is left h periods later."""
    u = filtered_errors(fit, named)[-1]
    if fit._settings.effects.time:
        return u - u.mean() - (c - c.mean())
    return u - c


def _is_past(d: Design, name: str) -> bool:
    return name in d.lags


def _refuse_order(d: Design, times: pd.Index) -> None:
    """New periods are later than those of the fit; with lags they follow without a gap."""
    there = times[times.isin(d.periods)]
    if len(there):
        raise SpatialInputError("E103", "data= holds periods that were fitted already", ids=list(there),
                                hint="give new periods; predict() without data is for the fitted ones")  # fmt: skip
    both = d.periods.append(times)
    numbers = scales(both)
    if not numbers:
        raise SpatialInputError("E106", f"a forecast needs periods in their order, and {times[0]!r} tells none: they "
                                "would be taken in that of the alphabet", ids=list(times[:SHOWN]),
                                hint="numbers, pd.to_datetime(...), or pd.Categorical(..., ordered=True) in all data")
    if not (np.diff(numbers[-1]) > 0).all():
        raise SpatialInputError("E104", f"new periods come after the last one of the fit, {d.periods[-1]}",
                                ids=list(times), hint="leave earlier periods out")  # fmt: skip
    if d.lags or "lag" in d.encoding.terms.functions:
        refuse_gaps(both)
    if "lead" in d.encoding.terms.functions:
        raise SpatialInputError("E501", "lead() reads the period after: the last of the new periods has none",
                                hint="make the later values a column of their own")  # fmt: skip


def _terms_of(d: Design, data: pd.DataFrame, rows: Rows) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Terms of the formula in the new periods, (H, N) each, and their offset; lags reach back into those of the fit."""
    terms = d.encoding.terms
    needed = set(terms.right_columns)
    if absent := [c for c in terms.columns if c in needed and c not in data.columns]:
        raise SpatialInputError("E502", f"the new periods lack the column {absent[0]!r}", column=absent[0],
                                n=len(absent), hint="add the column to data=")  # fmt: skip
    T, H = d.order.shape[0], rows.order.shape[0]
    columns = {name: _joined(d, data, rows, name, name in needed) for name in terms.columns}
    observed = None if d.observed is None else np.concatenate([d.observed, np.ones((H, d.n_units), dtype=bool)])
    both = Rows(np.concatenate([d.order, rows.order]), d.ids, None, d.weights, observed)
    _, formed, _ = model_columns(terms, columns, both, d.encoding)
    new = {name: values[T:] for name, values in formed.items() if name in d.names}
    offset = offset_of(terms, columns, both.order.shape, d.encoding.states)[T:]
    for name, values in [*new.items(), (terms.offset_name, offset)]:
        if not np.isfinite(values).all():
            raise SpatialInputError("E207", f"{name!r} is not finite in the new periods", column=name,
                                    ids=rows.labels(~np.isfinite(values)), hint="logs and roots need positive values")
    return new, offset


def _joined(d: Design, data: pd.DataFrame, rows: Rows, name: str, needed: bool):
    """A column over old and new periods; of the response any value will do."""
    old = d.frame[name].iloc[d.order.ravel()]
    new = data[name].iloc[rows.order.ravel()] if needed else pd.Series(np.full(rows.order.size, d.frame[name].iloc[0]))
    if new.isna().any():
        raise SpatialInputError("E201", f"{name!r} has missing values in the new periods", column=name,
                                ids=rows.labels(new.isna().to_numpy().reshape(rows.order.shape)),
                                hint="a forecast needs the regressors of every unit: fill them")  # fmt: skip
    if name not in d.encoding.terms.bare or d.frame[name].dtype.kind not in "biuf":
        return pd.concat([old, new], ignore_index=True).astype(object)
    if new.dtype.kind not in "biuf":
        raise SpatialInputError("E203", f"{name!r} holds {new.dtype} values, numbers are needed", column=name,
                                hint="convert it with pd.to_numeric")  # fmt: skip
    if np.isinf(values := new.to_numpy(dtype=float)).any():
        raise SpatialInputError("E202", f"{name!r} has infinite values", column=name,
                                ids=rows.labels(np.isinf(values).reshape(rows.order.shape)),
                                hint="replace or drop them")  # fmt: skip
    return np.concatenate([old.to_numpy(dtype=float, na_value=np.nan), values]).reshape(-1, d.n_units)


def _column(d: Design, name: str, X: Mapping[str, np.ndarray], W: SpatialWeights, shape) -> np.ndarray:
    """The column of a coefficient in the new periods, (H, N)."""
    if name == INTERCEPT:
        return np.ones(shape)
    if name in X:
        return X[name]
    if name in d.durbin_names:
        own = d.names[d.durbin[d.durbin_names.index(name)]]
        return spatial_lag(W, X[own])
    if name.startswith("W2:") and (own := name.removeprefix("W2:")) in X:
        return spatial_lag(W, spatial_lag(W, X[own]))
    return np.broadcast_to(column_of(d, name, NO_EFFECTS), shape)  # what does not change over time
