"""Do gaps close? Sigma convergence of the spread, beta convergence of growth on the level, with spatial models."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option, warn
from spillover.provenance import made_from
from spillover.show import Shown

from ..models import family
from ..models.fit import Fit
from ..records.schema import rows_of
from ..records.tests import TestResult, TestTable
from ._frame import Panel, groups_of, read, refuse, refuse_gaps, weights_of
from ._root import random_walk_p, root_bias, unbiased_root
from ._spread import equal_variances, without_neighbors

MODELS = ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac")
WHOLE = "all"
UNIT_EFFECTS = ("entity", "twoway", "correlated", "chamberlain")  # estimates are those within units
COLUMNS = ["term", "estimate", "std_error", "null", "p_value"]
SHOWN_BELOW = 0.05  # p-value from which a speed is reported where unit effects are removed


@dataclass(frozen=True, eq=False, repr=False)
class SigmaConvergence(Shown):
    """Spread by period.

    Attributes
    ----------
    column : str
    frame : DataFrame
        One row per group (``all`` first) and period: ``mean``, ``cv`` (sd / mean), ``sd_log``.
    tests : TestTable
        One per group: is the variance of the logs the same in the first and in the last period?
    rho : float or None
        Spatial correlation that the test allowed for, of both periods; None without weights.
    """

    column: str
    frame: pd.DataFrame
    tests: TestTable = field(repr=False)
    rho: float | None = None

    def to_frame(self) -> pd.DataFrame:
        """One row per group and period: mean, cv, sd_log."""
        return self.frame.copy()

    def tidy(self) -> pd.DataFrame:
        """The common schema: one row per group, period and measure of spread."""
        time = self.frame.columns[1]
        long = self.frame.melt(["group", time], var_name="term")
        return rows_of(long["term"], long["value"], group=long["group"], period=long[time])


def sigma_convergence(
    data: pd.DataFrame,
    column: str,
    w=None,
    *,
    groups: str | None = None,
    entity: str | None = None,
    time: str | None = None,
) -> SigmaConvergence:
    """Whether the spread between units falls: cv_t = sd_t / mean_t and the standard deviation of logs, by period.

    The test is Pitman's and Morgan's (1939) of equal variances in two correlated samples, here the logs in the first
    and the last period: their differences and sums are uncorrelated. The slope of one on the other is tested with HC3
    errors, F(1, n - 2), since with heavy tails the classical form finds convergence too often. It allows for rich units
    staying rich, which an F test of the two variances does not (Carree & Klomp 1997).

    With similar neighbors the test over-rejects. With weights it is of the innovations (I - rho W)(x_t - mu_t), rho
    by maximum likelihood and the same in both periods (Egger & Pfaffermayr 2009; Rey & Dev 2006 on the size without).
    In 400 samples each of 48 units (rho 0, .6, .7; normal, t(4) and exponential) it rejected 3.8 to 7.2 % of true nulls
    at 5 %.

    Parameters
    ----------
    data : DataFrame, one row per unit and period, in any order; the same periods for all units
    column : str
        Positive values.
    w : weights over the same units, optional
        Allow for spatial correlation.
    groups : str, optional
        Column with each unit's group (the same in all periods): convergence inside each besides.
    entity, time : str, optional

    Raises
    ------
    SpatialInputError
        E1xx keys, E104 periods that differ between units, E201-E203 values, E206 fewer than two periods, or a group
        with fewer than three units; E211 values that are not positive, E222 a unit that changes its group.

    Examples
    --------
    >>> data = pd.DataFrame({"unit": list("abcd") * 2, "year": [1] * 4 + [2] * 4, "y": [1, 3, 2, 9, 3, 4, 4, 6.0]})
    >>> found = sigma_convergence(data, "y", entity="unit", time="year")
    >>> found.frame["cv"].round(3).tolist()
    [0.958, 0.296]
    >>> print(found.tests["all"])
    all: F(1, 2) = 328.230, p = 0.0030. Null: variance of log y in 1 = in 2

    References
    ----------
    Barro & Sala-i-Martin (1992), J. Political Economy 100:223-251; Pitman (1939) and Morgan (1939), Biometrika 31:9-19;
    Carree & Klomp (1997), Review of Economics and Statistics 79:683-686; Rey & Dev (2006), Papers in Regional Science
    85:217-234; Egger & Pfaffermayr (2009), Oxford Bulletin of Economics and Statistics 71:1-24.
    """
    table = read(data, column, entity, time, panel=True)
    refuse(table, table.values <= 0, "E211", "must be positive")
    y, name = table.cube()[:, :, 0], table.names[0]
    if len(y) < 2:
        raise SpatialInputError("E206", f"convergence needs two or more periods, there is {len(y)}",
                                hint="give a panel with more periods")
    members = {WHOLE: np.ones(y.shape[1], dtype=bool)} | _members(data, groups, table)
    ends, rho, null = np.log(y[[0, -1]]), None, f"variance of log {name} in {table.times[0]} = in {table.times[-1]}"
    if w is not None:
        weights = weights_of(table, w, data, entity, time)
        ends, rho = without_neighbors(ends, weights)
        null = f"{null}, given rho = {rho:.3f}"
    parts, tests = [], []
    for group, here in members.items():
        if here.sum() < 3:
            raise SpatialInputError("E206", f"{group!r} has {int(here.sum())} units; three or more are needed",
                                    hint="merge small groups, or leave them out")
        x = y[:, here]
        spread = {"mean": x.mean(axis=1), "cv": x.std(axis=1, ddof=1) / x.mean(axis=1),
                  "sd_log": np.log(x).std(axis=1, ddof=1)}  # fmt: skip
        parts.append(pd.DataFrame({"group": group, table.keys[1]: table.times, **spread}))
        tests.append(TestResult(str(group), equal_variances(ends[:, here]), (1, x.shape[1] - 2), null))
    title = "Equal variances in the first and the last period (Pitman-Morgan, HC3)"
    note = "units are taken as independent; w= allows for spatial correlation" if w is None else ""
    result = SigmaConvergence(name, pd.concat(parts, ignore_index=True), TestTable(title, tuple(tests), note), rho)
    return made_from(result, table)


def _members(data, groups, table: Panel) -> dict:
    """Mask of units by group."""
    if groups is None:
        return {}
    code, labels = groups_of(data, groups, table)
    by_unit = code.reshape(len(table.units), -1)
    moved = (by_unit != by_unit[:, :1]).any(axis=1)
    if moved.any():
        raise SpatialInputError("E222", f"units change their group in {groups!r}", column=groups,
                                ids=list(table.units[moved]),
                                hint="give each unit one group for all periods")  # fmt: skip
    return {label: by_unit[:, 0] == g for g, label in enumerate(labels)}


@dataclass(frozen=True, eq=False, repr=False)
class BetaConvergence(Shown):
    """A growth regression interpreted as convergence.

    Attributes
    ----------
    fit : Fit
        growth ~ initial + controls; ``initial`` is the log of the level at the start.
    table : DataFrame
        One row for the coefficient of ``initial`` and, where the model has spillovers, for its direct and total effect:
        ``estimate``, ``std_error``, ``null`` (its mean where there is no convergence), ``p_value``, ``speed`` (per
        period), ``speed_error``, ``half_life`` (periods). Errors of speeds come from the delta method.
    span : float
        Periods over which growth is measured.
    steps : int or None
        Steps of a panel with unit effects, whose coefficient is tested against a random walk's; else None.
    """

    fit: Fit = field(repr=False)
    table: pd.DataFrame
    span: float
    steps: int | None = None

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``table``."""
        return self.table.copy()

    def tidy(self) -> pd.DataFrame:
        """The common schema: the level's coefficient and effects, then ``effect``, ``null``, ``speed``, ``half_life``.

        ``statistic`` is the signed normal quantile of ``p_value``.
        """
        from scipy.special import ndtri

        t = self.table
        side = np.sign(t["estimate"] - t["null"].fillna(0))
        z = -side * ndtri(t["p_value"].to_numpy(float) / 2)
        low, high = (self.fit.conf_int().loc["initial"].to_numpy(float) if self.steps is None else (np.nan, np.nan))
        first = np.arange(len(t)) == 0
        return rows_of(["initial"] * len(t), t["estimate"], std_error=t["std_error"], statistic=z, p_value=t["p_value"],
                       conf_low=np.where(first, low, np.nan), conf_high=np.where(first, high, np.nan), effect=t["term"],
                       null=t["null"], speed=t["speed"], half_life=t["half_life"])  # fmt: skip


