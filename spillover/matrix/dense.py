"""How large a dense array of all pairs may be."""

from __future__ import annotations

from spillover.errors import SpatialInputError

DENSE_LIMIT = 2 * 2**30  # bytes of one n x n array that we are willing to make


def refuse_dense(n: int, *, sparse_way: str, bytes_per_pair: int = 8) -> None:
    """E309 when an n x n array would pass the limit; says how large and what to do instead."""
    need = bytes_per_pair * n * n
    if need > DENSE_LIMIT:
        raise SpatialInputError(
            "E309", f"weights between all pairs of {n:,} units need {need / 2**30:.1f} GiB "
            f"(limit {DENSE_LIMIT / 2**30:.0f} GiB)", n=n, hint=f"stay sparse: {sparse_way}")
