"""GMM for dynamic panels: unit effects are differenced out; past values are instruments for the endogenous differences.

    D y_i = D Z_i b + D v_i,     E[H_i' D v_i] = 0

with D first differences or forward orthogonal deviations (T - 1 rows) and H_i the instruments of unit i: for each
row past values of y, two periods or more before in differences, and D x of exogenous regressors. One step weighs
moments by (sum H_i' D D' H_i)^-1, two steps by the inverse of sum H_i' e_i e_i' H_i. Sources: Arellano & Bond (1991),
Review of Economic Studies 58:277-297; Arellano & Bover (1995), J. Econometrics 68:29-51; Windmeijer (2005), J.
Econometrics 126:25-51; with spatial lags Lee & Yu (2014), J. Econometrics 180:174-197, the linear moments.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spillover.errors import SpatialInputError

from .gmm import MomentSolution


@dataclass(frozen=True, eq=False)
class System:
    """D y (T - 1, N), D Z (T - 1, N, p), independent instruments H (T - 1, N, q) and D D' (T - 1, T - 1), with gaps one
    for each unit, (N, T - 1, T - 1)."""

    Dy: np.ndarray = field(repr=False)
    DZ: np.ndarray = field(repr=False)
    H: np.ndarray = field(repr=False)
    DD: np.ndarray = field(repr=False)

    def spread(self, H: np.ndarray) -> np.ndarray:
        """sum H_i' D D' H_i of these or other instruments: the first step's weight."""
        if self.DD.ndim == 2:
            return np.einsum("tiq,ts,sir->qr", H, self.DD, H)
        by_unit, q = H.swapaxes(0, 1), H.shape[2]
        return by_unit.reshape(-1, q).T @ (self.DD @ by_unit).reshape(-1, q)

    @property
    def rows(self) -> int:
        """Equations: of an unbalanced panel those that are not empty."""
        return self.Dy.size if self.DD.ndim == 2 else int((np.diagonal(self.DD, axis1=1, axis2=2) > 0).sum())


@dataclass(frozen=True, eq=False)
class PanelGMM:
    """The estimate and its test statistics.

    Attributes
    ----------
    coef : (p,)
    vcov : (p, p)
        Robust to errors correlated over a unit's periods; after two steps with Windmeijer's correction.
    hansen : float
        J of the two-step estimate, chi2(instruments - p).
    serial : tuple of float
        z statistics of first- and second-order correlation of D v in first differences; NaN where too short.
    instruments : int
        Independent ones.
    system : System
        The equations and instruments, for tests.
    """

    coef: np.ndarray
    vcov: np.ndarray = field(repr=False)
    hansen: float
    serial: tuple[float, float]
    instruments: int
    system: System = field(repr=False)


@dataclass(frozen=True, eq=False)
class DynamicMoments(MomentSolution):
    """A ``MomentSolution`` with the tests of its moments."""

    gmm: PanelGMM = field(kw_only=True, repr=False)


