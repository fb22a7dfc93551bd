"""What if: raise a regressor in some places and read the response everywhere.

The response is S_r times the change, S_r = (I - rho W)^-1 (beta_r I + theta_r W): the same reading as
``fit.effects().shock``, for any change, with the intervals of ``fit.effects()``. It holds the regressors' meaning and
the model fixed: a reading of the estimated spillovers, not a forecast.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.ids import meant, positions
from spillover.matrix import refuse_varying
from spillover.show import Shown, ask
from spillover.values import one_number

from ..design.design import Design
from ..design.formula import read_formula
from ..design.unsplit import unsplit
from ..effects.horizon import LONG, check_horizon
from ..effects.linear import Law, RatioLaw
from ..effects.mixture import Inference
from ..models.fit import Fit
from ..records.schema import SCHEMA
from ._sample import unit_codes
from .respond import averages

if TYPE_CHECKING:
    from spillover.types import Groups, Map, PathLike

MOST = 250_000  # units whose responses are held at all nodes of rho


@dataclass(frozen=True, eq=False)
class WhatIf(Shown):
    """The response of every unit to a change, with intervals.

    Attributes
    ----------
    table : DataFrame indexed by unit
        Those observed in the period. ``change`` of the regressor, then ``estimate`` (the response, in units of the
        outcome), ``std_error``, ``statistic``, ``p_value``, ``conf_low``, ``conf_high``; for a logged outcome also
        ``percent``, ``percent_low``, ``percent_high``.
    fit : Fit
    variable : str
    law : Law or None
        The joint distribution of the responses, in the order of ``table``.
    settings : dict
        ``level``, ``period`` and ``horizon``.
    """

    table: pd.DataFrame
    fit: Fit = field(repr=False)
    variable: str
    law: Law | RatioLaw | None = field(repr=False)
    settings: dict = field(repr=False)

    @property
    def response(self) -> pd.Series:
        """In per cent where the outcome is a logarithm, else in its units."""
        logged = "percent" in self.table
        name = f"response of {self.fit._design.response}" if not logged else f"response to {self.variable}, per cent"
        return self.table["percent" if logged else "estimate"].rename(name)

    def by_group(self, groups: Groups) -> pd.DataFrame:
        """Who gains: mean change and mean response of each group, and of all, with intervals.

        Parameters
        ----------
        groups : str or Series
            A column of the data, fixed for each unit, or a Series indexed by unit.

        Returns
        -------
        DataFrame by group, "all" last
            ``units``, ``change``, ``estimate``, ``std_error``, ``statistic``, ``p_value``, ``conf_low``,
            ``conf_high``, and ``share`` of the sum of all responses.
        """
        codes, names = _groups(self.fit._design, groups)
        codes = codes[self.fit._design.ids.get_indexer(self.table.index)]
        member = np.vstack([codes == g for g in range(len(names))] + [np.ones(len(codes), dtype=bool)])
        mean = member / member.sum(axis=1, keepdims=True)
        at = mean @ self.table["estimate"].to_numpy()
        if self.law is None:
            inference = Inference(at, *np.full((5, len(at)), np.nan))
        else:
            inference = self.law.combined(mean).inference(at, self.settings["level"])
        sums = member @ self.table["estimate"].to_numpy()
        return pd.DataFrame({
            "units": member.sum(axis=1), "change": mean @ self.table["change"].to_numpy(), **inference.columns(),
            "share": sums / sums[-1] if sums[-1] else np.nan,
        }, index=pd.Index([*names, "all"], name="group"))  # fmt: skip

    def tidy(self) -> pd.DataFrame:
        """One row per unit in the common schema, the unit as ``term``, plus ``change``."""
        return self.table.rename_axis("term").reset_index()[[*SCHEMA, "change"]]

    def to_file(self, map: Map, path: PathLike, *, overwrite: bool = False) -> None:
        """Write the map with every response and its interval: a GeoPackage that QGIS opens colored, or GeoJSON.

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


