"""Errors of unequal variances, or correlated within groups: variances of the score by group and by pair of groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spillover.errors import SpatialInputError, warn

from ..records.fit import FitRecord
from ..records.limits import LIMITS
from .groups import both, group_codes
from .kinds import residual_df
from .leverage import CR2, CR3, adjusted_residuals
from .pairs import by_signs, pairs_meat
from .sandwich import factor_in_words, grouped_meat, is_spatial, least_squares, sandwich

FEW_GROUPS = 20  # with fewer CR3 residuals take the place of CR2


@dataclass(frozen=True)
class Robust:
    """The sandwich of the observed information: errors need not be normal, nor of one variance.

    That concerns the standard errors alone: with very unequal variances maximum likelihood itself can miss
    rho and lambda, and ``method="gmm"`` is the safer estimator.

    With a spatial lag or error the score's variance counts units and pairs of units (``pairs``), from residuals that
    are adjusted for leverage: e_i / sqrt(M_ii) in a cross-section, with t(n - p); in a panel, where a unit's errors
    may also be correlated over time, M_ii^(-1/2) e_i by unit, the factor N / (N - 1) and t(N - 1). After least squares
    the factor is N / (N - 1) times (n - 1) / (n - k), as in Stata.

    Parameters
    ----------
    pairs : bool
        False splits the determinant's score equally over the units, as ``xsmle`` does, with its residuals, its factor
        and normal statistics. Scores of neighbors are then correlated and the variance of rho and lambda comes out
        too small, the more so the less the regressors explain: intervals for rho cover 77 to 90 % instead of 95.

    Notes
    -----
    Kelejian & Prucha (2001, J. Econometrics 104:219-257); White (1982, Econometrica 50:1-25); leverage as Bell &
    McCaffrey (2002, Survey Methodology 28:169-181). By rows Belotti, Hughes & Piano Mortari (2017, Stata Journal
    17:139-180).
    """

    pairs: bool = True

    def covariance(self, fit: FitRecord) -> np.ndarray:
        codes, _ = group_codes(fit._design, "entity")
        return sandwich(fit, meat_by_group(fit, codes, self.pairs))

    def df(self, fit: FitRecord) -> int | None:
        if not (self.pairs or least_squares(fit)):
            return None
        return fit._design.n_units - 1 if fit._design.is_panel else residual_df(fit)

    def describe(self, fit: FitRecord) -> str:
        N = fit._design.n_units
        if not (self.pairs and is_spatial(fit)):
            by = "sandwich by unit" if fit._design.is_panel else "sandwich"
            return f"robust ({by}, {factor_in_words(fit, 'N')}, N = {N:,})"
        residuals = "CR2 residuals, factor N/(N-1)" if fit._design.is_panel else "HC2 residuals"
        return f"robust (by unit and pair of units, {residuals}, N = {N:,}{by_signs(fit, N)})"


@dataclass(frozen=True, eq=False)
class Cluster:
    """Sandwich of scores added up by group; two groupings give the two-way covariance V1 + V2 - V12.

    With a spatial lag or error the variance counts groups and pairs of groups (``pairs``), from residuals adjusted
    for leverage: M_gg^(-1/2) e_g (CR2) with the factor G / (G - 1), and M_gg^(-1) e_g (CR3) where there are fewer than
    20 groups. After least squares the factor is G / (G - 1) times (n - 1) / (n - K), as in Stata, with a warning below
    20 groups (``sp.Jackknife`` is their CR3). t statistics have G - 1 degrees of freedom.

    Parameters
    ----------
    by : str, Series, or a pair of them
        "entity", "time", a column of the data, or a Series indexed by unit or by unit and period.
    pairs : bool
        False: scores of rows added up by group, normal statistics, as ``xsmle``.

    Notes
    -----
    Cameron, Gelbach & Miller (2011, J. Business & Economic Statistics 29:238-249); Bell & McCaffrey (2002, Survey
    Methodology 28:169-181); pairs of groups as in ``Robust``.
    """

    by: object = "entity"
    pairs: bool = True

    def covariance(self, fit: FitRecord) -> np.ndarray:
        codes = [c for c, _ in self._groupings(fit)]
        if least_squares(fit):
            _warn_of_few(min(int(c.max()) + 1 for c in codes))
        if len(codes) == 1:
            return sandwich(fit, meat_by_group(fit, codes[0], self.pairs))
        parts = [meat_by_group(fit, c, self.pairs) for c in (*codes, both(*codes))]
        return sandwich(fit, lambda S: parts[0](S) + parts[1](S) - parts[2](S))

    def df(self, fit: FitRecord) -> int | None:
        if not (self.pairs or least_squares(fit)):
            return None
        return min(int(codes.max()) for codes, _ in self._groupings(fit))

    def describe(self, fit: FitRecord) -> str:
        groupings = self._groupings(fit)
        names = " and ".join(f"{name} ({codes.max() + 1:,} groups)" for codes, name in groupings)
        if not (self.pairs and is_spatial(fit)):
            return f"clustered by {names}, {factor_in_words(fit, 'G')}"
        kinds = {"CR3" if codes.max() + 1 < FEW_GROUPS else "CR2" for codes, _ in groupings}
        most = max(codes.max() + 1 for codes, _ in groupings)
        return (f"clustered by {names}, with pairs of groups, {' and '.join(sorted(kinds))} residuals"
                f"{by_signs(fit, most)}")

    def _groupings(self, fit):
        by = list(self.by) if isinstance(self.by, list | tuple) else [self.by]
        if not 1 <= len(by) <= 2:
            raise SpatialInputError("E501", f"cluster by one or two groupings, got {len(by)}",
                                    hint="sp.Cluster('region') or sp.Cluster(('region', 'year'))")
        if not fit._design.is_panel and len(by) == 1 and isinstance(by[0], str) and by[0] == "entity":
            raise SpatialInputError("E501", "vcov='cluster' needs by= in a cross-section",
                                    hint="sp.Cluster('region'), or vcov='robust' for one unit per group")  # fmt: skip
        return [group_codes(fit._design, one) for one in by]


def _warn_of_few(groups: int) -> None:
    if groups < FEW_GROUPS:
        warn(f"{groups} {LIMITS['few groups']}; vcov=sp.Jackknife(by) covers 95")


def meat_by_group(fit: FitRecord, codes: np.ndarray, pairs: bool):
    """The score's variance as a function of the scores by row: by group and pair of groups, or of the rows' sums."""
    if not (pairs and is_spatial(fit)):
        return lambda S: grouped_meat(fit, codes, S)
    G = int(codes.max()) + 1
    if len(codes) == G:
        factor, power = 1.0, CR2
    elif G < FEW_GROUPS:
        factor, power = 1.0, CR3
    else:
        factor, power = G / (G - 1), CR2
    return lambda S: factor * pairs_meat(fit, codes, adjusted_residuals(fit, codes, power))
