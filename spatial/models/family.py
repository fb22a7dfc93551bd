"""The spatial regression family, for cross-sections and panels: one signature, seven models.

======  ================================================  ==========================
model   equation                                          spillovers
======  ================================================  ==========================
ols     y = X b + e                                       none
slx     y = X b + W X t + e                               local, theta
sar     y = rho W y + X b + e                             global, through y
sem     y = X b + u,  u = lambda W u + e                  none in the means
sdm     y = rho W y + X b + W X t + e                     global and local
sdem    y = X b + W X t + u,  u = lambda W u + e          local, theta
sac     y = rho W y + X b + u,  u = lambda W u + e        global, through y
======  ================================================  ==========================

Keywords that all of them take:

entity, time : str, optional
    Columns with unit and period: both make a panel. A (unit, period) MultiIndex serves instead. For a
    cross-section the index, or ``entity``, holds the units.
effects : {"none", "entity", "time", "twoway"}, optional
    Fixed effects. Panels get "twoway" unless told otherwise.
durbin : list of str, optional
    For slx, sdm and sdem: the terms that are lagged in space; all but the intercept by default.
lee_yu : bool or "additive"
    Correct fixed-effects estimates for the effects' number (Lee & Yu 2010). True, the default: by
    transformation where it exists (entity effects always; time and two-way effects when W's rows sum to
    one), else additively. False gives what ``xsmle`` and ``splm`` give.
vcov : {"oim", "eim"}
    Covariance from the observed or the expected information.
missing : {"error", "drop"}
    "drop" leaves out units with missing values and cuts W down to the rest.
"""

from __future__ import annotations

import pandas as pd

from ..results import Fit, Specification
from ._estimate import estimate

OLS = Specification("OLS", lag=False, error=False, durbin=False)
SLX = Specification("SLX", lag=False, error=False, durbin=True)
SAR = Specification("SAR", lag=True, error=False, durbin=False)
SEM = Specification("SEM", lag=False, error=True, durbin=False)
SDM = Specification("SDM", lag=True, error=False, durbin=True)
SDEM = Specification("SDEM", lag=False, error=True, durbin=True)
SAC = Specification("SAC", lag=True, error=True, durbin=False)


def ols(formula: str, data: pd.DataFrame, w, **options) -> Fit:
    """Linear regression without spatial terms, the start of every specification search.

    Parameters
    ----------
    formula : str
    data : DataFrame, one row per unit or per unit and period
    w : weights over the same units
        Not part of the model: tests of its residuals use them.
    **options
        entity, time, effects, lee_yu, vcov, missing: see ``spatial.models.family``.

    Returns
    -------
    Fit
        t statistics with sigma2 = SSE / df.

    Raises
    ------
    SpatialInputError
        E1xx ids and periods, E2xx values, E5xx formula or options.

    Examples
    --------
    >>> import numpy as np, pandas as pd, spatial as sp
    >>> W = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]) / 2
    >>> data = pd.DataFrame({"y": [1.0, 2.0, 4.0, 3.5], "x": [0.0, 1.0, 2.0, 3.0]}, index=list("abcd"))
    >>> w = pd.DataFrame(W, index=data.index, columns=data.index)
    >>> sp.ols("y ~ x", data, w).params.round(3).to_dict()
    {'Intercept': 1.2, 'x': 0.95}
    """
    return estimate(OLS, formula, data, w, **options)


def slx(formula: str, data: pd.DataFrame, w, **options) -> Fit:
    """Regression with spatially lagged regressors: y = X beta + W X theta + e.

    Its direct and indirect effects are beta and theta (times W's mean row sum). Parameters and errors as in
    ``ols``, with ``durbin`` besides.

    References
    ----------
    Halleck Vega & Elhorst (2015), The SLX model, J. Regional Science 55:339-363.
    """
    return estimate(SLX, formula, data, w, **options)


def sar(formula: str, data: pd.DataFrame, w, **options) -> Fit:
    """Spatial autoregressive (lag) model by maximum likelihood: y = rho W y + X beta + e.

    Parameters and errors as in ``sdm``.

    References
    ----------
    Ord (1975), JASA 70:120-126; Anselin (1988), Spatial Econometrics, ch. 6.
    """
    return estimate(SAR, formula, data, w, **options)


def sem(formula: str, data: pd.DataFrame, w, **options) -> Fit:
    """Spatial error model by maximum likelihood: y = X beta + u, u = lambda W u + e.

    Parameters and errors as in ``sdm``.

    References
    ----------
    Ord (1975), JASA 70:120-126; Anselin (1988), Spatial Econometrics, ch. 6.
    """
    return estimate(SEM, formula, data, w, **options)


def sdm(formula: str, data: pd.DataFrame, w, **options) -> Fit:
    """Spatial Durbin model by maximum likelihood: y = rho W y + X beta + W X theta + e.

    Coefficients are not effects: read ``fit.effects()``.

    Parameters
    ----------
    formula : str
    data : DataFrame, one row per unit or per unit and period, in any order
    w : weights over the same units
    **options
        entity, time, effects, durbin, lee_yu, vcov, missing: see ``spatial.models.family``.

    Returns
    -------
    Fit
        ``params`` holds ``x``, ``W:x`` and ``rho``.

    Raises
    ------
    SpatialInputError
        E1xx ids and periods, E2xx values (collinear ``W:x`` among them), E3xx weights, E5xx formula or
        options, E701 rho on the edge of its interval, E702 information not positive definite.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> fit = sp.sdm("log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp", shapefiles.load_panel("us_states"), w,
    ...              entity="state", time="year", effects="twoway")
    >>> round(fit.rho, 2)
    0.36

    References
    ----------
    LeSage & Pace (2009), Introduction to Spatial Econometrics, ch. 2-3; Lee & Yu (2010), J. Econometrics
    154:165-185; Elhorst (2014), Spatial Econometrics, ch. 3.
    """
    return estimate(SDM, formula, data, w, **options)


def sdem(formula: str, data: pd.DataFrame, w, **options) -> Fit:
    """Spatial Durbin error model by maximum likelihood: y = X beta + W X theta + u, u = lambda W u + e.

    Local spillovers only: effects are beta and theta. Parameters and errors as in ``sdm``.

    References
    ----------
    LeSage (2014), What regional scientists need to know about spatial econometrics.
    """
    return estimate(SDEM, formula, data, w, **options)


def sac(formula: str, data: pd.DataFrame, w, **options) -> Fit:
    """Spatial lag and spatial error together (SARAR), both with W, by maximum likelihood.

    Parameters and errors as in ``sdm``.

    References
    ----------
    Anselin (1988), ch. 6; LeSage & Pace (2009), section 2.7.
    """
    return estimate(SAC, formula, data, w, **options)
