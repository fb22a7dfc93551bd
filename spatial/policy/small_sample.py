"""CR2 covariances of a few coefficients, with the degrees of freedom of t and F that few clusters leave.

    V = sum_g P_g A_g e_g e_g' A_g' P_g',    A_g = (I - H_g)^(+1/2),    P = S^+ U'

P takes outcomes to coefficients, H_g = U_g S^+ U_g'. A test of q coefficients refers F = (eta - q + 1) / (eta q) Q to
F(q, eta - q + 1), with Q the Wald statistic and, under independent errors, for V* = L^-1 V L^-T and L L' = P P',

    eta = q (q + 1) / sum_st Var V*_st

Sources: Bell & McCaffrey (2002, Survey Methodology 28:169-181); Pustejovsky & Tipton (2018, Journal of Business &
Economic Statistics 36:672-683), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .within import LOST, Within


@dataclass(frozen=True, eq=False)
class SmallSample:
    """A few coefficients with their CR2 covariance.

    Attributes
    ----------
    estimates, std_errors, df : ndarray, shape (q,)
        Satterthwaite's degrees of freedom of each; NaN where one group alone identifies a coefficient.
    V : ndarray, shape (q, q)
    eta : float
        Of all together.
    """

    estimates: np.ndarray
    std_errors: np.ndarray
    df: np.ndarray
    V: np.ndarray = field(repr=False)
    eta: float

    @property
    def F(self) -> float:
        """Of all coefficients, on (q, eta - q + 1) degrees of freedom."""
        q = len(self.estimates)
        return float((self.eta - q + 1) / (self.eta * q) * self.estimates @ np.linalg.solve(self.V, self.estimates))

    @property
    def df_F(self) -> tuple[int, float]:
        q = len(self.estimates)
        return q, self.eta - q + 1


class CR2:
    """What does not depend on the outcomes: one design, many outcomes.

    Parameters
    ----------
    design : Within
    at : (q,) columns of the coefficients
    """

    def __init__(self, design: Within, at: np.ndarray):
        self.design, self.at = design, np.asarray(at)
        F, lam = design.factors
        lost, zero = lam > 1 - LOST, lam < 1e-12
        safe = np.where(lost | zero, 1.0, lam)
        open_ = np.where(lost, 1.0, 1 - lam)
        own = np.where(lost | zero, 0.0, 1.0)
        rows = F[:, self.at] / design.scale[self.at, None]  # (G, q, m)
        # P_g A_g (x) = map_g U_g'x for vectors x without unit effects
        self.map = np.einsum("gqm,gpm->gqp", rows * (own / np.sqrt(open_) / safe)[:, None, :], F)
        self.block = np.einsum("gqm,grm->gqr", rows * (own / open_)[:, None, :], rows)  # P_g A_g A_g' P_g'
        size = np.sqrt(self.bread.diagonal())[None, :, None]
        self.alone = ((np.abs(rows) > 1e-6 * size) & lost[:, None, :]).any((0, 2))

    @property
    def bread(self) -> np.ndarray:
        """P P', the covariance under independent errors of variance one, (q, q)."""
        s = self.design.scale[self.at]
        return self.design.inverse[np.ix_(self.at, self.at)] / np.outer(s, s)

    def scores(self, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (q,) and P_g A_g e_g (G, q) of outcomes (N, T), times the root of the mass."""
        design = self.design
        group, U = design.group, design.U
        of_y = np.zeros((design.n_groups, U.shape[2]))
        np.add.at(of_y, group, np.einsum("ntp,nt->np", U, Y))
        g = design.inverse @ of_y.sum(axis=0)
        of_fit = np.zeros_like(of_y)
        np.add.at(of_fit, group, np.einsum("ntp,nt->np", U, U @ g))
        return g[self.at] / design.scale[self.at], np.einsum("gqp,gp->gq", self.map, of_y - of_fit)

    def __call__(self, Y: np.ndarray) -> SmallSample:
        estimates, scores = self.scores(Y)
        V = scores.T @ scores
        variance = np.where(self.alone, np.nan, np.diag(V))
        return SmallSample(estimates, np.sqrt(variance), np.where(self.alone, np.nan, self._df), V, self._eta)

    @property
    def _df(self) -> np.ndarray:
        """2 (E V_ss)^2 / Var V_ss for each coefficient."""
        scale = np.sqrt(self.bread.diagonal())
        return np.array([2 / self._variance(np.eye(1, len(scale), s) / scale[s])[0, 0] for s in range(len(scale))])

    @property
    def _eta(self) -> float:
        q = len(self.at)
        return float(q * (q + 1) / self._variance(np.linalg.inv(np.linalg.cholesky(self.bread))).sum())

    def _variance(self, transform: np.ndarray) -> np.ndarray:
        """Var of every element of transform V transform', (s, s), under normal, independent errors."""
        block = np.einsum("sq,gqr,tr->gst", transform, self.block, transform)
        # P_g A_g (M)_gh A_h' P_h' = [g = h] block_g - L_g L_h', L_g = P_g A_g U_g Q with Q Q' = S^+
        L = np.einsum("sq,gqp,gpr->gsr", transform, self.map, self._gram_root)
        own = np.einsum("gsr,gtr->gst", L, L)
        cross = np.einsum("gsr,gtv->strv", L, L)  # sum_g L_gs L_gt'
        b, o = np.einsum("gss->gs", block), np.einsum("gss->gs", own)
        same = b.T @ b - b.T @ o - o.T @ b + np.einsum("strv,strv->st", cross, cross)
        mixed = (block**2 - 2 * block * own).sum(axis=0) + np.einsum("strv,stvr->st", cross, cross)
        return same + mixed

    @property
    def _gram_root(self) -> np.ndarray:
        """U_g'U_g Q, (G, q, r)."""
        design, U = self.design, self.design.U
        out = np.zeros((design.n_groups, U.shape[2], design.root.shape[1]))
        np.add.at(out, design.group, np.einsum("ntp,ntr->npr", U, U @ design.root))
        return out
