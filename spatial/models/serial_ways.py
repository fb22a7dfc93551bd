"""Errors that are correlated over time beside effects behind ``|``: the ways of the filtered data.

Given psi, P kron I makes the periods of the errors independent (``solve.serial``), and y, X and the dummies D become
those of a model without serial correlation, whose effects leave as they do there: by transformation, by the exact mean
of the score of rho, or by generalised least squares beside a spatial error. Of U, an orthonormal basis of D, the
likelihood of what is orthogonal to D gains

    N / 2 ln(1 - psi^2) - 1/2 ln|U'(P'P kron I) U|

(Harville 1974), so that no effect biases psi. Where D is a product of a functions A of time with units and of periods
with b groups of units, this is (N - b) / 2 (ln(1 - psi^2) - ln|A'P'P A|), and what the effects take of the score of rho
is the same for every psi. Else that depends on psi, and beside a spatial error on lambda; the derivative of ln L by psi
is then taken without it, because the score of psi has the mean zero without: psi is the root of that derivative, rho
and the others at their own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample
from ..design.design import Design
from ..design.filtered_ways import filtered_effects
from ..design.invariant import is_exact
from ..design.options import Settings
from ..design.specification import Specification
from ..solve.carried_effects import maximum_of
from ..solve.ml import Solution
from ..solve.serial import STEP, SerialErrors, prais_winsten, serial_maximum
from ..solve.serial_slopes import slope_by_psi

MAX_STEPS, SETTLED = 20, 1e-7


def beside_ways(
    specification: Specification, d: Design, settings: Settings
) -> tuple[Sample, Solution, None, SerialErrors]:
    """The sample of independent errors without effects, the solution and psi.

    Raises
    ------
    SpatialInputError
        E701 a unit root over time, E801 not settled, E309 too many effects; else as without serial correlation.
    """
    T, N = d.y.shape
    effects, present = settings.effects, np.array([specification.lag, specification.error])
    assert effects.ways is not None

    def at(psi: float) -> tuple[Sample, Solution]:
        P = prais_winsten(psi, T)
        within = filtered_effects(effects, P)
        sample, s = maximum_of(specification, filtered(d, P), within, True, settings.logdet)
        gain = N / 2 * np.log1p(-(psi**2)) - within.ways.log_size / 2  # type: ignore[union-attr]
        return sample, replace(s, loglik=s.loglik + gain)

    def theta(sample: Sample, s: Solution) -> np.ndarray:
        return np.array([*s.beta[: sample.k], *np.array([s.rho, s.lam])[present], s.sigma2])

    def profile(psi: float) -> tuple[float, np.ndarray]:
        sample, s = at(psi)
        return s.loglik, theta(sample, s)

    try:
        at(0.0)  # says what is wrong with the columns
    except SpatialInputError as error:
        if error.code not in ("E701", "E801"):  # no maximum where psi = 0
            raise
    serial = serial_maximum(profile, T)
    turned = specification.error and not is_exact(d, effects, d.weights, d.weights_of_error)
    if specification.lag and (turned or effects.ways.product is None):

        def slope(z: float) -> tuple[float, np.ndarray]:
            sample, s = at(float(np.tanh(z)))
            return slope_by_psi(specification, d, effects, s, z).sum(), theta(sample, s)

        serial = _root(slope, serial)
    return *at(serial.psi), None, serial


def filtered(d: Design, P: np.ndarray) -> Design:
    """The design with P over the periods of y, X and the offset."""
    X = np.einsum("ts,snk->tnk", P, d.X)
    return replace(d, y=P @ d.y, X=X, offset=None if d.offset is None else P @ d.offset)


def _root(slope, start: SerialErrors) -> SerialErrors:
    """psi at which the derivative of ln L by z = atanh(psi) is zero, near the maximum of the profile."""
    z, bend = float(np.arctanh(start.psi)), start.curvature
    for _ in range(MAX_STEPS):
        value, _ = slope(z)
        step = float(np.clip(value / bend, -0.2, 0.2))
        z += step
        if abs(step) < SETTLED:
            break
    else:
        message = f"the search for psi did not settle: last psi {np.tanh(z):.6g}, step {step:.2g}"
        raise SpatialInputError("E801", message, hint="rescale the regressors, or leave serial= out")
    (ahead, over), (behind, under) = slope(z + STEP), slope(z - STEP)
    return replace(start, psi=float(np.tanh(z)), curvature=-(ahead - behind) / (2 * STEP),
                   slopes=(over - under) / (2 * STEP))  # fmt: skip
