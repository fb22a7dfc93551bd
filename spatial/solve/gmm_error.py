"""A spatial error process by the method of moments: generalised spatial two-stage least squares.

    y = Z d + u,    u = lambda M u + e

Estimation alternates: d by two-stage least squares, lambda from moments of the residuals, d again after
y - lambda M y and Z - lambda M Z. The moments are quadratic forms m_r = e'A_r e / n of e = u - lambda M u,
hence parabolas in lambda; their weighted square is a quartic whose minimum needs no search.

===============  =======================================================  ==============================
errors           moments                                                  source
===============  =======================================================  ==============================
homoskedastic    E e'e / n = s2,  E e'M'M e / n = s2 tr(M'M) / n,         Kelejian & Prucha (1998, 1999)
                 E e'M e / n = 0,  unweighted; s2 is estimated with them
homoskedastic    E e'(M'M - tr(M'M) / n) e = 0,  E e'M e = 0,             Drukker, Egger & Prucha (2013)
                 weighted by their covariance in a second round
heteroskedastic  E e'(M'M - diag M'M) e = 0,  E e'M e = 0,                Kelejian & Prucha (2010),
                 likewise; in panels the errors of a unit may be          Arraiz et al. (2010)
                 correlated over time
===============  =======================================================  ==============================

Fixed effects are out of y and Z: e is then (J_T x J_N) e, J_N where there are period effects, and n, traces and
variances of the forms are those of the (T - 1)(N - 1) errors that are left (``forms``; Lee & Yu 2010, 2014).

The covariance of (d, lambda) is that of a linear and several quadratic forms in e (Kelejian & Prucha 2010,
eq. 15-19; Drukker, Egger & Prucha 2013, section 4). It accounts for lambda being estimated from residuals.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.polynomial import polynomial
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.moment_settings import MAX_ROUNDS, USUAL, Moments
from .block_forms import BlockForm, form_of
from .forms import Form, lag
from .gmm import ErrorMomentSample, MomentSolution, basis, regressors, split, two_stage
from .gmm_spread import SPREADS, Spread, equal, sums_by_unit

EDGE = 1e-4  # share of lambda's interval at each end: a minimum there means flat moments
TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class Round:
    """Where the alternation stands: d (p,), lambda, the moments' parabolas and weight, e (m,), the last T (m, p) and
    what estimating d adds to n m_r, ``linear`` (m, r)."""

    coef: np.ndarray
    lam: float
    curve: np.ndarray
    weight: np.ndarray
    e: np.ndarray
    T: np.ndarray = field(repr=False)
    linear: np.ndarray = field(repr=False)


def homoskedastic(
    sample: ErrorMomentSample, interval: tuple[float, float], settings: Moments = USUAL
) -> MomentSolution:
    """Kelejian & Prucha (1998): (1) d by 2SLS, (2) lambda from its residuals, (3) d from transformed data.

    Without W y and endogenous regressors it is the feasible generalised least squares of their 1999 paper.
    """
    n, Z = sample.n, regressors(sample)
    first = two_stage(sample.y, Z, basis(sample))
    forms = three_forms(sample)
    share = np.array([sample.copies * f.trace for f in forms]) / n  # E m_r = s2 share_r
    # s2 is estimated jointly: its regressor is projected out of the moments.
    weight = np.eye(3) - np.outer(share, share) / (share @ share)
    u, before = first.resid, None
    for step in range(rounds_of(settings)):
        curve = _curves(forms, u, sample)
        lam = _minimum(curve, weight, interval)
        second, e, Zs = _transformed(sample, Z, lam)
        linear = _first_step_terms(forms, sample, first.T, Zs, e, lam) if step == 0 else (
            _linear_terms(forms, second.T, Zs, e))  # fmt: skip
        if settled(before, second.coef, lam):
            break
        before, u = (second.coef, lam), sample.y - Z @ second.coef
    start = first.resid - lam * _lag(sample, first.resid) if sample.all_exogenous and step == 0 else e
    sigma2 = float(start @ start) / n  # without W y from the first residuals, as R's GMerrorsar
    spread = equal(forms, e, sample, linear)
    variance = sigma2 * second.T.T @ second.T
    at = Round(second.coef, lam, curve, weight, e, second.T, linear)
    return _solution(sample, at, sigma2, variance, spread)


def two_moments(
    sample: ErrorMomentSample, interval: tuple[float, float], settings: Moments = USUAL, errors: str = "robust"
) -> MomentSolution:
    """(1) 2SLS and a first lambda, (2) 2SLS from transformed data and a lambda whose moments are weighted by the
    inverse of their covariance. ``errors`` is "classical" (Drukker et al. 2013), "robust" (Kelejian & Prucha 2010) or
    "cluster"."""
    Z = regressors(sample)
    forms, spread_of = two_forms(sample, errors), SPREADS[errors]
    first = two_stage(sample.y, Z, basis(sample))
    lam = _minimum(_curves(forms, first.resid, sample), np.eye(2), interval)
    before = None
    for _ in range(rounds_of(settings)):
        second, e, Zs = _transformed(sample, Z, lam)
        u = sample.y - Z @ second.coef
        curve, weight = _curves(forms, u, sample), np.eye(2)
        if settings.weighted:
            weight = precision(spread_of(forms, e, sample, _linear_terms(forms, second.T, Zs, e)).phi)
        lam = _minimum(curve, weight, interval)
        if settled(before, second.coef, lam):
            break
        before = second.coef, lam
    again, _, Zs = _transformed(sample, Z, lam)
    e = u - lam * _lag(sample, u)
    linear = _linear_terms(forms, again.T, Zs, e)
    spread = spread_of(forms, e, sample, linear)
    sigma2 = float(e @ e) / sample.n
    variance = sigma2 * again.T.T @ again.T
    if errors != "classical":
        meat = sums_by_unit(again.T * e[:, None], sample, errors)
        variance = meat.T @ meat
    weight = precision(spread.phi) if settings.weighted else weight
    at = Round(second.coef, lam, curve, weight, e, again.T, linear)
    solution = _solution(sample, at, sigma2, variance, spread)
    return solution if errors == "classical" else replace(solution, shares=_shares(forms, at, sample.n))


def rounds_of(settings: Moments) -> int:
    """How often d and lambda alternate at most."""
    return MAX_ROUNDS if isinstance(settings.rounds, str) else settings.rounds


def settled(before, coef: np.ndarray, lam: float) -> bool:
    """Whether neither d nor lambda changes any more."""
    if before is None:
        return False
    old, old_lam = before
    scale = np.maximum(np.abs(old), 1e-3 * np.abs(old).max())
    return abs(lam - old_lam) < TOLERANCE and bool((np.abs(coef - old) < TOLERANCE * scale).all())


def three_forms(sample: ErrorMomentSample) -> list[Form | BlockForm]:
    """The identity, M'M and M."""
    return [_form(sample, build) for build in (_one, _square, _itself)]


