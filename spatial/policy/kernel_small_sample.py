"""Covariances of a few coefficients whose errors are correlated between units, with degrees of freedom of t and F.

    s_i  = sum_t v_it e_it                          v takes outcomes to coefficients, e are residuals
    V_0  = sum_ij K_ij s_i s_j'                     K over units: see ``spatial.policy.dependence``
    V    = A V_0 A',    A = (v'v (E V_0)^-1)^1/2    E V_0 under independent errors

With residuals e = R y and F_s = v_s'U Q, Q Q' = S^+, two coefficients have Cov(s_s, s_t) = M_st, a diagonal less a few
columns,

    M_st = diag(v_si'v_ti) - F_s F_t',    (E V_0)_st = tr K M_ts

and V* = L^-1 V_0 L^-T, L L' = E V_0, has the mean I; its elements vary by tr(K M_tt K M_ss) + tr(K M_ts K M_ts).
V has the mean v'v under independent errors, and A changes with the basis of the coefficients so that F does not. t has
Satterthwaite's degrees of freedom, F those of Hotelling's statistic as in ``small_sample``. Sources: Conley (1999, J.
Econometrics 92:1-45) for K; Bell & McCaffrey (2002, Survey Methodology 28:169-181) for scale and df of t; Pustejovsky &
Tipton (2018, Journal of Business & Economic Statistics 36:672-683), section 3, for F.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .small_sample import SmallSample
from .within import Within

ALONE = 1e-9  # share of a coefficient's variance that is left in residuals, below which one unit alone identifies it


class KernelSmallSample:
    """What does not depend on the outcomes: one design and one K, many outcomes; called as ``CR2`` is.

    Parameters
    ----------
    design : Within
    at : (q,) columns of the coefficients
    K : sparse array, shape (N, N)
        Which units' errors are correlated, and how much; positive semidefinite, the diagonal is one.
    """

    def __init__(self, design: Within, at: np.ndarray, K: sparse.csr_array):
        self.design, self.at, self.K = design, np.asarray(at), K
        self.v = design.U @ (design.inverse[:, self.at] / design.scale[self.at])  # (N, T, q)
        bread = np.einsum("nts,ntu->su", self.v, self.v)
        mean = self._mean(self.v)
        self.usable = np.diag(mean) > ALONE * np.diag(bread)
        self.df, self.eta = np.full(len(self.at), np.nan), np.nan
        self.adjust = np.full(bread.shape, np.nan)
        if self.usable.all():
            L = np.linalg.cholesky(mean)
            inverse = np.linalg.inv(L)
            size, E = np.linalg.eigh(inverse @ bread @ inverse.T)
            self.adjust = L @ (E * np.sqrt(size)) @ E.T @ inverse
            self.eta = len(L) * (len(L) + 1) / self._variances(self.v @ inverse.T).sum()
            self.df = 2 * np.diag(mean) ** 2 / np.diag(self._variances(self.v))

    def __call__(self, Y: np.ndarray) -> SmallSample:
        """Of outcomes (N, T), times the root of the mass."""
        design = self.design
        g = design.inverse @ np.einsum("ntq,nt->q", design.U, Y)
        s = np.einsum("nts,nt->ns", self.v, Y - design.U @ g)
        V = self.adjust @ (s.T @ (self.K @ s)) @ self.adjust.T
        estimates = g[self.at] / design.scale[self.at]
        return SmallSample(estimates, np.sqrt(np.diag(V)), self.df, V, self.eta)

    def _columns(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of v (N, T, q): v_si'v_ti, (q, q, N), and F_s, (q, N, r)."""
        design = self.design
        F = np.einsum("nts,ntk->snk", v, design.U) @ design.root
        return np.einsum("nts,ntu->sun", v, v), F

    def _mean(self, v: np.ndarray) -> np.ndarray:
        """tr K M_ts, (q, q)."""
        delta, F = self._columns(v)
        KF = np.array([self.K @ one for one in F])
        return delta @ self.K.diagonal() - np.einsum("snk,unk->su", F, KF)

    def _variances(self, v: np.ndarray) -> np.ndarray:
        """Of the elements of V_0 for v, (q, q), under normal, independent errors of variance one."""
        delta, F = self._columns(v)
        KF = np.array([self.K @ one for one in F])
        squared = self.K.multiply(self.K).tocsr()
        out = np.zeros((len(F), len(F)))
        for s in range(len(F)):
            for t in range(s + 1):
                X = F[s].T @ KF[t]
                own_s, own_t, both = delta[s, s], delta[t, t], delta[s, t]
                same = own_t @ (squared @ own_s) - own_t @ (KF[s] ** 2).sum(axis=1) - own_s @ (KF[t] ** 2).sum(axis=1)
                mixed = both @ (squared @ both) - 2 * both @ (KF[s] * KF[t]).sum(axis=1)
                out[s, t] = out[t, s] = same + (X**2).sum() + mixed + (X * X.T).sum()
        return out
