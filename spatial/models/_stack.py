"""A model under many W at once: data are read once, arrays are stacked W by W, and one search finds all maxima.

What a stack cannot do is left to the model's own function: W that vary or need another correction, two spatial
parameters, maxima at the edge of their interval, regressors that are close to collinear.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from .._data import INTERCEPT, Design
from .._logdet import Jacobian
from .._logdet.banded import bands, intervals, rough, side_by_side, spectra
from .._weights import Weights
from ..results import Fit
from ..solve.stack import Maxima, Pencil, maxima, pencil
from ..solve.stack_search import Found, by_windows, everywhere
from ._again import KEPT
from ._checks import DOUBTFUL
from ._random import RANDOM
from ._sample import _likelihood_size, lagged_intercept_varies

SPECTRA_MAX = 100  # units; above it factorisations at a few points are quicker than all eigenvalues
UNITS_MAX = 2_000
WIDE = 0.75  # of the units; a band that reaches further is no band
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
    data : Pencil;  at : Maxima;  found : Found, or None without a spatial parameter; of those F
    correction : bool
    """

    which: np.ndarray
    names: tuple[str, ...]
    data: Pencil = field(repr=False)
    at: Maxima = field(repr=False)
    found: Found | None = field(repr=False)
    correction: bool


def can_stack(fit: Fit, options: dict) -> bool:
    """Whether the model of this fit, with these options, can be estimated in stacks."""
    d, spec, settings = fit.design, fit.specification, fit.settings
    known = set(options) <= KEPT and settings["method"] == "ml" and settings["logdet"] is None
    plain = d.observed is None and not d.lags and d.error_weights is None and settings["effects"] not in RANDOM
    one = (spec.lag or spec.error or spec.durbin) and not (spec.lag and spec.error)
    return bool(known and plain and one and settings["vcov"] == "oim" and len(fit.solution.beta))


