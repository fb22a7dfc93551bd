"""Panel threshold regression: the effect of x changes where q passes an unknown value.

    y_it = mu_i + beta_1 x_it 1(q_it <= gamma) + beta_2 x_it 1(q_it > gamma) + Z_it delta + e_it

gamma minimises the sum of squares S(gamma) over a grid of q's quantiles. A second threshold is sought given the first,
and the first again given the second. Source: Hansen (1999, J. Econometrics 93:345-368): equations 9-11 for the
estimates, 14-18 for interval and tests, section 5.2 for two thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ..design.fixed_effects import FixedEffects
from ..design.read import design
from ..design.sample import regressor_columns
from ..records.schema import SCHEMA
from ._sample import balanced_cures, no_links, regressor
from ._tables import rows
from .absorb import cluster_sums
from .threshold_search import Search

if TYPE_CHECKING:
    from spillover.types import WeightsLike


@dataclass(frozen=True, eq=False)
class Threshold(Shown):
    """Estimated thresholds, the regimes' coefficients and the tests for each threshold.

    Attributes
    ----------
    table : DataFrame
        Coefficients in the common schema: x in each regime, then the rest; errors clustered by unit.
    thresholds : DataFrame
        ``threshold``, ``conf_low``, ``conf_high``, ``F`` (against one threshold fewer), ``p_value`` and the
        bootstrap's ``critical_10``, ``critical_5``, ``critical_1``.
    curve : DataFrame
        ``number``, ``threshold``, ``lr`` on the grid, the other threshold held fixed.
    settings : dict
    """

    table: pd.DataFrame
    thresholds: pd.DataFrame
    curve: pd.DataFrame = field(repr=False)
    settings: dict = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def critical(self) -> float:
        """Of the likelihood ratio: -2 log(1 - sqrt(level)), Hansen (1999), eq. 16."""
        return float(-2 * np.log(1 - np.sqrt(self.settings["level"])))

    def tidy(self) -> pd.DataFrame:
        return self.table[SCHEMA].copy()


@takes_frames
def threshold(formula: str, data: pd.DataFrame, *, threshold_variable: str, switching: str | None = None,
              entity: str | None = None, time: str | None = None, effects: str = "entity", thresholds: int = 1,
              w: WeightsLike | None = None, durbin: list[str] | None = None, trim: float = 0.05, grid: int = 300,
              draws: int = 300, seed: int = 1, level: float = 0.95, missing: str = "error") -> Threshold:
    """Does the effect of x change where another variable passes a value, and where is that?

    Parameters
    ----------
    formula : str
        Outcome, the switching regressor, covariates.
    data : DataFrame
        One row per unit and period, balanced, in any order.
    threshold_variable : str
        Column q. It should not respond to the outcome.
    switching : str, optional
        The term whose coefficient changes; the first regressor by default.
    entity, time : str, optional
        Columns of unit and period; a (unit, period) MultiIndex serves instead.
    effects : {"entity", "twoway"}
    thresholds : {1, 2}
    w : weights, optional
        Adds W X to the covariates.
    durbin : list of str, optional
        Terms to lag with ``w``; all by default.
    trim : float
        Least share of the observations in each regime.
    grid : int
        Most quantiles of q that are tried.
    draws, seed : int
        Bootstrap samples for the p-values: whole histories of units' residuals, drawn with replacement. The same
        seed gives the same bits.
    level : float
        Coverage of the intervals.

    Returns
    -------
    Threshold

    Raises
    ------
    SpatialInputError
        E502 columns, E533 options out of range, E733 a threshold variable with too few values, E205 collinear
        regressors, E1xx keys, E2xx values.

    Examples
    --------
    >>> import numpy as np, pandas as pd, spatial as sp
    >>> rng = np.random.default_rng(0)
    >>> q, x = rng.random((2, 400))
    >>> y = np.where(q > 0.6, 2.0, 0.0) * x + 0.1 * rng.standard_normal(400)
    >>> data = pd.DataFrame({"y": y, "x": x, "q": q, "i": np.arange(400) // 8, "t": np.arange(400) % 8})
    >>> result = sp.threshold("y ~ x", data, threshold_variable="q", entity="i", time="t", draws=99)
    >>> round(result.thresholds["threshold"].iloc[0], 2), result.thresholds["p_value"].iloc[0]
    (np.float64(0.59), np.float64(0.01))
    """
    check_option("effects", effects, ("entity", "twoway"))
    check_option("thresholds", thresholds, (1, 2))
    check_option("missing", missing, ("error", "drop"))
    if not (0 < trim < 1 / (thresholds + 1) and grid >= 2 and draws >= 0):
        raise SpatialInputError("E533", f"trim={trim}, grid={grid}, draws={draws} must be a share that leaves room for "
                                f"{thresholds + 1} regimes, 2 or more points, and 0 or more draws",
                                hint="trim=0.1, grid=100, draws=300")  # fmt: skip
    d, q = _read(formula, data, w, threshold_variable, entity, time, durbin, missing)
    if d.n_periods < 2:
        raise SpatialInputError("E206", "threshold regression with unit effects needs at least 2 periods",
                                hint="use a longer panel")
    fixed = FixedEffects.parse(effects)
    if d.absorbed is not None and d.absorbed != fixed:
        raise SpatialInputError("E504", f"the formula's | asks for {d.absorbed.name!r}, effects= for {effects!r}",
                                hint="leave | out: a threshold model takes effects= of unit and period")  # fmt: skip
    X, names = regressor_columns(d, fixed)
    x = X[:, :, names.index(regressor(switching, names, "switching"))]
    search = Search(fixed.demean(d.y), fixed.demean(X), X, names, x, q, fixed, trim, grid)
    at = [int(k[0]) for k in search.sequence(search.y[:, None], thresholds)]
    table, resid = _coefficients(d, x, X, names, q, search.values[at], fixed, level, switching or names[0],
                                 threshold_variable)  # fmt: skip
    tests = _tests(search, at, resid.reshape(d.y.shape), draws, seed)
    intervals, curve = _inversion(search, at, level)
    listed = pd.DataFrame({"threshold": search.values[at], **intervals, **tests}).rename_axis("number").reset_index()
    listed["number"] += 1
    settings = {"formula": formula, "variable": threshold_variable, "switching": switching or names[0], "draws": draws,
                "seed": seed, "level": level, "effects": fixed.name, "trim": trim, "grid": len(search.values),
                "size": d.y.shape, "weights": d.weights.header() if w is not None else None}  # fmt: skip
    order = listed["threshold"].argsort(kind="stable")
    result = Threshold(table, listed.iloc[order].reset_index(drop=True), curve, settings, d.notes)
    return made_from(result, d, pd.DataFrame({threshold_variable: q.ravel()}))


def _read(formula, data, w, variable, entity, time, durbin, missing):
    with balanced_cures():
        d = design(formula, data, no_links(data, entity) if w is None else w, entity=entity, time=time, durbin=durbin,
                   missing=missing, lagged=w is not None)  # fmt: skip
    if not d.is_panel:
        raise SpatialInputError("E501", "threshold regression needs a panel", hint="give entity= and time=")
    if variable not in d.frame.columns:
        raise SpatialInputError("E502", f"threshold_variable={variable!r} is no column of the data",
                                column=str(variable),
                                hint="name a column of the data")  # fmt: skip
    q = pd.to_numeric(d.frame[variable], errors="coerce").to_numpy(dtype=float)[d.order]
    if not np.isfinite(q).all():
        raise SpatialInputError("E201", f"{variable!r} has missing values or no numbers", column=variable,
                                ids=list(d.ids[~np.isfinite(q).all(axis=0)]),
                                hint="fill them, or leave these rows out")  # fmt: skip
    return d, q


def _coefficients(d, x, X, names, q, at, effects, level, switching, variable):
    """x in every regime and the other regressors, by least squares, clustered by unit."""
    edges = [-np.inf, *np.sort(at), np.inf]
    regimes = [x * ((q > lo) & (q <= hi)) for lo, hi in pairwise(edges)]
    others = [j for j, name in enumerate(names) if name != switching]
    R = effects.demean(np.concatenate([np.stack(regimes, axis=2), X[:, :, others]], axis=2))
    T, N, p = R.shape
    flat, y = R.reshape(-1, p), effects.demean(d.y).ravel()
    beta, *_ = np.linalg.lstsq(flat, y, rcond=None)
    e = y - flat @ beta
    bread = np.linalg.inv(flat.T @ flat)
    scores = cluster_sums((flat * e[:, None]).reshape(T, N, p).sum(axis=0), np.arange(N)) @ bread
    errors = np.sqrt(N / (N - 1) * np.diag(scores.T @ scores))
    regimes_of = [f"{switching} ({_where(variable, lo, hi)})" for lo, hi in pairwise(edges)]
    return rows(beta, errors, level=level, df=N - 1, term=[*regimes_of, *(names[j] for j in others)]), e


def _where(variable, lo, hi) -> str:
    parts = [f"{lo:.4g} < "] if np.isfinite(lo) else []
    parts += [variable] + ([f" <= {hi:.4g}"] if np.isfinite(hi) else [])
    return "".join(parts)


def _tests(search, at, resid, draws, seed) -> dict:
    """F of each threshold against one fewer, with p-values from resampled histories of residuals."""
    rng = np.random.default_rng(seed)
    out: dict[str, list[float]] = {
        name: [] for name in ("F", "p_value", "critical_10", "critical_5", "critical_1")
    }
    for number in range(1, len(at) + 1):
        F = float(search.statistics(search.y[:, None], number)[0])
        histories = rng.integers(resid.shape[1], size=(resid.shape[1], draws))
        E = search.effects.demean(resid[:, histories]).reshape(resid.size, draws)
        null = _null_mean(search, number)[:, None]
        drawn = search.statistics(null + E, number) if draws else np.full(1, np.nan)
        out["F"].append(F)
        out["p_value"].append((1 + (drawn >= F).sum()) / (draws + 1) if draws else np.nan)
        for name, share in (("critical_10", 0.9), ("critical_5", 0.95), ("critical_1", 0.99)):
            out[name].append(float(np.quantile(drawn, share)))
    return out


def _null_mean(search, number) -> np.ndarray:
    """What one threshold explains, for the test of a second; nothing for the first, where it would cancel."""
    if number == 1:
        return np.zeros(len(search.y))
    k = int(search.sequence(search.y[:, None], 1)[0][0])
    c = search.C[:, k]
    return c * (c @ search.y) / (c @ c)


def _inversion(search, at, level):
    """Intervals {gamma: LR(gamma) <= c} and LR on the grid, each threshold given the others.

    The sample cannot tell apart the gamma between one value of q and the next, [q_k, q_k+1): an interval ends where its
    last value's range does. Where the grid leaves values of q out, it also holds those between its ends and the
    nearest values that LR excludes.
    """
    CY = (search.C.T @ search.y)[:, None]
    total = (search.y**2).sum()
    critical = -2 * np.log(1 - np.sqrt(level))
    low, high, curves = [], [], []
    for number, k in enumerate(at, start=1):
        other = None if len(at) == 1 else np.array([at[2 - number]])
        gain = search.reductions(CY, other)[:, 0]
        base = 0.0 if other is None else search.reductions(CY)[other[0], 0]
        admissible = gain > 0 if other is not None else np.ones(len(gain), dtype=bool)
        s2 = (total - base - gain[k]) / search.n
        lr = (gain[k] - gain) / s2
        inside = np.flatnonzero(admissible & (lr <= critical))
        low.append(search.starts[inside.min()])
        high.append(search.ends[inside.max()])
        curves.append(pd.DataFrame({"number": number, "threshold": search.values, "lr": lr})[admissible])
    return {"conf_low": low, "conf_high": high}, pd.concat(curves, ignore_index=True)