def what_if(fit: Fit, variable: str, *, change: float | None = None, percent: float | None = None,
            to: float | str | None = None, share: float = 1.0, units: Any = None, period: Hashable | None = None,
            level: float = 0.95, horizon: int | str = 0) -> WhatIf:
    """Change a regressor in some units and read every unit's response.

    Parameters
    ----------
    fit : Fit
    variable : str
        A term of the formula, as ``log(pcap)``.
    change : float, optional
        Added to the term.
    percent : float, optional
        For a term ``log(x)``: x rises by so many per cent.
    to : float, "mean", "median" or "max", optional
        Units below this value of the term are raised towards it; those above stay where they are.
    share : float
        How much of the gap is closed, with ``to``.
    units : list of ids, or dict of column to value or values; optional
        Where: ``["11", "12"]`` or ``{"region": "west"}``. All units by default.
    period : label, optional
        Of a panel, where the term's values and, where W varies, W are taken from. The last by default.
    level : float
        Coverage of the intervals; their distribution is that of ``fit.effects()``.
    horizon : int or "long"
        Of a dynamic model: 0 is the short run, 5 five periods after a change that stays, "long" the long run.

    Returns
    -------
    WhatIf

    Raises
    ------
    SpatialInputError
        E101 unknown units, E309 more than 250,000 units (5,000 some periods later), E501 none or several of change,
        percent and to, E502 no such term, E535 a change that changes nothing or a percentage of what is no logarithm,
        E536 a variable that enters by other terms too, E537 a formula that has the lagged outcome, E712 no long run.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
    >>> panel = panel.merge(states["region"].reset_index(), on="state")
    >>> w = wt.queen(states).standardize("row")
    >>> fit = sp.sdm("log(gsp) ~ log(pc) + log(emp)", panel, w, entity="state", time="year")
    >>> west = sp.what_if(fit, "log(pc)", percent=10, units={"region": "West"})
    >>> west.by_group("region")["estimate"].round(4).to_dict()
    {'Midwest': 0.0..., 'Northeast': 0.0..., 'South': 0.0..., 'West': 0.0..., 'all': 0.0...}
    """
    d = unsplit(fit._design)
    check_horizon(fit, horizon)
    _refuse(d, variable)
    if d.n_units > MOST:
        raise SpatialInputError("E309", f"the responses of {d.n_units:,} units are too many to hold with intervals",
                                n=d.n_units, hint="fit.effects().shock() has them without")  # fmt: skip
    if not 0 < one_number("share", share) <= 1:
        raise SpatialInputError("E501", f"share={share!r} must lie between 0 and 1: how much of the gap is closed",
                                hint="share=1.0 closes all of it")
    if share != 1 and to is None:
        raise SpatialInputError("E501", f"share={share!r} belongs to to=: how much of the gap to it is closed",
                                hint="to='median' beside it, or leave share= out")
    last = _period(d, period)
    there = np.ones(d.n_units, dtype=bool) if d.observed is None else d.observed[last]
    moved = _change(d, variable, change, percent, to, share, _chosen(d, units), there, last)
    W = d.weights[d.periods[last]] if d.weights.varies else d.weights
    if horizon and horizon != LONG:
        refuse_varying(d.weights, "a response of later periods")
    law, inference = averages(fit, variable, [W], [moved[there, None]], lambda responses: responses[0][:, 0], level,
                              d.periods[last] if d.weights.varies else None, horizon)  # fmt: skip
    table = pd.DataFrame({"change": moved[there], **inference.columns()}, index=d.ids[there])
    if d.response.startswith("log("):
        columns = {"percent": inference.estimate, "percent_low": inference.low, "percent_high": inference.high}
        table = table.assign(**{name: 100 * np.expm1(column) for name, column in columns.items()})
    settings = {"level": level, "period": None if d.times is None else d.times[last],
                "horizon": horizon if d.lags else None}  # fmt: skip
    return WhatIf(table, fit, variable, law, settings)


def _refuse(d: Design, variable: str) -> None:
    if variable not in d.regressors:
        raise SpatialInputError("E502", f"{variable!r} is no regressor of this fit", column=str(variable),
                                hint="the regressors are " + ", ".join(d.regressors))  # fmt: skip
    terms = read_formula(d.formula, d.frame.columns)
    columns = {name: {c for f in product for c in f.columns} for name, product in terms.right}
    own = columns.pop(variable, set())
    columns |= {factor.text: set(factor.columns) for factor in terms.offsets}
    others = ", ".join(repr(name) for name, used in columns.items() if own & used)
    if others:
        raise SpatialInputError("E536", f"{variable!r} is not all of its variable: {others} would change with it",
                                column=variable, hint="a model without interactions and powers of it")  # fmt: skip
    response = {c for f in terms.left for c in f.columns}
    if "lag" in terms.functions and any(response & used for used in columns.values()):
        raise SpatialInputError("E537", "the formula has a lagged outcome: its response unfolds over time",
                                hint="lags='y' of the model in its place, and horizon= here")  # fmt: skip


