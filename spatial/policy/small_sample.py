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
from functools import cached_property

import numpy as np

from .within import LOST, Within, group_sums


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
        own = np.where(lost | zero, 0.0, 1.0)
        left = np.where(lost, 1.0, 1 - lam)
        rows = F[:, self.at] / design.scale[self.at, None]  # (G, q, m)
        # P_g A_g x = map_g U_g'x for vectors x without unit effects
        self.map = (rows * (own / np.sqrt(left) / np.where(lost | zero, 1.0, lam))[:, None, :]) @ F.transpose(0, 2, 1)
        self.block = (rows * (own / left)[:, None, :]) @ rows.transpose(0, 2, 1)  # P_g A_g A_g' P_g'
        size = np.sqrt(self.bread.diagonal())[None, :, None]
        self.alone = ((np.abs(rows) > 1e-6 * size) & lost[:, None, :]).any((0, 2))

    @cached_property
    def bread(self) -> np.ndarray:
        """P P', the covariance under independent errors of variance one, (q, q)."""
        s = self.design.scale[self.at]
        return self.design.inverse[np.ix_(self.at, self.at)] / np.outer(s, s)

    def scores(self, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (q,) and P_g A_g e_g (G, q) of outcomes (N, T), times the root of the mass."""
        design, U = self.design, self.design.U
        of_y = group_sums((Y[:, None, :] @ U)[:, 0], design.group)
        g = design.inverse @ of_y.sum(axis=0)
        of_fit = group_sums(((U @ g)[:, None, :] @ U)[:, 0], design.group)
        return g[self.at] / design.scale[self.at], (self.map @ (of_y - of_fit)[:, :, None])[:, :, 0]

    def __call__(self, Y: np.ndarray, *, together: bool = True) -> SmallSample:
        """With ``together`` also what their joint test needs."""
        estimates, scores = self.scores(Y)
        V = scores.T @ scores
        variance = np.where(self.alone, np.nan, np.diag(V))
        df = np.where(self.alone, np.nan, self._df)
        return SmallSample(estimates, np.sqrt(variance), df, V, self._eta if together else np.nan)

    @cached_property
    def _df(self) -> np.ndarray:
        """2 (E V_ss)^2 / Var V_ss for each coefficient."""
        L, block = self._cross, np.einsum("gss->gs", self.block)
        own, across = (L**2).sum(axis=2), L.transpose(1, 2, 0) @ L.transpose(1, 0, 2)
        half = (block**2 - 2 * block * own).sum(axis=0) + (across**2).sum(axis=(1, 2))
        with np.errstate(divide="ignore"):  # what one group alone identifies
            return self.bread.diagonal() ** 2 / half

    @cached_property
    def _eta(self) -> float:
        """q (q + 1) over the summed variance of the elements of V*, under normal, independent errors."""
        q, transform = len(self.at), np.linalg.inv(np.linalg.cholesky(self.bread))
        block, L = transform @ self.block @ transform.T, transform @ self._cross
        own = L @ L.transpose(0, 2, 1)
        flat = L.reshape(len(L), -1)
        across = (flat.T @ flat).reshape(q, L.shape[2], q, L.shape[2])  # sum_g L_gs L_gt'
        b, o = np.einsum("gss->gs", block), np.einsum("gss->gs", own)
        same = b.T @ b - b.T @ o - o.T @ b + (across**2).sum(axis=(1, 3))
        mixed = (block**2 - 2 * block * own).sum(axis=0) + (across * across.transpose(0, 3, 2, 1)).sum(axis=(1, 3))
        return float(q * (q + 1) / (same + mixed).sum())

    @cached_property
    def _cross(self) -> np.ndarray:
        """L_g = P_g A_g U_g Q with Q Q' = S^+, (G, q, r): P_g A_g M_gh A_h' P_h' = [g = h] block_g - L_g L_h'."""
        design, U = self.design, self.design.U
        return group_sums((self.map[design.group] @ U.transpose(0, 2, 1)) @ (U @ design.root), design.group)
