"""The variance of the score with nothing left out: it is a linear-quadratic form in independent errors.

With P = B W A^-1 B^-1, H = M B^-1 and eta = B W A^-1 X beta the score's parts are, up to 1 / s2,

    rho:     eta'e + e'P e - s2 tr P         lambda:     e'H e - s2 tr H

For errors that are independent between groups (of one unit: "robust") the variance is a sum over groups g, of linear
terms and own blocks e_g'P_gg e_g, and over pairs of groups g < h of (e_g'(P_gh + P_hg') e_h)^2. A sandwich of row
scores takes e_i (P e)_i for unit i's own and so loses half of the pairs, since e_i (P e)_i and e_j (P e)_j are
correlated wherever P_ij P_ji is not zero.

Source: Kelejian & Prucha (2001, J. Econometrics 104:219-257), on linear-quadratic forms; in a panel with sums over
periods. Above 1,500 units the sum over pairs is estimated from random signs z, E |(F + F') z|^2 = |F + F'|^2
(Hutchinson 1990): P then acts through sparse factorisations. W + rho W^2, the near part of P, is summed exactly, so
that signs are left with the rest.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from ..design.design import Design
from ..design.ways import nested
from ..records.fit import FitRecord
from . import score_forms
from .deviations import deviations, has_several
from .effects_columns import carried_effects, sides_of
from .groups import periods_of_rows, units_of_rows
from .information import derivatives
from .missing_view import Completed
from .random import by_random_ml, kappa_scores, quasi_demeaned_twice
from .sandwich import sums_by_group
from .score_forms import PROBES, Identity, quadratic_forms
from .serial import psi_scores
from .several import derivatives_of_several, scores_of_variances

EXACT_GROUPS = 500  # columns that are solved for one by one, above DENSE_UNITS


def pairs_meat(fit: FitRecord, codes: np.ndarray, e: np.ndarray) -> np.ndarray:
    """Variance of the score of (beta, rho, lambda, sigma2) random effects' kappa and psi.

    Parameters
    ----------
    codes : (m,)
        The group of every row; errors of different groups are independent.
    e : (m,)
        The residuals, as they are or adjusted for leverage.
    """
    d, sample, at = fit._design, fit._sample, fit._solution
    m, share, sd = len(at.resid), sample.n / len(at.resid), deviations(fit)
    # 1. Linear terms: D e with what depends on e taken off W y and M u; in units of the errors' deviations.
    effects = carried_effects(fit, codes)
    forms = quadratic_forms(fit, centered=effects is None)
    D = derivatives_of_several(fit) if has_several(fit) else derivatives(sample, at) / np.sqrt(at.sigma2)
    k, z = D.shape[1] - len(forms), e / sd
    traces, kept = _traces(fit, D[:, k:]), 1.0
    for column, form in zip(range(k, k + len(forms)), forms):
        D[:, column] -= quasi_demeaned_twice(fit, form.of_rows(d, quasi_demeaned_twice(fit, at.resid / sd)[1]))[0]
    if effects is not None and has_several(fit):
        D = effects.off(D)
    elif effects is not None:  # of sigma2 too: e'e = eps'M eps
        D = np.column_stack([effects.off(np.delete(D, np.s_[sample.k : k], axis=1)), np.zeros(m)])
        forms, traces, k = [*forms, Identity(d.n_units, 1, None)], [*traces, sample.n], sample.k
    if effects is not None:
        share, kept = effects.share(sample.n), effects.kept
    by_row = D * z[:, None]
    # 2. Own blocks less their means, which add up to the traces; products of different groups.
    sides = [sides_of(d, form, effects) for form in forms]
    own, crossed = _products(d, forms, sides, codes, z, quasi_demeaned_twice(fit, z))
    for column, form, (L, R), trace in zip(range(k, k + len(forms)), forms, sides, traces):
        means = share * (kept * form.diagonals(d) + np.sum(L * R, axis=1))
        by_row[:, column] -= means + (trace - means.sum()) / m
    if has_several(fit):
        by_row = np.column_stack([by_row, scores_of_variances(fit, z, share)])
    elif effects is None:
        by_row = np.column_stack([by_row, (z**2 - share) / (2 * at.sigma2)])
    by_group = sums_by_group(by_row, codes)
    by_group[:, k : k + len(forms)] += own.T
    if effects is not None and not has_several(fit):
        by_group[:, -1] /= 2 * at.sigma2
        crossed[-1] /= 2 * at.sigma2
        crossed[:, -1] /= 2 * at.sigma2
    if by_random_ml(fit) and not fit._settings.random.on_boundary:
        by_group = np.column_stack([by_group, sums_by_group(kappa_scores(fit, e)[:, None], codes)])
    if fit._settings.serial is not None:
        by_group = np.column_stack([by_group, sums_by_group(psi_scores(fit)[:, None], codes)])
    # 3. The variance.
    meat = by_group.T @ by_group
    meat[k : k + len(forms), k : k + len(forms)] += crossed
    return meat


def _traces(fit: FitRecord, D: np.ndarray) -> list[float]:
    """What the determinants take from the score of rho and lambda; of several, and of outcomes that are observed in
    part, by the score, which is zero."""
    sample, at = fit._sample, fit._solution
    if has_several(fit) or isinstance(at, Completed):
        return list(D.T @ (at.resid / deviations(fit)))
    return [-part.d1(by) for part, by in ((sample.lag, at.rho), (sample.error, at.lam)) if part is not None]


def _products(d: Design, forms, sides, codes, e, turned) -> tuple[np.ndarray, np.ndarray]:
    """e_g'P_gg e_g, (forms, G), and the sums over g < h of (e_g'(P_gh + P_hg')e_h)^2 and of their cross-products.

    ``sides`` hold L and R of every form, P = F + L R'; ``turned`` e on the left and on the right of F.
    """
    added = [tuple(sums_by_group(e[:, None] * side, codes) for side in pair) for pair in sides]
    G, N = int(codes.max()) + 1, d.n_units
    units, periods = units_of_rows(d), periods_of_rows(d)
    one = forms[0].count == 1  # for all periods
    dense = N <= score_forms.DENSE_UNITS
    if dense and one and nested(units, codes):  # whole units: sum_t e_it Q_ij e_jt = Q_ij (E'E)_ij
        E, of_unit = np.nan_to_num(d.panel(e)), np.zeros(N, dtype=int)
        of_unit[units] = codes
        F = [form.whole * (E.T @ E) for form in forms]
        if G < N:
            F = [sums_by_group(sums_by_group(f, of_unit).T, of_unit).T for f in F]
        else:
            of_group = np.argsort(of_unit)
            F = [f[np.ix_(of_group, of_group)] for f in F]
        return _among([f + L @ R.T for f, (L, R) in zip(F, added)], G)
    spread = []  # e by unit and group, (N, G), of every period, on the left and on the right
    for t in range(d.n_periods):
        rows = np.flatnonzero(periods == t)
        spread.append([sparse.csr_array((v[rows], (units[rows], codes[rows])), shape=(N, G)) for v in turned])
    if dense or G <= EXACT_GROUPS:
        F = [sum(form.between(t, *pair) for t, pair in enumerate(spread)) for form in forms]
        return _among([f + L @ R.T for f, (L, R) in zip(F, added)], G)
    return _by_signs(forms, added, spread, G)


def by_signs(fit: FitRecord, groups: int) -> str:
    """What a header says where traces and sums over pairs come from random signs, whose seed is fixed."""
    n = fit._design.n_units
    if n <= score_forms.DENSE_UNITS:
        return ""
    what = "diagonals" if groups <= EXACT_GROUPS else "sums over pairs"
    return f", above {score_forms.DENSE_UNITS:,} units {what} from {PROBES} random signs of a fixed seed"


def _by_signs(forms, added, spread, G: int) -> tuple[np.ndarray, np.ndarray]:
    """What ``_products`` returns, exact for the near part F0 of F and from random signs z for the rest."""
    z = np.random.default_rng(1).choice([-1.0, 1.0], size=(G, PROBES))
    own, whole, near, both, both_near = [], np.zeros((len(forms), len(forms))), [], [], []
    for form, (L, R) in zip(forms, added):
        F0 = sum(left.T @ form.near(t) @ right for t, (left, right) in enumerate(spread)).tocsr()
        ahead = sum(left.T @ form.times(t, right @ z) for t, (left, right) in enumerate(spread))
        back = sum(right.T @ form.times(t, left @ z, transposed=True) for t, (left, right) in enumerate(spread))
        own.append(F0.diagonal() + np.mean(z * (ahead - F0 @ z), axis=1) + np.sum(L * R, axis=1))
        near.append(F0 + F0.T)
        both.append(ahead + back + L @ (R.T @ z) + R @ (L.T @ z))
        both_near.append(near[-1] @ z)
    for i, j in np.ndindex(whole.shape):
        rest = np.sum(both[i] * both[j] - both_near[i] * both_near[j]) / PROBES
        whole[i, j] = near[i].multiply(near[j]).sum() + rest - 4 * own[i] @ own[j]
    return np.array(own), whole / 2


def _among(F: list[np.ndarray], G: int) -> tuple[np.ndarray, np.ndarray]:
    """What ``_products`` returns, from e_g'Q_gh e_h, (G, G), of every form."""
    own = np.array([f.diagonal() for f in F]).reshape(len(F), G)
    crossed = [[np.vdot(f, h) + np.sum(f * h.T) - 2 * f.diagonal() @ h.diagonal() for h in F] for f in F]
    return own, np.array(crossed).reshape(len(F), len(F))
