"""Transitions between classes given the neighbors' class: the spatial Markov chain, and whether chains differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.frames import takes_frames
from spillover.provenance import made_from
from spillover.show import Shown

from ..explore import _random
from ..explore._chain import transition_probabilities
from ..explore._draws import announce
from ..explore._input import check_draws
from ..records.tests import TestResult, TestTable
from ._classes import Classed, classed, neighbor_classes
from ._frame import refuse_gaps, weights_of
from .transitions import Markov, chain_of

if TYPE_CHECKING:
    from spillover.types import WeightsLike

BLOCK = 100  # relabellings drawn at a time
TIE = 1e-12
PER_CALL, PER_VALUE = 5e-4, 8e-8  # seconds of a relabelling, and of each of its values, measured


@dataclass(frozen=True)
class RelabelledTest(TestResult):
    """A test whose p-value is the place of its statistic among those with the units shuffled over the map.

    Attributes
    ----------
    relabelled_p : float
    draws, seed : int
    """

    relabelled_p: float
    draws: int
    seed: int

    @property
    def distribution(self) -> str:
        return f"statistic ({self.draws:,} relabellings)"

    @cached_property
    def p_value(self) -> float:
        return self.relabelled_p


@dataclass(frozen=True, eq=False, repr=False)
class SpatialMarkov(Shown):
    """Transitions by the class of the neighbors' mean.

    Attributes
    ----------
    overall : Markov
    by_lag : dict of class to Markov
    tests : TestTable
        LR and Q of homogeneity: does it matter where the units lie?
    weights : str
    """

    overall: Markov
    by_lag: dict[Any, Markov] = field(repr=False)
    tests: TestTable
    weights: str

    def to_frame(self) -> pd.DataFrame:
        """The transition probabilities by the neighbors' class, from in rows, to in columns."""
        return pd.concat({label: chain.probabilities for label, chain in self.by_lag.items()}, names=["neighbors"])

    def tidy(self) -> pd.DataFrame:
        """The common schema of `Markov`, ``neighbors`` their class."""
        return pd.concat([m.tidy().assign(neighbors=lag) for lag, m in self.by_lag.items()], ignore_index=True)


@takes_frames
def spatial_markov(
    data: pd.DataFrame,
    column: str,
    w: WeightsLike,
    *,
    entity: str | None = None,
    time: str | None = None,
    classes: int = 4,
    quantiles: str = "pooled",
    relative: bool = True,
    permutations: int = 999,
    seed: int = 1,
) -> SpatialMarkov:
    """Transitions by the class of the neighbors at the start (Rey 2001): do rich neighbors pull up?

    The neighbors' class comes from the quantiles of the spatial lag, or is the class that most of their weight has,
    where classes have names (with several such, the unit's own if it is among them). Homogeneity over lag classes m is
    tested with

        LR = 2 sum_m sum_ij n_ij(m) ln[ p_ij(m) / p_ij ],   Q = sum_m sum_ij n_i(m) [p_ij(m) - p_ij]^2 / p_ij

    Their p-values are the places of LR and Q among those with whole paths of units shuffled over the map, which keeps
    the persistence of the paths. The chi-squared distribution with sum_i (a_i - 1)(b_i - 1) degrees of freedom (a_i
    lag classes with units in class i, b_i classes that are ever reached from it; Bickenbach & Bode 2003) takes moves as
    independent, and rejects 11 to 19 % of true nulls at 5 % where errors are autocorrelated. A rejection shows that
    location matters: neighbors with permanently similar levels also lead to rejection, without any spillover.

    Parameters
    ----------
    data, column, entity, time, classes, quantiles, relative
        As `markov`; neighbors have as many classes.
    w : weights over the same units, row-standardised, without islands
    permutations : int
        0: chi-squared p-values.
    seed : int

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
    >>> result = sp.indicators.spatial_markov(panel, "unemp", w, entity="state", time="year", classes=3)
    >>> print(result.tests["LR"])
    LR: statistic (999 relabellings) = 24.056, p = 0.0290. Null: transitions do not depend on where units lie

    References
    ----------
    Rey (2001), Geographical Analysis 33:195-214; Bickenbach & Bode (2003), International Regional Science Review
    26:363-392; Rey, Kang & Wolf (2016), J. Geographical Systems 18:377-398.
    """
    check_draws(permutations, seed, "greater")
    units = classed(data, column, entity, time, classes, quantiles, relative)
    refuse_gaps(units.table)
    weights = weights_of(units.table, w, data, entity, time)
    _refuse_weights(weights)
    where = neighbor_classes(units, weights.csr, name=column)[:-1]
    start, end = units.codes[:-1], units.codes[1:]
    by_lag = {
        label: chain_of(column, units, start[where == m], end[where == m], f"neighbors in class {label}")
        for m, label in enumerate(units.labels)
    }
    tests = _homogeneity(units, weights.csr, where, permutations, seed)
    result = SpatialMarkov(chain_of(column, units, start, end), by_lag, tests, weights.header())
    return made_from(result, units.table, weights)


