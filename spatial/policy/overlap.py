"""Weights that make a comparison group look like the treated one: propensity scores, tilting, regression.

For units j with covariates x_j (an intercept first), treated (G) or compared with (C), an average effect on the treated
of a change in outcomes is sum_j v_j (y_jt - y_jb), v_j = 1 / n_G for the treated. For the others v_j = -omega_j with

    weighting          e_j / sum_C e,    e_j = exp(x_j'gamma), gamma of a logit of G on x
    regression         x_j' A^-1 mean_G(x),    A = sum_C x x'
    doubly robust      e_j / sum_C e + x_j' A^-1 (mean_G(x) - sum_C x e / sum_C e)
    improved           e_j / sum_C e,    gamma from sum_C e_j x_j = sum_G x_j

The improved one is doubly robust too: with gamma from tilting, the weighted regression of the comparison's changes adds
nothing, since both groups have the same means. Of averages over the treated with weights a_i that need not be equal,
such as effects by dose, with q = sum_G a_i x_i,

    regression         x_j' A^-1 q
    doubly robust      q_1 e_j / sum_C e + x_j' A^-1 (q - q_1 sum_C x e / sum_C e)
    improved           e_j x_j' (sum_C e x x')^-1 q

which are doubly robust where a_i is the same for all, and regressions else. Given x and G all are linear in the
outcomes. Sources: Sant'Anna & Zhao (2020, J. Econometrics 219:101-122), equations 2.7, 3.1 and 3.2; Graham, Pinto &
Egel (2012, Review of Economic Studies 79:1053-1079) for tilting; Abadie (2005, Review of Economic Studies 72:1-19) for
weighting.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

ADJUSTMENTS = ("doubly_robust", "improved", "regression", "weighting")
FARTHEST = 50.0  # |x'gamma| at which exp stops
SEPARATED = 1e-7  # smallest eigenvalue of the information per unit below which the covariates tell the groups apart
LARGEST_STEP = 3.0  # of x'gamma in one iteration
ITERATIONS = 60
RANK = 1e-10


@dataclass(frozen=True, eq=False)
class Groups:
    """Who is compared.

    Attributes
    ----------
    units : ndarray of int, shape (n,), positions among all units
    treated : ndarray of bool, shape (n,)
    x : ndarray, shape (n, k), an intercept first
    """

    units: np.ndarray
    treated: np.ndarray
    x: np.ndarray

    @cached_property
    def scaled(self) -> np.ndarray:
        """x with columns of mean zero and length one but for the intercept: the weights stay what they are."""
        x = self.x[:, 1:] - self.x[:, 1:].mean(axis=0)
        size = np.sqrt((x**2).mean(axis=0))
        return np.hstack([np.ones((len(x), 1)), x / np.where(size > 0, size, 1.0)])

    @cached_property
    def products(self) -> np.ndarray:
        """x x' of every unit, (n, k k)."""
        return (self.scaled[:, :, None] * self.scaled[:, None, :]).reshape(len(self.x), -1)


def unit_weights(groups: Groups, there: np.ndarray, adjustment: str) -> tuple[np.ndarray, np.ndarray]:
    """v for each of D subsets of the units.

    Parameters
    ----------
    there : ndarray, shape (D, n), of zeros and ones
        Which units are in the sample.

    Returns
    -------
    v : (D, n);  exists : (D,), false without treated or comparison units, where the covariates tell them apart, or
    where these are collinear among the comparison
    """
    own = there * groups.treated
    of_own = own / np.maximum(own.sum(axis=1, keepdims=True), 1)
    against, exists = counterfactual_weights(groups, there, (of_own @ groups.scaled)[:, None], adjustment)
    return of_own - against[:, 0], exists


def counterfactual_weights(groups: Groups, there: np.ndarray, q: np.ndarray, adjustment: str):
    """omega of the comparison units, for averages over the treated with any weights.

    Parameters
    ----------
    there : ndarray, shape (D, n), of zeros and ones
    q : ndarray, shape (D, P, k)
        Sums of the scaled covariates over the treated, with the weights of P averages; their weights sum to the first.

    Returns
    -------
    omega : (D, P, n);  exists : (D,)
    """
    own, other = there * groups.treated, there * ~groups.treated
    n_other = other.sum(axis=1, keepdims=True)
    exists = (own.any(axis=1)) & (n_other[:, 0] > 0)
    x, k = groups.scaled, groups.x.shape[1]
    if k == 1:
        return q * (other / np.maximum(n_other, 1))[:, None], exists
    if adjustment == "regression":
        a, full = _solved(_products(groups, other), q)
        return other[:, None] * (a @ x.T), exists & full
    gamma, converged = _logit(groups, own, other, exists)
    if adjustment == "improved":
        gamma, converged = _tilted(groups, own, other, exists, gamma)
    e = other * np.exp(np.clip(gamma @ x.T, -FARTHEST, FARTHEST))
    e = e / np.maximum(e.sum(axis=1, keepdims=True), 1e-300)
    exists = exists & converged
    if adjustment == "improved" and q.shape[1] > 1:
        a, full = _solved(_products(groups, e), q)
        return e[:, None] * (a @ x.T), exists & full
    against = q[:, :, :1] * e[:, None]
    if adjustment == "doubly_robust":
        a, full = _solved(_products(groups, other), q - against @ x)
        return against + other[:, None] * (a @ x.T), exists & full
    return against, exists


def _products(groups: Groups, weights: np.ndarray) -> np.ndarray:
    """sum of weights x x', (D, k, k)."""
    k = groups.x.shape[1]
    return (weights @ groups.products).reshape(-1, k, k)


def _logit(groups: Groups, own, other, exists):
    """gamma (D, k) of own on x, and whether it exists."""
    def derivatives(index):
        p = 1 / (1 + np.exp(-index))
        both = own + other
        return own - both * p, both * p * (1 - p)

    return _newton(groups, derivatives, np.zeros((len(own), groups.x.shape[1])), exists)


def _tilted(groups: Groups, own, other, exists, start):
    """gamma with sum_C exp(x'gamma) x = sum_G x: the maximum of sum_G x'gamma - sum_C exp(x'gamma)."""
    def derivatives(index):
        e = other * np.exp(index)
        return own - e, e

    return _newton(groups, derivatives, start, exists)


def _newton(groups: Groups, derivatives, gamma, exists):
    """The maximum of a concave function of x'gamma, for D samples at once."""
    x, k = groups.scaled, groups.x.shape[1]
    for _ in range(ITERATIONS):
        first, second = derivatives(np.clip(gamma @ x.T, -FARTHEST, FARTHEST))
        gradient, information = first @ x, (second @ groups.products).reshape(-1, k, k)
        converged = np.abs(gradient).max(axis=1) < 1e-10 * len(x)
        if (converged | ~exists).all():
            break
        step = _solved(information, gradient[:, None])[0][:, 0]
        largest = np.abs(step @ x.T).max(axis=1, keepdims=True)
        gamma = gamma + step * np.minimum(1.0, LARGEST_STEP / np.maximum(largest, 1e-300))
    return gamma, converged & (np.linalg.eigvalsh(information)[:, 0] > SEPARATED * len(x))


def _solved(A, b):
    """A^-1 b for stacks (D, k, k) and (D, P, k), and whether A has full rank."""
    size = np.linalg.eigvalsh(A)
    full = size[:, 0] > RANK * np.maximum(size[:, -1], 1e-300)
    safe = np.where(full[:, None, None], A, np.eye(A.shape[1]))
    return np.linalg.solve(safe, b.transpose(0, 2, 1)).transpose(0, 2, 1) * full[:, None, None], full
