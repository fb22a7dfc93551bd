"""Forecasts of a panel: the response of new periods, given the regressors there, with intervals.

    y_{T+h} = A^-1 (tau y_{T+h-1} + eta W y_{T+h-1} + X_{T+h} beta + W X_{T+h} theta + c + u_{T+h}),   u = B^-1 e

with A = I - rho W, B = I - lambda M. c are the unit effects: the means of A y - X beta over the periods of the fit, or
of random effects their best linear predictor. A forecast leaves out e of the new periods; its variance has

    sigma2 sum_j M^j A^-1 (B'B)^-1 A^-1' M^j'  +  D_h Cov(c) D_h'  +  J V J',   M = A^-1 (tau I + eta W)

the errors to come, those within the estimated c (D_h = sum_{j<h} M^j A^-1), and the parameters' own (J the derivatives
of the forecast). Sources: Goldberger (1962, JASA 57:369-375); Baltagi, Bresson & Pirotte (2012, Computational
Statistics & Data Analysis 56:3381-3396), for random effects with spatial errors; Yu, de Jong & Lee (2008) for the
dynamic model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.ids import of_all_units, positions
from spillover.matrix import SeveralWeights, TemporalWeights, as_weights, refuse_varying
from spillover.provenance import made_from
from spillover.show import Shown
from spillover.values import share

from ..design.arrays import by_gls
from ..design.moving import lag_effects
from ..design.obs_weights import refuse_weighted
from ..design.periods import refuse_gaps
from ..logdet.inverse import Inverse
from ..records.fit import FitRecord
from ..records.regimes import RegimesRecord
from ..records.schema import critical_value, rows_of, two_sided
from ..records.several import SeveralRecord
from .forecast_errors import variances
from .future import Future, future_of, last_errors, unit_effects
from .operators import solved
from .several_forecast import at_parameters, lagging, operators_of_new, weights_of_new

DENSE_MAX = 5_000  # units; the variance of a forecast needs dense N x N matrices
PERIOD_EFFECTS = ("mean", "last")
STEP = 1e-5  # of central differences, relative to a parameter's standard error


@dataclass(frozen=True, eq=False)
class Forecast(Shown):
    """The response of every unit in new periods, with prediction intervals.

    Attributes
    ----------
    table : DataFrame indexed by unit and period
        ``estimate``, ``std_error`` of the forecast error, ``conf_low``, ``conf_high``; in units of the formula's left
        side.
    fit : FitRecord
    level : float
    period_effects : str
        What was assumed of the new periods' effects; empty where the model has none.
    """

    table: pd.DataFrame
    fit: FitRecord = field(repr=False)
    level: float = 0.95
    period_effects: str = ""

    @property
    def predicted(self) -> pd.Series:
        """By unit and period."""
        return self.table["estimate"].rename("predicted")

    def tidy(self) -> pd.DataFrame:
        """One row per unit and period in the common schema; the statistic is that of a response of zero."""
        t, df = self.table, self.fit.df_resid
        statistic = (t["estimate"] / t["std_error"]).to_numpy()
        return rows_of(list(t.index.get_level_values(0)), t["estimate"], std_error=t["std_error"], statistic=statistic,
                       p_value=two_sided(statistic, df), conf_low=t["conf_low"], conf_high=t["conf_high"],
                       period=list(t.index.get_level_values(1)))  # fmt: skip


def forecast(
    fit: FitRecord, data: pd.DataFrame, w=None, *, period_effects: str | Mapping | None = None, level: float = 0.95
) -> Forecast:  # fmt: skip
    """Forecast the response of all units in new periods.

    Parameters
    ----------
    fit : Fit
        Of a panel, static or dynamic.
    data : DataFrame
        One row per unit and new period, with the formula's regressors; the response is not read. Periods are later than
        those of the fit; with lags they follow without a gap.
    w : weights, optional
        Of the new periods; by default those of the fit, where they are the same in all periods.
    period_effects : {"mean", "last"}, or mapping of period to value; optional
        Needed where the model has period effects: those of new periods are not estimated. The mean of the estimated
        ones, the last one, or values as deviations from their mean, in units of the response before the multiplier
        (which is one where rows of W do not sum to one: W then lags deviations from period means).
    level : float
        Coverage of the prediction intervals, a share.

    Returns
    -------
    Forecast
        ``.table``, ``.predicted``, ``.tidy()``.

    Raises
    ------
    SpatialInputError
        E501 a cross-section, unknown options, period effects that are not said or not there; E1xx units and periods;
        E2xx values; E308 rows of W that sum to one in the fit
        alone or in the new periods alone; E309 above 5,000 units; E320 W that vary.

    Notes
    -----
    Intervals take the regressors of the new periods, and the period effects, as known, and errors as independent over
    time. Where ``sp.serial_correlation(fit)`` finds that they are not, they are too short; with ``serial="ar1"`` a
    forecast has psi^h times the last error in it, and its interval is that of the errors to come.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w, panel = wt.queen(shapefiles.load("us_states")).standardize("row"), shapefiles.load_panel("us_states")
    >>> past, new = panel[panel["year"] < 1985], panel[panel["year"] >= 1985]
    >>> fit = sp.sdm("log(gsp) ~ log(emp) + unemp", past, w, entity="state", time="year", effects="entity")
    >>> fit.forecast(new).table.loc["AL"].round(2).to_dict("index")[1986]
    {'estimate': 10.7, 'std_error': 0.04, 'conf_low': 10.63, 'conf_high': 10.77}

    References
    ----------
    Goldberger (1962); Baltagi, Bresson & Pirotte (2012); Yu, de Jong & Lee (2008).
    """
    d, effects = fit._design, fit._settings.effects
    share("level", level)
    effects.refuse_ways("a forecast", "fit.predict() has the fitted periods")
    if not d.is_panel:
        raise SpatialInputError("E501", "a forecast needs a panel: a cross-section has no periods to come",
                                hint="fit.predict(new, w) for new units")  # fmt: skip
    refuse_weighted(d.obs_weights, "a forecast", "fit.predict() has the fitted periods")
    if d.lags and isinstance(fit, SeveralRecord | RegimesRecord):
        raise SpatialInputError("E324", "a forecast of a dynamic model is there for one W, the same everywhere",
                                hint="fit.predict() has the fitted periods")
    if d.n_units > DENSE_MAX:
        raise SpatialInputError("E309", f"forecasts need dense {d.n_units:,} x {d.n_units:,} matrices", n=d.n_units,
                                hint="fit.predict() has the fitted periods")  # fmt: skip
    if fit._settings.serial is not None and d.varies:
        raise SpatialInputError("E320", "with serial='ar1' the last errors go on, under W that is the same in all "
                                "periods of a panel without gaps", hint="w.mean(), or missing='drop'")  # fmt: skip
    if effects.time and effects.entity and d.observed is not None:
        raise SpatialInputError("E501", "forecasts with two-way effects need a panel without gaps",
                                hint="effects='entity'")  # fmt: skip
    W, M = _as_lagged(fit, *_weights(fit, w))
    new = future_of(fit, data, W)
    if fit._settings.serial is not None:
        refuse_gaps(d.periods.append(new.times))
    deviations, words = _period_effects(fit, new, period_effects)
    params, V = _with_psi(fit)

    def path(theta: np.ndarray) -> np.ndarray:
        return _path(fit, new, W, M, theta, deviations(theta))

    at = path(params)
    J = _jacobian(path, params, np.sqrt(np.diag(V)))
    variance = variances(fit, W, M, len(at)) + np.einsum("hip,pq,hiq->hi", J, V, J)
    half = critical_value(level, fit.df_resid) * np.sqrt(variance)
    index = pd.MultiIndex.from_product([new.times, d.ids], names=[new.times.name, d.ids.name])
    columns = {"estimate": at, "std_error": np.sqrt(variance), "conf_low": at - half, "conf_high": at + half}
    table = pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=index)
    regressors = pd.DataFrame(new.columns.reshape(len(index), -1), index=index, columns=new.names)
    return made_from(Forecast(table.swaplevel().sort_index(), fit, level, words), fit, regressors)


def _path(fit: FitRecord, new: Future, W, M, theta: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """The forecasts (H, N) at parameters theta."""
    named = _named(fit, theta)
    c = unit_effects(fit, named, M)
    carried = None if fit._settings.serial is None else last_errors(fit, named, c)
    beta = np.array([named[name] for name in new.names])
    tau, eta = (named.get(f"{w}lag({fit._design.response})", 0.0) for w in ("", "W:"))
    solve, y, before = _solver(fit, named, W, M), fit._design.outcome[-1], _last_weights(fit, W)
    out = []
    for h, (X, offset, deviation) in enumerate(zip(new.columns, new.offset, deviations), 1):
        right = X @ beta + offset + c + deviation
        if carried is not None:
            right = right + named["psi"] ** h * carried
        if fit._design.lags:
            right = right + tau * y + eta * (before.csr @ y)
        y, before = solve(right), W
        out.append(y)
    return np.array(out)


def _last_weights(fit: FitRecord, W):
    """W of the period before the first new one: where the fit's W varies its last."""
    own = fit._design.weights
    return lagging(own.matrices[-1], fit._settings.effects.time) if isinstance(own, TemporalWeights) else W


