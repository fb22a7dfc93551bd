"""Do gaps close? Sigma convergence of the spread, beta convergence of growth on the level, with spatial models."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.show import Shown

from ..models.fit import Fit
from ..records.tests import TestResult, TestTable
from ..report.explore import p_text
from ..report.text import columns, number
from ._frame import Table, groups_of, read, refuse, refuse_gaps

MODELS = ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac")
WHOLE = "all"


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
    """

    column: str
    frame: pd.DataFrame
    tests: TestTable = field(repr=False)

    def tidy(self) -> pd.DataFrame:
        return self.frame.copy()

    def plot(self, ax=None):
        from ..plot import sigma

        return sigma(self, ax)

    def __str__(self) -> str:
        wide = self.frame.pivot(index=self.frame.columns[1], columns="group", values="cv")[self.frame["group"].unique()]
        rows = [[str(period), *(number(v) for v in row)] for period, row in zip(wide.index, wide.to_numpy())]
        return "\n".join([f"Sigma convergence of {self.column!r}: coefficient of variation",
                          columns(rows, [str(wide.index.name), *map(str, wide)]), "", str(self.tests)])  # fmt: skip


def sigma_convergence(
    data: pd.DataFrame, column: str, *, groups: str | None = None, entity: str | None = None, time: str | None = None
) -> SigmaConvergence:
    """Whether the spread between units falls: cv_t = sd_t / mean_t and the standard deviation of logs, by period.

    The test is Pitman's and Morgan's (1939) of equal variances in two correlated samples, here the logs in the first
    and the last period. With s0, s1 and s01 their variances and covariance,

        r = (s0 - s1) / sqrt((s0 + s1)^2 - 4 s01^2),   F = (n - 2) r^2 / (1 - r^2) ~ F(1, n - 2)

    It is exact for normal logs, and allows for rich units staying rich, which an F test of the two variances does not
    (Carree & Klomp 1997 test the same by its likelihood ratio, n ln(1 / (1 - r^2))).

    Parameters
    ----------
    data : DataFrame, one row per unit and period, in any order; the same periods for all units
    column : str
        Positive values.
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
    all: F(1, 2) = 130.890, p = 0.0076. Null: variance of log y in 1 = in 2

    References
    ----------
    Barro & Sala-i-Martin (1992), J. Political Economy 100:223-251; Pitman (1939) and Morgan (1939), Biometrika 31:9-19;
    Carree & Klomp (1997), Review of Economics and Statistics 79:683-686.
    """
    table = read(data, column, entity, time, panel=True)
    refuse(table, table.values <= 0, "E211", "must be positive")
    y, name = table.cube()[:, :, 0], table.names[0]
    if len(y) < 2:
        raise SpatialInputError("E206", f"convergence needs two or more periods, there is {len(y)}")
    members = {WHOLE: np.ones(y.shape[1], dtype=bool)} | _members(data, groups, table)
    parts, tests = [], []
    null = f"variance of log {name} in {table.times[0]} = in {table.times[-1]}"
    for group, here in members.items():
        if here.sum() < 3:
            raise SpatialInputError("E206", f"{group!r} has {int(here.sum())} units; three or more are needed")
        x = y[:, here]
        spread = {"mean": x.mean(axis=1), "cv": x.std(axis=1, ddof=1) / x.mean(axis=1),
                  "sd_log": np.log(x).std(axis=1, ddof=1)}  # fmt: skip
        parts.append(pd.DataFrame({"group": group, table.times.name: table.times, **spread}))
        tests.append(TestResult(str(group), _pitman_morgan(np.log(x[[0, -1]])), (1, x.shape[1] - 2), null))
    title = "Equal variances in the first and the last period (Pitman-Morgan)"
    return SigmaConvergence(name, pd.concat(parts, ignore_index=True), TestTable(title, tuple(tests)))


def _pitman_morgan(x: np.ndarray) -> float:
    """F of the correlation between sums and differences of two samples, (2, n)."""
    (s0, s01), (_, s1) = np.cov(x)
    spread = (s0 + s1) ** 2 - 4 * s01**2
    left = 4 * (s0 * s1 - s01**2)  # spread (1 - r^2)
    return float("nan") if left <= 1e-12 * spread else float((x.shape[1] - 2) * (s0 - s1) ** 2 / left)


