"""Effects that differ between groups, or with the value of a moderator, where the formula has interactions.

With x, x:m and their lags in the model, y = rho W y + beta x + gamma (x m) + theta W x + delta W (x m) + ..., and

    dy / dx' = S = (I - rho W)^-1 [diag(beta + gamma m) + W diag(theta + delta m)]

Column j of S is what x in unit j does: S_jj its direct effect, the column's sum its total effect. They are averaged
over the units that emit, those of a group or all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.show import Shown

from ..covariance.groups import group_values, units_of_rows
from ..design.moderators import moderated_terms, moderator_values
from ..logdet.inverse import Inverse
from ..records.results import SCHEMA, Fit, TestResult, critical_value, two_sided
from .propagate import determinant, parameter_draws

KINDS = ("direct", "indirect", "total")
NODES = 24  # of the interpolation over draws of rho
NEAR_ZERO = 1e-4  # rho below which diag(A^-1 W) is a power series: (diag(A^-1) - 1) / rho would cancel


@dataclass(frozen=True, eq=False)
class EffectsBy(Shown):
    """Effects of one regressor by group or by the moderator's value, with inference.

    Attributes
    ----------
    variable : str
    labels : tuple of s str
    estimates : ndarray, shape (3, s): direct, indirect, total
    drawn : ndarray, shape (draws kept, 3, s)
    fit : Fit
    draws, seed, level
    """

    variable: str
    labels: tuple[str, ...]
    estimates: np.ndarray = field(repr=False)
    drawn: np.ndarray = field(repr=False)
    fit: Fit = field(repr=False)
    draws: int = 1000
    seed: int = 1
    level: float = 0.95

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
        """One row per effect and group, in the common schema plus ``effect``."""
        return self._table(self.labels, self.estimates, self.drawn)

    def differences(self) -> pd.DataFrame:
        """Every pair of groups: the first less the second, in the common schema plus ``effect``."""
        pairs = [(i, j) for i in range(len(self.labels)) for j in range(i)]
        if not pairs:
            raise SpatialInputError("E501", "there is one group only: nothing to compare it with")
        i, j = np.array(pairs).T
        labels = tuple(f"{self.labels[a]} - {self.labels[b]}" for a, b in pairs)
        gaps = (values[..., i] - values[..., j] for values in (self.estimates, self.drawn))
        return self._table(labels, *gaps)

    def test(self, effect: str = "total") -> TestResult:
        """Is the effect the same in all groups? Wald test with the covariance of the draws."""
        if effect not in KINDS:
            raise SpatialInputError("E501", f"effect={effect!r} is none of {', '.join(KINDS)}")
        k = KINDS.index(effect)
        gap = self.estimates[k, 1:] - self.estimates[k, 0]
        V = np.atleast_2d(np.cov(self.drawn[:, k, 1:] - self.drawn[:, k, :1], rowvar=False))
        df = int(np.linalg.matrix_rank(V, hermitian=True)) if len(gap) else 0
        if not df:
            raise SpatialInputError("E501", f"the {effect} effect does not differ by construction")
        statistic = float(gap @ np.linalg.pinv(V, rcond=1e-10, hermitian=True) @ gap)
        null = f"the {effect} effect of {self.variable} is the same in all groups"
        return TestResult(f"equal {effect} effects", statistic, df, null)

    def __str__(self) -> str:
        from ..report.text import effects_by_text

        return effects_by_text(self)

    def _series(self, k):
        return pd.Series(self.estimates[k], index=pd.Index(self.labels, name="group"), name=KINDS[k])

    def _table(self, labels, estimates, drawn) -> pd.DataFrame:
        index = pd.MultiIndex.from_product([KINDS, labels], names=["effect", "term"])
        errors = drawn.std(axis=0, ddof=1)
        table = pd.DataFrame({"estimate": estimates.ravel(), "std_error": errors.ravel()}, index=index)
        table["statistic"] = table["estimate"] / table["std_error"].where(table["std_error"] > 0)
        table["p_value"] = two_sided(table["statistic"])
        tails = (1 - self.level) / 2
        low, high = np.quantile(drawn, [tails, 1 - tails], axis=0)
        table["conf_low"], table["conf_high"] = low.ravel(), high.ravel()
        return table.reset_index()[["effect", *SCHEMA]]


def effects_by(fit: Fit, variable: str, by=None, *, at=None, draws=1000, seed=1, level=0.95) -> EffectsBy:
    """Direct, indirect and total effects of a regressor by group of units, or at values of its moderators.

    Parameters
    ----------
    fit : Fit
        Its formula may have interactions with the regressor: ``x:m``, ``x:C(region)``, ``x*east``.
    variable : str
        The regressor as the formula writes it, ``log(x)``.
    by : str or Series, optional
        A column of the data, "entity", "time" or a Series by unit (and period): effects emitted by the units of each
        group, their moderators as they are.
    at : dict of str to value or list of values, optional
        Columns of moderators and the values that all units are given: ``{"m": [0, 1]}``, ``{"region": ["east"]}``.
    draws, seed, level
        Simulated intervals, as for ``effects``.

    Returns
    -------
    EffectsBy
        ``.tidy()``, ``.differences()`` between groups, ``.test("indirect")`` that all are equal.

    Raises
    ------
    SpatialInputError
        E501 neither by= nor at=, second-order lags or a dynamic model; E502 no such regressor; E530 the regressor also
        enters in another form, or its moderator cannot be evaluated; E531 at= names no moderator or a level that the
        data do not have.

    Notes
    -----
    Two groups may have the same coefficients and different effects: units with many neighbours emit more.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sdm("CRIME ~ INC + INC:CP", columbus, wt.queen(columbus).standardize("row"))
    >>> sp.effects_by(fit, "INC", at={"CP": [0, 1]}).direct.round(2).to_dict()
    {'CP = 0': -1.26, 'CP = 1': -0.31}
    """
    d = fit.design
    if by is None and at is None:
        raise SpatialInputError("E501", "give by= (groups of units) or at= (values of a moderator)")
    if at is not None and not isinstance(at, Mapping):
        raise SpatialInputError("E501", f"at={at!r} names no moderator", hint="at={'column': [values]}")
    if d.wx_order > 1 or d.lags:
        raise SpatialInputError("E501", "effects by group are for static models with wx_order=1")
    critical_value(level)
    terms = moderated_terms(d, variable)
    # 1. Who emits, and with which moderators: a weight for every unit, term and group.
    labels, weights = _scenarios(d, terms, by, at or {})
    # 2. What a unit's beta and theta bring it and all, as functions of rho.
    sample, rho = parameter_draws(fit, draws, seed)
    W = d.weights.stacked if d.weights.varies else d.weights
    of_draws = _curves(W, np.atleast_1d(rho), weights, determinant(fit).interval)
    of_estimate = _values(W, fit.rho, weights)[None]
    # 3. Linear in the coefficients.
    params = fit.params.to_numpy()[None]
    drawn, estimates = _combine(fit, terms, sample, of_draws), _combine(fit, terms, params, of_estimate)[0]
    return EffectsBy(variable, labels, estimates, drawn, fit, draws, seed, level)


def _scenarios(d, terms, by, at) -> tuple[tuple[str, ...], np.ndarray]:
    """Labels of the s groups and (s, terms, units) averages of the moderators over each group's rows, by unit
    or, where W varies, by row."""
    choices = _choices(d, terms, at)
    groups = [("", np.ones(d.nobs, dtype=bool))]
    if by is not None:
        values, name = group_values(d, by)
        if pd.isna(values).any():
            raise SpatialInputError("E201", f"{name!r} has missing groups", column=name)
        if isinstance(by, str) and by in ("entity", "time", d.ids.name, getattr(d.times, "name", None)):
            values = (d.ids if by in ("entity", d.ids.name) else d.times).to_numpy()[values]  # labels, not positions
        numbers = pd.api.types.is_numeric_dtype(values)
        unique = sorted(pd.unique(values), key=None if numbers else str)
        groups = [(f"{name} = {g:g}" if numbers else str(g), values == g) for g in unique]
    place, size = (np.arange(d.nobs), d.nobs) if d.weights.varies else (units_of_rows(d), d.n_units)
    labels, weights = [], []
    for (group, members), setting in product(groups, choices):
        said = ", ".join(f"{column} = {value}" for column, value in setting.items())
        labels.append(", ".join(filter(None, (group, said))))
        rows = [moderator_values(d, term, setting) * members / members.sum() for term in terms]
        weights.append([np.bincount(place, row, size) for row in rows])
    return tuple(labels), np.array(weights)


def _choices(d, terms, at) -> list[dict]:
    """Every combination of the values asked for."""
    known = {column: term for term in terms for column in term.columns}
    for column, values in at.items():
        if column not in known:
            hint = "its moderators are " + ", ".join(known) if known else "the formula has no interaction with it"
            raise SpatialInputError("E531", f"at= names {column!r}, which moderates nothing here", column=column,
                                    hint=hint)  # fmt: skip
        there = d.frame[column]
        category = any(level for factor, level in known[column].moderators if column in factor.columns)
        for value in np.atleast_1d(np.asarray(values, dtype=object)):
            number = isinstance(value, int | float | np.number)
            if (category or not number) and not (there.astype(str) == str(value)).any():
                raise SpatialInputError("E531", f"{column!r} is nowhere {value!r}", column=column,
                                        hint="it is " + ", ".join(map(str, pd.unique(there)[:8])))  # fmt: skip
    lists = [list(np.atleast_1d(np.asarray(values, dtype=object))) for values in at.values()]
    return [dict(zip(at, chosen)) for chosen in product(*lists)]


def _values(W, rho: float, weights: np.ndarray) -> np.ndarray:
    """(4, s, terms): weighted sums over units of diag(A^-1), diag(A^-1 W), 1'A^-1 and 1'A^-1 W."""
    A_inverse = Inverse(W, float(rho))
    a, sums = A_inverse.diagonal()[0], A_inverse.solve(np.ones(W.n), transposed=True)
    diagonal = W.csr.diagonal()
    if abs(rho) > NEAR_ZERO:
        aw = (a - 1) / rho
    else:
        aw = diagonal + rho * np.asarray(W.csr.multiply(W.csr.T).sum(axis=1)).ravel()
    return np.array([weights @ unit for unit in (a, aw, sums, W.csr.T @ sums)])


def _curves(W, rho: np.ndarray, weights: np.ndarray, interval) -> np.ndarray:
    """``_values`` at every draw of rho, (draws, 4, s, terms), by Chebyshev interpolation over their range.

    A^-1 has its nearest poles at the ends of rho's interval: they are taken out first.
    """
    lo, hi = rho.min(), rho.max()
    if hi - lo < 1e-12:
        return _values(W, lo, weights)[None]

    def distance(r):
        return (r - interval[0]) * (interval[1] - r)

    nodes = np.polynomial.chebyshev.chebpts1(NODES + 1)
    at = (hi + lo) / 2 + (hi - lo) / 2 * nodes
    found = np.array([distance(r) * _values(W, r, weights) for r in at])
    fitted = np.polynomial.chebyshev.chebfit(nodes, found.reshape(NODES + 1, -1), NODES)
    values = np.polynomial.chebyshev.chebval((2 * rho - hi - lo) / (hi - lo), fitted) / distance(rho)
    return values.T.reshape(len(rho), *found.shape[1:])


def _combine(fit: Fit, terms, sample: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(draws, 3, s) from (draws, p) parameters."""
    place = {name: i for i, name in enumerate(fit.params.index)}
    direct = total = 0.0
    for k, term in enumerate(terms):
        beta = sample[:, place[term.name], None]
        theta = sample[:, place[f"W:{term.name}"], None] if f"W:{term.name}" in place else 0.0
        direct = direct + beta * values[:, 0, :, k] + theta * values[:, 1, :, k]
        total = total + beta * values[:, 2, :, k] + theta * values[:, 3, :, k]
    return np.stack([direct, total - direct, total], axis=1)
