"""Residual bootstrap: new errors through the estimated model, estimated again.

    y* = y + A^-1 B^-1 (e* - e)

keeps the regressors and whatever fixed effects are in y; e* are residuals drawn with replacement, centred
and scaled to variance sigma2. Source: Anselin (1990, Regional Science and Urban Economics 20:141-163).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover.errors import SpatialInputError, warn
from spillover.matrix import refuse_varying

from ..design.arrays import Sample, by_gls
from ..design.design import spatial_lag
from ..design.gaps import refuse_unbalanced
from ..design.period_means import centers, of_deviations
from ..logdet.inverse import inverse
from ..records.fit import FitRecord
from ..solve.ml import maxima

BLOCK = 128  # samples that are in memory at once
MAY_FAIL = 0.05  # share of the samples


def bootstrap_parameters(fit: FitRecord, draws: int, seed: int) -> np.ndarray:
    """Estimates of the parameters on bootstrap samples, shape (draws, p).

    Every draw has its own random stream, spawned from the seed. Draws without a maximum inside the interval of rho are
    left out, with a warning.

    Raises
    ------
    SpatialInputError
        E501 for a fit that cannot be bootstrapped in this way, E701 when one draw in twenty has no maximum.
    """
    refuse(fit)
    T, N = fit._design.y.shape
    e = fit._solution.resid
    pool = (e - e.mean()) * np.sqrt(len(e) / fit._sample.n)
    through = _inverse_filter(fit)
    streams = np.random.SeedSequence(seed).spawn(draws)
    estimates, failed = [], []
    for first in range(0, draws, BLOCK):
        responses = []
        for stream in streams[first : first + BLOCK]:
            drawn = pool[np.random.default_rng(stream).integers(len(pool), size=len(pool))]
            responses.append(fit._design.y + through((drawn - e).reshape(T, N)))
        for at in maxima(resampled(fit, np.array(responses))):
            if isinstance(at, SpatialInputError):
                failed.append(at)
            else:
                spatial = [at.rho] * fit.specification.lag + [at.lam] * fit.specification.error
                estimates.append([*at.beta[: fit._sample.k], *spatial])
    if len(failed) > MAY_FAIL * draws:
        raise failed[0]
    if failed:
        message = f"{len(failed)} of {draws} bootstrap samples are left out; the first: {failed[0].message}"
        warn(message)
    return np.array(estimates)


def resampled(fit: FitRecord, y: np.ndarray) -> list[Sample]:
    """The fit's sample with other responses (R, T, N), demeaned and lagged as the fit's own was."""
    effects = fit._settings.effects
    exact = fit._settings.correction is True or fit._design.varies or effects.ways is not None
    W, M, sample = fit._design.weights, fit._design.weights_of_error, fit._sample

    def within(values):  # dummies stay among the regressors, and the response as it is
        return values if sample.dummies else effects.demean(values, first=1)

    def lag(w, values):
        centered = exact or w is W
        lagged = fit._design.lag(values, effects, w, first=1) if centered else spatial_lag(w, values, first=1)
        return within(lagged) if exact else lagged

    parts = {"y": within(y)}
    start, offset = y if exact else parts["y"], fit._design.offset
    if sample.lag is not None:
        outcome = start if offset is None else y + offset if exact else within(y + offset)
        parts["Wy"] = lag(W, outcome)
    if sample.error is not None:
        parts["My"] = lag(M, start)
    if sample.MWy is not None:
        parts["MWy"] = lag(M, parts["Wy"])
    rows = {name: values.reshape(len(y), -1) for name, values in parts.items()}
    return [replace(sample, **dict(zip(rows, each))) for each in zip(*rows.values())]


def refuse(fit: FitRecord) -> None:
    """What a residual bootstrap cannot do."""
    refuse_unbalanced(fit._design.observed, "vcov='bootstrap'")
    refuse_varying(fit._design.weights, "vcov='bootstrap'")
    refuse_varying(fit._design.weights_of_error, "vcov='bootstrap'")
    s, d = fit._settings, fit._design
    why = None
    if s.effects.random:
        why = "random effects leave two kinds of residuals"
    elif s.correction == "additive" and s.effects.time:
        why = "the additive correction is made after the maximum"
    elif by_gls(fit._sample):
        why = f"{s.effects} effects leave by generalised least squares, sample by sample"
    elif "lag(" in d.formula and d.response in d.formula.split("~")[1]:
        why = "lagged responses are among the regressors of the formula (lags='y' of the model has them)"
    if why:
        raise SpatialInputError("E501", f"vcov='bootstrap' cannot be used here: {why}", hint="use 'oim' or 'robust'")


def _inverse_filter(fit: FitRecord):
    """A^-1 B^-1 on the unit axis of a (T, N) array."""
    exact, time = fit._settings.correction is True, fit._settings.effects.time
    W, M = (of_deviations(w) if exact and centers(w, time) else w
            for w in (fit._design.weights, fit._design.weights_of_error))  # fmt: skip
    B, A = inverse(M, fit.lam), inverse(W, fit.rho)
    return lambda values: A.solve(B.solve(values.T)).T
