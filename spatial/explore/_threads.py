"""Work shared among threads: parts write to their own place, so the number of threads changes no bit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise


def share_out(work, size: int, *, worth_threads: bool = True) -> None:
    """Call ``work(part)`` for slices that make up range(size), one per thread that numba may use.

    The kernels let go of the interpreter, so Python's threads are enough; unlike numba's own they do not spin
    while others finish, which matters on a busy machine.
    """
    import numba

    threads = min(numba.get_num_threads(), size) if worth_threads else 1
    bounds = [size * k // threads for k in range(threads + 1)]
    parts = [slice(a, b) for a, b in pairwise(bounds)]
    if threads == 1:
        work(parts[0])
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, parts))
