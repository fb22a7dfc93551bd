"""Data envelopment: radial efficiency (CCR, BCC) and the slacks-based measure with super-efficiency.

x (B, m) and y (B, s) are the units that are measured, X (n, m) and Y (n, s) those that span the frontier. Every input
and output is divided by its mean first: scores do not depend on units of measurement, and the solver is stable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ._distances import Amounts, radial, sbm, super_sbm_of
from ._frame import Table, read, refuse, rows_of_keys
from ._programmes import in_parts

RETURNS = ("constant", "variable")
ON_FRONTIER = 1e-6  # the solver's own tolerance is 1e-7


@dataclass(frozen=True, eq=False, repr=False)
class Efficiency(Shown):
    """Scores of units against the frontier of their period.

    Attributes
    ----------
    scores : Series by unit, or by (unit, period)
    title : str
    """

    scores: pd.Series
    title: str

    @property
    def by_period(self) -> pd.DataFrame:
        """Mean, smallest and largest score, and how many units are on the frontier (score 1 or more)."""
        on = (self.scores >= 1 - ON_FRONTIER).rename("on_frontier")
        table = self.scores.to_frame("score").assign(on_frontier=on)
        level = self.scores.index.names[1] if self.scores.index.nlevels > 1 else None
        groups = table.groupby(level=level) if level is not None else table.groupby(lambda _: "all")
        return groups.agg(mean=("score", "mean"), smallest=("score", "min"), largest=("score", "max"),
                          on_frontier=("on_frontier", "sum"), units=("score", "count"))  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """One row per unit and period: the keys and the score, ready to merge."""
        return self.scores.reset_index()

    def tidy(self) -> pd.DataFrame:
        """The common schema: one score per unit and period."""
        return rows_of_keys(self.scores.to_frame())


@takes_frames
def dea(
    data: pd.DataFrame,
    inputs: list[str],
    outputs: list[str],
    *,
    entity: str | None = None,
    time: str | None = None,
    returns: str = "variable",
    orientation: str = "output",
) -> Efficiency:
    """Radial efficiency of each unit against the best practice of its period.

        input    min theta:  X' l <= theta x_o,  Y' l >= y_o,        l >= 0     score theta
        output   max phi:    X' l <= x_o,        Y' l >= phi y_o,    l >= 0     score 1 / phi

    with sum l = 1 for variable returns to scale. Slacks beyond the radial score are not counted: `super_sbm` counts
    them.

    Parameters
    ----------
    data : DataFrame, one row per unit or per unit and period, in any order
    inputs, outputs : lists of str
        Columns with values of 0 or more.
    entity, time : str, optional
    returns : {"variable", "constant"}
        To scale: BCC (Banker, Charnes & Cooper 1984) or CCR (Charnes, Cooper & Rhodes 1978).
    orientation : {"output", "input"}
        More output from the same inputs, or the same output from fewer.

    Returns
    -------
    Efficiency
        Scores in (0, 1].

    Raises
    ------
    SpatialInputError
        E1xx keys, E201-E203 values, E224 negative values, or a unit without any input or output; E225 a programme that
        was not solved; E501 options, E502 columns.

    Examples
    --------
    The eight shops of Cooper, Seiford & Tone (2007), table 1.1:

    >>> shops = pd.DataFrame({"staff": [2, 3, 3, 4, 5, 5, 6, 8], "sales": [1, 3, 2, 3, 4, 2, 3, 5]})
    >>> dea(shops, ["staff"], ["sales"], returns="constant").scores.round(3).tolist()
    [0.5, 1.0, 0.667, 0.75, 0.8, 0.4, 0.5, 0.625]

    References
    ----------
    Cooper, Seiford & Tone (2007), Data Envelopment Analysis, 2nd ed., ch. 2-4.
    """
    check_option("returns", returns, RETURNS)
    check_option("orientation", orientation, ("output", "input"))
    table, x, y = measured(data, inputs, outputs, entity, time)
    scores = np.empty(len(x))
    for _, rows in table.periods():
        scores[rows] = radial(x[rows], y[rows], x[rows], y[rows], returns, orientation)
    title = f"{'BCC' if returns == 'variable' else 'CCR'} efficiency, {orientation}-oriented"
    return made_from(Efficiency(table.series(scores, "efficiency"), title), table)


@takes_frames
def super_sbm(
    data: pd.DataFrame,
    inputs: list[str],
    outputs: list[str],
    *,
    undesirable: list[str] | tuple = (),
    entity: str | None = None,
    time: str | None = None,
    returns: str = "variable",
) -> Efficiency:
    """Slacks-based efficiency, and super-efficiency of the units on the frontier (Tone 2001, 2002; not oriented).

        rho   = min (1 - mean_i s_i^- / x_io) / (1 + mean_r s_r / y_ro):  X' l + s^- = x_o,  Y' l - s = y_o
        delta = min (1 + mean_i s_i^- / x_io) / (1 - mean_r s_r / y_ro):  X' l - s^- <= x_o,  Y' l + s >= y_o >= s

    delta takes l over the other units only. The score is rho below 1, and delta (1 or more) where rho = 1: it ranks the
    units on the frontier. Undesirable outputs join the mean of the denominator, with B' l + s^b = b_o for rho and
    B' l - s^b <= b_o for delta. Both programmes become linear by Charnes & Cooper's change of variables.

    Parameters
    ----------
    data, inputs, outputs, entity, time, returns
        As `dea`; all values positive.
    undesirable : list of str
        Outputs of which less is better, such as emissions.

    Returns
    -------
    Efficiency
        NaN for a unit that the others' frontier does not compare with (variable returns with undesirable outputs).

    Raises
    ------
    SpatialInputError
        As `dea`; E211 values that are not positive.

    Examples
    --------
    >>> shops = pd.DataFrame({"staff": [2.0, 3, 3, 4], "sales": [1.0, 3, 2, 3]}, index=list("ABCD"))
    >>> super_sbm(shops, ["staff"], ["sales"], returns="constant").scores.round(3).tolist()
    [0.5, 1.333, 0.667, 0.75]

    References
    ----------
    Tone (2001), European J. of Operational Research 130:498-509; Tone (2002), same journal 143:32-41. Undesirable
    outputs: Tone (2003), GRIPS Research Report I-2003-0005; with super-efficiency Li, Fang, Yang, Wang & Hong (2013),
    Mathematical and Computer Modelling 58:1018-1031.
    """
    check_option("returns", returns, RETURNS)
    extra = [undesirable] if isinstance(undesirable, str) else list(undesirable)
    table, *blocks = measured(data, inputs, outputs, entity, time, extra=extra, positive=True)
    scores = np.empty(len(table.index))
    for _, rows in table.periods():
        here = Amounts.of(*(block[rows] for block in blocks))
        size = len(rows), sum(here.z.shape) + 1
        values = in_parts(lambda at, here=here: sbm(here, at, returns), *size)
        best = np.flatnonzero(values >= 1 - ON_FRONTIER)
        if len(rows) > 1 and len(best):
            values[best] = in_parts(lambda k, a=here, at=best: super_sbm_of(a, at[k], returns), len(best), size[1])
        scores[rows] = values
    words = f"Slacks-based super-efficiency, {returns} returns to scale"
    return made_from(Efficiency(table.series(scores, "efficiency"), words), table)


def measured(data, inputs, outputs, entity, time, *, extra=(), positive=False, panel=False):
    """(table, x, y) scaled by their means, or (table, x, y, b) with ``extra`` columns."""
    named = [[columns] if isinstance(columns, str) else list(columns) for columns in (inputs, outputs)]
    if not named[0] or not named[1]:
        raise SpatialInputError("E501", "inputs= and outputs= need one column or more each",
                                hint="inputs=['capital', 'labor'], outputs=['gdp']")
    named += [list(extra)] * bool(extra)
    table: Table = read(data, [name for names in named for name in names], entity, time, panel=panel)
    if positive:
        refuse(table, table.values <= 0, "E211", "must be positive")
    refuse(table, table.values < 0, "E224", "is negative somewhere: inputs and outputs are amounts")
    blocks = np.split(table.values, np.cumsum([len(names) for names in named])[:-1], axis=1)
    for block, what in zip(blocks, ("inputs", "outputs", "undesirable outputs")):
        none = np.logical_not((block > 0).any(axis=1))
        if none.any():
            raise SpatialInputError("E224", f"units have no {what}", ids=table.labels(none),
                                    hint="leave these units out")
        if not (block > 0).any(axis=0).all():
            raise SpatialInputError("E224", f"one of the {what} is zero everywhere", hint="leave it out")
    return table, *(block / block.mean(axis=0) for block in blocks)


