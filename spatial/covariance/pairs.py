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

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from spillover.matrix import SpatialWeights

from ..design.design import Design
from ..design.obs_weights import links_in_units_of_variance, refuse_weighted
from ..design.ways import nested
from ..logdet.inverse import inverse
from ..records.fit import FitRecord
from .groups import periods_of_rows, units_of_rows
from .information import derivatives, with_dummies, without_dummies
from .random import by_random_ml
from .sandwich import sums_by_group

DENSE_UNITS = 1_500  # beyond, P acts through factorisations
PROBES = 16
NEAR_MAX = 3e7  # products in W^2 up to which it belongs to the near part
EXACT_GROUPS = 500  # columns that are solved for one by one, above DENSE_UNITS


def pairs_meat(fit: FitRecord, codes: np.ndarray, e: np.ndarray) -> np.ndarray:
    """Variance of the score of (beta, rho, lambda, sigma2) and random effects' kappa.

    Parameters
    ----------
    codes : (m,)
        The group of every row; errors of different groups are independent.
    e : (m,)
        The residuals, as they are or adjusted for leverage.
    """
    d, sample, at = fit._design, fit._sample, fit._solution
    s2, k, m, share = at.sigma2, sample.X.shape[1], len(at.resid), sample.n / len(at.resid)
    # 1. Linear terms: D e with what depends on e taken off W y and M u.
    forms, D = quadratic_forms(fit), derivatives(sample, at)
    traces = [-part.d1(by) for part, by in ((sample.lag, at.rho), (sample.error, at.lam)) if part is not None]
    for column, form in zip(range(k, k + len(forms)), forms):
        D[:, column] -= form.of_rows(d, at.resid)
    by_row = D * (e / s2)[:, None]
    # 2. Own blocks less their means, which add up to the traces; products of different groups.
    own, crossed = _products(d, forms, codes, e / np.sqrt(s2))
    for column, form, trace in zip(range(k, k + len(forms)), forms, traces):
        means = share * form.diagonals(d)
        by_row[:, column] -= means + (trace - means.sum()) / m
    by_group = sums_by_group(np.column_stack([by_row, e**2 / (2 * s2**2) - share / (2 * s2)]), codes)
    by_group[:, k : k + len(forms)] += own.T
    if sample.dummies:
        share_of = without_dummies(sample, with_dummies(sample, at))[1]
        dummies, rest = by_group[:, sample.k : k], np.delete(by_group, np.s_[sample.k : k], axis=1)
        by_group = rest - dummies @ share_of
    if by_random_ml(fit) and not fit._settings.random.on_boundary:
        by_group = np.column_stack([by_group, sums_by_group(_kappa(fit, e)[:, None], codes)])
    # 3. The variance.
    meat = by_group.T @ by_group
    at_forms = np.s_[sample.k : sample.k + len(forms)]
    meat[at_forms, at_forms] += crossed
    return meat


def _kappa(fit: FitRecord, e) -> np.ndarray:
    """Scores of kappa by row, as in ``random``."""
    T = fit._design.n_periods
    means = e.reshape(T, -1).mean(axis=0)
    return np.tile((T * means**2 / fit.sigma2 - 1) / (2 * T), T)


def _products(d: Design, forms, codes, e) -> tuple[np.ndarray, np.ndarray]:
    """e_g'P_gg e_g, (forms, G), and the sums over g < h of (e_g'(P_gh + P_hg')e_h)^2 and of their cross-products."""
    G, N = int(codes.max()) + 1, d.n_units
    units, periods = units_of_rows(d), periods_of_rows(d)
    one = len(forms[0].weights) == 1  # for all periods
    if N <= DENSE_UNITS and one and nested(units, codes):  # whole units: sum_t e_it Q_ij e_jt = Q_ij (E'E)_ij
        E, of_unit = np.nan_to_num(d.panel(e)), np.zeros(N, dtype=int)
        of_unit[units] = codes
        F = [form.whole * (E.T @ E) for form in forms]
        if G < N:
            return _among([sums_by_group(sums_by_group(f, of_unit).T, of_unit).T for f in F], G)
        own, crossed = _among(F, G)
        return own[:, np.argsort(of_unit)], crossed
    spread = []  # e by unit and group, (N, G), of every period
    for t in range(d.n_periods):
        rows = np.flatnonzero(periods == t)
        spread.append(sparse.csr_array((e[rows], (units[rows], codes[rows])), shape=(N, G)))
    if N <= DENSE_UNITS or G <= EXACT_GROUPS:
        return _among([sum(form.between(t, S) for t, S in enumerate(spread)) for form in forms], G)
    return _by_signs(forms, spread, G)


