"""R2 of a model, of the kinds that regressions, panels and spatial models are reported with.

Squared correlations compare y with its reduced form (I - rho W)^-1 (X beta + W X theta): what the regressors alone
expect, without fixed effects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError

from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..effects.prediction import reduced_form
from ..effects.several_prediction import reduced_form_of_several
from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.several import SeveralRecord


@dataclass(frozen=True)
class RSquared:
    """Shares of variance; NaN where a kind has no meaning for the model.

    Attributes
    ----------
    r2 : float
        1 - e'e / sum (y - mean)^2, what fixed effects explain included and y less an offset; sums and means are
        weighted where observations are. Least squares of a cross-section: R2. With a spatial error e is the innovation.
        Not for random effects.
    adjusted : float
        1 - (1 - r2) (m - 1) / df, of least squares.
    within, between, overall : float
        Squared correlations of y with its reduced form in a panel: of deviations from unit means, of unit means, of all
        rows. As Stata's ``xtreg`` and ``xsmle`` print.
    corr : float
        Squared correlation of y with its reduced form, the model's own fixed effects taken out of both (Elhorst 2014,
        p. 60). In a cross-section the pseudo R2 of Stata's ``spregress``.
    """

    r2: float
    adjusted: float
    within: float = float("nan")
    between: float = float("nan")
    overall: float = float("nan")
    corr: float = float("nan")


def r_squared(fit: FitRecord) -> RSquared:
    """R2 of every kind.

    Notes
    -----
    A dynamic model's reduced form is conditional on the year before. Where rho lies at or beyond the end of its
    admissible interval there is no reduced form, and squared correlations are NaN.
    """
    d, e = fit._design, fit._solution.resid
    y, w = d.rows(d.y), d.root**2
    total = float(w @ (y - np.average(y, weights=w)) ** 2)
    share = float("nan") if fit._settings.composed else 1 - float(e @ e) / total
    adjusted = float("nan")
    if not (fit.specification.lag or fit.specification.error) and fit.df_resid:
        adjusted = 1 - (1 - share) * (len(y) - 1) / (d.left(fit._settings.effects) - len(fit.params))
    try:
        expected = _reduced_form(fit)
    except (SpatialInputError, np.linalg.LinAlgError, RuntimeError):
        return RSquared(share, adjusted)
    def share_within(effects: FixedEffects) -> float:
        return _squared(_within(d, d.outcome, effects), _within(d, expected, effects), w)

    corr = share_within(fit._settings.effects)
    if not d.is_panel:
        return RSquared(share, adjusted, corr=corr)
    within = share_within(FixedEffects(entity=True))
    mass = np.nan_to_num(d.panel(w)).sum(axis=0)
    there = mass > 0  # units of a dynamic panel may be neighbors only
    y_bar, fitted_bar = (np.nan_to_num(d.panel(w * d.rows(values))).sum(axis=0)[there] / mass[there]
                         for values in (d.outcome, expected))  # fmt: skip
    between = _squared(y_bar, fitted_bar, mass[there] if d.obs_weights is not None else np.ones(there.sum()))
    return RSquared(share, adjusted, within, between, _squared(d.rows(d.outcome), d.rows(expected), w), corr)


def _reduced_form(fit: FitRecord) -> np.ndarray:
    return reduced_form_of_several(fit) if isinstance(fit, SeveralRecord | RegimesRecord) else reduced_form(fit)


def _within(d: Design, values: np.ndarray, effects: FixedEffects) -> np.ndarray:
    return d.rows(d.within(values, effects) if effects.fixed else values)


def _squared(a: np.ndarray, b: np.ndarray, w: np.ndarray) -> float:
    """The squared correlation, rows weighted; NaN where one of the two does not vary."""
    a, b = (np.sqrt(w) * (x - np.average(x, weights=w)) for x in (a, b))
    size = float(a @ a) * float(b @ b)
    tiny = 1e-20 * max(float(a @ a), 1e-300) ** 2
    return float(a @ b) ** 2 / size if size > tiny else float("nan")
