"""Stochastic frontier with inefficiency that decays over time (Battese & Coelli 1992)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ..records.schema import SCHEMA, critical_value, two_sided
from ._frame import read, refuse
from ._inefficiency import Panel, efficiencies, maximise

FORMS = {"cobb-douglas": "Cobb-Douglas", "translog": "Translog"}


@dataclass(frozen=True, eq=False, repr=False)
class StochasticFrontier(Shown):
    """An estimated frontier and each unit's distance to it.

    Attributes
    ----------
    params : Series
        The technology, then ``sigma2`` = sigma_v^2 + sigma_u^2, ``gamma`` = sigma_u^2 / sigma2, and ``mu``, ``eta``
        where the model has them.
    vcov : DataFrame
        From the observed information.
    efficiency : Series by unit (and period)
        E[exp(-u) | e], between 0 and 1.
    loglik, loglik_ols : float
        Of the frontier, and of least squares: no inefficiency.
    title : str
    """

    params: pd.Series
    vcov: pd.DataFrame = field(repr=False)
    efficiency: pd.Series = field(repr=False)
    loglik: float
    loglik_ols: float
    title: str

    @property
    def std_errors(self) -> pd.Series:
        return pd.Series(np.sqrt(np.diag(self.vcov)), index=self.params.index, name="std_error")

    @property
    def lr(self) -> float:
        """Likelihood ratio against least squares."""
        return 2 * (self.loglik - self.loglik_ols)

    @cached_property
    def lr_p_value(self) -> float:
        """gamma = 0 lies on the edge: half chi2(q - 1), half chi2(q) (Coelli 1995); q counts gamma, mu and eta."""
        from scipy.special import chdtrc

        q = int(self.params.index.isin(["gamma", "mu", "eta"]).sum())
        lower = chdtrc(q - 1, self.lr) if q > 1 else 0.0
        return float((lower + chdtrc(q, self.lr)) / 2)

    def tidy(self) -> pd.DataFrame:
        """One row per parameter, in the common schema."""
        table = self.params.rename("estimate").to_frame().assign(std_error=self.std_errors)
        table["statistic"] = table["estimate"] / table["std_error"]
        table["p_value"] = two_sided(table["statistic"])
        half = critical_value(0.95) * table["std_error"]
        table["conf_low"], table["conf_high"] = table["estimate"] - half, table["estimate"] + half
        return table.rename_axis("term").reset_index()[SCHEMA]


@takes_frames
def stochastic_frontier(
    data: pd.DataFrame,
    output: str,
    inputs: list[str],
    *,
    entity: str | None = None,
    time: str | None = None,
    form: str = "cobb-douglas",
    trend: bool = False,
    truncated: bool = False,
    decay: bool | None = None,
) -> StochasticFrontier:
    """Production frontier with noise and time-varying inefficiency, by maximum likelihood.

        ln y_it = x_it' beta + v_it - u_it,  v ~ N(0, sigma_v^2)
        u_it = exp(-eta (t - T)) u_i,        u_i ~ N+(mu, sigma_u^2)

    eta > 0: inefficiency falls towards the last period T. Units may lack periods.

    Parameters
    ----------
    data : DataFrame, one row per unit or per unit and period, in any order
    output, inputs : str and list of str
        Columns with positive values; logs are taken.
    entity, time : str, optional
    form : {"cobb-douglas", "translog"}
        Of the production function, in logs.
    trend : bool
        Technical change: t, and for the translog t^2 / 2 and t times each log input besides.
    truncated : bool
        True: mu is estimated. False: mu = 0, the half-normal distribution.
    decay : bool, optional
        Whether eta is estimated, or 0; by default in panels.

    Returns
    -------
    StochasticFrontier

    Raises
    ------
    SpatialInputError
        E1xx keys, E201-E203 values (E203 periods that are not numbers), E205 collinear terms, E206 too few rows, E211
        values that are not positive, E226 no inefficiency (or no noise) to be found, E501, E502, E801 no maximum.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> data = pd.DataFrame({"K": rng.gamma(5, 1, 300), "L": rng.gamma(5, 1, 300)})
    >>> v, u = rng.normal(size=300) / 10, abs(rng.normal(size=300)) / 2
    >>> data["Y"] = data["K"] ** 0.4 * data["L"] ** 0.6 * np.exp(v - u)
    >>> stochastic_frontier(data, "Y", ["K", "L"]).params.round(1).to_dict()
    {'Intercept': -0.0, 'log(K)': 0.4, 'log(L)': 0.6, 'sigma2': 0.2, 'gamma': 1.0}

    References
    ----------
    Battese & Coelli (1992), J. Productivity Analysis 3:153-169; the test: Coelli (1995), same journal 6:247-268.
    """
    check_option("form", form, FORMS)
    inputs = [inputs] if isinstance(inputs, str) else list(inputs)
    table = read(data, [output, *inputs], entity, time)
    refuse(table, table.values <= 0, "E211", "must be positive")
    decay = table.times is not None if decay is None else decay
    if (decay or trend) and (table.times is None or table.times.dtype.kind not in "iuf" or len(table.times) < 2):
        raise SpatialInputError("E203" if table.times is not None else "E501", "decay and trend need numbered periods",
                                hint="decay=False, trend=False")  # fmt: skip
    years = np.zeros(len(table.index)) if table.times is None else _years(table.times)[table.period]
    X, names = _technology(np.log(table.values[:, 1:]), [f"log({name})" for name in inputs], years, form, trend)
    _refuse_collinear(X, names)
    panel = Panel(np.log(table.values[:, 0]), X, table.unit, years - years.max())
    theta, vcov, loglik, loglik_ols = maximise(panel, truncated, decay)
    index = pd.Index([*names, "sigma2", "gamma", *["mu"] * truncated, *["eta"] * decay], name="term")
    kind = f"{FORMS[form]} frontier, {'truncated normal' if truncated else 'half-normal'} inefficiency"
    kind += ", exponential decay" if decay else ""
    title = f"{kind}: log({output}), {len(X):,} rows, {len(table.units):,} units"
    result = StochasticFrontier(
        pd.Series(theta, index=index, name="estimate"),
        pd.DataFrame(vcov, index=index, columns=index),
        table.series(efficiencies(panel, theta, truncated, decay), "efficiency"),
        loglik, loglik_ols, title,
    )
    return made_from(result, table)  # fmt: skip


def _years(periods: pd.Index) -> np.ndarray:
    """Time since the first period; the period's number where labels are no numbers."""
    times = periods.to_numpy(dtype=float) if periods.dtype.kind in "iuf" else np.arange(float(len(periods)))
    return times - times[0]


