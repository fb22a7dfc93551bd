"""Which owners have an item in common: polygons and their vertices, or their edges.

An item is a pair of integers, compared exactly. Short work sorts; long work is compiled.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from .._threads import THREADS
from . import loops as _loops

COMPILED_FROM = 400_000  # items; below, sorting is faster than loading compiled code
ODD = np.uint64(0x9E3779B97F4A7C15)  # products with it mix bits upwards
HAND = 65_536  # items dealt into bins at a time: they are still in the cache when they are
BIN = 16_384  # items to a bin, so that it can be searched within the cache
ROWS = 12  # bins of pairs hold 2**ROWS rows
MOST_PAIRS = 100_000_000  # found at a time; so many mean that polygons repeat


@dataclass(frozen=True)
class Unmatched:
    """Items that no second owner matches.

    Attributes
    ----------
    items : array, shape (k, 2), uint64
    owner : array, shape (q,)
        Who has one of them (an owner of several may be repeated).
    """

    items: np.ndarray
    owner: np.ndarray


def pattern(read, begin: np.ndarray) -> tuple[sparse.csr_array, Unmatched]:
    """Who has an item in common with whom (ones, without diagonal, canonical), and which items are unmatched.

    ``read(a, b)`` gives the items of owners a to b, (begin[b] - begin[a], 2) uint64, and their signatures, uint32: long
    work reads them by the piece. An item is unmatched where the exclusive or of all its signatures is not zero.
    """
    n = len(begin) - 1
    if begin[-1] >= COMPILED_FROM:
        indptr, indices, unmatched = _met_in_bins(read, begin)
    else:
        items, sign = read(0, n)
        one, two, _, unmatched = _met(items, begin, sign)
        short = np.dtype(np.int32 if n * n < 2**31 else np.int64)  # half the bits sort in half the time
        key = np.sort(one.astype(short) * n + two)
        key = key[np.append(True, key[1:] != key[:-1])] if len(key) else key
        indptr, indices = _rows(np.sort(np.concatenate([key, key % n * n + key // n])), n)
    out = sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(n, n))
    out.has_sorted_indices = out.has_canonical_format = True
    return out, unmatched


def shared_length(items: np.ndarray, begin: np.ndarray, length: np.ndarray) -> tuple[sparse.csr_array, Unmatched]:
    """Sum of the lengths of common items, for each pair; and the items that occur an odd number of times."""
    n = len(begin) - 1
    one, two, item, unmatched = _met(items, begin, np.ones(len(items), np.uint32))
    half = sparse.coo_array((length[item], (one, two)), shape=(n, n)).tocsr()
    return sparse.csr_array(half + half.T), unmatched


def numbered(items: np.ndarray) -> np.ndarray:
    """A number for each item, the same for equal ones, shape (m,)."""
    if len(items) >= COMPILED_FROM:
        from .._kernels import numbered

        return numbered(items)
    order, new = grouped(items)
    out = np.empty(len(items), np.int32)
    out[order] = np.cumsum(new, dtype=np.int32) - 1
    return out


def positions(items: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """A number from 0 for each item that is wanted, the same for equal ones, shape (m,) int32; -1 for the others."""
    if _loops.compiled(len(wanted)):
        from .._kernels import positions

        return positions(items, wanted)
    number = numbered(np.concatenate([items, wanted]))
    is_wanted = np.zeros(int(number.max(initial=-1)) + 1, bool)
    is_wanted[number[len(items) :]] = True
    return np.where(is_wanted, np.cumsum(is_wanted, dtype=np.int32) - 1, -1)[number[: len(items)]].astype(np.int32)


def _met_in_bins(read, begin) -> tuple[np.ndarray, np.ndarray, Unmatched]:
    """CSR of the pattern, in four steps, each within the cache; and what is unmatched."""
    from .bins import mirrored

    n = len(begin) - 1
    parts: list[np.ndarray] = []
    rest: list[np.ndarray] = []
    owner: list[np.ndarray] = []
    held = 0
    with ThreadPoolExecutor(THREADS) as pool:
        for pair, items, of in _meetings(pool, *_dealt(read, begin, pool)):
            parts, held, rest, owner = [*parts, pair], held + len(pair), [*rest, items], [*owner, of]
            if held > max(2 * begin[-1], COMPILED_FROM):  # the same pairs meet again and again: keep one of each
                higher, count = _distinct(parts, n, pool)
                lower = np.repeat(np.arange(n, dtype=np.int32), count)
                parts, held = [np.column_stack([lower, higher])], 0
        higher, count = _distinct(parts, n, pool)
    if 2 * len(higher) >= 2**31:
        raise SpatialInputError("E309", f"{2 * len(higher):,} links are too many to hold", n=2 * len(higher),
                                hint="do polygons repeat? See wt.audit(map)")
    return *mirrored(higher, count), Unmatched(np.concatenate(rest), np.concatenate(owner))


def _dealt(read, begin, pool):
    """Step 1: items and owners into bins, a hand at a time; row h of ``bounds`` says where those of hand h lie."""
    from .bins import deal

    m, n = int(begin[-1]), len(begin) - 1
    cuts = np.unique(np.searchsorted(begin, np.append(np.arange(0, m, HAND), m)).clip(max=n)).tolist()
    bins = 2 << (m // BIN).bit_length()
    shift = np.uint64(64 - (bins.bit_length() - 1))
    item, signs, owner = np.empty((m, 2), np.uint64), np.empty(m, np.uint32), np.empty(m, np.int32)
    bounds, dealing, begun = np.empty((len(cuts) - 1, bins + 1), np.int64), None, threading.Event()

    def dealt(*hand):
        begun.set()
        return deal(*hand)

    for hand, (a, b) in enumerate(pairwise(cuts)):
        items, sign = read(a, b)  # while the hand before is dealt
        at = dealing.result() if dealing else 0
        begun.clear()
        dealing = pool.submit(dealt, items, sign, begin[a : b + 1] - begin[a], a, at, shift, item, signs, owner,
                              bounds[hand])
        begun.wait()  # shapely reads without letting others in: a hand that had not begun would wait for it
    if dealing is not None:
        dealing.result()
    return item, signs, owner, bounds


def _meetings(pool, item, signs, owner, bounds):
    """Step 2: pairs that meet in a bin, and the unmatched items there with their owners, some bins at a time."""
    from .bins import meetings

    shares = list(pairwise(_shares(bounds.shape[1] - 1, 8 * THREADS)))
    for some in (shares[a : a + THREADS] for a in range(0, len(shares), THREADS)):
        for pair, wanted, *rest in pool.map(lambda x: meetings(item, signs, owner, bounds, *x, MOST_PAIRS), some):
            if wanted > MOST_PAIRS:
                raise SpatialInputError("E309", "so many polygons lie on top of each other, or meet at one point, "
                                        "that there are too many pairs of them", n=int(wanted),
                                        hint="keep one polygon per unit; see wt.audit(map)")
            yield pair, *rest


def _distinct(parts, n, pool):
    """Step 3: the different pairs, in bins of rows; step 4, the other direction, is one pass over them."""
    from .bins import deal_pairs, distinct

    bins = (n >> ROWS) + 1
    dealt = np.empty((sum(map(len, parts)), 2), np.int32)
    bounds = np.empty((len(parts), bins + 1), np.int64)
    at = np.cumsum([0, *map(len, parts)])
    list(pool.map(lambda hand: deal_pairs(parts[hand], ROWS, at[hand], dealt, bounds[hand]), range(len(parts))))
    parts.clear()
    shares = pool.map(lambda x: distinct(dealt, bounds, ROWS, *x, n), pairwise(_shares(bins, THREADS)))
    return tuple(np.concatenate(x) for x in zip(*shares, strict=True))


def _shares(n: int, parts: int) -> list[int]:
    """Where ``parts`` about equal parts of n begin and end."""
    return np.linspace(0, n, parts + 1).astype(np.int64).tolist()


def _met(items, begin, sign) -> tuple[np.ndarray, np.ndarray, np.ndarray, Unmatched]:
    """Each meeting of two owners at an item: lower, higher, position of the item (a pair may meet often).

    Beside them the unmatched items.
    """
    order, new = grouped(items)
    owner = np.repeat(np.arange(len(begin) - 1, dtype=np.int32), np.diff(begin))
    first, second = pairs_within(order, new)
    one, two = owner[first], owner[second]
    other = one != two
    starts = np.flatnonzero(new)
    total = np.bitwise_xor.reduceat(sign[order], starts) if len(starts) else sign
    rest = order[np.repeat(total != 0, np.diff(np.append(starts, len(items))))]
    return one[other], two[other], first[other], Unmatched(items[order[starts[total != 0]]], owner[rest])


def pairs_within(order: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (first, second) of every pair of equal items, from :func:`grouped`."""
    parts, step, here = [(order[:0], order[:0])], 1, np.flatnonzero(~new)
    while len(here):  # members of a group with another `step` before them
        parts.append((order[here - step], order[here]))
        here = here[~new[here - step]]
        step += 1
    first, second = (np.concatenate(x) for x in zip(*parts, strict=True))
    return first, second


