"""The sandwich by leaving out one group at a time: what few groups need.

A group whose regressors stand apart pulls the estimate towards itself, so that its scores are too small, and with
them the sandwich; the more so the fewer groups there are. One Newton step from the estimate without group g,

    d_g = (I - I_g)^-1 s_g,    V = (G - 1) / G sum_g (d_g - d)(d_g - d)',

with its scores s_g and its part I_g of the information, gives the jackknife. For least squares it is exact, and the
CR3 of Bell & McCaffrey. I_g counts D_g'D_g / s2 of the rows' derivatives D, and of what belongs to no row
(determinants, mixed terms) the share 1 / G.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from ..records.fit import FitRecord
from .clustered import Cluster, Robust
from .deviations import deviations, has_several
from .groups import group_codes, periods_of_rows, units_of_rows
from .information import derivatives, with_dummies, without_dummies
from .joint import wald
from .sandwich import information_and_scores, sums_by_group
from .several import derivatives_of_several

LEFT = 1e-10  # share of the weight of a period or unit below which no other group has rows there
WEAK = 1e-8  # share of the information of some combination of parameters that must be left without a group


@dataclass(frozen=True, eq=False)
class Jackknife:
    """Clustered by group, by jackknife: for few groups, or some that weigh more than others.

    Parameters
    ----------
    by : str or Series
        "entity", "time", a column of the data, or a Series indexed by unit or by unit and period.

    Notes
    -----
    Bell & McCaffrey (2002, Survey Methodology 28:169-181), CR3; by scores in models that are not linear Lipsitz, Dear &
    Zhao (1994, Biometrics 50:842-846). t statistics after least squares have G - 1 degrees of freedom.
    """

    by: object = "entity"

    def covariance(self, fit: FitRecord) -> np.ndarray:
        changes = self.changes(fit)
        G, p = len(changes), len(fit.params)
        apart = changes[:, :p] - changes[:, :p].mean(axis=0)
        return (G - 1) / G * apart.T @ apart

    def changes(self, fit: FitRecord) -> np.ndarray:
        """d_g, what leaving group g out takes off all parameters, (G, p + 1 or more).

        Raises
        ------
        SpatialInputError
            E702 when a parameter is not identified without one of the groups.
        """
        fit._settings.effects.refuse_ways("vcov='jackknife'", "vcov='cluster'")
        if has_several(fit) and fit._sample.estimated:  # type: ignore[attr-defined]
            raise SpatialInputError("E501", "vcov='jackknife' is not there where period effects are estimated beside "
                                    "rho, lambda or sigma2 by regime", hint="vcov='cluster'")  # fmt: skip
        codes, name = group_codes(fit._design, self.by)
        information, S = information_and_scores(fit)
        parts, sums = _by_group(fit, information, S, codes)
        left = information - parts
        scale = 1 / np.sqrt(np.abs(np.diag(information)))
        scaled = left * np.outer(scale, scale)
        weak = np.linalg.eigvalsh(scaled)[:, 0] < WEAK
        if weak.any():
            raise SpatialInputError("E702", f"the parameters are not identified without one of the groups of {name!r}",
                                    n=int(weak.sum()), hint="leave out what only one group has, or use "
                                    "sp.Cluster")  # fmt: skip
        changes = np.linalg.solve(scaled, (sums * scale)[..., None])[..., 0] * scale
        return changes @ fit._solution.T.T if has_several(fit) else changes  # type: ignore[attr-defined]

    def df(self, fit: FitRecord) -> int:
        return int(group_codes(fit._design, self.by)[0].max())

    def describe(self, fit: FitRecord) -> str:
        codes, name = group_codes(fit._design, self.by)
        return f"clustered by {name} ({codes.max() + 1:,} groups), jackknife (CR3)"


def grouping_of(kind):
    """The grouping whose jackknife stands in for a covariance in tests; None for those that have no single one."""
    if isinstance(kind, Robust):
        return "entity"
    if isinstance(kind, Cluster):
        by = list(kind.by) if isinstance(kind.by, list | tuple) else [kind.by]
        return by[0] if len(by) == 1 else None
    return kind.by if isinstance(kind, Jackknife) else None


def hotelling(fit: FitRecord, names: list[str], by) -> tuple[float, tuple[int, float]]:
    """F and its degrees of freedom for the null that some coefficients are zero, with the jackknife's covariance."""
    chosen, at = Jackknife(by), fit.params.index.get_indexer(pd.Index(names))
    b, V = fit.params.to_numpy()[at], chosen.covariance(fit)[np.ix_(at, at)]
    return wald(b, V, chosen.df(fit))


def _by_group(fit: FitRecord, information, S, codes) -> tuple[np.ndarray, np.ndarray]:
    """I_g, (G, p, p), and s_g, (G, p).

    Fixed effects are means, and a group moves those that it shares with others: of a cell, the rows of one group in one
    period (or unit) of n rows, 1'D and 1'e count besides, over the rows n - n_g of the others. Rows have weights w: D
    and e are times sqrt(w), sums are of sqrt(w) D, and the rows of the others count as much as their w.
    """
    d, sd, p = fit._design, deviations(fit), len(information)
    D, e = _columns(fit, p), fit._solution.resid / sd
    G = codes.max() + 1
    parts, sums = _squares(D, codes) + (information - D.T @ D) / G, sums_by_group(S, codes)
    effects, root = fit._settings.effects, d.root
    for removed, of_rows in ((effects.time, periods_of_rows), (effects.entity, units_of_rows)):
        if not removed:
            continue
        means = of_rows(d)
        cells = codes * (means.max() + 1) + means
        group, at = np.divmod(np.arange(cells.max() + 1), means.max() + 1)
        others = np.bincount(means, root**2)[at] - np.bincount(cells, root**2)
        others[others < LEFT * np.bincount(means, root**2)[at]] = 0.0  # rounding
        weight = np.divide(1, others, out=np.zeros(len(others)), where=others > 0)  # none: the mean goes with the group
        D_cell, e_cell = (sums_by_group(root[:, None] * x, cells) for x in (D, e[:, None]))
        parts += _squares(D_cell * np.sqrt(weight)[:, None], group)
        sums = sums + sums_by_group(D_cell * (weight[:, None] * e_cell), group)
    return parts, sums


def _squares(D, codes) -> np.ndarray:
    """D_g'D_g, (G, p, p)."""
    return np.stack([sums_by_group(D * column[:, None], codes) for column in D.T], axis=1)


def _columns(fit: FitRecord, size: int) -> np.ndarray:
    """-de/d(parameters) in units of the errors' deviations, (m, size): zero for those of which the errors know nothing;
    dummies projected out."""
    sample, at = fit._sample, fit._solution
    D = derivatives_of_several(fit) if has_several(fit) else derivatives(sample, at) / np.sqrt(at.sigma2)
    if sample.dummies:
        share = without_dummies(sample, with_dummies(sample, at))[1][:, :-1]
        among = np.s_[sample.k : sample.X.shape[1]]
        D = np.delete(D, among, axis=1) - D[:, among] @ share
    return np.pad(D, ((0, 0), (0, size - D.shape[1])))