def by_signs(fit: FitRecord, groups: int) -> str:
    """What a header says where traces and sums over pairs come from random signs, whose seed is fixed."""
    n = fit._design.n_units
    if n <= DENSE_UNITS:
        return ""
    what = "diagonals" if groups <= EXACT_GROUPS else "sums over pairs"
    return f", above {DENSE_UNITS:,} units {what} from {PROBES} random signs of a fixed seed"


def _by_signs(forms, spread, G: int) -> tuple[np.ndarray, np.ndarray]:
    """What ``_products`` returns, exact for the near part F0 of F and from random signs z for the rest."""
    z = np.random.default_rng(1).choice([-1.0, 1.0], size=(G, PROBES))
    own, whole, near, both, both_near = [], np.zeros((len(forms), len(forms))), [], [], []
    for form in forms:
        F0 = sum(S.T @ form.near(t) @ S for t, S in enumerate(spread)).tocsr()
        ahead = sum(S.T @ form.times(t, S @ z) for t, S in enumerate(spread))
        back = sum(S.T @ form.times(t, S @ z, transposed=True) for t, S in enumerate(spread))
        own.append(F0.diagonal() + np.mean(z * (ahead - F0 @ z), axis=1))
        near.append(F0 + F0.T)
        both.append(ahead + back)
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


