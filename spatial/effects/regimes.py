"""The door to effects of models with regimes: by the regime where a regressor changes, and by that which receives."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights
from spillover.values import share, whole_number

from ..design.design import Design
from ..records.regimes import RegimesRecord
from ..records.schema import SCHEMA
from .average import Effects
from .infer import Inferred, Options
from .moving_averages import over_periods
from .operators import solve
from .propagate import KINDS
from .regimes_averages import RegimeAverages
from .several import _inferred
from .several_averages import DIRECT_MAX
from .several_source import STEP, SeveralSource, _largest_by_angle

QUADRATURE_MAX = 2  # rho up to which the exact distribution is the default: beyond it draws


@dataclass(frozen=True, eq=False)
class RegimeSource(SeveralSource):
    """Some of the effects by regime as functions of a fit's parameters."""

    fit: RegimesRecord  # type: ignore[assignment]
    averages: RegimeAverages

    def likelihood(self, picks: np.ndarray, level: float):
        raise SpatialInputError("E501", "method='likelihood' is for models without regimes", hint="method='quadrature'")

    @property
    def places(self) -> np.ndarray:
        first = len(self.fit._sample.names)
        return np.arange(first, first + self.fit.n_rhos)

    @property
    def many_nodes(self) -> bool:
        return self.averages.exact and (len(self.places) < 2 or self.averages.n <= DIRECT_MAX)

    def errors(self, picks: np.ndarray) -> np.ndarray:
        """By the delta method: exact derivatives by the coefficients, central differences by rho."""
        params, rho = self.fit.params.to_numpy(), self.rho
        slopes = np.einsum("kj,kvp->jvp", self.averages.at(rho)[:, self.which], picks)
        for j, place in enumerate(self.places):
            step = np.zeros(len(rho))
            step[j] = STEP / (self.averages.logdet.row_norms[j] or 1.0)
            ahead, behind = (self._of(params, self.averages.at(rho + s), picks) for s in (step, -step))
            slopes[:, :, place] += (ahead - behind) / (2 * step[j])
        return np.sqrt(np.einsum("jvp,pq,jvq->jv", slopes, self.fit.vcov.to_numpy(), slopes))

    def _admissible(self, points: np.ndarray) -> np.ndarray:
        if not len(self.places):
            return np.ones(len(points), dtype=bool)
        L = self.averages.logdet
        inside = (np.abs(points) * L.row_norms).max(axis=1) < 1
        if inside.all() or points.shape[1] == 1:
            return inside if inside.all() else super()._admissible(points)
        if points.shape[1] == 2:
            return inside | (_largest_by_angle(L, points, ~inside) < 1)
        return np.array([ok or L.largest(point) < 1 for ok, point in zip(inside, points)])


@dataclass(frozen=True, eq=False)
class RegimeEffects(Effects):
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

    def by_unit(self, variable: str, *, period=None) -> pd.DataFrame:
        """What each unit does to itself (``own``), sends to all others and gets from them; for up to 5,000 units."""
        S = self.matrix(variable, period=period)
        own = np.diag(S.to_numpy())
        return pd.DataFrame({"own": own, "emitted": S.sum(axis=0) - own, "received": S.sum(axis=1) - own}, S.index)

    def by_order(self, orders: int = 10) -> pd.DataFrame:
        raise _not_here("orders of neighbors", "by_receiver(), by_unit(x)")

    def by_period(self) -> pd.DataFrame:
        """Effects under the W of each period, by regime and over all units; their average over units and periods is
        ``tidy()``. Regimes of which no unit is observed in a period are left out there."""
        d, tables = self.fit._design, []
        if not d.weights.varies:
            raise SpatialInputError("E501", "W is the same in all periods, and so are the effects",
                                    hint="effects() has them")  # fmt: skip
        for t, period in enumerate(d.weights.periods):
            source = source_of(self.fit, period)
            table = self._table(by_kind(_inferred(source, self._picks, self.options), self.variables))
            there = self.fit.split.codes if d.observed is None else self.fit.split.codes[d.observed[t]]
            absent = [label for g, label in enumerate(self.fit.split.labels) if g not in there]
            gone = table["term"].str.split(": ").str[0].isin(absent) & table["term"].isin(self.labels)
            tables.append(table[~gone].assign(period=period))
        whole = pd.concat(tables, ignore_index=True)
        return whole[["period", *whole.columns.drop("period")]]

    def elasticity(self):
        raise _not_here("elasticities", "logarithms in the formula: log(y) ~ log(x)")

    def semi_elasticity(self):
        raise _not_here("elasticities", "a logarithm in the formula: log(y) ~ x")

    def _table(self, inferred: Inferred) -> pd.DataFrame:
        names = {"effect": np.repeat(KINDS, len(self.labels)), "term": [*self.labels] * len(KINDS)}
        columns = inferred.inference.columns()
        return pd.DataFrame({**names, **{name: columns[name] for name in SCHEMA[1:]}})

    def _series(self, k):
        return pd.Series(self.estimates[k], index=pd.Index(self.labels, name="term"), name=KINDS[k])

    def _respond(self, variable: str, change: np.ndarray, period=None) -> np.ndarray:
        fit, G, W = self.fit, len(self.fit.split.labels), self._weights(period)
        codes = fit.split.codes[fit._design.ids.get_indexer(self._ids(period))]
        c = self._coefficients(variable)
        beta, theta = (c[part][codes].reshape(-1, *[1] * (change.ndim - 1))
                       for part in (slice(0, G), slice(G, None)))  # fmt: skip
        return solve(fit, beta * change + theta * (W.csr @ change), period)

    @cached_property
    def _picks(self) -> np.ndarray:
        return regime_selectors(self.fit, self.variables)


