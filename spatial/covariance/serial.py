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

from ..design.unit_rows import UnitRows
from ..design.ways import nested
from ..records.fit import FitRecord
from ..solve.serial import filtered_units, prais_winsten, prais_winsten_of_rows
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
        w = fit._design.obs_weights
        if (fit._design.varies or (w is not None and not w.fixed)) and getattr(chosen, "pairs", False):
            raise SpatialInputError("E715", f"vcov={kind!r} by pairs of groups is not there with serial='ar1' under W "
                                    "or weights that vary over time, or gaps",
                                    hint="vcov='oim', or sp.Robust(pairs=False)")  # fmt: skip
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
    d, settings, T = fit._design, fit._settings, fit._design.n_periods
    psi, fixed, plain = settings.serial.psi, settings.effects.entity, UnitRows.of(fit._design)
    if settings.effects.ways:
        by = fit.specification, d, settings.effects, fit._solution
        return slope_by_psi(*by, float(np.arctanh(psi)))
    if d.observed is not None:
        return _scores_of_rows(fit)
    kappa = 0.0 if settings.random is None else np.log1p(settings.random.d2 * settings.random.phi)

    def growth(at: float) -> tuple[UnitRows, np.ndarray]:
        """The effects' directions, and 1 + d2_i phi at the same kappa."""
        units = filtered_units(plain, at, T)
        return units, 1 + units.counts / units.mean_count * np.expm1(kappa)

    z = fit._solution.resid / deviations(fit)
    if not fixed:  # of fixed effects the contrasts of P^-1 times the filtered errors are those of the errors
        units, ratio = growth(psi)
        z = units.less(z, 1 - np.sqrt(ratio))
    back = np.linalg.solve(prais_winsten(psi, T), z.reshape(T, -1))
    squares, constants = [], []
    for move in (STEP, -STEP):
        other = float(np.tanh(np.arctanh(psi) + move))
        units, ratio = growth(other)
        ahead = (prais_winsten(other, T) @ back).ravel()
        squares.append(units.less(ahead, np.ones(units.N) if fixed else 1 - 1 / np.sqrt(ratio)) ** 2)
        d2 = np.sum(prais_winsten(other, T).sum(axis=1) ** 2)
        constants.append((np.log1p(-(other**2)) - fixed * np.log(d2 / T) - np.log(ratio))[units.codes] / 2)
    share = 1 - settings.effects.time / d.n_units
    return (-(squares[0] - squares[1]) / 2 + share * (constants[0] - constants[1]) / T) / (2 * STEP)


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
