"""Averages of responses to a change, with their exact distribution.

A change of regressor r by V moves outcomes by

    S_r V = sum_k c_k W^k (I - rho W)^-1 V,    c = (beta_r, theta_r, theta_2r)

so an average of responses is sum_k c_k m_k(rho): linear in the coefficients given rho. The curves m_k are computed at
a few values of rho and interpolated between the poles of the inverse. Several W and regimes have the same with more
rho (``effects.several_linear``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spillover.matrix import SpatialWeights

from ..effects.curves import between_poles
from ..effects.horizon import LONG, Horizon, infer_later, infer_long_run
from ..effects.linear import Law, RatioLaw, infer_by_default
from ..effects.long_run import with_rho
from ..effects.mixture import Inference
from ..effects.operators import refuse_later
from ..effects.propagate import determinant, selectors
from ..effects.several_linear import responded_by_several
from ..models.fit import Fit
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord
from .channels import powers


def averages(
    fit: Fit, term: str, weights: list[SpatialWeights], V: list[np.ndarray], read: Callable, level: float,
    period=None, horizon: Horizon = 0,
) -> tuple[Law | RatioLaw | None, Inference]:  # fmt: skip
    """What ``read`` takes from the responses to V, with intervals, standard errors and p-values.

    Parameters
    ----------
    fit : Fit
    term : str
    weights : list of SpatialWeights
    V : list of ndarray, (N, m) for each of them
        Changes, one per column.
    read : function from responses, a list of (N, m), to (E,), linear
    level : float
    period : label, optional
        Where W varies, that of ``weights``.
    horizon : int or "long"
        Of a dynamic model, after a change that stays; one W.

    Returns
    -------
    law : Law of the E averages, None without standard errors
    inference : Inference, (E,) each
    """
    if horizon:
        refuse_later(fit, f"horizon={horizon!r}")
    if isinstance(fit, SeveralRecord | RegimesRecord):
        (change,) = V
        return responded_by_several(fit, term, change, lambda response: read([response]), level, period)
    fit = with_rho(fit) if horizon == LONG else fit  # type: ignore[assignment]
    picks = selectors(fit, [term])

    curves = powers(weights, V, read, len(picks))
    if horizon == LONG:
        return infer_long_run(fit, curves, picks, level)
    if horizon:
        return infer_later(fit, weights[0], V[0], read, int(horizon), picks, level)

    def over(low, high):
        interval = determinant(fit).interval if fit.specification.lag else (-np.inf, np.inf)
        return between_poles(curves, low, high, interval)

    estimates = (picks[:, 0] @ fit.params.to_numpy()) @ curves(fit.rho)
    return infer_by_default(fit, over, picks, estimates, level)
