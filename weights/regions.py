"""Weights without geometry: units of one region, cells of a lattice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from spillover import labels as _labels
from spillover.errors import SpatialInputError, check_option
from spillover.frames import takes_frames
from spillover.ids import positions
from spillover.matrix.assemble import assemble, from_csr
from spillover.matrix.dense import DENSE_LIMIT
from spillover.matrix.weights import SpatialWeights

if TYPE_CHECKING:
    from spillover.types import Groups, Ids, Places


@takes_frames
def block(data: Places, region: Groups | None = None, *, ids: Ids | None = None) -> SpatialWeights:
    """Units of the same region are neighbors; every weight is 1 (Case 1992).

    Parameters
    ----------
    data : DataFrame, or Series of regions by id
    region : str, or Series of regions by id
        Where ``data`` is a DataFrame: its column of regions, or the regions of its units.
    ids : str or sequence, optional

    Raises
    ------
    SpatialInputError
        E101 regions of other units, E201 a unit without region, E309 regions too large, E502.

    Examples
    --------
    >>> block(pd.Series({"a": "north", "b": "south", "c": "north"})).to_frame()
      focal neighbor  weight
    0     a        c     1.0
    1     c        a     1.0
    """
    if isinstance(data, pd.Series):
        column, index = data, _labels.unit_index(data.index)
    elif isinstance(region, pd.Series):
        index = _labels.frame_ids(data, ids)
        column = region.iloc[positions(region.index, index, what="region")]
    else:
        column, index = _labels.column_of(data, region), _labels.frame_ids(data, ids)
    label = str(column.name or "region")
    codes, names = pd.factorize(column)
    if (codes < 0).any():
        raise SpatialInputError("E201", "every unit needs a region, but some are missing", column=label,
                                ids=index[codes < 0].tolist(), n=int((codes < 0).sum()),
                                hint="give those units a region, or leave them out")
    links = int((np.bincount(codes).astype(np.int64) ** 2).sum())
    if 12 * links > DENSE_LIMIT:
        raise SpatialInputError("E309", f"the regions are so large that they hold {links:,} links", n=links,
                                hint="use smaller regions")
    member = sparse.csr_array((np.ones(len(codes)), (np.arange(len(codes)), codes)), shape=(len(codes), len(names)))
    same = (member @ member.T).tocoo()
    off = same.coords[0] != same.coords[1]
    return assemble(same.coords[0][off], same.coords[1][off], 1.0, index,
                    f"same {label} ({len(names)} regions)")


def lattice(rows: int, columns: int, *, rule: str = "rook", mask: np.ndarray | None = None) -> SpatialWeights:
    """Cells of a grid or raster that share an edge ("rook"), a corner ("bishop") or either ("queen").

    Parameters
    ----------
    rows, columns : int
    rule : {"rook", "queen", "bishop"}
    mask : bool array, shape (rows, columns), optional
        Cells that take part (a raster without its no-data cells).

    Raises
    ------
    SpatialInputError
        E105 a mask of another shape, E309 more cells than can be held, E501.

    Returns
    -------
    SpatialWeights
        Ids are cell numbers, row * columns + column: ``array.ravel()[w.ids]`` are the cells' values.

    Examples
    --------
    >>> lattice(2, 2).to_dense()
         0    1    2    3
    0  0.0  1.0  1.0  0.0
    1  1.0  0.0  0.0  1.0
    2  1.0  0.0  0.0  1.0
    3  0.0  1.0  1.0  0.0
    """
    check_option("rule", rule, ("rook", "queen", "bishop"))
    for name, value in (("rows", rows), ("columns", columns)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise SpatialInputError("E501", f"{name}={value!r} should be a whole number of at least 1",
                                    hint="e.g. wt.lattice(10, 20)")
    if 100 * int(rows) * int(columns) > 4 * DENSE_LIMIT:
        raise SpatialInputError("E309", f"a lattice of {rows:,} x {columns:,} cells is too large to hold",
                                n=int(rows) * int(columns), hint="use coarser cells, or a part of the raster")
    cell = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    edges = [(cell[:, :-1], cell[:, 1:]), (cell[:-1], cell[1:])]
    corners = [(cell[:-1, :-1], cell[1:, 1:]), (cell[:-1, 1:], cell[1:, :-1])]
    steps = {"rook": edges, "bishop": corners, "queen": edges + corners}[rule]
    a = np.concatenate([one.ravel() for one, _ in steps])
    b = np.concatenate([two.ravel() for _, two in steps])
    size = rows * columns
    csr = sparse.coo_array((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=(size, size)).tocsr()
    csr.sort_indices()
    w = from_csr(csr, pd.RangeIndex(size), f"{rule} on a {rows} x {columns} lattice")
    if mask is None:
        return w
    mask = np.asarray(mask, bool)
    if mask.shape != (rows, columns):
        raise SpatialInputError("E105", f"mask has shape {mask.shape}, the lattice ({rows}, {columns})",
                                hint="give one True or False per cell")
    return w.subset(np.flatnonzero(mask))
