"""Are the residuals of two-stage least squares correlated over space?

With e the residuals, e = u - Z T'u, the form e'M e has the mean s2 tr(M) under independent errors and

    variance = s2^2 / 2 tr(S S) + s2 a'a,    S = M + M',    a = -T Z'S e,

the second part from the estimated coefficients: with exogenous regressors alone a is of smaller order and the test is
Moran's. Fixed effects are out of e, and traces are those of what they leave (``solve.forms``): beside period effects M
is J M J, J = I - 11'/N, whatever its rows sum to.
"""

from __future__ import annotations

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..covariance.moments import by_moments
from ..records.fit import FitRecord
from ..records.tests import TestResult
from ..solve.forms import form
from ..solve.gmm import basis, regressors, two_stage


def anselin_kelejian(fit: FitRecord) -> TestResult:
    """Spatial correlation of the residuals of two-stage least squares.

    Parameters
    ----------
    fit : FitRecord
        ``ols``, ``slx``, ``sar`` or ``sdm`` with ``method="gmm"``, in a cross-section or a panel with any fixed
        effects.

    Returns
    -------
    TestResult
        The square of a standard normal, chi2(1).

    Raises
    ------
    SpatialInputError
        E109 gaps, E320 weights that vary, E501 other fits.

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
    if d.observed is not None:
        raise SpatialInputError("E109", "anselin_kelejian needs a balanced panel", hint="missing='drop'")
    w = refuse_varying(d.weights_of_error, "anselin_kelejian")
    s, _ = by_moments(fit)
    Z = regressors(s)
    stage = two_stage(s.y, Z, basis(s))
    e, moran = stage.resid, form(w.csr, centered=effects.time)
    s2 = float(e @ e) / s.n
    Se = moran @ e
    a = stage.T @ (Z.T @ Se)
    variance = s2**2 * s.copies / 2 * moran.inner(moran) + s2 * float(a @ a)
    gap = float(e @ Se) / 2 - s2 * s.copies * moran.trace
    return TestResult("Anselin-Kelejian", gap**2 / variance, 1, "no spatial correlation of the errors")