def _members(data, groups, table: Table) -> dict:
    """Mask of units by group."""
    if groups is None:
        return {}
    code, labels = groups_of(data, groups, table)
    by_unit = code.reshape(len(table.units), -1)
    moved = (by_unit != by_unit[:, :1]).any(axis=1)
    if moved.any():
        raise SpatialInputError("E222", f"units change their group in {groups!r}", column=groups,
                                ids=list(table.units[moved]))  # fmt: skip
    return {label: by_unit[:, 0] == g for g, label in enumerate(labels)}


@dataclass(frozen=True, eq=False, repr=False)
class BetaConvergence(Shown):
    """A growth regression read as convergence.

    Attributes
    ----------
    fit : Fit
        growth ~ initial + controls; ``initial`` is the log of the level at the start.
    table : DataFrame
        One row for the coefficient of ``initial`` and, where the model has spillovers, for its direct and total effect:
        ``estimate``, ``std_error``, ``p_value``, ``speed`` (per period), ``speed_error``, ``half_life`` (periods).
        Errors of effects come from 1,000 draws, those of speeds by the delta method.
    span : float
        Periods over which growth is measured.
    """

    fit: Fit = field(repr=False)
    table: pd.DataFrame
    span: float

    def tidy(self) -> pd.DataFrame:
        return self.table.copy()

    def __str__(self) -> str:
        rows = [
            [r.term, number(r.estimate), number(r.std_error), p_text(r.p_value), number(r.speed), number(r.speed_error),
             number(r.half_life, 1)]
            for r in self.table.itertuples()
        ]  # fmt: skip
        head = ["of the initial level", "estimate", "std. error", "p", "speed", "std. error", "half-life"]
        steps = "1 period, year after year" if self.span == 1 else f"{self.span:g} periods"
        return "\n".join([f"Beta convergence over {steps}", columns(rows, head), "", str(self.fit)])


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
        to the next, with two-way effects unless ``effects=`` says otherwise. The level is then a lagged outcome:
        entity effects bias b downwards by the order of 1 / T (Nickell 1981), which makes convergence look faster.
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
    Barro & Sala-i-Martin (1992), J. Political Economy 100:223-251; Rey & Montouri (1999), Regional Studies
    33:143-156; Elhorst, Piras & Arbia (2010), Geographical Analysis 42:338-355.
    """
    import spatial

    check_option("model", model, MODELS)
    controls = [controls] if isinstance(controls, str) else list(controls)
    table = read(data, [column, *controls], entity, time, panel=True)
    refuse(table, (table.values <= 0) & (np.arange(len(table.names)) == 0), "E211", "must be positive")
    if taken := {"growth", "initial"} & set(controls):
        raise SpatialInputError("E502", f"controls= uses the name {taken.pop()!r}, which the regression needs")
    frame, span = _spans(table, panel)
    formula = "growth ~ initial" + "".join(f" + `{name}`" for name in controls)
    keys = {"entity": table.keys[0], **({"time": table.keys[1]} if panel else {})}
    fit = getattr(spatial, model)(formula, frame, w, **keys, **options)
    return BetaConvergence(fit, _speeds(fit, span), span)


def _spans(table: Table, panel: bool) -> tuple[pd.DataFrame, float]:
    """Growth per period, initial level and controls, one row per unit (and start of a step)."""
    if table.times.dtype.kind not in "iuf" or len(table.times) < 2:
        raise SpatialInputError("E206", f"convergence needs two or more numbered periods, got {list(table.times[:3])}")
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
    rows = [("coefficient", fit.params["initial"], fit.std_errors["initial"], fit.pvalues["initial"])]
    if fit.specification.lag or fit.specification.durbin:
        effects = fit.effects().tidy().query("term == 'initial'").set_index("effect")
        rows += [(kind, *effects.loc[kind, ["estimate", "std_error", "p_value"]]) for kind in ("direct", "total")]
    table = pd.DataFrame(rows, columns=["term", "estimate", "std_error", "p_value"])
    b, error = table["estimate"].to_numpy(dtype=float), table["std_error"].to_numpy(dtype=float)
    left = np.where(1 + b * span > 0, 1 + b * span, np.nan)  # the gap that is left after the span
    speed = -np.log(left) / span
    half_life = np.log(2) / np.where(speed > 0, speed, np.nan)
    return table.assign(speed=speed, speed_error=error / left, half_life=half_life)
