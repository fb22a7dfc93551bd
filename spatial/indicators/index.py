"""A composite index from indicators: normalise, weigh, add up; in one level or two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option, warn
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ._frame import Table, read, rows_of_keys
from ._weighting import METHODS, normalise

if TYPE_CHECKING:
    from spillover.types import Columns

FLAT = 1e-12  # a range below this share of the largest value is rounding
FEWEST = 3


@dataclass(frozen=True, eq=False, repr=False)
class CompositeIndex(Shown):
    """An index between 0 and 1 with its weights.

    Attributes
    ----------
    scores : Series by unit, or by (unit, period)
    groups : DataFrame, indexed like ``scores``
        Sub-indices, each between 0 and 1; no columns for an index without groups.
    weights : DataFrame
        One row per indicator (and period, where each has its own): ``group``, ``indicator``, ``direction``,
        ``within`` (sums to one in its group), ``group_weight``, ``weight`` = within x group_weight (sums to one).
    normalised : DataFrame, indexed like ``scores``
        Indicators between 0 (worst) and 1 (best).
    method : {"entropy", "critic", "equal", "pca"}
        How indicators are weighted.
    pooled : bool
        One scale and one set of weights for all periods.
    """

    scores: pd.Series = field(repr=False)
    groups: pd.DataFrame = field(repr=False)
    weights: pd.DataFrame = field(repr=False)
    normalised: pd.DataFrame = field(repr=False)
    method: str
    pooled: bool

    def to_frame(self) -> pd.DataFrame:
        """One row per unit and period: the keys, the sub-indices and ``index``; ready to merge."""
        return self.groups.assign(index=self.scores).reset_index()

    def tidy(self) -> pd.DataFrame:
        """The common schema: index and sub-indices (``term``) of each unit and period."""
        return rows_of_keys(self.groups.assign(index=self.scores))


@takes_frames
def composite_index(
    data: pd.DataFrame,
    indicators: Columns | Mapping[str, Any],
    *,
    entity: str | None = None,
    time: str | None = None,
    method: str = "entropy",
    pooled: bool = True,
) -> CompositeIndex:
    """One index from several indicators, as for digital finance or green development.

    Indicators are normalised to [0, 1] by their smallest and largest value, reversed where less is better, weighted
    and added up. With groups there are two levels: each group's indicators make a sub-index, and the sub-indices,
    weighted by the same method, make the index.

    Parameters
    ----------
    data : DataFrame, one row per unit or per unit and period, in any order
    indicators : list, dict or dict of these
        Columns; ``{"accounts": "+", "arrears": "-"}`` says which are better when larger or smaller (a list: all
        larger). Groups: ``{"breadth": {...}, "depth": [...]}``.
    entity, time : str, optional
        Columns with unit and period; a (unit, period) MultiIndex, or an index of units, serves instead.
    method : {"entropy", "critic", "equal", "pca"}
        How indicators are weighted.
    pooled : bool
        True: all periods share their scale and weights, so that an index can rise over time. False: each period
        has its own, and scores only compare the units of a period.

    Returns
    -------
    CompositeIndex

    Raises
    ------
    SpatialInputError
        E1xx keys, E201-E203 values, E204 an indicator without variation (with its period), E206 fewer than three
        rows to compare, E221 weights of a component that cancel, E501 a direction or method that is not known, E502 no
        such column.

    Examples
    --------
    >>> towns = pd.DataFrame({"bank": [1, 2, 3, 4], "debt": [9, 5, 5, 1]}, index=list("abcd"))
    >>> index = composite_index(towns, {"bank": "+", "debt": "-"})
    >>> index.weights.set_index("indicator")["weight"].round(4).to_dict()
    {'bank': 0.5196, 'debt': 0.4804}
    >>> index.scores.round(3).to_dict()
    {'a': 0.0, 'b': 0.413, 'c': 0.587, 'd': 1.0}

    References
    ----------
    Entropy: Shannon (1948), Bell System Technical Journal 27:379-423; pooled over a panel: Yang & Sun (2015),
    Economic Problems 3:115-119 (in Chinese). CRITIC: Diakoulaki, Mavrotas & Papayannakis (1995), Computers &
    Operations Research 22:763-770. Normalisation and principal components: Nardo et al. (2008), Handbook on
    Constructing Composite Indicators, OECD, ch. 5-6.
    """
    check_option("method", method, METHODS)
    plan, grouped = _plan(indicators)
    table = read(data, [name for _, name, _ in plan], entity, time)
    blocks = [(None, np.arange(len(table.index)))] if pooled or table.times is None else table.periods()
    Z, parts = np.empty_like(table.values), []
    names = list(dict.fromkeys(group for group, _, _ in plan))
    sub, scores = np.empty((len(Z), len(names))), np.empty(len(Z))
    for period, rows in blocks:
        Z[rows] = _normalised(table, plan, rows, period)
        sub[rows], scores[rows], weights = _two_levels(Z[rows], plan, names, METHODS[method])
        parts.append(weights if period is None else weights.assign(**{table.keys[1]: period}))
    weights = pd.concat(parts, ignore_index=True)
    _warn_negative(weights)
    groups = table.frame(sub, names) if grouped else table.frame(np.empty((len(Z), 0)), [])
    pooled = pooled or table.times is None
    result = CompositeIndex(table.series(scores, "index"), groups, weights, table.frame(Z, table.names), method, pooled)
    return made_from(result, table)


def _plan(indicators) -> tuple[list[tuple[str, str, str]], bool]:
    """(group, column, direction) of every indicator, and whether there are groups."""
    grouped = isinstance(indicators, Mapping) and any(not isinstance(v, str) for v in indicators.values())
    plan = []
    for group, members in (indicators if grouped else {"index": indicators}).items():
        members = [members] if isinstance(members, str) else members
        if not isinstance(members, Mapping | list | tuple):
            raise SpatialInputError("E501", f"group {group!r} must list columns, or give their directions",
                                    hint='{"column": "+", "another": "-"}')  # fmt: skip
        if len(set(members)) < len(members):
            twice = next(name for name in members if list(members).count(name) > 1)
            raise SpatialInputError("E501", f"{twice!r} is listed twice", column=str(twice), hint="name it once")
        members = members if isinstance(members, Mapping) else dict.fromkeys(members, "+")
        if not members:
            raise SpatialInputError("E501", f"group {group!r} has no indicators",
                                    hint="name its columns, or drop the group")
        plan += [(group, name, direction) for name, direction in members.items()]
    if grouped and "index" in indicators:
        raise SpatialInputError("E501", "a group cannot be called 'index': the whole is", hint="rename the group")
    for _, name, direction in plan:
        check_option(f"the direction of {name!r}", direction, ("+", "-"))
    return plan, grouped


def _normalised(table: Table, plan, rows, period) -> np.ndarray:
    X, when = table.values[rows], "" if period is None else f" in {period}"
    if len(X) < FEWEST:
        raise SpatialInputError("E206", f"{FEWEST} rows or more are needed to compare, got {len(X)}{when}",
                                hint="use more rows")
    flat = np.ptp(X, axis=0) <= FLAT * np.abs(X).max(axis=0)
    if flat.any():
        name = table.names[int(np.argmax(flat))]
        raise SpatialInputError("E204", f"indicator {name!r} is the same everywhere{when}: it cannot rank units",
                                column=name, hint="leave it out")  # fmt: skip
    return normalise(X, np.array([direction == "-" for _, _, direction in plan]))


def _two_levels(Z, plan, names, weigh):
    """Sub-indices (n, g), the index (n,) and the table of weights; one group is the index itself."""
    member = np.array([names.index(group) for group, _, _ in plan])
    within = np.empty(len(plan))
    for g in range(len(names)):
        within[member == g] = weigh(Z[:, member == g])
    sub = np.column_stack([Z[:, member == g] @ within[member == g] for g in range(len(names))])
    flat = np.ptp(sub, axis=0) <= FLAT
    if flat.any():
        raise SpatialInputError("E204", f"sub-index {names[int(np.argmax(flat))]!r} is the same everywhere",
                                hint="its indicators cancel: check their directions")  # fmt: skip
    top = weigh(sub) if len(names) > 1 else np.ones(1)
    table = pd.DataFrame(plan, columns=["group", "indicator", "direction"])
    table = table.assign(within=within, group_weight=top[member], weight=within * top[member])
    return sub, sub @ top, table


def _warn_negative(weights: pd.DataFrame) -> None:
    against = list(weights.loc[weights["weight"] < 0, "indicator"].unique())
    if against:
        warn(f"indicators move against the others and weigh negatively: {', '.join(map(repr, against))}; "
                      "check their directions")  # fmt: skip
