"""The maximum of a likelihood whose effects leave by generalised least squares, and the sample that it has there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..design.arrays import Sample
from ..design.carried import Effects
from ..logdet import Jacobian
from ..logdet.adjusted import Interpolated, Tilted
from .carried_problem import Point, Problem
from .ml import Solution


def solution_at(problem: Problem, top: Point, raw: Sample) -> tuple[Sample, Solution]:
    """The maximum, and its sample: columns less what the effects take of them at this lambda.

    Parameters
    ----------
    raw : Sample
        Columns with the effects demeaned or not, and their lags; determinants and n are left out of account.
    """
    effects, rho, lam, n = problem.carried.effects, top.rho, top.lam, problem.n
    # 1. Columns z - D a and their lags: B z is then orthogonal to B D.
    sample, factor = _without_effects(raw, effects, lam)
    BX = sample.BX(lam)
    beta = np.linalg.lstsq(BX, sample.By(lam) - rho * sample.BWy(lam), rcond=None)[0] if sample.k else np.zeros(0)
    e = sample.By(lam) - rho * sample.BWy(lam) - BX @ beta
    # 2. What the effects take of M u, and of the second derivative by lambda.
    Mu = sample.error_lag_of_y - rho * sample.error_lag_of_Wy - sample.error_lag_of_X @ beta
    BD, of_e = effects.BD(lam), effects.MD.T @ e
    share = factor.solve(BD.T @ Mu + of_e)
    sigma2 = float(e @ e) / n
    error = Interpolated(top.problem.error, top.window.h, (top.window.low, top.window.high), problem.error.logdet,
                         2 * float(of_e @ share) / sigma2)  # fmt: skip
    # 3. ln L: K is the integral of its slope from zero.
    lag, value = top.problem.lag, float(error.value(lam)) + raw.log_weights
    if lag is not None:
        if isinstance(lag.logdet, Tilted) and problem.mean is not None:
            lag = Jacobian(replace(lag.logdet, level=problem.mean.area(rho, lam)))
        value += float(lag.value(rho))
    loglik = -n / 2 * (np.log(2 * np.pi * sigma2) + 1) + value
    sample = replace(sample, n=n, lag=lag, error=Jacobian(error), of_effects=BD @ share)
    return sample, Solution(beta, rho, lam, sigma2, loglik, e)


def _without_effects(raw: Sample, effects: Effects, lam: float):
    factor, BD = effects.factor(lam), effects.BD(lam)

    def less(z, Mz):
        share = factor.solve(BD.T @ (z - lam * Mz))
        return z - effects.D @ share, Mz - effects.MD @ share

    (y, My), (X, MX) = less(raw.y, raw.My), less(raw.X, raw.MX)
    of_lag = {} if raw.Wy is None else dict(zip(("Wy", "MWy"), less(raw.Wy, raw.MWy)))
    return replace(raw, y=y, My=My, X=X, MX=MX, factors=None, **of_lag), factor
