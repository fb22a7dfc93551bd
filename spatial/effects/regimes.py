"""The door to effects of models with regimes: by the regime where a regressor changes, and by that which receives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import SeveralWeights
from spillover.values import share, whole_number

from ..design.regimes import matrices_of
from ..records.regimes import RegimesRecord
from ..records.schema import SCHEMA
from .infer import Inferred, Options
from .moving_averages import over_periods, periods_alike
from .operators import codes_of, lags_of, matrix_of, paths_of, regime_selectors
from .propagate import KINDS
from .regimes_averages import RegimeAverages
from .regimes_channels import ChannelAverages
from .several import JointEffects, _inferred
from .several_source import RegimeSource

QUADRATURE_MAX = 2  # rho up to which the exact distribution is the default: beyond it draws


@dataclass(frozen=True, eq=False)
class RegimeEffects(JointEffects):
    """Effects by regime, terms ``east: x``, and over all units, ``x``.

    Those of a regime are of a change of x in its units: direct on themselves, indirect on all others wherever they are,
    on average over the units of the regime. See ``by_receiver`` for what arrives.
    """

    fit: RegimesRecord = field(repr=False)
    source: RegimeSource = field(repr=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """``east: x`` for every regime and regressor, then the regressors over all units."""
        groups = [f"{label}: " for label in self.fit.split.labels] + [""]
        return tuple(group + name for group in groups for name in self.variables)

    def tidy(self) -> pd.DataFrame:
        """One row per effect and regime, in the common schema plus ``effect``."""
        return self._table(self.inferred)

    def by_receiver(self) -> pd.DataFrame:
        """Effects by the regime that receives: x rises by one in every unit, wherever it is.

        Returns
        -------
        DataFrame with effect, then the common schema
            Direct effects are those of ``tidy()``; indirect ones come from the other units of all regimes. Over all
            units both tables agree.
        """
        G = len(self.fit.split.labels) + 1
        source = RegimeSource(self.fit, self.source.averages, slice(3 * G, None))
        return self._table(by_kind(_inferred(source, self._picks, self.options), self.variables))

    def by_channel(self) -> pd.DataFrame:
        """Effects of a model with several W by the W through which they reach a unit, and by the regime in which the
        regressor changes.

        Returns
        -------
        DataFrame with weights (``W_1``, ``W_2`` ...), effect, then the common schema
            Over the channels indirect effects add up to those of ``tidy()``; direct ones to these less the coefficient
            of the unit's own x.

        Raises
        ------
        SpatialInputError
            E324 of a model with one W.
        """
        d, G = self.fit._design, len(self.fit.split.labels) + 1
        if not isinstance(d.weights, SeveralWeights):
            raise SpatialInputError("E324", "channels are those of several W, and the model has one",
                                    hint="tidy(), by_receiver()")
        M = len(d.weights.matrices)
        source = RegimeSource(self.fit, averages_of(self.fit, kind=ChannelAverages), slice(0, 3 * G * M))
        index = pd.MultiIndex.from_product([[f"W_{m + 1}" for m in range(M)], KINDS, self.labels],
                                           names=["weights", "effect", "term"])  # fmt: skip
        columns = _inferred(source, self._picks, self.options).inference.reshaped(-1).columns()
        table = pd.DataFrame(columns, index=index).reset_index()
        return table[["weights", "effect", *SCHEMA]]

    def by_order(self, orders: int = 10) -> pd.DataFrame:
        raise _not_here("orders of neighbors", "by_receiver(), by_unit(x)")

    def by_period(self) -> pd.DataFrame:
        """Effects under the W of each period, by regime and over all units; their average over units and periods is
        ``tidy()``. Regimes of which no unit is observed in a period are left out there."""
        d, tables = self.fit._design, []
        if not d.weights.varies:
            raise SpatialInputError("E501", "W is the same in all periods, and so are the effects",
                                    hint="effects() has them")  # fmt: skip
        for period in d.weights.periods:
            source = source_of(self.fit, period)
            table = self._table(by_kind(_inferred(source, self._picks, self.options), self.variables))
            there = codes_of(self.fit, period)
            absent = [label for g, label in enumerate(self.fit.split.labels) if g not in there]
            gone = table["term"].str.split(": ").str[0].isin(absent) & table["term"].isin(self.labels)
            tables.append(table[~gone].assign(period=period))
        whole = pd.concat(tables, ignore_index=True)
        return whole[["period", *whole.columns.drop("period")]]

    def elasticity(self):
        raise _not_here("elasticities", self._slope("eyex"))

    def semi_elasticity(self):
        raise _not_here("elasticities", self._slope("eydx"))

    def _slope(self, kind: str) -> str:
        return f"sp.slopes(fit, column, kind={kind!r}, by={self.fit.split.regimes.by!r})"

    def _table(self, inferred: Inferred) -> pd.DataFrame:
        names = {"effect": np.repeat(KINDS, len(self.labels)), "term": [*self.labels] * len(KINDS)}
        columns = inferred.inference.columns()
        return pd.DataFrame({**names, **{name: columns[name] for name in SCHEMA[1:]}})

    def _series(self, k):
        return pd.Series(self.estimates[k], index=pd.Index(self.labels, name="term"), name=KINDS[k])


def regime_effects(
    fit: RegimesRecord, *, method=None, level=0.95, draws=1000, seed=1, variables: tuple[str, ...] | None = None
) -> RegimeEffects:  # fmt: skip
    """Direct, indirect and total effects of every regressor, by regime and over all units.

    Parameters
    ----------
    fit : RegimesFit
    method : {"quadrature", "simulate", "delta"}, optional
        As in ``spatial.effects.compute.effects``; "simulate" by default where more than two rho differ.
    level, draws, seed
        Likewise.
    variables : the regressors by default

    Raises
    ------
    SpatialInputError
        E501 an unknown method, or a likelihood; E701 when most of the distribution of rho is not admissible.
    """
    method = usual_method(fit) if method is None else method
    options = Options(method, share("level", level), whole_number("draws", draws, least=1),
                      whole_number("seed", seed, least=0))  # fmt: skip
    source = source_of(fit)
    if method == "likelihood":
        source.likelihood(np.empty(0), level)
    variables = fit._design.regressors if variables is None else variables
    inferred = by_kind(_inferred(source, regime_selectors(fit, variables), options), variables)
    return RegimeEffects(variables, inferred, fit, options, source)


def usual_method(fit: RegimesRecord) -> str:
    """The default of ``method``."""
    return "quadrature" if fit.n_rhos <= QUADRATURE_MAX else "simulate"


def regime_estimates(fit: RegimesRecord) -> np.ndarray:
    """The same without inference, (3, (G + 1) V)."""
    return source_of(fit).estimates(regime_selectors(fit, fit._design.regressors)).reshape(3, -1)


def source_of(fit: RegimesRecord, period=None) -> RegimeSource:
    """The effects by the regime where a regressor changes, as functions of the parameters: over all periods, or where W
    varies of one."""
    return RegimeSource(fit, averages_of(fit, period), slice(0, 3 * (len(fit.split.labels) + 1)))


def averages_of(fit: RegimesRecord, period=None, kind: type[RegimeAverages] = RegimeAverages) -> RegimeAverages:
    """Averages as functions of rho: over all periods, or where W varies of one; ``ChannelAverages`` are those of every
    channel."""
    d = fit._design
    if d.weights.varies and period is None:
        parts = [averages_of(fit, one, kind) for one in d.weights.periods]
        return over_periods(parts, periods_alike(d, matrices_of(d)))  # type: ignore[return-value]
    matrices = [matrix_of(fit, w, period) for w in matrices_of(d)]
    own: dict[str, Any] = {"paths": paths_of(fit, matrices), "weights": len(fit.lag_matrices),
                           "codes": codes_of(fit, period), "groups": len(fit.split.labels)}  # fmt: skip
    if kind is ChannelAverages:
        own["places"] = _places(fit)
    return kind(lags_of(fit, period), tuple(range(fit.n_rhos)), **own)


def _places(fit: RegimesRecord) -> tuple[tuple[int, ...], ...]:
    """Which of the rho belong to each W."""
    per = fit.n_rhos // max(len(fit.lag_matrices), 1)
    own = {m: tuple(range(k * per, (k + 1) * per)) for k, m in enumerate(fit.lag_matrices)}
    return tuple(own.get(m, ()) for m in range(len(matrices_of(fit._design))))


def by_kind(inferred: Inferred, variables) -> Inferred:
    """(3 (G + 1), V) as (3, (G + 1) V)."""
    return Inferred(inferred.inference.reshaped(3, -1), inferred.kept)


def _not_here(what: str, hint: str) -> SpatialInputError:
    return SpatialInputError("E324", f"{what} are there for models without regimes", hint=hint)
