"""Predictions where some outcomes are not observed.

With P = C'C the precision of y up to sigma2 (``solve.missing_problem``) and m what is missing, the best predictor is

    E(y_m | y_o) = TC_m - P_mm^-1 P_mo (y_o - TC_o),    TC = A^-1 X beta + effects

Its error's variance is sigma2 times that of the kriging predictor, in which beta and the effects are estimated, and by
the delta method what the estimates of rho and lambda add. Sources: Goldberger (1962, JASA 57:369-375); Goulard, Laurent
& Thomas-Agnan (2017, Spatial Economic Analysis 12:304-325), section 2; Zimmerman & Cressie (1992, Annals Inst. Stat.
Math. 44:27-43).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option

from ..covariance.kinds import factor_of_freedom
from ..records.fit import FitRecord
from ..records.missing import MissingRecord
from ..records.schema import critical_value
from ..solve.missing_projection import Projection
from .prediction import refuse_composed

KINDS = ("TS", "TC", "trend")


def predict_missing(fit: MissingRecord, level: float = 0.95) -> pd.DataFrame:
    """The outcomes that are not observed: their conditional means given all that are, with intervals.

    Parameters
    ----------
    fit : MissingFit
    level : float
        Coverage of the intervals, a share.

    Returns
    -------
    DataFrame by unit, or by unit and period: predicted, std_error, conf_low, conf_high
        In the units of the formula's left side: log(y) stays a logarithm. ``std_error`` is that of the difference
        between y and its prediction. NaN for units and periods that are never observed where they have effects.

    Examples
    --------
    >>> import numpy as np, shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> columbus.loc[columbus.index[:2], "CRIME"] = np.nan
    >>> fit = sp.sar("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"), missing="model")
    >>> fit.predict_missing().round(1)["predicted"].tolist()
    [13.5, 20.2]
    """
    d, at, critical = fit._design, fit._solution, critical_value(level, fit.df_resid)
    p, k = len(at.slopes.T), len(at.beta)
    absent = fit._sample.problem.absent
    estimated = fit._sample.problem.levels.estimated[absent]
    factor = factor_of_freedom(fit._sample.n, len(fit._terms), fit._settings)
    variance = fit.sigma2 * Projection(fit._sample.problem, at.point).variances() * (factor if p else 1.0)
    if p:
        usual = p > len(fit._sample.spatial)  # psi and the variance of the effects are in no other covariance
        V = factor * at.covariance[k:, k:] if usual else fit.vcov.to_numpy()[k:, k:]
        J = at.slopes[absent]
        variance = variance + np.einsum("ij,jk,ik->i", J, V, J)
    error = np.where(estimated, np.sqrt(variance), np.nan)
    predicted = at.filled[absent]
    columns = {"predicted": predicted, "std_error": error, "conf_low": predicted - critical * error,
               "conf_high": predicted + critical * error}  # fmt: skip
    table = pd.concat([_labelled(d, absent, values, name) for name, values in columns.items()], axis=1)
    return table[~d.labelled(d.seen, "seen").to_numpy()]


def nothing_missing(fit: FitRecord) -> pd.DataFrame:
    """The table of ``predict_missing`` for a fit all of whose outcomes are observed: without rows.

    Raises
    ------
    SpatialInputError
        E501 where rows were left out.
    """
    d = fit._design
    if d.observed is not None or any("missing values dropped" in note for note in d.notes):
        raise SpatialInputError("E501", "rows without an outcome were left out of this fit, and have no prediction",
                                hint='fit the model with missing="model"')  # fmt: skip
    index = d.labelled(d.y, "predicted").index[:0]
    return pd.DataFrame(np.zeros((0, 4)), index, ["predicted", "std_error", "conf_low", "conf_high"])


def _labelled(d, absent: np.ndarray, values: np.ndarray, name: str) -> pd.Series:
    whole = np.full(d.y.size, np.nan)
    whole[absent] = values
    return d.labelled(whole.reshape(d.y.shape), name)


def predict_in_sample(fit: MissingRecord, kind: str | None = None) -> pd.Series:
    """The response of all units, observed or not.

    Parameters
    ----------
    fit : MissingFit
    kind : {"TS", "TC", "trend"}, optional
        "TS", the default: y - e, y at its conditional mean where it is missing. "TC": A^-1 (X beta + c), what the
        model expects from the regressors everywhere. "trend": X beta + c.

    Raises
    ------
    SpatialInputError
        E501 unknown kind.
    """
    check_option("kind", kind or "TS", KINDS)
    if fit._settings.serial is not None:
        refuse_composed(fit, kind or "TS")
    d = fit._design
    if (kind or "TS") == "TS":
        return d.labelled(fit.completed.outcome - fit._errors, "predicted")
    if kind == "TC":
        return d.labelled(reduced_form_of_all(fit) + fit.levels, "predicted")
    problem, levels = fit._sample.problem, fit.levels.ravel()
    lagged = sum((rho * (W @ levels) for rho, W in zip(fit._solution.point.rhos, problem.W)), np.zeros_like(levels))
    return d.labelled(_regression_part(fit) + (levels - lagged).reshape(d.y.shape), "predicted")


def reduced_form_of_all(fit: MissingRecord) -> np.ndarray:
    """A^-1 (X beta + D d), (T, N), of all units, D d the effects in the equation, without those that are levels."""
    right = _regression_part(fit)
    return fit._sample.problem.solve(fit._solution.point.rhos, right.ravel()).reshape(right.shape)


def _regression_part(fit: MissingRecord) -> np.ndarray:
    """X beta, lags of X among them, the offset and D d, (T, N)."""
    problem, at = fit._sample.problem, fit._solution
    out = problem.X @ at.beta + at.absorbed
    return (out if problem.offset is None else out + problem.offset).reshape(fit._design.y.shape)
