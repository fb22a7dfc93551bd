"""Placebos: the policy where it was not, and before it was.

Across units the dates of adoption are assigned at random, thousands of times: were the policy without effect on anyone,
the estimate would be one draw among these. In time the adopters are moved back to dates before their adoption, and
everything after it is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError
from spillover.progress import over
from spillover.provenance import made_from
from spillover.show import Shown

from ..models.refit import refit
from . import imputation, twfe
from ._tables import rows
from .did import DiD
from .gaps import unseen_before
from .methods import dates_can_move, under_dates
from .spatial_did import SpatialDiD
from .treatment import comes_and_goes, is_switch

AT_ONCE = 64  # dates of adoption that are estimated together


@dataclass(frozen=True, eq=False)
class PlaceboUnits(Shown):
    """Estimates under dates of adoption assigned at random.

    Attributes
    ----------
    table : DataFrame
        ``term``, ``estimate`` (the actual one), ``p_value`` (share of placebos at least as far from zero, the
        actual one counted among them), ``placebo_mean``, ``placebo_sd``, ``draws``.
    drawn : ndarray, shape (draws, terms), NaN where a placebo could not be estimated
    seed : int
    treatment, response : str
    """

    table: pd.DataFrame
    drawn: np.ndarray = field(repr=False)
    seed: int
    treatment: str
    response: str

    @property
    def p_value(self) -> float:
        """Of the first term."""
        return float(self.table["p_value"].iloc[0])

    def tidy(self) -> pd.DataFrame:
        return self.table.copy()


def placebo_units(result: DiD | SpatialDiD, *, draws: int = 999, seed: int = 1) -> PlaceboUnits:
    """Reassign the dates of adoption at random across units, and estimate again.

    Parameters
    ----------
    result : DiD or SpatialDiD
        Of a 0/1 treatment. The latter is refitted with its covariates; its terms are the average direct and indirect
        effects of ``fit.effects()``.
    draws, seed : int
        The same seed gives the same bits.

    Returns
    -------
    PlaceboUnits
        After Ctrl-C of the draws that were done.

    Raises
    ------
    SpatialInputError
        E230 a share or a dose, E501 results without placebos, E533 fewer than 19 draws.

    Notes
    -----
    Fisher's randomisation test of no effect on anyone: exact where any unit could have adopted at any of the dates.
    It needs no clusters to be many.

    Examples
    --------
    >>> import shapefiles, spatial as sp
    >>> castle = shapefiles.load_panel("castle")
    >>> fit = sp.did("log(homicide) ~ post", castle, entity="state", time="year", method="twfe")
    >>> 0.1 < sp.placebo_units(fit, draws=199).p_value < 0.3
    True
    """
    if not isinstance(draws, int | np.integer) or draws < 19:
        raise SpatialInputError("E533", f"draws={draws!r} must be 19 or more: fewer cannot reach p = .05",
                                hint="draws=999")
    rng = np.random.default_rng(seed)
    if isinstance(result, SpatialDiD):
        names, actual, drawn = _spatial(result, draws, rng)
    elif isinstance(result, DiD) and "rings" not in result.settings:
        if not is_switch(result.sample.D):
            raise SpatialInputError("E230", f"{result.treatment!r} must be 0 or 1: a dose has no dates to assign",
                                    column=result.treatment,
                                    hint="give a treatment that is 0 or 1")  # fmt: skip
        if result.settings["method"] == "switchers" or comes_and_goes(result.sample.D):
            raise SpatialInputError("E501", f"{result.treatment!r} comes and goes: it has no single date to assign",
                                    column=result.treatment,
                                    hint="the path before the first change is a placebo")  # fmt: skip
        if result.sample.dose is not None:
            raise SpatialInputError("E533", "placebo_units has no effects by dose", hint="placebos of the same model "
                                    "without dose=")  # fmt: skip
        if result.settings["method"] == "group_time" and result.settings["weights"]:
            raise SpatialInputError("E540", "placebo_units of group-time effects is not there with weights",
                                    hint="method='imputation', or placebos of the same model without weights")
        if not dates_can_move(result):
            raise SpatialInputError("E533", "placebo_units of two-way fixed effects with covariates or weights is not "
                                    "there with anticipation=", hint="method='imputation'")  # fmt: skip
        names, actual = [result.table["term"].iloc[0]], np.array([result.att])
        first = rng.permuted(np.tile(result.sample.first, (draws, 1)), axis=1)
        drawn = _under_dates(result, first)
    else:
        raise SpatialInputError("E501", "placebos are there for did and spatial_did",
                                hint="sp.placebo_units(sp.did(...))")
    there = np.isfinite(drawn)
    extreme = (np.abs(np.where(there, drawn, 0)) >= np.abs(actual) * (1 - 1e-12)) & there
    table = pd.DataFrame({"term": names, "estimate": actual,
                          "p_value": (1 + extreme.sum(axis=0)) / (1 + there.sum(axis=0)),
                          "placebo_mean": np.nanmean(drawn, axis=0), "placebo_sd": np.nanstd(drawn, axis=0),
                          "draws": there.sum(axis=0)})  # fmt: skip
    return made_from(PlaceboUnits(table, drawn, seed, result.treatment, result.response), result)


def _under_dates(result: DiD, first: np.ndarray) -> np.ndarray:
    """The estimate under every row of dates, (draws, 1)."""
    drawn, done = np.full((len(first), 1), np.nan), 0
    try:
        for start in over(range(0, len(first), AT_ONCE), "placebos"):
            block = slice(start, start + AT_ONCE)
            drawn[block, 0] = under_dates(result, first[block], result.sample.y)
            done = start + AT_ONCE
    except KeyboardInterrupt:
        if not done:
            raise
    return drawn


def placebo_time(result: DiD, *, shifts: Sequence[int] = (1, 2, 3)) -> pd.DataFrame:
    """Pretend that every adopter began so many periods earlier, on the periods before adoption alone.

    Parameters
    ----------
    result : DiD
        By imputation or two-way fixed effects.
    shifts : sequence of int
        Periods; effects of policies that had not begun should be zero.

    Returns
    -------
    DataFrame in the common schema, one row per shift

    Raises
    ------
    SpatialInputError
        E533 for shifts that leave an adopter without earlier periods, or results by group-time effects, whose path
        before adoption is this placebo.
    """
    if not isinstance(result, DiD) or result.settings["method"] in ("group_time", "switchers") or (
            not is_switch(result.sample.D) or comes_and_goes(result.sample.D)):  # fmt: skip
        raise SpatialInputError("E533", "placebos in time are there for did by imputation or two-way fixed effects",
                                hint="the path before adoption is the same idea")  # fmt: skip
    s, shifts = result.sample, [int(k) for k in shifts]
    earliest = int(s.start.min())
    if not shifts or min(shifts) < 1 or max(shifts) >= earliest:
        raise SpatialInputError("E533", f"shifts={shifts} must lie between 1 and {earliest - 1}: the first to adopt "
                                f"have {earliest} periods before",
                                hint="choose fewer shifts")  # fmt: skip
    placebos = [_shifted(result, k) for k in shifts]
    estimates, errors, df = (np.array([getattr(one, name)[0] for one in placebos])
                             for name in ("estimates", "std_errors", "df"))  # fmt: skip
    return rows(estimates, errors, level=result.settings["level"], df=df,
                term=[f"adoption {k} period{'s' * (k > 1)} earlier" for k in shifts])  # fmt: skip


def _shifted(result: DiD, k: int):
    s = result.sample
    T, untreated = len(s.times), s.untouched
    pretended = (np.arange(T)[:, None] >= s.start - k) & (s.first < T) & untreated
    if result.settings["method"] == "twfe":
        return twfe.att(s, pretended.astype(float), untreated)
    moved = s.adopting(np.where(s.first < T, s.first - k, s.first))
    mass = s.mass * untreated
    mass = mass * ~unseen_before(mass, ~moved.untouched)  # of a panel with gaps
    moved, weights = replace(moved, mass=mass), pretended * mass
    return imputation.effects(moved, (weights / weights.sum())[None])


def _spatial(result: SpatialDiD, draws, rng):
    fit = result.fit
    D = fit._design.X[:, :, fit._design.names.index(result.treatment)]
    if not is_switch(D):
        raise SpatialInputError("E230", f"{result.treatment!r} must be 0 or 1: a dose has no dates to assign",
                                column=result.treatment,
                                hint="give a treatment that is 0 or 1")  # fmt: skip
    order = rng.permuted(np.tile(np.arange(D.shape[1]), (draws, 1)), axis=1)
    dealt = np.moveaxis(D[:, order], 1, 0)
    refits = refit(fit, x={result.treatment: dealt}, effects=True)
    at = refits.variables.index(result.treatment)
    actual = fit.effects(method="delta").estimates[:2, at]
    return ["direct", "indirect"], actual, refits.responses[:, :2, at]
