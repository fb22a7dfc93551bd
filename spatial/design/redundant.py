"""Dummies of categories that other regressors or the fixed effects span: they are left out, and a note says so.

Real regressors that are spanned are errors (``checks``): the reader must know which of them is meant.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover.errors import SHOWN

from .checks import COLLINEAR
from .design import Design
from .fixed_effects import FixedEffects
from .missing import MissingDesign
from .sample import regressor_columns


def without_redundant_dummies(d: Design, effects: FixedEffects) -> Design:
    """The design without dummies, and without lags of dummies, that say nothing new beside the effects."""
    own = d.encoding.dummies if d.encoding is not None else frozenset()
    if not own.intersection(d.names):
        return d
    plain = replace(d, durbin=())
    gone = _spanned(plain, effects, own)
    if gone and len(gone) < len(d.regressors):
        keep = [j for j, name in enumerate(d.names) if name not in gone]
        place = {old: new for new, old in enumerate(keep)}
        d = replace(d, X=d.X[:, :, keep], names=tuple(d.names[j] for j in keep),
                    durbin=tuple(place[j] for j in d.durbin if j in place))  # fmt: skip
    else:
        gone = []
    lags = {power + name for name in own for power in ("W:", "W2:")} if d.durbin else set()
    spanned = _spanned(d, effects, lags) if lags else []
    twice = {name.partition(":")[2] for name in spanned}
    d = replace(d, durbin=tuple(j for j in d.durbin if d.names[j] not in twice))
    gone = [*gone, *(f"W:{name}" for name in d.names if name in twice)]
    if not gone:
        return d
    more = f" and {len(gone) - SHOWN} more" * (len(gone) > SHOWN)
    return replace(d, notes=(*d.notes, f"spanned by other regressors or the effects, and left out: "
                                       f"{', '.join(gone[:SHOWN])}{more}"))  # fmt: skip


def _spanned(d: Design, effects: FixedEffects, dummies) -> list[str]:
    """Names of the dummies, in order, that the columns before them span; all other columns come first."""
    X, names = regressor_columns(d, effects)
    before = np.linalg.norm(d.rows(X), axis=0)
    columns = d.rows_within(X, effects) if isinstance(d, MissingDesign) else d.rows(d.within(X, effects))
    within = columns / np.where(before > 0, before, 1)
    rest = [j for j, name in enumerate(names) if name not in dummies]
    U, size, _ = np.linalg.svd(within[:, rest], full_matrices=False) if rest else (np.zeros((len(within), 0)), [], None)
    basis = np.zeros((len(within), len(names)))
    k = int(np.sum(np.asarray(size) > COLLINEAR))
    basis[:, :k] = U[:, :k]
    gone = []
    for j in [j for j, name in enumerate(names) if name in dummies]:
        left = within[:, j]
        for _ in range(2):
            left = left - basis[:, :k] @ (basis[:, :k].T @ left)
        length = np.linalg.norm(left)
        if length <= COLLINEAR:
            gone.append(names[j])
        else:
            basis[:, k], k = left / length, k + 1
    return gone
