"""When a dynamic model answers: at once, after some periods, or in the long run.

A change of regressors that stays moves the response h periods later by

    sum_{j=0}^{h} M^j A^-1 (beta V + theta W V),   M = A^-1 (tau I + eta W),   A = I - rho W

and in the long run by ((1 - tau) I - (rho + eta) W)^-1 (beta V + theta W V), which is 1 / (1 - tau) times the short
run at r = (rho + eta) / (1 - tau) in the place of rho (``long_run``). Both are linear in beta and theta given rho, tau
and eta, as the short run is given rho. Sources: Debarsy, Ertur & LeSage (2012), eq. 11-13; Elhorst (2014), eq. 4.5.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights

from ..logdet.inverse import Inverse
from ..records.fit import FitRecord
from .curves import between_poles
from .linear import Law
from .long_run import PHI, dynamics, long_run_law, refuse_without_long_run
from .mixture import Inference, settled
from .nodes import given_lattice
from .propagate import determinant, spatial_places
from .stationarity import stationarity

LONG = "long"
Horizon = int | str
UNITS_MAX = 5_000  # of responses some periods later: a factorisation at every node


def check_horizon(fit: FitRecord, horizon: Horizon) -> None:
    """A number of periods, or "long"; a static model answers at once.

    Raises
    ------
    SpatialInputError
        E501 another value, or a later period of a static model.
    """
    number = isinstance(horizon, int | np.integer) and not isinstance(horizon, bool) and horizon >= 0
    if horizon != LONG and not number:
        raise SpatialInputError("E501", f"horizon={horizon!r} must be a number of periods, or 'long'",
                                hint="horizon=0, the short run, or horizon='long'")  # fmt: skip
    if horizon != 0 and not fit._design.lags:
        raise SpatialInputError("E501", f"horizon={horizon!r} is for dynamic models: a static one answers at once",
                                hint="leave horizon= out, or fit the model with lags=")  # fmt: skip


def infer_long_run(fit: FitRecord, curves: Callable, picks: np.ndarray, level: float) -> tuple[Law | None, Inference]:
    """The law of quantities in the long run; ``fit`` has a rho (``long_run.with_rho``).

    Parameters
    ----------
    curves : function of rho to (K, J)
        m_k of each of the J quantities in the short run.
    picks : ndarray, shape (K, V, p)

    Raises
    ------
    SpatialInputError
        E712 where there is no long run.
    """
    refuse_without_long_run(fit, stationarity(fit))
    params, interval = fit.params.to_numpy(), determinant(fit).interval
    rho, tau, eta = dynamics(fit, params)
    at = curves((rho + eta) / (1 - tau)) / (1 - tau)
    estimates = np.einsum("kj,kv->jv", at, picks @ params).ravel()
    if not np.isfinite(fit.vcov.to_numpy()).all():
        return None, Inference(estimates, *np.full((5, len(estimates)), np.nan))
    law = long_run_law(fit, lambda r: between_poles(curves, r.min(), r.max(), interval)(r), picks, PHI)
    return law, law.inference(estimates, level)


def infer_later(
    fit: FitRecord, w: SpatialWeights, change: np.ndarray, read: Callable, horizon: int, picks: np.ndarray, level: float
) -> tuple[Law | None, Inference]:  # fmt: skip
    """What ``read`` takes from the responses (N, m) ``horizon`` periods after a change (N, m) that stays.

    Raises
    ------
    SpatialInputError
        E309 above 5,000 units.
    """
    if w.n > UNITS_MAX:
        raise SpatialInputError("E309", f"responses of {w.n:,} units some periods later are too many to hold", n=w.n,
                                hint="horizon=0 or 'long'")  # fmt: skip
    K, params, V, places = len(picks), fit.params.to_numpy(), fit.vcov.to_numpy(), spatial_places(fit)
    right = [change]
    for _ in range(K - 1):
        right.append(w.csr @ right[-1])
    together = np.concatenate(right, axis=1)

    def curves(point: np.ndarray) -> np.ndarray:
        rho, tau, eta = point
        A_inverse = Inverse(w, float(rho))
        step = total = A_inverse.solve(together)
        for _ in range(horizon):
            step = A_inverse.solve(tau * step + eta * (w.csr @ step))
            total = total + step
        return np.array([read([part]) for part in np.split(total, K, axis=1)])

    estimates = np.einsum("kj,kv->jv", curves(places @ params), picks @ params).ravel()
    if not np.isfinite(V).all():
        return None, Inference(estimates, *np.full((5, len(estimates)), np.nan))
    bounds = determinant(fit).interval if fit.specification.lag else (-np.inf, np.inf)
    conditional = given_lattice(params, V, places, fit.df_resid, bounds).refuse_outside()
    law = Law(conditional, np.array([curves(point) for point in conditional.points]), picks)
    return law, settled(lambda _: law.mixture, estimates, level, 1, 1)[1]
