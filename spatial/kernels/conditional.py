"""Compiled loop of the local statistics: every site's simulated lags against the observed one."""

from __future__ import annotations

import numpy as np

from spillover.accelerate import njit

TILE = 64  # draws side by side; a constant, so that the inner loops become vector instructions


def tiles(moved):
    """(depth, permutations) as (tiles, depth, TILE); the last tile is padded with NaN, which is never counted."""
    depth, permutations = moved.shape
    padded = np.full((depth, -(-permutations // TILE) * TILE), np.nan)
    padded[:, :permutations] = moved
    return np.ascontiguousarray(padded.reshape(depth, -1, TILE).transpose(1, 0, 2))


@njit
def count(moved, indptr, data, own_start, own_column, own_place, own_value, low, high, above, below):
    """Add to each site's counts how many lags are >= low and <= high.

    moved: (tiles, depth, TILE), the values drawn; a site with d neighbors uses the first d of the depth, and the next
    where it meets itself: at own_place in permutation own_column, entries own_start[site] to own_start[site + 1].
    indptr, data: weights of these sites, data of the whole map; the others: (sites,).
    """
    lag = np.empty(TILE)
    for site in range(low.size):
        start, end = indptr[site], indptr[site + 1]
        own = own_start[site]
        many, few = 0, 0
        for tile in range(moved.shape[0]):
            for p in range(TILE):
                lag[p] = moved[tile, 0, p] * 0.0  # zero, and NaN where padded
            for at in range(start, end):
                w = data[at]
                for p in range(TILE):
                    lag[p] += w * moved[tile, at - start, p]
            while own < own_start[site + 1] and own_column[own] < (tile + 1) * TILE:
                p = own_column[own] - tile * TILE
                lag[p] += data[start + own_place[own]] * (moved[tile, end - start, p] - own_value[site])
                own += 1
            for p in range(TILE):
                many += lag[p] >= low[site]
                few += lag[p] <= high[site]
        above[site] += many
        below[site] += few
