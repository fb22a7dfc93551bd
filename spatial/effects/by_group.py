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
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.show import Shown

from ..design.moderators import moderated_terms, moderator_values
from ..design.unsplit import unsplit
from ..records.fit import FitRecord
from ..records.schema import SCHEMA
from ..records.tests import TestResult
from .counterfactual import check_run, groups_of, sums_by_place
from .emitted import emitted, emitting
from .linear import Law, RatioLaw
from .mixture import Inference
from .propagate import KINDS

if TYPE_CHECKING:
    from spillover.types import Groups


NEAR_LEAST = 1.0  # of a statistic: the values that its paraboloid is fitted to


@dataclass(frozen=True, eq=False)
class EffectsBy(Shown):
    """Effects of one regressor by group, by a moderator's value or by contrast, with inference.

    Attributes
    ----------
    variable : str
    labels : tuple of s str
    inference : Inference
        Estimates, standard errors, statistics, p-values and intervals, (3, s) each: direct, indirect, total.
    law : Law or None
        Their joint distribution: combinations of groups are read from it. None without standard errors.
    fit : FitRecord
    level : float
    run : {"", "short-run", "long-run"}
        Of a dynamic model.
    """

    variable: str
    labels: tuple[str, ...]
    inference: Inference = field(repr=False)
    law: Law | RatioLaw | None = field(repr=False)
    fit: FitRecord = field(repr=False)
    level: float = 0.95
    run: str = ""

    @property
    def estimates(self) -> np.ndarray:
        return self.inference.estimate

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
        return self._table(self.labels, self.inference)

    def differences(self) -> pd.DataFrame:
        """Every pair of groups: the first less the second, in the common schema plus ``effect``."""
        pairs = [(i, j) for i in range(len(self.labels)) for j in range(i)]
        if not pairs:
            raise SpatialInputError("E501", "there is one group only: nothing to compare it with",
                                    hint="choose a grouping with two groups or more")
        labels = tuple(f"{self.labels[a]} - {self.labels[b]}" for a, b in pairs)
        unit = np.eye(len(self.labels))
        return self._table(labels, self._combined(np.array([unit[a] - unit[b] for a, b in pairs])))

    def test(self, effect: str = "total") -> TestResult:
        """Is the effect the same in all groups?

        Of two groups the square of the statistic in ``differences()``. Of more the smallest distance, in standard
        errors, between the estimates and parameters under which the effects are equal: of all rho the least

            (rho - rho^)^2 / se^2 + gap(rho)' V(rho)^-1 gap(rho),     chi2(s - 1)

        It is Wald's statistic for linear restrictions and, unlike his for others, the same however they are written
        (Newey & West 1987, International Economic Review 28:777-787).
        """
        check_option("effect", effect, KINDS)
        k, df = KINDS.index(effect), self.fit.df_resid
        contrasts = np.eye(len(self.labels))[1:] - np.eye(len(self.labels))[:1]
        if self.law is None or not len(contrasts):
            raise SpatialInputError("E501", f"there is nothing to compare the {effect} effect with",
                                    hint="choose a grouping with two groups or more")
        if len(contrasts) == 1:
            rank, statistic = 1, float(self._combined(contrasts).statistic[k, 0] ** 2)
        else:
            rank, statistic = smallest_distance(self.law.exact.combined(np.kron(np.eye(3)[k : k + 1], contrasts)))
        if not rank or np.isnan(statistic):
            raise SpatialInputError("E501", f"the {effect} effect does not differ by construction",
                                    hint="ask for the direct or the total effect")
        null = f"the {effect} effect of {self.variable} is the same in all groups"
        distribution = (rank, statistic) if df is None else ((rank, df), statistic / rank)
        return TestResult(f"equal {effect} effects", distribution[1], distribution[0], null)

    def _series(self, k):
        return pd.Series(self.estimates[k], index=pd.Index(self.labels, name="group"), name=KINDS[k])

    def _combined(self, A: np.ndarray) -> Inference:
        """G combinations (G, s) of the groups, of each kind of effect: (3, G)."""
        at = self.estimates @ A.T
        if self.law is None:
            return Inference(at, *np.full((5, *at.shape), np.nan))
        law = self.law.combined(np.kron(np.eye(3), A))
        return law.inference(at.ravel(), self.level).reshaped(*at.shape)

    @staticmethod
    def _table(labels, inference: Inference) -> pd.DataFrame:
        index = pd.MultiIndex.from_product([KINDS, labels], names=["effect", "term"])
        return pd.DataFrame(inference.columns(), index=index).reset_index()[["effect", *SCHEMA]]


