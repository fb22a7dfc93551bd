"""Residual bootstrap of dynamic models and of those with several rho: new errors through the model, estimated again.

Responses follow the model from the starting values on, y*_t = y_t + d_t with

    A d_t = tau d_{t-1} + eta W d_{t-1} + B^-1 (e*_t - e_t),    d_0 = 0

which keeps regressors and fixed effects; e* are residuals drawn with replacement over units and periods, centred and
scaled to the variance sigma2 (of its regime, where variances differ). Every sample is estimated as the fit was, its
bias correction included. Sources: Goncalves & Kaffo (2015, J. Econometrics 186:407-426), the recursive design of
dynamic panels with fixed effects; Anselin (1990, Regional Science and Urban Economics 20:141-163) for the spatial
filter.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError, warn

from ..design.gaps import refuse_unbalanced
from ..design.past import past_columns
from ..effects.operators import each_period, operators, solved
from ..effects.several_forecast import variances_of_errors
from ..logdet.inverse import inverse
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from .fit import Fit
from .refit import all_refits

MAY_FAIL = 0.05  # share of the samples


def resampled_parameters(fit: Fit, draws: int, seed: int) -> np.ndarray:
    """Estimates of the parameters on bootstrap samples, (draws, p); every draw has a random stream of its own.

    Raises
    ------
    SpatialInputError
        E501 for a fit that cannot be bootstrapped in this way, E701 when one draw in twenty has no estimate.
    """
    refuse(fit)
    d = fit._design
    e, sd, through = fit._errors, np.sqrt(variances(fit)), response_of(fit)
    pool = e / sd
    pool = pool - pool.mean()
    pool = (pool / np.sqrt(np.mean(pool**2))).ravel()
    responses = []
    for stream in np.random.SeedSequence(seed).spawn(draws):
        drawn = pool[np.random.default_rng(stream).integers(len(pool), size=len(pool))].reshape(e.shape)
        responses.append(d.y + through(sd * drawn - e))
    refits = all_refits(fit, y=np.array(responses))
    if (failed := len(refits.failed)) > MAY_FAIL * draws:
        raise SpatialInputError("E701", f"{failed} of {draws} bootstrap samples have no estimate; the first: "
                                f"{next(iter(refits.failed.values()))}", hint="vcov='oim' or 'robust'")  # fmt: skip
    if failed:
        warn(f"{failed} of {draws} bootstrap samples are left out; the first: {next(iter(refits.failed.values()))}")
    return refits.params[np.isfinite(refits.params).all(axis=1)]


def variances(fit: Fit) -> np.ndarray:
    """sigma2 of every unit, (N,)."""
    if isinstance(fit, SeveralRecord | RegimesRecord):
        return variances_of_errors(fit)
    return np.full(fit._design.n_units, fit.sigma2)


def response_of(fit: Fit) -> Callable[[np.ndarray], np.ndarray]:
    """What errors (T, N) that change make of the responses, (T, N)."""
    d = fit._design
    if isinstance(fit, SeveralRecord | RegimesRecord) and d.lags:
        return _grown(fit)
    if isinstance(fit, SeveralRecord | RegimesRecord):
        return lambda errors: each_period(fit, lambda C, D, e: solved(C, solved(D, e)), errors)
    tau, eta = (float(fit.params.get(f"{w}lag({d.response})", 0.0)) for w in ("", "W:"))
    weights = d.weights.each(d.n_periods)
    A = [inverse(w, fit.rho) for w in weights]
    B = [inverse(w, fit.lam) for w in d.weights_of_error.each(d.n_periods)]

    def through(errors: np.ndarray) -> np.ndarray:
        out, before, W = [], np.zeros(d.n_units), sparse.csr_array((d.n_units, d.n_units))
        for t, e in enumerate(errors):
            before = A[t].solve(B[t].solve(e) + tau * before + eta * (W @ before))
            W = weights[t].csr  # lags this period's response in the next
            out.append(before)
        return np.array(out)

    return through


def _grown(fit) -> Callable[[np.ndarray], np.ndarray]:
    """The same of a dynamic model with several W or regimes."""
    d, past = fit._design, []
    for one in past_columns(d):
        members = np.ones(d.n_units) if one.members is None else one.members.astype(float)
        matrices = None if one.weights is None else [w.csr for w in one.weights.each(d.n_periods)]
        past.append((float(fit.params[one.name]) * members[:, None], matrices))

    def through(errors: np.ndarray) -> np.ndarray:
        out: list[np.ndarray] = []
        for t, e in enumerate(errors):
            C, D = operators(fit, t)
            right = solved(D, e[:, None])
            for share, matrices in past if t else ():
                right = right + share * (out[-1] if matrices is None else matrices[t - 1] @ out[-1])
            out.append(solved(C, right))
        return np.array(out)[:, :, 0]

    return through


def refuse(fit: Fit) -> None:
    """What this bootstrap cannot do."""
    d, s, what = fit._design, fit._settings, "vcov='bootstrap'"
    refuse_unbalanced(d.observed, what)
    why = None
    if s.effects.random:
        why = "random effects leave two kinds of residuals"
    elif s.method != "ml":
        why = f"method={s.method!r} is not estimated on responses that follow a likelihood"
    elif s.effects.ways:
        why = f"effects of {s.effects} are not there in a dynamic model"
    elif s.effects.time and not (d.weights.rows_sum_to_one and d.weights_of_error.rows_sum_to_one):
        why = "with period effects W lags deviations from period means, unless its rows sum to one"
    if why:
        raise SpatialInputError("E501", f"{what} cannot be used here: {why}", hint="use 'oim' or 'robust'")
