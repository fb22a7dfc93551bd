"""A model under many W at once: data are read once, arrays are stacked W by W, and one search finds all maxima.

What a stack cannot do is left to the model's own function: W that vary or need another correction, two spatial
parameters, maxima at the edge of their interval, regressors that are close to collinear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights

from ..covariance.kinds import factor_of_freedom
from ..design.checks import DOUBTFUL
from ..design.design import INTERCEPT, Design
from ..design.fixed_effects import FixedEffects
from ..design.options import Settings
from ..design.sample import determinant_counts, likelihood_size, own_columns, regressor_names
from ..logdet import Jacobian
from ..logdet.banded import side_by_side
from ..logdet.many import determinants
from ..solve.stack import Maxima, Pencil, maxima, pencil
from ..solve.stack_search import Optima, by_windows, everywhere
from .fit import Fit
from .reading import Reading, aligned

UNITS_MAX = 2_000
FEW = 3  # W; fewer are estimated one by one
NUMBERS = 4_000_000  # in the columns of one stack


@dataclass(frozen=True, eq=False)
class Stack:
    """Estimates of one model under several W.

    Attributes
    ----------
    which : (F,)
        Positions of the W that it could do.
    names : tuple of k str
        Of the regressors.
    data : Pencil;  at : Maxima;  optima : Optima, or None without a spatial parameter; of those F
    correction : bool
    """

    which: np.ndarray
    names: tuple[str, ...]
    data: Pencil = field(repr=False)
    at: Maxima = field(repr=False)
    optima: Optima | None = field(repr=False)
    correction: bool | str


def can_stack(reading: Reading, *, covariance: bool = True) -> bool:
    """Whether the model of this reading can be estimated in stacks, its covariance too."""
    d, spec, settings = reading.design, reading.specification, reading.settings
    usual = settings.method == "ml" and settings.logdet is None and settings.requested.missing == "error"
    usual = usual and settings.correction != "additive" and (settings.vcov in ("oim", "classical") or not covariance)
    plain = d.observed is None and not d.lags and d.error_weights is None and not settings.composed
    plain = plain and not settings.effects.ways
    plain = plain and d.obs_weights is None and d.offset is None
    one = (spec.lag or spec.error or spec.durbin) and not (spec.lag and spec.error)
    return bool(usual and plain and one and regressor_names(d, settings.effects))


def largest_stack(reading: Reading) -> int:
    """How many W at most go into one stack: so many that memory is no matter."""
    columns = 2 * len(regressor_names(reading.design, reading.settings.effects)) + 2
    return int(np.clip(NUMBERS // (reading.design.y.size * columns), 1, 64))


def stacked(reading: Reading, weights: list, among: int) -> Stack | None:
    """Estimates under ``weights`` of the model and data of ``reading``; None when not one of them can be had.

    Parameters
    ----------
    reading : Reading
        Of this model, under any W; see ``can_stack``.
    weights : list of SpatialWeights over its units, in its order
    among : int
        How many W there are in the whole (``determinants``).
    """
    d, spec, effects = reading.design, reading.specification, reading.settings.effects
    if reading.settings.requested.durbin is None:
        d = replace(d, durbin=tuple(j for j in d.durbin if d.names[j] != INTERCEPT))
    correction = reading.settings.correction
    which = [i for i, w in enumerate(weights) if _suits(w, reading)]
    if not which:
        return None
    lag = partial(_lag, side_by_side([weights[i].csr for i in which]))
    data, good = _pencil(d, spec, effects, correction, lag, len(which))
    optima = None
    if data.kind is not None:
        counts = determinant_counts(d, effects, correction)
        optima = _optima(data, tuple(weights[which[i]] for i in good), among, counts)
    return _solved(d, reading.settings, data, np.array(which)[good], optima)


def under_other_w(fit: Fit, weights: list, std_errors: bool) -> Iterator:
    """(positions, (parameters, sigma2, ln L, standard errors)) of the W that can be done, for ``refit``."""
    reading = reading_of_fit(fit)
    if len(weights) < FEW or not can_stack(reading, covariance=std_errors):
        return
    size = largest_stack(reading)
    for start in range(0, len(weights), size):
        part = [over_its_units(reading, w) for w in weights[start : start + size]]
        stack = stacked(reading, part, len(weights))
        if stack is None:
            continue
        at, sound = stack.at, stack.at.sound
        spatial = [at.r[:, None]] * (stack.optima is not None)
        errors = np.sqrt(np.diagonal(at.covariance, axis1=1, axis2=2))
        estimates = np.concatenate([at.beta, *spatial], axis=1), at.sigma2, at.loglik, errors
        yield start + stack.which[sound], tuple(part[sound] for part in estimates)


def reading_of_fit(fit: Fit) -> Reading:
    """The fit's data, with its own regressors and correction in place of those that would be chosen under each W."""
    d, settings = fit._design, fit._settings
    kept = replace(settings.requested, durbin=d.durbin_names, correction=settings.correction)
    return Reading(fit.specification, d, settings.with_(requested=kept), d)


def over_its_units(reading: Reading, w) -> SpatialWeights | None:
    """W in the reading's order of units; None where it is none, or over others: a single fit will say why."""
    try:
        converted = aligned(w, reading.design, "error", name="w")
    except SpatialInputError:
        return None
    return converted if isinstance(converted, SpatialWeights) else None


def _pencil(d: Design, spec, effects, correction, lag, R) -> tuple[Pencil, np.ndarray]:
    """Cross-products of the samples that can be done by them, and their positions."""
    kind = "lag" if spec.lag else "error" if spec.error else None
    Z, k = _columns(d, effects, correction is True, kind, lag, R)
    data = pencil(Z, k, kind, likelihood_size(d, effects, correction))
    good = np.flatnonzero(data.usable & _vary(data, k - d.wx_order * len(d.durbin)))
    return data.take(good), good


