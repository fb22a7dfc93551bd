"""The spatial regression family, for cross-sections and panels: one signature, eight models.

======  ================================================  ==========================
model   equation                                          spillovers
======  ================================================  ==========================
ols     y = X b + e                                       none
slx     y = X b + W X t + e                               local, theta
sar     y = rho W y + X b + e                             global, through y
sem     y = X b + u,  u = lambda M u + e                  none in the means
sdm     y = rho W y + X b + W X t + e                     global and local
sdem    y = X b + W X t + u,  u = lambda M u + e          local, theta
sac     y = rho W y + X b + u,  u = lambda M u + e        global, through y
gns     y = rho W y + X b + W X t + u,  likewise          global and local
======  ================================================  ==========================

Observations count alike: weighted observations are out of scope. W may differ between the periods of a panel:
``wt.temporal({year: w})``, matched by the periods' labels. Keywords that all models take:

entity, time : str, optional
    Columns with unit and period: both make a panel. A (unit, period) MultiIndex serves instead. For a
    cross-section the index, or ``entity``, holds the units.
effects : {"none", "entity", "time", "twoway", "random", "correlated", "chamberlain"}, optional
    Panels get "twoway" unless told otherwise. "random" takes unit effects as draws that the regressors know nothing
    of: by maximum likelihood (``sp.variance_components(fit)``, ``sp.lr_test(pooled, random)``, ``sp.hausman(fixed,
    random)``). "correlated" lets them follow the unit means of all regressors that vary, W X among them (Mundlak
    1978): ``sp.mundlak_test(fit)``; "chamberlain" (1982) the regressors of every period, ``x in 1970``, which takes
    many units and few periods; ``sp.lr_test(correlated, chamberlain)`` tests the one in the other. Year effects beside
    them: ``C(year)`` in the formula.
durbin : list of str, optional
    For slx, sdm, sdem and gns: the terms that are lagged in space; all but the intercept by default, and W 1
    besides where it is no constant.
method : {"ml", "gmm"}
    For ols and slx with random effects None, the default, is Swamy and Arora's estimator and "ml" maximum
    likelihood; nothing else of theirs depends on it. For all others: exact maximum likelihood, or the method of
    moments, which needs no normal errors and no determinant: two-stage least squares (sar, sdm) and generalised
    moments (sem, sdem, sac, gns). Moments of a spatial error hold without effects and with entity effects. With
    ``lags=`` it is GMM on past values, for many units and few periods; ``method=sp.ArellanoBond(...)`` sets its
    instruments, ``sp.instrument_tests`` tests them.
correction : bool or "additive"
    Correct maximum likelihood with fixed effects for the effects' number (Lee & Yu 2010). True, the default:
    by transformation where it exists (entity effects always; time and two-way effects when W's rows sum to
    one), else additively. Standard errors then count the coefficients too: "oim" has the factor n / (n - p). False
    gives what ``xsmle`` and ``splm`` give.
vcov : str or object, optional
    With "ml": "oim" (observed information, the default), "eim" (expected), "robust", or an object with
    settings such as ``sp.Cluster("region")``, ``sp.Jackknife("region")`` for few groups, or
    ``sp.Conley(cutoff=300)``: see ``spatial.covariance.vcov``.
    With "gmm": "classical" (the default), "robust" to heteroskedasticity; with a spatial error the latter is
    another estimator and changes the estimates too. For sar and sdm also "hc1" and, in panels, "cluster".
missing : {"error", "drop", "period"}
    "drop" leaves out units with missing values and cuts W down to the rest. "period", for panels, leaves a unit
    out of the periods that it is absent from or has missing values in; W of a period is that of its units,
    standardised again.

Keywords of some:

lags : {"y", "Wy", "both"}, optional
    For sar and sdm in panels: the dynamic model, with y_{t-1} (``lag(y)``, tau), W y_{t-1} (``W:lag(y)``, eta) or both
    among the regressors, conditional on the first period. Unit effects bias its maximum likelihood by O(1/T); with
    ``correction=True`` the estimates are corrected (Yu, de Jong & Lee 2008), with two-way effects after the time
    effects are transformed out (Lee & Yu 2010, Econometric Theory 26:564-597) or, where they cannot be, together with
    theirs.
    The correction needs a T of about ten; with fewer periods and many units there is ``method="gmm"``.
    ``fit.effects()`` has a short and a long run, ``fit.stationarity`` the condition for the latter. A ``lag(y)`` in
    the formula is not corrected; with unit effects a warning says so.
wx_order : {1, 2}
    For slx, sdm and sdem: 2 adds W^2 X, named ``W2:x``; its effects count theta_2 W^2.
w_error : weights, optional
    For sem, sdem, sac and gns: M, the weights of the error process, over the same units; W by default.
random_error : {"kkp", "baltagi"}, optional
    For these with random effects: whether mu is inside the error process, u = lambda M u + mu + e (Kapoor, Kelejian
    & Prucha 2007; the default), or beside it, u = mu + v with v = lambda M v + e (Anselin; Baltagi, Song & Koh 2003;
    what ``xsmle`` and Stata's ``spxtregress`` print), which needs dense matrices and is for 5,000 units.
endog, instruments : list of str
    For sar and sdm with ``method="gmm"``: regressors that are correlated with the error, and terms (columns or
    functions of them) that instrument them. A lagged endogenous regressor is endogenous too; lags of the
    instruments instrument it. Tests: ``sp.instrument_tests(fit)``.
logdet : {"eigen", "sparse", "cholmod", "stochastic"}, optional
    How log|I - rho W| is computed; by default what suits W's size and structure. The header says which.
"""

