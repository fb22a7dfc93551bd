"""Doses of a treatment: which column, and the functions of the dose that effects are estimated as.

    spline   ATT(d) = sum_k beta_k B_k(d), B-splines with knots at quantiles of the treated units' doses
    bins     ATT(d) = beta_k for doses d in bin k; slopes are differences between neighboring bins by that of their mean
             doses, the first against the comparison

Source: Callaway, Goodman-Bacon & Sant'Anna (2024, Difference-in-differences with a continuous treatment, NBER working
paper 32117).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError, check_option
from spillover.values import counted

from ..design.design import Design
from .treatment import is_switch

BASES = ("spline", "bins")
DECILES = np.arange(0.1, 0.95, 0.1)
SAME = 1e-9  # of the doses' range


@dataclass(frozen=True, eq=False)
class Dose:
    """How much of a treatment units take, for ``sp.did(..., dose=)``.

    Parameters
    ----------
    column : str
        A column of the data: positive where a unit is treated, and the same in all its treated periods. Other rows are
        not read.
    basis : {"spline", "bins"}
        Effects as a smooth function of the dose, or one effect for each bin of doses.
    degree, knots : int
        Of the spline; its ``knots`` lie inside, at quantiles of the doses. Without, it is a polynomial.
    bins : int or sequence of float
        So many bins with about as many treated units each, doses themselves where they are fewer; or the doses that
        divide them.
    at : sequence of float, optional
        Doses of the curve by a spline; the deciles of the treated units' by default.

    Raises
    ------
    SpatialInputError
        E501 an unknown basis; E533 numbers out of range.

    Examples
    --------
    >>> Dose("share", degree=2).basis
    'spline'
    """

    column: str
    basis: str = field(default="spline", kw_only=True)
    degree: int = field(default=3, kw_only=True)
    knots: int = field(default=0, kw_only=True)
    bins: int | Sequence[float] = field(default=4, kw_only=True)
    at: Sequence[float] | None = field(default=None, kw_only=True)

    def __post_init__(self):
        check_option("basis", self.basis, BASES)
        whole = [value for value in (self.degree, self.knots) if isinstance(value, int | np.integer)]
        if len(whole) < 2 or self.degree < 1 or self.knots < 0:
            raise SpatialInputError("E533", f"degree={self.degree!r}, knots={self.knots!r} must be whole numbers, at "
                                    "least 1 and 0", hint="degree=3, knots=0")  # fmt: skip
        if np.ndim(self.bins) == 0 and not (isinstance(self.bins, int | np.integer) and self.bins >= 2):
            raise SpatialInputError("E533", f"bins={self.bins!r} must be a whole number of at least 2, or doses that "
                                    "divide bins", hint="bins=4, or bins=[10, 20]")  # fmt: skip


    @property
    def label(self) -> str:
        """The functions in words."""
        if self.basis == "bins":
            return "bins of doses"
        if self.knots:
            return f"B-splines of degree {self.degree}, {self.knots} knots"
        return f"polynomial of degree {self.degree}"


@dataclass(frozen=True, eq=False)
class Basis:
    """Functions of the dose, the constant among what they span.

    Attributes
    ----------
    at : ndarray, shape (m,)
        Doses of the curve.
    lowest : ndarray of bool, shape (N,)
        Units with the lowest dose, or in the lowest bin.
    of_units : ndarray, shape (N, K)
        psi(d_i).
    levels, slopes : ndarray, shape (m, K)
        ATT(d) = levels beta - the comparison; ACRT(d) = slopes beta - ``against`` times the comparison.
    against : ndarray, shape (m,)
    unit_slopes : ndarray, shape (N, K);  unit_against : ndarray, shape (N,)
        The same at each unit's dose.
    covers : bool
        Whether an effect is there between the lowest and the highest dose of a cohort only.
    """

    at: np.ndarray
    lowest: np.ndarray
    of_units: np.ndarray
    levels: np.ndarray
    slopes: np.ndarray
    against: np.ndarray
    unit_slopes: np.ndarray
    unit_against: np.ndarray
    covers: bool


def read_basis(dose: Dose, d: np.ndarray, treated: np.ndarray, from_lowest: bool) -> Basis:
    """Of the doses d (N,) of the treated units; with ``from_lowest`` those with the lowest dose are the comparison.

    Raises
    ------
    SpatialInputError
        E533 doses of the curve outside those of the data, bins that hold nobody.
    """
    d = np.where(treated, d, d[treated].min())
    return _bins(dose, d, treated, from_lowest) if dose.basis == "bins" else _spline(dose, d, treated, from_lowest)


def _refuse_one_dose(dose: Dose, taken: np.ndarray) -> np.ndarray:
    """The doses that are taken, each once; E533 where all are the same: then no effect depends on the dose."""
    values = np.unique(taken)
    if np.ptp(values) <= SAME * abs(values[-1]):
        raise SpatialInputError("E533", f"all treated units have the same dose, {values[0]:g}: effects by dose need "
                                "two", column=dose.column, hint="leave dose= out")  # fmt: skip
    return values


def _spline(dose: Dose, d, treated, from_lowest: bool) -> Basis:
    from scipy.interpolate import BSpline

    near = SAME * np.ptp(d)
    _refuse_one_dose(dose, d[treated])
    lowest = treated & (d <= d.min() + near)
    own = d[treated & ~lowest] if from_lowest else d[treated]
    low, high = own.min(), own.max()
    at = np.quantile(own, DECILES) if dose.at is None else np.asarray(dose.at, dtype=float).ravel()
    at = np.unique(at)
    if not len(at) or not (low - near <= at.min() and at.max() <= high + near):
        raise SpatialInputError("E533", f"at={dose.at!r} must lie between {low:g} and {high:g}, the lowest and the "
                                "highest dose", column=dose.column, hint="leave at= out for deciles")  # fmt: skip
    inner = np.quantile(own, np.linspace(0, 1, dose.knots + 2)[1:-1])
    knots = np.r_[[low] * (dose.degree + 1), inner, [high] * (dose.degree + 1)]
    if low == high or (np.diff(np.r_[low, inner, high]) <= 0).any():
        raise SpatialInputError("E533", f"knots={dose.knots} at quantiles fall on the same doses: too many units have "
                                "them", column=dose.column, hint='fewer knots, or basis="bins"')  # fmt: skip
    spline = BSpline(knots, np.eye(len(knots) - dose.degree - 1), dose.degree)
    slope = spline.derivative()
    inside, points = np.clip(d, low, high), np.clip(at, low, high)
    none = np.zeros(len(d))
    return Basis(at, lowest, spline(inside), spline(points), slope(points), np.zeros(len(at)), slope(inside), none,
                 True)  # fmt: skip


def _bins(dose: Dose, d, treated, from_lowest: bool) -> Basis:
    values = _refuse_one_dose(dose, d[treated])
    if np.ndim(dose.bins) == 0:
        n = int(dose.bins)  # type: ignore[arg-type]
        cuts = values[1:] if len(values) <= n else np.unique(np.quantile(d[treated], np.linspace(0, 1, n + 1)[1:-1]))
        cuts = cuts[cuts > values[0]]
    else:
        cuts = np.unique(np.asarray(dose.bins, dtype=float))
    code = np.searchsorted(cuts, d, side="right")
    sizes = np.bincount(code[treated], minlength=len(cuts) + 1)
    if len(cuts) == 0 or (sizes == 0).any():
        raise SpatialInputError("E533", f"bins={dose.bins!r}: no treated unit in bin {int(sizes.argmin()) + 1}",
                                column=dose.column, hint="bins=2 has about as many units in each")  # fmt: skip
    at = np.bincount(code[treated], d[treated]) / sizes
    lowest = treated & (code == 0)
    K, first = len(at), int(from_lowest)
    steps = np.diff(np.r_[0.0, at])
    slopes, against = (np.eye(K) - np.eye(K, k=-1)) / steps[:, None], np.zeros(K)
    against[first] = 1 / steps[first]
    keep, eye = slice(first, None), np.eye(K)
    return Basis(at[keep], lowest, eye[code][:, keep], eye[keep, keep], slopes[keep, keep],
                 against[keep], slopes[code][:, keep], against[code], False)  # fmt: skip


def unit_doses(d: Design, D: np.ndarray, column: str, treatment: str) -> np.ndarray:
    """The dose of every unit (N,), zero where it is never treated, from its rows with a treatment of 1.

    Raises
    ------
    SpatialInputError
        E201 missing or not a number, E230 a treatment that is not 0 or 1, E236 changes within a unit, E502 no such
        column, E230 doses that are not positive.
    """
    if column not in d.frame.columns:
        raise SpatialInputError("E502", f"{column!r} is no column of the data", column=str(column),
                                hint="name a column of the data")
    if not is_switch(D):
        raise SpatialInputError("E230", f"{treatment!r} must be 0 or 1 beside dose={column!r}", column=treatment,
                                hint=f"a treatment that is 1 where {column} is taken")
    values = pd.to_numeric(d.frame[column], errors="coerce").to_numpy(dtype=float)[d.order]
    at = (D > 0) if d.observed is None else (D > 0) & d.observed
    bad = (at & ~np.isfinite(values)).any(axis=0)
    if bad.any():
        raise SpatialInputError("E201", f"{column!r} has missing values, or no numbers, where {treatment} is 1",
                                column=column, ids=list(d.ids[bad]), hint="fill them, or leave these units out")
    low, high = np.where(at, values, np.inf).min(axis=0), np.where(at, values, -np.inf).max(axis=0)
    there = at.any(axis=0)
    bad = there & (high - low > 1e-12 * np.maximum(np.abs(high), 1e-300))
    if bad.any():
        raise SpatialInputError("E236", f"{column!r} changes over time in {counted(bad.sum(), 'treated unit')}; a dose "
                                "must be fixed", column=column, ids=list(d.ids[bad]),
                                hint="each unit's first, or its mean")  # fmt: skip
    bad = there & (low <= 0)
    if bad.any():
        raise SpatialInputError("E230", f"{column!r} must be positive where {treatment} is 1", column=column,
                                ids=list(d.ids[bad]), hint=f"{treatment} = 0 for units without a dose")  # fmt: skip
    return np.where(there, low, 0.0)
