"""SLX: spatially lagged regressors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from spillover.frames import takes_frames

from ..design.obs_weights import Sampling
from ..design.options import ModelOptions
from ..design.regimes import Regimes
from ..design.specification import Specification
from .estimate import estimate
from .fit import Fit

if TYPE_CHECKING:
    from spillover.types import WeightsLike

SLX = Specification("SLX", lag=False, error=False, durbin=True)


@takes_frames
def slx(
    formula: str, data: pd.DataFrame, w: WeightsLike, *, entity: str | None = None, time: str | None = None,
    effects: str | None = None, durbin: list[str] | dict | None = None, wx_order: int = 1,
    method: str | None = None,
    endog: list[str] | None = None, instruments: list[str] | None = None,
    lags: str | None = None, serial: str | None = None, correction: bool | str = True, vcov: Any = None,
    obs_weights: str | Sampling | None = None, missing: str = "error",
    regimes: str | Regimes | None = None,
) -> Fit:  # fmt: skip
    """Regression with spatially lagged regressors: y = X beta + W X theta + e.

    Its effects are beta and theta (times W's mean row sum).

    Parameters
    ----------
    formula : str
        ``"y ~ x1 + log(x2)"``: columns, + - * / ** inside ``I(...)``, ``log``, ``exp``, ``sqrt``, ``C(category)``,
        ``lag(x, 1)``, ``center``, ``scale``, ``poly``; ``x:z`` and ``x*z`` interact.
    data : DataFrame
        One row per unit, or per unit and period, in any order: ids match it with ``w``. Or a table of Arrow, polars or
        xarray.
    w : weights over the same units
        spillover weights (``wt.queen(map)``), a libpysal Graph or W, a labelled DataFrame, or a matrix in the data's
        order. ``wt.temporal({year: w})`` has one W per period, matched by the periods' labels. A list of W has them in
        one model, by maximum likelihood: rho_1, rho_2 ..., of the error lambda_1, lambda_2 ...
    entity, time : str, optional
        Columns, or levels of the index, with unit and period: both make a panel. A (unit, period) MultiIndex serves
        instead. In a cross-section the index, or ``entity``, holds the units.
    effects : {"none", "entity", "time", "twoway", "random", "correlated", "chamberlain"}, optional
        Effects of units and periods; "twoway" in panels by default. "random": unit effects uncorrelated with the
        regressors (``sp.variance_components``, ``sp.hausman``). "correlated" lets them follow the unit means of all
        regressors that vary, W X among them (Mundlak 1978; ``sp.mundlak_test``); "chamberlain" (1982) the regressors of
        every period, for many units and few periods. Period effects beside these: ``C(year)`` in the formula.
    durbin : list of str, or dict of str to weights, optional
        The terms that are lagged in space; by default all but the intercept, and W 1 where rows of W have different
        sums: without it rho would depend on where y has its zero. ``{"x": w1, "z": w2}`` lags each term by its own W,
        or by a list of W.
    wx_order : {1, 2}
        2 adds W^2 X, named ``W2:x``; its effects count theta_2 W^2.
    method : {None, "ml", "gmm"}, optional
        With random effects: None is Swamy and Arora's estimator, "ml" maximum likelihood. With ``endog=``: two-stage
        least squares. With ``lags=`` also "aqs", the unbiased score of a dynamic panel. Ignored otherwise.
    endog, instruments : list of str, optional
        With ``method="gmm"`` (``sp.Moments(...)`` has settings): regressors that are correlated with the error, and
        terms (columns or functions of them) that instrument them. A lagged endogenous regressor is endogenous too; lags
        of the instruments instrument it. With ``lags=``, ``endog=`` may stand alone: values of two periods or more
        before instrument it. Tests: ``sp.instrument_tests(fit)``, ``sp.endogeneity_test(fit)``.
    lags : {"y", "Wy", "both"}, optional
        The dynamic panel: y_{t-1} (``lag(y)``, tau), W y_{t-1} (``W:lag(y)``, eta) or both among the regressors,
        conditional on the first period. Unit effects bias its maximum likelihood by O(1/T); with ``correction=True``
        the estimates are corrected (Yu, de Jong & Lee 2008; with two-way effects Lee & Yu 2010, Econometric Theory
        26:564-597), which needs a T of about ten. With fewer periods use ``method="aqs"``, the root of the score less
        its exact mean (Yang 2018, J. Econometrics 205:423-447), which holds for three periods already and whatever the
        first one was. ``fit.effects()`` has a short and a long run, ``fit.stationarity`` the condition for the latter
        with a test of it. With ``missing="period"`` units may enter, leave and miss periods: rows are those with an own
        y_{t-1}, who enters is a neighbor with a starting value and without an error that neighbors' errors answer to,
        and the score loses its exact mean over these rows. It does so too, for up to 2,000 units (800 effects beside a
        spatial error), with W that vary, with several W (``W_1:lag(y)`` ...), with tau, rho, lambda or sigma2 by
        regime, with ``obs_weights=`` and with more effects behind ``|`` than those of units and periods.
        ``method="gmm"`` is GMM on past values, for many units, which takes errors of unequal variances;
        ``method=sp.ArellanoBond(...)`` sets its instruments.
    serial : {"ar1"}, optional
        In panels: errors that are correlated over time within units, nu_t = psi nu_(t-1) + e_t, beside fixed or random
        effects, a spatial lag and a spatial error or without them (Baltagi, Song, Jung & Koh 2007; Millo 2014); psi is
        in ``sp.variance_components(fit)``. By maximum likelihood, fixed effects by transformation (Lee & Yu 2012);
        three periods or more. With ``obs_weights=`` nu sqrt(w) is what is correlated. ``fit.forecast`` carries the last
        errors on.
    correction : bool or "additive"
        Small samples. True: the covariance "oim" has the factor n / (n - p), statistics are t(n - p), and fixed effects
        leave the likelihood by transformation (Lee & Yu 2010; beside period effects W whose rows do not all sum to one
        lags deviations from period means). "additive" corrects for period effects after the maximum (Elhorst 2014).
        False gives the numbers of R, GeoDa, ``xsmle`` and ``splm``; by moments the factor n / (n - k) is left out.
    vcov : str or object, optional
        With "ml": "oim" (observed information, the default; "classical" is the same), "eim" (expected), "robust",
        "cluster", "jackknife", "driscoll_kraay", "bootstrap", or an object with settings: ``sp.Cluster("region")``,
        ``sp.Jackknife("region")`` for few groups, ``sp.Conley(cutoff=300)``. "hc0" and "hc1" are White's, without and
        with the factor n / (n - k). With ``endog=``: "classical" (the default), "robust", "hc0", "hc1", "cluster" and
        objects.
    obs_weights : str or Sampling, optional
        Column of positive weights w of the observations: Var(e) = sigma2 / w, as of a mean over w people (analytic
        weights). ``sp.Sampling("column")``: sampling weights, with robust standard errors, for least squares and
        moments. sigma2 is the variance at w = 1, as in R. Effects average over units without weights.
    missing : {"error", "drop", "period", "model"}
        "drop" leaves out units with missing values or rows and cuts W down to the rest. "period", for panels, leaves a
        unit out of the periods that it is absent from or has missing values in; W of a period is that of its units,
        standardised again. Where absent units take part in the process all the same, rho is biased towards zero: .4 by
        .05 with a tenth absent at random and by .09 with a fifth (intervals cover .88 and .65). "model", where y alone
        is missing: the process runs on all units and the whole W, the likelihood is that of the observed y, and
        ``predict_missing()`` has the others.
    regimes : str or Regimes, optional
        A column with the regime of every unit: all coefficients, the intercept too, differ between regimes, and rho is
        the same. ``sp.Regimes("region", terms=["x"], rho=True, sigma2=True)`` chooses what differs; the variance of
        random effects is in one ratio to sigma2. Theta is that of the unit that receives W x, the lag of the whole x.
        See ``sp.chow_test``.

    Raises
    ------
    SpatialInputError
        E1xx ids and periods, E2xx values (collinear ``W:x`` among them), E3xx weights,
        E5xx formula or options.

    References
    ----------
    Halleck Vega & Elhorst (2015), The SLX model, J. Regional Science 55:339-363.
    """
    options = ModelOptions(
        entity=entity, time=time, effects=effects, durbin=durbin, wx_order=wx_order, method=method,
        endog=endog, instruments=instruments, lags=lags, correction=correction, vcov=vcov,
        obs_weights=obs_weights, missing=missing,
        regimes=regimes, serial=serial,
    )  # fmt: skip
    return estimate(SLX, formula, data, w, options)
