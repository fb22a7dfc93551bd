"""Gaps between units: Gini with Dagum's decomposition, Theil with within and between parts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ..records.schema import rows_of
from ._frame import Table, groups_of, read, refuse


@dataclass(frozen=True, eq=False, repr=False)
class Decomposition(Shown):
    """Inequality by period, and its parts by groups.

    Attributes
    ----------
    measure, column : str
    frame : DataFrame, one row per period (one row in all for a cross-section)
        The measure and its parts, which add up to it.
    groups : DataFrame
        One row per period and group: its own measure, its shares of units (``units``) and of the total (``total``).
    pairs : DataFrame
        Gini only: one row per period and pair of groups: ``between`` (G_jh) and ``distance`` (D_jh, Dagum's relative
        economic affluence).
    """

    measure: str
    column: str
    frame: pd.DataFrame
    groups: pd.DataFrame = field(repr=False)
    pairs: pd.DataFrame = field(repr=False)

    @property
    def shares(self) -> pd.DataFrame:
        """Each part's share of the measure."""
        return self.frame.iloc[:, 1:].div(self.frame.iloc[:, 0].replace(0, np.nan), axis=0)

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``frame``: one row per period."""
        return self.frame.copy()

    def tidy(self) -> pd.DataFrame:
        """The common schema: one row per period and part, with its ``share`` of the whole."""
        long = self.frame.rename_axis("period").reset_index().melt("period", var_name="term", value_name="estimate")
        whole = long["period"].map(self.frame.iloc[:, 0])
        share = long["estimate"] / whole.replace(0, np.nan)
        return rows_of(long["term"], long["estimate"], period=long["period"], share=share)


@takes_frames
def gini(
    data: pd.DataFrame, column: str, *, groups: str | None = None, entity: str | None = None, time: str | None = None
) -> Decomposition:
    """Gini coefficient by period, split by groups after Dagum (1997).

        G   = sum_ij |y_i - y_j| / (2 n^2 mu)
        G   = G_w + G_nb + G_t
        G_w = sum_j G_jj p_j s_j                                              within groups
        G_nb, G_t = sum_{j<h} G_jh (p_j s_h + p_h s_j) D_jh, ... (1 - D_jh)   net between, transvariation

    p and s are a group's shares of units and of the total, G_jh = E|y_j - y_h| / (mu_j + mu_h), and D_jh =
    |mu_j - mu_h| / E|y_j - y_h|. Transvariation is what the overlap of groups adds: poor units of a rich region
    below rich units of a poor one.

    Parameters
    ----------
    data : DataFrame, one row per unit or per unit and period, in any order
    column : str
        Values of 0 or more.
    groups : str, optional
        Column with each unit's group, such as east, centre and west.
    entity, time : str, optional

    Returns
    -------
    Decomposition
        Parts ``within``, ``between``, ``transvariation``; none without groups.

    Raises
    ------
    SpatialInputError
        E1xx keys, E201-E203 values, E210 negative values, E211 a period whose values are all zero, E502.

    Examples
    --------
    >>> data = pd.DataFrame({"gdp": [1.0, 3, 2, 6], "zone": ["west", "west", "east", "east"]}, index=list("abcd"))
    >>> gini(data, "gdp", groups="zone").frame.round(4).to_dict("records")
    [{'gini': 0.3333, 'within': 0.125, 'between': 0.1667, 'transvariation': 0.0417}]

    References
    ----------
    Dagum (1997), Empirical Economics 22:515-531.
    """
    table, code, labels = _prepare(data, column, groups, entity, time)

    def split(y, member):
        G = np.eye(len(labels))[member]
        n, mu, apart = G.sum(axis=0), G.T @ y, G.T @ np.abs(y[:, None] - y) @ G
        mu, apart = _over(mu, n), _over(apart, np.outer(n, n))  # E|y_j - y_h|
        p, s = n / len(y), n * mu / y.sum()
        between = _over(apart, mu[:, None] + mu)  # G_jh; on the diagonal each group's own Gini
        j, h = np.triu_indices(len(n), 1)
        distance = _over(np.abs(mu[j] - mu[h]), apart[j, h])
        weight = between[j, h] * (p[j] * s[h] + p[h] * s[j])
        parts = [np.diag(between) @ (p * s), weight @ distance, weight @ (1 - distance)]
        return [sum(parts), *parts], [np.diag(between), p, s], [j, h, between[j, h], distance]

    names = ["gini", "within", "between", "transvariation"]
    return _by_period("Gini coefficient (Dagum)", names, table, code, labels, split, groups is not None)


@takes_frames
def theil(
    data: pd.DataFrame,
    column: str,
    *,
    groups: str | None = None,
    weights: str | None = None,
    entity: str | None = None,
    time: str | None = None,
) -> Decomposition:
    """Theil's T by period, split into inequality within and between groups.

        T = sum_i p_i (y_i / mu) ln(y_i / mu) = sum_g s_g T_g + sum_g s_g ln(mu_g / mu)

    with p_i = 1 / n, or shares of population; mu is the mean under p, and s_g a group's share of the total.

    Parameters
    ----------
    data : DataFrame, one row per unit or per unit and period, in any order
    column : str
        Values of 0 or more, per head where ``weights`` is population.
    groups : str, optional
        Column with each unit's group.
    weights : str, optional
        Column with positive weights, such as population.
    entity, time : str, optional

    Returns
    -------
    Decomposition
        Parts ``within`` and ``between``; none without groups.

    Raises
    ------
    SpatialInputError
        As `gini`; E211 also for weights that are not positive.

    Examples
    --------
    >>> data = pd.DataFrame({"gdp": [1.0, 3, 2, 6], "zone": ["west", "west", "east", "east"]}, index=list("abcd"))
    >>> theil(data, "gdp", groups="zone").frame.round(4).to_dict("records")
    [{'theil': 0.1874, 'within': 0.1308, 'between': 0.0566}]

    References
    ----------
    Theil (1967), Economics and Information Theory, ch. 4; Shorrocks (1980), Econometrica 48:613-625.
    """
    table, code, labels = _prepare(data, column, groups, entity, time, weights)

    def split(y, member, p=None):
        G = np.eye(len(labels))[member]
        p = np.full(len(y), 1 / len(y)) if p is None else p / p.sum()
        share = p * y / (p @ y)
        s, size = G.T @ share, G.T @ p
        own = _entropy(_over(share, s[member]), p / size[member])
        each = G.T @ own
        parts = [s @ each, _entropy(s, size).sum()]
        return [sum(parts), *parts], [each, size, s], None

    return _by_period("Theil index", ["theil", "within", "between"], table, code, labels, split, groups is not None)


def _entropy(share, p) -> np.ndarray:
    """share ln(share / p), 0 where the share is 0."""
    return share * np.log(_over(share, p), where=share > 0, out=np.zeros_like(share))


def _over(a, b) -> np.ndarray:
    """a / b, 0 where b is 0: an empty group, or values that are all equal."""
    a, b = np.broadcast_arrays(np.asarray(a, dtype=float), b)
    return np.divide(a, b, out=np.zeros(a.shape), where=b > 0)


def _prepare(data, column, groups, entity, time, weights=None):
    """The table, each row's group and the groups' labels: one group where none are given."""
    table = read(data, [column, *([weights] if weights else [])], entity, time)
    refuse(table, (table.values < 0) & (np.arange(table.values.shape[1]) == 0), "E210", "has negative values")
    if weights:
        refuse(table, (table.values <= 0) & [False, True], "E211", "must be positive")
    if groups is None:
        return table, np.zeros(len(table.index), dtype=int), pd.Index(["all"], name="group")
    return table, *groups_of(data, groups, table)


def _by_period(measure, names, table: Table, code, labels, split, grouped: bool) -> Decomposition:
    """Apply ``split`` to each period: (the measure and its parts, what groups have, what pairs of groups have)."""
    totals, own, pairs = [], [], []
    for period, rows in table.periods():
        y, *weights = table.values[rows].T
        if not y.any():
            raise SpatialInputError("E211", f"{table.names[0]!r} is zero everywhere"
                                    + ("" if period is None else f" in {period}"), column=table.names[0],
                                    hint="leave it out")  # fmt: skip
        total, each, between = split(y, code[rows], *weights)
        totals.append(total)
        own.append(pd.DataFrame(dict(zip((names[0], "units", "total"), each))).assign(period=period, group=labels))
        if between is not None:
            j, h, value, distance = between
            pairs.append(pd.DataFrame({"period": period, "group": labels[j], "other": labels[h], "between": value,
                                       "distance": distance}))  # fmt: skip
    index = pd.Index(["all"]) if table.times is None else table.times
    frame = pd.DataFrame(totals, columns=names, index=index).iloc[:, : None if grouped else 1]
    of_groups = pd.concat(own, ignore_index=True)[["period", "group", names[0], "units", "total"]]
    of_pairs = pd.concat(pairs, ignore_index=True) if pairs else pd.DataFrame()
    return made_from(Decomposition(measure, table.names[0], frame, of_groups, of_pairs), table)
