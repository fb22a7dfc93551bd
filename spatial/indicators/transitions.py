"""Movement between classes of a distribution: Markov transitions, alone and by the neighbours' class."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.ids import positions
from spillover.matrix import as_weights, warn_unlabelled
from spillover.show import Shown

from ..design.keys import _key_columns
from ..explore._chain import passage_times, steady_state, transition_probabilities
from ..records.tests import TestResult, TestTable
from ..report.text import columns, number
from ._frame import Table, read, refuse, refuse_gaps

WHOLE = "all periods"


@dataclass(frozen=True, eq=False, repr=False)
class Markov(Shown):
    """Transitions between classes, 1 the lowest.

    Attributes
    ----------
    column : str
    counts : DataFrame, k x k
        Rows: class in one period; columns: in the next.
    limits : DataFrame
        Upper limits of the classes but the last, in the units compared (relative to the mean where ``relative``): one
        row for all periods, or one per period.
    title : str
    """

    column: str
    counts: pd.DataFrame
    limits: pd.DataFrame = field(repr=False)
    title: str = "all units"

    @property
    def probabilities(self) -> pd.DataFrame:
        """Rows sum to one; NaN for a class nobody was in."""
        return self._labelled(transition_probabilities(self.counts.to_numpy(dtype=float)))

    @property
    def steady_state(self) -> pd.Series:
        """Where shares would settle if these probabilities held for ever; NaN where they need not settle."""
        return pd.Series(steady_state(self.probabilities.to_numpy()), index=self.counts.index, name="steady_state")

    @property
    def passage_times(self) -> pd.DataFrame:
        """Mean number of periods from one class until another is first reached; on the diagonal until the return."""
        return self._labelled(passage_times(self.probabilities.to_numpy()))

    def _labelled(self, values) -> pd.DataFrame:
        return pd.DataFrame(values, index=self.counts.index, columns=self.counts.columns)

    def tidy(self) -> pd.DataFrame:
        """One row per pair of classes: from, to, count, probability."""
        flat = self.counts.stack().rename("count").reset_index()
        return flat.assign(probability=self.probabilities.to_numpy().ravel())

    def plot(self, ax=None):
        from ..plot import transitions

        return transitions(self, ax)

    def __str__(self) -> str:
        P, moves = self.probabilities, self.counts.sum(axis=1)
        rows = [[str(c), *(number(v) for v in P.loc[c]), f"{moves[c]:,}"] for c in P.index]
        rows.append(["steady state", *(number(v) for v in self.steady_state), ""])
        head = f"Transitions of {self.column!r}, {self.title}"
        return "\n".join([head, columns(rows, ["from / to", *map(str, self.counts.columns), "moves"])])


@dataclass(frozen=True, eq=False, repr=False)
class SpatialMarkov(Shown):
    """Transitions by the class of the neighbours' mean.

    Attributes
    ----------
    overall : Markov
    by_lag : dict of class to Markov
    tests : TestTable
        LR and Q of homogeneity: do the neighbours matter?
    weights : str
    """

    overall: Markov
    by_lag: dict[int, Markov] = field(repr=False)
    tests: TestTable
    weights: str

    def tidy(self) -> pd.DataFrame:
        """One row per class of the neighbours and pair of classes."""
        return pd.concat([m.tidy().assign(neighbours=lag) for lag, m in self.by_lag.items()], ignore_index=True)

    def __str__(self) -> str:
        parts = [str(self.overall), *map(str, self.by_lag.values()), str(self.tests), f"weights: {self.weights}"]
        return "\n\n".join(parts)


def markov(
    data: pd.DataFrame,
    column: str,
    *,
    entity: str | None = None,
    time: str | None = None,
    classes: int = 4,
    quantiles: str = "pooled",
    relative: bool = True,
) -> Markov:
    """Transitions between quantile classes from each period to the next.

    Parameters
    ----------
    data : DataFrame, one row per unit and period, in any order; the same periods for all units
    column : str
    entity, time : str, optional
    classes : int
        How many, by quantiles.
    quantiles : {"pooled", "period"}
        Limits from all periods together, so that shares of classes can change; or from each period, so that a class is
        a rank.
    relative : bool
        Compare values over their period's mean (Rey 2001), which takes out common growth.

    Returns
    -------
    Markov

    Raises
    ------
    SpatialInputError
        E1xx keys, E104 periods that differ between units, E201-E203 values, E206 fewer than two periods, E211 a period
        whose mean is not positive (for ``relative``), E223 quantiles that coincide, E501.

    Examples
    --------
    >>> data = pd.DataFrame({"unit": list("abcd") * 2, "year": [1] * 4 + [2] * 4, "y": [1, 2, 8, 9, 9, 2, 8, 1]})
    >>> found = markov(data, "y", entity="unit", time="year", classes=2)
    >>> found.counts.to_numpy().tolist()
    [[1, 1], [1, 1]]
    >>> found.steady_state.round(3).tolist()
    [0.5, 0.5]

    References
    ----------
    Quah (1993), European Economic Review 37:426-434; passage times: Kemeny & Snell (1976), Finite Markov Chains, ch. 4.
    """
    table, y = _values(data, column, entity, time, classes, quantiles, relative)
    refuse_gaps(table)
    found, limits = _classes(y, classes, quantiles, table, column)
    return _chain(column, found[:-1], found[1:], classes, limits)


def spatial_markov(
    data: pd.DataFrame,
    column: str,
    w,
    *,
    entity: str | None = None,
    time: str | None = None,
    classes: int = 4,
    quantiles: str = "pooled",
    relative: bool = True,
) -> SpatialMarkov:
    """Transitions by the class of the neighbours at the start (Rey 2001): do rich neighbours pull up?

    The neighbours' class comes from the quantiles of the spatial lag. Homogeneity over lag classes m is tested with

        LR = 2 sum_m sum_ij n_ij(m) ln[ p_ij(m) / p_ij ],   Q = sum_m sum_ij n_i(m) [p_ij(m) - p_ij]^2 / p_ij

    Both are chi-squared with sum_i (a_i - 1)(b_i - 1) degrees of freedom: a_i lag classes with units in class i,
    and b_i classes that are ever reached from it (Bickenbach & Bode 2003).

    Parameters
    ----------
    data, column, entity, time, classes, quantiles, relative
        As `markov`; neighbours have as many classes.
    w : weights over the same units, row-standardised, without islands

    Returns
    -------
    SpatialMarkov

    Raises
    ------
    SpatialInputError
        As `markov`; E101 ids that differ from the weights', E306 islands, E308 weights not row-standardised.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> panel = shapefiles.load_panel("us_states")
    >>> found = sp.indicators.spatial_markov(panel, "unemp", w, entity="state", time="year", classes=3)
    >>> print(found.tests["LR"])
    LR: chi2(12) = 24.056, p = 0.0200. Null: transitions do not depend on the neighbours' class

    References
    ----------
    Rey (2001), Geographical Analysis 33:195-214; Bickenbach & Bode (2003), International Regional Science Review
    26:363-392; Rey, Kang & Wolf (2016), J. Geographical Systems 18:377-398.
    """
    table, y = _values(data, column, entity, time, classes, quantiles, relative)
    refuse_gaps(table)
    weights, lag = _neighbours(data, table, y, w, entity, time)
    found, limits = _classes(y, classes, quantiles, table, column)
    lagged, _ = _classes(lag, classes, quantiles, table, f"the spatial lag of {column}")
    start, end, where = found[:-1], found[1:], lagged[:-1]
    by_lag = {
        m + 1: _chain(column, start[where == m], end[where == m], classes, limits, f"neighbours in class {m + 1}")
        for m in range(classes)
    }
    overall = _chain(column, start, end, classes, limits)
    return SpatialMarkov(overall, by_lag, _homogeneity([m.counts.to_numpy() for m in by_lag.values()]), weights)


def _values(data, column, entity, time, classes, quantiles, relative) -> tuple[Table, np.ndarray]:
    """The table and values (T, N), over their period's mean where ``relative``."""
    check_option("quantiles", quantiles, ("pooled", "period"))
    if isinstance(classes, bool) or not isinstance(classes, int | np.integer) or classes < 2:
        raise SpatialInputError("E501", f"classes={classes!r}: a whole number of 2 or more is expected")
    table = read(data, column, entity, time, panel=True)
    y = table.cube()[:, :, 0]
    if len(y) < 2:
        raise SpatialInputError("E206", f"transitions need two or more periods, there is {len(y)}")
    if relative:
        mean = y.mean(axis=1, keepdims=True)
        refuse(table, (mean <= 0)[table.period], "E211", "must have a positive mean in each period", "relative=False")
        y = y / mean
    return table, y