def _solved(d: Design, settings: Settings, data: Pencil, which, optima: Optima | None) -> Stack | None:
    """Everything else at the maxima."""
    if data.kind is not None:
        if optima is None:
            return None
        which, data = which[optima.which], data.take(optima.which)
    if not len(which):
        return None
    names = tuple(regressor_names(d, settings.effects))
    if optima is None:  # least squares: sigma2 = SSE / df
        at = maxima(data, None, np.zeros(len(which)))
        ratio = data.n / (d.left(settings.effects) - len(names))
        at = replace(at, sigma2=ratio * at.sigma2, covariance=ratio * at.covariance)
    else:
        at = maxima(data, optima.curve, optima.r)
        at = replace(at, covariance=factor_of_freedom(data.n, len(names) + 1, settings) * at.covariance)
    return Stack(which, names, data, at, optima, settings.correction)


def _suits(w, reading: Reading) -> bool:
    """Whether this W has the same regressors and transformation as the reading's."""
    if not isinstance(w, SpatialWeights) or w.n > UNITS_MAX or not w.nnz or not w.csr.has_canonical_format:
        return False
    spec, settings, requested = reading.specification, reading.settings, reading.settings.requested
    lags_one = (spec.lag or spec.durbin) and not settings.effects
    if lags_one and w.row_sums_vary and requested.durbin is None:
        return False
    if spec.error and settings.effects.time and not w.rows_sum_to_one:  # by generalised least squares
        return False
    plain = requested.correction is False or not settings.effects.time
    used = spec.lag or spec.error
    return plain or not used or (w.rows_sum_to_one and settings.correction is True)


def _vary(data: Pencil, own: int) -> np.ndarray:
    """Where the effects left something of the lagged regressors, (R,); the ``own`` columns before them are known to
    vary."""
    lags = data.scale[:, own : data.k]
    return (lags > DOUBTFUL * data.scale[:, :own].min(axis=1, keepdims=True)).all(axis=1)


def _optima(data: Pencil, weights: tuple[SpatialWeights, ...], among: int, counts: dict) -> Optima | None:
    """The maxima over r; None where no sample has one."""
    if not weights:
        return None
    curves_of = determinants(weights, among)
    if curves_of.curves is None or not len(curves_of.kept):
        return None
    data, curve = data.take(curves_of.kept), Jacobian(curves_of.curves, **counts)
    optima = everywhere(data, curve) if curves_of.engines is None else by_windows(data, curve, curves_of.engines)
    which = curves_of.kept[optima.which]
    ends = None if curves_of.intervals is None else partial(curves_of.intervals, which)
    return replace(optima, which=which, ends=ends) if len(which) else None


def _own(d: Design, effects: FixedEffects) -> np.ndarray:
    """X and y, (c, N, T), without unit means where there are unit effects: a lag has none then either."""
    own = np.ascontiguousarray(np.concatenate([d.X, d.y[:, :, None]], axis=2).transpose(2, 1, 0))
    return effects.without_time().demean(own, axes=(2, 1))


def _lag(blocks, values) -> np.ndarray:
    """W_r x, (R, c, N, T), of x (c, N, T), the same for all W, or (R, c, N, T)."""
    c, N, T = values.shape[-3:]
    R = blocks.shape[0] // N
    if values.ndim == 3:
        blocks = sparse.csr_array((blocks.data, blocks.indices % N, blocks.indptr), shape=(R * N, N))
    by_unit = np.ascontiguousarray(np.moveaxis(values, -3, -2)).reshape(blocks.shape[1], -1)
    return np.moveaxis((blocks @ by_unit).reshape(R, N, c, T), 2, 1)


def _columns(d: Design, effects, exact, kind, lag, R) -> tuple[np.ndarray, int]:
    """[X, y] and the lags that the model needs, effects taken out, (R, c, m), rows unit by unit; and how many are X.

    As ``demeaned_sample`` has them: with the transformation an error's lags are taken first, without it of what was
    demeaned; y and x are lagged without period means (``Design.lag``).

    Parameters
    ----------
    lag : function of (c, N, T) or (R, c, N, T)
    """
    T, N = d.y.shape
    own = _own(d, effects)
    keep, periods = own_columns(d, effects), effects.without_entity()
    within, k, many = periods.demean(own, axes=(2, 1)), len(keep), len(d.durbin)
    powers = d.wx_order if many else 0
    y = k + powers * many
    Z = np.empty((R, (y + 1) * (2 if kind == "error" else 1) + (kind == "lag"), N, T))
    Z[:, :k], Z[:, y] = within[keep], within[-1]
    lagged = within[list(d.durbin)]
    for first in range(k, y, many or 1):
        lagged = lag(lagged if first == k else periods.demean(lagged, axes=(3, 2)))
        Z[:, first : first + many] = lagged
    if kind == "error" and exact:
        raw = Z[:, : y + 1].copy()
        raw[:, :k], raw[:, y] = own[keep], own[-1]
        Z[:, y + 1 :] = lag(raw)
    Z[:, k:y] = periods.demean(Z[:, k:y], axes=(3, 2))
    if kind == "error" and not exact:
        Z[:, y + 1 :] = lag(Z[:, : y + 1])
    if kind == "lag":
        Z[:, -1:] = lag(within[-1:])
    if exact:
        Z[:, y + 1 :] = periods.demean(Z[:, y + 1 :], axes=(3, 2))
    return Z.reshape(R, -1, N * T), y
