"""The door to effects: of any fit, by any method of inference."""

from __future__ import annotations

from spillover.values import share, whole_number

from ..records.fit import FitRecord
from .average import Effects, averaged
from .few_rows import by_default
from .infer import Options
from .long_run import DynamicEffects


def effects(fit: FitRecord, *, method=None, level=0.95, draws=1000, seed=1) -> Effects | DynamicEffects:
    """Direct, indirect and total effects of every regressor, with standard errors, intervals and p-values.

    Parameters
    ----------
    fit : FitRecord
    method : {"quadrature", "likelihood", "simulate", "delta"}, optional
        "quadrature": the effects' distribution under the normal (or t) law of the estimates, exact and without a seed;
        the default but for few rows, which have the next. "likelihood": the ratios of the profile and the modified
        profile likelihood, of (restricted) maximum likelihood; the default in cross-sections with fewer than 20 rows
        per parameter, fewer than 100 beyond the coefficients or rho near the end of its interval, and for sac and gns
        on fewer than 1,000 rows (``spatial.effects.likelihood``). "simulate": percentiles of
        draws from the law of "quadrature". "delta": a first-order expansion, which covers too little for indirect
        effects.
    level : float
        Coverage of the intervals, a share.
    draws, seed : int
        Of "simulate" alone.

    Returns
    -------
    Effects, or DynamicEffects for a model with ``lags=``
        p, interval and ``statistic`` agree at every level: p <= 1 - level exactly where the interval excludes zero.
        ``std_error`` is the width of the central 95 % interval over 2 x 1.96 (over twice the critical value of t where
        the fit has degrees of freedom): the usual one for a normal distribution, and finite where the effect, a
        ratio, has no variance. ``statistic`` is the normal (or t) quantile of p, with the sign of the effect.

    Raises
    ------
    SpatialInputError
        E501 for an unknown method, a likelihood that the fit does not have, or fewer draws than the level
        needs; E701 when most of the distribution of rho leaves its admissible interval.

    Notes
    -----
    LeSage & Pace (2009), ch. 2.7 and 5.6; Elhorst (2014), section 2.7; Severini (1998, Biometrika 85:403-411) for the
    modified likelihood, Venzon & Moolgavkar (1988, Applied Statistics 37:87-94) for its intervals.
    """
    method = ("likelihood" if by_default(fit) else "quadrature") if method is None else method
    options = Options(method, share("level", level), whole_number("draws", draws, least=1),
                      whole_number("seed", seed, least=0))  # fmt: skip
    if fit._design.lags:
        return DynamicEffects(fit, options)
    return averaged(fit, fit._design.regressors, options)
