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
from .gmm_transforms import WithoutUnits, without_units

REDUNDANT = 1e-9  # relative size of what the others leave of a column below which it says nothing


@dataclass(frozen=True, eq=False)
class System:
    """D y (T - 1, N), D Z (T - 1, N, p), independent instruments H (T - 1, N, q) and D Var(v) D' (T - 1, T - 1), with
    gaps or weights one for each unit, (N, T - 1, T - 1); ``lost`` are the effects that dummies took out."""

    Dy: np.ndarray = field(repr=False)
    DZ: np.ndarray = field(repr=False)
    H: np.ndarray = field(repr=False)
    DD: np.ndarray = field(repr=False)
    lost: int = 0

    def spread(self, H: np.ndarray) -> np.ndarray:
        """sum H_i' D D' H_i of these or other instruments: the first step's weight."""
        if self.DD.ndim == 2:
            return np.einsum("tiq,ts,sir->qr", H, self.DD, H)
        by_unit, q = H.swapaxes(0, 1), H.shape[2]
        return by_unit.reshape(-1, q).T @ (self.DD @ by_unit).reshape(-1, q)

    @property
    def rows(self) -> int:
        """Equations, those that are not empty, less the effects that dummies took out."""
        there = self.Dy.size if self.DD.ndim == 2 else int((np.diagonal(self.DD, axis1=1, axis2=2) > 0).sum())
        return there - self.lost


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
    y, Z, past, exogenous, *, predetermined=None, dummies=None, rows=None, weights=None, differences=True, depth=None,
    collapse=False, steps=2
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
    dummies : (T, N, r), optional
        Of effects that D leaves in the equation: regressors that instrument themselves. Their coefficients bring their
        own moments to zero, so that b is that of the other moments off the transformed dummies.
    rows : (T, N) of bool, optional
        Of an unbalanced panel: where y, Z and ``exogenous`` are. Instruments that are missing (NaN) are zero.
    weights : (T, N), optional
        Of the observations: see ``gmm_transforms``.
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
    T, N, _ = Z.shape
    D = without_units(T, differences=differences, rows=rows, weights=weights)
    parts = [past_instruments(past, depth, collapse)]
    if predetermined is not None and predetermined.shape[2]:
        parts.append(past_instruments(predetermined, depth, collapse, earlier=1))
    parts = [D.instruments(part) for part in parts]
    if rows is not None:
        y, Z, exogenous = (np.where(rows.reshape(T, N, *[1] * (x.ndim - 2)), x, 0.0) for x in (y, Z, exogenous))
    H, lost = np.concatenate([*parts, D(exogenous)], axis=2), 0
    if dummies is not None and dummies.shape[2]:
        y, Z, H, lost = without_dummies(D, dummies, y, Z, H)
    Dy, DZ, H = D(y), D(Z), independent(H)
    p, q = DZ.shape[2], H.shape[2]
    if q < p or q >= N:
        raise SpatialInputError("E704", f"{q} independent instruments for {p} coefficients and {N} units: there must "
                                "be as many as coefficients and fewer than units",
                                hint="sp.ArellanoBond(depth=, collapse=) sets their number")  # fmt: skip
    HZ, Hy = np.einsum("tiq,tip->qp", H, DZ), np.einsum("tiq,ti->q", H, Dy)
    system = System(Dy, DZ, H, D.DD, lost)
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
    changes = without_units(T, differences=True, rows=rows)
    first, second = (_serial(order, changes, y, Z, H, Dy - DZ @ step.coef, step, V) for order in (1, 2))
    return PanelGMM(step.coef, V, hansen, (first, second), q, system)


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


def without_dummies(D: WithoutUnits, dummies, y, Z, H) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """y and Z less what the dummies explain of D y and D Z, instruments less their projection on D's dummies, and how
    many of these are independent."""
    flat = D(dummies).reshape(-1, dummies.shape[2])
    U, size, Vt = np.linalg.svd(flat, full_matrices=False)
    there = size > REDUNDANT * size.max(initial=0.0)
    U, back = U[:, there], Vt[there].T / size[there]

    def less(values):
        explained = back @ (U.T @ D(values).reshape(len(flat), -1))
        return values - (dummies @ explained).reshape(values.shape)

    H = H.reshape(len(flat), -1)
    before = np.linalg.norm(H, axis=0)
    H = H - U @ (U.T @ H)
    H = H[:, np.linalg.norm(H, axis=0) > REDUNDANT * before].reshape(len(D(y)), y.shape[1], -1)
    return less(y), less(Z), H, int(there.sum())


def independent(H: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the instruments over all rows: without redundant ones, free of scale."""
    from scipy.linalg import qr

    flat = H.reshape(-1, H.shape[2])
    flat = flat[:, np.linalg.norm(flat, axis=0) > 0]
    Q, R, _ = qr(flat / np.linalg.norm(flat, axis=0), mode="economic", pivoting=True)
    return Q[:, np.abs(np.diag(R)) > REDUNDANT].reshape(*H.shape[:2], -1)


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
    now, slopes = D(y - Z @ step.coef), D(Z)
    if len(now) <= order:
        return float("nan")
    before = np.zeros_like(now)
    before[order:] = now[:-order]
    by_unit = (before * now).sum(axis=0)
    slope = np.einsum("ti,tip->p", before, slopes)
    moments = np.einsum("tiq,ti->iq", H, e)
    variance = by_unit @ by_unit - 2 * slope @ step.M @ (moments.T @ by_unit) + slope @ V @ slope
    return float(by_unit.sum() / np.sqrt(variance)) if variance > 0 else float("nan")