def panel_gmm(
    y, Z, past, exogenous, *, predetermined=None, rows=None, differences=True, depth=None, collapse=False, steps=2
) -> PanelGMM:
    """Estimate b.

    Parameters
    ----------
    y : (T, N);  Z : (T, N, p)
        The equation in levels.
    past : (T, N, g)
        Variables whose past values are instruments: row t holds period t - 1.
    exogenous : (T, N, q)
        Their own instruments.
    predetermined : (T + 1, N, h), optional
        Variables whose values of one period before are valid in differences, of the same period in deviations; with
        the period before the first.
    rows : (T, N) of bool, optional
        Of an unbalanced panel: where y, Z and ``exogenous`` are. Instruments that are missing (NaN) are zero.
    differences : bool
        First differences, else forward orthogonal deviations.
    depth : int, optional
        How many periods of the past; all by default.
    collapse : bool
        One moment per lag instead of one per lag and period (Roodman 2009, Oxford Bulletin 71:135-158).
    steps : {1, 2}

    Raises
    ------
    SpatialInputError
        E704 fewer independent instruments than coefficients, or, with two steps, as many as units.
    """
    T, N, p = Z.shape
    D = first_differences(T) if differences else orthogonal_deviations(T)
    parts = [past_instruments(past, depth, collapse)]
    if predetermined is not None and predetermined.shape[2]:
        parts.append(past_instruments(predetermined, depth, collapse, earlier=1))
    if rows is not None:
        D = differences_with_gaps(rows) if differences else deviations_with_gaps(rows)
        there = np.abs(D).sum(axis=2).T[:, :, None] > 0
        parts = [np.where(there, np.nan_to_num(part), 0.0) for part in parts]
        y, Z, exogenous = (np.where(rows.reshape(T, N, *[1] * (x.ndim - 2)), x, 0.0) for x in (y, Z, exogenous))
    Dy, DZ = transformed(D, y), transformed(D, Z)
    H = independent(np.concatenate([*parts, transformed(D, exogenous)], axis=2))
    q = H.shape[2]
    if q < p or q >= N:
        raise SpatialInputError("E704", f"{q} independent instruments for {p} coefficients and {N} units: there must "
                                "be as many as coefficients and fewer than units",
                                hint="sp.ArellanoBond(depth=, collapse=) sets their number")  # fmt: skip
    HZ, Hy = np.einsum("tiq,tip->qp", H, DZ), np.einsum("tiq,ti->q", H, Dy)
    system = System(Dy, DZ, H, D @ D.swapaxes(-1, -2))
    one = _Step(HZ, Hy, system.spread(H))
    e1 = Dy - DZ @ one.coef
    S = _spread(H, e1)
    two = _Step(HZ, Hy, S)
    V1 = one.M @ S @ one.M.T
    if steps == 1:
        step, V = one, V1
    else:
        step, V = two, _windmeijer(two, V1, H, DZ, Dy, e1)
    gap = Hy - HZ @ two.coef
    hansen = float(gap @ two.weigh(gap)) if q > p else float("nan")
    changes = first_differences(T) if rows is None else differences_with_gaps(rows)
    first, second = (_serial(order, changes, y, Z, H, Dy - DZ @ step.coef, step, V) for order in (1, 2))
    return PanelGMM(step.coef, V, hansen, (first, second), q, system)


def first_differences(T: int) -> np.ndarray:
    """(T - 1, T): x_t - x_{t-1}."""
    return np.eye(T)[1:] - np.eye(T)[:-1]


def orthogonal_deviations(T: int) -> np.ndarray:
    """(T - 1, T): sqrt((T-t) / (T-t+1)) (x_t - mean of the later values); rows are orthonormal."""
    F = np.zeros((T - 1, T))
    for t in range(T - 1):
        ahead = T - 1 - t
        F[t, t], F[t, t + 1 :] = 1, -1 / ahead
        F[t] *= np.sqrt(ahead / (ahead + 1))
    return F


def differences_with_gaps(rows: np.ndarray) -> np.ndarray:
    """(N, T - 1, T): first differences of every unit, zero where one of the two rows is missing.

    Examples
    --------
    >>> differences_with_gaps(np.array([[True], [True], [False]]))[0]
    array([[-1.,  1.,  0.],
           [ 0.,  0.,  0.]])
    """
    both = (rows[1:] & rows[:-1]).T[:, :, None]
    return np.where(both, first_differences(len(rows)), 0.0)


def deviations_with_gaps(rows: np.ndarray) -> np.ndarray:
    """(N, T - 1, T): of every row of a unit sqrt(n / (n + 1)) (x_t - mean of its n later rows), zero where there is no
    row, or none later (Arellano & Bover 1995; for unbalanced panels Roodman 2009, Stata Journal 9:86-136, section 4).

    Examples
    --------
    >>> abs(deviations_with_gaps(np.array([[True], [False], [True]]))[0]).round(3)
    array([[0.707, 0.   , 0.707],
           [0.   , 0.   , 0.   ]])
    """
    S = rows.T.astype(float)
    T = S.shape[1]
    ahead = S[:, ::-1].cumsum(axis=1)[:, ::-1] - S
    scale = np.where(ahead > 0, S * np.sqrt(ahead / (ahead + 1)), 0.0)[:, :-1]
    later = np.triu(np.ones((T, T)), 1)[:-1] * S[:, None] / np.maximum(ahead, 1)[:, :-1, None]
    return scale[:, :, None] * (np.eye(T)[:-1] - later)


