"""Errors that are correlated over time beside fixed effects: both leave by transformations.

Once P makes the periods of nu independent (``solve.serial``), unit effects are c mu with c = P 1, and the contrasts of
time that are orthogonal to c are free of them: (I - c c'/ d2) P y, d2 = c'c. Their likelihood is that of T - 1
independent periods, whatever psi is. It is also that of T - 1 contrasts F'y of the data, F'1 = 0, since

    ln|F'V F| = ln|V| + ln(1'V^-1 1 / T),    V^-1 = P'P,    so that ln L gains (N / 2) (ln(1 - psi^2) - ln(d2 / T)).

Weights of observations that are the same in all periods make the variance of the contrasts a Kronecker product, and ln
L has what they add without psi, too (``obs_weights``).

It has no incidental parameters: psi is not biased by the unit effects, as it is where their dummies are estimated
(Nickell 1981). The reflection H with H c = |c| 1 / sqrt(T) makes c a multiple of 1: plain demeaning of H P y takes it
out. Period effects remain period effects under P; F'WF takes them out, one unit less, W and M lagging deviations from
period means where their rows do not sum to one (``design.period_means``).

Sources: Lee & Yu (2010, J. Econometrics 154:165-185), the transformation; (2012, International Economic Review
53:1369-1412), fixed effects beside errors that are correlated over space and time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample
from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..design.options import ModelOptions, Settings
from ..design.sample import demeaned_sample, regressor_columns
from ..design.specification import Specification
from ..solve.ml import Solution, maximum_likelihood
from ..solve.serial import ARRAYS, SerialErrors, over_time, prais_winsten, serial_maximum, to_unit_means


def refuse_serial_fixed(
    effects: FixedEffects, options: ModelOptions
) -> None:
    """Fixed effects that do not leave by transformation.

    Raises
    ------
    SpatialInputError
        E501 another correction.
    """
    if options.correction is not True:
        raise SpatialInputError("E501", f"serial='ar1' takes {effects} effects out by transformation: "
                                f"correction={options.correction!r} has no meaning",
                                hint="leave correction= out")  # fmt: skip


def beside_fixed_effects(
    specification: Specification, d: Design, settings: Settings
) -> tuple[Sample, Solution, None, SerialErrors]:
    """The sample of independent errors without fixed effects, the solution and psi."""
    T, effects = d.n_periods, settings.effects
    plain = demeaned_sample(specification, d, effects, True, settings.logdet)  # its checks, n and determinants
    whole = not_demeaned(specification, d, effects, plain)
    present = np.array([specification.lag, specification.error])
    units = d.n_units - effects.time

    def at(psi: float) -> tuple[Sample, np.ndarray, Solution]:
        P = prais_winsten(psi, T)
        H = to_unit_means(P.sum(axis=1)) if effects.entity else np.eye(T)
        sample = demeaned_over_units(over_time(whole, H @ P), d, effects)
        return sample, H, maximum_likelihood(sample)

    def gain(psi: float) -> float:
        d2 = np.sum(prais_winsten(psi, T).sum(axis=1) ** 2)
        return units / 2 * (np.log1p(-(psi**2)) - effects.entity * np.log(d2 / T))

    def profile(psi: float) -> tuple[float, np.ndarray]:
        *_, s = at(psi)
        return s.loglik + gain(psi), np.array([*s.beta, *np.array([s.rho, s.lam])[present], s.sigma2])

    serial = serial_maximum(profile, T)
    sample, H, s = at(serial.psi)
    back = over_time(sample, H)
    resid = (H @ s.resid.reshape(T, -1)).ravel()
    return back, replace(s, loglik=s.loglik + gain(serial.psi), resid=resid), None, serial


def not_demeaned(specification: Specification, d: Design, effects: FixedEffects, plain: Sample) -> Sample:
    """The sample's arrays as they are before effects leave: y, X and their lags."""
    X, _ = regressor_columns(d, effects)
    arrays = {"y": d.y, "X": X}
    if specification.lag:
        arrays["Wy"] = d.lag(d.outcome, effects)
    if specification.error:
        M = d.weights_of_error
        arrays |= {"My": d.lag(d.y, effects, M), "MX": d.lag(X, effects, M)}
        if specification.lag:
            arrays["MWy"] = d.lag(arrays["Wy"], effects, M)
    flat: dict[str, Any] = {name: a.reshape(d.nobs, *a.shape[2:]) for name, a in arrays.items()}
    return replace(plain, **flat, factors=None)


def demeaned_over_units(sample: Sample, d: Design, effects: FixedEffects) -> Sample:
    def within(values):  # times the roots of weights of observations, which are the same in all periods
        return None if values is None else (d.root * d.rows(d.within(d.panel(values), effects)).T).T

    return replace(sample, **{name: within(getattr(sample, name)) for name in ARRAYS})