def _period(d, period) -> int:
    if period is None:
        return d.n_periods - 1
    if d.times is None or period not in d.times:
        raise SpatialInputError("E501", f"period={period!r} is no period of this fit",
                                hint="leave it out for the last one")  # fmt: skip
    return int(d.times.get_loc(period))


def _chosen(d, units) -> np.ndarray:
    """A mask of the units."""
    if units is None:
        return np.ones(d.n_units, dtype=bool)
    if isinstance(units, Mapping):
        mask = np.ones(d.n_units, dtype=bool)
        for column, wanted in units.items():
            codes, names = _groups(d, column)
            wanted = [wanted] if np.isscalar(wanted) else list(wanted)
            unknown = [value for value in wanted if value not in names]
            if unknown:
                raise SpatialInputError("E501", f"{column!r} is never {unknown[0]!r}", column=str(column),
                                        hint="it is one of " + ", ".join(map(repr, names[:9])))  # fmt: skip
            mask &= np.isin(codes, [names.get_loc(value) for value in wanted])
        return mask
    wanted = pd.Index([units] if np.isscalar(units) else units)
    others = wanted.difference(d.ids, sort=False)
    if len(others):
        raise SpatialInputError("E101", f"{len(others)} of the units named are none of this fit", ids=list(others),
                                hint=meant(others[0], d.ids) or "fit.units lists the units")
    return d.ids.isin(wanted)


def _change(d, variable, change, percent, to, share, chosen, there, last) -> np.ndarray:
    """What is added to the term in every unit."""
    requested = [name for name, value in (("change", change), ("percent", percent), ("to", to)) if value is not None]
    if len(requested) != 1:
        raise SpatialInputError("E501", f"give one of change=, percent= and to=, got {requested or 'none'}",
                                hint="change=1.0, for example")
    change, percent = (one_number(*option, optional=True) for option in (("change", change), ("percent", percent)))
    x = d.X[last, :, d.names.index(variable)]
    if percent is not None:
        if not variable.startswith("log(") or percent <= -100:
            raise SpatialInputError("E535", f"percent={percent!r} needs a term log(x) and more than -100",
                                    column=variable, hint="change= in the units of the term")  # fmt: skip
        change = np.log1p(percent / 100)
    if to is not None:
        named: dict[str, Callable] = {"mean": np.mean, "median": np.median, "max": np.max}
        if isinstance(to, str) and to not in named:
            raise SpatialInputError("E501", f"to={to!r} is not known", hint="a number, 'mean', 'median' or 'max'")
        target = named[to](x[there]) if isinstance(to, str) else one_number("to", to)
        change = share * np.maximum(target - x, 0)
    moved = np.where(chosen & there, change, 0.0)
    if not np.isfinite(moved).all() or not moved.any():
        raise SpatialInputError("E535", "nothing changes: no chosen unit lies below the target" if to is not None else
                                "nothing changes", column=variable,
                                hint="choose other units, or another target")  # fmt: skip
    return moved


def _groups(d, groups):
    """Codes (N,) and names of a column that is fixed for each unit, or of a Series by unit."""
    if isinstance(groups, str):
        return unit_codes(d, groups)
    if not isinstance(groups, pd.Series):
        raise SpatialInputError("E501", "groups must be a column's name or a Series indexed by unit",
                                hint="groups='region'")
    values = groups.to_numpy()[positions(groups.index, d.ids, what="groups")]
    codes, names = pd.factorize(pd.Series(values), sort=True)
    if (codes < 0).any():
        raise SpatialInputError("E201", f"{int((codes < 0).sum())} units have no group", ids=list(d.ids[codes < 0]),
                                hint="give every unit a group")
    return codes, pd.Index(names)
