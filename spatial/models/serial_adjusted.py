"""``method="reml"`` beside errors that are correlated over time: rho or lambda and psi, with beta estimated.

Given psi the filtered data are those of a panel with independent periods (``solve.serial``), whose restricted scores
of rho and lambda are those of ``solve.reml_several``. That of psi is the slope of the restricted likelihood at the same
rho and lambda,

    -(m / 2) ln q - ln|Z'B'B Z| / 2 + (N / 2) [ln(1 - psi^2) - ln(d2 / T)],

Z the filtered regressors and period effects (Patterson & Thompson 1971, Biometrika 58:545-554); ln(d2 / T) belongs to
unit effects, and N is N - 1 beside period effects. All scores are solved together, z = atanh(psi).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import null_space

from spillover.matrix import refuse_varying

from ..design.arrays import Sample
from ..design.design import Design
from ..design.fixed_effects import NO_EFFECTS, FixedEffects
from ..design.gaps import refuse_unbalanced
from ..design.obs_weights import refuse_weighted
from ..design.options import Settings
from ..design.sample import demeaned_sample
from ..design.specification import Specification
from ..design.stacked import stacked
from ..solve.reml_several import Restricted
from ..solve.serial import EDGE, STEP, SerialErrors, over_time, prais_winsten, to_unit_means
from ..solve.several_roots import SeveralAdjusted, several_root
from .serial import serial_errors
from .serial_fixed import demeaned_over_units, not_demeaned


def refuse_serial_adjusted(d: Design) -> None:
    """E109, E320 and E540 for what the restricted scores of serial errors do not have."""
    refuse_unbalanced(d.observed, "serial='ar1' with method='reml'", "method='ml' without effects")
    for weights in (d.weights, d.weights_of_error):
        refuse_varying(weights, "serial='ar1' with method='reml'")
    if d.obs_weights is not None and not d.obs_weights.fixed:
        refuse_weighted(d.obs_weights, "serial='ar1' with method='reml' and weights that change over time",
                        "method='ml', or one weight for each unit")  # fmt: skip


def restricted_serial(
    specification: Specification, d: Design, settings: Settings
) -> tuple[Sample, SeveralAdjusted, SerialErrors]:
    """The sample of independent errors at the root, the root, and psi.

    Raises
    ------
    SpatialInputError
        E701 where the likelihood, from whose maximum the search goes, has none; E702, E713: see ``several_root``.
    """
    plain, at, _, ml = serial_errors(specification, d, settings.with_(method="ml"))
    names = ["rho"] * specification.lag + ["lambda"] * specification.error
    joint = Joint(specification, d, settings.effects, len(names))
    start = np.array([*[at.rho] * specification.lag, *[at.lam] * specification.error, np.arctanh(ml.psi)])

    def inside(theta: np.ndarray) -> bool:
        ends = [part.interval for part in plain.parts]
        return abs(np.tanh(theta[-1])) < EDGE and all(low < x < high for (low, high), x in zip(ends, theta))

    theta, fall = several_root(joint, start, inside, [*names, "psi"])
    V = np.linalg.inv(fall)
    psi, p = float(np.tanh(theta[-1])), len(names)
    root = joint.at(theta[-1]).solution(theta[:p], V[:p, :p])
    by_psi = V[:p, p] / V[p, p]
    moved = root.covariance[:-p, -p:] @ np.linalg.solve(V[:p, :p], by_psi)  # beta moves with rho
    of_sigma2 = [joint.at(theta[-1] + step).solution(theta[:p] + step * by_psi, V[:p, :p]).sigma2
                 for step in (STEP, -STEP)]  # fmt: skip
    slopes = np.array([*moved, *by_psi, (of_sigma2[0] - of_sigma2[1]) / (2 * STEP)])
    d2 = float(np.sum(prais_winsten(psi, d.n_periods).sum(axis=1) ** 2))
    serial = SerialErrors(psi, float(1 / V[p, p]), slopes, d2, 0.0)
    return _sample(specification, d, settings, psi), root, serial


class Joint:
    """(rho, lambda, z) -> the restricted scores and their derivatives."""

    def __init__(self, specification: Specification, d: Design, effects: FixedEffects, p: int):
        self.specification, self.d, self.effects, self.p = specification, d, effects, p
        self._kept: dict[float, Restricted] = {}

    def at(self, z: float) -> Restricted:
        """Of the data filtered by psi = tanh(z)."""
        if z not in self._kept:
            P = prais_winsten(float(np.tanh(z)), self.d.n_periods)
            back = null_space(P.sum(axis=1)[None]).T if self.effects.entity else np.eye(len(P))
            system = stacked(self.specification, self.d, self.effects, over_time=(back @ P, back))
            self._kept = {**dict(list(self._kept.items())[-5:]), z: Restricted(system)}
        return self._kept[z]

    def level(self, psi: np.ndarray, z: float) -> float:
        """The restricted likelihood of z at (rho, lambda), but for what does not depend on z."""
        own, T = self.at(z), self.d.n_periods
        BQ, (_, q) = own.BQ(psi[own.problem.J :]), own.problem.gamma(psi)
        size = np.linalg.slogdet(BQ.T @ BQ)[1] / 2 + np.log(np.abs(np.diag(own.R))).sum()
        d2 = np.sum(prais_winsten(float(np.tanh(z)), T).sum(axis=1) ** 2)
        gain = np.log1p(-(np.tanh(z) ** 2)) - self.effects.entity * np.log(d2 / T)
        return float(-own.problem.n / 2 * np.log(q) - size + (self.d.n_units - self.effects.time) / 2 * gain)

    def slope(self, psi: np.ndarray, z: float) -> float:
        return (self.level(psi, z + STEP) - self.level(psi, z - STEP)) / (2 * STEP)

    def __call__(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        psi, z, p = theta[: self.p], float(theta[-1]), self.p
        value, slopes = np.zeros(p + 1), np.zeros((p + 1, p + 1))
        value[:p], slopes[:p, :p] = self.at(z)(psi)
        value[p] = self.slope(psi, z)
        ahead, here, behind = (self.level(psi, z + move) for move in (STEP, 0.0, -STEP))
        slopes[p, p] = (ahead - 2 * here + behind) / STEP**2
        slopes[:p, p] = (self.at(z + STEP)(psi)[0] - self.at(z - STEP)(psi)[0]) / (2 * STEP)
        for j, step in enumerate(STEP * np.eye(p)):
            slopes[p, j] = (self.slope(psi + step, z) - self.slope(psi - step, z)) / (2 * STEP)
        return value, slopes


def _sample(specification: Specification, d: Design, settings: Settings, psi: float) -> Sample:
    """The arrays filtered by psi, effects out, as those of maximum likelihood are."""
    effects, P = settings.effects, prais_winsten(psi, d.n_periods)
    if not effects.fixed:
        return over_time(demeaned_sample(specification, d, NO_EFFECTS, True, settings.logdet), P)
    plain = demeaned_sample(specification, d, effects, True, settings.logdet)
    H = to_unit_means(P.sum(axis=1)) if effects.entity else np.eye(len(P))
    whole = not_demeaned(specification, d, effects, plain)
    return replace(over_time(demeaned_over_units(over_time(whole, H @ P), d, effects), H), factors=None)
