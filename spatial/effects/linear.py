"""What is linear in the coefficients given rho: its exact distribution under a fit.

Every quantity here is sum_k m_k(rho) (picks_k theta): average effects, effects by group, responses to a change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..records.fit import FitRecord
from .few_rows import by_default
from .mixture import Inference, Mixture, settled, summarize
from .nodes import Given, given_nothing, given_spatial, span
from .propagate import determinant

FEWEST, MOST = 72, 1_000  # nodes over rho
AT_ONCE = 16  # quantities whose likelihood ratios are computed together


@dataclass(frozen=True, eq=False)
class Law:
    """J V quantities at Q nodes of rho, before they are put together.

    Attributes
    ----------
    given : Given
    curves : ndarray, shape (Q, K, J)
        m_k of each of the J quantities.
    picks : ndarray, shape (K, V, p)
        What picks V sets of coefficients out of the parameters.
    """

    conditional: Given = field(repr=False)
    curves: np.ndarray = field(repr=False)
    picks: np.ndarray = field(repr=False)

    @property
    def mixture(self) -> Mixture:
        return self.conditional.linear(self.curves, self.picks)

    @property
    def exact(self) -> Law:
        """The distribution of the quantities: this."""
        return self

    def inference(self, estimates: np.ndarray, level: float) -> Inference:
        return summarize(self.mixture, estimates, level)

    def combined(self, A: np.ndarray) -> Law:
        """G linear combinations of the J quantities, A of shape (G, J): averages, differences."""
        return replace(self, curves=self.curves @ A.T)


@dataclass(frozen=True, eq=False)
class RatioLaw:
    """The same quantities by ratios of likelihoods, of a fit whose rows are few (``likelihood``).

    Attributes
    ----------
    fit : FitRecord
    curves : ndarray, shape (nodes of rho in the ratios, K, J)
    picks : ndarray, shape (K, V, p)
    build : function to their Law under the estimates' distribution, for tests of several at once
    """

    fit: FitRecord = field(repr=False)
    curves: np.ndarray = field(repr=False)
    picks: np.ndarray = field(repr=False)
    build: Callable[[], Law] = field(repr=False)

    @property
    def exact(self) -> Law:
        return self.build()

    def combined(self, A: np.ndarray) -> RatioLaw:
        return replace(self, curves=self.curves @ A.T, build=lambda: self.build().combined(A))

    def inference(self, estimates: np.ndarray, level: float) -> Inference:
        from .likelihood import inference, ratios_of

        parts, J, V = [], self.curves.shape[2], self.picks.shape[1]
        for at in np.array_split(np.arange(J), max(J * V // AT_ONCE, 1)):
            combinations = ratios_of(self.fit).linear(self.curves[:, :, at], self.picks)
            parts.append(inference(self.fit, combinations, estimates.reshape(-1, V)[at].ravel(), level))
        return Inference(*map(np.concatenate, zip(*(vars(part).values() for part in parts))))


def linear_law(fit, over: Callable, picks: np.ndarray, size: int) -> Law:
    """At ``size`` nodes.

    Parameters
    ----------
    fit : Fit
    over : function of (low, high) to a function of rho (Q,) to (Q, K, J)
        The curves over an interval of rho. Without a spatial lag they are read at rho = 0.
    picks : ndarray, shape (K, V, p), or (K, V, p + 1) where a last column takes the constant 1
    """
    params, V = with_constant(fit._estimates, fit._covariance, picks.shape[-1])
    if not fit.specification.lag:
        return Law(given_nothing(params, V, fit.df_resid), over(0.0, 0.0)(np.zeros(1)), picks)
    R = np.zeros((1, len(params)))
    R[0, fit._terms.get_loc("rho")] = 1
    bounds = determinant(fit).interval
    conditional = given_spatial(params, V, R, fit.df_resid, [size], bounds, splits=[0.0]).refuse_outside()
    ends = span(fit.rho, float(np.sqrt(R[0] @ V @ R[0])), fit.df_resid, bounds)
    return Law(conditional, over(*ends)(conditional.points[:, 0]), picks)


def with_constant(params: np.ndarray, V: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The parameters and their covariance, followed by a 1 without variance where ``size`` is one more."""
    constants = size - len(params)
    return np.concatenate([params, np.ones(constants)]), np.pad(V, (0, constants))


def infer_by_default(fit, over: Callable, picks, estimates: np.ndarray, level: float):
    """``infer_linear``, or ratios of likelihoods where those are the fit's own because rows are few."""
    if not by_default(fit):
        return infer_linear(fit, over, picks, estimates, level)
    from .likelihood import ratios_of

    ratios = ratios_of(fit)
    low, high = ratios.reached if fit.specification.lag else (0.0, 0.0)
    curves = over(low, high)(np.clip(ratios.rho, low, high))
    curves = np.broadcast_to(curves, (len(ratios.rho), *curves.shape[1:]))
    law = RatioLaw(fit, curves, picks, lambda: linear_law(fit, over, picks, MOST // 2))
    return law, law.inference(estimates, level)


def infer_linear(fit, over: Callable, picks, estimates: np.ndarray, level: float) -> tuple[Law | None, Inference]:
    """The law, and estimates with interval, standard error and p, (J V,) each.

    Without standard errors (a covariance that is not there) everything but the estimates is NaN.
    """
    if not np.isfinite(fit._covariance).all():
        return None, Inference(estimates, *np.full((5, len(estimates)), np.nan))
    remembered, laws = {}, {}

    def once(low, high):  # exact values are computed once, however many nodes it takes
        if (low, high) not in remembered:
            remembered[low, high] = over(low, high)
        return remembered[low, high]

    def law_of(size):
        laws[size] = linear_law(fit, once, picks, size)
        return laws[size].mixture

    _, result = settled(law_of, estimates, level, FEWEST, MOST)
    return laws[max(laws)], result