def two_forms(sample: ErrorMomentSample, errors: str) -> list[Form | BlockForm]:
    """M'M and M with means of zero: without their diagonal, or less the share of the identity in M'M."""
    if errors != "classical":
        return [_form(sample, build, without_diagonal=True) for build in (_square, _itself)]
    one, square, itself = three_forms(sample)
    share, bias = square.trace / one.trace, itself.trace / one.trace  # tr(J M) = -1 where rows sum to one
    scale = 1 / (1 + share**2)

    def first(M):
        A, C = _square(M)
        return scale * (A - share * _one(M)), np.sqrt(scale) * C

    return [_form(sample, first), _form(sample, lambda M: M - bias * _one(M)) if sample.centered else itself]


def _form(sample: ErrorMomentSample, build, without_diagonal: bool = False) -> Form | BlockForm:
    """The form of ``build(M)``, which is A or (A, C) of A - C v v'C'; that of every period where M differs."""
    if sample.periods is not None:
        return sample.periods.form(build, centered=sample.centered, without_diagonal=without_diagonal)
    return form_of(build, sample.M, sample.v, without_diagonal)


def _one(M):
    return sparse.eye_array(M.shape[0])


def _square(M):
    return M.T @ M, M.T


def _itself(M):
    return M


def precision(phi: np.ndarray) -> np.ndarray:
    """Two moments may coincide: M'M without its diagonal is zero in a cycle, a multiple of M within equal blocks."""
    size = np.diag(phi)
    scale = 1 / np.sqrt(np.where(size > 0, size, 1.0))
    return np.outer(scale, scale) * np.linalg.pinv(phi * np.outer(scale, scale), rcond=1e-8, hermitian=True)


def _solution(sample, at: Round, sigma2: float, variance: np.ndarray, spread: Spread) -> MomentSolution:
    """The estimates and the covariance of (d, lambda).

    lambda's error is L m with L = -(j'V j)^-1 j'V, j = dm/dlambda and V the moments' weight.
    """
    lam, L = at.lam, _response(at)
    beside = (at.T.T @ spread.mixed @ L / sample.n)[:, None]
    vcov = np.block([[variance, beside], [beside.T, np.full((1, 1), L @ spread.phi @ L / sample.n)]])
    beta, rho, rhos = split(at.coef, sample)
    return MomentSolution(beta, rho, lam, sigma2, float("nan"), at.e, vcov, rhos)


