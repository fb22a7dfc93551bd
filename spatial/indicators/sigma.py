"""Sigma convergence: whether the spread over units falls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ..records.schema import rows_of
from ..records.tests import TestResult, TestTable
from ._frame import Table, groups_of, read, refuse, weights_of
from ._spread import equal_variances, without_neighbors

if TYPE_CHECKING:
    from spillover.types import WeightsLike

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


@takes_frames
def sigma_convergence(
    data: pd.DataFrame,
    column: str,
    w: WeightsLike | None = None,
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
    >>> result = sigma_convergence(data, "y", entity="unit", time="year")
    >>> result.frame["cv"].round(3).tolist()
    [0.958, 0.296]
    >>> print(result.tests["all"])
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


def _members(data, groups, table: Table) -> dict:
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
