"""R2 of models with outcomes that are not observed."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ..effects.missing_prediction import reduced_form_of_all
from ..records.missing import MissingRecord
from .r_squared import RSquared


def r_squared_of_observed(fit: MissingRecord) -> RSquared:
    """The squared correlation of the observed y with (I - rho W)^-1 (X beta + W X theta), the model's effects taken
    out of both (``corr``), and in a panel without (``overall``); other kinds are NaN."""
    d, effects = fit._design, fit._settings.effects
    nothing = float("nan")
    try:
        expected = reduced_form_of_all(fit)
    except (SpatialInputError, np.linalg.LinAlgError, RuntimeError):
        return RSquared(nothing, nothing)

    def rows(values: np.ndarray) -> np.ndarray:
        return d.rows_within(values, effects)

    corr = _squared(rows(d.y), rows(expected))
    overall = _squared(d.y[d.seen], expected[d.seen]) if d.is_panel else nothing
    return RSquared(nothing, nothing, overall=overall, corr=corr)


def _squared(a: np.ndarray, b: np.ndarray) -> float:
    """The squared correlation; NaN where one of the two does not vary."""
    a, b = a - a.mean(), b - b.mean()
    size = float(a @ a) * float(b @ b)
    return float(a @ b) ** 2 / size if size > 0 else float("nan")
