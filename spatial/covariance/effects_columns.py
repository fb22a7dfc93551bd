"""Fixed effects in the variance by groups, where their projection is no product of means: the projection off B D.

Residuals are e = M eps with M = I - V V', V an orthonormal basis of B D, whether the effects leave by generalized
least squares (``design.carried``), stay among the regressors (``design.dummies``), or leave as many ways or in the
metric of weights that change over time, where B D = D. Hence the leverage of group g is that of [B D, B X],

    H_gg = V_g V_g' + Q_g Q_g',    Q an orthonormal basis of M B X

and the quadratic part of a score is eps'M F M eps, with F = B W A^-1 B^-1 for rho, W_e B^-1 for lambda (W_e the
error's weights) and I for sigma2:

    M F M = F + L R',    L = [V, F V],    R = [V (V'F V)' - F'V, -V]

Means taken off do not stand for M: e of a period or a unit does not add up to zero where B D differs from D.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample, by_gls
from ..design.carried import demeans_units, turned_effects
from ..design.design import Design
from ..design.filtered_ways import filtered_effects
from ..design.fixed_effects import UNIT_EFFECTS, FixedEffects
from ..design.moving import staying_parts
from ..design.time_and_rest import parts_of
from ..design.ways import nested
from ..records.fit import FitRecord
from ..solve.moving_effects import as_array
from ..solve.serial import prais_winsten
from .deviations import deviations
from .groups import units_of_rows
from .missing_view import Completed

SIZE_MAX = 1e7  # elements of V
LEAST = 1e-9  # length of what other effects leave of one, against the longest


@dataclass(frozen=True, eq=False)
class Effects:
    """An orthonormal basis of what effects take.

    Attributes
    ----------
    V : (m, r)
    kept : float
        Share of F's diagonal that unit effects keep which left by demeaning, of a balanced panel under one error's
        matrix: (T - 1) / T where groups hold whole units, so that e_g has lost what they take of it. Else, and where
        other groups have them among V, one.
    """

    V: np.ndarray = field(repr=False)
    kept: float = 1.0

    def off(self, values: np.ndarray) -> np.ndarray:
        """M values."""
        return values - self.V @ (self.V.T @ values)

    def share(self, n: int) -> float:
        """n of the likelihood in shares of what the effects leave: one with the correction of Lee & Yu."""
        m, r = self.V.shape
        return n / (self.kept * m - r)


def carried_effects(fit: FitRecord, codes: np.ndarray) -> Effects | None:
    """Those of a fit; None where effects leave by means, or B D has more than ten million elements.

    Raises
    ------
    SpatialInputError
        E309 many ways, or weights that change over time, of so many elements.
    """
    s, d, effects = fit._sample, fit._design, _of_filtered(fit)
    if isinstance(fit._solution, Completed):
        return Effects(fit._solution.V)
    moving = getattr(s, "effects_of_error", None)
    if moving is not None:
        scale = d.root / deviations(fit)
        V = _orthonormal(moving.BD(fit._solution.lams) * scale[:, None])  # type: ignore[attr-defined]
        kept = staying_parts(d, effects) if effects.ways else None
        return Effects(V if kept is None else np.hstack([np.kron(kept[0], np.eye(d.n_units)), V]))
    if isinstance(s, Sample) and s.dummies:
        parts = parts_of(d, effects, d.weights_of_error) if fit._settings.correction is True else None
        V = np.linalg.qr(s.BX(fit.lam)[:, s.k :])[0]
        return Effects(V if parts is None else np.hstack([np.kron(parts[0], np.eye(d.n_units)), V]))
    if not by_gls(s):
        return _projected(fit, codes)
    demeaned, units = demeans_units(d, effects), units_of_rows(d)
    apart = demeaned and not nested(units, codes)
    rank = d.n_units * (effects.entity and (apart or not demeaned)) + d.n_periods * effects.time
    rank = effects.ways.rank if effects.ways else rank
    if rank * d.nobs > SIZE_MAX:
        return None
    turned, _, of_time = turned_effects(d, effects)
    V = _orthonormal(turned.BD(fit.lam))
    if of_time is not None:
        return Effects(np.hstack([np.kron(of_time, np.eye(d.n_units)), V]))
    if apart:
        return Effects(np.hstack([V, np.eye(d.n_units)[units] / np.sqrt(d.n_periods)]))
    return Effects(V, 1 - demeaned / d.n_periods)


def _of_filtered(fit: FitRecord) -> FixedEffects:
    """The effects as they are in the sample: those behind | are filtered over time with errors that are correlated."""
    effects, serial = fit._settings.effects, fit._settings.serial
    if effects.ways is None or serial is None:
        return effects
    return filtered_effects(effects, prais_winsten(serial.psi, fit._design.n_periods))


def _orthonormal(BD) -> np.ndarray:
    """An orthonormal basis of sparse columns."""
    from scipy.linalg import solve_triangular

    dense = as_array(BD)
    return solve_triangular(np.linalg.cholesky(dense.T @ dense), dense.T, lower=True).T


def _projected(fit: FitRecord, codes: np.ndarray) -> Effects | None:
    """Of many ways, and of period effects in the metric of weights of observations that change over time."""
    d, effects = fit._design, _of_filtered(fit)
    w = d.obs_weights
    by_means = w is None or not effects.time or fit._settings.correction is not True or (w.fixed and d.observed is None)
    if effects.ways is None and by_means:
        return None
    units, among = units_of_rows(d), effects.ways.projection.ways if effects.ways else ()
    own = [way for way in among if way.plain and nested(way.codes, units) and nested(units, way.codes)]
    whole = w is None and d.observed is None and fit._settings.serial is None
    if own and whole and nested(units, codes):  # e_g has lost the effects of its units
        others = [way.columns for way in among if way is not own[0]]
        rank = sum(columns.shape[1] for columns in others)
        _refuse_large(d, rank)
        inside = d.within(d.panel(np.hstack([columns.toarray() for columns in others])), UNIT_EFFECTS)
        U, size, _ = np.linalg.svd(d.rows(inside), full_matrices=False)
        return Effects(U[:, size > LEAST * size.max(initial=0.0)], 1 - 1 / d.n_periods)
    _refuse_large(d, d.nobs - d.left(effects))
    if w is not None:
        return Effects(w.projection(effects).dummies())
    return None if effects.ways is None else Effects(effects.ways.dummies())


def _refuse_large(d: Design, effects: int) -> None:
    if effects * d.nobs > SIZE_MAX:
        raise SpatialInputError("E309", f"this variance by groups needs a dense matrix of {d.nobs:,} rows and "
                                f"{effects:,} effects", n=effects, hint="vcov='oim', or sp.Robust(pairs=False)")


def sides_of(d: Design, form, effects: Effects | None) -> tuple[np.ndarray, np.ndarray]:
    """L and R with M F M = F + L R', (m, 2 r); of no columns where nothing is projected."""
    if effects is None:
        return np.empty((d.nobs, 0)), np.empty((d.nobs, 0))
    V = effects.V
    panel = np.nan_to_num(d.panel(V))  # (T, N, r)
    FV, VF = (d.rows(np.stack([form.times(t, values, transposed=turned) for t, values in enumerate(panel)]))
              for turned in (False, True))  # fmt: skip
    return np.hstack([V, FV]), np.hstack([V @ (FV.T @ V) - VF, -V])