def _classes(y: np.ndarray, k: int, quantiles: str, table: Table, name: str) -> tuple[np.ndarray, pd.DataFrame]:
    """Class 0 ... k - 1 of each value, and the classes' upper limits (which belong to them)."""
    levels = np.arange(1, k) / k
    blocks = [y] if quantiles == "pooled" else list(y)
    limits = np.array([np.quantile(block, levels) for block in blocks])
    tops = np.array([block.max() for block in blocks])
    if (np.diff(np.column_stack([limits, tops])) <= 0).any():
        raise SpatialInputError("E223", f"{k} quantile classes of {name!r} are not distinct: too many values are alike",
                                column=name, hint="take fewer classes")  # fmt: skip
    found = np.concatenate([np.searchsorted(row, block) for row, block in zip(limits, blocks)]).reshape(y.shape)
    index = pd.Index([WHOLE]) if quantiles == "pooled" else table.times
    return found, pd.DataFrame(limits, index=index, columns=pd.Index(range(1, k), name="class"))


def _chain(column, start, end, k, limits, title="all units") -> Markov:
    counts = np.bincount((k * start + end).ravel(), minlength=k * k).reshape(k, k)
    labels = pd.RangeIndex(1, k + 1)
    return Markov(column, pd.DataFrame(counts, labels.rename("from"), labels.rename("to")), limits, title)


