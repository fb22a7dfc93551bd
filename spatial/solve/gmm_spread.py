"""Covariance of the moments of a spatial error, and of these with the coefficients, under three kinds of errors.

``forms`` are those of the moments, ``linear`` (m, r) is what estimating d adds to n m_r, as weights of e.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PAIRS_AT_ONCE = 20_000_000  # products of errors of linked units that are held in memory


@dataclass(frozen=True, eq=False)
class Spread:
    """phi (r, r): n times the moments' covariance. mixed (p, r): covariance of T'e with the n m_r, less T'."""

    phi: np.ndarray
    mixed: np.ndarray


def unequal(forms, e, sample, linear) -> Spread:
    """Independent e with variances estimated by e_i^2; the forms have no diagonal."""
    g = (e**2).reshape(-1, sample.M.shape[0])
    phi = [[np.sum(g * (a.squares(b) @ g.T).T) / 2 for b in forms] for a in forms]
    mixed = linear * e[:, None] ** 2
    return Spread((np.array(phi) + linear.T @ mixed) / sample.n, mixed)


def within_units(forms, e, sample, linear) -> Spread:
    """e of a unit free over time: a form is the sum over pairs of units of s_ij sum_t e_it e_jt, and the pairs are
    uncorrelated, each with its square as variance."""
    if sample.periods is not None:
        return _within_units_by_period(forms, e, sample, linear)
    errors = e.reshape(-1, sample.M.shape[0])
    products = [[a.squares(b) for b in forms[: k + 1]] for k, a in enumerate(forms)]
    every = (errors.T @ errors) ** 2 if isinstance(products[0][0], np.ndarray) else None
    phi = np.zeros((len(forms), len(forms)))
    for k, row in enumerate(products):
        for q, weights in enumerate(row):
            phi[k, q] = phi[q, k] = (_pairs(weights, errors) if every is None else np.vdot(weights, every)) / 2
    by_unit = sums_by_unit(linear * e[:, None], sample, "cluster")
    mixed = e[:, None] * np.tile(by_unit, (len(errors), 1))
    return Spread((phi + by_unit.T @ by_unit) / sample.n, mixed)


def _within_units_by_period(forms, e, sample, linear) -> Spread:
    """The same with weights s_ijt that differ between periods: the square of sum_t s_ijt e_it e_jt."""
    pairs = [a.products(e, sample.periods.units) for a in forms]
    phi = np.array([[float((a * b).sum()) / 2 for b in pairs] for a in pairs])
    by_unit = sums_by_unit(linear * e[:, None], sample, "cluster")
    mixed = e[:, None] * by_unit[sample.periods.units]
    return Spread((phi + by_unit.T @ by_unit) / sample.n, mixed)


def _pairs(weights, errors: np.ndarray) -> float:
    """sum over linked units of weight_ij (sum_t e_it e_jt)^2."""
    links = weights.tocoo()
    step, total = max(1, PAIRS_AT_ONCE // len(errors)), 0.0
    for at in range(0, len(links.data), step):
        i, j = links.row[at : at + step], links.col[at : at + step]
        products = np.einsum("tp,tp->p", errors[:, i], errors[:, j])
        total += float(links.data[at : at + step] @ products**2)
    return total


def sums_by_unit(values: np.ndarray, sample, errors: str) -> np.ndarray:
    """Rows of (m, p) added up over the periods of a unit where errors are free there."""
    if errors != "cluster":
        return values
    if sample.periods is not None:
        return sample.periods.by_unit(values)
    return values.reshape(-1, sample.M.shape[0], values.shape[1]).sum(axis=0)


def equal(forms, e, sample, linear) -> Spread:
    """Identically distributed e with the residuals' third and fourth moment.

    Demeaned residuals do not reveal those moments: with fixed effects the normal distribution's are used.
    """
    n, s2 = sample.n, float(e @ e) / sample.n
    whole = n == len(e)
    third, excess = (np.mean(e**3), np.mean(e**4) - 3 * s2**2) if whole else (0.0, 0.0)
    diagonals = np.column_stack([np.tile(f.diagonal, len(e) // len(f.diagonal)) for f in forms])
    phi = s2**2 * sample.copies / 2 * np.array([[a.inner(b) for b in forms] for a in forms])
    phi = phi + s2 * linear.T @ linear + excess * diagonals.T @ diagonals
    skew = third * linear.T @ diagonals
    return Spread((phi + skew + skew.T) / n, s2 * linear + third * diagonals)


SPREADS = {"classical": equal, "robust": unequal, "cluster": within_units}
