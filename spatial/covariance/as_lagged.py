"""W and M as the likelihood lags columns: of deviations from period means, W J, where rows do not sum to one."""

from __future__ import annotations

from spillover.matrix import SpatialWeights, TemporalWeights

from ..design.arrays import by_gls
from ..design.period_means import centers, lag_of_deviations, of_deviations
from ..design.regimes import SplitDesign
from ..design.several import SeveralDesign
from ..records.fit import FitRecord
from .missing_view import Completed

Weights = SpatialWeights | TemporalWeights


def as_lagged(fit: FitRecord) -> tuple[Weights, Weights]:
    """W and M, W J and M J in their places where period effects left with them; of M not where effects leave by
    generalised least squares, as they do from outcomes that are observed in part."""
    W, M = fit._design.weights, fit._design.weights_of_error
    carried, time = by_gls(fit._sample) or isinstance(fit._solution, Completed), fit._settings.effects.time
    if fit._settings.correction is not True:
        return W, M
    if centers(W, time) and fit.specification.lag:
        W = of_deviations(W)
    return W, M if carried or M.varies or not centers(M, time) else of_deviations(M)


def several_as_lagged(fit: FitRecord) -> list[list[tuple]] | None:
    """The same of several W: matrices of the lag and of the error, in a list for all periods; None where W lags columns
    as they are, and where the likelihood's own matrices are these, as beside effects behind |."""
    d, settings = fit._design, fit._settings
    if not isinstance(d, SeveralDesign) or d.varies or settings.correction is not True:
        return None
    if isinstance(d, SplitDesign) and d.spatial_regimes:
        return None  # the determinants have them
    if settings.effects.ways:
        return None
    if not centers(d.weights, settings.effects.time):
        return None
    return [[tuple(lag_of_deviations(d.weights.matrices[m]).csr for m in own)]
            for own in (d.weights.lag, d.weights.error)]  # fmt: skip