def largest_stack(fit: Fit) -> int:
    """How many W at most go into one stack: so many that memory is no matter."""
    return int(np.clip(NUMBERS // (fit.design.y.size * (2 * len(fit.solution.beta) + 2)), 1, 64))


def stacked(fit: Fit, weights: list, options: dict) -> Stack | None:
    """Estimates under ``weights`` of the model, data and options of ``fit``; None when not one of them can be had.

    Parameters
    ----------
    fit : Fit
        Of this model under another W; see ``can_stack``.
    weights : list of Weights over the fit's units, in its order
    """
    d, spec, effects = fit.design, fit.specification, fit.settings["effects"]
    durbin = d.durbin
    if spec.durbin and options.get("durbin") is None:
        durbin = tuple(j for j in durbin if d.names[j] != INTERCEPT)
    correction = fit.settings["lee_yu"]
    which = [i for i, w in enumerate(weights) if _suits(w, fit, options, correction)]
    if not which or correction == "additive":
        return None
    kind = "lag" if spec.lag else "error" if spec.error else None
    matrices = [weights[i].csr for i in which]
    Z, k = _columns(d, durbin, effects, correction is True, kind, side_by_side(matrices))
    data = pencil(Z, k, kind, _likelihood_size(d, effects, correction))
    good = np.flatnonzero(data.usable & _vary(data, data.k - d.wx_order * len(durbin)))
    data, found = data.take(good), None
    if kind is not None:
        found = _found(data, [matrices[i] for i in good], _counts(d, effects, correction))
        if found is None:
            return None
        good, data = good[found.which], data.take(found.which)
    if not len(good):
        return None
    at = maxima(data, None if found is None else found.curve, np.zeros(len(good)) if found is None else found.r)
    names = tuple(name for name in fit.params.index if name not in ("rho", "lambda"))
    return Stack(np.array(which)[good], names, data, at, found, correction)


def _suits(w, fit: Fit, options, correction) -> bool:
    """Whether this W has the same regressors and transformation as the fit's."""
    if not isinstance(w, Weights) or w.n > UNITS_MAX or not w.nnz:
        return False
    spec, effects = fit.specification, fit.settings["effects"]
    if spec.durbin and effects == "none" and lagged_intercept_varies(w) and options.get("durbin") is None:
        return False
    plain = options.get("lee_yu", True) is False or effects in ("none", "entity")
    used = spec.lag or spec.error
    return plain or not used or (w.rows_sum_to_one and correction is True)


def _vary(data: Pencil, own: int) -> np.ndarray:
    """Where the effects left something of the lagged regressors, (R,); the ``own`` columns before them are known to
    vary."""
    lags = data.scale[:, own : data.k]
    return (lags > DOUBTFUL * data.scale[:, :own].min(axis=1, keepdims=True)).all(axis=1)


def _counts(d: Design, effects: str, correction) -> dict:
    """How often the determinant counts, and whether without its unit root: as a single fit's."""
    periods = d.n_periods - (bool(correction) and effects in ("entity", "twoway"))
    return {"copies": periods, "unit_root": int(correction is True and effects in ("time", "twoway"))}


def _found(data: Pencil, matrices: list, counts: dict) -> Found | None:
    """The maxima over r; None when not one was found."""
    if not matrices:
        return None
    n = matrices[0].shape[0]
    if n <= SPECTRA_MAX:
        found = everywhere(data, Jacobian(spectra(matrices), **counts))
        return found if len(found.which) else None
    blocks = side_by_side(matrices)
    engines = bands(blocks, n)
    low, high = intervals(n, blocks)
    narrow = np.array([band.below + band.above < WIDE * n for band in engines])
    kept = np.flatnonzero(narrow & np.isfinite(low) & np.isfinite(high))
    if not len(kept):
        return None
    if len(kept) < len(matrices):
        blocks = side_by_side([matrices[i] for i in kept])
    curve = Jacobian(rough(blocks, n, low[kept], high[kept]), **counts)
    found = by_windows(data.take(kept), curve, [engines[i] for i in kept])
    return replace(found, which=kept[found.which]) if len(found.which) else None


def _columns(d: Design, durbin, effects, exact, kind, blocks) -> tuple[np.ndarray, int]:
    """[X, y] and the lags that the model needs, effects taken out, (R, c, m), rows unit by unit; and how many are X.

    As ``demeaned_sample`` has them: with the transformation lags are taken first, without it of what was demeaned.
    Unit means come to the same before and after a lag, so they leave first.
    """
    T, N = d.y.shape
    R = blocks.shape[0] // N
    below = sparse.csr_array((blocks.data, blocks.indices % N, blocks.indptr), shape=(R * N, N))

    def lag(values):  # (c, N, T), the same for all W, or (R, c, N, T)
        by, c = (below, len(values)) if values.ndim == 3 else (blocks, values.shape[1])
        by_unit = np.ascontiguousarray(np.moveaxis(values, -3, -2))
        return np.moveaxis((by @ by_unit.reshape(by.shape[1], -1)).reshape(R, N, c, T), 2, 1)

    keep = [j for j, name in enumerate(d.names) if effects == "none" or name != INTERCEPT]
    own = np.ascontiguousarray(np.concatenate([d.X, d.y[:, :, None]], axis=2).transpose(2, 1, 0))
    if effects in ("entity", "twoway"):
        own -= own.mean(axis=2, keepdims=True)
    within, k, many = _without_periods(own, effects), len(keep), len(durbin)
    powers = d.wx_order if many else 0
    y = k + powers * many
    Z = np.empty((R, (y + 1) * (2 if kind == "error" else 1) + (kind == "lag"), N, T))
    Z[:, :k], Z[:, y] = within[keep], within[-1]
    lagged = own[list(durbin)]
    for first in range(k, y, many or 1):
        lagged = lag(lagged)
        Z[:, first : first + many] = lagged
    if kind == "error" and exact:
        raw = Z[:, : y + 1].copy()
        raw[:, :k], raw[:, y] = own[keep], own[-1]
        Z[:, y + 1 :] = lag(raw)
    Z[:, k:y] = _without_periods(Z[:, k:y], effects)
    if kind == "error" and not exact:
        Z[:, y + 1 :] = lag(Z[:, : y + 1])
    if kind == "lag":
        Z[:, -1:] = lag((own if exact else within)[-1:])
    if exact:
        Z[:, y + 1 :] = _without_periods(Z[:, y + 1 :], effects)
    return Z.reshape(R, -1, N * T), y


def _without_periods(values: np.ndarray, effects: str) -> np.ndarray:
    """Deviations of (..., N, T) from period means, where there are period effects."""
    if effects in ("time", "twoway"):
        return values - values.mean(axis=-2, keepdims=True)
    return values
