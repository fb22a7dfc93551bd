"""Building weights: ours and libpysal's in one process, by turns, after both gave the same links.

    python benchmarks/weights.py                                    # under two minutes
    python benchmarks/weights.py --cells 1000000 --points 1000000 --rounds 3

Times are medians of rounds in seconds; "first" is the very first call, which loads or compiles what it needs. "cpu" is
the ratio of processor times (of all threads together), which a busy machine disturbs less. "MiB" is how far our memory
rose above what was held before, against the size of the result and of the coordinates ("held"). Lines "a / b" set a
against a floor b that no implementation can pass, so their ratios are below 1.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import statistics
import sys
import threading
import time
import warnings
from functools import partial

sys.path.pop(0)  # this folder, where "weights" would be this very file

import numpy as np
import pandas as pd

import weights as wt

warnings.filterwarnings("ignore")


def main():
    args = options()
    print(f"{'work':<51}{'ours':>9}{'first':>9}{'peer':>9}{'ratio':>8}{'cpu':>8}{'MiB':>8}{'held':>8}")
    for name, ours, peer, size in cases(args):
        if args.only and args.only not in name:
            continue
        report(name, ours, peer, size, args.rounds)


def report(name, ours, peer, size, rounds):
    """One line: agreement first, then times by turns."""
    start = time.perf_counter()
    mine = ours()
    first = time.perf_counter() - start
    theirs = peer()
    agree(mine, theirs, name)
    held = result_size(mine) + size
    del mine, theirs
    times = [(*timed(ours), *timed(peer)) for _ in range(rounds)]
    a, a_cpu, b, b_cpu = (statistics.median(t) for t in zip(*times))
    rise, held = memory_rise(ours) / 2**20, held / 2**20
    print(f"{name:<51}{a:>9.4f}{first:>9.3f}{b:>9.3f}{b / a:>7.3g}x{b_cpu / a_cpu:>7.3g}x{rise:>8.0f}"
          f"{held:>8.0f}", flush=True)


def agree(mine, theirs, name):
    """Same links, same weights (to 1e-9); libpysal Graphs are converted first."""
    if hasattr(theirs, "adjacency"):
        theirs = theirs.sparse
    if isinstance(theirs, np.ndarray) and theirs.shape == (mine.n, mine.n):
        for block in range(0, mine.n, 500):
            rows = mine.csr[block : block + 500].toarray()
            np.testing.assert_allclose(rows, theirs[block : block + 500], rtol=1e-12, err_msg=name)
        return
    if isinstance(theirs, np.ndarray):
        return  # a floor, not a peer
    gap = abs(mine.csr - theirs)
    if gap.nnz and gap.max() > 1e-9:
        raise SystemExit(f"{name}: the links differ ({(gap > 1e-9).nnz} of {mine.nnz})")


def cases(args):
    """(name, ours, peer, bytes of input counted with the result)."""
    counties = us_counties() if args.counties else None
    if counties is not None:
        yield from contiguity("US counties", counties, peer=True)
    for n in args.cells:
        yield from contiguity(f"{n:,} cells", voronoi(n), peer=n <= args.largest_peer)
    if args.bricks:
        yield from contiguity(f"{args.bricks**2:,} bricks", bricks(args.bricks), peer=True, strict=True)
        yield from contiguity(f"{args.bricks**2:,} squares, mixed", quadtree(args.bricks**2), peer=True, strict=True)
    for n in args.points:
        for kind in ("uniform", "clustered"):
            yield from distances(f"{n:,} {kind} points", cloud(n, kind), band=kind == "uniform")
    x = np.random.default_rng(0).lognormal(size=args.economies)
    name = f"economic, {len(x):,} units"
    yield f"{name}, all pairs", lambda: wt.economic(pd.Series(x)), lambda: outer(x), 0
    yield f"{name}, all pairs / touching its memory", lambda: wt.economic(pd.Series(x)), lambda: touched(len(x)), 0
    yield f"{name}, 10 most alike", lambda: wt.economic(pd.Series(x), k=10), lambda: largest_of_outer(x, 10), 0


def contiguity(name, frame, *, peer, strict=False):
    """``strict`` for maps whose polygons do not share their vertices: libpysal then asks GEOS."""
    import shapely
    from libpysal.graph import Graph

    shapes = np.asarray(frame.geometry.array)
    size = int(shapely.get_num_coordinates(shapes).sum()) * 16
    if peer:
        for rook, build in ((False, wt.queen), (True, wt.rook)):
            yield (f"{build.__name__}, {name}", partial(build, frame),
                   partial(Graph.build_contiguity, frame, rook=rook, strict=strict), size)
    yield f"queen, {name} / get_coordinates", lambda: wt.queen(frame), lambda: shapely.get_coordinates(shapes), size


def distances(name, points, *, band):
    import geopandas as gpd
    from libpysal.graph import Graph

    frame, planar = gpd.GeoSeries.from_xy(*points.T), {"metric": "planar"}
    yield (f"knn 6, {name}", lambda: wt.knn(points, 6, **planar), lambda: Graph.build_knn(frame, 6), points.nbytes)
    if band:
        cutoff = float(np.sqrt(10 / (np.pi * len(points))))
        yield (f"band of 10 links, {name}", lambda: wt.distance_band(points, cutoff, **planar),
               lambda: Graph.build_distance_band(frame, cutoff), points.nbytes)


def outer(x):
    """The numpy line that papers use."""
    d = np.abs(x[:, None] - x[None, :])
    np.fill_diagonal(d, np.inf)
    return 1.0 / d


def touched(n):
    """The memory of a CSR matrix of all pairs, each page of it written once."""
    held = np.empty(12 * n * (n - 1), np.uint8)
    held[:: os.sysconf("SC_PAGESIZE")] = 0
    return held


def largest_of_outer(x, k):
    from scipy import sparse

    w = outer(x)
    top = np.argpartition(w, -k, axis=1)[:, -k:]
    rows = np.repeat(np.arange(len(x)), k)
    return sparse.csr_array((w[rows, top.ravel()], (rows, top.ravel())), shape=w.shape)


def us_counties():
    try:
        import shapefiles

        return shapefiles.load("us_counties")
    except Exception:
        print("(US counties are not shipped here: left out)")
        return None


def voronoi(n):
    import geopandas as gpd
    import shapely

    points = shapely.multipoints(np.random.default_rng(1).random((n, 2)))
    return gpd.GeoDataFrame(geometry=shapely.get_parts(shapely.voronoi_polygons(points)))


def bricks(n):
    """n rows of n bricks, every other row moved by half a brick."""
    import geopandas as gpd
    import shapely

    x, y = (a.ravel() for a in np.meshgrid(np.arange(float(n)), np.arange(float(n))))
    x += 0.5 * (y % 2)
    return gpd.GeoDataFrame(geometry=shapely.box(x, y, x + 1, y + 1))


def quadtree(n):
    """About n squares of unlike sizes: squares chosen at random are cut in four, again and again."""
    import geopandas as gpd
    import shapely

    rng, squares = np.random.default_rng(3), np.array([[0.0, 0.0, 2.0**20]])
    while len(squares) < n - 3:
        cut = rng.permutation(len(squares))[: max(1, min((n - len(squares)) // 3, len(squares) // 3))]
        x, y, half = squares[cut].T / [[1], [1], [2]]
        quarters = [np.column_stack([x + a * half, y + b * half, half]) for a in (0, 1) for b in (0, 1)]
        squares = np.vstack([np.delete(squares, cut, axis=0), *quarters])
    x, y, side = squares.T
    return gpd.GeoDataFrame(geometry=shapely.box(x, y, x + side, y + side))


def cloud(n, kind):
    rng = np.random.default_rng(2)
    if kind == "uniform":
        return rng.random((n, 2))
    return rng.random((200, 2))[rng.integers(0, 200, n)] + 0.005 * rng.normal(size=(n, 2))


def result_size(w):
    return w.csr.data.nbytes + w.csr.indices.nbytes + w.csr.indptr.nbytes if isinstance(w, wt.SpatialWeights) else 0


def timed(work):
    """Seconds on the clock and on the processor."""
    gc.collect()
    clock, processor = time.perf_counter(), time.process_time()
    result = work()
    elapsed = time.perf_counter() - clock, time.process_time() - processor
    del result
    return elapsed


def memory_rise(work):
    """Peak resident memory during the work, above the level before, sampled each millisecond."""
    import ctypes

    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # give freed memory back first, or its reuse would not show
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    before, peak, done = resident(), [0], threading.Event()

    def watch():
        while not done.wait(0.001):
            peak[0] = max(peak[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return max(peak[0] - before, 0)


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="*", default=[100_000], help="numbers of Voronoi cells")
    parser.add_argument("--counties", action=argparse.BooleanOptionalAction, default=True, help="time US counties")
    parser.add_argument("--bricks", type=int, default=316, help="rows of a brick wall, whose vertices are not shared")
    parser.add_argument("--points", type=int, nargs="*", default=[100_000], help="numbers of points")
    parser.add_argument("--economies", type=int, default=10_000)
    parser.add_argument("--largest-peer", type=int, default=1_000_000, help="above, only the floor is timed for cells")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="run the lines that hold this text")
    return parser.parse_args()


if __name__ == "__main__":
    main()
