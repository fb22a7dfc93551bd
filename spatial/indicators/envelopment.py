"""Data envelopment: radial efficiency (CCR, BCC) and the slacks-based measure with super-efficiency.

x (B, m) and y (B, s) are the units that are measured, X (n, m) and Y (n, s) those that span the frontier. Every input
and output is divided by its mean first: scores do not depend on units of measurement, and the solver likes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option

from ..explore._show import Shown
from ..report.text import columns, number
from ._frame import Table, read, refuse
from ._programmes import minimise

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

    def tidy(self) -> pd.DataFrame:
        return self.scores.reset_index()

    def __str__(self) -> str:
        rows = [[str(period), *(number(v) for v in (r["mean"], r["smallest"], r["largest"])),
                 f"{r['on_frontier']:.0f} of {r['units']:.0f}"] for period, r in self.by_period.iterrows()]  # fmt: skip
        return "\n".join([self.title, columns(rows, ["", "mean", "smallest", "largest", "on the frontier"])])


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
    return Efficiency(table.series(scores, "efficiency"), title)


def super_sbm(
    data: pd.DataFrame,
    inputs: list[str],
    outputs: list[str],
    *,
    entity: str | None = None,
    time: str | None = None,
    returns: str = "variable",
) -> Efficiency:
    """Slacks-based efficiency, and super-efficiency of the units on the frontier (Tone 2001, 2002; not oriented).

        rho   = min (1 - mean_i s_i^- / x_io) / (1 + mean_r s_r^+ / y_ro)
        delta = min mean_i(x_i / x_io) / mean_r(y_r / y_ro), over points that the other units could reach, with
                x >= x_o and 0 <= y <= y_o

    The score is rho below 1, and delta (1 or more) where rho = 1: it ranks the units on the frontier. Both fractional
    programmes become linear by Charnes & Cooper's change of variables.

    Parameters
    ----------
    data, inputs, outputs, entity, time, returns
        As `dea`; all values positive.

    Returns
    -------
    Efficiency

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
    Tone (2001), European J. of Operational Research 130:498-509; Tone (2002), same journal 143:32-41.
    """
    check_option("returns", returns, RETURNS)
    table, x, y = measured(data, inputs, outputs, entity, time, positive=True)
    scores = np.empty(len(x))
    for _, rows in table.periods():
        scores[rows] = _sbm(x[rows], y[rows], returns)
        best = rows[scores[rows] >= 1 - ON_FRONTIER]
        if len(rows) > 1:
            scores[best] = _super(x[rows], y[rows], np.searchsorted(rows, best), returns)
    words = f"{returns} returns to scale"
    return Efficiency(table.series(scores, "efficiency"), f"Slacks-based super-efficiency, {words}")


def measured(data, inputs, outputs, entity, time, *, extra=(), positive=False, panel=False):
    """(table, x, y) scaled by their means, or (table, x, y, b) with ``extra`` columns."""
    named = [[given] if isinstance(given, str) else list(given) for given in (inputs, outputs)]
    if not named[0] or not named[1]:
        raise SpatialInputError("E501", "inputs= and outputs= need one column or more each")
    named += [list(extra)] * bool(extra)
    table: Table = read(data, [name for names in named for name in names], entity, time, panel=panel)
    if positive:
        refuse(table, table.values <= 0, "E211", "must be positive")
    refuse(table, table.values < 0, "E224", "is negative somewhere: inputs and outputs are amounts")
    blocks = np.split(table.values, np.cumsum([len(names) for names in named])[:-1], axis=1)
    for block, what in zip(blocks, ("inputs", "outputs", "undesirable outputs")):
        none = ~(block > 0).any(axis=1)
        if none.any():
            raise SpatialInputError("E224", f"units have no {what}", ids=table.labels(none))
        if not (block > 0).any(axis=0).all():
            raise SpatialInputError("E224", f"one of the {what} is zero everywhere", hint="leave it out")
    return table, *(block / block.mean(axis=0) for block in blocks)


def radial(x, y, X, Y, returns: str, orientation: str) -> np.ndarray:
    """Farrell's efficiency of (x, y) against the frontier of (X, Y), (B,): may exceed 1 where units are not among them;
    NaN where no point of the frontier compares."""
    B, m, s, n = len(x), x.shape[1], y.shape[1], len(X)
    A = np.zeros((B, m + s, 1 + n))  # variables: theta or phi, then l
    A[:, :m, 1:], A[:, m:, 1:] = X.T, -Y.T
    b = np.zeros((B, m + s))
    if orientation == "input":
        A[:, :m, 0], b[:, m:] = -x, -y
    else:
        A[:, m:, 0], b[:, :m] = y, x
    c = np.zeros((B, 1 + n))
    c[:, 0] = 1 if orientation == "input" else -1
    value = minimise(c, A, b, *_convex(B, n, 1, returns))
    score = value if orientation == "input" else -value
    score = np.where(score > 0, score, np.nan)
    return score if orientation == "input" else 1 / score


def _convex(B: int, n: int, before: int, returns: str, scale: int | None = None):
    """sum l = 1, or = the scaling variable t at position ``scale``; nothing for constant returns."""
    if returns == "constant":
        return np.empty((B, 0, before + n)), np.empty((B, 0))
    A = np.zeros((B, 1, before + n))
    A[:, :, before:] = 1
    if scale is None:
        return A, np.ones((B, 1))
    A[:, :, scale] = -1
    return A, np.zeros((B, 1))


def _sbm(x, y, returns) -> np.ndarray:
    """rho of every unit (Tone 2001, eq. 12): variables t, s^-, s^+, l, all times t."""
    B, m = x.shape
    s = y.shape[1]
    before = 1 + m + s
    A = np.zeros((B, 1 + m + s, before + B))
    A[:, 0, 0], A[:, 0, 1 + m : before] = 1, 1 / (s * y)  # t + mean s^+ / y_o = 1
    A[:, 1 : 1 + m, 0], A[:, 1 + m :, 0] = -x, -y  # X l + s^- = t x_o,  Y l - s^+ = t y_o
    A[:, 1 : 1 + m, 1 : 1 + m], A[:, 1 + m :, 1 + m : before] = np.eye(m), -np.eye(s)
    A[:, 1 : 1 + m, before:], A[:, 1 + m :, before:] = x.T, y.T
    b = np.zeros((B, 1 + m + s))
    b[:, 0] = 1
    c = np.zeros((B, before + B))
    c[:, 0], c[:, 1 : 1 + m] = 1, -1 / (m * x)
    convex, ones = _convex(B, B, before, returns, scale=0)
    none = np.empty((B, 0, before + B)), np.empty((B, 0))
    return minimise(c, *none, np.concatenate([A, convex], axis=1), np.concatenate([b, ones], axis=1))


def _super(x, y, at, returns) -> np.ndarray:
    """delta of the units at the positions ``at`` (Tone 2002, eq. 21): variables t, x, y, l, all times t."""
    n, m = x.shape
    s, B = y.shape[1], len(at)
    before = 1 + m + s
    others = np.ones((B, 1, n))
    others[np.arange(B), 0, at] = 0  # nobody is compared with itself
    A = np.zeros((B, 2 * (m + s), before + n))
    for i in range(m):  # X l <= x,  t x_o <= x
        A[:, i, 1 + i] = A[:, m + i, 1 + i] = -1
    for r in range(s):  # y <= Y l,  y <= t y_o
        A[:, 2 * m + r, 1 + m + r] = A[:, 2 * m + s + r, 1 + m + r] = 1
    A[:, :m, before:], A[:, 2 * m : 2 * m + s, before:] = x.T * others, -y.T * others
    A[:, m : 2 * m, 0], A[:, 2 * m + s :, 0] = x[at], -y[at]
    unit = np.zeros((B, 1, before + n))
    unit[:, 0, 1 + m : before] = 1 / (s * y[at])  # mean y / y_o = 1
    convex, zeros = _convex(B, n, before, returns, scale=0)
    convex[:, :, before:] *= others
    c = np.zeros((B, before + n))
    c[:, 1 : 1 + m] = 1 / (m * x[at])
    A_eq, b_eq = np.concatenate([unit, convex], axis=1), np.concatenate([np.ones((B, 1)), zeros], axis=1)
    return minimise(c, A, np.zeros((B, 2 * (m + s))), A_eq, b_eq)
