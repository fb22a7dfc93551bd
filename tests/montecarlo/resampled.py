"""Dynamic panels whose standard errors come from bootstrap samples; those of the information are in ``panels``."""

from __future__ import annotations

import spatial as sp

from .cell import Draw
from .panels import dynamic_panel


def resampled_panel(*, draws: int, **design) -> Draw:
    """The samples of ``dynamic_panel``, with a covariance of ``draws`` bootstrap samples each."""
    plain = dynamic_panel(**design)

    def results(rng):
        fit = plain.results(rng)[0].with_vcov(sp.Bootstrap(draws=draws))
        return fit, fit.effects().long_run if fit.stationarity.holds else None

    return Draw(results, plain.outcomes)
