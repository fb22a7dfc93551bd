"""Groups of units, or of periods, by the values of a column."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

CUTS = {"median": [0.5], "tercile": [1 / 3, 2 / 3]}
FEWEST = 5  # units or periods of a group


def classes(d, by: str, cut):
    """Codes of the units or of the periods, the groups' names, and which of the two they are."""
    if by not in d.frame.columns:
        raise SpatialInputError("E502", f"by={by!r} is no column of the data", column=str(by),
                                hint="name a column of the data")
    column = d.frame[by]
    if column.iloc[d.order.ravel()].isna().any():
        raise SpatialInputError("E201", f"{by!r} has missing values", column=by,
                                hint="fill them, or leave these rows out")
    values = column.to_numpy()[d.order]
    of_units, of_periods = (values == values[:1]).all(), (values == values[:, :1]).all()
    if cut is None and not (of_units or of_periods):
        raise SpatialInputError("E236", f"{by!r} is fixed neither for units nor for periods", column=by,
                                hint="cut='median' groups the units by their mean")  # fmt: skip
    axis = "periods" if of_periods and not of_units else "units"
    one = values[:, 0] if axis == "periods" else values[0]
    if cut is not None:
        one = one if axis == "periods" or values.dtype.kind not in "fiub" else values.mean(axis=0)
        codes, names = _cut(one, by, cut)
    else:
        codes, groups = pd.factorize(one, sort=True)
        names = [str(group) for group in groups]
    return codes, names, axis


def _cut(values, by, cut):
    if np.asarray(values).dtype.kind not in "fiub":
        raise SpatialInputError("E203", f"cut= needs a numeric column, {by!r} is none", column=by,
                                hint="leave cut= out: categories are groups already")
    if isinstance(cut, str) and cut not in CUTS:
        raise SpatialInputError("E501", f"cut={cut!r} is not known", hint="'median', 'tercile' or a list of numbers")
    at = np.quantile(values, CUTS[cut]) if isinstance(cut, str) else np.sort(np.asarray(cut, dtype=float))
    codes = np.searchsorted(at, values, side="left")
    if len(np.unique(codes)) != len(at) + 1:
        raise SpatialInputError("E533", f"cutting {by!r} at {np.round(at, 4).tolist()} leaves a class empty", column=by,
                                hint="choose other cut points")
    inner = [f"{lo:g} < {by} <= {hi:g}" for lo, hi in pairwise(at)]
    return codes, [f"{by} <= {at[0]:g}", *inner, f"{by} > {at[-1]:g}"]


def large_enough(codes, names, axis: str, by: str):
    """Codes with -1 for the members of groups that are too small, the other groups' names, and a note."""
    fewest = FEWEST if axis == "units" else 2
    sizes = np.bincount(codes, minlength=len(names))
    small = sizes < fewest
    kept = [name for name, out in zip(names, small) if not out]
    refuse_fewer_than_two(kept, by, f" of {fewest} {axis} or more")
    if not small.any():
        return codes, names, []
    text = ", ".join(f"{name} ({size})" for name, size, out in zip(names, sizes, small) if out)
    return consecutive(np.where(small[codes], -1, codes)), kept, [f"left out, fewer than {fewest} {axis}: {text}"]


def consecutive(codes: np.ndarray) -> np.ndarray:
    """0, 1 ... in the same order; -1 stays."""
    groups, new = np.unique(codes, return_inverse=True)
    return new - int(groups[0] < 0)


def refuse_fewer_than_two(groups, by: str, what: str = "") -> None:
    if len(groups) < 2:
        number = f"{len(groups)} group" + "s" * (len(groups) != 1)
        raise SpatialInputError("E732", f"{by!r} has {number}{what} to compare: two are needed", column=by,
                                hint="put small groups together, or cut elsewhere")  # fmt: skip