def transformed(D: np.ndarray, values: np.ndarray) -> np.ndarray:
    """D of (T, N) or (T, N, k) values: one D for all units, or (N, T - 1, T)."""
    if D.ndim == 2:
        return np.tensordot(D, values, 1)
    out = D @ values.reshape(*values.shape[:2], -1).swapaxes(0, 1)
    return out.swapaxes(0, 1).reshape(D.shape[1], *values.shape[1:])


def past_instruments(past: np.ndarray, depth: int | None, collapse: bool, earlier: int = 0) -> np.ndarray:
    """(T - 1, N, columns): row r takes past[r], past[r - 1] ... , zero where there is none. ``past`` has ``earlier``
    rows before row 0."""
    T, N, g = past.shape
    rows = T - 1 - earlier
    blocks = []
    for lag in range(T - 1 if depth is None else min(depth, T - 1)):
        block, first = np.zeros((rows, N, g)), max(lag - earlier, 0)
        block[first:] = past[first + earlier - lag : rows + earlier - lag]
        if collapse:
            blocks.append(block)
        else:
            blocks += [block * (np.arange(rows) == r)[:, None, None] for r in range(first, rows)]
    return np.concatenate(blocks, axis=2)


class _Step:
    """b = (Z'H A H'Z)^-1 Z'H A H'y with A the inverse of ``spread``; ``M`` maps moments to coefficients."""

    def __init__(self, HZ, Hy, spread):
        self.spread = spread
        weighted = self.weigh(HZ)
        self.V = np.linalg.inv(HZ.T @ weighted)
        self.M = self.V @ weighted.T
        self.coef = self.M @ Hy

    def weigh(self, values):
        return np.linalg.solve(self.spread, values)


def independent(H: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the instruments over all rows: without redundant ones, free of scale."""
    from scipy.linalg import qr

    flat = H.reshape(-1, H.shape[2])
    flat = flat[:, np.linalg.norm(flat, axis=0) > 0]
    Q, R, _ = qr(flat / np.linalg.norm(flat, axis=0), mode="economic", pivoting=True)
    return Q[:, np.abs(np.diag(R)) > 1e-9].reshape(*H.shape[:2], -1)


def _spread(H, e):
    """sum_i H_i' e_i e_i' H_i."""
    by_unit = np.einsum("tiq,ti->iq", H, e)
    return by_unit.T @ by_unit


def _windmeijer(two, V1, H, DZ, Dy, e1) -> np.ndarray:
    """V2 + D V2 + V2 D' + D V1 D', D the derivative of the two-step estimate with respect to the first step's."""
    e2 = Dy - DZ @ two.coef
    gap = two.weigh(np.einsum("tiq,ti->q", H, e2))
    first, by_regressor = np.einsum("tiq,ti->iq", H, e1), np.einsum("tiq,tip->piq", H, DZ)
    columns = []
    for part in by_regressor:  # dS / db_k = -sum (H'z_k e'H + its transpose)
        change = part.T @ (first @ gap) + first.T @ (part @ gap)
        columns.append(two.M @ change)
    D = np.array(columns).T
    return two.V + D @ two.V + two.V @ D.T + D @ V1 @ D.T


def _serial(order, D, y, Z, H, e, step, V) -> float:
    """Arellano & Bond (1991), eq. 8-9: correlation of the differenced error with itself ``order`` periods before."""
    now, slopes = transformed(D, y - Z @ step.coef), transformed(D, Z)
    if len(now) <= order:
        return float("nan")
    before = np.zeros_like(now)
    before[order:] = now[:-order]
    by_unit = (before * now).sum(axis=0)
    slope = np.einsum("ti,tip->p", before, slopes)
    moments = np.einsum("tiq,ti->iq", H, e)
    variance = by_unit @ by_unit - 2 * slope @ step.M @ (moments.T @ by_unit) + slope @ V @ slope
    return float(by_unit.sum() / np.sqrt(variance)) if variance > 0 else float("nan")
