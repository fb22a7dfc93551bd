"""Are the residuals of two-stage least squares correlated over space?

With e the residuals, e = u - Z T'u, the form e'M e has the mean s2 tr(M) under independent errors and

    variance = s2^2 / 2 tr(S S) + s2 a'a,    S = M + M',    a = -T Z'S e,

the second part from the estimated coefficients: with exogenous regressors alone a is of smaller order and the test is
Moran's. Fixed effects are out of e, and traces are those of what they leave (``solve.forms``; of gaps and W that vary
``solve.projected_forms``).
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights

from ..covariance.moments import by_moments
from ..design.carried import effects_of
from ..design.design import Design
from ..design.fixed_effects import FixedEffects
from ..records.fit import FitRecord
from ..records.tests import TestResult
from ..solve.block_forms import periods_of
from ..solve.forms import direction, form
from ..solve.gmm import MomentSample, basis, regressors, two_stage
from ..solve.projected_forms import Projection, base_forms, refuse_many_effects


def anselin_kelejian(fit: FitRecord) -> TestResult:
    """Spatial correlation of the residuals of two-stage least squares.

    Parameters
    ----------
    fit : FitRecord
        ``ols``, ``slx``, ``sar`` or ``sdm`` with ``method="gmm"``, in a cross-section or a panel with any fixed
        effects, with gaps and with W that vary over time.

    Returns
    -------
    TestResult
        The square of a standard normal, chi2(1).

    Raises
    ------
    SpatialInputError
        E309 more than 3,000 effects beside gaps or W that vary, E501 other fits.

    Notes
    -----
    Anselin & Kelejian (1997, International Regional Science Review 20:153-182), with the variance of Kelejian & Prucha
    (2001, J. Econometrics 104:219-257) for M that need not be symmetric.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sar("CRIME ~ INC + HOVAL", columbus, wt.queen(columbus).standardize("row"), method="gmm")
    >>> round(sp.anselin_kelejian(fit).p_value, 2)
    0.9
    """
    d, effects, spec = fit._design, fit._settings.effects, fit.specification
    if fit._settings.method != "gmm" or spec.error or d.lags or effects.random or d.obs_weights is not None:
        raise SpatialInputError("E501", "anselin_kelejian is for static two-stage least squares without random effects "
                                f"and obs_weights=, got {spec.name} with method={fit._settings.method!r}",
                                hint="sp.sar(..., method='gmm'); after least squares sp.lm_tests, after a likelihood "
                                "sp.lm_residual_error")  # fmt: skip
    s, _ = by_moments(fit)
    Z = regressors(s)
    stage = two_stage(s.y, Z, basis(s))
    e = stage.resid
    s2 = float(e @ e) / s.n
    Se, trace, squares = _moran(d, s, effects, e)
    a = stage.T @ (Z.T @ Se)
    variance = s2**2 / 2 * squares + s2 * float(a @ a)
    gap = float(e @ Se) / 2 - s2 * trace
    return TestResult("Anselin-Kelejian", gap**2 / variance, 1, "no spatial correlation of the errors")


def _moran(d: Design, s: MomentSample, effects: FixedEffects, e: np.ndarray) -> tuple[np.ndarray, float, float]:
    """S e, tr(Q M) and tr(Q S Q S), Q what the effects leave."""
    w = d.weights_of_error
    if d.observed is None and isinstance(w, SpatialWeights) and effects.ways is None:
        moran = form(w.csr, v=direction(np.ones(w.n)) if effects.time else None)
        return moran @ e, s.copies * moran.trace, s.copies * moran.inner(moran)
    refuse_many_effects(d, effects, "anselin_kelejian with gaps or W that vary", "missing='drop' and w.mean()")
    own = effects_of(d, effects) if effects.fixed else None
    Q = Projection(None, None) if own is None else Projection(own.BD(0.0), own.factor(0.0))
    moran_t = base_forms(periods_of(d), False)[2]
    return moran_t @ e, Q.trace(moran_t), float(Q.inner((moran_t,))[0, 0])
