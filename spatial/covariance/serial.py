"""Scores of errors that are correlated over time: those of the other parameters in the filtered data, and psi's own.

The filtered data are G y with G = (I - theta c c' / d2) P (``solve.serial``), theta = 0 pooled, 1 with fixed unit
effects, 1 - exp(-kappa / 2) with random ones. Given the other parameters the log-likelihood of unit i depends on z =
atanh(psi) by

    l_i(z) = -e_i'e_i / (2 sigma2) + ln(1 - psi^2) / 2   [- ln(d2 / T) / 2 with fixed unit effects],

whose slope is a central difference. The joint information of the others, with inverse I^-1, and z has the inverse

    [I^-1 + v s s'   v s]
    [v s'            v  ]     v the variance of z, s the slopes of the others' maximum by z.

Groups of whole units alone have scores: filtering ties the periods of a unit together.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ..design.ways import nested
from ..records.fit import FitRecord
from ..solve.serial import prais_winsten, prais_winsten_of_rows
from ..solve.serial_slopes import slope_by_psi
from .deviations import deviations
from .groups import group_codes, periods_of_rows, units_of_rows

STEP = 1e-4  # of central differences by z


def refuse_for_serial(chosen, fit: FitRecord) -> None:
    """Covariances that errors with psi do not have.

    Raises
    ------
    SpatialInputError
        E715.
    """
    kind, name = type(chosen).__name__, getattr(chosen, "kind", None)
    if kind == "Information" and name == "oim":
        return
    why = f"vcov={name or kind!r} is not there with serial='ar1'"
    if kind in ("Robust", "Cluster"):
        units, _ = group_codes(fit._design, "entity")
        by = getattr(chosen, "by", "entity")
        by = by if isinstance(by, list | tuple) else [by]
        if fit._design.varies and getattr(chosen, "pairs", False):
            raise SpatialInputError("E715", f"vcov={kind!r} by pairs of groups is not there with serial='ar1' under W "
                                    "that vary over time, or gaps", hint="vcov='oim', or sp.Robust(pairs=False)")
        if all(nested(units, group_codes(fit._design, one)[0]) for one in by):
            return
        why = "groups must hold whole units: serial='ar1' ties their periods together"
    raise SpatialInputError("E715", why, hint="vcov='oim', 'robust' or clusters of whole units")


def with_psi(fit: FitRecord, information: np.ndarray, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The information and the scores by row with z = atanh(psi) as their last parameter."""
    serial, p = fit._settings.serial, len(information)
    s, v = getattr(serial, "own_slopes", serial.slopes)[:p], serial.variance
    inverse = np.linalg.inv(information) + v * np.outer(s, s)
    whole = np.block([[inverse, v * s[:, None]], [v * s[None], np.full((1, 1), v)]])
    return np.linalg.inv(whole), np.column_stack([S, psi_scores(fit)])


def psi_scores(fit: FitRecord) -> np.ndarray:
    """Slopes of ln L by z, by row; they hold summed by unit and add up to zero at the maximum."""
    settings, at, T = fit._settings, fit._solution, fit._design.n_periods
    random, psi = settings.random, settings.serial.psi
    theta = 0.0 if random is None else 1 - np.exp(-np.log1p(random.d2 * random.phi) / 2)
    fixed = settings.effects.entity
    if settings.effects.ways:
        return slope_by_psi(fit.specification, fit._design, settings.effects, at, float(np.arctanh(psi)))
    if fit._design.observed is not None:
        return _scores_of_rows(fit)
    # Fixed effects: the contrasts of P^-1 times the filtered errors are those of the errors.
    z = (at.resid / deviations(fit)).reshape(T, -1)
    back = np.linalg.solve(_filter(psi, T, 0.0 if fixed else theta), z)
    squares, constants = [], []
    for move in (STEP, -STEP):
        other = np.tanh(np.arctanh(psi) + move)
        squares.append(((_filter(other, T, 1.0 if fixed else theta) @ back) ** 2).ravel())
        d2 = np.sum(prais_winsten(other, T).sum(axis=1) ** 2)
        constants.append((np.log1p(-(other**2)) - fixed * np.log(d2 / T)) / 2)
    share = 1 - settings.effects.time / fit._design.n_units
    slope = (squares[0] - squares[1]) / (2 * STEP)
    return -slope / 2 + share * (constants[0] - constants[1]) / (2 * STEP) / T


def _scores_of_rows(fit: FitRecord) -> np.ndarray:
    """The same of a pooled panel with gaps."""
    from scipy.sparse.linalg import spsolve_triangular

    d, at, psi = fit._design, fit._solution, fit._settings.serial.psi
    assert d.observed is not None
    e = at.resid / deviations(fit)
    by_unit = np.lexsort((periods_of_rows(d), units_of_rows(d)))
    K = prais_winsten_of_rows(psi, d.observed)[by_unit][:, by_unit]
    nu = np.empty(len(e))
    nu[by_unit] = spsolve_triangular(K.tocsr(), e[by_unit], lower=True)
    ends = []
    for move in (STEP, -STEP):
        other = prais_winsten_of_rows(float(np.tanh(np.arctanh(psi) + move)), d.observed)
        ends.append(np.log(other.diagonal()) - (other @ nu) ** 2 / 2)
    return (ends[0] - ends[1]) / (2 * STEP)


def _filter(psi: float, T: int, theta: float) -> np.ndarray:
    """(I - theta c c' / d2) P."""
    P = prais_winsten(psi, T)
    c = P.sum(axis=1)
    return P - theta * np.outer(c, c @ P) / (c @ c)