def beta_convergence(
    data: pd.DataFrame,
    column: str,
    w,
    *,
    entity: str | None = None,
    time: str | None = None,
    model: str = "ols",
    controls: list[str] | tuple = (),
    panel: bool = False,
    **options,
) -> BetaConvergence:
    """Do poor units grow faster? Growth on the initial level by any spatial model.

        ln(y_{t+s} / y_t) / s = a + b ln y_t + controls_t + spatial terms + e

    b < 0 is convergence: absolute without controls, conditional with them (or with entity effects). The speed is that
    of the neoclassical model, b = -(1 - e^{-lambda s}) / s, so lambda = -ln(1 + b s) / s, and half the gap is closed
    after ln 2 / lambda. With spillovers, ``direct`` and ``total`` read the effects of ``initial`` the same way.

    Parameters
    ----------
    data : DataFrame, one row per unit and period, in any order; the same periods for all units
    column : str
        Positive values, such as real output per head.
    w : weights over the same units
    entity, time : str, optional
        Periods are numbers, such as years.
    model : {"ols", "slx", "sar", "sem", "sdm", "sdem", "sac"}
    controls : list of str
        Columns, taken at the start of each span.
    panel : bool
        False: growth over the whole time, one row per unit (Barro & Sala-i-Martin 1992). True: growth from each period
        to the next, with two-way effects unless ``effects=`` says otherwise.

        With unit effects the level is a lagged outcome demeaned over T steps, and b of a random walk is not 0 but
        -3 / (T + 1) in the mean: -.23 for 12 steps, which would read as a half-life of 2.6 periods. ``p_value`` is then
        Harris & Tzavalis's (1999), two-sided, with variance 3 (17 T^2 - 20 T + 17) / [5 (T - 1)(T + 1)^3 N]; the speed
        is that of the coefficient whose estimates have this one as their mean (Nickell 1981, eq. 18), and is withheld
        where the test does not reject at 5 %. Without unit effects (``effects="time"`` or ``"none"``) b has mean 0.
    **options
        For the model: ``effects``, ``vcov``, ``durbin`` ...

    Raises
    ------
    SpatialInputError
        E1xx keys, E104 unequal steps, E201-E203 values, E211 values that are not positive, E501 options, E502 columns;
        and those of the model.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> panel = shapefiles.load_panel("us_states").assign(output=lambda p: p["gsp"] / p["emp"])
    >>> found = sp.indicators.beta_convergence(panel, "output", w, entity="state", time="year", model="sar")
    >>> found.table.set_index("term")["speed"].round(3).to_dict()
    {'coefficient': 0.044, 'direct': 0.044, 'total': 0.043}

    References
    ----------
    Barro & Sala-i-Martin (1992), J. Political Economy 100:223-251; Harris & Tzavalis (1999), J. Econometrics
    91:201-226; Nickell (1981), Econometrica 49:1417-1426; Rey & Montouri (1999), Regional Studies 33:143-156; Elhorst,
    Piras & Arbia (2010), Geographical Analysis 42:338-355.
    """

    check_option("model", model, MODELS)
    controls = [controls] if isinstance(controls, str) else list(controls)
    table = read(data, [column, *controls], entity, time, panel=True)
    refuse(table, (table.values <= 0) & (np.arange(len(table.names)) == 0), "E211", "must be positive")
    if taken := {"growth", "initial"} & set(controls):
        raise SpatialInputError("E502", f"controls= uses the name {taken.pop()!r}, which the regression needs",
                                hint="rename that column")
    frame, span = _spans(table, panel)
    formula = "growth ~ initial" + "".join(f" + `{name}`" for name in controls)
    keys = {"entity": table.keys[0], **({"time": table.keys[1]} if panel else {})}
    estimate = next(function for function in family.MODELS if function.__name__ == model)
    fit = estimate(formula, frame, w, **keys, **options)
    if not (panel and fit._settings.effects.name in UNIT_EFFECTS):
        return BetaConvergence(fit, _speeds(fit, span), span)
    steps = len(table.times) - 1
    mean = root_bias(1.0, steps)
    warn(
        f"with unit effects and {steps} steps the coefficient of a random walk is {mean / span:.3f}, not 0: p compares "
        "with that, the speed is corrected, and the fit's own test of 'initial' is not one of convergence"
    )
    return BetaConvergence(fit, _speeds_within(fit, span, steps, len(table.units)), span, steps)


