"""W over different units, compared on their common units (``common=True``)."""

from __future__ import annotations

import pandas as pd

from spillover.errors import SHOWN, SpatialInputError
from spillover.matrix import as_weights


def on_common_units(named: dict, data: pd.DataFrame, entity: str | None):
    """(weights, data, what was done) on the units that all weights and the data share.

    Raises
    ------
    SpatialInputError
        E512 fewer than two units in common, or weights without ids; E308 a standardisation that cannot be repeated.
    """
    converted = {name: as_weights(w) for name, w in named.items()}
    for name, w in converted.items():
        if not w.labelled:
            raise SpatialInputError("E512", f"{name} has no ids, so its units cannot be matched with the others'",
                                    hint="make it with ids: wt.from_dense(matrix, ids=...)")
    units = _units(data, entity)
    shared = next(iter(converted.values())).ids
    for w in converted.values():
        shared = shared[shared.isin(w.ids)]
    shared = shared[shared.isin(units)]
    if len(shared) < 2:
        sizes = ", ".join(f"{name} {w.n}" for name, w in converted.items())
        raise SpatialInputError("E512", f"the weights have {len(shared)} units in common ({sizes})",
                                hint="spell the ids of all weights alike: w.ids shows them")
    out, everywhere = {}, set(units)
    for name, w in converted.items():
        everywhere |= set(w.ids)
        out[name] = w if w.n == len(shared) else w.subset_at(w.ids.get_indexer(shared))
    gone = sorted(str(unit) for unit in everywhere - set(shared))
    note = f"compared on {len(shared)} common units; left out: {', '.join(gone[:SHOWN])}{' ...' * (len(gone) > SHOWN)}"
    return out, data[units.isin(shared)], note if gone else f"all {len(shared)} units are common"


def _units(data: pd.DataFrame, entity: str | None) -> pd.Index:
    """The unit of every row."""
    if entity is not None and entity in data.columns:
        return pd.Index(data[entity])
    return data.index.get_level_values(0)
