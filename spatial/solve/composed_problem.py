"""The likelihood of several rho, lambda or sigma2 where errors have parts: unit effects, and what is correlated over
time. The parts are turned into rows of independent errors, in groups of one variance each.

    A y = X beta + u,   B u = mu + nu,   nu_t = psi nu_{t-1} + e_t
    A = I - sum_j rho_j W_j,   B = I - sum_l lambda_l M_l

P of Prais and Winsten makes the periods of nu independent (``serial``); the effect of unit i becomes c_i mu_i,
c_i = P 1 over the periods in which it is observed, d2_i = c_i'c_i. With r = P B (A y - X beta) every unit has

    r_i - c_i (c_i'r_i) / d2_i    of the variance sigma2, in T_i - 1 dimensions
    c_i'r_i / sqrt(d2_i)          of the variance sigma2 (1 + d2_i phi),    phi = sigma2_mu / sigma2

so that ln L is that of ``regimes_problem`` with rows of these two kinds: fixed effects leave the first alone, random
effects have both, and kappa = ln(1 + d2 phi), d2 the mean of d2_i, in the place of phi. Where sigma2 differs between
regimes so does sigma2_mu, in the ratio phi. Sources: Kapoor, Kelejian & Prucha (2007, J. Econometrics 140:97-130), unit
effects inside the error; Baltagi, Song, Jung & Koh (2007, J. Econometrics 140:5-51); Lee & Yu (2010, J. Econometrics
154:165-185).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..design.arrays import solve_triangular
from ..design.unit_rows import UnitRows
from .regimes_problem import RegimeProblem, RegimeSample
from .serial import prais_winsten, prais_winsten_of_rows

MAX_KAPPA = 30.0


@dataclass(frozen=True, eq=False)
class Composed:
    """Data of which unit effects and the filter over time are still to be taken.

    Attributes
    ----------
    raw : RegimeSample
        Its n and determinants are those of the likelihood.
    units : UnitRows
    observed : (T, N) of bool, or None
    T : int
    unit_effects : {None, "fixed", "random"}
    serial : bool
        Whether the errors are correlated over time.
    contrasts : int
        Units, or what period effects that are out leave of them.
    """

    raw: RegimeSample = field(repr=False)
    units: UnitRows = field(repr=False)
    observed: np.ndarray | None = field(repr=False)
    T: int
    unit_effects: str | None
    serial: bool
    contrasts: int

    def filtered(self, psi: float) -> tuple[RegimeSample, UnitRows]:
        """The rows of P, and the directions c of the unit effects."""
        if not self.serial:
            return self.raw, self.units
        if self.observed is None:
            P = prais_winsten(psi, self.T)

            def change(values):
                return (P @ values.reshape(self.T, -1)).reshape(values.shape)
        else:
            rows = prais_winsten_of_rows(psi, self.observed)

            def change(values):
                return (rows @ values.reshape(len(values), -1)).reshape(values.shape)

        return changed(self.raw, change), self.units.filtered(change)

    def white(self, psi: float, phi: float) -> RegimeSample:
        """Rows of independent errors of the variance sigma2: unit effects are out, or quasi-demeaned."""
        sample, units = self.filtered(psi)
        fixed = self.unit_effects == "fixed"
        if self.unit_effects is not None:
            share = np.ones(units.N) if fixed else 1 - 1 / np.sqrt(1 + units.counts * phi)
            sample = changed(sample, lambda values: units.less(values, share))
        if len(sample.sizes) == 1 and sample.periods is None:
            sample = replace(sample, sizes=np.array([float(sample.n)]))
        elif fixed:
            own = np.bincount(self.group_of_units, minlength=len(sample.sizes))
            sample = replace(sample, sizes=sample.sizes - own)
        return with_basis(sample)

    @property
    def group_of_units(self) -> np.ndarray:
        """The group of one variance of every unit, (N,)."""
        out = np.zeros(self.units.N, dtype=int)
        out[self.units.codes] = self.raw.groups
        return out

    def gain(self, psi: float) -> float:
        """What ln L has besides that of independent rows: ln|P|, less the share of fixed effects."""
        if not self.serial:
            return 0.0
        if self.observed is not None:
            return float(np.log(prais_winsten_of_rows(psi, self.observed).diagonal()).sum())
        own = np.log1p(-(psi**2))
        if self.unit_effects == "fixed":
            own -= np.log(np.sum(prais_winsten(psi, self.T).sum(axis=1) ** 2) / self.T)
        return self.contrasts / 2 * float(own)


def changed(sample: RegimeSample, change: Callable) -> RegimeSample:
    """The sample with its rows (m, ...) changed; its basis is that of before."""
    lagged = [change(values) for values in sample.lagged]
    return replace(
        sample, y=change(sample.y), X=change(sample.X), lags=change(sample.lags),
        lagged=np.array(lagged) if lagged else sample.lagged,
        absorbed=change(sample.absorbed) if sample.absorbed.size else sample.absorbed,
    )  # fmt: skip


def with_basis(sample: RegimeSample) -> RegimeSample:
    """The sample with the basis of its own regressors."""
    Q, R = np.linalg.qr(columns_of(sample))
    return replace(sample, basis=(Q, R))


def columns_of(sample: RegimeSample) -> np.ndarray:
    """[X, dummies]."""
    return np.column_stack([sample.X, sample.absorbed]) if sample.absorbed.size else sample.X


@dataclass(frozen=True, eq=False)
class RandomProblem(RegimeProblem):
    """ln L by (rho, lambda, ln sigma2, kappa) under random effects.

    Attributes
    ----------
    base : (G,)
        The regime whose sigma2 a group of rows has.
    ratio : (G,)
        d2_i / d2 of the means' groups, 0 of deviations: the group's variance is sigma2 (1 + ratio (e^kappa - 1)).
    """

    base: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))
    ratio: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def variances(self, theta: np.ndarray) -> np.ndarray:
        return theta[self.J + self.L : -1][self.base] + np.log1p(self.ratio * np.expm1(theta[-1]))

    def sigma2s(self, theta: np.ndarray) -> np.ndarray:
        return np.exp(theta[self.J + self.L : -1])

    def inside(self, theta: np.ndarray) -> bool:
        """Whether every group has a variance above zero."""
        return bool(theta[-1] < MAX_KAPPA and (1 + self.ratio * np.expm1(theta[-1]) > 1e-12).all())

    def full(self, theta: np.ndarray, determinants) -> tuple[float, np.ndarray, np.ndarray]:
        q, S = self.k + self.J + self.L, int(self.base.max()) + 1
        if not self.inside(theta) or not np.isfinite(determinants[0]):
            return -np.inf, np.zeros(q + S + 1), np.eye(q + S + 1)
        by_group = np.concatenate([theta[: self.J + self.L], self.variances(theta)])
        value, gradient, H = self._by_groups.full(by_group, determinants)
        tau = np.expm1(theta[-1])
        v = self.ratio * (1 + tau) / (1 + self.ratio * tau)  # d ln(1 + ratio tau) / d kappa, v (1 - v) its slope
        C = np.zeros((q + len(v), q + S + 1))
        C[:q, :q] = np.eye(q)
        C[q + np.arange(len(v)), q + self.base], C[q:, -1] = 1.0, v
        out = C.T @ H @ C
        out[-1, -1] += gradient[q:] @ (v * (1 - v))
        return value, C.T @ gradient, out

    @property
    def _by_groups(self) -> RegimeProblem:
        return RegimeProblem(self.P, self.sizes, self.n, self.J, self.L, self.k, None)

    @property
    def pooled(self) -> RegimeProblem:
        """The same with phi = 0."""
        of_regime = self.base == np.arange(self.base.max() + 1)[:, None]
        return RegimeProblem(np.tensordot(of_regime.astype(float), self.P, 1), of_regime @ self.sizes, self.n, self.J,
                             self.L, self.k, None)  # fmt: skip


def random_problem(composed: Composed, psi: float, white: RegimeSample) -> tuple[RandomProblem, np.ndarray]:
    """Cross-products of deviations and means of the units, and Q'[y, W y]; the coefficients are those of the basis of
    ``white``, the rows for one phi."""
    sample, units = composed.filtered(psi)
    Q, R = white.basis
    shift = Q.T @ np.column_stack([white.y, white.lags])
    F = np.column_stack(_blocks(sample, R, shift))
    L, S = len(sample.lagged), len(sample.sizes)
    p = F.shape[1] // (L + 1)
    within, means = units.less(F, np.ones(units.N)), np.sqrt(units.counts)[:, None] * units.means(F)
    own, (counts, of_unit) = composed.group_of_units, np.unique(units.counts.round(12), return_inverse=True)
    P, sizes, base, ratio = [], [], [], []
    for g in range(S):
        P.append((rows := within[sample.groups == g]).T @ rows)
        sizes.append(float(len(rows) - np.sum(own == g)))
        base.append(g)
        ratio.append(0.0)
        for c, count in enumerate(counts):
            rows = means[(own == g) & (of_unit == c)]
            if len(rows):
                P.append(rows.T @ rows)
                sizes.append(float(len(rows)))
                base.append(g)
                ratio.append(count / units.mean_count)
    products = np.array(P).reshape(len(P), L + 1, p, L + 1, p)
    problem = RandomProblem(products, np.array(sizes), sample.n, sample.lags.shape[1], L, R.shape[1], None,
                            base=np.array(base), ratio=np.array(ratio))  # fmt: skip
    return problem, shift


def _blocks(sample: RegimeSample, R: np.ndarray, shift: np.ndarray) -> list[np.ndarray]:
    """[y - Q h, W y - Q h, Q] and M_l of it with Q = X R^-1, for R and h of other rows."""
    s = 1 + sample.lags.shape[1]
    parts = [np.column_stack([sample.y, sample.lags, columns_of(sample)]), *sample.lagged]
    out = []
    for part in parts:
        Q = solve_triangular(R, part[:, s:].T, transposed=True).T
        out.append(np.column_stack([part[:, :s] - Q @ shift, Q]))
    return out