def _spans(table: Panel, panel: bool) -> tuple[pd.DataFrame, float]:
    """Growth per period, initial level and controls, one row per unit (and start of a step)."""
    if table.times.dtype.kind not in "iuf" or len(table.times) < 2:
        raise SpatialInputError("E206", f"convergence needs two or more numbered periods, got {list(table.times[:3])}",
                                hint="give a panel with more periods")
    if panel:
        refuse_gaps(table)
    X, steps = table.cube(), np.diff(table.times.to_numpy(dtype=float))
    start, end = (X[:-1], X[1:]) if panel else (X[:1], X[-1:])
    span = float(steps[0] if panel else steps.sum())
    index = pd.MultiIndex.from_product([table.times[: len(start)], table.units], names=[table.keys[1], table.keys[0]])
    frame = pd.DataFrame(start.reshape(-1, X.shape[2]), index=index, columns=["initial", *table.names[1:]])
    frame["growth"] = (np.log(end[:, :, 0] / start[:, :, 0]) / span).ravel()
    frame["initial"] = np.log(frame["initial"])
    return frame.reset_index(), span


def _speeds(fit: Fit, span: float) -> pd.DataFrame:
    """Speed and half-life of the coefficient and of the effects, errors by the delta method."""
    table = _estimates(fit).assign(null=0.0)
    b, error = table["estimate"].to_numpy(dtype=float), table["std_error"].to_numpy(dtype=float)
    left = np.where(1 + b * span > 0, 1 + b * span, np.nan)  # the remaining gap after the span
    speed = -np.log(left) / span
    half_life = np.log(2) / np.where(speed > 0, speed, np.nan)
    return table[COLUMNS].assign(speed=speed, speed_error=error / left, half_life=half_life)