from __future__ import annotations

import pandas as pd

from ..design.specification import Specification
from .estimate import estimate
from .fit import Fit

OLS = Specification("OLS", lag=False, error=False, durbin=False)
SLX = Specification("SLX", lag=False, error=False, durbin=True)
SAR = Specification("SAR", lag=True, error=False, durbin=False)
SDM = Specification("SDM", lag=True, error=False, durbin=True)

# Each function hands its arguments on by name: at its start ``locals()`` is exactly those.


def ols(
    formula: str, data: pd.DataFrame, w, *, entity: str | None = None, time: str | None = None,
    effects: str | None = None, durbin: list[str] | None = None, method: str | None = None,
    correction: bool | str = True, vcov=None, missing: str = "error",
) -> Fit:  # fmt: skip
    """Linear regression without spatial terms, the start of every specification search.

    Parameters
    ----------
    formula : str
    data : DataFrame, one row per unit or per unit and period, in any order
    w : weights over the same units
        Not part of the model: tests of its residuals use them.
    entity, time, effects, durbin, method, correction, vcov, missing
        As for all models: see ``spatial.models.family``.

    Returns
    -------
    Fit
        t statistics with sigma2 = SSE / df.

    Raises
    ------
    SpatialInputError
        E1xx ids and periods, E2xx values, E3xx weights,
        E5xx formula or options.

    Examples
    --------
    >>> import numpy as np, pandas as pd, spatial as sp
    >>> W = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]) / 2
    >>> data = pd.DataFrame({"y": [1.0, 2.0, 4.0, 3.5], "x": [0.0, 1.0, 2.0, 3.0]}, index=list("abcd"))
    >>> w = pd.DataFrame(W, index=data.index, columns=data.index)
    >>> sp.ols("y ~ x", data, w).params.round(3).to_dict()
    {'Intercept': 1.2, 'x': 0.95}
    """
    return estimate(OLS, **locals())


def slx(
    formula: str, data: pd.DataFrame, w, *, entity: str | None = None, time: str | None = None,
    effects: str | None = None, durbin: list[str] | None = None, wx_order: int = 1,
    method: str | None = None,
    correction: bool | str = True, vcov=None, missing: str = "error",
) -> Fit:  # fmt: skip
    """Regression with spatially lagged regressors: y = X beta + W X theta + e.

    Its effects are beta and theta (times W's mean row sum).

    Parameters
    ----------
    formula : str
    data : DataFrame, one row per unit or per unit and period, in any order
    w : weights over the same units
    wx_order : {1, 2}
        2 adds W^2 X, named ``W2:x``.
    entity, time, effects, durbin, method, correction, vcov, missing
        As for all models: see ``spatial.models.family``.

    Raises
    ------
    SpatialInputError
        E1xx ids and periods, E2xx values (collinear ``W:x`` among them), E3xx weights,
        E5xx formula or options.

    References
    ----------
    Halleck Vega & Elhorst (2015), The SLX model, J. Regional Science 55:339-363.
    """
    return estimate(SLX, **locals())


