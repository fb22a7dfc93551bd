"""Productivity over time: Malmquist and Malmquist-Luenberger indices and their components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ._distances import radial
from ._frame import Panel, Table, rows_of_keys
from ._programmes import in_parts, minimise
from .envelopment import measured


@dataclass(frozen=True, eq=False, repr=False)
class Productivity(Shown):
    """Change from each period to the next; above 1 is a gain.

    Attributes
    ----------
    frame : DataFrame by (unit, period)
        ``tfp`` = ``efficiency`` x ``technical``; the period is the one in which the change ends. For Malmquist also
        ``pure`` x ``scale`` = ``efficiency``.
    infeasible : DataFrame
        Programmes without a solution: unit, period, and which frontier (``against``); their changes are NaN.
    title : str
    first : the first period
    """

    frame: pd.DataFrame
    infeasible: pd.DataFrame
    title: str
    first: object

    @property
    def by_period(self) -> pd.DataFrame:
        """Geometric means over units, without NaN."""
        return self._means(1)

    @property
    def by_unit(self) -> pd.DataFrame:
        """Geometric means over periods, without NaN."""
        return self._means(0)

    def _means(self, level: int) -> pd.DataFrame:
        return self.frame.apply(np.log).groupby(level=level, sort=False).mean().apply(np.exp)

    @property
    def levels(self) -> pd.DataFrame:
        """Products of the changes so far, 1 in the first period; NaN after a change that is not known."""
        units, periods = (self.frame.index.unique(level) for level in (0, 1))
        index = pd.MultiIndex.from_product([units, [self.first, *periods]], names=self.frame.index.names)
        wide = self.frame.reindex(index)
        wide.loc[wide.index.get_level_values(1) == self.first] = 1.0
        return wide.groupby(level=0, sort=False).transform(lambda changes: np.cumprod(changes.to_numpy()))

    def to_frame(self) -> pd.DataFrame:
        """One row per unit and period: the keys and the columns of ``frame``, ready to merge."""
        return self.frame.reset_index()

    def tidy(self) -> pd.DataFrame:
        """The common schema: one row per unit, period and part."""
        return rows_of_keys(self.frame)


@takes_frames
def malmquist(
    data: pd.DataFrame,
    inputs: list[str],
    outputs: list[str],
    *,
    entity: str | None = None,
    time: str | None = None,
    orientation: str = "output",
) -> Productivity:
    """Malmquist index of total factor productivity, split into efficiency and technical change.

        M = [ D^t(t+1) / D^t(t)  x  D^{t+1}(t+1) / D^{t+1}(t) ]^(1/2) = EC x TC
        EC = D^{t+1}(t+1) / D^t(t) = pure x scale,   TC = [ D^t(t+1) / D^{t+1}(t+1)  x  D^t(t) / D^{t+1}(t) ]^(1/2)

    D^t(s) is the distance of period s's units to period t's frontier, under constant returns; pure efficiency change is
    EC under variable returns, and scale what is left of EC.

    Parameters
    ----------
    data : DataFrame, one row per unit and period, in any order; the same periods for all units
    inputs, outputs : lists of str
        Columns with values of 0 or more, at constant prices.
    entity, time : str, optional
    orientation : {"output", "input"}
        Under constant returns it changes only ``pure`` and ``scale``.

    Returns
    -------
    Productivity
        Columns ``tfp``, ``efficiency``, ``technical``, ``pure``, ``scale``.

    Raises
    ------
    SpatialInputError
        E1xx keys, E104 periods that differ between units, E201-E203 values, E206 fewer than two periods, E224 negative
        values, or a unit without any input or output; E225, E501, E502.

    Examples
    --------
    >>> data = pd.DataFrame({"unit": list("ab") * 2, "year": [1, 1, 2, 2], "x": [1.0, 2, 1, 2], "y": [1.0, 1, 2, 3]})
    >>> malmquist(data, ["x"], ["y"], entity="unit", time="year").frame[["tfp", "efficiency", "technical"]].round(3)
                tfp  efficiency  technical
    unit year
    a    2      2.0         1.0        2.0
    b    2      3.0         1.5        2.0

    References
    ----------
    Färe, Grosskopf, Norris & Zhang (1994), American Economic Review 84:66-83.
    """
    check_option("orientation", orientation, ("output", "input"))
    table, x, y = measured(data, inputs, outputs, entity, time, panel=True)
    x, y = _cubes(table, x, y)
    both = lambda t, s, returns: radial(x[t], y[t], x[s], y[s], returns, orientation)  # noqa: E731
    own, ahead, behind = _distances(lambda t, s: both(t, s, "constant"), len(x))
    variable = np.array([both(t, t, "variable") for t in range(len(x))])
    efficiency = own[1:] / own[:-1]
    technical = np.sqrt(ahead / own[1:] * own[:-1] / behind)
    pure = variable[1:] / variable[:-1]
    parts = {"tfp": efficiency * technical, "efficiency": efficiency, "technical": technical, "pure": pure,
             "scale": efficiency / pure}  # fmt: skip
    return _changes(table, parts, ahead, behind, "Malmquist productivity")


@takes_frames
def malmquist_luenberger(
    data: pd.DataFrame,
    inputs: list[str],
    outputs: list[str],
    undesirable: list[str],
    *,
    entity: str | None = None,
    time: str | None = None,
) -> Productivity:
    """Malmquist-Luenberger index: credit for more output and for less of an undesirable one, such as emissions.

        D^t(x, y, b) = max beta: X' l <= x, Y' l >= (1 + beta) y, B' l = (1 - beta) b, l >= 0   (frontier of period t)
        ML = [ (1 + D^t(t)) / (1 + D^t(t+1))  x  (1 + D^{t+1}(t)) / (1 + D^{t+1}(t+1)) ]^(1/2) = EC x TC
        EC = (1 + D^t(t)) / (1 + D^{t+1}(t+1))

    The equality makes undesirable outputs weakly disposable: less of them costs output. A unit may lie where another
    period's frontier does not compare; such programmes are counted and listed in ``infeasible``.

    Parameters
    ----------
    data : DataFrame, one row per unit and period, in any order; the same periods for all units
    inputs, outputs, undesirable : lists of str
        Columns with values of 0 or more.
    entity, time : str, optional

    Returns
    -------
    Productivity
        Columns ``tfp``, ``efficiency``, ``technical``.

    Raises
    ------
    SpatialInputError
        As `malmquist`.

    Examples
    --------
    >>> data = pd.DataFrame({"unit": list("ab") * 2, "year": [1, 1, 2, 2], "x": [1.0] * 4, "y": [2.0, 1, 2, 2],
    ...                      "co2": [1.0, 2, 1, 1]})
    >>> result = malmquist_luenberger(data, ["x"], ["y"], ["co2"], entity="unit", time="year")
    >>> result.frame["efficiency"].round(3).tolist()
    [1.0, 1.6]

    References
    ----------
    Chung, Färe & Grosskopf (1997), J. Environmental Management 51:229-240.
    """
    extra = [undesirable] if isinstance(undesirable, str) else list(undesirable)
    if not extra:
        raise SpatialInputError("E501", "undesirable= needs one column or more", hint="without, use malmquist")
    table, x, y, b = measured(data, inputs, outputs, entity, time, extra=extra, panel=True)
    x, y, b = _cubes(table, x, y, b)
    own, ahead, behind = _distances(lambda t, s: 1 + _directional(x[t], y[t], b[t], x[s], y[s], b[s]), len(x))
    efficiency = own[:-1] / own[1:]
    technical = np.sqrt(own[1:] / ahead * behind / own[:-1])
    parts = {"tfp": efficiency * technical, "efficiency": efficiency, "technical": technical}
    return _changes(table, parts, ahead, behind, "Malmquist-Luenberger productivity")


def _directional(x, y, b, X, Y, B) -> np.ndarray:
    """beta of each unit towards more y and less b; NaN where infeasible (beta <= -1 compares nothing either)."""
    beta = in_parts(lambda at: _most(x[at], y[at], b[at], X, Y, B), len(x), 1 + len(X))
    return np.where(beta > -1 + 1e-9, beta, np.nan)


def _most(x, y, b, X, Y, B) -> np.ndarray:
    n, m, s, u = len(x), x.shape[1], y.shape[1], b.shape[1]
    A = np.zeros((n, m + s, 1 + len(X)))
    A[:, :m, 1:], A[:, m:, 1:], A[:, m:, 0] = X.T, -Y.T, y
    A_eq = np.zeros((n, u, 1 + len(X)))
    A_eq[:, :, 1:], A_eq[:, :, 0] = B.T, b
    c = np.zeros((n, 1 + len(X)))
    c[:, 0] = -1
    return -minimise(c, A, np.concatenate([x, -y], axis=1), A_eq, b, free=1)


def _cubes(table: Table, *blocks) -> list[np.ndarray]:
    """Arrays (T, N, k); E104 unless every unit has every period, E206 with fewer than two."""
    T, N, _ = table.cube().shape
    if T < 2:
        raise SpatialInputError("E206", f"productivity change needs two or more periods, there is {T}",
                                hint="give a panel with more periods")
    return [block.reshape(N, T, -1).swapaxes(0, 1) for block in blocks]


def _distances(distance, T: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """D^t(t) (T, N), D^t(t+1) and D^{t+1}(t) (T - 1, N); ``distance(s, t)`` compares period s with t's frontier."""
    own = np.array([distance(t, t) for t in range(T)])
    ahead = np.array([distance(t + 1, t) for t in range(T - 1)])
    behind = np.array([distance(t, t + 1) for t in range(T - 1)])
    return own, ahead, behind


def _changes(table: Panel, parts: dict, ahead, behind, title: str) -> Productivity:
    index = pd.MultiIndex.from_product([table.units, table.times[1:]], names=table.index.names)
    frame = pd.DataFrame({name: values.T.ravel() for name, values in parts.items()}, index=index)
    lost = []
    for values, shift in ((ahead, 0), (behind, 1)):
        t, i = np.nonzero(np.isnan(values))
        keys = dict(zip(table.keys, (table.units[i], table.times[t + 1])))
        lost.append(pd.DataFrame({**keys, "against": table.times[t + shift]}))
    return made_from(Productivity(frame, pd.concat(lost, ignore_index=True), title, table.times[0]), table)
