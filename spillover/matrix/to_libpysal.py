"""Weights as libpysal's objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from .weights import SpatialWeights


def to_graph(w: SpatialWeights):
    """See :meth:`SpatialWeights.to_graph`."""
    from libpysal.graph import Graph

    table = w.to_frame()
    alone = pd.DataFrame({"focal": w.islands, "neighbor": w.islands, "weight": 0.0})  # how Graph writes isolates
    table = pd.concat([table, alone]) if len(alone) else table
    order = w.ids.get_indexer(pd.Index(table["focal"]))
    table = table.iloc[np.argsort(order, kind="stable")]
    return Graph.from_arrays(table["focal"].to_numpy(), table["neighbor"].to_numpy(), table["weight"].to_numpy())


def to_W(w: SpatialWeights):
    """See :meth:`SpatialWeights.to_W`."""
    from libpysal.weights import W

    names = w.ids.tolist()
    cut = w.csr.indptr[1:-1]
    neighbors = dict(zip(names, ([names[j] for j in row] for row in np.split(w.csr.indices, cut)), strict=True))
    values = dict(zip(names, (row.tolist() for row in np.split(w.csr.data, cut)), strict=True))
    return W(neighbors, values, id_order=names, silence_warnings=True)