def _speeds_within(fit: Fit, span: float, steps: int, units: int) -> pd.DataFrame:
    """The same with unit effects: tested against a random walk, bias-corrected, and NaN where not significant.

    Effects of the level, direct and total, have no such distribution: their p-values and speeds are left out.
    """
    table = _estimates(fit).assign(null=np.nan, p_value=np.nan, speed=np.nan, speed_error=np.nan, half_life=np.nan)
    free = units - (fit._settings.effects.entity and fit._settings.effects.time)
    b, error = table[["estimate", "std_error"]].to_numpy(float)[0] * span
    p = random_walk_p(b, steps, free)
    table.loc[0, ["null", "p_value"]] = root_bias(1.0, steps) / span, p
    root, slope = unbiased_root(1 + b, steps)
    if p <= SHOWN_BELOW and 0 < root < 1:
        speed = -np.log(root) / span
        table.loc[0, ["speed", "speed_error", "half_life"]] = speed, error * slope / root / span, np.log(2) / speed
    return table[[*COLUMNS, "speed", "speed_error", "half_life"]]


def _estimates(fit: Fit) -> pd.DataFrame:
    """Coefficient of the initial level and, with spillovers, its direct and total effect."""
    rows = [("coefficient", fit.params["initial"], fit.std_errors["initial"], fit.pvalues["initial"])]
    if fit.specification.lag or fit.specification.durbin:
        effects = fit.effects().tidy().query("term == 'initial'").set_index("effect")
        rows += [(kind, *effects.loc[kind, ["estimate", "std_error", "p_value"]]) for kind in ("direct", "total")]
    return pd.DataFrame(rows, columns=["term", "estimate", "std_error", "p_value"])
