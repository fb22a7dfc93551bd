"""Outcomes that are not observed: the design over all units, and which rows have y.

The process runs on the whole W: a unit whose y is missing keeps its links and its regressors. The frame is read with a
stand-in for every missing y, so that terms, categories and periods are those of any other frame; then y is NaN there.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pandas as pd

from spillover.errors import SpatialInputError

from .absorbed import Absorbed
from .bases import BASES
from .behind_bar import keys_behind_bar, with_columns_of_ways
from .design import Design
from .fixed_effects import FixedEffects
from .formula import read_formula, with_all_columns
from .read import design
from .specification import Specification
from .unbalanced import Gaps

FITTED = {"center", "scale", "lag", "lead", *BASES}  # what a stand-in for x would change in other rows


@dataclass(frozen=True, eq=False)
class MissingDesign(Design):
    """A design whose y is NaN where it is not observed; X and W are those of all units.

    Attributes
    ----------
    seen : ndarray of bool, shape (T, N)
        Where y is observed.
    """

    seen: np.ndarray = field(kw_only=True, repr=False)

    @property
    def nobs(self) -> int:
        return int(self.seen.sum())

    def left(self, effects: FixedEffects) -> int:
        """Observations that are left once the fixed effects are taken out."""
        if effects.ways is not None:
            return self.nobs - self.of_seen(effects).ways.rank  # type: ignore[union-attr]
        there = self.seen[:, self.seen.any(axis=0)] if effects.entity else self.seen
        return self.nobs - (Gaps(there, effects).rank if effects.fixed else 0)

    @property
    def divisible(self) -> bool:
        return False

    @property
    def root(self) -> np.ndarray:
        """1 in all rows, observed or not: averages are over all units."""
        return np.ones(self.y.size)

    def within(self, values: np.ndarray, effects: FixedEffects, *, first: int = 0) -> np.ndarray:
        """Refused with fixed effects: E325. They leave what is observed by contrasts (``solve.missing_problem``)."""
        if effects.fixed:
            raise not_with_missing("what takes unit and period means of y")
        return values

    def rows_within(self, values: np.ndarray, effects: FixedEffects) -> np.ndarray:
        """Rows with y of a (T, N, ...) array, effects out."""
        if effects.ways is not None:
            return self.of_seen(effects).demean(values)[self.seen]
        return (Gaps(self.seen, effects).demean(values) if effects.fixed else values)[self.seen]

    def of_seen(self, effects: FixedEffects) -> FixedEffects:
        """The effects with their ways over the rows with y alone."""
        if effects.ways is None or effects.ways.observed is self.seen:
            return effects
        kept = {id(way): way.of_rows(self.seen.ravel()) for way in (*effects.ways.ways, *effects.ways.own)}
        ways, own = ([kept[id(way)] for way in some] for some in (effects.ways.ways, effects.ways.own))
        return replace(effects, ways=Absorbed(ways, self.seen.shape, self.seen, own))


def not_with_missing(what: str) -> SpatialInputError:
    """E325."""
    return SpatialInputError("E325", f"{what} is not there for a model with outcomes that are not observed",
                             hint="missing='drop' estimates the model without these units, missing='period' a panel "
                             "without these rows")


def missing_design(
    formula: str, data: pd.DataFrame, w, specification: Specification, *, entity=None, time=None
) -> Design:  # fmt: skip
    """Align a formula's columns with all units of W.

    Returns
    -------
    MissingDesign, or a Design where nothing is missing

    Raises
    ------
    SpatialInputError
        E201 regressors that are missing where the model needs them, E206 nothing observed; else as ``design``.
    """
    if not isinstance(data, pd.DataFrame) or not data.columns.is_unique:
        return design(formula, data, w, entity=entity, time=time, lagged=False)
    text = with_all_columns(formula, data, entity, time)
    terms = read_formula(text, data.columns if data.columns.nlevels == 1 else tuple(data.columns))
    columns = with_columns_of_ways(terms, keys_behind_bar(terms, data, entity, time)).columns
    right = {c for factor in terms.right_factors for c in factor.columns}
    left = [c for c in columns if c in {c for factor in terms.left for c in factor.columns} and c not in right]
    no_y = data[left].isna().to_numpy().any(axis=1)
    others = [c for c in columns if c not in left]
    absent = data[others].isna()
    no_x = absent.to_numpy().any(axis=1)
    if no_x.any():
        _refuse_missing_x(absent, specification, terms.functions)
    hidden = np.asarray(no_y | no_x)
    if not hidden.any():
        with _rows_for_all_units():
            return design(formula, data, w, entity=entity, time=time, lagged=False)
    if hidden.all():
        raise SpatialInputError("E206", f"no row has {terms.response!r} and its regressors",
                                hint="check how the data were read and joined")
    filled = data.copy()
    for column in [*left, *(c for c in others if absent[c].any())]:
        filled[column] = data[column].where(data[column].notna(), data[column][~hidden].iloc[0])
    with _rows_for_all_units():
        d = design(formula, filled, w, entity=entity, time=time, lagged=False)
    seen = ~hidden[d.order]
    y = np.where(seen, d.y, np.nan)
    own = {one.name: getattr(d, one.name) for one in fields(Design)}
    count = int((~seen).sum())
    note = (f"{count:,} of {seen.size:,} outcomes are not observed: the process runs on all units, and the likelihood "
            "is that of the observed ones")  # fmt: skip
    return MissingDesign(**own | {"y": y, "frame": data.copy(deep=False), "notes": (*d.notes, note)}, seen=seen)


@contextmanager
def _rows_for_all_units():
    """Errors about units and periods without a row, with the cure that keeps them in the process."""
    try:
        yield
    except SpatialInputError as error:
        if error.code in ("E101", "E104"):
            error.hint = "give each of them a row with its regressors and an empty y: the process runs on all units"
        raise


def _refuse_missing_x(absent: pd.DataFrame, specification: Specification, functions) -> None:
    """E201 where a regressor that is missing has a part in what is observed elsewhere."""
    counts = absent.sum()
    counted = ", ".join(f"{name!r} {count}" for name, count in counts[counts > 0].items())
    rows = list(absent.index[absent.any(axis=1)])
    if specification.lag or specification.durbin:
        why = "y of every unit depends on X of all others"
    elif functions & FITTED:
        why = f"{', '.join(sorted(functions & FITTED))} is computed from all rows"
    else:
        return
    raise SpatialInputError(
        "E201", f"missing='model' allows for missing y, but regressors are missing too: {counted}; {why}",
        column=str(counts.idxmax()), rows=rows,
        hint="fill these regressors, or leave their units out with missing='drop'",
    )  # fmt: skip
