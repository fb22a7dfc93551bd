"""A weighted regression as one without weights: D y on D X with the weights D W D^-1, D the roots of the weights."""

from __future__ import annotations

from dataclasses import replace

from ..design.obs_weights import links_in_units_of_variance, refuse_weighted
from ..records.fit import FitRecord


def in_units_of_variance(fit: FitRecord, test: str) -> FitRecord:
    """The fit itself without weights of observations; with them the model whose errors have one variance.

    Statistics that are computed from its residuals, regressors and W are those of the weighted model.

    Raises
    ------
    SpatialInputError
        E540 effects of units or periods, which are no means in that model, or sampling weights.
    """
    d = fit._design
    if d.obs_weights is None:
        return fit
    if d.obs_weights.sampling:
        refuse_weighted(d.obs_weights, f"{test} with sampling weights", "sp.wald_test, sp.lincom, sp.nlcom")
    if fit._settings.effects:
        refuse_weighted(d.obs_weights, f"{test} with {fit._settings.effects} effects",
                        "effects='none' with C(unit) dummies in the formula, or sp.wald_test")  # fmt: skip
    root = d.obs_weights.root
    W = links_in_units_of_variance(d, d.weights)
    M = None if d.error_weights is None else links_in_units_of_variance(d, d.error_weights)
    offset = None if d.offset is None else root * d.offset
    alike = replace(d, y=root * d.y, X=root[:, :, None] * d.X, offset=offset, weights=W, error_weights=M,
                    obs_weights=None)  # fmt: skip
    return replace(fit, _design=alike)
