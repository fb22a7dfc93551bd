"""Many small jobs: in a loop, in processes of this machine, or on a cluster; the same results in the same order.

Jobs are done some at a time: ``work(shared, jobs)`` is a list of results. ``shared`` (data and weights) is sent once
to each process; results do not depend on the process, the order, or the other jobs.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

from spillover.errors import SpatialInputError

CHUNKS_PER_WORKER = 8  # small chunks: a slow one delays the end little
LARGEST_CHUNK = 64  # jobs that are lost at most when a worker dies
WATCH = 0.5  # seconds between two looks of a worker at its parent
ATTEMPTS = 5  # to run a chunk whose worker died


class Sized:
    """An iterator with a length, so that a progress bar can estimate the time left."""

    def __init__(self, items: Iterator, length: int):
        self.items, self.length = items, length

    def __iter__(self):
        return iter(self.items)

    def __len__(self) -> int:
        return self.length


def run(
    jobs: list,
    work: Callable,
    shared,
    *,
    n_jobs: int = 1,
    client=None,
    progress: Callable | None = None,
    done: dict | None = None,
    keep: Callable | None = None,
    at_once: int = 1,
) -> tuple[dict, bool]:
    """Results by the jobs' positions, and whether all of them are there: Ctrl-C returns the results so far.

    Parameters
    ----------
    jobs : list
    work : function of (shared, list of jobs), which can be imported by workers; the results, in order
    shared : object
    n_jobs, client
        Processes of this machine; or a ``dask.distributed.Client``.
    progress : callable, optional
        Wraps the iteration over results.
    done : dict, optional
        Results that an earlier run left.
    keep : callable of (position, result), optional
        Called with every result as it arrives.
    at_once : int
        Jobs that are done together where there is one process.

    Raises
    ------
    SpatialInputError
        E501 no number of processes or no client, E515 when joblib is not installed.
    """
    if not isinstance(n_jobs, int) or n_jobs == 0:
        raise SpatialInputError("E501", f"n_jobs={n_jobs!r} must be a number of processes, or -1 for all cores",
                                hint="n_jobs=2 takes two processes")
    if client is not None and not hasattr(client, "submit"):
        raise SpatialInputError("E501", f"client={client!r} is no dask.distributed.Client",
                                hint="client=distributed.Client()")
    results = dict(done or {})
    left = [i for i in range(len(jobs)) if i not in results]
    chunks = _chunks(left, _workers(n_jobs, client))
    if client is not None:
        stream = _on_cluster(client, chunks, jobs, work, shared)
    elif n_jobs != 1 and len(chunks) > 1:
        stream = _in_processes(n_jobs, chunks, jobs, work, shared)
    else:
        stream = _here(left, jobs, work, shared, at_once)

    def arrivals():
        yield from stream

    try:
        for position, result in progress(Sized(arrivals(), len(left))) if progress else arrivals():
            results[position] = result
            if keep:
                keep(position, result)
    except KeyboardInterrupt:
        return dict(sorted(results.items())), False
    finally:
        stream.close()
    return dict(sorted(results.items())), True


def _chunks(left: list[int], workers: int) -> list[list[int]]:
    size = min(LARGEST_CHUNK, max(1, -(-len(left) // (workers * CHUNKS_PER_WORKER))))
    return [left[i : i + size] for i in range(0, len(left), size)]


def _workers(n_jobs, client) -> int:
    if client is not None:
        return max(1, len(client.scheduler_info()["workers"]))
    if n_jobs == 1:
        return 1
    return max(1, _joblib().effective_n_jobs(n_jobs))


def _joblib():
    try:
        import joblib
    except ImportError as error:
        raise SpatialInputError("E515", "n_jobs= needs joblib, which is not installed",
                                hint="pip install 'spillover[parallel]', or leave n_jobs=1") from error  # fmt: skip
    return joblib


def _here(left, jobs, work, shared, at_once) -> Generator:
    for start in range(0, len(left), at_once):
        chunk = left[start : start + at_once]
        yield from zip(chunk, work(shared, [jobs[i] for i in chunk]))


def _in_processes(n_jobs, chunks, jobs, work, shared) -> Generator:
    """joblib sends ``shared`` with every chunk, large arrays as shared memory; under ``parallel_config("dask")``
    it goes to the cluster."""
    joblib = _joblib()
    pool = joblib.Parallel(n_jobs=n_jobs, return_as="generator", backend=_watched(joblib))
    calls = (joblib.delayed(work)(shared, [jobs[i] for i in chunk]) for chunk in chunks)
    stream = pool(calls)
    try:
        for chunk, answers in zip(chunks, stream):
            yield from zip(chunk, answers)
    finally:
        stream.close()


def _watched(joblib):
    """joblib's processes, made to end with this one; None where another backend is chosen by ``parallel_config``."""
    if type(joblib.parallel.get_active_backend()[0]) is not joblib.parallel.LokyBackend:
        return None

    backend: Any = joblib.parallel.LokyBackend

    class Watched(backend):
        def configure(self, *args, **options):
            return super().configure(*args, initializer=_end_with, initargs=(os.getpid(),), **options)

    return Watched()


def _end_with(parent: int) -> None:
    """Watch, in a new process, for the end of the one that started it: killed, that can tell nobody."""

    def watch():
        while os.getppid() == parent:  # an orphan has another parent
            time.sleep(WATCH)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent").start()


def _on_cluster(client, chunks, jobs, work, shared) -> Generator:
    """``shared`` is scattered once; chunks of a worker that died run again elsewhere."""
    from distributed import as_completed

    waiting = dict.fromkeys(range(len(chunks)), 0)
    futures = {}
    try:
        while waiting:
            everywhere = client.scatter(shared, broadcast=True, hash=False)
            futures = {client.submit(work, everywhere, [jobs[i] for i in chunks[n]], pure=False): n for n in waiting}
            for future in as_completed(list(futures)):
                n = futures[future]
                error = future.exception() if future.status == "error" else None
                if future.status == "finished":
                    del waiting[n]
                    yield from zip(chunks[n], future.result())
                    continue
                waiting[n] += 1
                if waiting[n] >= ATTEMPTS or not (error is None or type(error).__name__ in LOST):
                    raise error or RuntimeError(f"the cluster lost the same jobs {ATTEMPTS} times")
    finally:
        client.cancel(list(futures))


LOST = ("KilledWorker", "CancelledError", "FutureCancelledError", "FuturesCancelledError", "CommClosedError")
