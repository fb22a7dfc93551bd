"""Whether a path that all units share passes through W, where rows of W do not all sum to one.

Beside period effects W then lags deviations from period means (``design.period_means``). That is right where a common
path is in y beside the process, and biases rho where it passes through W: every period then has an effect of W 1 too,
which is left in the residuals and tells of it. Not always beside a spatial error: lambda takes up much of such a path,
and models with both have a note in any case (``reading.PATH_THROUGH_W``).
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc

from spillover.errors import warn

from ..covariance.adjusted import ADJUSTED
from ..design.design import Design, spatial_lag
from ..design.period_means import centers
from ..solve.ml import Solution
from .reading import Reading

LEVEL = 0.01


def warn_of_path(reading: Reading, solution: Solution) -> None:
    """Say so where residuals of single periods go with the row sums of W."""
    spec, d, effects = reading.specification, reading.design, reading.settings.effects
    if not spec.lag or effects.ways is not None or d.times is None or not centers(d.weights, effects.time):
        return
    statistic, df = effects_of_row_sums(d, solution.resid, solution.sigma2, effects.entity)
    p = float(chdtrc(df, statistic)) if df > 0 else 1.0  # rows of W may have one sum that is not one
    if p < LEVEL:
        warn(f"{spec.name}: rho may be biased, a path that all units share passes through W, whose rows do not all sum "
             f"to one: residuals have period effects of W 1, chi2({df}) = {statistic:.1f}, p = {p:.2g}; "
             f"{_cure(reading)}, sums those of W's rows, allows for it")  # fmt: skip


def _cure(reading: Reading) -> str:
    """The formula, and the method that takes such effects."""
    ways = "unit + period[sums]" if reading.settings.effects.entity else "period[sums]"
    return f"y ~ x | {ways}" + " with method='ml'" * (reading.settings.method in ADJUSTED)


def effects_of_row_sums(d: Design, e: np.ndarray, sigma2: float, entity: bool) -> tuple[float, int]:
    """sum_t (s_t'e_t)^2 / (sigma2 s_t's_t) with s_t = W_t 1 less its mean, and its degrees of freedom.

    This is the score test of period effects of W 1 but for what estimated coefficients take of it: 0.7 to 2.2 % of
    samples have p < .01 where there are none (400 samples, 31 x 8 and 60 x 6). Unit effects take one period's.

    Parameters
    ----------
    e : (m,), residuals
    """
    sums = d.rows(spatial_lag(d.weights, np.ones_like(d.y)))
    period = d.rows(np.broadcast_to(np.arange(len(d.y))[:, None], d.y.shape))
    size = np.bincount(period)
    apart = sums - (np.bincount(period, sums) / size)[period]
    length, along = np.bincount(period, apart**2), np.bincount(period, apart * e)
    there = length > 1e-12 * size * (sums @ sums / len(sums))
    return float((along[there] ** 2 / length[there]).sum() / sigma2), max(int(there.sum()) - entity, 0)