def _technology(x: np.ndarray, names: list[str], years: np.ndarray, form: str, trend: bool):
    """Columns of the frontier and their names; squares are halved, so that elasticities are plain sums."""
    if trend:
        x, names = np.column_stack([x, years]), [*names, "t"]
    columns, labels = [np.ones(len(x)), *x.T], ["Intercept", *names]
    if form == "translog":
        for i in range(x.shape[1]):
            for j in range(i, x.shape[1]):
                columns.append(x[:, i] * x[:, j] / (2 if i == j else 1))
                labels.append(f"{names[i]}^2/2" if i == j else f"{names[i]} {names[j]}")
    return np.column_stack(columns), labels


def _refuse_collinear(X: np.ndarray, names: list[str]) -> None:
    if len(X) <= X.shape[1] + 2:
        raise SpatialInputError("E206", f"{len(X)} rows are too few for {X.shape[1]} coefficients",
                                hint="leave regressors out, or use more data")
    from scipy.linalg import qr

    lengths = np.linalg.norm(X, axis=0)  # zero for the log of a column of ones
    R, order = qr(X / np.where(lengths > 0, lengths, 1), mode="r", pivoting=True)
    weak = np.abs(np.diag(R)) < 1e-9 * abs(R[0, 0])
    if weak.any():
        name = names[order[int(np.argmax(weak))]]
        raise SpatialInputError("E205", f"{name!r} is a combination of the frontier's other terms", column=name,
                                hint="leave it out")