def effects_by(fit: FitRecord, variable: str, by: Groups | None = None, *, at: Mapping | str | None = None,
               run: str = "short", level: float = 0.95) -> EffectsBy:
    """Direct, indirect and total effects of a regressor by group of units, or at values of its moderators.

    Parameters
    ----------
    fit : FitRecord
        Its formula may have interactions with the regressor: ``x:m``, ``x:C(region)``, ``x*east``.
    variable : str
        The regressor as the formula writes it, ``log(x)``.
    by : str or Series, optional
        A column of the data, "entity", "time" or a Series by unit (and period): effects emitted by the units of each
        group, their moderators as they are.
    at : dict of str to value or list of values, optional
        Columns of moderators and the values that all units are given: ``{"m": [0, 1]}``, ``{"region": ["east"]}``.
    run : {"short", "long"}
        Of a dynamic model: as for ``slopes``.
    level : float
        Coverage of the intervals; their distribution is that of ``fit.effects()``.

    Returns
    -------
    EffectsBy
        ``.tidy()``, ``.differences()`` between groups, ``.test("indirect")`` that all are equal.

    Raises
    ------
    SpatialInputError
        E501 neither by= nor at=, or the long run of a static model; E502 no such regressor; E530 the
        regressor also enters in another form, or its moderator cannot be evaluated; E531 at= names no moderator or a
        level that the data do not have; E712 no long run.

    Notes
    -----
    Two groups may have the same coefficients and different effects: units with many neighbors emit more.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> fit = sp.sdm("CRIME ~ INC + INC:CP", columbus, wt.queen(columbus).standardize("row"))
    >>> sp.effects_by(fit, "INC", at={"CP": [0, 1]}).direct.round(2).to_dict()
    {'CP = 0': -1.26, 'CP = 1': -0.31}
    """
    check_run(fit, run)
    d = unsplit(fit._design)
    if by is None and at is None:
        raise SpatialInputError("E501", "give by= (groups of units) or at= (values of a moderator)",
                                hint="by='region', or at={'z': [0, 1]}")
    if at is not None and not isinstance(at, Mapping):
        raise SpatialInputError("E501", f"at={at!r} names no moderator", hint="at={'column': [values]}")
    terms = moderated_terms(d, variable)
    labels, weights = _scenarios(d, terms, by, at or {}, emitting(fit, d, run))
    law, inference = emitted(fit, [term.name for term in terms], weights, level, run)
    return EffectsBy(variable, labels, inference, law, fit, level, f"{run}-run" if d.lags else "")


def smallest_distance(law: Law) -> tuple[int, float]:
    """Rank and value of the statistic of ``EffectsBy.test`` for J restrictions."""
    conditional = law.conditional
    picked = law.picks[:, 0]
    at_nodes = picked @ conditional.params + (conditional.points - conditional.centre) @ (picked @ conditional.slope).T
    gap = np.einsum("qkj,qk->qj", law.curves, at_nodes)
    V = np.einsum("qkj,kl,qlm->qjm", law.curves, picked @ conditional.covariance @ picked.T, law.curves)
    rank = int(np.median(np.linalg.matrix_rank(V, hermitian=True)))
    if not rank:
        return 0, np.nan
    own = np.einsum("qj,qjm,qm->q", gap, np.linalg.pinv(V, rcond=1e-10, hermitian=True), gap)
    if conditional.points.ndim > 1 and conditional.points.shape[1] > 1:
        return rank, _least_of_surface(conditional.points, own + conditional.distance)
    nodes = conditional.points[:, 0] if conditional.points.size else conditional.distance
    return rank, _least(nodes, own + conditional.distance)