def _response(at: Round) -> np.ndarray:
    """L (r,)."""
    j = at.curve[:, 1] + 2 * at.lam * at.curve[:, 2]
    return -(at.weight @ j) / (j @ at.weight @ j)


def _shares(forms, at: Round, n: int) -> np.ndarray:
    """T_i e_i, and of lambda's error L m the part e_i (S e)_i / 2 + a_i e_i: the sums of a period hold all products of
    its errors, and have the mean zero where those of different units are uncorrelated."""
    own = np.column_stack([f @ at.e for f in forms]) / 2 + at.linear
    return at.e[:, None] * np.column_stack([at.T, own @ _response(at) / n])


def _curves(forms, u, sample) -> np.ndarray:
    """(r, 3): coefficients of m_r(lambda) = (u - lambda M u)'A_r (u - lambda M u) / n."""
    Mu = _lag(sample, u)
    return np.array([[u @ (f @ u) / 2, -(Mu @ (f @ u)), Mu @ (f @ Mu) / 2] for f in forms]) / sample.n


def _minimum(curve: np.ndarray, weight: np.ndarray, interval: tuple[float, float]) -> float:
    return least([(curve, weight)], interval)


def least(parts: list[tuple[np.ndarray, np.ndarray]], interval: tuple[float, float]) -> float:
    """Where the sum of m(lambda)' V m(lambda), a quartic, is least between the ends of the interval.

    Raises
    ------
    SpatialInputError
        E701.
    """
    distance = sum(weight[r, s] * polynomial.polymul(curve[r], curve[s]) for curve, weight in parts
                   for r in range(len(curve)) for s in range(len(curve)))  # fmt: skip
    slope = polynomial.polyder(distance)
    flat = polynomial.polyroots(slope)
    flat = flat.real[np.abs(flat.imag) <= 1e-9 * (1 + np.abs(flat.real))]
    lo, hi = interval
    margin = EDGE * (hi - lo) if np.isfinite(hi - lo) else 0.0
    inside = flat[(flat > lo + margin) & (flat < hi - margin)]
    inside = inside[polynomial.polyval(inside, polynomial.polyder(slope)) > 0]
    if not len(inside):
        raise no_solution(interval)
    return float(inside[np.argmin(polynomial.polyval(inside, distance))])


def no_solution(interval: tuple[float, float]) -> SpatialInputError:
    lo, hi = interval
    return SpatialInputError("E701", f"the moments of lambda have no solution inside its interval ({lo:.6g}, {hi:.6g})",
                             hint="use method='ml', or look for a missing trend or a unit root in space")  # fmt: skip


def _transformed(sample: ErrorMomentSample, Z, lam):
    """Two-stage least squares of y - lambda M y on Z - lambda M Z; its residuals; the latter regressors."""
    MZ = sample.MX if sample.Wy is None else np.column_stack([sample.error_lag_of_X, sample.error_lag_of_Wy])
    Zs = Z - lam * MZ
    stage = two_stage(sample.By(lam), Zs, basis(sample, sample.BX(lam)))
    return stage, stage.resid, Zs


def _linear_terms(forms, T, Zs, e) -> np.ndarray:
    """(m, r): a_r = T alpha_r, alpha_r = -Zs'S_r e: contribution of the error of d, T'e, to n m_r."""
    alpha = np.column_stack([-(Zs.T @ (f @ e)) for f in forms])
    return T @ alpha


def _first_step_terms(forms, sample, T, Zs, e, lam) -> np.ndarray:
    """The same where d is the first step's, with error T'u = T'(I - lambda M)^-1 e.

    Exogenous regressors are unrelated to e: alpha is zero.
    """
    if sample.all_exogenous:
        return np.zeros((len(e), len(forms)))
    from scipy.sparse.linalg import splu

    N = sample.M.shape[0]
    right = _linear_terms(forms, T, Zs, e)
    stacked = right.reshape(-1, N, len(forms)).transpose(1, 0, 2)
    B = sparse.eye_array(N, format="csc") - lam * sample.M
    solved = splu(B.tocsc()).solve(np.ascontiguousarray(stacked.reshape(N, -1)), trans="T")
    return solved.reshape(stacked.shape).transpose(1, 0, 2).reshape(right.shape)


def _lag(sample, u: np.ndarray) -> np.ndarray:
    if sample.periods is not None:
        return sample.periods.lag(u, sample.centered)
    return lag(sample.M, u, sample.v)