def _solver(fit: FitRecord, named: dict[str, float], W, M) -> Callable:
    """A^-1 of new periods."""
    if isinstance(fit, SeveralRecord | RegimesRecord):
        C, _ = operators_of_new(at_parameters(fit, named), W, M)
        return (lambda right: solved(C, right)) if C.nnz else (lambda right: right)
    return Inverse(W, float(named.get("rho", 0.0))).solve


def _named(fit: FitRecord, theta: np.ndarray) -> dict[str, float]:
    """Parameters by name, psi last where errors are correlated over time."""
    return dict(zip([*fit.params.index, "psi"], theta))


def _with_psi(fit: FitRecord) -> tuple[np.ndarray, np.ndarray]:
    """The parameters and their covariance, those of psi among them where errors are correlated over time."""
    params, V, serial = fit.params.to_numpy(), fit.vcov.to_numpy(), fit._settings.serial
    if serial is None:
        return params, V
    slope = 1 - serial.psi**2  # of psi by z = atanh(psi)
    mixed = serial.slopes[: len(params)] * serial.variance * slope
    return np.append(params, serial.psi), np.block([[V, mixed[:, None]], [mixed[None], serial.variance * slope**2]])


def _jacobian(path: Callable, params: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Derivatives of the forecasts by the parameters, (H, N, p)."""
    columns = []
    for place, error in enumerate(errors):
        step = np.zeros(len(params))
        step[place] = STEP * error if np.isfinite(error) and error > 0 else STEP
        columns.append((path(params + step) - path(params - step)) / (2 * step[place]))
    return np.stack(columns, axis=-1)


def _weights(fit: FitRecord, w) -> tuple:
    """W and M of the new periods: one each, or all W of a model with several."""
    d = fit._design
    if isinstance(d.weights, SeveralWeights):
        several = weights_of_new(fit, w)  # type: ignore[arg-type]
        return several, several
    if w is None and d.varies:
        raise SpatialInputError("E320", "the weights of the fit vary over time: those of new periods are needed",
                                hint="fit.forecast(data, w)")
    if d.lags and d.observed is not None:
        raise SpatialInputError("E501", "a dynamic panel with gaps is not forecast: units that are absent in the last "
                                "period have no response to go on from", hint="missing='drop'")  # fmt: skip
    own = refuse_varying(d.weights if w is None else as_weights(w), "a forecast")
    if w is not None and own.labelled:
        with of_all_units():
            own = own.reordered(positions(own.ids, d.ids, what="w", against="the fit"))
    return own, own if d.error_weights is None else refuse_varying(d.error_weights, "a forecast")


def _as_lagged(fit: FitRecord, W, M) -> tuple:
    """W J and M J where period effects left the fit with them: a path then has no multiplier."""
    d, time = fit._design, fit._settings.effects.time
    if time and W.rows_sum_to_one != d.weights.rows_sum_to_one:
        raise SpatialInputError("E308", f"with {fit._settings.effects} effects rows of the new W sum to one where "
                                "those of the fit do, and only there", ids=W.islands,
                                hint="weights of the same standardisation, with islands in both or in neither")
    if isinstance(fit, SeveralRecord):
        return (lagging(W, time),) * 2
    if isinstance(fit, RegimesRecord):
        of_lag = lagging(W, lag_effects(d, fit._settings.effects).time)
        return of_lag, lagging(M, time) if isinstance(M, SeveralWeights) and not fit.split.regimes.spatial else M
    return lagging(W, time), M if by_gls(fit._sample) else lagging(M, time)


def _period_effects(fit: FitRecord, new: Future, wanted) -> tuple[Callable, str]:
    """A function of theta to the new periods' deviations (H, 1), and the assumption in words."""
    none = np.zeros((len(new.times), 1))
    if not fit._settings.effects.time:
        if wanted is not None:
            raise SpatialInputError("E501", f"period_effects={wanted!r} needs a model with period effects",
                                    hint="leave it out")
        return lambda theta: none, ""
    if wanted is None:
        raise SpatialInputError("E501", "the effects of new periods are not estimated: say what they are",
                                hint="period_effects='last' or period_effects='mean', or a model with effects='entity'")
    if isinstance(wanted, Mapping):
        if absent := [period for period in new.times if period not in wanted]:
            raise SpatialInputError("E104", "period_effects= leaves out new periods", ids=absent,
                                    hint="give a value for each new period")  # fmt: skip
        values = np.array([[float(wanted[period])] for period in new.times])
        return lambda theta: values, "as given"
    check_option("period_effects", wanted, PERIOD_EFFECTS)
    if wanted == "mean":
        return lambda theta: none, "the mean of the estimated ones"

    def last(theta):
        return none + unit_effects(fit, _named(fit, theta), last=True)

    return last, "that of the last period"