def regime_effects(fit: RegimesRecord, *, method=None, level=0.95, draws=1000, seed=1) -> RegimeEffects:
    """Direct, indirect and total effects of every regressor, by regime and over all units.

    Parameters
    ----------
    fit : RegimesFit
    method : {"quadrature", "simulate", "delta"}, optional
        As in ``spatial.effects.compute.effects``; "simulate" by default where more than two rho differ.
    level, draws, seed
        Likewise.

    Raises
    ------
    SpatialInputError
        E501 an unknown method, or a likelihood; E701 when most of the distribution of rho is not admissible.
    """
    if method is None:
        method = "quadrature" if fit.n_rhos <= QUADRATURE_MAX else "simulate"
    options = Options(method, share("level", level), whole_number("draws", draws, least=1),
                      whole_number("seed", seed, least=0))  # fmt: skip
    source = source_of(fit)
    if method == "likelihood":
        source.likelihood(np.empty(0), level)
    variables = fit._design.regressors
    inferred = by_kind(_inferred(source, regime_selectors(fit, variables), options), variables)
    return RegimeEffects(variables, inferred, fit, options, source)


def source_of(fit: RegimesRecord, period=None) -> RegimeSource:
    """The effects by the regime where a regressor changes, as functions of the parameters: over all periods, or where W
    varies of one."""
    d, G = fit._design, len(fit.split.labels)
    averages: RegimeAverages
    if not d.weights.varies:
        averages = _averages(fit, d.weights, fit.split.codes)
    elif period is not None:
        averages = _averages(fit, d.weights[period], _codes_of(fit, period))
    else:
        parts = [_averages(fit, d.weights[one], _codes_of(fit, one)) for one in d.weights.periods]
        averages = over_periods(parts, [(one, id(w)) for one, w in zip(_who(d), d.weights.each(d.n_periods))])  # type: ignore[assignment]
    return RegimeSource(fit, averages, slice(0, 3 * (G + 1)))


def _averages(fit: RegimesRecord, W: SpatialWeights, codes: np.ndarray) -> RegimeAverages:
    from ..logdet.regimes import by_regime

    split = fit.split
    differs, G = split.regimes.rho and fit.specification.lag, len(split.labels)
    return RegimeAverages(by_regime(W, codes if differs else None, G), tuple(range(fit.n_rhos)), W=W.csr, codes=codes,
                          groups=G)  # fmt: skip


def _codes_of(fit: RegimesRecord, period) -> np.ndarray:
    """The regimes of the units that are observed in a period."""
    d = fit._design
    return fit.split.codes if d.observed is None else fit.split.codes[d.observed[d.periods.get_loc(period)]]


def _who(d: Design) -> list[bytes]:
    """Which units are observed in each period."""
    return [b""] * d.n_periods if d.observed is None else [row.tobytes() for row in d.observed]


def by_kind(inferred: Inferred, variables) -> Inferred:
    """(3 (G + 1), V) as (3, (G + 1) V)."""
    return Inferred(inferred.inference.reshaped(3, -1), inferred.kept)


def regime_selectors(fit: RegimesRecord, variables) -> np.ndarray:
    """(2 G, V, p): what picks beta_1 ... beta_G, theta_1 ... theta_G out of the parameters; 0 where absent."""
    place, G = {name: i for i, name in enumerate(fit.params.index.tolist())}, len(fit.split.labels)
    picks = np.zeros((2 * G, len(variables), len(place)))
    for row, variable in enumerate(variables):
        for start, term in ((0, variable), (G, f"W:{variable}")):
            names = fit.split.columns.get(term, ())
            for g in range(G) if names else ():
                picks[start + g, row, place[names[g] if len(names) > 1 else names[0]]] = 1
    return picks


def _not_here(what: str, hint: str) -> SpatialInputError:
    return SpatialInputError("E324", f"{what} are there for models without regimes", hint=hint)