def _refuse_weights(weights) -> None:
    if weights.alone.any():
        raise SpatialInputError("E306", "units without neighbors have no class of neighbors", ids=list(weights.islands),
                                hint="islands='nearest' when the weights are made")  # fmt: skip
    if not weights.rows_sum_to_one:
        raise SpatialInputError("E308", "the neighbors' mean needs weights whose rows sum to one",
                                hint="w.standardize('row')")  # fmt: skip


def _homogeneity(units: Classed, csr, where, permutations: int, seed: int) -> TestTable:
    """LR and Q, with the p-values of whole paths shuffled over the map."""
    (LR, Q), df = _statistics(units.codes, where, units.k)
    if not permutations:
        null = "transitions do not depend on the neighbors' class, moves are independent"
        tests = (TestResult("LR", LR, df, null), TestResult("Q", Q, df, null))
        return TestTable("Homogeneity over the neighbors' classes", tests)
    (T, N), reached = units.codes.shape, np.zeros(2)
    seconds, work = permutations * (PER_CALL + T * N * PER_VALUE), f"{permutations:,} permutations of {N:,} units"
    announce(seconds, f"{work} over {T:,} periods", "chi-squared")
    for _, table in _random.tables(N, N, permutations, seed, block=BLOCK):
        for order in table.T:
            moved = neighbor_classes(units, csr, order)[:-1]
            reached += np.array(_statistics(units.codes[:, order], moved, units.k)[0]) >= np.array([LR, Q]) * (1 - TIE)
    null = "transitions do not depend on where units lie"
    shuffled = tuple(RelabelledTest(name, value, None, null, float((r + 1) / (permutations + 1)), permutations, seed)
                     for name, value, r in zip(("LR", "Q"), (LR, Q), reached))  # fmt: skip
    note = "neighbors whose levels are alike for good reject too, without any pull between them"
    return TestTable("Homogeneity over the neighbors' classes, units shuffled over the map", shuffled, note)


def _statistics(codes, where, k: int) -> tuple[tuple[float, float], int]:
    """(LR, Q) and their degrees of freedom, from classes (T, N) and those of the neighbors at the start (T - 1, N)."""
    cells = (where * k + codes[:-1]) * k + codes[1:]
    n = np.bincount(cells.ravel(), minlength=k**3).reshape(k, k, k).astype(float)  # (m, i, j)
    p, total = np.nan_to_num(transition_probabilities(n.sum(axis=0))), n.sum(axis=2)
    expected = total[:, :, None] * p
    ratio = np.log(np.divide(n, expected, out=np.ones_like(n), where=n > 0))
    Q = np.divide((n - expected) ** 2, expected, out=np.zeros_like(n), where=expected > 0).sum()
    df = int((((total > 0).sum(axis=0) - 1) * ((p > 0).sum(axis=1) - 1)).clip(min=0).sum())
    return (float(2 * (n * ratio).sum()), float(Q)), df
