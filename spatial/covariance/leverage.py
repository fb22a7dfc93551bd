"""Residuals as they would be without their own pull on the estimate: what few units or groups need.

With M = I - H the projection off regressors and effects, and M_gg its block of group g,

    CR2: M_gg^(-1/2) e_g   (HC2, e_i / sqrt(M_ii), for groups of one)        CR3: M_gg^(-1) e_g

Bell & McCaffrey (2002, Survey Methodology 28:169-181); MacKinnon & White (1985, J. Econometrics 29:305-325). A
generalized inverse leaves out what M_gg takes to zero.
"""

from __future__ import annotations

import numpy as np

from ..design.fixed_effects import PERIOD_EFFECTS, UNIT_EFFECTS
from ..design.ways import nested
from ..records.fit import FitRecord
from .deviations import deviations, has_several
from .effects_columns import carried_effects
from .groups import periods_of_rows, units_of_rows
from .random import unit_rows
from .several import derivatives_of_several

CR2, CR3 = -0.5, -1.0
LEAST = 1e-8  # eigenvalues of M_gg below it are zero
COLUMNS_MAX = 400  # of the low-rank part of H_gg


def adjusted_residuals(fit: FitRecord, codes: np.ndarray, power: float) -> np.ndarray:
    """M_gg^power e_g of every group, (m,): ``power`` is CR2 or CR3."""
    (R, shrunk), sd = _hat_columns(fit, codes), deviations(fit)
    return sd * adjusted(fit._solution.resid / sd, R, codes, power) * shrunk**power


def adjusted(e: np.ndarray, R: np.ndarray, codes: np.ndarray, power: float) -> np.ndarray:
    """(I - R_g R_g')^power e_g, by the eigenvalues of R_g'R_g or R_g R_g', the smaller; groups of one size at once.

    Examples
    --------
    >>> adjusted(np.ones(2), np.array([[0.6], [0.0]]), np.array([0, 1]), CR3).round(4)
    array([1.5625, 1.    ])
    """
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    out = np.empty(len(e))
    for size in np.unique(sizes[sizes > 0]):
        rows = order[starts[sizes == size][:, None] + np.arange(size)]  # (groups, size)
        part, own = R[rows], e[rows]
        if size == 1:
            left = 1 - np.sum(part[:, 0] ** 2, axis=1)
            out[rows[:, 0]] = own[:, 0] * _powers(left, power)
            continue
        if size < R.shape[1]:
            values, vectors = np.linalg.eigh(part @ part.swapaxes(1, 2))  # of R_g R_g' itself
            turned = vectors.swapaxes(1, 2) @ own[..., None]
            out[rows] = own + (vectors @ ((_powers(1 - values, power) - 1)[..., None] * turned))[..., 0]
            continue
        values, vectors = np.linalg.eigh(part.swapaxes(1, 2) @ part)
        share = (_powers(1 - values, power) - 1) / np.maximum(values, 1e-300)
        share[values < 1e-14] = 0.0
        turned = vectors.swapaxes(1, 2) @ (part.swapaxes(1, 2) @ own[..., None])
        out[rows] = own + (part @ (vectors @ (share[..., None] * turned)))[..., 0]
    return out


def _powers(left, power):
    return np.where(left > LEAST, np.maximum(left, LEAST) ** power, 0.0)


def _hat_columns(fit: FitRecord, codes: np.ndarray) -> tuple[np.ndarray, float]:
    """R and c with M_gg = c (I - R_g R_g') on what e_g can be; c is 1 but for effects of periods and effects that are
    many.

    The effects of units are within the groups where these hold whole units: then e_g has them out already. Those of
    periods take 1 / N from every unit that is a group by itself, in each period or each deviation from the unit's mean.
    Effects that a spatial error carries along have their own columns B D (``effects_columns``).
    """
    d, s, effects = fit._design, fit._sample, fit._settings.effects
    carried = carried_effects(fit, codes)
    if carried is not None:
        BX = derivatives_of_several(fit) if has_several(fit) else s.BX(fit.lam)  # type: ignore[union-attr]
        BX = carried.off(BX[:, : s.k])
        return np.hstack([carried.V, np.linalg.qr(BX)[0]]), 1.0
    if has_several(fit):
        BX = derivatives_of_several(fit)[:, : s.basis[0].shape[1]]
    else:
        BX = s.X if s.error is None else s.BX(fit.lam)
    R = np.linalg.qr(BX)[0]
    if not effects.fixed or (has_several(fit) and s.estimated):  # type: ignore[attr-defined]
        return R, 1.0
    among = [(UNIT_EFFECTS, units_of_rows(d))] * effects.entity + [(PERIOD_EFFECTS, periods_of_rows(d))] * effects.time
    across = [labels for _, labels in among if not nested(labels, codes)]
    if not across:
        return R, 1.0
    if _every_period_by_unit(fit, codes, among):
        left = 1 - 1 / d.n_units
        return R / np.sqrt(left), left
    if R.shape[1] + sum(labels.max() + 1 for labels in across) > COLUMNS_MAX:
        return R, d.left(effects) / d.nobs
    dummies = np.concatenate([np.eye(labels.max() + 1)[labels] for labels in across], axis=1)
    if fit._settings.serial is not None:  # groups hold whole units, whose effects have the directions of the filter
        dummies, units = d.root[:, None] * dummies, unit_rows(fit)
        dummies = units.less(dummies, np.ones(units.N)) if effects.entity else dummies
    else:
        for own, labels in among:
            if nested(labels, codes):
                dummies = d.rows(d.within(d.panel(dummies), own))
        dummies = d.root[:, None] * dummies
    values, vectors = np.linalg.eigh(dummies.T @ dummies)
    kept = values > LEAST * values[-1]
    return np.concatenate([R, dummies @ (vectors[:, kept] / np.sqrt(values[kept]))], axis=1), 1.0


def _every_period_by_unit(fit: FitRecord, codes: np.ndarray, among) -> bool:
    """Whether groups are units with all their periods, so that H_gg of period effects is I / N."""
    d = fit._design
    plain = d.observed is None and d.obs_weights is None
    whole = plain and codes.max() + 1 == d.n_units and nested(units_of_rows(d), codes)
    return bool(whole and among[-1][0] is PERIOD_EFFECTS)
