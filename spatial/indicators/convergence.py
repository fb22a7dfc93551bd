"""Do gaps close? Sigma convergence of the spread, beta convergence of growth on the level, with spatial models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option, warn
from spillover.frames import takes_frames
from spillover.show import Shown

from ..models import family
from ..models.fit import Fit
from ..records.schema import rows_of
from ._frame import Panel, read, refuse, refuse_gaps
from ._root import random_walk_p, root_bias, unbiased_root

if TYPE_CHECKING:
    from spillover.types import WeightsLike

MODELS = ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac")
UNIT_EFFECTS = ("entity", "twoway", "correlated", "chamberlain")  # estimates are those within units
COLUMNS = ["term", "estimate", "std_error", "null", "p_value"]
SHOWN_BELOW = 0.05  # p-value from which a speed is reported where unit effects are removed


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


@takes_frames
def beta_convergence(
    data: pd.DataFrame,
    column: str,
    w: WeightsLike,
    *,
    entity: str | None = None,
    time: str | None = None,
    model: str = "ols",
    controls: list[str] | tuple = (),
    panel: bool = False,
    **options: Any,
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
    >>> result = sp.indicators.beta_convergence(panel, "output", w, entity="state", time="year", model="sar")
    >>> result.table.set_index("term")["speed"].round(3).to_dict()
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