def _neighbours(data, table: Table, y, w, entity, time) -> tuple[str, np.ndarray]:
    """The weights in words, and the spatial lag (T, N) in the table's order of units."""
    weights = as_weights(w)
    if not weights.labelled:
        warn_unlabelled()
        weights = as_weights(weights.csr, ids=_key_columns(data, entity, time)[0].unique())
    if weights.alone.any():
        raise SpatialInputError("E306", "units without neighbours have no class of neighbours",
                                ids=list(weights.islands),
                                hint="islands='nearest' when the weights are made")  # fmt: skip
    if not weights.rows_sum_to_one:
        raise SpatialInputError("E308", "the neighbours' mean needs weights whose rows sum to one",
                                hint="w.standardize('row')")  # fmt: skip
    at = positions(table.units, weights.ids)
    lag = np.empty_like(y)
    lag[:, at] = (weights.csr @ y[:, at].T).T
    return weights.header(), lag


def _homogeneity(counts: list[np.ndarray]) -> TestTable:
    n = np.array(counts, dtype=float)  # (m, i, j)
    p, total = np.nan_to_num(transition_probabilities(n.sum(axis=0))), n.sum(axis=2)
    expected = total[:, :, None] * p
    seen = n > 0
    ratio = np.log(np.divide(n, expected, out=np.ones_like(n), where=seen))
    LR = 2 * (n * ratio).sum()
    Q = np.divide((n - expected) ** 2, expected, out=np.zeros_like(n), where=expected > 0).sum()
    df = int((((total > 0).sum(axis=0) - 1) * ((p > 0).sum(axis=1) - 1)).clip(min=0).sum())
    null = "transitions do not depend on the neighbours' class"
    tests = (TestResult("LR", float(LR), df, null), TestResult("Q", float(Q), df, null))
    return TestTable("Homogeneity over the neighbours' classes", tests)
