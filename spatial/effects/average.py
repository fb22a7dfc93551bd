"""Direct, indirect and total effects: what one unit's regressor does to its own and to all other outcomes.

The matrix of responses to regressor r is, for every model,

    S_r = (I - rho W)^-1 (beta_r I + theta_r W)                          LeSage & Pace (2009), eq. 2.46

with a further theta_2r W^2 where regressors are lagged twice. direct = its average diagonal, total = its average
row sum, indirect = total - direct. theta is part of the direct effect; nothing here assumes that rows of W sum
to one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.ids import unknown_unit
from spillover.show import Shown, ask
from spillover.types import Groups, Label, Map, PathLike
from spillover.values import one_number

from ..design.entry import there
from ..logdet.inverse import inverse, polynomial
from ..records.fit import FitRecord
from ..records.schema import SCHEMA
from .elasticity import Elasticities, elasticities
from .infer import AverageEffects, Inferred, Options, infer
from .propagate import KINDS, Averages, selectors

DENSE_MAX = 5_000


@dataclass(frozen=True, eq=False)
class Effects(Shown):
    """Effects by variable, with inference.

    Attributes
    ----------
    variables : tuple of r str
    inferred : Inferred
        Their estimates, standard errors, statistics, p-values and intervals, (3, r) each: direct, indirect, total.
        Also as ``estimates``, ``std_errors``, ``conf_low``, ``conf_high``.
    fit : FitRecord;  options : Options (method, level, draws and seed)
    source : AverageEffects or LongRunEffects
        The effects as functions of the parameters.
    run : {"", "short-run", "long-run", "convergence"}
        Of a dynamic model: see ``spatial.long_run``.
    """

    variables: tuple[str, ...]
    inferred: Inferred = field(repr=False)
    fit: FitRecord = field(repr=False)
    options: Options
    source: object = field(repr=False)
    run: str = ""

    @property
    def estimates(self) -> np.ndarray:
        return self.inferred.inference.estimate

    @property
    def std_errors(self) -> np.ndarray:
        return self.inferred.inference.std_error

    @property
    def conf_low(self) -> np.ndarray:
        return self.inferred.inference.low

    @property
    def conf_high(self) -> np.ndarray:
        return self.inferred.inference.high

    @property
    def level(self) -> float:
        return self.options.level

    @property
    def direct(self) -> pd.Series:
        return self._series(0)

    @property
    def indirect(self) -> pd.Series:
        return self._series(1)

    @property
    def total(self) -> pd.Series:
        return self._series(2)

    def tidy(self) -> pd.DataFrame:
        """One row per variable and effect, in the common schema plus ``effect``."""
        columns = self.inferred.inference.columns()
        names = {"effect": [kind for kind in KINDS for _ in self.variables], "term": [*self.variables] * len(KINDS)}
        return pd.DataFrame({**names, **{name: columns[name] for name in SCHEMA[1:]}})

    def elasticity(self) -> Elasticities:
        """Per cent of y for one per cent of x, at the means where there is no logarithm: see ``spatial.elasticity``."""
        return elasticities(self, "elasticity")

    def semi_elasticity(self) -> Elasticities:  # 0.05: one unit more of x makes about 5 % more y
        return elasticities(self, "semi-elasticity")

    def shock(self, unit: Label, variable: str, size: float = 1.0, *, period: Label | None = None) -> pd.Series:
        """Every unit's response when one unit's regressor rises by ``size``: a column of S_r times size.

        Parameters
        ----------
        unit : id
            The unit that is shocked.
        variable : str
            A term of the formula; for ``log(x)`` a size of 0.1 is about ten per cent of x.
        period : label
            Where W varies over time, and only there: the period of W. The same for ``matrix``, ``by_unit`` and
            ``by_group``.

        Returns
        -------
        Series indexed by unit, in the units of y
        """
        ids = self._ids(period)
        start = np.zeros(len(ids))
        start[self._position(unit, ids)] = one_number("size", size)
        return pd.Series(self._respond(variable, start, period), ids, name=f"response to {variable} in {unit}")

    def matrix(self, variable: str, *, period: Label | None = None) -> pd.DataFrame:
        """S_r whole: row i, column j is the response of unit i to unit j. Dense, for up to 5,000 units."""
        ids = self._ids(period)
        if len(ids) > DENSE_MAX:
            raise SpatialInputError("E309", f"a dense {len(ids):,} x {len(ids):,} matrix is too large", n=len(ids),
                                    hint="use shock(unit, variable) for one column, by_group() for blocks")  # fmt: skip
        return pd.DataFrame(self._respond(variable, np.eye(len(ids)), period), index=ids, columns=ids)

    def by_unit(self, variable: str, *, period: Label | None = None) -> pd.DataFrame:
        """What each unit does to itself (``own``), sends to all others (``emitted``) and gets from a rise
        in all others (``received``).

        Returns
        -------
        DataFrame by unit
            For a large W without symmetry ``own`` is estimated from 200 probes, and a column ``own_error`` holds
            its Monte Carlo standard errors; everything else is exact.

        Notes
        -----
        With a the diagonal of A^-1, the diagonal of A^-1 W is (a - 1) / rho, and so on.
        """
        c = self._coefficients(variable)
        W, rho, ids = self._weights(period), self.fit.rho, self._ids(period)
        n = len(ids)
        A_inverse = inverse(W, rho)
        diagonal, error = A_inverse.diagonal()
        own = c @ self._diagonals(diagonal, W.csr)
        back = A_inverse.solve(np.ones(n), transposed=True)
        columns = {"own": own, "emitted": polynomial(c, W.csr.T, back) - own,
                   "received": self._respond(variable, np.ones(n), period) - own}  # fmt: skip
        if error is not None:
            columns["own_error"] = abs(polynomial(c, 1 / rho, 1.0)) * error
        return pd.DataFrame(columns, index=ids)

    def to_file(self, map: Map, path: PathLike, *, overwrite: bool = False) -> None:
        """Write the map with what ``by_unit`` has of every regressor: a GeoPackage that QGIS opens colored, or GeoJSON.

        Parameters
        ----------
        map : GeoDataFrame indexed by unit
        path : path that ends in .gpkg, .geojson or .json

        Raises
        ------
        SpatialInputError
            E101 when the map lacks units; E501 for another suffix; E601 to E605 for the file.
        """
        ask("save", self, map, path, overwrite=overwrite)

    def explore(  # type: ignore[override]  # a variable first, as in ``plot``
        self, variable: str | None = None, map: Map | None = None, *, column: str = "emitted", **options: Any
    ) -> Any:
        """What each unit does to itself (``own``), sends (``emitted``) or gets (``received``), as a web page.

        Parameters
        ----------
        variable : str, optional
            A term of the formula; may be left out where there is one.
        map : GeoDataFrame indexed by unit, optional
            May be left out where the data of the fit were one.
        column : {"own", "emitted", "received"}
        **options
            For ``GeoDataFrame.explore``, such as ``tiles``.

        Raises
        ------
        SpatialInputError
            E501 no map, or which term; E502 another column or term; E515 when folium is not installed.
        """
        return ask("explore", self, map, variable=variable, column=column, **options)

    def by_group(self, groups: Groups, variable: str, *, period: Label | None = None) -> pd.DataFrame:
        """Spillovers between groups of units: row g, column h is the average response in g when the regressor
        rises by one in every unit of h. A row sums to the total effect on its group.

        Parameters
        ----------
        groups : Series indexed by unit, or sequence in the order of the fit's units
            The group of every unit, a region for instance.
        variable : str
            A term of the formula.

        Raises
        ------
        SpatialInputError
            E101 ids that differ, E105 length, E201 units without a group.
        """
        from .between_groups import between_groups

        return between_groups(self, groups, variable, period)

    def by_order(self, orders: int = 10) -> pd.DataFrame:
        """Effects split by order of neighbor: the terms of A^-1 = I + rho W + rho^2 W^2 + ...

        Returns
        -------
        DataFrame with order, effect, term, estimate
            Beyond 5,000 units traces above the fourth power of W are estimated, and a column ``error`` holds
            their Monte Carlo standard errors. Where W varies over time: averages over the periods.

        Notes
        -----
        LeSage & Pace (2009), section 2.7.
        """
        from .by_order import by_order

        return by_order(self, orders)

    def by_period(self) -> pd.DataFrame:
        """Direct, indirect and total effects of every period, where W varies; see ``spatial.effects.by_period``."""
        from .by_period import by_period

        return by_period(self)

    def _series(self, k):
        return pd.Series(self.estimates[k], index=pd.Index(self.variables, name="term"), name=KINDS[k])

    def _weights(self, period):
        """W, or that of one period."""
        w = self.fit._design.weights
        if w.varies and period is None:
            raise SpatialInputError("E322", f"W varies over {len(w.periods)} periods: say which one is meant",
                                    hint=f"period={w.periods.tolist()[-1]!r}; by_period() has all")  # fmt: skip
        if not w.varies and period is not None:
            raise SpatialInputError("E501", "W is the same in all periods, and so are the effects",
                                    hint="leave period= out")  # fmt: skip
        return w[period] if w.varies else w

    def _ids(self, period) -> pd.Index:
        """The units, or those that are observed in one period."""
        if (present := there(d := self.fit._design)) is None:
            return d.ids
        self._weights(period)
        return d.ids[present[d.periods.get_loc(period)]]

    def _respond(self, variable: str, change: np.ndarray, period=None) -> np.ndarray:
        """S_r times a change of the regressor, by one sparse solve."""
        W = self._weights(period)
        return inverse(W, self.fit.rho).solve(polynomial(self._coefficients(variable), W.csr, change))

    def _diagonals(self, diagonal: np.ndarray, W) -> np.ndarray:
        """The diagonals of A^-1, W A^-1 (and W^2 A^-1), (orders + 1, N), from the first."""
        rho, out = self.fit.rho, [diagonal]
        for k in range(self.fit._design.wx_order):
            if rho:
                out.append((out[k] - (W.diagonal() if k else 1)) / rho)
            else:
                out.append((W * W.T).sum(axis=1) if k else W.diagonal())
        return np.array(out)

    @cached_property
    def _picks(self) -> np.ndarray:
        return selectors(self.fit, self.variables)

    def _coefficients(self, variable: str) -> np.ndarray:
        """beta_r, theta_r (and theta_2r)."""
        if variable not in self.variables:
            raise SpatialInputError("E502", f"{variable!r} is no regressor of this fit", column=str(variable),
                                    hint="the regressors are " + ", ".join(map(repr, self.variables)))  # fmt: skip
        return self._picks[:, self.variables.index(variable)] @ self.fit.params.to_numpy()

    def _position(self, unit, ids: pd.Index) -> int:
        if unit not in ids:
            raise unknown_unit(unit, ids)
        return int(ids.get_indexer(pd.Index([unit]))[0])


def averaged(fit: FitRecord, variables: tuple[str, ...], options: Options, run: str = "", source=None) -> Effects:
    """Effects of these variables, of ``source`` or of the fit as it is."""
    source = AverageEffects(fit, Averages(fit)) if source is None else source
    return Effects(variables, infer(source, selectors(fit, variables), options), fit, options, source, run)
