"""Random unit effects by moments, with endogenous regressors and W y, beside a spatial error or without.

    y = Z d + u,    u = lambda M u + eps,    eps_it = mu_i + v_it

eps has the variances s2_v within units and s2_1 = s2_v + T s2_mu between them. Kapoor, Kelejian & Prucha (2007,
J. Econometrics 140:97-130) take three moments of each part,

    E eps'(Q_b x I) eps / n_b = s2_b,    E eps'(Q_b x M'M) eps / n_b = s2_b tr(M'M) / N,    E eps'(Q_b x M) eps = 0,

Q_0 within, n_0 = N (T - 1), and Q_1 between, n_1 = N, from residuals of a first stage: (1) those of Q_0 give a first
lambda, (2) all six, weighted by the inverse of their covariance under normal errors, lambda and both variances. Then d
is two-stage least squares of y - lambda M y less the share 1 - s_v / s_1 of unit means (Balestra &
Varadharajan-Krishnakumar 1987, Econometric Theory 3:223-246). Without a spatial error the variances are those of
two-stage least squares within and between units, each with its degrees of freedom (Baltagi 1981, J. Econometrics
17:189-200).

Where the effects ``follow`` the instruments (``models.correlated``), these stand among the regressors between units and
instrument nothing there: slopes of W y and of endogenous regressors are those within units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from spillover.errors import SpatialInputError

from ..design.fixed_effects import quasi_demean
from ..design.moment_settings import USUAL, Moments
from ..design.unit_rows import UnitRows
from .forms import Form, form
from .gmm import (
    UNIDENTIFIED,
    ErrorMomentSample,
    MomentSample,
    MomentSolution,
    Stage,
    basis,
    lags_of_response,
    regressors,
    split,
    two_stage,
    two_stage_least_squares,
)
from .gmm_error import least

WITHIN, BETWEEN = 0, 1


@dataclass(frozen=True, eq=False)
class RandomMoments:
    """The quasi-demeaned sample, its solution, s2_v and phi = s2_mu / s2_v."""

    sample: MomentSample
    solution: MomentSolution
    sigma2: float
    phi: float


def random_moments(
    raw: MomentSample, T: int, interval: tuple[float, float] | None, settings: Moments = USUAL, *, follow: bool = False
) -> RandomMoments:
    """Two-stage least squares with random effects; ``raw`` has no effects taken out.

    Raises
    ------
    SpatialInputError
        E206 too few units, E701 no lambda, E704 not identified.
    """
    if isinstance(raw, ErrorMomentSample):
        return _beside_an_error(raw, T, interval or (-1.0, 1.0), settings, follow)
    s2 = _variances(raw, T, follow)
    phi = max(s2[1] / s2[0] - 1, 0.0) / T
    sample = without_share(raw, T, phi)
    return RandomMoments(sample, two_stage_least_squares(sample), s2[0], phi)


def uneven_moments(raw: MomentSample, units: UnitRows, *, follow: bool = False) -> RandomMoments:
    """The same of units with T_i periods, without a spatial error.

    s2_v is that within units. The residuals between them, of means times sqrt(T_i), have squares of the mean
    (N - k) s2_v + (m - tr[U'diag(T_i) U]) s2_mu, U a basis of the regressors' means:
    Baltagi & Chang (1994, J. Econometrics 62:67-89) with two-stage least squares in the place of least squares.
    """
    one, root = np.ones(units.N), np.sqrt(units.counts)
    within, Z, endogenous = _of_part(raw, lambda v: units.less(v, one), free := len(units.codes) - units.N, units.N)
    s2_v = float(within.resid @ within.resid) / (free - Z.shape[1])
    slopes = _slopes(raw, within, endogenous) if follow else None
    between, Z, _ = _of_part(raw, lambda v: (root * units.means(v).T).T, units.N, units.N, slopes)
    U, over = np.linalg.qr(Z)[0], units.N - Z.shape[1]
    spread = len(units.codes) - float(units.counts @ np.sum(U**2, axis=1))
    phi = max(float(between.resid @ between.resid) / s2_v - over, 0.0) / spread
    sample = _changed(raw, lambda v: units.less(v, 1 - 1 / np.sqrt(1 + units.counts * phi)))
    return RandomMoments(sample, two_stage_least_squares(sample), s2_v, phi)


def without_share(raw: MomentSample, T: int, phi: float) -> MomentSample:
    """y, regressors and instruments less their share of unit means."""
    share = _share(T, phi)
    return _changed(raw, lambda v: quasi_demean(_panel(v, T), share).reshape(v.shape))


def _changed(raw: MomentSample, change: Callable[[np.ndarray], np.ndarray]) -> MomentSample:
    names = [name for name in ("y", "X", "Wy", "My", "MX", "MWy", "H") if getattr(raw, name, None) is not None]
    changed: dict[str, Any] = {name: change(getattr(raw, name)) for name in names}
    return replace(raw, **changed)


def _variances(raw: MomentSample, T: int, follow: bool) -> list[float]:
    """s2_v and s2_1 from two-stage least squares within and between units."""
    N = raw.n // T
    within, Z, endogenous = _of_part(raw, lambda v: _part(v, T, WITHIN), free := N * (T - 1), N)
    s2_v = float(within.resid @ within.resid) / (free - Z.shape[1])
    slopes = _slopes(raw, within, endogenous) if follow else None
    between, Z, _ = _of_part(raw, lambda v: _part(v, T, BETWEEN), N, N, slopes)
    return [s2_v, float(between.resid @ between.resid) / (N - Z.shape[1])]


def _slopes(raw: MomentSample, within: Stage, endogenous: int) -> np.ndarray:
    """Of endogenous regressors and W y within units.

    Raises
    ------
    SpatialInputError
        E704 one that does not vary there.
    """
    if endogenous < int((~raw.exogenous).sum()) + lags_of_response(raw):
        raise SpatialInputError("E704", "unit means of the instruments are among the regressors, and an endogenous "
                                "regressor does not vary within units", hint="effects='random'")  # fmt: skip
    return within.coef[len(within.coef) - endogenous :]


def _of_part(
    raw: MomentSample, change: Callable[[np.ndarray], np.ndarray], n: int, units: int, slopes: np.ndarray | None = None
) -> tuple[Stage, np.ndarray, int]:
    """Two-stage least squares of what ``change`` makes of the rows, n of them free, its regressors, those that vary,
    and how many of them are endogenous; with the ``slopes`` of these least squares of the rest."""
    y, Z = change(raw.y), change(regressors(raw))
    size = np.linalg.norm(regressors(raw), axis=0)
    exogenous = np.concatenate([raw.exogenous, np.zeros(lags_of_response(raw), dtype=bool)])
    own, other, H = Z[:, exogenous], Z[:, ~exogenous], change(raw.H)
    if slopes is not None:
        y, other, H = y - other @ slopes, other[:, :0], H[:, :0]
    R = np.linalg.qr(own / size[exogenous], mode="r")
    own = own[:, np.abs(np.diag(R)) > UNIDENTIFIED**0.5]  # year dummies have no part between units
    other = other[:, np.linalg.norm(other, axis=0) > UNIDENTIFIED**0.5 * size[~exogenous][: other.shape[1]]]
    both = np.column_stack([own, other])
    if n <= both.shape[1]:
        raise SpatialInputError("E206", f"random effects by moments need more than {both.shape[1]} units",
                                n=units, hint="effects='none', or more units")  # fmt: skip
    piece = replace(raw, y=y, X=both, n=n, H=H, Wy=None,
                    exogenous=np.arange(both.shape[1]) < own.shape[1], factors=None)  # fmt: skip
    return two_stage(y, both, basis(piece)), both, other.shape[1]


def _panel(values: np.ndarray, T: int) -> np.ndarray:
    return values.reshape(T, len(values) // T, *values.shape[1:])


def _part(values: np.ndarray, T: int, part: int) -> np.ndarray:
    """Q_0 x, (T N, ...); or the unit means times the root of T, (N, ...), whose squares are those of Q_1 x."""
    panel = _panel(values, T)
    means = panel.mean(axis=0)
    return (panel - means).reshape(values.shape) if part == WITHIN else np.sqrt(T) * means


def _beside_an_error(
    raw: ErrorMomentSample, T: int, interval: tuple[float, float], settings: Moments, follow: bool
) -> RandomMoments:
    M, N = raw.M, raw.M.shape[0]
    forms = [form(sparse.eye_array(N)), form(M.T @ M), form(M)]
    first = _first_stage(raw, T, follow)
    n = np.array([N * (T - 1), N])
    share = np.array([f.trace for f in forms]) / N
    off = np.eye(3) - np.outer(share, share) / (share @ share)  # the variance of a part is estimated with lambda
    u = [_part(first.resid, T, part) for part in (WITHIN, BETWEEN)]
    curves = [_curves(forms, each, M, size) for each, size in zip(u, n)]
    # 1. lambda and s2_v within units; s2_1 from the first moment between them.
    lam = least([(curves[WITHIN], off)], interval)
    s2 = [float(share @ _at(curves[WITHIN], lam) / (share @ share)), float(_at(curves[BETWEEN], lam)[0])]
    weights = [off, np.zeros((3, 3))]
    # 2. All six moments by the inverse of their covariance.
    if settings.weighted:
        precision = np.linalg.pinv(np.array([[a.inner(b) for b in forms] for a in forms]) / (2 * N), rcond=1e-10)
        shared = precision @ share / (share @ precision @ share)
        inside = precision - np.outer(precision @ share, shared)
        weights = [(T - 1) / s2[WITHIN] ** 2 * inside, 1 / s2[BETWEEN] ** 2 * inside]
        lam = least(list(zip(curves, weights)), interval)
        s2 = [float(shared @ _at(curve, lam)) for curve in curves]
    phi = max(s2[BETWEEN] / s2[WITHIN] - 1, 0.0) / T
    # 3. d by two-stage least squares without lambda and the share of unit means.
    sample = without_share(raw, T, phi)
    MX = sample.error_lag_of_X
    MZ = MX if sample.Wy is None else np.column_stack([MX, sample.error_lag_of_Wy])
    second = two_stage(sample.By(lam), regressors(sample) - lam * MZ, basis(sample, sample.BX(lam)))
    vcov = _covariance(raw, T, forms, curves, u, first.T, second.T, lam, s2, weights)
    beta, rho, rhos = split(second.coef, raw)
    solution = MomentSolution(beta, rho, lam, s2[WITHIN], float("nan"), second.resid, vcov, rhos)
    return RandomMoments(sample, solution, s2[WITHIN], phi)


def _first_stage(raw: ErrorMomentSample, T: int, follow: bool) -> Stage:
    """Residuals before lambda: of least squares where all regressors are exogenous, as Kapoor et al. have it; else of
    two-stage least squares with random effects, since unit effects leave little to the pooled one."""
    if raw.all_exogenous:
        return two_stage(raw.y, raw.X, basis(raw))
    s2 = _variances(raw, T, follow)
    phi = max(s2[BETWEEN] / s2[WITHIN] - 1, 0.0) / T
    sample, Z = without_share(raw, T, phi), regressors(raw)
    stage = two_stage(sample.y, regressors(sample), basis(sample))
    weights = quasi_demean(_panel(stage.T, T), _share(T, phi)).reshape(stage.T.shape)
    return Stage(stage.coef, weights, raw.y - Z @ stage.coef)


def _share(T: int, phi: float) -> float:
    return float(1 - 1 / np.sqrt(1 + T * phi))


def _covariance(raw, T, forms: list[Form], curves, u, first_T, second_T, lam, s2, weights) -> np.ndarray:
    """Of (d, lambda): lambda's error is linear in the six moments, those are quadratic forms of normal errors and,
    where regressors are endogenous, linear in eps through the residuals' d."""
    M, N = raw.M, raw.M.shape[0]
    n, copies = [N * (T - 1), N], [T - 1, 1]
    inner = np.array([[a.inner(b) for b in forms] for a in forms])
    slopes = [curve[:, 1] + 2 * lam * curve[:, 2] for curve in curves]
    total = sum(float(j @ V @ j) for j, V in zip(slopes, weights))
    rows = [-(V @ j) / total for j, V in zip(slopes, weights)]
    variance = sum(s2[b] ** 2 * copies[b] / 2 / n[b] ** 2 * float(rows[b] @ inner @ rows[b]) for b in (0, 1))
    cross = np.zeros(second_T.shape[1])
    if not raw.all_exogenous:
        MZ = raw.MX if raw.Wy is None else np.column_stack([raw.error_lag_of_X, raw.error_lag_of_Wy])
        Zs, alpha = regressors(raw) - lam * MZ, np.zeros(second_T.shape[1])
        for b in (WITHIN, BETWEEN):
            e = u[b] - lam * (M @ u[b].reshape(-1, N).T).T.ravel()
            alpha -= _part(Zs, T, b).T @ sum(r * (f @ e) for r, f in zip(rows[b], forms)) / n[b]
        stacked = _panel(first_T @ alpha, T).T  # (N, T)
        B = sparse.eye_array(N, format="csc") - lam * M
        a = splu(B.tocsc()).solve(np.ascontiguousarray(stacked), trans="T").T
        mean = a.mean(axis=0)
        variance += s2[0] * float(np.sum((a - mean) ** 2)) + s2[1] * T * float(mean @ mean)
        cross = second_T.T @ (s2[0] * (a - mean) + np.sqrt(s2[0] * s2[1]) * mean).ravel()
    beside = cross[:, None]
    return np.block([[s2[WITHIN] * second_T.T @ second_T, beside], [beside.T, np.full((1, 1), variance)]])


def _curves(forms: list[Form], u: np.ndarray, M, n: int) -> np.ndarray:
    """(r, 3): the moments as parabolas in lambda."""
    Mu = (M @ u.reshape(-1, M.shape[0]).T).T.ravel()
    return np.array([[u @ (f @ u) / 2, -(Mu @ (f @ u)), Mu @ (f @ Mu) / 2] for f in forms]) / n


def _at(curve: np.ndarray, lam: float) -> np.ndarray:
    return curve @ np.array([1.0, lam, lam**2])