def grouped(items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An order that brings equal items together, each group by position, and which items begin a group.

    Numbers sort faster than positions by numbers, so one number holds both: an item mixed down to its leading bits,
    and in the last bits its position.
    """
    position = np.arange(len(items), dtype=np.uint64)
    last = np.uint64((1 << len(items).bit_length()) - 1)
    key = items[:, 0] * ODD
    key ^= key >> np.uint64(32)
    key += items[:, 1]
    key *= ODD
    key &= ~last
    key |= position
    key.sort()
    order = (key & last).astype(np.intp)
    new = np.ones(len(items), bool)
    np.greater(key[1:] ^ key[:-1], last, out=new[1:])
    a, b = items.take(order, axis=0).T
    if ((a[1:] != a[:-1]) | (b[1:] != b[:-1]))[~new[1:]].any():
        order = np.lexsort(items.T)  # unlike items mixed alike: rare, but possible
        new[1:] = (items[order][1:] != items[order][:-1]).any(axis=1)
    return order, new


def grouped_numbers(x: np.ndarray, below: int) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`grouped`, of whole numbers from 0 to ``below``, which come out sorted."""
    bits = len(x).bit_length()
    if int(below).bit_length() + bits > 64:
        order = np.argsort(x, kind="stable")
    else:
        key = x.astype(np.uint64)
        key <<= np.uint64(bits)
        key |= np.arange(len(x), dtype=np.uint64)
        key.sort()
        order = (key & np.uint64((1 << bits) - 1)).astype(np.intp)
    new = np.ones(len(x), bool)
    np.not_equal(x[order[1:]], x[order[:-1]], out=new[1:])
    return order, new


def _rows(key: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """CSR of sorted keys focal * n + neighbor."""
    indptr = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(key // n, minlength=n), out=indptr[1:])
    return indptr, (key % n).astype(np.int32)
