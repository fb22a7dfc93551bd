"""The door to effects of models with several W: direct, indirect, total, and by channel; see ``several_averages``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.values import share, whole_number

from ..records.schema import SCHEMA
from ..records.several import SeveralRecord
from .average import Effects
from .draws import from_draws
from .infer import Inferred, Options, expansion, infer
from .moving_averages import over_periods, periods_alike
from .operators import Several, matrix_of, passages, selectors_of, several_selectors, solve
from .propagate import KINDS
from .several_averages import SeveralAverages
from .several_source import SeveralSource


@dataclass(frozen=True, eq=False)
class JointEffects(Effects):
    """Effects of a model with several W or regimes: S = A^-1 sum_k c_k P_k (``operators``)."""

    fit: Several = field(repr=False)

    def by_unit(self, variable: str, *, period=None) -> pd.DataFrame:
        """What each unit does to itself (``own``), sends to all others and gets from them; for up to 5,000 units."""
        S = self.matrix(variable, period=period)
        own = np.diag(S.to_numpy())
        return pd.DataFrame({"own": own, "emitted": S.sum(axis=0) - own, "received": S.sum(axis=1) - own}, S.index)

    def _ids(self, period) -> pd.Index:
        d = self.fit._design
        if d.weights.varies and period is None:
            raise SpatialInputError("E322", f"W varies over {d.n_periods} periods: say which one is meant",
                                    hint=f"period={d.periods.tolist()[-1]!r}; by_period() has all")  # fmt: skip
        if not d.weights.varies and period is not None:
            raise SpatialInputError("E501", "W is the same in all periods, and so are the effects",
                                    hint="leave period= out")
        if period is not None and period not in d.periods:
            raise SpatialInputError("E107", f"there are no weights for period {period!r}", ids=d.periods.tolist(),
                                    hint=f"periods are {', '.join(map(str, d.periods))}")  # fmt: skip
        return d.ids if d.observed is None else d.ids[d.observed[d.periods.tolist().index(period)]]

    def _respond(self, variable: str, change: np.ndarray, period=None) -> np.ndarray:
        self._ids(period)
        parts = zip(self._coefficients(variable), passages(self.fit, period))
        return solve(self.fit, sum(c * (P @ change) for c, P in parts), period)

    @cached_property
    def _picks(self) -> np.ndarray:
        return selectors_of(self.fit, self.variables)


@dataclass(frozen=True, eq=False)
class SeveralEffects(JointEffects):
    """Effects of a model with several W, in all and by channel: see ``by_channel``."""

    fit: SeveralRecord = field(repr=False)
    source: SeveralSource = field(repr=False)

    @cached_property
    def channels(self) -> Inferred:
        """Inference on direct, indirect and total effects of every channel, (3 M, V)."""
        source = SeveralSource(self.fit, self.source.averages, slice(3, None))
        return _inferred(source, self._picks, self.options)

    def by_channel(self) -> pd.DataFrame:
        """Effects by the W through which they reach a unit.

        Returns
        -------
        DataFrame
            weights (``W_1``, ``W_2`` ...), effect, then the common schema. Over the channels indirect effects add up to
            the indirect effect; direct ones to the direct effect less the coefficient of the unit's own x.

        Notes
        -----
        Channel m is W_m (theta_m I + rho_m S): the neighbors' x under W_m, and their y with all that has reached it.
        """
        M = len(self.fit._design.weights.matrices)
        index = pd.MultiIndex.from_product([[f"W_{m + 1}" for m in range(M)], KINDS, self.variables],
                                           names=["weights", "effect", "term"])  # fmt: skip
        table = pd.DataFrame(self.channels.inference.columns(), index=index).reset_index()
        return table[["weights", "effect", *SCHEMA]]

    def by_order(self, orders: int = 10) -> pd.DataFrame:
        raise SpatialInputError("E324", "orders of neighbors are those of one W", hint="by_channel()")

    def by_period(self) -> pd.DataFrame:
        """Effects under the W of each period; their average over units and periods is ``tidy()``."""
        d, tables = self.fit._design, []
        if not d.weights.varies:
            raise SpatialInputError("E501", "W is the same in all periods, and so are the effects",
                                    hint="effects() has them")  # fmt: skip
        for period in d.periods:
            source = SeveralSource(self.fit, averages_of(self.fit, period), slice(0, 3))
            one = replace(self, inferred=infer(source, self._picks, self.options), source=source)
            tables.append(one.tidy().assign(period=period))
        whole = pd.concat(tables, ignore_index=True)
        return whole[["period", *whole.columns.drop("period")]]


def several_effects(
    fit: SeveralRecord, *, method="quadrature", level=0.95, draws=1000, seed=1, variables: tuple[str, ...] | None = None
) -> SeveralEffects:  # fmt: skip
    """Direct, indirect and total effects of every regressor, in all and by channel.

    Parameters
    ----------
    fit : SeveralFit
    method : {"quadrature", "simulate", "delta"}
        As in ``spatial.effects.compute.effects``.
    level, draws, seed
        Likewise.
    variables : the regressors by default

    Raises
    ------
    SpatialInputError
        E501 an unknown method, or a likelihood; E701 when most of the distribution of rho is not admissible.
    """
    options = Options(method, share("level", level), whole_number("draws", draws, least=1),
                      whole_number("seed", seed, least=0))  # fmt: skip
    variables = fit._design.regressors if variables is None else variables
    source = SeveralSource(fit, averages_of(fit), slice(0, 3))
    return SeveralEffects(variables, infer(source, several_selectors(fit, variables), options), fit, options, source)


def averages_of(fit: SeveralRecord, period=None) -> SeveralAverages:
    """Averages as functions of rho: over all periods, or where W varies of one."""
    d, weights = fit._design, fit._design.weights
    if period is None and weights.varies:
        parts = [averages_of(fit, one) for one in d.periods]
        return over_periods(parts, periods_alike(d, weights.matrices))
    return SeveralAverages(tuple(matrix_of(fit, w, period) for w in weights.matrices), weights.lag)


def several_estimates(fit: SeveralRecord) -> np.ndarray:
    """Direct, indirect and total effects of every regressor, (3, V)."""
    source = SeveralSource(fit, averages_of(fit), slice(0, 3))
    return source.estimates(several_selectors(fit, fit._design.regressors))


def _inferred(source: SeveralSource, picks: np.ndarray, options: Options) -> Inferred:
    """``infer`` of any number of effects."""
    df = source.fit.df_resid
    if options.method == "quadrature":
        _, inference = source.exact(picks, options.level)
        return Inferred(inference.reshaped(-1, picks.shape[1]))
    estimates = source.estimates(picks)
    if options.method == "simulate":
        drawn = source.sample(picks, options.draws, options.seed)
        return Inferred(from_draws(drawn, estimates, options.level, df), len(drawn))
    return Inferred(expansion(estimates, source.errors(picks), options.level, df))