def _least(x: np.ndarray, values: np.ndarray) -> float:
    """The least value, by the parabola through the smallest and its neighbors."""
    at = int(values.argmin())
    if not 0 < at < len(x) - 1:
        return float(values[at])
    near = slice(at - 1, at + 2)
    curve = np.polynomial.Polynomial.fit(x[near], values[near], 2)
    return float(min(values[at], curve(np.clip(curve.deriv().roots()[0], x[at - 1], x[at + 1]))))


def _least_of_surface(points: np.ndarray, values: np.ndarray) -> float:
    """The least value over several rho, by the paraboloid through the values near it."""
    least, J = float(values.min()), points.shape[1]
    near = values < least + NEAR_LEAST
    x = (points[near] - points[values.argmin()]) / np.maximum(np.ptp(points[near], axis=0), 1e-12)
    pairs = [(i, j) for i in range(J) for j in range(i + 1)]
    columns = np.column_stack([np.ones(len(x)), x, *(x[:, i] * x[:, j] for i, j in pairs)])
    if len(x) <= columns.shape[1]:
        return least
    c = np.linalg.lstsq(columns, values[near], rcond=None)[0]
    H = np.zeros((J, J))
    for (i, j), value in zip(pairs, c[1 + J :]):
        H[i, j] += value
        H[j, i] += value
    if np.linalg.eigvalsh(H)[0] <= 0:
        return least
    at = c[0] - c[1 : 1 + J] @ np.linalg.solve(H, c[1 : 1 + J]) / 2
    return float(min(least, max(at, 0.0)))


def _scenarios(d, terms, by, at, place) -> tuple[tuple[str, ...], np.ndarray]:
    """Labels of the s groups and (s, terms, units) averages of the moderators over each group's rows, by unit
    or, where W varies, by row."""
    choices = _choices(d, terms, at)
    groups = groups_of(d, by)
    labels, weights = [], []
    for (group, members), setting in product(groups, choices):
        label = ", ".join(f"{column} = {value}" for column, value in setting.items())
        labels.append(", ".join(filter(None, (group, label))))
        rows = [moderator_values(d, term, setting) * members / members.sum() for term in terms]
        weights.append([sums_by_place(place, row) for row in rows])
    return tuple(labels), np.array(weights)


def _choices(d, terms, at) -> list[dict]:
    """Every combination of the values asked for."""
    term_of = {column: term for term in terms for column in term.columns}
    for column, values in at.items():
        if column not in term_of:
            hint = "its moderators are " + ", ".join(term_of) if term_of else "the formula has no interaction with it"
            raise SpatialInputError("E531", f"at= names {column!r}, which moderates nothing here", column=column,
                                    hint=hint)  # fmt: skip
        there = d.frame[column]
        category = any(level for factor, level in term_of[column].moderators if column in factor.columns)
        for value in np.atleast_1d(np.asarray(values, dtype=object)):
            number = isinstance(value, int | float | np.number)
            if (category or not number) and not (there.astype(str) == str(value)).any():
                raise SpatialInputError("E531", f"{column!r} is nowhere {value!r}", column=column,
                                        hint="it is " + ", ".join(map(str, pd.unique(there)[:8])))  # fmt: skip
    lists = [list(np.atleast_1d(np.asarray(values, dtype=object))) for values in at.values()]
    return [dict(zip(at, chosen)) for chosen in product(*lists)]
