"""Is there spatial autocorrelation left under this W?"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ..design.design import spatial_lag
from ..diagnostics.residuals import lm_residual_error, moran_of_residuals
from ..models.fit import Fit


def residual_moran(fit: Fit) -> tuple[float, str, float, float]:
    """(I, name of the test, its statistic, its p-value); no test for models with a spatial error.

    I = (N T / S0) e'W e / e'e is descriptive; the tests account for e being residuals.
    """
    e, W, shape = fit._solution.resid, fit._design.weights, fit._design.y.shape
    lagged = spatial_lag(W, e.reshape(shape)).ravel()
    total = np.broadcast_to(W.row_sums.reshape(-1, shape[1]), shape).sum()
    I = float(len(e) / total * (e @ lagged) / (e @ e)) if total else np.nan
    spatial = fit.specification.lag or fit.specification.error
    try:
        test = lm_residual_error(fit) if spatial else moran_of_residuals(fit)
    except SpatialInputError:
        return I, "", np.nan, np.nan
    return I, test.name, test.statistic, test.p_value
