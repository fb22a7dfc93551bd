"""Averages of imputed effects with standard errors that allow effects to differ: by unit, cluster, or over space.

An estimate is theta = sum v_it y_it. Effects differ without a model, so they leave no residual of their own; what is
known is how far each lies from those of its class, by units of the same status, cohort and period:

    e_it = y_it - yhat_it                       untouched observations: residuals of the imputation
    e_it = tau_it - mean of tau in the class    touched ones; the variation of effects within a class widens intervals
    V    = sum_ij K_ij s_i s_j,    s_i = sum_t v_it e_it

K_ij is one within a cluster, or falls with distance. As a linear map of independent errors e = R y has R R' in closed
form, so

    E V = tr K M,    M_ij = v_i' (R R')_ij v_j,        s.e. = sqrt(V v'v / tr K M),    df = (tr K M)^2 / tr K M K M

is scaled to be right under independent errors and refers to Satterthwaite's t. Sources: Borusyak, Jaravel & Spiess
(2024, Review of Economic Studies 91:3253-3285), equation 8 and section 4.3 for V with K within units; Conley (1999,
J. Econometrics 92:1-45) for K over space; Bell & McCaffrey (2002, Survey Methodology 28:169-181) for scale and df.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from .within import Within


@dataclass(frozen=True, eq=False)
class Averages:
    """Estimates and their covariance.

    Attributes
    ----------
    estimates, std_errors, df : ndarray, shape (E,)
        NaN where one cluster alone identifies an effect.
    V : ndarray, shape (E, E)
    v : ndarray, shape (E, N, T)
        Weights of the outcomes, times the error's standard deviation m^-1/2.
    """

    estimates: np.ndarray
    std_errors: np.ndarray
    df: np.ndarray
    V: np.ndarray = field(repr=False)
    v: np.ndarray = field(repr=False)

    def part(self, at) -> Averages:
        """Of some of the estimates, by position."""
        return Averages(self.estimates[at], self.std_errors[at], self.df[at], self.V[np.ix_(at, at)], self.v[at])


@dataclass(frozen=True, eq=False)
class Classes:
    """Among which observations an effect's deviation is measured.

    Attributes
    ----------
    code : ndarray of int, shape (N, T)
        Class of every touched observation, -1 elsewhere.
    members : sparse array, shape (C, N T)
        Weights that average effects in a class, summing to one; two classes may share observations.
    """

    code: np.ndarray = field(repr=False)
    members: sparse.csr_array = field(repr=False)


def classes(keys: list[np.ndarray], mass: np.ndarray) -> Classes:
    """Classes of two units or more where there are such.

    Parameters
    ----------
    keys : list of int arrays, shape (N, T)
        Codes from the finest to the coarsest, -1 where untouched: an observation belongs to the finest class that
        another unit is in too.
    mass : ndarray, shape (N, T)
    """
    touched = (keys[0] >= 0) & (mass > 0)
    unit = np.broadcast_to(np.arange(len(mass))[:, None], mass.shape)
    code, start, blocks, open_ = np.full(mass.shape, -1), 0, [], touched.copy()
    for k, key in enumerate(keys):
        if not open_.any():
            break
        _, label = np.unique(key[touched], return_inverse=True)
        pairs = np.unique(label * len(mass) + unit[touched]) // len(mass)
        enough = np.bincount(pairs, minlength=label.max() + 1) >= (2 if k < len(keys) - 1 else 1)
        of_all = np.full(mass.shape, -1)
        of_all[touched] = label
        here = open_ & enough[of_all]
        used, code[here] = np.unique(of_all[here], return_inverse=True)
        code[here] += start
        place = np.full(len(enough), -1)
        place[used] = np.arange(len(used))
        row, flat = place[label], np.flatnonzero(touched)
        inside = row >= 0
        weight = mass.ravel()[flat[inside]]
        total = np.bincount(row[inside], weight, minlength=len(used))
        blocks.append(sparse.coo_array((weight / total[row[inside]], (row[inside], flat[inside])),
                                       shape=(len(used), mass.size)))  # fmt: skip
        start += len(used)
        open_ &= ~here
    return Classes(code, sparse.csr_array(sparse.vstack(blocks)))


class Conservative:
    """What the covariance of every average shares: one imputation, one K.

    Parameters
    ----------
    design : Within
        Of the untouched observations.
    mass : ndarray, shape (N, T)
        Of all observations that are used.
    Y : ndarray, shape (N, T)
        Outcomes.
    groups : Classes
    K : sparse array, shape (N, N)
        Which units' errors are correlated, and how much; the diagonal is one.
    """

    def __init__(self, design: Within, mass: np.ndarray, Y: np.ndarray, groups: Classes, K: sparse.csr_array):
        self.design, self.mass, self.groups, self.K = design, mass, groups, K
        self.root = np.sqrt(mass)
        self.inverse_root = np.divide(1.0, self.root, out=np.zeros_like(mass), where=mass > 0)
        clean = (mass > 0) & (groups.code < 0)
        self.total = (mass * clean).sum(axis=1)
        self.untouched = clean
        # 1. Residuals of the imputation, and effects.
        scaled = self.root * Y * clean
        g = design.inverse @ np.einsum("ntq,nt->q", design.U, scaled)
        level = (design.share * Y).sum(axis=1, keepdims=True)
        left = Y - level - design.deviation @ g
        self.tau = np.where(groups.code >= 0, left, np.nan)
        means = groups.members @ np.where(mass > 0, left, 0.0).ravel()
        self.residuals = self.root * np.where(groups.code >= 0, left - means[groups.code], left) * (mass > 0)
        # 2. What classes average: regressors, and the units' shares.
        N, T = mass.shape
        self.unit_of = sparse.csr_array((np.ones(N * T), np.arange(N * T) // T, np.arange(N * T + 1)))
        self.class_regressors = groups.members @ design.deviation.reshape(N * T, -1)
        self.class_units = sparse.csr_array(groups.members @ self.unit_of)  # (C, N)
        self.inverse_mass = np.divide(1.0, mass, out=np.zeros_like(mass), where=mass > 0)
        spread = groups.members.multiply(self.inverse_mass.ravel()[None, :]).tocsr()
        self.class_products = sparse.csr_array(spread @ groups.members.T)  # (C, C)
        self.plain = K.nnz == N

    def averages(self, a: np.ndarray, enough: np.ndarray) -> Averages:
        """Of effects, weighted by a (E, N, T) with weight on touched observations only.

        Parameters
        ----------
        enough : ndarray of bool, shape (E,)
            Whether two clusters or more identify an estimate: others have no standard error.
        """
        E, q = len(a), self.design.U.shape[2]
        g = -a.reshape(E, -1) @ self.design.deviation.reshape(-1, q) @ self.design.inverse
        v = (a - a.sum(axis=2)[:, :, None] * self.design.share) * self.inverse_root
        v += (g @ self.design.U.reshape(-1, q).T).reshape(v.shape)
        moments = np.array([self.moments(g_e, a_e) for g_e, a_e in zip(g, a)]).reshape(-1, 2)
        estimates = np.einsum("ent,nt->e", a, np.nan_to_num(self.tau))
        return self._with_scale(estimates, v, self.residuals, moments, enough)

    def coefficients(self, design: Within, at: np.ndarray, Y: np.ndarray) -> Averages:
        """Coefficients of a regression on untouched observations, at columns (p,)."""
        L = design.inverse[at] / design.scale[at, None]
        scaled = self.root * Y * self.untouched
        g = design.inverse @ np.einsum("ntq,nt->q", design.U, scaled)
        level = (design.share * Y).sum(axis=1, keepdims=True)
        e = self.root * (Y - level - design.deviation @ g) * self.untouched
        v = (L @ design.U.reshape(-1, L.shape[1]).T).reshape(len(at), *Y.shape)
        moments = np.array([self.moments(row, None, design) for row in L])
        return self._with_scale(g[at] / design.scale[at], v, e, moments, np.ones(len(at), dtype=bool))

    def _with_scale(self, estimates, v, e, moments, enough) -> Averages:
        trace, squares = moments.T
        s = np.einsum("ent,nt->ne", v, e)
        V = s.T @ s if self.plain else s.T @ (self.K @ s)
        size = (v**2).sum(axis=(1, 2))
        usable = enough & (trace > 1e-9 * size)
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = np.where(usable, np.sqrt(size / trace), np.nan)
            df = np.where(usable, trace**2 / squares, np.nan)
        V = V * np.outer(scale, scale)
        return Averages(estimates, np.sqrt(np.maximum(np.diag(V), 0.0)), df, V, v)

    def moments(self, g: np.ndarray, a: np.ndarray | None, design: Within | None = None) -> tuple[float, float]:
        """tr K M and tr K M K M of an estimate: M is a diagonal and a few columns, F B F'."""
        design = self.design if design is None else design
        along = design.U @ g
        own = np.einsum("nt,ntq->nq", along, design.U) @ design.root
        delta, F, signs = (along**2).sum(axis=1), [own], [-np.ones(own.shape[1])]
        Y = np.zeros((0, 0))
        if a is not None:
            touched, columns, Y = self._touched(a)
            delta = delta + touched
            F, signs = [own, *columns], [signs[0], np.ones(columns[0].shape[1])]
        return self._traces(delta, np.hstack(F), np.concatenate(signs), Y)

    def _touched(self, a):
        """Of the touched observations: the diagonal of M, its columns, and Y."""
        N, T = a.shape
        at, t = np.nonzero(a)
        value, of_unit = a[at, t], a.sum(axis=1)
        used, place = np.unique(self.groups.code[at, t], return_inverse=True)
        per_total = np.divide(1.0, self.total, out=np.zeros(N), where=self.total > 0)
        c = len(used)
        kappa = np.bincount(at * c + place, value, minlength=N * c).reshape(N, c)
        members, shares = self.groups.members[used], self.class_units[used].toarray()  # (c, N T), (c, N)
        row = np.repeat(np.arange(c), np.diff(members.indptr))
        spread = (a * self.inverse_mass).ravel()[members.indices] * members.data
        X = np.bincount(members.indices // T * c + row, spread, minlength=N * c).reshape(N, c)
        X += shares.T * (of_unit * per_total)[:, None]
        Y = self.class_products[used][:, used].toarray() + (shares * per_total) @ shares.T
        drift = (a[:, None, :] @ self.design.deviation)[:, 0] - kappa @ self.class_regressors[used]
        diagonal = np.bincount(at, value**2 * self.inverse_mass[at, t], minlength=N) + of_unit**2 * per_total
        return diagonal, [drift @ self.design.root, kappa, X], Y

    def _traces(self, delta, F, signs, Y):
        """M = diag(delta) + F B F', B = diag(signs) and [[Y, -I], [-I, 0]] for the last 2 c columns."""
        c, r = len(Y), len(signs)
        B = np.zeros((r + 2 * c, r + 2 * c))
        B[:r, :r] = np.diag(signs)
        B[r : r + c, r : r + c] = Y
        B[r : r + c, r + c :] = B[r + c :, r : r + c] = -np.eye(c)
        KF = F if self.plain else self.K @ F
        BH = B @ (F.T @ KF)
        diagonal = np.ones(len(delta)) if self.plain else self.K.diagonal()
        across = delta**2 if self.plain else delta * ((self.K.multiply(self.K)) @ delta)
        trace = (diagonal * delta).sum() + np.trace(BH)
        squares = across.sum() + 2 * (delta * ((KF @ B) * KF).sum(axis=1)).sum() + (BH * BH.T).sum()
        return float(trace), float(squares)