def sar(
    formula: str, data: pd.DataFrame, w, *, entity: str | None = None, time: str | None = None,
    effects: str | None = None, durbin: list[str] | None = None, method: str = "ml",
    endog: list[str] | None = None, instruments: list[str] | None = None,
    lags: str | None = None,
    correction: bool | str = True, vcov=None, missing: str = "error", logdet: str | None = None,
) -> Fit:  # fmt: skip
    """Spatial autoregressive (lag) model: y = rho W y + X beta + e.

    Parameters
    ----------
    formula : str
    data : DataFrame, one row per unit or per unit and period, in any order
    w : weights over the same units
    endog, instruments : list of str
        Endogenous regressors and what instruments them, with ``method="gmm"``.
    lags : {"y", "Wy", "both"}
        A dynamic panel: y, W y or both of the period before among the regressors.
    entity, time, effects, durbin, method, correction, vcov, missing, logdet
        As for all models: see ``spatial.models.family``.

    Raises
    ------
    SpatialInputError
        E1xx ids and periods, E2xx values, E3xx weights,
        E5xx formula or options, E701 rho on the edge of its interval, E702 information not
        positive definite, E704 not identified by the instruments, E710 and E711 a dynamic model's correction.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> w = wt.queen(columbus).standardize("row")
    >>> [round(sp.sar("CRIME ~ INC + HOVAL", columbus, w, method=m).rho, 2) for m in ("ml", "gmm")]
    [0.42, 0.46]

    References
    ----------
    Ord (1975), JASA 70:120-126; Anselin (1988), Spatial Econometrics, ch. 6; by moments Kelejian & Prucha
    (1998), J. Real Estate Finance and Economics 17:99-121.
    """
    return estimate(SAR, **locals())


def sdm(
    formula: str, data: pd.DataFrame, w, *, entity: str | None = None, time: str | None = None,
    effects: str | None = None, durbin: list[str] | None = None, wx_order: int = 1,
    method: str = "ml",
    endog: list[str] | None = None, instruments: list[str] | None = None,
    lags: str | None = None,
    correction: bool | str = True, vcov=None, missing: str = "error", logdet: str | None = None,
) -> Fit:  # fmt: skip
    """Spatial Durbin model: y = rho W y + X beta + W X theta + e.

    Coefficients are not effects: read ``fit.effects()``.

    Parameters
    ----------
    formula : str
    data : DataFrame, one row per unit or per unit and period, in any order
    w : weights over the same units
    endog, instruments : list of str
        Endogenous regressors and what instruments them, with ``method="gmm"``.
    lags : {"y", "Wy", "both"}
        A dynamic panel: y, W y or both of the period before among the regressors.
    wx_order : {1, 2}
        2 adds W^2 X, named ``W2:x``.
    entity, time, effects, durbin, method, correction, vcov, missing, logdet
        As for all models: see ``spatial.models.family``.

    Returns
    -------
    Fit
        ``params`` holds ``x``, ``W:x`` and ``rho``.

    Raises
    ------
    SpatialInputError
        E1xx ids and periods, E2xx values (collinear ``W:x`` among them), E3xx weights,
        E5xx formula or options, E701 rho on the edge of its interval, E702 information not
        positive definite, E704 not identified by the instruments, E710 and E711 a dynamic model's correction.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> fit = sp.sdm("log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp", shapefiles.load_panel("us_states"), w,
    ...              entity="state", time="year", effects="twoway")
    >>> round(fit.rho, 2)
    0.41

    References
    ----------
    LeSage & Pace (2009), Introduction to Spatial Econometrics, ch. 2-3; Lee & Yu (2010), J. Econometrics
    154:165-185; Elhorst (2014), Spatial Econometrics, ch. 3.
    """
    return estimate(SDM, **locals())
