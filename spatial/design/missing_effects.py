"""Fixed effects where some y is not observed: which are levels of y, and which are columns of the equation.

Effects of units are levels of y whatever rho is where W is the same in all periods, A mu; those of periods are where
rows of W, each with one rho, have one sum. Contrasts of the observed y are free of them. Other effects D, such as
``region^year``, are A^-1 D d of y, which turns with rho: their coefficients are estimated, and the score of rho is
corrected by its mean (``solve.missing_projection``).
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from .checks import COLLINEAR
from .dummies import DUMMIES_MAX
from .fixed_effects import UNIT_EFFECTS, FixedEffects
from .missing import MissingDesign
from .unbalanced import Gaps
from .ways import nested


def columns_of_equation(d: MissingDesign, effects: FixedEffects, turned: bool) -> tuple[bool, np.ndarray]:
    """Of ways behind ``|``: whether units are among them, and dummies (T N, q) of what the other ways add; of all ways
    where those of units are ``turned`` by W that vary.

    Parameters
    ----------
    effects : FixedEffects
        With ways over all rows, those without y too.

    Raises
    ------
    SpatialInputError
        E206 groups whose effects what is observed does not tell apart, E309 more than 800 effects besides units.
    """
    assert effects.ways is not None
    T, N = d.seen.shape
    unit = np.tile(np.arange(N), T)
    of_units = [way for way in effects.ways.ways if way.plain and nested(way.codes, unit) and nested(unit, way.codes)]
    of_units = [] if turned else of_units
    entity, others = bool(of_units) and T > 1, [way for way in effects.ways.projection.ways if way not in of_units]
    count = sum(way.rank for way in others)
    if count > DUMMIES_MAX:
        raise SpatialInputError("E309", f"effects of {effects} besides those of units, where outcomes are not "
                                f"observed, need dense matrices of all {count:,}, {DUMMIES_MAX} at most", n=count,
                                hint="missing='period', or fewer effects behind |")  # fmt: skip
    D = np.hstack([np.zeros((T * N, 0)), *(way.columns.toarray() for way in others)])
    D = D[:, np.einsum("ij,ij->j", D, D) > 0.5]  # slopes that a group does not have
    kept = _independent(UNIT_EFFECTS.demean(D.reshape(T, N, -1)).reshape(D.shape) if entity else D)
    D = D[:, kept]
    left = Gaps(d.seen, UNIT_EFFECTS).demean(D.reshape(T, N, -1))[d.seen] if entity else D[d.seen.ravel()]
    if len(_independent(left)) < len(kept):
        seen = d.seen.ravel()
        name = next((str(way) for way in others if len(np.unique(way.codes[seen])) < way.groups), effects.name)
        raise SpatialInputError("E206", f"what is observed does not tell the effects of {name} apart: some of its "
                                "groups have no y, or too few", column=effects.name,
                                hint="larger groups behind |, or missing='period'")  # fmt: skip
    return entity, D


def _independent(columns: np.ndarray) -> np.ndarray:
    """Places of columns that are no combinations of the others."""
    from scipy.linalg import qr

    if not columns.shape[1]:
        return np.zeros(0, dtype=int)
    R, order = qr(columns, mode="r", pivoting=True)
    size = np.abs(np.diag(R))
    return np.sort(order[: len(size)][size > COLLINEAR * max(size[0], 1.0)])