# -- P and H ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class QuadraticForm:
    """B W A^-1 B^-1 (``lag``) or M B^-1 of every period: one matrix, or one for each where weights vary.

    ``centered``: errors that have lost their period means know no more of Q than J Q J, J = I - dd'/d'd with d = 1,
    or with d the roots of the weights of observations; d is its value, None without period effects.
    """

    weights: tuple = field(repr=False)
    error_weights: tuple = field(repr=False)
    rho: float
    lam: float
    lag: bool
    centered: np.ndarray | None

    @property
    def whole(self) -> np.ndarray:
        """Q where it is the same in all periods, (N, N)."""
        return self._dense[0]

    def times(self, t: int, values: np.ndarray, *, transposed: bool = False) -> np.ndarray:
        """Q_t or Q_t' times (N, r)."""
        t = t % len(self.weights)
        if self.weights[t].n <= DENSE_UNITS:
            return (self._dense[t].T if transposed else self._dense[t]) @ values
        return self._solved(t, values, transposed)

    def between(self, t: int, spread: sparse.csr_array) -> np.ndarray:
        """S'Q_t S of few sparse columns, (G, G)."""
        if self.weights[0].n > DENSE_UNITS:
            return spread.T @ self.times(t, spread.toarray())
        return spread.T @ (spread.T @ self._dense[t % len(self.weights)].T).T

    def near(self, t: int) -> sparse.csr_array:
        """The first terms of Q_t by powers of rho and lambda, not centered."""
        return self._near[t % len(self.weights)]

    @cached_property
    def _near(self) -> list[sparse.csr_array]:
        parts = []
        for w, m in zip(self.weights, self.error_weights):
            W, M = w.csr, m.csr
            first = W if self.lag else M
            if max(W.nnz, M.nnz) ** 2 > NEAR_MAX * w.n:
                parts.append(first)
            elif not self.lag:
                parts.append(M + self.lam * (M @ M))
            elif self.lam and w is not m:
                parts.append(W + self.rho * (W @ W) + self.lam * (W @ M - M @ W))
            else:
                parts.append(W + self.rho * (W @ W))
        return parts

    def of_rows(self, d: Design, e: np.ndarray) -> np.ndarray:
        """Q_t e_t of every period, (m,)."""
        E = np.nan_to_num(d.panel(e))
        if len(self.weights) == 1 and self.weights[0].n <= DENSE_UNITS:
            return d.rows(E @ self.whole.T)
        return d.rows(np.stack([self.times(t, E[t][:, None])[:, 0] for t in range(len(E))]))

    def diagonals(self, d: Design) -> np.ndarray:
        """(Q_t)_ii of every row, (m,)."""
        return d.rows(np.stack([self._diagonals[t % len(self.weights)] for t in range(d.n_periods)]))

    @cached_property
    def _diagonals(self):
        if self.weights[0].n <= DENSE_UNITS:
            return [Q.diagonal() for Q in self._dense]
        n = self.weights[0].n
        z = np.random.default_rng(2).choice([-1.0, 1.0], size=(n, PROBES))
        return [near.diagonal() + np.mean(z * (self._solved(t, z, False) - near @ z), axis=1)
                for t, near in enumerate(self._near)]

    @cached_property
    def _dense(self) -> list[np.ndarray]:
        forms = []
        for w, m in zip(self.weights, self.error_weights):
            Q = _times_inverse(w, self.rho) if self.lag else _times_inverse(m, self.lam)
            if self.lag and self.lam:
                B = np.eye(w.n) - self.lam * m.csr.toarray()
                Q = np.linalg.solve(B.T, _filtered(m.csr, self.lam, Q).T).T
            forms.append(self._within(self._within(Q).T).T)
        return forms

    def _solved(self, t, values, transposed) -> np.ndarray:
        w, m = self.weights[t], self.error_weights[t]
        A, B = inverse(w, self.rho), inverse(m, self.lam)
        out = self._within(values)
        if not transposed:
            out = B.solve(out)
            out = _filtered(m.csr, self.lam, w.csr @ A.solve(out)) if self.lag else m.csr @ out
        else:
            out = A.solve(w.csr.T @ _filtered(m.csr.T, self.lam, out), transposed=True) if self.lag else m.csr.T @ out
            out = B.solve(out, transposed=True)
        return self._within(out)

    def _within(self, values: np.ndarray) -> np.ndarray:
        """J values."""
        d = self.centered
        return values if d is None else values - np.outer(d, d @ values) / (d @ d)


def quadratic_forms(fit: FitRecord) -> list[QuadraticForm]:
    """P for a spatial lag, H for a spatial error."""
    d, spec, settings = fit._design, fit.specification, fit._settings
    W, M = (links_in_units_of_variance(d, w) for w in (d.weights, d.weights_of_error))
    one = d.n_periods if W.varies or M.varies else 1
    pair = tuple(W.each(one)) if W.varies else (W,) * one, tuple(M.each(one)) if M.varies else (M,) * one
    centered = None
    if settings.correction is True and settings.effects.time:
        if d.obs_weights is not None and not d.obs_weights.fixed:
            refuse_weighted(d.obs_weights, "a sandwich with period effects and weights that change over time",
                            "vcov='oim', or pairs=False")  # fmt: skip
        centered = np.ones(d.n_units) if d.obs_weights is None else d.obs_weights.root[0]
    kinds = [True] * spec.lag + [False] * spec.error
    return [QuadraticForm(*pair, fit.rho, fit.lam, lag, centered) for lag in kinds]


def _times_inverse(weights: SpatialWeights, by: float) -> np.ndarray:
    """W (I - by W)^-1, dense."""
    return weights.csr @ inverse(weights, by).dense if by else weights.csr.toarray()


def _filtered(M, lam, values):
    return values - lam * (M @ values) if lam else values
